"""Distances and lanes of the example: every carrier's tariff laid over every pair it serves."""

from __future__ import annotations

from bisect import bisect_left

import numpy as np
from numpy.typing import NDArray

from .records import Record, records, words

EARTH_RADIUS_KM = 6371.0
TARIFF = (
    "cost_per_parcel", "cost_per_parcel_1000km", "cost_per_kg", "cost_per_kg_1000km",
    "on_time_rate", "on_time_loss_1000km", "damage_rate",
)  # fmt: skip
Row = dict[str, object]


def distances_km() -> NDArray[np.float64]:
    """Great-circle distance (haversine) from every node to every region, km, shape (nodes, regions)."""
    node, region = _positions("nodes"), _positions("regions")
    lat_from, lon_from = node[:, :1], node[:, 1:]
    lat_to, lon_to = region[:, 0][None, :], region[:, 1][None, :]
    half = np.sin((lat_to - lat_from) / 2) ** 2
    half = half + np.cos(lat_from) * np.cos(lat_to) * np.sin((lon_to - lon_from) / 2) ** 2
    return 2 * EARTH_RADIUS_KM * np.arcsin(np.sqrt(half))


def lanes() -> list[Row]:
    """Rows of the Lanes sheet: node, region and carrier with cost, days, reliability and temperatures."""
    far = distances_km()
    return [
        _lane(node, region, carrier, float(far[n, r]))
        for n, node in enumerate(records("nodes"))
        for r, region in enumerate(records("regions"))
        for carrier in records("carriers")
        if _serves(carrier, node, float(far[n, r]))
    ]


def _positions(name: str) -> NDArray[np.float64]:
    return np.radians([[float(row["lat"]), float(row["lon"])] for row in records(name)])


def _serves(carrier: Record, node: Record, km: float) -> bool:
    return node["type"] in words(carrier["node_types"]) and km <= float(carrier["max_km"] or "inf")


def _lane(node: Record, region: Record, carrier: Record, km: float) -> Row:
    thousand = km / 1000
    tariff = {name: float(carrier[name]) for name in TARIFF}
    on_time = tariff["on_time_rate"] - tariff["on_time_loss_1000km"] * thousand
    return {
        "node": node["node"],
        "region": region["region"],
        "carrier": carrier["carrier"],
        "cost_per_parcel": round(tariff["cost_per_parcel"] + tariff["cost_per_parcel_1000km"] * thousand, 2),
        "cost_per_kg": round(tariff["cost_per_kg"] + tariff["cost_per_kg_1000km"] * thousand, 2),
        "transit_days": _transit_days(carrier["transit_by_km"], km),
        "on_time_rate": round(on_time, 3),
        "damage_rate": tariff["damage_rate"],
        "temperatures": ", ".join(words(carrier["temperatures"])),
        "parcels_per_day": carrier["parcels_per_day"],
    }


def _transit_days(ladder: str, km: float) -> int:
    """Days of the first rung ``km:days`` that reaches that far."""
    rungs = [tuple(map(int, rung.split(":"))) for rung in words(ladder)]
    return rungs[bisect_left([reach for reach, _ in rungs], km)][1]
