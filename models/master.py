"""The master program in HiGHS: network rows, a definition row per usage variable, a row per SKU, pattern columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import highspy
import numpy as np
import scipy.sparse as sp

from .columns import Columns, Rows, concatenate
from .instance import Bools, Floats, Instance, Ints, summed
from .links import Link, Links
from .network import Compiled, Contradiction

INFINITY = highspy.kHighsInf
OPTIONS: dict[str, Any] = {"output_flag": False, "threads": 1, "parallel": "off"}  # of every solver of the process
DUAL, PRIMAL = 1, 4  # simplex strategies of HiGHS
FROM_SCRATCH = {"solver": "simplex", "simplex_strategy": DUAL}  # where a warm start ended in nothing

Fixings = dict[tuple[int, int], int]  # (node, period) -> open (1) or closed (0)


class SolverFailure(RuntimeError):
    """HiGHS reported an error or an answer that contradicts itself."""


def new_solver(seed: int = 0) -> Any:
    """A silent, single-threaded HiGHS with a fixed seed."""
    solver = highspy.Highs()
    for name, value in (*OPTIONS.items(), ("random_seed", int(seed))):
        checked(solver.setOptionValue(name, value), f"option {name}")
    return solver


def checked(status: Any, what: str) -> None:
    """Raise SolverFailure unless HiGHS accepted a call."""
    if status == highspy.HighsStatus.kError:
        raise SolverFailure(f"the solver refused: {what}")


def finite(numbers: Floats, what: str) -> Floats:
    """The numbers as they are. Raises SolverFailure where one is NaN or infinite."""
    if not np.isfinite(numbers).all():
        raise SolverFailure(f"{what} holds a number that is not finite")
    return numbers


def load(compiled: Compiled, solver: Any, cost: Floats | None = None) -> None:
    """Give the network program alone to HiGHS, as an LP."""
    lp = highspy.HighsLp()
    lp.num_col_, lp.num_row_ = len(compiled.cost), len(compiled.row_lower)
    lp.col_cost_ = compiled.cost if cost is None else cost
    lp.col_lower_, lp.col_upper_ = compiled.lower, compiled.upper
    lp.row_lower_, lp.row_upper_ = compiled.row_lower, compiled.row_upper
    lp.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
    lp.a_matrix_.start_, lp.a_matrix_.index_, lp.a_matrix_.value_ = compiled.start, compiled.index, compiled.value
    lp.offset_ = compiled.offset
    checked(solver.passModel(lp), "the network program")


def add_columns(solver: Any, cost: Floats, lower: Floats, upper: Floats, matrix: sp.csc_matrix) -> None:
    """Append columns given as a sparse matrix over the rows of the solver's program."""
    matrix.sum_duplicates()
    finite(matrix.data, "the column block")
    finite(cost, "the column cost")
    checked(
        solver.addCols(
            len(cost), cost, lower, upper, matrix.nnz,
            matrix.indptr[:-1].astype(np.int32), matrix.indices.astype(np.int32), matrix.data,
        ),
        "columns",
    )  # fmt: skip


def add_slack_columns(solver: Any, rows: Ints, sign: Floats, price: Floats) -> None:
    """Append a column per entry of ``rows``: coefficient ``sign`` there, cost ``price``, no upper bound."""
    count = len(rows)
    matrix = sp.csc_matrix((sign, (rows, np.arange(count))), (int(solver.getNumRow()), count))
    add_columns(solver, price, np.zeros(count), np.full(count, INFINITY), matrix)


def add_rows(solver: Any, lower: Floats, upper: Floats, matrix: sp.csr_matrix) -> None:
    """Append rows given as a sparse matrix over the columns of the solver's program."""
    matrix.sum_duplicates()
    checked(
        solver.addRows(
            len(lower), lower, upper, matrix.nnz,
            matrix.indptr[:-1].astype(np.int32), matrix.indices.astype(np.int32), finite(matrix.data, "the row block"),
        ),
        "rows",
    )  # fmt: skip


