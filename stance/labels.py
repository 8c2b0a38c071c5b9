"""The three labels: their names, their order, and how a foreign label is turned into one of them.

Comes in: any string a file or checkpoint calls a label. Goes out: one of `LABELS`.
The order is fixed, since row i of every logit, probability and confusion matrix is `LABELS[i]`.
What the labels mean is said in `docs/annotation-guidelines.md`.
"""

from collections.abc import Mapping
from typing import Literal, get_args

Label = Literal["support", "oppose", "neutral"]

LABELS: tuple[Label, ...] = get_args(Label)
LABEL_TO_ID: dict[str, int] = {label: i for i, label in enumerate(LABELS)}


def normalize_label(found: object, mapping: Mapping[str, str] | None = None) -> Label | None:
    """Turn what a file calls a label into one of ours, or None if it is none of them.

    Args:
        found: The value as read.
        mapping: Names used in the file, to ours, such as `{"Favour": "support"}`.

    Returns:
        The label, or None.
    """
    name = str(found).strip()
    name = (mapping or {}).get(name, name).lower()
    return name if name in LABEL_TO_ID else None  # type: ignore[return-value]
