"""What stands in the case: defaults, exact text, regions from postcodes, returns, the start, estimated lanes."""

from __future__ import annotations

import math
import re
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from optimizer.case import TABLES, items
from optimizer.errors import InfeasibleCase, InputInvalid
from optimizer.reading import read
from optimizer.reading.checks import CHECKS, check_case
from optimizer.reading.sheets import SHEETS, TIER_DEFAULTS, columns
from optimizer.reading.zones import ZONES, distance_km, estimate

from .reading_books import day, findings, good, read_good, save


def test_every_table_has_the_columns_of_its_sheet(tmp_path: Path) -> None:
    """Exactly the contract's columns in its order; lanes have one more."""
    case = read_good(tmp_path / "book.xlsx")
    sheets = (
        "Orders",
        "Demand",
        "SKUs",
        "Nodes",
        "Regions",
        "Lanes",
        "Supply",
        "Stock",
        "Campaigns",
        "Tiers",
        "Limits",
    )
    for sheet in sheets:
        expected = [column.name for column in columns(sheet)] + (["estimated"] if sheet == "Lanes" else [])
        assert list(case.table(sheet).columns) == expected


def test_blanks_take_their_defaults(tmp_path: Path) -> None:
    """Constants and settings fill blanks; a blank that means something stays blank."""
    case = read(save(tmp_path / "book.xlsx", good()), default_weight_kg=0.7, default_price_markup=0.5)
    sku = case.skus.set_index("sku")
    assert sku.loc["TEA", ["weight_kg", "volume_l", "pack_size", "moq"]].tolist() == [0.7, 1.0, 1.0, 1.0]
    assert sku.loc["TEA", "unit_price"] == 9.0  # 6 x 1.5
    assert sku.loc["MUG-1", "unit_price"] == 9.0  # as given
    assert sku.loc["00123", "temperature"] == "ambient"
    assert math.isnan(sku.loc["TEA", "shelf_life_days"])
    node = case.nodes.set_index("node")
    assert node.loc["EAST", ["status", "lead_time_days", "review_days"]].tolist() == ["open", 7.0, 7.0]
    assert math.isnan(node.loc["HUB", "ambient_m3"])
    assert node.loc["POP", "chilled_m3"] == 0.0
    assert case.regions["backup_required"].tolist() == [True, False]
    assert case.lanes.loc[1, ["cost_per_kg", "on_time_rate", "temperatures"]].tolist() == [
        0.0,
        0.95,
        "ambient, chilled, frozen",
    ]


def test_tiers_without_a_sheet_and_with_blanks(tmp_path: Path) -> None:
    """No Tiers sheet: A, B, C of the design. A given C with blanks takes C's own defaults, not the column's."""
    sheets = good()
    case = read(save(tmp_path / "one.xlsx", sheets))
    assert case.tiers.set_index("tier").loc["C", ["max_nodes", "node_types", "service_level"]].tolist() == [
        1.0,
        "central",
        0.9,
    ]
    del sheets["Tiers"]
    assert read(save(tmp_path / "two.xlsx", sheets)).tiers.to_dict("records") == list(TIER_DEFAULTS)


@pytest.mark.parametrize(
    "name", ["00124", "1E5", "TRUE", "NA", "MAR-1", "null", "nan", "=1+1", "-5", "@x", "1.0", "ß", "a b"]
)
def test_names_survive_as_typed(tmp_path: Path, name: str) -> None:
    """Text that looks like something else is kept to the letter, on every sheet and in the orders."""
    sheets: Any = good()
    for row in (*sheets["SKUs"], *sheets["Orders"], *sheets["Stock"], *sheets["Demand"]):
        row[:] = [name if cell == "MUG-1" else cell for cell in row]
    path = _written_as_text(tmp_path / "book.xlsx", sheets)
    case = read(path)
    assert case.skus["sku"].tolist()[0] == name
    assert case.orders["sku"].tolist()[0] == name
    assert case.stock["sku"].tolist() == [name]


def _written_as_text(path: Path, sheets: dict[str, list[list[Any]]]) -> Path:
    import openpyxl

    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        page = book.create_sheet(name)
        for number, row in enumerate(rows, 1):
            for position, value in enumerate(row, 1):
                cell = page.cell(number, position, value)
                if isinstance(value, str):
                    cell.data_type = "s"
    book.save(path)
    return path


