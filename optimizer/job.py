"""One run of ``nodewise plan``: the lock, the files around the plan, and what each ending means.

Paths -> lock -> read -> solve -> write beside the target -> audit what was written -> input unchanged? -> publish.
Only the last step touches the published plan; every other ending leaves it as it was.
"""

from __future__ import annotations

import signal
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import (
    AuditFailed,
    FileRefused,
    Finding,
    GapTooWide,
    InfeasibleCase,
    InputChanged,
    InputInvalid,
    Interrupted,
    NodewiseError,
    UsageError,
    WriteFailed,
)
from .files import file_digest, locked, replace_file, staged

if TYPE_CHECKING:
    from models.outcome import Progress

    from .case import Case
    from .plan import Plan

STALE = ("errors", "diagnosis", "review", "interim", "pending")  # files of earlier runs that a published plan replaces


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


def new_workbook(path: Path, *, blank: bool = False, force: bool = False) -> None:
    """Write the example workbook, or the blank template. Raises UsageError or WriteFailed."""
    if path.suffix.casefold() != ".xlsx":
        raise UsageError(f"{path}: a workbook ends in .xlsx.")
    if path.exists() and not force:
        raise UsageError(f"{path} is there already.", "Choose another name, or pass --force to overwrite it.")
    if not path.parent.is_dir():
        raise UsageError(f"the folder {path.parent} does not exist.", "Make it, or choose another path.")
    with staged(path) as draft:
        if blank:
            from .writing.template import write_template

            write_template(draft)
        else:
            from .example import write_example

            write_example(draft)
        replace_file(draft, path, path.with_name(f"{path.stem}.pending.xlsx"))


def verify_plan(plan: Path, source: Path, orders: Path | None = None) -> tuple[Finding, ...]:
    """Audit a written plan against its input, under the settings it was made with. Raises AuditFailed."""
    from .audit import audit

    findings = audit(plan, read_case(source, orders, overrides_of(plan)))
    faults = [finding for finding in findings if finding.severity == "error"]
    if faults:
        raise AuditFailed(f"{plan} does not agree with {source} ({len(faults)} faults).", findings)
    return findings


def overrides_of(plan: Path) -> dict[str, Any]:
    """Settings that were given with --set when a plan was made, from its Run sheet."""
    from zipfile import BadZipFile

    from openpyxl import load_workbook
    from openpyxl.utils.exceptions import InvalidFileException

    if not plan.is_file():
        raise UsageError(f"{plan}: file not found.")
    try:
        book = load_workbook(plan, read_only=True, data_only=True)
    except (OSError, ValueError, KeyError, BadZipFile, InvalidFileException) as fault:
        raise FileRefused(f"{plan} is not a plan workbook.", "Give the file that nodewise plan wrote.") from fault
    try:
        if "Run" not in book.sheetnames:
            raise UsageError(f"{plan} is not a plan: it has no sheet Run.")
        rows = [(*row, None, None, None)[:3] for row in book["Run"].iter_rows(values_only=True)]
        return {str(name): value for name, value, origin in rows if origin == "--set"}
    finally:
        book.close()


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
            replace_file(draft, rejected, request.beside("pending"))
            raise AuditFailed(
                f"the plan failed its audit ({len(faults)} faults).", faults, f"It is kept as {rejected}."
            )
        check_unchanged(made.case)
        replace_file(draft, target, request.beside("pending"))
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
