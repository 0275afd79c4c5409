"""Every admissible set of nodes of every SKU, its exact cost and use, and the best path of sets under rents.

SKUs that see the same sets, the same router and the same feeders form a :class:`Family`. Within a family the sets'
region maps are worked out once; two sets that give a node the same regions, feeders and role share one *cell*, and
stock is computed once per cell and SKU. Arrays are laid out (set or cell, SKU): a row is one contiguous strip of SKUs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from math import comb

import numpy as np
from numpy.typing import NDArray

from . import routing
from .evaluation import sku_holding_cost
from .instance import Bools, Floats, Instance, Ints, LimitRow
from .inventory import stock_policy

MAX_SETS = 60_000  # more sets than this per family cannot be priced one by one


@dataclass(frozen=True)
class Cells:
    """Distinct (node, regions through it, stocked or not, feeders passing on) of a family; the last is 'nothing'."""

    node: Ints  # (C,)
    depth: Ints  # (C,) feeders above that only pass goods on
    stocked: Bools  # (C,)
    regions: Floats  # (C,R) 1 where the region's demand flows through


@dataclass(frozen=True)
class Family:
    """SKUs with the same sets; set 0 is the empty one and every subset of a set is a set."""

    skus: Ints  # (F,) indices into the instance
    sets: Bools  # (S,N)
    admissible: Bools  # (S,T) as far as it does not depend on the SKU's demand
    primary: Ints  # (S,R) lane, -1 none
    backup: Ints  # (S,R) lane, -1 none
    unfit: Bools | None  # (S,R,T) a region with demand that this set leaves without a lane or a required backup
    cells: Cells
    set_cells: Ints  # (S,W) cells of each set, padded with 'nothing'
    links: tuple[tuple[Ints, Ints], ...]  # per node: (sets with it, the same sets without it)


class TooManySets(ValueError):
    """A SKU may be held at so many nodes that its sets cannot be priced one by one."""


def families(instance: Instance) -> Iterator[Family]:
    """All families of an instance, in a fixed order. Raises TooManySets."""
    for members in _alike(instance):
        yield _family(instance, members)


def _alike(instance: Instance) -> list[Ints]:
    skus = len(instance.skus)
    keys = np.concatenate(
        [
            instance.temperature[:, None],
            routing.weight_band(instance.weight_kg)[:, None],
            instance.min_nodes[:, None],
            instance.max_nodes[:, None],
            instance.feeder,
            instance.allowed.reshape(skus, -1),
        ],
        axis=1,
    ).astype(np.int64)
    _, of_sku = np.unique(keys, axis=0, return_inverse=True)
    order = np.argsort(of_sku.ravel(), kind="stable")
    return np.split(order, np.flatnonzero(np.diff(of_sku.ravel()[order])) + 1)


def subsets(nodes: Ints, most: int, width: int) -> Bools:
    """All subsets of ``nodes`` with at most ``most`` members as rows (S, width), smallest first.

    >>> subsets(np.array([0, 2]), 2, 3).astype(int).tolist()
    [[0, 0, 0], [1, 0, 0], [0, 0, 1], [1, 0, 1]]
    """
    most = min(most, len(nodes))
    count = sum(comb(len(nodes), size) for size in range(most + 1))
    if count > MAX_SETS:
        raise TooManySets(f"{count:,} sets of up to {most} of {len(nodes)} nodes")
    rows = np.zeros((count, width), dtype=bool)
    at = 1
    for size in range(1, most + 1):
        chosen = np.array(list(combinations(nodes.tolist(), size)))
        rows[np.arange(at, at + len(chosen))[:, None], chosen] = True
        at += len(chosen)
    return rows


def _family(instance: Instance, members: Ints) -> Family:
    first = int(members[0])
    _, nodes, regions, _ = instance.shape
    allowed = instance.allowed[first]
    sets = subsets(np.flatnonzero(allowed.any(axis=1)), int(instance.max_nodes[first]), nodes)
    band = int(routing.weight_band(instance.weight_kg[[first]])[0])
    rates = routing.router(instance, int(instance.temperature[first]), band)
    primary, backup = rates.choose(sets)
    above = routing.chains(instance.feeder[first])
    cells, set_cells = _cells(sets, primary, above)
    every_region = np.arange(regions)[None, :]
    return Family(
        skus=members,
        sets=sets,
        admissible=_admissible(instance, first, sets, above),
        primary=np.where(primary >= 0, rates.lane[primary, every_region], -1),
        backup=np.where(backup >= 0, rates.lane[backup, every_region], -1),
        unfit=_unfit(instance, first, rates, _usable(instance, first, above), primary, backup),
        cells=cells,
        set_cells=set_cells,
        links=_links(sets),
    )


def _admissible(instance: Instance, sku: int, sets: Bools, above: list[Ints]) -> Bools:
    """(S,T) nodes allowed, number of nodes within the tier's, feeders available."""
    allowed = instance.allowed[sku]
    size = sets.sum(axis=1)
    usable = _usable(instance, sku, above)
    fits = (sets.astype(float) @ (~usable).astype(float)) == 0
    least = np.minimum(instance.min_nodes[sku], allowed.sum(axis=0))
    return fits & (size[:, None] >= least[None, :]) & (size > 0)[:, None]


