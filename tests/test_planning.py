"""From a case to a plan in a notebook: settings of a run, constraints of an analyst, and what a failed solve says."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pyomo.environ as pyo
import pytest

import optimizer
from models.evaluation import evaluate
from models.instance import Instance
from models.outcome import Outcome, Progress, Relief
from optimizer import errors
from optimizer.planning import no_plan
from optimizer.settings import Settings

from . import small


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> optimizer.Case:
    """The small brand, read."""
    return optimizer.read(small.write(tmp_path_factory.mktemp("case") / "brand.xlsx", small.sheets()))


@pytest.fixture(scope="module")
def plan(case: optimizer.Case) -> optimizer.Plan:
    """Its plan, solved to the end."""
    return optimizer.plan(case, gap=0)


def test_settings_of_a_run_leave_the_case_alone(case: optimizer.Case) -> None:
    """`plan(case, periods=1)` plans one period and says so in the plan's case; the caller's case keeps its two."""
    short = optimizer.plan(case, periods=1)
    assert short.instance.periods == ("2027-01",)
    assert short.case.settings.origins["periods"] == "--set"
    assert case.settings.periods == 2


@pytest.mark.parametrize(("name", "value"), [("start", "2027-02-01"), ("returns", "net"), ("default_weight_kg", 2.0)])
def test_a_setting_spent_in_reading_is_refused(case: optimizer.Case, name: str, value: object) -> None:
    """What took effect while reading cannot be changed afterwards without a word; the same value is no change."""
    with pytest.raises(errors.UsageError, match=f"optimizer.read.path, {name}="):
        optimizer.Planner(case, **{name: value})
    same = optimizer.Planner(case, **{name: getattr(case.settings, name)})
    assert getattr(same.case.settings, name) == getattr(case.settings, name)


def test_a_misspelt_setting_is_refused_with_the_nearest(case: optimizer.Case) -> None:
    """A free dictionary would ignore it; here the caller is told which setting was meant."""
    with pytest.raises(errors.UsageError, match="time_limit"):
        optimizer.plan(case, time_limits=3)


def test_progress_is_heard_and_never_contradicts_itself(case: optimizer.Case) -> None:
    """Bounds only rise, the best plan only gets cheaper, from the beginning of each search to its end, and the last
    line's bound is at most the plan's cost."""
    heard: list[Progress] = []
    plan = optimizer.plan(case, progress=heard.append, short_lost_share=0)
    anew = [at for at, line in enumerate(heard) if line.stage == "anew"]
    for begin, end in pairwise([0, *anew, len(heard)]):
        bounds, best = [line.bound for line in heard[begin:end]], [line.best for line in heard[begin:end]]
        assert len(bounds) > 1
        assert bounds == sorted(bounds)
        assert best == sorted(best, reverse=True)
    assert heard[-1].bound <= plan.cost * (1 + 1e-9)


def test_every_part_of_a_run_says_what_goes_on(tmp_path: Path) -> None:
    """Programs over whole patterns are told, and rounds of bringing SKUs together with cost, bound and note."""
    heard: list[Progress] = []
    optimizer.plan(optimizer.read(small.write(tmp_path / "pairs.xlsx", small.pairs())), gap=0, progress=heard.append)
    assert any(line.stage == "search" and line.note.startswith("whole patterns") for line in heard)
    rounds = [line for line in heard if line.stage == "together"]
    assert [line.note.split(",")[0] for line in rounds[:3]] == ["parcels of past orders", "round 1", "round 2"]
    assert all(line.bound <= line.best * (1 + 1e-9) and line.gap < 0.03 for line in rounds)


def test_the_model_nobody_touched_changes_nothing(case: optimizer.Case, plan: optimizer.Plan) -> None:
    """Looking at `Planner.model` without adding to it gives the same plan as not looking."""
    planner = optimizer.Planner(case, gap=0)
    assert set(planner.model.NODES) == {"MAIN", "EAST", "WEST"}
    looked = planner.solve()
    assert looked.cost == pytest.approx(plan.cost)
    assert (looked.stocked == plan.stocked).all()


def test_a_constraint_of_the_analyst_binds_and_costs(case: optimizer.Case, plan: optimizer.Plan) -> None:
    """With at most half of the value MAIN holds in the best plan allowed there, that holds, and the plan costs more."""
    value = plan.nodes.pivot(index="node", columns="period", values="value").loc["MAIN"]
    planner = optimizer.Planner(case, gap=0)
    model = planner.model
    model.less_at_main = pyo.Constraint(
        model.PERIODS, rule=lambda model, period: model.value["MAIN", period] <= float(value[period]) / 2
    )
    less = planner.solve()
    held = less.nodes.pivot(index="node", columns="period", values="value").loc["MAIN"]
    assert (held <= value / 2 + 1e-6).all()
    assert less.cost > plan.cost


def test_a_constraint_nobody_can_meet_is_infeasible(case: optimizer.Case) -> None:
    """Every SKU must stand somewhere, so closing every node is contradictory: InfeasibleCase, not a broken plan."""
    planner = optimizer.Planner(case)
    model = planner.model
    model.nowhere = pyo.Constraint(model.PERIODS, rule=lambda model, p: sum(model.skus[n, p] for n in model.NODES) <= 1)
    with pytest.raises(errors.InfeasibleCase):
        planner.solve()


@pytest.mark.parametrize(
    ("lie", "most", "words"),
    [
        ("cheaper", 6, "is not the plan's cost"),
        ("all at MAIN", 6, "is wider than the allowed 0.000%"),
        ("all at MAIN", 4, 'more than there is of limit "few"'),
    ],
)
def test_a_polish_that_lies_is_caught(
    case: optimizer.Case, monkeypatch: pytest.MonkeyPatch, lie: str, most: float, words: str
) -> None:
    """A polish that says its plan costs 1 % less than it does, or that puts all six SKUs at MAIN, which is dearer
    than allowed, or more than a limit of the four that sell, does not get its plan through."""

    def polished(case: object, instance: Instance, outcome: Outcome, *_: object) -> tuple[Outcome, dict[str, float]]:
        if lie == "cheaper":
            return replace(outcome, objective=0.99 * outcome.objective), {}
        assert outcome.open is not None
        assert outcome.surge is not None
        stocked = np.zeros(instance.allowed.shape, dtype=bool)
        stocked[:, instance.nodes.index("MAIN")] = True
        objective = evaluate(instance, stocked, outcome.open, outcome.surge).total
        return replace(outcome, stocked=stocked, objective=objective), {}

    few = {"limit": "few", "measure": "skus", "sense": "max", "amount": float(most), "node": "MAIN"}
    limits = pd.DataFrame([{**dict.fromkeys(case.limits.columns), **few}])
    monkeypatch.setattr("optimizer.polish.kept_together", polished)
    with pytest.raises(errors.AuditFailed, match=words):
        optimizer.plan(replace(case, limits=limits), gap=0, split_gap=0)


def test_a_plan_knows_where_it_comes_from(plan: optimizer.Plan, case: optimizer.Case) -> None:
    """Seconds, memory and versions are recorded, and the seconds are those of this run."""
    assert 0 < plan.facts["seconds"] < 600
    assert plan.facts["peak_memory_mb"] > 10
    assert plan.facts["versions"]["nodewise"] == optimizer.__version__
    assert plan.case.source["sha256"] == case.source["sha256"]


RELIEF = (Relief("room", "DAL chilled", "2027-01", 3.2, "m3"), Relief("Cap A", "", "2027-02", 2.0, "SKUs"))
BUDGET = (Relief("budget", "", "2027-01", 302683.2, "money"),)


@pytest.mark.parametrize(
    ("outcome", "kind", "words"),
    [
        (Outcome("infeasible", float("inf"), float("inf"), relief=RELIEF), errors.InfeasibleCase, "short by 3.2 m3"),
        (Outcome("infeasible", float("inf"), float("inf"), relief=RELIEF), errors.InfeasibleCase, 'limit "Cap A"'),
        (Outcome("infeasible", float("inf"), float("inf"), relief=BUDGET), errors.InfeasibleCase, "by 302,700 EUR"),
        (Outcome("time_limit", float("inf"), 1234.5), errors.NoPlanInTime, "less than 1,234 EUR"),
        (Outcome("time_limit", float("inf"), -float("inf")), errors.NoPlanInTime, "no plan in 60 s"),
        (Outcome("interrupted", float("inf"), 0.0), errors.Interrupted, "before a plan"),
        (Outcome("stalled", float("inf"), 0.0), errors.NoPlanInTime, "whole ones hardly"),
        (Outcome("20", float("inf"), 0.0), errors.SolverFailure, "status 20"),
    ],
)
def test_a_solve_without_a_plan_is_never_flattened(outcome: Outcome, kind: type[Exception], words: str) -> None:
    """Infeasible, out of time, interrupted and failed are different errors, each with its own words."""
    error = no_plan(outcome, Settings().with_values(time_limit=60, currency="EUR"))
    assert type(error) is kind
    assert words in str(error)


def test_the_package_keeps_its_functions(tmp_path: Path) -> None:
    """After everything is imported, `optimizer.plan` and `optimizer.read` are still functions to call."""
    import optimizer.plan
    import optimizer.planning

    assert optimizer.plan is optimizer.planning.plan
    with pytest.raises(AttributeError, match="no attribute 'plam'"):
        optimizer.plam  # noqa: B018


def test_an_analysts_impossible_constraint_is_named(case: optimizer.Case) -> None:
    """Nodes that are always open cannot be kept to none: the answer names the constraint and by how much it fails."""
    planner = optimizer.Planner(case)
    model = planner.model
    model.none_open = pyo.Constraint(model.PERIODS, rule=lambda m, t: sum(m.open[n, t] for n in m.NODES) <= -1)
    with pytest.raises(errors.InfeasibleCase, match="none_open"):
        planner.solve()


def test_too_much_asked_for_is_told_as_that(case: optimizer.Case) -> None:
    """Of the 4 SKUs that sell 10 cannot stand at a node: 6 more are asked for than possible, no slots are short."""
    planner = optimizer.Planner(case)
    planner.model.many = pyo.Constraint(expr=planner.model.skus["MAIN", "2027-01"] >= 10)
    with pytest.raises(errors.InfeasibleCase, match="skus of MAIN in 2027-01 would have to be 6 SKUs more"):
        planner.solve()


def test_an_unknown_key_of_stocked_is_named(case: optimizer.Case) -> None:
    """A period that the plan does not have is told by its name, not by a position."""
    planner = optimizer.Planner(case)
    instance = planner.instance
    planner.model.odd = pyo.Constraint(expr=planner.model.stocked[instance.skus[0], instance.nodes[0], "2099-01"] <= 0)
    with pytest.raises(KeyError, match="2099-01"):
        planner.solve()
