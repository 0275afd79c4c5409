"""Small random instances with every feature of the model, for comparison with exhaustive enumeration."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from models.instance import Instance, LimitRow

SWITCHES = (
    "temperatures", "candidates", "windows", "feeders", "surge", "budget", "room", "max_skus", "units_per_day",
    "lane_capacity", "backup", "node_counts", "tier_nodes", "shelf_life", "soft_limits", "hard_limits", "in_force",
    "zero_demand", "dead_periods", "outages", "lane_gaps", "carriers", "supply", "cycle_service", "fastest",
)  # fmt: skip

Parts = dict[str, Any]


def tiny(seed: int, skus: int = 3, nodes: int = 3, regions: int = 3, periods: int = 2, **switches: bool) -> Instance:
    """A structurally valid instance; each of SWITCHES is on or off as asked, else by the toss of a coin.

    It need not be feasible. Node 0 is a central node that is always open and can hold everything.
    """
    unknown = set(switches) - set(SWITCHES)
    if unknown:
        raise TypeError(f"unknown switches: {sorted(unknown)}")
    rng = np.random.default_rng(seed)
    coins = dict(zip(SWITCHES, (rng.random(len(SWITCHES)) < 0.5).tolist(), strict=True))
    on = {**coins, **switches}
    parts: Parts = {
        "skus": _names("K", skus),
        "nodes": _names("N", nodes),
        "regions": _names("R", regions),
        "periods": _names("T", periods),
    }
    parts |= _calendar(rng, periods)
    parts |= _sku_facts(rng, skus, nodes, on)
    parts |= _demand(rng, skus, regions, periods, on)
    parts |= _node_facts(rng, parts, on)
    parts |= _lanes(rng, nodes, regions, parts, on)
    parts |= _supply(rng, parts, on)
    parts |= _policy(rng, parts, on)
    instance = Instance(**parts)
    return replace(instance, limits=_limits(rng, instance, on), room_price=_room_price(seed, nodes))


def _room_price(seed: int, nodes: int) -> np.ndarray | None:
    """For every other seed, up to 200 money/m3/month at half of the rooms."""
    rng = np.random.default_rng(10_000_000 + seed)
    return rng.uniform(0.0, 200.0, (nodes, 3)) * (rng.random((nodes, 3)) < 0.5) if seed % 2 else None


def _names(letter: str, count: int) -> tuple[str, ...]:
    return tuple(f"{letter}{i}" for i in range(count))


def _calendar(rng: np.random.Generator, periods: int) -> Parts:
    if rng.random() < 0.5:
        return {"days": rng.integers(28, 32, periods).astype(float), "months": np.ones(periods)}
    return {"days": np.full(periods, 7.0), "months": np.full(periods, 12 / 52.1775)}


def _sku_facts(rng: np.random.Generator, skus: int, nodes: int, on: dict[str, bool]) -> Parts:
    cost = np.round(10 ** rng.uniform(0, 2.3, skus), 2)
    low = np.where(rng.random(skus) < 0.4, 2, 1) if on["node_counts"] else np.ones(skus)
    high = rng.integers(1, nodes + 1, skus) if on["node_counts"] else np.full(skus, nodes)
    shelf = np.where(rng.random(skus) < 0.6, rng.integers(10, 90, skus), np.inf)
    return {
        "unit_cost": cost,
        "unit_price": np.round(cost * rng.uniform(1.2, 3, skus), 2),
        "weight_kg": np.round(10 ** rng.uniform(-1.5, 1, skus), 3),
        "volume_m3": np.round(10 ** rng.uniform(-3.5, -1.5, skus), 5),
        "temperature": rng.integers(0, 3, skus) if on["temperatures"] else np.zeros(skus, dtype=np.int64),
        "shelf_life_days": shelf if on["shelf_life"] else np.full(skus, np.inf),
        "pack_size": rng.choice([1.0, 1.0, 6.0, 10.0], skus),
        "parcels_per_unit": np.round(rng.uniform(0.3, 1, skus), 3),
        "level_error": np.where(rng.random(skus) < 0.5, np.round(rng.uniform(0, 0.4, skus), 3), 0.0),
        "service_level": rng.choice([0.9, 0.95, 0.98], skus),
        "fill_service": rng.random(skus) < 0.5 if on["cycle_service"] else np.ones(skus, dtype=bool),
        "min_nodes": np.minimum(low, high).astype(np.int64),
        "max_nodes": np.asarray(high, dtype=np.int64),
        "tier": tuple(str(t) for t in rng.choice(["A", "B", "C"], skus)),
    }


def _demand(rng: np.random.Generator, skus: int, regions: int, periods: int, on: dict[str, bool]) -> Parts:
    level = 10 ** rng.uniform(-1.5, 1.2, (skus, 1, 1))
    mean = level * rng.uniform(0.2, 1, (1, regions, 1)) * rng.uniform(0.5, 1.5, (skus, regions, periods))
    mean = np.round(mean, 4)
    if on["zero_demand"]:
        mean[rng.random((skus, regions)) < 0.3] = 0.0
        mean[rng.integers(skus)] *= rng.random() < 0.5
    if on["dead_periods"]:
        mean[rng.integers(skus), :, rng.integers(periods)] = 0.0
    dispersion = rng.choice([0.0, 0.5, 1.0, 1.5, 3.0], (skus, 1, 1))
    return {"mean": mean, "variance": np.round(mean * dispersion, 4)}


def _node_facts(rng: np.random.Generator, parts: Parts, on: dict[str, bool]) -> Parts:
    nodes, periods = len(parts["nodes"]), len(parts["periods"])
    stock = parts["mean"].sum(1).max(1) * 25 + 1  # a rough cover of 25 days, units
    volume = np.zeros(3)
    np.add.at(volume, parts["temperature"], stock * parts["volume_m3"])
    room = np.full((nodes, 3), np.inf)
    if on["room"]:
        room = np.round(volume * rng.uniform(0.3, 2.0, (nodes, 3)) + 0.01, 4)
        room[0] = np.round(room[0] * 3, 4)
    room[1:][rng.random((nodes - 1, 3)) < 0.2] = 0.0
    room[:, 0] = np.where(rng.random(nodes) < 0.3, np.inf, room[:, 0])
    flow = parts["mean"].sum((0, 1)).max()
    central = np.where(np.arange(nodes) == 0, 2.2, 1.0)
    candidate = rng.random(nodes) < 0.6 if on["candidates"] else np.zeros(nodes, dtype=bool)
    candidate[0] = False
    available = np.ones((nodes, periods), dtype=bool)
    if on["windows"]:
        available[1:] = rng.random((nodes - 1, periods)) < 0.7
    return {
        "room_m3": room,
        "surge_m3": np.round(volume.sum() * rng.uniform(0, 0.6, nodes), 4) if on["surge"] else np.zeros(nodes),
        "surge_cost": np.round(rng.uniform(5, 60, nodes), 2),
        "units_per_day": np.round(flow * rng.uniform(0.5, 1.6, nodes) * central, 3)
        if on["units_per_day"]
        else _inf(nodes),
        "max_skus": np.ceil(len(parts["skus"]) * rng.uniform(0.2, 1, nodes) * central)
        if on["max_skus"]
        else _inf(nodes),
        "fixed_cost": np.round(rng.uniform(0, 60, nodes), 2),
        "opening_cost": np.round(rng.uniform(0, 60, nodes), 2),
        "candidate": candidate,
        "available": available,
        "handling_cost": np.round(rng.uniform(0, 1, nodes), 2),
        "storage_cost": np.round(rng.uniform(0, 40, nodes), 2),
        "stocking_cost": np.round(rng.uniform(0, 5, nodes), 2),
        "review_days": rng.choice([0.0, 1.0, 7.0, 14.0], nodes),
        "outage_days": rng.uniform(0, 12, nodes).round(1) if on["outages"] else np.zeros(nodes),
    }


def _inf(*shape: int) -> np.ndarray:
    return np.full(shape, np.inf)


def _lanes(rng: np.random.Generator, nodes: int, regions: int, parts: Parts, on: dict[str, bool]) -> Parts:
    carriers = 2 if on["carriers"] else 1
    grid = np.array([(n, r, c) for n in range(nodes) for r in range(regions) for c in range(carriers)])
    gaps = rng.random(len(grid)) < (0.35 if on["lane_gaps"] else 0.0)
    gaps &= grid[:, 0] > 0
    grid = rng.permutation(grid[~gaps])
    lanes = len(grid)
    temperatures = np.ones((lanes, 3), dtype=bool)
    if on["lane_gaps"]:
        temperatures[:, 1:] = (rng.random((lanes, 2)) < 0.8) | (grid[:, :1] == 0)
    base = rng.uniform(2, 12, (nodes, regions))[grid[:, 0], grid[:, 1]]
    parcels = (parts["mean"] * parts["parcels_per_unit"][:, None, None]).sum(0).max(1)[grid[:, 1]]
    return {
        "lane_node": grid[:, 0],
        "lane_region": grid[:, 1],
        "lane_carrier": tuple("AB"[c] for c in grid[:, 2]),
        "lane_parcel_cost": np.round(base * rng.uniform(0.8, 1.2, lanes) * 2) / 2,
        "lane_kg_cost": np.round(rng.uniform(0, 1, lanes) * 4) / 4,
        "lane_days": rng.integers(1, 6, lanes).astype(float),
        "lane_on_time": rng.choice([1.0, 0.95, 0.9, 0.8], lanes),
        "lane_damage": rng.choice([0.0, 0.0, 0.01, 0.05], lanes),
        "lane_temperatures": temperatures,
        "lane_parcels_per_day": np.round(parcels * rng.uniform(0.9, 2.5, lanes), 3)
        if on["lane_capacity"]
        else _inf(lanes),
        "promise_days": np.where(rng.random(regions) < 0.7, rng.integers(1, 5, regions), np.inf),
        "backup_required": rng.random(regions) < 0.5 if on["backup"] else np.zeros(regions, dtype=bool),
    }


def _supply(rng: np.random.Generator, parts: Parts, on: dict[str, bool]) -> Parts:
    skus, nodes = len(parts["skus"]), len(parts["nodes"])
    holds = parts["room_m3"][:, parts["temperature"]].T > 0
    feeder = np.full((skus, nodes), -1, dtype=np.int64)
    if on["feeders"]:
        upstream = np.array([rng.integers(-1, n) if n else -1 for n in range(nodes)])
        feeder = np.where((upstream >= 0) & holds[:, upstream], upstream, -1)
        feeder[rng.random((skus, nodes)) < 0.2] = -1
    allowed = holds[:, :, None] & parts["available"][None]
    if on["tier_nodes"]:
        narrowed = allowed & (rng.random((skus, nodes, 1)) < 0.7)
        allowed = np.where(narrowed.any(1, keepdims=True), narrowed, allowed)
    by_sku = (skus, nodes) if on["supply"] else (1, nodes)
    order_cost = rng.choice([0.0, 5.0, 25.0], by_sku)
    return {
        "allowed": allowed,
        "feeder": feeder,
        "lead_time": np.broadcast_to(rng.integers(1, 20, by_sku).astype(float), (skus, nodes)).copy(),
        "lead_time_sd": np.broadcast_to(rng.choice([0.0, 1.0, 3.0], by_sku), (skus, nodes)).copy(),
        "inbound_per_unit": np.broadcast_to(rng.uniform(0, 1, by_sku).round(2), (skus, nodes)).copy(),
        "inbound_per_kg": np.broadcast_to(rng.uniform(0, 1, by_sku).round(2), (skus, nodes)).copy(),
        "order_cost": np.where(feeder >= 0, 5.0, order_cost),
        "moq": np.where(feeder >= 0, 1.0, rng.choice([1.0, 1.0, 12.0, 50.0], (skus, nodes))),
    }


def _policy(rng: np.random.Generator, parts: Parts, on: dict[str, bool]) -> Parts:
    skus, nodes = len(parts["skus"]), len(parts["nodes"])
    held = rng.random((skus, nodes)) < 0.5
    value = (parts["mean"].sum(1).max(1) * 15 * parts["unit_cost"]).sum()
    on_hand = np.where(held, rng.integers(0, 40, (skus, nodes)), 0.0) if on["in_force"] else np.zeros((skus, nodes))
    return {
        "in_force": held if on["in_force"] else None,
        "clearing": np.round(on_hand * 0.7, 2) if on["in_force"] else None,
        "on_hand": on_hand,
        "on_order": np.where(held, rng.integers(1, 20, (skus, nodes)), 0.0)
        if on["in_force"]
        else np.zeros((skus, nodes)),
        "holding_rate": float(rng.choice([0.0, 0.2, 0.35])),
        "late_penalty": float(rng.choice([0.0, 5.0])),
        "lost_sale_rate": 0.5,
        "change_cost_in": float(rng.choice([0.0, 5.0, 30.0])),
        "change_cost_out": float(rng.choice([0.0, 5.0])),
        "max_cover_days": float(rng.choice([30.0, 90.0])),
        "fastest": on["fastest"],
        "short_lost": float(rng.choice([0.0, 0.5, 1.0])),
        "raised": rng.random(skus) < 0.5,
        "sale_days": rng.choice([10.0, 45.0, np.inf], (skus, len(parts["days"]))),
        "budget": float(np.round(value * rng.uniform(0.8, 2.5), 2)) if on["budget"] else np.inf,
    }


def _limits(rng: np.random.Generator, instance: Instance, on: dict[str, bool]) -> tuple[LimitRow, ...]:
    rows: list[LimitRow] = []
    if on["hard_limits"]:
        rows += [_limit(rng, instance, f"hard{i}", np.inf) for i in range(int(rng.integers(1, 3)))]
    if on["soft_limits"]:
        prices = rng.choice([0.5, 5.0, 50.0], int(rng.integers(1, 4)))
        rows += [_limit(rng, instance, f"soft{i}", float(price)) for i, price in enumerate(prices)]
    return tuple(rows)


def _limit(rng: np.random.Generator, instance: Instance, name: str, penalty: float) -> LimitRow:
    skus, nodes, regions, periods = instance.shape
    measure = str(rng.choice([name for name in _rough_use(instance) if name != "change_value"]))
    if measure == "changes" and int(name[-1]) % 2:
        measure = "change_value"
    whole = measure in ("cost", "on_time_share", "purchases")
    filtered = bool(rng.random() < 0.4) and measure != "nodes"
    regional = measure in ("units_per_day", "on_time_share") and rng.random() < 0.5
    upper = measure in ("cost", "purchases", "changes", "change_value", "nodes") or (
        measure != "on_time_share" and rng.random() < 0.6
    )
    loose = rng.uniform(0.8, 2.2) if upper else rng.uniform(0.05, 0.4)
    share = measure == "on_time_share"
    return LimitRow(
        name=name,
        measure=measure,
        sense="max" if upper else "min",
        amount=float(rng.choice([0.3, 0.5, 0.8]))
        if share
        else float(np.round(_rough_use(instance)[measure] * loose, 3)),
        skus=_some(rng, skus) if filtered else np.ones(skus, dtype=bool),
        nodes=np.ones(nodes, dtype=bool) if whole or rng.random() < 0.5 else _some(rng, nodes),
        regions=_some(rng, regions) if regional else None,
        periods=np.ones(periods, dtype=bool)
        if measure in ("purchases", "changes", "change_value") or rng.random() < 0.6
        else _some(rng, periods),
        penalty=penalty,
        filtered=filtered,
    )


def _some(rng: np.random.Generator, count: int) -> np.ndarray:
    chosen = rng.random(count) < 0.6
    chosen[rng.integers(count)] = True
    return chosen


def _rough_use(instance: Instance) -> dict[str, float]:
    """The order of magnitude of each measure, for amounts that may bind."""
    daily = instance.mean.sum(1).max(1)
    sold = float((instance.mean * instance.days).sum(1)[:, 0] @ instance.unit_cost)
    return {
        "value": float((daily * 15) @ instance.unit_cost),
        "volume_m3": float((daily * 25) @ instance.volume_m3),
        "units": float(daily.sum() * 15),
        "units_per_day": float(daily.sum()),
        "skus": float(len(daily) * 1.5),
        "nodes": float(max(1, len(instance.nodes) - 1)),
        "cost": float((instance.mean * instance.days).sum() * 12),
        "on_time_share": 0.9,
        "purchases": sold * 1.5,
        "changes": float(len(daily)),
        "change_value": float((daily * 15) @ instance.unit_cost),
    }
