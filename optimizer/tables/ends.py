"""When nodes cease to sell a SKU, and which orders of today would come only after that (MATHEMATICS.md, section 10)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.instance import Bools, Floats, Ints

from .basis import TOLERANCE, PlanBasis, column_of


def days_open(basis: PlanBasis) -> Floats:
    """(N,T) days of each period on which a node's window is open."""
    ends = np.cumsum(basis.instance.days)
    starts = ends - basis.instance.days
    first = np.maximum(np.nan_to_num(_since_start(basis, "open_from"), nan=-np.inf)[:, None], starts)
    last = np.minimum(_last_of_window(basis)[:, None] + 1.0, ends)
    return np.asarray(np.maximum(last - first, 0.0))


def last_days(basis: PlanBasis) -> Floats:
    """(K,N) days from the start until the last on which a node sells the SKU: the last of the periods in a row, from
    the first on, in which the plan stocks it there, or of the node's window; inf where it stays to the end."""
    here = np.logical_and.accumulate(basis.stocked, axis=2)
    ends = np.cumsum(basis.instance.days) - 1.0
    of_row = np.where(here[:, :, -1], np.inf, ends[np.maximum(here.sum(axis=2) - 1, 0)])
    return np.minimum(of_row, _last_of_window(basis)[None, :])


def is_left(basis: PlanBasis) -> Bools:
    """(K,N) nodes that cease to sell the SKU within the plan."""
    return np.asarray(last_days(basis) < float(basis.instance.days.sum()))


def too_late(basis: PlanBasis) -> Bools:
    """(K,N) nodes at which an order of today comes after the last day on which they sell the SKU."""
    return np.asarray(_whole(basis.evaluation.lead_time[:, :, 0]) > last_days(basis))


def too_late_below(basis: PlanBasis, above: Ints) -> Bools:
    """(K,N) the same of goods that the stocked feeders ``above`` must order themselves first."""
    lead, row = basis.evaluation.lead_time[:, :, 0], np.arange(len(above))[:, None]
    days, at = _whole(lead), above
    while (at >= 0).any():
        days = days + np.where(at >= 0, _whole(lead)[row, np.maximum(at, 0)], 0.0)
        at = np.where(at >= 0, above[row, np.maximum(at, 0)], -1)
    return np.asarray(days > last_days(basis))


def _whole(days: Floats) -> Floats:
    return np.asarray(np.ceil(days - TOLERANCE))


def _last_of_window(basis: PlanBasis) -> Floats:
    return np.nan_to_num(_since_start(basis, "open_until"), nan=np.inf)


def _since_start(basis: PlanBasis, name: str) -> Floats:
    """(N,) days from the start to a date of the sheet Nodes; nan where it is blank."""
    dates: NDArray[np.datetime64] = column_of(basis.case.nodes, "node", basis.instance.nodes, name).to_numpy(
        dtype="datetime64[D]"
    )
    return np.asarray((dates - np.datetime64(basis.start)) / np.timedelta64(1, "D"))
