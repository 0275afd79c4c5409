"""The record of one run: what went in, what came out, how it ended. JSON, one file per run, written whole."""

from __future__ import annotations

import hashlib
import json
import locale
import os
import platform
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from pyexpat import EXPAT_VERSION
from typing import TYPE_CHECKING, Any

from ..case import TABLES
from ..console import plain

if TYPE_CHECKING:
    from ..case import Case
    from ..errors import Finding
    from ..plan import Plan
    from .solver import ChildSolver

SCHEMA = 2
NAME = "manifest.json"
Manifest = dict[str, Any]


def now() -> str:
    """The time in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def write_manifest(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Put a manifest in the folder of its run, whole and durable. Raises OSError."""
    text = json.dumps(plain(manifest), indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False)
    draft = folder / f"{NAME}.partial"
    try:
        with draft.open("w", encoding="utf-8") as file:
            file.write(text + "\n")
            file.flush()
            os.fsync(file.fileno())
        draft.replace(folder / NAME)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a run; {} when there is none that can be read."""
    try:
        found = json.loads((folder / NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def manifest_digest(folder: Path) -> str:
    """SHA-256 of a run's manifest, for the next run to name; '' without one."""
    try:
        return hashlib.sha256((folder / NAME).read_bytes()).hexdigest()
    except OSError:
        return ""


def begun(run_id: str, asked: Mapping[str, Any], chain: str) -> Manifest:
    """What is known before anything was read."""
    from .. import __version__
    from ..environment import git_commit

    return {
        "schema": SCHEMA,
        "run_id": run_id,
        "tool_version": __version__,
        "git_commit": git_commit(),
        "started_utc": now(),
        "ended_utc": None,
        "asked": dict(asked),
        "environment": environment(),
        "prev_manifest_sha256": chain,
        "stop_reason": "running",
        "plan": "none",
        "exit_code": None,
    }


def environment() -> Manifest:
    """The computer and the libraries that a plan is made with."""
    from ..environment import versions

    return {
        "versions": versions(),
        "parsers": {"expat": EXPAT_VERSION, "defusedxml": version("defusedxml"), "fastexcel": version("fastexcel")},
        "platform": sys.platform,
        "system": f"{platform.system()} {platform.release()}",
        "machine": platform.machine(),
        "cpus": os.cpu_count(),
        "host_hash": host_hash(),
        "hash_seed": os.environ.get("PYTHONHASHSEED", "random"),
        "numbers": locale.setlocale(locale.LC_NUMERIC, None),
    }


def host_hash() -> str:
    """Tells computers apart without naming them."""
    return hashlib.sha256(platform.node().encode()).hexdigest()[:12]


def of_case(case: Case) -> Manifest:
    """The input: files, settings with their origins, what was repaired and noticed."""
    settings = case.settings
    source = {name: _named(name, value) for name, value in case.source.items()}
    return {
        "run_date": settings.start,
        "input": {**source, "rows": {name: len(case.table(name)) for name in TABLES}, "data_sha256": data_digest(case)},
        "settings": {
            name: {"value": getattr(settings, name), "origin": origin} for name, origin in settings.origins.items()
        },
        "data_report": {
            "by_severity": Counter(finding.severity for finding in case.findings),
            "by_code": Counter(finding.code for finding in case.findings),
            "repairs": [f"{one.place}: {one.expectation}" for one in case.findings if one.severity == "repair"],
        },
    }


def data_digest(case: Case) -> str:
    """SHA-256 of the tables as they were read: the same for a workbook that was merely saved again."""
    import numpy as np
    import pandas as pd

    whole = hashlib.sha256()
    for name in TABLES:
        table = case.table(name)
        whole.update(f"{name}{list(table.columns)}{len(table)}".encode())
        whole.update(np.ascontiguousarray(pd.util.hash_pandas_object(table, index=False).to_numpy(), "<u8").tobytes())
    return whole.hexdigest()


def _named(name: str, value: Any) -> Any:
    """A path by its last part alone: folders may hold names of people."""
    return Path(value).name if name.endswith("path") and value else value


def of_plan(made: Plan) -> Manifest:
    """The search: how it ended, certificate, time and size."""
    outcome = made.outcome
    return {
        "stop_reason": made.stop_reason,
        "solver": {
            "status": outcome.status,
            "objective": outcome.objective,
            "bound": outcome.bound,
            "gap": outcome.gap,
            "gap_abs": outcome.objective - outcome.bound,
            "bound_is_relaxed": outcome.bound_is_relaxed,
            "seconds": dict(outcome.seconds),
            "counts": dict(outcome.counts),
            "seed": made.case.settings.seed,
            "threads": 1,
            "reproducible": reproducible(made),
            "seconds_in_all": made.facts["seconds"],
            "peak_memory_mb": made.facts["peak_memory_mb"],
        },
        "diff": difference(made),
    }


def difference(made: Plan) -> Manifest | None:
    """The plan against the placement in force; None where that is not known. Units and money of all that differs."""
    if made.instance.in_force is None:
        return None
    table = made.changes
    of = {kind: int((table["change"] == kind).sum()) for kind in ("new", "gone", "changed")}
    return {**of, "units": float(table["quantity"].abs().sum()), "money": float(table["value"].sum())}


def reproducible(made: Plan) -> bool:
    """Nothing but the work done ended the search, and what came after it: the same input has the same plan again."""
    settings, outcome = made.case.settings, made.outcome
    ended = outcome.status in ("gap_reached", "stalled") and outcome.counts.get("reproducible", 1.0) > 0
    in_time = settings.deterministic == "yes" or made.facts["seconds"] <= settings.time_limit
    return ended and in_time


def of_audit(found: Iterable[Finding], made: Plan) -> Manifest:
    """The check of the written workbook: rules, tolerances, what they found, and the rows that were read back."""
    from ..auditing.codes import CODES
    from ..auditing.report import ABSOLUTE, RELATIVE

    faults = [finding for finding in found if finding.severity == "error"]
    return {
        "faults": len(faults),
        "codes": sorted({finding.code for finding in faults}),
        "by_code": Counter(finding.code for finding in found),
        "rules": len(CODES),
        "tolerance": {"relative": RELATIVE, "absolute": ABSOLUTE},
        "rows": {name: len(table) for name, table in made.tables().items() if name != "Summary"},
    }


def of_solver(solver: ChildSolver) -> Manifest:
    """The solver's process: the program it was given, what was proved of it first, what befell it, the plans it told
    of."""
    return {
        **solver.program,
        "solver_process": {
            "canaries": list(solver.canaries),
            "troubles": list(solver.troubles),
            "incumbents": [dict(zip(("seconds", "cost", "bound"), one, strict=True)) for one in solver.incumbents],
        },
    }
