"""The reorder point of every cell: the smallest that keeps the service, found exactly and fast (section 6).

Counted demand (negative binomial, Poisson) sums its probabilities from zero, all cells abreast, dropping those that are
done. Gamma demand reads its standardised reorder point from a table, and the exact formulas then confirm the integer;
the few that are not confirmed, and whatever lies outside the table, are settled by bisection.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import numpy as np
from scipy import special

from .distributions import (
    gamma_loss,
    gamma_loss_and_tail,
    negative_binomial_loss,
    negative_binomial_survival,
    normal_loss,
    poisson_loss,
)
from .instance import Bools, Floats, Ints

DISCRETE_MEAN = 20.0  # units; up to here the demand until delivery is counted, above it is a gamma variable
WHOLE = 1e-9  # units; a mean no further than this above 20 is 20
GAMMA_TOLERANCE = 1e-6  # units; a gamma reorder point this close above an integer is that integer
TIE = 1e-12  # a target missed by no more than the rounding of sums is met
NOTHING = 1e-100  # units; a mean up to here is none, and its reorder point is itself
LONGEST_SUM = 192  # steps; counted demand with a reorder point beyond is bisected


class Goal(NamedTuple):
    """What a reorder point r must meet: shortage at most `base + slope min(r, wait)`, and P(Z > r) at most `tail`."""

    base: Floats  # units; inf: the shortage is free
    slope: Floats
    wait: Floats  # units
    tail: Floats  # 1: the probability is free

    def at(self, r: Floats) -> Floats:
        """The most that reorder points may be short."""
        return self.base + self.slope * np.minimum(r, self.wait)

    def met(self, r: Floats, short: Floats, beyond: Floats) -> Bools:
        """Which reorder points with these shortages and probabilities of more demand are high enough."""
        return (short <= self.at(r) + TIE) & (beyond <= self.tail + TIE)

    def only(self, cells: Ints) -> Goal:
        """Some of the cells."""
        return Goal(*(values[cells] for values in self))


class Found(NamedTuple):
    """Reorder points and what they leave short."""

    point: Floats  # r, units
    short: Floats  # E[(Z - r)+], units


def is_constant(mean: Floats, variance: Floats) -> Bools:
    """Where a variance (units^2) is negligible beside the mean (units), so that demand is a constant."""
    return variance <= 1e-12 * np.maximum(1.0, mean * mean)


def smallest_reorder_point(
    mean: Floats, variance: Floats, wait: Floats, lift: Floats, service: Floats, fill: Bools, tail: Floats | float = 1.0
) -> Found:
    """Reorder points of cells in one-dimensional arrays of equal length; see `inventory.reorder_point`."""
    point, short = mean.copy(), np.zeros(mean.size)
    missed = (1.0 - service) / np.where(fill, service, 1.0)
    goal = Goal(
        np.where(fill, missed * lift, np.inf),
        np.where(fill, missed, 0.0),
        wait,
        np.minimum(tail, np.where(fill, 1.0, missed)),
    )
    random = ~is_constant(mean, variance) & (mean > NOTHING)
    counted = mean <= DISCRETE_MEAN + WHOLE
    for search, small in ((_counted, True), (_gamma, False)):
        chosen = np.flatnonzero(random & (counted == small))
        if chosen.size:
            point[chosen], short[chosen] = search(mean[chosen], variance[chosen], goal.only(chosen))
    return Found(point, short)


# Counted demand ------------------------------------------------------------------------------------------------------


def _counted(m: Floats, s2: Floats, goal: Goal) -> Found:
    """Smallest integer r >= 0 at which the negative binomial (or Poisson) variable meets the goal."""
    r, short = _summed(m, s2, goal.base + goal.slope * goal.wait, goal.tail)
    early = np.flatnonzero((r < goal.wait) & (goal.slope > 0))
    if early.size:
        part = goal.only(early)
        r[early], short[early] = _summed(m[early], s2[early], part.base, part.tail, part)
    late = np.flatnonzero(r >= LONGEST_SUM)
    if late.size:
        mean, spread = m[late], np.maximum(s2, m)[late]
        r[late] = _bisect(_counted_missed, r[late] - 1.0, goal.only(late), mean, spread)
        short[late] = _counted_missed(r[late], mean, spread)[0]
    return Found(r, short)


def _summed(m: Floats, s2: Floats, aim: Floats, most: Floats, moving: Goal | None = None) -> Found:
    """Smallest integer >= 0 that meets the aim, by summing from zero, with its shortage; LONGEST_SUM where none does.

    P(X = j + 1) / P(X = j) = (m + j d) / ((j + 1) (1 + d)) with d = s2/m - 1, which is Poisson's ratio at d = 0. The
    shortage is at most `aim`, P(X > r) at most `most`; with `moving` the aim rises by `slope` a unit up to `wait`.
    """
    steps, short = np.zeros(m.size), np.zeros(m.size)
    cells = np.arange(m.size)
    count = np.zeros(m.size, dtype=np.uint8)
    excess = s2 / m - 1.0
    excess[excess <= 1e-9] = 0.0
    share = excess / (1.0 + excess)
    first = m / (1.0 + excess) - share
    mass = np.exp(-m * np.where(excess > 0, np.log1p(excess) / np.where(excess > 0, excess, 1.0), 1.0))
    state = [mass, 1.0 - mass, m.copy(), share, first, aim + TIE, most + TIE]
    state += [moving.slope, moving.wait] if moving else []
    spare = np.empty(m.size)
    for step in range(LONGEST_SUM):
        mass, tail, loss, share, first, aim, most = state[:7]
        unmet = (loss > aim) | (tail > most)
        count += unmet
        left = np.count_nonzero(unmet)
        if left == 0:
            break
        if left < 0.8 * unmet.size:
            steps[cells], short[cells] = count, loss
            keep = np.flatnonzero(unmet)
            cells, count, unmet = cells[keep], count[keep], unmet[keep]
            state = [values[keep] for values in state]
            mass, tail, loss, share, first, aim, most = state[:7]
        loss -= np.multiply(tail, unmet, out=spare[: tail.size])
        if moving:
            aim += state[7] * np.clip(state[8] - step, 0.0, 1.0)
        ratio = np.multiply(first, 1.0 / (step + 1.0), out=spare[: first.size])
        ratio += share
        mass *= ratio
        tail -= mass
    steps[cells], short[cells] = count, loss
    return Found(steps, np.maximum(short, 0.0))


def _counted_missed(r: Floats, m: Floats, s2: Floats) -> tuple[Floats, Floats]:
    """Shortage and P(X > r)."""
    poisson = s2 <= m * (1.0 + 1e-9)
    wide = np.where(poisson, 2.0 * m, s2)
    short = np.where(poisson, poisson_loss(r, m), negative_binomial_loss(r, m, wide))
    return short, np.where(poisson, special.gammainc(r + 1.0, m), negative_binomial_survival(r, m, wide))


# Gamma demand --------------------------------------------------------------------------------------------------------


class _Table(NamedTuple):
    """Standardised gamma reorder points k = (r - m) / sd on a grid of variation c = sd / m and aim w."""

    values: Floats  # (variations * aims,)
    aims: int
    variation_step: float
    first_aim: float
    aim_step: float


MOST_VARIATION, VARIATIONS = 2.0, 61
LEAST_AIM, MOST_AIM = -16.2, 6.0  # w = log(e^loss - 1), loss in sd: log loss where it is small, the loss where large
MOST_SCORE = 4.0  # w = normal score of the service


def _gamma(m: Floats, s2: Floats, goal: Goal) -> Found:
    """Smallest integer r >= 0 that meets the goal at r + GAMMA_TOLERANCE."""
    r = np.maximum(np.ceil(_gamma_start(m, s2, goal) - GAMMA_TOLERANCE), 0.0)
    loss, tail = gamma_loss_and_tail(r + GAMMA_TOLERANCE, m, s2)
    met = goal.met(r, loss, tail)
    before = np.maximum(r - 1.0, 0.0)
    doubtful = np.flatnonzero(met & (r > 0) & ~(loss + tail > goal.at(before) + TIE))  # the shortage is convex
    least = np.ones(m.size, dtype=bool)
    lower = before[doubtful]
    least[doubtful] = ~goal.only(doubtful).met(lower, *_gamma_missed(lower, m[doubtful], s2[doubtful]))
    wrong = np.flatnonzero(~(met & least))
    if wrong.size:
        low = np.where(met[wrong], -1.0, r[wrong])
        r[wrong] = _bisect(_gamma_missed, low, goal.only(wrong), m[wrong], s2[wrong])
        loss[wrong], tail[wrong] = gamma_loss_and_tail(r[wrong] + GAMMA_TOLERANCE, m[wrong], s2[wrong])
    return Found(r, loss + GAMMA_TOLERANCE * tail)


def _gamma_start(m: Floats, s2: Floats, goal: Goal) -> Floats:
    """Close to the real r that meets the goal; rough outside the tables."""
    start = np.full(m.size, -np.inf)
    for asked, reach in ((np.isfinite(goal.base), _enough_for_fill), (goal.tail < 0.5, _enough_for_cycle)):
        rows = np.flatnonzero(asked)
        if rows.size:
            start[rows] = np.maximum(start[rows], reach(m[rows], s2[rows], goal.only(rows)))
    return np.where(np.isfinite(start), start, m)


def _enough_for_cycle(m: Floats, s2: Floats, goal: Goal) -> Floats:
    sd = np.sqrt(s2)
    return m + sd * _interpolated(_cycle_table(), sd / m, -special.ndtri(goal.tail))


def _enough_for_fill(m: Floats, s2: Floats, goal: Goal) -> Floats:
    sd = np.sqrt(s2)
    loss = goal.at(np.full(m.size, np.inf)) / sd
    aim = np.where(loss < 30.0, np.log(np.expm1(np.minimum(loss, 30.0))), loss)
    k = np.where(aim < MOST_AIM, _interpolated(_fill_table(), sd / m, aim), -loss)
    start = m + sd * k
    early = np.flatnonzero(start < goal.wait)
    if early.size:
        start[early] = _newton(start[early], m[early], s2[early], goal.only(early))
    return start


def _newton(r: Floats, m: Floats, s2: Floats, goal: Goal) -> Floats:
    """Where the shortage meets an aim that rises with r: Newton's steps from below, as the shortage is convex."""
    r = np.maximum(r, 0.0)
    for _ in range(2):
        loss, tail = gamma_loss_and_tail(r, m, s2)
        rising = np.where(r < goal.wait, goal.slope, 0.0)
        r = r + np.maximum(loss - goal.at(r), 0.0) / (tail + rising)
    return r


