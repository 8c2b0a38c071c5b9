"""Measure speed and memory beside a plain transformers pipeline, in one run: python scripts/benchmark.py [--rows 400]."""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

import stance
from stance.environment import describe_environment


def seconds(work):
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=400)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    from transformers import pipeline

    texts = [row.text for split in ("train", "dev") for row in stance.read_examples("corpus", split=split)][: options.rows]
    article = Path("examples/lake-truce.txt").read_text(encoding="utf-8")
    model = stance.load("negotiations-minilm")
    peer = pipeline("text-classification", model=model.network, tokenizer=model.tokenizer, device="cpu")
    systems = {
        "stance.predict": lambda: stance.predict(texts, model=model),
        "pipeline as it comes": lambda: peer(texts),
        "pipeline(batch_size=32)": lambda: peer(texts, batch_size=32),
        "stance.extract_quotes, 20 articles": lambda: [stance.extract_quotes(article) for _ in range(20)],
        "stance.analyze, 20 articles": lambda: list(stance.analyze([article] * 20, model=model)),
    }
    for work in systems.values():
        work()
    times = {name: [] for name in systems}
    for _ in range(options.repeats):  # interleaved, so that a busy moment hits all alike
        for name, work in systems.items():
            times[name].append(seconds(work))
    medians = {name: statistics.median(values) for name, values in times.items()}
    found = {
        "statements_per_second": {name: round(len(texts) / medians[name], 1) for name in list(systems)[:3]},
        "ratio_to_pipeline": round(medians["pipeline as it comes"] / medians["stance.predict"], 2),
        "ratio_to_pipeline_batched": round(medians["pipeline(batch_size=32)"] / medians["stance.predict"], 2),
        "articles_per_second": {name: round(20 / medians[name], 1) for name in list(systems)[3:]},
        "import_seconds": round(min(seconds(lambda: subprocess.run([sys.executable, "-c", "import stance"], check=True)) for _ in range(5)), 3),
        "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "n_statements": len(texts),
        "environment": describe_environment(),
    }
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
