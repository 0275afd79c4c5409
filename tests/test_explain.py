"""Explanations: the bill of a path, its rivals, the turning points, and who would use more of a limit."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.column_generation import solve
from models.evaluation import evaluate
from models.explain import Question, billed, evaluated, only, takers, turning
from models.instance import Bools, Instance
from models.scarce import Bill, Scarce, bill, no_rents, prices, scarce_things, used_in_all
from optimizer.case import Case
from optimizer.cli import main
from optimizer.errors import UsageError
from optimizer.explain import LimitExplained, SkuExplained, explain
from optimizer.plan import Plan
from optimizer.planning import Planner
from optimizer.writing.workbook import write

from .cases import case_of
from .instances import tiny
from .plans import hand_case, hand_plan, plan_of

SEEDS = range(40)


def two_nodes(stocking: float = 0.0, handling: float = 1.5, **skus: float) -> Case:
    """SKUs (name -> litres a unit) that sell 2 a day in R over the 31 days of January; A ships a parcel for 5, B for 4.

    Orders cost nothing, so that a review period of 7 days (14 units) is ordered, and stock is the same at A and B.
    """
    node = {"type": "central", "lead_time_days": 0, "lead_time_sd": 0, "review_days": 7}
    lane = {"region": "R", "carrier": "van", "cost_per_kg": 0, "transit_days": 1, "on_time_rate": 1, "damage_rate": 0}
    skus = skus or {"S": 1.0}
    settings = {"periods": 1, "order_cost": 0, "change_cost_in": 0, "change_cost_out": 0}
    return case_of(
        settings,
        skus=[{"sku": name, "unit_cost": 10, "volume_l": litres, "tier": "T"} for name, litres in skus.items()],
        tiers=[{"tier": "T", "max_nodes": 1, "node_types": "any"}],
        nodes=[
            {**node, "node": "A"},
            {**node, "node": "B", "handling_cost_per_unit": handling, "stocking_cost_per_sku_month": stocking,
             "ambient_m3": 5},
        ],
        regions=[{"region": "R"}],
        lanes=[{**lane, "node": "A", "cost_per_parcel": 5}, {**lane, "node": "B", "cost_per_parcel": 4}],
        demand=[{"sku": name, "region": "R", "mean_per_day": 2, "sd_per_day": 0} for name in skus],
    )  # fmt: skip


def planned(case: Case) -> Plan:
    return Planner(case).solve()


def why(plan: Plan, **question: Any) -> SkuExplained:
    found = explain(plan, **question)
    assert isinstance(found, SkuExplained)
    return found


def worth(plan: Plan, limit: str) -> LimitExplained:
    found = explain(plan, limit=limit)
    assert isinstance(found, LimitExplained)
    return found


def test_the_answer_by_hand() -> None:
    """62 parcels: B saves 62 of shipping and costs 93 of handling, so it is 31 dearer; that is all the table says."""
    found = why(planned(two_nodes()), sku="S", node="B")
    table = found.cost.set_index("item")
    assert [table[name]["outbound"] for name in found.options] == pytest.approx([310, 248, 310])
    assert table.loc["handling", "difference"] == pytest.approx(93)
    assert table.loc["cost of its own", "difference"] == pytest.approx(31)
    assert found.sets["with_node"].tolist() == ["B"]


def test_the_turning_points_by_hand() -> None:
    """31 over 62 units: B wins once handling costs less than 1.00, or its parcels 0.50 less; no demand turns it, since
    both sides grow alike, and neither does free storage, which costs nothing now."""
    found = {turn.what: turn for turn in why(planned(two_nodes()), sku="S", node="B").turns}
    assert found["handling"].at == pytest.approx(1.0, abs=1e-4)
    assert found["handling"].words.startswith("handling there cost less than 1.00")
    assert found["shipping"].at == pytest.approx(-0.5, abs=1e-4)
    assert "demand" not in found
    assert "storage" not in found


def test_demand_turns_a_fee_by_hand() -> None:
    """B saves 1 on each of 62 parcels and takes a fee of 40: it is right until demand falls below 40/62 of today's."""
    found = why(planned(two_nodes(stocking=40.0, handling=0.0)), sku="S", node="B")
    turns = {turn.what: turn for turn in found.turns}
    assert found.sets["plan"].tolist() == ["B"]
    assert turns["demand"].at == pytest.approx(40 / 62, rel=1e-4)
    assert "fell by 35 %" in turns["demand"].words
    assert turns["stocking"].at == pytest.approx(62.0, abs=1e-3)
    assert any("It belongs at B unless" in line for line in found.headline)


