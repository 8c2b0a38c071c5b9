"""The corpus is what its data card says."""

import json
import re

import pytest

from stance.checking import check_corpus, near_duplicates, telling_words
from stance.corpora import SPLITS, corpus_folder
from stance.labels import LABELS
from stance.records import STATEMENT_SLOT
from stance.splits import normalize

FIELDS = {"id", "text", "kind", "speaker", "context", "label", "rule", "style", "twin", "attributed", "readings", "settled"}


@pytest.fixture(scope="module")
def rows(corpus):
    return [{**row, "split": split} for split in SPLITS for row in corpus[split]]


def test_every_row_is_well_formed(rows):
    for row in rows:
        where = row["id"]
        assert set(row) == FIELDS | {"matter", "matter_type", "target", "split"}, where
        assert row["text"] == row["text"].strip() and row["text"], where
        assert row["label"] in LABELS and row["kind"] in ("direct", "indirect", "mixed"), where
        assert row["rule"] in range(12), where
        assert not row["context"] or row["context"].count(STATEMENT_SLOT) == 1, where
        assert all(a["label"] in LABELS and a["holder"] for a in row["attributed"]), where
        assert row["id"].startswith(row["matter"] + "-"), where
        assert not re.search(r"[\u200b\ufeff\ufffd\x00-\x1f]", row["text"] + row["context"] + row["speaker"]), where


def test_every_file_is_in_a_split(corpus):
    named = {row["matter"] for rows in corpus.values() for row in rows}
    assert named == {path.stem for path in (corpus_folder() / "matters").glob("*.jsonl")}


def test_ids_are_unique_and_twins_are_mutual_with_other_labels(rows):
    by_id = {row["id"]: row for row in rows}
    assert len(by_id) == len(rows)
    for row in rows:
        if row["twin"]:
            twin = by_id[row["twin"]]
            assert twin["twin"] == row["id"] and twin["label"] != row["label"] and twin["split"] == row["split"], row["id"]


def test_every_statement_was_read_twice_and_disagreements_are_settled_with_a_reason(rows):
    for row in rows:
        first, second, *third = row["readings"]
        if first == second:
            assert row["label"] == first and not third and row["settled"] is None, row["id"]
        else:
            assert third == [row["label"]] and row["settled"], row["id"]


@pytest.fixture(scope="module")
def checked():
    return check_corpus(minimum=6000)


def test_all_checks_hold(checked):
    assert checked.problems == ()
    assert checked.to_markdown().endswith("All checks hold.\n")


def test_the_corpus_is_as_large_and_varied_as_its_card_says(checked):
    figures = checked.figures
    assert figures["n_matters"] >= 80 and figures["n_pairs"] >= 1000 and figures["n_attributed"] >= 450
    assert all(count >= 150 for count in figures["rules"].values())
    assert figures["with_context"] >= 0.7 and 20 <= figures["words"]["median"] <= 30
    assert figures["styles"]["translated"] >= 0.1 * figures["n_statements"]
    assert figures["agreement"]["alpha"] >= 0.8 and min(figures["agreement"]["rules"].values()) >= 0.65


def test_the_card_holds_the_figures_that_the_check_prints(checked):
    assert checked.to_markdown().strip() in (corpus_folder() / "README.md").read_text(encoding="utf-8")


def test_a_give_away_is_found():
    rows = [{"text": f"{'alas' if i % 2 else 'hurrah'} number {i}", "label": "oppose" if i % 2 else "support"} for i in range(80)]
    words = telling_words(rows)
    assert {(w["word"], w["label"], w["share"]) for w in words[:2]} == {("alas", "oppose", 1.0), ("hurrah", "support", 1.0)}


def test_near_duplicates_are_found_across_groups_only():
    texts = ["The delegation will come to the hall on Monday morning.", "The delegation will come to the hall on Monday evening.", "Rain fell."]
    assert near_duplicates(texts, ["train", "dev", "dev"])[0] == 1
    assert near_duplicates(texts, ["dev", "dev", "dev"])[0] == 0


def test_no_matter_and_no_text_stands_in_two_splits(rows):
    matters, texts = {}, {}
    for row in rows:
        assert matters.setdefault(row["matter"], row["split"]) == row["split"]
        assert texts.setdefault(normalize(row["text"]), row["split"]) == row["split"], row["id"]


def test_labels_of_real_statements_are_labels_and_bring_no_text(root):
    lines = (root / "stance" / "corpus" / "real_labels.jsonl").read_text(encoding="utf-8").splitlines()
    labels = [json.loads(line) for line in lines]
    assert len({row["id"] for row in labels}) == len(labels) >= 2000
    for row in labels:
        assert set(row) == {"id", "label", "rule", "sure", "readings"}
        assert row["label"] in LABELS and row["rule"] in range(12) and row["sure"] in (1, 2, 3)
        assert set(row["readings"]) <= {*LABELS, "skip"} and re.fullmatch(r"[0-9a-f]{10}", row["id"])
