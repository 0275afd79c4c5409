"""The plan workbook: one sheet per table, read back before it takes the place of the last one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time
from math import ceil
from pathlib import Path

import pandas as pd
from xlsxwriter import Workbook
from xlsxwriter.exceptions import XlsxWriterException
from xlsxwriter.format import Format

from ..errors import Finding, InfeasibleCase, WriteFailed
from ..plan import Plan
from ..tables.columns import DIAGNOSIS, FINDINGS, KINDS, SHEETS, PlanColumn
from ..tables.run import diagnosis, findings
from . import summary
from .highlight import highlight
from .publish import check_target, whole
from .readback import check_book
from .sheet import TableSheet, cell_text

ROWS_PER_SHEET = 1_048_575  # below the header
OPTIONS = {
    "strings_to_formulas": False,
    "strings_to_urls": False,
    "strings_to_numbers": False,
    "nan_inf_to_errors": False,
    "default_date_format": KINDS["date"],
}
TEXT_LOOK = {"align": "left", "indent": 1}
LOOKS = {"text": TEXT_LOOK, "any": TEXT_LOOK, "prose": {**TEXT_LOOK, "text_wrap": True}}
WIDE = 220.0  # characters; a wider sheet is printed on several pages side by side
HEADER = {
    **TEXT_LOOK, "bold": True, "font_color": "#FFFFFF", "bg_color": "#1F3A4D", "valign": "vcenter", "border": 1,
    "border_color": "#FFFFFF",
}  # fmt: skip


@dataclass(frozen=True)
class Page:
    """One sheet of the workbook: a whole table, or a part of one that is too long for a sheet."""

    name: str
    sheet: str  # the table it belongs to
    table: pd.DataFrame
    columns: tuple[PlanColumn, ...]


def write(plan: Plan, path: str | Path, *, rows_per_sheet: int = ROWS_PER_SHEET) -> Path:
    """Write the plan workbook, whole or not at all; a table too long for a sheet goes on in ``Placement (2)`` ...

    Raises
    ------
    UsageError
        the folder is missing, or the path is an input of the plan, a link or no .xlsx.
    WriteFailed
        the disk refused, or the file did not read back as it was meant; what stood at the path is unchanged.
    """
    target = Path(path)
    source = plan.case.source
    check_target(target, [Path(source[key]) for key in ("path", "orders_path") if source.get(key)])
    tables = {sheet: (table, SHEETS[sheet]) for sheet, table in plan.tables().items() if sheet != "Summary"}
    day = datetime.combine(plan.start, time())
    return _write(target, list(pages(tables, rows_per_sheet)), plan, day)


def write_findings(found: Iterable[Finding], path: str | Path) -> Path:
    """Write findings as a workbook with one sheet, Findings, worst first. Raises as :func:`write` does."""
    return write_tables({"Findings": (findings(found), FINDINGS)}, path)


def write_diagnosis(error: InfeasibleCase, path: str | Path) -> Path:
    """Write why there is no plan: the smallest relief on the sheet Diagnosis, and what was noticed in the input on the
    sheet Findings."""
    tables = {"Diagnosis": (diagnosis(error.relief), DIAGNOSIS)}
    tables |= {"Findings": (findings(error.findings), FINDINGS)} if error.findings else {}
    return write_tables(tables, path)


def write_tables(
    tables: Mapping[str, tuple[pd.DataFrame, tuple[PlanColumn, ...]]],
    path: str | Path,
    draw: Callable[[Workbook], None] | None = None,
) -> Path:
    """Write any tables, by sheet name and with the records of their columns; ``draw`` may add charts to them.

    Raises as :func:`write` does.
    """
    target = Path(path)
    check_target(target)
    return _write(target, list(pages(tables, ROWS_PER_SHEET)), draw=draw)


def pages(tables: Mapping[str, tuple[pd.DataFrame, tuple[PlanColumn, ...]]], rows: int) -> Iterator[Page]:
    """The tables as sheets of at most so many rows."""
    for sheet, (table, columns) in tables.items():
        for part, first in enumerate(range(0, max(len(table), 1), rows), start=1):
            name = sheet if part == 1 else f"{sheet} ({part})"
            yield Page(name, sheet, table.iloc[first : first + rows], columns)


def _write(
    target: Path,
    sheets: Sequence[Page],
    plan: Plan | None = None,
    created: datetime | None = None,
    draw: Callable[[Workbook], None] | None = None,
) -> Path:
    with whole(target) as draft:
        try:
            _build(draft, sheets, plan, created, draw)
        except XlsxWriterException as fault:
            raise WriteFailed(f"{target} could not be written: {fault}; what stood there is unchanged.") from fault
        check_book(draft, [(page.name, page.table, page.columns) for page in sheets])
    return target


def _build(
    path: Path,
    sheets: Sequence[Page],
    plan: Plan | None,
    created: datetime | None,
    draw: Callable[[Workbook], None] | None,
) -> None:
    """Write the file; only `close` touches the disk."""
    book = Workbook(path, {**OPTIONS, "tmpdir": str(path.parent)})
    book.use_zip64()
    book.set_properties({"title": "Nodewise plan", "created": created or datetime(2000, 1, 1)})
    formats = {
        kind: book.add_format({"num_format": code, "valign": "top", **LOOKS.get(kind, {})})
        for kind, code in KINDS.items()
    }
    if plan is not None:
        summary.add(book, plan)
    for page in sheets:
        _add(book, page, formats)
    if draw is not None:
        draw(book)
    book.close()


def _add(book: Workbook, page: Page, formats: dict[str, Format]) -> None:
    sheet: TableSheet = book.add_worksheet(page.name, worksheet_class=TableSheet)
    sheet.fill(page.table, page.columns, formats)
    head = book.add_format(HEADER)
    sheet.set_row(0, 24)
    sheet.freeze_panes(1, _frozen(page.columns))
    sheet.hide_gridlines(2)
    widths = [max(column.width, 1.1 * len(column.name) + 3) for column in page.columns]
    for at, column in enumerate(page.columns):
        sheet.set_column(at, at, widths[at], formats[column.kind])
    last = len(page.columns) - 1
    if len(page.table):
        names = [{"header": cell_text(column.name), "header_format": head} for column in page.columns]
        options = {"columns": names, "style": "Table Style Light 1", "name": _table_name(page.name)}
        sheet.add_table(0, 0, len(page.table), last, options)
    else:
        for at, column in enumerate(page.columns):
            sheet.write_string(0, at, column.name, head)
    for at, column in enumerate(page.columns):
        note = f"{column.meaning[:1].upper()}{column.meaning[1:]}."
        sheet.write_comment(0, at, note, {"x_scale": 1.5, "author": "Nodewise"})
    highlight(book, sheet, page.sheet, page.columns, len(page.table))
    sheet.set_landscape()
    sheet.repeat_rows(0)
    sheet.fit_to_pages(ceil(sum(widths) / WIDE), 0)
    if sum(widths) > WIDE:
        sheet.repeat_columns(0, 2)


def _frozen(columns: tuple[PlanColumn, ...]) -> int:
    """Columns that stay in sight: the leading texts that name the row, at most two."""
    lead = 0
    while lead < min(2, len(columns)) and columns[lead].kind == "text" and columns[lead].name in {"sku", "node"}:
        lead += 1
    return max(lead, 1)


def _table_name(sheet: str) -> str:
    return "table_" + "".join(sign if sign.isalnum() else "_" for sign in sheet)
