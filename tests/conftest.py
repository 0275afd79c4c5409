"""What several tests share: where the real data stands, and the example, read and planned once."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest

from optimizer import job
from optimizer.case import Case
from optimizer.plan import Plan

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
    """The workbook that ``nodewise new`` writes, as committed; ``test_example`` holds that it is current."""
    return Path(shutil.copy(ROOT / "data" / "example.xlsx", tmp_path_factory.mktemp("example") / "my_brand.xlsx"))


@pytest.fixture(scope="session")
def example_case(example: Path) -> Case:
    """The example, read once."""
    from optimizer import read

    return read(example)


@pytest.fixture(scope="session")
def example_plan(example_case: Case) -> Plan:
    """The example, planned once to a gap of 0.3 %."""
    from optimizer import plan

    return plan(example_case, gap=0.003)


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
