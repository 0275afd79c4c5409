"""Stock on the Monday of the example: roughly what recent sales need, with a few shortages and overstocks."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from .history import LAST_DAY, Lines
from .network import Row, distances_km
from .records import Record, records

RECENT_DAYS = 56
FRESH_NODES = ("EWR", "DFW", "FAT")
SPREADS = (  # (SKUs up to this share of recent sales value, nodes that hold them)
    (0.30, ("CMH", "DFW", "FAT", "ATL")),
    (0.62, ("CMH", "DFW", "FAT")),
    (0.78, ("CMH", "FAT")),
    (1.00, ("CMH",)),
)
COVER_DAYS = {"A": (18.0, 46.0), "C": (35.0, 95.0), "fresh": (5.0, 13.0), "frozen": (12.0, 28.0)}
SHORT, OVER = 0.06, 0.05  # chance that a row is nearly empty, or holds far too much
REORDER_COVER_DAYS = 16.0


def stock(seed: int, lines: Lines) -> list[Row]:
    """Rows of the Stock sheet, one per SKU and node of the placement in force."""
    chance = np.random.default_rng([seed, 2])
    rate = _recent_rate(lines)
    far = distances_km()
    names = [row["node"] for row in records("nodes")]
    rows = []
    for k, (sku, held) in enumerate(zip(records("catalogue"), _placement(rate.sum(axis=1)), strict=True)):
        nodes = [names.index(node) for node in held]
        nearest = np.argmin(far[nodes], axis=0)
        for position, node in enumerate(held):
            flow = float(rate[k, nearest == position].sum())
            rows.append(_row(chance, sku, node, flow, len(held) > 1))
    return rows


def _recent_rate(lines: Lines) -> NDArray[np.float64]:
    """Units per day over the last weeks, shape (skus, regions)."""
    last = (lines.day >= lines.day.max() - RECENT_DAYS + 1) & (lines.status == 0)
    rate = np.zeros((len(records("catalogue")), len(records("regions"))))
    np.add.at(rate, (lines.sku[last], lines.region[last]), lines.quantity[last] / RECENT_DAYS)
    return rate


def _placement(rate: NDArray[np.float64]) -> list[tuple[str, ...]]:
    """Nodes that hold each SKU: fresh goods in the cold rooms, the best sellers spread, the rest central."""
    skus = records("catalogue")
    value = rate * np.array([float(sku["unit_price"]) for sku in skus])
    order = np.argsort(-value, kind="stable")
    reached = np.empty(len(skus))
    reached[order] = np.cumsum(value[order]) / value.sum()
    return [_nodes(sku, share) for sku, share in zip(skus, reached, strict=True)]


def _nodes(sku: Record, share: float) -> tuple[str, ...]:
    if sku["temperature"] != "ambient":
        return FRESH_NODES if share < SPREADS[2][0] else FRESH_NODES[::2]
    spread = next(nodes for reach, nodes in SPREADS if share <= reach + 1e-9)
    return spread[:1] if sku["requires"] else spread


def _row(chance: np.random.Generator, sku: Record, node: str, flow: float, spread: bool) -> Row:
    kind = {"chilled": "fresh", "frozen": "frozen"}.get(sku["temperature"], "A" if spread else "C")
    low, high = COVER_DAYS[kind]
    cover, luck, age = low + (high - low) * chance.random(), chance.random(), chance.random()
    if luck < SHORT:
        cover = 1.5
    elif luck > 1 - OVER:
        cover *= 3 if kind != "fresh" else 1.6
    pack = int(sku["pack_size"])
    on_order = max(1, round(flow * 21 / pack)) * pack if cover < min(REORDER_COVER_DAYS, (low + high) / 2) else 0
    return {
        "sku": sku["sku"],
        "node": node,
        "on_hand": round(flow * cover),
        "on_order": on_order or "",
        "expires": _expiry(sku, age),
    }


def _expiry(sku: Record, age: float) -> str:
    """The oldest batch still has between a third and nine tenths of its life."""
    if not sku["shelf_life_days"]:
        return ""
    left = round(int(sku["shelf_life_days"]) * (0.9 - 0.55 * age))
    return (LAST_DAY + timedelta(left)).isoformat()
