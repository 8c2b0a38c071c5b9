"""Words, windows, tags, links: from annotated articles and back."""

import json
from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import stance
from stance.config import ModelConfig
from stance.errors import BrokenCheckpointError, InputError, ModelNotFoundError
from stance.modeling import load_tagger, new_tagger, save_tagger
from stance.quotes.learning import (
    IGNORED,
    AnnotatedArticle,
    _surprise,
    collate_labelled,
    labelled_windows,
    learner,
    read_articles,
    span_scores,
    tag_words,
)
from stance.quotes.tagger import LEGAL, TAG_TO_ID, TAGS, best_tags, collate, forward, marginals, shapes, stretches, windows, words

TEXT = "Ada Voss said the lake was open. “We will talk,” she added, “but not today.”\n\nRain fell."


def at(phrase, text=TEXT):
    start = text.index(phrase)
    return (start, start + len(phrase))


ARTICLE = AnnotatedArticle(
    "lake",
    TEXT,
    (
        {"content": (at("the lake was open"),), "cue": (at("said"),), "source": (at("Ada Voss"),)},
        {"content": (at("“We will talk,”"), at("“but not today.”")), "cue": (at("added"),), "source": (at("she"),)},
    ),
)


def printed(text):
    return [text[a:b] for a, b in words(text)]


def test_words_are_what_a_reader_calls_words_and_paragraphs_are_parted():
    assert printed("Mr. O'Neil's U.S. co-author paid $1,200.50 (at 9:30).") == (
        ["Mr", ".", "O'Neil's", "U.S", ".", "co-author", "paid", "$", "1,200.50", "(", "at", "9:30", ")", "."]
    )
    assert printed("One.\n\nTwo") == ["One", ".", "", "Two"]
    assert words("") == [] and words(" \u200b ") == []


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=300))
def test_words_cut_out_their_text_in_order(text):
    spans = words(text)
    assert all(0 <= a <= b <= len(text) for a, b in spans)
    assert all(left[1] <= right[0] for left, right in pairwise(spans))


@pytest.fixture(scope="module")
def tagger(tiny_encoder):
    import torch

    torch.manual_seed(0)
    return new_tagger(ModelConfig(encoder=str(tiny_encoder), max_length=20))


@pytest.mark.parametrize("max_length", [8, 12, 20, 48])
def test_windows_hold_every_word_whole_and_share_some(tagger, max_length):
    spans = words(TEXT)
    found = windows(TEXT, spans, tagger.reader, max_length, 3)
    covered = [i for window in found for i in range(window.first, window.first + len(window.heads))]
    assert set(covered) == set(range(len(spans)))
    assert all(len(window.input_ids) <= max_length for window in found)
    assert all(right.first < left.first + len(left.heads) for left, right in pairwise(found))


def test_annotations_become_tags_and_links():
    spans = words(TEXT)
    tags, cues, sources = tag_words(ARTICLE, spans)
    named = [(role, " ".join(TEXT[slice(*spans[i])] for i in range(first, last))) for role, first, last in stretches(tags)]
    assert named == [
        ("source", "Ada Voss"),
        ("cue", "said"),
        ("content", "the lake was open"),
        ("content", "“ We will talk , ”"),
        ("source", "she"),
        ("cue", "added"),
        ("content", "“ but not today . ”"),
    ]
    printed_at = {first: TEXT[slice(*spans[first])] for first in range(len(spans))}
    assert [(printed_at[a], printed_at[b]) for a, b in cues.items()] == [("the", "said"), ("“", "added"), ("“", "added")]
    assert [(printed_at[a], printed_at[b]) for a, b in sources.items()] == [("said", "Ada"), ("added", "she")]


def test_of_nested_attributions_the_first_keeps_its_words_and_its_link():
    text = "The mayor said the lake was open and Bob denied the rain."
    outer = {"content": (at("the lake was open and Bob denied the rain", text),), "cue": (at("said", text),), "source": (at("The mayor", text),)}
    inner = {"content": (at("the lake was open", text),), "cue": (at("denied", text),), "source": (at("Bob", text),)}
    _, cues, sources = tag_words(AnnotatedArticle("", text, (outer, inner)), words(text))
    assert [(printed(text)[a], printed(text)[b]) for a, b in cues.items()] == [("the", "said")]
    assert [printed(text)[cue] for cue in sources] == ["said"]


@pytest.mark.parametrize("seed", range(40))
def test_no_stretch_is_empty_whatever_the_network_says(tagger, seed):
    import torch

    torch.manual_seed(seed)
    wild = new_tagger(ModelConfig(encoder=tagger.network.config._name_or_path, max_length=20))
    torch.nn.init.normal_(wild.network.classifier.weight, std=2.0)
    text = 'Ada said talks were near.\n\nTalks, said Ada, were near.\n\n"Talks were near," said Ada.\n\nNo.'
    for a in wild.attributions(text):
        assert all(start < end for start, end in (*a.content, *filter(None, (a.cue, a.source))))
    stance.extract_quotes(text, extractor=wild)


