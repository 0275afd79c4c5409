"""The tables of a replay: what was promised, what happened, and where it went wrong."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from models.instance import TEMPERATURES, Bools, Floats
from models.tally import TERMS, Tally

from ..planned import PENALTIES, Planned
from .columns import frame
from .replay_columns import SHEETS

NOWHERE = "(not stocked)"
WORST = 5  # days and nodes named in the summary
AS_PLANNED = ("change", "fixed", "opening", "surge", PENALTIES)  # decided by the plan, not lived through
HELD = {"lost": ("outage", "shortage")}  # term of the replay -> terms of the plan it is held against


def mean_of(tallies: Sequence[Tally]) -> Tally:
    """One tally with the mean of every count."""
    out = copy.copy(tallies[0])
    for name in ("sku", "region", "node", "day", "costs"):
        tables = [getattr(tally, name) for tally in tallies]
        setattr(out, name, {key: np.mean([table[key] for table in tables], axis=0) for key in tables[0]})
    for name in ("missed", "peak_m3", "cell_stock", "cell_peak", "cell_empty"):
        setattr(out, name, np.mean([getattr(tally, name) for tally in tallies], axis=0))
    for name in ("opening", "supplied", "owed", "on_hand", "on_way"):
        setattr(out, name, float(np.mean([getattr(tally, name) for tally in tallies])))
    return out


@dataclass(frozen=True, eq=False)
class Figures:
    """A replay's counts beside the plan's figures for the same days."""

    planned: Planned
    tally: Tally  # mean over the seeds
    each: Sequence[Tally]
    first: int  # day number

    @property
    def lived(self) -> Floats:
        """(T,) days of each period that were lived through."""
        ends = np.clip(self.planned.rules.first_day, self.first, self.first + self.tally.days)
        return np.diff(ends).astype(float)

    def mean(self, values: Floats) -> Floats:
        """Mean of a plan's figure (..., T) over those days."""
        return values @ self.lived / self.tally.days

    @property
    def expected(self) -> float:
        """Units that the plan expected customers to order on those days: the flow of all nodes but what they feed."""
        cells = self.tally.cells
        flow = self.planned.flow[cells.sku, cells.node]
        own = np.where(cells.source[:-1] >= 0, 0.0, flow)
        return float(own.sum(axis=0) @ self.lived)

    @property
    def sku_cells(self) -> Floats:
        """(K,) nodes that hold the SKU at some time."""
        return np.maximum(np.bincount(self.tally.cells.sku, minlength=len(self.planned.instance.skus)), 1).astype(float)


def share(part: Floats, whole: Floats) -> Floats:
    """part / whole, nan where the whole is 0."""
    return np.divide(part, whole, out=np.full(np.shape(whole), np.nan), where=np.asarray(whole) > 0)


def tiers(figures: Figures) -> pd.DataFrame:
    """One row per tier, and one for the SKUs that the plan stocks nowhere."""
    sku, case = figures.tally.sku, figures.planned
    service = np.nan_to_num(case.service)
    names, of = np.unique(np.where(service > 0, np.array(case.tier), NOWHERE), return_inverse=True)

    def summed(values: Floats | Bools) -> Floats:
        return np.bincount(of, values, len(names)).astype(float)

    ordered = summed(sku["ordered"])
    known = summed(sku["ordered"] * (service > 0))
    promised, fill = share(summed(sku["ordered"] * service), known), share(summed(sku["at_once"]), ordered)
    by_fill = share(summed(case.fill & (service > 0)), summed(service > 0))
    return frame(
        SHEETS["Tiers"],
        {
            "tier": names.astype(object),
            "skus": summed(sku["ordered"] > 0),
            "measure": np.select([by_fill == 1, by_fill == 0, by_fill > 0], ["fill", "cycle", "mixed"], "").astype(
                object
            ),
            "promised": promised,
            "ordered": ordered,
            "fill_rate": fill,
            "points_off": np.where(by_fill == 1, 100.0 * (fill - promised), np.nan),
            "otif": share(summed(sku["good_lines"]), summed(sku["lines"])),
            **{name: summed(sku[name]) for name in ("lost", "later", "spoiled", "damaged")},
            "average_stock": summed(sku["stock"]) / figures.tally.days,
            "planned_stock": summed(figures.mean(case.average_stock).sum(axis=1)),
        },
    )


def nodes(figures: Figures) -> pd.DataFrame:
    """One row per node."""
    node, case, days = figures.tally.node, figures.planned, figures.tally.days
    average = figures.mean(case.average_stock)
    return frame(
        SHEETS["Nodes"],
        {
            "node": np.array(case.instance.nodes, dtype=object),
            **{name: node[name] for name in ("asked", "shipped", "fed", "parcels", "spoiled", "damaged", "out_days")},
            "own_share": share(node["own"], node["asked"]),
            "promise_kept": share(node["parcels"] - node["late_parcels"], node["parcels"]),
            "average_stock": node["stock"] / days,
            "planned_stock": average.sum(axis=0),
            "average_value": node["value"] / days,
            "planned_value": case.instance.unit_cost @ average,
            "peak_stock": node["peak_units"],
            "planned_peak": case.peak_stock.sum(axis=0).max(axis=1),
            **{f"{name}_peak_m3": figures.tally.peak_m3[:, at] for at, name in enumerate(TEMPERATURES)},
            "over_days": node["over_days"],
            "waited": node["waited"],
            "cost": sum((figures.tally.costs[term] for term in TERMS), np.zeros(len(case.instance.nodes))),
        },
    )


