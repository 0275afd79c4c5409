"""The sheets Nodes and Limits, and every capacity and limit behind them (MATHEMATICS.md, sections 7 and 8)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from .decisions import Read
from .facts import TEMPERATURES, Floats
from .recompute import Recomputed
from .reference import Reference
from .report import ABSOLUTE, RELATIVE, Report
from .use import AT_FIRST, SPANNING, Limit, NodeUse, limit_use, violation
from .workbook import Table


def check_nodes(read: Read, ref: Reference, found: Recomputed, use: NodeUse, report: Report) -> None:
    """Every capacity holds, and every figure of the Nodes sheet is the recomputed one."""
    capacities_hold(read, ref, use, report)
    n, t = read.nodes.index
    table, sites, plan = read.nodes.table, ref.known.sites, read.decisions
    sku_cost = found.at_node[n, t]
    own = {"fixed_cost": use.fixed[n, t], "opening_cost": use.opening[n, t], "surge_cost": use.surge[n, t]}
    report.texts("V-050", table, "type", np.array(sites.kind, dtype=object)[n])
    report.texts("V-050", table, "status", node_status(ref, plan.open)[n, t])
    for at, name in enumerate(TEMPERATURES):
        report.numbers("V-051", table, f"{name}_used_m3", use.volume[n, at, t])
        report.numbers("V-051", table, f"{name}_room_m3", _blank(sites.room_m3[n, at]))
    for column, figure in (
        ("units_per_day", use.units_per_day),
        ("skus", use.skus),
        ("units", use.units),
        ("value", use.value),
    ):
        report.numbers("V-051", table, column, figure[n, t])
    report.numbers("V-051", table, "surge_room_m3", sites.surge_m3[n])
    report.numbers("V-051", table, "units_per_day_limit", _blank(sites.units_per_day[n]))
    report.numbers("V-051", table, "skus_limit", _blank(sites.max_skus[n]))
    report.numbers("V-052", table, "sku_cost", sku_cost)
    for column, cost in own.items():
        report.numbers("V-052", table, column, cost)
    report.numbers("V-052", table, "cost", sku_cost + sum(own.values()))


def _blank(limits: Floats) -> Floats:
    return np.where(np.isfinite(limits), limits, np.nan)


def node_status(ref: Reference, is_open: np.ndarray) -> np.ndarray:
    """(N, T) open, opens, closes (first period it is no longer open), not open, not available."""
    sites = ref.known.sites
    out = np.empty(is_open.shape, dtype=object)
    for n, t in np.ndindex(*is_open.shape):
        first = sites.was_open[n] and (sites.candidate[n] or is_open[n, 0])
        before = bool(is_open[n, t - 1] if t else first)
        idle = "not open" if sites.available[n, t] else "not available"
        out[n, t] = ("open" if before else "opens") if is_open[n, t] else ("closes" if before else idle)
    return out


def capacities_hold(read: Read, ref: Reference, use: NodeUse, report: Report) -> None:
    """Rooms with their surge space, surge on offer, units per day and SKU slots of every node and period."""
    sites, plan = ref.known.sites, read.decisions
    wide = np.where(plan.open, 1.0, 0.0)
    offered, flow, slots = (
        np.where(plan.open, capacity[:, None], 0.0)
        for capacity in (sites.surge_m3, sites.units_per_day, sites.max_skus)
    )
    rows = (
        (
            "V-040",
            use.misplaced.sum(axis=1),
            0.0 * wide,
            "m3 stand where the node has no room of the temperature",
            "ambient_used_m3",
        ),
        ("V-041", use.surge_needed, plan.surge, "m3 do not fit the rooms; the surge space rented is", "surge_used_m3"),
        ("V-042", plan.surge, offered, "m3 of surge space are rented; on offer are", "surge_used_m3"),
        ("V-043", use.units_per_day, flow, "units per day pass the node; it can send out", "units_per_day"),
        ("V-044", use.skus, slots, "SKUs are in stock; the node can hold", "skus"),
    )
    place = {(int(n), int(t)): line for line, (n, t) in enumerate(zip(*read.nodes.index, strict=True))}
    for code, used, limit, what, column in rows:
        for n, t in np.argwhere(beyond(used, limit)):
            where = read.nodes.table.place(place.get((int(n), int(t)), -1), column)
            label = f"{sites.names[n]} in {ref.known.calendar.labels[t]}"
            report.add(code, where, float(used[n, t]), f"at {label} {used[n, t]:,.6g} {what} {limit[n, t]:,.6g}")


def beyond(used: Floats, limit: Floats) -> np.ndarray:
    """Above the limit by more than the last digits."""
    return used > limit + ABSOLUTE + RELATIVE * np.abs(np.where(np.isfinite(limit), limit, 0.0))


@dataclass(frozen=True)
class Expected:
    """A line that the Limits sheet must have."""

    key: tuple[str, str, str, str]  # limit, measure, sense, period
    used: float
    amount: float
    penalty: float
    hard: bool
    code: str  # of the finding when a hard limit is broken

    @property
    def slack(self) -> float:
        """Room left."""
        return self.amount - self.used if self.key[2] == "max" else self.used - self.amount


def expected_limits(
    read: Read, ref: Reference, found: Recomputed, use: NodeUse, rows: tuple[Limit, ...]
) -> Iterator[Expected]:
    """The budget, every row of the input's Limits sheet and every lane with a limit, period by period."""
    labels, budget = ref.known.calendar.labels, ref.known.settings.budget
    for t, label in enumerate(labels if budget is not None else ()):
        key = ("budget", "value", "max", label)
        yield Expected(key, float(use.value[:, t].sum()), float(budget or 0.0), 0.0, True, "V-046")
    for limit in rows:
        if len(limit.periods):
            yield from _limit_lines(limit, ref, limit_use(limit, ref, read.decisions, found, use))
    ways = ref.ways
    for lane in np.flatnonzero(np.isfinite(ways.limit)):
        node, region = ref.known.sites.names[ways.node[lane]], ref.known.places.names[ways.region[lane]]
        name = f"lane {node} > {region} {ways.carrier[lane]}".strip()
        for t, label in enumerate(labels):
            parcels = float(found.shipped.parcels[lane, :, t].sum())
            yield Expected(
                (name, "parcels_per_day", "max", label), parcels, float(ways.limit[lane]), 0.0, True, "V-045"
            )


