"""The same instance in another order, under other names, cut down, enlarged or in other money; and two side by side."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from models.instance import Instance, LimitRow

AXES = {
    **dict.fromkeys(
        ("unit_cost", "unit_price", "weight_kg", "volume_m3", "temperature", "shelf_life_days", "pack_size",
         "parcels_per_unit", "level_error", "service_level", "fill_service", "min_nodes", "max_nodes", "raised"), "K"),
    **dict.fromkeys(("mean", "variance"), "KRT"),
    "sale_days": "KT",
    **dict.fromkeys(("allowed", "start"), "KNT"),
    **dict.fromkeys(
        ("feeder", "lead_time", "lead_time_sd", "inbound_per_unit", "inbound_per_kg", "order_cost", "moq", "in_force",
         "on_hand", "on_order", "clearing", "stood"), "KN"),
    "room_m3": "N3", "room_price": "N3", "available": "NT",
    **dict.fromkeys(
        ("surge_m3", "surge_cost", "units_per_day", "max_skus", "fixed_cost", "opening_cost", "candidate", "was_open",
         "handling_cost", "storage_cost", "stocking_cost", "review_days", "outage_days"), "N"),
    **dict.fromkeys(
        ("lane_node", "lane_region", "lane_parcel_cost", "lane_kg_cost", "lane_days", "lane_on_time", "lane_damage",
         "lane_parcels_per_day"), "L"),
    "lane_temperatures": "L3", "promise_days": "R", "backup_required": "R",
}  # fmt: skip
NAMES = {"K": "skus", "N": "nodes", "R": "regions"}
MASKS = {"K": "skus", "N": "nodes", "R": "regions"}
MONEY_MEASURES = ("value", "cost", "purchases", "change_value")
MONEY = (
    "unit_cost", "unit_price", "inbound_per_unit", "inbound_per_kg", "order_cost", "surge_cost", "fixed_cost",
    "opening_cost", "handling_cost", "storage_cost", "stocking_cost", "lane_parcel_cost", "lane_kg_cost",
    "late_penalty", "change_cost_in", "change_cost_out", "budget", "clearing",
    "room_price",
)  # fmt: skip
POLICY = ("holding_rate", "late_penalty", "lost_sale_rate", "change_cost_in", "change_cost_out", "max_cover_days",
          "short_lost", "fastest")  # fmt: skip

Order = np.ndarray[Any, Any]


def taken(instance: Instance, axis: str, order: Order) -> Instance:
    """The SKUs (K), nodes (N), regions (R) or lanes (L) at these positions, in this order; positions may repeat.

    Lanes and feeders keep pointing at positions of before, unless the axis is theirs and no position repeats.
    """
    changes: dict[str, Any] = {}
    for name, axes in AXES.items():
        values = getattr(instance, name)
        if axis in axes and values is not None:
            changes[name] = np.take(values, order, axis=axes.index(axis))
    if axis in NAMES:
        names = getattr(instance, NAMES[axis])
        changes[NAMES[axis]] = tuple(
            names[i] + ("" if (order[:j] != i).all() else f"-{j}") for j, i in enumerate(order)
        )
        changes["limits"] = tuple(_masked(row, MASKS[axis], order) for row in instance.limits)
    if axis == "K":
        changes["tier"] = tuple(instance.tier[i] for i in order)
    if axis == "L":
        changes["lane_carrier"] = tuple(instance.lane_carrier[i] for i in order)
    return replace(instance, **changes)


def _masked(row: LimitRow, mask: str, order: Order) -> LimitRow:
    values = getattr(row, mask)
    return row if values is None else replace(row, **{mask: values[order]})


def _places(order: Order, count: int) -> Order:
    """Where each old position now stands; -1 where it is gone."""
    places = np.full(count, -1)
    places[order] = np.arange(len(order))
    return places


def only_nodes(instance: Instance, order: Order) -> Instance:
    """These nodes in this order, with their lanes; no node that stays may be fed by one that goes."""
    places = _places(order, len(instance.nodes))
    cut = taken(instance, "N", order)
    feeder = np.where(cut.feeder >= 0, places[cut.feeder], -1)
    assert ((feeder >= 0) == (cut.feeder >= 0)).all()
    cut = taken(replace(cut, feeder=feeder), "L", np.flatnonzero(places[instance.lane_node] >= 0))
    return replace(cut, lane_node=places[cut.lane_node])


def in_order_of_regions(instance: Instance, order: Order) -> Instance:
    """The same regions in another order."""
    places = _places(order, len(instance.regions))
    return replace(taken(instance, "R", order), lane_region=places[instance.lane_region])


def with_region_cut_in_half(instance: Instance, region: int) -> Instance:
    """The region and a twin of it at the end of the list, with half of the demand and of each lane's parcels each."""
    count = len(instance.regions)
    twin = taken(instance, "R", np.append(np.arange(count), region))
    halves = np.ones(count + 1)
    halves[[region, count]] = 0.5
    twin = replace(twin, mean=twin.mean * halves[:, None], variance=twin.variance * halves[:, None])
    copied = np.flatnonzero(instance.lane_region == region)
    lanes = taken(twin, "L", np.append(np.arange(len(instance.lane_node)), copied))
    to = np.append(instance.lane_region, np.full(len(copied), count))
    return replace(lanes, lane_region=to, lane_parcels_per_day=lanes.lane_parcels_per_day * halves[to])


