"""What the real cases share: where the data stands, order lines, lanes by distance, and what a run took."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from optimizer.reading.zones import distance_km

SPARE = 1.4
ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Given:
    """A case to be written: sheets by name, settings, and its orders (the file as it stands, or some of its lines)."""

    name: str
    tables: Mapping[str, pd.DataFrame]
    settings: Mapping[str, Any]
    orders: Path | pd.DataFrame


@dataclass(frozen=True)
class Road:
    """A carrier's tariff by distance: money per parcel and kg, days up to so many km."""

    carrier: str
    per_parcel: float  # money/parcel
    per_parcel_km: float  # money/parcel/km
    per_kg: float  # money/kg
    per_kg_km: float  # money/kg/km
    days: tuple[tuple[float, float], ...]  # (up to km, days)
    slowest: float  # days beyond the last of these
    on_time: float
    damage: float
    temperatures: str


@dataclass(frozen=True)
class Took:
    """What a command took: exit code, its output, wall and CPU seconds, peak memory in MiB."""

    code: int
    output: str
    seconds: float
    cpu_seconds: float
    peak_mb: float


def shared_folder() -> Path:
    """The folder of real data: NODEWISE_SHARED, or ``shared`` beside the repository. Raises FileNotFoundError."""
    folder = Path(os.environ.get("NODEWISE_SHARED", ROOT.parent / "shared"))
    if not (folder / "data").is_dir():
        raise FileNotFoundError(f"needs the real data: set NODEWISE_SHARED (looked in {folder})")
    return folder


def read_orders(path: Path, since: date | None = None) -> pd.DataFrame:
    """Order lines with text as text, the date as a date and the quantity as a number."""
    text = dict.fromkeys(("order_id", "sku", "region"), str)
    table = pd.read_csv(path, dtype=text, usecols=["order_id", "date", "sku", "quantity", "region"],
                        keep_default_na=False, parse_dates=["date"])  # fmt: skip
    return table if since is None else table[table["date"] >= pd.Timestamp(since)]


def lanes(
    nodes: Sequence[tuple[Any, ...]], regions: pd.DataFrame, roads: Sequence[Road], up_to_km: float = np.inf
) -> pd.DataFrame:
    """Every node to every region within reach by every carrier, priced by great-circle distance."""
    pairs = pd.DataFrame([(node[0], node[3], node[4]) for node in nodes], columns=["node", "node_lat", "node_lon"])
    pairs = pairs.merge(regions[["region", "lat", "lon"]], how="cross")
    km = distance_km(*(pairs[name].to_numpy(float) for name in ("node_lat", "node_lon", "lat", "lon")))
    within = km <= up_to_km
    named, km = pairs.loc[within, ["node", "region"]], km[within]
    table = pd.concat([named.assign(**_tariff(road, km)) for road in roads])
    return table.sort_index(kind="stable").reset_index(drop=True)


def _tariff(road: Road, km: np.ndarray) -> dict[str, Any]:
    days = np.array([*(days for _, days in road.days), road.slowest])
    return {
        "carrier": road.carrier,
        "cost_per_parcel": (road.per_parcel + road.per_parcel_km * km).round(2),
        "cost_per_kg": (road.per_kg + road.per_kg_km * km).round(4),
        "transit_days": days[np.searchsorted([reach for reach, _ in road.days], km)],
        "on_time_rate": road.on_time,
        "damage_rate": road.damage,
        "temperatures": road.temperatures,
    }


def sample(catalogue: pd.DataFrame, count: int) -> pd.DataFrame:
    """``count`` SKUs, evenly over their ranks by units sold (``sold``), in the catalogue's order."""
    ranked = catalogue.sort_values(["sold", "sku"], ascending=[False, True], kind="stable")
    chosen = ranked.iloc[np.linspace(0, len(ranked) - 1, count).round().astype(int)]["sku"]
    return catalogue[catalogue["sku"].isin(set(chosen))].reset_index(drop=True)


def roomier(case: Given) -> Given:
    """The same with more room and budget: part of a history says less of each SKU, so safety stock is larger."""
    nodes, limits = case.tables["Nodes"].copy(), case.tables["Limits"].copy()
    rooms = [name for name in ("ambient_m3", "chilled_m3", "surge_m3") if name in nodes]
    nodes[rooms] *= SPARE
    limits.loc[limits["measure"] == "value", "amount"] *= SPARE
    settings = {name: value * SPARE if name == "budget" else value for name, value in case.settings.items()}
    return replace(case, tables={**case.tables, "Nodes": nodes, "Limits": limits}, settings=settings)


def write(case: Given, folder: Path) -> tuple[Path, Path]:
    """Write the workbook, and the orders where only some of the lines are meant; both paths."""
    from optimizer.writing.case_workbook import write_tables

    folder.mkdir(parents=True, exist_ok=True)
    book = write_tables(case.tables, case.settings, folder / f"{case.name}.xlsx")
    if isinstance(case.orders, Path):
        return book, case.orders
    orders = folder / f"{case.name}_orders.csv"
    case.orders.to_csv(orders, index=False, date_format="%Y-%m-%d")
    return book, orders


def timed(arguments: Sequence[str]) -> Took:
    """Run ``nodewise ARGUMENTS`` in a process of its own and measure it."""
    before = os.times()
    began = time.perf_counter()
    command = [sys.executable, "-m", "tests.benchmarks.real_parts", *arguments]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, encoding="utf-8", check=False)
    seconds, after = time.perf_counter() - began, os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    output, _, last = done.stdout.rstrip("\n").rpartition("\n")
    return Took(done.returncode, output, seconds, cpu, float(last.removeprefix("peak_mb ")))


def _measured(arguments: list[str]) -> int:
    """The child: one command, then a last line that says its peak memory."""
    from optimizer.cli import main

    from .measure import peak_mb

    code = main(arguments)
    print(f"peak_mb {peak_mb():.1f}")
    return code


if __name__ == "__main__":
    sys.exit(_measured(sys.argv[1:]))
