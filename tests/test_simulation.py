"""The simulator by hand: stock paths, expiry, transfers, split orders, backups, reviews, room, periods and costs."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.shelves import FRESH, NEVER, Shelves
from models.simulation import Opening, Options, OrderLines, simulate

from .worlds import daily, network, opening, orders, path, rules


def test_constant_demand_follows_the_path_drawn_by_hand() -> None:
    """2 a day from 10, r = 6, Q = 5, lead time 2, daily review, up to 11: the stock each evening is as counted.

    Evening of day 1: 6, order 5, sold from day 4 on (2 full days later). Evening of day 4: 5, order 6 for day 7.
    """
    world = network()
    tally, stock = path(world, rules(world, 6, 5), daily([2] * 10), opening((0, 0, 10)), 10)
    assert stock[:, 0, 0].tolist() == [8, 6, 4, 2, 5, 3, 1, 5, 3, 1]
    assert tally.sku["at_once"][0] == tally.sku["ordered"][0] == 20
    assert tally.sku["lost"][0] == 0


def test_fixed_lots_order_multiples_of_the_quantity() -> None:
    """A position of 1 below r = 6 with Q = 2 needs three lots (1 + 6 = 7 > 6); up to r + Q would ask for 7."""
    world = network()
    lots, _ = path(world, rules(world, 6, 2), daily([9]), opening((0, 0, 10)), 1, fixed_lots=True)
    lift, _ = path(world, rules(world, 6, 2), daily([9]), opening((0, 0, 10)), 1)
    assert (lots.supplied, lift.supplied) == (6, 7)


def test_orders_obey_the_minimum_and_whole_packs() -> None:
    """7 wanted, at least 9, in packs of 5: 10 are ordered."""
    world = network(moq=9, pack_size=5)
    tally, _ = path(world, rules(world, 6, 2), daily([9]), opening((0, 0, 10)), 1)
    assert tally.supplied == 10


@pytest.mark.parametrize(
    ("review", "ordered_on"), [(0, [0, 1, 2, 3, 4, 5, 6]), (1, [0, 1, 2, 3, 4, 5, 6]), (3, [0, 3, 6])]
)
def test_nodes_order_on_their_review_days_only(review: int, ordered_on: list[int]) -> None:
    """Base stock, one sale a day: what is on order grows on review days, the first of which is the first day."""
    world = network(review_days=review, lead_time=50)
    seen = []
    simulate(
        world, rules(world, 99, 1), daily([1] * 7), opening((0, 0, 100)), 0, 6,
        observe=lambda day, state: seen.append(state.on_order[0]),
    )  # fmt: skip
    grown = np.flatnonzero(np.diff(seen, prepend=0.0) > 0)
    assert grown.tolist() == ordered_on


@pytest.mark.parametrize(("review", "first_evening"), [(1, 4), (0, 3)])
def test_the_protection_time_is_lead_time_plus_review(review: int, first_evening: int) -> None:
    """Ordered on the evening of day 0 with 3 days of lead time: 3 full days of demand later with a daily review (the
    day after them is day 4), counted from the sale itself without one (day 3)."""
    world = network(review_days=review, lead_time=3)
    _, stock = path(world, rules(world, 0, 10), daily([1]), opening((0, 0, 1)), 6)
    assert np.flatnonzero(stock[:, 0, 0] > 0)[0] == first_evening


def test_units_expire_in_the_order_they_came() -> None:
    """4 units that may be sold until day 2 and 3 until day 5, one sale a day: the older leave first.

    Days 0 to 2 sell three of the old, the fourth expires at the start of day 3; days 3 to 5 sell the three younger.
    """
    world = network(shelf_life_days=100)
    start = opening((0, 0, 3, 0, 6), (0, 0, 4, 0, 3))
    tally, stock = path(world, rules(world, -1, 0), daily([1] * 8), start, 8)
    assert stock[:, 0, 0].tolist() == [6, 5, 4, 2, 1, 0, 0, 0]
    assert tally.day["spoiled"].tolist() == [0, 0, 0, 1, 0, 0, 0, 0]
    assert tally.sku["lost"][0] == 2
    assert tally.costs["spoilage"][0] == 10


def test_a_delivery_lives_for_its_shelf_life() -> None:
    """Ordered on the evening of day 0, on the shelf on day 3, life 4 days: sold on days 3 to 6, gone on day 7."""
    world = network(shelf_life_days=4)
    tally, stock = path(world, rules(world, 0, 10), daily([1, 0, 0, 1, 1, 1, 1, 1]), opening((0, 0, 1)), 8)
    assert stock[:, 0, 0].tolist() == [0, 0, 0, 9, 8, 7, 6, 0]
    assert tally.day["spoiled"][7] == 6


def test_a_fed_node_is_resupplied_from_its_feeder_at_its_age() -> None:
    """Node 0 (10 units that expire on day 6) feeds node 1: 4 leave on day 0 and are sold there from day 3 to day 5."""
    world = network(nodes=2, feeder=[[-1, 0]], shelf_life_days=100, lane_parcel_cost=[9, 1])
    plan = rules(world, [[[-1.0], [0.0]]], [[[0.0], [4.0]]])
    tally, stock = path(world, plan, daily([0, 0, 0, 1, 1]), opening((0, 0, 10, 0, 6)), 8)
    assert stock[:, 0, 0].tolist() == [6, 6, 6, 6, 6, 6, 0, 0]
    assert stock[:, 0, 1].tolist() == [0, 0, 0, 3, 2, 2, 0, 0]
    assert (tally.node["fed"][0], tally.node["received"][1]) == (4, 4)
    assert tally.day["spoiled"][6] == 8
    assert tally.supplied == 0


def test_a_fed_node_waits_while_its_feeder_is_empty() -> None:
    """The feeder holds 1 of the 4 asked for; the other 3 leave when it is resupplied (day 3) and arrive on day 6."""
    world = network(nodes=2, feeder=[[-1, 0]], lane_parcel_cost=[9, 1])
    plan = rules(world, [[[0.0], [0.0]]], [[[5.0], [4.0]]])
    _, stock = path(world, plan, daily([]), opening((0, 0, 1)), 7)
    assert stock[:, 0, 1].tolist() == [0, 0, 0, 1, 1, 1, 4]
    assert stock[:, 0, 0].tolist() == [0, 0, 0, 5, 5, 5, 5]


def test_a_feeder_that_only_passes_goods_on_adds_its_lead_time_and_freight() -> None:
    """Node 0 feeds node 1 but does not stock: lead time 2 + 2, so 4 full days; freight and handling of both legs."""
    world = network(nodes=2, feeder=[[-1, 0]], inbound_per_unit=[[0.5, 0.25]], handling_cost=[0.125, 0])
    plan = rules(world, 0, 4, [[[False], [True]]])
    tally, stock = path(world, plan, daily([]), opening(), 7)
    assert stock[:, 0, 1].tolist() == [0, 0, 0, 0, 0, 4, 4]
    assert tally.costs["inbound"][:-1].tolist() == [0, 3]
    assert tally.costs["handling"][:-1].tolist() == [0, 0.5]


def test_the_node_that_has_all_comes_before_the_cheaper_one() -> None:
    """Node 0 is cheaper but has 2 of the 3 units: node 1 ships them in one parcel."""
    world = network(nodes=2)
    tally, stock = path(world, rules(world, -1, 0), daily([3]), opening((0, 0, 2), (0, 1, 5)), 1)
    assert stock[0, 0].tolist() == [2, 2]
    assert tally.costs["outbound"][:-1].tolist() == [0, 6]
    assert tally.day["split_orders"][0] == 0


def test_of_two_nodes_that_have_all_the_cheaper_ships() -> None:
    """Parcels cost 5 from node 0 and 6 from node 1."""
    world = network(nodes=2)
    tally, _ = path(world, rules(world, -1, 0), daily([3]), opening((0, 0, 3), (0, 1, 5)), 1)
    assert tally.costs["outbound"][:-1].tolist() == [5, 0]


def test_an_order_is_split_into_the_fewest_parcels() -> None:
    """SKUs 0, 1, 2 at nodes 0, 1, 2 and SKUs 1, 2 both at dear node 3: nodes 0 and 3 ship in two parcels, not three."""
    world = network(skus=3, nodes=4)
    start = opening((0, 0, 1), (1, 1, 1), (2, 2, 1), (1, 3, 1), (2, 3, 1))
    tally, _ = path(world, rules(world, -1, 0), orders((0, 0, 0, 0, 1), (0, 0, 1, 0, 1), (0, 0, 2, 0, 1)), start, 1)
    assert tally.node["parcels"].tolist() == [1, 0, 0, 1]
    assert (tally.day["split_orders"][0], tally.day["good_orders"][0]) == (1, 1)


def test_among_equally_many_parcels_the_cheapest_are_taken() -> None:
    """SKU 0 at node 0, SKU 1 at nodes 1 and 2 (parcels 6 and 7): nodes 0 and 1 ship."""
    world = network(skus=2, nodes=3)
    start = opening((0, 0, 1), (1, 1, 1), (1, 2, 1))
    tally, _ = path(world, rules(world, -1, 0), orders((0, 0, 0, 0, 1), (0, 0, 1, 0, 1)), start, 1)
    assert tally.node["parcels"].tolist() == [1, 1, 0]


def test_five_nodes_with_a_unit_each_make_five_parcels() -> None:
    """An order of 6 units finds one at each of 5 nodes: five parcels, and one unit is missed."""
    world = network(nodes=5)
    tally, _ = path(world, rules(world, -1, 0), daily([6]), opening(*((0, n, 1) for n in range(5))), 1)
    assert tally.node["parcels"].tolist() == [1] * 5
    assert tally.sku["lost"][0] == 1


def test_those_who_come_first_are_served_first() -> None:
    """Stock 5; orders of 3, 3 and 1: the first takes 3, the second what is left, the third nothing."""
    world = network()
    lines = orders((0, 7, 0, 0, 3), (0, 8, 0, 0, 3), (0, 9, 0, 0, 1))
    tally, _ = path(world, rules(world, -1, 0), lines, opening((0, 0, 5)), 1)
    assert tally.sku["at_once"][0] == 5
    assert (tally.day["orders"][0], tally.day["full_orders"][0]) == (3, 1)


def test_the_backup_ships_when_the_primary_is_out_of_service() -> None:
    """Node 0 is out every day: node 1 ships all, and node 0's orders count as asked of it."""
    world = network(nodes=2, outage_days=[365, 0])
    tally, stock = path(world, rules(world, -1, 0), daily([1] * 4), opening((0, 0, 9), (0, 1, 9)), 4)
    assert stock[3, 0].tolist() == [9, 5]
    assert (tally.node["asked"].tolist(), tally.node["own"].tolist()) == ([4, 0], [0, 0])
    assert tally.node["out_days"].tolist() == [4, 0]


