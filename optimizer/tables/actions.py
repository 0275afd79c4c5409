"""The Actions sheet: what to open, close, move and buy at the start of the plan."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from models.instance import Floats, Instance, Ints

from .basis import TOLERANCE, PlanBasis, column_of, first_day
from .columns import ACTIONS, frame
from .stock import later, orders_now, stocked_source, suppliers

EARTH_RADIUS_KM = 6371.0


@dataclass(frozen=True)
class Action:
    """One line of the sheet; sku is '' for nodes, from and to are '' where they do not apply."""

    action: str
    sku: str
    origin: str
    target: str
    quantity: float  # units, nan for nodes
    value: float  # money
    ship_by: date
    reason: str


def actions(basis: PlanBasis) -> pd.DataFrame:
    """The Actions sheet: nodes to open and close, then transfers, then purchases, in the order of the SKUs sheet."""
    need = orders_now(basis)
    moves, unmet = _surplus_moves(basis, need)
    supplies = list(_supplies(basis, unmet))
    lines = [*_node_actions(basis), *moves, *supplies]
    lines.sort(key=lambda line: ("open", "close", "transfer", "purchase").index(line.action))
    return frame(
        ACTIONS,
        {
            "action": [line.action for line in lines],
            "sku": [line.sku for line in lines],
            "from": [line.origin for line in lines],
            "to": [line.target for line in lines],
            "quantity": [line.quantity for line in lines],
            "value": [line.value for line in lines],
            "ship_by": [line.ship_by for line in lines],
            "reason": [line.reason for line in lines],
        },
    )


def _node_actions(basis: PlanBasis) -> Iterator[Action]:
    """A node opens where it is open and was not the period before; candidates were not open before the plan."""
    instance, is_open = basis.instance, basis.open
    before = np.column_stack([is_open[:, 0] & ~instance.candidate, is_open[:, :-1]])
    for period, node in zip(*np.nonzero((is_open != before).T), strict=True):
        name, day = instance.nodes[node], first_day(instance.periods[period])
        if is_open[node, period]:
            cost = float(instance.opening_cost[node]) if instance.candidate[node] else 0.0
            reason = "the plan opens it" if instance.candidate[node] else "becomes available"
            yield Action("open", "", "", name, np.nan, cost, day, f"{reason} from {instance.periods[period]}")
        else:
            reason = "the plan closes it" if instance.available[node, period] else "no longer available"
            yield Action("close", "", name, "", np.nan, 0.0, day, f"{reason} from {instance.periods[period]}")


def surplus(basis: PlanBasis) -> Floats:
    """(K,N) whole units to spare today: above the first order-up-to level, or all where no period stocks the SKU."""
    instance, evaluation = basis.instance, basis.evaluation
    level = evaluation.reorder_point[:, :, 0] + evaluation.order_quantity[:, :, 0]
    kept = np.where(basis.stocked[:, :, 0], level, np.where(basis.stocked.any(axis=2), np.inf, 0.0))
    return np.floor(np.maximum(instance.on_hand - kept, 0.0) + TOLERANCE)


def _surplus_moves(basis: PlanBasis, need: Floats) -> tuple[list[Action], Floats]:
    """Transfers from surplus to need of the same SKU, nearest pair first; and the (K,N) need that remains.

    A transfer of goods worth less than `transfer_cost` is not proposed.
    """
    spare, unmet = surplus(basis), need.copy()
    sku, origin, target = _pairs(spare > 0, need > 0)
    distance = distances_km(basis)[origin, target]
    least_value, moves = basis.case.settings.transfer_cost, []
    for at in np.lexsort((target, origin, distance, sku)):
        k, n, m = int(sku[at]), int(origin[at]), int(target[at])
        quantity = float(np.floor(min(spare[k, n], unmet[k, m]) + TOLERANCE))
        if quantity < 1 or quantity * float(basis.instance.unit_cost[k]) < least_value:
            continue
        spare[k, n] -= quantity
        unmet[k, m] -= quantity
        moves.append(_move(basis, k, n, m, quantity))
    return moves, unmet


def _pairs(origins: np.ndarray, targets: np.ndarray) -> tuple[Ints, Ints, Ints]:
    """SKU, origin and target of every pair of different nodes, from two (K,N) masks."""
    rows = np.nonzero(origins.any(axis=1) & targets.any(axis=1))[0]
    at, origin, target = np.nonzero(origins[rows][:, :, None] & targets[rows][:, None, :])
    apart = origin != target
    return rows[at[apart]], origin[apart], target[apart]


def _move(basis: PlanBasis, k: int, origin: int, target: int, quantity: float) -> Action:
    instance = basis.instance
    stays = basis.stocked[k, origin, 0]
    why = "above its order-up-to level" if stays else "no longer stocked"
    reason = f"{why} at {instance.nodes[origin]}, below its reorder point at {instance.nodes[target]}"
    return _transfer(instance, k, origin, target, quantity, basis.start, reason)


def _transfer(instance: Instance, k: int, origin: int, target: int, quantity: float, day: date, reason: str) -> Action:
    value = quantity * float(instance.unit_cost[k])
    return Action(
        "transfer", instance.skus[k], instance.nodes[origin], instance.nodes[target], quantity, value, day, reason
    )


def _supplies(basis: PlanBasis, unmet: Floats) -> Iterator[Action]:
    """What surplus does not cover comes from the node's source: the stocked feeder above it, or the supplier."""
    instance, above, names = basis.instance, stocked_source(basis), suppliers(basis)
    stock = np.maximum(instance.on_hand, 0.0)
    for k, n in zip(*np.nonzero(unmet > TOLERANCE), strict=True):
        feeder = int(above[k, n])
        if feeder >= 0:
            yield from _from_feeder(basis, k, n, feeder, float(unmet[k, n]), stock)
            continue
        pack, moq = instance.pack_size[k], instance.moq[k, n]
        quantity = float(np.ceil(max(unmet[k, n], moq) / pack - TOLERANCE) * pack)
        value = quantity * float(instance.unit_cost[k])
        reason = f"on hand + on order at or below the reorder point at {instance.nodes[n]}"
        yield Action("purchase", instance.skus[k], names[k], instance.nodes[n], quantity, value, basis.start, reason)


