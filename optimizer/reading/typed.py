"""From cells to typed columns: each filled cell is parsed, each fault told with its place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from .cells import is_blank, parse
from .report import Fault, Reject, Report
from .sheets import Column
from .workbook import UNREADABLE, Table


@dataclass
class Typed:
    """One sheet as typed values: str, float, date, bool or None; ``bad`` holds (column, position) of unusable cells."""

    sheet: str
    label: str
    rows: list[int] = field(default_factory=list)
    letters: dict[str, str] = field(default_factory=dict)
    values: dict[str, list[Any]] = field(default_factory=dict)
    raw: dict[str, list[Any]] = field(default_factory=dict)  # of code columns: as it stood
    bad: set[tuple[str, int]] = field(default_factory=set)

    def column(self, name: str) -> list[Any]:
        """The values of a column; all None when the sheet does not have it."""
        return self.values.get(name) or [None] * len(self.rows)

    def place(self, name: str, position: int) -> str:
        """Excel's address of a value; of the row, when the sheet does not have the column."""
        row = self.rows[position]
        return f"{self.label}!{self.letters[name]}{row}" if name in self.letters else f"{self.label}!{row}:{row}"


def typed(table: Table, contract: Sequence[Column], report: Report) -> Typed:
    """Parse every cell of a table; faults go to the report."""
    out = Typed(table.sheet, table.label, table.rows, table.letters)
    for column in contract:
        if column.name in table.cells:
            out.values[column.name] = _column(column, table, out, report)
    return out


def _column(column: Column, table: Table, out: Typed, report: Report) -> list[Any]:
    cells, at = table.cells[column.name], table.letters[column.name]
    if column.kind == "code":
        out.raw[column.name] = [None if cell is None else cell.value for cell in cells]
    values: list[Any] = []
    for position, cell in enumerate(cells):
        value: Any = None
        try:
            value, fault = _cell(column, cell)
        except Reject as reject:
            fault = reject.fault
        if cell is UNREADABLE or (fault is not None and fault.severity == "error"):
            out.bad.add((column.name, position))
        if fault is not None:
            report.cell(fault, table.label, at, table.rows[position], cell.value if cell is not None else "")
        values.append(value)
    return values


def _cell(column: Column, cell: Any) -> tuple[Any, Fault | None]:
    if cell is UNREADABLE:
        return None, None
    value = None if cell is None else cell.value
    if is_blank(value):
        if column.required:
            raise required(column)
        return None, None
    if type(value) is str:
        if cell.data_type == "e":
            raise Reject("D-010", "shows an error", "Repair the formula, or type the value.")
        return parse(column, value)
    return parse(column, value, cell.number_format if column.kind in ("code", "list", "period") else "General")


def required(column: Column) -> Reject:
    """The Reject for a blank cell that must be filled (K-011 for names, D-022 for the rest)."""
    if column.kind == "code":
        return Reject(
            "K-011", f"{column.name} is blank; expected {column.expectation}", "Fill it in, or delete the row."
        )
    if column.unit.startswith("money"):
        hint = "Type 0 if it is free."
    else:
        hint = "Blank is never 0." if column.kind in ("number", "whole") else f"Type {column.meaning}."
    return Reject("D-022", f"{column.name} is blank; expected {column.expectation}", hint)
