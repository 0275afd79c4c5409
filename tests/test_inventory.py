"""The stock policy of section 6 as a whole: published numbers, laws, and the same answer however it is asked."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special, stats
from scipy.integrate import quad

from models import inventory
from models.distributions import gamma_loss, negative_binomial_loss, poisson_loss
from models.instance import Floats
from models.inventory import (
    Awaited,
    StockPolicy,
    average_stock,
    awaited_demand,
    lead_time_demand,
    order_quantity,
    paying_tail,
    reorder_point,
    spoiled_per_cycle,
    stock_policy,
    undershoot,
)

ORDER = (
    "flow", "variance", "lead_time", "lead_time_sd", "review_days", "level_error", "order_cost", "holding_cost", "moq",
    "pack_size", "max_cover_days", "shelf_life_days", "service_level", "fill",
)  # fmt: skip
PLAIN = (2.0, 6.0, 5.0, 1.0, 7.0, 0.1, 25.0, 2.5, 1.0, 1.0, 90.0, np.inf, 0.98, True)


def _cell(**changes: object) -> list:
    """Arguments of one ordinary cell, with some of them changed."""
    return [changes.get(name, value) for name, value in zip(ORDER, PLAIN, strict=True)]


def _random_cells(count: int, seed: int = 0) -> list[Floats]:
    rng = np.random.default_rng(seed)
    flow = np.where(rng.random(count) < 0.1, 0.0, np.exp(rng.normal(0, 2, count)))
    return [
        flow, flow * rng.uniform(0, 5, count), rng.uniform(0, 20, count), rng.choice([0.0, 1, 3], count),
        rng.choice([0.0, 1, 7, 14], count), rng.choice([0.0, 0.1, 0.3], count), rng.choice([0.0, 5, 25], count),
        rng.uniform(0.1, 20, count), rng.choice([1.0, 10, 100], count), rng.choice([1.0, 6, 12], count),
        np.full(count, 90.0), rng.choice([10.0, 60, np.inf], count), rng.choice([0.5, 0.9, 0.98, 0.9999], count),
        rng.random(count) < 0.6,
    ]  # fmt: skip


# Published numbers


def test_dell_spread_of_lead_time_demand_is_the_published_one(shared: Path) -> None:
    """Chopra & Meindl's Dell table: lead times of 7 days with sd 0 to 7 give the published standard deviations."""
    with (shared / "reference" / "textbook_cases.csv").open(newline="") as file:
        rows = [
            r for r in csv.DictReader(file) if r["id"].startswith("chopra_dell") and r["quantity"] != "safety_stock"
        ]
    assert len(rows) == 8
    for row in rows:
        sd = float(re.search(r"sL(\d)", row["id"])[1])
        _, variance = lead_time_demand(2500.0, 500.0**2, 7.0, sd)
        assert float(variance) ** 0.5 == pytest.approx(float(row["computed"]), abs=1e-3)
        assert round(float(variance) ** 0.5) == float(row["published"])


def test_economic_quantities_are_the_published_ones() -> None:
    """Silver, Pyke & Peterson's 400 units, and Rossi's 252.98 rounded up to whole units."""
    assert order_quantity(2400 / 365, 3.2, 0.4 * 0.24, 1.0, 1.0, 0.0, 1e4, np.inf) == 400.0
    assert order_quantity(2400 / 365, 3.2, 0.24, 1.0, 1.0, 0.0, 1e4, np.inf) == 253.0


def test_dell_safety_stock_is_the_published_one(shared: Path) -> None:
    """Chopra & Meindl's Dell table at 0.90 cycle service: gamma demand of little variation is normal demand."""
    with (shared / "reference" / "textbook_cases.csv").open(newline="") as file:
        rows = [
            r for r in csv.DictReader(file) if r["id"].startswith("chopra_dell") and r["quantity"] == "safety_stock"
        ]
    assert len(rows) == 8
    for row in rows:
        sd = float(re.search(r"sL(\d)", row["id"])[1])
        _, variance = lead_time_demand(2500.0, 500.0**2, 7.0, sd)
        mean = np.round(np.sqrt(variance) / 1.5e-6)  # skewness 3e-6 moves the reorder point by less than 0.006 units
        assert reorder_point(mean, variance, 0.0, 1.0, 0.9, False) - mean == np.ceil(float(row["computed"]))


