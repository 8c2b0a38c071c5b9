"""The docs build without a warning, and what they show works: each Python block runs, each command of ours is one that there is."""

import os
import re
import shlex
import subprocess
import sys

import pytest

from stance.cli import _parser
from tests.conftest import ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(path, language):
    return [code for found, code in BLOCK.findall(path.read_text(encoding="utf-8")) if found == language]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("path", [path for path in PAGES if blocks(path, "python")], ids=lambda path: path.stem)
def test_the_python_of_a_page_runs_from_top_to_bottom(path, monkeypatch):
    monkeypatch.chdir(ROOT)
    known = {}
    for code in blocks(path, "python"):
        exec(compile(code, str(path), "exec"), known)


@pytest.mark.parametrize("path", [path for path in PAGES if blocks(path, "sh")], ids=lambda path: path.stem)
def test_the_commands_of_a_page_are_ones_that_there_are(path):
    for line in "".join(blocks(path, "sh")).splitlines():
        words = shlex.split(line, comments=True)
        if words[:1] == ["stance"]:
            left = _parser().parse_known_args(words[1:])[1]
            assert not [word for word in left if word.startswith("-")], line
        elif words[:1] == ["python"]:
            assert (ROOT / words[1]).exists(), line
        elif words[:1] == ["make"]:
            assert f"\n{words[1]}:" in (ROOT / "Makefile").read_text(encoding="utf-8"), line


def test_the_site_builds_without_a_warning(tmp_path):
    pytest.importorskip("mkdocs", reason="the extra docs is not installed")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path / "site")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=os.environ | {"NO_MKDOCS_2_WARNING": "1", "DISABLE_MKDOCS_2_WARNING": "true"})
    assert done.returncode == 0 and "WARNING" not in done.stderr, done.stderr
    assert (tmp_path / "site" / "reference" / "index.html").exists()


def test_every_page_of_the_docs_is_in_the_navigation():
    listed = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    assert [path.name for path in PAGES[1:] if str(path.relative_to(ROOT / "docs")) not in listed] == []
