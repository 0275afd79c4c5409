"""Everything the input promises or demands, in the auditor's own arrays, before any plan is read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
import pandas as pd

from .facts import Bools, Facts, Floats, facts, numbers, positions, texts
from .lanes import Lanes, lanes
from .rules import Rules, rules, tiers
from .supply import Supply, can_hold, supply

if TYPE_CHECKING:
    from optimizer.case import Case


class Rates(Protocol):
    """The demand that the promise is about: the only thing the auditor takes from the forecast."""

    @property
    def mean(self) -> Floats:
        """(K, R, T) units/day."""

    @property
    def variance(self) -> Floats:
        """(K, R, T) units^2/day."""

    @property
    def level_error(self) -> Floats:
        """(K,) relative standard error of the SKU's level."""

    @property
    def parcels_per_unit(self) -> Floats:
        """(K,) parcels a unit."""


@dataclass(frozen=True)
class Reference:
    """The input side of the audit."""

    known: Facts
    ways: Lanes
    holds: Bools  # (K,N)
    sources: Supply
    rules: Rules
    rates: Rates
    live: Bools  # (K,T)
    on_hand: Floats  # (K,N)
    on_order: Floats  # (K,N)
    in_force: Bools | None  # (K,N) where stock stands today; None: unknown, the first period's additions are free
    clearing: Floats  # (K,N) money to clear what lies at a node in force
    stood: Floats  # (K,N) units at a node in force: the earlier plan's average stock, else on hand and on order


def reference(case: Case, rates: Rates) -> Reference:
    """The input side of the audit, from the case and its demand rates."""
    known = facts(case)
    tier = tiers(case, known, rates.mean)
    holds = can_hold(known)
    live = rates.mean.sum(axis=1) > 0
    on_hand, on_order = _stock(case, known)
    in_force = in_force_today(case, known, on_hand, on_order)
    return Reference(
        known=known,
        ways=lanes(case, known),
        holds=holds,
        sources=supply(case, known, holds),
        rules=rules(case, known, tier, holds, live),
        rates=rates,
        live=live,
        on_hand=on_hand,
        on_order=on_order,
        in_force=in_force,
        clearing=clearing(case, known) * (0.0 if in_force is None else in_force),
        stood=on_hand + on_order if case.previous is None else planned_before(case, known),
    )


def in_force_today(case: Case, known: Facts, on_hand: Floats, on_order: Floats) -> Bools | None:
    """(K,N) the placement in force: the earlier plan's, else where there is stock or stock on its way."""
    if case.previous is None:
        return (on_hand > 0) | (on_order > 0) if len(case.stock) else None
    rows = case.previous.placement
    rows = rows[rows["period"] == case.previous.period]
    k, n = positions(rows["sku"], known.goods.names), positions(rows["node"], known.sites.names)
    out = np.zeros(on_hand.shape, dtype=bool)
    out[k[(k >= 0) & (n >= 0)], n[(k >= 0) & (n >= 0)]] = True
    return out


def planned_before(case: Case, known: Facts) -> Floats:
    """(K,N) average stock of the earlier plan in the period that covers the new start."""
    out = np.zeros((len(known.goods.names), len(known.sites.names)))
    if case.previous is not None:
        rows = case.previous.placement
        rows = rows[rows["period"] == case.previous.period]
        k, n = positions(rows["sku"], known.goods.names), positions(rows["node"], known.sites.names)
        both = (k >= 0) & (n >= 0)
        out[k[both], n[both]] = rows["average_stock"].to_numpy(dtype=float)[both]
    return out


def clearing(case: Case, known: Facts) -> Floats:
    """(K,N) money: batches that would arrive in time are moved, the others written off; all of it, if that is less."""
    settings, first = known.settings, known.calendar.starts[0]
    k = positions(texts(case.stock, "sku"), known.goods.names)
    n = positions(texts(case.stock, "node"), known.sites.names)
    units = np.where((k >= 0) & (n >= 0), numbers(case.stock, "on_hand", 0.0), 0.0)
    days = (pd.to_datetime(case.stock["expires"]) - pd.Timestamp(first)).dt.total_seconds().to_numpy() / 86400.0
    late = days <= np.ceil(settings.transfer_days)
    kept, lost = np.zeros((2, len(known.goods.names), len(known.sites.names)))
    np.add.at(kept, (k[~late], n[~late]), units[~late])
    np.add.at(lost, (k[late], n[late]), units[late])
    freight = settings.transfer_cost_per_kg * known.goods.weight_kg[:, None] * kept
    moving = np.where(kept > 0, settings.transfer_cost + freight, 0.0)
    return np.minimum(moving, known.goods.unit_cost[:, None] * kept) + known.goods.unit_cost[:, None] * lost


def _stock(case: Case, known: Facts) -> tuple[Floats, Floats]:
    """Units on hand and on order by SKU and node, batches added up."""
    k = positions(texts(case.stock, "sku"), known.goods.names)
    n = positions(texts(case.stock, "node"), known.sites.names)
    found = (k >= 0) & (n >= 0)
    out = []
    for column in ("on_hand", "on_order"):
        units = np.zeros((len(known.goods.names), len(known.sites.names)))
        np.add.at(units, (k[found], n[found]), numbers(case.stock, column, 0.0)[found])
        out.append(units)
    return out[0], out[1]