@pytest.mark.parametrize(
    ("sd", "quantity", "rate", "expected"),
    [(707.106781, 10_000, 0.975, 66.6976), (11.4, 200, 0.99, 6.562873)],
)
def test_fill_rate_safety_stock_is_the_published_one(sd: float, quantity: float, rate: float, expected: float) -> None:
    """Chopra & Meindl's shop (67 units) and Silver, Pyke & Peterson's developing liquid (56.6 of a mean of 50).

    They let customers wait: (1 - rate) Q may be short, which with lost sales is the rate 1 / (2 - rate).
    """
    mean = np.round(sd / 1.5e-6)
    assert reorder_point(mean, sd**2, 0.0, quantity, 1 / (2 - rate), True) - mean == np.ceil(expected)


# Order quantity


def test_order_quantity_takes_bounds_in_order() -> None:
    """Cover caps the economic quantity, shelf life caps it further, MOQ and review override both, packs come last."""
    plain = {"flow": 2.0, "order_cost": 25.0, "holding_cost": 1.0, "moq": 1.0, "pack_size": 1.0}
    rest = {"review_days": 7.0, "max_cover_days": 1000.0, "shelf_life_days": np.inf}

    def quantity(**changes: float) -> float:
        return float(order_quantity(**{**plain, **rest, **changes}))

    assert quantity() == 192.0  # sqrt(2 x 2 x 365 x 25) = 191.05
    assert quantity(max_cover_days=60.0) == 120.0
    assert quantity(max_cover_days=60.0, shelf_life_days=30.0) == 30.0
    assert quantity(max_cover_days=60.0, shelf_life_days=30.0, moq=200.0) == 200.0
    assert quantity(shelf_life_days=4.0) == 14.0  # the review days' demand is ordered all the same
    assert quantity(pack_size=12.0) == 192.0
    assert quantity(pack_size=50.0) == 200.0
    assert quantity(order_cost=0.0) == 14.0
    assert quantity(holding_cost=0.0, max_cover_days=90.0) == 180.0
    assert quantity(flow=0.0) == 0.0
    assert quantity(flow=0.01, order_cost=0.0) == 1.0


def test_packs_tolerate_rounding_noise() -> None:
    """Three tenths summed in binary lie a hair above 0.3; ordered in packs of 0.1 they are three packs, not four."""
    assert order_quantity(0.1 + 0.2, 0.0, 1.0, 0.0, 0.3, 10.0, 90.0, np.inf) == pytest.approx(3.0)


@settings(deadline=None)
@given(st.floats(1e-6, 1e6), st.floats(0, 1e4), st.floats(1e-3, 1e3), st.integers(1, 1000), st.floats(1, 60))
def test_packs_round_upward_by_less_than_one(
    flow: float, cost: float, holding: float, pack: int, review: float
) -> None:
    """Rounding to packs only adds, less than a pack, and leaves a whole number of packs."""
    arguments = (flow, cost, holding, 1.0)
    loose = float(order_quantity(*arguments, 1e-6, review, 90.0, np.inf))  # packs too small to matter
    packed = float(order_quantity(*arguments, float(pack), review, 90.0, np.inf))
    assert packed == round(packed / pack) * pack
    assert loose - 2e-6 - 1e-9 * loose <= packed < loose + pack + 1e-9 * loose


# Spoilage


@settings(max_examples=60, deadline=None)
@given(st.floats(0.1, 50), st.floats(0.2, 30), st.floats(0, 0.5), st.floats(2, 200), st.floats(0.1, 3))
def test_spoilage_is_the_integral_of_what_is_left(
    flow: float, ratio: float, error: float, life: float, share: float
) -> None:
    """E[(peak - X)+] is the integral of P(X <= x) up to the peak, X gamma of the demand during the shelf life."""
    mean = life * flow
    variance = life * flow * ratio + (error * mean) ** 2
    peak = share * mean
    demand = stats.gamma(mean * mean / variance, scale=variance / mean)
    left = quad(demand.cdf, 0, peak, epsabs=1e-10, limit=400, points=[min(peak, mean) / 2])[0]
    found = spoiled_per_cycle(peak, 1e9, flow, flow * ratio, error, life)
    assert found == pytest.approx(left, rel=1e-6, abs=1e-8)


