"""A certified placement polished for orders of several SKUs: SKUs move to where their companions are, while it pays.

The plan's model charges every SKU its share of one parcel per order; `companions` says what the parcels of past
orders really cost from a placement. The polish lowers the sum of both: each SKU's sets are priced again with what its
orders would cost, given where their other SKUs stand, and moves are made, the largest gain first, as far as rooms,
budget and limits hold and the exact sum falls. The bound of the search stays a bound on the plan's own cost.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from .batches import Batch, evaluate_batch
from .companions import Baskets, Shipping, company, shipped_by_period
from .evaluation import Evaluation, evaluate
from .instance import FIRST_PERIOD, TEMPERATURES, Bools, Floats, Instance, Ints, LimitRow
from .outcome import Rents
from .patterns import families
from .pricing import cheapest_paths, priced
from .scarce import Scarce, no_rents, prices, use

STAGES = ((True, 16, 3), (False, 4, 2))  # parcels shared; rounds at most; rounds without gain that end a stage
PARTS = (1.0, 0.4, 0.15, 0.05, 0.01)  # of the moves that fit, by gain, tried until the sum falls
LEAST_GAIN = 1e-4  # share of the sum; a round that gains less is one without gain
HELD = ("value", "volume_m3", "units", "units_per_day", "skus")  # measures of limits, summed over SKU-nodes
BY_SKU = ("units_per_day", "purchases", "changes", "change_value")  # summed over SKUs
SLACK, FADE, STEEP = (
    0.97,
    0.9,
    1.25,
)  # asked for less than SLACK of it: rent x FADE; for more than all: x STEEP at least
TOLERANCE = 1e-9


@dataclass(frozen=True)
class Standing:
    """A placement with its exact cost and what its split parcels add."""

    stocked: Bools  # (K,N,T)
    exact: Evaluation
    goods: Baskets
    shipping: tuple[Shipping, ...]  # per period

    @cached_property
    def extra(self) -> Floats:
        """(C,) money over the horizon beyond the plan's reckoning of each consignment."""
        return np.asarray(sum(self.goods.times[:, t] * ship.extra for t, ship in enumerate(self.shipping)))

    @property
    def split_cost(self) -> float:
        """Money over the horizon beyond the plan's reckoning of the orders that history shows."""
        return float(self.extra[self.goods.wish < 0].sum())

    @property
    def wish_cost(self) -> float:
        """The same of orders that are only wished for."""
        return float(self.extra[self.goods.wish >= 0].sum())

    @property
    def total(self) -> float:
        """Plan cost and split cost, wishes included."""
        return self.exact.total + self.split_cost + self.wish_cost

    @property
    def split_rate(self) -> float:
        """Share of past consignments in more than one parcel, mean over the periods."""
        past = self.goods.wish < 0
        return float(np.mean([ship.split_rate(past) for ship in self.shipping]))


def standing(instance: Instance, goods: Baskets, stocked: Bools, opened: Bools, surge: Floats) -> Standing:
    """A placement under given openings and surge space, exactly."""
    exact = evaluate(instance, stocked, opened, surge)
    return Standing(stocked, exact, goods, shipped_by_period(goods, stocked))


@dataclass(frozen=True)
class Polished:
    """Before and after; the same where nothing was gained."""

    before: Standing
    after: Standing
    surge: Floats  # (N,3,T) m3
    moves: int


def polish(
    instance: Instance,
    goods: Baskets,
    stocked: Bools,
    opened: Bools,
    surge: Floats,
    rents: Rents | None,
    most_cost: float = np.inf,
    seconds: float = np.inf,
    tell: Callable[[Standing, str], None] = lambda now, note: None,
) -> Polished:
    """Move SKUs as long as the sum of plan cost and split cost falls; open nodes are given, and surge space at most.

    ``most_cost``: the plan's own cost does not rise beyond it. ``seconds``: no round begins later.
    ``tell`` hears of the placement before every round.
    """
    began = time.perf_counter()
    search = _Polish(instance, goods, stocked, opened, surge, rents, most_cost)
    before = now = search.standing(stocked)
    number = 0
    for shared, rounds, patience in STAGES:
        idle = 0
        for _ in range(rounds):
            if time.perf_counter() - began >= seconds:
                break
            number += 1
            tell(now, f"round {number}")
            after = search.improved(now, shared)
            idle = 0 if now.total - after.total > LEAST_GAIN * abs(now.total) else idle + 1
            now = after
            if idle >= patience:
                break
    moved = int((now.stocked != before.stocked).any(axis=(1, 2)).sum())
    return Polished(before, now, search.surge_of(now.exact), moved)


