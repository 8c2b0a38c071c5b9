"""Files of articles -> a folder of statements with speakers and stances, in shards that outlive a killed run.

Comes in: Parquet, JSON Lines and text files. Goes out: for each shard of articles one file of statements, written whole or
not at all, and beside it the articles that failed with the reason. A run that was stopped goes on with the shards that are
missing; the same articles are always in the same shard, so that its output is the same, byte for byte. With
`engine="ray"` the shards are worked on by the machines of a Ray cluster, which must see the same files.
"""

import io
import json
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stance.analyze import analyze, cell_text
from stance.backends import checkpoint_hash, choose, resolve
from stance.corpora import read_text
from stance.errors import InputError, MissingColumnError, MissingExtraError, ModelNotFoundError, StanceError, UnreadableFileError
from stance.modeling import find_checkpoint, load
from stance.predict import check_settings
from stance.quotes.extract import extractor_folder, load_extractor
from stance.records import DEFAULT_MODEL, DEFAULT_TARGET, ENGINES, Record
from stance.reporting import ROW_FIELDS, write_whole

if TYPE_CHECKING:
    import pyarrow

FORMATS = ("parquet", "jsonl")
RUN_FILE = "run.json"
_FIELDS = ("id", *ROW_FIELDS, "outlet", "date")


@dataclass(frozen=True, slots=True)
class BulkResult(Record):
    """What a run over files did.

    Attributes:
        out: The folder with the results.
        n_articles: Articles in all files.
        n_done: Of them, those that this run read; the others were there from a run before.
        n_failed: Articles that could not be read or analyzed, in `part-*.failed.jsonl`; those from a run before count.
        n_statements: Statements that this run found.
        seconds: How long it took.
    """

    out: str
    n_articles: int
    n_done: int
    n_failed: int
    n_statements: int
    seconds: float


@dataclass(frozen=True)
class Settings:
    """What a run does with each article, as plain values that travel to another machine.

    Attributes:
        model: Released name, checkpoint folder or hub name.
        extractor: `auto`, `rules`, or a tagger's folder.
        backend: What computes: `torch` or `openvino`, so that every machine and every resumed run does the same.
        target: What the stance is about.
        min_confidence: Abstain below it.
        max_risk: Abstain by risk.
        columns: Which columns hold `text`, `id`, `outlet` and `date`.
        format: `parquet` or `jsonl`.
    """

    model: str = DEFAULT_MODEL
    extractor: str = "auto"
    backend: str = "auto"
    target: str = DEFAULT_TARGET
    min_confidence: float = 0.0
    max_risk: float | None = None
    columns: dict[str, str] = field(default_factory=lambda: {name: name for name in ("text", "id", "outlet", "date")})
    format: str = "parquet"


@dataclass(frozen=True)
class Shard:
    """Some articles that follow each other in a file, or some text files.

    Attributes:
        number: Of the shard, from 0; names its output.
        files: The file, or the text files.
        first: The first row of it, from 0.
        n_rows: How many rows.
        offset: Where the first row begins in a JSON Lines file, in bytes.
    """

    number: int
    files: tuple[str, ...]
    first: int
    n_rows: int
    offset: int = 0


