"""The comparison with rules of thumb: honest rules, the textbook's stock, no look into the future, nothing lost."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import optimizer
from models.evaluation import evaluate
from models.orders import order_book
from models.resupply import Rules
from models.shelves import FRESH, NEVER
from models.simulation import Opening, Options, OrderLines, Simulation
from optimizer.case import Case
from tests.benchmarks.comparison import TRIALS, main, table, verdict
from tests.benchmarks.rolling import OURS, POLICIES, cut, roll
from tests.benchmarks.rules import RULES, abc, cover, trimmed, world
from tests.benchmarks.textbook_stock import stock_costs, textbook_stock

from . import small
from .instances import tiny
from .plans import hand_case, hand_plan

ORIGINS = (date(2026, 11, 1), date(2026, 12, 1))
UNTIL = date(2026, 12, 31)


@pytest.fixture(scope="module")
def brand(tmp_path_factory: pytest.TempPathFactory) -> Case:
    """Half a year of orders of six SKUs."""
    return optimizer.read(small.write(tmp_path_factory.mktemp("brand") / "brand.xlsx", small.sheets()))


def test_classes_hold_eighty_and_ninety_five_percent() -> None:
    """70 of 100 are below 80 %, so the next SKU is an A as well; at 85 % begins B, at 95 % C."""
    assert abc(np.array([5.0, 70.0, 15.0, 10.0])).tolist() == [2, 0, 0, 1]


def test_textbook_stock_by_hand() -> None:
    """S1 at the centre alone: 3 a day with variance 4 over 4 + 6 days, z(0.95) = 1.644854: 30 + 1.644854 x 2 x
    sqrt(10) = 40.40, rounded up 41; orders cost nothing, so an order lasts the 6 days of review: 18, in packs of 5 20.
    Capital of 21 units of 10 at 20 % a year for 59 days is 6.789."""
    plan = hand_plan(hand_case(stock=()))
    level, variance = np.full(2, 0.95), plan.instance.variance.copy()
    variance[0] = np.array([[3.0, 3.0], [1.0, 1.0]])
    instance = replace(plan.instance, variance=variance, service_level=level)
    stocked = np.zeros_like(plan.stocked)
    stocked[:, 0, :] = True
    exact = evaluate(instance, stocked, instance.available & ~instance.candidate[:, None], np.zeros((3, 3, 2)))
    stock = textbook_stock(instance, stocked, exact)
    assert stock.reorder_point[0, 0].tolist() == [41.0, 41.0]
    assert stock.quantity[0, 0].tolist() == [20.0, 20.0]
    assert stock.average[0, 0] == pytest.approx(11 + 10)
    alone = replace(stock, quantity=stock.quantity * np.array([1.0, 0.0])[:, None, None])
    assert stock_costs(instance, exact, alone) == pytest.approx(59 / 365 * 0.2 * 10 * 21)


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("seed", range(12))
def test_rules_serve_every_region_and_say_what_they_cannot_keep(name: str, seed: int) -> None:
    """On random instances without gaps in the lanes: every region with demand is reached, nothing stands where it may
    not, and after trimming each room, budget and number of SKUs either holds or is named."""
    instance = tiny(seed, skus=6, nodes=4, lane_gaps=False, temperatures=False, windows=False)
    case = world(instance, np.ones((6, 4), dtype=bool), ("central", "regional", "cold", "regional"))
    made = trimmed(case, RULES[name](case))
    assert not (made.stocked & ~case.holds).any()
    assert (cover(case, made.stocked) > 0)[instance.mean > 0].all()
    assert not made.stocked[~case.live[:, None, :] & made.stocked].any()
    named = " ".join(made.broken)
    value = (made.stock.average * instance.unit_cost[:, None, None]).sum(axis=(0, 1))
    assert (value <= instance.budget * (1 + 1e-6)).all() or "budget" in named
    count = made.stocked.sum(axis=0)
    assert (count <= instance.max_skus[:, None]).all() or "SKUs" in named
    volume = (made.stock.peak * instance.volume_m3[:, None, None]).sum(axis=0)
    room = instance.room_m3[:, :1] + made.surge[:, 0]
    assert (volume <= room * (1 + 1e-6)).all() or "room" in named
    assert (made.surge.sum(axis=1) <= instance.surge_m3[:, None] * (1 + 1e-9)).all()


def test_the_least_valuable_go_first() -> None:
    """Three SKUs at two nodes, of which the second has two places: the SKU with the least value moved leaves it."""
    instance = tiny(3, skus=3, nodes=2, **dict.fromkeys(("lane_gaps", "temperatures", "windows", "max_skus"), False),
                    **dict.fromkeys(("room", "budget", "candidates", "zero_demand", "dead_periods"), False),
                    hard_limits=False, units_per_day=False, feeders=False, surge=False)  # fmt: skip
    instance = replace(instance, max_skus=np.array([np.inf, 2.0]))
    case = world(instance, np.ones((3, 2), dtype=bool), ("central", "regional"))
    every = np.ones((3, 2, 2), dtype=bool)
    exact = evaluate(instance, every, instance.available, np.zeros((2, 3, 2)))
    value = (exact.flow * instance.unit_cost[:, None, None]).max(axis=2)[:, 1]
    gone = ~trimmed(case, every).stocked
    assert gone[:, 0].sum() == 0
    assert np.flatnonzero(gone[:, 1].all(axis=1)).tolist() == [int(np.argmin(value))]


def test_what_a_month_leaves_is_the_next_one_s_opening() -> None:
    """Stock on hand and on its way after 20 days, with days of arrival and expiry, is all that came less what went."""
    plan = hand_plan(hand_case(stock=()))
    days = np.array([0, 31, 59])
    surge = np.zeros((3, 3, 2))
    exact = plan.evaluation
    rules = Rules(plan.stocked, exact.reorder_point, exact.order_quantity, surge, days)
    rows = (np.array([0, 1]), np.array([1, 0]), np.array([31.0, 8.0]), np.zeros(2, dtype=np.int64))
    opening = Opening(*rows, np.array([FRESH, 40]))
    each = np.arange(40)
    lines = OrderLines(each % 20, each, each // 20, np.zeros(40, dtype=np.int64), np.ones(40))
    book, cards = order_book(plan.instance, lines, 0, 19)
    life = Simulation(plan.instance, rules, book, cards, opening, 58, 0, Options())
    for day in range(20):
        life.live(day)
    left = life.carried(19)
    sold = life.tally.sku["at_once"].sum()
    assert left.units.sum() == pytest.approx(39 + life.tally.supplied - sold)
    assert left.day.min() == 20
    chilled = (left.sku == 1) & (left.day == 20)
    assert set(left.expires[chilled].tolist()) <= {40, NEVER}
    assert left.units[(left.expires == 40)].sum() == pytest.approx(max(0.0, 8 - life.tally.sku["at_once"][1]))


def test_no_policy_sees_the_future(brand: Case) -> None:
    """Ten times the orders from the second month on change nothing of what is decided for the first two months."""
    later = brand.orders["date"] >= pd.Timestamp(ORIGINS[1])
    more = brand.orders.assign(quantity=np.where(later, 10.0, 1.0) * brand.orders["quantity"])
    first = roll(brand, ORIGINS, UNTIL)
    other = roll(replace(brand, orders=more), ORIGINS, UNTIL)
    assert [life.policy for life in first] == list(POLICIES)
    for one, two in zip(first, other, strict=True):
        assert two.months[1].tally.sku["ordered"].sum() == 10 * one.months[1].tally.sku["ordered"].sum()
        for month, same in zip(one.months, two.months, strict=True):
            assert (month.made.stocked == same.made.stocked).all()
            assert (month.made.stock.reorder_point == same.made.stock.reorder_point).all()


def test_orders_from_the_origin_on_are_hidden(brand: Case) -> None:
    """The case of an origin holds the lines before it, all of them, and no stock."""
    case = cut(brand, ORIGINS[0])
    assert case.orders["date"].max() == pd.Timestamp("2026-10-31")
    assert len(case.orders) == (brand.orders["date"] < pd.Timestamp(ORIGINS[0])).sum()
    assert case.stock.empty


def test_every_policy_is_charged_for_the_same_orders(brand: Case) -> None:
    """Each policy is asked for all units of both months, its cost is the sum of its terms, and the table names it."""
    lived = roll(brand, ORIGINS, UNTIL)
    window = brand.orders["date"].between(pd.Timestamp(ORIGINS[0]), pd.Timestamp(UNTIL))
    units = float(brand.orders.loc[window, "quantity"].sum())
    for life in lived:
        assert life.sku("ordered").sum() == units
        counted = life.sku("at_once").sum() + life.sku("lost").sum()
        assert counted == pytest.approx(units)
        assert life.total == pytest.approx(sum(life.costs.values()))
    text = "\n".join(table(lived))
    assert all(f"| {name} |" in text for name in POLICIES)
    assert OURS in verdict(lived, OURS)


def test_the_command_writes_the_table(tmp_path: Path, example_case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    """One month of the example, planned alone, from the command line ends with a file that holds every policy."""
    case = replace(example_case, settings=example_case.settings.with_values(periods=1, gap=0.01))
    monkeypatch.setitem(TRIALS, "example", replace(TRIALS["example"], read=lambda *_: case))
    out = tmp_path / "table.md"
    assert main(["example", "--months", "1", "--seeds", "1", "--out", str(out)]) == 0
    assert all(name in out.read_text(encoding="utf-8") for name in POLICIES)
