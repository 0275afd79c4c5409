"""A year of a state's liquor wholesale (2.6 million lines to stores in 26 areas) as a planning case.

Orders, catalogue and regions are real; the network is laid over them by the rules stated here. One warehouse at Ankeny
ships everything today. Four regional depots, a cold store and two pop-ups for the season may share the work.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from .real_parts import Given, Road, lanes, read_orders, roomier, sample

FOLDER = "iowa_liquor"
START = date(2021, 11, 1)  # the month after the last order
CHILLED = {"CREAM LIQUEURS": 540.0, "COCKTAILS/RTD": 270.0}  # category: shelf life, days
GLASS_KG_PER_L = 0.6  # 0.45 kg for a 750 ml bottle
LIQUID_KG_PER_L = 0.95
SHELF_PER_LIQUID = 1.6  # glass, neck, carton
CAP_KG = 0.02
PROMISED_TOMORROW = ("500", "502", "503", "506", "524", "527", "528")
BACKUP = ("500", "502", "503", "515", "524", "527")
STOCK_DAYS = 28  # of mean sales, at the warehouse today
CENTRAL, COLD = "ANK", "CLD"
# node, type, name, lat, lon, status, from, until, fed by, lead time, its sd, rent a month, opening, per unit, per m3
NODES = (
    (CENTRAL, "central", "Ankeny", 41.7297, -93.6058, "open", None, None, None, 9, 3, 60_000, 0, 0.10, 7.0),
    ("CID", "regional", "Cedar Rapids", 41.9779, -91.6656, "open", None, None, CENTRAL, 2, 0.5, 16_000, 0, 0.13, 8.5),
    ("DAV", "regional", "Davenport", 41.5236, -90.5776, "candidate", None, None, CENTRAL, 2, 0.5, 12_000, 9_000, 0.13,
     8.5),
    ("SUX", "regional", "Sioux City", 42.4999, -96.4003, "candidate", None, None, CENTRAL, 3, 1, 9_000, 8_000, 0.14,
     8.0),
    ("CBF", "regional", "Council Bluffs", 41.2619, -95.8608, "open", None, None, CENTRAL, 2, 0.5, 11_000, 0, 0.13, 8.0),
    (COLD, "cold", "Des Moines cold store", 41.5868, -93.6250, "open", None, None, None, 8, 2, 14_000, 0, 0.16, 22.0),
    ("AMES", "popup", "Ames", 42.0308, -93.6319, "candidate", date(2021, 11, 1), date(2021, 12, 31), CENTRAL, 1, 0.5,
     5_000, 3_000, 0.20, 12.0),
    ("DBQ", "popup", "Dubuque", 42.5006, -90.6646, "candidate", date(2021, 12, 1), date(2022, 1, 31), CENTRAL, 2, 1,
     5_000, 3_000, 0.20, 12.0),
)  # fmt: skip
NODE_COLUMNS = (
    "node", "type", "name", "lat", "lon", "status", "open_from", "open_until", "replenished_from", "lead_time_days",
    "lead_time_sd", "fixed_cost_per_month", "opening_cost", "handling_cost_per_unit", "storage_cost_per_m3_month",
)  # fmt: skip
AMBIENT_DAYS = {CENTRAL: 24.0, "CID": 6.0, "DAV": 4.0, "SUX": 3.0, "CBF": 5.0, "AMES": 1.5, "DBQ": 1.0}  # of all sales
CHILLED_DAYS = {CENTRAL: 22.0, COLD: 26.0, "CID": 7.0, "CBF": 5.0}  # of the chilled sales
BUDGET_DAYS = 44.0  # of all sales, at cost
REGIONAL_DAYS = 9.0  # of all sales, at cost, may stand in regional depots

ROADS = (
    Road("truck", per_parcel=18.0, per_parcel_km=0.10, per_kg=0.02, per_kg_km=0.0004, days=((130, 1), (320, 2)),
         slowest=3, on_time=0.95, damage=0.002, temperatures="ambient, chilled"),
    Road("express", per_parcel=30.0, per_parcel_km=0.16, per_kg=0.05, per_kg_km=0.0009, days=((400, 1),), slowest=2,
         on_time=0.985, damage=0.001, temperatures="ambient, chilled, frozen"),
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
        "Lanes": lanes(NODES, regions, ROADS),
        "Stock": _stock(catalogue, days),
        "Campaigns": _campaigns(),
        "Limits": _limits(catalogue, days),
    }
    case = Given("iowa", tables, _settings(catalogue, days), folder / "orders.csv.gz")
    return case if skus is None and since is None else roomier(replace(case, orders=lines))


def _catalogue(folder: Path, lines: pd.DataFrame) -> pd.DataFrame:
    """Every SKU listed, and the two that were sold but never listed, at the median cost of the catalogue."""
    listed = pd.read_csv(folder / "skus.csv.gz", dtype=str, keep_default_na=False)
    sold = lines.groupby("sku")["quantity"].sum()
    strays = [sku for sku in sold.index if sku not in set(listed["sku"])]
    numbers = {name: listed[name].astype(float) for name in ("unit_cost", "unit_price", "bottle_ml", "units_per_case")}
    table = pd.concat([listed.assign(**numbers), pd.DataFrame({"sku": strays})], ignore_index=True)
    table = table.fillna({name: values.median() for name, values in numbers.items()})
    litres = table["bottle_ml"] / 1000
    return pd.DataFrame(
        {
            "sku": table["sku"],
            "unit_cost": table["unit_cost"],
            "name": table["name"].fillna("not in the catalogue"),
            "category": table["category"].fillna("SPECIAL ORDER ITEMS"),
            "unit_price": table["unit_price"],
            "weight_kg": (litres * (LIQUID_KG_PER_L + GLASS_KG_PER_L) + CAP_KG).round(3),
            "volume_l": (litres * SHELF_PER_LIQUID).round(4),
            "temperature": np.where(table["category"].isin(list(CHILLED)), "chilled", "ambient"),
            "shelf_life_days": table["category"].map(CHILLED),
            "supplier": table["vendor"].replace("", None).where(table["vendor"].notna(), None),
            "pack_size": table["units_per_case"],
            "sold": table["sku"].map(sold).fillna(0.0),
        }
    )


def _daily(catalogue: pd.DataFrame, days: int, weight: str, temperature: str | None = None) -> float:
    """Mean daily sales of the catalogue in litres on the shelf (``volume_l``) or money (``unit_cost``)."""
    at = catalogue if temperature is None else catalogue[catalogue["temperature"] == temperature]
    return float((at["sold"] * at[weight]).sum() / days)


def _nodes(catalogue: pd.DataFrame, days: int) -> pd.DataFrame:
    """Rooms are days of the state's sales; every node is reviewed twice a week, the warehouse and cold store weekly."""
    table = pd.DataFrame(list(NODES), columns=list(NODE_COLUMNS))
    ambient = _daily(catalogue, days, "volume_l", "ambient") / 1000
    chilled = _daily(catalogue, days, "volume_l", "chilled") / 1000
    fed = table["replenished_from"].notna()
    popup = table["type"] == "popup"
    return table.assign(
        ambient_m3=(table["node"].map(AMBIENT_DAYS).fillna(0.0) * ambient).round(1),
        chilled_m3=(table["node"].map(CHILLED_DAYS).fillna(0.0) * chilled).round(1),
        surge_m3=np.where(table["node"] == CENTRAL, round(2 * ambient, 1), 0.0),
        surge_cost_per_m3_month=np.where(table["node"] == CENTRAL, 30.0, 0.0),
        max_skus=np.where(popup, 150.0, np.nan),
        stocking_cost_per_sku_month=np.where(popup, 6.0, np.where(fed, 3.0, 1.5)),
        review_days=np.where(fed, 3.5, 7.0),
        inbound_cost_per_kg=np.where(fed, 0.03, 0.05),
        outage_days_per_year=np.where(popup, 6.0, np.where(fed, 3.0, 2.0)),
    )


