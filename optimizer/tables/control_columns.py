"""The sheets of a status workbook: every column as a record, in order."""

from __future__ import annotations

from collections.abc import Mapping

from models.instance import TEMPERATURES

from .columns import FINDINGS, PlanColumn


def _columns(*rows: tuple[str, str, str] | tuple[str, str, str, float]) -> tuple[PlanColumn, ...]:
    return tuple(PlanColumn(*row) for row in rows)


EXCEPTIONS = _columns(
    ("rank", "count", "1 = look at it first", 6.0),
    ("exception", "text", "kind of exception", 20.0),
    ("sku", "text", "SKU; blank = the node as a whole", 18.0),
    ("node", "text", "node", 12.0),
    ("what", "prose", "what is the matter", 42.0),
    ("action", "prose", "what to do", 50.0),
    ("by", "date", "latest day to do it", 12.0),
    ("owner", "text", "whose it is", 34.0),
    ("quantity", "quantity", "units concerned", 10.0),
    ("value", "money", "units at cost; blank = not known", 12.0),
)
NODES = (
    *_columns(
        ("node", "text", "node", 12.0),
        ("status", "text", "open, opens, closes, not open, not available", 12.0),
        ("exceptions", "count", "exceptions at the node"),
        ("skus_planned", "count", "SKUs that the plan holds here today"),
        ("skus_in_stock", "count", "those of them with stock that can be sold"),
        (
            "below_reorder_point",
            "count",
            "those of them that are due: on hand + on order is at or below the reorder point",
        ),
        ("days_of_cover", "days", "stock over demand per day, both at cost, of the SKUs planned here"),
        ("next_stock_out", "date", "earliest expected day without stock of a SKU that sells"),
        ("units", "quantity", "units on hand"),
        ("value", "money", "units on hand at cost, as far as the cost is known", 14.0),
        ("stranded_value", "money", "of that, where the plan does not hold the SKU", 14.0),
        ("short_dated_value", "money", "of that, expired or not sold before it expires", 14.0),
    ),
    *(
        column
        for name in TEMPERATURES
        for column in _columns(
            (f"{name}_used_m3", "volume", f"{name} goods on hand"),
            (f"{name}_room_m3", "volume", f"{name} room; blank = no limit"),
            (f"{name}_fill", "share", "used / room; blank = no limit or no room"),
        )
    ),
)
SKUS = _columns(
    ("sku", "text", "SKU", 18.0),
    ("node", "text", "node", 12.0),
    ("state", "text", "the exceptions it is in; ok = none", 24.0),
    ("on_hand", "quantity", "units that can still be sold"),
    ("expired", "quantity", "units past their last day"),
    ("on_order", "quantity", "units on their way"),
    ("demand_per_day", "rate", "the plan's, in the period of the day"),
    ("days_of_cover", "days", "until on hand is sold at the plan's rates; blank = it does not sell here"),
    ("stock_out_date", "date", "expected first day without stock, if nothing arrives"),
    ("reorder_point", "quantity", "order when on hand + on order is at or below it"),
    ("order_up_to", "quantity", "level an order lifts it to: no more than it sells until the plan leaves the node"),
    ("order_by", "date", "day on which on hand + on order is expected to reach the reorder point"),
    ("lead_time_days", "days", "from order to shelf"),
    ("source", "text", "feeder or supplier", 20.0),
    ("surplus", "quantity", "units to spare"),
    ("unsold", "quantity", "units that expire before they are sold, the oldest sold first"),
    ("first_expiry", "date", "earliest day on which some of them expire", 12.0),
    ("value", "money", "on hand at cost", 14.0),
)
SHEETS: Mapping[str, tuple[PlanColumn, ...]] = {
    "Exceptions": EXCEPTIONS,
    "Nodes": NODES,
    "SKUs": SKUS,
    "Findings": FINDINGS,
}
