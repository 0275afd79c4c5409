"""Status: cover, what is due, what expires, what is stranded, what does not fit - reckoned by hand on two nodes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from optimizer.cli import main
from optimizer.errors import InputInvalid, UsageError
from optimizer.settings import Settings
from optimizer.shelf import Pace, unsold
from optimizer.status import InForce, Status, status
from optimizer.tables.columns import SHEETS, frame
from optimizer.tables.control_columns import SHEETS as STATUS_SHEETS
from optimizer.writing.workbook import write

from .plans import hand_plan

Row = Mapping[str, Any]
PERIODS = ("2027-01", "2027-02")
DAY = date(2027, 1, 29)  # the 29th to the 31st are left of January


def table(sheet: str, rows: Sequence[Row]) -> pd.DataFrame:
    """A sheet of the plan; figures and texts that are not given are 0 and blank."""
    columns = SHEETS[sheet]
    blank: dict[str, Any] = {column.name: "" if column.kind in ("text", "prose") else 0.0 for column in columns}
    blank |= {column.name: np.datetime64("NaT", "s") for column in columns if column.kind == "date"}
    filled = [{**blank, **row} for row in rows]
    return frame(columns, {column.name: [row[column.name] for row in filled] for column in columns})


def in_force(rates: Mapping[tuple[str, str], tuple[float, float]], room: float = np.nan) -> InForce:
    """A plan that holds SKUs at nodes at (January, February) rates; cells of 0 in a month are not planned in it.

    Reorder point 12, order-up-to level 30, lead time 5 days, packs of 6; a unit costs 10 and takes 10 l. A is supplied
    by ACME, every other node by A.
    """
    placed, refilled = [], []
    for (sku, node), months in rates.items():
        for period, rate in zip(PERIODS, months, strict=True):
            key = {"sku": sku, "node": node, "period": period}
            if rate:
                stock = {"average_stock": 20.0, "peak_stock": 30.0, "volume_m3": 0.3, "value": 200.0}
                placed.append({**key, **stock, "temperature": "ambient"})
                source = "ACME" if node == "A" else "A"
                terms = {"reorder_point": 12.0, "order_up_to": 30.0, "lead_time_days": 5.0, "pack_size": 6.0}
                refilled.append({**key, **terms, "source": source, "demand_per_day": rate, "min_order": 1.0})
    nodes = [
        {"node": node, "period": period, "status": "open", "ambient_room_m3": room, "surge_room_m3": 0.1}
        for node in ("A", "B", "C") for period in PERIODS
    ]  # fmt: skip
    settings = Settings().with_values(start=date(2027, 1, 1), periods=2)
    return InForce(table("Placement", placed), table("Replenishment", refilled), table("Nodes", nodes), settings)


def stock(*rows: tuple[str, str, float] | tuple[str, str, float, float] | tuple[str, str, float, float, str]) -> Any:
    """A Stock sheet: sku, node, on hand, on order, last day."""
    wide = [(*row, 0.0, None)[:5] if len(row) == 3 else (*row, None)[:5] for row in rows]
    out = pd.DataFrame(wide, columns=["sku", "node", "on_hand", "on_order", "expires"])
    return out.assign(expires=pd.to_datetime(out["expires"]).astype("datetime64[s]"))


def only(found: Status, exception: str) -> pd.Series:
    """The one exception of a kind."""
    rows = found.exceptions[found.exceptions["exception"] == exception]
    assert len(rows) == 1
    return rows.iloc[0]


def cell(found: Status, sku: str, node: str) -> pd.Series:
    rows = found.skus[(found.skus["sku"] == sku) & (found.skus["node"] == node)]
    assert len(rows) == 1
    return rows.iloc[0]


def test_cover_runs_into_the_next_period() -> None:
    """20 on hand, 2 a day in January and 7 in February: 6 go in the three days left, 14 in two days of February."""
    found = Status(in_force({("S", "A"): (2.0, 7.0)}), stock(("S", "A", 20.0)), DAY)
    line = cell(found, "S", "A")
    assert line["days_of_cover"] == pytest.approx(5.0)
    assert line["stock_out_date"] == pd.Timestamp("2027-02-03")
    assert line["order_by"] == pd.Timestamp("2027-02-02")
    assert line["state"] == "ok"


def test_an_order_in_whole_packs() -> None:
    """8 on hand and 4 on order are at the reorder point of 12: 18 are missing to 30, which is three packs of 6."""
    found = Status(in_force({("S", "A"): (1.0, 1.0)}), stock(("S", "A", 8.0, 4.0)), DAY)
    line = only(found, "below reorder point")
    assert line["action"] == "order 18 from ACME"
    assert (line["owner"], line["quantity"], line["value"]) == ("buyer of ACME", 18.0, 180.0)
    assert line["by"] == pd.Timestamp(DAY)


def test_surplus_elsewhere_is_moved_first() -> None:
    """A lacks 22 of 30; B has 40, 10 beyond its level: they are moved, and 12 more are ordered."""
    found = Status(
        in_force({("S", "A"): (1.0, 1.0), ("S", "B"): (1.0, 1.0)}), stock(("S", "A", 8.0), ("S", "B", 40.0)), DAY
    )
    line = only(found, "below reorder point")
    assert line["action"] == "move 10 from B; order 12 from ACME"
    assert line["owner"] == "node B, buyer of ACME"


def test_a_surplus_is_moved_once() -> None:
    """B's 10 to spare go to the node that runs out first; the other must order all it lacks."""
    plan = in_force({("S", "A"): (1.0, 1.0), ("S", "B"): (1.0, 1.0), ("S", "C"): (1.0, 1.0)})
    found = Status(plan, stock(("S", "A", 6.0), ("S", "B", 40.0), ("S", "C", 7.0)), DAY)
    actions = found.exceptions.set_index("node")["action"]
    assert actions["A"] == "move 10 from B; order 18 from ACME"
    assert actions["C"] == "order 24 from A (it has 6)"


