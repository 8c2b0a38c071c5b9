"""Files -> examples: the shipped corpus, and tables of the user's own.

Comes in: `corpus`, or a CSV, TSV, JSON or JSON Lines file with a text column. Goes out: `Example` records, checked one by
one, so that a wrong label or an empty statement is named with its file and line before anything is trained.
The corpus lies in `stance/corpus/matters/`, a file per matter, and `splits.yaml` says which matter is in which split.
"""

import csv
import gzip
import hashlib
import io
import json
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from stance.errors import EmptyTextError, InputError, MissingColumnError, UnknownLabelError, UnreadableFileError
from stance.labels import LABELS, normalize_label
from stance.records import DEFAULT_TARGET, STATEMENT_SLOT, Example

if TYPE_CHECKING:
    from datasets import DatasetDict

SPLITS = ("train", "dev", "test")
CORPUS = "corpus"
REAL = "real"  # the matter of every real statement to learn from
REAL_DEV = "real, held out"
JSON_LINES = (".jsonl", ".ndjson")
TABLES = (".csv", ".tsv", *JSON_LINES, ".json")
_FIELDS = ("text", "speaker", "context", "target", "label", "matter", "id")


def corpus_folder() -> Path:
    """Return the folder of the shipped corpus."""
    return Path(str(files("stance") / "corpus"))


def load_corpus() -> "DatasetDict":
    """Load the negotiations corpus.

    Returns:
        A `datasets.DatasetDict` with train, dev and test, split by matter. Columns: those of `Example`, and `kind`,
        `rule` (of the guidelines), `style`, `matter_type`, `twin` (id of the contrast twin or None), `attributed`
        (stances of others, as `{"holder", "label"}`), `readings` (labels in the order given: writer, blind reader,
        and where they differed the one that settled it) and `settled` (why, or None).

    Example:
        >>> load_corpus()["train"][0]["label"] in ("support", "oppose", "neutral")
        True
    """
    import datasets

    features = datasets.Features(
        {
            **{name: datasets.Value("string") for name in (*_FIELDS, "kind", "style", "matter_type", "twin", "settled")},
            "rule": datasets.Value("int64"),
            "attributed": [{"holder": datasets.Value("string"), "label": datasets.Value("string")}],
            "readings": [datasets.Value("string")],
        }
    )
    rows = corpus_rows()
    return datasets.DatasetDict(
        {split: datasets.Dataset.from_list([{name: row.get(name) for name in features} for row in rows[split]], features=features) for split in SPLITS}
    )


def corpus_rows() -> dict[str, list[dict[str, Any]]]:
    """Read the corpus as plain rows, split -> rows, without importing `datasets`."""
    folder = corpus_folder()
    matters = yaml.safe_load((folder / "splits.yaml").read_text(encoding="utf-8"))
    rows: dict[str, list[dict[str, Any]]] = {split: [] for split in SPLITS}
    for matter, facts in matters.items():
        path = folder / "matters" / f"{matter}.jsonl"
        for line in path.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            rows[facts["split"]].append({**row, "matter": matter, "matter_type": facts["type"], "target": DEFAULT_TARGET})
    return rows


def other_targets(part: str) -> dict[str, list[str]]:
    """Read the targets that training (`learn`) or probing (`probe`) swaps in.

    Args:
        part: `learn` or `probe`; they share none.

    Returns:
        `same`: other words for negotiating; `other`: what no statement of the corpus takes a side on.
    """
    found = yaml.safe_load((corpus_folder() / "targets.yaml").read_text(encoding="utf-8"))
    return {kind: parts[part] for kind, parts in found.items()}


def read_examples(
    source: str | Path | Iterable[Example | Mapping[str, Any]],
    *,
    split: str = "train",
    columns: Mapping[str, str] | None = None,
    labels: Mapping[str, str] | None = None,
    target: str = DEFAULT_TARGET,
    require_label: bool = True,
) -> list[Example]:
    """Read examples from the corpus, a file, or anything that yields rows.

    Args:
        source: `"corpus"`; a CSV, TSV, JSON or JSON Lines file; a `datasets.Dataset`; or examples or dicts.
        split: Which split, where the source is the corpus.
        columns: Our field names (`text`, `speaker`, `context`, `target`, `label`, `matter`, `id`) to the source's. Where
            there is no context but `before` and `after`, they become it.
        labels: The source's label names to ours.
        target: What the stance is about, where a row does not say.
        require_label: Whether a row without a label is an error.

    Returns:
        The examples in their order.

    Raises:
        UnreadableFileError: The file is absent, is not text, or a row of it is broken.
        MissingColumnError: There is no text (or, if required, label) column.
        UnknownLabelError: A label is none of the three; the message gives file and line.
        EmptyTextError: A statement holds no words.
    """
    columns = dict(columns or {})
    if unknown := set(columns) - set(_FIELDS):
        raise InputError(f"columns: there is no field {sorted(unknown)[0]!r}, allowed are {', '.join(_FIELDS)}.")
    rows: Iterator[tuple[str, Mapping[str, Any]]]
    if isinstance(source, (str, Path)):
        if str(source) == CORPUS:
            if split not in SPLITS:
                raise InputError(f"there is no split {split!r}, allowed are {', '.join(SPLITS)}.")
            return [_example(row, "corpus", {}, {}, target, require_label) for row in corpus_rows()[split]]
        path = Path(source)
        found, rows = read_table(path)
        needed = ["text", "label"] if require_label else ["text"]
        for name in (*columns, *needed):
            if (column := columns.get(name, name)) not in found:
                raise MissingColumnError(path, column, found, name)
    else:
        given = list(source)
        if wrong := [row for row in given if not isinstance(row, (Example, Mapping))]:
            raise InputError(f"found rows of type {type(wrong[0]).__name__}, expected examples or dicts. For a pandas frame pass frame.to_dict('records').")
        rows = ((f"example {i}", row) for i, row in enumerate(given))  # type: ignore[misc]
    return [
        row if isinstance(row, Example) and not require_label else _example(row, where, columns, labels or {}, target, require_label) for where, row in rows
    ]