def test_a_link_out_of_the_window_is_not_learnt(tagger):
    found = labelled_windows([ARTICLE], tagger.reader, 10, 2)
    assert len(found) > 3
    for item in found:
        assert len(item.tags) == len(item.window.heads) == len(item.links[0])
        assert all(IGNORED == link or 0 <= link <= len(item.tags) for links in item.links for link in links)
    assert any(link > 0 for item in found for link in item.links[0])


def test_the_best_tags_are_the_likeliest_legal_ones():
    scores = np.log(np.full((3, len(TAGS)), 0.01))
    scores[0, TAG_TO_ID["I-cue"]] = 0  # may not begin
    scores[0, TAG_TO_ID["B-content"]] = -1
    scores[1, TAG_TO_ID["I-content"]] = 0
    scores[2, TAG_TO_ID["I-source"]] = 0  # may not follow content
    scores[2, TAG_TO_ID["O"]] = -1
    assert [TAGS[tag] for tag in best_tags(scores)] == ["B-content", "I-content", "O"]
    assert best_tags(np.zeros((0, len(TAGS)))) == []


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 40), st.integers(0, 1000))
def test_no_sequence_of_tags_is_ever_illegal(n, seed):
    tags = best_tags(np.random.default_rng(seed).normal(size=(n, len(TAGS))))
    for before, tag in zip(["O", *(TAGS[t] for t in tags)], (TAGS[t] for t in tags), strict=False):
        assert not tag.startswith("I-") or before[2:] == tag[2:]


def test_it_learns_a_small_article_by_heart_and_gives_it_back(tagger, tmp_path):
    import torch

    items = labelled_windows([ARTICLE], tagger.reader, tagger.max_length, tagger.overlap)
    module = learner(tagger).train()
    optimizer = torch.optim.AdamW(module.parameters(), lr=0.01)
    for _ in range(150):
        loss = module(**collate_labelled(items, tagger.tokenizer.pad_token_id))["loss"]
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    tagger.network.eval()
    assert span_scores([ARTICLE], tagger)["macro_f1"] > 0.9
    first, second = (a for a in tagger.attributions(TEXT) if a.cue)
    assert [TEXT[slice(*first.content[0])], TEXT[slice(*first.cue)], TEXT[slice(*first.source)]] == ["the lake was open", "said", "Ada Voss"]
    assert [TEXT[a:b] for a, b in second.content] == ["“We will talk,”", "“but not today.”"] and TEXT[slice(*second.source)] == "she"
    assert 0 < first.confidence <= 1 and 0 < first.linked <= 1

    save_tagger(tagger, tmp_path / "tagger")
    again = load_tagger(tmp_path / "tagger")
    assert again.attributions(TEXT) == tagger.attributions(TEXT)
    assert (again.max_length, again.overlap) == (tagger.max_length, tagger.overlap)
    spans = [(a.content, a.cue, a.source) for a in tagger.attributions(TEXT)]
    for dtype, most in (("float16", 0.6), ("int8", 0.45)):
        save_tagger(tagger, tmp_path / dtype, dtype)
        assert [(a.content, a.cue, a.source) for a in load_tagger(tmp_path / dtype).attributions(TEXT)] == spans
        assert (tmp_path / dtype / "model.safetensors").stat().st_size < most * (tmp_path / "tagger" / "model.safetensors").stat().st_size


@settings(max_examples=60, deadline=None)
@given(text=st.text(max_size=400))
def test_any_text_can_be_read(tagger, text):
    for attribution in tagger.attributions(text):
        for a, b in (*attribution.content, *filter(None, (attribution.cue, attribution.source))):
            assert 0 <= a < b <= len(text)


def test_a_broken_character_and_a_tiny_window_stop_nothing(tagger):
    assert isinstance(tagger.attributions("Ada \ud800 said the lake was open."), list)
    assert len(windows("one two three", words("one two three"), tagger.reader, 1, 3)) == 3


def test_what_is_no_tagger_is_refused(tmp_path, tiny_model):
    with pytest.raises(ModelNotFoundError, match="is no checkpoint folder"):
        load_tagger(tmp_path / "nothing")
    with pytest.raises(BrokenCheckpointError, match=r"no tagger that can be loaded.*configs/quotes\.yaml"):
        load_tagger(tiny_model)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("{", "line 1: is no annotated article"),
        ('{"text": "Ada spoke."}', "line 1: is no annotated article"),
        ('{"text": "Ada spoke.", "attributions": [{"cue": [[4, 99]]}]}', r"\[4, 99\] lies outside the text of 10 characters"),
        ('{"text": "Ada spoke.", "attributions": [[1, 2]]}', "line 1: is no annotated article"),
        ('{"text": " ", "attributions": []}', "expected a string with words"),
        ("", "holds no article"),
    ],
)
def test_a_bad_file_of_articles_is_named_with_its_line(tmp_path, line, says):
    path = tmp_path / "articles.jsonl"
    path.write_text(line + "\n")
    with pytest.raises(InputError, match=says):
        read_articles(path)


