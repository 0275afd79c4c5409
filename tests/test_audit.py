"""The audit of written plans: silent on a plan that keeps its word, and every broken promise caught in its cell."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import pandas as pd
import pytest

from optimizer.audit import audit, effective_settings
from optimizer.auditing.codes import CODES
from optimizer.case import Case
from optimizer.errors import FileRefused, Finding, InputInvalid, UsageError
from optimizer.writing.workbook import write
from tests.audit_network import make_case, plan_of
from tests.audit_random import random_case, random_placement

PLACEMENT_RULES = {"V-017", "V-019", "V-020", "V-041", "V-043"}  # what a random placement may break

NODES = [
    {
        "node": "HUB",
        "type": "central",
        "chilled_m3": 4.0,
        "capabilities": "gift",
        "surge_m3": 3.0,
        "surge_cost_per_m3_month": 9.0,
        "fixed_cost_per_month": 100.0,
        "outage_days_per_year": 5.0,
        "units_per_day": 50.0,
        "max_skus": 3.0,
    },
    {
        "node": "EAST",
        "type": "regional",
        "ambient_m3": 2.0,
        "replenished_from": "HUB",
        "lead_time_days": 2.0,
        "max_skus": 2.0,
    },
    {"node": "POP", "type": "popup", "status": "candidate", "opening_cost": 40.0, "ambient_m3": 2.0},
    {"node": "LATE", "type": "regional", "open_from": np.datetime64("2027-02-01")},
]
REGIONS = [{"region": "N", "promise_days": 3.0, "backup_required": True}, {"region": "S"}]
LANES = [
    {"node": "HUB", "region": "N", "carrier": "van", "cost_per_parcel": 6.0, "cost_per_kg": 0.5, "transit_days": 2.0},
    {
        "node": "HUB",
        "region": "S",
        "carrier": "van",
        "cost_per_parcel": 6.0,
        "cost_per_kg": 0.5,
        "transit_days": 2.0,
        "parcels_per_day": 8.0,
    },
    {"node": "EAST", "region": "N", "carrier": "van", "cost_per_parcel": 3.0, "cost_per_kg": 0.5, "transit_days": 1.0},
    {"node": "POP", "region": "S", "carrier": "van", "cost_per_parcel": 2.0, "cost_per_kg": 0.5, "transit_days": 1.0},
    {"node": "LATE", "region": "S", "carrier": "van", "cost_per_parcel": 9.0, "cost_per_kg": 0.5, "transit_days": 1.0},
]
SKUS = [
    {"sku": "007", "unit_cost": 10.0, "tier": "A", "requires": "", "volume_l": 2.0},
    {"sku": "TEA", "unit_cost": 4.0, "tier": "C", "temperature": "chilled", "shelf_life_days": 60.0, "volume_l": 3.0},
    {
        "sku": "BOX",
        "unit_cost": 7.0,
        "tier": "C",
        "requires": "gift",
        "supplier": "ACME",
        "moq": 40.0,
        "pack_size": 12.0,
    },
]
DEMAND = [
    {"sku": sku, "region": region, "mean_per_day": mean, "sd_per_day": 2.0}
    for sku, means in (("007", (3.0, 2.0)), ("TEA", (1.0, 1.5)), ("BOX", (0.3, 0.2)))
    for region, mean in zip("NS", means, strict=True)
]
LIMITS = [
    {"limit": "few", "measure": "skus", "sense": "max", "amount": 4.0, "penalty_per_unit": 3.0},
    {"limit": "all in", "measure": "cost", "sense": "max", "amount": 1e6},
    {"limit": "on time", "measure": "on_time_share", "sense": "min", "amount": 0.5},
    {"limit": "cash", "measure": "purchases", "sense": "max", "amount": 1e5},
]


def the_case(**settings: Any) -> Case:
    """Four nodes, three SKUs, two months: 007 at HUB, EAST and POP, the others at HUB."""
    stock = [
        {"sku": "007", "node": "HUB", "on_hand": 40.0, "on_order": 10.0},
        {"sku": "TEA", "node": "EAST", "on_hand": 2.0},
    ]
    chosen = {"periods": 2, "budget": 9000.0} | settings
    case = make_case(SKUS, NODES, REGIONS, LANES, chosen, demand=DEMAND, limits=LIMITS, stock=stock)
    return replace(case, source={"path": "brand.xlsx", "sha256": "abc123"})


def the_placement() -> tuple[np.ndarray, np.ndarray]:
    """Stocked (3,4,2) and open (4,2)."""
    stocked = np.zeros((3, 4, 2), dtype=bool)
    stocked[0, :3] = stocked[1, 0] = stocked[2, 0] = True
    is_open = np.array([[True, True], [True, True], [True, True], [False, True]])
    return stocked, is_open


@pytest.fixture(scope="module")
def case() -> Case:
    """The case of the written plan."""
    return the_case()


@pytest.fixture(scope="module")
def written(case: Case, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The plan as it was written."""
    path = tmp_path_factory.mktemp("audit") / "plan.xlsx"
    write(plan_of(case, *the_placement()), path)
    return path


