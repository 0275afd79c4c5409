"""Replay from end to end: the same figures from a plan and from its workbook, openings by hand, and the command."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import optimizer
from models.resupply import period_of
from models.shelves import FRESH
from optimizer.cli import main
from optimizer.errors import InputInvalid, UsageError
from optimizer.openings import opening
from optimizer.planned import PENALTIES, of_plan, of_workbook, run_facts
from optimizer.reading.history import read_history

from . import small
from .plans import hand_case, hand_plan

START = date(2027, 1, 1)
FEEDS = ("S1", "EAST", 2), ("S1", "WEST", 1), ("S2", "EAST", 1)


def _orders(days: int, first: date = START) -> pd.DataFrame:
    """What the hand plan expects: each unit an order of its own."""
    rows = [
        (f"{sku}-{region}-{unit}-{day}", pd.Timestamp(first) + pd.Timedelta(days=day), sku, 1.0, region)
        for day in range(days)
        for sku, region, units in FEEDS
        for unit in range(units)
    ]
    return pd.DataFrame(rows, columns=["order_id", "date", "sku", "quantity", "region"])


PLENTY = (
    {"sku": "S1", "node": "CENTRAL", "on_hand": 300, "on_order": 0},
    {"sku": "S1", "node": "HUB", "on_hand": 31, "on_order": 0},
    {"sku": "S2", "node": "CENTRAL", "on_hand": 9, "on_order": 0},
)


def test_expected_demand_costs_what_the_plan_says_where_nothing_is_random() -> None:
    """Demand exactly as planned, no spread, and stock enough to feed the nodes: every unit ships at once from the
    planned node, so freight, stocking and handling of 59 days are the plan's own; its cost is the whole plan's."""
    plan = hand_plan(hand_case(stock=PLENTY))
    result = optimizer.replay(plan, _orders(59), start="stock")
    table = result.summary.set_index("item")
    assert table["replay"]["days"] == 59
    assert table["replay"]["units ordered"] == table["plan"]["units ordered"] == 4 * 59
    assert table["replay"]["fill rate, % of units"] == 100.0
    assert table["plan"]["total"] == pytest.approx(plan.cost)
    for term in ("outbound", "stocking", "handling"):
        assert table["replay"][term] == pytest.approx(table["plan"][term], abs=1e-6), term


def test_parcels_and_freight_are_those_of_the_planned_lanes() -> None:
    """January: S1 goes EAST from HUB for 5 and WEST from CENTRAL for 6, S2 EAST from CENTRAL for 8."""
    plan = hand_plan(hand_case(stock=PLENTY))
    result = optimizer.replay(plan, _orders(31), until=date(2027, 1, 31))
    nodes = result.nodes.set_index("node")
    assert nodes["parcels"].tolist() == [2 * 31, 2 * 31, 0]
    assert nodes["own_share"].tolist()[:2] == [1.0, 1.0]
    outbound = result.summary.set_index("item").loc["outbound"]
    assert outbound["replay"] == pytest.approx(31 * (2 * 5 + 6 + 8))
    assert outbound["plan"] == pytest.approx(31 * (2 * 5 + 6 + 8))


def test_tables_add_up() -> None:
    """Units ordered, units missed and spoiled agree between the sheets that hold them."""
    result = optimizer.replay(hand_plan(), _orders(59), start="stock", seeds=2)
    ordered = [float(table["ordered"].sum()) for table in (result.tiers, result.regions, result.skus, result.days)]
    assert ordered == pytest.approx([236.0] * 4)
    for name in ("lost", "spoiled", "damaged", "later"):
        sums = [float(table[name].sum()) for table in (result.tiers, result.skus, result.days)]
        assert max(sums) == pytest.approx(min(sums))
    assert float(result.nodes["shipped"].sum()) + float(result.skus["lost"].sum()) == pytest.approx(236.0)


def test_a_fill_rate_is_not_held_against_a_cycle_promise() -> None:
    """Where the plan promises cycle service, the sheet says so and counts no points; fill is compared with fill."""
    settings = {"service_measure": "cycle"}
    cycle = optimizer.replay(hand_plan(hand_case(settings)), _orders(31), start="average").tiers.set_index("tier")
    fill = optimizer.replay(hand_plan(), _orders(31), start="average").tiers.set_index("tier")
    assert cycle["measure"].tolist() == ["cycle", "cycle"]
    assert cycle["points_off"].isna().all()
    assert fill["measure"].tolist() == ["fill", "fill"]
    assert np.allclose(fill["points_off"], 100 * (fill["fill_rate"] - fill["promised"]))


def test_skus_that_the_plan_does_not_stock_stand_apart() -> None:
    """S2 taken out of the plan: its 31 units of January are missed in a row of their own, without a promise."""
    plan = hand_plan()
    stocked = plan.stocked.copy()
    stocked[1] = False
    bare = replace(plan, outcome=replace(plan.outcome, stocked=stocked))
    tiers = optimizer.replay(bare, _orders(31), start="average").tiers.set_index("tier")
    assert tiers.index.tolist() == ["(not stocked)", "A"]
    assert tiers.loc["(not stocked)", ["ordered", "lost"]].tolist() == [31, 31]
    assert np.isnan(tiers.loc["(not stocked)", "promised"])


def test_every_shelf_balances() -> None:
    """Of each SKU at each node, in a mean of three runs: opening + received - shipped - fed - spoiled = closing. What
    nodes shipped is what was ordered and not lost; what was fed to others is received there or still on the road."""
    result = optimizer.replay(hand_plan(hand_case(stock=PLENTY)), _orders(59), start="stock", seeds=3)
    stock, table = result.stock, result.summary.set_index("item")["replay"]
    left = stock["opening"] + stock["received"] - stock["shipped"] - stock["fed"] - stock["spoiled"]
    assert np.allclose(left, stock["closing"])
    assert (stock[["received", "shipped", "fed", "closing"]].sum() > 0).all()
    assert stock["opening"].sum() == 340
    assert stock["shipped"].sum() == pytest.approx(result.nodes["shipped"].sum())
    assert stock["shipped"].sum() == pytest.approx(result.skus["ordered"].sum() - result.skus["lost"].sum())
    assert stock["average_stock"].sum() == pytest.approx(result.skus["average_stock"].sum())
    assert table["units on the shelves in the end"] == pytest.approx(stock["closing"].sum())


def test_nodes_answer_for_the_orders_that_are_theirs_by_plan() -> None:
    """January: CENTRAL is S1's node in WEST and S2's in EAST. With no S2 on the shelves at first, its fill
    rate is that of S1-WEST and S2-EAST together, whoever ships; good lines over nodes are those over SKUs."""
    stock = [row for row in PLENTY if row["sku"] == "S1"]
    result = optimizer.replay(hand_plan(hand_case(stock=stock)), _orders(31), start="stock", until=date(2027, 1, 31))
    nodes, skus = result.nodes.set_index("node"), result.skus.set_index("sku")
    assert skus.loc["S2", "lost"] > 0
    assert nodes.loc["CENTRAL", "fill_rate"] == pytest.approx(1 - skus.loc["S2", "lost"] / 62)
    assert nodes.loc["HUB", "fill_rate"] == 1
    assert np.isnan(nodes.loc["POP", "fill_rate"])
    lines = {"CENTRAL": 62, "HUB": 62}
    good = sum(nodes.loc[node, "otif"] * count for node, count in lines.items())
    assert good == pytest.approx((result.skus["otif"] * skus["ordered"].to_numpy()).sum())


def test_parcels_per_order_count_orders_that_were_sent() -> None:
    """S2 is nowhere: of 124 orders of January 31 go unserved, the other 93 take one parcel each."""
    plan = hand_plan(hand_case(stock=PLENTY))
    stocked = plan.stocked.copy()
    stocked[1] = False
    bare = replace(plan, outcome=replace(plan.outcome, stocked=stocked))
    result = optimizer.replay(bare, _orders(31), start="stock", until=date(2027, 1, 31))
    table = result.summary.set_index("item")["replay"]
    assert (table["orders"], table["parcels"], table["parcels per order sent"]) == (124, 93, 1)
    assert result.regions["parcels_per_order"].tolist() == [1, 1]


def test_sales_that_no_node_could_make_cost_no_node_anything() -> None:
    """S2 is stocked nowhere: its lost sales stand in the total, and at none of the nodes."""
    plan = hand_plan(hand_case(stock=PLENTY))
    stocked = plan.stocked.copy()
    stocked[1] = False
    bare = replace(plan, outcome=replace(plan.outcome, stocked=stocked))
    result = optimizer.replay(bare, _orders(31), start="stock", until=date(2027, 1, 31))
    table = result.summary[result.summary["section"] == "cost"].set_index("item")["replay"]
    lost = table["lost sales (plan: outages, shortages)"]
    assert lost == pytest.approx(31 * 0.5 * bare.instance.unit_price[1])
    as_planned = table[[name for name in table.index if name.endswith("(as planned)")]].sum()
    assert result.nodes["cost"].sum() == pytest.approx(table["total"] - as_planned - lost)


def test_the_plan_says_how_many_parcels_it_sends_and_how_many_are_late() -> None:
    """January and February, 4 parcels a day, each on time with 0.9 but S2's and S1-WEST's: S2 goes EAST from CENTRAL in
    4 days of 3 promised, always late; WEST has no promise. In January S1 comes from HUB, in February from POP in time.
    So 4 - 1 - 2 x 0.1 - (WEST) of 4 keep it, WEST counting as its lane says."""
    plan = hand_plan(hand_case(stock=PLENTY))
    row = optimizer.replay(plan, _orders(59), start="stock").summary.set_index("item")["plan"]
    assert row["parcels"] == pytest.approx(4 * 59)
    late = float(plan.evaluation.late_parcels @ plan.instance.days)
    assert late >= 59 * (1 + 0.2 - 1e-9)
    assert row["parcels that kept the promise, %"] == pytest.approx(100 * (1 - late / (4 * 59)))


def test_days_that_the_orders_do_not_cover_are_not_lived_through() -> None:
    """Orders of January 15 to 31: the replay begins with them, not with the plan; days asked for beyond are refused,
    a week's grace aside, and so is a last day before the first."""
    late = _orders(17, date(2027, 1, 15))
    result = optimizer.replay(hand_plan(), late)
    assert (result.since, result.until) == (date(2027, 1, 15), date(2027, 1, 31))
    kept = optimizer.replay(hand_plan(), late, since=date(2027, 1, 10), until=date(2027, 2, 5))
    assert (kept.since, kept.until) == (date(2027, 1, 10), date(2027, 2, 5))
    for asked in ({"since": date(2027, 1, 2)}, {"until": date(2027, 2, 20)}):
        with pytest.raises(UsageError, match="reach beyond the orders, which are from 2027-01-15 to 2027-01-31"):
            optimizer.replay(hand_plan(), late, **asked)
    with pytest.raises(UsageError, match="2027-01-20, is before the first, 2027-01-25"):
        optimizer.replay(hand_plan(), late, since=date(2027, 1, 25), until=date(2027, 1, 20))
    with pytest.raises(UsageError, match="from 2027-02-10 as asked"):
        optimizer.replay(hand_plan(), _orders(31), since=date(2027, 2, 10), until=date(2027, 2, 12))


