"""Ctrl-C pressed again and again, in a terminal's run and in a notebook's kernel."""

from __future__ import annotations

import signal
from collections.abc import Callable
from itertools import count
from typing import Any

import pytest

from models.outcome import Progress
from optimizer import job
from optimizer.errors import NodewiseError
from optimizer.running.lock import locked

from .faults.disk import Disk
from .jobs import OTHER, Desk, desk, prepared, truthful_manifests

__all__ = ["desk", "prepared"]
TIMES = 5


def pressed() -> None:
    """Ctrl-C."""
    signal.raise_signal(signal.SIGINT)


def exit_code(desk: Desk, hear: Callable[[Progress], None]) -> int:
    """Of a run; a Ctrl-C that comes when the run has let go of the signals ends its process with 130."""
    try:
        made = job.make_plan(job.Request(desk.brand, desk.out, settings={"holding_rate": "0.3"}), hear)
    except KeyboardInterrupt:
        return 130
    except NodewiseError as fault:
        return fault.exit_code
    assert isinstance(made, job.Result)
    return made.error.exit_code if made.error else 0


@pytest.mark.parametrize("stage", ["reading", "bound", "plan", "writing"])
def test_ctrl_c_five_times_in_a_row(desk: Desk, stage: str) -> None:
    """The first where a stage begins, the others at each of the next steps on the disk, so while the run ends: the
    old plan stands, the lock is free, and the next run succeeds and leaves nothing of this one."""
    old, numbers, disk = desk.out.read_bytes(), count(), Disk()

    def again() -> None:
        if next(numbers) < TIMES:
            pressed()

    def hear(progress: Progress) -> None:
        if progress.stage == stage and not disk.at:
            disk.at, disk.then, disk.for_good = len(disk.steps) + 1, again, True
            again()

    with disk.installed():
        assert exit_code(desk, hear) == 130
    assert next(numbers) >= 3  # where little is left to do, fewer than five find it at work
    assert desk.out.read_bytes() == old
    with locked(desk.runs, desk.out):
        pass
    assert desk.plan(*OTHER) == 0
    assert desk.leftovers() == []
    assert desk.beside() == set()
    truthful_manifests(desk)


def test_ctrl_c_in_a_notebook_leaves_kernel_and_lock_as_they_were(desk: Desk) -> None:
    """The kernel is interrupted in ``optimizer.plan``, which says so or returns the plan it has, and in a whole run,
    which publishes nothing; the same kernel then plans and publishes."""
    from jupyter_client.manager import start_new_kernel

    old = desk.out.read_bytes()
    manager, client = start_new_kernel(cwd=str(desk.folder))
    try:
        assert told(client, _FIRST) == "ready"
        for cell, answer in ((_PLAN, ("Plan interrupted", "Interrupted")), (_RUN, ("Interrupted",))):
            assert told(client, cell, manager) in answer
            assert desk.out.read_bytes() == old
        assert told(client, _AGAIN) == "published"
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    assert desk.out.read_bytes() != old
    assert desk.leftovers() == []


_FIRST = """
import time, optimizer
from pathlib import Path
from optimizer import job
case = optimizer.read("brand.xlsx")
def hear(line):
    if line.stage == "plan" and not heard:
        heard.append(line)
        print("searching", flush=True)
        time.sleep(30)
request = job.Request(Path("brand.xlsx"), Path("plan.xlsx"), settings={"holding_rate": "0.3"})
print("ready")
"""
_PLAN = """
heard = []
try:
    made = optimizer.plan(case, progress=hear)
    print(type(made).__name__, made.status)
except optimizer.errors.Interrupted as fault:
    print(type(fault).__name__)
"""
_RUN = """
heard = []
try:
    print(type(job.make_plan(request, hear).error).__name__)
except optimizer.errors.Interrupted as fault:
    print(type(fault).__name__)
"""
_AGAIN = """
assert job.make_plan(request).error is None
print("published")
"""


def told(client: Any, cell: str, manager: Any = None) -> str:
    """Last line a cell prints, or the name of the error it ends with; with a manager, it is interrupted once it
    searches."""
    asked, lines = client.execute(cell), [""]
    while True:
        message = client.get_iopub_msg(timeout=60)
        kind, content = message["msg_type"], message["content"]
        if message["parent_header"].get("msg_id") != asked:
            continue
        if kind == "stream" and content["name"] == "stdout":
            lines += content["text"].split("\n")
        if kind == "error":
            lines.append(f"error {content['ename']}: {content['evalue']}")
        if manager is not None and "searching" in lines:
            manager.interrupt_kernel()
            manager = None
        if kind == "status" and content["execution_state"] == "idle":
            return [line for line in lines if line][-1]
