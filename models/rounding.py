"""Integer plans out of the column pool: restricted programs over SKUs that are still in play, then exact completion."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field

import numpy as np

from .columns import Columns, concatenate
from .instance import TEMPERATURES, Bools, Floats, Ints
from .integer_program import IntegerProgram
from .master import Fixings, Master
from .problem import Problem, open_values


@dataclass(frozen=True)
class Effort:
    """Size of a restricted program, and how long it may take: counted in work, so that any machine finds the same."""

    columns: int
    checks: int  # looks of the solver at its limits; about 1,000 a second among nodes, 50 a second before the first


QUICK = (Effort(300, 3_000),)
DIVE = (Effort(1_000, 3_000), Effort(4_000, 12_000))  # under whole openings, after most SKUs are settled
THOROUGH = (Effort(1_000, 6_000), Effort(4_000, 6_000), Effort(20_000, 3_000))
DECIDED = (Effort(2_000, 3_000),)  # where all openings are
COMPLETION = 20_000  # checks; openings and surge for given picks are decided in far fewer


@dataclass(frozen=True)
class Rounded:
    """A whole plan."""

    cost: float  # money over the horizon
    stocked: Bools  # (K,N,T)
    open: Bools  # (N,T)
    surge: Floats  # (N,3,T) m3


def complete(problem: Problem, picks: Columns | None) -> Rounded | None:
    """The cheapest openings and surge for given picks; None if the limits cannot be kept with them."""
    program = IntegerProgram(problem, picks, None)
    program.solve(np.inf, 1e-9, checks=COMPLETION)
    if not program.found:
        return None
    instance, values = problem.instance, program.values()
    return Rounded(
        cost=program.objective,
        stocked=_stocked(problem, picks),
        open=open_values(instance, problem.compiled, values) > 0.5,
        surge=_surge(problem, values),
    )


def _stocked(problem: Problem, picks: Columns | None) -> Bools:
    skus, nodes, _, periods = problem.instance.shape
    out = np.zeros((skus, nodes, periods), dtype=bool)
    for columns in (problem.catalogue.fixed, picks):
        if columns is not None:
            out[columns.sku] = np.swapaxes(np.unpackbits(columns.path, axis=2, count=nodes), 1, 2)
    return out


def _surge(problem: Problem, values: Floats) -> Floats:
    instance = problem.instance
    out = np.zeros((len(instance.nodes), len(TEMPERATURES), len(instance.periods)))
    for (name, index), column in problem.compiled.column.items():
        if name == "surge":
            node, temperature, period = index
            at = instance.nodes.index(node), TEMPERATURES.index(temperature), instance.periods.index(period)
            out[at] = values[column] * problem.compiled.unit[column] if values[column] > 1e-9 else 0.0
    return out


@dataclass(frozen=True)
class Goal:
    """What a restricted program is asked for."""

    window: float  # a path that costs this much more than its SKU's best, rents included, cannot be in a better plan
    enough: float  # cost of a plan that meets the asked gap
    gap: float
    seconds: float
    fixings: Fixings = field(default_factory=dict)  # openings that are given


def round_master(problem: Problem, master: Master, reduced: Floats, goal: Goal, effort: Effort) -> Rounded | None:
    """Give most SKUs their LP pattern, leave the undecided and nearly indifferent ones to a small integer program."""
    pool = master.pool
    if pool is None:
        return complete(problem, None)
    value = master.values()[master.pool_column]
    settled, choice = (
        pool.take(of) if len(of) else None for of in _split(pool, value, reduced, goal.window, effort.columns)
    )
    program = IntegerProgram(problem, settled, choice, goal.fixings)
    program.solve(goal.seconds, goal.gap, goal.enough, effort.checks)
    if not program.found:
        return None
    return complete(problem, concatenate([part for part in (settled, program.picks()) if part is not None]))


def _split(pool: Columns, value: Floats, reduced: Floats, window: float, most: int) -> tuple[Ints, Ints]:
    """The columns given to the SKUs that are settled, and those to choose among for the others."""
    useful = np.flatnonzero((reduced <= window) | (value > 1e-9))
    order = useful[np.lexsort((reduced[useful], -value[useful]))]
    skus = pool.sku[order]
    _, first = np.unique(skus, return_index=True)
    leading = order[first]
    rest = np.setdiff1d(order, leading)
    undecided = np.zeros(int(pool.sku.max()) + 1, dtype=bool)
    undecided[pool.sku[leading[value[leading] < 1.0 - 1e-6]]] = True
    urgent = undecided[pool.sku[rest]]
    rest = rest[np.lexsort((readiness(reduced[rest], np.abs(pool.cost[rest])), ~urgent))][:most]
    open_skus = np.union1d(pool.sku[rest], np.flatnonzero(undecided))
    in_play = np.isin(pool.sku[leading], open_skus)
    return leading[~in_play], np.sort(np.concatenate([leading[in_play], rest]))


def readiness(more: Floats, cost: Floats) -> Ints:
    """Rank of alternatives by what they cost more, in money or as a share of the SKU's cost, whichever ranks higher.

    By money alone small SKUs come first, and they move too little to make room for the large ones.
    """
    by_money, by_share = (np.argsort(np.argsort(x, kind="stable")) for x in (more, more / np.maximum(cost, 1e-12)))
    return np.minimum(by_money, by_share)


def round_whole(
    problem: Problem, master: Master, reduced: Floats, goal: Goal, start: tuple[Columns | None, Bools] | None
) -> tuple[Rounded | None, float]:
    """Integer program over all pool columns within the window: a plan, and a bound over them (inf = none exists).

    It begins with ``start``: the pick of every SKU with a choice, and which nodes are open (N,T).
    """
    pool = master.pool
    if pool is None:
        plan = complete(problem, None)
        return plan, np.inf if plan is None else plan.cost
    program = IntegerProgram(problem, None, pool.take(np.flatnonzero(reduced <= goal.window)))
    if start is not None:
        program.begin_with(*start)
    program.solve(goal.seconds, goal.gap, checks=sys.maxsize)
    proved = np.inf if program.infeasible else program.bound()
    return (complete(problem, program.picks()) if program.found else None), proved
