"""Routing one day's orders to the nodes that have stock, as an order router does.

The node that can fill the whole consignment comes first, the best-ranked of them (MATHEMATICS.md, section 4); else the
fewest parcels, then cost. First come, first served. All that one node can fill go in rounds over whole arrays: all ask
the best node, and those that come too late for its stock ask again. Only what must be split is looked at one by one,
after the others of the day.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import combinations
from typing import NamedTuple, TypeVar

import numpy as np

from . import routing
from .instance import Bools, Floats, Instance, Ints
from .orders import OrderBook
from .rate_cards import BANDS, FAR, RateCards
from .shelves import DUST, running

MOST_SPLIT = 3  # parcels up to which every combination of nodes is tried; beyond, the fullest node goes first


class Shipped(NamedTuple):
    """Rows of what left for customers."""

    line: Ints  # line of the day
    node: Ints
    units: Floats
    parcel: Ints  # number of the parcel among the day's


class Parcels(NamedTuple):
    """The day's parcels."""

    consignment: Ints  # among the day's
    lane: Ints


@dataclass(frozen=True)
class DayOrders:
    """One day's lines with everything the router asks of them."""

    sku: Ints  # (lines,)
    quantity: Floats  # (lines,)
    consignment: Ints  # (lines,) 0.. ascending
    first: Ints  # (consignments + 1,) first line of each, and the end
    card: Ints  # (consignments,)
    region: Ints  # (consignments,)
    cell: Ints  # (lines, N) cell that may ship the line today, C where none may
    rank: Ints  # (consignments, N)
    lane: Ints  # (consignments, N)

    def lines_of(self, consignments: Ints) -> tuple[Ints, Ints, Ints]:
        """Lines of some consignments: (line, place of its consignment among them, first row of each)."""
        length = self.first[consignments + 1] - self.first[consignments]
        first = np.cumsum(length) - length
        line = np.repeat(self.first[consignments] - first, length) + np.arange(int(length.sum()))
        return line, np.repeat(np.arange(len(consignments)), length), first


def day_orders(
    book: OrderBook, day: int, cards: RateCards, cell_of: Ints, open_cell: Bools, instance: Instance
) -> DayOrders:
    """The lines of a day. cell_of (K,N): the cell of a SKU at a node; open_cell (C + 1,): it may ship today."""
    lines = book.day(day)
    sku = book.sku[lines]
    given = book.consignment[lines]
    lowest = int(given[0]) if len(given) else 0
    consignment = given - lowest
    count = int(consignment[-1]) + 1 if len(given) else 0
    which = slice(lowest, lowest + count)
    region, card = book.region[which], book.card[which]
    rank, lane = cards.at(card, region)
    alone = (1 << instance.temperature[sku]) * BANDS + card[consignment] % BANDS
    reached = cards.at(alone, region[consignment])[1] >= 0
    nowhere = len(open_cell) - 1
    cell = cell_of[sku]
    cell = np.where(open_cell[cell] & reached, cell, nowhere)
    first = np.searchsorted(consignment, np.arange(count + 1))
    return DayOrders(sku, book.quantity[lines], consignment, first, card, region, cell, rank, lane)


def dispatch(orders: DayOrders, on_hand: Floats, cards: RateCards, instance: Instance) -> tuple[Shipped, Parcels]:
    """Ship what the stock allows; `on_hand` (C + 1,) is reduced by what leaves."""
    whole, parcels, left = _in_rounds(orders, on_hand)
    if not left.size:
        return whole, parcels
    splitter = _Splitter(orders, on_hand, cards, instance, len(parcels.lane))
    for number in left.tolist():
        splitter.split(number)
    return splitter.joined(whole, parcels)


