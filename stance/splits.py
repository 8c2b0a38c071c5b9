"""Examples -> train and dev, and the checks that nothing leaks between them.

Comes in: examples. Goes out: two lists that share no matter (where matters are known) and no text. Seeded, so that
the same examples and seed give the same split.
"""

import random
import re
from collections import defaultdict
from collections.abc import Sequence

from stance.errors import SplitLeakError
from stance.records import Example


def split_examples(examples: Sequence[Example], share: float, seed: int) -> tuple[list[Example], list[Example]]:
    """Split examples into train and dev, whole matters (or texts, where there is none) at a time.

    Args:
        examples: At least two.
        share: Of the examples that dev should hold, about.
        seed: Of the shuffle.

    Returns:
        (train, dev), neither empty.

    Raises:
        SplitLeakError: All examples are of one matter, so that no honest split exists.
    """
    first_with_text: dict[str, str] = {}
    joined: dict[str, str] = {}

    def root(key: str) -> str:
        while joined.get(key, key) != key:
            key = joined[key]
        return key

    for example in examples:  # matters that share a text stay together
        key, text = example.matter or normalize(example.text), normalize(example.text)
        other = root(first_with_text.setdefault(text, key))
        joined[root(key)] = other
    groups: dict[str, list[Example]] = defaultdict(list)
    for example in examples:
        groups[root(example.matter or normalize(example.text))].append(example)
    if len(groups) < 2:
        raise SplitLeakError(f"all {len(examples)} examples are of one matter. Name a dev file in data.dev.")
    keys = sorted(groups)
    random.Random(seed).shuffle(keys)
    dev: list[Example] = []
    while len(keys) > 1 and len(dev) < max(1, share * len(examples)):
        dev.extend(groups[keys.pop()])
    return [example for key in keys for example in groups[key]], dev


def check_no_leak(train: Sequence[Example], other: Sequence[Example], name: str = "dev") -> None:
    """Raise if two splits share a matter or a text.

    Args:
        train: One side.
        other: The other.
        name: What the other side is called in the message.

    Raises:
        SplitLeakError: They do; the message names the first matter or text.
    """
    matters = {example.matter for example in train if example.matter} & {example.matter for example in other if example.matter}
    if matters:
        raise SplitLeakError(f"train and {name} share {len(matters)} matters, such as {min(matters)!r}. Keep each matter on one side.")
    texts = {normalize(example.text) for example in train}
    shared = [example for example in other if normalize(example.text) in texts]
    if shared:
        raise SplitLeakError(f"train and {name} share {len(shared)} texts, such as {shared[0].text[:60]!r}. Remove them from one side.")


def normalize(text: str) -> str:
    """Return a text with case, marks and spacing taken away, for comparing."""
    return " ".join(re.findall(r"\w+", text.lower()))
