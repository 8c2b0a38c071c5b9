"""Statements before their speakers are resolved; those of the rules and those of the tagger made one.

Comes in: what the rules found and what the tagger found in one article. Goes out: one list of drafts. Quotation marks are certain:
what stands between them is direct speech wherever the rules say so, and the tagger only says whose. What is reported
without marks, or with some of its words marked, is the tagger's.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import regex

from stance.quotes.clauses import is_supposed
from stance.quotes.lexicon import ABBREVIATIONS, REPORTING_WORDS, pattern
from stance.quotes.marks import Marked
from stance.quotes.passages import LAST_WORD, words_inside
from stance.quotes.tagger import Attribution
from stance.records import Kind

WORD = regex.compile(r"\p{L}[\p{L}\p{M}'’-]*|\d+")
MIN_CONFIDENCE = 0.5  # of the tagger's tags, on average over the content; chosen on PolNeAR dev
_MODESTY = 2  # the mean probability of the tags to this power is about the share of such spans that are right, on PolNeAR dev
_MIN_INDIRECT = 3  # words
_MARKS = '"“”„‟«»'
_LEAD = regex.compile(r"[\s,;:.—–]*(?:that\b[\s,]*)?")
_TAIL = regex.compile(r"[\s,;:—–]+$")
_STOP = regex.compile(r"\n|[.!?][\"”’]?\s")
_UNSAID = regex.compile(r"\b(?:not|never|without|declin\w+|refus\w+|fail\w*|nobody|no one)\b|n['’]t\b")
_RECORD = regex.compile(r"\b(?:footage|video|tape|clip|recording|audio|sound) of (?P<who>(?:\p{Lu}[\w.’'-]*\s+){0,3}\p{Lu}[\w’'-]*)\s+$")
_DESCRIBED = regex.compile(r",\s+|\s+\(|\s+[—–-]+\s+|\s+(?=(?:who|which|whose)\s)")


@dataclass
class Draft:
    """A statement before its speaker is resolved."""

    parts: list[tuple[int, int]]
    kind: Kind
    cue: tuple[int, int] | None = None
    source: tuple[int, int] | None = None
    apposition: tuple[int, int] | None = None
    carry: "Draft | None" = None
    confidence: float = 0.9
    linked: float = 1.0
    certain: bool = False  # whose it is, whatever a tagger says
    goes_on: bool = False
    paragraph: int = 0

    @property
    def start(self) -> int:
        """Where its first part starts."""
        return self.parts[0][0]


def combine(article: str, drafts: Sequence[Draft], marked: Sequence[Marked], attributions: Sequence[Attribution]) -> list[Draft]:
    """Make one list of what the rules and the tagger found.

    Args:
        article: The text.
        drafts: Of the rules, all kinds.
        marked: The stretches in quotation marks, without names and terms.
        attributions: Of the tagger.

    Returns:
        Direct statements of the rules, with the tagger's source where it has one, unless the tagger finds them to be part of a mixed one; indirect and
        mixed ones of the tagger, and direct ones that only it found a source for. In the order of the article, no word twice.
    """
    words = [match.span() for match in WORD.finditer(article)]

    def inside(ranges: Sequence[tuple[int, int]]) -> set[int]:
        return {i for start, end in ranges for i in words_inside(words, start, end)}

    quoted = inside([(m.start, m.end) for m in marked])
    direct = [(draft, inside(draft.parts)) for draft in drafts if draft.kind == "direct"]
    accords = [draft for draft in drafts if draft.kind != "direct" and _accords(article, draft)]
    reported = [(draft, inside(draft.parts)) for draft in drafts if draft.kind != "direct" and draft.source]
    given_up: set[int] = set()  # words that the tagger has in an attribution which is not believed
    spoken: dict[int, tuple[int, Attribution]] = {}  # number of a direct draft -> words shared with the attribution that shares most
    swallowed: set[int] = set()
    result: list[Draft] = []
    for attribution in attributions:
        if attribution.cue and inside([attribution.cue]) & quoted:
            continue  # what somebody quoted says that others say belongs to who is quoted
        if attribution.source and attribution.cue and "\n" in article[slice(*_between(attribution.source, attribution.cue))]:
            given_up |= inside(attribution.content)  # nobody speaks out of another paragraph
            continue
        stretches = _of_one_sentence(article, attribution)
        content = inside(stretches)
        given_up |= inside(attribution.content) - content
        loose = content - quoted
        kind: Kind = "direct" if not loose else "mixed" if content & quoted else "indirect"
        shared = [(len(content & said), i) for i, (_, said) in enumerate(direct) if content & said]
        if shared:
            most, i = max(shared)
            if any(direct[j][0].certain for _, j in shared):
                continue
            whole = {j for _, j in shared if _is_whole(article, direct[j][0])}
            if len(loose) <= 1 or len(content - direct[i][1]) <= 0.2 * len(content) or i in whole:
                if i not in spoken or most > spoken[i][0]:
                    spoken[i] = (most, attribution)
                continue
            if whole:
                continue
        if not content or attribution.confidence < MIN_CONFIDENCE or (attribution.source is None and not shared):
            continue
        if not _is_statement(article, attribution, kind, len(content)):
            continue
        inner = {i for n, i in shared if n >= 0.8 * len(direct[i][1])}
        if any(i not in inner for _, i in shared):
            continue  # it would say some words of a direct statement a second time
        parts = [trimmed for part in stretches if (trimmed := _trim(article, *part, bare=kind == "direct"))]
        if not parts:
            continue
        draft = Draft(parts, kind, cue=attribution.cue, confidence=attribution.confidence**_MODESTY)
        if accord := next((d for d in accords if attribution.cue and d.cue and d.cue[0] < attribution.cue[1] and attribution.cue[0] < d.cue[1]), None):
            draft.source, draft.apposition = accord.source, accord.apposition  # "according to him": nothing is surer
        elif attribution.source and WORD.search(article, *attribution.source):
            draft.source, draft.apposition = _described(article, attribution.source)
            draft.linked = attribution.linked
        elif inner:  # what the rules knew of the speaker stays known
            known = direct[min(inner)][0]
            draft.cue, draft.source, draft.apposition, draft.carry = known.cue, known.source, known.apposition, known.carry
        swallowed |= inner
        result.append(draft)
    for i, (draft, _) in enumerate(direct):
        if i in swallowed:
            continue
        said = spoken[i][1] if i in spoken and not _follows(article, draft) else None
        if said and said.source and WORD.search(article, *said.source):
            draft.source, draft.apposition = _described(article, said.source)
            draft.cue, draft.carry, draft.linked = said.cue or draft.cue, None, said.linked
        result.append(draft)
    for draft in result:
        if heard := _on_record(article, draft.cue):
            draft.source, draft.apposition = heard, None
    given = {word for draft in result for word in inside(draft.parts)}
    result += [draft for draft, content in reported if not content & given and (content & given_up or _accords(article, draft))]
    kept = {id(draft) for draft in result}
    for draft in result:
        while draft.carry is not None and id(draft.carry) not in kept:
            draft.source, draft.apposition, draft.carry = draft.carry.source, draft.carry.apposition, draft.carry.carry if not draft.carry.source else None
    return sorted(result, key=lambda draft: draft.start)


def _of_one_sentence(article: str, attribution: Attribution) -> list[tuple[int, int]]:
    """The stretches of a content that no full stop parts, unless a mark closes before it; of several such groups the one nearest to the clause."""
    groups = [[attribution.content[0]]]
    for stretch in attribution.content[1:]:
        last = groups[-1][-1][1]
        closed = article[last - 1 : last + 1].strip()[-1:] in "\"”’'"
        if not closed and _ends_sentence(article, max(0, last - 2), stretch[0]):
            groups.append([stretch])
        else:
            groups[-1].append(stretch)
    cue = attribution.cue or groups[0][0]
    leads = article[cue[0] : cue[1]].lower().startswith("according")  # what "according to X," introduces stands behind it

    def distance(group: list[tuple[int, int]]) -> tuple[bool, int]:
        behind = leads and group[0][0] < cue[0] and _ends_sentence(article, group[-1][1] - 2, cue[0])
        return behind, min(abs(group[0][0] - cue[0]), abs(group[-1][1] - cue[0]))

    return min(groups, key=distance)


def _accords(article: str, draft: Draft) -> bool:
    """Whether the rules found "according to X" or "in her opinion", of which nothing is surer."""
    return draft.cue is not None and article[draft.cue[0] : draft.cue[1]].lower().startswith(("according", "as per", "in "))


def _between(one: tuple[int, int], other: tuple[int, int]) -> tuple[int, int]:
    """What stands between two spans."""
    return min(one[1], other[1]), max(one[0], other[0])


def _ends_sentence(article: str, start: int, end: int) -> bool:
    """Whether a sentence or paragraph ends in a stretch; the point of an abbreviation ends none."""
    for stop in _STOP.finditer(article, start, end):
        word = LAST_WORD.match(article, max(0, stop.start() - 30), stop.start())
        last = word.group() if word else ""
        if stop.group()[0] != "." or not (last.lower() in ABBREVIATIONS or regex.fullmatch(r"(?:\p{Lu}\.)*\p{Lu}", last)):
            return True
    return False


def _is_statement(article: str, attribution: Attribution, kind: Kind, n_words: int) -> bool:
    """Whether an attribution is speech: plans, votes and moods are attributed too, and are none."""
    if kind != "indirect":
        return True
    cue = article[slice(*attribution.cue)].lower() if attribution.cue else ""
    if _UNSAID.search(cue) or (attribution.source and attribution.cue and is_supposed(article, attribution.source, attribution.cue)):
        return False
    if cue and not WORD.search(cue):  # "Poll: the lake is full"
        return n_words >= _MIN_INDIRECT
    return n_words >= _MIN_INDIRECT and any(word in REPORTING_WORDS for word in pattern(r"\p{L}+").findall(cue))


def _on_record(article: str, cue: tuple[int, int] | None) -> tuple[int, int] | None:
    """Who is heard: "footage of >Ann Bray< saying"."""
    found = _RECORD.search(article, max(0, cue[0] - 80), cue[0]) if cue and article[slice(*cue)].endswith("ing") else None
    return found.span("who") if found else None


def _follows(article: str, draft: Draft) -> bool:
    """Whether the clause that the rules found starts right behind the closing mark, where nothing is surer."""
    if draft.source is None or draft.cue is None:
        return False
    return not any(c.isalnum() for c in article[draft.parts[-1][1] : min(draft.source[0], draft.cue[0])]) and draft.source[0] >= draft.parts[-1][1]


def _is_whole(article: str, draft: Draft) -> bool:
    """Whether a direct statement is a sentence of its own, whatever else its speaker is reported to say around it."""
    start, end = draft.parts[0][0], draft.parts[-1][1]
    before = article[max(0, start - 20) : start].rstrip(" \u00a0" + _MARKS)
    opened = before.endswith(",") and not before.endswith(("because,", "that,", "but,", "and,"))
    return _follows(article, draft) or (opened and article[start].isupper() and article[end - 1] in ",.!?…")


def _trim(article: str, start: int, end: int, *, bare: bool) -> tuple[int, int] | None:
    """Cut space, marks that have no partner inside (all of them where `bare`) and a leading "that" off a stretch; None if no word is left."""
    before = None
    while before != (start, end):
        before = (start, end)
        if lead := _LEAD.match(article, start, end):
            start = lead.end()
        if tail := _TAIL.search(article, start, end):
            end = tail.start()
        marks = sum(article.count(mark, start, end) for mark in _MARKS)
        if start < end and article[start] in _MARKS and (bare or marks % 2):
            start += 1
        elif start < end and article[end - 1] in _MARKS and (bare or marks % 2):
            end -= 1
    return (start, end) if WORD.search(article, start, end) else None


def _described(article: str, source: tuple[int, int]) -> tuple[tuple[int, int], tuple[int, int] | None]:
    """Cut a source into the mention and what describes it behind a comma, a bracket, a dash or "who"."""
    start, end = source
    if cut := _DESCRIBED.search(article, start + 1, end):
        last = end - 1 if article[end - 1] == ")" else end
        return (start, cut.start()), (cut.end(), last) if cut.end() < last else None
    return source, None
