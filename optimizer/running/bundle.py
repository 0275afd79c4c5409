"""What a report of a failure needs, in one file beside the plan: the record of the run, its log, the rejected plan."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict

from ..errors import AuditFailed, NodewiseError, SolverFailure, WriteFailed
from .folder import Run


@contextmanager
def bundled(run: Run) -> Iterator[None]:
    """Leave ``plan.bundle.zip`` where the solver failed or its plan did not pass the check; the error names it."""
    try:
        yield
    except (AuditFailed, SolverFailure) as fault:
        with suppress(OSError, WriteFailed):
            _write(run, fault)
            fault.remedy = f"{fault.remedy} For a report: {run.runs.bundle} (it holds no input)".strip()
        raise


def _write(run: Run, fault: NodewiseError) -> None:
    from ..writing.publish import whole

    findings = [asdict(finding) for finding in getattr(fault, "findings", ())]
    said = {"error": type(fault).__name__, "message": fault.message, "findings": findings}
    files = [run.path / "manifest.json", run.path / "solver.log"]
    if run.state == "rejected":
        files.append(run.runs.beside("rejected"))
    with whole(run.runs.bundle) as draft, zipfile.ZipFile(draft, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("fault.json", json.dumps(said, indent=1, ensure_ascii=False))
        for path in files:
            if path.is_file():
                archive.write(path, path.name)
