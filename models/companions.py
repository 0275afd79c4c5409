"""Orders of several SKUs: which are bought together, and what the parcels of a placement cost order by order.

A plan charges each SKU its share of one parcel per order, over the lane of the SKU's own node (MATHEMATICS.md, sections
2 and 7). An order whose SKUs stand at different nodes takes more parcels. Here past orders are sent from a placement as
the order router would with every shelf full: from the best-ranked node that stocks all of the consignment, else from
the node that stocks most of what is left, and so on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from . import routing
from .instance import Bools, Floats, Instance, Ints, summed
from .orders import OrderLines, order_book
from .rate_cards import FAR, card_number

STRIP, LEAST_LINES = 500_000, 128  # lines x sets worked on at once, and lines at least


@dataclass(frozen=True)
class Baskets:
    """Orders as consignments (what can travel in one parcel), C of them with M lines."""

    sku: Ints  # (M,)
    owner: Ints  # (M,) consignment, 0.. ascending
    region: Ints  # (C,)
    reach: Bools  # (M,N) a lane carries the line
    rank: Ints  # (C,N) of each node's lane, FAR where none
    parcel: Floats  # (C,N) money per parcel, lateness included, inf where none
    kilogram: Floats  # (C,N) money per kg, 0 where none
    own_rank: Ints  # (M,N) rank of each node's lane for the SKU alone, FAR where none
    own_cost: Floats  # (M,N) money by the plan's reckoning: the line's share of a parcel, and its freight
    units: Floats  # (M,)
    weight: Floats  # (M,) kg
    times: Floats  # (C,T) how often the consignment is expected in each period
    wish: Ints  # (C,) -1: a past order; else the number of the family whose members are wanted together

    @property
    def count(self) -> int:
        """C."""
        return len(self.region)

    @property
    def lines(self) -> Ints:
        """(C,) lines of each consignment."""
        return np.bincount(self.owner, minlength=self.count)

    @cached_property
    def place(self) -> NDArray[np.int32]:
        """(M,N) place of each node among those of a line by rank."""
        order = np.argsort(self.own_rank, axis=1, kind="stable")
        place = np.empty(order.shape, dtype=np.int32)
        np.put_along_axis(place, order, np.arange(order.shape[1], dtype=np.int32)[None, :], axis=1)
        return place

    @cached_property
    def cost_by_place(self) -> Floats:
        """(M,N + 1) `own_cost` in the order of rank, 0 for none."""
        cost = np.zeros((len(self.sku), self.own_rank.shape[1] + 1))
        np.put_along_axis(cost, self.place, np.where(self.own_rank < FAR, self.own_cost, 0.0), axis=1)
        return cost


def baskets(instance: Instance, lines: OrderLines, since: int, until: int) -> Baskets:
    """The orders of some days (both included) as consignments, expected as often as the units of a period are of theirs
    (over SKUs that have both)."""
    book, cards = order_book(instance, lines, since, until)
    sku, owner, units = book.sku, book.consignment, book.quantity
    share = units / np.maximum(summed(owner, units, len(book.region)), 1e-300)[owner]
    weight = units * instance.weight_kg[sku]
    per_parcel = instance.lane_parcel_cost + routing.late_share(instance) * instance.late_penalty
    rank, lane = cards.at(book.card, book.region)
    alone = card_number(1 << instance.temperature, routing.weight_band(instance.weight_kg))
    own_rank, own_lane = cards.at(alone[sku], book.region[owner])
    own = share[:, None] * per_parcel[own_lane] + weight[:, None] * instance.lane_kg_cost[own_lane]
    return Baskets(
        sku=sku,
        owner=owner,
        region=book.region,
        reach=own_lane >= 0,
        rank=np.where(lane >= 0, rank, FAR),
        parcel=np.where(lane >= 0, per_parcel[lane], np.inf),
        kilogram=np.where(lane >= 0, instance.lane_kg_cost[lane], 0.0),
        own_rank=np.where(own_lane >= 0, own_rank, FAR),
        own_cost=np.where(own_lane >= 0, own, 0.0),
        units=units,
        weight=weight,
        times=np.tile(_growth(instance, sku, units), (len(book.region), 1)),
        wish=np.full(len(book.region), -1),
    )


def _growth(instance: Instance, sku: Ints, units: Floats) -> Floats:
    """(T,) expected units of each period per unit of the past, over SKUs that have both."""
    past = summed(sku, units, len(instance.skus))
    expected = instance.mean.sum(axis=1) * instance.days
    return np.asarray(expected[past > 0].sum(axis=0) / max(float(past.sum()), 1e-9))


def together(goods: Baskets, skus: int) -> sp.csr_matrix:
    """(K,K) number of consignments in which two SKUs stand together; the diagonal counts those of each SKU."""
    inside = sp.csr_matrix((np.ones(len(goods.sku)), (goods.owner, goods.sku)), shape=(goods.count, skus))
    return (inside.T @ inside).tocsr()


@dataclass(frozen=True)
class Shipping:
    """How a placement ships orders."""

    node: Ints  # (M,) node that ships each line, -1 = none stocks it
    parcels: Ints  # (C,)
    cost: Floats  # (C,) money
    planned: Floats  # (C,) money by the plan's reckoning, for the same lines

    @property
    def extra(self) -> Floats:
        """(C,) money beyond the plan's reckoning."""
        return self.cost - self.planned

    def split_rate(self, of: Bools) -> float:
        """Share of some consignments (C,), of those shipped, that take more than one parcel."""
        return float((self.parcels[of] > 1).sum() / max(int((self.parcels[of] > 0).sum()), 1))


