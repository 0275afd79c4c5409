"""The stock policy of a SKU at a node: section 6 of MATHEMATICS.md, vectorised over arrays of cells.

Units: demand in units, flow in units/day, variance rate in units^2/day, times in days, costs in money. Source of the
policy: Silver, Pyke & Thomas, Inventory and Production Management in Supply Chains, 4th ed., chapters 4, 6 and 7.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from .distributions import gamma_complementary_loss
from .instance import Floats
from .reorder import is_constant, smallest_reorder_point

LEAST_TAIL = 1e-4  # stock is never raised beyond one stock-out in ten thousand cycles, however cheap it is to hold
SMALLER = (0.75, 0.5, 0.25)  # shares of the usual order that perishable goods may be ordered in, to waste less
CHEAPER = 1e-9  # share of the cost that a smaller order must save
PACK_TOLERANCE = 1e-9  # packs; a quantity this close above whole packs is whole packs
BLOCK = 131_072  # cells worked on at once: few enough for the processor's cache, enough to spread NumPy's overhead


class StockPolicy(NamedTuple):
    """What section 6 says of each cell; every field has the broadcast shape of the arguments."""

    quantity: Floats  # Q, units between reorder point and order-up-to level
    reorder_point: Floats  # r, units
    safety_stock: Floats  # SS, units expected on the shelf when a delivery arrives
    average: Floats  # units on the shelf, mean over time
    peak: Floats  # units expected on the shelf after a delivery
    lead_time_demand: Floats  # r - SS, units expected to be sold from reorder point to delivery
    orders_per_day: Floats
    short_per_day: Floats  # units/day asked for in vain
    spoiled_per_day: Floats  # units/day


def lead_time_demand(
    flow: ArrayLike, variance: ArrayLike, lead_time: ArrayLike, lead_time_sd: ArrayLike
) -> tuple[Floats, Floats]:
    """Mean (units) and variance (units^2) of the demand during the lead time: L F and L V + (sd_L F)^2.

    Silver, Pyke & Thomas, chapter 7. Dell's, of Chopra & Meindl (Supply Chain Management): 2,500 units a day with sd
    500 and a lead time of 7 days with sd 7 give an sd of 17,550 units.

    >>> mean, s2 = lead_time_demand(2500.0, 500.0**2, 7.0, 7.0)
    >>> float(mean), round(float(s2) ** 0.5)
    (17500.0, 17550)
    """
    F, V, lead, sd = _arrays(flow, variance, lead_time, lead_time_sd)
    return lead * F, lead * V + (sd * F) ** 2


def undershoot(flow: ArrayLike, variance: ArrayLike, review_days: ArrayLike) -> tuple[Floats, Floats]:
    """Mean u (units) and variance (units^2) of U, how far the position is below the reorder point at the review.

    P(U = j) = P(D > j) / E[D] with D the demand between two reviews (renewal theory: Tijms, A First Course in
    Stochastic Models, 2003, ch. 8): E[U] = E[D (D - 1)] / 2 E[D], E[U (U - 1)] = E[D (D - 1)(D - 2)] / 3 E[D]. D has
    the mean G = R F, and V/F - 1 = d: E[U] = (G + d) / 2, E[U (U - 1)] = (G + d)(G + 2 d) / 3 for negative binomial and
    Poisson demand, and for a constant one (d = -1): 21 units every review fall short by 0 to 20, each as likely.

    >>> [float(value) for value in undershoot(3.0, 0.0, 7.0)]
    [10.0, 36.666666666666686]
    """
    F, V, review = _arrays(flow, variance, review_days)
    G = review * F
    d = np.divide(V, F, out=np.ones(np.broadcast_shapes(V.shape, F.shape)), where=F > 0) - 1.0
    first = np.maximum(G + d, 0.0)
    mean = 0.5 * first
    return mean, np.maximum(first * np.maximum(G + 2.0 * d, 0.0) / 3.0 + mean - mean * mean, 0.0)


class Awaited(NamedTuple):
    """Z, the demand from the reorder point until the delivery: undershoot and lead-time demand."""

    mean: Floats  # m, units
    variance: Floats  # s2, units^2; 0 where Z is a constant
    wait: Floats  # u, units: the undershoot's mean


def awaited_demand(
    flow: ArrayLike,
    variance: ArrayLike,
    lead_time: ArrayLike,
    lead_time_sd: ArrayLike,
    review_days: ArrayLike,
    level_error: ArrayLike,
) -> Awaited:
    """Z = U + lead-time demand of cells with flow, over order cycles, of which a higher level has more.

    Where the level is uncertain by the share eps, a unit asked for meets a level eps^2 higher than the mean: with
    g = (L + R/2) F the mean has eps^2 g and the variance (eps g)^2 (1 + eps^2) of it (the size-biased gamma level).

    Without any spread (constant demand, lead time and level) U is the most it can be, G.

    >>> [float(value) for value in awaited_demand(2.0, 0.0, 5.0, 0.0, 7.0, 0.0)]
    [24.0, 0.0, 14.0]
    """
    F, V, lead, sd, review, error = _arrays(flow, variance, lead_time, lead_time_sd, review_days, level_error)
    mean, s2 = lead_time_demand(F, V, lead, sd)
    wait, spread = undershoot(F, V, review)
    at_risk = (lead + 0.5 * review) * F
    unsure = (error * at_risk) ** 2
    constant = is_constant((lead + review) * F, s2 + review * V + unsure)
    wait = np.where(constant, review * F, wait)
    more = np.where(constant, 0.0, error * error * at_risk)
    return Awaited(mean + wait + more, np.where(constant, 0.0, s2 + spread + unsure + more * more), wait)


def order_quantity(
    flow: ArrayLike,
    order_cost: ArrayLike,
    holding_cost: ArrayLike,
    moq: ArrayLike,
    pack_size: ArrayLike,
    review_days: ArrayLike,
    max_cover_days: ArrayLike,
    shelf_life_days: ArrayLike,
    share: float = 1.0,
) -> Floats:
    """Order quantity Q, units: the economic one, bounded above by cover and shelf life, then below, then whole packs.

    share: of what it is before the bounds below.

    order_cost in money/order, holding_cost in money/unit/year, moq and pack_size (> 0) in units; shelf life inf: keeps.
    EOQ = sqrt(2 F 365 A / h) (Harris 1913; Silver, Pyke & Thomas, chapter 4): their example of 2,400 units/year, 3.20
    an order and 0.24 x 0.40 per unit and year gives 400.

    >>> float(order_quantity(2400 / 365, 3.20, 0.24 * 0.40, 1.0, 1.0, 7.0, 365.0, np.inf))
    400.0
    """
    F, A, h = _arrays(flow, order_cost, holding_cost)
    smallest, pack, review, cover, life = _arrays(moq, pack_size, review_days, max_cover_days, shelf_life_days)
    with np.errstate(divide="ignore", invalid="ignore"):
        economic = np.where(A > 0, np.sqrt((730.0 * F) * A / h), 0.0)
        most = np.where(F > 0, np.minimum(cover, 0.5 * life), 0.0) * F
    least = np.maximum(review * F, np.maximum(smallest, 1.0))
    packs = np.ceil(np.maximum(share * np.fmin(economic, most), least) / pack - PACK_TOLERANCE)
    return np.where(F > 0, np.maximum(packs, 1.0) * pack, 0.0)


def reorder_point(
    mean: ArrayLike,
    variance: ArrayLike,
    wait: ArrayLike,
    lift: ArrayLike,
    service_level: ArrayLike,
    fill: ArrayLike,
    most_tail: ArrayLike = 1.0,
) -> Floats:
    """Reorder point r, units: the smallest integer >= 0 that keeps the service promised, with P(Z > r) <= most_tail.

    mean, variance and wait of `awaited_demand` (units, units^2, units), lift B (units), service_level in (0, 1), fill
    True for the fill rate with lost sales, q / (q + E[(Z - r)+]) >= service with q = B + min(u, r) the mean order
    (Silver, Pyke & Thomas, ch. 6), and False for cycle service, P(Z <= r) >= service. Z is a constant (r is its mean,
    whole or not), negative binomial (Poisson where s2 <= m) up to a mean of 20 units, gamma above.

    Burgin's gamma fill rate (Silver, Pyke & Thomas, ch. 6): back-orders allow (1 - 0.99) 200 units short, which is the
    service 0.990099 of lost sales, and need 189.52 units.

    >>> float(reorder_point(100.0, 50.0**2, 0.0, 200.0, 1 / 1.01, True))
    190.0
    """
    arrays = np.broadcast_arrays(mean, variance, wait, lift, service_level, most_tail, fill)
    m, s2, u, q, service, tail = (np.asarray(value, dtype=float).ravel() for value in arrays[:6])
    found = smallest_reorder_point(m, s2, u, q, service, np.asarray(arrays[6], dtype=bool).ravel(), tail)
    return found.point.reshape(arrays[0].shape)


def paying_tail(order: ArrayLike, flow: ArrayLike, holding_cost: ArrayLike, shortage_cost: ArrayLike) -> Floats:
    """The chance of running short in a cycle at which one more unit of stock costs what it saves; 1 without a price.

    order, the mean order, in units; flow in units/day; holding_cost in money/unit/year; shortage_cost, what a unit
    asked for in vain costs, in money. One more unit stands on the shelf with the probability 1 - tail, at h; it saves a
    sale with the probability tail in each of 365 F / q cycles: tail = h q / (h q + 365 p F), at least LEAST_TAIL
    (lost sales: Hadley & Whitin, Analysis of Inventory Systems, 1963, ch. 4).

    A unit held for 2 a year, 50 to an order, 1 a day, 5 lost by a sale lost: 100 / (100 + 1,825).

    >>> round(float(paying_tail(50.0, 1.0, 2.0, 5.0)), 6)
    0.051948
    """
    q, F, h, p = _arrays(order, flow, holding_cost, shortage_cost)
    holding, losing = h * q, 365.0 * p * F
    at_stake = holding + losing
    tail = np.divide(holding, at_stake, out=np.ones(np.shape(at_stake)), where=losing > 0)
    return np.maximum(tail, LEAST_TAIL)


def average_stock(
    point: ArrayLike,
    lift: ArrayLike,
    wait: ArrayLike,
    short: ArrayLike,
    flow: ArrayLike,
    lead_time: ArrayLike,
    review_days: ArrayLike,
) -> Floats:
    """Mean stock on the shelf, units: the position less what is on its way (Little's law).

    An order lifts the position by B (`lift`) above r: after a review it is r + B with the weight u / (B + u), else any
    of r + 1 .. r + B alike, mean Y. Of the demand the share f = q / (q + e) is served, so f F (L + R/2) units are on
    their way or sold before the next review. Where the shelf is empty although an order is on its way, which loses
    e - max(0, u - r) a cycle, the position is no less than this order, q = B + min(u, r).

    Without waiting and shortage it is B/2 + 1/2 above r - L F (Hadley & Whitin, 1963, ch. 4):

    >>> float(average_stock(5.0, 10.0, 0.0, 0.0, 0.5, 4.0, 0.0))
    8.5
    """
    r, B, u, e, F, lead, review = _arrays(point, lift, wait, short, flow, lead_time, review_days)
    with np.errstate(invalid="ignore", divide="ignore"):
        order = B + np.minimum(u, r)
        served = order / (order + e)
        ordered = (e - np.maximum(u - r, 0.0)) / (order + e)
        position = r + 0.5 * B * (B + 1.0 + 2.0 * u) / (B + u)
    empty = np.maximum(order - position, 0.0)
    return np.where(B > 0, position + ordered * empty - served * F * (lead + 0.5 * review), 0.0)


def spoiled_per_cycle(
    peak: ArrayLike,
    quantity: ArrayLike,
    flow: ArrayLike,
    variance: ArrayLike,
    level_error: ArrayLike,
    shelf_life_days: ArrayLike,
) -> Floats:
    """Units expected to spoil in one order cycle: what is left of the peak after the shelf life, but at most an order.

    peak and quantity (the mean order) in units, flow in units/day, variance in units^2/day; shelf life in days, inf:
    keeps.

    Demand in s days has mean s F and variance s V + (eps s F)^2, gamma. One unit a day with variance 1, ten units, ten
    days: E[(10 - X)+] of a gamma variable of shape 10 and scale 1 is 10^11 e^-10 / 10!.

    >>> round(float(spoiled_per_cycle(10.0, 10.0, 1.0, 1.0, 0.0, 10.0)), 6)
    1.2511
    """
    arrays = np.broadcast_arrays(peak, quantity, flow, variance, level_error, shelf_life_days)
    flat = [np.asarray(value, dtype=float).ravel() for value in arrays]
    result = np.zeros(flat[0].size)
    perishable = np.flatnonzero(np.isfinite(flat[5]) & (flat[2] > 0))
    if perishable.size:
        stock, most, F, V, error, life = (values[perishable] for values in flat)
        mean = life * F
        s2 = life * V + (error * mean) ** 2
        constant = is_constant(mean, s2)
        left = gamma_complementary_loss(stock, mean, np.where(constant, mean, s2))
        result[perishable] = np.minimum(np.where(constant, np.maximum(stock - mean, 0.0), left), most)
    return result.reshape(arrays[0].shape)


def stock_policy(
    flow: ArrayLike,
    variance: ArrayLike,
    lead_time: ArrayLike,
    lead_time_sd: ArrayLike,
    review_days: ArrayLike,
    level_error: ArrayLike,
    order_cost: ArrayLike,
    holding_cost: ArrayLike,
    moq: ArrayLike,
    pack_size: ArrayLike,
    max_cover_days: ArrayLike,
    shelf_life_days: ArrayLike,
    service_level: ArrayLike,
    fill: ArrayLike,
    shortage_cost: ArrayLike = 0.0,
    spoilage_cost: ArrayLike = 0.0,
    raised: ArrayLike = False,
) -> StockPolicy:
    """All of section 6 for every cell; arguments broadcast, in the units of the functions above.

    shortage_cost in money per unit asked for in vain, spoilage_cost in money/unit; raised: stock above the service is
    held where it costs less than the shortages it saves.

    A cell without flow gets zeros. Results are finite; the shelf life may be infinite, and the cover too where the
    economic quantity is finite.

    >>> policy = stock_policy([0.0, 2.0], 4.0, 3.0, 0.0, 7.0, 0.0, 25.0, 1.0, 1.0, 12.0, 30.0, np.inf, 0.98, True)
    >>> [float(value) for value in policy.quantity], [float(value) for value in policy.reorder_point]
    ([0.0, 60.0], [0.0, 17.0])
    """
    arguments = (
        flow, variance, lead_time, lead_time_sd, review_days, level_error, order_cost, holding_cost, moq, pack_size,
        max_cover_days, shelf_life_days, service_level, fill, shortage_cost, spoilage_cost, raised,
    )  # fmt: skip
    arrays = [np.asarray(value, dtype=float) for value in arguments]
    shape = np.broadcast_shapes(*(array.shape for array in arrays))
    policy = StockPolicy(*(np.zeros(shape) for _ in StockPolicy._fields))
    views = [np.broadcast_to(array, shape) for array in arrays]
    for block in _blocks(shape):
        part = np.shape(views[0][block])
        flat = [view[block].ravel() for view in views]
        moving = np.flatnonzero(flat[0] > 0)
        if moving.size == flat[0].size:
            for whole, values in zip(policy, _policy_of(flat), strict=True):
                whole[block] = values.reshape(part)
        elif moving.size:
            for whole, values in zip(policy, _policy_of([values[moving] for values in flat]), strict=True):
                scattered = np.zeros(flat[0].size)
                scattered[moving] = values
                whole[block] = scattered.reshape(part)
    return policy


def _arrays(*values: ArrayLike) -> list[Floats]:
    return [np.asarray(value, dtype=float) for value in values]


def _policy_of(cells: list[Floats]) -> StockPolicy:
    """The policy of cells with flow, given as one-dimensional arrays in the order of `stock_policy`'s arguments."""
    policy = _ordering(cells, 1.0)
    perishable = np.flatnonzero(np.isfinite(cells[11]))
    if not perishable.size:
        return policy
    goods = [values[perishable] for values in cells]
    best = StockPolicy(*(values[perishable] for values in policy))
    least = _per_day(goods, best)
    for share in SMALLER:
        other = _ordering(goods, share)
        cost = _per_day(goods, other)
        cheaper = cost < least - CHEAPER * np.abs(least)
        least = np.where(cheaper, cost, least)
        best = StockPolicy(*(np.where(cheaper, now, was) for now, was in zip(other, best, strict=True)))
    for values, chosen in zip(policy, best, strict=True):
        values[perishable] = chosen
    return policy


def _per_day(cells: list[Floats], policy: StockPolicy) -> Floats:
    """Money a day that depends on the order quantity: holding, orders, waste and shortages."""
    order_cost, holding, price, waste = cells[6], cells[7], cells[14], cells[15]
    return (
        holding / 365.0 * policy.average
        + order_cost * policy.orders_per_day
        + waste * policy.spoiled_per_day
        + price * policy.short_per_day
    )


def _ordering(cells: list[Floats], share: float) -> StockPolicy:
    """The policy of cells with flow whose order is a share of the usual one."""
    (
        flow,
        variance,
        lead_time,
        lead_time_sd,
        review,
        error,
        order_cost,
        holding,
        moq,
        pack,
        cover,
        life,
        service,
        fill,
        price,
        _,
        raised,
    ) = cells
    quantity = order_quantity(flow, order_cost, holding, moq, pack, review, cover, life, share)
    lift = quantity + 0.5 * np.maximum(pack - 1.0, 0.0)
    awaited = awaited_demand(flow, variance, lead_time, lead_time_sd, review, error)
    wait = awaited.wait
    pays = np.isinf(life) & (raised > 0)
    tail = np.where(pays, paying_tail(lift + wait, flow, holding, price), 1.0) if pays.any() else 1.0
    point, short = smallest_reorder_point(*awaited, lift, service, fill > 0, tail)
    constant = awaited.variance == 0
    safety = np.where(constant, 0.0, np.clip(point - awaited.mean + short, 0.0, point))
    order = np.where(constant, quantity, lift + np.minimum(wait, point))
    cycles = flow / (order + short)
    average = average_stock(point, lift, wait, short, flow, lead_time, review)
    average = np.where(constant, 0.5 * order, average)
    peak = np.maximum(safety + order, average)
    spoiled = spoiled_per_cycle(peak, order, flow, variance, error, life) * cycles
    return StockPolicy(quantity, point, safety, average, peak, point - safety, cycles, short * cycles, spoiled)


def _blocks(shape: tuple[int, ...]) -> Iterator[tuple[slice, ...]]:
    """Slices that cut an array of the shape into blocks of about BLOCK cells."""
    if prod(shape) <= BLOCK:
        yield tuple(slice(None) for _ in shape)
        return
    inner = prod(shape[1:])
    rows = max(1, BLOCK // max(inner, 1))
    for start in range(0, shape[0], rows):
        for rest in _blocks(shape[1:]) if inner > BLOCK else [tuple(slice(None) for _ in shape[1:])]:
            yield (slice(start, start + rows), *rest)
