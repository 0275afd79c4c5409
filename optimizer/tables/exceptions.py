"""Exceptions of a day, most urgent first: what is the matter, what to do about it, by when, and whose it is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date

import numpy as np
import pandas as pd

from models.instance import TEMPERATURES, Floats

from ..settings import Settings
from .basis import TOLERANCE
from .columns import frame
from .control import FAR_DAYS, Cells, Rooms, date_of, day_after
from .control_columns import EXCEPTIONS
from .stock import CROSS_DOCK, SUPPLIER

KINDS = (
    "out of stock", "runs out too soon", "over capacity", "expired", "below reorder point", "short-dated", "stranded",
)  # fmt: skip


@dataclass(frozen=True)
class Line:
    """One exception."""

    exception: str
    sku: str
    node: str
    what: str
    action: str
    by: date
    owner: str
    quantity: float
    value: float
    stake: float  # money a day, or in all: what orders exceptions of one kind


def exceptions(own: Cells, space: Rooms, settings: Settings) -> pd.DataFrame:
    """The sheet Exceptions."""
    desk = _Desk(own, settings)
    lines = [*desk.short(), *_over_capacity(own, space), *desk.dated(), *desk.stranded()]
    lines.sort(key=lambda line: (KINDS.index(line.exception), -line.stake))
    columns: dict[str, object] = {
        name: [getattr(line, name) for line in lines]
        for name in ("exception", "sku", "node", "what", "action", "owner", "quantity", "value")
    }
    days = pd.Series([np.datetime64(line.by, "s") for line in lines], dtype="datetime64[s]")
    return frame(EXCEPTIONS, {**columns, "rank": np.arange(1, len(lines) + 1, dtype=float), "by": days})


@dataclass
class _Desk:
    """Works through the cells; what is moved from a surplus is gone from it."""

    own: Cells
    settings: Settings
    spare: Floats = field(init=False)
    by_sku: dict[str, list[int]] = field(init=False)
    supplier: dict[str, str] = field(init=False)  # of each SKU, as far as some node is supplied directly

    def __post_init__(self) -> None:
        self.spare = self.own.surplus.copy()
        self.by_sku, self.supplier = {}, {}
        nodes = {*self.own.node, ""}
        for cell, (sku, source) in enumerate(zip(self.own.sku, self.own.source, strict=True)):
            self.by_sku.setdefault(sku, []).append(cell)
            if source not in nodes and CROSS_DOCK not in source:
                self.supplier.setdefault(sku, source)

    # --- too little --------------------------------------------------------------------------------------------------

    def short(self) -> Iterator[Line]:
        """Cells at or below their reorder point, the soonest to run out first; those that are empty although enough is
        on order as well."""
        own = self.own
        empty = own.planned & (own.rate > 0) & (own.on_hand <= TOLERANCE)
        for cell in sorted(np.flatnonzero(own.due | empty).tolist(), key=lambda cell: float(own.cover[cell])):
            yield self._short(cell)

    def _short(self, cell: int) -> Line:
        own = self.own
        kind, what = self._shortage(cell)
        steps, owners = self._supply(cell) if own.due[cell] else ([], [])
        if own.on_order[cell] > 0 and kind != "below reorder point":
            steps.insert(0, f"speed up the {own.on_order[cell]:,.0f} on order")
            owners.insert(0, self._owner(self._origin(cell)))
        cost = float(own.unit_cost[cell])
        wanted = self._wanted(cell)
        return Line(
            kind, own.sku.iloc[cell], own.node.iloc[cell], what, "; ".join(steps), own.day,
            ", ".join(dict.fromkeys(owners)), wanted, wanted * cost, float(own.rate[cell]) * np.nan_to_num(cost),
        )  # fmt: skip

    def _shortage(self, cell: int) -> tuple[str, str]:
        own = self.own
        rate, cover = float(own.rate[cell]), float(own.cover[cell])
        if own.on_hand[cell] <= TOLERANCE:
            return "out of stock", f"none left; sells {_rate(rate)} a day"
        lead = float(np.nan_to_num(own.figures["lead_time_days"].iloc[cell]))
        out = day_after(own.day, cover)
        if cover < lead and own.on_order[cell] <= TOLERANCE:
            arrives = day_after(own.day, lead)
            return "runs out too soon", f"{own.on_hand[cell]:,.0f} left until {out}; an order comes {arrives}"
        point = float(own.figures["reorder_point"].iloc[cell])
        way = f" and {own.on_order[cell]:,.0f} on order" if own.on_order[cell] > 0 else ""
        until = f" until {out}" if cover < FAR_DAYS else ""
        return "below reorder point", f"{own.on_hand[cell]:,.0f} left{way}{until}; reorder point {point:,.0f}"

    def _wanted(self, cell: int) -> float:
        """Units that lift the cell to its order-up-to level; 0 where none are due."""
        own = self.own
        missing = float(np.nan_to_num(own.figures["order_up_to"].iloc[cell])) - float(own.position[cell])
        return max(missing, 0.0) if own.due[cell] else 0.0

    def _supply(self, cell: int) -> tuple[list[str], list[str]]:
        """Moves from surpluses of the SKU, the largest first, and an order for the rest; with the owner of each."""
        own, figures = self.own, self.own.figures
        left = self._wanted(cell)
        steps, owners = [], []
        for other in sorted(self.by_sku[own.sku.iloc[cell]], key=lambda at: -self.spare[at]):
            units = np.floor(min(self.spare[other], left) + TOLERANCE)
            worth = units * float(np.nan_to_num(own.unit_cost[cell], nan=np.inf))
            if other == cell or units < 1 or worth < self.settings.transfer_cost:
                continue
            self.spare[other] -= units
            left -= units
            steps.append(f"move {units:,.0f} from {own.node.iloc[other]}")
            owners.append(f"node {own.node.iloc[other]}")
        if left >= 1.0 - TOLERANCE or (left > TOLERANCE and not steps):
            pack, least = (
                float(np.nan_to_num(figures[name].iloc[cell], nan=1.0)) for name in ("pack_size", "min_order")
            )
            units = np.ceil(max(left, least) / max(pack, 1.0) - TOLERANCE) * max(pack, 1.0)
            origin = self._origin(cell)
            steps.append(f"order {units:,.0f} from {origin}{self._way(cell)}{self._lacks(cell, origin, float(units))}")
            owners.append(self._owner(origin))
        return steps, owners

    def _origin(self, cell: int) -> str:
        """Who ships the goods: the last of a chain of cross-docks, or the SKU's supplier behind it."""
        last = self.own.source.iloc[cell].split(" < ")[-1]
        behind = self.supplier.get(self.own.sku.iloc[cell], SUPPLIER)
        return behind if last.endswith(CROSS_DOCK) or not last else str(last)

    def _way(self, cell: int) -> str:
        """The nodes on the way that only pass the goods on."""
        chain = [step for step in self.own.source.iloc[cell].split(" < ") if step.endswith(CROSS_DOCK)]
        names = [step.removesuffix(CROSS_DOCK).strip() for step in reversed(chain)]
        return f" through {', '.join(names)}" if names else ""

    def _lacks(self, cell: int, origin: str, units: float) -> str:
        """What a node has, where it is asked for more."""
        there = [at for at in self.by_sku[self.own.sku.iloc[cell]] if self.own.node.iloc[at] == origin]
        has = float(self.own.on_hand[there].sum())
        return f" (it has {has:,.0f})" if (self.own.node == origin).any() and has < units else ""

    def _owner(self, origin: str) -> str:
        if (self.own.node == origin).any():
            return f"node {origin}"
        return "buyer" if origin == SUPPLIER else f"buyer of {origin}"

    # --- too old -----------------------------------------------------------------------------------------------------

    def dated(self) -> Iterator[Line]:
        """Units past their last day, and units that will not be sold before it."""
        own = self.own
        for cell in np.flatnonzero(own.expired > TOLERANCE).tolist():
            units = float(own.expired[cell])
            yield self._line("expired", cell, units, f"{units:,.0f} past their last day", "write off", own.day)
        for cell in np.flatnonzero((own.unsold >= 1.0 - TOLERANCE) & ~own.stranded).tolist():
            units, last = float(own.unsold[cell]), date_of(float(own.first_expiry[cell]))
            what = (
                f"{units:,.0f} of {own.on_hand[cell]:,.0f} expire unsold from {last} at {_rate(own.rate[cell])} a day"
            )
            target = self._taker(cell)
            action = f"move {units:,.0f} to {target}, or mark them down" if target else f"mark {units:,.0f} down"
            yield self._line("short-dated", cell, units, what, action, last)

    def _taker(self, cell: int) -> str:
        """The node where the SKU sells soonest beyond what is there; '' = none."""
        own = self.own
        others = [
            at for at in self.by_sku[own.sku.iloc[cell]]
            if at != cell and own.planned[at] and own.rate[at] > 0 and own.unsold[at] <= TOLERANCE
        ]  # fmt: skip
        best = min(others, key=lambda at: float(own.cover[at]), default=None)
        return "" if best is None else str(own.node.iloc[best])

    # --- in the wrong place ------------------------------------------------------------------------------------------

    def stranded(self) -> Iterator[Line]:
        """Stock and orders where the plan has the SKU neither today nor later."""
        own = self.own
        for cell in np.flatnonzero(own.stranded & (own.on_hand + own.on_order > 0)).tolist():
            units, ordered = float(own.on_hand[cell]), float(own.on_order[cell])
            target = self._taker(cell)
            steps = []
            if ordered > 0:
                steps.append(
                    f"redirect the {ordered:,.0f} on order" + (f" to {target}" if target else ", or cancel them")
                )
            spare = float(self.spare[cell])
            if units > spare + TOLERANCE:
                steps.append(f"{units - spare:,.0f} go where they are short (above)")
            if spare > 0:
                steps.append(
                    f"move {spare:,.0f} to {target}" if target else f"sell off {spare:,.0f}: nobody needs them"
                )
            what = f"{units:,.0f} on hand" + (f" and {ordered:,.0f} on order" if ordered > 0 else "")
            what += " where the plan does not hold it" if self._known(cell) else "; the plan does not know this SKU"
            yield self._line("stranded", cell, units, what, "; ".join(steps), own.day)

    def _known(self, cell: int) -> bool:
        return bool(
            np.isfinite(self.own.unit_cost[cell]) or self.own.planned[self.by_sku[self.own.sku.iloc[cell]]].any()
        )

    def _line(self, kind: str, cell: int, units: float, what: str, action: str, by: date) -> Line:
        own = self.own
        node, value = own.node.iloc[cell], units * float(own.unit_cost[cell])
        return Line(
            kind, own.sku.iloc[cell], node, what, action, by, f"node {node}", units, value, float(np.nan_to_num(value))
        )


