"""Config -> the released model in `stance/weights/`, with its model card.

Comes in: a training config. Goes out: the trained checkpoint without the trainer's leftovers, and a card whose every figure
was measured here, in this run, on the files that are released. Choose on dev; this reads the test split once.
"""

import json
import os
import shutil
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

from stance.config import load_config
from stance.corpora import read_table
from stance.environment import describe_environment
from stance.errors import InputError
from stance.evaluation import evaluate
from stance.modeling import StanceModel, load_tagger, quiet
from stance.probes import probe
from stance.quotes.extract import RELEASED_TAGGER
from stance.quotes.learning import read_articles, span_scores
from stance.quotes.tagger import ROLES
from stance.records import DEFAULT_MODEL
from stance.reporting import EvaluationReport, ProbeReport
from stance.tasks import new_task
from stance.training import CONFIG_FILE, MODEL_CARD, read_training, train

_PACKAGED = ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json", "stance.json", "calibration.json", "train_config.yaml")


def release(config: str | Path, *, resume: bool = True, extra: tuple[tuple[str, str], ...] = ()) -> Path:
    """Train as a config says, evaluate, and put the result where `stance.predict` finds it.

    Args:
        config: A YAML file, such as `configs/release.yaml`.
        resume: Go on with an unfinished run of the same config.
        extra: (title, file) pairs of labelled rows to measure on besides dev and test; they are named in the card.

    Returns:
        The folder of the released model.
    """
    settings = load_config(config)
    checkpoint = Path(settings.training.output)
    partial = checkpoint.with_name(checkpoint.name + ".partial")
    if partial.exists() or not checkpoint.exists():
        train(config, resume=resume)
    made = read_training(checkpoint)
    if load_config(made["config"]) != settings or made["data"]["train"]["sha256"] != new_task(settings).data["train"]["sha256"]:
        raise InputError(f"{checkpoint}: was trained with another config or on other data. Remove it, and run this again.")
    if settings.task == "quotes":
        scores = span_scores(read_articles(str(settings.data.dev)), load_tagger(checkpoint, "torch"))
        return _place(checkpoint, RELEASED_TAGGER, {MODEL_CARD: tagger_card(made, scores, str(config))})
    small = _halved(checkpoint)
    model = StanceModel.from_pretrained(small, "torch")
    model.name = DEFAULT_MODEL
    reports = [(f"corpus, {split}", evaluate(model, split=split, slices=["kind"], n_errors=n)) for split, n in (("dev", 8), ("test", 0))]
    for title, path in extra:
        has_kinds = "kind" in read_table(path)[0]
        reports.append((title, replace(evaluate(model, path, slices=["kind"] if has_kinds else [], n_errors=0), data=title)))
    probes = probe(model)
    evaluation = {**{title: report.to_dict() for title, report in reports}, "probes": probes.to_dict()}
    card = model_card(made, reports, probes, model, str(config))
    try:
        return _place(small, Path(str(files("stance") / "weights")), {MODEL_CARD: card, "evaluation.json": json.dumps(evaluation, indent=1) + "\n"})
    finally:
        shutil.rmtree(small)


def _halved(checkpoint: Path) -> Path:
    """Put a checkpoint beside itself in half precision, which keeps the package small."""
    import torch

    folder = checkpoint.with_name(checkpoint.name + ".half")
    shutil.rmtree(folder, ignore_errors=True)
    model = StanceModel.from_pretrained(checkpoint, "torch")
    model.network.to(torch.float16)
    with quiet():
        model.save_pretrained(folder)
    shutil.copy(checkpoint / CONFIG_FILE, folder / CONFIG_FILE)
    return folder


def _place(checkpoint: Path, folder: Path, texts: dict[str, str]) -> Path:
    """Put a checkpoint's files, and texts beside them, where the package looks for them: all or nothing."""
    new = folder.with_name(folder.name + ".new")
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir()
    for name in _PACKAGED:
        if (checkpoint / name).exists():
            shutil.copy(checkpoint / name, new / name)
    for name, text in texts.items():
        (new / name).write_text(text, encoding="utf-8")
    shutil.rmtree(folder, ignore_errors=True)
    os.replace(new, folder)
    return folder


def tagger_card(training: dict[str, Any], scores: dict[str, float], config: str) -> str:
    """Write the card of a released tagger.

    Args:
        training: The checkpoint's `training.json`.
        scores: Of the released weights on dev, as `span_scores` gives them.
        config: The config file, for the command.

    Returns:
        Markdown.
    """
    others = training["config"]["training"].get("average_with", [])
    return _TAGGER_CARD.format(
        **_facts(training, config),
        dtype=training["config"]["training"]["save_dtype"],
        first="".join(f" a training into {other}, and" for other in others),
        mean=f" They are the mean with the weights of {', '.join(others)}, trained from the same start (docs/training.md)." if others else "",
        rows="\n".join(f"| {role} | " + " | ".join(f"{100 * scores[f'{role}_{name}']:.1f}" for name in ("precision", "recall", "f1")) + " |" for role in ROLES),
    )


