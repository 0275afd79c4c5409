"""The status of a day: plan and stock side by side for every SKU and node, and what the rooms hold."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pandas as pd

from models.instance import TEMPERATURES, Bools, Floats, Ints, summed

from ..periods import day_number
from ..settings import Settings
from ..shelf import Pace, unsold
from .ahead import REPLENISHED, Ahead, ahead
from .basis import TOLERANCE
from .columns import frame
from .control_columns import NODES, SKUS

FAR_DAYS = 3650.0  # a date beyond ten years is no date


@dataclass(frozen=True)
class Cells:
    """Every SKU at every node where the plan, from today on, or the stock has it; all arrays are (M,)."""

    day: date
    sku: pd.Series
    node: pd.Series
    planned: Bools  # in the period of the day
    later: pd.Series  # label of the first later period in which it is, "" = none
    pace: Pace  # demand from today on
    ahead: Ahead  # when the plan leaves the node, or begins there
    source: pd.Series
    figures: pd.DataFrame  # REPLENISHED, nan where it is not planned today
    on_hand: Floats  # units that can still be sold
    expired: Floats  # units past their last day
    on_order: Floats
    unsold: Floats  # units on hand that expire before they are sold
    first_expiry: Floats  # day number of the first lot on hand, or with units left unsold, to expire; nan = none
    unit_cost: Floats  # nan = not known
    volume_m3: Floats  # nan = not known
    temperature: Ints  # -1 = not known

    @property
    def rate(self) -> Floats:
        """Units a day in the period of the day."""
        return np.asarray(self.pace.rates[:, 0])

    @property
    def position(self) -> Floats:
        """On hand + on order."""
        return self.on_hand + self.on_order

    @property
    def cover(self) -> Floats:
        """Days until on hand is sold; inf where it does not sell."""
        selling = (self.pace.rates > 0).any(axis=1)
        return np.where(selling, self.pace.days_to_sell(self.on_hand), np.inf)

    @property
    def aim(self) -> Floats:
        """Units that an order lifts a cell to: the order-up-to level, but no more than it sells until the plan leaves
        it; nan where it is not planned."""
        return np.minimum(self.figures["order_up_to"].to_numpy(), self.ahead.until)

    @property
    def due(self) -> Bools:
        """At or below the reorder point, and below what an order lifts it to."""
        point = self.figures["reorder_point"].to_numpy()
        low = self.position <= np.nan_to_num(point, nan=-np.inf) + TOLERANCE
        return self.planned & (self.rate > 0) & low & (self.position < np.nan_to_num(self.aim) - TOLERANCE)

    @property
    def stranded(self) -> Bools:
        """Stock, or an order, where the plan does not have the SKU today nor later."""
        return ~self.planned & (self.later == "").to_numpy() & (self.on_hand + self.expired + self.on_order > 0)

    @property
    def surplus(self) -> Floats:
        """Whole units to spare: above the order-up-to level, beyond what sells until the plan leaves the node after
        this period, or all that is stranded; short-dated ones are none."""
        level = np.where(self.planned, np.nan_to_num(self.figures["order_up_to"].to_numpy()), np.inf)
        kept = np.where(self.stranded, 0.0, np.where(self.ahead.leaves, self.ahead.until, level))
        return np.floor(np.maximum(self.on_hand - np.where(self.planned, self.unsold, 0.0) - kept, 0.0) + TOLERANCE)

    @property
    def idle(self) -> Floats:
        """Whole units that wait for a later period, where an order of today could replace them by then."""
        lead = np.nan_to_num(self.ahead.figures["lead_time_days"].to_numpy(), nan=np.inf)
        waits = np.isfinite(self.ahead.opens) & (lead <= self.ahead.opens)
        return np.where(waits, np.floor(np.maximum(self.on_hand - self.unsold, 0.0) + TOLERANCE), 0.0)

    def date_in(self, days: Floats) -> pd.Series:
        """The day so many days from today; blank where that is far off."""
        near = np.isfinite(days) & (days < FAR_DAYS)
        whole = np.where(near, np.floor(np.where(near, days, 0.0) + TOLERANCE), 0.0).astype("int64")
        stamps = np.datetime64(self.day, "s") + whole.astype("timedelta64[D]")
        return pd.Series(np.where(near, stamps, np.datetime64("NaT", "s")), dtype="datetime64[s]")


def cells(
    placement: pd.DataFrame, replenishment: pd.DataFrame, stock: pd.DataFrame, settings: Settings, day: date
) -> Cells:
    """Put plan and stock together for a day of the plan."""
    labels = list(settings.labels)
    ends = np.array([day_number(edge) for edge in settings.boundaries[1:]], dtype=float)
    now = int(np.searchsorted(ends, day_number(day), side="right"))
    rows = replenishment[replenishment["period"].isin(labels[now:])]
    held = stock[(stock["on_hand"] > 0) | (stock["on_order"] > 0)]
    keys = pd.MultiIndex.from_frame(pd.concat([rows[["sku", "node"]], held[["sku", "node"]]]).drop_duplicates())
    wide = rows.pivot_table(index=["sku", "node"], columns="period", values="demand_per_day", aggfunc="sum")
    wide = wide.reindex(index=keys, columns=labels[now:])
    starts = np.append(day_number(day), ends[now:-1])
    pace = Pace(ends[now:] - starts, np.nan_to_num(wide.to_numpy(dtype=float)))
    today = rows[rows["period"] == labels[now]].set_index(["sku", "node"]).reindex(keys)
    goods = _goods(placement).reindex(keys.get_level_values("sku"))
    kinds = pd.Index(TEMPERATURES, dtype=object).get_indexer(pd.Index(goods["temperature"], dtype=object))
    planned = wide.notna().to_numpy()
    return Cells(
        day=day,
        sku=pd.Series(keys.get_level_values("sku"), dtype=object),
        node=pd.Series(keys.get_level_values("node"), dtype=object),
        planned=planned[:, 0],
        later=pd.Series([_first(labels[now + 1 :], row) for row in planned[:, 1:]], dtype=object),
        pace=pace,
        ahead=ahead(rows, keys, pace, planned, labels[now:]),
        source=today["source"].fillna("").reset_index(drop=True),
        figures=today[list(REPLENISHED)].astype(float).reset_index(drop=True),
        **_lots(held, keys, pace, day),
        unit_cost=goods["unit_cost"].to_numpy(dtype=float),
        volume_m3=goods["volume_m3"].to_numpy(dtype=float),
        temperature=kinds.astype(np.int64),
    )


def _first(labels: list[str], planned: Bools) -> str:
    return next((label for label, here in zip(labels, planned, strict=True) if here), "")


def _goods(placement: pd.DataFrame) -> pd.DataFrame:
    """Cost and volume of a unit, and temperature, by SKU, as the Placement sheet tells them."""
    costed, stacked = placement["average_stock"] > 0, placement["peak_stock"] > 0
    told = pd.DataFrame(
        {
            "sku": placement["sku"],
            "unit_cost": (placement["value"] / placement["average_stock"]).where(costed),
            "volume_m3": (placement["volume_m3"] / placement["peak_stock"]).where(stacked),
            "temperature": placement["temperature"].where(placement["temperature"] != ""),
        }
    )
    return told.groupby("sku", sort=False).first()


def _lots(held: pd.DataFrame, keys: pd.MultiIndex, pace: Pace, day: date) -> dict[str, Floats]:
    """Sellable, expired, on order and unsold units of each cell, the first day on which some of them expire."""
    count, today = len(keys), day_number(day)
    at = keys.get_indexer(pd.MultiIndex.from_frame(held[["sku", "node"]]))
    units, ordered = held["on_hand"].to_numpy(dtype=float), held["on_order"].to_numpy(dtype=float)
    last = held["expires"].to_numpy(dtype="datetime64[D]")
    dated = ~np.isnat(last)
    left = np.where(dated, last.astype(np.int64) - today + 1.0, np.inf)  # days on which it can be sold
    gone = left <= 0
    out = {
        "on_hand": np.bincount(at, np.where(gone, 0.0, units), count),
        "expired": np.bincount(at, np.where(gone, units, 0.0), count),
        "on_order": np.bincount(at, ordered, count),
        "unsold": np.zeros(count),
        "first_expiry": np.full(count, np.nan),
    }
    lots = np.flatnonzero(dated & ~gone & (units > 0))
    lots = lots[np.lexsort((left[lots], at[lots]))]
    cell, days = at[lots], left[lots]
    wasted = unsold(cell, units[lots], Pace(pace.lengths, pace.rates[cell]).sold_in(days))
    out["unsold"] = np.bincount(cell, wasted, count)
    for which in (
        np.arange(lots.size),
        np.flatnonzero(wasted > TOLERANCE),
    ):
        out["first_expiry"][cell[which][::-1]] = today + days[which][::-1] - 1.0
    return out


@dataclass(frozen=True)
class Rooms:
    """The nodes of the plan today, in the order of its sheet; arrays are (N,) or (N,3)."""

    names: tuple[str, ...]
    status: tuple[str, ...]
    used: Floats  # m3 on hand, expired goods included
    room: Floats  # m3, nan = no limit
    surge: Floats  # (N,) m3 on offer
    unknown: Ints  # (N,) SKUs whose volume is not known

    @property
    def over(self) -> Floats:
        """(N,3) m3 beyond the room."""
        return np.maximum(self.used - np.where(np.isnan(self.room), np.inf, self.room), 0.0)


def rooms(nodes: pd.DataFrame, own: Cells) -> Rooms:
    """Volume on hand against the rooms."""
    names = tuple(dict.fromkeys(nodes["node"]))
    label = _label_of(nodes, own)
    today = nodes[nodes["period"] == label].set_index("node").reindex(list(names))
    at = pd.Index(names, dtype=object).get_indexer(pd.Index(own.node, dtype=object))
    units = own.on_hand + own.expired
    known = (at >= 0) & (own.temperature >= 0) & np.isfinite(own.volume_m3)
    used = np.zeros((len(names), len(TEMPERATURES)))
    np.add.at(used, (at[known], own.temperature[known]), (units * np.nan_to_num(own.volume_m3))[known])
    unknown = np.bincount(at[~known & (at >= 0) & (units > 0)], minlength=len(names))
    return Rooms(
        names=names,
        status=tuple(today["status"].fillna("not available")),
        used=used,
        room=today[[f"{name}_room_m3" for name in TEMPERATURES]].to_numpy(dtype=float),
        surge=np.nan_to_num(today["surge_room_m3"].to_numpy(dtype=float)),
        unknown=unknown.astype(np.int64),
    )


def _label_of(nodes: pd.DataFrame, own: Cells) -> str:
    """The period of the day among those of the sheet."""
    from .basis import first_day

    begun = [label for label in dict.fromkeys(nodes["period"]) if first_day(label) <= own.day]
    return max(begun, key=first_day)


def nodes(own: Cells, space: Rooms, found: pd.DataFrame) -> pd.DataFrame:
    """The sheet Nodes."""
    at = pd.Index(space.names, dtype=object).get_indexer(pd.Index(own.node, dtype=object))
    cost, cover = np.nan_to_num(own.unit_cost), own.cover
    selling = own.planned & (own.rate > 0)

    def added(values: Floats | Bools, where: Bools | bool = True) -> Floats:
        return summed(at, np.where(where, values, 0.0), len(space.names))

    ends = np.where(selling, cover, np.inf)
    next_out = np.array([ends[at == n].min(initial=np.inf) for n in range(len(space.names))])
    demand = added(own.rate * cost, selling)
    short = np.where(own.stranded, own.expired, own.expired + own.unsold)
    columns: dict[str, object] = {
        "node": list(space.names),
        "status": list(space.status),
        "exceptions": [float((found["node"] == name).sum()) for name in space.names],
        "skus_planned": added(selling),
        "skus_in_stock": added(selling & (own.on_hand > 0)),
        "below_reorder_point": added(own.due),
        "days_of_cover": np.divide(
            added(own.on_hand * cost, selling), demand, out=np.full(len(demand), np.nan), where=demand > 0
        ),
        "next_stock_out": own.date_in(next_out),
        "units": added(own.on_hand + own.expired),
        "value": added((own.on_hand + own.expired) * cost),
        "stranded_value": added(own.on_hand * cost, own.stranded),
        "short_dated_value": added(short * cost),
    }
    for c, name in enumerate(TEMPERATURES):
        used, room = space.used[:, c], space.room[:, c]
        columns[f"{name}_used_m3"], columns[f"{name}_room_m3"] = used, room
        columns[f"{name}_fill"] = np.divide(used, room, out=np.full(len(used), np.nan), where=room > 0)
    return frame(NODES, columns)


def skus(own: Cells, found: pd.DataFrame) -> pd.DataFrame:
    """The sheet SKUs: every cell, those with exceptions first, as they stand in the list of exceptions."""
    states = found[found["sku"] != ""].groupby(["sku", "node"], sort=False)
    named, rank = states["exception"].agg(", ".join), states["rank"].min()
    keys = pd.MultiIndex.from_arrays([own.sku, own.node])
    spare = own.position - own.figures["reorder_point"].to_numpy()
    rate = own.rate
    until = np.divide(spare, rate, out=np.full(len(rate), np.inf), where=rate > 0)
    blank = np.where(own.planned & (own.due | (spare > TOLERANCE)), until, np.inf)
    table = frame(
        SKUS,
        {
            "sku": own.sku.to_numpy(object),
            "node": own.node.to_numpy(object),
            "state": named.reindex(keys).fillna("ok").to_numpy(object),
            "on_hand": own.on_hand,
            "expired": own.expired,
            "on_order": own.on_order,
            "demand_per_day": rate,
            "days_of_cover": np.where(np.isfinite(own.cover), own.cover, np.nan),
            "stock_out_date": own.date_in(own.cover),
            "reorder_point": own.figures["reorder_point"].to_numpy(),
            "order_up_to": own.aim,
            "order_by": own.date_in(np.maximum(blank, 0.0)),
            "lead_time_days": own.figures["lead_time_days"].to_numpy(),
            "source": own.source.to_numpy(object),
            "surplus": own.surplus,
            "unsold": own.unsold,
            "first_expiry": _days(own.first_expiry),
            "value": (own.on_hand + own.expired) * own.unit_cost,
        },
    )
    order = np.argsort(rank.reindex(keys).fillna(np.inf).to_numpy(), kind="stable")
    return table.iloc[order].reset_index(drop=True)


def _days(numbers: Floats) -> pd.Series:
    known = np.isfinite(numbers)
    stamps = np.where(known, numbers, 0.0).astype("int64").astype("datetime64[D]").astype("datetime64[s]")
    return pd.Series(np.where(known, stamps, np.datetime64("NaT", "s")), dtype="datetime64[s]")


def date_of(number: float) -> date:
    """The date of a day number."""
    return date(1970, 1, 1) + timedelta(days=int(number))


def day_after(day: date, days: float) -> date:
    """The day so many whole days later, rounded down."""
    return day + timedelta(days=int(np.floor(min(days, FAR_DAYS) + TOLERANCE)))
