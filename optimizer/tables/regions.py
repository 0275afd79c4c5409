"""The Regions sheet: who ships to a region, who steps in, and how the promise is kept."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from models import routing
from models.instance import TEMPERATURES, Floats, Instance, Ints

from .basis import PlanBasis, blank_infinite, named
from .columns import REGIONS, frame
from .network import share_of


@dataclass(frozen=True)
class RegionFlow:
    """What the plan sends to each region, by temperature: arrays (R,3)."""

    period: int
    units: Floats  # units/day
    weight: Floats  # kg/day
    parcels: Floats  # parcels/day
    late: Floats  # parcels/day that miss the promise
    alone: Floats  # parcels/day whose SKU has no backup


def regions(basis: PlanBasis) -> pd.DataFrame:
    """The Regions sheet: one row per region, temperature with demand, and period."""
    parts: list[pd.DataFrame] = []
    for period in range(len(basis.instance.periods)):
        flow = region_flow(basis, period)
        parts.extend(
            _rows(basis, flow, temperature)
            for temperature in range(len(TEMPERATURES))
            if flow.units[:, temperature].any()
        )
    table = pd.concat(parts, ignore_index=True) if parts else frame(REGIONS, {column.name: [] for column in REGIONS})
    order = pd.DataFrame(
        {
            "period": pd.Categorical(table["period"], basis.instance.periods, ordered=True).codes,
            "region": pd.Categorical(table["region"], basis.instance.regions, ordered=True).codes,
            "temperature": pd.Categorical(table["temperature"], TEMPERATURES, ordered=True).codes,
        }
    )
    return table.iloc[np.lexsort((order["temperature"], order["region"], order["period"]))].reset_index(drop=True)


def region_flow(basis: PlanBasis, period: int) -> RegionFlow:
    """Sum what the primary lanes carry, by region and temperature."""
    instance = basis.instance
    primary, backup = basis.evaluation.primary[:, :, period], basis.evaluation.backup[:, :, period]
    sku, region = np.nonzero(primary >= 0)
    mean = instance.mean[sku, region, period]
    parcels = mean * instance.parcels_per_unit[sku]
    late = routing.late_share(instance)[primary[sku, region]]
    cell = region * len(TEMPERATURES) + instance.temperature[sku]

    def total(weights: Floats) -> Floats:
        shape = (len(instance.regions), len(TEMPERATURES))
        return np.bincount(cell, weights, minlength=shape[0] * shape[1]).astype(np.float64).reshape(shape)

    weight, alone = mean * instance.weight_kg[sku], parcels * (backup[sku, region] < 0)
    return RegionFlow(period, total(mean), total(weight), total(parcels), total(parcels * late), total(alone))


def _rows(basis: PlanBasis, flow: RegionFlow, temperature: int) -> pd.DataFrame:
    instance = basis.instance
    region = np.nonzero(flow.units[:, temperature])[0]
    used = lane_parcels(basis, flow.period, temperature)
    from_node = _from_nodes(instance, used)
    primary = busiest_lanes(instance, used, from_node)[region]
    backup = next_lanes(basis, flow, temperature, _nodes_of(instance, primary), region)
    parcels = flow.parcels[region, temperature]
    kg_per_parcel = share_of(flow.weight[region, temperature], parcels)
    cost = instance.lane_parcel_cost
    extra = (
        cost[backup] - cost[primary] + kg_per_parcel * (instance.lane_kg_cost[backup] - instance.lane_kg_cost[primary])
    )
    return frame(
        REGIONS,
        {
            "region": named(instance.regions, region),
            "temperature": np.full(len(region), TEMPERATURES[temperature], dtype=object),
            "primary_node": _node_names(instance, primary),
            "primary_carrier": named(instance.lane_carrier, primary),
            "backup_node": _node_names(instance, backup),
            "backup_carrier": named(instance.lane_carrier, backup),
            "days": np.where(primary >= 0, instance.lane_days[primary], np.nan),
            "promise": blank_infinite(instance.promise_days[region]),
            "on_time_share": 1.0 - share_of(flow.late[region, temperature], parcels),
            "extra_cost_of_backup": np.where(backup >= 0, extra, np.nan),
            "backup_days": np.where(backup >= 0, instance.lane_days[backup], np.nan),
            "period": np.full(len(region), instance.periods[flow.period], dtype=object),
            "parcels_per_day": parcels,
            "primary_share": share_of(from_node[_nodes_of(instance, primary), region], parcels),
            "no_backup_share": share_of(flow.alone[region, temperature], parcels),
        },
    )


def _node_names(instance: Instance, lanes: Ints) -> np.ndarray:
    return named(instance.nodes, _nodes_of(instance, lanes))


def _nodes_of(instance: Instance, lanes: Ints) -> Ints:
    """Node of each lane, -1 for none."""
    return np.where(lanes >= 0, instance.lane_node[lanes], -1)


def lane_parcels(basis: PlanBasis, period: int, temperature: int) -> Floats:
    """(L,) parcels/day of goods of one temperature that the plan sends over each lane."""
    instance = basis.instance
    skus = np.flatnonzero(instance.temperature == temperature)
    lanes = basis.evaluation.primary[skus, :, period]
    parcels = instance.mean[skus, :, period] * instance.parcels_per_unit[skus, None]
    used = lanes >= 0
    return np.bincount(lanes[used], parcels[used], minlength=len(instance.lane_node)).astype(np.float64)


def _from_nodes(instance: Instance, used: Floats) -> Floats:
    """(N,R) parcels/day from each node to each region."""
    total = np.zeros((len(instance.nodes), len(instance.regions)))
    np.add.at(total, (instance.lane_node, instance.lane_region), used)
    return total


def busiest_lanes(instance: Instance, used: Floats, from_node: Floats) -> Ints:
    """(R,) the most used lane of the node that sends a region the most parcels; -1 where nothing goes."""
    lanes = np.flatnonzero(used > 0)
    node, region = instance.lane_node[lanes], instance.lane_region[lanes]
    order = np.lexsort((-used[lanes], node, -from_node[node, region], region))
    regions, first = np.unique(region[order], return_index=True)
    out = np.full(len(instance.regions), -1, dtype=np.int64)
    out[regions] = lanes[order][first]
    return out


def next_lanes(basis: PlanBasis, flow: RegionFlow, temperature: int, primary: Ints, region: Ints) -> Ints:
    """(rows,) lane of the router's best node but the primary, among the nodes that stock goods of the temperature.

    The order is the router's (section 4) for the mean weight of a unit shipped to the region; -1 = no such node.
    """
    instance = basis.instance
    stocks = np.atleast_2d(basis.stocked[instance.temperature == temperature, :, flow.period].any(axis=0))
    unit_kg = share_of(flow.weight[region, temperature], flow.units[region, temperature])
    bands = routing.weight_band(np.nan_to_num(unit_kg))
    lanes = np.full(len(region), -1, dtype=np.int64)
    for band in np.unique(bands):
        rates, rows = routing.router(instance, temperature, int(band)), np.flatnonzero(bands == band)
        best, second = (nodes[0, region[rows]] for nodes in rates.choose(stocks))
        node = np.where(best != primary[rows], best, second)
        lanes[rows] = np.where(node >= 0, rates.lane[node, region[rows]], -1)
    return lanes