@pytest.fixture
def tamper(case: Case, written: Path, tmp_path: Path) -> Callable[..., tuple[Finding, ...]]:
    """Change a copy of the plan with openpyxl and audit it."""

    def change(edit: Callable[[openpyxl.Workbook], None], against: Case = case) -> tuple[Finding, ...]:
        path = tmp_path / "tampered.xlsx"
        shutil.copyfile(written, path)
        book = openpyxl.load_workbook(path)
        edit(book)
        book.save(path)
        return audit(path, against)

    return change


def find(sheet: Any, column: str, **key: str) -> Any:
    """The cell of a column in the row with this key."""
    header = next(row for row in sheet.iter_rows(max_row=8) if any(cell.value == column for cell in row))
    at = {cell.value: cell.column for cell in header}
    for row in range(header[0].row + 1, sheet.max_row + 1):
        if all(str(sheet.cell(row, at[name]).value) == text for name, text in key.items()):
            return sheet.cell(row, at[column])
    raise AssertionError(f"no row {key} in {sheet.title}")


def codes(findings: Iterable[Finding]) -> set[str]:
    """The codes among the findings."""
    return {finding.code for finding in findings}


def test_a_plan_that_keeps_its_word(written: Path, case: Case) -> None:
    """Nothing is found in a plan as it was written."""
    assert audit(written, case) == ()


@pytest.mark.parametrize("seed", [*range(8), 34, 49])
def test_two_pieces_of_code_agree_on_random_plans(seed: int, tmp_path: Path) -> None:
    """Evaluation and auditor were written apart from one page of mathematics; every figure of a random plan agrees.

    Random placements may break rules of placement and capacities, which both sides only see and do not repair.
    """
    case = random_case(seed)
    path = write(plan_of(case, *random_placement(case, seed)), tmp_path / "plan.xlsx")
    found = audit(path, case)
    assert not [str(finding) for finding in found if finding.code not in PLACEMENT_RULES]


