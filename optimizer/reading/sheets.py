"""The workbook contract as data: one record per column. To add an input, add a line.

It drives the reader, the messages, the blank template and the table in the README, so none of them can drift.
"""

from __future__ import annotations

from typing import Any

from models.instance import MEASURES, TEMPERATURES

from .contract import Column, Sheet

__all__ = [
    "APPROVALS",
    "COLUMNS",
    "MEASURES",
    "NODE_TYPES",
    "SETTINGS_COLUMNS",
    "SHEET",
    "SHEETS",
    "TEMPERATURES",
    "TIER_DEFAULTS",
    "Column",
    "Sheet",
    "column",
    "columns",
]

APPROVALS = ("change_value", "transfer_value", "purchase_value", "order_value", "clear_value", "opening_cost")
NODE_TYPES = ("central", "cold", "popup", "regional")

SERVICE: dict[str, Any] = {"low": 0.5, "high": 1.0, "low_open": False, "high_open": True}
DAYS: dict[str, Any] = {"unit": "days", "low": 0.0, "high": 730.0}
LAT: dict[str, Any] = {"unit": "degrees", "low": -90.0, "high": 90.0, "blank": "unknown: no lane is estimated"}
LON: dict[str, Any] = {"unit": "degrees", "low": -180.0, "high": 180.0, "blank": "unknown: no lane is estimated"}

SHEETS: tuple[Sheet, ...] = (
    Sheet("Orders", "order lines of the past; left out when a Demand sheet or --orders is given", required=True),
    Sheet("SKUs", "what is sold, one row per SKU", key=("sku",), required=True),
    Sheet("Nodes", "where stock may be held, one row per node", key=("node",), required=True),
    Sheet("Regions", "where demand is, one row per region", key=("region",), required=True),
    Sheet("Lanes", "how a node reaches a region, one row per carrier; absent pairs are estimated",
        key=("node", "region", "carrier")),
    Sheet("Supply", "terms of a supplier at a node, by SKU or by supplier", key=("sku", "supplier", "node")),
    Sheet("Stock", "stock on hand and on order now; its rows are the placement in force, unless a plan is"),
    Sheet("Campaigns", "when demand is lifted, and for what",
        key=("campaign", "from", "until", "sku", "category", "tier", "region")),
    Sheet("Tiers", "how widely a class of SKUs may be spread, and how well it must be served", key=("tier",)),
    Sheet("Limits", "limits of your own on any measure", key=("limit",)),
    Sheet("Demand", "a forecast of your own; overrides the history", key=("sku", "region", "period")),
    Sheet("StockHistory", "what was in stock in the past: days without stock are no days without demand",
        key=("date", "sku", "node")),
    Sheet("Receipts", "deliveries of the past: they move the lead times stated towards those they show"),
    Sheet("Approvals", "which changes and actions need a yes, and from whom", key=("measure", "threshold")),
)  # fmt: skip

