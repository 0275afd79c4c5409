"""Exact cost and use of one given placement: the plan's own arithmetic, ignorant of the solver."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from . import routing
from .instance import FIRST_PERIOD, TEMPERATURES, Bools, Floats, Instance, Ints, LimitRow, summed
from .inventory import StockPolicy, stock_policy

COST_TERMS = (
    "outbound", "late", "damage", "inbound", "ordering", "handling",
    "capital", "storage", "stocking", "spoilage", "outage", "shortage", "change",
)  # fmt: skip
NODE_COST_TERMS = ("fixed", "opening", "surge")


@dataclass(frozen=True)
class Evaluation:
    """Everything sections 4-8 of MATHEMATICS.md say about one placement."""

    primary: Ints  # (K,R,T) lane index that serves the region, -1 where the SKU has no demand or no node
    backup: Ints  # (K,R,T) lane index of the second choice, -1 if none
    flow: Floats  # (K,N,T) F, units/day through n
    variance: Floats  # (K,N,T) V, units^2/day
    lead_time: Floats  # (K,N,T) L, days, of stocking nodes
    lead_time_sd: Floats  # (K,N,T) days
    lead_time_demand: Floats  # (K,N,T) reorder point less safety stock, units
    safety_stock: Floats  # (K,N,T) units
    reorder_point: Floats  # (K,N,T) units
    order_quantity: Floats  # (K,N,T) units
    average_stock: Floats  # (K,N,T) units
    peak_stock: Floats  # (K,N,T) units
    spoiled_per_day: Floats  # (K,N,T) units/day
    costs: Mapping[str, Floats]  # COST_TERMS -> (K,N,T) money over the period, at the node that causes it
    node_costs: Mapping[str, Floats]  # NODE_COST_TERMS -> (N,T)
    penalties: Floats  # (number of limits, T) money paid for soft limits
    volume_m3: Floats  # (N,3,T) peak
    value: Floats  # (N,T)
    units: Floats  # (N,T) average on hand
    units_per_day: Floats  # (N,T)
    sku_count: Floats  # (N,T)
    lane_parcels: Floats  # (L,T) parcels/day
    parcels: Floats  # (T,) parcels/day
    late_parcels: Floats  # (T,) parcels/day
    limit_use: Floats  # (number of limits, T); of what holds once the total stands in its first period, else nan
    total: float  # money over the horizon


def sku_holding_cost(instance: Instance) -> Floats:
    """(K,N) money per unit and year: capital, storage and the price of room, the h of the economic order quantity."""
    capital = instance.holding_rate * instance.unit_cost
    room = instance.storage_cost[None, :] + instance.room_cost.T[instance.temperature]
    return capital[:, None] + 12.0 * room * instance.volume_m3[:, None]


def evaluate(instance: Instance, stocked: Bools, open_nodes: Bools, surge: Floats) -> Evaluation:
    """Cost and use of a placement.

    stocked (K,N,T), open_nodes (N,T), surge (N,3,T) m3. Raises ValueError when a region's demand is reached by no
    stocking node.
    """
    primary, backup = _route(instance, stocked)
    flow, variance = _flows(instance, primary)
    lead, lead_sd = _lead_times(instance, stocked)
    policy = _policy(instance, stocked, flow, variance, lead, lead_sd)
    costs = _lane_costs(instance, primary, backup) | _node_sku_costs(instance, stocked, flow, policy)
    costs["change"] = _change_costs(instance, stocked)
    node_costs = _node_costs(instance, open_nodes, surge)
    use = _Use(instance, stocked, open_nodes, primary, flow, policy, costs, node_costs)
    limit_use = np.array([use.of(limit) for limit in instance.limits]).reshape(-1, len(instance.periods))
    penalties = np.array([_penalty(row, used) for row, used in zip(instance.limits, limit_use, strict=True)])
    penalties = penalties.reshape(limit_use.shape)
    parcels, late = use.parcels()
    total = sum(float(c.sum()) for c in costs.values()) + sum(float(c.sum()) for c in node_costs.values())
    return Evaluation(
        primary=primary,
        backup=backup,
        flow=flow,
        variance=variance,
        lead_time=lead,
        lead_time_sd=lead_sd,
        lead_time_demand=policy.lead_time_demand,
        safety_stock=policy.safety_stock,
        reorder_point=policy.reorder_point,
        order_quantity=policy.quantity,
        average_stock=policy.average,
        peak_stock=policy.peak,
        spoiled_per_day=policy.spoiled_per_day,
        costs=costs,
        node_costs=node_costs,
        penalties=penalties,
        volume_m3=use.volume(),
        value=np.einsum("knt,k->nt", policy.average, instance.unit_cost),
        units=policy.average.sum(axis=0),
        units_per_day=flow.sum(axis=0),
        sku_count=stocked.sum(axis=0).astype(float),
        lane_parcels=use.lane_parcels(),
        parcels=parcels,
        late_parcels=late,
        limit_use=limit_use,
        total=total + float(penalties.sum()),
    )


def routing_classes(instance: Instance) -> Iterator[tuple[int, int, Ints]]:
    """(temperature, weight band, SKU indices) of SKUs that the router treats alike."""
    band = routing.weight_band(instance.weight_kg)
    for key in np.unique(instance.temperature * 100 + band):
        yield int(key // 100), int(key % 100), np.flatnonzero(instance.temperature * 100 + band == key)


def _route(instance: Instance, stocked: Bools) -> tuple[Ints, Ints]:
    skus, _, regions, periods = instance.shape
    primary: Ints = np.full((skus, regions, periods), -1)
    backup = primary.copy()
    every_region = np.arange(regions)[None, :]
    for temperature, band, members in routing_classes(instance):
        rates = routing.router(instance, temperature, band)
        for t in range(periods):
            sets, of_sku = np.unique(stocked[members, :, t], axis=0, return_inverse=True)
            needed = instance.mean[members, :, t] > 0
            for lanes, nodes in zip((primary, backup), rates.choose(sets), strict=True):
                chosen = np.where(nodes >= 0, rates.lane[nodes, every_region], -1)[of_sku.ravel()]
                lanes[members, :, t] = np.where(needed, chosen, -1)
    unserved = (primary < 0) & (instance.mean > 0)
    if unserved.any():
        k, r, t = (int(i[0]) for i in np.nonzero(unserved))
        raise ValueError(f"{instance.skus[k]} has no node for {instance.regions[r]} in {instance.periods[t]}")
    return primary, backup


def _flows(instance: Instance, primary: Ints) -> tuple[Floats, Floats]:
    """F and V: what each region draws passes its primary node and all feeders above it."""
    skus, nodes, _, periods = instance.shape
    k, r, t = np.nonzero(primary >= 0)
    node = instance.lane_node[primary[k, r, t]]
    mean, variance = instance.mean[k, r, t], instance.variance[k, r, t]
    flow = np.zeros(skus * nodes * periods)
    pooled = np.zeros(skus * nodes * periods)
    while len(k):
        cell = (k * nodes + node) * periods + t
        flow += summed(cell, mean, len(flow))
        pooled += summed(cell, variance, len(flow))
        node = instance.feeder[k, node]
        on = node >= 0
        k, t, node, mean, variance = k[on], t[on], node[on], mean[on], variance[on]
    shape = (skus, nodes, periods)
    return flow.reshape(shape), pooled.reshape(shape)


def _lead_times(instance: Instance, stocked: Bools) -> tuple[Floats, Floats]:
    """Lead time to each stocking node, through the feeders that only pass goods on."""
    lead = np.where(stocked, instance.lead_time[:, :, None], 0.0)
    variance = np.where(stocked, instance.lead_time_sd[:, :, None] ** 2, 0.0)
    waiting = stocked
    row = np.arange(len(instance.skus))[:, None]
    for above in routing.chains(instance.feeder):
        up = np.maximum(above, 0)
        waiting = waiting & (above >= 0)[:, :, None] & ~stocked[row, up, :]
        lead = lead + np.where(waiting, instance.lead_time[row, up][:, :, None], 0.0)
        variance = variance + np.where(waiting, instance.lead_time_sd[row, up][:, :, None] ** 2, 0.0)
    return lead, np.sqrt(variance)


def _policy(
    instance: Instance, stocked: Bools, flow: Floats, variance: Floats, lead: Floats, lead_sd: Floats
) -> StockPolicy:
    k, n, t = np.nonzero(stocked)
    rows = stock_policy(
        flow[k, n, t],
        variance[k, n, t],
        lead[k, n, t],
        lead_sd[k, n, t],
        instance.review_days[n],
        instance.level_error[k],
        instance.order_cost[k, n],
        sku_holding_cost(instance)[k, n],
        instance.moq[k, n],
        instance.pack_size[k],
        instance.cover_days[k, t],
        instance.shelf_life_days[k],
        instance.service_level[k],
        instance.fill_service[k],
        instance.shortage_cost[k],
        instance.unit_cost[k],
        instance.above_service[k],
    )

    def spread(values: Floats) -> Floats:
        out = np.zeros(stocked.shape)
        out[k, n, t] = values
        return out

    return StockPolicy(*(spread(values) for values in rows))


def _lane_costs(instance: Instance, primary: Ints, backup: Ints) -> dict[str, Floats]:
    """Outbound, late, damage and outage cost, at the primary node (section 7)."""
    skus, nodes, _, periods = instance.shape
    k, r, t = np.nonzero(primary >= 0)
    lane, other = primary[k, r, t], backup[k, r, t]
    node = instance.lane_node[lane]
    units = instance.mean[k, r, t] * instance.days[t]
    late = routing.late_share(instance)

    def terms(lane: Ints) -> tuple[Floats, Floats, Floats]:
        share = instance.parcels_per_unit[k]
        freight = share * instance.lane_parcel_cost[lane] + instance.weight_kg[k] * instance.lane_kg_cost[lane]
        return freight, share * late[lane] * instance.late_penalty, instance.lane_damage[lane] * instance.unit_cost[k]

    outbound, lateness, damage = terms(lane)
    rerouted = sum(terms(other)) - outbound - lateness - damage
    lost = instance.lost_sale_rate * instance.unit_price[k]
    outage = instance.outage_days[node] / 365.0 * np.where(other >= 0, rerouted, lost)
    cell = (k * nodes + node) * periods + t

    def gather(per_unit: Floats) -> Floats:
        return summed(cell, units * per_unit, skus * nodes * periods).reshape(skus, nodes, periods)

    return {
        "outbound": gather(outbound),
        "late": gather(lateness),
        "damage": gather(damage),
        "outage": gather(outage),
    }


def _node_sku_costs(instance: Instance, stocked: Bools, flow: Floats, policy: StockPolicy) -> dict[str, Floats]:
    days, months = instance.days[None, None, :], instance.months[None, None, :]
    inbound = instance.inbound_per_unit + instance.weight_kg[:, None] * instance.inbound_per_kg
    cost = instance.unit_cost[:, None, None]
    volume = instance.volume_m3[:, None, None]
    return {
        "inbound": days * flow * inbound[:, :, None],
        "ordering": days * policy.orders_per_day * instance.order_cost[:, :, None],
        "handling": days * flow * instance.handling_cost[None, :, None],
        "capital": days / 365.0 * instance.holding_rate * cost * policy.average,
        "storage": months * instance.storage_cost[None, :, None] * volume * policy.average,
        "stocking": months * instance.stocking_cost[None, :, None] * stocked,
        "spoilage": days * cost * policy.spoiled_per_day,
        "shortage": days * instance.shortage_cost[:, None, None] * policy.short_per_day,
    }


def _change_costs(instance: Instance, stocked: Bools) -> Floats:
    before = np.concatenate([np.zeros_like(stocked[:, :, :1]), stocked[:, :, :-1]], axis=2)
    known = np.ones(stocked.shape[2], dtype=bool)
    if instance.in_force is None:
        known[0] = False
    else:
        before[:, :, 0] = instance.in_force
    added = (stocked & ~before) * instance.change_cost_in
    dropped = (before & ~stocked) * instance.change_cost_out
    dropped[:, :, 0] = instance.leaving * ~stocked[:, :, 0]
    return (added + dropped) * known


def _node_costs(instance: Instance, open_nodes: Bools, surge: Floats) -> dict[str, Floats]:
    before = np.concatenate([instance.opened[:, None], open_nodes[:, :-1]], axis=1)
    opens = open_nodes & ~before & instance.candidate[:, None]
    return {
        "fixed": instance.fixed_cost[:, None] * instance.months * open_nodes,
        "opening": instance.opening_cost[:, None] * opens,
        "surge": instance.surge_cost[:, None] * instance.months * surge.sum(axis=1),
    }


def _penalty(row: LimitRow, used: Floats) -> Floats:
    sign = 1.0 if row.sense == "max" else -1.0
    over = np.maximum(0.0, sign * (np.nan_to_num(used, nan=row.amount) - row.amount))
    return np.where(over > 0, over * row.penalty, 0.0) if np.isfinite(row.penalty) else np.zeros_like(over)


@dataclass(frozen=True)
class _Use:
    """What a placement uses of each measure (section 8)."""

    instance: Instance
    stocked: Bools
    open_nodes: Bools
    primary: Ints
    flow: Floats
    policy: StockPolicy
    costs: Mapping[str, Floats]
    node_costs: Mapping[str, Floats]

    def volume(self, skus: Bools | None = None) -> Floats:
        """(N,3,T) m3 at peak."""
        case = self.instance
        out = np.zeros((len(case.nodes), len(TEMPERATURES), len(case.periods)))
        for c in range(len(TEMPERATURES)):
            of = case.temperature == c if skus is None else (case.temperature == c) & skus
            out[:, c, :] = np.einsum("knt,k->nt", self.policy.peak[of], case.volume_m3[of])
        return out

    def lane_parcels(self) -> Floats:
        """(L,T) parcels/day."""
        lanes, periods = len(self.instance.lane_node), len(self.instance.periods)
        k, r, t = np.nonzero(self.primary >= 0)
        weight = self.instance.mean[k, r, t] * self.instance.parcels_per_unit[k]
        return summed(self.primary[k, r, t] * periods + t, weight, lanes * periods).reshape(lanes, periods)

    def parcels(self, skus: Bools | float = 1.0, regions: Bools | None = None) -> tuple[Floats, Floats]:
        """(T,) parcels/day and late parcels/day of the SKUs and regions."""
        mask = np.broadcast_to(np.asarray(skus, dtype=float), (len(self.instance.skus),))
        by_region = np.ones(len(self.instance.regions)) if regions is None else regions.astype(float)
        parcels = self.instance.mean * (self.instance.parcels_per_unit * mask)[:, None, None] * by_region[None, :, None]
        late = routing.late_share(self.instance)[self.primary] * (self.primary >= 0)
        return parcels.sum(axis=(0, 1)), (parcels * late).sum(axis=(0, 1))

    def of(self, limit: LimitRow) -> Floats:
        """(T,) use of a limit's measure; nan outside its periods."""
        per_period = getattr(self, f"_{limit.measure}")(limit)
        out = np.where(limit.periods, per_period, np.nan)
        if limit.measure in FIRST_PERIOD:
            out = np.full(len(out), np.nan)
            out[0] = per_period[0]
        elif limit.measure == "cost" and limit.periods.any():
            out = np.full(len(out), np.nan)
            out[int(np.argmax(limit.periods))] = per_period[limit.periods].sum()
        return out

    def _sum(self, values: Floats, limit: LimitRow) -> Floats:
        return values[limit.skus][:, limit.nodes].sum(axis=(0, 1))

    def _value(self, limit: LimitRow) -> Floats:
        return self._sum(self.policy.average * self.instance.unit_cost[:, None, None], limit)

    def _volume_m3(self, limit: LimitRow) -> Floats:
        return self._sum(self.policy.peak * self.instance.volume_m3[:, None, None], limit)

    def _units(self, limit: LimitRow) -> Floats:
        return self._sum(self.policy.average, limit)

    def _units_per_day(self, limit: LimitRow) -> Floats:
        if limit.regions is None:
            return self._sum(self.flow, limit)
        from_node = limit.nodes[self.instance.lane_node[self.primary]] & (self.primary >= 0)
        counted = from_node & limit.skus[:, None, None] & limit.regions[None, :, None]
        return (self.instance.mean * counted).sum(axis=(0, 1))

    def _skus(self, limit: LimitRow) -> Floats:
        return self._sum(self.stocked.astype(float), limit)

    def _nodes(self, limit: LimitRow) -> Floats:
        return self.open_nodes[limit.nodes].sum(axis=0).astype(float)

    def _cost(self, limit: LimitRow) -> Floats:
        skus = np.sum([self._sum(term, limit) for term in self.costs.values()], axis=0)
        nodes = np.sum([term.sum(axis=0) for term in self.node_costs.values()], axis=0)
        return np.asarray(skus if limit.filtered else skus + nodes)

    def _on_time_share(self, limit: LimitRow) -> Floats:
        parcels, late = self.parcels(limit.skus, limit.regions)
        return 1.0 - np.divide(late, parcels, out=np.zeros_like(late), where=parcels > 0)

    def _changes(self, limit: LimitRow) -> Floats:
        before = self.instance.in_force
        changed = np.zeros(self.stocked.shape[:2]) if before is None else self.stocked[:, :, 0] != before
        return np.full(self.stocked.shape[2], float(changed[limit.skus][:, limit.nodes].sum()))

    def _change_value(self, limit: LimitRow) -> Floats:
        case = self.instance
        if case.in_force is None:
            return np.zeros(len(case.periods))
        arrived = self.policy.average[:, :, 0] * case.unit_cost[:, None] * ~case.in_force
        moved = arrived + case.left_value * ~self.stocked[:, :, 0]
        return np.full(len(case.periods), float(moved[limit.skus][:, limit.nodes].sum()))

    def _purchases(self, limit: LimitRow) -> Floats:
        case = self.instance
        wanted = case.days[0] * case.mean[:, :, 0].sum(axis=1) + self.policy.average[:, :, 0].sum(axis=1)
        missing = np.maximum(0.0, wanted - (case.on_hand + case.on_order).sum(axis=1))
        return np.full(len(case.periods), (case.unit_cost * missing)[limit.skus].sum())
