"""Sales that dated goods can count on at the node they go to, where the shortest-dated are sold first."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.instance import Floats, Ints

from ..shelf import unsold
from .basis import TOLERANCE

FAR = 1e7  # days; no date is so far


@dataclass(frozen=True)
class Dated:
    """Units at nodes, or on their way there; each array is (D,)."""

    cell: Ints  # SKU x nodes + node
    days: Floats  # from the start until they expire
    units: Floats


@dataclass(frozen=True)
class Shelves:
    """What is dated and sold in time where goods are wanted, by cell and date; each array but the last two is (D,)."""

    key: Floats  # cell and day in one, rising
    cell: Ints
    total: Floats  # units of the cell that expire by that day
    slack: Floats  # units more that could be sold there, at least, until that day and any later one of the list
    rate: Floats  # (cells,) units a day sold to customers
    ready: Floats  # (cells,) days until sales begin

    def room(self, cell: Ints, expires: Floats, arrives: Floats) -> Floats:
        """(A,) whole units that are sold before they expire if they come at ``arrives``, after what expires no later
        and so that what expires later is sold in time as well; inf where they keep."""
        days = np.where(np.isfinite(expires), expires, 0.0)
        after = np.searchsorted(self.key, cell * FAR + days, side="right")
        before = _at(self.total, self.cell, after - 1, cell, 0.0)
        most = np.minimum(days - np.maximum(arrives, self.ready[cell]), FAR) * self.rate[cell]
        most = np.minimum(most, self.rate[cell] * (days - self.ready[cell]) - before)
        most = np.minimum(most, _at(self.slack, self.cell, after, cell, np.inf))
        return np.where(np.isinf(expires), np.inf, np.floor(np.maximum(most, 0.0) + TOLERANCE))


def shelves(rate: Floats, ready: Floats, *dated: Dated) -> Shelves:
    """Put what is dated, as far as it is sold in time, on shelves; ``rate`` and ``ready`` (cells,)."""
    cell, days, units = (np.concatenate([getattr(each, name) for each in dated]) for name in ("cell", "days", "units"))
    some = np.flatnonzero(np.isfinite(days) & (units > 0) & (rate[cell] > 0))
    some = some[np.lexsort((days[some], cell[some]))]
    cell, days, units = cell[some].astype(np.int64), days[some], units[some]
    sellable = rate[cell] * np.maximum(days - ready[cell], 0.0)
    total, slack = np.zeros(len(cell)), np.full(len(cell), np.inf)
    sold = units - unsold(cell, units, sellable)
    for at in range(len(cell)):
        total[at] = sold[at] + (total[at - 1] if at and cell[at - 1] == cell[at] else 0.0)
    for at in range(len(cell) - 1, -1, -1):
        more = slack[at + 1] if at + 1 < len(cell) and cell[at + 1] == cell[at] else np.inf
        slack[at] = min(sellable[at] - total[at], more)
    return Shelves(cell * FAR + days, cell, total, slack, rate, ready)


def _at(values: Floats, cells: Ints, at: Ints, cell: Ints, other: float) -> Floats:
    """The values at positions ``at`` (A,) where they are of the same cell, else ``other``."""
    if not len(values):
        return np.full(len(at), other)
    inside = np.clip(at, 0, len(values) - 1)
    return np.where((at == inside) & (cells[inside] == cell), values[inside], other)


def granted(cell: Ints, expires: Floats, units: Floats, room: Floats) -> Floats:
    """(A,) of the units that go to each cell, what is sold in time, the first to expire first; ``room`` (A,) is what
    could be sold of each alone."""
    out, taken = units.copy(), dict[int, float]()
    some = np.flatnonzero(np.isfinite(expires) & (units > 0))
    for at in some[np.lexsort((expires[some], cell[some]))].tolist():
        here = taken.get(int(cell[at]), 0.0)
        out[at] = min(float(units[at]), max(float(room[at]) - here, 0.0))
        taken[int(cell[at])] = here + float(out[at])
    return out
