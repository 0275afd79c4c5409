"""The summary of a replay: what was promised and what happened in all, and where it went wrong."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from models.tally import TERMS

from ..planned import PENALTIES
from .columns import frame
from .replay_columns import SHEETS
from .replayed import NOWHERE, Figures, tiers

WORST = 5  # days and nodes named in the summary
AS_PLANNED = ("change", "fixed", "opening", "surge", PENALTIES)  # decided by the plan, not lived through
HELD = {"lost": ("outage", "shortage")}  # term of the replay -> terms of the plan it is held against
KEPT = "parcels that kept the promise, %"
BALANCE = (
    ("units on the shelves before the first day", "opening"), ("units that came", "received"),
    ("units shipped to customers", "shipped"), ("units sent to other nodes", "fed"), ("units spoiled", "spoiled"),
    ("units on the shelves in the end", "closing"),
)  # fmt: skip

Row = tuple[str, str, float, float, float]  # section, item, replay, plan, sd


def summary(figures: Figures) -> pd.DataFrame:
    """The figures in all."""
    rows = [*_service(figures), *_stock(figures), *_money(figures), *_worst(figures)]
    columns = list(zip(*rows, strict=True))
    names = [column.name for column in SHEETS["Summary"]]
    return frame(SHEETS["Summary"], {name: np.array(values) for name, values in zip(names, columns, strict=True)})


def _service(figures: Figures) -> Iterator[Row]:
    nan = float("nan")
    case, ordered = figures.planned, figures.tally.sku["ordered"]
    known = np.isfinite(case.service)
    promised = 100.0 * float(np.nansum(case.service * ordered) / max(float(ordered[known].sum()), 1e-9))
    yield "service", "days", float(figures.tally.days), nan, nan
    yield "service", "orders", float(figures.tally.day["orders"].sum()), nan, nan
    yield "service", "units ordered", float(ordered.sum()), figures.expected, nan
    for item, part, whole, plan in (
        ("fill rate, % of units", "at_once", "ordered", promised),
        ("orders in full, %", "full_orders", "orders", nan),
        ("on time in full, % of orders", "good_orders", "orders", nan),
        ("split shipments, % of orders sent", "split_orders", "sent_orders", nan),
        ("of them no parcel could carry all, % of orders sent", "apart_orders", "sent_orders", nan),
    ):
        yield "service", item, *_percent(figures, part, whole, plan)
    late, _, sd = _percent(figures, "late_parcels", "parcels", nan)
    sent, missing = figures.mean(case.parcels), figures.mean(case.late_parcels)
    yield "service", KEPT, 100.0 - late, 100.0 * (1.0 - float(missing / sent)) if sent > 0 else nan, sd
    per_order, _, sd = _percent(figures, "parcels", "sent_orders", nan)
    yield "service", "parcels per order sent", per_order / 100.0, nan, sd / 100.0
    yield from _sum(figures, "service", "parcels", "parcels", float(sent) * figures.tally.days)


def _percent(figures: Figures, part: str, whole: str, plan: float) -> tuple[float, float, float]:
    ratios = [100.0 * float(tally.day[part].sum()) / max(float(tally.day[whole].sum()), 1e-9) for tally in figures.each]
    return float(np.mean(ratios)), plan, _spread(ratios)


def _sum(figures: Figures, section: str, item: str, name: str, plan: float = float("nan")) -> Iterator[Row]:
    """A count of all days, mean over the seeds."""
    each = [float(tally.day[name].sum()) for tally in figures.each]
    yield section, item, float(np.mean(each)), plan, _spread(each)


def _spread(values: list[float]) -> float:
    return float(np.std(values, ddof=1)) if len(values) > 1 else float("nan")


def _stock(figures: Figures) -> Iterator[Row]:
    case, nan = figures.planned, float("nan")
    average = figures.mean(case.average_stock)
    for item, name, plan in (
        ("average units", "units", float(average.sum())),
        ("average value", "value", float((case.instance.unit_cost @ average).sum())),
    ):
        each = [float(tally.day[name].mean()) for tally in figures.each]
        yield "stock", item, float(np.mean(each)), plan, _spread(each)
    peaks = [float(tally.day["value"].max()) for tally in figures.each]
    yield "stock", "peak value", float(np.mean(peaks)), nan, _spread(peaks)
    for item, name in BALANCE:
        each = [float(tally.cell[name].sum()) for tally in figures.each]
        yield "stock", item, float(np.mean(each)), nan, _spread(each)
    for item, name in (("units damaged on the way to customers", "damaged"), ("units of lost sales", "lost"),
                       ("units shipped after waiting", "later")):  # fmt: skip
        yield from _sum(figures, "stock", item, name)
    yield "stock", "unit-days that waited for room", float(figures.tally.node["waited"].sum()), nan, nan


def _money(figures: Figures) -> Iterator[Row]:
    """Cost by term; what the plan alone decides counts the same on both sides."""
    plan = planned_costs(figures)
    totals = [0.0] * len(figures.each)
    for term in TERMS:
        each = [float(tally.costs[term].sum()) for tally in figures.each]
        totals = [total + money for total, money in zip(totals, each, strict=True)]
        held = sum(plan.get(name, 0.0) for name in HELD.get(term, (term,)))
        name = "lost sales (plan: outages, shortages)" if term == "lost" else term
        yield "cost", name, float(np.mean(each)), held, _spread(each)
    same = 0.0
    for term in AS_PLANNED:
        if plan.get(term):
            same += plan[term]
            yield "cost", f"{term} (as planned)", plan[term], plan[term], float("nan")
    yield "cost", "total", float(np.mean(totals)) + same, sum(plan.values()), _spread(totals)
    split = figures.planned.split_cost * figures.tally.days / float(np.diff(figures.planned.rules.first_day).sum())
    if np.isfinite(split):
        yield "beyond", "split parcels that the plan foresaw beyond its cost", float("nan"), split, float("nan")


def planned_costs(figures: Figures) -> dict[str, float]:
    """The plan's cost by term for the days lived through: by the day, but changes and openings when they happen."""
    whole = np.diff(figures.planned.rules.first_day)
    begun = (figures.planned.rules.first_day[:-1] >= figures.first) & (figures.lived > 0)
    out = {}
    for term, money in figures.planned.costs.items():
        part = begun if term in ("change", "opening") else figures.lived / whole
        out[term] = float((money * part).sum())
    return out


