"""The tables of a plan: the hand-made network reckoned on paper, and identities that hold for any plan.

The network stands in `plans.hand_case`. Without spread and order cost (section 6): reorder point = (lead time + review
days) x demand, order quantity = review days x demand rounded up to packs, average stock = half an order.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest

from models.instance import LimitRow
from models.outcome import Outcome
from optimizer.assembly import assemble, forecast
from optimizer.errors import Finding
from optimizer.plan import Plan
from optimizer.settings import RECORDS
from optimizer.tables import summary
from optimizer.tables.columns import LIMITS, SHEETS, frame
from optimizer.tables.notes import plan_notes
from optimizer.tables.summary import gap_words

from .plans import hand_case, hand_plan, plan_of, random_plan

CONTRACT = {
    "Placement": "sku, tier, node, period, role, regions_served, units_per_day, average_stock, peak_stock, volume_m3, "
    "value, cost",
    "Replenishment": "sku, node, period, source, demand_per_day, sd_per_day, lead_time_days, lead_time_sd, "
    "review_days, service_measure, service_level, safety_stock, reorder_point, order_quantity, order_up_to, "
    "on_hand, on_order, order_now, order_by",
    "Actions": "action, sku, from, to, quantity, value, ship_by",
    "Regions": "region, temperature, primary_node, primary_carrier, backup_node, backup_carrier, days, promise, "
    "on_time_share, extra_cost_of_backup",
    "Limits": "limit, measure, sense, period, used, amount, slack, rent",
    "Changes": "sku, tier, node, change",
    "Findings": "code, severity, place, value, expectation, remedy",
    "Run": "name, value",
}  # the agreed columns; a sheet may add more at its end


@pytest.fixture(scope="module")
def plan() -> Plan:
    """The hand-made plan."""
    return hand_plan()


def _row(table: pd.DataFrame, **key: str) -> pd.Series:
    found = table[np.logical_and.reduce([table[name] == value for name, value in key.items()])]
    assert len(found) == 1
    return found.iloc[0]


@pytest.mark.parametrize("sheet", CONTRACT)
def test_sheets_have_the_agreed_columns_first(plan: Plan, sheet: str) -> None:
    """Whoever reads a plan workbook finds the agreed columns, in the agreed order."""
    agreed = CONTRACT[sheet].split(", ")
    assert list(plan.tables()[sheet].columns)[: len(agreed)] == agreed


def test_every_table_has_the_columns_of_its_records(plan: Plan) -> None:
    """The records of the workbook and the data frames cannot drift apart, with rows or without."""
    for sheet, columns in SHEETS.items():
        assert list(plan.tables()[sheet].columns) == [column.name for column in columns]


def test_placement_rows_come_in_the_order_of_the_sheets(plan: Plan) -> None:
    """SKU by SKU, node by node, period by period, as the input sheets list them."""
    assert list(zip(plan.placement["sku"], plan.placement["node"], plan.placement["period"], strict=True)) == [
        ("S1", "CENTRAL", "2027-01"), ("S1", "CENTRAL", "2027-02"), ("S1", "HUB", "2027-01"), ("S1", "POP", "2027-02"),
        ("S2", "CENTRAL", "2027-01"), ("S2", "CENTRAL", "2027-02"),
    ]  # fmt: skip


def test_a_placement_is_reckoned_by_hand(plan: Plan) -> None:
    """S1 at HUB in January: 2 a day to EAST for 5 each; half of an order of 10 in stock, at 20 % a year of 10 each."""
    row = _row(plan.placement, sku="S1", node="HUB", period="2027-01")
    assert (row["regions_served"], row["units_per_day"], row["average_stock"], row["peak_stock"]) == ("EAST", 2, 5, 10)
    assert (row["volume_m3"], row["value"]) == pytest.approx((0.020, 50.0))
    assert row["cost"] == pytest.approx(31 * 2 * 5 + 31 / 365 * 0.2 * 10 * 5)


def test_a_node_that_only_replenishes_others_feeds() -> None:
    """With EAST's and WEST's demand at HUB, CENTRAL ships to nobody but is the source of HUB."""
    case = hand_case()
    lanes = pd.concat([case.lanes, case.lanes[case.lanes["node"] == "HUB"].assign(region="WEST", cost_per_parcel=1.0)])
    plan = hand_plan(replace(case, lanes=lanes.reset_index(drop=True)))
    row = _row(plan.placement, sku="S1", node="CENTRAL", period="2027-01")
    assert (row["role"], row["regions_served"], row["units_per_day"]) == ("feeds", "", 3.0)
    assert _row(plan.placement, sku="S1", node="HUB", period="2027-01")["regions_served"] == "all"


@pytest.mark.parametrize("seed", range(20))
def test_costs_of_nodes_and_penalties_add_up_to_the_plan(seed: int) -> None:
    """No cost is lost or told twice: nodes + penalties = plan, and so says the Summary's table of terms."""
    plan = random_plan(seed)
    assert plan.nodes["cost"].sum() + plan.limits["penalty"].sum() == pytest.approx(plan.cost)
    terms = plan.summary[(plan.summary["section"] == "Cost by term") & (plan.summary["measure"] == "total")]
    assert terms.iloc[-1]["value"] == pytest.approx(plan.cost)
    assert terms["value"].iloc[:-1].sum() == pytest.approx(plan.cost)


