"""What a plan itself gives cause to say: soft limits it breaks, and forecasts it can hardly rest on."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from models.spread import MOST_ERROR

from ..errors import Finding, numbered
from ..holding import several
from .actions import actions
from .basis import PlanBasis
from .network import limits


def plan_notes(basis: PlanBasis) -> tuple[Finding, ...]:
    """Findings of a plan, beyond those of its input."""
    return (*broken_limits(basis), *wild_levels(basis), *held_back(basis))


def held_back(basis: PlanBasis) -> Iterator[Finding]:
    """Purchases that a limit does not allow, the dearest named."""
    if not any(row.measure == "purchases" for row in basis.instance.limits):
        return
    table = actions(basis)
    rows = table[table["action"] == "postpone"].sort_values("value", ascending=False, kind="stable")
    if len(rows):
        names = np.array([f"{sku} at {node}" for sku, node in zip(rows["sku"], rows["to"], strict=True)], dtype=object)
        yield Finding(
            "P-003", "warning", "Actions", several(names),
            f"{numbered(len(rows), 'purchase')} of {rows['value'].sum():,.2f} {basis.case.settings.currency} that the "
            "plan needs now must wait: the limits on purchases leave no money, and these units are worth least",
            "Raise the limit on purchases, or accept that these run out sooner.",
        )  # fmt: skip


def broken_limits(basis: PlanBasis) -> Iterator[Finding]:
    """Soft limits that the plan breaks, with the penalty it pays."""
    table = limits(basis)
    currency = basis.case.settings.currency
    for _, rows in table[table["kept"] == "no"].groupby(["limit", "measure", "sense", "amount"], sort=False):
        row, paid = rows.iloc[0], rows["penalty"].sum()
        bound = "at most" if row["sense"] == "max" else "at least"
        yield Finding(
            "P-001", "warning", f"Limits: {row['limit']}", ", ".join(f"{used:,.6g}" for used in rows["used"]),
            f"{bound} {row['amount']:,.10g} {row['measure']}: a soft limit, broken in {', '.join(rows['period'])} for "
            f"penalties of {paid:,.2f} {currency}",
            "Leave penalty_per_unit blank if it must hold, or raise it.",
        )  # fmt: skip


def wild_levels(basis: PlanBasis) -> Iterator[Finding]:
    """SKUs whose forecast level has the widest error there is, and their share of the stock at cost."""
    instance = basis.instance
    stock = basis.evaluation.average_stock.sum(axis=(1, 2)) * instance.unit_cost
    wild = np.flatnonzero((instance.level_error >= MOST_ERROR) & (stock > 0))
    if not wild.size:
        return
    wild = wild[np.argsort(-stock[wild], kind="stable")]
    share = stock[wild].sum() / stock.sum()
    yield Finding(
        "P-002", "note", "SKUs", several(np.array(instance.skus, dtype=object)[wild]),
        f"{numbered(wild.size, 'SKU')} with {share:.1%} of the stock value: the error of the forecast level stands at "
        f"its upper bound, {MOST_ERROR:.0%}, for want of a long and even history",
        "State their demand on the sheet Demand, the largest first.",
    )  # fmt: skip