COLUMNS: tuple[Column, ...] = (
    # Orders
    Column("Orders", "order_id", "code", "the order a line belongs to", required=True),
    Column("Orders", "date", "date", "day of the order", required=True),
    Column("Orders", "sku", "code", "the SKU ordered", required=True, refers="SKUs"),
    Column("Orders", "quantity", "number", "units ordered; below zero is a return", "units", required=True),
    Column("Orders", "region", "code", "where it went; or give a postcode", refers="Regions",
        blank="found from the postcode"),
    Column("Orders", "postcode", "code", "where it went; matched to the longest prefix in Regions",
        blank="the region is given"),
    Column("Orders", "channel", "text", "where it was sold"),
    Column("Orders", "status", "text", "cancelled and returned lines are no demand", blank="a sale"),
    # SKUs
    Column("SKUs", "sku", "code", "name of the SKU", required=True),
    Column("SKUs", "unit_cost", "number", "what a unit costs", "money/unit", required=True, low=0.0),
    Column("SKUs", "name", "text", "for people"),
    Column("SKUs", "category", "text", "for filters, outliers and new SKUs"),
    Column("SKUs", "unit_price", "number", "what a unit sells for", "money/unit", setting="default_price_markup",
        low=0.0),
    Column("SKUs", "weight_kg", "number", "weight packed for shipping", "kg/unit", setting="default_weight_kg",
        low=0.0),
    Column("SKUs", "volume_l", "number", "room a unit takes on the shelf", "l/unit", setting="default_volume_l",
        low=0.0),
    Column("SKUs", "temperature", "choice", "how it must be kept", default="ambient", choices=TEMPERATURES),
    Column("SKUs", "shelf_life_days", "number", "days until it spoils", "days", low=0.0, low_open=True,
        blank="does not spoil"),
    Column("SKUs", "requires", "list", "capabilities a node must have"),
    Column("SKUs", "supplier", "code", "who supplies it"),
    Column("SKUs", "moq", "number", "least quantity of an order at the supplier", "units", default=1.0, low=0.0),
    Column("SKUs", "pack_size", "whole", "orders are whole packs", "units", default=1.0, low=1.0),
    Column("SKUs", "tier", "code", "tier it belongs to", refers="Tiers", blank="by its share of value"),
    Column("SKUs", "service_level", "number", "service of this SKU", blank="the tier's", **SERVICE),
    Column("SKUs", "family", "text", "SKUs that should be held together"),
    Column("SKUs", "launch_date", "date", "first day it is sold", blank="on sale already"),
    Column("SKUs", "end_date", "date", "last day it is sold", blank="no end"),
    # Nodes
    Column("Nodes", "node", "code", "name of the node", required=True),
    Column("Nodes", "type", "choice", "kind of node", required=True, choices=NODE_TYPES),
    Column("Nodes", "name", "text", "for people"),
    Column("Nodes", "lat", "number", "latitude", **LAT),
    Column("Nodes", "lon", "number", "longitude", **LON),
    Column("Nodes", "status", "choice", "open: in use; candidate: the plan decides; closed: never", default="open",
        choices=("open", "candidate", "closed")),
    Column("Nodes", "open_from", "date", "first day it can be used", blank="from the start"),
    Column("Nodes", "open_until", "date", "last day it can be used", blank="no end"),
    Column("Nodes", "ambient_m3", "number", "room at ambient temperature", "m3", low=0.0, blank="no limit"),
    Column("Nodes", "chilled_m3", "number", "chilled room", "m3", default=0.0, low=0.0),
    Column("Nodes", "frozen_m3", "number", "frozen room", "m3", default=0.0, low=0.0),
    Column("Nodes", "surge_m3", "number", "extra room that can be rented", "m3", default=0.0, low=0.0),
    Column("Nodes", "surge_cost_per_m3_month", "number", "rent of the extra room", "money/m3/month", default=0.0,
        low=0.0),
    Column("Nodes", "units_per_day", "number", "most units it can send out", "units/day", low=0.0, blank="no limit"),
    Column("Nodes", "max_skus", "whole", "most SKUs it can hold", "SKUs", low=0.0, blank="no limit"),
    Column("Nodes", "fixed_cost_per_month", "number", "cost of being open", "money/month", default=0.0, low=0.0),
    Column("Nodes", "opening_cost", "number", "cost of opening a candidate", "money", default=0.0, low=0.0),
    Column("Nodes", "handling_cost_per_unit", "number", "cost of a unit through the node", "money/unit", default=0.0,
        low=0.0),
    Column("Nodes", "storage_cost_per_m3_month", "number", "cost of the room average stock takes", "money/m3/month",
        default=0.0, low=0.0),
    Column("Nodes", "stocking_cost_per_sku_month", "number", "cost of keeping one SKU there", "money/SKU/month",
        default=0.0, low=0.0),
    Column("Nodes", "replenished_from", "code", "the node that feeds it", refers="Nodes", blank="the supplier"),
    Column("Nodes", "lead_time_days", "number", "from order to shelf", setting="default_lead_time_days", **DAYS),
    Column("Nodes", "lead_time_sd", "number", "standard deviation of the lead time", setting="default_lead_time_sd",
        **DAYS),
    Column("Nodes", "review_days", "number", "days between two orders", setting="default_review_days", **DAYS),
    Column("Nodes", "inbound_cost_per_kg", "number", "freight into the node", "money/kg", default=0.0, low=0.0),
    Column("Nodes", "inbound_cost_per_unit", "number", "freight into the node", "money/unit", default=0.0, low=0.0),
    Column("Nodes", "outage_days_per_year", "number", "days a year it cannot ship", "days/year", default=0.0, low=0.0,
        high=365.0),
    Column("Nodes", "capabilities", "list", "what it can do that some SKUs require"),
    # Regions
    Column("Regions", "region", "code", "name of the region", required=True),
    Column("Regions", "name", "text", "for people"),
    Column("Regions", "lat", "number", "latitude", **LAT),
    Column("Regions", "lon", "number", "longitude", **LON),
    Column("Regions", "postcodes", "list", "prefixes of its postcodes", blank="orders name the region"),
    Column("Regions", "promise_days", "number", "days within which a parcel is promised", "days", low=0.0,
        blank="no promise"),
    Column("Regions", "backup_required", "flag", "A and B items need a second node in reach", default=False),
    # Lanes
    Column("Lanes", "node", "code", "from this node", required=True, refers="Nodes"),
    Column("Lanes", "region", "code", "to this region", required=True, refers="Regions"),
    Column("Lanes", "carrier", "code", "by this carrier", default="standard"),
    Column("Lanes", "cost_per_parcel", "number", "price of a parcel", "money/parcel", low=0.0,
        blank="0 beside a cost_per_kg, else the zone table"),
    Column("Lanes", "cost_per_kg", "number", "price of a kilogram", "money/kg", low=0.0,
        blank="0 beside a cost_per_parcel, else the zone table"),
    Column("Lanes", "transit_days", "number", "days from node to customer", "days", low=0.0, blank="the zone table"),
    Column("Lanes", "on_time_rate", "number", "share that arrives within transit_days", setting="default_on_time_rate",
        low=0.0, high=1.0),
    Column("Lanes", "damage_rate", "number", "share of units that arrive damaged", setting="default_damage_rate",
        low=0.0, high=1.0),
    Column("Lanes", "temperatures", "list", "temperatures it carries", default=", ".join(TEMPERATURES),
        choices=TEMPERATURES),
    Column("Lanes", "parcels_per_day", "number", "most parcels a day", "parcels/day", low=0.0, blank="no limit"),
    # Supply
    Column("Supply", "sku", "code", "terms for this SKU; or give a supplier", refers="SKUs",
        blank="all SKUs of the supplier"),
    Column("Supply", "supplier", "code", "terms for this supplier's SKUs; or give a sku", blank="the sku is given"),
    Column("Supply", "node", "code", "delivered to this node", required=True, refers="Nodes"),
    Column("Supply", "lead_time_days", "number", "from order to shelf", blank="the node's", **DAYS),
    Column("Supply", "lead_time_sd", "number", "standard deviation of the lead time", blank="the node's", **DAYS),
    Column("Supply", "cost_per_unit", "number", "freight into the node", "money/unit", low=0.0, blank="the node's"),
    Column("Supply", "cost_per_kg", "number", "freight into the node", "money/kg", low=0.0, blank="the node's"),
    Column("Supply", "order_cost", "number", "cost of placing an order", "money", low=0.0, blank="setting order_cost"),

    Column("Supply", "moq", "number", "least quantity of an order", "units", low=0.0, blank="the SKU's"),
    # Stock
    Column("Stock", "sku", "code", "the SKU held", required=True, refers="SKUs"),
    Column("Stock", "node", "code", "where it is held", required=True, refers="Nodes"),
    Column("Stock", "on_hand", "number", "units on the shelf now", "units", required=True, low=0.0),
    Column("Stock", "on_order", "number", "units on their way", "units", default=0.0, low=0.0),
    Column("Stock", "expires", "date", "when this batch spoils", blank="does not spoil"),
    # Campaigns
    Column("Campaigns", "campaign", "code", "name of the campaign", required=True),
    Column("Campaigns", "from", "date", "first day", required=True),
    Column("Campaigns", "until", "date", "last day", required=True),
    Column("Campaigns", "sku", "code", "touches this SKU", refers="SKUs", blank="all SKUs of the other filters",
        several=True),
    Column("Campaigns", "category", "text", "touches SKUs of this category", blank="all", several=True),
    Column("Campaigns", "tier", "code", "touches SKUs of this tier", refers="Tiers", blank="all", several=True),
    Column("Campaigns", "region", "code", "in this region", refers="Regions", blank="all", several=True),
    Column("Campaigns", "uplift", "number", "demand is multiplied by this while it runs (1.5 = half as much again)",
        "factor", low=0.0, blank="as history shows for campaigns of this name (a year in it aside), else 1"),
    Column("Campaigns", "extra_units", "number", "units sold on top over the whole campaign, over all it touches",
        "units", default=0.0, low=0.0),
    # Tiers
    Column("Tiers", "tier", "code", "name of the tier", required=True),
    Column("Tiers", "share_of_value", "number", "SKUs up to this cumulative share of sales value belong here", "share",
        low=0.0, high=1.0, low_open=True, blank="only SKUs that name the tier"),
    Column("Tiers", "min_nodes", "whole", "fewest nodes that hold a SKU", "nodes", default=1.0, low=1.0),
    Column("Tiers", "max_nodes", "whole", "most nodes that hold a SKU", "nodes", default=4.0, low=1.0),
    Column("Tiers", "node_types", "list", "kinds of node that may hold it", default="any", choices=("any",
        *NODE_TYPES)),
    Column("Tiers", "staged", "choice", "campaign: at regional and pop-up nodes only while a campaign touches it",
        default="always", choices=("always", "campaign")),
    Column("Tiers", "service_level", "number", "share of demand (fill) or of cycles served from the shelf", "share",
        default=0.95, **SERVICE),
    Column("Tiers", "service_measure", "choice", "what the service level counts", default="fill", choices=("fill",
        "cycle")),
    # Limits
    Column("Limits", "limit", "code", "name of the limit", required=True),
    Column("Limits", "measure", "choice", "what is limited", required=True, choices=MEASURES),
    Column("Limits", "sense", "choice", "max: at most; min: at least", required=True, choices=("max", "min")),
    Column("Limits", "amount", "number", "the limit, in the measure's unit", required=True, low=0.0),
    Column("Limits", "sku", "code", "only this SKU", refers="SKUs", blank="all", several=True),
    Column("Limits", "category", "text", "only SKUs of this category", blank="all", several=True),
    Column("Limits", "tier", "code", "only SKUs of this tier", refers="Tiers", blank="all", several=True),
    Column("Limits", "temperature", "list", "only SKUs of this temperature", choices=TEMPERATURES, blank="all"),
    Column("Limits", "node", "code", "only this node", refers="Nodes", blank="all", several=True),
    Column("Limits", "node_type", "list", "only nodes of this type", choices=NODE_TYPES, blank="all"),
    Column("Limits", "region", "code", "only demand of this region", refers="Regions", blank="all", several=True),
    Column("Limits", "period", "period", "only this period", blank="every period", several=True),
    Column("Limits", "penalty_per_unit", "number", "price of a unit beyond the limit; makes it soft", "money", low=0.0,
        blank="a hard limit"),
    # Demand
    Column("Demand", "sku", "code", "the SKU", required=True, refers="SKUs"),
    Column("Demand", "region", "code", "the region", required=True, refers="Regions"),
    Column("Demand", "mean_per_day", "number", "mean demand", "units/day", required=True, low=0.0),
    Column("Demand", "sd_per_day", "number", "standard deviation of a day's demand", "units/day", low=0.0, high=1e7,
        blank="from the mean and the history"),
    Column("Demand", "period", "period", "only this period", blank="every period"),
    # StockHistory
    Column("StockHistory", "date", "date", "day of the count; it holds until the next of this SKU and node",
        required=True),
    Column("StockHistory", "sku", "code", "the SKU", required=True, refers="SKUs"),
    Column("StockHistory", "node", "code", "where it was counted", required=True, refers="Nodes"),
    Column("StockHistory", "on_hand", "number", "units on the shelf", "units", required=True, low=0.0),
    # Receipts
    Column("Receipts", "sku", "code", "what was delivered; or give a supplier", refers="SKUs",
        blank="the supplier is given"),
    Column("Receipts", "supplier", "code", "who delivered, or the node that fed it", blank="the SKU's supplier"),
    Column("Receipts", "node", "code", "where it was delivered", required=True, refers="Nodes"),
    Column("Receipts", "ordered", "date", "day of the order", required=True),
    Column("Receipts", "received", "date", "day it stood on the shelf", blank="not received yet"),
    Column("Receipts", "quantity", "number", "units delivered", "units", low=0.0, blank="not known"),
    # Approvals
    Column("Approvals", "measure", "choice", "value of one change, transfer, purchase or clearance, of all "
        "purchases from a supplier, or the cost of opening a node", "", required=True, choices=APPROVALS),
    Column("Approvals", "threshold", "number", "from this value on", "money", required=True, low=0.0),
    Column("Approvals", "owner", "text", "who must say yes", required=True),
)  # fmt: skip

