r"""Reporting clauses: where in a sentence somebody is said to say something, and who.

Comes in: a paragraph whose marked speech is blanked with \\u0001, so that only the reporter's words are read.
Goes out: `Clause` records (cue, source, what follows). No parser: the source is the noun phrase beside the verb,
read word by word with the closed lists of `lexicon.py`.
"""

from dataclasses import dataclass

import regex

from stance.quotes.lexicon import (
    ALSO_NAMES,
    BARE_VERBS,
    CLAUSE_FORMS,
    CLAUSE_VERB,
    CLAUSE_WORDS,
    DAYS_AND_MONTHS,
    DETERMINERS,
    FINITE,
    LINKS,
    OBJECT_FORMS,
    OBJECT_VERB,
    OPENERS,
    POSSESSIVES,
    PRONOUNS,
    STOPS,
    WEEKDAYS,
    is_title,
    pattern,
)

_GOES_ON = LINKS | {"for", "the", "in", "to", "at", "and"}
_NO_END = LINKS | DETERMINERS | STOPS | {"for"}
_NO_HEAD = DETERMINERS | POSSESSIVES | LINKS
_NO_SUBJECT = DETERMINERS | FINITE | STOPS | POSSESSIVES | {"not", "n't", "you", "there", "him", "them", "me"}
_NO_NOUN = FINITE | DETERMINERS | STOPS | PRONOUNS

BLANK = "\u0001"  # marked speech
USED = "\u0002"  # words already given to a statement

_ADVERB = (
    r"(?:also|then|later|earlier|again|once|further|previously|recently|repeatedly|reportedly|still|just|first|now|even|"
    r"only|already|quickly|immediately|has|have|had|would|will|did|does|not|never|always|often|soon|simply|\p{Ll}+ly|"
    r"on\s+\p{Lu}\p{Ll}+day|\p{Lu}\p{Ll}+day)"
)
_WORD = regex.compile(r"[^\s\p{Cf}\p{So}\u0001\u0002,;:()\[\]—–\"“”«»]+")
VERB = regex.compile(rf"(?<![-\w])(?P<verb>{CLAUSE_VERB})\b(?!['’]\w|-)")
OBJECT = regex.compile(rf"(?<![-\w])(?P<verb>{OBJECT_VERB})\b(?!['’]\w|-)")
_OBJECT_ONLY = regex.compile(OBJECT_VERB)
_AND_SAID = regex.compile(rf"^\s+\S+(?:\s+\S+)?\s+{CLAUSE_VERB}\b")
_NO_ASIDE = regex.compile(rf"\b(?:is|was|are|were|has|had|have|will|would|can|could|may|but|because|{CLAUSE_VERB})\b")
_INVERTED = regex.compile(rf"[\s,.—–-]*(?:and\s+|as\s+)?(?:{_ADVERB}\s+)?(?P<verb>{CLAUSE_VERB})\b\s+")
_ACCORDING = regex.compile(
    r"\b(?P<verb>[Aa]ccording\s+to|[Aa]s\s+per|[Ii]n\s+the\s+(?:words|opinion|view)\s+of|[Ii]n\s+(?P<own>his|her|their|its)\s+"
    r"(?:\p{Ll}+\s+)?(?:opinion|view|words|assessment))\b"
)
_ADVERBS_BEFORE = regex.compile(rf"(?:\s+{_ADVERB})+$")
_PASSIVE = regex.compile(r"(?:\b(?:was|were|is|are|be|been|being|get|got|to|the|a|an|his|her|their|its|my|our|your|of|in|for|by|no)|['’]s|s['’])$", regex.I)
THAT = regex.compile(rf"(?P<gap>[^{BLANK}{USED}.;:]{{0,120}}?)(?<!\bso)(?<!\bwith)\s*\b(?P<that>that|whether|how|why)\b\s+")
# A comma, dash or full stop, but not the point of an abbreviation.
_STOP = r"(?=[,;—]|(?<!\b(?:St|Dr|Mr|Ms|Mrs|Inc|Jr|Sr|\p{Lu}))\.(?:\s|$)|$)"
_DASH_NAME = regex.compile(r"\s*[—–―-]\s*(?P<name>(?:\p{Lu}[\p{L}.’'-]*\s+){1,4}\p{Lu}[\p{L}’'-]*\.?)\s*$")
_LEADING = regex.compile(
    r"^(?:(?:and|but|so|yet|still|however|meanwhile|also|then|later|earlier|in\s+addition|for\s+(?:his|her|their|its)\s+part|"
    r"in\s+particular|secondly|firstly|moreover|nevertheless|on\s+\p{Lu}\p{Ll}+day|in\s+(?:a|an)\s+[^,]{2,60}|"
    r"(?:on|in|at|after|before|during|when|as|while|although|though|asked|speaking|last|since)\b[^,]{2,90}),\s*|"
    r"(?:and|but|so|yet|while|as|meanwhile|nor|or|because|though|although|where)\s+)",
    regex.I,
)


