"""Runs that fail at every step they take on the disk: ``python -m tests.faults.kills [--whole] [--one-in N]``.

The case is read and solved once; each run then happens in a fork of this process, which is quick and leaves no trace
in it. After each failure: the published plan is the old or the new one, whole and audited; the exit code says which;
the next start settles and clears everything; the next run succeeds. Steps fail by kill -9, by a full disk, by a share
that is gone, by a folder that may not be written any more, and by SIGTERM.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from optimizer import audit, job, planning
from optimizer.cli import main
from optimizer.environment import git_commit
from optimizer.errors import Busy
from optimizer.running.folder import Runs
from optimizer.running.lock import locked
from optimizer.writing import workbook
from optimizer.writing.publish import whole

from .. import small
from ..jobs import Desk, tiny_sheets, truthful_manifests
from .disk import Disk, broken, die, full, notable, refused

LOADED_LATE = ("optimizer.answers", "optimizer.auditing.workbook", "rich.text")  # by a run, on its way


class Workshop:
    """A desk, its case solved under two settings, and forks that publish one plan or the other.

    Unless ``whole``, a run takes its workbook ready made and audited: the steps of writing one are thousands.
    """

    def __init__(self, folder: Path, whole: bool) -> None:
        folder.mkdir()
        self.desk, self.whole = Desk(folder), True
        small.write(self.desk.brand, tiny_sheets())
        job.solver_for = lambda request, run: nullcontext()
        git_commit()  # once, not in every fork
        for name in LOADED_LATE:
            import_module(name)
        self.cases = {rate: job.read_case(self.desk.brand, None, {"holding_rate": rate}) for rate in (0.2, 0.3)}
        self.plans = {rate: planning.plan(case) for rate, case in self.cases.items()}
        for plan in self.plans.values():
            plan.tables()  # kept, so that no fork makes them again
        self.books: dict[float, bytes] = {}
        for rate in (0.3, 0.2):
            assert self.publish(rate) == 0
            self.books[rate] = self.desk.out.read_bytes()
        self.whole = whole

    def publish(self, rate: float, then: Callable[[], Any] = lambda: None, disk: Disk | None = None) -> int:
        """Exit code of a run in a fork; below zero, the signal it died of."""
        child = os.fork()
        if child == 0:
            os._exit(self.run(rate, then, disk))
        return int(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))

    def run(self, rate: float, then: Callable[[], Any] = lambda: None, disk: Disk | None = None) -> int:
        """A run in this process, which is a fork."""
        job.read_case = lambda *_: self.cases[rate]
        planning.plan = lambda *_, **__: self.plans[rate]
        if not self.whole:
            workbook.write = lambda plan, path: self._ready_made(rate, Path(path))
            audit.audit = lambda *_: ()
        sys.stderr = sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115
        then()
        with disk.installed() if disk is not None else nullcontext():
            return main(["plan", str(self.desk.brand), "--out", str(self.desk.out), "--quiet"])

    def _ready_made(self, rate: float, path: Path) -> Path:
        with whole(path) as draft:
            draft.write_bytes(self.books[rate])
        return path

    def settled(self) -> None:
        """What must hold once the next run has begun: truthful manifests, and nothing left of the dead one."""
        with locked(self.desk.runs, self.desk.out):
            Runs(self.desk.out).settle()
        truthful_manifests(self.desk)
        waiting = {m["run_id"] for m in self.desk.manifests() if m["plan"] == "pending"}
        left = [name for name in self.desk.leftovers() if name.split("/")[1] not in waiting]
        assert left == [], left
        assert self.desk.beside() <= ({"plan.pending.xlsx"} if waiting else set()), self.desk.beside()

    def steps(self) -> list[tuple[str, str]]:
        """The steps of an undisturbed run, from a fork that writes them down."""
        place, disk = self.desk.folder.parent / "steps", Disk()
        child = os.fork()
        if child == 0:
            code = self.run(0.3, disk=disk)
            place.write_text("\n".join(f"{what}\t{path}" for what, path in disk.steps))
            os._exit(code)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        return [(what, path) for what, _, path in (line.partition("\t") for line in place.read_text().splitlines())]


@dataclass
class Fault:
    """What happens at a step, and the exit codes it may lead to; 0 belongs to a published plan alone."""

    then: Callable[[], None]
    codes: set[int]
    for_good: bool = False


FAULTS = {
    "kill": Fault(die, {0, -signal.SIGKILL}),
    "full disk": Fault(full, {0, 9}, for_good=True),
    "share gone": Fault(broken, {0, 9}),
    "refused": Fault(refused, {0, 9}, for_good=True),
    "SIGTERM": Fault(lambda: signal.raise_signal(signal.SIGTERM), {0, 143, -signal.SIGTERM}),
}


def fail_everywhere(shop: Workshop, name: str, numbers: list[int]) -> int:
    """Fail runs at these steps, each where another plan stands; how many did not end with 0."""
    fault, failed = FAULTS[name], 0
    clean(shop)
    for at in numbers:
        before = shop.desk.out.read_bytes()
        code = shop.publish(0.3, disk=Disk(at, fault.then, fault.for_good))
        assert code in fault.codes, f"{name} at step {at}: exit code {code}"
        after = shop.desk.out.read_bytes()
        assert after in (before, shop.books[0.3]) or shop.whole
        assert (code == 0) <= (after != before), f"{name} at step {at}: exit code 0 and the old plan"
        assert (code > 0) <= (after == before), f"{name} at step {at}: exit code {code} and another plan"
        shop.settled()
        standing = Runs(shop.desk.out).standing()
        assert standing is not None, f"{name} at step {at}: what stands there is no plan that was audited"
        assert standing.manifest["settings"]["holding_rate"]["value"] == (0.2 if after == before else 0.3)
        assert name != "kill" or code < 0, f"step {at} was not reached"
        failed += code != 0
        clean(shop)
    return failed


def clean(shop: Workshop) -> None:
    """The next undisturbed run succeeds and leaves its plan, its record and nothing else; then old records go."""
    assert shop.publish(0.2) == 0
    assert shop.desk.last()["plan"] == "published"
    shop.settled()
    assert shop.desk.leftovers() == []
    assert shop.desk.beside() == set()
    shutil.rmtree(shop.desk.archive, ignore_errors=True)
    for run in Runs(shop.desk.out).past()[:-1]:
        shutil.rmtree(run.path)


def starve(shop: Workshop) -> None:
    """The kernel's own refusal to let a file grow, at several sizes: exit 9, the old plan, no leftover."""
    for size in (0, 300, 6_000, 30_000):
        before = shop.desk.out.read_bytes()
        code = shop.publish(0.3, lambda most=size: resource.setrlimit(resource.RLIMIT_FSIZE, (most, most)))
        assert code == 9, (size, code)
        assert shop.desk.out.read_bytes() == before
        shop.settled()
    clean(shop)


