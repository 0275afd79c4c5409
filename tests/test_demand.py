"""Demand: levels, spread, error, regions, season, campaigns, dates and the planner's own figures."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from models import series as weeks_of
from models.backtest import METHODS, Trial, choose, correction, trial, walk
from models.consignments import parcels_per_unit
from models.demand import (
    Campaign,
    Catalogue,
    DemandRates,
    History,
    Horizon,
    Span,
    estimate,
    override,
    usual_quantity,
)
from models.season import seasons, weekdays
from models.series import Outages, Weekly
from models.shares import drifting_shares, regional_shares, strength_of
from models.spread import LEAST_ERROR, MOST_ERROR
from models.uplift import with_uplifts

UNTIL = 20_000  # an arbitrary last day of history
SHARED = Path(os.environ.get("NODEWISE_SHARED", Path(__file__).parents[2] / "shared"))


def steady(quantity: np.ndarray, days: int, region: int = 0) -> History:
    """Each SKU's quantity on every one of the last ``days`` days, one order per line."""
    skus = quantity.size
    sku, day = np.tile(np.arange(skus), days), np.repeat(np.arange(UNTIL - days + 1, UNTIL + 1), skus)
    lines = sku.size
    return History(sku, np.full(lines, region), day, np.arange(lines), quantity[sku].astype(float))


def sold(weekly: np.ndarray) -> History:
    """Weekly units (W,K) as one line per week and SKU, in the last W weeks up to UNTIL."""
    weeks, skus = weekly.shape
    sku, week = np.tile(np.arange(skus), weeks), np.repeat(np.arange(weeks), skus)
    day = UNTIL - 7 * (weeks - week) + 3
    return History(sku, np.zeros(sku.size, dtype=int), day, np.arange(sku.size), weekly.ravel().astype(float))


def join(*parts: History) -> History:
    """Several histories as one, their orders kept apart."""
    fields = ("sku", "region", "day", "quantity")
    columns = {name: np.concatenate([getattr(part, name) for part in parts]) for name in fields}
    return History(consignment=np.arange(columns["sku"].size), **columns)


def catalogue(skus: int, category: int = 0) -> Catalogue:
    nothing = np.full(skus, np.nan)
    return Catalogue(np.full(skus, category), nothing, nothing.copy())


def rates_of(
    history: History,
    goods: Catalogue,
    regions: int = 1,
    campaigns: tuple[Campaign, ...] = (),
    since: int | None = None,
    days: tuple[int, ...] = (31, 28),
) -> DemandRates:
    """Forecast for periods that begin the day after UNTIL."""
    begin = int(history.day.min()) if since is None else since
    first = UNTIL + 1 + np.concatenate([[0], np.cumsum(days)[:-1]])
    return estimate(history, goods, Span(begin, UNTIL), Horizon(first, np.array(days)), regions, campaigns)


def test_constant_sales_are_forecast_as_they_are() -> None:
    """Two units a day for 20 weeks: mean 2 in every period, Poisson spread at least, so variance 2."""
    rates = rates_of(steady(np.array([2.0]), 140), catalogue(1))
    assert rates.mean == pytest.approx(np.full((1, 1, 2), 2.0))
    assert rates.variance == pytest.approx(np.full((1, 1, 2), 2.0))
    assert rates.level == pytest.approx([2.0])


def test_regions_share_three_to_one() -> None:
    """Three units a day here and one there: three quarters of the demand here."""
    history = join(steady(np.array([3.0]), 140), steady(np.array([1.0]), 140, region=1))
    rates = rates_of(history, catalogue(1), regions=2)
    assert rates.mean[0, :, 0] == pytest.approx([3.0, 1.0])


def test_sku_with_three_orders_gets_nearly_its_category_s_map() -> None:
    """In a category whose SKUs all share 6:3:1, three orders in the last region are weak evidence of another map."""
    rng = np.random.default_rng(3)
    sku = np.append(np.repeat(np.arange(200), 300), [200] * 3)
    region = np.append(rng.choice(3, 60_000, p=[0.6, 0.3, 0.1]), [2, 2, 2])
    share = regional_shares(sku, region, np.ones(sku.size), np.zeros(201, dtype=int), (201, 3), 1)
    assert share.sum(axis=1) == pytest.approx(np.ones(201))
    assert share[200] == pytest.approx([0.6, 0.3, 0.1], abs=0.05)


def test_skus_that_truly_differ_keep_their_own_map() -> None:
    """Half of the SKUs sell only in one region, half only in the other: the category's even map must not blur them."""
    sku = np.repeat(np.arange(40), 200)
    region = (sku % 2).astype(int)
    share = regional_shares(sku, region, np.ones(sku.size), np.zeros(40, dtype=int), (40, 2), 1)
    assert share[0, 0] > 0.99
    assert share[1, 1] > 0.99


