"""Files of articles -> a folder of statements with speakers and stances, in shards that outlive a killed run.

Comes in: Parquet, JSON Lines and text files. Goes out: for each shard of articles one file of statements, written whole or
not at all, and beside it the articles that failed with the reason. A run that was stopped goes on with the shards that are
missing; the same articles are always in the same shard, so that its output is the same, byte for byte. With
`engine="ray"` the shards are worked on by the machines of a Ray cluster, which must see the same files.
"""

import errno
import io
import json
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stance import __version__
from stance.analyze import analyze, cell_text
from stance.backends import checkpoint_hash, choose, resolve
from stance.corpora import JSON_LINES, read_text
from stance.encoding import without_surrogates
from stance.errors import InputError, MissingColumnError, MissingExtraError, StanceError, UnreadableFileError
from stance.modeling import find_checkpoint, load
from stance.predict import check_settings
from stance.quotes.extract import extractor_folder, load_extractor
from stance.records import DEFAULT_MODEL, DEFAULT_TARGET, ENGINES, Record
from stance.reporting import ROW_FIELDS, write_whole

if TYPE_CHECKING:
    import pyarrow

FORMATS = ("parquet", "jsonl")
RUN_FILE = "_run.json"  # readers of a folder of Parquet files pass over names that begin so
FAILED_FOLDER = "_failed"
_FIELDS = ("id", *ROW_FIELDS, "outlet", "date")
_OF_THE_MACHINE = (errno.EIO, errno.ESTALE, errno.EMFILE, errno.ENFILE, errno.ENOMEM)
_NAMES = (DEFAULT_MODEL, "auto", "rules")
_A_WHILE = 600  # seconds, after which a temporary file is nobody's
_NO_ROWS = (".csv", ".tsv", ".json", ".gz")


@dataclass(frozen=True, slots=True)
class BulkResult(Record):
    """What a run over files did.

    Attributes:
        out: The folder with the results.
        n_articles: Articles in all files.
        n_done: Of them, those that this run read; the others were there from a run before.
        n_failed: Articles that could not be read or analyzed, in the folder `_failed`; those from a run before count.
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
        backend: `auto`, `torch` or `openvino`.
        target: What the stance is about.
        min_confidence: Abstain below it.
        max_risk: Abstain by risk.
        batch_size: How much is read at once.
        columns: Which columns hold `text`, `id`, `outlet` and `date`.
        format: `parquet` or `jsonl`.
    """

    model: str = DEFAULT_MODEL
    extractor: str = "auto"
    backend: str = "auto"
    target: str = DEFAULT_TARGET
    min_confidence: float = 0.0
    max_risk: float | None = None
    batch_size: int = 32
    columns: dict[str, str] = field(default_factory=lambda: {name: name for name in ("text", "id", "outlet", "date")})
    format: str = "parquet"