FIRST = {"sku": "007", "node": "EAST", "period": "2027-01"}
NODE = {"node": "HUB", "period": "2027-01"}
CHANGES = [
    ("Placement", "node", FIRST, "LATE", "V-012", "a node before its first day"),
    ("Placement", "sku", FIRST, "7", "V-003", "a SKU that lost its zeros"),
    ("Placement", "period", FIRST, "2027-05", "V-003", "a month that is not planned"),
    ("Placement", "node", FIRST, "HUB", "V-004", "a row that stands twice"),
    ("Placement", "node", {"sku": "BOX", "period": "2027-01"}, "EAST", "V-015", "a node without the capability"),
    ("Placement", "node", {"sku": "TEA", "period": "2027-01"}, "EAST", "V-014", "a node without a cold room"),
    ("Placement", "node", {"sku": "BOX", "period": "2027-02"}, "LATE", "V-005", "a row that Replenishment lacks"),
    ("Placement", "tier", FIRST, "B", "V-022", "another tier"),
    ("Placement", "role", FIRST, "feeds", "V-023", "another role"),
    ("Placement", "regions_served", FIRST, "N, S", "V-024", "a region that the router sends elsewhere"),
    ("Placement", "regions_served", FIRST, "all", "V-024", "every region, though the router sends some elsewhere"),
    ("Placement", "units_per_day", FIRST, 3.5, "V-025", "another flow"),
    ("Placement", "average_stock", FIRST, 1.0, "V-033", "another average stock"),
    ("Placement", "volume_m3", FIRST, None, "V-033", "a blank volume"),
    ("Placement", "cost", FIRST, 1.0, "V-034", "another cost"),
    ("Replenishment", "source", FIRST, "ACME", "V-026", "another source"),
    ("Replenishment", "pack_size", FIRST, 7.0, "V-026", "another pack"),
    ("Replenishment", "min_order", FIRST, 500.0, "V-026", "another least order"),
    ("Placement", "temperature", FIRST, "frozen", "V-022", "another temperature"),
    ("Replenishment", "lead_time_days", FIRST, 3.0, "V-027", "another lead time"),
    ("Replenishment", "service_level", FIRST, 0.9, "V-028", "another service level"),
    ("Replenishment", "order_quantity", FIRST, 1.0, "V-029", "another order quantity"),
    ("Replenishment", "order_now", FIRST, 0.0, "V-035", "no first order although one is due"),
    ("Replenishment", "order_by", FIRST, None, "V-036", "no order date"),
    (
        "Replenishment",
        "order_by",
        {"sku": "TEA", "period": "2027-02"},
        date(2027, 3, 1),
        "V-036",
        "an order date too many",
    ),
    ("Nodes", "status", {"node": "LATE", "period": "2027-01"}, "open", "V-021", "an open node before its first day"),
    ("Nodes", "status", NODE, "not open", "V-021", "a node that is open in the input"),
    ("Nodes", "status", {"node": "POP", "period": "2027-01"}, "not open", "V-013", "stock at a node that is not open"),
    ("Nodes", "status", {"node": "POP", "period": "2027-02"}, "opens", "V-050", "a node that opens twice"),
    ("Nodes", "chilled_used_m3", NODE, 0.1, "V-051", "another volume"),
    ("Nodes", "units", NODE, 1.0, "V-051", "other units"),
    ("Nodes", "fixed_cost", NODE, 90.0, "V-052", "another fixed cost"),
    ("Nodes", "surge_used_m3", NODE, 5.0, "V-042", "more surge space than is on offer"),
    ("Nodes", "node", NODE, "HUB2", "V-003", "a node that is not in the input"),
    ("Limits", "used", {"limit": "few", "period": "2027-02"}, 3.0, "V-048", "another use of a limit"),
    ("Limits", "penalty", {"limit": "few", "period": "2027-01"}, 0.0, "V-048", "no penalty for a broken soft limit"),
    ("Limits", "limit", {"limit": "cash"}, "dash", "V-048", "a limit that is not in the input"),
    (
        "Regions",
        "primary_node",
        {"region": "N", "temperature": "ambient", "period": "2027-01"},
        "HUB",
        "V-062",
        "another primary node",
    ),
    (
        "Regions",
        "on_time_share",
        {"region": "N", "temperature": "ambient", "period": "2027-01"},
        1.0,
        "V-061",
        "a better promise",
    ),
    (
        "Regions",
        "temperature",
        {"region": "N", "temperature": "ambient", "period": "2027-01"},
        "frozen",
        "V-060",
        "frozen goods",
    ),
    (
        "Actions",
        "quantity",
        {"action": "purchase", "sku": "BOX"},
        12.0,
        "V-082",
        "a purchase that does not cover the order",
    ),
    ("Actions", "value", {"action": "purchase", "sku": "BOX"}, 1.0, "V-081", "another value"),
    ("Actions", "from", {"action": "purchase", "sku": "BOX"}, "OTHER", "V-080", "another supplier"),
    ("Actions", "quantity", {"action": "transfer", "sku": "TEA"}, 3.0, "V-091", "more moved than is on hand"),
    ("Actions", "sku", {"action": "transfer", "sku": "TEA"}, "007", "V-092", "goods moved back to their feeder"),
    ("Actions", "quantity", {"action": "purchase", "sku": "BOX"}, 61.0, "V-093", "a purchase of no whole packs"),
    ("Actions", "quantity", {"action": "purchase", "sku": "BOX"}, 24e3, "V-094", "purchases beyond the limit"),
    ("Actions", "approval", {"action": "purchase", "sku": "BOX"}, "nobody", "V-086", "another owner of an action"),
    ("Actions", "to", {"action": "open", "to": "POP"}, "HUB", "V-083", "another node that opens"),
    ("Actions", "sku", {"action": "purchase", "sku": "BOX"}, "FOX", "V-080", "a purchase of an unknown SKU"),
    ("Changes", "change", {"sku": "TEA", "node": "EAST"}, "changed", "V-085", "another change"),
    ("Changes", "quantity", {"sku": "TEA", "node": "EAST"}, 1e4, "V-085", "another quantity of a change"),
    ("Changes", "reason", {"sku": "TEA", "node": "EAST"}, "", "V-085", "a change without a reason"),
    ("Changes", "approval", {"sku": "TEA", "node": "EAST"}, "nobody", "V-086", "another owner of an approval"),
    ("Changes", "node", {"sku": "TEA", "node": "EAST"}, "LATE", "V-084", "a change at another node"),
    ("Run", "value", {"name": "cost"}, 1.0, "V-070", "another cost of the plan"),
    ("Run", "value", {"name": "bound"}, 1e9, "V-071", "a bound above the cost"),
    ("Run", "value", {"name": "gap"}, 0.0, "V-072", "another gap"),
    ("Run", "value", {"name": "holding_rate"}, 0.3, "V-007", "another setting"),
    ("Run", "value", {"name": "input_sha256"}, "abd123", "V-006", "another input"),
]


