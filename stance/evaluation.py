"""Checkpoint and labelled rows -> `EvaluationReport`: scores with intervals, beside baselines on the same rows.

Comes in: a model and a corpus split, file or examples. Goes out: a report as JSON and Markdown. The baselines learn from
the training split of the shipped corpus, or from a file that the caller names; rows are never shared between them.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stance.baselines import BASELINES
from stance.corpora import CORPUS, name_of, read_column, read_examples
from stance.environment import describe_environment
from stance.errors import InputError
from stance.labels import LABEL_TO_ID, LABELS
from stance.metrics import Bootstrap, bootstrap, mcnemar, permutation_test, risk_coverage, score
from stance.modeling import StanceModel, load
from stance.records import DEFAULT_MODEL, DEFAULT_TARGET, Example
from stance.reporting import ComparisonReport, EvaluationReport
from stance.splits import check_no_leak

_FEWEST_CLUSTERS, _FEWEST_ROWS = 5, 20


def evaluate(
    model: str | Path | StanceModel = DEFAULT_MODEL,
    data: str | Path | Iterable[Example | Mapping[str, Any]] = CORPUS,
    *,
    split: str = "dev",
    columns: Mapping[str, str] | None = None,
    labels: Mapping[str, str] | None = None,
    target: str = DEFAULT_TARGET,
    train: str | Path | Iterable[Example | Mapping[str, Any]] = CORPUS,
    baselines: bool = True,
    slices: Sequence[str] = (),
    n_errors: int = 10,
    batch_size: int = 32,
    n_resamples: int = 2000,
    seed: int = 0,
) -> EvaluationReport:
    """Score a model on labelled statements, beside baselines on the same rows.

    Args:
        model: A released name, a checkpoint folder, a loaded `StanceModel`, or a folder of several seeds' checkpoints (`training.seeds`):
            the report is then of the first, with the scores of all.
        data: `"corpus"`, a CSV, TSV, JSON or JSON Lines file, or labelled examples.
        split: `dev` or `test`, where `data` is the corpus. Choose on dev; read test once.
        columns: Our field names to the file's.
        labels: The file's label names to ours.
        target: What the stance is about, where a row does not say.
        train: What the baselines learn from; the corpus's training split by default. For a model trained on a file of
            your own name that file (read with the same `columns` and `labels`), or the comparison is not fair.
        baselines: Whether to compute them.
        slices: Columns such as `kind` or `source`; the rows of each of their values are scored apart.
        n_errors: How many of the wrong labels to list, those that the model is surest of first, each with its context.
        batch_size: How much is read at once, in statements of 64 tokens.
        n_resamples: Of the bootstrap.
        seed: Of the bootstrap.

    Returns:
        The report.

    Raises:
        InputError: The rows cannot be read, there are none, or they have no column of a name in `slices`.
        SplitLeakError: Rows to evaluate on stand in what the baselines learn from.
        ModelNotFoundError: There is no such model.
    """
    data = data if isinstance(data, (str, Path)) else list(data)
    if isinstance(model, (str, Path)) and (seeds := sorted(Path(model).glob("seed-*/config.json"))):
        options: dict[str, Any] = {"split": split, "columns": columns, "labels": labels, "target": target, "train": train, "slices": slices}
        options |= {"n_errors": n_errors, "batch_size": batch_size, "n_resamples": n_resamples, "seed": seed}
        reports = [evaluate(path.parent, data, baselines=baselines and path == seeds[0], **options) for path in seeds]
        scores = {path.parent.name: {key: report.metrics[key] for key in _SEED_SCORES} for path, report in zip(seeds, reports, strict=True)}
        return replace(reports[0], seeds=scores)
    rows = read_examples(data, split=split, columns=columns, labels=labels, target=target)
    name = name_of(data, split)
    if not rows:
        raise InputError(f"{name}: holds no rows. Pass at least one labelled statement.")
    gold = np.array([LABEL_TO_ID[str(row.label)] for row in rows])
    clusters = [row.matter for row in rows]
    sliced = {column: read_column(data, column, split=split) for column in slices}
    loaded = load(model, "torch")
    prob = loaded.predict_proba(rows, batch_size)
    resampled = bootstrap(gold, prob.argmax(axis=1), clusters, n_resamples=n_resamples, seed=seed)
    compared = {}
    if baselines:
        named: dict[str, Any] = {} if str(train) == CORPUS else {"columns": columns, "labels": labels, "target": target}
        learned = read_examples(train, split="train", **named)
        check_no_leak(learned, rows, "the evaluated rows")
        for title, baseline in BASELINES.items():
            compared[title] = _compare(gold, baseline(learned, rows), clusters, resampled, n_resamples, seed)
    return EvaluationReport(
        model=loaded.name or "model",
        data=name,
        metrics={**score(gold, prob), "risk_coverage": risk_coverage(gold, prob)},
        intervals={key: list(value) for key, value in resampled.intervals().items()},
        baselines=compared,
        slices={column: _slices(values, gold, prob, clusters, n_resamples, seed) for column, values in sliced.items()},
        n_clusters=len({matter or str(i) for i, matter in enumerate(clusters)}),
        calibrated=loaded.calibration is not None,
        environment=describe_environment(),
        errors=_errors(rows, gold, prob)[:n_errors],
    )


_SEED_SCORES = ("macro_f1", "f1_support_oppose", "accuracy", "ece")


def _errors(rows: Sequence[Example], gold: NDArray[np.int64], prob: NDArray[np.float64]) -> list[dict[str, Any]]:
    """The rows with a wrong label, those that the model is surest of first."""
    wrong = np.flatnonzero(prob.argmax(axis=1) != gold)
    found = []
    for i in wrong[np.argsort(-prob[wrong].max(axis=1), kind="stable")]:
        row = rows[int(i)]
        facts = {"id": row.id, "text": row.text, "speaker": row.speaker, "context": row.context, "label": str(row.label)}
        found.append({**facts, "predicted": LABELS[int(prob[i].argmax())], "confidence": float(prob[i].max())})
    return found


def compare(
    first: str | Path | StanceModel,
    second: str | Path | StanceModel,
    data: str | Path | Iterable[Example | Mapping[str, Any]] = CORPUS,
    *,
    split: str = "dev",
    columns: Mapping[str, str] | None = None,
    labels: Mapping[str, str] | None = None,
    target: str = DEFAULT_TARGET,
    batch_size: int = 32,
    n_resamples: int = 10_000,
    seed: int = 0,
) -> ComparisonReport:
    """Compare two models on the same rows.

    Args:
        first: A released name, a checkpoint folder, or a loaded `StanceModel`.
        second: The same.
        data: `"corpus"`, a CSV, TSV, JSON or JSON Lines file, or labelled examples.
        split: `dev` or `test`, where `data` is the corpus.
        columns: Our field names to the file's.
        labels: The file's label names to ours.
        target: What the stance is about, where a row does not say.
        batch_size: How much is read at once, in statements of 64 tokens.
        n_resamples: Of the bootstrap and of the permutation test.
        seed: Of both.

    Returns:
        Scores of both, the difference with its interval, and two tests of it.

    Raises:
        InputError: The rows cannot be read, or there are none.
        ModelNotFoundError: There is no such model.
    """
    rows = read_examples(data, split=split, columns=columns, labels=labels, target=target)
    name = name_of(data, split)
    if not rows:
        raise InputError(f"{name}: holds no rows. Pass at least one labelled statement.")
    gold = np.array([LABEL_TO_ID[str(row.label)] for row in rows])
    clusters = [row.matter for row in rows]
    models = [load(first, "torch"), load(second, "torch")]
    probs = [model.predict_proba(rows, batch_size) for model in models]
    preds = [prob.argmax(axis=1) for prob in probs]
    draws = [bootstrap(gold, pred, clusters, n_resamples=n_resamples, seed=seed) for pred in preds]
    gap = Bootstrap({"gap": draws[0].scores["macro_f1"] - draws[1].scores["macro_f1"]}).intervals()["gap"]
    apart = np.flatnonzero(preds[0] != preds[1])
    surest = sorted(apart, key=lambda i: -max(probs[0][i].max(), probs[1][i].max()))
    return ComparisonReport(
        models=tuple(model.name or "model" for model in models),
        data=name,
        metrics=tuple(score(gold, prob) for prob in probs),
        intervals=tuple({key: list(value) for key, value in draw.intervals().items()} for draw in draws),
        difference=list(gap),
        permutation_p=permutation_test(gold, preds[0], preds[1], clusters, n_resamples=n_resamples, seed=seed),
        mcnemar=mcnemar(gold, preds[0], preds[1]),
        apart=tuple({"text": rows[i].text, "label": LABELS[gold[i]], "first": LABELS[preds[0][i]], "second": LABELS[preds[1][i]]} for i in surest),
        environment=describe_environment(),
    )


def _slices(values: Sequence[str], gold: NDArray[np.int64], prob: NDArray[np.float64], clusters: Sequence[str], n_resamples: int, seed: int) -> dict[str, Any]:
    """Score the rows of each value of a column apart, the most frequent value first.

    Macro-F1, and the F1 of support and oppose, are over the labels that the rows have; the latter is None where they have neither.
    Of few matters the statements are drawn anew; of few rows there is no interval.
    """
    found = {}
    for value, _ in Counter(values).most_common():
        rows = [i for i, other in enumerate(values) if other == value]
        inside = [clusters[i] for i in rows]
        few = len(set(inside)) < _FEWEST_CLUSTERS
        scores = score(gold[rows], prob[rows])
        present = [label for label in LABELS if scores["per_label"][label]["n_examples"]]
        interval = None
        if len(rows) >= _FEWEST_ROWS:
            resampled = bootstrap(gold[rows], prob[rows].argmax(axis=1), None if few else inside, n_resamples=n_resamples, seed=seed).scores
            low, high = np.percentile(np.mean([resampled[f"f1_{label}"] for label in present], axis=0), [2.5, 97.5])
            interval = [float(low), float(high)]
        f1 = {label: scores["per_label"][label]["f1"] for label in present}
        sides = [f1[label] for label in present if label != "neutral"]
        means = {"macro_f1": float(np.mean(list(f1.values()))), "f1_support_oppose": float(np.mean(sides)) if sides else None}
        found[value or "(none)"] = {**scores, **means, "interval": interval}
    return found


def _compare(gold: NDArray[np.int64], prob: NDArray[np.float64], clusters: list[str], ours: Bootstrap, n_resamples: int, seed: int) -> dict[str, Any]:
    theirs = bootstrap(gold, prob.argmax(axis=1), clusters, n_resamples=n_resamples, seed=seed)
    gap = Bootstrap({"gap": ours.scores["macro_f1"] - theirs.scores["macro_f1"]}).intervals()["gap"]
    return {
        "metrics": score(gold, prob),
        "intervals": {key: list(value) for key, value in theirs.intervals().items()},
        "difference": list(gap),
    }
