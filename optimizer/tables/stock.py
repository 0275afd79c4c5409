"""The sheets Placement and Replenishment: one row per SKU, node and period."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from models.evaluation import COST_TERMS
from models.instance import TEMPERATURES, Bools, Floats, Ints

from .basis import TOLERANCE, PlanBasis, column_of, named
from .columns import PLACEMENT, REPLENISHMENT, frame
from .ends import days_open, is_left, too_late

SUPPLIER = "supplier"
ALL = "all"  # regions with demand for the SKU in the period
CROSS_DOCK = "(cross-dock)"
FAR_DAYS = 36500.0  # an order date beyond a century is no date


def placement(basis: PlanBasis) -> pd.DataFrame:
    """The Placement sheet. Raises ValueError when the outcome holds no plan."""
    instance, evaluation = basis.instance, basis.evaluation
    rows = basis.rows()
    sku, node, period = rows
    regions = regions_served(basis)
    value = evaluation.average_stock[rows] * instance.unit_cost[sku]
    cost = sum((evaluation.costs[term][rows] for term in COST_TERMS), np.zeros(len(sku)))
    return frame(
        PLACEMENT,
        {
            "sku": named(instance.skus, sku),
            "tier": named(instance.tier, sku),
            "node": named(instance.nodes, node),
            "period": named(instance.periods, period),
            "role": np.where(regions == "", "feeds", "serves").astype(object),
            "regions_served": regions,
            "units_per_day": evaluation.flow[rows],
            "average_stock": evaluation.average_stock[rows],
            "peak_stock": evaluation.peak_stock[rows],
            "volume_m3": evaluation.peak_stock[rows] * instance.volume_m3[sku],
            "value": value,
            "cost": cost,
            "temperature": named(TEMPERATURES, instance.temperature[sku]),
        },
    )


def regions_served(basis: PlanBasis) -> NDArray[np.object_]:
    """(rows,) regions each placement ships to: ALL, or names, comma separated, in the order of the Regions sheet."""
    instance = basis.instance
    row_of = np.full(basis.stocked.shape, -1, dtype=np.int64)
    rows = basis.rows()
    row_of[rows] = np.arange(len(rows[0]))
    sku, region, period = np.nonzero(basis.evaluation.primary >= 0)
    node = instance.lane_node[basis.evaluation.primary[sku, region, period]]
    serves = np.zeros((len(rows[0]), len(instance.regions)), dtype=np.bool_)
    serves[row_of[sku, node, period], region] = True
    whole = (serves == (instance.mean[rows[0], :, rows[2]] > 0)).all(axis=1) & serves.any(axis=1)
    return np.where(whole, ALL, _lists(serves, np.array(instance.regions, dtype=object)))


def _lists(mask: NDArray[np.bool_], names: NDArray[np.object_]) -> NDArray[np.object_]:
    """The names marked in each row, joined; each distinct row is joined once."""
    packed = np.ascontiguousarray(np.packbits(mask, axis=1))
    keys = packed.view(np.dtype((np.void, packed.shape[1]))).ravel()
    _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    texts = np.array([", ".join(names[mask[row]]) for row in first], dtype=object)
    return texts[inverse.ravel()]


def replenishment(basis: PlanBasis) -> pd.DataFrame:
    """The Replenishment sheet. Stock figures, order_now and order_by stand in the first period only."""
    instance, evaluation = basis.instance, basis.evaluation
    rows = basis.rows()
    sku, node, period = rows
    reorder_point, order_quantity = evaluation.reorder_point[rows], evaluation.order_quantity[rows]
    return frame(
        REPLENISHMENT,
        {
            "sku": named(instance.skus, sku),
            "node": named(instance.nodes, node),
            "period": named(instance.periods, period),
            "source": sources(basis),
            "demand_per_day": evaluation.flow[rows],
            "sd_per_day": np.sqrt(evaluation.variance[rows]),
            "lead_time_days": evaluation.lead_time[rows],
            "lead_time_sd": evaluation.lead_time_sd[rows],
            "review_days": instance.review_days[node],
            "service_measure": np.where(instance.fill_service[sku], "fill", "cycle").astype(object),
            "service_level": instance.service_level[sku],
            "safety_stock": evaluation.safety_stock[rows],
            "reorder_point": reorder_point,
            "order_quantity": order_quantity,
            "order_up_to": reorder_point + order_quantity,
            **_ordering(basis, period == 0),
            "pack_size": instance.pack_size[sku],
            "min_order": np.maximum(instance.moq[sku, node], 1.0),
            "above_service": np.where(instance.above_service[sku], "yes", "").astype(object),
        },
    )


def _ordering(basis: PlanBasis, now: NDArray[np.bool_]) -> dict[str, NDArray[np.generic]]:
    """on_hand, on_order, order_now and order_by; blank outside the first period."""
    sku, node, _ = basis.rows()
    instance = basis.instance
    orders = orders_now(basis)[sku, node]
    return {
        "on_hand": np.where(now, instance.on_hand[sku, node], np.nan),
        "on_order": np.where(now, instance.on_order[sku, node], np.nan),
        "order_now": np.where(now, orders, np.nan),
        "order_by": np.where(now, order_days(basis, orders), np.datetime64("NaT", "s")),
    }


def aims(basis: PlanBasis) -> Floats:
    """(K,N) units that an order lifts a node to at the start: the first period's order-up-to level, but no more than is
    sold there until the plan leaves the node."""
    evaluation = basis.evaluation
    level = evaluation.reorder_point[:, :, 0] + evaluation.order_quantity[:, :, 0]
    return np.where(basis.stocked[:, :, 0], np.minimum(level, until_left(basis)), 0.0)


def until_left(basis: PlanBasis) -> Floats:
    """(K,N) whole units that a node sells, or sends on, until it ceases to sell the SKU; inf where it stays."""
    here = np.logical_and.accumulate(basis.stocked, axis=2)
    sold = np.where(here, basis.evaluation.flow * days_open(basis), 0.0).sum(axis=2)
    return np.where(is_left(basis), np.ceil(sold - TOLERANCE), np.inf)


def sold(basis: PlanBasis) -> Floats:
    """(K,N,T) units a day that each node ships to customers."""
    k, r, t = np.nonzero(basis.evaluation.primary >= 0)
    node = basis.instance.lane_node[basis.evaluation.primary[k, r, t]]
    out = np.zeros(basis.stocked.shape)
    np.add.at(out, (k, node, t), basis.instance.mean[k, r, t])
    return out


def sold_in_a_row(basis: PlanBasis, since: int = 0) -> Floats:
    """(K,N) units that each node ships to customers from a period on, until the plan leaves it or ends."""
    here = np.logical_and.accumulate(basis.stocked[:, :, since:], axis=2)
    return np.asarray((here * sold(basis)[:, :, since:] * days_open(basis)[:, since:]).sum(axis=2))


def short(basis: PlanBasis) -> Bools:
    """(K,N) nodes whose on hand + on order is at or below the reorder point, and below what they aim at."""
    position = basis.instance.on_hand + basis.instance.on_order
    low = position <= basis.evaluation.reorder_point[:, :, 0] + TOLERANCE
    return np.asarray(basis.stocked[:, :, 0] & low & (aims(basis) > position + TOLERANCE))


def due(basis: PlanBasis) -> Bools:
    """(K,N) nodes that are short, and sell the SKU until an order of today comes."""
    return np.asarray(short(basis) & ~too_late(basis))


def orders_now(basis: PlanBasis) -> Floats:
    """(K,N) units to order at the start of the plan where an order is due; elsewhere 0.

    The quantity that lifts on hand + on order to what the node aims at, at least the minimum order, in whole packs;
    from a node that feeds it, no more than it sells until the plan leaves it.
    """
    instance = basis.instance
    position = instance.on_hand + instance.on_order
    wanted = np.maximum(aims(basis) - position, instance.moq)
    units = packed(wanted, instance.pack_size[:, None], np.where(drawing(basis), until_left(basis) - position, np.inf))
    return np.where(due(basis), units, 0.0)


def drawing(basis: PlanBasis) -> Bools:
    """(K,N) nodes that draw on another node's stock in the first period."""
    return np.asarray(stocked_source(basis) >= 0)