@dataclass(frozen=True)
class Shard:
    """Some articles that follow each other in a file, or some text files.

    Attributes:
        number: Of the shard, from 0; names its output.
        files: The file, or the text files.
        first: The first row or line of it, from 0.
        n_rows: How many rows, blank lines aside.
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
    batch_size: int = 32,
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
        batch_size: How much is read at once, in statements of 64 tokens.
        columns: Names of the columns `text`, `id`, `outlet` and `date` where they are called otherwise.
        format: Of the results: `parquet` or `jsonl`.
        shard_size: Articles in a shard: what is lost at most when a run is killed.
        engine: `local`, one process; or `ray`, the Ray cluster that `ray.init` finds, one worker a core,
            which computes on the CPU.
        progress: Say on standard error how far it is, and how fast.

    Returns:
        What was done. `out` holds for each shard `part-000000.parquet` with a row for each statement, whose `id` is that of its
        article and its number in it, and `_failed/part-000000.jsonl` where articles failed.

    Raises:
        InputError: A setting is wrong, or the folder holds the results of another run.
        UnreadableFileError: A file is absent or broken as a whole.
        MissingColumnError: A file has no column with the text, or none of a name that `columns` gives.
        MissingExtraError: Ray is not installed.
    """
    started = time.perf_counter()
    if isinstance(files, (str, Path)) or not (paths := [Path(path) for path in files]):
        raise InputError(f"files is {str(files)!r}, expected a list of paths. Pass [path], or sorted(folder.glob('*.parquet')).")
    check_settings(batch_size, min_confidence, max_risk)
    for name, found, allowed in (("format", format, FORMATS), ("engine", engine, ENGINES)):
        if found not in allowed:
            raise InputError(f"{name} is {found!r}, expected one of {', '.join(allowed)}.")
    if shard_size < 1:
        raise InputError(f"shard_size is {shard_size}, expected at least 1.")
    if unknown := set(columns or {}) - set(Settings().columns):
        raise InputError(f"columns names {sorted(unknown)[0]!r}, expected text, id, outlet or date.")
    named = {**Settings().columns, **(columns or {})}
    backend = resolve(backend) if engine == "local" else choose(resolve(backend), gpu=False)
    if len({path.resolve() for path in paths}) < len(paths):
        raise InputError("files names a file twice, and its rows would be counted twice. Name each once.")
    inputs = [_state(path) for path in paths]  # before anything is read, or rows added meanwhile would be taken for done
    settings = Settings(str(model), str(extractor), backend, target, min_confidence, max_risk, batch_size, named, format)
    shards = list(plan(paths, shard_size, named))
    folder = Path(out)
    worker = Worker(folder, settings)
    _open(folder, inputs, settings, shard_size, worker.computed)
    todo = [shard for shard in shards if not _place(folder, shard, settings).exists()]
    total, left = sum(shard.n_rows for shard in shards), sum(shard.n_rows for shard in todo)
    n_statements = done = 0
    for n_rows, found_here in _ray(todo, folder, settings, worker.computed) if engine == "ray" else map(worker, todo):
        n_statements, done = n_statements + found_here, done + n_rows
        if progress:
            rate = done / (time.perf_counter() - started)
            sys.stderr.write(f"\r{total - left + done} of {total} articles, {rate:.1f} a second{' ' * 8}")
            sys.stderr.flush()
    if progress and todo:
        sys.stderr.write("\n")
    n_failed = sum(path.read_bytes().count(b"\n") for shard in shards if (path := _aside(folder, shard)).exists())
    return BulkResult(str(folder), total, done, n_failed, n_statements, time.perf_counter() - started)


def plan(files: Sequence[Path], shard_size: int, columns: dict[str, str]) -> Iterator[Shard]:
    """Cut files into shards, reading no more of them than that takes.

    Args:
        files: As for `analyze_files`; they are there.
        shard_size: Articles in a shard.
        columns: Which columns hold `text`, `id`, `outlet` and `date`; a table must have that of the text, and those not called so.

    Yields:
        Shards in the order of the files; no shard holds rows of two tables.

    Raises:
        UnreadableFileError: A file is of no kind that can be read in parts.
        MissingColumnError: A table has no such column.
    """
    wanted = {field_name: column for field_name, column in columns.items() if field_name == "text" or column != field_name}
    number, texts = 0, []
    for path in files:
        suffix = path.suffix.lower()
        if suffix == ".parquet" or suffix in JSON_LINES:
            for first, n_rows, offset in (_parquet_shards if suffix == ".parquet" else _json_shards)(path, shard_size, wanted):
                yield Shard(number, (str(path),), first, n_rows, offset)
                number += 1
        elif suffix in _NO_ROWS:
            raise UnreadableFileError(path, "cannot be read in parts. Save it as Parquet or JSON Lines.")
        else:
            texts.append(str(path))
    for first in range(0, len(texts), shard_size):
        part = tuple(texts[first : first + shard_size])
        yield Shard(number, part, 0, len(part))
        number += 1


def _parquet_shards(path: Path, shard_size: int, wanted: dict[str, str]) -> Iterator[tuple[int, int, int]]:
    with _parquet(path) as file:
        names, n_rows = file.schema_arrow.names, file.metadata.num_rows
    for field_name, column in wanted.items():
        if column not in names:
            raise MissingColumnError(path, column, names, field_name)
    for first in range(0, n_rows, shard_size):
        yield first, min(shard_size, n_rows - first), 0


