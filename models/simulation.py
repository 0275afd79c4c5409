"""Day-by-day simulation of a plan under given orders: a router, shelves, reviews and lead times.

A day: goods expire; deliveries arrive as far as there is room; back-orders and requests of fed nodes are served; the
day's orders are routed to stock (`dispatch`); in the evening nodes whose review is due order by the plan's figures.
Random are outages (each node each day), lead times, whether a parcel is on time, and damage; the orders are given.
What a node or lane cannot send on the day leaves on a later one, customers first (`doors`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from . import routing
from .dispatch import day_orders, dispatch
from .doors import Door
from .instance import Bools, Floats, Instance, Ints, summed
from .orders import OrderBook, OrderLines, order_book
from .rate_cards import RateCards, card_number
from .resupply import (
    Cells,
    Rules,
    announced,
    arrival_days,
    cells_of,
    fitting,
    lead_times,
    order_sizes,
    period_ahead,
    period_of,
)
from .shelves import DUST, FRESH, NEVER, Deliveries, Goods, Opening, Shelves, Waiting, running
from .tally import Day, Tally

__all__ = ["Opening", "Options", "OrderLines", "Rules", "Simulation", "Tally", "simulate"]


@dataclass(frozen=True)
class Options:
    """How the world behaves where a plan does not say."""

    backorders: bool = False  # customers wait for what is missing; else the sale is lost
    fixed_lots: bool = False  # order multiples of the order quantity; else up to reorder point + order quantity
    room: bool = True  # deliveries that do not fit wait outside
    ahead: bool = (
        True  # orders follow the figures of the period they are to last into; else of the one they are placed in
    )


def simulate(
    instance: Instance,
    rules: Rules,
    orders: OrderLines,
    opening: Opening,
    since: int,
    until: int,
    seed: int = 0,
    options: Options = Options(),
    observe: Callable[[int, Simulation], None] | None = None,
) -> Tally:
    """Live through the days from `since` to `until` (both included) and count.

    ``observe`` is called at the end of each day. Raises ValueError when no day is left, or days lie before the plan.
    """
    if until < since or since < int(rules.first_day[0]) or until >= int(rules.first_day[-1]):
        raise ValueError(
            f"days {since} to {until} do not lie in the plan's {rules.first_day[0]} to {rules.first_day[-1] - 1}"
        )
    book, cards = order_book(instance, orders, since, until)
    simulation = Simulation(instance, rules, book, cards, opening, until, seed, options)
    for day in range(since, until + 1):
        simulation.live(day)
        if observe is not None:
            observe(day, simulation)
    return simulation.close()


class Simulation:
    """The state of the network between two days. Arrays over cells have C + 1 entries, the last one unused."""

    def __init__(
        self,
        instance: Instance,
        rules: Rules,
        book: OrderBook,
        cards: RateCards,
        opening: Opening,
        until: int,
        seed: int,
        options: Options,
    ) -> None:
        self.instance, self.rules, self.book, self.cards, self.options = instance, rules, book, cards, options
        self.since, self.until = book.since, until
        holds = np.zeros((len(instance.skus), len(instance.nodes)), dtype=bool)
        holds[opening.sku, opening.node] = True
        self.cells: Cells = cells_of(instance, rules, holds)
        self.sku = np.append(self.cells.sku, 0)
        self.node = np.append(self.cells.node, 0)
        streams = np.random.SeedSequence(seed).spawn(4)
        self.luck, self.leads, self.roads, self.breakage = (np.random.default_rng(stream) for stream in streams)
        self.shelves = self._shelves(opening)
        self.deliveries, self.on_order = Deliveries(), np.zeros(self.cells.count + 1)
        self.owed = np.zeros(self.cells.count + 1)
        self.customers, self.requests = Waiting(), Waiting()
        self.next_review = np.full(len(instance.nodes), float(self.since))
        self.tally = Tally(instance, self.cells, until - self.since + 1)
        self.card = card_number(1 << instance.temperature, routing.weight_band(instance.weight_kg))
        self.spare = instance.promise_days[instance.lane_region] - instance.lane_days
        self.node_doors, self.lane_doors = Door(instance.units_per_day), Door(instance.lane_parcels_per_day)
        self.left = np.zeros(len(instance.nodes))
        self.period = -1
        self._open(opening)

    def _shelves(self, opening: Opening) -> Shelves:
        life = self.instance.shelf_life_days[self.sku]
        days = np.where(np.isfinite(life), np.minimum(life, NEVER), NEVER).astype(np.int64)
        stated = (opening.expires != FRESH) & (opening.expires <= self.until)
        dated = np.isin(self.sku, opening.sku[stated])
        return Shelves(days, self.since, self.until, dated)

    def _open(self, opening: Opening) -> None:
        goods = Goods(self.cells.of[opening.sku, opening.node], opening.units, opening.expires)
        now = opening.day <= self.since
        spoilt = self.shelves.arrive(goods.only(now), self.since)
        self.deliveries.add(goods.only(~now), opening.day[~now])
        self.on_order += np.bincount(goods.cell[~now], goods.units[~now], len(self.on_order))
        self.tally.opening = float(goods.units.sum())
        self.tally.cell["opening"] += np.bincount(goods.cell[now], goods.units[now], self.cells.count)
        self.tally.spoiled(self._day(self.since), spoilt)

    def _day(self, day: int) -> Day:
        period = period_of(self.rules.first_day, day)
        months = float(self.instance.months[period] / self.instance.days[period])
        return Day(day - self.since, period, months)

    def live(self, day: int) -> None:
        """One day."""
        today = self._day(day)
        if today.period != self.period:
            self.period = today.period
            self._turn(today)
        self.left[:] = 0.0
        self.tally.spoiled(today, self.shelves.expire(day))
        self._receive(day, today)
        up = self.luck.random(len(self.instance.nodes)) >= self.instance.outage_days / 365.0
        ready = up[self.node]
        self._clear(day, today, ready)
        self._serve_customers(today, ready & self.cells.stocked[:, today.period])
        self.shelves.settle(day)
        self._serve_nodes(day, today, ready)
        morning = self.shelves.on_hand[:-1].copy()
        self._sell(day, today, ready & self.cells.stocked[:, today.period])
        self.shelves.settle(day)
        self._review(day)
        self._serve_nodes(day, today, ready)
        self.tally.stock(today, morning, self.shelves.on_hand[:-1], up, self.left)
        self.node_doors.night()
        self.lane_doors.night()

    def close(self) -> Tally:
        """The counts, with what is left in the end."""
        self.tally.on_hand = float(self.shelves.on_hand.sum())
        self.tally.cell["closing"] += self.shelves.on_hand[:-1]
        self.tally.on_way = self.deliveries.units
        self.tally.owed = float(self.customers.units.sum())
        return self.tally

    def carried(self, day: int) -> Opening:
        """What stands and is on its way at the end of a day, as the opening of a simulation that goes on from there.

        Requests that wait at other nodes and back-orders are not part of it.
        """
        shelf = self.shelves.goods(day)
        coming, arrival = self.deliveries.all()
        cell = np.concatenate([shelf.cell, coming.cell])
        return Opening(
            self.sku[cell], self.node[cell], np.concatenate([shelf.units, coming.units]),
            np.concatenate([np.full(len(shelf.cell), day + 1), arrival]),
            np.concatenate([shelf.expires, coming.expires]),
        )  # fmt: skip

    def position(self) -> Floats:
        """(C + 1,) on hand + on order - owed."""
        return self.shelves.on_hand + self.on_order - self.owed

    def _turn(self, today: Day) -> None:
        """A new period: requests and back-orders at nodes that no longer stock the SKU find another way."""
        later = min(today.period + 1, self.cells.stocked.shape[1] - 1)
        self.kept = self.cells.stocked[:, today.period] | self.cells.stocked[:, later]
        self.home = self._homes(today.period)
        void = ~self.kept[self.requests.cell] | ~self.kept[self.requests.tag]
        source, units, cell = self.requests.drop(void)
        np.subtract.at(self.owed, source, units)
        np.subtract.at(self.on_order, cell, units)
        cell, units, region = self.customers.drop(~self.cells.stocked[self.customers.cell, today.period])
        np.subtract.at(self.owed, cell, units)
        self._wait(today, self.sku[cell], region, units)

    def _homes(self, period: int) -> Ints:
        """(C + 1,) where goods go that a cell may no longer hold: up to its feeder, else where most is ordered."""
        held = np.flatnonzero(self.cells.stocked[:, period])
        rank = held[np.lexsort((-self.cells.order_quantity[held, period], self.sku[held]))]
        skus, first = np.unique(self.sku[rank], return_index=True)
        largest = np.full(len(self.instance.skus), -1)
        largest[skus] = rank[first]
        return np.where(self.cells.source[:, period] >= 0, self.cells.source[:, period], largest[self.sku])

    def _receive(self, day: int, today: Day) -> None:
        goods = self.deliveries.due(day)
        if not goods.cell.size:
            return
        goods = replace(goods, expires=self.shelves.dated(goods, day))
        units = self._fits(goods, today) if self.options.room else goods.units
        rest = goods.units - units
        waits = rest > DUST
        self.deliveries.add(replace(goods, units=rest).only(waits), np.full(int(waits.sum()), day + 1))
        self.tally.node["waited"] += np.bincount(self.node[goods.cell[waits]], rest[waits], len(self.left))
        goods = replace(goods, units=units).only(units > DUST)
        np.subtract.at(self.on_order, goods.cell, goods.units)
        self.tally.received(today, goods.cell, goods.units)
        self.tally.spoiled(today, self.shelves.arrive(goods, day))

    def _fits(self, goods: Goods, today: Day) -> Floats:
        """Units of each delivery for which there is room."""
        room = self.instance.room_m3 + self.rules.surge_m3[:, :, today.period]
        used = np.bincount(self.tally.room, self.shelves.on_hand[:-1] * self.tally.volume, room.size)
        of, volume = self.tally.room[goods.cell], self.tally.volume[goods.cell]
        before = running(of, goods.units * volume)
        return fitting(np.maximum(room.ravel() - used, 0.0), of, volume, goods.units, before)

    def _clear(self, day: int, today: Day, ready: Bools) -> None:
        """Goods at nodes that hold them neither now nor in the next period move to where they are wanted."""
        stray = np.flatnonzero((self.shelves.on_hand > DUST) & ~self.kept & ready & (self.home >= 0))
        if not stray.size:
            return
        self.shelves.settle(day)
        row, units, expires = self.shelves.take(stray, self.shelves.on_hand[stray].copy(), day)
        to = self.home[stray[row]]
        self._send(
            day,
            stray[row],
            to,
            units,
            expires,
            np.rint(self.instance.lead_time[self.sku[to], self.node[stray[row]]]).astype(np.int64),
        )
        np.add.at(self.on_order, to, units)

    def _send(self, day: int, source: Ints, to: Ints, units: Floats, expires: Ints, lead: Ints) -> None:
        """Put goods on their way from one node to another."""
        self.tally.fed(source, units)
        self.left += np.bincount(self.node[source], units, len(self.left))
        waits = self.node_doors.days(self.node[source], units, urgent=False)
        waits = np.where(np.isfinite(waits), waits, self.until - self.since + 1).astype(np.int64)
        arrival = arrival_days(day, lead, self.instance.review_days[self.node[to]])
        self.deliveries.add(Goods(to, units, expires), np.asarray(arrival + waits, dtype=np.int64))

    def _serve_customers(self, today: Day, ready: Bools) -> None:
        """Back-orders, oldest first; each is a parcel of its own and late where there is a promise."""
        cell, units, region = self.customers.serve(self.shelves.on_hand, ready)
        if not cell.size:
            return
        np.subtract.at(self.shelves.on_hand, cell, units)
        np.subtract.at(self.owed, cell, units)
        sku, node = self.sku[cell], self.node[cell]
        lane = self.cards.at(self.card[sku], region)[1][np.arange(len(cell)), node]
        self.tally.shipped_later(today, sku, units)
        promised = np.isfinite(self.instance.promise_days[region])
        self._deliver(today, sku, lane, units, lane, promised | self._late(lane, units))

    def _serve_nodes(self, day: int, today: Day, ready: Bools) -> None:
        """Requests of fed nodes, first come first served; goods keep their age."""
        source, units, to = self.requests.serve(self.shelves.on_hand, ready)
        if not source.size:
            return
        np.subtract.at(self.owed, source, units)
        turn = running(source, np.ones(len(source)))  # requests that share a source take turns at its oldest goods
        for which in (np.flatnonzero(turn == number) for number in range(int(turn.max()) + 1)):
            row, taken, expires = self.shelves.take(source[which], units[which], day)
            cell = to[which][row]
            unique, back = np.unique(which[row], return_inverse=True)
            mean, sd = self.cells.lead_time[to[unique], today.period], self.cells.lead_time_sd[to[unique], today.period]
            self._send(day, source[which][row], cell, taken, expires, lead_times(mean, sd, self.leads)[back])

    def _sell(self, day: int, today: Day, ready: Bools) -> None:
        """Route the day's orders; what is missing is lost or waits."""
        lines = self.book.day(day)
        if lines.stop == lines.start:
            return
        orders = day_orders(self.book, day, self.cards, self.cells.of, ready, self.instance)
        shipped, parcels = dispatch(orders, self.shelves.on_hand, self.cards, self.instance)
        late = self._late(parcels.lane, summed(shipped.parcel, shipped.units, len(parcels.lane)))
        region = orders.region[orders.consignment]
        primary = self._primary(orders.sku, region, today.period)
        missed = self.tally.orders(today, self.book, lines, shipped, parcels, late, primary, self.options.backorders)
        self._deliver(today, orders.sku[shipped.line], parcels.lane[shipped.parcel], shipped.units, parcels.lane, late)
        short = np.flatnonzero(missed > DUST)
        if self.options.backorders:
            self._wait(today, orders.sku[short], region[short], missed[short])
        else:
            self.tally.lost(today, orders.sku[short], primary[short], missed[short])

    def _primary(self, sku: Ints, region: Ints, period: int) -> Ints:
        """The node that the plan lets serve a SKU's region, -1 = none."""
        rank = self.cards.at(self.card[sku], region)[0]
        far = np.iinfo(rank.dtype).max
        rank = np.where(self.cells.stocked[self.cells.of[sku], period], rank, far)
        node = np.argmin(rank, axis=1)
        reached = self.cards.at(self.card[sku], region)[1][np.arange(len(sku)), node] >= 0
        return np.where(reached & (rank[np.arange(len(sku)), node] < far), node, -1)

    def _wait(self, today: Day, sku: Ints, region: Ints, units: Floats) -> None:
        """Back-orders wait at the node that the plan lets serve the region; without one the sale is lost."""
        if not len(sku):
            return
        node = self._primary(sku, region, today.period)
        placed = node >= 0
        cell = self.cells.of[sku[placed], node[placed]]
        self.customers.add(cell, units[placed], region[placed])
        np.add.at(self.owed, cell, units[placed])
        self.tally.lost(today, sku[~placed], node[~placed], units[~placed])

    def _late(self, lane: Ints, units: Floats) -> Bools:
        """Whether each parcel misses its promise: its lane is too slow by plan, or is so after the days that node or
        lane are behind with their work, or it is late on the road."""
        waits = self.node_doors.days(self.instance.lane_node[lane], units)
        waits = np.maximum(waits, self.lane_doors.days(lane, np.ones(len(lane))))
        return (waits > self.spare[lane]) | (self.roads.random(len(lane)) >= self.instance.lane_on_time[lane])

    def _deliver(self, today: Day, sku: Ints, lane: Ints, units: Floats, parcel_lane: Ints, late: Bools) -> None:
        """Count rows of units and the parcels they travel in; damaged units are drawn."""
        rate = self.instance.lane_damage[lane]
        damaged = np.zeros(len(lane))
        frail = np.flatnonzero(rate > 0)
        damaged[frail] = self.breakage.binomial(np.rint(units[frail]).astype(np.int64), rate[frail])
        self.left += np.bincount(self.instance.lane_node[lane], units, len(self.left))
        self.tally.shipments(today, sku, lane, units, damaged)
        self.tally.parcels(today, parcel_lane, late)

    def _review(self, day: int) -> None:
        """Nodes whose review is due order; those furthest from the supplier first: feeders see their requests."""
        due = self.next_review <= day
        if not due.any():
            return
        self.next_review[due] += np.maximum(self.instance.review_days[due], 1.0)
        cells, now = self.cells, period_of(self.rules.first_day, day)
        period = np.full(len(self.sku), now)
        if self.options.ahead:
            period = period_ahead(cells, self.rules.first_day, day)
        open_cells = np.flatnonzero(due[cells.node] & cells.stocked[np.arange(cells.count), period[:-1]])
        for depth in range(int(cells.depth.max(initial=0)), -1, -1):
            level = open_cells[cells.depth[open_cells] == depth]
            coming = np.where(period > now, announced(cells, now, self.position()), 0.0)
            self._order(day, level, period[level], coming[level])

    def _order(self, day: int, cell: Ints, period: Ints, coming: Floats) -> None:
        sku, node, cells = self.sku[cell], self.node[cell], self.cells
        size = order_sizes(
            self.position()[cell] - coming, cells.reorder_point[cell, period], cells.order_quantity[cell, period],
            self.instance.moq[sku, node], self.instance.pack_size[sku], self.options.fixed_lots,
        )  # fmt: skip
        wants = size > DUST
        cell, size, period = cell[wants], size[wants], period[wants]
        self.on_order[cell] += size
        self.tally.ordered(cell)
        source = cells.source[cell, period]
        fed = source >= 0
        self.requests.add(source[fed], size[fed], cell[fed])
        np.add.at(self.owed, source[fed], size[fed])
        bought, amount = cell[~fed], size[~fed]
        lead = lead_times(cells.lead_time[bought, period[~fed]], cells.lead_time_sd[bought, period[~fed]], self.leads)
        arrival = arrival_days(day, lead, self.instance.review_days[self.node[bought]])
        self.deliveries.add(Goods(bought, amount, np.full(len(bought), FRESH)), arrival)
        self.tally.supplied += float(amount.sum())
