"""What ``--json`` says: one object per command, the same keys however the command ended."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from .console import counts
from .errors import Finding, NodewiseError
from .running.recording import stop_reason

if TYPE_CHECKING:
    from pathlib import Path

    from .case import Case
    from .job import Result, Standing
    from .replay import Replay


def failed(command: str, error: Exception) -> dict[str, Any]:
    """The answer of a command that ended in an error."""
    findings = tuple(getattr(error, "findings", ()))
    answer = _answer(command, findings, getattr(error, "exit_code", 1), str(error))
    answer["status"] = snake(type(error).__name__) if isinstance(error, NodewiseError) else "internal_error"
    if command == "plan":
        answer |= dict.fromkeys(("cost", "bound", "gap", "split_parcels", "seconds", "peak_memory_mb", "seed"))
        answer |= dict.fromkeys(("input_sha256", "plan"))
        answer |= {"stop_reason": stop_reason(error), "published": False}
        answer["relief"] = [asdict(line) for line in getattr(error, "relief", ())]
    return answer


def planned(result: Result) -> dict[str, Any]:
    """The answer of ``nodewise plan`` with a plan on disk."""
    plan, error = result.plan, result.error
    findings = (*plan.case.findings, *plan.assembly_findings)
    answer = _answer("plan", findings, error.exit_code if error else 0, str(error or ""))
    return answer | {
        "status": plan.status,
        "stop_reason": plan.stop_reason,
        "cost": plan.cost,
        "bound": plan.bound,
        "gap": plan.gap,
        "split_parcels": plan.facts.get("split_parcels"),
        "seconds": plan.facts["seconds"],
        "peak_memory_mb": plan.facts["peak_memory_mb"],
        "seed": plan.case.settings.seed,
        "input_sha256": plan.case.source.get("sha256"),
        "plan": result.path,
        "published": error is None,
        "relief": [],
    }


def standing(result: Standing) -> dict[str, Any]:
    """The answer of ``nodewise plan --skip-if-same`` where the published plan is the one that was asked for."""
    solver = result.manifest.get("solver", {})
    answer = _answer("plan", (), 0, "") | {"status": solver.get("status"), "stop_reason": "same_as_before"}
    answer |= {name: solver.get(of) for name, of in (("cost", "objective"), ("bound", "bound"), ("gap", "gap"))}
    asked = result.manifest.get("asked", {})
    return answer | {
        "seconds": 0.0,
        "peak_memory_mb": None,
        "split_parcels": None,
        "seed": solver.get("seed"),
        "input_sha256": asked.get("input_sha256"),
        "plan": result.path,
        "published": True,
        "relief": [],
    }


def released(plan: Path, run: str) -> dict[str, Any]:
    """The answer of ``nodewise publish``: the plan, and the run that made it."""
    return _answer("publish", (), 0, "") | {"status": "published", "plan": plan, "run": run}


def checked(case: Case) -> dict[str, Any]:
    """The answer of ``nodewise check`` on a workbook that can be planned."""
    sizes = {name: len(case.table(name)) for name in ("orders", "skus", "nodes", "regions", "lanes")}
    return _answer("check", case.findings, 0, "") | {"status": "valid", "rows": sizes}


def verified(findings: Iterable[Finding]) -> dict[str, Any]:
    """The answer of ``nodewise verify`` on a plan without faults."""
    return _answer("verify", tuple(findings), 0, "") | {"status": "verified"}


def replayed(result: Replay, out: Path | None) -> dict[str, Any]:
    """The answer of ``nodewise replay``: the figures of the summary by section and item, and the tiers."""
    answer = _answer("replay", (), 0, "") | {"status": "replayed", "since": result.since, "until": result.until}
    rows = result.summary.to_dict("records")
    sections = dict.fromkeys(row["section"] for row in rows)
    for section in sections:
        answer[section] = {
            row["item"]: {name: row[name] for name in ("replay", "plan", "sd")}
            for row in rows
            if row["section"] == section
        }
    return answer | {"tiers": result.tiers.to_dict("records"), "workbook": out}


def _answer(command: str, findings: tuple[Finding, ...], exit_code: int, message: str) -> dict[str, Any]:
    return {
        "command": command,
        "status": "",
        "exit_code": exit_code,
        "message": message,
        "findings": counts(findings),
        "details": [asdict(finding) for finding in findings],
    }


def snake(name: str) -> str:
    """A class name as a status.

    >>> snake("NoPlanInTime")
    'no_plan_in_time'
    """
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
