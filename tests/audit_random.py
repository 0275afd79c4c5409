"""Random cases with every feature of the workbook, and random placements in them, for the tests of the auditor."""

from __future__ import annotations

from typing import Any

import numpy as np

from optimizer.assembly import assemble, forecast
from optimizer.case import Case
from tests.audit_network import make_case

WARMTH = ("ambient", "chilled", "frozen")
TYPES = ("central", "cold", "popup", "regional")
MEASURES = (
    "value",
    "volume_m3",
    "units",
    "units_per_day",
    "skus",
    "nodes",
    "cost",
    "on_time_share",
    "purchases",
    "changes",
    "change_value",
)


def random_case(seed: int, skus: int = 12, nodes: int = 5, regions: int = 4, periods: int = 3) -> Case:
    """A case with all sheets in use; its first node is central, holds everything and reaches every region."""
    rng = np.random.default_rng(seed)
    names = {
        "k": [f"00{k}" for k in range(skus)],
        "n": [f"N{n}" for n in range(nodes)],
        "r": [f"R{r}" for r in range(regions)],
    }
    settings = {
        "periods": periods,
        "period": str(rng.choice(["month", "week"])),
        "start": str(rng.choice(["2027-01-01", "2027-02-15"])),
        "routing": str(rng.choice(["cheapest", "fastest"])),
        "order_cost": float(rng.choice([0.0, 25.0])),
        "budget": 1e7,
        "max_cover_days": float(rng.choice([20.0, 90.0])),
        "short_lost_share": 0.5 * (seed % 2),
    }
    return make_case(
        [_sku(rng, name) for name in names["k"]],
        [_node(rng, at, name) for at, name in enumerate(names["n"])],
        [_region(rng, name) for name in names["r"]],
        _lanes(rng, names["n"], names["r"]),
        settings,
        demand=_demand(rng, names["k"], names["r"]),
        supply=_supply(rng, names["k"], names["n"]),
        stock=[
            _stock(rng, sku, node) for sku in names["k"] for node in names["n"] if rng.random() < 0.3 * (seed % 3 > 0)
        ],
        campaigns=[
            {
                "campaign": "B",
                "from": np.datetime64("2027-03-01"),
                "until": np.datetime64("2027-03-09"),
                "tier": "B",
                "uplift": 2.0,
            },
            {
                "campaign": "T",
                "from": np.datetime64("2027-01-10"),
                "until": np.datetime64("2027-02-20"),
                "category": "tea, soap",
            },
        ],
        limits=[_limit(rng, measure, names) for measure in MEASURES for _ in range(2)],
    )