def _json_shards(path: Path, shard_size: int, wanted: dict[str, str]) -> Iterator[tuple[int, int, int]]:
    """(first line, articles, offset) of each shard; a column that no line of the file names is missing."""
    missing, keys = dict(wanted), tuple[str, ...]()
    first = n_rows = offset = start = 0
    with path.open("rb") as file:
        for number, line in enumerate(file):
            if number == 0 and line[:2] in (b"\xff\xfe", b"\xfe\xff"):
                raise UnreadableFileError(path, "is text in UTF-16, which cannot be read line by line. Save it as UTF-8.")
            if line.strip():
                if n_rows == shard_size:
                    yield first, n_rows, start
                    n_rows = 0
                if n_rows == 0:
                    first, start = number, offset
                n_rows += 1
                if missing and isinstance(row := _json_row(str(path), number + 1, line), dict):  # mostly the first line has them all
                    missing = {field_name: column for field_name, column in missing.items() if column not in row}
                    keys = keys or tuple(row)
            offset += len(line)
    if missing and n_rows:
        field_name, column = next(iter(missing.items()))
        raise MissingColumnError(path, column, keys, field_name)
    if n_rows:
        yield first, n_rows, start


def _parquet(path: Path) -> "pyarrow.parquet.ParquetFile":
    import pyarrow
    import pyarrow.parquet

    try:
        return pyarrow.parquet.ParquetFile(path)
    except (OSError, pyarrow.ArrowException) as error:
        raise UnreadableFileError(path, f"is no Parquet file that can be read ({error}).") from error


def _state(path: Path) -> dict[str, str | int]:
    if not path.is_file():
        raise UnreadableFileError(path, "is not a file. Check the path.")
    found = path.stat()
    return {"file": str(path), "bytes": found.st_size, "modified": found.st_mtime_ns}


def _open(folder: Path, inputs: list[dict[str, str | int]], settings: Settings, shard_size: int, computed: dict[str, str | None]) -> None:
    """Make the folder for the results, or see that what is in it is of the same run."""
    wanted = {"stance": __version__, "files": inputs, "shard_size": shard_size, **computed, **asdict(settings)}
    del wanted["backend"]  # what it came to is in `computed`
    path = folder / RUN_FILE
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder}: is a file, expected a folder for the results. Name another.")
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        found = None
    done = any(folder.glob("part-*"))
    if found is None and folder.exists() and any(not inside.name.startswith((".", "_")) for inside in folder.iterdir()):
        raise InputError(f"{folder}: is not empty, and its contents are not of stance. Name another folder.")
    changed = next((name for name in wanted if found is not None and found.get(name) != wanted[name]), None)
    if changed and done:
        raise InputError(f"{folder}: holds the results of a run with another {changed}. Name another folder, or give the same.")
    for left in (*folder.glob(".part-*.tmp"), *(folder / FAILED_FOLDER).glob(".part-*.tmp")):  # of a run that was killed
        with suppress(FileNotFoundError):
            if time.time() - left.stat().st_mtime > _A_WHILE:
                left.unlink()
    if found is None or changed:
        (folder / FAILED_FOLDER).mkdir(parents=True, exist_ok=True)
        write_whole(path, json.dumps(wanted, indent=1) + "\n")


def _place(folder: Path, shard: Shard, settings: Settings) -> Path:
    return folder / f"part-{shard.number:06d}.{settings.format}"


def _aside(folder: Path, shard: Shard) -> Path:
    return folder / FAILED_FOLDER / f"part-{shard.number:06d}.jsonl"


# ---------------------------------------------------------------- one shard


def _rows(shard: Shard, columns: dict[str, str], base: Path) -> Iterator[tuple[str, dict[str, Any] | Exception]]:
    """(place, row) of each article of a shard; an error instead of a row that cannot be read."""
    name = shard.files[0]
    suffix = Path(name).suffix.lower()
    if suffix == ".parquet":
        yield from _parquet_rows(base / name, shard, columns)
    elif suffix in JSON_LINES:
        with (base / name).open("rb") as lines:
            lines.seek(shard.offset)
            left = shard.n_rows
            for number, line in enumerate(lines, shard.first + 1):
                if line.strip():
                    yield f"{name}:{number}", _json_row(name, number, line)
                    left -= 1
                if not left:
                    return
    else:
        for name in shard.files:
            try:
                yield name, {columns["text"]: read_text(base / name)}
            except StanceError as error:
                if getattr(error.__cause__, "errno", None) in _OF_THE_MACHINE:
                    raise
                yield name, error


