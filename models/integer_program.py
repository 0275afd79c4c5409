"""A restricted integer program: openings whole, some patterns given, a choice among columns for the other SKUs."""

from __future__ import annotations

from typing import Any

import highspy
import numpy as np
import scipy.sparse as sp

from .columns import Columns
from .instance import Bools, Floats, Ints
from .master import INFINITY, Fixings, add_columns, add_rows, add_slack_columns, checked, fix_openings, load, new_solver
from .problem import Problem, candidate_uses


class Meter:
    """Ends a run of HiGHS after so many looks at its limits: as much work on a busy machine as on an idle one."""

    def __init__(self, most: int) -> None:
        self.left = most
        self.fault: BaseException | None = None

    def run(self, solver: Any) -> None:
        """Run the solver. Raises SolverFailure, KeyboardInterrupt."""
        kind = highspy.cb.HighsCallbackType.kCallbackMipInterrupt
        checked(solver.setCallback(self._look, None), "the meter")
        checked(solver.startCallback(kind), "the meter")
        checked(solver.run(), "run")
        checked(solver.stopCallback(kind), "the meter")
        if self.fault is not None:
            raise self.fault

    def _look(self, kind: Any, message: str, out: Any, answer: Any, data: Any) -> None:
        try:
            self.left -= 1
            answer.user_interrupt = self.left <= 0 or self.fault is not None
        except BaseException as fault:  # Ctrl-C: nothing may be raised through the solver
            self.fault = fault
            answer.user_interrupt = True


class IntegerProgram:
    """Network program with whole openings, given picks, and a choice among columns for the other SKUs."""

    def __init__(
        self,
        problem: Problem,
        given: Columns | None,
        choice: Columns | None,
        fixings: Fixings | None = None,
        elastic: bool = False,
    ) -> None:
        self.problem, self.choice = problem, choice
        instance, compiled, rows = problem.instance, problem.compiled, problem.rows
        self.solver = new_solver(problem.seed)
        load(compiled, self.solver)
        self._keep_whole(compiled.integer)
        use = problem.fixed_use + (0.0 if given is None else problem.catalogue.use(given))
        self.first = len(compiled.row_lower)
        add_rows(self.solver, use, use, rows.definitions(len(compiled.cost)))
        self.given_cost = problem.fixed_cost + (0.0 if given is None else float(given.cost.sum()))
        fix_openings(self.solver, instance, compiled, fixings or {})
        for columns in (problem.catalogue.fixed, given):
            if columns is not None:
                _, node, period = candidate_uses(instance, columns)
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
        used = np.zeros(instance.available.shape, dtype=bool)
        used[node, period] = True
        for n, t in np.argwhere(used).tolist():
            column = self.problem.compiled.column[("open", (instance.nodes[n], instance.periods[t]))]
            checked(self.solver.changeColBounds(column, 1.0, 1.0), "open")

    def _add_slack(self, use: Floats) -> None:
        """Slack at a price of one per share of today's use: the objective becomes the relief alone."""
        zeros = np.zeros(len(self.problem.compiled.cost))
        every = np.arange(len(zeros), dtype=np.int32)
        self.solver.changeColsCost(len(zeros), every, zeros)
        rows = self.first + np.arange(len(use))
        price = 1.0 / np.maximum(use, 1e-3 * max(use.max(initial=0.0), 1.0))
        add_slack_columns(self.solver, np.tile(rows, 2), np.repeat([1.0, -1.0], len(use)), np.tile(price, 2))

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

    def begin_with(self, picks: Columns | None, opened: Bools) -> None:
        """Hand HiGHS a plan to begin with, if all its picks are among the choice; ``opened`` is (N,T)."""
        instance, choice = self.problem.instance, self.choice
        if choice is None or picks is None:
            return
        number = {(int(k), path.tobytes()): i for i, (k, path) in enumerate(zip(choice.sku, choice.path, strict=True))}
        chosen = [number.get((int(k), path.tobytes()), -1) for k, path in zip(picks.sku, picks.path, strict=True)]
        if min(chosen) < 0:
            return
        value = np.zeros(len(choice))
        value[chosen] = 1.0
        opens = [
            (column, float(opened[instance.nodes.index(index[0]), instance.periods.index(index[1])]))
            for (name, index), column in self.problem.compiled.column.items()
            if name == "open"
        ]
        index = np.append([column for column, _ in opens], self.first_pick + np.arange(len(choice))).astype(np.int32)
        start = np.append([is_open for _, is_open in opens], value)
        checked(self.solver.setSolution(len(index), index, start), "a plan to begin with")

    def solve(self, seconds: float, gap: float, enough: float = -np.inf, checks: int | None = None) -> None:
        """Run HiGHS until ``gap``, or a plan that costs no more than ``enough``; the other methods read the rest.

        ``checks`` limits the work, alike on every machine: the times HiGHS looks at its limits. ``seconds`` is the
        time there is, and should not be what ends the run.
        """
        if np.isfinite(enough):
            checked(self.solver.setOptionValue("objective_target", enough - self.given_cost), "objective_target")
        for name, value in (
            ("time_limit", float(max(seconds, 0.1))),
            ("mip_rel_gap", float(gap)),
            ("mip_abs_gap", 1e-9),
        ):
            checked(self.solver.setOptionValue(name, value), name)
        if checks is None:
            checked(self.solver.run(), "run")
        else:
            Meter(checks).run(self.solver)

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
        """(D,) slack per definition row of an elastic program, as `named_relief` takes it."""
        used = self.values()[self.slack : self.slack + 2 * len(self.problem.rows)]
        return used[: len(self.problem.rows)] - used[len(self.problem.rows) :]

    def bound(self) -> float:
        """Lower bound on the whole plan's cost over these columns."""
        return float(self.solver.getInfo().mip_dual_bound) + self.given_cost
