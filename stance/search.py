"""Config with a search space -> the best settings found, by Optuna.

Comes in: a config whose `search.space` names settings and what they may be. Goes out: a study in SQLite, the best trial's
checkpoint and `best.yaml`, a config that trains it again. A search that was stopped goes on with its trials: finished ones are
kept, the one that was under way resumes. Tree-structured Parzen estimator: Bergstra et al. 2011 (NeurIPS). Trials are scored on dev alone.
"""

import importlib.util
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stance.config import Config, load_config
from stance.errors import ConfigError, InputError, MissingExtraError
from stance.reporting import SearchResult, write_whole
from stance.training import RESULT_FILE, read_training, train

if TYPE_CHECKING:
    import optuna
    from optuna.trial import BaseTrial

STUDY_FILE = "study.sqlite3"
BEST_FILE = "best.yaml"
CONFIG_FILE = "search_config.yaml"


def search(config: str | Path | Mapping[str, Any] | Config, overrides: Sequence[str] = (), *, resume: bool = False, progress: bool = True) -> SearchResult:
    """Look for the settings that score best on dev.

    Args:
        config: A YAML file, a dict of its shape, or a `Config`, with a `search` section.
        overrides: Dotted settings on top, such as `"search.trials=30"`.
        resume: Go on with the study of the same config in `training.output`, if there is one.
        progress: Show progress bars on standard error.

    Returns:
        The best settings, their score, and where study, checkpoint and config lie.

    Raises:
        ConfigError: The config or its space is wrong, or differs from that of the study to resume.
        InputError: There is a study already, and `resume` was not passed.
        MissingExtraError: Optuna is not installed.
    """
    if importlib.util.find_spec("optuna") is None:
        raise MissingExtraError("optuna", "search")
    import optuna

    settings = load_config(config, overrides)
    _check_space(settings)
    folder = Path(settings.training.output)
    _check_folder(folder, settings, resume=resume)
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / CONFIG_FILE, settings.to_yaml())
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    storage = f"sqlite:///{folder / STUDY_FILE}"
    study = optuna.create_study(storage=storage, study_name="stance", direction="maximize", load_if_exists=True)
    study.sampler = optuna.samplers.TPESampler(seed=settings.training.seed + len(study.trials))  # or a search that goes on would draw the same again
    state = optuna.trial.TrialState
    _resume_trials(study, folder)

    def objective(trial: "BaseTrial") -> float:
        chosen = {key: _suggest(trial, key, allowed, settings) for key, allowed in settings.search.space.items()}
        for done in study.get_trials(states=(state.COMPLETE,)):
            if done.params == trial.params:  # a small space gives the same twice
                trial.set_user_attr("checkpoint", done.user_attrs["checkpoint"])
                return float(done.values[0])
        output = folder / _name(chosen)
        trial.set_user_attr("checkpoint", str(output))
        if (output / RESULT_FILE).exists():  # finished, but the study had not been told
            return float(read_training(output)["metrics"]["dev"]["macro_f1"])
        return float(train(_with(settings, chosen, output), resume=True, progress=progress).metrics["macro_f1"])

    def keep_the_best(study: "optuna.Study", trial: "optuna.trial.FrozenTrial") -> None:
        best = study.best_trial
        for path in folder.glob("trial-*"):
            if str(path) != best.user_attrs["checkpoint"] and path.suffix != ".partial":
                shutil.rmtree(path)
        write_whole(folder / BEST_FILE, _with(settings, best.params, Path(f"{folder}-best")).to_yaml())

    n_done = len(study.get_trials(states=(state.COMPLETE,)))
    study.optimize(objective, n_trials=max(0, settings.search.trials - n_done), callbacks=[keep_the_best])
    best = study.best_trial
    n_trials = len(study.get_trials(states=(state.COMPLETE,)))
    return SearchResult(best.user_attrs["checkpoint"], str(folder / BEST_FILE), str(folder / STUDY_FILE), dict(best.params), float(best.values[0]), n_trials)


