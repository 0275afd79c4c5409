"""The flow of goods from where they are to spare to where they are wanted."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from models.transport import Ways, cheapest_flow


def _cost(flow: np.ndarray, ways: Ways, demand: np.ndarray, shortage: np.ndarray) -> float:
    missing = demand - np.bincount(ways.sink, flow, len(demand))
    return float(ways.cost @ flow + shortage @ missing)


@pytest.mark.parametrize("seed", range(30))
def test_the_flow_is_the_cheapest_of_all(seed: int) -> None:
    """Two sources, two sinks, at most three units over a way: every flow there is, tried one by one."""
    rng = np.random.default_rng(seed)
    supply, demand = (rng.integers(0, 5, 2).astype(float) for _ in range(2))
    shortage = rng.integers(0, 9, 2) + rng.random(2)
    ways = Ways(
        np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1]), rng.integers(-4, 9, 4) + rng.random(4),
        rng.integers(0, 4, 4).astype(float),
    )  # fmt: skip
    best = np.inf
    for tried in product(*(range(int(most) + 1) for most in ways.most)):
        flow = np.array(tried, dtype=float)
        out, into = np.bincount(ways.source, flow, 2), np.bincount(ways.sink, flow, 2)
        if (out <= supply).all() and (into <= demand).all():
            best = min(best, _cost(flow, ways, demand, shortage))
    found = cheapest_flow(supply, demand, shortage, ways)
    assert _cost(found, ways, demand, shortage) == pytest.approx(best)
    assert (found == np.round(found)).all()
    assert (np.bincount(ways.source, found, 2) <= supply).all()
    assert (found <= ways.most).all()


def test_a_fraction_of_a_unit_is_refused() -> None:
    """Only whole units have a whole flow."""
    ways = Ways(np.array([0]), np.array([0]), np.array([1.0]), np.array([9.0]))
    with pytest.raises(ValueError, match="supply"):
        cheapest_flow(np.array([1.5]), np.array([1.0]), np.array([9.0]), ways)


def test_nothing_to_move_is_no_flow() -> None:
    """Without a way there is nothing to decide."""
    none = np.zeros(0)
    assert len(cheapest_flow(none, none, none, Ways(none.astype(int), none.astype(int), none, none))) == 0