@dataclass(frozen=True, slots=True)
class Clause:
    """A reporting clause, in offsets of the text that was searched.

    Attributes:
        start: Where the clause starts (source or cue, whichever is first).
        end: Where the clause ends, its objects and adverbials left out.
        cue: (start, end) of the reporting words.
        source: (start, end) of the speaker's mention, without what describes it; None where there is none.
        apposition: (start, end) of what describes the speaker behind a comma, or None.
    """

    start: int
    end: int
    cue: tuple[int, int]
    source: tuple[int, int] | None
    apposition: tuple[int, int] | None = None


def words(text: str, start: int, end: int) -> list[tuple[int, int]]:
    """Return (start, end) of each word between two offsets."""
    return [match.span() for match in _WORD.finditer(text, start, end)]


def _bare(word: str) -> str:
    return word.strip(".'’‘").lower()


def is_name_word(word: str) -> bool:
    """Whether a word looks like part of a name: a capital first, and no weekday or month."""
    return (word[:1].isupper() or (word[:3] in ("al-", "el-") and word[3:4].isupper())) and (_bare(word) not in DAYS_AND_MONTHS or word in ALSO_NAMES)


_MODAL = regex.compile(r"(?i)(?:may|might|could|should|would)\b(?! (?:later|subsequently|eventually|often|go on)\b)")
_SUPPOSING = regex.compile(r"(?i)\b(?:if|unless|whether|should|would|could|might)\s+$")
_OF_A_PEOPLE = regex.compile(r"(?:ish|ese|[ie]an|can|aeli|[aq]i|ench|utch|eek|wiss)$")
_ROLE_AHEAD = regex.compile(
    r"(?:(?!(?:who|in|on|at|to|by|as|and|or|but|after|before|during|while|when|last|late|early|that|with|from|about|for)\b)[\p{Ll}-]+\s+){0,3}?"
    r"(?:officials?|spokes(?:man|woman|person|people|men)|ministers?|ministry|presidents?|premier|leaders?|chiefs?|envoys?|ambassadors?|diplomats?|"
    r"media|reports?|sources?|police|authorities|governments?|negotiators?|mediators?|representatives?|secretary|generals?|commanders?|"
    r"lawmakers?|senators?|analysts?|experts?|professors?|lawyers?|chairm[ae]n|director|adviser|advisor|aides?|researchers?|"
    r"governor|mayor|candidates?|activists?|economists?|executives?|statement|newspaper|agency|correspondent|residents?|troops|forces|military|army)\b"
)


