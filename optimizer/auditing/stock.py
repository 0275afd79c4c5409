"""Order quantity, awaited demand, reorder point, stock and spoilage, written from MATHEMATICS.md, section 6.

Everything takes equally long one-dimensional arrays: units, units/day, days. Loss functions are the closed forms of
Silver, Pyke & Thomas (4th ed., ch. 6-7) in terms of incomplete beta and gamma functions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from .calendar import DAYS_PER_YEAR

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Measure = Callable[[Floats], Bools]

WHOLE = 1e-9  # a mean this little above a whole number is that number
SMALL_MEAN = 20.0 + WHOLE  # discrete demand up to here
BEYOND = 1e15  # units; no search goes further
SLACK = 1e-9  # a service level counts as met from this far below, as missed from this far above


def order_quantity(flow: Floats, fixed: Floats, holding: Floats, cap: Floats, floor: Floats, pack: Floats) -> Floats:
    """Economic order quantity, at most `cap`, at least `floor`, then rounded up to packs; 0 without flow.

    fixed: money/order; holding: money/unit/year; cap, floor and pack: units.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        economic = np.sqrt(2.0 * flow * DAYS_PER_YEAR * fixed / holding)
    economic = np.where(fixed <= 0, 0.0, np.where(holding <= 0, np.inf, economic))
    wanted = np.maximum(np.minimum(economic, cap), floor)
    return np.where(flow > 0, np.ceil(wanted / pack - 1e-9) * pack, 0.0)


def excess_probability(level: Floats, mean: Floats, variance: Floats) -> Floats:
    """P(X > level) of awaited demand that is Poisson, negative binomial or gamma by section 6."""
    out = np.empty_like(mean)
    for family, rows in _families(mean, variance):
        out[rows] = family(level[rows], mean[rows], variance[rows])[0]
    return out


def expected_shortage(level: Floats, mean: Floats, variance: Floats) -> Floats:
    """E[(X - level)+] in units, of the same distributions."""
    out = np.empty_like(mean)
    for family, rows in _families(mean, variance):
        out[rows] = family(level[rows], mean[rows], variance[rows])[1]
    return np.maximum(out, 0.0)


def is_constant(mean: Floats, variance: Floats) -> Bools:
    """Demand without spread worth the name."""
    return variance <= 1e-12 * np.maximum(1.0, mean * mean)


def _families(mean: Floats, variance: Floats) -> list[tuple[Callable, NDArray[np.int64]]]:
    """Rows of each distribution family, as (function, row numbers)."""
    constant = is_constant(mean, variance)
    small = ~constant & (mean <= SMALL_MEAN)
    spread = variance > mean * (1.0 + 1e-9)
    masks = ((_constant, constant), (_poisson, small & ~spread), (_negative_binomial, small & spread))
    chosen = [*masks, (_gamma, ~constant & ~small)]
    return [(family, np.flatnonzero(mask)) for family, mask in chosen if mask.any()]


def _constant(level: Floats, mean: Floats, variance: Floats) -> tuple[Floats, Floats]:
    return (mean > level).astype(float), np.maximum(mean - level, 0.0)


def _poisson(level: Floats, mean: Floats, variance: Floats) -> tuple[Floats, Floats]:
    """P(X > r) and m P(X >= r) - r P(X > r)."""
    above = special.gammainc(level + 1.0, mean)
    at_least = np.where(level > 0, special.gammainc(np.maximum(level, 1.0), mean), 1.0)
    return above, mean * at_least - level * above


def _negative_binomial(level: Floats, mean: Floats, variance: Floats) -> tuple[Floats, Floats]:
    """As for Poisson; the size-biased negative binomial has one more success, and is shifted by one."""
    size, failure = mean * mean / (variance - mean), (variance - mean) / variance
    above = special.betainc(level + 1.0, size, failure)
    at_least = np.where(level > 0, special.betainc(np.maximum(level, 1.0), size + 1.0, failure), 1.0)
    return np.asarray(above, dtype=float), np.asarray(mean * at_least - level * above, dtype=float)


def _gamma(level: Floats, mean: Floats, variance: Floats) -> tuple[Floats, Floats]:
    """P(X > r) and m P(G > r) - r P(X > r), G gamma with one more unit of shape."""
    shape, scale = mean * mean / variance, variance / mean
    above = special.gammaincc(shape, level / scale)
    return above, mean * special.gammaincc(shape + 1.0, level / scale) - level * above


