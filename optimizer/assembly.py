"""Case and demand rates -> the arrays the mathematics works on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Any

import numpy as np
import pandas as pd

from models.demand import DemandRates
from models.instance import Bools, Floats, Instance, Ints, LimitRow

from .case import Case
from .columns import Labels, flags, numbers, positions, temperature_masks, temperature_numbers
from .errors import Finding, InputInvalid, numbered, worst_first
from .forecasting import forecast, tiers_of, uplift_findings
from .holding import Holding, holding, holding_findings, several
from .periods import day_numbers, horizon_of, period_numbers
from .previous import (
    candidates_open_before,
    gap_to_keep,
    in_force_by_plan,
    placement_to_begin_with,
    room_price_before,
    stood,
)
from .sites import rooms
from .sourcing import sources

__all__ = ["assemble", "assembly_findings", "forecast", "tiers_of"]

WEEKS_PER_YEAR = 52.1775
MAY_BE_INFINITE = {
    "shelf_life_days",
    "sale_days",
    "room_m3",
    "units_per_day",
    "max_skus",
    "lane_parcels_per_day",
    "promise_days",
}


def assemble(case: Case, rates: DemandRates) -> Instance:
    """Everything the optimizer needs, in one unit system.

    Raises InputInvalid when a figure is missing or not finite, a filter names something unknown, or nodes feed each
    other in a circle. Fallbacks that were used are told by :func:`assembly_findings`.
    """
    tiers = tiers_of(case, rates)
    held = holding(case, tiers)
    parts: dict[str, Any] = {
        **_calendar(case),
        **_sku_figures(case),
        **_service(case, tiers),
        **_demand(rates),
        **{field.name: value for field, value in _terms(case, held)},
        **_stock(case),
        **_node_figures(case),
        **_lane_figures(case),
        **_region_figures(case),
        **_policy(case),
        "start": placement_to_begin_with(case),
        "was_open": candidates_open_before(case),
        "keep_gap": gap_to_keep(case),
        "room_price": room_price_before(case),
        "sizes_orders": gap_to_keep(case) <= 0,
    }
    _require_figures(parts)
    return Instance(**parts, tier=tiers, allowed=held.allowed, available=held.available, limits=limit_rows(case, tiers))


def assembly_findings(case: Case, rates: DemandRates) -> tuple[Finding, ...]:
    """What was taken for granted on the way from the case to its arrays, worst first."""
    tiers = tiers_of(case, rates)
    live = rates.mean.sum(axis=1) > 0
    found = [*demand_findings(case, rates), *uplift_findings(case, tiers), *stock_findings(case)]
    return worst_first([*found, *holding_findings(case, tiers, live, holding(case, tiers))])


def _terms(case: Case, held: Holding) -> Iterator[tuple[Any, Any]]:
    found = sources(case, held.holds)
    return ((field, getattr(found, field.name)) for field in fields(found))


def _calendar(case: Case) -> Mapping[str, Any]:
    days = horizon_of(case.settings).days.astype(float)
    month = 1.0 if case.settings.period == "month" else 12.0 / WEEKS_PER_YEAR
    return {
        "skus": tuple(case.skus["sku"]),
        "nodes": tuple(case.nodes["node"]),
        "regions": tuple(case.regions["region"]),
        "periods": case.settings.labels,
        "days": days,
        "months": np.full(days.size, month),
    }


def _sku_figures(case: Case) -> Mapping[str, Any]:
    skus = case.skus
    return {
        "unit_cost": numbers(skus, "unit_cost"),
        "unit_price": numbers(skus, "unit_price"),
        "weight_kg": numbers(skus, "weight_kg"),
        "volume_m3": numbers(skus, "volume_l") / 1000.0,
        "temperature": temperature_numbers(skus["temperature"]),
        "shelf_life_days": numbers(skus, "shelf_life_days", np.inf),
        "pack_size": numbers(skus, "pack_size", 1.0),
        "sale_days": _sale_days(case),
    }


def _sale_days(case: Case) -> Floats:
    """(K,T) days from each period's start to the end of the period in which the sale ends; inf without an end."""
    horizon = horizon_of(case.settings)
    end = day_numbers(case.skus["end_date"])
    edges = np.append(horizon.first, horizon.first[-1] + horizon.days[-1]).astype(float)
    last = np.searchsorted(edges, np.nan_to_num(end, nan=np.inf), side="right")
    until = np.where(last < len(edges), edges[np.minimum(last, len(edges) - 1)], np.inf)
    return np.maximum(until[:, None] - edges[None, :-1], 0.0)


