"""Plans in which the search is run again in the company of other SKUs: what it may gain, and what it may never cost."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.batches import evaluate_batch
from models.column_generation import solve
from models.companions import Baskets, baskets, shipped_by_period
from models.gathering import polish, standing
from models.instance import Bools, Floats, Instance, Ints
from models.outcome import Outcome, whole
from models.patterns import families
from models.together import bring_together

from .instances import tiny
from .test_companions import level_shop, lines_of


def searched(instance: Instance, seconds: float) -> Outcome:
    return solve(instance, gap=1e-6, time_limit=min(seconds, 20.0))


def crossed() -> tuple[Instance, Baskets, Outcome]:
    """Four SKUs, two nodes as good as each other with room for two SKUs each. 0 and 1 are always bought together, and
    2 and 3. 0 must stand at node 0, 3 at node 1; the plan has 2 beside 0 and 1 beside 3: all orders take two parcels,
    and neither 1 nor 2 can move before the other."""
    instance = level_shop()
    four = {
        name: np.concatenate([getattr(instance, name)] * 2)
        for name in (
            "unit_cost", "unit_price", "weight_kg", "volume_m3", "temperature", "shelf_life_days", "pack_size",
            "parcels_per_unit", "level_error", "service_level", "fill_service", "min_nodes", "max_nodes", "mean",
            "variance", "allowed", "feeder", "lead_time", "lead_time_sd", "inbound_per_unit", "inbound_per_kg",
            "order_cost", "moq", "on_hand", "on_order",
        )
    }  # fmt: skip
    four["allowed"][0, 1], four["allowed"][3, 0] = False, False
    four["parcels_per_unit"][:] = 0.5
    four["mean"][:], four["variance"][:] = 1.0, 1.0
    instance = replace(
        instance, skus=("0", "1", "2", "3"), tier=("A",) * 4, max_skus=np.array([2.0, 2.0]), sale_days=None,
        clearing=None, stood=None, start=None, raised=None, **four,
    )  # fmt: skip
    stocked = np.zeros((4, 2, 2), dtype=bool)
    for sku, node in ((0, 0), (1, 1), (2, 0), (3, 1)):
        stocked[sku, node] = True
    goods = baskets(instance, lines_of([[0, 1]] * 10 + [[2, 3]] * 10), 0, 0)
    cost = standing(instance, goods, stocked, np.ones((2, 2), dtype=bool), np.zeros((2, 3, 2))).exact.total
    plan = {"stocked": stocked, "open": np.ones((2, 2), dtype=bool), "surge": np.zeros((2, 3, 2))}
    return instance, goods, Outcome("gap_reached", cost, cost, **plan)


def test_what_no_single_move_mends() -> None:
    """The polish leaves the crossed plan as it is, with every order split. The search in company swaps 1 and 2: every
    order then takes one parcel, at the same cost of the plan. The bound is what it was."""
    instance, goods, outcome = crossed()
    assert polish(instance, goods, *whole(outcome), None).moves == 0
    made, polished = bring_together(instance, goods, outcome, np.inf, np.inf, searched)
    assert made.stocked is not None
    assert made.stocked[:, :, 0].tolist() == [[True, False], [True, False], [False, True], [False, True]]
    assert (polished.before.split_rate, polished.after.split_rate, polished.moves) == (1.0, 0.0, 2)
    assert made.objective == pytest.approx(outcome.objective)
    assert made.bound == outcome.bound


def test_a_search_that_is_stopped_stops_the_run() -> None:
    instance, goods, outcome = crossed()
    with pytest.raises(KeyboardInterrupt):
        bring_together(instance, goods, outcome, np.inf, np.inf, lambda *_: Outcome("interrupted", np.inf, -np.inf))


@pytest.mark.parametrize(("status", "by_work"), [("infeasible", True), ("crashed", False), ("time_limit", False)])
def test_a_search_without_a_plan_leaves_the_plan(status: str, by_work: bool) -> None:
    """The plan stays; where chance had a part in it, the outcome says that it cannot be made again."""
    instance, goods, outcome = crossed()
    found = Outcome(status, np.inf, -np.inf)
    made, polished = bring_together(instance, goods, outcome, np.inf, np.inf, lambda *_: found)
    assert polished.moves == 0
    assert made.stocked is outcome.stocked
    assert (made.counts.get("reproducible", 1.0) > 0) == by_work


def test_no_search_without_time_or_without_split_orders() -> None:
    """Neither where the time is over nor where the polish left no order split is anything searched."""
    instance, goods, outcome = crossed()

    def never(*_: object) -> Outcome:
        raise AssertionError("searched")

    assert bring_together(instance, goods, outcome, np.inf, 0.0, never)[1].moves == 0
    alone = baskets(instance, lines_of([[0], [1], [2], [3]]), 0, 0)
    assert bring_together(instance, alone, outcome, np.inf, np.inf, never)[1].moves == 0


def test_company_weighs_less_where_the_plan_would_cost_too_much() -> None:
    """A plan above the cap is never taken; the search is asked again with half the weight."""
    instance, goods, outcome = crossed()
    weights = []

    def dear(asked: Instance, _: float) -> Outcome:
        weights.append(float(asked.besides.weight))  # type: ignore[union-attr]
        return outcome

    made, _ = bring_together(instance, goods, outcome, outcome.objective / 2, np.inf, dear)
    assert weights == [1.0, 0.5]
    assert made.stocked is outcome.stocked


def test_sets_are_priced_besides_above_the_least_that_is_possible() -> None:
    """What sets cost besides is added to them less the least among those that are possible, in every period; the plan's
    own evaluation knows nothing of it."""

    class Numbers:
        def extra(self, skus: Ints, sets: Bools) -> Floats:
            return 10.0 * (1.0 + np.arange(2.0))[:, None, None] * (skus + 1.0) * sets.sum(axis=1)[None, :, None]

    for family in families(plain := level_shop()):
        now = evaluate_batch(plain, family, family.skus).cost
        more = evaluate_batch(replace(plain, besides=Numbers()), family, family.skus).cost
        ok = np.isfinite(now)
        assert (np.isfinite(more) == ok).all()
        size = family.sets.sum(axis=1)
        assert (size[ok.any(axis=(0, 2))] == 1).all()  # one node each: all that is possible costs the same besides
        assert more[ok] == pytest.approx(now[ok])
    both = replace(level_shop(), max_nodes=np.full(2, 2))
    for family in families(both):
        now = evaluate_batch(both, family, family.skus).cost
        more = evaluate_batch(replace(both, besides=Numbers()), family, family.skus).cost
        size = np.maximum(family.sets.sum(axis=1) - 1, 0)[None, :, None]
        added = 10.0 * np.array([1.0, 2.0])[:, None, None] * (family.skus + 1.0) * size
        ok = np.isfinite(now)
        assert more[ok] == pytest.approx((now + added)[ok])


@pytest.mark.parametrize("seed", [1, 3, 4, 5, 6, 7])
def test_never_dearer_than_the_polish_alone(seed: int) -> None:
    """Random instances with every feature and random orders: never dearer than the polish alone, its cost is the exact
    one and within the cap, and what was before is the plan that the search proved."""
    instance = tiny(seed, skus=4, nodes=3, regions=2)
    outcome = solve(instance, gap=1e-6, time_limit=20)
    rng = np.random.default_rng(seed)
    orders = [rng.choice(4, size=rng.integers(1, 4), replace=False).tolist() for _ in range(40)]
    goods = baskets(instance, lines_of(orders, region=seed % 2), 0, 0)
    goods = replace(goods, times=5.0 * goods.times)
    cap = 1.2 * outcome.objective
    alone = polish(instance, goods, *whole(outcome), outcome.rents, cap)
    made, both = bring_together(instance, goods, outcome, cap, np.inf, searched)
    exact = standing(instance, goods, *whole(made))
    assert exact.total <= alone.after.total + 1e-9 * abs(alone.after.total)
    assert exact.exact.total == pytest.approx(made.objective)
    assert made.objective <= cap * (1 + 1e-9)
    assert both.before.stocked is outcome.stocked
    assert shipped_by_period(goods, exact.stocked)[0].parcels.tolist() == both.after.shipping[0].parcels.tolist()
