"""Exact cost and use of one given placement: the plan's own arithmetic, ignorant of the solver."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .instance import Bools, Floats, Instance, Ints

COST_TERMS = (
    "outbound", "late", "damage", "inbound", "ordering", "handling", "capital", "storage", "stocking", "spoilage", "outage", "change",
)  # fmt: skip
NODE_COST_TERMS = ("fixed", "opening", "surge")


@dataclass(frozen=True)
class Evaluation:
    """Everything sections 4-8 of MATHEMATICS.md say about one placement."""

    primary: Ints  # (K,R,T) lane index that serves the region, -1 where the SKU has no demand or no node
    backup: Ints  # (K,R,T) lane index of the second choice, -1 if none
    flow: Floats  # (K,N,T) F, units/day through n
    variance: Floats  # (K,N,T) V, units^2/day
    lead_time: Floats  # (K,N,T) L, days, of stocking nodes
    lead_time_sd: Floats  # (K,N,T) days
    lead_time_demand: Floats  # (K,N,T) m, units
    safety_stock: Floats  # (K,N,T) units
    reorder_point: Floats  # (K,N,T) units
    order_quantity: Floats  # (K,N,T) units
    average_stock: Floats  # (K,N,T) units
    peak_stock: Floats  # (K,N,T) units
    spoiled_per_day: Floats  # (K,N,T) units/day
    costs: Mapping[str, Floats]  # COST_TERMS -> (K,N,T) money over the period, at the node that causes it
    node_costs: Mapping[str, Floats]  # NODE_COST_TERMS -> (N,T)
    penalties: Floats  # (number of limits, T) money paid for soft limits
    volume_m3: Floats  # (N,3,T) peak
    value: Floats  # (N,T)
    units: Floats  # (N,T) average on hand
    units_per_day: Floats  # (N,T)
    sku_count: Floats  # (N,T)
    lane_parcels: Floats  # (L,T) parcels/day
    parcels: Floats  # (T,) parcels/day
    late_parcels: Floats  # (T,) parcels/day
    limit_use: Floats  # (number of limits, T); for `cost` and `purchases` the total stands in the first masked period, else nan
    total: float  # money over the horizon


def evaluate(instance: Instance, stocked: Bools, open_nodes: Bools, surge: Floats) -> Evaluation:
    """Cost and use of a placement.

    stocked (K,N,T), open_nodes (N,T), surge (N,3,T) m3. Raises ValueError when a live SKU is stocked nowhere.
    """
    raise ValueError("not yet written")
