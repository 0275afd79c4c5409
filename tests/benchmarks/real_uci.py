"""A year of a British gift retailer's invoices to 38 countries as a planning case.

Orders, catalogue and regions are real; the network is laid over them by the rules stated here. The data know no costs,
weights or volumes: a unit costs half its price, and weighs and measures a base plus a share of its price.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from .real_parts import Given, Road, lanes, read_orders, roomier, sample

FOLDER = "uci_online_retail"
START = date(2011, 12, 1)  # the last full month of orders is November 2011
COST_OF_PRICE = 0.5
WEIGHT = (0.10, 0.08, 6.0)  # kg: base, per unit of price, at most
VOLUME = (0.40, 0.35, 40.0)  # litres: likewise
PLACED_AT = {  # regions without a place of their own, and where parcels for them are taken to go
    "Channel Islands": (49.19, -2.11),  # St Helier
    "European Community": (50.85, 4.35),  # Brussels
    "Unspecified": (51.51, -0.13),  # London, as nine lines of ten
}
EUROPE_KM = 3000.0  # beyond it no lane is given: it is estimated
HOME = ("United Kingdom", "Unspecified")
BACKUP = ("United Kingdom", "Germany", "France", "EIRE")
CENTRAL = "NHP"
# node, type, name, lat, lon, status, from, until, fed by, lead time, its sd, rent a month, opening, per unit, per m3
NODES = (
    (CENTRAL, "central", "Northampton", 52.2405, -0.9027, "open", None, None, None, 21, 5, 9_000, 0, 0.08, 9.0),
    ("MAN", "regional", "Manchester", 53.4808, -2.2426, "open", None, None, CENTRAL, 2, 0.5, 800, 0, 0.10, 10.0),
    ("DUB", "regional", "Dublin", 53.3498, -6.2603, "candidate", None, None, CENTRAL, 4, 1, 150, 300, 0.11, 11.0),
    ("VNL", "regional", "Venlo", 51.3704, 6.1724, "candidate", None, None, CENTRAL, 4, 1, 250, 400, 0.09, 9.5),
    ("LEJ", "regional", "Leipzig", 51.3397, 12.3731, "candidate", None, None, "VNL", 2, 0.5, 150, 300, 0.09, 9.0),
    ("LYS", "regional", "Lyon", 45.7640, 4.8357, "candidate", None, None, "VNL", 2, 1, 150, 300, 0.10, 10.0),
    ("BHM", "popup", "Birmingham Christmas market", 52.4862, -1.8904, "candidate", date(2011, 12, 1),
     date(2011, 12, 31), CENTRAL, 1, 0.5, 300, 300, 0.16, 14.0),
)  # fmt: skip
NODE_COLUMNS = (
    "node", "type", "name", "lat", "lon", "status", "open_from", "open_until", "replenished_from", "lead_time_days",
    "lead_time_sd", "fixed_cost_per_month", "opening_cost", "handling_cost_per_unit", "storage_cost_per_m3_month",
)  # fmt: skip
ROOM_DAYS = {CENTRAL: 125.0, "MAN": 12.0, "DUB": 4.0, "VNL": 8.0, "LEJ": 4.0, "LYS": 4.0, "BHM": 3.0}  # of all sales
BUDGET_DAYS = 142.0  # of all sales, at cost

ROADS = (
    Road("economy", per_parcel=4.2, per_parcel_km=0.004, per_kg=0.18, per_kg_km=0.0005, days=((500, 2), (1200, 4)),
         slowest=6, on_time=0.93, damage=0.004, temperatures="ambient"),
    Road("express", per_parcel=7.5, per_parcel_km=0.008, per_kg=0.45, per_kg_km=0.0012, days=((500, 1), (1500, 2)),
         slowest=3, on_time=0.98, damage=0.002, temperatures="ambient"),
)  # fmt: skip


def given(shared: Path, skus: int | None = None, since: date | None = None) -> Given:
    """The case's sheets over the real lines; ``skus`` of the catalogue, evenly by sales, and lines ``since`` a day."""
    folder = shared / "data" / FOLDER
    lines = read_orders(folder / "orders.csv.gz", since)
    catalogue = _catalogue(folder, lines)
    if skus is not None:
        catalogue = sample(catalogue, skus)
        lines = lines[lines["sku"].isin(set(catalogue["sku"]))]
    days = (pd.Timestamp(START) - pd.Timestamp(lines["date"].min())).days
    regions = _regions(folder)
    tables = {
        "SKUs": catalogue.drop(columns="sold"),
        "Nodes": _nodes(catalogue, days),
        "Regions": regions,
        "Lanes": lanes(NODES, regions, ROADS, up_to_km=EUROPE_KM),
        "Campaigns": _campaigns(),
        "Tiers": _tiers(),
        "Limits": _limits(),
    }
    case = Given("uci", tables, _settings(catalogue, days), folder / "orders.csv.gz")
    return case if skus is None and since is None else roomier(replace(case, orders=lines))


