"""What comes out and how it is shown: reports on articles, evaluations and training runs.

Comes in: records and numbers. Goes out: Markdown, JSON, pandas, and HTML by way of `pages`. Knows no model.
"""

import json
import os
import statistics
import uuid
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stance import figures
from stance.errors import InputError
from stance.labels import LABELS
from stance.pages import article_page, cut, explanation_html, explanation_page, statement_table
from stance.records import Record, Statement
from stance.shares import UNKNOWN, Shares, cell, shares

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


@dataclass(frozen=True, slots=True)
class SpeakerSummary(Record):
    """One speaker's statements in an article.

    Attributes:
        name: As resolved, or "(unknown)".
        description: What the article says the speaker is, or None.
        n_statements: How many statements.
        counts: Statements per label; those the model abstained on are in none.
        share: Of all statements of the article, 0 to 1.
        net_stance: (support - oppose) / n_statements, -1 to 1.
    """

    name: str
    description: str | None
    n_statements: int
    counts: dict[str, int]
    share: float
    net_stance: float


@dataclass(frozen=True, slots=True)
class ArticleReport(Record):
    """All statements of one article with speaker and stance.

    Attributes:
        statements: In the order of the text.
        speakers: One row each, the most quoted first.
        model: Which model gave the stances.
        text: The article exactly as given; all offsets point into it.
        source: File name or id, or None.
        warnings: What a reader should know before trusting this.
        outlet: Who published it, or None.
        date: When, as ISO 8601 (`2026-11-23`), or None.
        confusion: How the model errs, from its checkpoint (`Calibration.confusion`); [] where that does not say.
    """

    statements: tuple[Statement, ...]
    speakers: tuple[SpeakerSummary, ...]
    model: str
    text: str
    source: str | None = None
    warnings: tuple[str, ...] = ()
    outlet: str | None = None
    date: str | None = None
    confusion: list[list[int]] = field(default_factory=list)

    def shares(self, by: str = "speaker") -> Shares:
        """Return what share of the statements takes each stance, by `speaker`, `kind` or `all`; for many articles `stance.shares`."""
        return shares([self], by)

    def plot_shares(self, by: str = "speaker") -> "Figure":
        """Draw these shares with their intervals; for many articles `stance.figures.plot_shares(stance.shares(...), title)`."""
        return figures.plot_shares(self.shares(by), f"{self.source or 'article'}: stances by {by}")

    def to_json(self, indent: int | None = 1) -> str:
        """Return the report as JSON."""
        return json.dumps(self.to_dict(), ensure_ascii=False, indent=indent)

    def rows(self) -> list[dict[str, Any]]:
        """Return one flat dict per statement, for tables."""
        return [
            {
                "source": self.source,
                "start": statement.quote.start,
                "end": statement.quote.end,
                "speaker": str(statement.quote.speaker or ""),
                "description": (statement.quote.speaker.description if statement.quote.speaker else None) or "",
                "kind": statement.quote.kind,
                "cue": statement.quote.cue or "",
                "label": statement.prediction.label or "",
                "confidence": statement.prediction.confidence,
                **{f"p_{label}": statement.prediction.probabilities[label] for label in LABELS},
                "quote_confidence": statement.quote.confidence,
                "speaker_confidence": statement.quote.speaker.confidence if statement.quote.speaker else 0.0,
                "text": statement.quote.text,
            }
            for statement in self.statements
        ]

    def to_frame(self) -> "pd.DataFrame":
        """Return one row per statement as a pandas frame."""
        import pandas as pd

        return pd.DataFrame(self.rows(), columns=list(ROW_FIELDS))

    def to_table(self, width: int = 100) -> str:
        """Return the statements as text for a terminal.

        Args:
            width: Characters a line.
        """
        if not self.statements:
            return "No quoted statements found."
        name_width = min(28, max(len(str(s.quote.speaker or UNKNOWN)) for s in self.statements))
        text_width = max(24, width - name_width - 28)
        lines = [f"{'speaker':{name_width}}  {'label':8} {'prob.':>5}  {'kind':8}  statement"]
        for s in self.statements:
            shown = " ".join(s.quote.text.split())
            label = s.prediction.label or "?"
            lines.append(
                f"{cut(str(s.quote.speaker or UNKNOWN), name_width):{name_width}}  {label:8} {s.prediction.confidence:5.2f}  "
                f"{s.quote.kind:8}  {cut(shown, text_width)}"
            )
        lines.append("")
        for speaker in self.speakers:
            counts = ", ".join(f"{speaker.counts[label]} {label}" for label in LABELS if speaker.counts[label])
            plural = "" if speaker.n_statements == 1 else "s"
            lines.append(f"{cut(speaker.name, name_width):{name_width}}  {speaker.n_statements} statement{plural}: {counts or 'no label'}")
        return "\n".join([*lines, *(f"warning: {warning}" for warning in self.warnings)])

    def to_html(self) -> str:
        """Return a self-contained page: the article with its statements marked, filters, a bar per speaker, and a table."""
        return article_page(self)

    def _repr_html_(self) -> str:
        return statement_table(self)