def shipped(goods: Baskets, held: Bools) -> Shipping:
    """Ship the orders from a placement held (K,N) with every shelf full."""
    able = held[goods.sku] & goods.reach
    node, parcels = _cover(goods, able)
    used = np.flatnonzero(node >= 0)
    owner, at = goods.owner[used], node[used]
    sent = np.zeros((goods.count, held.shape[1]), dtype=bool)
    sent[owner, at] = True
    of, from_node = np.nonzero(sent)
    cost = summed(of, goods.parcel[of, from_node], goods.count)
    cost += summed(owner, goods.weight[used] * goods.kilogram[owner, at], goods.count)
    own = np.where(able, goods.place, held.shape[1]).min(axis=1)[used]
    return Shipping(node, parcels, cost, summed(owner, goods.cost_by_place[used, own], goods.count))


def _cover(goods: Baskets, able: Bools) -> tuple[Ints, Ints]:
    """Node of each line (M,) and parcels of each consignment (C,): most lines at once first, ties by the router."""
    node = np.full(len(goods.sku), -1)
    parcels = np.zeros(goods.count, dtype=np.int64)
    able = able & (goods.rank < FAR)[goods.owner]
    line = np.flatnonzero(able.any(axis=1))
    while line.size:
        first = np.flatnonzero(np.diff(goods.owner[line], prepend=-1))
        owners = goods.owner[line[first]]
        count = np.add.reduceat(able[line].astype(np.int64), first, axis=0)
        best = np.argmax(count * (2 * FAR) - goods.rank[owners], axis=1)
        chosen = np.repeat(best, np.diff(np.append(first, len(line))))
        ships = able[line, chosen]
        node[line[ships]] = chosen[ships]
        parcels[owners] += 1
        line = line[~ships]
    return node, parcels


