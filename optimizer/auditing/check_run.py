"""Run and Summary: settings, certificate and money across the sheets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from optimizer.errors import UsageError
from optimizer.settings import RECORDS, Settings, parse_setting, used_in_reading

from .facts import Floats
from .report import Report
from .workbook import Line, PlanBook

if TYPE_CHECKING:
    from optimizer.case import Case

OVERRIDDEN = "--set"
CENT = 0.01
UNCHECKED = (
    "seed",
    "time_limit",
    "deterministic",
    "max_unpacked_mb",
)  # say how a run was done, not what the plan promises


def effective_settings(lines: Mapping[str, Line]) -> dict[str, Any]:
    """Settings that were given with ``--set``, by name, as the Run sheet has them."""
    return {name: line.value for name, line in lines.items() if name in RECORDS and line.origin == OVERRIDDEN}


def with_overrides(case: Case, lines: Mapping[str, Line], report: Report) -> Settings:
    """The settings the plan was made with. Overrides that change what is read must have been used in reading."""
    given: dict[str, Any] = {}
    for name, value in effective_settings(lines).items():
        try:
            given[name] = parse_setting(RECORDS[name], _plain(value))
        except UsageError as fault:
            report.add("V-007", lines[name].place, value, str(fault), "Plan again.")
            continue
        if used_in_reading(name) and name not in UNCHECKED and given[name] != getattr(case.settings, name):
            what = f"the input was read with {name} = {getattr(case.settings, name)}"
            report.add("V-007", lines[name].place, value, what, "Read the input with the plan's own settings.")
    return case.settings.with_values(**given)


def check_settings(lines: Mapping[str, Line], settings: Settings, report: Report) -> None:
    """Every setting on the Run sheet is the effective one."""
    for name, record in RECORDS.items():
        if name in UNCHECKED:
            continue
        if name not in lines:
            report.add("V-007", "Run", "", f"there must be a row for the setting {name}")
            continue
        try:
            written = parse_setting(record, _plain(lines[name].value))
        except UsageError as fault:
            report.add("V-007", lines[name].place, lines[name].value, str(fault))
            continue
        own = getattr(settings, name)
        if written != own:
            report.add(
                "V-007", lines[name].place, written, f"{name} must be {own}", "The input or its settings changed."
            )


def _plain(value: Any) -> Any:
    return value.date() if isinstance(value, datetime) else value


def check_input(run: Mapping[str, Line], case: Case, report: Report) -> None:
    """The plan was made from this very input."""
    for name in ("sha256", "orders_sha256", "previous_sha256"):
        own = case.source.get(name)
        line = run.get(f"input_{name}", Line(None, "", "Run"))
        if name == "previous_sha256" and line.value and not own:
            what = "the plan in force was another: give it with --previous"
            report.add("V-006", line.place, line.value, what, "Name the plan it was made from.")
        if own and str(line.value or "") != str(own):
            what = f"the input is not the one the plan was made from: its {name} is {own}"
            report.add("V-006", line.place, line.value, what, "Name the plan's own input, or plan again.")


def check_findings(book: PlanBook, case: Case, report: Report) -> None:
    """Every finding of the input is told in the plan, so that nobody takes a repaired cell for a right one."""
    table = book.tables["Findings"]
    told = Counter(zip(table.texts("code"), table.texts("place"), strict=True))
    for (code, place), count in Counter((one.code, one.place) for one in case.findings).items():
        if told[code, place] < count:
            report.add("V-090", "Findings", told[code, place], f"{code} at {place} must stand there {count} times")


@dataclass(frozen=True)
class Money:
    """Recomputed money over the horizon; terms by period."""

    terms: dict[str, Floats]  # SKU terms, then "nodes: fixed" ..., then penalties; each (T,)

    @property
    def total(self) -> float:
        """Cost of the plan."""
        return float(sum(term.sum() for term in self.terms.values()))


def agrees(written: float | None, own: float) -> bool:
    """Equal to a cent or one in a million."""
    return written is not None and abs(written - own) <= max(CENT, 1e-6 * abs(own))


def number(value: Any) -> float | None:
    """A cell as a number, None when it is none."""
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def check_certificate(run: Mapping[str, Line], money: Money, report: Report) -> None:
    """The cost is the recomputed one; the bound is not above it; the gap is (cost - bound) / cost."""
    nothing = Line(None, "", "Run")
    cost, bound, gap = (number(run.get(name, nothing).value) for name in ("cost", "bound", "gap"))
    place = {name: run.get(name, nothing).place for name in ("cost", "bound", "gap")}
    if not agrees(cost, money.total):
        report.add("V-070", place["cost"], cost, f"the recomputed cost is {money.total:,.10g}")
    if cost is None or bound is None:
        report.add(
            "V-071", place["bound"], bound, "no bound stands there: the plan has no certificate", severity="warning"
        )
        return
    if bound > cost + max(CENT, 1e-6 * abs(cost)):
        report.add("V-071", place["bound"], bound, f"a bound may not be above the cost, {cost:,.10g}")
    own = max(0.0, cost - bound) / max(abs(cost), 1e-9)
    if gap is None or abs(gap - own) > 1e-9 + 1e-6 * own:
        report.add("V-072", place["gap"], gap, f"(cost - bound) / cost is {own:.10g}")


def check_sums(book: PlanBook, run: Mapping[str, Line], report: Report) -> None:
    """The costs of the Nodes sheet and the penalties of the Limits sheet make the plan's cost; rows make node sums."""
    cost = number(run["cost"].value) if "cost" in run else None
    nodes, limits, placement = (book.tables[name] for name in ("Nodes", "Limits", "Placement"))
    total = float(np.nansum(nodes.numbers("cost")) + np.nansum(limits.numbers("penalty")))
    if cost is not None and not agrees(cost, total):
        report.add("V-073", run["cost"].place, cost, f"Nodes!cost and Limits!penalty add up to {total:,.10g}")
    for column in ("value", "volume_m3"):
        rows = float(np.nansum(placement.numbers(column)))
        names = [f"{name}_used_m3" for name in ("ambient", "chilled", "frozen")] if column == "volume_m3" else [column]
        sheet = float(sum(np.nansum(nodes.numbers(name)) for name in names))
        if not agrees(sheet, rows):
            report.add("V-073", "Nodes", sheet, f"Placement!{column} adds up to {rows:,.10g}")


