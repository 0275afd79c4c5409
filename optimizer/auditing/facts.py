"""A case as plain arrays: what the auditor knows of SKUs, nodes and regions before it looks at any plan.

Shapes: K SKUs, N nodes, R regions, T periods. Units as in the workbook, but SKU volumes in m3.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from optimizer.case import items
from optimizer.errors import UsageError

from .calendar import Calendar, calendar

if TYPE_CHECKING:
    from optimizer.case import Case
    from optimizer.settings import Settings

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

TEMPERATURES = ("ambient", "chilled", "frozen")
UNLIMITED = np.inf


def numbers(frame: pd.DataFrame, column: str, blank: float) -> Floats:
    """A column as floats, blanks replaced by `blank`."""
    return pd.to_numeric(frame[column], errors="coerce").fillna(blank).to_numpy(dtype=float).copy()


def texts(frame: pd.DataFrame, column: str) -> list[str]:
    """A column as text, blanks as the empty text."""
    return ["" if pd.isna(value) else str(value) for value in frame[column]]


def positions(names: Iterable[str], index: pd.Index) -> Ints:
    """Row number of each name in `index`, -1 where it is not there."""
    return index.get_indexer(pd.Index(list(names), dtype=object)).astype(np.int64)


def passes(own: Iterable[str], cell: str) -> Bools:
    """Which of the texts `own` a filter cell names: all when it is blank, else the whole cell or each name it lists."""
    texts_ = np.array(list(own), dtype=object)
    if not cell:
        return np.ones(len(texts_), dtype=bool)
    known = set(texts_)
    parts = [cell] if cell in known else [part.strip() for part in re.split("[,;]", cell)]
    wanted = {piece for part in parts for piece in ([part] if part in known else items(part))}
    return np.array([text in wanted for text in texts_], dtype=bool)


def sums(index: Ints, weights: object, size: int) -> Floats:
    """Sums of the weights by index, `size` of them."""
    return np.bincount(index, np.asarray(weights, dtype=float), size).astype(float)


@dataclass(frozen=True)
class Goods:
    """The SKUs: arrays of length K."""

    names: pd.Index
    unit_cost: Floats
    unit_price: Floats
    weight_kg: Floats
    volume_m3: Floats
    temperature: Ints
    shelf_life: Floats  # days, inf = keeps
    last_day: pd.Series  # of sale, blank = no end
    pack: Floats
    moq: Floats  # 0 = none
    requires: tuple[frozenset[str], ...]
    category: tuple[str, ...]
    supplier: tuple[str, ...]


@dataclass(frozen=True)
class Sites:
    """The nodes: arrays of length N, or (N, 3) by temperature, or (N, T) by period."""

    names: pd.Index
    kind: tuple[str, ...]
    candidate: Bools
    was_open: Bools  # when the first period begins
    available: Bools  # (N,T)
    room_m3: Floats  # (N,3), inf = no limit, 0 = none
    surge_m3: Floats
    surge_cost: Floats
    units_per_day: Floats
    max_skus: Floats
    fixed_cost: Floats
    opening_cost: Floats
    handling: Floats
    storage: Floats
    stocking: Floats
    feeder: Ints  # replenished_from, -1 = supplier
    lead_time: Floats
    lead_time_sd: Floats
    review_days: Floats
    per_kg: Floats
    per_unit: Floats
    outage_days: Floats
    capabilities: tuple[frozenset[str], ...]
    open_from: np.ndarray  # (N,) days, the beginning of time where blank
    open_until: np.ndarray  # (N,) last day, the end of time where blank
    open_days: Floats  # (N,T) days of each period inside the node's window


@dataclass(frozen=True)
class Places:
    """The regions: arrays of length R."""

    names: pd.Index
    promise: Floats  # days, inf = none
    backup_required: Bools


@dataclass(frozen=True)
class Facts:
    """A case ready for recomputation."""

    settings: Settings
    calendar: Calendar
    goods: Goods
    sites: Sites
    places: Places

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(K, N, R, T)."""
        return len(self.goods.names), len(self.sites.names), len(self.places.names), len(self.calendar)


def facts(case: Case) -> Facts:
    """The case's sheets as arrays. Raises UsageError without a start date."""
    settings = case.settings
    if settings.start is None:
        raise UsageError("the case has no start date.", "Set start, e.g. --set start=2027-01-01.")
    days = calendar(settings.start, int(settings.periods), settings.period)
    return Facts(settings, days, _goods(case.skus), _sites(case, days), _places(case.regions))


