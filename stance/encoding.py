"""Examples -> input ids: the statement as the first segment; target, speaker and context as the second.

Comes in: examples and a transformers tokenizer. Goes out: one dict of ids per example, at most `max_length` long.
What does not fit is cut from the context first, furthest from the statement first; only then from the statement, and
that is said in the result. Quotation marks around a statement say nothing about its stance and are taken off.
"""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from stance.config import ModelConfig
from stance.records import STATEMENT_SLOT, Example

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_STRAIGHT = str.maketrans("“”„‟«»＂‘’‚‛‹›", '"' * 7 + "'" * 6)


@dataclass(frozen=True)
class Encoded:
    """Encoded examples.

    Attributes:
        features: For each example its `input_ids`, `attention_mask` and, where the encoder has them, `token_type_ids`.
        truncated: For each example, whether the statement itself was cut.
    """

    features: list[dict[str, list[int]]]
    truncated: list[bool]


def encode(examples: Sequence[Example], tokenizer: "PreTrainedTokenizerBase", config: ModelConfig) -> Encoded:
    """Encode examples for a sequence-pair classifier.

    Args:
        examples: n of them.
        tokenizer: A fast tokenizer.
        config: Says how long an input may be and what the second segment holds.

    Returns:
        n encoded examples in the same order.
    """
    if not examples:
        return Encoded([], [])
    texts = [clean(example.text, strip_marks=True) for example in examples]
    heads = [_head(example, config) for example in examples]
    contexts = [_context(example, config) for example in examples]
    features = _tokenize(tokenizer, texts, heads, contexts)
    truncated = [False] * len(examples)
    for i, feature in enumerate(features):
        if len(feature["input_ids"]) > config.max_length:
            features[i], truncated[i] = _fit(tokenizer, texts[i], heads[i], contexts[i], config.max_length)
    return Encoded(features, truncated)


@dataclass(frozen=True)
class Piece:
    """A stretch of what the model reads, in words.

    Attributes:
        text: The word.
        segment: `statement` or `beside` (target, speaker, context).
        pieces: Which places of the input ids it stands at.
    """

    text: str
    segment: str
    pieces: tuple[int, ...]


def words_read(example: Example, tokenizer: "PreTrainedTokenizerBase", config: ModelConfig) -> list[Piece]:
    """Say which words the input ids of one example stand for; special tokens are left out.

    Args:
        example: One that is not too long to be read whole.
        tokenizer: A fast tokenizer.
        config: As for `encode`.

    Returns:
        The words in their order; [] where the example was cut.
    """
    texts = clean(example.text, strip_marks=True), _second(_head(example, config), *_context(example, config))
    encoded = tokenizer(*(text for text in texts if text), truncation=False, verbose=False, return_offsets_mapping=True)
    if encoded["input_ids"] != encode([example], tokenizer, config).features[0]["input_ids"]:
        return []
    found: dict[tuple[int, int], list[int]] = {}
    for i, (segment, word) in enumerate(zip(encoded.sequence_ids(0), encoded.word_ids(0), strict=True)):
        if segment is not None and word is not None:
            found.setdefault((segment, word), []).append(i)
    offsets = encoded["offset_mapping"]
    return [
        Piece(texts[segment][offsets[places[0]][0] : offsets[places[-1]][1]], ("statement", "beside")[segment], tuple(places))
        for (segment, _), places in found.items()
    ]


def clean(text: str, *, strip_marks: bool = False) -> str:
    """Fold spacing, compatibility characters and quotation marks; the offsets of records are not touched by this."""
    text = text.encode("utf-8", "replace").decode("utf-8")  # a lone surrogate stops the tokenizer
    folded = unicodedata.normalize("NFKC", text).translate(_STRAIGHT)
    folded = " ".join("".join(c for c in folded if unicodedata.category(c) != "Cf").split())
    if strip_marks and folded[:1] == '"' and (folded.count('"') == 1 or (folded[-1:] == '"' and folded.count('"') == 2)):
        folded = folded.strip('"').strip()
    return folded or text


def _head(example: Example, config: ModelConfig) -> str:
    parts = []
    if config.use_target:
        parts.append(clean(example.target))
    if config.use_speaker:
        parts.append(clean(example.speaker) if example.speaker else "unknown")
    return " | ".join(parts)


def _context(example: Example, config: ModelConfig) -> tuple[str, str]:
    """The context before and behind the statement's place."""
    if not config.use_context or not example.context:
        return "", ""
    context = example.context
    if STATEMENT_SLOT not in context and example.text in context:
        context = context.replace(example.text, STATEMENT_SLOT, 1)
    before, _, after = context.partition(STATEMENT_SLOT)
    # A word is at least one token, so that no more words than tokens can ever be needed.
    n = config.max_length
    return clean(" ".join(before.split()[-n:])), clean(" ".join(after.split()[:n]))


def _tokenize(tokenizer: "PreTrainedTokenizerBase", texts: list[str], heads: list[str], contexts: list[tuple[str, str]]) -> list[dict[str, list[int]]]:
    seconds = [_second(head, *context) for head, context in zip(heads, contexts, strict=True)]
    encoded: Any = tokenizer(texts, seconds if any(seconds) else None, truncation=False, verbose=False)
    return [{name: encoded[name][i] for name in encoded} for i in range(len(texts))]


def _second(head: str, before: str, after: str) -> str:
    context = f"{before} {STATEMENT_SLOT} {after}".strip() if before or after else ""
    return " | ".join(part for part in (head, context) if part)


def _fit(tokenizer: "PreTrainedTokenizerBase", text: str, head: str, context: tuple[str, str], limit: int) -> tuple[dict[str, list[int]], bool]:
    """Cut one example down to `limit` tokens: context from its far ends, then the head, then the statement's middle."""
    before, after = (part.split() for part in context)
    sizes = [len(ids) for ids in tokenizer([*before, *after], add_special_tokens=False)["input_ids"]] if before or after else []
    bare = len(_tokenize(tokenizer, [text], [head], [("", "")])[0]["input_ids"])
    room = limit - bare - len(tokenizer(f" | {STATEMENT_SLOT}", add_special_tokens=False)["input_ids"])
    left, right = len(before), 0  # words kept are before[left:] and after[:right]
    while room > 0 and (left > 0 or right < len(after)):
        take_left = left > 0 and (len(before) - left <= right or right == len(after))
        size = sizes[left - 1] if take_left else sizes[len(before) + right]
        if size > room:
            break
        room -= size
        left, right = (left - 1, right) if take_left else (left, right + 1)
    kept = (" ".join(before[left:]), " ".join(after[:right]))
    for candidate_head, candidate in ((head, kept), (head, ("", "")), ("", ("", ""))):
        feature = _tokenize(tokenizer, [text], [candidate_head], [candidate])[0]
        if len(feature["input_ids"]) <= limit:
            return feature, False
    words = text.split()
    low, high = 1, len(words)  # the most words that fit; the end counts as much as the beginning (rule 10)
    while low < high:
        middle = (low + high + 1) // 2
        shorter = _tokenize(tokenizer, [_ends(words, middle)], [""], [("", "")])[0]
        low, high = (middle, high) if len(shorter["input_ids"]) <= limit else (low, middle - 1)
    feature = _tokenize(tokenizer, [_ends(words, low)], [""], [("", "")])[0]
    if len(feature["input_ids"]) > limit:  # one endless word
        feature = dict(tokenizer(text, truncation=True, max_length=limit))
    return feature, True


def _ends(words: list[str], n: int) -> str:
    return " ".join([*words[: n - n // 2], *words[len(words) - n // 2 :]])
