"""Public stance benchmarks -> the JSON Lines that `configs/experiment/` trains on: train, dev and test, a statement and a target a line.

TweetEval's stance task (SemEval-2016 task 6; Barbieri et al. 2020, Findings of EMNLP) lies at https://github.com/cardiffnlp/tweeteval
(datasets/stance); RUW, tweets on the war in Ukraine with two targets each, at https://github.com/multi-target/RUW.

    python scripts/read_benchmarks.py tweeteval tweeteval/datasets/stance runs/tweeteval
    python scripts/read_benchmarks.py ruw RUW runs/ruw
"""

import argparse
import csv
import json
import sys
from pathlib import Path

from stance.reporting import write_whole
from stance.splits import normalize

SPLITS = {"train": "train", "dev": "val", "test": "test"}
TARGETS = {  # TweetEval's folders -> the targets as SemEval names them
    "abortion": "legalization of abortion",
    "atheism": "atheism",
    "climate": "climate change is a real concern",
    "feminist": "feminist movement",
    "hillary": "Hillary Clinton",
}
LABELS = {"0": "neutral", "1": "oppose", "2": "support", "NONE": "neutral", "AGAINST": "oppose", "FAVOR": "support"}


def tweeteval(folder: Path, split: str) -> list[dict[str, str]]:
    """Read one split of all five targets."""
    rows = []
    for name, target in TARGETS.items():
        texts = (folder / name / f"{split}_text.txt").read_text(encoding="utf-8").split("\n")
        labels = (folder / name / f"{split}_labels.txt").read_text(encoding="utf-8").split()
        rows += [{"text": text, "target": target, "label": LABELS[label]} for text, label in zip(texts, labels, strict=False)]
    return rows


def ruw(folder: Path, split: str) -> list[dict[str, str]]:
    """Read one split; each tweet gives a row for each of its two targets."""
    with (folder / f"raw_{split}_Russia_Ukraine.csv").open(encoding="gb18030", newline="") as file:  # as they were saved
        rows = list(csv.DictReader(file))
    return [{"text": row["Tweet"], "target": row[f"Target {i}"], "label": LABELS[row[f"Stance {i}"]]} for row in rows for i in (1, 2)]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("benchmark", choices=("tweeteval", "ruw"))
    parser.add_argument("folder", type=Path, help="as downloaded")
    parser.add_argument("out", type=Path, help="the folder to write train.jsonl, dev.jsonl and test.jsonl into")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    try:
        read = {"tweeteval": tweeteval, "ruw": ruw}[options.benchmark]
        splits = {ours: read(options.folder, theirs) for ours, theirs in SPLITS.items()}
    except (OSError, KeyError, ValueError) as error:
        sys.exit(f"{options.folder}: cannot be read as {options.benchmark} ({error}). Pass the folder as it was downloaded.")
    for split, others in (("dev", ("test",)), ("train", ("dev", "test"))):  # a few tweets stand in two splits: the later one keeps them
        known = {normalize(row["text"]) for other in others for row in splits[other]}
        splits[split] = [row for row in splits[split] if normalize(row["text"]) not in known]
    for ours, found in splits.items():
        write_whole(options.out / f"{ours}.jsonl", "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in found))
        print(f"{options.out / ours}.jsonl: {len(found)} rows")
