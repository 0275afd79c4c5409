"""Policies that live through the same months: planned from a day in the past, month by month, on orders not yet seen.

At each origin the history ends the day before; demand is forecast once, and every policy makes its placement and stock
from the same instance. The first month begins at a random moment of every order cycle of the policy's own stock; each
later month begins with what the month before left behind, on the shelves and on the way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta

import numpy as np
import pandas as pd

from models.demand import DemandRates
from models.evaluation import COST_TERMS, NODE_COST_TERMS
from models.instance import Floats, Instance
from models.orders import OrderLines, order_book
from models.simulation import Opening, Options, Rules, Simulation
from models.tally import TERMS, Tally
from optimizer.assembly import assemble, forecast
from optimizer.case import Case
from optimizer.openings import opening
from optimizer.periods import day_number, horizon_of
from optimizer.planned import Planned
from optimizer.planning import Planner
from optimizer.replay import order_lines
from optimizer.sites import can_hold

from .rules import RULES, Prescription, World, prescribed, trimmed, world
from .textbook_stock import Stock

OURS = "Nodewise"
OURS_APART = "Nodewise split parcels ignored"
OURS_FREE = "Nodewise without required backups"
OURS_TEXTBOOK = "our placement with textbook stock"
POLICIES = (OURS, OURS_FREE, OURS_APART, *RULES, OURS_TEXTBOOK)
AS_PRESCRIBED = (*NODE_COST_TERMS, "change", "penalties")  # counted from the placement, not lived through


@dataclass(frozen=True)
class Month:
    """A month as a policy lived through it."""

    instance: Instance
    made: Prescription
    tally: Tally
    days: int
    others: Mapping[str, float]  # AS_PRESCRIBED -> money
    expected: Mapping[str, float]  # the policy's own cost by term for the month, where it states one
    expected_units: float


@dataclass
class Lived:
    """All months of one policy under one seed."""

    policy: str
    months: list[Month] = field(default_factory=list)
    left: Opening | None = None

    def sku(self, name: str) -> Floats:
        """(K,) a count by SKU over all months."""
        return np.sum([month.tally.sku[name] for month in self.months], axis=0)

    def day(self, name: str) -> float:
        """A daily count summed over all months."""
        return float(sum(month.tally.day[name].sum() for month in self.months))

    @property
    def costs(self) -> dict[str, float]:
        """Money by term over all months."""
        out = {term: float(sum(month.tally.costs[term].sum() for month in self.months)) for term in TERMS}
        return out | {term: sum(month.others[term] for month in self.months) for term in AS_PRESCRIBED}

    @property
    def total(self) -> float:
        """Money."""
        return sum(self.costs.values())


def roll(
    full: Case,
    origins: Sequence[date],
    until: date,
    policies: Sequence[str] = POLICIES,
    seeds: int = 1,
    tell: Callable[[str], None] = lambda _: None,
) -> list[Lived]:
    """Every policy under every seed through the months from each origin to the day before the next, and to ``until``.

    ``full`` holds all orders; those on or after an origin are hidden from what is planned there.
    """
    lines = order_lines(full, full.orders)
    lived = [Lived(policy) for policy in policies for _ in range(seeds)]
    ends = [*(origin - timedelta(days=1) for origin in origins[1:]), until]
    for origin, end in zip(origins, ends, strict=True):
        case = cut(full, origin)
        rates = forecast(case)
        fixed = _rules_of_thumb(case, rates, policies)
        tell(f"{origin}: forecast and rules made")
        for number, life in enumerate(lived):
            seed = number % seeds
            made = fixed.get(life.policy) or _planned(case, rates, life, origin)
            _live(life, case, rates, made, lines, origin, end, until, seed)
            tell(f"{origin} {life.policy} seed {seed}: cost {life.total:,.0f} fill {_fill(life):.4f}")
    return lived


def _fill(life: Lived) -> float:
    return float(life.sku("at_once").sum() / max(life.sku("ordered").sum(), 1e-9))


def cut(full: Case, origin: date) -> Case:
    """The case as it stood on a day: no order from that day on, and no stock; without it no limit on purchases."""
    settings = full.settings.with_values(start=origin, history_until=None)
    orders = full.orders[full.orders["date"] < pd.Timestamp(origin)].reset_index(drop=True)
    limits = full.limits[full.limits["measure"] != "purchases"].reset_index(drop=True)
    return replace(full, settings=settings, orders=orders, limits=limits, stock=full.stock.iloc[:0])


def world_of(case: Case, instance: Instance) -> World:
    """The case as rules of thumb see it."""
    return world(instance, can_hold(case), tuple(case.nodes["type"]))


def _rules_of_thumb(case: Case, rates: DemandRates, policies: Sequence[str]) -> dict[str, Prescription]:
    seen = world_of(case, assemble(case, rates))
    return {name: prescribed(seen, rule) for name, rule in RULES.items() if name in policies}


def _planned(case: Case, rates: DemandRates, life: Lived, origin: date) -> Prescription:
    """Our own plan from the policy's own stock; for the textbook variant its placement alone."""
    split = "ignore" if life.policy == OURS_APART else case.settings.split_shipments
    if life.policy == OURS_FREE:
        case = replace(case, regions=case.regions.assign(backup_required=False))
    planner = Planner(replace(case, stock=_stock_sheet(case, life.left, origin)), split_shipments=split)
    vars(planner)["rates"] = rates
    plan = planner.solve()
    if life.policy == OURS_TEXTBOOK:
        return trimmed(world_of(case, plan.instance), plan.stocked)
    exact, outcome = plan.evaluation, plan.outcome
    if outcome.open is None or outcome.surge is None:
        raise ValueError("no plan")
    stock = Stock(exact.reorder_point, exact.order_quantity, exact.safety_stock)
    return Prescription(plan.stocked, outcome.open, outcome.surge, stock, exact)


