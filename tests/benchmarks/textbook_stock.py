"""Safety stock, reorder point and order quantity as textbooks give them, for any placement."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from models.evaluation import Evaluation, sku_holding_cost
from models.instance import Bools, Floats, Instance
from models.inventory import order_quantity, spoiled_per_cycle


@dataclass(frozen=True)
class Stock:
    """Stock figures of a placement, (K,N,T) units; 0 where nothing is stocked."""

    reorder_point: Floats
    quantity: Floats
    safety: Floats

    @property
    def average(self) -> Floats:
        """Safety stock and half an order."""
        return self.safety + 0.5 * self.quantity

    @property
    def peak(self) -> Floats:
        """Safety stock and an order."""
        return self.safety + self.quantity


def textbook_stock(instance: Instance, stocked: Bools, exact: Evaluation) -> Stock:
    """Safety stock = z sigma sqrt(P), P = mean lead time + review days, z of the service level taken as cycle service,
    sigma the standard deviation of a day's demand at the node; reorder point = demand over P + safety stock, rounded
    up; the economic order quantity, within the plan's bounds (cover, shelf life, review, minimum, packs).

    Source: Chopra & Meindl, Supply Chain Management, ch. 12; Silver, Pyke & Thomas, 4th ed., ch. 4 and 6. Flow,
    variance and lead times (through nodes that only pass goods on) are those of ``exact``.
    """
    k, n, t = np.nonzero(stocked)
    flow, sigma = exact.flow[k, n, t], np.sqrt(exact.variance[k, n, t])
    cover = exact.lead_time[k, n, t] + instance.review_days[n]
    safety = ndtri(instance.service_level[k]) * sigma * np.sqrt(cover)
    point = np.ceil(cover * flow + safety - 1e-9)
    lot = order_quantity(
        flow, instance.order_cost[k, n], sku_holding_cost(instance)[k, n], instance.moq[k, n], instance.pack_size[k],
        instance.review_days[n], instance.max_cover_days, instance.shelf_life_days[k],
    )  # fmt: skip

    def spread(values: Floats) -> Floats:
        out = np.zeros(stocked.shape)
        out[k, n, t] = np.where(flow > 0, values, 0.0)
        return out

    return Stock(spread(point), spread(lot), spread(np.maximum(point - cover * flow, 0.0)))


def stock_costs(instance: Instance, exact: Evaluation, stock: Stock) -> float:
    """Expected ordering, capital, storage and spoilage over the horizon (section 7), for these stock figures."""
    k, n, t = np.nonzero(stock.quantity > 0)
    flow, lot = exact.flow[k, n, t], stock.quantity[k, n, t]
    left = spoiled_per_cycle(
        stock.peak[k, n, t], lot, flow, exact.variance[k, n, t], instance.level_error[k], instance.shelf_life_days[k]
    )
    per_order = instance.order_cost[k, n] + instance.unit_cost[k] * left
    carried = stock.average[k, n, t] * sku_holding_cost(instance)[k, n]
    return float((instance.days[t] * (flow / lot * per_order + carried / 365.0)).sum())
