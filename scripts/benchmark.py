"""Measure speed and memory beside what one would otherwise run, all in one run: python scripts/benchmark.py [--part NAME ...]."""

import argparse
import itertools
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
POLNEAR = "runs/polnear/dev.jsonl"
STATEMENT = "We will be at the table on Monday, whatever they say."


def seconds(work):
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def interleaved(systems, repeats):
    """Median seconds of each, after one go to warm up; in turn, so that a busy moment hits all alike."""
    for work in systems.values():
        work()
    times = {name: [] for name in systems}
    for _ in range(repeats):
        for name, work in systems.items():
            times[name].append(seconds(work))
    return {name: statistics.median(values) for name, values in times.items()}


def articles(options):
    if not Path(options.articles).exists():
        return [Path("examples/lake-truce.txt").read_text(encoding="utf-8")] * 20
    return [json.loads(line)["text"] for line in Path(options.articles).read_text(encoding="utf-8").splitlines()]


def statements(options):
    """The annotated statements of the articles; those of the corpus where there are none."""
    import stance
    from stance.corpora import has_words
    from stance.quotes.learning import read_articles

    if not Path(options.articles).exists():
        return [row.text for split in ("train", "dev") for row in stance.read_examples("corpus", split=split)][:2000]
    texts = [" ".join(article.text[a:b] for a, b in found.get("content", ())) for article in read_articles(options.articles) for found in article.attributions]
    return [text for text in texts if has_words(text)]


def plain_pipeline(**options):
    """As it comes a pipeline keeps the float16 of the released weights, which is slower on a CPU than the float32 of those who know."""
    from transformers import pipeline

    from stance.modeling import find_checkpoint

    return pipeline("text-classification", model=str(find_checkpoint("negotiations-minilm")), device="cpu", **options)


def matrix_rate(network, n_rows=2048):
    """GFLOP/s of plain bfloat16 matrix products of the network's own shapes, at this moment."""
    import torch

    matrices = [weight for name, weight in network.named_parameters() if weight.dim() == 2 and "embeddings" not in name]
    shapes = sorted({tuple(weight.shape) for weight in matrices if min(weight.shape) > 8})
    pairs = [(torch.randn(n_rows, size_in).bfloat16(), torch.randn(size_out, size_in).bfloat16()) for size_out, size_in in shapes]
    operations = sum(2 * n_rows * a * b for a, b in shapes)

    def work():
        for _ in range(10):
            for rows, weight in pairs:
                rows @ weight.T

    work()
    return 10 * operations / statistics.median(seconds(work) for _ in range(5)) / 1e9


def measure_statements(options):
    import numpy as np

    import stance
    from stance.encoding import encode
    from stance.records import Example

    texts = statements(options)
    fast, reference = stance.load("negotiations-minilm"), stance.load("negotiations-minilm", "torch")
    default, peer = plain_pipeline(), plain_pipeline(dtype="float32")
    medians = interleaved(
        {
            f"stance, {fast.backend}": lambda: fast.predict(texts),
            f"stance, {reference.backend}": lambda: reference.predict(texts),
            "pipeline(batch_size=32, dtype=float32)": lambda: peer(texts, batch_size=32),
            "pipeline(dtype=float32)": lambda: peer(texts),
            "pipeline as it comes": lambda: default(texts),
        },
        options.repeats,
    )
    ours = next(iter(medians))
    expected, found = reference.predict_proba(texts), fast.predict_proba(texts)
    off = np.abs(found - expected).max(1)
    lengths = [len(row["input_ids"]) for row in encode([Example(text) for text in texts], fast.reader, fast.config).features]
    network = reference.network
    weights = sum(p.numel() for name, p in network.named_parameters() if p.dim() == 2 and "embeddings" not in name)
    hidden, layers = network.config.hidden_size, network.config.num_hidden_layers
    operations = sum(2 * n * weights + 4 * layers * hidden * n * n for n in lengths)
    reached, possible = operations / medians[ours] / 1e9, matrix_rate(network)
    return {
        "n_statements": len(texts),
        "mean_tokens": round(statistics.mean(lengths), 1),
        "per_second": {name: round(len(texts) / value, 1) for name, value in medians.items()},
        "times": {name: round(value / medians[ours], 2) for name, value in medians.items() if name != ours},
        "same_label": round(float((found.argmax(1) == expected.argmax(1)).mean()), 5),
        "probability_off": {"most": round(float(off.max()), 4), "of_99.5_percent_at_most": round(float(np.quantile(off, 0.995)), 4)},
        "gflop_per_second": {"reached": round(reached), "plain bfloat16 products": round(possible), "share": round(reached / possible, 3)},
    }


