"""Status: the stock of a day against the plan in force - what runs out, what is too much, and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from .errors import Finding, UsageError
from .planned import RUN_SETTINGS, book_of, facts_of
from .settings import Settings
from .tables import control, exceptions
from .tables.approvals import from_run
from .tables.control_columns import SHEETS
from .tables.run import findings as findings_table

if TYPE_CHECKING:
    from .plan import Plan

__all__ = ["Status", "status"]


@dataclass(frozen=True)
class InForce:
    """A plan as the day needs it: the sheets, as data frames, and a few settings."""

    placement: pd.DataFrame
    replenishment: pd.DataFrame
    nodes: pd.DataFrame
    settings: Settings
    approvals: pd.DataFrame = field(default_factory=lambda: from_run({}))  # measure, threshold, owner


@dataclass(frozen=True, eq=False)
class Status:
    """Tables are data frames, named like the sheets of the status workbook."""

    plan: InForce
    stock: pd.DataFrame  # sku, node, on_hand, on_order, expires
    day: date
    seen: tuple[Finding, ...] = ()  # while the stock was read

    @cached_property
    def cells(self) -> control.Cells:
        """Plan and stock of every SKU at every node where one of them is."""
        return control.cells(self.plan.placement, self.plan.replenishment, self.stock, self.plan.settings, self.day)

    @cached_property
    def rooms(self) -> control.Rooms:
        """What the goods on hand take of each room."""
        return control.rooms(self.plan.nodes, self.cells)

    @cached_property
    def exceptions(self) -> pd.DataFrame:
        """What is not as it should be, most urgent first, with action and owner."""
        return exceptions.exceptions(self.cells, self.rooms, self.plan.settings, self.plan.approvals)

    @cached_property
    def nodes(self) -> pd.DataFrame:
        """Each node: cover, next stock-out, rooms, what is stranded."""
        return control.nodes(self.cells, self.rooms, self.exceptions)

    @cached_property
    def skus(self) -> pd.DataFrame:
        """Each SKU at each node."""
        return control.skus(self.cells, self.exceptions)

    @cached_property
    def findings(self) -> pd.DataFrame:
        """What was noticed in the file of stock."""
        return findings_table(self.seen)

    @property
    def headline(self) -> tuple[str, ...]:
        """The day in a few lines."""
        return exceptions.headline(self.exceptions, self.nodes, self.day, self.plan.settings)

    def tables(self) -> Mapping[str, pd.DataFrame]:
        """All sheets by name, in the order of the workbook."""
        return {sheet: getattr(self, sheet.lower()) for sheet in SHEETS}

    def write(self, path: str | Path) -> Path:
        """Write the tables as a workbook, whole or not at all. Raises UsageError or WriteFailed."""
        from .writing.workbook import write_tables

        return write_tables({name: (table, SHEETS[name]) for name, table in self.tables().items()}, path)


def status(plan: Plan | str | Path, stock: pd.DataFrame | str | Path, day: date | None = None) -> Status:
    """Hold the stock of a day against a plan.

    ``plan`` is a plan or the path of a written one. ``stock`` is a workbook with a Stock sheet, a CSV with its columns,
    or such a table; where the workbook has a sheet Approvals as well, that takes the place of the plan's. ``day`` is
    today unless given, and must be one of the plan's. Raises UsageError, FileRefused, or InputInvalid with every
    finding about the stock.
    """
    own = _in_force(plan)
    day = date.today() if day is None else day
    begin, end = own.settings.boundaries[0], own.settings.boundaries[-1]
    if not begin <= day < end:
        raise UsageError(
            f"{day} is no day of the plan, which is for {begin} until {end}.",
            "Name a day of it (--date), or the plan that is in force.",
        )
    if isinstance(stock, pd.DataFrame):
        return Status(own, stock, day)
    from .reading.stock import read_approvals, read_stock

    table, seen = read_stock(stock, own.placement["sku"], own.nodes["node"])
    rules = read_approvals(stock)
    return Status(own if rules is None else replace(own, approvals=rules), table, day, seen)


def _in_force(plan: Plan | str | Path) -> InForce:
    if not isinstance(plan, (str, Path)):
        return InForce(plan.placement, plan.replenishment, plan.nodes, plan.case.settings, plan.case.approvals)
    book = book_of(plan)
    facts, _ = facts_of(book)
    known = {name: facts[name] for name in (*RUN_SETTINGS, "transfer_cost", "currency") if name in facts}
    rules = from_run({name: line.value for name, line in book.run.items()})
    placement, refilled, nodes = (book.tables[name].whole for name in ("Placement", "Replenishment", "Nodes"))
    return InForce(placement, refilled, nodes, Settings().with_values(**known), rules)


def status_of(plan: Path, stock: Path, day: date | None, out: Path | None) -> Status:
    """Hold a file of stock against a written plan, and write the result if asked. Raises as :func:`status` does."""
    from .writing.publish import check_target

    if out is not None:
        check_target(out, [plan, stock])
    found = status(plan, stock, day)
    if out is not None:
        found.write(out)
    return found


def answer(found: Status, out: Path | None) -> dict[str, Any]:
    """What ``--json`` says: counts by kind, every exception, and the nodes."""
    from dataclasses import asdict

    from .console import counts

    table = found.exceptions
    return {
        "command": "status", "status": "exceptions" if len(table) else "ok", "exit_code": 0, "message": "",
        "findings": counts(found.seen), "details": [asdict(finding) for finding in found.seen],
        "date": found.day, "counts": {kind: int(count) for kind, count in table["exception"].value_counts().items()},
        "exceptions": _records(table), "nodes": _records(found.nodes), "workbook": out,
    }  # fmt: skip


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows as mappings; dates as ISO text, nothing for a blank."""
    dated = table.select_dtypes("datetime").columns
    texts = {
        name: table[name].dt.strftime("%Y-%m-%d").astype(object).where(table[name].notna(), None) for name in dated
    }
    return [{str(name): value for name, value in row.items()} for row in table.assign(**texts).to_dict("records")]
