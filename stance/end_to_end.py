"""Annotated articles -> how often the whole chain is right: statement found, speaker right, stance right, all three.

Comes in: articles with their statements annotated (parts, speaker, label) and a model. Goes out: an `ArticleScores`. A prediction belongs to the annotated
statement with which it shares most words, one to one, and has found it where their words' intersection over union is half or more. A
speaker is right where the last word of both names is the same, as it is for "Holt" and "Lena Holt". Intervals draw whole articles anew.
"""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import regex

from stance.analyze import analyze
from stance.corpora import has_words
from stance.environment import describe_environment
from stance.errors import InputError, UnreadableFileError
from stance.labels import normalize_label
from stance.modeling import load
from stance.predict import ModelLike
from stance.quotes.extract import Extractor
from stance.quotes.passages import words_inside
from stance.records import DEFAULT_MODEL, Record, Statement
from stance.shares import cell

OVERLAP = 0.5
STEPS = {"found": "statement found", "speaker": "and its speaker right", "stance": "statement found and its stance right", "all": "all three"}
_WORD = regex.compile(r"\w+(?:['’]\w+)*")


@dataclass(frozen=True, slots=True)
class AnnotatedStatement:
    """One statement as somebody read it.

    Attributes:
        parts: (start, end) characters of its stretches.
        speaker: Who says it, or "" where the text does not say.
        label: `support`, `oppose` or `neutral`.
    """

    parts: tuple[tuple[int, int], ...]
    speaker: str
    label: str


@dataclass(frozen=True, slots=True)
class ArticleScores(Record):
    """How often the whole chain is right.

    Attributes:
        model: Which model.
        data: Which articles.
        n_articles: How many.
        n_statements: How many annotated statements they hold.
        n_predicted: How many were found.
        scores: For `found`, `speaker`, `stance` and `all`: precision, recall, f1 and the 95 % interval of f1.
        errors: Statements that are not all right, in their order: article, annotated and predicted text, speaker and label.
        environment: Versions, commit and machine.
    """

    model: str
    data: str
    n_articles: int
    n_statements: int
    n_predicted: int
    scores: dict[str, Any]
    errors: tuple[dict[str, Any], ...]
    environment: dict[str, Any]

    def to_json(self) -> str:
        """Return the scores as JSON."""
        return json.dumps(self.to_dict(), ensure_ascii=False, indent=1)

    def to_markdown(self, n_errors: int = 12) -> str:
        """Return the scores as Markdown, and the first errors below them.

        Args:
            n_errors: At most so many.
        """
        lines = [
            f"# {self.model} on whole articles: {self.data}",
            "",
            f"{self.n_articles} articles, {self.n_statements} annotated statements, {self.n_predicted} predicted; 95 % intervals by bootstrap over articles.",
            "",
            "| right | precision | recall | F1 |",
            "|---|---|---|---|",
        ]
        for step, title in STEPS.items():
            found = self.scores[step]
            low, high = found["interval"]
            cells = [f"{100 * found[name]:.1f}" for name in ("precision", "recall", "f1")]
            lines.append(f"| {title} | {' | '.join(cells)} ({100 * low:.1f}-{100 * high:.1f}) |")
        if self.errors:
            lines += ["", "| article | annotated | predicted |", "|---|---|---|"]
        for error in self.errors[:n_errors]:
            shown = [f"{error[f'{side}_speaker'] or '-'}, {error[f'{side}_label'] or '-'}: {error[side]}" if error[side] else "-" for side in ("gold", "given")]
            lines.append(f"| {error['article']} | " + " | ".join(map(cell, shown)) + " |")
        lines += ["", ", ".join(f"{key} {value}" for key, value in self.environment.items()) + "."]
        return "\n".join(lines) + "\n"

    def _repr_markdown_(self) -> str:
        return self.to_markdown()


def evaluate_articles(
    data: str | Path, *, model: ModelLike = DEFAULT_MODEL, extractor: Extractor = "auto", n_resamples: int = 1000, seed: int = 0
) -> ArticleScores:
    """Analyse annotated articles and score what comes out.

    Args:
        data: JSON Lines, an article a line: `text`, `id`, and `statements`, each with `parts` ([[start, end], ...]), `speaker` and `label`.
        model: A released name, a checkpoint folder, or a loaded `StanceModel`.
        extractor: As `analyze` takes it.
        n_resamples: Of the bootstrap.
        seed: Of the bootstrap.

    Returns:
        The scores.

    Raises:
        UnreadableFileError: The file cannot be read, or a line is no such article; the message names it.
        ModelNotFoundError: There is no such model.
    """
    articles = _read(Path(data))
    loaded = load(model)
    counts, errors = [], []
    for (name, text, golds), report in zip(articles, analyze((text for _, text, _ in articles), model=loaded, extractor=extractor), strict=True):
        count, wrong = _count(name, text, golds, report.statements)
        counts.append(count)
        errors += wrong
    total = sum(counts, Counter())
    rng = np.random.default_rng(seed)
    draws: list[Counter[str]] = [sum((counts[i] for i in rng.integers(0, len(counts), len(counts))), Counter()) for _ in range(n_resamples)]
    scores = {}
    for step in STEPS:
        low, high = np.percentile([_prf(draw, step)["f1"] for draw in draws], [2.5, 97.5])
        scores[step] = {**_prf(total, step), "interval": [float(low), float(high)]}
    return ArticleScores(loaded.name or "model", str(data), len(articles), total["gold"], total["given"], scores, tuple(errors), describe_environment())


