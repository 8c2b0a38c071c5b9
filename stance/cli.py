"""The command `stance`: analyze, quotes, predict, train, evaluate, compare, export.

Comes in: files, standard input or a statement. Goes out: a table, JSON, JSON Lines, CSV or HTML, on standard output or in a
file that is written whole or not at all. Errors are one line on standard error; the exit status is 0, or 1 where
anything failed, and 2 for a call that is wrong.
"""

import argparse
import csv
import io
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from stance import __version__
from stance.corpora import TABLES, decode, has_words, read_table, read_text
from stance.errors import EmptyTextError, InputError, MissingColumnError, PartialFailure, StanceError, UnreadableFileError
from stance.labels import LABELS
from stance.records import BACKENDS, DEFAULT_MODEL, DEFAULT_TARGET, ENGINES, Prediction, Quote
from stance.reporting import ROW_FIELDS, write_whole
from stance.shares import UNKNOWN

FORMATS = ("table", "json", "jsonl", "csv", "html")
_STDIN = "standard input"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        arguments: The words behind `stance`; those of the process if None.

    Returns:
        The exit status.
    """
    parser = _parser()
    # argparse gives up on words behind an option: "train c.yaml --resume training.seed=3" leaves the last one over.
    options, rest = parser.parse_known_args(arguments)
    if any(word.startswith("-") and word != "-" for word in rest) or (rest and not hasattr(options, "more")):
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    if rest:
        getattr(options, options.more).extend(rest)
    try:
        run: Callable[[argparse.Namespace], None] = options.run
        run(options)
    except StanceError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        print(f"{type(error).__name__}: {error.filename or 'output'}: {error.strerror or error}. Check the path and its rights.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="stance", description="Who is for and who is against negotiating, from news text.")
    parser.add_argument("--version", action="version", version=f"stance {__version__}")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="verb")

    analyze = verbs.add_parser("analyze", help="find an article's statements, their speakers and stances")
    _add_inputs(analyze, "articles: text files, or CSV, TSV, JSON Lines files with a text column; with --out FOLDER/ Parquet too, not CSV", folder=True)
    _add_model(analyze)
    bulk = analyze.add_argument_group("many articles", "--out FOLDER/ writes Parquet (--format jsonl: JSON Lines) in shards, and goes on where it was stopped")
    bulk.add_argument("--shard-size", type=int, default=100, help="articles in a shard (default: 100)")
    bulk.add_argument("--engine", choices=ENGINES, default="local", help="local, or ray: the cluster of RAY_ADDRESS (default: local)")
    analyze.set_defaults(run=_analyze, more="inputs")

    quotes = verbs.add_parser("quotes", help="find an article's statements and their speakers, without stances")
    _add_inputs(quotes, "articles: text files, or CSV, TSV, JSON Lines files with a text column")
    quotes.set_defaults(run=_quotes, more="inputs")

    predict = verbs.add_parser("predict", help="label statements")
    predict.add_argument("statements", nargs="*", help="statements; none or - reads standard input, one a line")
    predict.add_argument("--file", action="append", default=[], help="CSV, TSV or JSON Lines with a text column, or text with one a line")
    for name in ("text", "speaker", "context"):
        predict.add_argument(f"--{name}-column", default=name, help=f"column with the {name} (default: {name})")
    _add_output(predict)
    _add_model(predict)
    predict.set_defaults(run=_predict, more="statements")

    train = verbs.add_parser("train", help="fine-tune a model as a config says")
    add_train_arguments(train)
    train.set_defaults(run=run_train, more="overrides")

    evaluate = verbs.add_parser("evaluate", help="score a model on labelled statements, beside baselines")
    add_evaluate_arguments(evaluate)
    evaluate.set_defaults(run=run_evaluate)

    export = verbs.add_parser("export", help="convert models for OpenVINO ahead of their first use")
    export.add_argument("models", nargs="*", help=f"released names, checkpoint folders or hub names (default: {DEFAULT_MODEL} and the released tagger)")
    export.set_defaults(run=_export)

    compare = verbs.add_parser("compare", help="compare two models on the same labelled statements")
    compare.add_argument("first", help="released name or checkpoint folder")
    compare.add_argument("second", help="the same")
    _add_rows(compare)
    compare.set_defaults(run=_compare)
    return parser


def _add_inputs(parser: argparse.ArgumentParser, text: str, *, folder: bool = False) -> None:
    parser.add_argument("inputs", nargs="*", metavar="file", help=f"{text}; none or - reads standard input")
    parser.add_argument("--text-column", default="text", help="column with the article, in tables (default: text)")
    parser.add_argument("--id-column", default="id", help="column that names the article, in tables (default: id)")
    for name in ("outlet", "date"):
        parser.add_argument(f"--{name}-column", default=name, help=f"column with the article's {name}, in tables (default: {name})")
    parser.add_argument("--extractor", default="auto", help="rules, auto (with the released tagger) or a tagger's folder (default: auto)")
    _add_output(parser, folder=folder)


def _add_output(parser: argparse.ArgumentParser, *, folder: bool = False) -> None:
    parser.add_argument("--format", choices=FORMATS, default="table", help="default: table")
    parser.add_argument("--out", metavar="FILE", help="write there instead of standard output" + ("; FOLDER/ for many articles" if folder else ""))


def _add_model(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", default=DEFAULT_MODEL, help=f"released name, checkpoint folder or hub name (default: {DEFAULT_MODEL})")
    parser.add_argument("--backend", choices=BACKENDS, default="auto", help="what computes (default: auto, OpenVINO where it is installed)")
    parser.add_argument("--target", default=DEFAULT_TARGET, help=f"what the stance is about (default: {DEFAULT_TARGET})")
    parser.add_argument("--batch-size", type=int, default=32, help="how much is read at once, in statements of 64 tokens (default: 32)")
    parser.add_argument("--min-confidence", type=float, default=0.0, help="abstain below this probability (default: 0)")
    parser.add_argument("--max-risk", type=float, help="abstain so often that no larger share of the labels given is wrong, such as 0.05")


def add_train_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `stance train`."""
    parser.add_argument("config", help="YAML file, such as configs/train.yaml")
    parser.add_argument("overrides", nargs="*", metavar="key=value", help="settings on top, such as training.seed=3")
    parser.add_argument("--resume", action="store_true", help="go on with the unfinished run, if there is one")
    parser.add_argument("--search", action="store_true", help="look for the best settings in the config's search.space")
    parser.add_argument("--overwrite", action="store_true", help="replace a finished checkpoint, or start an unfinished run afresh")
    parser.add_argument("--quiet", action="store_true", help="no progress bar")


