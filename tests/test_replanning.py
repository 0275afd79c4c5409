"""A plan made from an earlier one: what is in force, what changes and why, and that nothing changes without cause."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import pandas as pd
import pytest

import optimizer
from models import gathering, together
from models.column_generation import solve
from models.evaluation import evaluate
from models.outcome import Progress
from optimizer.assembly import assemble, forecast
from optimizer.audit import audit
from optimizer.errors import UsageError
from optimizer.previous import covering, made_from, with_previous

from . import small
from .enumeration import enumerate_optimum
from .instances import tiny
from .plans import hand_case, hand_plan, plan_of


def _written(plan: optimizer.Plan, folder: Path, name: str = "earlier.xlsx") -> Path:
    return optimizer.write(plan, folder / name)


def _again(case: optimizer.Case, **settings: Any) -> optimizer.Plan:
    return optimizer.plan(case, time_limit=60, **settings)


@pytest.fixture(scope="module")
def earlier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The plan of the hand network without stock, as a workbook."""
    return _written(_again(hand_case(stock=[])), tmp_path_factory.mktemp("replan"))


def test_the_same_input_twice_proposes_no_change(earlier: Path) -> None:
    """The second plan has the placement, the nodes and the cost of the first, and lists nothing."""
    case = hand_case(stock=[])
    first, second = _again(case), _again(with_previous(case, earlier))
    assert (first.stocked == second.stocked).all()
    assert (first.open == second.open).all()
    assert second.changes.empty
    assert second.cost == pytest.approx(first.cost)
    assert "0 new, 0 gone, 0 changed" in next(block.note for block in second.blocks if block.key == "changes")


@pytest.mark.parametrize("seed", [1, 2, 4])
def test_a_start_within_the_gap_is_kept_and_a_worse_one_is_not(seed: int) -> None:
    """Any placement is the answer when so wide a gap is asked; without a gap the optimum is, whatever it began with."""
    instance = replace(tiny(100 + seed, hard_limits=False, soft_limits=False, budget=False), in_force=None)
    best = solve(instance, gap=1e-9)
    assert best.stocked is not None
    start = _other_placement(instance, best.stocked)
    wide = solve(replace(instance, start=start), gap=0.999)
    assert wide.stocked is not None
    assert (wide.stocked == start).all()
    exact = solve(replace(instance, start=start), gap=1e-9)
    assert exact.objective == pytest.approx(best.objective)


@pytest.mark.parametrize("line", [None, "search"])
def test_a_start_from_the_same_input_is_kept_however_far_from_the_best(line: str | None) -> None:
    """A placement dearer than the optimum is the answer where it comes of the same input, also of a search stopped."""
    instance = replace(tiny(108, hard_limits=False, soft_limits=False, budget=False), in_force=None)
    best = solve(instance, gap=1e-9)
    assert best.stocked is not None
    start = _other_placement(instance, best.stocked)

    def stop(progress: Progress) -> None:
        if progress.stage == line:
            raise KeyboardInterrupt

    kept = solve(replace(instance, start=start, keep_gap=1e-9), gap=1e-9, progress=stop)
    assert kept.stocked is not None
    assert (kept.stocked == start).all()
    assert best.objective < kept.objective
    assert kept.bound <= best.objective * (1 + 1e-9)
    assert (kept.status == "interrupted") == (line is not None)


def _other_placement(instance: Any, stocked: np.ndarray) -> np.ndarray:
    """One that also can be, where one more or one fewer node allows it: the first that the evaluation accepts."""
    for k, n in np.argwhere(instance.allowed.all(axis=2) & ~stocked.any(axis=2)):
        tried = stocked.copy()
        tried[k, n] = tried[k].any(axis=0)
        inside = tried[k].sum(axis=0) <= instance.max_nodes[k]
        fed = instance.feeder[k, n] < 0 and not instance.candidate[n]
        if inside.all() and fed:
            evaluate(instance, tried, instance.available, np.zeros((len(instance.nodes), 3, len(instance.periods))))
            return tried
    return stocked


