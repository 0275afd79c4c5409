"""The example's sheets as tables of text and numbers, in the contract's order of sheets and columns."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from ..reading.sheets import SHEETS, Column, columns
from .history import CHANNELS, FIRST_DAY, STATUSES, Lines, order_lines
from .network import Row, lanes
from .records import records
from .stock import stock

Cell = str | float | date | None
GIVEN = {"SKUs": "catalogue", "Nodes": "nodes", "Regions": "regions", "Supply": "supply", "Campaigns": "campaigns",
         "Tiers": "tiers", "Limits": "limits", "Demand": "demand", "StockHistory": "stockhistory",
         "Receipts": "receipts",
         "Approvals": "approvals", "Settings": "settings"}  # fmt: skip
ORDER = (
    "Settings", "SKUs", "Nodes", "Regions", "Lanes", "Supply", "Stock", "Campaigns", "Tiers", "Limits", "Demand",
    "StockHistory", "Receipts", "Approvals",
)  # fmt: skip
SHEET_KEYS = {sheet.name: sheet.key for sheet in SHEETS}
FIRST_ORDER = 10_001


@dataclass(frozen=True)
class Table:
    """One sheet: its columns and its rows."""

    sheet: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]


def tables(seed: int) -> tuple[Table, ...]:
    """Every sheet of the example, in the order of the workbook."""
    lines = order_lines(seed)
    computed = {"Lanes": lanes(), "Stock": stock(seed, lines)}
    return (*(_table(sheet, computed.get(sheet) or records(GIVEN[sheet])) for sheet in ORDER), _orders(lines))


def _table(sheet: str, rows: Iterable[Row] | Iterable[dict[str, str]]) -> Table:
    known = sorted(columns(sheet), key=_place)
    cells = (tuple(_cell(column, row.get(column.name, "")) for column in known) for row in rows)
    return Table(sheet, tuple(known), tuple(cells))


def _place(column: Column) -> int:
    """The key first, then the name for people, then the contract's order."""
    return 0 if column.name in SHEET_KEYS.get(column.sheet, ()) else 1 if column.name == "name" else 2


def _cell(column: Column, value: object) -> Cell:
    """A cell as Excel should hold it: a number, a date or text by the contract's kind, None when blank."""
    if value == "":
        return None
    if column.sheet == "Settings" and column.name == "value":
        return _setting(str(value))
    if column.kind in ("number", "whole"):
        return float(str(value))
    return date.fromisoformat(str(value)) if column.kind == "date" else str(value)


def _setting(text: str) -> Cell:
    for kind in (float, date.fromisoformat):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _orders(lines: Lines) -> Table:
    """The Orders sheet, without the postcode column: the region is given."""
    known = tuple(column for column in columns("Orders") if column.name != "postcode")
    skus = [row["sku"] for row in records("catalogue")]
    regions = [row["region"] for row in records("regions")]
    channels, statuses = list(CHANNELS), list(STATUSES)
    rows = zip(
        (f"W-{FIRST_ORDER + number}" for number in lines.order.tolist()),
        (FIRST_DAY + timedelta(day) for day in lines.day.tolist()),
        (skus[k] for k in lines.sku.tolist()),
        lines.quantity.tolist(),
        (regions[r] for r in lines.region.tolist()),
        (channels[c] for c in lines.channel.tolist()),
        (statuses[s] for s in lines.status.tolist()),
        strict=True,
    )
    return Table("Orders", known, tuple(rows))
