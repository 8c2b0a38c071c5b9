"""From text to statements with speakers. Laws first, then examples of our own."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stance.errors import EmptyTextError
from stance.quotes.extract import extract_quotes


@pytest.fixture(scope="module")
def article(root):
    return (root / "examples" / "lake-truce.txt").read_text(encoding="utf-8")


def brief(text):
    return [(q.kind, str(q.speaker or ""), q.text) for q in extract_quotes(text)]


def test_offsets_cut_the_quote_out_of_the_original_text(article):
    for text in (article, "\ufeff\u200b" + article.replace(" ", "\u00a0", 40).replace("\n", "\r\n")):
        quotes = extract_quotes(text)
        assert quotes
        for quote in quotes:
            assert all(text[p.start : p.end] == p.text for p in quote.parts)
            assert quote.start == quote.parts[0].start and quote.end == quote.parts[-1].end
            if quote.speaker and quote.speaker.mention:
                mention = quote.speaker.mention
                assert text[mention.start : mention.end] == mention.text


MARKS = ['"', "“", "”", "«", "»", "'", "’", "—", "-", "\n", "\u200b", "😀", "\u202e", "&quot;", "(", ","]


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_mutated_article_never_fails_and_reads_the_same_twice(article, data):
    text = article
    for _ in range(data.draw(st.integers(1, 12))):
        at = data.draw(st.integers(0, len(text)))
        cut = data.draw(st.integers(0, 3))
        text = text[:at] + data.draw(st.sampled_from(MARKS)) + text[at + cut :]
    quotes = extract_quotes(text)
    for quote in quotes:
        assert all(text[p.start : p.end] == p.text for p in quote.parts)
    assert extract_quotes(text) == quotes


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=200).filter(lambda t: any(c.isalpha() for c in t)))
def test_any_text_is_read_or_refused_for_being_empty(text):
    try:
        quotes = extract_quotes(text)
    except EmptyTextError:
        return
    assert all(text[p.start : p.end] == p.text for q in quotes for p in q.parts)


SAID = "We will be at the table on Monday"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f'"{SAID}," said Ilse Marant.', ("direct", "Ilse Marant", SAID + ",")),
        (f'"{SAID}," Ilse Marant said.', ("direct", "Ilse Marant", SAID + ",")),
        (f'"{SAID}," Ilse Marant, the union\'s envoy, told reporters.', ("direct", "Ilse Marant", SAID + ",")),
        (f'Ilse Marant said: "{SAID}."', ("direct", "Ilse Marant", SAID + ".")),
        (f'Ilse Marant told the paper on Monday, "{SAID}."', ("direct", "Ilse Marant", SAID + ".")),
        (f'"{SAID}" ― Ilse Marant', ("direct", "Ilse Marant", SAID)),
        (f"— {SAID}, — noted Ilse Marant.", ("direct", "Ilse Marant", SAID)),
        (f'— {SAID}," Ilse Marant noted.', ("direct", "Ilse Marant", SAID + ",")),
        (f'"{SAID},— said envoy Ilse Marant.', ("direct", "Ilse Marant", SAID)),
        ('"We are ready," said Ilse Marant, "but not at any price."', ("direct", "Ilse Marant", "We are ready, but not at any price.")),
        ('"We are ready," said Ilse Marant. "But not at any price."', ("direct", "Ilse Marant", "We are ready, But not at any price.")),
        ('Ilse Marant spoke.\n"One thing.\n"And another," she said.', ("direct", "Ilse Marant", "One thing. And another,")),
        ("Ilse Marant said that her side would go.", ("indirect", "Ilse Marant", "her side would go")),
        ("Ilse Marant said her side would go.", ("indirect", "Ilse Marant", "her side would go")),
        ("Her side would go, Ilse Marant said on Monday.", ("indirect", "Ilse Marant", "Her side would go")),
        ("Ilse Marant told reporters on Monday that her side would go.", ("indirect", "Ilse Marant", "her side would go")),
        ("France's foreign minister, Anne Leclerc, said the talks would resume.", ("indirect", "Anne Leclerc", "the talks would resume")),
        ('Hale said talks "must begin".', ("mixed", "Hale", 'talks "must begin"')),
        (f'"{SAID}" said Ilse Marant.', ("direct", "Ilse Marant", SAID)),
        ("Israel and Egypt said they would attend.", ("indirect", "Israel and Egypt", "they would attend")),
        ("‘They call it “a generous deal”. It isn’t,’ said Helen Farr.", ("direct", "Helen Farr", "They call it “a generous deal”. It isn’t,")),
        ("GENEVA, May 3 (Reuters) - Talks will resume, the mediator said.", ("indirect", "the mediator", "Talks will resume")),
        ("Talks will resume, the mediator said.", ("indirect", "the mediator", "Talks will resume")),
        ("According to Bray, who led the talks, the deal is dead.", ("indirect", "Bray", "the deal is dead")),
        ("Hale told lawmakers he would not negotiate.", ("indirect", "Hale", "he would not negotiate")),
        ("Hale: “We are done with these talks.”", ("direct", "Hale", "We are done with these talks.")),
        ("The talks, he said, would resume in May.", ("indirect", "he", "The talks would resume in May")),
        ("According to Ilse Marant, her side would go.", ("indirect", "Ilse Marant", "her side would go")),
        ("The side would go, according to Ilse Marant.", ("indirect", "Ilse Marant", "The side would go")),
        ("Ilse Marant believes that her side will go.", ("indirect", "Ilse Marant", "her side will go")),
        ("Ilse Marant called for a return to the table.", ("indirect", "Ilse Marant", "a return to the table")),
        ("Ilse Marant urged both sides to return.", ("indirect", "Ilse Marant", "both sides to return")),
        ('Ilse Marant called the boycott "a gift to the generals".', ("mixed", "Ilse Marant", 'the boycott "a gift to the generals"')),
        (
            'According to Ilse Marant, the group "should decide as soon as possible."',
            ("mixed", "Ilse Marant", 'the group "should decide as soon as possible."'),
        ),
    ],
)
def test_reporting_clauses_before_inside_and_after(text, expected):
    assert brief(text) == [expected]


@pytest.mark.parametrize(
    "text",
    [
        'The "contact group" met in Geneva.',
        'The so-called "ferry clause" has divided both cabinets.',
        'Members of the "Coalition of the Willing" have done little "on the ground."',
        'He has read "The Art of War" twice.',
        "The minister left the room at noon.",
        "The report was long and the call was short.",
        "The port is closed.\n\n'Legend on the Quay.'\n\nThe mill is closed too.",
        'The men arrived:\n\n"Olga Kern was asleep on the quay.\n\n“The Long Way Home” is a film.',
    ],
)
def test_scare_quotes_names_and_plain_prose_are_no_statements(text):
    assert brief(text) == []


@pytest.mark.parametrize("extractor", ["auto", "rules"])
@pytest.mark.parametrize(
    "text",
    [
        "If the union rejects the offer, the port will close.",
        "If the union says that talks are over, the port will close.",
        "Should the rebels demand a truce, talks may start.",
        "Would the minister say that talks are over?",
        "A judge may insist that they talk.",
    ],
)
def test_what_somebody_only_might_say_is_no_statement(text, extractor):
    assert extract_quotes(text, extractor=extractor) == []


def test_what_somebody_says_that_another_might_say_is_one_statement():
    text = "Ann Bray said that she would leave the talks if the union demanded a raise."
    assert brief(text) == [("indirect", "Ann Bray", "she would leave the talks if the union demanded a raise")]


def test_marks_of_one_kind_inside_each_other_belong_together():
    text = "“I would rather live in what he calls “hell” than where he is mayor.” — Ann Bray\n“Nobody talks.” — Olga Kern"
    assert brief(text) == [
        ("direct", "Ann Bray", "I would rather live in what he calls “hell” than where he is mayor."),
        ("direct", "Olga Kern", "Nobody talks."),
    ]


def test_the_name_of_a_broadcast_behind_a_statement_is_none_itself():
    text = '"We must talk to them before the winter," Bray said on Lake One\'s "State of the Nation."'
    assert brief(text) == [("direct", "Bray", "We must talk to them before the winter,")]


@pytest.mark.parametrize(
    ("text", "speaker"),
    [
        ('US Secretary of State Mark Tolliver arrived. "We will go," Tolliver said.', "Mark Tolliver"),
        ('Mark Tolliver, an ambassador, arrived. "We will go," the diplomat noted.', "Mark Tolliver"),
        ('Ivan Lesk, a professor of political theory, wrote it. "It failed," the political scientist believes.', "Ivan Lesk"),
        ('Mark Tolliver arrived on Monday. "We will go," he said.', "Mark Tolliver"),
        ('Ms. Anna Bray met Mr. Mark Tolliver. "We will go," she said.', "Anna Bray"),
        ("Mark Tolliver wrote a book. In his opinion, the talks will fail.", "Mark Tolliver"),
        ('"We will go," a representative of the British Embassy in Moscow said.', "a representative of the British Embassy in Moscow"),
        ('"We will go," the Argentine Embassy told the paper.', "the Argentine Embassy"),
        ('"We will go," a senior official said.', "a senior official"),
        ('"We are close," said Israeli officials.', "Israeli officials"),
        ("Maria Koval met Peter Lang on Monday. She said it went well. He said he was not so sure.", "Peter Lang"),
        ("Anna Bray met General Secretary Mark Tolliver. According to the latter, all went well.", "Mark Tolliver"),
        ("French Ambassador to Russia Nicolas de Rive came. According to him, all went well.", "Nicolas de Rive"),
        ('Mr. Mark Tolliver came. "It failed," Bray said. "We will go," he added.', "Bray"),
        ('NBC\'s Anna Bray met Mark Tolliver, a miner, on Monday. "We will go," said Bray.', "Anna Bray"),
        ("Joining Forces With Mexico\n\nMark Tolliver, a miner, spoke. He said that the talks would fail.", "Mark Tolliver"),
        ("The Center for Public Opinion Research said that the talks would fail.", "The Center for Public Opinion Research"),
        ("Ann Bray came. Advisers to Mr. Tolliver said that the talks would fail.", "Advisers to Mr. Tolliver"),
        ("The strikers said that they would stay. They said that the talks would fail.", "The strikers"),
        ("The Lake Council said it would go. It said that the talks would fail.", "The Lake Council"),
        ('Maria Koval, who lost her boat, met Peter Lang. "He thinks of Anna Bray and Mark Tolliver. It failed," she said.', "Maria Koval"),
        ("Mark Tolliver, the French minister, met a rival. The German minister said that the talks would fail.", "The German minister"),
        # A headline with a verb, and a word in front of a name, are no names.
        ("Mark Orr Calls Ann Bray.\n\nThe union waits. “We will talk,” Bray said.", "Bray"),
        ("Ann Bray runs Lake Steel. Unlike Bray, the union waits. “We will talk,” Bray said.", "Ann Bray"),
        # May and Will are names too, and months and verbs.
        ("Premier Olga May met the union in May. “We will talk,” May said.", "Olga May"),
        ("“We will talk,” said Olga May on Friday.", "Olga May"),
        ("Ann Bray spoke in May. “We will talk,” said Bray.", "Ann Bray"),
        ("Columns by Jon Will follow. “They should talk,” Will wrote.", "Jon Will"),
        ("The talks are over, according to the leading Norlandish medical journal.", "the leading Norlandish medical journal"),
        ("Lake Steel CEO Ann Bray left. “We will talk,” Bray said.", "Ann Bray"),
        # How people are addressed tells who she is, wherever it stands; a pronoun inside a quotation tells nothing.
        ("Olga Kern met Toma Lind. “We wait,” Ms. Kern said. Mr. Lind left early. She said talks would go on.", "Olga Kern"),
        ("Sal Kamin knows Olga Kern. “Talks are near,” Kamin said, “and she knows it.” Ms. Kern left. “We will talk,” he said.", "Sal Kamin"),
        ("Talks are likely to please nervous miners, who said that they would come.", "nervous miners"),
        # Known to be a woman, and named in the same sentence.
        ("Toma Bork said that Ms. Olga Lind was weak, and she said that talks were over.", "Olga Lind"),
        # Who is introduced right before a quotation speaks it.
        (
            "While Rolf Bork and his men stayed away, nobody came. That worries Toma Lind, president of the port council.\n\n“Bork is silent,” he said.",
            "Toma Lind",
        ),
    ],
)
def test_speakers_are_resolved_to_the_best_full_name(text, speaker):
    assert [str(q.speaker) for q in extract_quotes(text)][-1] == speaker


def test_no_two_statements_cover_the_same_words(article):
    taken = set()
    for quote in extract_quotes(article):
        for part in quote.parts:
            inside = set(range(part.start, part.end))
            assert not inside & taken
            taken |= inside


@pytest.mark.parametrize("piece", ["“We go,” he said. Officials are close to a deal. ", "“a ", '"a" and "b", ', "Ann said ", "a, ", "word "])
def test_a_paragraph_that_never_ends_is_read_in_time(piece):
    import time

    start = time.perf_counter()
    extract_quotes(piece * (10_000 // len(piece)))
    assert time.perf_counter() - start < 15


def test_a_description_comes_along():
    quotes = extract_quotes('US Secretary of State Mark Tolliver spoke. "We will go," he said. "So be it," said Ann Bray, a professor at St. Olaf.')
    assert [q.speaker.description for q in quotes] == ["US Secretary of State", "a professor at St. Olaf"]


def test_a_pronoun_with_nobody_before_it_keeps_its_mention_and_has_no_name():
    [quote] = extract_quotes('"We will go," he said.')
    assert quote.speaker.name is None and quote.speaker.mention.text == "he"


@pytest.mark.parametrize("name", ["Mr. B.", "Gen. III", "Mr. Jr", "Mr. Sr.", "Sen. Al-", "Dr. X"])
def test_an_odd_name_fails_no_article(name):
    text = f"{name} said that the talks would fail. The minister said that it would rain. He said that it was late."
    assert len(extract_quotes(text)) >= 2


@pytest.mark.parametrize("phrase", ["us", "me"])
def test_a_word_that_names_nobody_is_no_name(phrase):
    [quote] = extract_quotes(f"According to {phrase}, the talks would fail.")
    assert quote.speaker.name is None and quote.speaker.confidence == 0


def test_many_statements_of_somebody_unknown_take_no_longer_each():
    import time

    def seconds(n):
        text = "\n\n".join(f"Bork said that the talks would fail on day {i}. It rained." for i in range(n))
        taken = []
        for _ in range(3):
            start = time.process_time()
            extract_quotes(text)
            taken.append(time.process_time() - start)
        return min(taken)

    seconds(50)
    assert seconds(1600) < 10 * seconds(400)  # four times as many; sixteen would be quadratic


def test_a_speaker_has_a_confidence_of_its_own():
    text = 'Ann Bray arrived. "We will go," said Ann Bray. "It is late," she added. "So be it."'
    sure = [q.speaker.confidence for q in extract_quotes(text)]
    assert sure[0] > sure[1] > 0
    assert extract_quotes('"We will go," he said.')[0].speaker.confidence == 0


def test_a_quote_that_goes_on_over_a_paragraph_ends_where_somebody_else_is_named():
    text = '"We will go," said Ann Bray. "We will not wait.\n\n"We will wait," added Mark Tolliver. "It is late."'
    assert next((str(q.speaker), q.text) for q in extract_quotes(text)) == ("Ann Bray", "We will go, We will not wait.")
    assert [str(q.speaker) for q in extract_quotes(text)][1:] == ["Mark Tolliver"] * (len(extract_quotes(text)) - 1)


def test_a_statement_without_a_speaker_is_kept():
    [quote] = extract_quotes('The hall was silent.\n\n"We will go to the table and stay there."')
    assert quote.speaker is None


def test_a_statement_without_a_clause_takes_the_speaker_before_it():
    quotes = extract_quotes('"We will go," said Ann Bray.\n\n"It was about time, all of us knew it."')
    assert [str(q.speaker) for q in quotes] == ["Ann Bray", "Ann Bray"]
    assert quotes[1].confidence < quotes[0].confidence


def test_one_mention_serves_several_statements():
    quotes = extract_quotes("Ann Bray said that the talks would go on, adding that the port was closed.")
    assert [(str(q.speaker), q.text) for q in quotes] == [("Ann Bray", "the talks would go on"), ("Ann Bray", "the port was closed")]


def test_what_holds_no_words_is_refused():
    with pytest.raises(EmptyTextError, match=r"^article holds no words \(found ' \\n'\)\. Remove it, or label it yourself\.$"):
        extract_quotes(" \n")
    with pytest.raises(TypeError, match=r"^article is a bytes, expected a string\. Decode it, or pass one text at a time\.$"):
        extract_quotes(b"bytes")


def test_a_long_article_is_read_in_time(article):
    import time

    text = "\n".join([article] * (100_000 // len(article)))
    start = time.perf_counter()
    assert len(extract_quotes(text)) > 300
    assert time.perf_counter() - start < 30


@pytest.mark.parametrize("described", ["a retired ferry captain", "the union's envoy", "chairman of Lake Steel Inc."])
def test_a_description_ends_before_its_mark(described):
    for text in (f'"We will talk," said Pavel Drum, {described}.', f'"We will talk," said Pavel Drum, {described}, on Monday.'):
        assert extract_quotes(text)[0].speaker.description in (described, described.rstrip("."))