def _usable(instance: Instance, sku: int, above: list[Ints]) -> Bools:
    """(N,T) allowed nodes that can be replenished: every feeder above them is available."""
    usable = instance.allowed[sku] & instance.available
    for feeder in above:
        usable = usable & (instance.available[feeder] | (feeder < 0)[:, None])
    return usable


def _unfit(
    instance: Instance, sku: int, rates: routing.Router, usable: Bools, primary: Ints, backup: Ints
) -> Bools | None:
    unreached = np.repeat((primary < 0)[:, :, None], len(instance.periods), axis=2)
    if instance.max_nodes[sku] >= 2 and instance.backup_required.any():
        choices = np.einsum("nt,nr->rt", usable.astype(int), rates.reach.astype(int))
        asked = instance.backup_required[:, None] & (choices >= 2)
        unreached |= (backup < 0)[:, :, None] & asked[None, :, :]
    return unreached if unreached[1:].any() else None


def _cells(sets: Bools, primary: Ints, above: list[Ints]) -> tuple[Cells, Ints]:
    """Distinct flows: which regions pass each node of each set, and how far up goods only pass through."""
    count, nodes = sets.shape
    regions = primary.shape[1]
    through = primary[:, None, :] == np.arange(nodes)[None, :, None]
    for feeder in above:
        served = np.where(primary >= 0, feeder[primary], -1)
        through |= served[:, None, :] == np.arange(nodes)[None, :, None]
    depth = np.zeros((count, nodes), dtype=np.int64)
    passing = np.ones((count, nodes), dtype=bool)
    for feeder in above:
        passing &= (feeder >= 0)[None, :] & ~sets[:, feeder]
        depth += passing
    used = sets | through.any(axis=2)
    s, n = np.nonzero(used)
    stocked = sets[s, n]
    bits = np.packbits(through[s, n], axis=1)
    key = np.concatenate([np.stack([n, np.where(stocked, depth[s, n] + 1, 0)], axis=1), bits], axis=1)
    _, first, cell = np.unique(key, axis=0, return_index=True, return_inverse=True)
    cell = cell.ravel()
    nothing = len(first)
    cells = Cells(
        node=np.append(n[first], 0),
        depth=np.append(depth[s, n][first], 0),
        stocked=np.append(stocked[first], False),
        regions=np.concatenate([through[s, n][first], np.zeros((1, regions), dtype=bool)]).astype(float),
    )
    slot = np.arange(len(s)) - np.searchsorted(s, s)
    set_cells = np.full((count, int(slot.max(initial=0)) + 1), nothing)
    set_cells[s, slot] = cell
    return cells, set_cells


def _codes(sets: Bools) -> NDArray[np.bytes_]:
    """One sortable code per row, for any number of nodes."""
    packed = np.ascontiguousarray(np.packbits(sets, axis=1))
    return packed.view(f"S{packed.shape[1]}").ravel()