def test_the_average_start_by_hand() -> None:
    """Each cell starts with safety stock + Q/2 in whole units, and a lead time of sales is on its way, day by day."""
    plan = hand_plan()
    planned = of_plan(plan)
    rows = opening(plan.case, planned, "average", int(planned.rules.first_day[0]), 0)
    hub = (rows.sku == 0) & (rows.node == 1)
    now = rows.day == planned.rules.first_day[0]
    own = plan.evaluation
    expected = own.safety_stock[0, 1, 0] + own.order_quantity[0, 1, 0] / 2
    assert rows.units[hub & now].sum() == np.rint(expected)
    assert rows.units[hub & ~now].tolist() == [2.0, 2.0]  # 2 a day for the 2 days from CENTRAL
    assert (rows.day[hub & ~now] - planned.rules.first_day[0]).tolist() == [1, 2]


@pytest.mark.parametrize("seed", range(5))
def test_the_cycle_start_lies_within_a_cycle(seed: int) -> None:
    """On hand + on the way is above the reorder point (rounded) and at most Q above it, at every cell."""
    plan = hand_plan()
    planned = of_plan(plan)
    first = int(planned.rules.first_day[0])
    rows = opening(plan.case, planned, "cycle", first, seed)
    position = np.zeros(planned.rules.stocked.shape[:2])
    np.add.at(position, (rows.sku, rows.node), rows.units)
    held = planned.rules.stocked[:, :, 0]
    point, quantity = planned.rules.reorder_point[:, :, 0], planned.rules.order_quantity[:, :, 0]
    assert (position[held] > point[held] - 0.5).all()
    assert (position[held] <= (point + quantity)[held] + 0.5).all()
    assert (rows.day <= first + np.ceil(planned.lead_time.max())).all()