def test_regions_come_from_the_longest_prefix(tmp_path: Path) -> None:
    """Postcodes 2..., 30... belong to S, 1... to N; 301 has the prefix 30; blanks and hyphens do not count."""
    sheets = good()
    for number, (postcode, _) in enumerate(wanted := [("21000", "S"), ("1-234", "N"), ("30 1", "S"), ("12", "N")], 1):
        sheets["Orders"][number][4:6] = [None, postcode]
    del sheets["Orders"][5]
    assert read(save(tmp_path / "book.xlsx", sheets)).orders["region"].tolist() == [region for _, region in wanted]


def lines(*rows: tuple[str, str, float, str | None]) -> list[list[Any]]:
    """Orders of (date, sku, quantity, status) to region N."""
    header = ["order_id", "date", "sku", "quantity", "region", "status"]
    return [
        header,
        *([f"O{n}", day(when), sku, units, "N", status] for n, (when, sku, units, status) in enumerate(rows)),
    ]


SALES_AND_RETURNS = lines(
    ("2026-09-01", "MUG-1", 5, None),
    ("2026-09-05", "MUG-1", 2, None),
    ("2026-09-07", "MUG-1", -3, None),  # takes the 2 of the 5th and 1 of the 1st
    ("2026-09-09", "MUG-1", 4, None),  # later: untouched
    ("2026-09-02", "00123", -1, None),  # nothing sold before: counts for nothing
    ("2026-09-03", "00123", 6, "Cancelled"),
    ("2026-09-04", "00123", 7, "returned"),
    ("2026-09-04", "TEA", 0, None),
)


@pytest.mark.parametrize(("how", "left"), [("drop", [5.0, 2.0, 4.0]), ("net", [4.0, 4.0])])
def test_returns(tmp_path: Path, how: str, left: list[float]) -> None:
    """drop leaves the sales as they are, net takes a return from the latest sales before it; both are told."""
    path = save(tmp_path / "book.xlsx", {**good(), "Orders": SALES_AND_RETURNS})
    case = read(path, returns=how)
    assert case.orders["quantity"].tolist() == left
    told = " ".join(str(finding) for finding in case.findings if finding.code == "D-023")
    assert "2 cancelled or returned lines" in told
    assert "2 lines below zero (4 units)" in told
    assert "1 lines of quantity 0" in told


def test_returns_may_be_refused(tmp_path: Path) -> None:
    """With returns = reject each such line is an error at its own cell."""
    path = save(tmp_path / "book.xlsx", {**good(), "Orders": SALES_AND_RETURNS})
    told = [f.place for f in findings(path, returns="reject") if f.severity == "error"]
    assert told == ["Orders!D4", "Orders!D6", "Orders!D7", "Orders!D8"]


@pytest.mark.parametrize(("period", "start"), [("month", date(2026, 11, 1)), ("week", date(2026, 11, 2))])
def test_the_start_follows_the_last_order(tmp_path: Path, period: str, start: date) -> None:
    """Last order on Friday 2026-10-30: the next month begins on 1 November, the next Monday is the 2nd."""
    sheets = good()
    sheets["Settings"] = [["setting", "value"], ["periods", 2]]
    del sheets["Demand"], sheets["Limits"]
    case = read(save(tmp_path / "book.xlsx", sheets), period=period)
    assert case.settings.start == start
    assert case.settings.origins["start"] == "default"
    assert case.settings.origins["period"] == "--set"
    assert case.settings.origins["periods"] == "Settings!B2"


def test_lines_from_the_start_on_are_left_out(tmp_path: Path) -> None:
    """T-008: orders of the planned time would be used twice."""
    sheets = good()
    del sheets["Demand"], sheets["Limits"]
    case = read(save(tmp_path / "book.xlsx", sheets), start="2026-10-30")
    assert case.orders["order_id"].tolist() == ["O1", "O1", "O2", "O3"]
    assert ("T-008", "warning") in {(finding.code, finding.severity) for finding in case.findings}
    meant = read(save(tmp_path / "book.xlsx", sheets), start="2026-10-30", history_until="2026-10-29")
    assert ("T-008", "note") in {(finding.code, finding.severity) for finding in meant.findings}


