"""What the network program contributes to the Lagrangian bound."""

from __future__ import annotations

import highspy
import numpy as np

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
        self.open_column = np.full((len(instance.nodes), len(instance.periods)), -1)
        for n, node in enumerate(instance.nodes):
            for t, period in enumerate(instance.periods):
                self.open_column[n, t] = compiled.column.get(("open", (node, period)), -1)

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
        return float(self.solver.getInfo().objective_function_value)