def source_right(text: str, start: int, end: int) -> tuple[int, int] | None:
    """Read the noun phrase that starts here, as in "said >the head of the union< on Friday".

    Args:
        text: The blanked text.
        start: Where it starts.
        end: Where the sentence ends.

    Returns:
        Its (start, end), or None where no noun phrase starts here.
    """
    taken: list[tuple[int, int]] = []
    named = False
    for a, b in words(text, start, end):
        word = text[a:b]
        bare = _bare(word)
        gap = text[taken[-1][1] : a] if taken else text[start:a]
        if gap.strip() or "\n" in gap:
            break
        if not taken and ((bare in PRONOUNS and bare not in ("him", "them", "me")) or bare in ("others", "some", "many", "most")):
            following = text[b : b + 4]
            if bare in PRONOUNS or not following.startswith(" of"):
                return (a, b)
        surname = word in ALSO_NAMES and (not taken or is_name_word(text[slice(*taken[-1])])) and not pattern(r"\s+\d").match(text, b, end)
        if taken and (bare in STOPS or bare in DAYS_AND_MONTHS) and not surname:
            link_in = bare in ("in", "at", "on", "with", "from", "to") and not named and text[taken[-1][0]].islower() and len(taken) <= 4
            org_in = (
                bare in ("in", "to", "at")
                and named
                and pattern(r"(?:Embassy|Ministry|Mission|Office|Ambassador|Institute|University|Consulate|Delegate)$").search(text[taken[0][0] : taken[-1][1]])
            )
            joined = bare == "and" and pattern(r"\s+(?:\p{Lu}|the\s)").match(text[b : b + 6]) and not _AND_SAID.search(text[b : b + 60])
            if not (link_in or org_in or joined):
                break
        if taken and bare in {"he", "she", "they", "it", "we", "i", "there"} and word != "IT":
            break
        if not taken and not surname and (bare in STOPS or bare in FINITE or (word[0].islower() and bare in ("so", "if", "there", "it's", "you", "here"))):
            return None
        if (
            taken
            and word[0].islower()
            and named
            and bare not in _GOES_ON
            and is_name_word(text[taken[-1][0] : taken[-1][1]])
            and not _ROLE_AHEAD.match(text, a, end)
            and not (text[taken[0][0]].islower() and _OF_A_PEOPLE.search(text[slice(*taken[-1])]) and bare not in _NO_NOUN | CLAUSE_WORDS)
            and not pattern(r"(?:['’]s|s['’])$").search(text[taken[-1][0] : taken[-1][1]])
        ):
            break
        named = named or is_name_word(word)
        taken.append((a, b))
        if len(taken) > 22:
            return None
        if text[b - 1] == "." and not (is_title(word) or len(word) <= 2 or word.count(".") > 1 or bare in ("jr", "sr", "u.s", "inc")):
            break
    while taken and (last := text[taken[-1][0] : taken[-1][1]]).islower() and last in _NO_END:
        taken.pop()
    if not taken:
        return None
    a, b = taken[0][0], taken[-1][1]
    while b > a and text[b - 1] in ".!?…" and not pattern(r"(?:\b(?:Jr|Sr|Inc|Corp|U\.S|Ltd)|\.\p{L})\.$").search(text[a:b]):
        b -= 1
    while b > a and text[b - 1] in "'’" and text[b - 2 : b - 1] != "s":
        b -= 1
    only = [_bare(text[x:y]) for x, y in taken]
    if all(word in _NO_HEAD for word in only) and text[a:b] not in ALSO_NAMES and only[0] not in ("some", "many", "most", "others", "several", "one"):
        return None
    return (a, b) if b > a else None


def apposition_right(text: str, end_of_source: int, limit: int) -> tuple[int, int] | None:
    """Read a description behind the source: ", >a professor at X<," or ">(D-Ohio)<"."""
    match = regex.compile(
        r",\s+(?P<what>(?:(?:a|an|the|his|her|their|its|who)\s+|\p{Ll}|\p{Lu}[\w.’'-]*\s+\p{Ll})[^,;—" + BLANK + USED + r"]{2,120}?)" + _STOP
    ).match(text, end_of_source, limit)
    if not match:
        return None
    what = match.group("what")
    first = _bare(what.split()[0])
    if first in {
        "adding",
        "saying",
        "and",
        "but",
        "who",
        "noting",
        "referring",
        "citing",
        "in",
        "on",
        "at",
        "as",
        "while",
        "when",
        "after",
        "with",
        "during",
        "speaking",
        "which",
        "where",
    }:
        return None
    return match.span("what")


