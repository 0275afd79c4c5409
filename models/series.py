"""Weekly sales of each SKU, and the part of each week in which it could be bought."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .instance import Bools, Floats, Ints

WEEK = 7


@dataclass(frozen=True)
class Weekly:
    """Weekly units and the part of each week in which the SKU was on sale and in stock."""

    units: Floats  # (W,K)
    exposure: Floats  # (W,K), 0..1

    @property
    def full(self) -> Bools:
        """(W,K) weeks in which the SKU was on sale every day."""
        return np.asarray(self.exposure > 0.999)


@dataclass(frozen=True)
class Outages:
    """Days on which a SKU could not be sold for want of stock, each at most once."""

    sku: Ints  # (rows,)
    day: Ints  # (rows,) day numbers


def weekly(
    sku: Ints,
    day: Ints,
    quantity: Floats,
    launch: Floats,
    end: Floats,
    since: int,
    until: int,
    out: Outages | None = None,
) -> Weekly:
    """Units per SKU in whole weeks counted back from ``until``; a partial first week is left out.

    launch, end (K,) day numbers, nan = not stated. A SKU without launch date is on sale from the start of history,
    unless the wait for its first sale is over three times its mean interval between weeks with sales (under steady
    trade that has a probability of 5 %): then from the week of its first sale. History shorter than a week is one
    partial week. Days ``out`` of stock without a sale are not counted as days on sale.
    """
    weeks = max(1, (until - since + 1) // WEEK)
    count = launch.size
    sales = _by_week(sku, day, quantity, until, (weeks, count))
    start = max(float(until - WEEK * weeks + 1), float(since))
    opens, closes = _on_sale(sales, launch, end, start, float(until))
    first = until - WEEK * (weeks - np.arange(weeks)) + 1.0
    begin = np.maximum(np.maximum(first, since)[:, None], opens)
    exposure = np.clip((np.minimum((first + WEEK - 1)[:, None], closes) - begin + 1) / WEEK, 0.0, 1.0)
    if out is not None and out.sku.size:
        dry = ~np.isin(out.sku * 100_000 + out.day, sku * 100_000 + day)
        dry &= (out.day >= opens[out.sku]) & (out.day <= closes[out.sku])
        missing = _by_week(out.sku[dry], out.day[dry], np.ones(int(dry.sum())), until, (weeks, count))
        exposure = np.maximum(exposure - missing / WEEK, 0.0)
    return Weekly(np.where(exposure > 0, sales, 0.0), exposure)


def _by_week(sku: Ints, day: Ints, weight: Floats, until: int, shape: tuple[int, int]) -> Floats:
    weeks, count = shape
    week = weeks - 1 - (until - day) // WEEK
    keep = (week >= 0) & (week < weeks)
    total = np.bincount(week[keep] * count + sku[keep], weights=weight[keep], minlength=weeks * count)
    return total.astype(float).reshape(shape)


def _on_sale(units: Floats, launch: Floats, end: Floats, start: float, until: float) -> tuple[Floats, Floats]:
    """First and last day (K,) on sale within history, as far as dates or sales tell."""
    weeks = units.shape[0]
    sold = units > 0
    active, first = sold.sum(axis=0), sold.argmax(axis=0)
    last = weeks - 1 - sold[::-1].argmax(axis=0)
    late = seems_launched(first, active, weeks)
    first_day = until - WEEK * (weeks - first) + 1.0
    opens = np.where(np.isnan(launch), np.where(late, first_day, start), launch)
    closes = np.where(np.isnan(end), until, np.minimum(end, until))
    again = (launch > until) & (active > 0)  # a relaunch: its rate is that of the time it was sold
    opens = np.where(again, first_day, opens)
    closes = np.where(again, np.minimum(closes, until - WEEK * (weeks - 1 - last)), closes)
    return opens, closes


def seems_launched(first: Ints, active: Ints, weeks: Ints | int) -> Bools:
    """Whether a SKU first sold in week ``first`` of ``weeks``, in ``active`` of them, was not on sale before.

    So it is where that wait is over three times the mean interval between weeks with sales since: under steady trade
    that has a probability of 5 %.
    """
    return np.asarray((active > 0) & (first > 3.0 * (weeks - first) / np.maximum(active, 1)))
