"""The stock policy lived through: what section 6 promises against two simulators that share nothing with it.

Each SKU of a one-node network is a replication. Demand is negative binomial (Poisson) day by day, what is missing is
lost, and orders fill up to the level at the reviews.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pytest

from models.inventory import StockPolicy, stock_policy
from models.simulation import OrderLines

from .worlds import network, opening, path, rules

REPLICATIONS = 120
FILL, STOCK = 0.004, 0.03  # share of demand, and of the stock, by which promise and life may differ beyond chance


@dataclass(frozen=True)
class World:
    """One SKU at one node: units a day, variance-to-mean ratio, days, units."""

    flow: float
    ratio: float
    review: float
    lead: float
    lead_sd: float
    quantity: float
    service: float
    pack: float = 1.0
    level_error: float = 0.0

    def policy(self) -> StockPolicy:
        """What the plan says; the quantity is what the supplier asks at least."""
        return stock_policy(
            self.flow, self.flow * self.ratio, self.lead, self.lead_sd, self.review, self.level_error, 0.0, 1.0,
            self.quantity, self.pack, 90.0, np.inf, self.service, True,
        )  # fmt: skip

    @property
    def days(self) -> int:
        """Days to live through: 30 cycles."""
        return int(np.clip(30 * self.quantity / self.flow, 700, 2500))

    def demand(self, seed: int = 0) -> np.ndarray:
        """(days, replications) units."""
        rng = np.random.default_rng(seed)
        sure = np.ones(REPLICATIONS)
        level = rng.gamma(self.level_error**-2, self.level_error**2, REPLICATIONS) if self.level_error else sure
        shape = (self.days, REPLICATIONS)
        if self.ratio == 1.0:
            return rng.poisson(self.flow * level, shape).astype(float)
        size = self.flow * level / (self.ratio - 1.0)
        return rng.negative_binomial(size, 1.0 / self.ratio, shape).astype(float)


WORLDS = {
    "weekly reviews": World(1.5, 3.0, 7, 5, 1.0, 60, 0.95),
    "quick and sure": World(6.0, 1.0, 7, 2, 0.0, 120, 0.98),
    "every day": World(3.0, 6.0, 1, 5, 1.0, 92, 0.90),
    "slow": World(0.25, 1.0, 7, 5, 2.5, 7, 0.93),
    "slow and lumpy": World(0.3, 6.0, 14, 2, 0.0, 20, 0.95),
    "long lead time": World(2.2, 3.0, 14, 21, 2.5, 130, 0.98),
    "empty before it is ordered": World(2.0, 6.0, 14, 2, 1.0, 181, 0.90),
    "unsure": World(1.5, 3.0, 7, 5, 1.0, 60, 0.95, level_error=0.2),
    "whole packs": World(1.5, 3.0, 7, 5, 1.0, 60, 0.95, pack=12.0),
}


def _lead_times(world: World, rng: np.random.Generator) -> np.ndarray:
    if world.lead_sd == 0:
        return np.full(REPLICATIONS, int(world.lead))
    shape, scale = (world.lead / world.lead_sd) ** 2, world.lead_sd**2 / world.lead
    return np.rint(rng.gamma(shape, scale, REPLICATIONS)).astype(int)


def _lived(world: World, policy: StockPolicy) -> tuple[np.ndarray, np.ndarray, float]:
    """Units asked for and sold by replication, and mean stock, after a fifth of the days; order by order."""
    rng, demand = np.random.default_rng(1), world.demand()
    days, count = demand.shape
    reorder, level, warm = float(policy.reorder_point), float(policy.reorder_point + policy.quantity), days // 5
    arriving = np.zeros((days + 400, count))
    shelf, coming, stock = np.full(count, level), np.zeros(count), 0.0
    due = rng.integers(0, int(world.review), count)
    sold = np.zeros_like(demand)
    for day in range(days):
        shelf, coming = shelf + arriving[day], coming - arriving[day]
        sold[day] = np.minimum(shelf, demand[day])
        stock += float((shelf - sold[day] / 2).mean()) * (day >= warm)
        shelf = shelf - sold[day]
        asks = (due == day) & (shelf + coming <= reorder + 1e-9)
        packs = np.ceil((level - shelf - coming) / world.pack - 1e-9)
        units = np.where(asks, packs * world.pack, 0.0)
        arriving[day + 1 + _lead_times(world, rng), np.arange(count)] += units
        coming = coming + units
        due = np.where(due == day, due + int(world.review), due)
    return demand[warm:].sum(axis=0), sold[warm:].sum(axis=0), stock / (days - warm)


def _replayed(world: World, policy: StockPolicy) -> tuple[np.ndarray, np.ndarray, float]:
    """The same by `models.simulation`; all nodes of a day are looked at on the same days."""
    demand = world.demand()
    days, count = demand.shape
    facts = {"lead_time": world.lead, "lead_time_sd": world.lead_sd, "review_days": world.review}
    net = network(count, days=days, pack_size=world.pack, weight_kg=0.0, **facts)
    day, sku = np.nonzero(demand)
    lines = OrderLines(day, np.arange(len(day)), sku, np.zeros(len(day), dtype=np.int64), demand[day, sku])
    level = float(policy.reorder_point + policy.quantity)
    start = opening(*((k, 0, level - float(policy.quantity) * (k + 0.5) / count) for k in range(count)))
    plan = rules(net, float(policy.reorder_point), float(policy.quantity))
    tally, _ = path(net, plan, lines, start, days)
    return tally.sku["ordered"], tally.sku["at_once"], float(tally.sku["stock"].sum() / days / count)


@pytest.mark.parametrize("name", WORLDS)
@pytest.mark.parametrize("live", [_lived, _replayed])
def test_fill_rate_and_stock_are_as_promised(name: str, live: Callable[..., tuple]) -> None:
    """The share sold at once and the mean stock of a life of 30 cycles are those of the policy, within chance and the
    little that its two fitted moments leave."""
    world = WORLDS[name]
    policy = world.policy()
    asked, sold, stock = live(world, policy)
    promised = 1 - float(policy.short_per_day) / world.flow
    fill = sold.sum() / asked.sum()
    chance = 3 * (sold - fill * asked).std() / asked.mean() / np.sqrt(len(asked))
    assert promised >= world.service
    assert fill == pytest.approx(promised, abs=FILL + chance)
    assert stock == pytest.approx(float(policy.average), rel=STOCK)


@pytest.mark.parametrize("error", [0.4, 0.7])
def test_an_unsure_level_leaves_the_promise_whole(error: float) -> None:
    """Levels drawn around the forecast: units meet high levels more often, which unweighed costs up to four points at
    a level error of 0.7, and still the promise is kept within half a point below and two above."""
    for world in (World(1.5, 3.0, 7, 5, 1.0, 60, 0.95), World(2.0, 2.0, 7, 9, 2.0, 180, 0.9)):
        unsure = replace(world, level_error=error)
        asked, sold, _ = _lived(unsure, unsure.policy())
        assert -0.005 < sold.sum() / asked.sum() - world.service < 0.02