def run_train(options: argparse.Namespace) -> None:
    """Train, and print the checkpoint's folder and its scores."""
    if options.search and options.overwrite:
        raise InputError("--overwrite is not for a search, which may have run for days. Name another training.output.")
    if options.search:
        from stance.search import search

        found = search(options.config, options.overrides, resume=options.resume, progress=not options.quiet)
        settings = ", ".join(f"{key}={value:.3g}" if isinstance(value, float) else f"{key}={value}" for key, value in found.best.items())
        print(f"{found.config}  (dev macro-F1 {100 * found.macro_f1:.1f}, best of {found.n_trials} trials: {settings}; checkpoint {found.checkpoint})")
        return
    from stance.training import train

    result = train(options.config, options.overrides, resume=options.resume, overwrite=options.overwrite, progress=not options.quiet)
    scores = f"dev macro-F1 {100 * result.metrics['macro_f1']:.1f}, epoch {result.best_epoch:g}, {result.seconds:.0f} s"
    print(f"{result.checkpoint}  ({scores})")
    if "seeds" in result.metrics:
        found = result.metrics["seeds"]["macro_f1"]
        print(f"all seeds: dev macro-F1 {100 * found['mean']:.1f}, spread {100 * found['spread']:.1f}")


def add_evaluate_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `stance evaluate`."""
    parser.add_argument("model", nargs="?", default=DEFAULT_MODEL, help=f"released name or checkpoint folder (default: {DEFAULT_MODEL})")
    parser.add_argument(
        "--task",
        choices=("stance", "quotes", "articles"),
        default="stance",
        help="score stances of statements, the finding of quotes, or both on annotated articles (default: stance)",
    )
    parser.add_argument("--extractor", default="auto", help="for quotes and articles: rules, auto or a tagger's folder (default: auto)")
    _add_rows(parser, "; for quotes and articles annotated articles")
    parser.add_argument("--train", default="corpus", help="what the baselines learn from (default: corpus)")
    parser.add_argument("--no-baselines", action="store_true", help="score the model alone")
    parser.add_argument("--by", action="append", default=[], metavar="COLUMN", help="score the rows of each value of a column apart, such as kind")
    parser.add_argument("--probe", action="store_true", help="change target, speaker and wording instead, and count what the labels do")


def _add_rows(parser: argparse.ArgumentParser, also: str = "") -> None:
    """Add the arguments that say which labelled rows to read, and where the report goes."""
    parser.add_argument("--data", default="corpus", help=f"corpus, or a CSV, TSV, JSON or JSON Lines file (default: corpus){also}")
    parser.add_argument("--split", choices=("dev", "test"), default="dev", help="of the corpus (default: dev)")
    for name in ("text", "label", "speaker", "context", "matter"):
        parser.add_argument(f"--{name}-column", default=name, help=f"column with the {name} (default: {name})")
    parser.add_argument("--label", action="append", default=[], metavar="THEIRS=OURS", help="map a label name, such as Favour=support")
    parser.add_argument("--format", choices=("markdown", "json"), default="markdown", help="default: markdown")
    parser.add_argument("--out", metavar="FOLDER", help="write the report there as well, as JSON and Markdown")


def _named_rows(options: argparse.Namespace) -> dict[str, Any]:
    named = {name: getattr(options, f"{name}_column") for name in ("text", "label", "speaker", "context", "matter")}
    labels = {}
    for pair in options.label:
        theirs, equals, ours = pair.partition("=")
        if not equals or ours not in LABELS:
            raise UnreadableFileError("--label", f"found {pair!r}, expected THEIRS=OURS with ours one of {', '.join(LABELS)}.")
        labels[theirs] = ours
    return {"split": options.split, "columns": {name: value for name, value in named.items() if value != name}, "labels": labels}


def _compare(options: argparse.Namespace) -> None:
    from stance.evaluation import compare

    _print_report(options, compare(options.first, options.second, options.data, **_named_rows(options)), "comparison")


def run_evaluate(options: argparse.Namespace) -> None:
    """Evaluate, and print the report."""
    if options.probe and (options.by or options.no_baselines or options.train != "corpus" or options.task != "stance"):
        raise InputError("--probe goes with --data and its columns alone. Leave out --by, --no-baselines, --train and --task.")
    if options.task != "stance" and (options.by or options.label or options.no_baselines or options.train != "corpus"):
        raise InputError(f"--task {options.task} goes with --data and --extractor. Leave out --by, --label, --no-baselines and --train.")
    if options.task == "quotes":
        from stance.quotes.scoring import evaluate_quotes

        if options.model != DEFAULT_MODEL:
            raise UnreadableFileError(options.model, "is the place of a stance model. For quotes pass a tagger's folder as --extractor.")
        if options.data == "corpus":
            raise UnreadableFileError("--data", "the corpus has no articles. Pass annotated ones; scripts/read_polnear.py makes them of PolNeAR.")
        _print_report(options, evaluate_quotes(options.data, extractor=options.extractor))
        return
    if options.task == "articles":
        from stance.end_to_end import evaluate_articles

        if options.data == "corpus":
            raise UnreadableFileError("--data", "the corpus has no articles. Pass annotated ones, such as examples/annotated-articles.jsonl.")
        _print_report(options, evaluate_articles(options.data, model=options.model, extractor=options.extractor), "articles")
        return
    from stance.evaluation import evaluate

    if options.probe:
        from stance.probes import probe

        _print_report(options, probe(options.model, options.data, **_named_rows(options)), "probes")
        return
    _print_report(
        options, evaluate(options.model, options.data, train=options.train, baselines=not options.no_baselines, slices=options.by, **_named_rows(options))
    )


class _Report(Protocol):
    def to_json(self) -> str: ...

    def to_markdown(self) -> str: ...


def _print_report(options: argparse.Namespace, report: _Report, name: str = "evaluation") -> None:
    if options.out:
        folder = Path(options.out)
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(folder / f"{name}.json", report.to_json() + "\n")
        write_whole(folder / f"{name}.md", report.to_markdown())
    print(report.to_json() if options.format == "json" else report.to_markdown(), end="")


# ---------------------------------------------------------------- articles


@dataclass(frozen=True)
class _Article:
    """An article, how to read it, and what its table says of it."""

    name: str
    read: Callable[[], str]
    known: dict[str, str] = field(default_factory=dict)


def _articles(options: argparse.Namespace) -> Iterator[_Article]:
    """Name each article and how to read it, so that one that cannot be read stops none of the others."""
    for name in options.inputs or ["-"]:
        if name == "-":
            data = sys.stdin.buffer.read()
            yield _Article(_STDIN, partial(decode, data, _STDIN))
        elif Path(name).suffix.lower() in TABLES:
            yield from _table_articles(Path(name), options)
        else:
            yield _Article(name, partial(read_text, name))


def _table_articles(path: Path, options: argparse.Namespace) -> Iterator[_Article]:
    broken: list[UnreadableFileError] = []
    try:
        columns, rows = read_table(path, broken)
        if options.text_column not in columns:
            raise MissingColumnError(path, options.text_column, columns)
        for where, row in rows:
            name = f"{path}:{row[options.id_column]}" if row.get(options.id_column) else where
            known = {field: str(row[column]) for field in ("outlet", "date") if row.get(column := getattr(options, f"{field}_column"))}
            yield _Article(name, partial(str, row.get(options.text_column) or ""), known)
    except StanceError as error:
        yield _Article(str(path), partial(_raise, error))
    for problem in broken:
        yield _Article(f"{path}, line {problem.line}", partial(_raise, problem))


def _raise(error: StanceError) -> str:
    raise error


class _Run:
    """One pass over all articles; what fails is remembered and told at the end, after the rest has been written."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.failures: list[tuple[str, StanceError]] = []
        self.total = 0

    def each(self, work: Callable[[str], Any]) -> Iterator[tuple[_Article, Any]]:
        """Work on every article that can be read."""
        for article in _articles(self.options):
            self.total += 1
            try:
                result = work(article.read())
            except StanceError as error:
                self.failures.append((article.name, error))
            else:
                yield article, result

    def finish(self) -> None:
        """Raise if anything failed: the error itself where there was but one article."""
        if not self.failures:
            return
        if self.total == 1:
            name, error = self.failures[0]
            raise error if name in str(error) else UnreadableFileError(name, str(error))
        listed = [(name, str(error) if name in str(error) else f"{name}: {error}") for name, error in self.failures]
        raise PartialFailure(listed, self.total)


