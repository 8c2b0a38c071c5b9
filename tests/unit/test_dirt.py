"""What real pages hold besides clean sentences: every case written for this test."""

import pytest

from stance.quotes.extract import extract_quotes


def brief(text):
    return [(q.kind, q.speaker.name if q.speaker else None, q.text) for q in extract_quotes(text, extractor="rules")]


GO = "We will go to the table on Monday"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f'“{GO}," said Ada Voss.', [("direct", "Ada Voss", GO + ",")]),
        (f"“{GO}, said Ada Voss.", [("direct", "Ada Voss", GO)]),
        (f"{GO},” said Ada Voss.", [("direct", "Ada Voss", GO + ",")]),
        (f"“They call it a ‘gift,’” said Ada Voss. “{GO}.”", [("direct", "Ada Voss", f"They call it a ‘gift,’ {GO}.")]),
        (f"‘{GO},’ said Ada Voss.", [("direct", "Ada Voss", GO + ",")]),
        (f"''{GO},'' said Ada Voss.", [("direct", "Ada Voss", GO + ",")]),
        (f"``{GO},'' said Ada Voss.", [("direct", "Ada Voss", GO + ",")]),
        (f"„{GO}“, said Ada Voss.", [("direct", "Ada Voss", GO)]),
        (f"Ada Voss: « {GO}. »", [("direct", "Ada Voss", GO + ".")]),
    ],
)
def test_marks_that_mismatch_are_missing_or_nested(text, expected):
    assert brief(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "The ministers' talks ran late, and the '90s treaty wasn't on the envoys' list.",
        "The envoy, who is 6'2\" tall, stood by a 10\" screen under a 9' ceiling.",
        'She had read "A Table for Two" and "The Long Negotiation" on the train.',
        "Envoys Near Deal on Lake Water",
        "By ADA VOSS and JAN BORK",
        "GENEVA (Wire) — The talks will last two days.",
        "- A truce\n- A prisoner exchange\n- Fishing rights\n1. Water\n2. Light",
        "Photo: A. Voss / Lake Wire",
        "Updated: 4 May\nTags: talks, lake",
        "Time: 7 p.m. on Monday.\n\nPlace: the town hall by the lake.\n\nTime: 8 p.m. on Tuesday.\n\nCost: five dollars at the door.",
        "Photo: a boat on the lake\n\nPhoto: the old port\n\nNote: the port is shut",
    ],
)
def test_apostrophes_inches_titles_headlines_lists_and_bylines_are_no_statements(text):
    assert brief(text) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            f"Q: Will you go?\n\nA: {GO}.\n\nQ: And then?\n\nA: We will see.",
            [("direct", None, "Will you go?"), ("direct", None, GO + "."), ("direct", None, "And then?"), ("direct", None, "We will see.")],
        ),
        (
            f"Q: Will you go?\n\nA: {GO}.\n\nIt is time.\n\nQ: And then?",
            [("direct", None, "Will you go?"), ("direct", None, f"{GO}. It is time."), ("direct", None, "And then?")],
        ),
        (
            f"Ada Voss spoke to Jan Bork.\n\nBORK: Will you go?\n\nVOSS: {GO}.\n\nBORK: And then?",
            [("direct", "Jan Bork", "Will you go?"), ("direct", "Ada Voss", GO + "."), ("direct", "Jan Bork", "And then?")],
        ),
    ],
)
def test_interviews_are_read_by_their_labels(text, expected):
    assert brief(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"The lake council wrote on Friday:\n\n> {GO} and stay.", [("direct", "The lake council", GO + " and stay.")]),
        (f"Ada Voss, the governor, added:\n\n{GO} and stay.\n\nIt rained.", [("direct", "Ada Voss", GO + " and stay.")]),
        ("The plan has three parts:\n\nWater for the towns on both shores of the lake.", []),
    ],
)
def test_a_block_quotation_behind_a_clause_and_a_colon(text, expected):
    assert brief(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f'"{GO}," said Ada Voss, chief executive of Lake Lines. "It is time."', [("direct", "Ada Voss", f"{GO}, It is time.")]),
        ("Ada Voss was quoted as saying the talks would go on.", [("indirect", "Ada Voss", "the talks would go on")]),
        (f'"{GO}," Ada Voss was quoted as saying.', [("direct", "Ada Voss", GO + ",")]),
        (f"— {GO}, — said Ada Voss.", [("direct", "Ada Voss", GO)]),
        (f"— {GO}, — said Ada Voss. — It is time.", [("direct", "Ada Voss", f"{GO} It is time.")]),
        (f"– {GO}, said Ada Voss.", [("direct", "Ada Voss", GO)]),
    ],
)
def test_press_releases_second_hand_quotes_and_dialogue(text, expected):
    assert brief(text) == expected


