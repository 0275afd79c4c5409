"""What several tests share: where the real data stands, and the example workbook, written once."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest

from optimizer import job

SEPARATE = job.solver_for
ROOT = Path(__file__).resolve().parents[1]
BENCHMARKS = ROOT / "tests" / "benchmarks"  # programs with needs of their own; only their tests are collected
collect_ignore = [str(file) for file in BENCHMARKS.glob("*.py") if not file.name.startswith("test_")]


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real data and reference values: NODEWISE_SHARED, or ``shared`` beside the repository."""
    folder = Path(os.environ.get("NODEWISE_SHARED", ROOT.parent / "shared"))
    if not (folder / "data").is_dir():
        pytest.skip(f"needs the reference data: set NODEWISE_SHARED (looked in {folder})")
    return folder


@pytest.fixture(scope="session")
def example(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The workbook that ``nodewise new`` writes. Read only: copy it before changing it."""
    from optimizer import write_example

    path = tmp_path_factory.mktemp("example") / "my_brand.xlsx"
    write_example(path)
    return path


@pytest.fixture(autouse=True, scope="session")
def solve_here() -> Iterator[None]:
    """Commands that a test calls solve in the test's own process, which is warm; those it starts, in one of theirs."""
    job.solver_for = lambda request, run: nullcontext()
    yield
    job.solver_for = SEPARATE


@pytest.fixture
def own_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """The solver in a process of its own, as a planner has it."""
    monkeypatch.setattr(job, "solver_for", SEPARATE)
