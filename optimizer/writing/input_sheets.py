"""Sheets of the workbook contract, styled: a note on every header, formats, lists to pick from, text kept as text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

import xlsxwriter

from ..errors import WriteFailed
from ..reading.contract import Column
from ..settings import RECORDS

OPTIONS = {"strings_to_numbers": False, "strings_to_formulas": False, "strings_to_urls": False}
CREATED = datetime(2026, 1, 1)  # fixed: the same content gives the same bytes
MOST_ROWS = 1_048_575  # below a header
PICK_ROWS = 1_000  # rows in which choices can be picked from a list
_TEXT = ("code", "text", "list", "choice", "period", "flag")


class InputBook:
    """A workbook of input sheets, to be used in a ``with`` block. Raises WriteFailed for a sheet that is too long."""

    def __init__(self, path: Path) -> None:
        self._book = xlsxwriter.Workbook(str(path), OPTIONS)
        self._book.set_properties({"title": "Nodewise planning workbook", "created": CREATED})
        header = {"bold": True, "font_color": "#FFFFFF", "text_wrap": True, "valign": "vcenter", "border": 1}
        self._required = self._book.add_format({**header, "bg_color": "#1F4E5F"})
        self._optional = self._book.add_format({**header, "bg_color": "#6B97A6"})
        self._text = self._book.add_format({"num_format": "@"})
        self._date = self._book.add_format({"num_format": "yyyy-mm-dd"})
        self._plain = self._book.add_format({"text_wrap": True, "valign": "top"})

    def __enter__(self) -> InputBook:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._book.close()

    def sheet(self, name: str, columns: Sequence[Column], rows: Iterable[Sequence[Any]], *, notes: bool = True) -> None:
        """One sheet of the contract; blanks are None or NaN."""
        sheet = self._book.add_worksheet(name)
        sheet.freeze_panes(1, 0)
        sheet.set_row(0, 32)
        for position, column in enumerate(columns):
            self._header(sheet, position, column, notes)
            _offer_choices(sheet, position, column)
        for number, row in enumerate(rows, 1):
            if number > MOST_ROWS:
                raise WriteFailed(f"sheet {name} would have over {MOST_ROWS:,} rows.", "Give orders as a CSV file.")
            for position, value in enumerate(row):
                self._cell(sheet, number, position, columns[position].kind, value)

    def settings(self, values: dict[str, Any]) -> None:
        """The Settings sheet: every setting with its value (None = blank), unit, expectation and meaning."""
        sheet = self._book.add_worksheet("Settings")
        sheet.freeze_panes(1, 0)
        widths = {"setting": 26, "value": 18, "expected": 34, "unit": 12, "meaning": 70}
        for position, (title, width) in enumerate(widths.items()):
            sheet.set_column(position, position, width)
            sheet.write_string(0, position, title, self._required if position < 2 else self._optional)
        rows = (record for record in RECORDS.values() if record.name in values)
        for number, record in enumerate(rows, 1):
            self._cell(sheet, number, 0, "text", record.name)
            self._cell(sheet, number, 1, record.kind, values[record.name])
            for position, text in enumerate((record.expectation, record.unit, record.meaning), 2):
                sheet.write_string(number, position, text)
            if record.choices:
                _pick(sheet, number, number, 1, record.choices)

    def page(self, name: str, titles: Sequence[str], widths: Sequence[int], rows: Iterable[Sequence[str]]) -> None:
        """A page of plain text under titles, to be read by people."""
        sheet = self._book.add_worksheet(name)
        sheet.freeze_panes(1, 0)
        for position, (title, width) in enumerate(zip(titles, widths, strict=True)):
            sheet.set_column(position, position, width)
            sheet.write_string(0, position, title, self._required)
        for number, row in enumerate(rows, 1):
            for position, text in enumerate(row):
                sheet.write_string(number, position, text, self._plain)

    def _header(self, sheet: Any, position: int, column: Column, notes: bool) -> None:
        style = self._text if column.kind in _TEXT else self._date if column.kind == "date" else None
        sheet.set_column(position, position, max(12, len(column.name) * 0.9 + 3), style)
        sheet.write_string(0, position, column.name, self._required if column.required else self._optional)
        if notes:
            sheet.write_comment(0, position, note(column), {"x_scale": 1.7, "author": "Nodewise"})

    def _cell(self, sheet: Any, row: int, position: int, kind: str, value: Any) -> None:
        if value is None or value != value:  # NaN and NaT differ from themselves
            return
        if kind == "flag":
            sheet.write_string(row, position, "yes" if value else "no", self._text)
        elif isinstance(value, tuple):
            sheet.write_string(row, position, ", ".join(value), self._text)
        elif isinstance(value, str):
            sheet.write_string(row, position, value, self._text)
        elif isinstance(value, date):
            sheet.write_datetime(row, position, value, self._date)
        else:
            sheet.write_number(row, position, value)


def note(column: Column) -> str:
    """What a planner needs to know to fill a column."""
    unit = f" ({column.unit})" if column.unit else ""
    blank = "Must be filled." if column.required else f"Blank: {column.when_blank}."
    return f"{column.meaning[:1].upper()}{column.meaning[1:]}{unit}.\nExpected: {column.expectation}.\n{blank}"


def _offer_choices(sheet: Any, position: int, column: Column) -> None:
    choices = ("yes", "no") if column.kind == "flag" else column.choices
    if choices:
        _pick(sheet, 1, PICK_ROWS, position, choices)


def _pick(sheet: Any, first: int, last: int, position: int, choices: Sequence[str]) -> None:
    """A list to pick from; other words are left to the reader's findings."""
    rule = {"validate": "list", "source": list(choices), "error_type": "information"}
    sheet.data_validation(first, position, last, position, rule)
