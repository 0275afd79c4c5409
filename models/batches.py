"""Exact cost and stock of every set of a family's SKUs (MATHEMATICS.md, sections 5 to 7).

Arrays are laid out (set or cell, SKU): a row is one contiguous strip of SKUs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from . import routing
from .evaluation import sku_holding_cost
from .instance import Bools, Floats, Instance, Ints
from .inventory import stock_policy
from .patterns import Family


@dataclass(frozen=True)
class Batch:
    """Exact cost and stock of every set of some SKUs of one family in every period."""

    family: Family
    skus: Ints  # (B,)
    cost: Floats  # (T,S,B) money over the period, inf = not admissible; without change costs
    flow: Floats  # (T,C,B) units/day
    average: Floats  # (T,C,B) units on the shelf, mean over time
    peak: Floats  # (T,C,B) units on the shelf after a delivery


def evaluate_batch(instance: Instance, family: Family, skus: Ints, dtype: type = np.float64) -> Batch:
    """Sections 5 to 7 of MATHEMATICS.md for every set of ``skus``, without change costs, and what it costs besides."""
    periods, cells = len(instance.periods), len(family.cells.node)
    shape = (periods, cells, len(skus))
    flow: Floats = np.zeros(shape, dtype)
    average: Floats = np.zeros(shape, dtype)
    peak: Floats = np.zeros(shape, dtype)
    cost: Floats = np.zeros((periods, len(family.sets), len(skus)), dtype)
    for t in range(periods):
        flow[t], average[t], peak[t], cell_cost = _cell_stock(instance, family, skus, t)
        cost[t] = _lane_cost(instance, family, skus, t) + over_sets(family, cell_cost)
        _close(instance, family, skus, t, cost[t])
    if instance.besides is not None:
        cost += _above_least(instance.besides.extra(skus, family.sets), np.isfinite(cost))
    return Batch(family, skus, cost, flow, average, peak)


def _above_least(extra: Floats, possible: Bools) -> Floats:
    """Costs (T,S,B) above the least of the possible sets: what the choice of a set decides."""
    least = np.where(possible, extra, np.inf).min(axis=1, keepdims=True)
    return np.where(possible, extra - np.where(np.isfinite(least), least, 0.0), 0.0)


def over_sets(family: Family, values: Floats) -> Floats:
    """Sum cell values (C,B) over the cells of each set -> (S,B)."""
    total = values[family.set_cells[:, 0]]
    for slot in range(1, family.set_cells.shape[1]):
        total += values[family.set_cells[:, slot]]
    return total


def _cell_stock(instance: Instance, family: Family, skus: Ints, t: int) -> tuple[Floats, Floats, Floats, Floats]:
    """Flow, average stock, peak stock and cost (C,B) of each cell in period t."""
    cells = family.cells
    flow = cells.regions @ instance.mean[skus, :, t].T
    inbound = instance.inbound_per_unit[skus] + instance.weight_kg[skus, None] * instance.inbound_per_kg[skus]
    cost = flow * (instance.days[t] * (inbound + instance.handling_cost))[:, cells.node].T
    average, peak = np.zeros_like(flow), np.zeros_like(flow)
    held = np.flatnonzero(cells.stocked)
    if len(held):
        pooled = cells.regions[held] @ instance.variance[skus, :, t].T
        average[held], peak[held], stock_cost = _held(instance, family, skus, t, held, flow[held], pooled)
        cost[held] += stock_cost
    return flow, average, peak, cost


def _held(
    instance: Instance, family: Family, skus: Ints, t: int, held: Ints, flow: Floats, pooled: Floats
) -> tuple[Floats, Floats, Floats]:
    node = family.cells.node[held]
    lead, lead_variance = _lead_times(instance, family, skus, held)
    order_cost = instance.order_cost[skus][:, node].T
    shortage_cost = instance.shortage_cost[skus][None, :]
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
        instance.cover_days[skus, t][None, :],
        instance.shelf_life_days[skus][None, :],
        instance.service_level[skus][None, :],
        instance.fill_service[skus][None, :],
        shortage_cost,
        instance.unit_cost[skus][None, :],
        instance.above_service[skus][None, :],
    )
    days, months = instance.days[t], instance.months[t]
    unit_cost = instance.unit_cost[skus]
    carrying = days / 365.0 * instance.holding_rate * unit_cost[None, :]
    carrying = carrying + months * instance.storage_cost[node][:, None] * instance.volume_m3[skus][None, :]
    cost = carrying * policy.average + days * (
        policy.orders_per_day * order_cost
        + unit_cost[None, :] * policy.spoiled_per_day
        + shortage_cost * policy.short_per_day
    )
    return policy.average, policy.peak, cost + months * instance.stocking_cost[node][:, None]


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
