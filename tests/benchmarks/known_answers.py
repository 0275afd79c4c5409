"""Published instances with proved optima, planned through the public API.

``python -m tests.benchmarks.known_answers [--names holmberg_p01,pmed1] [--family uflp]`` prints instance, published
optimum, our cost, our bound and seconds. Every customer is a SKU with one region of its own, held at exactly one node;
nodes are candidates with the published fixed cost; a lane costs what serving the customer costs.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optimizer
from optimizer import Case, Plan

from .__main__ import table

DAYS = 30  # of the one period, which starts on 1 April
FAMILIES = ("sscflp", "uflp", "pmedian")
SETTINGS = {
    "start": "2027-04-01", "periods": 1, "period": "month", "holding_rate": 0, "late_penalty_per_parcel": 0,
    "lost_sale_penalty_rate": 0, "order_cost": 0, "transfer_cost": 0, "change_cost_in": 0, "change_cost_out": 0,
    "gap": 1e-9,
}  # fmt: skip


@dataclass(frozen=True)
class Known:
    """A published instance and its optimum."""

    name: str
    family: str
    optimum: float
    nodes: list[dict[str, float | None]]  # capacity in demand units per day, fixed_cost
    demand: list[float]
    cost: list[list[float]]  # [node][customer], for all of the customer's demand
    max_open: int | None

    @property
    def tolerance(self) -> float:
        """Half a unit of the last published digit."""
        return 0.5 if float(self.optimum).is_integer() and max(map(max, self.cost)) > 100 else 0.01


def folder() -> Path:
    """Where the published instances stand: NODEWISE_SHARED, or ``shared`` beside the repository."""
    return Path(os.environ.get("NODEWISE_SHARED", Path(__file__).resolve().parents[3] / "shared")) / "reference"


def known(name: str) -> Known:
    """Read one instance. Raises KeyError for an unknown name."""
    with (folder() / "optima.csv").open(newline="") as file:
        row = {row["instance"]: row for row in csv.DictReader(file)}[name]
    data = json.loads((folder() / "instances" / f"{name}.json").read_text())
    optimum = float(row["optimum"])
    return Known(name, row["family"], optimum, data["nodes"], data["demand"], data["cost"], data["max_open"])


def names(*families: str) -> list[str]:
    """Names of all instances of some families, as published."""
    with (folder() / "optima.csv").open(newline="") as file:
        return [row["instance"] for row in csv.DictReader(file) if row["family"] in families]


def sheets(problem: Known) -> dict[str, list[dict[str, Any]]]:
    """The case as rows of the workbook's sheets."""
    customers = range(len(problem.demand))
    nodes = [
        {"node": f"N{n}", "type": "regional", "status": "candidate", "units_per_day": node["capacity"],
         "fixed_cost_per_month": node["fixed_cost"], "lead_time_days": 0, "lead_time_sd": 0, "review_days": 0}
        for n, node in enumerate(problem.nodes)
    ]  # fmt: skip
    lanes = [
        {"node": f"N{n}", "region": f"R{j}", "carrier": "road", "transit_days": 1, "on_time_rate": 1, "damage_rate": 0,
         "cost_per_parcel": problem.cost[n][j] / (problem.demand[j] * DAYS), "cost_per_kg": 0}
        for n in range(len(problem.nodes))
        for j in customers
    ]  # fmt: skip
    tier = {"tier": "A", "share_of_value": 1, "min_nodes": 1, "max_nodes": 1, "node_types": "any", "staged": "always"}
    out: dict[str, list[dict[str, Any]]] = {
        "SKUs": [{"sku": f"K{j}", "unit_cost": 1} for j in customers],
        "Nodes": nodes,
        "Regions": [{"region": f"R{j}"} for j in customers],
        "Demand": [
            {"sku": f"K{j}", "region": f"R{j}", "mean_per_day": problem.demand[j], "sd_per_day": 0} for j in customers
        ],
        "Lanes": lanes,
        "Tiers": [tier],
        "Settings": [{"setting": name, "value": value} for name, value in SETTINGS.items()],
    }
    if problem.max_open is not None:
        out["Limits"] = [{"limit": "open nodes", "measure": "nodes", "sense": "max", "amount": problem.max_open}]
    return out


def write_workbook(problem: Known, path: Path) -> None:
    """The case as an ordinary Nodewise workbook."""
    import pandas as pd

    with pd.ExcelWriter(path, engine="xlsxwriter") as writer:
        for sheet, rows in sheets(problem).items():
            pd.DataFrame(rows).to_excel(writer, sheet_name=sheet, index=False)


def read_case(problem: Known) -> Case:
    """The case as read back from its workbook."""
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / f"{problem.name}.xlsx"
        write_workbook(problem, path)
        return optimizer.read(path)


def planned(problem: Known, time_limit: float = 600.0) -> tuple[Plan, float]:
    """The plan by the public API, and the seconds of planning."""
    case = read_case(problem)
    started = time.perf_counter()
    return optimizer.plan(case, time_limit=time_limit), time.perf_counter() - started


def verdict(problem: Known, plan: Plan) -> str:
    """``ok``, or what is wrong, in words."""
    if plan.bound > problem.optimum + problem.tolerance:
        return "BOUND ABOVE THE OPTIMUM"
    if plan.cost < problem.optimum - problem.tolerance:
        return "BELOW THE OPTIMUM"
    return "ok" if plan.cost <= problem.optimum + problem.tolerance else "not optimal"


def main(arguments: list[str] | None = None) -> int:
    """Print the table; exit code 1 when any answer is not the published one."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.known_answers", description=__doc__)
    parser.add_argument("--names", help="comma-separated instances (default: all)")
    parser.add_argument("--family", choices=FAMILIES)
    parser.add_argument("--time-limit", type=float, default=600.0)
    options = parser.parse_args(arguments)
    if not folder().is_dir():
        parser.error(f"no published instances in {folder()}: set NODEWISE_SHARED")
    chosen = options.names.split(",") if options.names else names(*([options.family] if options.family else FAMILIES))
    lines = [["instance", "family", "published", "ours", "bound", "gap", "status", "seconds", "verdict"]]
    for name in chosen:
        problem = known(name)
        plan, seconds = planned(problem, options.time_limit)
        lines.append(
            [name, problem.family, f"{problem.optimum:,.2f}", f"{plan.cost:,.2f}", f"{plan.bound:,.2f}",
             f"{plan.gap:.4%}", plan.status, f"{seconds:.1f}", verdict(problem, plan)]
        )  # fmt: skip
        print("  ".join(lines[-1]), file=sys.stderr, flush=True)
    print(table(lines))
    return int(any(line[-1] != "ok" for line in lines[1:]))


if __name__ == "__main__":
    sys.exit(main())
