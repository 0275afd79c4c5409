"""What a run leaves: its manifest, the plans it replaced, a plan that waits, and the lock while it lives."""

from __future__ import annotations

import hashlib
import json
import math
import os
import platform
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyomo.environ as pyo
import pytest
from filelock import FileLock
from openpyxl import load_workbook

from models.network import Compiled, compile_model
from models.outcome import Outcome, Relief
from optimizer import Planner, job
from optimizer.cli import main
from optimizer.errors import Busy, Finding
from optimizer.files import file_digest
from optimizer.running import folder as runs_folder
from optimizer.running.lock import locked
from optimizer.running.manifest import of_case
from optimizer.running.program import digest, program_facts
from optimizer.writing import publish

from . import small
from .jobs import OTHER, Desk, desk, lie, prepared, tiny_sheets, truthful_manifests

__all__ = ["desk", "lie", "prepared"]
Say = pytest.CaptureFixture[str]
Sheets = Callable[[], dict[str, small.Rows]]
Lie = Callable[[Callable[[Outcome], Outcome]], None]


# --- manifest and archive ---------------------------------------------------------------------------------------------


def test_a_manifest_says_what_went_in_and_what_came_out(desk: Desk) -> None:
    """Hashes of input and plan, each setting with its origin, certificate, versions; chained to the run before."""
    before = file_digest(desk.out)
    first = next(desk.runs.glob("*/manifest.json")).read_bytes()
    assert desk.plan(*OTHER) == 0
    last = desk.last()
    assert (last["plan"], last["exit_code"], last["stop_reason"]) == ("published", 0, "proved_gap")
    assert last["input"]["sha256"] == file_digest(desk.brand)
    assert last["output"]["sha256"] == file_digest(desk.out) != before
    assert last["output"]["previous_sha256"] == before
    assert last["settings"]["holding_rate"] == {"value": 0.3, "origin": "--set"}
    assert last["settings"]["periods"]["origin"].startswith("Settings!")
    assert last["solver"]["bound"] <= last["solver"]["objective"] * (1 + 1e-9)
    assert last["solver"]["reproducible"] is True
    assert last["environment"]["versions"]["highspy"]
    assert (last["check"]["faults"], last["check"]["by_code"]) == (0, {})
    assert last["check"]["rows"]["Placement"] == load_workbook(desk.out)["Placement"].max_row - 1
    assert last["prev_manifest_sha256"] == hashlib.sha256(first).hexdigest()
    assert last["started_utc"] <= last["published_utc"] <= last["ended_utc"]
    truthful_manifests(desk)


def test_a_manifest_names_no_folder_and_no_computer(desk: Desk) -> None:
    """Paths are told by their last part; the computer by a hash."""
    assert desk.plan(*OTHER) == 0
    text = "".join(path.read_text() for path in desk.runs.glob("*/manifest.json"))
    assert str(desk.folder) not in text
    assert platform.node() not in text


def no_room() -> dict[str, small.Rows]:
    sheets = tiny_sheets()
    for row in sheets["Nodes"][1:]:
        row[5] = 0.0001
    return sheets


def bad_cost() -> dict[str, small.Rows]:
    sheets = tiny_sheets()
    sheets["SKUs"][1][1] = -5
    return sheets


@pytest.mark.parametrize(
    ("sheets", "words", "code", "reason", "left"),
    [
        (bad_cost, (), 3, "error", {"plan.errors.xlsx"}),
        (tiny_sheets, ("--strict",), 3, "error", {"plan.errors.xlsx"}),
        (tiny_sheets, ("--set", "perods=1"), 2, "error", set()),
        (no_room, (), 4, "infeasible", {"plan.diagnosis.xlsx"}),
        (tiny_sheets, ("--time-limit", "1e-6"), 6, "time_limit", set()),
    ],
)
def test_a_failed_run_leaves_its_record_and_nothing_else(
    desk: Desk, sheets: Sheets, words: tuple[str, ...], code: int, reason: str, left: set[str]
) -> None:
    """Old plan, old manifest and archive byte for byte; a manifest of its own with the code; no draft."""
    kept = {path: path.read_bytes() for path in (desk.out, *desk.runs.glob("*/manifest.json"))}
    small.write(desk.brand, sheets())
    assert desk.plan(*words) == code
    assert {path: path.read_bytes() for path in kept} == kept
    assert (desk.last()["exit_code"], desk.last()["stop_reason"], desk.last()["plan"]) == (code, reason, "none")
    assert desk.beside() == left
    assert desk.leftovers() == []