ROW_FIELDS = (
    "source", "start", "end", "speaker", "description", "kind", "cue", "label", "confidence",
    *(f"p_{label}" for label in LABELS), "quote_confidence", "speaker_confidence", "text",
)  # fmt: skip


def summarize_speakers(statements: Sequence[Statement]) -> tuple[SpeakerSummary, ...]:
    """Count each speaker's statements per label, the most quoted speaker first."""
    groups: dict[str, list[Statement]] = defaultdict(list)
    for statement in statements:
        groups[str(statement.quote.speaker or "") or UNKNOWN].append(statement)
    rows = []
    for name, group in groups.items():
        counts: dict[str, int] = {label: sum(s.prediction.label == label for s in group) for label in LABELS}
        description = next((s.quote.speaker.description for s in group if s.quote.speaker and s.quote.speaker.description), None)
        net = (counts["support"] - counts["oppose"]) / len(group)
        rows.append(SpeakerSummary(name, description, len(group), counts, len(group) / len(statements), net))
    return tuple(sorted(rows, key=lambda row: -row.n_statements))


# ---------------------------------------------------------------- evaluation and training


@dataclass(frozen=True, slots=True)
class EvaluationReport(Record):
    """How good a model is on some rows, beside baselines on the same rows.

    Attributes:
        model: Its name.
        data: What it was evaluated on.
        metrics: Point scores, as `metrics.score` gives them, and `risk_coverage`.
        intervals: (low, high) of 95 % bootstraps, clustered by matter where there is one.
        baselines: The same, {name: {"metrics", "intervals", "difference"}}; `difference` is the interval of the
            model's macro-F1 minus the baseline's on the same resamplings.
        n_clusters: How many clusters the bootstrap drew from.
        calibrated: Whether the probabilities were calibrated.
        environment: Versions, commit and machine.
        slices: {column: {value: scores of its rows; macro-F1 over the labels they have, its interval or None where they are few}}.
        seeds: {checkpoint: scores}, where those of several seeds were scored; the other fields are of the first.
        errors: Rows with a wrong label, those that the model is surest of first: `id`, `text`, `speaker`, `context`, `label`, `predicted`
            and `confidence`.
    """

    model: str
    data: str
    metrics: dict[str, Any]
    intervals: dict[str, Any]
    baselines: dict[str, Any]
    n_clusters: int
    calibrated: bool
    environment: dict[str, Any]
    slices: dict[str, Any] = field(default_factory=dict)
    seeds: dict[str, Any] = field(default_factory=dict)
    errors: list[dict[str, Any]] = field(default_factory=list)

    def to_json(self) -> str:
        """Return the report as JSON."""
        return json.dumps(self.to_dict(), ensure_ascii=False, indent=1)

    def plot_confusion(self) -> "Figure":
        """Draw the confusion matrix. Figures need the extra `report`; `stance.figures.save` writes them."""
        return figures.plot_confusion(self.metrics, f"{self.model} on {self.data}")

    def plot_reliability(self) -> "Figure":
        """Draw how often the model is right against how sure it is."""
        return figures.plot_reliability(self.metrics, f"{self.model} on {self.data}")

    def plot_risk_coverage(self) -> "Figure":
        """Draw the share of wrong labels where only the surest statements are answered."""
        return figures.plot_risk_coverage(self.metrics, f"{self.model} on {self.data}")

    def plot_slices(self, column: str) -> "Figure":
        """Draw macro-F1 by the values of a column that the report was made with (`slices=`).

        Args:
            column: Such as `kind`.

        Raises:
            InputError: The report has no such slices.
        """
        if column not in self.slices:
            known = ", ".join(self.slices) or "none"
            raise InputError(f"the report has no slices by {column!r} (it has {known}). Pass slices=[{column!r}] to stance.evaluate.")
        return figures.plot_slices(self.slices[column], column, f"{self.model} on {self.data}")

    def to_markdown(self) -> str:
        """Return the report as Markdown tables."""
        m = self.metrics
        lines = [
            f"# {self.model} on {self.data}",
            "",
            f"{m['n_examples']} statements; 95 % intervals by bootstrap over {self.n_clusters} "
            f"{'matters' if self.n_clusters < m['n_examples'] else 'statements'}.",
            "",
            "| system | macro-F1 | F1 support and oppose | accuracy | ECE | macro-F1, model minus this |",
            "|---|---|---|---|---|---|",
            self._row(f"**{self.model}**", m, self.intervals, None),
        ]
        for name, baseline in self.baselines.items():
            lines.append(self._row(name, baseline["metrics"], baseline["intervals"], baseline["difference"]))
        lines += ["", "| label | precision | recall | F1 | statements |", "|---|---|---|---|---|"]
        for label in LABELS:
            row = m["per_label"][label]
            low, high = self.intervals[f"f1_{label}"]
            lines.append(f"| {label} | {_pct(row['precision'])} | {_pct(row['recall'])} | {_pct(row['f1'])} ({_pct(low)}-{_pct(high)}) | {row['n_examples']} |")
        lines += ["", f"| gold \\ predicted | {' | '.join(LABELS)} |", "|---|" + "---|" * len(LABELS)]
        for label, counts in zip(LABELS, m["confusion"], strict=True):
            lines.append(f"| {label} | {' | '.join(map(str, counts))} |")
        for column, values in self.slices.items():
            lines += ["", f"| {column} | macro-F1 | F1 support and oppose | accuracy | ECE | statements |", "|---|---|---|---|---|---|"]
            for value, found in values.items():
                interval = f" ({'-'.join(map(_pct, found['interval']))})" if found["interval"] else ""
                shares = (_pct(found["f1_support_oppose"]), _pct(found["accuracy"]), f"{found['ece']:.3f}")
                cells = (f"{_pct(found['macro_f1'])}{interval}", *shares, str(found["n_examples"]))
                lines.append(f"| {cell(value)} | {' | '.join(cells)} |")
        probabilities = "calibrated" if self.calibrated else "not calibrated"
        lines += ["", f"Expected calibration error {m['ece']:.3f}, Brier score {m['brier']:.3f} ({probabilities} probabilities)."]
        if "risk_coverage" in m:  # absent from reports of earlier versions
            curve = dict(zip(m["risk_coverage"]["coverage"], m["risk_coverage"]["risk"], strict=True))
            shown = [share for share in curve if round(100 * share) % 20 == 0]
            lines += ["", f"| answered, the surest first | {' | '.join(f'{100 * share:.0f} %' for share in shown)} |", "|---|" + "---|" * len(shown)]
            lines += [f"| of these wrong | {' | '.join(_pct(curve[share]) for share in shown)} |"]
        if self.seeds:
            names = list(next(iter(self.seeds.values())))
            lines += ["", f"| seed | {' | '.join(names)} |", "|---|" + "---|" * len(names)]
            lines += [f"| {seed} | {' | '.join(f'{found[name]:.3f}' for name in names)} |" for seed, found in self.seeds.items()]
            columns = [[found[name] for found in self.seeds.values()] for name in names]
            lines += [f"| mean | {' | '.join(f'{statistics.fmean(column):.3f}' for column in columns)} |"]
            if len(self.seeds) > 1:
                lines += [f"| spread (standard deviation) | {' | '.join(f'{statistics.stdev(column):.3f}' for column in columns)} |"]
        if self.errors:
            lines += ["", "Wrong labels, those it is surest of first:", ""]
            for error in self.errors:
                lines.append(f"- {error['label']} called {error['predicted']} ({error['confidence']:.2f}): {cell(error['text'])}")
                if error["context"]:
                    lines.append(f"    - {cell(error['speaker'] or 'unknown')}, in: {cell(error['context'])}")
        lines += ["", ", ".join(f"{key} {value}" for key, value in self.environment.items()) + "."]
        return "\n".join(lines) + "\n"

    @staticmethod
    def _row(name: str, metrics: dict[str, Any], intervals: dict[str, Any], difference: Sequence[float] | None) -> str:
        def cell(key: str) -> str:
            low, high = intervals[key]
            return f"{_pct(metrics[key])} ({_pct(low)}-{_pct(high)})"

        gap = f"{_pct(difference[0])} to {_pct(difference[1])}" if difference else ""
        return f"| {name} | {cell('macro_f1')} | {cell('f1_support_oppose')} | {cell('accuracy')} | {metrics['ece']:.3f} | {gap} |"

    def _repr_markdown_(self) -> str:
        return self.to_markdown()


