"""What a plan prescribes and promises, from the plan itself or from its written workbook, as arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from models.evaluation import COST_TERMS, NODE_COST_TERMS
from models.instance import TEMPERATURES, Bools, Floats, Instance, summed
from models.simulation import Rules

from .case import Case
from .errors import InputInvalid, UsageError
from .periods import horizon_of

if TYPE_CHECKING:
    from .auditing.workbook import PlanBook, Table
    from .plan import Plan

PENALTIES = "penalties of soft limits"  # its name among the costs of the Summary sheet
RUN_SETTINGS = ("start", "periods", "period")  # always those of the plan: a default start follows the orders read


@dataclass(frozen=True)
class Planned:
    """The figures of a plan that a replay needs; (K,N,T) unless stated."""

    instance: Instance  # the demand in it is not used
    rules: Rules
    safety_stock: Floats  # units
    average_stock: Floats  # units
    peak_stock: Floats  # units
    flow: Floats  # units/day through each stocking node
    lead_time: Floats  # days
    tier: tuple[str, ...]  # (K,)
    service: Floats  # (K,) promised, nan where the plan does not stock the SKU
    fill: Bools  # (K,) the promise is a fill rate; else a cycle service level
    costs: Mapping[str, Floats]  # term -> (T,) money
    parcels: Floats  # (T,) parcels/day to customers
    late_parcels: Floats  # (T,) of them, those that miss the promise
    split_cost: float  # money over all periods that split orders cost beyond the plan's cost, nan where not reckoned


def of_plan(plan: Plan) -> Planned:
    """The figures of a plan in memory."""
    own, case = plan.instance, plan.evaluation
    surge = plan.outcome.surge
    room = np.zeros((len(own.nodes), 3, len(own.periods))) if surge is None else surge
    costs = {term: case.costs[term].sum(axis=(0, 1)) for term in COST_TERMS}
    costs |= {term: case.node_costs[term].sum(axis=0) for term in NODE_COST_TERMS}
    costs[PENALTIES] = case.penalties.sum(axis=0)
    return Planned(
        instance=own,
        rules=Rules(plan.stocked, case.reorder_point, case.order_quantity, room, _days(plan.case)),
        safety_stock=case.safety_stock,
        average_stock=case.average_stock,
        peak_stock=case.peak_stock,
        flow=np.where(plan.stocked, case.flow, 0.0),
        lead_time=case.lead_time,
        tier=own.tier,
        service=np.where(plan.stocked.any(axis=(1, 2)), own.service_level, np.nan),
        fill=own.fill_service,
        costs=costs,
        parcels=case.parcels,
        late_parcels=case.late_parcels,
        split_cost=float((plan.facts.get("split_parcels") or {}).get("extra_cost", np.nan)),
    )


def of_workbook(path: str | Path, case: Case) -> Planned:
    """The figures of a written plan; `case` was read with :func:`run_facts`.

    Raises UsageError or FileRefused when it is no workbook that may be opened, InputInvalid when its sheets name what
    the case does not know.
    """
    book = book_of(path)
    instance = bare_instance(case)
    placed, refilled = _Cells(book.tables["Placement"], instance), _Cells(book.tables["Replenishment"], instance)
    stocked = placed.spread(np.ones(len(placed.table.frame))) > 0
    column = refilled.column
    tier, service, measure = _of_skus(instance, placed, refilled)
    parcels, late = _parcels(book, instance)
    rules = Rules(stocked, column("reorder_point"), column("order_quantity"), _surge(book, instance), _days(case))
    return Planned(
        instance=instance,
        rules=rules,
        safety_stock=column("safety_stock"),
        average_stock=placed.column("average_stock"),
        peak_stock=placed.column("peak_stock"),
        flow=column("demand_per_day"),
        lead_time=column("lead_time_days"),
        tier=tuple(tier),
        service=service,
        fill=np.asarray(measure != "cycle", dtype=bool),
        costs=_costs(book, len(instance.periods)),
        parcels=parcels,
        late_parcels=late,
        split_cost=_figure(book, "split parcels"),
    )


def above_service(book: PlanBook, instance: Instance) -> Bools:
    """(K,) SKUs that the plan keeps above their service level."""
    rows = book.tables["Replenishment"].whole
    named = rows.loc[rows["above_service"] == "yes", "sku"] if "above_service" in rows else ()
    return np.isin(np.array(instance.skus, dtype=object), list(named))


def run_facts(path: str | Path) -> tuple[dict[str, Any], bool]:
    """The settings to read the input with, so that it is the case that was planned; and whether the plan was made with
    an orders file of its own, so that the input may hold no orders. Raises as :func:`book_of`."""
    return facts_of(book_of(path))


def facts_of(book: PlanBook) -> tuple[dict[str, Any], bool]:
    """The same of a plan that was read already."""
    from datetime import datetime

    from .auditing.check_run import effective_settings

    given = effective_settings(book.settings)
    given |= {name: book.settings[name].value for name in RUN_SETTINGS if name in book.settings}
    line = book.run.get("input_orders_sha256")
    plain = {name: value.date() if isinstance(value, datetime) else value for name, value in given.items()}
    return plain, line is not None and bool(line.value)


def book_of(path: str | Path) -> PlanBook:
    """A plan workbook. Raises UsageError or FileRefused when the file is none, InputInvalid when a sheet has lost its
    header."""
    from .auditing.workbook import read_plan

    book = read_plan(path)
    if book.missing_sheets:
        raise UsageError(f"{path} is no plan: it has no sheet {book.missing_sheets[0]}.", "Name a plan workbook first.")
    for name, table in book.tables.items():
        if not table.letters:
            raise InputInvalid(f"{path}: the sheet {name} has lost its header.", ())
    return book


def bare_instance(case: Case) -> Instance:
    """The arrays of a case without any demand."""
    from models.demand import DemandRates

    from .assembly import assemble

    skus, shape = len(case.skus), (len(case.skus), len(case.regions), case.settings.periods)
    none, flat = np.zeros(shape), np.zeros(skus)
    rates = DemandRates(none, none, flat, flat + 1.0, ("none",) * skus, flat + 1.0, none[:, :, 0], flat)
    return assemble(case, rates)


def _days(case: Case) -> Any:
    horizon = horizon_of(case.settings)
    return np.append(horizon.first, horizon.first[-1] + horizon.days[-1])


@dataclass(frozen=True)
class _Cells:
    """A sheet with rows by SKU, node and period, as arrays."""

    table: Table
    instance: Instance

    def spread(self, values: Floats) -> Floats:
        """(K,N,T), 0 where there is no row."""
        case = self.instance
        out = np.zeros((len(case.skus), len(case.nodes), len(case.periods)))
        names = (("sku", case.skus), ("node", case.nodes), ("period", case.periods))
        out[tuple(_index(self.table, column, known) for column, known in names)] = values
        return out

    def column(self, name: str) -> Floats:
        """(K,N,T) a column of figures."""
        return self.spread(np.nan_to_num(self.table.numbers(name)))


def _index(table: Table, column: str, names: tuple[str, ...]) -> Any:
    import pandas as pd

    found = pd.Index(list(names), dtype=object).get_indexer(pd.Index(table.texts(column), dtype=object))
    wrong = np.flatnonzero(found < 0)
    if wrong.size:
        seen = table.texts(column)[wrong[0]]
        where = table.place(int(wrong[0]), column)
        raise InputInvalid(
            f'{where} of the plan: the input has no {column} "{seen}". Is it the plan of another input?', ()
        )
    return found


def _of_skus(instance: Instance, placed: _Cells, refilled: _Cells) -> tuple[Any, Floats, Any]:
    """Tier, promised service and its measure of each SKU; tiers of SKUs that are not placed come from the case."""
    tier, measure = np.array(instance.tier, dtype=object), np.full(len(instance.skus), "fill", dtype=object)
    service = np.full(len(instance.skus), np.nan)
    tier[_index(placed.table, "sku", instance.skus)] = placed.table.texts("tier")
    rows = _index(refilled.table, "sku", instance.skus)
    measure[rows], service[rows] = refilled.table.texts("service_measure"), refilled.table.numbers("service_level")
    return tier, service, measure


def _surge(book: PlanBook, instance: Instance) -> Floats:
    """(N,3,T) surge space in use: what a room holds beyond its size, by plan."""
    table = book.tables["Nodes"]
    out = np.zeros((len(instance.nodes), 3, len(instance.periods)))
    at = _index(table, "node", instance.nodes), _index(table, "period", instance.periods)
    for number, name in enumerate(TEMPERATURES):
        used = np.nan_to_num(table.numbers(f"{name}_used_m3"))
        out[at[0], number, at[1]] = np.maximum(used - instance.room_m3[at[0], number], 0.0)
    return out


def _parcels(book: PlanBook, instance: Instance) -> tuple[Floats, Floats]:
    """(T,) parcels a day, and late ones, of the sheet Regions."""
    table = book.tables["Regions"]
    period = _index(table, "period", instance.periods)
    parcels = np.nan_to_num(table.numbers("parcels_per_day"))
    late = parcels * (1.0 - np.nan_to_num(table.numbers("on_time_share"), nan=1.0))
    count = len(instance.periods)
    return summed(period, parcels, count), summed(period, late, count)


def _figure(book: PlanBook, name: str) -> float:
    """A key figure of the Summary sheet, nan without it."""
    for cells in book.summary:
        row = [cell for cell in cells if cell is not None]
        if len(row) > 1 and row[0] == name and isinstance(row[1], (int, float)):
            return float(row[1])
    return float("nan")


def _costs(book: PlanBook, periods: int) -> dict[str, Floats]:
    """The block "Cost by term" of the Summary sheet."""
    rows = [[cell for cell in cells if cell is not None] for cells in book.summary]
    start = next((at for at, cells in enumerate(rows) if cells and cells[0] == "Cost by term"), len(rows))
    out: dict[str, Floats] = {}
    for cells in rows[start + 1 :]:
        if not cells and out:
            break
        if len(cells) > periods and all(isinstance(cell, (int, float)) for cell in cells[1 : periods + 1]):
            out[str(cells[0]).removeprefix("nodes: ")] = np.array(cells[1 : periods + 1], dtype=float)
    out.pop("total", None)
    return out