def test_outages_are_as_frequent_as_stated() -> None:
    """73 days a year on 4,000 days: 800 expected with sd sqrt(4000 x 0.2 x 0.8) = 25, so within 4 sd of it."""
    world = network(outage_days=73, days=4000)
    tally, _ = path(world, rules(world, -1, 0), daily([]), opening((0, 0, 1)), 4000)
    assert abs(tally.node["out_days"][0] - 800) < 4 * 25.3


def test_only_nodes_that_hold_the_sku_by_plan_ship_it() -> None:
    """Stock at a node that the plan does not name moves to the node that it names; until then nothing is sold."""
    world = network(nodes=2)
    plan = rules(world, -1, 0, [[[True], [False]]])
    tally, stock = path(world, plan, daily([1] * 5), opening((0, 1, 9)), 5)
    assert stock[:, 0, 0].tolist() == [0, 0, 0, 8, 7]
    assert (tally.sku["lost"][0], tally.node["fed"][1]) == (3, 9)


def test_a_late_lane_breaks_the_promise_and_pays() -> None:
    """Promise 3 days, lane 4: every parcel is late and pays 7, though all orders are full."""
    world = network(lane_days=4, late_penalty=7.0)
    tally, _ = path(world, rules(world, -1, 0), daily([1] * 3), opening((0, 0, 9)), 3)
    assert (tally.day["late_parcels"].sum(), tally.costs["late"].sum()) == (3, 21)
    assert (tally.day["full_orders"].sum(), tally.day["good_orders"].sum()) == (3, 0)