def test_strength_is_recovered() -> None:
    """Maps drawn from a Dirichlet of strength 20 and 500 orders each: the moment estimate finds 20 within a fifth."""
    rng = np.random.default_rng(5)
    prior = np.array([0.4, 0.3, 0.2, 0.1])
    counts = np.array([rng.multinomial(500, p) for p in rng.dirichlet(20 * prior, 400)], dtype=float)
    found = strength_of(counts / 500, np.full(400, 500.0), np.tile(prior, (400, 1)))
    assert found == pytest.approx(20, rel=0.2)


def test_nothing_is_lent_to_regions_out_of_reach() -> None:
    """A SKU that cannot be delivered to a region, and never was, gets no demand there; its sister does."""
    sku, region = np.repeat([0, 1], 100), np.tile([0, 1], 100)
    region[sku == 1] = 0
    reached = np.array([[True, True], [True, False]])
    share = regional_shares(sku, region, np.ones(200), np.zeros(2, dtype=int), (2, 2), 1, reached)
    assert share[1].tolist() == [1.0, 0.0]
    assert share[0, 1] > 0.3


def test_a_map_that_moved_is_followed() -> None:
    """All trade moves from 20 % to 80 % in a region ten weeks ago, of thirty; with no move, all orders count alike.

    With a half-life of 13 weeks the weeks since weigh 1 - 2^(-10/13) = 0.413, those before
    0.587 - 2^(-30/13) = 0.385: a share of 51 %, where the plain mean has 40 %.
    """
    rng = np.random.default_rng(17)
    day = np.repeat(np.arange(210), 60)
    sku = rng.integers(0, 5, day.size)
    none = np.zeros(5, dtype=int)
    moved = (rng.random(day.size) < np.where(day < 140, 0.2, 0.8)).astype(int)
    still = (rng.random(day.size) < 0.2).astype(int)
    ones = np.ones(day.size)
    assert drifting_shares(sku, moved, day, ones, none, (5, 2), 1)[:, 1] == pytest.approx(np.full(5, 0.51), abs=0.02)
    plain = regional_shares(sku, still, ones, none, (5, 2), 1)
    assert drifting_shares(sku, still, day, ones, none, (5, 2), 1).tolist() == plain.tolist()


def test_poisson_catalogue_has_ratio_one() -> None:
    """400 SKUs with Poisson sales: variance over mean is near 1."""
    rng = np.random.default_rng(1)
    weekly = rng.poisson(rng.uniform(2, 60, 400), (80, 400))
    phi = rates_of(sold(weekly), catalogue(400)).dispersion
    assert phi.min() >= 1
    assert phi.mean() == pytest.approx(1.06, abs=0.06)


def test_negative_binomial_catalogue_finds_its_ratio() -> None:
    """Negative binomial sales with variance five times the mean: ratios near 5 on average, single ones not far off."""
    rng = np.random.default_rng(2)
    mean = rng.uniform(5, 60, 400)
    weekly = rng.negative_binomial(mean / 4, 0.2, (80, 400))
    rates = rates_of(sold(weekly), catalogue(400))
    assert np.mean(rates.dispersion) == pytest.approx(5, rel=0.06)
    assert np.quantile(rates.dispersion, [0.02, 0.98]) == pytest.approx([4, 6], rel=0.35)
    assert rates.variance[:, 0, 0] == pytest.approx(rates.mean[:, 0, 0] * rates.dispersion)


def test_level_error_is_the_error_of_the_level() -> None:
    """Steady Poisson sales at 5 to 60 a week: eps is what the level misses the known rate by, and falls with history.

    With 104 weeks the plain mean of a rate of 20 misses by sqrt(1 / 2080) = 2.2 %, near the least eps of 2 %; with 13
    weeks by 6 %. Of 104 weeks the early origins knew less and missed more, so eps may be higher than the last miss.
    """
    rng = np.random.default_rng(4)
    rate = rng.uniform(5, 60, 300)
    weekly = rng.poisson(rate, (104, 300))
    for weeks, most in ((13, 2.0), (52, 2.0), (104, 2.5)):
        rates = rates_of(sold(weekly[-weeks:]), catalogue(300))
        missed = np.sqrt(np.mean((rates.level * 7 / rate - 1) ** 2))
        assert missed / most <= np.sqrt(np.mean(rates.level_error**2)) <= missed * most, weeks
        assert np.median(rates.level_error) < 0.12


def test_level_error_of_wandering_demand_is_found_apart_from_its_ratio() -> None:
    """Ratio 5 and levels that wander 7 % a week: both are recovered, eps as large as the miss of the next weeks' rate.

    The level a block ahead (weeks 1 to 12, 6.5 on average) differs from the present one by 7 % sqrt(6.5) = 18 %, and
    the present one is known to about as much again.
    """
    rng = np.random.default_rng(2)
    level = rng.uniform(20, 60, 400) * np.exp(np.cumsum(rng.normal(0, 0.07, (80, 400)), axis=0))
    rates = rates_of(sold(rng.negative_binomial(level / 4, 0.2)), catalogue(400))
    assert np.mean(rates.dispersion) == pytest.approx(5, rel=0.1)
    assert 0.18 < np.median(rates.level_error) < 0.36