def measure_latency(options):
    import stance

    fast, default, peer = stance.load("negotiations-minilm"), plain_pipeline(), plain_pipeline(dtype="float32")
    number, n_calls = itertools.count(), 30

    def in_a_row(predict):
        """So many calls in a row as in use: torch's threads wait busily for some milliseconds, at the cost of whoever computes next."""
        return lambda: [predict(f"{STATEMENT} {next(number)}") for _ in range(n_calls)]

    medians = interleaved(
        {"stance": in_a_row(lambda text: fast.predict([text])), "pipeline as it comes": in_a_row(default), "pipeline(dtype=float32)": in_a_row(peer)},
        options.repeats,
    )
    shares = {name: round(medians["stance"] / value, 3) for name, value in medians.items() if name != "stance"}
    return {"milliseconds": {name: round(1000 * value / n_calls, 2) for name, value in medians.items()}, "share": shares}


FIVE_LINES = """from transformers import pipeline
classify = pipeline("text-classification", model={folder!r}, device="cpu")
found = classify({statement!r})[0]
print(found["label"], found["score"])
"""


def measure_cold(options):
    from stance.modeling import find_checkpoint

    code = FIVE_LINES.format(folder=str(find_checkpoint("negotiations-minilm")), statement=STATEMENT)
    medians = interleaved(
        {
            "stance predict": lambda: subprocess.run([sys.executable, "-m", "stance", "predict", STATEMENT], check=True, capture_output=True),
            "pipeline": lambda: subprocess.run([sys.executable, "-c", code], check=True, capture_output=True),
            "import stance": lambda: subprocess.run([sys.executable, "-c", "import stance"], check=True),
        },
        options.repeats,
    )
    return {"seconds": {name: round(value, 3) for name, value in medians.items()}, "share": round(medians["stance predict"] / medians["pipeline"], 3)}


def measure_articles(options):
    import stance

    texts = articles(options)
    model = stance.load("negotiations-minilm")
    work = {
        "extract_quotes, rules": lambda: [stance.extract_quotes(text, extractor="rules") for text in texts],
        "extract_quotes, rules and tagger": lambda: [stance.extract_quotes(text) for text in texts],
        "analyze": lambda: list(stance.analyze(texts, model=model)),
    }
    try:
        import textacy
        import textacy.extract

        language = textacy.load_spacy_lang("en_core_web_sm")
    except (ImportError, OSError):
        textacy = None
    if textacy:
        work["textacy"] = lambda: [list(textacy.extract.direct_quotations(language(part))) for text in texts for part in text.split("\n") if part.strip()]
    medians = interleaved(work, options.repeats)
    long = ("\n\n".join(texts) * 20)[:100_000]
    return {
        "n_articles": len(texts),
        "mean_characters": sum(map(len, texts)) // len(texts),
        "per_second": {name: round(len(texts) / value, 1) for name, value in medians.items()},
        "seconds_for_100000_characters": {name: round(seconds(lambda name=name: stance.extract_quotes(long, extractor=name)), 2) for name in ("rules", "auto")},
    }