def test_spoilage_of_certain_demand_and_its_cap() -> None:
    """Demand of exactly 2 a day sells 20 of 26 units in ten days; no more than the order spoils; some keep for ever."""
    assert spoiled_per_cycle(26.0, 10.0, 2.0, 0.0, 0.0, 10.0) == 6.0
    assert spoiled_per_cycle(26.0, 5.0, 2.0, 0.0, 0.0, 10.0) == 5.0
    assert spoiled_per_cycle(19.0, 5.0, 2.0, 0.0, 0.0, 10.0) == 0.0
    assert spoiled_per_cycle(26.0, 5.0, 2.0, 0.0, 0.0, np.inf) == 0.0


# The bundle


def _part_by_part(cells: list[Floats], share: float, price: Floats) -> tuple[StockPolicy, Floats]:
    """What the functions say one by one of an order of some share of the usual one, and money a day."""
    flow, variance, lead, sd, review, error, cost, holding, moq, pack, cover, life, service, fill = cells
    awaited = awaited_demand(flow, variance, lead, sd, review, error)
    quantity = order_quantity(flow, cost, holding, moq, pack, review, cover, life, share)
    lift = quantity + (pack - 1) / 2
    tail = np.where(np.isfinite(life), 1.0, paying_tail(lift + awaited.wait, flow, holding, price))
    r = reorder_point(*awaited, lift, service, fill, tail)
    random = awaited.variance > 0
    order = np.where(random, lift + np.minimum(r, awaited.wait), quantity)
    short = np.where(random, _short(r, awaited), 0.0)
    safety = np.where(random, r - awaited.mean + short, 0.0)
    average = np.where(random, average_stock(r, lift, awaited.wait, short, flow, lead, review), quantity / 2)
    cycles = flow / (order + short)
    peak = np.maximum(safety + order, average)
    spoiled = spoiled_per_cycle(peak, order, flow, variance, error, life) * cycles
    per_day = holding / 365 * average + cost * cycles + 7.0 * spoiled + price * short * cycles
    return StockPolicy(quantity, r, safety, average, peak, r - safety, cycles, short * cycles, spoiled), per_day


def _short(r: Floats, awaited: Awaited) -> Floats:
    """E[(Z - r)+] by the closed forms of section 6."""
    m, s2 = awaited.mean, awaited.variance
    wide = np.maximum(s2, m * (1 + 1e-6))
    counted = np.where(s2 > m * (1 + 1e-9), negative_binomial_loss(r, m, wide), poisson_loss(r, m))
    return np.where(m <= 20 + 1e-9, counted, gamma_loss(r, m, np.maximum(s2, 1e-12)))


def test_policy_is_the_sum_of_its_parts() -> None:
    """Each field is what the functions say one by one for 5,000 random cells; perishables take the cheapest order."""
    cells = _random_cells(5000)
    cells = [values[cells[0] > 0] for values in cells]
    price = np.random.default_rng(5).choice([0.0, 3.0, 40.0], cells[0].size)
    policy = stock_policy(*cells, price, 7.0, True)
    tried = [_part_by_part(cells, share, price) for share in (1.0, 0.75, 0.5, 0.25)]
    best = np.where(np.isfinite(cells[11]), np.argmin([cost for _, cost in tried], axis=0), 0)
    assert np.bincount(best, minlength=4).min() > 20
    made = np.array([np.choose(best, [np.asarray(way[at]) for way, _ in tried]) for at in range(len(policy))])
    for name, found, expected in zip(StockPolicy._fields, policy, made, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=2e-5, err_msg=name)
    np.testing.assert_array_equal(policy.quantity, made[0])
    np.testing.assert_array_equal(policy.reorder_point, made[1])