def packed(units: Floats | float, pack: Floats | float, most: Floats | float) -> Floats:
    """Units rounded up to whole packs, but to no more whole units than ``most``.

    >>> packed(np.array([2.0, 9.0]), np.array([8.0, 8.0]), np.array([2.5, np.inf]))
    array([ 2., 16.])
    """
    return np.asarray(np.minimum(np.ceil(units / pack - TOLERANCE) * pack, np.floor(most + TOLERANCE)))


def order_days(basis: PlanBasis, orders: Floats) -> NDArray[np.datetime64]:
    """(rows,) day on which on hand + on order should reach the reorder point; the start where an order is due."""
    rows = basis.rows()
    sku, node, _ = rows
    position = (basis.instance.on_hand + basis.instance.on_order)[sku, node]
    flow = basis.evaluation.flow[rows]
    spare = position - basis.evaluation.reorder_point[rows]
    days = np.divide(spare, flow, out=np.full(len(flow), np.inf), where=flow > 0)
    days = np.where(orders > 0, 0.0, np.where(spare <= TOLERANCE, np.inf, days))
    start = np.datetime64(basis.start, "s")
    whole = np.where(days < FAR_DAYS, days, 0.0).astype(np.int64).astype("timedelta64[D]")
    return np.where(days < FAR_DAYS, start + whole, np.datetime64("NaT", "s"))


