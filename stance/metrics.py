"""y_true and y_prob -> numbers and intervals. Knows no model and no file.

Labels are given as rows of `LABELS` (0 support, 1 oppose, 2 neutral). scikit-learn computes the scores; intervals are
95 % percentile bootstraps that resample whole clusters (matters), since statements on one matter are alike.
Expected calibration error: Naeini et al. 2015 (AAAI), equal-width bins of the top probability.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.metrics import accuracy_score, confusion_matrix, precision_recall_fscore_support

from stance.labels import LABELS

N_LABELS = len(LABELS)
TWENTIETHS = tuple(i / 20 for i in range(1, 21))


def score(y_true: ArrayLike, y_prob: ArrayLike) -> dict[str, Any]:
    """Compute all point scores.

    Args:
        y_true: Gold labels, shape (n_examples,).
        y_prob: Probabilities, shape (n_examples, n_labels); rows sum to 1.

    Returns:
        `macro_f1`, `f1_support_oppose` (mean of the two), `accuracy`, `ece`, `brier`, `reliability`, `n_examples`, `per_label`
        (precision, recall, f1, n_examples each) and `confusion` (rows gold, columns predicted, in label order).
    """
    true, prob = np.asarray(y_true), np.asarray(y_prob, dtype=float)
    pred = prob.argmax(axis=1)
    precision, recall, f1, count = precision_recall_fscore_support(true, pred, labels=range(N_LABELS), zero_division=0)
    return {
        "n_examples": len(true),
        "macro_f1": float(np.mean(f1)),
        "f1_support_oppose": float((f1[0] + f1[1]) / 2),
        "accuracy": float(accuracy_score(true, pred)),
        "ece": expected_calibration_error(true, prob),
        "reliability": reliability(true, prob),
        "brier": float(np.mean(np.sum((prob - np.eye(N_LABELS)[true]) ** 2, axis=1))),
        "per_label": {
            label: {
                "precision": float(precision[i]),
                "recall": float(recall[i]),
                "f1": float(f1[i]),
                "n_examples": int(count[i]),
            }
            for i, label in enumerate(LABELS)
        },
        "confusion": confusion_matrix(true, pred, labels=range(N_LABELS)).tolist(),
    }


def expected_calibration_error(y_true: ArrayLike, y_prob: ArrayLike, n_bins: int = 15) -> float:
    """Mean gap between confidence and accuracy over equal-width bins of confidence, weighted by bin size.

    Args:
        y_true: Gold labels, shape (n_examples,).
        y_prob: Probabilities, shape (n_examples, n_labels).
        n_bins: How many bins.

    Returns:
        0 (calibrated) to 1.
    """
    bins = reliability(y_true, y_prob, n_bins)
    return float(sum(b["n_examples"] * abs(b["accuracy"] - b["confidence"]) for b in bins) / sum(b["n_examples"] for b in bins))


def reliability(y_true: ArrayLike, y_prob: ArrayLike, n_bins: int = 15) -> list[dict[str, Any]]:
    """How often a model is right against how sure it is, in equal-width bins of the top probability.

    Args:
        y_true: Gold labels, shape (n_examples,).
        y_prob: Probabilities, shape (n_examples, n_labels).
        n_bins: How many bins; empty ones are left out.

    Returns:
        For each bin its mean `confidence`, its `accuracy` and `n_examples`, the least sure first.
    """
    true, prob = np.asarray(y_true), np.asarray(y_prob, dtype=float)
    confidence = prob.max(axis=1)
    correct = prob.argmax(axis=1) == true
    bins = np.minimum((confidence * n_bins).astype(int), n_bins - 1)
    return [
        {"confidence": float(confidence[bins == b].mean()), "accuracy": float(correct[bins == b].mean()), "n_examples": int((bins == b).sum())}
        for b in np.unique(bins)
    ]


def risk_coverage(y_true: ArrayLike, y_prob: ArrayLike, shares: Sequence[float] = TWENTIETHS) -> dict[str, Any]:
    """How wrong a model is where it answers only what it is surest of.

    Args:
        y_true: Gold labels, shape (n_examples,).
        y_prob: Probabilities, shape (n_examples, n_labels).
        shares: Shares of the examples to answer, each above 0 and at most 1.

    Returns:
        `coverage` (the shares), `risk` (of the labels given, the share that is wrong, for each) and `aurc`, the mean risk over
        all numbers of answers: Geifman and El-Yaniv 2017 (NeurIPS), "Selective Classification for Deep Neural Networks".
    """
    true, prob = np.asarray(y_true), np.asarray(y_prob, dtype=float)
    order = np.argsort(-prob.max(axis=1), kind="stable")
    wrong = (prob.argmax(axis=1) != true)[order]
    risk = np.cumsum(wrong) / np.arange(1, len(true) + 1)
    answered = [max(1, round(share * len(true))) for share in shares]
    return {"coverage": list(shares), "risk": [float(risk[n - 1]) for n in answered], "aurc": float(risk.mean())}


@dataclass(frozen=True)
class Bootstrap:
    """Scores of many resamplings, shape (n_resamples,) each, for intervals and for paired differences."""

    scores: dict[str, NDArray[np.float64]]

    def intervals(self, level: float = 0.95) -> dict[str, tuple[float, float]]:
        """Return (low, high) of each score."""
        tail = 100 * (1 - level) / 2
        return {name: (float(np.percentile(values, tail)), float(np.percentile(values, 100 - tail))) for name, values in self.scores.items()}


def bootstrap(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    clusters: Sequence[str] | None = None,
    *,
    n_resamples: int = 2000,
    seed: int = 0,
) -> Bootstrap:
    """Resample clusters and score each resampling.

    Args:
        y_true: Gold labels, shape (n_examples,).
        y_pred: Predicted labels, shape (n_examples,).
        clusters: The cluster of each example, such as its matter; each example is its own where absent or "".
        n_resamples: How often.
        seed: The same seed resamples the same clusters, so that two systems on the same rows can be paired.

    Returns:
        `macro_f1`, `f1_support_oppose`, `accuracy` and `f1_<label>` of each resampling.
    """
    tables = _tables(y_true, y_pred, clusters)
    n_clusters = len(tables)
    draws = np.random.default_rng(seed).integers(n_clusters, size=(n_resamples, n_clusters))
    weights = np.zeros((n_resamples, n_clusters))
    np.add.at(weights, (np.repeat(np.arange(n_resamples), n_clusters), draws.ravel()), 1)
    tables = np.tensordot(weights, tables, axes=1)  # (n_resamples, n_labels, n_labels)
    hits, f1 = np.diagonal(tables, axis1=1, axis2=2), _f1(tables)
    scores = {
        "macro_f1": f1.mean(axis=1),
        "f1_support_oppose": f1[:, :2].mean(axis=1),
        "accuracy": hits.sum(axis=1) / tables.sum(axis=(1, 2)),
        **{f"f1_{label}": f1[:, i] for i, label in enumerate(LABELS)},
    }
    return Bootstrap(scores)


def _tables(y_true: ArrayLike, y_pred: ArrayLike, clusters: Sequence[str] | None) -> NDArray[np.float64]:
    """Confusion matrices of the clusters, shape (n_clusters, n_labels, n_labels)."""
    true, pred = np.asarray(y_true), np.asarray(y_pred)
    names = [name or f"\0{i}" for i, name in enumerate(clusters or [""] * len(true))]
    _, index = np.unique(names, return_inverse=True)
    tables = np.zeros((int(index.max()) + 1, N_LABELS, N_LABELS))
    np.add.at(tables, (index, true, pred), 1)
    return tables


def _f1(tables: NDArray[np.float64]) -> NDArray[np.float64]:
    """F1 of each label, shape (n, n_labels), of confusion matrices, shape (n, n_labels, n_labels); 0 where a label is nowhere."""
    hits = np.diagonal(tables, axis1=1, axis2=2)
    total = tables.sum(axis=1) + tables.sum(axis=2)
    return np.asarray(np.divide(2 * hits, total, out=np.zeros_like(hits), where=total > 0))


def permutation_test(
    y_true: ArrayLike, y_pred: ArrayLike, other: ArrayLike, clusters: Sequence[str] | None = None, *, n_resamples: int = 10_000, seed: int = 0
) -> float:
    """Test whether two systems' macro-F1 on the same rows differ by more than chance.

    Whole clusters change sides, since statements on one matter are right or wrong together. Noreen 1989, "Computer-Intensive
    Methods for Testing Hypotheses" (approximate randomisation).

    Args:
        y_true: Gold labels, shape (n_examples,).
        y_pred: One system's labels, shape (n_examples,).
        other: The other system's labels, shape (n_examples,).
        clusters: The cluster of each example; each example is its own where absent or "".
        n_resamples: How often sides are drawn.
        seed: Of the draws.

    Returns:
        The two-sided p-value, above 0 and at most 1.
    """
    ours, theirs = _tables(y_true, y_pred, clusters), _tables(y_true, other, clusters)
    total, gap = ours.sum(axis=0) + theirs.sum(axis=0), ours - theirs
    sides = np.random.default_rng(seed).choice((-1.0, 1.0), size=(n_resamples, len(gap)))

    def difference(signed: NDArray[np.float64]) -> NDArray[np.float64]:
        drawn = np.tensordot(signed, gap, axes=1)  # (n, n_labels, n_labels)
        return np.asarray(_f1((total + drawn) / 2).mean(axis=1) - _f1((total - drawn) / 2).mean(axis=1))

    found = float(abs(difference(np.ones((1, len(gap))))[0]))
    return float((1 + np.sum(np.abs(difference(sides)) >= found - 1e-12)) / (1 + n_resamples))


def mcnemar(y_true: ArrayLike, y_pred: ArrayLike, other: ArrayLike) -> dict[str, float]:
    """McNemar's exact test: whether one of two systems is right where the other is wrong more often than the reverse.

    Args:
        y_true: Gold labels, shape (n_examples,).
        y_pred: One system's labels, shape (n_examples,).
        other: The other system's labels, shape (n_examples,).

    Returns:
        `only_first` and `only_second`: rows that one alone has right; `p`: two-sided, 1 where there are none.
    """
    from scipy.stats import binomtest

    true = np.asarray(y_true)
    first, second = np.asarray(y_pred) == true, np.asarray(other) == true
    b, c = int(np.sum(first & ~second)), int(np.sum(second & ~first))
    return {"only_first": b, "only_second": c, "p": float(binomtest(b, b + c, 0.5).pvalue) if b + c else 1.0}


def macro_f1(y_true: ArrayLike, y_pred: ArrayLike) -> float:
    """Mean F1 over the three labels; one that neither occurs nor is predicted counts 0."""
    _, _, f1, _ = precision_recall_fscore_support(y_true, y_pred, labels=range(N_LABELS), zero_division=0)
    return float(np.mean(f1))


def corrected_shares(counts: ArrayLike, confusion: ArrayLike, n_steps: int = 200) -> NDArray[np.float64]:
    """Estimate how often each label is true from how often a model gives it and how it errs.

    The shares of highest likelihood, by expectation maximisation from equal shares: Saerens, Latinne and Decaestecker 2002 (Neural Computation).
    It rests on one assumption: that the model mistakes one label for another as often as it did on the held-out statements.

    Args:
        counts: Statements by predicted label, shape (..., n_labels).
        confusion: Held-out statements by label and predicted label, shape (..., n_labels, n_labels); every label needs some.
        n_steps: Of the maximisation.

    Returns:
        Shares, shape (..., n_labels); they sum to 1.
    """
    n, table = np.asarray(counts, dtype=float), np.asarray(confusion, dtype=float)
    table = table + 1e-9  # a label that the model never gave is not impossible
    errors = table / table.sum(axis=-1, keepdims=True)  # p(predicted | true)
    observed = n / n.sum(axis=-1, keepdims=True)
    shares = np.broadcast_to(np.full(N_LABELS, 1 / N_LABELS), observed.shape)
    for _ in range(n_steps):
        expected = np.einsum("...j,...jk->...k", shares, errors)
        ratio = np.divide(observed, expected, out=np.zeros_like(expected), where=expected > 0)
        shares = shares * np.einsum("...jk,...k->...j", errors, ratio)
        shares = shares / shares.sum(axis=-1, keepdims=True)
    return np.asarray(shares)


def share_intervals(
    counts: ArrayLike, confusion: ArrayLike, *, n_resamples: int = 1000, seed: int = 0, level: float = 0.95
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Bootstrap intervals of `corrected_shares`: articles are drawn anew, and so are the held-out statements.

    One statement of no label is drawn among them, so that a few that agree do not look certain. Percentiles, further out the
    fewer the articles: Hesterberg 2015 (The American Statistician), "What Teachers Should Know About the Bootstrap".

    Args:
        counts: Statements by article and predicted label, shape (n_articles, n_labels).
        confusion: As there, shape (n_labels, n_labels).
        n_resamples: How often.
        seed: Of the draws.
        level: Of the interval.

    Returns:
        Lower and upper bounds, shape (n_labels,) each.
    """
    from scipy.stats import norm, t

    n, table = np.asarray(counts, dtype=float), np.asarray(confusion, dtype=int)
    n = np.vstack([n, np.full(N_LABELS, 1 / N_LABELS)])  # or three statements that agree would leave nothing to doubt
    draw = np.random.default_rng(seed)
    weights = draw.multinomial(len(n), np.full(len(n), 1 / len(n)), size=n_resamples)  # (n_resamples, n_articles)
    drawn = weights @ n
    tables = np.stack([draw.multinomial(row.sum(), row / row.sum(), size=n_resamples) for row in table], axis=1)  # (n_resamples, n_labels, n_labels)
    found = corrected_shares(drawn, tables)
    free = len(n) - 1
    tail = 100 * float(norm.cdf(np.sqrt(1 + 1 / free) * t.ppf((1 - level) / 2, free)))
    return np.percentile(found, tail, axis=0), np.percentile(found, 100 - tail, axis=0)


def krippendorff_alpha(readings: Sequence[Sequence[Any]]) -> float:
    """Agreement of readers beyond chance, for nominal values.

    Args:
        readings: For each unit, the values that its readers gave (None where one gave none).

    Returns:
        1 for perfect agreement, 0 for chance, nan where no unit was read twice; 1 where only one value was ever given.
        Krippendorff 2011, "Computing Krippendorff's Alpha-Reliability".
    """
    coincidences: Counter[tuple[Any, Any]] = Counter()
    for unit in readings:
        given = [value for value in unit if value is not None]
        for i, one in enumerate(given):
            for j, other in enumerate(given):
                if i != j:
                    coincidences[one, other] += 1 / (len(given) - 1)  # type: ignore[assignment]
    totals: Counter[Any] = Counter()
    for (one, _), count in coincidences.items():
        totals[one] += count
    n = sum(totals.values())
    if n == 0:
        return float("nan")
    expected = sum(a * b for x, a in totals.items() for y, b in totals.items() if x != y) / (n - 1)
    observed = sum(count for (one, other), count in coincidences.items() if one != other)
    return 1.0 if expected == 0 else float(1 - observed / expected)
