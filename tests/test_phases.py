"""Phases of a SKU's life: what launches and long silences turned out to be worth in the same trade."""

from __future__ import annotations

import numpy as np
import pytest

from models.levels import levels
from models.phases import NEW, REGULAR, SILENT, YOUNG, category_rates, launch_factor, phases
from models.series import Weekly, weekly
from tests.test_demand import catalogue, rates_of, sold

WEEKS = 40


def of(units: np.ndarray) -> Weekly:
    """The series of weekly units, on sale from the first of them."""
    return Weekly(units, np.where(np.maximum.accumulate(units > 0, axis=0), 1.0, 0.0))


def test_launches_that_fill_a_pipeline_are_not_forecast_by_their_first_weeks() -> None:
    """40 a week for three weeks, then 10 for good: of SKUs in their third week a planner expects about 10, not 40.

    300 SKUs are launched evenly over 37 weeks, 200 more sell 10 from the start. The mean of three weeks says 40.
    """
    rng = np.random.default_rng(1)
    units = rng.poisson(10.0, (WEEKS, 500)).astype(float)
    start = np.append(rng.integers(3, WEEKS - 2, 300), np.zeros(200, dtype=int))
    for sku, first in enumerate(start[:300]):
        units[:first, sku] = 0
        units[first : first + 3, sku] = rng.poisson(40.0, min(3, WEEKS - first))
    rates = rates_of(sold(units), catalogue(500))
    recent = start == WEEKS - 3
    assert recent.sum() >= 5
    assert rates.level[recent].mean() * 7 == pytest.approx(10.0, abs=4.0)
    assert rates.level[300:].mean() * 7 == pytest.approx(10.0, rel=0.1)


def test_what_became_of_launches_counts_those_that_ended() -> None:
    """Listings sold once and never again: a fresh one is expected to sell next to nothing, not one a week.

    200 SKUs sell steadily, 15 a week; every week ten listings sell a single unit, their only one. Whether a past one
    was a launch can only be told as it stood then: afterwards it looks like a slow seller that was always there.
    """
    units = np.zeros((WEEKS, 600))
    units[:, :200] = np.random.default_rng(2).poisson(15.0, (WEEKS, 200))
    once = 200 + np.arange(400)
    units[(once - 200) // 10, once] = 1.0
    rates = rates_of(sold(units), catalogue(600))
    fresh = rates.level[200 + 370 : 200 + 390] * 7
    assert (fresh < 0.25).all()


def test_silent_goods_are_forecast_by_what_silent_goods_sold() -> None:
    """SKUs that end after 15 to 38 weeks at 5 a week: six weeks later next to nothing, where none ever came back."""
    rng = np.random.default_rng(3)
    units = rng.poisson(5.0, (WEEKS, 400)).astype(float)
    last = rng.integers(15, WEEKS - 1, 300)
    for sku, week in enumerate(last):
        units[week:, sku] = 0
    rates = rates_of(sold(units), catalogue(400))
    silent = np.flatnonzero((last <= WEEKS - 6) & (last > WEEKS - 12))
    assert rates.level[silent].mean() * 7 < 0.2
    assert rates.level[300:].mean() * 7 == pytest.approx(5.0, rel=0.05)


def test_phases_by_hand() -> None:
    """In week 20: sold every week; since week 18, as launches do; since week 14; last in weeks 14 and 10; never."""
    units = np.zeros((20, 6))
    units[:, 0] = 1
    units[18:, 1] = 1
    units[14:, 2] = 1
    units[:14, 3] = units[:10, 4] = 1
    series = Weekly(units, np.ones(units.shape))
    found = phases(series, np.array([20]), np.zeros(6, dtype=bool))
    assert found.phase[0].tolist() == [REGULAR, NEW, YOUNG, SILENT, SILENT + 1, REGULAR]
    assert found.weeks[0].tolist() == [20, 2, 6, 20, 20, 20]
    assert phases(series, np.array([20]), np.ones(6, dtype=bool)).phase[0].tolist()[1] == REGULAR


def test_a_new_sku_sells_what_launches_sold() -> None:
    """Launches sold three times their category's median in weeks 2 to 5; a SKU with only a launch date gets that.

    The median of one category is 4, of the other 8; 60 launches sold 12 or 24 a week by category.
    """
    units = np.zeros((WEEKS, 161))
    number = np.arange(161) % 2
    units[:, :100] = np.where(number[:100], 8.0, 4.0)
    for sku in range(100, 160):
        units[10 + (sku - 100) // 3 :, sku] = 3 * (8.0 if number[sku] else 4.0)
    series = of(units)
    stops = np.arange(8, 36, 2)
    prior = np.array([category_rates(np.where(number, 8.0, 4.0), np.arange(161) < 100, number, 2)] * stops.size)
    assert launch_factor(series, prior, stops) == pytest.approx(3.0)
    launched = np.arange(161) == 160
    found = levels(series, number, 2, np.ones(161), launched)
    assert found.method[160] == "category"
    assert found.per_day[160] * 7 == pytest.approx(12.0, rel=0.35)  # the median of its category rises with launches


def test_without_a_year_every_level_may_be_off_by_the_season() -> None:
    """Steady sales: eps is the root of the sum of squares with 10 % under a year of history, and free of it after."""
    weekly_units = np.random.default_rng(5).poisson(400.0, (110, 60))
    short, long = (rates_of(sold(weekly_units[-weeks:]), catalogue(60)).level_error for weeks in (30, 110))
    assert short.min() > 0.1
    assert long.max() < 0.1


def test_wait_before_a_first_sale_tells_a_launch() -> None:
    """A first sale 31 days into 40, then every day: on sale from then; exposure before it is none."""
    day = np.arange(31, 41)
    found = weekly(np.zeros(10, dtype=int), day, np.ones(10), np.full(1, np.nan), np.full(1, np.nan), -1, 40)
    assert found.exposure[:, 0].tolist() == [0, 0, 0, 0, 1, 1]
