"""What is odd about the order lines as a whole: copies, giants, fractions, missing days, days far from all others."""

from __future__ import annotations

from datetime import date

import numpy as np
from numpy.typing import NDArray

from ..settings import Settings
from .lines import Lines
from .report import Fault, Report

GIANT = 1000.0  # times the median line of a SKU
RARE = 0.01  # share of lines that is an exception
FAR = 180  # days between such exceptions and all other orders
FEWEST = 100  # lines, and a third as many days, before anything is called usual
FEWEST_COPIED = 10  # different lines, before copies of all of them are told
CUT = (4, 5.0)  # days without orders before the start that are told, and so many times the usual distance of two orders
GAP = (7, 7.0)  # the same, within history

Floats = NDArray[np.float64]


def tell_unusual(lines: Lines, settings: Settings, report: Report) -> None:
    """Everything of the kind; ``lines`` are those that are demand."""
    _tell_copies(lines, report)
    _tell_giants(lines, settings, report)
    _tell_fractions(lines, settings, report)
    _tell_gaps(lines, settings, _tell_strays(lines, settings, report), report)


def _tell_copies(lines: Lines, report: Report) -> None:
    """Lines every one of which stands as often again, in every column: an export that was joined to itself (K-010)."""
    orders = lines.names["order_id"].codes
    if len(lines) < 2 * FEWEST_COPIED or np.gcd.reduce(np.bincount(orders + 1)) < 2:
        return
    keys = _fingerprints(lines)
    counts = np.unique(keys, return_counts=True)[1]
    times = int(np.gcd.reduce(counts))
    if times < 2 or len(counts) < FEWEST_COPIED:
        return
    again = int(np.flatnonzero(keys == keys[0])[1])
    how = "twice" if times == 2 else f"{times} times"
    said = f"every line stands {how} ({len(lines):,} lines, the first again here), and all are counted"
    fault = Fault("K-010", said, "Delete the copies, if they are no orders of their own.", "warning")
    place = f"{lines.label}!{lines.letters.get('order_id', '')}{lines.rows[again]}"
    report.add(fault, place, lines.names["order_id"].names[orders[again]])


def _fingerprints(lines: Lines) -> NDArray[np.uint64]:
    """(lines,) a number of 64 bits per line, the same for lines that are the same in every column."""
    columns = [coded.codes.astype(np.int64) for coded in lines.names.values()]
    keys = np.zeros(len(lines), dtype=np.uint64)
    for column in (*columns, lines.day.astype(np.int64), np.ascontiguousarray(lines.quantity).view(np.int64)):
        keys = (keys ^ column.view(np.uint64)) * np.uint64(0x9E3779B97F4A7C15)
        keys ^= keys >> np.uint64(29)
    return keys


def _tell_giants(lines: Lines, settings: Settings, report: Report) -> None:
    """Lines that hold more than all others of their SKU together, and GIANT times its median line (D-027)."""
    column = lines.letters.get("quantity", "")
    for line in giants(lines.names["sku"].codes, lines.quantity).tolist():
        if _accepted(lines, line, settings):
            continue
        own = lines.quantity[lines.names["sku"].codes == lines.names["sku"].codes[line]]
        rest = float(own.sum() - lines.quantity[line])
        name = lines.names["sku"].names[lines.names["sku"].codes[line]]
        said = f"a usual line of {name} is {np.median(own):g}, all its other sales are {rest:,.10g}: wrong quantity?"
        remedy = "If it is right, list the cell in the setting accepted_outliers."
        place = f"{lines.label}!{column}{lines.rows[line]}"
        report.add(Fault("D-027", said, remedy, "warning"), place, f"{lines.quantity[line]:.10g}")


def _accepted(lines: Lines, line: int, settings: Settings) -> bool:
    """Whether the quantity of a line is right, however odd; a cell of an orders file may be named as one of Orders."""
    cell = f"!{lines.letters.get('quantity', '')}{lines.rows[line]}"
    return bool({f"{lines.label}{cell}", f"Orders{cell}"} & set(settings.accepted_outliers))


def giants(sku: NDArray[np.int32], quantity: Floats) -> NDArray[np.int64]:
    """Positions of lines with more units than all others of their SKU together and GIANT times its median line.

    >>> giants(np.array([0, 1, 0, 0]), np.array([1.0, 9e6, 5000.0, 2.0])).tolist()
    [2]
    """
    if not len(sku):
        return np.zeros(0, dtype=np.int64)
    count = int(sku.max()) + 1
    total, least = np.bincount(sku, quantity, count), np.full(count, np.inf)
    np.minimum.at(least, sku, quantity)
    maybe = np.flatnonzero((quantity > total[sku] - quantity) & (quantity >= GIANT * least[sku]))
    huge = [line for line in maybe.tolist() if quantity[line] >= GIANT * np.median(quantity[sku == sku[line]])]
    return np.array(huge, dtype=np.int64)


