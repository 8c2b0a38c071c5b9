"""Examples -> input ids: the statement as the first segment; target, speaker and context as the second.

Comes in: examples and a transformers tokenizer. Goes out: one dict of ids per example, at most `max_length` long.
What does not fit is cut from the context first, furthest from the statement first; only then from the statement, and
that is said in the result. Quotation marks around a statement say nothing about its stance and are taken off.
"""

import json
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from stance.config import ModelConfig
from stance.records import STATEMENT_SLOT, Example

if TYPE_CHECKING:
    from tokenizers import Encoding, Tokenizer
    from transformers import PreTrainedTokenizerBase

_STRAIGHT = str.maketrans("“”„‟«»＂‘’‚‛‹›", '"' * 7 + "'" * 6)


@dataclass(frozen=True)
class Reader:
    """A fast tokenizer without transformers around it, which takes seconds to import.

    Attributes:
        rust: The tokenizer; it neither cuts nor pads.
        special: Ids of the special tokens `cls`, `sep`, `pad` and `unk`.
        names: The inputs that the network wants: `input_ids`, `attention_mask` and perhaps `token_type_ids`.
    """

    rust: "Tokenizer"
    special: dict[str, int]
    names: tuple[str, ...]

    def read(self, texts: Sequence[str], seconds: Sequence[str] | None = None, *, special: bool = True) -> "list[Encoding]":
        """Tokenize texts, or pairs of texts, with the special tokens around them or without."""
        found: list[Encoding] = self.rust.encode_batch(list(texts if seconds is None else zip(texts, seconds, strict=True)), add_special_tokens=special)
        return found

    def save(self, path: Path) -> None:
        """Write it into a file."""
        path.write_text(json.dumps({"tokenizer": self.rust.to_str(), "special": self.special, "names": self.names}), encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> "Reader":
        """Read what `save` wrote."""
        from tokenizers import Tokenizer

        found = json.loads(path.read_text(encoding="utf-8"))
        return cls(Tokenizer.from_str(found["tokenizer"]), found["special"], tuple(found["names"]))


@lru_cache(maxsize=8)
def reader_of(tokenizer: "PreTrainedTokenizerBase") -> Reader:
    """Take the fast tokenizer out of transformers'.

    Args:
        tokenizer: A fast tokenizer; it is not changed.

    Returns:
        A copy.
    """
    from tokenizers import Tokenizer

    rust = Tokenizer.from_str(tokenizer.backend_tokenizer.to_str())
    rust.no_truncation()
    rust.no_padding()
    special = {name: getattr(tokenizer, f"{name}_token_id") for name in ("cls", "sep", "pad", "unk")}
    return Reader(rust, special, tuple(name for name in _INPUTS if name in tokenizer.model_input_names))


_INPUTS = {"input_ids": "ids", "attention_mask": "attention_mask", "token_type_ids": "type_ids"}


@dataclass(frozen=True)
class Encoded:
    """Encoded examples.

    Attributes:
        features: For each example its `input_ids`, `attention_mask` and, where the encoder has them, `token_type_ids`.
        truncated: For each example, whether the statement itself was cut.
    """

    features: list[dict[str, list[int]]]
    truncated: list[bool]


def encode(examples: Sequence[Example], reader: Reader, config: ModelConfig) -> Encoded:
    """Encode examples for a sequence-pair classifier.

    Args:
        examples: n of them.
        reader: The tokenizer.
        config: Says how long an input may be and what the second segment holds.

    Returns:
        n encoded examples in the same order.
    """
    if not examples:
        return Encoded([], [])
    texts = [clean(example.text, strip_marks=True) for example in examples]
    heads = [_head(example, config) for example in examples]
    contexts = [_context(example, config) for example in examples]
    features = _tokenize(reader, texts, heads, contexts)
    truncated = [False] * len(examples)
    for i, feature in enumerate(features):
        if len(feature["input_ids"]) > config.max_length:
            features[i], truncated[i] = _fit(reader, texts[i], heads[i], contexts[i], config.max_length)
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


def words_read(example: Example, reader: Reader, config: ModelConfig) -> list[Piece]:
    """Say which words the input ids of one example stand for; special tokens are left out.

    Args:
        example: One that is not too long to be read whole.
        reader: The tokenizer.
        config: As for `encode`.

    Returns:
        The words in their order; [] where the example was cut.
    """
    texts = clean(example.text, strip_marks=True), _second(_head(example, config), *_context(example, config))
    (encoded,) = reader.read([texts[0]], [texts[1]] if texts[1] else None)
    if encoded.ids != encode([example], reader, config).features[0]["input_ids"]:
        return []
    found: dict[tuple[int, int], list[int]] = {}
    for i, (segment, word) in enumerate(zip(encoded.sequence_ids, encoded.word_ids, strict=True)):
        if segment is not None and word is not None:
            found.setdefault((segment, word), []).append(i)
    offsets = encoded.offsets
    return [
        Piece(texts[segment][offsets[places[0]][0] : offsets[places[-1]][1]], ("statement", "beside")[segment], tuple(places))
        for (segment, _), places in found.items()
    ]


def without_surrogates(text: str) -> str:
    """Put a question mark for each lone surrogate, which no file and no tokenizer takes."""
    return text.encode("utf-8", "replace").decode("utf-8")


def clean(text: str, *, strip_marks: bool = False) -> str:
    """Fold spacing, compatibility characters and quotation marks; the offsets of records are not touched by this."""
    folded = unicodedata.normalize("NFKC", without_surrogates(text)).translate(_STRAIGHT)
    folded = " ".join("".join(c for c in folded if unicodedata.category(c) != "Cf").split())
    if strip_marks and folded[:1] == '"' and (folded.count('"') == 1 or (folded[-1:] == '"' and folded.count('"') == 2)):
        folded = folded.strip('"').strip()
    return folded or without_surrogates(text)


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


def _tokenize(reader: Reader, texts: list[str], heads: list[str], contexts: list[tuple[str, str]]) -> list[dict[str, list[int]]]:
    seconds = [_second(head, *context) for head, context in zip(heads, contexts, strict=True)]
    return [{name: getattr(row, _INPUTS[name]) for name in reader.names} for row in reader.read(texts, seconds if any(seconds) else None)]


def _second(head: str, before: str, after: str) -> str:
    context = f"{before} {STATEMENT_SLOT} {after}".strip() if before or after else ""
    return " | ".join(part for part in (head, context) if part)


def _fit(reader: Reader, text: str, head: str, context: tuple[str, str], limit: int) -> tuple[dict[str, list[int]], bool]:
    """Cut one example down to `limit` tokens: context from its far ends, then the head, then the statement's middle."""
    before, after = (part.split() for part in context)
    sizes = [len(row) for row in reader.read([*before, *after], special=False)]
    bare = len(_tokenize(reader, [text], [head], [("", "")])[0]["input_ids"])
    room = limit - bare - len(reader.read([f" | {STATEMENT_SLOT}"], special=False)[0])
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
        feature = _tokenize(reader, [text], [candidate_head], [candidate])[0]
        if len(feature["input_ids"]) <= limit:
            return feature, False
    words = text.split()
    low, high = 1, len(words)  # the most words that fit; the end counts as much as the beginning (rule 10)
    while low < high:
        middle = (low + high + 1) // 2
        shorter = _tokenize(reader, [_ends(words, middle)], [""], [("", "")])[0]
        low, high = (middle, high) if len(shorter["input_ids"]) <= limit else (low, middle - 1)
    feature = _tokenize(reader, [_ends(words, low)], [""], [("", "")])[0]
    if len(feature["input_ids"]) > limit:  # one endless word
        feature = {name: [*row[: limit - 1], row[-1]] for name, row in _tokenize(reader, [text], [""], [("", "")])[0].items()}
    return feature, True


def _ends(words: list[str], n: int) -> str:
    return " ".join([*words[: n - n // 2], *words[len(words) - n // 2 :]])