def _export(options: argparse.Namespace) -> None:
    from stance.export import export

    for name, folder in export(options.models):
        print(f"{name}  {folder}")


def _analyze_files(options: argparse.Namespace) -> None:
    from stance.bulk import FAILED_FOLDER, analyze_files

    if options.format not in ("table", "jsonl"):
        raise InputError(f"--format {options.format} is for one file. A folder takes Parquet, or --format jsonl.")
    if "-" in options.inputs or not options.inputs:
        raise InputError("a folder of results needs files of articles, not standard input. Name them.")
    result = analyze_files(
        options.inputs,
        options.out,
        model=options.model,
        extractor=options.extractor,
        backend=options.backend,
        target=options.target,
        min_confidence=options.min_confidence,
        max_risk=options.max_risk,
        batch_size=options.batch_size,
        columns={name: getattr(options, f"{name}_column") for name in ("text", "id", "outlet", "date")},
        format="jsonl" if options.format == "jsonl" else "parquet",
        shard_size=options.shard_size,
        engine=options.engine,
    )
    before = f", {result.n_articles - result.n_done} were there before" if result.n_done < result.n_articles else ""
    print(f"{result.out}: {result.n_done} of {result.n_articles} articles read, {result.n_statements} statements{before}")
    if result.n_failed:
        raise PartialFailure([("", f"the reasons are in {result.out}/{FAILED_FOLDER}")], result.n_articles, result.n_failed)


