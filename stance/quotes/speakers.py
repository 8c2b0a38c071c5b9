"""Mention -> person: the best full form and description that the article itself gives.

Comes in: the article and, for each statement in order, where its speaker is mentioned. Goes out: a `Speaker` each.
Everybody named in full is entered in a roster with what the article calls them; surnames, titles, roles ("the
diplomat") and pronouns are looked up there, nearest first. No list of the world's people is used. Where nothing
fits, the mention is kept as it stands, and a pronoun stays without a name.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import regex

from stance.quotes.clauses import is_name_word, noun_phrase_before
from stance.quotes.lexicon import (
    ALSO_NAMES,
    CLAUSE_WORDS,
    DAYS_AND_MONTHS,
    DETERMINERS,
    FEMININE,
    FINITE,
    LINKS,
    MASCULINE,
    NO_PERSON,
    OBJECT_FORMS,
    OPENERS,
    ORGANISATION,
    POSSESSIVES,
    PRONOUNS,
    RELATIVES,
    ROLES,
    STOPS,
    is_title,
    pattern,
)
from stance.quotes.passages import paragraphs
from stance.records import Span, Speaker

# Shares of speakers that were right on PolNeAR dev, by how they were found (docs/quotes.md).
NAMED, FOUND, GUESSED, CARRIED = 0.98, 0.92, 0.78, 0.8

_TITLES = ("Mr", "Mrs", "Ms", "Dr", "Sen", "Rep", "Gov", "Gen")
_BEFORE_SURNAMES = (*_TITLES, *(f"{title}." for title in _TITLES), "President", "Senator", "Judge")
_NO_NAME = OPENERS | STOPS | DETERMINERS | FINITE | PRONOUNS | DAYS_AND_MONTHS
_WITHIN_NO_NAME = FINITE | PRONOUNS | CLAUSE_WORDS | frozenset(OBJECT_FORMS)  # "Bork Slams Lind": a headline
_NO_LAST_NAME = DAYS_AND_MONTHS | LINKS
_FEMALE, _MALE = FEMININE - {"her", "she", "hers", "herself"}, MASCULINE - {"he", "him", "his", "himself"}

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
    r"(?:who|whose|which|but|and|as|when|while|where|in|on|at|with|to|for|by|from|said|told|he|she|is|was|has|according|speaking|including|saying|adding)\b"
)
_DESCRIPTION = regex.compile(r"(?:(?:a|an|the)\s+)?(?:[\p{L}-]+\s+){0,4}?(?:\p{Ll}|Ambassador|Minister|President|Secretary)")
_TITLE_BEFORE = regex.compile(
    r"(?:\b(?:former|then|acting|deputy|prime|foreign|chief|lead|senior|vice|spokesman|spokeswoman|spokesperson|minister|president|leader|"
    r"chairman|director|analyst|professor|senator|attorney|candidate|nominee|economist|coach|envoy|ambassador|mediator|commander|general|"
    r"lawmaker|historian|lawyer|activist|executive|manager|researcher|expert|governor|mayor|negotiator|secretary)\s+)+$"
)
_POSSESSIVE = regex.compile(r"['’]s?$")
_ADDRESS = regex.compile(r"\b(?:Mrs?|Ms|Miss)\b(?=\.? )")
_OPENING = regex.compile(
    r"(?:^|[.!?”\"]\s+|\n\s*)(?:(?:But|And|Yet|Then|While|As|When|After|Although|Though)\s+|\p{Lu}[^,.!?\n]{1,90},\s+)?(?:\p{Lu}[\w.]*\s+|\p{Ll}+\s+nominee\s+){0,4}$"
)
_OWNS = regex.compile(r"(?:\p{Lu}\S* ){0,3}?\p{Lu}\S*(?:['’]s|s['’])(?!\w)")
_PRONOUN_NEAR = regex.compile(r"(?i)(?!['’]s?\s)[^.!?\n\"“”]{0,80}?\b(he|she|his|her|him|himself|herself)\b")
_OWNER = regex.compile(r"(?:\S+ )*\S+(?:['’]s|s['’]) (?=\p{Lu}\S* \p{Lu})")
_LONG_WORD = regex.compile(r"\b\p{L}{4,}")
_ABBREVIATED = regex.compile(r"^(?:\p{Lu}\.?){2,5}$")


@dataclass
class Person:
    """Somebody named in full in the article."""

    name: str
    first: int
    description: str | None = None
    mentions: list[int] = field(default_factory=list)
    gender: str | None = None  # "m", "f", "" for unknown; None until asked for
    taken_for: str = ""  # the gender of the pronoun that stood for them last
    likely: bool = False  # somebody the article lets speak, gives a title or calls by surname: no headline, no place

    @property
    def surname(self) -> str:
        """The last word of the name."""
        tokens = self.name.split()
        return next((token for token in reversed(tokens) if token not in ("Jr.", "Sr.", "Jr", "Sr", "III", "II")), tokens[-1])


@dataclass(frozen=True, slots=True)
class Mention:
    """Where a statement's speaker stands.

    Attributes:
        source: (start, end) of the mention; None where the statement has no clause of its own.
        apposition: (start, end) of what describes it, or None.
        carry: Index of the statement whose speaker goes on, or None.
        linked: How sure it is that the statement is this source's.
    """

    source: tuple[int, int] | None
    apposition: tuple[int, int] | None
    carry: int | None = None
    linked: float = 1.0


def _is_headline(paragraph: str) -> bool:
    """Whether a paragraph is no sentence and has capitals where a sentence has none."""
    if paragraph[-1:] in '.!?:;,”"’…':
        return False
    words = _LONG_WORD.findall(paragraph)
    return len(words) >= 3 and sum(word[0].isupper() for word in words) >= 0.8 * len(words)


def split_title(phrase: str) -> tuple[str, str]:
    """Split "US Secretary of State Marco Rubio" into description and name.

    Args:
        phrase: A noun phrase that ends in a name.

    Returns:
        (description, name); either may be "".
    """
    tokens = phrase.split()
    names = len(tokens)
    while names > 0 and (is_name_word(last := tokens[names - 1]) or (last.lower() in LINKS and last != "of") or last in ("Jr.", "Sr.")):
        names -= 1
    tail = tokens[names:]
    if not tail:
        return phrase, ""
    titles = [i for i, word in enumerate(tail) if is_title(word) and i < len(tail) - 1]
    cut = titles[-1] + 1 if titles else 0
    if cut == 0 and names > 0 and tokens[names - 1].lower() in ("of", "to", "for", "in", "from", "at", "the") and len(tail) >= 3:
        # "Ambassador to Russia Nicolas de Riviere": the preposition takes its own name first.
        cut = 1
        while len([w for w in tail[cut:] if w.lower() not in LINKS]) > 2:
            cut += 1
    elif cut == 0 and names > 0 and tokens[names - 1].lower() in ("of", "to", "for", "in", "from", "at", "with", "the", "and"):
        return phrase, ""
    while cut < len(tail) - 2 and (
        (_ABBREVIATED.match(tail[cut]) and not tail[cut].endswith(".")) or pattern(r"(?:ish|ese|ian|can|raeli|raqi)$").search(tail[cut])
    ):
        cut += 1
    if cut and cut == len(tail) - 1 and tail[cut - 1] in ("State", "Foreign", "Defense"):
        return phrase, ""
    return " ".join(tokens[:names] + tail[:cut]), " ".join(tail[cut:])


def _tidy(description: str) -> str:
    """A description without the mark that ends it; the dot of an abbreviation stays."""
    return pattern(r"(?<=[a-z]{4})\.$").sub("", description.strip().rstrip(",;:").strip())


def _described_behind(article: str, position: int) -> str | None:
    """What a name that ends here is said to be: ", >associate professor of X<,"."""
    found = _DESCRIBED.match(article, position)
    return _tidy(found["what"]) if found and not _NO_DESCRIPTION.match(found["what"]) and _DESCRIPTION.match(found["what"]) else None


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
        self._asked: dict[str, Person | None] = {}
        singles: list[tuple[str, int]] = []
        headlines = [span for span in paragraphs(article) if _is_headline(article[slice(*span)])]
        for match in _SEQUENCE.finditer(article):
            phrase, start = match.group(), match.start()
            if " " not in phrase and "\u00a0" not in phrase:
                if (word := phrase.rstrip(".,'’-").removesuffix("’s").removesuffix("'s")).lower() not in _NO_NAME or word in ALSO_NAMES:
                    singles.append((word, start))
                continue
            phrase = _POSSESSIVE.sub("", phrase.rstrip(".,'’-"))
            if owner := _OWNER.match(phrase):  # "NBC's Lester Holt"
                start, phrase = start + owner.end(), phrase[owner.end() :]
            tokens = phrase.split()
            while tokens and tokens[0].lower() in _NO_NAME:
                start += len(tokens[0]) + 1
                tokens = tokens[1:]
            while tokens and tokens[-1].lower() in _NO_LAST_NAME and tokens[-1] not in ALSO_NAMES:
                tokens = tokens[:-1]
            if not tokens:
                continue
            title, name = split_title(" ".join(tokens))
            if (
                2 <= len(name.split()) <= 5
                and _WITHIN_NO_NAME.isdisjoint(name.lower().split()[1:-1])
                and not ORGANISATION.search(name)
                and not NO_PERSON.search(name)
            ):
                if name in self._by_name or not any(a <= start < b for a, b in headlines):
                    self._enter(name, start + len(" ".join(tokens)) - len(name), title)
            else:
                singles.append((tokens[-1], start))
        for (a, b), apposition in appositions:
            title, name = split_title(article[a:b])
            person = self._by_name.get(name) or self._speaks(name, a)
            if person:
                person.likely = True
            if person and apposition and not pattern(r"(?:who|whose|which|speaking|in|on|at)\b").match(article[slice(*apposition)]):
                person.description = person.description or _tidy(article[slice(*apposition)])
        self._describe()
        by_surname: dict[str, Person] = {}
        for person in self.people:
            by_surname.setdefault(person.surname, person)
        for word, start in singles:
            if person := by_surname.get(word):
                person.mentions.append(start)
                person.likely = person.likely or not any(f" {word.lower()}{end}" in article for end in " ,.")
        for person in self.people:
            person.mentions.sort()

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
        if name not in self._asked:
            self._asked[name] = self._look_up(name, start)
        return self._asked[name]

    def _look_up(self, name: str, start: int) -> Person | None:
        tokens = name.split()
        if not tokens or len(tokens) > 3 or ORGANISATION.search(name) or not all(is_name_word(token) for token in tokens):
            return None
        known = next((p for p in self.people if p.surname == tokens[-1]), None)
        if known is None and not any(f"{title} {tokens[-1]}" in self.article for title in _BEFORE_SURNAMES):
            return None
        if known is None:
            known = Person(name, start)
            known.mentions = sorted({start, *(m.start() for m in regex.finditer(rf"\b{regex.escape(tokens[-1])}\b", self.article))})
            self.people.append(known)
            self._by_name[name] = known
        return known

    def _describe(self) -> None:
        """Look for ", associate professor of X," behind each full name, and lower-case titles before it."""
        for person in self.people:
            for start in person.mentions:
                if person.description is None or len(person.description) < 6:
                    person.description = _described_behind(self.article, start + len(person.name)) or person.description
                if person.description is None and (title := _TITLE_BEFORE.search(self.article, max(0, start - 60), start)):
                    person.description = title.group().strip()
                person.likely = person.likely or person.description is not None

    def gender(self, person: Person) -> str:
        """What the article tells of somebody's gender: "m", "f" or ""."""
        if person.gender is None:
            person.gender = self._gender(person)
        return person.gender

    def _gender(self, person: Person) -> str:
        # A mention begins with its "Mr." where a surname follows, and behind it where a full name does.
        addressed = " ".join(address for start in person.mentions for address in _ADDRESS.findall(self.article, max(0, start - 6), start + 5))
        around = " ".join([addressed, *(self.article[max(0, start - 12) : start] for start in person.mentions[:6])]).lower()
        words_ = set((person.description or "").lower().split()) | set(around.split())
        if words_ & _FEMALE:
            return "f"
        if words_ & _MALE:
            return "m"
        votes = 0
        for start in person.mentions:
            match = _PRONOUN_NEAR.match(self.article, start + len(person.surname))
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
        origin = {word[:4] for word in phrase.split() if word[0].isupper()}  # "the Russian minister" is one described as of Russia
        matches = []
        for person in self.people:
            described = person.description or ""
            if person.mentions[0] < position and any(regex.search(rf"\b{regex.escape(key)}", described.lower()) for key in keys):
                if not origin or origin & {word[:4] for word in described.split()}:
                    matches.append(person)
        return self._nearest(matches, position)

    def last_before(self, position: int, within: int = 4000) -> Person | None:
        """Find the person mentioned last before `position`."""
        fits = [p for p in self.people if p.likely] or self.people
        return self._nearest([p for p in fits if any(position - within <= m < position for m in p.mentions)], position)

    @staticmethod
    def _nearest(people: list[Person], position: int) -> Person | None:
        def last(person: Person) -> int:
            return max((m for m in person.mentions if m < position), default=-1 - person.first)

        return max(people, key=last, default=None)


