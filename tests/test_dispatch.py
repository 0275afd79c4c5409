"""The order router against enumeration: whole orders first, else the fewest parcels, then cost."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.instance import Instance
from models.orders import OrderLines, order_book
from models.simulation import Tally

from .worlds import daily, network, opening, orders, path, rules


def _fewest(world: Instance, stock: np.ndarray, wanted: np.ndarray) -> tuple[int, float]:
    """Number and cost of the parcels of one order to region 0, by trying every set of nodes; (0, 0) for nothing.

    Lanes charge by the parcel alone, so a set costs what its parcels cost.
    """
    target = np.minimum(wanted, stock.sum(axis=1))
    if not target.any():
        return 0, 0.0
    price = world.lane_parcel_cost[world.lane_region == 0]
    for size in range(1, stock.shape[1] + 1):
        sets = [some for some in combinations(range(stock.shape[1]), size)
                if (stock[:, list(some)].sum(axis=1) >= target).all()]  # fmt: skip
        if sets:
            return size, min(float(price[list(some)].sum()) for some in sets)
    raise AssertionError("all nodes together hold the target")


def _one_order(world: Instance, stock: np.ndarray, wanted: np.ndarray) -> Tally:
    skus, nodes = stock.shape
    lines = orders(*((0, 0, k, 0, float(wanted[k])) for k in range(skus) if wanted[k]))
    start = opening(*((k, n, float(stock[k, n])) for k in range(skus) for n in range(nodes)))
    return path(world, rules(world, -1, 0), lines, start, 1)[0]


@given(seed=st.integers(0, 2**32 - 1), skus=st.integers(1, 3), nodes=st.integers(1, 5))
@settings(max_examples=150, deadline=None)
def test_an_order_goes_into_the_fewest_parcels_at_the_least_cost(seed: int, skus: int, nodes: int) -> None:
    """Against enumeration for up to three parcels (beyond, the fullest node goes first): number, cost and units."""
    rng = np.random.default_rng(seed)
    world = network(skus, nodes, lane_parcel_cost=rng.permutation(nodes) + 3.0 + rng.random(nodes).round(3))
    stock, wanted = rng.integers(0, 3, (skus, nodes)), rng.integers(0, 6, skus)
    wanted[0] = max(1, wanted[0])
    tally = _one_order(world, stock, wanted)
    parcels, cost = _fewest(world, stock, wanted)
    assert tally.sku["at_once"].sum() == np.minimum(wanted, stock.sum(axis=1)).sum()
    if parcels <= 3:
        assert tally.day["parcels"][0] == parcels
        assert tally.costs["outbound"].sum() == pytest.approx(cost)
    else:
        assert tally.day["parcels"][0] >= parcels


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_nothing_is_missed_while_any_node_has_it(seed: int) -> None:
    """Single lines on one day, every node reaching every region: what is missed is what all nodes together lack."""
    rng = np.random.default_rng(seed)
    skus, nodes, regions, count = 3, 4, 3, 40
    world = network(skus, nodes, regions, lane_parcel_cost=rng.uniform(3, 9, nodes * regions))
    lines = OrderLines(
        np.zeros(count, dtype=np.int64), rng.permutation(count), rng.integers(0, skus, count),
        rng.integers(0, regions, count), rng.integers(1, 4, count).astype(float),
    )  # fmt: skip
    stock = rng.integers(0, 15, (skus, nodes))
    start = opening(*((k, n, float(stock[k, n])) for k in range(skus) for n in range(nodes)))
    tally, _ = path(world, rules(world, -1, 0), lines, start, 1)
    asked = np.bincount(lines.sku, lines.quantity, skus)
    assert tally.sku["at_once"].tolist() == np.minimum(asked, stock.sum(axis=1)).tolist()


def test_heavy_orders_take_the_lane_that_is_cheap_by_weight() -> None:
    """Node 0 asks 5 a parcel and 2 a kg, node 1 asks 9 a parcel: one unit of 1 kg goes from node 0 (7), ten from node 1
    (9 against 25), because the router knows the order's weight band."""
    world = network(nodes=2, lane_parcel_cost=[5, 9], lane_kg_cost=[2, 0], weight_kg=1.0)
    tally, _ = path(world, rules(world, -1, 0), daily([1, 10]), opening((0, 0, 50), (0, 1, 50)), 2)
    assert tally.node["shipped"].tolist() == [1, 10]
    assert tally.costs["outbound"][:-1].tolist() == [7, 9]


def test_a_lane_that_keeps_the_promise_comes_before_a_cheaper_late_one() -> None:
    """Promise 3 days: node 0 (5 money, 4 days) stands behind node 1 (6 money, 2 days)."""
    world = network(nodes=2, lane_days=[4, 2])
    tally, _ = path(world, rules(world, -1, 0), daily([1]), opening((0, 0, 5), (0, 1, 5)), 1)
    assert tally.node["shipped"].tolist() == [0, 1]


def test_lines_of_one_sku_in_an_order_are_one_line() -> None:
    """Two lines of 2 and 3 units are one of 5: a node with 4 cannot fill the order, one with 5 can."""
    world = network(nodes=2)
    lines = orders((0, 0, 0, 0, 2), (0, 0, 0, 0, 3))
    tally, _ = path(world, rules(world, -1, 0), lines, opening((0, 0, 4), (0, 1, 5)), 1)
    assert tally.node["shipped"].tolist() == [0, 5]


def test_the_book_holds_each_day_once_and_leaves_other_days_out() -> None:
    """Lines of days 3, 5 and 9 in a book of days 4 to 6: one line, on the second day."""
    world = network()
    book, _ = order_book(world, orders((9, 1, 0, 0, 1), (5, 2, 0, 0, 4), (3, 3, 0, 0, 1)), 4, 6)
    assert [book.quantity[book.day(day)].tolist() for day in (4, 5, 6)] == [[], [4.0], []]


def test_one_order_number_on_two_days_is_two_orders() -> None:
    """The same number on days 0 and 1 counts as an order on each."""
    world = network()
    tally, _ = path(world, rules(world, -1, 0), orders((0, 7, 0, 0, 1), (1, 7, 0, 0, 1)), opening((0, 0, 9)), 2)
    assert tally.day["orders"].tolist() == [1, 1]
