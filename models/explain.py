"""Why a SKU is held where it is: its best paths with and without a node, under given rents, and where that turns.

The rest of the plan stands still: rents are those of the certified bound, nodes are open as planned. *With* the node
means that it stocks the SKU in at least one of the periods asked about, *without* that it does in none of them; the
plan's own path is always one of the two.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np

from . import patterns, pricing, routing
from .batches import Batch, evaluate_batch
from .catalogue import Catalogue, Priced
from .columns import Rows
from .evaluation import Evaluation, evaluate
from .instance import TEMPERATURES, Bools, Floats, Instance, Ints
from .network import build, compile_model
from .patterns import Family
from .pricing import Prices
from .scarce import Bill, Scarce, bill, rent_of, scaled, use

OF_SKUS = (
    "unit_cost", "unit_price", "weight_kg", "volume_m3", "temperature", "shelf_life_days", "pack_size",
    "parcels_per_unit", "level_error", "service_level", "fill_service", "min_nodes", "max_nodes", "mean", "variance",
    "allowed", "feeder", "lead_time", "lead_time_sd", "inbound_per_unit", "inbound_per_kg", "order_cost", "moq",
    "in_force", "on_hand", "on_order", "clearing", "stood", "raised", "sale_days",
)  # fmt: skip
CLOSE = 1e-5  # relative width at which the search for a turning point ends
RUNGS = (0.95, 0.9, 0.8, 0.65, 0.5, 0.25, 0.0)  # shares of a rent at which every SKU is priced again


def only(instance: Instance, sku: int) -> Instance:
    """The instance with one SKU alone; nodes, lanes and limits stay."""
    parts = {entry.name: getattr(instance, entry.name) for entry in fields(instance) if entry.name in OF_SKUS}
    own: dict[str, Any] = {name: None if values is None else values[[sku]] for name, values in parts.items()}
    limits = tuple(replace(limit, skus=limit.skus[[sku]]) for limit in instance.limits)
    return replace(instance, skus=(instance.skus[sku],), tier=(instance.tier[sku],), limits=limits, **own)


@dataclass(frozen=True)
class Choice:
    """A path of sets of one SKU."""

    stocked: Bools  # (N,T)
    cost: float  # money over the horizon: its own, the rents, and the opening of nodes that the plan keeps closed
    opening: float  # money of that for opening


@dataclass(frozen=True)
class Question:
    """One SKU and one node under rents; the arrays of ``instance`` hold that SKU alone."""

    instance: Instance
    prices: Prices  # its `used` is not read: nodes are open as `is_open` says
    is_open: Bools  # (N,T)
    node: int
    periods: Bools  # (T,) asked about
    family: Family | None = None  # its sets, where they are known already
    known: Batch | None = None  # the same, evaluated for this very instance

    @cached_property
    def batch(self) -> Batch:
        """Every set of the SKU, evaluated."""
        if self.known is not None:
            return self.known
        family = next(iter(patterns.families(self.instance))) if self.family is None else self.family
        return evaluate_batch(self.instance, family, np.zeros(1, dtype=np.int64))

    def best(self) -> Choice | None:
        """The best path of all, at the nodes that the plan has open; None where there is none."""
        return self._cheapest(self.batch.cost, self._closed(False))

    def without(self) -> Choice | None:
        """The best path that leaves the node out in all periods asked about."""
        cost = self.batch.cost.copy()
        cost[np.ix_(self.periods, self._has)] = np.inf
        return self._cheapest(cost, self._closed(False))

    def with_node(self) -> Choice | None:
        """The best path with the node in some period asked about; if it is closed it is opened, at its cost."""
        used, found = self._closed(True), []
        for first in np.flatnonzero(self.periods).tolist():
            cost = self.batch.cost.copy()
            before = self.periods & (np.arange(len(self.periods)) < first)
            cost[np.ix_(before, self._has)] = np.inf
            cost[first, ~self._has] = np.inf
            found.append(self._cheapest(cost, used))
        return min((choice for choice in found if choice is not None), key=lambda choice: choice.cost, default=None)

    def difference(self) -> float:
        """Money by which the best with the node is dearer than the best without; inf or -inf where one has no path."""
        with_node, without = self.with_node(), self.without()
        if with_node is None or without is None:
            return np.nan if with_node is without else np.inf if with_node is None else -np.inf
        return with_node.cost - without.cost

    @property
    def _has(self) -> Bools:
        return self.batch.family.sets[:, self.node]

    def _closed(self, opened: bool) -> Floats:
        """(1,N,T) price of using each node: inf where closed; its fixed cost where it is opened for the question."""
        case, closed = self.instance, ~self.is_open
        price = np.where(closed, np.inf, 0.0)
        if opened:
            chain = [self.node, *(int(up[self.node]) for up in routing.chains(case.feeder[0]))]
            for node in {node for node in chain if node >= 0}:
                free = closed[node] & case.available[node]
                price[node] = np.where(free, case.fixed_cost[node] * case.months, price[node])
        return price[None]

    def _cheapest(self, cost: Floats, used: Floats) -> Choice | None:
        batch = replace(self.batch, cost=cost)
        found = pricing.cheapest_paths(self.instance, batch, replace(self.prices, used=used))
        if not np.isfinite(found.cost[0]):
            return None
        stocked = batch.family.sets[found.path[0]].T
        extra = self._extra(found.path[0])
        fixed = float((self.instance.fixed_cost[:, None] * self.instance.months * extra).sum())
        opening = _openings(self.instance, self.is_open | extra) - _openings(self.instance, self.is_open)
        return Choice(stocked, float(found.cost[0]) + opening, fixed + opening)

    def _extra(self, path: Ints) -> Bools:
        """(N,T) nodes that a path uses, stocking or passing goods on, and that the plan keeps closed."""
        family, extra = self.batch.family, np.zeros(self.is_open.shape, dtype=bool)
        for t, index in enumerate(path):
            cells = family.set_cells[index]
            extra[family.cells.node[cells[cells < len(family.cells.node) - 1]], t] = True
        return extra & ~self.is_open


def _openings(instance: Instance, is_open: Bools) -> float:
    """Money for opening candidates (section 7)."""
    before = np.concatenate([instance.opened[:, None], is_open[:, :-1]], axis=1)
    opens = is_open & ~before & instance.candidate[:, None]
    return float((instance.opening_cost[:, None] * opens).sum())


def billed(instance: Instance, stocked: Bools, is_open: Bools, given: Prices) -> Bill:
    """Cost by term and rent by thing of a path (N,T) of an instance's only SKU."""
    return bill(instance, evaluated(instance, stocked[None], is_open), stocked[None], given)


