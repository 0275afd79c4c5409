"""Is every SKU where it may be, and where it must be? (MATHEMATICS.md, sections 1, 3 and 5)"""

from __future__ import annotations

import numpy as np

from .decisions import Keyed, Read
from .facts import TEMPERATURES, Bools
from .recompute import Recomputed
from .reference import Reference
from .report import Report


def check_rules(read: Read, ref: Reference, found: Recomputed, report: Report) -> None:
    """All rules of placement, worst first."""
    every_live_sku_is_placed(read, ref, report)
    stock_stands_where_it_may(read.placement, read, ref, report)
    tiers_keep_their_counts(read, ref, report)
    demand_is_reached(found, ref, report)
    goods_pass_open_nodes_only(read, ref, found, report)
    nodes_are_open_when_they_may(read, ref, report)


def every_live_sku_is_placed(read: Read, ref: Reference, report: Report) -> None:
    """A SKU with demand is stocked somewhere, one without demand nowhere."""
    placed = read.decisions.stocked.any(axis=1)
    for k, t in np.argwhere(ref.live & ~placed):
        where = _sku_period(ref, k, t)
        report.add("V-010", "Placement", "", f"{where} has demand and must be stocked somewhere")
    idle = placed & ~ref.live
    k, _, t = read.placement.index
    for line in np.flatnonzero(idle[k, t]):
        place = read.placement.table.place(int(line), "sku")
        report.add(
            "V-011", place, ref.known.goods.names[k[line]], "a SKU without demand in the period is stocked nowhere"
        )


def stock_stands_where_it_may(lines: Keyed, read: Read, ref: Reference, report: Report) -> None:
    """The node is available and open, has the room and the capabilities, and the tier allows it."""
    k, n, t = lines.index
    goods, sites, allowed = ref.known.goods, ref.known.sites, ref.rules.allowed
    room = sites.room_m3[n, goods.temperature[k]] > 0
    able = np.array([goods.requires[i] <= sites.capabilities[j] for i, j in zip(k, n, strict=True)], dtype=bool)
    there = sites.available[n, t]
    is_open = read.decisions.open[n, t]
    checks: tuple[tuple[str, Bools, str], ...] = (
        ("V-012", there, "the node is not available in the period (closed, or outside its window)"),
        ("V-013", is_open | ~there, "the node is not open in the period"),
        ("V-014", room, "the node has no room of the SKU's temperature"),
        ("V-015", able | ~room, "the node lacks a capability that the SKU requires"),
        ("V-016", allowed[k, n, t] | ~(room & able & there), "the SKU's tier does not allow this node in the period"),
    )
    for code, good, what in checks:
        for line in np.flatnonzero(~good):
            warmth = TEMPERATURES[goods.temperature[k[line]]]
            value = f"{goods.names[k[line]]} ({ref.rules.tier[k[line]]}, {warmth}) at {sites.names[n[line]]}"
            report.add(code, lines.table.place(int(line), "node"), value, what, "Plan again; stock elsewhere.")


def tiers_keep_their_counts(read: Read, ref: Reference, report: Report) -> None:
    """Between min_nodes (or as many as are allowed) and max_nodes nodes stock a live SKU."""
    count = read.decisions.stocked.sum(axis=1)
    least = np.minimum(ref.rules.min_nodes[:, None], ref.rules.allowed.sum(axis=1))
    most = ref.rules.max_nodes[:, None]
    wrong = ref.live & (count > 0) & ((count < least) | (count > most))
    for k, t in np.argwhere(wrong):
        bounds = f"{int(least[k, t])} to {int(most[k, 0])}"
        report.add(
            "V-017", "Placement", int(count[k, t]), f"{_sku_period(ref, k, t)} must be stocked at {bounds} nodes"
        )


def demand_is_reached(found: Recomputed, ref: Reference, report: Report) -> None:
    """Every region with demand is reached from a node that stocks the SKU, twice where a backup is required."""
    names = ref.known.places.names
    for code, broken, what in (
        ("V-018", found.unserved, "no node that stocks it reaches region {}"),
        ("V-019", found.no_backup, "region {} requires a second node that reaches it"),
    ):
        for k, r, t in broken.first:
            report.add(code, "Placement", "", f"{_sku_period(ref, k, t)}: {what.format(names[r])}")
        report.many(code, broken.count - len(broken.first))


def goods_pass_open_nodes_only(read: Read, ref: Reference, found: Recomputed, report: Report) -> None:
    """A feeder on the way is available and open, whether it stocks the SKU or not."""
    rows = found.rows[~found.rows["stocked"].astype(bool)]
    k, n, t = (rows[name].to_numpy(dtype=np.int64) for name in "knt")
    shut = ~(read.decisions.open[n, t] & ref.known.sites.available[n, t])
    for i in np.flatnonzero(shut):
        where = f"{_sku_period(ref, k[i], t[i])} passes through {ref.known.sites.names[n[i]]}"
        report.add("V-020", "Placement", "", f"{where}, which is not open")


def nodes_are_open_when_they_may(read: Read, ref: Reference, report: Report) -> None:
    """Nodes of status open are open whenever they are available; no node is open when it is not."""
    n, t = read.nodes.index
    is_open, there = read.decisions.open[n, t], ref.known.sites.available[n, t]
    must = there & ~ref.known.sites.candidate[n]
    for line in np.flatnonzero((is_open & ~there) | (must & ~is_open)):
        place, status = read.nodes.table.place(int(line), "status"), read.nodes.table.texts("status")[line]
        what = "the node is not available in the period" if not there[line] else "the node is open in the input"
        report.add("V-021", place, status, what)


def _sku_period(ref: Reference, k: int, t: int) -> str:
    return f"SKU {ref.known.goods.names[k]} in {ref.known.calendar.labels[t]}"
