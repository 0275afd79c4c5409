"""Jobs for hours: ``python -m tests.soak --hours H [--seed S]``, or ``--jobs N`` for so many.

Half of them are commands in processes of their own, most of which are killed or stopped at a random moment; the others
run one after the other in this process, as in a notebook that is never closed. After each: a code of the README, true
manifests, a published plan that was audited, nothing left over. In the end: no more threads and open files than after
the first jobs, and less than 1 MB more memory per 100 jobs.
"""

from __future__ import annotations

import argparse
import gc
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

import numpy as np
import psutil

from optimizer import job
from optimizer.errors import NodewiseError
from optimizer.running.folder import Runs
from optimizer.running.lock import locked

from . import small
from .imports import ROOT
from .jobs import CODES, Desk, tiny_sheets, truthful_manifests

WARM = 20  # jobs before memory is measured
MOST_GROWTH = 1.0  # MB per 100 jobs
ENOUGH = 200  # jobs from which a growth can be told from noise
KEPT = 20  # runs whose records are kept
STOPS = ("SIGKILL", "SIGTERM", "SIGINT")


class Soak:
    """A desk, and what was seen on it."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.desk, self.random = Desk(folder), random.Random(seed)
        folder.mkdir(parents=True)
        small.write(self.desk.brand, tiny_sheets())
        self.codes: Counter[int] = Counter()
        self.memory: list[float] = []
        self.handles: list[tuple[int, int]] = []

    def one(self, number: int) -> None:
        """One job, of the one kind or the other, and a look at what it left."""
        settings = {"holding_rate": f"{self.random.uniform(0.1, 0.5):.3f}"}
        code = self.apart(settings) if number % 2 else self.here(settings)
        self.codes[code] += 1
        assert code in CODES - {1} or code in (-signal.SIGKILL, -signal.SIGTERM, -signal.SIGINT), f"exit code {code}"
        self.look()

    def here(self, settings: dict[str, str]) -> int:
        """A job in this process; one in four is stopped by hand at a random line of progress."""
        at = self.random.randrange(12) if self.random.random() < 0.25 else -1
        count = iter(range(10**6))

        def hear(line: object) -> None:
            if next(count) == at:
                raise KeyboardInterrupt

        try:
            made = job.make_plan(job.Request(self.desk.brand, self.desk.out, settings=settings), hear)
        except NodewiseError as error:
            code = error.exit_code
        else:
            code = made.error.exit_code if isinstance(made, job.Result) and made.error else 0
        gc.collect()
        own = psutil.Process()
        self.memory.append(own.memory_info().rss / 1e6)
        self.handles.append((threading.active_count(), own.num_fds() if hasattr(own, "num_fds") else own.num_handles()))
        return code

    def apart(self, settings: dict[str, str]) -> int:
        """A command of its own; three in four are killed or stopped at a random moment."""
        words = [
            sys.executable,
            "-m",
            "optimizer",
            "plan",
            str(self.desk.brand),
            "--out",
            str(self.desk.out),
            "--quiet",
        ]
        words += [word for name, value in settings.items() for word in ("--set", f"{name}={value}")]
        began = time.monotonic()
        command = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if self.random.random() < 0.75:
            time.sleep(self.random.uniform(0.0, 1.2) * self._usual)
            stop = getattr(signal, self.random.choice(STOPS), signal.SIGTERM)
            command.send_signal(stop)
            return command.wait(timeout=120)
        code = command.wait(timeout=300)
        self._usual = time.monotonic() - began
        return code

    _usual = 3.0  # seconds of an undisturbed command

    def look(self) -> None:
        """What must hold after any job, once the next one has begun."""
        if not self.desk.runs.exists():
            return
        with locked(self.desk.runs, self.desk.out, wait=30):
            Runs(self.desk.out).settle()
        truthful_manifests(self.desk)
        waiting = {m["run_id"] for m in self.desk.manifests() if m["plan"] == "pending"}
        left = [name for name in self.desk.leftovers() if Path(name).parts[1] not in waiting]
        assert left == [], left
        known = {"plan.interim.xlsx", "plan.pending.xlsx"}
        assert self.desk.beside() <= known, self.desk.beside() - known
        if self.desk.out.exists():
            assert Runs(self.desk.out).standing() is not None, "what stands there is no plan that was audited"
        self._thin_out()

    def _thin_out(self) -> None:
        runs = Runs(self.desk.out)
        standing = runs.standing()
        for run in runs.past()[:-KEPT]:
            if standing is None or run.name != standing.name:
                shutil.rmtree(run.path)
        for path in sorted(self.desk.archive.glob("*.xlsx"), key=os.path.getmtime)[:-KEPT]:
            path.unlink()
        digests = {m["output"]["sha256"] for m in self.desk.manifests() if m.get("output")}
        assert standing is None or standing.output["sha256"] in digests

    def verdict(self) -> str:
        """What was seen, in a line. Raises AssertionError where something grew."""
        threads, files = zip(*self.handles[1:], strict=True)
        first = max(len(threads) // 4, 1)
        assert max(threads[first:], default=0) <= max(threads[:first]), f"threads: {threads}"
        assert max(files[first:], default=0) <= max(files[:first]), f"open files: {files}"
        growth = float("nan")
        if len(self.memory) > WARM + 1:
            rest = np.array(self.memory[WARM:])
            growth = float(np.polyfit(np.arange(len(rest)), rest, 1)[0] * 100)
        assert len(self.memory) < ENOUGH or growth < MOST_GROWTH, f"memory grows by {growth:.1f} MB per 100 jobs"
        return (
            f"{sum(self.codes.values())} jobs, codes {dict(sorted(self.codes.items()))}, {growth:+.2f} MB per 100 jobs"
        )


def work(jobs: int, hours: float, seed: int) -> str:
    """So many jobs, or jobs for so long; what was seen."""
    with tempfile.TemporaryDirectory() as folder:
        soak, ends, number = Soak(Path(folder) / "desk", seed), time.monotonic() + 3600 * hours, 0
        while number < jobs or time.monotonic() < ends:
            soak.one(number)
            number += 1
        return soak.verdict()


if __name__ == "__main__":
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--hours", type=float, default=0.0)
    words.add_argument("--jobs", type=int, default=0)
    words.add_argument("--seed", type=int, default=0)
    given = words.parse_args()
    print(work(given.jobs, given.hours, given.seed))
