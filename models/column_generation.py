"""One pattern per SKU at least cost: bound by column generation, plan by a restricted program, certificate by both."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import numpy as np
import pyomo.environ as pyo

from . import enumeration, incumbent, network, rounding, scaling
from .branching import Tree
from .catalogue import Catalogue, NoPath
from .columns import Columns, Rows
from .generation import Clock, Generation, Infeasible, OutOfTime
from .instance import Floats, Instance
from .integer_program import IntegerProgram
from .master import Fixings
from .network import Contradiction
from .network_bound import NetworkBound
from .outcome import Outcome, Progress, Relief
from .problem import Problem, open_values, usage_most
from .relief import contradiction_relief, named_relief, rents_by_name
from .rounding import Rounded
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
    money = scaling.money_unit(instance)
    tell = scaling.listener(progress, instance, money)
    search = Search(scaling.in_solver_money(instance, money), model, money, gap, seed, clock, tell)
    try:
        search.run()
        status = "gap_reached" if search.gap <= gap else "stalled" if clock.left > 0 else "time_limit"
    except NoPath as failure:
        return search.without_plan(_no_path(instance, failure), failure.relaxed)
    except Contradiction as failure:
        return search.without_plan(contradiction_relief(instance, failure), relaxed=False)
    except Infeasible as failure:
        return search.without_plan(scaling.relief_in_money(failure.relief, money), search.relaxed)
    except OutOfTime:
        status = "time_limit"
        search.rescue()
    except KeyboardInterrupt:
        status = "interrupted"
        search.rescue()
    finally:
        search.close()
    search.counts["reproducible"] = status not in ("time_limit", "interrupted") and clock.left > 0
    return scaling.in_money(search.outcome(status), instance, money)


def _no_path(instance: Instance, failure: NoPath) -> tuple[Relief, ...]:
    names = ", ".join(instance.skus[k] for k in failure.skus[:5]) + (" ..." if len(failure.skus) > 5 else "")
    return (Relief("nodes", names, "", float(len(failure.skus)), "SKUs without an admissible set of nodes"),)


class Search:
    """State of one solve: bound with its rents, best plan, columns. All money is the solver's."""

    def __init__(
        self,
        instance: Instance,
        model: pyo.ConcreteModel,
        money: float,
        gap: float,
        seed: int,
        clock: Clock,
        tell: Callable[[Progress], None],
    ) -> None:
        self.money = money  # that one of the solver's stands for
        self.instance, self.model, self.target, self.seed, self.clock = instance, model, gap, seed, clock
        self.tell = tell
        self.generation: Generation | None = None
        self.tree: Tree | None = None
        self.proved: float | None = None  # by an integer program over every path that matters
        self.held: float | None = None  # the bound while the generation works under other openings
        self.best = np.inf
        self.plan: Rounded | None = None
        self.start: tuple[Columns | None, Rounded | None] | None = None  # what the search began with, and its plan
        self.marks: dict[str, float] = {}
        self.counts: dict[str, float] = {}

    # --- what the caller reads ---------------------------------------------------------------------------------------

    @property
    def bound(self) -> float:
        """No plan can cost less."""
        if self.proved is not None:
            return self.proved
        if self.held is not None:
            return self.held
        if self.tree is not None:
            return self.tree.bound
        return -np.inf if self.generation is None else self.generation.bound

    @property
    def gap(self) -> float:
        """(best - bound) / best."""
        return max(0.0, self.best - self.bound) / max(abs(self.best), 1e-9) if np.isfinite(self.best) else np.inf

    def stages(self) -> dict[str, float]:
        """Seconds by stage."""
        return dict(self.marks)

    @property
    def relaxed(self) -> bool:
        """Not every set of nodes is listed."""
        return self.generation is not None and self.generation.catalogue.relaxed

    def without_plan(self, relief: tuple[Relief, ...], relaxed: bool) -> Outcome:
        """No plan fits the limits; that is proved unless sets were left out of the list."""
        bound = -np.inf if relaxed else np.inf
        status = "stalled" if relaxed else "infeasible"
        return Outcome(status, np.inf, bound, relief=relief, seconds=self.stages(), bound_is_relaxed=relaxed)

    def outcome(self, status: str) -> Outcome:
        """The best plan so far with its certificate."""
        plan, generation = self.plan, self.generation
        rents = None
        if generation is not None:
            rents = rents_by_name(self.instance, generation.problem.rows, generation.rent)
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
            seconds=self.stages(),
            counts=dict(self.counts),
        )

    def close(self) -> None:
        """End the worker threads."""
        if self.generation is not None:
            self.generation.catalogue.close()

    def rescue(self) -> None:
        """A plan out of the patterns at hand, when the search was stopped before it had one."""
        generation = self.generation
        if self.plan is not None or generation is None or generation.master.pool is None:
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
        self._mark("patterns")
        self._root(problem)
        self._mark("bound")
        self._begin(problem)
        if self._generated().grouped:
            self._search_openings(problem)
        else:
            self._search_patterns(problem)
        self._keep_start(problem)
        self._mark("closing")

    def _search_patterns(self, problem: Problem) -> None:
        """Restricted programs at the root, then every path that matters, or branching, where the gap is still wide."""
        made = self._generated()
        self._round(made, rounding.QUICK, {})
        self._mark("plan")
        if self.gap > self.target:
            if problem.catalogue.sets > PLUNGE_BELOW:
                self._dive({}, rounding.DIVE, self._tolerance())
            else:
                self._plunge(problem)
        if self.gap > self._wide_enough() and not self._close_by_enumeration(problem):
            fixings = self._branch(problem, lambda fixings: self._round(made, rounding.QUICK, fixings))
            self._round(made, rounding.THOROUGH, fixings)

    def _search_openings(self, problem: Problem) -> None:
        """Plans under whole openings next to the bound's, at the root and at every leaf of the branching."""
        self._dive({}, rounding.DIVE, self._tolerance(), DEPTH)
        self._mark("plan")
        if self.gap > self._wide_enough():
            fixings = self._branch(
                problem, lambda fixings: self._dive(fixings, rounding.DIVE, self._tolerance(), DEPTH)
            )
            self._dive(fixings, rounding.THOROUGH, self._tolerance(), DEPTH)

    def _wide_enough(self) -> float:
        """Gap at which the search may end: wider where the plan it began with is as good as it was."""
        return max(self.target, self.instance.keep_gap if self._begins_well() else 0.0)

    def _mark(self, stage: str) -> None:
        self.marks[stage] = self.clock.seconds - sum(self.marks.values())
        self._say(stage)

    def _say(self, stage: str, note: str = "", plan: Outcome | None = None) -> None:
        self.tell(Progress(stage, self.clock.seconds, self.bound, self.best, note, plan))

    def _prepare(self) -> Problem:
        compiled = network.compile_model(self.model)
        rows = Rows(self.instance, compiled)
        catalogue = Catalogue(self.instance, rows, check=self.clock.check)
        self.counts = {"sets": float(catalogue.sets), "skus with a choice": float(len(catalogue.choosers))}
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
        self.generation = Generation(
            problem, catalogue, network_bound, self.clock, lambda note: self._say("bound", note), None, group
        )
        if group is None:
            self.generation.run(self._tolerance(), rent)
        else:
            self.generation.run(ROUGH, rent)
            if len(catalogue.choosers) > EARLY_ABOVE:
                self._dive({}, rounding.QUICK, ROUGH)
            self.generation.refine(self._tolerance())

    def _tolerance(self) -> float:
        return max(1e-10, min(0.1 * self.target, 1e-3))

    def _sampled_rent(self, problem: Problem, network_bound: NetworkBound) -> Floats | None:
        """Rents at which a sample, each SKU standing for several, is content; None where the sample does not fit."""
        sample, weight = problem.catalogue.sample(SAMPLE_SIZE)
        scout = Generation(problem, sample, network_bound, self.clock, lambda _: self._say("sample"), weight)
        try:
            scout.run(2e-3)
        except Infeasible:
            return None
        return scout.rent

    # --- plans -------------------------------------------------------------------------------------------------------

    def _enough(self) -> float:
        """Bound at which the best plan meets the asked gap."""
        return self.best - self.target * abs(self.best) if np.isfinite(self.best) else np.inf

    def _goal(self, fixings: Fixings) -> rounding.Goal:
        bound = self.bound
        enough = bound / (1.0 - self.target) if bound > 0 else bound
        window = (self.best - self._generated().bound) * (1.0 + 1e-9) + 1e-9  # of the rents at hand
        return rounding.Goal(window, enough, max(0.2 * self.target, 1e-9), self.clock.left, fixings)

    def _round(self, made: Generation, efforts: tuple[rounding.Effort, ...], fixings: Fixings) -> None:
        """Restricted programs of growing size until the gap is reached."""
        for effort in efforts:
            if self.gap <= self.target:
                return
            self.clock.check()
            reduced = made.reduced_costs()
            self._accept(rounding.round_master(made.problem, made.master, reduced, self._goal(fixings), effort))

    def _dive(self, fixings: Fixings, efforts: tuple[rounding.Effort, ...], tolerance: float, depth: int = 0) -> None:
        """A plan under the openings nearest to the bound's; bound and rents are then as before, also after a stop.

        ``depth``: how often the costliest SKUs are decided, and all others priced anew, where that is needed.
        """
        made = self._generated()
        opened = open_values(self.instance, made.problem.compiled, made.master.values())
        whole = {(n, t): round(opened[n, t]) for n, t in made.problem.openings} | fixings
        self.held = self.bound
        try:
            with made.aside(fixings), suppress(Infeasible, Contradiction):
                if whole != fixings:
                    made.restrict(whole)
                    made.rerun(tolerance, made.rent, made.link_rent, np.inf)
                for deep in sorted({0, depth}):
                    if self.gap > self.target:
                        self._round(settle(made, whole, tolerance, deep), efforts, whole)
        finally:
            self.held = None

    def _begin(self, problem: Problem) -> None:
        """The placement that is given to begin with is the first plan, if it keeps every limit."""
        wanted = self.instance.start
        if wanted is not None:
            columns = incumbent.wanted_columns(problem, self._generated(), wanted)
            self.start = columns, rounding.complete(problem, columns)
            self._accept(self.start[1])

    def _begins_well(self) -> bool:
        """The start keeps every limit and is within the gap up to which it is kept."""
        whole = None if self.start is None else self.start[1]
        return whole is not None and whole.cost - self.bound <= self.instance.keep_gap * abs(whole.cost)

    def _keep_start(self, problem: Problem) -> None:
        """Among the plans within the asked gap, one close to the start: it whole, or as many SKUs of it as may be."""
        if self.start is None or self.plan is None:
            return
        columns, whole = self.start
        most = self.best if self.gap > self.target else self.bound / (1.0 - min(self.target, 0.999))
        widest = max(self.target, self.instance.keep_gap)
        if whole is not None and whole.cost - self.bound <= widest * abs(whole.cost):
            self.best, self.plan = whole.cost, whole
        elif columns is not None and self.bound > 0:
            plan = incumbent.with_least_change(
                problem, self._generated(), columns, self.plan, max(most, self.best), lambda: self.clock.left > 0
            )
            self.best, self.plan = plan.cost, plan

    def _generated(self) -> Generation:
        if self.generation is None:
            raise RuntimeError("the bound comes before the plan")
        return self.generation

    def _accept(self, rounded: Rounded | None) -> None:
        if rounded is not None and rounded.cost < self.best:
            self.best, self.plan = rounded.cost, rounded
            self._say("plan", plan=self.outcome("interrupted"))

    def _plunge(self, problem: Problem) -> None:
        """Plans under openings that are decided one after the other, where sets are few enough to be priced often."""
        generation = self._generated()
        if generation.master.pool is None:
            return
        with generation.aside({}):
            self.tree = Tree(generation, self._tolerance())
            for _ in range(PLUNGES):
                fixings = self.tree.plunge(self._enough)
                if fixings is not None:
                    self._enumerate(problem)
                    self._round(generation, rounding.DECIDED, fixings)

    def _branch(self, problem: Problem, visit: Callable[[Fixings], None]) -> Fixings:
        """Decide openings one by one where the bound leaves them open; returns those of the most promising leaf."""
        generation = self._generated()
        if self.tree is None:
            self.tree = Tree(generation, self._tolerance())
        root = generation.bound, generation.rent, generation.link_rent
        try:
            self.tree.grow(self._enough, visit)
        except (OutOfTime, KeyboardInterrupt):
            generation.take_up({}, *root)
            raise
        finally:
            self.counts["branches"] = float(self.tree.count)
        fixings = self.tree.promising()
        if fixings is None:
            generation.restrict({})
            raise Infeasible(self._integer_relief(problem, generation))
        return fixings

    def _close_by_enumeration(self, problem: Problem) -> bool:
        """Bring in every path that could still be part of a better plan; False where they are too many."""
        if problem.catalogue.relaxed or not self._enumerate(problem):
            return False
        generation, plan, start = self._generated(), self.plan, None
        if plan is not None:
            start = incumbent.wanted_columns(problem, generation, plan.stocked), plan.open
        reduced = generation.reduced_costs()
        rounded, proved = rounding.round_whole(problem, generation.master, reduced, self._goal({}), start)
        before = self.bound
        self._accept(rounded)
        self.proved = max(before, min(proved, self.best))
        if self.proved == np.inf:
            raise Infeasible(self._integer_relief(problem, generation))
        return self.gap <= self.target

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
