"""The textbook model in Pyomo, solved by HiGHS through Pyomo's own interface."""

from __future__ import annotations

from collections.abc import Callable
from itertools import groupby
from typing import Any

import numpy as np
import pyomo.environ as pyo
from pyomo.contrib.appsi.solvers import Highs

from models import routing
from models.instance import Bools

from .textbook import Chosen, Textbook

Index = tuple[int, ...]


def build(book: Textbook, gap: float) -> Callable[[float], Chosen]:
    """One indexed constraint per rule, as in Pyomo's own examples."""
    model = pyo.ConcreteModel()
    _variables(model, book)
    _serving(model, book)
    _placement(model, book)
    _nodes(model, book)
    _cost(model, book)

    def solve(seconds: float) -> Chosen:
        solver = Highs()
        solver.config.load_solution = False
        solver.config.time_limit = seconds
        solver.config.mip_gap = gap
        solver.highs_options = {"threads": 2}
        result = solver.solve(model)
        bound = -np.inf if result.best_objective_bound is None else result.best_objective_bound
        if result.best_feasible_objective is None:
            return None, None, np.inf, bound
        result.solution_loader.load_vars()
        stocked, opened = _chosen(model.y, book.may_stock), _chosen(model.open, book.instance.available)
        return stocked, book.opened(opened), result.best_feasible_objective, bound

    return solve


def _chosen(variable: Any, exists: Bools) -> Bools:
    out = np.zeros(exists.shape, dtype=bool)
    for index in variable:
        out[index] = variable[index].value is not None and variable[index].value > 0.5
    return out


def _where(exists: Bools) -> list[Index]:
    return [tuple(index) for index in np.argwhere(exists).tolist()]


def _variables(model: Any, book: Textbook) -> None:
    i = book.instance
    model.Y = pyo.Set(initialize=_where(book.may_stock), dimen=3, ordered=True)
    model.X = pyo.Set(initialize=_where(book.may_serve), dimen=4, ordered=True)
    model.F = pyo.Set(initialize=_where(book.may_pass), dimen=3, ordered=True)
    model.RELAYS = pyo.Set(initialize=_where(book.may_stock & book.feeds[:, :, None]), dimen=3, ordered=True)
    changes = np.broadcast_to(book.may_stock.any(2)[:, :, None], book.may_stock.shape)
    known = np.arange(len(i.periods)) > (0 if i.in_force is None else -1)
    model.CHANGES = pyo.Set(initialize=_where(changes & known), dimen=3, ordered=True)
    model.OPEN = pyo.Set(initialize=_where(i.available), dimen=2, ordered=True)
    model.OPENING = pyo.Set(initialize=_where(i.available & i.candidate[:, None]), dimen=2, ordered=True)
    rooms = (i.room_m3 > 0) & np.isfinite(i.room_m3)
    model.ROOMS = pyo.Set(
        initialize=_where(np.repeat(rooms[:, :, None], len(i.periods), 2) & i.available[:, None]), dimen=3, ordered=True
    )
    model.y = pyo.Var(model.Y, domain=pyo.Binary)
    model.x = pyo.Var(model.X, bounds=(0, 1))
    model.flow = pyo.Var(model.F, domain=pyo.NonNegativeReals)
    model.kept = pyo.Var(model.RELAYS, domain=pyo.NonNegativeReals)
    model.added = pyo.Var(model.CHANGES, bounds=(0, 1))
    model.dropped = pyo.Var(model.CHANGES, bounds=(0, 1))
    model.open = pyo.Var(model.OPEN, domain=pyo.Binary)
    model.opening = pyo.Var(model.OPENING, bounds=(0, 1))
    model.surge = pyo.Var(model.ROOMS, domain=pyo.NonNegativeReals)
    for n, t in model.OPEN:
        if not i.candidate[n]:
            model.open[n, t].fix(1)


def _grouped(indices: list[Index], key: Callable[[Index], Index]) -> dict[Index, list[Index]]:
    return {group: list(members) for group, members in groupby(sorted(indices, key=key), key=key)}


def _serving(model: Any, book: Textbook) -> None:
    i = book.instance
    by_demand = _grouped(list(model.X), lambda j: (j[0], j[2], j[3]))
    by_node = _grouped(list(model.X), lambda j: (j[0], j[1], j[3]))
    fed = _grouped([j for j in model.F if i.feeder[j[0], j[1]] >= 0], lambda j: (j[0], int(i.feeder[j[0], j[1]]), j[2]))
    demand = _where(i.mean > 0)

    def region_is_served(_: Any, k: int, r: int, t: int) -> Any:
        served = [model.x[index] for index in by_demand.get((k, r, t), [])]
        return sum(served) == 1 if served else pyo.Constraint.Infeasible

    def only_from_stock(_: Any, k: int, n: int, r: int, t: int) -> Any:
        return model.x[k, n, r, t] <= model.y[k, n, t]

    def flow_is_kept(_: Any, k: int, n: int, t: int) -> Any:
        own = sum(float(i.mean[k, r, t]) * model.x[k, n, r, t] for _, _, r, _ in by_node.get((k, n, t), []))
        return model.flow[k, n, t] == own + sum(model.flow[index] for index in fed.get((k, n, t), []))

    def relay_keeps_stock(_: Any, k: int, n: int, t: int) -> Any:
        return model.kept[k, n, t] >= model.flow[k, n, t] - float(book.most[k, t]) * (1 - model.y[k, n, t])

    model.region_is_served = pyo.Constraint(demand, rule=region_is_served)
    model.only_from_stock = pyo.Constraint(model.X, rule=only_from_stock)
    model.flow_is_kept = pyo.Constraint(model.F, rule=flow_is_kept)
    model.relay_keeps_stock = pyo.Constraint(model.RELAYS, rule=relay_keeps_stock)


