import json

import pytest

from stance.corpora import CORPUS, corpus_folder, decode, fingerprint, load_corpus, read_examples, read_real_statements, read_text
from stance.errors import EmptyTextError, InputError, MissingColumnError, SplitLeakError, UnknownLabelError, UnreadableFileError
from stance.labels import LABELS
from stance.records import Example
from stance.splits import check_no_leak, split_examples

ROWS = [{"text": "We will talk.", "label": "support"}, {"text": "Rain, again.", "label": "neutral"}]


def write(tmp_path, name, text):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_every_format_gives_the_same_examples(tmp_path):
    csv = write(tmp_path, "a.csv", 'text,label\nWe will talk.,support\n"Rain, again.",neutral\n')
    tsv = write(tmp_path, "a.tsv", "\ufefftext\tlabel\nWe will talk.\tsupport\nRain, again.\tneutral\n")
    jsonl = write(tmp_path, "a.jsonl", "\n".join(map(json.dumps, ROWS)) + "\n\n")
    array = write(tmp_path, "a.json", json.dumps(ROWS))
    expected = [Example("We will talk.", label="support"), Example("Rain, again.", label="neutral")]
    assert read_examples(csv) == read_examples(tsv) == read_examples(jsonl) == read_examples(array) == read_examples(ROWS) == expected


def test_columns_and_labels_are_mapped(tmp_path):
    path = write(tmp_path, "a.csv", "sentence,side,who\nWe will talk.,Favour,Ann\n")
    found = read_examples(path, columns={"text": "sentence", "label": "side", "speaker": "who"}, labels={"Favour": "support"})
    assert found == [Example("We will talk.", speaker="Ann", label="support")]


def test_examples_that_were_read_are_not_mapped_again():
    found = read_examples([{"sentence": "We will talk.", "side": "Favour"}], columns={"text": "sentence", "label": "side"}, labels={"Favour": "support"})
    assert read_examples(found, columns={"text": "sentence", "label": "side"}, labels={"Favour": "support"}) == found


def test_before_and_after_become_the_context():
    row = {"text": "We will talk.", "label": "support", "before": "He said: ", "after": " Then he left."}
    assert read_examples([row])[0].context == "He said:  [...]  Then he left."


@pytest.mark.parametrize(
    ("name", "text", "error", "message"),
    [
        ("a.csv", "text,label\nA b,support\nC d,Favour\n", UnknownLabelError, "a.csv, line 3: found label 'Favour', allowed are support, oppose, neutral."),
        ("a.csv", "text,label\nA b,\n", UnknownLabelError, "a.csv, line 2: found label '', allowed are support, oppose, neutral. Label it."),
        ("a.csv", "txt,label\nA b,support\n", MissingColumnError, "a.csv: no column 'text', found 'txt', 'label'."),
        ("a.csv", "", MissingColumnError, "a.csv: no column 'text', found none."),
        ("a.csv", "text,label\n  ,support\n", EmptyTextError, "a.csv, line 2: statement holds no words (found '  ')."),
        ("a.csv", "text,label\nA b\n", UnreadableFileError, "a.csv, line 2: the row does not have 2 cells"),
        ("a.csv", "text,label\nA, b,support\n", UnreadableFileError, "a.csv, line 2: the row does not have 2 cells"),
        ("a.csv", b"text,label\n\xff\xfe\xfa,support\n", UnreadableFileError, "a.csv: is not text in UTF-8 (byte 0xff at 11)."),
        ("a.csv", b"text\0", UnreadableFileError, "a.csv: is not text (a zero byte at 4)."),
        ("a.jsonl", '{"text": "A b", "label": "support"}\n{"text": \n', UnreadableFileError, "a.jsonl, line 2: is no valid JSON"),
        ("a.jsonl", "[1]\n", UnreadableFileError, "a.jsonl, line 1: found list, expected an object with named fields."),
        ("a.xlsx", "", UnreadableFileError, "a.xlsx: has the ending '.xlsx', allowed are .csv, .tsv, .jsonl, .ndjson, .json."),
    ],
)
def test_bad_input_is_named_with_file_and_line(tmp_path, name, text, error, message):
    with pytest.raises(error) as raised:
        read_examples(write(tmp_path, name, text))
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UnreadableFileError, match=r"none\.csv: cannot be read \(No such file or directory\)\. Check the path\.$"):
        read_examples(tmp_path / "none.csv")


def test_text_is_read_as_it_is(tmp_path):
    path = write(tmp_path, "a.txt", "a\r\nb\u2028“c”\n")
    assert read_text(path) == "a\r\nb\u2028“c”\n"
    assert decode("\ufeffé".encode("utf-16"), path) == "\ufeffé"


