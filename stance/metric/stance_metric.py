"""The scores of this library as a module for `evaluate`, loaded from its file and so without a network.

`evaluate.load(str(path_to_this_file))` gives it; the numbers are those of `stance.metrics.score`.
Its imports stand one to a line, since the parser of `evaluate` reads them so.
"""

import datasets
import evaluate
import numpy as np

from stance.labels import LABELS
from stance.metrics import score

_DESCRIPTION = "Macro-F1 over support, oppose and neutral, with accuracy, calibration error and F1 per label."
_CITATION = ""
_INPUTS = """
Args:
    predictions: Probabilities, one row of three per example, in the order support, oppose, neutral.
    references: Gold labels as 0, 1, 2 in the same order.
"""


@evaluate.utils.file_utils.add_start_docstrings(_DESCRIPTION, _INPUTS)
class StanceMetric(evaluate.Metric):
    """Wraps `stance.metrics.score`."""

    def _info(self) -> evaluate.MetricInfo:
        return evaluate.MetricInfo(
            description=_DESCRIPTION,
            citation=_CITATION,
            inputs_description=_INPUTS,
            features=datasets.Features({"predictions": datasets.Sequence(datasets.Value("float64")), "references": datasets.Value("int64")}),
        )

    def _compute(self, predictions: list[list[float]], references: list[int]) -> dict[str, float]:
        found = score(np.asarray(references), np.asarray(predictions))
        flat = {name: found[name] for name in ("macro_f1", "f1_support_oppose", "accuracy", "ece", "brier")}
        return {**flat, **{f"f1_{label}": found["per_label"][label]["f1"] for label in LABELS}}
