"""Reorder points against direct summation, numerical integration and the laws they must keep."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.integrate import quad

from models import reorder
from models.distributions import gamma_loss
from models.instance import Bools, Floats
from models.inventory import reorder_point

services = st.floats(0.5, 0.9999)


def _shortfalls(mean: float, variance: float, fill: bool, points: int) -> Floats:
    """Loss or tail at 0, 1, 2, ... from the probabilities alone, summed from the far end so that nothing cancels."""
    x = np.arange(points)
    masses = stats.poisson.pmf(x, mean)
    if variance > mean * (1 + 1e-9):
        masses = stats.nbinom.pmf(x, mean * mean / (variance - mean), mean / variance)
    tail = np.append(np.cumsum(masses[::-1])[::-1][1:], 0.0)
    return np.cumsum(tail[::-1])[::-1] if fill else tail


@settings(max_examples=200, deadline=None)
@given(
    st.floats(0.001, 20.0), st.floats(0.5, 40.0), st.integers(1, 500), st.floats(0, 1), services, st.booleans(),
)  # fmt: skip
def test_counted_reorder_point_is_the_smallest_by_direct_summation(
    mean: float, ratio: float, quantity: int, waits: float, service: float, fill: bool
) -> None:
    """No smaller integer from 0 on keeps the service, and this one does: probabilities summed one by one."""
    found = int(reorder_point(mean, mean * ratio, waits * mean, quantity, service, fill))
    shortfall = _shortfalls(mean, mean * ratio, fill, 20_000)
    assert shortfall[found] <= _allowed(found, quantity, waits * mean, service, fill) + 1e-11
    assert found == 0 or shortfall[found - 1] > _allowed(found - 1, quantity, waits * mean, service, fill) - 1e-11


def _allowed(r: float, quantity: float, wait: float, service: float, fill: bool) -> float:
    """Units short or probability allowed: served / (served + short) is the service when an order is Q + min(u, r)."""
    return (1 / service - 1) * (quantity + min(wait, r)) if fill else 1 - service


@settings(max_examples=15, deadline=None)
@given(st.floats(0.1, 20.0), st.floats(300.0, 1e4), services, st.booleans())
def test_counted_reorder_point_far_out_is_the_smallest(mean: float, ratio: float, service: float, fill: bool) -> None:
    """The same where the demand is so lumpy that the sum is not taken term by term."""
    found = int(reorder_point(mean, mean * ratio, 0.0, 20.0, service, fill))
    target = _allowed(0.0, 20.0, 0.0, service, fill)
    shortfall = _shortfalls(mean, mean * ratio, fill, 400_000)
    assert shortfall[found] <= target * (1 + 1e-8) + 1e-11
    assert found == 0 or shortfall[found - 1] > target * (1 - 1e-8) - 1e-11


def _gamma_shortfall(r: float, mean: float, variance: float, fill: bool) -> float:
    demand = stats.gamma(mean * mean / variance, scale=variance / mean)
    if not fill:
        return float(demand.sf(r))
    knots = r + np.sqrt(variance) * np.array([0.0, 1, 3, 10, 40, 200])
    return sum(quad(demand.sf, a, b, epsabs=1e-13, epsrel=1e-10)[0] for a, b in pairwise(knots))


@settings(max_examples=150, deadline=None)
@given(
    st.floats(20.1, 3000.0), st.floats(0.02, 3.5), st.floats(1.0, 1e4), st.floats(0, 1), services, st.booleans(),
)  # fmt: skip
def test_gamma_reorder_point_is_the_smallest_by_integration(
    mean: float, variation: float, quantity: float, waits: float, service: float, fill: bool
) -> None:
    """The integer keeps the service and the one below it does not, the loss taken as the integral of the tail."""
    variance = (variation * mean) ** 2
    found = float(reorder_point(mean, variance, waits * mean, quantity, service, fill))
    target = _allowed(found, quantity, waits * mean, service, fill)
    slack = 3e-6 * (1.0 if fill else 1.0 / np.sqrt(variance)) + 1e-9 * target
    assert found == int(found)
    assert _gamma_shortfall(found, mean, variance, fill) <= target + slack
    if found > 0:
        before = _allowed(found - 1, quantity, waits * mean, service, fill)
        assert _gamma_shortfall(found - 1, mean, variance, fill) > before - slack


@pytest.mark.parametrize("fill", [True, False])
def test_tables_start_close(fill: bool) -> None:
    """Between its grid points the table's k is nearly always within 2e-5 of the k whose loss or tail is the aim, so
    that the exact formulas seldom look further; never is it 0.005 away, not even where demand is lumpy and r near 0."""
    rng = np.random.default_rng(11)
    variation = np.concatenate([rng.uniform(1e-4, 0.1, 20_000), rng.uniform(1e-4, reorder.MOST_VARIATION, 60_000)])
    k = rng.uniform(np.maximum(-3.0, -1 / variation), np.where(np.arange(variation.size) % 3 == 0, 0.3, 9.0))
    if fill:
        loss = gamma_loss(np.maximum(k + 1 / variation, 0), 1 / variation, np.ones(k.size))
        aim = np.log(np.expm1(np.maximum(loss, 1e-300)))
        inside = (aim >= reorder.LEAST_AIM) & (aim <= reorder.MOST_AIM)
    else:
        tail = stats.gamma.sf(1 / variation**2 + k / variation, 1 / variation**2)
        aim = stats.norm.isf(tail)
        inside = (aim >= 0) & (aim <= reorder.MOST_SCORE)
    table = reorder._fill_table() if fill else reorder._cycle_table()
    error = np.abs(reorder._interpolated(table, variation[inside], aim[inside]) - k[inside])
    assert inside.sum() > 20_000
    assert np.quantile(error, 0.97) < 2e-5
    assert error.max() < 5e-3


def test_exact_ties_count_as_met() -> None:
    """Geometric demand of mean 1 has P(X > r) = 2^-(r + 1) and loss 2^-r, so powers of 1/2 are met with equality."""
    assert reorder_point(1.0, 2.0, 0.0, 1.0, 0.75, False) == 1.0
    assert reorder_point(1.0, 2.0, 0.0, 1.0, 0.875, False) == 2.0
    assert reorder_point(1.0, 2.0, 0.0, 1.0, 0.8, True) == 2.0
    assert reorder_point(1.0, 2.0, 0.0, 2.0, 0.8, True) == 1.0


def test_rounding_noise_in_a_mean_of_twenty_is_no_unit() -> None:
    """20 is counted however it was summed."""
    assert reorder_point(20.0 + 4e-15, 60.0, 0.0, 30.0, 0.98, True) == reorder_point(20.0, 60.0, 0.0, 30.0, 0.98, True)


def test_constant_demand_is_covered_exactly() -> None:
    """Demand without variance needs its mean, whole or not; 1e-12 of the squared mean is where variance begins."""
    assert reorder_point(7.3, 0.0, 0.0, 5.0, 0.99, True) == 7.3
    assert reorder_point(1e6 + 0.5, 0.9, 0.0, 5.0, 0.99, False) == 1e6 + 0.5
    assert reorder_point(7.3, 0.9e-12 * 7.3**2, 0.0, 5.0, 0.99, False) == 7.3
    assert reorder_point(7.3, 1.1e-12 * 7.3**2, 0.0, 5.0, 0.99, False) == stats.poisson.ppf(0.99, 7.3)


def test_less_variance_than_poisson_is_poisson() -> None:
    """Counted demand varies no less than Poisson: 2 units at 0.9 need 4, as P(X <= 3) = 0.857, P(X <= 4) = 0.947."""
    assert reorder_point(2.0, 0.5, 0.0, 1.0, 0.9, False) == 4.0
    assert reorder_point(2.0, 2.0, 0.0, 1.0, 0.9, False) == 4.0
    assert reorder_point(2.0, 2.0 * (1 + 1e-8), 0.0, 1.0, 0.9, False) == 4.0


def test_large_orders_are_placed_when_the_shelf_is_empty() -> None:
    """Where all that is asked for until the delivery may be lost, r is 0, in every distribution."""
    mean = np.array([0.3, 7.0, 19.5, 20.5, 1234.25, 1e8])
    assert not reorder_point(mean, 4 * mean, 0.0, 1e10, 0.95, True).any()


@pytest.mark.parametrize(
    ("mean", "sd", "quantity", "service", "expected"),
    [(100, 120, 50, 0.95, 473.643290), (100, 50, 200, 0.99, 189.521087), (40, 25, 60, 0.95, 65.428386)],
)
def test_gamma_fill_rate_is_the_reference_rounded_up(
    mean: float, sd: float, quantity: float, service: float, expected: float
) -> None:
    """Reorder points of the classical gamma fill rate (Burgin; Silver, Pyke & Thomas 2016, p. 311), rounded up.

    Customers wait there: (1 - service) Q may be short, which with lost sales is the service 1 / (2 - service).
    """
    assert reorder_point(mean, sd**2, 0.0, quantity, 1 / (2 - service), True) == np.ceil(expected)


def _wide_cells(count: int) -> tuple[Floats, Floats, Floats, Floats, Bools]:
    rng = np.random.default_rng(3)
    mean = 10 ** rng.uniform(-9, 9, count)
    variance = mean * 10 ** rng.uniform(0, 4, count)
    return mean, variance, 10 ** rng.uniform(0, 9, count), rng.uniform(0.5, 0.9999, count), rng.random(count) < 0.5


def test_every_finite_cell_has_a_finite_reorder_point() -> None:
    """Means of 1e-9 to 1e9, dispersions of 1 to 1e4, orders of 1 to 1e9 raise no floating-point alarm but underflow."""
    mean, variance, quantity, service, fill = _wide_cells(20_000)
    with np.errstate(all="raise", under="ignore"):
        found = reorder_point(mean, variance, 0.5 * mean, quantity, service, fill)
    assert np.isfinite(found).all()
    assert (found >= 0).all()
    assert (found == np.floor(found)).all()


@settings(max_examples=200, deadline=None)
@given(
    st.floats(1e-3, 1e5),
    st.floats(1.0, 1e3),
    st.floats(1.0, 1e5),
    services,
    services,
    st.floats(1.0, 3.0),
    st.booleans(),
)
def test_reorder_point_grows_with_service_and_spread(
    mean: float, ratio: float, quantity: float, one: float, other: float, wider: float, fill: bool
) -> None:
    """More fill service, or more variance, never lowers the reorder point; cycle service keeps the first law.

    (The second does not hold of cycle service: a more skewed demand can have a lower quantile, as medians show.)
    """
    low, high = sorted((one, other))
    variance = mean * ratio
    points = reorder_point(mean, variance, 0.0, quantity, np.array([low, high]), fill)
    assert points[0] <= points[1]
    if fill:
        assert reorder_point(mean, variance * wider, 0.0, quantity, high, True) >= points[1]


def test_beyond_whole_numbers_the_search_ends() -> None:
    """A reorder point above 2^53, where floats have gaps of more than one, is found within those gaps and in time."""
    assert reorder_point(1e17, 1e36, 0.0, 1.0, 0.95, True) > 1e17
