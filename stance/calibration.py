"""Dev logits -> a temperature that makes probabilities honest.

Comes in: logits and gold labels of held-out examples. Goes out: a `Calibration`, stored with the checkpoint as
`calibration.json` and applied by every prediction. One temperature for all labels: Guo et al. 2017 (ICML), "On
Calibration of Modern Neural Networks"; it never changes which label is most probable.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stance.errors import BrokenCheckpointError
from stance.records import Record

FILE = "calibration.json"


@dataclass(frozen=True, slots=True)
class Calibration(Record):
    """How to turn logits into probabilities.

    Attributes:
        temperature: Logits are divided by it.
        n_examples: How many held-out examples it was fitted on.
    """

    temperature: float
    n_examples: int

    def probabilities(self, logits: ArrayLike) -> NDArray[np.float64]:
        """Return probabilities, shape (n_examples, n_labels), of logits of the same shape."""
        return softmax(np.asarray(logits, dtype=float) / self.temperature)

    def save(self, folder: Path) -> None:
        """Write `calibration.json` into a checkpoint folder."""
        (folder / FILE).write_text(json.dumps(self.to_dict(), indent=1) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> "Calibration | None":
        """Read `calibration.json` of a checkpoint folder; None where there is none."""
        path = folder / FILE
        if not path.exists():
            return None
        try:
            found = cls.from_dict(json.loads(path.read_text(encoding="utf-8")))
            if not found.temperature > 0:
                raise ValueError(f"temperature is {found.temperature}")
        except (ValueError, TypeError) as error:
            raise BrokenCheckpointError(folder, f"{FILE} is broken ({error}). Remove it to go without calibration.") from error
        return found


def fit_temperature(logits: ArrayLike, y_true: ArrayLike) -> Calibration:
    """Fit the temperature that gives held-out labels the highest likelihood.

    Args:
        logits: Shape (n_examples, n_labels).
        y_true: Gold labels, shape (n_examples,).

    Returns:
        The calibration; its temperature lies between 0.05 and 20.
    """
    from scipy.optimize import minimize_scalar

    z, y = np.asarray(logits, dtype=float), np.asarray(y_true)

    def loss(log_temperature: float) -> float:
        scaled = z / np.exp(log_temperature)
        peak = scaled.max(axis=1)
        normalizer = peak + np.log(np.exp(scaled - peak[:, None]).sum(axis=1))
        return float(np.mean(normalizer - scaled[np.arange(len(y)), y]))

    best = minimize_scalar(loss, bounds=(np.log(0.05), np.log(20.0)), method="bounded")
    return Calibration(float(np.exp(best.x)), len(y))


def softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Softmax over the last axis."""
    exponent = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(exponent / exponent.sum(axis=-1, keepdims=True))
