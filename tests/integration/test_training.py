"""Train, stop, resume, evaluate, predict: all on real files and a tiny network."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

import stance
from stance.config import load_config
from stance.corpora import read_examples
from stance.errors import ConfigError, InputError, ModelNotFoundError, SplitLeakError, UnknownLabelError
from stance.records import STATEMENT_SLOT
from stance.training import read_training

WEIGHTS = "model.safetensors"


@pytest.fixture
def config(tiny_encoder, toy_files, tmp_path):
    train, dev = toy_files
    return load_config(
        {
            "model": {"encoder": str(tiny_encoder), "max_length": 48, "dropout": 0.1},
            "data": {"train": str(train), "dev": str(dev)},
            "training": {"output": str(tmp_path / "run"), "epochs": 6, "batch_size": 4, "learning_rate": 0.01, "patience": 6, "threads": 1},
        }
    )


def test_it_learns_and_the_checkpoint_says_how(config, tmp_path):
    result = stance.train(config, progress=False)
    assert result.metrics["macro_f1"] > 0.6
    folder = tmp_path / "run"
    assert result.checkpoint == str(folder)
    assert stance.load(folder).predict(["we will talk"])[0].calibrated
    assert load_config(folder / "train_config.yaml") == config
    record = read_training(folder)
    assert record["labels"] == ["support", "oppose", "neutral"]
    assert record["data"]["train"]["n_examples"] == 24 and len(record["data"]["train"]["sha256"]) == 64
    assert record["metrics"]["dev"] == result.metrics
    assert "torch" in record["environment"]
    assert not (tmp_path / "run.partial").exists()


def test_the_dev_scores_in_the_checkpoint_are_those_that_evaluate_gives(config, toy_files):
    result = stance.train(config, progress=False)
    again = stance.evaluate(result.checkpoint, toy_files[1], baselines=False)
    assert again.metrics["macro_f1"] == result.metrics["macro_f1"]
    assert again.metrics["ece"] == pytest.approx(result.metrics["ece"])
    assert stance.load(result.checkpoint).calibration.confusion == result.metrics["confusion"]


def run(config, *flags):
    code = "import sys; from stance.cli import main; sys.exit(main(sys.argv[1:]))"
    return subprocess.Popen([sys.executable, "-c", code, "train", str(config), "--quiet", *flags], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


@pytest.mark.slow
def test_a_killed_run_resumes_to_the_very_same_weights(config, tmp_path):
    path = tmp_path / "c.yaml"
    whole = load_config(config, [f"training.output={tmp_path / 'whole'}", "training.epochs=9", "training.patience=9"])
    path.write_text(whole.to_yaml(), encoding="utf-8")
    assert run(path).wait() == 0
    killed = load_config(whole, [f"training.output={tmp_path / 'killed'}"])
    path.write_text(killed.to_yaml(), encoding="utf-8")
    partial = tmp_path / "killed.partial"
    kills = 0
    for step in (18, 36):  # a third and two thirds of 54 steps
        process = run(path, "--resume")
        while process.poll() is None and not (partial / f"checkpoint-{step}" / "trainer_state.json").exists():
            time.sleep(0.002)
        if process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)
            kills += 1
        process.wait()
        assert not (tmp_path / "killed").exists()
    assert kills == 2
    assert run(path, "--resume").wait() == 0
    assert (tmp_path / "killed" / WEIGHTS).read_bytes() == (tmp_path / "whole" / WEIGHTS).read_bytes()
    assert (tmp_path / "killed" / "calibration.json").read_bytes() == (tmp_path / "whole" / "calibration.json").read_bytes()


def test_a_half_written_state_is_passed_over(config, tmp_path):
    partial = tmp_path / "run.partial"
    (partial / "checkpoint-12").mkdir(parents=True)
    (partial / "checkpoint-12" / "trainer_state.json").write_text('{"epoch": ')
    (partial / "checkpoint-6").mkdir()
    (partial / "train_config.yaml").write_text(config.to_yaml(), encoding="utf-8")
    assert stance.train(config, resume=True, progress=False).metrics["macro_f1"] > 0.6


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(config, tmp_path):
    def weights(name, seed):
        stance.train(config, [f"training.output={tmp_path / name}", f"training.seed={seed}", "training.epochs=1"], progress=False)
        return (tmp_path / name / WEIGHTS).read_bytes()

    assert weights("a", 1) == weights("b", 1) != weights("c", 2)


def test_nothing_that_was_computed_is_lost_unasked(config, tmp_path):
    stance.train(config, ["training.epochs=1"], progress=False)
    with pytest.raises(InputError, match=r"run: exists already\. Pass --overwrite \(in Python: overwrite=True\), or another training\.output\.$"):
        stance.train(config, progress=False)
    stance.train(config, ["training.epochs=1"], overwrite=True, progress=False)
    partial = tmp_path / "new.partial"
    (partial / "checkpoint-6").mkdir(parents=True)
    (partial / "checkpoint-6" / "trainer_state.json").write_text("{}")
    new = load_config(config, [f"training.output={tmp_path / 'new'}"])
    (partial / "train_config.yaml").write_text(new.to_yaml(), encoding="utf-8")
    with pytest.raises(InputError, match=r"new\.partial: an unfinished run is there\. Pass --resume to go on with it, or --overwrite to start afresh\.$"):
        stance.train(new, progress=False)
    with pytest.raises(ConfigError, match=r"training\.seed: the run to resume has 13, this one 14\. Use the same, or --overwrite\.$"):
        stance.train(new, ["training.seed=14"], resume=True, progress=False)


def test_what_is_not_ours_is_never_replaced(config, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "diary.txt").write_text("dear diary")
    for flags in ({}, {"overwrite": True}, {"resume": True}):
        with pytest.raises(InputError, match=r"run: exists and is no checkpoint that stance\.train made\. Name another training\.output\.$"):
            stance.train(config, **flags)
    assert (tmp_path / "run" / "diary.txt").exists()
    with pytest.raises(InputError, match=r"^training\.output is '\.', expected a folder of its own, such as runs/mine\.$"):
        stance.train(config, ["training.output=."], overwrite=True)


class Stop(Exception):
    pass


def stop_after(monkeypatch, epochs):
    """Make the trainer die right after it has saved its state for the n-th time."""
    from transformers import Trainer

    save, saved = Trainer._save_checkpoint, []

    def dying(self, *args, **kwargs):
        save(self, *args, **kwargs)
        saved.append(1)
        if len(saved) == epochs:
            raise Stop

    monkeypatch.setattr(Trainer, "_save_checkpoint", dying)


def test_a_run_is_not_resumed_on_other_data(config, toy_files, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        stop_after(patch, 2)
        with pytest.raises(Stop):
            stance.train(config, progress=False)
    toy_files[0].write_text(toy_files[0].read_text().replace("rain fell", "rain drops"))
    with pytest.raises(InputError, match=r"train\.jsonl: the train data changed since the run to resume began\. Put it back, or --overwrite\.$"):
        stance.train(config, resume=True, progress=False)


def test_a_run_that_had_stopped_early_is_finished_and_not_trained_on(config, tmp_path, monkeypatch):
    early = load_config(config, ["training.patience=1", "training.learning_rate=1.0e-9", "training.epochs=9"])
    whole = stance.train(early, [f"training.output={tmp_path / 'whole'}"], progress=False)
    with monkeypatch.context() as patch:
        stop_after(patch, 2)  # the second epoch is no better, so early stopping has struck when its state is saved
        with pytest.raises(Stop):
            stance.train(early, progress=False)
    resumed = stance.train(early, resume=True, progress=False)
    assert resumed.best_epoch == whole.best_epoch == 1
    assert (tmp_path / "run" / WEIGHTS).read_bytes() == (tmp_path / "whole" / WEIGHTS).read_bytes()


def test_others_may_read_a_checkpoint(config, tmp_path):
    stance.train(config, ["training.epochs=1"], progress=False)
    umask = os.umask(0)
    os.umask(umask)
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "run").iterdir()} == {0o666 & ~umask}


def test_wrong_data_stops_before_any_work(config, toy_files, tmp_path):
    train, _dev = toy_files
    with pytest.raises(SplitLeakError, match=r"^train and dev share 4 matters"):
        stance.train(config, [f"data.dev={train}"])
    with pytest.raises(ModelNotFoundError, match=r"^no/such"):
        stance.train(config, ["model.encoder=no/such"])
    bad = tmp_path / "bad.csv"
    bad.write_text("text,label\nWe talk,Favour\n")
    with pytest.raises(UnknownLabelError, match=r"bad\.csv, line 2: found label 'Favour'"):
        stance.train(config, [f"data.train={bad}"])
    bad.write_text("text,label\nWe talk,support\nNo talk,oppose\n")
    with pytest.raises(InputError, match=r"bad\.csv: no training example is labelled neutral\. Each label needs some\.$"):
        stance.train(config, [f"data.train={bad}"])


def test_statements_shown_as_printed_do_not_hide_a_leak(config, toy_examples, tmp_path):
    path = tmp_path / "printed.jsonl"
    rows = [{"text": e.text, "label": e.label, "matter": f"m{i}", "context": f"In the hall they said that [...] at {i}."} for i, e in enumerate(toy_examples)]
    path.write_text("\n".join(json.dumps(row) for row in rows))
    other = tmp_path / "other.jsonl"
    other.write_text("\n".join(json.dumps({**row, "matter": "x" + row["matter"]}) for row in rows))
    with pytest.raises(SplitLeakError):
        stance.train(config, [f"data.train={path}", f"data.dev={other}", "data.as_printed=0.99"])


def test_dev_can_be_split_off_and_weights_halved(config, tmp_path):
    result = stance.train(config, ["data.dev=null", "data.dev_share=0.3", "training.epochs=1", "training.save_dtype=float16"], progress=False)
    assert read_training(result.checkpoint)["data"]["dev"]["n_examples"] >= 6
    from safetensors import safe_open

    with safe_open(tmp_path / "run" / WEIGHTS, framework="np") as file:
        assert {str(file.get_tensor(name).dtype) for name in file.keys()} == {"float16"}
    assert stance.predict("we talk", model=result.checkpoint).label


def test_a_finished_checkpoint_is_taught_further_and_kept_in_int8(config, tmp_path):
    teacher = stance.train(config, ["training.epochs=2"], progress=False)
    changes = [f"model.encoder={teacher.checkpoint}", f"distill.teachers=[{teacher.checkpoint}]", "training.save_dtype=int8"]
    result = stance.train(config, [*changes, f"training.output={tmp_path / 'small'}", "training.epochs=2"], progress=False)
    again = stance.evaluate(result.checkpoint, read_training(result.checkpoint)["data"]["dev"]["source"], n_errors=0)
    for name in ("macro_f1", "brier"):
        assert again.metrics[name] == pytest.approx(result.metrics[name], abs=1e-6)  # of the weights on disk, not of those before they were rounded


def test_a_student_learns_from_its_teacher_alone(config, tmp_path, monkeypatch):
    teacher = stance.train(config, progress=False)
    unlabelled = tmp_path / "unlabelled.jsonl"
    texts = [f"{text} {i}" for i in range(60, 72) for text in ("they will meet", "we refuse", "the sea fell")]
    unlabelled.write_text("".join(json.dumps({"id": f"u{i}", "text": text}) + "\n" for i, text in enumerate([*texts, texts[0]])), encoding="utf-8")
    settings = config.to_dict()
    settings["training"] |= {"output": str(tmp_path / "student"), "epochs": 4, "seed": 3}
    settings["distill"] = {"teachers": [teacher.checkpoint], "unlabelled": str(unlabelled), "weight": 1.0}
    asked, answer = [], stance.modeling.StanceModel.predict_proba
    monkeypatch.setattr(stance.modeling.StanceModel, "predict_proba", lambda self, rows: asked.append(len(rows)) or answer(self, rows))
    student = stance.train(settings, progress=False)
    monkeypatch.undo()
    assert asked == [24 + 36]  # the twice given text once
    assert read_training(student.checkpoint)["data"]["unlabelled"]["n_examples"] == 36
    ours, theirs = (stance.load(result.checkpoint).predict(texts) for result in (student, teacher))
    assert sum(a.label == b.label for a, b in zip(ours, theirs, strict=True)) >= 30


def test_what_is_taught_is_the_label_and_the_teacher_weighed(config, toy_files, tiny_model, tmp_path):
    import numpy as np

    from stance.tasks import StanceTask

    settings = load_config({**config.to_dict(), "distill": {"teachers": [str(tiny_model), str(tiny_model)], "weight": 0.25}})
    task = StanceTask(settings)
    taught = task._taught(tmp_path)
    gold = np.array([[float(e.label == label) for label in stance.LABELS] for e in task.train])
    assert taught == pytest.approx(0.75 * gold + 0.25 * stance.load(tiny_model).predict_proba(task.train), abs=0.01)
    np.save(tmp_path / "taught.npy", gold)  # kept from before the run was stopped: the teachers are not asked again
    assert task._taught(tmp_path) == pytest.approx(gold)


def test_toward_an_unrelated_target_the_label_counts_alone(config, tiny_model, tmp_path):
    from stance.tasks import StanceTask

    task = StanceTask(load_config({**config.to_dict(), "distill": {"teachers": [str(tiny_model)], "weight": 1.0}}, ["data.other_targets=0.9"]))
    taught = task._taught(tmp_path)
    swapped = [i for i, (shown, asked) in enumerate(zip(task.train, task.asked, strict=True)) if shown.label != asked.label]
    assert 3 <= len(swapped) <= 16 and all(task.train[i].label == "neutral" and task.train[i].target != "negotiations" for i in swapped)
    assert taught[swapped].tolist() == [[0, 0, 1]] * len(swapped)
    others = [i for i in range(len(taught)) if i not in swapped]
    assert taught[others] == pytest.approx(stance.load(tiny_model).predict_proba([task.asked[i] for i in others]), abs=0.01)
    rows = [stance.Example("yes", target="atheism", label="support")] * 50
    from stance.tasks import _under_other_targets

    assert _under_other_targets(rows, 0.9, 1) == rows  # what is about something else stays so


def test_what_the_teachers_said_outlives_a_run_that_was_stopped_in_its_first_epoch(config, tiny_model, tmp_path, monkeypatch):
    settings = load_config({**config.to_dict(), "distill": {"teachers": [str(tiny_model)]}})

    def stop(*args, **kwargs):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("stance.training._run", stop)
        with pytest.raises(KeyboardInterrupt):
            stance.train(settings, progress=False)
    kept = tmp_path / "run.partial" / "taught.npy"
    assert kept.exists()
    with monkeypatch.context() as patch:
        patch.setattr("stance.tasks.load", stop)  # nobody is asked again
        stance.train(settings, progress=False)
    assert not (tmp_path / "run.partial").exists()


def test_sentences_around_real_statements_are_taught_too_and_not_too_many_neutral_ones(config, tiny_model, tmp_path):
    import numpy as np

    from stance.tasks import StanceTask

    around = "was cut off. The two sides met again on Monday in the hall. Rain fell."
    after = "Nobody at the lake believed a word of it any more. And then"
    rows = [{"id": f"u{i}", "text": f"they will meet {i}", "before": around, "after": after} for i in range(3)]
    unlabelled = tmp_path / "unlabelled.jsonl"
    unlabelled.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    distill = {"teachers": [str(tiny_model)], "unlabelled": str(unlabelled), "neighbours": True}
    task = StanceTask(load_config({**config.to_dict(), "distill": distill}))
    bare = [example.text for example in task.train if example.label is None]
    # each sentence once, none of those that may be cut or that have fewer than seven words
    expected = ["The two sides met again on Monday in the hall.", "Nobody at the lake believed a word of it any more."]
    assert bare == [row["text"] for row in rows] + expected
    task.settings = load_config({**config.to_dict(), "distill": {**distill, "neutral_share": 0.5}})
    n_labelled = len(task.train) - len(bare)
    taught = np.array([[1.0, 0.0, 0.0]] * (n_labelled + 1) + [[0.0, 0.0, 1.0]] * 4)
    kept, examples = task._without_many_neutral(taught)
    assert len(kept) == len(examples) == n_labelled + 2  # the one that takes a side, and one of the four neutral
    assert [example.label for example in examples[-2:]] == [None, None] and kept[-1].argmax() == 2


def test_neighbours_out_of_the_same_article_are_not_held_out():
    from stance.tasks import _apart

    words = " ".join(f"w{i}" for i in range(30))
    learned = [stance.Example("we will talk", context=f"{words} [...] they said")]
    held = [stance.Example("they refuse", context=f"then {words[10:]} [...]"), stance.Example("they refuse", context="nobody knows why [...] they said")]
    assert _apart(held, learned) == held[1:]


def test_sentences_near_a_statement_of_dev_are_not_learned(tiny_model, config, toy_files, tmp_path):
    from stance.corpora import corpus_folder
    from stance.tasks import StanceTask

    said, short = "we shall sit down with them as soon as the ferries run and the prisoners are home", "we will not sign that paper"
    with toy_files[1].open("a", encoding="utf-8") as dev:
        dev.writelines(json.dumps({"text": text, "label": "support", "matter": "m9"}) + "\n" for text in (said, short))
    lead = "The envoys of the seven lake towns met for the third time since the ice broke. "
    labelled = json.loads((corpus_folder() / "real_labels.jsonl").read_text(encoding="utf-8").splitlines()[0])["id"]
    rows = [
        {"id": "u0", "text": "they will meet", "before": f"It rained. {lead}So", "after": f", he said. He added: {said}"},
        {"id": labelled, "text": "they will meet at once", "before": f"It rained. {lead.upper()}So", "after": f", he said. He added: {said}"},
        {"id": "u1", "text": f"And so he told us: {short}", "before": "", "after": ""},
        {"id": "u2", "text": "them as soon as the ferries run", "before": "", "after": ""},
        {"id": "u3", "text": "nobody came", "before": "", "after": ""},
    ]
    real = tmp_path / "real.jsonl"
    real.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    changed = {**config.to_dict(), "distill": {"teachers": [str(tiny_model)], "unlabelled": str(real), "neighbours": True}}
    changed["data"] = {**changed["data"], "real": str(real)}
    task = StanceTask(load_config(changed))
    assert "they will meet at once" in [example.text for example in (*task.train, *task.dev)]
    assert [example.text for example in task.train if example.label is None] == ["nobody came"]


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["data.other_targets=0.1", "model.use_target=false"], r"data\.other_targets: the model does not read the target \(model\.use_target\)\."),
        (["data.hide_share=0.1"], r"data\.hide_share: the model reads neither speaker nor context\."),
        (["data.dev=null", "distill.teachers=[some]"], r"distill: needs data\.dev"),
        (["data.dev=null", "training.seeds=[1, 2]"], r"training\.seeds: needs data\.dev"),
        (["task=quotes", "data.other_targets=0.1"], r"data\.other_targets: is for statements, not for articles\. Leave it out\.$"),
    ],
)
def test_settings_that_would_do_nothing_or_harm_are_refused(config, overrides, message):
    with pytest.raises(ConfigError, match=message):
        stance.train(load_config(config, overrides), progress=False)


@pytest.mark.parametrize(
    ("task", "distill", "message"),
    [
        ("stance", {"unlabelled": "some.jsonl"}, r"distill\.unlabelled: statements without a label need distill\.teachers\. Name some\.$"),
        ("quotes", {"teachers": ["some"]}, r"distill: taggers are not distilled\. Leave it out\.$"),
    ],
)
def test_what_cannot_be_distilled_is_refused(config, task, distill, message):
    with pytest.raises(ConfigError, match=message):
        stance.train({**config.to_dict(), "task": task, "distill": distill}, progress=False)


def test_real_statements_are_held_out_whatever_the_seed(config, tmp_path):
    from stance.corpora import REAL_DEV, corpus_folder
    from stance.tasks import load_splits

    labels = [json.loads(line)["id"] for line in (corpus_folder() / "real_labels.jsonl").read_text(encoding="utf-8").splitlines()[:200]]
    real = tmp_path / "real.jsonl"
    real.write_text("".join(json.dumps({"id": id_, "text": f"Sea and rain {i}, {id_}"}) + "\n" for i, id_ in enumerate(labels)), encoding="utf-8")
    held = []
    for seed in (3, 4):
        settings = load_config(config, [f"data.real={real}", f"training.seed={seed}", "data.dev_share=0.2"])
        train, dev = load_splits(settings)
        held.append({e.id for e in dev if e.matter == REAL_DEV})
        assert held[-1].isdisjoint(e.id for e in train) and len(train) + len(dev) == 36 + 200
    assert held[0] == held[1] and 20 <= len(held[0]) <= 60


def test_speaker_and_context_are_hidden_from_a_share():
    from stance.records import Example
    from stance.tasks import _hidden

    rows = [Example(f"text {i}", "they", "before [...]") for i in range(400)]
    shown = _hidden(rows, 0.25, 5)
    assert shown == _hidden(rows, 0.25, 5) and _hidden(rows, 0.0, 5) == rows
    bare = [row for row in shown if not row.speaker and not row.context]
    assert 60 <= len(bare) <= 140 and all(row.context for row in shown if row.speaker)


def test_several_seeds_give_a_checkpoint_each_their_mean_and_spread(config, tmp_path):
    import statistics

    settings = load_config(config, ["training.seeds=[3, 4]", "training.epochs=2"])
    result = stance.train(settings, progress=False)
    folders = [tmp_path / "run" / f"seed-{seed}" for seed in (3, 4)]
    scores = [read_training(folder)["metrics"]["dev"]["macro_f1"] for folder in folders]
    assert result.metrics["seeds"]["macro_f1"] == {"mean": statistics.fmean(scores), "spread": statistics.stdev(scores)}
    assert result.metrics["macro_f1"] == max(scores) and result.checkpoint in map(str, folders)
    assert json.loads((tmp_path / "run" / "seeds.json").read_text(encoding="utf-8"))["dev"] == result.metrics["seeds"]
    written = [(folder / WEIGHTS).stat().st_mtime_ns for folder in folders]
    record = read_training(folders[0])
    del record["config"]["training"]["average_with"]  # as of a version that had no such setting
    (folders[0] / "training.json").write_text(json.dumps(record), encoding="utf-8")
    assert stance.train(settings, resume=True, progress=False).metrics["seeds"] == result.metrics["seeds"]
    assert [(folder / WEIGHTS).stat().st_mtime_ns for folder in folders] == written  # finished ones are not trained again
    with pytest.raises(InputError, match="seed-3: exists already"):
        stance.train(settings, progress=False)
    (tmp_path / "train.jsonl").write_text((tmp_path / "train.jsonl").read_text(encoding="utf-8").replace("rain fell", "sea fell"), encoding="utf-8")
    with pytest.raises(InputError, match="seed-3: exists already"):  # of other data: neither kept nor lost
        stance.train(settings, resume=True, progress=False)
    with pytest.raises(InputError, match="is a checkpoint, and the seeds need a folder for theirs"):
        stance.train(load_config(settings, [f"training.output={folders[0]}"]), progress=False)


def test_loggers_are_passed_on(config, tmp_path, monkeypatch):
    pytest.importorskip("tensorboard")
    monkeypatch.delenv("TENSORBOARD_LOGGING_DIR", raising=False)
    stance.train(config, ["training.report_to=[tensorboard]", "training.epochs=1"], progress=False)
    assert list((tmp_path / "run.logs").rglob("events.out.tfevents*"))
    monkeypatch.delenv("TENSORBOARD_LOGGING_DIR")


def test_two_models_are_compared_on_the_same_rows(config, tiny_model, toy_files, capsys):
    from stance.cli import main
    from stance.reporting import ComparisonReport

    trained = stance.train(config, progress=False).checkpoint
    report = stance.compare(trained, tiny_model, toy_files[1], n_resamples=500)
    scores = [stance.evaluate(model, toy_files[1], baselines=False).metrics["macro_f1"] for model in (trained, tiny_model)]
    assert [m["macro_f1"] for m in report.metrics] == scores
    assert report.difference[0] <= scores[0] - scores[1] <= report.difference[1]
    alone = report.mcnemar["only_first"], report.mcnemar["only_second"]
    assert alone == (sum(row["label"] == row["first"] for row in report.apart), sum(row["label"] == row["second"] for row in report.apart))
    assert all(row["first"] != row["second"] for row in report.apart)
    assert ComparisonReport.from_dict(report.to_dict()) == report
    assert main(["compare", trained, str(tiny_model), "--data", str(toy_files[1])]) == 0
    printed = capsys.readouterr().out
    assert "(paired permutation test)" in printed and "(McNemar's exact test)" in printed
    itself = stance.compare(trained, trained, toy_files[1], n_resamples=100)
    assert itself.permutation_p == 1 and itself.difference == [0, 0] and not itself.apart


def test_rows_are_scored_apart_by_the_values_of_a_column(tiny_model, toy_examples, tmp_path):
    rows = [{**example.to_dict(), "kind": "direct" if i % 3 else ""} for i, example in enumerate(toy_examples)]
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    report = stance.evaluate(tiny_model, path, baselines=False, slices=["kind"])
    assert {value: found["n_examples"] for value, found in report.slices["kind"].items()} == {"direct": 24, "(none)": 12}
    alone = stance.evaluate(tiny_model, [row for row in rows if row["kind"]], baselines=False)
    assert report.slices["kind"]["direct"]["macro_f1"] == alone.metrics["macro_f1"]
    assert "| kind | macro-F1 | F1 support and oppose | accuracy | ECE | statements |" in report.to_markdown()
    sides = [report.slices["kind"]["direct"]["per_label"][label]["f1"] for label in ("support", "oppose")]
    assert f" | {100 * sum(sides) / 2:.1f} | " in next(line for line in report.to_markdown().splitlines() if line.startswith("| direct |"))
    assert stance.evaluate(tiny_model, (row for row in rows), baselines=False, slices=["kind"]).slices == report.slices
    # labels that a value's rows do not have are in no mean
    for label, expected in (("oppose", "f1"), ("neutral", None)):
        one = stance.evaluate(tiny_model, [{**row, "kind": row["label"]} for row in rows], baselines=False, slices=["kind"]).slices["kind"][label]
        assert one["f1_support_oppose"] == (expected and one["per_label"][label][expected])
    with pytest.raises(InputError, match=r"rows\.jsonl: no column 'outlet' to score by, found 'text', .*'kind'\. Name one of these with --by"):
        stance.evaluate(tiny_model, path, baselines=False, slices=["outlet"])


def test_the_surest_errors_are_listed_first_with_their_context(tiny_model, toy_files):
    rows = [replace(row, context=f"before {STATEMENT_SLOT} after") for row in read_examples(toy_files[1])]
    report = stance.evaluate(tiny_model, rows, baselines=False, n_errors=3)
    predictions = stance.load(tiny_model).predict(rows)
    wrong = sorted((p.confidence for p, row in zip(predictions, rows, strict=True) if p.label != row.label), reverse=True)
    assert [error["confidence"] for error in report.errors] == pytest.approx(wrong[:3]) and len(wrong) > 3
    shown = report.to_markdown()
    assert all(error["text"] in shown and error["context"] == f"before {STATEMENT_SLOT} after" for error in report.errors)
    assert stance.evaluate(tiny_model, rows, baselines=False, n_errors=0).errors == []


def test_a_folder_of_seeds_is_scored_as_a_whole(tiny_model, toy_files, tmp_path):
    import shutil
    import statistics

    for seed in (13, 14):
        shutil.copytree(tiny_model, tmp_path / "run" / f"seed-{seed}")
    torch_seed = stance.load(tmp_path / "run" / "seed-14").network
    torch_seed.classifier.bias.data[0] += 3.0
    torch_seed.save_pretrained(tmp_path / "run" / "seed-14")
    report = stance.evaluate(tmp_path / "run", toy_files[1], baselines=False)
    alone = [stance.evaluate(tmp_path / "run" / f"seed-{seed}", toy_files[1], baselines=False).metrics["ece"] for seed in (13, 14)]
    assert [scores["ece"] for scores in report.seeds.values()] == alone and alone[0] != alone[1]
    assert report.metrics["ece"] == alone[0]
    shown = report.to_markdown()
    assert f"{statistics.fmean(alone):.3f} |" in shown and f"{statistics.stdev(alone):.3f} |" in shown


def test_evaluation_shows_baselines_on_the_same_rows(config, toy_files, tmp_path):
    result = stance.train(config, progress=False)
    report = stance.evaluate(result.checkpoint, toy_files[1], train=toy_files[0])
    assert set(report.baselines) == {"majority", "keyword lexicon", "TF-IDF + logistic regression"}
    assert all(b["metrics"]["n_examples"] == report.metrics["n_examples"] == 12 for b in report.baselines.values())
    assert report.n_clusters == 2
    low, high = report.intervals["macro_f1"]
    assert low <= report.metrics["macro_f1"] <= high
    assert stance.EvaluationReport.from_dict(json.loads(report.to_json())) == report
    markdown = report.to_markdown()
    assert "TF-IDF" in markdown and "| gold \\ predicted |" in markdown
    with pytest.raises(SplitLeakError, match=r"^train and the evaluated rows share"):
        stance.evaluate(result.checkpoint, toy_files[0], train=toy_files[0])
    with pytest.raises(InputError, match=r"^the given examples: holds no rows\. Pass at least one labelled statement\.$"):
        stance.evaluate(result.checkpoint, [])


ARTICLES = [
    '"We will talk," they said.\n\nThe rain fell.',
    '"We will never talk," they said at the table.',
    'They said the sea is at rest.\n\n"No," they said.',
]


@pytest.fixture
def quotes_config(tiny_encoder, tmp_path):
    """Articles as brat annotations, through the script that reads PolNeAR, and a config for the tagger."""
    for split, texts in (("train", ARTICLES), ("dev", [text.replace("they", "They") for text in ARTICLES[:2]])):
        (tmp_path / split / "text").mkdir(parents=True)
        (tmp_path / split / "attributions").mkdir()
        for i, text in enumerate(texts):
            cue, content = text.index("said"), text.index("talk") if "talk" in text else text.index("the sea")
            source = text.lower().index("they")
            spans = [("Content", content, content + 4), ("Cue", cue, cue + 4), ("Source", source, source + 4)]
            lines = [f"T{n}\t{role} {a} {b}\t{text[a:b]}" for n, (role, a, b) in enumerate(spans, 1)]
            (tmp_path / split / "text" / f"news_{i}.txt").write_text(text)
            (tmp_path / split / "attributions" / f"news_{i}_a1.ann").write_text("\n".join([*lines, "E1\tAttribution:T2 Content:T1 Cue:T2 Source:T3"]) + "\n")
        subprocess.run([sys.executable, "scripts/read_polnear.py", tmp_path / split, tmp_path / f"{split}.jsonl"], check=True, capture_output=True)
    return load_config(
        {
            "task": "quotes",
            "model": {"encoder": str(tiny_encoder), "max_length": 32},
            "data": {"train": str(tmp_path / "train.jsonl"), "dev": str(tmp_path / "dev.jsonl")},
            "training": {"output": str(tmp_path / "tagger"), "epochs": 12, "batch_size": 2, "learning_rate": 0.03, "patience": 12, "threads": 1},
        }
    )


def test_a_tagger_trains_and_a_stopped_one_resumes_to_the_very_same_weights(quotes_config, tmp_path, monkeypatch):
    whole = stance.train(quotes_config, [f"training.output={tmp_path / 'whole'}"], progress=False)
    assert whole.metrics["macro_f1"] > 0.5
    record = read_training(whole.checkpoint)
    assert record["data"]["train"]["n_examples"] == 3 and record["metrics"]["dev"] == whole.metrics
    with monkeypatch.context() as patch:
        stop_after(patch, 5)
        with pytest.raises(Stop):
            stance.train(quotes_config, progress=False)
    stance.train(quotes_config, resume=True, progress=False)
    assert (tmp_path / "tagger" / WEIGHTS).read_bytes() == (tmp_path / "whole" / WEIGHTS).read_bytes()


def test_a_tagger_wants_articles_and_none_twice(quotes_config, tmp_path):
    nothing = subprocess.run([sys.executable, "scripts/read_polnear.py", tmp_path / "nowhere", tmp_path / "out.jsonl"], capture_output=True, text=True)
    assert nothing.returncode != 0 and "holds no annotated article" in nothing.stderr and not (tmp_path / "out.jsonl").exists()
    with pytest.raises(ConfigError, match=r"data\.train_share: whole files of articles are read"):
        stance.train(quotes_config, ["data.train_share=0.5"])
    with pytest.raises(InputError, match=r"^task quotes: data\.train and data\.dev must name files of annotated articles"):
        stance.train(quotes_config, ["data.train=corpus"])
    with pytest.raises(InputError, match=r"train\.jsonl: 3 articles are in .*train\.jsonl too\. Remove them from one of the two\.$"):
        stance.train(quotes_config, [f"data.dev={quotes_config.data.train}"])


@pytest.mark.parametrize("frozen", [True, False])
@pytest.mark.parametrize("settings", ["config", "quotes_config"])
def test_frozen_word_embeddings_stay_as_they_came(request, tiny_encoder, settings, frozen):
    import numpy as np
    from safetensors.numpy import load_file

    overrides = [f"training.freeze_embeddings={str(frozen).lower()}", "training.epochs=1", "training.save_dtype=float32"]
    result = stance.train(load_config(request.getfixturevalue(settings), overrides), progress=False)
    before, after = load_file(tiny_encoder / WEIGHTS), load_file(Path(result.checkpoint, WEIGHTS))
    same = {kind: np.array_equal(before[name], after[f"bert.{name}"]) for kind in ("word", "position") for name in [f"embeddings.{kind}_embeddings.weight"]}
    assert same == {"word": frozen, "position": False}


@pytest.mark.parametrize("settings", ["config", "quotes_config"])
def test_the_mean_of_several_trainings_is_kept(request, tmp_path, settings):
    import numpy as np
    from safetensors.numpy import load_file

    settings = load_config(request.getfixturevalue(settings), ["training.save_dtype=float32", "training.epochs=1"])
    longer = replace(settings, training=replace(settings.training, epochs=2))
    one, two, mean = (str(tmp_path / name) for name in ("one", "two", "mean"))
    stance.train(settings, [f"training.output={one}"], progress=False)
    stance.train(longer, [f"training.output={two}"], progress=False)
    result = stance.train(settings, [f"training.output={mean}", f"training.average_with=[{two}]"], progress=False)
    a, b, found = (load_file(f"{folder}/{WEIGHTS}") for folder in (one, two, mean))
    assert not all(np.array_equal(a[name], b[name]) for name in a)
    assert all(np.allclose((a[name] + b[name]) / 2, found[name], atol=1e-6) for name in a)
    assert read_training(mean)["metrics"]["dev"] == result.metrics
    if settings.task == "stance":  # what is measured is what was kept
        assert result.metrics["brier"] == stance.evaluate(mean, settings.data.dev, baselines=False).metrics["brier"]


def test_only_trainings_from_the_same_start_are_averaged(config, tmp_path):
    other = str(tmp_path / "other")
    stance.train(config, [f"training.output={other}", "training.epochs=1", "training.seed=3"], progress=False)
    with pytest.raises(ConfigError, match=r"training.average_with.*did not start where this run does"):
        stance.train(config, [f"training.average_with=[{other}]"], progress=False)
    with pytest.raises(ConfigError, match="no-such-run"):
        stance.train(config, [f"training.average_with=[{tmp_path}/no-such-run]"], progress=False)


def test_low_rank_updates_are_trained_and_merged(config, tiny_encoder):
    pytest.importorskip("peft", reason="the extra lora is not installed")
    import numpy as np
    from safetensors.numpy import load_file

    result = stance.train(load_config(config, ["model.lora_rank=4", "training.epochs=2"]), progress=False)
    before, after = load_file(tiny_encoder / WEIGHTS), load_file(f"{result.checkpoint}/{WEIGHTS}")
    assert set(after) == {f"bert.{name}" for name in before} | {"classifier.weight", "classifier.bias"}  # a plain checkpoint
    changed = {name: after[f"bert.{name}"] - before[name] for name in before if not np.array_equal(before[name], after[f"bert.{name}"])}
    assert {name for name in changed if "pooler" in name} == {"pooler.dense.weight", "pooler.dense.bias"}  # trained whole
    ranks = [np.linalg.matrix_rank(update, tol=1e-6) for name, update in changed.items() if "pooler" not in name]
    assert ranks == [4] * 12  # the six matrices of each of two layers
    assert stance.evaluate(result.checkpoint, config.data.dev, baselines=False).metrics["macro_f1"] == result.metrics["macro_f1"]


@pytest.mark.slow
def test_two_processes_give_the_loss_curve_of_one(config, tmp_path):
    def curve(name, *launch):
        settings = tmp_path / f"{name}.yaml"
        overrides = ["training.group_by_length=false", "training.epochs=3", "model.dropout=0.0", f"training.output={tmp_path / name}", "training.bf16=false"]
        settings.write_text(load_config(config, overrides).to_yaml(), encoding="utf-8")
        script = Path(__file__).parents[2] / "scripts" / "train.py"
        command = [sys.executable, *launch, str(script), str(settings), "--quiet"]
        done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"})
        assert done.returncode == 0, done.stderr
        assert not (tmp_path / f"{name}.partial").exists()
        history = read_training(tmp_path / name)["history"]
        return [entry[key] for entry in history for key in ("loss", "eval_macro_f1") if key in entry]

    one, two = curve("one"), curve("two", "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
    assert len(one) == 6 and two == pytest.approx(one, rel=1e-3)


def test_a_batch_that_the_processes_cannot_share_is_refused(config, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "3")
    with pytest.raises(ConfigError, match=r"training\.batch_size: found 4, which 3 processes cannot share\. Use a multiple of 3\.$"):
        stance.train(config, progress=False)
