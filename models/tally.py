"""What a simulation counts: by SKU, node, region, day and cell, and money by term and node. Sums only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .dispatch import Parcels, Shipped
from .instance import Bools, Floats, Instance, Ints
from .orders import OrderBook
from .resupply import Cells
from .shelves import DUST, Goods

TERMS = (
    "outbound", "late", "damage", "inbound", "ordering", "handling", "capital", "storage", "stocking", "spoilage",
    "lost",
)  # fmt: skip
OF_SKU = ("ordered", "at_once", "later", "lost", "spoiled", "damaged", "lines", "full_lines", "good_lines", "stock")
OF_REGION = ("ordered", "at_once", "orders", "sent_orders", "full_orders", "good_orders", "parcels", "late_parcels")
OF_NODE = (
    "asked", "at_once", "own", "lines", "good_lines", "shipped", "parcels", "late_parcels", "received", "fed",
    "spoiled", "damaged", "stock", "value", "peak_units", "out_days", "over_days", "waited",
)  # fmt: skip
OF_DAY = (
    "ordered", "at_once", "later", "lost", "orders", "sent_orders", "full_orders", "good_orders", "parcels",
    "late_parcels", "split_orders", "apart_orders", "spoiled", "damaged", "units", "value", "nodes_out",
)  # fmt: skip
OF_CELL = ("opening", "received", "shipped", "fed", "spoiled", "closing")


@dataclass(frozen=True)
class Day:
    """A day's place in the tally, its period, and how long a month its period is."""

    number: int  # days since the first
    period: int
    months: float  # months per day


