"""Each command as a user calls it, and each script as the same thing."""

import csv
import io
import json
import subprocess
import sys

import pytest

from stance.cli import main


@pytest.fixture(scope="module")
def article(root):
    return root / "examples" / "lake-truce.txt"


def call(capsys, *arguments):
    status = main([str(argument) for argument in arguments])
    out, err = capsys.readouterr()
    return status, out, err


def test_analyze_prints_speaker_label_and_probability(capsys, article, tiny_model):
    status, out, _ = call(capsys, "analyze", article, "--model", tiny_model)
    assert status == 0
    line = next(line for line in out.splitlines() if line.startswith("Ilse Marant"))
    assert any(label in line for label in ("support", "oppose", "neutral")) and "0." in line


def test_every_format_holds_the_same_statements(capsys, article, tiny_model):
    def out(form):
        return call(capsys, "analyze", article, "--model", tiny_model, "--format", form)[1]

    report = json.loads(out("json"))
    assert json.loads(out("jsonl")) == report
    rows = list(csv.DictReader(io.StringIO(out("csv"))))
    assert [row["text"] for row in rows] == [s["quote"]["text"] for s in report["statements"]]
    text = article.read_text(encoding="utf-8")
    assert all(text[p["start"] : p["end"]] == p["text"] for s in report["statements"] for p in s["quote"]["parts"])
    assert out("html").startswith("<!doctype html>")


def test_many_files_go_on_past_a_bad_one_and_exit_non_zero(capsys, article, tiny_model, tmp_path):
    bad, empty = tmp_path / "bad.txt", tmp_path / "empty.txt"
    bad.write_bytes(b"\xff\xfa\x00")
    empty.write_text("  \n")
    status, out, err = call(capsys, "analyze", article, bad, empty, tmp_path / "none.txt", article, "--model", tiny_model, "--format", "jsonl")
    assert status == 1
    assert len(out.splitlines()) == 2
    assert err.startswith("PartialFailure: 3 of 5 inputs failed, the rest is done:")
    for path in (bad, empty, tmp_path / "none.txt"):
        assert str(path) in err
    status, out, _ = call(capsys, "analyze", bad, article, "--model", tiny_model, "--format", "json")
    assert status == 1 and len(json.loads(out)) == 1


def test_an_output_file_is_written_whole_with_what_succeeded(capsys, article, tmp_path):
    out = tmp_path / "out.csv"
    status, printed, err = call(capsys, "quotes", article, tmp_path / "none.txt", "--format", "csv", "--out", out)
    assert status == 1 and printed.strip() == str(out) and "none.txt" in err
    assert len(list(csv.DictReader(io.StringIO(out.read_text(encoding="utf-8"))))) > 8
    assert [path.name for path in tmp_path.iterdir()] == ["out.csv"]


def test_tables_of_articles_are_read_by_column(capsys, article, tiny_model, tmp_path):
    path = tmp_path / "articles.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerows([["key", "body"], ["a1", article.read_text(encoding="utf-8")], ["a2", '"We will go," said Ann Bray.']])
    status, out, _ = call(capsys, "analyze", path, "--text-column", "body", "--id-column", "key", "--model", tiny_model, "--format", "json")
    assert status == 0
    assert [report["source"] for report in json.loads(out)] == [f"{path}:a1", f"{path}:a2"]
    status, _, err = call(capsys, "analyze", path, "--model", tiny_model)
    assert status == 1 and "articles.csv: no column 'text', found 'key', 'body'." in err