def test_a_rejected_plan_is_recorded_as_such(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit 8: the manifest says rejected, which faults, and the hash of the file that is kept."""
    fault = Finding("V-001", "error", "Placement!G2", "7", "must be 8", "")
    monkeypatch.setattr("optimizer.audit.audit", lambda *_: (fault,))
    assert desk.plan() == 8
    assert (desk.last()["plan"], desk.last()["check"]["by_code"]) == ("rejected", {"V-001": 1})
    assert desk.last()["output"]["sha256"] == file_digest(desk.folder / "plan.rejected.xlsx")
    assert desk.leftovers() == []


def test_every_replaced_plan_is_kept_once(desk: Desk) -> None:
    """Three plans one after the other: the archive holds the first two byte for byte, each once."""
    plans = [desk.out.read_bytes()]
    for rate in ("0.3", "0.4"):
        assert desk.plan("--set", f"holding_rate={rate}") == 0
        plans.append(desk.out.read_bytes())
    assert sorted(path.read_bytes() for path in desk.archive.iterdir()) == sorted(plans[:2])
    desk.out.write_bytes(plans[0])
    stamp = next(path for path in desk.archive.iterdir() if path.read_bytes() == plans[0]).stat()
    os.utime(desk.out, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    assert desk.plan() == 0
    assert len(list(desk.archive.iterdir())) == 2


# --- a plan that waits ------------------------------------------------------------------------------------------------


@pytest.fixture
def open_in_a_spreadsheet(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The published plan cannot be replaced until this is undone."""
    real = publish.replace_whole

    def refuse(source: Path, target: Path) -> None:
        if target == desk.out:
            raise PermissionError(13, "Permission denied")
        real(source, target)

    monkeypatch.setattr(publish, "replace_whole", refuse)
    return monkeypatch


def test_a_waiting_plan_is_published_when_its_place_is_free(
    desk: Desk, open_in_a_spreadsheet: pytest.MonkeyPatch, capsys: Say
) -> None:
    """Exit 9 and a pending plan; publish says 9 while the old one is open, 0 once it is closed, and 0 again."""
    old = desk.out.read_bytes()
    assert desk.plan(*OTHER) == 9
    assert "nodewise publish" in capsys.readouterr().err
    waiting = (desk.folder / "plan.pending.xlsx").read_bytes()
    assert (desk.last()["plan"], desk.last()["exit_code"]) == ("pending", 9)
    assert main(["publish", str(desk.out)]) == 9
    assert desk.out.read_bytes() == old
    open_in_a_spreadsheet.undo()
    assert main(["publish", str(desk.out), "--json"]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["status"] == "published"
    assert desk.out.read_bytes() == waiting
    assert desk.last()["plan"] == "published"
    assert [path.read_bytes() for path in desk.archive.iterdir()] == [old]
    assert desk.beside() == set()
    assert main(["publish", str(desk.out)]) == 0
    assert capsys.readouterr().out.strip() == f"Nothing waits; {desk.out} stands."
    assert desk.leftovers() == []


def test_nothing_but_the_audited_plan_is_published(desk: Desk, open_in_a_spreadsheet: pytest.MonkeyPatch) -> None:
    """A pending plan that was edited is not what was audited: exit 2, the old plan stays."""
    old = desk.out.read_bytes()
    assert desk.plan(*OTHER) == 9
    open_in_a_spreadsheet.undo()
    with (desk.folder / "plan.pending.xlsx").open("ab") as file:
        file.write(b"!")
    desk.out.write_bytes(old + b"!")  # and what stands there is no plan of ours either
    assert main(["publish", str(desk.out)]) == 2
    assert desk.out.read_bytes() == old + b"!"


def test_a_later_plan_takes_the_place_of_a_waiting_one(desk: Desk, open_in_a_spreadsheet: pytest.MonkeyPatch) -> None:
    """Once another run has published, the plan that waited is superseded and gone; publish has nothing to do."""
    assert desk.plan(*OTHER) == 9
    open_in_a_spreadsheet.undo()
    assert desk.plan("--set", "holding_rate=0.4") == 0
    last = desk.out.read_bytes()
    assert [manifest["plan"] for manifest in desk.manifests()] == ["published", "superseded", "published"]
    assert desk.beside() == set()
    assert main(["publish", str(desk.out)]) == 0
    assert desk.out.read_bytes() == last


def test_publish_where_nothing_was_ever_planned(tmp_path: Path, capsys: Say) -> None:
    """No plan, no runs: exit 2, and no folder is made."""
    assert main(["publish", str(tmp_path / "plan.xlsx")]) == 2
    assert "no plan waits" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


# --- the same again ---------------------------------------------------------------------------------------------------


def test_the_same_again_is_skipped(desk: Desk, capsys: Say) -> None:
    """Same input, settings and versions: exit 0 with the plan's figures, no new run, not a byte changed."""
    before = {path: path.read_bytes() for path in desk.folder.rglob("*") if path.is_file()}
    assert desk.plan("--skip-if-same", "--json") == 0
    answer = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (answer["stop_reason"], answer["published"]) == ("same_as_before", True)
    assert answer["cost"] == desk.last()["solver"]["objective"]
    assert {path: path.read_bytes() for path in desk.folder.rglob("*") if path.is_file()} == before


def other_input(desk: Desk) -> None:
    small.write(desk.brand, tiny_sheets())


def edited_plan(desk: Desk) -> None:
    desk.out.write_bytes(desk.out.read_bytes() + b"!")


def other_version(desk: Desk) -> None:
    path = next(desk.runs.glob("*/manifest.json"))
    path.write_text(path.read_text().replace('"highspy": "', '"highspy": "0.'))


@pytest.mark.parametrize("change", [other_input, edited_plan, other_version, None])
def test_whatever_differs_is_planned_again(desk: Desk, change: Callable[[Desk], None] | None) -> None:
    """A saved input, an edited plan, another version, another setting: none of them is the same again."""
    words = OTHER if change is None else ()
    if change is not None:
        time.sleep(1.1 if change is other_input else 0.0)  # the time stamps inside a workbook count seconds
        change(desk)
    assert desk.plan("--skip-if-same", *words) == 0
    assert len(desk.manifests()) == 2


# --- the lock ---------------------------------------------------------------------------------------------------------


def test_the_holder_of_the_lock_is_named(desk: Desk, capsys: Say) -> None:
    """Exit 10 at once, with process, computer and time of the run that is under way; the lock leaves no trace."""
    with locked(desk.runs, desk.out):
        assert desk.plan() == 10
    said = capsys.readouterr().err
    assert f"on {platform.node()}, since 20" in said
    assert len(desk.manifests()) == 1
    assert desk.plan() == 0
    assert desk.leftovers() == []


def test_a_run_may_wait_for_another(desk: Desk) -> None:
    """With --wait, a run begins as soon as the other ends; when that takes too long, exit 10."""
    lock = FileLock(desk.runs / "lock", thread_local=False)
    lock.acquire()
    assert desk.plan("--wait", "0.3") == 10
    threading.Timer(0.5, lock.release).start()
    assert desk.plan("--wait", "60") == 0


def test_a_run_whose_lock_was_taken_away_publishes_nothing(desk: Desk) -> None:
    """--break-lock lets another run begin; the run that lost its lock ends with 10 before it replaces anything."""
    taken: list[int] = []

    def take(progress: Any) -> None:
        if progress.stage == "writing" and not taken:
            (desk.runs / "owner.json").write_text(json.dumps({"pid": -1, "host": "elsewhere", "since": "now"}))
            taken.append(1)

    old = desk.out.read_bytes()
    with pytest.raises(Busy, match=r"taken away by another run .process -1 on elsewhere"):
        job.make_plan(job.Request(desk.brand, desk.out, settings={"holding_rate": "0.3"}), take)
    assert desk.out.read_bytes() == old
    (desk.runs / "owner.json").unlink()
    assert desk.last()["exit_code"] == 10


def test_a_broken_lock_is_free(desk: Desk) -> None:
    """While another run holds the lock, --break-lock begins all the same."""
    with FileLock(desk.runs / "lock"):
        assert desk.plan("--break-lock") == 0


# --- paths ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["plan.review.xlsx", "plan.errors.xlsx", "plan.pending.xlsx"])
def test_an_input_is_never_what_a_run_may_write(desk: Desk, name: str) -> None:
    """A workbook named like one of the files a run leaves is refused as input before anything is done (exit 2)."""
    path = desk.brand.rename(desk.folder / name)
    before = path.read_bytes()
    assert desk.plan(input_path=path) == 2
    assert path.read_bytes() == before


def test_a_plan_never_stands_among_records(desk: Desk) -> None:
    """A target in the folder of records, or whose records are no folder: exit 2."""
    assert main(["plan", str(desk.brand), "--out", str(desk.runs / "plan.xlsx")]) == 2
    (desk.folder / "other.runs").write_text("")
    assert main(["plan", str(desk.brand), "--out", str(desk.folder / "other.xlsx")]) == 2


def test_no_space_is_noticed_before_any_work(desk: Desk, monkeypatch: pytest.MonkeyPatch, capsys: Say) -> None:
    """A full disk: exit 9 before the workbook is read, with the space that is needed."""
    usage = type("Usage", (), {"free": 1000})()
    monkeypatch.setattr(runs_folder.shutil, "disk_usage", lambda path: usage)
    assert desk.plan() == 9
    assert "H-002" in capsys.readouterr().err
    assert len(desk.manifests()) == 1


# --- a solver that lies or dies ---------------------------------------------------------------------------------------


def emptied(part: Any) -> Any:
    return np.zeros_like(part)


LIES: dict[str, tuple[Callable[[Outcome], Outcome], int]] = {
    "a row is violated": (lambda said: replace(said, stocked=emptied(said.stocked)), 8),
    "a node that is closed": (lambda said: replace(said, open=emptied(said.open)), 8),
    "another cost": (lambda said: replace(said, objective=said.objective * 0.9), 8),
    "no cost": (lambda said: replace(said, objective=math.nan), 8),
    "an endless cost": (lambda said: replace(said, objective=math.inf), 8),
    "no bound": (lambda said: replace(said, bound=math.nan), 8),
    "bound above cost": (lambda said: replace(said, bound=said.objective * 1.01), 8),
    "surge below zero": (lambda said: replace(said, surge=said.surge - 1.0), 8),
    "surge not finite": (lambda said: replace(said, surge=said.surge + math.nan), 8),
    "another shape": (lambda said: replace(said, stocked=said.stocked[:1]), 8),
    "zeros at the limit": (
        lambda said: replace(
            said, status="time_limit", objective=0.0, stocked=emptied(said.stocked), open=emptied(said.open)
        ),
        8,
    ),
    "infeasible, and nothing is short": (lambda said: Outcome("infeasible", math.inf, math.inf), 7),
    "infeasible by nothing": (
        lambda said: Outcome("infeasible", math.inf, math.inf, relief=(Relief("room", "EAST", "2027-01", 0.0, "m3"),)),
        7,
    ),
    "a status nobody knows": (lambda said: replace(said, status="20"), 7),
    "no plan, and nobody knows why": (lambda said: Outcome("20", math.inf, 0.0), 7),
}


@pytest.mark.parametrize("name", LIES)
def test_a_lying_solver_publishes_nothing(desk: Desk, lie: Lie, name: str) -> None:
    """A plan that breaks a row, impossible figures, an unfounded `infeasible`: exit 8 or 7, the old plan stays."""
    change, code = LIES[name]
    lie(change)
    old = desk.out.read_bytes()
    assert desk.plan() == code
    assert desk.out.read_bytes() == old
    assert (desk.last()["exit_code"], desk.last()["plan"]) in [(code, "none"), (code, "rejected")]


@pytest.mark.parametrize("status", ["crashed", "memory"])
def test_a_plan_that_outlived_its_solver_is_published_and_says_so(desk: Desk, lie: Lie, status: str) -> None:
    """Within the accepted gap it is published like one of a time limit; Run, Summary and manifest tell why."""
    lie(lambda said: replace(said, status=status))
    assert desk.plan(*OTHER) == 0
    book = load_workbook(desk.out)
    written = {row[0]: row[1] for row in book["Run"].iter_rows(min_row=2, values_only=True)}
    assert written["stop_reason"] == desk.last()["stop_reason"] == status
    words = " ".join(str(cell.value) for row in book["Summary"].iter_rows() for cell in row)
    assert "the solver" in words
    assert desk.last()["solver"]["reproducible"] is False


def test_beyond_the_accepted_gap_it_goes_to_review(desk: Desk, lie: Lie) -> None:
    """A crash that leaves a gap of a half: exit 5, plan.review.xlsx, recorded as such."""
    lie(lambda said: replace(said, status="crashed", bound=said.objective / 2))
    assert desk.plan() == 5
    assert desk.beside() == {"plan.review.xlsx"}
    assert (desk.last()["plan"], desk.last()["exit_code"]) == ("review", 5)


@pytest.mark.parametrize("where", ["optimizer.job.read_case", "optimizer.planning.plan", "optimizer.audit.audit"])
def test_no_memory_left_is_told_in_a_sentence(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, capsys: Say, where: str
) -> None:
    """While reading, compiling or auditing: exit 7, no trace, the old plan, no draft, and the manifest says memory."""

    def full(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr(where, full)
    old = desk.out.read_bytes()
    assert desk.plan() == 7
    said = capsys.readouterr()
    assert "no memory" in said.err
    assert "Traceback" not in said.err
    assert desk.out.read_bytes() == old
    assert desk.last()["stop_reason"] == "memory"
    assert desk.leftovers() == []


@pytest.mark.usefixtures("own_process")
def test_the_whole_job_with_the_solver_in_its_own_process(desk: Desk) -> None:
    """As a planner runs it: published, the canaries and the plans on the way recorded, no log of a quiet solver."""
    assert desk.plan(*OTHER, "--set", "short_lost_share=0") == 0
    last = desk.last()
    assert last["options"]["passed"].items() <= last["options"]["read_back"].items()
    assert last["model"]["sha256"] == digest(network_of(desk))
    assert last["model"]["rows"] > 0
    process = last["solver_process"]
    assert len(process["canaries"]) >= 5
    assert process["incumbents"][-1]["cost"] == pytest.approx(desk.last()["solver"]["objective"])
    assert process["troubles"] == []
    assert not list(desk.runs.glob("*/solver.log"))


def network_of(desk: Desk) -> Compiled:
    """The network program of the desk's input, made here."""
    return compile_model(Planner(job.read_case(desk.brand, None, {"holding_rate": 0.3})).model)


def test_the_program_in_figures() -> None:
    """min 3 open + 0.5 v with v <= 8 open, v >= 2: one row of two entries (8 the switch), one side and two bounds."""
    model = pyo.ConcreteModel()
    model.open = pyo.Var(["A"], domain=pyo.Binary)
    model.volume = pyo.Var(bounds=(2, None))
    model.room = pyo.Constraint(expr=model.volume - 8 * model.open["A"] <= 0)
    model.cost = pyo.Objective(expr=3 * model.open["A"] + 0.5 * model.volume)
    told = program_facts(compile_model(model))
    assert [told[name] for name in ("rows", "columns", "integers", "nonzeros")] == [1, 2, 1, 2]
    assert (told["coefficients"], told["costs"], told["bounds"], told["sides"]) == ([1, 8], [0.5, 3], [1, 2], [])
    assert told["largest_switch"] == {"coefficient": -8.0, "constraint": "room"}
    model.cost.set_value(3 * model.open["A"] + 0.75 * model.volume)
    assert program_facts(compile_model(model))["sha256"] != told["sha256"]


def test_a_workbook_that_was_merely_saved_again_holds_the_same_data(desk: Desk) -> None:
    """Another file, the same tables: the digest of the file differs, that of its data does not; one price does it."""
    first = of_case(job.read_case(desk.brand, None, {}))["input"]
    book = load_workbook(desk.brand)
    book.save(desk.brand)
    again = of_case(job.read_case(desk.brand, None, {}))["input"]
    assert again["sha256"] != first["sha256"]
    assert again["data_sha256"] == first["data_sha256"]
    book["SKUs"]["B2"] = 3.21
    book.save(desk.brand)
    assert of_case(job.read_case(desk.brand, None, {}))["input"]["data_sha256"] != first["data_sha256"]


def test_the_record_counts_what_differs_from_the_plan_in_force(desk: Desk) -> None:
    """Without stock or an earlier plan nothing is told; planned again from its own plan, nothing differs."""
    assert desk.last()["diff"] is None
    earlier = desk.out.rename(desk.folder / "earlier.xlsx")
    assert desk.plan("--previous", str(earlier)) == 0
    assert desk.last()["diff"] == {"new": 0, "gone": 0, "changed": 0, "units": 0.0, "money": 0.0}


# --- log lines --------------------------------------------------------------------------------------------------------


def test_a_log_collector_gets_json_lines(desk: Desk, capfd: pytest.CaptureFixture[str]) -> None:
    """--log-json: each line on standard error is one object with time, level, event; standard output has --json."""
    words = ["plan", str(desk.brand), "--out", str(desk.out), "--log-json"]
    assert main([*words, "--json"]) == 0
    said = capfd.readouterr()
    lines = [json.loads(line) for line in said.err.splitlines()]
    assert {line["event"] for line in lines} == {"progress", "finding", "message"}
    assert all({"time", "level"} <= set(line) for line in lines)
    assert {line["level"] for line in lines} == {"info", "warning"}
    assert next(line["stage"] for line in lines if line["event"] == "progress") == "reading"
    assert len(said.out.splitlines()) == 1
    small.write(desk.brand, bad_cost())
    assert main(words) == 3
    said = capfd.readouterr()
    errors = [line for line in map(json.loads, said.err.splitlines()) if line["level"] == "error"]
    assert {"SKUs!B2"} <= {line.get("place") for line in errors}
    assert said.out == ""