@pytest.mark.parametrize("seed", range(20))
def test_placements_add_up_to_their_nodes(seed: int) -> None:
    """Value, count and volume of a node are those of its placements; cost may be more (dropped and passing goods)."""
    plan = random_plan(seed)
    sums = plan.placement.groupby(["node", "period"]).agg(
        value=("value", "sum"), skus=("sku", "size"), cost=("cost", "sum")
    )
    nodes = plan.nodes.set_index(["node", "period"])
    sums = sums.reindex(nodes.index, fill_value=0.0)
    np.testing.assert_allclose(nodes["value"], sums["value"], atol=1e-9)
    np.testing.assert_array_equal(nodes["skus"], sums["skus"])
    assert (nodes["sku_cost"] >= sums["cost"] - 1e-6 * sums["cost"].abs() - 1e-6).all() or (
        plan.placement["cost"] < 0
    ).any()
    volume = nodes[["ambient_used_m3", "chilled_used_m3", "frozen_used_m3"]].to_numpy().sum()
    assert volume == pytest.approx(plan.placement["volume_m3"].sum())


@pytest.mark.parametrize("seed", range(20))
def test_each_regions_demand_is_served_once(seed: int) -> None:
    """A region appears for a SKU and period exactly once among the placements, and exactly where it has demand;
    "all" stands where one placement ships to every such region, and there only."""
    plan = random_plan(seed)
    instance = plan.instance
    wanted: dict[tuple[str, str], list[str]] = {}
    for k, t, r in zip(*np.nonzero(instance.mean.transpose(0, 2, 1)), strict=True):
        wanted.setdefault((instance.skus[k], instance.periods[t]), []).append(instance.regions[r])
    told: dict[tuple[str, str], list[str]] = {}
    for row in plan.placement[plan.placement["regions_served"] != ""].to_dict("records"):
        key, text = (row["sku"], row["period"]), row["regions_served"]
        assert text != ", ".join(wanted[key])
        told.setdefault(key, []).extend(wanted[key] if text == "all" else text.split(", "))
    assert {key: sorted(names) for key, names in told.items()} == {key: sorted(names) for key, names in wanted.items()}


def test_replenishment_is_reckoned_by_hand(plan: Plan) -> None:
    """S1 at CENTRAL: lead 4 + review 6 days of 3 a day = 30; order 6 x 3 = 18, in packs of 5 = 20; up to 50."""
    row = _row(plan.replenishment, sku="S1", node="CENTRAL", period="2027-01")
    assert (row["reorder_point"], row["order_quantity"], row["order_up_to"], row["safety_stock"]) == (30, 20, 50, 0)
    assert (row["demand_per_day"], row["sd_per_day"], row["lead_time_days"], row["review_days"]) == (3, 0, 4, 6)
    assert (row["source"], row["service_measure"], row["service_level"]) == ("ACME", "fill", 0.98)


def test_sources_name_feeder_supplier_and_cross_dock(plan: Plan) -> None:
    """In February HUB stocks no S1, so POP gets it from CENTRAL through HUB; S2 names no supplier."""
    sources = plan.replenishment.set_index(["sku", "node", "period"])["source"]
    assert sources["S1", "HUB", "2027-01"] == "CENTRAL"
    assert sources["S1", "POP", "2027-02"] == "HUB (cross-dock) < CENTRAL"
    assert sources["S2", "CENTRAL", "2027-01"] == "supplier"


