"""Level, dispersion and forecast error of each SKU, from weekly buckets that end on the last day of history.

All arrays over time are (W, K): week by SKU. No loop runs over SKUs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .instance import Bools, Floats, Ints

WEEK = 7
BLOCK = 4  # weeks in the block whose mean a forecast is tested against
BLOCKS = 3  # blocks ahead that are tested
LEAST_WEEKS = 8  # of its own history before a SKU's level stands alone
PRIOR_WEEKS = 4.0  # weight of the category's rate for younger SKUs, in weeks
DISPERSION_PRIOR = 12.0  # weight of similar SKUs' variance-to-mean ratio, in weeks
ERROR_PRIOR = 6.0  # weight of similar SKUs' forecast error, in blocks
LEAST_ERROR, MOST_ERROR = 0.02, 1.0  # bounds of the relative standard error of a level
LEAST_RATE = 1 / 1826  # units/day; a SKU expected to sell less than a unit in five years has no demand
BAND = 50  # SKUs at least in a band of similar SKUs
HALF_LIVES = (np.inf, 26.0, 13.0, 6.0, 3.0)  # weeks; inf = plain mean
TSB = (6.0, 26.0)  # half-lives of the probability of a sale and of its size
METHODS = ("mean", "smooth_26", "smooth_13", "smooth_6", "smooth_3", "tsb")


@dataclass(frozen=True)
class Weekly:
    """Weekly units and the part of each week in which the SKU was on sale."""

    units: Floats  # (W,K)
    exposure: Floats  # (W,K), 0..1

    @property
    def full(self) -> Bools:
        """(W,K) weeks in which the SKU was on sale every day."""
        return np.asarray(self.exposure > 0.999)


@dataclass(frozen=True)
class Levels:
    """What the weekly series say about each SKU."""

    per_day: Floats  # (K,) units/day, without season and campaigns
    dispersion: Floats  # (K,) phi, variance-to-mean ratio, >= 1
    error: Floats  # (K,) relative standard error of the level
    method: tuple[str, ...]  # (K,) one of METHODS, "shrunk", "category" or "none"


def weekly(sku: Ints, day: Ints, quantity: Floats, launch: Floats, end: Floats, since: int, until: int) -> Weekly:
    """Units per SKU in whole weeks counted back from ``until``; a partial first week is left out.

    launch, end (K,) day numbers, nan = not stated. A SKU without launch date is on sale from the start of history,
    unless the wait for its first sale is over three times its mean interval between weeks with sales (under steady
    trade that has a probability of 5 %): then from the week of its first sale. History shorter than a week is one
    partial week.
    """
    weeks = max(1, (until - since + 1) // WEEK)
    count = launch.size
    week = weeks - 1 - (until - day) // WEEK
    keep = (week >= 0) & (week < weeks)
    units = np.bincount(week[keep] * count + sku[keep], weights=quantity[keep], minlength=weeks * count)
    sales: Floats = units.astype(float).reshape(weeks, count)
    start = max(float(until - WEEK * weeks + 1), float(since))
    opens, closes = _on_sale(sales, launch, end, start, float(until))
    first = until - WEEK * (weeks - np.arange(weeks)) + 1.0
    begin = np.maximum(np.maximum(first, since)[:, None], opens)
    exposure = np.clip((np.minimum((first + WEEK - 1)[:, None], closes) - begin + 1) / WEEK, 0.0, 1.0)
    return Weekly(np.where(exposure > 0, sales, 0.0), exposure)


def _on_sale(units: Floats, launch: Floats, end: Floats, start: float, until: float) -> tuple[Floats, Floats]:
    """First and last day (K,) on sale within history, as far as dates or sales tell."""
    weeks = units.shape[0]
    sold = units > 0
    active, first = sold.sum(axis=0), sold.argmax(axis=0)
    last = weeks - 1 - sold[::-1].argmax(axis=0)
    late = (active > 0) & (first > 3.0 * (weeks - first) / np.maximum(active, 1))
    first_day = until - WEEK * (weeks - first) + 1.0
    opens = np.where(np.isnan(launch), np.where(late, first_day, start), launch)
    closes = np.where(np.isnan(end), until, np.minimum(end, until))
    again = (launch > until) & (active > 0)  # a relaunch: its rate is that of the time it was sold
    opens = np.where(again, first_day, opens)
    closes = np.where(again, np.minimum(closes, until - WEEK * (weeks - 1 - last)), closes)
    return opens, closes


def levels(series: Weekly, category: Ints, count: int, fallback_dispersion: Floats, launched: Bools) -> Levels:
    """Level, dispersion and error of every SKU. category (K,), -1 = blank; launched (K,) has a launch date.

    fallback_dispersion (K,): variance-to-mean ratio used while no weekly pair of any SKU is known.
    """
    weeks = series.exposure.sum(axis=0)
    mean = np.divide(series.units.sum(axis=0), weeks, out=np.zeros(weeks.size), where=weeks > 0)
    band = bands(mean, weeks >= LEAST_WEEKS)
    dispersion = _dispersion(series, band, fallback_dispersion)
    tested = backtest(series)
    choice = _choose(tested, mean, band)
    level, effective = _final_levels(series, choice)
    error = _error(tested, choice, level, dispersion, effective, band)
    known = (weeks >= LEAST_WEEKS) & (level > 0)
    prior = _category_rate(level, known, category, count)
    return _young(level, error, dispersion, weeks, prior, choice, launched)


def bands(mean: Floats, use: Bools) -> Ints:
    """(K,) number of the band of similar SKUs: quantiles of the mean weekly rate, at least BAND SKUs in each.

    SKUs that never sold make a band of their own, in which nothing is known.
    """
    rates = np.sort(mean[use & (mean > 0)])
    groups = min(20, max(1, rates.size // BAND))
    edges = rates[(np.arange(1, groups) * rates.size) // groups] if groups > 1 else rates[:0]
    return np.where(mean > 0, np.searchsorted(edges, mean, side="right"), groups).astype(np.int64)


def _dispersion(series: Weekly, band: Ints, fallback: Floats) -> Floats:
    """phi (K,): variance over mean of weekly sales, from the SKU's successive differences, shrunk to its band.

    ``sum (y[w+1] - y[w])^2 / 2`` estimates the variance without being fooled by a drifting level (von Neumann,
    Annals of Mathematical Statistics 12, 1941); the ratio is pooled over similar SKUs with the weight of
    DISPERSION_PRIOR weeks and is at least 1 (Poisson).
    """
    pair = series.full[1:] & series.full[:-1]
    pairs = pair.sum(axis=0).astype(float)
    square = (np.square(np.diff(series.units, axis=0)) / 2 * pair).sum(axis=0)
    middle = ((series.units[1:] + series.units[:-1]) / 2 * pair).sum(axis=0)
    own = np.divide(square, middle, out=np.zeros_like(square), where=middle > 0)
    weight = np.where(middle > 0, pairs, 0.0)
    pooled = _pooled(own * weight, weight, band)
    pooled = np.where(np.isnan(pooled), fallback, pooled)
    return np.asarray(np.maximum(1.0, (weight * own + DISPERSION_PRIOR * pooled) / (weight + DISPERSION_PRIOR)))


def _pooled(top: Floats, bottom: Floats, band: Ints) -> Floats:
    """(K,) ratio of sums over the SKU's band; over all SKUs where the band has none; nan where nobody has."""
    upper, lower = np.bincount(band, weights=top), np.bincount(band, weights=bottom)
    overall = upper.sum() / lower.sum() if lower.sum() > 0 else np.nan
    return np.asarray(np.divide(upper, lower, out=np.full(upper.size, overall), where=lower > 0)[band])


