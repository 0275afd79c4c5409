"""The sheet Receipts: lead times learnt from deliveries, put where the rest of the case looks for them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pandas as pd

from models.instance import Floats
from models.lead_times import LeadTimes, Receipts, learn

from .case import Case
from .errors import Finding, numbered

MOST_TOLD = 20
LONGEST = 730.0  # days; what a lead time may be anywhere


def with_lead_times(case: Case) -> Case:
    """The case with lead times as its receipts show, and findings that say so; the same case without the sheet.

    A delivery belongs to its supplier (a row that names a SKU: the SKU's supplier, else the SKU alone) and node. What
    is learnt stands in the Supply rows of the pair, or in a new one; where a node is fed by another and the supplier
    named is that node, in its own row of Nodes. Rows ordered on or after the first day of the plan are not used.
    """
    if case.receipts.empty:
        return case
    table, left_out = _usable(case)
    used = case.receipts.iloc[:0]
    if table.empty:
        return replace(case, receipts=used, findings=(*case.findings, *_left_out(left_out)))
    groups = table[["subject", "kind", "node"]].drop_duplicates().reset_index(drop=True)
    stated = pd.DataFrame([_stated(case, row) for row in groups.itertuples()], columns=["row", "mean", "sd"])
    key = pd.MultiIndex.from_frame(groups)
    receipts = Receipts(
        key.get_indexer(pd.MultiIndex.from_frame(table[["subject", "kind", "node"]])).astype(np.int64),
        table["days"].to_numpy(dtype=float),
        table["open"].to_numpy(dtype=bool),
    )
    supplier = pd.factorize(groups["subject"])[0].astype(np.int64)
    mean, sd = (stated[name].to_numpy(dtype=float) for name in ("mean", "sd"))
    found = learn(receipts, supplier, mean, sd)
    supply, nodes = _put(case, groups, stated["row"].tolist(), found)
    told = (*_told(groups, mean, sd, found), *_left_out(left_out))
    return replace(case, supply=supply, nodes=nodes, receipts=used, findings=(*case.findings, *told))


def _usable(case: Case) -> tuple[pd.DataFrame, int]:
    """Deliveries (subject, kind, node, days, open), one per order, and the number of rows that are not used."""
    start = pd.Timestamp(case.settings.boundaries[0])
    rows = case.receipts
    supplier = rows["sku"].map(dict(zip(case.skus["sku"], case.skus["supplier"], strict=True)))
    subject = rows["supplier"].where(rows["supplier"].notna(), supplier)
    alone = subject.isna()
    table = pd.DataFrame({"subject": subject.where(~alone, rows["sku"]), "node": rows["node"]})
    table["kind"] = np.where(alone, "sku", "supplier")
    seen = rows["received"].notna() & (rows["received"] < start)
    table["days"] = (rows["received"].where(seen, start) - rows["ordered"]).dt.days.astype(float)
    table = table.assign(open=~seen, ordered=rows["ordered"])
    fed = dict(zip(case.nodes["node"], case.nodes["replenished_from"], strict=True))
    direct = pd.Series([not isinstance(fed[node], str) for node in table["node"]], dtype=bool)
    own = pd.Series([fed[n] == s for n, s in zip(table["node"], table["subject"], strict=True)], dtype=bool)
    supplied = table.merge(_pairs(case), on=["subject", "kind", "node"], how="left")["row"].notna()
    good = (table["days"] >= 0) & (rows["ordered"] < start) & table["subject"].notna() & (direct | own | supplied)
    good &= rows["quantity"].isna() | (rows["quantity"] > 0)
    return table[good].drop_duplicates().reset_index(drop=True), int((~good).sum())


def _pairs(case: Case) -> pd.DataFrame:
    """Supply rows by subject, kind and node, each pair once."""
    own = case.supply["sku"].notna()
    pairs = pd.DataFrame(
        {
            "subject": case.supply["sku"].where(own, case.supply["supplier"]),
            "kind": np.where(own, "sku", "supplier"),
            "node": case.supply["node"],
            "row": np.arange(len(case.supply)),
        }
    )
    return pairs.drop_duplicates(["subject", "kind", "node"])


def _stated(case: Case, pair: object) -> tuple[int, float, float]:
    """Row of Supply (-1 none, -2 the node is fed by the subject) and what is stated: mean and sd, days."""
    subject, kind, node = (getattr(pair, name) for name in ("subject", "kind", "node"))
    home = case.nodes.loc[case.nodes["node"] == node].iloc[0]
    mean, sd = float(home["lead_time_days"]), float(home["lead_time_sd"])
    if home["replenished_from"] == subject:
        return -2, mean, sd
    same = (case.supply["sku" if kind == "sku" else "supplier"] == subject) & (case.supply["node"] == node)
    rows = np.flatnonzero(same.to_numpy(dtype=bool))
    if not rows.size:
        return -1, mean, sd
    given = case.supply.iloc[int(rows[0])]
    own = [float(given[name]) for name in ("lead_time_days", "lead_time_sd")]
    return int(rows[0]), mean if np.isnan(own[0]) else own[0], sd if np.isnan(own[1]) else own[1]


def _put(case: Case, groups: pd.DataFrame, rows: list[int], found: LeadTimes) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Supply and Nodes with what was learnt."""
    supply, nodes, more = case.supply.copy(), case.nodes.copy(), []
    for at, (row, pair) in enumerate(zip(rows, groups.itertuples(), strict=True)):
        figures = {
            "lead_time_days": min(float(found.mean[at]), LONGEST),
            "lead_time_sd": min(float(found.sd[at]), LONGEST),
        }
        if row == -2:
            nodes.loc[nodes["node"] == pair.node, list(figures)] = list(figures.values())
        elif row >= 0:
            supply.loc[supply.index[row], list(figures)] = list(figures.values())
        else:
            more.append({str(pair.kind): pair.subject, "node": pair.node, **figures})
    if more:
        added = pd.DataFrame(more).reindex(columns=supply.columns)
        supply = pd.DataFrame(
            {
                name: pd.Series(
                    [*supply[name], *(text if isinstance(text, str) else None for text in added[name])], dtype=object
                )
                if supply[name].dtype == object
                else pd.Series(np.append(supply[name].to_numpy(float), added[name].to_numpy(float)))
                for name in supply.columns
            }
        )
    return supply, nodes


def _told(groups: pd.DataFrame, mean: Floats, sd: Floats, found: LeadTimes) -> Iterator[Finding]:
    """A note per pair of supplier and node, those furthest from what is stated first."""
    order = np.argsort(-np.abs(found.mean - mean), kind="stable")
    for at in order[:MOST_TOLD].tolist():
        seen = numbered(int(found.received[at]), "receipt")
        late = f" and {numbered(int(found.open[at]), 'open order')}" if found.open[at] else ""
        yield Finding(
            "A-007", "note", "Receipts", f"{groups['node'][at]} from {groups['subject'][at]}",
            f"lead time {found.mean[at]:.1f} days, standard deviation {found.sd[at]:.1f}, from {seen}{late}; "
            f"the workbook says {mean[at]:g} and {sd[at]:g}",
            "Empty the sheet Receipts to plan with what the workbook says.",
        )  # fmt: skip
    if order.size > MOST_TOLD:
        yield Finding("A-007", "note", "Receipts", "", f"and {order.size - MOST_TOLD:,} more lead times learnt", "")


def _left_out(count: int) -> Iterator[Finding]:
    if count:
        yield Finding(
            "A-008", "warning", "Receipts", "",
            f"{numbered(count, 'row')} not used: received before ordered, ordered after the plan begins, "
            "without units, or from a supplier to a node that another node feeds",
            "Correct or delete them; a Supply row makes the supplier the source.",
        )  # fmt: skip
