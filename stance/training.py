"""Config -> fine-tuned checkpoint folder.

Comes in: a config that names encoder, data and settings. Goes out: a folder that `stance.load` takes, with the resolved
config, metrics, versions and the fingerprint of the data beside the weights. transformers' `Trainer` trains; after
every epoch its state is kept in `<output>.partial/`, so that a killed run resumes to the very same weights. The
finished folder appears in one rename, whole or not at all.
"""

import json
import os
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stance.calibration import fit_temperature, softmax
from stance.config import Config, load_config
from stance.corpora import CORPUS, fingerprint, read_examples
from stance.encoding import encode
from stance.environment import describe_environment
from stance.errors import ConfigError, InputError, UnreadableFileError
from stance.labels import LABEL_TO_ID, LABELS
from stance.metrics import score
from stance.modeling import StanceModel, new_model, quiet
from stance.records import Example
from stance.reporting import TrainingResult, write_whole
from stance.splits import check_no_leak, split_examples

if TYPE_CHECKING:
    import torch
    from transformers import Trainer

CONFIG_FILE = "train_config.yaml"
RESULT_FILE = "training.json"
DATA_FILE = "data.json"
STATE_FILE = "trainer_state.json"
MODEL_CARD = "README.md"


def train(
    config: str | Path | Mapping[str, Any] | Config,
    overrides: Sequence[str] = (),
    *,
    resume: bool = False,
    overwrite: bool = False,
    progress: bool = True,
) -> TrainingResult:
    """Fine-tune an encoder as a config says.

    Args:
        config: A YAML file, a dict of its shape, or a `Config`.
        overrides: Dotted settings on top, such as `"training.seed=3"`.
        resume: Go on with the unfinished run of the same config and data, if there is one.
        overwrite: Replace a finished checkpoint, or start an unfinished run afresh.
        progress: Show a progress bar on standard error.

    Returns:
        The checkpoint folder and its scores on dev.

    Raises:
        ConfigError: The config is wrong, or differs from that of the run to resume.
        InputError: The data cannot be read, or the output exists already.
        SplitLeakError: Train and dev share a matter or a text.
        ModelNotFoundError: The encoder is neither a folder nor to be had from the hub.

    Example:
        >>> stance.train("configs/train.yaml", ["training.epochs=2"]).metrics["macro_f1"]  # doctest: +SKIP
        0.53
    """
    started = time.perf_counter()
    settings = load_config(config, overrides)
    output = Path(settings.training.output)
    if output.name in ("", ".."):
        raise InputError(f"training.output is {str(output)!r}, expected a folder of its own, such as runs/mine.")
    partial = output.with_name(output.name + ".partial")
    _check_output(output, partial, settings, resume=resume, overwrite=overwrite)
    train_examples, dev_examples = load_splits(settings)
    check_no_leak(train_examples, dev_examples)
    data: dict[str, Any] = {
        "train": {"source": settings.data.train, "n_examples": len(train_examples), "sha256": fingerprint(train_examples)},
        "dev": {"source": settings.data.dev or f"split off {settings.data.train}", "n_examples": len(dev_examples), "sha256": fingerprint(dev_examples)},
    }
    last = None if overwrite else _last_checkpoint(partial, data)
    if last is None and partial.exists():
        shutil.rmtree(partial)  # nothing finished in it, or the user said so
    trainer, model = _trainer(settings, train_examples, dev_examples, partial, progress=progress)
    partial.mkdir(parents=True, exist_ok=True)
    write_whole(partial / CONFIG_FILE, settings.to_yaml())
    write_whole(partial / DATA_FILE, json.dumps(data, indent=1))
    with quiet():
        _run(trainer, last)
    model.network.eval()

    logits, _ = model.logits(dev_examples)
    gold = np.array([LABEL_TO_ID[str(example.label)] for example in dev_examples])
    model.calibration = fit_temperature(logits, gold)
    metrics = score(gold, model.calibration.probabilities(logits))
    metrics["ece_uncalibrated"] = score(gold, softmax(logits))["ece"]
    best_epoch = _best_epoch(trainer)
    result = TrainingResult(str(output), metrics, best_epoch, time.perf_counter() - started)

    finished = partial / "finished"
    shutil.rmtree(finished, ignore_errors=True)
    finished.mkdir()
    _save(model, finished, settings, result, data, trainer.state.log_history)
    if output.exists():
        os.replace(output, partial / "replaced")
    os.replace(finished, output)
    shutil.rmtree(partial)
    return result


