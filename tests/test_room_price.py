"""Orders sized for what room is worth: the quantity by hand, the price, and the plan that tells of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import openpyxl
import pytest

import optimizer
from models import room_price
from models.evaluation import evaluate
from models.outcome import Rents
from models.room_price import better_price
from optimizer.previous import with_previous

from . import small
from .worlds import network


def test_an_order_where_room_has_a_price_by_hand() -> None:
    """One unit a day, 20 an order, 10 l a unit. Capital costs 2 a unit and year: sqrt(2 x 365 x 20 / 2) = 85.4, so
    86 units. Room at 150 per m3 and month adds 12 x 150 x 0.01 = 18: sqrt(14,600 / 20) = 27.02, so 28 units. Nothing is
    paid for it: what is kept costs what it did. Room for other goods is another matter."""
    shop = network(order_cost=20.0, holding_rate=0.2, volume_m3=0.01, days=365)
    held, opened, surge = np.ones((1, 1, 1), dtype=bool), np.ones((1, 1), dtype=bool), np.zeros((1, 3, 1))
    plain = evaluate(shop, held, opened, surge)
    priced = evaluate(replace(shop, room_price=np.array([[150.0, 0.0, 0.0]])), held, opened, surge)
    assert (plain.order_quantity.item(), priced.order_quantity.item()) == (86, 28)
    assert priced.costs["capital"].sum() == pytest.approx(0.2 * 10 * priced.average_stock.sum())
    assert priced.costs["storage"].sum() == 0
    cold = evaluate(replace(shop, room_price=np.array([[0.0, 150.0, 0.0]])), held, opened, surge)
    assert cold.order_quantity.item() == 86


def _rents(rent: float) -> Rents:
    """The ambient room of a network of one node and two periods has this rent in each."""
    zero = np.zeros((1, 2))
    return Rents(np.array([[[rent] * 2, [0, 0], [0, 0]]]), zero, zero, np.zeros(2), np.zeros((1, 2)), {})


def test_the_price_goes_two_thirds_of_the_way_to_the_rent() -> None:
    """100 m3, two months at a rent of 30 a month: 6,000 in all. From nothing the price goes to 20; from 27 to 29. Where
    all that rent and price differ by is worth at most 3 % of the bound, the price stays, as it does where there is no
    end of room."""
    shop = network(periods=2, days=30, room_m3=np.array([[100.0, 0.0, np.inf]]))
    assert better_price(shop, _rents(30.0), 100_000) == pytest.approx(np.array([[20.0, 0.0, 0.0]]))
    assert better_price(shop, _rents(30.0), 200_001) is None
    near = replace(shop, room_price=np.array([[27.0, 0.0, 0.0]]))
    assert better_price(near, _rents(30.0), 10_000) == pytest.approx(np.array([[29.0, 0.0, 0.0]]))
    assert better_price(near, _rents(30.0), 20_001) is None
    assert better_price(replace(shop, room_m3=np.full((1, 3), np.inf)), _rents(30.0), 1.0) is None


@pytest.fixture(scope="module")
def tight(tmp_path_factory: pytest.TempPathFactory) -> optimizer.Case:
    """The small brand with 0.3 m3 at every node, and orders at 60."""
    sheets = small.sheets()
    for row in sheets["Nodes"][1:]:
        row[5] = 0.3
    sheets["Settings"].append(["order_cost", 60])
    return optimizer.read(small.write(tmp_path_factory.mktemp("tight") / "tight.xlsx", sheets))


@pytest.fixture(scope="module")
def plan(tight: optimizer.Case) -> optimizer.Plan:
    return optimizer.plan(tight, gap=1e-4)


def test_smaller_orders_make_a_cheaper_plan(
    tight: optimizer.Case, plan: optimizer.Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where rooms are full, the plan with orders sized for them costs less than the best one with plain orders, by more
    than both gaps, and keeps every room; its bound is one on the same kind of orders."""
    with monkeypatch.context() as never:
        never.setattr(room_price, "WORTH", np.inf)
        plain = optimizer.plan(tight, gap=1e-4)
    assert plan.cost < plain.bound
    assert plan.replenishment["order_quantity"].mean() < plain.replenishment["order_quantity"].mean()
    used, room = plan.nodes["ambient_used_m3"], plan.nodes["ambient_room_m3"]
    assert (used <= room + 1e-6).all()
    assert 0 < plan.bound <= plan.cost
    assert not plain.facts["room_price"]
    assert set(plan.facts["room_price"]) == {"ambient"}


def test_the_plan_says_at_which_prices_and_the_audit_believes_nothing_else(
    tight: optimizer.Case, plan: optimizer.Plan, tmp_path: Path
) -> None:
    """The sheet Run names the price of each room, and the audit finds nothing. With a price changed by hand, or with
    one for a node that there is not, it does."""
    path = optimizer.write(plan, tmp_path / "plan.xlsx")
    assert not [one for one in optimizer.verify(path, tight) if one.severity == "error"]
    for change in ("price", "name"):
        book = openpyxl.load_workbook(path)
        row = next(row for row in book["Run"].iter_rows() if row[0].value == "room_price.ambient.MAIN")
        if change == "price":
            row[1].value *= 1.5
        else:
            row[0].value = "room_price.ambient.NOWHERE"
        book.save(tmp_path / "changed.xlsx")
        assert [one for one in optimizer.verify(tmp_path / "changed.xlsx", tight) if one.severity == "error"]


def test_the_same_input_again_keeps_prices_and_orders(
    tight: optimizer.Case, plan: optimizer.Plan, tmp_path: Path
) -> None:
    """Planned again with the plan in force: the same placement and the same orders, no change."""
    again = optimizer.plan(with_previous(tight, optimizer.write(plan, tmp_path / "plan.xlsx")), gap=1e-4)
    assert (again.stocked == plan.stocked).all()
    assert again.replenishment["order_quantity"].tolist() == plan.replenishment["order_quantity"].tolist()
    assert again.changes.empty
    assert again.facts["room_price"]["ambient"] == pytest.approx(plan.facts["room_price"]["ambient"])
