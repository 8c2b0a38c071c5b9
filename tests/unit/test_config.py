import pytest

from stance.config import Config, load_config
from stance.errors import ConfigError


def write(tmp_path, text, name="c.yaml"):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def test_every_shipped_config_loads(root):
    files = sorted((root / "configs").rglob("*.yaml"))
    assert files
    for path in files:
        assert isinstance(load_config(path), Config)


def test_the_base_config_spells_out_every_key_at_its_default(root):
    import yaml

    assert yaml.safe_load((root / "configs" / "train.yaml").read_text()) == Config().to_dict()


def test_every_key_is_read_somewhere_in_the_package(root):
    import re

    code = "".join(p.read_text() for p in (root / "stance").rglob("*.py") if p.name != "config.py")
    code += (root / "stance" / "config.py").read_text().split("def load_config")[1]
    for section, keys in Config().to_dict().items():
        for key in keys if isinstance(keys, dict) else [section]:
            assert re.search(rf"\.{key}\b|\"{key}\"", code), f"{section}.{key} is read nowhere"


def test_the_resolved_config_reads_back_to_itself(tmp_path):
    config = load_config(None, ["training.seed=3", "data.labels={Favour: support}", "training.report_to=[tensorboard]"])
    assert load_config(write(tmp_path, config.to_yaml())) == config


def test_a_base_is_overridden_key_by_key(tmp_path):
    write(tmp_path, "training: {seed: 3, epochs: 2}\n", "base.yaml")
    config = load_config(write(tmp_path, "base: base.yaml\ntraining: {epochs: 5}\n"), ["training.batch_size=4"])
    assert (config.training.seed, config.training.epochs, config.training.batch_size) == (3, 5, 4)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("training:\n  lerning_rate: 1.0\n", "line 2, training.lerning_rate: there is no such key. Did you mean learning_rate?"),
        ("trainin: {}\n", "line 1, trainin: there is no such key. Did you mean training?"),
        ("training:\n  zzz: 1\n", "line 2, training.zzz: there is no such key. Allowed here: output, epochs,"),
        (
            "training:\n  learning_rate: 5e-5\n",
            "line 2, training.learning_rate: found the string '5e-5', expected a number. YAML needs the dot: write 5.0e-5.",
        ),
        ("training:\n  epochs: '3'\n", "training.epochs: found the string '3', expected a whole number. Write it without quotation marks: 3."),
        ("training:\n  epochs: 1.5\n", "training.epochs: found the number 1.5, expected a whole number."),
        ("training:\n  seed: true\n", "training.seed: found the truth value True, expected a whole number."),
        ("training:\n  epochs: 0\n", "training.epochs: found 0, expected more than 0."),
        ("training:\n  warmup_share: 1.5\n", "training.warmup_share: found 1.5, expected at least 0 and less than 1."),
        ("training:\n  save_dtype: int4\n", "training.save_dtype: found 'int4', allowed are float32, float16, int8."),
        ("training:\n  epochs: null\n", "training.epochs: found nothing, expected a whole number."),
        ("training:\n  report_to: [1]\n", "training.report_to: found a list, expected a list of strings."),
        ("data:\n  labels: {a: b}\n", "data.labels: found 'b' on the right, allowed are support, oppose, neutral."),
        ("model: 3\n", "line 1, model: found the number 3, expected a section with keys."),
        ("training:\n  epochs: 2\ntraining:\n  seed: 1\n", "line 3, training: stands twice (first in"),
        ("training:\n  seed: -1\n", "training.seed: found -1, expected 0 or more."),
        ("training:\n  learning_rate: .nan\n", "training.learning_rate: found nan, expected a finite number."),
        ("data:\n  columns: {speeker: who}\n", "data.columns: there is no field 'speeker' on the left. Did you mean speaker?"),
        ("data:\n  train_share: 0.0\n", "data.train_share: found 0.0, expected more than 0 and at most 1."),
        ("- a\n", "holds a list, expected keys and values such as training:."),
        ("a: [\n", "is not YAML"),
    ],
)
def test_a_wrong_config_is_named_with_file_line_and_key(tmp_path, text, message):
    path = write(tmp_path, text)
    with pytest.raises(ConfigError) as raised:
        load_config(path)
    assert str(raised.value).startswith(str(path))
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_wrong_override_is_named():
    with pytest.raises(ConfigError, match=r"^override training\.sed=3, training\.sed: there is no such key\. Did you mean seed\?$"):
        load_config(None, ["training.sed=3"])
    with pytest.raises(ConfigError, match=r"^override, training\.seed: expected key=value, such as training\.seed=3\.$"):
        load_config(None, ["training.seed"])


def test_files_that_name_each_other_as_base_are_refused(tmp_path):
    write(tmp_path, "base: b.yaml\n", "a.yaml")
    write(tmp_path, "base: a.yaml\n", "b.yaml")
    with pytest.raises(ConfigError, match=r"base: the files name each other as base\. Remove one of them\.$"):
        load_config(tmp_path / "a.yaml")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"none\.yaml: cannot be read \(No such file or directory\)\. Pass a YAML file\.$"):
        load_config(tmp_path / "none.yaml")