def resolve(article: str, mentions: Sequence[Mention], quoted: Sequence[tuple[int, int]] = ()) -> list[Speaker | None]:
    """Give each statement its speaker.

    Args:
        article: The text.
        mentions: One for each statement, in order.
        quoted: (start, end) of what stands between quotation marks; who is named there speaks less likely.

    Returns:
        A speaker or None for each, in the same order.
    """
    roster = Roster(article, [(m.source, m.apposition) for m in mentions if m.source])
    speakers: list[Speaker | None] = []
    last: Speaker | None = None
    known: dict[tuple[int, int], Speaker] = {}
    for mention in mentions:
        if mention.source is None:
            carried = speakers[mention.carry] if mention.carry is not None and mention.carry < len(speakers) else None
            speakers.append(replace(carried, confidence=carried.confidence * CARRIED) if carried else None)
            continue
        found = known[mention.source] = known.get(mention.source) or _speaker(article, mention, roster, last, quoted)
        found = replace(found, confidence=found.confidence * mention.linked)
        speakers.append(found)
        last = found if found.name else last
    return speakers


def _speaker(article: str, mention: Mention, roster: Roster, previous: Speaker | None, quoted: Sequence[tuple[int, int]]) -> Speaker:
    assert mention.source is not None
    start, end = mention.source
    phrase = article[start:end]
    span = Span(start, end, phrase)
    nobody = Speaker(None, span, None, 0.0)
    described = _tidy(article[slice(*mention.apposition)]) if mention.apposition else None
    if described and (pattern(r"(?:who|whose|which|speaking|in|on|at)\b").match(described) or len(described) < 4 or described.lower() in OPENERS):
        described = None
    bare = phrase.lower().strip(".")
    if bare in ("q", "a", "question", "answer") and article[end : end + 1] in (":", "."):
        return nobody  # of an interview, which calls nobody by name here
    if bare in RELATIVES:
        before = noun_phrase_before(article, start, bare)
        return _named(article, before, span, None, roster) if before else nobody
    if bare in PRONOUNS or bare in POSSESSIVES:
        if bare in ("it", "its", "they", "them", "their"):
            group = previous and previous.mention and start - previous.mention.start < _IN_VIEW and _is_group(previous, plural=bare[0] == "t")
            return Speaker(previous.name, span, previous.description, GUESSED) if previous and group else nobody
        person, lead = _antecedent(article, bare, start, roster, previous, quoted)
        return Speaker(person.name, span, person.description, FOUND if lead >= _CLEAR else GUESSED) if person else nobody
    if bare in ("us", "me", "you", "the former", "former") or not any(c.isalnum() for c in bare):
        return nobody
    if bare in ("the latter", "latter"):
        person = roster.last_before(start)
        return Speaker(person.name, span, person.description, GUESSED) if person else nobody
    return _named(article, (start, end), span, described, roster)