def load_splits(settings: Config) -> tuple[list[Example], list[Example]]:
    """Read train and dev as a config names them; dev is split off train, by matter, where it names none."""
    options: dict[str, Any] = {"columns": settings.data.columns, "labels": settings.data.labels, "target": settings.data.target}
    train_examples = read_examples(settings.data.train, split="train", **_for(settings.data.train, options))
    if settings.data.dev is not None:
        dev = read_examples(settings.data.dev, split="dev", **_for(settings.data.dev, options))
    else:
        train_examples, dev = split_examples(train_examples, settings.data.dev_share, settings.training.seed)
    if settings.data.train_share < 1:
        _, train_examples = split_examples(train_examples, settings.data.train_share, settings.training.seed)
    missing = set(LABELS) - {str(example.label) for example in train_examples}
    if missing:
        raise InputError(f"{settings.data.train}: no training example is labelled {', '.join(sorted(missing))}. Each label needs some.")
    return train_examples, dev


def _for(source: str, options: dict[str, Any]) -> dict[str, Any]:
    return {} if source == CORPUS else options


def _check_output(output: Path, partial: Path, settings: Config, *, resume: bool, overwrite: bool) -> None:
    """Refuse to lose anything that was computed before, or anything that is not ours."""
    if output.exists() or output.is_symlink():
        if output.is_symlink() or not (output / RESULT_FILE).exists():
            raise InputError(f"{output}: exists and is no checkpoint that stance.train made. Name another training.output.")
        if not overwrite:
            raise InputError(f"{output}: exists already. Pass --overwrite (in Python: overwrite=True), or another training.output.")
    if overwrite or not list(partial.glob("checkpoint-*/trainer_state.json")):
        return  # nothing to lose: not one epoch was finished
    if not resume:
        raise InputError(f"{partial}: an unfinished run is there. Pass --resume to go on with it, or --overwrite to start afresh.")
    saved = partial / CONFIG_FILE
    before, now = _flat(load_config(saved).to_dict()), _flat(settings.to_dict())
    changed = next((key for key in now if before[key] != now[key]), None)
    if changed:
        raise ConfigError(str(saved), changed, f"the run to resume has {before[changed]!r}, this one {now[changed]!r}. Use the same, or --overwrite.")


def _flat(data: Mapping[str, Any]) -> dict[str, Any]:
    return {f"{section}.{key}": value for section, values in data.items() for key, value in values.items()}