def source_left(text: str, start: int, end: int) -> tuple[tuple[int, int], tuple[int, int] | None] | None:
    """Read the noun phrase that ends here, as in ">the head of the union<, a former miner, said".

    Args:
        text: The blanked text.
        start: Where the sentence starts.
        end: Where the verb (or the adverb before it) starts.

    Returns:
        The source and its apposition, or None where no noun phrase ends here.
    """
    while end > start and text[end - 1].isspace():
        end -= 1
    floor = _floor(text, start, end)
    if text[floor - 1 : floor] == ")" and text[end - 1] == "," and text[floor:end].lstrip()[:1] == "," and (opened := text.rfind("(", start, floor)) > start:
        # "Rep. Jane Roe (D-Ohio), a member of the panel, said"
        name_end = len(text[:opened].rstrip())
        phrase = _phrase_left(text, _floor(text, start, name_end), name_end)
        begin = _skip(text, text.index(",", floor) + 1, end)
        return (phrase, (begin, end - 1)) if phrase and begin < end - 1 else None
    if text[end - 1 : end] == ")":
        opened = text.rfind("(", start, end)
        if opened > start:
            end = opened
            while end > start and text[end - 1].isspace():
                end -= 1
            floor = max((m.end() for m in pattern(rf"[;:{BLANK}{USED}—–]").finditer(text, start, end)), default=start)
    if end <= floor:
        return None
    apposition = None
    if text[end - 1] == ",":
        found = _before_apposition(text, floor, end - 1)
        if found is None:
            return None
        end, apposition = found
    phrase = _phrase_left(text, floor, end)
    if phrase is None:
        return None
    return phrase, apposition


def _floor(text: str, start: int, end: int) -> int:
    """Where the stretch begins that a noun phrase ending at `end` cannot leave."""
    return max(
        (
            m.end()
            for m in pattern(rf"[;:{BLANK}{USED}—–()\[\]]|\.\s+(?=\p{{Lu}})").finditer(text, start, end)
            if m.group()[0] != "."
            or not pattern(r"(?:\b(?:Mr|Mrs|Ms|Dr|Sen|Rep|Gov|Gen|Lt|Col|St|Prof|Adm|Jr|Sr|U\.S)|\b\p{Lu})$").search(text[start : m.start()])
        ),
        default=start,
    )


def _before_apposition(text: str, floor: int, end: int) -> tuple[int, tuple[int, int]] | None:
    """Step over ", a former miner from X, and Y," to the end of the name before it."""
    commas = [m.start() for m in pattern(",").finditer(text, floor, end)]
    named = _named_behind(text, floor, commas[-1], end) if commas else None
    if named and _bare(text[named[0] : end].split()[0]) in POSSESSIVES:
        return end, named  # "..., its director, Hanne Osk, said"
    for comma in reversed(commas[-3:]):
        candidate = words(text, floor, comma)
        if not candidate:
            continue
        a, b = candidate[-1]
        what = text[comma + 1 : end].split()
        if not what:
            continue
        first = _bare(what[0])
        if is_name_word(text[a:b]) and (
            first in DETERMINERS or first in ("who", "whose", "which", "former", "then") or what[0][0].islower() or len(what) > 1 or what[0][0].isdigit()
        ):
            gap = text[comma + 1 :]
            begin = comma + 1 + (len(gap) - len(gap.lstrip()))
            return comma, (begin, end)
    if named:
        return end, named
    if commas:
        comma = commas[-1]
        what = text[comma + 1 : end].split()
        if what and (_bare(what[0]) in {"who", "whose", "which", "a", "an", "the", "speaking", "in", "on", "citing"}):
            begin = comma + 1 + (len(text[comma + 1 :]) - len(text[comma + 1 :].lstrip()))
            return comma, (begin, end)
    return None


def _named_behind(text: str, floor: int, comma: int, end: int) -> tuple[int, int] | None:
    """The description in front of a comma, where behind it stands nothing but a name: "France's foreign minister, Anne Leclerc, said"."""
    what, role = text[comma + 1 : end].split(), words(text, floor, comma)
    if not (0 < len(what) <= 5 and all(is_name_word(word) or word in LINKS for word in what) and role and text[slice(*role[-1])].islower()):
        return None
    described = _phrase_left(text, floor, comma)
    if described and (described[0] == _skip(text, floor, end) or pattern(r"(?i)(?:\bbut|\band|\bwhile|,)\s*$").search(text[floor : described[0]])):
        return described
    return None


