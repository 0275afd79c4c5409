"""How a simulated network is resupplied: the plan's figures per cell and period, reviews, lead times, transfers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .instance import Bools, Floats, Instance, Ints
from .shelves import DUST

ROUNDING = 1e-9  # packs and units; as in the plan


@dataclass(frozen=True)
class Rules:
    """What a plan prescribes, period by period."""

    stocked: Bools  # (K,N,T)
    reorder_point: Floats  # (K,N,T) units
    order_quantity: Floats  # (K,N,T) units
    surge_m3: Floats  # (N,3,T) extra room in use
    first_day: Ints  # (T + 1,) first day of each period, and the day after the last


@dataclass(frozen=True)
class Cells:
    """SKU-node pairs that hold stock in some period, numbered; arrays (C + 1, T) end in a row for "not held"."""

    sku: Ints  # (C,)
    node: Ints  # (C,)
    of: Ints  # (K,N) number of a pair's cell, C where it has none
    depth: Ints  # (C,) feeders between the node and the supplier
    stocked: Bools
    reorder_point: Floats
    order_quantity: Floats
    lead_time: Floats  # days, through the feeders that only pass goods on
    lead_time_sd: Floats
    source: Ints  # cell that feeds it, -1 = the supplier
    notice: Floats  # days before a period on which its figures take effect (see `period_ahead`)
    inbound: Floats  # money/unit, of all legs up to the source
    passing: Floats  # money/unit, handling at the nodes that only pass goods on

    @property
    def count(self) -> int:
        """C."""
        return len(self.sku)


def cells_of(instance: Instance, rules: Rules, opening: Bools) -> Cells:
    """Number the pairs that the plan stocks in any period or that hold stock at the opening (K,N)."""
    sku, node = np.nonzero(rules.stocked.any(axis=2) | opening)
    of = np.full(opening.shape, len(sku), dtype=np.int64)
    of[sku, node] = np.arange(len(sku))
    periods = rules.stocked.shape[2]
    legs = [_legs(instance, rules.stocked[:, :, t], sku, node, of) for t in range(periods)]
    above, depth = instance.feeder[sku, node], np.zeros(len(sku), dtype=np.int64)
    while (above >= 0).any():
        depth += above >= 0
        above = np.where(above >= 0, instance.feeder[sku, above], -1)
    lead, variance, source, inbound, passing = (np.stack([leg[at] for leg in legs], axis=1) for at in range(5))

    notice = _notice(instance, node, depth, lead, source)

    def ended(values: np.ndarray) -> np.ndarray:
        return np.concatenate([values, np.zeros((1, periods), dtype=values.dtype)])

    return Cells(
        sku, node, of, depth,
        ended(rules.stocked[sku, node]), ended(rules.reorder_point[sku, node]), ended(rules.order_quantity[sku, node]),
        ended(lead), np.sqrt(ended(variance)), ended(source), ended(notice), ended(inbound), ended(passing),
    )  # fmt: skip


def _legs(instance: Instance, stocked: Bools, sku: Ints, node: Ints, of: Ints) -> tuple[np.ndarray, ...]:
    """Lead time, its variance, source, inbound and passing cost (C,) of one period's placement (K,N)."""
    rate = instance.inbound_per_unit[sku, node] + instance.weight_kg[sku] * instance.inbound_per_kg[sku, node]
    lead, variance = instance.lead_time[sku, node], instance.lead_time_sd[sku, node] ** 2
    passing, at = np.zeros(len(sku)), instance.feeder[sku, node]
    while (through := (at >= 0) & ~stocked[sku, at]).any():
        up = np.where(through, at, 0)
        leg = instance.inbound_per_unit[sku, up] + instance.weight_kg[sku] * instance.inbound_per_kg[sku, up]
        rate = rate + np.where(through, leg, 0.0)
        lead = lead + np.where(through, instance.lead_time[sku, up], 0.0)
        variance = variance + np.where(through, instance.lead_time_sd[sku, up] ** 2, 0.0)
        passing = passing + np.where(through, instance.handling_cost[up], 0.0)
        at = np.where(through, instance.feeder[sku, up], at)
    return lead, variance, np.where(at >= 0, of[sku, at], -1), rate, passing


def _notice(instance: Instance, node: Ints, depth: Ints, lead: Floats, source: Ints) -> Floats:
    """(C,T) lead time + review, and for feeders the longest notice of those they feed."""
    own = np.rint(lead) + instance.review_days[node][:, None]
    below = np.zeros_like(own)
    for level in range(int(depth.max(initial=0)), 0, -1):
        fed, period = np.nonzero((depth == level)[:, None] & (source >= 0))
        np.maximum.at(below, (source[fed, period], period), (own + below)[fed, period])
    return own + below


