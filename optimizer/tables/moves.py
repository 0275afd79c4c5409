"""Transfers between nodes: a least-cost flow per SKU from what is to spare to what is wanted (MATHEMATICS.md, 10)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.instance import Bools, Floats, Ints, summed
from models.transport import Ways, cheapest_flow

from .basis import TOLERANCE, PlanBasis, column_of
from .lots import Lots
from .needs import BEFORE, BESIDES, NOW, Needs
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
    ahead: Floats  # units that are sold before any that arrive
    ready: Floats  # days from the start until sales begin


@dataclass(frozen=True)
class Moves:
    """Transfers, one per SKU, origin, target and kind; each array but the last is (M,)."""

    sku: Ints
    origin: Ints
    target: Ints
    kind: Ints
    units: Floats  # whole
    days: Floats  # of travel
    taken: Floats  # (B,) units that leave each of the lots


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
            flow[k, n, period], need.position[k, n] + (need.now[k, n] if kind == BESIDES else 0.0),
            need.opens[k, n] if kind == BEFORE else np.zeros(len(k)),
        ))  # fmt: skip
    return Sinks(*(np.concatenate(part) for part in zip(*parts, strict=True)))


def moves(basis: PlanBasis, lots: Lots, to: Sinks) -> Moves:
    """The transfers that pay: a least-cost flow of all SKUs at once, less those of goods worth less than a transfer."""
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
    most = np.minimum(supply[source], np.minimum(to.units[sink], _sold_in_time(lots.days[at], days, to, sink)))
    usable = most >= 1
    source, sink, at, days, freight, most = (x[usable] for x in (source, sink, at, days, freight, most))
    cost = freight - np.where(lost[source], basis.instance.unit_cost[to.sku[sink]], 0.0)
    cost += BY_DATE * np.minimum(lots.days[at], LONGEST) / LONGEST
    cost += BY_DISTANCE * np.minimum(distances_km(basis)[lots.node[at], to.node[sink]], FARTHEST_KM) / FARTHEST_KM
    flow = cheapest_flow(supply, to.units, to.price, Ways(source, sink, cost, most))
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


def _sold_in_time(expires: Floats, days: Floats, to: Sinks, sink: Ints) -> Floats:
    """(A,) whole units that the target sells before they expire, after what lies there already."""
    left = expires - np.maximum(days, to.ready[sink])
    sold = to.rate[sink] * np.where(np.isfinite(left), left, 0.0) - to.ahead[sink]
    return np.where(np.isinf(expires), np.inf, np.floor(np.maximum(sold, 0.0) + TOLERANCE))


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
    return Moves(sku[keep], origin[keep], target[keep], kind[keep], units[keep], days[first][keep], taken)


def distances_km(basis: PlanBasis) -> Floats:
    """(N,N) great-circle distances between nodes (haversine formula); inf where a place is unknown."""
    nodes, names = basis.case.nodes, basis.instance.nodes
    lat, lon = (np.radians(column_of(nodes, "node", names, axis).to_numpy(float)) for axis in ("lat", "lon"))
    half = (
        np.sin((lat[:, None] - lat) / 2) ** 2
        + np.cos(lat[:, None]) * np.cos(lat) * np.sin((lon[:, None] - lon) / 2) ** 2
    )
    return np.nan_to_num(2 * EARTH_RADIUS_KM * np.arcsin(np.sqrt(np.minimum(half, 1.0))), nan=np.inf)