def test_goods_that_no_lane_carries_together_travel_apart() -> None:
    """Ambient goods go by one van, chilled by another: an order of both is two parcels, and one order."""
    carries = [[True, False, False], [False, True, False]]
    world = network(skus=2, nodes=2, temperature=[0, 1], lane_temperatures=carries)
    lines = orders((0, 0, 0, 0, 1), (0, 0, 1, 0, 1))
    tally, _ = path(world, rules(world, -1, 0), lines, opening((0, 0, 5), (1, 1, 5)), 1)
    assert tally.node["parcels"].tolist() == [1, 1]
    assert (tally.day["orders"][0], tally.day["split_orders"][0]) == (1, 1)


def test_back_orders_are_served_from_the_next_delivery() -> None:
    """5 ordered from a stock of 2; the delivery of day 3 serves the other 3, late; in the end none is owed."""
    world = network()
    tally, stock = path(world, rules(world, 0, 4), daily([5]), opening((0, 0, 2)), 5, backorders=True)
    assert stock[:, 0, 0].tolist() == [0, 0, 0, 4, 4]
    assert (tally.supplied, tally.sku["later"][0], tally.sku["lost"][0], tally.owed) == (7, 3, 0, 0)
    assert (tally.day["parcels"].sum(), tally.day["late_parcels"].sum()) == (2, 1)