def _example(
    row: Example | Mapping[str, Any],
    where: str,
    columns: Mapping[str, str],
    labels: Mapping[str, str],
    target: str,
    require_label: bool,
) -> Example:
    if isinstance(row, Example):  # read before: its names are ours already
        data, columns, labels = row.to_dict(), {}, {}
    else:
        data = dict(row)
    values = {name: data.get(columns.get(name, name)) for name in _FIELDS}
    text = values["text"]
    if not values["context"] and (data.get("before") or data.get("after")):
        values["context"] = f"{data.get('before') or ''} {STATEMENT_SLOT} {data.get('after') or ''}".strip()
    if not isinstance(text, str) or not has_words(text):
        raise EmptyTextError(f"{where}: statement", text)
    label = None
    if values["label"] not in (None, ""):
        label = normalize_label(values["label"], labels)
    if label is None and (require_label or values["label"] not in (None, "")):
        raise UnknownLabelError(where, values["label"] if values["label"] is not None else "", LABELS)
    return Example(
        text=text,
        speaker=str(values["speaker"] or ""),
        context=str(values["context"] or ""),
        target=str(values["target"] or target),
        label=label,
        matter=str(values["matter"] or ""),
        id=str(values["id"] if values["id"] is not None else ""),
    )


def name_of(source: object, split: str) -> str:
    """What a report calls the rows that `read_examples` reads from a source."""
    return f"{CORPUS}, {split}" if str(source) == CORPUS else str(source) if isinstance(source, (str, Path)) else "the given examples"


def read_column(source: str | Path | Iterable[Example | Mapping[str, Any]], name: str, *, split: str = "train") -> list[str]:
    """Read one more column of the rows that `read_examples` reads, such as `kind`.

    Args:
        source: As there; an iterable has to be a list, since it is read a second time.
        name: The column.
        split: Which split, where the source is the corpus.

    Returns:
        Its values as text in the order of the rows, "" where a row has none.

    Raises:
        InputError: No row has it.
    """
    rows: list[Mapping[str, Any]]
    if str(source) == CORPUS:
        rows = list(corpus_rows()[split])
    elif isinstance(source, (str, Path)):
        rows = [row for _, row in read_table(source)[1]]
    else:
        rows = [row.to_dict() if isinstance(row, Example) else row for row in source]
    if not any(name in row for row in rows):
        where = source if isinstance(source, (str, Path)) else "the given rows"
        found = ", ".join(map(repr, rows[0])) if rows else "no rows"
        raise InputError(f"{where}: no column {name!r} to score by, found {found}. Name one of these with --by (in Python: slices=[...]).")
    return ["" if row.get(name) is None else str(row[name]) for row in rows]


def read_real_statements(path: str | Path, *, labelled: bool = True) -> list[Example]:
    """Read real statements whose labels ship with the package while their text, which is other people's, does not.

    Args:
        path: A JSON Lines file, or a gzipped one, with `id`, `text`, `speaker`, `before` and `after` of each statement.
        labelled: Whether to give those that `stance/corpus/real_labels.jsonl` has a label for, or the others, without one.

    Returns:
        The statements, in the file's order.

    Raises:
        UnreadableFileError: The file is absent, or is not such a file.
        InputError: It holds no such statement.
    """
    path = Path(path)
    shipped = (corpus_folder() / "real_labels.jsonl").read_text(encoding="utf-8").splitlines()
    labels: dict[str, str] = {row["id"]: row["label"] for row in map(json.loads, shipped)}
    try:
        data = path.read_bytes()
        text = decode(gzip.decompress(data) if path.suffix == ".gz" else data, path)
    except (OSError, EOFError, zlib.error) as error:
        raise UnreadableFileError(path, f"cannot be read ({error}). Pass JSON Lines, gzipped or not.") from error
    _, rows = _read_json(path, text, None, lines=True)
    found = [
        _example({**row, "label": labels.get(str(row.get("id"))), "matter": REAL}, where, {}, {}, DEFAULT_TARGET, labelled)
        for where, row in rows
        if (row.get("id") in labels) == labelled
    ]
    if not found and not labelled:
        raise InputError(f"{path}: holds no statement without a label. Pass a file that does, or leave out distill.unlabelled.")
    if not found:
        raise InputError(
            f"{path}: holds none of the {len(labels)} statements that stance/corpus/real_labels.jsonl has labels for. Pass the file they were read in."
        )
    return found


