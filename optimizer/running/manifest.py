"""The record of one run: what went in, what came out, how it ended. JSON, one file per run, written whole."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..console import plain

if TYPE_CHECKING:
    from ..case import Case
    from ..plan import Plan
    from .solver import ChildSolver

SCHEMA = 1
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
    from ..environment import versions

    return {
        "schema": SCHEMA,
        "run_id": run_id,
        "started_utc": now(),
        "ended_utc": None,
        "asked": dict(asked),
        "environment": {
            "versions": versions(),
            "platform": sys.platform,
            "cpus": os.cpu_count(),
            "host_hash": host_hash(),
            "hash_seed": os.environ.get("PYTHONHASHSEED", "random"),
        },
        "prev_manifest_sha256": chain,
        "stop_reason": "running",
        "plan": "none",
        "exit_code": None,
    }


def host_hash() -> str:
    """Tells computers apart without naming them."""
    import platform

    return hashlib.sha256(platform.node().encode()).hexdigest()[:12]


def of_case(case: Case) -> Manifest:
    """The input: files, settings with their origins, what was repaired and noticed."""
    settings = case.settings
    return {
        "input": {name: _named(name, value) for name, value in case.source.items()},
        "settings": {
            name: {"value": getattr(settings, name), "origin": origin} for name, origin in settings.origins.items()
        },
        "data_report": {
            "by_severity": Counter(finding.severity for finding in case.findings),
            "by_code": Counter(finding.code for finding in case.findings),
            "repairs": [f"{one.place}: {one.expectation}" for one in case.findings if one.severity == "repair"],
        },
    }


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
            "bound_is_relaxed": outcome.bound_is_relaxed,
            "seconds": dict(outcome.seconds),
            "counts": dict(outcome.counts),
            "seed": made.case.settings.seed,
            "threads": 1,
            "reproducible": outcome.status in ("gap_reached", "stalled"),
            "seconds_in_all": made.facts["seconds"],
            "peak_memory_mb": made.facts["peak_memory_mb"],
        },
    }


def of_solver(solver: ChildSolver) -> Manifest:
    """The solver's process: what was proved of it first, what befell it, the plans it told of."""
    return {
        "solver_process": {
            "canaries": list(solver.canaries),
            "troubles": list(solver.troubles),
            "incumbents": [dict(zip(("seconds", "cost", "bound"), one, strict=True)) for one in solver.incumbents],
        }
    }
