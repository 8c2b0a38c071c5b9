"""Other runtimes give what torch gives, from a cache that is whole or not there, and without torch when they start."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

import stance
from stance import backends, modeling
from stance.backends import choose, converted, padded, resolve, token_batches
from stance.config import ModelConfig
from stance.errors import BrokenCheckpointError, InputError, MissingExtraError
from stance.modeling import StanceModel, load_tagger, new_tagger, save_tagger

TEXTS = ["We will talk.", "No.", "They will never sit down with us, " * 20, "The sea fell."] * 3


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("STANCE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.delenv("STANCE_BACKEND")
    return tmp_path / "cache"


def test_openvino_gives_the_probabilities_of_torch(tiny_model):
    torch_model, other = (StanceModel.from_pretrained(tiny_model, name) for name in ("torch", "openvino"))
    assert torch_model.backend == "torch float32" and other.backend.startswith("openvino ")
    expected = torch_model.predict_proba(TEXTS)
    assert np.abs(other.predict_proba(TEXTS) - expected).max() < 0.02
    assert other.predict(TEXTS)[2].truncated and not other.predict(TEXTS)[0].truncated
    # what needs the torch network loads it then
    assert other._network is None
    assert other.network.config.id2label == torch_model.network.config.id2label and other.tokenizer.pad_token == torch_model.tokenizer.pad_token
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        other.nonsense  # noqa: B018
    # a network that is set computes
    other.network = torch_model.network
    assert other.backend == "torch float32" and np.array_equal(other.predict_proba(TEXTS), expected)


def test_an_openvino_without_the_setting_for_flat_memory_computes_all_the_same(tiny_model, monkeypatch):
    expected = StanceModel.from_pretrained(tiny_model, "openvino").predict_proba(["we will talk"])
    monkeypatch.setattr(backends, "_FLAT_MEMORY", {"NO_SUCH_SETTING": "1"})
    assert (StanceModel.from_pretrained(tiny_model, "openvino").predict_proba(["we will talk"]) == expected).all()


def test_a_converted_model_travels_to_another_process(tiny_model):
    import pickle

    for backend in ("torch", "openvino"):
        model = StanceModel.from_pretrained(tiny_model, backend)
        there = pickle.loads(pickle.dumps(model))
        assert there.backend == model.backend and np.array_equal(there.predict_proba(TEXTS), model.predict_proba(TEXTS))


def test_what_was_converted_and_is_damaged_is_converted_again(tiny_model, cache, caplog):
    expected = StanceModel.from_pretrained(tiny_model, "openvino").predict_proba(TEXTS)
    (network,) = cache.glob("*/network.xml")
    network.write_text("<net", encoding="utf-8")
    assert np.array_equal(StanceModel.from_pretrained(tiny_model, "openvino").predict_proba(TEXTS), expected)
    assert "is converted again" in caplog.text


def test_a_cache_is_for_everybody_who_may_read_its_folder(tiny_model, cache):
    StanceModel.from_pretrained(tiny_model, "openvino")
    (home,) = cache.iterdir()
    mask = os.umask(0)
    os.umask(mask)
    assert home.stat().st_mode & 0o777 == 0o777 & ~mask


def test_a_cache_that_cannot_be_written_is_named(tiny_model, cache, monkeypatch, caplog):
    cache.write_text("a file", encoding="utf-8")
    assert StanceModel.from_pretrained(tiny_model, "auto").backend.startswith("torch")
    assert "set STANCE_CACHE to a folder that can be written" in caplog.text
    with pytest.raises(BrokenCheckpointError, match="set STANCE_CACHE"):
        StanceModel.from_pretrained(tiny_model, "openvino")


def test_a_tagger_in_openvino_finds_what_it_finds_in_torch(tiny_encoder, tmp_path):
    import torch

    torch.manual_seed(3)
    tagger = new_tagger(ModelConfig(encoder=str(tiny_encoder), max_length=20))
    torch.nn.init.normal_(tagger.network.classifier.weight, std=2.0)
    save_tagger(tagger, tmp_path / "tagger")
    texts = ['Ada said talks were near.\n\n"Talks were near," said Ada, "and we will come." No.', "one two three " * 30]
    plain, other = (load_tagger(tmp_path / "tagger", name) for name in ("torch", "openvino"))
    assert other.backend.startswith("openvino") and plain.backend.startswith("torch")
    with pytest.raises(InputError, match="cannot be saved"):
        save_tagger(other, tmp_path / "again")
    assert np.allclose(other.transitions, plain.transitions)
    for text in texts:
        scores = [t._scores(backends_windows(t, text))[0] for t in (plain, other)]
        assert max(np.abs(a - b).max() for a, b in zip(*scores, strict=True)) < 0.3  # both in bfloat16 where the processor has it
        assert all(a.content for a in other.attributions(text))


def backends_windows(tagger, text):
    from stance.quotes.tagger import windows, words

    return windows(text, words(text), tagger.reader, tagger.max_length, tagger.overlap)


def test_a_checkpoint_is_converted_once_and_again_when_it_changes(tiny_model, tmp_path, cache, monkeypatch):
    import shutil

    folder = tmp_path / "model"
    shutil.copytree(tiny_model, folder)
    made = []
    original = modeling._stance_conversion
    monkeypatch.setattr(modeling, "_stance_conversion", lambda *given: made.append(given) or original(*given))
    for _ in range(2):
        StanceModel.from_pretrained(folder, "openvino")
    assert len(made) == 1 and len(list(cache.iterdir())) == 1
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "note": "changed"}))
    StanceModel.from_pretrained(folder, "openvino")
    assert len(made) == 2 and len(list(cache.iterdir())) == 2


def test_what_fails_to_convert_leaves_nothing_behind_and_auto_goes_on_with_torch(tiny_model, cache, monkeypatch, caplog):
    def fail(*_):
        raise RuntimeError("an operation is not known")

    monkeypatch.setattr(backends, "_convert", fail)
    with pytest.raises(BrokenCheckpointError, match=r"cannot be converted for OpenVINO \(an operation is not known\)\. Use the backend torch\."):
        StanceModel.from_pretrained(tiny_model, "openvino")
    assert list(cache.iterdir()) == []
    model = StanceModel.from_pretrained(tiny_model, "auto")
    assert model.backend.startswith("torch") and "torch computes" in caplog.text


def test_which_backend_is_meant(monkeypatch):
    with pytest.raises(InputError, match=r"backend is 'tpu', expected one of auto, torch, openvino"):
        resolve("tpu")
    monkeypatch.setattr(backends, "_has_gpu", lambda: False)
    assert choose(resolve("auto")) == "openvino" and choose(resolve("torch")) == "torch"
    monkeypatch.setattr(backends, "_has_gpu", lambda: True)
    assert choose(resolve("auto")) == "torch" and choose(resolve("auto"), gpu=False) == "openvino"
    monkeypatch.setenv("STANCE_BACKEND", "openvino")
    assert choose(resolve("auto")) == "openvino" and choose(resolve("torch")) == "torch"
    monkeypatch.setattr(backends, "_is_installed", lambda: False)
    with pytest.raises(MissingExtraError, match="fast"):
        resolve("auto")
    monkeypatch.setenv("STANCE_BACKEND", "gpu")
    with pytest.raises(InputError, match="STANCE_BACKEND"):
        resolve("auto")


def test_torch_is_not_loaded_where_the_network_was_converted_before(tiny_model):
    StanceModel.from_pretrained(tiny_model, "openvino")
    code = f"""import sys, stance