def test_a_move_must_be_worth_its_cost() -> None:
    """Half a unit to spare, or goods worth less than a transfer costs, are not moved."""
    plan = in_force({("S", "A"): (1.0, 1.0), ("S", "B"): (1.0, 1.0)})
    held = stock(("S", "A", 8.0), ("S", "B", 30.5))
    assert only(Status(plan, held, DAY), "below reorder point")["action"] == "order 24 from ACME"
    dear = InForce(plan.placement, plan.replenishment, plan.nodes, plan.settings.with_values(transfer_cost=101.0))
    held = stock(("S", "A", 8.0), ("S", "B", 40.0))
    assert only(Status(dear, held, DAY), "below reorder point")["action"] == "order 24 from ACME"


def test_no_more_is_ordered_than_sells_until_the_plan_leaves() -> None:
    """B has S in January only, 2 a day: 16 in the eight days from the 24th on. With 11 it lacks 5, one pack of 6, not
    the 19 to its level. On the 29th, 6 are left to sell: with 6 nothing is due, though its reorder point is 12, of 9
    B has 3 to spare for A, and what 4 lack would come too late."""
    plan = in_force({("S", "A"): (2.0, 2.0), ("S", "B"): (2.0, 0.0)})
    line = only(Status(plan, stock(("S", "A", 20.0), ("S", "B", 11.0)), date(2027, 1, 24)), "below reorder point")
    assert (line["node"], line["action"], line["quantity"]) == ("B", "order 6 from A", 5.0)
    enough = Status(plan, stock(("S", "A", 20.0), ("S", "B", 6.0)), DAY)
    assert enough.exceptions.empty
    assert cell(enough, "S", "B")["order_up_to"] == 6.0
    assert pd.isna(cell(enough, "S", "B")["order_by"])
    line = only(Status(plan, stock(("S", "A", 12.0), ("S", "B", 9.0)), DAY), "below reorder point")
    assert line["action"] == "move 3 from B; order 18 from ACME"
    line = only(Status(plan, stock(("S", "A", 20.0), ("S", "B", 4.0)), DAY), "runs out too soon")
    assert line["action"] == "no order: it would come when the plan has left B"


def test_what_waits_for_the_next_month_is_lent() -> None:
    """A, which ACME supplies in 5 days, has S in February only, 27 days after January 5. Its 40 lift B, with 8, to 30:
    22 go there, and A orders 12, two packs, for the 30 it needs of 1 February. On January 29 that would be late."""
    plan = in_force({("S", "A"): (0.0, 1.0), ("S", "B"): (1.0, 1.0)})
    held = stock(("S", "A", 40.0), ("S", "B", 8.0))
    line = only(Status(plan, held, date(2027, 1, 5)), "below reorder point")
    assert line["action"] == "move 22 from A; order 12 from ACME for A by 2027-01-27 in their place"
    assert line["owner"] == "node A, buyer of ACME"
    late = only(Status(plan, held, DAY), "below reorder point")
    assert late["action"] == "order 24 from A"


