"""Which node may stock which SKU in which period (MATHEMATICS.md, section 3)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from models.instance import Bools, Ints

from .case import Case, items
from .errors import Finding, numbered
from .forecasting import campaigns_of
from .periods import horizon_of
from .sites import available_nodes, can_hold

STAGED_TYPES = ("regional", "popup")
SHOWN = 5  # SKUs named in a finding


@dataclass(frozen=True)
class Holding:
    """Where SKUs may be held."""

    holds: Bools  # (K,N) room for the temperature and the capabilities asked for
    available: Bools  # (N,T)
    allowed: Bools  # (K,N,T) tier and staging obeyed, fallbacks applied
    fallback: Bools  # (K,T) tier or staging left no node: every node that can hold it is allowed


def holding(case: Case, tiers: tuple[str, ...]) -> Holding:
    """All of section 3 that does not depend on lanes, counts and feeders. ``tiers`` (K,)."""
    holds, available = can_hold(case), available_nodes(case)
    row = _tier_rows(case, tiers)
    kinds = [items(text) for text in case.tiers["node_types"]]
    types = case.nodes["type"].tolist()
    fits = np.array([[not some or "any" in some or kind in some for kind in types] for some in kinds], dtype=bool)
    allowed = (holds & fits[row])[:, :, None] & available
    staged = (case.tiers["staged"] == "campaign").to_numpy(dtype=bool)[row]
    if staged.any():
        kept = np.isin(np.array(types, dtype=object), STAGED_TYPES)
        allowed &= ~(staged[:, None, None] & kept[:, None] & ~touched(case, tiers)[:, None, :])
    possible = holds[:, :, None] & available
    fallback = ~allowed.any(axis=1) & possible.any(axis=1)
    allowed |= fallback[:, None, :] & possible
    return Holding(holds, available, allowed, fallback)


def _tier_rows(case: Case, tiers: tuple[str, ...]) -> Ints:
    rows = {name: number for number, name in enumerate(case.tiers["tier"])}
    return np.array([rows[name] for name in tiers], dtype=np.int64)


def touched(case: Case, tiers: tuple[str, ...]) -> Bools:
    """(K,T): a campaign that touches the SKU overlaps the period by a day or more."""
    horizon = horizon_of(case.settings)
    result = np.zeros((len(case.skus), horizon.first.size), dtype=bool)
    for campaign in campaigns_of(case, tiers):
        meets = (campaign.first < horizon.first + horizon.days) & (campaign.last >= horizon.first)
        result |= campaign.skus[:, None] & meets
    return result


def holding_findings(case: Case, tiers: tuple[str, ...], live: Bools, found: Holding) -> Iterator[Finding]:
    """Fallbacks that were used, by tier, and live SKUs that no available node can hold. live (K,T)."""
    names, tier = case.skus["sku"].to_numpy(dtype=object), np.array(tiers, dtype=object)
    used = (found.fallback & live).any(axis=1)
    for name in case.tiers["tier"]:
        who = names[used & (tier == name)]
        if who.size:
            yield Finding(
                "A-010", "warning", f"Tiers: {name}", several(who),
                f"its node types or staging leave {numbered(who.size, 'SKU')} no node in some period: there every node "
                "with the room and the capabilities is allowed",
                "Name node types that exist, or set staged to always.",
            )  # fmt: skip
    nowhere = names[(live & ~found.allowed.any(axis=1)).any(axis=1)]
    if nowhere.size:
        yield Finding(
            "A-011", "error", "SKUs", several(nowhere),
            f"no available node has the room and the capabilities for {numbered(nowhere.size, 'SKU')} with demand",
            "Give a node room for their temperature and the capabilities they require, or take them out.",
        )  # fmt: skip


def several(names: np.ndarray) -> str:
    """The first few names, and how many more."""
    more = f" and {names.size - SHOWN:,} more" if names.size > SHOWN else ""
    return ", ".join(str(name) for name in names[:SHOWN]) + more
