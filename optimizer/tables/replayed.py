"""The tables of a replay: what was promised and what happened, by tier, node, region, SKU, shelf and day."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from models.instance import TEMPERATURES, Bools, Floats
from models.tally import TERMS, Tally

from ..planned import Planned
from .columns import frame
from .replay_columns import SHEETS

NOWHERE = "(not stocked)"


def mean_of(tallies: Sequence[Tally]) -> Tally:
    """One tally with the mean of every count."""
    out = copy.copy(tallies[0])
    for name in ("sku", "region", "node", "day", "cell", "costs"):
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
            "fill_rate": share(node["at_once"], node["asked"]),
            "otif": share(node["good_lines"], node["lines"]),
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
            "cost": sum((figures.tally.costs[term][:-1] for term in TERMS), np.zeros(len(case.instance.nodes))),
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
            "parcels_per_order": share(region["parcels"], region["sent_orders"]),
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


def stock(figures: Figures) -> pd.DataFrame:
    """One row per SKU and node that held it."""
    tally, case = figures.tally, figures.planned
    sku, node = tally.cells.sku, tally.cells.node
    lived = np.flatnonzero(figures.lived > 0)
    return frame(
        SHEETS["Stock"],
        {
            "sku": np.array(case.instance.skus, dtype=object)[sku],
            "node": np.array(case.instance.nodes, dtype=object)[node],
            **tally.cell,
            "average_stock": tally.cell_stock / tally.days,
            "planned_stock": figures.mean(case.average_stock[sku, node]),
            "peak_stock": tally.cell_peak,
            "planned_peak": case.peak_stock[sku, node][:, lived].max(axis=1),
            "empty_days": tally.cell_empty,
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
