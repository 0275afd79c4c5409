"""Orders of several SKUs: parcels by hand, moves priced exactly, and a polish that never makes matters worse."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.column_generation import solve
from models.companions import Baskets, Companions, baskets, shipped, together
from models.consignments import carried_together, consignments, parcels_per_unit
from models.evaluation import evaluate
from models.gathering import Polished, polish
from models.instance import Bools, Instance
from models.orders import OrderLines
from models.wishes import Families, apart, with_wishes
from optimizer.tables.families import apart_by_family

from .instances import tiny
from .plans import hand_case, hand_plan

PLAIN = dict.fromkeys(
    ("temperatures", "candidates", "windows", "feeders", "lane_gaps", "carriers", "zero_demand", "dead_periods"), False
)


def shop(seed: int = 0, skus: int = 4, nodes: int = 3) -> Instance:
    """A tiny instance whose lanes cost 4 + node + region a parcel and nothing else, all on time."""
    instance = tiny(seed, skus=skus, nodes=nodes, regions=2, **PLAIN)
    lanes = len(instance.lane_node)
    return replace(
        instance,
        lane_parcel_cost=4.0 + instance.lane_node + instance.lane_region,
        lane_kg_cost=np.zeros(lanes),
        lane_days=np.ones(lanes),
        lane_on_time=np.ones(lanes),
        promise_days=np.full(2, np.inf),
        fastest=False,
    )


def lines_of(orders: list[list[int]], region: int = 0) -> OrderLines:
    """One unit of each SKU named, each list an order."""
    number = np.repeat(np.arange(len(orders)), [len(order) for order in orders])
    sku = np.concatenate([np.array(order) for order in orders])
    return OrderLines(number * 0, number, sku, np.full(len(sku), region), np.ones(len(sku)))


def goods_of(instance: Instance, orders: list[list[int]]) -> Baskets:
    return baskets(instance, lines_of(orders), 0, 0)


def held(rows: list[list[int]]) -> Bools:
    """Nodes of each SKU, three nodes."""
    return np.array([[node in row for node in range(3)] for row in rows])


def test_pairs_are_counted() -> None:
    """SKUs 0 and 1 stand together in two orders, 0 and 2 in one; 0 is in three."""
    goods = goods_of(shop(), [[0, 1], [0, 1], [0, 2], [3]])
    assert together(goods, 4).toarray().tolist() == [[3, 2, 1, 0], [2, 2, 0, 0], [1, 0, 1, 0], [0, 0, 0, 1]]


def test_parcels_by_hand() -> None:
    """Node n ships to region 0 for 4 + n. The plan counts 0 from node 0 (half of 4) and 1 from node 1 (half of 5): 4.5
    for an order of both, which takes two parcels, 9. Orders of 0 and 2 go from node 2, which alone has both: 6 instead
    of half of 4 and half of 6. SKU 3 alone is what the plan says."""
    goods = goods_of(shop(), [[0, 1], [0, 2], [3]])
    found = shipped(goods, held([[0, 2], [1], [2], [0]]))
    assert found.parcels.tolist() == [2, 1, 1]
    assert found.cost == pytest.approx([9, 6, 4])
    assert found.planned == pytest.approx([4.5, 5, 4])
    assert found.extra == pytest.approx([4.5, 1, 0])
    assert found.split_rate(goods.wish < 0) == pytest.approx(1 / 3)


def test_an_order_takes_as_few_nodes_as_the_router_needs() -> None:
    """Three SKUs: node 2 has two of them, node 0 the third: two parcels, though the first two stand at node 1 too."""
    goods = goods_of(shop(), [[0, 1, 2]])
    found = shipped(goods, held([[1, 2], [2], [0], []]))
    assert found.node.tolist() == [2, 2, 0]
    assert found.parcels.tolist() == [2]


def test_what_nobody_stocks_is_left_out() -> None:
    """Of an order of 0 and 3 where 3 stands nowhere only 0 ships: a parcel, half a one by the plan's reckoning."""
    found = shipped(goods_of(shop(), [[0, 3]]), held([[0], [0], [0], []]))
    assert found.node.tolist() == [0, -1]
    assert (found.cost.tolist(), found.planned.tolist()) == ([4.0], [2.0])


