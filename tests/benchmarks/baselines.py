"""Solve the textbook model by one of three routes and cost its plan exactly."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module

import highspy
import numpy as np

from models.evaluation import evaluate
from models.instance import Bools, Instance

from .textbook import Chosen, Textbook, textbook

ROUTES = {"arrays": "textbook_arrays", "pyomo": "textbook_pyomo", "linopy": "textbook_linopy"}


@dataclass(frozen=True)
class Baseline:
    """What a baseline reached: its own model's objective and gap, and its plan costed exactly."""

    stages: dict[str, float]  # seconds
    own_objective: float
    own_bound: float
    plan_cost: float = np.inf  # by models.evaluation, inf without a plan
    broken: dict[str, float] = field(default_factory=dict)  # largest excess over a limit, a share of it

    @property
    def own_gap(self) -> float:
        """(objective - bound) / objective of the baseline's own model; inf without a plan."""
        if not np.isfinite(self.own_objective):
            return np.inf
        return (self.own_objective - self.own_bound) / max(abs(self.own_objective), 1e-9)


def run(name: str, instance: Instance, gap: float, time_limit: float) -> Baseline:
    """Coefficients, model, HiGHS within `time_limit` seconds in all, then the exact cost of the plan."""
    highspy.Highs.resetGlobalScheduler(True)  # HiGHS refuses another number of threads than its first
    started = time.perf_counter()
    book = textbook(instance)
    coefficients = time.perf_counter() - started
    build: Callable[[Textbook, float], Callable[[float], Chosen]] = import_module(f".{ROUTES[name]}", __package__).build
    solve = build(book, gap)
    built = time.perf_counter() - started
    stocked, opened, objective, bound = solve(max(1.0, time_limit - built))
    stages = {"coefficients": coefficients, "build": built - coefficients}
    stages["solve"] = time.perf_counter() - started - built
    highspy.Highs.resetGlobalScheduler(True)
    if stocked is None or opened is None:
        return Baseline(stages, np.inf, bound)
    cost, broken = recosted(instance, stocked, opened)
    return Baseline(stages, objective, bound, cost, broken)


def recosted(instance: Instance, stocked: Bools, opened: Bools) -> tuple[float, dict[str, float]]:
    """Exact cost, with the surge its volumes need, and by how much the exact use breaks each kind of limit."""
    use = evaluate(instance, stocked, opened, np.zeros((*instance.room_m3.shape, len(instance.periods))))
    room = instance.room_m3[:, :, None] * np.where(instance.room_m3 > 0, 1.0, 0.0)[:, :, None]
    surge = np.maximum(0.0, use.volume_m3 - np.where(np.isfinite(room), room, np.inf))
    exact = evaluate(instance, stocked, opened, surge)
    over = {
        "surge": (surge.sum(1) / np.maximum(instance.surge_m3[:, None], 1e-9)).max() - 1,
        "units_per_day": (exact.units_per_day / instance.units_per_day[:, None]).max() - 1,
        "max_skus": (exact.sku_count / instance.max_skus[:, None]).max() - 1,
        "budget": exact.value.sum(0).max() / instance.budget - 1,
    }
    return exact.total, {name: float(share) for name, share in over.items() if share > 1e-6}
