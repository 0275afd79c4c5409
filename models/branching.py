"""Branch and bound on which candidate nodes open when; every leaf keeps the Lagrangian bound of its own rents."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .generation import Generation, Infeasible
from .instance import Floats
from .master import Fixings
from .network import Contradiction
from .problem import open_values

FRACTION = 1e-5  # an opening this close to 0 or 1 counts as decided


@dataclass(frozen=True)
class Leaf:
    """Openings decided so far, with what is known under them."""

    fixings: Fixings
    bound: float
    rent: Floats
    link_rent: Floats
    undecided: tuple[int, int] | None  # (node, period) to branch on next


class Tree:
    """Leaves of the search, cheapest bound first."""

    def __init__(self, generation: Generation, tolerance: float) -> None:
        self.generation, self.tolerance = generation, tolerance
        self.heap: list[tuple[float, int, Leaf]] = []
        self.done: list[Leaf] = []  # leaves with nothing left to decide
        self.settled = np.inf  # least bound among leaves that need no more work
        self.count = 0
        self._push(self._leaf({}))

    @property
    def bound(self) -> float:
        """No plan costs less."""
        return min(self.settled, self.heap[0][0] if self.heap else np.inf)

    def grow(self, enough: Callable[[], float], visit: Callable[[Fixings], None]) -> None:
        """Branch until every leaf's bound reaches ``enough()`` or nothing is left to decide.

        ``visit`` looks for a plan under a new leaf's openings. Raises OutOfTime.
        """
        while self.heap and self.bound < enough():
            _, _, leaf = heapq.heappop(self.heap)
            if leaf.undecided is None:
                self.settled = min(self.settled, leaf.bound)
                self.done.append(leaf)
                continue
            children = self._children(leaf, enough)
            for child in children:
                self._push(child)
            for child in children:
                if child.bound < enough():
                    visit(self._take_up(child))

    def plunge(self, enough: Callable[[], float]) -> Fixings | None:
        """From the best leaf that is undecided down to one with nothing to decide, taking the better child each time.

        Its openings, taken up; None where the way ends before. Raises OutOfTime.
        """
        waiting = [entry for entry in self.heap if entry[2].undecided is not None]
        if not waiting:
            return None
        entry = min(waiting)
        self.heap.remove(entry)
        heapq.heapify(self.heap)
        leaf = entry[2]
        self.settled, kept = min(self.settled, leaf.bound), self.settled
        while leaf.undecided is not None and leaf.bound < enough():
            children = self._children(leaf, enough)
            if not children:
                self.settled = kept
                return None
            leaf, *others = children
            for other in others:
                self._push(other)
        self.settled = kept
        self._push(leaf)
        return self._take_up(leaf) if leaf.undecided is None and leaf.bound < enough() else None

    def _children(self, leaf: Leaf, enough: Callable[[], float]) -> list[Leaf]:
        """Both ways to decide the next opening, the better first, without those that are infeasible."""
        self.settled, kept = min(self.settled, leaf.bound), self.settled
        made = [self._child(leaf, value, enough) for value in (1, 0)]
        self.settled = kept
        return sorted((child for child in made if child is not None), key=lambda child: child.bound)

    def promising(self) -> Fixings | None:
        """Openings of the leaf with the least bound, which is taken up; None where every leaf is infeasible."""
        leaves = [leaf for _, _, leaf in self.heap] + self.done
        return self._take_up(min(leaves, key=lambda leaf: leaf.bound)) if leaves else None

    def _take_up(self, leaf: Leaf) -> Fixings:
        """Set bound, rents and the master's solution of the generation to those of a leaf."""
        self.generation.resume(leaf.fixings, leaf.bound, leaf.rent, leaf.link_rent)
        return leaf.fixings

    def _push(self, leaf: Leaf) -> None:
        heapq.heappush(self.heap, (leaf.bound, self.count, leaf))
        self.count += 1

    def _child(self, leaf: Leaf, value: int, enough: Callable[[], float]) -> Leaf | None:
        assert leaf.undecided is not None
        fixings = leaf.fixings | {leaf.undecided: value}
        self.generation.restrict(fixings)
        try:
            self.generation.rerun(self.tolerance, leaf.rent, leaf.link_rent, enough())
        except (Infeasible, Contradiction):
            return None
        child = self._leaf(fixings)
        return Leaf(fixings, max(child.bound, leaf.bound), child.rent, child.link_rent, child.undecided)

    def _leaf(self, fixings: Fixings) -> Leaf:
        made = self.generation
        opening = open_values(made.instance, made.problem.compiled, made.master.values())
        fraction = np.minimum(opening, 1.0 - opening)
        at = np.unravel_index(int(np.argmax(fraction)), fraction.shape)
        undecided = (int(at[0]), int(at[1])) if fraction[at] > FRACTION else None
        return Leaf(fixings, made.bound, made.rent, made.link_rent, undecided)