def regions(figures: Figures) -> pd.DataFrame:
    """One row per region."""
    region = figures.tally.region
    return frame(
        SHEETS["Regions"],
        {
            "region": np.array(figures.planned.instance.regions, dtype=object),
            "ordered": region["ordered"],
            "fill_rate": share(region["at_once"], region["ordered"]),
            "orders": region["orders"],
            "otif": share(region["good_orders"], region["orders"]),
            "promise_kept": share(region["parcels"] - region["late_parcels"], region["parcels"]),
            "parcels_per_order": share(region["parcels"], region["orders"]),
        },
    )


def skus(figures: Figures) -> pd.DataFrame:
    """One row per SKU."""
    sku, case, tally = figures.tally.sku, figures.planned, figures.tally
    return frame(
        SHEETS["SKUs"],
        {
            "sku": np.array(case.instance.skus, dtype=object),
            "tier": np.array(case.tier, dtype=object),
            "promised": case.service,
            "fill_rate": share(sku["at_once"], sku["ordered"]),
            "otif": share(sku["good_lines"], sku["lines"]),
            **{name: sku[name] for name in ("ordered", "lost", "later", "spoiled", "damaged")},
            "average_stock": sku["stock"] / tally.days,
            "planned_stock": figures.mean(case.average_stock).sum(axis=1),
            "empty_days": np.bincount(tally.cells.sku, tally.cell_empty, len(case.instance.skus)) / figures.sku_cells,
        },
    )


def days(figures: Figures) -> pd.DataFrame:
    """One row per day."""
    day, missed = figures.tally.day, figures.tally.missed
    names = np.array([*figures.planned.instance.nodes, NOWHERE], dtype=object)
    worst = np.argmax(missed, axis=0)
    most = missed[worst, np.arange(missed.shape[1])]
    dates = (figures.first + np.arange(figures.tally.days)).astype("datetime64[D]").astype("datetime64[s]")
    plain = ("ordered", "orders", "parcels", "late_parcels", "split_orders", "lost", "later", "spoiled", "damaged")
    return frame(
        SHEETS["Days"],
        {
            "date": dates,
            **{name: day[name] for name in (*plain, "units", "value", "nodes_out")},
            "fill_rate": share(day["at_once"], day["ordered"]),
            "otif": share(day["good_orders"], day["orders"]),
            "worst_node": np.where(most > 0, names[worst], ""),
            "missed_there": most,
        },
    )


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
        ("split shipments, % of orders", "split_orders", "orders", nan),
    ):
        yield "service", item, *_percent(figures, part, whole, plan)
    kept, _, sd = _percent(figures, "late_parcels", "parcels", nan)
    yield "service", "parcels that kept the promise, %", 100.0 - kept, nan, sd
    per_order, _, sd = _percent(figures, "parcels", "orders", nan)
    yield "service", "parcels per order", per_order / 100.0, nan, sd / 100.0


def _percent(figures: Figures, part: str, whole: str, plan: float) -> tuple[float, float, float]:
    ratios = [100.0 * float(tally.day[part].sum()) / max(float(tally.day[whole].sum()), 1e-9) for tally in figures.each]
    return float(np.mean(ratios)), plan, _spread(ratios)


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
    for item, name in (("units spoiled", "spoiled"), ("units damaged", "damaged"), ("units of lost sales", "lost"),
                       ("units shipped after waiting", "later")):  # fmt: skip
        each = [float(tally.day[name].sum()) for tally in figures.each]
        yield "stock", item, float(np.mean(each)), nan, _spread(each)
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
    fill, kept = "fill rate, % of units", "parcels that kept the promise, %"
    lines = [
        f"{figures.tally.days:,} days, {at['orders']:,.0f} orders, {at['units ordered']:,.0f} units "
        f"(expected {figures.expected:,.0f})",
        f"fill rate {at[fill]:.2f} % (promised {plan[fill]:.2f} %), on time in full "
        f"{at['on time in full, % of orders']:.2f} %, promise kept {at[kept]:.2f} %",
        f"{at['parcels per order']:.3f} parcels per order; {at['units spoiled']:,.0f} units spoiled, "
        f"{at['units damaged']:,.0f} damaged",
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
    worst = table[table["section"].isin(["worst days", "worst nodes"])]
    told = "; ".join(
        f"{str(item).removesuffix(': units missed')} {units:,.0f}" for item, units in worst["replay"].items()
    )
    return (*lines, f"most units missed: {told}") if told else tuple(lines)


def _shown(value: float, unit: str = "") -> str:
    return "-" if np.isnan(value) else f"{value:.2f}{unit}"
