"""What travels from one step to the next: frozen records, each with `to_dict` and `from_dict`.

Comes in: what a step found. Goes out: the same, for the next step, a file or a notebook.
All offsets are characters, half-open, into the text exactly as the user gave it, so
`article[span.start:span.end] == span.text` holds for every span here.
The records and their fields are listed in `docs/architecture.md`.
"""

import types
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from functools import cache
from html import escape
from typing import TYPE_CHECKING, Any, Literal, Self

from stance.labels import Label

if TYPE_CHECKING:
    import pandas as pd

Kind = Literal["direct", "indirect", "mixed"]

DEFAULT_TARGET = "negotiations"
DEFAULT_MODEL = "negotiations-minilm"
BACKENDS = ("auto", "torch", "openvino")
ENGINES = ("local", "ray")
STATEMENT_SLOT = "[...]"
"""Stands in an `Example.context` where the statement itself stood."""


class Record:
    """What every record can do: become plain data and come back from it."""

    def to_dict(self) -> dict[str, Any]:
        """Return the record as plain dicts, lists, strings and numbers, ready for JSON."""
        return {field.name: _plain(getattr(self, field.name)) for field in fields(self)}  # type: ignore[arg-type]

    def to_frame(self) -> "pd.DataFrame":
        """Return the record as a pandas frame: one row, with a column for each field, and `field.inner` for those of records inside."""
        import pandas as pd

        return pd.json_normalize(self.to_dict())

    def _repr_html_(self) -> str | None:
        """Show the record in a notebook; records that show themselves as Markdown leave it to that."""
        return None if hasattr(self, "_repr_markdown_") else _table(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Build the record that `to_dict` was called on.

        Args:
            data: What `to_dict` gave. Unknown keys are a mistake; absent ones take their default.

        Returns:
            An equal record.

        Raises:
            TypeError: A key is unknown, or one without a default is missing.
        """
        hints = _hints(cls)  # type: ignore[arg-type]
        unknown = set(data) - set(hints)
        if unknown:
            raise TypeError(f"{cls.__name__} has no field {sorted(unknown)[0]!r}; it has {', '.join(hints)}")
        return cls(**{name: _rebuild(hints[name], value) for name, value in data.items()})


def _table(value: Any, depth: int = 0) -> str:  # noqa: ANN401 - any field of any record
    """A record as an HTML table of its fields; what is long is cut, and says so."""
    if isinstance(value, Record):
        value = {field.name: getattr(value, field.name) for field in fields(value)}  # type: ignore[arg-type]
    if isinstance(value, Mapping) and value and depth < 3:
        rows = "".join(
            f"<tr><th style='text-align:left'>{escape(str(key))}</th><td style='text-align:left'>{_table(item, depth + 1)}</td></tr>"
            for key, item in value.items()
        )
        return f"<table>{rows}</table>"
    if isinstance(value, (list, tuple)) and any(isinstance(item, Record) for item in value):
        shown = "".join(f"<li>{_table(item, depth + 1)}</li>" for item in value[:_SHOWN])
        return f"<ol>{shown}</ol>" + (f"and {len(value) - _SHOWN} more" if len(value) > _SHOWN else "")
    text = f"{value:.3f}" if isinstance(value, float) else "" if value is None else str(value)
    return escape(text if len(text) <= 1000 else f"{text[:1000]}... ({len(text)} characters)")


_SHOWN = 20


@cache
def _hints(cls: type) -> dict[str, Any]:
    hints = typing.get_type_hints(cls)
    return {field.name: hints[field.name] for field in fields(cls)}


def _plain(value: Any) -> Any:  # noqa: ANN401 - any field of any record
    if isinstance(value, Record):
        return value.to_dict()
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value


def _rebuild(hint: Any, value: Any) -> Any:  # noqa: ANN401 - any field of any record
    if value is None:
        return None
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        hint = next(option for option in typing.get_args(hint) if option is not type(None))
    if is_dataclass(hint) and isinstance(hint, type) and issubclass(hint, Record):
        return hint.from_dict(value)
    if typing.get_origin(hint) is tuple:
        inner = typing.get_args(hint)[0]
        return tuple(_rebuild(inner, item) for item in value)
    return value


@dataclass(frozen=True, slots=True)
class Span(Record):
    """A stretch of the article: `article[start:end] == text`."""

    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Speaker(Record):
    """Who said it.

    Attributes:
        name: The best full form that the article gives ("Marco Rubio", "the Argentine Embassy in Russia"), or None
            where the mention could not be resolved (a pronoun with nobody before it).
        mention: The words that stand with the statement, as printed ("he", "the diplomat").
        description: What the article says the speaker is ("US Secretary of State"), or None.
        confidence: How likely this is who said it, 0 to 1 (`docs/quotes.md` says how it was measured); 0 without a name.
    """

    name: str | None
    mention: Span | None = None
    description: str | None = None
    confidence: float = 1.0

    def __str__(self) -> str:
        """Return the name, or else the mention as printed."""
        return self.name or (self.mention.text if self.mention else "")


@dataclass(frozen=True, slots=True)
class Quote(Record):
    """One quoted statement.

    Attributes:
        text: The parts, joined by one space.
        start: Where the first part starts.
        end: Where the last part ends.
        parts: The stretches it is made of; more than one where the reporting clause, or a paragraph's end, cuts it.
        kind: `direct`, `indirect` or `mixed`.
        cue: The words that report it ("said", "according to"), or None.
        speaker: Who said it, or None where the text does not say.
        confidence: How likely these are the words that are reported, 0 to 1 (`docs/quotes.md`); the speaker has one of its own.
    """

    text: str
    start: int
    end: int
    parts: tuple[Span, ...]
    kind: Kind
    cue: str | None = None
    speaker: Speaker | None = None
    confidence: float = 1.0


@dataclass(frozen=True, slots=True)
class Prediction(Record):
    """The stance of one statement.

    Attributes:
        label: The most probable label, or None where the model abstained.
        probabilities: One float per label; they sum to 1.
        confidence: The highest of them.
        abstained: Whether the model held back a label that it trusts too little.
        truncated: Whether the statement itself was too long and was cut (context is always cut first).
        calibrated: Whether the probabilities were calibrated on held-out data.
    """

    label: Label | None
    probabilities: dict[str, float]
    confidence: float
    abstained: bool = False
    truncated: bool = False
    calibrated: bool = False


@dataclass(frozen=True, slots=True)
class Statement(Record):
    """A quote and the stance it takes."""

    quote: Quote
    prediction: Prediction


@dataclass(frozen=True, slots=True)
class AttributedStance(Record):
    """Where a statement says that somebody else stands; it never changes the statement's own label."""

    holder: str
    label: Label


@dataclass(frozen=True, slots=True)
class Example(Record):
    """What training and evaluation read.

    Attributes:
        text: The statement.
        speaker: Who said it; "" if unknown.
        context: The sentences around it, with `[...]` where the statement stood; "" if unknown.
        target: What the stance is about, as a noun phrase.
        label: The gold label, or None where there is none.
        matter: The dispute it belongs to; splits keep a matter on one side. "" if unknown.
        id: A name for the row, unique in its file.
    """

    text: str
    speaker: str = ""
    context: str = ""
    target: str = DEFAULT_TARGET
    label: Label | None = None
    matter: str = ""
    id: str = ""


def make_quote(
    article: str,
    parts: Sequence[tuple[int, int]],
    kind: Kind,
    *,
    cue: str | None = None,
    speaker: Speaker | None = None,
    confidence: float = 1.0,
) -> Quote:
    """Cut a quote out of an article.

    Args:
        article: The text exactly as given.
        parts: (start, end) of each part, in order.
        kind: `direct`, `indirect` or `mixed`.
        cue: The reporting words.
        speaker: Who said it.
        confidence: 0 to 1.

    Returns:
        The quote; each part's text is what its offsets cut out.
    """
    spans = tuple(Span(start, end, article[start:end]) for start, end in parts)
    text = " ".join(span.text for span in spans)
    return Quote(text, spans[0].start, spans[-1].end, spans, kind, cue, speaker, confidence)
