"""Annotated articles -> how well statements and their speakers are found in them.

Comes in: articles with attributions (`learning.read_articles`) and an extractor. Goes out: a `QuoteReport`. What counts:

- A gold statement is an attribution with content and source whose cue speaks or writes; beliefs, plans and votes are neutral ground.
- Its kind is read from quotation marks: direct (every word inside), mixed (some), indirect (none).
- A prediction belongs to the gold statement with which it shares most words; several at one statement are taken together. It is found
  where the words' intersection over union is 0.8 (direct) or 0.5 (mixed, indirect) or more, and exact at 0.95.
- A direct prediction on nothing annotated is a scare-quote error. One that lies inside a found statement, or mostly on neutral
  ground, is neither right nor wrong.
- The speaker is right as mentioned where the mention overlaps the annotated source or bears its name, and as resolved where the source is
  a pronoun or a role and the answer a name that stands in the article before it. The latter is generous: nobody checked who it is.
"""

import json
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import regex

from stance.environment import describe_environment
from stance.errors import InputError
from stance.quotes.extract import Extractor, extract_quotes, load_extractor
from stance.quotes.learning import AnnotatedArticle, read_articles, span_scores
from stance.quotes.lexicon import DETERMINERS, POSSESSIVES, PRONOUNS, REPORTING_WORDS
from stance.quotes.marks import find_marked
from stance.quotes.passages import words_inside
from stance.quotes.tagger import ROLES
from stance.records import Kind, Quote

KINDS: tuple[Kind, ...] = ("direct", "mixed", "indirect")
THRESHOLDS = {"direct": 0.8, "mixed": 0.5, "indirect": 0.5}
EXACT = 0.95
_MIN_INDIRECT = 3  # words
_NEUTRAL_CUES = frozenset(
    """believe believes believed think thinks thought hope hopes hoped fear fears feared feel feels felt find finds found learn learns
learned expect expects expected understand understands wonder wonders wondered agree agrees agreed""".split()
)
_WORD = regex.compile(r"\w+(?:['’]\w+)*(?:[.&]\w+)*")
_GROUPS: dict[str, tuple[Kind, ...]] = {
    "direct": ("direct",),
    "mixed": ("mixed",),
    "indirect": ("indirect",),
    "indirect and mixed": ("mixed", "indirect"),
    "all": KINDS,
}


@dataclass
class _Gold:
    words: set[int]
    kind: Kind
    source: str
    source_words: set[int]
    cue_words: set[int]
    place: int
    iou: float = 0.0
    speaker: str = "none"


@dataclass
class _Found:
    words: set[int]
    quote: Quote
    gold: _Gold | None = None
    iou: float = 0.0
    verdict: str = ""


@dataclass(frozen=True)
class QuoteReport:
    """How well statements and speakers are found.

    Attributes:
        data: Where the articles come from.
        figures: By group of kinds: `precision`, `recall`, `f1` with a 95 % bootstrap interval over articles, `exact_f1`, `speaker_mentioned` and
            `speaker_right` (shares of the statements found), `attribution_f1` and `named_f1` (content and speaker right; named: a pronoun left as a
            pronoun is wrong). Beside them `tokens`, `spans` (of a tagger alone), `n_scare`, `articles_per_second`.
        environment: Versions and machine.
    """

    data: str
    figures: dict[str, Any]
    environment: dict[str, str]

    def to_json(self, indent: int | None = 2) -> str:
        """Return the report as JSON."""
        return json.dumps({"data": self.data, **self.figures, "environment": self.environment}, indent=indent)

    def to_markdown(self) -> str:
        """Return the report as Markdown."""
        f = self.figures
        lines = [
            f"# Quotes in {self.data}",
            "",
            f"{f['n_articles']} articles, {f['n_statements']} statements, in percent; 95 % intervals by bootstrap over articles.",
            "",
            "| statements | precision | recall | F1 | exact F1 | speaker as mentioned | speaker right | attribution F1 | named |",
            "|---|---|---|---|---|---|---|---|---|",
        ]
        for group in _GROUPS:
            g = f["groups"][group]
            low, high = g["interval"]
            cells = [g[name] for name in ("exact_f1", "speaker_mentioned", "speaker_right", "attribution_f1", "named_f1")]
            lines.append(
                f"| {group} ({g['n_gold']}) | {100 * g['precision']:.1f} | {100 * g['recall']:.1f} | {100 * g['f1']:.1f} ({100 * low:.1f}-{100 * high:.1f}) | "
                + " | ".join(f"{100 * cell:.1f}" for cell in cells)
                + " |"
            )
        lines += ["", "| of words | precision | recall | F1 |", "|---|---|---|---|"]
        lines += [_row(role, scores, "") for role, scores in f["tokens"].items()]
        if f["spans"]:
            lines += ["", "| of the tagger's exact spans | precision | recall | F1 |", "|---|---|---|---|"]
            lines += [_row(role, f["spans"], f"{role}_") for role in ROLES]
        lines += ["", f"{f['n_scare']} scare quotes taken for statements. {f['articles_per_second']:.1f} articles a second.", ""]
        lines += [", ".join(f"{key} {value}" for key, value in self.environment.items()) + "."]
        return "\n".join(lines) + "\n"


