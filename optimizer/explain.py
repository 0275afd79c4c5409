"""Explain: why a SKU is where it is, what would change that, and what one more unit of a limit is worth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from models.batches import Batch
from models.explain import Base, Choice, Question, Taker, billed, only, takers
from models.instance import Bools, Instance
from models.pricing import Prices
from models.scarce import Bill, Scarce, prices, scarce_things

from .case import Case
from .errors import UsageError, nearest
from .rents import Ground, of_plan, of_workbook
from .tables import explained, phrases, worth
from .turns import Turn, turns

if TYPE_CHECKING:
    from .plan import Plan

__all__ = ["LimitExplained", "SkuExplained", "explain"]


@dataclass(frozen=True, eq=False)
class SkuExplained:
    """One SKU of a plan, held against its best path with a node and its best without. Tables are data frames."""

    ground: Ground
    sku: int
    node: int | None  # None: every node in turn
    periods: Bools  # (T,) asked about

    @cached_property
    def alone(self) -> Instance:
        """The instance of this SKU."""
        return only(self.ground.instance, self.sku)

    @cached_property
    def prices(self) -> Prices:
        """The rents of the plan."""
        return prices(self.alone, self.ground.rents)

    @cached_property
    def held(self) -> Bools:
        """(N,T) where the plan holds the SKU."""
        return np.asarray(self.ground.stocked[self.sku])

    def question(self, node: int) -> Question:
        """Is it better with this node or without?"""
        return Question(self.alone, self.prices, self.ground.is_open, node, self.periods, known=self.batch)

    @cached_property
    def batch(self) -> Batch:
        """Every set of the SKU, evaluated."""
        return Question(self.alone, self.prices, self.ground.is_open, 0, self.periods).batch

    def bill(self, stocked: Bools) -> Bill:
        """Cost by term and rent by thing of a path (N,T)."""
        return billed(self.alone, stocked, self.ground.is_open, self.prices)

    @cached_property
    def planned(self) -> Choice:
        """The plan's own path."""
        return Choice(self.held, float(self.bill(self.held).total[0]), 0.0)

    @cached_property
    def options(self) -> dict[str, Choice | None]:
        """The plan's path and those it is held against, by name."""
        if self.node is not None:
            question = self.question(self.node)
            return {"plan": self.planned, "with_node": question.with_node(), "without_node": question.without()}
        others = [choice for _, choice, _ in self.others if choice is not None]
        return {"plan": self.planned, "next_best": min(others, key=lambda choice: choice.cost, default=None)}

    @cached_property
    def others(self) -> list[tuple[int, Choice | None, float]]:
        """For every node the best path that decides about it the other way, and how much dearer than the plan's."""
        out = []
        for node in range(len(self.alone.nodes)):
            question = self.question(node)
            held = bool(self.held[node, self.periods].any())
            other = question.without() if held else question.with_node()
            out.append((node, other, np.nan if other is None else other.cost - self.planned.cost))
        return out

    @cached_property
    def turns(self) -> tuple[Turn, ...]:
        """What would turn the answer about the node; nothing when no node was named."""
        return () if self.node is None else tuple(turns(self.question(self.node)))

    @cached_property
    def cost(self) -> pd.DataFrame:
        """Costs by term and rents by thing, side by side."""
        return explained.cost(self)

    @cached_property
    def sets(self) -> pd.DataFrame:
        """The nodes of each path, period by period."""
        return explained.sets(self)

    @cached_property
    def changes(self) -> pd.DataFrame:
        """What would have to change, nearest first."""
        return explained.changes(self)

    @cached_property
    def nodes(self) -> pd.DataFrame:
        """Every node: held or not, what the other way would cost, and why."""
        return explained.nodes(self)

    @property
    def headline(self) -> tuple[str, ...]:
        """The answer in a few sentences."""
        return explained.headline(self)

    def tables(self) -> Mapping[str, pd.DataFrame]:
        """The tables that belong to the question, by name."""
        last = {"nodes": self.nodes} if self.node is None else {"changes": self.changes}
        return {"sets": self.sets, "cost": self.cost, **last}


