"""Level, dispersion and forecast error of each SKU, from weekly buckets that end on the last day of history."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .backtest import BLOCK, HALF_LIVES, MOST_BLOCKS, TSB, WINDOW, bands, choices, chosen, trial, walk
from .instance import Bools, Floats, Ints
from .phases import YOUNG_WEEKS, category_rates, experience, launch_factor, phases
from .series import WEEK, Weekly
from .spread import LEAST_ERROR, MOST_ERROR, level_error, weekly_ratio

LEAST_BLOCKS = 2.0  # tested, not overlapping, before its own tests alone settle a SKU's error
PRIOR_WEEKS = 4.0  # weight of the widest error for SKUs younger than YOUNG_WEEKS, in weeks
LEAST_RATE = 1 / 1826  # units/day; a SKU expected to sell less than a unit in five years has no demand


@dataclass(frozen=True)
class Levels:
    """What the weekly series say about each SKU."""

    per_day: Floats  # (K,) units/day, without season and campaigns
    dispersion: Floats  # (K,) phi, variance-to-mean ratio, >= 1
    error: Floats  # (K,) relative standard error of the level
    method: tuple[str, ...]  # (K,) one of backtest.METHODS, "shrunk", "category" or "none"


def levels(
    series: Weekly,
    category: Ints,
    count: int,
    fallback: Floats,
    launched: Bools,
    horizon: int = WEEK * BLOCK,
    unseen: float = 0.0,
) -> Levels:
    """Level, dispersion and error of every SKU. category (K,), -1 = blank; launched (K,) has a launch date.

    fallback (K,): variance-to-mean ratio used while no weekly pair of any SKU is known. horizon: days to be forecast;
    the methods are tried on as many blocks ahead, MOST_BLOCKS at most. unseen: relative error common to all SKUs that
    no origin could show.
    """
    weeks = series.exposure.sum(axis=0)
    mean = np.divide(series.units.sum(axis=0), weeks, out=np.zeros(weeks.size), where=weeks > 0)
    band = bands(mean, weeks >= YOUNG_WEEKS)
    phi = weekly_ratio(series, band, fallback)
    tried = trial(series, min(MOST_BLOCKS, -(-horizon // (WEEK * BLOCK))))
    choice, apart = choices(tried, mean, band)
    raw, behind = _chosen(series, choice, tried.methods)
    then = phases(series, tried.stops, launched)
    guess = then.known(chosen(tried, choice))
    rows = [
        category_rates(row, seen >= YOUNG_WEEKS, category, count) for row, seen in zip(guess, then.weeks, strict=True)
    ]
    usual = np.array(rows).reshape(guess.shape)
    launch = launch_factor(series, usual, tried.stops)
    prior = np.where((guess > 0) | launched, usual, np.nan)
    learnt = experience(tried, guess, then, prior)
    now = phases(series, np.array([series.units.shape[0]]), launched)
    here = np.where((raw > 0) | launched, category_rates(raw, weeks >= YOUNG_WEEKS, category, count), np.nan)
    level = learnt(raw[None, :], now, here[None, :])[0]
    told = learnt(then.known(apart), then, prior)
    error = level_error(tried, told, phi, bands(level, weeks >= YOUNG_WEEKS))
    error = np.where(tried.blocks >= LEAST_BLOCKS, error, _at_least_sampling(error, phi, level, behind))
    error = np.minimum(np.hypot(error, unseen), MOST_ERROR)
    names = np.array(tried.methods, dtype=object)[choice]
    return _young(Levels(level, phi, error, tuple(names)), weeks, launch * here, launched)


def _chosen(series: Weekly, choice: Ints, methods: tuple[str, ...]) -> tuple[Floats, Floats]:
    """Weekly level (K,) of the chosen method, and the effective number of weeks (K,) behind it."""
    level, behind = np.zeros(choice.size), np.zeros(choice.size)
    weeks = series.exposure.shape[0]
    for m, method in enumerate(methods):
        use = choice == m
        if use.any():
            mine = Weekly(series.units[:, use], series.exposure[:, use])
            level[use] = walk(mine, method, np.array([weeks]))[0]
            weight = _memory(method, weeks) @ mine.exposure
            square = np.square(_memory(method, weeks)) @ mine.exposure
            behind[use] = np.divide(weight * weight, square, out=np.zeros(weight.size), where=square > 0)
    return level, behind


def _memory(method: str, weeks: int) -> Floats:
    """Weight (W,) of each past week in a method's level."""
    age = np.arange(weeks)[::-1]
    if method == "window_13":
        return (age < WINDOW).astype(float)
    if method == "combined":
        return np.asarray(sum(0.5 ** (age / half) * (1 - 0.5 ** (1 / half)) for half in HALF_LIVES.values()))
    half = TSB[0] if method == "tsb" else HALF_LIVES.get(method, np.inf)
    return np.asarray(0.5 ** (age / half))


def _at_least_sampling(error: Floats, phi: Floats, level: Floats, behind: Floats) -> Floats:
    """eps (K,) no smaller than the sampling error ``sqrt(phi / units behind the level)``, within its bounds.

    For SKUs hardly tested; a tested SKU's forecasts missed by their sampling error, too.
    """
    units = level * behind
    sampling = np.divide(phi, units, out=np.full(units.size, MOST_ERROR**2), where=units > 0)
    return np.asarray(np.clip(np.sqrt(np.maximum(np.square(error), sampling)), LEAST_ERROR, MOST_ERROR))


def _young(found: Levels, weeks: Floats, prior: Floats, launched: Bools) -> Levels:
    """Name SKUs with less than YOUNG_WEEKS weeks on sale, widen their error, and give those never sold the prior."""
    level = np.where((weeks <= 0) & launched, np.nan_to_num(prior), found.per_day)
    young = (weeks < YOUNG_WEEKS) & ~np.isnan(prior) & (level > 0)
    level = np.where(level < LEAST_RATE * WEEK, 0.0, level)
    share = np.where(young, PRIOR_WEEKS / (weeks + PRIOR_WEEKS), 0.0)
    wide = np.sqrt((1 - share) * np.square(found.error) + share * MOST_ERROR**2)
    names = np.array(found.method, dtype=object)
    names[young] = "shrunk"
    names[young & (weeks <= 0)] = "category"
    names[level <= 0] = "none"
    return Levels(level / WEEK, found.dispersion, np.minimum(wide, MOST_ERROR), tuple(names))
