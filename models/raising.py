"""Stock above the service promised, where shortages cost more: which SKUs there is room and money for.

A plan is found with every SKU at the least stock that keeps its service. A SKU is *raised* when all its reorder points
go to where another unit would cost as much as the shortage it saves (section 6). That lowers the plan's cost, and uses
room and money that the plan leaves free. The bound falls by the most that raising could save under any placement, so
that it holds for plans with stock above the service as well.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from . import patterns
from .batches import evaluate_batch
from .evaluation import COST_TERMS, Evaluation, evaluate
from .instance import TEMPERATURES, Bools, Floats, Instance, Ints
from .outcome import Outcome

ROUNDING = 1e-9  # share of a limit left free
STRIP = 500_000  # cells x SKUs evaluated at once
STOCK_MEASURES = ("value", "volume_m3", "units")


@dataclass(frozen=True)
class Row:
    """Something limited: what raising each SKU would take of it, and what is left of it."""

    use: Floats  # (K,)
    left: float


def raise_stock(instance: Instance, outcome: Outcome, widest: float = 1.0) -> tuple[Instance, Outcome]:
    """The instance with the SKUs of the plan that are raised, and the plan with its cost and bound then.

    Both are returned as they are where shortages are free, where a limit asks for stock, and where so little of what
    could be raised fits that the gap would be wider than ``widest``.
    """
    if instance.short_lost <= 0 or outcome.stocked is None or outcome.open is None or outcome.surge is None:
        return instance, outcome
    if any(row.sense == "min" and row.measure in STOCK_MEASURES for row in instance.limits):
        return instance, outcome
    may, most = _most_saved(instance)
    low = evaluate(instance, outcome.stocked, outcome.open, outcome.surge)
    high = evaluate(replace(instance, raised=may), outcome.stocked, outcome.open, outcome.surge)
    gain = _by_sku(low) - _by_sku(high)
    chosen = may & (gain > 0)
    for row in _rows(instance, low, high, outcome.surge):
        chosen = _fitting(chosen, gain, row)
    raised = replace(instance, raised=chosen)
    cost = evaluate(raised, outcome.stocked, outcome.open, outcome.surge).total
    bound = min(outcome.bound - float(most.sum()), cost)
    made = replace(outcome, objective=cost, bound=bound)
    return (raised, made) if made.gap <= max(widest, outcome.gap) else (instance, outcome)


def _by_sku(made: Evaluation) -> Floats:
    """(K,) money over the horizon."""
    return np.asarray(sum(made.costs[term].sum(axis=(1, 2)) for term in COST_TERMS))


def _most_saved(instance: Instance) -> tuple[Bools, Floats]:
    """(K,) SKUs whose sets are all listed, and the most that raising could save each of them under any path of sets."""
    listed, most = np.zeros((2, len(instance.skus)))
    raised = replace(instance, raised=np.ones(len(instance.skus), dtype=bool))
    for family in patterns.families(instance):
        if family.unlisted is not None:
            continue
        size = max(1, STRIP // len(family.cells.node))
        for at in range(0, len(family.skus), size):
            skus: Ints = family.skus[at : at + size]
            low, high = (evaluate_batch(each, family, skus).cost for each in (instance, raised))
            both = np.isfinite(low) & np.isfinite(high)
            saved = np.subtract(low, high, out=np.zeros_like(low), where=both)
            most[skus] = np.maximum(saved, 0.0).max(axis=1).sum(axis=0)
            listed[skus] = 1.0
    return listed > 0, most


def _rows(instance: Instance, low: Evaluation, high: Evaluation, surge: Floats) -> Iterator[Row]:
    """All that stock takes up: rooms, the budget and the limits on it."""
    volume = (high.peak_stock - low.peak_stock) * instance.volume_m3[:, None, None]
    average = high.average_stock - low.average_stock
    value = average * instance.unit_cost[:, None, None]
    for warmth in range(len(TEMPERATURES)):
        of = instance.temperature == warmth
        left = instance.room_m3[:, warmth, None] + surge[:, warmth] - low.volume_m3[:, warmth]
        for n, t in zip(*np.nonzero(np.isfinite(left)), strict=True):
            yield Row(volume[:, n, t] * of, float(left[n, t]))
    if np.isfinite(instance.budget):
        for t in range(len(instance.periods)):
            yield Row(value[:, :, t].sum(axis=1), float(instance.budget - low.value[:, t].sum()))
    new = True if instance.in_force is None else ~instance.in_force[:, :, None]
    taken = {"value": value, "volume_m3": volume, "units": average, "purchases": value, "change_value": value * new}
    costs = sum((high.costs[term] - low.costs[term] for term in COST_TERMS), np.zeros(value.shape))
    for at, limit in enumerate(instance.limits):
        if limit.sense != "max" or limit.measure not in (*taken, "cost"):
            continue
        more = taken.get(limit.measure, costs) * limit.skus[:, None, None] * limit.nodes[None, :, None]
        for t in np.flatnonzero(np.isfinite(low.limit_use[at])):
            periods = limit.periods if limit.measure == "cost" else np.arange(more.shape[2]) == t
            yield Row(more[:, :, periods].sum(axis=(1, 2)), float(limit.amount - low.limit_use[at, t]))


def _fitting(chosen: Bools, gain: Floats, row: Row) -> Bools:
    """Without the SKUs that save least for what they take, until the others fit."""
    takes = np.flatnonzero(chosen & (row.use > 0))
    over = row.use[takes].sum() - max(row.left, 0.0) * (1.0 - ROUNDING)
    if not len(takes) or over <= 0:
        return chosen
    order = takes[np.argsort(gain[takes] / row.use[takes], kind="stable")]
    dropped = np.searchsorted(np.cumsum(row.use[order]), over) + 1
    out = chosen.copy()
    out[order[:dropped]] = False
    return out
