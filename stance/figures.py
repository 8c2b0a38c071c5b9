"""Reports -> matplotlib figures: what a paper or a slide needs, with titles, axes and counts complete.

Comes in: the numbers that reports hold. Goes out: a `Figure` that a notebook shows and `save` writes as SVG and PNG. Nothing here touches
pyplot's global state, so that a hundred figures in a loop leak nothing. Colours: Okabe and Ito's palette.
"""

import importlib.util
import io
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stance.errors import MissingExtraError
from stance.labels import LABELS
from stance.shares import UNKNOWN, Shares

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLORS = {"support": "#0072b2", "oppose": "#d55e00", "neutral": "#999999"}
_INK = "#0b3c5d"


def plot_confusion(metrics: dict[str, Any], title: str) -> "Figure":
    """Draw a confusion matrix: counts, shaded by the share of the row.

    Args:
        metrics: As `metrics.score` gives them.
        title: Of the figure.
    """
    figure, axes = _new(title, 4.6, 4.2)
    table = metrics["confusion"]
    shares = [[n / (sum(row) or 1) for n in row] for row in table]
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for i, row in enumerate(table):
        for j, n in enumerate(row):
            axes.text(j, i, f"{n}\n{100 * shares[i][j]:.0f} %", ha="center", va="center", color="white" if shares[i][j] > 0.55 else "black")
    axes.set_xticks(range(len(LABELS)), LABELS)
    axes.set_yticks(range(len(LABELS)), [f"{label}\n({sum(row)})" for label, row in zip(LABELS, table, strict=True)])
    axes.set_xlabel("label given")
    axes.set_ylabel("label in the data (statements)")
    return figure


def plot_reliability(metrics: dict[str, Any], title: str) -> "Figure":
    """Draw how often the model is right against how sure it is, and how many statements that rests on.

    Args:
        metrics: As `metrics.score` gives them, with `reliability`.
        title: Of the figure.
    """
    figure, axes = _new(title, 5.2, 4.4)
    bins = metrics["reliability"]
    most = max((b["n_examples"] for b in bins), default=1)
    axes.plot([0, 1], [0, 1], color="#777777", linestyle="--", linewidth=1, label="calibrated")
    axes.bar(
        [b["confidence"] for b in bins], [0.25 * b["n_examples"] / most for b in bins], width=0.03, color="#cccccc", label=f"statements (highest bar: {most})"
    )
    axes.plot([b["confidence"] for b in bins], [b["accuracy"] for b in bins], marker="o", color=_INK, label="model")
    axes.set(xlim=(0.3, 1.01), ylim=(0, 1.02), xlabel="probability of the label given (mean of the bin)", ylabel="share of labels that are right")
    axes.set_title(f"{_plain(title)}\nexpected calibration error {metrics['ece']:.3f}, n = {metrics['n_examples']}")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=3, frameon=False)
    return figure


def plot_risk_coverage(metrics: dict[str, Any], title: str) -> "Figure":
    """Draw the share of wrong labels where only the surest statements are answered.

    Args:
        metrics: As `metrics.score` gives them, with `risk_coverage`.
        title: Of the figure.
    """
    figure, axes = _new(title, 5.2, 3.8)
    curve = metrics["risk_coverage"]
    axes.plot([100 * share for share in curve["coverage"]], [100 * risk for risk in curve["risk"]], marker="o", markersize=3, color=_INK)
    axes.set(xlim=(0, 101), xlabel="statements answered, the surest first (%)", ylabel="of these wrong (%)")
    axes.set_ylim(bottom=0)
    axes.text(0.02, 0.94, f"mean risk {100 * curve['aurc']:.1f} %, n = {metrics['n_examples']}", transform=axes.transAxes)
    return figure


def plot_slices(values: dict[str, Any], column: str, title: str) -> "Figure":
    """Draw macro-F1 of the rows of each value of a column, with intervals.

    Args:
        values: Of one column, as `EvaluationReport.slices` holds them.
        column: Its name.
        title: Of the figure.
    """
    names = list(values)
    figure, axes = _new(title, 6.0, 1.2 + 0.42 * len(names))
    for i, name in enumerate(reversed(names)):
        found = values[name]
        if found["interval"]:
            axes.plot([100 * bound for bound in found["interval"]], [i, i], color=_INK, linewidth=2)
        axes.plot(100 * found["macro_f1"], i, marker="o", color=_INK)
    axes.set_yticks(range(len(names)), [_plain(f"{name} ({values[name]['n_examples']})") for name in reversed(names)])
    axes.set(xlim=(0, 100), ylim=(-0.6, len(names) - 0.4), xlabel="macro-F1 (%), 95 % interval", ylabel=f"{column} (statements)")
    return figure


