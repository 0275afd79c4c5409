"""How long stock lasts at rates that change with the periods, and what of it expires unsold."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.instance import Floats, Ints


@dataclass(frozen=True)
class Pace:
    """Demand per day from a day on: period by period, then as in the last period for ever."""

    lengths: Floats  # (T,) days of each period that are still to come, the first from today; the last is not used
    rates: Floats  # (M,T) units/day

    def sold_in(self, days: Floats) -> Floats:
        """(M,) units asked for within so many days (M,) from now."""
        sold, left = np.zeros(len(self.rates)), days.astype(float)
        for at in range(self.rates.shape[1]):
            last = at == self.rates.shape[1] - 1
            here = left if last else np.minimum(left, self.lengths[at])
            sold = sold + np.where(here > 0, here, 0.0) * self.rates[:, at]
            left = left - here
        return sold

    def days_to_sell(self, units: Floats) -> Floats:
        """(M,) days until so many units (M,) are sold; inf where they never are, 0 where there are none."""
        days, left = np.zeros(len(self.rates)), units.astype(float)
        for at in range(self.rates.shape[1]):
            last = at == self.rates.shape[1] - 1
            rate = self.rates[:, at]
            need = np.divide(left, rate, out=np.full(len(rate), np.inf), where=rate > 0)
            need = np.where(left > 0, need, 0.0)
            here = need if last else np.minimum(need, self.lengths[at])
            days = days + here
            left = np.where(need <= here, 0.0, left - np.where(np.isfinite(here), here, 0.0) * rate)
        return days


def unsold(cell: Ints, units: Floats, sellable: Floats) -> Floats:
    """What is left of each lot on its last day when the oldest is sold first.

    cell (lots,) says which SKU at which node; lots of a cell stand together, the first to expire first. sellable
    (lots,) units asked for there until each one's last day, not falling within a cell. Returns (lots,).

    >>> unsold(np.array([7, 7, 9]), np.array([5.0, 10.0, 4.0]), np.array([3.0, 20.0, 1.0])).tolist()
    [2.0, 0.0, 3.0]
    """
    left, sold, before = np.zeros(len(units)), 0.0, None
    for lot, (here, size, most) in enumerate(zip(cell.tolist(), units.tolist(), sellable.tolist(), strict=True)):
        sold = sold if here == before else 0.0
        leaves = min(size, max(most - sold, 0.0))
        left[lot], sold, before = size - leaves, sold + leaves, here
    return left
