"""Everything the input promises or demands, in the auditor's own arrays, before any plan is read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

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
    stock_known: bool  # False without a Stock sheet: the first period's additions are free


def reference(case: Case, rates: Rates) -> Reference:
    """The input side of the audit, from the case and its demand rates."""
    known = facts(case)
    tier = tiers(case, known, rates.mean)
    holds = can_hold(known)
    live = rates.mean.sum(axis=1) > 0
    on_hand, on_order = _stock(case, known)
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
        stock_known=len(case.stock) > 0,
    )


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
