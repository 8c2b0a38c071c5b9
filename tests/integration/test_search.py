"""A search over settings: resumable, its study on disk, its best config trainable."""

import pytest

pytest.importorskip("optuna", reason="the extra search is not installed")

from pathlib import Path

import optuna

import stance
from stance.config import load_config
from stance.errors import ConfigError, InputError, MissingExtraError
from stance.search import search

SPACE = {"training.learning_rate": {"low": 0.001, "high": 0.02, "log": True}, "training.epochs": [1, 2], "training.batch_size": {"low": 4, "high": 6}}


@pytest.fixture
def config(tiny_encoder, toy_files, tmp_path):
    train, dev = toy_files
    return {
        "model": {"encoder": str(tiny_encoder), "max_length": 48},
        "data": {"train": str(train), "dev": str(dev)},
        "training": {"output": str(tmp_path / "search"), "threads": 1},
        "search": {"trials": 2, "space": SPACE},
    }


def test_the_best_settings_are_found_kept_and_can_be_trained_again(config, tmp_path):
    found = search(config, progress=False)
    assert found.n_trials == 2 and set(found.best) == set(SPACE)
    assert stance.load(found.checkpoint).calibration is not None
    assert [path.name for path in (tmp_path / "search").glob("trial-*")] == [found.checkpoint.rpartition("/")[2]]  # the others' weights are gone
    best = load_config(found.config)
    assert best.training.learning_rate == found.best["training.learning_rate"] and best.search.space == {}
    assert stance.train(best, progress=False).metrics["macro_f1"] == found.macro_f1

    with pytest.raises(InputError, match="a search is there already"):
        search(config, progress=False)
    with pytest.raises(ConfigError, match="had other settings"):
        search(config, ["training.seed=4"], resume=True, progress=False)
    more = search(config, ["search.trials=3"], resume=True, progress=False)
    assert more.n_trials == 3 and more.macro_f1 >= found.macro_f1


@pytest.mark.parametrize("end", [KeyboardInterrupt, SystemExit])  # Optuna takes note of the first; of the second no more than of a kill
def test_a_trial_that_was_cut_off_is_run_again_with_the_same_settings(config, monkeypatch, end):
    tried, train = [], stance.search.__globals__["train"]

    def cut_off_the_second(settings, **kwargs):
        tried.append(settings)
        if len(tried) < 2:
            return train(settings, **kwargs)
        Path(f"{settings.training.output}.partial").mkdir()
        raise end

    with monkeypatch.context() as patch:
        patch.setitem(stance.search.__globals__, "train", cut_off_the_second)
        with pytest.raises(end):
            search(config, ["search.trials=3"], progress=False)
    found = search(config, ["search.trials=3"], resume=True, progress=False)
    assert found.n_trials == 3
    study = optuna.load_study(study_name="stance", storage=f"sqlite:///{found.study}")
    rates = [trial.params["training.learning_rate"] for trial in study.get_trials(states=(optuna.trial.TrialState.COMPLETE,))]
    assert rates[:2] == [settings.training.learning_rate for settings in tried] and len(set(rates)) == 3


def test_settings_that_come_up_twice_are_trained_once(config, monkeypatch):
    tried, train = [], stance.search.__globals__["train"]
    monkeypatch.setitem(stance.search.__globals__, "train", lambda settings, **kwargs: tried.append(settings) or train(settings, **kwargs))
    found = search({**config, "search": {"trials": 5, "space": {"training.epochs": [1, 2]}}}, progress=False)
    assert found.n_trials == 5 and len(tried) == 2
    assert stance.load(found.checkpoint).calibration is not None


def test_whole_bounds_of_a_setting_that_takes_any_number_give_any_number(config):
    space = {"data.as_printed": {"low": 0, "high": 0.9}, "distill.weight": {"low": 0, "high": 1}}
    found = search({**config, "search": {"trials": 1, "space": space}}, progress=False)
    assert 0 < found.best["distill.weight"] < 1


@pytest.mark.parametrize(
    ("space", "message"),
    [
        ({}, r"search\.space: is empty\."),
        ({"training.learning_rat": [1.0]}, r"there is no such key\. Did you mean learning_rate\?$"),
        ({"training.learning_rate": ["fast"]}, r"found the string 'fast', expected a number\.$"),
        ({"training.epochs": {"low": 3}}, r"found \{'low': 3\}, expected a list of values, or low and high \(and log: true\)\.$"),
        ({"training.epochs": {"low": 3, "high": 2}}, r"expected low below high, and above 0 where log is true\.$"),
        ({"training.epochs": []}, r"found \[\], expected a list of values"),
        ({"distill.teachers": [["a"]]}, r"found \[\['a'\]\], expected a list of values"),
        ({"training.output": ["a"]}, r"training\.output: cannot be searched\."),
        ({1: [2]}, r"space\.1: cannot be searched\."),
    ],
)
def test_a_wrong_space_stops_before_anything_is_trained(config, tmp_path, space, message):
    with pytest.raises(ConfigError, match=message):
        search({**config, "search": {"space": space}}, progress=False)
    assert not (tmp_path / "search").exists()


def test_a_search_trains_one_seed_a_trial(config):
    with pytest.raises(ConfigError, match=r"training\.seeds: a search trains one seed a trial\. Leave it empty, and train best\.yaml with several\.$"):
        search(config, ["training.seeds=[1, 2]"], progress=False)


def test_a_missing_extra_answers_with_its_install_line(config, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"^optuna is not installed\. It comes with an extra: pip install 'negotiation-stance\[search\]'$"):
        search(config)
