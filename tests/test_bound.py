"""The bound on odd cases: never above the enumerated optimum, and equal to it where the search says so."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.column_generation import solve
from models.instance import Instance

from .enumeration import enumerate_optimum
from .instances import tiny
from .rearranged import in_other_money, in_other_volume, taken
from .test_enumeration import with_equal_nodes

RELATIVE = 1e-6  # of the optimum; the solver's own tolerance on a certified plan
KINDS = ("plain", "equal nodes", "equal SKUs", "one node", "one SKU", "no demand", "no window", "dear and cheap")


def odd(kind: str, seed: int) -> Instance:
    """A tiny instance with something odd about it."""
    rng = np.random.default_rng(seed)
    shape = {"one node": (3, 1, 2, 2), "one SKU": (1, 3, 2, 2)}.get(kind, (2, 3, 2, 1 + seed % 2))
    instance = tiny(seed, *shape, room=True, feeders=kind != "equal nodes" and seed % 2 == 0)
    if kind == "equal nodes":
        return with_equal_nodes(instance)
    if kind == "equal SKUs":
        return taken(instance, "K", np.zeros(2, dtype=np.int64))
    if kind == "no demand":
        sold = rng.random((instance.shape[0], 1, 1)) < 0.5
        return replace(instance, mean=instance.mean * sold, variance=instance.variance * sold)
    if kind == "no window":
        shut = rng.random(instance.available.shape) < 0.5
        return replace(instance, available=instance.available & ~shut, allowed=instance.allowed & ~shut)
    if kind == "dear and cheap":
        factor = 10.0 ** rng.integers(-6, 7, instance.shape[0])
        return replace(instance, unit_cost=instance.unit_cost * factor, unit_price=instance.unit_price * factor)
    return instance


def holds(instance: Instance, money: float, volume: float) -> None:
    """Bound and plan of a case in other units meet what enumeration finds in the units it is given in."""
    truth = enumerate_optimum(instance)
    found = solve(in_other_volume(in_other_money(instance, money), volume), gap=1e-9, time_limit=60)
    if truth is None:
        assert found.status == "infeasible"
        return
    cost = truth.cost * money
    assert found.bound <= cost + RELATIVE * abs(cost) + 1e-9 * money, "a bound above the optimum certifies nonsense"
    assert found.objective == pytest.approx(cost, rel=RELATIVE, abs=1e-6 * money)
    assert found.status in ("gap_reached", "stalled")
    assert found.gap <= 1e-4


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(30))
def test_odd_cases_in_odd_units(kind: str, seed: int) -> None:
    """Ties, single nodes and SKUs, nothing to sell, no way to sell it, prices a million times apart, in any unit."""
    rng = np.random.default_rng([seed, KINDS.index(kind)])
    holds(odd(kind, 20_000 + 100 * KINDS.index(kind) + seed), 10.0 ** rng.integers(-6, 10), 10.0 ** rng.integers(-6, 7))


def test_a_plan_far_dearer_than_the_best_of_each_sku() -> None:
    """Room sends a SKU to a node where it costs 30,000 times as much: dear, but no lack of room."""
    holds(odd("dear and cheap", 120_971), 1.0, 1.0)