def check_summary(book: PlanBook, labels: Iterable[str], money: Money, run: Mapping[str, Line], report: Report) -> None:
    """The key figures and the cost by term of the Summary sheet."""
    rows = [(row, [cell for cell in cells if cell is not None]) for row, cells in enumerate(book.summary, start=1)]
    named = {str(cells[0]): (row, cells) for row, cells in reversed(rows) if cells}
    for label, name in (("cost of the plan", "cost"), ("bound", "bound"), ("gap", "gap")):
        row, cells = named.get(label, (0, []))
        own = number(run[name].value) if name in run else None
        value = number(cells[1]) if len(cells) > 1 else None
        if own is not None and (value is None or abs(value - own) > 1e-6 * max(1.0, abs(own))):
            report.add("V-074", f"Summary!A{row or 1}", value, f"{label} must be {own:,.10g}, as on the Run sheet")
    _check_terms(rows, tuple(labels), money, report)


def _check_terms(rows: list[tuple[int, list[Any]]], labels: tuple[str, ...], money: Money, report: Report) -> None:
    """Every term of the block "Cost by term", period by period; a term without cost may be left out."""
    start = next((at for at, (_, cells) in enumerate(rows) if cells and str(cells[0]) == "Cost by term"), None)
    if start is None:
        report.add("V-074", "Summary", "", "there must be a block Cost by term")
        return
    own = {**money.terms, "total": sum(money.terms.values(), np.zeros(len(labels)))}
    seen: set[str] = set()
    for row, cells in rows[start + 1 :]:
        if not cells or str(cells[0]) not in {*own, "term"}:
            if seen:
                break
            continue
        term = str(cells[0])
        if term == "term":
            continue
        seen.add(term)
        expected = [*own[term], float(own[term].sum())]
        for column, (value, right) in enumerate(zip(cells[1:], expected, strict=False)):
            if not agrees(number(value), float(right)):
                what = (*labels, "the plan")[column]
                report.add("V-075", f"Summary!A{row}", value, f"{term} of {what} must be {float(right):,.10g}")
    for term in own:
        if term not in seen and abs(float(own[term].sum())) > CENT:
            report.add("V-075", "Summary", "", f"the term {term} must be {float(own[term].sum()):,.10g}")
