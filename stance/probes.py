"""Model and labelled rows -> what its labels hang on: the target, who speaks, a negation, one turned word.

Comes in: a model and the rows that `evaluate` reads. Goes out: a `ProbeReport`, each probe with its rate and examples. Each changes one
thing and looks at what the label does; behavioural tests after Ribeiro et al. 2020 (ACL), "Beyond Accuracy: ... CheckList".
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from stance.corpora import CORPUS, corpus_rows, name_of, other_targets, read_examples
from stance.errors import InputError
from stance.modeling import StanceModel, load
from stance.records import DEFAULT_MODEL, DEFAULT_TARGET, Example
from stance.reporting import ProbeReport, ProbeResult

_N_EXAMPLES = 3


def probe(
    model: str | Path | StanceModel = DEFAULT_MODEL,
    data: str | Path | Iterable[Example | Mapping[str, Any]] = CORPUS,
    *,
    split: str = "dev",
    columns: Mapping[str, str] | None = None,
    labels: Mapping[str, str] | None = None,
    target: str = DEFAULT_TARGET,
    batch_size: int = 32,
) -> ProbeReport:
    """Change one thing about each statement, and count how often its label changes.

    Args:
        model: A released name, a checkpoint folder, or a loaded `StanceModel`.
        data: `"corpus"`, a CSV, TSV, JSON or JSON Lines file, or labelled examples.
        split: `dev` or `test`, where `data` is the corpus.
        columns: Our field names to the file's.
        labels: The file's label names to ours.
        target: What the stance is about, where a row does not say. Targets are probed where it is negotiations.
        batch_size: How much is read at once, in statements of 64 tokens.

    Returns:
        The rate of each probe, with examples. Contrast pairs are probed in the corpus alone, which has them.

    Raises:
        InputError: The rows cannot be read, or there are none.
        ModelNotFoundError: There is no such model.
    """
    data = data if isinstance(data, (str, Path)) else list(data)
    rows = read_examples(data, split=split, columns=columns, labels=labels, target=target)
    if not rows:
        raise InputError("there are no rows to probe. Pass at least one labelled statement.")
    loaded = load(model, "torch")

    def ask(examples: Sequence[Example]) -> list[str]:
        return [str(found.label) for found in loaded.predict(examples, batch_size=batch_size)]

    before = ask(rows)
    taking_sides = [i for i, label in enumerate(before) if label != "neutral"]
    targets = other_targets("probe")
    reads = loaded.config
    usual = [i for i, row in enumerate(rows) if row.target == DEFAULT_TARGET] if reads.use_target else []
    speakers = list(dict.fromkeys(row.speaker for row in rows if row.speaker))
    spoken = [i for i, row in enumerate(rows) if row.speaker and len(speakers) > 1] if reads.use_speaker or reads.use_context else []
    results = [
        _turned("target masked", "labels kept", rows, before, usual, lambda i, row: replace(row, target=""), ask, _same),
        _turned("target in other words", "labels kept", rows, before, usual, _with_target(targets["same"]), ask, _same),
        _turned(
            "target unrelated", "support and oppose turned neutral", rows, before, sorted({*usual} & {*taking_sides}), _with_target(targets["other"]), ask,
            lambda old, new: new == "neutral",
        ),
        _turned(
            "another speaker", "labels kept", rows, before, spoken,
            lambda i, row: _spoken_by(row, speakers[(speakers.index(row.speaker) + 1) % len(speakers)]), ask, _same,
        ),
        _turned(
            "statement negated", "support and oppose changed", rows, before, [i for i in taking_sides if negate(rows[i].text)],
            lambda i, row: replace(row, text=negate(row.text) or row.text), ask, lambda old, new: old != new,
        ),
    ]  # fmt: skip
    if str(data) == CORPUS:
        results.append(_pairs(rows, before, split))
    name = name_of(data, split)
    return ProbeReport(loaded.name or "model", name, tuple(results))


def _same(old: str, new: str) -> bool:
    return old == new


def _with_target(targets: Sequence[str]) -> Callable[[int, Example], Example]:
    return lambda i, row: replace(row, target=targets[i % len(targets)])


def _spoken_by(row: Example, speaker: str) -> Example:
    context = re.sub(rf"(?<!\w){re.escape(row.speaker)}(?!\w)", lambda found: speaker, row.context)
    return replace(row, speaker=speaker, context=context)


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
        f"{before[i]} turned {new}: {row.text} [{row.target or 'no target'}; {row.speaker or 'no speaker'}]"
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


_AUXILIARY = re.compile(
    r"\b(?P<irregular>won['’]t|can['’]?t|cannot|shan['’]t)(?!\w)|\b(?P<short>\w+)n['’]t\b"
    r"|\b(?P<whole>is|are|was|were|will|would|can|could|should|must|has|have|had|do|does|did|may|might|am)\b(?P<no> not\b)?(?P<other> (?:no|never|none)\b)?",
    re.IGNORECASE,
)
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
    for found in _AUXILIARY.finditer(text):
        if found[0][0].isupper() and not re.fullmatch(r"|.*[.!?:;]\W*|\W*", text[: found.start()], re.DOTALL):
            continue  # a name: Will, May
        if found["other"]:
            return None  # negated already, in a way that a word does not undo
        if found["whole"]:
            verb = found["whole"] if found["no"] else f"{found['whole']} not"
        else:
            verb = found["short"] or _IRREGULAR[found["irregular"][0].lower()]
        return text[: found.start()] + verb + text[found.end() :]
    return None
