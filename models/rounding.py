"""Integer plans out of the column pool: restricted programs over SKUs that are still in play, then exact completion."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import highspy
import numpy as np
import scipy.sparse as sp

from .catalogue import Catalogue
from .columns import Columns, Rows, concatenate
from .instance import TEMPERATURES, Bools, Floats, Instance, Ints, summed
from .master import INFINITY, Fixings, Master, add_columns, add_rows, checked, fix_openings, load, new_solver
from .network import Compiled


@dataclass(frozen=True)
class Problem:
    """One instance compiled: what bound and rounding both need."""

    instance: Instance
    compiled: Compiled
    rows: Rows
    catalogue: Catalogue
    fixed_cost: float
    fixed_use: Floats  # (D,)
    seed: int


@dataclass(frozen=True)
class Effort:
    """Size of a restricted program."""

    columns: int
    seconds: float


QUICK = (Effort(300, 5.0),)
THOROUGH = (Effort(1_000, 20.0), Effort(4_000, 60.0), Effort(20_000, 120.0))


@dataclass(frozen=True)
class Rounded:
    """A whole plan."""

    cost: float  # money over the horizon
    stocked: Bools  # (K,N,T)
    open: Bools  # (N,T)
    surge: Floats  # (N,3,T) m3
    picks: Columns  # one per SKU with a choice


def usage_most(catalogue: Catalogue, fixed_use: Floats) -> Floats:
    """(D,) an upper bound on each usage variable: every SKU uses the most it ever could."""
    instance, rows = catalogue.instance, catalogue.rows
    most = fixed_use.copy()
    for batch in catalogue.batches:
        row, _, use = rows.entries(_extreme(instance, batch))
        most = most + summed(row, np.abs(use), len(rows))
    largest = instance.mean * np.maximum(1.0, instance.parcels_per_unit)[:, None, None]
    shipped = float(largest.sum(axis=(0, 1)).max(initial=0.0))
    regional = np.zeros(len(rows), dtype=bool)
    regional[rows.lane[rows.lane >= 0]] = True
    for i, limit in enumerate(instance.limits):
        if limit.measure == "on_time_share" or limit.regions is not None:
            regional[rows.limit[i][rows.limit[i] >= 0]] = True
    return np.where(regional, shipped, most) * (1.0 + 1e-9) + 1e-9


def _extreme(instance: Instance, batch: Any) -> Columns:
    """A column per SKU that uses, at every node and period, the most of any set."""
    cells, count = batch.family.cells, len(batch.skus)
    periods, nodes = len(instance.periods), len(instance.nodes)
    flow, safety, quantity = (np.zeros((periods, nodes, count)) for _ in range(3))
    for n in np.unique(cells.node[:-1]):
        of = np.flatnonzero(cells.node[:-1] == n)
        for out, values in ((flow, batch.flow), (safety, batch.safety), (quantity, batch.quantity)):
            out[:, n] = values[:, of].max(axis=1)
    t, n, column = (x.ravel() for x in np.indices(flow.shape))
    finite = np.where(np.isfinite(batch.cost), np.abs(batch.cost), 0.0).max(axis=1).T
    change = (instance.change_cost_in + instance.change_cost_out) * nodes
    held = (safety[0] + quantity[0] / 2.0).sum(axis=0)
    wanted = instance.days[0] * instance.mean[batch.skus, :, 0].sum(axis=1) + held
    return Columns(
        sku=batch.skus,
        path=np.zeros((count, periods, 0), dtype=np.uint8),
        cost=finite.sum(axis=1),
        period_cost=finite + change,
        purchases=instance.unit_cost[batch.skus] * wanted,
        by_lane=(np.zeros((count, 0, periods), dtype=np.int64), np.zeros((count, 0, periods))),
        column=column,
        period=t,
        node=n,
        stocked=np.ones(len(t)),
        flow=flow.ravel(),
        safety=safety.ravel(),
        quantity=quantity.ravel(),
    )


def candidate_uses(instance: Instance, columns: Columns) -> tuple[Ints, Ints, Ints]:
    """(column, node, period) wherever a column stocks at, or passes through, a candidate node."""
    on = np.flatnonzero(instance.candidate[columns.node])
    return columns.column[on], columns.node[on], columns.period[on]


def violated_links(instance: Instance, master: Master, tolerance: float = 1e-4) -> list[tuple[int, int, int]]:
    """(sku, node, period) where the LP uses a candidate node more than it opens it, worst first."""
    pool = master.pool
    if pool is None or not instance.candidate.any():
        return []
    values = master.values()
    column, node, period = candidate_uses(instance, pool)
    weight = values[master.pool_column[column]]
    _, nodes, _, periods = instance.shape
    code, inverse = np.unique((pool.sku[column] * nodes + node) * periods + period, return_inverse=True)
    used = summed(inverse.ravel(), weight, len(code)) if len(code) else np.zeros(0)
    n, t = code // periods % nodes, code % periods
    over = used - open_values(instance, master.compiled, values)[n, t]
    worst = np.flatnonzero(over > tolerance)
    worst = worst[np.argsort(-over[worst], kind="stable")]
    known = set(master.links)
    keys = [(int(c // periods // nodes), int(c // periods % nodes), int(c % periods)) for c in code[worst]]
    return [key for key in keys if key not in known]


def open_values(instance: Instance, compiled: Compiled, values: Floats) -> Floats:
    """(N,T) value of open; 1 where a node is open anyway, 0 where it is not available."""
    out = (instance.available & ~instance.candidate[:, None]).astype(float)
    for n in np.flatnonzero(instance.candidate):
        for t, period in enumerate(instance.periods):
            column = compiled.column.get(("open", (instance.nodes[n], period)))
            if column is not None:
                out[n, t] = values[column]
    return out


# --- restricted programs -------------------------------------------------------------------------------------------


class IntegerProgram:
    """Network program with whole openings, given picks, and a choice among columns for the other SKUs."""

    def __init__(self, problem: Problem, given: Columns | None, choice: Columns | None, elastic: bool = False) -> None:
        self.problem, self.choice = problem, choice
        instance, compiled, rows = problem.instance, problem.compiled, problem.rows
        self.solver = new_solver(problem.seed)
        load(compiled, self.solver)
        self._keep_whole(compiled.integer)
        use = problem.fixed_use + (0.0 if given is None else problem.catalogue.use(given))
        definition = sp.csr_matrix(
            (np.ones(len(rows)), (np.arange(len(rows)), rows.network_column)), (len(rows), len(compiled.cost))
        )
        self.first = len(compiled.row_lower)
        add_rows(self.solver, use, use, definition)
        self.given_cost = problem.fixed_cost + (0.0 if given is None else float(given.cost.sum()))
        if given is not None:
            _, node, period = candidate_uses(instance, given)
            self._force_open(node, period)
        self.slack = len(compiled.cost)
        if elastic:
            self._add_slack(use)
        if choice is not None:
            self._add_choice(choice)

    def _keep_whole(self, columns: Ints) -> None:
        if len(columns):
            kinds = np.array([highspy.HighsVarType.kInteger] * len(columns))
            checked(self.solver.changeColsIntegrality(len(columns), columns.astype(np.int32), kinds), "integrality")

    def _force_open(self, node: Ints, period: Ints) -> None:
        instance = self.problem.instance
        for n, t in sorted(set(zip(node.tolist(), period.tolist(), strict=True))):
            column = self.problem.compiled.column[("open", (instance.nodes[n], instance.periods[t]))]
            checked(self.solver.changeColBounds(column, 1.0, 1.0), "open")

    def _add_slack(self, use: Floats) -> None:
        """Slack at a price of one per share of today's use: the objective becomes the relief alone."""
        count, height = len(use), int(self.solver.getNumRow())
        zeros = np.zeros(len(self.problem.compiled.cost))
        every = np.arange(len(zeros), dtype=np.int32)
        self.solver.changeColsCost(len(zeros), every, zeros)
        rows = self.first + np.tile(np.arange(count), 2)
        sign = np.repeat([1.0, -1.0], count)
        matrix = sp.csc_matrix((sign, (rows, np.arange(2 * count))), (height, 2 * count))
        price = np.tile(1.0 / np.maximum(use, 1e-3 * max(use.max(initial=0.0), 1.0)), 2)
        add_columns(self.solver, price, np.zeros(2 * count), np.full(2 * count, INFINITY), matrix)

    def _add_choice(self, choice: Columns) -> None:
        instance = self.problem.instance
        first_sku = int(self.solver.getNumRow())
        skus, of = np.unique(choice.sku, return_inverse=True)
        column, node, period = candidate_uses(instance, choice)
        _, nodes, _, periods = instance.shape
        code, link = np.unique((choice.sku[column] * nodes + node) * periods + period, return_inverse=True)
        first_link = first_sku + len(skus)
        self._add_sku_and_link_rows(len(skus), code // periods % nodes, code % periods)
        row, of_column, use = self.problem.rows.entries(choice)
        self.first_pick = int(self.solver.getNumCol())
        matrix = sp.csc_matrix(
            (
                np.concatenate([-use, np.ones(len(choice)), np.ones(len(column))]),
                (
                    np.concatenate([self.first + row, first_sku + of.ravel(), first_link + link.ravel()]),
                    np.concatenate([of_column, np.arange(len(choice)), column]),
                ),
            ),
            (int(self.solver.getNumRow()), len(choice)),
        )
        cost = choice.cost if self.slack == self.first_pick else np.zeros(len(choice))
        add_columns(self.solver, cost, np.zeros(len(choice)), np.ones(len(choice)), matrix)
        self._keep_whole(self.first_pick + np.arange(len(choice)))

    def _add_sku_and_link_rows(self, skus: int, node: Ints, period: Ints) -> None:
        instance, width = self.problem.instance, int(self.solver.getNumCol())
        add_rows(self.solver, np.ones(skus), np.ones(skus), sp.csr_matrix((skus, width)))
        opens = np.array(
            [
                self.problem.compiled.column[("open", (instance.nodes[n], instance.periods[t]))]
                for n, t in zip(node, period, strict=True)
            ],
            dtype=np.int64,
        )
        matrix = sp.csr_matrix((-np.ones(len(opens)), (np.arange(len(opens)), opens)), (len(opens), width))
        add_rows(self.solver, np.full(len(opens), -INFINITY), np.zeros(len(opens)), matrix)

    def solve(self, seconds: float, gap: float, enough: float = -np.inf) -> None:
        """Run HiGHS until ``gap``, or a plan that costs no more than ``enough``; the other methods read the rest."""
        if np.isfinite(enough):
            checked(self.solver.setOptionValue("objective_target", enough - self.given_cost), "objective_target")
        for name, value in (
            ("time_limit", float(max(seconds, 0.1))),
            ("mip_rel_gap", float(gap)),
            ("mip_abs_gap", 1e-9),
        ):
            checked(self.solver.setOptionValue(name, value), name)
        checked(self.solver.run(), "run")

    @property
    def found(self) -> bool:
        """A feasible point is at hand (values are read only then)."""
        empty = self.solver.getModelStatus() == highspy.HighsModelStatus.kModelEmpty
        return empty or int(self.solver.getInfo().primal_solution_status) == highspy.kSolutionStatusFeasible

    @property
    def infeasible(self) -> bool:
        """HiGHS proved that there is no feasible point."""
        return self.solver.getModelStatus() in (
            highspy.HighsModelStatus.kInfeasible,
            highspy.HighsModelStatus.kUnboundedOrInfeasible,
        )

    @property
    def objective(self) -> float:
        """Cost of the plan found."""
        if self.solver.getModelStatus() == highspy.HighsModelStatus.kModelEmpty:
            return self.problem.compiled.offset + self.given_cost
        return float(self.solver.getInfo().objective_function_value) + self.given_cost

    def values(self) -> Floats:
        """Column values."""
        return np.array(self.solver.getSolution().col_value)

    def picks(self) -> Columns | None:
        """The chosen column of every SKU that had a choice."""
        if self.choice is None:
            return None
        value = self.values()[self.first_pick : self.first_pick + len(self.choice)]
        return self.choice.take(np.flatnonzero(value > 0.5))

    def slack_used(self) -> Floats:
        """(D,) slack per definition row of an elastic program."""
        used = self.values()[self.slack : self.slack + 2 * len(self.problem.rows)]
        return used[: len(self.problem.rows)] + used[len(self.problem.rows) :]

    def bound(self) -> float:
        """Lower bound on the whole plan's cost over these columns."""
        return float(self.solver.getInfo().mip_dual_bound) + self.given_cost


def complete(problem: Problem, picks: Columns | None, seconds: float = 60.0) -> Rounded | None:
    """The cheapest openings and surge for given picks; None if the limits cannot be kept with them."""
    program = IntegerProgram(problem, picks, None)
    program.solve(seconds, 1e-9)
    if not program.found:
        return None
    instance, values = problem.instance, program.values()
    return Rounded(
        cost=program.objective,
        stocked=_stocked(problem, picks),
        open=open_values(instance, problem.compiled, values) > 0.5,
        surge=_surge(problem, values),
        picks=picks if picks is not None else problem.catalogue.fixed,  # type: ignore[arg-type]
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
            out[at] = max(0.0, values[column])
    return np.where(out > 1e-9, out, 0.0)


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
    choice, given = _split(pool, value, reduced, goal.window, effort.columns)
    program = IntegerProgram(
        problem, pool.take(given) if len(given) else None, pool.take(choice) if len(choice) else None
    )
    fix_openings(program.solver, problem.instance, problem.compiled, goal.fixings)
    program.solve(min(goal.seconds, effort.seconds), goal.gap, goal.enough)
    if not program.found:
        return None
    chosen = program.picks()
    taken = pool.take(given)
    return complete(problem, taken if chosen is None else concatenate([taken, chosen]))


def _split(pool: Columns, value: Floats, reduced: Floats, window: float, most: int) -> tuple[Ints, Ints]:
    """Columns to choose among, and the columns given to the SKUs that are settled."""
    useful = np.flatnonzero((reduced <= window) | (value > 1e-9))
    order = useful[np.lexsort((reduced[useful], -value[useful]))]
    skus = pool.sku[order]
    _, first = np.unique(skus, return_index=True)
    leading = order[first]
    rest = np.setdiff1d(order, leading)
    undecided = np.zeros(int(pool.sku.max()) + 1, dtype=bool)
    undecided[pool.sku[leading[value[leading] < 1.0 - 1e-6]]] = True
    urgent = undecided[pool.sku[rest]]
    rest = rest[np.lexsort((reduced[rest], ~urgent))][:most]
    open_skus = np.union1d(pool.sku[rest], np.flatnonzero(undecided))
    in_play = np.isin(pool.sku[leading], open_skus)
    return np.sort(np.concatenate([leading[in_play], rest])), leading[~in_play]


def round_whole(problem: Problem, master: Master, reduced: Floats, goal: Goal) -> tuple[Rounded | None, float]:
    """Integer program over all pool columns within the window: a plan, and a bound over them (inf = none exists)."""
    pool = master.pool
    if pool is None:
        plan = complete(problem, None)
        return plan, np.inf if plan is None else plan.cost
    program = IntegerProgram(problem, None, pool.take(np.flatnonzero(reduced <= goal.window)))
    program.solve(goal.seconds, goal.gap)
    proved = np.inf if program.infeasible else program.bound()
    return (complete(problem, program.picks()) if program.found else None), proved
