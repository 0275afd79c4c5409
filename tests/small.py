"""A small brand as a workbook: six SKUs, three nodes, four regions, a plan in a second."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path
from random import Random
from typing import Any

from openpyxl import Workbook

Rows = list[list[Any]]
REGIONS = (("NE", 40.7, -74.0), ("SE", 33.7, -84.4), ("MW", 41.9, -87.6), ("W", 34.1, -118.2))
NODES = (
    ("MAIN", "central", "open", 39.9, -86.2, 500, 6, 0),
    ("EAST", "regional", "open", 40.7, -74.0, 300, 8, 0),
    ("WEST", "regional", "candidate", 34.1, -118.2, 300, 9, 400),
)
COSTS = (12, 30, 7, 55, 18, 4)


def sheets() -> dict[str, Rows]:
    """Every sheet with its header row; change what a test is about, then :func:`write`."""
    nodes = [[*row[:3], row[3], row[4], row[5], row[6], row[7], 0.4, 7, 1] for row in NODES]
    node_columns = [
        "node",
        "type",
        "status",
        "lat",
        "lon",
        "ambient_m3",
        "storage_cost_per_m3_month",
        "fixed_cost_per_month",
    ]
    return {
        "Orders": [["order_id", "date", "sku", "quantity", "region"], *_orders()],
        "SKUs": [
            ["sku", "unit_cost", "volume_l", "weight_kg"],
            *([f"P-{k}", cost, 2, 0.6] for k, cost in enumerate(COSTS)),
        ],
        "Nodes": [[*node_columns, "handling_cost_per_unit", "lead_time_days", "lead_time_sd"], *nodes],
        "Regions": [["region", "lat", "lon", "promise_days"], *([*row, 4] for row in REGIONS)],
        "Settings": [["setting", "value"], ["start", date(2027, 1, 1)], ["periods", 2]],
    }


def pairs() -> dict[str, Rows]:
    """The same, every order one of five pairs of SKUs at random: a plan of it brings two SKUs together."""
    found = sheets()
    together, rng = ((0, 1), (2, 3), (4, 5), (0, 3), (1, 4)), Random(1)
    head, *rows = found["Orders"]
    lines = [[f"O-{at}", row[1], f"P-{k}", *row[3:]] for at, row in enumerate(rows) for k in rng.choice(together)]
    return found | {"Orders": [head, *lines]}


def _orders() -> Rows:
    """Half a year of lines, two a day: SKU and region go round at different paces, quantities 1 to 3."""
    first = date(2026, 7, 1)
    return [
        [
            f"O-{number}",
            first + timedelta(number // 2),
            f"P-{number * number % 6}",
            1 + number % 3,
            REGIONS[number % 4][0],
        ]
        for number in range(2 * 184)
    ]


def write(path: Path, tables: Mapping[str, Rows]) -> Path:
    """Write the sheets as a workbook."""
    book = Workbook()
    book.remove(book.active)
    for name, rows in tables.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    book.save(path)
    return path
