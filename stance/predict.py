"""Statements -> predictions.

Comes in: one statement or many, and what is known of their speakers and surroundings. Goes out: a `Prediction` each, in
the same order. Input is checked here once, so that an empty statement is named before a model is loaded.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import overload

from stance.corpora import has_words
from stance.errors import EmptyTextError, InputError
from stance.modeling import StanceModel, as_examples, load
from stance.records import DEFAULT_MODEL, DEFAULT_TARGET, Example, Prediction

ModelLike = str | Path | StanceModel


@overload
def predict(  # type: ignore[overload-overlap]
    statements: str,
    *,
    target: str = ...,
    speaker: str | None = ...,
    context: str | None = ...,
    model: ModelLike = ...,
    batch_size: int = ...,
    min_confidence: float = ...,
    max_risk: float | None = ...,
) -> Prediction: ...


@overload
def predict(
    statements: Iterable[str],
    *,
    target: str = ...,
    speaker: str | Sequence[str | None] | None = ...,
    context: str | Sequence[str | None] | None = ...,
    model: ModelLike = ...,
    batch_size: int = ...,
    min_confidence: float = ...,
    max_risk: float | None = ...,
) -> list[Prediction]: ...


def predict(
    statements: str | Iterable[str],
    *,
    target: str = DEFAULT_TARGET,
    speaker: str | Sequence[str | None] | None = None,
    context: str | Sequence[str | None] | None = None,
    model: ModelLike = DEFAULT_MODEL,
    batch_size: int = 32,
    min_confidence: float = 0.0,
    max_risk: float | None = None,
) -> Prediction | list[Prediction]:
    """Predict the stance that each statement takes toward a target.

    Args:
        statements: One statement or n of them, read as they stand. For a whole article use `analyze`.
        target: What the stance is about, as a noun phrase. The released model knows the default, under any of its names, and calls a
            statement neutral toward what is unrelated.
        speaker: Who said it: one for all, or one for each (None where unknown). Used by models trained with
            `model.use_speaker`; the released one is not.
        context: The sentences around it, with `[...]` or the statement itself in its place: one for all, or one each.
            Used by models trained with `model.use_context`; the released one is not.
        model: A released name, a checkpoint folder, or a loaded `StanceModel`.
        batch_size: How much is read at once, in statements of 64 tokens. A larger one needs more memory.
        min_confidence: Abstain (label None) where the highest probability is lower.
        max_risk: Abstain so often that no larger share of the labels given is wrong, such as 0.05; it was measured on the
            corpus's dev split, and other text may err more.

    Returns:
        One `Prediction` for one statement; for n, n of them in the same order ([] for []).
        `probabilities` holds one float per label; they sum to 1. `calibrated` says whether they were calibrated.

    Raises:
        EmptyTextError: A statement holds no words; the message gives its index.
        InputError: The numbers of statements, speakers and contexts differ, or a setting is out of range.
        ModelNotFoundError: `model` names neither a release nor a checkpoint folder.

    Example:
        >>> predict("We will be at the table on Monday.").label
        'support'
    """
    one = isinstance(statements, str)
    texts = [statements] if isinstance(statements, str) else list(statements)
    check_settings(batch_size, min_confidence, max_risk)
    if one and not has_words(texts[0]):
        raise EmptyTextError("statement", texts[0])
    as_examples(texts)  # names what is no statement before a model is loaded
    speakers = _spread("speaker", speaker, len(texts))
    contexts = _spread("context", context, len(texts))
    examples = [Example(text, said or "", around or "", target) for text, said, around in zip(texts, speakers, contexts, strict=True)]
    found = load(model).predict(examples, batch_size=batch_size, min_confidence=min_confidence, max_risk=max_risk) if examples else []
    return found[0] if one else found


def check_settings(batch_size: int, min_confidence: float, max_risk: float | None = None) -> None:
    """Raise where a setting is out of range."""
    if batch_size < 1:
        raise InputError(f"batch_size is {batch_size}, expected at least 1.")
    if not 0 <= min_confidence <= 1:
        raise InputError(f"min_confidence is {min_confidence}, expected 0 to 1.")
    if max_risk is not None and not 0 < max_risk < 1:
        raise InputError(f"max_risk is {max_risk}, expected more than 0 and less than 1.")


def _spread(name: str, value: str | Sequence[str | None] | None, n: int) -> list[str | None]:
    if value is None or isinstance(value, str):
        return [value] * n
    values = list(value)
    if len(values) != n:
        raise InputError(f"found {len(values)} {name}s for {n} statements. Pass one string for all, or one for each (None where unknown).")
    return values
