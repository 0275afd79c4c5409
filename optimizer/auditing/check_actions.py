"""Actions: names that exist, money at cost, the orders that are due."""

from __future__ import annotations

import numpy as np
import pandas as pd

from .check_network import node_status
from .decisions import Read
from .facts import positions
from .reference import Reference
from .report import Report
from .workbook import PlanBook

ACTIONS = ("open", "close", "transfer", "purchase")


def check_actions(book: PlanBook, read: Read, ref: Reference, report: Report) -> None:
    """Every line names what exists and is worth what it says; every order that is due is bought or moved."""
    table, known = book.tables["Actions"], ref.known
    action, sku = table.texts("action"), table.texts("sku")
    k = positions(sku, known.goods.names)
    origin, target = (positions(table.texts(column), known.sites.names) for column in ("from", "to"))
    quantity, goods_move = table.numbers("quantity"), np.isin(action, ("transfer", "purchase"))
    checks = (
        ("action", ~np.isin(action, ACTIONS), "open, close, transfer or purchase"),
        ("sku", goods_move & (k < 0), "a SKU of the input"),
        ("to", (goods_move | (action == "open")) & (target < 0), "a node of the input"),
        ("from", np.isin(action, ("transfer", "close")) & (origin < 0), "a node of the input"),
        ("from", (action == "purchase") & (table.texts("from") != _suppliers(ref)[k]), "the SKU's supplier"),
        ("quantity", goods_move & ~(quantity > 0), "a quantity above 0"),
    )
    for column, wrong, expectation in checks:
        for line in np.flatnonzero(wrong):
            report.add("V-080", table.place(int(line), column), table.frame[column].iloc[line], expectation)
    moved = np.flatnonzero(goods_move & (k >= 0) & (target >= 0))
    worth = np.where(goods_move & (k >= 0), quantity * known.goods.unit_cost[k], table.numbers("value"))
    report.numbers("V-081", table, "value", worth, "Units at cost.")
    _orders_are_covered(table_rows(k, origin, target, quantity, moved), read, ref, report)
    _nodes_open_and_close(read, ref, action, origin, target, report)


def _suppliers(ref: Reference) -> np.ndarray:
    """(K + 1,) supplier of each SKU, `supplier` where the input names none; the last stands for an unknown SKU."""
    return np.array([*(name or "supplier" for name in ref.known.goods.supplier), ""], dtype=object)


def table_rows(
    k: np.ndarray, origin: np.ndarray, target: np.ndarray, quantity: np.ndarray, lines: np.ndarray
) -> pd.DataFrame:
    """The usable moves as numbers."""
    return pd.DataFrame({"k": k, "from": origin, "to": target, "quantity": quantity}).iloc[lines]


def _orders_are_covered(moves: pd.DataFrame, read: Read, ref: Reference, report: Report) -> None:
    """What the Actions sheet moves to a node covers its order_now."""
    arriving = np.zeros(ref.holds.shape)
    np.add.at(arriving, (moves["k"], moves["to"]), moves["quantity"])
    lines = read.replenishment
    now = np.flatnonzero(lines.index[2] == 0)
    k, n = lines.index[0][now], lines.index[1][now]
    needed = np.nan_to_num(lines.table.numbers("order_now")[now])
    for i in np.flatnonzero(arriving[k, n] < needed - 1e-6):
        what = f"the Actions sheet moves {arriving[k[i], n[i]]:,.6g} units there"
        report.add("V-082", lines.table.place(int(now[i]), "order_now"), float(needed[i]), what)


def _nodes_open_and_close(
    read: Read, ref: Reference, action: np.ndarray, origin: np.ndarray, target: np.ndarray, report: Report
) -> None:
    """As many openings and closings of each node as its status says."""
    status = node_status(ref, read.decisions.open)
    for name, column in (("opens", target), ("closes", origin)):
        said = np.bincount(column[(action == name[:-1]) & (column >= 0)], minlength=len(status))
        due = (status == name).sum(axis=1)
        for n in np.flatnonzero(said[: len(due)] != due).tolist():
            node = ref.known.sites.names[n]
            report.add("V-083", "Actions", int(said[n]), f"{node} {name} {int(due[n])} times by its status")