def _regions(folder: Path) -> pd.DataFrame:
    table = pd.read_csv(folder / "regions.csv", dtype={"region": str, "name": str})
    return table[["region", "name", "lat", "lon"]].assign(
        postcodes=table["region"],
        promise_days=np.where(table["region"].isin(PROMISED_TOMORROW), 1.0, 2.0),
        backup_required=table["region"].isin(BACKUP),
    )


def _stock(catalogue: pd.DataFrame, days: int) -> pd.DataFrame:
    """Today everything stands at the warehouse, chilled goods in the cold store: so many days of sales, whole cases."""
    sold = catalogue[catalogue["sold"] > 0]
    packs = np.ceil(sold["sold"] / days * STOCK_DAYS / sold["pack_size"])
    return pd.DataFrame(
        {
            "sku": sold["sku"],
            "node": np.where(sold["temperature"] == "chilled", COLD, CENTRAL),
            "on_hand": packs * sold["pack_size"],
        }
    )


def _campaigns() -> pd.DataFrame:
    return pd.DataFrame(
        [
            ("HOLIDAY-CREAM", date(2021, 12, 1), date(2021, 12, 31), "CREAM LIQUEURS", None, 1.15),
            ("GAME-DAYS", date(2021, 11, 5), date(2021, 11, 27), "COCKTAILS/RTD, SPICED RUM", "500", 1.25),
        ],
        columns=["campaign", "from", "until", "category", "region", "uplift"],
    )


def _limits(catalogue: pd.DataFrame, days: int) -> pd.DataFrame:
    regional = round(REGIONAL_DAYS * _daily(catalogue, days, "unit_cost"), -3)
    return pd.DataFrame(
        [
            ("ON-TIME", "on_time_share", "min", 0.90, None),
            ("DEPOT-VALUE", "value", "max", regional, "regional"),
        ],
        columns=["limit", "measure", "sense", "amount", "node_type"],
    )


def _settings(catalogue: pd.DataFrame, days: int) -> dict[str, Any]:
    budget = round(BUDGET_DAYS * _daily(catalogue, days, "unit_cost"), -3)
    return {"currency": "USD", "start": START, "periods": 3, "budget": budget, "order_cost": 40.0, "transfer_cost": 4.0}
