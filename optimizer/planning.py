"""The way through the house on one screen: case -> rates -> instance -> outcome -> plan."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import cached_property
from math import inf
from typing import TYPE_CHECKING, Any, Protocol

from .errors import AuditFailed, Finding, InfeasibleCase, Interrupted, NoPlanInTime, SolverFailure, UsageError
from .relief import relief_text, told
from .settings import used_in_reading

if TYPE_CHECKING:
    from pyomo.environ import ConcreteModel

    from models.demand import DemandRates
    from models.evaluation import Evaluation
    from models.instance import Floats, Instance
    from models.outcome import Outcome, Progress

    from .case import Case
    from .plan import Plan
    from .reading.places import NamedRows
    from .settings import Settings

Listener = Callable[["Progress"], None]

AGAIN_GAP = 5e-3  # of a search whose plan is judged by another sum than the one it lowers


class Solver(Protocol):
    """Finds a plan of an instance, as :func:`models.column_generation.solve` does."""

    def __call__(
        self, instance: Instance, *, gap: float, time_limit: float, seed: int, progress: Listener | None
    ) -> Outcome:
        """The best plan found, and why there is no better one."""
        ...


def plan(case: Case, *, progress: Listener | None = None, solver: Solver | None = None, **settings: Any) -> Plan:
    """Decide where every SKU of ``case`` is stocked, and certify how far from the best that can be.

    ``settings`` override the case's own for this run (``time_limit=60``, ``gap=0.005``, ``seed=1`` ...); ``progress``
    hears every line of live progress. Ctrl-C keeps the best plan so far: its status is ``interrupted``. ``solver``
    takes the place of the search in this process.

    Raises
    ------
    UsageError
        a setting is unknown, out of range, or of no effect once the workbook is read.
    InfeasibleCase
        no plan can keep every limit; the error says the smallest relief.
    NoPlanInTime
        the time limit came before the first plan.
    Interrupted
        Ctrl-C came before the first plan.
    """
    return Planner(case, **settings).solve(progress=progress, solver=solver)


class Planner:
    """A case on its way to a plan, open to an analyst: add constraints to ``model``, then ``solve``."""

    def __init__(self, case: Case, **settings: Any) -> None:
        self.case = replace(case, settings=overridden(case.settings, settings))
        self._model: ConcreteModel | None = None
        self._room_price: Floats | None = None

    @cached_property
    def rates(self) -> DemandRates:
        """Mean and spread of demand per SKU, region and period."""
        from .assembly import forecast

        return forecast(self.case)

    @cached_property
    def instance(self) -> Instance:
        """The arrays the mathematics works on."""
        from .assembly import assemble

        return assemble(self.case, self.rates)

    @property
    def _sized(self) -> Instance:
        """The instance with orders as the plan sizes them, to be changed no more."""
        price = self.instance.room_price if self._room_price is None else self._room_price
        return replace(self.instance, room_price=price, sizes_orders=False)

    @property
    def model(self) -> ConcreteModel:
        """The Pyomo program of the network, with ``open``, ``volume``, ``value``, ``units``, ``skus``, ``stocked``."""
        if self._model is None:
            from models.network import build

            self._model = build(self.instance)
        return self._model

    @property
    def _as_built(self) -> bool:
        """Nothing was added to the model, so that the plan may be improved on outside of it."""
        from models.network import build, compile_model

        from .running.program import digest

        return self._model is None or digest(compile_model(self._model)) == digest(compile_model(build(self.instance)))

    def solve(self, *, progress: Listener | None = None, solver: Solver | None = None) -> Plan:
        """Solve the case with whatever was added to ``model``; raises as :func:`plan` does."""
        from .assembly import assembly_findings

        if solver is not None and self._model is not None:
            raise UsageError("another solver knows nothing of what was added to the model.", "Leave solver out.")
        began = time.perf_counter()
        if progress is not None:
            progress(stage("demand"))
        self._room_price = None
        outcome = self._outcome(progress, solver or self._here)
        if outcome.stocked is None:
            found = assembly_findings(self.case, self.rates)
            raise no_plan(outcome, self.case.settings, (*self.case.findings, *found), self.case.places)
        try:
            return self._finished(outcome, began, progress, solver or self._here)
        except KeyboardInterrupt:
            return self._finished(replace(outcome, status="interrupted"), began, None, solver or self._here)

    def _finished(self, outcome: Outcome, began: float, progress: Listener | None, solver: Solver) -> Plan:
        """The plan of an outcome, changed for what the search knows nothing of, unless that was stopped."""
        from .assembly import assembly_findings
        from .environment import peak_memory_mb, versions
        from .plan import Plan
        from .room_prices import facts_of as room_prices
        from .tables.notes import plan_notes

        outcome, evaluation, split = self._kept_together(outcome, began, progress, solver)
        instance, outcome, evaluation = self._raised(outcome, evaluation)
        facts = {"seconds": time.perf_counter() - began, "peak_memory_mb": peak_memory_mb(), "versions": versions()}
        facts |= split | room_prices(instance)
        found = assembly_findings(self.case, self.rates)
        made = Plan(self.case, instance, self.rates, outcome, evaluation, found, facts)
        return replace(made, assembly_findings=(*found, *plan_notes(made)))

    def _evaluated(self, outcome: Outcome) -> Evaluation:
        """What the plan costs and serves by the case's own arithmetic. Raises AuditFailed where that contradicts."""
        from models.evaluation import evaluate

        from .running.trust import check_certificate, whole_plan

        try:
            evaluation = evaluate(self._sized, *whole_plan(outcome, self._sized))
        except ValueError as fault:
            raise AuditFailed(f"the solver's plan cannot be carried out: {fault}.") from fault
        check_certificate(outcome, evaluation.total if self._as_built else None)
        return evaluation

    def _kept_together(
        self, outcome: Outcome, began: float, progress: Listener | None, solver: Solver
    ) -> tuple[Outcome, Evaluation, dict[str, Any]]:
        """The plan with orders of several SKUs in view, checked again; as it is where constraints were added that only
        the search knows."""
        from .polish import kept_together
        from .running.trust import check_changed

        evaluation = self._evaluated(outcome)
        if not self._as_built:
            return outcome, evaluation, {}
        settings, searched = self.case.settings, {"searched_gap": self._searched_gap(outcome, evaluation)}
        left = self._left(began)
        tell = teller(progress, outcome.bound, began)
        polished, split = kept_together(
            self.case, self._sized, outcome, evaluation.total, left,
            self._again(solver, lambda note: tell(evaluation.total, note)), tell,
        )  # fmt: skip
        if polished is outcome:
            return outcome, evaluation, split | searched
        exact = self._evaluated(polished)
        check_changed(self._sized, (outcome, evaluation), (polished, exact), settings.split_gap)
        return polished, exact, split | searched

    def _again(self, solver: Solver, tell: Callable[[str], None]) -> Callable[[Instance, float], Outcome]:
        """The search of another instance, less exact than the first; without a plan where the solver fails."""
        from models.outcome import Outcome

        settings = self.case.settings

        def search(instance: Instance, seconds: float) -> Outcome:
            goals = {"gap": max(settings.gap, AGAIN_GAP), "time_limit": min(seconds, settings.time_limit)}
            try:
                return solver(
                    instance, **goals, seed=settings.seed, progress=lambda line: tell(f"in company: {line.stage}")
                )
            except SolverFailure:
                return Outcome("crashed", inf, -inf)

        return search

    def _searched_gap(self, outcome: Outcome, evaluation: Evaluation) -> float:
        """The gap that the plan of the search is judged by: of an earlier plan that is kept, what it was then."""
        from .polish import gap_of
        from .previous import gap_judged

        if self.case.previous is not None and self._kept(outcome):
            return gap_judged(self.case.previous)
        return gap_of(evaluation.total, outcome.bound)

    def _raised(self, outcome: Outcome, evaluation: Evaluation) -> tuple[Instance, Outcome, Evaluation]:
        """The plan with stock above the service where that pays and fits, checked again; as it is where constraints
        were added that only the search knows."""
        from models.evaluation import evaluate
        from models.raising import raise_stock

        from .running.trust import check_certificate, check_changed, whole_plan

        if not self._as_built:
            return self._sized, outcome, evaluation
        instance, raised = raise_stock(self._sized, outcome, self._widest(outcome))
        if raised is outcome:
            return instance, outcome, evaluation
        exact = evaluate(instance, *whole_plan(raised, instance))
        check_certificate(raised, exact.total)
        check_changed(instance, (outcome, evaluation), (raised, exact), 1.0)
        return instance, raised, exact

    def _widest(self, outcome: Outcome) -> float:
        """The gap that stock above the service may leave; the same comes out where the earlier plan is kept."""
        from .previous import widest_raised

        known = None
        if self.case.previous is not None and self._kept(outcome):
            known = widest_raised(self.case.previous)
        return self.case.settings.split_gap if known is None else known

    def _outcome(self, progress: Listener | None, solver: Solver) -> Outcome:
        from .running.trust import check_claim

        settings = self.case.settings
        outcome = solver(
            self.instance, gap=settings.gap, time_limit=settings.time_limit, seed=settings.seed, progress=progress
        )
        check_claim(outcome)
        self._room_price = outcome.room_price
        return outcome

    def _left(self, began: float) -> float:
        """Seconds that may still be used; without end where the same is to come out on every machine."""
        settings = self.case.settings
        return inf if settings.deterministic == "yes" else settings.time_limit - (time.perf_counter() - began)

    def _kept(self, outcome: Outcome) -> bool:
        """The plan is the earlier one, of the same input."""
        from .previous import keeps_earlier

        return self.case.previous is not None and keeps_earlier(self.instance, outcome)

    def _here(self, instance: Instance, *, progress: Listener | None, **goals: Any) -> Outcome:
        """The search in this process, with what was added to ``model``."""
        from models.column_generation import solve
        from models.master import SolverFailure as SolverFault
        from models.network import NotFinite

        from .running.canaries import check_solver

        check_solver()
        try:
            return solve(instance, model=self._model, progress=progress, **goals)
        except (NotFinite, SolverFault) as fault:
            raise SolverFailure(f"the case was not solved: {fault}.") from fault


