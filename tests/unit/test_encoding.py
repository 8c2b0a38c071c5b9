from dataclasses import replace

import pytest

from stance.config import ModelConfig
from stance.encoding import clean, encode
from stance.modeling import load
from stance.records import Example

FULL = ModelConfig(max_length=48, use_speaker=True, use_context=True)


@pytest.fixture(scope="module")
def reader(tiny_model):
    return load(tiny_model).reader


def words(reader, feature):
    return reader.rust.decode(feature["input_ids"], skip_special_tokens=False)


def test_statement_first_then_target_speaker_and_context(reader):
    example = Example("we will talk", "they", "rain fell [...] on the sea")
    [feature] = encode([example], reader, FULL).features
    # the tiny tokenizer does not know the mark of the statement's place
    assert words(reader, feature) == "[CLS] we will talk [SEP] negotiations | they | rain fell [UNK] on the sea [SEP]"
    first_of_second = feature["input_ids"].index(3) + 1
    assert feature["token_type_ids"][first_of_second:] == [1] * (len(feature["input_ids"]) - first_of_second)


def test_nothing_is_longer_than_the_limit_and_context_is_cut_from_its_far_ends(reader):
    context = " ".join(["rain"] * 200 + ["sea"] + ["[...]"] + ["table"] + ["rain"] * 200)
    encoded = encode([Example("we will talk", "they", context)], reader, replace(FULL, max_length=24))
    shown = words(reader, encoded.features[0])
    assert len(encoded.features[0]["input_ids"]) <= 24
    assert "we will talk" in shown and "sea [UNK] table" in shown
    assert encoded.truncated == [False]


def test_a_statement_that_is_too_long_is_cut_and_says_so(reader):
    encoded = encode([Example(" ".join(["we", "will"] * 100 + ["table"]), "they", "sea [...] sea")], reader, replace(FULL, max_length=24))
    assert len(encoded.features[0]["input_ids"]) <= 24
    assert encoded.truncated == [True]
    assert words(reader, encoded.features[0]).split()[1] == "we" and "table" in words(reader, encoded.features[0])


def test_switched_off_inputs_are_left_out(reader):
    example = Example("we will talk", "they", "sea [...]")
    config = ModelConfig(max_length=48, use_speaker=False, use_context=False, use_target=False)
    assert words(reader, encode([example], reader, config).features[0]) == "[CLS] we will talk [SEP]"


def test_a_context_that_holds_the_statement_is_the_same_as_one_with_its_place(reader):
    config = FULL
    one = encode([Example("we will talk", "", "rain we will talk sea")], reader, config)
    assert one == encode([Example("we will talk", "", "rain [...] sea")], reader, config)


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("“We will talk.”", "We will talk."),
        ('"We" and "they"', '"We" and "they"'),
        ("a\u00a0b\u200b  c\n", "a b c"),
        ("‘We’ll’", "'We'll'"),
        ("\u200b", "\u200b"),
    ],
)
def test_clean_folds_marks_and_space(text, cleaned):
    assert clean(text, strip_marks=True) == cleaned


def test_no_examples_are_no_features(reader):
    assert encode([], reader, ModelConfig()).features == []
