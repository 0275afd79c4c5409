"""What a solver says is believed only as far as it agrees with itself and with the evaluation of its plan."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from ..errors import AuditFailed, SolverFailure

if TYPE_CHECKING:
    from models.evaluation import Evaluation
    from models.instance import Bools, Floats, Instance
    from models.outcome import Outcome

STATUSES = {"gap_reached", "stalled", "time_limit", "interrupted", "crashed", "memory"}  # those of a plan
TOLERANCE = 1e-6  # relative: of costs added up in another order


def check_claim(outcome: Outcome) -> None:
    """Raises SolverFailure for a status nobody knows, and for an infeasibility without anything that is short."""
    if outcome.stocked is None and outcome.status == "infeasible" and not any(r.amount > 0 for r in outcome.relief):
        raise SolverFailure("the solver calls the case infeasible, but nothing is short.", "Report it.")
    if outcome.stocked is not None and outcome.status not in STATUSES:
        raise SolverFailure(f'the solver ended in an unknown way ("{outcome.status}").', "Report it.")


def whole_plan(outcome: Outcome, instance: Instance) -> tuple[Bools, Bools, Floats]:
    """Placement, openings and surge. Raises AuditFailed for another shape, or an amount that is no amount."""
    skus, nodes, _, periods = instance.shape
    stocked, open, surge = outcome.stocked, outcome.open, outcome.surge
    if stocked is None or open is None or surge is None:
        raise AuditFailed("the solver's plan is not whole.")
    if (stocked.shape, open.shape, surge.shape) != ((skus, nodes, periods), (nodes, periods), (nodes, 3, periods)):
        raise AuditFailed("the solver's plan does not fit the case.")
    if not np.isfinite(surge).all() or (surge < 0).any():
        raise AuditFailed("the solver's plan holds an amount that is negative or not finite.")
    return stocked, open, surge


def check_certificate(outcome: Outcome, cost: float | None) -> None:
    """Raises AuditFailed for a bound that no plan of this cost can have; ``cost`` None: not all of it is ours."""
    own = outcome.objective if cost is None else cost
    slack = TOLERANCE * (1.0 + abs(own))
    if not np.isfinite(own) or np.isnan(outcome.bound) or outcome.bound > own + slack:
        raise AuditFailed(f"the solver's bound {outcome.bound:,.2f} contradicts the plan's cost {own:,.2f}.")
    if not abs(outcome.objective - own) <= slack:
        raise AuditFailed(f"the solver's cost {outcome.objective:,.2f} is not the plan's cost {own:,.2f}.")


def check_changed(
    instance: Instance, was: tuple[Outcome, Evaluation], now: tuple[Outcome, Evaluation], most_gap: float
) -> None:
    """Raises AuditFailed where a plan changed after the search takes more than there is of anything limited (beyond
    what the search's plan did), or where the change alone makes the gap wider than allowed."""
    for (name, before, most_before), (_, used, most) in zip(_uses(instance, *was), _uses(instance, *now), strict=True):
        over = used - most - np.maximum(before - most_before, 0.0)
        if (over > TOLERANCE * np.maximum(np.where(np.isfinite(most), np.abs(most), 0.0), 1.0)).any():
            raise AuditFailed(f"the polished plan takes {np.nanmax(over):,.4g} more than there is of {name}.")
    if now[0].gap > max(was[0].gap, most_gap) + TOLERANCE:
        raise AuditFailed(f"the polished plan's gap {now[0].gap:.3%} is wider than the allowed {most_gap:.3%}.")


def _uses(instance: Instance, outcome: Outcome, exact: Evaluation) -> Iterator[tuple[str, Floats, Floats]]:
    """Name, use and most of everything limited; of a hard minimum both with the sign turned round."""
    _, opened, surge = whole_plan(outcome, instance)
    yield "room", exact.volume_m3, np.where(opened[:, None], instance.room_m3[:, :, None], 0.0) + surge
    yield "throughput", exact.units_per_day, np.where(opened, instance.units_per_day[:, None], 0.0)
    yield "SKU slots", exact.sku_count, np.where(opened, instance.max_skus[:, None], 0.0)
    yield "the budget", exact.value.sum(axis=0), np.full(len(instance.periods), instance.budget)
    lanes = instance.lane_parcels_per_day[:, None]
    yield "a lane's parcels", exact.lane_parcels, np.broadcast_to(lanes, exact.lane_parcels.shape)
    for limit, used in zip(instance.limits, exact.limit_use, strict=True):
        sign = 1.0 if limit.sense == "max" else -1.0
        hard = limit.periods & np.isinf(limit.penalty)
        yield f'limit "{limit.name}"', sign * used, np.where(hard, sign * limit.amount, np.inf)
