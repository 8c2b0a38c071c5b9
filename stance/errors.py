"""Everything that can go wrong, as one tree.

    StanceError
    ├── InputError (also a ValueError)
    │   ├── EmptyTextError          a statement or article holds no words
    │   ├── UnknownLabelError       a label outside support, oppose, neutral
    │   ├── MissingColumnError      a table without the column that was asked for
    │   └── UnreadableFileError     not there, not text, or a broken row in it
    ├── ConfigError (also a ValueError)
    ├── SplitLeakError              the same matter or text on both sides of a split
    ├── CheckpointError
    │   ├── ModelNotFoundError      neither a released name nor a checkpoint folder
    │   ├── BrokenCheckpointError   a file is missing, truncated or does not fit
    │   └── UnsafeCheckpointError   pickled weights, which are never loaded
    ├── MissingExtraError (also an ImportError)  an optional package is not installed
    └── PartialFailure              some inputs of many failed; the others are done

Each message is one line: where, what was found, what is allowed, what to do.
"""

from collections.abc import Iterable
from pathlib import Path


class StanceError(Exception):
    """The root of the tree: `except stance.StanceError` catches all that this library raises on purpose."""


class InputError(StanceError, ValueError):
    """What the user passed cannot be read as what it should be."""


class EmptyTextError(InputError):
    """A text holds no words.

    Attributes:
        index: Which one of the texts, from 0; None where there was only one.
        found: What it held.
    """

    def __init__(self, what: str, found: object, index: int | None = None, total: int | None = None) -> None:
        """Say which text is empty.

        Args:
            what: "statement" or "article".
            found: What was there instead of words.
            index: Position among the texts, from 0.
            total: How many there were, where that is known.
        """
        self.index, self.found = index, found
        where = what if index is None else f"{what} {index}" + (f" of {total}" if total is not None else "")
        shown = repr(found)
        shown = shown if len(shown) <= 60 else shown[:57] + "..."
        super().__init__(f"{where} holds no words (found {shown}). Remove it, or label it yourself.")


class MissingExtraError(StanceError, ImportError):
    """Something that an extra of the package brings is not installed.

    Attributes:
        package: What is missing.
        extra: The extra that brings it.
    """

    def __init__(self, package: str, extra: str) -> None:
        """Say what is missing and how to get it."""
        self.package, self.extra = package, extra
        super().__init__(f"{package} is not installed. It comes with an extra: pip install 'negotiation-stance[{extra}]'")


class UnknownLabelError(InputError):
    """A label that is none of the three.

    Attributes:
        where: File and line.
        found: The label as read.
        allowed: The labels there are.
    """

    def __init__(self, where: str, found: object, allowed: Iterable[str]) -> None:
        """Say which label was found where."""
        self.where, self.found, self.allowed = where, found, tuple(allowed)
        super().__init__(
            f"{where}: found label {found!r}, allowed are {', '.join(self.allowed)}. "
            + (f"Map it with labels: {{{found}: {self.allowed[0]}}} in the config, or --label {found}={self.allowed[0]}." if found else "Label it.")
        )


class MissingColumnError(InputError):
    """A table has no such column.

    Attributes:
        path: The file.
        column: The column that was asked for.
        found: The columns that are there.
    """

    def __init__(self, path: str | Path, column: str, found: Iterable[str], field: str = "text") -> None:
        """Say which column is missing from which file, and which of our fields it was to fill."""
        self.path, self.column, self.found = str(path), column, tuple(found)
        super().__init__(
            f"{path}: no column {column!r}, found {', '.join(map(repr, self.found)) or 'none'}. "
            f"Name the right one with --{field}-column (in Python: columns={{{field!r}: ...}})."
        )


class UnreadableFileError(InputError):
    """A file is absent, is not text, or holds a row that cannot be read.

    Attributes:
        path: The file.
        line: The line, from 1, or None.
    """

    def __init__(self, path: str | Path, problem: str, line: int | None = None) -> None:
        """Say what is wrong with which file.

        Args:
            path: The file.
            problem: What was found and what to do.
            line: The line, from 1.
        """
        self.path, self.line = str(path), line
        super().__init__(f"{path}{f', line {line}' if line else ''}: {problem}")


class ConfigError(StanceError, ValueError):
    """A config holds an unknown key or a value of the wrong type.

    Attributes:
        where: File (and line, where it is known).
        key: The dotted key.
    """

    def __init__(self, where: str, key: str, problem: str) -> None:
        """Say which key of which file is wrong, and how to mend it."""
        self.where, self.key = where, key
        super().__init__(", ".join(part for part in (where, key) if part) + f": {problem}")


class SplitLeakError(StanceError):
    """The same matter or the same text stands on both sides of a split."""


class CheckpointError(StanceError):
    """A checkpoint cannot be used.

    Attributes:
        path: The folder or name that was asked for.
    """

    def __init__(self, path: str | Path, problem: str) -> None:
        """Say what is wrong with which checkpoint."""
        self.path = str(path)
        super().__init__(f"{path}: {problem}")


class ModelNotFoundError(CheckpointError):
    """A name is neither a release nor a checkpoint folder."""


class BrokenCheckpointError(CheckpointError):
    """A checkpoint's files are missing, truncated or do not fit together."""


class UnsafeCheckpointError(CheckpointError):
    """A checkpoint holds pickled weights, which can run code when loaded."""


class PartialFailure(StanceError):
    """Some of many inputs failed; what the others gave has been written.

    Attributes:
        failures: One (input, message) pair each.
    """

    def __init__(self, failures: list[tuple[str, str]], total: int, n_failed: int | None = None) -> None:
        """Say how many failed, and list them or say where they are listed."""
        self.failures = failures
        listed = "".join(f"\n  {message}" for _, message in failures)
        super().__init__(f"{len(failures) if n_failed is None else n_failed} of {total} inputs failed, the rest is done:{listed}")
