"""What to do now: short-dated stock first, nothing moved back, money kept, pop-ups filled before and emptied after."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from optimizer import write
from optimizer.assembly import assemble, forecast
from optimizer.audit import audit
from optimizer.plan import Plan
from optimizer.tables.emptying import leftovers
from optimizer.tables.lots import lots
from optimizer.tables.moves import Moves
from optimizer.tables.notes import plan_notes

from .plans import hand_case, hand_plan, plan_of

OWN_SUPPLY = [{"sku": "S1", "node": "HUB"}]  # HUB is not fed by CENTRAL


def _moves(plan: Plan, sku: str, action: str = "transfer") -> list[list[Any]]:
    rows = plan.actions[(plan.actions["action"] == action) & (plan.actions["sku"] == sku)]
    return rows[["from", "to", "quantity"]].to_numpy().tolist()


def _stock(*rows: tuple[str, str, float, str | None]) -> list[dict[str, Any]]:
    return [{"sku": sku, "node": node, "on_hand": units, "expires": day} for sku, node, units, day in rows]


def _at_both() -> np.ndarray:
    """S1 at CENTRAL and HUB, S2 at CENTRAL, in both months."""
    stocked = np.zeros((2, 3, 2), dtype=bool)
    stocked[:, 0] = stocked[0, 1] = True
    return stocked


def _plan(stocked: np.ndarray, **sheets: Any) -> Plan:
    case = hand_case(**sheets)
    rates = forecast(case)
    return plan_of(case, assemble(case, rates), stocked, np.ones((3, 2), dtype=bool), rates=rates)


def test_short_dated_stock_goes_first() -> None:
    """HUB keeps 20 of 35 S1 and may give 15 of the 20 that CENTRAL lacks. They are the batch of 10 that ends in March
    and 5 of the other; of a batch that ends on 3 January, before a transfer of 3 days arrives, none."""
    stock = _stock(("S1", "HUB", 25, None), ("S1", "HUB", 10, "2027-03-01"))
    plan = _plan(_at_both(), stock=stock, supply=OWN_SUPPLY)
    assert _moves(plan, "S1") == [["HUB", "CENTRAL", 15]]
    given = lots(plan, np.zeros((2, 3), dtype=bool))
    assert given.spare.tolist() == [10, 5]
    late = _stock(("S1", "HUB", 31, None), ("S1", "HUB", 4, "2027-01-03"))
    plan = _plan(_at_both(), stock=late, supply=OWN_SUPPLY)
    assert _moves(plan, "S1") == [["HUB", "CENTRAL", 15]]
    assert lots(plan, np.zeros((2, 3), dtype=bool)).spare.tolist() == [15]


def test_what_a_node_cannot_sell_in_time_leaves_it_even_below_its_level() -> None:
    """HUB sells 2 S1 a day: of 18 that end on 6 January, 10 are sold; 8 go to CENTRAL, which sells 1 a day and, 3 days
    on, only 2 before they end. The other 6 are to be sold off by then."""
    plan = _plan(_at_both(), stock=_stock(("S1", "HUB", 18, "2027-01-06")), supply=OWN_SUPPLY)
    assert _moves(plan, "S1") == [["HUB", "CENTRAL", 2]]
    cleared = plan.actions[plan.actions["action"] == "clear"]
    assert cleared[["from", "quantity"]].to_numpy().tolist() == [["HUB", 6]]
    assert cleared["ship_by"].iloc[0].date() == date(2027, 1, 6)


def test_a_node_that_sells_later_keeps_what_keeps() -> None:
    """HUB sells 2 S1 a day from February on, and keeps 20 of 35. Of a batch that ends on 11 February it sells 20 in the
    first ten days of that month; 15 spoil there. Which is to spare is the same, but only the second may go anywhere."""
    stocked = _at_both()
    stocked[0, 2, 0] = True
    own = [*OWN_SUPPLY, {"sku": "S1", "node": "POP"}]
    for day, doomed in ((None, 0), ("2027-02-11", 15)):
        plan = _plan(stocked, stock=_stock(("S1", "HUB", 35, day)), supply=own)
        given = lots(plan, np.zeros((2, 3), dtype=bool))
        assert plan.evaluation.flow[0, 1].tolist() == [0, 2]
        assert (given.spare.tolist(), given.doomed.tolist()) == ([15], [doomed])


def test_what_is_cleared_is_the_batch_that_stays() -> None:
    """CENTRAL sells 3 S1 a day. Of 10 at HUB that end on 6 January it sells 6, as they arrive on the 4th, and it takes
    all of the 10 that end in March: the 4 to be cleared are of the first batch, by its day."""
    stocked = _at_both()
    stocked[0, 1] = False
    plan = _plan(stocked, stock=_stock(("S1", "HUB", 10, "2027-01-06"), ("S1", "HUB", 10, "2027-03-01")))
    assert _moves(plan, "S1") == [["HUB", "CENTRAL", 16]]
    assert _moves(plan, "S1", "clear") == [["HUB", "", 4]]
    cleared = plan.actions[plan.actions["action"] == "clear"]
    assert cleared["ship_by"].tolist() == [pd.Timestamp("2027-01-06")]


@pytest.mark.parametrize(("own", "day", "taken"), [(0, None, 6), (15, "2027-03-01", 6), (20, "2027-01-08", 1)])
def test_lots_count_on_the_same_sales_once(own: float, day: str | None, taken: float) -> None:
    """HUB and POP, where nobody buys S1, have 10 each that end on 6 January and are at CENTRAL on the 4th: it sells 3 a
    day, 6 until they end, also where its own end in March. 20 of its own that end on the 8th leave room for 1 of 21."""
    stocked = _at_both()
    stocked[0, 1] = False
    old = _stock(("S1", "HUB", 10, "2027-01-06"), ("S1", "POP", 10, "2027-01-06"), ("S1", "CENTRAL", own, day))
    plan = _plan(stocked, stock=old)
    assert sum(line[2] for line in _moves(plan, "S1")) == taken
    assert sum(line[2] for line in _moves(plan, "S1", "clear")) == 20 - taken


def test_a_pop_up_is_emptied_before_it_closes() -> None:
    """POP stocks S1 in January only and sells 2 a day, 62 in all. Of its 80, 18 go at once to CENTRAL, which lacks as
    many; where CENTRAL lacks none, they leave on the 31st."""
    stocked = np.zeros((2, 3, 2), dtype=bool)
    stocked[:, 0] = True
    stocked[0, 2, 0] = True
    now = _plan(stocked, stock=_stock(("S1", "POP", 80, None), ("S1", "CENTRAL", 10, None))).actions
    assert now[now["from"] == "POP"][["to", "quantity"]].to_numpy().tolist() == [["CENTRAL", 18]]
    full = _plan(stocked, stock=_stock(("S1", "POP", 80, None), ("S1", "CENTRAL", 500, None))).actions
    leaves = full[full["from"] == "POP"]
    assert leaves["quantity"].tolist() == [18]
    assert leaves["ship_by"].tolist() == [pd.Timestamp("2027-01-31")]
    assert leaves["action"].tolist() == ["clear"]


def test_what_is_left_does_not_come_back_to_where_it_was_to_spare() -> None:
    """The 18 S1 that POP, with 80 on hand, has left on 31 January go to HUB, which is nearer than CENTRAL; where HUB
    has just sent some to CENTRAL, they go there."""
    stocked = _at_both()
    stocked[0, 2, 0] = True
    plan = _plan(stocked, stock=_stock(("S1", "POP", 80, None)), supply=[{"sku": "S1", "node": "HUB"}])
    none, one, nothing = np.zeros(0, dtype=np.int64), np.zeros(1, dtype=np.int64), np.zeros((2, 3))
    still = Moves(none, none, none, none, np.zeros(0), np.zeros(0), np.zeros(0))
    away = Moves(one, one + 1, one, one, np.ones(1), np.ones(1), np.ones(1))
    for moved, target in ((still, "HUB"), (away, "CENTRAL")):
        assert [line[1:5] for line in leftovers(plan, nothing, nothing, moved)] == [("S1", "POP", target, 18)]


def test_goods_go_where_they_are_sold_within_the_plan() -> None:
    """HUB has 300 S1 and sells none any more; CENTRAL, with 15 on hand, sells 3 a day in 59 days. 162 go there, though
    its order-up-to level is lower; for the others there is no use."""
    stocked = _at_both()
    stocked[0, 1] = False
    plan = _plan(stocked, stock=_stock(("S1", "HUB", 300, None), ("S1", "CENTRAL", 15, None)))
    assert plan.replenishment["order_up_to"].iloc[0] < 100
    assert _moves(plan, "S1") == [["HUB", "CENTRAL", 162]]
    assert _moves(plan, "S1", "clear") == [["HUB", "", 138]]


def test_goods_that_wait_for_a_later_month_serve_who_needs_them_now() -> None:
    """CENTRAL has 30 S1 and stocks it in February only; HUB has none. The 28 that HUB lacks come from CENTRAL, not from
    the supplier; CENTRAL buys what its 2 then lack of its level, 35, in packs of 5, for 1 February."""
    stocked = _at_both()
    stocked[:, 0, 0] = [False, True]
    demand = [{"sku": sku, "region": "EAST", "mean_per_day": 2, "sd_per_day": 0} for sku in ("S1", "S2")]
    plan = _plan(stocked, demand=demand, stock=_stock(("S1", "CENTRAL", 30, None)))
    goods = plan.actions[plan.actions["sku"] == "S1"]
    lines = [["transfer", "CENTRAL", "HUB", 28], ["purchase", "ACME", "CENTRAL", 35]]
    assert goods[["action", "from", "to", "quantity"]].to_numpy().tolist() == lines
    assert goods["arrives"].tolist() == [pd.Timestamp("2027-01-03"), pd.Timestamp("2027-02-01")]


def test_goods_on_their_way_to_where_they_are_of_no_use_are_redirected() -> None:
    """300 S1 are on order to HUB, 2 days from CENTRAL, which does not stock it. CENTRAL, with 15, sells 3 a day and
    lacks goods at once; it takes the 162 more that it sells in 59 days and buys none; the other 138 are cancelled."""
    stocked = _at_both()
    stocked[0, 1] = False
    on_order = {"sku": "S1", "node": "HUB", "on_hand": 0, "on_order": 300}
    plan = _plan(stocked, stock=[*_stock(("S1", "CENTRAL", 15, None)), on_order])
    assert _moves(plan, "S1") == [["HUB", "CENTRAL", 162]]
    assert _moves(plan, "S1", "clear") == [["HUB", "", 138]]
    assert _moves(plan, "S1", "purchase") == []
    days = plan.actions.query("sku == 'S1'")["ship_by"]
    assert days.tolist() == [pd.Timestamp("2027-01-03")] * 2


def test_what_is_needed_sooner_does_not_wait_for_what_is_redirected() -> None:
    """What is on order to HUB comes in 9 days, an order of today to CENTRAL in 4: CENTRAL buys the units that it lacks
    at once all the same, and takes the others it can sell."""
    stocked = _at_both()
    stocked[0, 1] = False
    case = hand_case()
    nodes = [row | {"lead_time_days": 9} if row["node"] == "HUB" else row for row in case.nodes.to_dict("records")]
    on_order = {"sku": "S1", "node": "HUB", "on_hand": 0, "on_order": 300}
    plan = _plan(stocked, nodes=nodes, stock=[*_stock(("S1", "CENTRAL", 15, None)), on_order])
    level = plan.replenishment.query("sku == 'S1'")["order_up_to"].iloc[0]
    assert _moves(plan, "S1", "purchase") == [["ACME", "CENTRAL", level - 15]]
    assert _moves(plan, "S1") == [["HUB", "CENTRAL", 59 * 3 - level]]


def test_a_node_that_is_left_orders_no_more_than_it_sells_until_then() -> None:
    """POP sells 62 S1 in January, its last month. Looked at every 40 days, its reorder point is above that; it draws
    what lifts it to 62, 10 packs of 5, or 3 single units where a pack is more than it sells; nothing when it has
    that."""
    case = hand_case()
    nodes = [row | {"review_days": 40} if row["node"] == "POP" else row for row in case.nodes.to_dict("records")]
    stocked = np.zeros((2, 3, 2), dtype=bool)
    stocked[:, 0] = True
    stocked[0, 2, 0] = True
    for there, ordered in ((12, 50), (59, 3), (62, 0)):
        plan = _plan(stocked, nodes=nodes, stock=_stock(("S1", "POP", there, None), ("S1", "CENTRAL", 300, None)))
        row = plan.replenishment.query("node == 'POP'").iloc[0]
        assert row["reorder_point"] > 62
        assert row["order_now"] == ordered
        assert pd.isna(row["order_by"]) == (ordered == 0)


def test_goods_reach_a_node_on_the_day_it_opens() -> None:
    """POP can be used from 10 January and is fed from CENTRAL, 3 days away: shipped on the 7th, opened on the 10th."""
    case = hand_case()
    nodes = [
        row | {"open_from": "2027-01-10"} if row["node"] == "POP" else row for row in case.nodes.to_dict("records")
    ]
    stocked = np.zeros((2, 3, 2), dtype=bool)
    stocked[:, 0] = stocked[0, 2] = True
    plan = _plan(stocked, nodes=nodes, stock=_stock(("S1", "CENTRAL", 200, None), ("S2", "CENTRAL", 15, None)))
    rows = plan.actions[plan.actions["to"] == "POP"].set_index("action")
    assert rows.loc["transfer", "ship_by"].date() == date(2027, 1, 7)
    assert rows.loc["transfer", "arrives"].date() == date(2027, 1, 10)
    assert rows.loc["open", "ship_by"].date() == date(2027, 1, 10)


@pytest.mark.parametrize(("amount", "bought", "waits"), [(600, 60, 0), (599, 55, 5), (200, 20, 40), (40, 0, 60)])
def test_the_units_worth_least_wait_for_money(amount: float, bought: float, waits: float) -> None:
    """CENTRAL orders 60 S1 at 10 in packs of 5: a limit leaves it as many packs as it pays for, and names the rest."""
    limit = {"limit": "cash", "measure": "purchases", "sense": "max", "amount": amount}
    plan = hand_plan(hand_case(limits=[limit]))
    assert sum(row[2] for row in _moves(plan, "S1", "purchase")) == bought
    assert sum(row[2] for row in _moves(plan, "S1", "postpone")) == waits
    notes = [note for note in plan_notes(plan) if note.code == "P-003"]
    assert bool(notes) == (waits > 0)
    assert all("S1 at CENTRAL" in note.value for note in notes)


def test_the_dearer_margin_is_bought_first() -> None:
    """S1 earns 10 on 10, S2 earns 40 on 4, and both sell for sure what they do until the next order: S2 10. With 90 to
    spend, these 10 come before any of S1, of which a pack of 5 is left."""
    limit = {"limit": "cash", "measure": "purchases", "sense": "max", "amount": 90}
    case = hand_case(limits=[limit], stock=_stock(("S1", "POP", 7, None)))
    skus = case.skus.assign(unit_price=[20.0, 44.0])
    plan = hand_plan(replace(case, skus=skus))
    assert [_moves(plan, sku, "purchase")[0][2] for sku in ("S1", "S2")] == [5, 10]


def test_a_soft_limit_on_purchases_holds_nothing_back() -> None:
    """What is beyond it is paid for in the plan; no purchase waits."""
    limit = {"limit": "cash", "measure": "purchases", "sense": "max", "amount": 1, "penalty_per_unit": 0.1}
    assert _moves(hand_plan(hand_case(limits=[limit])), "S1", "postpone") == []


def test_a_feeder_orders_when_those_below_draw_on_it() -> None:
    """CENTRAL has 45 S1, 15 above its reorder point; HUB draws 20, so CENTRAL orders at once."""
    plan = _plan(_at_both(), stock=_stock(("S1", "CENTRAL", 45, None), ("S2", "CENTRAL", 15, None)))
    drawn = sum(row[2] for row in _moves(plan, "S1"))
    point = plan.replenishment.query("sku == 'S1' and node == 'CENTRAL'")["reorder_point"].iloc[0]
    assert (point, drawn) == (30, 20)
    assert _moves(plan, "S1", "purchase")[0][1] == "CENTRAL"


def test_goods_wait_for_those_of_the_feeder_on_every_leg() -> None:
    """No S1 is anywhere. CENTRAL's order comes after 4 days, HUB's goods leave then and travel 2, those of POP leave
    when HUB's are there and travel 1."""
    stocked = np.zeros((2, 3, 2), dtype=bool)
    stocked[0] = stocked[1, 0] = True
    lines = _plan(stocked, stock=[]).actions.query("sku == 'S1'").set_index("to")
    days = {"CENTRAL": ("2027-01-01", "2027-01-05"), "HUB": ("2027-01-05", "2027-01-07")}
    for node, expected in {**days, "POP": ("2027-01-07", "2027-01-08")}.items():
        assert lines.loc[node, ["ship_by", "arrives"]].tolist() == [pd.Timestamp(day) for day in expected]