def _parquet_rows(path: Path, shard: Shard, columns: dict[str, str]) -> Iterator[tuple[str, dict[str, Any] | Exception]]:
    name, last = shard.files[0], shard.first + shard.n_rows
    with _parquet(path) as file:
        wanted = [column for column in columns.values() if column in file.schema_arrow.names]
        position = 0
        for group in range(file.metadata.num_row_groups):
            end = position + file.metadata.row_group(group).num_rows
            if end > shard.first and position < last:
                try:
                    for batch in file.iter_batches(batch_size=512, row_groups=[group], columns=wanted):
                        for i in range(max(0, shard.first - position), min(last - position, len(batch))):
                            yield f"{name}:{position + i + 1}", _parquet_row(batch, i)
                        position += len(batch)
                        if position >= last:
                            return
                except Exception as error:  # the group is damaged from here on
                    if isinstance(error, MemoryError) or getattr(error, "errno", None):
                        raise
                    for i in range(max(position, shard.first), min(end, last)):
                        yield f"{name}:{i + 1}", UnreadableFileError(name, f"is damaged at row {i + 1} ({error}).")
            position = end


def _parquet_row(batch: "pyarrow.RecordBatch", i: int) -> dict[str, Any] | Exception:
    try:
        row: dict[str, Any] = batch.slice(i, 1).to_pylist()[0]
    except Exception as error:  # bytes that are no UTF-8, a day beyond what Python knows
        return error
    return row


def _json_row(path: str, number: int, line: bytes) -> dict[str, Any] | StanceError:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        return UnreadableFileError(path, f"is no valid JSON ({error}).", number)
    return row if isinstance(row, dict) else UnreadableFileError(path, "is no object with named fields.", number)


class Worker:
    """Analyzes shards, with a model and a tagger that it loads once.

    Attributes:
        computed: Hashes of the checkpoints, and what computes them: what the results depend on beside the settings.
    """

    def __init__(self, folder: Path, settings: Settings, base: Path = Path(), expected: dict[str, str | None] | None = None) -> None:
        """Load them.

        Args:
            folder: Where the results go.
            settings: What to do with each article.
            base: Where relative names of files start from.
            expected: What `computed` must be.

        Raises:
            InputError: It is not, or the model has no threshold for the risk that is asked for.
        """
        self.folder, self.settings, self.base = folder, settings, base
        model = load(settings.model, settings.backend)
        model.predict([], max_risk=settings.max_risk)  # says so where it knows no threshold for it
        tagger, place = load_extractor(settings.extractor, settings.backend), extractor_folder(settings.extractor)
        self.computed: dict[str, str | None] = {
            "checkpoint": checkpoint_hash(find_checkpoint(settings.model)),
            "tagger": checkpoint_hash(place) if place else None,
            "model_backend": model.backend,
            "tagger_backend": tagger.backend if tagger else None,
        }
        for name, value in (expected or {}).items():
            if self.computed[name] != value:
                raise InputError(f"{name} is {self.computed[name]} here, and {value} where the run began. Install the same on every machine.")
        limits = {"batch_size": settings.batch_size, "min_confidence": settings.min_confidence, "max_risk": settings.max_risk}
        self._analyze = partial(analyze, model=model, extractor=tagger or "rules", target=settings.target, **limits)

    def __call__(self, shard: Shard) -> tuple[int, int]:
        """Analyze the articles of one shard and write its files.

        Args:
            shard: Which articles.

        Returns:
            How many articles it held, and how many statements were found.
        """
        columns = self.settings.columns
        found: list[dict[str, Any]] = []
        failed: list[dict[str, Any]] = []
        for place, row in _rows(shard, columns, self.base):
            name = place
            try:
                if isinstance(row, Exception):
                    raise row
                if columns["text"] not in row:
                    raise MissingColumnError(place, columns["text"], list(row))
                number = row.get(columns["id"])
                if cell_text(number) is not None:
                    name = f"{place.rpartition(':')[0]}:{number}"
                text = row[columns["text"]]
                if not isinstance(text, str | None):
                    raise InputError(f"{place}: the text is a {type(text).__name__}, expected a string. Convert the column.")
                known: dict[str, Any] = {key: cell_text(row.get(columns[key])) for key in ("outlet", "date")}
                report = replace(self._analyze(text or ""), source=name, **known)
            except (MemoryError, OSError):  # of the machine, not of the article
                raise
            except Exception as error:  # whatever one article does, the others are read
                if type(error).__name__ == "OutOfMemoryError":  # torch's, which is no MemoryError
                    raise
                failed.append({"source": name, "place": place, "error": type(error).__name__, "reason": str(error)})
                continue
            rows = report.rows()
            found += [{"id": f"{place}#{i}", **one_row, "outlet": report.outlet, "date": report.date} for i, one_row in enumerate(rows, 1)]
        output = _place(self.folder, shard, self.settings)
        aside = _aside(self.folder, shard)
        if failed:
            write_whole(aside, _json_lines(failed))
        else:
            aside.unlink(missing_ok=True)
        _write(output, found)
        return shard.n_rows, len(found)