def _resume_trials(study: "optuna.Study", folder: Path) -> None:
    """Queue the trials that were killed or interrupted under way: the same settings again, from their last epoch."""
    from optuna.trial import TrialState

    taken = [trial.params for trial in study.get_trials(states=(TrialState.COMPLETE, TrialState.WAITING))]
    for trial in study.get_trials(states=(TrialState.RUNNING, TrialState.FAIL)):
        if trial.state == TrialState.RUNNING:
            study.tell(trial.number, state=TrialState.FAIL)
        if trial.params not in taken and (folder / f"{_name(trial.params)}.partial").exists():
            study.enqueue_trial(trial.params)
            taken.append(trial.params)


def _check_folder(folder: Path, settings: Config, *, resume: bool) -> None:
    """Refuse to go on with a study of something else, or to write into a folder that is none."""
    saved = folder / CONFIG_FILE
    if not saved.exists():
        if folder.exists() and any(folder.iterdir()):
            raise InputError(f"{folder}: exists and holds no search. Name another training.output.")
        return
    if not resume:
        raise InputError(f"{folder}: a search is there already. Pass --resume to go on with it, or name another training.output.")
    before = load_config(saved)
    if replace(before, search=replace(before.search, trials=settings.search.trials)) != settings:
        raise ConfigError(str(saved), "search", "the search to resume had other settings. Use the same (search.trials may grow), or another training.output.")


def _check_space(settings: Config) -> None:
    """Check a space before anything is trained: each key exists and takes what it may become."""
    if not settings.search.space:
        raise ConfigError("config", "search.space", "is empty. Name settings, such as training.learning_rate: {low: 1.0e-5, high: 1.0e-4, log: true}.")
    if settings.training.seeds:
        raise ConfigError("config", "training.seeds", "a search trains one seed a trial. Leave it empty, and train best.yaml with several.")
    for key, allowed in settings.search.space.items():
        if not isinstance(key, str) or key in ("training.output", "training.seeds") or key.split(".")[0] == "search":
            raise ConfigError("config", f"search.space.{key}", "cannot be searched. Name settings such as training.learning_rate.")
        if isinstance(allowed, list) and allowed and not any(isinstance(value, (list, dict)) for value in allowed):
            values = allowed
        elif isinstance(allowed, Mapping) and set(allowed) - {"log"} == {"low", "high"} and all(type(allowed[end]) in (int, float) for end in ("low", "high")):
            values = [allowed["low"], allowed["high"]]
            if not values[0] < values[1] or (allowed.get("log") and values[0] <= 0):
                raise ConfigError("config", f"search.space.{key}", f"found {dict(allowed)}, expected low below high, and above 0 where log is true.")
        else:
            raise ConfigError("config", f"search.space.{key}", f"found {allowed!r}, expected a list of values, or low and high (and log: true).")
        for value in values:
            _with(settings, {key: value}, Path(settings.training.output))


def _suggest(trial: "BaseTrial", key: str, allowed: Any, settings: Config) -> Any:  # noqa: ANN401 - a YAML value
    if isinstance(allowed, list):
        return trial.suggest_categorical(key, allowed)
    low, high, log = allowed["low"], allowed["high"], bool(allowed.get("log"))
    section, _, name = key.rpartition(".")
    if isinstance(getattr(getattr(settings, section), name), int) and isinstance(low, int) and isinstance(high, int):
        return trial.suggest_int(key, low, high, log=log)
    return trial.suggest_float(key, low, high, log=log)


def _name(chosen: Mapping[str, Any]) -> str:
    """A folder name that the settings alone decide, so that a trial that was stopped is found again."""
    parts = (f"{key.rpartition('.')[2]}={value:.6g}" if isinstance(value, float) else f"{key.rpartition('.')[2]}={value}" for key, value in chosen.items())
    return "trial-" + "-".join(parts).replace("/", "_")


def _with(settings: Config, chosen: Mapping[str, Any], output: Path) -> Config:
    bare = replace(settings, training=replace(settings.training, output=str(output)), search=type(settings.search)())
    data = bare.to_dict()
    for key, value in chosen.items():
        section, _, name = key.rpartition(".")
        data.setdefault(section, {})[name] = value
    return load_config(data)
