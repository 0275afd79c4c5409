"""The simulator against inventory theory: loss systems, base stock, and published (r, Q) fill rates.

Each SKU of a one-node network is a replication of its own. A figure must lie within four standard errors, which the
replications give. An order sees the sales of the lead time up to its own moment, on average half a day before the
evening: demand is scaled so that the published lead-time demand is that of lead time - 1/2 day.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from scipy.integrate import quad

from models.simulation import Options, OrderLines, Simulation, simulate

from .worlds import network, opening, rules

REPLICATIONS = 160
BAND = 4.0  # standard errors


class Watch:
    """Counts from a warm day on: demand, sales off the shelf, back-orders and stock each evening, by replication."""

    def __init__(self, warm: int, size: int) -> None:
        self.warm, self.days, self.rows = warm, 0, slice(0, size)
        self.before: tuple[np.ndarray, np.ndarray] | None = None
        self.none_owed, self.owed, self.stock = np.zeros((3, size))
        self.world: Simulation | None = None

    def __call__(self, day: int, world: Simulation) -> None:
        """Look at an evening."""
        self.world = world
        if day < self.warm:
            self.before = world.tally.sku["ordered"].copy(), world.tally.sku["at_once"].copy()
            return
        owed = np.bincount(world.customers.cell, world.customers.units, len(self.owed))
        self.days += 1
        self.none_owed += owed < 1e-6
        self.owed += owed
        self.stock += world.shelves.on_hand[:-1]

    def of(self, number: int) -> Watch:
        """What was seen of one case among those that were simulated together."""
        part = copy(self)
        part.rows = slice(number * REPLICATIONS, (number + 1) * REPLICATIONS)
        return part

    def _sales(self) -> tuple[np.ndarray, np.ndarray]:
        """Units ordered and units sold off the shelf, by replication."""
        sku = self.world.tally.sku
        return (sku["ordered"] - self.before[0])[self.rows], (sku["at_once"] - self.before[1])[self.rows]

    def fill(self) -> tuple[float, float]:
        """Fill rate and its standard error (ratio estimator)."""
        ordered, sold = self._sales()
        rate = sold.sum() / ordered.sum()
        error = (sold - rate * ordered).std(ddof=1) * np.sqrt(REPLICATIONS) / ordered.sum()
        return float(rate), float(error)

    def fills(self) -> np.ndarray:
        """Fill rate of each replication; 1 where nothing was asked for."""
        ordered, sold = self._sales()
        return np.divide(sold, ordered, out=np.ones(REPLICATIONS), where=ordered > 0)

    def mean(self, name: str) -> tuple[float, float]:
        """Mean of a daily count over days and replications, and its standard error."""
        daily = getattr(self, name)[self.rows] / self.days
        return float(daily.mean()), float(daily.std(ddof=1) / np.sqrt(REPLICATIONS))


@dataclass(frozen=True)
class Policy:
    """A case to simulate: its demand, reorder point, order quantity and spread of the lead time."""

    draw: Callable[[np.random.Generator, tuple[int, int]], np.ndarray]
    r: float
    q: float
    lead_sd: float = 0.0


def _live(policies: Sequence[Policy], lead: float, days: int, **options: bool) -> list[Watch]:
    """Simulate the replications of all policies side by side, without review pause; the first fifth of the days is not
    counted. SKUs have nothing to do with each other, so that it is the same as one policy after the other."""

    def each(name: str) -> np.ndarray:
        return np.repeat([getattr(policy, name) for policy in policies], REPLICATIONS)

    size, r, q = REPLICATIONS * len(policies), each("r"), each("q")
    sd = each("lead_sd")[:, None]
    world = network(size, days=days, lead_time=lead, lead_time_sd=sd, review_days=0, weight_kg=0.0)
    quantity = np.concatenate([policy.draw(np.random.default_rng(7), (REPLICATIONS, days)) for policy in policies])
    sku, day = np.nonzero(quantity > 0)
    lines = OrderLines(day, np.arange(len(day)), sku, np.zeros(len(day), dtype=np.int64), quantity[sku, day])
    start = opening(*((k, 0, float(r[k] + q[k])) for k in range(size)))
    watch = Watch(days // 5, size)
    plan = rules(world, r[:, None, None], q[:, None, None])
    simulate(world, plan, lines, start, 0, days - 1, 3, Options(fixed_lots=True, **options), watch)
    return [watch.of(number) for number in range(len(policies))]


def erlang_loss(servers: int, load: float) -> float:
    """Erlang's B by its recursion B(s) = a B(s-1) / (s + a B(s-1)); B(2, 1) = 0.2 by hand."""
    loss = 1.0
    for s in range(1, servers + 1):
        loss = load * loss / (s + load * loss)
    return loss


