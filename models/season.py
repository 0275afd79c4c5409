"""Season: twelve indices a year for each category, and seven a week for the whole trade, that average one.

The yearly one is estimated where at least twelve months of history stand behind it; shorter history has none.
"""

from __future__ import annotations

import numpy as np

from .instance import Floats, Ints

LEAST_DAYS = 360  # of history before any season is estimated
LEAST_WEEKS, MOST_WEEKS = 8, 52  # whole weeks behind the pattern of weekdays
LEAST_LINES = 30  # order lines in every calendar month before a category gets a season of its own
RIDGE = 1.0  # weight of "no season", in years: one year of data goes half the way, three years three quarters


def month_of(day: Ints) -> Ints:
    """Calendar month, 0 = January, of day numbers (days since 1970-01-01)."""
    return np.asarray(day, dtype="datetime64[D]").astype("datetime64[M]").astype(np.int64) % 12


def seasons(category: Ints, count: int, day: Ints, quantity: Floats, since: int, until: int) -> Floats:
    """Indices (count + 1, 12) by category and calendar month; the last row is for blank categories: the whole trade.

    ``category``, ``day``, ``quantity`` are per order line (category -1 = blank). The logarithm of units per day in each
    month, less a straight line of growth, is regressed on twelve month effects with a ridge (Hoerl & Kennard 1970) of
    one prior year without season. Growth is read off like months, so that neither is mistaken for the other.
    """
    flat = np.ones((count + 1, 12))
    if until - since + 1 < LEAST_DAYS:
        return flat
    line_month = np.asarray(day, dtype="datetime64[D]").astype("datetime64[M]").astype(np.int64)
    span_month = np.arange(since, until + 1).astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
    origin, months = int(span_month[0]), int(span_month[-1] - span_month[0] + 1)
    days = np.bincount(span_month - origin, minlength=months)
    usable = np.flatnonzero(days >= 15)
    if np.unique((usable + origin) % 12).size < 12:
        return flat
    cell = np.where(category < 0, count, category) * months + line_month - origin
    units = np.bincount(cell, weights=quantity, minlength=(count + 1) * months).reshape(count + 1, months)
    lines = np.bincount(cell, minlength=(count + 1) * months).reshape(count + 1, months)
    units[count], lines[count] = units.sum(axis=0), lines.sum(axis=0)
    enough = np.asarray((lines[:, usable] >= LEAST_LINES).all(axis=1) & (units[:, usable] > 0).all(axis=1))
    if not enough[count]:
        return flat
    effects = _month_effects(units[np.ix_(enough, usable)] / days[usable], usable + origin)
    result = np.tile(effects[-1], (count + 1, 1))
    result[enough] = effects
    return result


def _month_effects(rate: Floats, month: Ints) -> Floats:
    """Ridge estimate (rows, 12) of the month indices from rates (rows, months); ``month`` holds consecutive numbers."""
    level = np.log(rate)
    steady = level - _growth(level)[:, None] * (month - month.mean())
    dummies = (month[:, None] % 12 == np.arange(12)).astype(float)
    design = np.column_stack([np.ones(month.size), dummies])
    penalty = np.diag([0.0] + [RIDGE] * 12)
    effects = np.linalg.solve(design.T @ design + penalty, design.T @ steady.T)[1:].T
    index = np.exp(effects)
    return np.asarray(index / index.mean(axis=1, keepdims=True))


def _growth(level: Floats) -> Floats:
    """Growth (rows,) per month of log rates (rows, months): the mean over all pairs of months a year apart.

    In a single year no month comes twice: there the last stands for the one before the first. A line fitted through
    that year would take a season that peaks at its end for growth, and forecast a multiple of the peak.
    """
    lag = min(12, level.shape[1] - 1)
    return np.asarray((level[:, lag:] - level[:, :-lag]).mean(axis=1) / lag)


def season_over(index: Floats, first: Ints, days: Ints) -> Floats:
    """Mean index (rows, spans) of each row over spans of ``days`` days that begin on ``first``."""
    result = np.empty((index.shape[0], len(first)))
    for j, (begin, length) in enumerate(zip(first, days, strict=True)):
        weight = np.bincount(month_of(np.arange(begin, begin + length)), minlength=12) / length
        result[:, j] = index @ weight
    return result


# Week ----------------------------------------------------------------------------------------------------------------


def weekday_of(day: Ints) -> Ints:
    """Day of the week, 0 = Monday, of day numbers."""
    return np.asarray((np.asarray(day) + 3) % 7)


def weekdays(day: Ints, quantity: Floats, since: int, until: int) -> Floats:
    """Indices (7,) of the days of the week, Monday first, averaging one, from up to MOST_WEEKS last whole weeks.

    A weekday's index is its mean share of a week's units times seven, shrunk towards one by
    ``1 - sum se^2 / sum (index - 1)^2`` (James & Stein 1961, positive part), se from the scatter over weeks: a week of
    few orders shows no pattern. Below LEAST_WEEKS weeks there is none.
    """
    weeks = min(MOST_WEEKS, (until - since + 1) // 7)
    if weeks < LEAST_WEEKS:
        return np.ones(7)
    begin = until - 7 * weeks + 1
    inside = (day >= begin) & (day <= until)
    units = np.bincount(day[inside] - begin, weights=quantity[inside], minlength=7 * weeks).reshape(weeks, 7)
    if units.sum() <= 0:
        return np.ones(7)
    index = units.sum(axis=0) / units.sum() * 7.0
    scatter = np.square(units - index * units.mean(axis=1, keepdims=True)).sum(axis=0) / (weeks - 1)
    error = float((scatter / weeks).sum()) / float(units.mean()) ** 2
    signal = float(np.square(index - 1.0).sum())
    kept = max(0.0, 1.0 - error / signal) if signal > 1e-12 else 0.0
    return np.roll(1.0 + kept * (index - 1.0), int(weekday_of(np.array([begin]))[0]))


def week_over(index: Floats, first: Ints, days: Ints) -> Floats:
    """Mean weekday index (spans,) over spans of ``days`` days that begin on ``first``.

    >>> week_over(np.array([0, 0, 0, 0, 0, 0, 7.0]), np.array([4]), np.array([3]))  # 1970-01-05 is a Monday
    array([0.])
    """
    spans = (np.arange(begin, begin + length) for begin, length in zip(first, days, strict=True))
    return np.array([index[weekday_of(span)].mean() for span in spans])
