"""Why a label: scores per word that sum to what the words change."""

import pytest

pytest.importorskip("captum", reason="the extra explain is not installed")

import stance
from stance.errors import EmptyTextError, InputError, MissingExtraError
from stance.reporting import Explanation

STATEMENT = "We will never sit down with a government that fires on ferries."


@pytest.fixture(scope="module")
def found():
    return stance.explain(STATEMENT)


def test_the_scores_sum_to_what_the_words_change(found):
    assert sum(word.score for word in found.words) == pytest.approx(found.change, abs=found.gap + 1e-4)
    assert found.gap <= 0.05 * max(abs(found.change), 0.1)


def test_the_words_are_those_of_the_statement_and_what_is_read_beside_it(found):
    assert [word.text for word in found.words if word.segment == "statement"][:4] == ["We", "will", "never", "sit"]
    assert [word.text for word in found.words if word.segment == "beside"] == ["negotiations"]


def test_a_refusal_is_told_by_its_refusing_words(found):
    assert found.label == "oppose" == stance.predict(STATEMENT).label
    assert found.probability == pytest.approx(stance.predict(STATEMENT).probabilities["oppose"])
    best = sorted(found.words, key=lambda word: -word.score)[:4]
    assert {"never", "sit", "down", "will"} & {word.text for word in best}


def test_another_label_can_be_asked_for_and_the_words_then_speak_against_it(found):
    other = stance.explain(STATEMENT, label="support")
    assert other.label == "support"
    score = {word.text: word.score for word in other.words}
    assert score["never"] < max(score.values())


def test_records_travel_and_show_themselves(found):
    assert Explanation.from_dict(found.to_dict()) == found
    assert found._repr_html_().count("<span") == len(found.words)
    page = stance.explain("<b>We</b> will talk").to_html()
    assert "<b>We</b>" not in page and page.startswith("<!doctype html>")


def test_what_cannot_be_explained_is_said(monkeypatch):
    with pytest.raises(EmptyTextError):
        stance.explain(" ")
    with pytest.raises(InputError, match=r"^label is 'yes', allowed are support, oppose, neutral\.$"):
        stance.explain("We will talk.", label="yes")
    with pytest.raises(InputError, match=r"longer than the model reads \(160 tokens together\)\. Explain a part of it\.$"):
        stance.explain("We will talk to them. " * 60)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"pip install 'negotiation-stance\[explain\]'$"):
        stance.explain("We will talk.")