@pytest.mark.parametrize(
    ("sheet", "column", "key", "value", "code"),
    [change[:5] for change in CHANGES],
    ids=[change[5] for change in CHANGES],
)
def test_a_changed_cell_is_found(
    tamper: Callable[..., tuple[Finding, ...]], sheet: str, column: str, key: dict[str, str], value: Any, code: str
) -> None:
    """One changed cell anywhere in the plan is found, under the code of the promise it breaks."""

    def edit(book: openpyxl.Workbook) -> None:
        find(book[sheet], column, **key).value = value

    assert code in codes(tamper(edit))


def test_another_input_is_told_first_and_its_differences_in_short(written: Path, case: Case) -> None:
    """Held against an input with other costs and hash, a plan differs in some hundred cells: that it was not made from
    this input stands first, and with the count of what is not listed there are 20 lines."""
    skus = case.skus.assign(unit_cost=3 * case.skus["unit_cost"])
    found = audit(written, replace(case, skus=skus, source={**case.source, "sha256": "other"}))
    assert len(found) == 20
    assert found[0].code == found[-1].code == "V-006"
    assert "not the one the plan was made from" in found[0].expectation
    assert "more differences" in found[-1].expectation


@pytest.mark.parametrize("step", [-1.0, 1.0])
def test_a_safety_stock_one_off_is_found_in_its_cell(tamper: Callable[..., tuple[Finding, ...]], step: float) -> None:
    """One unit more or less of safety stock and reorder point is named with its cell, its value and the right value."""
    where = {}

    def edit(book: openpyxl.Workbook) -> None:
        for column in ("safety_stock", "reorder_point", "order_up_to"):
            cell = find(book["Replenishment"], column, **FIRST)
            where[column] = (f"Replenishment!{cell.coordinate}", cell.value)
            cell.value += step

    found = {finding.place: finding for finding in tamper(edit)}
    for column, code in (("safety_stock", "V-031"), ("reorder_point", "V-030"), ("order_up_to", "V-032")):
        place, right = where[column]
        assert found[place].code == code
        assert float(found[place].value.replace(",", "")) == pytest.approx(right + step)
        assert f"{right:,.10g}" in found[place].expectation