@dataclass(frozen=True)
class Awaited:
    """Demand from the reorder point to the delivery: equally long arrays, units."""

    mean: Floats
    variance: Floats  # 0 = a constant
    wait: Floats  # mean undershoot

    def only(self, rows: NDArray[np.int64]) -> Awaited:
        """Some of the rows."""
        return Awaited(self.mean[rows], self.variance[rows], self.wait[rows])


def awaited_demand(
    flow: Floats, variance: Floats, lead: Floats, lead_variance: Floats, review: Floats, error: Floats
) -> Awaited:
    """Undershoot at the review plus demand of the lead time; all 0 where there is no flow."""
    moving = flow > 0
    between = review * flow
    ratio = np.divide(variance, flow, out=np.ones_like(flow), where=moving)
    once, twice = np.maximum(between + ratio - 1.0, 0.0), np.maximum(between + 2.0 * ratio - 2.0, 0.0)
    lead_spread = lead_variance * flow * flow
    unsure = np.square(error * flow * (lead + review / 2.0))
    of_wait = np.maximum(once * twice / 3.0 + once / 2.0 * (1.0 - once / 2.0), 0.0)
    steady = is_constant((lead + review) * flow, (lead + review) * variance + lead_spread + unsure)
    wait = np.where(steady, between, once / 2.0)
    biased = np.where(steady, 0.0, error * error)
    spread = np.where(steady, 0.0, lead * variance + lead_spread + of_wait + unsure * (1.0 + biased))
    mean = flow * (lead + biased * (lead + review / 2.0)) + wait
    return Awaited(np.where(moving, mean, 0.0), np.where(moving, spread, 0.0), np.where(moving, wait, 0.0))


LEAST_TAIL = 1e-4


def worthwhile_tail(order: Floats, flow: Floats, holding: Floats, lost: Floats) -> Floats:
    """P(short in a cycle) above which another unit in stock pays: h q against 365 p F; 1 where nothing is lost."""
    yearly = holding * order
    tail = np.where(lost * flow > 0, yearly / np.maximum(yearly + DAYS_PER_YEAR * lost * flow, 1e-300), 1.0)
    return np.maximum(tail, LEAST_TAIL)


class Service:
    """The promise of one batch of rows: which reorder points meet it, and the smallest that does.

    tail: the most that the probability of a shortage in a cycle may be besides.
    """

    def __init__(self, demand: Awaited, lift: Floats, level: Floats, fill: Bools, tail: Floats) -> None:
        self.demand, self.lift, self.level, self.fill, self.tail = demand, lift, level, fill, tail
        self.constant = demand.variance <= 0
        self.smooth = ~self.constant & (demand.mean > SMALL_MEAN)

    def only(self, rows: NDArray[np.int64]) -> Service:
        """Some of the rows."""
        return Service(self.demand.only(rows), self.lift[rows], self.level[rows], self.fill[rows], self.tail[rows])

    def met(self, reorder: Floats, slack: float = 0.0) -> Bools:
        """Does reorder point `reorder` meet the service measure (with `slack` as a share of the promise)?"""
        level = reorder + np.where(self.smooth, 1e-6, 0.0)
        mean, variance = self.demand.mean, self.demand.variance
        missed = excess_probability(level, mean, variance)
        short = expected_shortage(level, mean, variance)
        order = self.lift + np.minimum(reorder, self.demand.wait)
        promise = 1.0 - self.level
        kept = np.where(self.fill, self.level * short <= (promise + slack) * order, missed <= promise + slack)
        return kept & (missed <= self.tail + slack)

    def smallest(self) -> Floats:
        """Smallest integer from 0 on that meets the measure, by doubling and bisection."""
        low, high = np.full_like(self.level, -1.0), np.zeros_like(self.level)
        while not (met := self.met(high) | (high > BEYOND)).all():
            low, high = np.where(met, low, high), np.where(met, high, 2.0 * high + 1.0)
        while (wide := high - low > 1.0).any():
            middle = np.where(wide, np.floor((low + high) / 2.0), high)
            met = self.met(middle)
            low, high = np.where(met, low, middle), np.where(met, middle, high)
        return np.where(self.lift <= 0, 0.0, np.where(self.constant, self.demand.mean, high))

    def confirms(self, reorder: Floats) -> Bools:
        """Is `reorder` the smallest admissible reorder point, leaving the last digits of the service level aside?"""
        whole = np.abs(reorder - np.round(reorder)) <= 1e-6
        reached = (reorder >= 0) & self.met(np.maximum(reorder, 0.0), SLACK)
        lower = reorder - 1.0
        least = (lower < 0) | ~self.met(np.maximum(lower, 0.0), -SLACK)
        mean = self.demand.mean
        constant = np.abs(reorder - mean) <= 1e-6 * np.maximum(1.0, mean)
        return np.where(self.lift <= 0, reorder == 0, np.where(self.constant, constant, whole & reached & least))


