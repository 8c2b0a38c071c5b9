"""Train on growing shares of the matters and score each: python scripts/learning_curve.py configs/train.yaml --rows real=FILE.

Whole matters are added, so that a share is as many disputes, not as many near-copies. Runs that are there already are not
trained again. Prints a Markdown table, and draws `learning-curve-TITLE` as SVG and PNG beside the runs.
"""

import argparse
import sys
from pathlib import Path

# Or the script evaluate.py would hide the package of that name.
sys.path = [entry for entry in sys.path if Path(entry).resolve() != Path(__file__).resolve().parent]

import stance
from stance.figures import plot_learning_curve, save
from stance.training import read_training

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config")
    parser.add_argument("overrides", nargs="*")
    parser.add_argument("--shares", type=float, nargs="+", default=[0.25, 0.5, 1.0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[13, 14])
    parser.add_argument("--rows", action="append", default=[], metavar="TITLE=FILE", help="labelled rows to score on besides dev")
    parser.add_argument("--out", default="runs/curve")
    options = parser.parse_args()
    extra = [pair.split("=", 1) for pair in options.rows]
    titles = ["dev", *(title for title, _ in extra)]
    print("| share | statements | seed | epoch | " + " | ".join(titles) + " |\n|---|---|---|---|" + "---|" * len(titles))
    points: dict[str, list[dict[str, float]]] = {title: [] for title in titles}
    for share in options.shares:
        for seed in options.seeds:
            folder = Path(options.out) / f"{share:g}-{seed}"
            settings = [*options.overrides, f"data.train_share={share}", f"training.seed={seed}", f"training.output={folder}"]
            if not folder.exists():
                stance.train(options.config, settings, resume=True, progress=False)
            record = read_training(folder)
            scores = [record["metrics"]["dev"]["macro_f1"]]
            scores += [stance.evaluate(folder, path, baselines=False).metrics["macro_f1"] for _, path in extra]
            n = record["data"]["train"]["n_examples"]
            print(f"| {share:g} | {n} | {seed} | {record['best_epoch']:g} | " + " | ".join(f"{100 * s:.1f}" for s in scores) + " |", flush=True)
            for title, score in zip(titles, scores, strict=True):
                points[title].append({"share": share, "n_examples": n, "macro_f1": score})
    for title, found in points.items():
        save(plot_learning_curve(found, f"Learning curve on {title}"), Path(options.out) / f"learning-curve-{title}")