def _delete(sheet: Any, **key: str) -> None:
    sheet.delete_rows(find(sheet, next(iter(key)), **key).row)


@pytest.mark.parametrize(
    ("sheet", "key", "code"),
    [
        ("Placement", {"sku": "BOX", "period": "2027-02"}, "V-010"),
        ("Placement", FIRST, "V-019"),
        ("Replenishment", FIRST, "V-005"),
        ("Nodes", NODE, "V-005"),
        ("Limits", {"limit": "on time"}, "V-048"),
        ("Regions", {"region": "S", "temperature": "chilled"}, "V-060"),
        ("Actions", {"action": "purchase"}, "V-082"),
        ("Changes", {"sku": "TEA", "node": "EAST"}, "V-084"),
        ("Run", {"name": "routing"}, "V-007"),
    ],
)
def test_a_dropped_row_is_found(
    tamper: Callable[..., tuple[Finding, ...]], sheet: str, key: dict[str, str], code: str
) -> None:
    """Rows that are missing are found wherever they are missing, as what their absence breaks."""
    assert code in codes(tamper(lambda book: _delete(book[sheet], **key)))


def test_a_missing_sheet_or_column_is_found(tamper: Callable[..., tuple[Finding, ...]]) -> None:
    """Without a sheet nothing else is checked; without a column everything else is."""
    assert codes(tamper(lambda book: book.remove(book["Limits"]))) == {"V-001"}
    found = tamper(lambda book: setattr(find(book["Placement"], "value", sku="007"), "value", 0.0))
    assert codes(found) >= {"V-033", "V-073"}

    def rename(book: openpyxl.Workbook) -> None:
        for row in book["Placement"].iter_rows(max_row=8):
            for cell in row:
                if cell.value == "peak_stock":
                    cell.value = "peek_stock"

    assert codes(tamper(rename)) == {"V-002"}


def test_an_empty_plan_is_found(tamper: Callable[..., tuple[Finding, ...]]) -> None:
    """A plan without any row places no SKU; the audit says so and does not stumble."""

    def empty(book: openpyxl.Workbook) -> None:
        for name in ("Placement", "Replenishment", "Actions", "Regions", "Nodes", "Limits", "Changes"):
            head = next(
                row[0].row for row in book[name].iter_rows(max_row=8) if sum(bool(cell.value) for cell in row) > 3
            )
            book[name].delete_rows(head + 1, book[name].max_row)

    assert codes(tamper(empty)) >= {"V-005", "V-010", "V-048", "V-070"}


def test_a_table_that_goes_on_in_another_sheet(tmp_path: Path) -> None:
    """A plan too long for one sheet is read whole, and a finding names the sheet and row it is about."""
    case = random_case(1, skus=60)
    path = write(plan_of(case, *random_placement(case, 1)), tmp_path / "plan.xlsx", rows_per_sheet=150)
    assert codes(audit(path, case)) <= PLACEMENT_RULES
    book = openpyxl.load_workbook(path)
    cell = book["Placement (2)"]["B7"]
    cell.value = "D"
    book.save(path)
    assert [finding.place for finding in audit(path, case) if finding.code == "V-022"] == ["Placement (2)!B7"]


