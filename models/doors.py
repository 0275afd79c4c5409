"""What a node or a lane cannot send on the day waits for another one."""

from __future__ import annotations

import numpy as np

from .instance import Floats, Ints
from .shelves import DUST, running


class Door:
    """Queues of work, each let out at so much a day; what comes first goes first.

    ``urgent`` work goes before the rest: it delays what is not, and is not delayed by it.

    >>> door = Door(np.array([10.0]))
    >>> door.days(np.zeros(3, dtype=np.int64), np.array([6.0, 4.0, 12.0])).tolist()
    [0.0, 0.0, 2.0]
    """

    def __init__(self, a_day: Floats) -> None:
        self.a_day = a_day
        self.limited = bool(np.isfinite(a_day).any())
        self.urgent, self.rest = np.zeros(len(a_day)), np.zeros(len(a_day))

    def days(self, at: Ints, work: Floats, urgent: bool = True) -> Floats:
        """Full days (rows,) that work waits at its queues ``at``, row by row in this order."""
        if not self.limited or not len(at):
            return np.zeros(len(at))
        line = self.urgent if urgent else self.rest
        before = line if urgent else self.urgent + self.rest
        done = before[at] + running(at, work) + work
        with np.errstate(divide="ignore", invalid="ignore"):
            days = np.ceil(done / self.a_day[at] - DUST) - 1.0
        line += np.bincount(at, work, len(line))
        return np.where(np.isfinite(self.a_day[at]), np.maximum(days, 0.0), 0.0)

    def night(self) -> None:
        """A day's work is done."""
        left = np.maximum(self.a_day - self.urgent, 0.0)
        self.urgent = np.maximum(self.urgent - self.a_day, 0.0)
        self.rest = np.maximum(self.rest - left, 0.0)
