"""Small cases for the tests of the auditor: rows given as dictionaries, every blank filled as the reader would."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from models.evaluation import evaluate
from models.outcome import Outcome
from optimizer.assembly import assemble, forecast
from optimizer.case import Case
from optimizer.plan import Plan
from optimizer.reading.sheets import TIER_DEFAULTS, columns
from optimizer.settings import Settings

Rows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Rates:
    """Demand rates given outright."""

    mean: np.ndarray
    variance: np.ndarray
    level_error: np.ndarray
    parcels_per_unit: np.ndarray


def table(sheet: str, rows: Rows, settings: Settings) -> pd.DataFrame:
    """A sheet as a data frame with the contract's columns; blanks take their default or setting."""
    out = {}
    for column in columns(sheet):
        default = getattr(settings, column.setting) if column.setting else column.default
        values = [default if row.get(column.name) is None else row[column.name] for row in rows]
        number = column.kind in ("number", "whole")
        if column.kind == "date":
            out[column.name] = pd.Series(pd.to_datetime(values), dtype="datetime64[s]")
        else:
            out[column.name] = pd.Series(values, dtype=float if number else object)
    return pd.DataFrame(out)


def make_case(
    skus: Rows, nodes: Rows, regions: Rows, lanes: Rows, settings: Mapping[str, Any] | None = None, **sheets: Rows
) -> Case:
    """A case of these rows; unit_price blank = twice the unit cost; no Tiers sheet = the default tiers."""
    chosen = Settings().with_values(**({"start": date(2027, 1, 1), "periods": 1} | dict(settings or {})))
    priced = [{"unit_price": 2.0 * row["unit_cost"]} | dict(row) for row in skus]
    rows = {"skus": priced, "nodes": nodes, "regions": regions, "lanes": lanes, "tiers": TIER_DEFAULTS} | sheets
    names = ("Orders", "Demand", "SKUs", "Nodes", "Regions", "Lanes", "Supply", "Stock", "Campaigns", "Tiers", "Limits")
    tables = {name.lower(): table(name, rows.get(name.lower(), ()), chosen) for name in names}
    tables["lanes"]["estimated"] = False
    return Case(**tables, settings=chosen)


def rates(mean: Any, variance: Any = None, level_error: Any = 0.0, parcels_per_unit: Any = 1.0) -> Rates:
    """Rates from nested lists (K, R, T); Poisson variance unless given; one error, one parcel share or one each."""
    mean = np.asarray(mean, dtype=float)
    variance = mean if variance is None else np.asarray(variance, dtype=float)
    spread = np.broadcast_to(np.asarray(level_error, dtype=float), (len(mean),)).copy()
    parcels = np.broadcast_to(np.asarray(parcels_per_unit, dtype=float), (len(mean),)).copy()
    return Rates(mean, variance.copy(), spread, parcels)


def plan_of(
    case: Case, stocked: np.ndarray, open_nodes: np.ndarray | None = None, surge: np.ndarray | None = None
) -> Plan:
    """A plan with this placement and a bound 1 % below its cost; no solver is asked. Surge (N,3,T) m3, else none."""
    demand = forecast(case)
    instance = assemble(case, demand)
    is_open = instance.available & ~instance.candidate[:, None] if open_nodes is None else open_nodes
    rented = np.zeros((len(instance.nodes), 3, len(instance.periods))) if surge is None else surge
    evaluation = evaluate(instance, stocked, is_open, rented)
    outcome = Outcome("gap_reached", evaluation.total, 0.99 * evaluation.total, stocked, is_open, rented)
    return Plan(case, instance, demand, outcome, evaluation)
