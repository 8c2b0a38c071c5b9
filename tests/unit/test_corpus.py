"""The corpus is what its data card says."""

import re
from collections import Counter

import pytest

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


def test_there_are_enough_statements_matters_and_labels(rows):
    assert len(rows) >= 600
    assert len({row["matter"] for row in rows}) >= 15
    for split in SPLITS:
        counts = Counter(row["label"] for row in rows if row["split"] == split)
        total = sum(counts.values())
        assert all(0.2 <= counts[label] / total <= 0.5 for label in LABELS), (split, counts)


def test_no_matter_and_no_text_stands_in_two_splits(rows):
    matters, texts = {}, {}
    for row in rows:
        assert matters.setdefault(row["matter"], row["split"]) == row["split"]
        assert texts.setdefault(normalize(row["text"]), row["split"]) == row["split"], row["id"]
