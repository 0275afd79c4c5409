"""Exceptions of a day, most urgent first: what is the matter, what to do about it, by when, and whose it is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date

import numpy as np
import pandas as pd

from models.instance import TEMPERATURES, Floats

from ..settings import Settings
from .approvals import joined, owners
from .basis import TOLERANCE
from .columns import frame
from .control import FAR_DAYS, Cells, Rooms, date_of, day_after
from .control_columns import EXCEPTIONS
from .stock import CROSS_DOCK, SUPPLIER

KINDS = (
    "out of stock", "runs out too soon", "over capacity", "expired", "below reorder point", "short-dated", "stranded",
)  # fmt: skip


@dataclass(frozen=True)
class Step:
    """One thing to do; whoever must approve goods of this ``value`` under ``measure`` owns it, else ``owner``."""

    text: str
    owner: str
    measure: str = ""  # of the sheet Approvals, "" = none
    value: float = np.nan  # money
    supplier: str = ""  # of an order


@dataclass(frozen=True)
class Line:
    """One exception."""

    exception: str
    sku: str
    node: str
    what: str
    steps: tuple[Step, ...]
    by: date
    quantity: float
    value: float
    stake: float  # money a day, or in all: what orders exceptions of one kind

    @property
    def action(self) -> str:
        """What to do."""
        return "; ".join(step.text for step in self.steps)


def exceptions(own: Cells, space: Rooms, settings: Settings, approvals: pd.DataFrame) -> pd.DataFrame:
    """The sheet Exceptions; ``approvals`` are rows of measure, threshold, owner."""
    desk = _Desk(own, settings)
    lines = [*desk.short(), *_over_capacity(own, space), *desk.dated(), *desk.stranded()]
    lines.sort(key=lambda line: (KINDS.index(line.exception), -line.stake))
    columns: dict[str, object] = {
        name: [getattr(line, name) for line in lines]
        for name in ("exception", "sku", "node", "what", "action", "quantity", "value")
    }
    columns["owner"] = _owners(lines, approvals)
    days = pd.Series([np.datetime64(line.by, "s") for line in lines], dtype="datetime64[s]")
    return frame(EXCEPTIONS, {**columns, "rank": np.arange(1, len(lines) + 1, dtype=float), "by": days})


def _owners(lines: list[Line], approvals: pd.DataFrame) -> list[str]:
    """Of each line, the owners of its steps: by the Approvals sheet, orders also by all that is ordered from their
    supplier on this day; where no rule applies, whoever does it."""
    every = [(at, step) for at, line in enumerate(lines) for step in line.steps]
    steps = pd.DataFrame([vars(step) for _, step in every], columns=["owner", "measure", "value", "supplier"])
    steps["line"] = [at for at, _ in every]
    by_rule = np.full(len(steps), "", dtype=object)
    for measure in set(steps["measure"]) - {""}:
        here = (steps["measure"] == measure).to_numpy()
        by_rule[here] = owners(approvals, measure, steps["value"].to_numpy(float)[here])
    ordered = (steps["supplier"] != "").to_numpy()
    whole = steps["value"].groupby(steps["supplier"]).transform("sum").to_numpy(float)
    by_order = np.where(ordered, owners(approvals, "order_value", whole), "").astype(object)
    named = joined(by_rule, by_order)
    steps["owner"] = np.where(named == "", steps["owner"], named)
    told = {line: ", ".join(dict.fromkeys(own)) for line, own in steps.groupby("line")["owner"]}
    return [told.get(at, "") for at in range(len(lines))]


@dataclass
class _Desk:
    """Works through the cells; what is moved from a surplus is gone from it."""

    own: Cells
    settings: Settings
    spare: Floats = field(init=False)
    idle: Floats = field(init=False)  # units that wait for a later period, and can be lent
    there: Floats = field(init=False)  # on hand + on order, less what is lent, with what replaces it
    by_sku: dict[str, list[int]] = field(init=False)
    supplier: dict[str, str] = field(init=False)  # of each SKU, as far as some node is supplied directly

    def __post_init__(self) -> None:
        self.spare, self.there = self.own.surplus.copy(), self.own.position.copy()
        self.by_sku, self.supplier = {}, {}
        nodes = {*self.own.node, ""}
        for cell, (sku, source) in enumerate(zip(self.own.sku, self.own.source, strict=True)):
            self.by_sku.setdefault(sku, []).append(cell)
            if source not in nodes and CROSS_DOCK not in source:
                self.supplier.setdefault(sku, source)
        last = self.own.ahead.source.str.split(" < ").str[-1]
        self.idle = np.where(last.isin(set(self.own.node)), 0.0, self.own.idle)

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
        steps = self._supply(cell) if own.due[cell] else []
        if own.on_order[cell] > 0 and kind != "below reorder point":
            hurry = f"speed up the {own.on_order[cell]:,.0f} on order"
            steps.insert(0, Step(hurry, self._owner(self._origin(cell))))
        cost = float(own.unit_cost[cell])
        wanted = self._wanted(cell)
        return Line(
            kind, own.sku.iloc[cell], own.node.iloc[cell], what, tuple(steps), own.day,
            wanted, wanted * cost, float(own.rate[cell]) * np.nan_to_num(cost),
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
        """Units that lift the cell to what an order of today aims at; 0 where none are due."""
        return float(self.own.aim[cell] - self.own.position[cell]) if self.own.due[cell] else 0.0

    def _supply(self, cell: int) -> list[Step]:
        """Moves from surpluses of the SKU, first what is stranded, then the largest, then of what waits for a later
        period elsewhere, and an order for the rest."""
        own = self.own
        left, stranded = self._wanted(cell), own.stranded
        steps = []
        for pool in (self.spare, self.idle):
            for other in sorted(self.by_sku[own.sku.iloc[cell]], key=lambda at: (~stranded[at], -float(pool[at]))):
                units = float(np.floor(min(pool[other], left) + TOLERANCE))
                worth = units * float(np.nan_to_num(own.unit_cost[cell], nan=np.inf))
                if other == cell or units < 1 or worth < self.settings.transfer_cost:
                    continue
                pool[other] -= units
                left -= units
                name = str(own.node.iloc[other])
                steps.append(self._move(cell, f"move {units:,.0f} from {name}", units, f"node {name}"))
                if pool is self.idle:
                    steps += self._replaced(other, units)
        if left >= 1.0 - TOLERANCE or (left > TOLERANCE and not steps):
            late = own.figures["lead_time_days"].iloc[cell] >= own.ahead.lasts[cell]
            steps.append(self._too_late(cell) if late else self._order(cell, left))
        return steps

    def _too_late(self, cell: int) -> Step:
        node = self.own.node.iloc[cell]
        return Step(f"no order: it would come when the plan has left {node}", self._here(cell))

    def _replaced(self, cell: int, lent: float) -> list[Step]:
        """The order for what a cell will lack of its level when it begins, after it has lent something."""
        own, then = self.own, self.own.ahead.figures
        self.there[cell] -= lent
        missing = float(then["order_up_to"].iloc[cell]) - float(self.there[cell])
        if missing <= TOLERANCE:
            return []
        units = _packed(then, cell, missing)
        self.there[cell] += units
        origin = self._shipper(cell, own.ahead.source)
        by = day_after(own.day, float(own.ahead.opens[cell] - then["lead_time_days"].iloc[cell]))
        text = f"order {units:,.0f} from {origin} for {own.node.iloc[cell]} by {by} in their place"
        return [Step(text, self._owner(origin), "purchase_value", units * float(own.unit_cost[cell]), origin)]

    def _order(self, cell: int, missing: float) -> Step:
        """An order in whole packs, at the supplier or at the node that feeds this one."""
        units = _packed(self.own.figures, cell, missing)
        origin = self._origin(cell)
        text = f"order {units:,.0f} from {origin}{self._way(cell)}{self._lacks(cell, origin, units)}"
        if (self.own.node == origin).any():
            return self._move(cell, text, units, self._owner(origin))
        return Step(text, self._owner(origin), "purchase_value", units * float(self.own.unit_cost[cell]), origin)

    def _move(self, cell: int, text: str, units: float, owner: str) -> Step:
        return Step(text, owner, "transfer_value", units * float(self.own.unit_cost[cell]))

    def _clear(self, cell: int, text: str, units: float) -> Step:
        return Step(text, self._here(cell), "clear_value", units * float(self.own.unit_cost[cell]))

    def _here(self, cell: int) -> str:
        return f"node {self.own.node.iloc[cell]}"

    def _origin(self, cell: int) -> str:
        """Who ships the goods today."""
        return self._shipper(cell, self.own.source)

    def _shipper(self, cell: int, source: pd.Series) -> str:
        """Who ships the goods: the last of a chain of cross-docks, or the SKU's supplier behind it."""
        last = source.iloc[cell].split(" < ")[-1]
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
            steps = [self._clear(cell, "write off", units)]
            yield self._line("expired", cell, units, f"{units:,.0f} past their last day", steps, own.day)
        for cell in np.flatnonzero((own.unsold >= 1.0 - TOLERANCE) & ~own.stranded).tolist():
            units, last = float(own.unsold[cell]), date_of(float(own.first_expiry[cell]))
            end = day_after(own.day, float(own.ahead.lasts[cell]) - 1.0)
            what = f"{units:,.0f} of {own.on_hand[cell]:,.0f}"
            if end < last:
                what += f" are left when the plan leaves {own.node.iloc[cell]}"
                last = end
            else:
                what += f" expire unsold from {last} at the plan's rates ({_rate(own.rate[cell])} a day now)"
            target = self._taker(cell)
            if target:
                text = f"move {units:,.0f} to {target}, or mark them down"
                step = self._move(cell, text, units, self._here(cell))
            else:
                step = self._clear(cell, f"mark {units:,.0f} down", units)
            yield self._line("short-dated", cell, units, what, [step], last)

    def _taker(self, cell: int) -> str:
        """The node where the SKU sells soonest beyond what is there; '' = none."""
        own = self.own
        others = [
            at for at in self.by_sku[own.sku.iloc[cell]]
            if at != cell and own.planned[at] and own.rate[at] > 0 and own.unsold[at] <= TOLERANCE
            and own.position[at] + self._wanted(at) < own.ahead.until[at]
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
                way = f" to {target}" if target else ", or cancel them"
                steps.append(Step(f"redirect the {ordered:,.0f} on order{way}", self._here(cell)))
            spare = float(self.spare[cell])
            if units > spare + TOLERANCE:
                steps.append(Step(f"{units - spare:,.0f} go where they are short (above)", self._here(cell)))
            if spare > 0 and target:
                steps.append(self._move(cell, f"move {spare:,.0f} to {target}", spare, self._here(cell)))
            elif spare > 0:
                steps.append(self._clear(cell, f"sell off {spare:,.0f}: nobody needs them", spare))
            what = f"{units:,.0f} on hand" + (f" and {ordered:,.0f} on order" if ordered > 0 else "")
            what += " where the plan does not hold it" if self._known(cell) else "; the plan does not know this SKU"
            yield self._line("stranded", cell, units, what, steps, own.day)

    def _known(self, cell: int) -> bool:
        return bool(
            np.isfinite(self.own.unit_cost[cell]) or self.own.planned[self.by_sku[self.own.sku.iloc[cell]]].any()
        )

    def _line(self, kind: str, cell: int, units: float, what: str, steps: list[Step], by: date) -> Line:
        own = self.own
        node, value = own.node.iloc[cell], units * float(own.unit_cost[cell])
        return Line(kind, own.sku.iloc[cell], node, what, tuple(steps), by, units, value, float(np.nan_to_num(value)))


def _over_capacity(own: Cells, space: Rooms) -> Iterator[Line]:
    """Rooms that hold more than they have; surge space on offer is rented first."""
    for node, c in zip(*np.nonzero(space.over > 1e-6), strict=True):
        name, over = space.names[node], float(space.over[node, c])
        what = f"{TEMPERATURES[c]}: {space.used[node, c]:,.2f} m3 in a room of {space.room[node, c]:,.2f}"
        surge = min(over, float(space.surge[node]))
        steps = [f"rent {surge:,.2f} m3 of surge space"] if surge > 0 else []
        if over - surge > 1e-6:
            steps.append(f"move {over - surge:,.2f} m3 out{_largest(own, name, int(c))}")
        by_node = tuple(Step(text, f"node {name}") for text in steps)
        yield Line("over capacity", "", name, what, by_node, own.day, np.nan, np.nan, over)


def _largest(own: Cells, node: str, temperature: int) -> str:
    """Goods of the room that should go first: what is expired or to spare, the largest first."""
    extra = (own.expired + own.surplus + own.unsold) * np.nan_to_num(own.volume_m3)
    here = (own.node == node).to_numpy() & (own.temperature == temperature) & (extra > 0)
    first = sorted(np.flatnonzero(here).tolist(), key=lambda cell: -extra[cell])[:3]
    return ", first what is to spare of " + ", ".join(own.sku.iloc[first]) if first else ""


def _packed(figures: pd.DataFrame, cell: int, missing: float) -> float:
    """Units of an order: what is missing, at least the minimum, in whole packs."""
    pack, least = (float(np.nan_to_num(figures[name].iloc[cell], nan=1.0)) for name in ("pack_size", "min_order"))
    return float(np.ceil(max(missing, least) / max(pack, 1.0) - TOLERANCE) * max(pack, 1.0))


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