def test_an_order_is_due_at_or_below_the_reorder_point(plan: Plan) -> None:
    """S1 at CENTRAL has 0 <= 30: order 50. HUB has 31 > 10, S2 at CENTRAL 12 + 3 > 10: none yet."""
    rows = plan.replenishment.set_index(["sku", "node", "period"])
    assert rows.loc[("S1", "CENTRAL", "2027-01"), "order_now"] == 50
    assert rows.loc[("S1", "HUB", "2027-01"), "order_now"] == 0
    assert rows.loc[("S2", "CENTRAL", "2027-01"), "order_now"] == 0


@pytest.mark.parametrize(
    ("on_hand", "moq", "ordered"), [(30, 1, 20), (31, 1, 0), (28, 1, 25), (29, 38, 45), (12, 1, 40)]
)
def test_orders_are_whole_packs_and_at_least_the_minimum(on_hand: float, moq: float, ordered: float) -> None:
    """Reorder at 30, up to 50, packs of 5: 30 lacks 20, 28 lacks 22 = 25, 12 lacks 38 = 40; 31 is above.

    A minimum of 38 makes the usual order 40, the level 70: 29 lacks 41 = 45.
    """
    plan = hand_plan()
    instance = replace(plan.instance, moq=np.where(plan.instance.feeder < 0, moq, 1.0))
    instance.on_hand[0, 0] = on_hand
    plan = plan_of(plan.case, instance, plan.stocked, plan.open)
    assert _row(plan.replenishment, sku="S1", node="CENTRAL", period="2027-01")["order_now"] == ordered


def test_order_by_is_the_day_the_reorder_point_is_reached(plan: Plan) -> None:
    """HUB sells 2 a day from 31 down to 10: after 10.5 days, on 11 January; S2 1 a day from 15 to 10: on the 6th."""
    days = plan.replenishment.set_index(["sku", "node", "period"])["order_by"]
    assert days["S1", "HUB", "2027-01"].date() == date(2027, 1, 11)
    assert days["S2", "CENTRAL", "2027-01"].date() == date(2027, 1, 6)
    assert days["S1", "CENTRAL", "2027-01"].date() == date(2027, 1, 1)


def test_stock_figures_stand_in_the_first_period_only(plan: Plan) -> None:
    """Stock on hand is known for the start of the plan, not for later periods."""
    later = plan.replenishment[plan.replenishment["period"] == "2027-02"]
    assert later[["on_hand", "on_order", "order_now", "order_by"]].isna().all(axis=None)


def test_actions_are_reckoned_by_hand(plan: Plan) -> None:
    """POP opens in February and lacks 10 by then, 3 days from CENTRAL. HUB sells its 31 S1 in January; CENTRAL buys the
    50 it lacks and those 10. S2, which HUB no longer stocks, goes to CENTRAL: it sells 59 in two months and has 15."""
    told = plan.actions[["action", "sku", "from", "to", "quantity", "value"]].fillna(0).to_numpy().tolist()
    assert told == [
        ["open", "", "", "POP", 0, 300],
        ["transfer", "S2", "HUB", "CENTRAL", 9, 36],
        ["transfer", "S1", "CENTRAL", "POP", 10, 100],
        ["purchase", "S1", "ACME", "CENTRAL", 60, 600],
    ]
    first = date(2027, 1, 1)
    days = [date(2027, 2, 1), first, date(2027, 1, 29), first]
    assert [day.date() for day in plan.actions["ship_by"]] == days
    assert [day.date() for day in plan.actions["arrives"].dropna()] == [
        date(2027, 1, 4), date(2027, 2, 1), date(2027, 1, 5)
    ]  # fmt: skip


def test_stock_waits_where_a_later_period_needs_it_and_leaves_where_none_does() -> None:
    """CENTRAL needs S1. POP's 7 stay, for February; with POP dropped they go there. HUB's 11 beyond its level do not:
    CENTRAL, which feeds HUB, would have to send them back."""
    plan = hand_plan()
    stocked = plan.stocked.copy()
    stocked[0, 2, 1], stocked[0, 1, 1] = False, True
    moves = plan_of(plan.case, plan.instance, stocked, plan.open).actions
    moves = moves[(moves["action"] == "transfer") & (moves["sku"] == "S1")]
    assert moves[["from", "to", "quantity"]].to_numpy().tolist() == [["POP", "CENTRAL", 7]]
    assert "POP" not in set(plan.actions["from"])