def test_the_corpus_loads_as_a_dataset_dict(corpus):
    data = load_corpus()
    assert set(data) == {"train", "dev", "test"}
    for split in data:
        assert len(data[split]) == len(corpus[split])
        assert set(data[split].unique("label")) == {"support", "oppose", "neutral"}


def test_fingerprints_tell_examples_apart():
    one, other = read_examples(CORPUS, split="dev"), read_examples(CORPUS, split="test")
    assert fingerprint(one) == fingerprint(list(one)) != fingerprint(other)


def test_splits_share_no_matter_and_are_seeded():
    examples = [Example(f"text {i}", matter=f"m{i % 7}") for i in range(70)]
    train, dev = split_examples(examples, 0.2, seed=1)
    assert not {e.matter for e in train} & {e.matter for e in dev}
    assert len(train) + len(dev) == 70
    assert 10 <= len(dev) <= 20
    assert split_examples(examples, 0.2, seed=1) == (train, dev)
    assert split_examples(examples, 0.2, seed=2) != (train, dev)


def test_matters_that_share_a_text_stay_together_and_dev_is_never_empty():
    examples = [Example("Shared.", matter="a"), Example("shared", matter="b"), Example("x", matter="a"), Example("y", matter="c")]
    for seed in range(8):
        train, dev = split_examples(examples, 0.0, seed)
        assert train and dev
        check_no_leak(train, dev)


def test_rows_and_columns_of_the_wrong_kind_are_named():
    with pytest.raises(InputError, match=r"^found rows of type str, expected examples or dicts\. For a pandas frame pass frame\.to_dict\('records'\)\.$"):
        read_examples(["We talk."])
    with pytest.raises(InputError, match=r"^columns: there is no field 'speeker', allowed are text, speaker"):
        read_examples(ROWS, columns={"speeker": "who"})
    with pytest.raises(InputError, match=r"^there is no split 'validation', allowed are train, dev, test\.$"):
        read_examples("corpus", split="validation")


def test_leaks_are_named():
    with pytest.raises(SplitLeakError, match=r"^train and dev share 1 matters, such as 'm'\. Keep each matter on one side\.$"):
        check_no_leak([Example("a", matter="m")], [Example("b", matter="m")])
    with pytest.raises(SplitLeakError, match=r"^train and dev share 1 texts, such as 'We WILL talk'\. Remove them from one side\.$"):
        check_no_leak([Example("We will talk!")], [Example("We WILL talk")])
    with pytest.raises(SplitLeakError, match=r"^all 2 examples are of one matter\. Name a dev file in data\.dev\.$"):
        split_examples([Example("a", matter="m"), Example("b", matter="m")], 0.5, 0)


def test_real_statements_get_the_labels_that_ship(tmp_path):
    import gzip

    labels = [json.loads(line) for line in (corpus_folder() / "real_labels.jsonl").read_text(encoding="utf-8").splitlines()[:2]]
    rows = [{"id": row["id"], "text": f"Statement {i}.", "before": "He said ", "after": "."} for i, row in enumerate(labels)] + [
        {"id": "none", "text": "No label."}
    ]
    path = tmp_path / "real.jsonl.gz"
    path.write_bytes(gzip.compress("\n".join(map(json.dumps, rows)).encode()))
    found = read_real_statements(path)
    assert [(e.id, e.label, e.text) for e in found] == [(row["id"], row["label"], f"Statement {i}.") for i, row in enumerate(labels)]
    assert found[0].context == "He said  [...] ." and found[0].matter == "real"
    assert [(e.text, e.label) for e in read_real_statements(path, labelled=False)] == [("No label.", None)]
    plain = tmp_path / "real.jsonl"
    plain.write_text(json.dumps({"id": "none", "text": "No label."}), encoding="utf-8")
    with pytest.raises(InputError, match="holds none of the 5103 statements"):
        read_real_statements(plain)
    plain.write_text(json.dumps(rows[0]), encoding="utf-8")
    with pytest.raises(InputError, match="holds no statement without a label"):
        read_real_statements(plain, labelled=False)
    path.write_bytes(b"no gzip")
    with pytest.raises(UnreadableFileError, match="cannot be read"):
        read_real_statements(path)


def test_the_labels_of_real_statements_are_labels_and_hold_no_text():
    for line in (corpus_folder() / "real_labels.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        assert set(row) == {"id", "label", "rule", "sure", "readings"}
        assert row["label"] in LABELS and row["label"] in row["readings"] and set(row["readings"]) <= {*LABELS, "skip"}