def _links(sets: Bools) -> tuple[tuple[Ints, Ints], ...]:
    """Per node, the sets that hold it and the same sets without it."""
    code = _codes(sets)
    order = np.argsort(code)
    out = []
    for node in np.flatnonzero(sets.any(axis=0)):
        having = np.flatnonzero(sets[:, node])
        fewer = sets[having]
        fewer[:, node] = False
        without = order[np.searchsorted(code[order], _codes(fewer))]
        out.append((having, without))
    return tuple(out)


# --- cost and use of the sets of a batch of SKUs -------------------------------------------------------------------


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
    cost: float = 1.0  # weight of the pattern's own cost; 0 when only relief is sought


@dataclass(frozen=True)
class Batch:
    """Exact cost and stock of every set of some SKUs of one family in every period."""

    family: Family
    skus: Ints  # (B,)
    cost: Floats  # (T,S,B) money over the period, inf = not admissible; without change costs
    flow: Floats  # (T,C,B) units/day
    safety: Floats  # (T,C,B) units
    quantity: Floats  # (T,C,B) units


def batches(instance: Instance, family: Family, size: int, dtype: type = np.float64) -> Iterator[Batch]:
    """Evaluate a family, ``size`` SKUs at a time."""
    for at in range(0, len(family.skus), size):
        yield evaluate_batch(instance, family, family.skus[at : at + size], dtype)


def evaluate_batch(instance: Instance, family: Family, skus: Ints, dtype: type = np.float64) -> Batch:
    """Sections 5 to 7 of MATHEMATICS.md for every set of ``skus``, without change costs."""
    periods, cells = len(instance.periods), len(family.cells.node)
    shape = (periods, cells, len(skus))
    flow: Floats = np.zeros(shape, dtype)
    safety: Floats = np.zeros(shape, dtype)
    quantity: Floats = np.zeros(shape, dtype)
    cost: Floats = np.zeros((periods, len(family.sets), len(skus)), dtype)
    for t in range(periods):
        flow[t], safety[t], quantity[t], cell_cost = _cell_stock(instance, family, skus, t)
        cost[t] = _lane_cost(instance, family, skus, t) + _over_sets(family, cell_cost)
        _close(instance, family, skus, t, cost[t])
    return Batch(family, skus, cost, flow, safety, quantity)


def _over_sets(family: Family, values: Floats) -> Floats:
    """Sum cell values (C,B) over the cells of each set -> (S,B)."""
    total = values[family.set_cells[:, 0]]
    for slot in range(1, family.set_cells.shape[1]):
        total += values[family.set_cells[:, slot]]
    return total


def _cell_stock(instance: Instance, family: Family, skus: Ints, t: int) -> tuple[Floats, Floats, Floats, Floats]:
    """Flow, safety stock, order quantity and cost (C,B) of each cell in period t."""
    cells = family.cells
    flow = cells.regions @ instance.mean[skus, :, t].T
    inbound = instance.inbound_per_unit[skus] + instance.weight_kg[skus, None] * instance.inbound_per_kg[skus]
    cost = flow * (instance.days[t] * (inbound + instance.handling_cost))[:, cells.node].T
    safety, quantity = np.zeros_like(flow), np.zeros_like(flow)
    held = np.flatnonzero(cells.stocked)
    if len(held):
        pooled = cells.regions[held] @ instance.variance[skus, :, t].T
        safety[held], quantity[held], stock_cost = _held(instance, family, skus, t, held, flow[held], pooled)
        cost[held] += stock_cost
    return flow, safety, quantity, cost


def _held(
    instance: Instance, family: Family, skus: Ints, t: int, held: Ints, flow: Floats, pooled: Floats
) -> tuple[Floats, Floats, Floats]:
    node = family.cells.node[held]
    lead, lead_variance = _lead_times(instance, family, skus, held)
    order_cost = instance.order_cost[skus][:, node].T
    policy = stock_policy(
        flow,
        pooled,
        lead,
        np.sqrt(lead_variance),
        instance.review_days[node][:, None],
        instance.level_error[skus][None, :],
        order_cost,
        sku_holding_cost(instance)[skus][:, node].T,
        instance.moq[skus][:, node].T,
        instance.pack_size[skus][None, :],
        instance.max_cover_days,
        instance.shelf_life_days[skus][None, :],
        instance.service_level[skus][None, :],
        instance.fill_service[skus][None, :],
    )
    days, months = instance.days[t], instance.months[t]
    unit_cost = instance.unit_cost[skus]
    carrying = days / 365.0 * instance.holding_rate * unit_cost[None, :]
    carrying = carrying + months * instance.storage_cost[node][:, None] * instance.volume_m3[skus][None, :]
    orders = np.divide(flow, policy.quantity, out=np.zeros_like(flow), where=policy.quantity > 0)
    cost = carrying * policy.average + days * (orders * order_cost + unit_cost[None, :] * policy.spoiled_per_day)
    return policy.safety_stock, policy.quantity, cost + months * instance.stocking_cost[node][:, None]