def test_level_error_of_drifting_demand_is_wider_than_of_steady_demand() -> None:
    """Rates that wander by 10 % a week cannot be forecast as well as rates that stay."""
    rng = np.random.default_rng(6)
    walk = 200 * np.exp(np.cumsum(rng.normal(0, 0.1, (60, 200)), axis=0))
    steady_error = rates_of(sold(rng.poisson(200, (60, 200))), catalogue(200)).level_error
    drift_error = rates_of(sold(rng.poisson(walk)), catalogue(200)).level_error
    assert np.median(drift_error) > 3 * np.median(steady_error)
    assert drift_error.min() >= LEAST_ERROR
    assert drift_error.max() <= MOST_ERROR


def test_error_and_spread_together_cover_the_next_weeks() -> None:
    """Wandering negative binomial demand: 95 % quantiles of the next two weeks, as stock is computed, hold 93-99 %."""
    rng = np.random.default_rng(7)
    level = rng.uniform(20, 200, 500) * np.exp(np.cumsum(rng.normal(0, 0.08, (62, 500)), axis=0))
    weekly = rng.negative_binomial(level / 2, 1 / 3)
    rates = rates_of(sold(weekly[:60]), catalogue(500), days=(28, 28))
    mean = 14 * rates.mean[:, 0, 0]
    square = 14 * rates.variance[:, 0, 0] + (rates.level_error * mean) ** 2
    quantile = stats.gamma.ppf(0.95, mean**2 / square, scale=square / mean)
    assert 0.93 <= (weekly[60:].sum(axis=0) <= quantile).mean() <= 0.99


def test_coming_campaign_lifts_its_days_skus_and_regions() -> None:
    """Uplift 1.5 on 10 of 31 days: 1 + 0.5 x 10/31 of the normal rate, only where the campaign runs."""
    history = join(*(steady(np.array([2.0, 2.0]), 140, region) for region in (0, 1)))
    campaign = Campaign(np.array([True, False]), np.array([True, False]), UNTIL + 5, UNTIL + 14, uplift=1.5)
    rates = rates_of(history, catalogue(2), 2, (campaign,))
    assert rates.mean[:, :, 0] == pytest.approx(np.array([[2 * (1 + 5 / 31), 2], [2, 2]]))
    assert rates.mean[:, :, 1] == pytest.approx(np.full((2, 2), 2.0))


def test_campaigns_at_once_add_their_excess() -> None:
    """1.5 and 1.2 over a whole period make 1.7."""
    every = np.array([True])
    campaigns = tuple(Campaign(every, every, UNTIL + 1, UNTIL + 31, uplift=lift) for lift in (1.5, 1.2))
    rates = rates_of(steady(np.array([2.0]), 140), catalogue(1), 1, campaigns)
    assert rates.mean[0, 0] == pytest.approx([3.4, 2.0])


def test_extra_units_are_spread_over_the_days_of_the_campaign() -> None:
    """300 units over 30 days, 20 of them in the first period: 200 and 100 units on top, shared 3:1 as normal rates."""
    campaign = Campaign(np.array([True, True]), np.array([True]), UNTIL + 12, UNTIL + 41, extra_units=300)
    rates = rates_of(steady(np.array([3.0, 1.0]), 140), catalogue(2), 1, (campaign,))
    extra = (rates.mean[:, 0, :] - np.array([[3.0], [1.0]])) * [31, 28]
    assert extra == pytest.approx(np.array([[150, 75], [50, 25]]))


def test_extra_units_of_a_new_sku_are_not_lost() -> None:
    """A SKU without any normal rate still sells the campaign's extra units, from its launch on."""
    goods = replace(catalogue(1, category=-1), launch=np.array([UNTIL + 1.0]))
    campaign = Campaign(np.array([True]), np.array([True, True]), UNTIL + 1, UNTIL + 31, extra_units=62)
    empty = History(*(np.zeros(0, dtype=int) for _ in range(4)), np.zeros(0))
    rates = rates_of(empty, goods, 2, (campaign,), since=UNTIL - 100)
    assert rates.mean[0, :, 0] == pytest.approx([1.0, 1.0])


def test_past_campaigns_do_not_lift_the_level() -> None:
    """Sales trebled for ten days by a campaign of uplift 3, or 100 extra units: the normal rate is still 2."""
    base = steady(np.array([2.0]), 140)
    inside = (base.day > UNTIL - 30) & (base.day <= UNTIL - 20)
    every = np.array([True])
    lifted = replace(base, quantity=np.where(inside, 6.0, 2.0))
    more = replace(base, quantity=np.where(inside, 12.0, 2.0))
    first, last = UNTIL - 29, UNTIL - 20
    assert usual_quantity(lifted, [Campaign(every, every, first, last, uplift=3)]) == pytest.approx(base.quantity)
    assert usual_quantity(more, [Campaign(every, every, first, last, extra_units=100)]) == pytest.approx(base.quantity)
    rates = rates_of(lifted, catalogue(1), 1, (Campaign(every, every, first, last, uplift=3),))
    assert rates.mean == pytest.approx(np.full((1, 1, 2), 2.0))
    assert rates_of(lifted, catalogue(1)).mean[0, 0, 0] > 2.1


