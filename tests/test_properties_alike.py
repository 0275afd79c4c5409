"""Which changes of a case leave its best plan as it was: order, names, money, twins; and cases with nothing in them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.evaluation import evaluate
from models.instance import Instance, LimitRow

from .enumeration import enumerate_optimum
from .instances import tiny
from .property_worlds import GAP, PLAIN, each_world, found_plan, instance_of, solved
from .rearranged import (
    POLICY,
    in_order_of_regions,
    in_other_money,
    only_nodes,
    side_by_side,
    taken,
    with_region_cut_in_half,
    without_limits,
)
from .soundness import costs_the_same

# --- what is nothing -------------------------------------------------------------------------------------------------


def without_ties(instance: Instance) -> Instance:
    """Freight with an irregular last digit, so that the router never has to fall back on the order of nodes."""
    extra = np.random.default_rng(1).uniform(0, 0.01, len(instance.lane_node))
    return replace(instance, lane_parcel_cost=instance.lane_parcel_cost + extra)


@each_world
@pytest.mark.parametrize("axis", ["skus", "nodes", "regions", "lanes"])
def test_order_is_nothing(world: tuple[str, int], axis: str) -> None:
    """The same rows in another order cost the same, and that plan, put back in order, is a plan of the original."""
    instance = without_ties(instance_of(world))
    counts = dict(zip(("skus", "nodes", "regions"), instance.shape, strict=False), lanes=len(instance.lane_node))
    order = np.random.default_rng(world[1]).permutation(counts[axis])
    shuffled = {
        "skus": lambda: taken(instance, "K", order), "nodes": lambda: only_nodes(instance, order),
        "regions": lambda: in_order_of_regions(instance, order), "lanes": lambda: taken(instance, "L", order),
    }[axis]()  # fmt: skip
    found, other = solved(instance), solved(shuffled)
    costs_the_same(found, other)
    if other.stocked is not None and axis in ("skus", "nodes"):
        assert other.open is not None
        assert other.surge is not None
        back = np.argsort(order)
        places = (other.stocked[back], other.open, other.surge) if axis == "skus" else (
            other.stocked[:, back], other.open[back], other.surge[back])  # fmt: skip
        assert evaluate(instance, *places).total == pytest.approx(other.objective, rel=1e-9)


@each_world
def test_names_are_nothing(world: tuple[str, int]) -> None:
    """Under other names, in reverse order of the alphabet, bound and plan are the same to the last bit."""
    instance, found = found_plan(world)
    names = {
        field: tuple(f"{chr(122 - i % 26)}{len(old) - i} {field} é" for i in range(len(old)))
        for field, old in (("skus", instance.skus), ("nodes", instance.nodes), ("regions", instance.regions))
    }
    limits = tuple(replace(row, name=f"rule {len(instance.limits) - i}") for i, row in enumerate(instance.limits))
    periods = tuple(f"week {t}" for t in range(len(instance.periods)))
    other = solved(replace(instance, **names, periods=periods, limits=limits), GAP[world[0]])
    assert (other.objective, other.bound) == (found.objective, found.bound)
    assert np.array_equal(other.stocked, found.stocked)
    assert np.array_equal(other.open, found.open)
    assert np.array_equal(other.surge, found.surge)


@each_world
@pytest.mark.parametrize("region", [0, -1])
def test_a_region_cut_in_two_equal_halves_costs_the_same(world: tuple[str, int], region: int) -> None:
    """Two halves with the same lanes are served alike, so flow, stock and cost are those of the whole."""
    instance, found = found_plan(world)
    costs_the_same(found, solved(with_region_cut_in_half(instance, region % len(instance.regions))))


@each_world
def test_a_sku_without_demand_changes_nothing(world: tuple[str, int]) -> None:
    """A copy of the first SKU that sells nothing is stocked nowhere and leaves the cost as it was."""
    instance, found = found_plan(world)
    count = len(instance.skus)
    more = taken(instance, "K", np.append(np.arange(count), 0))
    sold = (np.arange(count + 1) < count).astype(float)
    empty = {name: getattr(more, name) * sold[:, None] for name in ("on_hand", "on_order")}
    held = None if more.in_force is None else more.in_force & (sold > 0)[:, None]
    dead = replace(more, mean=more.mean * sold[:, None, None], variance=more.variance * sold[:, None, None],
                   in_force=held, **empty)  # fmt: skip
    other = solved(dead)
    costs_the_same(found, other)
    assert other.stocked is not None
    assert not other.stocked[-1].any()


@pytest.mark.parametrize("seed", range(7300, 7306))
def test_two_networks_without_a_lane_between_them_add(seed: int) -> None:
    """Side by side in one case, two networks cost the sum of what each costs alone."""
    off = {"budget": False, "soft_limits": False, "hard_limits": False, "in_force": True}
    one, two = tiny(seed, 4, 3, 3, 2, **off), tiny(seed + 50, 5, 3, 2, 2, **off)
    shared = {name: getattr(one, name) for name in (*POLICY, "days", "months")}
    two = replace(two, **shared)
    alone, other, both = solved(one), solved(two), solved(side_by_side(one, two))
    if "infeasible" in (alone.status, other.status):
        assert both.status == "infeasible"
        return
    assert both.bound <= alone.objective + other.objective + 1e-6 * (1 + both.objective)
    assert alone.bound + other.bound <= both.objective + 1e-6 * (1 + both.objective)


# --- money, scale, repetition ----------------------------------------------------------------------------------------


@each_world
@pytest.mark.parametrize("rate", [1e-4, 0.01, 2.0, 100.0, 1e6])
def test_money_times_a_rate_is_cost_times_that_rate(world: tuple[str, int], rate: float) -> None:
    """In another currency the optimum is the same number of the other coin."""
    instance, found = found_plan(world)
    costs_the_same(solved(in_other_money(instance, rate)), found, rate)


@pytest.mark.parametrize("scale", [1e-6, 1e-3, 1e3, 1e6])
@pytest.mark.parametrize("seed", range(7400, 7403))
def test_tiny_and_huge_demand(seed: int, scale: float) -> None:
    """Demand a million times smaller or larger leaves the certificate sound: enumeration finds the same optimum."""
    instance = tiny(seed, hard_limits=False, soft_limits=False, budget=False, room=False, units_per_day=False,
                    lane_capacity=False, max_skus=False)  # fmt: skip
    scaled = replace(instance, mean=instance.mean * scale, variance=instance.variance * scale)
    truth, found = enumerate_optimum(scaled), solved(scaled)
    assert (truth is None) == (found.status == "infeasible")
    if truth is not None:
        assert found.bound <= truth.cost * (1 + 1e-6)
        assert found.objective == pytest.approx(truth.cost, rel=2e-6)


@each_world
def test_a_plan_in_force_is_left_alone(world: tuple[str, int]) -> None:
    """Fed back as the placement in force, where one change costs more than the gap leaves open, a plan is kept."""
    instance, found = found_plan(world)
    change = 1.0 + 10 * GAP[world[0]] * found.objective
    free = replace(without_limits(instance), in_force=None, change_cost_in=change, change_cost_out=change)
    best = solved(free)
    assert best.stocked is not None
    again = solved(replace(free, in_force=best.stocked[:, :, 0]))
    costs_the_same(best, again)
    assert best.objective - best.bound + again.objective - again.bound < change
    assert again.stocked is not None
    assert np.array_equal(again.stocked[:, :, 0], best.stocked[:, :, 0])


# --- degenerate cases ------------------------------------------------------------------------------------------------


def equal_nodes(instance: Instance) -> Instance:
    """Every node a twin of the first, every lane alike."""
    first = taken(instance, "N", np.zeros(len(instance.nodes), dtype=np.int64))
    lanes = taken(instance, "L", np.zeros(len(instance.lane_node), dtype=np.int64))
    alike = {name: getattr(lanes, name) for name in (
        "lane_parcel_cost", "lane_kg_cost", "lane_days", "lane_on_time", "lane_damage", "lane_temperatures",
        "lane_parcels_per_day")}  # fmt: skip
    return replace(first, **alike, nodes=instance.nodes, limits=instance.limits, feeder=np.full_like(first.feeder, -1))


@pytest.mark.parametrize("seed", range(7500, 7504))
def test_twin_nodes(seed: int) -> None:
    """Among thirty SKUs and four nodes that are all alike the search still ends within its gap."""
    instance = equal_nodes(tiny(seed, 30, 4, 4, 2, **PLAIN, hard_limits=False, temperatures=False, windows=False))
    found = solved(instance, gap=1e-3)
    assert found.status in ("gap_reached", "infeasible")


@pytest.mark.parametrize("skus", [1, 30])
@pytest.mark.parametrize("nodes", [1, 4])
def test_one_sku_and_one_node(skus: int, nodes: int) -> None:
    """A single SKU, a single node and both at once are no special cases; enumeration agrees where it can."""
    for seed in range(7600, 7604):
        instance = tiny(seed, skus, nodes, 3, 1, hard_limits=False)
        found = solved(instance)
        if skus * nodes <= 4:
            truth = enumerate_optimum(instance)
            assert (truth is None) == (found.status == "infeasible")
            assert truth is None or found.objective == pytest.approx(truth.cost, rel=1e-6)


@each_world
def test_nothing_sells_at_all(world: tuple[str, int]) -> None:
    """Without any demand nothing is stocked and the cost is that of the nodes that are open anyway, and of leaving."""
    instance = without_limits(instance_of(world))
    still = replace(instance, mean=np.zeros_like(instance.mean), variance=np.zeros_like(instance.variance))
    found = solved(still)
    kept = instance.available & ~instance.candidate[:, None]
    left = 0.0 if instance.in_force is None else float(instance.in_force.sum()) * instance.change_cost_out
    if instance.in_force is not None and instance.clearing is not None:
        left += float(instance.clearing[instance.in_force].sum())
    assert found.stocked is not None
    assert not found.stocked.any()
    assert found.objective == pytest.approx(float((instance.fixed_cost @ kept) @ instance.months) + left, abs=1e-6)


@each_world
def test_windows_that_leave_a_period_without_a_node(world: tuple[str, int]) -> None:
    """With every node shut in one period the case is infeasible, names SKUs in its relief, and has no plan."""
    instance = instance_of(world)
    open_in = np.arange(len(instance.periods)) > 0
    shut = solved(replace(instance, available=instance.available & open_in, allowed=instance.allowed & open_in))
    assert shut.status == "infeasible"
    assert shut.stocked is None
    assert any(name in shut.relief[0].where for name in instance.skus)


@each_world
def test_a_limit_that_no_plan_breaks_changes_nothing(world: tuple[str, int]) -> None:
    """A maximum above any use and a minimum of nothing leave the optimum where it was."""
    instance, found = found_plan(world)
    every = [np.ones(count, dtype=bool) for count in instance.shape]
    loose = tuple(
        LimitRow(f"loose {measure} {sense}", measure, sense, amount, every[0], every[1], None, every[3])
        for measure, most in (("value", 1e9), ("units", 1e9), ("volume_m3", 1e9), ("on_time_share", 1.0))
        for sense, amount in (("max", most), ("min", 0.0))
    )
    costs_the_same(found, solved(replace(instance, limits=instance.limits + loose)))
