"""Small networks for the simulator: one constructor with plain defaults, every fact can be stated."""

from __future__ import annotations

from typing import Any

import numpy as np

from models.instance import Instance
from models.shelves import FRESH
from models.simulation import Opening, Options, OrderLines, Rules, Simulation, Tally, simulate


def network(
    skus: int = 1, nodes: int = 1, regions: int = 1, periods: int = 1, days: int = 1000, **facts: Any
) -> Instance:
    """Every node reaches every region for 5 + node number a parcel in one day, on time; all else costs nothing.

    No random event, no limit, no feeder; lead time 2 days, reviewed each day. Facts of an array field may be scalars.
    """
    pair = (skus, nodes)
    lanes = nodes * regions
    node, region = np.divmod(np.arange(lanes), regions)
    plain: dict[str, Any] = {
        "unit_cost": (skus, 10.0), "unit_price": (skus, 20.0), "weight_kg": (skus, 0.2), "volume_m3": (skus, 0.001),
        "temperature": (skus, 0), "shelf_life_days": (skus, np.inf), "pack_size": (skus, 1.0),
        "parcels_per_unit": (skus, 1.0), "level_error": (skus, 0.0), "service_level": (skus, 0.95),
        "fill_service": (skus, True), "min_nodes": (skus, 1), "max_nodes": (skus, nodes),
        "mean": ((skus, regions, periods), 1.0), "variance": ((skus, regions, periods), 1.0),
        "allowed": ((*pair, periods), True), "feeder": (pair, -1), "lead_time": (pair, 2.0),
        "lead_time_sd": (pair, 0.0),
        "inbound_per_unit": (pair, 0.0), "inbound_per_kg": (pair, 0.0), "order_cost": (pair, 0.0), "moq": (pair, 1.0),
        "on_hand": (pair, 0.0), "on_order": (pair, 0.0),
        "room_m3": ((nodes, 3), np.inf), "surge_m3": (nodes, 0.0), "surge_cost": (nodes, 0.0),
        "units_per_day": (nodes, np.inf), "max_skus": (nodes, np.inf), "fixed_cost": (nodes, 0.0),
        "opening_cost": (nodes, 0.0), "candidate": (nodes, False), "available": ((nodes, periods), True),
        "handling_cost": (nodes, 0.0), "storage_cost": (nodes, 0.0), "stocking_cost": (nodes, 0.0),
        "review_days": (nodes, 1.0), "outage_days": (nodes, 0.0),
        "lane_node": (lanes, node), "lane_region": (lanes, region), "lane_parcel_cost": (lanes, 5.0 + node),
        "lane_kg_cost": (lanes, 0.0), "lane_days": (lanes, 1.0), "lane_on_time": (lanes, 1.0),
        "lane_damage": (lanes, 0.0), "lane_temperatures": ((lanes, 3), True), "lane_parcels_per_day": (lanes, np.inf),
        "promise_days": (regions, 3.0), "backup_required": (regions, False),
        "days": (periods, float(days)), "months": (periods, days / 30.0),
    }  # fmt: skip
    arrays = {name: _array(facts.pop(name, value), shape, value) for name, (shape, value) in plain.items()}
    names = {name: tuple(f"{name[0]}{i}" for i in range(n)) for name, n in zip(
        ("skus", "nodes", "regions", "periods"), (skus, nodes, regions, periods), strict=True)}  # fmt: skip
    rest: dict[str, Any] = {
        "tier": ("A",) * skus, "lane_carrier": ("van",) * lanes, "in_force": None, "holding_rate": 0.0,
        "late_penalty": 0.0, "lost_sale_rate": 0.5, "change_cost_in": 0.0, "change_cost_out": 0.0,
        "max_cover_days": 90.0,
    }  # fmt: skip
    return Instance(**names, **arrays, **{**rest, **facts})


def _array(value: Any, shape: Any, plain: Any) -> np.ndarray:
    kind = np.asarray(plain).dtype
    return np.broadcast_to(np.asarray(value, dtype=kind), shape).copy()


def rules(instance: Instance, reorder_point: Any, quantity: Any, stocked: Any = True) -> Rules:
    """Reorder points and quantities, broadcast to (K,N,T); the plan begins on day 0."""
    skus, nodes, _, periods = instance.shape
    shape = (skus, nodes, periods)
    ends = np.concatenate([[0], np.cumsum(instance.days)]).astype(np.int64)
    surge = np.zeros((nodes, 3, periods))
    return Rules(
        _array(stocked, shape, True), _array(reorder_point, shape, 0.0), _array(quantity, shape, 0.0), surge, ends
    )


def orders(*lines: tuple[int, int, int, int, float]) -> OrderLines:
    """Lines of (day, order, sku, region, quantity)."""
    columns = list(zip(*lines, strict=True)) if lines else [()] * 5
    day, order, sku, region = (np.array(column, dtype=np.int64) for column in columns[:4])
    return OrderLines(day, order, sku, region, np.array(columns[4], dtype=float))


def daily(quantities: Any, sku: int = 0, region: int = 0) -> OrderLines:
    """One order a day of one SKU; none where the quantity is 0."""
    return orders(*((day, day, sku, region, float(q)) for day, q in enumerate(quantities) if q > 0))


def opening(*rows: tuple[int, int, float] | tuple[int, int, float, int, int]) -> Opening:
    """Rows of (sku, node, units), on the shelf on day 0 and fresh, or (sku, node, units, day, expires)."""
    full = [(*row, 0, FRESH)[:5] if len(row) == 3 else row for row in rows]
    columns = list(zip(*full, strict=True)) if full else [()] * 5
    sku, node, day, expires = (np.array(columns[at], dtype=np.int64) for at in (0, 1, 3, 4))
    return Opening(sku, node, np.array(columns[2], dtype=float), day, expires)


def path(
    instance: Instance, plan: Rules, lines: OrderLines, start: Opening, days: int, seed: int = 0, **options: bool
) -> tuple[Tally, np.ndarray]:
    """The counts, and the stock on hand (days, K, N) at the end of each day."""
    seen = np.zeros((days, len(instance.skus), len(instance.nodes)))

    def look(day: int, world: Simulation) -> None:
        seen[day] = world.shelves.on_hand[world.cells.of]

    tally = simulate(instance, plan, lines, start, 0, days - 1, seed, Options(**options), look)
    return tally, seen
