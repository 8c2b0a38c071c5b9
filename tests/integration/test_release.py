"""The released model is there, works offline, and its card holds what was measured."""

import json
from importlib.resources import files
from pathlib import Path

import stance
from stance.labels import LABELS

WEIGHTS = Path(str(files("stance") / "weights"))


def test_transformers_loads_it_with_labels_by_name():
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    network = AutoModelForSequenceClassification.from_pretrained(WEIGHTS)
    assert tuple(network.config.id2label.values()) == LABELS
    assert AutoTokenizer.from_pretrained(WEIGHTS)("We will talk.", "negotiations")["input_ids"]


def test_it_is_small_enough_and_calibrated():
    assert sum(path.stat().st_size for path in WEIGHTS.iterdir()) < 50_000_000
    assert stance.predict("We will be at the table on Monday.").calibrated


def test_it_says_how_it_errs_so_that_shares_can_be_corrected():
    report = stance.analyze('"We will be at the table on Monday," said Ilse Marant.')
    calibration = stance.load(WEIGHTS).calibration
    assert report.confusion == calibration.confusion and 300 < sum(map(sum, report.confusion)) <= calibration.n_examples
    assert all(row.corrected is not None for row in report.shares().rows)


def test_plain_statements_are_labelled_as_anybody_would():
    expected = {
        "We will be at the table on Monday.": "support",
        "We call on both sides to resume negotiations.": "support",
        "There will be no talks with terrorists.": "oppose",
        "Negotiating with them is a waste of time.": "oppose",
        "Eleven people were treated in hospital after the storm.": "neutral",
    }
    assert {text: p.label for text, p in zip(expected, stance.predict(list(expected)), strict=True)} == expected


def test_it_beats_the_baselines_on_dev_by_more_than_chance():
    report = json.loads((WEIGHTS / "evaluation.json").read_text(encoding="utf-8"))["corpus, dev"]
    assert all(baseline["difference"][0] > 0 for baseline in report["baselines"].values())


def test_the_card_holds_the_measured_figures():
    card = (WEIGHTS / "README.md").read_text(encoding="utf-8")
    found = json.loads((WEIGHTS / "evaluation.json").read_text(encoding="utf-8"))
    for report in (report for title, report in found.items() if title != "probes"):
        assert f"{100 * report['metrics']['macro_f1']:.1f} (" in card


def test_the_figures_are_those_of_the_corpus_and_weights_as_they_are():
    recorded = json.loads((WEIGHTS / "evaluation.json").read_text(encoding="utf-8"))["corpus, dev"]["metrics"]
    assert abs(stance.evaluate(baselines=False).metrics["macro_f1"] - recorded["macro_f1"]) < 0.005
