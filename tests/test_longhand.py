"""The plan's arithmetic against the page of mathematics read aloud."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from models.evaluation import evaluate
from models.instance import Instance

from . import longhand
from .instances import tiny

SEEDS = range(120)


def any_placement(instance: Instance, seed: int) -> dict[tuple[int, int], longhand.Holding] | None:
    """A random admissible set of every SKU in every period, or None when one has none."""
    rng = np.random.default_rng(seed)
    out = {}
    for k in range(len(instance.skus)):
        for t in range(len(instance.periods)):
            sets = longhand.admissible_sets(instance, k, t)
            if not sets:
                return None
            out[k, t] = longhand.hold(instance, k, t, sets[rng.integers(len(sets))])
    return out


def as_array(instance: Instance, placement: dict[tuple[int, int], longhand.Holding]) -> np.ndarray:
    skus, nodes, _, periods = instance.shape
    stocked = np.zeros((skus, nodes, periods), dtype=bool)
    for (k, t), holding in placement.items():
        stocked[k, list(holding.nodes), t] = True
    return stocked


def test_every_cost_term_agrees_with_the_page_read_aloud() -> None:
    """Each term of section 7, the flows and the stocks of section 6 agree for random admissible placements."""
    checked = 0
    for seed in SEEDS:
        instance = tiny(seed)
        placement = any_placement(instance, seed)
        if placement is None:
            continue
        stocked = as_array(instance, placement)
        no_surge = np.zeros((*instance.room_m3.shape, len(instance.periods)))
        found = evaluate(instance, stocked, instance.available, no_surge)
        for (k, t), holding in placement.items():
            for name, money in holding.terms.items():
                assert found.costs[name][k, :, t].sum() == pytest.approx(money, rel=1e-7, abs=1e-7), (seed, k, t, name)
            assert found.flow[k, :, t] == pytest.approx(holding.flow), (seed, k, t)
            assert found.average_stock[k, :, t] == pytest.approx(holding.average, abs=1e-7), (seed, k, t)
            assert found.peak_stock[k, :, t] == pytest.approx(holding.peak, abs=1e-7), (seed, k, t)
            checked += 1
        for k in range(len(instance.skus)):
            path = tuple(placement[k, t].nodes for t in range(len(instance.periods)))
            changes = [longhand.change_cost(instance, k, path, t) for t in range(len(instance.periods))]
            assert found.costs["change"][k].sum(0) == pytest.approx(changes), (seed, k)
    assert checked > 400


def test_the_closed_form_of_the_gamma_shortage_is_its_integral() -> None:
    """The longhand shortage of a gamma demand is the area under its tail, found by quadrature; the tail is scipy's."""
    for shape, scale in ((0.7, 3.0), (4.0, 8.0), (60.0, 0.5)):
        demand, same = longhand.Gamma(shape, scale), stats.gamma(shape, scale=scale)
        assert demand.isf(1e-9) == pytest.approx(same.isf(1e-9), rel=1e-12)
        for r in (0.0, shape * scale, 2 * shape * scale):
            assert demand.sf(r) == pytest.approx(same.sf(r), rel=1e-12)
            assert longhand.shortage(demand, r) == pytest.approx(longhand.shortage_by_integration(demand, r), abs=1e-8)


def test_the_reorder_point_of_a_poisson_demand_is_its_published_quantile() -> None:
    """P(X <= 14) = 0.9165 < 0.95 <= P(X <= 15) = 0.9513 for Poisson mean 10 (any table of the Poisson distribution)."""
    assert longhand.reorder_point(10.0, 10.0, 3.0, 1.0, 0.95, False) == 15.0
