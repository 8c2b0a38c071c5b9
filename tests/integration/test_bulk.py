"""Many articles into a folder: whatever kills the run, the next one goes on, and the result is the same to the byte."""

import errno
import json
import os
import random
import signal
import subprocess
import sys
import time

import pyarrow.parquet as pq
import pytest

import stance
from stance import bulk
from stance.bulk import analyze_files, plan
from stance.cli import main

ARTICLE = '"We will talk on day {i}," said Ada Voss.\n\nThe envoy said the lake was open. "No," said Bram Kohl.'


def rows(n, start=0):
    return [{"text": ARTICLE.format(i=i), "id": f"a{i}", "outlet": "The Post", "date": "2026-11-20"} for i in range(start, start + n)]


def write_jsonl(path, items):
    path.write_text("".join(json.dumps(item) + "\n" for item in items), encoding="utf-8")
    return path


def write_parquet(path, items, group=7):
    import pyarrow as pa

    pq.write_table(pa.Table.from_pylist(items), path, row_group_size=group)
    return path


def contents(folder):
    """All that a run leaves, but for temporary files of one that was killed."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file() and not path.name.startswith(".")}


def failures(folder):
    return [json.loads(line) for path in sorted((folder / "_failed").glob("*")) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.fixture
def run(tiny_model, tmp_path):
    def go(files, out="out", **settings):
        return analyze_files(files, tmp_path / out, **{"model": tiny_model, "extractor": "rules", "shard_size": 5, "progress": False, **settings})

    return go


def test_every_article_of_every_kind_of_file_is_read_once(run, tiny_model, tmp_path):
    text = tmp_path / "one.txt"
    text.write_text(ARTICLE.format(i=99), encoding="utf-8")
    files = [write_parquet(tmp_path / "a.parquet", rows(23)), write_jsonl(tmp_path / "b.jsonl", rows(11, 30)), text]
    result = run(files)
    assert (result.n_articles, result.n_done, result.n_failed) == (35, 35, 0)
    found = [row for path in sorted((tmp_path / "out").glob("*.parquet")) for row in pq.read_table(path).to_pylist()]
    assert len(found) == result.n_statements >= 70
    days = [row["text"] for row in found if "day" in row["text"]]
    assert days == [f"We will talk on day {i}," for i in (*range(23), *range(30, 41), 99)]
    assert len({row["id"] for row in found}) == len(found)
    import pandas as pd

    assert len(pd.read_parquet(tmp_path / "out")) == len(found)  # as docs/scale.md says
    first = found[0]
    assert first["id"] == f"{files[0]}:1#1" and first["source"] == f"{files[0]}:a0" and (first["outlet"], first["date"]) == ("The Post", "2026-11-20")
    report = stance.analyze(ARTICLE.format(i=0), model=tiny_model, extractor="rules")
    expected = report.rows()[0]
    assert first["label"] == expected["label"] and first["confidence"] == pytest.approx(expected["confidence"], abs=1e-6)


def test_cells_are_read_as_tables_have_them(run, tmp_path):
    import datetime

    items = [
        {"text": ARTICLE.format(i=0), "id": 17, "date": datetime.datetime(2026, 11, 20), "outlet": None},
        {"text": None, "id": 18, "date": None, "outlet": "The Post"},
    ]
    result = run([write_parquet(tmp_path / "a.parquet", items)])
    first = pq.read_table(tmp_path / "out" / "part-000000.parquet").to_pylist()[0]
    assert first["source"].endswith("a.parquet:17") and first["date"] == "2026-11-20" and first["outlet"] is None
    assert result.n_failed == 1
    path = tmp_path / "b.jsonl"
    path.write_text("\ufeff" + json.dumps(rows(1)[0]) + "\r\n\r\n" + json.dumps({"body": "x"}), encoding="utf-8")
    result = run([path], out="second")
    (failed,) = failures(tmp_path / "second")
    assert (result.n_articles, result.n_failed, failed["error"], failed["place"]) == (2, 1, "MissingColumnError", f"{path}:3")
    items = [{"text": text, "id": datetime.datetime(2026, 11, 20, 8)} for text in (ARTICLE.format(i=0), None)]
    run([write_parquet(tmp_path / "c.parquet", items)], out="third")
    assert pq.read_table(tmp_path / "third" / "part-000000.parquet").to_pylist()[0]["source"].endswith("c.parquet:2026-11-20 08:00:00")
    assert run([write_parquet(tmp_path / "d.parquet", [{"text": 17}])], out="fourth").n_failed == 1
    assert failures(tmp_path / "fourth")[0]["reason"].endswith("the text is a int, expected a string. Convert the column.")


def test_a_run_that_is_there_is_not_done_again_and_another_is_refused(run, tmp_path):
    files = [write_jsonl(tmp_path / "b.jsonl", rows(11))]
    run(files)
    before = contents(tmp_path / "out")
    again = run(files)
    assert again.n_done == 0 and again.n_articles == 11 and contents(tmp_path / "out") == before
    with pytest.raises(stance.InputError, match=r"another min_confidence\. Name another folder"):
        run(files, min_confidence=0.5)
    write_jsonl(tmp_path / "b.jsonl", rows(12))
    with pytest.raises(stance.InputError, match="another files"):
        run(files)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear", encoding="utf-8")
    with pytest.raises(stance.InputError, match="is not empty"):
        run(files, out="mine")


def test_poison_is_set_aside_with_its_reason(run, tmp_path, monkeypatch):
    items = rows(9)
    items[2]["text"], items[4]["text"] = "", "poison"
    path = write_jsonl(tmp_path / "b.jsonl", items)
    lines = path.read_text(encoding="utf-8").splitlines()
    lines[7] = "{broken"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    analyze = bulk.analyze

    def poisoned(text, **settings):
        if text == "poison":
            raise RuntimeError("the network fell over")
        return analyze(text, **settings)

    monkeypatch.setattr(bulk, "analyze", poisoned)
    result = run([path], format="jsonl")
    assert (result.n_articles, result.n_failed) == (9, 3)
    failed = failures(tmp_path / "out")
    assert [(item["place"].rpartition(":")[2], item["error"]) for item in failed] == [
        ("3", "EmptyTextError"),
        ("5", "RuntimeError"),
        ("8", "UnreadableFileError"),
    ]
    assert failed[1]["reason"] == "the network fell over" and "line 8" in failed[2]["reason"]
    found = [json.loads(line) for file in sorted((tmp_path / "out").glob("part-*.jsonl")) for line in file.read_text().splitlines()]
    assert len({row["source"] for row in found}) == 6


def test_text_that_cannot_be_written_or_read_stops_no_shard(run, tmp_path):
    import pyarrow as pa

    said = '"We will talk \ud800 on day 0," said Ada Voss.'
    for form in ("parquet", "jsonl"):
        path = write_jsonl(tmp_path / "b.jsonl", [{"text": said, "id": "a\udfff"}, {"text": "", "id": "b\udfff"}, *rows(1)])
        path.write_bytes(path.read_bytes() + b'{"text": ' + b"[" * 200_000 + b"\n")
        assert run([path], out=form, format=form).n_failed == 2
        assert [item["error"] for item in failures(tmp_path / form)] == ["EmptyTextError", "UnreadableFileError"]
    first = pq.read_table(tmp_path / "parquet" / "part-000000.parquet").to_pylist()[0]
    assert "talk ? on" in first["text"] and first["source"].endswith(":a?")
    raw = pa.array([b"\xff\xfe", ARTICLE.format(i=0).encode()], pa.binary()).view(pa.string()) if hasattr(pa.Array, "view") else None
    pq.write_table(pa.table({"text": raw}), tmp_path / "c.parquet")
    assert run([tmp_path / "c.parquet"], out="third").n_failed == 1 and failures(tmp_path / "third")[0]["place"].endswith("c.parquet:1")


def test_a_damaged_part_of_a_file_costs_its_rows_alone(run, tmp_path):
    path = write_parquet(tmp_path / "a.parquet", rows(20), group=7)
    second = pq.ParquetFile(path).metadata.row_group(1).column(0)
    data = bytearray(path.read_bytes())
    start = second.dictionary_page_offset or second.data_page_offset
    data[start : start + 12] = b"\xff" * 12
    path.write_bytes(data)
    result = run([path])
    assert result.n_failed == 7 and [item["place"].rpartition(":")[2] for item in failures(tmp_path / "out")] == [str(i) for i in range(8, 15)]


def test_the_machine_s_own_failures_are_no_article_s(run, tmp_path, monkeypatch):
    path = write_jsonl(tmp_path / "b.jsonl", rows(7))

    class OutOfMemoryError(RuntimeError):
        """As torch raises it."""

    for error in (MemoryError, OSError, OutOfMemoryError):

        def fail(*_, kind=error, **__):
            raise kind("no more")

        monkeypatch.setattr(bulk, "analyze", fail)
        with pytest.raises(error):
            run([path])
    assert not list((tmp_path / "out").glob("part-*"))
    monkeypatch.undo()
    text = tmp_path / "one.txt"
    text.write_text("x", encoding="utf-8")

    def stale(self):
        raise OSError(errno.ESTALE, "the disk is gone")

    with monkeypatch.context() as patched, pytest.raises(stance.UnreadableFileError, match="the disk is gone"):
        patched.setattr(type(text), "read_bytes", stale)
        run([text], out="third")
    with pytest.raises(stance.InputError, match="risk"):  # before anything is done, and not once for each article
        run([path], out="second", max_risk=0.01)
    assert not (tmp_path / "second").exists()
    aside = tmp_path / "out" / "_failed" / "part-000000.jsonl"
    aside.write_text("{}\n", encoding="utf-8")  # of a run that was killed before its part was written
    assert run([path]).n_failed == 0 and not aside.exists()


def test_settings_may_change_until_something_is_done(run, tmp_path):
    path = write_jsonl(tmp_path / "b.jsonl", rows(3))
    run([path])
    (tmp_path / "out" / "part-000000.parquet").unlink()
    old, young = (tmp_path / "out" / f".part-000000.parquet.{i}.tmp" for i in range(2))
    for left in (old, young):
        left.write_bytes(b"")
    os.utime(old, (0, 0))
    assert run([path], min_confidence=0.5).n_done == 3
    assert sorted(contents(tmp_path / "out")) == ["_run.json", "part-000000.parquet"] and not old.exists() and young.exists()
    stale = tmp_path / "out" / "_failed" / "part-000007.jsonl"
    stale.write_text("{}\n", encoding="utf-8")  # of a shard that this run does not have
    assert run([path], min_confidence=0.5).n_failed == 0
    (tmp_path / "file").write_text("x", encoding="utf-8")
    with pytest.raises(stance.InputError, match="is a file, expected a folder"):
        run([path], out="file")


@pytest.mark.slow
def test_killed_five_times_the_result_is_that_of_an_undisturbed_run(run, tiny_model, tmp_path):
    path = write_parquet(tmp_path / "a.parquet", rows(400))
    run([path], out="whole", shard_size=2)
    command = [sys.executable, "-m", "stance", "analyze", str(path), "--out", f"{tmp_path / 'killed'}/", "--model", str(tiny_model), "--extractor", "rules"]
    command += ["--shard-size", "2"]
    draw, kills = random.Random(5), 0
    for _ in range(5):
        before = len(list((tmp_path / "killed").glob("part-*")))
        process = subprocess.Popen(command, stderr=subprocess.PIPE)
        while len(list((tmp_path / "killed").glob("part-*"))) == before and process.poll() is None:
            time.sleep(0.01)
        time.sleep(draw.uniform(0, 0.1))
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            kills += 1
        process.communicate()
    assert kills == 5 and len(list((tmp_path / "killed").glob("part-*.parquet"))) < 200
    subprocess.run(command, check=True, capture_output=True)
    whole, killed = contents(tmp_path / "whole"), contents(tmp_path / "killed")
    assert killed == whole


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", "text\nx\n", r"a\.csv: cannot be read in parts\. Save it as Parquet or JSON Lines"),
        ("a.parquet", "no parquet", r"a\.parquet: is no Parquet file that can be read"),
        ("gone.jsonl", None, r"gone\.jsonl: is not a file"),
        ("a.ndjson", "\ufffe", r"a\.ndjson: is text in UTF-16, which cannot be read line by line\. Save it as UTF-8"),
    ],
)
def test_a_file_that_cannot_be_read_is_named_before_anything_is_done(run, tmp_path, name, content, message):
    if content is not None:
        (tmp_path / name).write_text(content, encoding="utf-16" if content == "\ufffe" else "utf-8")
    with pytest.raises(stance.UnreadableFileError, match=message):
        run([tmp_path / name])
    assert not (tmp_path / "out").exists()


def test_wrong_settings_are_named(run, tmp_path):
    path = write_parquet(tmp_path / "a.parquet", [{"body": "x"}])
    with pytest.raises(stance.MissingColumnError, match="text"):
        run([path])
    lines = write_jsonl(tmp_path / "c.jsonl", rows(2))
    for column in ("text", "id"):
        with pytest.raises(stance.MissingColumnError, match=rf"no column 'body', found 'text', 'id', 'outlet', 'date'\. Name the right one with --{column}"):
            run([lines], columns={column: "body"})
    with pytest.raises(stance.InputError, match="names a file twice"):
        run([lines, tmp_path / ".." / tmp_path.name / "c.jsonl"])
    escaped = tmp_path / "d.jsonl"
    escaped.write_text(json.dumps({"text": ARTICLE.format(i=0)}).replace('"text"', '"t\\u0065xt"') + "\n", encoding="utf-8")
    assert run([escaped], out="escaped").n_failed == 0
    for files in (str(lines), lines, []):
        with pytest.raises(stance.InputError, match="expected a list of paths"):
            run(files)
    for settings, message in (
        ({"format": "csv"}, "format is 'csv'"),
        ({"engine": "spark"}, "engine is 'spark'"),
        ({"shard_size": 0}, "shard_size is 0"),
        ({"columns": {"body": "text"}}, "columns names 'body'"),
    ):
        with pytest.raises(stance.InputError, match=message):
            run([path], **settings)
    with pytest.raises(stance.ModelNotFoundError, match="no checkpoint folder of a tagger"):
        run([write_jsonl(tmp_path / "b.jsonl", rows(1))], extractor="runs/gone")


def test_the_command_says_what_it_did(tmp_path, tiny_model, capsys):
    path = write_jsonl(tmp_path / "b.jsonl", [*rows(3), {"text": ""}])
    command = ["analyze", str(path), "--out", f"{tmp_path / 'out'}/", "--model", str(tiny_model), "--extractor", "rules", "--format", "jsonl"]
    assert main(command) == 1
    printed = capsys.readouterr()
    assert "4 of 4 articles read" in printed.out and "4 of 4 articles," in printed.err
    assert f"1 of 4 inputs failed, the rest is done:\n  the reasons are in {tmp_path / 'out'}/_failed" in printed.err
    write_jsonl(path, rows(3))
    assert main([*command[:3], f"{tmp_path / 'good'}/", *command[4:]]) == 0
    assert main(["analyze", str(path), "--out", f"{tmp_path / 'out'}/", "--format", "html", "--model", str(tiny_model)]) == 1
    assert main(["analyze", str(path), "--engine", "ray", "--model", str(tiny_model)]) == 1
    assert main(["analyze", "--out", f"{tmp_path / 'out'}/", "--model", str(tiny_model)]) == 1


def test_shards_cover_a_file_whatever_their_size(tmp_path):
    path = write_jsonl(tmp_path / "b.jsonl", rows(10))
    for size in (1, 3, 10, 50):
        shards = list(plan([path], size, bulk.Settings().columns))
        assert [i for s in shards for i in range(s.first, s.first + s.n_rows)] == list(range(10))
        read = [row["id"] for s in shards for _, row in bulk._rows(s, bulk.Settings().columns, tmp_path)]
        assert read == [f"a{i}" for i in range(10)]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # Ray warns of its own settings
def test_a_ray_cluster_gives_the_same_and_loses_nothing_when_a_worker_is_killed(run, tmp_path):
    ray = pytest.importorskip("ray")
    path = write_jsonl(tmp_path / "b.jsonl", rows(60))
    run([path], out="local", shard_size=4)
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, configure_logging=False)
    try:
        killer = subprocess.Popen([sys.executable, "-c", KILLER, str(tmp_path / "ray"), str(os.getpid())], stdout=subprocess.PIPE, text=True)
        result = run([path], out="ray", shard_size=4, engine="ray")
        killed = int(killer.communicate(timeout=60)[0])
    finally:
        ray.shutdown()
    assert result.n_done == 60 and killed == 1
    local, there = contents(tmp_path / "local"), contents(tmp_path / "ray")
    assert there == local


# Waits for the first result, then kills a worker that has loaded the model.
KILLER = """
import os, pathlib, signal, subprocess, sys, time
folder, driver = pathlib.Path(sys.argv[1]), int(sys.argv[2])
for _ in range(600):
    if list(folder.glob("part-*")):
        break
    time.sleep(0.02)
found = [p for p in pathlib.Path("/proc").glob("[0-9]*/cmdline") if b"ray::" in p.read_bytes() and b"Map" in p.read_bytes()]
for path in found[:1]:
    os.kill(int(path.parent.name), signal.SIGKILL)
print(len(found[:1]))
"""
