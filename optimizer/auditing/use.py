"""What a placement uses of every node and limit, and what that costs (MATHEMATICS.md, sections 7 and 8)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from .facts import TEMPERATURES, Bools, Facts, Floats, Ints, numbers, passes, sums, texts
from .recompute import Cut, Decisions, Recomputed
from .reference import Reference

if TYPE_CHECKING:
    from optimizer.case import Case

AT_FIRST = ("purchases", "changes", "change_value")  # measures of the first period
SPANNING = ("cost", *AT_FIRST)  # measures that hold over their periods together, not in each
ROW_MEASURES = {
    "value": "value", "volume_m3": "volume_m3", "units": "average_stock", "units_per_day": "flow", "skus": "stocked",
}  # fmt: skip


@dataclass(frozen=True)
class NodeUse:
    """Use of each node by period; m3, money, units, units/day, SKUs."""

    volume: Floats  # (N,3,T)
    value: Floats  # (N,T)
    units: Floats  # (N,T)
    units_per_day: Floats  # (N,T)
    skus: Floats  # (N,T)
    fixed: Floats  # (N,T) money
    opening: Floats  # (N,T) money
    surge: Floats  # (N,T) money
    surge_needed: Floats  # (N,T) m3 above the rooms of the temperatures the node has room for
    misplaced: Floats  # (N,3,T) m3 where the node has no room of that temperature at all


@dataclass(frozen=True)
class Limit:
    """A row of the Limits sheet with its filters as masks."""

    row: int  # row of the sheet, 0 = first
    name: str
    measure: str
    sense: str
    amount: float
    penalty: float  # inf = hard
    skus: Bools
    nodes: Bools
    regions: Bools | None
    periods: Ints
    of_skus: bool  # a SKU filter is set


def node_use(ref: Reference, plan: Decisions, found: Recomputed) -> NodeUse:
    """Sums over the rows of each node, and the node's own costs."""
    rows = found.rows
    _, nodes, _, periods = ref.known.shape
    sites, months = ref.known.sites, ref.known.calendar.months
    cell = (rows["n"] * periods + rows["t"]).to_numpy(dtype=np.int64)

    def total(weight: object, index: Ints = cell, depth: int = 1) -> Floats:
        return sums(index, weight, nodes * depth * periods)

    warm = ref.known.goods.temperature[rows["k"].to_numpy(dtype=np.int64)]
    by_warmth = ((rows["n"] * 3 + warm) * periods + rows["t"]).to_numpy(dtype=np.int64)
    volume = total(rows["volume_m3"], by_warmth, 3).reshape(nodes, 3, periods)
    flat = {name: total(rows[name]).reshape(nodes, periods) for name in ("value", "average_stock", "flow", "stocked")}
    room = np.where(plan.open[:, None, :], sites.room_m3[:, :, None], 0.0)
    over, has_room = np.maximum(volume - room, 0.0), sites.room_m3[:, :, None] > 0
    before = np.concatenate([sites.was_open[:, None], plan.open[:, :-1]], axis=1)
    return NodeUse(
        volume=volume,
        value=flat["value"],
        units=flat["average_stock"],
        units_per_day=flat["flow"],
        skus=flat["stocked"],
        fixed=sites.fixed_cost[:, None] * months * plan.open,
        opening=sites.opening_cost[:, None] * (plan.open & ~before & sites.candidate[:, None]),
        surge=sites.surge_cost[:, None] * months * plan.surge,
        surge_needed=np.where(has_room, over, 0.0).sum(axis=1),
        misplaced=np.where(has_room, 0.0, volume),
    )


def limits(case: Case, known: Facts, tier: tuple[str, ...]) -> tuple[Limit, ...]:
    """The Limits sheet, every filter a mask; a blank filter lets everything through."""
    sheet = case.limits
    goods, sites = known.goods, known.sites
    warmth = np.array(TEMPERATURES, dtype=object)[goods.temperature]
    of_sku: dict[str, Iterable[str]] = {
        "sku": goods.names,
        "category": goods.category,
        "tier": tier,
        "temperature": warmth,
    }
    of_node: dict[str, Iterable[str]] = {"node": sites.names, "node_type": sites.kind}
    filters = {name: texts(sheet, name) for name in (*of_sku, *of_node, "region", "period")}
    amount, penalty = numbers(sheet, "amount", np.nan), numbers(sheet, "penalty_per_unit", np.inf)
    firsts = [f"{day:%Y-%m-%d}" for day in known.calendar.starts]
    out = []
    for row, name in enumerate(texts(sheet, "limit")):
        region, period = filters["region"][row], filters["period"][row]
        held = passes(known.calendar.labels, period) | passes(firsts, period)
        out.append(
            Limit(
                row=row,
                name=name,
                measure=str(sheet["measure"].iloc[row]),
                sense=str(sheet["sense"].iloc[row]),
                amount=float(amount[row]),
                penalty=float(penalty[row]),
                skus=_through(of_sku, filters, row),
                nodes=_through(of_node, filters, row),
                regions=passes(known.places.names, region) if region else None,
                periods=np.flatnonzero(held),
                of_skus=any(filters[column][row] for column in of_sku),
            )
        )
    return tuple(out)