def plot_shares(shares: Shares, title: str, n_groups: int = 12) -> "Figure":
    """Draw shares of stances: over time where they are by month, else a line per group.

    Args:
        shares: As `stance.shares` gives them.
        title: Of the figure.
        n_groups: At most so many groups, the largest.
    """
    groups = [shares.rows[i : i + len(LABELS)] for i in range(0, len(shares.rows), len(LABELS))]
    over_time = shares.by == "month"
    groups = sorted((g for g in groups if g[0].group != UNKNOWN), key=lambda g: g[0].group) if over_time else groups[:n_groups][::-1]
    figure, axes = _new(title, 6.4, 4.0 if over_time else 1.3 + 0.5 * len(groups))
    names = [_plain(f"{g[0].group} ({g[0].n_statements})") for g in groups]
    for k, label in enumerate(LABELS):
        rows = [group[k] for group in groups]
        best = [100 * (row.raw if row.corrected is None else row.corrected) for row in rows]
        bounds = [(100 * (row.low or 0), 100 * (row.high or 0)) if row.corrected is not None else None for row in rows]
        places = [i + 0.12 * (k - 1) for i in range(len(rows))]
        for place, bound in zip(places, bounds, strict=True):
            if bound and over_time:
                axes.plot([place, place], bound, color=COLORS[label], linewidth=2, alpha=0.6)
            elif bound:
                axes.plot(bound, [place, place], color=COLORS[label], linewidth=2, alpha=0.6)
        if over_time:
            axes.plot(places, best, marker="o", color=COLORS[label], label=label)
        else:
            axes.plot(best, places, marker="o", linestyle="none", color=COLORS[label], label=label)
    corrected = any(row.corrected is not None for row in shares.rows)
    text = "share (%), corrected, 95 % interval" if corrected else "share (%), as counted"
    if over_time:
        axes.set_xticks(range(len(names)), names, rotation=45, ha="right")
        axes.set(ylim=(0, 100), ylabel=text, xlabel="month (statements)")
    else:
        axes.set_yticks(range(len(names)), names)
        axes.set(xlim=(0, 100), xlabel=text, ylabel=f"{shares.by} (statements)")
    axes.legend(frameon=False, ncols=3, loc="lower center", bbox_to_anchor=(0.5, 1.0))
    axes.set_title(_plain(title), pad=26)
    return figure


def plot_learning_curve(points: Sequence[dict[str, float]], title: str) -> "Figure":
    """Draw macro-F1 against the number of training statements, a dot per run and a line through the means.

    Args:
        points: `n_examples` and `macro_f1` of each run, and `share` where runs of like size belong together.
        title: Of the figure.
    """
    figure, axes = _new(title, 5.6, 3.8)
    axes.plot([p["n_examples"] for p in points], [100 * p["macro_f1"] for p in points], marker="o", linestyle="none", color=_INK, alpha=0.6)
    shares = [[p for p in points if p.get("share", p["n_examples"]) == share] for share in sorted({p.get("share", p["n_examples"]) for p in points})]
    sizes = [statistics.mean(p["n_examples"] for p in found) for found in shares]
    means = [statistics.mean(100 * p["macro_f1"] for p in found) for found in shares]
    axes.plot(sizes, means, color=_INK)
    axes.set(xlabel="training statements", ylabel="macro-F1 (%)")
    return figure


def save(figure: "Figure", path: str | Path) -> list[Path]:
    """Write a figure as SVG and PNG, each whole or not at all.

    Args:
        figure: Any of the above.
        path: Without an ending, which is added.

    Returns:
        The two files.
    """
    written = []
    for ending in ("svg", "png"):
        target = Path(f"{path}.{ending}")
        temporary = target.with_name(target.name + ".tmp")
        figure.savefig(temporary, format=ending, dpi=150, bbox_inches="tight", metadata={"Date": None} if ending == "svg" else None)
        temporary.replace(target)
        written.append(target)
    return written


def _plain(text: str) -> str:
    """A text in which matplotlib looks for no formula."""
    return text.replace("$", r"\$")


def _new(title: str, width: float, height: float) -> "tuple[Figure, Axes]":
    if importlib.util.find_spec("matplotlib") is None:
        raise MissingExtraError("matplotlib", "report")
    from matplotlib.figure import Figure

    class Shown(Figure):
        """A figure that a notebook shows without pyplot."""

        def _repr_png_(self) -> bytes:
            buffer = io.BytesIO()
            self.savefig(buffer, format="png", dpi=110, bbox_inches="tight")
            return buffer.getvalue()

    figure = Shown(figsize=(width, height), layout="constrained")
    axes = figure.add_subplot()
    axes.set_title(_plain(title))
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    return figure, axes
