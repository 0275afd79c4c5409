"""Orders of several SKUs in a plan: the polish, and where it leaves many orders split the search once more.

The polish moves SKUs from where the search put them, and ends where no move helps by itself. Where many would have to
move at once, to a node that has no room for all of them, only a program over all SKUs says which. Then the search is
run again, every set at what the SKU's orders would cost with all other SKUs where the plan has them, and again from
what comes out, while the sum of plan cost and split cost falls. What is proved of the plan's own cost stays proved.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from .companions import Baskets, company
from .gathering import Polished, Standing, polish, standing
from .instance import Bools, Instance
from .outcome import Outcome, whole

FEW = 0.01  # share of orders split that the polish may leave for good
ROUNDS = 2  # of the search, at most
LEAST_GAIN = 1e-3  # share of the sum; a round that gains less is the last
LIGHTER = 0.5  # times the weight of company, where the plan's own cost rose too far
BY_WORK = ("gap_reached", "stalled", "infeasible")  # how a search ends that chance has no part in

Search = Callable[[Instance, float], Outcome]  # of an instance, within so many seconds
Tell = Callable[[Standing, str], None]


def bring_together(
    instance: Instance,
    goods: Baskets,
    outcome: Outcome,
    most_cost: float,
    seconds: float,
    search: Search,
    tell: Tell = lambda now, note: None,
) -> tuple[Outcome, Polished]:
    """The plan of least plan cost and split cost that was found, certified as the given one, and what became of it.

    ``most_cost``: the plan's own cost does not rise beyond it. ``seconds``: no round begins later. ``tell`` hears of
    the placement before every round. Raises KeyboardInterrupt where a search was interrupted.
    """
    ends = time.perf_counter() + seconds

    def polished(found: Outcome) -> Polished:
        left = ends - time.perf_counter()
        return polish(instance, goods, *whole(found), found.rents, most_cost, left, tell)

    first = polished(outcome)
    if first.after.split_rate <= FEW or ends <= time.perf_counter():
        return _with(outcome, outcome, first), first
    again = _Again(instance, goods, most_cost, ends, search, tell)
    found = again.best(outcome, first.before)
    certified = outcome if again.by_work else unrepeatable(outcome)
    other = first if found is outcome else polished(found)
    if other.after.total >= first.after.total:
        return _with(certified, outcome, first), first
    made = Polished(first.before, other.after, other.surge, _moves(first.before, other.after))
    return _with(certified, found, made), made


def unrepeatable(outcome: Outcome) -> Outcome:
    """The outcome, marked as one that chance had a part in."""
    return replace(outcome, counts={**outcome.counts, "reproducible": 0.0})


def _with(outcome: Outcome, found: Outcome, made: Polished) -> Outcome:
    """The outcome with the placement that was made, under the openings under which it was found."""
    if not made.moves:
        return outcome
    cost = made.after.exact.total
    return replace(outcome, stocked=made.after.stocked, open=found.open, surge=made.surge, objective=cost)


def _moves(before: Standing, after: Standing) -> int:
    """SKUs that stand elsewhere."""
    return int((after.stocked != before.stocked).any(axis=(1, 2)).sum())


@dataclass
class _Again:
    """The search, again and again."""

    instance: Instance
    goods: Baskets
    most_cost: float
    ends: float
    search: Search
    tell: Tell
    by_work: bool = True  # every search so far ended by the work it did

    def best(self, outcome: Outcome, before: Standing) -> Outcome:
        """The last outcome whose placement lowers the sum; the given one where none does."""
        best, least, beside, weight = outcome, before, self._first_company(outcome), 1.0
        for number in range(1, ROUNDS + 1):
            self.tell(least, f"search {number} in company")
            found = self._found(beside, weight)
            if found is None:
                break
            now = standing(self.instance, self.goods, *whole(found))
            if now.exact.total > self.most_cost:
                weight *= LIGHTER
                continue
            if now.total > least.total * (1.0 - LEAST_GAIN):
                break
            best, least, beside = found, now, now.stocked
        return best

    def _first_company(self, outcome: Outcome) -> Bools:
        """Where companions are taken to be at first: in the placement the search began with, else where it put them."""
        stocked, start = whole(outcome)[0], self.instance.start
        return stocked if start is None else np.where(start.any(axis=1, keepdims=True), start, stocked)

    def _found(self, beside: Bools, weight: float) -> Outcome | None:
        """The plan given such company; None where there is none, or no time is left."""
        left = self.ends - time.perf_counter()
        if left <= 0:
            return None
        met = company(self.goods, beside, shared=True, weight=weight)
        found = self.search(replace(self.instance, besides=met, keep_gap=0.0), left)
        if found.status == "interrupted":
            raise KeyboardInterrupt
        self.by_work = self.by_work and found.status in BY_WORK
        return None if found.stocked is None else found