def test_goods_that_cannot_travel_together_take_a_parcel_each() -> None:
    """An order of an ambient and a chilled SKU, one of an ambient and two units of a frozen one. To region 0 ambient
    and chilled goods share a lane: u = (1/2 + 1) / 2, 1/2 and 1/2. To region 1 no lane carries more than one
    temperature: u = 1, 1 and 1/2. The forecast counts as many parcels as the consignments that ship."""
    instance = replace(shop(), temperature=np.array([0, 1, 2, 0]))
    carries = np.where((instance.lane_region == 0)[:, None], [True, True, False], [True, False, False])
    lanes = [carries, *(np.tile(np.arange(3) == t, (len(carries), 1)) for t in (1, 2))]
    instance = replace(
        instance,
        lane_temperatures=np.concatenate(lanes),
        **{name: np.tile(getattr(instance, name), 3) for name in (  # type: ignore[arg-type]
            "lane_node", "lane_region", "lane_parcel_cost", "lane_kg_cost", "lane_days", "lane_on_time", "lane_damage",
            "lane_parcels_per_day")},
        lane_carrier=instance.lane_carrier * 3,
    )  # fmt: skip
    lines = lines_of([[0, 1], [0, 2]])
    for region, expected in ((0, [3 / 4, 1 / 2, 1 / 2, 1]), (1, [1, 1, 1 / 2, 1])):
        sent = replace(lines, region=np.full(4, region), quantity=np.array([1.0, 1.0, 1.0, 2.0]))
        goods = baskets(instance, sent, 0, 0)
        together = carried_together(instance.lane_region, instance.lane_temperatures, 2)
        number = consignments(sent.order, sent.region, sent.day, instance.temperature[sent.sku], together)
        u = parcels_per_unit(number, sent.sku, sent.quantity, 4)
        assert u == pytest.approx(expected)
        assert u[sent.sku] @ sent.quantity == pytest.approx(goods.count)
        assert (shipped(goods, np.ones((4, 3), dtype=bool)).parcels == 1).all()


@pytest.mark.parametrize("seed", range(20))
def test_a_move_is_priced_as_it_will_ship(seed: int) -> None:
    """Orders of one or two, each expected as often as it may be: what a set costs beyond the plan's reckoning differs
    from the present set's by exactly what the orders then ship for, for every SKU, set and period."""
    rng = np.random.default_rng(seed)
    instance = shop(seed)
    orders = [rng.choice(4, size=rng.integers(1, 3), replace=False).tolist() for _ in range(30)]
    goods = goods_of(instance, orders)
    goods = replace(goods, times=rng.uniform(0, 2, (goods.count, 2)))
    present = rng.random((4, 3)) < 0.5
    present[~present.any(axis=1), 0] = True
    sets = np.array([[bool(code >> n & 1) for n in range(3)] for code in range(1, 8)])
    now = shipped(goods, present)
    extra = Companions(goods, present, now, shared=False).extra(np.arange(4), sets, np.arange(2))
    for k in range(4):
        at = int(np.flatnonzero((sets == present[k]).all(axis=1))[0])
        for s, nodes in enumerate(sets):
            moved = present.copy()
            moved[k] = nodes
            more = goods.times.T @ (shipped(goods, moved).extra - now.extra)
            assert extra[:, s, k] - extra[:, at, k] == pytest.approx(more), (k, nodes)


