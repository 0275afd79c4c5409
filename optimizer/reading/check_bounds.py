"""Hard limits that no plan can keep, by arithmetic alone: two that contradict each other, one beyond what there is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from models.instance import FIRST_PERIOD, TEMPERATURES, Bools, Floats

from ..case import Case
from ..columns import named, numbers
from ..periods import period_numbers
from ..sites import available_nodes, can_hold, rooms
from .check_rows import Hit, sold
from .places import Places

SHARE = "on_time_share"
WORDS = {
    "nodes": "{most} nodes can be open", "skus": "{most} SKUs have a place", "volume_m3": "there is room for {most} m3",
    "units_per_day": "{most} units a day can be sent", "value": "nothing can be held", "units": "nothing can be held",
}  # fmt: skip


@dataclass(frozen=True)
class Bound:
    """A hard limit with its filters as masks; row -1 is the budget."""

    row: int
    name: str
    measure: str
    least: bool
    amount: float
    skus: Bools  # (K,)
    tiers: Bools  # (tiers,) for SKUs whose tier is not given
    nodes: Bools  # (N,)
    regions: Bools | None  # (R,) None: no filter
    periods: Bools  # (T,)


@dataclass(frozen=True)
class Clash:
    """A least amount that cannot be reached in some period, and why."""

    low: Bound
    period: int
    most: float
    why: str


def contradictory(case: Case, places: Places) -> Iterator[Hit]:
    """Least amounts above a most amount that counts at least the same things in a common period."""
    yield from (_hit(case, places, clash) for clash in contradictions(case, places))


def unreachable(case: Case, places: Places) -> Iterator[Hit]:
    """Least amounts above what the nodes they name could ever hold or send."""
    yield from (_hit(case, places, clash) for clash in beyond(case, places))


def _hit(case: Case, places: Places, clash: Clash) -> Hit:
    low = clash.low
    said = f'"{low.name}" asks for at least {low.amount:,.10g} in {case.settings.labels[clash.period]}, {clash.why}'
    return Hit(places.cell("Limits", "amount", low.row), f"{low.amount:g}", said)


def contradictions(case: Case, places: Places) -> Iterator[Clash]:
    """One for each least amount that is above a most amount, with the smallest such."""
    lows = least_amounts(case)
    highs = [bound for bound in _bounds(case) if not bound.least] if lows else []
    highs += [bound for bound in _budget(case) if lows]
    for low in lows:
        above = [high for high in highs if low.amount > high.amount * (1 + 1e-9) + 1e-9 and _within(low, high)]
        if above:
            high = min(above, key=lambda bound: bound.amount)
            place = places.cell("Limits", "amount", high.row) if high.row >= 0 else case.settings.origins["budget"]
            why = f'but "{high.name}" ({place}) allows at most {high.amount:,.10g}'
            yield Clash(low, int(np.argmax(low.periods & high.periods)), high.amount, why)


def _within(low: Bound, high: Bound) -> bool:
    """Whether what one limit counts is part of what the other counts, in a common period. Shares are no sums: only
    those of all parcels are held against each other, for of none both hold."""
    masks = [(low.skus, high.skus), (low.tiers, high.tiers), (low.nodes, high.nodes)]
    if low.measure != high.measure or not (low.periods & high.periods).any():
        return False
    if low.measure == SHARE:
        everything = all(one.all() and other.all() for one, other in masks)
        return everything and low.regions is None and high.regions is None
    if high.regions is not None and low.regions is None:
        return False
    if high.regions is not None and low.regions is not None:
        masks.append((low.regions, high.regions))
    return all(bool((~one | other).all()) for one, other in masks)


def beyond(case: Case, places: Places) -> Iterator[Clash]:
    """One for each least amount that is above all there is for it, in the period with the least."""
    lows = [low for low in least_amounts(case) if low.measure in WORDS]
    holds = can_hold(case) if lows else np.zeros((0, 0), dtype=bool)
    available = available_nodes(case) if lows else holds
    for low in lows:
        nodes = available & low.nodes[:, None]
        per_node, columns = _of_nodes(case, low, holds)
        most = np.where(low.periods, np.where(nodes, per_node[:, None], 0.0).sum(axis=0), np.inf)
        period = int(np.argmin(most))
        if low.amount > most[period] * (1 + 1e-9) + 1e-9:
            words = WORDS[low.measure] if most[period] > 0 else "nothing can be held or sent"
            cells = _cells(places, np.flatnonzero(nodes[:, period]), columns)
            yield Clash(
                low, period, float(most[period]), f"but {words.format(most=f'{most[period]:,.6g}')} there{cells}"
            )


def _cells(places: Places, rows: Any, columns: tuple[str, ...]) -> str:
    if len(rows) != 1 or not columns:
        return f" (nodes that it names and that can be open then: {len(rows)})"
    return f" ({', '.join(places.cell('Nodes', column, int(rows[0])) for column in columns)})"


def _of_nodes(case: Case, low: Bound, holds: Bools) -> tuple[Floats, tuple[str, ...]]:
    """(N,) most that each node could have of a measure, and the columns that say so."""
    held = holds & (low.skus & _wanted(case))[:, None]
    if low.measure == "nodes":
        return np.ones(len(case.nodes)), ()
    if low.measure == "skus":
        slots = numbers(case.nodes, "max_skus", np.inf)
        return np.minimum(held.sum(axis=0), slots), ("max_skus",) if np.isfinite(slots).any() else ()
    if low.measure == "units_per_day":
        return numbers(case.nodes, "units_per_day", np.inf), ("units_per_day",)
    if low.measure == "volume_m3":
        kept = np.isin(TEMPERATURES, case.skus["temperature"][low.skus].unique())
        room = np.where(kept, rooms(case.nodes), 0.0)
        surge = np.where(((room > 0) & np.isfinite(room)).any(axis=1), numbers(case.nodes, "surge_m3", 0.0), 0.0)
        return room.sum(axis=1) + surge, tuple(
            f"{name}_m3" for name, used in zip(TEMPERATURES, kept, strict=True) if used
        )
    return np.where(held.any(axis=0), np.inf, 0.0), ()


def _wanted(case: Case) -> Bools:
    """(K,) SKUs that may have demand: sold, named in Demand, launched, or in reach of a campaign's extra units."""
    extra = bool((case.campaigns["extra_units"] > 0).any())
    return np.asarray(sold(case) | case.skus["launch_date"].notna().to_numpy() | extra)