SETTINGS_COLUMNS: tuple[Column, ...] = (
    Column("Settings", "setting", "code", "name of the setting", required=True),
    Column("Settings", "value", "text", "its value", blank="the default"),
)  # fmt: skip

TIER_DEFAULTS: tuple[dict[str, Any], ...] = (
    { "tier": "A", "share_of_value": 0.80, "min_nodes": 1.0, "max_nodes": 4.0, "node_types": "any", "staged": "always",
        "service_level": 0.98, "service_measure": "fill", },
    { "tier": "B", "share_of_value": 0.95, "min_nodes": 1.0, "max_nodes": 2.0, "node_types": "any",
        "staged": "campaign", "service_level": 0.95, "service_measure": "fill", },
    { "tier": "C", "share_of_value": 1.00, "min_nodes": 1.0, "max_nodes": 1.0, "node_types": "central",
        "staged": "always", "service_level": 0.90, "service_measure": "fill", },
)  # fmt: skip

SHEET: dict[str, Sheet] = {sheet.name: sheet for sheet in SHEETS}


def columns(sheet: str) -> tuple[Column, ...]:
    """The columns of a sheet, in contract order. Raises KeyError for a sheet the contract does not know."""
    if sheet == "Settings":
        return SETTINGS_COLUMNS
    SHEET[sheet]
    return tuple(column for column in COLUMNS if column.sheet == sheet)


def column(sheet: str, name: str) -> Column:
    """One column. Raises KeyError when the contract does not know it."""
    for record in columns(sheet):
        if record.name == name:
            return record
    raise KeyError(f"{sheet}.{name}")