def in_other_money(instance: Instance, rate: float) -> Instance:
    """Every price in a currency of which one old unit buys ``rate``."""
    limits = []
    for row in instance.limits:
        if row.measure in MONEY_MEASURES:
            limits.append(replace(row, amount=row.amount * rate))
        else:
            limits.append(replace(row, penalty=row.penalty * rate))
    prices = {name: getattr(instance, name) * rate for name in MONEY if getattr(instance, name) is not None}
    return replace(instance, **prices, limits=tuple(limits))


def in_other_volume(instance: Instance, rate: float) -> Instance:
    """Every volume in a unit of which one old unit makes ``rate``."""
    limits = tuple(
        replace(row, amount=row.amount * rate, penalty=row.penalty / rate) if row.measure == "volume_m3" else row
        for row in instance.limits
    )
    times = {name: getattr(instance, name) * rate for name in ("volume_m3", "room_m3", "surge_m3")}
    by_volume = ("surge_cost", "storage_cost", "room_price")
    per = {name: getattr(instance, name) / rate for name in by_volume if getattr(instance, name) is not None}
    return replace(instance, **times, **per, limits=limits)


def without_limits(instance: Instance) -> Instance:
    """No rows of the Limits sheet."""
    return replace(instance, limits=())


def side_by_side(one: Instance, two: Instance) -> Instance:
    """Both in one, without a lane between them; they must share calendar and policy and have no limits."""
    assert all(getattr(one, name) == getattr(two, name) for name in POLICY)
    assert not one.limits
    assert not two.limits
    shift = {"feeder": len(one.nodes), "lane_node": len(one.nodes), "lane_region": len(one.regions)}
    empty = {"allowed": False, "feeder": -1, "in_force": False, "mean": 0.0, "variance": 0.0, "moq": 1.0}
    changes: dict[str, Any] = {}
    for name, axes in AXES.items():
        a, b = getattr(one, name), getattr(two, name)
        if a is None or b is None:
            changes[name] = None
            continue
        b = np.where(b >= 0, b + shift[name], b) if name in shift else b
        if "K" in axes and ("N" in axes or "R" in axes):
            changes[name] = _blocks(a, b, empty.get(name, 0.0))
        else:
            changes[name] = np.concatenate([a, b])
    names = {name: getattr(one, name) + tuple(f"{x}'" for x in getattr(two, name)) for name in NAMES.values()}
    return replace(one, **changes, **names, tier=one.tier + two.tier, lane_carrier=one.lane_carrier + two.lane_carrier)


def _blocks(a: Order, b: Order, fill: Any) -> Order:
    """a and b on the diagonal of the first two axes."""
    out = np.full((a.shape[0] + b.shape[0], a.shape[1] + b.shape[1], *a.shape[2:]), fill, dtype=a.dtype)
    out[: a.shape[0], : a.shape[1]] = a
    out[a.shape[0] :, a.shape[1] :] = b
    return out