def _lead_times(instance: Instance, family: Family, skus: Ints, held: Ints) -> tuple[Floats, Floats]:
    """Mean and variance (cells, B) of the lead time, through the feeders that pass goods on."""
    node, depth = family.cells.node[held], family.cells.depth[held]
    mean = instance.lead_time[skus][:, node]
    variance = instance.lead_time_sd[skus][:, node] ** 2
    for level, feeder in enumerate(routing.chains(instance.feeder[int(family.skus[0])])):
        up = feeder[node]
        passed = depth > level
        mean = mean + np.where(passed, instance.lead_time[skus][:, up], 0.0)
        variance = variance + np.where(passed, instance.lead_time_sd[skus][:, up] ** 2, 0.0)
    return mean.T, variance.T


def _lane_cost(instance: Instance, family: Family, skus: Ints, t: int) -> Floats:
    """Outbound, late, damage and outage cost (S,B): four products of region maps and demand."""
    late = routing.late_share(instance)
    per_parcel = instance.lane_parcel_cost + late * instance.late_penalty
    lane, other = family.primary, family.backup
    served, backed = lane >= 0, other >= 0
    out = served * instance.outage_days[instance.lane_node[lane]] / 365.0
    rerouted = out * backed

    def blend(per_lane: Floats) -> Floats:
        """Cost of the primary lane, and on days of outage that of the backup instead."""
        return per_lane[lane] * (served - rerouted) + per_lane[other] * rerouted

    demand = instance.days[t] * instance.mean[skus, :, t].T
    weighted = (
        (blend(per_parcel), instance.parcels_per_unit[skus]),
        (blend(instance.lane_kg_cost), instance.weight_kg[skus]),
        (blend(instance.lane_damage), instance.unit_cost[skus]),
        (out * ~backed, instance.lost_sale_rate * instance.unit_price[skus]),
    )
    return sum((by_region @ (demand * factor) for by_region, factor in weighted), start=np.zeros(()))


def _close(instance: Instance, family: Family, skus: Ints, t: int, cost: Floats) -> None:
    """Rule out what is not admissible: inf; a SKU that is not live has the empty set only."""
    cost[~family.admissible[:, t]] = np.inf
    demanded = instance.mean[skus, :, t] > 0
    if family.unfit is not None:
        cost[(family.unfit[:, :, t].astype(float) @ demanded.T.astype(float)) > 0] = np.inf
    idle = ~demanded.any(axis=1)
    cost[:, idle] = np.inf
    cost[0] = np.where(idle, 0.0, np.inf)


# --- pricing -------------------------------------------------------------------------------------------------------


def priced(instance: Instance, batch: Batch, prices: Prices, t: int) -> Floats:
    """(S,B) cost of each set in period t plus the rents of all it uses."""
    family, skus = batch.family, batch.skus
    node = family.cells.node
    per_safety, per_cycle, per_flow, per_stocked, per_used = _rents(instance, batch, prices, t)
    rent = (
        per_safety.T[node] * batch.safety[t]
        + per_cycle.T[node] * batch.quantity[t]
        + per_flow.T[node] * batch.flow[t]
        + per_stocked.T[node] * family.cells.stocked[:, None]
    )
    if per_used is not None:
        rent += per_used.T[node]
    rent[-1] = 0.0
    weight = _cost_weight(instance, skus, prices, t)
    cost = batch.cost[t] if prices.cost else np.where(np.isinf(batch.cost[t]), np.inf, 0.0)
    total = cost * np.maximum(weight, 1e-300) + _over_sets(family, rent)
    for by_lane, factor in regional_rents(instance, skus, prices, t):
        by_set = np.where(family.primary >= 0, by_lane[family.primary], 0.0)
        total += by_set @ (instance.mean[skus, :, t] * factor[:, None]).T
    total += _purchase_rent(instance, batch, prices, t)
    return total