@pytest.mark.parametrize(
    ("text", "speaker", "cut"),
    [
        (f"<p>&ldquo;{GO},&rdquo; said <b>Ada Voss</b>.</p>", "Ada Voss", GO + ","),
        (f"<p>&quot;{GO},&quot; said Ada&nbsp;Voss.</p>", "Ada Voss", GO + ","),
        ("<div class='x'>&#8220;We don&rsquo;t go &amp; won&#39;t,&#8221; said Ada Voss.<br/></div>", "Ada Voss", "We don&rsquo;t go &amp; won&#39;t,"),
        (f"“{GO},”\u00a0said\u00a0Ada\u00a0Voss.", "Ada Voss", GO + ","),
        (f"\ufeff“\u200b{GO},”\u200b said Ada Voss.", "Ada Voss", None),
        (f"🔥🔥 “{GO} 🕊️,” said Ada Voss 🇨🇭.", "Ada Voss", GO + " 🕊️,"),
        (f"“{GO},” said Ada Voss. \u202bقال الوزير إنه سيذهب\u202c", "Ada Voss", GO + ","),
    ],
)
def test_left_overs_of_html_spaces_emoji_and_runs_from_right_to_left(text, speaker, cut):
    quotes = extract_quotes(text, extractor="rules")
    assert [q.speaker.name.replace("\u00a0", " ") for q in quotes] == [speaker]
    assert all(text[p.start : p.end] == p.text for p in quotes[0].parts)
    assert quotes[0].text == cut or (cut is None and GO in quotes[0].text)
    assert text[quotes[0].speaker.mention.start : quotes[0].speaker.mention.end] == quotes[0].speaker.mention.text


@pytest.mark.parametrize(
    ("text", "name", "cut"),
    [
        ('We&#1;ll see. "We will go to the table," said Ada Voss.', "Ada Voss", "We will go to the table,"),
        ("“We will go to the table&hellip;” said Ada Voss.", "Ada Voss", "We will go to the table&hellip;"),
        ("“&Eacute;mile will go to the table,” said Ada Voss.", "Ada Voss", "&Eacute;mile will go to the table,"),
        ("“We will go to the table,” said Jos&eacute; Nu&ntilde;ez.", "José Nuñez", "We will go to the table,"),
        ("“It costs us 5 &euro;”, said Ada Voss.", "Ada Voss", "It costs us 5 &euro;"),
        ("“We will go to the table,” the <b>lake</b> council said.", "the lake council", "We will go to the table,"),
    ],
)
def test_no_entity_is_cut_in_two_and_none_parts_a_word(text, name, cut):
    [quote] = extract_quotes(text, extractor="rules")
    assert (quote.speaker.name, quote.text) == (name, cut)
    assert text[quote.speaker.mention.start : quote.speaker.mention.end] == quote.speaker.mention.text


def test_a_list_is_no_dialogue():
    assert [kind for kind, _, _ in brief("- Water for towns, the envoy said, will be free for all of them")] == ["indirect"]


def test_a_page_of_nothing_but_tags_holds_no_statement():
    assert extract_quotes("<p><br/></p>", extractor="rules") == []