@dataclass(frozen=True, slots=True)
class ComparisonReport(Record):
    """Two models on the same rows.

    Attributes:
        models: Their names.
        data: What they were compared on.
        metrics: Point scores of each, as `metrics.score` gives them.
        intervals: (low, high) of 95 % bootstraps of each, clustered by matter where there is one.
        difference: (low, high) of the first one's macro-F1 minus the second's, on the same resamplings.
        permutation_p: p-value of that difference by a paired permutation test over matters.
        mcnemar: Rows that one alone has right, and McNemar's exact p-value.
        apart: The rows they label differently, the surest first: text, gold label, both labels.
        environment: Versions, commit and machine.
    """

    models: tuple[str, ...]
    data: str
    metrics: tuple[dict[str, Any], ...]
    intervals: tuple[dict[str, Any], ...]
    difference: list[float]
    permutation_p: float
    mcnemar: dict[str, float]
    apart: tuple[dict[str, str], ...]
    environment: dict[str, Any]

    def to_json(self) -> str:
        """Return the report as JSON."""
        return json.dumps(self.to_dict(), ensure_ascii=False, indent=1)

    def to_markdown(self, n_rows: int = 10) -> str:
        """Return the scores as Markdown tables, and below them rows that the two label differently.

        Args:
            n_rows: At most so many of these rows.
        """
        low, high = self.difference
        lines = [f"# {self.models[0]} and {self.models[1]} on {self.data}", "", "| model | macro-F1 | F1 by label | accuracy | ECE |", "|---|---|---|---|---|"]
        for name, m, found in zip(self.models, self.metrics, self.intervals, strict=True):
            by_label = " / ".join(_pct(m["per_label"][label]["f1"]) for label in LABELS)
            bounds = "-".join(map(_pct, found["macro_f1"]))
            lines.append(f"| {name} | {_pct(m['macro_f1'])} ({bounds}) | {by_label} | {_pct(m['accuracy'])} | {m['ece']:.3f} |")
        gap = self.metrics[0]["macro_f1"] - self.metrics[1]["macro_f1"]
        n = self.metrics[0]["n_examples"]
        lines += ["", f"Macro-F1, first minus second: {_pct(gap)} ({_pct(low)} to {_pct(high)}), p = {self.permutation_p:.3g} (paired permutation test)."]
        lines += [
            f"Of {n} statements the first alone has {self.mcnemar['only_first']:.0f} right, the second alone {self.mcnemar['only_second']:.0f}: "
            f"p = {self.mcnemar['p']:.3g} (McNemar's exact test)."
        ]
        if self.apart:
            lines += ["", "| statement | label | first | second |", "|---|---|---|---|"]
            shown = self.apart[:n_rows]
            lines += [f"| {cell(row['text'])} | {row['label']} | {row['first']} | {row['second']} |" for row in shown]
        lines += ["", ", ".join(f"{key} {value}" for key, value in self.environment.items()) + "."]
        return "\n".join(lines) + "\n"

    def _repr_markdown_(self) -> str:
        return self.to_markdown()