def _phrase_left(text: str, floor: int, end: int) -> tuple[int, int] | None:
    """The noun phrase that ends at `end`."""
    comma = max((m.end() for m in pattern(r",\s").finditer(text, floor, end)), default=floor)
    tokens = words(text, comma, end)
    if not tokens or text[tokens[-1][1] : end].strip():
        return None
    last = text[tokens[-1][0] : tokens[-1][1]]
    bare = _bare(last)
    if bare == "who" and len(tokens) > 1:
        tokens = tokens[:-1]
        last = text[tokens[-1][0] : tokens[-1][1]]
        bare = _bare(last)
    elif bare == "who":
        previous = words(text, floor, max(floor, comma - 2))
        if not previous:
            return None
        return _phrase_left(text, floor, previous[-1][1])
    if bare in PRONOUNS and bare not in ("him", "them", "her", "me", "it"):
        return tokens[-1]
    if (bare == "it" and len(tokens) == 1) or (bare in ("others", "some", "many", "both", "latter", "former") and len(tokens) <= 2):
        return (tokens[0][0], tokens[-1][1])
    if bare in _NO_SUBJECT and not (last in ALSO_NAMES and (len(tokens) == 1 or is_name_word(text[slice(*tokens[-2])]))):
        return None
    if last in CLAUSE_WORDS:
        return None
    first = _start_of_phrase(text, tokens)
    if first is None:
        return None
    doing = _TO_DO.match(text, tokens[first][0], tokens[-1][1])
    return doing.end() if doing else tokens[first][0], tokens[-1][1]


def is_supposed(text: str, source: tuple[int, int], cue: tuple[int, int]) -> bool:
    """Whether a clause only supposes that somebody speaks: "if the union refuses", "would you say", "a judge may insist"."""
    first, last = min(source, cue), max(source, cue)
    verb = f"{text[first[1] : last[0]]} {text[slice(*cue)]}".strip()
    return _MODAL.match(verb) is not None or _SUPPOSING.search(text, max(0, first[0] - 20), first[0]) is not None


def noun_phrase_before(text: str, position: int, relative: str = "who") -> tuple[int, int] | None:
    """Read the noun phrase that a relative pronoun hangs on, as in ">Democrats< on the Hill, who say"."""
    end = position
    while end > 0 and (text[end - 1].isspace() or text[end - 1] == ","):
        end -= 1
    floor = max(0, end - 200, text.rfind("\n", 0, end) + 1)
    phrase = _phrase_left(text, floor, end)
    if phrase is None:
        return None
    joints = list(_JOINT.finditer(text, *phrase))
    if not joints:
        return phrase
    joint = joints[-1]
    if relative == "who" and joint["at"] and text[joint.end() : phrase[1]].removeprefix("the ")[:1].isupper():
        return phrase[0], joint.start()
    return joint.end(), phrase[1]


_TO_DO = regex.compile(r"(?:un)?(?:likely|sure|bound|certain|ready|set|expected|meant|supposed|poised) to \p{Ll}+\s+(?=\p{L})")
_JOINT = regex.compile(r"\s+(?:(?P<at>on|at|in|of)|for|to|from|with|by)\s+(?:both\s+)?")


def _start_of_phrase(text: str, tokens: list[tuple[int, int]]) -> int | None:
    """Walk left from the last word to where its noun phrase starts; the index of that word."""
    spelled = [text[a:b] for a, b in tokens]
    bares = [_bare(word) for word in spelled]
    i = len(tokens) - 1
    while i > 0:
        before, here = bares[i - 1], bares[i]
        if before in FINITE or before in (
            "that",
            "if",
            "because",
            "when",
            "as",
            "while",
            "but",
            "although",
            "whether",
            "who",
            "which",
            "what",
            "how",
            "why",
            "where",
            "than",
            "so",
            "after",
            "before",
            "since",
            "until",
            "though",
            "not",
            "like",
        ):
            break
        if before in WEEKDAYS or (before in OPENERS and before != "and"):
            break
        if (
            here
            in (
                "the",
                "a",
                "an",
                "his",
                "her",
                "its",
                "their",
                "some",
                "many",
                "several",
                "one",
                "two",
                "three",
                "another",
                "most",
                "both",
                "other",
                "my",
                "our",
            )
            or spelled[i][:1].isdigit()
        ):
            # A determiner starts the phrase, unless it hangs on another one: "the head of the union".
            if before in ("of", "for", "from", "at", "in", "with", "to", "by", "on") and i >= 2 and _attaches(bares, spelled, i - 1):
                i -= 2
                continue
            if before == "and" and i >= 2 and spelled[i - 2] not in CLAUSE_WORDS and i - 1 <= 4:
                i -= 2
                continue
            break
        if before in ("of", "for", "from", "at", "in", "with", "to", "on", "against", "by"):
            if i >= 2 and _attaches(bares, spelled, i - 1):
                i -= 2
                continue
            break
        if before == "and":
            if i >= 2 and is_name_word(spelled[i - 2]) == is_name_word(spelled[i]) and bares[i - 2] not in FINITE:
                i -= 2
                continue
            break
        if before in ("or", "nor", "yet"):
            break
        if spelled[i - 1] in CLAUSE_WORDS and not is_name_word(spelled[i - 1]):
            break
        if before in PRONOUNS and before not in ("her",):
            break
        if is_name_word(spelled[i]) and not is_name_word(spelled[i - 1]) and before not in LINKS and before not in DETERMINERS and _verbish(before):
            break
        if here in ("according", "asked", "told"):
            break
        i -= 1
        if len(tokens) - i > 20:
            return None
    while i < len(tokens) - 1 and (bares[i] in OPENERS or bares[i] in ("of", "for", "from", "at", "in", "with", "to", "on")):
        i += 1
    # A weekday or a clause opener in front is no part of it.
    while i < len(tokens) - 1 and bares[i] in WEEKDAYS:
        i += 1
    return i