SCALE = """import json, sys, time, itertools, psutil, stance
from pathlib import Path
texts, n = json.loads(Path(sys.argv[1]).read_text()), int(sys.argv[2])
model = stance.load("negotiations-minilm")
model.predict(texts[:2000])
start, most = time.perf_counter(), 0  # the peak that the system knows is that of the process that started this one, where it is larger
for i, _ in enumerate(model.stream(f"{text} {i}" for i, text in zip(range(n), itertools.cycle(texts)))):
    if i % 1000 == 999:
        most = max(most, psutil.Process().memory_info().rss)
print(json.dumps([time.perf_counter() - start, most / 2**20]))
"""


def measure_scale(options):
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "texts.json")
        path.write_text(json.dumps(statements(options)))
        for n in (options.statements // 10, options.statements):
            printed = subprocess.run([sys.executable, "-c", SCALE, str(path), str(n)], check=True, capture_output=True, text=True).stdout
            found[n] = json.loads(printed)
    (small, large) = found.values()
    return {
        "seconds": {n: round(value[0], 1) for n, value in found.items()},
        "peak_mb": {n: round(value[1]) for n, value in found.items()},
        "times_as_long": round(large[0] / small[0], 2),
        "memory_ratio": round(large[1] / small[1], 3),
    }


TRAIN = """import json, sys, tempfile, time
from pathlib import Path
import numpy as np, sklearn.metrics, stance
name, n, epochs, seed = sys.argv[1], *map(int, sys.argv[2:])
rows, dev = stance.read_examples("corpus", split="train"), stance.read_examples("corpus", split="dev")
rows = np.random.default_rng(0).permutation(np.array(rows, dtype=object))[:n].tolist()
if name.startswith("ours"):
    from stance.config import load_config
    from stance.tasks import StanceTask
    frozen = str("frozen" in name).lower()
    task = StanceTask(load_config("configs/train.yaml", [f"training.epochs={epochs}", f"training.seed={seed}", f"training.freeze_embeddings={frozen}"]))
    task.train, task.dev = rows, dev
    trainer = task.trainer(Path(tempfile.mkdtemp()), progress=False)
    held = trainer.eval_dataset
else:
    from datasets import Dataset
    from transformers import AutoModelForSequenceClassification, AutoTokenizer, DataCollatorWithPadding, Trainer, TrainingArguments, set_seed
    from stance.modeling import resolve_encoder
    set_seed(seed)
    folder = resolve_encoder("sentence-transformers/all-MiniLM-L6-v2")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    def read(rows):
        data = Dataset.from_list([{"text": r.text, "target": r.target, "labels": stance.LABELS.index(r.label)} for r in rows])
        return data.map(lambda batch: tokenizer(batch["text"], batch["target"], truncation=True), batched=True)
    data, held = read(rows), read(dev)
    network = AutoModelForSequenceClassification.from_pretrained(folder, num_labels=3)
    arguments = TrainingArguments(
        tempfile.mkdtemp(), per_device_train_batch_size=16, num_train_epochs=epochs, seed=seed, report_to="none", disable_tqdm=True, use_cpu=True
    )
    trainer = Trainer(network, arguments, train_dataset=data, data_collator=DataCollatorWithPadding(tokenizer), processing_class=tokenizer)
trainer.args.eval_strategy = trainer.args.save_strategy = "no"
trainer.args.load_best_model_at_end = False
for callback in list(trainer.callback_handler.callbacks):
    if "EarlyStopping" in type(callback).__name__:
        trainer.remove_callback(callback)
start = time.perf_counter()
trainer.train()
rate = n * epochs / (time.perf_counter() - start)
trainer.compute_metrics = None
found = trainer.predict(held)  # in an order of its own, the longest first
right = found.label_ids.argmax(1) if found.label_ids.ndim == 2 else found.label_ids
print(json.dumps([rate, sklearn.metrics.f1_score(right, found.predictions.argmax(1), average="macro")]), file=sys.stderr)
"""


def measure_training(options):
    """Examples a second of our training and of transformers' Trainer as its documentation shows it: same rows, encoder and epochs, a seed each repeat."""
    n_rows, epochs = 1600, 2
    found = {"ours": [], "ours, word embeddings frozen": [], "plain Trainer": []}
    for seed in range(1, options.repeats + 1):
        for name in found:
            command = [sys.executable, "-c", TRAIN, name, str(n_rows), str(epochs), str(seed)]
            run = subprocess.run(command, check=True, capture_output=True, text=True)
            found[name].append(json.loads(run.stderr.strip().splitlines()[-1]))
    rates = {name: statistics.median(rate for rate, _ in values) for name, values in found.items()}
    scores = {name: [100 * score for _, score in values] for name, values in found.items()}
    return {
        "n_rows": n_rows,
        "epochs": epochs,
        "examples_per_second": {name: round(value, 1) for name, value in rates.items()},
        "times_as_fast": {name: round(value / rates["plain Trainer"], 2) for name, value in rates.items() if name != "plain Trainer"},
        "dev_macro_f1": {name: [round(value, 1) for value in values] for name, values in scores.items()},
        "mean": {name: round(statistics.mean(values), 1) for name, values in scores.items()},
        "spread": {name: round(statistics.stdev(values), 1) if len(values) > 1 else None for name, values in scores.items()},
    }


RAY = """import json, logging, sys, tempfile, time
import ray, stance
n = int(sys.argv[2])
ray.init(num_cpus=n, include_dashboard=False, log_to_driver=False, configure_logging=False)
logging.disable(logging.WARNING)
start = time.perf_counter()
found = stance.analyze_files([sys.argv[1]], tempfile.mkdtemp(), engine="ray", shard_size=20, progress=False)
print(json.dumps([found.n_articles, found.n_statements, time.perf_counter() - start]), file=sys.stderr)
"""


def measure_ray(options):
    """Two workers against one, a core each: the start of the workers included, that of Ray not."""
    texts = articles(options) * 4
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "articles.jsonl")
        path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts), encoding="utf-8")
        for n in (1, 2):
            environment = {**os.environ, "OMP_NUM_THREADS": "1"}
            run = subprocess.run([sys.executable, "-c", RAY, str(path), str(n)], check=True, capture_output=True, text=True, env=environment)
            found[n] = json.loads([line for line in run.stderr.splitlines() if line.startswith("[") and line.endswith("]")][-1])
    n_articles, n_statements, alone = found[1]
    return {
        "n_articles": n_articles,
        "n_statements": n_statements,
        "seconds": {n: round(took, 1) for n, (_, _, took) in found.items()},
        "times_as_fast": round(alone / found[2][2], 2),
        "core_hours_per_million_statements": round(alone / n_statements * 1e6 / 3600, 1),
    }


