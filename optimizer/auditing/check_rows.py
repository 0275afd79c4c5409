"""Placement and Replenishment line by line against the recomputed figures (MATHEMATICS.md, sections 4 to 7)."""

from __future__ import annotations

import numpy as np
import pandas as pd

from .decisions import Keyed, Read
from .facts import TEMPERATURES, Floats, Ints
from .leaving import leaving
from .recompute import Recomputed
from .reference import Reference
from .report import Report

CENTURY = 36_500.0  # days; orders beyond have no date
CROSS_DOCK = "(cross-dock)"
EVERYWHERE = "all"


def check_rows(read: Read, ref: Reference, found: Recomputed, report: Report) -> None:
    """Every figure of both SKU sheets."""
    row_of = np.full(read.decisions.stocked.shape, -1, dtype=np.int64)
    rows = found.rows
    row_of[rows["k"], rows["n"], rows["t"]] = np.arange(len(rows))
    check_placement(read.placement, ref, found, row_of[read.placement.index], report)
    check_replenishment(read, ref, found, row_of[read.replenishment.index], report)


def check_placement(lines: Keyed, ref: Reference, found: Recomputed, row: Ints, report: Report) -> None:
    """Tier, role and regions served as the rules say; flow, stock, volume, value and cost as recomputed."""
    table, rows = lines.table, found.rows.iloc[row]
    k, _, t = lines.index
    served = served_texts(found.served[row], np.array(ref.known.places.names, dtype=object))
    wanted = np.packbits(ref.rates.mean[k, :, t] > 0, axis=1)
    served = np.where((served != "") & (found.served[row] == wanted).all(axis=1), EVERYWHERE, served)
    report.texts("V-022", table, "tier", np.array(ref.rules.tier, dtype=object)[lines.index[0]])
    kept = np.array(TEMPERATURES, dtype=object)[ref.known.goods.temperature[k]]
    report.texts("V-022", table, "temperature", kept)
    report.texts("V-023", table, "role", np.where(served == "", "feeds", "serves").astype(object))
    report.texts("V-024", table, "regions_served", served, "The order router sends them elsewhere.")
    report.numbers("V-025", table, "units_per_day", rows["flow"].to_numpy())
    for column in ("average_stock", "peak_stock", "volume_m3", "value"):
        report.numbers("V-033", table, column, rows[column].to_numpy())
    report.numbers("V-034", table, "cost", rows["cost"].to_numpy())


def check_replenishment(read: Read, ref: Reference, found: Recomputed, row: Ints, report: Report) -> None:
    """Source, lead time, service, safety stock, reorder point, order quantity and first order.

    Lines that no Placement row stands behind are left to V-005.
    """
    keep = np.flatnonzero(row >= 0)
    keep = keep[found.rows["stocked"].to_numpy(dtype=bool)[row[keep]]]
    lines = read.replenishment.only(keep)
    table, rows, k = lines.table, found.rows.iloc[row[keep]], lines.index[0]
    report.numbers("V-025", table, "demand_per_day", rows["flow"].to_numpy())
    report.numbers("V-025", table, "sd_per_day", np.sqrt(rows["variance"].to_numpy()))
    report.texts("V-026", table, "source", sources(lines, ref, found))
    for column in ("lead_time_days", "lead_time_sd", "review_days"):
        report.numbers(
            "V-027", table, column, rows[column.replace("_days", "") if "lead" in column else column].to_numpy()
        )
    report.texts("V-028", table, "service_measure", np.where(ref.rules.fill[k], "fill", "cycle").astype(object))
    report.numbers("V-028", table, "service_level", ref.rules.service_level[k])
    report.numbers("V-029", table, "order_quantity", rows["order_quantity"].to_numpy(), "EOQ, bounds, MOQ, packs.")
    report.numbers(
        "V-030",
        table,
        "reorder_point",
        rows["reorder_point"].to_numpy(),
        "The smallest that keeps the service promised and, where sales lost cost more, pays.",
    )
    report.numbers(
        "V-031", table, "safety_stock", rows["safety_stock"].to_numpy(), "Reorder point less sales until delivery."
    )
    report.numbers("V-032", table, "order_up_to", (rows["reorder_point"] + rows["order_quantity"]).to_numpy())
    _first_orders(lines, read, ref, found, rows, report)


