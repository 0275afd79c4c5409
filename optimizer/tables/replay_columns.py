"""The sheets of a replay workbook: every column as a record, in order."""

from __future__ import annotations

from collections.abc import Mapping

from models.instance import TEMPERATURES

from .columns import PlanColumn


def _columns(*rows: tuple[str, str, str] | tuple[str, str, str, float]) -> tuple[PlanColumn, ...]:
    return tuple(PlanColumn(*row) for row in rows)


SERVICE = (
    ("ordered", "quantity", "units ordered"),
    ("fill_rate", "share", "share of the units that left a shelf on the day of the order"),
)
KEPT = ("otif", "share", "share that left in full on the day of the order and whose parcels kept the promise")
LOST = (
    ("lost", "quantity", "units of sales lost"),
    ("later", "quantity", "units shipped after waiting"),
    ("spoiled", "quantity", "units past their shelf life"),
    ("damaged", "quantity", "units damaged on the way"),
)
STOCK = (
    ("average_stock", "quantity", "average units on the shelf"),
    ("planned_stock", "quantity", "the plan's average for the same days"),
)
SHEETS: Mapping[str, tuple[PlanColumn, ...]] = {
    "Summary": _columns(
        ("section", "text", "part of the summary", 12.0),
        ("item", "text", "figure", 44.0),
        ("replay", "rate", "what happened; mean over the seeds", 16.0),
        ("plan", "rate", "what the plan says for the same days", 16.0),
        ("sd", "rate", "standard deviation between seeds", 12.0),
    ),
    "Tiers": _columns(
        ("tier", "text", "tier", 16.0), ("skus", "count", "SKUs with orders"),
        ("measure", "text", "what is promised: fill, cycle, or mixed among its SKUs", 9.0),
        ("promised", "share", "service promised, weighted by units ordered"), *SERVICE,
        ("points_off", "rate", "fill rate - promise, percentage points; blank unless fill is promised"),
        ("otif", "share", "share of order lines shipped at once and in full, in parcels that kept the promise"),
        *LOST, *STOCK,
    ),
    "Nodes": _columns(
        ("node", "text", "node", 16.0), ("asked", "quantity", "units ordered by regions whose node it is by plan"),
        ("fill_rate", "share", "share of them that left a shelf, of any node, on the day of the order"),
        ("otif", "share", "share of these order lines in full and on time"),
        ("own_share", "share", "share of them it shipped itself on the day of the order"),
        ("shipped", "quantity", "units shipped to customers"), ("fed", "quantity", "units sent to other nodes"),
        ("parcels", "count", "parcels"), ("promise_kept", "share", "share of its parcels on time"),
        *LOST[2:], *STOCK,
        ("average_value", "money", "average stock at cost", 14.0),
        ("planned_value", "money", "the plan's", 14.0),
        ("peak_stock", "quantity", "most units at once"),
        ("planned_peak", "quantity", "sum of the plan's peaks, largest period"),
        *((f"{name}_peak_m3", "volume", f"most {name} volume at once") for name in TEMPERATURES),
        ("out_days", "rate", "days out of service"),
        ("over_days", "rate", "days with more units than units_per_day; the rest left later"),
        ("waited", "quantity", "unit-days of deliveries that waited for room"),
        ("cost", "money", "cost at the node; sales of SKUs that no node stocks are lost at none", 14.0),
    ),
    "Regions": _columns(
        ("region", "text", "region", 16.0), *SERVICE, ("orders", "count", "orders"), KEPT,
        ("promise_kept", "share", "share of parcels on time"),
        ("parcels_per_order", "rate", "parcels per order of which something was sent"),
    ),
    "SKUs": _columns(
        ("sku", "text", "SKU", 18.0), ("tier", "text", "tier", 7.0),
        ("promised", "share", "service promised by the plan"), *SERVICE,
        ("otif", "share", "share of order lines in full and on time"), *LOST, *STOCK,
        ("empty_days", "rate", "days without stock, mean over the nodes that hold it"),
    ),
    "Stock": _columns(
        ("sku", "text", "SKU", 18.0), ("node", "text", "node", 16.0),
        ("opening", "quantity", "units on the shelf before the first day"),
        ("received", "quantity", "units that came"), ("shipped", "quantity", "units shipped to customers"),
        ("fed", "quantity", "units sent to other nodes"), LOST[2],
        ("closing", "quantity", "units left: opening + received - shipped - fed - spoiled"), *STOCK,
        ("peak_stock", "quantity", "most units at once"),
        ("planned_peak", "quantity", "the plan's, largest period of those replayed"),
        ("empty_days", "rate", "evenings without stock, of days on which the plan holds it there"),
    ),
    "Days": _columns(
        ("date", "date", "day"), *SERVICE, ("orders", "count", "orders"), KEPT, ("parcels", "count", "parcels"),
        ("late_parcels", "count", "parcels that missed the promise"),
        ("split_orders", "count", "orders of several parcels"), *LOST,
        ("units", "quantity", "units on the shelves"), ("value", "money", "stock at cost", 14.0),
        ("nodes_out", "rate", "nodes out of service"), ("worst_node", "text", "node that missed most units", 16.0),
        ("missed_there", "quantity", "units it missed"),
    ),
}  # fmt: skip
