"""One run of ``nodewise plan``: the lock, the files around the plan, and what each ending means.

Paths -> lock -> read -> solve -> write beside the target -> audit what was written -> input unchanged? -> publish.
Only the last step touches the published plan; every other ending leaves it as it was.
"""

from __future__ import annotations

import hashlib
import os
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import (
    AuditFailed,
    Busy,
    GapTooWide,
    InfeasibleCase,
    InputChanged,
    InputInvalid,
    Interrupted,
    NodewiseError,
    UsageError,
    WriteFailed,
)

if TYPE_CHECKING:
    from models.outcome import Progress

    from .case import Case
    from .plan import Plan

STALE = ("errors", "diagnosis", "review", "interim", "pending")  # files of earlier runs that a published plan replaces
RETRIES = (0.5, 1.0, 2.0)  # seconds between attempts to replace a plan that is open in a spreadsheet


class Terminated(Interrupted):
    """Stopped by the system (SIGTERM)."""

    exit_code = 143


@dataclass(frozen=True)
class Request:
    """What the caller asked for."""

    source: Path
    out: Path
    orders: Path | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    strict: bool = False

    def beside(self, kind: str) -> Path:
        """A file of this run, named after the plan: ``plan.xlsx`` -> ``plan.review.xlsx``."""
        return self.out.with_name(f"{self.out.stem}.{kind}.xlsx")


@dataclass(frozen=True)
class Result:
    """A plan on disk. With ``error`` set it was not published: ``path`` is then the review or interim file."""

    plan: Plan
    path: Path
    error: NodewiseError | None = None


def make_plan(request: Request, progress: Callable[[Progress], None] | None = None) -> Result:
    """Read, plan, write, audit and publish.

    Raises NodewiseError whenever there is no plan to show: UsageError, InputInvalid, InfeasibleCase, NoPlanInTime,
    AuditFailed, WriteFailed, Busy, InputChanged, Interrupted ...
    """
    from .planning import plan

    check_paths(request)
    with stoppable() as stop, locked(request.out):
        case = _read(request)
        try:
            made = plan(case, progress=progress)
        except InfeasibleCase as error:
            raise _diagnosed(error, request) from error
        return _publish(request, made, stop)


def read_case(source: Path, orders: Path | None, settings: Mapping[str, Any], strict: bool = False) -> Case:
    """The case in a workbook. Raises InputInvalid, and with ``strict`` also when there are warnings."""
    from .reading import read

    case = read(source, orders=orders, settings=settings)
    warnings = [finding for finding in case.findings if finding.severity == "warning"]
    if strict and warnings:
        raise InputInvalid(f"{len(warnings)} warnings, and --strict allows none.", warnings)
    return case


def _read(request: Request) -> Case:
    from .writing.workbook import write_findings

    try:
        return read_case(request.source, request.orders, request.settings, request.strict)
    except InputInvalid as error:
        path = request.beside("errors")
        write_findings(error.findings, path)
        raise InputInvalid(error.message, error.findings, f"{error.remedy} All findings: {path}".strip()) from error


def _diagnosed(error: InfeasibleCase, request: Request) -> InfeasibleCase:
    from .writing.workbook import write_relief

    path = request.beside("diagnosis")
    write_relief(error.relief, path)
    return InfeasibleCase(error.message, error.relief, f"{error.remedy} All of it: {path}".strip())


def judge(made: Plan, stop: Stop) -> tuple[str, NodewiseError | None]:
    """Kind of file the plan belongs in ('' = the plan itself), and the error that says why it is not published."""
    if made.status == "interrupted":
        known = f"stopped; the best plan so far is at most {made.gap:.2%} above the best possible."
        return "interim", Terminated(known) if stop.terminated else Interrupted(known)
    accepted = made.case.settings.accept_gap
    if made.gap > accepted:
        message = f"the plan may be {made.gap:.2%} above the best possible; accepted are {accepted:.2%}."
        return "review", GapTooWide(message, "Review it, raise --time-limit, or raise --accept-gap.")
    return "", None