def _json_lines(rows: list[dict[str, Any]]) -> str:
    return "".join(json.dumps(_clean(row), ensure_ascii=False) + "\n" for row in rows)


def _clean(row: dict[str, Any]) -> dict[str, Any]:
    """The same row as it can be written: without lone surrogates."""
    return {name: without_surrogates(value) if isinstance(value, str) else value for name, value in row.items()}


def _write(output: Path, rows: list[dict[str, Any]]) -> None:
    if output.suffix == ".jsonl":
        write_whole(output, _json_lines(rows))
        return
    import pyarrow
    import pyarrow.parquet

    kinds = {"start": pyarrow.int64(), "end": pyarrow.int64()}
    number = ("confidence", "quote_confidence", "speaker_confidence")
    schema = pyarrow.schema([(name, kinds.get(name, pyarrow.float64() if name in number or name.startswith("p_") else pyarrow.string())) for name in _FIELDS])
    made = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist([_clean(row) for row in rows], schema=schema), made)
    write_whole(output, made.getvalue())


# ---------------------------------------------------------------- a cluster


def _ray(todo: Sequence[Shard], folder: Path, settings: Settings, computed: dict[str, str | None]) -> Iterator[tuple[int, int]]:
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise MissingExtraError("ray", "ray") from error
    if not todo:
        return
    folders = {name: value for name in ("model", "extractor") if (value := getattr(settings, name)) not in _NAMES and Path(value).is_dir()}
    here: dict[str, Any] = {name: str(Path(value).absolute()) for name, value in folders.items()}
    given = folder.absolute(), replace(settings, **here), Path.cwd(), computed  # a worker has another working folder

    class ShardWorker:
        """A shard that it had begun when it was killed is begun again by another."""

        def __init__(self) -> None:
            self.worker = Worker(*given)

        def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
            done = [self.worker(todo[int(i)]) for i in batch["shard"]]
            return {"n_rows": [n for n, _ in done], "n_statements": [n for _, n in done]}

    mine = not ray.is_initialized()
    if mine:
        ray.init(log_to_driver=False)
    try:
        n_cores = max(1, int(ray.cluster_resources().get("CPU", 1)))
        ray.data.DataContext.get_current().enable_progress_bars = False
        dataset = ray.data.from_items([{"shard": i} for i in range(len(todo))], override_num_blocks=len(todo))
        pool = ray.data.ActorPoolStrategy(size=min(n_cores, len(todo)))
        results = dataset.map_batches(ShardWorker, batch_size=1, num_cpus=1, compute=pool)
        for row in results.iter_rows():
            yield int(row["n_rows"]), int(row["n_statements"])
    except ray.exceptions.RayError as error:
        raise StanceError(f"a worker failed: {str(error).strip().splitlines()[-1]}") from error
    finally:
        if mine:
            ray.shutdown()