def _row(title: str, scores: dict[str, float], prefix: str) -> str:
    return f"| {title} | " + " | ".join(f"{100 * scores[prefix + name]:.1f}" for name in ("precision", "recall", "f1")) + " |"


def evaluate_quotes(data: str | Path | Sequence[AnnotatedArticle], *, extractor: Extractor = "auto", n_resamples: int = 1000, seed: int = 0) -> QuoteReport:
    """Score an extractor on annotated articles.

    Args:
        data: A JSON Lines file as `stance train configs/quotes.yaml` reads it, or articles.
        extractor: As `extract_quotes` takes it.
        n_resamples: Of the bootstrap over articles.
        seed: Of the bootstrap.

    Returns:
        The report.

    Raises:
        InputError: The file cannot be read as annotated articles.
    """
    articles = read_articles(data) if isinstance(data, (str, Path)) else list(data)
    if not articles:
        raise InputError("found no article, expected at least one. Pass annotated articles.")
    tagger = load_extractor(extractor)
    started = time.perf_counter()
    extracted = [extract_quotes(article.text, extractor=tagger or "rules") for article in articles]
    seconds = time.perf_counter() - started
    counts = [_count(article, quotes) for article, quotes in zip(articles, extracted, strict=True)]
    total = sum(counts, Counter())
    rng = np.random.default_rng(seed)
    draws: list[Counter[Any]] = [sum((counts[i] for i in rng.integers(0, len(counts), len(counts))), Counter()) for _ in range(n_resamples)]
    groups = {}
    for name, kinds in _GROUPS.items():
        f1s = [_scores(draw, kinds)["f1"] for draw in draws]
        groups[name] = {**_scores(total, kinds), "interval": [float(q) for q in np.quantile(f1s, [0.025, 0.975])]}
    figures = {
        "n_articles": len(articles),
        "n_statements": groups["all"]["n_gold"],
        "groups": groups,
        "tokens": {role: _prf(total["right", role], total["found", role], total["gold", role]) for role in ROLES},
        "spans": span_scores(articles, tagger) if tagger else {},
        "n_scare": total["scare"],
        "articles_per_second": len(articles) / seconds,
    }
    return QuoteReport(str(data) if isinstance(data, (str, Path)) else f"{len(articles)} articles", figures, describe_environment())


