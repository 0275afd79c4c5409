"""What every table of a plan is made from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

if TYPE_CHECKING:
    from models.evaluation import Evaluation
    from models.instance import Bools, Instance, Ints
    from models.outcome import Outcome

    from ..case import Case
    from ..errors import Finding

TOLERANCE = 1e-9


@dataclass(frozen=True, eq=False)
class PlanBasis:
    """A case, the arrays made of it, a placement with its certificate, and the plan's own arithmetic on it."""

    case: Case
    instance: Instance
    rates: Any  # models.demand.DemandRates
    outcome: Outcome
    evaluation: Evaluation
    assembly_findings: tuple[Finding, ...] = ()  # beyond those of the case
    facts: Mapping[str, Any] = field(default_factory=dict)  # seconds, peak_memory_mb, input_sha256, versions ...

    @property
    def stocked(self) -> Bools:
        """(K,N,T); raises ValueError when the outcome holds no plan."""
        if self.outcome.stocked is None:
            raise ValueError(f"the outcome holds no plan (status {self.outcome.status})")
        return self.outcome.stocked

    @property
    def open(self) -> Bools:
        """(N,T) nodes in use; raises ValueError when the outcome holds no plan."""
        if self.outcome.open is None:
            raise ValueError(f"the outcome holds no plan (status {self.outcome.status})")
        return self.outcome.open & self.instance.available

    @property
    def open_before(self) -> Bools:
        """(N,T) nodes in use the period before; a node that is no candidate does not open in the first."""
        first = np.where(self.instance.candidate, self.instance.opened, self.open[:, 0])
        return np.column_stack([first, self.open[:, :-1]])

    @property
    def cost(self) -> float:
        """Money over the horizon, as evaluated from the case and not as the solver reported it."""
        return float(self.evaluation.total)

    @property
    def bound(self) -> float:
        """No plan can cost less; -inf if none is known."""
        return float(self.outcome.bound)

    @property
    def gap(self) -> float:
        """(cost - bound) / cost, a share; inf without a bound."""
        return max(0.0, self.cost - self.bound) / max(abs(self.cost), 1e-9)

    @property
    def searched_gap(self) -> float:
        """The gap of the plan that the search ended with, before anything was changed for what it knows nothing of; of
        an earlier plan that is kept, what it was then."""
        return float(self.facts.get("searched_gap", self.gap))

    @property
    def status(self) -> str:
        """gap_reached, stalled, time_limit or interrupted (see `models.outcome.Outcome`)."""
        return self.outcome.status

    @property
    def start(self) -> date:
        """First day of the plan."""
        return first_day(self.instance.periods[0])

    def rows(self) -> tuple[Ints, Ints, Ints]:
        """SKU, node and period of every placement, in the order of the sheets."""
        sku, node, period = np.nonzero(self.stocked)
        return sku, node, period


def first_day(period: str) -> date:
    """First day of a period from its label, ``YYYY-MM`` or an ISO date (section 1).

    >>> first_day("2027-02"), first_day("2027-02-08")
    (datetime.date(2027, 2, 1), datetime.date(2027, 2, 8))
    """
    return date.fromisoformat(period if len(period) > 7 else f"{period}-01")


def named(names: Sequence[str], index: Ints) -> NDArray[np.object_]:
    """Names at an index array; -1 gives a blank."""
    return np.array([*names, ""], dtype=object)[index]


def column_of(table: pd.DataFrame, key: str, names: Sequence[str], column: str) -> pd.Series:
    """A column of an input sheet in the order of `names`; all blank when the sheet has no such column."""
    if column not in table:
        return pd.Series(np.nan, index=range(len(names)))
    return table.drop_duplicates(key).set_index(key)[column].reindex(list(names)).reset_index(drop=True)


def blank_infinite(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Infinite ("no limit") as nan, which the sheets show as a blank."""
    return np.where(np.isfinite(values), values, np.nan)
