"""What happens around a run: its draft is touched, its folder goes, the clock goes back, the computer is renamed."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook

from optimizer import audit, job
from optimizer.errors import NodewiseError
from optimizer.running import folder, lock, manifest
from optimizer.running.manifest import manifest_digest
from optimizer.writing import workbook

from .faults.disk import Disk, broken, full, refused
from .imports import ROOT
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


@pytest.mark.parametrize(
    ("stage", "meanwhile"), [("plan", "nothing"), ("writing", "nothing"), ("plan", "begins"), ("plan", "ends")]
)
def test_a_lock_that_is_deleted_under_a_run(desk: Desk, stage: str, meanwhile: str) -> None:
    """The run alone ends well. Where another one began, or has published, since: exit 10 or 9, and what stands is the
    plan of the other one, or still the old one."""
    old = desk.out.read_bytes()

    def delete(progress: Any) -> None:
        if progress.stage == stage and not deleted:
            deleted.append((desk.runs / "lock").unlink())
            if meanwhile == "begins":
                (desk.runs / "owner.json").write_text(json.dumps({"pid": -1, "host": "elsewhere"}))
            elif meanwhile == "ends":
                words = [sys.executable, "-m", "optimizer", "plan", str(desk.brand), "--out", str(desk.out), "--quiet"]
                subprocess.run([*words, "--set", "holding_rate=0.4"], cwd=ROOT, check=True)
                deleted.append(desk.out.read_bytes())

    deleted: list[Any] = []
    code = 0
    try:
        job.make_plan(job.Request(desk.brand, desk.out, settings={"holding_rate": "0.3"}), delete)
    except NodewiseError as fault:
        code = fault.exit_code
    assert code in ({0} if meanwhile == "nothing" else {9, 10})
    assert (desk.out.read_bytes() != old) == (meanwhile != "begins")
    assert meanwhile != "ends" or desk.out.read_bytes() == deleted[1]
    (desk.runs / "owner.json").unlink(missing_ok=True)
    assert desk.plan(*OTHER) == 0
    assert desk.leftovers() == []
    truthful_manifests(desk)


# --- the disk under the records, a share, the clock -------------------------------------------------------------------


@pytest.mark.parametrize("fault", [refused, full])
@pytest.mark.parametrize("stage", ["", "plan", "writing"])
def test_records_that_cannot_be_written_keep_the_plan_as_it_is(
    desk: Desk, stage: str, fault: Callable[[], None], capsys: pytest.CaptureFixture[str]
) -> None:
    """The folder of records is read-only or full, from the start, in the search or before writing, the plan's own
    folder is fine: exit 9 with a sentence, the old plan, nothing beside it, and the next run succeeds."""
    old, disk = desk.out.read_bytes(), Disk(1 if not stage else 0, for_good=True)

    def in_records() -> None:
        if f"{desk.runs.name}{os.sep}" in disk.steps[-1][1]:
            fault()

    def begin(progress: Any) -> None:
        if progress.stage == stage and not disk.at:
            disk.at = len(disk.steps) + 1

    disk.then = in_records
    with disk.installed(), pytest.raises(NodewiseError) as ended:
        job.make_plan(job.Request(desk.brand, desk.out, settings={"holding_rate": "0.3"}), begin)
    assert ended.value.exit_code == 9, ended.value
    assert desk.out.read_bytes() == old
    assert desk.plan(*OTHER) == 0
    assert desk.beside() == set()
    assert desk.leftovers() == []
    truthful_manifests(desk)


def test_a_share_that_fails_once_to_be_read(desk: Desk) -> None:
    """EIO at one opening of the input, the draft or the plan for reading, at every fifth of them: exit 0 and another
    plan, or the code of a file that fails and the old one; then the next run leaves nothing behind."""
    codes, reads = [], 1
    at = 0  # at none: how many there are
    while at < reads:
        old, disk = desk.out.read_bytes(), Reads(at)
        with disk.installed():
            codes.append(desk.plan("--set", f"holding_rate={0.3 + at / 1000}"))
        assert codes[-1] in (0, 3, 9, 11), disk.opened[at - 1]
        assert (codes[-1] == 3) <= (disk.opened[at - 1] == str(desk.brand)), "the input is not to blame"
        assert (codes[-1] == 0) == (desk.out.read_bytes() != old), (codes[-1], disk.opened[at - 1])
        reads, at = (len(disk.opened) if at == 0 else reads), at + 5
    assert codes[0] == 0
    assert {3, 9} <= set(codes)
    assert desk.plan() == 0
    assert desk.leftovers() == []
    truthful_manifests(desk)


class Reads(Disk):
    """A disk that fails once, at an opening for reading of a workbook; the writer's own scratch is left alone."""

    def __init__(self, fails: int) -> None:
        super().__init__(reads=True)
        self.fails = fails
        self.opened: list[str] = []

    def step(self, what: str, path: str) -> None:
        """One step is about to be done."""
        if what == "read" and path.endswith(".xlsx"):
            self.opened.append(path)
            if len(self.opened) == self.fails:
                broken()


def test_on_a_slow_share_a_reader_sees_the_old_plan_or_the_new_one(desk: Desk) -> None:
    """Every step on the disk takes its time: at each of them the published file is whole, and a second run is told
    at once that one is under way."""
    seen, busy = {desk.out.read_bytes()}, []

    def slowly() -> None:
        time.sleep(0.0003)
        if len(disk.steps) % 50 == 0 or disk.steps[-1][0] == "replace":
            seen.add(desk.out.read_bytes())
        if len(disk.steps) == 500:
            busy.append(desk.plan(*OTHER))

    disk = Disk(1, slowly, for_good=True)
    with disk.installed():
        assert desk.plan(*OTHER) == 0
    assert busy == [10]
    assert len(seen | {desk.out.read_bytes()}) == 2
    truthful_manifests(desk)


@pytest.fixture
def new_york(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The computer's clock is New York's."""
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="needs tzset")
def test_the_hour_that_comes_twice(desk: Desk, monkeypatch: pytest.MonkeyPatch, new_york: None) -> None:
    """Runs at 01:30 in summer time and at 01:30 in winter time of the same night are an hour apart in name, record and
    archive, and plan what the same run plans in another zone at another time."""
    words = (*OTHER, "--deterministic")
    for hour, options in ((5, ()), (6, words)):
        instant = datetime(2026, 11, 1, hour, 30, tzinfo=UTC)
        assert instant.astimezone().strftime("%H:%M") == "01:30"

        class Clock(datetime):
            """It stands still."""

            @classmethod
            def now(cls, tz: tzinfo | None = None, at: datetime = instant) -> datetime:  # type: ignore[override]
                return at.astimezone(tz)

        for module in (folder, manifest, lock):
            monkeypatch.setattr(module, "datetime", Clock)
        assert desk.plan(*options) == 0
        os.utime(desk.out, (instant.timestamp(), instant.timestamp()))
    earlier, later = desk.manifests()[-2:]
    assert [each["run_id"].partition("-")[0] for each in (earlier, later)] == ["20261101T053000Z", "20261101T063000Z"]
    assert [each["started_utc"] for each in (earlier, later)] == [f"2026-11-01T0{hour}:30:00+00:00" for hour in (5, 6)]
    assert later["output"]["archive"].startswith("plan.20261101T053000Z-")
    there = desk.out.read_bytes()
    monkeypatch.undo()
    monkeypatch.setenv("TZ", "Pacific/Kiritimati")
    time.tzset()
    assert desk.plan(*words) == 0
    assert desk.out.read_bytes() == there
    truthful_manifests(desk)
