"""What must hold between a plan and the plan of a changed case, whatever the case (DESIGN section 5, FAULTS section 4).

A solve proves only that the optimum lies in [bound, objective], so a comparison is refuted only where the intervals
contradict it. Two directions are *not* claimed, because the plan assumes the router there is: a new lane or a shorter
promise changes which node serves a region, and the router knows nothing of what that costs upstream.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest

from models.evaluation import evaluate
from models.instance import Instance, LimitRow
from models.master import SolverFailure
from models.outcome import Outcome

from . import soundness
from .benchmarks import generator
from .enumeration import enumerate_optimum
from .instances import tiny
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
from .soundness import costs_no_more, costs_the_same

SCARCE = {"room": True, "hard_limits": False}
SMALL = [("small", seed) for seed in (7000, 7001, 7003, 7004, 7005, 7007, 7010, 7012)]
LARGE = [("large", seed) for seed in (7100, 7106, 7109)] + [("benchmark", 1)]
WORLDS = SMALL + LARGE
GAP = {"small": 1e-6, "large": 1e-6, "benchmark": 1e-2}
PLAIN = {"node_counts": False, "backup": False}  # without rules that ask for more nodes where more are allowed
UNSCALED = {(("large", 7109), 1e6)}  # purchases of 3e11: HiGHS leaves 6e-6 of it open and calls that an error
each_world = pytest.mark.parametrize("world", WORLDS, ids=lambda world: f"{world[0]}-{world[1]}")


def solved(instance: Instance, gap: float | None = None) -> Outcome:
    """A truthful solve to the gap of its world: benchmark networks are certified less closely."""
    asked = (GAP["benchmark"] if instance.skus[0].startswith("SKU") else GAP["small"]) if gap is None else gap
    return soundness.solved(instance, asked)


@cache
def instance_of(world: tuple[str, int], **switches: bool) -> Instance:
    """3 SKUs with random features, 30 of them, or 30 SKUs of a benchmark network."""
    kind, seed = world
    if kind == "benchmark":
        return generator.network(30, 4, 5, 1, 1, seed)
    shape = (3, 3, 3, 2) if kind == "small" else (30, 4, 4, 2)
    return tiny(seed, *shape, **(SCARCE | switches))


@cache
def solution_of(world: tuple[str, int], **switches: bool) -> Outcome:
    """Its plan, once."""
    return solved(instance_of(world, **switches))


def found_plan(world: tuple[str, int], **switches: bool) -> tuple[Instance, Outcome]:
    """An instance and its plan; the worlds of this page are chosen to have one."""
    found = solution_of(world, **switches)
    assert found.stocked is not None, "choose another seed"
    return instance_of(world, **switches), found


# --- more is never dearer, tighter never cheaper ---------------------------------------------------------------------


CAPACITIES = ("room_m3", "surge_m3", "units_per_day", "max_skus", "lane_parcels_per_day", "budget")


@each_world
@pytest.mark.parametrize("capacity", CAPACITIES)
def test_more_of_a_capacity_never_costs_more(world: tuple[str, int], capacity: str) -> None:
    """A fifth more of one capacity everywhere costs no more, a fifth less no less (slots move by one)."""
    instance, found = found_plan(world)
    now = getattr(instance, capacity)
    more, less = (now + 1, np.maximum(now - 1, 0)) if capacity == "max_skus" else (now * 1.2, now * 0.8)
    costs_no_more(solved(replace(instance, **{capacity: more})), found)
    costs_no_more(found, solved(replace(instance, **{capacity: less})))


@each_world
def test_more_of_everything_at_one_node_never_costs_more(world: tuple[str, int]) -> None:
    """Doubling what one node can take costs no more, for each node."""
    instance, found = found_plan(world)
    for node in range(len(instance.nodes)):
        here = np.where(np.arange(len(instance.nodes)) == node, 2.0, 1.0)
        wide = {
            "room_m3": instance.room_m3 * here[:, None], "surge_m3": instance.surge_m3 * here,
            "units_per_day": instance.units_per_day * here, "max_skus": instance.max_skus * here,
        }  # fmt: skip
        costs_no_more(solved(replace(instance, **wide)), found)


@each_world
def test_a_new_candidate_never_costs_more(world: tuple[str, int]) -> None:
    """The last node, made a candidate that feeds nobody, costs no more than not having it at all."""
    instance = instance_of(world, **PLAIN)
    last = len(instance.nodes) - 1
    here = np.arange(len(instance.nodes)) == last
    held = None if instance.in_force is None else instance.in_force & ~here
    stock = {"on_hand": instance.on_hand * ~here, "on_order": instance.on_order * ~here}
    feeder = np.where(instance.feeder == last, -1, instance.feeder)
    whole = ("cost", "on_time_share", "purchases")  # measures that know no node filter
    limits = tuple(row if row.measure in whole else replace(row, nodes=row.nodes & ~here) for row in instance.limits)
    one = np.ones_like(instance.min_nodes)
    offered = replace(
        instance, candidate=instance.candidate | here, in_force=held, **stock, feeder=feeder, limits=limits,
        min_nodes=one, backup_required=np.zeros(len(instance.regions), dtype=bool),
    )  # fmt: skip
    costs_no_more(solved(offered), solved(only_nodes(offered, np.arange(last))))


@each_world
def test_a_node_nobody_may_use_changes_nothing(world: tuple[str, int]) -> None:
    """A candidate where no SKU is allowed stays closed and leaves the cost as it is without it."""
    instance = instance_of(world, **PLAIN)
    last = len(instance.nodes) - 1
    here = np.arange(len(instance.nodes)) == last
    held = None if instance.in_force is None else instance.in_force & ~here
    useless = replace(
        without_limits(instance), candidate=instance.candidate | here, in_force=held,
        fixed_cost=instance.fixed_cost + 1,
        feeder=np.where(instance.feeder == last, -1, instance.feeder), allowed=instance.allowed & ~here[:, None],
    )  # fmt: skip
    found = solved(useless)
    costs_the_same(found, solved(only_nodes(useless, np.arange(last))))
    assert found.open is None or not found.open[last].any()


@pytest.mark.parametrize("seed", range(7200, 7208))
def test_a_better_lane_at_the_only_node_never_costs_more(seed: int) -> None:
    """With one node there is nothing to route: a lane that is cheaper and no worse beside each one costs no more."""
    instance = without_limits(tiny(seed, 4, 1, 3, 2, lane_capacity=False, budget=False))
    count = len(instance.lane_node)
    doubled = taken(instance, "L", np.tile(np.arange(count), 2))
    cheaper = np.repeat([1.0, 0.9], count)
    carriers = instance.lane_carrier + tuple(f"{name} new" for name in instance.lane_carrier)
    better = replace(
        doubled, lane_carrier=carriers, lane_parcel_cost=doubled.lane_parcel_cost * cheaper,
        lane_kg_cost=doubled.lane_kg_cost * cheaper, lane_on_time=np.ones(2 * count), lane_damage=np.zeros(2 * count),
        lane_days=np.where(cheaper < 1, 1.0, doubled.lane_days),
    )  # fmt: skip
    costs_no_more(solved(better), solved(instance))


def free_to_shut(instance: Instance) -> Instance:
    """Nobody asks for several nodes, and the last one costs nothing to keep: its absence saves nothing."""
    fixed = np.append(instance.fixed_cost[:-1], 0.0)
    return replace(
        instance, fixed_cost=fixed, min_nodes=np.ones_like(instance.min_nodes),
        backup_required=np.zeros(len(instance.regions), dtype=bool),
    )  # fmt: skip


def tightened(instance: Instance) -> Iterator[tuple[str, Instance]]:
    """Instances in which one rule is stricter or one price higher."""
    higher = instance.service_level + (1 - instance.service_level) / 2
    yield "service", replace(instance, service_level=higher)
    yield "fewer nodes", replace(instance, max_nodes=np.maximum(instance.max_nodes - 1, instance.min_nodes))
    yield "backups", replace(instance, backup_required=np.ones_like(instance.backup_required))
    yield "late penalty", replace(instance, late_penalty=instance.late_penalty + 3)
    yield "rent", replace(instance, fixed_cost=instance.fixed_cost * 1.1 + 1)
    yield "window", replace(instance, available=_shut_last(instance))


def _shut_last(instance: Instance) -> Any:
    """The last node unavailable in the last period."""
    available = instance.available.copy()
    available[-1, -1] = False
    return available


@each_world
def test_tighter_never_costs_less(world: tuple[str, int]) -> None:
    """Higher service, fewer nodes, backups, dearer lateness, dearer nodes or a shorter window never save money."""
    instance = free_to_shut(without_limits(instance_of(world, **PLAIN)))
    found = solved(instance)
    for name, tighter in tightened(instance):
        strict = solved(replace(tighter, allowed=tighter.allowed & tighter.available[None]))
        assert strict.status == "infeasible" or strict.objective < np.inf, name
        costs_no_more(found, strict)


@each_world
def test_a_used_pair_forbidden_never_saves(world: tuple[str, int]) -> None:
    """Of the pairs a plan uses, three are forbidden one after the other: none of those plans costs less."""
    instance = free_to_shut(instance_of(world, **PLAIN))
    found = solved(instance)
    assert found.stocked is not None
    used = np.argwhere(found.stocked.any(axis=2))
    for k, n in used[:: max(1, len(used) // 3)][:3].tolist():
        allowed = instance.allowed.copy()
        allowed[k, n] = False
        costs_no_more(found, solved(replace(instance, allowed=allowed)))


@each_world
def test_a_plan_allowed_nothing_else_is_found_again(world: tuple[str, int]) -> None:
    """With every pair the plan does not use forbidden, the plan's cost is reached again and not undercut."""
    instance, found = found_plan(world, **PLAIN)
    assert found.stocked is not None
    fixed = replace(instance, allowed=instance.allowed & found.stocked)
    fewest = np.minimum(instance.min_nodes, found.stocked.sum(axis=1).min(axis=1))
    again = solved(replace(fixed, min_nodes=np.maximum(fewest, 1)))
    costs_no_more(again, found)
    costs_no_more(found, again)


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
def test_money_times_a_rate_is_cost_times_that_rate(
    request: pytest.FixtureRequest, world: tuple[str, int], rate: float
) -> None:
    """In another currency the optimum is the same number of the other coin."""
    instance, found = found_plan(world)
    if (world, rate) in UNSCALED:
        request.applymarker(pytest.mark.xfail(raises=SolverFailure, reason="rows in money reach HiGHS unscaled"))
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
