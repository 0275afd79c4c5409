"""SKUs that share a row of the master in groups: the bound stays a bound, and the plan a plan."""

from __future__ import annotations

import numpy as np
import pytest

from models import catalogue, network, pricing
from models.catalogue import Catalogue
from models.column_generation import solve
from models.columns import Rows
from models.evaluation import evaluate
from models.generation import Clock, Generation, Infeasible
from models.instance import Floats, Instance
from models.links import Link, Links
from models.network_bound import NetworkBound
from models.problem import Problem, usage_most

from .enumeration import Optimum, enumerate_optimum, sku_paths
from .enumeration import Rows as SlowRows
from .instances import SWITCHES, tiny


@pytest.fixture
def grouped(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every SKU with a choice shares one of two rows."""
    for name, value in {"GROUP_ABOVE": 0, "ALONE": 0, "GROUPS": 2}.items():
        monkeypatch.setattr(catalogue, name, value)


def problem(instance: Instance) -> Problem:
    compiled = network.compile_model(network.build(instance))
    rows = Rows(instance, compiled)
    catalogue = Catalogue(instance, rows)
    return Problem(instance, compiled, rows, catalogue, usage_most(catalogue), 0)


def generation(of: Problem, group: np.ndarray | None) -> Generation:
    network_bound = NetworkBound(of.instance, of.compiled, of.rows, of.most, 0)
    return Generation(of, of.catalogue, network_bound, Clock(60), lambda _: None, None, group)


def holds(instance: Instance, truth: Optimum | None) -> bool:
    """Solve; nothing it says may contradict the enumeration. True where it closed the gap."""
    found = solve(instance, gap=1e-6, time_limit=60)
    if truth is None:
        assert found.stocked is None
        return found.status == "infeasible"
    room = 1e-6 * max(1.0, abs(truth.cost))
    assert found.status != "infeasible"
    assert found.bound <= truth.cost + room, "a bound above the optimum certifies nonsense"
    if found.stocked is None or found.open is None or found.surge is None:
        return False
    assert evaluate(instance, found.stocked, found.open, found.surge).total == pytest.approx(found.objective, abs=room)
    assert found.objective >= truth.cost - room
    return found.gap <= 1e-5


@pytest.mark.usefixtures("grouped")
def test_grouped_search_never_contradicts_enumeration() -> None:
    """On 40 tiny networks with features tossed: no bound above the optimum, no plan below it; most are closed."""
    closed = [holds(instance, enumerate_optimum(instance)) for instance in (tiny(5000 + seed) for seed in range(40))]
    assert np.mean(closed) > 0.7


@pytest.mark.usefixtures("grouped")
def test_grouped_search_with_every_feature_on() -> None:
    """The same with all features at once, on 20 networks."""
    for seed in range(20):
        instance = tiny(6000 + seed, **dict.fromkeys(SWITCHES, True))
        holds(instance, enumerate_optimum(instance))


@pytest.mark.parametrize("seed", range(9))
def test_rows_shared_or_not_the_relaxation_is_the_same(seed: int) -> None:
    """Without opening links, a row per group and a row per SKU have the same optimum: columns are convex mixtures."""
    instance = tiny(7000 + seed, 5, 3, 3, 2, candidates=False)
    of = problem(instance)
    alternate = np.arange(len(of.catalogue.choosers)) % 2
    assert relaxed(of, alternate) == pytest.approx(relaxed(of, None), rel=1e-6)


def relaxed(of: Problem, group: np.ndarray | None) -> float:
    """The bound at the root; infinite where not even fractions of patterns fit."""
    made = generation(of, group)
    try:
        made.run(1e-9)
    except Infeasible:
        return np.inf
    return made.bound


@pytest.mark.parametrize("seed", range(10))
def test_savings_are_those_of_all_paths(seed: int) -> None:
    """What a SKU saves by a candidate node in a period, against a slow list of all its paths, at no rents."""
    instance = tiny(8000 + seed, 3, 3, 3, 3)
    of = problem(instance)
    prices = of.rows.prices(np.zeros(len(of.rows)), None)
    for batch in of.catalogue.batches:
        saved = pricing.savings(instance, batch, prices)
        for b, k in enumerate(batch.skus.tolist()):
            paths = sku_paths(instance, SlowRows(instance), k)
            _compare(instance, saved[b], np.array([p.cost for p in paths]), np.array([p.needs_open for p in paths]))


def _compare(instance: Instance, saved: Floats, cost: Floats, needs: np.ndarray) -> None:
    least = cost.min()
    for n in np.flatnonzero(instance.candidate):
        for t in range(len(instance.periods)):
            other = cost[~needs[:, n, t].astype(bool)]
            expected = min(other.min() - least, abs(least)) if len(other) else abs(least)
            assert saved[n, t] == pytest.approx(max(0.0, expected), abs=1e-6 * max(1.0, abs(least)))


def test_a_link_charges_each_sku_its_share() -> None:
    """Weights 3/4 and 1/4 at a rent of 8: 6 for one SKU, 2 for the other; a SKU that stands for two pays half."""
    instance = tiny(1, 2, 2, 2, 1)
    links = Links(instance, np.array([1.0, 2.0]))
    assert links.array(np.zeros(0)) is None
    links.append([Link(1, 0, np.array([0, 1]), np.array([0.75, 0.25]))])
    array = links.array(np.array([8.0]))
    assert array is not None
    assert array[0, 1, 0] == 6.0
    assert array[1, 1, 0] == 1.0
    assert array.sum() == 7.0
