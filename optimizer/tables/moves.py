"""Transfers between nodes: a least-cost flow per SKU from what is to spare to what is wanted (MATHEMATICS.md, 10)."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from models.instance import Bools, Floats, Ints, summed
from models.transport import Ways, cheapest_flow

from .basis import TOLERANCE, PlanBasis, column_of
from .lots import Lots, batches
from .needs import BEFORE, BESIDES, NOW, Needs
from .shelves import Dated, granted, shelves
from .stock import sold

EARTH_RADIUS_KM = 6371.0
FARTHEST_KM = 20_100.0  # half way round
BY_DATE, BY_DISTANCE, BY_NEED = 1e-3, 1e-4, 1e-2  # money that decides between ways that cost the same
LONGEST = 3650.0  # days; goods that keep longer are all alike


@dataclass(frozen=True)
class Sinks:
    """Where units are wanted; each array is (D,)."""

    sku: Ints
    node: Ints
    units: Floats  # whole
    kind: Ints  # NOW, BEFORE or BESIDES
    price: Floats  # money a unit costs if no transfer brings it
    rate: Floats  # units a day sold to customers there
    ready: Floats  # days from the start until sales begin


@dataclass(frozen=True)
class Moves:
    """Transfers, one per SKU, origin, target and kind; each array but the last two is (M,)."""

    sku: Ints
    origin: Ints
    target: Ints
    kind: Ints
    units: Floats  # whole
    days: Floats  # of travel
    taken: Floats  # (B,) units that leave each of the lots
    dated: Dated = field(
        default_factory=lambda: Dated(np.zeros(0, dtype=np.int64), np.zeros(0), np.zeros(0))
    )  # brought


def sinks(basis: PlanBasis, need: Needs) -> Sinks:
    """Everything that is wanted, in whole units: pressing needs, openings, then room below the level."""
    instance, flow = basis.instance, sold(basis)
    bought = instance.unit_cost[:, None] + instance.inbound_per_unit
    bought = bought + instance.weight_kg[:, None] * instance.inbound_per_kg
    parts = []
    for kind, wanted in ((NOW, need.now), (BEFORE, need.before), (BESIDES, need.besides)):
        k, n = np.nonzero(np.floor(wanted + TOLERANCE) >= 1)
        period = need.begins[k, n] if kind == BEFORE else np.zeros(len(k), dtype=np.int64)
        parts.append((
            k, n, np.floor(wanted[k, n] + TOLERANCE), np.full(len(k), kind),
            np.zeros(len(k)) if kind == BESIDES else bought[k, n] + BY_NEED * (kind == NOW),
            flow[k, n, period], need.opens[k, n] if kind == BEFORE else np.zeros(len(k)),
        ))  # fmt: skip
    return Sinks(*(np.concatenate(part) for part in zip(*parts, strict=True)))


def moves(basis: PlanBasis, lots: Lots, to: Sinks, *earlier: Moves) -> Moves:
    """The transfers that pay: a least-cost flow of all SKUs at once, less those of goods worth less than a transfer.

    What several lots, or ``earlier`` moves, bring to a node can count on its sales only once: ways that would bring
    more are narrowed, and the flow is found anew.
    """
    doomed = lots.doomed > 0
    kept = lots.spare - lots.doomed >= 1
    lot = np.concatenate([np.flatnonzero(doomed), np.flatnonzero(kept)])
    lost = np.arange(len(lot)) < int(doomed.sum())
    supply = np.where(lost, lots.doomed[lot], lots.spare[lot] - lots.doomed[lot])
    source, sink = _pairs(lots.sku[lot], to.sku)
    back = ~lost[source] & feeds(basis, to.sku[sink], to.node[sink], lots.node[lot][source])
    apart = (lots.node[lot][source] != to.node[sink]) & (lost[source] | (to.kind[sink] != BESIDES)) & ~back
    source, sink = source[apart], sink[apart]
    at = lot[source]
    days, freight = terms(basis, to.sku[sink], lots.node[at], to.node[sink])
    room, cell = _sold_in_time(basis, lots.days[at], days, to, sink, earlier), _cells(basis, to.sku, to.node)[sink]
    most = np.minimum(supply[source], np.minimum(to.units[sink], room))
    usable = most >= 1
    source, sink, at, days, freight, most, room, cell = (
        x[usable] for x in (source, sink, at, days, freight, most, room, cell)
    )
    cost = freight - np.where(lost[source], basis.instance.unit_cost[to.sku[sink]], 0.0)
    cost += BY_DATE * np.minimum(lots.days[at], LONGEST) / LONGEST
    cost += BY_DISTANCE * np.minimum(distances_km(basis)[lots.node[at], to.node[sink]], FARTHEST_KM) / FARTHEST_KM
    while True:
        flow = cheapest_flow(supply, to.units, to.price, Ways(source, sink, cost, most))
        allowed = granted(cell, lots.days[at], flow, room)
        if (allowed == flow).all():
            break
        most = np.where(allowed < flow, allowed, most)
    some = flow > 0
    return _gathered(basis, lots, at[some], to, sink[some], flow[some], days[some])


def feeds(basis: PlanBasis, sku: Ints, above: Ints, node: Ints) -> Bools:
    """(A,) the node ``above`` replenishes the other, directly or through others: what goes up would come down again."""
    feeder = basis.instance.feeder
    out, at = np.zeros(len(sku), dtype=np.bool_), feeder[sku, node]
    while (at >= 0).any():
        out |= at == above
        at = np.where(at >= 0, feeder[sku, at], -1)
    return out


def _pairs(one: Ints, other: Ints) -> tuple[Ints, Ints]:
    """Positions of every pair with the same SKU."""
    order = np.argsort(other, kind="stable")
    first, last = (np.searchsorted(other[order], one, side=side) for side in ("left", "right"))
    count = last - first
    left = np.repeat(np.arange(len(one)), count)
    offset = np.arange(len(left)) - np.repeat(np.cumsum(count) - count, count)
    return left, order[np.repeat(first, count) + offset]


def terms(basis: PlanBasis, sku: Ints, origin: Ints, target: Ints) -> tuple[Floats, Floats]:
    """Days and money per unit from node to node: of the leg where the origin feeds the target, else the settings'."""
    instance, settings = basis.instance, basis.case.settings
    fed = instance.feeder[sku, target] == origin
    weight = instance.weight_kg[sku]
    leg = instance.inbound_per_unit[sku, target] + weight * instance.inbound_per_kg[sku, target]
    days = np.where(fed, instance.lead_time[sku, target], settings.transfer_days)
    return days, np.where(fed, leg, weight * settings.transfer_cost_per_kg)