class _Polish:
    """What stays the same while SKUs move."""

    def __init__(
        self,
        instance: Instance,
        goods: Baskets,
        stocked: Bools,
        opened: Bools,
        surge: Floats,
        rents: Rents | None,
        most_cost: float,
    ) -> None:
        self.instance, self.goods, self.opened, self.surge = instance, goods, opened, surge
        self.linear = [i for i, row in enumerate(instance.limits) if _held(row) or row.measure in BY_SKU]
        self.most_cost = most_cost
        self.prices = prices(instance, no_rents(instance) if rents is None else rents)
        self.most = np.concatenate([part.ravel() for part in self._limits()])
        self.worth = float(evaluate(instance, stocked, opened, surge).total)

    @cached_property
    def batches(self) -> list[Batch]:
        """Every set of every SKU."""
        return [self._batch(evaluate_batch(self.instance, f, f.skus)) for f in families(self.instance)]

    def _batch(self, batch: Batch) -> Batch:
        """The same with sets that need a closed node ruled out."""
        cost = batch.cost.astype(float)
        cells = batch.family.cells
        for t in range(len(cost)):
            shut = np.append(~self.opened[cells.node[:-1], t], False)
            cost[t, shut[batch.family.set_cells].any(axis=1)] = np.inf
        return replace(batch, cost=cost)

    def standing(self, stocked: Bools) -> Standing:
        """A placement, exactly."""
        exact = self._needing(evaluate(self.instance, stocked, self.opened, self.surge), stocked)
        return Standing(stocked, exact, self.goods, shipped_by_period(self.goods, stocked))

    def _needing(self, exact: Evaluation, stocked: Bools) -> Evaluation:
        """The same placement with no more surge space than it needs."""
        need = self.surge_of(exact)
        if (need == self.surge).all():
            return exact
        if any(limit.measure == "cost" for limit in self.instance.limits):
            return evaluate(self.instance, stocked, self.opened, need)
        given = self.surge.sum(axis=1)
        paid = exact.node_costs["surge"]
        less = paid * np.divide(need.sum(axis=1), given, out=np.zeros_like(given), where=given > 0)
        total = exact.total + float((less - paid).sum())
        return replace(exact, node_costs={**exact.node_costs, "surge": less}, total=total)

    def surge_of(self, exact: Evaluation) -> Floats:
        """(N,3,T) of the surge space at hand what the placement needs."""
        return np.clip(exact.volume_m3 - self.instance.room_m3[:, :, None], 0.0, self.surge)

    def improved(self, now: Standing, shared: bool) -> Standing:
        """One round of moves; the same standing where none helps."""
        wanted, gain = self._wanted(now, shared)
        order = np.flatnonzero(gain > 0)
        if not order.size:
            return now
        order = order[np.argsort(-gain[order], kind="stable")]
        target = evaluate(self.instance, wanted, self.opened, self.surge)
        takes, holds = self._use(target, wanted), self._use(now.exact, now.stocked)
        dearer = _by_sku(target) - _by_sku(now.exact)
        found = now
        for part in PARTS:
            some = order[: max(1, int(np.ceil(part * len(order))))]
            fits = self._fitting(takes, holds, some)
            if dearer[fits].sum() > self.most_cost - now.exact.total:
                fits = self._fitting(takes, holds, self._affordable(some, gain, dearer, now))
            after = self.standing(np.where(fits[:, None, None], wanted, now.stocked))
            if after.total < found.total and after.exact.total <= self.most_cost and self._kept(now, after):
                found = after
                break
        self._raise_rents(takes)
        return found

    def _wanted(self, now: Standing, shared: bool) -> tuple[Bools, Floats]:
        """Each SKU's best path (K,N,T), its companions where they are, and what it would gain (K,)."""
        stocked = now.stocked.copy()
        gain = np.zeros(len(stocked))
        met = company(self.goods, now.stocked, shared, now.shipping)
        for batch in self.batches:
            family, skus = batch.family, batch.skus
            cost = batch.cost + met.extra(skus, family.sets)
            raised = replace(batch, cost=cost)
            path = cheapest_paths(self.instance, raised, self.prices).path
            present = _places(family.sets, now.stocked[skus])
            moves = np.flatnonzero((path != present).any(axis=1))
            gain[skus[moves]] = self._gain(_some(raised, moves), present[moves], path[moves])
            stocked[skus] = np.swapaxes(family.sets[path], 1, 2)
        return stocked, np.where(np.isfinite(gain), gain, 0.0)

    def _gain(self, batch: Batch, was: Ints, will: Ints) -> Floats:
        """(B,) how much less the sets ``will`` (B,T) cost than ``was``, rents included; -inf where they cannot be."""
        gain, column = np.zeros(len(batch.skus)), np.arange(len(batch.skus))
        for t in range(len(batch.cost)):
            value = priced(self.instance, batch, self.prices, t)
            after = value[will[:, t], column]
            gain += np.where(np.isfinite(after), value[was[:, t], column] - after, -np.inf)
        return gain

    def _affordable(self, some: Ints, gain: Floats, dearer: Floats, now: Standing) -> Ints:
        """Of some moves those that gain most for what they add to the plan's own cost, as far as it may rise."""
        spare = self.most_cost - now.exact.total
        if dearer[some].sum() <= spare:
            return some
        worth = gain[some] / np.maximum(dearer[some], 1e-9 * max(abs(now.total), 1.0))
        ranked = some[np.lexsort((-worth, dearer[some] > 0))]
        return ranked[np.cumsum(dearer[ranked]) <= np.maximum(spare, np.cumsum(np.minimum(dearer[ranked], 0.0)))]

    def _fitting(self, takes: Floats, holds: Floats, order: Ints) -> Bools:
        """(K,) moves, one by one in order, that leave every room, limit and the budget kept; those that had to wait for
        others to make room are looked at again."""
        left = np.maximum(self.most - holds.sum(axis=0), 0.0)
        scale = np.maximum(np.where(np.isfinite(self.most), np.abs(self.most), 0.0), 1.0) * TOLERANCE
        out = np.zeros(len(takes), dtype=bool)
        while order.size:
            waiting = []
            for k in order.tolist():
                more = takes[k] - holds[k]
                if ((more <= left + scale) | (more <= 0)).all():
                    left -= more
                    out[k] = True
                else:
                    waiting.append(k)
            if len(waiting) == len(order):
                break
            order = np.array(waiting, dtype=np.int64)
        return out

    def _raise_rents(self, takes: Floats) -> None:
        """Dearer what too many SKUs asked for, cheaper what they left."""
        asked = takes.sum(axis=0)
        over = np.divide(asked, self.most, out=np.zeros_like(asked), where=np.isfinite(self.most) & (self.most > 0))
        rent = self._rents()
        start = np.where((over > 1.0) & (rent <= 0), self._first_rents(), rent)
        factor = np.where(over > 1.0, np.clip(over**2, STEEP, 2.0), np.where(over < SLACK, FADE, 1.0))
        self._set_rents(start * factor)

    def _rents(self) -> Floats:
        """Rents in the order of `_limits`."""
        prices, budget = self.prices, self.prices.value[0]
        parts = [*(prices.room[:, c] for c in range(len(TEMPERATURES))), prices.flow, prices.slots, budget]
        return np.concatenate([part.ravel() for part in (*parts, *(np.abs(prices.limits[i]) for i in self.linear))])

    def _set_rents(self, rent: Floats) -> None:
        """The inverse of `_rents`."""
        nodes, periods = self.prices.flow.shape
        size = nodes * periods
        room, flow, slots, budget, rest = np.split(rent, np.cumsum([3 * size, size, size, periods]))
        limits = self.prices.limits.copy()
        for row, i in zip(rest.reshape(-1, periods), self.linear, strict=True):
            limits[i] = row if self.instance.limits[i].sense == "max" else -row
        self.prices = replace(
            self.prices,
            room=np.swapaxes(room.reshape(3, nodes, periods), 0, 1),
            flow=flow.reshape(nodes, periods),
            slots=slots.reshape(nodes, periods),
            value=np.broadcast_to(budget, (nodes, periods)),
            limits=limits,
        )

    def _first_rents(self) -> Floats:
        """What scarce things without a rent cost at first: a hundredth of the plan's cost for all there is of each."""
        return np.where(np.isfinite(self.most) & (self.most > 0), 0.01 * self.worth / np.maximum(self.most, 1e-12), 0.0)

    def _use(self, exact: Evaluation, stocked: Bools) -> Floats:
        """(K,D) what each SKU takes of everything that is limited."""
        return np.concatenate([part.reshape(len(stocked), -1) for part in self._uses(exact, stocked)], axis=1)

    def _uses(self, exact: Evaluation, stocked: Bools) -> Iterator[Floats]:
        """What each SKU takes of everything that is limited, arrays (K, ...)."""
        case = self.instance
        by_measure = _measures(case, exact, stocked)
        for c in range(len(TEMPERATURES)):
            yield by_measure["volume_m3"] * (case.temperature == c)[:, None, None]
        yield by_measure["units_per_day"]
        yield by_measure["skus"]
        yield by_measure["value"].sum(axis=1)
        for i, limit in ((i, case.limits[i]) for i in self.linear):
            sign = 1.0 if limit.sense == "max" else -1.0
            if _held(limit):
                yield sign * (by_measure[limit.measure] * np.outer(limit.skus, limit.nodes)[:, :, None]).sum(axis=1)
            else:
                yield sign * use(case, exact, stocked, Scarce("limit", (i,)))

    def _limits(self) -> Iterator[Floats]:
        """The most of each of `_uses`."""
        case, periods = self.instance, len(self.instance.periods)
        for c in range(len(TEMPERATURES)):
            yield np.where(self.opened, case.room_m3[:, c, None], 0.0) + self.surge[:, c]
        yield np.where(self.opened, case.units_per_day[:, None], 0.0)
        yield np.where(self.opened, case.max_skus[:, None], 0.0)
        yield np.full(periods, case.budget)
        for limit in (case.limits[i] for i in self.linear):
            sign = 1.0 if limit.sense == "max" else -1.0
            hard = limit.periods & np.isinf(limit.penalty)
            if limit.measure in FIRST_PERIOD:
                hard = hard & (np.arange(periods) == 0)
            yield np.where(hard, sign * limit.amount, np.inf)

    def _kept(self, now: Standing, after: Standing) -> bool:
        """Limits that are not sums over SKU-nodes, and lanes, hold as far as they held before."""
        case = self.instance
        over = after.exact.lane_parcels - np.maximum(case.lane_parcels_per_day[:, None], now.exact.lane_parcels)
        if (over > TOLERANCE * np.maximum(case.lane_parcels_per_day[:, None], 1.0)).any():
            return False
        for limit, was, used in zip(case.limits, now.exact.limit_use, after.exact.limit_use, strict=True):
            if np.isfinite(limit.penalty):
                continue
            sign = 1.0 if limit.sense == "max" else -1.0
            worst = np.maximum(sign * limit.amount, sign * was)
            if (sign * used - worst > TOLERANCE * max(abs(limit.amount), 1.0))[np.isfinite(used)].any():
                return False
        return True