def test_a_delivery_waits_outside_until_there_is_room() -> None:
    """Room for 6 units: 5 stand there on day 3 when 10 come; 1 goes in, then as many as are sold."""
    world = network(room_m3=0.006)
    plan = rules(world, 5, 10)
    tally, stock = path(world, plan, daily([0, 0, 0, 2, 2, 2]), opening((0, 0, 5)), 6)
    assert stock[:, 0, 0].tolist() == [5, 5, 5, 4, 4, 4]
    assert tally.peak_m3[0, 0] == pytest.approx(0.006)
    free, _ = path(world, plan, daily([0, 0, 0, 2, 2, 2]), opening((0, 0, 5)), 6, room=False)
    assert free.peak_m3[0, 0] == pytest.approx(0.015)


def test_what_a_node_cannot_send_today_leaves_tomorrow() -> None:
    """4 units a day: of 10 orders of one unit 4 leave today, 4 tomorrow, 2 the day after: the lane takes 1 day of 2
    promised, so these 2 are late. Of 4 orders of the next day 2 leave with them, in time, and 2 a day later, late."""
    world = network(units_per_day=4, promise_days=2)
    lines = orders(*((day, 20 * day + n, 0, 0, 1) for day, count in enumerate((10, 4)) for n in range(count)))
    tally, stock = path(world, rules(world, -1, 0), lines, opening((0, 0, 30)), 2)
    assert tally.day["late_parcels"].tolist() == [2, 2]
    assert stock[:, 0, 0].tolist() == [20, 16]
    free, _ = path(network(promise_days=2), rules(world, -1, 0), lines, opening((0, 0, 30)), 2)
    assert free.day["late_parcels"].tolist() == [0, 0]


def test_a_lane_carries_so_many_parcels_a_day() -> None:
    """Two parcels a day, promised for the day after: the third of a day is late, and takes the place of the next day's
    second."""
    world = network(lane_parcels_per_day=2, promise_days=1)
    lines = orders(*((day, 20 * day + n, 0, 0, 5) for day, count in enumerate((3, 2)) for n in range(count)))
    tally, _ = path(world, rules(world, -1, 0), lines, opening((0, 0, 99)), 2)
    assert tally.day["late_parcels"].tolist() == [1, 1]


