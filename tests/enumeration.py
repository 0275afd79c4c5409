"""The optimum of a tiny instance by exhaustion: every node path times every path of sets of every SKU.

Nothing is left to a solver. For given sets the rest is arithmetic: each node has one price of surge, so surge is the
shortfall of room, and a soft limit is paid for by its violation.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Any

import numpy as np

from models.instance import Instance, LimitRow

from . import longhand
from .longhand import Holding

Array = np.ndarray[Any, Any]
SLACK = 1e-7  # of a limit's size; a sum of floats may exceed its limit by rounding


@dataclass(frozen=True)
class Optimum:
    """The cheapest placement, with one that is as good for every limit."""

    cost: float
    stocked: Array  # (K,N,T)
    open: Array  # (N,T)
    surge: Array  # (N,3,T)


@dataclass(frozen=True)
class SkuPath:
    """One SKU's sets over the periods with what they cost and use."""

    sets: tuple[frozenset[int], ...]
    cost: float
    use: Array  # (rows,)
    needs_open: Array  # (N,T)


class Rows:
    """Sections 7 and 8 as rows: each is a sum over SKUs of what their paths use."""

    def __init__(self, instance: Instance) -> None:
        self.instance = instance
        self.keys: list[tuple] = [*self._room_keys(), *self._ceilings, *self._limit_keys()]
        self.index = {key: position for position, key in enumerate(self.keys)}

    def _room_keys(self) -> list[tuple]:
        i = self.instance
        rooms = [(n, c) for n in range(len(i.nodes)) for c in range(3) if 0 < i.room_m3[n, c] < np.inf]
        return [("room", n, c, t) for n, c in rooms for t in range(len(i.periods))]

    @cached_property
    def _ceilings(self) -> dict[tuple, float]:
        """Hard rows with a fixed right-hand side."""
        i = self.instance
        out: dict[tuple, float] = {}
        for t in range(len(i.periods)):
            out["budget", t] = i.budget
            out |= {("flow", n, t): float(i.units_per_day[n]) for n in range(len(i.nodes))}
            out |= {("skus", n, t): float(i.max_skus[n]) for n in range(len(i.nodes))}
            out |= {("lane", lane, t): float(i.lane_parcels_per_day[lane]) for lane in range(len(i.lane_node))}
        return {key: amount for key, amount in out.items() if np.isfinite(amount)}

    def _limit_keys(self) -> list[tuple]:
        return [("limit", j, t) for j, row in enumerate(self.instance.limits) for t in self.limit_periods(row)]

    def limit_periods(self, row: LimitRow) -> list[int]:
        """Where a limit's rows stand: its periods, or its first one for a sum over the periods."""
        if row.measure in ("purchases", "changes", "change_value"):
            return [0]
        masked = np.flatnonzero(row.periods).tolist()
        return masked[:1] if row.measure == "cost" else masked

    def held(self, k: int, t: int, h: Holding) -> Array:
        """(rows,) what SKU k uses in period t, limits aside: the same in every path that holds it so."""
        out = np.zeros(len(self.keys))
        for key, position in self.index.items():
            if key[0] != "limit" and key[-1] == t:
                out[position] = self._use(key, k, h)
        return out

    def limited(self, k: int, holdings: list[Holding], changes: list[float]) -> Array:
        """(rows,) what SKU k's path uses of the limits."""
        out = np.zeros(len(self.keys))
        for j, row in enumerate(self.instance.limits):
            for t in self.limit_periods(row):
                out[self.index["limit", j, t]] = self._limit_use(row, k, holdings, changes, t)
        return out

    def _use(self, key: tuple, k: int, h: Holding) -> float:
        i = self.instance
        kind, *where = key
        if kind == "room":
            return h.peak[where[0]] * i.volume_m3[k] if i.temperature[k] == where[1] else 0.0
        if kind == "budget":
            return sum(h.average) * i.unit_cost[k]
        if kind == "flow":
            return h.flow[where[0]]
        if kind == "skus":
            return float(where[0] in h.nodes)
        return sum(i.parcels_per_unit[k] * i.mean[k, r, where[1]] for r, lane in h.primary.items() if lane == where[0])

    def _moved(self, k: int, n: int, h: Holding) -> float:
        """Value of what comes to a node that did not have the SKU, or of what stood where it is no more."""
        i = self.instance
        if i.in_force is None or (n in h.nodes) == bool(i.in_force[k, n]):
            return 0.0
        stood = i.on_hand[k, n] + i.on_order[k, n] if i.stood is None else i.stood[k, n]
        return i.unit_cost[k] * (h.average[n] if n in h.nodes else stood)

    def _limit_use(self, row: LimitRow, k: int, holdings: list[Holding], changes: list[float], t: int) -> float:
        i, h = self.instance, holdings[t]
        if not row.skus[k] or row.measure == "nodes":
            return 0.0
        nodes = [n for n in range(len(i.nodes)) if row.nodes[n]]
        if row.measure == "cost":
            return sum(holdings[s].cost + changes[s] for s in np.flatnonzero(row.periods))
        if row.measure == "changes":
            known = i.in_force is not None
            return float(sum(known and (n in holdings[0].nodes) != bool(i.in_force[k, n]) for n in nodes))
        if row.measure == "change_value":
            return sum(self._moved(k, n, holdings[0]) for n in nodes)
        if row.measure == "purchases":
            wanted = i.days[0] * i.mean[k, :, 0].sum() + sum(holdings[0].average)
            return i.unit_cost[k] * max(0.0, wanted - i.on_hand[k].sum() - i.on_order[k].sum())
        if row.measure == "on_time_share":
            regions = [r for r in h.primary if row.regions is None or row.regions[r]]
            return sum(
                i.parcels_per_unit[k] * i.mean[k, r, t] * longhand.lateness(i, h.primary[r]) for r in regions
            )  # late parcels/day
        if row.measure == "units_per_day" and row.regions is not None:
            served = [r for r, lane in h.primary.items() if row.regions[r] and row.nodes[i.lane_node[lane]]]
            return sum(i.mean[k, r, t] for r in served)
        per_node = {
            "value": lambda n: h.average[n] * i.unit_cost[k],
            "volume_m3": lambda n: h.peak[n] * i.volume_m3[k],
            "units": lambda n: h.average[n],
            "units_per_day": lambda n: h.flow[n],
            "skus": lambda n: float(n in h.nodes),
        }[row.measure]
        return sum(per_node(n) for n in nodes)