def _count(article: AnnotatedArticle, quotes: Sequence[Quote]) -> Counter[Any]:
    """Everything that is added up over articles."""
    text = article.text
    spans = [match.span() for match in _WORD.finditer(text)]

    def inside(ranges: Iterable[tuple[int, int]]) -> set[int]:
        return {i for start, end in ranges for i in words_inside(spans, start, end)}

    quoted = inside((m.start, m.end) for m in find_marked(text))
    golds, neutral = [], set[int]()
    for attribution in article.attributions:
        words = inside(attribution["content"])
        if not words:
            continue
        kind: Kind = "indirect" if not words & quoted else "direct" if words <= quoted else "mixed"
        cue = " ".join(text[a:b] for a, b in attribution["cue"])
        if attribution["source"] and _speaks(cue, kind, len(words)):
            source = " ".join(text[a:b] for a, b in attribution["source"])
            golds.append(_Gold(words, kind, source, inside(attribution["source"]), inside(attribution["cue"]), attribution["source"][0][0]))
        else:
            neutral |= words
    founds = [_Found(words, quote) for quote in quotes if (words := inside((part.start, part.end) for part in quote.parts))]
    _match(golds, founds, neutral, text, inside)

    counts: Counter[Any] = Counter()
    for gold in golds:
        counts["gold", gold.kind] += 1
        if gold.iou >= THRESHOLDS[gold.kind]:
            counts["hit", gold.kind] += 1
            counts["exact", gold.kind] += gold.iou >= EXACT
            counts["mentioned", gold.kind] += gold.speaker == "mentioned"
            counts["speaker", gold.kind] += gold.speaker != "none"
            counts["named", gold.kind] += gold.speaker == "resolved" or (gold.speaker == "mentioned" and not _is_pronoun(gold.source))
    for found in founds:
        kind = found.quote.kind
        counts["true", kind] += found.verdict == "true"
        counts["exactly", kind] += found.verdict == "true" and found.gold is not None and found.gold.iou >= EXACT
        counts["false", kind] += found.verdict in ("false", "scare")
        counts["scare"] += found.verdict == "scare"
    gold_content, gold_source = set().union(*(g.words for g in golds)), set().union(*(g.source_words for g in golds))
    content = set().union(*(f.words for f in founds)) - (neutral - gold_content)
    said_by = inside((q.speaker.mention.start, q.speaker.mention.end) for q in quotes if q.speaker and q.speaker.mention)
    gold_cue, reporting = set().union(*(g.cue_words for g in golds)), inside(place for q in quotes if (place := _place_of_cue(text, q)))
    for role, annotated, given in (("source", gold_source, said_by), ("cue", gold_cue, reporting), ("content", gold_content, content)):
        counts["right", role] += len(annotated & given)
        counts["found", role] += len(given)
        counts["gold", role] += len(annotated)
    return counts


def _place_of_cue(text: str, quote: Quote) -> tuple[int, int] | None:
    """Where the reporting words of a quote stand: their nearest occurrence outside it, since a quote has them as text alone."""
    if not quote.cue:
        return None
    low, high = max(0, quote.start - 600), quote.end + 600
    starts = [m.start() for m in regex.finditer(regex.escape(quote.cue), text, pos=low, endpos=min(len(text), high))]
    starts = [a for a in starts if not any(part.start <= a < part.end for part in quote.parts)]
    near = quote.speaker.mention.start if quote.speaker and quote.speaker.mention else quote.end
    best = min(starts, key=lambda a: abs(a - near), default=None)
    return None if best is None else (best, best + len(quote.cue))


def _match(golds: list[_Gold], founds: list[_Found], neutral: set[int], text: str, inside: Any) -> None:  # noqa: ANN401
    """Give every prediction its gold statement and verdict, and every gold statement its speaker."""
    members: dict[int, list[_Found]] = defaultdict(list)
    for found in founds:
        other = {"direct": "indirect", "indirect": "direct"}.get(found.quote.kind)
        shares = [(len(found.words & gold.words), _iou(found.words, gold.words), i) for i, gold in enumerate(golds) if gold.kind != other]
        n, iou, i = max(shares, default=(0, 0.0, -1))
        if n:
            found.gold, found.iou = golds[i], iou
            members[i].append(found)
    for i, group in members.items():
        gold, union = golds[i], set[int]()
        group.sort(key=lambda found: -found.iou)
        chosen: list[_Found] = []
        for found in group:
            if not chosen or _iou(union | found.words, gold.words) > _iou(union, gold.words):
                union |= found.words
                chosen.append(found)
        gold.iou = _iou(union, gold.words)
        if gold.iou >= THRESHOLDS[gold.kind]:
            for found in chosen:
                found.verdict = "part"
            chosen[0].verdict = "true"
            speaker = next((f.quote for f in chosen if f.quote.speaker), chosen[0].quote)
            gold.speaker = _compare(gold, speaker, text, inside)
    claimed = set().union(*(gold.words for gold in golds))
    for found in founds:
        if found.verdict:
            continue
        near, n = found.gold, len(found.words)
        on_neutral = len(found.words & (neutral - claimed)) / n
        within = near is not None and len(found.words & near.words) >= 0.8 * n
        if near and within and near.iou >= THRESHOLDS[near.kind]:
            found.verdict = "false" if found.iou >= THRESHOLDS[near.kind] else "inside"
        elif near and within and found.quote.kind == "direct" != near.kind:
            found.verdict = "inside"
        elif on_neutral >= 0.5 or (found.quote.kind == "direct" and on_neutral and not near):
            found.verdict = "neutral"
        else:
            found.verdict = "scare" if found.quote.kind == "direct" and not near else "false"


