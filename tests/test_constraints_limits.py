"""Every measure of the Limits sheet, as maximum and minimum, hard and soft, on the network of test_constraints.

Placements cost 450 (both at N0), 480 (the slow SKU at N1), 510 (the fast one) and 540 (both). Where stock is measured
one node is reviewed every 3 days and the other daily, so stock there is three times as large: `large near` is 1.5 and 3
units on average at N0 against 0.5 and 1 at N1, in all 4.5 (450), 3.5 (480), 2.5 (510) or 1.5 (540); `large far` is the
reverse, 1.5 (450), 2.5 (480), 3.5 (510) or 4.5 (540). A unit costs 10; peaks are twice the average, 1 m3 a unit.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np
import pyomo.environ as pyo
import pytest

from models import network as program
from models.instance import MEASURES, Instance, LimitRow

from .test_constraints import AWAY, FAST_AWAY, NEAR, SLOW_AWAY, TESTED, certified, costs, first, holds, impossible, pair

LARGE_NEAR = {"review_days": np.array([3.0, 1.0])}
LARGE_FAR = {"review_days": np.array([1.0, 3.0])}
FAR_BEFORE = {"in_force": np.array([[False, True], [False, True]])}
STOOD_FAR = FAR_BEFORE | {"on_hand": np.array([[0.0, 1.0], [0.0, 5.0]]), "on_order": np.array([[0.0, 1.0], [0.0, 0.0]])}
PLANNED_FAR = STOOD_FAR | {"stood": np.array([[0.0, 1.0], [0.0, 4.0]])}
ANY = (True, True)
N0, N1 = (True, False), (False, True)


@dataclass(frozen=True)
class Bite:
    """A limit that changes the plan, and by how much."""

    measure: str
    sense: str
    amount: float
    facts: Mapping[str, Any]
    free: float  # cost without the limit
    short: float  # by how much that plan breaks it
    held: float  # cost with it
    at: tuple[int, int]  # placement with it
    why: str
    skus: tuple[bool, bool] = ANY
    nodes: tuple[bool, bool] = ANY
    periods: tuple[bool, ...] = (True,)
    regions: tuple[bool, ...] | None = None

    def limit(self, penalty: float = np.inf) -> LimitRow:
        """The row of the Limits sheet."""
        regions = None if self.regions is None else np.array(self.regions)
        masks = np.array(self.skus), np.array(self.nodes), regions, np.array(self.periods)
        return LimitRow("the limit", self.measure, self.sense, self.amount, *masks, penalty, not all(self.skus))

    def instance(self, *limits: LimitRow) -> Instance:
        """The network with the given limits."""
        return replace(pair(**self.facts), limits=limits)


def candidate(node: int, fixed: float, **facts: Any) -> dict[str, Any]:
    """Facts of a network in which one node is a candidate with a monthly cost."""
    return {"candidate": np.arange(2) == node, "fixed_cost": np.where(np.arange(2) == node, fixed, 0.0), **facts}


BITES = (
    Bite("value", "max", 40, LARGE_NEAR, 450, 5, 480, SLOW_AWAY, "45 is tied up near, 35 without the slow SKU"),
    Bite("value", "min", 20, LARGE_FAR, 450, 5, 480, SLOW_AWAY, "15 is tied up near, 25 with the slow SKU far"),
    Bite("value", "max", 10, LARGE_NEAR, 450, 5, 480, SLOW_AWAY, "the slow SKU alone: 15 near, 5 far",
         skus=(True, False)),
    Bite("volume_m3", "max", 6, LARGE_NEAR, 450, 3, 510, FAST_AWAY, "peaks of 9, 7 (slow away) or 5 m3 (fast away)"),
    Bite("volume_m3", "min", 4, LARGE_FAR, 450, 1, 480, SLOW_AWAY, "peaks of 3 m3 near, 5 with the slow SKU far"),
    Bite("volume_m3", "max", 6, LARGE_NEAR, 450, 3, 480, SLOW_AWAY, "at N0 alone: 9, or 6 without the slow SKU",
         nodes=N0),
    Bite("units", "max", 4, LARGE_NEAR, 450, 0.5, 480, SLOW_AWAY, "4.5 units on average, 3.5 without the slow SKU"),
    Bite("units", "min", 3, LARGE_FAR, 450, 1.5, 510, FAST_AWAY, "1.5, 2.5 (slow away), 3.5 (fast away)"),
    Bite("units_per_day", "max", 2, {}, 450, 1, 480, SLOW_AWAY, "3 units a day leave N0", nodes=N0),
    Bite("units_per_day", "min", 1.5, {}, 450, 1.5, 510, FAST_AWAY, "only the fast SKU sells 1.5 a day", nodes=N1),
    Bite("units_per_day", "max", 2, {}, 450, 1, 480, SLOW_AWAY, "3 units a day go from N0 to customers there",
         nodes=N0, regions=(True,)),
    Bite("skus", "max", 1, {}, 450, 1, 480, SLOW_AWAY, "two SKUs at N0", nodes=N0),
    Bite("skus", "min", 1, {}, 450, 1, 480, SLOW_AWAY, "no SKU at N1", nodes=N1),
    Bite("skus", "min", 1, {}, 450, 1, 510, FAST_AWAY, "not the fast SKU at N1", nodes=N1, skus=(False, True)),
    Bite("nodes", "max", 1, candidate(0, 10), 460, 1, 540, AWAY, "N1 is always open, so N0 may not open"),
    Bite("nodes", "min", 2, candidate(1, 25), 450, 1, 475, NEAR, "N1 opens for 25 and stocks nothing"),
    Bite("cost", "max", 160, {"max_skus": first(1.0)}, 480, 20, 510, FAST_AWAY,
         "the slow SKU costs 150 near, 180 far; one slot is near", skus=(True, False)),
    Bite("cost", "max", 550, candidate(0, 50, periods=2, opening_cost=60.0), 1060, 10, 1080, AWAY,
         "the first period costs 450 + 50 + 60 with N0 open, 540 without it", periods=(True, False)),
    Bite("cost", "min", 500, {}, 450, 50, 510, FAST_AWAY, "the cheapest placement that costs 500"),
    Bite("on_time_share", "min", 0.95, {"lane_on_time": np.array([0.9, 1.0])}, 450, 0.05, 510, FAST_AWAY,
         "0.9 near; 0.933 without the slow SKU, 0.967 without the fast one"),
    Bite("on_time_share", "max", 0.98, {"lane_on_time": np.array([1.0, 0.9])}, 450, 0.02, 480, SLOW_AWAY,
         "all on time near; 0.967 with the slow SKU far"),
    Bite("on_time_share", "min", 0.95, {"lane_on_time": np.array([0.9, 1.0])}, 450, 0.05, 480, SLOW_AWAY,
         "of the slow SKU's parcels", skus=(True, False)),
    Bite("purchases", "max", 930, LARGE_NEAR, 450, 15, 510, FAST_AWAY,
         "30 days' sales are 900, stock 45, 35 (slow away) or 25 (fast away)"),
    Bite("purchases", "min", 920, LARGE_FAR, 450, 5, 480, SLOW_AWAY, "30 days' sales are 900, stock 15 or 25"),
    Bite("purchases", "max", 830, LARGE_NEAR | {"on_hand": np.array([[10.0, 0.0], [0.0, 0.0]])}, 450, 15, 510,
         FAST_AWAY, "100 less to buy with 10 of the slow SKU on hand"),
    Bite("changes", "min", 1, {"in_force": np.array([[True, False], [True, False]])}, 450, 1, 480, SLOW_AWAY,
         "none with both at N0 as before; the slow SKU away is gone and new"),
    Bite("changes", "max", 3, FAR_BEFORE, 450, 1, 480, SLOW_AWAY, "both moved are two gone and two new"),
    Bite("changes", "max", 1, FAR_BEFORE, 450, 1, 510, FAST_AWAY, "the fast SKU at N1 is gone, at N0 is new: two",
         skus=(False, True)),
    Bite("changes", "max", 0, FAR_BEFORE, 450, 2, 540, AWAY, "nothing may become new at N0", nodes=N0),
    Bite("change_value", "max", 84, STOOD_FAR, 450, 1, 480, SLOW_AWAY,
         "both moved: 20 and 50 are left, 5 and 10 arrive; the fast one alone is 60"),
    Bite("change_value", "max", 50, STOOD_FAR, 450, 10, 510, FAST_AWAY, "the fast SKU's 60", skus=(False, True)),
    Bite("change_value", "max", 12, STOOD_FAR, 450, 3, 480, SLOW_AWAY, "15 arrive at N0, 10 of the fast", nodes=N0),
    Bite("change_value", "max", 60, PLANNED_FAR, 450, 5, 480, SLOW_AWAY, "10 and 40 by the earlier plan, 15 arrive"),
    Bite("change_value", "min", 30, {"in_force": np.array([[True, False], [True, False]]),
         "on_hand": np.array([[3.0, 0.0], [5.0, 0.0]])}, 450, 30, 480, SLOW_AWAY,
         "nothing moves; with the slow SKU away 30 are left and 5 arrive"),
)  # fmt: skip


def named(bite: Bite) -> str:
    return f"{bite.measure}-{bite.sense}-{bite.amount:g}"


def case(bite: Bite) -> Any:
    """The bite as a parameter of a test."""
    return pytest.param(bite, id=named(bite))


CASES = [case(bite) for bite in BITES]


UNCONDITIONAL = (("nodes", "max"), ("changes", "max"), ("change_value", "max"), ("cost", "min"))


def can_be_impossible(bite: Bite) -> bool:
    """Nothing at one node, or no change, is no contradiction, one node is always open, and a least cost has no end."""
    reachable = bite.sense == "max" and not all(bite.nodes)
    return not reachable and (bite.measure, bite.sense) not in UNCONDITIONAL


def every_period(bite: Bite, instance: Instance) -> list[tuple[int, int]]:
    return [bite.at] * len(instance.periods)


@holds("limit_is_respected")
@pytest.mark.parametrize("bite", CASES)
def test_a_hard_limit_is_kept_at_its_price(bite: Bite) -> None:
    """The best plan breaks the limit; with it the next best that keeps it is found; without its row nothing changes."""
    costs(bite.instance(), bite.free)
    limited = bite.instance(bite.limit())
    costs(limited, bite.held, *every_period(bite, limited))
    assert certified(limited, "limit_holds").objective == pytest.approx(bite.free)


@pytest.mark.parametrize("bite", CASES)
def test_a_soft_limit_is_broken_where_that_is_cheaper(bite: Bite) -> None:
    """At a tenth of the price of keeping it the limit is broken and paid for; at a thousand times, kept."""
    extra = bite.held - bite.free
    cheap = bite.instance(bite.limit(0.1 * extra / bite.short))
    costs(cheap, bite.free + 0.1 * extra)
    dear = bite.instance(bite.limit(1000 * extra / bite.short))
    costs(dear, bite.held, *every_period(bite, dear))


def test_a_limit_holds_in_each_period_on_its_own() -> None:
    """At most one SKU near in the second of two periods: 450 + 480; in both: 960; soft for 4: 900 + 2 x 4."""
    bite = Bite("skus", "max", 1, {"periods": 2}, 900, 1, 930, SLOW_AWAY, "", nodes=N0, periods=(False, True))
    costs(bite.instance(bite.limit()), 930, NEAR, SLOW_AWAY)
    both = replace(bite, periods=(True, True))
    costs(both.instance(both.limit()), 960, SLOW_AWAY, SLOW_AWAY)
    costs(both.instance(both.limit(4.0)), 908, NEAR, NEAR)


def test_units_per_day_count_what_a_feeder_passes_on_unless_a_region_is_named() -> None:
    """N2 feeds N0: at most 2 units a day through N2 sends the slow SKU away (480), but N2 ships none."""
    facts = {"nodes": 3, "feeder": np.array([2, -1, -1]), "allowed": np.array([True, True, False])[None, :, None]}
    row = LimitRow("the limit", "units_per_day", "max", 2.0, np.ones(2, dtype=bool), np.array([False, False, True]),
                   None, np.array([True]))  # fmt: skip
    costs(replace(pair(**facts), limits=(row,)), 480, SLOW_AWAY)
    costs(replace(pair(**facts), limits=(replace(row, regions=np.array([True])),)), 450, NEAR)


@pytest.mark.parametrize("bite", [bite for bite in BITES if can_be_impossible(bite)], ids=named)
def test_an_amount_out_of_reach_is_infeasible(bite: Bite) -> None:
    """An amount beyond what any placement can reach has no plan, and the limit is named in the relief."""
    beyond = bite.amount * (1e-3 if bite.sense == "max" else 1e3)
    if bite.measure == "on_time_share":
        beyond = 0.5 if bite.sense == "max" else 1.5
    impossible(bite.instance(replace(bite.limit(), amount=beyond)))


def test_every_measure_is_tested_in_both_senses() -> None:
    """A measure added to the model without a smallest case for its maximum and its minimum fails here."""
    assert {(bite.measure, bite.sense) for bite in BITES} == set(product(MEASURES, ("max", "min")))


def rules_of_the_program() -> set[str]:
    """The constraint functions that `models.network.build` uses."""
    tree = ast.parse(inspect.getsource(program.build))
    return {
        word.value.id
        for word in ast.walk(tree)
        if isinstance(word, ast.keyword) and word.arg == "rule" and isinstance(word.value, ast.Name)
    }


def test_every_rule_of_the_program_has_a_test() -> None:
    """A constraint added to the program without a smallest case that it decides fails here."""
    rules = rules_of_the_program()
    assert len(rules) >= 8
    assert rules == set(TESTED)


def test_every_constraint_of_the_program_is_one_of_the_rules() -> None:
    """No block of rows enters the program by another way than a named function."""
    blocks = list(program.build(replace(pair(), budget=1.0)).component_objects(pyo.Constraint))
    assert len(blocks) == len(rules_of_the_program())
