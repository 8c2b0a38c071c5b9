"""A YAML file and overrides -> one checked, frozen `Config`.

Every key is a field below and every field is read somewhere. A file may name a `base:` file (relative to itself)
and hold only what differs. Unknown keys and wrong types stop before any work starts, with file, line and key.
YAML 1.1 reads `5e-5` as a string; the check says so instead of training with it.
"""

import difflib
import math
import typing
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any

import yaml

from stance.errors import ConfigError
from stance.labels import LABELS
from stance.records import DEFAULT_TARGET, Example

MINILM = "sentence-transformers/all-MiniLM-L6-v2"


@dataclass(frozen=True)
class ModelConfig:
    """The encoder and what it reads.

    Attributes:
        encoder: A hub name or a folder with a transformers checkpoint.
        max_length: Tokens of statement, speaker, context and target together.
        dropout: In the encoder and before the head.
        lora_rank: Train only low-rank updates of this rank (Hu et al. 2022, "LoRA") and merge them in the end; 0 trains all
            weights. Needs the extra `lora`. For encoders that would not fit into memory otherwise; wants a higher learning rate.
        use_speaker: Whether the second segment holds the speaker.
        use_context: Whether the second segment holds the context.
        use_target: Whether the second segment holds the target.
    """

    encoder: str = MINILM
    max_length: int = 160
    dropout: float = 0.0
    lora_rank: int = 0
    use_speaker: bool = False
    use_context: bool = False
    use_target: bool = True


@dataclass(frozen=True)
class DataConfig:
    """Which examples to train and choose on.

    Attributes:
        train: `corpus` for the shipped corpus, or a CSV, TSV or JSON Lines file.
        dev: The same; null splits it off `train`, by matter where there is one.
        real: A file of real statements to learn from besides, those of them that the package has labels for; null for none.
        dev_share: Share of `train` to split off where `dev` is null, and of the real statements to choose and calibrate on
            beside `dev`; which ones does not depend on the seed.
        train_share: Share of the training matters to learn from, drawn by the seed; less than 1 for learning curves.
        as_printed: Share of the training statements to show as the whole sentence of their context that holds them, with
            quotation marks and reporting clause, since statements cut out of real text often keep theirs.
        hide_share: Share of the training statements to show without speaker and context, so that the model works with and
            without them.
        other_targets: Share of the training statements to show under another target: half of them in other words for
            negotiating, half under something unrelated, toward which they are neutral.
        columns: Our field names to the file's column names, where they differ.
        labels: The file's label names to ours, where they differ.
        target: What the stance is about, where a row does not say.
    """

    train: str = "corpus"
    dev: str | None = "corpus"
    real: str | None = None
    dev_share: float = 0.1
    train_share: float = 1.0
    as_printed: float = 0.4
    hide_share: float = 0.0
    other_targets: float = 0.0
    columns: dict[str, str] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    target: str = DEFAULT_TARGET