def _service(case: Case, tiers: tuple[str, ...]) -> Mapping[str, Any]:
    """What the tiers sheet says of each SKU; a SKU's own service level and the setting service_measure come first."""
    table = case.tiers.set_index("tier")
    rows = table.index.get_indexer(pd.Index(tiers, dtype=object))
    own = numbers(case.skus, "service_level")
    of_tier = numbers(table, "service_level", 0.95)[rows]
    measure = table["service_measure"].to_numpy(dtype=object)[rows]
    if case.settings.service_measure is not None:
        measure = np.full(rows.size, case.settings.service_measure, dtype=object)
    return {
        "service_level": np.where(np.isnan(own), of_tier, own),
        "fill_service": np.asarray(measure != "cycle", dtype=bool),
        "min_nodes": numbers(table, "min_nodes", 1.0)[rows].astype(np.int64),
        "max_nodes": numbers(table, "max_nodes", 4.0)[rows].astype(np.int64),
    }


def _demand(rates: DemandRates) -> Mapping[str, Any]:
    return {
        "mean": rates.mean,
        "variance": rates.variance,
        "level_error": rates.level_error,
        "parcels_per_unit": rates.parcels_per_unit,
    }


def _stock(case: Case) -> Mapping[str, Any]:
    """Stock on hand and on order (K,N), and the placement in force: the earlier plan's, else where there is stock."""
    shape = (len(case.skus), len(case.nodes))
    stock = case.stock
    if stock.empty:
        in_force = in_force_by_plan(case)
        return {"in_force": in_force, "on_hand": np.zeros(shape), "on_order": np.zeros(shape), "stood": stood(case)}
    cell = positions(stock["sku"], case.skus["sku"], "Stock!sku") * shape[1]
    cell += positions(stock["node"], case.nodes["node"], "Stock!node")
    size = shape[0] * shape[1]
    on_hand = np.bincount(cell, numbers(stock, "on_hand", 0.0), minlength=size).reshape(shape)
    on_order = np.bincount(cell, numbers(stock, "on_order", 0.0), minlength=size).reshape(shape)
    in_force = in_force_by_plan(case)
    return {
        "in_force": (on_hand > 0) | (on_order > 0) if in_force is None else in_force,
        "on_hand": on_hand,
        "on_order": on_order,
        "clearing": _clearing(case, cell, shape),
        "stood": stood(case),
    }


def _clearing(case: Case, cell: Ints, shape: tuple[int, int]) -> Floats:
    """(K,N) money to clear what lies at a node (section 7): the cheaper of a transfer and a write-off, batches that
    would expire on the way written off in any case. ``cell`` numbers the rows of the Stock sheet."""
    settings, stock = case.settings, case.stock
    units = numbers(stock, "on_hand", 0.0)
    arrival = np.datetime64(settings.boundaries[0]) + np.timedelta64(int(np.ceil(settings.transfer_days)), "D")
    late = stock["expires"].to_numpy(dtype="datetime64[D]") <= arrival
    size = shape[0] * shape[1]
    kept, lost = (np.bincount(cell[of], units[of], size).reshape(shape) for of in (~late, late))
    freight = settings.transfer_cost_per_kg * numbers(case.skus, "weight_kg")[:, None] * kept
    value = numbers(case.skus, "unit_cost")[:, None]
    moved = np.minimum(np.where(kept > 0, settings.transfer_cost + freight, 0.0), value * kept)
    return np.asarray(moved + value * lost)