def _worst(figures: Figures) -> Iterator[Row]:
    """The days and nodes that missed most units."""
    nan, missed = float("nan"), figures.tally.missed
    by_day, by_node = missed.sum(axis=0), missed.sum(axis=1)
    names = [*figures.planned.instance.nodes, NOWHERE]
    for at in np.argsort(-by_day, kind="stable")[:WORST]:
        if by_day[at] > 0:
            label = np.datetime64(figures.first + int(at), "D")
            yield "worst days", f"{label}: units missed", float(by_day[at]), nan, nan
    for at in np.argsort(-by_node, kind="stable")[:WORST]:
        if by_node[at] > 0:
            yield "worst nodes", f"{names[at]}: units missed", float(by_node[at]), nan, nan


def headline(figures: Figures) -> tuple[str, ...]:
    """The result in words and a small table, for the terminal."""
    table = summary(figures).set_index("item")
    at, plan = table["replay"], table["plan"]
    fill, plural = "fill rate, % of units", "s" if figures.tally.days != 1 else ""
    lines = [
        f"{figures.tally.days:,} day{plural}, {at['orders']:,.0f} orders, {at['units ordered']:,.0f} units "
        f"(expected {figures.expected:,.0f})",
        f"fill rate {at[fill]:.2f} % (promised {plan[fill]:.2f} %), on time in full "
        f"{at['on time in full, % of orders']:.2f} % of orders",
        f"promise kept by {at[KEPT]:.2f} % of parcels (plan {plan[KEPT]:.2f} %), "
        f"{at['parcels per order sent']:.3f} parcels per order sent; {at['units of lost sales']:,.0f} units of sales "
        f"lost, {at['units spoiled']:,.0f} spoiled, {at['units damaged on the way to customers']:,.0f} damaged",
        f"stock {at['average value']:,.0f} (plan {plan['average value']:,.0f}); cost {at['total']:,.0f} "
        f"(plan {plan['total']:,.0f})",
        "",
        f"{'tier':<16}{'promised':>10}{'fill rate':>11}{'points':>8}{'otif':>8}",
    ]
    lines += [
        f"{row['tier']:<16}{_shown(100 * row['promised'], '%'):>10}{_shown(100 * row['fill_rate'], '%'):>11}"
        f"{_shown(row['points_off']):>8}{_shown(100 * row['otif'], '%'):>8}"
        for row in tiers(figures).to_dict("records")
    ]
    for section, words in (
        ("worst days", "days that missed most units"),
        ("worst nodes", "nodes by plan of the units missed"),
    ):
        worst = table[table["section"] == section]["replay"]
        told = "; ".join(f"{str(item).removesuffix(': units missed')} {units:,.0f}" for item, units in worst.items())
        lines += [f"{words}: {told}"] if told else []
    return tuple(lines)


def _shown(value: float, unit: str = "") -> str:
    return "-" if np.isnan(value) else f"{value:.2f}{unit}"
