"""The pages: whole, escaped, self-contained, every statement reachable."""

import re
from html.parser import HTMLParser

import pytest

from stance.pages import DOUBTFUL, article_page, corpus_page, is_doubtful, statement_table
from stance.records import Prediction, Quote, Span, Speaker, Statement
from stance.reporting import ArticleReport, summarize_speakers

TEXT = 'He said they will talk. "We refuse," <b>Ann</b> said, "to go." Rain & sea.'
CONFUSION = [[80, 5, 15], [5, 40, 5], [20, 10, 120]]


def made(parts, label, confidence=0.9, speaker="Ann & Co", sure=0.9):
    spans = tuple(Span(start, start + len(text), text) for start, text in ((TEXT.index(text), text) for text in parts))
    rest = (1 - confidence) / 2
    prob = {name: confidence if name == (label or "neutral") else rest for name in ("support", "oppose", "neutral")}
    quote = Quote(" ".join(parts), spans[0].start, spans[-1].end, spans, "direct", speaker=Speaker(speaker, spans[0], confidence=sure) if speaker else None)
    return Statement(quote, Prediction(label, prob, confidence, abstained=label is None))


STATEMENTS = (
    made(["they will talk"], "support", speaker='"><script>alert(1)</script>'),
    made(["will talk"], "neutral", 0.5),  # inside the first
    made(["We refuse,", "to go."], "oppose"),
    made(["Rain & sea."], None, 0.4, speaker=None),
)
REPORT = ArticleReport(STATEMENTS, summarize_speakers(STATEMENTS), "some-model", TEXT, "a<b>.txt", ("watch out",), "The <Herald>", "2026-01-03", CONFUSION)


class Reader(HTMLParser):
    """Collects the article's text and what is marked."""

    def __init__(self):
        super().__init__()
        self.inside, self.text, self.marks, self.ids, self.links, self.tags = False, "", [], set(), set(), []

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.tags.append(tag)
        self.inside |= tag == "article"
        if "id" in found:
            self.ids.add(found["id"])
        if found.get("href", "").startswith("#"):
            self.links.add(found["href"][1:])
        if tag == "mark":
            self.marks.append((found["class"].split()[0], found.get("data-all") or found["id"][1:], "tabindex" in found))

    def handle_endtag(self, tag):
        self.inside &= tag != "article"

    def handle_data(self, data):
        if self.inside:
            self.text += data


@pytest.fixture
def read():
    reader = Reader()
    reader.feed(article_page(REPORT))
    return reader


def test_the_article_stands_there_as_it_was(read):
    assert read.text == TEXT


def test_every_part_is_marked_overlaps_included_and_each_statement_is_one_stop_of_the_keyboard(read):
    assert read.marks == [
        ("support", "1", True),
        ("support", "1 2", True),
        ("oppose", "3", True),
        ("oppose", "3", False),
        ("abstained", "4", True),
    ]


def test_links_lead_somewhere(read):
    assert {"s1", "s2", "s3", "s4"} <= read.links <= read.ids


def test_nothing_of_the_users_becomes_markup(read):
    page = article_page(REPORT)
    assert read.tags.count("script") == 1 and "<b>" not in page and "alert(1)</script>" not in page
    assert "&lt;b&gt;Ann&lt;/b&gt;" in page and "a&lt;b&gt;.txt" in page and "The &lt;Herald&gt;" in page and "watch out" in page


@pytest.mark.parametrize("page", [article_page(REPORT), corpus_page([REPORT, REPORT])])
def test_a_page_asks_nothing_of_anywhere(page):
    assert "default-src &#x27;none&#x27;" in page or "default-src 'none'" in page
    assert not re.search(r"https?:|\bsrc=|@import|url\(|<link|<img|<iframe", page)


def test_the_doubtful_are_those_without_label_or_with_an_unsure_one_or_an_unsure_speaker():
    assert [is_doubtful(statement) for statement in STATEMENTS] == [False, True, False, True]
    assert is_doubtful(made(["they will talk"], "support", sure=DOUBTFUL - 0.01)) and not is_doubtful(made(["they will talk"], "support", sure=DOUBTFUL))
    assert "4 statements by 3 speakers, 2 doubtful." in article_page(REPORT)


def test_a_report_without_statements_is_a_page_too():
    page = article_page(ArticleReport((), (), "some-model", "Rain."))
    assert "No quoted statements were found." in page and "<article lang=en>Rain.</article>" in page


def test_a_notebook_shows_the_table_and_the_warnings():
    table = statement_table(REPORT)
    assert table.count("<tr") == 5 and "Warning: watch out" in table and "href" not in table and REPORT._repr_html_() == table


def test_the_page_of_many_articles_counts_and_links_to_the_statements():
    page = corpus_page([REPORT, ArticleReport(STATEMENTS[2:3], (), "some-model", TEXT, "b", date="2026-02-01", confusion=CONFUSION)], "Talks <1>")
    assert "<h1>Talks &lt;1&gt;</h1>" in page and "2 articles, 5 statements, model some-model." in page
    assert [name in page for name in ("By month", "By outlet", "By speaker")] == [True] * 3
    assert 'data-by=month data-group="2026-02" data-label=oppose>1</a>, 100 %' in page
    assert page.count('data-month="2026-01"') == 4 and page.count('data-month="2026-02"') == 1
    assert "By month" not in corpus_page([ArticleReport(STATEMENTS, (), "some-model", TEXT)])
    assert "0 articles, 0 statements." in corpus_page([])
