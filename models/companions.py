"""Orders of several SKUs: which are bought together, and what the parcels of a placement cost order by order.

A plan charges each SKU its share of one parcel per order, over the lane of the SKU's own node (MATHEMATICS.md, sections
2 and 7). An order whose SKUs stand at different nodes takes more parcels. Here past orders are sent from a placement as
the order router would with every shelf full: from the best-ranked node that stocks all of the consignment, else from
the node that stocks most of what is left, and so on.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from . import routing
from .instance import Bools, Floats, Instance, Ints, summed
from .orders import OrderLines, order_book
from .rate_cards import FAR, card_number

STRIP = 2_000_000  # lines x sets worked on at once


@dataclass(frozen=True)
class Baskets:
    """Past orders as consignments (what can travel in one parcel), C of them with M lines."""

    sku: Ints  # (M,)
    owner: Ints  # (M,) consignment, 0.. ascending
    region: Ints  # (C,)
    reach: Bools  # (M,N) a lane carries the line
    rank: Ints  # (C,N) of each node's lane, FAR where none
    parcel: Floats  # (C,N) money per parcel, lateness included
    kilogram: Floats  # (C,N) money per kg
    own_rank: Ints  # (M,N) rank of each node's lane for the SKU alone, FAR where none
    own_cost: Floats  # (M,N) money by the plan's reckoning: the line's share of a parcel, and its freight
    units: Floats  # (M,)
    weight: Floats  # (M,) kg
    orders: int

    @property
    def count(self) -> int:
        """C."""
        return len(self.region)

    @property
    def lines(self) -> Ints:
        """(C,) lines of each consignment."""
        return np.bincount(self.owner, minlength=self.count)


def baskets(instance: Instance, lines: OrderLines, since: int, until: int) -> Baskets:
    """The orders of some days (both included) as consignments."""
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
        kilogram=np.where(lane >= 0, instance.lane_kg_cost[lane], np.inf),
        own_rank=np.where(own_lane >= 0, own_rank, FAR),
        own_cost=np.where(own_lane >= 0, own, 0.0),
        units=units,
        weight=weight,
        orders=int(book.order[-1]) + 1 if len(book.order) else 0,
    )


def together(goods: Baskets, skus: int) -> sp.csr_matrix:
    """(K,K) number of consignments in which two SKUs stand together; the diagonal counts those of each SKU."""
    inside = sp.csr_matrix((np.ones(len(goods.sku)), (goods.owner, goods.sku)), shape=(goods.count, skus))
    return (inside.T @ inside).tocsr()


@dataclass(frozen=True)
class Shipping:
    """How a placement ships past orders."""

    node: Ints  # (M,) node that ships each line, -1 = none stocks it
    parcels: Ints  # (C,)
    cost: float  # money
    planned: float  # money by the plan's reckoning, for the same lines

    @property
    def split_rate(self) -> float:
        """Share of the consignments shipped that take more than one parcel."""
        return float((self.parcels > 1).sum() / max(int((self.parcels > 0).sum()), 1))

    @property
    def extra(self) -> float:
        """Money beyond the plan's reckoning, for all the orders."""
        return self.cost - self.planned