def _named(article: str, phrase_at: tuple[int, int], span: Span, described: str | None, roster: Roster) -> Speaker:
    """Look a noun phrase up in the roster; what is not there is its own name."""
    start, phrase = phrase_at[0], article[slice(*phrase_at)]
    tokens = phrase.split()
    if " and " in phrase:
        return Speaker(phrase, span, described, NAMED)
    if is_name_word(tokens[-1]) and not _is_of_another(phrase) and not (tokens[0].lower() in ("a", "an") and not any(is_title(t) for t in tokens)):
        title, name = split_title(phrase)
        if name and not ORGANISATION.search(name):
            person = roster.by_name(name.title() if name.isupper() else name, start)
            title = pattern(r"^(?:the|a|an)\s+").sub("", title)
            if title in ("Mr.", "Ms.", "Mrs.", "Mr", "Ms", "Mrs", "the"):
                title = ""
            if person:
                return Speaker(person.name, span, described or person.description or title or None, NAMED)
            return Speaker(name, span, described or title or None, NAMED)
    if tokens[0].lower() in ("the", "this", "that", "our") and tokens[-1].islower() and 1 < len(tokens) <= 5:
        person = roster.by_role(" ".join(tokens[1:]), start)
        if person:
            return Speaker(person.name, span, person.description, GUESSED)
    return Speaker(phrase, span, described, NAMED)


