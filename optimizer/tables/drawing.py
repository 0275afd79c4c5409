"""What nodes draw from the nodes that feed them, and what the feeders then lack themselves."""

from __future__ import annotations

import numpy as np

from models.instance import Bools, Floats, Ints

from .basis import TOLERANCE, PlanBasis
from .ends import too_late, too_late_below
from .needs import Needs
from .stock import aims, packed, stocked_source, until_left


def drawn(
    basis: PlanBasis, need: Needs, now: Floats, before: Floats, moved: tuple[Floats, Floats]
) -> tuple[Floats, Floats, Bools]:
    """(K,N) units to bring to each node now, and before it begins: what transfers leave missing, and what nodes below
    draw; and where only goods that lie at the feeder can come in time. ``moved`` (K,N) is what transfers bring to the
    nodes, and what they take.

    A draw, in whole packs, lowers its feeder's stock at once; a feeder that it takes to its reorder point orders too,
    but nothing for nodes that it could send it to only when the plan has left them. Nodes for which an order of today
    comes too late order nothing, but what passes through them.
    """
    brought, taken = moved
    position = need.position + brought - taken
    pull, once = np.zeros(now.shape), np.zeros(now.shape)
    before = _pulled(basis, need, before, need.short - brought + taken, pull)
    above = stocked_source(basis)
    late, vain, most = too_late(basis), too_late_below(basis, above), spare(basis)
    low = basis.evaluation.reorder_point[:, :, 0] + TOLERANCE
    aim = np.where(late, 0.0, np.maximum(aims(basis), 0.0))
    out = np.where(late, 0.0, now)
    depth = depths(above)
    for level in range(int(depth.max(initial=0)), -1, -1):
        vain &= pull <= TOLERANCE  # what passes through is for those below
        left = position - pull
        left -= np.minimum(once, np.maximum(left, 0.0))
        due = (pull + once > TOLERANCE) & basis.stocked[:, :, 0] & ((left <= low) | (left < -TOLERANCE))
        out = np.where(due & (depth == level), np.maximum(out, aim - left), out)
        for each, chosen in ((pull, ~vain), (once, vain)):
            _pull(basis, np.where((depth == level) & chosen, out, 0.0), above, each, most)
    return out, before, vain


def _pulled(basis: PlanBasis, need: Needs, wanted: Floats, short: Floats, pull: Floats) -> Floats:
    """What must be there before a node begins; nodes that begin themselves, and are ``short`` of their level then
    (below 0: above it), also need what those below draw."""
    above = stocked_source(basis, need.begins)
    out, depth = wanted.copy(), depths(above)
    for level in range(int(depth.max(initial=0)), -1, -1):
        at = (depth == level) & (need.begins > 0)
        out = np.where(at & (pull > TOLERANCE), np.maximum(out, short + pull), out)
        _pull(basis, np.where(at, out, 0.0), above, pull, np.full(out.shape, np.inf))
    return out


def _pull(basis: PlanBasis, wanted: Floats, above: Ints, pull: Floats, most: Floats) -> None:
    """Add what nodes want, in whole packs but at ``most`` (K,N) units more, to what is drawn from their feeders."""
    k, n = np.nonzero((wanted > TOLERANCE) & (above >= 0))
    np.add.at(pull, (k, above[k, n]), packed(wanted[k, n], basis.instance.pack_size[k], (wanted + most)[k, n]))


def spare(basis: PlanBasis) -> Floats:
    """(K,N) units that a node sells, beyond what it aims at, until the plan leaves it; inf where it stays to the end,
    or does not stock the SKU yet."""
    return np.where(basis.stocked[:, :, 0], until_left(basis) - aims(basis), np.inf)


def ration(ready: float, own: float, wanted: Floats, at: int) -> float:
    """Whole units of those ``ready`` at a feeder that one of the nodes below may have at once: what its ``own``
    customers and the other nodes do not need meanwhile; where all ``wanted`` (N,) is more than there is, its part.

    >>> ration(20, 10, np.array([4.0, 2.0]), 0), ration(8, 10, np.array([4.0, 2.0]), 0)
    (8.0, 2.0)
    """
    mine, total = float(wanted[at]), own + float(wanted.sum())
    most = ready - total + mine if ready >= total - TOLERANCE else ready * mine / total
    return float(np.floor(most + TOLERANCE))


def depths(above: Ints) -> Ints:
    """(K,N) stocked feeders above each node."""
    row = np.arange(len(above))[:, None]
    depth, at = np.zeros(above.shape, dtype=np.int64), above
    while (at >= 0).any():
        depth += at >= 0
        at = np.where(at >= 0, above[row, np.maximum(at, 0)], -1)
    return depth
