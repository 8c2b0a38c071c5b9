import pytest

import stance
from stance.analyze import context_of
from stance.errors import EmptyTextError
from stance.records import STATEMENT_SLOT


@pytest.fixture(scope="module")
def article(root):
    return (root / "examples" / "lake-truce.txt").read_text(encoding="utf-8")


def test_a_report_holds_every_quote_with_a_prediction(article, tiny_model):
    report = stance.analyze(article, model=tiny_model)
    assert [s.quote for s in report.statements] == stance.extract_quotes(article)
    assert report.text == article
    assert sum(s.n_statements for s in report.speakers) == len(report.statements)
    assert sum(s.share for s in report.speakers) == pytest.approx(1)
    assert stance.ArticleReport.from_dict(report.to_dict()) == report


def test_many_articles_are_streamed(article, tiny_model):
    read = []

    def articles():
        for i in range(3):
            read.append(i)
            yield article

    reports = stance.analyze(articles(), model=tiny_model)
    assert read == []
    first = next(reports)
    assert read == [0]
    assert [first, *reports] == [stance.analyze(article, model=tiny_model)] * 3


def test_an_article_without_quotes_gives_an_empty_report(tiny_model):
    report = stance.analyze("The hall was empty and the doors were shut.", model=tiny_model)
    assert report.statements == () and report.speakers == ()
    assert report.to_table() == "No quoted statements found."
    assert list(report.to_frame().columns)[:3] == ["source", "start", "end"]


def test_an_empty_article_is_refused_and_stops_no_stream(article, tiny_model):
    with pytest.raises(EmptyTextError, match=r"^article holds no words \(found ' '\)\. Remove it, or label it yourself\.$"):
        stance.analyze(" ", model=tiny_model)
    first, empty, last = stance.analyze([article, " ", article], model=tiny_model)
    assert first == last and empty.statements == ()
    assert empty.warnings == ("article 1 holds no words (found ' '). Remove it, or label it yourself.",)


def test_a_model_without_calibration_is_warned_of(article, tiny_model):
    assert any("are not calibrated" in warning for warning in stance.analyze(article, model=tiny_model).warnings)


def test_the_context_holds_the_sentences_around_and_the_place(article):
    for quote in stance.extract_quotes(article):
        context = context_of(article, quote)
        assert context.count(STATEMENT_SLOT) == 1
        assert quote.text not in context
        assert len(context) <= 820 + len(STATEMENT_SLOT)


def test_the_page_escapes_what_the_user_gave(tiny_model):
    text = '"<script>alert(1)</script> & we will go," said <b>Ann</b> Bray.\n\n"We will & must go," said Ann Bray.'
    page = stance.analyze(text, model=tiny_model).to_html()
    assert page.count("<script") == 1 and "<b>" not in page  # the page's own
    assert "&lt;script&gt;" in page and "alert(1)&lt;/script&gt; &amp; we will go," in page  # the tag in front is no part of the words
    assert "http:" not in page and "https:" not in page


def test_frames_and_rows_have_one_line_per_statement(article, tiny_model):
    report = stance.analyze(article, model=tiny_model)
    frame = report.to_frame()
    assert len(frame) == len(report.statements) > 8
    assert (frame["text"] == [s.quote.text for s in report.statements]).all()
    assert "Ilse Marant" in report.to_table()


def test_rows_of_a_table_are_taken_as_they_come(tiny_model):
    import datetime

    text = '"We will talk," said Ann Ox.'
    rows = [{"text": text, "outlet": float("nan"), "date": datetime.date(2026, 1, 3)}, {"text": None, "source": 0}, {"text": text, "outlet": ""}]
    found = list(stance.analyze(rows, model=tiny_model))
    assert [(r.outlet, r.date, r.source, len(r.statements)) for r in found] == [(None, "2026-01-03", None, 1), (None, None, "0", 0), (None, None, None, 1)]
    assert "holds no words" in found[1].warnings[0]
    with pytest.raises(stance.InputError, match=r"^article 0 is a dict without a text\. Pass strings, or mappings with 'text'\.$"):
        list(stance.analyze([{"body": text}], model=tiny_model))
    with pytest.raises(stance.InputError, match=r"^found one mapping, expected an article or a list of them\."):
        stance.analyze({"text": text}, model=tiny_model)