def singly(daily: np.ndarray) -> History:
    """Daily units (D,K) up to UNTIL, each unit an order of its own."""
    units = daily.astype(int).ravel()
    day = np.repeat(np.repeat(np.arange(UNTIL - len(daily) + 1, UNTIL + 1), daily.shape[1]), units)
    sku = np.repeat(np.tile(np.arange(daily.shape[1]), len(daily)), units)
    return History(sku, np.zeros(sku.size, dtype=int), day, np.arange(sku.size), np.ones(sku.size))


def test_a_campaign_that_comes_again_lifts_as_it_did_before() -> None:
    """Sales doubled for ten days a hundred days ago: a campaign of the same group is taken for 2, one of none for 1.

    About 4,000 units in it and 11,000 beside it leave a standard error of the logarithm near 2 %.
    """
    rng = np.random.default_rng(21)
    units = rng.poisson(200.0, (300, 2)).astype(float)
    units[190:200] = rng.poisson([400.0, 200.0], (10, 2))
    history = singly(units)
    first, other = np.array([True, False]), np.array([True])
    nan = float("nan")
    past = Campaign(first, other, UNTIL - 109, UNTIL - 100, uplift=nan, group=4)
    ones = [replace(past, first=UNTIL + 1, last=UNTIL + 31, group=group) for group in (4, 5)]
    found = with_uplifts([past, *ones], history, Span(UNTIL - 299, UNTIL))
    assert [campaign.uplift for campaign in found] == pytest.approx([2.0, 2.0, 1.0], rel=0.12)
    assert found[2].uplift == 1.0
    rates = rates_of(history, catalogue(2), 1, (past, ones[0]))
    assert rates.mean[:, 0, 0] == pytest.approx([400.0, 200.0], rel=0.12)
    assert rates.mean[:, 0, 1] == pytest.approx([200.0, 200.0], rel=0.05)


def test_what_all_goods_did_is_no_uplift() -> None:
    """Everything sells twice as much for the ten days of a campaign on one SKU: its uplift is 1, not 2."""
    rng = np.random.default_rng(22)
    units = rng.poisson(200.0, (300, 2)).astype(float)
    units[190:200] = rng.poisson(400.0, (10, 2))
    history = singly(units)
    past = Campaign(np.array([True, False]), np.array([True]), UNTIL - 109, UNTIL - 100, uplift=float("nan"))
    assert with_uplifts([past], history, Span(UNTIL - 299, UNTIL))[0].uplift == pytest.approx(1.0, abs=0.12)


def test_few_orders_prove_no_uplift() -> None:
    """Five orders of one unit in the campaign where two are usual: the log 0.9 has a variance of 1/5 + 1/11 > tau^2."""
    day = np.concatenate([np.arange(UNTIL - 299, UNTIL + 1, 5), UNTIL - np.array([109, 107, 103])])
    zero = np.zeros(day.size, dtype=int)
    history = History(zero, zero, day, np.arange(day.size), np.ones(day.size))
    past = Campaign(np.array([True]), np.array([True]), UNTIL - 109, UNTIL - 100, uplift=float("nan"))
    assert 1.0 < with_uplifts([past], history, Span(UNTIL - 299, UNTIL))[0].uplift < 1.6


def test_days_without_stock_are_no_days_without_demand() -> None:
    """Ten a day for 20 weeks, nothing in six of them for want of stock: ten a day; without that knowledge, less."""
    base = steady(np.array([10.0]), 140)
    dry = (base.day > UNTIL - 70) & (base.day <= UNTIL - 28)
    sold_days = History(*(getattr(base, name)[~dry] for name in ("sku", "region", "day", "consignment", "quantity")))
    out = Outages(base.sku[dry], base.day[dry])
    span, horizon = Span(UNTIL - 139, UNTIL), Horizon(np.array([UNTIL + 1]), np.array([28]))
    known = estimate(sold_days, catalogue(1), span, horizon, 1, out=out)
    assert known.mean[0, 0, 0] == pytest.approx(10.0, rel=1e-6)
    assert estimate(sold_days, catalogue(1), span, horizon, 1).mean[0, 0, 0] < 9.5
    series = weeks_of.weekly(base.sku, base.day, base.quantity, *np.full((2, 1), np.nan), UNTIL - 139, UNTIL, out)
    assert series.exposure.min() == 1.0  # a day with a sale was no day without stock


