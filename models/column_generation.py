"""One pattern per SKU at least cost: bound by column generation, plan by a restricted program, certificate by both."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np
import pyomo.environ as pyo

from . import enumeration, incumbent, network, rounding, scaling
from .branching import Tree
from .catalogue import Catalogue, NoPath
from .certificate import Certificate
from .columns import Rows
from .generation import Clock, Generation, Infeasible, OutOfTime
from .instance import Floats, Instance
from .integer_program import IntegerProgram
from .master import Fixings
from .network import Contradiction
from .network_bound import NetworkBound
from .outcome import Outcome, Progress, Relief
from .problem import Problem, open_values, usage_most
from .relief import contradiction_relief, named_relief
from .room_price import FullRooms, NoCheaper, better_price
from .settling import settle

SAMPLE_ABOVE = 1_500  # SKUs with a choice beyond which a sample of them finds the first rents
SAMPLE_SIZE = 500
DEPTH = 3  # times that the costliest SKUs are decided before the others, where a quicker plan is not good enough
EARLY_ABOVE = 3_000  # SKUs with a choice beyond which a first plan is made before the bound is refined
ROUGH = 1e-2  # gap of the bound at which such cases get their first plan
PLUNGE_BELOW = 100_000  # sets up to which openings are tried out before all that could matter is enumerated
PLUNGES = 6
RESCUE_SECONDS = 5.0  # for a plan after a stop that came before the first one
RESERVE = 0.1  # share of the time limit (at most RESCUE_SECONDS) kept for it


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

    ``model`` is a network program of :func:`models.network.build`, possibly with an analyst's own constraints.
    Returns an :class:`Outcome`; a time limit or Ctrl-C returns the best plan so far. Raises SolverFailure, NotFinite.
    """
    clock = Clock(time_limit - min(RESERVE * time_limit, RESCUE_SECONDS))
    model = network.build(instance) if model is None else model
    found = _Task(model, gap, seed, clock, progress)
    try:
        return found.solved(instance)
    except FullRooms as full:
        found.begin_anew("orders sized for full rooms")
        plain = replace(instance, sizes_orders=False)
        try:
            return found.solved(replace(plain, room_price=full.price), full.bound)
        except NoCheaper:
            found.begin_anew("orders as they were")
            return found.solved(plain)


@dataclass(frozen=True)
class _Task:
    """What one solve asks for, whatever the instance."""

    model: pyo.ConcreteModel
    gap: float
    seed: int
    clock: Clock
    progress: Callable[[Progress], None] | None

    def begin_anew(self, note: str) -> None:
        """Tell that bound and plan are forgotten."""
        if self.progress is not None:
            self.progress(Progress("anew", self.clock.seconds, -np.inf, np.inf, note))

    def solved(self, instance: Instance, rival: float = np.inf) -> Outcome:
        """One search of an instance. Raises FullRooms where its orders are to be sized anew, NoCheaper where its bound
        is not below ``rival``."""
        money = scaling.money_unit(instance)
        tell = scaling.listener(self.progress, instance, money)
        known = Certificate(scaling.in_solver_money(instance, money), self.gap, self.clock, tell)
        return _outcome(Search(known, self.model, money, self.seed, self.clock, rival / money), instance)


def _outcome(search: Search, instance: Instance) -> Outcome:
    """Run a search to its end, however that comes."""
    known, clock, money = search.known, search.clock, search.money
    try:
        search.run()
        status = "gap_reached" if known.met else "stalled" if clock.left > 0 else "time_limit"
    except NoPath as failure:
        return known.without_plan(_no_path(instance, failure), failure.relaxed)
    except Contradiction as failure:
        return known.without_plan(contradiction_relief(instance, failure), relaxed=False)
    except Infeasible as failure:
        return known.without_plan(scaling.relief_in_money(failure.relief, money), known.relaxed)
    except OutOfTime:
        status = "time_limit"
        search.rescue()
        search.stay()
    except KeyboardInterrupt:
        status = "interrupted"
        search.rescue()
        search.stay()
    finally:
        search.close()
    known.counts["reproducible"] = status not in ("time_limit", "interrupted") and clock.left > 0
    return scaling.in_money(known.outcome(status), instance, money)