def _cells(basis: PlanBasis, sku: Ints, node: Ints) -> Ints:
    return np.asarray(sku * len(basis.instance.nodes) + node)


def _sold_in_time(
    basis: PlanBasis, expires: Floats, days: Floats, to: Sinks, sink: Ints, earlier: tuple[Moves, ...]
) -> Floats:
    """(A,) whole units of a lot that the target sells before they expire, were no other to go there."""
    if np.isinf(expires).all():
        return np.full(len(sink), np.inf)
    rate, ready = np.zeros(basis.instance.on_hand.size), np.zeros(basis.instance.on_hand.size)
    cell = _cells(basis, to.sku, to.node)
    rate[cell], ready[cell] = to.rate, to.ready
    sku, node, left, units = batches(basis)
    lying = Dated(_cells(basis, sku, node), left, units)
    return shelves(rate, ready, lying, *(each.dated for each in earlier)).room(cell[sink], expires, days)


def _gathered(basis: PlanBasis, lots: Lots, at: Ints, to: Sinks, sink: Ints, flow: Floats, days: Floats) -> Moves:
    """The flow from lots (A,) to sinks (A,) by way, without goods worth less than ``transfer_cost``; what is needed now
    and what can be used besides go together."""
    nodes, before = len(basis.instance.nodes), to.kind[sink] == BEFORE
    code = ((to.sku[sink] * nodes + lots.node[at]) * nodes + to.node[sink]) * 2 + before
    code, first, of = np.unique(code, return_index=True, return_inverse=True)
    of, cell = of.ravel(), code // 2
    units, kind = summed(of, flow, len(code)), np.full(len(code), BESIDES)
    np.minimum.at(kind, of, to.kind[sink])
    sku, origin, target = cell // nodes // nodes, cell // nodes % nodes, cell % nodes
    keep: Bools = units * basis.instance.unit_cost[sku] >= basis.case.settings.transfer_cost - TOLERANCE
    taken = summed(at, flow * keep[of], len(lots.sku))
    dated = Dated(_cells(basis, to.sku, to.node)[sink], lots.days[at], flow * keep[of])
    return Moves(sku[keep], origin[keep], target[keep], kind[keep], units[keep], days[first][keep], taken, dated)


def distances_km(basis: PlanBasis) -> Floats:
    """(N,N) great-circle distances between nodes (haversine formula); inf where a place is unknown."""
    nodes, names = basis.case.nodes, basis.instance.nodes
    lat, lon = (np.radians(column_of(nodes, "node", names, axis).to_numpy(float)) for axis in ("lat", "lon"))
    half = (
        np.sin((lat[:, None] - lat) / 2) ** 2
        + np.cos(lat[:, None]) * np.cos(lat) * np.sin((lon[:, None] - lon) / 2) ** 2
    )
    return np.nan_to_num(2 * EARTH_RADIUS_KM * np.arcsin(np.sqrt(np.minimum(half, 1.0))), nan=np.inf)