def test_erlang_recursion_by_hand() -> None:
    """a = 1, 2 servers: (1/2) / (1 + 1 + 1/2) = 0.2."""
    assert erlang_loss(2, 1.0) == pytest.approx(0.2)


def test_base_stock_with_lost_sales_is_a_loss_system() -> None:
    """Poisson demand, base stock s, lost sales: the units on order are a M/G/s/s system, whose loss is Erlang's B with
    load rate x lead time, whatever the distribution of the lead time (Karush 1957)."""
    cases = [(5, 0.0), (5, 40.0), (2, 0.0), (8, 20.0)]  # base stock, standard deviation of the lead time
    lead, load = 80.0, 4.0
    demand = partial(_poisson, load / (lead - 0.5))
    seen = _live([Policy(demand, stock - 1, 1, sd) for stock, sd in cases], lead, 1200)
    for (stock, sd), watch in zip(cases, seen, strict=True):
        fill, error = watch.fill()
        assert error < 0.006, (stock, sd)
        assert abs(fill - (1 - erlang_loss(stock, load))) < BAND * error, (stock, sd)


def test_base_stock_with_back_orders_is_poisson() -> None:
    """Poisson demand, base stock s, back-orders: net stock is s - Poisson(rate x lead time), so nobody waits in the
    evening with probability P(X <= s), and stock and back-orders are E[(s - X)+] and E[(X - s)+]."""
    lead, rate, stocks = 20.0, 0.2, (3, 6)
    seen = _live([Policy(partial(_poisson, rate), s - 1, 1) for s in stocks], lead, 900, backorders=True)
    x = np.arange(200)
    p = stats.poisson.pmf(x, lead * rate)
    for stock, watch in zip(stocks, seen, strict=True):
        expected = {
            "none_owed": stats.poisson.cdf(stock, lead * rate),
            "stock": (np.maximum(stock - x, 0) * p).sum(),
            "owed": (np.maximum(x - stock, 0) * p).sum(),
        }
        for name, value in expected.items():
            mean, error = watch.mean(name)
            assert error < 0.05 * max(value, 0.3), (stock, name)
            assert abs(mean - value) < BAND * error, (stock, name)