def test_owners_are_asked_from_their_thresholds_on() -> None:
    """The purchase of 600 needs a buyer (from 600) and, as all that ACME gets, finance (from 400). Of the transfers,
    worth 100 and 36, none needs a planner from 101 on."""
    approvals = [
        {"measure": "purchase_value", "threshold": 600, "owner": "buyer"},
        {"measure": "order_value", "threshold": 400, "owner": "finance"},
        {"measure": "transfer_value", "threshold": 101, "owner": "planner"},
        {"measure": "opening_cost", "threshold": 1, "owner": "owner"},
    ]
    told = hand_plan(hand_case(approvals=approvals)).actions
    asked = told.groupby("action")["approval"].agg(lambda names: ", ".join(sorted({name for name in names if name})))
    assert asked.to_dict() == {"open": "owner", "transfer": "", "purchase": "buyer, finance"}
    lower = [row | {"threshold": 100} if row["owner"] == "planner" else row for row in approvals]
    moves = hand_plan(hand_case(approvals=lower)).actions.query("action == 'transfer'")
    assert moves["approval"].tolist() == ["", "planner"]


@pytest.mark.parametrize(("there", "lines"), [(10, [5, 15]), (18, [10, 10]), (30, [20])])
def test_a_feeder_keeps_what_its_own_customers_need(there: float, lines: list[float]) -> None:
    """HUB draws 20 S1. CENTRAL's order comes in 4 days, in which it sells 4 itself, and is at HUB in 6, in which HUB
    sells 12: of 10 there HUB may have 12/16, of 18 all but the 4, in packs of 5; the rest when the order has come."""
    plan = _plan(_at_both(), stock=_stock(("S1", "CENTRAL", there, None), ("S2", "CENTRAL", 15, None)))
    assert [row[2] for row in _moves(plan, "S1")] == lines
    days = plan.actions.query("action == 'transfer' and sku == 'S1'")["ship_by"]
    assert days.tolist() == [pd.Timestamp("2027-01-01"), pd.Timestamp("2027-01-05")][: len(lines)]