def _stock_sheet(case: Case, left: Opening | None, origin: date) -> pd.DataFrame:
    """What is left as the Stock sheet; empty at the beginning."""
    if left is None:
        return case.stock
    here = left.day <= day_number(origin)
    table = pd.DataFrame({"sku": left.sku, "node": left.node})
    table = table.assign(on_hand=np.where(here, left.units, 0.0), on_order=np.where(here, 0.0, left.units))
    table = table.groupby(["sku", "node"], as_index=False)[["on_hand", "on_order"]].sum()
    names = {"sku": case.skus["sku"].to_numpy(dtype=object), "node": case.nodes["node"].to_numpy(dtype=object)}
    out = table.assign(**{name: values[table[name]] for name, values in names.items()})
    return out.reindex(columns=case.stock.columns).astype(case.stock.dtypes.to_dict())


def _live(
    life: Lived,
    case: Case,
    rates: DemandRates,
    made: Prescription,
    lines: OrderLines,
    origin: date,
    end: date,
    until: date,
    seed: int,
) -> None:
    """One month of one policy; what it leaves behind is kept for the next."""
    instance = assemble(case, rates)
    horizon = horizon_of(case.settings)
    days = np.append(horizon.first, horizon.first[-1] + horizon.days[-1])
    rules = Rules(made.stocked, made.stock.reorder_point, made.stock.quantity, made.surge, days)
    first, last, final = (day_number(day) for day in (origin, end, until))
    stock = life.left
    if stock is None:
        stock = opening(case, _as_planned(instance, rules, made), "cycle", first, seed)
    book, cards = order_book(instance, lines, first, last)
    world = Simulation(instance, rules, book, cards, stock, final, 1000 * seed + first, Options())
    for day in range(first, last + 1):
        world.live(day)
    tally = world.close()
    others = _others(life, instance, made, (last - first + 1) / float(instance.days[0]))
    units = float(instance.mean[:, :, 0].sum() * (last - first + 1))
    life.months.append(Month(instance, made, tally, last - first + 1, others, _expected(made), units))
    life.left = world.carried(last)


def _as_planned(instance: Instance, rules: Rules, made: Prescription) -> Planned:
    flow = np.where(made.stocked, made.exact.flow, 0.0)
    return Planned(
        instance=instance, rules=rules, safety_stock=made.stock.safety, average_stock=made.stock.average,
        peak_stock=made.stock.peak, flow=flow, lead_time=made.exact.lead_time, tier=instance.tier,
        service=instance.service_level, fill=instance.fill_service, costs={},
        parcels=made.exact.parcels, late_parcels=made.exact.late_parcels, split_cost=np.nan,
    )  # fmt: skip


def _others(life: Lived, instance: Instance, made: Prescription, part: float) -> dict[str, float]:
    """Node costs and changes against the month before; the first month's placement is taken to be in place."""
    costs = {term: float(made.exact.node_costs[term][:, 0].sum()) * part for term in ("fixed", "surge")}
    before = life.months[-1].made if life.months else None
    opens = made.open[:, 0] & instance.candidate & (True if before is None else ~before.open[:, 0])
    costs["opening"] = float(instance.opening_cost[opens].sum())
    costs["change"] = 0.0
    if before is not None:
        added = made.stocked[:, :, 0] & ~before.stocked[:, :, 0]
        dropped = before.stocked[:, :, 0] & ~made.stocked[:, :, 0]
        costs["change"] = float(added.sum() * instance.change_cost_in + dropped.sum() * instance.change_cost_out)
    costs["penalties"] = float(made.exact.penalties[:, 0].sum()) * part
    return costs


def _expected(made: Prescription) -> dict[str, float]:
    """The cost by term that the formulas of the plan expect in the month."""
    return {term: float(made.exact.costs[term][:, :, 0].sum()) for term in COST_TERMS}


def by_policy(lived: Sequence[Lived]) -> Iterator[tuple[str, list[Lived]]]:
    """The lives of each policy, in order."""
    for name in dict.fromkeys(life.policy for life in lived):
        yield name, [life for life in lived if life.policy == name]
