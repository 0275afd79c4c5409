"""The job under faults: killed or failing at its steps on the disk, and stopped by a signal in each phase."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys

import pytest
from openpyxl import load_workbook

from models.outcome import Progress
from optimizer import job
from optimizer.errors import Interrupted, NodewiseError

from . import small
from .imports import ROOT
from .jobs import Desk, desk, prepared, truthful_manifests

__all__ = ["desk", "prepared"]
PHASES = ("reading", "demand", "patterns", "bound", "plan", "closing", "writing")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_killed_or_failing_at_any_step_a_run_leaves_the_old_plan_or_the_new_one() -> None:
    """kill -9 at every step on the disk; a full disk, a lost share, a locked folder and SIGTERM at every ninth.

    ``tests.faults.kills`` states what must hold after each, and says what broke. At least 40 runs die.
    """
    words = [sys.executable, "-m", "tests.faults.kills", "--one-in", "4000", "--every", "9"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    killed = re.search(r"kill (\d+)", done.stdout)
    assert killed is not None
    assert int(killed[1]) >= 40


@pytest.mark.parametrize("phase", PHASES)
def test_a_signal_in_any_phase_is_told_truly(desk: Desk, phase: str) -> None:
    """SIGTERM while reading, preparing, bounding, planning, closing or writing: exit 143, the old plan, a true record;

    an interim plan exactly if the search had one and the signal did not fall into its writing.
    """
    old, sent = desk.out.read_bytes(), []

    def hear(progress: Progress) -> None:
        if progress.stage == phase and not sent:
            sent.append(phase)
            signal.raise_signal(signal.SIGTERM)

    fault: NodewiseError | None
    try:
        made = job.make_plan(job.Request(desk.brand, desk.out, settings={"holding_rate": "0.3"}), hear)
        fault = made.error if isinstance(made, job.Result) else None
    except Interrupted as error:
        fault = error
    assert sent
    assert fault is not None
    assert fault.exit_code == desk.last()["exit_code"] == 143
    assert desk.out.read_bytes() == old
    assert desk.beside() == ({"plan.interim.xlsx"} if desk.last()["plan"] == "interim" else set())
    if phase != "bound":  # the search may or may not make a plan of the patterns it has by then
        assert (desk.last()["plan"] == "interim") == (phase in ("plan", "closing"))
    assert desk.leftovers() == []
    truthful_manifests(desk)


def test_a_signal_while_skus_are_brought_together_keeps_the_proven_plan(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SIGTERM in the first round: exit 143, the plan of the search as interim plan, its gap proved, nothing moved."""
    old = desk.out.read_bytes()
    small.write(desk.brand, small.pairs())
    monkeypatch.setattr("models.gathering._Polish.improved", lambda *_: signal.raise_signal(signal.SIGTERM))
    assert desk.plan() == 143
    assert (desk.beside(), desk.out.read_bytes()) == ({"plan.interim.xlsx"}, old)
    run = {row[0]: row[1] for row in load_workbook(desk.folder / "plan.interim.xlsx")["Run"].values}
    assert (run["stop_reason"], run["split_parcels.skus_moved"]) == ("interrupted", 0)
    assert run["searched_gap"] <= 0.001
    assert desk.leftovers() == []