@dataclass(frozen=True, eq=False)
class LimitExplained:
    """What one more unit of a scarce thing is worth, and who would use it."""

    ground: Ground
    thing: Scarce

    @cached_property
    def base(self) -> Base:
        """The plan, ready to be priced again."""
        own = self.ground
        return Base(own.instance, own.stocked, own.is_open, prices(own.instance, own.rents))

    @cached_property
    def takers(self) -> list[Taker]:
        """SKUs that would use more of it if its rent fell; none where it has no rent."""
        return takers(self.base, self.thing) if self.worth["rent"].to_numpy().any() else []

    @cached_property
    def worth(self) -> pd.DataFrame:
        """Use, limit and rent in each period."""
        return worth.worth(self)

    @cached_property
    def users(self) -> pd.DataFrame:
        """Who would use more, the one who gains most by a unit first."""
        return worth.users(self)

    @property
    def headline(self) -> tuple[str, ...]:
        """The answer in a few sentences."""
        return worth.headline(self)

    def tables(self) -> Mapping[str, pd.DataFrame]:
        """Both tables by name."""
        return {"worth": self.worth, "users": self.users}


def explain(
    plan: Plan | str | Path,
    case: Case | None = None,
    *,
    sku: str | None = None,
    node: str | None = None,
    period: str | None = None,
    limit: str | None = None,
) -> SkuExplained | LimitExplained:
    """Explain where a plan holds one SKU (at one node or at all, in one period or in all), or what a limit is worth.

    ``plan`` is a plan, or the path of a written one; then ``case`` is its input, read with the plan's settings
    (`optimizer.planned.run_facts`). Rents are those of the plan's sheets Nodes and Limits. Raises UsageError when a
    name is unknown, or neither or both of ``sku`` and ``limit`` are given.
    """
    if (sku is None) == (limit is None):
        raise UsageError("one question at a time.", "Name a SKU (--sku) or a limit (--limit).")
    ground = _ground(plan, case)
    if limit is not None:
        return LimitExplained(ground, _thing(ground, limit))
    own = ground.instance
    k = _position(own.skus, str(sku), "SKU")
    if not own.mean[k].any():
        raise UsageError(f"{sku} has no demand in the plan, so it is stocked nowhere.", "Name another SKU.")
    asked = np.ones(len(own.periods), dtype=bool)
    if period is not None:
        asked = np.arange(len(own.periods)) == _position(own.periods, period, "period")
    return SkuExplained(ground, k, None if node is None else _position(own.nodes, node, "node"), asked)


def _ground(plan: Plan | str | Path, case: Case | None) -> Ground:
    if not isinstance(plan, (str, Path)):
        return of_plan(plan if case is None else replace(plan, case=case))
    if case is None:
        raise UsageError("a written plan is explained with its input.", "Pass case=optimizer.read(...).")
    return of_workbook(plan, case)


def _position(names: tuple[str, ...], name: str, what: str) -> int:
    folded = {known.casefold(): at for at, known in enumerate(names)}
    at = names.index(name) if name in names else folded.get(name.casefold())
    if at is None:
        close = nearest(name, names)
        raise UsageError(f'there is no {what} "{name}".', f'Did you mean "{close}"?' if close else "")
    return at


def _thing(ground: Ground, name: str) -> Scarce:
    """The scarce thing of a name, as the sheets Limits and Summary write it. Raises UsageError."""
    known = {phrases.plain(phrases.key(ground.instance, thing)): thing for thing in scarce_things(ground.instance)}
    found = known.get(phrases.plain(name))
    if found is None:
        close = nearest(name, [phrases.key(ground.instance, thing) for thing in known.values()])
        hint = (
            f'Did you mean "{close}"?' if close else 'A limit is "budget", a row of the sheet Limits, or "DAL chilled".'
        )
        raise UsageError(f'there is no limit "{name}".', hint)
    return found


def explain_written(
    plan: Path, source: Path, orders: Path | None = None, previous: Path | None = None, **question: str | None
) -> SkuExplained | LimitExplained:
    """Explain a written plan, its input read under the settings it was made with; see :func:`explain`.

    ``previous`` is the plan that was in force; without it, it is looked for where it stood when the plan was made.
    """
    from .planned import run_facts
    from .previous import named_in
    from .reading import read

    settings, _ = run_facts(plan)
    case = read(source, orders=orders, settings=settings, previous=previous or named_in(plan))
    return explain(plan, case, **question)
