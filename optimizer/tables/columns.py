"""What the plan workbook holds: every sheet's columns as records, in order.

The records give the data frames their column order, the workbook its number formats and widths, and the
documentation its table. To add a column, add a record and let the sheet's builder return it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

KINDS: Mapping[str, str] = {
    "text": "@",
    "prose": "@",  # text that may take several lines
    "count": "#,##0",
    "quantity": "#,##0.0",
    "rate": "#,##0.00",
    "figure": "#,##0.00##",
    "money": "#,##0.00",
    "volume": "#,##0.000",
    "days": "0.0",
    "share": "0.0%",
    "date": "yyyy-mm-dd",
    "any": "General",
}  # kind -> Excel number format


DUST = 1e-9  # a figure closer to zero is zero, so that no cell reads -0


@dataclass(frozen=True)
class PlanColumn:
    """One column of the plan workbook."""

    name: str
    kind: str  # a key of KINDS
    meaning: str
    width: float = 12.0  # characters


def _columns(*rows: tuple[str, str, str] | tuple[str, str, str, float]) -> tuple[PlanColumn, ...]:
    return tuple(PlanColumn(*row) for row in rows)


RENT = "in the period, at the certified bound: the plan itself may leave a little free"


def _room(temperature: str) -> tuple[PlanColumn, ...]:
    return _columns(
        (f"{temperature}_used_m3", "volume", f"peak {temperature} volume in use"),
        (f"{temperature}_room_m3", "volume", f"{temperature} room of the node; blank = no limit"),
        (f"{temperature}_fill", "share", "used / room, above 100 % = surge space in use; blank = no limit", 9.0),
        (f"{temperature}_rent_per_m3", "money", f"what one more m3 would save {RENT}; blank = not open"),
    )


PLACEMENT = _columns(
    ("sku", "text", "SKU", 18.0),
    ("tier", "text", "tier of the SKU", 7.0),
    ("node", "text", "node that stocks it", 12.0),
    ("period", "text", "period", 10.0),
    ("role", "text", "serves = ships to customers; feeds = only replenishes other nodes", 8.0),
    ("regions_served", "text", "regions it ships to; all = every region with demand for the SKU in the period", 40.0),
    ("units_per_day", "rate", "mean units per day that leave the node, to customers and to nodes it feeds"),
    ("average_stock", "quantity", "mean stock on the shelf, units"),
    ("peak_stock", "quantity", "stock expected after a delivery, units"),
    ("volume_m3", "volume", "room the peak stock takes"),
    ("value", "money", "average stock at cost", 14.0),
    ("cost", "money", "what stocking the SKU here costs in the period, shipping included", 14.0),
    ("temperature", "text", "how the SKU is kept", 12.0),
)
REPLENISHMENT = _columns(
    ("sku", "text", "SKU", 18.0),
    ("node", "text", "node that stocks it", 12.0),
    ("period", "text", "period", 10.0),
    ("source", "text", "feeder or supplier; (cross-dock) = passes the goods on and stocks none", 20.0),
    ("demand_per_day", "rate", "mean units per day"),
    ("sd_per_day", "rate", "standard deviation of one day's demand, units"),
    ("lead_time_days", "days", "from the nearest stocked source, days"),
    ("lead_time_sd", "days", "standard deviation of the lead time, days"),
    ("review_days", "days", "days between two looks at the stock"),
    ("service_measure", "text", "fill = share of units from stock; cycle = share of cycles without a stock-out", 9.0),
    ("service_level", "share", "target"),
    ("safety_stock", "quantity", "stock expected when a delivery arrives, units"),
    ("reorder_point", "quantity", "order when on hand + on order is at or below it, units"),
    ("order_quantity", "quantity", "usual order, units"),
    ("order_up_to", "quantity", "reorder point + order quantity, units"),
    ("on_hand", "quantity", "from the Stock sheet; first period only"),
    ("on_order", "quantity", "from the Stock sheet; first period only"),
    ("order_now", "quantity", "order at the start of the plan, whole packs as far as they sell; first period only"),
    ("order_by", "date", "day on which the stock is expected to reach the reorder point"),
    ("pack_size", "count", "orders are whole packs, units", 10.0),
    ("min_order", "quantity", "least quantity of an order, units"),
    ("above_service", "text", "yes = kept above the service level where the sales that saves are worth more", 9.0),
)
ACTIONS = _columns(
    ("action", "text", "open, close, transfer, purchase, postpone (no money for it yet), clear (sell off)", 10.0),
    ("sku", "text", "SKU", 18.0),
    ("from", "text", "node or supplier", 18.0),
    ("to", "text", "node", 12.0),
    ("quantity", "quantity", "units"),
    ("value", "money", "units at cost; opening cost of a node", 14.0),
    ("ship_by", "date", "latest day to start it"),
    ("arrives", "date", "day it arrives if started then"),
    ("reason", "text", "why", 52.0),
    ("approval", "text", "who must say yes, by the Approvals sheet; blank = nobody", 16.0),
)
REGIONS = _columns(
    ("region", "text", "region", 14.0),
    ("temperature", "text", "of the goods", 11.0),
    ("primary_node", "text", "node that ships the most parcels of such goods to the region", 13.0),
    ("primary_carrier", "text", "the carrier it uses most", 14.0),
    ("backup_node", "text", "the router's next choice among the nodes that stock such goods", 13.0),
    ("backup_carrier", "text", "its carrier", 14.0),
    ("days", "days", "transit days from the primary node", 8.0),
    ("promise", "days", "promised days; blank = none", 9.0),
    ("on_time_share", "share", "expected share of the region's parcels that keep the promise", 11.0),
    ("extra_cost_of_backup", "money", "money per parcel if the backup has to ship", 14.0),
    ("backup_days", "days", "transit days from the backup node", 9.0),
    ("period", "text", "period", 10.0),
    ("parcels_per_day", "rate", "parcels per day of such goods to the region"),
    ("primary_share", "share", "share of these parcels that the primary node ships", 10.0),
    ("no_backup_share", "share", "share of these parcels whose SKU no second node in reach stocks", 12.0),
)
NODES = (
    *_columns(
        ("node", "text", "node", 12.0),
        ("type", "text", "central, cold, popup, regional", 10.0),
        ("period", "text", "period", 10.0),
        ("status", "text", "open, opens, closes, not open, not available", 12.0),
    ),
    *_room("ambient"),
    *_room("chilled"),
    *_room("frozen"),
    *_columns(
        ("surge_used_m3", "volume", "surge space rented"),
        ("surge_room_m3", "volume", "surge space on offer"),
        ("units_per_day", "rate", "units per day through the node"),
        ("units_per_day_limit", "rate", "its limit; blank = none"),
        ("units_per_day_fill", "share", "used / limit", 9.0),
        ("units_per_day_rent", "money", f"what one more unit per day would save {RENT}; blank = not open"),
        ("skus", "count", "SKUs in stock", 9.0),
        ("skus_limit", "count", "its limit; blank = none", 9.0),
        ("skus_fill", "share", "used / limit", 9.0),
        ("skus_rent", "money", f"what one more SKU slot would save {RENT}; blank = not open"),
        ("units", "quantity", "average stock, units"),
        ("value", "money", "average stock at cost", 14.0),
        ("sku_cost", "money", "cost of all SKUs at the node, goods passed through and dropped SKUs included", 14.0),
        ("fixed_cost", "money", "fixed cost of the period"),
        ("opening_cost", "money", "paid in the period in which it opens"),
        ("surge_cost", "money", "surge space"),
        ("cost", "money", "sku_cost + fixed_cost + opening_cost + surge_cost", 14.0),
    ),
)
LIMITS = _columns(
    ("limit", "text", "budget, a row of the Limits sheet, or a lane's parcels per day", 34.0),
    ("measure", "text", "what is limited", 16.0),
    ("sense", "text", "max or min", 7.0),
    ("period", "text", "period or span of periods", 20.0),
    ("used", "figure", "the plan's figure", 15.0),
    ("amount", "figure", "the limit", 15.0),
    ("slack", "figure", "room left; below 0 = a soft limit is broken", 15.0),
    ("rent", "figure", f"what one more unit of the limit would save {RENT}"),
    ("penalty", "money", "paid for breaking a soft limit"),
    ("kept", "text", "yes; no = a soft limit is broken, and its penalty is paid", 8.0),
)
CHANGES = _columns(
    ("sku", "text", "SKU", 18.0),
    ("tier", "text", "tier of the SKU", 7.0),
    ("node", "text", "node", 12.0),
    ("change", "text", "new, gone or changed beyond the setting change_threshold, against the placement in force", 9.0),
    ("on_hand", "quantity", "units there today"),
    ("on_order", "quantity", "units on the way"),
    ("previous_stock", "quantity", "average stock the earlier plan had planned, units; blank = not known"),
    ("average_stock", "quantity", "planned average stock in the first period, units"),
    ("previous_reorder_point", "quantity", "reorder point of the earlier plan, units; blank = not known"),
    ("reorder_point", "quantity", "reorder point in the first period, units; blank = not stocked"),
    ("quantity", "quantity", "average stock less that planned before, or else less on hand and on order, units"),
    ("value", "money", "the quantity at cost, up or down", 14.0),
    ("reason", "prose", "why, in the plan's own terms", 68.0),
    ("approval", "text", "who must say yes, by the Approvals sheet; blank = nobody", 16.0),
)
FINDINGS = _columns(
    ("code", "text", "code of the finding", 10.0),
    ("severity", "text", "error, warning, repair or note", 10.0),
    ("place", "text", "sheet and cell", 24.0),
    ("value", "text", "what stands there", 32.0),
    ("expectation", "prose", "what was expected", 68.0),
    ("remedy", "prose", "what to do", 60.0),
)
RUN = _columns(
    ("name", "text", "figure, setting or version", 32.0),
    ("value", "any", "its value", 68.0),
    ("origin", "text", "where a setting comes from: default, a cell, or the command line", 18.0),
)
SUMMARY = _columns(
    ("section", "text", "part of the summary", 24.0),
    ("item", "text", "row", 28.0),
    ("measure", "text", "column", 20.0),
    ("value", "any", "number or text", 40.0),
)
DIAGNOSIS = _columns(
    ("limit", "text", "what is too small", 24.0),
    ("where", "text", "node, room or lane; blank = the whole network", 24.0),
    ("period", "text", "period", 12.0),
    ("amount", "rate", "smallest relief that makes the case feasible", 14.0),
    ("unit", "text", "unit of the amount", 12.0),
    ("change", "text", "where it stands in the input: sheet, column, row", 32.0),
    ("in_words", "text", "what is short, in words", 64.0),
)

SHEETS: Mapping[str, tuple[PlanColumn, ...]] = {
    "Summary": SUMMARY,
    "Placement": PLACEMENT,
    "Replenishment": REPLENISHMENT,
    "Actions": ACTIONS,
    "Regions": REGIONS,
    "Nodes": NODES,
    "Limits": LIMITS,
    "Changes": CHANGES,
    "Findings": FINDINGS,
    "Run": RUN,
}


def frame(columns: tuple[PlanColumn, ...], values: Mapping[str, object]) -> pd.DataFrame:
    """A data frame with exactly these columns, in this order; raises KeyError when one is missing."""
    if set(values) != {column.name for column in columns}:
        raise KeyError(f"columns {sorted(set(values) ^ {column.name for column in columns})}")
    table = pd.DataFrame({column.name: values[column.name] for column in columns})
    table = table.astype({column.name: dtype for column in columns if (dtype := _dtype(column.kind))})
    for name in table.select_dtypes("float64"):
        table[name] = table[name].mask(table[name].abs() < DUST, 0.0)
    return table


def _dtype(kind: str) -> str | type | None:
    return {"text": "str", "prose": "str", "date": "datetime64[s]", "any": object}.get(kind, np.float64)  # type: ignore[return-value]