def random_placement(case: Case, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Stocked (K,N,T) and open (N,T): the first node always, others at random where they are allowed and open."""
    rng = np.random.default_rng(seed)
    instance = assemble(case, forecast(case))
    is_open = instance.available & (~instance.candidate[:, None] | (rng.random(instance.available.shape) < 0.7))
    live = instance.mean.sum(axis=1) > 0
    stocked = instance.allowed & is_open & (rng.random(instance.allowed.shape) < 0.6)
    stocked[:, 0, :] = True
    return stocked & live[:, None, :], is_open


def _maybe(rng: np.random.Generator, chance: float, value: Any) -> Any:
    return value if rng.random() < chance else None


def _sku(rng: np.random.Generator, name: str) -> dict[str, Any]:
    return {
        "sku": name,
        "unit_cost": float(rng.uniform(0.5, 60)),
        "weight_kg": float(rng.choice([0.2, 0.5, 3.0, 40.0])),
        "volume_l": float(rng.uniform(0.1, 30)),
        "temperature": str(rng.choice(WARMTH, p=[0.6, 0.3, 0.1])),
        "shelf_life_days": _maybe(rng, 0.4, float(rng.integers(10, 90))),
        "requires": _maybe(rng, 0.2, "hazmat"),
        "supplier": _maybe(rng, 0.6, str(rng.choice(["ACME", "Best & Co"]))),
        "category": str(rng.choice(["tea", "soap", "toys"])),
        "moq": float(rng.choice([1, 30])),
        "pack_size": float(rng.choice([1, 6, 24])),
        "tier": _maybe(rng, 0.5, str(rng.choice(list("ABC")))),
        "service_level": _maybe(rng, 0.2, 0.97),
        "end_date": np.datetime64("2027-02-20") if name.endswith("3") else None,
    }


def _node(rng: np.random.Generator, at: int, name: str) -> dict[str, Any]:
    hub = at == 0
    return {
        "node": name,
        "type": "central" if hub else str(rng.choice(TYPES)),
        "status": "open" if hub else str(rng.choice(["open", "candidate"])),
        "open_until": None if hub else _maybe(rng, 0.3, np.datetime64("2027-02-17")),
        "ambient_m3": None if hub else _maybe(rng, 0.7, float(rng.uniform(0, 30))),
        "chilled_m3": 50.0 if hub else float(rng.choice([0, 5])),
        "frozen_m3": 50.0 if hub else float(rng.choice([0, 5])),
        "surge_m3": 8.0,
        "surge_cost_per_m3_month": 30.0,
        "units_per_day": _maybe(rng, 0.5, 1e5),
        "max_skus": _maybe(rng, 0.5, 500.0),
        "fixed_cost_per_month": 100.0,
        "opening_cost": 70.0,
        "handling_cost_per_unit": float(rng.uniform(0, 2)),
        "storage_cost_per_m3_month": float(rng.uniform(0, 20)),
        "stocking_cost_per_sku_month": float(rng.uniform(0, 3)),
        "lead_time_days": float(rng.integers(0, 20)),
        "lead_time_sd": float(rng.choice([0, 2])),
        "review_days": float(rng.choice([1, 7])),
        "inbound_cost_per_kg": 0.1,
        "inbound_cost_per_unit": 0.2,
        "outage_days_per_year": float(rng.integers(0, 9)),
        "capabilities": "hazmat, gift" if hub else _maybe(rng, 0.4, "hazmat"),
        "replenished_from": None if hub else _maybe(rng, 0.7, f"N{rng.integers(0, at)}"),
    }


def _region(rng: np.random.Generator, name: str) -> dict[str, Any]:
    return {
        "region": name,
        "promise_days": _maybe(rng, 0.7, float(rng.integers(1, 4))),
        "backup_required": bool(rng.random() < 0.3),
    }


def _lanes(rng: np.random.Generator, nodes: list[str], regions: list[str]) -> list[dict[str, Any]]:
    """One to three carriers a pair; only the first node reaches every region with every temperature."""
    rows = []
    for node in nodes:
        for region in regions:
            if node != nodes[0] and rng.random() < 0.2:
                continue
            carriers = rng.permutation(["van", "post", "air"])[: rng.integers(1, 4)]
            rows += [
                {
                    "node": node,
                    "region": region,
                    "carrier": str(carrier),
                    "cost_per_parcel": float(rng.choice([3.0, 4.0, 7.5])),
                    "cost_per_kg": float(rng.choice([0.0, 0.4])),
                    "transit_days": float(rng.integers(1, 5)),
                    "on_time_rate": float(rng.uniform(0.8, 1.0)),
                    "damage_rate": float(rng.choice([0.0, 0.01])),
                    "temperatures": None if node == nodes[0] else _maybe(rng, 0.5, "ambient; chilled"),
                    "parcels_per_day": _maybe(rng, 0.1, 1e4),
                }
                for carrier in carriers
            ]
    return rows


def _demand(rng: np.random.Generator, skus: list[str], regions: list[str]) -> list[dict[str, Any]]:
    """Slow and fast SKUs; some regions buy nothing, some SKUs sell from the second period only."""
    rows = []
    for sku in skus:
        speed = float(rng.choice([0.02, 0.4, 6.0]))
        for region in regions:
            if rng.random() < 0.85:
                mean = speed * float(rng.uniform(0.3, 2.0))
                rows.append(
                    {
                        "sku": sku,
                        "region": region,
                        "mean_per_day": mean,
                        "sd_per_day": float(np.sqrt(mean) * rng.uniform(0.6, 2.5)),
                    }
                )
    return rows


def _supply(rng: np.random.Generator, skus: list[str], nodes: list[str]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = [
        {"supplier": "ACME", "node": nodes[-1], "lead_time_days": 30.0, "cost_per_kg": 0.05, "moq": 12.0}
    ]
    for sku in skus:
        if rng.random() < 0.2:
            node = str(rng.choice(nodes))
            rows.append(
                {"sku": sku, "node": node, "lead_time_sd": _maybe(rng, 0.5, 5.0), "order_cost": _maybe(rng, 0.5, 60.0)}
            )
    return rows


def _stock(rng: np.random.Generator, sku: str, node: str) -> dict[str, Any]:
    units = float(rng.integers(0, 60))
    return {"sku": sku, "node": node, "on_hand": units, "on_order": float(rng.integers(0, 20))}


def _limit(rng: np.random.Generator, measure: str, names: dict[str, list[str]]) -> dict[str, Any]:
    """A soft limit at random filters that the measure allows."""
    row: dict[str, Any] = {
        "limit": f"{measure} {rng.integers(0, 1_000_000)}",
        "measure": measure,
        "sense": str(rng.choice(["max", "min"])),
    }
    scale = {"on_time_share": 1.0, "nodes": 4.0, "skus": 20.0}.get(measure, 1000.0)
    row |= {"amount": float(rng.uniform(0, scale)), "penalty_per_unit": 0.25, "period": _maybe(rng, 0.3, "2027-02-15")}
    if measure != "nodes":
        row["tier"] = _maybe(rng, 0.3, "A")
        row["category"] = _maybe(rng, 0.3, "tea")
        row["sku"] = _maybe(rng, 0.1, names["k"][0])
        row["temperature"] = _maybe(rng, 0.2, "ambient")
    if measure not in ("cost", "on_time_share", "purchases"):
        row["node"] = _maybe(rng, 0.3, names["n"][1])
        row["node_type"] = _maybe(rng, 0.2, "central")
    if measure in ("units_per_day", "on_time_share"):
        row["region"] = _maybe(rng, 0.5, names["r"][0])
    return row