def _held(limit: LimitRow) -> bool:
    """The limit's measure is a sum over SKU-nodes."""
    return limit.measure in HELD and limit.regions is None


def _by_sku(exact: Evaluation) -> Floats:
    """(K,) the plan's own cost of each SKU."""
    return np.sum([money.sum(axis=(1, 2)) for money in exact.costs.values()], axis=0)


def _measures(case: Instance, exact: Evaluation, stocked: Bools) -> dict[str, Floats]:
    """(K,N,T) of each linear measure."""
    return {
        "volume_m3": exact.peak_stock * case.volume_m3[:, None, None],
        "value": exact.average_stock * case.unit_cost[:, None, None],
        "units": exact.average_stock,
        "units_per_day": exact.flow,
        "skus": stocked.astype(float),
    }


def _some(batch: Batch, at: Ints) -> Batch:
    """The SKUs of a batch at some places."""
    parts = {name: getattr(batch, name)[:, :, at] for name in ("cost", "flow", "average", "peak")}
    return replace(batch, skus=batch.skus[at], **parts)


def _places(sets: Bools, stocked: Bools) -> Ints:
    """(B,T) position among the sets (S,N) of what each SKU (B,N,T) holds."""
    bits = 1 << np.arange(sets.shape[1], dtype=object)
    known = {int(code): at for at, code in enumerate(sets.astype(object) @ bits)}
    codes = np.swapaxes(stocked, 1, 2).astype(object) @ bits
    return np.array([[known[int(code)] for code in row] for row in codes], dtype=np.int64)
