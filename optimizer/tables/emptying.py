"""Nodes that the plan leaves at the end of the first period: what is expected to lie there, and where it goes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import numpy as np

from models.instance import Floats

from .basis import TOLERANCE, PlanBasis
from .lots import Lots
from .moves import Moves, Sinks, feeds, moves
from .needs import BESIDES, leaves
from .stock import later, sold, sold_in_a_row


def leftovers(basis: PlanBasis, arriving: Floats, leaving: Floats, *moved: Moves) -> Iterator[tuple[Any, ...]]:
    """The fields of an Action for every transfer out of a node that is left, and for what no node can take.

    Expected then: on hand, on order and ``arriving``, less ``leaving`` (K,N), less what is sold until the last day.
    None goes to a node that has ``moved`` the SKU to another: that would bring back what was to spare there.
    """
    left, last = leaves(basis)
    if not left.any():
        return
    instance = basis.instance
    sold = basis.evaluation.flow[:, :, 0] * np.minimum(last + 1.0, instance.days[0])
    expected = np.maximum(instance.on_hand + instance.on_order + arriving - leaving - sold, 0.0)
    lying = np.where(left, np.floor(expected + TOLERANCE), 0.0)
    k, n = np.nonzero(lying >= 1)
    there = Lots(k, n, np.full(len(k), np.inf), lying[k, n], lying[k, n])
    room = _room(basis, expected)
    for each in moved:
        away = ~feeds(basis, each.sku, each.origin, each.target)
        room[each.sku[away], each.origin[away]] = 0.0
    found = moves(basis, there, _takers(basis, room))
    for at in range(len(found.sku)):
        sku, origin, target = int(found.sku[at]), int(found.origin[at]), int(found.target[at])
        units = float(found.units[at])
        lying[sku, origin] -= units
        day = basis.start + timedelta(days=int(last[origin]))
        reason = f"expected to be left when {instance.nodes[origin]} ceases to stock it"
        fields = instance.skus[sku], instance.nodes[origin], instance.nodes[target], units
        yield "transfer", *fields, units * instance.unit_cost[sku], day, later(day, float(found.days[at])), reason
    for sku, origin in zip(k.tolist(), n.tolist(), strict=True):
        units = float(lying[sku, origin])
        if units >= 1:
            day = basis.start + timedelta(days=int(last[origin]))
            reason = f"expected to be left when {instance.nodes[origin]} ceases to stock it: sell off by then"
            fields = instance.skus[sku], instance.nodes[origin], "", units
            yield "clear", *fields, units * instance.unit_cost[sku], day, None, reason


def _room(basis: PlanBasis, expected: Floats) -> Floats:
    """(K,N) whole units that fit below the next period's level of each node that stocks the SKU then, or that it sells
    from then on."""
    level = basis.evaluation.reorder_point[:, :, 1] + basis.evaluation.order_quantity[:, :, 1]
    level = np.maximum(level, sold_in_a_row(basis, since=1))
    return np.where(basis.stocked[:, :, 1], np.floor(np.maximum(level - expected, 0.0) + TOLERANCE), 0.0)


def _takers(basis: PlanBasis, room: Floats) -> Sinks:
    """The nodes with room for a unit."""
    k, n = np.nonzero(room >= 1)
    none = np.zeros(len(k))
    return Sinks(k, n, room[k, n], np.full(len(k), BESIDES), none, sold(basis)[k, n, 1], none)