print(stance.predict("we will talk", model={str(tiny_model)!r}).label)
print([name for name in ("torch", "transformers", "pandas", "sklearn", "scipy", "datasets") if name in sys.modules])"""
    env = {**os.environ, "STANCE_BACKEND": "openvino"}
    label, loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=env).stdout.splitlines()
    assert label in stance.LABELS and loaded == "[]"


def test_batches_hold_like_lengths_and_no_more_tokens_than_allowed():
    lengths = [5, 100, 7, 7, 3, 900, 20, 20]
    batches = token_batches(lengths, 100)
    assert sorted(row for batch in batches for row in batch) == list(range(8))
    assert all(len(batch) == 1 or max(lengths[i] for i in batch) * len(batch) <= 100 for batch in batches)
    assert batches[0] == [5] and batches[1] == [1]  # a long one costs itself alone
    assert token_batches([], 10) == []


def test_rows_are_filled_up_to_the_longest():
    found = padded([{"input_ids": [4, 5], "attention_mask": [1, 1]}, {"input_ids": [6], "attention_mask": [1]}], {"input_ids": 9})
    assert padded([{"input_ids": [4]}], {"input_ids": 9}, 2)["input_ids"].tolist() == [[4, 9]]
    assert found["input_ids"].tolist() == [[4, 5], [6, 9]] and found["attention_mask"].tolist() == [[1, 1], [1, 0]]


@pytest.mark.parametrize("n", [0, 1, 7, 8, 9, 20])
def test_windows_keep_the_order_and_what_came_before_a_failure_is_given(tiny_model, monkeypatch, n):
    monkeypatch.setattr(modeling, "_WINDOW", 4)
    model = stance.load(tiny_model)
    texts = [f"we will talk {i} " + "now " * (i % 5) for i in range(n)]
    one_by_one = [model.predict([text])[0] for text in texts]
    together = list(model.stream(iter(texts), batch_size=1))
    assert [p.label for p in together] == [p.label for p in one_by_one]
    assert np.allclose([p.confidence for p in together], [p.confidence for p in one_by_one], atol=0.01)
    given = []
    with pytest.raises(stance.EmptyTextError, match=rf"statement {n} holds no words"):
        for found in model.stream([*texts, " ", "more"]):
            given.append(found)
    assert len(given) == n


def test_converting_the_same_checkpoint_twice_at_once_keeps_one(tiny_model, cache, monkeypatch):
    def slow(made, folder):
        (folder / "facts.json").write_text("{}")
        home.mkdir(parents=True)
        (home / "facts.json").write_text('{"first": 1}')  # another process, in the meantime

    home = cache / backends._key(tiny_model)
    monkeypatch.setattr(backends, "_convert", slow)
    monkeypatch.setattr(backends, "OpenVinoRunner", lambda folder: folder)
    assert converted(tiny_model, lambda: None) == home
    assert json.loads((home / "facts.json").read_text()) == {"first": 1} and len(list(cache.iterdir())) == 1
