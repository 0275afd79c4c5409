"""The sheets Nodes and Limits: what is used of everything that is scarce, and what more of it would be worth."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from models.evaluation import COST_TERMS
from models.instance import FIRST_PERIOD, TEMPERATURES, Floats, LimitRow

from .basis import PlanBasis, blank_infinite, column_of, named
from .columns import LIMITS, NODES, frame

NOISE = 1e-6  # of the plan's cost: a capacity whose whole worth is below it has no rent
ONCE = ("cost", *FIRST_PERIOD)  # measures that a limit holds once, not period by period


def nodes(basis: PlanBasis) -> pd.DataFrame:
    """The Nodes sheet: N x T rows; its costs and the penalties of the Limits sheet add up to the plan's cost."""
    instance, evaluation = basis.instance, basis.evaluation
    _, count, _, periods = instance.shape
    node, period = (index.ravel() for index in np.indices((count, periods)))
    types = column_of(basis.case.nodes, "node", instance.nodes, "type").to_numpy(object)
    rents = basis.outcome.rents
    flow_rent, slot_rent = (rents.units_per_day, rents.skus) if rents else (None, None)
    return frame(
        NODES,
        {
            "node": named(instance.nodes, node),
            "type": types[node],
            "period": named(instance.periods, period),
            "status": node_status(basis).ravel(),
            **_rooms(basis),
            "surge_used_m3": surge(basis).sum(axis=1).ravel(),
            "surge_room_m3": instance.surge_m3[node],
            **_use("units_per_day", evaluation.units_per_day, instance.units_per_day, periods),
            "units_per_day_rent": node_rent(basis, flow_rent, instance.units_per_day).ravel(),
            **_use("skus", evaluation.sku_count, instance.max_skus, periods),
            "skus_rent": node_rent(basis, slot_rent, instance.max_skus).ravel(),
            "units": evaluation.units.ravel(),
            "value": evaluation.value.ravel(),
            **_costs(basis),
        },
    )


def node_status(basis: PlanBasis) -> NDArray[np.object_]:
    """(N,T) open, opens, closes (the first period it is no longer open), not open, not available."""
    instance, is_open = basis.instance, basis.open
    before = basis.open_before
    states = {"open": is_open & before, "opens": is_open, "closes": before, "not available": ~instance.available}
    return np.select(list(states.values()), list(states), "not open").astype(object)


def surge(basis: PlanBasis) -> Floats:
    """(N,3,T) m3 of surge space rented."""
    rented = basis.outcome.surge
    return rented if rented is not None else np.zeros_like(basis.evaluation.volume_m3)


def rent_of(basis: PlanBasis, rent: Floats | float | None, limit: Floats | float) -> Floats:
    """Rents without their noise: 0 where the whole of a limit is worth less than NOISE; nan where none is known."""
    if rent is None:
        return np.full(np.shape(limit), np.nan)
    size = np.where(np.isfinite(limit), np.maximum(np.abs(limit), 1.0), 1.0)
    return np.where(rent * size > NOISE * abs(basis.cost), rent, 0.0)


def node_rent(basis: PlanBasis, rent: Floats | None, limit: Floats) -> Floats:
    """(N,T) rents of a capacity (N,) of the nodes; nan where a node is not open."""
    return np.where(basis.open, rent_of(basis, rent, limit[:, None]), np.nan)


def share_of(used: Floats, limit: Floats) -> Floats:
    """used / limit; nan where there is no limit, and where both are 0."""
    blank = np.full(np.broadcast(used, limit).shape, np.nan)
    return np.divide(used, limit, out=blank, where=np.isfinite(limit) & (limit > 0))


def _rooms(basis: PlanBasis) -> dict[str, Floats]:
    """Use, room, fill and rent of each temperature."""
    columns: dict[str, Floats] = {}
    volume, rents = basis.evaluation.volume_m3, basis.outcome.rents
    for at, temperature in enumerate(TEMPERATURES):
        used = volume[:, at, :]
        room = np.broadcast_to(basis.instance.room_m3[:, at, None], used.shape)
        columns[f"{temperature}_used_m3"] = used.ravel()
        columns[f"{temperature}_room_m3"] = blank_infinite(room).ravel()
        columns[f"{temperature}_fill"] = share_of(used, room).ravel()
        rent = rents.room[:, at, :] if rents else None
        columns[f"{temperature}_rent_per_m3"] = node_rent(basis, rent, basis.instance.room_m3[:, at]).ravel()
    return columns