def test_stock_above_the_service_is_worth_its_price() -> None:
    """Of all reorder points that keep the service, the one chosen costs within 2 % of the cheapest, by enumeration."""
    rng = np.random.default_rng(11)
    for _ in range(60):
        cell = _cell(
            flow=float(np.exp(rng.normal(0, 1))), variance=float(rng.uniform(1, 20)), level_error=0.2,
            holding_cost=float(rng.uniform(0.2, 4)), service_level=0.9, order_cost=float(rng.choice([5, 25])),
        )  # fmt: skip
        price = float(rng.choice([1.0, 5.0, 20.0]))
        flow, variance, lead, sd, review, error, _, holding = cell[:8]
        floor, chosen = stock_policy(*cell), stock_policy(*cell, price, 0.0, True)
        assert chosen.reorder_point >= floor.reorder_point
        r = np.arange(float(floor.reorder_point), float(chosen.reorder_point) + 200)
        awaited = Awaited(
            *(np.full(r.size, value) for value in awaited_demand(flow, variance, lead, sd, review, error))
        )
        short, lift = _short(r, awaited), float(chosen.quantity)
        cycles = flow / (lift + np.minimum(r, awaited.wait) + short)
        average = average_stock(r, lift, awaited.wait, short, flow, lead, review)
        cost = holding / 365 * average + price * short * cycles
        assert cost[int(chosen.reorder_point - floor.reorder_point)] <= 1.02 * cost.min() + 1e-9


def test_no_flow_is_all_zeros() -> None:
    """A cell without flow keeps nothing, whatever its other figures; so does an array of them."""
    assert all(field == 0 for field in stock_policy(*_cell(flow=0.0, variance=3.0, holding_cost=0.0)))
    many = stock_policy(*_cell(flow=np.zeros((2, 3)), shelf_life_days=10.0))
    assert all(field.shape == (2, 3) and not field.any() for field in many)