def analyze_files(
    files: Sequence[str | Path],
    out: str | Path,
    *,
    model: str | Path = DEFAULT_MODEL,
    extractor: str | Path = "auto",
    backend: str = "auto",
    target: str = DEFAULT_TARGET,
    min_confidence: float = 0.0,
    max_risk: float | None = None,
    columns: dict[str, str] | None = None,
    format: str = "parquet",
    shard_size: int = 100,
    engine: str = "local",
    progress: bool = True,
) -> BulkResult:
    """Analyze files of articles into a folder; the same call again goes on where a stopped one was.

    Args:
        files: Parquet and JSON Lines files with a row for each article, and text files with one article each.
        out: The folder for the results, made if absent.
        model: A released name, a checkpoint folder or a hub repository.
        extractor: `auto`, `rules`, or a tagger's folder.
        backend: `auto`, `torch` or `openvino`; see `StanceModel.from_pretrained`.
        target: What the stance is about, as a noun phrase.
        min_confidence: Abstain (label "") where the highest probability is lower.
        max_risk: Abstain so often that no larger share of the labels given is wrong, as `predict` takes it.
        columns: Names of the columns `text`, `id`, `outlet` and `date` where they are called otherwise.
        format: Of the results: `parquet` or `jsonl`.
        shard_size: Articles in a shard: what is lost at most when a run is killed.
        engine: `local`, one process; or `ray`, the Ray cluster that `ray.init` finds, one worker a core.
        progress: Say on standard error how far it is, and how fast.

    Returns:
        What was done. `out` holds for each shard `part-000000.parquet` with a row for each statement, whose `id` is that of its
        article and its number in it, and `part-000000.failed.jsonl` where articles failed.

    Raises:
        InputError: A setting is wrong, or the folder holds the results of another run.
        UnreadableFileError: A file is absent or broken as a whole.
        MissingColumnError: A file has no column with the text.
        MissingExtraError: Ray is not installed.
    """
    started = time.perf_counter()
    check_settings(32, min_confidence, max_risk)
    for name, found, allowed in (("format", format, FORMATS), ("engine", engine, ENGINES)):
        if found not in allowed:
            raise InputError(f"{name} is {found!r}, expected one of {', '.join(allowed)}.")
    if shard_size < 1:
        raise InputError(f"shard_size is {shard_size}, expected at least 1.")
    named = {**Settings().columns, **(columns or {})}
    if unknown := set(named) - set(Settings().columns):
        raise InputError(f"columns names {sorted(unknown)[0]!r}, expected text, id, outlet or date.")
    settings = Settings(str(model), str(extractor), choose(resolve(backend)), target, min_confidence, max_risk, named, format)
    shards = list(plan([Path(path) for path in files], shard_size, named["text"]))
    folder = Path(out)
    _open(folder, [Path(path) for path in files], settings, shard_size)
    todo = [shard for shard in shards if not _place(folder, shard, settings).exists()]
    total, left = sum(shard.n_rows for shard in shards), sum(shard.n_rows for shard in todo)
    n_statements = done = 0
    for n_rows, found_here in (_ray if engine == "ray" else _local)(todo, folder, settings):
        n_statements, done = n_statements + found_here, done + n_rows
        if progress:
            rate = done / (time.perf_counter() - started)
            sys.stderr.write(f"\r{total - left + done} of {total} articles, {rate:.1f} a second{' ' * 8}")
            sys.stderr.flush()
    if progress and todo:
        sys.stderr.write("\n")
    n_failed = sum(len(path.read_text(encoding="utf-8").splitlines()) for path in folder.glob("part-*.failed.jsonl"))
    return BulkResult(str(folder), total, done, n_failed, n_statements, time.perf_counter() - started)


def plan(files: Sequence[Path], shard_size: int, text_column: str) -> Iterator[Shard]:
    """Cut files into shards, reading no more of them than that takes.

    Args:
        files: As for `analyze_files`.
        shard_size: Articles in a shard.
        text_column: What every table must have.

    Yields:
        Shards in the order of the files; no shard holds rows of two tables.

    Raises:
        UnreadableFileError: A file is absent or is of no kind that can be read in parts.
        MissingColumnError: A Parquet file has no such column.
    """
    number, texts = 0, []
    for path in files:
        if not path.is_file():
            raise UnreadableFileError(path, "is not a file. Check the path.")
        suffix = path.suffix.lower()
        if suffix == ".parquet":
            for first, n_rows in _parquet_shards(path, shard_size, text_column):
                yield Shard(number, (str(path),), first, n_rows)
                number += 1
        elif suffix == ".jsonl":
            for first, n_rows, offset in _json_shards(path, shard_size):
                yield Shard(number, (str(path),), first, n_rows, offset)
                number += 1
        elif suffix in (".csv", ".tsv", ".json", ".gz"):
            raise UnreadableFileError(path, "cannot be read in parts. Save it as Parquet or JSON Lines.")
        else:
            texts.append(str(path))
    for first in range(0, len(texts), shard_size):
        part = tuple(texts[first : first + shard_size])
        yield Shard(number, part, 0, len(part))
        number += 1


