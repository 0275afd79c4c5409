"""What lies where today, batch by batch, and how much of it is to spare."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.instance import Bools, Floats, Ints

from ..columns import numbers, positions
from ..shelf import Pace, unsold
from .basis import TOLERANCE, PlanBasis
from .needs import leaves


@dataclass(frozen=True)
class Lots:
    """Batches on hand that may be moved; each array is (B,)."""

    sku: Ints
    node: Ints
    days: Floats  # days from the start until it expires; inf = keeps
    spare: Floats  # whole units that may leave
    doomed: Floats  # of these, units that spoil or have no use where they are


def levels(basis: PlanBasis) -> Floats:
    """(K,N) units that a node keeps whatever else is wanted: its highest order-up-to level of this period and the next;
    of the first two from which it does where it stocks the SKU only later; all where it leaves it after this period
    (and sells what it can); 0 where never."""
    stocked, evaluation = basis.stocked, basis.evaluation
    level = np.where(stocked, evaluation.reorder_point + evaluation.order_quantity, 0.0)
    k, n = np.indices(stocked.shape[:2])
    begins = np.argmax(stocked, axis=2)
    kept = np.maximum(level[k, n, begins], level[k, n, np.minimum(begins + 1, stocked.shape[2] - 1)])
    return np.where(leaves(basis)[0], np.inf, kept)


def lots(basis: PlanBasis, needed: Bools) -> Lots:
    """The batches with something to spare, shortest-dated first at each node.

    What a node cannot sell before it expires, or before the plan leaves the node, is to spare, and whatever lies above
    its level, as far as it can be moved before it expires; where the SKU is needed (K,N), nothing is.
    """
    sku, node, days, units = batches(basis)
    waits = ~basis.stocked[:, :, 0] & basis.stocked.any(axis=2)
    left, last = leaves(basis)
    ends = np.where(left[sku, node], np.minimum(days, last[node] + 1.0), days)
    doomed = np.where(waits[sku, node], 0.0, _doomed(basis, sku, node, ends, units))
    above = np.maximum(basis.instance.on_hand - levels(basis), 0.0)
    movable = np.where(days > basis.case.settings.transfer_days, units - doomed, 0.0)
    spare = doomed + _in_turn(sku, node, movable, above - _total(doomed, sku, node, above.shape))
    spare = np.floor(np.where(needed[sku, node], 0.0, spare) + TOLERANCE)
    some = np.flatnonzero(spare >= 1)
    return Lots(sku[some], node[some], days[some], spare[some], np.minimum(np.floor(doomed + TOLERANCE), spare)[some])


def batches(basis: PlanBasis) -> tuple[Ints, Ints, Floats, Floats]:
    """SKU, node, days until expiry and units of all batches, by SKU, node and date; on hand beyond the Stock sheet's
    batches (there is none unless somebody built the plan by hand) keeps."""
    case, instance = basis.case, basis.instance
    stock = case.stock
    sku = positions(stock["sku"], case.skus["sku"], "Stock!sku")
    node = positions(stock["node"], case.nodes["node"], "Stock!node")
    left = stock["expires"].to_numpy(dtype="datetime64[D]") - np.datetime64(basis.start)
    days = np.where(np.isnat(left), np.inf, left.astype(np.int64))
    units = numbers(stock, "on_hand", 0.0)
    beyond = instance.on_hand - _total(units, sku, node, instance.on_hand.shape)
    if (np.abs(beyond) > TOLERANCE).any():
        sku, node = np.nonzero(instance.on_hand > 0)
        days, units = np.full(sku.size, np.inf), instance.on_hand[sku, node]
    order = np.lexsort((days, node, sku))
    return sku[order], node[order], days[order], units[order]


def _total(units: Floats, sku: Ints, node: Ints, shape: tuple[int, ...]) -> Floats:
    out = np.zeros(shape)
    np.add.at(out, (sku, node), units)
    return out


def _before(sku: Ints, node: Ints, units: Floats) -> Floats:
    """(B,) units of the same SKU and node in the batches above; batches of a cell stand together."""
    total = np.cumsum(units) - units
    first = np.ones(len(sku), dtype=bool)
    first[1:] = (sku[1:] != sku[:-1]) | (node[1:] != node[:-1])
    start = np.maximum.accumulate(np.where(first, np.arange(len(sku)), 0)) if len(sku) else np.zeros(0, np.int64)
    return np.asarray(total - total[start]) if len(sku) else np.zeros(0)


def _doomed(basis: PlanBasis, sku: Ints, node: Ints, days: Floats, units: Floats) -> Floats:
    """(B,) units that are left when they expire, sold shortest-dated first at the flow of each period; all of it where
    the plan does not stock the SKU, and none of what keeps where it does, though it may sell none yet."""
    pace = Pace(basis.instance.days, flows(basis)[sku, node])
    sellable = pace.sold_in(np.where(np.isfinite(days), np.maximum(days, 0.0), 0.0))
    keeps = basis.stocked[sku, node, 0] & np.isinf(days)
    return unsold(sku * len(basis.instance.nodes) + node, units, np.where(keeps, np.inf, sellable))


def flows(basis: PlanBasis) -> Floats:
    """(K,N,T) units a day, of the periods in a row in which a node stocks the SKU from the first on; then as in the
    last of them."""
    out = np.where(basis.stocked, basis.evaluation.flow, 0.0)
    here = np.logical_and.accumulate(basis.stocked, axis=2)
    for t in range(1, out.shape[2]):
        out[:, :, t] = np.where(here[:, :, t], out[:, :, t], out[:, :, t - 1])
    return out


def _in_turn(sku: Ints, node: Ints, units: Floats, wanted: Floats) -> Floats:
    """(B,) what each batch gives of the units ``wanted`` (K,N) of its cell, the first batches first."""
    return np.clip(np.maximum(wanted, 0.0)[sku, node] - _before(sku, node, units), 0.0, units)
