"""The Changes sheet: what the first period does otherwise than the placement in force, and why."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from models.instance import Bools, Floats, Ints

from ..previous import matched
from .approvals import owners
from .basis import PlanBasis, named
from .columns import CHANGES, frame

LEAST_UNITS = 1.0  # a figure that moves by less is not changed, whatever its share


@dataclass(frozen=True)
class Before:
    """Figures (K,N) of the earlier plan in the period in force; nan where it stocked nothing or is not known."""

    average_stock: Floats
    reorder_point: Floats
    known: bool  # there is an earlier plan


def before(basis: PlanBasis) -> Before:
    """What the earlier plan held."""
    shape = basis.instance.feeder.shape
    average, reorder = np.full(shape, np.nan), np.full(shape, np.nan)
    previous = basis.case.previous
    if previous is None:
        return Before(average, reorder, False)
    rows = previous.in_force
    k, n, known = matched(rows, basis.case)
    average[k, n] = rows["average_stock"].to_numpy(float)[known]
    reorder[k, n] = rows["reorder_point"].to_numpy(float)[known]
    return Before(average, reorder, True)


def kinds(basis: PlanBasis, held: Before) -> tuple[Bools, Bools, Bools]:
    """(K,N) new, gone and changed in the first period; all False where the placement in force is unknown."""
    in_force, planned = basis.instance.in_force, basis.stocked[:, :, 0]
    if in_force is None:
        nothing = np.zeros_like(planned)
        return nothing, nothing, nothing
    moved = _moved(held.average_stock, basis.evaluation.average_stock[:, :, 0], basis) | _moved(
        held.reorder_point, basis.evaluation.reorder_point[:, :, 0], basis
    )
    return planned & ~in_force, in_force & ~planned, planned & in_force & moved


def _moved(old: Floats, new: Floats, basis: PlanBasis) -> Bools:
    """A figure moved by more than the threshold, and by a unit at least; where none was known it did not."""
    by = np.abs(np.nan_to_num(new - old))
    share = basis.case.settings.change_threshold * np.abs(np.nan_to_num(old))
    return np.asarray((by > share) & (by >= LEAST_UNITS))


def changes(basis: PlanBasis) -> pd.DataFrame:
    """One row per SKU and node that is new, gone or changed; empty where the placement in force is unknown."""
    from .reasons import reasons

    held = before(basis)
    new, gone, changed = kinds(basis, held)
    sku, node = np.nonzero(new | gone | changed)
    change = np.select([new[sku, node], gone[sku, node]], ["new", "gone"], "changed").astype(object)
    figures = _figures(basis, held, sku, node)
    return frame(
        CHANGES,
        {
            "sku": named(basis.instance.skus, sku),
            "tier": named(basis.instance.tier, sku),
            "node": named(basis.instance.nodes, node),
            "change": change,
            **figures,
            "reason": reasons(basis, sku, node, change),
            "approval": owners(basis.case.approvals, "change_value", figures["value"]),
        },
    )


def _figures(basis: PlanBasis, held: Before, sku: Ints, node: Ints) -> dict[str, Floats]:
    """Today's stock, figures before and after, and what lies between them, at cost."""
    instance, evaluation = basis.instance, basis.evaluation
    planned = basis.stocked[sku, node, 0]
    on_hand, on_order = instance.on_hand[sku, node], instance.on_order[sku, node]
    average = np.where(planned, evaluation.average_stock[sku, node, 0], 0.0)
    old = np.nan_to_num(held.average_stock[sku, node]) if held.known else on_hand + on_order
    quantity = average - old
    return {
        "on_hand": on_hand,
        "on_order": on_order,
        "previous_stock": held.average_stock[sku, node],
        "average_stock": average,
        "previous_reorder_point": held.reorder_point[sku, node],
        "reorder_point": np.where(planned, evaluation.reorder_point[sku, node, 0], np.nan),
        "quantity": quantity,
        "value": np.abs(quantity) * instance.unit_cost[sku],
    }
