"""Which lane serves a region, and which is its backup, for every set of nodes (MATHEMATICS.md, sections 4 and 5)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .instance import Bools, Floats, Instance, Ints

WEIGHT_BANDS_KG = np.array([0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0])


def weight_band(weight_kg: Floats) -> Ints:
    """Index into ``WEIGHT_BANDS_KG`` of the first band not below each weight (kg); heavier goods use the last band.

    >>> weight_band(np.array([0.0, 0.25, 0.3, 400.0])).tolist()
    [0, 0, 1, 8]
    """
    return np.minimum(np.searchsorted(WEIGHT_BANDS_KG, weight_kg), len(WEIGHT_BANDS_KG) - 1)


def late_share(instance: Instance) -> Floats:
    """(L,) expected share of a lane's parcels that arrive after the promise: 1 if the lane misses it by plan."""
    misses = instance.lane_days > instance.promise_days[instance.lane_region]
    return np.where(misses, 1.0, 1.0 - instance.lane_on_time)


@dataclass(frozen=True)
class Router:
    """The router's rate card for one temperature and weight band."""

    lane: Ints  # (N,R) the node's best lane to the region, -1 if none carries the temperature
    order: Ints  # (R,N) nodes from best to worst; nodes without a lane stand last
    reach: Bools  # (N,R) a lane exists

    def choose(self, sets: Bools) -> tuple[Ints, Ints]:
        """Primary and backup node for each set and region.

        sets (S,N) -> two (S,R) arrays of node indices, -1 where there is none.
        """
        member = sets[:, self.order] & self.reach.T[np.arange(self.order.shape[0])[:, None], self.order]
        primary = self._first(member)
        np.put_along_axis(member, np.argmax(member, axis=2)[:, :, None], False, axis=2)
        return primary, self._first(member)

    def _first(self, member: Bools) -> Ints:
        position = np.argmax(member, axis=2)
        found = np.take_along_axis(member, position[:, :, None], axis=2)[:, :, 0]
        return np.where(found, self.order[np.arange(self.order.shape[0])[None, :], position], -1)


def router(instance: Instance, temperature: int, band: int) -> Router:
    """Rank all lanes for goods of one temperature and weight band, as section 4 says."""
    _, nodes, regions, _ = instance.shape
    lanes = np.flatnonzero(instance.lane_temperatures[:, temperature])
    lanes = lanes[_ranking(instance, lanes, WEIGHT_BANDS_KG[band])]
    pair = instance.lane_node[lanes] * regions + instance.lane_region[lanes]
    _, first = np.unique(pair, return_index=True)
    best = lanes[np.sort(first)]

    lane = np.full((nodes, regions), -1)
    lane[instance.lane_node[best], instance.lane_region[best]] = best
    rank = np.full((nodes, regions), len(lanes) + 1)
    rank[instance.lane_node[best], instance.lane_region[best]] = np.arange(len(best))
    return Router(lane=lane, order=np.argsort(rank.T, axis=1, kind="stable"), reach=lane >= 0)


def _ranking(instance: Instance, lanes: Ints, kg: float) -> Ints:
    cost = instance.lane_parcel_cost[lanes] + kg * instance.lane_kg_cost[lanes]
    days = instance.lane_days[lanes]
    misses = days > instance.promise_days[instance.lane_region[lanes]]
    by_days = misses | instance.fastest
    carrier = np.unique(np.array(instance.lane_carrier, dtype=str), return_inverse=True)[1][lanes]
    return np.lexsort(
        (carrier, instance.lane_node[lanes], np.where(by_days, cost, days), np.where(by_days, days, cost), misses)
    )


def chains(feeder: Ints) -> list[Ints]:
    """The feeder above each node, the one above that, and so on, until all reached the supplier (-1).

    feeder (..., N) -> list of arrays of the same shape. Raises ValueError when feeders form a circle.
    """
    out: list[Ints] = []
    above = feeder
    while (above >= 0).any():
        if len(out) > feeder.shape[-1]:
            raise ValueError("replenished_from goes round in a circle")
        out.append(above)
        above = np.where(above >= 0, np.take_along_axis(feeder, np.maximum(above, 0), axis=-1), -1)
    return out
