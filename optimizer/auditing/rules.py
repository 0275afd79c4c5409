"""Which nodes a SKU's tier lets it stock, and which placements are admissible (MATHEMATICS.md, section 3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from optimizer.case import items

from .facts import Bools, Facts, Floats, Ints, numbers, passes, positions, texts

if TYPE_CHECKING:
    from optimizer.case import Case

STAGED_TYPES = ("regional", "popup")


@dataclass(frozen=True)
class Rules:
    """What the tiers say of every SKU; `allowed` is (K, N, T), the rest has length K."""

    tier: tuple[str, ...]
    service_level: Floats
    fill: Bools
    min_nodes: Ints
    max_nodes: Ints
    allowed: Bools
    fallback: Bools  # (K, T): no node of the tier's types can hold the SKU, so every node that can may


def rules(case: Case, known: Facts, tier: tuple[str, ...], holds: Bools, live: Bools) -> Rules:
    """Tier figures and allowed nodes; `tier` by SKU, `holds` (K, N), `live` (K, T)."""
    sheet = case.tiers
    row = positions(tier, pd.Index(texts(sheet, "tier"), dtype=object))
    own_level = numbers(case.skus, "service_level", np.nan)
    level = np.where(np.isnan(own_level), numbers(sheet, "service_level", 0.95)[row], own_level)
    measure = np.array([known.settings.service_measure or text or "fill" for text in texts(sheet, "service_measure")])
    able = holds[:, :, None] & known.sites.available[None, :, :]
    suited = able & _by_tier(sheet, known, row, touched(case, known, tier))
    fallback = ~suited.any(axis=1) & live
    return Rules(
        tier=tier,
        service_level=level,
        fill=measure[row] == "fill",
        min_nodes=numbers(sheet, "min_nodes", 1.0).astype(np.int64)[row],
        max_nodes=numbers(sheet, "max_nodes", 1.0).astype(np.int64)[row],
        allowed=np.where(fallback[:, None, :], able, suited),
        fallback=fallback,
    )


def _by_tier(sheet: pd.DataFrame, known: Facts, row: Ints, busy: Bools) -> Bools:
    """(K, N, T): the tier's node types contain the node's, and staged nodes have a campaign to serve."""
    kinds = [frozenset(items(text)) or {"any"} for text in texts(sheet, "node_types")]
    typed = np.array([["any" in kind or own in kind for own in known.sites.kind] for kind in kinds], dtype=bool)
    staged = np.array([text == "campaign" for text in texts(sheet, "staged")], dtype=bool)[row]
    temporary = np.array([own in STAGED_TYPES for own in known.sites.kind], dtype=bool)
    waits = staged[:, None, None] & temporary[None, :, None] & ~busy[:, None, :]
    return typed[row][:, :, None] & ~waits


def touched(case: Case, known: Facts, tier: tuple[str, ...]) -> Bools:
    """(K, T): a campaign that names the SKU, its category or its tier (or none of them) overlaps the period."""
    sheet = case.campaigns
    out = np.zeros((len(tier), len(known.calendar)), dtype=bool)
    if sheet.empty:
        return out
    runs = known.calendar.days_inside(sheet["from"], sheet["until"]) > 0
    columns = ((known.goods.names, "sku"), (known.goods.category, "category"), (tier, "tier"))
    filters = [(own, texts(sheet, column)) for own, column in columns]
    for row in range(len(sheet)):
        mine = np.logical_and.reduce([passes(own, wanted[row]) for own, wanted in filters])
        out |= mine[:, None] & runs[row][None, :]
    return out


def tiers(case: Case, known: Facts, mean: Floats) -> tuple[str, ...]:
    """Tier of every SKU: its own, else by the share of value that SKUs of greater value make before it.

    Value is demand over the horizon at cost; a SKU belongs to the first tier whose cumulative share is above that
    share, one without value to the last tier with a share. mean (K, R, T) units/day.
    """
    value = (mean.sum(axis=1) @ known.calendar.days) * known.goods.unit_cost
    ranked = pd.Series([float(f"{each:.12g}") for each in value])
    by_value = ranked.groupby(ranked).sum().sort_index(ascending=False)
    before = (by_value.cumsum() - by_value) / max(float(by_value.sum()), 1e-300)
    share = ranked.map(before).round(12).to_numpy()
    sheet = case.tiers.assign(share=numbers(case.tiers, "share_of_value", np.nan)).sort_values("share", kind="stable")
    named = sheet[sheet["share"].notna()]
    names = texts(named if len(named) else case.tiers.tail(1), "tier")
    place = np.searchsorted(named["share"].to_numpy(), share, side="right").clip(max=len(names) - 1)
    place = np.where(value > 0, place, len(names) - 1)
    return tuple(own or names[at] for own, at in zip(texts(case.skus, "tier"), place, strict=True))
