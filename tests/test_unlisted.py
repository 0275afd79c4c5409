"""Where a SKU may be held at more sets of nodes than are priced one by one: a plan, and never a false certificate."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models import patterns
from models.column_generation import solve
from models.evaluation import evaluate
from models.instance import Instance

from .benchmarks.generator import network
from .enumeration import enumerate_optimum
from .instances import tiny


@pytest.mark.parametrize("seed", range(40))
def test_the_floor_stays_under_the_true_optimum(monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    """With only sets of one node listed, the bound is below the enumerated optimum over all sets, whatever is on."""
    instance = tiny(seed)
    monkeypatch.setattr(patterns, "MAX_SETS", 3)
    found, truth = solve(instance, gap=1e-6, time_limit=30), enumerate_optimum(instance)
    if truth is not None:
        assert found.status != "infeasible"
        assert found.bound <= truth.cost * (1 + 1e-7) + 1e-7
        if found.stocked is not None:
            assert found.objective >= truth.cost * (1 - 1e-7) - 1e-7


@pytest.fixture(scope="module")
def loosened() -> Instance:
    """24 SKUs, 10 nodes, up to 5 nodes each."""
    small = network(24, 10, 16, 2, 2, seed=3)
    return replace(small, max_nodes=np.where(small.max_nodes > 1, 5, 1))


def test_a_relaxed_bound_says_so_and_lies_under_the_full_one(
    monkeypatch: pytest.MonkeyPatch, loosened: Instance
) -> None:
    """Sets of up to 5 of 10 nodes, all or a list cut at 200: the cut one bounds lower and is marked relaxed."""
    full = solve(loosened, gap=2e-3, time_limit=60)
    monkeypatch.setattr(patterns, "MAX_SETS", 200)
    cut = solve(loosened, gap=2e-3, time_limit=15)
    assert not full.bound_is_relaxed
    assert cut.bound_is_relaxed
    assert cut.bound <= full.objective
    assert cut.stocked is not None
    assert cut.open is not None
    assert cut.surge is not None
    assert evaluate(loosened, cut.stocked, cut.open, cut.surge).total == pytest.approx(cut.objective, rel=1e-6)


def test_larger_sets_are_searched_for(monkeypatch: pytest.MonkeyPatch, loosened: Instance) -> None:
    """The list cut at single nodes and pairs still holds some sets of every larger size the tier allows."""
    monkeypatch.setattr(patterns, "MAX_SETS", 60)
    sizes = {int(size) for family in patterns.families(loosened) for size in family.sets.sum(axis=1)}
    assert sizes >= {0, 1, 2, 3, 4, 5}
