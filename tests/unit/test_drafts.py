"""What the rules and a tagger find, made one; the tagger here is one that says what it is told to say."""

import pytest

import stance
from stance.errors import ModelNotFoundError
from stance.quotes.tagger import Attribution


class Told:
    """A tagger whose attributions are given as (content pieces, cue, source, confidence)."""

    def __init__(self, *attributions):
        self.given = attributions

    def attributions(self, text):
        def at(phrase):
            return (text.index(phrase), text.index(phrase) + len(phrase)) if phrase else None

        return [Attribution(tuple(at(piece) for piece in pieces), at(cue), at(source), sure, 1.0) for pieces, cue, source, sure in self.given]


def found(text, *attributions):
    quotes = stance.extract_quotes(text, extractor=Told(*attributions))
    return [(quote.kind, quote.text, str(quote.speaker or "")) for quote in quotes]


def test_marks_say_where_a_direct_statement_is_and_the_tagger_whose():
    text = 'Ilse Marant said she met Ada Voss in Bern. "We will be at the table."'
    [(kind, words, speaker)] = found(text, ((" will be at the",), "said", "Ada Voss", 0.9))
    assert (kind, words, speaker) == ("direct", "We will be at the table.", "Ada Voss")
    assert found(text) == [("direct", "We will be at the table.", "Ilse Marant")]


def test_a_clause_right_behind_the_marks_is_surer_than_the_tagger():
    text = 'Ilse Marant met Ada Voss in Bern. "We will be at the table," Voss said.'
    assert found(text, ((" will be at the",), "said", "Ilse Marant", 0.9)) == [("direct", "We will be at the table,", "Ada Voss")]


def test_a_whole_sentence_between_marks_stays_direct_whatever_the_tagger_adds():
    text = 'Asked about Bern, Ada Voss said, "We will be at the table," before she left.'
    assert found(text, (('"We will be at the table," before she left',), "said", "Ada Voss", 0.9)) == [("direct", "We will be at the table,", "Ada Voss")]


def test_reported_speech_is_the_taggers():
    text = 'The envoy said that talks were near. She called the plan "a gift" on Monday.'
    assert found(text) == []
    both = found(text, (("talks were near",), "said", "The envoy", 0.9), (('the plan "a gift"',), "called", "She", 0.9))
    assert both == [("indirect", "talks were near", "The envoy"), ("mixed", 'the plan "a gift"', "She")]


def test_a_direct_statement_inside_a_reported_one_is_part_of_it():
    text = 'The plan "would hand the whole valley to them," the minister said.'
    assert found(text, (('The plan "would hand the whole valley to them,"',), "said", "the minister", 0.9)) == [
        ("mixed", 'The plan "would hand the whole valley to them,"', "the minister")
    ]


@pytest.mark.parametrize(
    ("attribution", "why"),
    [
        ((("the lake would freeze",), "planned so that", "The mayor", 0.9), "no word of speaking"),
        ((("the lake",), "said", "The mayor", 0.9), "two words"),
        ((("the lake would freeze",), "said", "The mayor", 0.1), "unsure"),
    ],
)
def test_what_is_no_statement_or_unsure_is_left_out(attribution, why):
    text = "The mayor said nothing and planned so that the lake would freeze."
    assert found(text, attribution) == [], why


def test_words_in_marks_that_nobody_says_stay_scare_quotes():
    assert found('The so-called "contact group" met.', (("contact group",), None, None, 0.9)) == []


def test_what_somebody_quoted_says_of_others_stays_in_the_quote():
    text = '"The mayor said the lake was open, and he was wrong," said Ada Voss.'
    assert found(text, (("the lake was open",), "said", "The mayor", 0.9)) == [("direct", "The mayor said the lake was open, and he was wrong,", "Ada Voss")]


