"""The benchmark instances and baselines are what they say they are."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from models.column_generation import solve
from models.evaluation import evaluate
from models.instance import Instance
from tests.benchmarks import baselines, generator
from tests.benchmarks.__main__ import table
from tests.benchmarks.measure import dimensions


@pytest.fixture(scope="module")
def small() -> Instance:
    """A benchmark network small enough for every baseline, with room for stock that is only fitted."""
    instance = generator.network(15, 5, 6, 2, 2, seed=3)
    return dataclasses.replace(instance, surge_m3=instance.surge_m3 * 10, budget=instance.budget * 1.5)


def test_the_same_seed_gives_the_same_arrays() -> None:
    """A benchmark is repeatable: every array of two draws is equal bit for bit, and another seed differs."""
    first, again, other = (generator.network(15, 5, 6, 2, 2, seed=seed) for seed in (3, 3, 4))
    for field in dataclasses.fields(Instance):
        assert np.array_equal(getattr(first, field.name), getattr(again, field.name)), field.name
    assert not np.array_equal(first.mean, other.mean)


def test_a_fifth_of_the_skus_makes_four_fifths_of_the_value() -> None:
    """Value follows Pareto's rule at S, so that tier A is a fifth of the catalogue."""
    instance = generator.named("S")
    value = np.sort(instance.mean.sum((1, 2)) * instance.unit_cost)[::-1]
    assert value[:40].sum() / value.sum() == pytest.approx(0.8, abs=0.05)
    assert instance.tier.count("A") == pytest.approx(40, abs=3)


def test_capacities_bind_and_can_be_met() -> None:
    """In S a plan exists, and with ample room, budget and throughput it would be cheaper: the limits bite."""
    instance = generator.named("S")
    ample = dataclasses.replace(
        instance,
        room_m3=np.where(instance.room_m3 > 0, np.inf, 0.0),
        budget=np.inf,
        units_per_day=np.full_like(instance.units_per_day, np.inf),
        max_skus=np.full_like(instance.max_skus, np.inf),
    )
    tight, free = (solve(case, gap=5e-3, time_limit=60) for case in (instance, ample))
    assert tight.stocked is not None
    assert free.objective < tight.bound
    assert tight.rents is not None
    assert (tight.rents.room[:, 0] > 0).any(), "ambient space is scarce"
    assert (tight.rents.room[:, 1:] > 0).any(), "cold space is scarce"
    assert (tight.rents.budget > 0).any(), "money is scarce"


@pytest.mark.parametrize("route", ["pyomo", "linopy"])
def test_the_baselines_are_one_model(small: Instance, route: str) -> None:
    """Pyomo and linopy reach the optimum that the arrays reach: three ways of writing one model."""
    pytest.importorskip(route, reason=f"{route} is not installed: pip install nodewise[bench]")
    arrays = baselines.run("arrays", small, 1e-7, 60.0)
    found = baselines.run(route, small, 1e-7, 60.0)
    assert arrays.own_gap <= 1e-6
    assert found.own_objective == pytest.approx(arrays.own_objective, rel=1e-6)


def test_a_baseline_plan_is_costed_by_our_evaluation(small: Instance) -> None:
    """The cost set beside ours is the exact cost of the baseline's placement, surge as its volumes need."""
    stocked = np.zeros((15, 5, 2), dtype=bool)
    stocked[:, 0] = True
    opened = small.available & ~small.candidate[:, None]
    cost, broken = baselines.recosted(small, stocked, opened)
    exact = evaluate(small, stocked, opened, np.zeros((5, 3, 2)))
    surge = np.maximum(0.0, exact.volume_m3 - small.room_m3[:, :, None])
    assert cost == pytest.approx(exact.total + (surge.sum(1).T @ small.surge_cost * small.months).sum())
    assert "max_skus" not in broken


def test_sizes_and_table() -> None:
    """Instances are named or spelt out, and a table pads its columns."""
    assert dimensions("S") == (200, 8, 30, 3, 4)
    assert dimensions("500x10x40x2x4") == (500, 10, 40, 2, 4)
    with pytest.raises(ValueError, match="none of S, M, L, XL"):
        dimensions("500x10")
    assert table([["a", "bb"], ["ccc", "d"]]) == "a    bb\n---  --\nccc  d"
