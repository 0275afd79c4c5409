"""The auditor: does a written plan keep what it promises? Recomputed from the workbook and the input alone.

It shares no code with what decided or evaluated the plan. The only thing it takes from the way there is the demand
itself, because demand is what the plan is a promise about.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import Finding

if TYPE_CHECKING:
    from .auditing.reference import Rates
    from .case import Case


LISTED = 20  # findings about a plan that was made from another input


def audit(plan_path: str | Path, case: Case, rates: Rates | None = None) -> tuple[Finding, ...]:
    """Every broken promise of a written plan; empty when plan and input agree.

    ``case`` is the input, read with the plan's own overrides (see :func:`effective_settings`). ``rates`` is its demand,
    if it is known already; otherwise it is forecast anew. Each finding has a code (V-001 ...), the cell of the plan,
    the value written there and the value recomputed.

    Raises UsageError, InputInvalid or FileRefused when the plan is no workbook that may be opened.
    """
    from .auditing.check_run import check_findings, check_input, check_settings, with_overrides
    from .auditing.promises import check_promises
    from .auditing.report import Report
    from .auditing.workbook import read_plan

    report = Report()
    book = read_plan(plan_path)
    for name in book.missing_sheets:
        report.add("V-001", name, "", "the plan must have this sheet", "Plan again.")
    for sheet, column in book.missing_columns:
        report.add("V-002", sheet, "", f"the sheet must have the column {column}", "Plan again.")
    if book.missing_sheets:
        return report.findings()
    check_input(book.run, case, report)
    settings = with_overrides(case, book.settings, report)
    check_settings(book.settings, settings, report)
    check_findings(book, case, report)
    check_promises(book, replace(case, settings=settings), rates, report)
    return _in_short(report.findings())


def _in_short(found: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """All of it; where the input is not the plan's, that first, and only as many of the differences as make LISTED."""
    other = tuple(finding for finding in found if finding.code == "V-006")
    rest = tuple(finding for finding in found if finding.code != "V-006")
    room = LISTED - len(other) - 1
    if not other or len(rest) <= room:
        return other + rest
    more = f"{len(rest) - room:,} more differences are not listed: they come from the input"
    return (*other, *rest[:room], Finding("V-006", "error", "Run", "", more, "Verify with the input of the plan."))


def effective_settings(plan_path: str | Path) -> dict[str, Any]:
    """Settings that were given with ``--set`` when the plan was made: read the input with these to verify it."""
    from .auditing.check_run import effective_settings as overrides
    from .auditing.workbook import read_settings

    return overrides(read_settings(plan_path))