def has_words(text: str) -> bool:
    """Whether a text holds at least one letter or digit."""
    return any(character.isalnum() for character in text)


def read_text(path: str | Path) -> str:
    """Read a text file as it is.

    Args:
        path: The file, UTF-8 (with or without a byte-order mark) or UTF-16 with one.

    Returns:
        The text; line ends are left as they are, so that offsets fit the file.

    Raises:
        UnreadableFileError: The file is absent or is not text.
    """
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise UnreadableFileError(path, f"cannot be read ({error.strerror or error}). Check the path.") from error
    return decode(data, path)


def decode(data: bytes, path: str | Path) -> str:
    """Decode bytes as text, or say that they are none."""
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        raise UnreadableFileError(path, f"is not text in UTF-8 (byte {data[error.start]:#04x} at {error.start}). Convert it, or pass a text file.") from error
    if "\0" in text:
        raise UnreadableFileError(path, f"is not text (a zero byte at {text.index(chr(0))}). Pass a text file.")
    return text


def read_table(path: str | Path, broken: list[UnreadableFileError] | None = None) -> tuple[list[str], Iterator[tuple[str, dict[str, Any]]]]:
    """Read a table.

    Args:
        path: A .csv, .tsv, .json, .jsonl or .ndjson file.
        broken: Where to put the errors of broken rows, so that the others are read; without it the first one is raised.

    Returns:
        Its column names, and an iterator of ("file, line n", row).

    Raises:
        UnreadableFileError: The file is absent, is not text, has another ending, or a row is broken.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in TABLES:
        raise UnreadableFileError(path, f"has the ending {suffix!r}, allowed are {', '.join(TABLES)}.")
    text = read_text(path)
    if suffix in (".csv", ".tsv"):
        return _read_csv(path, text, "\t" if suffix == ".tsv" else ",", broken)
    return _read_json(path, text, broken, lines=suffix in JSON_LINES)


def _put_aside(error: UnreadableFileError, broken: list[UnreadableFileError] | None) -> None:
    if broken is None:
        raise error
    broken.append(error)


def _read_csv(path: Path, text: str, delimiter: str, broken: list[UnreadableFileError] | None) -> tuple[list[str], Iterator[tuple[str, dict[str, Any]]]]:
    csv.field_size_limit(2**31 - 1)  # an article is a long cell
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        columns = list(reader.fieldnames or [])
    except csv.Error as error:
        raise UnreadableFileError(path, f"is no valid CSV ({error}).", 1) from error

    def rows() -> Iterator[tuple[str, dict[str, Any]]]:
        try:
            for row in reader:
                if None in row or None in row.values():
                    problem = f"the row does not have {len(columns)} cells like the first line. Quote cells that hold a {delimiter!r}."
                    _put_aside(UnreadableFileError(path, problem, reader.line_num), broken)
                    continue
                yield f"{path}, line {reader.line_num}", row
        except csv.Error as error:
            raise UnreadableFileError(path, f"is no valid CSV ({error}).", reader.line_num) from error

    return columns, rows()


def _read_json(path: Path, text: str, broken: list[UnreadableFileError] | None, *, lines: bool) -> tuple[list[str], Iterator[tuple[str, dict[str, Any]]]]:
    parsed: list[tuple[int, Any]] = []
    for number, piece in enumerate(text.split("\n"), 1) if lines else [(1, text)]:
        if lines and not piece.strip():
            continue
        try:
            parsed.append((number, json.loads(piece)))
        except json.JSONDecodeError as error:
            _put_aside(UnreadableFileError(path, f"is no valid JSON ({error.msg}).", number + error.lineno - 1), broken if lines else None)
    if not lines:
        value = parsed[0][1]
        parsed = [(1, item) for item in (value if isinstance(value, list) else [value])]
    rows: list[tuple[str, dict[str, Any]]] = []
    for i, (number, row) in enumerate(parsed):
        if isinstance(row, dict):
            rows.append((f"{path}, line {number}" if lines else f"{path}, row {i}", row))
        else:
            _put_aside(UnreadableFileError(path, f"found {type(row).__name__}, expected an object with named fields.", number), broken)
    return list(dict.fromkeys(name for _, row in rows for name in row)), iter(rows)


def fingerprint(examples: Sequence[Example]) -> str:
    """Return a SHA-256 of what training reads, so that a checkpoint can say which data made it."""
    digest = hashlib.sha256()
    for example in examples:
        digest.update(json.dumps(example.to_dict(), sort_keys=True, ensure_ascii=False).encode())
    return digest.hexdigest()
