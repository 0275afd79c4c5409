"""Money and volume in odd units: the same plan, and cost and bound the same numbers of the other unit."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import linprog

from models import instance as instance_module
from models import network, scaling
from models.catalogue import Catalogue
from models.column_generation import solve
from models.columns import Rows
from models.instance import Instance
from models.network_bound import NetworkBound
from models.outcome import Outcome
from models.problem import usage_most

from .conftest import ROOT
from .instances import tiny
from .property_worlds import SMALL, instance_of
from .rearranged import in_other_money, in_other_volume

FEASIBLE = dict.fromkeys(("lane_gaps", "backup", "windows", "node_counts", "tier_nodes", "hard_limits"), False)
SEEDS = [seed for _, seed in SMALL[:4]]


def same_plan(one: Outcome, two: Outcome) -> bool:
    """The same SKUs at the same nodes, the same nodes open."""
    return np.array_equal(one.stocked, two.stocked) and np.array_equal(one.open, two.open)


@pytest.mark.parametrize("exponent", [-20, 10, 30])
@pytest.mark.parametrize("seed", SEEDS)
def test_money_times_a_power_of_two_is_the_same_to_the_last_bit(seed: int, exponent: int) -> None:
    """Cost, bound and rents are exactly that many times as high: nothing is rounded, no tolerance is in money."""
    instance, rate = instance_of(("small", seed)), 2.0**exponent
    found, other = solve(instance, gap=1e-6), solve(in_other_money(instance, rate), gap=1e-6)
    assert found.stocked is not None
    assert same_plan(found, other)
    assert (other.objective, other.bound) == (found.objective * rate, found.bound * rate)
    assert found.rents is not None
    assert other.rents is not None
    assert np.array_equal(other.rents.room, found.rents.room * rate)
    assert np.array_equal(other.rents.budget, found.rents.budget)


@pytest.mark.parametrize("exponent", [-20, 20])
@pytest.mark.parametrize("seed", SEEDS)
def test_volume_times_a_power_of_two_is_the_same_to_the_last_bit(seed: int, exponent: int) -> None:
    """A larger unit of volume changes neither plan nor cost nor bound by a bit."""
    instance = instance_of(("small", seed))
    found, other = solve(instance, gap=1e-6), solve(in_other_volume(instance, 2.0**exponent), gap=1e-6)
    assert found.stocked is not None
    assert same_plan(found, other)
    assert (other.objective, other.bound) == (found.objective, found.bound)


@pytest.mark.parametrize("rate", [1e-6, 1e-3, 7.0, 1e6, 1e9])
@pytest.mark.parametrize("seed", SEEDS)
def test_money_times_any_rate(seed: int, rate: float) -> None:
    """With the optimum proved, the plan is the same, and cost and bound are that rate times as high within 1e-9."""
    instance = instance_of(("small", seed))
    found, other = solve(instance, gap=1e-10), solve(in_other_money(instance, rate), gap=1e-10)
    assert same_plan(found, other)
    assert other.objective == pytest.approx(found.objective * rate, rel=1e-9)
    assert other.bound == pytest.approx(found.bound * rate, rel=1e-9)


def test_infeasible_in_any_money() -> None:
    """What is short is the same share of the limit in any money: relief in money is that many times as high."""
    instance = replace(tiny(7001, hard_limits=False, soft_limits=False), budget=1.0)
    found = solve(instance)
    assert found.status == "infeasible"
    for rate in (2.0**-20, 2.0**20):
        other = solve(in_other_money(instance, rate))
        assert [(line.limit, line.unit) for line in other.relief] == [(x.limit, x.unit) for x in found.relief]
        amounts = [line.amount * (rate if line.unit == "money" else 1.0) for line in found.relief]
        assert [line.amount for line in other.relief] == pytest.approx(amounts, rel=1e-12)


def test_a_room_too_large_to_matter() -> None:
    """A room of 1e18 m3, typed for "no limit", binds as little as none: the solver takes no such coefficient."""
    for seed in range(4):
        instance = tiny(7300 + seed, room=False, hard_limits=False, candidates=True)
        wide = replace(instance, room_m3=np.where(np.isinf(instance.room_m3), 1e18, instance.room_m3))
        one, two = solve(instance, gap=1e-9), solve(wide, gap=1e-9)
        assert one.status == two.status
        if one.stocked is not None:
            assert two.objective == pytest.approx(one.objective, rel=1e-9)


def test_every_price_is_scaled() -> None:
    """Each field of the instance whose comment says money is listed; a new price cannot be forgotten."""
    text = (ROOT / "models" / "instance.py").read_text().split("class Instance:")[1].split("@property")[0]
    priced = set(re.findall(r"^    (\w+): .*#.*\bmoney\b", text, flags=re.MULTILINE))
    assert priced == set(scaling.MONEY)
    assert priced <= set(instance_module.Instance.__dataclass_fields__)


# --- the network program ---------------------------------------------------------------------------------------------


def scaled_network(instance: Instance) -> tuple[network.Compiled, network.Compiled, Rows, np.ndarray, float]:
    """A network program as compiled and as scaled, its rows, the most of each usage, and the solver's money."""
    money = scaling.money_unit(instance)
    compiled = network.compile_model(network.build(instance))
    rows = Rows(scaling.in_solver_money(instance, money), compiled)
    catalogue = Catalogue(rows.instance, rows)
    most = usage_most(catalogue)
    after = scaling.in_units(compiled, rows, most, len(catalogue.choosers), money)
    return compiled, after, rows, most / rows.unit, money


