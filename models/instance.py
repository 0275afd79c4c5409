"""The arrays the mathematics works on: one frozen :class:`Instance`, no tables, no text but names.

Shapes use K SKUs, N nodes, R regions, T periods, L lanes. Units stand with every field; `MATHEMATICS.md` says
what each symbol does.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

TEMPERATURES = ("ambient", "chilled", "frozen")
MEASURES = (
    "value", "volume_m3", "units", "units_per_day", "skus", "nodes", "cost", "on_time_share", "purchases", "changes",
    "change_value",
)  # fmt: skip


FIRST_PERIOD = ("purchases", "changes", "change_value")  # measures of the first period only


def summed(cell: Ints, values: Floats, size: int) -> Floats:
    """Sum of the values that fall in each of ``size`` cells, as floats even of nothing (``numpy.bincount`` is not)."""
    return np.bincount(cell, values, size).astype(np.float64)


@dataclass(frozen=True)
class LimitRow:
    """One row of the Limits sheet with its filters turned into masks (section 8)."""

    name: str
    measure: str  # one of MEASURES
    sense: str  # "max" or "min"
    amount: float  # in the measure's unit
    skus: Bools  # (K,)
    nodes: Bools  # (N,)
    regions: Bools | None  # (R,) or None: no region filter
    periods: Bools  # (T,)
    penalty: float = np.inf  # money per unit of violation and period; inf = hard
    filtered: bool = False  # True when a SKU filter is set (matters for `cost`)


class SetCosts(Protocol):
    """Money that the sets of SKUs cost besides what the other fields say."""

    def extra(self, skus: Ints, sets: Bools) -> Floats:
        """(T,S,len(skus)) for each of the sets (S,N)."""
        ...


@dataclass(frozen=True)
class Instance:
    """Everything the optimizer needs, checked and in one unit system."""

    skus: tuple[str, ...]
    nodes: tuple[str, ...]
    regions: tuple[str, ...]
    periods: tuple[str, ...]
    days: Floats  # (T,) d_t
    months: Floats  # (T,) M_t

    # SKUs
    unit_cost: Floats  # (K,) money/unit
    unit_price: Floats  # (K,) money/unit
    weight_kg: Floats  # (K,)
    volume_m3: Floats  # (K,)
    temperature: Ints  # (K,) index into TEMPERATURES
    shelf_life_days: Floats  # (K,) inf = does not spoil
    pack_size: Floats  # (K,) units
    parcels_per_unit: Floats  # (K,) u
    level_error: Floats  # (K,) eps
    service_level: Floats  # (K,)
    fill_service: Bools  # (K,) True = fill rate, False = cycle service
    min_nodes: Ints  # (K,)
    max_nodes: Ints  # (K,)
    tier: tuple[str, ...]  # (K,) names, for limits and reports only

    # demand
    mean: Floats  # (K,R,T) units/day
    variance: Floats  # (K,R,T) units^2/day

    # where it may be held, and how it gets there
    allowed: Bools  # (K,N,T) node may stock the SKU (section 3; lanes, counts and feeders not yet considered)
    feeder: Ints  # (K,N) node index, or -1 = supplier
    lead_time: Floats  # (K,N) days, of the last leg into n
    lead_time_sd: Floats  # (K,N) days
    inbound_per_unit: Floats  # (K,N) money/unit
    inbound_per_kg: Floats  # (K,N) money/kg
    order_cost: Floats  # (K,N) money/order
    moq: Floats  # (K,N) units (1 where the source is a feeder)
    in_force: Bools | None  # (K,N) the placement in force, or None = unknown
    on_hand: Floats  # (K,N) units
    on_order: Floats  # (K,N) units

    # nodes
    room_m3: Floats  # (N,3) inf = no limit, 0 = none
    surge_m3: Floats  # (N,)
    surge_cost: Floats  # (N,) money/m3/month
    units_per_day: Floats  # (N,) inf = no limit
    max_skus: Floats  # (N,) inf = no limit
    fixed_cost: Floats  # (N,) money/month
    opening_cost: Floats  # (N,) money
    candidate: Bools  # (N,) the plan decides whether it opens
    available: Bools  # (N,T)
    handling_cost: Floats  # (N,) money/unit
    storage_cost: Floats  # (N,) money/m3/month
    stocking_cost: Floats  # (N,) money/SKU/month
    review_days: Floats  # (N,)
    outage_days: Floats  # (N,) days/year

    # lanes
    lane_node: Ints  # (L,)
    lane_region: Ints  # (L,)
    lane_carrier: tuple[str, ...]  # (L,)
    lane_parcel_cost: Floats  # (L,) money/parcel
    lane_kg_cost: Floats  # (L,) money/kg
    lane_days: Floats  # (L,)
    lane_on_time: Floats  # (L,) share
    lane_damage: Floats  # (L,) share of units
    lane_temperatures: Bools  # (L,3)
    lane_parcels_per_day: Floats  # (L,) inf = no limit
    promise_days: Floats  # (R,) inf = no promise
    backup_required: Bools  # (R,)

    # policy
    holding_rate: float  # per year
    late_penalty: float  # money/parcel
    lost_sale_rate: float  # share of unit_price
    change_cost_in: float  # money per SKU and node added
    change_cost_out: float  # money per SKU and node dropped
    max_cover_days: float
    fastest: bool = False  # routing = fastest
    budget: float = np.inf  # money, average stock value in each period
    limits: tuple[LimitRow, ...] = field(default=())
    start: Bools | None = None  # (K,N,T) placement a search begins with, and keeps as far as the asked gap allows
    keep_gap: float = 0.0  # above 0 the start is kept whole if it fits; the search ends once its gap is this small
    short_lost: float = 0.0  # share of the units a node is short of that are lost; 0 = shortages are free
    raised: Bools | None = None  # (K,) SKUs kept above the service where shortages cost more than stock; None = none
    sale_days: Floats | None = None  # (K,T) days from the period's start to the end of the last one with sales; or inf
    clearing: Floats | None = None  # (K,N) money to clear what lies at a node in force that is left; None = nothing
    stood: Floats | None = None  # (K,N) units that count for what is left; None = on hand + on order
    besides: SetCosts | None = None  # what the search adds to the cost of sets; `evaluation` knows nothing of it
    sizes_orders: bool = False  # the search may change `room_price` where rooms are full
    room_price: Floats | None = None  # (N,3) money/m3/month that orders count besides storage; None = nothing
    was_open: Bools | None = None  # (N,) candidates that stand open when the first period begins; None = none

    @property
    def turns(self) -> Floats:
        """(K,N) 1 where stocking the SKU in the first period is a change, -1 where not stocking it is; 0 if unknown."""
        if self.in_force is None:
            return np.zeros(self.feeder.shape)
        return np.where(self.in_force, -1.0, 1.0)

    @property
    def leaving(self) -> Floats:
        """(K,N) money for each node in force that the first period's set leaves; 0 where none is in force."""
        if self.in_force is None:
            return np.zeros(self.feeder.shape)
        cleared = np.zeros(self.feeder.shape) if self.clearing is None else self.clearing
        return np.where(self.in_force, self.change_cost_out + cleared, 0.0)

    @property
    def left_value(self) -> Floats:
        """(K,N) value at cost of what stands at each node in force, should the first period leave it; else 0."""
        if self.in_force is None:
            return np.zeros(self.feeder.shape)
        units = self.on_hand + self.on_order if self.stood is None else self.stood
        return np.where(self.in_force, self.unit_cost[:, None] * units, 0.0)

    @property
    def cover_days(self) -> Floats:
        """(K,T) days of demand that an order may cover."""
        ends = np.inf if self.sale_days is None else self.sale_days
        return np.broadcast_to(np.minimum(self.max_cover_days, ends), (len(self.skus), len(self.periods)))

    @property
    def above_service(self) -> Bools:
        """(K,) `raised`, with False for none."""
        return np.zeros(len(self.skus), dtype=bool) if self.raised is None else self.raised

    @property
    def room_cost(self) -> Floats:
        """(N,3) `room_price`, with 0 for none."""
        return np.zeros(self.room_m3.shape) if self.room_price is None else self.room_price

    @property
    def shortage_cost(self) -> Floats:
        """(K,) money per unit that a node is asked for in vain."""
        return self.short_lost * self.lost_sale_rate * self.unit_price

    @property
    def opened(self) -> Bools:
        """(N,) nodes that need no opening in the first period."""
        return ~self.candidate if self.was_open is None else ~self.candidate | self.was_open

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(K, N, R, T)."""
        return len(self.skus), len(self.nodes), len(self.regions), len(self.periods)