def test_the_summary_is_held_to_the_same_money(tamper: Callable[..., tuple[Finding, ...]]) -> None:
    """A cost term or a key figure changed on the Summary alone is found."""

    def cell(book: openpyxl.Workbook, text: str) -> Any:
        row = next(row for row in book["Summary"].iter_rows() if text in [part.value for part in row])
        at = next(i for i, part in enumerate(row) if part.value == text)
        return next(part for part in row[at + 1 :] if part.value is not None)

    assert "V-074" in codes(tamper(lambda book: setattr(cell(book, "cost of the plan"), "value", 5.0)))
    assert "V-075" in codes(tamper(lambda book: setattr(cell(book, "outbound"), "value", 5.0)))


@pytest.mark.parametrize(
    ("sheet", "row", "column", "value", "code"),
    [
        ("nodes", 0, "chilled_m3", 0.01, "V-041"),
        ("nodes", 0, "units_per_day", 5.0, "V-043"),
        ("nodes", 0, "max_skus", 2.0, "V-044"),
        ("lanes", 1, "parcels_per_day", 1.0, "V-045"),
        ("limits", 1, "amount", 10.0, "V-047"),
        ("limits", 2, "amount", 0.999, "V-047"),
        ("limits", 3, "amount", 10.0, "V-047"),
        ("tiers", 0, "max_nodes", 2.0, "V-017"),
        ("tiers", 0, "node_types", "central, regional", "V-016"),
        ("regions", 0, "promise_days", 1.0, "V-061"),
        ("skus", 0, "unit_cost", 11.0, "V-033"),
        ("nodes", 0, "status", "candidate", "V-050"),
        ("nodes", 0, "chilled_m3", 0.0, "V-040"),
        ("nodes", 1, "replenished_from", "LATE", "V-020"),
        ("lanes", 0, "temperatures", "ambient", "V-018"),
        ("demand", 4, "mean_per_day", 0.0, "V-025"),
    ],
)
def test_a_plan_that_the_input_does_not_allow(
    written: Path, case: Case, sheet: str, row: int, column: str, value: Any, code: str
) -> None:
    """The same plan against an input with one figure changed: the limit it breaks, or the promise it cannot keep."""
    table = getattr(case, sheet).copy()
    table.loc[row, column] = value
    assert code in codes(audit(written, replace(case, **{sheet: table})))


def test_stock_of_a_sku_without_demand_is_found(written: Path, case: Case) -> None:
    """When nobody buys BOX any more, both of its rows are found."""
    demand = case.demand.copy()
    demand.loc[demand["sku"] == "BOX", "mean_per_day"] = 0.0
    found = [finding for finding in audit(written, replace(case, demand=demand)) if finding.code == "V-011"]
    assert [finding.value for finding in found] == ["BOX", "BOX"]


def test_a_budget_that_is_overdrawn(tmp_path: Path) -> None:
    """Stock worth more than the budget is found, although the Limits sheet says the same use."""
    case = the_case(budget=100.0)
    path = write(plan_of(case, *the_placement()), tmp_path / "plan.xlsx")
    assert codes(audit(path, case)) == {"V-046"}


def test_surge_space_is_paid_and_counts_as_room(tmp_path: Path) -> None:
    """A cold room that is too small: found without surge space, right with it, and its rent is in the cost."""
    case = the_case()
    nodes = case.nodes.copy()
    nodes.loc[0, "chilled_m3"] = 0.1
    case = replace(case, nodes=nodes)
    short = plan_of(case, *the_placement())
    need = np.maximum(0.0, short.evaluation.volume_m3[0, 1] - 0.1)
    assert (need > 0).all()
    assert codes(audit(write(short, tmp_path / "short.xlsx"), case)) == {"V-041"}
    surge = np.zeros((4, 3, 2))
    surge[0, 1] = need
    rented = plan_of(case, *the_placement(), surge=surge)
    assert rented.cost == pytest.approx(short.cost + 9.0 * need.sum())
    assert audit(write(rented, tmp_path / "rented.xlsx"), case) == ()


