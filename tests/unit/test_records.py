import dataclasses
import pickle

import pytest

from stance.records import Example, Prediction, Quote, Span, Speaker, Statement, make_quote
from stance.reporting import ArticleReport, SpeakerSummary
from stance.shares import Shares

ARTICLE = 'Before. "We go," she said, "but late." After.'
QUOTE = make_quote(ARTICLE, [(9, 15), (28, 37)], "direct", cue="said", speaker=Speaker("Ann Ode", Span(17, 20, "she"), "envoy"))
PREDICTION = Prediction("support", {"support": 0.7, "oppose": 0.1, "neutral": 0.2}, 0.7)
STATEMENT = Statement(QUOTE, PREDICTION)
REPORT = ArticleReport((STATEMENT,), (SpeakerSummary("Ann Ode", "envoy", 1, {"support": 1, "oppose": 0, "neutral": 0}, 1.0, 1.0),), "m", ARTICLE, None, ("w",))
RECORDS = [QUOTE, QUOTE.parts[0], QUOTE.speaker, PREDICTION, STATEMENT, REPORT, Example("a", label="oppose"), Speaker(None)]


@pytest.mark.parametrize("record", RECORDS, ids=lambda r: type(r).__name__)
def test_to_dict_and_from_dict_change_nothing(record):
    assert type(record).from_dict(record.to_dict()) == record
    assert pickle.loads(pickle.dumps(record)) == record


@pytest.mark.parametrize("record", RECORDS, ids=lambda r: type(r).__name__)
def test_records_are_frozen(record):
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(record, dataclasses.fields(record)[0].name, "other")


def test_parts_cut_their_text_out_of_the_article():
    assert [ARTICLE[p.start : p.end] for p in QUOTE.parts] == [p.text for p in QUOTE.parts] == ["We go,", "but late."]
    assert QUOTE.text == "We go, but late."
    assert (QUOTE.start, QUOTE.end) == (9, 37)


def test_an_unknown_field_is_named():
    with pytest.raises(TypeError, match=r"^Span has no field 'stat'; it has start, end, text$"):
        Span.from_dict({"stat": 1, "end": 2, "text": ""})


def test_a_speaker_reads_as_name_or_mention():
    assert str(Speaker("Ann Ode", Span(0, 3, "she"))) == "Ann Ode"
    assert str(Speaker(None, Span(0, 3, "she"))) == "she"
    assert isinstance(QUOTE, Quote)


@pytest.mark.parametrize("record", RECORDS, ids=lambda r: type(r).__name__)
def test_every_record_shows_itself_in_a_notebook_and_as_a_frame(record):
    assert record._repr_html_().count("<") > 2 and len(record.to_frame()) == 1


def test_what_a_notebook_shows_is_escaped_and_cut():
    shown = Statement(make_quote("<b>we talk</b>", [(0, 14)], "direct", cue=None, speaker=Speaker("Ada Voss")), PREDICTION)
    html = shown._repr_html_()
    assert "Ada Voss" in html and "&lt;b&gt;we talk" in html and "<b>" not in html and "0.700" in html
    assert shown.to_frame()["prediction.label"].tolist() == ["support"]
    long = Example("x" * 5000)._repr_html_()
    assert "(5000 characters)" in long and len(long) < 3000


def test_a_record_that_shows_itself_as_markdown_is_not_shown_twice():
    found = Shares("speaker", ())
    assert found._repr_html_() is None and found._repr_markdown_()