def _verbish(word: str) -> bool:
    return word.endswith(("ed", "ing")) and word not in (
        "united",
        "armed",
        "retired",
        "elected",
        "unnamed",
        "leading",
        "outgoing",
        "ruling",
        "sitting",
        "visiting",
        "incoming",
        "appointed",
    )


def _attaches(bares: list[str], spelled: list[str], i: int) -> bool:
    """Whether the preposition at `i` hangs on a noun before it rather than on a verb or the sentence."""
    before = bares[i - 1]
    if bares[i] == "of":
        return before not in FINITE and before not in DETERMINERS
    if before in _NO_NOUN or _verbish(before):
        return False
    if i == 1 and spelled[0][:1].isupper() and bares[i] in ("in", "on", "at", "for", "from", "with", "by"):
        # "Officials in Kyiv said" but not "Earlier in Kyiv he said"; one capital word before a preposition.
        return before not in OPENERS
    return bares[i] in ("for", "in", "at", "from", "to", "with", "on")


def clause_after(text: str, position: int, end: int, *, ended: bool = False) -> Clause | None:
    """Find the clause right behind marked speech: `"...," said X` or `"...," X told Y`.

    Args:
        text: The blanked text.
        position: Behind the closing mark.
        end: Where the sentence ends.
        ended: Whether the speech ended in a full stop; the clause must then follow without any aside.

    Returns:
        The clause, or None.
    """
    inverted = _INVERTED.match(text, position, end)
    if inverted and _bare(inverted["verb"]) not in ("told", "tell", "tells", "thought", "find", "post"):
        source = source_right(text, inverted.end(), end)
        if source and not (_bare(text[slice(*source)]) in ("it", "them") and "say" not in inverted["verb"]):
            apposition = apposition_right(text, source[1], end)
            stop = apposition[1] if apposition else source[1]
            return Clause(inverted.start("verb"), stop, inverted.span("verb"), source, apposition)
    if named := _DASH_NAME.match(text, position, end):
        name_end = named.end("name") - (text[named.end("name") - 1] == ".")
        return Clause(named.start("name"), named.end(), named.span("name"), (named.start("name"), name_end))
    skip = pattern(r"[\s,—–.-]*").match(text, position, end)
    begin = skip.end() if skip else position
    for verb in verbs_in(text, begin, min(end, begin + 260))[0]:
        if BLANK in text[begin : verb.start()] or USED in text[begin : verb.start()]:
            return None
        cut = _ADVERBS_BEFORE.search(text, begin, verb.start("verb") - 1 if verb.start() > begin else begin)
        left_end = cut.start() if cut and cut.start() > begin else verb.start()
        if _PASSIVE.search(text[begin:left_end].rstrip()):
            continue
        found = source_left(text, begin, left_end)
        if found is None:
            continue
        source, apposition = found
        # The source has to start the clause, a conjunction or an adverbial aside.
        lead = text[begin : min(source[0], apposition[0] if apposition else source[0])]
        if ended and lead.strip(" ,"):
            return None
        lead = _LEADING.sub("", lead)
        if lead.strip(" ,") and not pattern(r"(?:(?:\p{L}+ly|then|later|and|but|as|which|that|where|former|the|a)\s*)+").fullmatch(lead.strip(" ,").lower()):
            if len(lead.split()) > 3:
                continue
        return Clause(source[0], verb.end(), verb.span("verb"), source, apposition)
    return None


