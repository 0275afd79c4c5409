"""What happens around a run: its draft is touched, its folder goes, the clock goes back, the computer is renamed."""

from __future__ import annotations

import json
import platform
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook

from optimizer import audit, job
from optimizer.errors import NodewiseError
from optimizer.running.manifest import manifest_digest
from optimizer.writing import workbook

from .jobs import OTHER, Desk, desk, prepared, truthful_manifests

__all__ = ["desk", "prepared"]
Touch = Callable[[Path], None]


def flipped(path: Path) -> None:
    """One byte of the file."""
    held = bytearray(path.read_bytes())
    held[len(held) // 2] ^= 1
    path.write_bytes(held)


def row_dropped(path: Path) -> None:
    """One row of the Placement sheet."""
    book = load_workbook(path)
    book["Placement"].delete_rows(3)
    book.save(path)


def less_safety(path: Path) -> None:
    """A safety stock, by a tenth."""
    book = load_workbook(path)
    sheet = book["Replenishment"]
    column = next(cell.column for cell in sheet[1] if cell.value == "safety_stock")
    cell = next(cell for (cell,) in sheet.iter_rows(min_row=2, min_col=column, max_col=column) if cell.value > 0)
    cell.value *= 0.9
    book.save(path)


@pytest.mark.parametrize("touch", [flipped, row_dropped, less_safety])
def test_a_draft_that_is_touched_is_never_published(desk: Desk, monkeypatch: pytest.MonkeyPatch, touch: Touch) -> None:
    """Between writing and the check, by a byte, a row or a figure: no exit 0, and the old plan stays."""
    real = workbook.write
    monkeypatch.setattr(workbook, "write", lambda plan, path: (real(plan, path), touch(path)))
    old = desk.out.read_bytes()
    assert desk.plan(*OTHER) in (8, 9)
    assert desk.out.read_bytes() == old
    assert desk.last()["plan"] in ("none", "rejected")
    monkeypatch.undo()
    assert desk.plan(*OTHER) == 0
    assert desk.leftovers() == []


def test_nor_one_that_is_touched_after_its_check(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The auditor has read it, then a byte changes: exit 9, the old plan stays."""
    real = audit.audit

    def then_touched(path: Path, *rest: Any) -> Any:
        found = real(path, *rest)
        flipped(path)
        return found

    monkeypatch.setattr(audit, "audit", then_touched)
    old = desk.out.read_bytes()
    assert desk.plan(*OTHER) == 9
    assert desk.out.read_bytes() == old
    assert desk.leftovers() == []


@pytest.mark.parametrize("stage", ["demand", "writing"])
def test_a_folder_of_records_that_goes_away_takes_no_plan_along(desk: Desk, stage: str) -> None:
    """plan.runs is removed while a run searches or writes: a documented exit code, the old plan, and the next run is
    as good as the first."""
    old = desk.out.read_bytes()

    def remove(progress: Any) -> None:
        if progress.stage == stage:
            shutil.rmtree(desk.runs, ignore_errors=True)

    with pytest.raises(NodewiseError) as fault:
        job.make_plan(job.Request(desk.brand, desk.out, settings={"holding_rate": "0.3"}), remove)
    assert fault.value.exit_code == 9
    assert desk.out.read_bytes() == old
    assert desk.plan() == 0
    assert desk.leftovers() == []


def test_a_clock_that_goes_back_confuses_nothing(desk: Desk) -> None:
    """The run before is dated a year ahead: the next is still the later one, chained to it, and stands published."""
    first = next(path.parent for path in desk.runs.glob("*/manifest.json"))
    ahead = first.rename(first.with_name(f"{int(first.name[:4]) + 1}{first.name[4:]}"))
    assert desk.plan(*OTHER) == 0
    assert desk.plan("--skip-if-same", *OTHER) == 0
    assert [manifest["number"] for manifest in desk.manifests()] == [1, 2]
    assert desk.last()["prev_manifest_sha256"] == manifest_digest(ahead)
    truthful_manifests(desk)


def test_a_computer_may_change_its_name(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another network, another host name, in the middle of a run: its lock is still its own."""

    def rename(progress: Any) -> None:
        monkeypatch.setattr(platform, "node", lambda: "elsewhere")

    made = job.make_plan(job.Request(desk.brand, desk.out, settings={"holding_rate": "0.3"}), rename)
    assert isinstance(made, job.Result)
    assert made.error is None
    assert json.loads(json.dumps(desk.last()))["plan"] == "published"
    assert not (desk.runs / "owner.json").exists()


def test_a_plan_may_begin_on_a_leap_day(desk: Desk) -> None:
    """29 February 2028, monthly: the next period begins on 29 March; planned and verified."""
    words = ["--set", "start=2028-02-29", "--set", "periods=2"]
    assert desk.plan(*words) == 0
    assert job.verify_plan(desk.out, desk.brand) == ()
    periods = {
        row[0] for row in load_workbook(desk.out)["Nodes"].iter_rows(min_row=2, min_col=3, max_col=3, values_only=True)
    }
    assert periods == {"2028-02-29", "2028-03-29"}
