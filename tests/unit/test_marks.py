"""Quotation marks and dashes, in order and in disorder. Law: what is found lies in the text and never overlaps."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stance.quotes.marks import find_marked
from stance.quotes.passages import paragraphs, sentences


def inside(text):
    return [text[m.start : m.end] for m in find_marked(text)]


@pytest.mark.parametrize(
    "text",
    [
        'He said: "We will go."',
        "He said: “We will go.”",
        "He said: „We will go.“",
        "He said: „We will go.”",
        "He said: «We will go.»",
        "He said: »We will go.«",
        "He said: ‹We will go.›",
        "He said: ‘We will go.’",
        "He said: 'We will go.'",
        "He said: ``We will go.''",
        "He said: ''We will go.''",
        'He said: “We will go."',
        'He said: "We will go.”',
        "He said: ”We will go.”",
        "He said: « We will go. »",
        'He said: "We will go.',
        "— We will go.",
    ],
)
def test_every_usual_mark_is_read(text):
    assert [found.strip() for found in inside(text)] == ["We will go."]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("The workers' union and the '90s don't count.", []),
        ("It’s the players’ choice, rock ’n’ roll.", []),
        ('He is 6\'2" tall and the pipe 5" wide.', []),
        ("“He called it ‘a trap’ and left,” she said.", ["He called it ‘a trap’ and left,"]),
        ("'It's the workers' right,' he said.", ["It's the workers' right,"]),
        ('"We are ready for talks,— said the minister.', ["We are ready for talks"]),
        ("— We agree, — he said. — But not today.", ["We agree", "But not today."]),
        ('— We agree," he said.', ["We agree,"]),
        ("- item one\n- item two", []),
        ('The "contact group" met.', ["contact group"]),
        ('A stray " mark in a line.', []),
        ('"First paragraph.\n"Second paragraph," he said.', ["First paragraph.", "Second paragraph,"]),
        ("«Он сказал «да» и ушёл», — said Ann.", ["Он сказал «да» и ушёл"]),
        ('We are ready for it," he said.', ["We are ready for it,"]),
    ],
)
def test_marks_in_disorder(text, found):
    assert inside(text) == found


def test_a_quote_over_paragraphs_is_known_to_go_on():
    first, second = find_marked('"First.\n\n"Second," he said.')
    assert first.goes_on and not first.continues
    assert second.continues and not second.goes_on


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="ab .,\n\"'“”„«»‹›‘’—–-`''A!\u200b", max_size=80))
def test_any_mess_of_marks_gives_spans_that_do_not_overlap(text):
    position = 0
    for m in find_marked(text):
        assert position <= m.outer_start <= m.start < m.end <= m.outer_end <= len(text)
        position = m.outer_end


def test_sentences_stop_at_stops_and_not_at_abbreviations():
    text = "Sen. Ann Ode of the U.S. Congress spoke at 5 p.m. on Monday. She left! Then? J. R. Moss came."
    assert [text[a:b] for a, b in sentences(text)] == [
        "Sen. Ann Ode of the U.S. Congress spoke at 5 p.m. on Monday.",
        "She left!",
        "Then?",
        "J. R. Moss came.",
    ]


def test_lines_are_paragraphs_unless_the_text_is_hard_wrapped():
    assert len(paragraphs("One.\nTwo.\r\nThree.")) == 3
    line = "this line is broken at a common width like so many in old wire copy\n"
    assert len(paragraphs(line * 3 + "end.\n\n" + line * 3 + "end.")) == 2