def sku_paths(instance: Instance, rows: Rows, k: int) -> list[SkuPath]:
    """Every path of admissible sets of SKU k."""
    periods = range(len(instance.periods))
    choices = [[longhand.hold(instance, k, t, s) for s in longhand.admissible_sets(instance, k, t)] for t in periods]
    held = [[rows.held(k, t, h) for h in choices[t]] for t in periods]
    out = []
    for picks in product(*(range(len(of_period)) for of_period in choices)):
        holdings = [choices[t][pick] for t, pick in enumerate(picks)]
        sets = tuple(h.nodes for h in holdings)
        changes = [longhand.change_cost(instance, k, sets, t) for t in periods]
        needs = np.array([[n in h.needs_open for h in holdings] for n in range(len(instance.nodes))])
        cost = sum(h.cost for h in holdings) + sum(changes)
        use = rows.limited(k, holdings, changes) + sum(held[t][pick] for t, pick in enumerate(picks))
        out.append(SkuPath(sets, cost, use, needs))
    return out


def open_paths(instance: Instance) -> list[Array]:
    """Every (N,T) of open nodes: open nodes are open whenever available, candidates as they please."""
    free = np.argwhere(instance.available & instance.candidate[:, None])
    base = instance.available & ~instance.candidate[:, None]
    out = []
    for bits in product((False, True), repeat=len(free)):
        opened = base.copy()
        opened[tuple(free.T)] = bits
        out.append(opened)
    return out


def node_cost(instance: Instance, opened: Array) -> Array:
    """(T,) fixed and opening costs."""
    stood = np.zeros(len(opened), dtype=bool) if instance.was_open is None else instance.was_open
    before = np.column_stack([stood, opened[:, :-1]])
    starts = opened & ~before & instance.candidate[:, None]
    return instance.months * (instance.fixed_cost @ opened) + instance.opening_cost @ starts


