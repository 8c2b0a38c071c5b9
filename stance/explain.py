"""A statement -> which of its words speak for its label and which against.

Comes in: a statement and a model. Goes out: an `Explanation` with a score per word. Integrated gradients over the embeddings
(Sundararajan et al. 2017, ICML), by Captum; the baseline is the same input with every word blanked. The scores have to sum to what the words change in
the model's output altogether: `gap` says how far they miss that, and steps are doubled until it is small.
"""

import importlib.util
from typing import TYPE_CHECKING, Any

from stance.corpora import has_words
from stance.encoding import encode, words_read
from stance.errors import EmptyTextError, InputError, MissingExtraError
from stance.labels import LABELS
from stance.modeling import load
from stance.predict import ModelLike
from stance.records import DEFAULT_MODEL, DEFAULT_TARGET, Example
from stance.reporting import Explanation, WordScore

if TYPE_CHECKING:
    import torch

_SMALL = 0.02  # of what the words change altogether
_MOST_STEPS = 800


def explain(
    statement: str,
    *,
    target: str = DEFAULT_TARGET,
    speaker: str | None = None,
    context: str | None = None,
    model: ModelLike = DEFAULT_MODEL,
    label: str | None = None,
    n_steps: int = 50,
) -> Explanation:
    """Say which words of a statement speak for its label.

    Args:
        statement: One statement.
        target: What the stance is about.
        speaker: Who said it, for models that read it.
        context: The sentences around it, for models that read them.
        model: A released name, a checkpoint folder, or a loaded `StanceModel`.
        label: Which label to explain; the most probable one if None.
        n_steps: Of the integration, to begin with.

    Returns:
        A score per word, in units of the label's logit; a notebook shows them as colours.

    Raises:
        EmptyTextError: The statement holds no words.
        InputError: It is longer than the model reads, or `label` is none of the three.
        MissingExtraError: Captum is not installed.

    Example:
        >>> found = explain("We will never sit down with them.")  # doctest: +SKIP
        >>> max(found.words, key=lambda word: word.score).text  # doctest: +SKIP
        'never'
    """
    if not isinstance(statement, str):
        raise InputError(f"statement is a {type(statement).__name__}, expected one string.")
    if not has_words(statement):
        raise EmptyTextError("statement", statement)
    if label is not None and label not in LABELS:
        raise InputError(f"label is {label!r}, allowed are {', '.join(LABELS)}.")
    if n_steps < 1:
        raise InputError(f"n_steps is {n_steps}, expected at least 1.")
    if importlib.util.find_spec("captum") is None:
        raise MissingExtraError("captum", "explain")
    import torch
    from captum.attr import LayerIntegratedGradients

    loaded = load(model)
    example = Example(statement, speaker or "", context or "", target)
    words = words_read(example, loaded.reader, loaded.config)
    if not words:
        raise InputError(f"the statement is longer than the model reads ({loaded.config.max_length} tokens together). Explain a part of it.")
    prediction = loaded.predict([example])[0]
    label = label or max(LABELS, key=lambda name: prediction.probabilities[name])
    column = loaded.columns[LABELS.index(label)]
    feature = {name: torch.tensor([ids], device=loaded.network.device) for name, ids in encode([example], loaded.reader, loaded.config).features[0].items()}
    inputs = feature.pop("input_ids")
    blank = inputs.clone()
    blank[0, [place for word in words for place in word.pieces]] = loaded.reader.special["pad"]

    def output(ids: "torch.Tensor", beside: dict[str, Any]) -> "torch.Tensor":
        repeated = {name: value.expand(len(ids), -1) for name, value in beside.items()}
        return loaded.network(input_ids=ids, **repeated).logits[:, column]  # type: ignore[no-any-return]

    with torch.no_grad():
        change = float(output(inputs, feature) - output(blank, feature))
    method = LayerIntegratedGradients(output, loaded.network.get_input_embeddings())
    while True:
        found = method.attribute(inputs, blank, additional_forward_args=(feature,), n_steps=n_steps, internal_batch_size=32)
        scores = found.sum(dim=-1)[0].detach()  # (n_tokens,)
        gap = abs(float(scores.sum()) - change)
        if gap <= _SMALL * max(abs(change), 0.1) or 2 * n_steps > _MOST_STEPS:
            break
        n_steps *= 2
    rows = tuple(WordScore(word.text, word.segment, float(scores[list(word.pieces)].sum())) for word in words)
    return Explanation(label, prediction.probabilities[label], rows, change, gap, loaded.name or "model")
