"""Text -> paragraphs -> sentences, as offsets into the untouched text.

Comes in: any text. Goes out: (start, end) pairs. A line break ends a paragraph, unless the text is hard-wrapped
(blank lines between paragraphs, lines of a common width), where only a blank line does.
"""

from bisect import bisect_left
from collections.abc import Sequence
from functools import lru_cache
from html import unescape
from itertools import pairwise

import regex

from stance.quotes.lexicon import ABBREVIATIONS

FILLER = "\u034f"  # joins what stands on both sides of it; nobody sees it
_INVISIBLE = regex.compile(r"(?<!(?:^|[\s(])[“\"„«‘'])[\u200b\u2060\ufeff\u200e\u200f\u202a-\u202e\u2066-\u2069]", regex.M)
_TAG = regex.compile(r"</?[A-Za-z][A-Za-z0-9]*(?:\s[^<>]{0,500})?/?>|<!--.{0,1000}?-->", regex.S)
_BLOCK = regex.compile(r"(?i)</?(?:p|div|br|h[1-6]|li|ul|ol|blockquote|tr|td|table|article|section|header|footer|figure|figcaption)\b")
_ENTITY = regex.compile(r"&(?:#\d{1,6}|#x[0-9A-Fa-f]{1,5}|[A-Za-z]{2,8});")
_LINE = regex.compile(r"[^\r\n\u2028\u2029\u0085]+")
_BLANK = regex.compile(r"(?:\r\n|\r|\n)[^\S\r\n]*(?:\r\n|\r|\n)\s*")
_SENTENCE_END = regex.compile(r"(?P<stop>[.!?…]+)(?P<close>[\"”’»›)\]\u0001]*)(?=\s+|$)")
LAST_WORD = regex.compile(r"(?r)[^\s(\"“‘«\u0001]+")  # read from the right


def paragraphs(text: str) -> list[tuple[int, int]]:
    """Return (start, end) of every paragraph that holds more than white space."""
    return list(_paragraphs(text))


@lru_cache(maxsize=4)
def _paragraphs(text: str) -> tuple[tuple[int, int], ...]:
    if _is_hard_wrapped(text):
        edges, position = [], 0
        for gap in _BLANK.finditer(text):
            edges.append((position, gap.start()))
            position = gap.end()
        spans = [*edges, (position, len(text))]
    else:
        spans = [match.span() for match in _LINE.finditer(text)]
    trimmed = (_trim(text, start, end) for start, end in spans)
    return tuple((start, end) for start, end in trimmed if start < end)


def readable(text: str) -> str:
    """Replace what is left of HTML by what it stands for, and marks without a width by spaces, so that every offset stays what it was."""
    text = _INVISIBLE.sub(" ", text)
    if "<" not in text and "&" not in text:
        return text
    text = _TAG.sub(lambda m: ("\n" if _BLOCK.match(m.group()) else " ") + " " * (len(m.group()) - 1), text)
    return _ENTITY.sub(_character, text)


def _character(entity: "regex.Match[str]") -> str:
    """The character of an entity: a mark has its padding outside what it marks, what is part of a word a filler that belongs to words."""
    found = unescape(entity.group())
    n = len(entity.group()) - len(found)
    if len(found) != 1:
        return entity.group()
    before, after = entity.string[: entity.start()][-1:], entity.string[entity.end() : entity.end() + 1]
    if found.isalpha() or (found in "'’&" and before.isalnum() and after.isalnum()):
        return found + FILLER * n
    return " " * n + found if after.isalnum() and not before.isalnum() else found + " " * n


def entities(text: str) -> list[tuple[int, int]]:
    """Return (start, end) of everything that `readable` may read as one character."""
    return [match.span() for match in _ENTITY.finditer(text)] if "&" in text else []


def words_inside(words: Sequence[tuple[int, int]], start: int, end: int) -> list[int]:
    """Return the numbers of the words, (start, end) in order, that lie between two offsets by half or more; an empty one lies nowhere."""
    found = []
    for i in range(max(0, bisect_left(words, start, key=lambda word: word[0]) - 1), len(words)):
        a, b = words[i]
        if a >= end:
            break
        if b > a and 2 * (min(b, end) - max(a, start)) >= b - a:
            found.append(i)
    return found


def _trim(text: str, start: int, end: int) -> tuple[int, int]:
    while start < end and (text[start].isspace() or text[start] in "\u200b\ufeff\u200e\u200f"):
        start += 1
    while end > start and (text[end - 1].isspace() or text[end - 1] in "\u200b\ufeff\u200e\u200f"):
        end -= 1
    return start, end


def _is_hard_wrapped(text: str) -> bool:
    """Whether lines are broken at a common width, with blank lines between paragraphs."""
    if not _BLANK.search(text):
        return False
    lengths = []
    lines = text.splitlines()
    for line, following in pairwise(lines):
        if line.strip() and following.strip():
            lengths.append(len(line.rstrip()))
    if len(lengths) < 4:
        return False
    return max(lengths) <= 100 and sum(length >= 50 for length in lengths) >= 0.8 * len(lengths)


def sentences(text: str) -> list[tuple[int, int]]:
    r"""Split one paragraph into sentences.

    Args:
        text: The paragraph; a stretch that must not be cut may be blanked with \\u0001.

    Returns:
        (start, end) of each, without the white space between them.
    """
    return list(_sentences(text))


@lru_cache(maxsize=256)
def _sentences(text: str) -> tuple[tuple[int, int], ...]:
    spans = []
    start = 0
    for match in _SENTENCE_END.finditer(text):
        after = text[match.end() : match.end() + 50].lstrip()[:1]
        if after and not (after.isupper() or after.isdigit() or after in "\"“‘«„'‹\u0001—–-("):
            continue
        if match["stop"] == "." and not match["close"]:
            word = LAST_WORD.match(text, start, match.start("stop"))
            last = word.group() if word else ""
            if last.lower() in ABBREVIATIONS or (len(last) == 1 and last.isupper() and last != "I"):
                continue
        spans.append(_trim(text, start, match.end()))
        start = match.end()
    spans.append(_trim(text, start, len(text)))
    return tuple((a, b) for a, b in spans if a < b)