def fix_openings(solver: Any, instance: Instance, compiled: Compiled, fixings: Fixings) -> None:
    """Bounds of the opening columns: as fixed, else free."""
    for n in np.flatnonzero(instance.candidate).tolist():
        for t, period in enumerate(instance.periods):
            column = compiled.column.get(("open", (instance.nodes[n], period)))
            if column is not None:
                value = fixings.get((n, t))
                low, high = (0.0, 1.0) if value is None else (float(value), float(value))
                checked(solver.changeColBounds(column, low, high), "open")


def closed_nodes(instance: Instance, fixings: Fixings) -> Bools:
    """(N,T) where the fixings keep a node closed."""
    out = np.zeros(instance.available.shape, dtype=bool)
    for (n, t), value in fixings.items():
        out[n, t] = value == 0
    return out


def short_rows(compiled: Compiled) -> tuple[tuple[str, float], ...]:
    """Constraints of the network program that cannot all hold, and the least amounts by which they fail together."""
    solver = new_solver()
    load(compiled, solver, np.zeros(len(compiled.cost)))
    count = len(compiled.row_lower)
    side = np.where(np.isfinite(compiled.row_lower), compiled.row_lower, compiled.row_upper)
    price = 1.0 / np.maximum(1.0, np.abs(side))
    add_slack_columns(solver, np.tile(np.arange(count), 2), np.repeat([1.0, -1.0], count), np.tile(price, 2))
    checked(solver.run(), "run")
    if solver.getModelStatus() != highspy.HighsModelStatus.kOptimal:
        return ()
    slack = np.array(solver.getSolution().col_value)[len(compiled.cost) :]
    amount = slack[:count] + slack[count:]
    amount_of = amount * compiled.row_unit
    return tuple((compiled.constraints[row], float(amount_of[row])) for row in np.flatnonzero(amount > 1e-6))


@dataclass(frozen=True)
class Duals:
    """Rents of a solved master LP."""

    rent: Floats  # (D,) per definition row
    links: Floats  # (number of link rows,)
    group: Floats  # (number of groups,) of SKUs