def test_a_plan_kept_is_not_brought_together_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A plan whose polish ended after one move, planned again from the same input: the same placement, levels and
    judged gap, nothing moved, though a polish left alone moves more; also where a setting was not known then."""
    book = small.write(tmp_path / "pairs.xlsx", small.pairs())
    with monkeypatch.context() as early:
        early.setattr(gathering, "STAGES", ((True, 1, 1),))
        early.setattr(gathering, "PARTS", (0.01,))
        early.setattr(together, "FEW", 1.0)
        first = optimizer.plan(optimizer.read(book), gap=0)
    assert first.facts["split_parcels"]["skus_moved"] == 1
    assert optimizer.plan(first.case, gap=0).facts["split_parcels"]["skus_moved"] > 1
    case = with_previous(first.case, _written(first, tmp_path))
    assert case.previous is not None
    settings = {name: value for name, value in case.previous.settings.items() if name != "split_gap"}
    for known in (case.previous, replace(case.previous, settings=settings)):
        second = optimizer.plan(replace(case, previous=known), gap=0)
        assert (second.stocked == first.stocked).all()
        assert second.facts["split_parcels"]["skus_moved"] == 0
        assert second.searched_gap == pytest.approx(first.searched_gap, abs=1e-9)
        assert second.replenishment["reorder_point"].tolist() == first.replenishment["reorder_point"].tolist()
        assert second.changes.empty
        assert "the earlier plan is kept" in second.headline[1]


def _nine_times() -> list[dict[str, Any]]:
    """Nine times the demand for S1 in EAST."""
    rows = hand_case().demand.to_dict("records")
    return [row | {"mean_per_day": 18} if (row["sku"], row["region"]) == ("S1", "EAST") else row for row in rows]


def test_a_change_is_made_where_it_pays(earlier: Path) -> None:
    """Nine times the demand for S1 in EAST: the plan changes, says why, and costs no more than keeping all."""
    case = with_previous(hand_case({"budget": None}, stock=[], demand=_nine_times()), earlier)
    plan = _again(case)
    assert set(plan.changes["change"]) <= {"new", "gone", "changed"}
    assert len(plan.changes)
    assert (plan.changes["reason"] != "").all()
    assert plan.changes["reason"].str.contains("demand up 800 % in").any()
    kept = plan.instance.in_force
    assert kept is not None
    stay = np.repeat(kept[:, :, None], 2, axis=2)
    surge = np.zeros((3, 3, 2))
    assert plan.cost <= evaluate(plan.instance, stay, np.ones((3, 2), dtype=bool), surge).total + 1e-6


def test_a_node_that_closes_is_the_reason(earlier: Path) -> None:
    """The node that the earlier plan used closes in December: everything there is gone, because it closes."""
    used = with_previous(hand_case(stock=[]), earlier).previous.in_force["node"].iloc[0]
    nodes = [
        row | ({"open_until": "2026-12-31"} if row["node"] == used else {"replenished_from": None})
        for row in hand_case().nodes.to_dict("records")
    ]
    lanes = hand_case().lanes.drop(columns="estimated").to_dict("records")
    lanes += [lane | {"node": "HUB"} for lane in lanes if lane["region"] == "WEST"]
    plan = _again(with_previous(hand_case(stock=[], nodes=nodes, lanes=lanes), earlier))
    gone = plan.changes[(plan.changes["node"] == used) & (plan.changes["change"] == "gone")]
    assert len(gone)
    assert set(gone["reason"]) == {f"{used} closes after 2026-12-31"}


def test_the_placement_in_force_is_that_of_the_period_the_new_start_lies_in() -> None:
    """9 February lies in the second of two months; a day before the first or after the last in none."""
    months = ("2027-01", "2027-02")
    assert covering(months, "month", date(2027, 2, 9), Path("p.xlsx")) == "2027-02"
    assert covering(("2027-01-04", "2027-01-11"), "week", date(2027, 1, 10), Path("p.xlsx")) == "2027-01-04"
    for day in (date(2026, 12, 31), date(2027, 3, 1)):
        with pytest.raises(UsageError, match="the new plan starts on"):
            covering(months, "month", day, Path("p.xlsx"))


def test_what_is_no_plan_is_refused(tmp_path: Path) -> None:
    """An input workbook after --previous is told from a plan, and so is a file that is not there."""
    book = openpyxl.Workbook()
    book.active.title = "SKUs"
    book.save(tmp_path / "input.xlsx")
    with pytest.raises(UsageError, match="is no plan"):
        with_previous(hand_case(), tmp_path / "input.xlsx")
    with pytest.raises(UsageError, match="is not there"):
        with_previous(hand_case(), tmp_path / "none.xlsx")


def test_skus_and_nodes_that_are_gone_are_told(earlier: Path) -> None:
    """S2 and its demand are taken out: the placement in force is that of S1, and a finding names S2."""
    case = hand_case(stock=[])
    skus, demand = (table[table["sku"] == "S1"].reset_index(drop=True) for table in (case.skus, case.demand))
    made = with_previous(replace(case, skus=skus, demand=demand), earlier)
    told = [finding for finding in made.findings if finding.code == "R-001"]
    assert [(finding.value, finding.severity) for finding in told] == [("S2", "warning")]
    plan = _again(made)
    assert plan.instance.in_force is not None
    assert plan.instance.in_force.shape == (1, 3)


def test_an_earlier_plan_is_known_by_its_files_and_settings(earlier: Path) -> None:
    """The same settings make the same run; another holding rate, or another input, does not."""
    case = with_previous(hand_case(stock=[]), earlier)
    assert case.previous is not None
    assert made_from(case.previous, case)
    assert not made_from(case.previous, replace(case, settings=case.settings.with_values(holding_rate=0.3)))
    assert not made_from(case.previous, replace(case, source={"sha256": "other"}))


def test_the_audit_holds_a_plan_against_the_one_in_force(earlier: Path, tmp_path: Path) -> None:
    """The written plan agrees with its case; without the earlier plan, or with another, it does not."""
    case = with_previous(hand_case(stock=[]), earlier)
    plan = _again(case, change_threshold=0.0)
    path = _written(plan, tmp_path, "second.xlsx")
    assert [finding for finding in optimizer.verify(path, plan.case) if finding.severity == "error"] == []
    codes = {finding.code for finding in optimizer.verify(path, replace(plan.case, previous=None, source={}))}
    assert "V-006" in codes
    moved = case.previous
    assert moved is not None
    other = moved.placement.assign(node=moved.placement["node"].map({"CENTRAL": "HUB", "HUB": "CENTRAL"}.get))
    other = other[other["node"].notna()]
    codes = {
        found.code for found in optimizer.verify(path, replace(plan.case, previous=replace(moved, placement=other)))
    }
    assert codes & {"V-084", "V-070"}


def test_what_moves_beyond_the_threshold_is_listed(earlier: Path) -> None:
    """With 30 % more demand everywhere, a threshold of 25 % lists what one of 90 % does not."""
    more = [row | {"mean_per_day": row["mean_per_day"] * 1.3} for row in hand_case().demand.to_dict("records")]
    listed = {}
    for share in (0.25, 0.9):
        case = hand_case({"change_threshold": share}, stock=[], demand=more)
        plan = _again(with_previous(case, earlier), gap=0.5)
        listed[share] = plan.changes[plan.changes["change"] == "changed"]
    assert len(listed[0.25]) > len(listed[0.9])
    moved = listed[0.25]
    by = (moved["average_stock"] / moved["previous_stock"] - 1).abs()
    by_point = (moved["reorder_point"] / moved["previous_reorder_point"] - 1).abs()
    assert (np.maximum(by, by_point) > 0.25).all()
    assert moved["value"].tolist() == pytest.approx((moved["quantity"].abs() * _cost(moved)).tolist())


def test_a_reason_goes_the_way_of_its_change(earlier: Path) -> None:
    """Half the demand of S1, but spread where there was none: its reorder point rises for the spread, not for that."""
    rows = hand_case().demand.to_dict("records")
    wild = [
        row | {"mean_per_day": row["mean_per_day"] / 2, "sd_per_day": 2} if row["sku"] == "S1" else row for row in rows
    ]
    case = hand_case({"budget": None}, stock=[], demand=wild)
    told = _again(with_previous(case, earlier), gap=0.5).changes.query("change == 'changed'")
    up = told[told["reorder_point"] > told["previous_reorder_point"]]
    assert len(up)
    assert not up["reason"].str.contains("demand down").any()
    assert up["reason"].str.contains("spread of a day's demand").all()


def _cost(rows: pd.DataFrame) -> np.ndarray:
    return rows["sku"].map({"S1": 10.0, "S2": 4.0}).to_numpy()


def _with_pop(settings: dict[str, Any], is_open: list[bool], earlier: Path | None = None) -> optimizer.Plan:
    """All of it from CENTRAL; the candidate POP open in these months."""
    case = hand_case(settings, stock=[])
    case = case if earlier is None else with_previous(case, earlier)
    rates = forecast(case)
    stocked = np.zeros((2, 3, len(is_open)), dtype=bool)
    stocked[:, 0] = True
    opened = np.array([[True] * len(is_open), [True] * len(is_open), is_open])
    return plan_of(case, assemble(case, rates), stocked, opened, rates=rates)


def test_a_candidate_that_the_earlier_plan_opened_stands_open(tmp_path: Path) -> None:
    """POP opens in January for 300. From February on it is open: kept, it costs no 300 and no line; left, it closes in
    February; a plan from January on opens it again. The auditor agrees each time."""
    earlier = _written(_with_pop({"periods": 3}, [True, True, False]), tmp_path)
    later = {"periods": 2, "start": "2027-02-01"}
    for settings, is_open, paid, word in (
        (later, [True, True], 0, "open"),
        (later, [False, True], 300, "closes"),
        ({"periods": 2}, [True, True], 300, "opens"),
    ):
        plan = _with_pop(settings, is_open, earlier)
        assert plan.evaluation.node_costs["opening"].sum() == paid
        assert plan.nodes.query("node == 'POP'")["status"].iloc[0] == word
        lines = plan.actions[plan.actions["action"].isin(["open", "close"])]["action"].tolist()
        assert sorted(lines) == {"open": [], "closes": ["close", "open"], "opens": ["open"]}[word]
        assert audit(_written(plan, tmp_path, "next.xlsx"), plan.case) == ()


def test_the_search_knows_what_stands_open() -> None:
    """Where the optimum opens a candidate for 60, standing open saves those 60; both optima are the enumerated ones."""
    paid = replace(tiny(6), opening_cost=np.full(3, 60.0))
    known = replace(paid, was_open=paid.candidate)
    cost = [solve(instance, gap=1e-9).objective for instance in (paid, known)]
    best = [enumerate_optimum(instance) for instance in (paid, known)]
    assert cost == pytest.approx([one.cost for one in best if one is not None])
    assert cost[0] - cost[1] == pytest.approx(60.0)


def test_owners_stand_beside_changes() -> None:
    """10 S1 new at 10, 7 S1 and 9 S2 gone: 100, 70 and 36; from 50 on the planner, from 100 on the head."""
    approvals = [
        {"measure": "change_value", "threshold": 100, "owner": "head"},
        {"measure": "change_value", "threshold": 50, "owner": "planner"},
    ]
    assert hand_plan(hand_case(approvals=approvals)).changes["approval"].tolist() == ["head", "planner", ""]


def test_a_limit_on_changes_holds(earlier: Path) -> None:
    """HUB asks 10 a month for S1, and CENTRAL comes to ship to EAST at 1 a parcel: S1 leaves HUB. Where nothing may
    change it stays; the Limits sheet says so."""
    lanes = hand_case().lanes.drop(columns="estimated").to_dict("records")
    near = [lane | {"cost_per_parcel": 1, "transit_days": 2} if lane["node"] == "CENTRAL" else lane for lane in lanes]
    nodes = [row | {"stocking_cost_per_sku_month": 10} for row in hand_case().nodes.to_dict("records")]
    for amount, gone in ((0, 0), (1, 1)):
        limit = {"limit": "calm", "measure": "changes", "sense": "max", "amount": amount}
        case = hand_case({"change_cost_out": 0}, stock=[], lanes=near, nodes=nodes, limits=[limit])
        plan = _again(with_previous(case, earlier))
        assert (plan.changes["change"] == "gone").sum() == gone
        row = plan.limits.set_index("limit").loc["calm"]
        assert (row["used"], row["amount"], row["period"]) == (gone, amount, "2027-01")


def test_a_limit_on_the_value_of_changes_is_that_of_the_sheet(earlier: Path, tmp_path: Path) -> None:
    """The same move of S1 from HUB to CENTRAL: with nothing to spend it does not happen; else what the limit counts is
    the value of the lines of the sheet that are new or gone, of the earlier plan's stock, though 99 stand there today;
    the auditor counts the same."""
    lanes = hand_case().lanes.drop(columns="estimated").to_dict("records")
    near = [lane | {"cost_per_parcel": 1, "transit_days": 2} if lane["node"] == "CENTRAL" else lane for lane in lanes]
    nodes = [row | {"stocking_cost_per_sku_month": 10} for row in hand_case().nodes.to_dict("records")]
    for amount, gone in ((0.0, 0), (1e6, 1)):
        limit = {"limit": "calm", "measure": "change_value", "sense": "max", "amount": amount}
        held = [{"sku": "S1", "node": "HUB", "on_hand": 99, "on_order": 0}]
        case = hand_case({"change_cost_out": 0}, stock=held, lanes=near, nodes=nodes, limits=[limit])
        case = with_previous(case, earlier)
        plan = _again(case)
        moved = plan.changes[plan.changes["change"].isin(["new", "gone"])]
        assert (moved["change"] == "gone").sum() == gone
        row = plan.limits.set_index("limit").loc["calm"]
        assert (row["used"], row["period"]) == (pytest.approx(moved["value"].sum()), "2027-01")
        assert audit(_written(plan, tmp_path), case) == ()


def test_a_change_that_does_not_last_says_so(tmp_path: Path) -> None:
    """S1 lay at HUB; the new plan leaves it in January and has it back in February, and brings it to POP in January
    only: both rows say so, as does no row of what stays."""
    stocked = np.zeros((2, 3, 2), dtype=bool)
    stocked[:, 0] = stocked[0, 1, 1] = stocked[0, 2, 0] = True
    case = hand_case(stock=[{"sku": "S1", "node": "HUB", "on_hand": 31, "on_order": 0}])
    rates = forecast(case)
    plan = plan_of(case, assemble(case, rates), stocked, np.ones((3, 2), dtype=bool), rates=rates)
    rows = plan.changes.query("sku == 'S1'").set_index(["node", "change"])["reason"]
    assert rows["HUB", "gone"].endswith("; back from 2027-02")
    assert rows["POP", "new"].endswith("; until 2027-01")
    assert not any(word in rows["CENTRAL", "new"] for word in ("back from", "until"))
    assert audit(_written(plan, tmp_path), case) == ()
