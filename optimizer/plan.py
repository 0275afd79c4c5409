"""The plan: a placement with its certificate, and its sheets as data frames."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import chain

import pandas as pd

from .tables import actions, changes, network, regions, run, stock, summary
from .tables.basis import PlanBasis
from .tables.columns import SHEETS
from .tables.summary import Block


@dataclass(frozen=True, eq=False)
class Plan(PlanBasis):
    """Tables named like the sheets of the plan workbook, each built when it is first asked for.

    Columns, units and meanings stand in `optimizer.tables.columns`. Raises ValueError when the outcome holds no plan.
    """

    @cached_property
    def summary(self) -> pd.DataFrame:
        """The figures of the Summary sheet: section, item, measure, value."""
        return summary.summary(self.blocks)

    @cached_property
    def blocks(self) -> tuple[Block, ...]:
        """The Summary sheet's tables as it lays them out."""
        names = ("placement", "actions", "nodes", "limits", "findings", "changes")
        return summary.blocks(self, {name: getattr(self, name) for name in names})

    @cached_property
    def headline(self) -> tuple[str, ...]:
        """Cost and quality of the plan in words."""
        return summary.headline(self)

    @cached_property
    def placement(self) -> pd.DataFrame:
        """Where each SKU is stocked in each period."""
        return stock.placement(self)

    @cached_property
    def replenishment(self) -> pd.DataFrame:
        """How each placement is replenished, and what to order now."""
        return stock.replenishment(self)

    @cached_property
    def actions(self) -> pd.DataFrame:
        """What to open, close, move and buy."""
        return actions.actions(self)

    @cached_property
    def regions(self) -> pd.DataFrame:
        """Who ships to each region, who steps in, and how its promise is kept."""
        return regions.regions(self)

    @cached_property
    def nodes(self) -> pd.DataFrame:
        """Use of each node against its capacities, and its cost."""
        return network.nodes(self)

    @cached_property
    def limits(self) -> pd.DataFrame:
        """The budget and all limits: used, amount, slack, rent."""
        return network.limits(self)

    @cached_property
    def changes(self) -> pd.DataFrame:
        """The first period against the placement in force."""
        return changes.changes(self)

    @cached_property
    def findings(self) -> pd.DataFrame:
        """What reading, checking and assembling had to say, worst first."""
        return run.findings(chain(self.case.findings, self.assembly_findings))

    @cached_property
    def run(self) -> pd.DataFrame:
        """Status, certificate, settings with their origins, versions."""
        return run.run(self)

    @property
    def stop_reason(self) -> str:
        """Why the search ended: proved_gap, no_better_plan_found, time_limit, interrupted, crashed or memory."""
        return run.stop_reason(self)

    def tables(self) -> dict[str, pd.DataFrame]:
        """All sheets by name, in the order of the workbook."""
        return {sheet: getattr(self, sheet.lower()) for sheet in SHEETS}
