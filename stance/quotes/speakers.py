"""Mention -> person: the best full form and description that the article itself gives.

Comes in: the article and, for each statement in order, where its speaker is mentioned. Goes out: a `Speaker` each.
Everybody named in full is entered in a roster with what the article calls them; surnames, titles, roles ("the
diplomat") and pronouns are looked up there, nearest first. No list of the world's people is used. Where nothing
fits, the mention is kept as it stands, and a pronoun stays without a name.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import regex

from stance.quotes.clauses import is_name_word
from stance.quotes.lexicon import (
    DETERMINERS,
    FEMININE,
    FINITE,
    LINKS,
    MASCULINE,
    MONTHS,
    OPENERS,
    ORGANISATION,
    PRONOUNS,
    ROLES,
    STOPS,
    TITLE_WORD,
    WEEKDAYS,
)
from stance.records import Span, Speaker

_TOKEN = (
    r"(?:(?:\p{Lu}\.){1,4}|(?:Mr|Mrs|Ms|Dr|Prof|Sen|Rep|Gov|Gen|Lt|Col|Maj|Capt|Sgt|Adm|Rev|Hon|St|Jr|Sr|Del)\.|"
    r"(?:\p{Lu}|(?:al|el)-\p{Lu})[\p{L}\p{M}\d’'\-]*)"
)
_SEQUENCE = regex.compile(
    rf"\b{_TOKEN}(?:[ \u00a0](?:(?:of|de|del|della|di|da|der|den|van|von|bin|ibn|al|el|la|le|du|dos)[ \u00a0]"
    rf"(?:la[ \u00a0]|los[ \u00a0]|the[ \u00a0])?|to[ \u00a0])?{_TOKEN})*"
)
_DESCRIBED = regex.compile(
    r",\s+(?P<what>(?:(?:a|an|the)\s+)?(?:\p{Ll}|\p{Lu}[\w-]*(?:[-—]at[-—]\p{Ll}+|\s+of\b|\s+for\b|\s+\p{Ll}))[^,;.()\n\"“”]{3,110})(?=[,.;]|$)"
)
_NO_DESCRIPTION = regex.compile(
    r"(?:who|whose|which|but|and|as|when|while|where|in|on|at|with|said|told|he|she|is|was|has|according|speaking|including|saying|adding)\b"
)
_DESCRIPTION = regex.compile(r"(?:(?:a|an|the)\s+)?(?:[\p{L}-]+\s+){0,4}?(?:\p{Ll}|Ambassador|Minister|President|Secretary)")
_TITLE_BEFORE = regex.compile(
    r"(?:\b(?:former|then|acting|deputy|prime|foreign|chief|lead|senior|vice|spokesman|spokeswoman|spokesperson|minister|president|leader|"
    r"chairman|director|analyst|professor|senator|attorney|candidate|nominee|economist|coach|envoy|ambassador|mediator|commander|general|"
    r"lawmaker|historian|lawyer|activist|executive|manager|researcher|expert|governor|mayor|negotiator|secretary)\s+)+$"
)
_POSSESSIVE = regex.compile(r"['’]s?$")
_ABBREVIATED = regex.compile(r"^(?:\p{Lu}\.?){2,5}$")


@dataclass
class Person:
    """Somebody named in full in the article."""

    name: str
    first: int
    description: str | None = None
    mentions: list[int] = field(default_factory=list)
    gender: str = ""
    likely: bool = False  # somebody the article lets speak, gives a title or calls by surname: no headline, no place

    @property
    def surname(self) -> str:
        """The last word of the name."""
        return self.name.split()[-1] if self.name.split()[-1] not in ("Jr.", "Sr.", "Jr", "Sr", "III", "II") else self.name.split()[-2]


@dataclass(frozen=True, slots=True)
class Mention:
    """Where a statement's speaker stands.

    Attributes:
        source: (start, end) of the mention; None where the statement has no clause of its own.
        apposition: (start, end) of what describes it, or None.
        statement: Where the statement starts.
        carry: Index of the statement whose speaker goes on, or None.
    """

    source: tuple[int, int] | None
    apposition: tuple[int, int] | None
    statement: int
    carry: int | None = None


def split_title(phrase: str) -> tuple[str, str]:
    """Split "US Secretary of State Marco Rubio" into description and name.

    Args:
        phrase: A noun phrase that ends in a name.

    Returns:
        (description, name); either may be "".
    """
    tokens = phrase.split()
    names = len(tokens)
    while names > 0 and (is_name_word(tokens[names - 1]) or tokens[names - 1].lower() in LINKS - {"of"} or tokens[names - 1] in ("Jr.", "Sr.")):
        names -= 1
    tail = tokens[names:]
    if not tail:
        return phrase, ""
    titles = [i for i, word in enumerate(tail) if TITLE_WORD.fullmatch(word) and i < len(tail) - 1]
    cut = titles[-1] + 1 if titles else 0
    if cut == 0 and names > 0 and tokens[names - 1].lower() in ("of", "to", "for", "in", "from", "at", "the") and len(tail) >= 3:
        # "Ambassador to Russia Nicolas de Riviere": the preposition takes its own name first.
        cut = 1
        while len([w for w in tail[cut:] if w.lower() not in LINKS]) > 2:
            cut += 1
    elif cut == 0 and names > 0 and tokens[names - 1].lower() in ("of", "to", "for", "in", "from", "at", "with", "the", "and"):
        return phrase, ""
    while cut < len(tail) - 2 and (
        (_ABBREVIATED.match(tail[cut]) and not tail[cut].endswith(".")) or regex.search(r"(?:ish|ese|ian|can|raeli|raqi)$", tail[cut])
    ):
        cut += 1
    if cut and cut == len(tail) - 1 and tail[cut - 1] in ("State", "Foreign", "Defense"):
        return phrase, ""
    return " ".join(tokens[:names] + tail[:cut]), " ".join(tail[cut:])


class Roster:
    """Everybody whom an article names in full."""

    def __init__(self, article: str, appositions: Sequence[tuple[tuple[int, int], tuple[int, int] | None]] = ()) -> None:
        """Read the names of an article.

        Args:
            article: The text.
            appositions: (source, apposition) offsets that clauses gave.
        """
        self.article = article
        self.people: list[Person] = []
        self._by_name: dict[str, Person] = {}
        singles: list[tuple[str, int]] = []
        for match in _SEQUENCE.finditer(article):
            phrase = _POSSESSIVE.sub("", match.group().rstrip(".,'’-"))
            start = match.start()
            tokens = phrase.split()
            while tokens and (tokens[0].lower() in OPENERS | STOPS | DETERMINERS | FINITE | PRONOUNS | WEEKDAYS | MONTHS):
                start += len(tokens[0]) + 1
                tokens = tokens[1:]
            while tokens and tokens[-1].lower() in WEEKDAYS | MONTHS | LINKS:
                tokens = tokens[:-1]
            if not tokens:
                continue
            title, name = split_title(" ".join(tokens))
            if len(name.split()) >= 2 and not ORGANISATION.search(name) and len(name.split()) <= 5:
                self._enter(name, start, title)
            else:
                singles.append((tokens[-1], start))
        for (a, b), apposition in appositions:
            title, name = split_title(article[a:b])
            person = self._by_name.get(name) or self._speaks(name, a)
            if person:
                person.likely = True
            if person and apposition and not regex.match(r"(?:who|whose|which|speaking|in|on|at)\b", article[slice(*apposition)]):
                person.description = person.description or article[slice(*apposition)].strip()
        self._describe()
        by_surname: dict[str, Person] = {}
        for person in self.people:
            by_surname.setdefault(person.surname, person)
        for word, start in singles:
            if person := by_surname.get(word):
                person.mentions.append(start)
                person.likely = True
        for person in self.people:
            person.mentions.sort()
            person.gender = self._gender(person)

    def _enter(self, name: str, start: int, title: str) -> None:
        person = self._by_name.get(name)
        if person is None:
            known = next((p for p in self.people if p.name.split()[0] == name.split()[0] and p.surname == name.split()[-1]), None)
            if known is not None:
                person = known
                if len(name) > len(known.name):
                    known.name = name
            else:
                person = Person(name, start)
                self.people.append(person)
            self._by_name[name] = person
        person.mentions.append(start)
        title = title.strip(" ,")
        person.likely = person.likely or bool(title)
        if title and title not in ("Mr.", "Ms.", "Mrs.", "Mr", "Ms", "Mrs") and len(title) > len(person.description or ""):
            person.description = title

    def _speaks(self, name: str, start: int) -> Person | None:
        """Enter somebody whom the article lets speak by a surname alone, or find who it is."""
        tokens = name.split()
        if not tokens or len(tokens) > 3 or ORGANISATION.search(name) or not all(is_name_word(token) for token in tokens):
            return None
        known = next((p for p in self.people if p.surname == tokens[-1]), None)
        if known is None and not regex.search(rf"\b(?:Mr|Mrs|Ms|Dr|Sen|Rep|Gov|Gen|President|Senator|Judge)\.?\s+{regex.escape(tokens[-1])}\b", self.article):
            return None
        if known is None:
            known = Person(name, start)
            known.mentions = [m.start() for m in regex.finditer(rf"\b{regex.escape(tokens[-1])}\b", self.article)]
            self.people.append(known)
            self._by_name[name] = known
        return known

    def _describe(self) -> None:
        """Look for ", associate professor of X," behind each full name, and lower-case titles before it."""
        for person in self.people:
            for start in person.mentions:
                if person.description is None or len(person.description) < 6:
                    found = _DESCRIBED.match(self.article, start + len(person.name))
                    if found and not _NO_DESCRIPTION.match(found["what"]) and _DESCRIPTION.match(found["what"]):
                        person.description = found["what"].strip()
                if person.description is None and (title := _TITLE_BEFORE.search(self.article, max(0, start - 60), start)):
                    person.description = title.group().strip()

    def _gender(self, person: Person) -> str:
        around = " ".join(self.article[max(0, start - 12) : start] for start in person.mentions[:6]).lower()
        words_ = set((person.description or "").lower().split()) | set(around.split())
        if words_ & (FEMININE - {"her", "she", "hers", "herself"}):
            return "f"
        if words_ & (MASCULINE - {"he", "him", "his", "himself"}):
            return "m"
        votes = 0
        for start in person.mentions:
            match = regex.compile(r"[^.!?\n]{0,80}?\b(he|she|his|her|him|himself|herself)\b", regex.I).match(self.article, start + len(person.surname))
            if match and not any(other is not person and any(start < m < match.end() for m in other.mentions) for other in self.people):
                votes += 1 if match.group(1).lower() in MASCULINE else -1
        return "m" if votes > 0 else "f" if votes < 0 else ""

    def by_name(self, name: str, position: int) -> Person | None:
        """Find the person a full name, surname or first name stands for; the nearest before `position` first."""
        name = _POSSESSIVE.sub("", name)
        if name in self._by_name:
            return self._by_name[name]
        tokens = name.split()
        matches = [p for p in self.people if p.surname == tokens[-1]]
        if len(tokens) > 1:
            matches = [p for p in matches if tokens[0] in p.name.split() or tokens[0][:1] == p.name[:1]]
        if not matches and len(tokens) == 1:
            matches = [p for p in self.people if tokens[0] in p.name.split()]
        return self._nearest(matches, position)

    def by_role(self, phrase: str, position: int) -> Person | None:
        """Find the person whom "the diplomat" or "the Russian minister" stands for."""
        tokens = [word.lower() for word in phrase.split()]
        role = next((" ".join(tokens[-n:]) for n in (3, 2, 1) if " ".join(tokens[-n:]) in ROLES), None)
        keys = ROLES[role] if role else (tokens[-1],)
        # A qualifier such as "Ohio" or "former" has to fit where the description has room for it.
        matches = [
            p
            for p in self.people
            if p.description and p.mentions[0] < position and any(regex.search(rf"\b{regex.escape(key)}", p.description.lower()) for key in keys)
        ]
        return self._nearest(matches, position)

    def last_before(self, position: int, gender: str = "", within: int = 4000) -> Person | None:
        """Find the person mentioned last before `position` who may have this gender."""
        fits = [p for p in self.people if not gender or p.gender in ("", gender)]
        fits = [p for p in fits if p.likely] or fits
        return self._nearest([p for p in fits if any(position - within <= m < position for m in p.mentions)], position)

    @staticmethod
    def _nearest(people: list[Person], position: int) -> Person | None:
        def last(person: Person) -> int:
            return max((m for m in person.mentions if m < position), default=-1 - person.first)

        return max(people, key=last, default=None)


def resolve(article: str, mentions: Sequence[Mention]) -> list[Speaker | None]:
    """Give each statement its speaker.

    Args:
        article: The text.
        mentions: One for each statement, in order.

    Returns:
        A speaker or None for each, in the same order.
    """
    roster = Roster(article, [(m.source, m.apposition) for m in mentions if m.source])
    speakers: list[Speaker | None] = []
    for mention in mentions:
        if mention.source is None:
            carried = speakers[mention.carry] if mention.carry is not None else None
            speakers.append(Speaker(carried.name, carried.mention, carried.description) if carried else None)
            continue
        previous = next((s for s, m in zip(reversed(speakers), reversed(mentions[: len(speakers)]), strict=False) if s and s.name), None)
        speakers.append(_speaker(article, mention, roster, previous))
    return speakers


def _speaker(article: str, mention: Mention, roster: Roster, previous: Speaker | None) -> Speaker:
    assert mention.source is not None
    start, end = mention.source
    phrase = article[start:end]
    span = Span(start, end, phrase)
    described = article[slice(*mention.apposition)].strip() if mention.apposition else None
    if described and (regex.match(r"(?:who|whose|which|speaking|in|on|at)\b", described) or len(described) < 4 or described.lower() in OPENERS):
        described = None
    bare = phrase.lower().strip(".")
    if bare in PRONOUNS | {"his", "their", "its"}:
        person = _antecedent(article, bare, start, roster, previous)
        if person and not person.gender and bare in ("he", "she"):
            person.gender = "m" if bare == "he" else "f"
        return Speaker(person.name, span, person.description) if person else Speaker(None, span)
    if bare in ("the latter", "latter", "the former"):
        person = roster.last_before(start)
        return Speaker(person.name, span, person.description) if person else Speaker(None, span)
    tokens = phrase.split()
    if " and " in phrase:
        return Speaker(phrase, span, described)
    if is_name_word(tokens[-1]) and not (tokens[0].lower() in ("a", "an") and not any(TITLE_WORD.fullmatch(t) for t in tokens)):
        title, name = split_title(phrase)
        if name and not ORGANISATION.search(name):
            person = roster.by_name(name, start)
            title = regex.sub(r"^(?:the|a|an)\s+", "", title)
            if title in ("Mr.", "Ms.", "Mrs.", "Mr", "Ms", "Mrs", "the"):
                title = ""
            if person:
                return Speaker(person.name, span, described or person.description or title or None)
            return Speaker(name, span, described or title or None)
    if tokens[0].lower() in ("the", "this", "that", "our") and tokens[-1].islower() and 1 < len(tokens) <= 5:
        person = roster.by_role(" ".join(tokens[1:]), start)
        if person:
            return Speaker(person.name, span, person.description)
    return Speaker(phrase, span, described)


def _antecedent(article: str, pronoun: str, position: int, roster: Roster, previous: Speaker | None) -> Person | None:
    """Whom a pronoun stands for: the last speaker if still in view, else whoever was named last."""
    if pronoun in ("i", "we", "it", "one", "my", "our", "its", "they", "them", "their"):
        return None
    gender = "m" if pronoun in MASCULINE else "f" if pronoun in FEMININE else ""
    window = 1200
    subject = _last_subject(article, position, gender, roster)
    if previous and previous.name:
        person = next((p for p in roster.people if p.name == previous.name), None)
        seen = previous.mention.start if previous.mention else -1
        if person and person.gender in ("", gender) and position - seen < window:
            if subject and subject is not person and max(m for m in subject.mentions if m < position) > seen:
                return subject
            return person
    return subject or roster.last_before(position, gender)


def _last_subject(article: str, position: int, gender: str, roster: Roster) -> Person | None:
    """The person whose name opens the nearest sentence before `position`, outside quotation marks."""
    best, at = None, -1
    for person in [p for p in roster.people if p.likely] or roster.people:
        if gender and person.gender not in ("", gender):
            continue
        for start in person.mentions:
            if position - 900 < start < position and start > at:
                lead = article[max(0, start - 40) : start]
                if regex.search(r"(?:^|[.!?”\"]\s+|\n\s*)(?:\p{Lu}[\w.]*\s+){0,4}$", lead):
                    best, at = person, start
    return best