def test_goods_that_leave_together_are_one_line() -> None:
    """HUB begins with S1 in February and gets its 20 from CENTRAL, which has 8 and its own order long before."""
    stocked = _at_both()
    stocked[0, 1, 0] = False
    plan = _plan(stocked, stock=_stock(("S1", "CENTRAL", 8, None)))
    assert _moves(plan, "S1") == [["CENTRAL", "HUB", 20]]


@pytest.mark.parametrize(("until", "ships"), [(None, "2027-01-29"), ("2027-01-10", "2027-01-10")])
def test_nothing_leaves_a_node_after_its_last_day(until: str | None, ships: str) -> None:
    """The 7 S1 at POP, which does not stock it, go to HUB, 3 days away, which begins with it on 1 February: by the 29th
    of January, or by the day POP closes."""
    stocked = _at_both()
    stocked[0, 1, 0] = False
    case = hand_case()
    nodes = [row | {"open_until": until} if row["node"] == "POP" else row for row in case.nodes.to_dict("records")]
    plan = _plan(stocked, nodes=nodes, stock=_stock(("S1", "POP", 7, None), ("S1", "CENTRAL", 500, None)))
    line = plan.actions[plan.actions["from"] == "POP"].iloc[0]
    assert line[["to", "quantity"]].tolist() == ["HUB", 7]
    assert line["ship_by"] == pd.Timestamp(ships)


