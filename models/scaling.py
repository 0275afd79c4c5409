"""Units in which the solver sees a case, so that its tolerances, which are absolute, mean the same in every case.

All factors are powers of two: nothing is rounded on the way to the solver or back. Money is scaled in the instance
itself, before anything is computed; a usage variable, its definition row and the rows it stands in, once it is known
how much the SKUs could use. An open node stays a 0 or 1.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from .columns import Rows
from .instance import Bools, Floats, Instance, Ints, LimitRow, SetCosts, summed
from .network import Compiled
from .outcome import Outcome, Progress, Relief, Rents

COST = 2.0**8  # about what a SKU costs over the horizon, in the solver's money
USE = 2.0**8  # about the largest a usage variable gets, or the number of SKUs if that is more
FAR = 2.0**20  # times all that could be used: room beyond this is no limit
MONEY_MEASURES = ("value", "cost", "purchases", "change_value")
MONEY = (
    "unit_cost", "unit_price", "inbound_per_unit", "inbound_per_kg", "order_cost", "surge_cost", "fixed_cost",
    "opening_cost", "handling_cost", "storage_cost", "stocking_cost", "lane_parcel_cost", "lane_kg_cost",
    "late_penalty", "change_cost_in", "change_cost_out", "budget", "clearing", "room_price",
)  # fmt: skip


def power_of_two(value: Floats) -> Floats:
    """The power of two next to each number (in the logarithm); 1 for zero.

    >>> power_of_two(np.array([1.0, 3.0, 0.3, 0.0]))
    array([1.  , 4.  , 0.25, 1.  ])
    """
    safe = np.where(value > 0, value, 1.0)
    return np.asarray(2.0 ** np.round(np.log2(safe)))


# --- money -----------------------------------------------------------------------------------------------------------


def money_unit(instance: Instance) -> float:
    """Money per unit of the solver's money, from a rough idea of what an average SKU costs."""
    sold = np.einsum("krt,t->k", instance.mean, instance.days)
    parcel = float(instance.lane_parcel_cost.mean()) if len(instance.lane_parcel_cost) else 0.0
    kilo = float(instance.lane_kg_cost.mean()) if len(instance.lane_kg_cost) else 0.0
    per_unit = (
        instance.parcels_per_unit * parcel
        + instance.weight_kg * (kilo + instance.inbound_per_kg.mean(axis=1))
        + instance.inbound_per_unit.mean(axis=1)
        + instance.handling_cost.mean()
        + instance.unit_cost * instance.holding_rate / 12.0
    )
    months = float(instance.months.sum())
    fees = months * (instance.stocking_cost.mean() * len(sold) + instance.fixed_cost.sum())
    whole = float(sold @ per_unit) + fees + float(instance.opening_cost.sum())
    if whole <= 0:
        whole = float(sold @ instance.unit_cost)
    return float(power_of_two(np.array(whole / max(1, len(sold)) / COST)))


def in_solver_money(instance: Instance, unit: float) -> Instance:
    """The same instance with every price in units of ``unit`` money."""
    prices = {name: getattr(instance, name, None) for name in MONEY}
    scaled = {name: price / unit for name, price in prices.items() if price is not None}
    besides = None if instance.besides is None else InUnits(instance.besides, unit)
    return replace(instance, **scaled, besides=besides, limits=tuple(_limit(row, unit) for row in instance.limits))


@dataclass(frozen=True)
class InUnits:
    """Costs of sets in units of ``unit`` money."""

    money: SetCosts
    unit: float

    def extra(self, skus: Ints, sets: Bools) -> Floats:
        """(T,S,len(skus)) for each of the sets (S,N)."""
        return self.money.extra(skus, sets) / self.unit


def _limit(row: LimitRow, unit: float) -> LimitRow:
    if row.measure in MONEY_MEASURES:
        return replace(row, amount=row.amount / unit)
    return replace(row, penalty=row.penalty / unit)


def in_money(outcome: Outcome, instance: Instance, unit: float) -> Outcome:
    """An outcome found in the solver's money, in money."""
    rents = None if outcome.rents is None else _rents(outcome.rents, instance, unit)
    price = None if outcome.room_price is None else outcome.room_price * unit
    bound, cost = outcome.bound * unit, outcome.objective * unit
    return replace(outcome, objective=cost, bound=bound, rents=rents, room_price=price)


def _rents(rents: Rents, instance: Instance, unit: float) -> Rents:
    """A rent of money per money (budget, limits on money) stays as it is."""
    plain = {limit.name for limit in instance.limits if limit.measure in MONEY_MEASURES}
    return Rents(
        room=rents.room * unit,
        units_per_day=rents.units_per_day * unit,
        skus=rents.skus * unit,
        budget=rents.budget,
        lanes=rents.lanes * unit,
        limits={key: rent * (1.0 if key[0] in plain else unit) for key, rent in rents.limits.items()},
    )


