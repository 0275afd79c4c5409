"""The audit proper: recompute the plan's placement from the input, and hold every sheet against it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .check_actions import check_actions
from .check_changes import check_changes
from .check_network import check_limits, check_nodes, expected_limits
from .check_regions import check_regions
from .check_rows import check_rows
from .check_rules import check_rules
from .check_run import Money, check_certificate, check_summary, check_sums
from .decisions import read_decisions
from .recompute import Recomputation, Recomputed
from .reference import Rates, Reference, reference
from .report import Report
from .use import AT_FIRST, Limit, NodeUse, cuts, limit_use, limits, node_use, penalty
from .workbook import PlanBook

if TYPE_CHECKING:
    from optimizer.case import Case

    from .decisions import Read


def check_promises(book: PlanBook, case: Case, rates: Rates | None, report: Report) -> None:
    """Every check that needs the recomputed plan."""
    ref = reference(case, _demand(case) if rates is None else rates)
    rows = limits(case, ref.known, ref.rules.tier)
    read = read_decisions(book, ref, report)
    found = Recomputation(ref, read.decisions, cuts(rows, ref.known.shape[2])).run()
    use = node_use(ref, read.decisions, found)
    money = money_of(ref, read, found, use, rows)
    check_rules(read, ref, found, report)
    check_rows(read, ref, found, report)
    check_nodes(read, ref, found, use, report)
    check_limits(book.tables["Limits"], list(expected_limits(read, ref, found, use, rows)), report)
    check_regions(book, read, ref, found, report)
    check_actions(book, read, case, ref, found, rows, report)
    check_changes(book, read, case, ref, found, report)
    check_certificate(book.run, money, report)
    check_sums(book, book.run, report)
    check_summary(book, ref.known.calendar.labels, money, book.run, report)


def _demand(case: Case) -> Rates:
    from optimizer.forecasting import forecast

    return forecast(case)


def money_of(ref: Reference, read: Read, found: Recomputed, use: NodeUse, rows: tuple[Limit, ...]) -> Money:
    """Every cost term by period; what a limit over several periods costs stands in the first of them."""
    terms = {term: cost.sum(axis=0) for term, cost in found.costs.items()}
    own = (("fixed", use.fixed), ("opening", use.opening), ("surge", use.surge))
    terms |= {f"nodes: {name}": cost.sum(axis=0) for name, cost in own}
    paid = np.zeros(len(ref.known.calendar))
    for limit in rows:
        if not len(limit.periods):
            continue
        used = limit_use(limit, ref, read.decisions, found, use)
        if limit.measure in AT_FIRST:
            paid[0] += penalty(limit, used)
        elif len(used) == 1:
            paid[limit.periods[0]] += penalty(limit, used)
        else:
            paid[limit.periods] += [penalty(limit, used[at : at + 1]) for at in range(len(used))]
    return Money({**terms, "penalties of soft limits": paid})
