"""What a run does about a solver that is wrong: it asks once more, believes no lone witness, and says what it saw."""

from __future__ import annotations

import json
import signal
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from openpyxl import load_workbook

from models import column_generation
from models.integer_program import IntegerProgram
from models.master import Master
from models.outcome import Outcome
from optimizer import audit, job
from optimizer.errors import Finding, InputInvalid
from optimizer.files import file_digest
from optimizer.reading.archive import first_bytes

from .instances import tiny
from .jobs import OTHER, Desk, desk, lie, prepared
from .soundness import truthful

__all__ = ["desk", "lie", "prepared"]
Lie = Callable[[Callable[[Outcome], Outcome]], None]
FAULT = Finding("V-041", "error", "Nodes!F2", "7", "at most 6", "")


def audited_badly(monkeypatch: pytest.MonkeyPatch, times: int) -> None:
    """The auditor finds a fault so many times, then does its work."""
    real, left = audit.audit, iter(range(times))
    monkeypatch.setattr(audit, "audit", lambda *given: real(*given) if next(left, None) is None else (FAULT,))


def test_a_plan_that_fails_its_check_is_made_once_more(desk: Desk, lie: Lie, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second try has the next seed and no presolve; what it finds passes, is published and says how it was made."""
    lie(lambda said: said)
    audited_badly(monkeypatch, 1)
    assert desk.plan(*OTHER, "--set", "seed=6") == 0
    last = desk.last()
    assert (last["plan"], last["check"]["faults"], last["solver"]["seed"]) == ("published", 0, 7)
    first = last["retries"][0]
    assert (first["seed"], first["presolve"], first["check"]["by_code"]) == (7, "off", {"V-041": 1})
    run = [row[:3] for row in load_workbook(desk.out)["Run"].iter_rows(values_only=True)]
    assert ("seed", 7, "second try") in run
    assert desk.beside() == set()
    assert desk.leftovers() == []


@pytest.mark.parametrize("stopped", [False, True])
def test_twice_wrong_is_reported_with_all_that_is_known(
    desk: Desk, lie: Lie, monkeypatch: pytest.MonkeyPatch, stopped: bool
) -> None:
    """Exit 8 after two tries, after one where the planner has pressed Ctrl-C; the bundle holds record, fault and plan,
    and goes when a plan is published."""
    calls: list[int] = []

    def search(said: Outcome) -> Outcome:
        calls.append(1)
        if stopped:
            with pytest.raises(KeyboardInterrupt):
                signal.raise_signal(signal.SIGINT)
        return replace(said, status="interrupted") if stopped else said

    lie(search)
    audited_badly(monkeypatch, 2)
    old = desk.out.read_bytes()
    assert desk.plan() == 8
    assert len(calls) == (1 if stopped else 2)
    assert desk.out.read_bytes() == old
    with zipfile.ZipFile(desk.folder / "plan.bundle.zip") as bundle:
        held = {name: bundle.read(name) for name in bundle.namelist()}
    assert json.loads(held["manifest.json"])["exit_code"] == 8
    assert json.loads(held["fault.json"])["findings"][0]["place"] == FAULT.place
    assert held["plan.rejected.xlsx"] == (desk.folder / "plan.rejected.xlsx").read_bytes()
    monkeypatch.undo()
    assert desk.plan() == 0
    assert desk.beside() == set()


def test_one_witness_is_not_enough_for_infeasible(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """HiGHS calls a case infeasible that it is not: the elastic program finds nothing short, so exit 7 and no 4."""

    def lying(*_: Any) -> Any:
        import highspy

        return highspy.HighsModelStatus.kInfeasible

    monkeypatch.setattr(Master, "_run", lying)
    assert desk.plan() == 7
    assert desk.beside() == {"plan.bundle.zip"}
    assert desk.last()["exit_code"] == 7


@pytest.mark.parametrize("off", [9e-7, -9e-7])
def test_a_binary_that_is_nearly_whole_is_whole(monkeypatch: pytest.MonkeyPatch, off: float) -> None:
    """Every binary of every program 9e-7 beside its value: sets are picked whole, nodes they use are open by bound, so
    the plan keeps every limit and costs what the bound allows; a node at 0.0000009 carries nothing."""
    real = IntegerProgram.values

    def nearly(program: IntegerProgram) -> Any:
        values = real(program)
        values[program.problem.compiled.integer] += off
        return values

    instance = tiny(7012, 30, 4, 4, 2, candidates=True, hard_limits=False, budget=False, lane_gaps=False)
    exact = column_generation.solve(instance, gap=0.0)
    monkeypatch.setattr(IntegerProgram, "values", nearly)
    found = column_generation.solve(instance, gap=0.0)
    truthful(instance, found)
    assert found.objective == pytest.approx(exact.objective, rel=1e-6)
    assert found.open is not None
    assert exact.open is not None
    assert np.array_equal(found.open, exact.open)


# --- an input that is open elsewhere ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("words", "code"), [((), 11), (("--read-copy",), 0)])
def test_a_copy_is_read_while_others_save(desk: Desk, words: tuple[str, ...], code: int) -> None:
    """Saved while the search runs: exit 11; with --read-copy the plan is that of the bytes that were copied."""
    read, held = file_digest(desk.brand), desk.brand.read_bytes()

    def save(progress: Any) -> None:
        if progress.stage == "demand":
            desk.brand.write_bytes(desk.brand.read_bytes() + b"!")

    request = job.Request(desk.brand, desk.out, settings={"holding_rate": "0.3"}, read_copy=bool(words))
    if code:
        with pytest.raises(job.NodewiseError) as fault:
            job.make_plan(request, save)
        assert fault.value.exit_code == code
    else:
        job.make_plan(request, save)
        assert desk.last()["input"]["sha256"] == desk.last()["asked"]["input_sha256"] == read
        assert desk.last()["input"]["path"] == "brand.xlsx"
        desk.brand.write_bytes(held)
        assert job.verify_plan(desk.out, desk.brand) == ()
    assert desk.leftovers() == []


def test_who_has_it_open_is_named(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that may not be read while Excel's own stands beside it: F-013 with the name in that one."""
    desk.brand.with_name("~$brand.xlsx").write_bytes(b"\x0bM. Planner " + b" " * 43)

    def refuse(*_: Any, **__: Any) -> Any:
        raise PermissionError

    monkeypatch.setattr(Path, "open", refuse)
    monkeypatch.setattr("time.sleep", lambda _: None)
    real = Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda path: b"\x0bM. Planner " if "~$" in path.name else real(path))
    with pytest.raises(InputInvalid, match=r"F-013 .*open in Excel by M. Planner"):
        first_bytes(desk.brand)