def test_other_nodes_wait_until_customers_are_served() -> None:
    """Node 0 sends 5 units a day: the 8 that node 1 asks for take two days, so they are there a day later than without
    the limit; a day later still where customers had 5 on the day."""
    facts = {"nodes": 2, "feeder": [[-1, 0]], "lane_parcel_cost": [9, 1]}
    plan = rules(network(**facts), [[[-1.0], [0.0]]], [[[0.0], [8.0]]])
    _, free = path(network(**facts), plan, daily([]), opening((0, 0, 20)), 6)
    _, held = path(network(**facts, units_per_day=[5, np.inf]), plan, daily([]), opening((0, 0, 20)), 6)
    _, busy = path(network(**facts, units_per_day=[5, np.inf]), plan, daily([5]), opening((0, 0, 20)), 6)
    first = [int(np.flatnonzero(seen[:, 0, 1] > 0)[0]) for seen in (free, held, busy)]
    assert [day - first[0] for day in first] == [0, 1, 2]


def test_a_new_period_brings_its_own_figures_in_time() -> None:
    """The second period (day 10) stocks node 1 as well. What is ordered on the evening of day 6 is there on day 9; the
    next order, of day 7, could be there on day 10: too late to begin with, so day 6 is the last to order, and does.
    """
    world = network(nodes=2, periods=2, days=10, lane_parcel_cost=[9, 1])
    plan = rules(world, 0, 4, [[[True, True], [False, True]]])
    tally, stock = path(world, plan, daily([1] * 12), opening((0, 0, 50)), 12)
    assert np.flatnonzero(stock[:, 0, 1] > 0)[0] == 9
    assert tally.node["shipped"].tolist() == [10, 2]
    _, stock = path(world, plan, daily([1] * 14), opening((0, 0, 50)), 14, ahead=False)
    assert np.flatnonzero(stock[:, 0, 1] > 0)[0] == 13


def test_a_feeder_orders_what_a_new_node_will_ask_for() -> None:
    """Node 1 begins on day 20 with a level of 8; the central node holds 5 (r = 0, Q = 2), its notice is 6 days.

    On the evening of day 13 it orders up to 2 as if the 8 were gone: 5. They arrive on day 16, when node 1 asks and
    gets its 8; 2 are left.
    """
    world = network(nodes=2, periods=2, days=20, feeder=[[-1, 0]])
    plan = rules(world, 0, [[[2, 2], [8, 8]]], [[[True, True], [False, True]]])
    tally, stock = path(world, plan, daily([]), opening((0, 0, 5)), 22)
    assert stock[:, 0, 0].tolist() == [5] * 16 + [2] * 6
    assert stock[:, 0, 1].tolist() == [0] * 19 + [8] * 3
    assert tally.supplied == 5


def test_each_term_of_cost_by_hand() -> None:
    """30 days (one month), 10 units of 10 money held, one sale of 3 units of 0.5 kg on the last day.

    Stock: 29 days of 10 and one of 8.5 (mean of morning and evening). Capital 0.001 x 10 a unit-day, storage 6 / 30,
    stocking 4 a month, a parcel 5 + 1.5 kg x 2 = 8, handling 3 x 0.25.
    """
    world = network(
        days=30, holding_rate=0.365, volume_m3=1, storage_cost=6, stocking_cost=4, weight_kg=0.5, lane_kg_cost=2,
        handling_cost=0.25, months=1,
    )  # fmt: skip
    world = replace(world, months=np.ones(1))
    tally, _ = path(world, rules(world, -1, 0), daily([0] * 29 + [3]), opening((0, 0, 10)), 30)
    unit_days = 29 * 10 + 8.5
    expected = {
        "capital": unit_days * 10 * 0.001, "storage": unit_days * 6 / 30, "stocking": 4, "outbound": 8,
        "handling": 0.75,
    }  # fmt: skip
    assert {term: float(money.sum()) for term, money in tally.costs.items() if money.sum()} == pytest.approx(expected)