def shipped(goods: Baskets, held: Bools) -> Shipping:
    """Ship the orders from a placement held (K,N) with every shelf full."""
    able = held[goods.sku] & goods.reach
    node, parcels = _cover(goods, able)
    used = np.flatnonzero(node >= 0)
    owner, at = goods.owner[used], node[used]
    new = np.unique(owner * held.shape[1] + at)
    cost = goods.parcel[new // held.shape[1], new % held.shape[1]].sum()
    cost += (goods.weight[used] * goods.kilogram[owner, at]).sum()
    own = np.argmin(np.where(able, goods.own_rank, FAR), axis=1)
    return Shipping(node, parcels, float(cost), float(goods.own_cost[used, own[used]].sum()))


def _cover(goods: Baskets, able: Bools) -> tuple[Ints, Ints]:
    """Node of each line (M,) and parcels of each consignment (C,): most lines at once first, ties by the router."""
    node = np.full(len(goods.sku), -1)
    parcels = np.zeros(goods.count, dtype=np.int64)
    able = able & (goods.rank < FAR)[goods.owner]
    line = np.flatnonzero(able.any(axis=1))
    while line.size:
        owners, first = np.unique(goods.owner[line], return_index=True)
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
        self.goods, self.shared = goods, shared
        able = held[goods.sku] & goods.reach & (goods.rank < FAR)[goods.owner]
        shippable = now.node >= 0
        nodes = held.shape[1]
        several = np.bincount(goods.owner[shippable], minlength=goods.count) > 1
        self.line: Ints = np.flatnonzero(several[goods.owner])
        self.line = self.line[np.argsort(goods.sku[self.line], kind="stable")]
        owner = goods.owner[self.line]
        lacking = (~able & shippable[:, None]).astype(np.int64)
        missing = np.stack([np.bincount(goods.owner, lacking[:, n], goods.count) for n in range(nodes)], axis=1)
        here = np.zeros((goods.count, nodes))
        np.add.at(here, (goods.owner[shippable], now.node[shippable]), 1.0)
        self.whole: Bools = (missing[owner] - lacking[self.line] == 0) & (goods.rank[owner] < FAR)
        self.others: Floats = here[owner]
        at = np.flatnonzero(now.node[self.line] >= 0)
        self.others[at, now.node[self.line[at]]] -= 1.0
        heavy = np.bincount(goods.owner[shippable], goods.weight[shippable], goods.count)
        self.rest: Floats = np.maximum(heavy[owner] - goods.weight[self.line], 0.0)

    def extra(self, skus: Ints, sets: Bools) -> Floats:
        """(S, len(skus)) money beyond the plan's reckoning of the orders with each SKU, were it held at each set (S,N).

        Constants that do not depend on the set are left out.
        """
        goods = self.goods
        out = np.zeros((len(sets), len(skus)))
        order = np.argsort(skus)
        found = np.searchsorted(skus[order], goods.sku[self.line])
        place = order[np.minimum(found, len(skus) - 1)]
        mine = np.flatnonzero(skus[place] == goods.sku[self.line])
        step = max(1, STRIP // max(len(sets), 1))
        for rows in (mine[at : at + step] for at in range(0, len(mine), step)):
            values = self._of_lines(rows, sets)
            sku = place[rows]
            change = np.flatnonzero(np.diff(sku, prepend=-1))
            out[:, sku[change]] += np.add.reduceat(values, change, axis=0).T
        return out

    def _of_lines(self, rows: Ints, sets: Bools) -> Floats:
        """(rows, S) money of each line's consignment, less the plan's reckoning of the line."""
        goods, line = self.goods, self.line[rows]
        owner = goods.owner[line]
        weight, rest, whole = goods.weight[line], self.rest[rows], self.whole[rows]
        parcel, kilogram = goods.parcel[owner], goods.kilogram[owner]
        reach = goods.reach[line] & (goods.rank[owner] < FAR)
        together = np.where(whole & reach, parcel + (weight + rest)[:, None] * kilogram, np.inf)
        apart = np.where(whole, parcel + rest[:, None] * kilogram, np.inf).min(axis=1)
        split = np.isfinite(apart)
        others = self.others[rows]
        part = parcel / (others + 1.0) if self.shared else np.where(others > 0, 0.0, parcel)
        own_parcel = np.where(split[:, None], parcel, part)
        own = np.where(reach, own_parcel + weight[:, None] * kilogram, np.inf)
        cost = np.minimum(_least(together, sets), _least(own, sets) + np.where(split, apart, 0.0)[:, None])
        return np.where(np.isfinite(cost), cost - _ranked(goods.own_cost[line], goods.own_rank[line], sets), 0.0)


def _least(values: Floats, sets: Bools) -> Floats:
    """(rows, S) least value (rows, N) over the nodes of each set; inf for the empty one."""
    out = np.full((len(values), len(sets)), np.inf)
    for n in np.flatnonzero(sets.any(axis=0)):
        having = np.flatnonzero(sets[:, n])
        out[:, having] = np.minimum(out[:, having], values[:, n, None])
    return out


def _ranked(values: Floats, rank: Ints, sets: Bools) -> Floats:
    """(rows, S) the value at the best-ranked node of each set."""
    best = np.full((len(values), len(sets)), FAR, dtype=np.int64)
    out = np.zeros((len(values), len(sets)))
    for n in np.flatnonzero(sets.any(axis=0)):
        having = np.flatnonzero(sets[:, n])
        better = rank[:, n, None] < best[:, having]
        best[:, having] = np.where(better, rank[:, n, None], best[:, having])
        out[:, having] = np.where(better, values[:, n, None], out[:, having])
    return out
