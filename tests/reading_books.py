"""A small good workbook for the tests of reading, and the means to break one cell of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import openpyxl

from optimizer.case import Case
from optimizer.errors import Finding, InfeasibleCase, InputInvalid
from optimizer.reading import read

Rows = list[list[Any]]


def day(text: str) -> date:
    """A real date."""
    return date.fromisoformat(text)


def good() -> dict[str, Rows]:
    """Three SKUs, three nodes, two regions; every sheet filled; nothing wrong with it."""
    return {
        "Orders": [
            ["order_id", "date", "sku", "quantity", "region", "postcode", "channel", "status"],
            ["O1", day("2026-09-01"), "MUG-1", 2, "N", None, "web", "shipped"],
            ["O1", day("2026-09-01"), "00123", 1, "N", None, "web", None],
            ["O2", day("2026-09-15"), "MUG-1", 1, None, "21000", "app", None],
            ["O3", day("2026-10-02"), "TEA", 4, "S", None, None, None],
            ["O4", day("2026-10-30"), "MUG-1", 3, "S", None, None, "shipped"],
        ],
        "SKUs": [
            ["sku", "unit_cost", "category", "weight_kg", "volume_l", "temperature", "requires", "supplier",
             "pack_size", "tier", "service_level", "launch_date", "end_date", "unit_price"],
            ["MUG-1", 4.5, "mugs", 0.4, 1.2, "ambient", None, "ACME", 6, "A", 0.97, None, None, 9],
            ["00123", 3.0, "mugs", 0.3, 1.0, None, None, None, None, None, None, day("2026-08-01"), None, None],
            ["TEA", 6.0, "tea", None, None, "chilled", "coldchain", None, None, None, None, None, None, None],
        ],
        "Nodes": [
            ["node", "type", "status", "lat", "lon", "ambient_m3", "chilled_m3", "units_per_day", "replenished_from",
             "open_from", "open_until", "capabilities", "lead_time_days"],
            ["HUB", "central", "open", 41, -88, None, 20, None, None, None, None, "coldchain", 10],
            ["EAST", "regional", None, 40.7, -74, 50, 5, 200, "HUB", None, None, "coldchain; kitting", None],
            ["POP", "popup", "candidate", 34, -118, 30, None, 100, "HUB", day("2026-11-01"), day("2026-12-31"),
             None, 2],
        ],
        "Regions": [
            ["region", "lat", "lon", "postcodes", "promise_days", "backup_required"],
            ["N", 42, -87, "1", 3, "yes"],
            ["S", 33, -84, "2, 30", 4, None],
        ],
        "Lanes": [
            ["node", "region", "carrier", "cost_per_parcel", "cost_per_kg", "transit_days", "on_time_rate",
             "temperatures"],
            ["HUB", "N", "UPS", 5, 1, 2, 0.97, "ambient chilled"],
            ["HUB", "S", "UPS", 7, None, 3, None, None],
        ],
        "Supply": [
            ["sku", "supplier", "node", "lead_time_days", "moq"],
            [None, "ACME", "HUB", 14, 10],
        ],
        "Stock": [["sku", "node", "on_hand", "on_order", "expires"], ["MUG-1", "HUB", 30, None, None]],
        "Campaigns": [
            ["campaign", "from", "until", "sku", "category", "tier", "region", "uplift"],
            ["BF", day("2026-11-20"), day("2026-11-30"), None, "mugs", None, "N", 2],
        ],
        "Tiers": [
            ["tier", "share_of_value", "min_nodes", "max_nodes", "node_types", "staged", "service_level"],
            ["A", 0.8, 1, 3, "any", "always", 0.98],
            ["C", 1, None, None, None, None, None],
        ],
        "Limits": [
            ["limit", "measure", "sense", "amount", "sku", "category", "node", "region", "period"],
            ["cap", "value", "max", 50000, None, "mugs", None, None, "2026-11"],
        ],
        "Demand": [["sku", "region", "mean_per_day", "sd_per_day", "period"], ["MUG-1", "N", 2, 1.5, "2026-12"]],
        "Settings": [["setting", "value"], ["currency", "EUR"], ["start", day("2026-11-01")], ["periods", 2]],
    }  # fmt: skip


def save(path: Path, sheets: Mapping[str, Rows], formats: Mapping[str, str] | None = None) -> Path:
    """Write sheets with openpyxl; ``formats`` gives the number format of single cells (``SKUs!A3``)."""
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        page = book.create_sheet(name)
        for row in rows:
            page.append(row)
    for place, number_format in (formats or {}).items():
        name, _, cell = place.partition("!")
        book[name][cell].number_format = number_format
    book.save(path)
    return path


def broken(path: Path, place: str, value: Any, number_format: str = "") -> Path:
    """The good workbook with one cell changed."""
    sheets = good()
    name, _, cell = place.partition("!")
    column, row = openpyxl.utils.cell.coordinate_from_string(cell)
    at = openpyxl.utils.column_index_from_string(column) - 1
    sheets[name][row - 1][at] = value
    return save(path, sheets, {place: number_format} if number_format else None)


def findings(path: Path, **values: Any) -> tuple[Finding, ...]:
    """All findings, whether or not the workbook can be used."""
    try:
        return read(path, **values).findings
    except (InputInvalid, InfeasibleCase) as error:
        return error.findings


def read_good(path: Path) -> Case:
    """The case of the good workbook."""
    return read(save(path, good()))
