"""One pattern per SKU at least cost: bound by column generation, plan by a restricted program, certificate by both."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pyomo.environ as pyo

from . import enumeration, network, rounding
from .catalogue import Catalogue, NoPath, Priced
from .columns import Columns, Rows
from .instance import Floats, Instance
from .master import Duals, Master, NetworkBound
from .network import Contradiction
from .outcome import Outcome, Progress, Relief
from .relief import contradiction_relief, named_relief, rents_by_name
from .rounding import Problem, Rounded

PATIENCE = 3  # rounds without a better bound before smoothing is dropped
SLACK_STEPS = 4  # times the price of slack is raised before the case is suspected to be infeasible


class OutOfTime(Exception):
    """The clock ran out between two steps."""


@dataclass
class Clock:
    """Seconds since the start, and how many are left."""

    limit: float
    start: float = field(default_factory=time.perf_counter)

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self.start

    @property
    def left(self) -> float:
        return self.limit - self.seconds

    def check(self) -> None:
        """Raises OutOfTime."""
        if self.left <= 0:
            raise OutOfTime


def solve(
    instance: Instance,
    *,
    model: pyo.ConcreteModel | None = None,
    gap: float = 1e-3,
    time_limit: float = 600.0,
    seed: int = 0,
    progress: Callable[[Progress], None] | None = None,
) -> Outcome:
    """Choose one path of sets per SKU, open nodes and use surge at least cost.

    ``model`` is a network program of :func:`models.network.build`, possibly with an analyst's own constraints. Returns an
    :class:`Outcome`; a time limit or Ctrl-C returns the best plan so far. Raises SolverFailure, NotFinite, TooManySets.
    """
    clock = Clock(time_limit)
    search = Search(instance, network.build(instance) if model is None else model, gap, seed, clock, progress)
    try:
        search.run()
        status = "gap_reached" if search.gap <= gap else "stalled"
    except NoPath as failure:
        return Outcome("infeasible", np.inf, -np.inf, relief=_no_path(instance, failure), seconds=search.stages())
    except Contradiction as failure:
        return Outcome(
            "infeasible", np.inf, np.inf, relief=contradiction_relief(instance, failure), seconds=search.stages()
        )
    except Infeasible as failure:
        return Outcome("infeasible", np.inf, np.inf, relief=failure.relief, seconds=search.stages())
    except OutOfTime:
        status = "time_limit"
    except KeyboardInterrupt:
        status = "interrupted"
    return search.outcome(status)


class Infeasible(Exception):
    """No plan satisfies the limits; the relief says what is short."""

    def __init__(self, relief: tuple[Relief, ...]) -> None:
        super().__init__("infeasible")
        self.relief = relief


def _no_path(instance: Instance, failure: NoPath) -> tuple[Relief, ...]:
    names = ", ".join(instance.skus[k] for k in failure.skus[:5]) + (" ..." if len(failure.skus) > 5 else "")
    return (Relief("nodes", names, "", float(len(failure.skus)), "SKUs without an admissible set of nodes"),)


class Search:
    """State of one solve: bound with its rents, best plan, columns."""

    def __init__(
        self,
        instance: Instance,
        model: pyo.ConcreteModel,
        gap: float,
        seed: int,
        clock: Clock,
        progress: Callable[[Progress], None] | None,
    ) -> None:
        self.instance, self.target, self.seed, self.clock = instance, gap, seed, clock
        self.tell = progress or (lambda _: None)
        self.model = model
        self.problem: Problem | None = None
        self.bound, self.best = -np.inf, np.inf
        self.rent: Floats = np.zeros(0)
        self.link_rent: Floats = np.zeros(0)
        self.plan: Rounded | None = None
        self.marks: dict[str, float] = {}
        self.counts: dict[str, float] = {}
        self.rounds = 0

    # --- what the caller reads ---------------------------------------------------------------------------------------

    @property
    def gap(self) -> float:
        """(best - bound) / best."""
        return max(0.0, self.best - self.bound) / max(abs(self.best), 1e-9) if np.isfinite(self.best) else np.inf

    def stages(self) -> dict[str, float]:
        """Seconds by stage."""
        return dict(self.marks)

    def outcome(self, status: str) -> Outcome:
        """The best plan so far with its certificate."""
        rents = rents_by_name(self.instance, self.problem.rows, self.rent) if self.problem else None
        plan = self.plan
        return Outcome(
            status=status,
            objective=self.best,
            bound=min(self.bound, self.best),
            stocked=None if plan is None else plan.stocked,
            open=None if plan is None else plan.open,
            surge=None if plan is None else plan.surge,
            rents=rents,
            seconds=self.stages(),
            counts=self.counts | {"rounds": float(self.rounds)},
        )

    # --- the run -----------------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Bound, plan, and whatever closes the gap further."""
        problem = self._prepare()
        self._mark("patterns")
        self._root(problem)
        self._mark("bound")
        self._round(problem)
        self._mark("plan")
        if self.gap > self.target:
            self._close_gap(problem)
            self._mark("closing")

    def _mark(self, stage: str) -> None:
        self.marks[stage] = self.clock.seconds - sum(self.marks.values())
        self._say(stage)

    def _say(self, stage: str, note: str = "") -> None:
        self.tell(Progress(stage, self.clock.seconds, self.bound, self.best, note))

    def _prepare(self) -> Problem:
        compiled = network.compile_model(self.model)
        rows = Rows(self.instance, compiled)
        catalogue = Catalogue(self.instance, rows)
        self.counts = {"sets": float(catalogue.sets), "skus with a choice": float(len(catalogue.choosers))}
        fixed_cost = 0.0 if catalogue.fixed is None else float(catalogue.fixed.cost.sum())
        use = catalogue.fixed_use()
        self.network = NetworkBound(self.instance, compiled, rows, rounding.usage_most(catalogue, use), self.seed)
        self.problem = Problem(self.instance, compiled, rows, catalogue, fixed_cost, use, self.seed)
        self.rent = np.zeros(len(rows))
        return self.problem

    def _root(self, problem: Problem) -> None:
        catalogue = problem.catalogue
        self.master = Master(
            self.instance, problem.compiled, problem.rows, catalogue.choosers, problem.fixed_use, self.seed
        )
        priced = self._price(problem, self.rent, self.link_rent)
        first = catalogue.columns(priced)
        self.scale, self.slack_price = self._slack_price(problem, first, priced)
        self.master.add_slack(self.slack_price)
        if first is not None:
            self.master.add(first)
        self._generate(problem)
        self._drive_out_slack(problem)

    def _slack_price(self, problem: Problem, first: Columns | None, priced: Priced) -> tuple[Floats, Floats]:
        """Scale and price of slack per unit of use: several times the whole cost for all that is used."""
        use = problem.fixed_use + (0.0 if first is None else problem.catalogue.use(first))
        scale = np.maximum(use, 1e-3 * max(use.max(initial=0.0), 1e-6))
        self.whole = abs(problem.fixed_cost) + float(np.abs(priced.cost).sum()) + 1.0
        return scale, 10.0 * self.whole / scale

    def _drive_out_slack(self, problem: Problem) -> None:
        """Raise the price of slack until none is used, or the case is shown to lack room."""
        for _ in range(SLACK_STEPS):
            if not (self._slack() > 1e-7 * self.scale).any():
                return
            self.slack_price = self.slack_price * 10.0
            self.master.set_slack_price(self.slack_price, 100.0 * self.whole)
            self._generate(problem)
        relief = named_relief(self.instance, problem.rows, self._slack(), self.scale)
        if relief:
            raise Infeasible(relief)

    def _slack(self) -> Floats:
        """(D,) slack per definition row."""
        used = self.master.slack_used()[: 2 * len(self.slack_price)]
        return used[: len(self.slack_price)] + used[len(self.slack_price) :]

    def _generate(self, problem: Problem) -> None:
        """Price and add columns until bound and master meet; separate opening links on the way."""
        while True:
            self._converge(problem)
            keys = rounding.violated_links(self.instance, self.master)
            if not keys:
                return
            self.master.add_links(keys, 10.0 * self.whole)
            self.link_rent = np.append(self.link_rent, np.zeros(len(keys)))
            self._say("bound", f"{len(self.master.links)} opening links")

    def _converge(self, problem: Problem) -> None:
        smoothing, stale = 0.0, 0
        while True:
            self.clock.check()
            if not self.master.solve(self.clock.left):
                raise OutOfTime
            value = self.master.objective() + problem.fixed_cost
            duals = self.master.duals()
            before = self.bound
            rent, links = self._smoothed(duals, smoothing)
            priced = self._price(problem, rent, links)
            added = self._add_improving(problem, priced, duals, at_master=smoothing == 0.0)
            self.rounds += 1
            self._say("bound", f"master {value:.6g}, {added} new patterns")
            if value - self.bound <= self._tolerance(value) or (added == 0 and smoothing == 0.0):
                return
            stale = 0 if self.bound > before else stale + 1
            smoothing = 0.0 if added == 0 or stale >= PATIENCE else 0.5

    def _tolerance(self, value: float) -> float:
        return max(1e-10, min(0.02 * self.target, 1e-4)) * max(abs(value), 1e-6)

    def _smoothed(self, duals: Duals, smoothing: float) -> tuple[Floats, Floats]:
        """Rents between the master's and those of the best bound: damps their swings (Wentges 1997)."""
        rent = smoothing * self.rent + (1.0 - smoothing) * duals.rent
        return rent, smoothing * self.link_rent + (1.0 - smoothing) * duals.links

    def _price(self, problem: Problem, rent: Floats, links: Floats) -> Priced:
        """Price every set under the rents; keep the bound if it is the best so far."""
        link_array = self.master.link_array(links)
        priced = problem.catalogue.price(problem.rows.prices(rent, link_array))
        value = self._lagrangian(problem, priced, rent, link_array)
        if value > self.bound:
            self.bound, self.rent, self.link_rent = value, rent, links
        return priced

    def _lagrangian(self, problem: Problem, priced: Priced, rent: Floats, link_array: Floats | None) -> float:
        """Lower bound on every plan: SKUs' best paths + SKUs without a choice + the network's best answer to the rents."""
        skus = float(priced.cost.sum()) + problem.fixed_cost + float(rent @ problem.fixed_use)
        return skus + self.network.value(rent, link_array) - problem.catalogue.cost_error()

    def _add_improving(self, problem: Problem, priced: Priced, duals: Duals, at_master: bool) -> int:
        """Add the best paths that are not in the master; at the master's own rents only those that improve it."""
        wanted = priced.cost < duals.sku - 1e-9 * np.maximum(1.0, np.abs(duals.sku)) if at_master else None
        columns = problem.catalogue.columns(priced, wanted)
        return 0 if columns is None else self.master.add(columns)

    # --- plans -------------------------------------------------------------------------------------------------------

    def _goal(self) -> rounding.Goal:
        enough = self.bound / (1.0 - self.target) if self.bound > 0 else self.bound
        window = (self.best - self.bound) * (1.0 + 1e-9) + 1e-9
        return rounding.Goal(window, enough, max(0.2 * self.target, 1e-9), self.clock.left)

    def _reduced(self, problem: Problem) -> Floats:
        if self.master.pool is None:
            return np.zeros(0)
        return rounding.reduced_costs(problem, self.master, self.rent, self.link_rent)

    def _round(self, problem: Problem) -> None:
        for effort in rounding.EFFORTS:
            self.clock.check()
            self._accept(rounding.round_master(problem, self.master, self._reduced(problem), self._goal(), effort))
            if self.gap <= self.target:
                return

    def _accept(self, rounded: Rounded | None) -> None:
        if rounded is not None and rounded.cost < self.best:
            self.best, self.plan = rounded.cost, rounded
            self._say("plan")

    def _close_gap(self, problem: Problem) -> None:
        """Bring in every path that could still be part of a better plan, where they are few enough."""
        goal = self._goal()
        prices = problem.rows.prices(self.rent, self.master.link_array(self.link_rent))
        columns = enumeration.paths_within(problem.catalogue, prices, goal.window)
        if columns is None:
            return
        self.master.add(columns)
        rounded, proved = rounding.round_whole(problem, self.master, self._reduced(problem), goal)
        self._accept(rounded)
        self.bound = max(self.bound, min(proved, self.best))
        if proved == np.inf and not np.isfinite(self.best):
            raise Infeasible(self._integer_relief(problem))

    def _integer_relief(self, problem: Problem) -> tuple[Relief, ...]:
        """What whole patterns lack where fractions of them would fit."""
        program = rounding.IntegerProgram(problem, None, self.master.pool, elastic=True)
        program.solve(min(60.0, self.clock.left), 1e-6)
        if not program.found:
            return (Relief("nodes", "", "", 0.0, "no choice of open nodes lets every SKU be stocked"),)
        return named_relief(self.instance, problem.rows, program.slack_used(), self.scale)