_ANY_WORD = regex.compile(r"(?<![-\w])[a-z]+(?!\w)")
_OPENS_VERB = frozenset(form.split()[0] for form in (*CLAUSE_FORMS, *OBJECT_FORMS))


def verbs_in(text: str, start: int, end: int) -> tuple[list["regex.Match[str]"], list["regex.Match[str]"]]:
    """What `VERB.finditer` and `OBJECT.finditer` give, five times as fast: they are tried only where a word of theirs stands."""
    found: tuple[list[regex.Match[str]], list[regex.Match[str]]] = ([], [])
    for word in _ANY_WORD.finditer(text, start, end):
        if word.group() in _OPENS_VERB:
            for verb, matches in zip((VERB, OBJECT), found, strict=True):
                if (match := verb.match(text, word.start(), end)) and not (matches and matches[-1].end() > word.start()):
                    matches.append(match)
    return found


def clauses_in(text: str, start: int, end: int) -> list[Clause]:
    """Find every clause "X said" / "according to X" in a stretch of blanked text, left to right."""
    found: list[Clause] = []
    accords = any(text.find(word, start, end) >= 0 for word in ("ccording", "s per", " words", " view", "opinion", "assessment"))
    for match in _ACCORDING.finditer(text, start, end) if accords else ():
        if match["own"]:
            found.append(Clause(match.start(), match.end(), match.span("verb"), match.span("own")))
            continue
        source = source_right(text, match.end(), end)
        if source is None:
            after = pattern(r"\s+(him|her|them|me)\b").match(text, match.end(), end)
            source = after.span(1) if after else None
        if source:
            apposition = apposition_right(text, source[1], end)
            if apposition and not (text[apposition[1] : apposition[1] + 1] == "," and not _has_verb(text[slice(*apposition)])):
                apposition = None  # ", the coalition should ..." is what X says, not what X is
            found.append(Clause(match.start(), apposition[1] if apposition else source[1], match.span("verb"), source, apposition))
    for verbs in verbs_in(text, start, end):
        for verb in verbs:
            if any(c.start <= verb.start() < c.end or c.cue[0] <= verb.start() < c.cue[1] for c in found):
                continue
            near = max(start, verb.start() - 120)
            cut = _ADVERBS_BEFORE.search(text, near, max(start, verb.start() - 1))
            left_end = cut.start() if cut and cut.start() > start else verb.start()
            if _PASSIVE.search(text[near:left_end].rstrip()):
                continue
            left = source_left(text, max(start, verb.start() - 400), left_end)
            if left is None or not _agrees(text[slice(*left[0])], verb["verb"]):
                continue
            found.append(Clause(min(left[0][0], left[1][0] if left[1] else left[0][0]), verb.end(), verb.span("verb"), left[0], left[1]))
    found.sort(key=lambda clause: clause.cue[0])
    return found


def _has_verb(text: str) -> bool:
    return any(_bare(word) in FINITE for word in text.split())


def _agrees(source: str, verb: str) -> bool:
    """Whether a base form ("say", "report") has a plural or first-person subject; it may be a noun otherwise."""
    first = verb.split()[0]
    if first.endswith(("ed", "s", "ing")) or first in {"said", "told", "thought", "wrote", "swore", "felt", "found", "held", "went", "made", "spoke"}:
        return True
    last = _bare(source.split()[-1])
    head = _bare(source.split()[0])
    return (
        last in {"i", "we", "they", "you", "who", "people", "police", "others", "some", "many", "most"}
        or last.endswith("s")
        or head in {"i", "we", "they", "some", "many", "most"}
        or " and " in source
    )


