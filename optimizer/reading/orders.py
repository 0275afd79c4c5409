"""What becomes of the order lines: names resolved, regions found from postcodes, returns and later lines taken out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..case import items
from ..errors import numbered
from ..settings import Settings
from .keys import Known
from .lines import Coded, Lines
from .report import Fault, Report
from .sheets import columns
from .typed import Typed

if TYPE_CHECKING:
    import pandas as pd

Mask = NDArray[np.bool_]
NO_SALE = ("cancel", "return", "refund", "void", "reject")  # a status that begins so is no demand


def settle(
    lines: Lines, known: Mapping[str, Known], regions: Typed, settings: Settings, report: Report
) -> tuple[Lines, Settings]:
    """The lines that are demand, with sku and region coded as in their sheets, and the settings with a start date.

    Every line taken out is counted in the report. Where lines are faulty the result is still complete but for them.
    """
    sku = _resolved(lines, "sku", known["SKUs"], report)
    region = _regions(lines, known["Regions"], regions, report)
    _quantities(lines, settings, report)
    good = (sku >= 0) & (region >= 0) & ~np.isnat(lines.day) & np.isfinite(lines.quantity)
    names = {**lines.names, "sku": Coded(known["SKUs"].names, sku), "region": Coded(known["Regions"].names, region)}
    kept = _taken(replace(lines, names=names), good)
    kept = _without_returns(kept, settings, report)
    settings = with_start(kept, settings)
    return _before_start(kept, settings, report), settings


def _resolved(lines: Lines, column: str, known: Known, report: Report) -> NDArray[np.int32]:
    """Codes into the sheet's names, -1 for blank or unknown; unknown names are told once each, with their places,
    unless nothing could be read of the sheet."""
    source = lines.names[column]
    table = np.array([*(known.position.get(name, -1) for name in source.names), -1], dtype=np.int32)
    unknown = [code for code in range(len(source.names)) if table[code] < 0 and known.names]
    for code, which in _places(source.codes, unknown):
        name = source.names[code]
        lines.tell(report, known.fault(name), column, which, [name] * min(len(which), 25))
    return table[source.codes]


def _places(codes: NDArray[np.int32], wanted: list[int]) -> list[tuple[int, NDArray[np.int64]]]:
    """(code, positions) of each wanted code, in one pass over the lines."""
    if not wanted:
        return []
    where = np.flatnonzero(np.isin(codes, wanted))
    ordered = where[np.argsort(codes[where], kind="stable")]
    starts = np.flatnonzero(np.diff(codes[ordered], prepend=-2))
    return [(int(codes[which[0]]), which) for which in np.split(ordered, starts[1:]) if len(which)]


def _regions(lines: Lines, known: Known, regions: Typed, report: Report) -> NDArray[np.int32]:
    """Region codes: as given, else by the longest prefix of the postcode."""
    region = _resolved(lines, "region", known, report)
    missing = lines.names["region"].codes < 0
    postcode = lines.names["postcode"]
    nowhere = missing & (postcode.codes < 0)
    if nowhere.any():
        fault = Fault("B-006", "has neither region nor postcode", "Fill one of them.")
        lines.tell(report, fault, "region" if "region" in lines.letters else "order_id", np.flatnonzero(nowhere))
    to_find = missing & (postcode.codes >= 0)
    if not to_find.any() or not known.names:
        return region
    prefixes = prefix_table(regions, known)
    found = np.array([*(longest_prefix(name, prefixes) for name in postcode.names), -1], dtype=np.int32)
    codes = np.where(to_find, postcode.codes, -1).astype(np.int32)
    lost = [code for code in np.unique(codes[to_find]).tolist() if found[code] < 0]
    fault = Fault(
        "B-007", "matches no prefix in Regions!postcodes", "Add the prefix to its region, or name the region."
    )
    for code, which in _places(codes, lost):
        lines.tell(report, fault, "postcode", which, [postcode.names[code]] * min(len(which), 25))
    return np.where(to_find, found[codes], region).astype(np.int32)


def prefix_table(regions: Typed, known: Known) -> dict[str, int]:
    """Postcode prefix -> position of its region; blanks and hyphens in codes do not count."""
    pairs = zip(regions.column("region"), regions.column("postcodes"), strict=True)
    return {
        _postcode(prefix): known.position[region] for region, text in pairs for prefix in items(text) if region in known
    }


def longest_prefix(postcode: str, prefixes: Mapping[str, int]) -> int:
    """Position of the region with the longest prefix of a postcode, -1 if none.

    >>> longest_prefix("50574-1234", {"5": 0, "505": 1}), longest_prefix("9", {"5": 0})
    (1, -1)
    """
    code = _postcode(postcode)
    for length in range(len(code), 0, -1):
        if code[:length] in prefixes:
            return prefixes[code[:length]]
    return -1


def _postcode(text: str) -> str:
    return "".join(text.split()).replace("-", "").upper()


def _quantities(lines: Lines, settings: Settings, report: Report) -> None:
    large = np.flatnonzero(np.abs(lines.quantity) > settings.max_qty)
    fault = Fault("D-029", f"is over {settings.max_qty:,.0f} units", "Correct it, or raise the setting max_qty.")
    lines.tell(report, fault, "quantity", large, [f"{value:g}" for value in lines.quantity[large[:25]]])


def _taken(lines: Lines, mask: Mask) -> Lines:
    """The lines where the mask is true."""
    if mask.all():
        return lines
    names = {name: Coded(coded.names, coded.codes[mask]) for name, coded in lines.names.items()}
    return replace(lines, rows=lines.rows[mask], names=names, day=lines.day[mask], quantity=lines.quantity[mask])


def _without_returns(lines: Lines, settings: Settings, report: Report) -> Lines:
    """Cancelled, returned and negative lines are no demand: dropped, netted or refused (setting ``returns``)."""
    status = lines.names["status"]
    void = np.array([*(name.strip().casefold().startswith(NO_SALE) for name in status.names), False], dtype=bool)
    ended = void[status.codes]
    back = (lines.quantity < 0) & ~ended
    empty = lines.quantity == 0
    if settings.returns == "reject":
        fault = Fault("D-023", "is cancelled, returned or below zero", "Take it out, or set returns to drop or net.")
        lines.tell(report, fault, "quantity", np.flatnonzero(ended | back))
    _tell_returns(lines, ended, back, empty, settings, report)
    sales = ~(ended | back | empty)
    if settings.returns != "net" or not back.any():
        return _taken(lines, sales)
    netted = net_of_returns(lines, sales, back)
    return _taken(replace(lines, quantity=netted), sales & (netted > 0))


def _tell_returns(lines: Lines, ended: Mask, back: Mask, empty: Mask, settings: Settings, report: Report) -> None:
    how = "set against the SKU's sales" if settings.returns == "net" else "left out"
    units = -float(lines.quantity[back].sum())
    told = (
        (ended, "status", "cancelled or returned lines, left out"),
        (back, "quantity", f"lines below zero ({units:,.0f} units), {how}"),
        (empty, "quantity", "lines of quantity 0, left out"),
    )
    for mask, column, what in told:
        if mask.any():
            first = int(lines.rows[np.argmax(mask)])
            fault = Fault("D-023", f"{int(mask.sum()):,} {what}", "", "warning")
            report.add(fault, f"{lines.label}!{lines.letters.get(column, '')}{first}")


def net_of_returns(lines: Lines, sales: Mask, back: Mask) -> NDArray[np.float64]:
    """Quantities after each return is taken from the latest sales of its SKU and region on or before its day.

    A return with no earlier sale left counts for nothing.
    """
    quantity = lines.quantity.copy()
    group = lines.names["sku"].codes.astype(np.int64) * (len(lines.names["region"].names) + 1)
    group = group + lines.names["region"].codes
    touched = np.flatnonzero(np.isin(group, np.unique(group[back])) & (sales | back))
    ordered = touched[np.lexsort((back[touched], lines.day[touched], group[touched]))]
    open_sales: list[int] = []
    current = -1
    for position in ordered.tolist():
        if group[position] != current:
            current, open_sales = int(group[position]), []
        if not back[position]:
            open_sales.append(position)
            continue
        _take_back(quantity, open_sales, -float(quantity[position]))
    return quantity


def _take_back(quantity: NDArray[np.float64], open_sales: list[int], left: float) -> None:
    while left > 0 and open_sales:
        last = open_sales[-1]
        part = min(left, float(quantity[last]))
        quantity[last] -= part
        left -= part
        if quantity[last] <= 0:
            open_sales.pop()


def with_start(lines: Lines, settings: Settings) -> Settings:
    """The settings with a start: as given, else the month after the last order (or the next Monday for weeks)."""
    if settings.start is not None or not len(lines):
        return settings
    last: date = lines.day.max().astype(object)
    if settings.period == "week":
        start = last + timedelta(days=7 - last.weekday())
    else:
        start = (last.replace(day=1) + timedelta(days=32)).replace(day=1)
    return settings.with_origin({"start": (start, "default")})


def _before_start(lines: Lines, settings: Settings, report: Report) -> Lines:
    if settings.start is None:
        return lines
    late = lines.day >= np.datetime64(settings.start, "D")
    if not late.any():
        return lines
    first = int(np.argmax(late))
    meant = settings.history_until is not None and settings.history_until < settings.start
    said = f"{numbered(int(late.sum()), 'line')} on or after the start {settings.start}, left out"
    fault = Fault("T-008", said, "", "note" if meant else "warning")
    place = f"{lines.label}!{lines.letters.get('date', '')}{lines.rows[first]}"
    report.add(fault, place, lines.day[first])
    return _taken(lines, ~late)


def orders_frame(lines: Lines) -> pd.DataFrame:
    """The lines as the table ``orders`` of a case."""
    import pandas as pd

    data: dict[str, Any] = {}
    for column in columns("Orders"):
        if column.name == "date":
            data["date"] = lines.day.astype("datetime64[s]")
        elif column.name == "quantity":
            data["quantity"] = lines.quantity
        else:
            fixed = column.name in ("sku", "region")
            data[column.name] = _categorical(lines.names[column.name], fixed)
    return pd.DataFrame(data)


def _categorical(coded: Coded, fixed: bool) -> pd.Categorical:
    """Names as categories: all of the sheet in its order, or only those that occur, in order of appearance."""
    import pandas as pd

    if fixed:
        return pd.Categorical.from_codes(coded.codes, categories=pd.Index(coded.names, dtype=object))
    codes, used = pd.factorize(np.where(coded.codes < 0, np.int32(-1), coded.codes), use_na_sentinel=False)
    table = np.arange(len(used), dtype=np.int32)
    blank = np.flatnonzero(used < 0)
    if len(blank):
        table = table - (table > blank[0])
        table[blank[0]] = -1
        used = np.delete(used, blank[0])
    names = [coded.names[code] for code in used.tolist()]
    return pd.Categorical.from_codes(table[codes], categories=pd.Index(names, dtype=object))
