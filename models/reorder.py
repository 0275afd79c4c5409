"""The reorder point of every cell: the smallest that keeps the service, found exactly and fast (section 6).

Counted demand (negative binomial, Poisson) sums its probabilities from zero, all cells abreast, dropping those that are
done. Gamma demand reads its standardised reorder point from a table of known error, which settles the integer of all
but a few cells; these, and whatever lies outside the table, are settled by bisection on the exact formulas.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import numpy as np
from scipy import special

from .distributions import (
    gamma_loss,
    negative_binomial_loss,
    negative_binomial_survival,
    normal_loss,
    poisson_loss,
)
from .instance import Bools, Floats, Ints

DISCRETE_MEAN = 20.0  # units; up to here lead-time demand is counted, above it is a gamma variable
WHOLE = 1e-9  # units; a mean no further than this above an integer is that integer, and above 20 is 20
GAMMA_TOLERANCE = 1e-6  # units; a gamma reorder point this close above an integer is that integer
TIE = 1e-12  # a target missed by no more than the rounding of sums is met
NOTHING = 1e-100  # units; a mean up to here is none, and its reorder point is itself
LONGEST_SUM = 192  # steps; counted demand with a reorder point beyond is bisected

Shortfall = Callable[[Floats, Floats, Floats], Floats]  # (r, mean, variance) -> loss or tail probability


def is_constant(mean: Floats, variance: Floats) -> Bools:
    """Where a variance (units^2) is negligible beside the mean (units), so that demand is a constant."""
    return variance <= 1e-12 * np.maximum(1.0, mean * mean)


def smallest_reorder_point(mean: Floats, variance: Floats, quantity: Floats, service: Floats, fill: Bools) -> Floats:
    """Reorder points r, units, of cells in one-dimensional arrays of equal length; see `inventory.reorder_point`."""
    result = mean.copy()
    target = (1.0 - service) * np.where(fill, quantity, 1.0)
    random = ~is_constant(mean, variance) & (mean > NOTHING)
    counted = mean <= DISCRETE_MEAN + WHOLE
    for search, small in ((_counted, True), (_gamma, False)):
        for by_fill in (True, False):
            chosen = np.flatnonzero(random & (counted == small) & (fill == by_fill))
            if chosen.size:
                result[chosen] = search(mean[chosen], variance[chosen], target[chosen], by_fill)
    return result


# Counted demand ------------------------------------------------------------------------------------------------------


def _counted(m: Floats, s2: Floats, target: Floats, fill: bool) -> Floats:
    """Smallest integer r >= m with the negative binomial's (or Poisson's) loss or tail at most the target."""
    steps, unsettled = _summed(m, s2, target, fill)
    r = np.maximum(steps, np.ceil(m - WHOLE))
    if unsettled.size:
        shortfall = _counted_loss if fill else _counted_tail
        mean, spread, aim = m[unsettled], np.maximum(s2, m)[unsettled], target[unsettled]
        low = r[unsettled] - 1.0
        r[unsettled] = _bisect(shortfall, low, _surely_met(mean, spread, aim, fill), mean, spread, aim)
    return r


def _summed(m: Floats, s2: Floats, target: Floats, fill: bool) -> tuple[Floats, Ints]:
    """Smallest integer >= 0 that meets the target, by summing from zero, and the cells not settled in LONGEST_SUM.

    P(X = j + 1) / P(X = j) = (m + j d) / ((j + 1) (1 + d)) with d = s2/m - 1, which is Poisson's ratio at d = 0.
    """
    steps = np.zeros(m.size)
    cells = np.arange(m.size)
    count = np.zeros(m.size, dtype=np.uint8)
    excess = s2 / m - 1.0
    excess[excess <= 1e-9] = 0.0
    share = excess / (1.0 + excess)
    first = m / (1.0 + excess) - share
    mass = np.exp(-m * np.where(excess > 0, np.log1p(excess) / np.where(excess > 0, excess, 1.0), 1.0))
    state = [mass, 1.0 - mass, m.copy(), share, first, target + TIE]
    spare = np.empty(m.size)
    for step in range(LONGEST_SUM):
        mass, tail, loss, share, first, aim = state
        unmet = (loss if fill else tail) > aim
        count += unmet
        left = np.count_nonzero(unmet)
        if left == 0:
            break
        if left < 0.8 * unmet.size:
            steps[cells] = count
            keep = np.flatnonzero(unmet)
            cells, count = cells[keep], count[keep]
            state = [values[keep] for values in state]
            mass, tail, loss, share, first, aim = state
        if fill:
            loss -= tail
        ratio = np.multiply(first, 1.0 / (step + 1.0), out=spare[: first.size])
        ratio += share
        mass *= ratio
        tail -= mass
    steps[cells] = count
    return steps, cells[count >= LONGEST_SUM]


def _counted_loss(r: Floats, m: Floats, s2: Floats) -> Floats:
    poisson = s2 <= m * (1.0 + 1e-9)
    return np.where(poisson, poisson_loss(r, m), negative_binomial_loss(r, m, np.where(poisson, 2.0 * m, s2)))


def _counted_tail(r: Floats, m: Floats, s2: Floats) -> Floats:
    poisson = s2 <= m * (1.0 + 1e-9)
    wide = np.where(poisson, 2.0 * m, s2)
    return np.where(poisson, special.gammainc(r + 1.0, m), negative_binomial_survival(r, m, wide))


# Gamma demand --------------------------------------------------------------------------------------------------------


class _Table(NamedTuple):
    """Standardised gamma reorder points k = (r - m) / sd on a grid of variation c = sd / m and aim w."""

    values: Floats  # (variations * aims,)
    aims: int
    variation_step: float
    first_aim: float
    aim_step: float


MOST_VARIATION, VARIATIONS = 2.0, 61
LEAST_LOG_LOSS, MOST_LOG_LOSS = -16.2, -0.9  # w = log(target / sd); above it r = m, as no loss at m exceeds 0.3990 sd
MOST_SCORE = 4.0  # w = normal score of the service; below 0 r = m, as no gamma median exceeds its mean
TABLE_ERROR = 1e-5  # of k where k > -0.001: more than twice the largest found between the grid's points


def _gamma(m: Floats, s2: Floats, target: Floats, fill: bool) -> Floats:
    """Smallest integer not below (less the tolerance) the real r >= m with loss or tail at most the target."""
    sd = np.sqrt(s2)
    table = _fill_table() if fill else _cycle_table()
    aim = np.log(target / sd) if fill else -special.ndtri(target)
    variation = sd / m
    inside = (variation <= MOST_VARIATION) & ((aim >= LEAST_LOG_LOSS) if fill else (aim <= MOST_SCORE))
    k = _interpolated(table, variation, aim)
    low = np.ceil(m + sd * np.maximum(k - TABLE_ERROR, 0.0) - GAMMA_TOLERANCE)
    high = np.ceil(m + sd * np.maximum(k + TABLE_ERROR, 0.0) - GAMMA_TOLERANCE)
    unsettled = np.flatnonzero(~inside | (high > low))
    if unsettled.size:
        m, s2, target, inside = m[unsettled], s2[unsettled], target[unsettled], inside[unsettled]
        top = np.where(inside, high[unsettled], _surely_met(m, s2, target, fill))
        bottom = np.where(inside, low[unsettled], np.ceil(m - GAMMA_TOLERANCE)) - 1.0
        high[unsettled] = _bisect(_gamma_loss_above if fill else _gamma_tail_above, bottom, top, m, s2, target)
    return high


def _gamma_loss_above(r: Floats, m: Floats, s2: Floats) -> Floats:
    return gamma_loss(r + GAMMA_TOLERANCE, m, s2)


def _gamma_tail_above(r: Floats, m: Floats, s2: Floats) -> Floats:
    return special.gammaincc(m * m / s2, (r + GAMMA_TOLERANCE) * (m / s2))


@cache
def _fill_table() -> _Table:
    """k with E[(Z - k)+] = e^w, Z the standardised gamma variable."""
    variation = np.linspace(0.0, MOST_VARIATION, VARIATIONS)
    aim = np.linspace(LEAST_LOG_LOSS, MOST_LOG_LOSS, 161)
    c, w = (grid.ravel() for grid in np.meshgrid(np.maximum(variation, 1e-9), aim, indexing="ij"))
    normal = c < 1e-6
    low, high = np.where(normal, -1.0, -0.999 / np.maximum(c, 0.999)), np.full(c.size, 60.0)
    for _ in range(50):
        k = 0.5 * (low + high)
        gamma = gamma_loss(np.maximum(k + 1.0 / c, 0.0), 1.0 / c, np.ones(c.size))
        unmet = np.where(normal, normal_loss(k), gamma) > np.exp(w)
        low, high = np.where(unmet, k, low), np.where(unmet, high, k)
    return _Table(high, aim.size, variation[1], float(aim[0]), float(aim[1] - aim[0]))


@cache
def _cycle_table() -> _Table:
    """k with P(Z <= k) = Phi(w), Z the standardised gamma variable."""
    variation = np.linspace(0.0, MOST_VARIATION, VARIATIONS)
    aim = np.linspace(0.0, MOST_SCORE, 81)
    c, w = np.meshgrid(variation[1:], aim, indexing="ij")
    gamma = (special.gammainccinv(1.0 / (c * c), special.ndtr(-w)) * c * c - 1.0) / c
    return _Table(np.vstack([aim, gamma]).ravel(), aim.size, variation[1], 0.0, float(aim[1]))


def _interpolated(table: _Table, variation: Floats, aim: Floats) -> Floats:
    """Cubic interpolation in both directions; points outside the grid get the value at its edge."""
    variations = table.values.size // table.aims
    row, across = _cubic(variation / table.variation_step, variations)
    column, along = _cubic((aim - table.first_aim) / table.aim_step, table.aims)
    corner = row * table.aims + column
    total = np.zeros(variation.size)
    for i, outer in enumerate(across):
        line = np.zeros(variation.size)
        for j, inner in enumerate(along):
            line += inner * table.values.take(corner + (i * table.aims + j))
        total += outer * line
    return total


def _cubic(position: Floats, points: int) -> tuple[Ints, tuple[Floats, ...]]:
    """First of the four grid points about each position, and Lagrange's weights of the four."""
    position = np.clip(position, 0.0, points - 1.0)
    first = np.clip(position.astype(np.int64) - 1, 0, points - 4)
    x = position - first - 1.0
    before, after, beyond = x + 1.0, x - 1.0, x - 2.0
    left, right = before * x, after * beyond
    return first, (x * right * (-1 / 6), before * right * 0.5, left * beyond * -0.5, left * after * (1 / 6))


# Bisection -----------------------------------------------------------------------------------------------------------


def _surely_met(m: Floats, s2: Floats, target: Floats, fill: bool) -> Floats:
    """An integer that meets the target whatever the distribution: by Scarf's (1958) bound, or Cantelli's."""
    margin = s2 / (4.0 * target) - target if fill else np.sqrt(s2 * (1.0 - target) / target)
    return np.ceil(m + np.maximum(margin, 0.0)) + 1.0


def _bisect(shortfall: Shortfall, low: Floats, high: Floats, m: Floats, s2: Floats, target: Floats) -> Floats:
    """Smallest integer above `low` (which does not meet the target, or is not wanted) that meets it; `high` does."""
    low, high = low.copy(), np.maximum(high, low + 1.0)
    active = np.flatnonzero(high - low > 1.0)
    while active.size:
        middle = np.floor(0.5 * (low[active] + high[active]))
        met = shortfall(middle, m[active], s2[active]) <= target[active] + TIE
        high[active] = np.where(met, middle, high[active])
        low[active] = np.where(met, low[active], middle)
        active = active[high[active] - low[active] > 1.0]
    return high