@dataclass(frozen=True)
class TrainingConfig:
    """How to train.

    Attributes:
        output: The checkpoint folder to make.
        epochs: At most so many passes over the training examples.
        batch_size: Examples per step.
        learning_rate: Peak of the schedule.
        warmup_share: Share of all steps spent warming up.
        weight_decay: Of AdamW.
        class_weights: Weigh classes by the inverse of their frequency.
        label_smoothing: 0 to 1.
        patience: Epochs without a better dev macro-F1 before stopping.
        freeze_embeddings: Leave the word embeddings as the encoder brings them; saves time and memory, more the larger its vocabulary.
        group_by_length: Batch examples of like length, which pads less.
        seed: Of initialisation, order, dropout and splits.
        seeds: Several seeds: a checkpoint for each in `<output>/seed-<n>`, and their mean and spread; [] for `seed` alone.
        threads: CPU threads; null leaves it to torch. The same number gives the same weights.
        save_dtype: Of the weights on disk: `float32`, `float16` or `int8`. The scores on dev in the end are those of the weights on disk.
        bf16: Compute in bfloat16 on a CPU, or a CUDA device that has it; faster on processors made for it.
        average_with: Finished checkpoints of the same encoder and seed; the mean of their weights and of this run's best is kept. Wortsman et al. 2022,
            "Model soups".
        report_to: Loggers of transformers, such as [tensorboard].
    """

    output: str = "runs/stance"
    epochs: int = 6
    batch_size: int = 16
    learning_rate: float = 5.0e-5
    warmup_share: float = 0.1
    weight_decay: float = 0.01
    class_weights: bool = False
    label_smoothing: float = 0.0
    patience: int = 3
    freeze_embeddings: bool = False
    group_by_length: bool = True
    seed: int = 13
    seeds: list[int] = field(default_factory=list)
    threads: int | None = None
    save_dtype: str = "float32"
    bf16: bool = True
    average_with: list[str] = field(default_factory=list)
    report_to: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class DistillConfig:
    """Whom to learn from besides the labels. Hinton et al. 2015, "Distilling the Knowledge in a Neural Network".

    Attributes:
        teachers: Checkpoints; the mean of their probabilities is taught. [] teaches nothing.
        unlabelled: A file of statements without labels, for which the teachers' probabilities are all there is; null for none.
        neighbours: Whether whole sentences that stand around the real statements, labelled or not, are taught like those of `unlabelled`.
        neutral_share: At most this share of what has no label may be neutral to the teachers; what is too much is left out at random.
        weight: Of the teachers against the label, where there is one: 0 is the label alone, 1 the teachers alone.
    """

    teachers: list[str] = field(default_factory=list)
    unlabelled: str | None = None
    neighbours: bool = False
    neutral_share: float = 1.0
    weight: float = 0.7