def _node_figures(case: Case) -> Mapping[str, Any]:
    nodes = case.nodes
    return {
        "room_m3": rooms(nodes),
        "surge_m3": numbers(nodes, "surge_m3", 0.0),
        "surge_cost": numbers(nodes, "surge_cost_per_m3_month", 0.0),
        "units_per_day": numbers(nodes, "units_per_day", np.inf),
        "max_skus": numbers(nodes, "max_skus", np.inf),
        "fixed_cost": numbers(nodes, "fixed_cost_per_month", 0.0),
        "opening_cost": numbers(nodes, "opening_cost", 0.0),
        "candidate": (nodes["status"] == "candidate").to_numpy(dtype=bool),
        "handling_cost": numbers(nodes, "handling_cost_per_unit", 0.0),
        "storage_cost": numbers(nodes, "storage_cost_per_m3_month", 0.0),
        "stocking_cost": numbers(nodes, "stocking_cost_per_sku_month", 0.0),
        "review_days": numbers(nodes, "review_days"),
        "outage_days": numbers(nodes, "outage_days_per_year", 0.0),
    }


def _lane_figures(case: Case) -> Mapping[str, Any]:
    lanes = case.lanes
    return {
        "lane_node": positions(lanes["node"], case.nodes["node"], "Lanes!node"),
        "lane_region": positions(lanes["region"], case.regions["region"], "Lanes!region"),
        "lane_carrier": tuple(text if isinstance(text, str) else "" for text in lanes["carrier"]),
        "lane_parcel_cost": numbers(lanes, "cost_per_parcel"),
        "lane_kg_cost": numbers(lanes, "cost_per_kg"),
        "lane_days": numbers(lanes, "transit_days"),
        "lane_on_time": numbers(lanes, "on_time_rate"),
        "lane_damage": numbers(lanes, "damage_rate"),
        "lane_temperatures": temperature_masks(lanes["temperatures"]),
        "lane_parcels_per_day": numbers(lanes, "parcels_per_day", np.inf),
    }


def _region_figures(case: Case) -> Mapping[str, Any]:
    return {
        "promise_days": numbers(case.regions, "promise_days", np.inf),
        "backup_required": flags(case.regions, "backup_required"),
    }


def _policy(case: Case) -> Mapping[str, Any]:
    settings = case.settings
    return {
        "holding_rate": settings.holding_rate,
        "late_penalty": settings.late_penalty_per_parcel,
        "lost_sale_rate": settings.lost_sale_penalty_rate,
        "short_lost": settings.short_lost_share,
        "change_cost_in": settings.change_cost_in,
        "change_cost_out": settings.change_cost_out,
        "max_cover_days": settings.max_cover_days,
        "fastest": settings.routing == "fastest",
        "budget": np.inf if settings.budget is None else settings.budget,
    }


def _require_figures(parts: Mapping[str, Any]) -> None:
    """Raise InputInvalid for figures that are missing or not finite, but for those where infinite means no limit."""
    wrong = []
    for name, value in parts.items():
        if not isinstance(value, np.ndarray) or value.dtype != np.float64:
            continue
        bad = np.isnan(value) if name in MAY_BE_INFINITE else ~np.isfinite(value)
        if bad.any():
            wrong.append(
                Finding("A-022", "error", name, "", f"{int(bad.sum()):,} of {value.size:,} are no number", "Fill them.")
            )
    if wrong:
        raise InputInvalid("some figures of the case are missing or not finite.", wrong)


