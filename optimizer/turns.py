"""What would have to change for a SKU to come to a node or to leave it: demand, the rent of the room, costs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from models.explain import (
    Choice,
    Question,
    evaluated,
    turning,
    with_cost,
    with_demand,
    with_inbound,
    with_rent,
    with_shipping,
)
from models.instance import TEMPERATURES, Bools, Floats

MOST = 8.0  # times the demand that is looked at, and one over it
STEPS = 12  # between 1 and MOST
FAR = tuple(2.0**power for power in range(11))  # multiples of the first estimate that are looked at


@dataclass(frozen=True)
class Turn:
    """One thing that was changed until the answer turned."""

    what: str  # demand, demand near, rent, handling, storage, stocking, inbound, shipping
    unit: str  # after the currency: "a month per m3"
    now: float
    at: float  # nan where no change within reach turns the answer
    words: str  # "chilled space there cost less than ..."; the currency is {currency}

    @property
    def change(self) -> float:
        """Relative change from now; inf where it is 0 now."""
        return (self.at - self.now) / self.now if self.now else np.inf


@dataclass(frozen=True)
class _Lever:
    """One cost that can be moved: its value now, and the least it can be."""

    what: str
    label: str
    unit: str
    now: float
    least: float
    weight: float  # units that pay it, on the best path with the node
    moved: Callable[[float], Question]


def turns(question: Question) -> Iterator[Turn]:
    """Every change of one figure that turns the answer, and those that cannot; nothing where one side has no path."""
    difference = question.difference()
    choice = question.with_node()
    if choice is None or not np.isfinite(difference):
        return
    yield from _of_demand(question, choice)
    for lever in _levers(question, choice):
        if lever.weight > 0 and (difference < 0 or lever.now > lever.least):
            yield _of_lever(lever, difference)


def _of_demand(question: Question, choice: Choice) -> Iterator[Turn]:
    case = question.instance
    made = evaluated(case, choice.stocked[None], question.is_open)
    lane = made.primary[0]
    near = ((lane >= 0) & (case.lane_node[lane] == question.node)).any(axis=1)
    live = case.mean[0].any(axis=1)
    yield from _scaled(question, "demand", np.ones(len(case.regions), dtype=bool), "its demand in all regions")
    if near.any() and not (near | ~live).all():
        count = int((near & live).sum())
        words = f"its demand in the {count} regions it would serve from there" if count > 1 else _only(question, near)
        yield from _scaled(question, "demand near", near, words)


def _only(question: Question, near: Bools) -> str:
    return f"its demand in {question.instance.regions[int(np.flatnonzero(near)[0])]}"


def _scaled(question: Question, what: str, regions: Bools, label: str) -> Iterator[Turn]:
    """Growth and decline of demand, each up to the first turn."""
    for end, verb in ((MOST, "grew by"), (1.0 / MOST, "fell by")):
        factors = np.geomspace(1.0, end, STEPS + 1).tolist()
        at = turning(lambda factor: with_demand(question, factor, regions).difference(), factors)
        if at is not None:
            yield Turn(what, "times", 1.0, at, f"{label} {verb} {percent(abs(at - 1.0))}")


def _of_lever(lever: _Lever, difference: float) -> Turn:
    step = difference / lever.weight
    at = turning(lambda value: lever.moved(value).difference(), _values(lever, step))
    if at is None:
        words = f"not even if {lever.label} cost nothing" if difference > 0 else ""
        return Turn(lever.what, lever.unit, lever.now, np.nan, words)
    if lever.what == "shipping":
        words = f"parcels from there cost {abs(at):,.2f} {{currency}} {'less' if at < 0 else 'more'} each"
    else:
        side = "less" if difference > 0 else "more"
        words = f"{lever.label} cost {side} than {figure(at)} {{currency}} {lever.unit} (now {figure(lever.now)})"
    return Turn(lever.what, lever.unit, lever.now, at, words)


def _values(lever: _Lever, step: float) -> Sequence[float]:
    """From now away in the direction that helps the other side: down to the least, or up without end."""
    if step > 0:
        down = [lever.now - step * share for share in (0.25, 0.5, 0.75, 1.0, 1.01)]
        inside = [value for value in down if value > lever.least]
        return [lever.now, *inside, *([lever.least] if len(inside) < len(down) else [])]
    return [lever.now, *(lever.now - step * times for times in FAR)]


def _levers(question: Question, choice: Choice) -> Iterator[_Lever]:
    case, node = question.instance, question.node
    made = evaluated(case, choice.stocked[None], question.is_open)
    days, months = case.days, case.months
    flow, average, peak = (values[0, node] for values in (made.flow, made.average_stock, made.peak_stock))
    volume, temperature = float(case.volume_m3[0]), int(case.temperature[0])
    if np.isfinite(case.room_m3[node, temperature]):
        now, shape = _monthly(question, temperature)
        yield _Lever(
            "rent", f"{TEMPERATURES[temperature]} space there", "a month per m3", now, 0.0,
            float((months * shape * peak).sum()) * volume, lambda value: with_rent(question, value * months * shape),
        )  # fmt: skip
    figures = (
        ("handling", "handling there", "per unit", "handling_cost", float((days * flow).sum())),
        ("storage", "storage there", "a month per m3", "storage_cost", float((months * average).sum()) * volume),
        ("stocking", "a SKU's place there", "a month", "stocking_cost", float(months @ choice.stocked[node])),
    )
    for what, label, unit, name, weight in figures:
        yield _Lever(
            what, label, unit, float(getattr(case, name)[node]), 0.0, weight,
            partial(with_cost, question, name),
        )  # fmt: skip
    yield _Lever(
        "inbound", "freight to it", "per unit", float(case.inbound_per_unit[0, node]), 0.0, float((days * flow).sum()),
        lambda value: with_inbound(question, value),
    )  # fmt: skip
    own = case.lane_node[made.primary[0]] == node
    parcels = (np.where((made.primary[0] >= 0) & own, case.mean[0], 0.0) * days).sum() * case.parcels_per_unit[0]
    dearest = float(case.lane_parcel_cost[case.lane_node == node].max(initial=0.0))
    yield _Lever(
        "shipping", "parcels from there", "per parcel", 0.0, -dearest, float(parcels),
        lambda value: with_shipping(question, value),
    )  # fmt: skip


def _monthly(question: Question, temperature: int) -> tuple[float, Floats]:
    """Rent of the node's room, money/m3 a month on average, and its course (T,), 1 on average."""
    case = question.instance
    rent = question.prices.room[question.node, temperature]
    now = float(rent.sum() / case.months.sum())
    return now, rent / case.months / now if now > 0 else np.ones(len(rent))


def percent(share: float) -> str:
    """A share in words of a planner.

    >>> percent(0.384), percent(0.0021), percent(6.2)
    ('38 %', '0.2 %', '620 %')
    """
    return f"{100 * share:,.0f} %" if share >= 0.095 else f"{100 * share:.1f} %"


def figure(value: float) -> str:
    """A price with as many digits as it needs.

    >>> figure(1234.5), figure(14.24), figure(0.0712), figure(0.0)
    ('1,234', '14.24', '0.071', '0')
    """
    if value == 0 or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.2f}" if abs(value) >= 0.995 else f"{value:.2g}"
