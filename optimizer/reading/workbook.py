"""The sheets of a workbook, cell by cell: which sheet is which, where its table lies, what stands in each cell."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from xml.etree.ElementTree import ParseError

from ..errors import nearest
from .archive import Archive
from .cells import fold, is_blank
from .headers import HEADER_ROWS, Header, find_header, near_miss
from .parts import SheetPart
from .refusals import damaged
from .report import Fault, Report
from .sheets import SHEETS, Column, columns
from .survey import Survey, survey

FAR = 1_000  # blank rows after which a value is taken for a stray cell
LAST_EXCEL_ROW = 1_048_576
REQUIRED = {sheet.name for sheet in SHEETS if sheet.required}
EXPLANATIONS = "Explanations"  # the blank template's own sheet
TOTALS = {"total", "totals", "grandtotal", "sum", "subtotal", "summe", "gesamt", "totale", "totaal"}
_LARGE = 4 * 1024 * 1024


@dataclass
class Table:
    """One table as it stands: the row numbers of its data rows, and per column its cells (openpyxl's, or None)."""

    sheet: str
    label: str
    letters: dict[str, str]
    rows: list[int] = field(default_factory=list)
    cells: dict[str, list[Any]] = field(default_factory=dict)


class Workbook:
    """An inspected workbook, opened for reading."""

    def __init__(self, archive: Archive, report: Report) -> None:
        self.archive = archive
        self.report = report
        self.currency = ""  # of the setting, once that is read
        self.lost: set[str] = set()  # contract sheets that are there, but cannot be used; what is wrong has been told
        self.parts = _match_sheets(archive, report, self.lost)
        self._book: Any = None

    @property
    def book(self) -> Any:
        """openpyxl's read-only workbook, opened on first use."""
        if self._book is None:
            from openpyxl import load_workbook

            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                try:
                    self._book = load_workbook(self.archive.path, read_only=True, data_only=True, keep_links=False)
                except (ParseError, KeyError, IndexError, ValueError, TypeError, AttributeError) as error:
                    part = "xl/sharedStrings.xml" if "haredStrings" in str(error) else "xl/workbook.xml"
                    raise damaged(self.archive.path, part) from None
                except OSError as error:  # openpyxl's word for a workbook that the list of contents does not name
                    if "workbook part" not in str(error):
                        raise
                    raise damaged(self.archive.path, "[Content_Types].xml") from None
        return self._book

    def close(self) -> None:
        """Let go of the file."""
        if self._book is not None:
            self._book.close()

    def is_large(self, sheet: str) -> bool:
        """Whether a sheet is worth the fast reader."""
        return sheet in self.parts and self.parts[sheet].bytes > _LARGE

    def head(self, sheet: str) -> list[list[Any]]:
        """The values of the first rows of a sheet."""
        out: list[list[Any]] = []
        for cells in self._rows(self.parts[sheet]):
            out.append([cell.value for cell in cells])
            if len(out) >= HEADER_ROWS:
                break
        return out

    def is_blank(self, sheet: str) -> bool:
        """Whether the first rows of a sheet hold nothing at all."""
        return all(is_blank(value) for row in self.head(sheet) for value in row)

    def header(self, sheet: str) -> Header | None:
        """The header of a sheet; None for a sheet that is blank throughout, or whose header cannot be used."""
        if self.is_blank(sheet):
            return None
        return find_header(
            self.parts[sheet].name, self.head(sheet), columns(sheet), self.report, currency=self.currency
        )

    def table(self, sheet: str) -> Table | None:
        """The table of a contract sheet, cell by cell; None when the sheet is absent or has no usable header."""
        if sheet not in self.parts:
            return None
        part = self.parts[sheet]
        header = self.header(sheet)
        if header is None:
            self.lost |= set() if self.is_blank(sheet) else {sheet}
            return None
        facts = survey(self.archive.chunks(part.part))
        _structure(part, header, facts, self.report)
        table = _gather(sheet, part, header, self._rows(part), self.report)
        _uncached(table, facts, self.report)
        _totals(table, columns(sheet), self.report)
        return table

    def _rows(self, part: SheetPart) -> Iterator[Sequence[Any]]:
        """The rows of a sheet from row 1 on, blank ones included."""
        try:
            page = self.book[part.name]
            page.reset_dimensions()
            for number, row in enumerate(page.iter_rows(), 1):
                if number > LAST_EXCEL_ROW:  # a row of any number is filled up to, one blank row after the other
                    raise damaged(self.archive.path, part.part, part.name)
                yield row
        except IndexError:
            raise damaged(self.archive.path, "xl/sharedStrings.xml") from None
        except (ParseError, KeyError, ValueError, TypeError, AttributeError):
            raise damaged(self.archive.path, part.part, part.name) from None


def _match_sheets(archive: Archive, report: Report, lost: set[str]) -> dict[str, SheetPart]:
    """Which part holds which contract sheet; reports S-002 to S-004, and sheets that are not used.

    A sheet that has almost the name of one that is not there adds that one to ``lost``.
    """
    names = [*(sheet.name for sheet in SHEETS), "Settings"]
    found: dict[str, SheetPart] = {}
    other: list[SheetPart] = []
    by_fold = {fold(name): name for name in names}
    for part in archive.sheets:
        name = by_fold.get(fold(part.name))
        if name is None:
            other.append(part)
        elif name in found:
            both = f'"{found[name].name}" and "{part.name}" both match {name}'
            report.add(Fault("S-003", both, "Rename one."), part.name)
        else:
            found[name] = part
            _tell_sheet(name, part, report)
    for part in other:
        meant = next((name for name in names if name not in found and near_miss(part.name, name)), "")
        if not meant:
            continue
        lost.add(meant)
        if meant not in REQUIRED:  # of those S-001 is told
            report.add(Fault("S-002", f'sheet not used; did you mean "{meant}"?', "Rename it."), part.name)
    rest = [part.name for part in other if part.name != EXPLANATIONS]
    if rest:
        report.add(Fault("S-018", f"sheets not used: {', '.join(rest)}", "", "note"), archive.path.name)
    return found


def _tell_sheet(name: str, part: SheetPart, report: Report) -> None:
    if part.name != name:
        report.add(Fault("S-002", f"read as the sheet {name}", "", "repair"), part.name)
    if part.hidden:
        report.add(Fault("S-004", "the sheet is hidden and was used", "", "warning"), part.name)


def missing_sheet(archive: Archive, name: str, report: Report) -> None:
    """Report that a required sheet is not there (S-001), with the nearest name."""
    present = [part.name for part in archive.sheets]
    close = nearest(name, present)
    hint = f'Did you mean "{close}"?' if close else f"Sheets present: {', '.join(present)}."
    report.add(Fault("S-001", f'sheet "{name}" not found', hint), archive.path.name)


def _structure(part: SheetPart, header: Header, facts: Survey, report: Report) -> None:
    """Merged cells, hidden rows, rows that occur twice, a sheet filled to its last row."""
    for ref in facts.merged:
        row = int("".join(char for char in ref.partition(":")[2] if char.isdigit()))
        if row == header.row:
            fault = Fault("S-010", "the header is merged", "Unmerge, and give each column its own header.")
        else:
            fault = Fault("S-011", "cells are merged", "Unmerge them and fill each row.")
        if row >= header.row:
            report.add(fault, f"{part.name}!{ref}")
    hidden = [row for row in facts.hidden if row > header.row]
    if hidden:
        said = f"{len(hidden):,} hidden rows were used (rows {hidden[0]}-{hidden[-1]})"
        report.add(Fault("S-005", said, "", "warning"), f"{part.name}!{hidden[0]}:{hidden[-1]}")
    if facts.repeated:
        fault = Fault("S-017", f"row {facts.repeated} occurs twice in the file", "Save it again in Excel.")
        report.add(fault, f"{part.name}!{facts.repeated}:{facts.repeated}")
    if facts.last_row >= LAST_EXCEL_ROW:
        fault = Fault(
            "S-016", "fills the sheet to the last row: the export was probably cut", "Use --orders with a CSV."
        )
        report.add(fault, part.name)


def _gather(sheet: str, part: SheetPart, header: Header, rows: Iterator[Sequence[Any]], report: Report) -> Table:
    table = Table(sheet, part.name, header.letters, cells={name: [] for name in header.index})
    last, blank_inside = header.row, 0
    for number, cells in enumerate(rows, 1):
        if number <= header.row:
            continue
        picked = [cells[at] if at < len(cells) else None for at in header.index.values()]
        if all(cell is None or is_blank(cell.value) for cell in picked):
            continue
        if number - last > FAR:
            _stray(part.name, number, cells, report)
            break
        blank_inside = blank_inside or (last + 1 if number > last + 1 else 0)
        last = number
        table.rows.append(number)
        for name, cell in zip(table.cells, picked, strict=True):
            table.cells[name].append(cell)
    if blank_inside:
        after = sum(row > blank_inside for row in table.rows)
        fault = Fault("S-012", f"a blank row inside the table; {after:,} rows after it were used", "", "warning")
        report.add(fault, f"{part.name}!{blank_inside}:{blank_inside}")
    return table


def _stray(label: str, number: int, cells: Sequence[Any], report: Report) -> None:
    cell = next(cell for cell in cells if not is_blank(cell.value))
    report.add(
        Fault("F-012", "holds a value far from the table", "Delete it."), f"{label}!{cell.coordinate}", cell.value
    )


def _uncached(table: Table, facts: Survey, report: Report) -> None:
    """A formula with no stored result reads as blank: say so instead (D-011)."""
    fault = Fault("D-011", "is a formula with no stored result", "Open in Excel, let it calculate, save.")
    if not facts.uncached:
        return
    for name, cells in table.cells.items():
        at = table.letters[name]
        for position, row in enumerate(table.rows):
            blank = cells[position] is None or is_blank(cells[position].value)
            if blank and f"{at}{row}" in facts.uncached:
                report.cell(fault, table.label, at, row)
                cells[position] = UNREADABLE


class _Unreadable:
    """Stands for a cell about which everything has been said."""

    value: Any = None
    data_type = "n"


UNREADABLE = _Unreadable()


def _totals(table: Table, contract: Sequence[Column], report: Report) -> None:
    """A row of totals below the table (S-013) is not data."""
    if not table.rows:
        return
    for column in contract:
        cell = table.cells[column.name][-1] if column.name in table.cells else None
        value = cell.value if cell is not None else None
        if column.kind == "code" and isinstance(value, str) and fold(value.rstrip(":")) in TOTALS:
            fault = Fault("S-013", "looks like a row of totals", "Delete the row.")
            report.cell(fault, table.label, table.letters[column.name], table.rows[-1], value)
            table.rows.pop()
            for cells in table.cells.values():
                cells.pop()
            return
