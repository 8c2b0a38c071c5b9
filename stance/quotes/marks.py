"""Text -> stretches of speech that quotation marks or dialogue dashes set apart.

Comes in: an article. Goes out: `Marked` stretches in order, outermost ones only, with what is known of their edges.
Every usual mark is read, and marks that do not match (opened by one kind, closed by another, never closed, never
opened) are mended from their neighbours: a mark that opens has space before it, one that closes has a letter or a
stop before it. No mark can fail a document; one that makes no sense is left as a character.
"""

from dataclasses import dataclass
from typing import Literal

import regex

from stance.quotes.lexicon import CLAUSE_VERB, pattern
from stance.quotes.passages import paragraphs

_DOUBLE = regex.compile(r"``|''|[“”„‟«»″\"＂]")
_SINGLE_OPEN = regex.compile(r"(?<![\w.,;:!?’'])[‘‚‹'](?=[\p{L}\p{N}\[“\"])")
_TWICE_CLOSED = regex.compile(r"“[^“”\"]*”[^“”\"]*”")  # “he calls it “hell” there”
_ELISION = regex.compile(r"['’‘](?:em|tis|twas|cause|til|n|bout|\d0s|\d\ds?)\b", regex.I)
_DIALOGUE = regex.compile(r"(?P<dash>[—–―]\s*|[-−]\s+)(?=[\p{Lu}\p{N}\"“«„‘'…\[])")
_DASH_CLAUSE = regex.compile(rf"(?P<stop>[,.!?…])\s*[—–―-]+\s*(?=(?:[^\s.,;]+\s+){{0,5}}?{CLAUSE_VERB}\b)", regex.I)
_COMMA_CLAUSE = regex.compile(
    rf"[,!?]\s+(?=(?:(?:he|she|they|\p{{Lu}}[\w.’'-]*(?:\s+\p{{Lu}}[\w.’'-]*)*|the\s+\w+)\s+{CLAUSE_VERB}\b|"
    r"(?:said|says|added|noted|told)\s+\p{Lu}))"
)
_CLAUSE_BEHIND = regex.compile(rf"\s*[—–-]?\s*(?:[^\s.,;]+\s+){{0,5}}?{CLAUSE_VERB}\b")
_VERB_BEFORE = regex.compile(rf"\b{CLAUSE_VERB}$")
_RESUMED = regex.compile(r"[.,;]?\s*[—–―-]\s+(?=\S)")


@dataclass(frozen=True, slots=True)
class Marked:
    """A stretch of marked speech.

    Attributes:
        start: First character inside the marks.
        end: After the last character inside.
        outer_start: The opening mark, or `start` where it is missing.
        outer_end: After the closing mark, or `end` where it is missing.
        shape: `quote` for quotation marks, `dash` for a dialogue dash.
        paragraph: Index of its paragraph.
        goes_on: Left open at the end of its paragraph because the next one opens again.
        continues: Opens a paragraph as the continuation of the one before.
    """

    start: int
    end: int
    outer_start: int
    outer_end: int
    shape: Literal["quote", "dash"]
    paragraph: int
    goes_on: bool = False
    continues: bool = False


def find_marked(text: str) -> list[Marked]:
    """Find every outermost stretch of marked speech.

    Args:
        text: The article, untouched.

    Returns:
        The stretches in order; they do not overlap and none crosses a paragraph's end.
    """
    spans = paragraphs(text)
    found: list[Marked] = []
    carried = False
    for number, (start, end) in enumerate(spans):
        following = text[spans[number + 1][0] : spans[number + 1][1]] if number + 1 < len(spans) else ""
        marks, carried = _in_paragraph(text, start, end, number, carried, following)
        found.extend(m for m in marks if text[m.start : m.end].strip())
    return found


