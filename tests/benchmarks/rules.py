"""Rules of thumb for placing stock, each with the textbook's stock, trimmed until it fits: what a plan competes with.

Every rule sees the same instance as the plan: the same forecast, costs, rooms and limits. What the tiers say of node
types, numbers of nodes and staging binds the plan alone; a rule of thumb is free of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from models import routing
from models.evaluation import Evaluation, evaluate, routing_classes
from models.instance import TEMPERATURES, Bools, Floats, Instance, Ints, LimitRow

from .textbook_stock import Stock, stock_costs, textbook_stock

A_SHARE, B_SHARE = 0.80, 0.95  # of expected value, cumulative
TRIMMABLE = ("value", "volume_m3", "units", "units_per_day", "skus")
ROUNDS = 60  # of trimming at most
SLACK = 1e-9  # share of a limit by which it may be passed
PLACED = ("outbound", "late", "damage", "inbound", "handling", "stocking", "outage")  # costs without stock in them


@dataclass(frozen=True)
class World:
    """An instance with what its nodes can hold, whatever the tiers say."""

    instance: Instance
    holds: Bools  # (K,N,T) room, capabilities, window, and feeders that are available
    kind: tuple[str, ...]  # (N,) type of each node

    def of_kind(self, *kinds: str) -> Bools:
        """(N,)"""
        return np.array([kind in kinds for kind in self.kind])

    @property
    def live(self) -> Bools:
        """(K,T) SKUs with demand."""
        return np.asarray(self.instance.mean.sum(axis=1) > 0)

    def without(self, nodes: Bools) -> World:
        """The same where some nodes (N,) hold and pass on nothing."""
        barred = np.broadcast_to(nodes, self.instance.feeder.shape).copy()
        row = np.arange(len(barred))[:, None]
        for above in routing.chains(self.instance.feeder):
            barred |= (above >= 0) & nodes[np.maximum(above, 0)]
        return replace(self, holds=self.holds & ~barred[row, np.arange(barred.shape[1])][:, :, None])


def world(instance: Instance, can_hold: Bools, kind: tuple[str, ...]) -> World:
    """can_hold (K,N): room for the SKU's temperature and its capabilities."""
    holds = can_hold[:, :, None] & instance.available[None]
    for above in routing.chains(instance.feeder):
        holds = holds & ((above < 0)[:, :, None] | instance.available[np.maximum(above, 0)])
    return World(instance, holds, kind)


# --- placements ------------------------------------------------------------------------------------------------------


def eighty_twenty(case: World) -> Bools:
    """(K,N,T) A-SKUs at every node that fits, B at the regional ones (cold goods: the cold ones), C at the centre."""
    value = (case.instance.mean.sum(axis=1) @ case.instance.days) * case.instance.unit_cost
    group = abc(value)
    central, regional = centre(case), case.holds & case.of_kind("regional")[None, :, None]
    cold = case.holds & case.of_kind("cold")[None, :, None] & (case.instance.temperature > 0)[:, None, None]
    out = np.where(
        (group == 0)[:, None, None], case.holds, np.where((group == 1)[:, None, None], regional | cold, False)
    )
    return completed(case, np.where((group == 2)[:, None, None], central, out))


def centre(case: World) -> Bools:
    """(K,N,T) everything at a central node; what none can hold at the one node that serves it cheapest."""
    return _single(case, case.of_kind("central"))


def everywhere(case: World) -> Bools:
    """(K,N,T) everything at every node that can hold it."""
    return completed(case, case.holds)


RULES: dict[str, Callable[[World], Bools]] = {
    "80/20 rule of thumb": eighty_twenty,
    "everything central": centre,
    "everything everywhere": everywhere,
}


