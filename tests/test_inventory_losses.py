"""Loss functions against published values, sums of probabilities and integrals of tails."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.integrate import quad

from models import distributions as laws

Pair = tuple[float, float]


def _gamma(r: float, shape: float, scale: float) -> Pair:
    mean, variance = shape * scale, shape * scale**2
    return float(laws.gamma_loss(r, mean, variance)), float(laws.gamma_complementary_loss(r, mean, variance))


def _negative_binomial(r: float, size: float, p: float) -> Pair:
    mean, variance = size * (1 - p) / p, size * (1 - p) / p**2
    return (
        float(laws.negative_binomial_loss(r, mean, variance)),
        float(laws.negative_binomial_complementary_loss(r, mean, variance)),
    )


def _normal(r: float, mean: float = 0.0, sd: float = 1.0) -> Pair:
    return float(laws.normal_loss(r, mean, sd)), float(laws.normal_complementary_loss(r, mean, sd))


FIRST_ORDER: dict[str, Callable[..., Pair]] = {
    "standard_normal_loss": _normal,
    "normal_loss": _normal,
    "poisson_loss": lambda r, m: (float(laws.poisson_loss(r, m)), float(laws.poisson_complementary_loss(r, m))),
    "gamma_loss": _gamma,
    "exponential_loss": lambda r, rate: _gamma(r, 1.0, 1.0 / rate),
    "negative_binomial_loss": _negative_binomial,
    "geometric_loss": lambda r, p: _negative_binomial(
        r - 1.0, 1.0, p
    ),  # trials = failures before the first success + 1
}
SECOND_ORDER = {name.replace("_loss", "_second_loss"): name for name in FIRST_ORDER}
COUNTED = {"poisson_loss", "negative_binomial_loss", "geometric_loss"}
NOT_USED = {"lognormal_loss", "uniform_loss", "uniform_second_loss"}  # no demand here has these distributions


def _second_order(name: str, r: float, parameters: list[float]) -> Pair:
    """E[(X - r)+^2] / 2 is the integral of the loss above r; in counts, E[(X - r)(X - r - 1)+] / 2 the sum of it."""
    loss = FIRST_ORDER[name]
    if name in COUNTED:
        above = sum(loss(r + step, *parameters)[0] for step in range(1, 1500))
        return above, sum(loss(point, *parameters)[1] for point in range(1, int(r) + 1))
    lowest = -40.0 if "normal" in name else 0.0
    below = quad(lambda x: loss(x, *parameters)[1], lowest, r, epsabs=1e-11, limit=200)[0]
    return quad(lambda x: loss(x, *parameters)[0], r, np.inf, epsabs=1e-11, limit=200)[0], below


@pytest.fixture(scope="module")
def published(shared: Path) -> list[dict[str, str]]:
    with (shared / "reference" / "loss_functions.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_first_order_losses_are_the_published_ones(published: list[dict[str, str]]) -> None:
    """Every published first-order loss of a distribution used here, and its complement, is met to 1e-9 relative."""
    seen: Counter[str] = Counter()
    for row in published:
        if row["function"] in FIRST_ORDER:
            found = FIRST_ORDER[row["function"]](*map(float, row["args"].split()))
            expected = (float(row["loss"]), float(row["complementary_loss"]))
            assert found == pytest.approx(expected, rel=1e-9, abs=1e-13), row
            seen[row["function"]] += 1
    assert set(seen) == set(FIRST_ORDER)
    assert seen["standard_normal_loss"] == 835


def test_second_order_losses_are_integrals_of_the_first(published: list[dict[str, str]]) -> None:
    """The published second-order losses are the sums or integrals of our first-order ones: these hold off the table."""
    rows = [row for row in published if row["function"] in SECOND_ORDER]
    for row in rows:
        r, *parameters = map(float, row["args"].split())
        found = _second_order(SECOND_ORDER[row["function"]], r, parameters)
        expected = (float(row["loss"]), float(row["complementary_loss"]))
        assert found == pytest.approx(expected, rel=1e-7, abs=1e-9), row
    assert len(rows) >= 16


def test_no_published_row_is_overlooked(published: list[dict[str, str]]) -> None:
    """Each of the 880 rows is either checked above or of a distribution that no demand here has."""
    assert len(published) == 880
    assert {row["function"] for row in published} <= set(FIRST_ORDER) | set(SECOND_ORDER) | NOT_USED


@settings(deadline=None)
@given(st.floats(0.01, 30.0), st.floats(1.001, 30.0), st.integers(0, 60))
def test_counted_losses_are_sums_of_probabilities(mean: float, ratio: float, r: int) -> None:
    """Closed forms of the negative binomial and Poisson losses equal the defining sums."""
    variance = mean * ratio
    x = np.arange(0, 5_000)
    excess = np.maximum(x - r, 0)
    masses = stats.nbinom.pmf(x, mean / (ratio - 1), 1 / ratio)
    assert laws.negative_binomial_loss(r, mean, variance) == pytest.approx(masses @ excess, rel=1e-8, abs=1e-11)
    assert laws.negative_binomial_mass(r, mean, variance) == pytest.approx(masses[r], rel=1e-9, abs=1e-300)
    assert laws.negative_binomial_survival(r, mean, variance) == pytest.approx(
        masses[r + 1 :].sum(), rel=1e-8, abs=1e-12
    )
    masses = stats.poisson.pmf(x, mean)
    assert laws.poisson_loss(r, mean) == pytest.approx(masses @ excess, rel=1e-8, abs=1e-12)


@settings(deadline=None)
@given(st.floats(0.05, 400.0), st.floats(0.01, 1000.0), st.floats(-3.0, 6.0))
def test_gamma_loss_is_the_integral_of_the_tail(shape: float, scale: float, deviations: float) -> None:
    """The closed form of the gamma loss equals the integral of P(X > x) above r."""
    x = max(0.0, shape + deviations * shape**0.5)
    tail = quad(lambda y: stats.gamma.sf(y, shape), x, x + 20, epsabs=1e-13, limit=400)[0]
    tail += quad(lambda y: stats.gamma.sf(y, shape), x + 20, np.inf, epsabs=1e-13, limit=400)[0]
    found = laws.gamma_loss(x * scale, shape * scale, shape * scale**2)
    assert found == pytest.approx(scale * tail, rel=1e-6, abs=1e-11 * scale)


@settings(deadline=None)
@given(st.floats(1e-9, 1e9), st.floats(1.0, 1e4), st.floats(0.0, 1e10))
def test_losses_are_finite_and_differ_by_the_mean(mean: float, ratio: float, r: float) -> None:
    """E[(X - r)+] - E[(r - X)+] = E[X] - r in every distribution, however small or large its shape."""
    for loss, complement, parameters in (
        (laws.gamma_loss, laws.gamma_complementary_loss, (mean, mean * ratio)),
        (laws.poisson_loss, laws.poisson_complementary_loss, (mean,)),
        (laws.normal_loss, laws.normal_complementary_loss, (mean, (mean * ratio) ** 0.5)),
    ):
        above, below = float(loss(r, *parameters)), float(complement(r, *parameters))
        assert above >= 0
        assert below >= 0
        assert above - below == pytest.approx(mean - r, rel=1e-9, abs=1e-9 * (mean + r))


def test_normal_loss_far_out_does_not_cancel() -> None:
    """Ten deviations out the loss is its asymptotic series density / z^2 (1 - 3/z^2 + 15/z^4 - ...), not rounding."""
    series = 1 - 3 / 1e2 + 15 / 1e4 - 105 / 1e6 + 945 / 1e8 - 10395 / 1e10
    assert laws.normal_loss(10.0) == pytest.approx(stats.norm.pdf(10.0) / 100 * series, rel=2e-6)
