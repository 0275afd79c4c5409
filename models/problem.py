"""One instance compiled: what bound and rounding both need to know of it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from .batches import Batch
from .catalogue import Catalogue
from .columns import Columns, Rows
from .instance import Floats, Instance, Ints, summed
from .network import Compiled


@dataclass(frozen=True)
class Problem:
    """One instance compiled: what bound and rounding both need."""

    instance: Instance
    compiled: Compiled
    rows: Rows
    catalogue: Catalogue
    most: Floats  # (D,) no plan uses more
    seed: int

    @cached_property
    def fixed_cost(self) -> float:
        """Cost of the SKUs that have no choice."""
        fixed = self.catalogue.fixed
        return 0.0 if fixed is None else float(fixed.cost.sum())

    @cached_property
    def fixed_use(self) -> Floats:
        """(D,) their use per definition row, in the unit of the rows."""
        return self.catalogue.fixed_use()

    @cached_property
    def cost_most(self) -> float:
        """No plan costs more: every SKU its dearest sets and changes, every node open, every soft limit missed whole.

        Infinite where a variable that costs money has no end.
        """
        skus = sum(float(_extreme(self.instance, batch).period_cost.sum()) for batch in self.catalogue.batches)
        return self.fixed_cost + skus + _network_most(self)

    @property
    def openings(self) -> list[tuple[int, int]]:
        """(node, period) of every opening that is to be decided."""
        nodes, periods = self.instance.nodes, self.instance.periods
        return [
            (n, t)
            for n in np.flatnonzero(self.instance.candidate).tolist()
            for t in range(len(periods))
            if ("open", (nodes[n], periods[t])) in self.compiled.column
        ]


def usage_most(catalogue: Catalogue) -> Floats:
    """(D,) an upper bound on each usage variable: every SKU uses the most it ever could."""
    instance, rows = catalogue.instance, catalogue.rows
    most = catalogue.fixed_use()
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
    return np.where(regional, shipped / rows.unit, most) * (1.0 + 1e-9)


def _network_most(problem: Problem) -> float:
    """The most the network program alone could cost."""
    instance, compiled, usage = problem.instance, problem.compiled, problem.rows.network_column
    upper = compiled.upper.copy()
    upper[usage] = np.minimum(upper[usage], problem.most)
    for (name, index), column in compiled.column.items():
        if name == "surge":
            most = instance.surge_m3[instance.nodes.index(index[0])] / compiled.unit[column]
            upper[column] = min(upper[column], most)
    value, row = np.abs(compiled.value), np.repeat(np.arange(len(compiled.row_lower)), np.diff(compiled.start))
    sides = [np.where(np.isfinite(side), np.abs(side), 0.0) for side in (compiled.row_lower, compiled.row_upper)]
    finite = np.isfinite(upper[compiled.index])
    reach = np.maximum(*sides) + summed(row[finite], (value * upper[compiled.index])[finite], len(compiled.row_lower))
    for at in np.flatnonzero(~finite & (value > 0)):
        if compiled.names[compiled.index[at]][0] == "excess":
            upper[compiled.index[at]] = reach[row[at]] / value[at]
    paid = compiled.cost > 0
    return compiled.offset + float(compiled.cost[paid] @ upper[paid])


def _extreme(instance: Instance, batch: Batch) -> Columns:
    """A column per SKU that uses, at every node and period, the most of any set."""
    cells, count = batch.family.cells, len(batch.skus)
    periods, nodes = len(instance.periods), len(instance.nodes)
    flow, average, peak = (np.zeros((periods, nodes, count)) for _ in range(3))
    for n in np.unique(cells.node[:-1]):
        of = np.flatnonzero(cells.node[:-1] == n)
        for out, values in ((flow, batch.flow), (average, batch.average), (peak, batch.peak)):
            out[:, n] = values[:, of].max(axis=1)
    t, n, column = (x.ravel() for x in np.indices(flow.shape))
    finite = np.where(np.isfinite(batch.cost), np.abs(batch.cost), 0.0).max(axis=1).T
    change = (instance.change_cost_in + instance.change_cost_out) * nodes
    change = change + instance.leaving[batch.skus].sum(axis=1)[:, None]
    held = average[0].sum(axis=0)
    wanted = instance.days[0] * instance.mean[batch.skus, :, 0].sum(axis=1) + held
    return Columns(
        sku=batch.skus,
        path=np.zeros((count, periods, 0), dtype=np.uint8),
        cost=finite.sum(axis=1),
        period_cost=finite + change,
        purchases=instance.unit_cost[batch.skus] * wanted,
        changed=np.ones((count, nodes)),
        by_lane=(np.zeros((count, 0, periods), dtype=np.int64), np.zeros((count, 0, periods))),
        column=column,
        period=t,
        node=n,
        stocked=np.ones(len(t)),
        flow=flow.ravel(),
        average=average.ravel(),
        peak=peak.ravel(),
    )


def candidate_uses(instance: Instance, columns: Columns) -> tuple[Ints, Ints, Ints]:
    """(column, node, period) wherever a column stocks at, or passes through, a candidate node."""
    on = np.flatnonzero(instance.candidate[columns.node])
    return columns.column[on], columns.node[on], columns.period[on]


def open_values(instance: Instance, compiled: Compiled, values: Floats) -> Floats:
    """(N,T) value of open; 1 where a node is open anyway, 0 where it is not available."""
    out = (instance.available & ~instance.candidate[:, None]).astype(float)
    for n in np.flatnonzero(instance.candidate):
        for t, period in enumerate(instance.periods):
            column = compiled.column.get(("open", (instance.nodes[n], period)))
            if column is not None:
                out[n, t] = values[column]
    return out