def _walk(series: Weekly, method: int) -> list[Floats]:
    """Forecasts (K,) of weekly units at each origin 0..W (origin w has seen weeks before w), 0 before any exposure.

    A discounted mean is simple exponential smoothing with exact start-up weights. ``tsb`` multiplies discounted
    probability and size of a weekly sale (Teunter, Syntetos & Babai, EJOR 214, 2011).
    """
    count = series.units.shape[1]
    quick, slow = TSB if METHODS[method] == "tsb" else (HALF_LIVES[method],) * 2
    fade, fade_size = 0.5 ** (1.0 / quick), 0.5 ** (1.0 / slow)
    sales, seen, size, sold = (np.zeros(count) for _ in range(4))
    forecasts = [np.zeros(count)]
    for units, exposure in zip(series.units, series.exposure, strict=True):
        seen = fade * seen + exposure
        if quick == slow:
            sales = fade * sales + units
            forecast = np.divide(sales, seen, out=np.zeros(count), where=seen > 0)
        else:
            happened = units > 0
            sales, size, sold = fade * sales + happened, fade_size * size + units, fade_size * sold + happened
            forecast = np.divide(sales * size, seen * sold, out=np.zeros(count), where=(seen > 0) & (sold > 0))
        forecasts.append(forecast)
    return forecasts


@dataclass(frozen=True)
class Backtest:
    """Sums over rolling origins and blocks ahead, by method (M,K): weekly units, and how many tests."""

    square: Floats  # (M,K) sum of squared errors of the block's mean
    forecast: Floats  # (M,K) sum of forecasts
    forecast_square: Floats  # (M,K) sum of squared forecasts
    tests: Floats  # (K,)


def backtest(series: Weekly) -> Backtest:
    """Forecast every method from every origin and compare with the mean of the next blocks of four full weeks."""
    weeks, count = series.units.shape
    total = np.vstack([np.zeros(count), np.cumsum(series.units, axis=0)])
    seen = np.vstack([np.zeros(count), np.cumsum(series.exposure, axis=0)])
    square, forecast, forecast_square = (np.zeros((len(METHODS), count)) for _ in range(3))
    tests = np.zeros(count)
    for method in range(len(METHODS)):
        walk = _walk(series, method)
        for origin in range(BLOCK, weeks - BLOCK + 1):
            for low in range(origin, min(origin + BLOCK * BLOCKS, weeks - BLOCK + 1), BLOCK):
                valid = (seen[origin] >= BLOCK) & (seen[low + BLOCK] - seen[low] > BLOCK - 0.01)
                guess = np.where(valid, walk[origin], 0.0)
                actual = (total[low + BLOCK] - total[low]) / BLOCK
                square[method] += np.where(valid, np.square(actual - guess), 0.0)
                forecast[method] += guess
                forecast_square[method] += guess * guess
                tests += valid if method == 0 else 0
    return Backtest(square, forecast, forecast_square, tests)