def evaluated(instance: Instance, stocked: Bools, is_open: Bools) -> Evaluation:
    """The evaluation of a placement (K,N,T) without surge."""
    surge = np.zeros((len(instance.nodes), len(TEMPERATURES), len(instance.periods)))
    return evaluate(instance, stocked, is_open, surge)


def turning(difference: Callable[[float], float], values: Sequence[float]) -> float | None:
    """Where a difference changes its sign for the first time along ``values``, which begin with the state of now.

    Returns a value on the far side, as close to the turn as CLOSE; None where there is no change, or nothing to compare
    now. Where the difference jumps between two values the first turn may be missed if it turns back before the next.
    """
    now = difference(values[0])
    if not np.isfinite(now):
        return None
    before = now
    for near, far in pairwise(values):
        after = difference(far)
        if _turned(now, after):
            return _narrowed(difference, now, (near, before), (far, after))
        before = after
    return None


Point = tuple[float, float]  # a value, and the difference there


def _narrowed(difference: Callable[[float], float], now: float, near: Point, far: Point) -> float:
    """The turn between two points: beside the root of a straight line through them, then the middle, and again."""
    while _apart(near[0], far[0]):
        for value in (*_beside_root(near, far), (near[0] + far[0]) / 2.0):
            if min(near[0], far[0]) < value < max(near[0], far[0]) and _apart(near[0], far[0]):
                point = value, difference(value)
                near, far = (near, point) if _turned(now, point[1]) else (point, far)
    return far[0]


def _apart(near: float, far: float) -> bool:
    return abs(far - near) > CLOSE * max(abs(far), CLOSE)


def _beside_root(near: Point, far: Point) -> tuple[float, ...]:
    rise = far[1] - near[1]
    if not np.isfinite(rise) or rise == 0.0:
        return ()
    root = near[0] - near[1] * (far[0] - near[0]) / rise
    step = 0.4 * CLOSE * max(abs(root), CLOSE) * float(np.sign(far[0] - near[0]))
    return root + step, root - step


def _turned(now: float, then: float) -> bool:
    return bool(then < 0.0) if now >= 0.0 else bool(then >= 0.0)


def with_demand(question: Question, factor: float, regions: Bools) -> Question:
    """The question with the SKU's demand in some regions (R,) multiplied; the variance grows with the mean."""
    case = question.instance
    times = np.where(regions, factor, 1.0)[None, :, None]
    return _evaluated_anew(question, replace(case, mean=case.mean * times, variance=case.variance * times))