def _facts(training: dict[str, Any], config: str) -> dict[str, Any]:
    """What both cards say of a training: its encoder, data, settings and machine."""
    settings, data = training["config"], training["data"]
    return {
        "encoder": settings["model"]["encoder"],
        "max_length": settings["model"]["max_length"],
        "seed": settings["training"]["seed"],
        "epoch": f"{training['best_epoch']:g}",
        "n_train": data["train"]["n_examples"],
        "n_dev": data["dev"]["n_examples"],
        "learned": _learned(data, settings),
        "chosen": f"the {data['dev']['n_examples']:,} of dev" + (f" ({data['real_dev']['n_examples']:,} of them real)" if "real_dev" in data else ""),
        "sha": data["train"]["sha256"][:16],
        "config": config,
        "trained": ", ".join(f"{key} {value}" for key, value in training["environment"].items()),
    }


def _learned(data: dict[str, Any], settings: dict[str, Any]) -> str:
    """What a stance model learned from, in words."""
    n_real = data.get("real", {}).get("n_examples", 0)
    n_bare = data.get("unlabelled", {}).get("n_examples", 0)
    words = f"the corpus's training split ({data['train']['n_examples'] - n_real:,} statements"
    words += f") and {n_real:,} real statements (their labels ship, their text, other people's, does not" if n_real else ""
    words += f"; sha256 {data['train']['sha256'][:16]}...)"
    if settings["distill"]["teachers"]:
        words += f", taught by `{'`, `'.join(settings['distill']['teachers'])}` (`configs/teacher.yaml`)"
        around = " and sentences around such" if settings["distill"]["neighbours"] else ""
        words += f", also on real statements{around} without a label ({n_bare:,}" if n_bare else ""
        words += f", of which those that it calls neutral were cut down to {100 * settings['distill']['neutral_share']:.0f} %)" if n_bare else ""
    if n_real or n_bare:
        words += ". Without that text `configs/train.yaml` trains on the corpus alone, and gives the lower score of `docs/experiments.md`"
    return words


def _interval(bounds: list[float] | None) -> str:
    return f" ({100 * bounds[0]:.1f}-{100 * bounds[1]:.1f})" if bounds else ""


def model_card(training: dict[str, Any], reports: list[tuple[str, EvaluationReport]], probes: ProbeReport, model: StanceModel, config: str) -> str:
    """Write the card of a released model from what was measured.

    Args:
        training: The checkpoint's `training.json`.
        reports: (title, report) pairs, in order, the first of the corpus's dev split.
        probes: What its labels hang on.
        model: The model itself, for its calibration.
        config: The config file, for the command.

    Returns:
        Markdown.
    """
    settings = training["config"]
    rows = []
    for title, report in reports:
        for name, metrics, intervals in (
            (f"**{report.model}**", report.metrics, report.intervals),
            *((name, b["metrics"], b["intervals"]) for name, b in report.baselines.items()),
        ):
            low, high = intervals["macro_f1"]
            per_label = " / ".join(f"{100 * metrics['per_label'][label]['f1']:.1f}" for label in training["labels"])
            rows.append(
                f"| {title} ({metrics['n_examples']}) | {name} | {100 * metrics['macro_f1']:.1f} ({100 * low:.1f}-{100 * high:.1f}) | "
                f"{per_label} | {metrics['ece']:.3f} |"
            )
    now = describe_environment()
    return _CARD.format(
        **_facts(training, config),
        name=DEFAULT_MODEL,
        second=" and ".join(name for name in ("target", "speaker", "context") if settings["model"][f"use_{name}"]) or "nothing",
        rows="\n".join(rows),
        kinds="\n".join(
            f"| {title} | {kind} ({found['n_examples']}) | {100 * found['macro_f1']:.1f}{_interval(found['interval'])} |"
            for title, report in reports
            for kind, found in report.slices.get("kind", {}).items()
        ),
        probes="\n".join(
            f"| {result.name} | {result.counted} | {100 * result.rate:.1f} | {result.n_right} of {result.n_examples} |"
            for result in probes.results
            if result.n_examples
        ),
        calibrated=f"{model.calibration.n_examples:,}" if model.calibration else "no",
        risks="\n".join(
            f"| {title} | " + " | ".join(f"{100 * risk:.1f}" for share, risk in zip(*curve.values(), strict=True) if round(100 * share) % 20 == 0) + " |"
            for title, report in reports
            for curve in [{key: report.metrics["risk_coverage"][key] for key in ("coverage", "risk")}]
        ),
        target="It was trained with other words for negotiating and with unrelated targets; what it makes of a target in between is not known."
        if settings["data"]["other_targets"]
        else "`target` is an input, but the training text knows one target, negotiations; other targets are not to be trusted.",
        failures="\n".join(f"- {e['label']} called {e['predicted']} ({e['confidence']:.2f}): {e['text']}" for e in reports[0][1].errors),
        measured=now.get("commit", "unknown"),
    )


