"""The Summary sheet: headline, key figures with two charts, then the blocks one below the other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from xlsxwriter import Workbook
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from ..plan import Plan
from ..tables.columns import KINDS
from ..tables.summary import Block
from .highlight import FULL, LOOKS, NEARLY
from .sheet import cell_text

NAME = "Summary"
LEFT = 1  # first column of the blocks; column A is a margin
WIDTHS = (2.0, 34.0, 15.0)  # margin, row names, all others
CHART_COLUMN = 5  # charts stand beside the key figures
CHART_TERMS = 8
CHART_ROWS = 15  # rows of 20 pixels that they take
INK, ACCENT, SECOND = "#1F3A4D", "#2A7F9E", "#D08A2E"
WHOLE_MONEY = 10_000.0  # from this cost on, money is shown without cents
STATUS_LOOKS = {"open": "good", "opens": "good", "closes": "watch", "not open": "quiet", "not available": "quiet"}
SEVERITY_LOOKS = {"error": "alarm", "warning": "watch"}


@dataclass(frozen=True)
class _Place:
    """Where a block stands: zero-based rows of its header, first and last line."""

    header: int
    first: int
    last: int


class _Pen:
    """Writes cells of the Summary; formats are made once per look."""

    def __init__(self, book: Workbook, sheet: Worksheet, codes: Mapping[str, str]) -> None:
        self.book, self.sheet, self.codes = book, sheet, codes
        self._formats: dict[tuple[tuple[str, Any], ...], Format] = {}

    def format(self, **properties: Any) -> Format:
        """One format object per set of properties."""
        key = tuple(sorted(properties.items()))
        if key not in self._formats:
            self._formats[key] = self.book.add_format({"valign": "vcenter", **properties})
        return self._formats[key]

    def text(self, row: int, column: int, text: str, **properties: Any) -> None:
        """A text, whatever it looks like."""
        safe = cell_text(text)
        safe = f"{safe} " if safe.startswith("<r>") else safe  # XlsxWriter would take it for rich text
        self.sheet.write_string(row, column, safe, self.format(**properties))

    def value(self, row: int, column: int, value: object, kind: str, **properties: Any) -> None:
        """A number in the format of its kind, a text, or an empty cell with the same look."""
        if isinstance(value, (int, float, np.number)):
            if np.isfinite(value):
                self.sheet.write_number(
                    row, column, float(value), self.format(num_format=self.codes[kind], **properties)
                )
                return
            value = "" if np.isnan(value) else "unknown"
            properties = {"align": "right", **properties}
        if isinstance(value, str) and value:
            self.text(row, column, value, **properties)
        else:
            self.sheet.write_blank(row, column, None, self.format(**properties))


def add(book: Workbook, plan: Plan) -> None:
    """Add the Summary sheet of a plan."""
    sheet = book.add_worksheet(NAME)
    sheet.hide_gridlines(2)
    sheet.set_column(0, 0, WIDTHS[0])
    sheet.set_column(LEFT, LEFT, WIDTHS[1])
    sheet.set_column(LEFT + 1, 60, WIDTHS[2])
    pen = _Pen(book, sheet, _codes(plan))
    row = _headline(pen, plan)
    places: dict[str, _Place] = {}
    for block in plan.blocks:
        places[block.key] = _block(pen, block, row)
        used = places[block.key].last + 2
        row = max(used, row + CHART_ROWS + 1) if block.key == "figures" else used
    _charts(book, sheet, plan, places)
    sheet.set_margins(left=0.4, right=0.4, top=0.5, bottom=0.5)
    sheet.fit_to_pages(1, 0)
    sheet.set_first_sheet()
    sheet.activate()


def _codes(plan: Plan) -> dict[str, str]:
    """Number formats; gaps with two decimals, money of large plans without cents."""
    money = "#,##0" if abs(plan.cost) >= WHOLE_MONEY else KINDS["money"]
    return {**KINDS, "fine_share": "0.000%", "money": money}


def _headline(pen: _Pen, plan: Plan) -> int:
    """Title and sentences; returns the row of the first block."""
    pen.sheet.set_row(0, 34)
    pen.text(0, LEFT, "Nodewise plan", font_size=20, bold=True, font_color=INK)
    for at, line in enumerate(plan.headline, start=1):
        pen.sheet.set_row(at, 22)
        pen.text(at, LEFT, line, font_size=13, font_color=INK)
    return len(plan.headline) + 2


def _block(pen: _Pen, block: Block, row: int) -> _Place:
    """Title, note, header and lines of a block."""
    pen.sheet.set_row(row, 24)
    pen.text(row, LEFT, block.title, bold=True, font_size=14, font_color=ACCENT)
    if block.note:
        pen.text(row + 1, LEFT, block.note, italic=True, font_color="#6B7278")
    header = row + (2 if block.note else 1)
    if not len(block.table):
        return _Place(header, header, header - 1)
    for at, name in enumerate(block.table.columns):
        numeric = name in block.kinds
        pen.text(header, LEFT + at, str(name), **_header_look(at, numeric))
    for at, values in enumerate(block.table.itertuples(index=False, name=None)):
        last = at == len(block.table) - 1
        _line(pen, block, header + 1 + at, at, values, {"bold": True, "top": 1} if block.total and last else {})
    return _Place(header, header + 1, header + len(block.table))


def _header_look(at: int, numeric: bool) -> dict[str, Any]:
    side = {"align": "right"} if numeric else _indent(at)
    return {"bold": True, "bottom": 2, "bottom_color": INK, "font_color": INK, **side}


def _indent(at: int) -> dict[str, Any]:
    """Texts stand a little off the figures to their left."""
    return {"indent": 1} if at else {}


def _line(pen: _Pen, block: Block, row: int, at: int, values: tuple[Any, ...], look: dict[str, Any]) -> None:
    for column, (name, value) in enumerate(zip(block.table.columns, values, strict=True)):
        kind = block.kinds.get(name, "text")
        side = _indent(column) if kind == "text" else {}
        if kind != "text" and block.row_kinds:
            kind = block.row_kinds[at]
        pen.value(row, LEFT + column, value, kind, **{**look, **side, **_cell_look(block.key, name, value)})


def _cell_look(key: str, name: str, value: Any) -> dict[str, Any]:
    """Colour of a cell that needs an eye on it."""
    if name in ("highest fill", "used / limit"):
        return LOOKS["alarm"] if value >= FULL else LOOKS["watch"] if value >= NEARLY else {}
    if isinstance(value, str) and key == "nodes":
        return LOOKS[STATUS_LOOKS[value]] if value in STATUS_LOOKS else {}
    if name == "severity":
        return LOOKS[SEVERITY_LOOKS[value]] if value in SEVERITY_LOOKS else {}
    return {}


def _charts(book: Workbook, sheet: Worksheet, plan: Plan, places: Mapping[str, _Place]) -> None:
    """Cost by term, and the fill of the nodes, beside the key figures."""
    blocks = {block.key: block.table for block in plan.blocks}
    row = places["figures"].header - 1
    cost, nodes = places["cost"], places["nodes"]
    terms = min(cost.last - 1, cost.first + CHART_TERMS - 1)  # without the total; the largest stand first
    total = LEFT + list(blocks["cost"].columns).index("total")
    if terms >= cost.first:
        title = f"Cost by term, {plan.case.settings.currency}"
        chart = _chart(book, "bar", title, (cost.first, terms, LEFT), total, ACCENT, "#,##0")
        chart.set_y_axis({"reverse": True, "num_font": {"size": 9}, "interval_unit": 1, "line": {"none": True}})
        chart.set_x_axis({"visible": False, "major_gridlines": {"visible": False}})
        sheet.insert_chart(row, CHART_COLUMN, chart, {"object_position": 2})
    if blocks["nodes"]["highest fill"].notna().any():
        fill = LEFT + list(blocks["nodes"].columns).index("highest fill")
        chart = _chart(
            book, "column", "Highest fill of the nodes' rooms", (nodes.first, nodes.last, LEFT), fill, SECOND, "0%"
        )
        chart.set_y_axis(
            {"min": 0, "num_format": "0%", "major_gridlines": {"visible": True, "line": {"color": "#E3E6E8"}}}
        )
        sheet.insert_chart(row, CHART_COLUMN + 4, chart, {"object_position": 2, "x_offset": 40})


def _chart(
    book: Workbook, kind: str, title: str, rows: tuple[int, int, int], values: int, color: str, code: str
) -> Any:
    """A plain chart of one series; rows = first, last, column of the names."""
    first, last, names = rows
    chart = book.add_chart({"type": kind})
    chart.add_series(
        {
            "categories": [NAME, first, names, last, names],
            "values": [NAME, first, values, last, values],
            "fill": {"color": color},
            "gap": 30,
            "data_labels": {"value": True, "num_format": code, "font": {"size": 8}},
        }
    )
    chart.set_title({"name": title, "name_font": {"size": 12, "color": INK}, "overlay": False})
    chart.set_legend({"none": True})
    chart.set_x_axis({"num_font": {"size": 9}, "interval_unit": 1})
    chart.set_size({"width": 480, "height": CHART_ROWS * 20})
    chart.set_chartarea({"border": {"color": "#D5D9DC"}})
    return chart