def _in_rounds(orders: DayOrders, on_hand: Floats) -> tuple[Shipped, Parcels, Ints]:
    """Ship every consignment that one node can fill as far as anyone can; the third result must be split."""
    active = np.arange(len(orders.card))
    shipped, parcels, split = [_NOTHING], [_NO_PARCELS], [active[:0]]
    count = 0
    while active.size:
        line, owner, first = orders.lines_of(active)
        node, wanted, stuck = _best_nodes(orders, active, line, first, on_hand)
        split.append(active[stuck])
        asks = (node >= 0)[owner]
        line, owner, wanted = line[asks], owner[asks], wanted[asks]
        cell = orders.cell[line, node[owner]]
        late = running(cell, wanted) + wanted > on_hand[cell] + DUST
        accepted = (node >= 0) & (np.bincount(owner[late & (wanted > DUST)], minlength=active.size) == 0)
        rows = accepted[owner] & (wanted > DUST)
        np.subtract.at(on_hand, cell[rows], wanted[rows])
        number = count + np.cumsum(accepted) - 1
        shipped.append(Shipped(line[rows], node[owner[rows]], wanted[rows], number[owner[rows]]))
        parcels.append(Parcels(active[accepted], orders.lane[active[accepted], node[accepted]]))
        count += int(accepted.sum())
        active = active[(node >= 0) & ~accepted]
    return _stacked(shipped), _stacked(parcels), np.sort(np.concatenate(split))


def _best_nodes(
    orders: DayOrders, active: Ints, line: Ints, first: Ints, on_hand: Floats
) -> tuple[Ints, Floats, Bools]:
    """For each active consignment the best node that has all that can be had at all (-1 = none), the units wanted of
    each line, and whether only several nodes together have it."""
    stock = on_hand[orders.cell[line]]
    wanted = np.minimum(orders.quantity[line], stock.sum(axis=1))
    fills = np.logical_and.reduceat(stock >= wanted[:, None] - DUST, first, axis=0)
    rank = np.where(fills, orders.rank[active], FAR)
    node = np.argmin(rank, axis=1)
    found = rank[np.arange(active.size), node] < FAR
    some = np.add.reduceat(wanted, first) > DUST
    return np.where(found & some, node, -1), wanted, some & ~found


