"""Patterns as columns: what a path of sets costs, and what it uses of every usage variable of the network program."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from . import pricing
from .batches import Batch
from .instance import TEMPERATURES, Floats, Instance, Ints, summed
from .network import USAGE, Compiled
from .patterns import Family


@dataclass(frozen=True)
class Columns:
    """P paths with their cost, and one *use* entry per path, period and node with flow."""

    sku: Ints  # (P,)
    path: NDArray[np.uint8]  # (P,T,bytes) the set of each period as packed bits, one per node
    cost: Floats  # (P,) money over the horizon, change costs included
    period_cost: Floats  # (P,T)
    purchases: Floats  # (P,) money in the first period
    changed: Floats  # (P,N) 1 where the first period's set is not the placement in force
    by_lane: tuple[Ints, Floats]  # (P,R,T) primary lane, -1 none; and the units/day over it
    column: Ints  # (E,) which path
    period: Ints  # (E,)
    node: Ints  # (E,)
    stocked: Floats  # (E,) 1 if held, 0 if passed on
    flow: Floats  # (E,) units/day
    average: Floats  # (E,) units on the shelf, mean over time
    peak: Floats  # (E,) units on the shelf after a delivery

    def __len__(self) -> int:
        return len(self.sku)

    def take(self, chosen: Ints) -> Columns:
        """The columns with these positions, in this order."""
        new = np.full(len(self), -1)
        new[chosen] = np.arange(len(chosen))
        keep = np.flatnonzero(new[self.column] >= 0)
        entries = {f: getattr(self, f)[keep] for f in ("period", "node", "stocked", "flow", "average", "peak")}
        heads = {f: getattr(self, f)[chosen] for f in ("sku", "path", "cost", "period_cost", "purchases", "changed")}
        lanes, units = self.by_lane
        return Columns(**heads, by_lane=(lanes[chosen], units[chosen]), column=new[self.column[keep]], **entries)


def concatenate(parts: Iterable[Columns]) -> Columns:
    """All columns in one."""
    parts = list(parts)
    offsets = np.cumsum([0] + [len(p) for p in parts[:-1]])
    joined = {
        f.name: np.concatenate([getattr(p, f.name) for p in parts])
        for f in fields(Columns)
        if f.name not in ("by_lane", "column")
    }
    lanes = tuple(np.concatenate([p.by_lane[i] for p in parts]) for i in (0, 1))
    column = np.concatenate([p.column + at for p, at in zip(parts, offsets, strict=True)])
    return Columns(**joined, by_lane=(lanes[0], lanes[1]), column=column)


def make(instance: Instance, batch: Batch, local: Ints, path: Ints, lanes_matter: bool) -> Columns:
    """Columns of the paths (P,T) of set indices for the SKUs at positions ``local`` (P,) of a batch."""
    family, skus = batch.family, batch.skus[local]
    periods = len(instance.periods)
    cost = np.stack([batch.cost[t][path[:, t], local] for t in range(periods)], axis=1).astype(float)
    cost = cost + _changes(instance, family, skus, path)
    column, period, cell = [], [], []
    for t in range(periods):
        cells = family.set_cells[path[:, t]]
        at, slot = np.nonzero(cells < len(family.cells.node) - 1)
        column.append(at)
        period.append(np.full(len(at), t))
        cell.append(cells[at, slot])
    at, t_of, c = (np.concatenate(x) for x in (column, period, cell))
    flow, average, peak = (x[t_of, c, local[at]].astype(float) for x in (batch.flow, batch.average, batch.peak))
    first = t_of == 0
    held = summed(at[first], average[first], len(local))
    return Columns(
        sku=skus,
        path=np.packbits(family.sets[path], axis=2),
        cost=cost.sum(axis=1),
        period_cost=cost,
        purchases=pricing.purchases(instance, skus, held),
        changed=_changed(instance, family, skus, path),
        by_lane=_by_lane(instance, family, skus, path, lanes_matter),
        column=at,
        period=t_of,
        node=family.cells.node[c],
        stocked=family.cells.stocked[c].astype(float),
        flow=flow,
        average=average,
        peak=peak,
    )


def _changes(instance: Instance, family: Family, skus: Ints, path: Ints) -> Floats:
    """(P,T) change cost at the start of each period."""
    sets = family.sets[path]
    before = np.concatenate([sets[:, :1], sets[:, :-1]], axis=1)
    if instance.in_force is not None:
        before[:, 0] = instance.in_force[skus]
    added, dropped = (sets & ~before).sum(axis=2), (before & ~sets).sum(axis=2)
    cost = added * instance.change_cost_in + dropped * instance.change_cost_out
    if instance.in_force is not None:
        cost[:, 0] = added[:, 0] * instance.change_cost_in + (instance.leaving[skus] * ~sets[:, 0]).sum(axis=1)
    return cost


def _changed(instance: Instance, family: Family, skus: Ints, path: Ints) -> Floats:
    if instance.in_force is None:
        return np.zeros((len(skus), len(instance.nodes)))
    return (family.sets[path[:, 0]] != instance.in_force[skus]).astype(float)


def _by_lane(instance: Instance, family: Family, skus: Ints, path: Ints, lanes_matter: bool) -> tuple[Ints, Floats]:
    if not lanes_matter:
        empty = (len(skus), 0, len(instance.periods))
        return np.zeros(empty, dtype=np.int64), np.zeros(empty)
    lanes = np.swapaxes(family.primary[path], 1, 2)
    return lanes, np.where(lanes >= 0, instance.mean[skus], 0.0)


def _at(names: tuple[str, ...], name: str, what: str) -> int:
    """Position of a name. Raises KeyError that says which name is unknown."""
    if name not in names:
        raise KeyError(f'a constraint speaks of {what} "{name}", which the case does not have')
    return names.index(name)


class Rows:
    """Where each usage variable of the compiled network stands, and the entries of columns in those rows.

    A definition row reads ``usage - sum use x column = use of the SKUs that have no choice``.
    """

    def __init__(self, instance: Instance, compiled: Compiled) -> None:
        self.instance = instance
        keys = [(name, j) for j, name in enumerate(compiled.names) if name[0] in USAGE]
        self.network_column = np.array([j for _, j in keys], dtype=np.int64)
        self.keys = [name for name, _ in keys]
        _, nodes, _, periods = instance.shape
        self.room = np.full((nodes, len(TEMPERATURES), periods), -1)
        self.by_node = {f: np.full((nodes, periods), -1) for f in ("value", "units", "units_per_day", "skus")}
        self.lane = np.full((len(instance.lane_node), periods), -1)
        self.limit = np.full((len(instance.limits), periods), -1)
        self.stocked: dict[tuple[int, int, int], int] = {}
        for row, key in enumerate(self.keys):
            self._place(row, *key)
        self.unit = np.ones(len(self.keys))  # (D,) use that one of a usage variable stands for
        regional = any(pricing.lane_coefficients(instance, limit) is not None for limit in instance.limits)
        self.lanes_matter = bool(regional or (self.lane >= 0).any())

    def __len__(self) -> int:
        return len(self.keys)

    def _place(self, row: int, name: str, index: tuple[Any, ...]) -> None:
        case = self.instance
        if name == "limit_use":
            self.limit[index] = row
        elif name == "lane_parcels":
            self.lane[index[0], _at(case.periods, index[1], "period")] = row
        elif name == "volume":
            node, temperature, period = index
            of_room = _at(case.nodes, node, "node"), TEMPERATURES.index(temperature)
            self.room[(*of_room, _at(case.periods, period, "period"))] = row
        elif name == "stocked":
            sku, node, period = index
            of_sku = _at(case.skus, sku, "SKU"), _at(case.nodes, node, "node")
            self.stocked[(*of_sku, _at(case.periods, period, "period"))] = row
        else:
            self.by_node[name][_at(case.nodes, index[0], "node"), _at(case.periods, index[1], "period")] = row

    def count_in(self, unit: Floats) -> None:
        """From now on uses are counted, and rents are given, per ``unit`` (D,) of use."""
        self.unit = unit

    def definitions(self, width: int) -> sp.csr_matrix:
        """(D,width) one 1 per row, at the usage variable it defines: the left sides before any column is added."""
        every = np.arange(len(self))
        return sp.csr_matrix((np.ones(len(self)), (every, self.network_column)), (len(self), width))

    def prices(self, rent: Floats, links: Floats | None) -> pricing.Prices:
        """Rents per definition row (D,) and link rents (K,N,T) as the pricing takes them."""
        rent = rent / self.unit
        padded = np.append(rent, 0.0)
        stocked = None
        if self.stocked:
            stocked = np.zeros((len(self.instance.skus), len(self.instance.nodes), len(self.instance.periods)))
            for key, row in self.stocked.items():
                stocked[key] = rent[row]
        return pricing.Prices(
            room=padded[self.room],
            value=padded[self.by_node["value"]],
            units=padded[self.by_node["units"]],
            flow=padded[self.by_node["units_per_day"]],
            slots=padded[self.by_node["skus"]],
            lane=padded[self.lane],
            stocked=stocked,
            used=links,
            limits=padded[self._spread_limits()],
        )

    def _spread_limits(self) -> Ints:
        """(limits, T) rows; a limit on cost has one row that counts in all its periods."""
        rows = self.limit.copy()
        for i, limit in enumerate(self.instance.limits):
            if limit.measure == "cost":
                rows[i] = np.where(limit.periods, rows[i].max(initial=-1), -1)
        return rows

    def entries(self, columns: Columns) -> tuple[Ints, Ints, Floats]:
        """(row, column, use) of all columns in the definition rows; rows may repeat."""
        parts = [part for part in self._entries(columns) if len(part[0])]
        if not parts:
            return np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0)
        row, column, use = (np.concatenate(x) for x in zip(*parts, strict=True))
        keep = (row >= 0) & (use != 0.0)
        row = row[keep]
        return row, column[keep], use[keep] / self.unit[row]

    def _entries(self, columns: Columns) -> Iterator[tuple[Ints, Ints, Floats]]:
        case = self.instance
        k, n, t = columns.sku[columns.column], columns.node, columns.period
        uses = {
            "volume_m3": case.volume_m3[k] * columns.peak,
            "value": case.unit_cost[k] * columns.average,
            "units": columns.average,
            "units_per_day": columns.flow,
            "skus": columns.stocked,
        }
        yield self.room[n, case.temperature[k], t], columns.column, uses["volume_m3"]
        for measure, rows in self.by_node.items():
            yield rows[n, t], columns.column, uses[measure]
        for i, limit in enumerate(case.limits):
            if limit.measure in uses and limit.regions is None:
                masked = limit.skus[k] & limit.nodes[n]
                yield np.where(masked, self.limit[i, t], -1), columns.column, uses[limit.measure]
            elif limit.measure == "change_value" and case.in_force is not None:
                new = limit.skus[k] & limit.nodes[n] & (t == 0) & ~case.in_force[k, n]
                yield np.where(new, self.limit[i, 0], -1), columns.column, uses["value"]
        yield from self._stocked_entries(columns, k)
        yield from self._whole_entries(columns)
        if self.lanes_matter:
            yield from self._lane_entries(columns)

    def _stocked_entries(self, columns: Columns, k: Ints) -> Iterator[tuple[Ints, Ints, Floats]]:
        if self.stocked:
            row = np.array(
                [
                    self.stocked.get(key, -1)
                    for key in zip(k.tolist(), columns.node.tolist(), columns.period.tolist(), strict=True)
                ]
            )
            yield row, columns.column, columns.stocked

    def _whole_entries(self, columns: Columns) -> Iterator[tuple[Ints, Ints, Floats]]:
        """Limits on cost, on purchases and on changes; of the value of changes, what is left."""
        every = np.arange(len(columns))
        for i, limit in enumerate(self.instance.limits):
            row = int(self.limit[i].max(initial=-1))
            counted = np.where(limit.skus[columns.sku], row, -1)
            if limit.measure == "cost":
                yield counted, every, columns.period_cost[:, limit.periods].sum(axis=1)
            elif limit.measure == "purchases":
                yield counted, every, columns.purchases
            elif limit.measure == "changes":
                yield counted, every, columns.changed @ limit.nodes.astype(float)
            elif limit.measure == "change_value":
                left = columns.changed * self.instance.left_value[columns.sku]
                yield counted, every, left @ limit.nodes.astype(float)

    def _lane_entries(self, columns: Columns) -> Iterator[tuple[Ints, Ints, Floats]]:
        case = self.instance
        lanes, units = columns.by_lane
        p, r, t = np.nonzero(lanes >= 0)
        lane, unit = lanes[p, r, t], units[p, r, t]
        parcels = unit * case.parcels_per_unit[columns.sku[p]]
        yield from self._summed(self.lane[lane, t], p, parcels)
        for i, limit in enumerate(case.limits):
            per_lane = pricing.lane_coefficients(case, limit)
            if per_lane is not None:
                amount = parcels if limit.measure == "on_time_share" else unit
                counted = np.where(limit.skus[columns.sku[p]], self.limit[i, t], -1)
                yield from self._summed(counted, p, amount * per_lane[lane])

    def _summed(self, row: Ints, column: Ints, use: Floats) -> Iterator[tuple[Ints, Ints, Floats]]:
        keep = (row >= 0) & (use != 0.0)
        if keep.any():
            width = int(column.max()) + 1
            code, inverse = np.unique(row[keep] * width + column[keep], return_inverse=True)
            yield code // width, code % width, summed(inverse.ravel(), use[keep], len(code))