def reorder_point(service: Service, raised: Service, written: Floats | None = None) -> Floats:
    """Reorder points; a written one that proves to be the smallest stands, every other is searched anew.

    raised: the same promise where stock above it pays, which a plan may keep or not.
    """
    if written is None:
        return service.smallest()
    given = np.nan_to_num(written, nan=-1.0)
    out, doubtful = written.copy(), ~service.confirms(given)
    if doubtful.any():
        rows = np.flatnonzero(doubtful)
        doubtful[rows] = ~raised.only(rows).confirms(given[rows])
    if doubtful.any():
        rows = np.flatnonzero(doubtful)
        out[rows] = service.only(rows).smallest()
    return out


@dataclass(frozen=True)
class Shelf:
    """What a reorder point means on the shelf; 0 where nothing is held."""

    safety: Floats  # units
    average: Floats  # units
    peak: Floats  # units
    order: Floats  # units of a mean order
    orders_per_day: Floats
    short_per_day: Floats  # units


def lifted(quantity: Floats, pack: Floats) -> Floats:
    """Units by which an order up to the level, in whole packs, lifts the position above the reorder point."""
    return np.where(quantity > 0, quantity + np.maximum(pack - 1.0, 0.0) / 2.0, 0.0)


def shelf(
    demand: Awaited, reorder: Floats, quantity: Floats, lift: Floats, flow: Floats, lead: Floats, review: Floats
) -> Shelf:
    """Safety, average and peak stock, mean order and orders a day."""
    held = quantity > 0
    steady = demand.variance <= 0
    short = np.where(steady, 0.0, expected_shortage(np.maximum(reorder, 0.0), demand.mean, demand.variance))
    safety = np.where(steady, 0.0, np.maximum(reorder - demand.mean + short, 0.0))
    order = np.where(steady, quantity, lift + np.minimum(demand.wait, reorder))
    with np.errstate(invalid="ignore", divide="ignore"):
        served = order / (order + short)
        at_top = demand.wait / (lift + demand.wait)
        position = reorder + at_top * lift + (1.0 - at_top) * (lift + 1.0) / 2.0
        unserved = short - np.maximum(demand.wait - reorder, 0.0)
        average = position + unserved / (order + short) * np.maximum(order - position, 0.0)
        average = np.where(steady, order / 2.0, average - served * flow * (lead + review / 2.0))
        often = flow / (order + short)
    peak = np.maximum(safety + order, average)
    return Shelf(*(np.where(held, figure, 0.0) for figure in (safety, average, peak, order, often, often * short)))


def spoiled_per_day(held: Shelf, flow: Floats, variance: Floats, level_error: Floats, shelf_life: Floats) -> Floats:
    """Units/day that outlive `shelf_life` days (inf = never): E[(peak - X)+] per cycle, at most an order."""
    out = np.zeros_like(flow)
    rows = np.flatnonzero(np.isfinite(shelf_life) & (flow > 0) & (held.order > 0))
    if not len(rows):
        return out
    stock, life = held.peak[rows], shelf_life[rows]
    mean = life * flow[rows]
    spread = life * variance[rows] + (level_error[rows] * mean) ** 2
    constant = is_constant(mean, spread)
    safe = np.where(constant, 1.0, spread)
    shape, scaled = mean * mean / safe, stock * mean / safe
    leftover = stock * special.gammainc(shape, scaled) - mean * special.gammainc(shape + 1.0, scaled)
    leftover = np.where(constant, np.maximum(stock - mean, 0.0), np.maximum(leftover, 0.0))
    out[rows] = np.minimum(leftover, held.order[rows]) * held.orders_per_day[rows]
    return out
