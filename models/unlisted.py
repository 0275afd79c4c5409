"""A floor under the sets that were not listed, so that a bound stays a bound where not every set can be priced.

Any set of at least m nodes sends each region's demand over some lane and through some node's feeders, and pays the
fixed fees of m nodes; the cheapest of each, taken apart, cannot cost more than the set does. Stock is taken as free.
"""

from __future__ import annotations

import numpy as np

from . import pricing, routing
from .batches import Batch
from .instance import FIRST_PERIOD, Floats, Instance, Ints
from .pricing import Prices


def path_floor(instance: Instance, batch: Batch, prices: Prices) -> Floats:
    """(B,) no path of sets costs less, listed or not; changes to and from unlisted sets are free."""
    own = pricing.priced(instance, batch, prices, 0) + pricing.first_change(instance, batch, prices)
    beyond = floor(instance, batch, prices, 0)
    for t in range(1, len(instance.periods)):
        weight = pricing.cost_weight(instance, batch.skus, prices, t)
        least = np.minimum(own.min(axis=0), beyond)
        drop, add = weight * instance.change_cost_out, weight * instance.change_cost_in
        before = np.minimum(pricing.sweep(batch.family, own, drop, add), beyond[None, :])
        alone = pricing.priced(instance, batch, prices, t)
        own = np.where(np.isinf(alone), np.inf, alone + np.where(np.isinf(alone), 0.0, before))
        beyond = floor(instance, batch, prices, t) + least
    return np.minimum(own.min(axis=0), beyond)


def floor(instance: Instance, batch: Batch, prices: Prices, t: int) -> Floats:
    """(B,) no unlisted set of the SKU costs less in period t, rents included; inf where the SKU is not live.

    Minus infinity where a rent below zero rewards stock, flow or cost, which leaves nothing to stand on.
    """
    family, skus = batch.family, batch.skus
    if family.unlisted is None:
        return np.full(len(skus), np.inf)
    rents = pricing.rents(instance, batch, prices, t)
    weight = pricing.cost_weight(instance, skus, prices, t)
    shipping = _shipping(instance, batch, prices, t, weight, rents[2])
    fees = _fees(instance, batch, t, weight, rents)
    carrying = instance.days[t] / 365.0 * instance.holding_rate * instance.unit_cost[skus] * weight
    lowest = np.minimum(rents[1], rents[0] + rents[1] + carrying[:, None]).min(axis=1)
    bought = [prices.limits[i, 0] for i, limit in enumerate(instance.limits) if limit.measure in FIRST_PERIOD]
    rewarded = (lowest < 0) | (weight < 0) | (min(bought, default=0.0) < 0)
    live = (instance.mean[skus, :, t] > 0).any(axis=1)
    return np.where(live, np.where(rewarded, -np.inf, shipping + fees), np.inf)


def _shipping(instance: Instance, batch: Batch, prices: Prices, t: int, weight: Floats, flow_rent: Floats) -> Floats:
    """(B,) each region over its cheapest lane and chain of nodes."""
    lane = _lanes(instance, batch)
    skus, reached = batch.skus, lane >= 0
    late = routing.late_share(instance)
    per_parcel = (instance.lane_parcel_cost + late * instance.late_penalty)[lane]
    kilos, damage = instance.lane_kg_cost[lane], instance.lane_damage[lane]
    out = instance.outage_days / 365.0
    chain = _chain(instance, batch, t, weight, flow_rent)
    total = np.zeros(len(skus))
    for b, k in enumerate(skus):
        cost = instance.parcels_per_unit[k] * per_parcel + instance.weight_kg[k] * kilos
        cost = instance.days[t] * weight[b] * (cost + instance.unit_cost[k] * damage)
        cheapest = np.where(reached, cost, np.inf).min(axis=0)
        blended = np.where(reached, (1.0 - out[:, None]) * cost + out[:, None] * cheapest, np.inf)
        for by_lane, factor in pricing.regional_rents(instance, skus, prices, t):
            blended = blended + by_lane[lane] * factor[b]
        demand = instance.mean[k, :, t]
        total[b] = (np.where(demand > 0, (blended + chain[b][:, None]).min(axis=0), 0.0) * demand).sum()
    return total


def _lanes(instance: Instance, batch: Batch) -> Ints:
    """(N,R) best lane of each node that the family may stock, -1 where there is none."""
    first = int(batch.skus[0])
    band = int(routing.weight_band(instance.weight_kg[[first]])[0])
    lane = routing.router(instance, int(instance.temperature[first]), band).lane
    return np.where(batch.family.sets.any(axis=0).reshape(-1, 1), lane, -1)


def _chain(instance: Instance, batch: Batch, t: int, weight: Floats, flow_rent: Floats) -> Floats:
    """(B,N) inbound, handling and flow rent per unit/day through a node and all its feeders."""
    skus = batch.skus
    inbound = instance.inbound_per_unit[skus] + instance.weight_kg[skus, None] * instance.inbound_per_kg[skus]
    own = instance.days[t] * weight[:, None] * (inbound + instance.handling_cost[None, :]) + flow_rent
    total = own.copy()
    for above in routing.chains(instance.feeder[int(skus[0])]):
        total += np.where(above >= 0, own[:, np.maximum(above, 0)], 0.0)
    return total


def _fees(instance: Instance, batch: Batch, t: int, weight: Floats, rents: pricing.Rents) -> Floats:
    """(B,) the least fees and rents of stocking at as many nodes as an unlisted set has."""
    fee = instance.months[t] * weight[:, None] * instance.stocking_cost[None, :] + rents[3]
    if rents[4] is not None:
        fee = fee + rents[4]
    fee = np.sort(np.where(batch.family.sets.any(axis=0).reshape(1, -1), fee, np.inf), axis=1)
    least = batch.family.unlisted or 0
    return fee[:, :least].sum(axis=1) + np.minimum(fee[:, least:], 0.0).sum(axis=1)