class Tally:
    """Running sums of one simulation. Units are units of the SKU, money is money, stock is unit-days.

    ``at_once`` is what left the shelf on the day of the order; an order is full when all of it did, and good (on time,
    in full) when its parcels kept the promise besides. It is sent when some of it left, or will; split when it took
    several parcels that day, and apart when no lane carries all its goods. ``asked`` are the units (``lines``: the
    order lines) whose node by plan it is, ``at_once`` what of them left any shelf, and ``own`` what that node then
    shipped itself. The last row of `missed` counts what no node stocks. Of each cell, opening + received =
    shipped + fed + spoiled + closing.
    """

    def __init__(self, instance: Instance, cells: Cells, days: int) -> None:
        skus, nodes, regions, _ = instance.shape
        self.instance, self.cells, self.days = instance, cells, days
        self.sku = {name: np.zeros(skus) for name in OF_SKU}
        self.region = {name: np.zeros(regions) for name in OF_REGION}
        self.node = {name: np.zeros(nodes) for name in OF_NODE}
        self.day = {name: np.zeros(days) for name in OF_DAY}
        self.cell = {name: np.zeros(cells.count) for name in OF_CELL}
        self.costs = {term: np.zeros(nodes + 1) for term in TERMS}  # the last: what no node stocks
        self.missed = np.zeros((nodes + 1, days))
        self.peak_m3 = np.zeros((nodes, 3))
        self.cell_stock = np.zeros(cells.count)
        self.cell_peak = np.zeros(cells.count)
        self.cell_empty = np.zeros(cells.count)
        self.opening = self.supplied = self.owed = self.on_hand = self.on_way = 0.0
        self.room = cells.node * 3 + instance.temperature[cells.sku]
        self.volume = instance.volume_m3[cells.sku]
        self.worth = instance.unit_cost[cells.sku]

    def charge(self, term: str, node: Ints, money: Floats) -> None:
        """Money at nodes."""
        self.costs[term] += np.bincount(node, money, len(self.costs[term]))

    def orders(
        self,
        day: Day,
        book: OrderBook,
        lines: slice,
        shipped: Shipped,
        parcels: Parcels,
        late: Bools,
        primary: Ints,
        wait: bool,
    ) -> Floats:
        """A day's orders and what became of them; primary (lines,): node by plan, -1 = none; ``wait``: what is missed
        is sent later, where there is a node by plan. Returns units missed."""
        sku, quantity = book.sku[lines], book.quantity[lines]
        order, consignment = book.order[lines], book.consignment[lines]
        if not len(sku):
            return quantity
        order, first = order - order[0], consignment[0]
        region = book.region[consignment]
        units: Floats = np.bincount(shipped.line, shipped.units, len(sku)).astype(float)
        full = units >= quantity - DUST
        good = full & (np.bincount(shipped.line, late[shipped.parcel], len(sku)) == 0)
        self._add(
            "sku", sku, ordered=quantity, at_once=units, lines=np.ones(len(sku)), full_lines=full, good_lines=good
        )
        self._add("region", region, ordered=quantity, at_once=units)
        count = int(order[-1]) + 1
        whole = np.bincount(order, ~full, count) == 0
        perfect = np.bincount(order, ~good, count) == 0
        placed = primary >= 0
        begin = np.searchsorted(consignment - first, np.arange(int(consignment[-1] - first) + 1))
        parts = np.bincount(order[begin[parcels.consignment]], minlength=count)
        sent = (parts > 0) | ((np.bincount(order, placed, count) > 0) & wait)
        apart = np.bincount(order[begin], minlength=count) > 1
        of_order = region[np.searchsorted(order, np.arange(count))]
        self._add("region", of_order, orders=np.ones(count), sent_orders=sent, full_orders=whole, good_orders=perfect)
        missed = quantity - units
        np.add.at(self.missed[:, day.number], primary, missed)
        self._today(
            day, ordered=quantity.sum(), at_once=units.sum(), orders=count, sent_orders=sent.sum(),
            full_orders=whole.sum(), good_orders=perfect.sum(), split_orders=(parts > 1).sum(),
            apart_orders=(apart & (parts > 1)).sum(),
        )  # fmt: skip
        self._add(
            "node", primary[placed], asked=quantity[placed], at_once=units[placed], lines=np.ones(int(placed.sum())),
            good_lines=good[placed],
        )  # fmt: skip
        home = shipped.node == primary[shipped.line]
        self._add("node", shipped.node[home], own=shipped.units[home])
        return missed

    def shipments(self, day: Day, sku: Ints, lane: Ints, units: Floats, damaged: Floats) -> None:
        """Units that left for customers, row by row: freight by weight, handling, damage."""
        case = self.instance
        node = case.lane_node[lane]
        self._add("node", node, shipped=units, damaged=damaged)
        self._add("sku", sku, damaged=damaged)
        self._add("cell", self.cells.of[sku, node], shipped=units)
        self._today(day, damaged=damaged.sum())
        self.charge("outbound", node, units * case.weight_kg[sku] * case.lane_kg_cost[lane])
        self.charge("handling", node, units * case.handling_cost[node])
        self.charge("damage", node, damaged * case.unit_cost[sku])

    def parcels(self, day: Day, lane: Ints, late: Bools) -> None:
        """Parcels by their lanes."""
        case = self.instance
        node = case.lane_node[lane]
        self._add("node", node, parcels=np.ones(len(lane)), late_parcels=late)
        self._add("region", case.lane_region[lane], parcels=np.ones(len(lane)), late_parcels=late)
        self._today(day, parcels=len(lane), late_parcels=late.sum())
        self.charge("outbound", node, case.lane_parcel_cost[lane])
        self.charge("late", node, np.where(late, case.late_penalty, 0.0))

    def lost(self, day: Day, sku: Ints, node: Ints, units: Floats) -> None:
        """Sales lost; node -1 = nowhere stocked (charged to the last place)."""
        self._add("sku", sku, lost=units)
        self._today(day, lost=units.sum())
        self.charge(
            "lost",
            np.where(node < 0, len(self.costs["lost"]) - 1, node),
            units * self.instance.lost_sale_rate * self.instance.unit_price[sku],
        )

    def shipped_later(self, day: Day, sku: Ints, units: Floats) -> None:
        """Back-orders that were served."""
        self._add("sku", sku, later=units)
        self._today(day, later=units.sum())

    def spoiled(self, day: Day, goods: Goods) -> None:
        """Goods past their day."""
        sku, node = self.cells.sku[goods.cell], self.cells.node[goods.cell]
        self._add("sku", sku, spoiled=goods.units)
        self._add("node", node, spoiled=goods.units)
        self._add("cell", goods.cell, spoiled=goods.units)
        self._today(day, spoiled=goods.units.sum())
        self.charge("spoilage", node, goods.units * self.instance.unit_cost[sku])

    def received(self, day: Day, cell: Ints, units: Floats) -> None:
        """Deliveries put on the shelf: freight of all legs, and handling at nodes that passed them on."""
        node = self.cells.node[cell]
        self._add("node", node, received=units)
        self._add("cell", cell, received=units)
        self.charge("inbound", node, units * self.cells.inbound[cell, day.period])
        self.charge("handling", node, units * self.cells.passing[cell, day.period])

    def ordered(self, cell: Ints) -> None:
        """Orders placed."""
        sku, node = self.cells.sku[cell], self.cells.node[cell]
        self.charge("ordering", node, self.instance.order_cost[sku, node])

    def fed(self, cell: Ints, units: Floats) -> None:
        """Units that left for other nodes."""
        node = self.cells.node[cell]
        self._add("node", node, fed=units)
        self._add("cell", cell, fed=units)
        self.charge("handling", node, units * self.instance.handling_cost[node])

    def stock(self, day: Day, morning: Floats, evening: Floats, up: Bools, left: Floats) -> None:
        """A day's stock (C,), after deliveries and after the last order; up (N,); left (N,) units sent out."""
        case, node = self.instance, self.cells.node
        mean = 0.5 * (morning + evening)
        money = mean * self.worth
        self.cell_stock += mean
        np.maximum(self.cell_peak, morning, out=self.cell_peak)
        stocked = self.cells.stocked[:-1, day.period]
        self.cell_empty += stocked & (evening <= DUST)
        self._add("sku", self.cells.sku, stock=mean)
        self._add("node", node, stock=mean, value=money)
        np.maximum(self.node["peak_units"], self._by_node(morning), out=self.node["peak_units"])
        volume = np.bincount(self.room, morning * self.volume, self.peak_m3.size).reshape(self.peak_m3.shape)
        np.maximum(self.peak_m3, volume, out=self.peak_m3)
        self.node["out_days"] += ~up
        self.node["over_days"] += left > case.units_per_day
        self._today(day, units=mean.sum(), value=money.sum(), nodes_out=(~up).sum())
        self.costs["capital"][:-1] += self._by_node(money) * case.holding_rate / 365.0
        self.costs["storage"][:-1] += self._by_node(mean * self.volume) * case.storage_cost * day.months
        self.costs["stocking"][:-1] += self._by_node(stocked) * case.stocking_cost * day.months

    def _by_node(self, values: Floats | Bools) -> Floats:
        return np.bincount(self.cells.node, values, len(self.instance.nodes)).astype(float)

    def _add(self, table: str, index: Ints, **values: Floats | Bools) -> None:
        columns: dict[str, Floats] = getattr(self, table)
        for name, amounts in values.items():
            columns[name] += np.bincount(index, amounts, len(columns[name]))

    def _today(self, day: Day, **values: float) -> None:
        for name, amount in values.items():
            self.day[name][day.number] += amount