def test_a_transfer_of_goods_worth_less_than_its_cost_is_not_proposed() -> None:
    """With POP dropped, its 7 S1 are worth 70: at 70 a transfer they move, and CENTRAL buys 45 of the 50 it lacks, in
    packs of 5; at 71 it buys them all."""
    plan = hand_plan()
    stocked = plan.stocked.copy()
    stocked[0, 2, 1], stocked[0, 1, 1] = False, True
    plan = plan_of(plan.case, plan.instance, stocked, plan.open)
    for cost, moved, bought in ((70, 7, 45), (71, 0, 50)):
        case = replace(plan.case, settings=plan.case.settings.with_values(transfer_cost=cost))
        actions = replace(plan, case=case).actions
        level = actions[actions["to"] == "CENTRAL"].groupby("action")["quantity"].sum()
        assert (level.get("transfer", 0), level["purchase"]) == (moved, bought)


def test_a_node_is_replenished_from_its_feeder_before_anything_is_bought_for_it() -> None:
    """HUB has 4 of S1 and orders 20 from CENTRAL, whose customers take 4 of the 15 there before its order is in, 4 days
    on: two packs of 5 go now, two then."""
    plan = hand_plan()
    plan.instance.on_hand[0] = [15, 4, 0]
    actions = plan_of(plan.case, plan.instance, plan.stocked, plan.open).actions
    moves = actions[(actions["action"] == "transfer") & (actions["to"] == "HUB")]
    assert moves["quantity"].tolist() == [10, 10]
    assert [day.date() for day in moves["ship_by"]] == [date(2027, 1, 1), date(2027, 1, 5)]
    assert set(actions.loc[actions["action"] == "purchase", "to"]) == {"CENTRAL"}


def test_a_node_closes_in_the_first_period_it_is_no_longer_open() -> None:
    """A candidate open in January only: opens on 1 January, closes on 1 February, and the Nodes sheet says the same."""
    plan = hand_plan()
    stocked, is_open = plan.stocked.copy(), np.array([[True, True], [True, True], [True, False]])
    stocked[0, 2] = False
    stocked[0, 1, 1] = True
    plan = plan_of(plan.case, plan.instance, stocked, is_open)
    told = plan.actions[plan.actions["action"].isin(["open", "close"])]
    assert told["action"].tolist() == ["open", "close"]
    assert told["from"].tolist() == ["", "POP"]
    assert [day.date() for day in told["ship_by"]] == [date(2027, 1, 1), date(2027, 2, 1)]
    assert plan.nodes.loc[plan.nodes["node"] == "POP", "status"].tolist() == ["opens", "closes"]


@pytest.mark.parametrize("seed", range(20))
def test_no_transfer_ships_more_than_is_there(seed: int) -> None:
    """What leaves a node on the first day is at most what is on hand there, SKU by SKU."""
    plan = random_plan(seed)
    now = plan.actions[(plan.actions["action"] == "transfer") & (plan.actions["ship_by"] == pd.Timestamp(plan.start))]
    left = now.groupby(["sku", "from"])["quantity"].sum()
    for (sku, node), quantity in left.items():
        on_hand = plan.instance.on_hand[plan.instance.skus.index(sku), plan.instance.nodes.index(node)]
        assert quantity <= on_hand + 1e-9


def test_regions_name_primary_and_backup_by_hand(plan: Plan) -> None:
    """EAST in January: HUB (5, 2 days) keeps the 3 days promised; CENTRAL (8, 4 days) steps in for 3 more a parcel."""
    row = _row(plan.regions, region="EAST", temperature="ambient", period="2027-01")
    assert (row["primary_node"], row["primary_carrier"], row["backup_node"]) == ("HUB", "van", "CENTRAL")
    assert (row["days"], row["promise"], row["backup_days"], row["extra_cost_of_backup"]) == (2, 3, 4, 3)
    assert (row["on_time_share"], row["no_backup_share"], row["parcels_per_day"]) == pytest.approx((0.9, 0, 2))