@dataclass(frozen=True)
class SearchConfig:
    """What `stance train --search` may change.

    Attributes:
        trials: How many trainings in all.
        space: Dotted settings to what they may be: a list of values, or `{low: ..., high: ..., log: true}`.
    """

    trials: int = 20
    space: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Config:
    """All that a training run needs to know.

    Attributes:
        task: `stance` trains a classifier of statements, `quotes` a tagger that finds them.
        model: The encoder and what it reads.
        data: What to learn from.
        training: How.
        distill: Whom to learn from besides the labels.
        search: What to look for the best of.
    """

    task: str = "stance"
    model: ModelConfig = field(default_factory=ModelConfig)
    data: DataConfig = field(default_factory=DataConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    distill: DistillConfig = field(default_factory=DistillConfig)
    search: SearchConfig = field(default_factory=SearchConfig)

    def to_dict(self) -> dict[str, Any]:
        """Return the config as plain dicts."""
        return asdict(self)

    def to_yaml(self) -> str:
        """Return the resolved config as YAML that `load_config` reads back to an equal one."""
        return yaml.safe_dump(self.to_dict(), sort_keys=False, allow_unicode=True)


_POSITIVE = {"search.trials", "model.max_length", "training.epochs", "training.batch_size", "training.learning_rate", "training.patience"}
_SHARES = {
    "model.dropout",
    "data.dev_share",
    "data.as_printed",
    "data.hide_share",
    "data.other_targets",
    "training.warmup_share",
    "training.label_smoothing",
}
_COLUMNS = {field.name for field in fields(Example)}
DTYPES = ("float32", "float16", "int8")
_CHOICES = {"training.save_dtype": DTYPES, "task": ("stance", "quotes")}


def load_config(source: str | Path | Mapping[str, Any] | Config | None = None, overrides: Sequence[str] = ()) -> Config:
    """Read and check a config.

    Args:
        source: A YAML file, a dict of the same shape, a `Config`, or None for the defaults.
        overrides: Dotted settings on top, such as `"training.seed=3"`; values are read as YAML.

    Returns:
        The frozen config.

    Raises:
        ConfigError: A key is unknown or a value of the wrong type; the message names file, line and key.
    """
    lines: dict[str, str] = {}
    if isinstance(source, Config):
        data = source.to_dict()
    elif isinstance(source, Mapping):
        data = {key: dict(value) if isinstance(value, Mapping) else value for key, value in source.items()}
    elif source is None:
        data = {}
    else:
        data = _read(Path(source), lines, set())
    for override in overrides:
        key, equals, value = override.partition("=")
        if not equals or not key.strip():
            raise ConfigError("override", override, "expected key=value, such as training.seed=3.")
        try:
            parsed = yaml.safe_load(value)
        except yaml.YAMLError as error:
            raise ConfigError(f"override {override}", key, f"the value is not YAML ({_first_line(error)}).") from error
        _set(data, key.strip().split("."), parsed, override)
        lines[key.strip()] = f"override {override}"
    return typing.cast(Config, _build(Config, data, "", lines, str(source) if isinstance(source, (str, Path)) else "config"))


def _read(path: Path, lines: dict[str, str], seen: set[Path]) -> dict[str, Any]:
    """Read a YAML file over its base; remember in `lines` where each key stands."""
    if path.resolve() in seen:
        raise ConfigError(str(path), "base", "the files name each other as base. Remove one of them.")
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(str(path), "", f"cannot be read ({_first_line(error)}). Pass a YAML file.") from error
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        data = yaml.safe_load(text) or {}
    except yaml.YAMLError as error:
        raise ConfigError(str(path), "", f"is not YAML: {_first_line(error)}.") from error
    if not isinstance(data, dict):
        raise ConfigError(str(path), "", f"holds {_kind(data)}, expected keys and values such as training:.")
    base = data.pop("base", None)
    merged: dict[str, Any] = {}
    if base is not None:
        merged = _read(path.parent / str(base), lines, seen | {path.resolve()})
    _remember(node, "", path, lines)
    for key, value in data.items():
        if isinstance(value, dict) and isinstance(merged.get(key), dict):
            merged[key] = {**merged[key], **value}
        else:
            merged[key] = value
    return merged


def _remember(node: yaml.Node | None, prefix: str, path: Path, lines: dict[str, str]) -> None:
    if isinstance(node, yaml.MappingNode):
        for key_node, value_node in node.value:
            key = f"{prefix}{key_node.value}"
            if lines.get(key, "").startswith(f"{path}, "):
                raise ConfigError(f"{path}, line {key_node.start_mark.line + 1}", key, f"stands twice (first in {lines[key]}). Remove one.")
            lines[key] = f"{path}, line {key_node.start_mark.line + 1}"
            _remember(value_node, key + ".", path, lines)


def _set(data: dict[str, Any], keys: list[str], value: object, override: str) -> None:
    for key in keys[:-1]:
        if not isinstance(data.setdefault(key, {}), dict):
            raise ConfigError(f"override {override}", ".".join(keys), f"{key} is not a section.")
        data = data[key]
    data[keys[-1]] = value


def _build(cls: Any, data: object, prefix: str, lines: dict[str, str], where: str) -> object:  # noqa: ANN401
    """Check one section against its dataclass and build it."""
    at = lines.get(prefix.rstrip("."), where)
    if data is None:
        data = {}
    if not isinstance(data, Mapping):
        raise ConfigError(at, prefix.rstrip("."), f"found {_kind(data)}, expected a section with keys.")
    hints = typing.get_type_hints(cls)
    known = [f.name for f in fields(cls)]
    values = {}
    for name, value in data.items():
        key = f"{prefix}{name}"
        at = lines.get(key, where)
        if name not in known:
            near = difflib.get_close_matches(str(name), known, n=1, cutoff=0.5)
            hint = f"Did you mean {near[0]}?" if near else f"Allowed here: {', '.join(known)}."
            raise ConfigError(at, key, f"there is no such key. {hint}")
        hint_type = hints[name]
        if is_dataclass(hint_type):
            values[name] = _build(hint_type, value, key + ".", lines, where)
        else:
            values[name] = _check(key, value, hint_type, at)
    return cls(**values)


def _check(key: str, value: Any, hint: Any, at: str) -> object:  # noqa: ANN401 - a YAML value and its type
    options = typing.get_args(hint) if typing.get_origin(hint) not in (list, dict) else (hint,)
    options = options or (hint,)
    if value is None and type(None) in options:
        return None
    wanted = next(option for option in options if option is not type(None))
    origin = typing.get_origin(wanted) or wanted
    if origin is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    right = isinstance(value, origin) and (origin is bool or not isinstance(value, bool))
    if right and origin in (list, dict):
        items = list(value) + (list(value.values()) if origin is dict else [])
        right = wanted == dict[str, Any] or all(type(item) is typing.get_args(wanted)[0] for item in items)
    if not right:
        expected = "a list of whole numbers" if wanted == list[int] else _EXPECTED[origin]
        raise ConfigError(at, key, f"found {_kind(value)}, expected {expected}.{_number_hint(value, origin)}")
    if origin is float and not math.isfinite(value):
        raise ConfigError(at, key, f"found {value}, expected a finite number.")
    if key in ("training.seed", "training.seeds") and min(value if isinstance(value, list) else [value], default=0) < 0:
        raise ConfigError(at, key, f"found {value}, expected 0 or more.")
    if key == "training.seeds" and len(set(value)) < len(value):
        raise ConfigError(at, key, f"found {value}, expected each seed once.")
    if key in ("distill.weight", "distill.neutral_share") and not 0 <= value <= 1:
        raise ConfigError(at, key, f"found {value}, expected 0 to 1.")
    if key == "data.columns" and (unknown := set(value) - _COLUMNS):
        near = difflib.get_close_matches(sorted(unknown)[0], _COLUMNS, n=1, cutoff=0.5)
        hint = f"Did you mean {near[0]}?" if near else f"Allowed are {', '.join(sorted(_COLUMNS))}."
        raise ConfigError(at, key, f"there is no field {sorted(unknown)[0]!r} on the left. {hint}")
    if key == "model.lora_rank" and value < 0:
        raise ConfigError(at, key, f"found {value}, expected 0 or more.")
    if key in _POSITIVE and value <= 0:
        raise ConfigError(at, key, f"found {value}, expected more than 0.")
    if key in _SHARES and not 0 <= value < 1:
        raise ConfigError(at, key, f"found {value}, expected at least 0 and less than 1.")
    if key == "data.train_share" and not 0 < value <= 1:
        raise ConfigError(at, key, f"found {value}, expected more than 0 and at most 1.")
    if key in _CHOICES and value not in _CHOICES[key]:
        raise ConfigError(at, key, f"found {value!r}, allowed are {', '.join(_CHOICES[key])}.")
    if key == "data.labels" and not set(value.values()) <= set(LABELS):
        wrong = next(label for label in value.values() if label not in LABELS)
        raise ConfigError(at, key, f"found {wrong!r} on the right, allowed are {', '.join(LABELS)}.")
    return value


_EXPECTED = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a string",
    list: "a list of strings",
    dict: "keys and values that are strings",
}


def _kind(value: object) -> str:
    names = {str: "the string", bool: "the truth value", int: "the number", float: "the number", list: "a list"}
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return "a section"
    name = names.get(type(value), type(value).__name__)
    return name if isinstance(value, list) else f"{name} {value!r}"


def _number_hint(value: object, origin: type) -> str:
    if origin not in (int, float) or not isinstance(value, str):
        return ""
    mantissa, e, exponent = value.lower().partition("e")
    try:
        float(value)
    except ValueError:
        return ""
    if e and "." not in mantissa:
        return f" YAML needs the dot: write {mantissa}.0e{exponent}."
    return f" Write it without quotation marks: {value}."


def _first_line(error: Exception) -> str:
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    return " ".join(str(error).split())[:160]