def abc(value: Floats) -> Ints:
    """0, 1 or 2: SKUs by value, largest first; A up to and with the one that crosses 80 %, B 95 %.

    >>> abc(np.array([5.0, 70.0, 15.0, 10.0])).tolist()
    [2, 0, 0, 1]
    """
    order = np.argsort(-value, kind="stable")
    before = np.cumsum(value[order]) - value[order]
    out = np.empty(len(value), dtype=np.int64)
    out[order] = np.searchsorted([A_SHARE, B_SHARE], before / max(float(value.sum()), 1e-300), side="right")
    return out


def completed(case: World, stocked: Bools) -> Bools:
    """SKUs without demand nowhere; SKUs of which a region cannot be served also at the node that serves it cheapest."""
    stocked = stocked & case.live[:, None, :]
    lacking = ((cover(case, stocked) == 0) & (case.instance.mean > 0)).any(axis=1)
    return stocked | (_single(case, np.ones(len(case.kind), dtype=bool)) & lacking[:, None, :])


def _single(case: World, preferred: Bools) -> Bools:
    """(K,N,T) one node per SKU with demand: of the preferred ones that reach all its regions, else of all, the one
    with the least cost of delivery. Raises ValueError when no single node reaches them all."""
    cost = delivery_cost(case)
    ranked = np.where(preferred[None, :, None], cost, cost + 1e12)
    best = np.argmin(ranked, axis=1)
    chosen = np.take_along_axis(ranked, best[:, None, :], axis=1)[:, 0]
    if (np.isinf(chosen) & case.live).any():
        raise ValueError("a SKU has no node that reaches all its regions")
    out = np.zeros(case.holds.shape, dtype=bool)
    np.put_along_axis(out, best[:, None, :], case.live[:, None, :], axis=1)
    return out


def delivery_cost(case: World) -> Floats:
    """(K,N,T) money/day of serving all of a SKU's demand from one node; inf where it cannot."""
    instance = case.instance
    late = routing.late_share(instance) * instance.late_penalty
    out = np.full(case.holds.shape, np.inf)
    for temperature, band, members in routing_classes(instance):
        lane = routing.router(instance, temperature, band).lane
        mean, far = instance.mean[members], (lane < 0).astype(float)
        share, weight = instance.parcels_per_unit[members], instance.weight_kg[members]
        parcel = np.einsum("nr,krt,k->knt", instance.lane_parcel_cost[lane] + late[lane], mean, share)
        freight = np.einsum("nr,krt,k->knt", instance.lane_kg_cost[lane], mean, weight)
        missing = np.einsum("nr,krt->knt", far, (mean > 0).astype(float)) > 0
        out[members] = np.where(missing | ~case.holds[members], np.inf, parcel + freight)
    return out


def reach(instance: Instance) -> Bools:
    """(K,N,R) a lane carries the SKU from the node to the region."""
    out = np.zeros((len(instance.skus), len(instance.nodes), len(instance.regions)), dtype=bool)
    for temperature, band, members in routing_classes(instance):
        out[members] = routing.router(instance, temperature, band).reach
    return out


def cover(case: World, stocked: Bools) -> Ints:
    """(K,R,T) number of stocking nodes that reach each region."""
    return np.einsum("knr,knt->krt", reach(case.instance).astype(np.int64), stocked.astype(np.int64))


# --- stock and limits ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Prescription:
    """What a policy says of each period, and what is not kept by it."""

    stocked: Bools  # (K,N,T)
    open: Bools  # (N,T)
    surge: Floats  # (N,3,T) m3
    stock: Stock
    exact: Evaluation  # of the placement; the stock figures in it are not those of `stock`
    broken: Mapping[str, str] = field(default_factory=dict)  # limit -> by how much

    def cost(self, instance: Instance) -> float:
        """Expected money over the horizon."""
        placed = sum(float(self.exact.costs[term].sum()) for term in PLACED)
        nodes = sum(float(money.sum()) for money in self.exact.node_costs.values())
        return placed + nodes + stock_costs(instance, self.exact, self.stock) + float(self.exact.penalties.sum())