def test_lines_that_could_only_move_together_see_what_they_would_save() -> None:
    """Three SKUs at node 0 and two at node 1, of one order: neither of the two saves a parcel by moving alone, but each
    pays half of the second parcel and would pay a quarter of the first."""
    goods, first = goods_of(shop(skus=5), [[0, 1, 2, 3, 4]]), np.array([0])
    goods = replace(goods, times=np.ones_like(goods.times))
    place = held([[0], [0], [0], [1], [1]])
    now = shipped(goods, place)
    sets = held([[0], [1]])
    alone = Companions(goods, place, now, shared=False).extra(np.array([3]), sets, first)
    shared = Companions(goods, place, now, shared=True).extra(np.array([3]), sets, first)
    planned = np.array([4.0, 5.0]) / 5
    assert alone[0, :, 0] + planned == pytest.approx([0.0, 0.0])
    assert shared[0, :, 0] + planned == pytest.approx([4 / 4, 5 / 2])


@pytest.mark.parametrize("seed", range(12))
def test_a_polish_never_costs_more_and_keeps_every_limit(seed: int) -> None:
    """Random instances with every feature and random orders: the sum of plan and split cost does not rise, the cost is
    the exact one, no limit that held is broken, nothing stands at a closed node, and the cost stays within the cap."""
    instance = tiny(seed, skus=8, nodes=4, regions=3)
    outcome = solve(instance, gap=0.01, time_limit=20)
    if outcome.stocked is None or outcome.open is None or outcome.surge is None:
        pytest.skip("no plan fits this instance")
    rng = np.random.default_rng(seed)
    orders = [rng.choice(8, size=rng.integers(1, 5), replace=False).tolist() for _ in range(60)]
    goods = baskets(instance, lines_of(orders, region=seed % 3), 0, 0)
    cap = 1.05 * outcome.objective
    made = polish(instance, goods, outcome.stocked, outcome.open, outcome.surge, outcome.rents, most_cost=cap)
    assert made.after.total <= made.before.total + 1e-9
    exact = evaluate(instance, made.after.stocked, outcome.open, made.surge)
    assert exact.total == pytest.approx(made.after.exact.total)
    assert exact.total <= cap * (1 + 1e-9)
    assert not (made.after.stocked & ~outcome.open[None]).any()
    room = np.where(outcome.open[:, None], instance.room_m3[:, :, None], 0.0)
    assert (exact.volume_m3 <= room + made.surge + 1e-6).all()
    assert (exact.value.sum(axis=0) <= instance.budget * (1 + 1e-6)).all()
    assert (exact.sku_count <= instance.max_skus[:, None] + 1e-6).all()
    before = evaluate(instance, outcome.stocked, outcome.open, outcome.surge)
    for limit, was, used in zip(instance.limits, before.limit_use, exact.limit_use, strict=True):
        if np.isinf(limit.penalty):
            sign = 1.0 if limit.sense == "max" else -1.0
            worst = np.fmax(sign * limit.amount, sign * np.nan_to_num(was, nan=-sign * np.inf))
            assert (np.nan_to_num(sign * used, nan=-np.inf) <= worst + 1e-6 * max(abs(limit.amount), 1)).all()


def level_shop() -> Instance:
    """Two SKUs of one node each, two nodes, two periods: either node is as good, and a parcel costs 5."""
    zero = np.zeros((2, 2))
    instance = shop(1, skus=2, nodes=2)
    return replace(
        instance, lane_parcel_cost=np.full(len(instance.lane_node), 5.0), inbound_per_unit=zero, inbound_per_kg=zero,
        handling_cost=np.zeros(2), storage_cost=np.zeros(2), stocking_cost=np.zeros(2), outage_days=np.zeros(2),
        lead_time=zero + 3.0, lead_time_sd=zero, review_days=np.full(2, 7.0), feeder=np.full((2, 2), -1),
        order_cost=zero + 1.0, moq=zero + 1.0, allowed=np.ones((2, 2, 2), dtype=bool), limits=(), budget=np.inf,
        room_m3=np.full((2, 3), np.inf), surge_m3=np.zeros(2), units_per_day=np.full(2, np.inf),
        max_skus=np.full(2, np.inf), min_nodes=np.ones(2, dtype=np.int64), max_nodes=np.ones(2, dtype=np.int64),
        backup_required=np.zeros(2, dtype=bool), in_force=None, lane_damage=np.zeros(len(instance.lane_node)),
        lane_parcels_per_day=np.full(len(instance.lane_node), np.inf),
    )  # fmt: skip