@pytest.mark.parametrize("seed", range(7400, 7410))
def test_the_scaled_network_is_the_same_program(seed: int) -> None:
    """Any point costs the same and leaves the same of every row, in other units; all units are powers of two."""
    before, after, _, _, money = scaled_network(in_other_money(tiny(seed, **FEASIBLE), 1e7))
    point = np.random.default_rng(seed).uniform(0, 10, len(before.cost))
    moved = point / after.unit
    assert (np.frexp(np.append(after.unit, after.row_unit))[0] == 0.5).all()
    assert np.all(after.unit[after.integer] == 1.0)
    assert moved @ after.cost == pytest.approx(point @ before.cost / money)
    for row in range(len(before.row_lower)):
        of = slice(before.start[row], before.start[row + 1])
        left = before.value[of] @ point[before.index[of]]
        assert after.value[of] @ moved[after.index[of]] * after.row_unit[row] == pytest.approx(left)
        assert after.row_upper[row] * after.row_unit[row] == before.row_upper[row]


@pytest.mark.parametrize("seed", range(7500, 7520))
def test_the_network_bound_is_the_minimum_of_its_program(seed: int) -> None:
    """At random rents the network's part of the bound is what another solver finds, and never more."""
    _, after, rows, most, _ = scaled_network(tiny(seed, **FEASIBLE))
    bound = NetworkBound(rows.instance, after, rows, most, 0)
    rng = np.random.default_rng(seed)
    program = bound.solver.getLp()
    rent = np.where(rng.random(len(rows)) < 0.5, rng.normal(0, 3, len(rows)), 0.0)
    costs = after.cost.copy()
    costs[rows.network_column] -= rent
    matrix = bound.matrix.toarray()
    sides = [(matrix, after.row_upper, 1.0), (-matrix, -after.row_lower, 1.0)]
    left = np.concatenate([m[np.isfinite(b)] for m, b, _ in sides])
    right = np.concatenate([b[np.isfinite(b)] for _, b, _ in sides])
    bounds = list(zip(program.col_lower_, program.col_upper_, strict=True))
    truth = linprog(costs, A_ub=left, b_ub=right, bounds=bounds, method="highs-ipm")
    value = bound.value(rent, None)
    if truth.status != 0:
        assert value == -np.inf
        return
    exact = truth.fun + after.offset
    assert value == pytest.approx(exact, rel=1e-6, abs=1e-5)