def test_out_of_stock_comes_first_and_speeds_up_what_is_on_order() -> None:
    """Nothing on hand but 20 on order, above the reorder point: no new order, the one on its way must hurry."""
    plan = in_force({("S", "A"): (2.0, 2.0), ("T", "A"): (1.0, 1.0)})
    found = Status(plan, stock(("S", "A", 0.0, 20.0), ("T", "A", 10.0)), DAY)
    assert found.exceptions["exception"].tolist() == ["out of stock", "below reorder point"]
    assert only(found, "out of stock")["action"] == "speed up the 20 on order"


def test_stock_that_ends_before_an_order_can_come() -> None:
    """8 on hand at 2 a day last four days, the lead time is five."""
    found = Status(in_force({("S", "A"): (2.0, 2.0)}), stock(("S", "A", 8.0)), DAY)
    what = only(found, "runs out too soon")["what"]
    assert what == "8 left until 2027-02-02; an order comes 2027-02-03"


def test_the_oldest_is_sold_first() -> None:
    """1 a day: of 5 that expire after three days (29th, 30th, 31st) 3 are sold, of 40 that last until February 20 the
    20 days that follow sell 20; so 2 and 20 expire unsold."""
    plan = in_force({("S", "A"): (1.0, 1.0)})
    found = Status(plan, stock(("S", "A", 40.0, 0.0, "2027-02-20"), ("S", "A", 5.0, 0.0, "2027-01-31")), DAY)
    line = only(found, "short-dated")
    assert line["quantity"] == pytest.approx(22.0)
    assert line["by"] == pd.Timestamp("2027-01-31")
    assert line["action"] == "mark 22 down"


def test_dated_goods_must_be_out_when_the_plan_leaves_the_node() -> None:
    """A sells 1 a day until 31 January, when the plan leaves it: of 20 that keep until June, 17 are left, and have to
    go by then to B, which has none to lose. Where B is left as well and has all it sells, they are marked down."""
    goods = stock(("S", "A", 20.0, 0.0, "2027-06-01"), ("S", "B", 10.0))
    for later, action in ((1.0, "move 17 to B, or mark them down"), (0.0, "mark 17 down")):
        line = only(Status(in_force({("S", "A"): (1.0, 0.0), ("S", "B"): (1.0, later)}), goods, DAY), "short-dated")
        assert line["what"] == "17 of 20 are left when the plan leaves A"
        assert line["by"] == pd.Timestamp("2027-01-31")
        assert line["action"] == action


def test_what_is_stranded_is_used_before_a_surplus() -> None:
    """A lacks 30. The 9 at C, which does not stock it, go first, then 21 of the 40 that B has to spare."""
    plan = in_force({("S", "A"): (1.0, 1.0), ("S", "B"): (1.0, 1.0)})
    found = Status(plan, stock(("S", "B", 70.0), ("S", "C", 9.0)), DAY)
    assert only(found, "out of stock")["action"] == "move 9 from C; move 21 from B"


def test_what_is_past_its_day_does_not_count_as_stock() -> None:
    """20 whose last day was yesterday are written off, and the SKU is out of stock; on that day they still sold."""
    plan = in_force({("S", "A"): (1.0, 1.0)})
    found = Status(plan, stock(("S", "A", 20.0, 0.0, "2027-01-28")), DAY)
    assert found.exceptions["exception"].tolist() == ["out of stock", "expired"]
    assert only(found, "expired")["action"] == "write off"
    today = Status(plan, stock(("S", "A", 20.0, 0.0, "2027-01-29")), DAY)
    assert only(today, "short-dated")["quantity"] == pytest.approx(19.0)


def test_stranded_goes_where_it_sells() -> None:
    """B holds what the plan has at A alone: it is moved there; a SKU nobody plans is sold off, its order cancelled."""
    plan = in_force({("S", "A"): (1.0, 1.0)})
    found = Status(plan, stock(("S", "A", 20.0), ("S", "B", 7.0), ("X", "B", 3.0, 2.0)), DAY)
    lines = found.exceptions.set_index("sku")
    assert lines.loc["S", "action"] == "move 7 to A"
    assert lines.loc["X", "action"] == "redirect the 2 on order, or cancel them; sell off 3: nobody needs them"
    assert lines["owner"].tolist() == ["node B", "node B"]
    assert found.nodes.set_index("node").loc["B", "stranded_value"] == pytest.approx(70.0)