def test_the_primary_node_is_the_one_that_ships_the_most() -> None:
    """S3 sells 5 a day in EAST and lies at CENTRAL only, S1 2 a day from HUB: CENTRAL ships 5 of 7, HUB steps in."""
    case = hand_case()
    third = {"sku": "S3", "unit_cost": 1, "weight_kg": 1, "volume_l": 1, "tier": "A", "supplier": "ACME"}
    case = hand_case(
        skus=[*case.skus.to_dict("records"), third],
        demand=[
            *case.demand.to_dict("records"),
            {"sku": "S3", "region": "EAST", "mean_per_day": 5, "sd_per_day": 0},
        ],
    )
    rates = forecast(case)
    instance = assemble(case, rates)
    stocked = np.zeros((3, 3, 2), dtype=bool)
    stocked[:, 0, :] = stocked[0, 1, :] = True
    plan = plan_of(case, instance, stocked, np.ones((3, 2), dtype=bool), rates=rates)
    row = _row(plan.regions, region="EAST", temperature="ambient", period="2027-01")
    assert (row["primary_node"], row["backup_node"], row["days"], row["backup_days"]) == ("CENTRAL", "HUB", 4, 2)
    assert (row["primary_share"], row["extra_cost_of_backup"]) == pytest.approx((5 / 7, -3))


def test_a_region_without_a_second_node_has_no_backup(plan: Plan) -> None:
    """Only CENTRAL stocks chilled goods: EAST's are late by plan (4 days against 3) and nobody can step in."""
    row = _row(plan.regions, region="EAST", temperature="chilled", period="2027-01")
    assert (row["primary_node"], row["backup_node"], row["on_time_share"], row["no_backup_share"]) == (
        "CENTRAL",
        "",
        0,
        1,
    )
    assert np.isnan(row["extra_cost_of_backup"])


@pytest.mark.parametrize("seed", range(20))
def test_regions_hold_all_parcels_and_their_punctuality(seed: int) -> None:
    """Parcels of all regions are the plan's parcels; those on time are the plan's parcels less the late ones."""
    plan = random_plan(seed)
    parcels = plan.regions.groupby("period")["parcels_per_day"].sum()
    on_time = (plan.regions["parcels_per_day"] * plan.regions["on_time_share"]).groupby(plan.regions["period"]).sum()
    for at, period in enumerate(plan.instance.periods):
        assert parcels.get(period, 0.0) == pytest.approx(plan.evaluation.parcels[at])
        late = plan.evaluation.parcels[at] - plan.evaluation.late_parcels[at]
        assert on_time.get(period, 0.0) == pytest.approx(late, abs=1e-9)
    assert plan.regions["primary_share"].between(0, 1 + 1e-9).all()


def test_nodes_tell_use_against_room(plan: Plan) -> None:
    """CENTRAL holds at most an order of 6 S2, 0.006 of 0.01 m3; its ambient room has no limit, so no fill."""
    row = _row(plan.nodes, node="CENTRAL", period="2027-01")
    used = row["chilled_used_m3"], row["chilled_room_m3"], row["chilled_fill"], row["chilled_rent_per_m3"]
    assert used == pytest.approx((0.006, 0.01, 0.6, 7.0))
    assert np.isnan(row["ambient_room_m3"])
    assert np.isnan(row["ambient_fill"])
    assert (row["units_per_day"], row["skus"], row["value"]) == (4, 2, 112)


def test_rents_are_blank_at_shut_nodes_and_zero_where_they_are_noise(plan: Plan) -> None:
    """POP opens in February only; a rent whose whole capacity is worth under a millionth of the plan is none."""
    assert plan.nodes[plan.nodes["node"] == "POP"]["chilled_rent_per_m3"].isna().tolist() == [True, False]
    rents = plan.outcome.rents
    assert rents is not None
    dust = replace(rents, room=np.full_like(rents.room, 0.5e-6 * plan.cost), budget=rents.budget * 1e-9)
    faint = replace(plan, outcome=replace(plan.outcome, rents=dust))
    assert set(faint.nodes["chilled_rent_per_m3"].dropna()) == {0.0}
    assert faint.limits["rent"].tolist() == [0.0, 0.0]


def test_node_costs_hold_what_a_dropped_sku_costs(plan: Plan) -> None:
    """POP drops S1 in January for 3, and in February opens for 300 and costs 100."""
    rows = plan.nodes[plan.nodes["node"] == "POP"]
    assert rows["sku_cost"].iloc[0] == 3
    assert rows[["fixed_cost", "opening_cost"]].to_numpy().tolist() == [[0, 0], [100, 300]]