def _no_path(instance: Instance, failure: NoPath) -> tuple[Relief, ...]:
    names = ", ".join(instance.skus[k] for k in failure.skus[:5]) + (" ..." if len(failure.skus) > 5 else "")
    return (Relief("nodes", names, "", float(len(failure.skus)), "SKUs without an admissible set of nodes"),)


class Search:
    """The way of one solve to its plan; what is known is written down as it goes. All money is the solver's."""

    def __init__(
        self, known: Certificate, model: pyo.ConcreteModel, money: float, seed: int, clock: Clock, rival: float
    ) -> None:
        self.known, self.instance = known, known.instance
        self.model, self.seed, self.clock = model, seed, clock
        self.money = money  # that one of the solver's stands for
        self.rival = rival  # bound that its own is to lie below
        self.start: incumbent.Start | None = None

    def close(self) -> None:
        """End the worker threads."""
        if self.known.generation is not None:
            self.known.generation.catalogue.close()

    def rescue(self) -> None:
        """A plan out of the patterns at hand, when the search was stopped before it had one."""
        generation = self.known.generation
        if self.known.plan is not None or generation is None or generation.master.pool is None:
            return
        self.clock = generation.clock = Clock(RESCUE_SECONDS)
        with suppress(OutOfTime):
            generation.solve_master(central=False)
            if generation.grouped:
                self._dive({}, rounding.DIVE, 1.0)
            else:
                self._round(generation, rounding.QUICK, {})

    # --- the run -----------------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Bound, plan, and whatever closes the gap further."""
        problem = self._prepare()
        self.known.mark("patterns")
        self._root(problem)
        self.known.mark("bound")
        self._begin(problem)
        if self._generated().grouped:
            self._search_openings(problem)
        else:
            self._search_patterns(problem)
        self._keep_start(problem)
        self.known.mark("closing")

    def _search_patterns(self, problem: Problem) -> None:
        """Restricted programs at the root, then every path that matters, or branching, where the gap is still wide."""
        made = self._generated()
        self._round(made, rounding.QUICK, {})
        self.known.mark("plan")
        if not self.known.met:
            if problem.catalogue.sets > PLUNGE_BELOW:
                self._dive({}, rounding.DIVE, self._tolerance())
            else:
                self._plunge(problem)
        if not self._good_enough() and not self._close_by_enumeration(problem):
            fixings = self._branch(problem, lambda fixings: self._round(made, rounding.QUICK, fixings))
            self._round(made, rounding.THOROUGH, fixings)

    def _search_openings(self, problem: Problem) -> None:
        """Plans under whole openings next to the bound's, at the root and at every leaf of the branching."""
        self._dive({}, rounding.DIVE, self._tolerance(), DEPTH)
        self.known.mark("plan")
        if not self._good_enough():
            fixings = self._branch(
                problem, lambda fixings: self._dive(fixings, rounding.DIVE, self._tolerance(), DEPTH)
            )
            self._dive(fixings, rounding.THOROUGH, self._tolerance(), DEPTH)

    def _prepare(self) -> Problem:
        compiled = network.compile_model(self.model)
        rows = Rows(self.instance, compiled)
        catalogue = Catalogue(self.instance, rows, check=self.clock.check)
        self.known.counts = {"sets": float(catalogue.sets), "skus with a choice": float(len(catalogue.choosers))}
        most = usage_most(catalogue)
        compiled = scaling.in_units(compiled, rows, most, len(catalogue.choosers), self.money)
        return Problem(self.instance, compiled, rows, catalogue, most / rows.unit, self.seed)

    def _root(self, problem: Problem) -> None:
        """The bound, from rents that a sample of the SKUs found first where there are many."""
        catalogue = problem.catalogue
        network_bound = NetworkBound(self.instance, problem.compiled, problem.rows, problem.most, self.seed)
        rent = None
        if len(catalogue.choosers) > SAMPLE_ABOVE:
            rent = self._sampled_rent(problem, network_bound)
        group = catalogue.groups()
        self.known.generation = Generation(
            problem, catalogue, network_bound, self.clock, lambda note: self.known.say("bound", note), None, group
        )
        if group is None:
            self.known.generation.run(self._tolerance(), rent)
            self._size_orders()
        else:
            self.known.generation.run(ROUGH, rent)
            self._size_orders()
            if len(catalogue.choosers) > EARLY_ABOVE:
                self._dive({}, rounding.QUICK, ROUGH)
            self.known.generation.refine(self._tolerance())

    def _size_orders(self) -> None:
        """Raises FullRooms where the rents of the bound say so, NoCheaper where orders sized for them save nothing."""
        if self.known.bound >= self.rival:
            raise NoCheaper
        rents = self.known.outcome("bound").rents
        if self.instance.sizes_orders and rents is not None:
            price = better_price(self.instance, rents, self.known.bound)
            if price is not None:
                raise FullRooms(price * self.money, self.known.bound * self.money)

    def _tolerance(self) -> float:
        return max(1e-10, min(0.1 * self.known.target, 1e-3))

    def _sampled_rent(self, problem: Problem, network_bound: NetworkBound) -> Floats | None:
        """Rents at which a sample, each SKU standing for several, is content; None where the sample does not fit."""
        sample, weight = problem.catalogue.sample(SAMPLE_SIZE)
        scout = Generation(problem, sample, network_bound, self.clock, lambda _: self.known.say("sample"), weight)
        try:
            scout.run(2e-3)
        except Infeasible:
            return None
        return scout.rent

    # --- plans -------------------------------------------------------------------------------------------------------

    def _goal(self, fixings: Fixings) -> rounding.Goal:
        bound = self.known.bound
        enough = bound / (1.0 - self.known.target) if bound > 0 else bound
        window = (self.known.best - self._generated().bound) * (1.0 + 1e-9) + 1e-9  # of the rents at hand
        return rounding.Goal(window, enough, max(0.2 * self.known.target, 1e-9), self.clock.left, fixings)

    def _round(self, made: Generation, efforts: tuple[rounding.Effort, ...], fixings: Fixings) -> None:
        """Restricted programs of growing size until the gap is reached."""
        for effort in efforts:
            if self.known.met:
                return
            self.clock.check()
            self.known.say("search", f"whole patterns, {effort.columns:,} in play{self._leaf()}")
            reduced = made.reduced_costs()
            self.known.accept(rounding.round_master(made.problem, made.master, reduced, self._goal(fixings), effort))

    def _leaf(self) -> str:
        """How far the branching is, in words."""
        return "" if self.known.tree is None else f", {self.known.tree.count:,} sets of openings so far"

    def _dive(self, fixings: Fixings, efforts: tuple[rounding.Effort, ...], tolerance: float, depth: int = 0) -> None:
        """A plan under the openings nearest to the bound's; bound and rents are then as before, also after a stop.

        ``depth``: how often the costliest SKUs are decided, and all others priced anew, where that is needed.
        """
        made = self._generated()
        opened = open_values(self.instance, made.problem.compiled, made.master.values())
        whole = {(n, t): round(opened[n, t]) for n, t in made.problem.openings} | fixings
        with self.known.held(), made.aside(fixings), suppress(Infeasible, Contradiction):
            if whole != fixings:
                made.restrict(whole)
                made.rerun(tolerance, made.rent, made.link_rent, np.inf)
            for deep in sorted({0, depth}):
                if not self.known.met:
                    self._round(settle(made, whole, tolerance, deep), efforts, whole)

    def _begin(self, problem: Problem) -> None:
        """The placement that is given to begin with is the first plan, if it keeps every limit."""
        if self.instance.start is not None:
            self.start = incumbent.begin(problem, self._generated(), self.instance.start)
            self.known.accept(self.start.plan)

    def _wide_enough(self) -> float:
        """Gap at which the search may end: wider where the plan it began with is as good as it was."""
        target, wider = self.known.target, self.instance.keep_gap
        kept = None if self.start is None else self.start.within(wider, self.known.bound)
        return target if kept is None else max(target, wider)

    def _good_enough(self) -> bool:
        """The gap is reached; or sets cost something besides, so that only a good placement is asked for, no proof."""
        return self.known.gap <= self._wide_enough() or self.instance.besides is not None

    def _keep_start(self, problem: Problem) -> None:
        """Among the plans within the asked gap, one close to the start: it whole, or as many SKUs of it as may be."""
        known, start = self.known, self.start
        if start is None or known.plan is None or self.stay():
            return
        plan = start.within(known.target, known.bound)
        if plan is None and start.columns is not None and known.bound > 0:
            most = max(known.best, known.bound / (1.0 - min(known.target, 0.999)) if known.met else known.best)
            plan = incumbent.with_least_change(
                problem, self._generated(), start.columns, known.plan, most, lambda: self.clock.left > 0
            )
        if plan is not None:
            known.best, known.plan = plan.cost, plan

    def stay(self) -> bool:
        """Go back to the plan it began with where that was made from the same input, however much better another is."""
        if self.instance.keep_gap <= 0 or self.start is None or self.start.plan is None:
            return False
        self.known.best, self.known.plan = self.start.plan.cost, self.start.plan
        return True

    def _generated(self) -> Generation:
        if self.known.generation is None:
            raise RuntimeError("the bound comes before the plan")
        return self.known.generation

    def _plunge(self, problem: Problem) -> None:
        """Plans under openings that are decided one after the other, where sets are few enough to be priced often."""
        generation = self._generated()
        if generation.master.pool is None:
            return
        with generation.aside({}):
            self.known.tree = Tree(generation, self._tolerance())
            for _ in range(PLUNGES):
                fixings = self.known.tree.plunge(self.known.enough)
                if fixings is not None:
                    self._enumerate(problem)
                    self._round(generation, rounding.DECIDED, fixings)

    def _branch(self, problem: Problem, visit: Callable[[Fixings], None]) -> Fixings:
        """Decide openings one by one where the bound leaves them open; returns those of the most promising leaf."""
        generation = self._generated()
        if self.known.tree is None:
            self.known.tree = Tree(generation, self._tolerance())
        root = generation.bound, generation.rent, generation.link_rent
        try:
            self.known.tree.grow(self.known.enough, visit)
        except (OutOfTime, KeyboardInterrupt):
            generation.take_up({}, *root)
            raise
        finally:
            self.known.counts["branches"] = float(self.known.tree.count)
        fixings = self.known.tree.promising()
        if fixings is None:
            generation.restrict({})
            raise Infeasible(self._integer_relief(problem, generation))
        return fixings

    def _close_by_enumeration(self, problem: Problem) -> bool:
        """Bring in every path that could still be part of a better plan; False where they are too many."""
        if problem.catalogue.relaxed or not self._enumerate(problem):
            return False
        generation, plan, start = self._generated(), self.known.plan, None
        if plan is not None:
            start = incumbent.wanted_columns(problem, generation, plan.stocked), plan.open
        reduced = generation.reduced_costs()
        self.known.say("search", "whole patterns, every one that could matter in play")
        rounded, proved = rounding.round_whole(problem, generation.master, reduced, self._goal({}), start)
        before = self.known.bound
        self.known.accept(rounded)
        self.known.proved = max(before, min(proved, self.known.best))
        if self.known.proved == np.inf:
            raise Infeasible(self._integer_relief(problem, generation))
        return self.known.met

    def _enumerate(self, problem: Problem) -> bool:
        """Bring in every path that could be part of a better plan under the rents at hand; False if too many."""
        generation = self._generated()
        columns = enumeration.paths_within(problem.catalogue, generation.prices(), self._goal({}).window)
        if columns is not None:
            generation.master.add(columns)
        return columns is not None

    def _integer_relief(self, problem: Problem, generation: Generation) -> tuple[Relief, ...]:
        """What whole patterns lack where fractions of them would fit."""
        program = IntegerProgram(problem, None, generation.master.pool, elastic=True)
        program.solve(self.clock.left, 1e-6, checks=rounding.COMPLETION)
        if not program.found:
            return (Relief("nodes", "", "", 0.0, "no choice of open nodes lets every SKU be stocked"),)
        return named_relief(self.instance, problem.rows, program.slack_used(), generation.scale)
