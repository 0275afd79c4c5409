"""The last steps of a plan that passed every check: keep the old one, say what is meant, replace, say what was done.

Archive -> manifest ``pending`` -> replace (the one step that changes the published plan) -> manifest ``published``. A
run that dies in between is settled by the next one: the hash of what stands there tells which side it died on.
"""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..errors import UsageError, WriteFailed
from ..files import file_digest
from .folder import WAITING, Run, Runs
from .lock import still_held
from .manifest import now

STALE = ("errors", "diagnosis", "review", "interim", "rejected")  # of earlier runs, answered by a published plan


def release(run: Run, **facts: Any) -> None:
    """Publish the draft of a run; ``facts`` go into its manifest. Raises WriteFailed (the plan then waits), Busy."""
    out, draft = run.runs.out, run.draft
    still_held(run.runs.path)
    digest = file_digest(draft)
    if not digest:
        raise WriteFailed(f"{draft} does not read back.", "Plan again.")
    output = {
        "path": out.name,
        "sha256": digest,
        "bytes": draft.stat().st_size,
        "previous_sha256": file_digest(out),
    }
    run.manifest |= {**facts, "plan": "pending", "output": output}
    try:
        output["archive"] = _archived(run.runs)
        run.record()
    except OSError as fault:
        raise _waits(run, fault) from fault
    commit(run, draft)


def commit(run: Run, draft: Path) -> None:
    """The replacement itself, and what follows from it. Raises WriteFailed."""
    from ..writing.publish import replace_whole

    out = run.runs.out
    try:
        replace_whole(draft, out)
    except OSError as fault:
        if file_digest(out) != run.output.get("sha256"):
            raise _waits(run, fault) from fault
    with suppress(OSError):  # the plan stands; a manifest that still says pending is settled by the next run
        run.record(plan="published", published_utc=now())
    for answered in (*map(run.runs.beside, (*STALE, WAITING)), run.runs.bundle):
        with suppress(OSError):
            answered.unlink(missing_ok=True)
    for other in run.runs.past():
        if other.state == "pending" and other.name != run.name:
            with suppress(OSError):
                other.record(plan="superseded")
                other.draft.unlink(missing_ok=True)


def publish_waiting(runs: Runs) -> tuple[Run, bool]:
    """Publish the plan that waits: its run, and True; where none does, the run of the plan that stands, and False.

    Raises UsageError, WriteFailed, Busy.
    """
    run = runs.pending()
    place = run.waiting if run is not None else None
    if run is None or place is None:
        standing = runs.standing()
        if standing is None:
            raise UsageError(f"no plan waits to be published as {runs.out}.", "Plan again.")
        return standing, False
    still_held(runs.path)
    try:
        output = {**run.output, "previous_sha256": file_digest(runs.out), "archive": _archived(runs)}
        run.record(output=output)
    except OSError as fault:
        raise _waits(run, fault) from fault
    commit(run, place)
    return run, True


def _waits(run: Run, fault: OSError) -> WriteFailed:
    """Leave the plan where a planner finds it, beside the one it could not replace; without a record it cannot wait."""
    out, place = run.runs.out, run.runs.beside(WAITING)
    message = f"H-001 {out} could not be replaced ({fault.strerror or fault}); what stood there is unchanged."
    try:
        run.record()
    except OSError:
        with suppress(OSError):
            run.draft.unlink(missing_ok=True)
        run.manifest["plan"] = "none"
        return WriteFailed(message, "No record of the plan can be written either: make room and plan again.")
    if run.draft.exists():
        try:
            run.draft.replace(place)
        except OSError:
            place = run.draft
    return WriteFailed(message, f'The plan is kept as {place}: close {out.name}, then run "nodewise publish {out}".')


def _archived(runs: Runs) -> str:
    """Keep a copy of the plan that stands there; its name in the archive, '' without one. Raises OSError."""
    if not runs.out.exists():
        return ""
    runs.archive.mkdir(exist_ok=True)
    day = datetime.fromtimestamp(runs.out.stat().st_mtime, UTC)
    kept = runs.archive / f"{runs.out.stem}.{day:%Y%m%dT%H%M%SZ}-{file_digest(runs.out)[:8]}.xlsx"
    if not kept.exists():
        draft = kept.with_name(f"{kept.name}.partial")
        try:
            shutil.copy2(runs.out, draft)
            with draft.open("rb+") as file:
                os.fsync(file.fileno())
            draft.replace(kept)
        except BaseException:
            draft.unlink(missing_ok=True)
            raise
    return kept.name
