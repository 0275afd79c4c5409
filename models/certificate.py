"""What a search knows at any time: no plan costs less than its bound, and the best plan it has costs so much."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np

from .branching import Tree
from .generation import Clock, Generation
from .instance import Floats, Instance
from .outcome import Outcome, Progress, Relief
from .relief import rents_by_name
from .rounding import Rounded


class Certificate:
    """Bound and best plan of one search, told as they change. All money is the solver's."""

    def __init__(self, instance: Instance, target: float, clock: Clock, tell: Callable[[Progress], None]) -> None:
        self.instance, self.target, self.clock, self.tell = instance, target, clock, tell
        self.generation: Generation | None = None
        self.tree: Tree | None = None
        self.proved: float | None = None  # by an integer program over every path that matters
        self.best = np.inf
        self.plan: Rounded | None = None
        self.marks: dict[str, float] = {}
        self.counts: dict[str, float] = {}
        self._held: tuple[float, Floats] | None = None  # bound and rents while the generation tries out openings

    @property
    def bound(self) -> float:
        """No plan can cost less."""
        if self.proved is not None:
            return self.proved
        if self._held is not None:
            return self._held[0]
        if self.tree is not None:
            return self.tree.bound
        return -np.inf if self.generation is None else self.generation.bound

    @property
    def gap(self) -> float:
        """(best - bound) / best."""
        return max(0.0, self.best - self.bound) / max(abs(self.best), 1e-9) if np.isfinite(self.best) else np.inf

    @property
    def met(self) -> bool:
        """The best plan is within the gap that was asked for."""
        return self.gap <= self.target

    @property
    def relaxed(self) -> bool:
        """Not every set of nodes is listed."""
        return self.generation is not None and self.generation.catalogue.relaxed

    def enough(self) -> float:
        """Bound at which the best plan meets the asked gap."""
        return self.best - self.target * abs(self.best) if np.isfinite(self.best) else np.inf

    @contextmanager
    def held(self) -> Iterator[None]:
        """Bound and rents stay what they are while the generation works under openings that are only tried out."""
        rent = np.zeros(0) if self.generation is None else self.generation.rent
        self._held = self.bound, rent
        try:
            yield
        finally:
            self._held = None

    def accept(self, plan: Rounded | None) -> None:
        """Keep a plan that is better than the best one."""
        if plan is not None and plan.cost < self.best:
            self.best, self.plan = plan.cost, plan
            self.say("plan", plan=self.outcome("interrupted"))

    def mark(self, stage: str) -> None:
        """A stage is done."""
        self.marks[stage] = self.clock.seconds - sum(self.marks.values())
        self.say(stage)

    def say(self, stage: str, note: str = "", plan: Outcome | None = None) -> None:
        """Tell the listener."""
        self.tell(Progress(stage, self.clock.seconds, self.bound, self.best, note, plan))

    def without_plan(self, relief: tuple[Relief, ...], relaxed: bool) -> Outcome:
        """No plan fits the limits; that is proved unless sets were left out of the list."""
        bound = -np.inf if relaxed else np.inf
        status = "stalled" if relaxed else "infeasible"
        return Outcome(status, np.inf, bound, relief=relief, seconds=dict(self.marks), bound_is_relaxed=relaxed)

    def outcome(self, status: str) -> Outcome:
        """The best plan so far with its certificate."""
        plan, generation = self.plan, self.generation
        rents = None
        if generation is not None:
            rent = generation.rent if self._held is None else self._held[1]
            rents = rents_by_name(self.instance, generation.problem.rows, rent)
            self.counts |= {"rounds": float(generation.rounds), "links": float(len(generation.master.links))}
        return Outcome(
            status=status,
            objective=self.best,
            bound=min(self.bound, self.best),
            stocked=None if plan is None else plan.stocked,
            open=None if plan is None else plan.open,
            surge=None if plan is None else plan.surge,
            bound_is_relaxed=self.relaxed,
            rents=rents,
            room_price=self.instance.room_price,
            seconds=dict(self.marks),
            counts=dict(self.counts),
        )
