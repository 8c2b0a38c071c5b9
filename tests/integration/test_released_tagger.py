"""The tagger inside the package: it is there, it reads anything, and both models fit into the wheel."""

import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import stance
from stance.modeling import load_tagger
from stance.quotes.extract import RELEASED_TAGGER

MARKS = ['"', "“", "”", "«", "»", "'", "’", "—", "\n", "\n\n", "\u200b", "😀", "\u202e", "&quot;", "<b>", "Q: ", ": ", " said ", "who "]


@pytest.fixture(scope="module")
def article(root):
    return (root / "examples" / "lake-truce.txt").read_text(encoding="utf-8")


def test_it_finds_more_than_the_rules_and_everything_direct_that_they_find(article):
    both, rules = stance.extract_quotes(article), stance.extract_quotes(article, extractor="rules")
    assert len(both) >= len(rules)
    assert {q.text for q in rules if q.kind == "direct"} <= {q.text for q in both}


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_mutated_article_never_fails_and_reads_the_same_twice(article, data):
    start = data.draw(st.integers(0, len(article) - 600))
    text = article[start : start + 600]
    for _ in range(data.draw(st.integers(1, 12))):
        at, cut = data.draw(st.integers(0, len(text))), data.draw(st.integers(0, 5))
        text = text[:at] + data.draw(st.sampled_from(MARKS)) + text[at + cut :]
    quotes = stance.extract_quotes(text)
    taken = set()
    for quote in quotes:
        assert all(text[p.start : p.end] == p.text and p.text.strip() for p in quote.parts)
        assert 0 <= quote.confidence <= 1
        inside = {i for p in quote.parts for i in range(p.start, p.end)}
        assert not inside & taken
        taken |= inside
        if quote.speaker:
            assert 0 <= quote.speaker.confidence <= 1
            if mention := quote.speaker.mention:
                assert text[mention.start : mention.end] == mention.text
    assert stance.extract_quotes(text) == quotes


def test_an_article_of_a_hundred_thousand_characters_is_read(article):
    text = "\n\n".join([article] * (100_000 // len(article) + 1))[:100_000]
    start = time.perf_counter()
    assert len(stance.extract_quotes(text)) > 300
    assert time.perf_counter() - start < 120


def test_both_models_fit_into_the_wheel_and_the_card_says_what_this_one_is_made_of(root):
    weights = [*(root / "stance" / "weights").iterdir(), *RELEASED_TAGGER.iterdir()]
    assert sum(path.stat().st_size for path in weights) < 80e6
    card = (RELEASED_TAGGER / "README.md").read_text(encoding="utf-8")
    assert "PolNeAR states no licence" in card and "{" not in card.split("---")[-1]
    assert load_tagger(RELEASED_TAGGER).max_length == 320