class Companions:
    """What each line of several-line consignments meets at every node, the rest of a placement being as it is.

    ``shared``: a further parcel is paid by its lines in equal parts, so that lines that could only move together see
    what they would save together; else by the line alone in it.
    """

    def __init__(self, goods: Baskets, held: Bools, now: Shipping, shared: bool) -> None:
        able = held[goods.sku] & goods.reach & (goods.rank < FAR)[goods.owner]
        shippable = now.node >= 0
        several = np.bincount(goods.owner[shippable], minlength=goods.count) > 1
        line = np.flatnonzero(several[goods.owner])
        line = line[np.argsort(goods.sku[line], kind="stable")]
        owner = goods.owner[line]
        self.sku: Ints = goods.sku[line]
        self.times: Floats = goods.times[owner].T
        lacking = ~able & shippable[:, None]
        weight, reach = goods.weight[line], (goods.reach[line] & (goods.rank[owner] < FAR)).T
        parcel, kilogram = goods.parcel[owner].T, goods.kilogram[owner].T
        heavy = summed(goods.owner[shippable], goods.weight[shippable], goods.count)
        rest = np.maximum(heavy[owner] - weight, 0.0)
        whole = (_by_owner(goods, lacking)[owner] - lacking[line] == 0).T & (goods.rank[owner] < FAR).T
        apart = np.where(whole, parcel + rest * kilogram, np.inf).min(axis=0)
        split = np.isfinite(apart)
        others = _others(goods, now.node, line)
        part = parcel / (others + 1.0) if shared else np.where(others > 0, 0.0, parcel)
        # (N,lines): the whole consignment from the node; the line alone from it, and its companions elsewhere
        self.whole: Floats = np.where(whole & reach, parcel + (weight + rest) * kilogram, np.inf)
        alone = np.where(split, parcel, part) + weight * kilogram + np.where(split, apart, 0.0)
        self.alone: Floats = np.where(reach, alone, np.inf)
        self.place, self.planned = goods.place[line].T, goods.cost_by_place[line].T  # (N,lines), (N + 1,lines)

    def extra(self, skus: Ints, sets: Bools, periods: Ints) -> Floats:
        """(P,S,len(skus)) money in some periods beyond the plan's reckoning of the orders with each SKU, were it held
        at each set (S,N). Constants that do not depend on the set are left out."""
        out = np.zeros((len(periods), len(sets), len(skus)))
        order = np.argsort(skus)
        found = np.searchsorted(skus[order], self.sku)
        place = order[np.minimum(found, len(skus) - 1)]
        mine = np.flatnonzero(skus[place] == self.sku)
        ladder = _ladder(sets)
        step = max(LEAST_LINES, STRIP // max(len(sets), 1))
        for rows in (mine[at : at + step] for at in range(0, len(mine), step)):
            values = self._of_lines(rows, ladder)
            sku = place[rows]
            change = np.flatnonzero(np.diff(sku, prepend=-1))
            for p, t in enumerate(periods.tolist()):
                out[p][:, sku[change]] += np.add.reduceat(values * self.times[t, rows], change, axis=1)
        return out

    def _of_lines(self, rows: Ints, ladder: Ladder) -> Floats:
        """(S, rows) money of each line's consignment, less the plan's reckoning of the line."""
        whole, alone, place = self.whole[:, rows], self.alone[:, rows], self.place[:, rows]
        cost = np.minimum(_least(whole, ladder, np.inf), _least(alone, ladder, np.inf))
        best = _least(place, ladder, len(self.place))
        cost -= np.take_along_axis(self.planned[:, rows], best, axis=0)
        return np.where(np.isfinite(cost), cost, 0.0)


@dataclass(frozen=True)
class Company:
    """What orders of several SKUs cost at each set of a SKU, all other SKUs being where a placement has them."""

    parts: tuple[tuple[Companions, Ints], ...]  # and the periods in which they stand so
    periods: int  # T
    weight: float = 1.0

    def extra(self, skus: Ints, sets: Bools) -> Floats:
        """(T,S,len(skus)) money beyond the plan's reckoning at each set (S,N), but for what no set changes."""
        out = np.zeros((self.periods, len(sets), len(skus)))
        for companions, at in self.parts:
            out[at] = self.weight * companions.extra(skus, sets, at)
        return out


def company(
    goods: Baskets, stocked: Bools, shared: bool, shipping: Sequence[Shipping] | None = None, weight: float = 1.0
) -> Company:
    """The company that SKUs have at a placement (K,N,T), which ships as given, if that is known."""
    ships = shipped_by_period(goods, stocked) if shipping is None else shipping
    news = [t == 0 or ship is not ships[t - 1] for t, ship in enumerate(ships)]
    alike = np.split(np.arange(len(ships)), np.flatnonzero(news)[1:])
    parts = [(Companions(goods, stocked[:, :, at[0]], ships[at[0]], shared), at) for at in alike]
    return Company(tuple(parts), len(ships), weight)


def shipped_by_period(goods: Baskets, stocked: Bools) -> tuple[Shipping, ...]:
    """How a placement (K,N,T) ships orders in each period; the very same object where it stays as it was."""
    ships: list[Shipping] = []
    for t in range(stocked.shape[2]):
        same = t > 0 and (stocked[:, :, t] == stocked[:, :, t - 1]).all()
        ships.append(ships[-1] if same else shipped(goods, stocked[:, :, t]))
    return tuple(ships)


def _by_owner(goods: Baskets, marks: Bools) -> Ints:
    """(C,N) lines of each consignment that are marked (M,N)."""
    out = [np.bincount(goods.owner, column, goods.count) for column in marks.T.astype(float)]
    return np.stack(out, axis=1).astype(np.int64)


def _others(goods: Baskets, node: Ints, line: Ints) -> Floats:
    """(N,lines) other lines of the consignment of each line that ship from each node."""
    ships = np.flatnonzero(node >= 0)
    here = np.zeros((goods.rank.shape[1], goods.count))
    np.add.at(here, (node[ships], goods.owner[ships]), 1.0)
    out = here[:, goods.owner[line]]
    at = np.flatnonzero(node[line] >= 0)
    out[node[line[at]], at] -= 1.0
    return out


Ladder = list[tuple[int, list[int]]]  # of each set: an earlier one within it (-1 = the empty set), and what it adds


def _ladder(sets: Bools) -> Ladder:
    """Each set as an earlier one with a few more nodes."""
    known: dict[tuple[int, ...], int] = {}
    out: Ladder = []
    for at, row in enumerate(sets):
        nodes = tuple(np.flatnonzero(row).tolist())
        cut = next((cut for cut in range(len(nodes) - 1, 0, -1) if nodes[:cut] in known), 0)
        out.append((known.get(nodes[:cut], -1), list(nodes[cut:])))
        known[nodes] = at
    return out


def _least(values: NDArray[Any], ladder: Ladder, nothing: float) -> NDArray[Any]:
    """(S, rows) least value (N, rows) over the nodes of each set; ``nothing`` for the empty one."""
    out = np.full((len(ladder), values.shape[1]), nothing, dtype=values.dtype)
    for at, (base, more) in enumerate(ladder):
        if base >= 0:
            out[at] = out[base]
        for node in more:
            np.minimum(out[at], values[node], out=out[at])
    return out
