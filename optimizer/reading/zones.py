"""Lanes nobody gave: cost and days estimated from great-circle distance by a table of zones.

The distances at which the zones change are those of the parcel zones of the United States (150, 300, 600, 1,000, 1,400
and 1,800 miles), with a local zone of 50 miles before and an overseas zone after them. Costs and days are round
planning figures in the shape of ground parcel tariffs, not anybody's tariff: put your own on the Lanes sheet.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
EARTH_RADIUS_KM = 6371.0088  # mean radius, IUGG


@dataclass(frozen=True)
class Zone:
    """One line of the zone table: what a parcel over at most ``up_to_km`` costs and takes."""

    up_to_km: float
    cost_per_parcel: float  # money/parcel
    cost_per_kg: float  # money/kg
    transit_days: float  # days


ZONES: tuple[Zone, ...] = (
    Zone(80.0, 5.00, 0.30, 1.0),
    Zone(241.0, 6.00, 0.40, 1.0),
    Zone(483.0, 6.75, 0.55, 2.0),
    Zone(966.0, 7.50, 0.75, 2.0),
    Zone(1609.0, 8.50, 1.00, 3.0),
    Zone(2253.0, 9.50, 1.25, 4.0),
    Zone(2897.0, 10.50, 1.50, 4.0),
    Zone(5000.0, 12.00, 1.85, 5.0),
    Zone(np.inf, 25.00, 6.00, 9.0),
)


def distance_km(lat_a: Floats, lon_a: Floats, lat_b: Floats, lon_b: Floats) -> Floats:
    """Great-circle distance by the haversine formula; degrees in, km out, any broadcastable shapes.

    haversin(d/R) = haversin(lat_b - lat_a) + cos(lat_a) cos(lat_b) haversin(lon_b - lon_a)
    (Sinnott, Virtues of the Haversine, Sky and Telescope 68, 1984). A quarter of a meridian is 10,007.6 km:

    >>> float(distance_km(np.array(0.0), np.array(0.0), np.array(90.0), np.array(0.0)).round(1))
    10007.6
    """
    a, b = np.radians(lat_a), np.radians(lat_b)
    half = np.sin((b - a) / 2) ** 2 + np.cos(a) * np.cos(b) * np.sin(np.radians(lon_b - lon_a) / 2) ** 2
    return 2 * EARTH_RADIUS_KM * np.arcsin(np.sqrt(np.clip(half, 0.0, 1.0)))


def estimate(km: Floats) -> dict[str, Floats]:
    """cost_per_parcel, cost_per_kg, transit_days of each distance; NaN where the distance is unknown.

    >>> {name: value.tolist() for name, value in estimate(np.array([80.0, 80.1])).items()}["cost_per_parcel"]
    [5.0, 6.0]
    """
    zone = np.searchsorted([zone.up_to_km for zone in ZONES], np.nan_to_num(km, nan=np.inf), side="left")
    known = np.isfinite(km)
    return {
        name: np.where(known, np.array([getattr(zone, name) for zone in ZONES])[zone], np.nan)
        for name in ("cost_per_parcel", "cost_per_kg", "transit_days")
    }
