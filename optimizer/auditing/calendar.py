"""The calendar of a case and who is awake in it (MATHEMATICS.md, section 1)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import NDArray

DAYS_PER_YEAR = 365.0
WEEKS_PER_YEAR = 52.1775


@dataclass(frozen=True)
class Calendar:
    """Periods as half-open date ranges; `days` and `months` are their lengths (T,)."""

    labels: tuple[str, ...]
    starts: tuple[pd.Timestamp, ...]
    ends: tuple[pd.Timestamp, ...]  # first day after the period
    days: NDArray[np.float64]
    months: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.labels)

    def days_inside(self, first: pd.Series, last: pd.Series) -> NDArray[np.float64]:
        """Days of each period covered by the windows `first`..`last`, both included, blank = unbounded: (rows, T)."""
        lower = pd.to_datetime(first).fillna(pd.Timestamp("1900-01-01")).to_numpy("datetime64[D]")
        upper = pd.to_datetime(last).fillna(pd.Timestamp("2199-12-31")).to_numpy("datetime64[D]") + np.timedelta64(
            1, "D"
        )
        covered = np.zeros((len(first), len(self)))
        for t, (start, end) in enumerate(zip(self.starts, self.ends, strict=True)):
            begins = np.maximum(lower, np.datetime64(start, "D"))
            stops = np.minimum(upper, np.datetime64(end, "D"))
            covered[:, t] = np.maximum((stops - begins) / np.timedelta64(1, "D"), 0.0)
        return covered


def calendar(start: date | str, periods: int, period: str) -> Calendar:
    """Calendar of `periods` periods from `start`; `period` is ``month`` or ``week``."""
    first = pd.Timestamp(start).normalize()
    step = {"month": lambda i: pd.DateOffset(months=i), "week": lambda i: pd.DateOffset(days=7 * i)}[period]
    edges = [first + step(i) for i in range(periods + 1)]
    whole_months = period == "month" and first.day == 1
    labels = tuple(edge.strftime("%Y-%m" if whole_months else "%Y-%m-%d") for edge in edges[:-1])
    days = np.array([(after - before).days for before, after in pairwise(edges)], dtype=float)
    months = np.full(periods, 1.0 if period == "month" else 12.0 / WEEKS_PER_YEAR)
    return Calendar(labels, tuple(edges[:-1]), tuple(edges[1:]), days, months)