def test_articles_come_back_as_they_were_written(tmp_path):
    path = tmp_path / "articles.jsonl"
    path.write_text(json.dumps({"id": ARTICLE.id, "text": ARTICLE.text, "attributions": ARTICLE.attributions}) + "\n")
    assert read_articles(path) == [ARTICLE]


def all_sequences(n):
    for tags in product(range(len(TAGS)), repeat=n):
        if not TAGS[tags[0]].startswith("I-") and all(LEGAL[a, b] == 0 for a, b in pairwise(tags)):
            yield tags


@pytest.mark.parametrize("seed", range(5))
def test_marginals_and_the_best_sequence_are_those_of_counting_every_one(seed):
    rng = np.random.default_rng(seed)
    scores, transitions = rng.normal(size=(4, len(TAGS))), rng.normal(size=(len(TAGS), len(TAGS)))
    value = {tags: sum(scores[i, tag] for i, tag in enumerate(tags)) + sum(transitions[a, b] for a, b in pairwise(tags)) for tags in all_sequences(len(scores))}
    assert tuple(best_tags(scores, transitions)) == max(value, key=value.get)
    total = sum(np.exp(v) for v in value.values())
    expected = np.zeros_like(scores)
    for tags, v in value.items():
        expected[np.arange(len(scores)), list(tags)] += np.exp(v) / total
    np.testing.assert_allclose(marginals(scores, transitions), expected, atol=1e-12)


def test_the_loss_is_the_surprise_at_the_right_sequence_among_all(tagger):
    import torch

    rng = np.random.default_rng(3)
    scores, transitions = rng.normal(size=(3, len(TAGS))), rng.normal(size=(len(TAGS), len(TAGS)))
    right = (TAG_TO_ID["B-cue"], TAG_TO_ID["I-cue"], 0)
    # A window may start in the middle of a stretch, so any tag may come first.
    every = [tags for tags in product(range(len(TAGS)), repeat=3) if all(LEGAL[a, b] == 0 for a, b in pairwise(tags))]
    value = {tags: sum(scores[i, tag] for i, tag in enumerate(tags)) + sum(transitions[a, b] for a, b in pairwise(tags)) for tags in every}
    expected = np.log(sum(np.exp(v) for v in value.values())) - value[right]
    padded = torch.tensor(np.vstack([scores, np.full((1, len(TAGS)), 7.0)])[None])  # what is padding counts for nothing
    found = _surprise(padded, torch.tensor([[*right, 0]]), torch.tensor([[True, True, True, False]]), torch.tensor(transitions))
    assert abs(found.item() - expected) < 1e-9


def test_shapes_tell_capitals_and_what_stands_between_marks():
    text = 'Ada met the UN. "We go," she said.'
    assert list(zip(printed(text), shapes(text, words(text)), strict=True)) == (
        [("Ada", 1), ("met", 0), ("the", 0), ("UN", 2), (".", 0), ('"', 0), ("We", 4), ("go", 3), (",", 3), ('"', 0), ("she", 0), ("said", 0), (".", 0)]
    )


def test_the_network_is_told_the_shapes(tagger):
    import torch

    [window] = windows("Ada", words("Ada"), tagger.reader, 20, 2)
    batch = {name: torch.from_numpy(ids) for name, ids in collate([window], 0).items()}
    with torch.no_grad():
        tagger.network.shapes.weight[1] = 1.0
        told, _ = forward(tagger.network, batch)
        untold, _ = forward(tagger.network, {**batch, "shapes": torch.zeros_like(batch["shapes"])})
        tagger.network.shapes.weight[1] = 0.0
    assert not torch.allclose(told, untold)


@pytest.mark.parametrize(("n", "breaks"), [(1, []), (1, [0]), (3, [0, 1, 2]), (9, [0, 4]), (9, [3, 4, 8]), (40, [7, 20, 21, 33])])
def test_reading_between_breaks_gives_what_reading_through_them_does(n, breaks):
    draw = np.random.default_rng(n)
    scores, transitions = draw.normal(scale=2, size=(n, len(TAGS))), draw.normal(size=(len(TAGS), len(TAGS)))
    through = scores.copy()
    through[breaks, 1:] = -np.inf
    assert best_tags(scores, transitions, breaks) == best_tags(through, transitions)
    np.testing.assert_allclose(marginals(scores, transitions, breaks), marginals(through, transitions), atol=1e-12)
