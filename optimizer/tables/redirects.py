"""Goods on their way to nodes that never stock the SKU: redirected to where they are needed or sold, or cancelled."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from models.instance import Floats

from .basis import PlanBasis
from .lots import Lots
from .moves import Moves
from .needs import BEFORE, NOW, Needs
from .waiting import unfilled


def astray(basis: PlanBasis) -> Lots:
    """What is on order to nodes that the plan never has the SKU at: all of it is to spare, and of no use there."""
    units = np.where(basis.stocked.any(axis=2), 0.0, np.floor(basis.instance.on_order))
    k, n = np.nonzero(units >= 1)
    return Lots(k, n, np.full(len(k), np.inf), units[k, n], units[k, n])


def days_until_there(basis: PlanBasis) -> Floats:
    """(K,N) whole days, at least one, until what is on order to a node is there for sure: the lead time from the
    supplier or the first feeder that stocks the SKU."""
    instance, row = basis.instance, np.arange(len(basis.instance.skus))[:, None]
    lead, at = instance.lead_time.astype(float), instance.feeder
    while (passes := (at >= 0) & ~basis.stocked[row, at, 0]).any():
        lead = lead + np.where(passes, instance.lead_time[row, at], 0.0)
        at = np.where(passes, instance.feeder[row, at], -1)
    return np.maximum(np.ceil(lead), 1.0)


def open_to(basis: PlanBasis, need: Needs, missing: dict[int, Floats], moved: tuple[Moves, ...], lots: Lots) -> Needs:
    """What is still needed, as far as goods ``astray`` come no later than an order of today, or before a node begins;
    and what can be used besides. Nodes that have just lent what they have get none: that would bring it back."""
    slowest = np.zeros(len(basis.instance.skus))
    np.maximum.at(slowest, lots.sku, days_until_there(basis)[lots.sku, lots.node])
    other = unfilled(need, missing, *moved)
    before = np.where((slowest + basis.case.settings.transfer_days)[:, None] <= need.opens, missing[BEFORE], 0.0)
    for each in moved:
        before[each.sku, each.origin] = 0.0
    in_time = slowest[:, None] <= basis.evaluation.lead_time[:, :, 0]
    return replace(other, now=np.where(in_time, missing[NOW], 0.0), before=before)