def _is_of_another(phrase: str) -> bool:
    """Whether the name at a phrase's end is not who speaks: "advisers to Mr. Bork", "the Center for Public Opinion"."""
    front, joint, name = phrase.rpartition(next((f" {word} " for word in _JOINTS if f" {word} " in phrase), "\0"))
    if not joint or not front.split():
        return False
    head = front.split()[-1]
    one = is_title(head) or head.lower() in ROLES or head.lower() in ("adviser", "advisor", "aide", "secretary", "director", "president", "correspondent")
    return not (one and len([word for word in name.split() if word[0].isupper()]) >= 3)  # "ambassador to Iran Jan Bork": a place, then a name


def _is_group(speaker: Speaker, *, plural: bool) -> bool:
    """Whether "they" (plural) or "it" can stand for a speaker: a group, or a body."""
    name = speaker.name or ""
    if plural:
        return " and " in name or pattern(r"(?i)(?:[^s]s|\bpolice|\bpeople|\b(?:wo)?men|\bchildren)$").search(name.split(",")[0]) is not None
    return ORGANISATION.search(name) is not None or (len(name.split()) == 1 and name[:1].isupper())


def _is_somebody(speaker: Speaker) -> bool:
    """Whether a name that the roster does not know may be a person's."""
    tokens = (speaker.name or "").split()
    return 0 < len(tokens) <= 3 and all(is_name_word(token) for token in tokens) and not ORGANISATION.search(" ".join(tokens)) and not tokens[-1].endswith("s")