PARTS = {
    "statements": measure_statements,
    "latency": measure_latency,
    "cold": measure_cold,
    "articles": measure_articles,
    "scale": measure_scale,
    "ray": measure_ray,
    "training": measure_training,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--part", action="append", choices=PARTS, help="measure this alone; more than one may be named (default: all)")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--articles", default=POLNEAR, help="annotated articles, as scripts/read_polnear.py makes them; without them the corpus is measured on")
    parser.add_argument("--statements", type=int, default=100_000, help="for the part scale (default: 100000)")
    parser.add_argument("--out", default="runs/bench.json")
    options = parser.parse_args()
    os.chdir(ROOT)
    import transformers

    import stance
    from stance.environment import describe_environment
    from stance.reporting import write_whole

    transformers.logging.set_verbosity_error()
    stance.analyze(STATEMENT)  # what is converted once is not measured
    out = Path(options.out)
    found = json.loads(out.read_text(encoding="utf-8")) if out.exists() else {}
    for part in options.part or PARTS:
        found[part] = {**PARTS[part](options), "environment": describe_environment()}
        print(json.dumps({part: found[part]}, indent=1), flush=True)
        out.parent.mkdir(parents=True, exist_ok=True)
        write_whole(out, json.dumps(found, indent=1) + "\n")
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MB; kept in {out}")


if __name__ == "__main__":
    main()
