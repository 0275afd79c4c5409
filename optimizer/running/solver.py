"""The solve in a process of its own: whatever becomes of that process, the best plan it told of is kept."""

from __future__ import annotations

import math
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any, BinaryIO, NoReturn, Self, cast

from ..errors import SolverFailure
from .messages import Garbled, Task, frame, receive

if TYPE_CHECKING:
    from models.instance import Instance
    from models.outcome import Outcome, Progress

    Listener = Callable[[Progress], None]

ROOT = Path(__file__).resolve().parents[2]  # what the child needs on its path, installed or not
PATIENCE = 30.0  # seconds past the time limit, and a quarter of the limit, before a silent search is called hung
STOP_WITH_PLAN = 2.0  # seconds a stopped search gets for its last word when a plan is known
STOP_WITHOUT = 7.0  # and when none is: it then makes one of what it has
LEAST_RETRY = 10.0  # seconds of a second try, however late


class SolverDied(Exception):
    """The process ended, or had to be ended, without an outcome."""

    def __init__(self, what: str, status: str = "crashed") -> None:
        super().__init__(what)
        self.status = status


class ChildSolver:
    """Solves in a child process, started at once so that it is ready when the case is; use it in a ``with`` block.

    Crash, hang and lack of memory leave the best plan so far (its status then is ``crashed`` or ``memory``); with none,
    there is one second try without presolve. ``troubles`` says what happened, ``canaries`` which programs were solved
    first to see that the solver can be trusted. Raises SolverFailure.
    """

    def __init__(self, log: Path | None = None, memory_limit_mb: float | None = None) -> None:
        self.log, self.memory_limit_mb = log, memory_limit_mb
        self.troubles: list[str] = []
        self.incumbents: list[tuple[float, float, float]] = []  # seconds, cost, bound
        self.canaries: tuple[str, ...] = ()
        self.facts: dict[str, Any] = {}
        self.program: dict[str, Any] = {}  # figures of the network program, the solver's options
        self.best: Outcome | None = None
        self.cautious = False  # without presolve from the first try
        self.child = Child(log, memory_limit_mb)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: object, trace: TracebackType | None) -> None:
        self.child.end()

    def renew(self) -> None:
        """A new process, without presolve, that knows nothing of what the first one found."""
        self.child.end()
        self.best, self.incumbents, self.cautious = None, [], True
        self.child = Child(self.log, self.memory_limit_mb)

    def __call__(
        self, instance: Instance, *, gap: float, time_limit: float, seed: int, progress: Listener | None = None
    ) -> Outcome:
        """As :func:`models.column_generation.solve`. A further task has a process of its own; the facts stay those of
        the first."""
        if self.child.given.is_set():
            return self._further(instance, gap=gap, time_limit=time_limit, seed=seed, progress=progress)
        began = time.monotonic()
        task = Task(instance, gap, time_limit, seed, 0.0, self.cautious)
        for second in (False, True):
            if second:
                left = max(time_limit - (time.monotonic() - began), LEAST_RETRY)
                task = replace(task, time_limit=left, cautious=True)
                self.child.end()
                self.child = Child(self.log, self.memory_limit_mb)
            try:
                return self._try(task, progress)
            except SolverDied as fault:
                if self.best is not None:
                    return self._kept(fault.status)
        trace = f" Its last words: {self.log}" if self.log is not None and self.log.exists() else ""
        raise SolverFailure(f"the solver failed twice: {'; '.join(self.troubles)}.{trace}", "Try once more.")

    def _further(self, instance: Instance, **goals: Any) -> Outcome:
        with ChildSolver(self.log, self.memory_limit_mb) as other:
            try:
                return other(instance, **goals)
            finally:
                self.troubles += other.troubles

    def _try(self, task: Task, progress: Listener | None) -> Outcome:
        """One process from task to outcome. Raises SolverDied."""
        patience = PATIENCE + 0.25 * task.time_limit
        ends = time.monotonic() + task.time_limit + patience
        self.child.give(replace(task, deadline=task.time_limit + 2.0 * patience))
        stops = 0
        while True:
            try:
                found = self._next(ends, progress)
                if found is not None:
                    return replace(self._better(found), status="interrupted") if stops else self._better(found)
            except KeyboardInterrupt:
                stops += 1
                ends = time.monotonic() + (STOP_WITHOUT if self.best is None else STOP_WITH_PLAN)
                if stops > 1 or not self.child.stop():
                    return self._kept("interrupted")
            except SolverDied as fault:
                if stops:
                    return self._kept("interrupted")
                self.troubles.append(str(fault))
                raise

    def _next(self, ends: float, progress: Listener | None) -> Outcome | None:
        """Take in one message; the outcome, if it is that. Raises SolverDied."""
        kind, *body = self.child.hear(ends)
        if kind == "progress":
            self._note(body[0], progress)
        elif kind == "ready":
            self.canaries = tuple(body[0])
        elif kind == "program":
            self.program = body[0]
        elif kind == "outcome":
            self.facts = body[1]
            return body[0]
        elif kind == "refused":
            self._refused(body[0])
        elif kind == "distrusted":
            raise SolverFailure(*body)
        elif kind == "bug":
            raise RuntimeError(f"in the solver's process:\n{body[0]}")
        else:
            raise SolverDied(*_died(kind, body))
        return None

    def _refused(self, why: str) -> NoReturn:
        if self.best is None:
            raise SolverFailure(f"the case was not solved: {why}.")
        raise SolverDied(why)

    def _note(self, line: Progress, progress: Listener | None) -> None:
        if line.plan is not None:
            self.best = line.plan
            self.incumbents.append((line.seconds, line.best, line.bound))
        elif self.best is not None and math.isfinite(line.bound):
            self.best = replace(self.best, bound=max(self.best.bound, min(line.bound, self.best.objective)))
        if progress is not None:
            progress(replace(line, plan=None))

    def _better(self, found: Outcome) -> Outcome:
        """The outcome; where a stop left it without a plan, the best plan it told of before."""
        if found.stocked is None and found.status in ("interrupted", "time_limit") and self.best is not None:
            return self._kept(found.status)
        return found

    def _kept(self, status: str) -> Outcome:
        """The best plan so far, under the status that tells why there is no better one."""
        from models.outcome import Outcome

        self.child.end()
        if self.best is None:
            return Outcome(status, math.inf, -math.inf)
        return replace(self.best, status=status)