def _gamma_missed(r: Floats, m: Floats, s2: Floats) -> tuple[Floats, Floats]:
    """Shortage and P(Z > r), both at r + GAMMA_TOLERANCE."""
    return gamma_loss_and_tail(r + GAMMA_TOLERANCE, m, s2)


@cache
def _fill_table() -> _Table:
    """k with E[(Z - k)+] = loss, Z the standardised gamma variable; k = -loss where r would lie below zero."""
    variation = np.linspace(0.0, MOST_VARIATION, VARIATIONS)
    aim = np.linspace(LEAST_AIM, MOST_AIM, 223)
    c, w = (grid.ravel() for grid in np.meshgrid(np.maximum(variation, 1e-9), aim, indexing="ij"))
    loss = np.logaddexp(w, 0.0)
    normal = c < 1e-6
    low, high = -loss - 1.0, np.full(c.size, 60.0)
    for _ in range(50):
        k = 0.5 * (low + high)
        level = k + 1.0 / c
        gamma = gamma_loss(np.maximum(level, 0.0), 1.0 / c, np.ones(c.size)) + np.maximum(-level, 0.0)
        unmet = np.where(normal, normal_loss(k), gamma) > loss
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


def _surely_met(m: Floats, s2: Floats, goal: Goal) -> Floats:
    """An integer that meets the goal whatever the distribution: by Scarf's (1958) bound, and by Cantelli's."""
    with np.errstate(invalid="ignore"):
        margin = np.where(np.isfinite(goal.base), s2 / (4.0 * goal.base) - goal.base, 0.0)
    margin = np.maximum(margin, np.sqrt(s2 * (1.0 - goal.tail) / goal.tail))
    return np.ceil(m + np.maximum(margin, 0.0)) + 1.0


Missed = Callable[[Floats, Floats, Floats], tuple[Floats, Floats]]


def _bisect(missed: Missed, low: Floats, goal: Goal, m: Floats, s2: Floats) -> Floats:
    """Smallest integer above `low` (which does not meet the goal, or is not wanted) that meets it."""
    low, high = low.copy(), np.maximum(_surely_met(m, s2, goal), low + 1.0)
    active = np.flatnonzero(high - low > 1.0)
    while active.size:
        middle = np.floor(0.5 * (low[active] + high[active]))
        met = goal.only(active).met(middle, *missed(middle, m[active], s2[active]))
        high[active] = np.where(met, middle, high[active])
        low[active] = np.where(met, low[active], middle)
        between = 0.5 * (low[active] + high[active])  # beyond 2^53 no number may lie between the two
        active = active[(high[active] - low[active] > 1.0) & (low[active] < between) & (between < high[active])]
    return high