def test_broadcasting_and_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every cell gets bit for bit the same policy alone, in an array of any shape, and in blocks of any size."""
    cells = _random_cells(240, seed=5)
    whole = stock_policy(*cells)
    single = stock_policy(*(values[17] for values in cells))
    assert all(one == many[17] for one, many in zip(single, whole, strict=True))
    monkeypatch.setattr(inventory, "BLOCK", 7)
    cubes = stock_policy(*(values.reshape(4, 1, 60) for values in cells))
    for cube, flat in zip(cubes, whole, strict=True):
        assert cube.shape == (4, 1, 60)
        np.testing.assert_array_equal(cube.ravel(), flat)
    outer = stock_policy(*_cell(flow=np.array([[1.0], [2.0]]), service_level=np.array([0.9, 0.95, 0.99])))
    assert outer.quantity.shape == (2, 3)
    assert outer.reorder_point[1, 2] == stock_policy(*_cell(flow=2.0, service_level=0.99)).reorder_point


def test_empty_arrays_give_empty_policies() -> None:
    """No cells are no error."""
    assert stock_policy(*_cell(flow=np.zeros((0, 4)))).peak.shape == (0, 4)


def test_wide_figures_stay_finite() -> None:
    """Flows of 1e-9 to 1e9, dispersions to 1e4 and shelf lives of a day to ten years raise no alarm but underflow."""
    rng = np.random.default_rng(9)
    count = 20_000
    flow = 10 ** rng.uniform(-9, 9, count)
    cells = _random_cells(count, seed=9)
    cells[0], cells[1] = flow, flow * 10 ** rng.uniform(0, 4, count)
    cells[11] = 10 ** rng.uniform(0, 3.6, count)
    with np.errstate(all="raise", under="ignore"):
        policy = stock_policy(*cells)
    assert all(np.isfinite(field).all() and (field >= 0).all() for field in policy)
    assert (policy.spoiled_per_day <= flow * (1 + 1e-12)).all()


# Laws of safety stock


@settings(max_examples=150, deadline=None)
@given(
    st.floats(1e-3, 1e4), st.floats(0, 100), st.floats(0, 30), st.floats(0, 5), st.floats(0, 14), st.floats(0, 0.5),
    st.floats(0.5, 0.9999), st.booleans(),
)  # fmt: skip
def test_safety_stock_is_never_negative_and_reorder_point_is_what_sells_plus_it(
    flow: float, ratio: float, lead: float, sd: float, review: float, error: float, service: float, fill: bool
) -> None:
    """SS >= 0, what sells until the delivery is >= 0 and at most its demand, and r is the sum of both."""
    policy = stock_policy(*_cell(
        flow=flow, variance=flow * ratio, lead_time=lead, lead_time_sd=sd, review_days=review, level_error=error,
        service_level=service, fill=fill,
    ))  # fmt: skip
    awaited = awaited_demand(flow, flow * ratio, lead, sd, review, error)
    assert policy.safety_stock >= 0
    assert 0 <= policy.lead_time_demand <= awaited.mean * (1 + 1e-9)
    assert policy.reorder_point == pytest.approx(policy.lead_time_demand + policy.safety_stock, rel=1e-14)


@pytest.mark.parametrize("fill", [True, False])
def test_no_variance_needs_no_safety_stock(fill: bool) -> None:
    """Constant demand, constant lead time and a sure forecast: SS = 0 exactly and r = m, whole or not."""
    flow = np.array([0.013, 0.7, 3.3, 170.0])
    policy = stock_policy(*_cell(flow=flow, variance=0.0, lead_time_sd=0.0, level_error=0.0, fill=fill))
    assert not policy.safety_stock.any()
    np.testing.assert_array_equal(policy.reorder_point, policy.lead_time_demand)


@settings(max_examples=100, deadline=None)
@given(st.floats(0.01, 1000), st.floats(1, 50), st.floats(0.5, 0.999), st.floats(1.0, 2.0))
def test_safety_stock_grows_with_service_spread_and_lead_time(
    flow: float, ratio: float, service: float, more: float
) -> None:
    """Under fill service, more service or lead-time spread never lowers it.

    More variance (by the undershoot), lead time, or an unsurer level raises the mean as well, so that rounding up
    moves: within one unit.
    """
    plain = {"flow": flow, "variance": flow * ratio, "service_level": service}
    base = stock_policy(*_cell(**plain)).safety_stock
    for change in ({"service_level": 1 - (1 - service) / more}, {"lead_time_sd": more}):
        assert stock_policy(*_cell(**{**plain, **change})).safety_stock >= base
    for change in ({"variance": flow * ratio * more}, {"lead_time": 5.0 * more}, {"level_error": 0.1 * more}):
        assert stock_policy(*_cell(**{**plain, **change})).safety_stock > base - 1 - 1e-6


@settings(max_examples=100, deadline=None)
@given(st.lists(st.floats(0.05, 200), min_size=2, max_size=6), st.floats(1, 20), st.sampled_from([0.9, 0.95, 0.99]))
def test_pooling_never_needs_more_than_apart(flows: list[float], ratio: float, service: float) -> None:
    """One node for several regions needs no more safety stock than a node for each, but for one unit of rounding."""
    flow = np.array(flows)
    apart = stock_policy(*_cell(flow=flow, variance=ratio * flow, service_level=service, fill=False))
    pooled = stock_policy(*_cell(flow=flow.sum(), variance=ratio * flow.sum(), service_level=service, fill=False))
    assert pooled.safety_stock <= apart.safety_stock.sum() + 1.0


def test_pooled_spread_is_the_square_root_law() -> None:
    """Four equal independent regions have twice, not four times, the deviation of one; a shared error does not pool."""
    one, four = (awaited_demand(rate, rate, 14.0, 0.0, 0.0, 0.0).variance for rate in (25 / 7, 100 / 7))
    assert four**0.5 == pytest.approx(2 * one**0.5)
    one, four = (awaited_demand(rate, 0.0, 14.0, 0.0, 0.0, 0.2).variance for rate in (25 / 7, 100 / 7))
    assert four**0.5 == pytest.approx(4 * one**0.5)


def test_policy_is_homogeneous_in_units() -> None:
    """Pieces counted in dozens of millionths: all quantities times 1e6 give reorder points times 1e6 up to rounding.

    Demand comes piece by piece, so that half a piece here and there does not grow along.
    """
    flow, ratio = np.array([0.5, 3.0, 40.0, 900.0]) * 100, 0.3
    variance = (ratio * flow) ** 2
    small = stock_policy(*_cell(flow=flow, variance=variance, moq=1.0, order_cost=25.0))
    large = stock_policy(*_cell(flow=flow * 1e6, variance=variance * 1e12, moq=1e6, holding_cost=2.5e-6))
    np.testing.assert_allclose(large.quantity, small.quantity * 1e6, atol=1e6)
    np.testing.assert_allclose(large.reorder_point, small.reorder_point * 1e6, atol=3e6)


def test_service_promised_is_service_given() -> None:
    """Over 200,000 simulated cycles the share served is the promise within noise, and one unit less would not do."""
    policy = stock_policy(*_cell(flow=8.0, variance=60.0, service_level=0.95))
    m, s2, wait = (float(value) for value in awaited_demand(8.0, 60.0, 5.0, 1.0, 7.0, 0.1))
    demand = np.random.default_rng(1).gamma(m * m / s2, s2 / m, 200_000)
    short = np.maximum(demand - policy.reorder_point, 0)
    noise = 4 * short.std() / short.size**0.5
    order = policy.quantity + min(wait, float(policy.reorder_point))
    allowed = order / 19
    assert short.mean() <= allowed + noise
    slack = special.gammaincc(m * m / s2, policy.reorder_point * m / s2)  # what one unit less would add
    assert short.mean() + 1.1 * slack + noise > allowed
    assert float(policy.short_per_day) == pytest.approx(8.0 * short.mean() / (order + short.mean()), abs=noise / 5)


# From the reorder point to the delivery


@pytest.mark.parametrize(("flow", "ratio", "review"), [(3.0, 1.0, 7.0), (0.4, 5.0, 14.0), (2.0, 2.5, 1.0)])
def test_undershoot_has_the_moments_of_its_distribution(flow: float, ratio: float, review: float) -> None:
    """P(U = j) = P(D > j) / E[D], D the demand between reviews: mean and variance summed term by term."""
    mean = flow * review
    law = stats.nbinom(mean / (ratio - 1), 1 / ratio) if ratio > 1 else stats.poisson(mean)
    j = np.arange(5000)
    p = law.sf(j) / mean
    assert p.sum() == pytest.approx(1)
    u, variance = undershoot(flow, flow * ratio, review)
    assert u == pytest.approx((j * p).sum())
    assert variance == pytest.approx((j * j * p).sum() - (j * p).sum() ** 2)


def test_awaited_demand_by_hand() -> None:
    """2 a day, variance 6, L = 5, sd 1, R = 7, eps 0.1: d = 2, u = (14 + 2) / 2 = 8, E[U(U-1)] = 16 x 18 / 3 = 96, so
    with g = 8.5 x 2 m = 10 + 8 + 0.01 g and s2 = 30 + 4 + (96 + 8 - 64) + (0.1 g)^2 1.01 = 76.9189."""
    m, s2, wait = awaited_demand(2.0, 6.0, 5.0, 1.0, 7.0, 0.1)
    assert m == pytest.approx(18.17)
    assert wait == 8
    assert s2 == pytest.approx(76.9189)


def test_average_stock_of_unit_demand_is_the_published_one(shared: Path) -> None:
    """(r, Q) with Poisson demand looked at without pause (Hopp & Spearman's example and two more): the published mean
    stock is position less lead-time demand plus back-orders; without shortage ours is the same less the back-orders."""
    with (shared / "reference" / "textbook_cases.csv").open(newline="") as file:
        rows = [r for r in csv.DictReader(file) if r["id"].startswith("poisson_rQ")]
    assert len(rows) == 3
    for row in rows:
        mean, quantity, point = (float(part) for part in row["id"].split("_")[2:])
        _, owed, stock = (float(part) for part in row["computed"].split(";"))
        found = average_stock(point, quantity, 0.0, 0.0, mean / 4.0, 4.0, 0.0)
        assert found == pytest.approx(stock - owed, abs=1e-6)
