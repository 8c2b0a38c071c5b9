"""Reports on articles -> how large a share of the statements supports negotiating, by speaker, outlet or month.

Comes in: reports, one at a time, so that any number will do. Goes out: `Shares`, for each group and label the share as the model
counted it and the share corrected for the model's own errors, with its interval (`metrics.corrected_shares`). A statement counts
under its most probable label, whether or not the model abstained: leaving out what is hard would bend the shares.
"""

import html
import re
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from stance.errors import InputError
from stance.labels import LABELS
from stance.records import Record, Statement

if TYPE_CHECKING:
    import pandas as pd

UNKNOWN = "(unknown)"
_FEWEST_ARTICLES = 5
_MONTH = re.compile(r"\d{4}-\d{2}")
_GROUPS: dict[str, Callable[[Any, Statement], str]] = {
    "all": lambda report, statement: "all",
    "speaker": lambda report, statement: str(statement.quote.speaker or "") or UNKNOWN,
    "kind": lambda report, statement: statement.quote.kind,
    "outlet": lambda report, statement: report.outlet or UNKNOWN,
    "month": lambda report, statement: month_of(report),
}


def month_of(report: Any) -> str:  # noqa: ANN401 - an ArticleReport, which is above this module
    """The month of a report's date, such as `2026-11`."""
    return str(report.date[:7]) if _MONTH.match(report.date or "") else UNKNOWN


def cell(text: str) -> str:
    """A user's text as a cell of a Markdown table: on one line, and no markup of its own."""
    return html.escape(" ".join(text.split()), quote=False).replace("|", "/")


@dataclass(frozen=True, slots=True)
class Share(Record):
    """One label's share of the statements of one group.

    Attributes:
        group: Such as a speaker.
        label: `support`, `oppose` or `neutral`.
        n_statements: Of the group.
        n_articles: That they stand in.
        raw: The share that the model gave the label, 0 to 1.
        corrected: The share that fits best, given how the model errs; None where the checkpoint does not say.
        low: Lower bound of its 95 % interval.
        high: Upper bound.
    """

    group: str
    label: str
    n_statements: int
    n_articles: int
    raw: float
    corrected: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class Shares(Record):
    """Shares of labels by group.

    Attributes:
        by: What the groups are.
        rows: Three for each group, the largest group first.
        warnings: What a reader should know before trusting this.
    """

    by: str
    rows: tuple[Share, ...]
    warnings: tuple[str, ...] = ()

    def to_frame(self) -> "pd.DataFrame":
        """Return one row per group and label as a pandas frame."""
        import pandas as pd

        return pd.DataFrame([row.to_dict() for row in self.rows], columns=[field.name for field in fields(Share)])

    def to_markdown(self) -> str:
        """Return a Markdown table: a line per group, corrected shares with their intervals, raw ones behind."""
        lines = [f"| {self.by} | statements | articles | {' | '.join(LABELS)} |", "|---|---|---|" + "---|" * len(LABELS)]
        for i in range(0, len(self.rows), len(LABELS)):
            group = self.rows[i : i + len(LABELS)]
            cells = [
                f"{100 * row.raw:.0f} %"
                if row.corrected is None or row.low is None or row.high is None
                else f"{100 * row.corrected:.0f} % ({100 * row.low:.0f}-{100 * row.high:.0f}; raw {100 * row.raw:.0f})"
                for row in group
            ]
            lines.append(f"| {cell(group[0].group)} | {group[0].n_statements} | {group[0].n_articles} | {' | '.join(cells)} |")
        return "\n".join([*lines, *(f"\nWarning: {warning}" for warning in self.warnings)]) + "\n"

    def _repr_markdown_(self) -> str:
        return self.to_markdown()


def shares(reports: Iterable[Any], by: str = "speaker", *, n_resamples: int = 1000, seed: int = 0) -> Shares:
    """Count what share of the statements takes each stance, and correct it for the model's errors.

    Args:
        reports: `ArticleReport`s, such as `analyze` yields; read once, not kept.
        by: `speaker`, `outlet`, `month`, `kind` or `all`.
        n_resamples: Of the bootstrap.
        seed: Of the bootstrap.

    Returns:
        The shares. Intervals come from drawing articles anew (statements, where a group stands in fewer than five) and from drawing the
        held-out statements of the checkpoint anew; they hold where the model errs on these articles as it did on those.

    Raises:
        InputError: `by` is none of these, or the reports are of several models.

    Example:
        >>> import stance
        >>> found = shares([stance.analyze('"We will talk," said Ilse Marant. "We want peace talks now," said Bo Rask.')], by="all")
        >>> [row.label for row in found.rows]
        ['support', 'oppose', 'neutral']
    """
    if by not in _GROUPS:
        raise InputError(f"by is {by!r}, allowed are {', '.join(_GROUPS)}.")
    import numpy as np

    from stance.metrics import corrected_shares, share_intervals  # late: the command imports this module, and scikit-learn is slow to load

    counts: dict[str, dict[int, list[int]]] = defaultdict(lambda: defaultdict(lambda: [0] * len(LABELS)))
    confusions: dict[str, list[list[int]]] = {}
    undated = 0
    for number, report in enumerate(reports):
        confusions[report.model] = report.confusion or confusions.get(report.model, [])  # an empty article brings none
        if len(confusions) > 1:
            raise InputError(f"the reports are of several models ({', '.join(confusions)}), which err in different ways. Count them apart.")
        for statement in report.statements:
            group = _GROUPS[by](report, statement)
            best_label = max(range(len(LABELS)), key=lambda i: statement.prediction.probabilities[LABELS[i]])
            counts[group][number][best_label] += 1
            undated += group == UNKNOWN
    confusion = next(iter(confusions.values()), [])
    if not all(map(sum, confusion)):  # a label was never held out: how often it is mistaken is not known
        confusion = []
    warnings = []
    if not confusion:
        warnings.append("the checkpoint does not say how the model errs on every label (confusion in calibration.json), so the shares are as it counted them.")
    if undated and by in ("outlet", "month"):
        warnings.append(f"{undated} statements are of articles without {'an outlet' if by == 'outlet' else 'a date'}.")
    rows: list[Share] = []
    for group, articles in sorted(counts.items(), key=lambda item: -sum(map(sum, item[1].values()))):
        table = np.array(list(articles.values()))  # (n_articles, n_labels)
        total = table.sum(axis=0)
        if len(table) < _FEWEST_ARTICLES:  # too few to draw articles from
            table = np.repeat(np.eye(len(LABELS)), total, axis=0)
        best = corrected_shares(total, confusion) if confusion else None
        low, high = share_intervals(table, confusion, n_resamples=n_resamples, seed=seed) if confusion else (None, None)
        for i, label in enumerate(LABELS):
            bounds = (None, None, None) if best is None or low is None or high is None else (float(best[i]), float(low[i]), float(high[i]))
            rows.append(Share(group, label, int(total.sum()), len(articles), float(total[i] / total.sum()), *bounds))
    return Shares(by, tuple(rows), tuple(warnings))