def test_the_rent_of_a_room_turns_the_answer_by_hand() -> None:
    """14 units of 10 l at B save 62: they stay while a month of a m3 there costs less than 62/0.14."""
    question = _question(two_nodes(handling=0.0, S=10.0), 0.0)
    assert question.difference() == pytest.approx(-62)
    found = {turn.what: turn for turn in _turns(question)}
    assert found["rent"].at == pytest.approx(62 / 0.14, rel=1e-4)


def _question(case: Case, rent: float) -> Question:
    plan = planned(case)
    rents = no_rents(plan.instance)
    rents.room[1, 0, 0] = rent
    is_open = np.ones_like(plan.open)
    return Question(only(plan.instance, 0), prices(plan.instance, rents), is_open, 1, np.array([True]))


def _turns(question: Question) -> list[Any]:
    from optimizer.turns import turns

    return list(turns(question))


def test_who_would_use_more_room_by_hand() -> None:
    """At a rent of 1,000 a m3 both SKUs keep out of B, which saves each 62: X (14 x 5 l) comes at 886, which is below
    0.9 of it, Y (14 x 10 l) at 443, below 0.5 of it; a unit of room saves them just that."""
    plan = planned(two_nodes(handling=0.0, X=5.0, Y=10.0))
    rents = no_rents(plan.instance)
    rents.room[1, 0, 0] = 1000.0
    stocked = np.zeros_like(plan.stocked)
    stocked[:, 0, :] = True
    at_a = plan_of(plan.case, plan.instance, stocked, np.ones_like(plan.open), rents=rents)
    found = worth(at_a, "b: ambient m3")
    assert found.users["sku"].tolist() == ["X", "Y"]
    assert found.users["saves_per_unit"].tolist() == pytest.approx([62 / 0.07, 62 / 0.14])
    assert found.users["from_rent"].tolist() == pytest.approx([800.0, 250.0])
    assert found.users["would_use"].tolist() == pytest.approx([0.07, 0.14])
    assert "one more m3 is worth 1,000 USD in 2027-01" in found.headline[0]


def test_a_thing_without_rent_is_worth_nothing() -> None:
    """A room that is not full has no rent, and nobody waits for it."""
    found = worth(planned(two_nodes()), "B ambient")
    assert "worth nothing" in found.headline[0]
    assert found.users.empty


def random_rents(instance: Instance, seed: int) -> Any:
    """Rents on everything that is scarce."""
    rng, rents = np.random.default_rng(seed), no_rents(instance)
    limits = {(row.name, t): float(rng.random()) for row in instance.limits for t in range(len(instance.periods))}
    for row in instance.limits:
        if row.measure == "cost":  # one rent for all its periods
            limits |= {(row.name, t): limits[row.name, 0] for t in range(len(instance.periods))}
    return replace(
        rents,
        room=10.0 * rng.random(rents.room.shape) * np.isfinite(instance.room_m3)[:, :, None],
        units_per_day=rng.random(rents.skus.shape) * np.isfinite(instance.units_per_day)[:, None],
        skus=rng.random(rents.skus.shape) * np.isfinite(instance.max_skus)[:, None],
        budget=0.1 * rng.random(len(instance.periods)) * np.isfinite(instance.budget),
        lanes=rng.random(rents.lanes.shape) * np.isfinite(instance.lane_parcels_per_day)[:, None],
        limits=limits,
    )


