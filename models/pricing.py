"""Sets under rents: what each costs with the rents of all it uses, and each SKU's cheapest path of sets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from . import routing
from .batches import Batch, over_sets
from .instance import Bools, Floats, Instance, Ints, LimitRow
from .patterns import Family


@dataclass(frozen=True)
class Prices:
    """Rents on everything a pattern uses, and the extra weight of its cost. All per unit of use, money."""

    room: Floats  # (N,3,T)
    value: Floats  # (N,T)
    units: Floats  # (N,T)
    flow: Floats  # (N,T)
    slots: Floats  # (N,T)
    lane: Floats  # (L,T) per parcel/day
    stocked: Floats | None  # (K,N,T) on stocking the SKU at the node
    used: Floats | None  # (K,N,T) on stocking at the node or passing through it
    limits: Floats  # (number of limits, T), on the limit's measure; late parcels for on_time_share


def priced(instance: Instance, batch: Batch, prices: Prices, t: int) -> Floats:
    """(S,B) cost of each set in period t plus the rents of all it uses."""
    family, skus = batch.family, batch.skus
    node = family.cells.node
    per_average, per_peak, per_flow, per_stocked, per_used = rents(instance, batch, prices, t)
    rent = (
        per_average.T[node] * batch.average[t]
        + per_peak.T[node] * batch.peak[t]
        + per_flow.T[node] * batch.flow[t]
        + per_stocked.T[node] * family.cells.stocked[:, None]
    )
    if per_used is not None:
        rent += per_used.T[node]
    rent[-1] = 0.0
    total = over_sets(family, rent)
    total += _weighted(batch.cost[t], cost_weight(instance, skus, prices, t))
    for by_lane, factor in regional_rents(instance, skus, prices, t):
        by_set = np.where(family.primary >= 0, by_lane[family.primary], 0.0)
        total += by_set @ (instance.mean[skus, :, t] * factor[:, None]).T
    total += _purchase_rent(instance, batch, prices, t)
    if t == 0 and instance.in_force is not None:
        total += (change_rents(instance, skus, prices, "changes") * instance.in_force[skus]).sum(axis=1)
        total += (change_rents(instance, skus, prices, "change_value") * instance.left_value[skus]).sum(axis=1)
    return total


def _weighted(cost: Floats, weight: Floats) -> Floats:
    """Costs (S,B) times weights (B,); what is not admissible stays infinite."""
    if (weight == 1.0).all():
        return cost
    if weight.min() > 0.0:
        return cost * weight
    return np.where(np.isfinite(cost), np.where(np.isfinite(cost), cost, 0.0) * weight, np.inf)


def cost_weight(instance: Instance, skus: Ints, prices: Prices, t: int) -> Floats:
    """(B,) weight of a SKU's own cost in period t: one plus the rents of the limits on cost."""
    weight = np.ones(len(skus))
    for i, limit in enumerate(instance.limits):
        if limit.measure == "cost" and limit.periods[t]:
            weight = weight + prices.limits[i, t] * limit.skus[skus]
    return weight


Rents = tuple[Floats, Floats, Floats, Floats, Floats | None]


def rents(instance: Instance, batch: Batch, prices: Prices, t: int) -> Rents:
    """Rents (B,N) per unit of average stock, peak stock, flow, stocking and use, all measures folded in."""
    skus = batch.skus
    shape = (len(skus), len(instance.nodes))
    room = prices.room[:, instance.temperature[skus], t].T
    by_measure = {
        "volume_m3": room.copy(),
        "value": np.broadcast_to(prices.value[:, t], shape).copy(),
        "units": np.broadcast_to(prices.units[:, t], shape).copy(),
        "units_per_day": np.broadcast_to(prices.flow[:, t], shape).copy(),
        "skus": np.broadcast_to(prices.slots[:, t], shape).copy(),
    }
    for i, limit in enumerate(instance.limits):
        if limit.measure in by_measure and limit.regions is None and prices.limits[i, t] != 0.0:
            by_measure[limit.measure] += prices.limits[i, t] * np.outer(limit.skus[skus], limit.nodes)
    if t == 0 and instance.in_force is not None:
        by_value = change_rents(instance, skus, prices, "change_value")
        by_measure["skus"] += change_rents(instance, skus, prices, "changes") * instance.turns[skus]
        by_measure["skus"] -= by_value * instance.left_value[skus]
        by_measure["value"] += by_value * ~instance.in_force[skus]
    volume = by_measure["volume_m3"] * instance.volume_m3[skus, None]
    stock = by_measure["value"] * instance.unit_cost[skus, None] + by_measure["units"]
    slots = by_measure["skus"]
    if prices.stocked is not None:
        slots = slots + prices.stocked[skus, :, t]
    used = None if prices.used is None else prices.used[skus, :, t]
    return stock, volume, by_measure["units_per_day"], slots, used


