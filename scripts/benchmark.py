"""Measure speed and memory beside a plain transformers pipeline, in one run: python scripts/benchmark.py [--rows 400] [--articles FILE]."""

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
from stance.quotes.extract import RELEASED_TAGGER


def seconds(work):
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def resident_mb():
    """Memory in use now, not at its peak."""
    pages = int(Path("/proc/self/statm").read_text().split()[1]) if Path("/proc/self/statm").exists() else 0
    return pages * resource.getpagesize() // 2**20


def quotes(path, repeats, n_short):
    """Speed of the extraction on whole articles, on one of 100,000 characters, and memory over many short ones."""
    texts = [json.loads(line)["text"] for line in Path(path).read_text(encoding="utf-8").splitlines()]
    found = {"n_articles": len(texts), "mean_characters": sum(map(len, texts)) // len(texts)}
    extractors = ("rules", "auto") if RELEASED_TAGGER.joinpath("config.json").exists() else ("rules",)
    times = {name: [] for name in extractors}
    stance.extract_quotes(texts[0])
    for _ in range(repeats):
        for name in extractors:
            times[name].append(seconds(lambda name=name: [stance.extract_quotes(text, extractor=name) for text in texts]))
    found["articles_per_second"] = {name: round(len(texts) / statistics.median(values), 1) for name, values in times.items()}
    long = "\n\n".join(texts)[:100_000]
    found["seconds_for_100000_characters"] = {name: round(seconds(lambda name=name: stance.extract_quotes(long, extractor=name)), 2) for name in extractors}
    memory = []
    for i, _ in enumerate(stance.analyze(f'"We will talk on day {i}," said Ada Voss. The envoy said the lake was open.' for i in range(n_short))):
        if i in (99, n_short - 1):
            memory.append(resident_mb())
    found["n_short_articles"], found["resident_mb_after_100_and_all"] = n_short, memory
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=400)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--articles", help="annotated articles, as scripts/read_polnear.py makes them, to measure the extraction on")
    parser.add_argument("--short", type=int, default=10_000, help="short articles to analyze in one call, with --articles")
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
        **({"quotes": quotes(options.articles, options.repeats, options.short)} if options.articles else {}),
        "environment": describe_environment(),
    }
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