def enumerate_optimum(instance: Instance) -> Optimum | None:
    """The optimum, or None when no placement keeps the rules."""
    rows = Rows(instance)
    paths = [sku_paths(instance, rows, k) for k in range(len(instance.skus))]
    best: Optimum | None = None
    for opened in sorted(open_paths(instance), key=lambda o: float(node_cost(instance, o).sum())):
        usable = [[p for p in of_sku if not (p.needs_open & ~opened).any()] for of_sku in paths]
        if all(usable):
            best = _best_under(instance, rows, opened, usable, best)
    return best


def _best_under(
    instance: Instance, rows: Rows, opened: Array, paths: list[list[SkuPath]], best: Optimum | None
) -> Optimum | None:
    """The best combination with these nodes open, if it beats `best`."""
    fixed = node_cost(instance, opened)
    sums = np.zeros(1)
    for of_sku in paths:
        sums = np.add.outer(sums, [p.cost for p in of_sku]).ravel()
    cost = sums + fixed.sum()
    candidates = np.flatnonzero(cost < (np.inf if best is None else best.cost))
    if not len(candidates):
        return best
    picks = np.unravel_index(candidates, [len(of_sku) for of_sku in paths])
    use = sum(np.array([p.use for p in of_sku])[pick] for of_sku, pick in zip(paths, picks, strict=True))
    extra, surge = _settle(instance, rows, opened, fixed, cost[candidates], use.reshape(len(candidates), -1))
    total = cost[candidates] + extra
    winner = int(np.argmin(total))
    if total[winner] >= (np.inf if best is None else best.cost):
        return best
    chosen = [of_sku[pick[winner]] for of_sku, pick in zip(paths, picks, strict=True)]
    stocked = np.array([[[n in s for s in p.sets] for n in range(len(instance.nodes))] for p in chosen])
    return Optimum(float(total[winner]), stocked, opened, surge[winner])


def _settle(
    instance: Instance, rows: Rows, opened: Array, fixed: Array, sku_cost: Array, use: Array
) -> tuple[Array, Array]:
    """Surge and penalties of each combination (C,), inf where a hard rule is broken, and the surge (C,N,3,T)."""
    combos = len(use)
    surge = np.zeros((combos, *instance.room_m3.shape, len(instance.periods)))
    for (_, n, c, t), position in ((key, p) for key, p in rows.index.items() if key[0] == "room"):
        over = use[:, position] - instance.room_m3[n, c]
        surge[:, n, c, t] = np.where(over > SLACK * instance.room_m3[n, c], over, 0.0)
    extra = np.zeros(combos)
    most = instance.surge_m3[:, None] * opened
    broken = (surge.sum(2) > most * (1 + SLACK)).any((1, 2))
    for key, amount in rows._ceilings.items():
        broken |= use[:, rows.index[key]] > amount + SLACK * max(amount, 1e-3)
    surge_cost = np.einsum("cnat,n,t->ct", surge, instance.surge_cost, instance.months)
    extra += surge_cost.sum(1)
    for j, row in enumerate(instance.limits):
        for t in rows.limit_periods(row):
            used = _limit_total(instance, row, use[:, rows.index["limit", j, t]], t, opened, fixed, surge_cost)
            over = used - row.amount if row.sense == "max" else row.amount - used
            over = np.where(over > SLACK * max(abs(row.amount), 1e-3), over, 0.0)
            broken |= (over > 0) & np.isinf(row.penalty)
            extra += over * row.penalty if np.isfinite(row.penalty) else 0.0
    return np.where(broken, np.inf, extra), surge


def _limit_total(
    instance: Instance, row: LimitRow, use: Array, t: int, opened: Array, fixed: Array, surge_cost: Array
) -> Array:
    """(C,) use of a limit's measure in period t."""
    if row.measure == "nodes":
        return np.full(len(use), float(opened[row.nodes, t].sum()))
    if row.measure == "cost" and not row.filtered:
        return use + fixed[row.periods].sum() + surge_cost[:, row.periods].sum(1)
    if row.measure == "on_time_share":
        regions = np.ones(len(instance.regions), dtype=bool) if row.regions is None else row.regions
        parcels = float(instance.mean[row.skus][:, regions, t].sum(1) @ instance.parcels_per_unit[row.skus])
        return 1 - use / parcels if parcels > 0 else np.ones(len(use))
    return use