def change_rents(instance: Instance, skus: Ints, prices: Prices, measure: str) -> Floats:
    """(B,N) rent on a placement that is not as it was before the first period, or on the value of such a one."""
    total = np.zeros((len(skus), len(instance.nodes)))
    for i, limit in enumerate(instance.limits):
        if limit.measure == measure:
            total += prices.limits[i, 0] * np.outer(limit.skus[skus], limit.nodes)
    return total


def regional_rents(instance: Instance, skus: Ints, prices: Prices, t: int) -> Iterator[tuple[Floats, Floats]]:
    """Rents that depend on the lane used: pairs of (rent per lane (L,), parcels or units per unit of demand (B,))."""
    if prices.lane[:, t].any():
        yield prices.lane[:, t], instance.parcels_per_unit[skus]
    for i, limit in enumerate(instance.limits):
        if prices.limits[i, t] != 0.0:
            by_lane = lane_coefficients(instance, limit)
            if by_lane is not None:
                share = instance.parcels_per_unit[skus] if limit.measure == "on_time_share" else np.ones(len(skus))
                yield prices.limits[i, t] * by_lane, share * limit.skus[skus]


def lane_coefficients(instance: Instance, limit: LimitRow) -> Floats | None:
    """(L,) use of a limit per parcel (late parcels) or unit (units shipped) on each lane; None for other measures."""
    regions = limit.regions
    to = np.ones(len(instance.lane_node)) if regions is None else regions[instance.lane_region].astype(float)
    if limit.measure == "on_time_share":
        return routing.late_share(instance) * to
    if limit.measure == "units_per_day" and regions is not None:
        return limit.nodes[instance.lane_node] * to
    return None


def _purchase_rent(instance: Instance, batch: Batch, prices: Prices, t: int) -> Floats | float:
    if t:
        return 0.0
    rent = np.zeros(len(batch.skus))
    for i, limit in enumerate(instance.limits):
        if limit.measure == "purchases":
            rent = rent + prices.limits[i, 0] * limit.skus[batch.skus]
    if not rent.any():
        return 0.0
    average = over_sets(batch.family, batch.average[0])
    return rent * purchases(instance, batch.skus, average)


def purchases(instance: Instance, skus: Ints, average_stock: Floats) -> Floats:
    """Money to buy in the first period: demand plus the stock aimed at, less what is there (section 8).

    average_stock (..., B) units over all nodes -> (..., B) money.
    """
    wanted = instance.days[0] * instance.mean[skus, :, 0].sum(axis=1) + average_stock
    there = (instance.on_hand[skus] + instance.on_order[skus]).sum(axis=1)
    return instance.unit_cost[skus] * np.maximum(0.0, wanted - there)


@dataclass(frozen=True)
class Best:
    """The cheapest path of each SKU of a batch."""

    skus: Ints  # (B,)
    cost: Floats  # (B,) cost plus rents, change costs included; inf = no admissible path
    path: Ints  # (B,T) set indices


