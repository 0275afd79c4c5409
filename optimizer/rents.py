"""What a plan says it is and what its scarce things are worth: from the plan in memory, or from its workbook."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from models.instance import TEMPERATURES, Bools, Floats, Instance
from models.outcome import Rents
from models.scarce import no_rents

from .case import Case
from .tables.network import NOISE, ONCE

if TYPE_CHECKING:
    from .plan import Plan

OPEN = ("open", "opens")  # words of Nodes!status


@dataclass(frozen=True)
class Ground:
    """A plan that stands still while a question is asked about it."""

    case: Case
    instance: Instance
    stocked: Bools  # (K,N,T)
    is_open: Bools  # (N,T)
    rents: Rents
    cost: float  # money over the horizon
    gap: float  # share of the cost
    relaxed: bool  # the bound is a cautious one
    same_input: bool  # the plan was made from these very files


def of_plan(plan: Plan) -> Ground:
    """The plan in memory. Raises ValueError when it has no rents."""
    rents = plan.outcome.rents
    if rents is None:
        raise ValueError("the plan was stopped before any rents were known")
    least = NOISE * abs(plan.cost)
    relaxed = plan.outcome.bound_is_relaxed
    return Ground(
        plan.case, plan.instance, plan.stocked, plan.open, _shown(plan.instance, rents, plan.open, least),
        plan.cost, plan.gap, relaxed, True,
    )  # fmt: skip


def of_workbook(path: str | Path, case: Case) -> Ground:
    """A written plan; ``case`` was read with `optimizer.planned.run_facts`.

    Raises UsageError or FileRefused when it is no plan, InputInvalid when it names what the case does not know.
    """
    from .assembly import assemble, forecast
    from .planned import above_service, book_of
    from .planned import of_workbook as planned_of
    from .room_prices import price_in

    book = book_of(path)
    nodes, limits = book.tables["Nodes"].whole, book.tables["Limits"].whole
    facts = {name: line.value for name, line in book.run.items()}
    instance = assemble(case, forecast(case))
    price = price_in(facts, instance.nodes)
    instance = replace(instance, raised=above_service(book, instance), room_price=price)
    stocked = planned_of(path, case).rules.stocked
    grid = _Grid(nodes, instance)
    is_open = grid.spread(nodes["status"].isin(OPEN).to_numpy(dtype=float)) > 0
    same = all(not case.source.get(name) or facts.get(f"input_{name}") == case.source[name] for name in HASHES)
    return Ground(
        case, instance, stocked, is_open, _rents(instance, grid, limits),
        float(facts.get("cost") or "nan"), float(facts.get("gap") or "nan"), facts.get("bound_is_relaxed") == "yes",
        same,
    )  # fmt: skip


HASHES = ("sha256", "orders_sha256")


def _shown(instance: Instance, rents: Rents, is_open: Bools, least: float) -> Rents:
    """The rents as the sheets show them: none at a node that is not open, none whose whole worth is noise."""

    def kept(rent: Floats, size: Floats) -> Floats:
        worth = rent * np.where(np.isfinite(size), np.maximum(np.abs(size), 1.0), 1.0)
        return np.where(worth > least, rent, 0.0)

    sizes = {limit.name: np.array(limit.amount) for limit in instance.limits}
    return Rents(
        room=np.where(is_open[:, None, :], kept(rents.room, instance.room_m3[:, :, None]), 0.0),
        units_per_day=np.where(is_open, kept(rents.units_per_day, instance.units_per_day[:, None]), 0.0),
        skus=np.where(is_open, kept(rents.skus, instance.max_skus[:, None]), 0.0),
        budget=kept(rents.budget, np.array(instance.budget)),
        lanes=kept(rents.lanes, instance.lane_parcels_per_day[:, None]),
        limits={key: float(kept(np.array(rent), sizes[key[0]])) for key, rent in rents.limits.items()},
    )


class _Grid:
    """The Nodes sheet by node and period."""

    def __init__(self, table: pd.DataFrame, instance: Instance) -> None:
        self.table, self.shape = table, (len(instance.nodes), len(instance.periods))
        self.node = pd.Index(instance.nodes, dtype=object).get_indexer(pd.Index(table["node"], dtype=object))
        self.period = pd.Index(instance.periods, dtype=object).get_indexer(pd.Index(table["period"], dtype=object))
        self.known = (self.node >= 0) & (self.period >= 0)

    def spread(self, values: np.ndarray) -> Floats:
        """(N,T), 0 where the sheet is blank or has no row."""
        out = np.zeros(self.shape)
        out[self.node[self.known], self.period[self.known]] = np.nan_to_num(values[self.known])
        return out

    def column(self, name: str) -> Floats:
        """(N,T) a column of figures."""
        return self.spread(self.table[name].to_numpy(dtype=float))


def _rents(instance: Instance, grid: _Grid, limits: pd.DataFrame) -> Rents:
    """Rents as the sheets Nodes and Limits show them."""
    rents = no_rents(instance)
    of_limits: dict[tuple[str, int], float] = {}
    budget, lanes = rents.budget.copy(), rents.lanes.copy()
    rows = {limit.name: limit for limit in instance.limits}
    lane_at = {lane_name(instance, lane): lane for lane in range(len(lanes))}
    period_at = {label: at for at, label in enumerate(instance.periods)}
    for name, measure, label, rent in zip(*(limits[x] for x in ("limit", "measure", "period", "rent")), strict=True):
        rent = float(np.nan_to_num(rent))
        if name in rows and rows[name].measure == measure:
            spread = np.flatnonzero(rows[name].periods).tolist() if measure in ONCE else [period_at[label]]
            of_limits |= {(name, at): rent for at in spread}
        elif name in lane_at:
            lanes[lane_at[name], period_at[label]] = rent
        elif name == "budget":
            budget[period_at[label]] = rent
    return Rents(
        room=np.stack([grid.column(f"{name}_rent_per_m3") for name in TEMPERATURES], axis=1),
        units_per_day=grid.column("units_per_day_rent"),
        skus=grid.column("skus_rent"),
        budget=budget,
        lanes=lanes,
        limits=of_limits,
    )


def lane_name(instance: Instance, lane: int) -> str:
    """A lane as the Limits sheet names it."""
    node, region = instance.nodes[instance.lane_node[lane]], instance.regions[instance.lane_region[lane]]
    return " ".join(filter(None, (f"lane {node} > {region}", instance.lane_carrier[lane])))