@dataclass(frozen=True, slots=True)
class ProbeResult(Record):
    """What one change to the statements did to their labels.

    Attributes:
        name: What was changed.
        counted: What counts as right, in words.
        n_examples: How many statements (or pairs) could be changed so.
        n_right: How many came out right.
        examples: Some that did not.
    """

    name: str
    counted: str
    n_examples: int
    n_right: int
    examples: tuple[str, ...]

    @property
    def rate(self) -> float:
        """The share that came out right, 0 to 1; nan where nothing could be changed."""
        return self.n_right / self.n_examples if self.n_examples else float("nan")


@dataclass(frozen=True, slots=True)
class ProbeReport(Record):
    """What a model's labels hang on.

    Attributes:
        model: Its name.
        data: What it was probed on.
        results: One for each probe.
    """

    model: str
    data: str
    results: tuple[ProbeResult, ...]

    def to_json(self) -> str:
        """Return the report as JSON."""
        rates = [{**result.to_dict(), "rate": result.rate if result.n_examples else None} for result in self.results]
        return json.dumps({**self.to_dict(), "results": rates}, ensure_ascii=False, indent=1)

    def to_markdown(self) -> str:
        """Return the rates as a Markdown table, and examples of what went wrong below it."""
        lines = [f"# {self.model}, probed on {self.data}", "", "| changed | counted | rate | statements |", "|---|---|---|---|"]
        for result in self.results:
            rate = _pct(result.rate) if result.n_examples else "-"
            lines.append(f"| {result.name} | {result.counted} | {rate} | {result.n_right} of {result.n_examples} |")
        for result in self.results:
            if result.examples:
                lines += ["", f"{result.name}, not so:", "", *(f"- {cell(example)}" for example in result.examples)]
        return "\n".join(lines) + "\n"

    def _repr_markdown_(self) -> str:
        return self.to_markdown()