def test_the_budget_is_a_limit(plan: Plan) -> None:
    """January: 10 + 5 S1 at 10 and 3 S2 at 4 = 162 of 200; February: 12.5 S1 and 3 S2 = 137."""
    assert plan.limits["limit"].tolist() == ["budget", "budget"]
    assert plan.limits[["used", "amount", "slack"]].to_numpy().tolist() == [[162, 200, 38], [137, 200, 63]]
    assert plan.limits["rent"].tolist() == [0.0, 0.5]


def test_limits_tell_slack_in_their_own_sense() -> None:
    """At least 4 placements: January has 3, so 1 is missing and costs 10; at most 3: 0 left. Cost holds once."""
    plan = hand_plan()
    every = {"skus": np.ones(2, bool), "nodes": np.ones(3, bool), "regions": None, "periods": np.ones(2, bool)}
    rows = (
        LimitRow("spread", "skus", "min", 4, **every, penalty=10.0),
        LimitRow("simple", "skus", "max", 3, **every),
        LimitRow("dear", "cost", "max", 5000, **every),
    )
    plan = plan_of(plan.case, replace(plan.instance, limits=rows, budget=np.inf), plan.stocked, plan.open)
    told = plan.limits[plan.limits["limit"] != "dear"]
    assert told["slack"].tolist() == [-1, -1, 0, 0]
    assert told["penalty"].tolist() == [10, 10, 0, 0]
    assert told["kept"].tolist() == ["no", "no", "yes", "yes"]
    broken = [note for note in plan_notes(plan) if note.code == "P-001"]
    said = "at least 4 skus: a soft limit, broken in 2027-01, 2027-02 for penalties of 20.00 USD"
    assert [(note.place, note.value, note.expectation) for note in broken] == [("Limits: spread", "3, 3", said)]
    dear = _row(plan.limits, limit="dear")
    assert dear["used"] == pytest.approx(plan.cost - 20)
    assert dear["period"] == "2027-01, 2027-02"


def test_forecasts_at_the_widest_error_are_told_with_their_stock(plan: Plan) -> None:
    """S2 holds 3 units at 4 in both months, 24 of 299 in all; were its level error 1, the note says 8.0 %."""
    assert plan_notes(plan) == ()
    wild = replace(plan, instance=replace(plan.instance, level_error=np.array([0.9, 1.0])))
    (note,) = plan_notes(wild)
    assert (note.code, note.value) == ("P-002", "S2")
    assert note.expectation.startswith("1 SKU with 8.0% of the stock value")


def test_no_figure_reads_minus_zero() -> None:
    """Minus zero and the dust of sums are zero; a small figure that means something stays."""
    table = frame(LIMITS, {column.name: [column.name] * 4 for column in LIMITS} | {
        name: [-0.0, -1e-12, 1e-6, np.nan] for name in ("used", "amount", "slack", "rent", "penalty")
    })  # fmt: skip
    assert [repr(value) for value in table["slack"].tolist()] == ["0.0", "0.0", "1e-06", "nan"]


def test_lanes_with_a_limit_are_limits() -> None:
    """HUB may send 5 parcels a day to EAST and sends 2 in January, none in February."""
    case = hand_case()
    parcels = np.where((case.lanes["node"] == "HUB"), 5.0, np.nan)
    plan = hand_plan(replace(case, lanes=case.lanes.assign(parcels_per_day=parcels)))
    lane = plan.limits[plan.limits["measure"] == "parcels_per_day"]
    assert lane["limit"].tolist() == ["lane HUB > EAST van"] * 2
    assert lane[["used", "slack"]].to_numpy().tolist() == [[2, 3], [0, 5]]


def test_changes_compare_with_the_placement_in_force(plan: Plan) -> None:
    """Stock stands at HUB, POP (S1) and CENTRAL, HUB (S2); January wants S1 at CENTRAL and HUB, S2 at CENTRAL: 10 units
    of S1 on average at CENTRAL, in place of the 7 at POP; the 9 of S2 at HUB go. What stays is not listed."""
    assert plan.changes[["sku", "node", "change"]].to_numpy().tolist() == [
        ["S1", "CENTRAL", "new"],
        ["S1", "POP", "gone"],
        ["S2", "HUB", "gone"],
    ]
    assert plan.changes["quantity"].tolist() == [10, -7, -9]
    assert plan.changes["value"].tolist() == [100, 70, 36]
    assert plan.changes["reason"].iloc[1] == "the plan does not open POP in 2027-01; back from 2027-02"
    note = next(block.note for block in plan.blocks if block.key == "changes")
    assert note == "1 new, 2 gone, 0 changed and 2 as before, against the stock of today."


