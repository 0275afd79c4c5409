"""The README is true: its tables are current, and every command and every Python block in it runs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import fastexcel
import pytest

from optimizer import errors
from optimizer.job import Terminated

from . import small
from .imports import ROOT
from .readme import README, commands, current, pieces

TEXT = README.read_text(encoding="utf-8")
SETUP = [line for line in commands(TEXT) if "pip install" in line]
FIRST = next(line for line in SETUP if "pytest" not in line)
DAILY = [line for line in commands(TEXT) if line.startswith("nodewise ")]


def test_generated_tables_are_current() -> None:
    """The sheet and settings tables say what the contract says (``python -m tests.readme`` rewrites them)."""
    assert current(TEXT) == TEXT


def test_every_exit_code_is_explained() -> None:
    """Each error a planner can meet has its code in the README's table."""
    kinds = [
        kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.NodewiseError)
    ]
    table = TEXT.partition("### Exit codes")[2].partition("\n## ")[0]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| ") and line[2].isdigit()]
    stated = {int(code) for row in rows for code in row.split(",")}
    assert stated == {kind.exit_code for kind in [*kinds, Terminated]} | {0}


def test_the_readme_holds_two_setup_commands_and_nothing_unknown() -> None:
    """Set-up is two lines, each from nothing; every other line is a command of nodewise."""
    assert len(SETUP) == 2
    assert all(line.startswith("python3 -m venv ") for line in SETUP)
    assert len(SETUP) + len(DAILY) == len(commands(TEXT))


@pytest.fixture(scope="module")
def fresh_machine(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A clean copy of the project in which the first command was run, and what it said where it failed."""
    if not os.environ.get("CI"):
        pytest.skip("installs from the package registry: runs where CI is set")
    place = tmp_path_factory.mktemp("fresh")
    files = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\n")
    for name in filter(None, files):
        if (ROOT / name).is_file():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, place / name)
    run = subprocess.run(["bash", "-c", FIRST], cwd=place, capture_output=True, text=True)
    return place, run.stdout + run.stderr if run.returncode else ""


def test_the_first_command_works_on_a_fresh_machine(fresh_machine: tuple[Path, str]) -> None:
    """A clean copy of the project, its own virtual environment without the extras, one line: a plan is there."""
    place, failed = fresh_machine
    assert not failed, failed
    assert (place / "plan.xlsx").stat().st_size > 0


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, example: Path, request: pytest.FixtureRequest) -> Path:
    """A folder with the orders file that the README's commands mention; where the first command was run, with what it
    left there."""
    place = tmp_path_factory.mktemp("readme")
    sheet = fastexcel.read_excel(example).load_sheet("Orders", dtypes="string")
    sheet.to_polars().write_csv(place / "orders.csv")
    if os.environ.get("CI"):
        fresh, failed = request.getfixturevalue("fresh_machine")
        if not failed:
            for name in ("my_brand.xlsx", "plan.xlsx"):
                shutil.copy(fresh / name, place / name)
            shutil.copytree(fresh / "plan.runs", place / "plan.runs")
    return place


def test_the_commands_run_in_their_order(folder: Path) -> None:
    """Every `nodewise` line of the README, one after the other in one folder, ends with exit code 0.

    Lines that the first command is made of were run if what they leave is there, and are not run twice.
    """
    done = [line for line in DAILY if f".venv/bin/{line}" in FIRST.split(" && ")]
    assert len(done) == 2
    for line in DAILY:
        words = line.split()
        if line in done and (folder / words[-1]).exists():
            done.remove(line)
            continue
        effort = ["--set", "gap=0.005"] if words[1] == "plan" else []
        run = subprocess.run(
            [sys.executable, "-m", "optimizer", *words[1:], *effort], cwd=folder, capture_output=True, text=True
        )
        assert run.returncode == 0, f"{line}\n{run.stdout}\n{run.stderr}"


def test_the_python_blocks_run(tmp_path: Path) -> None:
    """The notebook API works as the README shows it; a constraint added never saves below the bound without it."""
    small.write(tmp_path / "my_brand.xlsx", small.sheets())
    blocks = pieces(TEXT, "python")
    script = "\n".join([*blocks, "assert fewer.cost >= plan.bound", "assert len(plan.placement) > 0"])
    run = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert len(blocks) == 2