def test_a_broken_row_stops_none_of_the_others(capsys, tmp_path):
    path = tmp_path / "a.csv"
    path.write_text('text,id\n"""We will go,"" said Ann Bray.",1\nshort\n"""We will stay,"" said Ann Bray.",3\n')
    status, out, err = call(capsys, "quotes", path, "--format", "jsonl")
    assert status == 1 and len(out.splitlines()) == 2
    assert err.startswith("PartialFailure: 1 of 3 inputs failed") and "a.csv, line 3: the row does not have 2 cells" in err
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "\\"We will go,\\" said Ann Bray."}\n{"text": \n[1]\n{"text": "\\"We will stay,\\" said Ann Bray."}\n')
    status, out, err = call(capsys, "quotes", path, "--format", "jsonl")
    assert status == 1 and len(out.splitlines()) == 2 and "2 of 4 inputs failed" in err


def test_predict_reads_arguments_files_and_standard_input(capsys, tiny_model, tmp_path, monkeypatch):
    status, out, _ = call(capsys, "predict", "we will talk", "--model", tiny_model, "--format", "json")
    assert status == 0 and json.loads(out)["text"] == "we will talk"
    path = tmp_path / "s.json"
    path.write_text('[{"text": "we will talk"}]')
    status, out, _ = call(capsys, "predict", "--file", path, "--model", tiny_model, "--format", "jsonl")
    assert status == 0 and json.loads(out)["text"] == "we will talk"
    path = tmp_path / "s.jsonl"
    path.write_text('{"said": "we will talk", "speaker": "they"}\n{"said": "never"}\n')
    status, out, _ = call(capsys, "predict", "--file", path, "--text-column", "said", "--model", tiny_model, "--format", "csv")
    assert status == 0 and [row["text"] for row in csv.DictReader(io.StringIO(out))] == ["we will talk", "never"]
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"we will talk\n\nnever\n")))
    status, out, _ = call(capsys, "predict", "--model", tiny_model)
    assert status == 0 and len(out.splitlines()) == 2


def test_an_unknown_option_is_refused(capsys):
    with pytest.raises(SystemExit) as raised:
        main(["quotes", "a.txt", "--nosuch"])
    assert raised.value.code == 2
    assert "unrecognized arguments: --nosuch" in capsys.readouterr().err


def test_standard_input_is_an_article(capsys, article, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(article.read_bytes())))
    status, out, _ = call(capsys, "quotes", "-", "--format", "jsonl")
    assert status == 0 and json.loads(out)["source"] == "standard input"


ERRORS = [
    (["predict", "fine", "  "], "EmptyTextError: statement 1 of 2 holds no words (found '  '). Remove it, or label it yourself."),
    (["analyze", "binary.txt"], "UnreadableFileError: binary.txt: is not text in UTF-8 (byte 0xff at 0). Convert it, or pass a text file."),
    (["predict", "--file", "other.csv"], "MissingColumnError: other.csv: no column 'text', found 'txt'. Name the right one with --text-column"),
    (["evaluate", "--data", "label.csv"], "UnknownLabelError: label.csv, line 2: found label 'Favour', allowed are support, oppose, neutral."),
    (["train", "key.yaml"], "ConfigError: key.yaml, line 2, training.lerning_rate: there is no such key. Did you mean learning_rate?"),
    (
        ["train", "dot.yaml"],
        "ConfigError: dot.yaml, line 2, training.learning_rate: found the string '5e-5', expected a number. YAML needs the dot: write 5.0e-5.",
    ),
    (["predict", "x", "--model", "cut"], "BrokenCheckpointError: cut: model.safetensors is truncated or damaged"),
    (["predict", "x", "--model", "pickled"], "UnsafeCheckpointError: pickled: pytorch_model.bin is pickled"),
    (["predict", "x", "--model", "nosuch"], "ModelNotFoundError: nosuch: is neither a released model (negotiations-minilm) nor a checkpoint folder."),
    (["predict", "--file", "dashes.txt"], "EmptyTextError: dashes.txt, line 2: statement holds no words (found '---')."),
    (["quotes", "dashes.txt", "--format", "csv", "--out", "cut"], "UnreadableFileError: cut: is a folder, expected a file to write. Name a file in it."),
    (["quotes", "dashes.txt", "--out", "no/such/out.csv"], "FileNotFoundError: no/such/out.csv.tmp: No such file or directory."),
    (["quotes", "none.txt"], "UnreadableFileError: none.txt: cannot be read (No such file or directory). Check the path."),
    (["quotes", "binary.txt", "--format", "html"], "UnreadableFileError: --format: quotes have no HTML page."),
]


