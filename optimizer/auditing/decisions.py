"""From the sheets of a plan to the decisions in it: known keys, no row twice, the same rows in both SKU sheets."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from .facts import TEMPERATURES, Bools, Floats, Ints, positions
from .recompute import Decisions
from .reference import Reference
from .report import Report
from .workbook import PlanBook, Table

KEY = ("sku", "node", "period")


@dataclass(frozen=True)
class Keyed:
    """The lines of a table whose keys are known and unique, with their numbers (k, n, t), and where each stands."""

    table: Table
    index: tuple[Ints, ...]

    def only(self, lines: Ints) -> Keyed:
        """Some of the lines."""
        frame = self.table.frame.iloc[lines].reset_index(drop=True)
        return Keyed(replace(self.table, frame=frame), tuple(part[lines] for part in self.index))

    def spread(self, values: np.ndarray, shape: tuple[int, ...], blank: float) -> np.ndarray:
        """An array of `shape` with the line's value at its place, `blank` elsewhere."""
        out = np.full(shape, blank)
        out[self.index] = values
        return out


@dataclass(frozen=True)
class Read:
    """A plan as read: the usable lines of its keyed sheets, and what it decides."""

    placement: Keyed
    replenishment: Keyed
    nodes: Keyed
    decisions: Decisions


def read_decisions(book: PlanBook, ref: Reference, report: Report) -> Read:
    """Reports unknown keys, lines that stand twice and lines that one of the SKU sheets lacks."""
    known = ref.known
    names = {
        "sku": known.goods.names,
        "node": known.sites.names,
        "period": pd.Index(known.calendar.labels, dtype=object),
    }
    skus, nodes, _, periods = known.shape
    placement = keyed(book.tables["Placement"], {name: names[name] for name in KEY}, report)
    replenishment = keyed(book.tables["Replenishment"], {name: names[name] for name in KEY}, report)
    of_nodes = keyed(book.tables["Nodes"], {name: names[name] for name in KEY[1:]}, report)
    shape = (skus, nodes, periods)
    stocked = placement.spread(np.ones(len(placement.table.frame)), shape, 0.0) > 0
    refilled = replenishment.spread(np.ones(len(replenishment.table.frame)), shape, 0.0) > 0
    _same_rows(placement, refilled, "Replenishment", report)
    _same_rows(replenishment, stocked, "Placement", report)
    decisions = Decisions(
        stocked=stocked,
        open=_open(of_nodes, ref, report),
        surge=of_nodes.spread(np.nan_to_num(of_nodes.table.numbers("surge_used_m3")), (nodes, periods), 0.0),
        quantity=_figures(replenishment, "order_quantity", shape),
        reorder=_figures(replenishment, "reorder_point", shape),
        room_price=_room_prices(book, ref, report),
    )
    return Read(placement, replenishment, of_nodes, decisions)


def keyed(table: Table, names: dict[str, pd.Index], report: Report) -> Keyed:
    """The lines whose keys are in the input and that stand there for the first time; the others are reported."""
    index = [positions(table.texts(column), known) for column, known in names.items()]
    usable = np.ones(len(table.frame), dtype=bool)
    for column, found in zip(names, index, strict=True):
        for line in np.flatnonzero(found < 0):
            place, value = table.place(int(line), column), table.texts(column)[line]
            report.add(
                "V-003", place, value, f"{column} must be one that the input names", "Plan again; never edit keys."
            )
        usable &= found >= 0
    twice = usable & pd.DataFrame(np.column_stack([usable, *index])).duplicated().to_numpy()
    first = next(iter(names))
    for line in np.flatnonzero(twice):
        report.add("V-004", table.place(int(line), first), table.texts(first)[line], "each row may stand only once")
    return Keyed(table, tuple(index)).only(np.flatnonzero(usable & ~twice))


def _same_rows(one: Keyed, other: Bools, name: str, report: Report) -> None:
    """Every line of one SKU sheet must stand in the other."""
    for line in np.flatnonzero(~other[one.index]):
        row = one.table.frame.iloc[line]
        key = f"{row['sku']} at {row['node']} in {row['period']}"
        report.add("V-005", one.table.place(int(line), "sku"), key, f"the same row must stand in {name}")


def _open(nodes: Keyed, ref: Reference, report: Report) -> Bools:
    """(N, T) nodes that the Nodes sheet says are open; nodes without a line are reported."""
    shape = (ref.known.shape[1], ref.known.shape[3])
    written = nodes.spread(np.ones(len(nodes.table.frame)), shape, 0.0) > 0
    for n, t in np.argwhere(~written):
        where = f"{ref.known.sites.names[n]} in {ref.known.calendar.labels[t]}"
        report.add("V-005", "Nodes", "", f"there must be a row for {where}")
    status = nodes.table.texts("status")
    return nodes.spread(np.isin(status, ("open", "opens")).astype(float), shape, 0.0) > 0


def _room_prices(book: PlanBook, ref: Reference, report: Report) -> Floats:
    """(N, 3) what the Run sheet says a m3 was worth when orders were sized; names and prices that cannot be are
    reported."""
    names = list(ref.known.sites.names)
    out = np.zeros((len(names), len(TEMPERATURES)))
    for (temperature, node), line in book.room_prices.items():
        known = node in names and temperature in TEMPERATURES
        if known and isinstance(line.value, (int, float)) and 0 <= line.value < np.inf:
            out[names.index(node), TEMPERATURES.index(temperature)] = line.value
        else:
            expected = "room of a node of the input may be worth 0 or more"
            report.add("V-003", line.place, line.value, expected, "Plan again; never edit Run.")
    return out


def _figures(lines: Keyed, column: str, shape: tuple[int, ...]) -> Floats:
    return lines.spread(lines.table.numbers(column), shape, np.nan)
