"""The optimizer against exhaustive enumeration on small random networks with every feature on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models import columns, network
from models.catalogue import Catalogue
from models.column_generation import solve
from models.evaluation import evaluate
from models.instance import Instance
from models.outcome import Outcome

from .enumeration import Optimum, Rows, enumerate_optimum, sku_paths
from .instances import SWITCHES, tiny
from .rearranged import in_other_money

CERTIFIED = 1e-4  # a search that stalls above the gap of 1e-9 it is asked for must still certify this much
RELATIVE = 1e-6  # of the optimum; the solver's own tolerance on a certified plan


def agree(instance: Instance, truth: Optimum | None, found: Outcome) -> None:
    """The plan costs what the enumeration says is least, and the bound is no higher."""
    if truth is None:
        assert found.status == "infeasible"
        assert found.stocked is None
        assert found.relief, "an infeasible case names its smallest relief"
        return
    assert found.status in ("gap_reached", "stalled")
    assert found.gap <= CERTIFIED
    room = RELATIVE * max(1.0, abs(truth.cost))
    assert found.bound <= truth.cost + room, "a bound above the optimum certifies nonsense"
    assert found.objective == pytest.approx(truth.cost, abs=room)
    assert found.stocked is not None
    assert found.open is not None
    assert found.surge is not None
    assert evaluate(instance, found.stocked, found.open, found.surge).total == pytest.approx(found.objective, abs=room)


def check(instance: Instance) -> None:
    agree(instance, enumerate_optimum(instance), solve(instance, gap=1e-9, time_limit=60))


@pytest.mark.parametrize("seed", range(150))
def test_every_feature_tossed_on_or_off(seed: int) -> None:
    """The optimum of 3 SKUs x 3 nodes x 3 regions x 2 periods is found and certified, or infeasibility is proved."""
    check(tiny(seed))


@pytest.mark.parametrize("seed", range(40))
def test_every_feature_on_at_once(seed: int) -> None:
    """The same with all features switched on together."""
    check(tiny(1000 + seed, **dict.fromkeys(SWITCHES, True)))


@pytest.mark.parametrize("switch", SWITCHES)
def test_each_feature_alone(switch: str) -> None:
    """Each feature is right when nothing else can mask it."""
    for seed in range(3):
        check(tiny(2000 + seed, **(dict.fromkeys(SWITCHES, False) | {switch: True})))


@pytest.mark.parametrize(
    ("skus", "nodes", "regions", "periods"),
    [(1, 1, 1, 1), (1, 3, 2, 3), (5, 3, 4, 1), (2, 4, 3, 2), (3, 1, 2, 2), (4, 2, 3, 3)],
)
def test_other_shapes(skus: int, nodes: int, regions: int, periods: int) -> None:
    """One SKU, one node, one period and three periods are no special cases."""
    for seed in range(8):
        check(tiny(3000 + seed, skus, nodes, regions, periods))


@settings(max_examples=30, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(10_000, 10**9), st.fixed_dictionaries({}, optional={name: st.booleans() for name in SWITCHES}))
def test_any_mixture_of_features(seed: int, switches: dict[str, bool]) -> None:
    """Hypothesis looks for a mixture of features in which plan and enumeration part."""
    check(tiny(seed, **switches))


@pytest.mark.parametrize("rate", [1e-6, 1e-3, 1e3, 1e6])
def test_huge_and_tiny_money(rate: float) -> None:
    """Prices a million times larger or smaller scale the optimum and leave the certificate sound."""
    for seed in range(12):
        instance = tiny(4000 + seed, hard_limits=False)
        truth = enumerate_optimum(instance)
        found = solve(in_other_money(instance, rate), gap=1e-9, time_limit=60)
        if truth is None:
            assert found.status == "infeasible", seed
            continue
        room = RELATIVE * truth.cost * rate
        assert found.bound <= truth.cost * rate + room, seed
        assert found.objective == pytest.approx(truth.cost * rate, abs=room), seed


def with_equal_nodes(instance: Instance) -> Instance:
    """Every node a copy of node 0 in all but name, every lane of a region alike."""
    per_node = (
        "room_m3", "surge_m3", "surge_cost", "units_per_day", "max_skus", "fixed_cost", "opening_cost", "handling_cost",
        "storage_cost", "stocking_cost", "review_days", "outage_days", "available",
    )  # fmt: skip
    per_pair = ("allowed", "lead_time", "lead_time_sd", "inbound_per_unit", "inbound_per_kg", "order_cost", "moq")
    per_lane = ("lane_parcel_cost", "lane_kg_cost", "lane_days", "lane_on_time", "lane_damage")
    alike = {name: np.repeat(getattr(instance, name)[:1], len(instance.nodes), axis=0) for name in per_node}
    alike |= {name: np.repeat(getattr(instance, name)[:, :1], len(instance.nodes), axis=1) for name in per_pair}
    alike |= {name: np.full_like(getattr(instance, name), getattr(instance, name)[0]) for name in per_lane}
    return replace(instance, **alike, feeder=np.full_like(instance.feeder, -1))


def test_ties_between_equal_nodes() -> None:
    """Many optima of equal cost: symmetric nodes and lanes leave optimum and bound right."""
    for seed in range(15):
        check(with_equal_nodes(tiny(5000 + seed, feeders=False)))


def test_no_demand_at_all() -> None:
    """Without demand nothing is stocked and only the nodes already open cost money."""
    for seed in range(5):
        instance = tiny(6000 + seed, hard_limits=False, soft_limits=False)
        empty = replace(instance, mean=np.zeros_like(instance.mean), variance=np.zeros_like(instance.variance))
        check(empty)


def test_windows_that_close_the_only_node() -> None:
    """A live SKU whose only nodes are shut in a period makes the case infeasible, and the solver says so."""
    instance = tiny(7, zero_demand=False, dead_periods=False)
    shut = np.ones_like(instance.available)
    shut[:, -1] = False
    closed = replace(instance, available=shut, allowed=instance.allowed & shut[None])
    assert enumerate_optimum(closed) is None
    assert solve(closed, gap=1e-9).status == "infeasible"


def test_more_nodes_than_bits_in_a_machine_word() -> None:
    """With 70 nodes, one per SKU and nothing scarce, each SKU goes to the node that is cheapest for it alone."""
    for seed in range(4):
        instance = tiny(8000 + seed, 3, 70, 2, 1, **dict.fromkeys(SWITCHES, False))
        ones = np.ones(3, dtype=np.int64)
        check(replace(instance, min_nodes=ones, max_nodes=ones))


def cheapest_by_pricing(instance: Instance) -> dict[str, float]:
    """What pricing says each SKU's cheapest path costs when nothing is scarce."""
    rows = columns.Rows(instance, network.compile_model(network.build(instance)))
    catalogue = Catalogue(instance, rows)
    priced = catalogue.price(rows.prices(np.zeros(len(rows)), None))
    return {instance.skus[k]: float(cost) for k, cost in zip(catalogue.choosers, priced.cost, strict=True)}


