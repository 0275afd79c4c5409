"""Stock on the shelves of a simulated network: oldest out first, expired goods off, deliveries on their way.

A *cell* is a SKU at a node, numbered from 0 to C - 1; number C is an empty cell that stands for "not held there".
Days are whole numbers (days since 1970-01-01), quantities are units.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .instance import Bools, Floats, Ints

FRESH = -1  # expiry of goods whose life begins when they arrive
NEVER = 2**31 - 1  # expiry of goods that keep
DUST = 1e-9  # units; less is none


def running(key: Ints, amount: Floats) -> Floats:
    """Sum of the amounts that stand before each row among the rows of its key.

    >>> running(np.array([7, 3, 7, 7]), np.array([1.0, 5.0, 2.0, 4.0])).tolist()
    [0.0, 0.0, 1.0, 3.0]
    """
    order = np.argsort(key, kind="stable")
    ranked, sizes = key[order], amount[order]
    before = np.cumsum(sizes) - sizes
    first = np.flatnonzero(np.diff(ranked, prepend=-1))
    lengths = np.diff(np.append(first, len(key)))
    out = np.empty(len(key))
    out[order] = before - np.repeat(before[first], lengths)
    return out


@dataclass(frozen=True)
class Goods:
    """Rows of goods: so many units of a cell that expire at the start of a day (FRESH, a day, or NEVER)."""

    cell: Ints
    units: Floats
    expires: Ints

    def only(self, chosen: Bools | Ints) -> Goods:
        """Some of the rows."""
        return Goods(self.cell[chosen], self.units[chosen], self.expires[chosen])


def no_goods() -> Goods:
    """No rows."""
    return Goods(np.zeros(0, dtype=np.int64), np.zeros(0), np.zeros(0, dtype=np.int64))


def joined(parts: list[Goods]) -> Goods:
    """The rows of all parts, one after the other."""
    if not parts:
        return no_goods()
    return Goods(*(np.concatenate([getattr(part, name) for part in parts]) for name in ("cell", "units", "expires")))


@dataclass(frozen=True)
class Opening:
    """Rows of stock at the start: on the shelf when `day` is not after the first day, else arriving on that day."""

    sku: Ints
    node: Ints
    units: Floats
    day: Ints
    expires: Ints  # first day on which a unit may no longer be sold; FRESH = its full life from `day`, NEVER = keeps


class Shelves:
    """What stands where, and until when it may be sold.

    Goods that can expire before the last day are kept by expiry day in a ring of columns, so that memory does not grow
    with the number of days; of all others only the total is known.
    """

    def __init__(self, life: Ints, first_day: int, last_day: int, dated: Bools | None = None) -> None:
        """life (C + 1,): days from arrival until a unit may no longer be sold, NEVER where it keeps.

        dated (C + 1,): cells of SKUs of which some goods have a stated expiry day.
        """
        cells = len(life)
        dated = np.zeros(cells, dtype=bool) if dated is None else dated
        ageing = (life <= last_day - first_day) | dated
        self.life, self.last_day = life, last_day
        self.on_hand: Floats = np.zeros(cells)
        self.aged: Ints = np.flatnonzero(ageing)  # cells with batches
        self.row: Ints = np.full(cells, -1)
        self.row[self.aged] = np.arange(self.aged.size)
        longest = last_day - first_day + 1
        if self.aged.size and not dated.any():
            longest = min(longest, int(life[self.aged].max()))
        self.window = longest + 2
        self.batches: Floats = np.zeros((self.aged.size, self.window))

    def arrive(self, goods: Goods, day: int) -> Goods:
        """Put goods on the shelves; returns those that had expired on the way, which are not put there."""
        expires = self.dated(goods, day)
        spoilt = expires <= day
        good = ~spoilt
        np.add.at(self.on_hand, goods.cell[good], goods.units[good])
        kept = good & (self.row[goods.cell] >= 0)
        column = np.minimum(expires[kept], self.last_day + 1) % self.window
        np.add.at(self.batches, (self.row[goods.cell[kept]], column), goods.units[kept])
        return goods.only(spoilt)

    def dated(self, goods: Goods, day: int) -> Ints:
        """Expiry day of each row when it arrives on `day`."""
        life = self.life[goods.cell].astype(np.int64)
        fresh = np.where(life >= NEVER, NEVER, day + life)
        return np.where(goods.expires == FRESH, fresh, goods.expires)

    def expire(self, day: int) -> Goods:
        """Take off what expires at the start of the day."""
        column = day % self.window
        rows = np.flatnonzero(self.batches[:, column] > 0)
        gone = Goods(self.aged[rows], self.batches[rows, column], np.full(rows.size, day))
        self.batches[rows, column] = 0.0
        self.on_hand[gone.cell] = np.maximum(self.on_hand[gone.cell] - gone.units, 0.0)
        return gone

    def settle(self, day: int) -> None:
        """After units were taken off `on_hand` alone: the oldest of each cell are the ones that went."""
        if not self.aged.size:
            return
        sold = self.batches.sum(axis=1) - self.on_hand[self.aged]
        rows = np.flatnonzero(sold > DUST)
        self._oldest(rows, sold[rows], day)

    def take(self, cell: Ints, units: Floats, day: int) -> tuple[Ints, Floats, Ints]:
        """Take units of cells, each named once, with enough on hand.

        Returns (row of the arguments, units, expiry day), oldest first within each row.
        """
        self.on_hand[cell] = np.maximum(self.on_hand[cell] - units, 0.0)
        row = self.row[cell]
        plain, aged = np.flatnonzero(row < 0), np.flatnonzero(row >= 0)
        taken = self._oldest(row[aged], units[aged], day)
        which, age = np.nonzero(taken > 0)
        expires = day + 1 + age
        return (
            np.concatenate([plain, aged[which]]),
            np.concatenate([units[plain], taken[which, age]]),
            np.concatenate([np.full(plain.size, NEVER), np.where(expires > self.last_day, NEVER, expires)]),
        )

    def goods(self, day: int) -> Goods:
        """All that stands there at the end of a day, with its expiry days: NEVER after the last day."""
        plain = np.flatnonzero((self.on_hand > DUST) & (self.row < 0))
        columns = (day + 1 + np.arange(self.window)) % self.window
        stock = self.batches[:, columns]
        row, age = np.nonzero(stock > DUST)
        expires = np.where(day + 1 + age > self.last_day, NEVER, day + 1 + age)
        keeps = Goods(plain, self.on_hand[plain], np.full(plain.size, NEVER))
        return joined([keeps, Goods(self.aged[row], stock[row, age], expires)])

    def _oldest(self, rows: Ints, units: Floats, day: int) -> Floats:
        """Take the oldest units of rows of batches; returns (rows, window) what went, by expiry day from day + 1."""
        columns = (day + 1 + np.arange(self.window)) % self.window
        stock = self.batches[rows[:, None], columns]
        left = np.maximum(np.cumsum(stock, axis=1) - units[:, None], 0.0)
        kept = np.diff(left, axis=1, prepend=0.0)
        self.batches[rows[:, None], columns] = kept
        return stock - kept


class Deliveries:
    """Goods on their way, by the day they arrive."""

    def __init__(self) -> None:
        self._days: dict[int, list[Goods]] = {}

    def add(self, goods: Goods, arrival: Ints) -> None:
        """Rows of goods with their arrival days."""
        order = np.argsort(arrival, kind="stable")
        days, first = np.unique(arrival[order], return_index=True)
        for day, which in zip(days.tolist(), np.split(order, first[1:]), strict=True) if len(order) else ():
            self._days.setdefault(day, []).append(goods.only(which))

    def due(self, day: int) -> Goods:
        """What arrives on the day; it is no longer on its way."""
        return joined(self._days.pop(day, []))

    def all(self) -> tuple[Goods, Ints]:
        """Everything on its way, and the day each row arrives."""
        parts = [(day, goods) for day, rows in sorted(self._days.items()) for goods in rows]
        arrival = [np.full(len(goods.cell), day) for day, goods in parts]
        return joined([goods for _, goods in parts]), np.concatenate([np.zeros(0, dtype=np.int64), *arrival])

    @property
    def units(self) -> float:
        """All units on their way."""
        return float(sum(goods.units.sum() for parts in self._days.values() for goods in parts))


class Waiting:
    """Requests that wait for stock of a cell, first come first served; each carries a tag of its owner."""

    def __init__(self) -> None:
        self.cell: Ints = np.zeros(0, dtype=np.int64)
        self.units: Floats = np.zeros(0)
        self.tag: Ints = np.zeros(0, dtype=np.int64)

    def add(self, cell: Ints, units: Floats, tag: Ints) -> None:
        """Further requests, behind those that wait."""
        self.cell = np.concatenate([self.cell, cell])
        self.units = np.concatenate([self.units, units])
        self.tag = np.concatenate([self.tag, tag])

    def serve(self, on_hand: Floats, ready: Bools) -> tuple[Ints, Floats, Ints]:
        """Give out what is on hand: (cell, units, tag) of each request served at least in part.

        on_hand (C + 1,) is not changed; ready (C + 1,): the cell can ship. A request served in part goes on waiting.
        """
        if not self.cell.size:
            return self.cell, self.units, self.tag
        stock = np.where(ready[self.cell], on_hand[self.cell], 0.0)
        given = np.clip(stock - running(self.cell, self.units), 0.0, self.units)
        served = np.flatnonzero(given > DUST)
        answer = self.cell[served], given[served], self.tag[served]
        self.units = self.units - given
        self._keep(self.units > DUST)
        return answer

    def drop(self, gone: Bools) -> tuple[Ints, Floats, Ints]:
        """Give up the requests for which `gone` (requests,) is true; returns them."""
        answer = self.cell[gone], self.units[gone], self.tag[gone]
        self._keep(~gone)
        return answer

    def _keep(self, chosen: Bools) -> None:
        self.cell, self.units, self.tag = self.cell[chosen], self.units[chosen], self.tag[chosen]
