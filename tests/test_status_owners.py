"""Status: whose an exception is, by the sheet Approvals of the plan, or of the workbook that the stock comes from."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from optimizer.errors import InputInvalid
from optimizer.status import InForce, Status, status
from optimizer.tables.approvals import COLUMNS
from optimizer.writing.workbook import write

from . import small
from .plans import hand_plan
from .test_status import DAY, in_force, only, stock

Rule = tuple[str, float, str]


def rules(*rows: Rule) -> pd.DataFrame:
    """An Approvals sheet."""
    return pd.DataFrame(list(rows), columns=list(COLUMNS))


def ruled(plan: InForce, *rows: Rule) -> InForce:
    """The plan with rules of approval."""
    return replace(plan, approvals=rules(*rows))


@pytest.mark.parametrize(
    ("on_hand", "expected"), [(8.0, "operations, buyer of ACME"), (6.0, "operations, head of supply")]
)
def test_each_step_is_owned_by_whom_a_rule_names(on_hand: float, expected: str) -> None:
    """B has 10 to spare: worth 100, their move is for operations. Of 8 on hand 22 are missing, so 12 more are ordered
    for 120; of 6 on hand 24, so three packs for 180, and from 150 on an order is for the head of supply."""
    plan = in_force({("S", "A"): (1.0, 1.0), ("S", "B"): (1.0, 1.0)})
    plan = ruled(plan, ("purchase_value", 150.0, "head of supply"), ("transfer_value", 100.0, "operations"))
    found = Status(plan, stock(("S", "A", on_hand), ("S", "B", 40.0)), DAY)
    assert only(found, "below reorder point")["owner"] == expected


def test_all_that_is_ordered_from_a_supplier_counts_together() -> None:
    """Two SKUs order 24 each from ACME for 240: one alone stays with the buyer, both reach 400."""
    plan = ruled(in_force({("S", "A"): (1.0, 1.0), ("T", "A"): (1.0, 1.0)}), ("order_value", 400.0, "finance"))
    both = Status(plan, stock(("S", "A", 8.0), ("T", "A", 8.0)), DAY).exceptions
    assert both["owner"].tolist() == ["finance", "finance"]
    one = Status(plan, stock(("S", "A", 8.0), ("T", "A", 20.0)), DAY)
    assert only(one, "below reorder point")["owner"] == "buyer of ACME"


@pytest.mark.parametrize(("units", "owner"), [(3.0, "node A"), (4.0, "clerk"), (20.0, "finance")])
def test_the_highest_threshold_reached_decides(units: float, owner: str) -> None:
    """Expired goods at 10 a unit: 30 reaches no rule, 40 the first, 200 the second."""
    plan = ruled(in_force({("S", "A"): (1.0, 1.0)}), ("clear_value", 40.0, "clerk"), ("clear_value", 200.0, "finance"))
    found = Status(plan, stock(("S", "A", 20.0), ("S", "A", units, 0.0, "2027-01-20")), DAY)
    assert only(found, "expired")["owner"] == owner


def test_the_rules_travel_with_the_plan_and_a_workbook_may_bring_others(tmp_path: Path) -> None:
    """The written plan knows the rules it was made with; a workbook of stock with a sheet Approvals replaces them."""
    plan = hand_plan()
    plan = replace(plan, case=replace(plan.case, approvals=rules(("clear_value", 0.5, "A. (finance), 2.1"))))
    written, day = write(plan, tmp_path / "plan.xlsx"), date(2027, 1, 10)
    rows: small.Rows = [["sku", "node", "on_hand"], ["OLD", "HUB", 9]]
    held = small.write(tmp_path / "stock.xlsx", {"Stock": rows})
    owned = [status(own, held, day) for own in (plan, written)]
    assert owned[0].plan.approvals.to_dict("records") == owned[1].plan.approvals.to_dict("records")
    header = ["measure", "threshold", "owner"]
    own_rules: small.Rows = [header, ["clear_value", 7, "another"]]
    other = small.write(tmp_path / "other.xlsx", {"Stock": rows, "Approvals": own_rules})
    assert status(written, other, day).plan.approvals["owner"].tolist() == ["another"]
    wrong = small.write(tmp_path / "wrong.xlsx", {"Stock": rows, "Approvals": [header, ["worth", 7, "another"]]})
    with pytest.raises(InputInvalid, match="Approvals!A2"):
        status(written, wrong, day)
