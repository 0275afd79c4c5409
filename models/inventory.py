"""The stock policy of a SKU at a node: section 6 of MATHEMATICS.md, vectorised over arrays of cells.

Units: demand in units, flow in units/day, variance rate in units^2/day, times in days, costs in money. Source of the
policy: Silver, Pyke & Thomas, Inventory and Production Management in Supply Chains, 4th ed., chapters 4, 6 and 7.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from .distributions import (
    gamma_complementary_loss,
    gamma_loss,
    negative_binomial_loss,
    negative_binomial_survival,
    poisson_loss,
)
from .instance import Bools, Floats

DISCRETE_MEAN = 20.0  # units; up to here lead-time demand is counted, above it is a gamma variable
PACK_TOLERANCE = 1e-9
INTEGER_TOLERANCE = 1e-9  # a mean this close above an integer is that integer
GAMMA_TOLERANCE = 1e-6
TIE = 1e-12  # a service target missed by no more than this is met


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

    m = P F, s2 = P V + (sd_L F)^2 + (eps m)^2 (Silver, Pyke & Thomas, 4th ed., 7.9). Dell, Chopra & Meindl: daily demand
    N(2500, 500^2), lead time 7 days with sd 7 days, gives 17,550 units of standard deviation.

    >>> mean, s2 = lead_time_demand(2500.0, 500.0**2, 7.0, 7.0, 0.0, 0.0)
    >>> float(mean), round(float(s2) ** 0.5)
    (17500.0, 17550)
    """
    flow = np.asarray(flow, dtype=float)
    protection = np.asarray(lead_time, dtype=float) + review_days
    mean = protection * flow
    return mean, protection * variance + (lead_time_sd * flow) ** 2 + (level_error * mean) ** 2


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

    order_cost in money/order, holding_cost in money/unit/year, moq and pack_size (> 0) in units; shelf life inf = keeps.
    EOQ = sqrt(2 F 365 A / h) (Harris 1913; Silver, Pyke & Thomas, 4th ed., 4.2): their example of 2,400 units/year,
    3.20 an order and 0.24 x 0.40 per unit and year gives 400.

    >>> float(order_quantity(2400 / 365, 3.20, 0.24 * 0.40, 1.0, 1.0, 7.0, 365.0, np.inf))
    400.0
    """
    flow, order_cost, holding_cost = (np.asarray(value, dtype=float) for value in (flow, order_cost, holding_cost))
    with np.errstate(divide="ignore", invalid="ignore"):
        economic = np.where(order_cost > 0, np.sqrt(2.0 * 365.0 * flow * order_cost / holding_cost), 0.0)
        cover = np.minimum(max_cover_days, 0.5 * np.asarray(shelf_life_days, dtype=float)) * flow
    quantity = np.maximum(np.fmin(economic, cover), np.maximum(review_days * flow, np.maximum(moq, 1.0)))
    packs = np.maximum(np.ceil(quantity / pack_size - PACK_TOLERANCE), 1.0)
    return np.where(flow > 0, packs * pack_size, 0.0)


def reorder_point(
    mean: ArrayLike, variance: ArrayLike, quantity: ArrayLike, service_level: ArrayLike, fill: ArrayLike
) -> Floats:
    """Reorder point r, units: the smallest at or above the mean that keeps the service promised.

    mean and variance of lead-time demand (units, units^2), quantity Q (units), service_level in (0, 1), fill True for
    fill rate (E[(X - r)+] <= (1 - service) Q) and False for cycle service (P(X <= r) >= service).

    >>> float(reorder_point(100.0, 50.0**2, 200.0, 0.99, True))  # Tyworth, Guo & Ganeshan: 189.52 before rounding
    190.0
    """
    arrays = [np.asarray(value) for value in np.broadcast_arrays(mean, variance, quantity, service_level, fill)]
    shape = arrays[0].shape
    m, s2, q, service = (value.astype(float).ravel() for value in arrays[:4])
    by_fill = arrays[4].astype(bool).ravel()
    constant = (s2 <= 1e-12 * np.maximum(1.0, m * m)) | (m <= 0)
    result = m.copy()
    counted = ~constant & (m <= DISCRETE_MEAN + INTEGER_TOLERANCE)
    for kind, chosen in (("counted", counted), ("gamma", ~constant & ~counted)):
        index = np.flatnonzero(chosen)
        if index.size:
            result[index] = _bisect(kind, m[index], s2[index], q[index], service[index], by_fill[index])
    return result.reshape(shape)


def _bisect(kind: str, m: Floats, s2: Floats, q: Floats, service: Floats, fill: Bools) -> Floats:
    """Smallest integer that meets the service, between the mean and the bound that holds for every distribution."""
    target = np.where(fill, (1.0 - service) * q, 1.0 - service)
    low = np.ceil(m - (INTEGER_TOLERANCE if kind == "counted" else GAMMA_TOLERANCE)) - 1.0
    spread = np.where((s2 > m) | (kind == "gamma"), s2, m)
    far = np.where(fill, spread / (4 * target) - target, np.sqrt(spread * service / (1.0 - service)))  # Scarf; Cantelli
    high = np.maximum(low + 1.0, np.ceil(m + np.maximum(far, 0.0)) + 1.0)
    active = np.flatnonzero(high - low > 1.0)
    while active.size:
        middle = np.floor(0.5 * (low[active] + high[active]))
        met = _shortfall(kind, middle, m[active], s2[active], fill[active]) <= target[active] + TIE
        high[active] = np.where(met, middle, high[active])
        low[active] = np.where(met, low[active], middle)
        active = active[high[active] - low[active] > 1.0]
    return high


def _shortfall(kind: str, r: Floats, m: Floats, s2: Floats, fill: Bools) -> Floats:
    """Loss (fill) or probability (cycle) that demand exceeds r."""
    if kind == "gamma":
        r = r + GAMMA_TOLERANCE
        return np.where(fill, gamma_loss(r, m, s2), special.gammaincc(m * m / s2, r * m / s2))
    poisson = s2 <= m * (1 + 1e-9)
    wide = np.where(poisson, 2.0 * m, s2)
    binomial = np.where(fill, negative_binomial_loss(r, m, wide), negative_binomial_survival(r, m, wide))
    return np.where(poisson, np.where(fill, poisson_loss(r, m), special.gammainc(r + 1.0, m)), binomial)


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
    Demand in s days has mean s F and variance s V + (eps s F)^2, gamma. One unit/day, variance 1, ten units, ten days:
    E[(10 - X)+] of a gamma variable of shape 10 = 10 P(10, 10) - 10 P(11, 10) = 10^11 e^-10 / 10!.

    >>> round(float(spoiled_per_cycle(10.0, 10.0, 1.0, 1.0, 0.0, 10.0)), 6)
    1.2511
    """
    arrays = np.broadcast_arrays(peak, quantity, flow, variance, level_error, shelf_life_days)
    peak, quantity, flow, variance, error, life = (np.asarray(value, dtype=float) for value in arrays)
    result = np.zeros(peak.shape)
    perishes = np.isfinite(life) & (flow > 0)
    y, s, f = peak[perishes], life[perishes], flow[perishes]
    mean = s * f
    s2 = s * variance[perishes] + (error[perishes] * mean) ** 2
    constant = s2 <= 1e-12 * np.maximum(1.0, mean * mean)
    random = gamma_complementary_loss(y, mean, np.where(constant, 1.0, s2))
    result[perishes] = np.minimum(np.where(constant, np.maximum(y - mean, 0.0), random), quantity[perishes])
    return result


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
    """All of section 6 for every cell; arguments broadcast. A cell without flow gets zeros."""
    flow = np.asarray(flow, dtype=float)
    mean, s2 = lead_time_demand(flow, variance, lead_time, lead_time_sd, review_days, level_error)
    quantity = order_quantity(
        flow, order_cost, holding_cost, moq, pack_size, review_days, max_cover_days, shelf_life_days
    )
    moves = flow > 0
    point = np.where(moves, reorder_point(mean, s2, quantity, service_level, fill), 0.0)
    safety = np.maximum(point - mean, 0.0)
    peak = safety + quantity
    spoiled = spoiled_per_cycle(peak, quantity, flow, variance, level_error, shelf_life_days)
    rate = np.divide(flow, quantity, out=np.zeros(np.broadcast_shapes(flow.shape, quantity.shape)), where=quantity > 0)
    shape = np.broadcast_shapes(point.shape, spoiled.shape)
    fields = (quantity, point, safety, safety + 0.5 * quantity, peak, np.where(moves, mean, 0.0), spoiled * rate)
    return StockPolicy(*(np.broadcast_to(value, shape) for value in fields))