def limit_rows(case: Case, tiers: tuple[str, ...]) -> tuple[LimitRow, ...]:
    """Rows of the Limits sheet that hold in some period of the plan, with their filters as masks. tiers (K,)."""
    skus, nodes = case.skus, case.nodes
    of_sku = {name: Labels(skus[name]) for name in ("sku", "category", "temperature")}
    of_sku["tier"] = Labels(tiers, case.tiers["tier"])
    of_node = {"node": Labels(nodes["node"]), "node_type": Labels(nodes["type"])}
    regions = Labels(case.regions["region"])
    return tuple(
        LimitRow(
            name=row["limit"],
            measure=row["measure"],
            sense=row["sense"],
            amount=float(row["amount"]),
            skus=_masked(row, of_sku, len(skus)),
            nodes=_masked(row, of_node, len(nodes)),
            regions=regions.mask(row["region"], _place(row)) if _filled(row["region"]) else None,
            periods=_periods(case, row),
            penalty=np.inf if pd.isna(row["penalty_per_unit"]) else float(row["penalty_per_unit"]),
            filtered=any(_filled(row[name]) for name in of_sku),
        )
        for row in case.limits.to_dict("records")
        if _periods(case, row).any()
    )


def _masked(row: Mapping[Any, Any], labels: Mapping[str, Labels], count: int) -> Bools:
    chosen = np.ones(count, dtype=bool)
    for name, label in labels.items():
        chosen &= label.mask(row[name], _place(row))
    return chosen


def _periods(case: Case, row: Mapping[Any, Any]) -> Bools:
    """(T,) periods a limit holds in; labels of periods outside the plan are passed over."""
    chosen = np.zeros(len(case.settings.labels), dtype=bool)
    if not _filled(row["period"]):
        return ~chosen
    found: Ints = period_numbers(pd.Series(row["period"].replace(";", ",").replace(",", " ").split()), case.settings)
    chosen[found[found >= 0]] = True
    return chosen


def _filled(text: object) -> bool:
    return isinstance(text, str) and bool(text.strip())


def _place(row: Mapping[Any, Any]) -> str:
    return f"Limits: {row['limit']}"


DEMAND_NOTES = {
    "category": (
        "A-001", "warning", "never sold",
        "forecast at the median rate of the category, with a wide error", "State their demand on the sheet Demand.",
    ),
    "shrunk": (
        "A-002", "note", "with less than eight weeks of sales",
        "the rate is drawn towards the median of the category", "State their demand on the sheet Demand.",
    ),
    "none": (
        "A-003", "note", "without demand",
        "no order in the history used, or none for long: stocked nowhere",
        "Give new SKUs a launch_date and a category, or state their demand on the sheet Demand.",
    ),
}  # fmt: skip


def demand_findings(case: Case, rates: DemandRates) -> Iterator[Finding]:
    """SKUs whose demand does not rest on a history of their own, and rows of Demand for periods outside the plan."""
    names = case.skus["sku"].to_numpy(dtype=object)
    method = np.array(rates.method, dtype=object)
    live = rates.mean.sum(axis=(1, 2)) > 0
    for name, (code, severity, who, expectation, remedy) in DEMAND_NOTES.items():
        chosen = names[(method == name) & (live if name != "none" else ~live)]
        if chosen.size:
            yield Finding(
                code, severity, "SKUs", several(chosen), f"{numbered(chosen.size, 'SKU')} {who}: {expectation}", remedy
            )
    outside = int((period_numbers(case.demand["period"], case.settings) == -2).sum())
    if outside and not any(finding.code == "B-024" for finding in case.findings):  # told in reading already
        yield Finding(
            "A-004", "warning", "Demand!period", "",
            f"{numbered(outside, 'row')} for periods outside the plan, not used",
            "Periods of the plan: " + ", ".join(case.settings.labels) + ".",
        )  # fmt: skip


def stock_findings(case: Case) -> Iterator[Finding]:
    """Stock that is past its date on the first day of the plan, yet counted as on hand."""
    first = pd.Timestamp(case.settings.boundaries[0])
    late = (pd.to_datetime(case.stock["expires"]) < first).to_numpy(dtype=bool)
    units: Floats = numbers(case.stock, "on_hand", 0.0)[late]
    if units.sum() > 0:
        yield Finding(
            "A-005", "warning", "Stock!expires", "",
            f"{units.sum():,.0f} units on hand expire before the plan starts; they count as stock on hand",
            "Take expired goods out of the sheet Stock.",
        )  # fmt: skip
