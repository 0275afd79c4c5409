"""Order lines made ready for the day-by-day simulation: sorted, merged, and grouped into consignments."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from . import routing
from .consignments import carried_together, parts
from .instance import Floats, Instance, Ints
from .rate_cards import RateCards, card_number, rate_cards


@dataclass(frozen=True)
class OrderLines:
    """Lines of orders as they were placed, in any order."""

    day: Ints  # day number
    order: Ints  # number of the order; the same number on another day is another order
    sku: Ints
    region: Ints
    quantity: Floats  # units, > 0


@dataclass(frozen=True)
class OrderBook:
    """Lines sorted by day and order, each SKU once per order.

    A consignment is the part of an order that can travel in one parcel: the whole order, but where no lane to its
    region carries all its temperatures, or its lines name several regions.
    """

    days: Ints  # (D + 1,) first line of each day from `since`, and the end
    sku: Ints  # (lines,)
    quantity: Floats  # (lines,)
    order: Ints  # (lines,) 0.. ascending
    consignment: Ints  # (lines,) 0.. ascending
    region: Ints  # (consignments,)
    card: Ints  # (consignments,) number of its rate card
    weight: Floats  # (consignments,) kg
    since: int

    def day(self, day: int) -> slice:
        """The lines of a day."""
        at = day - self.since
        return slice(int(self.days[at]), int(self.days[at + 1]))


def order_book(instance: Instance, lines: OrderLines, since: int, until: int) -> tuple[OrderBook, RateCards]:
    """The lines from `since` to `until` (both included) as a book, and every rate card they need."""
    used = (lines.day >= since) & (lines.day <= until) & (lines.quantity > 0)
    day, order, sku, region, quantity = _merged(lines, np.flatnonzero(used))
    whole = _numbered(day, order, region)
    part = _parts(instance, whole, sku, region)
    rank = np.lexsort((sku, part, whole))
    day, order, sku, region = (column[rank] for column in (day, order, sku, region))
    quantity = quantity[rank]
    consignment = _numbered(whole[rank], part[rank])
    first = _starts(consignment)
    weight = _summed(quantity * instance.weight_kg[sku], first)
    card = card_number(_together(1 << instance.temperature[sku], first), routing.weight_band(weight))
    own = card_number(1 << instance.temperature, routing.weight_band(instance.weight_kg))
    cards = rate_cards(instance, np.unique(np.concatenate([card, own])).tolist())
    days = np.searchsorted(day, np.arange(since, until + 2))
    book = OrderBook(days, sku, quantity, _numbered(day, order), consignment, region[first], card, weight, since)
    return book, cards


def _parts(instance: Instance, whole: Ints, sku: Ints, region: Ints) -> Ints:
    """0 for lines of an order that can travel together, else 1 + the temperature of the line."""
    if not len(whole):
        return whole
    mixed = _together(1 << instance.temperature[sku], _starts(whole))[whole]
    carried = carried_together(instance.lane_region, instance.lane_temperatures, len(instance.regions))
    return parts(mixed, region, instance.temperature[sku], carried)


def _together(bits: Ints, first: Ints) -> Ints:
    return np.bitwise_or.reduceat(bits, first) if len(first) else bits


def _summed(values: Floats, first: Ints) -> Floats:
    return np.add.reduceat(values, first) if len(first) else values


def _merged(lines: OrderLines, used: Ints) -> tuple[Ints, Ints, Ints, Ints, Floats]:
    """Day, order, SKU, region and quantity, sorted; lines of one SKU in one order and region become one."""
    rank = used[np.lexsort((lines.sku[used], lines.region[used], lines.order[used], lines.day[used]))]
    columns = [lines.day[rank], lines.order[rank], lines.region[rank], lines.sku[rank]]
    first = _starts(_numbered(*columns))
    day, order, region, sku = (column[first].astype(np.int64) for column in columns)
    return day, order, sku, region, _summed(lines.quantity[rank], first)


def _numbered(*columns: Ints) -> Ints:
    """Rows numbered from 0, one more wherever any column changes."""
    if not len(columns[0]):
        return np.zeros(0, dtype=np.int64)
    changes = np.zeros(len(columns[0]), dtype=bool)
    for column in columns:
        changes[1:] |= column[1:] != column[:-1]
    return np.cumsum(changes)


def _starts(numbers: Ints) -> Ints:
    """First row of each number."""
    return np.flatnonzero(np.diff(numbers, prepend=-1))
