"""Changes: every placement that is new, gone or changed against the placement in force, each once, with its figures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .decisions import Read
from .facts import Floats, positions
from .recompute import Recomputed
from .reference import Reference
from .report import Report
from .workbook import PlanBook

if TYPE_CHECKING:
    from optimizer.case import Case


def check_changes(book: PlanBook, read: Read, case: Case, ref: Reference, found: Recomputed, report: Report) -> None:
    """The right rows with the right figures, a reason and an owner where one is due; none without anything in force."""
    table, known = book.tables["Changes"], ref.known
    k, n = positions(table.texts("sku"), known.goods.names), positions(table.texts("node"), known.sites.names)
    for line in np.flatnonzero((k < 0) | (n < 0)):
        report.add("V-003", table.place(int(line), "sku"), table.texts("sku")[line], "a SKU and a node of the input")
    figures = _figures(case, ref, found)
    own = _kinds(read, ref, figures)
    usable = np.flatnonzero((k >= 0) & (n >= 0))
    seen = np.zeros(own.shape, dtype=np.int64)
    np.add.at(seen, (k[usable], n[usable]), 1)
    for i, j in np.argwhere((own != "") & (seen != 1) | (own == "") & (seen > 0)):
        what = f"{known.goods.names[i]} at {known.sites.names[j]} must stand there {int(own[i, j] != '')} times"
        report.add("V-084", "Changes", int(seen[i, j]), what)
    change = table.texts("change").copy()
    change[usable] = own[k[usable], n[usable]].astype(object)
    report.texts("V-085", table, "change", change)
    for name, right in figures.items():
        written = table.numbers(name).copy()
        written[usable] = right[k[usable], n[usable]]
        report.numbers("V-085", table, name, written)
    value = np.abs(table.numbers("quantity")) * np.where(k >= 0, known.goods.unit_cost[k], np.nan)
    report.numbers("V-085", table, "value", np.where(k >= 0, value, table.numbers("value")), "The quantity at cost.")
    for line in np.flatnonzero(table.texts("reason") == ""):
        report.add("V-085", table.place(int(line), "reason"), "", "every change has a reason")
    report.texts("V-086", table, "approval", [owner(case, "change_value", each) for each in table.numbers("value")])


def owner(case: Case, measure: str, value: float) -> str:
    """Who must say yes to a value: the owner at the highest threshold that it reaches; '' for nobody."""
    rows = case.approvals
    own = rows[(rows["measure"] == measure) & (rows["threshold"] <= value)]
    return "" if own.empty else str(own["owner"].iloc[int(own["threshold"].to_numpy(dtype=float).argmax())])


def _figures(case: Case, ref: Reference, found: Recomputed) -> dict[str, Floats]:
    """(K, N) every figure of the sheet but the value."""
    shape = ref.holds.shape
    first = found.rows[(found.rows["t"] == 0) & found.rows["stocked"].astype(bool)]
    at = first["k"].to_numpy(dtype=np.int64), first["n"].to_numpy(dtype=np.int64)
    average, reorder = np.zeros(shape), np.full(shape, np.nan)
    average[at], reorder[at] = first["average_stock"], first["reorder_point"]
    old_average, old_reorder = np.full(shape, np.nan), np.full(shape, np.nan)
    if case.previous is not None:
        rows = case.previous.placement
        rows = rows[rows["period"] == case.previous.period]
        k, n = positions(rows["sku"], ref.known.goods.names), positions(rows["node"], ref.known.sites.names)
        both = (k >= 0) & (n >= 0)
        old_average[k[both], n[both]] = rows["average_stock"].to_numpy(dtype=float)[both]
        old_reorder[k[both], n[both]] = rows["reorder_point"].to_numpy(dtype=float)[both]
    base = ref.on_hand + ref.on_order if case.previous is None else np.nan_to_num(old_average)
    return {
        "on_hand": ref.on_hand, "on_order": ref.on_order, "previous_stock": old_average, "average_stock": average,
        "previous_reorder_point": old_reorder, "reorder_point": reorder, "quantity": average - base,
    }  # fmt: skip


def _kinds(read: Read, ref: Reference, figures: dict[str, Floats]) -> np.ndarray:
    """(K, N) new, gone, changed, or nothing."""
    planned, in_force = read.decisions.stocked[:, :, 0], ref.in_force
    if in_force is None:
        return np.full(planned.shape, "", dtype=object)
    changed = np.zeros(planned.shape, dtype=bool)
    for old, now in (("previous_stock", "average_stock"), ("previous_reorder_point", "reorder_point")):
        was = figures[old]
        by = np.where(np.isnan(was) | np.isnan(figures[now]), 0.0, np.abs(figures[now] - was))
        changed |= (by >= 1.0) & (by > ref.known.settings.change_threshold * np.abs(np.nan_to_num(was)))
    kinds = [planned & ~in_force, in_force & ~planned, planned & in_force & changed]
    return np.select(kinds, ["new", "gone", "changed"], "").astype(object)