def _limit_lines(limit: Limit, ref: Reference, used: Floats) -> Iterator[Expected]:
    labels = ref.known.calendar.labels
    hard = not np.isfinite(limit.penalty)
    paid = np.zeros(len(used)) if hard else violation(limit, used) * limit.penalty
    spans = [_span(limit, labels)] if limit.measure in SPANNING else [labels[t] for t in limit.periods]
    for label, figure, penalty in zip(spans, used, paid, strict=True):
        key = (limit.name, limit.measure, limit.sense, label)
        yield Expected(key, float(figure), limit.amount, float(penalty), hard, "V-047")


def _span(limit: Limit, labels: tuple[str, ...]) -> str:
    """What a limit that holds once covers, as the sheet says it."""
    if limit.measure in AT_FIRST:
        return labels[0]
    first, last = int(limit.periods[0]), int(limit.periods[-1])
    if len(limit.periods) > 2 and last - first == len(limit.periods) - 1:
        return f"{labels[first]} to {labels[last]}"
    return ", ".join(labels[t] for t in limit.periods)


def check_limits(table: Table, lines: list[Expected], report: Report) -> None:
    """Hard limits hold; every line stands in the sheet once, with the recomputed use, slack and penalty."""
    written: dict[tuple[str, ...], list[int]] = defaultdict(list)
    keys = zip(*(table.texts(column) for column in ("limit", "measure", "sense", "period")), strict=True)
    for line, key in enumerate(keys):
        written[tuple(map(str, key))].append(line)
    figures = {column: table.numbers(column) for column in ("used", "amount", "slack", "penalty")}
    for one in lines:
        label = " ".join(one.key)
        line = written[one.key].pop(0) if written[one.key] else -1
        if one.hard and beyond(np.array(-one.slack), np.array(0.0)) and -one.slack > RELATIVE * abs(one.amount):
            report.add(one.code, table.place(line, "used"), one.used, f"{label}: must be within {one.amount:,.10g}")
        if line < 0:
            report.add("V-048", "Limits", "", f"there must be a row for {label}")
            continue
        for column, own in (("used", one.used), ("amount", one.amount), ("slack", one.slack), ("penalty", one.penalty)):
            if column in table.letters and not np.isclose(figures[column][line], own, rtol=RELATIVE, atol=ABSOLUTE):
                report.add(
                    "V-048", table.place(line, column), figures[column][line], f"{label}: {column} must be {own:,.10g}"
                )
    for key, left in written.items():
        for line in left:
            report.add("V-048", table.place(line, "limit"), " ".join(key), "no such limit, or it stands there twice")