def test_launch_and_end_scale_the_periods() -> None:
    """On sale for 20 of 31 days, then not after the 7th day of 28: 20/31 and 7/28 of the rate."""
    history = steady(np.array([4.0]), 140)
    goods = replace(catalogue(1), end=np.array([UNTIL + 31.0 + 7]))
    assert rates_of(history, goods).mean[0, 0] == pytest.approx([4.0, 4.0 * 7 / 28])
    late = replace(catalogue(1), launch=np.array([UNTIL + 12.0]))
    assert rates_of(history, late).mean[0, 0] == pytest.approx([4.0 * 20 / 31, 4.0])
    over = replace(catalogue(1), end=np.array([UNTIL - 1.0]))
    assert rates_of(history, over).mean.max() == 0


def test_history_before_the_launch_does_not_dilute_the_rate() -> None:
    """Four a day since the launch ten weeks ago, in a history of 52 weeks: four a day."""
    goods = replace(catalogue(1), launch=np.array([UNTIL - 69.0]))
    rates = rates_of(steady(np.array([4.0]), 70), goods, since=UNTIL - 363)
    assert rates.mean[0, 0, 0] == pytest.approx(4.0)


def test_first_sale_after_a_long_wait_is_the_start_of_trade() -> None:
    """Daily sales that begin after 42 of 52 weeks: the empty weeks are before the launch, not slow trade."""
    rates = rates_of(steady(np.array([4.0]), 70), catalogue(1), since=UNTIL - 363)
    assert rates.mean[0, 0, 0] == pytest.approx(4.0)


def test_first_sale_of_a_slow_sku_is_not_its_launch() -> None:
    """One unit in weeks 10, 27 and 44 of 52: slow trade all year, 3 units in 364 days, not 3 in the 42 weeks since."""
    weekly = np.zeros((52, 30))
    weekly[[10, 27, 44], :] = 1
    rates = rates_of(sold(weekly), catalogue(30), since=UNTIL - 363)
    assert rates.level == pytest.approx(np.full(30, 3 / 364), rel=0.35)
    assert rates.level.min() < 3 / (42 * 7)


def test_a_sku_that_stopped_selling_fades() -> None:
    """Half a year of ten a week and half a year of nothing: weeks without orders are zero demand."""
    weekly = np.vstack([np.full((26, 60), 10), np.zeros((26, 60))])
    rates = rates_of(sold(weekly), catalogue(60), since=UNTIL - 363)
    assert rates.level.max() < 0.1 * 10 / 7


def test_a_sku_long_dead_has_no_demand() -> None:
    """Sold for half a year, then not for three: the level left is less than a unit in five years, so none."""
    weekly = np.vstack([np.full((26, 60), 2), np.zeros((156, 60))])
    rates = rates_of(sold(weekly), catalogue(60), since=UNTIL - 7 * 182 + 1)
    assert rates.mean.max() == 0
    assert set(rates.method) == {"none"}


def test_demand_that_wanders_is_followed() -> None:
    """Walks of 15 % a week: the chosen level misses the present one by less than 60 % of what the plain mean does."""
    rng = np.random.default_rng(9)
    walk = 300 * np.exp(np.cumsum(rng.normal(0, 0.15, (70, 100)), axis=0))
    weekly = rng.poisson(walk)
    found = rates_of(sold(weekly), catalogue(100)).level * 7
    assert np.median(np.abs(found / walk[-1] - 1)) < 0.6 * np.median(np.abs(weekly.mean(axis=0) / walk[-1] - 1))


def test_steady_demand_is_averaged_over_long_memory() -> None:
    """Poisson sales at 10 a week for 70 weeks: the error of the level stays near the mean's own, sqrt(1 / 700).

    Half-lives from 13 weeks up rest on at least 2 x 13 / ln 2 = 37 effective weeks: sqrt(70 / 37) = 1.4 times it.
    """
    rng = np.random.default_rng(10)
    found = rates_of(sold(rng.poisson(10, (70, 200))), catalogue(200)).level * 7
    assert np.sqrt(np.mean((found / 10 - 1) ** 2)) < 1.4 * np.sqrt(1 / 700)


def test_weekday_pattern_moves_the_rate_between_periods() -> None:
    """Trade from Monday to Friday only, 10 a day: 23 working days in 31 make a rate of 230 / 31, not 10 x 5 / 7."""
    day = np.arange(UNTIL - 139, UNTIL + 1)
    day = day[(day + 3) % 7 < 5]  # 1970-01-01 was a Thursday
    zero = np.zeros(day.size, dtype=int)
    rates = rates_of(History(zero, zero, day, np.arange(day.size), np.full(day.size, 10.0)), catalogue(1))
    for period, (first, days) in enumerate(((UNTIL + 1, 31), (UNTIL + 32, 28))):
        working = int(((np.arange(first, first + days) + 3) % 7 < 5).sum())
        assert rates.mean[0, 0, period] == pytest.approx(10 * working / days)
    assert rates.variance[0, 0, 1] == pytest.approx(rates.mean[0, 0, 1])  # no noise: weekends are no surprise


