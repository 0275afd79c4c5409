"""What must hold between a plan and the plan of a changed case, whatever the case (DESIGN section 5, FAULTS section 4).

A solve proves only that the optimum lies in [bound, objective], so a comparison is refuted only where the intervals
contradict it. Two directions are *not* claimed, because the plan assumes the router there is: a new lane or a shorter
promise changes which node serves a region, and the router knows nothing of what that costs upstream.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from models.instance import Instance

from .instances import tiny
from .property_worlds import PLAIN, each_world, found_plan, instance_of, solved
from .rearranged import (
    only_nodes,
    taken,
    without_limits,
)
from .soundness import costs_no_more, costs_the_same

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
    """Higher service, fewer nodes, backups, dearer lateness, dearer nodes or a shorter window never save money.

    Where shortages are free: else more service may pay for itself.
    """
    instance = replace(free_to_shut(without_limits(instance_of(world, **PLAIN))), short_lost=0.0)
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
