"""Figures: what is drawn is what the report holds, with titles and axes, and files come whole."""

import numpy as np
import pytest

pytest.importorskip("matplotlib", reason="the extra report is not installed")

from stance import figures
from stance.errors import InputError, MissingExtraError
from stance.labels import LABELS
from stance.metrics import risk_coverage, score
from stance.reporting import EvaluationReport
from stance.shares import Share, Shares

DRAW = np.random.default_rng(4)
GOLD, PROB = DRAW.integers(3, size=120), DRAW.dirichlet([1, 1, 1], size=120)
METRICS = {**score(GOLD, PROB), "risk_coverage": risk_coverage(GOLD, PROB)}
SLICES = {"kind": {name: {**score(GOLD[rows], PROB[rows]), "interval": [0.1, 0.6]} for name, rows in (("direct", slice(0, 80)), ("mixed", slice(80, 120)))}}
REPORT = EvaluationReport("some-model", "some rows", METRICS, {}, {}, 120, True, {}, SLICES)


def rows(by, groups, corrected=True):
    found = [0.5, 0.3, 0.2] if corrected else [None] * 3
    bounds = [(0.4, 0.6), (0.2, 0.4), (0.1, 0.3)] if corrected else [(None, None)] * 3
    return Shares(by, tuple(Share(g, LABELS[k], 10, 2, 0.4, found[k], *bounds[k]) for g in groups for k in range(3)))


EVERY = {
    "confusion": REPORT.plot_confusion,
    "reliability": REPORT.plot_reliability,
    "risk": REPORT.plot_risk_coverage,
    "slices": lambda: REPORT.plot_slices("kind"),
    "shares": lambda: figures.plot_shares(rows("speaker", [r"Ann $\\foo$", "Bo"]), r"Speakers $\\bar$"),
    "months": lambda: figures.plot_shares(rows("month", ["2026-02", "2026-01", "(unknown)"]), "Months"),
    "raw": lambda: figures.plot_shares(rows("outlet", ["Herald"], corrected=False), "Outlets"),
    "learning": lambda: figures.plot_learning_curve([{"n_examples": 10, "macro_f1": 0.5}, {"n_examples": 20, "macro_f1": 0.6}], "Curve"),
}


@pytest.mark.parametrize("name", EVERY)
def test_titles_and_axes_are_complete_and_files_come_whole(name, tmp_path):
    figure = EVERY[name]()
    axes = figure.axes[0]
    assert axes.get_title() and axes.get_xlabel() and axes.get_ylabel()
    svg, png = figures.save(figure, tmp_path / name)
    assert svg.read_text(encoding="utf-8").rstrip().endswith("</svg>") and png.read_bytes().startswith(b"\x89PNG")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([f"{name}.svg", f"{name}.png"])
    assert figure._repr_png_().startswith(b"\x89PNG")


def test_the_confusion_matrix_shows_its_counts():
    drawn = [text.get_text().split("\n")[0] for text in REPORT.plot_confusion().axes[0].texts]
    assert drawn == [str(n) for row in METRICS["confusion"] for n in row]


def test_the_curves_are_those_of_the_report():
    line = REPORT.plot_risk_coverage().axes[0].lines[0]
    assert line.get_ydata() == pytest.approx([100 * risk for risk in METRICS["risk_coverage"]["risk"]])
    line = REPORT.plot_reliability().axes[0].lines[1]
    assert line.get_ydata() == pytest.approx([b["accuracy"] for b in METRICS["reliability"]])


def test_months_stand_in_their_order_and_what_has_no_date_is_left_out():
    axes = EVERY["months"]().axes[0]
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["2026-01 (10)", "2026-02 (10)"]


def test_slices_that_were_not_asked_for_are_named():
    with pytest.raises(InputError, match=r"no slices by 'outlet' \(it has kind\)\. Pass slices=\['outlet'\] to stance\.evaluate\.$"):
        REPORT.plot_slices("outlet")


def test_without_matplotlib_the_extra_is_named(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"pip install 'negotiation-stance\[report\]'$"):
        REPORT.plot_confusion()