def suppliers(basis: PlanBasis) -> NDArray[np.object_]:
    """(K,) name of each SKU's supplier; 'supplier' where the SKUs sheet names none."""
    names = column_of(basis.case.skus, "sku", basis.instance.skus, "supplier")
    return names.where(names.notna() & (names != ""), SUPPLIER).to_numpy(object)


def sources(basis: PlanBasis) -> NDArray[np.object_]:
    """(rows,) where each placement is replenished from.

    A feeder, or the supplier. A feeder that does not stock the SKU is marked as a cross-dock and followed by the feeder
    it gets the goods from, ``HUB (cross-dock) < CENTRAL``.
    """
    sku, node, period = basis.rows()
    feeder = basis.instance.feeder
    texts = np.full(len(sku), "", dtype=object)
    at, live = feeder[sku, node], np.ones(len(sku), dtype=np.bool_)
    while live.any():
        passes = live & (at >= 0) & ~basis.stocked[sku, at, period]
        names = named(basis.instance.nodes, at)
        names[at < 0] = suppliers(basis)[sku[at < 0]]
        ends = live & ~passes & ((at >= 0) | (texts == ""))
        texts[ends] += names[ends]
        above = np.where(passes, feeder[sku, at], -1)
        texts[passes] += names[passes] + f" {CROSS_DOCK}"
        texts[passes & (above >= 0)] += " < "
        at, live = above, passes
    return texts


def stocked_source(basis: PlanBasis, period: Ints | int = 0) -> Ints:
    """(K,N) first feeder above each node that stocks the SKU in a period (K,N); -1 = the supplier."""
    feeder, stocked = basis.instance.feeder, basis.stocked
    sku = np.arange(len(basis.instance.skus))[:, None]
    at = feeder.copy()
    while (passes := (at >= 0) & ~stocked[sku, at, period]).any():
        at = np.where(passes, feeder[sku, at], at)
    return at


def later(day: date, days: float) -> date:
    """The day so many whole days later, rounded up."""
    return day + timedelta(days=int(np.ceil(days - TOLERANCE)))