def test_a_limit_may_name_several_periods_and_holds_in_no_other(tmp_path: Path) -> None:
    """A limit on both periods has two lines, one on February alone one, one on a month outside the plan none."""
    made = the_case()
    names = ("2027-01, 2027-02-01", "2027-02", "2028-01")
    rows = pd.concat([made.limits.iloc[:1].assign(limit=name, period=name) for name in names], ignore_index=True)
    cash = rows.iloc[2:].assign(limit="late cash", measure="purchases", node=None, node_type=None, region=None)
    case = replace(made, limits=pd.concat([rows, cash], ignore_index=True).assign(amount=0.0, sense="min"))
    plan = plan_of(case, *the_placement())
    lines = plan.limits[plan.limits["limit"].isin([*names, "late cash"])]
    assert lines[["limit", "period"]].to_numpy().tolist() == [
        [names[0], "2027-01"], [names[0], "2027-02"], [names[1], "2027-02"],
    ]  # fmt: skip
    assert audit(write(plan, tmp_path / "plan.xlsx"), case) == ()


def test_overrides_are_read_from_the_plan(tmp_path: Path) -> None:
    """A plan made with --set carries its overrides; the audit applies them to the input's own settings."""
    made = the_case()
    made = replace(made, settings=made.settings.with_values(holding_rate=0.35, periods=2, start="2027-01-01"))
    path = write(plan_of(made, *the_placement()), tmp_path / "plan.xlsx")
    settings = made.settings
    own = settings.with_origin({"holding_rate": (0.2, "Settings!B4")})
    assert effective_settings(path)["holding_rate"] == 0.35
    assert audit(path, replace(made, settings=own)) == ()


def test_overrides_that_change_the_reading_must_be_used_in_reading(tmp_path: Path) -> None:
    """An override of a default that fills blank cells cannot be put on afterwards: the input must be read with it."""
    made = the_case(default_weight_kg=2.0)
    path = write(plan_of(made, *the_placement()), tmp_path / "plan.xlsx")
    assert "V-007" in codes(audit(path, the_case()))


def test_what_is_no_plan_is_refused(tmp_path: Path, case: Case) -> None:
    """A missing file, an empty file and a text file end in an error of ours, never in a traceback of a parser."""
    with pytest.raises(UsageError):
        audit(tmp_path / "none.xlsx", case)
    for name, content in (("empty.xlsx", b""), ("text.xlsx", b"sku,node\n")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises((InputInvalid, FileRefused, UsageError)):
            audit(tmp_path / name, case)


def test_a_finding_that_is_kept_quiet(written: Path, case: Case) -> None:
    """What reading found must stand in the plan; a plan that does not tell it is found."""
    repair = Finding("K-001", "repair", "SKUs!A7", "7", "text", "Format the column as text.")
    assert codes(audit(written, replace(case, findings=(repair,)))) == {"V-090"}


def test_every_code_has_a_meaning_and_a_test_that_provokes_it() -> None:
    """Each code of the auditor is explained, and stands in one of its tests, so that no check can be dead."""
    root = Path(__file__).parents[1]
    paths = list(root.glob("optimizer/auditing/check_*.py"))
    paths += [root / "optimizer/audit.py", root / "optimizer/auditing/decisions.py"]
    used = set(re.findall(r"V-\d{3}", "".join(path.read_text() for path in paths)))
    assert used == set(CODES)
    tests = "".join(path.read_text() for path in Path(__file__).parent.glob("test_audit*.py"))
    provoked = set(re.findall(r"V-\d{3}", re.sub(r"PLACEMENT_RULES = .*", "", tests)))
    assert used - provoked == set()
