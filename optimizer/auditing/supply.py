"""Where each node is replenished from, and at what lead time and price (MATHEMATICS.md, section 5)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from .facts import Bools, Facts, Floats, Ints, numbers, positions, texts

if TYPE_CHECKING:
    from optimizer.case import Case

FIGURES = ("lead_time_days", "lead_time_sd", "cost_per_unit", "cost_per_kg", "order_cost", "moq")


@dataclass(frozen=True)
class Supply:
    """The last leg into each node for each SKU; every array is (K, N)."""

    feeder: Ints  # -1 = the supplier
    lead_time: Floats  # days
    lead_time_sd: Floats  # days
    per_unit: Floats  # money/unit
    per_kg: Floats  # money/kg
    order_cost: Floats  # money/order
    moq: Floats  # units, 0 = none


def can_hold(known: Facts) -> Bools:
    """(K, N): the node has room for the SKU's temperature and every capability the SKU requires."""
    room = known.sites.room_m3[:, known.goods.temperature].T > 0
    wanted = pd.Series(list(known.goods.requires), dtype=object)
    able = np.ones_like(room)
    for requires in set(wanted):
        rows = np.flatnonzero(wanted == requires)
        able[rows] = [requires <= capabilities for capabilities in known.sites.capabilities]
    return room & able


def supply(case: Case, known: Facts, holds: Bools) -> Supply:
    """Sources and their figures: a row for the SKU, else for its supplier, else the node's own figures."""
    rows = _direct_rows(case.supply, known)
    direct = np.zeros(holds.shape, dtype=bool)
    direct[rows["k"], rows["n"]] = True
    feeds = known.sites.feeder
    usable = (feeds >= 0) & holds[:, feeds] & ~direct
    feeder = np.where(usable, feeds, -1)
    from_node = feeder >= 0
    own = {
        "lead_time_days": known.sites.lead_time,
        "lead_time_sd": known.sites.lead_time_sd,
        "cost_per_unit": known.sites.per_unit,
        "cost_per_kg": known.sites.per_kg,
        "order_cost": np.where(from_node, known.settings.transfer_cost, known.settings.order_cost),
        "moq": np.where(from_node, 0.0, known.goods.moq[:, None]),
    }
    figures = [_overridden(np.broadcast_to(own[name], holds.shape), rows, name) for name in FIGURES]
    return Supply(feeder, *figures)


def _direct_rows(sheet: pd.DataFrame, known: Facts) -> pd.DataFrame:
    """Supply rows as (k, n, figures), one per pair, those that name the SKU before those that name its supplier."""
    figures = pd.DataFrame({name: numbers(sheet, name, np.nan) for name in FIGURES})
    figures["n"] = positions(texts(sheet, "node"), known.sites.names)
    named = figures.assign(k=positions(texts(sheet, "sku"), known.goods.names), order=0)
    suppliers = pd.DataFrame({"supplier": known.goods.supplier, "k": range(len(known.goods.names))})
    of_supplier = figures.assign(supplier=texts(sheet, "supplier"), sku=texts(sheet, "sku"), order=1)
    of_supplier = of_supplier[(of_supplier["supplier"] != "") & (of_supplier["sku"] == "")]
    spread = of_supplier.merge(suppliers, on="supplier")
    both = pd.concat([named[named["k"] >= 0], spread], ignore_index=True)
    both = both[both["n"] >= 0].sort_values(["k", "n", "order"], kind="stable")
    return both.drop_duplicates(["k", "n"])[["k", "n", *FIGURES]].astype({"k": int, "n": int})


def _overridden(figures: Floats, rows: pd.DataFrame, name: str) -> Floats:
    """The node's own figures with the cells that the Supply rows fill in put over them."""
    out = np.array(figures, dtype=float)
    filled = rows[rows[name].notna()]
    out[filled["k"], filled["n"]] = filled[name]
    return out