def _in_paragraph(text: str, start: int, end: int, number: int, carried: bool, following: str) -> tuple[list[Marked], bool]:
    """Pair the marks of one paragraph; say whether its last quote goes on in the next."""
    pairs, open_mark, stray = _pair(text, start, end)
    found = [Marked(a + width, b, a, b + after, "quote", number) for a, width, b, after in pairs]
    goes_on = False
    dash = _DIALOGUE.match(text, start, end)
    if dash and (dialogue := _dialogue(text, dash.end(), start, end, number, found, stray)):
        inside = [(d.start, d.end) for d in dialogue]
        found = [m for m in found if not any(a <= m.start and m.end <= b for a, b in inside)]
        return sorted([*dialogue, *found], key=lambda m: m.start), False
    if open_mark is not None:
        position, width = open_mark
        inner = position + width
        if not text[inner:end].strip():
            pass
        elif _opens_paragraph(following, text[position]) and not _COMMA_CLAUSE.search(text, inner, end) and text[end - 1] in ".!?…,;:—–-’'\"”)]":
            goes_on = True
            found.append(Marked(inner, end, position, end, "quote", number, goes_on=True))
        else:
            stop = _missing_close(text, start, position, inner, end, mixed=following.startswith("“"))
            if stop is not None:
                found.append(Marked(inner, stop, position, stop, "quote", number))
    elif stray is not None and not found:
        # A closing mark with nothing open: the opening one is missing, if a clause follows and the paragraph starts it.
        position, width = stray
        if position - start > 8 and text[position - 1] in ",.!?…" and _CLAUSE_BEHIND.match(text, position + width, end):
            found.append(Marked(start, position, start, position + width, "quote", number))
    if carried and found and found[0].outer_start == start:
        first = found[0]
        found[0] = Marked(first.start, first.end, first.outer_start, first.outer_end, first.shape, number, first.goes_on, True)
    taken = [(m.outer_start, m.outer_end) for m in found]
    singles = _singles(text, start, end, number, taken)
    found = [m for m in found if not any(s.start <= m.start and m.end <= s.end for s in singles)]
    found.extend(singles)
    return sorted(found, key=lambda m: m.start), goes_on


def _pair(text: str, start: int, end: int) -> tuple[list[tuple[int, int, int, int]], tuple[int, int] | None, tuple[int, int] | None]:
    """Pair double marks.

    Returns:
        Outermost pairs as (open position, open width, close position, close width), the mark left open at the end,
        and the first closing mark that had nothing to close.
    """
    pairs = []
    stack: list[tuple[int, int, str]] = []
    stray = None
    for match in _DOUBLE.finditer(text, start, end):
        position, mark = match.start(), match.group()
        width = len(mark)
        side = _side(text, position, mark, start, end, stack)
        if side == "open":
            if stack and not _nests(stack[-1][2], mark) and not (len(stack) == 1 and _TWICE_CLOSED.match(text, position, end)):
                # The last one was never closed; this one opens anew.
                opened, opened_width, _ = stack[0]
                stop = _missing_close(text, start, opened, opened + opened_width, position, mixed=mark == "“" and '"' not in text[position:end])
                if stop is not None:
                    pairs.append((opened, opened_width, stop, 0))
                stack = []
            stack.append((position, width, mark))
        elif side == "close":
            if len(stack) > 1 and _closes(stack[-1][2], mark):
                stack.pop()
            elif stack:
                if len(stack) > 1 and not _closes(stack[0][2], mark):
                    stack.pop()
                    continue
                opened, opened_width, _ = stack[0]
                if text[opened + opened_width : position].strip():
                    pairs.append((opened, opened_width, position, width))
                stack = []
            elif stray is None:
                stray = (position, width)
    return pairs, (stack[0][0], stack[0][1]) if stack else None, stray


_FAMILIES = {"“": '”“″"', "„": '“”"', "‟": '”“"', "«": '»"', "»": '«"', '"': '"”″', "``": "''\"", "''": "''\"", "″": '″"”', "”": '”"', "＂": "＂"}


def _closes(opening: str, closing: str) -> bool:
    return closing in _FAMILIES.get(opening, '"')


def _nests(outer: str, inner: str) -> bool:
    """Whether `inner` may open inside `outer` while that is open."""
    return (outer != inner and not (outer in '“”"„' and inner in '“”"')) or outer == inner == "«"


def _side(text: str, position: int, mark: str, start: int, end: int, stack: list[tuple[int, int, str]]) -> str:
    """Whether a mark opens, closes, or is none (inches, ditto)."""
    left = text[position - 1] if position > start else " "
    right = text[position + len(mark)] if position + len(mark) < end else " "
    left_free = left.isspace() or left in "([{—–-/\u200b" or left in "‘'“«„" or (left in ":;,=…" and not stack)
    right_free = right.isspace() or right in ".,;:!?…)]}—–-/\u200b" or right in "’'”»"
    if mark == "''":
        if left_free and not right_free:
            return "open"
        return "close" if stack or not left_free else "none"
    if mark in '"″＂' and left.isdigit() and not stack:
        return "none"
    can_open = left_free and not (right.isspace() or right in ".,;:!?)]}")
    can_close = not (left.isspace() and position > start) and position > start and (right_free or not left_free)
    if mark in "“„‟``" and not (mark == "“" and stack and stack[-1][2] == "„"):
        return "close" if stack and can_close and not can_open else "open"
    if mark == "”":
        return "open" if can_open and not can_close and not stack else "close"
    if mark == "“":
        return "close"
    if mark in "«»":
        guillemet = next((m for _, _, m in stack if m in "«»"), None)
        if guillemet:
            return "open" if mark == guillemet and can_open and not can_close else "close"
        if stack:
            return "open" if can_open and not can_close else "close"
        return "open" if can_open or not can_close else "close"
    if can_open and not can_close:
        return "open"
    if can_close and not can_open:
        return "close"
    return "close" if stack else "open"