def _pct(value: float | None) -> str:
    return "—" if value is None else f"{100 * value:.1f}"


@dataclass(frozen=True, slots=True)
class WordScore(Record):
    """What one word says for a label.

    Attributes:
        text: The word as the model read it (spacing and marks folded).
        segment: `statement`, or `beside` for target, speaker and context.
        score: In units of the label's logit; below 0 it speaks against the label.
    """

    text: str
    segment: str
    score: float


@dataclass(frozen=True, slots=True)
class Explanation(Record):
    """Which words speak for a label.

    Attributes:
        label: Which one.
        probability: That the model gives it.
        words: In the order the model read them.
        change: What all words together change in the label's logit, against the same input with every word blanked.
        gap: How far the scores miss that sum. Where it is not small beside `change`, do not trust the scores.
        model: Which model.
    """

    label: str
    probability: float
    words: tuple[WordScore, ...]
    change: float
    gap: float
    model: str

    def to_html(self) -> str:
        """Return a self-contained page."""
        return explanation_page(self)

    def _repr_html_(self) -> str:
        return explanation_html(self)


@dataclass(frozen=True, slots=True)
class TrainingResult(Record):
    """What training made.

    Attributes:
        checkpoint: The folder; `stance.load` takes it.
        metrics: Scores of the chosen epoch on dev, as `metrics.score` gives them.
        best_epoch: The epoch that was kept.
        seconds: Wall time of this call.
    """

    checkpoint: str
    metrics: dict[str, Any]
    best_epoch: float
    seconds: float


@dataclass(frozen=True, slots=True)
class SearchResult(Record):
    """What a search found.

    Attributes:
        checkpoint: The best trial's.
        config: A YAML file that trains it again.
        study: Optuna's SQLite file.
        best: The settings of the best trial, those that were searched.
        macro_f1: Of the best trial on dev, 0 to 1; the highest of many flatters itself.
        n_trials: How many were finished.
    """

    checkpoint: str
    config: str
    study: str
    best: dict[str, Any]
    macro_f1: float
    n_trials: int


def write_whole(path: Path, data: str | bytes) -> None:
    """Write a file whole or not at all: a temporary file of a name of its own, then a rename."""
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
    try:
        temporary.write_bytes(data.encode("utf-8") if isinstance(data, str) else data)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
