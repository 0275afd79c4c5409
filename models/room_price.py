"""What room is worth when orders are sized: orders are smaller where rooms are full.

The economic order quantity weighs orders against what stock costs to hold. Where a room is full, each cubic metre that
an order takes keeps something else out, and the rent of the certified bound says what that is worth. Counted as storage
cost when orders are sized, it is the multiplier of the economic order quantity under limited space (Hadley & Whitin,
Analysis of Inventory Systems, 1963, ch. 2). Rents fall as orders shrink, so only part of the way to them is gone.
"""

from __future__ import annotations

import numpy as np

from .instance import Floats, Instance
from .outcome import Rents

STEP = 2.0 / 3.0  # of the way from the price to the rent
WORTH = 0.03  # of the bound: what rent and price must differ by, all rooms together, for orders to be sized anew


class FullRooms(Exception):
    """Room is worth so much that orders are to be sized anew: the price to size them with, and the bound without it."""

    def __init__(self, price: Floats, bound: float) -> None:
        super().__init__("rooms are full")
        self.price, self.bound = price, bound


class NoCheaper(Exception):
    """Orders sized anew do not lower the bound."""


def better_price(instance: Instance, rents: Rents, bound: float) -> Floats | None:
    """(N,3) money/m3/month nearer to the rents (means over the periods) of a bound; None where it is near enough.

    ``instance.room_price`` is the price that orders were sized with.
    """
    months = float(instance.months.sum())
    rent = rents.room.sum(axis=2) / months
    price = instance.room_cost
    finite = np.where(np.isfinite(instance.room_m3), instance.room_m3, 0.0)
    off = float((np.abs(rent - price) * finite).sum()) * months
    if off <= WORTH * abs(bound):
        return None
    return np.asarray(np.where(finite > 0, price + STEP * (rent - price), 0.0))
