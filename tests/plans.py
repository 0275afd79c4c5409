"""A network small enough to be reckoned by hand, and plans for it and for random instances."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from models.evaluation import evaluate
from models.instance import Bools, Instance
from models.outcome import Outcome, Rents
from optimizer.assembly import assemble, forecast
from optimizer.case import Case
from optimizer.plan import Plan

from .cases import case_of
from .instances import tiny

FREE = {
    "order_cost": 0, "transfer_cost": 0, "late_penalty_per_parcel": 0, "change_cost_in": 2, "change_cost_out": 3,
    "transfer_cost_per_kg": 0,
    "periods": 2, "budget": 200,
}  # fmt: skip
NODE = {"lead_time_sd": 0, "handling_cost_per_unit": 0, "storage_cost_per_m3_month": 0, "outage_days_per_year": 0}


def hand_case(settings: Mapping[str, Any] | None = None, **sheets: Any) -> Case:
    """Two SKUs, three nodes in a chain (CENTRAL feeds HUB feeds POP), two regions; demand without spread.

    S1 (ambient, packs of 5) sells 2 a day in EAST and 1 in WEST; S2 (chilled) 1 a day in EAST.
    """
    rows: dict[str, Any] = {
        "skus": [
            {"sku": "S1", "unit_cost": 10, "weight_kg": 1, "volume_l": 2, "pack_size": 5, "tier": "A",
             "supplier": "ACME"},
            {"sku": "S2", "unit_cost": 4, "weight_kg": 1, "volume_l": 1, "temperature": "chilled", "tier": "C"},
        ],
        "nodes": [
            {**NODE, "node": "CENTRAL", "type": "central", "lat": 40, "lon": -100, "chilled_m3": 0.01,
             "lead_time_days": 4, "review_days": 6},
            {**NODE, "node": "HUB", "type": "regional", "lat": 40, "lon": -95, "chilled_m3": 1, "ambient_m3": 0.05,
             "replenished_from": "CENTRAL", "lead_time_days": 2, "review_days": 3},
            {**NODE, "node": "POP", "type": "popup", "lat": 40, "lon": -80, "status": "candidate",
             "replenished_from": "HUB", "lead_time_days": 1, "review_days": 2, "opening_cost": 300,
             "fixed_cost_per_month": 100},
        ],
        "regions": [{"region": "EAST", "promise_days": 3}, {"region": "WEST"}],
        "lanes": [
            _lane("CENTRAL", "EAST", 8, 4), _lane("HUB", "EAST", 5, 2), _lane("POP", "EAST", 3, 1),
            _lane("CENTRAL", "WEST", 6, 2),
        ],
        "demand": [
            {"sku": "S1", "region": "EAST", "mean_per_day": 2, "sd_per_day": 0},
            {"sku": "S1", "region": "WEST", "mean_per_day": 1, "sd_per_day": 0},
            {"sku": "S2", "region": "EAST", "mean_per_day": 1, "sd_per_day": 0},
        ],
        "stock": [
            {"sku": "S1", "node": "HUB", "on_hand": 31, "on_order": 0},
            {"sku": "S1", "node": "POP", "on_hand": 7, "on_order": 0},
            {"sku": "S2", "node": "CENTRAL", "on_hand": 12, "on_order": 3},
            {"sku": "S2", "node": "HUB", "on_hand": 9, "on_order": 0},
        ],
    }  # fmt: skip
    return case_of({**FREE, **(settings or {})}, **{**rows, **sheets})


def _lane(node: str, region: str, cost: float, days: float) -> dict[str, Any]:
    return {
        "node": node, "region": region, "carrier": "van", "cost_per_parcel": cost, "cost_per_kg": 0,
        "transit_days": days, "on_time_rate": 0.9, "damage_rate": 0,
    }  # fmt: skip


def hand_plan(case: Case | None = None, **outcome: Any) -> Plan:
    """S1 at CENTRAL in both periods, at HUB in the first, at POP in the second; S2 at CENTRAL in both."""
    case = case or hand_case()
    rates = forecast(case)
    instance = assemble(case, rates)
    stocked = np.zeros((2, 3, 2), dtype=bool)
    stocked[:, 0, :] = True
    stocked[0, 1, 0] = stocked[0, 2, 1] = True
    is_open = np.array([[True, True], [True, True], [False, True]])
    return plan_of(case, instance, stocked, is_open, rates=rates, **outcome)


def plan_of(case: Case, instance: Instance, stocked: Bools, is_open: Bools, rates: Any = None, **changes: Any) -> Plan:
    """A plan of a placement given by hand, with a bound 1 % below its cost and no surge space."""
    surge = np.zeros((len(instance.nodes), 3, len(instance.periods)))
    evaluation = evaluate(instance, stocked, is_open, surge)
    outcome = Outcome("stalled", evaluation.total, 0.99 * evaluation.total, stocked, is_open, surge, rents(instance))
    facts = {"seconds": 1.5, "peak_memory_mb": 200.0, "versions": {"numpy": np.__version__}}
    return Plan(case, instance, rates, replace(outcome, **changes), evaluation, facts=facts)


def rents(instance: Instance) -> Rents:
    """A rent of 7 on CENTRAL's chilled room in the first period, of 0.5 on the budget in the second, else none."""
    _, nodes, _, periods = instance.shape
    room, budget = np.zeros((nodes, 3, periods)), np.zeros(periods)
    room[0, 1, 0], budget[-1] = 7.0, 0.5
    lanes = np.zeros((len(instance.lane_node), periods))
    return Rents(room, np.zeros((nodes, periods)), np.zeros((nodes, periods)), budget, lanes, {})


def random_plan(seed: int) -> Plan:
    """A random instance with every feature; N0 stocks all that sells, the other nodes what a coin says."""
    instance = replace(tiny(seed), periods=("2027-01", "2027-02"))
    rng = np.random.default_rng(seed)
    live = instance.mean.sum(axis=1) > 0
    stocked = (rng.random(instance.allowed.shape) < 0.5) & instance.available[None] & live[:, None, :]
    stocked[:, 0, :] = live
    case = case_of({"periods": 2})
    nodes = pd.DataFrame({"node": instance.nodes, "type": "central", "lat": np.nan, "lon": np.nan})
    case = replace(case, nodes=nodes, skus=pd.DataFrame({"sku": instance.skus, "supplier": None}))
    return plan_of(case, instance, stocked, instance.available)