def _cost_weight(instance: Instance, skus: Ints, prices: Prices, t: int) -> Floats:
    weight = np.full(len(skus), prices.cost)
    for i, limit in enumerate(instance.limits):
        if limit.measure == "cost" and limit.periods[t]:
            weight = weight + prices.limits[i, t] * limit.skus[skus]
    return weight


def _rents(
    instance: Instance, batch: Batch, prices: Prices, t: int
) -> tuple[Floats, Floats, Floats, Floats, Floats | None]:
    """Rents (B,N) per unit of safety stock, order quantity, flow, stocking and use, all measures folded in."""
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
    volume = by_measure["volume_m3"] * instance.volume_m3[skus, None]
    stock = by_measure["value"] * instance.unit_cost[skus, None] + by_measure["units"]
    slots = by_measure["skus"]
    if prices.stocked is not None:
        slots = slots + prices.stocked[skus, :, t]
    used = None if prices.used is None else prices.used[skus, :, t]
    return volume + stock, volume + stock / 2.0, by_measure["units_per_day"], slots, used


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
    average = _over_sets(batch.family, batch.safety[0] + batch.quantity[0] / 2.0)
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
        weight = change_weight(instance, batch.skus, prices, t + 1)
        path[:, t] = np.argmin(reached[t] + weight * change_between(instance, batch.family, path[:, t + 1]), axis=0)
    return Best(batch.skus, reached[-1][path[:, -1], columns], path)


def forward(instance: Instance, batch: Batch, prices: Prices) -> list[Floats]:
    """Per period, the cheapest way (S,B) to be at each set at its end."""
    reached = [priced(instance, batch, prices, 0) + first_change(instance, batch, prices)]
    for t in range(1, len(instance.periods)):
        weight = change_weight(instance, batch.skus, prices, t)
        reached.append(priced(instance, batch, prices, t) + _sweep(instance, batch.family, reached[-1], weight))
    return reached


def first_change(instance: Instance, batch: Batch, prices: Prices) -> Floats | float:
    """(S,B) change cost from the placement in force into the first period's set."""
    if instance.in_force is None:
        return 0.0
    weight = change_weight(instance, batch.skus, prices, 0)
    return weight * initial_change(instance, batch.family.sets, batch.skus)


def initial_change(instance: Instance, sets: Bools, skus: Ints) -> Floats:
    """(S,B) money to go from the placement in force to each set; zero when it is not known."""
    if instance.in_force is None:
        return np.zeros((len(sets), len(skus)))
    before = instance.in_force[skus].astype(float)
    common = sets.astype(float) @ before.T
    added = sets.sum(axis=1)[:, None] - common
    return added * instance.change_cost_in + (before.sum(axis=1)[None, :] - common) * instance.change_cost_out


def change_weight(instance: Instance, skus: Ints, prices: Prices, t: int) -> Floats:
    return _cost_weight(instance, skus, prices, t)


def change_between(instance: Instance, family: Family, to: Ints) -> Floats:
    """(S,B) change cost from every set to the SKU's set ``to`` (B,)."""
    sets = family.sets.astype(float)
    common = sets @ sets[to].T
    added = sets[to].sum(axis=1)[None, :] - common
    dropped = sets.sum(axis=1)[:, None] - common
    return added * instance.change_cost_in + dropped * instance.change_cost_out


def _sweep(instance: Instance, family: Family, cost: Floats, weight: Floats) -> Floats:
    """min over S' of cost[S'] + change(S' -> S), in two sweeps over the lattice: O(sets x nodes per set)."""
    out = cost.copy()
    drop, add = weight * instance.change_cost_out, weight * instance.change_cost_in
    for having, without in family.links:
        out[without] = np.minimum(out[without], out[having] + drop)
    for having, without in family.links:
        out[having] = np.minimum(out[having], out[without] + add)
    return out