def test_ordering_inbound_and_lost_sales_by_hand() -> None:
    """One order of 7 (25 money, 0.5 a unit and 2 a kg of 0.2 kg), and 3 units lost at half the price of 20."""
    world = network(order_cost=25, inbound_per_unit=0.5, inbound_per_kg=2)
    tally, _ = path(world, rules(world, 0, 7), daily([5]), opening((0, 0, 2)), 4)
    assert tally.costs["ordering"].sum() == 25
    assert tally.costs["inbound"].sum() == pytest.approx(7 * 0.9)
    assert tally.costs["lost"].sum() == 30


def test_days_outside_the_plan_are_refused() -> None:
    """A plan of 1,000 days from day 0 says nothing of day -1 and day 1,000."""
    world = network()
    for since, until in ((-1, 5), (5, 1000), (7, 6)):
        with pytest.raises(ValueError, match="do not lie in"):
            simulate(world, rules(world, 0, 1), daily([]), opening(), since, until)


WORLD = st.fixed_dictionaries(
    {
        "seed": st.integers(0, 2**32 - 1),
        "skus": st.integers(1, 4),
        "nodes": st.integers(1, 4),
        "regions": st.integers(1, 3),
        "periods": st.integers(1, 3),
        "backorders": st.booleans(),
        "fixed_lots": st.booleans(),
        "ahead": st.booleans(),
    }
)