def _parquet_shards(path: Path, shard_size: int, text_column: str) -> Iterator[tuple[int, int]]:
    file = _parquet(path)
    if text_column not in file.schema_arrow.names:
        raise MissingColumnError(path, text_column, file.schema_arrow.names)
    n_rows = file.metadata.num_rows
    for first in range(0, n_rows, shard_size):
        yield first, min(shard_size, n_rows - first)


def _json_shards(path: Path, shard_size: int) -> Iterator[tuple[int, int, int]]:
    first = n_rows = offset = start = 0
    with path.open("rb") as file:
        for line in file:
            if n_rows == shard_size:
                yield first, n_rows, start
                first, n_rows, start = first + n_rows, 0, offset
            n_rows += 1
            offset += len(line)
    if n_rows:
        yield first, n_rows, start


def _parquet(path: Path) -> "pyarrow.parquet.ParquetFile":
    import pyarrow
    import pyarrow.parquet

    try:
        return pyarrow.parquet.ParquetFile(path)
    except (OSError, pyarrow.ArrowException) as error:
        raise UnreadableFileError(path, f"is no Parquet file that can be read ({error}).") from error


def _open(folder: Path, files: Sequence[Path], settings: Settings, shard_size: int) -> None:
    """Make the folder for the results, or see that what is in it is of the same run."""
    inputs = [{"file": str(path), "bytes": path.stat().st_size, "modified": path.stat().st_mtime_ns} for path in files]
    tagger = extractor_folder(settings.extractor)
    if tagger and not tagger.is_dir():
        raise ModelNotFoundError(tagger, "is no checkpoint folder of a tagger, and neither rules nor auto. Check the path.")
    weights = {"checkpoint": checkpoint_hash(find_checkpoint(settings.model)), "tagger": checkpoint_hash(tagger) if tagger else None}
    wanted = {"files": inputs, "shard_size": shard_size, **weights, **vars(settings)}
    path = folder / RUN_FILE
    if path.exists():
        found = json.loads(path.read_text(encoding="utf-8"))
        changed = next((name for name in wanted if found.get(name) != wanted[name]), None)
        if changed:
            raise InputError(f"{folder}: holds the results of a run with another {changed}. Name another folder, or give the same.")
        return
    if folder.exists() and any(folder.iterdir()):
        raise InputError(f"{folder}: is not empty, and its contents are not of stance. Name another folder.")
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(path, json.dumps(wanted, indent=1) + "\n")


def _place(folder: Path, shard: Shard, settings: Settings) -> Path:
    return folder / f"part-{shard.number:06d}.{settings.format}"


# ---------------------------------------------------------------- one shard


def _rows(shard: Shard, columns: dict[str, str], base: Path) -> Iterator[tuple[str, dict[str, Any] | StanceError]]:
    """(place, row) of each article of a shard; an error instead of a row that cannot be read."""
    name = shard.files[0]
    path = base / name
    suffix = path.suffix.lower()
    if suffix == ".parquet":
        file, position = _parquet(path), 0
        wanted = [name for name in columns.values() if name in file.schema_arrow.names]
        for group in range(file.metadata.num_row_groups):
            size = file.metadata.row_group(group).num_rows
            if position + size > shard.first and position < shard.first + shard.n_rows:
                for batch in file.iter_batches(batch_size=512, row_groups=[group], columns=wanted):
                    for i, row in enumerate(batch.to_pylist(), position):
                        if shard.first <= i < shard.first + shard.n_rows:
                            yield f"{name}:{i + 1}", row
                    position += len(batch)
            else:
                position += size
    elif suffix == ".jsonl":
        with path.open("rb") as lines:
            lines.seek(shard.offset)
            for i, line in enumerate(lines, shard.first):
                if i == shard.first + shard.n_rows:
                    return
                if line.strip():
                    yield f"{name}:{i + 1}", _json_row(name, i + 1, line)
    else:
        for name in shard.files:
            try:
                yield name, {columns["text"]: read_text(base / name)}
            except StanceError as error:
                yield name, error


