"""Every constraint of the network program on the smallest network in which it bites, its optimum argued in words.

Two SKUs sell 1 and 2 units a day in one region for 30 days. Shipping costs 5 a unit from N0 and 6 from N1 and nothing
else costs anything, so each SKU stands at one node and the four placements cost

    both at N0              30 (1 x 5 + 2 x 5) = 450
    the slow SKU at N1      30 (1 x 6 + 2 x 5) = 480
    the fast SKU at N1      30 (1 x 5 + 2 x 6) = 510
    both at N1              30 (1 x 6 + 2 x 6) = 540

Demand is certain and orders are free: the order quantity is the demand of the review days, there is no safety stock,
the average stock is half an order and the peak a whole one. Reviewed daily, that is 0.5 and 1 unit on average and 1 and
2 at peak; a unit costs 10 and fills 1 m3. Every optimum is also found by enumeration.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from models import network as program
from models.column_generation import solve
from models.evaluation import evaluate
from models.instance import Instance
from models.outcome import Outcome

from .enumeration import enumerate_optimum
from .worlds import network

NEAR, SLOW_AWAY, FAST_AWAY, AWAY = (0, 0), (1, 0), (0, 1), (1, 1)  # the node of the slow and of the fast SKU
TESTED: dict[str, list[str]] = {}

Test = Callable[..., None]


def holds(rule: str) -> Callable[[Test], Test]:
    """Says which rule of models/network.py a test is about."""

    def note(test: Test) -> Test:
        TESTED.setdefault(rule, []).append(test.__name__)
        return test

    return note


def pair(**facts: Any) -> Instance:
    """The network of this page, with some facts changed."""
    rates = facts.pop("mean", np.array([1.0, 2.0])[:, None, None])
    plain = {"variance": 0.0, "volume_m3": 1.0, "max_nodes": 1, "days": 30}
    return network(2, facts.pop("nodes", 2), facts.pop("regions", 1), facts.pop("periods", 1),
                   mean=rates, **(plain | facts))  # fmt: skip


def certified(instance: Instance, without: str | None = None) -> Outcome:
    """The certified optimum; ``without`` names a block of rows to take out of the network program."""
    model = program.build(instance)
    if without is not None:
        model.component(without).deactivate()
    found = solve(instance, model=model, gap=1e-9, time_limit=30)
    assert found.status in ("gap_reached", "stalled")
    assert found.bound == pytest.approx(found.objective, rel=1e-6)
    return found


def costs(instance: Instance, cost: float, *at: tuple[int, int]) -> Outcome:
    """The optimum costs this much, by enumeration too, with the two SKUs at these nodes in each period."""
    truth = enumerate_optimum(instance)
    assert truth is not None
    assert truth.cost == pytest.approx(cost, rel=1e-9), "the argument of this test is wrong"
    found = certified(instance)
    assert found.objective == pytest.approx(cost, rel=1e-6)
    assert found.stocked is not None
    assert found.open is not None
    assert found.surge is not None
    assert evaluate(instance, found.stocked, found.open, found.surge).total == pytest.approx(cost, rel=1e-6)
    for t, nodes in enumerate(at):
        assert tuple(found.stocked[:, :, t].argmax(axis=1)) == nodes
        assert (found.stocked[:, :, t].sum(axis=1) == 1).all()
    return found


def impossible(instance: Instance) -> Outcome:
    """No plan exists, by enumeration too, and the solver says what is short."""
    assert enumerate_optimum(instance) is None
    found = solve(instance, gap=1e-9, time_limit=30)
    assert found.status == "infeasible"
    assert found.stocked is None
    assert found.relief
    return found


def first(*values: float) -> np.ndarray:
    """(2,) per node, the second without limit unless given."""
    return np.array([*values, *[np.inf] * (2 - len(values))])


def room(*ambient: float) -> np.ndarray:
    """(2,3) ambient room per node; chilled and frozen have no limit."""
    return np.column_stack([first(*ambient), np.full((2, 2), np.inf)])


def test_without_any_limit_everything_is_near() -> None:
    """Nothing is scarce: both SKUs stand at N0 for 450."""
    costs(pair(), 450, NEAR)


# --- the rows of the network program ---------------------------------------------------------------------------------


@holds("volume_fits_the_room")
def test_volume_fits_the_room() -> None:
    """Both need 3 m3 at N0. With 2 m3 the slow SKU leaves (480, not 510); with 1.5 the fast one cannot stay (510)."""
    costs(pair(room_m3=room(2.0)), 480, SLOW_AWAY)
    costs(pair(room_m3=room(1.5)), 510, FAST_AWAY)
    costs(pair(room_m3=room(3.0)), 450, NEAR)
    assert certified(pair(room_m3=room(2.0)), "room_is_kept").objective == pytest.approx(450)


@holds("volume_fits_the_room")
def test_a_room_is_of_one_temperature() -> None:
    """A chilled slow SKU needs no ambient room: 2 m3 ambient are enough (450), half a m3 chilled is not (480)."""
    cold = np.array([1, 0])
    both = np.array([[2.0, 1.0, np.inf], [np.inf] * 3])
    costs(pair(temperature=cold, room_m3=both), 450, NEAR)
    costs(pair(temperature=cold, room_m3=np.array([[2.0, 0.5, np.inf], [np.inf] * 3])), 480, SLOW_AWAY)


@holds("surge_fits_the_node")
def test_surge_fits_the_node() -> None:
    """1 m3 too little at N0: surge at 7 a m3 and month is cheaper than 30 for leaving (457), if there is 1 m3 of it."""
    short = {"room_m3": room(2.0), "surge_cost": 7.0}
    found = costs(pair(**short, surge_m3=1.0), 457, NEAR)
    assert found.surge is not None
    assert found.surge[0, 0, 0] == pytest.approx(1.0)
    costs(pair(**short, surge_m3=0.5), 480, SLOW_AWAY)
    costs(pair(**(short | {"surge_cost": 40.0}), surge_m3=1.0), 480, SLOW_AWAY)
    assert certified(pair(**short, surge_m3=0.5), "surge_is_kept").objective == pytest.approx(457)


@holds("surge_fits_the_node")
def test_surge_is_shared_by_the_temperatures() -> None:
    """An ambient and a chilled SKU lack 0.5 m3 each at N0: 1 m3 of surge serves both (457), 0.9 m3 only one.

    Then the slow SKU leaves for 30, the fast one keeps its half m3 for 3.5: 483.5.
    """
    short = {"temperature": np.array([0, 1]), "surge_cost": 7.0}
    short["room_m3"] = np.array([[0.5, 1.5, 0.0], [np.inf] * 3])
    costs(pair(**short, surge_m3=1.0), 457, NEAR)
    costs(pair(**short, surge_m3=0.9), 483.5, SLOW_AWAY)


@holds("throughput_fits_the_node")
def test_throughput_fits_the_node() -> None:
    """3 units a day would leave N0. At most 2: the slow SKU leaves (480); at most 1: the fast one (510); none: 540."""
    costs(pair(units_per_day=first(2.0)), 480, SLOW_AWAY)
    costs(pair(units_per_day=first(1.0)), 510, FAST_AWAY)
    costs(pair(units_per_day=first(0.5)), 540, AWAY)
    assert certified(pair(units_per_day=first(2.0)), "throughput_is_kept").objective == pytest.approx(450)


@holds("skus_fit_the_node")
def test_skus_fit_the_node() -> None:
    """One slot at N0 goes to the fast SKU, which would lose 60 by leaving (480); no slot: 540."""
    costs(pair(max_skus=first(1.0)), 480, SLOW_AWAY)
    costs(pair(max_skus=first(0.0)), 540, AWAY)
    assert certified(pair(max_skus=first(1.0)), "slots_are_kept").objective == pytest.approx(450)


@holds("parcels_fit_the_lane")
def test_parcels_fit_the_lane() -> None:
    """The lane from N0 takes 2 parcels a day: the slow SKU leaves (480).

    Two units to a parcel halve both its use and the freight: 1.5 parcels would go, 1 fits, 15 are lost on 225 (240).
    """
    costs(pair(lane_parcels_per_day=first(2.0)), 480, SLOW_AWAY)
    costs(pair(lane_parcels_per_day=first(1.0), parcels_per_unit=0.5), 240, SLOW_AWAY)
    costs(pair(lane_parcels_per_day=first(1.5), parcels_per_unit=0.5), 225, NEAR)
    assert certified(pair(lane_parcels_per_day=first(2.0)), "lanes_are_kept").objective == pytest.approx(450)


@holds("stock_fits_the_budget")
def test_stock_fits_the_budget() -> None:
    """N0, reviewed every 3 days, ties up 15 and 30; N1, daily, 5 and 10. All near: 45.

    40 sends the slow SKU away (35, 480), 30 the fast one (25, 510), 20 both (15, 540).
    """
    slow_review = {"review_days": np.array([3.0, 1.0])}
    costs(pair(**slow_review, budget=45.0), 450, NEAR)
    costs(pair(**slow_review, budget=40.0), 480, SLOW_AWAY)
    costs(pair(**slow_review, budget=30.0), 510, FAST_AWAY)
    costs(pair(**slow_review, budget=20.0), 540, AWAY)
    assert certified(pair(**slow_review, budget=40.0), "budget_is_kept").objective == pytest.approx(450)


@holds("opening_follows_open")
def test_opening_is_paid_once_while_a_node_stays_open() -> None:
    """N0 saves 90 in each of two periods and costs 50 a period to keep: opening for 60 pays (1060), for 90 not (1080).

    Paid in each period, 60 would not pay either; never paid, 90 would be 1000.
    """
    may_open = {"periods": 2, "candidate": np.array([True, False]), "fixed_cost": np.array([50.0, 0.0])}
    costs(pair(**may_open, opening_cost=60.0), 1060, NEAR, NEAR)
    dear = pair(**may_open, opening_cost=90.0)
    costs(dear, 1080, AWAY, AWAY)
    assert certified(dear, "opening_is_paid").objective == pytest.approx(1000)


@holds("opening_follows_open")
def test_opening_again_is_paid_again() -> None:
    """N0 is there in the first and the third of three periods: it saves 90 in each and is opened twice.

    Opening for 80: 450 + 80 + 540 + 450 + 80 = 1600. For 100 it stays closed: 3 x 540 = 1620.
    """
    window = np.array([[True, False, True], [True, True, True]])
    twice = {"periods": 3, "candidate": np.array([True, False]), "available": window, "allowed": window[None]}
    costs(pair(**twice, opening_cost=80.0), 1600, NEAR, AWAY, NEAR)
    costs(pair(**twice, opening_cost=100.0), 1620, AWAY, AWAY, AWAY)


@holds("opening_follows_open")
def test_a_closed_candidate_holds_nothing() -> None:
    """No room is short, so only the opening links bind: N0 saves 90. Kept for 80 it opens (530), for 100 not (540).

    A bound without the links would stand at 450 for either.
    """
    for fixed, cost, at in ((80.0, 530, NEAR), (100.0, 540, AWAY)):
        instance = pair(candidate=np.array([True, False]), fixed_cost=np.array([fixed, 0.0]))
        found = costs(instance, cost, at)
        assert found.open is not None
        assert bool(found.open[0, 0]) is (at == NEAR)


def test_a_closed_candidate_has_no_room_no_surge_and_no_slots() -> None:
    """Capacities count only when open: with room, surge, throughput and slots for one SKU each, N0 opens for the fast.

    That saves 60 and costs 50: 540 - 60 + 50 = 530; at 70 it stays closed (540).
    """
    tight = {
        "candidate": np.array([True, False]), "room_m3": room(1.0), "surge_m3": first(1.0), "surge_cost": 0.0,
        "units_per_day": first(2.0), "max_skus": first(1.0),
    }  # fmt: skip
    costs(pair(**tight, fixed_cost=np.array([50.0, 0.0])), 530, SLOW_AWAY)
    costs(pair(**tight, fixed_cost=np.array([70.0, 0.0])), 540, AWAY)


# --- the rules on sets -----------------------------------------------------------------------------------------------


def test_a_window_keeps_a_node_out_of_a_period() -> None:
    """N0 is there in the first of two periods only: 450 + 540 = 990 instead of 900."""
    window = np.array([[True, False], [True, True]])
    costs(pair(periods=2), 900, NEAR, NEAR)
    costs(pair(periods=2, available=window, allowed=window[None]), 990, NEAR, AWAY)


def test_a_window_without_any_node_is_infeasible() -> None:
    """With both nodes shut in the second period nothing can be sold there."""
    window = np.array([[True, False], [True, False]])
    impossible(pair(periods=2, available=window, allowed=window[None]))


def test_max_nodes() -> None:
    """Each node is near one of two regions, 1 unit a day each: two ship all at 5 (600), one ships half at 6 (660)."""
    cross = {"regions": 2, "mean": 1.0, "lane_parcel_cost": np.array([5.0, 6.0, 6.0, 5.0])}
    two = costs(pair(**cross, max_nodes=2), 600)
    assert two.stocked is not None
    assert two.stocked.all()
    one = costs(pair(**cross, max_nodes=1), 660)
    assert one.stocked is not None
    assert (one.stocked.sum(axis=1) == 1).all()


def test_min_nodes() -> None:
    """A slot costs 3 a month: one node per SKU costs 450 + 2 x 3, two nodes 450 + 4 x 3 though N1 ships nothing."""
    slots = {"stocking_cost": 3.0, "max_nodes": 2}
    costs(pair(**slots), 456, NEAR)
    found = costs(pair(**slots, min_nodes=2), 462)
    assert found.stocked is not None
    assert found.stocked.all()


def test_min_nodes_is_lowered_to_the_nodes_there_are() -> None:
    """Where only N0 is allowed, two nodes cannot be asked for: 456, and no infeasibility."""
    only = np.array([True, False])[None, :, None]
    costs(pair(stocking_cost=3.0, max_nodes=2, min_nodes=2, allowed=only), 456, NEAR)


def test_backup_required() -> None:
    """A region that wants a backup needs both nodes (462); a SKU of one node at most is excused (456)."""
    wanted = {"stocking_cost": 3.0, "backup_required": True}
    found = costs(pair(**wanted, max_nodes=2), 462)
    assert found.stocked is not None
    assert found.stocked.all()
    costs(pair(**wanted, max_nodes=1), 456, NEAR)


def test_allowed() -> None:
    """A node that may not hold the slow SKU (capability, tier, temperature) sends that one away: 480."""
    may = np.ones((2, 2, 1), dtype=bool)
    may[0, 0] = False
    costs(pair(allowed=may), 480, SLOW_AWAY)


def test_a_lane_carries_its_temperatures_only() -> None:
    """The chilled slow SKU is not carried from N0 but from N1, for 480; if N1 carries none, there is no plan."""
    cold = {"temperature": np.array([1, 0])}
    ambient_only = np.array([[True, False, True], [True, True, True]])
    costs(pair(**cold, lane_temperatures=ambient_only), 480, SLOW_AWAY)
    impossible(pair(**cold, lane_temperatures=ambient_only[:1]))


FED = {"nodes": 3, "feeder": np.array([2, -1, -1]), "allowed": np.array([True, True, False])[None, :, None]}


def test_a_feeder_must_be_open() -> None:
    """N0 is fed by the candidate N2. Kept for 50 that opens and stocks nothing (540 - 90 + 50); for 100 not (540)."""
    chain = FED | {"candidate": np.array([False, False, True])}
    found = costs(pair(**chain, fixed_cost=np.array([0.0, 0.0, 50.0])), 500, NEAR)
    assert found.open is not None
    assert found.open[2, 0]
    costs(pair(**chain, fixed_cost=np.array([0.0, 0.0, 100.0])), 540, AWAY)


def test_a_feeder_outside_its_window_shuts_what_it_feeds() -> None:
    """N2 is gone in the second period, and N0 with it: 450 + 540."""
    window = np.array([[True, True], [True, True], [True, False]])
    costs(pair(**FED, periods=2, available=window), 990, NEAR, AWAY)


def test_what_is_passed_on_uses_the_feeder() -> None:
    """Goods for N0 pass N2, which handles 2 units a day: the slow SKU goes to N1, which has no feeder (480)."""
    costs(pair(**FED, units_per_day=np.array([np.inf, np.inf, 2.0])), 480, SLOW_AWAY)
