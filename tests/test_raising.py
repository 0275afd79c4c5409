"""Stock above the service: what is raised pays and fits, and the bound holds for every choice of it."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest

import optimizer
from models.column_generation import solve
from models.evaluation import evaluate
from models.instance import Instance
from models.outcome import Outcome
from models.raising import raise_stock

from . import small
from .enumeration import enumerate_optimum
from .instances import SWITCHES, tiny
from .worlds import network


def _raised(instance: Instance) -> tuple[Instance, Outcome, Outcome]:
    """The instance with what is raised, and the plan before and after."""
    found = solve(instance, gap=1e-9, time_limit=60)
    return *raise_stock(instance, found), found


@pytest.mark.parametrize("seed", range(12))
def test_no_choice_of_sets_and_of_skus_to_raise_beats_the_bound(seed: int) -> None:
    """Every placement times every subset of three SKUs raised: the cheapest costs no less than the bound."""
    features = dict.fromkeys(SWITCHES, False) | {"budget": seed % 2 == 0, "candidates": seed % 3 == 0}
    features = {name: on for name, on in features.items() if name in SWITCHES}
    instance = replace(tiny(6000 + seed, **features), short_lost=1.0, raised=None)
    after, plan, before = _raised(instance)
    optima = [
        enumerate_optimum(replace(instance, raised=np.array(flags))) for flags in product([False, True], repeat=3)
    ]
    if before.stocked is None:
        assert optima[0] is None
        return
    best = min(found.cost for found in optima if found is not None)
    assert plan.bound <= best * (1 + 1e-9)
    assert best <= plan.objective * (1 + 1e-9) <= before.objective * (1 + 2e-9)
    assert plan.stocked is not None
    assert plan.open is not None
    assert plan.surge is not None
    assert evaluate(after, plan.stocked, plan.open, plan.surge).total == pytest.approx(plan.objective)


def _shop(room: float) -> Instance:
    """Three SKUs alike at one node, but that the second takes twice the volume and the third's sales are worth more."""
    return network(
        skus=3, periods=1, days=30, variance=9.0, lead_time=5.0, review_days=7.0, holding_rate=0.2, service_level=0.9,
        order_cost=5.0, unit_price=np.array([20.0, 20.0, 60.0]), volume_m3=np.array([0.001, 0.002, 0.001]),
        room_m3=np.array([[room, 0.0, 0.0]]), short_lost=0.5,
    )  # fmt: skip


def test_room_goes_to_the_skus_that_save_most_for_it() -> None:
    """With room for all, all are raised; with less, the bulky SKU gives way first, then the cheaper one; then all."""
    free, _, before = _raised(_shop(10.0))
    assert before.stocked is not None
    assert free.above_service.tolist() == [True, True, True]
    one = np.ones((1, 1), dtype=bool)
    surge = np.zeros((1, 3, 1))

    def used(raised: list[bool]) -> float:
        instance = replace(_shop(10.0), raised=np.array(raised))
        return float(evaluate(instance, before.stocked, one, surge).volume_m3[0, 0, 0])  # type: ignore[arg-type]

    for kept in ([True, False, True], [False, False, True], [False, False, False]):
        assert _raised(_shop(used(kept) * (1 + 1e-6)))[0].above_service.tolist() == kept


def test_shortages_that_cost_nothing_raise_nothing() -> None:
    """Without a price the plan is the one found; with a limit that asks for stock as well."""
    after, plan, before = _raised(replace(_shop(10.0), short_lost=0.0))
    assert after.raised is None
    assert plan is before


def test_a_plan_with_stock_above_the_service_is_written_and_passes_the_audit(tmp_path: Path) -> None:
    """The sheet says which SKUs are kept above, the auditor agrees with every figure, and 0 keeps to the service."""
    case = optimizer.read(small.write(tmp_path / "in.xlsx", small.sheets()))
    plan = optimizer.plan(case)
    plain = optimizer.plan(case, short_lost_share=0)
    path = optimizer.write(plan, tmp_path / "plan.xlsx")
    from optimizer.audit import audit

    assert not audit(path or tmp_path / "plan.xlsx", case)
    kept = plan.replenishment["above_service"] == "yes"
    assert kept.any()
    assert not (plain.replenishment["above_service"] == "yes").any()
    key = ["sku", "node", "period"]
    both = plan.replenishment[kept].merge(plain.replenishment, on=key, suffixes=("", "_plain"))
    assert (both["reorder_point"] >= both["reorder_point_plain"]).all()
    assert (both["reorder_point"] > both["reorder_point_plain"]).any()


def test_a_written_plan_remembers_what_it_keeps_above_the_service(tmp_path: Path) -> None:
    """Read again, the same SKUs are kept above; explained, it uses what its sheet Limits says; and a plan made from it
    that keeps none above says so of what shrinks."""
    from optimizer.explain import explain
    from optimizer.previous import widest_raised, with_previous
    from optimizer.rents import of_workbook

    sheets = small.sheets()
    case = optimizer.read(small.write(tmp_path / "in.xlsx", sheets), settings={"budget": 100_000})
    plan = optimizer.plan(case)
    path = tmp_path / "plan.xlsx"
    optimizer.write(plan, path)
    assert plan.instance.above_service.any()
    assert of_workbook(path, case).instance.above_service.tolist() == plan.instance.above_service.tolist()
    limits = plan.limits[plan.limits["limit"] == "budget"]
    assert explain(path, case, limit="budget").worth["used"].tolist() == pytest.approx(limits["used"].tolist())
    again = with_previous(case, path)
    assert again.previous is not None
    assert widest_raised(again.previous) == float("inf")
    lower = optimizer.plan(again, short_lost_share=0, change_threshold=0.01).changes
    assert lower["reason"].str.contains("stock is no longer kept above the service level").any()
