"""The stock a replay begins with: the Stock sheet's, the plan's average, or a random moment of each order cycle."""

from __future__ import annotations

import numpy as np
import pandas as pd

from models.instance import Floats, Ints
from models.resupply import period_of
from models.shelves import FRESH
from models.simulation import Opening

from .case import Case
from .columns import numbers, positions
from .errors import UsageError
from .periods import day_numbers
from .planned import Planned

STARTS = ("stock", "average", "cycle")


def opening(case: Case, planned: Planned, start: str | None, since: int, seed: int) -> Opening:
    """Stock on the shelves and on its way on the first day.

    ``stock``: the Stock sheet (the default where there is one and the replay begins with the plan); what is on order
    arrives after half its lead time. ``average``: safety stock + half an order, half a cycle old, and on the way what
    is sold during a lead time, evenly. ``cycle``: every SKU at every node at a random moment of its order cycle.
    Raises UsageError for another word, and for ``stock`` without a Stock sheet.
    """
    if start is None:
        fits = not case.stock.empty and since == int(planned.rules.first_day[0])
        start = "stock" if fits else "average"
    if start not in STARTS:
        raise UsageError(f'start is "{start}".', f"One of {', '.join(STARTS)}.")
    if start == "stock":
        return _stated(case, planned, since)
    figures = _Figures(planned, since)
    return figures.average() if start == "average" else figures.cycle(np.random.default_rng([seed, 1]))


def _stated(case: Case, planned: Planned, since: int) -> Opening:
    stock = case.stock
    if stock.empty:
        raise UsageError("the workbook has no Stock sheet.", "Begin with --start average or --start cycle.")
    sku = positions(stock["sku"], case.skus["sku"], "Stock!sku")
    node = positions(stock["node"], case.nodes["node"], "Stock!node")
    last = day_numbers(stock["expires"])
    ends = np.where(np.isnan(last), FRESH, np.nan_to_num(last) + 1).astype(np.int64)
    arrives = since + np.ceil(0.5 * planned.instance.lead_time[sku, node]).astype(np.int64)
    shelf = Opening(sku, node, numbers(stock, "on_hand", 0.0), np.full(sku.size, since), ends)
    way = Opening(sku, node, numbers(stock, "on_order", 0.0), np.maximum(arrives, since + 1), np.full(sku.size, FRESH))
    return _together([shelf, way])


class _Figures:
    """The plan's figures of the cells stocked on the first day, as columns."""

    def __init__(self, planned: Planned, since: int) -> None:
        period = period_of(planned.rules.first_day, since)
        self.sku, self.node = np.nonzero(planned.rules.stocked[:, :, period])
        at = self.sku, self.node, np.full(len(self.sku), period)
        self.since = since
        self.quantity: Floats = planned.rules.order_quantity[at]
        self.point: Floats = planned.rules.reorder_point[at]
        self.safety: Floats = planned.safety_stock[at]
        self.flow: Floats = planned.flow[at]
        self.lead: Floats = planned.lead_time[at]
        self.life: Floats = planned.instance.shelf_life_days[self.sku]

    def average(self) -> Opening:
        """Safety stock + Q/2, and a lead time of sales on the way, so much a day; whole units."""
        half = np.divide(0.5 * self.quantity, self.flow, out=np.zeros(self.flow.size), where=self.flow > 0)
        rows = [self._rows(np.rint(self.safety + 0.5 * self.quantity), 0, self._ends(half))]
        for ahead in range(1, int(np.ceil(self.lead.max(initial=0.0))) + 1):
            until, before = (np.rint(self.flow * np.minimum(days, self.lead)) for days in (ahead, ahead - 1))
            rows.append(self._rows(until - before, ahead, np.full(self.flow.size, FRESH)))
        return _together(rows)

    def cycle(self, rng: np.random.Generator) -> Opening:
        """Position evenly spread over (r, r + Q]; orders placed one Q of sales apart, those younger than the lead time
        are on their way."""
        below = np.floor(rng.random(self.flow.size) * self.quantity)
        gap = np.divide(self.quantity, self.flow, out=np.full(self.flow.size, np.inf), where=self.flow > 0)
        age = np.divide(below, self.flow, out=np.full(self.flow.size, np.inf), where=self.flow > 0)
        left = np.maximum(np.rint(self.point + self.quantity - below), 0.0)
        rows = []
        while (open_orders := (age < self.lead) & (left > 0)).any():
            units = np.where(open_orders, np.minimum(self.quantity, left), 0.0)
            ahead = np.where(open_orders, np.maximum(np.rint(self.lead - age), 1), 1).astype(np.int64)
            rows.append(self._rows(units, ahead, np.full(units.size, FRESH)))
            left -= units
            age = np.where(open_orders, age + gap, age)
        rows.append(self._rows(left, 0, self._ends(np.where(np.isfinite(age), age - self.lead, 0.0))))
        return _together(rows)

    def _ends(self, age: Floats) -> Ints:
        """Expiry day of goods that arrived so many days ago."""
        keeps = ~np.isfinite(self.life)
        days = np.maximum(np.floor(np.where(keeps, 0.0, self.life - np.maximum(age, 0.0))), 1.0)
        return np.where(keeps, FRESH, self.since + days).astype(np.int64)

    def _rows(self, units: Floats, ahead: Ints | int, ends: Ints) -> Opening:
        return Opening(self.sku, self.node, units, np.broadcast_to(self.since + ahead, units.shape), ends)


def _together(rows: list[Opening]) -> Opening:
    names = ("sku", "node", "units", "day", "expires")
    columns = {name: np.concatenate([getattr(row, name) for row in rows]) for name in names}
    used = columns["units"] > 0
    return Opening(**{name: values[used] for name, values in columns.items()})


def first_and_last(table: pd.DataFrame) -> tuple[int, int]:
    """First and last day of order lines."""
    days = table["date"].to_numpy(dtype="datetime64[D]").astype(np.int64)
    return int(days.min()), int(days.max())