def test_categories_of_orders_are_those_of_the_sheets(tmp_path: Path) -> None:
    """Codes of sku and region index the SKUs and Regions sheets, used or not."""
    case = read_good(tmp_path / "book.xlsx")
    assert list(case.orders["sku"].cat.categories) == case.skus["sku"].tolist()
    assert list(case.orders["region"].cat.categories) == case.regions["region"].tolist()
    assert list(case.orders["order_id"].cat.categories) == ["O1", "O2", "O3", "O4"]


def test_absent_lanes_are_estimated(tmp_path: Path) -> None:
    """Two lanes are given, the other four pairs of 3 nodes x 2 regions come from the zone table, told once."""
    case = read_good(tmp_path / "book.xlsx")
    assert case.lanes["estimated"].tolist() == [False, False, True, True, True, True]
    row = case.lanes.set_index(["node", "region"]).loc[("EAST", "S")]
    # Newark to Atlanta by the cosine rule: acos(sin a sin b + cos a cos b cos d) R
    a, b, d = math.radians(40.7), math.radians(33), math.radians(10)
    km = 6371.0088 * math.acos(math.sin(a) * math.sin(b) + math.cos(a) * math.cos(b) * math.cos(d))
    zone = next(zone for zone in ZONES if km <= zone.up_to_km)
    assert (row["cost_per_parcel"], row["cost_per_kg"], row["transit_days"]) == (
        zone.cost_per_parcel, zone.cost_per_kg, zone.transit_days,
    )  # fmt: skip
    assert [f.expectation for f in case.findings if f.code == "B-020"] == [
        "4 of 6 node-region pairs have no lane; estimated from distance by the zone table"
    ]


def test_a_pair_without_places_has_no_lane(tmp_path: Path) -> None:
    """Without lat of POP its two pairs cannot be estimated; without lat of N a lane with blank cost is an error."""
    sheets = good()
    sheets["Nodes"][3][3] = None
    case = read(save(tmp_path / "one.xlsx", sheets))
    assert "POP" not in set(case.lanes["node"])
    assert any(f.code == "B-022" and "2 of 6 node-region pairs" in f.expectation for f in case.findings)
    sheets["Regions"][1][1] = None
    sheets["Lanes"][1][3:5] = [None, None]
    told = [f for f in findings(save(tmp_path / "two.xlsx", sheets)) if f.severity == "error"]
    assert [(f.code, f.place) for f in told] == [("D-022", "Lanes!D2")]


def test_zones_rise_with_distance() -> None:
    """No zone is cheaper or faster than a nearer one, and the last has no end."""
    rows = [(z.up_to_km, z.cost_per_parcel, z.cost_per_kg, z.transit_days) for z in ZONES]
    for before, after in pairwise(rows):
        assert all(x <= y for x, y in zip(before, after, strict=True))
    assert rows[-1][0] == math.inf
    assert math.isnan(estimate(distance_km(*(pd.Series([math.nan]).to_numpy(),) * 4))["transit_days"][0])


def test_unreachable_demand_is_proved_infeasible(tmp_path: Path) -> None:
    """TEA (chilled) is wanted in S, 4 units in 60 days, and no lane brings chilled goods there: exit 4."""
    sheets = good()
    for row in sheets["Nodes"][1:]:
        row[3] = None  # no place, no estimate
    for row in sheets["Lanes"][1:]:
        row[7] = "ambient"
    with pytest.raises(InfeasibleCase) as caught:
        read(save(tmp_path / "book.xlsx", sheets))
    error = caught.value
    assert [(f.code, f.place) for f in error.findings if f.severity == "error"] == [("B-002", "Regions!A3")]
    assert [(r.where, r.unit) for r in error.relief] == [("S chilled", "units/day")]
    assert error.relief[0].amount == pytest.approx(4 / 60)  # 1 September to 30 October are 60 days


def test_demand_above_all_throughput(tmp_path: Path) -> None:
    """B-003: a forecast of 500 a day against nodes that send 1 + 200 + 100 is a proof; against history a warning."""
    sheets = good()
    sheets["Nodes"][1][7] = 1
    sheets["Demand"][1][2] = 500
    warned = {(f.code, f.severity) for f in read(save(tmp_path / "one.xlsx", sheets)).findings}
    assert ("B-003", "warning") in warned
    del sheets["Orders"]
    with pytest.raises(InfeasibleCase) as caught:
        read(save(tmp_path / "two.xlsx", sheets))
    assert caught.value.relief[0].amount == pytest.approx(500 - 301)


