"""The map in docs/architecture.md holds: imports point down, and importing the package is light."""

import ast
import subprocess
import sys
import time

import pytest

LEVELS = [
    {"errors", "labels", "environment"},
    {"records"},
    {"config", "corpora", "splits", "metrics", "calibration", "quotes.lexicon"},
    {"shares"},
    {"pages", "figures"},
    {"reporting"},
    {"baselines", "encoding", "quotes.passages"},
    {"quotes.marks", "quotes.clauses", "backends"},
    {"quotes.tagger"},
    {"modeling", "quotes.learning"},
    {"quotes.drafts"},
    {"predict", "quotes.speakers", "evaluation", "probes", "checking"},
    {"tasks", "quotes.extract"},
    {"training", "quotes.scoring", "explain"},
    {"analyze"},
    {"release", "search", "end_to_end", "bulk", "export"},
    {"cli"},
    {"__main__"},
]
LEVEL = {module: level for level, modules in enumerate(LEVELS) for module in modules}


def modules(root):
    for path in sorted((root / "stance").rglob("*.py")):
        name = ".".join(path.relative_to(root / "stance").with_suffix("").parts)
        if path.name != "__init__.py" and not name.startswith("metric."):
            yield name, path


def test_every_module_has_a_level(root):
    assert {name for name, _ in modules(root)} == set(LEVEL)


def test_imports_point_down_the_map(root):
    wrong = []
    for name, path in modules(root):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            found = []
            if isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{path}:{node.lineno}: relative import"
                found = [node.module or ""]
            elif isinstance(node, ast.Import):
                found = [alias.name for alias in node.names]
            for module in found:
                inner = module.removeprefix("stance.")
                if module.startswith("stance.") and LEVEL[inner] >= LEVEL[name]:
                    wrong.append(f"{path}:{node.lineno}: {name} imports {inner}, which is not below it")
    assert not wrong, "\n".join(wrong)


def test_importing_stance_loads_neither_torch_nor_transformers():
    code = "import sys, stance; print([m for m in ('torch', 'transformers', 'datasets', 'sklearn', 'numpy', 'yaml') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"


def test_importing_stance_is_quick():
    def seconds():
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", "import stance"], check=True)
        return time.perf_counter() - start

    assert min(seconds() for _ in range(5)) < 0.3


def test_public_names_exist_and_functions_stay_functions():
    import stance
    import stance.analyze
    import stance.predict
    from stance.predict import predict

    assert stance.predict is predict
    assert callable(stance.analyze)
    for name in stance.__all__:
        assert getattr(stance, name) is not None
    with pytest.raises(AttributeError, match=r"^module 'stance' has no attribute 'nothing'$"):
        _ = stance.nothing


def test_every_public_callable_is_documented():
    import inspect

    import stance

    for name in stance.__all__:
        value = getattr(stance, name)
        if inspect.isfunction(value):
            assert "Args:" in value.__doc__ or not inspect.signature(value).parameters, name
            assert "Returns:" in value.__doc__, name