@pytest.mark.parametrize(("arguments", "message"), ERRORS, ids=lambda value: " ".join(value) if isinstance(value, list) else "")
def test_errors_are_one_line_that_says_where_what_and_what_to_do(capsys, arguments, message, tiny_model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dashes.txt").write_text("We talk.\n---\n")
    (tmp_path / "binary.txt").write_bytes(b"\xff\x00\x01")
    (tmp_path / "other.csv").write_text("txt\nhello\n")
    (tmp_path / "label.csv").write_text("text,label\nWe talk,Favour\n")
    (tmp_path / "key.yaml").write_text("training:\n  lerning_rate: 1.0\n")
    (tmp_path / "dot.yaml").write_text("training:\n  learning_rate: 5e-5\n")
    for name in ("cut", "pickled"):
        (tmp_path / name).mkdir()
        for file in tiny_model.iterdir():
            (tmp_path / name / file.name).write_bytes(file.read_bytes())
    (tmp_path / "cut" / "model.safetensors").write_bytes((tiny_model / "model.safetensors").read_bytes()[:2000])
    (tmp_path / "pickled" / "model.safetensors").rename(tmp_path / "pickled" / "pytorch_model.bin")
    status, out, err = call(capsys, *arguments)
    assert status == 1 and out == ""
    assert err.startswith(message)
    assert err.count("\n") == 1


def test_scripts_are_the_commands(root, tiny_model, article):
    def run(*command):
        return subprocess.run([sys.executable, *map(str, command)], capture_output=True, text=True, check=True, cwd=root).stdout

    through_script = run("scripts/analyze.py", article, "--model", tiny_model, "--format", "json")
    assert through_script == run("-m", "stance.cli", "analyze", article, "--model", tiny_model, "--format", "json")
    assert "usage: stance predict" in run("scripts/predict.py", "--help")


def test_the_training_and_evaluation_scripts_are_the_commands(root, tiny_encoder, toy_files, tmp_path):
    def run(*command):
        return subprocess.run([sys.executable, *map(str, command)], capture_output=True, text=True, check=True, cwd=root).stdout

    train, dev = toy_files
    config = tmp_path / "c.yaml"
    config.write_text(
        f"model: {{encoder: {tiny_encoder}, max_length: 48}}\ndata: {{train: {train}, dev: {dev}}}\ntraining: {{output: {tmp_path / 'run'}, epochs: 1}}\n"
    )
    assert run("scripts/train.py", config, "--quiet").startswith(str(tmp_path / "run"))
    assert "| system | macro-F1 |" in run("scripts/evaluate.py", tmp_path / "run", "--data", dev)


def test_train_evaluate_predict_from_the_command_line(capsys, tiny_encoder, toy_files, tmp_path):
    train, dev = toy_files
    overrides = [f"model.encoder={tiny_encoder}", "model.max_length=48", f"data.train={train}", f"data.dev={dev}", f"training.output={tmp_path / 'run'}"]
    config = tmp_path / "c.yaml"
    config.write_text("training: {epochs: 2, learning_rate: 0.01}\n")
    status, out, _ = call(capsys, "train", config, *overrides[:2], "--quiet", *overrides[2:])  # in any order
    assert status == 0 and out.startswith(str(tmp_path / "run")) and "dev macro-F1" in out
    status, out, _ = call(capsys, "evaluate", tmp_path / "run", "--data", dev, "--out", tmp_path / "report")
    assert status == 0 and "| system | macro-F1 |" in out
    assert json.loads((tmp_path / "report" / "evaluation.json").read_text())["data"] == str(dev)
    assert (tmp_path / "report" / "evaluation.md").read_text() == out
    status, out, _ = call(capsys, "predict", "we will talk", "--model", tmp_path / "run")
    assert status == 0 and out.split()[0] in ("support", "oppose", "neutral")


def test_the_module_is_the_command(article):
    done = subprocess.run([sys.executable, "-m", "stance", "quotes", str(article), "--extractor", "rules"], capture_output=True, text=True, check=True)
    assert "Ilse Marant" in done.stdout


@pytest.mark.skipif(sys.platform != "linux", reason="resident memory is read from /proc")
def test_a_stream_of_articles_takes_no_more_memory_as_it_goes_on(tiny_model):
    code = """
import sys, stance
from pathlib import Path
resident = lambda: int(Path("/proc/self/statm").read_text().split()[1]) * 4 // 1024
model = stance.load(sys.argv[1])
texts = (f'"We will talk on day {i}," said Ada Voss, the envoy. Jan Bork said that the lake was open on day {i}.' for i in range(1500))
for i, report in enumerate(stance.analyze(texts, model=model, extractor="rules")):
    assert len(report.statements) == 2
    if i in (99, 1499):
        print(resident())
"""
    early, late = map(int, subprocess.run([sys.executable, "-c", code, str(tiny_model)], capture_output=True, text=True, check=True).stdout.split())
    assert late <= 1.05 * early + 2, (early, late)