def _over_capacity(own: Cells, space: Rooms) -> Iterator[Line]:
    """Rooms that hold more than they have; surge space on offer is rented first."""
    for node, c in zip(*np.nonzero(space.over > 1e-6), strict=True):
        name, over = space.names[node], float(space.over[node, c])
        what = f"{TEMPERATURES[c]}: {space.used[node, c]:,.2f} m3 in a room of {space.room[node, c]:,.2f}"
        surge = min(over, float(space.surge[node]))
        steps = [f"rent {surge:,.2f} m3 of surge space"] if surge > 0 else []
        if over - surge > 1e-6:
            steps.append(f"move {over - surge:,.2f} m3 out{_largest(own, name, int(c))}")
        yield Line("over capacity", "", name, what, "; ".join(steps), own.day, f"node {name}", np.nan, np.nan, over)


def _largest(own: Cells, node: str, temperature: int) -> str:
    """Goods of the room that should go first: what is expired or to spare, the largest first."""
    extra = (own.expired + own.surplus + own.unsold) * np.nan_to_num(own.volume_m3)
    here = (own.node == node).to_numpy() & (own.temperature == temperature) & (extra > 0)
    first = sorted(np.flatnonzero(here).tolist(), key=lambda cell: -extra[cell])[:3]
    return ", first what is to spare of " + ", ".join(own.sku.iloc[first]) if first else ""


def _rate(rate: float) -> str:
    return f"{rate:,.1f}" if rate >= 0.1 else f"{rate:.2g}"


def headline(found: pd.DataFrame, nodes: pd.DataFrame, day: date, settings: Settings) -> tuple[str, ...]:
    """How many exceptions of each kind, and where."""
    if found.empty:
        return (f"{day}: no exceptions at {len(nodes)} nodes.",)
    at = int((nodes["exceptions"] > 0).sum())
    counts = found["exception"].value_counts()
    kinds = ", ".join(f"{counts[kind]:,} {kind}" for kind in KINDS if kind in counts)
    stranded = float(nodes["stranded_value"].sum())
    lines = [f"{day}: {len(found):,} exceptions at {at} of {len(nodes)} nodes: {kinds}."]
    if stranded > 0:
        lines.append(f"Stranded: {stranded:,.0f} {settings.currency} at cost.")
    return tuple(lines)