_JOINTS = ("for", "to", "at", "from", "with", "in")
_IN_VIEW = 1500  # characters
_CLEAR = 1.5  # points of fitness


def _opens_sentence(article: str, start: int) -> bool:
    return _OPENING.search(article, max(0, start - 80), start) is not None


def _is_subject(article: str, name: str, start: int) -> bool:
    """Whether a full name opens a sentence that goes on in lower case."""
    return pattern(r" \p{Ll}").match(article, start + len(name)) is not None and _opens_sentence(article, start)


def _antecedent(
    article: str, pronoun: str, position: int, roster: Roster, previous: Speaker | None, quoted: Sequence[tuple[int, int]]
) -> tuple[Person | None, float]:
    """Whom "he" or "she" stands for: who is in view and fits best, or None; and by how much better than the next."""
    if pronoun in ("i", "we", "one", "my", "our"):
        return None, 0.0
    gender = "m" if pronoun in MASCULINE else "f"

    def in_view(person: Person) -> list[int]:
        return [start for start in person.mentions if position - _IN_VIEW < start < position]

    fits = [p for p in roster.people if in_view(p) or (previous and p.name == previous.name)]
    fits = [p for p in fits if roster.gender(p) in ("", gender)]
    if any(p.likely for p in fits):
        fits = [p for p in fits if p.likely or any(_is_subject(article, p.name, m) for m in in_view(p))]
    if previous and previous.mention and not any(p.name == previous.name for p in roster.people) and _is_somebody(previous):
        fits.append(Person(previous.name or "", previous.mention.start, previous.description))  # by surname alone
    seen = previous.mention.end if previous and previous.mention and position - previous.mention.end < _IN_VIEW else position

    def outside(start: int) -> bool:
        i = bisect_right(quoted, (start, len(article))) - 1
        return i < 0 or start >= quoted[i][1]

    def between(start: int) -> int:
        """Characters that the reporter says between here and the pronoun."""
        inside = quoted[bisect_right(quoted, (start, len(article))) : bisect_right(quoted, (position, 0))]
        return position - start - sum(min(b, position) - a for a, b in inside)

    def opens(start: int) -> bool:
        return outside(start) and _opens_sentence(article, start)

    relieved = any(previous and p.name != previous.name and any(seen <= m < position and opens(m) for m in p.mentions) for p in fits)

    # "Bork called Ms. Lind a coward after she ...": she is no new sentence's, and Lind is known to be one.
    here = previous is not None and previous.mention is not None and pattern(r"[.!?\n]").search(article, previous.mention.end, position) is None
    named = here and any(
        p.likely and roster.gender(p) == gender and any(seen <= m < position and outside(m) and not _OWNS.match(article, m) for m in p.mentions) for p in fits
    )

    def fitness(person: Person) -> float:
        best = -10.0
        for start in in_view(person)[-4:]:
            introduced = start == person.mentions[0] and between(start) < 300 and _described_behind(article, start + len(person.name)) is not None
            value = -between(start) / 250 + (2.0 if introduced else opens(start)) - 1.5 * (not outside(start)) - 0.7 * (_OWNS.match(article, start) is not None)
            best = max(best, value)
        if previous and previous.name == person.name and seen < position:
            best = max(best, -between(seen) / 600) + (0.0 if relieved or (named and not roster.gender(person)) else 2.5)
        return best + (roster.gender(person) == gender) - 5.0 * (person.taken_for not in ("", gender))

    ranked = sorted(((fitness(person), -i) for i, person in enumerate(fits)), reverse=True)
    if not ranked or ranked[0][0] < -8:
        return None, 0.0
    chosen = fits[-ranked[0][1]]
    chosen.taken_for = gender
    return chosen, ranked[0][0] - ranked[1][0] if len(ranked) > 1 else _CLEAR
