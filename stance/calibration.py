"""Dev logits -> a temperature that makes probabilities honest, and how sure one has to be to keep to a risk.

Comes in: logits and gold labels of held-out examples. Goes out: a `Calibration`, stored with the checkpoint as
`calibration.json` and applied by every prediction. One temperature for all labels: Guo et al. 2017 (ICML), "On
Calibration of Modern Neural Networks"; it never changes which label is most probable.
"""

import json
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stance.errors import BrokenCheckpointError, InputError
from stance.records import Record

FILE = "calibration.json"


@dataclass(frozen=True, slots=True)
class Calibration(Record):
    """How to turn logits into probabilities.

    Attributes:
        temperature: Logits are divided by it.
        n_examples: How many held-out examples it was fitted on.
        thresholds: Risk (share of wrong labels among those given, as text) -> the lowest confidence from which on it was
            not exceeded on the held-out examples; 2 where no confidence was high enough.
        confusion: Held-out examples by label (rows) and by what the model called them (columns), in the order of `LABELS`;
            real ones alone where training held some out, since shares in real text are corrected by it. [] where unknown.
    """

    temperature: float
    n_examples: int
    thresholds: dict[str, float] = field(default_factory=dict)
    confusion: list[list[int]] = field(default_factory=list)

    def threshold(self, max_risk: float) -> float:
        """The confidence that keeps to a risk: that of the highest fitted level which is no higher.

        Raises:
            InputError: The checkpoint has no thresholds, or `max_risk` lies below every one.
        """
        fitted = {float(risk): confidence for risk, confidence in self.thresholds.items()}
        kept = [risk for risk in fitted if risk <= max_risk + 1e-9]
        if not kept:
            known = ", ".join(map(str, sorted(fitted))) or "none"
            raise InputError(
                f"max_risk is {max_risk}, and the model's calibration.json has no threshold so low (it has {known}). Use min_confidence, or a higher risk."
            )
        return fitted[max(kept)]

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
    calibration = Calibration(float(np.exp(best.x)), len(y))
    return replace(calibration, thresholds=fit_thresholds(calibration.probabilities(z), y))


RISKS = (0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3)
_FEWEST = 20  # labels given, below which a share of wrong ones says nothing


def fit_thresholds(y_prob: ArrayLike, y_true: ArrayLike) -> dict[str, float]:
    """Find for each of `RISKS` the lowest confidence from which on no more than that share of the labels is wrong.

    Args:
        y_prob: Probabilities, shape (n_examples, n_labels).
        y_true: Gold labels, shape (n_examples,).

    Returns:
        Risk as text -> confidence; 2 where none will do.
    """
    prob, true = np.asarray(y_prob, dtype=float), np.asarray(y_true)
    confidence, wrong = prob.max(axis=1), prob.argmax(axis=1) != true
    order = np.argsort(-confidence, kind="stable")
    risk = np.cumsum(wrong[order]) / np.arange(1, len(order) + 1)
    ends = np.append(confidence[order][1:] < confidence[order][:-1], True)  # equal confidences stand or fall together
    found = {}
    for level in RISKS:
        good = np.flatnonzero((risk <= level) & ends & (np.arange(1, len(order) + 1) >= _FEWEST))
        found[str(level)] = float(confidence[order][good[-1]]) if len(good) else 2.0
    return found


def softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Softmax over the last axis."""
    exponent = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(exponent / exponent.sum(axis=-1, keepdims=True))