@pytest.mark.parametrize("beyond", [3, 7, 500])
def test_what_a_node_will_not_need_later_is_to_spare_now(beyond: float) -> None:
    """HUB begins with S1 in February, fed by CENTRAL. What it has beyond its level then goes to POP, which lacks goods
    now, and no more than that; what is still missing comes from CENTRAL."""
    stocked = _at_both()
    stocked[0, 1, 0] = False
    stocked[0, 2] = True
    bare = _plan(stocked, stock=[]).replenishment.query("sku == 'S1'").set_index(["node", "period"])["order_up_to"]
    kept, lacked = float(bare["HUB", "2027-02"]), float(bare["POP", "2027-01"])
    plan = _plan(stocked, stock=_stock(("S1", "HUB", kept + beyond, None), ("S1", "CENTRAL", 500, None)))
    moved = {line[0]: line[2] for line in _moves(plan, "S1")}
    assert moved["HUB"] == min(beyond, lacked)
    assert moved.get("CENTRAL", 0) >= lacked - moved["HUB"]


def test_a_pop_up_gets_no_more_than_it_sells_until_its_last_day() -> None:
    """POP sells 2 S1 a day until 20 January, 40 in all; its reorder point is above that. It draws the 28 that lift it
    to 40, not 30 in packs of 5, and nothing when it has that: what it is sent it need not send back."""
    case = hand_case()
    changed = {"review_days": 40, "open_until": "2027-01-20"}
    nodes = [row | changed if row["node"] == "POP" else row for row in case.nodes.to_dict("records")]
    stocked = np.zeros((2, 3, 2), dtype=bool)
    stocked[:, 0] = True
    stocked[0, 2, 0] = True
    for there, ordered in ((12, 28), (40, 0)):
        plan = _plan(stocked, nodes=nodes, stock=_stock(("S1", "POP", there, None), ("S1", "CENTRAL", 300, None)))
        assert plan.replenishment.query("node == 'POP'")["order_now"].iloc[0] == ordered
        lines = [["CENTRAL", "POP", 28]] if ordered else []
        assert _moves(plan, "S1") == lines