def _choose(tested: Backtest, mean: Floats, band: Ints) -> Ints:
    """(K,) method with the least squared error, each SKU's own tests weighed with those of its band."""
    blocks = tested.tests / BLOCK
    scale = np.square(mean)
    score = np.empty_like(tested.square)
    for method, square in enumerate(tested.square):
        own = np.divide(square, tested.tests, out=np.zeros_like(square), where=tested.tests > 0)
        relative = _pooled(np.where(scale > 0, square, 0.0), tested.tests * scale, band)
        pooled = np.nan_to_num(relative) * scale
        score[method] = (blocks * own + 2 * ERROR_PRIOR * pooled) / (blocks + 2 * ERROR_PRIOR)
    return np.asarray(score.argmin(axis=0))


def _final_levels(series: Weekly, choice: Ints) -> tuple[Floats, Floats]:
    """Weekly level (K,) of the chosen method, and the effective number of weeks (K,) behind it."""
    level = np.zeros(choice.size)
    effective = np.zeros(choice.size)
    age = np.arange(series.exposure.shape[0])[::-1]
    for method in range(len(METHODS)):
        use = choice == method
        if not use.any():
            continue
        mine = Weekly(series.units[:, use], series.exposure[:, use])
        level[use] = _walk(mine, method)[-1]
        fade = 0.5 ** (age / (TSB[0] if METHODS[method] == "tsb" else HALF_LIVES[method]))
        weight, square = fade @ mine.exposure, np.square(fade) @ mine.exposure
        effective[use] = np.divide(weight * weight, square, out=np.zeros(weight.size), where=square > 0)
    return level, effective


def _error(tested: Backtest, choice: Ints, level: Floats, dispersion: Floats, effective: Floats, band: Ints) -> Floats:
    """eps (K,): relative standard error of the level, measured out of sample.

    Squared errors of four-week means, less the scatter ``phi x mean / 4`` that demand has around even a perfect level,
    over squared forecasts; shrunk to the band; at least the sampling error ``sqrt(phi / units behind the level)``
    and within LEAST_ERROR .. MOST_ERROR.
    """
    pick = (choice, np.arange(choice.size))
    excess = tested.square[pick] - dispersion * tested.forecast[pick] / BLOCK
    base = tested.forecast_square[pick]
    pooled = np.nan_to_num(_pooled(excess, base, band), nan=MOST_ERROR)
    own = np.divide(excess, base, out=np.zeros_like(base), where=base > 0)
    blocks = np.where(base > 0, tested.tests / BLOCK, 0.0)
    square = np.maximum(0.0, (blocks * own + ERROR_PRIOR * pooled) / (blocks + ERROR_PRIOR))
    units = level * effective
    sampling = np.divide(dispersion, units, out=np.full(units.size, MOST_ERROR), where=units > 0)
    return np.asarray(np.clip(np.sqrt(np.maximum(square, sampling)), LEAST_ERROR, MOST_ERROR))


def _category_rate(level: Floats, known: Bools, category: Ints, count: int) -> Floats:
    """(K,) median weekly level of the category's SKUs on sale; nan where the category has none or is blank.

    The median, not the mean: a category's mean is made by its few best sellers, which new SKUs seldom join.
    """
    use = np.flatnonzero(known & (category >= 0))
    ordered = use[np.lexsort((level[use], category[use]))]
    number = np.bincount(category[ordered], minlength=count)
    begin = np.cumsum(number) - number
    rate = np.full(count + 1, np.nan)
    some = number > 0
    low, high = begin[some] + (number[some] - 1) // 2, begin[some] + number[some] // 2
    rate[:-1][some] = (level[ordered[low]] + level[ordered[high]]) / 2
    return np.asarray(rate[np.where(category < 0, count, category)])


def _young(
    level: Floats, error: Floats, dispersion: Floats, weeks: Floats, prior: Floats, choice: Ints, launched: Bools
) -> Levels:
    """Lend SKUs with less than LEAST_WEEKS weeks on sale the rate of their category, with its wide error."""
    young = (weeks < LEAST_WEEKS) & ~np.isnan(prior) & ((level > 0) | launched)
    share = np.where(young, PRIOR_WEEKS / (weeks + PRIOR_WEEKS), 0.0)
    blended = (1 - share) * level + share * np.nan_to_num(prior)
    blended = np.where(blended < LEAST_RATE * WEEK, 0.0, blended)
    wide = np.sqrt((1 - share) * np.square(error) + share * MOST_ERROR**2)
    names = np.array(METHODS, dtype=object)[choice]
    names[young] = "shrunk"
    names[young & (weeks <= 0)] = "category"
    names[blended <= 0] = "none"
    return Levels(blended / WEEK, dispersion, np.minimum(wide, MOST_ERROR), tuple(names))