def _use(name: str, used: Floats, limit: Floats, periods: int) -> dict[str, Floats]:
    limits = np.repeat(limit[:, None], periods, axis=1)
    return {
        name: used.ravel(),
        f"{name}_limit": blank_infinite(limits).ravel(),
        f"{name}_fill": share_of(used, limits).ravel(),
    }


def _costs(basis: PlanBasis) -> dict[str, Floats]:
    evaluation = basis.evaluation
    of_skus = sum((evaluation.costs[term].sum(axis=0) for term in COST_TERMS), np.zeros(evaluation.value.shape))
    own = {name: evaluation.node_costs[name] for name in ("fixed", "opening", "surge")}
    total = of_skus + own["fixed"] + own["opening"] + own["surge"]
    return {
        "sku_cost": of_skus.ravel(),
        **{f"{name}_cost": cost.ravel() for name, cost in own.items()},
        "cost": total.ravel(),
    }


@dataclass(frozen=True)
class LimitLine:
    """One line of the Limits sheet."""

    limit: str
    measure: str
    sense: str
    period: str
    used: float
    amount: float
    slack: float
    rent: float
    penalty: float

    @property
    def kept(self) -> str:
        """yes, or no for a soft limit that is broken."""
        return "no" if self.penalty > 0 else "yes"


def limits(basis: PlanBasis) -> pd.DataFrame:
    """The Limits sheet: the budget, every row of the input's Limits sheet, and lanes with a limit of their own."""
    lines = [*_budget(basis), *_limit_rows(basis), *_lanes(basis)]
    return frame(LIMITS, {column.name: [getattr(line, column.name) for line in lines] for column in LIMITS})


def _budget(basis: PlanBasis) -> Iterator[LimitLine]:
    amount = basis.instance.budget
    if not np.isfinite(amount):
        return
    rents = basis.outcome.rents
    for at, period in enumerate(basis.instance.periods):
        used = float(basis.evaluation.value[:, at].sum())
        rent = float(rent_of(basis, float(rents.budget[at]) if rents else None, amount))
        yield LimitLine("budget", "value", "max", period, used, amount, amount - used, rent, 0.0)


def _limit_rows(basis: PlanBasis) -> Iterator[LimitLine]:
    for at, row in enumerate(basis.instance.limits):
        for t in _periods_of(row):
            used = float(basis.evaluation.limit_use[at, t])
            slack = row.amount - used if row.sense == "max" else used - row.amount
            penalty = float(basis.evaluation.penalties[at, t])
            period = _span(basis, row) if row.measure in ONCE else basis.instance.periods[t]
            yield LimitLine(
                row.name, row.measure, row.sense, period, used, row.amount, slack, _rent(basis, row, t), penalty
            )  # fmt: skip


def _periods_of(row: LimitRow) -> list[int]:
    """Where the use of a limit stands: each period it names; the total of cost in the first; else in period 0."""
    masked = [int(period) for period in np.flatnonzero(row.periods)]
    return {"cost": masked[:1], **{measure: [0] for measure in FIRST_PERIOD}}.get(row.measure, masked)


def _rent(basis: PlanBasis, row: LimitRow, period: int) -> float:
    rents = basis.outcome.rents
    return float(rent_of(basis, rents.limits.get((row.name, period), 0.0) if rents else None, row.amount))


def _span(basis: PlanBasis, row: LimitRow) -> str:
    """Label of what a limit that holds once covers: the named periods for cost, else the first period."""
    labels = basis.instance.periods
    masked = [int(period) for period in np.flatnonzero(row.periods)] if row.measure == "cost" else [0]
    if len(masked) > 2 and masked[-1] - masked[0] == len(masked) - 1:
        return f"{labels[masked[0]]} to {labels[masked[-1]]}"
    return ", ".join(labels[period] for period in masked)


def _lanes(basis: PlanBasis) -> Iterator[LimitLine]:
    instance, evaluation, rents = basis.instance, basis.evaluation, basis.outcome.rents
    for lane in np.nonzero(np.isfinite(instance.lane_parcels_per_day))[0]:
        node, region = instance.nodes[instance.lane_node[lane]], instance.regions[instance.lane_region[lane]]
        name = " ".join(filter(None, (f"lane {node} > {region}", instance.lane_carrier[lane])))
        amount = float(instance.lane_parcels_per_day[lane])
        for at, period in enumerate(instance.periods):
            used = float(evaluation.lane_parcels[lane, at])
            rent = float(rent_of(basis, float(rents.lanes[lane, at]) if rents else None, amount))
            yield LimitLine(name, "parcels_per_day", "max", period, used, amount, amount - used, rent, 0.0)