class Master:
    """The restricted master LP. Columns are only ever appended; slack on definition and link rows bounds the rents.

    Each SKU has a row and picks one column; where there are very many, SKUs share a row in groups, and a column holds
    a pick for each SKU of its group. Rents and Lagrangian bound mean the same either way.
    """

    def __init__(
        self,
        instance: Instance,
        compiled: Compiled,
        rows: Rows,
        skus: Ints,
        fixed_use: Floats,
        seed: int,
        weight: Floats | None = None,
        group: Ints | None = None,
    ) -> None:
        self.group = np.arange(len(skus)) if group is None else group  # row of each SKU
        self.groups = int(self.group.max(initial=-1)) + 1
        self.weight = np.ones(len(skus)) if weight is None else weight  # how many SKUs each one stands for
        self.instance, self.compiled, self.rows, self.skus = instance, compiled, rows, skus
        self.position = np.full(len(instance.skus), -1)
        self.position[skus] = np.arange(len(skus))
        self.solver = new_solver(seed)
        load(compiled, self.solver)
        self.first_definition = len(compiled.row_lower)
        self.first_sku = self.first_definition + len(rows)
        self.first_link = self.first_sku + self.groups
        add_rows(self.solver, fixed_use, fixed_use, rows.definitions(len(compiled.cost)))
        ones = np.ones(self.groups)
        add_rows(self.solver, ones, ones, sp.csr_matrix((self.groups, len(compiled.cost))))
        self.chunks: list[Columns] = []  # picks, as they were added
        self.pool_column = np.zeros(0, dtype=np.int64)  # solver column of each pick
        self.known: set[tuple[int, bytes]] = set()
        per_sku = np.ones(len(instance.skus))
        per_sku[skus] = self.weight
        self.links = Links(instance, per_sku)
        self.rows_are_new = True  # new rows leave the last basis dual feasible, new columns leave it primal feasible
        self.slack = np.zeros(0, dtype=np.int64)
        self.slack_row = np.zeros(0, dtype=np.int64)

    @property
    def width(self) -> int:
        """Columns in the solver."""
        return int(self.solver.getNumCol())

    @property
    def height(self) -> int:
        """Rows in the solver."""
        return int(self.solver.getNumRow())

    def add_slack(self, price: Floats) -> None:
        """Two slack columns per definition row at ``price`` (D,) money per unit."""
        rows = self.first_definition + np.arange(len(price))
        self._append_slack(np.tile(rows, 2), np.repeat([1.0, -1.0], len(price)), np.tile(price, 2))

    def _append_slack(self, rows: Ints, sign: Floats, price: Floats) -> None:
        self.slack = np.append(self.slack, self.width + np.arange(len(rows)))
        self.slack_row = np.append(self.slack_row, rows)
        add_slack_columns(self.solver, rows, sign, price)

    @property
    def pool(self) -> Columns | None:
        """Every pick there is a column for."""
        if len(self.chunks) > 1:
            self.chunks = [concatenate(self.chunks)]
        return self.chunks[0] if self.chunks else None

    def add(self, columns: Columns) -> int:
        """Append the columns that these picks make, of whole groups each, where not there yet; returns their number."""
        groups = self.group[self.position[columns.sku]]
        order = np.argsort(groups, kind="stable")
        starts = np.flatnonzero(np.diff(groups[order], prepend=-1))
        flat = columns.path[order].reshape(len(columns), -1)
        fresh = []
        for start, end in zip(starts.tolist(), [*starts[1:].tolist(), len(order)], strict=True):
            key = (int(groups[order[start]]), flat[start:end].tobytes())
            if key not in self.known:
                self.known.add(key)
                fresh.append(order[start:end])
        if fresh:
            self._append(columns.take(np.concatenate(fresh)), np.repeat(np.arange(len(fresh)), [len(x) for x in fresh]))
        return len(fresh)

    def _append(self, picks: Columns, of_pick: Ints) -> None:
        """Columns of the master out of picks; ``of_pick`` (P,) says which."""
        count, at = int(of_pick[-1]) + 1, self.width
        add_columns(
            self.solver,
            summed(of_pick, self.weight[self.position[picks.sku]] * picks.cost, count),
            np.zeros(count),
            np.full(count, INFINITY),
            self._matrix(picks, of_pick, count),
        )
        self.chunks.append(picks)
        self.pool_column = np.append(self.pool_column, at + of_pick)

    def _matrix(self, picks: Columns, of_pick: Ints, count: int) -> sp.csc_matrix:
        row, pick, use = self.rows.entries(picks)
        link_row, link_pick, link_weight = self.links.entries(picks)
        of_sku = self.position[picks.sku]
        use = self.weight[of_sku[pick]] * use
        group = np.zeros(count, dtype=np.int64)
        group[of_pick] = self.group[of_sku]
        rows = [self.first_definition + row, self.first_sku + group, self.first_link + link_row]
        return sp.csc_matrix(
            (
                np.concatenate([-use, np.ones(count), link_weight]),
                (np.concatenate(rows), np.concatenate([of_pick[pick], np.arange(count), of_pick[link_pick]])),
            ),
            (self.height, count),
        )

    def add_links(self, links: list[Link], price: float) -> None:
        """Rows for more opening links, with slack at ``price``."""
        pool, since, first = self.pool, len(self.links), self.height
        assert pool is not None
        self.links.append(links)
        link, pick, weight = self.links.entries(pool, since)
        opens = [
            self.compiled.column.get(("open", (self.instance.nodes[x.node], self.instance.periods[x.period])), -1)
            for x in links
        ]
        has_open = np.flatnonzero(np.array(opens) >= 0)
        matrix = sp.csr_matrix(
            (
                np.concatenate([weight, -np.ones(len(has_open))]),
                (
                    np.concatenate([link - since, has_open]),
                    np.concatenate([self.pool_column[pick], np.array(opens)[has_open]]),
                ),
            ),
            (len(links), self.width),
        )
        add_rows(self.solver, np.full(len(links), -INFINITY), np.zeros(len(links)), matrix)
        self.rows_are_new = True
        self._append_slack(first + np.arange(len(links)), -np.ones(len(links)), np.full(len(links), price))

    def solve(self, seconds: float, central: bool) -> bool:
        """Solve the LP, to a vertex or to the centre of its optimal face; False when the time ran out.

        Central rents come from the interior point method without crossover (Gondzio, Gonzalez-Brevis & Munari 2013).
        Raises SolverFailure, Contradiction.
        """
        methods: list[dict[str, Any]] = [{"solver": "ipm", "run_crossover": "off"}] if central else []
        methods.append({"solver": "simplex", "simplex_strategy": DUAL if self.rows_are_new else PRIMAL})
        for method in [*methods, FROM_SCRATCH]:
            status = self._run(method, seconds)
            if status == highspy.HighsModelStatus.kTimeLimit:
                return False
            if status == highspy.HighsModelStatus.kInfeasible:
                raise Contradiction(short_rows(self.compiled))
            if status in (highspy.HighsModelStatus.kOptimal, highspy.HighsModelStatus.kModelEmpty):
                self.rows_are_new = False
                return True
        raise SolverFailure(f"master program: {self.solver.modelStatusToString(status)}")

    def _run(self, method: dict[str, Any], seconds: float) -> Any:
        """Run HiGHS by a method; returns the model's status."""
        if method is FROM_SCRATCH:
            checked(self.solver.clearSolver(), "a fresh start")
        for name, value in method.items():
            checked(self.solver.setOptionValue(name, value), name)
        checked(self.solver.setOptionValue("time_limit", self.solver.getRunTime() + max(seconds, 0.01)), "time limit")
        checked(self.solver.run(), "run")
        return self.solver.getModelStatus()

    def duals(self) -> Duals:
        """Rents of the last solve."""
        dual = np.array(self.solver.getSolution().row_dual)
        return Duals(
            rent=dual[self.first_definition : self.first_sku],
            links=np.maximum(0.0, -dual[self.first_link :]),
            group=dual[self.first_sku : self.first_link],
        )

    def values(self) -> Floats:
        """Column values of the last solve."""
        return np.array(self.solver.getSolution().col_value)

    def objective(self) -> float:
        """Objective of the last solve."""
        if self.solver.getModelStatus() == highspy.HighsModelStatus.kModelEmpty:
            return self.compiled.offset
        return float(self.solver.getInfo().objective_function_value)

    def slack_used(self) -> Floats:
        """Values of the slack columns in the last solve."""
        return self.values()[self.slack]

    def restrict(self, fixings: Fixings) -> None:
        """Fix openings; columns that use a closed node are barred."""
        fix_openings(self.solver, self.instance, self.compiled, fixings)
        if self.pool is None:
            return
        closed = closed_nodes(self.instance, fixings)
        barred = self.pool_column[self.pool.column[closed[self.pool.node, self.pool.period]]]
        columns = np.unique(self.pool_column).astype(np.int32)
        upper = np.where(np.isin(columns, barred), 0.0, INFINITY)
        checked(self.solver.changeColsBounds(len(columns), columns, np.zeros(len(columns)), upper), "barred columns")

    def set_slack_price(self, definition: Floats, link: float) -> None:
        """New prices of the slack on definition rows (D,) and on link rows."""
        costs = np.full(len(self.slack), link)
        costs[: 2 * len(definition)] = np.tile(definition, 2)
        self.solver.changeColsCost(len(self.slack), self.slack.astype(np.int32), costs)
