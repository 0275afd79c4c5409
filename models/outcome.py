"""What the optimizer hands back: a placement with its certificate, the rents, or the smallest relief."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from .instance import Bools, Floats


@dataclass(frozen=True)
class Rents:
    """Shadow prices at the certified bound: what one more unit of a scarce thing is worth, per period (>= 0)."""

    room: Floats  # (N,3,T) money per m3
    units_per_day: Floats  # (N,T) money per (unit/day)
    skus: Floats  # (N,T) money per SKU slot
    budget: Floats  # (T,) money per money of stock
    lanes: Floats  # (L,T) money per (parcel/day)
    limits: Mapping[tuple[str, int], float]  # (limit name, period index) -> money per unit of the measure


@dataclass(frozen=True)
class Relief:
    """One line of the smallest relief that would make an infeasible case feasible."""

    limit: str  # "room", "units_per_day", "max_skus", "budget", "surge", "lane", "nodes", a limit's name, or "at
    # least" where a constraint that was added asks for more than can be
    where: str  # e.g. "DAL chilled", "DAL", "" for the whole network
    period: str
    amount: float
    unit: str  # "m3", "units/day", "SKUs", "money", "parcels/day", ...


@dataclass(frozen=True)
class Outcome:
    """Result of a solve. `status` is never flattened:

    ``gap_reached`` (the asked gap is certified), ``stalled`` (the search ended above the asked gap),
    ``time_limit`` or ``interrupted`` (best plan so far, if ``stocked`` is not None), ``infeasible`` (proved; see
    ``relief``).
    """

    status: str
    objective: float  # cost of the plan, money over the horizon; inf without a plan
    bound: float  # no plan can cost less; -inf if none is known
    stocked: Bools | None = None  # (K,N,T)
    open: Bools | None = None  # (N,T)
    surge: Floats | None = None  # (N,3,T) m3
    rents: Rents | None = None
    relief: tuple[Relief, ...] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)  # by stage
    counts: Mapping[str, float] = field(default_factory=dict)  # patterns priced, columns, rounds ...
    room_price: Floats | None = None  # (N,3) money/m3/month that orders were sized with
    bound_is_relaxed: bool = False  # True when not every set could be priced; the bound then rests on a relaxation

    @property
    def gap(self) -> float:
        """(plan - bound) / plan, a share; inf without a plan."""
        if self.stocked is None:
            return float("inf")
        return max(0.0, self.objective - self.bound) / max(abs(self.objective), 1e-9)


def whole(outcome: Outcome) -> tuple[Bools, Bools, Floats]:
    """Placement, openings and surge of a plan. Raises ValueError where there is none."""
    if outcome.stocked is None or outcome.open is None or outcome.surge is None:
        raise ValueError("the outcome holds no plan")
    return outcome.stocked, outcome.open, outcome.surge


@dataclass(frozen=True)
class Progress:
    """One line of live progress."""

    stage: str  # "reading", "demand", "patterns", "bound", "search" (whole patterns), "plan", "closing", "together" ...
    seconds: float
    bound: float
    best: float  # inf until a plan is known
    note: str = ""
    plan: Outcome | None = None  # on the line of a better plan: it, as if the search had been stopped here

    @property
    def gap(self) -> float:
        """(best - bound) / best; inf until both are known."""
        if self.best == float("inf") or self.bound == -float("inf"):
            return float("inf")
        return max(0.0, self.best - self.bound) / max(abs(self.best), 1e-9)
