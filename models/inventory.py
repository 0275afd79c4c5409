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

PACK_TOLERANCE = 1e-9  # packs; a quantity this close above whole packs is whole packs
BLOCK = 131_072  # cells worked on at once: few enough for the processor's cache, enough to spread NumPy's overhead


class StockPolicy(NamedTuple):
    """What section 6 says of each cell; every field has the broadcast shape of the arguments."""

    quantity: Floats  # Q, units
    reorder_point: Floats  # r, units
    safety_stock: Floats  # SS, units
    average: Floats  # SS + Q/2, units
    peak: Floats  # SS + Q, units
    lead_time_demand: Floats  # m, units
    spoiled_per_day: Floats  # units/day


def lead_time_demand(
    flow: ArrayLike,
    variance: ArrayLike,
    lead_time: ArrayLike,
    lead_time_sd: ArrayLike,
    review_days: ArrayLike,
    level_error: ArrayLike,
) -> tuple[Floats, Floats]:
    """Mean m (units) and variance s2 (units^2) of the demand during the protection time P = lead time + review days.

    m = P F, s2 = P V + (sd_L F)^2 + (eps m)^2 (Silver, Pyke & Thomas, chapter 7). Dell's, of Chopra & Meindl (Supply
    Chain Management): 2,500 units a day with sd 500 and a lead time of 7 days with sd 7 give an sd of 17,550 units.

    >>> mean, s2 = lead_time_demand(2500.0, 500.0**2, 7.0, 7.0, 0.0, 0.0)
    >>> float(mean), round(float(s2) ** 0.5)
    (17500.0, 17550)
    """
    F, V, lead, sd, review, error = _arrays(flow, variance, lead_time, lead_time_sd, review_days, level_error)
    P = lead + review
    m = P * F
    return m, P * V + (sd * F) ** 2 + (error * m) ** 2


def order_quantity(
    flow: ArrayLike,
    order_cost: ArrayLike,
    holding_cost: ArrayLike,
    moq: ArrayLike,
    pack_size: ArrayLike,
    review_days: ArrayLike,
    max_cover_days: ArrayLike,
    shelf_life_days: ArrayLike,
) -> Floats:
    """Order quantity Q, units: the economic one, bounded above by cover and shelf life, then below, then whole packs.

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
    packs = np.ceil(np.maximum(np.fmin(economic, most), least) / pack - PACK_TOLERANCE)
    return np.where(F > 0, np.maximum(packs, 1.0) * pack, 0.0)


def reorder_point(
    mean: ArrayLike, variance: ArrayLike, quantity: ArrayLike, service_level: ArrayLike, fill: ArrayLike
) -> Floats:
    """Reorder point r, units: the smallest at or above the mean that keeps the service promised.

    mean and variance of lead-time demand (units, units^2), quantity Q (units), service_level in (0, 1), fill True for
    fill rate (E[(X - r)+] <= (1 - service) Q) and False for cycle service (P(X <= r) >= service). The demand X is a
    constant, negative binomial (Poisson where s2 <= m) up to a mean of 20 units, gamma above; only a constant's reorder
    point need not be an integer. Burgin's gamma fill rate (Silver, Pyke & Thomas, ch. 6): 189.52 before rounding up.

    >>> float(reorder_point(100.0, 50.0**2, 200.0, 0.99, True))
    190.0
    """
    arrays = np.broadcast_arrays(mean, variance, quantity, service_level, fill)
    m, s2, q, service = (np.asarray(value, dtype=float).ravel() for value in arrays[:4])
    point = smallest_reorder_point(m, s2, q, service, np.asarray(arrays[4], dtype=bool).ravel())
    return point.reshape(arrays[0].shape)


def spoiled_per_cycle(
    peak: ArrayLike,
    quantity: ArrayLike,
    flow: ArrayLike,
    variance: ArrayLike,
    level_error: ArrayLike,
    shelf_life_days: ArrayLike,
) -> Floats:
    """Units expected to spoil in one order cycle: what is left of SS + Q after the shelf life, but at most Q.

    peak = SS + Q and quantity in units, flow in units/day, variance in units^2/day; shelf life in days, inf = keeps.
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
) -> StockPolicy:
    """All of section 6 for every cell; arguments broadcast, in the units of the functions above.

    A cell without flow gets zeros. Results are finite; the shelf life may be infinite, and the cover too where the
    economic quantity is finite.

    >>> policy = stock_policy([0.0, 2.0], 4.0, 3.0, 0.0, 1.0, 0.0, 25.0, 1.0, 1.0, 12.0, 90.0, np.inf, 0.95, True)
    >>> [float(value) for value in policy.lead_time_demand], [float(value) for value in policy.quantity]
    ([0.0, 8.0], [0.0, 180.0])
    """
    arguments = (
        flow, variance, lead_time, lead_time_sd, review_days, level_error, order_cost, holding_cost, moq, pack_size,
        max_cover_days, shelf_life_days, service_level, fill,
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
    ) = cells
    mean, s2 = lead_time_demand(flow, variance, lead_time, lead_time_sd, review, error)
    quantity = order_quantity(flow, order_cost, holding, moq, pack, review, cover, life)
    point = smallest_reorder_point(mean, s2, quantity, service, fill > 0)
    safety = np.maximum(point - mean, 0.0)
    peak = safety + quantity
    spoiled = spoiled_per_cycle(peak, quantity, flow, variance, error, life) * (flow / quantity)
    return StockPolicy(quantity, point, safety, safety + 0.5 * quantity, peak, mean, spoiled)


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