def test_stray_marks_and_a_leading_that_are_cut_off():
    text = "The envoy said, that talks were near, on Monday."
    assert found(text, ((", that talks were near,",), "said", "The envoy", 0.9)) == [("indirect", "talks were near", "The envoy")]


def test_a_source_of_one_function_word_stops_nothing():
    assert found("That said the lake was open.", (("the lake was open",), "said", "That", 0.9)) == [("indirect", "the lake was open", "That")]


def test_a_speaker_that_the_rules_knew_is_not_lost():
    text = 'Ada Voss wrote: "we will talk on Monday at the latest" and not before the rain stops.'
    [(kind, _, speaker)] = found(text, (('"we will talk on Monday at the latest" and not before the rain stops',), None, None, 0.9))
    assert (kind, speaker) == ("mixed", "Ada Voss")


def test_no_words_are_given_twice():
    text = '"It will not pass in the upper house this year or the next, and we will see to that," said Ada Voss of the plan to sell.'
    assert [kind for kind, _, _ in found(text, (('see to that," said Ada Voss of the plan to sell',), None, None, 0.9))] == ["direct"]


def test_direct_statements_of_the_tagger_lose_their_marks():
    text = "The “contact group that never met” failed, as Ada Voss put it."
    assert found(text, (("“contact group that never met”",), "put", "Ada Voss", 0.9)) == [("direct", "contact group that never met", "Ada Voss")]


def test_a_source_without_a_word_is_none():
    text = 'The envoy said - "-" - that talks were near.'
    assert found(text, (("talks were near",), "said", '"-"', 0.9)) == [("indirect", "talks were near", "")]


def test_an_extractor_of_the_wrong_kind_is_named():
    with pytest.raises(TypeError, match="extractor is a int, expected 'rules', 'auto', a tagger or its folder"):
        stance.extract_quotes("Ada Voss spoke.", extractor=5)


def test_what_describes_a_source_is_cut_off_it():
    text = "Talks were near, said Ada Voss, the envoy of the lake towns, on Monday."
    [quote] = stance.extract_quotes(text, extractor=Told((("Talks were near",), "said", "Ada Voss, the envoy of the lake towns", 0.9)))
    assert (quote.speaker.name, quote.speaker.mention.text, quote.speaker.description) == ("Ada Voss", "Ada Voss", "the envoy of the lake towns")


def test_a_statement_without_a_clause_keeps_a_speaker_when_the_one_before_it_is_replaced():
    text = 'Ada Voss said the lake was open.\n\n"It is not too late."'
    [first, second] = found(text, (("the lake was open",), "said", "Ada Voss", 0.9))
    assert first[0] == "indirect" and second == ("direct", "It is not too late.", "Ada Voss")


def test_a_folder_that_is_no_tagger_is_named(tmp_path):
    with pytest.raises(ModelNotFoundError, match=r"nothing.*is no checkpoint folder"):
        stance.extract_quotes("Ada Voss spoke.", extractor=tmp_path / "nothing")


def test_of_stretches_that_a_full_stop_parts_those_beside_the_clause_are_kept():
    text = "The lake was open all week long. The port was closed, Ada Voss said."
    pieces = ("The lake was open all week long", "The port was closed")
    assert found(text, (pieces, "said", "Ada Voss", 0.9)) == [("indirect", "The port was closed", "Ada Voss")]


def test_according_to_introduces_what_stands_behind_it_and_the_rules_say_who():
    text = "Ada Voss had seen a lake in the rain. According to her, the port would open in May."
    pieces = ("a lake in the rain", "the port would open in May")
    assert found(text, (pieces, "According to her", None, 0.9)) == [("indirect", "the port would open in May", "Ada Voss")]  # the rules'
    [statement] = found(text, (pieces, "According to her", "Ada Voss", 0.9))
    assert statement == ("indirect", "the port would open in May", "Ada Voss")


def test_a_reported_statement_needs_a_source():
    text = "It was said that the lake would freeze."
    assert found(text, (("the lake would freeze",), "said", None, 0.9)) == []


