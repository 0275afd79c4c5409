"""Everything scarce in a network under one name: what each SKU uses of it, and what that costs under its rent."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from . import pricing, routing
from .evaluation import COST_TERMS, Evaluation
from .instance import FIRST_PERIOD, TEMPERATURES, Bools, Floats, Instance, LimitRow
from .outcome import Rents
from .pricing import Prices


@dataclass(frozen=True)
class Scarce:
    """One thing that rents are paid on."""

    kind: str  # room, units_per_day, skus, budget, lane, limit
    place: tuple[int, ...]  # its place in the arrays of Prices, before the period


def scarce_things(instance: Instance) -> Iterator[Scarce]:
    """Every capacity, lane and limit that is not unlimited, in the order of the sheets Nodes and Limits."""
    for node, room in enumerate(instance.room_m3):
        for temperature in range(len(TEMPERATURES)):
            if 0 < room[temperature] < np.inf:
                yield Scarce("room", (node, temperature))
        if np.isfinite(instance.units_per_day[node]):
            yield Scarce("units_per_day", (node,))
        if np.isfinite(instance.max_skus[node]):
            yield Scarce("skus", (node,))
    if np.isfinite(instance.budget):
        yield Scarce("budget", ())
    for lane in np.flatnonzero(np.isfinite(instance.lane_parcels_per_day)).tolist():
        yield Scarce("lane", (lane,))
    for at in range(len(instance.limits)):
        yield Scarce("limit", (at,))


def no_rents(instance: Instance) -> Rents:
    """Rents of zero on everything."""
    _, nodes, _, periods = instance.shape
    flat = np.zeros((nodes, periods))
    lanes = np.zeros((len(instance.lane_node), periods))
    return Rents(np.zeros((nodes, len(TEMPERATURES), periods)), flat, flat, np.zeros(periods), lanes, {})


def prices(instance: Instance, rents: Rents, used: Floats | None = None) -> Prices:
    """Rents as the pricing takes them; ``used`` (K,N,T) is what using a node costs, inf where it is closed.

    A limit of the kind at least, and one of at most on the share on time, is paid for what is not used: its price is
    below zero.
    """
    nodes = len(instance.nodes)
    limits = np.zeros((len(instance.limits), len(instance.periods)))
    for i, limit in enumerate(instance.limits):
        sign = 1.0 if (limit.sense == "max") != (limit.measure == "on_time_share") else -1.0
        for t in np.flatnonzero(limit.periods):
            limits[i, t] = sign * rents.limits.get((limit.name, int(t)), 0.0)
    return Prices(
        room=rents.room,
        value=np.tile(rents.budget, (nodes, 1)),
        units=np.zeros((nodes, len(instance.periods))),
        flow=rents.units_per_day,
        slots=rents.skus,
        lane=rents.lanes,
        stocked=None,
        used=used,
        limits=limits,
    )


def rent_of(instance: Instance, given: Prices, thing: Scarce) -> Floats:
    """(T,) money per unit; a limit on cost and one on purchases have one, in their first period."""
    if thing.kind == "budget":
        return given.value.max(axis=0, initial=0.0)
    table = {"room": given.room, "units_per_day": given.flow, "skus": given.slots, "lane": given.lane}
    if thing.kind != "limit":
        return np.asarray(table[thing.kind][thing.place])
    limit, rent = instance.limits[thing.place[0]], given.limits[thing.place[0]]
    return np.where(_counted(limit), rent, 0.0)


def scaled(given: Prices, thing: Scarce, share: Floats | float) -> Prices:
    """The same rents but for one thing, whose rent is multiplied by ``share`` ((T,) or a number)."""
    if thing.kind == "budget":
        return replace(given, value=given.value * share)
    name = {"units_per_day": "flow", "skus": "slots", "limit": "limits"}.get(thing.kind, thing.kind)
    table = getattr(given, name).copy()
    table[thing.place] = table[thing.place] * share
    return replace(given, **{name: table})


def use(instance: Instance, made: Evaluation, stocked: Bools, thing: Scarce) -> Floats:
    """(K,T) what each SKU of a placement uses of one thing (section 8).

    Of a share on time it is the late parcels per day; of cost the whole stands in the limit's first period.
    """
    if thing.kind == "room":
        node, temperature = thing.place
        volume = made.peak_stock[:, node, :] * instance.volume_m3[:, None]
        return np.where((instance.temperature == temperature)[:, None], volume, 0.0)
    if thing.kind == "units_per_day":
        return np.asarray(made.flow[:, thing.place[0], :])
    if thing.kind == "skus":
        return np.asarray(stocked[:, thing.place[0], :].astype(float))
    if thing.kind == "budget":
        return np.asarray(made.average_stock.sum(axis=1) * instance.unit_cost[:, None])
    if thing.kind == "lane":
        parcels = instance.mean * instance.parcels_per_unit[:, None, None]
        return np.asarray(np.where(made.primary == thing.place[0], parcels, 0.0).sum(axis=1))
    limit = instance.limits[thing.place[0]]
    return np.where(limit.skus[:, None] & _counted(limit), _limit_use(instance, made, stocked, limit), 0.0)


def _counted(limit: LimitRow) -> Bools:
    """(T,) where the use of a limit stands."""
    if limit.measure in FIRST_PERIOD:
        return np.arange(len(limit.periods)) == 0
    if limit.measure == "cost":
        return limit.periods & (np.cumsum(limit.periods) == 1)
    return limit.periods


def _limit_use(instance: Instance, made: Evaluation, stocked: Bools, limit: LimitRow) -> Floats:
    """(K,T) use of a limit's measure by every SKU, whether it counts for the limit or not."""
    if limit.measure == "nodes":
        return np.zeros((len(instance.skus), len(instance.periods)))
    if limit.measure == "cost":
        cost = sum((made.costs[term].sum(axis=1) for term in COST_TERMS), np.zeros(()))
        return np.asarray((cost * limit.periods).sum(axis=1)[:, None] * np.ones(len(instance.periods)))
    if limit.measure == "purchases":
        bought = pricing.purchases(instance, np.arange(len(instance.skus)), made.average_stock[:, :, 0].sum(axis=1))
        return np.repeat(bought[:, None], len(instance.periods), axis=1)
    if limit.measure == "changes":
        before = stocked[:, :, 0] if instance.in_force is None else instance.in_force
        changed = (stocked[:, :, 0] != before)[:, limit.nodes].sum(axis=1)
        return np.repeat(changed[:, None].astype(float), len(instance.periods), axis=1)
    if limit.measure == "change_value":
        before = stocked[:, :, 0] if instance.in_force is None else instance.in_force
        arrived = made.average_stock[:, :, 0] * instance.unit_cost[:, None] * ~before
        worth = (arrived + instance.left_value * ~stocked[:, :, 0])[:, limit.nodes].sum(axis=1)
        return np.repeat(worth[:, None], len(instance.periods), axis=1)
    if limit.measure == "on_time_share" or (limit.measure == "units_per_day" and limit.regions is not None):
        return _shipped(instance, made, limit)
    held = {
        "value": made.average_stock * instance.unit_cost[:, None, None],
        "volume_m3": made.peak_stock * instance.volume_m3[:, None, None],
        "units": made.average_stock,
        "units_per_day": made.flow,
        "skus": stocked.astype(float),
    }[limit.measure]
    return np.asarray(held[:, limit.nodes, :].sum(axis=1))