def _published(shared: Path, prefix: str) -> list[tuple[list[float], str]]:
    with (shared / "reference" / "textbook_cases.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["id"].startswith(prefix)]
    return [([float(part) for part in re.findall(r"=?\b(\d+\.?\d*)\b", row["id"].replace("_", " "))], row["computed"])
            for row in rows if "approximation" not in row["topic"]]  # fmt: skip


LEAD = 40  # days; the published lead-time demand is that of the last 39.5
COARSE = 0.004  # what days instead of moments, and strata instead of all rates, may add


def _strata(quantiles: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """(REPLICATIONS, 1) rates a day: lead-time demand at evenly spaced quantiles, spread over the lead time."""
    return quantiles((np.arange(REPLICATIONS) + 0.5) / REPLICATIONS)[:, None] / (LEAD - 0.5)


def _steady(rates: np.ndarray, rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    return np.broadcast_to(np.maximum(rates, 0.0), shape)


def _poisson(rates: float | np.ndarray, rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    return rng.poisson(rates, shape).astype(float)


def test_normal_demand_reaches_the_published_fill_rate(shared: Path) -> None:
    """Silver, Pyke & Peterson's developing liquid: lead-time demand N(50, 11.4^2), Q = 200, s = 56.6 gives P2 = 0.99.

    Each replication has a steady rate of its own, so that the lead-time demands of all of them are normal.
    """
    with (shared / "reference" / "textbook_cases.csv").open(newline="") as file:
        row = next(r for r in csv.DictReader(file) if r["id"] == "spp_midas_P2" and r["quantity"] == "s")
    rates = _strata(stats.norm(50, 11.4).ppf)
    (watch,) = _live([Policy(partial(_steady, rates), float(row["computed"]), 200)], LEAD, 1500, backorders=True)
    assert watch.fills().mean() == pytest.approx(0.99, abs=COARSE / 2)


def test_gamma_demand_reaches_the_published_fill_rates(shared: Path) -> None:
    """Burgin's gamma fill rate [E(X-r)+ - E(X-r-Q)+] / Q (Silver, Pyke & Thomas 2016, p. 311): the reorder points
    published as exact for a target reach it. Rates as in the test of normal demand."""
    cases = _published(shared, "gamma_P2")
    assert len(cases) == 4
    policies = []
    for (mean, sd, q, _), point in cases:
        rates = _strata(stats.gamma(mean**2 / sd**2, scale=sd**2 / mean).ppf)
        policies.append(Policy(partial(_steady, rates), float(point), q))
    for ((mean, sd, q, target), _), watch in zip(cases, _live(policies, LEAD, 1100, backorders=True), strict=True):
        assert watch.fills().mean() == pytest.approx(target, abs=COARSE), (mean, sd, q)


def test_negative_binomial_demand_reaches_the_published_fill_rates(shared: Path) -> None:
    """Units one by one at gamma distributed rates, so that lead-time demand is negative binomial: the fill rate found
    by exact summation."""
    cases = _published(shared, "nb_P2")
    assert len(cases) == 4
    policies, promised = [], []
    for (mean, variance, q, _target), answer in cases:
        point, reached = (float(part) for part in answer.split(";"))
        size = mean**2 / (variance - mean)
        rates = _strata(stats.gamma(size, scale=mean / size).ppf)
        policies.append(Policy(partial(_poisson, rates), point, q))
        promised.append(reached)
    seen = _live(policies, LEAD, 1200, backorders=True)
    for (case, _), reached, watch in zip(cases, promised, seen, strict=True):
        assert watch.fills().mean() == pytest.approx(reached, abs=COARSE), case


def test_independent_days_of_gamma_demand() -> None:
    """Days of independent gamma demand, (r, nQ): the position is uniform on (r, r + Q] of an evening (Hadley & Whitin),
    a day's shortage is the growth of E[(X - y)+] from the demand of L - 1 to that of L days."""
    cases = [(100, 50, 150, 60), (40, 25, 30, 60), (100, 120, 317.17, 50)]  # mean and sd of the lead-time demand, r, Q
    policies, fills = [], []
    for mean, sd, point, q in cases:
        shape, scale = mean**2 / sd**2 / LEAD, sd**2 / mean
        missed = quad(_grown, point, point + q, args=(shape, scale))[0] / (q * mean / LEAD)
        policies.append(Policy(partial(_gamma, shape, scale), point, q))
        fills.append(1 - missed)
    for case, expected, watch in zip(cases, fills, _live(policies, LEAD, 1500, backorders=True), strict=True):
        fill, error = watch.fill()
        assert error < 0.01, case
        assert abs(fill - expected) < BAND * error, case


def _gamma(shape: float, scale: float, rng: np.random.Generator, size: tuple[int, int]) -> np.ndarray:
    return rng.gamma(shape, scale, size)


def _grown(y: float, shape: float, scale: float) -> float:
    """What the last of the lead time's days adds to the shortage beyond y."""
    return _gamma_loss(y, shape * LEAD, scale) - _gamma_loss(y, shape * (LEAD - 1), scale)


def _gamma_loss(y: float, shape: float, scale: float) -> float:
    """E[(X - y)+] = a b P(X' > y) - y P(X > y), where X' has shape a + 1."""
    return float(shape * scale * stats.gamma.sf(y, shape + 1, scale=scale) - y * stats.gamma.sf(y, shape, scale=scale))


def test_poisson_demand_has_the_published_fill_rate_back_orders_and_stock(shared: Path) -> None:
    """(r, Q), Poisson demand (Hopp & Spearman's example, and two more): fill rate, mean back-orders, mean stock.

    Stock and back-orders are those of an evening, when the whole lead time counts, so each is asked of demand scaled
    to it.
    """
    cases = _published(shared, "poisson_rQ")
    assert len(cases) == 3
    policies, wanted = [], []
    for (mean, q, point), answer in cases:
        published = dict(zip(("fill", "owed", "stock"), (float(part) for part in answer.split(";")), strict=True))
        for name, days in (("fill", LEAD - 0.5), ("owed", LEAD)):
            policies.append(Policy(partial(_poisson, mean / days), point, q))
            wanted.append((name, published[name], (mean, q, point)))
    for (name, expected, case), watch in zip(wanted, _live(policies, LEAD, 1200, backorders=True), strict=True):
        value, error = watch.fill() if name == "fill" else watch.mean(name)
        assert abs(value - expected) < BAND * error, (case, name)