LEAST = [
    (("value", "max", 4000, "EAST", "2026-12"), ("value", "min", 5000, "EAST, POP", None), ""),
    (("value", "max", 4000, None, "2026-12"), ("value", "min", 5000, "EAST, POP", None), "Limits!D2"),
    (("value", "max", 4000, None, "2026-12"), ("value", "min", 5000, "EAST", "2026-11"), ""),
    (("value", "max", 4000, None, None), ("units", "min", 5000, "EAST", None), ""),
    (("units", "max", 10, None, None), ("value", "min", 800, "EAST", None), "Settings!B5"),
    (("units", "max", 10, None, None), ("nodes", "min", 3, None, None), ""),
    (("units", "max", 10, None, None), ("nodes", "min", 4, None, None), "but 3 nodes can be open there"),
    (("units", "max", 10, None, None), ("skus", "min", 2.5, "POP", None), "but 2 SKUs have a place there"),
    (("units", "max", 10, None, None), ("volume_m3", "min", 56, "EAST", None), "for 55 m3 there (Nodes!F3, Nodes!G3)"),
    (("units", "max", 10, None, None), ("volume_m3", "min", 56, "EAST, HUB", None), ""),
    (("units", "max", 10, None, None), ("units_per_day", "min", 101, "POP", None), "100 units a day can be sent there"),
]


@pytest.mark.parametrize(("most", "least", "words"), LEAST)
def test_limits_that_contradict_by_arithmetic(
    tmp_path: Path, most: tuple[Any, ...], least: tuple[Any, ...], words: str
) -> None:
    """A least amount above a most amount that counts at least the same, or above what its nodes have (rooms of 50 + 5
    m3, two ambient SKUs, three nodes), is refused before any solve, with both cells; by hand."""
    sheets = good()
    head = ["limit", "measure", "sense", "amount", "node", "period"]
    sheets["Limits"] = [head, ["most", *most], ["least", *least]]
    sheets["Settings"].append(["budget", 700 if "Settings" in words else 1e6])
    path = save(tmp_path / "book.xlsx", sheets)
    if not words:
        assert read(path).limits["limit"].tolist() == ["most", "least"]
        return
    with pytest.raises(InfeasibleCase, match=re.escape(words)) as caught:
        read(path)
    told = [f for f in caught.value.findings if f.severity == "error"]
    assert [f.place for f in told] == ["Limits!D3"]
    assert [line.cell for line in caught.value.relief] == ["Limits!D3"]


def test_unused_things_are_noted(tmp_path: Path) -> None:
    """A SKU nobody ordered is a note, not a fault."""
    sheets = good()
    sheets["SKUs"].append(["IDLE", 1.0, *[None] * 12])
    told = [f for f in read(save(tmp_path / "book.xlsx", sheets)).findings if f.code == "B-009"]
    assert [(f.severity, f.place, f.value) for f in told] == [("note", "SKUs!A5", "IDLE")]


def test_a_node_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    """POP is open for ten days of November only: no period has half of its days. Nodes that a closed HUB feeds get
    goods from suppliers alone."""
    sheets = good()
    sheets["Nodes"][3][10] = day("2026-11-10")
    told = read(save(tmp_path / "short.xlsx", sheets)).findings
    assert [(f.place, f.value) for f in told if "half of no period" in f.expectation] == [("Nodes!A4", "POP")]
    assert not [f for f in told if f.code == "B-026"]
    sheets["Nodes"][1][2] = "closed"
    told = findings(save(tmp_path / "closed.xlsx", sheets))
    assert [(f.place, f.value) for f in told if f.code == "B-026"] == [("Nodes!I3", "HUB"), ("Nodes!I4", "HUB")]


def test_a_costless_case_is_refused(tmp_path: Path) -> None:
    """B-008: with every cost at 0 any plan is the best one."""
    sheets = good()
    for row in sheets["SKUs"][1:]:
        row[1], row[13] = 0, 0
    for row in sheets["Lanes"][1:]:
        row[3:5] = [0, 0]
    for row in sheets["Nodes"][1:]:
        row[3] = None
    free = {"order_cost": 0, "transfer_cost": 0, "change_cost_in": 0, "change_cost_out": 0}
    assert "B-008" in {f.code for f in findings(save(tmp_path / "book.xlsx", sheets), **free)}