def _goods(skus: pd.DataFrame) -> Goods:
    return Goods(
        names=pd.Index(texts(skus, "sku"), dtype=object),
        unit_cost=numbers(skus, "unit_cost", 0.0),
        unit_price=numbers(skus, "unit_price", 0.0),
        weight_kg=numbers(skus, "weight_kg", 0.0),
        volume_m3=numbers(skus, "volume_l", 0.0) / 1000.0,
        temperature=np.array(
            [TEMPERATURES.index(name or "ambient") for name in texts(skus, "temperature")], dtype=np.int64
        ),
        shelf_life=numbers(skus, "shelf_life_days", UNLIMITED),
        last_day=pd.to_datetime(skus["end_date"]),
        pack=numbers(skus, "pack_size", 1.0),
        moq=numbers(skus, "moq", 0.0),
        requires=tuple(frozenset(items(text)) for text in texts(skus, "requires")),
        category=tuple(texts(skus, "category")),
        supplier=tuple(texts(skus, "supplier")),
    )


def _sites(case: Case, days: Calendar) -> Sites:
    nodes = case.nodes
    names = pd.Index(texts(nodes, "node"), dtype=object)
    status = np.array([text or "open" for text in texts(nodes, "status")])
    inside = days.days_inside(nodes["open_from"], nodes["open_until"])
    half = inside >= days.days / 2.0
    rooms = [
        numbers(nodes, "ambient_m3", UNLIMITED),
        numbers(nodes, "chilled_m3", 0.0),
        numbers(nodes, "frozen_m3", 0.0),
    ]
    return Sites(
        names=names,
        kind=tuple(texts(nodes, "type")),
        candidate=status == "candidate",
        was_open=(status != "candidate") | _open_before(names, case),
        available=half & (status != "closed")[:, None],
        room_m3=np.stack(rooms, axis=1),
        surge_m3=numbers(nodes, "surge_m3", 0.0),
        surge_cost=numbers(nodes, "surge_cost_per_m3_month", 0.0),
        units_per_day=numbers(nodes, "units_per_day", UNLIMITED),
        max_skus=numbers(nodes, "max_skus", UNLIMITED),
        fixed_cost=numbers(nodes, "fixed_cost_per_month", 0.0),
        opening_cost=numbers(nodes, "opening_cost", 0.0),
        handling=numbers(nodes, "handling_cost_per_unit", 0.0),
        storage=numbers(nodes, "storage_cost_per_m3_month", 0.0),
        stocking=numbers(nodes, "stocking_cost_per_sku_month", 0.0),
        feeder=positions(texts(nodes, "replenished_from"), names),
        lead_time=numbers(nodes, "lead_time_days", 0.0),
        lead_time_sd=numbers(nodes, "lead_time_sd", 0.0),
        review_days=numbers(nodes, "review_days", 0.0),
        per_kg=numbers(nodes, "inbound_cost_per_kg", 0.0),
        per_unit=numbers(nodes, "inbound_cost_per_unit", 0.0),
        outage_days=numbers(nodes, "outage_days_per_year", 0.0),
        capabilities=tuple(frozenset(items(text)) for text in texts(nodes, "capabilities")),
        open_from=pd.to_datetime(nodes["open_from"]).fillna(pd.Timestamp("1900-01-01")).to_numpy("datetime64[D]"),
        open_until=pd.to_datetime(nodes["open_until"]).fillna(pd.Timestamp("2199-12-31")).to_numpy("datetime64[D]"),
        open_days=inside,
    )


def _open_before(names: pd.Index, case: Case) -> Bools:
    """(N,) nodes that the earlier plan says are open on the day before the new one begins."""
    previous = case.previous
    if previous is None or previous.period_before is None:
        return np.zeros(len(names), dtype=bool)
    table = previous.nodes[previous.nodes["period"] == previous.period_before].set_index("node")
    status = table["status"].reindex(names)
    return ((status == "open") | (status == "opens")).to_numpy(dtype=bool)


def _places(regions: pd.DataFrame) -> Places:
    required = regions["backup_required"]
    return Places(
        names=pd.Index(texts(regions, "region"), dtype=object),
        promise=numbers(regions, "promise_days", UNLIMITED),
        backup_required=np.array([_is_true(value) for value in required], dtype=bool),
    )


def _is_true(value: object) -> bool:
    """A yes/no cell: blank is no."""
    return str(value).strip().casefold() in {"true", "yes", "1", "1.0"}