_TAGGER_CARD = """---
license: apache-2.0
language: en
library_name: transformers
pipeline_tag: token-classification
base_model: {encoder}
tags: [quotation-attribution, news]
---

# quotes-minilm

Tags the words of an English news text as source, cue and content of attributions, and links them. `stance.extract_quotes` reads with it
and with rules for quotation marks together; `extractor="rules"` leaves it out.

- **Made from** {encoder} (22 M parameters, Apache-2.0), fine-tuned on {n_train} articles (sha256 {sha}...) of PolNeAR v1.0.0,
  epoch {epoch} chosen on the {n_dev} of its dev split, seed {seed}.{mean} Weights on disk are {dtype}.
- **PolNeAR states no licence.** None of its text is in this folder; whether weights trained on it carry any right of its makers is
  not settled. Where that matters, use `extractor="rules"`, or train on articles of your own.
- **Windows** of {max_length} word pieces, overlapping by a fifth.
- **Again**: `python scripts/read_polnear.py` for train and dev, then{first} `python scripts/release.py {config}`.

## Figures

Exact spans on dev, in percent, of the weights as they lie here. The epoch was chosen on the same articles.
`docs/quotes.md` has the figures of the whole extraction.

| role | precision | recall | F1 |
|---|---|---|---|
{rows}

Trained with {trained}.

## Limits

- US news of 2016 in English, much of it on one election. It knows the reporting habits of that press.
- Plans, votes and moods are attributions in PolNeAR; the extraction leaves out those without a source, and those whose cue is no word of speaking,
  writing or believing.
- The encoder reads lower-cased text; capitals and quotation marks reach it as marks of shape.
"""

_CARD = """---
license: apache-2.0
language: en
library_name: transformers
pipeline_tag: text-classification
base_model: {encoder}
tags: [stance-detection, negotiations, news]
---

# {name}

Labels a quoted statement from English news text as `support`, `oppose` or `neutral` toward negotiating. The labels are
defined in `docs/annotation-guidelines.md`. It works offline with the package that carries it.

- **Made from** {encoder} (22 M parameters, Apache-2.0), fine-tuned on {learned}.
  Epoch {epoch} chosen by macro-F1 on {chosen}, seed {seed}. Half precision on disk.
- **Input**: the statement as first segment, {second} as second; {max_length} tokens together.
- **Again**: `make release`, that is `python scripts/release.py {config}`; rows other than the corpus's are named with `--rows TITLE=FILE`.

## Figures

Macro-F1 in percent (95 % bootstrap interval over matters, or statements where there are none), F1 of
support / oppose / neutral, expected calibration error. No matter of dev or test is in train. The epoch and the
temperature were chosen on dev, so dev flatters; test was read once, for this card.

| rows (statements) | system | macro-F1 | F1 by label | ECE |
|---|---|---|---|---|
{rows}

Macro-F1 by kind of statement:

| rows | kind (statements) | macro-F1 |
|---|---|---|
{kinds}

Of the labels given, the share that is wrong, in percent, where only the surest are answered:

| rows | 20 % answered | 40 % | 60 % | 80 % | all |
|---|---|---|---|---|---|
{risks}

What its labels hang on (corpus, dev; `stance evaluate --probe`):

| changed | counted | rate | statements |
|---|---|---|---|
{probes}

Trained with {trained}; measured at commit {measured}.

## Failure cases

What it is wrong about and surest of, in the corpus's dev split:

{failures}

## Limits

- The corpus was written for this purpose, by language models under the guidelines, and no real person speaks in it. Real news
  differs: expect lower scores than on the corpus, and look at the real-text row above where there is one.
- TF-IDF's scores on dev and test are biased downwards by how the corpus was filtered (`stance/corpus/README.md`); on real text they are not.
  The real statements, where there is a row of them, were used to choose what the input holds (`docs/experiments.md`), never to train.
- English only. Statements that rest on knowledge of the day's events are often missed, and so is irony.
- {target}
- Probabilities were calibrated on {calibrated} held-out statements; on text unlike these they are too sure of themselves.
- It judges one statement at a time. Do not publish a person's position on the strength of a single label; read the statement.
"""