def prescribed(case: World, rule: Callable[[World], Bools]) -> Prescription:
    """The rule with textbook stock, trimmed; with or without the candidate nodes, whichever is expected cheaper."""
    variants = [trimmed(case, rule(case))]
    if case.instance.candidate.any():
        fewer = case.without(case.instance.candidate)
        variants.append(trimmed(fewer, rule(fewer)))
    return min(variants, key=lambda made: (len(made.broken), made.cost(case.instance)))


def trimmed(case: World, stocked: Bools) -> Prescription:
    """Textbook stock for a placement; the least valuable SKU-nodes are dropped until rooms, limits and budget hold.

    The last node of a SKU is not dropped: there rented surge space is used, then the SKU moves to the next cheapest
    node that has room. What cannot be mended is named.
    """
    for _ in range(ROUNDS):
        made = _made(case, stocked)
        over = [need for need in _needs(case.instance, made) if need.over > 0]
        fewer = _dropped(case, made, over)
        if (fewer == stocked).all():
            break
        stocked = fewer
    return replace(made, broken=dict(_broken(case.instance, made)))


def _made(case: World, stocked: Bools) -> Prescription:
    instance = case.instance
    shut = np.zeros((len(instance.nodes), 3, len(instance.periods)))
    first = evaluate(instance, stocked, instance.available, shut)
    opened = instance.available & (~instance.candidate[:, None] | (first.flow.sum(axis=0) > 0) | stocked.any(axis=0))
    stock = textbook_stock(instance, stocked, first)
    volume = _volume(instance, stock)
    room = np.where(np.isfinite(instance.room_m3), instance.room_m3, 0.0)[:, :, None]
    wanted = np.where(room > 0, np.maximum(volume - room, 0.0), 0.0)
    share = np.minimum(1.0, instance.surge_m3[:, None] / np.maximum(wanted.sum(axis=1), 1e-12))
    surge = wanted * share[:, None, :]
    return Prescription(stocked, opened, surge, stock, evaluate(instance, stocked, opened, surge))


def _volume(instance: Instance, stock: Stock) -> Floats:
    """(N,3,T) m3 at peak."""
    per_sku = stock.peak * instance.volume_m3[:, None, None]
    return np.stack([per_sku[instance.temperature == c].sum(axis=0) for c in range(3)], axis=1)


@dataclass(frozen=True)
class Need:
    """A limit in a period and what each SKU-node takes of it."""

    name: str
    use: Floats  # (K,N)
    most: float
    spare: float = 0.0  # more of it can be had for the last node of a SKU

    @property
    def over(self) -> float:
        """Use beyond the limit, 0 where it is kept."""
        over = float(self.use.sum()) - self.most
        return over if over > SLACK * max(abs(self.most), 1.0) else 0.0


def _needs(instance: Instance, made: Prescription) -> Iterator[Need]:
    volume = made.stock.peak * instance.volume_m3[:, None, None]
    value = made.stock.average * instance.unit_cost[:, None, None]
    flow, count = made.exact.flow, made.stocked.astype(float)
    by_measure = {
        "value": value,
        "volume_m3": volume,
        "units": made.stock.average,
        "units_per_day": flow,
        "skus": count,
    }
    for t in range(len(instance.periods)):
        for n, node in enumerate(instance.nodes):
            here = np.arange(len(instance.nodes)) == n
            for c, temperature in enumerate(TEMPERATURES):
                cells = volume[:, :, t] * here * (instance.temperature == c)[:, None]
                spare = float(made.surge[n, c, t])
                yield Need(f"{node} {temperature} room", cells, float(instance.room_m3[n, c]), spare)
            yield Need(f"{node} units a day", flow[:, :, t] * here, float(instance.units_per_day[n]))
            yield Need(f"{node} SKUs", count[:, :, t] * here, float(instance.max_skus[n]))
        for limit in instance.limits:
            if _can_be_trimmed(limit) and limit.periods[t]:
                cells = by_measure[limit.measure][:, :, t] * np.outer(limit.skus, limit.nodes)
                yield Need(limit.name, cells, limit.amount)
        yield Need("budget", value[:, :, t], instance.budget)


