"""Articles -> reports: every quoted statement with its speaker and stance.

Comes in: one article, or any iterable of them. Goes out: an `ArticleReport`, or an iterator of one each, made as they are
asked for. The sentences around a statement go to the model as context, with `[...]` in its place.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import date
from functools import partial
from typing import Any, overload

from stance.errors import EmptyTextError, InputError
from stance.modeling import StanceModel, load
from stance.predict import ModelLike, check_settings
from stance.quotes.extract import Extractor, extract_quotes, load_extractor
from stance.quotes.passages import paragraphs, sentences
from stance.records import DEFAULT_MODEL, DEFAULT_TARGET, STATEMENT_SLOT, Example, Quote, Statement
from stance.reporting import ArticleReport, summarize_speakers

_AROUND = 400  # characters of context looked at on each side


@overload
def analyze(  # type: ignore[overload-overlap]
    articles: str,
    *,
    target: str = ...,
    model: ModelLike = ...,
    extractor: Extractor = ...,
    batch_size: int = ...,
    min_confidence: float = ...,
    max_risk: float | None = ...,
) -> ArticleReport: ...


@overload
def analyze(
    articles: Iterable[str | Mapping[str, str]],
    *,
    target: str = ...,
    model: ModelLike = ...,
    extractor: Extractor = ...,
    batch_size: int = ...,
    min_confidence: float = ...,
    max_risk: float | None = ...,
) -> Iterator[ArticleReport]: ...


def analyze(
    articles: str | Iterable[str | Mapping[str, str]],
    *,
    target: str = DEFAULT_TARGET,
    model: ModelLike = DEFAULT_MODEL,
    extractor: Extractor = "auto",
    batch_size: int = 32,
    min_confidence: float = 0.0,
    max_risk: float | None = None,
) -> ArticleReport | Iterator[ArticleReport]:
    """Find every quoted statement of an article, who said it, and the stance it takes.

    Args:
        articles: One article, or any iterable of them; an iterable is streamed, never held whole. In it an article may be a
            mapping with `text`, and `source`, `outlet` and `date` (as `2026-11-23`) for the report.
        target: What the stance is about, as a noun phrase. The released model knows the default, under any of its names, and calls a
            statement neutral toward what is unrelated.
        model: A released name, a checkpoint folder, or a loaded `StanceModel`.
        extractor: What finds the statements, as `extract_quotes` takes it: `auto`, `rules`, or a tagger of your own.
        batch_size: How much is read at once, in statements of 64 tokens.
        min_confidence: Abstain (label None) where the highest probability is lower.
        max_risk: Abstain so often that no larger share of the labels given is wrong, as `predict` takes it.

    Returns:
        One `ArticleReport` for one article; for an iterable, an iterator of one report each, in order.

    Raises:
        EmptyTextError: The article holds no words. In a stream its report is empty, with a warning, and the stream goes on.
        ModelNotFoundError: `model` names neither a release nor a checkpoint folder.

    Example:
        >>> report = analyze('"We will be at the table on Monday," said Ilse Marant, the envoy.')
        >>> report.statements[0].quote.speaker.name, report.statements[0].prediction.label
        ('Ilse Marant', 'support')
    """
    if isinstance(articles, Mapping):
        raise InputError("found one mapping, expected an article or a list of them. Pass [article], or its text.")
    check_settings(batch_size, min_confidence, max_risk)
    loaded = load(model)
    limits: dict[str, Any] = {"batch_size": batch_size, "min_confidence": min_confidence, "max_risk": max_risk}
    one = partial(_analyze, target=target, model=loaded, extractor=load_extractor(extractor) or "rules", limits=limits)
    return one(articles) if isinstance(articles, str) else _stream(articles, one, loaded.name)


def _stream(articles: Iterable[str | Mapping[str, str]], one: Callable[[str], ArticleReport], model: str) -> Iterator[ArticleReport]:
    for i, article in enumerate(articles):
        row = {"text": article} if isinstance(article, str) else article
        if not isinstance(row, Mapping) or "text" not in row:
            raise InputError(f"article {i} is a {type(article).__name__} without a text. Pass strings, or mappings with 'text'.")
        known: dict[str, Any] = {name: value for name in ("source", "outlet", "date") if (value := cell_text(row.get(name)))}
        text = row["text"] if isinstance(row["text"], str) else ""
        try:
            yield replace(one(text), **known)
        except EmptyTextError as error:
            warning = str(EmptyTextError("article", error.found, i))
            yield ArticleReport((), (), model, text, warnings=(warning,), **known)


def cell_text(value: object) -> str | None:
    """Say what a table's cell holds as text: nothing where it is empty, a day as ISO 8601."""
    if value is None or value == "" or value != value:  # an empty cell of pandas is not equal to itself
        return None
    return value.isoformat()[:10] if isinstance(value, date) else str(value)


def _analyze(article: str, *, target: str, model: StanceModel, extractor: Extractor, limits: dict[str, Any]) -> ArticleReport:
    quotes = extract_quotes(article, extractor=extractor)
    examples = [Example(quote.text, str(quote.speaker or ""), context_of(article, quote), target) for quote in quotes]
    predictions = model.predict(examples, **limits)
    statements = tuple(Statement(quote, prediction) for quote, prediction in zip(quotes, predictions, strict=True))
    warnings = []
    if statements and not statements[0].prediction.calibrated:
        warnings.append(f"the probabilities of {model.name} are not calibrated: the checkpoint has no calibration.json.")
    if n_cut := sum(statement.prediction.truncated for statement in statements):
        warnings.append(f"{n_cut} statements were longer than the model reads and were cut.")
    confusion = model.calibration.confusion if model.calibration else []
    return ArticleReport(statements, summarize_speakers(statements), model.name, article, warnings=tuple(warnings), confusion=confusion)


def context_of(article: str, quote: Quote) -> str:
    """Return the sentences around a quote in its paragraph and the paragraph before, with `[...]` in its place.

    Args:
        article: The text the quote was cut from.
        quote: One of its quotes.

    Returns:
        At most some 400 characters on each side, whole sentences where they fit.
    """
    low, high = max(0, quote.start - _AROUND), min(len(article), quote.end + _AROUND)
    before, after = article[low : quote.start], article[quote.end : high]
    if low:
        spans = _sentences_of(before)
        before = before[spans[1][0] :] if len(spans) > 1 else before.partition(" ")[2]
    if high < len(article):
        spans = _sentences_of(after)
        after = after[: spans[-2][1]] if len(spans) > 1 else after.rpartition(" ")[0]
    return " ".join(f"{before}{STATEMENT_SLOT}{after}".split())


def _sentences_of(text: str) -> list[tuple[int, int]]:
    """(start, end) of every sentence of every paragraph."""
    return [(start + a, start + b) for start, end in paragraphs(text) for a, b in sentences(text[start:end])]
