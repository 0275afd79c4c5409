"""One run of ``nodewise plan``: the lock, the files around the plan, and what each ending means.

Paths -> lock -> settle what died -> read -> solve -> write a draft -> audit it -> input unchanged? -> publish.
Only the last step touches the published plan; every other ending leaves it as it was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import (
    AuditFailed,
    Finding,
    GapTooWide,
    InfeasibleCase,
    InputInvalid,
    NodewiseError,
    NoPlanInTime,
    UsageError,
    WriteFailed,
)
from .files import check_archive, check_unchanged, check_writable, file_digest
from .running.bundle import bundled
from .running.copying import copied
from .running.folder import Run, Runs
from .running.lock import locked
from .running.manifest import of_audit, of_case, of_plan, of_solver, reproducible
from .running.recording import recorded
from .running.release import publish_waiting, release
from .running.signals import Stop, Terminated, stoppable
from .running.solver import ChildSolver
from .settings import RECORDS

__all__ = ["Terminated"]

if TYPE_CHECKING:
    from datetime import datetime

    from models.outcome import Progress

    from .case import Case
    from .plan import Plan
    from .replay import Replay

KINDS = ("errors", "diagnosis", "review", "interim", "rejected", "pending")  # files a run may leave beside the plan


@dataclass(frozen=True)
class Request:
    """What the caller asked for."""

    source: Path
    out: Path
    orders: Path | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    strict: bool = False
    previous: Path | None = None  # the plan in force

    wait: float = 0.0  # seconds for another run to end
    break_lock: bool = False
    skip_if_same: bool = False
    memory_limit_mb: float | None = None
    read_copy: bool = False  # the workbook may be saved while the run goes on

    @property
    def runs(self) -> Runs:
        """The runs of this plan."""
        return Runs(self.out)

    def beside(self, kind: str) -> Path:
        """A file of this run, named after the plan: ``plan.xlsx`` -> ``plan.review.xlsx``."""
        return self.runs.beside(kind)

    def facts(self) -> dict[str, Any]:
        """What was asked for, without a folder, for the manifest: two runs asked the same have the same plan."""
        files = {"input": self.source, "orders": self.orders, "previous": self.previous}
        names = {name: path.name for name, path in files.items() if path is not None}
        digests = {f"{name}_sha256": file_digest(path) for name, path in files.items() if path is not None}
        given = {name: str(value) for name, value in self.settings.items() if name in RECORDS}
        return {**names, **digests, "settings": given, "strict": self.strict}


@dataclass(frozen=True)
class Result:
    """A plan on disk. With ``error`` set it was not published: ``path`` is then the review or interim file."""

    plan: Plan
    path: Path
    error: NodewiseError | None = None


@dataclass(frozen=True)
class Standing:
    """The published plan of an earlier run that was asked the same."""

    path: Path
    manifest: Mapping[str, Any]


def make_plan(request: Request, progress: Callable[[Progress], None] | None = None) -> Result | Standing:
    """Read, plan, write, audit and publish; with ``skip_if_same``, nothing where the same was asked of the last plan.

    Raises NodewiseError whenever there is no plan to show: UsageError, InputInvalid, InfeasibleCase, NoPlanInTime,
    SolverFailure, AuditFailed, WriteFailed, Busy, InputChanged, Interrupted ...
    """
    check_paths(request)
    runs = request.runs
    runs.prepare()
    with stoppable() as stop, locked(runs.path, request.out, request.wait, request.break_lock):
        asked = request.facts()
        same = runs.same(asked) if request.skip_if_same else None
        if same is not None:
            return Standing(request.out, same.manifest)
        run = runs.begin(asked)
        with bundled(run), recorded(run, stop), explained(request), solver_for(request, run) as solver:
            return _planned(request, run, solver, stop, progress)


def solver_for(request: Request, run: Run) -> AbstractContextManager[ChildSolver | None]:
    """The solver of a run: in a process of its own, which starts while the workbook is read."""
    return ChildSolver(run.path / "solver.log", request.memory_limit_mb)


def _planned(
    request: Request, run: Run, solver: ChildSolver | None, stop: Stop, progress: Callable[[Progress], None] | None
) -> Result:
    from .planning import stage

    tell = progress or (lambda _: None)
    tell(stage("reading"))
    case = _read(request, run)
    run.manifest |= of_case(case)
    try:
        return _solved(request, run, case, solver, stop, tell)
    except AuditFailed as fault:
        if solver is None or stop.heard:
            raise
        seed = (case.settings.seed + 1) % 2**31
        why = {"why": fault.message, "check": run.manifest.pop("check", None), "seed": seed, "presolve": "off"}
        run.manifest["retries"] = [why]
        case = replace(case, settings=case.settings.with_origin({"seed": (seed, "second try")}))
        solver.renew()
        return _solved(request, run, case, solver, stop, tell)


def _read(request: Request, run: Run) -> Case:
    """The case, from the workbook or from a copy of it."""
    rest = request.orders, request.settings, request.strict, request.previous
    if not request.read_copy:
        return read_case(request.source, *rest)
    with copied(request.source, run.path) as copy:
        case = read_case(copy, *rest)
    run.manifest["asked"]["input_sha256"] = case.source["sha256"]
    return replace(case, source={**case.source, "path": str(request.source.absolute()), "read_copy": True})


def _solved(
    request: Request, run: Run, case: Case, solver: ChildSolver | None, stop: Stop, tell: Callable[[Progress], None]
) -> Result:
    """Plan a case, and publish what was found or say why not."""
    from .planning import plan, stage

    try:
        made = plan(case, progress=tell, solver=solver)
    finally:
        run.manifest |= of_solver(solver) if solver is not None else {}
    if solver is not None:
        peak = max(made.facts["peak_memory_mb"], solver.facts.get("peak_memory_mb", 0.0))
        made = replace(made, facts={**made.facts, "peak_memory_mb": peak})
        if solver.troubles:  # when it failed is chance
            counts = {**made.outcome.counts, "reproducible": 0.0}
            made = replace(made, outcome=replace(made.outcome, counts=counts))
    run.manifest |= of_plan(made)
    tell(stage("writing"))
    return _publish(request, run, made, stop)


def publish_plan(out: Path, wait: float = 0.0) -> tuple[Run, bool]:
    """Publish the plan that waits for ``out`` to be free; a published one stays. Raises UsageError, WriteFailed, Busy.

    Returns the run that made the plan, and whether it was waiting.
    """
    from .writing.publish import check_target

    check_target(out)
    runs = Runs(out)
    if not runs.path.is_dir():
        raise UsageError(f"no plan waits to be published as {out}.", "Plan first.")
    with stoppable() as stop, locked(runs.path, out, wait):
        runs.settle()
        stop.too_late = True
        return publish_waiting(runs)


@contextmanager
def explained(request: Request) -> Iterator[None]:
    """Write what is wrong with the input beside the plan: its findings, or the smallest relief."""
    from .writing.workbook import write_diagnosis, write_findings

    try:
        yield
    except InputInvalid as error:
        _add_list(error, "All findings", write_findings, error.findings, request.beside("errors"))
        raise
    except InfeasibleCase as error:
        _add_list(error, "All of it", write_diagnosis, error, request.beside("diagnosis"))
        raise


def _add_list(error: NodewiseError, what: str, write: Callable[[Any, Path], Path], lines: Any, path: Path) -> None:
    """Write the lines of an error as a workbook, and say where; that it cannot be written takes nothing from it."""
    try:
        told = f"{what}: {write(lines, path)}"
    except NodewiseError as fault:
        told = f"({fault.message})"
    error.remedy = f"{error.remedy} {told}".strip()


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
    if faults and faults[0].code == "V-006":
        raise AuditFailed(f"{plan} was not made from this input ({source}).", findings)
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
        return "interim", stop.error(known)
    if made.case.settings.deterministic == "yes" and not reproducible(made):
        message = f"the search did not come to its own end ({made.stop_reason}), so another run may find another plan."
        return "interim", NoPlanInTime(message, "Raise --time-limit, or do without --deterministic.")
    accepted = made.case.settings.accept_gap
    if not made.searched_gap <= accepted:
        message = f"the gap is wider than the accepted {accepted:.2%}. {gap_words(made.searched_gap)}."
        return "review", GapTooWide(message, "Review it, raise --time-limit, or raise --accept-gap.")
    return "", None


def _publish(request: Request, run: Run, made: Plan, stop: Stop) -> Result:
    """Write a draft, audit what was written, and put it in its place."""
    from .writing.workbook import write

    kind, error = judge(made, stop)
    if not run.path.is_dir():
        raise WriteFailed(f"{run.path} is gone.", "Plan again, and leave the folder of records alone meanwhile.")
    write(made, run.draft)
    digest = file_digest(run.draft)
    try:
        check_archive(run.draft)
        _audited(request, run, made)
        check_unchanged(made.case)
        if file_digest(run.draft) != digest:
            raise WriteFailed(f"{run.draft} changed after it was written.", "See what else writes there; plan again.")
    except BaseException:
        run.draft.unlink(missing_ok=True)
        raise
    stop.too_late = True
    if not kind:
        release(run)
        return Result(made, request.out)
    target = _kept(request, run, kind)
    run.manifest["exit_code"] = 0 if error is None else error.exit_code
    return Result(made, target, error)


def _audited(request: Request, run: Run, made: Plan) -> None:
    """Raises AuditFailed when the written workbook does not agree with the case; it is then kept as ``rejected``."""
    from .audit import audit

    try:
        found = audit(run.draft, made.case, made.rates)
    except (OSError, InputInvalid) as fault:
        raise WriteFailed(f"{run.draft} does not read back ({fault}).", "Plan again.") from fault
    faults = [finding for finding in found if finding.severity == "error"]
    run.manifest["check"] = of_audit(found, made)
    if faults:
        rejected = _kept(request, run, "rejected")
        raise AuditFailed(f"the plan failed its audit ({len(faults)} faults).", faults, f"It is kept as {rejected}.")


def _kept(request: Request, run: Run, kind: str) -> Path:
    """Move the draft beside the published plan. Raises WriteFailed."""
    from .writing.publish import replace_whole

    target = request.beside(kind)
    try:
        replace_whole(run.draft, target)
    except OSError as fault:
        message = f"{target} could not be replaced ({fault.strerror or fault}); what stood there is unchanged."
        raise WriteFailed(message, f"Close {target.name} and plan again.") from fault
    run.manifest |= {"plan": kind, "output": {"path": target.name, "sha256": file_digest(target)}}
    return target


def check_paths(request: Request) -> None:
    """Refuse a target that cannot be meant, before any work is done. Raises UsageError or WriteFailed."""
    from .writing.publish import check_target

    inputs = [path for path in (request.source, request.orders, request.previous) if path is not None]
    for target in (request.out, *map(request.beside, KINDS)):
        check_target(target, inputs)
    if any(part.endswith(".runs") for part in request.out.resolve().parent.parts):
        raise UsageError(f"{request.out} would stand among the records of another plan.", "Choose another folder.")
    check_writable(request.out.parent)
