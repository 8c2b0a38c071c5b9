"""Shares of stances by group, raw and corrected for how the model errs."""

import numpy as np
import pytest

import stance
from stance.errors import InputError
from stance.metrics import corrected_shares
from stance.records import Prediction, Quote, Span, Speaker, Statement
from stance.reporting import ArticleReport, summarize_speakers
from stance.shares import Shares, shares

CONFUSION = [[80, 5, 15], [5, 40, 5], [20, 10, 120]]


def statement(name, label, abstained=False):
    span = Span(0, 4, "text")
    speaker = Speaker(name, span) if name else None
    prob = {other: 0.9 if other == label else 0.05 for other in stance.LABELS}
    return Statement(Quote("text", 0, 4, (span,), "direct", speaker=speaker), Prediction(None if abstained else label, prob, 0.9, abstained=abstained))


def report(*statements, **known):
    return ArticleReport(tuple(statements), summarize_speakers(statements), "some-model", "text", **{"confusion": CONFUSION, **known})


REPORTS = [
    report(statement("Ann", "support"), statement("Ann", "oppose"), outlet="Herald", date="2026-01-03"),
    report(statement("Ann", "support"), statement("Bo", "neutral", abstained=True), outlet="Herald", date="2026-02-11"),
    report(statement(None, "neutral"), outlet="Post", date="soon"),
]


def table(found):
    return {(row.group, row.label): (row.n_statements, row.n_articles, row.raw) for row in found.rows}


def test_statements_are_counted_by_group_the_largest_first():
    found = shares(iter(REPORTS))
    assert [row.group for row in found.rows[::3]] == ["Ann", "Bo", "(unknown)"]
    assert table(found)["Ann", "support"] == (3, 2, pytest.approx(2 / 3))
    assert table(found)["Bo", "neutral"] == (1, 1, 1.0)  # abstained on, and counted under its most probable label
    assert table(shares(REPORTS, by="outlet"))["Herald", "neutral"] == (4, 2, 0.25)
    assert table(shares(REPORTS, by="all"))["all", "support"] == (5, 3, 0.4)


def test_months_are_those_of_the_dates_and_what_has_none_is_said():
    found = shares(REPORTS, by="month")
    assert {row.group for row in found.rows} == {"2026-01", "2026-02", "(unknown)"}
    assert found.warnings == ("1 statements are of articles without a date.",)


def test_corrected_shares_lie_in_their_intervals_and_sum_to_one():
    many = [report(*(statement("Ann", label) for label in ("support", "support", "neutral")), statement("Ann", "oppose")) for _ in range(30)]
    found = shares(many)
    assert [row.corrected for row in found.rows] == pytest.approx(corrected_shares([60, 30, 30], CONFUSION))
    assert all(0 <= row.low <= row.corrected <= row.high <= 1 for row in found.rows)
    assert sum(row.corrected for row in found.rows) == pytest.approx(1)
    assert shares(many) == found == shares([*many, report(confusion=[])])  # an article without words


def test_one_article_draws_its_statements_anew():
    found = report(*(statement("Ann", label) for label in ("support", "oppose", "neutral", "support"))).shares()
    assert all(row.high - row.low > 0.2 for row in found.rows)


def test_a_checkpoint_that_does_not_say_how_it_errs_gives_raw_shares_and_says_so():
    found = shares([report(statement("Ann", "support"), confusion=[])])
    assert [row.corrected for row in found.rows] == [None] * 3 and "does not say how the model errs" in found.warnings[0]
    assert "| Ann | 1 | 1 | 100 % | 0 % | 0 % |" in found.to_markdown()


def test_the_table_holds_corrected_and_raw():
    text = shares(REPORTS, by="all").to_markdown()
    assert text.startswith("| all | statements | articles | support | oppose | neutral |") and "raw 40)" in text
    frame = shares(REPORTS).to_frame()
    assert list(frame.columns) == ["group", "label", "n_statements", "n_articles", "raw", "corrected", "low", "high"] and len(frame) == 9
    assert Shares.from_dict(shares(REPORTS).to_dict()) == shares(REPORTS)
    assert shares([]).rows == () and len(shares([]).to_frame()) == 0


def test_what_cannot_be_counted_together_is_refused():
    with pytest.raises(InputError, match=r"^by is 'party', allowed are all, speaker, kind, outlet, month\.$"):
        shares(REPORTS, by="party")
    other = ArticleReport((), (), "other-model", "text")
    with pytest.raises(InputError, match=r"several models \(some-model, other-model\), which err in different ways\. Count them apart\.$"):
        shares([*REPORTS, other])


def test_reports_bring_how_the_model_errs_and_what_is_known_of_the_article(tiny_model):
    from stance.calibration import Calibration

    model = stance.load(tiny_model)
    model.calibration = Calibration(1.0, 300, confusion=CONFUSION)
    try:
        text = '"We will talk," said Ann Ox.'
        found = list(stance.analyze([{"text": text, "outlet": "Herald", "date": "2026-01-03", "source": "a"}, text, {"text": " "}], model=model))
    finally:
        model.calibration = None
    assert [(r.outlet, r.date, r.source, r.confusion) for r in found] == [
        ("Herald", "2026-01-03", "a", CONFUSION), (None, None, None, CONFUSION), (None, None, None, []),
    ]  # fmt: skip
    assert np.sum([len(r.statements) for r in found]) == 2 and found[2].warnings


def test_a_group_of_few_articles_draws_statements_and_an_empty_article_changes_nothing():
    article = report(*(statement("Ann", label) for label in ("support", "oppose", "neutral", "support")))
    assert shares([article]).rows == shares([article, report(statement("Bo", "neutral")), report()]).rows[:3]


def test_intervals_cover_where_all_is_of_one_article():
    draw = np.random.default_rng(5)
    errors, truth = np.array(CONFUSION) / np.sum(CONFUSION, axis=1, keepdims=True), np.array([0.4, 0.2, 0.4])
    covered = np.zeros(3)
    for i in range(200):
        given = draw.choice(3, size=25, p=truth @ errors)
        rows = shares([report(*(statement("Ann", stance.LABELS[k]) for k in given))], n_resamples=300, seed=i).rows
        covered += [row.low <= share <= row.high for row, share in zip(rows, truth, strict=True)]
    assert (covered >= 180).all(), covered


def test_a_label_that_the_model_never_gave_on_held_out_rows_gives_numbers():
    found = shares([report(statement("Ann", "oppose"), confusion=[[10, 0, 2], [3, 0, 2], [2, 0, 20]])])
    assert all(0 <= row.low <= row.high <= 1 for row in found.rows) and sum(row.corrected for row in found.rows) == pytest.approx(1)


def test_what_the_user_wrote_is_no_markup_in_markdown():
    assert "&lt;img src=x&gt; a/b |" in shares([report(statement("<img src=x>\na|b", "support"))]).to_markdown()