def _through(own: dict[str, Iterable[str]], filters: dict[str, list[str]], row: int) -> Bools:
    """Which of the things described by `own` pass the filters of one row."""
    return np.logical_and.reduce([passes(values, filters[name][row]) for name, values in own.items()])


def cuts(rows: tuple[Limit, ...], regions: int) -> tuple[Cut, ...]:
    """The limits that need to look at single regions while demand is routed."""
    return tuple(
        Cut(
            row=limit.row,
            skus=limit.skus,
            regions=np.ones(regions, dtype=bool) if limit.regions is None else limit.regions,
            nodes=limit.nodes,
            weighs_parcels=limit.measure == "on_time_share",
        )
        for limit in rows
        if limit.measure == "on_time_share" or (limit.measure == "units_per_day" and limit.regions is not None)
    )


def limit_use(limit: Limit, ref: Reference, plan: Decisions, found: Recomputed, nodes: NodeUse) -> Floats:
    """Use of a limit in each of its periods; one figure for cost, purchases and changes."""
    if limit.measure == "on_time_share":
        parcels, late = found.tallies[limit.row][:, limit.periods]
        return 1.0 - np.divide(late, parcels, out=np.zeros_like(late), where=parcels > 0)
    if limit.measure == "units_per_day" and limit.regions is not None:
        return found.tallies[limit.row][0, limit.periods]
    if limit.measure == "nodes":
        return plan.open[limit.nodes][:, limit.periods].sum(axis=0).astype(float)
    if limit.measure == "cost":
        return np.array([_cost(limit, found, nodes)])
    if limit.measure == "changes":
        before = plan.stocked[:, :, 0] if ref.in_force is None else ref.in_force
        return np.array([float((plan.stocked[:, :, 0] ^ before)[np.ix_(limit.skus, limit.nodes)].sum())])
    if limit.measure == "change_value":
        return np.array([float(change_value(ref, plan, found)[np.ix_(limit.skus, limit.nodes)].sum())])
    if limit.measure == "purchases":
        return np.array([purchases(ref, found)[limit.skus].sum()])
    column = {
        "value": "value",
        "volume_m3": "volume_m3",
        "units": "average_stock",
        "units_per_day": "flow",
        "skus": "stocked",
    }
    return _row_sum(found.rows, column[limit.measure], limit, len(ref.known.calendar))[limit.periods]


def _row_sum(rows: pd.DataFrame, column: str, limit: Limit, periods: int) -> Floats:
    counted = limit.skus[rows["k"].to_numpy(dtype=np.int64)] & limit.nodes[rows["n"].to_numpy(dtype=np.int64)]
    period = rows["t"].to_numpy(dtype=np.int64)[counted]
    return sums(period, rows[column].to_numpy(dtype=float)[counted], periods)


def _cost(limit: Limit, found: Recomputed, nodes: NodeUse) -> float:
    """Cost of the limit's SKUs in its periods, and of the nodes too when no SKU filter is set."""
    skus = sum(float(term[limit.skus][:, limit.periods].sum()) for term in found.costs.values())
    if limit.of_skus:
        return skus
    own = sum(float(term[:, limit.periods].sum()) for term in (nodes.fixed, nodes.opening, nodes.surge))
    return skus + own


def change_value(ref: Reference, plan: Decisions, found: Recomputed) -> Floats:
    """(K,N) money: average stock at cost where a SKU is new; where it is gone, what stood there."""
    out = np.zeros(plan.stocked.shape[:2])
    if ref.in_force is None:
        return out
    first = found.rows[(found.rows["t"] == 0) & found.rows["stocked"].astype(bool)]
    k, n = (first[name].to_numpy(dtype=np.int64) for name in ("k", "n"))
    new = ~ref.in_force[k, n]
    out[k[new], n[new]] = (first["average_stock"].to_numpy(dtype=float) * ref.known.goods.unit_cost[k])[new]
    gone = ref.in_force & ~plan.stocked[:, :, 0]
    return out + np.where(gone, ref.known.goods.unit_cost[:, None] * ref.stood, 0.0)


def purchases(ref: Reference, found: Recomputed) -> Floats:
    """(K,) money of the first period: demand and average stock beyond what is on hand or on order."""
    first = found.rows[(found.rows["t"] == 0) & found.rows["stocked"].astype(bool)]
    skus = len(ref.known.goods.names)
    average = sums(first["k"].to_numpy(dtype=np.int64), first["average_stock"], skus)
    demand = ref.known.calendar.days[0] * ref.rates.mean[:, :, 0].sum(axis=1)
    missing = demand + average - (ref.on_hand + ref.on_order).sum(axis=1)
    return ref.known.goods.unit_cost * np.maximum(missing, 0.0)


def violation(limit: Limit, used: Floats) -> Floats:
    """By how much each figure is beyond the limit, in the measure's unit."""
    sign = 1.0 if limit.sense == "max" else -1.0
    return np.maximum(0.0, sign * (used - limit.amount))


def penalty(limit: Limit, used: Floats) -> float:
    """Money paid for a soft limit; 0 for a hard one."""
    return float(violation(limit, used).sum() * limit.penalty) if np.isfinite(limit.penalty) else 0.0