def _analyze(options: argparse.Namespace) -> None:
    if options.out and (options.out.endswith(("/", os.sep)) or Path(options.out).is_dir()):
        _analyze_files(options)
        return
    if options.engine != "local":
        raise InputError("--engine ray writes into a folder. Pass --out FOLDER/, with the stroke at its end.")
    from stance.analyze import analyze
    from stance.modeling import load
    from stance.pages import corpus_page
    from stance.quotes.extract import load_extractor

    settings: dict[str, Any] = {
        "target": options.target,
        "batch_size": options.batch_size,
        "min_confidence": options.min_confidence,
        "max_risk": options.max_risk,
    }
    work = partial(analyze, model=load(options.model, options.backend), extractor=load_extractor(options.extractor, options.backend) or "rules", **settings)

    run = _Run(options)
    reports = (replace(report, source=article.name, **article.known) for article, report in run.each(work))
    if options.format == "csv":
        _write(options, _csv(ROW_FIELDS, (row for report in reports for row in report.rows())))
    elif options.format == "jsonl":
        _write(options, (report.to_json(indent=None) + "\n" for report in reports))
    elif options.format == "json":
        _write(options, _json(options, (report.to_dict() for report in reports)))
    elif options.format == "html":
        found = list(reports)
        _write(options, [found[0].to_html() if len(found) == 1 else corpus_page(found)])
    else:
        width = _width()
        _write(options, (f"{report.source}\n\n{report.to_table(width)}\n\n" for report in reports))
    run.finish()