def _random(facts: dict) -> tuple:
    """A random network with feeders, temperatures, expiry, room, outages and changing placements; 40 days of orders."""
    rng = np.random.default_rng(facts["seed"])
    skus, nodes, regions, periods = (facts[name] for name in ("skus", "nodes", "regions", "periods"))
    pair = (skus, nodes)
    feeder = np.array([[rng.integers(-1, n) if n else -1 for n in range(nodes)] for _ in range(skus)])
    world = network(
        skus, nodes, regions, periods, days=-(-40 // periods), feeder=feeder, temperature=rng.integers(0, 3, skus),
        shelf_life_days=rng.choice([4.0, 9.0, np.inf], skus), lead_time=rng.integers(0, 6, pair),
        lead_time_sd=rng.choice([0.0, 2.0], pair), review_days=rng.choice([0.0, 1.0, 5.0], nodes),
        outage_days=rng.choice([0.0, 60.0], nodes), pack_size=rng.choice([1.0, 4.0], skus), lane_damage=0.1,
        lane_temperatures=rng.random((nodes * regions, 3)) < 0.8, lane_on_time=0.8, weight_kg=rng.uniform(0, 3, skus),
        room_m3=np.where(rng.random((nodes, 3)) < 0.5, np.inf, rng.uniform(0.005, 0.05, (nodes, 3))),
    )  # fmt: skip
    shape = (*pair, periods)
    plan = rules(world, rng.integers(0, 12, shape), rng.integers(0, 12, shape), rng.random(shape) < 0.7)
    count = 120
    lines = OrderLines(
        rng.integers(0, 40, count), rng.integers(0, 60, count), rng.integers(0, skus, count),
        rng.integers(0, regions, count), rng.integers(1, 6, count).astype(float),
    )  # fmt: skip
    rows = 6
    start = Opening(
        rng.integers(0, skus, rows), rng.integers(0, nodes, rows), rng.integers(0, 20, rows).astype(float),
        rng.integers(0, 5, rows), rng.choice([-1, 3, 12, 99], rows),
    )  # fmt: skip
    options = Options(facts["backorders"], facts["fixed_lots"], True, facts["ahead"])
    return world, plan, lines, start, options


@given(facts=WORLD)
@settings(max_examples=60, deadline=None)
def test_no_unit_is_made_or_lost(facts: dict) -> None:
    """Whatever the network: opening + supplied = shipped + spoiled + on hand + on the way, in total and by SKU demand.

    Ordered = shipped at once + shipped later + lost + still owed; no stock is ever negative; perishable stock is the
    sum of its batches; what nodes ship, customers get.
    """
    world, plan, lines, start, options = _random(facts)

    def look(day: int, state: object) -> None:
        shelves = state.shelves
        assert shelves.on_hand.min() >= 0
        assert shelves.batches.min(initial=0) >= 0
        assert np.allclose(shelves.batches.sum(axis=1), shelves.on_hand[shelves.aged])
        assert state.owed.min() >= -1e-9
        assert state.on_order.min() >= -1e-9

    tally = simulate(world, plan, lines, start, 0, 39, facts["seed"], options, look)
    sku = tally.sku
    shipped = sku["at_once"].sum() + sku["later"].sum()
    assert tally.opening + tally.supplied == pytest.approx(
        shipped + sku["spoiled"].sum() + tally.on_hand + tally.on_way
    )
    demand = np.bincount(lines.sku, lines.quantity, len(world.skus))
    assert np.allclose(sku["ordered"], demand)
    assert sku["ordered"].sum() == pytest.approx(shipped + sku["lost"].sum() + tally.owed)
    assert tally.node["shipped"].sum() == pytest.approx(shipped)
    assert tally.missed.sum() == pytest.approx(sku["ordered"].sum() - sku["at_once"].sum())
    assert options.backorders or sku["later"].sum() == 0


@given(facts=WORLD)
@settings(max_examples=10, deadline=None)
def test_the_same_seed_gives_the_same_life(facts: dict) -> None:
    """Two runs with one seed agree in every figure, in whatever order the lines are given."""
    world, plan, lines, start, options = _random(facts)
    shuffled = np.random.default_rng(1).permutation(len(lines.day))
    again = OrderLines(*(getattr(lines, name)[shuffled] for name in ("day", "order", "sku", "region", "quantity")))
    one, two = (simulate(world, plan, some, start, 0, 39, 5, options) for some in (lines, again))
    for name in ("sku", "node", "region", "day", "costs"):
        for key, values in getattr(one, name).items():
            assert np.array_equal(values, getattr(two, name)[key]), (name, key)


def test_another_seed_gives_another_life() -> None:
    """Lead times with a spread: two seeds lose different numbers of sales on 200 days."""
    world = network(lead_time=10, lead_time_sd=6)
    lines = daily([1] * 200)
    lost = {
        path(world, rules(world, 10, 5), lines, opening((0, 0, 10)), 200, seed)[0].sku["lost"][0] for seed in range(4)
    }
    assert len(lost) > 1


def test_memory_does_not_grow_with_the_days() -> None:
    """Batches are a ring as wide as the longest shelf life that can end (5 days, and 2), for 10 days as for 10,000."""
    life = np.array([5, 3, NEVER, 5])
    assert {Shelves(life, 0, last).batches.shape for last in (10, 100, 10_000)} == {(3, 7)}
    assert Shelves(np.array([365, NEVER]), 0, 30).batches.shape[1] <= 33


def test_a_million_lines_take_less_than_a_minute() -> None:
    """60,000 lines of several SKUs at eight nodes in 30 days take less than 3.6 s of computing: a minute a million."""
    rng = np.random.default_rng(0)
    skus, nodes, regions, days, count = 400, 8, 40, 30, 60_000
    feeder = np.where(np.arange(nodes) > 0, 0, -1)
    price = rng.uniform(4, 9, nodes * regions)
    world = network(
        skus, nodes, regions, days=days, feeder=feeder, lane_parcel_cost=price, lead_time_sd=1, outage_days=3,
        shelf_life_days=np.where(np.arange(skus) % 5, np.inf, 20.0), lane_damage=0.01, lane_on_time=0.9,
    )  # fmt: skip
    stocked = rng.random((skus, nodes, 1)) < 0.5
    stocked[:, 0] = True
    plan = rules(world, 25, 40, stocked)
    order = np.sort(rng.integers(0, count // 2, count))
    day, region = rng.integers(0, days, count // 2), rng.integers(0, regions, count // 2)
    lines = OrderLines(day[order], order, rng.integers(0, skus, count), region[order], rng.integers(1, 3, count) * 1.0)
    sku, node, _ = np.nonzero(stocked)
    start = Opening(sku, node, np.full(sku.size, 40.0), np.zeros(sku.size, int), np.full(sku.size, FRESH))
    began = time.process_time()
    tally = simulate(world, plan, lines, start, 0, days - 1)
    assert time.process_time() - began < 3.6
    assert tally.day["split_orders"].sum() > 100