def test_checks_run_on_a_case_changed_in_code(tmp_path: Path) -> None:
    """A scenario built with dataclasses.replace is checked by the same records, rows counted from 2."""
    from dataclasses import replace

    case = read_good(tmp_path / "book.xlsx")
    tiers = case.tiers.assign(min_nodes=9.0)
    told = check_case(replace(case, tiers=tiers))
    assert {(f.code, f.place) for f in told if f.severity == "error"} == {
        ("B-014", "Tiers!2:2"),
        ("B-014", "Tiers!3:3"),
    }


def test_each_check_is_named_once() -> None:
    """The list of checks reads as a table of contents."""
    assert len({check.name for check in CHECKS}) == len(CHECKS)


def test_several_names_in_a_filter(tmp_path: Path) -> None:
    """A filter cell may name several things; a whole cell that is one name with a comma is that name."""
    sheets = good()
    sheets["SKUs"][1][2] = sheets["SKUs"][2][2] = "mugs, cups"
    sheets["Campaigns"][1][4] = "mugs, cups"
    sheets["Campaigns"][1][6] = "N; S"
    sheets["Limits"][1][5], sheets["Limits"][1][4] = None, "TEA, MUG-1"
    case = read(save(tmp_path / "book.xlsx", sheets))
    assert case.campaigns.loc[0, "category"] == "mugs, cups"
    assert case.limits.loc[0, "sku"] == "TEA, MUG-1"


@pytest.mark.parametrize(("sheet", "key"), [("Limits", {0: "second"}), ("Demand", {1: "S"})])
def test_a_period_beside_blank_periods_leaves_them_blank(tmp_path: Path, sheet: str, key: dict[int, str]) -> None:
    """A period named in one row leaves None, not NaN, in the others: they hold in every period."""
    sheets = good()
    period = sheets[sheet][0].index("period")
    every, one = list(sheets[sheet][1]), list(sheets[sheet][1])
    every[period], one[period] = None, "2026-12"
    for column, name in key.items():
        one[column] = name
    sheets[sheet][1:] = [every, one]
    case = read(save(tmp_path / "book.xlsx", sheets))
    assert case.table(sheet)["period"].tolist() == [None, "2026-12"]


def test_a_period_typed_as_a_date_is_its_label(tmp_path: Path) -> None:
    """Excel turns 2026-12 into the date 2026-12-01: it still means that period."""
    sheets = good()
    sheets["Demand"][1][4] = day("2026-12-01")
    assert read(save(tmp_path / "book.xlsx", sheets)).demand["period"].tolist() == ["2026-12"]


def test_a_plan_without_orders_needs_a_start(tmp_path: Path) -> None:
    """With a Demand sheet no orders are needed; without a start there is then nothing to follow (T-010)."""
    sheets = good()
    del sheets["Orders"]
    case = read(save(tmp_path / "one.xlsx", sheets))
    assert len(case.orders) == 0
    assert list(case.orders["sku"].cat.categories) == ["MUG-1", "00123", "TEA"]
    del sheets["Settings"][2]
    with pytest.raises(InputInvalid, match="T-010"):
        read(save(tmp_path / "two.xlsx", sheets))


def test_tables_are_what_they_promise(tmp_path: Path) -> None:
    """Text is str or None, numbers are float64, dates datetime64, flags bool, in every table, also empty ones."""
    sheets = {name: rows for name, rows in good().items() if name in ("SKUs", "Nodes", "Regions", "Orders", "Settings")}
    sheets["SKUs"][1][9] = "B"
    case = read(save(tmp_path / "book.xlsx", sheets))
    kinds = {"number": "f", "whole": "f", "date": "M", "flag": "b"}
    for name in TABLES[1:]:
        table = case.table(name)
        sheet = next(sheet.name for sheet in SHEETS if sheet.name.casefold() == name)
        for column in columns(sheet):
            assert table[column.name].dtype.kind == kinds.get(column.kind, "O"), (name, column.name)
            if column.kind not in kinds:
                assert all(value is None or type(value) is str for value in table[column.name])
    assert items(case.lanes["temperatures"].iloc[0]) == ("ambient", "chilled", "frozen")
