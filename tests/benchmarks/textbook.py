"""The textbook model of stock placement as plain coefficients, for the baselines to build in their own ways.

Binary ``y[k,n,t]``: SKU k is stocked at n. ``x[k,n,r,t]``: share of region r's demand served from n, ``x <= y``. Pooled
stock is a square root of the flow, which a linear program cannot hold; as a good modeller would, stock, peak and the
cost of keeping it are fitted by ``a y + b flow`` to the exact policy of section 6 at several shares of the demand. What
feeders pass on counts as their flow; the stock they keep for it is linked by ``kept >= flow - most (1 - y)``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from models import routing
from models.evaluation import routing_classes, sku_holding_cost
from models.instance import Bools, Floats, Instance, Ints
from models.inventory import stock_policy

SHARES = (0.15, 0.3, 0.6, 1.0)  # of the SKU's demand, at which stock is fitted


class Fit(NamedTuple):
    """a y + b flow; both (K,N,T)."""

    a: Floats
    b: Floats


Chosen = tuple[Bools | None, Bools | None, float, float]  # stocked (K,N,T), open (N,T), own objective, own bound


@dataclass(frozen=True)
class Textbook:
    """Coefficients of the textbook model. Everything is 0 or False where `may_stock` or `may_serve` is False."""

    instance: Instance
    may_stock: Bools  # (K,N,T)
    may_pass: Bools  # (K,N,T) stocks or feeds a node that may stock
    may_serve: Bools  # (K,N,R,T)
    serve_cost: Floats  # (K,N,R,T) money for serving all of the region's demand
    stock_cost: Fit  # money
    peak_m3: Fit
    average_value: Fit  # money
    most: Floats  # (K,T) total demand, units/day
    feeds: Bools  # (K,N) the node feeds another node of the SKU
    least_nodes: Ints  # (K,T)

    def opened(self, chosen: Bools) -> Bools:
        """(N,T) candidates as chosen, other nodes whenever available."""
        return np.where(self.instance.candidate[:, None], chosen, True) & self.instance.available


def textbook(instance: Instance) -> Textbook:
    """Coefficients for an instance without limits, lane capacities and required backups (ValueError otherwise)."""
    if instance.limits or np.isfinite(instance.lane_parcels_per_day).any() or instance.backup_required.any():
        raise ValueError("the textbook model knows no limits, lane capacities or required backups")
    live = instance.mean.sum(1) > 0
    may_stock = instance.allowed & instance.available[None] & live[:, None, :]
    for above in routing.chains(instance.feeder):
        may_stock &= (above < 0)[:, :, None] | instance.available[np.maximum(above, 0)]
    may_serve, cost = _serving(instance, may_stock)
    stock_cost, peak, average = _fits(instance, may_stock)
    feeds = np.zeros(instance.feeder.shape, dtype=bool)
    may_pass = may_stock.copy()
    row = np.arange(len(instance.skus))[:, None]
    for above in routing.chains(instance.feeder):
        k, n = np.nonzero((above >= 0) & may_stock.any(2))
        feeds[k, above[k, n]] = True
        np.logical_or.at(may_pass, (row[k, 0], above[k, n]), may_stock[k, n])
    return Textbook(
        instance=instance,
        may_stock=may_stock,
        may_pass=may_pass,
        may_serve=may_serve,
        serve_cost=cost,
        stock_cost=stock_cost,
        peak_m3=peak,
        average_value=average,
        most=instance.mean.sum(1),
        feeds=feeds,
        least_nodes=np.where(live, np.minimum(instance.min_nodes[:, None], may_stock.sum(1)), 0),
    )


def _serving(instance: Instance, may_stock: Bools) -> tuple[Bools, Floats]:
    """Which (k,n,r,t) may be served and what that costs: lanes, lateness, damage, outage, handling and inbound."""
    skus, nodes, regions, _ = instance.shape
    per_unit = np.full((skus, nodes, regions), np.inf)
    late = routing.late_share(instance)
    for temperature, band, members in routing_classes(instance):
        lane = routing.router(instance, temperature, band).lane
        per_parcel = np.where(lane >= 0, (instance.lane_parcel_cost + late * instance.late_penalty)[lane], np.inf)
        parts = (
            instance.parcels_per_unit[members, None, None] * per_parcel
            + instance.weight_kg[members, None, None] * instance.lane_kg_cost[lane]
            + instance.unit_cost[members, None, None] * instance.lane_damage[lane]
        )
        per_unit[members] = parts
    per_unit = per_unit + _outage(instance, per_unit) + _way_in(instance)[:, :, None]
    reached = np.isfinite(per_unit)
    demand = instance.mean[:, None] * instance.days
    may_serve = may_stock[:, :, None, :] & reached[..., None] & (instance.mean[:, None] > 0)
    return may_serve, np.where(may_serve, np.where(reached, per_unit, 0.0)[..., None] * demand, 0.0)


def _outage(instance: Instance, per_unit: Floats) -> Floats:
    """(K,N,R) money per unit: on outage days the best other node steps in, or the sale is lost."""
    order = np.sort(per_unit, axis=1)
    second = order[:, 1:2] if per_unit.shape[1] > 1 else np.full_like(order[:, :1], np.inf)
    other = np.where(per_unit <= order[:, :1], second, order[:, :1])
    lost = (instance.lost_sale_rate * instance.unit_price)[:, None, None]
    alone = (instance.max_nodes[:, None, None] == 1) | ~np.isfinite(other)
    with np.errstate(invalid="ignore"):
        extra = np.where(alone, lost, np.maximum(0.0, other - per_unit))
    return np.where(np.isfinite(per_unit), instance.outage_days[None, :, None] / 365 * extra, 0.0)


def _way_in(instance: Instance) -> Floats:
    """(K,N) money per unit for inbound and handling at the node and its feeders."""
    leg = instance.inbound_per_unit + instance.weight_kg[:, None] * instance.inbound_per_kg + instance.handling_cost
    total = leg.copy()
    row = np.arange(len(instance.skus))[:, None]
    for above in routing.chains(instance.feeder):
        total += np.where(above >= 0, leg[row, np.maximum(above, 0)], 0.0)
    return total


def _fits(instance: Instance, may_stock: Bools) -> tuple[Fit, Fit, Fit]:
    """Cost of keeping stock, peak volume and average value as a y + b flow, least squares over SHARES."""
    k, n, t = np.nonzero(may_stock)
    samples = [_kept(instance, k, n, t, share) for share in SHARES]
    single = instance.max_nodes[k] == 1
    demand = instance.mean.sum(1)[k, t]
    flows = np.array(SHARES)[:, None] * demand
    out = []
    for which in range(3):
        values = np.stack([sample[which] for sample in samples])
        spread = flows - flows.mean(0)
        slope = np.maximum(0.0, (spread * values).sum(0) / (spread**2).sum(0))
        intercept = np.maximum(0.0, values.mean(0) - slope * flows.mean(0))
        a, b = np.zeros(may_stock.shape), np.zeros(may_stock.shape)
        a[k, n, t] = np.where(single, values[-1], intercept)
        b[k, n, t] = np.where(single, 0.0, slope)
        out.append(Fit(a, b))
    stocking = instance.months * instance.stocking_cost[:, None]
    return Fit(out[0].a + stocking * may_stock, out[0].b), out[1], out[2]


def _kept(instance: Instance, k: Ints, n: Ints, t: Ints, share: float) -> tuple[Floats, Floats, Floats]:
    """(cost, peak m3, average value) of stocking for this share of the demand, feeders stocking too."""
    flow = share * instance.mean.sum(1)[k, t]
    policy = stock_policy(
        flow, share * instance.variance.sum(1)[k, t], instance.lead_time[k, n], instance.lead_time_sd[k, n],
        instance.review_days[n], instance.level_error[k], instance.order_cost[k, n], sku_holding_cost(instance)[k, n],
        instance.moq[k, n], instance.pack_size[k], instance.max_cover_days, instance.shelf_life_days[k],
        instance.service_level[k], instance.fill_service[k],
    )  # fmt: skip
    days = instance.days[t]
    capital = days / 365 * instance.holding_rate * instance.unit_cost[k]
    storage = instance.months[t] * instance.storage_cost[n] * instance.volume_m3[k]
    cost = (capital + storage) * policy.average + days * policy.orders_per_day * instance.order_cost[k, n]
    cost = cost + days * instance.unit_cost[k] * policy.spoiled_per_day
    return cost, policy.peak * instance.volume_m3[k], policy.average * instance.unit_cost[k]
