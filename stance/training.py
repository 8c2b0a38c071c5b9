"""Config -> fine-tuned checkpoint folder.

Comes in: a config that names encoder, data and settings. Goes out: a folder that `stance.load` takes, with the resolved
config, metrics, versions and the fingerprint of the data beside the weights. transformers' `Trainer` trains; after
every epoch its state is kept in `<output>.partial/`, so that a killed run resumes to the very same weights. The
finished folder appears in one rename, whole or not at all.
"""

import json
import os
import shutil
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stance.config import Config, load_config
from stance.environment import describe_environment
from stance.errors import ConfigError, InputError, UnreadableFileError
from stance.labels import LABELS
from stance.modeling import quiet
from stance.reporting import TrainingResult, write_whole
from stance.tasks import TAUGHT_FILE, Task, is_first_process, new_task

if TYPE_CHECKING:
    from transformers import Trainer

CONFIG_FILE = "train_config.yaml"
RESULT_FILE = "training.json"
DATA_FILE = "data.json"
SEEDS_FILE = "seeds.json"
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
        The checkpoint folder and its scores on dev; with `training.seeds` the best seed's, and of the scores of all the
        mean and the spread (standard deviation) in `metrics["seeds"]`.

    Raises:
        ConfigError: The config is wrong, or differs from that of the run to resume.
        InputError: The data cannot be read, or the output exists already.
        SplitLeakError: Train and dev share a matter or a text.
        ModelNotFoundError: The encoder is neither a folder nor to be had from the hub.
        BrokenCheckpointError: The encoder's files are damaged, or its weights in int8.
        UnsafeCheckpointError: The encoder's weights are pickled.

    Example:
        >>> stance.train("configs/train.yaml", ["training.epochs=2"]).metrics["macro_f1"]  # doctest: +SKIP
        0.53
    """
    started = time.perf_counter()
    settings = load_config(config, overrides)
    if settings.training.seeds:
        return _train_seeds(settings, resume=resume, overwrite=overwrite, progress=progress)
    output = Path(settings.training.output)
    if output.name in ("", ".."):
        raise InputError(f"training.output is {str(output)!r}, expected a folder of its own, such as runs/mine.")
    partial = output.with_name(output.name + ".partial")
    for folder in settings.training.average_with:
        other = load_config(Path(folder) / CONFIG_FILE)
        if (other.task, other.model.encoder, other.training.seed) != (settings.task, settings.model.encoder, settings.training.seed):
            raise ConfigError("config", "training.average_with", f"{folder} had another task, encoder or seed, and did not start where this run does.")
    _check_output(output, partial, settings, resume=resume, overwrite=overwrite)
    task = new_task(settings)
    last = None if overwrite else _last_checkpoint(partial, task.data)
    if is_first_process():
        if last is None:
            _clear(partial, settings, task.data, overwrite=overwrite)
        partial.mkdir(parents=True, exist_ok=True)
        write_whole(partial / CONFIG_FILE, settings.to_yaml())
        write_whole(partial / DATA_FILE, json.dumps(task.data, indent=1))
    trainer = task.trainer(partial, progress=progress and is_first_process())
    trainer.accelerator.wait_for_everyone()
    with quiet():
        _run(trainer, last)
    trainer.accelerator.unwrap_model(trainer.model, keep_fp32_wrapper=False)  # measure what will be loaded: no autocast
    result = TrainingResult(str(output), task.measure(), _best_epoch(trainer), time.perf_counter() - started)

    if is_first_process():
        _finish(task, trainer, settings, result, partial)
    trainer.accelerator.wait_for_everyone()
    return result


def _finish(task: Task, trainer: "Trainer", settings: Config, result: TrainingResult, partial: Path) -> None:
    """Put the finished checkpoint in its place, whole, and remove what the run left behind."""
    output, finished = Path(result.checkpoint), partial / "finished"
    shutil.rmtree(finished, ignore_errors=True)
    finished.mkdir()
    task.save(finished)
    _record(finished, settings, result, task.data, trainer.state.log_history)
    if output.exists():
        os.replace(output, partial / "replaced")
    os.replace(finished, output)
    shutil.rmtree(partial)


def _clear(partial: Path, settings: Config, data: dict[str, Any], *, overwrite: bool) -> None:
    """Remove a run that finished no epoch, or that the user gave up; what its teachers said is kept where config and data are the same."""
    if not partial.exists():
        return
    try:
        same = load_config(partial / CONFIG_FILE) == settings and json.loads((partial / DATA_FILE).read_text(encoding="utf-8")) == data
    except (ConfigError, OSError, ValueError):
        same = False
    if overwrite or not same or not (partial / TAUGHT_FILE).exists():
        shutil.rmtree(partial)
        return
    for path in partial.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name != TAUGHT_FILE:
            path.unlink()


def _train_seeds(settings: Config, *, resume: bool, overwrite: bool, progress: bool) -> TrainingResult:
    """Train one checkpoint for each seed; those that are finished are kept where the run is resumed."""
    started = time.perf_counter()
    folder = Path(settings.training.output)
    if settings.data.dev is None:
        raise ConfigError("config", "training.seeds", "needs data.dev: each seed would split off rows of its own, and their scores could not be compared.")
    if (folder / RESULT_FILE).exists():
        raise InputError(f"{folder}: is a checkpoint, and the seeds need a folder for theirs. Name another training.output.")
    results = []
    for seed in settings.training.seeds:
        output = folder / f"seed-{seed}"
        one = replace(settings, training=replace(settings.training, seed=seed, seeds=[], output=str(output)))
        made = read_training(output) if resume and (output / RESULT_FILE).exists() else {}
        if made and load_config(made["config"]) == one and made["data"] == new_task(one).data:
            results.append(TrainingResult(str(output), made["metrics"]["dev"], made["best_epoch"], 0.0))
        else:
            results.append(train(one, resume=resume, overwrite=overwrite, progress=progress))
    scores = {name: [result.metrics[name] for result in results] for name in results[0].metrics if isinstance(results[0].metrics[name], float)}
    spread = {name: {"mean": statistics.fmean(found), "spread": statistics.stdev(found) if len(found) > 1 else 0.0} for name, found in scores.items()}
    if is_first_process():
        write_whole(folder / SEEDS_FILE, json.dumps({"seeds": settings.training.seeds, "dev": spread}, indent=1) + "\n")
    best = max(results, key=lambda result: result.metrics["macro_f1"])
    return replace(best, metrics={**best.metrics, "seeds": spread}, seconds=time.perf_counter() - started)


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
    sections = {section: values if isinstance(values, Mapping) else {"": values} for section, values in data.items()}
    return {f"{section}.{key}".rstrip("."): value for section, values in sections.items() for key, value in values.items()}


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
            shutil.rmtree(folder, ignore_errors=True)  # another process may have been faster
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


def _best_epoch(trainer: "Trainer") -> float:
    best = trainer.state.best_metric
    epochs = [entry["epoch"] for entry in trainer.state.log_history if entry.get("eval_macro_f1") == best]
    return float(epochs[0]) if epochs else float(trainer.state.epoch or 0)


def _record(folder: Path, settings: Config, result: TrainingResult, data: dict[str, Any], history: list[dict[str, Any]]) -> None:
    """Write into a new checkpoint what it was made from and how it did."""
    (folder / CONFIG_FILE).write_text(settings.to_yaml(), encoding="utf-8")
    record = {
        **({"labels": list(LABELS)} if settings.task == "stance" else {}),
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