def period_of(first_day: Ints, day: int) -> int:
    """The period a day lies in; days after the last period count to it."""
    return int(np.clip(np.searchsorted(first_day, day, side="right") - 1, 0, len(first_day) - 2))


def period_ahead(cells: Cells, first_day: Ints, day: int) -> Ints:
    """(C + 1,) the period whose figures a review at the end of the day follows.

    It is the last one that begins before the *next* order could arrive (a lead time and a review from now), since what
    is not ordered now comes too late for it; a feeder looks further ahead, by the notice of those it feeds. Where a
    period no longer stocks the SKU, orders end when what is ordered would arrive in it.
    """
    now = period_of(first_day, day)
    period = np.full(len(cells.stocked), now)
    for later in range(now + 1, cells.stocked.shape[1]):
        late = np.where(cells.stocked[:, later], cells.notice[:, later], np.rint(cells.lead_time[:, later]))
        arrives = day + 1 + late >= first_day[later]
        if not arrives.any():
            break
        period[arrives] = later
    return period


def announced(cells: Cells, now: int, position: Floats) -> Floats:
    """(C + 1,) units that the nodes a cell feeds will ask for to reach their levels of the next period.

    What a node needs beyond its position and its present order-up-to level: 0 once it has asked, and at the end.
    """
    out = np.zeros(len(position))
    if now + 1 >= cells.stocked.shape[1]:
        return out
    level = np.where(cells.stocked, cells.reorder_point + cells.order_quantity, 0.0)
    need = np.maximum(level[:, now + 1] - np.maximum(position, level[:, now]), 0.0)
    fed = np.flatnonzero((cells.source[:, now + 1] >= 0) & (need > 0))
    np.add.at(out, cells.source[fed, now + 1], need[fed])
    return out


def order_sizes(
    position: Floats, reorder_point: Floats, quantity: Floats, moq: Floats, pack: Floats, fixed_lots: bool
) -> Floats:
    """Units to order of cells whose position (on hand + on order - owed) is at or below the reorder point, else 0.

    Up to reorder point + quantity, at least the minimum order, in whole packs, as the plan's ``order_now``; or, with
    fixed lots, the smallest multiple of the quantity that lifts the position above the reorder point (Hadley & Whitin's
    (r, nQ) policy).

    >>> arrays = [np.array([value]) for value in (3.0, 5.0, 4.0, 1.0, 1.0)]
    >>> float(order_sizes(*arrays, False)[0]), float(order_sizes(*arrays, True)[0])
    (6.0, 4.0)
    """
    due = (position <= reorder_point + ROUNDING) & (reorder_point + quantity > 0)
    if fixed_lots:
        lots = np.floor((reorder_point - position + ROUNDING) / np.where(quantity > 0, quantity, 1.0)) + 1.0
        return np.where(due, lots * quantity, 0.0)
    wanted = np.maximum(reorder_point + quantity - position, moq)
    return np.where(due, np.ceil(wanted / pack - ROUNDING) * pack, 0.0)


def lead_times(mean: Floats, sd: Floats, rng: np.random.Generator) -> Ints:
    """Whole days, gamma distributed with the given mean and standard deviation; constant where sd is 0."""
    days = mean.copy()
    drawn = (sd > 0) & (mean > 0)
    days[drawn] = rng.gamma((mean[drawn] / sd[drawn]) ** 2, sd[drawn] ** 2 / mean[drawn])
    return np.rint(days).astype(np.int64)


def arrival_days(day: int, lead: Ints, review_days: Floats) -> Ints:
    """Morning on which goods ordered at the end of `day` are on the shelf.

    Reviewed every T >= 1 days, an order must last for T + lead time days of demand: it arrives after `lead` further
    full days. Reviewed without pause (0 days), it counts as placed when the demand came, and arrives on day + lead.
    """
    return day + np.where(review_days > 0, 1 + lead, np.maximum(lead, 1))


def fitting(free_m3: Floats, room: Ints, volume_m3: Floats, units: Floats, before_m3: Floats) -> Floats:
    """Units of each delivery that fit, whole ones only: free space of its room, less what is unloaded before it."""
    space = free_m3[room] - before_m3
    with np.errstate(divide="ignore", invalid="ignore"):
        most = np.where(volume_m3 > 0, np.floor(space / volume_m3 + DUST), np.inf)
    return np.clip(np.where(np.isinf(free_m3[room]), np.inf, most), 0.0, units)
