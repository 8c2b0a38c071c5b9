"""The notebooks run from a clean kernel, and are committed without outputs."""

import pytest

pytest.importorskip("nbclient")
import nbformat
from nbclient import NotebookClient

from tests.conftest import ROOT

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_notebooks_are_committed_without_outputs(path):
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert cell.outputs == [] and cell.execution_count is None


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_notebooks_run_from_a_clean_kernel(path, tmp_path, monkeypatch):
    monkeypatch.setenv("STANCE_NOTEBOOK_OUT", str(tmp_path))
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, timeout=600, kernel_name="python3", resources={"metadata": {"path": str(path.parent)}}).execute()
    assert any(cell.get("outputs") for cell in notebook.cells)


def test_there_are_notebooks_for_every_story():
    judging = {"evaluate_a_checkpoint", "compare_two_models", "look_at_errors"}
    assert {path.stem for path in NOTEBOOKS} >= judging | {"quick_start", "shares_over_articles", "train_on_your_csv", "look_at_the_corpus"}
