"""Purchases within the money there is: the units worth least wait."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from models.instance import Floats, Ints

from .basis import TOLERANCE, PlanBasis

STEPS = 20  # parts into which a purchase is cut at most


@dataclass(frozen=True)
class Orders:
    """Purchases to be made; each array is (O,)."""

    sku: Ints
    node: Ints
    units: Floats  # whole packs, at least the minimum
    there: Floats  # units on hand, on order or moved there before it arrives
    period: Ints  # the period whose demand it is for
    days: Floats  # days from the start until it is placed


def orders_of(
    basis: PlanBasis, sku: Ints, node: Ints, wanted: Floats, there: Floats, period: Ints, days: Floats
) -> Orders:
    """Wanted units as orders: at least the minimum, rounded up to packs."""
    pack = basis.instance.pack_size[sku]
    units = np.ceil(np.maximum(wanted, basis.instance.moq[sku, node]) / pack - TOLERANCE) * pack
    return Orders(sku, node, units, there, period, days)


def cut(basis: PlanBasis, orders: Orders) -> tuple[Floats, list[str]]:
    """(O,) units that are bought within every hard limit on purchases, and for each order what limit cut it ('' none).

    Units are given up in the order of their worth, the least first: the margin on a unit for each money it costs, times
    the chance that it is sold before another order could arrive; then those that lie longest. An order ends at a whole
    number of packs, at its minimum or at nothing.
    """
    units, blamed = orders.units.copy(), [""] * len(orders.units)
    for row in basis.instance.limits:
        if row.measure != "purchases" or row.sense != "max" or np.isfinite(row.penalty):
            continue
        _within(basis, orders, units, np.flatnonzero(row.skus[orders.sku]), row.amount, row.name, blamed)
    return units, blamed


def _within(
    basis: PlanBasis, orders: Orders, units: Floats, chosen: Ints, amount: float, name: str, blamed: list[str]
) -> None:
    """Take parts out of the chosen orders, in place, until they cost no more than the amount."""
    cost = basis.instance.unit_cost[orders.sku]
    over = float((units * cost)[chosen].sum()) - amount
    if over <= TOLERANCE * max(1.0, amount):
        return
    order, first, size = _parts(basis, orders, units, chosen)
    for part in _least_first(basis, orders, order, first, size):
        if over <= TOLERANCE * max(1.0, amount):
            return
        at = int(order[part])
        units[at] = first[part]
        blamed[at] = name
        over -= float(size[part] * cost[at])


def _parts(basis: PlanBasis, orders: Orders, units: Floats, chosen: Ints) -> tuple[Ints, Floats, Floats]:
    """Parts of the orders: which order, units of it before the part, units of the part; the first is the minimum."""
    pieces = []
    for at in chosen.tolist():
        k, n, pack = int(orders.sku[at]), int(orders.node[at]), float(basis.instance.pack_size[orders.sku[at]])
        least = float(np.ceil(max(float(basis.instance.moq[k, n]), pack) / pack - TOLERANCE) * pack)
        step = max(pack, float(np.ceil((units[at] - least) / STEPS / pack - TOLERANCE) * pack))
        edges = np.append(0.0, np.arange(least, units[at] - TOLERANCE, step))
        edges = np.append(edges, units[at])
        pieces.append((np.full(len(edges) - 1, at), edges[:-1], np.diff(edges)))
    order, first, size = (np.concatenate(part) for part in zip(*pieces, strict=True))
    real = size > 0
    return order[real].astype(np.int64), first[real], size[real]


def _least_first(basis: PlanBasis, orders: Orders, order: Ints, first: Floats, size: Floats) -> list[int]:
    """Positions of the parts, those worth least first; of one order always the last part before those above it."""
    instance, found = basis.instance, basis.evaluation
    k, n, t = orders.sku[order], orders.node[order], orders.period[order]
    lead, flow = found.lead_time[k, n, t] + instance.review_days[n], found.flow[k, n, t]
    mean = lead * flow
    spread = lead * found.variance[k, n, t] + (found.lead_time_sd[k, n, t] * flow) ** 2
    spread = np.sqrt(spread + (instance.level_error[k] * mean) ** 2)
    reached = orders.there[order] + first
    sold = np.where(spread > 0, ndtr((mean - reached) / np.where(spread > 0, spread, 1.0)), mean > reached)
    cost = instance.unit_cost[k]
    margin = np.divide(instance.unit_price[k] - cost, cost, out=np.zeros(len(cost)), where=cost > 0)
    worth = np.round(np.maximum(margin, 0.0) * sold, 12)
    cover = np.divide(reached, flow, out=np.full(len(flow), np.inf), where=flow > 0)
    return [int(at) for at in np.lexsort((-first, -cover, worth))]
