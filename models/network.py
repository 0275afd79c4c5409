"""The Pyomo program of the network: nodes, rooms, budget, limits. One plain function per constraint.

The SKUs appear only through *usage variables* - ``volume``, ``value``, ``units``, ``units_per_day``, ``skus``,
``lane_parcels``, ``limit_use`` and, made on first mention, ``stocked[sku,node,period]`` - which the column generation
ties to the chosen patterns. A constraint that an analyst writes on them gets its rent like any other.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyomo.environ as pyo
from pyomo.common.errors import InfeasibleConstraintException
from pyomo.core.expr.visitor import identify_variables
from pyomo.repn.plugins.standard_form import LinearStandardFormCompiler

from .instance import FIRST_PERIOD, TEMPERATURES, Floats, Instance, Ints, LimitRow

USAGE = ("volume", "value", "units", "units_per_day", "skus", "lane_parcels", "limit_use", "stocked")


class NotFinite(ValueError):
    """A coefficient of the program is NaN or infinite."""


class Contradiction(Exception):
    """The network program alone has no solution; ``rows`` are (constraint, amount by which it fails) where known."""

    def __init__(self, rows: tuple[tuple[str, float], ...] = ()) -> None:
        super().__init__(", ".join(name for name, _ in rows) or "the constraints on nodes contradict each other")
        self.rows = rows


def build(instance: Instance) -> pyo.ConcreteModel:
    """The network program; reads as a table of contents."""
    model = pyo.ConcreteModel(name="nodewise network")
    model.instance = instance
    _sets(model, instance)
    _variables(model, instance)
    model.room_is_kept = pyo.Constraint(model.ROOMS, model.PERIODS, rule=volume_fits_the_room)
    model.surge_is_kept = pyo.Constraint(model.NODES, model.PERIODS, rule=surge_fits_the_node)
    model.throughput_is_kept = pyo.Constraint(model.NODES, model.PERIODS, rule=throughput_fits_the_node)
    model.slots_are_kept = pyo.Constraint(model.NODES, model.PERIODS, rule=skus_fit_the_node)
    model.lanes_are_kept = pyo.Constraint(model.LANES, model.PERIODS, rule=parcels_fit_the_lane)
    model.budget_is_kept = pyo.Constraint(model.PERIODS, rule=stock_fits_the_budget)
    model.opening_is_paid = pyo.Constraint(model.CANDIDATES, model.PERIODS, rule=opening_follows_open)
    model.limit_holds = pyo.Constraint(model.LIMIT_ROWS, rule=limit_is_respected)
    model.cost = pyo.Objective(expr=node_costs(model, instance) + penalties(model, instance))
    return model


def _sets(model: pyo.ConcreteModel, instance: Instance) -> None:
    model.NODES = pyo.Set(initialize=instance.nodes, ordered=True)
    model.TEMPERATURES = pyo.Set(initialize=TEMPERATURES, ordered=True)
    model.PERIODS = pyo.Set(initialize=instance.periods, ordered=True)
    model.CANDIDATES = pyo.Set(initialize=[n for n, c in zip(instance.nodes, instance.candidate, strict=True) if c])
    rooms = [
        (n, c) for i, n in enumerate(instance.nodes) for j, c in enumerate(TEMPERATURES) if instance.room_m3[i, j] > 0
    ]
    model.ROOMS = pyo.Set(initialize=rooms, ordered=True, dimen=2)
    model.LANES = pyo.Set(initialize=np.flatnonzero(np.isfinite(instance.lane_parcels_per_day)).tolist(), ordered=True)
    model.LIMIT_ROWS = pyo.Set(initialize=limit_rows(instance), ordered=True, dimen=2)


def _variables(model: pyo.ConcreteModel, instance: Instance) -> None:
    model.open = pyo.Var(model.NODES, model.PERIODS, domain=pyo.Binary)
    model.opening = pyo.Var(model.CANDIDATES, model.PERIODS, bounds=(0, 1))
    model.surge = pyo.Var(model.ROOMS, model.PERIODS, domain=pyo.NonNegativeReals)
    model.volume = pyo.Var(model.ROOMS, model.PERIODS, domain=pyo.NonNegativeReals)
    for name in ("value", "units", "units_per_day", "skus"):
        setattr(model, name, pyo.Var(model.NODES, model.PERIODS, domain=pyo.NonNegativeReals))
    model.lane_parcels = pyo.Var(model.LANES, model.PERIODS, domain=pyo.NonNegativeReals)
    model.limit_use = pyo.Var(model.LIMIT_ROWS, domain=pyo.NonNegativeReals)
    model.excess = pyo.Var(model.LIMIT_ROWS, domain=pyo.NonNegativeReals)
    model.stocked = pyo.Var(pyo.Any, domain=pyo.UnitInterval, dense=False)
    for i, node in enumerate(instance.nodes):
        for t, period in enumerate(instance.periods):
            if not instance.available[i, t]:
                model.open[node, period].fix(0)
            elif not instance.candidate[i]:
                model.open[node, period].fix(1)
    for room in model.ROOMS:
        i, c = instance.nodes.index(room[0]), TEMPERATURES.index(room[1])
        if not np.isfinite(instance.room_m3[i, c]) or instance.surge_m3[i] == 0:
            for period in instance.periods:
                model.surge[room, period].fix(0)


def limit_rows(instance: Instance) -> list[tuple[int, int]]:
    """(limit, period) of every limit row; a limit on cost, purchases or changes has one row, in its first period."""
    rows = []
    for i, limit in enumerate(instance.limits):
        periods = np.flatnonzero(limit.periods)
        if limit.measure in FIRST_PERIOD:
            periods = np.array([0])
        elif limit.measure == "cost":
            periods = periods[:1]
        rows += [(i, int(t)) for t in periods]
    return rows


def volume_fits_the_room(model: Any, node: str, temperature: str, period: str) -> Any:
    """volume[n,c,t] <= room[n,c] open[n,t] + surge[n,c,t]"""
    instance = model.instance
    room = instance.room_m3[instance.nodes.index(node), TEMPERATURES.index(temperature)]
    if not np.isfinite(room):
        return pyo.Constraint.Skip
    return model.volume[node, temperature, period] <= (
        float(room) * model.open[node, period] + model.surge[node, temperature, period]
    )


def surge_fits_the_node(model: Any, node: str, period: str) -> Any:
    """sum_c surge[n,c,t] <= surge_m3[n] open[n,t]"""
    instance = model.instance
    i = instance.nodes.index(node)
    room = instance.room_m3[i]
    usable = [c for c, m3 in zip(TEMPERATURES, room, strict=True) if 0 < m3 < np.inf]
    if instance.surge_m3[i] == 0 or not usable:
        return pyo.Constraint.Skip
    return sum(model.surge[node, c, period] for c in usable) <= float(instance.surge_m3[i]) * model.open[node, period]


def throughput_fits_the_node(model: Any, node: str, period: str) -> Any:
    """units_per_day[n,t] <= capacity[n] open[n,t]"""
    return _node_capacity(model, model.units_per_day, model.instance.units_per_day, node, period)


def skus_fit_the_node(model: Any, node: str, period: str) -> Any:
    """skus[n,t] <= max_skus[n] open[n,t]"""
    return _node_capacity(model, model.skus, model.instance.max_skus, node, period)


def _node_capacity(model: Any, use: Any, capacity: Floats, node: str, period: str) -> Any:
    most = capacity[model.instance.nodes.index(node)]
    if not np.isfinite(most):
        return pyo.Constraint.Skip
    return use[node, period] <= float(most) * model.open[node, period]


def parcels_fit_the_lane(model: Any, lane: int, period: str) -> Any:
    """lane_parcels[l,t] <= parcels_per_day[l]"""
    return model.lane_parcels[lane, period] <= float(model.instance.lane_parcels_per_day[lane])


def stock_fits_the_budget(model: Any, period: str) -> Any:
    """sum_n value[n,t] <= budget"""
    if not np.isfinite(model.instance.budget):
        return pyo.Constraint.Skip
    return sum(model.value[n, period] for n in model.NODES) <= float(model.instance.budget)


def opening_follows_open(model: Any, node: str, period: str) -> Any:
    """opening[n,t] >= open[n,t] - open[n,t-1]; before the first period open is what stands open then"""
    instance: Instance = model.instance
    t = instance.periods.index(period)
    stood = int(instance.opened[instance.nodes.index(node)])
    before = model.open[node, instance.periods[t - 1]] if t else stood
    return model.opening[node, period] >= model.open[node, period] - before


def limit_is_respected(model: Any, i: int, t: int) -> Any:
    """use <= amount + excess (max) or use >= amount - excess (min); on_time_share counts late parcels."""
    instance = model.instance
    limit: LimitRow = instance.limits[i]
    use, amount, scale = limit_terms(model, instance, i, t)
    slack = scale * model.excess[i, t] if np.isfinite(limit.penalty) else 0
    most = (limit.sense == "max") != (limit.measure == "on_time_share")
    return use <= amount + slack if most else use >= amount - slack


def limit_terms(model: Any, instance: Instance, i: int, t: int) -> tuple[Any, float, float]:
    """Left side, right side and the use per unit of violation of a limit row."""
    limit = instance.limits[i]
    if limit.measure == "nodes":
        counted = [n for n, masked in zip(instance.nodes, limit.nodes, strict=True) if masked]
        return sum(model.open[n, instance.periods[t]] for n in counted), limit.amount, 1.0
    if limit.measure == "cost" and not limit.filtered:
        periods = [p for p, masked in zip(instance.periods, limit.periods, strict=True) if masked]
        return model.limit_use[i, t] + node_costs(model, instance, periods), limit.amount, 1.0
    if limit.measure == "on_time_share":
        parcels = total_parcels(instance, limit, t)
        return model.limit_use[i, t], (1.0 - limit.amount) * parcels, max(parcels, 1e-9)
    return model.limit_use[i, t], limit.amount, 1.0


def total_parcels(instance: Instance, limit: LimitRow, t: int) -> float:
    """Parcels/day of the SKUs and regions a limit names; all of them are served, so the number is given."""
    regions = slice(None) if limit.regions is None else limit.regions
    parcels = instance.mean[:, :, t] * (instance.parcels_per_unit * limit.skus)[:, None]
    return float(parcels[:, regions].sum())


def node_costs(model: Any, instance: Instance, periods: list[str] | None = None) -> Any:
    """Fixed, opening and surge costs of the given periods (all by default)."""
    chosen = [(t, p) for t, p in enumerate(instance.periods) if periods is None or p in periods]
    cost: Any = 0
    for i, node in enumerate(instance.nodes):
        for t, period in chosen:
            cost += float(instance.fixed_cost[i] * instance.months[t]) * model.open[node, period]
            if instance.candidate[i]:
                cost += float(instance.opening_cost[i]) * model.opening[node, period]
    for node, temperature in model.ROOMS:
        per_m3 = float(instance.surge_cost[instance.nodes.index(node)])
        cost += sum(per_m3 * float(instance.months[t]) * model.surge[node, temperature, p] for t, p in chosen)
    return cost


def penalties(model: Any, instance: Instance) -> Any:
    """sum over soft limits of penalty_per_unit x violation"""
    soft = [(i, t) for i, t in model.LIMIT_ROWS if np.isfinite(instance.limits[i].penalty)]
    return sum(float(instance.limits[i].penalty) * model.excess[i, t] for i, t in soft)


# --- compiling -----------------------------------------------------------------------------------------------------


def _broken_rows(model: pyo.ConcreteModel) -> Iterator[tuple[str, float]]:
    """Constraints without a free variable that do not hold."""
    for row in model.component_data_objects(pyo.Constraint, active=True):
        if all(v.fixed for v in identify_variables(row.body, include_fixed=True)):
            body = pyo.value(row.body)
            over = max(
                body - pyo.value(row.upper) if row.has_ub() else 0.0,
                pyo.value(row.lower) - body if row.has_lb() else 0.0,
            )
            if over > 0:
                yield row.name, float(over)


@dataclass(frozen=True)
class Compiled:
    """The network program as arrays: min cost x + offset, lower <= A x <= upper, within bounds, some x integer."""

    cost: Floats  # (C,)
    offset: float
    start: Ints  # row-wise A
    index: Ints
    value: Floats
    row_lower: Floats
    row_upper: Floats
    lower: Floats
    upper: Floats
    integer: Ints  # column indices
    names: tuple[tuple[str, Any], ...]  # (variable, its index) per column
    column: dict[tuple[str, Any], int]
    constraints: tuple[str, ...]  # name per row
    unit: Floats  # (C,) what one of a column stands for
    row_unit: Floats  # what one of a row's sides stands for


def compile_model(model: pyo.ConcreteModel) -> Compiled:
    """Sparse arrays of a network program. Raises NotFinite, Contradiction."""
    try:
        form = LinearStandardFormCompiler().write(model, mixed_form=True)
    except InfeasibleConstraintException:
        raise Contradiction(tuple(_broken_rows(model))) from None
    rows = form.A.tocsr()
    cost = np.asarray(form.c.sum(axis=0), dtype=float).reshape(len(form.columns))
    sense = np.array([row.bound_type for row in form.rows], dtype=int)
    rhs = np.asarray(form.rhs, dtype=float)
    for what, numbers in (("coefficient", rows.data), ("right-hand side", rhs), ("cost", cost)):
        if not np.isfinite(numbers).all():
            raise NotFinite(f"a {what} of the network program is not a finite number")
    names = tuple((v.parent_component().local_name, v.index()) for v in form.columns)
    bounds = [v.bounds for v in form.columns]
    return Compiled(
        cost=cost,
        offset=float(np.sum(form.c_offset)),
        start=rows.indptr.astype(np.int32),
        index=rows.indices.astype(np.int32),
        value=rows.data,
        row_lower=np.where(sense <= 0, rhs, -np.inf),
        row_upper=np.where(sense >= 0, rhs, np.inf),
        lower=np.array([-np.inf if low is None else low for low, _ in bounds], dtype=float),
        upper=np.array([np.inf if high is None else high for _, high in bounds], dtype=float),
        integer=np.array([j for j, v in enumerate(form.columns) if v.is_integer() or v.is_binary()], dtype=np.int32),
        names=names,
        column={name: j for j, name in enumerate(names)},
        constraints=tuple(str(row.constraint.name) for row in form.rows),
        unit=np.ones(len(form.columns)),
        row_unit=np.ones(len(form.rows)),
    )
