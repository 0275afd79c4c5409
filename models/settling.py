"""From groups back to SKUs: most take the path the master gives them, the undecided get a master of their own."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from .columns import Columns
from .generation import Generation, Infeasible
from .instance import Bools, Floats, summed
from .master import Fixings
from .rounding import readiness

SLIGHT = 1e-6  # share of a SKU below which a pick does not count
WHOLE = 1.0 - 1e-5  # share of a pick from which its SKU is not split
STEPS = 4  # times that the costlier half of the split SKUs is decided
FREE = 1_500  # SKUs left a choice in the end, for whole patterns to fit where fractions did


@dataclass(frozen=True)
class Picked:
    """What a master picks for every SKU with a choice."""

    leading: Columns  # (M,) the pick with the largest share
    share: Floats  # (M,) of the SKU


def settle(made: Generation, fixings: Fixings, tolerance: float, depth: int = 0) -> Generation:
    """A converged generation of the SKUs that a grouped master leaves undecided, under its openings.

    The costliest of those that are split between patterns take the one with the larger share first, while there are
    others to make up for it: ``depth`` times all others, then those left a choice. Raises OutOfTime, Infeasible,
    Contradiction, SolverFailure.
    """
    picked = _picked(made)
    for _ in range(depth):
        alone = np.bincount(made.master.group)[made.master.group] == 1
        more = _without_largest(made, picked, alone, fixings, tolerance)
        if more is None or not more.grouped:
            break
        made, picked = more, _picked(more)
    fine = _apart(made, picked.leading, _free(made, picked.share), fixings, tolerance, group=False)
    for _ in range(STEPS):
        every = np.ones(len(fine.master.group), dtype=bool)
        more = _without_largest(fine, _picked(fine), every, fixings, tolerance)
        if more is None:
            break
        fine = more
    return fine


def _without_largest(
    made: Generation, picked: Picked, among: Bools, fixings: Fixings, tolerance: float
) -> Generation | None:
    """The generation without the costlier half of the split SKUs, which take their leading pick; None: none, or no fit.

    ``among`` (M,) says which SKUs count.
    """
    split = np.flatnonzero((picked.share < WHOLE) & among)
    if not len(split):
        return None
    largest = split[np.argsort(-np.abs(picked.leading.cost[split]), kind="stable")]
    free = np.ones(len(picked.share), dtype=bool)
    free[largest[: (len(largest) + 1) // 2]] = False
    try:
        return _apart(made, picked.leading, free, fixings, tolerance, group=made.grouped)
    except Infeasible:
        return None


def _apart(
    made: Generation, leading: Columns, free: Bools, fixings: Fixings, tolerance: float, group: bool
) -> Generation:
    """A generation of the ``free`` SKUs (M,) alone; the others take their ``leading`` (M,) pick."""
    settled = None if free.all() else leading.take(np.flatnonzero(~free))
    catalogue = made.catalogue.settle(free, settled)
    problem = replace(made.problem, catalogue=catalogue)
    fine = Generation(
        problem, catalogue, made.network, made.clock, made.say, None, catalogue.groups() if group else None
    )
    fine.restrict(fixings)
    fine.run(tolerance, made.rent)
    return fine


def _picked(made: Generation) -> Picked:
    """Of the distinct picks of every SKU in the solution of the grouped master, the one with the largest share."""
    pool = made.master.pool
    assert pool is not None
    value = made.master.values()[made.master.pool_column]
    taken = np.flatnonzero(value > SLIGHT)
    used = pool.take(taken)
    whole = np.column_stack([used.sku.view(np.uint8).reshape(len(used), -1), used.path.reshape(len(used), -1)])
    keys = np.ascontiguousarray(whole).view(np.dtype((np.void, whole.shape[1]))).ravel()
    _, first, same = np.unique(keys, return_index=True, return_inverse=True)
    share = summed(same.ravel(), value[taken], len(first))
    at = made.master.position[used.sku[first]]
    order = np.lexsort((-share, at))
    leading = order[np.unique(at[order], return_index=True)[1]]
    return Picked(used.take(first[leading]), share[leading])


def _free(made: Generation, share: Floats) -> Bools:
    """(M,) SKUs that keep their choice: the undecided, and of the others those that would change most readily."""
    undecided = share < WHOLE
    order = np.lexsort((readiness(*_second(made)), ~undecided))
    free = np.zeros(len(share), dtype=bool)
    free[order[:FREE]] = True
    return free


def _second(made: Generation) -> tuple[Floats, Floats]:
    """(M,) what each SKU's second best pick would cost more, rents included (inf: none), and what the SKU costs."""
    pool, reduced = made.master.pool, made.reduced_costs()
    assert pool is not None
    at = made.master.position[pool.sku]
    more, cost = np.full(len(made.catalogue.choosers), np.inf), np.zeros(len(made.catalogue.choosers))
    other = reduced > 0.0
    np.minimum.at(more, at[other], reduced[other])
    np.maximum.at(cost, at, np.abs(pool.cost))
    return more, cost
