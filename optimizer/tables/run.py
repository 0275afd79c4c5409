"""The sheets Findings and Run: what was noticed, and everything needed to tell one run from another."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd

from ..errors import Finding, worst_first
from ..relief import relief_line, where_to_change
from .approvals import on_run
from .basis import PlanBasis
from .columns import DIAGNOSIS, FINDINGS, RUN, frame

STOP_REASONS = {
    "gap_reached": "proved_gap",
    "stalled": "no_better_plan_found",
    "time_limit": "time_limit",
    "interrupted": "interrupted",
    "crashed": "crashed",
    "memory": "memory",
}
OF_THE_RUN = ("seconds", "peak_memory_mb")  # no two runs share them
FIGURES = ("seconds", "peak_memory_mb", "seed", "input_sha256")  # in this order, whatever the facts hold besides


def findings(found: Iterable[Finding]) -> pd.DataFrame:
    """The Findings sheet, worst first."""
    ordered = worst_first(found)
    return frame(FINDINGS, {column.name: [getattr(one, column.name) for one in ordered] for column in FINDINGS})


def diagnosis(relief: Iterable[Any]) -> pd.DataFrame:
    """The Diagnosis sheet of an infeasible case: `models.outcome.Relief` lines in the order given, largest first."""
    lines = tuple(relief)
    told: dict[str, list[Any]] = {
        name: [getattr(line, name) for line in lines] for name in ("limit", "where", "period", "amount", "unit")
    }
    told["change"] = [where_to_change(line) for line in lines]
    told["in_words"] = [relief_line(line) for line in lines]
    return frame(DIAGNOSIS, told)


def run(basis: PlanBasis) -> pd.DataFrame:
    """The Run sheet: name, value, origin. The gap reached has no origin; the gap asked for, a setting, has one."""
    lines = [*_result(basis), *_settings(basis), *_facts(basis)]
    return frame(RUN, {"name": [x[0] for x in lines], "value": [x[1] for x in lines], "origin": [x[2] for x in lines]})


Line = tuple[str, Any, str]


def stop_reason(basis: PlanBasis) -> str:
    """Why the search ended: proved_gap, no_better_plan_found, time_limit, interrupted, crashed or memory."""
    return STOP_REASONS.get(basis.status, basis.status)


def timeless(basis: PlanBasis) -> bool:
    """The workbook says nothing that another run of the same would say otherwise: no times, no memory, no folders."""
    return basis.case.settings.deterministic == "yes"


def _result(basis: PlanBasis) -> Iterator[Line]:
    known = {"seed": basis.case.settings.seed, "input_sha256": basis.case.source.get("sha256"), **basis.facts}
    seconds = basis.outcome.seconds
    known.setdefault("seconds", sum(seconds.values()) if seconds else None)
    if timeless(basis):
        known |= dict.fromkeys(OF_THE_RUN)
    yield "status", basis.status, ""
    yield "stop_reason", stop_reason(basis), ""
    yield "cost", basis.cost, ""
    yield "bound", basis.bound, ""
    yield "gap", basis.gap, ""
    yield "bound_is_relaxed", plain(basis.outcome.bound_is_relaxed), ""
    for name in FIGURES:
        yield name, plain(known.get(name)), basis.case.settings.origins.get(name, "")


def _settings(basis: PlanBasis) -> Iterator[Line]:
    settings = basis.case.settings
    for entry in fields(settings):
        if entry.name not in ("origins", "seed"):
            yield entry.name, plain(getattr(settings, entry.name)), settings.origins.get(entry.name, "default")


def _facts(basis: PlanBasis) -> Iterator[Line]:
    """What else is known: input, versions, seconds by stage, counts of the search, who must approve what."""
    source = {f"input_{name}": value for name, value in basis.case.source.items() if name not in ("sha256", "sheets")}
    if timeless(basis):
        source = {name: Path(value).name if name.endswith("_path") else value for name, value in source.items()}
        source.pop("input_read_copy", None)
    rest = {name: value for name, value in basis.facts.items() if name not in FIGURES}
    seconds = {} if timeless(basis) else basis.outcome.seconds
    stages = {f"seconds_{name}": value for name, value in seconds.items()}
    rules = dict(on_run(basis.case.approvals))
    for group in (source, rest, stages, basis.outcome.counts, rules):
        for name, value in flat(group):
            yield name, value, ""


def flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Nested mappings as dotted names.

    >>> list(flat({"versions": {"numpy": "2.4"}, "threads": 1}))
    [('versions.numpy', '2.4'), ('threads', 1)]
    """
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", plain(value)


def plain(value: Any) -> Any:
    """A value as a cell shows it: numbers, text and dates; lists joined; nothing for None."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if hasattr(value, "item"):
        return value.item()
    if value is None or isinstance(value, (int, float, str, date)):
        return value
    if isinstance(value, Path):
        return str(value)
    return ", ".join(map(str, value)) if isinstance(value, Iterable) else str(value)
