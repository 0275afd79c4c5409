"""What would cost more if SKUs stayed where they are in the first period: by term, and by the rents they would pay."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from models.evaluation import COST_TERMS, Evaluation, evaluate
from models.instance import TEMPERATURES, Bools, Floats

from .basis import PlanBasis

CHANGE = "changes"  # the term of what the changes themselves cost
ONE_OF = {"units_per_day": "throughput", "skus": "a place"}  # what is paid for at a node
WORDS = {
    "outbound": "shipping", "late": "late parcels", "damage": "damage", "inbound": "inbound freight",
    "ordering": "orders", "handling": "handling", "capital": "capital", "storage": "storage",
    "stocking": "stocking fees", "spoilage": "spoilage", "outage": "outages", "shortage": "shortages",
    "change": CHANGE,
}  # fmt: skip


def staying(basis: PlanBasis, left: Bools, able: Bools) -> dict[str, Floats]:
    """(K,) money more by term and by rent, over the horizon, were the SKUs that are ``able`` (K,) to be held at the
    nodes of ``left`` (K,N) in the first period; all else as planned."""
    instance, surge = basis.instance, basis.outcome.surge
    stocked = basis.stocked.copy()
    stocked[able, :, 0] = left[able]
    room = np.zeros((len(instance.nodes), 3, len(instance.periods))) if surge is None else surge
    other = evaluate(instance, stocked, basis.open, room)
    more = {
        WORDS.get(term, term): (other.costs[term] - basis.evaluation.costs[term]).sum(axis=(1, 2))
        for term in COST_TERMS
    }
    return more | dict(_rents(basis, other, stocked[:, :, 0]))


def _rents(basis: PlanBasis, other: Evaluation, stocked: Bools) -> Iterator[tuple[str, Floats]]:
    """(K,) rent that staying would pay beyond what the plan pays in the first period, by what it is paid for."""
    rents, case = basis.outcome.rents, basis.instance
    if rents is None:
        return
    more = _more(basis, other, stocked)
    for n, name in enumerate(case.nodes):
        for c, temperature in enumerate(TEMPERATURES):
            if rents.room[n, c, 0] > 0:
                worth = np.where(case.temperature == c, more["volume_m3"][:, n], 0.0) * rents.room[n, c, 0]
                yield f"rent of {temperature} space at {name}{_figures(basis, n, temperature)}", worth
        for what, paid in (("units_per_day", rents.units_per_day), ("skus", rents.skus)):
            if paid[n, 0] > 0:
                yield f"rent of {ONE_OF[what]} at {name}", more[what][:, n] * paid[n, 0]
    if rents.budget[0] > 0:
        yield "the rent of the budget", more["value"].sum(axis=1) * rents.budget[0]
    for row in case.limits:
        rent = rents.limits.get((row.name, 0), 0.0)
        if rent > 0 and row.measure in more and row.regions is None:
            sign = 1.0 if row.sense == "max" else -1.0
            yield f"the rent of the limit {row.name}", sign * rent * row.skus * (more[row.measure] @ row.nodes)


def _more(basis: PlanBasis, other: Evaluation, stocked: Bools) -> dict[str, Floats]:
    """(K,N) what staying would take more in the first period, by measure of the sheet Limits."""
    case, own, planned = basis.instance, basis.evaluation, basis.stocked[:, :, 0]
    stock = (other.average_stock - own.average_stock)[:, :, 0]
    more = {
        "volume_m3": (other.peak_stock - own.peak_stock)[:, :, 0] * case.volume_m3[:, None],
        "value": stock * case.unit_cost[:, None],
        "units": stock,
        "units_per_day": (other.flow - own.flow)[:, :, 0],
        "skus": stocked.astype(float) - planned,
    }
    if case.in_force is not None:
        more["changes"] = (stocked != case.in_force).astype(float) - (planned != case.in_force)
        left = case.left_value * (planned.astype(float) - stocked)
        more["change_value"] = left + np.where(case.in_force, 0.0, more["value"])
    return more


def _figures(basis: PlanBasis, n: int, temperature: str) -> str:
    """The rent per m3 now and, where an earlier plan says it, before."""
    rents, previous = basis.outcome.rents, basis.case.previous
    name = basis.instance.nodes[n]
    now = 0.0 if rents is None else float(rents.room[n, TEMPERATURES.index(temperature), 0])
    if previous is None or name not in previous.nodes_in_force.index:
        return f" ({now:,.2f} per m3)"
    was = float(np.nan_to_num(previous.nodes_in_force[f"{temperature}_rent_per_m3"].to_dict()[name]))
    return f" ({now:,.2f} per m3, was {was:,.2f})"
