"""The arrows between modules, and what every command owes its reader."""

from __future__ import annotations

import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import click
import pytest

from optimizer.cli import nodewise

from .imports import ROOT, graph, imports, modules, reached

ARROWS = graph()
MATHEMATICS = {"numpy", "scipy", "pyomo", "highspy", "models"}
TOP = {"optimizer.cli", "optimizer.job", "optimizer.console", "optimizer.answers", "optimizer.planning"}
LOWER = ("optimizer.reading", "optimizer.writing", "optimizer.tables", "optimizer.auditing", "optimizer.example")
HEAVY = {"numpy", "pandas", "polars", "pyomo", "scipy", "highspy", "openpyxl", "xlsxwriter", "fastexcel", "rich"}


def _within(name: str, packages: tuple[str, ...]) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def test_the_reader_of_imports_sees_every_kind(tmp_path: Path) -> None:
    """The checks below rest on `imports`: it must see plain, relative and late imports, and skip type-only ones."""
    file = tmp_path / "plan.py"
    file.write_text(
        "import os.path\nfrom . import case\nfrom .reading import sheets\nfrom typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n    import pandas\ndef late():\n    from models.demand import estimate\n"
    )
    known = frozenset({"optimizer.case", "optimizer.reading.sheets", "models.demand"})
    assert imports("optimizer.plan", file, known) == {"os.path", "typing", *known}


@pytest.mark.parametrize("name", [name for name in modules() if _within(name, ("models",))])
def test_the_mathematics_knows_no_spreadsheet(name: str) -> None:
    """A module of models imports the standard library, numpy, scipy, pyomo, highspy and models, nothing else."""
    outside = {other.split(".")[0] for other in ARROWS[name]} - set(sys.stdlib_module_names)
    assert outside <= MATHEMATICS


def test_no_module_imports_itself_through_others() -> None:
    """The import graph of both packages, late imports included, has no cycle (static_order raises on one)."""
    own = {name: {other for other in others if other in ARROWS} for name, others in ARROWS.items()}
    order = list(TopologicalSorter(own).static_order())
    assert set(order) == set(ARROWS)


@pytest.mark.parametrize("name", [name for name in modules() if _within(name, LOWER)])
def test_nothing_imports_upward(name: str) -> None:
    """Reading, writing, tables, auditing and the example never reach the pipeline, the job or the command line."""
    assert not reached({name}, ARROWS) & TOP


def test_the_auditor_shares_no_code_with_the_solver() -> None:
    """The auditor takes the demand alone from the way to a plan: nothing it imports decides or evaluates.

    Own modules it may reach: those behind the demand, the case with its settings and errors, and the archive check.
    """
    start = {name for name in ARROWS if _within(name, ("optimizer.audit", "optimizer.auditing"))}
    demand = reached({"optimizer.assembly"}, ARROWS)
    own = {name for name in reached(start, ARROWS) if name in ARROWS}
    shared = ("optimizer.case", "optimizer.settings", "optimizer.errors", "optimizer.reading")
    deciding = {name for name in ARROWS if _within(name, ("models",))} - reached({"models.demand"}, ARROWS)
    assert "optimizer.audit" in start
    assert {"models.evaluation", "models.inventory", "models.routing", "models.patterns"} <= deciding
    assert not own & (deciding | TOP | {"optimizer.plan"})
    assert {name for name in own - start - demand if not _within(name, shared)} == set()


def test_users_meet_one_package() -> None:
    """Every public name of the notebook API can be had from `optimizer`, and `optimizer.plan` stays the function."""
    script = (
        "import optimizer, optimizer.plan, optimizer.planning\n"
        "missing = [name for name in optimizer.__all__ if not callable(getattr(optimizer, name, None))]\n"
        "assert not missing, missing\n"
        "assert optimizer.plan is optimizer.planning.plan\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, cwd=ROOT)


def test_help_imports_nothing_heavy() -> None:
    """`nodewise --help` starts at once because no large library is imported on the way."""
    script = (
        "import sys; from optimizer.cli import main; code = main(['--help']);"
        f"heavy = {sorted(HEAVY)!r}; print([name for name in heavy if name in sys.modules]); sys.exit(code)"
    )
    run = subprocess.run([sys.executable, "-c", script], check=True, cwd=ROOT, capture_output=True, text=True)
    assert run.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("name", sorted(nodewise.commands))
def test_every_command_has_help_with_an_example(name: str) -> None:
    """Each command explains itself, shows an example that calls it, and explains every option."""
    command = nodewise.commands[name]
    text = command.help or ""
    assert f"nodewise {name} " in text.partition("Example:")[2]
    assert all(option.help for option in command.params if isinstance(option, click.Option))


@pytest.mark.parametrize("name", sorted(nodewise.commands))
def test_every_command_stands_in_the_readme(name: str) -> None:
    """The README has a section for each command, and names each of its options."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    section = readme.partition(f"### `nodewise {name}")[2].partition("\n### ")[0]
    options = [option.opts[0] for option in nodewise.commands[name].params if isinstance(option, click.Option)]
    assert section
    assert [option for option in options if option not in section] == []