def test_an_unknown_placement_in_force_changes_nothing() -> None:
    """Without a Stock sheet no row can be called new; the Summary says why."""
    plan = hand_plan(hand_case(stock=[]))
    assert plan.instance.in_force is None
    assert plan.changes.empty
    assert "not known" in next(block.note for block in plan.blocks if block.key == "changes")


def test_findings_come_worst_first_from_case_and_assembly(plan: Plan) -> None:
    """A planner sees errors before notes, wherever they were raised."""
    note, warning = (
        Finding(code, severity, "SKUs!A1", "", "", "") for code, severity in (("N", "note"), ("W", "warning"))
    )
    both = replace(plan, case=replace(plan.case, findings=(note,)), assembly_findings=(warning,))
    assert both.findings["code"].tolist() == ["W", "N"]


def test_run_tells_settings_with_their_origin(plan: Plan) -> None:
    """One row per setting; what the caller gave says so; cost and bound are numbers."""
    settings = plan.run[plan.run["origin"] != ""].set_index("name")
    assert settings.loc["budget"].tolist() == [200.0, "--set"]
    assert settings.loc["holding_rate"].tolist() == [0.2, "default"]
    assert set(settings.index) == set(RECORDS)
    rows = plan.run[plan.run["origin"] == ""].set_index("name")
    assert rows.loc["cost", "value"] == plan.cost
    assert rows.loc["bound", "value"] == pytest.approx(0.99 * plan.cost)
    assert rows.index.is_unique
    assert settings.index.is_unique
    assert {
        "status",
        "stop_reason",
        "gap",
        "seconds",
        "peak_memory_mb",
        "input_sha256",
        "versions.numpy",
    } <= set(rows.index)


def test_the_headline_states_the_gap_in_words(plan: Plan) -> None:
    """A bound of 0.99 x cost: the plan is 1/0.99 - 1 = 1.0101 % above it, told as 1.1 %, never rounded down."""
    assert plan.headline[1].startswith("At most 1.1 % above the best possible")
    assert gap_words(0.0) == "At most 0.01 % above the best possible"


def test_a_plan_without_a_bound_says_so(plan: Plan) -> None:
    """No bound, no claim."""
    blind = replace(plan, outcome=replace(plan.outcome, bound=-np.inf))
    assert blind.headline[1].startswith("No bound is known")
    assert blind.gap == np.inf


def test_the_summary_counts_tiers_by_hand(plan: Plan) -> None:
    """January: A has 1 SKU at 2 nodes worth 150, C 1 SKU at 1 node worth 12; SKUs without demand are at none."""
    idle = replace(plan, instance=replace(plan.instance, tier=("A", "A"), mean=plan.instance.mean * [[[1]], [[0]]]))
    row = summary.tiers(idle, plan.placement.assign(tier="A").query("sku == 'S1'")).table.iloc[0]
    assert (row["SKUs"], row["with demand"], row["placements"], row["nodes per SKU"]) == (2, 1, 2, 2.0)
    tiers = next(block.table for block in plan.blocks if block.key == "tiers").set_index("tier")
    assert tiers.loc["A", ["SKUs", "placements", "average stock"]].tolist() == [1, 2, 150]
    assert tiers.loc["C", ["SKUs", "placements", "average stock"]].tolist() == [1, 1, 12]


def test_the_tightest_capacity_leads_by_the_worth_of_its_rent(plan: Plan) -> None:
    """Budget: 1 % more is worth 0.5 x 2 = 1.00 in February; chilled room 7 x 0.0001: the budget comes first."""
    tight = next(block.table for block in plan.blocks if block.key == "tight")
    assert tight["what"].tolist()[:2] == ["budget: value", "CENTRAL: chilled m3"]


def test_an_outcome_without_a_plan_has_no_tables(plan: Plan) -> None:
    """Nothing is invented where the solver found no plan."""
    with pytest.raises(ValueError, match="holds no plan"):
        _ = replace(plan, outcome=Outcome("infeasible", np.inf, -np.inf)).placement