def least_amounts(case: Case) -> list[Bound]:
    """The hard limits of sense min."""
    if not ((case.limits["sense"] == "min") & case.limits["penalty_per_unit"].isna()).any():
        return []
    return [bound for bound in _bounds(case) if bound.least]


def _bounds(case: Case) -> Iterator[Bound]:
    for row, limit in enumerate(case.limits.to_dict("records")):
        if not pd.isna(limit["penalty_per_unit"]):
            continue
        tiers = _mask(case.tiers["tier"], limit["tier"])
        of_sku = {"sku": "sku", "category": "category", "temperature": "temperature"}
        skus = _masks(case.skus, limit, of_sku)
        if limit["tier"] is not None:
            skus &= (case.skus["tier"].isna() | case.skus["tier"].isin(case.tiers["tier"][tiers])).to_numpy()
        regions = None if limit["region"] is None else _mask(case.regions["region"], limit["region"])
        nodes = _masks(case.nodes, limit, {"node": "node", "node_type": "type"})
        periods = _periods(case, limit)
        yield Bound(
            row, limit["limit"], limit["measure"], limit["sense"] == "min", float(limit["amount"]),
            skus, tiers, nodes, regions, periods,
        )  # fmt: skip


def _masks(table: pd.DataFrame, limit: Mapping[Any, Any], columns: Mapping[str, str]) -> Bools:
    chosen = np.ones(len(table), dtype=bool)
    for name, column in columns.items():
        chosen &= _mask(table[column], limit[name])
    return chosen


def _mask(values: pd.Series, text: str | None) -> Bools:
    """Which values a filter cell names; all when it is blank."""
    if text is None:
        return np.ones(len(values), dtype=bool)
    return np.asarray(values.isin(named(text, dict.fromkeys(values.dropna(), 0))).to_numpy(dtype=bool))


def _periods(case: Case, limit: Mapping[Any, Any]) -> Bools:
    """(T,) periods of the plan in which a limit holds."""
    count = len(case.settings.labels)
    chosen = np.ones(count, dtype=bool)
    if limit["period"] is not None:
        labels = [part for part in limit["period"].replace(";", ",").replace(",", " ").split() if part]
        found = period_numbers(pd.Series(labels, dtype=object), case.settings)
        chosen = np.isin(np.arange(count), found)
    if limit["measure"] in FIRST_PERIOD:
        chosen[1:] = False
    return chosen


def _budget(case: Case) -> Iterator[Bound]:
    """The budget as a most amount of value."""
    if case.settings.budget is not None:
        skus, tiers, nodes = (np.ones(len(case.table(name)), dtype=bool) for name in ("skus", "tiers", "nodes"))
        periods = np.ones(len(case.settings.labels), dtype=bool)
        yield Bound(-1, "budget", "value", False, case.settings.budget, skus, tiers, nodes, None, periods)