def _tell_fractions(lines: Lines, settings: Settings, report: Report) -> None:
    """Fractions of a unit of SKUs that are sold in whole units but for RARE lines (D-026)."""
    sku = lines.names["sku"].codes
    broken = lines.quantity != np.rint(lines.quantity)
    if not broken.any():
        return
    count = int(sku.max()) + 1
    often, parts = np.bincount(sku, minlength=count), np.bincount(sku[broken], minlength=count)
    rare = (often >= FEWEST // 3) & (parts <= np.maximum(RARE * often, 1.0))
    which = np.flatnonzero(broken & rare[sku])
    which = which[[not _accepted(lines, line, settings) for line in which.tolist()]] if len(which) else which
    remedy = "If it is right, list the cell in the setting accepted_outliers."
    fault = Fault("D-026", "is no whole number, unlike the other lines of its SKU", remedy, "warning")
    lines.tell(report, fault, "quantity", which, [f"{value:g}" for value in lines.quantity[which[:25]]])


def _tell_strays(lines: Lines, settings: Settings, report: Report) -> tuple[int, int]:
    """RARE lines FAR from all others: later, where they decide when the plan starts (T-009), or earlier, where history
    begins with them (T-007). Returns the first and the last day of the others."""
    order = np.argsort(lines.day, kind="stable")
    days = lines.day[order].astype(np.int64)
    far, few = np.flatnonzero(np.diff(days) > FAR), int(RARE * len(days))
    first, last = (0, len(days) - 1) if len(days) else (0, 0)
    if far.size and len(days) - 1 - far[-1] <= few and settings.origins.get("start") == "default":
        last = int(far[-1])
        said = f"is later than all other orders by {days[last + 1] - days[last]:,} days: the plan would start after it"
        fault = Fault("T-009", said + _many(len(days) - 1 - last), "Correct the date, or give the setting start.")
        _tell_day(lines, int(order[last + 1]), fault, report)
    if far.size and far[0] + 1 <= few and settings.history_from is None:
        first = int(far[0]) + 1
        said = f"is earlier than all other orders by {days[first] - days[first - 1]:,} days: history begins with it"
        fault = Fault("T-007", said + _many(first), "Correct the date, or set history_from.", "warning")
        _tell_day(lines, int(order[0]), fault, report)
    return (int(days[first]), int(days[last])) if len(days) else (0, 0)


def _many(lines: int) -> str:
    return f" ({lines:,} lines)" if lines > 1 else ""


def _tell_gaps(lines: Lines, settings: Settings, usual: tuple[int, int], report: Report) -> None:
    """Days without any order, where orders are usually closer (T-007): before the start, and within history."""
    day = lines.day.astype(np.int64)
    since = max(usual[0], _number(settings.history_from or date.min))
    until = min(usual[1], _number(settings.history_until or date.max))
    days = np.unique(day[(day >= since) & (day <= until)])
    if len(days) < FEWEST // 3 or settings.start is None:
        return
    steps = np.diff(days)
    usually = float(np.median(steps))
    missing = _number(settings.start) - 1 - int(days[-1])
    if missing >= max(CUT[0], CUT[1] * usually) and settings.history_until is None and usual[1] == day.max():
        said = f"no orders in the {missing:,} days from here to the start {settings.start}: was the export cut?"
        remedy = f"Add the missing days, or set history_until={np.datetime64(int(days[-1]), 'D')}."
        _tell_day(lines, int(np.flatnonzero(day == days[-1])[-1]), Fault("T-007", said, remedy, "warning"), report)
    gaps = np.flatnonzero(steps - 1 >= max(GAP[0], GAP[1] * usually))
    if gaps.size:
        at = int(gaps[np.argmax(steps[gaps])])
        more = f" ({gaps.size} such gaps, {int((steps[gaps] - 1).sum()):,} days)" if gaps.size > 1 else ""
        said = f"no orders in the {steps[at] - 1:,} days before it{more}: they count as days without sales"
        fault = Fault("T-007", said, "If orders are missing, add them, or set history_from.", "note")
        _tell_day(lines, int(np.argmax(day == days[at + 1])), fault, report)


def _number(day: date) -> int:
    return int(np.datetime64(day, "D").astype(np.int64))


def _tell_day(lines: Lines, line: int, fault: Fault, report: Report) -> None:
    place = f"{lines.label}!{lines.letters.get('date', '')}{lines.rows[line]}"
    report.add(fault, place, lines.day[line])
