"""Names for what the master's rows measure: rents of a feasible case, relief of an infeasible one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from .columns import Rows
from .instance import Floats, Instance
from .network import Contradiction
from .outcome import Relief, Rents

UNITS = {
    "value": "money", "volume_m3": "m3", "units": "units", "units_per_day": "units/day", "skus": "SKUs",
    "nodes": "nodes", "cost": "money", "on_time_share": "late parcels/day", "purchases": "money",
    "changes": "changes", "change_value": "money",
}  # fmt: skip
LIMITS = {"value": "budget", "units": "units", "units_per_day": "units_per_day", "skus": "max_skus"}


def rents_by_name(instance: Instance, rows: Rows, rent: Floats) -> Rents:
    """Rents of the definition rows (D,) as the tables show them: not below zero, and none where a node is closed."""
    prices = rows.prices(rent, None)
    budget = np.zeros(len(instance.periods))
    if np.isfinite(instance.budget):
        budget = prices.value.max(axis=0, initial=0.0)
    return Rents(
        room=np.where(instance.available[:, None, :], np.maximum(0.0, prices.room), 0.0),
        units_per_day=np.where(instance.available, np.maximum(0.0, prices.flow), 0.0),
        skus=np.where(instance.available, np.maximum(0.0, prices.slots), 0.0),
        budget=np.maximum(0.0, budget),
        lanes=np.maximum(0.0, prices.lane),
        limits={
            (limit.name, t): abs(float(prices.limits[i, t]))
            for i, limit in enumerate(instance.limits)
            for t in np.flatnonzero(limit.periods).tolist()
        },
    )


def named_relief(instance: Instance, rows: Rows, slack: Floats, scale: Floats) -> tuple[Relief, ...]:
    """Relief lines of slack per definition row (D,), largest share of ``scale`` first; below 1e-6 of it is noise.

    Slack above zero is use for which there is no room, below zero use that is asked for and cannot be. Money is the
    solver's.
    """
    share = np.abs(slack) / np.maximum(scale, 1e-9)
    order = np.argsort(-share, kind="stable")
    lines = dict(_lines(instance, rows))
    return tuple(lines[row](float(slack[row] * rows.unit[row])) for row in order.tolist() if share[row] > 1e-6)


def contradiction_relief(instance: Instance, failure: Contradiction) -> tuple[Relief, ...]:
    """Relief lines of network constraints that fail whatever is stocked."""
    if not failure.rows:
        return (Relief("nodes", "", "", 0.0, "the constraints on nodes contradict each other"),)
    return tuple(_contradicted(instance, name, amount) for name, amount in failure.rows)


def _contradicted(instance: Instance, constraint: str, amount: float) -> Relief:
    match = re.fullmatch(r"limit_holds\[(\d+),(\d+)\]", constraint)
    if match is None:
        return Relief(constraint, "", "", amount, "units of its left side")
    limit = instance.limits[int(match[1])]
    return Relief(limit.name, "", instance.periods[int(match[2])], amount, UNITS[limit.measure])


def _lines(instance: Instance, rows: Rows) -> Iterator[tuple[int, _Line]]:
    for row, (name, index) in enumerate(rows.keys):
        yield row, _Line(instance, name, index)


class _Line:
    """Makes the Relief of one usage variable."""

    def __init__(self, instance: Instance, name: str, index: tuple[Any, ...]) -> None:
        self.instance, self.name, self.index = instance, name, index

    def __call__(self, amount: float) -> Relief:
        """Above zero there is too little room for the use, below zero too little use for what a constraint asks."""
        line = self._short(abs(amount))
        if amount > 0 or self.name == "limit_use":
            return line
        return replace(line, limit="at least", where=f"{self.name} of {line.where}")

    def _short(self, amount: float) -> Relief:
        if self.name == "volume":
            node, temperature, period = self.index
            return Relief("room", f"{node} {temperature}", period, amount, "m3")
        if self.name == "limit_use":
            limit = self.instance.limits[self.index[0]]
            return Relief(limit.name, "", self.instance.periods[self.index[1]], amount, UNITS[limit.measure])
        if self.name == "lane_parcels":
            lane = self.index[0]
            nodes, regions = self.instance.nodes, self.instance.regions
            where = f"{nodes[self.instance.lane_node[lane]]} to {regions[self.instance.lane_region[lane]]}"
            return Relief("lane", where, self.index[1], amount, "parcels/day")
        if self.name == "stocked":
            sku, node, period = self.index
            return Relief("stocked", f"{sku} at {node}", period, amount, "share")
        node, period = self.index
        return Relief(LIMITS[self.name], node, period, amount, UNITS[self.name])