def test_stock_for_a_later_period_is_not_stranded() -> None:
    """B sells from February on: what stands there on January 29 waits for it."""
    plan = in_force({("S", "A"): (1.0, 1.0), ("S", "B"): (0.0, 1.0)})
    found = Status(plan, stock(("S", "A", 20.0), ("S", "B", 7.0)), DAY)
    assert found.exceptions.empty
    assert found.headline == ("2027-01-29: no exceptions at 3 nodes.",)


def test_a_room_that_is_too_full() -> None:
    """60 units of 10 l in a room of 0.4 m3: 0.1 m3 of surge space is rented, 0.1 moved out, the surplus first."""
    found = Status(in_force({("S", "A"): (1.0, 1.0)}, room=0.4), stock(("S", "A", 60.0)), DAY)
    line = only(found, "over capacity")
    assert line["what"] == "ambient: 0.60 m3 in a room of 0.40"
    assert line["action"] == "rent 0.10 m3 of surge space; move 0.10 m3 out, first what is to spare of S"
    assert found.nodes.set_index("node").loc["A", "ambient_fill"] == pytest.approx(1.5)


def test_the_node_in_figures() -> None:
    """Two SKUs of 1 and 3 a day with 20 and 40 on hand: 60 units at 4 a day, all at the same cost, cover 15 days."""
    found = Status(
        in_force({("S", "A"): (1.0, 1.0), ("T", "A"): (3.0, 3.0)}), stock(("S", "A", 20.0), ("T", "A", 40.0)), DAY
    )
    line = found.nodes.set_index("node").loc["A"]
    assert (line["skus_planned"], line["skus_in_stock"], line["units"], line["value"]) == (2, 2, 60, 600)
    assert line["days_of_cover"] == pytest.approx(15.0)
    assert line["next_stock_out"] == pd.Timestamp("2027-02-11")


@pytest.mark.parametrize("seed", range(20))
def test_cover_and_sales_are_inverse(seed: int) -> None:
    """What is sold in the days that stock lasts is the stock; where it lasts for ever, less is sold in 1,000 years."""
    rng = np.random.default_rng(seed)
    rates = rng.uniform(0.001, 9.0, (6, 3)) * (rng.random((6, 3)) < 0.6)
    pace, units = Pace(np.array([3.0, 28.0, 31.0]), rates), rng.uniform(0.0, 200.0, 6)
    days = pace.days_to_sell(units)
    lasting = np.isfinite(days)
    sold = pace.sold_in(np.where(lasting, days, 365_000.0))
    assert sold[lasting] == pytest.approx(units[lasting])
    assert (sold[~lasting] <= units[~lasting]).all()


@pytest.mark.parametrize("seed", range(20))
def test_no_lot_sells_more_than_it_has_or_than_is_asked_for(seed: int) -> None:
    """Lots leave between nothing and all unsold, and sales until any last day fit in what was asked for by then."""
    rng = np.random.default_rng(seed)
    units, sellable = rng.uniform(0.0, 50.0, 6), np.sort(rng.uniform(0.0, 150.0, 6))
    left = unsold(np.zeros(6, dtype=np.int64), units, sellable)
    assert (left >= 0.0).all()
    assert (left <= units).all()
    assert (np.cumsum(units - left) <= sellable + 1e-9).all()


def test_a_day_outside_the_plan_is_refused() -> None:
    """The hand plan is for January and February; a status of another day would hold stock against wrong figures."""
    plan = hand_plan()
    held = stock(("S1", "CENTRAL", 5.0))
    for day in (date(2026, 12, 31), date(2027, 3, 1)):
        with pytest.raises(UsageError, match="is no day of the plan"):
            status(plan, held, day)
    assert status(plan, held, date(2027, 2, 28)).day == date(2027, 2, 28)


def csv_file(folder: Path, *lines: str) -> Path:
    path = folder / "stock.csv"
    path.write_text("\n".join(["SKU,Node,on hand,on_order,expires", *lines]) + "\n", encoding="utf-8")
    return path