def _quotes(options: argparse.Namespace) -> None:
    from stance.quotes.extract import extract_quotes, load_extractor

    run = _Run(options)
    each = run.each(partial(extract_quotes, extractor=load_extractor(options.extractor) or "rules"))
    found = ((article.name, quotes) for article, quotes in each)
    if options.format == "csv":
        fields = ("source", "start", "end", "speaker", "description", "kind", "cue", "confidence", "speaker_confidence", "text")
        _write(options, _csv(fields, (_quote_row(name, quote) for name, quotes in found for quote in quotes)))
    elif options.format in ("json", "jsonl"):
        plain = ({"source": name, "quotes": [quote.to_dict() for quote in quotes]} for name, quotes in found)
        if options.format == "jsonl":
            _write(options, (json.dumps(item, ensure_ascii=False) + "\n" for item in plain))
        else:
            _write(options, _json(options, plain))
    elif options.format == "html":
        raise UnreadableFileError("--format", "quotes have no HTML page. Use table, json, jsonl or csv, or stance analyze.")
    else:
        _write(options, (_quote_table(name, quotes) for name, quotes in found))
    run.finish()


def _quote_row(name: str, quote: Quote) -> dict[str, Any]:
    return {
        "source": name,
        "start": quote.start,
        "end": quote.end,
        "speaker": str(quote.speaker or ""),
        "description": (quote.speaker.description if quote.speaker else None) or "",
        "kind": quote.kind,
        "cue": quote.cue or "",
        "confidence": quote.confidence,
        "speaker_confidence": quote.speaker.confidence if quote.speaker else 0.0,
        "text": quote.text,
    }


def _quote_table(name: str, quotes: list[Quote]) -> str:
    lines = [f"{str(quote.speaker or UNKNOWN)[:28]:28}  {quote.kind:8}  {' '.join(quote.text.split())}" for quote in quotes]
    return "\n".join([name, "", *(lines or ["No quoted statements found."]), "", ""])


# ---------------------------------------------------------------- statements