def _read(path: Path) -> list[tuple[str, str, list[AnnotatedStatement]]]:
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableFileError(path, f"cannot be read ({error}). Pass JSON Lines, an annotated article a line.") from error
    found = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            if not isinstance(row["text"], str) or not has_words(row["text"]):
                raise ValueError(f"its text is {row['text']!r}, expected a string with words")
            found.append((str(row.get("id") or number), row["text"], [_statement(item, row["text"]) for item in row["statements"]]))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            problem = f"is no annotated article ({error}). Each needs text, and statements with parts, speaker and label."
            raise UnreadableFileError(path, problem, number) from error
    if not found:
        raise InputError(f"{path}: holds no article. Pass at least one.")
    return found


def _statement(item: Any, text: str) -> AnnotatedStatement:  # noqa: ANN401 - whatever JSON holds
    parts = tuple((int(start), int(end)) for start, end in item["parts"])
    if not parts or not all(0 <= start < end <= len(text) for start, end in parts):
        raise ValueError(f"parts are {item['parts']}, which are no stretches of a text of {len(text)} characters")
    label = normalize_label(item["label"])
    if label is None:
        raise ValueError(f"label is {item['label']!r}")
    return AnnotatedStatement(parts, str(item.get("speaker") or ""), label)


def _count(name: str, text: str, golds: Sequence[AnnotatedStatement], given: Sequence[Statement]) -> tuple[Counter[str], list[dict[str, Any]]]:
    """What is added up over articles, and the errors of one."""
    spans = [match.span() for match in _WORD.finditer(text)]

    def inside(ranges: Sequence[tuple[int, int]]) -> set[int]:
        return {i for start, end in ranges for i in words_inside(spans, start, end)}

    gold_words = [inside(gold.parts) for gold in golds]
    given_words = [inside([(part.start, part.end) for part in statement.quote.parts]) for statement in given]
    pairs = sorted(((-_iou(a, b), i, j) for i, a in enumerate(gold_words) for j, b in enumerate(given_words) if _iou(a, b) >= OVERLAP))
    matched: dict[int, int] = {}
    for _, i, j in pairs:
        if i not in matched and j not in matched.values():
            matched[i] = j
    counts = Counter({"gold": len(golds), "given": len(given), "found": len(matched)})
    errors = []
    for i, gold in enumerate(golds):
        statement = given[matched[i]] if i in matched else None
        speaker = statement is not None and _same_name(gold.speaker, str(statement.quote.speaker or ""))
        stance = statement is not None and statement.prediction.label == gold.label
        counts["speaker"] += speaker
        counts["stance"] += stance
        counts["all"] += speaker and stance
        if not (speaker and stance):
            errors.append(_error(name, " ".join(text[a:b] for a, b in gold.parts), gold, statement))
    errors += [_error(name, "", None, statement) for j, statement in enumerate(given) if j not in matched.values()]
    return counts, errors


def _error(name: str, gold_text: str, gold: AnnotatedStatement | None, statement: Statement | None) -> dict[str, Any]:
    return {
        "article": name,
        "gold": gold_text,
        "gold_speaker": gold.speaker if gold else "",
        "gold_label": gold.label if gold else "",
        "given": statement.quote.text if statement else "",
        "given_speaker": str(statement.quote.speaker or "") if statement else "",
        "given_label": statement.prediction.label or "" if statement else "",
    }


def _same_name(one: str, other: str) -> bool:
    """Whether two names end in the same word, or there is neither."""
    ends = [(_WORD.findall(name.lower()) or [""])[-1] for name in (one, other)]
    return bool(ends[0] == ends[1])


def _iou(one: set[int], other: set[int]) -> float:
    return len(one & other) / len(one | other) if one or other else 0.0


def _prf(counts: Counter[str], step: str) -> dict[str, float]:
    precision, recall = counts[step] / max(1, counts["given"]), counts[step] / max(1, counts["gold"])
    return {"precision": precision, "recall": recall, "f1": 2 * counts[step] / max(1, counts["given"] + counts["gold"])}