@pytest.mark.parametrize("seed", SEEDS)
def test_bills_add_up_to_the_plan(seed: int) -> None:
    """Costs by term of each SKU alone add up to what the whole plan's evaluation says, and its use of every scarce
    thing to the plan's use: nothing of a SKU depends on the others."""
    instance = tiny(seed)
    outcome = solve(instance, gap=0.05, time_limit=20)
    if outcome.stocked is None or outcome.open is None or outcome.surge is None:
        pytest.skip("no plan")
    whole = evaluate(instance, outcome.stocked, outcome.open, outcome.surge)
    given = prices(instance, random_rents(instance, seed))
    together = bill(instance, whole, outcome.stocked, given)
    alone = [billed(only(instance, k), outcome.stocked[k], outcome.open, given) for k in range(len(instance.skus))]
    own = sum(term.sum() for term in whole.costs.values())
    assert sum(float(one.own[0]) for one in alone) == pytest.approx(own)
    assert [float(one.total[0]) for one in alone] == pytest.approx(together.total.tolist())
    for thing, paid in together.rents.items():
        rent = np.asarray(paid.sum(axis=0))
        assert rent == pytest.approx(_priced(instance, whole, thing, given)), thing


def _priced(instance: Instance, whole: Any, thing: Scarce, given: Any) -> np.ndarray:
    """Use of the whole plan times the rent; late parcels stand for a share on time."""
    from models.scarce import rent_of

    used = np.nan_to_num(used_in_all(instance, whole, thing))
    limit = instance.limits[thing.place[0]] if thing.kind == "limit" else None
    if limit is not None and limit.measure == "on_time_share":
        regions = slice(None) if limit.regions is None else limit.regions
        parcels = (instance.mean * (instance.parcels_per_unit * limit.skus)[:, None, None])[:, regions].sum(axis=(0, 1))
        used = np.where(limit.periods, (1.0 - used) * parcels, 0.0)
    if limit is not None and limit.measure in ("nodes", "cost"):
        own = sum(term[limit.skus][:, limit.nodes].sum(axis=(0, 1)) for term in whole.costs.values()) * limit.periods
        first = limit.periods & (np.cumsum(limit.periods) == 1)
        used = np.where(first, own.sum(), 0.0) if limit.measure == "cost" else np.zeros(len(used))
    return np.asarray(used * rent_of(instance, given, thing))


def every_path(instance: Instance, stocked_by: Bools) -> Iterator[Bools]:
    """Every path of sets of the instance's only SKU that stocks at nodes where ``stocked_by`` (N,T) lets it."""
    nodes, periods = stocked_by.shape
    sets = [np.array(bits, dtype=bool) for bits in product((False, True), repeat=nodes)]
    for chosen in product(sets, repeat=periods):
        stocked = np.array(chosen).T
        if not (stocked & ~stocked_by).any():
            yield stocked


@pytest.mark.parametrize("seed", [seed for seed in SEEDS if seed % 2])
def test_the_best_with_and_without_are_the_best_of_all(seed: int) -> None:
    """Every path of sets is billed one by one; the cheapest that has the node in some period, and the cheapest that
    never has it, cost what the question finds (all nodes open, limits on the number of nodes aside)."""
    instance = tiny(seed, backup=False, node_counts=False, candidates=False, windows=False, lane_gaps=False)
    given = prices(instance, random_rents(instance, seed))
    is_open = np.asarray(instance.available)
    alone = only(instance, 0)
    live = alone.mean[0].sum(axis=0) > 0
    found: dict[bool, float] = {True: np.inf, False: np.inf}
    for stocked in every_path(alone, alone.allowed[0] & is_open & live):
        if (stocked.any(axis=0) == live).all() and _reached(alone, stocked):
            cost = float(billed(alone, stocked, is_open, given).total[0])
            has = bool(stocked[1].any())
            found[has] = min(found[has], cost)
    question = Question(alone, given, is_open, 1, np.ones(len(alone.periods), dtype=bool))
    for choice, best in ((question.with_node(), found[True]), (question.without(), found[False])):
        assert (np.inf if choice is None else choice.cost) == pytest.approx(best)


