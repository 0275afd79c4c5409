"""Which lines of an order can travel in one parcel (MATHEMATICS.md, sections 2 and "Orders of several SKUs")."""

from __future__ import annotations

import numpy as np

from .instance import TEMPERATURES, Bools, Floats, Ints, summed


def carried_together(lane_region: Ints, lane_temperatures: Bools, regions: int) -> Bools:
    """(R,8) a lane to the region carries all of some temperatures: bits 1 ambient, 2 chilled, 4 frozen.

    lane_region (L,), lane_temperatures (L,3). Nothing at all is carried wherever there is a lane.
    """
    out = np.zeros((regions, 1 << len(TEMPERATURES)), dtype=bool)
    for bits in range(out.shape[1]):
        needed = [bool(bits >> t & 1) for t in range(len(TEMPERATURES))]
        out[lane_region[lane_temperatures[:, needed].all(axis=1)], bits] = True
    return out


def consignments(order: Ints, region: Ints, day: Ints, temperature: Ints, together: Bools) -> Ints:
    """(M,) number of each line's consignment, from 0 without wide gaps: lines of one order, region and day, those of
    one temperature where no lane carries all the order's. ``order`` numbers from 0; ``together`` (R,8).
    """
    if not len(order):
        return np.zeros(0, dtype=np.int64)
    since = int(day.min())
    key = (order.astype(np.int64) * len(together) + region) * (int(day.max()) - since + 1) + (day - since)
    whole = np.unique(key, return_inverse=True)[1]
    bits = np.zeros(int(whole.max()) + 1, dtype=np.int64)
    for t in range(len(TEMPERATURES)):
        bits[whole[temperature == t]] |= 1 << t
    return np.asarray(whole * (len(TEMPERATURES) + 1) + parts(bits[whole], region, temperature, together))


def parts(bits: Ints, region: Ints, temperature: Ints, together: Bools) -> Ints:
    """(M,) 0 for lines of an order whose temperatures (bits) travel together, else 1 + the line's own temperature."""
    return np.where(together[region, bits], 0, 1 + temperature)


def parcels_per_unit(consignment: Ints, sku: Ints, quantity: Floats, skus: int) -> Floats:
    """u (K,): sum over the SKU's lines of quantity / units in the consignment, over its units; 1 without lines."""
    if not consignment.size:
        return np.ones(skus)
    shipped = np.bincount(consignment, quantity)[consignment]
    part = np.divide(quantity, shipped, out=np.zeros_like(shipped), where=shipped > 0)
    parcels, units = summed(sku, part, skus), summed(sku, quantity, skus)
    return np.divide(parcels, units, out=np.ones(skus), where=units > 0)