def cheapest_paths(instance: Instance, batch: Batch, prices: Prices) -> Best:
    """Dynamic program over the subset lattice: drop nodes, then add nodes, between any two periods."""
    reached = forward(instance, batch, prices)
    columns = np.arange(len(batch.skus))
    path = np.zeros((len(batch.skus), len(reached)), dtype=np.int64)
    path[:, -1] = np.argmin(reached[-1], axis=0)
    for t in range(len(reached) - 2, -1, -1):
        total = change_between(instance, batch.family, path[:, t + 1])
        total *= cost_weight(instance, batch.skus, prices, t + 1)
        total += reached[t]
        path[:, t] = np.argmin(total, axis=0)
    return Best(batch.skus, reached[-1][path[:, -1], columns], path)


def forward(instance: Instance, batch: Batch, prices: Prices) -> list[Floats]:
    """Per period, the cheapest way (S,B) to be at each set at its end."""
    reached = [priced(instance, batch, prices, 0) + first_change(instance, batch, prices)]
    for t in range(1, len(instance.periods)):
        weight = cost_weight(instance, batch.skus, prices, t)
        drop, add = weight * instance.change_cost_out, weight * instance.change_cost_in
        reached.append(sweep(batch.family, reached[-1], drop, add))
        reached[-1] += priced(instance, batch, prices, t)
    return reached


def first_change(instance: Instance, batch: Batch, prices: Prices) -> Floats | float:
    """(S,B) change cost from the placement in force into the first period's set; zero when it is not known."""
    if instance.in_force is None:
        return 0.0
    sets = batch.family.sets
    before = instance.in_force[batch.skus].astype(float)
    leaving = instance.leaving[batch.skus]
    per_node = (1.0 - before) * instance.change_cost_in - leaving
    weight = cost_weight(instance, batch.skus, prices, 0)
    return weight * (sets.astype(float) @ per_node.T + leaving.sum(axis=1)[None, :])


def change_between(instance: Instance, family: Family, to: Ints) -> Floats:
    """(S,B) change cost from every set to the SKU's set ``to`` (B,)."""
    sets = family.sets.astype(float)
    size = sets.sum(axis=1)
    out: Floats = sets @ sets[to].T  # nodes in common
    out *= -(instance.change_cost_in + instance.change_cost_out)
    out += (size * instance.change_cost_out)[:, None]
    out += size[to] * instance.change_cost_in
    return out


def sweep(family: Family, cost: Floats, drop: Floats, add: Floats) -> Floats:
    """min over S' of cost[S'] + drop |S' - S| + add |S - S'|, in two sweeps: O(sets x nodes per set).

    cost (S,B); drop and add (B,), money per node.
    """
    out = cost.copy()
    for having, without in family.links:
        out[without] = np.minimum(out[without], out[having] + drop)
    for having, without in family.links:
        out[having] = np.minimum(out[having], out[without] + add)
    return out


def savings(instance: Instance, batch: Batch, prices: Prices) -> Floats:
    """(B,N,T) how much dearer each SKU's cheapest path would be if it did not use a candidate node in a period.

    At most the cheapest path's own cost, also where there is no path without the node.
    """
    ahead = forward(instance, batch, prices)
    least = ahead[-1].min(axis=0)
    out = np.zeros((len(batch.skus), len(instance.nodes), len(ahead)))
    candidates = np.flatnonzero(instance.candidate)
    uses = _uses(batch.family, len(instance.nodes))
    behind: Floats = np.zeros_like(least)
    for t in range(len(ahead) - 1, -1, -1):
        whole = ahead[t] + behind
        for n in candidates[uses[:, candidates].any(axis=0)]:
            other = whole[~uses[:, n]].min(axis=0)
            out[:, n, t] = np.minimum(other - least, np.abs(least))
        if t:
            weight = cost_weight(instance, batch.skus, prices, t)
            drop, add = weight * instance.change_cost_out, weight * instance.change_cost_in
            behind = sweep(batch.family, priced(instance, batch, prices, t) + behind, drop=add, add=drop)
    return np.maximum(out, 0.0)


def _uses(family: Family, nodes: int) -> Bools:
    """(S,N) nodes that a set stocks at or passes through."""
    out = np.zeros((len(family.sets), nodes + 1), dtype=bool)
    out[np.arange(len(out))[:, None], np.append(family.cells.node[:-1], nodes)[family.set_cells]] = True
    return out[:, :-1]