def overridden(settings: Settings, values: Mapping[str, Any]) -> Settings:
    """The settings of a case that was read already, with some replaced. Raises UsageError."""
    changed = settings.with_values(**values)
    for name in values:
        if used_in_reading(name) and getattr(changed, name) != getattr(settings, name):
            message = f"the setting {name} takes effect when a workbook is read."
            raise UsageError(message, f"Read it again: optimizer.read(path, {name}=...).")
    return changed


def no_plan(
    outcome: Outcome,
    settings: Settings,
    findings: Iterable[Finding] = (),
    places: Mapping[str, NamedRows] | None = None,
) -> InfeasibleCase | NoPlanInTime | Interrupted | SolverFailure:
    """Why a solve ended without a plan, as the error to raise; ``findings`` were noticed on the way, ``places`` are
    the rows of the workbook that shortages are told by."""
    if outcome.status == "infeasible":
        remedy = "Give this much more room, or relax the limit."
        relief = told(outcome.relief, settings, places)
        return InfeasibleCase(f"no plan keeps every limit: {relief_text(relief)}", relief, remedy, findings)
    if outcome.status == "interrupted":
        return Interrupted("stopped before a plan was found.")
    if outcome.status == "time_limit":
        least = f" No plan can cost less than {outcome.bound:,.0f} {settings.currency}."
        known = least if outcome.bound > -float("inf") else ""
        return NoPlanInTime(f"no plan in {settings.time_limit:g} s.{known}", "Raise --time-limit.")
    if outcome.relief:
        lack = relief_text(told(outcome.relief, settings, places))
        message = f"no plan was found among the sets of nodes that were searched: {lack}"
        remedy = "Give this much more room, relax the limit, or lower max_nodes of the tier."
        return NoPlanInTime(message, remedy, "no_plan_found")
    if outcome.status == "stalled":
        message = "the search ended without a plan: fractions of SKUs would fit the limits, whole ones hardly do."
        remedy = "Make the tightest limit a little wider, or soft (penalty_per_unit)."
        return NoPlanInTime(message, remedy, "no_plan_found")
    return SolverFailure(f"the solver stopped without a plan (status {outcome.status}).")


def teller(progress: Listener | None, bound: float, began: float) -> Callable[[float, str], None]:
    """Lines of progress while SKUs are brought together, from the plan's cost and what goes on."""
    from models.outcome import Progress

    def tell(cost: float, note: str) -> None:
        if progress is not None:
            progress(Progress("together", time.perf_counter() - began, bound, cost, note))

    return tell


def stage(name: str) -> Progress:
    """A line of progress while nothing is known of cost and bound."""
    from models.outcome import Progress

    return Progress(name, 0.0, -float("inf"), float("inf"))
