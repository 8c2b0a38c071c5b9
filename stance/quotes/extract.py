"""An article in, its quoted statements with their speakers out.

Marked speech (`marks`) that has a reporting clause, or stands as a sentence of its own, is a direct statement; what
a reporting clause reports without marks is indirect, with marked words inside mixed. Marked words with neither are
scare quotes and names, and left out. The rules are those of the annotation guidelines, section "The unit".
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from importlib.resources import files
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Union

import regex

from stance.errors import EmptyTextError
from stance.quotes.clauses import BLANK, USED, Clause, clause_after, clauses_in, is_supposed, opens_content, verbs_in
from stance.quotes.drafts import WORD as _WORD
from stance.quotes.drafts import Draft, combine
from stance.quotes.lexicon import CLAUSE_VERB, FINITE, PRONOUNS, pattern
from stance.quotes.marks import Marked, find_marked
from stance.quotes.passages import FILLER, entities, paragraphs, readable, sentences
from stance.quotes.speakers import Mention, resolve
from stance.records import Kind, Quote, Span, Speaker, make_quote

if TYPE_CHECKING:
    from stance.quotes.tagger import Tagger

Extractor = Union[str, Path, "Tagger"]
RELEASED_TAGGER = Path(str(files("stance") / "quotes" / "weights"))

_GAP = regex.compile(r"[^\u0001\u0002.;:]{0,70}?[.,;:—–-]?\s*(?:(?:and|but|because|so)\s*)?$")
_GERUND = regex.compile(rf"(?:,\s+|\band\s+(?:then\s+|also\s+|later\s+)?|\bbut\s+)(?P<verb>{CLAUSE_VERB})\b")
_CONJUNCTION = regex.compile(r"(?:(?:But|And|So|Yet|Still|However|Meanwhile|Moreover|Also|Secondly|Firstly|Thirdly|Then|Nevertheless)\b,?\s+)")


def extract_quotes(article: str, *, extractor: "Extractor" = "auto") -> list[Quote]:
    """Find every quoted statement of an article and who said it.

    Args:
        article: The text as it is, with whatever marks it has; what is left of HTML is read past. Paragraphs are lines,
            or separated by blank lines.
        extractor: `rules`; `auto`, the rules and the released tagger where this installation has its weights; or a tagger of
            your own, loaded or the checkpoint folder that `stance train configs/quotes.yaml` made.

    Returns:
        The statements in the order in which they start ([] where nobody is quoted). All offsets are characters
        of `article`.

    Raises:
        EmptyTextError: The article holds no words.
        ModelNotFoundError: `extractor` names no checkpoint folder.

    Example:
        >>> [quote.speaker.name for quote in extract_quotes('"We will be at the table," said Ilse Marant.')]
        ['Ilse Marant']
    """
    if not isinstance(article, str):
        raise TypeError(f"article is a {type(article).__name__}, expected a string. Decode it, or pass one text at a time.")
    if not _WORD.search(article):
        raise EmptyTextError("article", article)
    text = readable(article)
    if not _WORD.search(text):
        return []
    reader = _Reader(text)
    drafts = reader.read()
    if (tagger := load_extractor(extractor)) is not None:
        drafts = combine(text, drafts, [m for m in reader.marked if not reader.is_name(m)], tagger.attributions(text))
    order = {id(draft): i for i, draft in enumerate(drafts)}
    speakers = resolve(
        text,
        [Mention(d.source, d.apposition, order.get(id(d.carry)) if d.carry else None, d.linked) for d in drafts],
        [(m.outer_start, m.outer_end) for m in reader.marked],
    )
    characters = entities(article)

    def whole(span: tuple[int, int]) -> tuple[int, int]:
        """A span that cuts no entity in two."""
        start, end = span
        return min([a for a, b in characters if a < start < b], default=start), max([b for a, b in characters if a < end < b], default=end)

    return [
        make_quote(
            article,
            [whole(part) for part in draft.parts],
            draft.kind,
            cue=article[slice(*whole(draft.cue))] if draft.cue else None,
            speaker=_as_printed(article, speaker, whole),
            confidence=round(draft.confidence, 2),
        )
        for draft, speaker in zip(drafts, speakers, strict=True)
    ]


def _as_printed(article: str, speaker: Speaker | None, whole: Callable[[tuple[int, int]], tuple[int, int]]) -> Speaker | None:
    """Cut the mention out of the article itself, and take the padding out of what the article calls the speaker."""
    if speaker is None or speaker.mention is None:
        return speaker
    start, end = whole((speaker.mention.start, speaker.mention.end))
    name, description = (" ".join(words.replace(FILLER, "").split()) if words else None for words in (speaker.name, speaker.description))
    return replace(speaker, name=name, mention=Span(start, end, article[start:end]), description=description, confidence=round(speaker.confidence, 2))


def load_extractor(extractor: "Extractor", backend: str = "auto") -> "Tagger | None":
    """Load the tagger that an `extractor` argument names, once; None where the rules are to work alone."""
    if not isinstance(extractor, (str, Path)):
        if not hasattr(extractor, "attributions"):
            raise TypeError(f"extractor is a {type(extractor).__name__}, expected 'rules', 'auto', a tagger or its folder.")
        return extractor
    folder = extractor_folder(extractor)
    if folder is None:
        return None
    from stance.modeling import load_tagger

    return load_tagger(folder, backend)


def extractor_folder(extractor: str | Path) -> Path | None:
    """Say where the tagger lies that a name means; None where the rules are to work alone."""
    if extractor == "rules" or (extractor == "auto" and not (RELEASED_TAGGER / "config.json").exists()):
        return None
    return RELEASED_TAGGER if extractor == "auto" else Path(extractor)


class _Reader:
    """Reads one article paragraph by paragraph."""

    def __init__(self, article: str) -> None:
        self.article = article
        self.paragraphs = paragraphs(article)
        self.marked = find_marked(article)
        blank = list(article)
        for m in self.marked:
            blank[m.outer_start : m.outer_end] = BLANK * (m.outer_end - m.outer_start)
        self.blank = "".join(blank)
        counts = Counter(self._words(m) for m in self.marked)
        self.labels = _labels(article, self.paragraphs)
        self.labels_or_after = set(self.labels) if 2 * len(self.labels) >= len(self.paragraphs) else set()
        self.names = {words for words, n in counts.items() if n > 1 and len(words.split()) <= 6}
        self.drafts: list[Draft] = []

    def _words(self, m: Marked) -> str:
        return self.article[m.start : m.end].strip(" .,;:!?").lower()

    def read(self) -> list[Draft]:
        """Return all drafts in order."""
        by_paragraph: dict[int, list[Marked]] = {}
        for m in self.marked:
            by_paragraph.setdefault(m.paragraph, []).append(m)
        for number in range(len(self.paragraphs)):
            self._paragraph(number, by_paragraph.get(number, []))
        self.drafts.sort(key=lambda draft: draft.start)
        return self.drafts

    def _paragraph(self, number: int, marked: list[Marked]) -> None:
        start, end = self.paragraphs[number]
        if number in self.labels:
            label = self.labels[number]
            content = _AFTER_LABEL.match(self.article, label[1], end)
            if content and _WORD.search(self.article, content.end(), end):
                self.drafts.append(Draft([(content.end(), end)], "direct", source=label, paragraph=number, certain=True))
            return
        if self.labels and not marked and number - 1 in self.labels_or_after and self.drafts:
            self.labels_or_after.add(number)  # an answer of several paragraphs
            self.drafts[-1].parts.append((start, end))
            return
        if not marked and (clause := self._introduced(number)):
            begin = start + len(self.article[start:end]) - len(self.article[start:end].lstrip("> "))
            self.drafts.append(Draft([(begin, end)], "direct", clause.cue, clause.source, clause.apposition, paragraph=number, confidence=0.7, certain=True))
            return
        spans = self._sentences(start, end, marked)
        used: list[tuple[int, int]] = []
        previous: Draft | None = None
        last_end = start
        for m in marked:
            if any(a <= m.start < b for a, b in used):
                continue
            bounds = next((s for s in spans if s[0] <= m.outer_start < s[1]), (start, end))
            draft = self._direct(m, bounds, number, previous, last_end, used)
            if draft is not None:
                previous = draft
                last_end = used[-1][1]
        work = self.blank
        if used:
            chars = list(work[start:end])
            for a, b in used:
                chars[a - start : b - start] = USED * (b - a)
            piece = "".join(chars)
        else:
            piece = work[start:end]
        for a, b in spans:
            self._indirect(piece, start, a, b, number, marked)

    def _introduced(self, number: int) -> Clause | None:
        """The clause of the paragraph before that ends in a colon and so hands over to this one, a block quotation."""
        if number == 0 or self.blank[(before := self.paragraphs[number - 1])[1] - 1] != ":":
            return None
        start, end = self.paragraphs[number]
        if len(_WORD.findall(self.article, start, end)) < 5 or clauses_in(self.blank, start, end) or _LIST_ITEM.match(self.article, start):
            return None
        a, b = before
        a += (sentences(self.blank[a:b]) or [(0, b - a)])[-1][0]
        clause = next(reversed(clauses_in(self.blank, a, b)), None)
        return clause if clause and _HANDS_OVER.fullmatch(self.blank, max(clause.end, clause.cue[1]), b) else None

    def _sentences(self, start: int, end: int, marked: list[Marked]) -> list[tuple[int, int]]:
        """Sentences of a paragraph; a quote that ends in a full stop ends one, unless its clause follows."""
        chars = list(self.blank[start:end])
        for m in marked:
            inner = self.article[m.start : m.end].rstrip()
            if inner[-1:] in ".!?…" and pattern(r"\s+[\p{Lu}\u0001\d—]").match(self.blank[m.outer_end : min(end, m.outer_end + 4)]):
                stop = self.blank.find("\n", m.outer_end, end)
                if clause_after(self.blank, m.outer_end, self._sentence_end(m.outer_end, stop if stop > 0 else end), ended=inner.endswith(".")) is None:
                    chars[m.outer_end - 1 - start] = "."
        found = [(a + start, b + start) for a, b in sentences("".join(chars))]
        if found and (dateline := _DATELINE.match(self.blank, *found[0])) and dateline.end() < found[0][1]:
            found[0] = (dateline.end(), found[0][1])
        return found

    def _sentence_end(self, position: int, end: int) -> int:
        end = min(end, position + 1000)
        first = sentences(self.blank[position:end])
        return position + first[0][1] if first else end

    # ---------------------------------------------------------------- direct

    def _direct(
        self,
        m: Marked,
        bounds: tuple[int, int],
        number: int,
        previous: Draft | None,
        last_end: int,
        used: list[tuple[int, int]],
    ) -> Draft | None:
        """Make a direct statement of a marked stretch, or add it to the one before; None if it is none."""
        text, blank = self.article, self.blank
        inner = text[m.start : m.end].strip()
        if not _WORD.search(inner):
            return None
        n_words = len(_WORD.findall(inner))
        before = blank[bounds[0] : m.outer_start].strip()
        between = blank[last_end : m.outer_start] if previous else ""
        stopped = inner.rstrip("’'›")[-1:] in (*",.!?…—–-;:",) or pattern(r"\s*[,—–―]").match(blank[m.outer_end : m.outer_end + 3]) is not None
        clause = None
        unstopped = not stopped and not before and n_words >= 4 and not self.is_name(m)
        if stopped or unstopped or m.shape == "dash":
            # A clause may stand in what the splitter took for the next sentence: '"Go!" She said'.
            limit = max(bounds[1], self._sentence_end(m.outer_end, self.paragraphs[number][1]))
            clause = clause_after(blank, m.outer_end, limit, ended=inner.endswith(".") and m.shape == "quote")
        starts = not any(c.isalnum() for c in before) or bool(pattern(r"[\u0001\s.,;:—–-]*|.*[.!?…:—–-]").fullmatch(before)) or m.shape == "dash"
        rest = pattern(r"[\s.,;:!?—–\u0001-]+").sub("", blank[m.outer_end : bounds[1]])
        if m.continues and self.drafts and self.drafts[-1].goes_on and not (clause and self._another(clause, self.drafts[-1])):
            draft = self.drafts[-1]
            draft.parts.append(self._inner(m))
            draft.goes_on = m.goes_on
            if clause and draft.source is None:
                self._fill(draft, clause)
            used.append((m.outer_start, clause.end if clause else m.outer_end))
            return draft
        if clause is not None and (starts or n_words >= 4 or (inner[-1:] != "." and any(w.lower() in FINITE for w in before.split()[1:]))):
            lead = None if not before or starts else self._clause_before(m, bounds)
            if lead is None:
                draft = self._new(m, number, clause)
                if not starts:  # 'The president "has never closed a door," an official said': the words before belong to it
                    begin = self._trim(blank, [(max(bounds[0], last_end), m.outer_start)])
                    draft.parts, draft.kind = [(begin[0][0] if begin else m.outer_start, m.outer_end)], "mixed"
                used.append((draft.start if draft.kind == "mixed" else m.outer_start, clause.end))
                return draft
        if previous is not None and previous.paragraph == number and self._adjoins(between) and (not rest or m.goes_on) and not clause:
            return self._join(previous, m, used)
        clause = self._clause_before(m, bounds)
        if clause is not None and not self.is_name(m):
            draft = self._new(m, number, clause)
            used.append((min(clause.start, m.outer_start), m.outer_end))
            return draft
        sentence_like = inner[-1:] in ".!?…," or m.goes_on or m.shape == "dash"
        if (not before or starts) and not rest and (sentence_like or not blank[bounds[0] : bounds[1]].strip(BLANK + " .,")) and (n_words >= 3 or m.goes_on):
            if not self.is_name(m):
                draft = self._new(m, number, None)
                draft.confidence = 0.6
                self._carry(draft, m, number, previous)
                used.append((m.outer_start, m.outer_end))
                return draft
        return None

    def _another(self, clause: Clause, draft: Draft) -> bool:
        """Whether a clause names somebody by name who is not whom the statement before has."""
        if clause.source is None or draft.source is None:
            return False
        name, before = (self.article[slice(*source)] for source in (clause.source, draft.source))
        return name.split()[-1][0].isupper() and name.lower() not in PRONOUNS and name.split()[-1] not in before

    def _inner(self, m: Marked) -> tuple[int, int]:
        start, end = m.start, m.end
        while start < end and self.article[start].isspace():
            start += 1
        while end > start and self.article[end - 1].isspace():
            end -= 1
        return start, end

    def _new(self, m: Marked, number: int, clause: Clause | None) -> Draft:
        draft = Draft([self._inner(m)], "direct", paragraph=number, goes_on=m.goes_on)
        if clause:
            self._fill(draft, clause)
        self.drafts.append(draft)
        return draft

    @staticmethod
    def _fill(draft: Draft, clause: Clause) -> None:
        draft.cue, draft.source, draft.apposition, draft.carry = clause.cue, clause.source, clause.apposition, None
        draft.confidence = 0.98

    def _join(self, previous: Draft, m: Marked, used: list[tuple[int, int]]) -> Draft:
        previous.parts.append(self._inner(m))
        previous.goes_on = m.goes_on
        used.append((m.outer_start, m.outer_end))
        return previous

    def _adjoins(self, between: str) -> bool:
        """Whether only the rest of a reporting clause stands between two stretches."""
        if verbs_in(between, 0, len(between))[0]:
            return False
        return (bool(_GAP.fullmatch(between)) and between.strip()[-1:] in ("", ".", ",", ";", ":", "—", "–", "-")) or bool(
            pattern(r"[\s,.;:—–-]*(?:and|but|because)?\s*").fullmatch(between)
        )

    def _clause_before(self, m: Marked, bounds: tuple[int, int]) -> Clause | None:
        """Find `X said:` or `X said in Geneva, ` that leads up to a marked stretch."""
        blank = self.blank
        start = bounds[0]
        before = blank[start : m.outer_start]
        if before.strip() and m.outer_start - start > 600:
            start = blank.index(" ", m.outer_start - 600) if " " in blank[m.outer_start - 600 : m.outer_start] else m.outer_start - 600
            before = blank[start : m.outer_start]
        if not before.strip():
            number = m.paragraph
            if number == 0 or m.outer_start != self.paragraphs[number][0]:
                return None
            a, b = self.paragraphs[number - 1]
            if not blank[a:b].endswith(":"):
                return None
            start = (sentences(blank[a:b]) or [(0, b - a)])[-1][0] + a
            before = blank[start:b]
        clauses = clauses_in(blank, start, start + len(before))
        gerund = _GERUND_BEFORE.search(before, max(0, len(before) - 60))
        if gerund and not (clauses and clauses[-1].cue[0] >= start + gerund.start("verb")):
            span = (start + gerund.start("verb"), start + gerund.end("verb"))
            if clauses:
                return Clause(span[0], span[1], span, clauses[-1].source, clauses[-1].apposition)
            if self.drafts and self.drafts[-1].paragraph == m.paragraph and self.drafts[-1].source:
                return Clause(span[0], span[1], span, self.drafts[-1].source, self.drafts[-1].apposition)
            subject = _SUBJECT.match(blank, start, span[0])
            return Clause(span[0], span[1], span, subject.span(1) if subject else None)
        if not clauses:
            return None
        clause = clauses[-1]
        gap = before[max(clause.cue[1], clause.end) - start :]
        inner = self.article[m.start : m.end].strip()
        if USED in gap or BLANK in gap:
            return None
        opens = gap.rstrip()[-1:]
        upper = inner[:1].isupper() or not inner[:1].isalpha()
        if pattern(r"\b(?:that|whether|of|as|a|an|the|for|with|on|in|to|is|was)\s*$").search(gap) and not (upper and gap.rstrip().endswith(" that")):
            return None
        if opens == ":" or (opens == "," and upper) or (opens == "," and inner[-1:] in ".!?,…" and len(_WORD.findall(inner)) > 3):
            return clause
        if not gap.strip() and (upper or len(_WORD.findall(inner)) >= 5):
            return clause
        if upper and inner[-1:] in ".!?,…" and len(gap.split()) <= 4 and len(_WORD.findall(inner)) >= 4:
            return clause
        return None

    def _carry(self, draft: Draft, m: Marked, number: int, previous: Draft | None) -> None:
        """Give a statement without a clause the speaker of the sentence before it, or of the last statement."""
        start = self.paragraphs[number][0]
        lead = self.blank[start : m.outer_start]
        if lead.strip():
            spans = sentences(lead.replace(USED, " "))
            if spans:
                a = start + spans[-1][0]
                clauses = clauses_in(self.blank, a, m.outer_start)
                if clauses and clauses[-1].source:
                    draft.source, draft.apposition = clauses[-1].source, clauses[-1].apposition
                    return
                if named := _NAME_COLON.fullmatch(self.blank, a, m.outer_start):
                    draft.source = named.span(1)
                    return
                subject = _SUBJECT.match(self.blank, a, m.outer_start)
                if subject and subject.group(1).lower() not in {"the", "it", "there", "this", "that", "they", "we", "i"}:
                    draft.source = subject.span(1)
                    return
        draft.carry = (
            previous
            or next((d for d in reversed(self.drafts[:-1]) if number - d.paragraph <= 2 and d.kind != "indirect"), None)
            or next((d for d in reversed(self.drafts[:-1]) if number - d.paragraph <= 1), None)
        )

    def is_name(self, m: Marked) -> bool:
        """Whether marked words are a name, a title or a term rather than speech."""
        words = self._words(m)
        if words in self.names:
            return True
        inner = self.article[m.start : m.end].strip()
        spelled = [w for w in inner.split() if w not in ("of", "the", "a", "an", "and", "in", "on", "for", "to", "at", "by")]
        if len(spelled) < 2 or not all(w[:1].isupper() for w in spelled):
            return False
        # A stop that American usage puts inside the marks: "on Lake One's 'State of the Nation.'", or a line of its own that heads a section.
        alone = self.article[: m.outer_start].endswith("\n") and self.article[m.outer_end : m.outer_end + 1] in ("\n", "")
        named = pattern(r"(?:['’]s|\b(?:on|in|of|the|called|titled|entitled))\s$").search(self.article, max(0, m.outer_start - 12), m.outer_start)
        return inner[-1:] not in ".!?," or (inner[-1:] in ".," and (alone or named is not None))

    # ---------------------------------------------------------------- indirect and mixed

    def _indirect(self, piece: str, offset: int, start: int, end: int, number: int, marked: list[Marked]) -> None:
        """Make indirect and mixed statements of one sentence of a paragraph."""
        a, b = start - offset, end - offset
        if not piece[a:b].replace(USED, "").strip(" .,"):
            return
        while b > a and piece[b - 1] in ".!?… ":
            b -= 1
        clauses = clauses_in(piece, a, b)
        given: list[tuple[int, int]] = []
        last: Draft | None = None
        for i, clause in enumerate(clauses):
            if any(x <= clause.cue[0] < y for x, y in given):
                # reported inside what is reported: "X said that Y believed ..." belongs to X
                continue
            if clause.source and is_supposed(piece, clause.source, clause.cue):
                continue
            limit = self._limit(piece, clauses, i, b)
            parts = self._content(piece, clause, a, limit, b, given)
            if parts is None:
                continue
            draft = self._reported(parts, clause, offset, number, marked)
            if draft is None:
                continue
            last = draft
            given.extend(parts)
            self.drafts.append(draft)
            self._followers(piece, draft, parts[-1][1], b, offset, number, marked, given)
        if last is None:
            here = takewhile(lambda draft: draft.paragraph == number, reversed(self.drafts))
            in_sentence = [d for d in reversed(list(here)) if d.kind != "indirect" and start <= d.start < end and d.source]
            if in_sentence:
                base = in_sentence[-1]
                self._followers(piece, base, max(p[1] for p in base.parts) - offset, b, offset, number, marked, given)

    def _limit(self, piece: str, clauses: list[Clause], i: int, end: int) -> int:
        """Where a content must stop, because the next clause reports something of its own."""
        for other in clauses[i + 1 :]:
            begin = other.start
            lead = piece[max(0, begin - 14) : begin]
            joined = pattern(r"(?:,\s+|;\s*)(?:and|but|while|though|although|whereas)\s+$|,?\s+(?:while|whereas)\s+$|;\s*$").search(lead)
            if joined and begin - len(joined.group()) > clauses[i].cue[1]:
                return begin - len(joined.group())
        return end

    def _content(self, piece: str, clause: Clause, start: int, limit: int, end: int, given: list[tuple[int, int]]) -> list[tuple[int, int]] | None:
        """Where the words reported by a clause stand."""
        cue = piece[slice(*clause.cue)].lower()
        begin = max([start, *(y for x, y in given if y <= clause.start)])
        if USED in piece[begin : clause.start]:
            begin = piece.rfind(USED, begin, clause.start) + 1
        before = piece[begin : clause.start]
        after = piece[max(clause.end, clause.cue[1]) : limit]
        if cue.startswith(("according", "as per", "in ")):
            tail = regex.match(
                rf"(?:,?\s+who(?:se|m)?\b[^,\u0001]*)?\s*,\s*(?={_AUXILIARY})",
                after,
            )
            if tail and before.rstrip().endswith((",", "—", "–")):
                return self._trim(piece, [(begin, clause.start), (max(clause.end, clause.cue[1]) + tail.end(), limit)])
            if (len(before.strip(" ,—–")) > 12 and before.rstrip().endswith((",", "—", "–"))) or (before.strip() and not after.strip(" ,.")):
                return self._trim(piece, [(begin, clause.start)])
            follows = pattern(r"(?:,?\s+who(?:se|m)?\b[^,\u0001]*,)?\s*,?\s*").match(piece, max(clause.end, clause.cue[1]), limit)
            content = follows.end() if follows else limit
            return self._trim(piece, [(content, limit)]) if limit - content > 8 else None
        lead = before.rstrip()
        resumed = pattern(rf"[^,;—–:]{{0,60}},\s+{_AUXILIARY}").match(after) is not None
        finite = any(w.lower() in FINITE for w in lead.rstrip(",—–").split()[1:])
        if (
            lead.endswith((",", "—", "–"))
            and (len(lead.split()) >= 4 or resumed or finite)
            and USED not in lead
            and not _LEAD_ADVERBIAL.match(lead.lstrip(" ,;"))
            and not (_LEAD_LONG.match(lead.lstrip(" ,;")) and opens_content(piece, clause, limit) is not None)
        ):
            ending = pattern(r"[^,;—–:]*").match(after)
            aside = ending.group() if ending else ""
            rest = after[len(aside) :]
            if not pattern(r"\bthat\b").search(aside) and len(aside.split()) <= 12 and not self._new_content(piece, clause, limit):
                parts = [(begin, begin + len(lead) - 1)]
                if (resumed or len(rest.strip(" ,.—–")) > 12) and rest[:1] in ",—–" and not _GERUND.match(rest) and USED not in rest:
                    parts.append((max(clause.end, clause.cue[1]) + len(aside) + 1, limit))
                return self._trim(piece, parts)
        opened = opens_content(piece, clause, limit)
        if opened is None or limit - opened < 6:
            return None
        stop = limit
        gerund = next((m for m in _GERUND.finditer(piece, opened, limit) if m["verb"].endswith("ing") and m.group().startswith(",")), None)
        if gerund:
            stop = gerund.start()
        used_at = piece.find(USED, opened, stop)
        if used_at >= 0:
            stop = used_at
        return self._trim(piece, [(opened, stop)])

    @staticmethod
    def _new_content(piece: str, clause: Clause, limit: int) -> bool:
        opened = opens_content(piece, clause, limit)
        return opened is not None and limit - opened > 25 and pattern(r"\s*(?:that\b|\w+\s+that\b)").match(piece[clause.cue[1] : limit]) is not None

    def _trim(self, piece: str, parts: list[tuple[int, int]]) -> list[tuple[int, int]] | None:
        """Cut conjunctions, commas and space off the edges; None if no words are left."""
        trimmed = []
        for a, b in parts:
            if conjunction := _CONJUNCTION.match(piece, a, b):
                a = conjunction.end()
            while a < b and (piece[a].isspace() or piece[a] in ",;:—–" + USED):
                a += 1
            if a < b and (conjunction := _CONJUNCTION.match(piece, a, b)):
                a = conjunction.end()
            while b > a and (piece[b - 1].isspace() or piece[b - 1] in ",;:—–" + USED):
                b -= 1
            if b > a:
                trimmed.append((a, b))
        if not trimmed or sum(len(piece[a:b].split()) for a, b in trimmed) < 1:
            return None
        return trimmed

    def _reported(self, parts: list[tuple[int, int]], clause: Clause, offset: int, number: int, marked: list[Marked]) -> Draft | None:
        """Make a draft of reported words, and say what kind it is."""
        spans = [(a + offset, b + offset) for a, b in parts]
        inside = [m for m in marked if any(a <= m.outer_start and m.outer_end <= b for a, b in spans)]
        text = " ".join(self.article[a:b] for a, b in spans)
        if len(_WORD.findall(text)) < 2:
            return None
        verbatim = [m for m in inside if not self.is_name(m)]
        kind: Kind = "mixed" if verbatim else "indirect"
        if len(spans) == 1 and len(inside) == 1 and verbatim:
            m = inside[0]
            outside = self.article[spans[0][0] : m.outer_start] + " " + self.article[m.outer_end : spans[0][1]]
            if not _WORD.search(outside):
                kind, spans = "direct", [self._inner(m)]
                if len(_WORD.findall(self.article[m.start : m.end])) < 2:
                    return None
        draft = Draft(spans, kind, paragraph=number, confidence=0.8)
        draft.cue = (clause.cue[0] + offset, clause.cue[1] + offset)
        draft.source = (clause.source[0] + offset, clause.source[1] + offset) if clause.source else None
        draft.apposition = (clause.apposition[0] + offset, clause.apposition[1] + offset) if clause.apposition else None
        return draft

    def _followers(
        self,
        piece: str,
        base: Draft,
        position: int,
        end: int,
        offset: int,
        number: int,
        marked: list[Marked],
        given: list[tuple[int, int]],
    ) -> None:
        """Statements that hang on the same speaker: ", adding that ...", "and said ..."."""
        for gerund in _GERUND.finditer(piece, max(0, position), end):
            if any(x <= gerund.start("verb") < y for x, y in given):
                continue
            if gerund.group().startswith(",") and not gerund["verb"].endswith("ing"):
                continue
            clause = Clause(gerund.start("verb"), gerund.end(), gerund.span("verb"), None)
            opened = opens_content(piece, clause, end)
            if opened is None or end - opened < 6:
                continue
            following = next((m.start() for m in _GERUND.finditer(piece, opened, end) if m.group().startswith(",") and m["verb"].endswith("ing")), end)
            used_at = piece.find(USED, opened, following)
            parts = self._trim(piece, [(opened, used_at if used_at >= 0 else following)])
            if not parts:
                continue
            draft = self._reported(parts, clause, offset, number, marked)
            if draft is not None:
                self.drafts.append(replace(draft, source=base.source, apposition=base.apposition, carry=base.carry or base))
                given.extend(parts)


def _labels(article: str, spans: list[tuple[int, int]]) -> dict[int, tuple[int, int]]:
    """Number of a paragraph of a transcript -> (start, end) of who is named before its colon; {} where the article is none."""
    found = {number: match.span("who") for number, span in enumerate(spans) if (match := _LABEL.match(article, *span))}
    counts = Counter(article[slice(*span)] for span in found.values())
    known = {who for who, n in counts.items() if _may_speak(who, n, article)}
    if len(known) < 2 or max(counts[who] for who in known) < 2 or sum(counts[who] for who in known) < 3:
        return {}
    return {number: span for number, span in found.items() if article[slice(*span)] in known}


def _may_speak(label: str, n: int, article: str) -> bool:
    """Whether what stands before a colon is somebody: of an interview, in capitals, a full name, or a name that the article has elsewhere."""
    if label.lower() in _PARTS_OF_INTERVIEWS:
        return True
    tokens = label.split()
    if any(token.lower() in _NOBODY for token in tokens):
        return False
    return (label.isupper() and len(label) > 2) or len(tokens) > 1 or (n > 1 and article.count(label) > article.count(label + ":"))


_PARTS_OF_INTERVIEWS = frozenset("q a question answer interviewer interviewee host moderator reporter presenter".split())
_NOBODY = frozenset(
    """photo photos note notes update updated correction clarification time times place cost costs date dates tag tags source sources editor read more
    related video watch image images credit credits by contact where when what why how tickets price prices address phone email website topic subject
    title headline summary background key facts fact figures figure table chart graphic map quote opinion analysis comment breaking live latest news
    weather sport sports score result results venue""".split()
)
_LABEL = regex.compile(r"(?P<who>(?:\p{Lu}[\p{L}.'’-]*[ \u00a0]+){0,3}\p{Lu}[\p{L}'’-]*):\s+(?=[^\s\"“«„])")
_AFTER_LABEL = regex.compile(r":\s+")
_LIST_ITEM = regex.compile(r"\s*(?:[-*•–—]|\d+[.)])\s")
_HANDS_OVER = regex.compile(r"(?:\s+(?:in|on|at|to|later|afterwards|too|that)\b[^,;.]{0,50})?\s*:")
_AUXILIARY = r"(?:is|are|was|were|has|have|had|will|would|could|can|may|might|should|must|do|does|did)\b"
_DATELINE = regex.compile(r"\p{Lu}[\p{Lu}'’.-]+(?:[ /]\p{Lu}[\p{Lu}'’.-]+)*(?:,[^()—–\u0001]{1,30})?\s*(?:\([\p{L} .]{2,25}\)\s*)?(?:[—–]|--?)+\s+")
_GERUND_BEFORE = regex.compile(rf"(?:^|[\s,])(?P<verb>(?!\p{{Lu}}){CLAUSE_VERB})(?:\s+(?:that|also|then))?\s*[,:]?\s*$")
_SUBJECT = regex.compile(
    r"(?:(?:But|And|So|Then|However,|Still,|Yet|\p{Lu}\p{Ll}+\s+\p{Ll}+,)\s+)?((?:\p{Lu}[\p{L}.’'-]*\s+){0,4}?\p{Lu}[\p{L}’'-]*)\s+"
    r"(?:\p{Ll}+ly\s+|also\s+)?(?:\p{Ll}+(?:ed|s)|was|is|has|had|did|went|took|made|gave|spoke|put)\b"
)
_LEAD_ADVERBIAL = regex.compile(
    r"(?:In|On|At|After|Before|During|When|While|As|Although|Though|Asked|Speaking|Since|For|With|By|Last|Earlier|Later|Since|Following|Despite|"
    r"Writing|Referring|Citing|If|Because|Until|Under|From|Through|To|Without|Like|Unlike|About|Among|Amid|Over)\b[^,]*,$"
)
_LEAD_LONG = regex.compile(
    r"(?:In|On|At|After|Before|During|When|While|As|Although|Though|Asked|Since|For|With|By|Last|Earlier|Later|Following|Despite|Because|Until|Under|From|\p{Lu}\p{Ll}+ing)\b.*,$"
)
_NAME_COLON = regex.compile(r"((?:\p{Lu}[\p{L}.’'-]*\s+){0,4}\p{Lu}[\p{L}’'-]*):\s*")