def _json_row(path: str, number: int, line: bytes) -> dict[str, Any] | StanceError:
    try:
        row = json.loads(line)
    except ValueError as error:
        return UnreadableFileError(path, f"is no valid JSON ({error}).", number)
    return row if isinstance(row, dict) else UnreadableFileError(path, "is no object with named fields.", number)


def work_on(shard: Shard, folder: Path, settings: Settings, base: Path = Path()) -> tuple[int, int]:
    """Analyze the articles of one shard and write its files.

    Args:
        shard: Which articles.
        folder: Where the results go.
        settings: What to do with each.
        base: Where relative names of files start from.

    Returns:
        How many articles it held, and how many statements were found.
    """
    one = partial(
        analyze,
        model=load(settings.model, settings.backend),
        extractor=load_extractor(settings.extractor, settings.backend) or "rules",
        target=settings.target,
        min_confidence=settings.min_confidence,
        max_risk=settings.max_risk,
    )
    found: list[dict[str, Any]] = []
    failed: list[dict[str, str]] = []
    for place, row in _rows(shard, settings.columns, base):
        name = place
        try:
            if isinstance(row, StanceError):
                raise row
            known: dict[str, Any] = {key: cell_text(row.get(column)) for key, column in settings.columns.items()}
            if settings.columns["text"] not in row:
                raise MissingColumnError(place, settings.columns["text"], list(row))
            text, number = known.pop("text") or "", known.pop("id")
            name = f"{place.rpartition(':')[0]}:{number}" if number else place
            report = replace(one(text), source=name, **known)
        except Exception as error:  # whatever one article does, the others are read
            failed.append({"source": name, "place": place, "error": type(error).__name__, "reason": str(error)})
            continue
        rows = report.rows()
        found += [{"id": f"{place}#{i}", **one_row, "outlet": report.outlet, "date": report.date} for i, one_row in enumerate(rows, 1)]
    output = _place(folder, shard, settings)
    aside = output.with_suffix(".failed.jsonl")
    if failed:
        write_whole(aside, "".join(json.dumps(item, ensure_ascii=False) + "\n" for item in failed))
    _write(output, found)
    return shard.n_rows, len(found)


def _write(output: Path, rows: list[dict[str, Any]]) -> None:
    if output.suffix == ".jsonl":
        write_whole(output, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
        return
    import pyarrow
    import pyarrow.parquet

    kinds = {"start": pyarrow.int64(), "end": pyarrow.int64()}
    number = ("confidence", "quote_confidence", "speaker_confidence")
    schema = pyarrow.schema([(name, kinds.get(name, pyarrow.float64() if name in number or name.startswith("p_") else pyarrow.string())) for name in _FIELDS])
    made = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows, schema=schema), made)
    write_whole(output, made.getvalue())


# ---------------------------------------------------------------- engines


def _local(todo: Sequence[Shard], folder: Path, settings: Settings) -> Iterator[tuple[int, int]]:
    for shard in todo:
        yield work_on(shard, folder, settings)


def _ray(todo: Sequence[Shard], folder: Path, settings: Settings) -> Iterator[tuple[int, int]]:
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise MissingExtraError("ray", "ray") from error
    if not todo:
        return
    if not ray.is_initialized():
        ray.init(log_to_driver=False)
    n_cores = max(1, int(ray.cluster_resources().get("CPU", 1)))
    base, place = Path.cwd(), folder.absolute()

    class Worker:
        """Loads the model once; a shard that it had begun when it was killed is begun again by another."""

        def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
            done = [work_on(todo[int(i)], place, settings, base) for i in batch["shard"]]
            return {"n_rows": [n for n, _ in done], "n_statements": [n for _, n in done]}

    ray.data.DataContext.get_current().enable_progress_bars = False
    dataset = ray.data.from_items([{"shard": i} for i in range(len(todo))], override_num_blocks=len(todo))
    results = dataset.map_batches(Worker, batch_size=1, num_cpus=1, concurrency=(1, min(n_cores, len(todo))))
    for row in results.iter_rows():
        yield int(row["n_rows"]), int(row["n_statements"])