def test_a_csv_a_workbook_and_a_table_tell_the_same(tmp_path: Path) -> None:
    """The same rows as a CSV, as the only sheet of a workbook, and as a data frame give the same status, from the plan
    in memory and from its workbook."""
    plan, day = hand_plan(), date(2027, 1, 10)
    path = write(plan, tmp_path / "plan.xlsx")
    text = csv_file(tmp_path, "S1,HUB,31,,2027-01-20", "S2,CENTRAL,12,3,", "S2,POP,4,0,")
    book = tmp_path / "stock.xlsx"
    rows = [("S1", "HUB", 31.0, 0.0, "2027-01-20"), ("S2", "CENTRAL", 12.0, 3.0), ("S2", "POP", 4.0, 0.0)]
    stock(*rows).to_excel(book, sheet_name="Export of today", index=False)  # type: ignore[arg-type]
    expected = status(plan, stock(*rows), day)  # type: ignore[arg-type]
    assert len(expected.exceptions) >= 2
    for own in (plan, path):
        for source in (text, book):
            found = status(own, source, day)
            pd.testing.assert_frame_equal(found.exceptions, expected.exceptions)
            pd.testing.assert_frame_equal(found.skus, expected.skus)
            pd.testing.assert_frame_equal(found.nodes, expected.nodes)


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("S1,DAL,5,,", "B-001"),
        ("s1,HUB,5,,", "K-007"),
        ("S1,HUB,-5,,", "D-024"),
        ("S1,HUB,five,,", "D-016"),
        ("S1,HUB,,,", "D-022"),
        ("S1,HUB,5,,soon", "T-003"),
    ],
)
def test_faults_of_the_stock_are_told_as_in_any_workbook(tmp_path: Path, line: str, code: str) -> None:
    """A node the plan lacks, a SKU spelled otherwise, a number or date that is none: the cell and the usual code."""
    with pytest.raises(InputInvalid) as fault:
        status(hand_plan(), csv_file(tmp_path, "S2,HUB,1,,", line), date(2027, 1, 10))
    errors = [finding for finding in fault.value.findings if finding.severity == "error"]
    assert [finding.code for finding in errors] == [code]
    assert errors[0].place.endswith("3")


def test_a_sku_the_plan_does_not_know_is_noted(tmp_path: Path) -> None:
    """A SKU of last year is no error: it is stranded, and a note says that the plan does not know it."""
    found = status(hand_plan(), csv_file(tmp_path, "OLD-MUG,HUB,5,,"), date(2027, 1, 10))
    assert [finding.severity for finding in found.seen if finding.code == "B-001"] == ["note"]
    assert "OLD-MUG" in found.exceptions.set_index("exception").loc[["stranded"], "sku"].tolist()


def test_the_workbook_has_every_sheet(tmp_path: Path) -> None:
    """Exceptions, Nodes, SKUs and Findings are written with the columns they are promised with."""
    found = status(hand_plan(), stock(("S1", "HUB", 3.0), ("S2", "POP", 4.0)), date(2027, 1, 10))
    path = found.write(tmp_path / "status.xlsx")
    sheets = pd.read_excel(path, sheet_name=None, engine="openpyxl")
    assert list(sheets) == list(STATUS_SHEETS)
    assert sheets["Exceptions"]["rank"].tolist() == list(range(1, len(found.exceptions) + 1))
    assert {name: list(sheet) for name, sheet in sheets.items()} == {
        name: [column.name for column in columns] for name, columns in STATUS_SHEETS.items()
    }


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`nodewise status` prints exceptions first, writes the workbook, and says the same as JSON."""
    path = write(hand_plan(), tmp_path / "plan.xlsx")
    text = csv_file(tmp_path, "S1,HUB,3,,", "S2,POP,4,0,")
    out = tmp_path / "status.xlsx"
    words = ["status", str(path), "--stock", str(text), "--date", "2027-01-10", "--out", str(out), "--json"]
    assert main(words) == 0
    said = capsys.readouterr().out
    answer = json.loads(said.splitlines()[-1])
    assert said.index("Exceptions (") < said.index("Nodes")
    assert sum(answer["counts"].values()) == len(answer["exceptions"])
    assert answer["exceptions"][0]["by"] == "2027-01-10"
    assert out.exists()
    assert main(["status", str(path), "--stock", str(text), "--date", "2030-01-01"]) == 2
