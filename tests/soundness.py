"""Comparison of solves by their intervals [bound, objective], and whether a plan keeps every rule of the model."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from models import routing
from models.column_generation import solve
from models.evaluation import Evaluation, evaluate
from models.instance import Instance
from models.outcome import Outcome

TOLERANCE = 1e-6  # relative, of what is compared


def slack(*costs: float) -> float:
    """Money within which two certified figures count as the same."""
    return TOLERANCE * (1.0 + max((abs(cost) for cost in costs if np.isfinite(cost)), default=0.0))


def solved(instance: Instance, gap: float = 1e-6, time_limit: float = 30.0, **options: Any) -> Outcome:
    """A solve whose figures agree with each other and whose plan, if any, keeps the rules and costs what it says."""
    found = solve(instance, gap=gap, time_limit=time_limit, **options)
    truthful(instance, found)
    return found


def truthful(instance: Instance, found: Outcome) -> None:
    """The bound is no higher than the cost, the cost is the plan's own, and the plan keeps every rule."""
    if found.stocked is None:
        assert found.objective == np.inf
        return
    assert found.bound <= found.objective + slack(found.objective)
    assert found.open is not None
    assert found.surge is not None
    judged = evaluate(instance, found.stocked, found.open, found.surge)
    assert judged.total == pytest.approx(found.objective, abs=slack(found.objective))
    assert broken_rules(instance, found, judged) == []


def costs_no_more(better: Outcome, worse: Outcome, rate: float = 1.0) -> None:
    """Refuted only where the bound of what should be cheaper lies above the cost of the other's plan."""
    if better.status == "infeasible":
        assert worse.status == "infeasible", "what should be easier has no plan"
        return
    assert better.bound <= worse.objective * rate + slack(better.bound, worse.objective * rate)


def costs_the_same(one: Outcome, two: Outcome, rate: float = 1.0) -> None:
    """The intervals of ``one`` and of ``two`` times ``rate`` meet."""
    assert (one.status == "infeasible") == (two.status == "infeasible")
    if one.status != "infeasible":
        costs_no_more(one, two, rate)
        costs_no_more(two, one, 1.0 / rate)


def broken_rules(instance: Instance, found: Outcome, judged: Evaluation) -> list[str]:
    """Names of the rules of sections 3, 7 and 8 that a plan breaks."""
    stocked, opened, surge = found.stocked, found.open, found.surge
    assert stocked is not None
    assert opened is not None
    assert surge is not None
    room = np.where(np.isinf(instance.room_m3), np.inf, instance.room_m3)[:, :, None]
    room = np.where(opened[:, None, :], room, 0.0) + surge
    kept = {
        "allowed": not (stocked & ~instance.allowed).any(),
        "available": not (opened & ~instance.available).any(),
        "always open": bool((opened | instance.candidate[:, None] | ~instance.available).all()),
        "open": not (stocked & ~opened[None]).any() and not ((judged.flow > 0) & ~opened[None]).any(),
        "feeders": _feeders_open(instance, stocked, opened),
        "counts": _counts_kept(instance, stocked),
        "backups": _backups_kept(instance, stocked, judged),
        "room": _at_most(judged.volume_m3, room),
        "surge": _at_most(surge.sum(axis=1), instance.surge_m3[:, None] * opened),
        "units_per_day": _at_most(judged.units_per_day, instance.units_per_day[:, None]),
        "max_skus": _at_most(judged.sku_count, instance.max_skus[:, None]),
        "lanes": _at_most(judged.lane_parcels, instance.lane_parcels_per_day[:, None]),
        "budget": _at_most(judged.value.sum(axis=0), np.array(instance.budget)),
    }
    for row, used in zip(instance.limits, judged.limit_use, strict=True):
        use = used[~np.isnan(used)]
        if np.isinf(row.penalty):
            amount = np.full(len(use), row.amount)
            kept[row.name] = _at_most(use, amount) if row.sense == "max" else _at_most(amount, use)
    return [name for name, held in kept.items() if not held]


def _at_most(use: Any, most: Any) -> bool:
    return bool((use <= most + TOLERANCE * np.maximum(1.0, np.abs(use))).all())


def _feeders_open(instance: Instance, stocked: Any, opened: Any) -> bool:
    row = np.arange(len(instance.skus))[:, None]
    for above in routing.chains(instance.feeder):
        closed = ~np.broadcast_to(opened, stocked.shape)[row, np.maximum(above, 0)]
        if (stocked & (above >= 0)[:, :, None] & closed).any():
            return False
    return True


def _counts_kept(instance: Instance, stocked: Any) -> bool:
    live = instance.mean.sum(axis=1) > 0
    held = stocked.sum(axis=1)
    least = np.minimum(instance.min_nodes[:, None], (instance.allowed & instance.available).sum(axis=1))
    within = (held >= np.maximum(least, 1)) & (held <= instance.max_nodes[:, None])
    return bool(np.where(live, within, held == 0).all())


def _backups_kept(instance: Instance, stocked: Any, judged: Evaluation) -> bool:
    missing = (judged.primary >= 0) & (judged.backup < 0)
    missing &= instance.backup_required[None, :, None] & (instance.max_nodes >= 2)[:, None, None]
    carries = instance.lane_temperatures[:, instance.temperature].T  # (K,L)
    for k, r, t in np.argwhere(missing).tolist():
        reaching = np.unique(instance.lane_node[(instance.lane_region == r) & carries[k]])
        if (instance.allowed[k, reaching, t] & instance.available[reaching, t]).sum() >= 2:
            return False
    return True