def _catalogue(folder: Path, lines: pd.DataFrame) -> pd.DataFrame:
    table = pd.read_csv(folder / "skus.csv", dtype=str, keep_default_na=False)
    price = table["unit_price"].astype(float)
    sold = lines[lines["date"] < pd.Timestamp(START)].groupby("sku")["quantity"].sum()
    return pd.DataFrame(
        {
            "sku": table["sku"],
            "unit_cost": (price * COST_OF_PRICE).round(4),
            "name": table["name"],
            "category": np.where(table["name"].str.contains("CHRISTMAS|XMAS|ADVENT"), "Christmas", "Gifts"),
            "unit_price": price,
            "weight_kg": (WEIGHT[0] + WEIGHT[1] * price).clip(upper=WEIGHT[2]).round(3),
            "volume_l": (VOLUME[0] + VOLUME[1] * price).clip(upper=VOLUME[2]).round(3),
            "sold": table["sku"].map(sold).fillna(0.0),
        }
    )


def _nodes(catalogue: pd.DataFrame, days: int) -> pd.DataFrame:
    """Rooms are days of all sales; fed nodes are reviewed every four days, the warehouse weekly."""
    table = pd.DataFrame(list(NODES), columns=list(NODE_COLUMNS))
    litres = float((catalogue["sold"] * catalogue["volume_l"]).sum() / days)
    fed = table["replenished_from"].notna()
    popup = table["type"] == "popup"
    return table.assign(
        ambient_m3=(table["node"].map(ROOM_DAYS) * litres / 1000).round(2),
        max_skus=np.where(popup, 60.0, np.nan),
        stocking_cost_per_sku_month=np.where(fed, 0.5, 0.1),
        review_days=np.where(fed, 4.0, 7.0),
        inbound_cost_per_kg=np.where(fed, 0.08, 0.15),
        outage_days_per_year=np.where(popup, 6.0, np.where(fed, 3.0, 2.0)),
    )


def _regions(folder: Path) -> pd.DataFrame:
    """All 38 of them; three have no place of their own and are given one."""
    table = pd.read_csv(folder / "regions.csv", dtype={"region": str, "name": str}, keep_default_na=False)
    places = {axis: pd.to_numeric(table[axis], errors="coerce") for axis in ("lat", "lon")}
    for position, axis in enumerate(places):
        stand_in = {region: place[position] for region, place in PLACED_AT.items()}
        places[axis] = places[axis].fillna(table["region"].map(stand_in))
    km = np.hypot(places["lat"] - NODES[0][3], (places["lon"] - NODES[0][4]) * np.cos(np.radians(50.0))) * 111.2
    far = km > EUROPE_KM
    promise = np.where(table["region"].isin(HOME), 2.0, np.where(far, 10.0, 5.0))
    return table[["region", "name"]].assign(
        **places, promise_days=promise, backup_required=table["region"].isin(BACKUP)
    )


def _campaigns() -> pd.DataFrame:
    return pd.DataFrame(
        [("CHRISTMAS", date(2011, 12, 1), date(2011, 12, 18), "Christmas", 1.1)],
        columns=["campaign", "from", "until", "category", "uplift"],
    )


def _tiers() -> pd.DataFrame:
    """A long lead time and a growing trade: service a little below the defaults; B items may be spread all year."""
    return pd.DataFrame(
        [("A", 0.80, 1, 4, "any", "always", 0.95), ("B", 0.95, 1, 2, "any", "always", 0.92),
         ("C", 1.00, 1, 1, "central", "always", 0.85)],
        columns=["tier", "share_of_value", "min_nodes", "max_nodes", "node_types", "staged", "service_level"],
    )  # fmt: skip


def _limits() -> pd.DataFrame:
    return pd.DataFrame([("ON-TIME", "on_time_share", "min", 0.88)], columns=["limit", "measure", "sense", "amount"])


def _settings(catalogue: pd.DataFrame, days: int) -> dict[str, Any]:
    budget = round(BUDGET_DAYS * float((catalogue["sold"] * catalogue["unit_cost"]).sum() / days), -2)
    until = START.replace(month=11, day=30)
    return {
        "currency": "GBP", "start": START, "history_until": until, "periods": 3, "budget": budget, "order_cost": 15.0,
        "transfer_cost": 2.0, "change_cost_in": 1.0, "change_cost_out": 1.0, "late_penalty_per_parcel": 3.0,
    }  # fmt: skip
