"""One run of ``nodewise plan``: the lock, the files around the plan, and what each ending means.

Paths -> lock -> read -> solve -> write as ``pending`` -> audit what was written -> input unchanged? -> publish.
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
    Finding,
    GapTooWide,
    InfeasibleCase,
    InputInvalid,
    Interrupted,
    NodewiseError,
    UsageError,
    WriteFailed,
)
from .files import check_unchanged, check_writable, locked

if TYPE_CHECKING:
    from datetime import datetime

    from models.outcome import Progress

    from .case import Case
    from .plan import Plan
    from .replay import Replay

STALE = ("errors", "diagnosis", "review", "interim")  # files of earlier runs that a published plan replaces


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
    previous: Path | None = None  # the plan in force

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
    from .planning import plan, stage

    tell = progress or (lambda _: None)
    check_paths(request)
    with stoppable() as stop, locked(request.out), explained(request):
        tell(stage("reading"))
        case = read_case(request.source, request.orders, request.settings, request.strict, request.previous)
        made = plan(case, progress=progress)
        tell(stage("writing"))
        return _publish(request, made, stop)


@contextmanager
def explained(request: Request) -> Iterator[None]:
    """Write what is wrong with the input beside the plan: its findings, or the smallest relief."""
    from .writing.workbook import write_findings, write_relief

    try:
        yield
    except InputInvalid as error:
        path = write_findings(error.findings, request.beside("errors"))
        error.remedy = f"{error.remedy} All findings: {path}".strip()
        raise
    except InfeasibleCase as error:
        path = request.beside("diagnosis")
        write_relief(error.relief, path) if error.relief else write_findings(error.findings, path)
        error.remedy = f"{error.remedy} All of it: {path}".strip()
        raise


def read_case(
    source: Path,
    orders: Path | None,
    settings: Mapping[str, Any],
    strict: bool = False,
    previous: Path | None = None,
) -> Case:
    """The case in a workbook. Raises InputInvalid, and with ``strict`` also when there are warnings."""
    from .reading import read

    case = read(source, orders=orders, settings=settings, previous=previous)
    warnings = [finding for finding in case.findings if finding.severity == "warning"]
    if strict and warnings:
        raise InputInvalid(f"{len(warnings)} warnings, and --strict allows none.", warnings)
    return case


def new_workbook(path: Path, *, blank: bool = False, force: bool = False) -> None:
    """Write the example workbook, or the blank template; one that is there already, unchanged, is left alone.

    Raises UsageError when another file stands there and ``force`` is not given, or when the path cannot be meant.
    """
    from .example import write_example
    from .writing.template import write_template

    if path.suffix.casefold() != ".xlsx":
        raise UsageError(f"{path}: a workbook ends in .xlsx.")
    if not path.parent.is_dir():
        raise UsageError(f"the folder {path.parent} does not exist.", "Make it, or choose another path.")
    write = write_template if blank else write_example
    if force or not path.exists():
        write(path)
    elif not _writes_the_same(write, path):
        raise UsageError(f"{path} is there already.", "Choose another name, or pass --force to overwrite it.")


def _writes_the_same(write: Callable[[Path], object], path: Path) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        draft = Path(folder) / path.name
        write(draft)
        return path.is_file() and draft.read_bytes() == path.read_bytes()


def verify_plan(
    plan: Path, source: Path, orders: Path | None = None, previous: Path | None = None
) -> tuple[Finding, ...]:
    """Audit a written plan against its input, under the settings it was made with. Raises AuditFailed.

    ``previous`` is the plan that was in force; without it, it is looked for where it stood when the plan was made.
    """
    from .audit import audit, effective_settings
    from .previous import named_in

    settings = effective_settings(plan)
    findings = audit(plan, read_case(source, orders, settings, previous=previous or named_in(plan)))
    faults = [finding for finding in findings if finding.severity == "error"]
    if faults:
        raise AuditFailed(f"{plan} does not agree with {source} ({len(faults)} faults).", findings)
    return findings


def replay_plan(
    plan: Path, source: Path, orders: Path, out: Path | None = None, *, since: datetime | None, until: datetime | None,
    **options: Any,
) -> Replay:  # fmt: skip
    """Replay a written plan on an orders file, under the settings it was made with; see :func:`optimizer.replay`."""
    from .planned import run_facts
    from .replay import replay
    from .writing.publish import check_target

    if out is not None:
        check_target(out, [plan, source, orders])
    settings, with_file = run_facts(plan)
    case = read_case(source, orders if with_file else None, settings)
    result = replay(plan, orders, case, since=since and since.date(), until=until and until.date(), **options)
    if out is not None:
        result.write(out)
    return result


def judge(made: Plan, stop: Stop) -> tuple[str, NodewiseError | None]:
    """Kind of file the plan belongs in ('' = the plan itself), and the error that says why it is not published."""
    from .tables.summary import gap_words

    if made.status == "interrupted":
        known = f"stopped with a plan. {gap_words(made.gap)}."
        return "interim", Terminated(known) if stop.terminated else Interrupted(known)
    accepted = made.case.settings.accept_gap
    if made.gap > accepted:
        message = f"the gap is wider than the accepted {accepted:.2%}. {gap_words(made.gap)}."
        return "review", GapTooWide(message, "Review it, raise --time-limit, or raise --accept-gap.")
    return "", None


def _publish(request: Request, made: Plan, stop: Stop) -> Result:
    """Write beside the target, audit what was written, and put it in its place."""
    from .writing.workbook import write

    kind, error = judge(made, stop)
    target = request.beside(kind) if kind else request.out
    pending = write(made, request.beside("pending"))
    try:
        _audited(request, made, pending)
        check_unchanged(made.case)
    except WriteFailed:
        raise
    except BaseException:
        pending.unlink(missing_ok=True)
        raise
    _move(pending, target)
    if not kind:
        for old in STALE:
            request.beside(old).unlink(missing_ok=True)
    return Result(made, target, error)


def _audited(request: Request, made: Plan, written: Path) -> None:
    """Raises AuditFailed when the written workbook does not agree with the case; it is then kept as ``rejected``."""
    from .audit import audit

    faults = [finding for finding in audit(written, made.case, made.rates) if finding.severity == "error"]
    if faults:
        rejected = request.beside("rejected")
        _move(written, rejected)
        raise AuditFailed(f"the plan failed its audit ({len(faults)} faults).", faults, f"It is kept as {rejected}.")


def _move(pending: Path, target: Path) -> None:
    from .writing.publish import replace_whole

    try:
        replace_whole(pending, target)
    except OSError as fault:
        message = f"{target} could not be replaced ({fault.strerror or fault}); what stood there is unchanged."
        raise WriteFailed(message, f"The plan is kept as {pending}: close {target.name} and rename it.") from fault


def check_paths(request: Request) -> None:
    """Refuse a target that cannot be meant, before any work is done. Raises UsageError or WriteFailed."""
    from .writing.publish import check_target

    inputs = (request.source, request.orders, request.previous)
    check_target(request.out, [path for path in inputs if path is not None])
    check_writable(request.out.parent)


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
        message = fault.message if isinstance(fault, Interrupted) else "stopped before the plan was published."
        raise (Terminated if stop.terminated else Interrupted)(message) from fault
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