def _placement(model: Any, book: Textbook) -> None:
    i = book.instance
    by_sku = _grouped(list(model.Y), lambda j: (j[0], j[2]))
    chains = routing.chains(i.feeder)

    def number_of_nodes(_: Any, k: int, t: int) -> Any:
        return (int(book.least_nodes[k, t]), sum(model.y[index] for index in by_sku[k, t]), int(i.max_nodes[k]))

    def node_is_open(_: Any, k: int, n: int, t: int, way: int) -> Any:
        return model.y[k, n, t] <= model.open[way, t]

    def stocked(k: int, n: int, t: int) -> Any:
        if t < 0:
            return int(i.in_force[k, n]) if i.in_force is not None else 0
        return model.y[k, n, t] if (k, n, t) in model.Y else 0

    def addition(_: Any, k: int, n: int, t: int) -> Any:
        return model.added[k, n, t] >= stocked(k, n, t) - stocked(k, n, t - 1)

    def removal(_: Any, k: int, n: int, t: int) -> Any:
        return model.dropped[k, n, t] >= stocked(k, n, t - 1) - stocked(k, n, t)

    ways = [(k, n, t, w) for k, n, t in model.Y for w in (n, *(int(above[k, n]) for above in chains))]
    model.number_of_nodes = pyo.Constraint(list(by_sku), rule=number_of_nodes)
    model.node_is_open = pyo.Constraint([j for j in ways if j[3] >= 0 and i.candidate[j[3]]], rule=node_is_open)
    model.addition = pyo.Constraint(model.CHANGES, rule=addition)
    model.removal = pyo.Constraint(model.CHANGES, rule=removal)


def _nodes(model: Any, book: Textbook) -> None:
    i = book.instance
    at_node = _grouped(list(model.Y), lambda j: (j[1], j[2]))
    passing = _grouped(list(model.F), lambda j: (j[1], j[2]))

    def keeps(index: Index, fit: Any) -> Any:
        return float(fit.a[index]) * model.y[index] + float(fit.b[index]) * _kept(model, index)

    def room(_: Any, n: int, c: int, t: int) -> Any:
        use = sum(keeps(j, book.peak_m3) for j in at_node.get((n, t), []) if i.temperature[j[0]] == c)
        return use <= float(i.room_m3[n, c]) * model.open[n, t] + model.surge[n, c, t]

    def surge(_: Any, n: int, t: int) -> Any:
        rooms = [model.surge[n, c, t] for c in range(3) if (n, c, t) in model.ROOMS]
        return sum(rooms) <= float(i.surge_m3[n]) * model.open[n, t] if rooms else pyo.Constraint.Skip

    def throughput(_: Any, n: int, t: int) -> Any:
        return sum(model.flow[j] for j in passing.get((n, t), [])) <= float(i.units_per_day[n]) * model.open[n, t]

    def slots(_: Any, n: int, t: int) -> Any:
        return sum(model.y[j] for j in at_node.get((n, t), [])) <= float(i.max_skus[n]) * model.open[n, t]

    def budget(_: Any, t: int) -> Any:
        return sum(keeps(j, book.average_value) for j in model.Y if j[2] == t) <= float(i.budget)

    def opening(_: Any, n: int, t: int) -> Any:
        before = model.open[n, t - 1] if (n, t - 1) in model.OPEN else 0
        return model.opening[n, t] >= model.open[n, t] - before

    model.room = pyo.Constraint(model.ROOMS, rule=room)
    model.surge_fits = pyo.Constraint(model.OPEN, rule=surge)
    model.throughput = pyo.Constraint([j for j in model.OPEN if np.isfinite(i.units_per_day[j[0]])], rule=throughput)
    model.slots = pyo.Constraint([j for j in model.OPEN if np.isfinite(i.max_skus[j[0]])], rule=slots)
    model.budget = pyo.Constraint(range(len(i.periods)) if np.isfinite(i.budget) else [], rule=budget)
    model.opening_is_paid = pyo.Constraint(model.OPENING, rule=opening)


def _kept(model: Any, index: Index) -> Any:
    return model.kept[index] if index in model.RELAYS else model.flow[index]


def _cost(model: Any, book: Textbook) -> None:
    i = book.instance
    cost = [float(book.serve_cost[j]) * model.x[j] for j in model.X]
    cost += [float(book.stock_cost.a[j]) * model.y[j] + float(book.stock_cost.b[j]) * _kept(model, j) for j in model.Y]
    cost += [i.change_cost_in * model.added[j] + i.change_cost_out * model.dropped[j] for j in model.CHANGES]
    cost += [float(i.fixed_cost[n] * i.months[t]) * model.open[n, t] for n, t in model.OPEN]
    cost += [float(i.opening_cost[n]) * model.opening[n, t] for n, t in model.OPENING]
    cost += [float(i.surge_cost[n] * i.months[t]) * model.surge[n, c, t] for n, c, t in model.ROOMS]
    model.cost = pyo.Objective(expr=pyo.quicksum(cost))