def _reached(instance: Instance, stocked: Bools) -> bool:
    try:
        evaluated(instance, stocked[None], np.asarray(instance.available))
    except ValueError:
        return False
    return True


def test_a_closed_node_is_opened_at_its_cost() -> None:
    """POP is closed in the first period of the hand plan: a SKU that would use it then, and in the second, when it is
    open, pays its fixed 100 for the first; opening it earlier instead of later costs nothing more."""
    plan = hand_plan()
    question = why(plan, sku="S1", node="POP", period="2027-01").question(2)
    choice = question.with_node()
    assert choice is not None
    assert choice.stocked[2, 0]
    assert choice.opening == pytest.approx(100.0)


def test_the_plan_costs_no_more_than_its_rivals_allow() -> None:
    """With no node to open and the bound from the rents alone, what all SKUs lose to their best paths under the rents
    is at most what the plan costs above the bound."""
    checked = 0
    for seed in SEEDS:
        instance = tiny(seed, candidates=False, surge=False, soft_limits=False)
        outcome = solve(instance, gap=0.2, time_limit=20)
        if outcome.stocked is None or outcome.open is None or outcome.rents is None or outcome.status != "gap_reached":
            continue
        is_open, given = np.asarray(outcome.open & instance.available), prices(instance, outcome.rents)
        lost = 0.0
        for k in range(len(instance.skus)):
            own = billed(only(instance, k), outcome.stocked[k], is_open, given)
            best = Question(only(instance, k), given, is_open, 0, np.ones(len(instance.periods), dtype=bool)).best()
            assert best is not None
            lost += float(own.total[0]) - best.cost
        checked += 1
        assert -1e-6 <= lost <= outcome.objective - outcome.bound + 1e-6 * abs(outcome.objective)
    assert checked >= 10


@pytest.mark.parametrize("seed", [seed for seed in SEEDS if seed % 4 == 0])
def test_turning_points_turn(seed: int) -> None:
    """Priced anew on the far side of every turning point the answer is the other one, and a hair before it is still the
    one of today."""
    from optimizer import turns as module

    instance = tiny(seed)
    given, is_open = prices(instance, random_rents(instance, seed)), np.asarray(instance.available)
    seen: list[tuple[float, float, float]] = []

    def watched(difference: Any, values: Any) -> float | None:
        at = turning(difference, values)
        if at is not None:
            nearer = at + (values[0] - at) * 1e-4
            seen.append((difference(values[0]), difference(nearer), difference(at)))
        return at

    for node in range(len(instance.nodes)):
        question = Question(only(instance, 0), given, is_open, node, np.ones(len(instance.periods), dtype=bool))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(module, "turning", watched)
            list(module.turns(question))
    for now, _, then in seen:
        assert (now >= 0) != (then >= 0)
    jumps = sum((now >= 0) != (before >= 0) for now, before, _ in seen)
    assert jumps <= len(seen) // 10  # where packs make the difference jump to and fro


def test_a_turn_is_found_where_the_sign_changes() -> None:
    """x - 2 turns at 2; a difference that is no number, or never turns, has no turning point."""
    assert turning(lambda x: x - 2.0, [0.0, 1.0, 5.0]) == pytest.approx(2.0, rel=1e-4)
    assert turning(lambda x: 2.0 - x, [0.0, 5.0]) == pytest.approx(2.0, rel=1e-4)
    assert turning(lambda x: 1.0 + x, [0.0, 1.0, 5.0]) is None
    assert turning(lambda x: np.nan, [0.0, 1.0]) is None


def test_no_taker_where_the_plan_gives_enough() -> None:
    """A SKU that is at the node already would not use more of its room, whatever it costs."""
    plan = planned(two_nodes(handling=0.0))
    rents = no_rents(plan.instance)
    rents.room[1, 0, 0] = 1.0
    held = explain_base(plan, rents)
    assert takers(held, Scarce("room", (1, 0))) == []


