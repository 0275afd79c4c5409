"""Actions: names that exist, money at cost, needs that are covered, and goods that are there to be moved."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from .check_changes import owner
from .check_network import node_status
from .decisions import Read
from .facts import Bools, Floats, Ints, positions
from .leaving import leaving
from .recompute import Recomputed
from .reference import Reference
from .report import Report
from .workbook import PlanBook, Table

if TYPE_CHECKING:
    from optimizer.case import Case

    from .use import Limit

NODES, BOUGHT = ("open", "close"), ("purchase", "postpone")
ACTIONS = (*NODES, "transfer", *BOUGHT, "clear")
APPROVED_AS = {
    "open": "opening_cost", "transfer": "transfer_value", "purchase": "purchase_value", "clear": "clear_value",
}  # fmt: skip
SLACK = 1e-6


@dataclass(frozen=True)
class Lines:
    """The lines of the sheet as numbers; -1 where a name is blank or unknown."""

    table: Table
    action: np.ndarray
    k: Ints
    origin: Ints
    target: Ints
    quantity: Floats
    at_once: Bools  # starts on the first day
    comes_at_once: Bools  # arrives on the first day

    def total(self, ref: Reference, where: Ints, chosen: Bools) -> Floats:
        """(K, N) units of the chosen lines at the nodes ``where``."""
        out = np.zeros(ref.holds.shape)
        of = np.flatnonzero(chosen & (self.k >= 0) & (where >= 0) & (self.quantity > 0))
        np.add.at(out, (self.k[of], where[of]), self.quantity[of])
        return out


def check_actions(
    book: PlanBook, read: Read, case: Case, ref: Reference, found: Recomputed, rows: tuple[Limit, ...], report: Report
) -> None:
    """Every line says what exists and is worth what it says; together they can be done, and do what is needed."""
    table, known = book.tables["Actions"], ref.known
    first = known.calendar.starts[0]
    ships, arrives = (pd.to_datetime(pd.Series(table.texts(name)), errors="coerce") for name in ("ship_by", "arrives"))
    lines = Lines(
        table=table,
        action=table.texts("action"),
        k=positions(table.texts("sku"), known.goods.names),
        origin=positions(table.texts("from"), known.sites.names),
        target=positions(table.texts("to"), known.sites.names),
        quantity=table.numbers("quantity"),
        at_once=(ships == first).to_numpy(dtype=bool),
        comes_at_once=(arrives == first).to_numpy(dtype=bool),
    )
    _names(lines, ref, report)
    goods = ~np.isin(lines.action, NODES) & (lines.k >= 0)
    worth = np.where(goods, lines.quantity * known.goods.unit_cost[lines.k], table.numbers("value"))
    report.numbers("V-081", table, "value", worth, "Units at cost.")
    _needs_are_covered(lines, read, ref, found, report)
    _goods_are_there(lines, ref, report)
    _nothing_is_moved_back(lines, ref, report)
    _orders_are_whole(lines, ref, report)
    _money_is_kept(lines, ref, rows, report)
    _owners_are_named(lines, case, report)
    _nodes_open_and_close(read, ref, lines, report)


def _names(lines: Lines, ref: Reference, report: Report) -> None:
    action, table, k = lines.action, lines.table, lines.k
    goods, from_node = ~np.isin(action, NODES), np.isin(action, ("transfer", "close", "clear"))
    to_node = np.isin(action, ("transfer", "open", *BOUGHT))
    checks = (
        ("action", ~np.isin(action, ACTIONS), f"one of {', '.join(ACTIONS)}"),
        ("sku", goods & (k < 0), "a SKU of the input"),
        ("to", to_node & (lines.target < 0), "a node of the input"),
        ("from", from_node & (lines.origin < 0), "a node of the input"),
        ("from", np.isin(action, BOUGHT) & (table.texts("from") != _suppliers(ref)[k]), "the SKU's supplier"),
        ("quantity", goods & ~(lines.quantity > 0), "a quantity above 0"),
    )
    for column, wrong, expectation in checks:
        for line in np.flatnonzero(wrong):
            report.add("V-080", table.place(int(line), column), table.frame[column].iloc[line], expectation)


def _suppliers(ref: Reference) -> np.ndarray:
    """(K + 1,) supplier of each SKU, `supplier` where the input names none; the last stands for an unknown SKU."""
    return np.array([*(name or "supplier" for name in ref.known.goods.supplier), ""], dtype=object)


def _needs_are_covered(lines: Lines, read: Read, ref: Reference, found: Recomputed, report: Report) -> None:
    """What is moved to a node, bought for it or knowingly postponed lifts it to its level, or to what it still sells,
    as far as it comes before the plan leaves the node; and fills a node that begins with the SKU in the second period.
    """
    coming = lines.total(ref, lines.target, np.isin(lines.action, ("transfer", *BOUGHT)))
    reorder, level = _levels(ref, found)
    stocked, position = read.decisions.stocked, ref.on_hand + ref.on_order
    ends = leaving(read, ref, found)
    aim = np.minimum(level[:, :, 0], ends.sold)
    pressing = stocked[:, :, 0] & (position <= reorder[:, :, 0] + 1e-9) & ~ends.late & ~(ends.draws & ends.vain)
    wanted = np.where(pressing, np.minimum(aim - position, ends.most(position)), 0.0)
    if stocked.shape[2] > 1:
        begins = stocked[:, :, 1] & ~stocked[:, :, 0]
        wanted = np.where(begins & _open_at_once(ref), level[:, :, 1] - position, wanted)
    for k, n in np.argwhere(coming < np.maximum(wanted, 0.0) - SLACK):
        what = f"{ref.known.goods.names[k]} at {ref.known.sites.names[n]} needs {wanted[k, n]:,.6g} units"
        report.add("V-082", "Actions", float(coming[k, n]), what)


def _levels(ref: Reference, found: Recomputed) -> tuple[Floats, Floats]:
    """(K, N, T) reorder point and order-up-to level."""
    shape = (*ref.holds.shape, len(ref.known.calendar))
    rows = found.rows[found.rows["stocked"].astype(bool)]
    at = rows["k"].to_numpy(dtype=np.int64), rows["n"].to_numpy(dtype=np.int64), rows["t"].to_numpy(dtype=np.int64)
    reorder, level = np.zeros(shape), np.zeros(shape)
    reorder[at], level[at] = rows["reorder_point"], rows["reorder_point"] + rows["order_quantity"]
    return reorder, level


def _open_at_once(ref: Reference) -> Bools:
    """(N,) nodes that can be used from the first day of the second period."""
    return ref.known.sites.open_from <= np.datetime64(ref.known.calendar.starts[1], "D")


def _goods_are_there(lines: Lines, ref: Reference, report: Report) -> None:
    """On the first day no more leaves a node than is on hand or comes then; in all no more than is there or comes."""
    leaves, brings = np.isin(lines.action, ("transfer", "clear")), np.isin(lines.action, ("transfer", "purchase"))
    first = lines.total(ref, lines.origin, leaves & lines.at_once)
    whole = lines.total(ref, lines.origin, leaves)
    comes = lines.total(ref, lines.target, brings)
    same_day = lines.total(ref, lines.target, brings & lines.comes_at_once)
    for out, there, when in (
        (first, ref.on_hand + same_day, "on hand"),
        (whole, ref.on_hand + ref.on_order + comes, "on hand, on order or coming"),
    ):
        for k, n in np.argwhere(out > there + SLACK):
            what = f"{ref.known.goods.names[k]} at {ref.known.sites.names[n]}: {there[k, n]:,.6g} units are {when}"
            report.add("V-091", "Actions", float(out[k, n]), what)


def _nothing_is_moved_back(lines: Lines, ref: Reference, report: Report) -> None:
    """A node that goods are moved to sends none of that SKU on the first day, but to nodes that it replenishes."""
    moves = np.flatnonzero((lines.action == "transfer") & (lines.k >= 0) & (lines.origin >= 0) & (lines.target >= 0))
    receives = lines.total(ref, lines.target, lines.action == "transfer") > 0
    for line in moves[lines.at_once[moves]]:
        k, n, m = int(lines.k[line]), int(lines.origin[line]), int(lines.target[line])
        above, at = set(), m
        while at >= 0 and at not in above:
            above.add(at)
            at = int(ref.sources.feeder[k, at])
        if receives[k, n] and n not in above - {m}:
            what = "a node that receives the SKU sends none, but to those it replenishes"
            report.add("V-092", lines.table.place(int(line), "from"), ref.known.sites.names[n], what)


def _orders_are_whole(lines: Lines, ref: Reference, report: Report) -> None:
    """Purchases are whole packs, and at least the minimum order."""
    for line in np.flatnonzero((lines.action == "purchase") & (lines.k >= 0) & (lines.target >= 0)):
        k, n, units = int(lines.k[line]), int(lines.target[line]), float(lines.quantity[line])
        pack, least = float(ref.known.goods.pack[k]), float(ref.sources.moq[k, n])
        if abs(units / pack - round(units / pack)) > SLACK or units < least - SLACK:
            what = f"whole packs of {pack:g}, at least {least:g}"
            report.add("V-093", lines.table.place(int(line), "quantity"), units, what)


def _money_is_kept(lines: Lines, ref: Reference, rows: tuple[Limit, ...], report: Report) -> None:
    """Purchases keep every hard limit on purchases; something is postponed only where such a limit stands."""
    hard = [row for row in rows if row.measure == "purchases" and row.sense == "max" and np.isinf(row.penalty)]
    known = lines.k >= 0
    cost = np.where(known, ref.known.goods.unit_cost[lines.k] * np.nan_to_num(lines.quantity), 0.0)
    limited = np.zeros(len(known), dtype=bool)
    for row in hard:
        of = known & row.skus[lines.k]
        limited |= of
        spent = float(cost[of & (lines.action == "purchase")].sum())
        if spent > row.amount + SLACK * max(1.0, row.amount):
            report.add("V-094", "Actions", spent, f"{row.name}: purchases of at most {row.amount:,.10g}")
    for line in np.flatnonzero((lines.action == "postpone") & ~limited):
        report.add("V-094", lines.table.place(int(line), "action"), "postpone", "no limit on purchases holds it back")


def _owners_are_named(lines: Lines, case: Case, report: Report) -> None:
    """Who must say yes to each line, by its value and by all that is bought from its supplier."""
    value, origin = lines.table.numbers("value"), lines.table.texts("from")
    bought = lines.action == "purchase"
    right = []
    for line, action in enumerate(lines.action):
        named = [owner(case, APPROVED_AS[action], float(value[line]))] if action in APPROVED_AS else []
        if action == "purchase":
            named.append(owner(case, "order_value", float(value[bought & (origin == origin[line])].sum())))
        right.append(", ".join(dict.fromkeys(name for name in named if name)))
    report.texts("V-086", lines.table, "approval", right)


def _nodes_open_and_close(read: Read, ref: Reference, lines: Lines, report: Report) -> None:
    """As many openings and closings of each node as its status says."""
    status = node_status(ref, read.decisions.open)
    for name, column in (("opens", lines.target), ("closes", lines.origin)):
        said = np.bincount(column[(lines.action == name[:-1]) & (column >= 0)], minlength=len(status))
        due = (status == name).sum(axis=1)
        for n in np.flatnonzero(said[: len(due)] != due).tolist():
            node = ref.known.sites.names[n]
            report.add("V-083", "Actions", int(said[n]), f"{node} {name} {int(due[n])} times by its status")