def _evaluated_anew(question: Question, instance: Instance) -> Question:
    """The question for figures that leave sets and routes as they are."""
    return replace(question, instance=instance, family=question.batch.family, known=None)


def with_rent(question: Question, rent: Floats) -> Question:
    """The question with another rent (T,) of the node's room for the SKU."""
    room = question.prices.room.copy()
    room[question.node, question.instance.temperature[0]] = rent
    return replace(question, prices=replace(question.prices, room=room), known=question.batch)


def with_cost(question: Question, name: str, value: float) -> Question:
    """The question with another cost of the node: handling_cost, storage_cost or stocking_cost."""
    values = getattr(question.instance, name).copy()
    values[question.node] = value
    return _evaluated_anew(question, replace(question.instance, **{name: values}))


def with_inbound(question: Question, value: float) -> Question:
    """The question with another inbound cost per unit into the node."""
    values = question.instance.inbound_per_unit.copy()
    values[0, question.node] = value
    return _evaluated_anew(question, replace(question.instance, inbound_per_unit=values))


def with_shipping(question: Question, change: float) -> Question:
    """The question with every parcel from the node dearer by ``change`` (below zero: cheaper, at least free)."""
    case = question.instance
    own = case.lane_node == question.node
    cost = np.where(own, np.maximum(case.lane_parcel_cost + change, 0.0), case.lane_parcel_cost)
    return replace(question, instance=replace(case, lane_parcel_cost=cost), family=None, known=None)


@dataclass(frozen=True)
class Taker:
    """A SKU that would use more of a thing if its rent fell; compared with its best path under the full rents."""

    sku: int
    share: float  # of its rent at which the SKU starts to
    more: Floats  # (T,) units it would use more
    saving: float  # money it would save, the rent of the thing itself left out
    stocked: Bools  # (N,T) its path then


@dataclass(frozen=True)
class Base:
    """A plan whose SKUs are priced again: what each uses and pays now."""

    instance: Instance
    stocked: Bools  # (K,N,T)
    is_open: Bools  # (N,T)
    prices: Prices


def takers(base: Base, thing: Scarce) -> list[Taker]:
    """SKUs that would use more of one thing than the plan gives them if its rent fell, each at the first of RUNGS.

    Every admissible set of every SKU is priced at each rung, at the nodes that the plan has open. A SKU that would use
    more at the full rent already, and was left out because whole SKUs have to fit, is no taker.
    """
    case, given = base.instance, base.prices
    shut = np.where(base.is_open, 0.0, np.inf)[None] * np.ones((len(case.skus), 1, 1))
    asked = replace(given, used=None if base.is_open.all() else shut)
    rent, free = rent_of(case, given, thing), scaled(given, thing, 0.0)
    found: dict[int, Taker] = {}
    catalogue = Catalogue(case, Rows(case, compile_model(build(case))))
    try:
        planned = _state(base, base.stocked, thing, free)[0] @ rent
        full = _placed(catalogue, catalogue.price(asked), base.stocked)
        now = _state(base, full, thing, free)
        least = np.maximum(planned, now[0] @ rent)
        for share in RUNGS:
            stocked = _placed(catalogue, catalogue.price(scaled(asked, thing, share)), base.stocked)
            then = _state(base, stocked, thing, free)
            for sku in np.flatnonzero(then[0] @ rent > least + 1e-9 * np.abs(least) + 1e-12).tolist():
                taker = Taker(sku, share, then[0][sku] - now[0][sku], float(now[1][sku] - then[1][sku]), stocked[sku])
                found.setdefault(sku, taker)
    finally:
        catalogue.close()
    return list(found.values())


def _state(base: Base, stocked: Bools, thing: Scarce, free: Prices) -> tuple[Floats, Floats]:
    """(K,T) use of the thing, and (K,) cost with all other rents."""
    made = evaluated(base.instance, stocked, base.is_open)
    return use(base.instance, made, stocked, thing), bill(base.instance, made, stocked, free).total


def _placed(catalogue: Catalogue, priced: Priced, stocked: Bools) -> Bools:
    """The placement (K,N,T) of the priced paths; SKUs without a choice stay."""
    out = stocked.copy()
    for batch, path in zip(catalogue.batches, priced.paths, strict=True):
        out[batch.skus] = np.swapaxes(batch.family.sets[path], 1, 2)
    return out
