"""The Settings sheet: each row a name and a value, parsed by the setting's own type."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from ..errors import UsageError, nearest
from ..settings import ONLY_OPTIONS, RECORDS, Settings, parse_setting
from .cells import fold, is_blank
from .report import Fault, Report
from .workbook import Table, Workbook


def read_settings(workbook: Workbook, overrides: Mapping[str, Any], report: Report) -> Settings:
    """Defaults, then the Settings sheet, then the caller's values. Faults of the sheet go to the report."""
    values: dict[str, tuple[Any, str]] = {}
    table = workbook.table("Settings")
    if table is not None and {"setting", "value"} <= set(table.cells):
        for position in range(len(table.rows)):
            _row(table, position, values, report)
    return Settings().with_origin(values).with_values(**overrides)


def _row(table: Table, position: int, values: dict[str, tuple[Any, str]], report: Report) -> None:
    name_cell, value_cell = (table.cells[name][position] for name in ("setting", "value"))
    row = table.rows[position]
    name_at, value_at = (f"{table.label}!{table.letters[name]}{row}" for name in ("setting", "value"))
    text = None if name_cell is None else name_cell.value
    value = None if value_cell is None else value_cell.value
    if is_blank(text):
        report.add(Fault("K-011", "a value without a name", "Name the setting."), name_at, value)
        return
    name = {fold(known): known for known in RECORDS}.get(fold(str(text)))
    if name is None or name in ONLY_OPTIONS:
        report.add(_unknown(str(text), name), name_at, text)
    elif name in values:
        report.add(Fault("K-009", f"setting {name} stands twice", "Delete one."), name_at, text)
    elif not is_blank(value):
        _value(name, value, value_cell, value_at, values, report)


def _unknown(text: str, name: str | None) -> Fault:
    if name:
        return Fault("S-019", "can only be given as an option", "Take the row out.")
    guess = nearest(text, RECORDS)
    said = f'is no setting; did you mean "{guess}"?' if guess else "is no setting"
    return Fault("S-019", said, "Correct the name.")


def _value(name: str, value: Any, cell: Any, place: str, values: dict[str, tuple[Any, str]], report: Report) -> None:
    record = RECORDS[name]
    if cell.data_type == "e":
        report.add(Fault("D-010", "shows an error", "Repair the formula, or type the value."), place, value)
        return
    try:
        parse_setting(record, value)
    except UsageError:
        report.add(
            Fault(_code(record.kind, value), f"{name}: expected {record.expectation}", "Correct it."), place, value
        )
        return
    values[name] = (value, place)


def _code(kind: str, value: Any) -> str:
    if kind == "date":
        return "T-001" if isinstance(value, (int, float)) else "T-003"
    if isinstance(value, date):
        return "D-021"
    return "D-030" if kind == "choice" else "D-016" if isinstance(value, str) else "D-031"