def test_the_stock_sheet_start_takes_dates_as_last_days_of_sale() -> None:
    """31 units of S1 at HUB that may be sold until January 10 are off the shelf on the 11th; 3 of S2 are on order."""
    case = hand_case(stock=[
        {"sku": "S1", "node": "HUB", "on_hand": 31, "on_order": 0, "expires": "2027-01-10"},
        {"sku": "S2", "node": "CENTRAL", "on_hand": 12, "on_order": 3},
    ])  # fmt: skip
    plan = hand_plan(case)
    planned = of_plan(plan)
    first = int(planned.rules.first_day[0])
    rows = opening(case, planned, None, first, 0)
    assert rows.units.tolist() == [31, 12, 3]
    assert rows.expires.tolist() == [first + 10, FRESH, FRESH]
    assert rows.day.tolist() == [first, first, first + 2]  # half of CENTRAL's four days


def test_periods_know_their_days() -> None:
    """A plan of two months from 2027-01-01: day 31 is the first of the second."""
    first_day = of_plan(hand_plan()).rules.first_day
    begin = int(first_day[0])
    assert (first_day - begin).tolist() == [0, 31, 59]
    assert [period_of(first_day, begin + day) for day in (0, 30, 31, 58)] == [0, 0, 1, 1]


@pytest.mark.parametrize(
    "options",
    [{"since": date(2026, 12, 31)}, {"until": date(2027, 3, 1)}, {"seeds": 0}, {"start": "empty"},
     {"since": date(2027, 2, 10)}],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused(options: dict) -> None:
    """Days outside the plan, no run at all, an unknown start, and days without any order."""
    with pytest.raises(UsageError):
        optimizer.replay(hand_plan(), _orders(31), **options)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the small workbook, its plan, and orders before and after the plan's start."""
    folder = tmp_path_factory.mktemp("replay")
    sheets = small.sheets()
    small.write(folder / "brand.xlsx", sheets)
    plan = optimizer.plan(optimizer.read(folder / "brand.xlsx"), time_limit=30)
    optimizer.write(plan, folder / "plan.xlsx")
    header, *rows = sheets["Orders"]
    later = [[f"L-{order}", day.replace(year=2027, month=1), *rest] for order, day, *rest in rows if day.month == 7]
    pd.DataFrame([*rows, *later], columns=header).to_csv(folder / "orders.csv", index=False)
    return folder


def test_a_written_plan_lives_as_the_plan_in_memory(written: Path) -> None:
    """The workbook holds all a replay needs: the same sheets, figure by figure, from either (5 seeds)."""
    case = optimizer.read(written / "brand.xlsx")
    plan = optimizer.plan(case, time_limit=30)
    one = optimizer.replay(plan, written / "orders.csv", start="cycle", seeds=5)
    settings, _ = run_facts(written / "plan.xlsx")
    again = optimizer.read(written / "brand.xlsx", settings=settings)
    two = optimizer.replay(written / "plan.xlsx", written / "orders.csv", again, start="cycle", seeds=5)
    for sheet, table in one.tables().items():
        pd.testing.assert_frame_equal(table, two.tables()[sheet], rtol=1e-9)
    assert float(one.days["ordered"].sum()) > 0


def test_a_written_plan_promises_what_the_plan_promised(written: Path) -> None:
    """Cost by term and period, tiers and promised service read back from the workbook."""
    case = optimizer.read(written / "brand.xlsx")
    plan = optimizer.plan(case, time_limit=30)
    one, two = of_plan(plan), of_workbook(written / "plan.xlsx", case)
    assert sum(float(money.sum()) for money in two.costs.values()) == pytest.approx(plan.cost)
    for term, money in one.costs.items():
        assert np.allclose(two.costs.get(term, 0.0), money), term
    assert np.allclose(two.parcels, one.parcels)
    assert np.allclose(two.late_parcels, one.late_parcels)
    assert one.split_cost == pytest.approx(two.split_cost, nan_ok=True)
    assert two.tier == one.tier
    assert np.allclose(two.service, one.service, equal_nan=True)


def test_penalties_of_soft_limits_count_on_both_sides(tmp_path: Path) -> None:
    """A soft limit of one placement, 10 each beyond it: the penalty read back from the workbook is the plan's, and
    stands in the total of the replay as in the plan's, so that the terms add up on both sides."""
    sheets = small.sheets()
    sheets["Limits"] = [
        ["limit", "measure", "sense", "amount", "penalty_per_unit"], ["FEW", "skus", "max", 1, 10.0],
    ]  # fmt: skip
    small.write(tmp_path / "brand.xlsx", sheets)
    case = optimizer.read(tmp_path / "brand.xlsx")
    plan = optimizer.plan(case, time_limit=30)
    optimizer.write(plan, tmp_path / "plan.xlsx")
    paid = plan.evaluation.penalties.sum(axis=0)
    assert (paid > 0).all()
    assert np.allclose(of_workbook(tmp_path / "plan.xlsx", case).costs[PENALTIES], paid)
    lines = case.orders.assign(date=pd.Timestamp(START))
    table = optimizer.replay(tmp_path / "plan.xlsx", lines, case, until=START).summary
    money = table[table["section"] == "cost"].set_index("item")
    for side in ("replay", "plan"):
        assert money[side].drop("total").sum() == pytest.approx(money.loc["total", side])
    assert money.loc[f"{PENALTIES} (as planned)", "replay"] == pytest.approx(float(paid[0]) / 31)


def test_history_keeps_orders_after_the_start(written: Path) -> None:
    """Reading a case leaves out what lies after its start; a history for replay holds it."""
    case = optimizer.read(written / "brand.xlsx")
    lines = read_history(written / "orders.csv", case)
    assert lines["date"].max() >= pd.Timestamp(START) > case.orders["date"].max()
    assert len(lines) == len(case.orders) + int((lines["date"] >= pd.Timestamp(START)).sum())


def test_history_refuses_an_unknown_sku(written: Path) -> None:
    """A SKU that the workbook does not name is an error that names it."""
    bad = written / "bad.csv"
    bad.write_text("order_id,date,sku,quantity,region\n1,2027-01-02,NOBODY,1,NE\n")
    with pytest.raises(InputInvalid, match="NOBODY"):
        read_history(bad, optimizer.read(written / "brand.xlsx"))


def test_the_command_writes_seven_sheets_and_one_json_line(written: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 0; the workbook holds the tables; the JSON line repeats the summary; the tiers are printed."""
    out = written / "replay.xlsx"
    names = [str(written / name) for name in ("plan.xlsx", "brand.xlsx", "orders.csv")]
    code = main(["replay", *names[:2], "--orders", names[2], "--seeds", "2", "--out", str(out), "--json"])
    printed = capsys.readouterr().out
    answer = json.loads(printed.splitlines()[-1])
    assert code == 0
    assert "promised" in printed
    assert pd.ExcelFile(out, engine="openpyxl").sheet_names == [
        "Summary",
        "Tiers",
        "Nodes",
        "Regions",
        "SKUs",
        "Stock",
        "Days",
    ]
    days = pd.read_excel(out, sheet_name="Days", engine="openpyxl")
    assert days["ordered"].sum() == answer["service"]["units ordered"]["replay"]
    assert answer["status"] == "replayed"
    assert len(days) == 31


def test_the_command_wants_a_plan(written: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An input in place of the plan: exit code 2, and the message says what is missing."""
    names = [str(written / name) for name in ("brand.xlsx", "brand.xlsx", "orders.csv")]
    assert main(["replay", *names[:2], "--orders", names[2]]) == 2
    assert "is no plan" in capsys.readouterr().err


def test_the_command_tells_a_plan_of_another_input(
    written: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same brand with one SKU under another name: the plan's first row that names the old one is told, and asked
    about; exit code 3."""
    sheets = small.sheets()
    name = sheets["SKUs"][1][sheets["SKUs"][0].index("sku")]
    renamed = {
        sheet: [["NEW" if cell == name else cell for cell in row] for row in rows] for sheet, rows in sheets.items()
    }
    small.write(tmp_path / "other.xlsx", renamed)
    orders = tmp_path / "orders.csv"
    orders.write_text("order_id,date,sku,quantity,region\n1,2027-01-02,NEW,1,NE\n")
    assert main(["replay", str(written / "plan.xlsx"), str(tmp_path / "other.xlsx"), "--orders", str(orders)]) == 3
    assert f'no sku "{name}". Is it the plan of another input?' in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize(("out", "told"), [("brand.xlsx", "never written over"), ("out.csv", "an Excel workbook")])
def test_the_command_writes_over_no_input(
    written: Path, capsys: pytest.CaptureFixture[str], out: str, told: str
) -> None:
    """``--out`` naming the input, or no workbook: exit code 2, the file stays as it is, and no word of a plan."""
    before = (written / "brand.xlsx").read_bytes()
    names = [str(written / name) for name in ("plan.xlsx", "brand.xlsx", "orders.csv", out)]
    assert main(["replay", *names[:2], "--orders", names[2], "--out", names[3]]) == 2
    assert told in capsys.readouterr().err
    assert (written / "brand.xlsx").read_bytes() == before


def test_the_command_refuses_orders_of_other_days(written: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Orders before the plan only: exit code 2, and the message names both spans."""
    early = written / "early.csv"
    early.write_text("order_id,date,sku,quantity,region\n1,2026-07-02,P-1,1,NE\n")
    names = [str(written / name) for name in ("plan.xlsx", "brand.xlsx")]
    assert main(["replay", *names, "--orders", str(early)]) == 2
    told = capsys.readouterr().err
    assert "2026-07-02" in told
    assert "2027-02-28" in told