def _compare(gold: _Gold, quote: Quote, text: str, inside: Any) -> str:  # noqa: ANN401
    """Whether the speaker is right: `mentioned`, `resolved` or `none`."""
    speaker = quote.speaker
    if speaker is None or not str(speaker):
        return "none"
    name = str(speaker)
    mention = inside([(speaker.mention.start, speaker.mention.end)]) if speaker.mention else set()
    nameless = _is_pronoun(gold.source) or not any(word[:1].isupper() for word in _heads(gold.source))
    if name == (speaker.mention.text if speaker.mention else None) and mention & gold.source_words:
        return "mentioned"
    if {word.lower() for word in _heads(name)} & {word.lower() for word in _heads(gold.source)}:
        return "mentioned"
    last = _heads(name)[-1:] or [""]
    if nameless and last[0][:1].isupper() and regex.search(rf"\b{regex.escape(last[0])}\b", text[: gold.place]):
        return "resolved" if mention & gold.source_words or _is_pronoun(gold.source) else "none"
    return "none"


def _heads(phrase: str) -> list[str]:
    """The last word of a noun phrase in front of its first comma or preposition, and of each that "and" joins to it."""
    front = regex.split(r",|\s(?:who|which|of|for|at|in|from|with|on|to|by)\s|\(", phrase)[0]
    parts = [regex.findall(r"[\p{L}\p{N}][\p{L}\p{N}.'’-]*", part) for part in regex.split(r"\s(?:and|or)\s", front)]
    return [regex.sub(r"['’]s?$", "", part[-1]) for part in parts if part]


def _is_pronoun(source: str) -> bool:
    words = regex.findall(r"\p{L}+", source.lower())
    return bool(words) and all(word in PRONOUNS | POSSESSIVES | DETERMINERS | {"which", "that", "whose"} for word in words)


def _speaks(cue: str, kind: Kind, n_words: int) -> bool:
    if kind == "direct":
        return True
    words = set(regex.findall(r"\p{L}+", cue.lower()))
    if kind == "mixed":
        return not words or not words <= _NEUTRAL_CUES
    return n_words >= _MIN_INDIRECT and bool(words & (REPORTING_WORDS - _NEUTRAL_CUES))


def _iou(left: set[int], right: set[int]) -> float:
    return len(left & right) / len(left | right) if left or right else 0.0


def _prf(right: int, found: int, gold: int) -> dict[str, float]:
    return {"precision": right / max(1, found), "recall": right / max(1, gold), "f1": 2 * right / max(1, found + gold)}


def _f1(precision: float, recall: float) -> float:
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def _scores(c: Counter[Any], kinds: tuple[Kind, ...]) -> dict[str, Any]:
    """Recall over gold statements of these kinds, precision over predictions of these kinds."""

    def n(what: str) -> int:
        return sum(c[what, kind] for kind in kinds)

    gold, hit, true, base = max(1, n("gold")), n("hit"), n("true"), max(1, n("true") + n("false"))
    right, named = n("speaker") / max(1, hit), n("named") / max(1, hit)
    return {
        "n_gold": n("gold"),
        "precision": true / base,
        "recall": hit / gold,
        "f1": _f1(true / base, hit / gold),
        "exact_f1": _f1(n("exactly") / base, n("exact") / gold),
        "speaker_mentioned": n("mentioned") / max(1, hit),
        "speaker_right": right,
        "attribution_f1": _f1(true * right / base, hit * right / gold),
        "named_f1": _f1(true * named / base, hit * named / gold),
    }