def opens_content(text: str, clause: Clause, end: int) -> int | None:
    """Where the content starts behind the cue, or None if nothing is reported there.

    "said >that ...<" starts behind "that"; a verb that needs none starts at the next clause; a verb with an object
    ("called for", "urged") starts at the object.
    """
    position = clause.cue[1]
    if clause.source and clause.source[0] >= clause.cue[0]:
        position = max(position, clause.end)
    verb = text[slice(*clause.cue)].lower()
    verb = "saying" if verb.endswith(" as saying") else verb
    that = THAT.match(text, position, end)
    if that and _is_aside(that["gap"]):
        # "that" is left out, "whether" and its like belong to what is said
        return that.end() if that["that"] == "that" else that.start("that")
    if verb in ("asked", "ask") and pattern(r"\s+not\s+to\s+be\b").match(text, position, end):
        return None
    if _OBJECT_ONLY.fullmatch(verb) and verb not in ("said", "told"):
        start = _skip(text, position, end)
        if start < end and (text[start] == BLANK or pattern(r"[\p{L}\p{N}$€£]").match(text[start])):
            word = pattern(r"[\p{L}’']+").match(text[start:end])
            if word and _bare(word.group()) in ("by", "and", "but", "in", "on", "at", "as", "when", "while") and verb.split()[0] not in BARE_VERBS:
                return None
            return start
    if verb in BARE_VERBS:
        start = _skip(text, position, end)
        if verb in ("told", "tell", "tells", "assured", "reminded"):
            receiver = source_right(text, start, end)
            if receiver is None and (me := pattern(r"(?:me|us|him|her|them|reporters|journalists)\b").match(text, start, end)):
                receiver = me.span()
            start = _skip(text, receiver[1], end) if receiver else start
        start = _skip_time(text, start, end)
        if start < end and _starts_clause(text, start, end):
            return start
    return None


def _is_aside(gap: str) -> bool:
    """Whether the words between cue and "that" only say when, where and to whom."""
    gap = gap.strip(" ,")
    if not gap:
        return True
    if _NO_ASIDE.search(gap):
        return False
    return len(gap.split()) <= 14


def _skip(text: str, position: int, end: int) -> int:
    while position < end and text[position].isspace():
        position += 1
    return position


_WHEN = regex.compile(
    r"(?:,\s*)?(?:(?:on|in|during|at|late|early|last|this|to|through)\s+)?(?:(?:a|an|the|his|her|their)\s+)?"
    r"(?:(?:\p{Lu}\p{Ll}+day|yesterday|today|earlier|later|recently|again|reporters|journalists|(?:(?:news|press)\s+)?(?:statement|interview|conference|briefing|speech|post|tweet|letter)|"
    r"week|month|year|morning|afternoon|evening|night|\p{Lu}\p{Ll}+\.?\s+\d{1,2}|monday|ahead|(?:\d{4}))\b)(?:\s+(?:morning|afternoon|evening|night|week|month|year))?"
    r"(?:\s+(?:in|on|at|with|to)\s+(?:the\s+|a\s+|an\s+)?[\p{L}\p{N}.’']+(?:\s+\p{Lu}[\p{L}.’']+)*)?,?\s+"
)


def _skip_time(text: str, start: int, end: int) -> int:
    for _ in range(3):
        match = _WHEN.match(text, start, end)
        if not match:
            break
        start = match.end()
    return start


_NO_CLAUSE = frozenset("in on at during after before while when as by of for with from about and but or because to so".split())


def _starts_clause(text: str, start: int, end: int) -> bool:
    """Whether a clause with a finite verb starts here, rather than an adverbial of the reporting verb."""
    if text[start] == BLANK:
        return True
    found = words(text, start, end)
    if (at := text.find(BLANK, start, end)) >= 0 and 0 < len(words(text, start, at)) <= 12:
        return _bare(text[slice(*found[0])]) not in _NO_CLAUSE
    if len(found) < 3:
        return False
    first = _bare(text[found[0][0] : found[0][1]])
    if first in {
        "in",
        "on",
        "at",
        "during",
        "after",
        "before",
        "while",
        "when",
        "as",
        "by",
        "of",
        "for",
        "with",
        "from",
        "about",
        "and",
        "but",
        "or",
        "because",
        "to",
        "so",
        "much",
        "little",
        "more",
        "nothing",
        "goodbye",
        "something",
    } and not pattern(r",\s").search(text[start:end]):
        return first in ("by", "for", "if", "in", "at") and len(found) > 8
    return any(
        _bare(text[a:b]) in FINITE or _bare(text[a:b]).endswith(("ed", "s", "n't", "'s", "'re", "'ll", "’s", "’re", "’ll", "’t")) for a, b in found[1:14]
    )