def _died(kind: str, body: list[Any]) -> tuple[str, str]:
    """What became of a process that gave no outcome, and the status of the plan it leaves."""
    if kind == "memory":
        return "the solver ran out of memory", "memory"
    return str(body[0]) if body else "the solver's process stopped", "crashed"


class Child:
    """The process, and a thread that hands it the task and takes in its messages."""

    def __init__(self, log: Path | None, memory_limit_mb: float | None) -> None:
        words = [] if memory_limit_mb is None else [str(memory_limit_mb)]
        paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
        alone: dict[str, Any] = {"start_new_session": True}
        if sys.platform == "win32":
            alone = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
        with _opened(log) as errors:
            self.process = subprocess.Popen(
                [*command(), *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)}, **alone,
            )  # fmt: skip
        self.inbox: SimpleQueue[tuple[Any, ...]] = SimpleQueue()
        self.given = threading.Event()

    def give(self, task: Task) -> None:
        """Send the task; messages are heard from now on."""
        threading.Thread(target=self._serve, args=(frame(task),), daemon=True).start()

    def _serve(self, task: bytes) -> None:
        """Post every message of the child, last of all that it is gone. Writing may wait, so a thread does it."""
        stdin, stdout = self._pipes()
        try:
            stdin.write(task)
            stdin.flush()
            self.given.set()
            while True:
                self.inbox.put(receive(stdout))
        except Garbled as fault:
            self.inbox.put(("gone", f"the solver's process sent {fault}"))
        except Exception:  # the pipe is closed, or what it held was no message
            self.inbox.put(("gone", self._ending()))

    def hear(self, ends: float) -> tuple[Any, ...]:
        """The next message; ("gone", why) as well when none comes before ``ends`` on the monotonic clock."""
        try:
            return self.inbox.get(timeout=max(ends - time.monotonic(), 0.0))
        except Empty:
            return ("gone", "the solver's process hung")

    def stop(self) -> bool:
        """Ask it to end with what it has; False where it cannot hear."""
        if not self.given.is_set():
            return False
        try:
            self._pipes()[0].write(b"s")
            self._pipes()[0].flush()
        except OSError:
            return False
        return True

    def end(self) -> None:
        """No process is left behind."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for pipe in self._pipes():
            with suppress(OSError):
                pipe.close()

    def _ending(self) -> str:
        try:
            code = self.process.wait(timeout=5.0)
        except subprocess.TimeoutExpired:
            return "the solver's process closed its pipe"
        return f"the solver's process ended {f'by signal {-code}' if code < 0 else f'with code {code}'}"

    def _pipes(self) -> tuple[BinaryIO, BinaryIO]:
        if self.process.stdin is None or self.process.stdout is None:
            raise RuntimeError("the child has no pipes")
        return cast(BinaryIO, self.process.stdin), cast(BinaryIO, self.process.stdout)


def command() -> list[str]:
    """How the child is started: nothing of the folder it is started in can take the place of a library."""
    return [sys.executable, "-P", "-m", "optimizer.running.child"]


def _opened(log: Path | None) -> IO[bytes]:
    """Where the child's standard error goes."""
    return Path(os.devnull).open("wb") if log is None else log.open("ab")