def gathered(instance: Instance, goods: Baskets) -> Polished:
    """The polish of a placement with SKU 0 at node 0 and SKU 1 at node 1."""
    stocked = np.zeros((2, 2, 2), dtype=bool)
    stocked[0, 0], stocked[1, 1] = True, True
    return polish(instance, goods, stocked, np.ones((2, 2), dtype=bool), np.zeros((2, 3, 2)), None)


def test_companions_are_brought_together() -> None:
    """Two SKUs always bought together, equally good at either node, stand at two: the polish puts them at one, and
    every order takes one parcel."""
    instance = level_shop()
    made = gathered(instance, baskets(instance, lines_of([[0, 1]] * 10), 0, 0))
    assert made.before.split_rate == 1.0
    assert made.after.split_rate == 0.0
    assert (made.after.stocked[0] == made.after.stocked[1]).all()


def test_a_family_is_wished_for_at_the_rate_of_its_slowest() -> None:
    """SKU 0 sells 3 and 1 a day in the two regions, SKU 1 half of that in the first period and nothing in the second.
    A share of 0.4 of the slowest is wanted with both: 0.4 x 1.5 and 0.4 x 0.5 a day. Apart, such an order costs two
    parcels of 5 instead of the one that the plan reckons with. Brought together nothing is lost; with a share of 0, or
    without the family, the SKUs stay where they are, since no order of the past names both."""
    instance = level_shop()
    mean = np.array([[[3.0, 3.0], [1.0, 1.0]], [[1.5, 0.0], [0.5, 0.0]]])
    instance = replace(instance, mean=mean, variance=mean)
    past = baskets(instance, lines_of([[0], [1]]), 0, 0)
    wished = with_wishes(past, instance, Families(("set",), np.array([0, 0]), 0.4))
    assert wished.times[wished.wish == 0] == pytest.approx(np.array([[0.6, 0.0], [0.2, 0.0]]) * instance.days)
    made = gathered(instance, wished)
    assert made.before.wish_cost == pytest.approx(5 * 0.8 * instance.days[0])
    assert made.before.split_cost == pytest.approx(0)
    assert made.after.wish_cost == pytest.approx(0)
    before = apart(wished, made.before.shipping, 1)
    assert before.orders == pytest.approx([0.8 * instance.days[0]])
    assert before.split == pytest.approx(before.orders)
    for idle in (Families(("set",), np.array([0, 0]), 0.0), Families((), np.array([-1, -1]), 0.4)):
        assert gathered(instance, with_wishes(past, instance, idle)).moves == 0


def test_summary_tells_what_families_cost_by_hand() -> None:
    """S1 and S2 are a family; S2 sells 1 a day in EAST, none in WEST: half an order a day is wanted. CENTRAL has both
    and ships it whole for 8. The plan reckons half a parcel of S1 from HUB (5) in January and from POP (3) in February,
    half a parcel of S2 from CENTRAL (8): 6.5 and 5.5. So 0.5 x (31 x 1.5 + 28 x 2.5) = 58.25, and no order is split."""
    case = hand_case()
    assert apart_by_family(hand_plan(case)).empty
    case = replace(case, skus=case.skus.assign(family="SET"))
    plan = hand_plan(case)
    row = apart_by_family(plan).iloc[0]
    assert (row["family"], row["SKUs"], row["together at"], row["split"]) == ("SET", 2, "CENTRAL", 0)
    assert row["orders wanted"] == pytest.approx(0.5 * (31 + 28))
    assert row["cost"] == pytest.approx(58.25)
    assert "Families kept together" in set(plan.summary["section"])
