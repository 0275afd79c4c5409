"""The placement a search begins with: an earlier plan's, as columns, and how much of it a new plan can keep."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from . import columns, rounding
from .batches import Batch
from .columns import Columns, concatenate
from .generation import Generation
from .instance import Bools, Floats, Ints
from .problem import Problem
from .rounding import Rounded

TRIES = 10  # programs solved to find how much of the start fits


@dataclass(frozen=True)
class Start:
    """The placement a search begins with."""

    columns: Columns | None  # of every SKU with a choice
    plan: Rounded | None  # it as a whole; None where it does not keep every limit

    def within(self, gap: float, bound: float) -> Rounded | None:
        """The plan, if its cost is within ``gap`` (a share) of ``bound``."""
        plan = self.plan
        return plan if plan is not None and plan.cost - bound <= gap * abs(plan.cost) else None


def begin(problem: Problem, generation: Generation, wanted: Bools) -> Start:
    """Begin with the placement ``wanted`` (K,N,T), as far as it is admissible."""
    picks = wanted_columns(problem, generation, wanted)
    return Start(picks, rounding.complete(problem, picks))


def wanted_columns(problem: Problem, generation: Generation, wanted: Bools) -> Columns | None:
    """The column of every SKU with a choice that stocks it where ``wanted`` (K,N,T) says.

    In a period in which that is not admissible, it takes the set of the SKU's best path under the rents. None where no
    SKU has a choice.
    """
    catalogue, lanes_matter = problem.catalogue, problem.rows.lanes_matter
    priced = catalogue.price(generation.prices())
    parts = [
        columns.make(problem.instance, batch, np.arange(len(batch.skus)), _path(batch, wanted, path), lanes_matter)
        for batch, path in zip(catalogue.batches, priced.paths, strict=True)
    ]
    return concatenate(parts) if parts else None


def _path(batch: Batch, wanted: Bools, otherwise: Ints) -> Ints:
    """(B,T) sets of a batch: the wanted one where it is listed and admissible."""
    number = {row.tobytes(): at for at, row in enumerate(np.packbits(batch.family.sets, axis=1))}
    out = otherwise.copy()
    for t in range(out.shape[1]):
        keys = np.packbits(wanted[batch.skus, :, t], axis=1)
        found = np.array([number.get(key.tobytes(), -1) for key in keys], dtype=np.int64)
        fits = (found >= 0) & np.isfinite(batch.cost[t][found, np.arange(len(found))])
        out[:, t] = np.where(fits, found, otherwise[:, t])
    return out


def with_least_change(
    problem: Problem, generation: Generation, start: Columns, plan: Rounded, most: float, time_left: Callable[[], bool]
) -> Rounded:
    """The plan with as many SKUs as can be put back to their ``start`` while it costs at most ``most``.

    The SKUs whose change saves least go back first; how many can, is found by halving.
    """
    now = wanted_columns(problem, generation, plan.stocked)
    if now is None:
        return plan
    differs = (start.path != now.path).any(axis=(1, 2))
    saved: Floats = start.cost - now.cost
    order = np.flatnonzero(differs)[np.argsort(saved[differs], kind="stable")]
    best, low, high = plan, 0, len(order)
    for _ in range(TRIES):
        if low >= high or not time_left():
            break
        count = high if best is plan and high == len(order) else (low + high + 1) // 2
        tried = rounding.complete(problem, _mixed(start, now, order[:count]))
        if tried is not None and tried.cost <= most:
            best, low = tried, count
        else:
            high = count - 1
    return best


def _mixed(start: Columns, now: Columns, back: Ints) -> Columns:
    """``now``, with the SKUs at the positions ``back`` as in ``start``; both hold the same SKUs in the same order."""
    keep = np.setdiff1d(np.arange(len(now)), back)
    return concatenate([start.take(back), now.take(keep)])