def cheapest_by_enumeration(instance: Instance) -> dict[str, float]:
    """The same by trying every path."""
    rows = Rows(instance)
    paths = [sku_paths(instance, rows, k) for k in range(len(instance.skus))]
    return {name: min((p.cost for p in path), default=np.inf) for name, path in zip(instance.skus, paths, strict=True)}


def test_the_cheapest_path_of_every_sku() -> None:
    """Pricing over sets and periods finds what trying every path of sets finds."""
    for seed in range(60):
        instance = tiny(9500 + seed, 4, 3, 3, 3, lane_gaps=False, backup=False, hard_limits=False, soft_limits=False)
        truth = cheapest_by_enumeration(instance)
        if np.inf in truth.values():
            continue
        for sku, cost in cheapest_by_pricing(instance).items():
            assert cost == pytest.approx(truth[sku], rel=1e-9), (seed, sku)


def test_nodes_far_apart_in_the_list() -> None:
    """Of 60 nodes only 0 is there at first, then two are asked for: adding 59 is one change of 50, however far off."""
    off = dict.fromkeys(SWITCHES, False)
    places = np.arange(60)
    allowed = np.stack([places == 0, np.isin(places, (0, 57, 59))], axis=1)
    two = np.full(2, 2, dtype=np.int64)
    compared = 0
    for seed in range(4):
        instance = tiny(9000 + seed, 2, 60, 2, 2, **off)
        spread = {"allowed": instance.allowed & allowed, "min_nodes": two, "max_nodes": two}
        instance = replace(instance, **spread, change_cost_in=50.0, change_cost_out=20.0)
        truth = cheapest_by_enumeration(instance)
        found = cheapest_by_pricing(instance)  # of the SKUs that have a choice
        assert found == pytest.approx({sku: truth[sku] for sku in found}, rel=1e-9), seed
        compared += len(found)
        check(instance)
    assert compared > 0