def _predict(options: argparse.Namespace) -> None:
    from stance.modeling import load
    from stance.predict import predict

    rows = list(_statement_rows(options))
    predictions = predict(
        [row["text"] for row in rows],
        speaker=[row.get("speaker") or None for row in rows],
        context=[row.get("context") or None for row in rows],
        target=options.target,
        model=load(options.model, options.backend),
        batch_size=options.batch_size,
        min_confidence=options.min_confidence,
        max_risk=options.max_risk,
    )
    if options.format == "csv":
        fields = ("text", "label", "confidence", *(f"p_{label}" for label in LABELS), "truncated")
        _write(options, _csv(fields, (_prediction_row(row["text"], p) for row, p in zip(rows, predictions, strict=True))))
    elif options.format in ("json", "jsonl"):
        plain = [{"text": row["text"], **p.to_dict()} for row, p in zip(rows, predictions, strict=True)]
        if options.format == "jsonl":
            _write(options, (json.dumps(item, ensure_ascii=False) + "\n" for item in plain))
        else:
            _write(options, [json.dumps(plain[0] if len(plain) == 1 and not options.file else plain, ensure_ascii=False, indent=1) + "\n"])
    elif options.format == "html":
        raise UnreadableFileError("--format", "statements have no HTML page. Use table, json, jsonl or csv.")
    else:
        lines = (f"{p.label or '?':8} {p.confidence:5.2f}  {' '.join(row['text'].split())}\n" for row, p in zip(rows, predictions, strict=True))
        _write(options, lines)


def _statement_rows(options: argparse.Namespace) -> Iterator[dict[str, str]]:
    given = [text for text in options.statements if text != "-"]
    for text in given:
        yield {"text": text}
    for name in options.file:
        path = Path(name)
        if path.suffix.lower() in TABLES:
            columns, rows = read_table(path)
            if options.text_column not in columns:
                raise MissingColumnError(path, options.text_column, columns)
            for where, row in rows:
                text = row.get(options.text_column)
                if not isinstance(text, str) or not has_words(text):
                    raise EmptyTextError(f"{where}: statement", text)
                found = {field: row.get(getattr(options, f"{field}_column")) for field in ("speaker", "context")}
                yield {"text": text, **{field: str(value) for field, value in found.items() if value}}
        else:
            yield from _lines(read_text(path), name)
    if "-" in options.statements or not (given or options.file):
        text = decode(sys.stdin.buffer.read(), _STDIN)
        if not has_words(text):
            raise EmptyTextError(_STDIN, text)
        yield from _lines(text, _STDIN)


def _lines(text: str, name: str) -> Iterator[dict[str, str]]:
    """One statement a line; empty lines are passed over."""
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            if not has_words(line):
                raise EmptyTextError(f"{name}, line {number}: statement", line)
            yield {"text": line}


def _prediction_row(text: str, prediction: Prediction) -> dict[str, Any]:
    return {
        "text": text,
        "label": prediction.label or "",
        "confidence": prediction.confidence,
        **{f"p_{label}": value for label, value in prediction.probabilities.items()},
        "truncated": prediction.truncated,
    }


# ---------------------------------------------------------------- output


def _csv(fields: Sequence[str], rows: Iterable[dict[str, Any]]) -> Iterator[str]:
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, fields)
    writer.writeheader()
    for row in rows:
        writer.writerow(row)
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()
    if buffer.getvalue():
        yield buffer.getvalue()


def _json(options: argparse.Namespace, items: Iterator[dict[str, Any]]) -> Iterator[str]:
    """One object for one article, an array for several, written as they come."""
    many = len(options.inputs) > 1 or any(Path(name).suffix.lower() in TABLES for name in options.inputs)
    if not many:
        yield from (json.dumps(item, ensure_ascii=False, indent=1) + "\n" for item in items)
        return
    separator = "[\n"
    for item in items:
        yield separator + json.dumps(item, ensure_ascii=False, indent=1)
        separator = ",\n"
    yield "\n]\n" if separator != "[\n" else "[]\n"


def _write(options: argparse.Namespace, pieces: Iterable[str]) -> None:
    """Write pieces as they come; with --out into a temporary file that is then renamed."""
    if not options.out:
        for piece in pieces:
            sys.stdout.write(piece)
            sys.stdout.flush()
        return
    path = Path(options.out)
    if path.is_dir():
        raise UnreadableFileError(path, "is a folder, expected a file to write. Name a file in it.")
    temporary = path.with_name(path.name + ".tmp")
    with temporary.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file:
        file.writelines(pieces)
    os.replace(temporary, path)
    print(path)


def _width() -> int:
    try:
        return max(80, os.get_terminal_size().columns)
    except OSError:
        return 120


if __name__ == "__main__":
    sys.exit(main())