def test_few_orders_have_no_weekday_pattern() -> None:
    """Poisson sales of one a day, the same every day, for ten weeks: the index strays less than the raw shares do."""
    rng = np.random.default_rng(12)
    day = np.arange(UNTIL - 69, UNTIL + 1)
    strays = []
    for _ in range(200):
        units = rng.poisson(1.0, day.size).astype(float)
        found = weekdays(day, units, int(day[0]), UNTIL)
        raw = units.reshape(10, 7).sum(axis=0) / units.sum() * 7
        assert found.mean() == pytest.approx(1.0)
        strays.append((np.abs(found - 1).mean(), np.abs(raw - 1).mean()))
    mine, theirs = np.mean(strays, axis=0)
    assert mine < 0.35 * theirs


def test_small_forecasts_are_lifted_and_large_ones_lowered() -> None:
    """Forecasts that are one Poisson week of gamma rates (shape 1, mean 2): bent like Bayes' 2 (s + 1) / 3.

    Zero stays zero. The total of the others is kept: a third of the SKUs has s = 0 and a rate of 2/3, so the others
    sell (2 - 2/9) / 2 = 8/9 of what was forecast, and s = 1 becomes 4/3 x 9/8 = 1.5, s = 6 becomes 14/3 x 9/8 = 5.25.
    """
    rng = np.random.default_rng(13)
    rate = rng.gamma(1.0, 2.0, 20_000)
    guess = rng.poisson(rate, (1, 6, rate.size)).astype(float)
    actual = rng.poisson(4 * rate, (6, rate.size)) / 4
    every = np.ones(actual.shape, dtype=bool)
    found = correction(Trial(("mean",), guess, np.arange(6), np.arange(4, 28, 4), actual, every, 1.0), guess[0])
    assert found(np.array([0.0, 1.0, 6.0])) == pytest.approx([0.0, 1.5, 5.25], rel=0.05)


def test_good_forecasts_are_left_alone() -> None:
    """Unbiased forecasts of 60 SKUs that scatter: no factor is further from one than chance allows, most are one."""
    rng = np.random.default_rng(14)
    rate = rng.uniform(5, 50, 60)
    actual = rng.poisson(4 * rate, (6, 60)) / 4
    guess = np.tile(rate, (1, 6, 1))
    every = np.ones(actual.shape, dtype=bool)
    found = correction(Trial(("mean",), guess, np.arange(6), np.arange(4, 28, 4), actual, every, 1.0), guess[0])
    assert found(rate) == pytest.approx(rate, rel=0.03)


def test_method_follows_the_kind_of_demand() -> None:
    """Levels that wander 15 % a week are followed by short memory; steady sales by long memory."""
    rng = np.random.default_rng(15)
    steady_sales = rng.poisson(40, (60, 100))
    wandering = rng.poisson(300 * np.exp(np.cumsum(rng.normal(0, 0.15, (60, 100)), axis=0)))
    long, short = {"mean", "smooth_26", "tsb", "smooth_13"}, {"smooth_3", "smooth_6"}
    for units, expected in ((steady_sales, long), (wandering, short)):
        tried = trial(Weekly(units.astype(float), np.ones(units.shape)), 1)
        chosen = np.array(tried.methods)[choose(tried, units.mean(axis=0), np.zeros(100, dtype=int))]
        assert np.isin(chosen, list(expected)).mean() > 0.9


def test_forecasts_from_an_origin_see_nothing_after_it() -> None:
    """Changing the weeks from an origin on changes no method's forecast from that origin or an earlier one."""
    rng = np.random.default_rng(16)
    weekly = rng.poisson(5, (80, 20)).astype(float)
    changed = weekly.copy()
    changed[60:] = 1e6
    stops = np.array([20, 59, 60])
    for method in METHODS:
        whole, other = (walk(Weekly(units, np.ones(units.shape)), method, stops) for units in (weekly, changed))
        assert whole.tolist() == other.tolist(), method


def test_partial_bucket_is_left_out() -> None:
    """Ten days of history: the seven last make a week, the wild three before it do not count."""
    history = steady(np.array([2.0]), 10)
    wild = replace(history, quantity=np.where(history.day <= UNTIL - 7, 500.0, 2.0))
    assert rates_of(wild, catalogue(1)).mean[0, 0, 0] == pytest.approx(2.0)


def test_less_than_a_week_of_history_is_still_a_rate() -> None:
    """Three days of two a day."""
    assert rates_of(steady(np.array([2.0]), 3), catalogue(1)).mean[0, 0, 0] == pytest.approx(2.0)


