"""Scores of found quotes, counted by hand."""

import json

import pytest

from stance.quotes.learning import AnnotatedArticle
from stance.quotes.scoring import evaluate_quotes
from stance.quotes.tagger import Attribution

TEXT = 'Ada Voss said the lake was open again. "We will talk on Monday," she said. The mayor hoped that it would rain. The so-called "lake plan" failed.'


def at(phrase, text=TEXT):
    return (text.index(phrase), text.index(phrase) + len(phrase))


def gold(content, cue, source):
    return {"content": (at(content),), "cue": (at(cue),), "source": (at(source),)}


LAKE = gold("the lake was open again", "said", "Ada Voss")
MONDAY = gold('"We will talk on Monday,"', "said.", "she")
RAIN = gold("it would rain", "hoped", "The mayor")


class Told:
    def __init__(self, *given):
        self.given = [Attribution((at(content),), at(cue), at(source), 0.9, 1.0) for content, cue, source in given]

    def attributions(self, text):
        return self.given

    def tags(self, text):
        return []


def report(*attributions, extractor="rules"):
    return evaluate_quotes([AnnotatedArticle("lake", TEXT, attributions)], extractor=extractor, n_resamples=20).figures


def test_what_the_rules_find_in_full_is_right():
    figures = report(LAKE, MONDAY, RAIN)
    assert figures["n_statements"] == 2  # a hope is no statement of speech
    everything = figures["groups"]["all"]
    assert everything["precision"] == everything["recall"] == everything["f1"] == everything["attribution_f1"] == everything["named_f1"] == 1
    assert figures["groups"]["direct"]["speaker_mentioned"] == 0 and figures["groups"]["direct"]["speaker_right"] == 1  # "she" is Ada Voss
    assert figures["groups"]["indirect"]["speaker_mentioned"] == 1
    assert figures["n_scare"] == 0


def test_a_direct_prediction_on_nothing_annotated_is_a_scare_quote():
    figures = report(LAKE)
    assert figures["n_scare"] == 1
    assert figures["groups"]["direct"]["n_gold"] == 0 and figures["groups"]["all"]["precision"] == pytest.approx(1 / 3)  # the hope is false as well


def test_half_a_statement_counts_by_its_share_of_words():
    half = ("the lake was", "said", "Ada Voss")  # 3 of 5 words
    less = ("the lake", "said", "Ada Voss")  # 2 of 5; an indirect prediction has three words at least, so it is not even made
    found = report(LAKE, extractor=Told(half))["groups"]["indirect"]
    assert (found["recall"], found["exact_f1"]) == (1, 0)
    assert report(LAKE, extractor=Told(less))["groups"]["indirect"]["recall"] == 0


def test_the_wrong_speaker_costs_the_attribution_and_not_the_content():
    found = report(LAKE, extractor=Told(("the lake was open again", "said", "The mayor")))["groups"]["indirect"]
    assert (found["f1"], found["attribution_f1"]) == (1, 0)


def test_words_of_content_and_source_are_counted():
    tokens = report(LAKE, extractor=Told(("the lake was", "said", "Ada Voss")))["tokens"]
    assert tokens["source"]["recall"] == 1 and tokens["content"]["recall"] == pytest.approx(3 / 5)


def test_the_command_prints_the_table(tmp_path, capsys):
    from stance.cli import main

    path = tmp_path / "articles.jsonl"
    path.write_text(json.dumps({"text": TEXT, "attributions": [LAKE, MONDAY, RAIN]}) + "\n")
    assert main(["evaluate", "--task", "quotes", "--data", str(path), "--extractor", "rules"]) == 0
    assert "| all (2) | 100.0 | 100.0 | 100.0 (100.0-100.0) |" in capsys.readouterr().out
    assert main(["evaluate", "runs/mine", "--task", "quotes", "--data", str(path)]) != 0
    assert "pass a tagger's folder as --extractor" in capsys.readouterr().err
    assert main(["evaluate", "--task", "quotes"]) != 0
    assert "scripts/read_polnear.py" in capsys.readouterr().err
