"""The smallest relief of an infeasible case, in sentences a planner can act on."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from models.outcome import Relief

from .settings import Settings

if TYPE_CHECKING:
    from .reading.places import NamedRows

SHOWN = 5  # lines named in a message
DIGITS = 4  # of an amount
THINGS = {
    "units_per_day": "throughput of {where}",
    "max_skus": "the number of SKU slots at {where}",
    "budget": "the budget",
    "surge": "surge space at {where}",
    "stocked": "the stocking of {where}",
    "value": "the value allowed at {where}",
    "units": "the units allowed at {where}",
}  # kind of limit -> what is short

COLUMNS = {"units_per_day": "units_per_day", "max_skus": "max_skus", "surge": "surge_m3"}  # of Nodes, by kind of limit


@dataclass(frozen=True)
class Shortage(Relief):
    """A line of relief as a planner reads it, with the cells of the workbook that give more ('' = not known)."""

    cell: str = ""


def told(
    relief: Sequence[Relief], settings: Settings, places: Mapping[str, NamedRows] | None = None
) -> tuple[Shortage, ...]:
    """The lines with money in the case's currency, one line per period for the budget, and their cells.

    >>> lines = (Relief("budget", "DAL", "2027-01", 30.0, "money"), Relief("budget", "NYC", "2027-01", 12.0, "money"))
    >>> told(lines, Settings())
    (Shortage(limit='budget', where='', period='2027-01', amount=42.0, unit='USD', cell=''),)
    """
    lines: dict[tuple[str, str, str], Shortage] = {}
    for line in relief:
        where = "" if line.limit == "budget" else line.where
        unit = settings.currency if line.unit == "money" else line.unit
        known = lines.get((line.limit, where, line.period))
        amount = line.amount + (known.amount if known else 0.0)
        changed = Shortage(line.limit, where, line.period, amount, unit)
        lines[line.limit, where, line.period] = replace(changed, cell=_cell(changed, settings, places or {}))
    return tuple(lines.values())


def _cell(line: Relief, settings: Settings, places: Mapping[str, NamedRows]) -> str:
    sheet, column, name = input_of(line)
    if sheet == "Settings":
        origin = settings.origins[column]
        return "" if origin == "default" else origin
    return places[sheet].cells(column, name) if sheet in places else ""


def cell_of(line: Relief) -> str:
    """The cells of the workbook that give more; '' where they are not known."""
    return line.cell if isinstance(line, Shortage) else ""


def relief_text(relief: Sequence[Relief]) -> str:
    """The largest things that are short, each with its worst period, and how many more there are.

    >>> from models.outcome import Relief
    >>> short = (("2027-01", 2.0), ("2027-02", 3.2))
    >>> room = [Relief("room", "DAL chilled", label, amount, "m3") for label, amount in short]
    >>> print(relief_text([*room, Relief("budget", "", "2027-01", 80.0, "USD")]))  # doctest: +NORMALIZE_WHITESPACE
    chilled space at DAL in 2027-02 is short by 3.2 m3 (the most of 2 periods);
    the budget in 2027-01 is short by 80 USD.
    """
    things: dict[tuple[str, str], list[Relief]] = {}
    for line in relief:
        things.setdefault((line.limit, line.where), []).append(line)
    lines = [_worst(of) for of in things.values()]
    rest = len(lines) - SHOWN
    text = "; ".join(lines[:SHOWN])
    return f"{text}; and {rest:,} more." if rest > 0 else f"{text}."


def _worst(lines: Sequence[Relief]) -> str:
    worst = max(lines, key=lambda one: one.amount)
    beside = [cell_of(worst), f"the most of {len(lines)} periods" if len(lines) > 1 else ""]
    told_beside = "; ".join(part for part in beside if part)
    return relief_line(worst) + (f" ({told_beside})" if told_beside else "")


def input_of(relief: Relief) -> tuple[str, str, str]:
    """Sheet, column and name of the row that give more; ('', '', '') where several together are short.

    >>> input_of(Relief("room", "DAL chilled", "2027-01", 3.2, "m3"))
    ('Nodes', 'chilled_m3', 'DAL')
    >>> input_of(Relief("Cap A", "", "2027-02", 2.0, "SKUs"))
    ('Limits', 'amount', 'Cap A')
    """
    name, _, temperature = relief.where.rpartition(" ")
    if relief.limit == "room":
        return "Nodes", f"{temperature}_m3", name
    if relief.limit == "lane":
        return "Lanes", "temperatures" if relief.unit == "units/day" else "parcels_per_day", relief.where
    if relief.limit == "budget":
        return "Settings", "budget", ""
    if relief.limit in COLUMNS:
        return "Nodes", COLUMNS[relief.limit], relief.where
    if relief.limit in ("nodes", "at least", *THINGS):
        return "", "", ""
    return "Limits", "amount", relief.limit


def where_to_change(relief: Relief) -> str:
    """The cell that gives more and what stands there, or sheet, column and row; '' where several are short.

    >>> where_to_change(Shortage("room", "DAL chilled", "2027-01", 3.2, "m3", "Nodes!J4"))
    'Nodes!J4: chilled_m3 of DAL'
    >>> where_to_change(Relief("room", "DAL chilled", "2027-01", 3.2, "m3"))
    'Nodes: chilled_m3 of DAL'
    >>> where_to_change(Relief("Cap A", "", "2027-02", 2.0, "SKUs"))
    'Limits: amount of Cap A'
    """
    sheet, column, name = input_of(relief)
    where = cell_of(relief) or sheet
    return f"{where}: {column}" + (f" of {name}" if name else "") if where else ""


def enough(amount: float) -> str:
    """An amount in four digits, rounded up: that much more is enough.

    >>> enough(302_683.2), enough(3.2), enough(12.25), enough(0.012341)
    ('302,700', '3.2', '12.25', '0.01235')
    """
    step = 10.0 ** (math.floor(math.log10(abs(amount))) + 1 - DIGITS)
    whole = math.ceil(amount / step - 1e-6)
    return f"{float(f'{whole * step:.{DIGITS}g}'):,.10g}"


def relief_line(relief: Relief) -> str:
    """One line of relief.

    >>> from models.outcome import Relief
    >>> relief_line(Relief("room", "DAL chilled", "2027-01", 3.2, "m3"))
    'chilled space at DAL in 2027-01 is short by 3.2 m3'
    >>> relief_line(Relief("Cap A", "", "2027-02", 2.0, "SKUs"))
    'limit "Cap A" in 2027-02 is missed by 2 SKUs'
    >>> relief_line(Relief("budget", "", "2027-01", 302683.2, "USD"))
    'the budget in 2027-01 is short by 302,700 USD'
    >>> relief_line(Relief("units_per_day", "", "", 12.25, "units/day"))
    'throughput of the whole network is short by 12.25 units/day'
    >>> relief_line(Relief("lane", "DAL to NE", "2027-01", 7.0, "parcels/day"))
    'lane DAL to NE in 2027-01 is short by 7 parcels/day'
    >>> relief_line(Relief("lane", "NE frozen", "", 7.0, "units/day"))
    '7 frozen units/day of NE have no lane'
    >>> relief_line(Relief("at least", "skus of DAL", "2027-01", 6.0, "SKUs"))
    'skus of DAL in 2027-01 would have to be 6 SKUs more than possible'
    >>> relief_line(Relief("nodes", "P-1, P-2", "", 2.0, "SKUs without an admissible set of nodes"))
    '2 SKUs without an admissible set of nodes (P-1, P-2)'
    >>> relief_line(Relief("nodes", "", "", 0.0, "no choice of open nodes lets every SKU be stocked"))
    'no choice of open nodes lets every SKU be stocked'
    """
    if not relief.amount:
        return relief.unit
    figure = enough(relief.amount)
    amount = f"{figure} {relief.unit}"
    name, _, temperature = relief.where.rpartition(" ")
    if relief.limit == "nodes":
        return f"{amount} ({relief.where})" if relief.where else amount
    if relief.limit == "lane" and relief.unit == "units/day":
        return f"{figure} {temperature} units/day of {name} have no lane"
    when = f" in {relief.period}" if relief.period else ""
    if relief.limit == "at least":
        return f"{relief.where}{when} would have to be {amount} more than possible"
    if relief.limit == "room":
        return f"{temperature} space at {name}{when} is short by {amount}"
    if relief.limit == "lane":
        return f"lane {relief.where}{when} is short by {amount}"
    if relief.limit not in THINGS:
        return f'limit "{relief.limit}"{when} is missed by {amount}'
    return f"{THINGS[relief.limit].format(where=relief.where or 'the whole network')}{when} is short by {amount}"
