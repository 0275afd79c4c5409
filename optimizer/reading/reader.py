"""The way from files to a case, on one screen."""

from __future__ import annotations

import os
from collections.abc import Mapping, Set
from pathlib import Path
from typing import Any

from ..case import TABLES, Case
from ..errors import Finding, InfeasibleCase, InputChanged, InputInvalid
from ..receipts import with_lead_times
from ..relief import told
from ..settings import Settings
from .archive import Archive, file_hash, inspect
from .big_sheet import read_big_sheet
from .build import empty, tables
from .checks import PROOFS, check_case, proved_relief
from .keys import Known, check_references, check_unique, names_of
from .lines import Lines, lines_of_table, no_lines, parse_lines
from .orders import orders_frame, settle
from .orders_file import read_orders_file
from .places import Places, named_rows
from .report import Fault, Report
from .settings_sheet import read_settings
from .sheets import SHEETS, columns
from .typed import Typed, typed
from .unusual import tell_unusual
from .workbook import Table, Workbook, missing_sheet

PathLike = str | os.PathLike[str]


def read_case(path: PathLike, orders: PathLike | None, overrides: Mapping[str, Any]) -> Case:
    """See :func:`optimizer.reading.read`."""
    source, orders_path = Path(path), None if orders is None else Path(orders)
    limit = Settings().with_values(**overrides).max_unpacked_mb
    archive = inspect(source, limit)
    report = Report()
    workbook = Workbook(archive, report)
    try:
        settings = read_settings(workbook, overrides, report)
        workbook.currency = settings.currency
        sheets = _sheets(workbook, report)
        lines = _lines(workbook, orders_path, limit, sheets, report)
    finally:
        workbook.close()
    _about_the_file(archive, report)
    case = _case(sheets, lines, settings, workbook.lost, report)
    case = with_lead_times(_checked(case, sheets, report))
    return _sourced(case, archive, orders_path)


def _sheets(workbook: Workbook, report: Report) -> dict[str, Typed]:
    """Every sheet but Orders, typed; those that are not there are empty."""
    out: dict[str, Typed] = {}
    for sheet in SHEETS:
        if sheet.name == "Orders":
            continue
        table = workbook.table(sheet.name)
        out[sheet.name] = typed(table, columns(sheet.name), report) if table else empty(sheet.name)
        if sheet.required and sheet.name not in workbook.parts:
            missing_sheet(workbook.archive, sheet.name, report)
        elif sheet.required and _without_rows(workbook, sheet.name, table):
            report.add(Fault("S-014", "has no data rows", "Fill the sheet."), workbook.parts[sheet.name].name)
        check_unique(out[sheet.name], report)
    return out


def _without_rows(workbook: Workbook, name: str, table: Table | None) -> bool:
    return not table.rows if table is not None else workbook.is_blank(name)


def _lines(workbook: Workbook, orders: Path | None, limit: float, sheets: Mapping[str, Typed], report: Report) -> Lines:
    """The order lines, from the file if there is one, else the Orders sheet; none when a Demand sheet stands in."""
    if orders is not None:
        raw = read_orders_file(orders, limit, report)
        return parse_lines(raw, report) if raw else no_lines()
    if "Orders" not in workbook.parts:
        if not sheets["Demand"].rows or "Orders" in workbook.lost:
            missing_sheet(workbook.archive, "Orders", report)
        return no_lines()
    if workbook.is_large("Orders"):
        raw = read_big_sheet(workbook, report)
        if raw is not None:
            return parse_lines(raw, report)
    table = workbook.table("Orders")
    if table is not None and table.rows:
        return lines_of_table(typed(table, columns("Orders"), report))
    if not sheets["Demand"].rows and _without_rows(workbook, "Orders", table):
        remedy = "Fill it, give --orders, or fill the sheet Demand."
        report.add(Fault("S-014", "has no data rows", remedy), workbook.parts["Orders"].name)
    return no_lines()


def _case(sheets: Mapping[str, Typed], lines: Lines, settings: Settings, lost: Set[str], report: Report) -> Case:
    known = names_of(sheets)
    if not known["Tiers"].names and "Tiers" not in lost:
        known["Tiers"] = Known("Tiers", ("A", "B", "C"))
    for table in sheets.values():
        check_references(table, known, report)
    settled, settings = settle(lines, known, sheets["Regions"], settings, report)
    tell_unusual(settled, settings, report)
    if settings.start is None and not report.failed:
        report.add(Fault("T-010", "the plan has no start: there are no orders to follow", "Set start."), "Settings")
    frames = tables(sheets, settings, report)
    frames["orders"] = orders_frame(settled)
    everything: dict[str, Any] = {name: frames[name] for name in TABLES}
    return Case(**everything, settings=settings, places=named_rows(sheets))


def _checked(case: Case, sheets: Mapping[str, Typed], report: Report) -> Case:
    """The case with its findings. Raises InputInvalid when one of them is an error, or InfeasibleCase when all errors
    are proofs that no plan exists."""
    from dataclasses import replace

    if not report.failed:
        for finding in check_case(case, Places(sheets)):
            report.keep(finding)
    findings = report.findings
    errors = [finding for finding in findings if finding.severity == "error"]
    if errors and all(finding.code in PROOFS for finding in errors):
        lacks = told(proved_relief(case), case.settings, case.places)
        raise InfeasibleCase(_summary(errors), lacks, "Correct the cells named.", findings)
    if errors:
        raise InputInvalid(_summary(errors), findings)
    return replace(case, findings=findings)


def _summary(errors: list[Finding]) -> str:
    more = f" ... and {len(errors) - 1:,} more errors." if len(errors) > 1 else ""
    return f"{errors[0]}{more}"


def _about_the_file(archive: Archive, report: Report) -> None:
    name = archive.path.name
    if archive.macros_or_links:
        report.add(Fault("F-016", "macros and links are ignored; values are those last saved", "", "warning"), name)
    if archive.manual_calculation:
        said = "the workbook is in manual calculation; formulas are used as last saved"
        report.add(Fault("D-012", said, "", "warning"), name)
    if archive.epoch_1904:
        report.add(Fault("T-002", "the workbook counts days from 1904; dates were read so", "", "warning"), name)


def _sourced(case: Case, archive: Archive, orders: Path | None) -> Case:
    """The case with its source. Raises InputChanged when a file is no longer what was read (F-014)."""
    from dataclasses import replace

    facts = os.stat(archive.path)
    if (facts.st_size, facts.st_mtime_ns) != archive.stamp or file_hash(archive.path) != archive.sha256:
        raise InputChanged(f"F-014 {archive.path.name} changed while it was read.", "Start again.")
    source: dict[str, Any] = {"path": str(archive.path.absolute()), "sha256": archive.sha256}
    source |= {"bytes": archive.stamp[0], "sheets": tuple(part.name for part in archive.sheets)}
    source |= {"epoch": 1904 if archive.epoch_1904 else 1900, "order_lines": len(case.orders)}
    if orders is not None:
        source |= {"orders_path": str(orders.absolute()), "orders_sha256": file_hash(orders)}
    return replace(case, source=source)
