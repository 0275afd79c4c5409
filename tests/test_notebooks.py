"""Notebooks are committed without outputs and run from the first cell to the last."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from .imports import ROOT

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def test_there_is_a_notebook() -> None:
    """The tests below have something to run."""
    assert [file.name for file in NOTEBOOKS] == ["first_plan.ipynb"]


@pytest.mark.parametrize("file", NOTEBOOKS, ids=lambda file: file.stem)
def test_a_notebook_is_committed_without_outputs(file: Path) -> None:
    """Neither outputs nor run counts are kept, so that a change of the notebook is a change of its text."""
    cells = [cell for cell in nbformat.read(file, as_version=4).cells if cell.cell_type == "code"]
    assert cells
    assert [cell for cell in cells if cell.outputs or cell.execution_count] == []


def test_the_first_plan_tells_a_true_story(tmp_path: Path) -> None:
    """Every cell runs; the constraint holds, the second plan cannot beat the first's bound, the audit is clean."""
    notebook = nbformat.read(ROOT / "notebooks" / "first_plan.ipynb", as_version=4)
    claims = (
        "assert (compared['m3 after'] <= compared['at most'] + 1e-6).all()",
        "assert roomier.cost >= plan.bound - 1e-6 * plan.cost",
        "assert most >= least",
        "assert optimizer.verify('plan.xlsx', plan.case) == ()",
    )
    notebook.cells += [nbformat.v4.new_code_cell(claim) for claim in claims]
    NotebookClient(notebook, timeout=240, resources={"metadata": {"path": str(tmp_path)}}).execute()