def _last_checkpoint(partial: Path, data: dict[str, Any]) -> Path | None:
    """The newest complete state of a run; the trainer writes `trainer_state.json` last, so one without it was cut off.

    Raises:
        InputError: The run was on other data.
    """
    for folder in sorted(partial.glob("checkpoint-*"), key=lambda path: -int(path.name.rpartition("-")[2])):
        try:
            json.loads((folder / STATE_FILE).read_text(encoding="utf-8"))
            before = json.loads((partial / DATA_FILE).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            shutil.rmtree(folder)
            continue
        changed = next((split for split in data if before[split]["sha256"] != data[split]["sha256"]), None)
        if changed:
            raise InputError(f"{data[changed]['source']}: the {changed} data changed since the run to resume began. Put it back, or --overwrite.")
        return folder
    return None


def _run(trainer: "Trainer", last: Path | None) -> None:
    """Train, or only load the best weights where the run had been stopped early already."""
    if last is not None:
        state = json.loads((last / STATE_FILE).read_text(encoding="utf-8"))
        control = state["stateful_callbacks"].get("TrainerControl", {}).get("args", {})
        if control.get("should_training_stop"):
            trainer.state = trainer.state.load_from_json(str(last / STATE_FILE))
            trainer._load_best_model()
            return
    trainer.train(resume_from_checkpoint=str(last) if last else None)


def _trainer(settings: Config, train_examples: list[Example], dev_examples: list[Example], folder: Path, *, progress: bool) -> tuple["Trainer", StanceModel]:
    """Set up transformers' Trainer for a config."""
    import torch
    from datasets import Dataset
    from transformers import DataCollatorWithPadding, EarlyStoppingCallback, Trainer, TrainingArguments, set_seed
    from transformers.trainer_callback import PrinterCallback, ProgressCallback

    options = settings.training
    if options.threads:
        torch.set_num_threads(options.threads)
    set_seed(options.seed)
    model = new_model(settings.model)
    model.network.train()

    def dataset(examples: list[Example]) -> Dataset:
        features = encode(examples, model.tokenizer, settings.model).features
        labels = [LABEL_TO_ID[str(example.label)] for example in examples]
        return Dataset.from_list([{**feature, "labels": label} for feature, label in zip(features, labels, strict=True)])

    if options.report_to:
        # TensorBoard's own choice lies in the folder that goes when the run is done.
        os.environ.setdefault("TENSORBOARD_LOGGING_DIR", str(Path(options.output).with_name(Path(options.output).name + ".logs")))
    steps = -(-len(train_examples) // options.batch_size) * options.epochs
    arguments = TrainingArguments(
        output_dir=str(folder),
        num_train_epochs=options.epochs,
        per_device_train_batch_size=options.batch_size,
        per_device_eval_batch_size=64,
        learning_rate=options.learning_rate,
        warmup_steps=round(options.warmup_share * steps),
        weight_decay=options.weight_decay,
        label_smoothing_factor=0.0,
        train_sampling_strategy="group_by_length" if options.group_by_length else "random",
        eval_strategy="epoch",
        save_strategy="epoch",
        logging_strategy="epoch",
        save_total_limit=2,
        load_best_model_at_end=True,
        metric_for_best_model="macro_f1",
        greater_is_better=True,
        restore_callback_states_from_checkpoint=True,
        seed=options.seed,
        data_seed=options.seed,
        report_to=options.report_to or "none",
        disable_tqdm=not progress,
        dataloader_pin_memory=torch.cuda.is_available(),
    )
    with quiet():
        trainer = Trainer(
            model=model.network,
            args=arguments,
            train_dataset=dataset(train_examples),
            eval_dataset=dataset(dev_examples),
            processing_class=model.tokenizer,
            data_collator=DataCollatorWithPadding(model.tokenizer),
            compute_loss_func=_loss(_class_weights(train_examples) if options.class_weights else None, options.label_smoothing),
            compute_metrics=_compute_metrics,
            callbacks=[EarlyStoppingCallback(early_stopping_patience=options.patience)],
        )
    trainer.remove_callback(PrinterCallback)
    if not progress:
        trainer.remove_callback(ProgressCallback)
    return trainer, model


def _class_weights(examples: Sequence[Example]) -> "torch.Tensor":
    """Inverse frequencies of the labels, with mean 1 over the examples, shape (n_labels,)."""
    import torch

    counts = np.bincount([LABEL_TO_ID[str(example.label)] for example in examples], minlength=len(LABELS))
    return torch.tensor(len(examples) / (len(LABELS) * counts), dtype=torch.float32)


def _loss(weights: "torch.Tensor | None", smoothing: float) -> Any:  # noqa: ANN401 - the callable that Trainer expects
    import torch

    def compute(outputs: Any, labels: "torch.Tensor", num_items_in_batch: Any = None) -> "torch.Tensor":  # noqa: ANN401
        logits = outputs["logits"]  # (n_examples, n_labels)
        weight = weights.to(logits.device) if weights is not None else None
        return torch.nn.functional.cross_entropy(logits, labels, weight=weight, label_smoothing=smoothing)

    return compute


@lru_cache(maxsize=1)
def metric_module() -> Any:  # noqa: ANN401 - evaluate is not typed
    """Load our metric through `evaluate`, from its file, without a network."""
    import evaluate

    return evaluate.load(str(files("stance") / "metric" / "stance_metric.py"))


def _compute_metrics(prediction: Any) -> dict[str, float]:  # noqa: ANN401 - transformers' EvalPrediction
    probabilities = softmax(np.asarray(prediction.predictions, dtype=float))
    found: dict[str, float] = metric_module().compute(predictions=probabilities.tolist(), references=prediction.label_ids.tolist())
    return found


def _best_epoch(trainer: "Trainer") -> float:
    best = trainer.state.best_metric
    epochs = [entry["epoch"] for entry in trainer.state.log_history if entry.get("eval_macro_f1") == best]
    return float(epochs[0]) if epochs else float(trainer.state.epoch or 0)


def _save(model: StanceModel, folder: Path, settings: Config, result: TrainingResult, data: dict[str, Any], history: list[dict[str, Any]]) -> None:
    """Write everything that belongs to a checkpoint into a new folder."""
    import torch

    if settings.training.save_dtype == "float16":
        model.network.to(torch.float16)
    with quiet():
        model.save_pretrained(folder)
    (folder / CONFIG_FILE).write_text(settings.to_yaml(), encoding="utf-8")
    record = {
        "labels": list(LABELS),
        "config": asdict(settings),
        "data": data,
        "metrics": {"dev": result.metrics},
        "best_epoch": result.best_epoch,
        "history": [{key: value for key, value in entry.items() if not key.endswith(("runtime", "per_second"))} for entry in history],
        "environment": describe_environment(),
    }
    (folder / RESULT_FILE).write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    readable = (folder / CONFIG_FILE).stat().st_mode & 0o777
    for path in folder.iterdir():  # safetensors writes for the owner alone
        path.chmod(readable)


def read_training(folder: str | Path) -> dict[str, Any]:
    """Read what a checkpoint says of its training.

    Args:
        folder: A checkpoint that `train` made.

    Returns:
        The contents of `training.json`.

    Raises:
        UnreadableFileError: It is not there or broken.
    """
    path = Path(folder) / RESULT_FILE
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UnreadableFileError(path, f"cannot be read ({error}). Pass a checkpoint that stance.train made.") from error
    return found