class _Splitter:
    """Consignments that need more than one parcel, one after the other."""

    def __init__(self, orders: DayOrders, on_hand: Floats, cards: RateCards, instance: Instance, parcels: int) -> None:
        self.orders, self.on_hand, self.cards, self.instance = orders, on_hand, cards, instance
        self.rows: list[tuple[int, int, float, int]] = []
        self.made: list[tuple[int, int]] = []
        self.before = parcels
        self.late = routing.late_share(instance) * instance.late_penalty

    def split(self, number: int) -> None:
        """Ship one consignment from as few nodes as can fill it, the cheapest of such."""
        lines = np.arange(self.orders.first[number], self.orders.first[number + 1])
        stock = self.on_hand[self.orders.cell[lines]]
        wanted = np.minimum(self.orders.quantity[lines], stock.sum(axis=1))
        held = np.flatnonzero((stock[wanted > DUST] > DUST).any(axis=0))
        if not held.size:
            return
        held = held[np.argsort(self.orders.rank[number, held], kind="stable")]
        kg = self.instance.weight_kg[self.orders.sku[lines]]
        chosen = self._choose(number, stock[:, held], wanted, kg, held)
        left = wanted.copy()
        for node in held[list(chosen)].tolist():
            units = np.minimum(left, self.on_hand[self.orders.cell[lines, node]])
            left -= units
            self._ship(number, lines, node, units)

    def _choose(self, number: int, stock: Floats, wanted: Floats, kg: Floats, held: Ints) -> tuple[int, ...]:
        """Places in `held` of the nodes that ship: the smallest number, then the lowest cost, then the best ranks."""
        price, rate = self._prices(number, held)
        for size in range(1, min(MOST_SPLIT, held.size) + 1):
            tries = _tries(held.size, size)
            fills = (stock[:, tries].sum(axis=2) >= wanted[:, None] - DUST).all(axis=0)
            if fills.any():
                tries = tries[fills]
                part = np.minimum(np.cumsum(stock[:, tries], axis=2), wanted[:, None, None])
                weights = np.einsum("l,lts->ts", kg, np.diff(part, axis=2, prepend=0.0))
                cost = (price[tries] + rate[tries] * weights).sum(axis=1)
                return tuple(tries[np.argmin(np.round(cost, 9))].tolist())
        return _fullest_first(stock, wanted)

    def _prices(self, number: int, held: Ints) -> tuple[Floats, Floats]:
        """Price of a parcel (late penalty included) and of a kilogram from each node, as far as its lane is known."""
        lane = self.orders.lane[number, held]
        alone = self._lanes(number, int(self.orders.card[number]) // BANDS)[:, held].max(axis=0)
        lane = np.where(lane >= 0, lane, alone)
        return self.instance.lane_parcel_cost[lane] + self.late[lane], self.instance.lane_kg_cost[lane]

    def _lanes(self, number: int, temperatures: int) -> Ints:
        """(single temperatures, N) lanes of the consignment's region and weight band."""
        bits = np.array([bit for bit in (1, 2, 4) if bit & temperatures])
        cards = bits * BANDS + self.orders.card[number] % BANDS
        return self.cards.at(cards, np.full(len(bits), self.orders.region[number]))[1]

    def _ship(self, number: int, lines: Ints, node: int, units: Floats) -> None:
        """One parcel from a node, or one per temperature where no lane carries all of them."""
        chosen = np.flatnonzero(units > DUST)
        if not chosen.size:
            return
        bits = 1 << self.instance.temperature[self.orders.sku[lines[chosen]]]
        band, region = int(self.orders.card[number]) % BANDS, int(self.orders.region[number])
        together = int(np.bitwise_or.reduce(bits))
        groups = [together] if self._lane(together, band, region, node) >= 0 else sorted(set(bits.tolist()))
        for group in groups:
            self.made.append((number, self._lane(group, band, region, node)))
            for place in chosen[(bits & group) > 0].tolist():
                line, amount = int(lines[place]), float(units[place])
                self.on_hand[self.orders.cell[line, node]] -= amount
                self.rows.append((line, node, amount, self.before + len(self.made) - 1))

    def _lane(self, temperatures: int, band: int, region: int, node: int) -> int:
        where = self.cards.position[temperatures * BANDS + band]
        return int(self.cards.lane[where, region, node])

    def joined(self, shipped: Shipped, parcels: Parcels) -> tuple[Shipped, Parcels]:
        """What went before and what was split."""
        if not self.rows:
            return shipped, parcels
        line, node, units, parcel = (np.array(column) for column in zip(*self.rows, strict=True))
        consignment, lane = (np.array(column) for column in zip(*self.made, strict=True))
        return _stacked([shipped, Shipped(line, node, units, parcel)]), _stacked([parcels, Parcels(consignment, lane)])


@cache
def _tries(nodes: int, size: int) -> Ints:
    """(combinations, size) of places of nodes."""
    return np.array(list(combinations(range(nodes), size)))


def _fullest_first(stock: Floats, wanted: Floats) -> tuple[int, ...]:
    """Nodes by the units they can still add, the most first, until nothing is left."""
    left, stock, chosen = wanted.copy(), stock.copy(), []
    while (left > DUST).any():
        node = int(np.argmax(np.minimum(stock, left[:, None]).sum(axis=0)))
        left = np.maximum(left - stock[:, node], 0.0)
        stock[:, node] = 0.0
        chosen.append(node)
    return tuple(chosen)


_NOTHING = Shipped(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64), np.zeros(0), np.zeros(0, dtype=np.int64))
_NO_PARCELS = Parcels(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64))
Rows = TypeVar("Rows", Shipped, Parcels)


def _stacked(parts: list[Rows]) -> Rows:
    """Rows of all parts, one after the other."""
    return type(parts[0])(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))
