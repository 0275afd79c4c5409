"""The stock policy of every row of a plan: order quantity, reorder point, what they mean on the shelf."""

from __future__ import annotations

import numpy as np
import pandas as pd

from .calendar import DAYS_PER_YEAR
from .facts import Floats, Ints
from .reference import Reference
from .stock import (
    Service,
    awaited_demand,
    lifted,
    order_quantity,
    reorder_point,
    shelf,
    spoiled_per_day,
    worthwhile_tail,
)

SHARES = (1.0, 0.75, 0.5, 0.25)  # of the usual order that perishable goods may be ordered in


class Policies:
    """Section 6 for rows with k, n, t, stocked, flow, variance, lead_time and lead_time_sd.

    quantity, reorder: (K,N,T) order quantities and reorder points that a plan writes (nan = not written), or None.
    room_price: (N,3) money/m3/month that the plan's orders count besides storage, or None.
    """

    def __init__(
        self, ref: Reference, quantity: Floats | None, reorder: Floats | None, room_price: Floats | None
    ) -> None:
        self.ref, self.quantity, self.reorder = ref, quantity, reorder
        self.room_price = np.zeros((ref.known.shape[1], 3)) if room_price is None else room_price

    def of(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Order quantity, reorder point and the stock they mean; 0 where nothing is held.

        Perishable goods are ordered in the cheapest of SHARES of the usual order; a written quantity among them stands
        unless another one is cheaper by more than rounding.
        """
        full = self._ordered(rows, 1.0)
        perishable = np.isfinite(self.ref.known.goods.shelf_life[rows["k"].to_numpy()])
        if not perishable.any():
            return full
        goods = rows[perishable]
        tried = [full[perishable], *(self._ordered(goods, share) for share in SHARES[1:])]
        cost = np.array([each["per_day"] for each in tried])
        best, chosen = cost[0], np.zeros(len(goods), dtype=np.int64)
        for at in range(1, len(tried)):
            cheaper = cost[at] < best - 1e-9 * np.abs(best)
            best, chosen = np.where(cheaper, cost[at], best), np.where(cheaper, at, chosen)
        written = _written(self.quantity, goods)
        if written is not None:
            for at in reversed(range(len(tried))):
                stands = np.isclose(written, tried[at]["order_quantity"], rtol=1e-9)
                chosen = np.where(stands & (cost[at] <= best + 1e-7 * np.abs(best)), at, chosen)
        for at, each in enumerate(tried):
            full.loc[each.index[chosen == at], each.columns] = each[chosen == at]
        return full

    def _ordered(self, rows: pd.DataFrame, share: float) -> pd.DataFrame:
        """The policy whose order is a share of the usual one, and what it costs a day."""
        known, rules = self.ref.known, self.ref.rules
        k, n = rows["k"].to_numpy(), rows["n"].to_numpy()
        held = rows["stocked"].to_numpy()
        flow = np.where(held, rows["flow"], 0.0)
        review = known.sites.review_days[n]
        error = self.ref.rates.level_error[k]
        lead, pooled = rows["lead_time"].to_numpy(), rows["variance"].to_numpy()
        quantity = self._quantity(k, n, rows, flow, review, share)
        demand = awaited_demand(flow, pooled, lead, np.square(rows["lead_time_sd"]), review, error)
        lift = lifted(quantity, known.goods.pack[k])
        life, lost, holding = known.goods.shelf_life[k], self.lost(k), self._holding(k, n)
        tail = np.where(np.isfinite(life), 1.0, worthwhile_tail(lift + demand.wait, flow, holding, lost))
        promise = Service(demand, lift, rules.service_level[k], rules.fill[k], np.ones(len(rows)))
        raised = Service(demand, lift, rules.service_level[k], rules.fill[k], tail)
        reorder = reorder_point(promise, raised, _written(self.reorder, rows))
        figures = shelf(demand, reorder, quantity, lift, flow, lead, review)
        spoiled = spoiled_per_day(figures, flow, pooled, error, life)
        per_day = holding / DAYS_PER_YEAR * figures.average + self.ref.sources.order_cost[k, n] * figures.orders_per_day
        return rows.assign(
            review_days=review,
            lead_time_demand=reorder - figures.safety,
            safety_stock=figures.safety,
            reorder_point=reorder,
            order_quantity=quantity,
            average_stock=figures.average,
            peak_stock=figures.peak,
            orders_per_day=figures.orders_per_day,
            spoiled_per_day=spoiled,
            short_per_day=figures.short_per_day,
            per_day=per_day + known.goods.unit_cost[k] * spoiled + lost * figures.short_per_day,
        )

    def lost(self, k: Ints) -> Floats:
        """Money per unit that a node is short of."""
        settings = self.ref.known.settings
        return settings.short_lost_share * settings.lost_sale_penalty_rate * self.ref.known.goods.unit_price[k]

    def _holding(self, k: Ints, n: Ints) -> Floats:
        """Money per unit and year."""
        known = self.ref.known
        room = known.sites.storage[n] + self.room_price[n, known.goods.temperature[k]]
        return known.settings.holding_rate * known.goods.unit_cost[k] + 12.0 * room * known.goods.volume_m3[k]

    def _quantity(self, k: Ints, n: Ints, rows: pd.DataFrame, flow: Floats, review: Floats, share: float) -> Floats:
        """Order quantities; a written one stands if it is right up to the last digits of the flow."""
        known, sources = self.ref.known, self.ref.sources
        goods, settings = known.goods, known.settings
        cover = np.minimum(settings.max_cover_days, goods.shelf_life[k] / 2.0)
        cover = np.minimum(cover, self._days_of_sale(k, rows["t"].to_numpy()))
        least = np.where(sources.feeder[k, n] < 0, np.maximum(sources.moq[k, n], 1.0), 1.0)

        def quantity(nudge: float) -> Floats:
            f = flow * (1.0 + nudge)
            floor = np.maximum(review * f, least)
            fixed = sources.order_cost[k, n] * share * share  # the economic quantity goes with the root of it
            return order_quantity(f, fixed, self._holding(k, n), share * cover * f, floor, goods.pack[k])

        own, written = quantity(0.0), _written(self.quantity, rows)
        if written is None:
            return own
        near = np.isclose(written, quantity(-1e-9), rtol=1e-9) | np.isclose(written, quantity(1e-9), rtol=1e-9)
        return np.where(near & (flow > 0), written, own)

    def _days_of_sale(self, k: Ints, t: Ints) -> Floats:
        """Days from the start of period t to the end of the period with the SKU's last day of sale; inf: no end."""
        calendar = self.ref.known.calendar
        last = self.ref.known.goods.last_day.iloc[k].to_numpy()
        out = np.full(len(k), np.inf)
        starts = np.array(calendar.starts, dtype="datetime64[D]")
        for start, end in zip(calendar.starts, calendar.ends, strict=True):
            within = (last >= np.datetime64(start)) & (last < np.datetime64(end))
            left = (np.datetime64(end, "D") - starts[t]).astype(float)
            out = np.where(within, np.maximum(left, 0.0), out)
        return np.where(last < np.datetime64(calendar.starts[0]), 0.0, out)


def _written(figures: Floats | None, rows: pd.DataFrame) -> Floats | None:
    return None if figures is None else figures[rows["k"], rows["n"], rows["t"]]