def test_the_confidence_of_a_span_is_below_that_of_its_tags():
    text = "The envoy said that talks were near."
    [quote] = stance.extract_quotes(text, extractor=Told((("talks were near",), "said", "The envoy", 0.9)))
    assert quote.confidence == 0.81 and quote.speaker.confidence == 0.98


@pytest.mark.parametrize(
    ("text", "content", "speaker"),
    [
        ("Ada Voss met Democrats on Capitol Hill, who argued that the talks would fail.", "the talks would fail", "Democrats"),
        ("It became a point for the strikers here, who argued that the talks would fail.", "the talks would fail", "the strikers here"),
        ("It hit members of the Saudi government, which argued that the talks would fail.", "the talks would fail", "the Saudi government"),
    ],
)
def test_a_relative_pronoun_stands_for_the_noun_before_it(text, content, speaker):
    pronoun = "which" if "which" in text else "who"
    assert found(text, ((content,), "argued", pronoun, 0.9)) == [("indirect", content, speaker)]


def test_in_an_interview_the_label_says_who_whatever_the_tagger_finds_inside():
    text = "INTERVIEWER: What was it?\n\nVOSS: Jan Bork said that the talks would fail.\n\nINTERVIEWER: Who else?"
    spoken = found(text, (("the talks would fail",), "said", "Jan Bork", 0.9), (("Jan Bork said that the talks would fail",), None, "Jan Bork", 0.9))
    assert [speaker for _, _, speaker in spoken] == ["INTERVIEWER", "VOSS", "INTERVIEWER"]


def test_the_point_of_a_title_parts_no_statement():
    text = "The old port at the lake, Mr. Bork said on Monday, would open in May for all the boats."
    pieces = ("The old port at the lake", "would open in May for all the boats")
    assert found(text, (pieces, "said", "Mr. Bork", 0.9)) == [("indirect", " ".join(pieces), "Bork")]


def test_a_statement_that_takes_over_a_carried_speaker_from_behind_stays():
    text = 'Bork wrote of the "lake" on Monday. "We will go to the table now," said Ada Voss.\n\n"It is time to leave the lake."'
    assert found(text, (('Bork wrote of the "lake', "It is time to leave the lake."), None, None, 0.9))


def test_nobody_speaks_out_of_another_paragraph_and_the_rules_step_in():
    text = "Jan Bork left.\n\nThe port was shut, its director, Dr. Ada Voss, said."
    told = (("The port was shut, its director, Dr. Ada Voss",), "said", "Jan Bork", 0.9)
    assert found(text, told) == [("indirect", "The port was shut", "Ada Voss")]


def test_what_the_rules_find_behind_according_to_stays_where_the_tagger_finds_nothing():
    text = "Ada Voss wrote a book. In her opinion, the talks will fail in May. Jan Bork said that it rained."
    assert found(text) == [("indirect", "the talks will fail in May", "Ada Voss")]


def test_a_headline_that_names_its_source():
    text = "Poll: the lake is full of boats"
    assert found(text, (("the lake is full of boats",), ":", "Poll", 0.9)) == [("indirect", "the lake is full of boats", "Poll")]


def test_who_is_heard_on_record_says_it():
    text = "The spot ends with footage of Ada Voss saying, “We will be at the table.”"
    assert found(text, ((" will be at the",), "saying", "The spot", 0.9)) == [("direct", "We will be at the table.", "Ada Voss")]


@pytest.mark.parametrize(
    "text", ["If the envoy says that talks are near, all cheer.", "The envoy may say that talks are near.", "Would the envoy say that talks are near?"]
)
def test_what_is_only_supposed_is_no_statement_whatever_the_tagger_says(text):
    cue = "says" if "says" in text else "say"
    source = "The envoy" if text.startswith("The") else "the envoy"
    assert found(text, (("talks are near",), cue, source, 0.9)) == []
