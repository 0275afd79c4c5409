"""Replay: a plan lives through a real order history, day by day, and is held against what it promised."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from models.simulation import Options, OrderLines, Tally, simulate

from .case import Case
from .columns import positions
from .errors import UsageError
from .forecasting import GRACE
from .openings import first_and_last, opening
from .periods import day_number
from .planned import Planned, of_plan, of_workbook
from .tables import replay_summary, replayed
from .tables.replay_columns import SHEETS

if TYPE_CHECKING:
    from .plan import Plan

__all__ = ["Replay", "replay"]


@dataclass(frozen=True, eq=False)
class Replay:
    """What became of the orders. Tables are data frames named like the sheets of the replay workbook."""

    case: Case
    planned: Planned
    tallies: tuple[Tally, ...]  # one for each seed
    since: date
    until: date

    @cached_property
    def figures(self) -> replayed.Figures:
        """The mean over the seeds, ready for the tables."""
        return replayed.Figures(self.planned, replayed.mean_of(self.tallies), self.tallies, day_number(self.since))

    @cached_property
    def summary(self) -> pd.DataFrame:
        """Service, parcels, stock and cost in all, beside the plan's own figures; the worst days and nodes."""
        return replay_summary.summary(self.figures)

    @cached_property
    def tiers(self) -> pd.DataFrame:
        """Promised and achieved service by tier."""
        return replayed.tiers(self.figures)

    @cached_property
    def nodes(self) -> pd.DataFrame:
        """Work, service and stock of each node."""
        return replayed.nodes(self.figures)

    @cached_property
    def regions(self) -> pd.DataFrame:
        """Service of each region."""
        return replayed.regions(self.figures)

    @cached_property
    def skus(self) -> pd.DataFrame:
        """Service and stock of each SKU."""
        return replayed.skus(self.figures)

    @cached_property
    def stock(self) -> pd.DataFrame:
        """What came, went and was left of each SKU at each node, beside the plan's stock."""
        return replayed.stock(self.figures)

    @cached_property
    def days(self) -> pd.DataFrame:
        """Every day."""
        return replayed.days(self.figures)

    @property
    def headline(self) -> tuple[str, ...]:
        """The result in a few lines."""
        return replay_summary.headline(self.figures)

    def tables(self) -> Mapping[str, pd.DataFrame]:
        """All sheets by name, in the order of the workbook."""
        return {sheet: getattr(self, sheet.lower()) for sheet in SHEETS}

    def write(self, path: str | Path) -> Path:
        """Write the tables as a workbook, whole or not at all. Raises UsageError or WriteFailed."""
        from .writing.workbook import write_tables

        return write_tables({name: (table, SHEETS[name]) for name, table in self.tables().items()}, path)


def replay(
    plan: Plan | str | Path,
    orders: pd.DataFrame | str | Path,
    case: Case | None = None,
    *,
    since: date | None = None,
    until: date | None = None,
    seeds: int = 1,
    start: str | None = None,
    backorders: bool = False,
    fixed_lots: bool = False,
) -> Replay:
    """Let a plan live through orders, day by day.

    ``plan`` is a plan, or the path of a written one; then ``case`` is its input, read with the plan's settings
    (`optimizer.planned.run_facts`). ``orders`` is an orders file or a table like ``case.orders``. The days are
    ``since`` .. ``until``, from the plan's first to the last with orders. ``seeds`` runs are averaged; they
    differ in outages, lead times, lateness and damage. ``start`` is the stock at the beginning: stock, average or cycle
    (see `optimizer.openings.opening`). Sales are lost when nothing is left, or wait with ``backorders``. Orders lift
    stock to the order-up-to level, or are multiples of the order quantity with ``fixed_lots``.

    Raises UsageError when no day is left, an option is wrong or the case is missing; InputInvalid when the orders or
    the plan name what the case does not know.
    """
    own, planned = _planned(plan, case)
    if seeds < 1:
        raise UsageError(f"seeds is {seeds}.", "Ask for 1 or more.")
    table = _table(orders, own)
    first, last = _window(planned, table, since, until)
    lines = order_lines(own, table)
    options = Options(backorders=backorders, fixed_lots=fixed_lots)
    tallies = []
    for seed in range(own.settings.seed, own.settings.seed + seeds):
        stock = opening(own, planned, start, first, seed)
        tallies.append(simulate(planned.instance, planned.rules, lines, stock, first, last, seed, options))
    return Replay(own, planned, tuple(tallies), _date(first), _date(last))


def _date(day: int) -> date:
    return date(1970, 1, 1) + timedelta(days=day)


def _planned(plan: Plan | str | Path, case: Case | None) -> tuple[Case, Planned]:
    if not isinstance(plan, (str, Path)):
        return (case or plan.case), of_plan(plan)
    if case is None:
        raise UsageError("a written plan is replayed with its input.", "Pass case=optimizer.read(...).")
    return case, of_workbook(plan, case)


def _table(orders: pd.DataFrame | str | Path, case: Case) -> pd.DataFrame:
    if isinstance(orders, pd.DataFrame):
        return orders
    from .reading.history import read_history

    return read_history(orders, case)


def _window(planned: Planned, table: pd.DataFrame, since: date | None, until: date | None) -> tuple[int, int]:
    """First and last day: asked for, else those of the plan as far as there are orders.

    A few days without any order (GRACE) before the first or after the last one count as days on which nothing was sold;
    more are days that the file does not know.
    """
    begin, end = int(planned.rules.first_day[0]), int(planned.rules.first_day[-1]) - 1
    shown = [_date(day).isoformat() for day in (begin, end)]
    for day in (since, until):
        if day is not None and not begin <= day_number(day) <= end:
            raise UsageError(f"{day} is no day of the plan.", f"Its days are {shown[0]} to {shown[1]}.")
    if since is not None and until is not None and until < since:
        raise UsageError(f"the last day, {until}, is before the first, {since}.", "Turn --from and --until round.")
    earliest, latest = first_and_last(table)
    first = (begin if earliest - begin <= GRACE else earliest) if since is None else day_number(since)
    last = min(end, latest) if until is None else day_number(until)
    seen = [_date(day).isoformat() for day in (earliest, latest)]
    if last < first or earliest > last or latest < first:
        asked = "".join(f", {word} {day} as asked" for word, day in (("from", since), ("until", until)) if day)
        raise UsageError(
            f"no order falls in the days to replay: orders are from {seen[0]} to {seen[1]}, the plan is for {shown[0]} "
            f"to {shown[1]}{asked}.",
            "Replay other days or later orders, or plan from an earlier start (--set start=...).",
        )
    if earliest - first > GRACE or last - latest > GRACE:
        raise UsageError(
            f"{_date(first)} to {_date(last)} reach beyond the orders, which are from {seen[0]} to {seen[1]}: days "
            "that the file does not know would count as days without sales.",
            "Name days that it covers.",
        )
    return first, last


def order_lines(case: Case, table: pd.DataFrame) -> OrderLines:
    """Order lines as arrays. Raises InputInvalid when a line names an unknown SKU or region."""
    order = table["order_id"]
    codes = order.cat.codes.to_numpy() if isinstance(order.dtype, pd.CategoricalDtype) else pd.factorize(order)[0]
    return OrderLines(
        day=table["date"].to_numpy(dtype="datetime64[D]").astype(np.int64),
        order=codes.astype(np.int64),
        sku=positions(table["sku"], case.skus["sku"], "Orders!sku"),
        region=positions(table["region"], case.regions["region"], "Orders!region"),
        quantity=table["quantity"].to_numpy(dtype=float),
    )