def test_new_sku_gets_the_median_of_its_category() -> None:
    """Sisters sell 1, 2 and 9 a day: a SKU to be launched is taken for a 2, and its error is as wide as allowed."""
    history = steady(np.array([1.0, 2.0, 9.0]), 140)
    launch = np.array([np.nan, np.nan, np.nan, UNTIL + 1.0, UNTIL + 1.0])
    goods = Catalogue(np.array([0, 0, 0, 0, -1]), launch, np.full(5, np.nan))
    rates = rates_of(history, goods)
    assert rates.mean[3, 0] == pytest.approx([2.0, 2.0])
    assert rates.level_error[3] == MOST_ERROR
    assert rates.method[3:] == ("category", "none")
    assert rates.mean[4].max() == 0


def test_young_sku_is_drawn_towards_its_category() -> None:
    """Four weeks at 6 a day, category median 2: weight four weeks each, (6 + 2) / 2 = 4."""
    history = join(steady(np.array([2.0, 2.0, 2.0]), 140), replace(steady(np.array([6.0]), 28), sku=np.full(28, 3)))
    launch = np.array([np.nan, np.nan, np.nan, UNTIL - 27.0])
    rates = rates_of(history, Catalogue(np.zeros(4, dtype=int), launch, np.full(4, np.nan)))
    assert rates.mean[3, 0, 0] == pytest.approx(4.0)
    assert rates.method[3] == "shrunk"
    assert rates.level_error[3] > 0.6


def test_sku_without_orders_or_launch_has_no_demand() -> None:
    """No orders is zero demand, whatever its category sells."""
    rates = rates_of(steady(np.array([5.0]), 140), catalogue(2))
    assert rates.mean[1].max() == 0
    assert rates.method[1] == "none"


def test_parcels_are_shared_by_the_units_of_an_order() -> None:
    """Order 0: two of a, two of b (half a parcel each); order 1: one of a. u_a = 1.5 / 3, u_b = 0.5 / 2, u_c = 1."""
    sku, consignment, quantity = np.array([0, 1, 0]), np.array([0, 0, 1]), np.array([2.0, 2, 1])
    assert parcels_per_unit(consignment, sku, quantity, 3) == pytest.approx([0.5, 0.25, 1.0])


def test_planner_s_own_figures_are_final() -> None:
    """A row for all periods, one for the second, a stated spread; the error goes only where every cell is stated."""
    history = join(*(steady(np.array([2.0, 2.0]), 140, region) for region in (0, 1)))
    rates = rates_of(history, catalogue(2), 2)
    sku, region, period = np.array([0, 0, 0, 1]), np.array([0, 1, 1, 0]), np.array([-1, 1, -1, -1])
    own = override(rates, sku, region, period, np.array([5.0, 7.0, 6.0, 0.0]), np.array([3.0, np.nan, np.nan, np.nan]))
    assert own.mean[0] == pytest.approx(np.array([[5, 5], [6, 7]]))
    assert own.variance[0] == pytest.approx(np.array([[9, 9], [6, 7]]) * np.array([[1, 1]]))
    assert own.mean[1] == pytest.approx(np.array([[0, 0], [2, 2]]))
    assert own.level_error[0] == 0
    assert own.level_error[1] == rates.level_error[1] > 0
    assert own.method[0] == "given" != own.method[1]


def month_days(months: int) -> np.ndarray:
    """Every day of the ``months`` months up to the end of 2026."""
    return pd.date_range(end="2026-12-31", start=pd.Timestamp("2027-01-01") - pd.DateOffset(months=months)).to_numpy()


def season_index(months: int, rate: np.ndarray) -> np.ndarray:
    """Twelve indices from one category with ``rate`` a day, two lines a day."""
    day = np.repeat(month_days(months).astype("datetime64[D]").astype(int), 2)
    quantity = np.repeat(rate, 2) / 2
    return seasons(np.zeros(day.size, dtype=int), 1, day, quantity, int(day.min()), int(day.max()))[0]


def test_december_that_doubles_is_a_season() -> None:
    """Three years with twice the sales in December: against a ridge of one year about 3/4 of log 2 is kept."""
    dates = pd.DatetimeIndex(month_days(36))
    index = season_index(36, np.where(dates.month == 12, 2.0, 1.0))
    ratio = index[11] / index[:11].mean()
    assert 2**0.6 < ratio < 2**0.85
    assert index.mean() == pytest.approx(1.0)


def test_growth_is_not_a_season() -> None:
    """Sales that grow by the same factor every month have no season, after two years as after one."""
    for months in (12, 24):
        dates = pd.DatetimeIndex(month_days(months))
        number = (dates.year - 2020) * 12 + dates.month
        assert season_index(months, 1.05 ** number.to_numpy()) == pytest.approx(np.ones(12))


