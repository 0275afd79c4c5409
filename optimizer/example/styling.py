"""Tables to a workbook that reads well: frozen coloured headers with a note each, widths, formats, choices."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from pathlib import Path
from typing import Any

import xlsxwriter

from ..reading.sheets import SHEET, Column
from ..writing.input_sheets import OPTIONS, note
from .tables import Cell, Table

CREATED = datetime(2026, 11, 1)  # fixed: the same tables give the same bytes
INK, REQUIRED, OPTIONAL, LINE = "#FFFFFF", "#1F4E5F", "#6B97A6", "#D5DDE0"
WRAP_AT = 14  # characters of a header before it takes a second line
SPARE_ROWS = 500  # rows below the table in which the choices can still be picked
MONEY_WORDS = ("cost", "price", "penalty")
TAB_COLOURS = {"Settings": "#C98A2B", "Orders": "#8A9BA8", "Stock": "#8A9BA8", "Demand": "#8A9BA8"}


def write_tables(path: Path, sheets: Iterable[Table]) -> None:
    """Write a workbook with one sheet per table. Same tables, same bytes.

    Raises OSError when the file cannot be written.
    """
    try:
        with xlsxwriter.Workbook(str(path), OPTIONS) as book:
            book.set_properties({"title": "Nodewise planning workbook", "created": CREATED})
            book.set_size(24000, 13500)
            styles = _Styles(book)
            for table in sheets:
                _write_sheet(book, styles, table)
    except xlsxwriter.exceptions.FileCreateError as error:
        raise OSError(str(error)) from error


class _Styles:
    """The formats of one workbook."""

    def __init__(self, book: xlsxwriter.Workbook) -> None:
        header = {
            "bold": True,
            "font_color": INK,
            "valign": "vcenter",
            "border": 1,
            "border_color": LINE,
            "text_wrap": True,
        }
        self.required = book.add_format({**header, "bg_color": REQUIRED})
        self.optional = book.add_format({**header, "bg_color": OPTIONAL})
        decimals = {f"decimals {places}": f"#,##0.{'0' * places}".rstrip(".") for places in range(4)}
        numbers = {**decimals, "money": "#,##0.00", "share": "0.0%", "plain": "General"}
        self.body = {kind: book.add_format({"num_format": form}) for kind, form in numbers.items()}
        self.body["date"] = book.add_format({"num_format": "yyyy-mm-dd", "align": "left", "indent": 1})
        self.body["text"] = book.add_format({"num_format": "@", "indent": 1})
        self.body["value"] = book.add_format({"align": "left", "indent": 1})


def _write_sheet(book: xlsxwriter.Workbook, styles: _Styles, table: Table) -> None:
    sheet = book.add_worksheet(table.sheet)
    sheet.set_tab_color(TAB_COLOURS.get(table.sheet, REQUIRED))
    sheet.freeze_panes(1, _frozen_columns(table))
    sheet.set_row(0, 36)
    for position, column in enumerate(table.columns):
        cells = [row[position] for row in table.rows]
        style = styles.body[_style_of(column, cells)]
        sheet.set_column(position, position, _width(column, cells), style)
        sheet.write_string(0, position, column.name, styles.required if column.required else styles.optional)
        sheet.write_comment(0, position, note(column), {"x_scale": 1.7, "y_scale": 0.9, "author": "Nodewise"})
        _offer_choices(sheet, position, column, len(table.rows))
        _write_cells(sheet, position, cells, style, styles.body)
    sheet.autofilter(0, 0, max(1, len(table.rows)), len(table.columns) - 1)
    sheet.set_landscape()
    sheet.fit_to_pages(1, 0)
    sheet.repeat_rows(0)
    if table.sheet == "Settings":
        sheet.activate()


def _frozen_columns(table: Table) -> int:
    return len(SHEET[table.sheet].key) if table.sheet in ("SKUs", "Nodes", "Regions", "Tiers", "Limits") else 0


def _write_cells(sheet: Any, position: int, cells: list[Cell], style: Any, body: dict[str, Any]) -> None:
    for row, value in enumerate(cells, start=1):
        if isinstance(value, str):
            sheet.write_string(row, position, value, style)
        elif isinstance(value, date):
            sheet.write_datetime(row, position, value, body["date"])
        elif value is not None:
            sheet.write_number(row, position, value, style)


def _style_of(column: Column, cells: list[Cell]) -> str:
    """The name of the column's format."""
    if column.sheet == "Settings":
        return "text" if column.name == "setting" else "value"
    if column.kind == "date":
        return "date"
    if column.kind not in ("number", "whole"):
        return "text"
    if column.name == "amount":
        return "plain"
    if column.high == 1.0 or column.name.endswith("_rate"):
        return "share"
    if any(word in column.name for word in MONEY_WORDS):
        return "money"
    return f"decimals {max((_decimals(cell) for cell in cells if isinstance(cell, float)), default=0)}"


def _decimals(number: float) -> int:
    """Decimal places the number needs, at most three."""
    return next((places for places in range(3) if round(number, places) == number), 3)


def _width(column: Column, cells: list[Cell]) -> float:
    """Wide enough for the header with its filter button, and for nearly all cells."""
    longest = max((len(cell) for cell in cells if isinstance(cell, str)), default=0)
    header = min(len(column.name), WRAP_AT) * 1.1 + 4.5
    return min(44.0, max(header, longest * 1.02 + 2.5, 12.5 if column.kind == "date" else 0.0))


def _offer_choices(sheet: Any, position: int, column: Column, rows: int) -> None:
    """A list to pick from where only a few words are allowed; other entries are left to the reader's findings."""
    choices = ("yes", "no") if column.kind == "flag" else column.choices if column.kind == "choice" else ()
    if choices:
        rule = {"validate": "list", "source": list(choices), "error_type": "warning"}
        sheet.data_validation(1, position, rows + SPARE_ROWS, position, rule)