def _from_feeder(basis: PlanBasis, k: int, n: int, feeder: int, wanted: float, stock: Floats) -> Iterator[Action]:
    """Ship what the feeder has; the rest when its own next order has come in. Takes what is shipped out of `stock`."""
    instance = basis.instance
    ready = min(wanted, float(np.floor(stock[k, feeder] + TOLERANCE)))
    stock[k, feeder] -= ready
    arrival = later(basis.start, float(basis.evaluation.lead_time[k, feeder, 0]))
    waits = f"replenishment, once {instance.nodes[feeder]} has received its own"
    for quantity, day, reason in ((ready, basis.start, "replenishment"), (wanted - ready, arrival, waits)):
        if quantity > TOLERANCE:
            yield _transfer(instance, k, feeder, n, quantity, day, reason)


def distances_km(basis: PlanBasis) -> Floats:
    """(N,N) great-circle distances between nodes (haversine formula); inf where a place is unknown."""
    nodes, names = basis.case.nodes, basis.instance.nodes
    lat, lon = (np.radians(column_of(nodes, "node", names, axis).to_numpy(float)) for axis in ("lat", "lon"))
    half = (
        np.sin((lat[:, None] - lat) / 2) ** 2
        + np.cos(lat[:, None]) * np.cos(lat) * np.sin((lon[:, None] - lon) / 2) ** 2
    )
    return np.nan_to_num(2 * EARTH_RADIUS_KM * np.arcsin(np.sqrt(np.minimum(half, 1.0))), nan=np.inf)