def test_the_month_after_a_peak_is_no_multiple_of_it() -> None:
    """One year that starts at the end of a peak and ends in the next, higher one: its first and last month are alike.

    Growth is ln(80 / 20) over the eleven months between January and December, so both lie on one line and differ by it
    alone; a line fitted through the summer would lift January over the December peak.
    """
    dates = pd.DatetimeIndex(month_days(12))
    rate = np.array([20, 5, 1, 1, 1, 1, 2, 5, 10, 40, 60, 80])[dates.month - 1]
    index = season_index(12, rate.astype(float))
    assert index[0] == pytest.approx(index[11])
    assert index[0] > 2 * index[5]


def test_no_season_from_less_than_a_year() -> None:
    """Eleven months, the last twice as high: no index at all."""
    dates = pd.DatetimeIndex(month_days(11))
    assert (season_index(11, np.where(dates.month == 12, 2.0, 1.0)) == 1).all()


def test_lines_outside_the_span_are_not_used() -> None:
    """Huge orders before the first and after the last usable day change nothing."""
    history = steady(np.array([2.0]), 140)
    strange = History(np.array([0, 0]), np.array([0, 0]), np.array([1, UNTIL + 1]), np.array([0, 1]), np.full(2, 1e6))
    plain = rates_of(history, catalogue(1), since=UNTIL - 139)
    assert rates_of(join(history, strange), catalogue(1), since=UNTIL - 139).mean.tolist() == plain.mean.tolist()


def test_bad_quantities_are_refused() -> None:
    """A negative or infinite quantity never reaches a forecast."""
    for bad in (-1.0, np.nan, np.inf):
        with pytest.raises(ValueError, match="quantities"):
            rates_of(steady(np.array([bad]), 14), catalogue(1))


def test_order_of_lines_and_skus_is_nothing() -> None:
    """Shuffled lines and relabelled SKUs give the same figures under the new names."""
    rng = np.random.default_rng(8)
    weekly = rng.negative_binomial(3, 0.2, (60, 120))
    history = sold(weekly)
    history = replace(history, region=rng.integers(0, 3, history.sku.size))
    category = rng.integers(-1, 4, 120)
    new = rng.permutation(120)  # new number of each SKU
    lines = rng.permutation(history.sku.size)
    shuffled = History(
        new[history.sku][lines],
        *(getattr(history, name)[lines] for name in ("region", "day", "consignment", "quantity")),
    )
    nothing = np.full(120, np.nan)
    plain = rates_of(history, Catalogue(category, nothing, nothing), 3)
    moved = rates_of(shuffled, Catalogue(category[np.argsort(new)], nothing, nothing), 3)
    assert moved.mean[new] == pytest.approx(plain.mean)
    assert moved.level_error[new] == pytest.approx(plain.level_error)


@pytest.mark.skipif(not (SHARED / "data/iowa_liquor").exists(), reason="no shared reference data beside the repository")
def test_held_out_months_of_a_real_trade() -> None:
    """2.6 million order lines, four months each from those before: totals within 5 % on average, covered as asked."""
    folder = SHARED / "data/iowa_liquor"
    orders = pd.read_csv(folder / "orders.csv.gz", dtype={"sku": str, "region": str, "order_id": str})
    skus = pd.read_csv(folder / "skus.csv.gz", dtype=str)
    orders = orders[orders["sku"].isin(skus["sku"])]  # 22 lines name SKUs the catalogue lacks
    history = History(
        pd.Index(skus["sku"]).get_indexer(orders["sku"]),
        pd.factorize(orders["region"], sort=True)[0],
        pd.to_datetime(orders["date"]).to_numpy("datetime64[D]").astype(int),
        pd.factorize(orders["order_id"])[0],
        orders["quantity"].to_numpy(float),
    )
    nothing = np.full(len(skus), np.nan)
    goods = Catalogue(pd.factorize(skus["category"])[0], nothing, nothing)
    misses = []
    for month in ("2021-07", "2021-08", "2021-09", "2021-10"):
        first = int(np.datetime64(month + "-01").astype(int))
        days = int((np.datetime64(month) + 1).astype("datetime64[D]").astype(int)) - first
        span = Span(int(history.day.min()), first - 1)
        rates = estimate(history, goods, span, Horizon(np.array([first]), np.array([days])), 26)
        actual = np.zeros((len(skus), 26))
        held = (history.day >= first) & (history.day < first + days)
        np.add.at(actual, (history.sku[held], history.region[held]), history.quantity[held])
        mean = days * rates.mean[:, :, 0]
        misses.append(mean.sum() / actual.sum() - 1)
        assert abs(mean.sum(axis=1) - actual.sum(axis=1)).sum() / actual.sum() < 0.33
        square = days * rates.variance[:, :, 0] + (rates.level_error[:, None] * mean) ** 2
        live = mean > 0
        p = np.minimum(mean[live] / square[live], 1 - 1e-9)
        quantile = stats.nbinom.ppf(0.95, mean[live] * p / (1 - p), p)
        assert 0.94 <= (actual[live] <= quantile).mean() <= 0.985
    assert np.mean(np.abs(misses)) < 0.05
    assert max(np.abs(misses)) < 0.08