def explain_base(plan: Plan, rents: Any) -> Any:
    from models.explain import Base

    return Base(plan.instance, plan.stocked, np.ones_like(plan.open), prices(plan.instance, rents))


def test_a_written_plan_is_explained_like_the_plan(tmp_path: Path) -> None:
    """Rents, openings and placement read back from the workbook give the same tables as the plan in memory."""
    plan = hand_plan()
    path = write(plan, tmp_path / "plan.xlsx")
    questions: list[dict[str, Any]] = [
        {"sku": "S2"}, {"sku": "S1", "node": "POP"}, {"limit": "budget"}, {"limit": "CENTRAL chilled"},
    ]  # fmt: skip
    for question in questions:
        there, here = explain(path, plan.case, **question), explain(plan, **question)
        for name, table in here.tables().items():
            assert there.tables()[name].equals(table), (question, name)


def test_rents_of_the_sheets_by_hand(tmp_path: Path) -> None:
    """S2 stands at CENTRAL, whose chilled room has a rent of 7 in January, and stock one of 0.5 in February: it pays 7
    a m3 of its peak and 0.5 of its value."""
    plan = hand_plan()
    found = why(plan, sku="S2", node="HUB")
    peak, value = plan.evaluation.peak_stock[1, 0, 0] * 0.001, plan.evaluation.average_stock[1, 0, 1] * 4.0
    table = found.cost.set_index("item")["plan"]
    assert table["chilled space at CENTRAL"] == pytest.approx(7.0 * peak)
    assert table["the budget"] == pytest.approx(0.5 * value)


def test_why_a_node_is_out_of_the_question() -> None:
    """Chilled S2 cannot be at POP, which has no chilled room; the sentence says so."""
    found = why(hand_plan(), sku="S2", node="POP")
    assert any("no chilled room" in line for line in found.headline)
    assert found.turns == ()


def test_names_are_checked() -> None:
    """Unknown names, no question and two questions are refused with a hint."""
    plan = hand_plan()
    questions: list[dict[str, Any]] = [
        {}, {"sku": "S1", "limit": "budget"}, {"sku": "S9"}, {"sku": "S1", "node": "X"}, {"limit": "X"},
    ]  # fmt: skip
    for question in questions:
        with pytest.raises(UsageError):
            explain(plan, **question)
    assert why(plan, sku="s1").alone.skus == ("S1",)


def test_every_limit_can_be_asked_for() -> None:
    """Each scarce thing has a name of its own under which it is found again."""
    from optimizer.tables.phrases import key, plain

    plan = hand_plan()
    names = [plain(key(plan.instance, thing)) for thing in scarce_things(plan.instance)]
    assert len(set(names)) == len(names)
    assert {"central chilled", "hub ambient", "budget"} <= set(names)


def test_the_command(example: Path, example_plan: Plan, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`nodewise explain` answers both questions about a written plan of the example, in words and as JSON."""
    plan = write(example_plan, tmp_path / "plan.xlsx")
    assert main(["explain", str(plan), str(example), "--sku", "TEE-BLK-S", "--node", "DFW", "--json"]) == 0
    said = capsys.readouterr().out
    answer = json.loads(said.splitlines()[-1])
    assert "TEE-BLK-S (tier A)" in said
    assert {"headline", "sets", "cost", "changes"} <= set(answer)
    assert main(["explain", str(plan), str(example), "--limit", "budget", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out.splitlines()[-1])["worth"]) == 3
    assert main(["explain", str(plan), str(example), "--limit", "nothing of the kind"]) == 2


def test_bills_without_rents_are_the_costs_alone() -> None:
    """Without rents the total is the own cost."""
    plan = hand_plan()
    made = bill(plan.instance, plan.evaluation, plan.stocked, prices(plan.instance, no_rents(plan.instance)))
    assert isinstance(made, Bill)
    assert made.rents == {}
    assert made.total == pytest.approx(made.own)
    assert hand_case().settings.periods == 2
