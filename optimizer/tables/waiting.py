"""Goods at nodes that stock the SKU later only: lent to nodes that need them now, and replaced by then."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from models.instance import Floats

from .basis import PlanBasis
from .lots import Lots, batches
from .moves import Moves
from .needs import BEFORE, NOW, Needs
from .stock import stocked_source


def waiting(basis: PlanBasis, need: Needs, moved: Moves) -> Lots:
    """The batches at nodes that will buy their SKU later but do not stock it now, and that nothing has ``moved``.

    A batch that expires before its node begins is doomed; others may go if an order of today comes in time to replace
    them. A node that another feeds then keeps what it has: that would be brought back.
    """
    sku, node, days, units = batches(basis)
    waits = ~basis.stocked[:, :, 0] & basis.stocked.any(axis=2)
    waits &= stocked_source(basis, need.begins) < 0
    waits[moved.sku, moved.target] = False
    waits[moved.sku, moved.origin] = False
    doomed = days <= need.opens[sku, node]
    replaced = basis.evaluation.lead_time[sku, node, need.begins[sku, node]] <= need.opens[sku, node]
    some = np.flatnonzero(waits[sku, node] & (units >= 1) & (doomed | replaced))
    whole = np.floor(units[some])
    return Lots(sku[some], node[some], days[some], whole, np.where(doomed[some], whole, 0.0))


def unfilled(need: Needs, missing: dict[int, Floats], *moved: Moves) -> Needs:
    """What is needed now or can be used besides, less what has ``moved`` there; openings are no business of these."""
    came = np.zeros_like(need.now)
    for each in moved:
        now = each.kind != BEFORE
        np.add.at(came, (each.sku[now], each.target[now]), each.units[now])
    besides = np.maximum(need.now + need.besides - came - missing[NOW], 0.0)
    return replace(need, now=missing[NOW], before=np.zeros_like(came), besides=besides)


def replaced(need: Needs, lots: Lots, lent: Moves, before: Floats) -> Floats:
    """(K,N) what must be there ``before`` a node begins, when what it has ``lent`` is gone."""
    gone = np.zeros_like(before)
    np.add.at(gone, (lots.sku, lots.node), lent.taken)
    return np.where(gone > 0, np.maximum(need.lacks + gone, 0.0), before)
