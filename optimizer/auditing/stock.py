"""Order quantity, reorder point and spoilage, written from MATHEMATICS.md, section 6.

Everything takes equally long one-dimensional arrays: units, units/day, days. Loss functions are the closed forms of
Silver, Pyke & Thomas (4th ed., ch. 6-7) in terms of incomplete beta and gamma functions.
"""

from __future__ import annotations

from collections.abc import Callable

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
    """P(X > level) of lead-time demand that is Poisson, negative binomial or gamma by section 6."""
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
    """Lead-time demand without spread worth the name."""
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


class Service:
    """The promise of one batch of rows: which reorder points meet it, and the smallest that does."""

    def __init__(self, mean: Floats, variance: Floats, quantity: Floats, level: Floats, fill: Bools) -> None:
        self.mean, self.variance, self.quantity, self.level, self.fill = mean, variance, quantity, level, fill
        self.constant = is_constant(mean, variance)
        self.smooth = ~self.constant & (mean > SMALL_MEAN)

    def only(self, rows: NDArray[np.int64]) -> Service:
        """Some of the rows."""
        figures = (self.mean[rows], self.variance[rows], self.quantity[rows], self.level[rows])
        return Service(*figures, self.fill[rows])

    def met(self, reorder: Floats, slack: float = 0.0) -> Bools:
        """Does reorder point `reorder` meet the service measure (with `slack` as a share of the promise)?"""
        level = np.maximum(reorder + np.where(self.smooth, 1e-6, 0.0), self.mean * self.smooth)
        missed = excess_probability(level, self.mean, self.variance)
        short = expected_shortage(level, self.mean, self.variance)
        promise = 1.0 - self.level
        return np.where(self.fill, short <= (promise + slack) * self.quantity, missed <= promise + slack)

    def floor(self) -> Floats:
        """The smallest integer a reorder point may be: it covers the mean."""
        return np.ceil(self.mean - np.where(self.smooth, 1e-6, WHOLE))

    def smallest(self) -> Floats:
        """Smallest reorder point that covers the mean and meets the measure, by doubling and bisection."""
        low = self.floor() - 1.0
        high = np.maximum(self.floor(), 1.0)
        while not (met := self.met(high) | (high > BEYOND)).all():
            low, high = np.where(met, low, high), np.where(met, high, 2.0 * high + 1.0)
        while (wide := high - low > 1.0).any():
            middle = np.where(wide, np.floor((low + high) / 2.0), high)
            met = self.met(middle)
            low, high = np.where(met, low, middle), np.where(met, middle, high)
        return np.where(self.quantity <= 0, 0.0, np.where(self.constant, self.mean, high))

    def confirms(self, reorder: Floats) -> Bools:
        """Is `reorder` the smallest admissible reorder point, leaving the last digits of the service level aside?"""
        whole = np.abs(reorder - np.round(reorder)) <= 1e-6
        reached = (reorder >= self.floor()) & self.met(reorder, SLACK)
        lower = reorder - 1.0
        least = (lower < self.floor()) | ~self.met(np.maximum(lower, 0.0), -SLACK)
        constant = np.abs(reorder - self.mean) <= 1e-6 * np.maximum(1.0, self.mean)
        return np.where(self.quantity <= 0, reorder == 0, np.where(self.constant, constant, whole & reached & least))


def reorder_point(service: Service, written: Floats | None = None) -> Floats:
    """Reorder points; a written one that proves to be the smallest stands, every other is searched anew."""
    if written is None:
        return service.smallest()
    out, doubtful = written.copy(), ~service.confirms(np.nan_to_num(written, nan=-1.0))
    if doubtful.any():
        rows = np.flatnonzero(doubtful)
        out[rows] = service.only(rows).smallest()
    return out


def spoiled_per_day(
    arrived: Floats, quantity: Floats, flow: Floats, variance: Floats, level_error: Floats, shelf_life: Floats
) -> Floats:
    """Units/day that outlive `shelf_life` days (inf = never): E[(arrived - X)+] per cycle, at most the quantity."""
    out = np.zeros_like(flow)
    rows = np.flatnonzero(np.isfinite(shelf_life) & (flow > 0) & (quantity > 0))
    if not len(rows):
        return out
    stock, life = arrived[rows], shelf_life[rows]
    mean = life * flow[rows]
    spread = life * variance[rows] + (level_error[rows] * mean) ** 2
    constant = is_constant(mean, spread)
    safe = np.where(constant, 1.0, spread)
    shape, scaled = mean * mean / safe, stock * mean / safe
    leftover = stock * special.gammainc(shape, scaled) - mean * special.gammainc(shape + 1.0, scaled)
    leftover = np.where(constant, np.maximum(stock - mean, 0.0), np.maximum(leftover, 0.0))
    out[rows] = np.minimum(leftover, quantity[rows]) * flow[rows] / quantity[rows]
    return out