def _first_orders(
    lines: Keyed, read: Read, ref: Reference, found: Recomputed, rows: pd.DataFrame, report: Report
) -> None:
    """Stock and first order, which stand in the first period only: up to the level, whole packs, at least the MOQ;
    for a node that is left no more than it sells, and nothing that comes too late."""
    k, n, t = lines.index
    reorder, quantity, flow = (rows[name].to_numpy() for name in ("reorder_point", "order_quantity", "flow"))
    now, goods = t == 0, ref.known.goods
    position = (ref.on_hand + ref.on_order)[k, n]
    least = np.where(ref.sources.feeder[k, n] < 0, np.maximum(ref.sources.moq[k, n], 1.0), 1.0)
    report.numbers("V-026", lines.table, "min_order", least)
    report.numbers("V-026", lines.table, "pack_size", goods.pack[k])
    ends = leaving(read, ref, found)
    aim = np.minimum(reorder + quantity, ends.sold[k, n])
    due = (position <= reorder + 1e-9) & (aim > position + 1e-9) & ~ends.late[k, n]
    packs = np.ceil(np.maximum(aim - position, least) / goods.pack[k] - 1e-9) * goods.pack[k]
    order = np.where(due, np.minimum(packs, ends.most(ref.on_hand + ref.on_order)[k, n]), 0.0)
    above = np.where(position > reorder + 1e-9, position - reorder, np.nan)
    due_days = np.where(order > 0, 0.0, above / np.where(flow > 0, flow, np.nan))
    _order_dates(lines, ref, np.where(now, due_days, np.nan), report)
    for column, own in (("on_hand", ref.on_hand[k, n]), ("on_order", ref.on_order[k, n]), ("order_now", order)):
        report.numbers("V-035", lines.table, column, np.where(now, own, np.nan))


def _order_dates(lines: Keyed, ref: Reference, days: Floats, report: Report) -> None:
    """The day on which the stock reaches the reorder point, `days` after the start, give or take one; else blank."""
    written = pd.to_datetime(pd.Series(lines.table.texts("order_by")), errors="coerce")
    after = (written - ref.known.calendar.starts[0]).dt.total_seconds().to_numpy() / 86400.0
    expected = np.where(days < CENTURY - 1, days, np.nan)
    wrong = (np.isnan(after) != np.isnan(expected)) & ~(days >= CENTURY - 1) | (
        np.abs(after - np.floor(expected)) > 1.0
    )
    for line in np.flatnonzero(wrong):
        right = "blank" if np.isnan(expected[line]) else f"{expected[line]:,.1f} days after the start"
        value = lines.table.texts("order_by")[line]
        report.add("V-036", lines.table.place(int(line), "order_by"), value, f"order_by must be {right}")


def served_texts(served: np.ndarray, names: np.ndarray) -> np.ndarray:
    """Names of the regions in each row of packed bits, joined; each distinct row is joined once."""
    if not len(served):
        return np.zeros(0, dtype=object)
    patterns, which = np.unique(served, axis=0, return_inverse=True)
    masks = np.unpackbits(patterns, axis=1, count=len(names)).astype(bool)
    return np.array([", ".join(names[mask]) for mask in masks], dtype=object)[which.ravel()]


def sources(lines: Keyed, ref: Reference, found: Recomputed) -> np.ndarray:
    """The chain from each node up to the first that stocks the SKU, cross-docks marked; else the supplier."""
    k, n, t = lines.index
    stocked = np.zeros((*ref.holds.shape, len(ref.known.calendar)), dtype=bool)
    held = found.rows[found.rows["stocked"].astype(bool)]
    stocked[held["k"], held["n"], held["t"]] = True
    supplier = np.array([name or "supplier" for name in ref.known.goods.supplier], dtype=object)
    out = supplier[k]
    feeder, names = ref.sources.feeder, ref.known.sites.names
    for line in np.flatnonzero(feeder[k, n] >= 0):
        chain: list[str] = []
        at = int(feeder[k[line], n[line]])
        while at >= 0 and not stocked[k[line], at, t[line]] and len(chain) <= len(names):
            chain.append(f"{names[at]} {CROSS_DOCK}")
            at = int(feeder[k[line], at])
        out[line] = " < ".join([*chain, names[at]] if at >= 0 else chain)
    return out
