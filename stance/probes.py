"""Model and labelled rows -> what its labels hang on: the target, who speaks, a negation, one turned word.

Comes in: a model and the rows that `evaluate` reads. Goes out: a `ProbeReport`, each probe with its rate and examples. Each changes one
thing and looks at what the label does; behavioural tests after Ribeiro et al. 2020 (ACL), "Beyond Accuracy: ... CheckList".
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from stance.corpora import CORPUS, corpus_rows, other_targets, read_examples
from stance.errors import InputError
from stance.modeling import StanceModel, load
from stance.records import DEFAULT_MODEL, Example
from stance.reporting import ProbeReport, ProbeResult

_N_EXAMPLES = 3


def probe(
    model: str | Path | StanceModel = DEFAULT_MODEL,
    data: str | Path | Iterable[Example | Mapping[str, Any]] = CORPUS,
    *,
    split: str = "dev",
    columns: Mapping[str, str] | None = None,
    labels: Mapping[str, str] | None = None,
    batch_size: int = 32,
) -> ProbeReport:
    """Change one thing about each statement, and count how often its label changes.

    Args:
        model: A released name, a checkpoint folder, or a loaded `StanceModel`.
        data: `"corpus"`, a CSV, TSV, JSON or JSON Lines file, or labelled examples.
        split: `dev` or `test`, where `data` is the corpus.
        columns: Our field names to the file's.
        labels: The file's label names to ours.
        batch_size: Statements per forward pass.

    Returns:
        The rate of each probe, with examples. Contrast pairs are probed in the corpus alone, which has them.

    Raises:
        InputError: The rows cannot be read, or there are none.
        ModelNotFoundError: There is no such model.
    """
    rows = read_examples(data, split=split, columns=columns, labels=labels)
    if not rows:
        raise InputError("there are no rows to probe. Pass at least one labelled statement.")
    loaded = load(model)

    def ask(examples: Sequence[Example]) -> list[str]:
        return [str(found.label) for found in loaded.predict(examples, batch_size=batch_size)]

    before = ask(rows)
    taking_sides = [i for i, label in enumerate(before) if label != "neutral"]
    targets = other_targets("probe")
    everything = range(len(rows))
    speakers = list(dict.fromkeys(row.speaker for row in rows if row.speaker))
    results = [
        _turned("target masked", "labels kept", rows, before, everything, _with_target(lambda i: ""), ask, lambda old, new: old == new),
        _turned(
            "target in other words", "labels kept", rows, before, everything, _with_target(_nth(targets["same"])), ask, lambda old, new: old == new
        ),
        _turned(
            "target unrelated", "support and oppose turned neutral", rows, before, taking_sides, _with_target(_nth(targets["other"])), ask,
            lambda old, new: new == "neutral",
        ),
        _turned(
            "another speaker", "labels kept", rows, before, [i for i in everything if rows[i].speaker and len(speakers) > 1],
            lambda i, row: _spoken_by(row, speakers[(speakers.index(row.speaker) + 1) % len(speakers)]), ask, lambda old, new: old == new,
        ),
        _turned(
            "statement negated", "support and oppose changed", rows, before, [i for i in taking_sides if negate(rows[i].text)],
            lambda i, row: replace(row, text=negate(row.text) or row.text), ask, lambda old, new: old != new,
        ),
    ]  # fmt: skip
    if str(data) == CORPUS:
        results.append(_pairs(rows, before, split))
    name = f"{CORPUS}, {split}" if str(data) == CORPUS else str(data) if isinstance(data, (str, Path)) else "the given examples"
    return ProbeReport(loaded.name or "model", name, tuple(results))


def _nth(targets: Sequence[str]) -> Callable[[int], str]:
    return lambda i: targets[i % len(targets)]


def _with_target(target: Callable[[int], str]) -> Callable[[int, Example], Example]:
    return lambda i, row: replace(row, target=target(i))


def _spoken_by(row: Example, speaker: str) -> Example:
    return replace(row, speaker=speaker, context=row.context.replace(row.speaker, speaker))


def _turned(
    name: str,
    counted: str,
    rows: Sequence[Example],
    before: Sequence[str],
    which: Iterable[int],
    change: Callable[[int, Example], Example],
    ask: Callable[[Sequence[Example]], list[str]],
    good: Callable[[str, str], bool],
) -> ProbeResult:
    """Change some rows, ask again and count what came out as it should."""
    which = list(which)
    changed = [change(i, rows[i]) for i in which]
    after = ask(changed) if changed else []
    hits = [good(before[i], new) for i, new in zip(which, after, strict=True)]
    missed = [
        f"{before[i]} -> {new}: {row.text} [{row.target or 'no target'}; {row.speaker or 'no speaker'}]"
        for i, new, row, hit in zip(which, after, changed, hits, strict=True)
        if not hit
    ]
    return ProbeResult(name, counted, len(which), sum(hits), tuple(missed[:_N_EXAMPLES]))


def _pairs(rows: Sequence[Example], before: Sequence[str], split: str) -> ProbeResult:
    """Contrast pairs: two statements that differ in a few words and in their label."""
    place = {row.id: i for i, row in enumerate(rows)}
    pairs = {tuple(sorted((row["id"], row["twin"]))) for row in corpus_rows()[split] if row.get("twin") in place}
    right, missed = 0, []
    for one, other in sorted(pairs):
        a, b = place[one], place[other]
        if before[a] == rows[a].label and before[b] == rows[b].label:
            right += 1
        else:
            missed.append(f"{rows[a].label} called {before[a]}: {rows[a].text} / {rows[b].label} called {before[b]}: {rows[b].text}")
    return ProbeResult("contrast pairs", "both twins right", len(pairs), right, tuple(missed[:_N_EXAMPLES]))


_AUXILIARY = re.compile(r"\b(is|are|was|were|will|would|can|could|should|must|has|have|had|do|does|did|may|might|am)\b(?P<no> not\b)?", re.IGNORECASE)
_SHORT = re.compile(r"\b(?:(?P<irregular>won['’]t|can['’]?t|cannot|shan['’]t)|(?P<verb>\w+)n['’]t)\b", re.IGNORECASE)
_IRREGULAR = {"w": "will", "c": "can", "s": "shall"}


def negate(text: str) -> str | None:
    """Negate a statement at its first auxiliary verb, or take its negation away.

    Args:
        text: A statement.

    Returns:
        The negated statement, or None where it has no auxiliary verb.

    Example:
        >>> negate("We will talk to them."), negate("We won't talk to them.")
        ('We will not talk to them.', 'We will talk to them.')
    """
    short, whole = _SHORT.search(text), _AUXILIARY.search(text)
    if short and not (whole and whole.start() < short.start()):
        verb = _IRREGULAR[short["irregular"][0].lower()] if short["irregular"] else short["verb"]
        return text[: short.start()] + verb + text[short.end() :]
    if not whole:
        return None
    kept = whole[1] if whole["no"] else f"{whole[1]} not"
    return text[: whole.start()] + kept + text[whole.end() :]