def _opens_paragraph(paragraph: str, mark: str) -> bool:
    """Whether a paragraph opens with a mark, and takes up a quote that `mark` opened: a straight one that a curly one follows is a slip."""
    return bool(pattern(r"[\"„«‟]|``|''" if mark == '"' else r"[“\"„«‟]|``|''").match(paragraph))


def _missing_close(text: str, start: int, position: int, inner: int, end: int, *, mixed: bool) -> int | None:
    """Where a quote that was never closed most likely ends, or None if its mark looks like a slip; `mixed`: the next mark is a curly one."""
    clauses = [m for m in (_DASH_CLAUSE.search(text, inner, end), _COMMA_CLAUSE.search(text, inner, end)) if m]
    if clauses:
        stop = min(m.start() for m in clauses)
        return stop + 1 if text[stop] in ".!?…" else stop
    before = text[max(start, position - 60) : position].rstrip()
    if mixed and text[position] == '"' and not before:
        return None
    if not before or before[-1] in ":,—–-" or _VERB_BEFORE.search(before):
        while end > inner and text[end - 1].isspace():
            end -= 1
        return end if end > inner else None
    return None


def _dialogue(text: str, inner: int, start: int, end: int, number: int, quotes: list[Marked], stray: tuple[int, int] | None) -> list[Marked]:
    """Read a paragraph led by a dash as dialogue: one or two stretches, or none if it is a list item."""
    if stray is not None:
        position, width = stray
        return [Marked(inner, position, start, position + width, "dash", number)]
    clause = next((m for m in _DASH_CLAUSE.finditer(text, inner, end) if not any(q.start <= m.start() < q.end for q in quotes)), None)
    comma = _COMMA_CLAUSE.search(text, inner, end) if clause is None and not quotes and text[start] in "—–―" else None
    if comma and "," not in text[comma.end() : end]:  # a clause that ends it: what follows a second comma would go on
        return [Marked(inner, comma.start() + (text[comma.start()] != ","), start, comma.start(), "dash", number)]
    if clause is None:
        long_dash = text[start] in "—–―" and text[end - 1] in '.!?…"”»'
        return [Marked(inner, end, start, end, "dash", number)] if long_dash else []
    stop = clause.start() + (clause["stop"] in ".!?…")
    found = [Marked(inner, stop, start, stop, "dash", number)]
    resumed = _RESUMED.search(text, clause.end(), end)
    if resumed and resumed.end() < end:
        found.append(Marked(resumed.end(), end, resumed.end(), end, "dash", number))
    return found


def _singles(text: str, start: int, end: int, number: int, taken: list[tuple[int, int]]) -> list[Marked]:
    """Find quotes in single marks outside the double ones; apostrophes are none."""
    found = []
    position = start
    while match := _SINGLE_OPEN.search(text, position, end):
        position = match.end()
        if any(a <= match.start() < b for a, b in taken) or _ELISION.match(text, match.start()):
            continue
        limit = min([end, *(a for a, _ in taken if a > match.start())])
        stop = _single_close(text, match.end(), limit, text[match.start()])
        if stop is None and limit < end:
            # double marks inside single ones: only a mark after a stop, outside them, closes
            stop = next(
                (
                    i
                    for i in range(limit, end)
                    if text[i] in "'’"
                    and (text[i - 1] in ",.!?…" or (i + 1 < end and text[i + 1] in ",."))
                    and not text[i + 1 : i + 2].isalnum()
                    and not any(a <= i < b for a, b in taken)
                ),
                None,
            )
        if stop is not None:
            found.append(Marked(match.end(), stop, match.start(), stop + 1, "quote", number))
            position = stop + 1
    return found


def _single_close(text: str, inner: int, limit: int, mark: str) -> int | None:
    """Find the mark that closes a single quote: one after a stop wins over one that may be a possessive."""
    closers = {"‹": "›", "‚": "‘’'", "'": "'’", "‘": "’'"}[mark]
    fallback = None
    for i in range(inner + 1, limit):
        if fallback is not None and _SINGLE_OPEN.match(text, i):
            return fallback
        if text[i] not in closers:
            continue
        right = text[i + 1] if i + 1 < limit else " "
        if right.isalnum() or text[i - 1].isspace():
            continue
        if text[i - 1] in ".,!?…" or mark == "‹":
            return i
        if fallback is None or text[fallback - 1] == "s":
            fallback = i
    return fallback