def _shipped(instance: Instance, made: Evaluation, limit: LimitRow) -> Floats:
    """(K,T) late parcels per day, or units per day shipped to the limit's regions."""
    lane, served = made.primary, made.primary >= 0
    to = np.ones(len(instance.regions), dtype=bool) if limit.regions is None else limit.regions
    if limit.measure == "on_time_share":
        each = routing.late_share(instance)[lane] * instance.parcels_per_unit[:, None, None]
    else:
        each = limit.nodes[instance.lane_node[lane]].astype(float)
    return np.asarray((np.where(served, each, 0.0) * instance.mean * to[None, :, None]).sum(axis=1))


def used_in_all(instance: Instance, made: Evaluation, thing: Scarce) -> Floats:
    """(T,) what a placement uses of one thing in all, as section 8 counts it; nan outside a limit's periods."""
    tables = {"units_per_day": made.units_per_day, "skus": made.sku_count, "lane": made.lane_parcels}
    if thing.kind == "budget":
        return np.asarray(made.value.sum(axis=0))
    if thing.kind == "limit":
        return np.asarray(made.limit_use[thing.place[0]])
    return np.asarray(made.volume_m3[thing.place] if thing.kind == "room" else tables[thing.kind][thing.place])


@dataclass(frozen=True)
class Bill:
    """What a placement costs each SKU, with the rents of all it uses."""

    terms: dict[str, Floats]  # COST_TERMS -> (K,T) money
    rents: dict[Scarce, Floats]  # (K,T) money, of things with a rent

    @property
    def own(self) -> Floats:
        """(K,) money without rents."""
        return np.asarray(sum((term.sum(axis=1) for term in self.terms.values()), np.zeros(())))

    @property
    def total(self) -> Floats:
        """(K,) money with rents."""
        return np.asarray(self.own + sum((rent.sum(axis=1) for rent in self.rents.values()), np.zeros(())))


def bill(instance: Instance, made: Evaluation, stocked: Bools, given: Prices) -> Bill:
    """Costs by term and rents by thing of every SKU of a placement that was evaluated."""
    terms = {term: np.asarray(made.costs[term].sum(axis=1)) for term in COST_TERMS}
    paid: dict[Scarce, Floats] = {}
    for thing in scarce_things(instance):
        rent = rent_of(instance, given, thing)
        if rent.any():
            paid[thing] = use(instance, made, stocked, thing) * rent
    return Bill(terms, paid)
