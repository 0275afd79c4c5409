"""What the network program contributes to the Lagrangian bound."""

from __future__ import annotations

import highspy
import numpy as np
import scipy.sparse as sp

from .columns import Rows
from .instance import Floats, Instance
from .master import checked, load, new_solver
from .network import Compiled


class NetworkBound:
    """The network's part of the Lagrangian bound: min of cost - rents x usage - link rents x open over its program."""

    def __init__(self, instance: Instance, compiled: Compiled, rows: Rows, usage_most: Floats, seed: int):
        self.instance, self.compiled, self.rows = instance, compiled, rows
        self.solver = new_solver(seed)
        load(compiled, self.solver)
        columns = rows.network_column.astype(np.int32)
        upper = np.minimum(compiled.upper[columns], usage_most)
        checked(self.solver.changeColsBounds(len(columns), columns, compiled.lower[columns], upper), "usage bounds")
        self._bound_surge()
        self.open_column = np.full((len(instance.nodes), len(instance.periods)), -1)
        for n, node in enumerate(instance.nodes):
            for t, period in enumerate(instance.periods):
                self.open_column[n, t] = compiled.column.get(("open", (node, period)), -1)
        shape = (len(compiled.row_lower), len(compiled.cost))
        self.matrix = sp.csr_matrix((compiled.value, compiled.index, compiled.start), shape).tocsc()
        endless = ~np.isfinite(np.array(self.solver.getLp().col_upper_))
        self.single = np.flatnonzero((np.diff(self.matrix.indptr) == 1) & endless)

    def _bound_surge(self) -> None:
        """Surge is at most the node's: its row says so, its column needs to for a bound out of the duals."""
        for (name, index), column in self.compiled.column.items():
            if name == "surge":
                most = self.instance.surge_m3[self.instance.nodes.index(index[0])] / self.compiled.unit[column]
                most = min(float(most), float(self.compiled.upper[column]))
                checked(self.solver.changeColBounds(column, float(self.compiled.lower[column]), most), "surge")

    def value(self, rent: Floats, links: Floats | None) -> float:
        """The minimum at rents (D,) and link rents (K,N,T); -inf where the program has none."""
        costs = self.compiled.cost.copy()
        costs[self.rows.network_column] -= rent
        if links is not None:
            by_node = links.sum(axis=0)
            np.subtract.at(costs, self.open_column[self.open_column >= 0], by_node[self.open_column >= 0])
        every = np.arange(len(costs), dtype=np.int32)
        checked(self.solver.changeColsCost(len(costs), every, costs), "costs")
        checked(self.solver.run(), "run")
        status = self.solver.getModelStatus()
        if status == highspy.HighsModelStatus.kModelEmpty:
            return self.compiled.offset
        if status != highspy.HighsModelStatus.kOptimal:
            return -np.inf
        found = float(self.solver.getInfo().objective_function_value)
        proved = self._from_duals(costs)
        return min(found, proved) if np.isfinite(proved) else found

    def _from_duals(self, costs: Floats) -> float:
        """A lower bound whatever the solver's tolerances: weak duality at its duals, exact but for rounding.

        ``sum_i y_i (side of row i) + sum_j d_j (bound of column j)`` with ``d = c - A'y`` holds for every y (Neumaier &
        Shcherbina 2004, Safe bounds in linear and mixed-integer linear programming). -inf where a column without end
        has a reduced cost below zero that no change of its only row's dual mends.
        """
        program = self.solver.getLp()
        dual = np.array(self.solver.getSolution().row_dual)
        dual = np.minimum(dual, np.where(np.isfinite(self.compiled.row_lower), np.inf, 0.0))
        dual = np.maximum(dual, np.where(np.isfinite(self.compiled.row_upper), -np.inf, 0.0))
        row = self.matrix.indices[self.matrix.indptr[self.single]]
        value = self.matrix.data[self.matrix.indptr[self.single]]
        limit = costs[self.single] / value
        dual[row] = np.where(value > 0, np.minimum(dual[row], limit), np.maximum(dual[row], limit))
        left = costs - self.matrix.T @ dual
        left[self.single] = np.maximum(left[self.single], 0.0)  # zero but for rounding
        sides = _least(dual, self.compiled.row_lower, self.compiled.row_upper)
        bounds = _least(left, np.array(program.col_lower_), np.array(program.col_upper_))
        return float(sides.sum() + bounds.sum()) + self.compiled.offset


def _least(factor: Floats, lower: Floats, upper: Floats) -> Floats:
    """The least of factor x over lower <= x <= upper; nothing at all for a factor of zero."""
    side = np.where(factor > 0, lower, upper)
    return np.where(factor == 0, 0.0, factor * np.where(factor == 0, 0.0, side))