def _publish(request: Request, made: Plan, stop: Stop) -> Result:
    """Write beside the target, audit what was written, and put it in its place."""
    from .audit import audit
    from .writing.workbook import write

    kind, error = judge(made, stop)
    target = request.beside(kind) if kind else request.out
    with staged(request.out) as draft:
        write(made, draft)
        faults = [finding for finding in audit(draft, made.case) if finding.severity == "error"]
        if faults:
            rejected = request.beside("rejected")
            _replace(draft, rejected, request)
            raise AuditFailed(
                f"the plan failed its audit ({len(faults)} faults).", faults, f"It is kept as {rejected}."
            )
        check_unchanged(made.case)
        _replace(draft, target, request)
    if not kind:
        for old in STALE:
            request.beside(old).unlink(missing_ok=True)
    return Result(made, target, error)


def check_paths(request: Request) -> None:
    """Refuse a target that cannot be meant, before any work is done. Raises UsageError or WriteFailed."""
    out = request.out
    if out.suffix.casefold() != ".xlsx":
        raise UsageError(f"{out}: a plan is an Excel workbook.", "Name it .xlsx.")
    if out.is_symlink() or out.is_dir():
        raise UsageError(f"{out} is not a regular file.", "Give --out another name.")
    if not out.parent.is_dir():
        raise UsageError(f"the folder {out.parent} does not exist.", "Make it, or change --out.")
    if out.resolve() in {path.resolve() for path in (request.source, request.orders) if path is not None}:
        raise UsageError("--out must differ from the input.", "Give --out another name.")
    try:
        with tempfile.TemporaryFile(dir=out.parent):
            pass
    except OSError as fault:
        raise WriteFailed(f"cannot write in {out.parent}: {fault.strerror}.") from fault


def check_unchanged(case: Case) -> None:
    """Raises InputChanged when the workbook or the orders file is no longer the one that was read."""
    for name in ("", "orders_"):
        path, digest = case.source.get(f"{name}path"), case.source.get(f"{name}sha256")
        if path and digest and file_digest(Path(path)) != digest:
            raise InputChanged(f"{path} changed during the run.", "Start again.")


def file_digest(path: Path) -> str:
    """SHA-256 of a file; '' when it is gone."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""


@contextmanager
def staged(out: Path) -> Iterator[Path]:
    """A hidden name in the target's folder to write to; whatever is left there goes, also what a killed run left."""
    prefix = f".{out.stem}."
    for left in out.parent.glob(f"{prefix}*.draft.xlsx"):
        left.unlink(missing_ok=True)
    draft = out.with_name(f"{prefix}{os.getpid()}-{time.time_ns()}.draft.xlsx")
    try:
        yield draft
    finally:
        draft.unlink(missing_ok=True)


def _replace(draft: Path, target: Path, request: Request) -> None:
    """Put the draft in its place in one step. Raises WriteFailed; the plan is then kept as ``pending``."""
    for pause in (*RETRIES, None):
        try:
            os.replace(draft, target)
        except OSError as fault:
            if pause is None:
                pending = request.beside("pending")
                os.replace(draft, pending)
                message = f"{target} could not be replaced ({fault.strerror}); is it open?"
                raise WriteFailed(
                    message, f"The plan is kept as {pending}: close the old one and rename it."
                ) from fault
            time.sleep(pause)
        else:
            _sync_folder(target.parent)
            return


def _sync_folder(folder: Path) -> None:
    """Make the new name survive a power cut, where the system can."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


@contextmanager
def locked(out: Path) -> Iterator[None]:
    """Hold the plan's lock; the system frees it when the process ends in any way. Raises Busy."""
    from filelock import FileLock, Timeout

    lock = FileLock(out.with_name(f".{out.name}.lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout as fault:
        raise Busy(f"another run is making {out}.", "Try again when it has ended.") from fault
    try:
        yield
    finally:
        lock.release()


@dataclass
class Stop:
    """Which signal stopped the run."""

    terminated: bool = False


@contextmanager
def stoppable() -> Iterator[Stop]:
    """SIGTERM (CTRL_BREAK on Windows) stops a run as Ctrl-C does; either becomes Interrupted or Terminated."""
    stop = Stop()

    def hear(number: int, frame: object) -> None:
        stop.terminated = True
        raise KeyboardInterrupt

    names = ("SIGTERM", "SIGBREAK") if threading.current_thread() is threading.main_thread() else ()
    numbers = [getattr(signal, name) for name in names if hasattr(signal, name)]
    former = {number: signal.signal(number, hear) for number in numbers}
    try:
        yield stop
    except (KeyboardInterrupt, Interrupted) as fault:
        message = fault.message if isinstance(fault, Interrupted) else "stopped before a plan was found."
        raise (Terminated if stop.terminated else Interrupted)(message) from fault
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