def crowd(shop: Workshop, size: int) -> None:
    """Several runs at once: each publishes alone or ends with 10 at once, and what stands is whole."""
    go = time.monotonic() + 0.3
    children = []
    for _ in range(size):
        child = os.fork()
        if child == 0:
            time.sleep(max(go - time.monotonic(), 0))
            os._exit(shop.run(0.3))
        children.append(child)
    codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    assert set(codes) <= {0, Busy.exit_code}, codes
    assert 0 in codes, codes
    shop.settled()
    assert Runs(shop.desk.out).standing() is not None
    clean(shop)


def work(whole_runs: bool, one_in: int, every: int) -> str:
    """Everything, in a folder of its own; how many runs failed, by fault."""
    told = []
    with tempfile.TemporaryDirectory() as folder:
        shop = Workshop(Path(folder) / "desk", whole_runs)
        numbers = notable(shop.steps(), one_in)
        for offset, name in enumerate(FAULTS):
            step = 1 if name == "kill" else every
            told.append(f"{name} {fail_everywhere(shop, name, numbers[offset % step :: step])}")
        starve(shop)
        crowd(shop, 4)
    return ", ".join(told)


if __name__ == "__main__":
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--whole", action="store_true", help="write and audit every workbook")
    words.add_argument("--one-in", type=int, default=1, help="of the small writes inside a draft, fail at one in N")
    words.add_argument("--every", type=int, default=1, help="but for kills, fail at every N-th step")
    given = words.parse_args()
    began = time.monotonic()
    print(f"failed runs: {work(given.whole, given.one_in, given.every)}; {time.monotonic() - began:.0f} s")