def listener(
    progress: Callable[[Progress], None] | None, instance: Instance, unit: float
) -> Callable[[Progress], None]:
    """Passes lines of progress in the solver's money on to ``progress`` in money."""

    def listen(line: Progress) -> None:
        if progress is not None:
            plan = None if line.plan is None else in_money(line.plan, instance, unit)
            progress(replace(line, bound=line.bound * unit, best=line.best * unit, plan=plan))

    return listen


def relief_in_money(relief: tuple[Relief, ...], unit: float) -> tuple[Relief, ...]:
    """Relief of amounts in the solver's money, in money."""
    return tuple(replace(line, amount=line.amount * unit) if line.unit == "money" else line for line in relief)


# --- usage -----------------------------------------------------------------------------------------------------------


def in_units(compiled: Compiled, rows: Rows, most: Floats, skus: int, money: float) -> Compiled:
    """The network program in the solver's money and in units of use; ``rows`` count in these units from now on.

    ``compiled`` is in money; ``most`` (D,) is the most of each usage that ``skus`` SKUs could add up to, in the
    solver's money where it is money.
    """
    of_money = np.where(_is_money(rows), money, 1.0)
    column = np.ones(len(compiled.cost))
    size = _size(compiled, rows.network_column, most * of_money)
    column[rows.network_column] = np.where(_is_share(rows), 1.0, power_of_two(size / max(USE, skus)))
    row = _follow(compiled, rows.network_column, column)
    rows.count_in(column[rows.network_column] / of_money)
    return replace(
        compiled,
        cost=compiled.cost * column / money,
        offset=compiled.offset / money,
        value=_no_larger(compiled, rows.network_column, most * of_money)
        * column[compiled.index]
        / row[_row_of(compiled)],
        row_lower=compiled.row_lower / row,
        row_upper=compiled.row_upper / row,
        lower=compiled.lower / column,
        upper=compiled.upper / column,
        unit=column,
        row_unit=row,
    )


def _is_money(rows: Rows) -> Bools:
    limits = rows.instance.limits
    money = [
        name == "value" or (name == "limit_use" and limits[index[0]].measure in MONEY_MEASURES)
        for name, index in rows.keys
    ]
    return np.array(money, dtype=bool)


def _is_share(rows: Rows) -> Bools:
    return np.array([name == "stocked" for name, _ in rows.keys], dtype=bool)


def _row_of(compiled: Compiled) -> Ints:
    """Row of every coefficient."""
    return np.repeat(np.arange(len(compiled.row_lower)), np.diff(compiled.start))


def _largest(of: Ints, values: Floats, count: int) -> Floats:
    """(count,) the largest of the values that belong to each; zero where none does."""
    out = np.zeros(count)
    np.maximum.at(out, of, values)
    return out


def _no_larger(compiled: Compiled, usage: Ints, most: Floats) -> Floats:
    """Coefficients, with room that is far beyond all use cut to what is still far beyond it.

    In a row ``sum a u <= b + sum c z`` with nothing below zero, ``b`` not below zero and u at most ``most``, a whole z
    lets every use pass as soon as c reaches ``sum a most``.
    """
    row, height = _row_of(compiled), len(compiled.row_lower)
    used = np.isin(compiled.index, usage)
    largest = np.zeros(len(compiled.cost))
    largest[usage] = most
    reach = summed(row, compiled.value * largest[compiled.index], height)
    plain = np.isneginf(compiled.row_lower) & (compiled.row_upper >= 0)
    plain[row[(compiled.value < 0) == used]] = False
    cut = plain[row] & np.isin(compiled.index, compiled.integer) & (reach[row] > 0)
    return np.where(cut, np.maximum(compiled.value, -FAR * reach[row]), compiled.value)


def _size(compiled: Compiled, usage: Ints, most: Floats) -> Floats:
    """(D,) what each usage may get to: the most there is to use, or the most its rows speak of if that is less."""
    row, value = _row_of(compiled), np.abs(compiled.value)
    whole = np.isin(compiled.index, compiled.integer)
    sides = [np.where(np.isfinite(side), np.abs(side), 0.0) for side in (compiled.row_lower, compiled.row_upper)]
    spoken = np.maximum(np.maximum(*sides), _largest(row[whole], value[whole], len(sides[0])))
    speak = value > 0
    said = _largest(compiled.index[speak], spoken[row[speak]] / value[speak], len(compiled.cost))[usage]
    return np.where((said > 0) & (most > 0), np.minimum(said, most), np.maximum(said, most))


def _follow(compiled: Compiled, usage: Ints, column: Floats) -> Floats:
    """Units of the rows, and in ``column`` those of the other columns without end, from the units of usage."""
    row, value, height = _row_of(compiled), np.abs(compiled.value), len(compiled.row_lower)
    used = np.isin(compiled.index, usage)
    unit = _largest(row[used], (value * column[compiled.index])[used], height)
    share = np.divide(value, unit[row], out=np.zeros_like(value), where=unit[row] > 0)
    endless = ~np.isfinite(compiled.upper)
    endless[usage] = False
    endless[compiled.integer] = False
    column[endless] = 1.0 / power_of_two(_largest(compiled.index, share, len(column))[endless])
    return power_of_two(np.where(unit > 0, unit, _largest(row, value * column[compiled.index], height)))
