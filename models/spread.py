"""How widely demand scatters about its forecast: variance-to-mean ratio and level error, pooled over similar SKUs."""

from __future__ import annotations

import numpy as np
from scipy import special

from .backtest import BLOCK, Trial, pooled
from .instance import Floats, Ints
from .series import Weekly

RATIO_PRIOR = 12.0  # weight of similar SKUs' variance-to-mean ratio, in weeks
LEAST_ERROR, MOST_ERROR = 0.02, 1.0  # bounds of the relative standard error of a level
ERRORS = (0.02, 0.06, 0.12, 0.2, 0.3, 0.45, 0.65, 0.85, 1.0)  # level errors weighed against each other
ROUNDS = 30  # of expectation and maximisation
MOST_TESTS = 13  # blocks of a SKU that are looked at
LEAST_MEAN = 0.01  # units in a block; a smaller forecast counts as this
COUNTED = 20.0  # units; up to this mean demand is counted, above it is a gamma variable


def weekly_ratio(series: Weekly, band: Ints, fallback: Floats) -> Floats:
    """(K,) variance over mean of weekly sales, from the SKU's successive differences, shrunk to its band.

    ``sum (y[w+1] - y[w])^2 / 2`` estimates the variance without being fooled by a drifting level (von Neumann,
    Annals of Mathematical Statistics 12, 1941); the ratio is pooled over similar SKUs with the weight of
    RATIO_PRIOR weeks and is at least 1 (Poisson). ``fallback`` (K,): used while no weekly pair of any SKU is known.
    Whole weeks make it blind to the pattern of weekdays, which evens out over a lead time.
    """
    pair = series.full[1:] & series.full[:-1]
    pairs = pair.sum(axis=0).astype(float)
    square = (np.square(np.diff(series.units, axis=0)) / 2 * pair).sum(axis=0)
    middle = ((series.units[1:] + series.units[:-1]) / 2 * pair).sum(axis=0)
    own = np.divide(square, middle, out=np.zeros_like(square), where=middle > 0)
    weight = np.where(middle > 0, pairs, 0.0)
    shared = pooled(own * weight, weight, band)
    shared = np.where(np.isnan(shared), fallback, shared)
    return np.asarray(np.maximum(1.0, (weight * own + RATIO_PRIOR * shared) / (weight + RATIO_PRIOR)))


def level_error(tried: Trial, guess: Floats, ratio: Floats, band: Ints) -> Floats:
    """eps (K,): the relative error of the level that made the blocks after each origin most likely, out of sample.

    guess (O,K): corrected forecasts, weekly units; ratio (K,): phi. A block's units are negative binomial with mean
    ``m`` and variance ``phi m + (eps m)^2``. How often each of ERRORS occurs among the SKUs of a band is found by
    expectation and maximisation (Laird, JASA 73, 1978), and a SKU gets the root of the mean of eps^2 over ERRORS,
    weighed by that prior and its own tests (each worth 1 / overlap, for blocks that share weeks). Without tests: what
    is usual in its band.
    """
    errors = np.array(ERRORS)
    fit = np.array([_likelihood(tried, guess, ratio, error) for error in ERRORS])
    fit = np.exp(fit - fit.max(axis=0))
    groups = int(band.max(initial=0)) + 1
    tested = np.flatnonzero(tried.valid.any(axis=0) & (guess > 0).any(axis=0))
    prior = np.full((errors.size, groups), 1.0 / errors.size)
    for _ in range(ROUNDS if tested.size else 0):
        weight = fit[:, tested] * prior[:, band[tested]]
        weight /= weight.sum(axis=0)
        found = np.array([np.bincount(band[tested], weights=row, minlength=groups) for row in weight])
        prior = (found + found.sum(axis=1, keepdims=True) / max(tested.size, 1)) / (found.sum(axis=0) + 1.0)
    weight = fit * prior[:, band]
    return np.asarray(np.sqrt(np.square(errors) @ (weight / weight.sum(axis=0))))


def _likelihood(tried: Trial, guess: Floats, phi: Floats, error: float) -> Floats:
    """(K,) log likelihood of a SKU's blocks, but for terms that no candidate changes."""
    total = np.zeros(phi.size)
    rows = np.arange(tried.origin.size)
    step = max(1, -(-rows.size // MOST_TESTS))
    for n in rows[::-step]:
        mean = np.maximum(BLOCK * guess[tried.origin[n]], LEAST_MEAN)
        units = BLOCK * tried.actual[n]
        excess = np.maximum(phi - 1.0 + error * error * mean, 1e-6)
        size = mean / excess
        density = special.gammaln(units + size) - special.gammaln(size) - size * np.log1p(excess)
        density += units * (np.log(excess) - np.log1p(excess))
        total += np.where(tried.valid[n], density, 0.0)
    return total * (rows.size / tried.overlap) / max(1, rows[::-step].size)


def quantile(mean: Floats, variance: Floats, share: float) -> Floats:
    """Units that demand stays within with probability ``share``: MATHEMATICS.md, section 6, the same distributions.

    mean and variance: arrays of one shape. Up to a mean of 20 units negative binomial (Poisson where the variance is
    not above the mean), an integer; else gamma. 0 where the mean is 0. A Poisson mean of 2 stays within 5 in 98.3 %.

    >>> quantile(np.array([2.0, 0.0]), np.array([2.0, 0.0]), 0.98).tolist()
    [5.0, 0.0]
    """
    result = np.zeros(mean.shape)
    counted = (mean > 0) & (mean <= COUNTED)
    m, v = mean[counted], np.maximum(variance[counted], mean[counted] * (1.0 + 1e-7))
    size = m * m / (v - m)
    result[counted] = np.maximum(0.0, np.ceil(special.nbdtrik(share, size, m / v) - 1e-7)) + 0.0
    large = mean > COUNTED
    m, v = mean[large], np.maximum(variance[large], 1e-9)
    result[large] = special.gammaincinv(m * m / v, share) * v / m
    return result
