"""The whole chain on annotated articles."""

import json

import pytest

from stance.cli import main
from stance.end_to_end import AnnotatedStatement, ArticleScores, _count, evaluate_articles
from stance.errors import UnreadableFileError
from stance.records import Prediction, Quote, Span, Speaker, Statement

TEXT = "We will talk now, said Lena Holt. She would stay. It rained on Monday."


def given(text, speaker, label):
    start = TEXT.index(text)
    span = Span(start, start + len(text), text)
    prob = {name: float(name == label) for name in ("support", "oppose", "neutral")}
    return Statement(Quote(text, span.start, span.end, (span,), "indirect", speaker=Speaker(speaker, span)), Prediction(label, prob, 1.0))


def gold(text, speaker, label):
    return AnnotatedStatement(((TEXT.index(text), TEXT.index(text) + len(text)),), speaker, label)


def test_each_step_is_counted_by_itself():
    golds = [gold("We will talk now", "Lena Holt", "support"), gold("She would stay", "Lena Holt", "support"), gold("It rained", "", "neutral")]
    found = [given("We will talk", "Holt", "support"), given("would stay", "Bo Rask", "support"), given("on Monday", "Bo Rask", "neutral")]
    counts, errors = _count("a", TEXT, golds, found)
    assert (counts["gold"], counts["given"], counts["found"]) == (3, 3, 2)
    assert (counts["speaker"], counts["stance"], counts["all"]) == (1, 2, 1)
    assert [(error["gold"], error["given"]) for error in errors] == [("She would stay", "would stay"), ("It rained", ""), ("", "on Monday")]


def test_one_prediction_finds_one_statement():
    counts, _ = _count("a", TEXT, [gold("We will talk now", "x", "support"), gold("We will talk", "x", "support")], [given("We will talk", "x", "support")])
    assert counts["found"] == 1


def test_the_examples_are_read_mostly_right(root, capsys):
    path = root / "examples" / "annotated-articles.jsonl"
    scores = evaluate_articles(path)
    assert scores.n_articles == 8 and scores.n_statements == 33
    assert scores.scores["found"]["f1"] > 0.7 and scores.scores["all"]["f1"] > 0.4
    assert all(scores.scores["all"]["f1"] <= scores.scores[step]["f1"] <= scores.scores["found"]["f1"] for step in ("speaker", "stance"))
    assert ArticleScores.from_dict(scores.to_dict()) == scores
    assert main(["evaluate", "--task", "articles", "--data", str(path)]) == 0
    assert f"| all three | {100 * scores.scores['all']['precision']:.1f}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"text": TEXT}, r"line 1: is no annotated article \('statements'\)\. Each needs text, and statements with parts, speaker and label\.$"),
        ({"text": TEXT, "statements": [{"parts": [[5, 900]], "label": "support"}]}, r"parts are \[\[5, 900\]\], which are no stretches of a text of 70"),
        ({"text": TEXT, "statements": [{"parts": [[0, 5]], "label": "yes"}]}, r"label is 'yes'"),
        ({"text": " ", "statements": [{"parts": [[0, 1]], "label": "support"}]}, r"its text is ' ', expected a string with words"),
    ],
)
def test_a_line_that_is_no_annotated_article_is_named(tmp_path, row, message):
    path = tmp_path / "articles.jsonl"
    path.write_text(json.dumps(row), encoding="utf-8")
    with pytest.raises(UnreadableFileError, match=message):
        evaluate_articles(path)