def test_a_node_that_is_left_before_the_rest_can_come_gets_all_there_is() -> None:
    """CENTRAL's order comes after 30 days, and would be at HUB in February, when the plan has left it for S1: of the
    20 that HUB draws, it gets all 10 at once. Where it stays, CENTRAL needs 30 meanwhile, HUB its 20: it gets 10 x 20 /
    50 = 4."""
    case = hand_case()
    slow = {"lead_time_days": 30}
    nodes = [row | slow if row["node"] == "CENTRAL" else row for row in case.nodes.to_dict("records")]
    for months, first in (([True, False], 10), ([True, True], 4)):
        stocked = _at_both()
        stocked[0, 1] = months
        plan = _plan(stocked, nodes=nodes, stock=_stock(("S1", "CENTRAL", 10, None), ("S2", "CENTRAL", 500, None)))
        assert _moves(plan, "S1")[0] == ["CENTRAL", "HUB", first]


@pytest.mark.parametrize("supply", [[], [{"sku": "S1", "node": "POP"}]])
@pytest.mark.parametrize(("until", "last", "periods"), [("2027-01-20", 19, 2), ("2027-01-20", 19, 1), (None, 30, 2)])
def test_no_order_comes_when_a_node_has_been_left(
    supply: list[dict[str, Any]], until: str | None, last: int, periods: int, tmp_path: Path
) -> None:
    """POP, without S1, sells it until 20 January, the end of its window, or until the end of January. An order of
    1 January that comes on that day is due, one that comes a day later is none: from CENTRAL, with nothing to spare,
    through HUB in 2 days more, or from the supplier. Transfers of 3 days still come. The auditor agrees."""
    stocked = np.zeros((2, 3, periods), dtype=bool)
    stocked[:, 0] = stocked[0, 2, :1] = True
    nodes = hand_case().nodes.to_dict("records")
    for days, due, there in ((last, True, 12), (last + 1, False, 12), (last + 1, False, 300)):
        own = {"lead_time_days": days - (0 if supply else 2), "open_until": until}
        case = hand_case(
            {"periods": periods},
            supply=supply,
            nodes=[row | own if row["node"] == "POP" else row for row in nodes],
            stock=_stock(("S1", "CENTRAL", there, None), ("S2", "CENTRAL", 15, None)),
        )
        rates = forecast(case)
        plan = plan_of(case, assemble(case, rates), stocked, np.ones((3, periods), dtype=bool), rates=rates)
        row = plan.replenishment.query("node == 'POP'").iloc[0]
        assert row["lead_time_days"] == days
        assert (row["order_now"] > 0, pd.notna(row["order_by"])) == (due, due)
        assert ("POP" in plan.actions.query("sku == 'S1'")["to"].tolist()) == (due or there == 300)
        found = audit(write(plan, tmp_path / "plan.xlsx"), case)
        assert not {finding.code for finding in found} & {"V-035", "V-036", "V-082", "V-091", "V-092", "V-093"}


def test_nothing_is_ordered_for_a_node_that_the_feeder_could_not_reach_in_time() -> None:
    """POP draws 30 S1 that CENTRAL, with 10 and 30 days from its supplier, cannot send by the end of January: it gets
    the 10; CENTRAL's order is what lifts its own stock to its level, and nothing follows."""
    case = hand_case()
    slow = {"lead_time_days": 30}
    nodes = [row | slow if row["node"] == "CENTRAL" else row for row in case.nodes.to_dict("records")]
    stocked = _at_both()
    stocked[0, 1, 1] = False
    plan = _plan(stocked, nodes=nodes, stock=_stock(("S1", "CENTRAL", 10, None), ("S2", "CENTRAL", 500, None)))
    assert _moves(plan, "S1") == [["CENTRAL", "HUB", 10]]
    level = plan.replenishment.query("sku == 'S1' and node == 'CENTRAL'")["order_up_to"].iloc[0]
    assert _moves(plan, "S1", "purchase") == [["ACME", "CENTRAL", 5 * np.ceil(level / 5)]]