def _can_be_trimmed(limit: LimitRow) -> bool:
    return limit.measure in TRIMMABLE and limit.sense == "max" and limit.regions is None and np.isinf(limit.penalty)


def _dropped(case: World, made: Prescription, over: list[Need]) -> Bools:
    """The placement less what must go: at most one node of each SKU at a time, the least valuable first."""
    stocked = made.stocked.copy()
    last = _last(case, stocked)
    value = (made.exact.flow * case.instance.unit_cost[:, None, None]).max(axis=2)
    touched = np.zeros(len(stocked), dtype=bool)
    for need in over:
        excess = need.over - float(need.use[touched].sum())
        for only_last in (False, True):
            chosen = (need.use > 0) & ~touched[:, None] & (last == only_last)
            k, n = np.nonzero(chosen)
            rank = np.argsort(value[k, n], kind="stable")
            k, n = k[rank], n[rank]
            once = np.sort(np.unique(k, return_index=True)[1])
            k, n = k[once], n[once]
            amount = excess - (need.spare if only_last else 0.0)
            count = int(np.searchsorted(np.cumsum(need.use[k, n]), amount)) + 1 if amount > 0 else 0
            k, n = k[:count], n[:count]
            if only_last:
                k, n = _moved(case, made, stocked, k, n)
            stocked[k, n] = False
            touched[k] = True
            excess -= float(need.use[k, n].sum())
    return stocked


def _last(case: World, stocked: Bools) -> Bools:
    """(K,N) nodes without which a region of the SKU could not be served."""
    alone = (cover(case, stocked) == 1) & (case.instance.mean > 0)
    hits = np.einsum("knr,krt,knt->kn", reach(case.instance).astype(float), alone.astype(float), stocked.astype(float))
    return np.asarray(hits > 0)


def _moved(case: World, made: Prescription, stocked: Bools, sku: Ints, node: Ints) -> tuple[Ints, Ints]:
    """Put SKUs at the next cheapest node that has room for them; returns those for which there is one."""
    instance = case.instance
    cost = delivery_cost(case)
    free = instance.room_m3[:, :, None] - _volume(instance, made.stock)
    went = np.zeros(len(sku), dtype=bool)
    for row, (k, n) in enumerate(zip(sku.tolist(), node.tolist(), strict=True)):
        volume = made.stock.peak[k].max() * instance.volume_m3[k]
        fits = (free[:, instance.temperature[k]].min(axis=1) > volume) & np.isfinite(cost[k]).all(axis=1)
        fits &= ~made.stocked[k].any(axis=1)
        if fits.any():
            to = int(np.argmin(np.where(fits, cost[k].sum(axis=1), np.inf)))
            stocked[k, to] = made.stocked[k, n]
            free[to, instance.temperature[k]] -= volume
            went[row] = True
    return sku[went], node[went]


def _broken(instance: Instance, made: Prescription) -> Iterator[tuple[str, str]]:
    """Limits that the placement does not keep, and by how much."""
    for need in _needs(instance, made):
        if need.over > need.spare + 1e-6 * max(abs(need.most), 1.0):
            yield need.name, f"+{100.0 * (need.over - need.spare) / max(abs(need.most), 1e-9):.0f} %"
    for limit, used in zip(instance.limits, made.exact.limit_use, strict=True):
        if not _can_be_trimmed(limit) and np.isinf(limit.penalty):
            sign = 1.0 if limit.sense == "max" else -1.0
            worst = float(np.nanmax(sign * (used - limit.amount), initial=0.0))
            if worst > 1e-6 * max(abs(limit.amount), 1.0):
                yield limit.name, f"{limit.measure} off by {worst:.3g}"
    unbacked = instance.backup_required[None, :, None] & (made.exact.backup < 0) & (instance.mean > 0)
    unbacked &= (instance.max_nodes >= 2)[:, None, None]
    if unbacked.any():
        yield "required backups", f"none for {int(unbacked.any(axis=(1, 2)).sum()):,} SKUs"
