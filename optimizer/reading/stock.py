"""Stock of a day from a file of its own: a workbook with a Stock sheet (or that sheet alone), or a CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import Finding, InputInvalid, UsageError
from .archive import MB, first_bytes, inspect, regular_file
from .headers import HEADER_ROWS, find_header
from .keys import Known
from .refusals import invalid, refused
from .report import Fault, Report
from .sheets import columns
from .typed import Typed, typed
from .workbook import Table, Workbook, missing_sheet

if TYPE_CHECKING:
    import pandas as pd

SHEET, APPROVALS = "Stock", "Approvals"
MOST_MB = 500.0


def read_stock(path: str | Path, skus: Iterable[str], nodes: Iterable[str]) -> tuple[pd.DataFrame, tuple[Finding, ...]]:
    """Rows of sku, node, on_hand, on_order, expires, and what was noticed.

    ``skus`` and ``nodes`` are those of the plan. A SKU that is not among them, and is like none of them, stays; a node
    must be one of them. Raises UsageError, FileRefused, or InputInvalid with every finding.
    """
    path = Path(path)
    regular_file(path)
    report = Report()
    workbook = first_bytes(path, 4).startswith((b"PK", b"\xd0\xcf"))
    table = _from_workbook(path, report) if workbook else _from_text(path, report)
    frame = None
    if table is not None:
        found = typed(table, columns(SHEET), report)
        _check_names(found, Known("the plan", skus), Known("the plan", nodes), report)
        frame = _frame(found)
    findings = report.findings
    errors = [finding for finding in findings if finding.severity == "error"]
    if errors:
        more = f" ... and {len(errors) - 1:,} more errors." if len(errors) > 1 else ""
        raise InputInvalid(f"{errors[0]}{more}", findings)
    if frame is None or frame.empty:
        raise UsageError(f"{path} holds no stock.", "Name a file with the columns of the sheet Stock.")
    return frame, findings


def read_approvals(path: str | Path) -> pd.DataFrame | None:
    """The sheet Approvals of the same file: measure, threshold, owner; None without one. Raises as read_stock."""
    import pandas as pd

    path, report = Path(path), Report()
    if not first_bytes(path, 2).startswith(b"PK"):
        return None
    book = Workbook(inspect(path, MOST_MB), report)
    try:
        table = book.table(APPROVALS) if APPROVALS in book.parts else None
    finally:
        book.close()
    rules = None if table is None else typed(table, columns(APPROVALS), report)
    errors = [finding for finding in report.findings if finding.severity == "error"]
    if errors:
        raise InputInvalid(str(errors[0]), report.findings)
    return (
        None
        if rules is None
        else pd.DataFrame({column.name: rules.column(column.name) for column in columns(APPROVALS)})
    )


def _from_workbook(path: Path, report: Report) -> Table | None:
    archive = inspect(path, MOST_MB)
    book = Workbook(archive, report)
    try:
        if SHEET not in book.parts and len(archive.sheets) == 1:
            book.parts[SHEET] = archive.sheets[0]
        if SHEET not in book.parts:
            missing_sheet(archive, SHEET, report)
        return book.table(SHEET)
    finally:
        book.close()


@dataclass(frozen=True)
class _TextCell:
    """A field of a text file, as a cell."""

    value: Any
    data_type: str = "s"
    number_format: str = "General"


def _from_text(path: Path, report: Report) -> Table | None:
    rows = list(csv.reader(io.StringIO(text := _text(path)), delimiter=max(",;\t|", key=text.partition("\n")[0].count)))
    header = find_header(path.name, rows[:HEADER_ROWS], columns(SHEET), report, strict=False)
    if header is None:
        return None
    table = Table(SHEET, path.name, header.letters, cells={name: [] for name in header.index})
    numbers = {column.name for column in columns(SHEET) if column.kind == "number"}
    for number, row in enumerate(rows[header.row :], start=header.row + 1):
        if any(field.strip() for field in row):
            table.rows.append(number)
            for name, at in header.index.items():
                table.cells[name].append(_field(row, at, name in numbers))
    return table


def _field(row: Sequence[str], at: int, number: bool) -> _TextCell | None:
    """A field as a cell; a plain number in a column of numbers is one, as text is all that a text file has."""
    text = row[at].strip() if at < len(row) else ""
    if not text:
        return None
    plain = number and text.replace(".", "", 1).removeprefix("-").isdecimal()
    return _TextCell(float(text), "n") if plain else _TextCell(text)


def _text(path: Path) -> str:
    if path.stat().st_size > MOST_MB * MB:
        raise refused("F-008", path, f"is over {MOST_MB:,.0f} MB", "Name a file of stock.")
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise invalid("F-021", path, "is not UTF-8", "Save As > CSV UTF-8.") from None
    if "\x00" in text:
        raise invalid("F-021", path, "is not UTF-8 text", "Save As > CSV UTF-8.")
    return text


def _check_names(table: Typed, skus: Known, nodes: Known, report: Report) -> None:
    """Nodes must be the plan's; a SKU may be none of it, unless it looks like a misspelt one."""
    for column, known in (("sku", skus), ("node", nodes)):
        for position, name in enumerate(table.column(column)):
            if name is None or name in known:
                continue
            fault = known.fault(name)
            if column == "sku" and fault.code == "B-001":
                fault = Fault("B-001", "not in the plan: it is taken for stranded", "", "note")
            report.cell(fault, table.label, table.letters[column], table.rows[position], name)


def _frame(table: Typed) -> pd.DataFrame:
    import pandas as pd

    out = pd.DataFrame({name: table.column(name) for name in ("sku", "node")}, dtype=object)
    for name in ("on_hand", "on_order"):
        out[name] = pd.Series(table.column(name), dtype="float64").fillna(0.0)
    out["expires"] = pd.to_datetime(pd.Series(table.column("expires"), dtype=object)).astype("datetime64[s]")
    return out
