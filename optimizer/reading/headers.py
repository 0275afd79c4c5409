"""Finds the header row of a sheet and which of its columns is which column of the contract."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import nearest
from .cells import fold, is_blank
from .report import Fault, Report
from .sheets import SETTINGS_COLUMNS, Column

OTHER_UNITS = {
    "kg": ("lb", "lbs", "g", "gram", "grams", "oz", "pounds", "t"),
    "l": ("ml", "cl", "cm3", "ccm", "m3", "gal", "ft3", "cuft", "in3"),
    "m3": ("l", "liters", "litres", "ft3", "cuft", "m2", "sqm", "sqft", "pallets"),
    "days": ("hours", "weeks", "months", "years"),
}  # unit at the end of a column's name -> others that stand there in exports
DOLLARS = ("usd", "cad", "aud", "nzd", "sgd", "hkd", "mxn", "twd")
CURRENCIES = (
    *DOLLARS, "eur", "gbp", "chf", "jpy", "cny", "rmb", "inr", "sek", "nok", "dkk", "pln", "czk", "huf", "ron", "bgn",
    "try", "brl", "zar", "krw", "thb", "idr", "myr", "php", "vnd", "ils", "aed", "sar", "clp", "cop", "ars", "uah",
)  # fmt: skip
SIGNS = {"$": DOLLARS, "€": ("eur",), "£": ("gbp",), "¥": ("jpy", "cny", "rmb")}
HEADER_ROWS = 20  # the header is searched in so many rows


@dataclass(frozen=True)
class Header:
    """Where the header stands, and the position (from 0) of each contract column that is there."""

    row: int
    index: dict[str, int]

    @property
    def letters(self) -> dict[str, str]:
        """Excel's letter of each column."""
        return {name: letter(position) for name, position in self.index.items()}


def letter(position: int) -> str:
    """Excel's column letter of a position counted from 0.

    >>> letter(0), letter(25), letter(26), letter(16383)
    ('A', 'Z', 'AA', 'XFD')
    """
    name = ""
    position += 1
    while position:
        position, rest = divmod(position - 1, 26)
        name = chr(65 + rest) + name
    return name


def find_header(
    label: str,
    rows: Sequence[Sequence[Any]],
    columns: Sequence[Column],
    report: Report,
    *,
    strict: bool = True,
    currency: str = "",
) -> Header | None:
    """The header among the first rows of a sheet (rows[0] is row 1), or None when there is none that can be used.

    Reports S-006 (none or two), S-007 (twice the same), S-008 (column missing), S-009 (misspelt or unknown). With
    ``strict`` a near miss of an absent column is an error, otherwise a warning. Money in another currency than
    ``currency`` is D-028.
    """
    best = _best_rows(rows[:HEADER_ROWS], columns)
    if not best:
        report.add(Fault("S-006", "no header row found in the first 20 rows", _wanted(columns)), label)
        return None
    if len(best) > 1:
        where = " and ".join(str(row + 1) for row in best)
        report.add(Fault("S-006", f"two header rows (rows {where})", "Keep one table per sheet."), label)
        return None
    foreign = _foreign(label, best[0], rows[best[0]], columns, currency, report)
    left = [column for column in columns if column.name not in foreign.values()] if foreign else columns
    cells = [None if position in foreign else cell for position, cell in enumerate(rows[best[0]])]
    return _matched(label, best[0], cells, left, report, strict)


def _foreign(
    label: str, row: int, cells: Sequence[Any], columns: Sequence[Column], currency: str, report: Report
) -> dict[int, str]:
    """Positions of headers that name a column of money, absent under its own name, in another currency (D-028)."""
    present = {fold(str(cell)) for cell in cells if not is_blank(cell)}
    money = [column.name for column in columns if column.unit.startswith("money") and fold(column.name) not in present]
    found: dict[int, str] = {}
    for position, cell in enumerate(cells):
        name, other = ("", "") if is_blank(cell) or not currency else in_other_currency(str(cell), money, currency)
        if name:
            said = f"is {name} in another currency, {other}; the setting currency is {currency}"
            fault = Fault("D-028", said, f"Convert the figures, then name it {name}; or correct the setting currency.")
            report.add(fault, f"{label}!{letter(position)}{row + 1}", cell)
            found[position] = name
    return found


def in_other_currency(text: str, names: Sequence[str], currency: str) -> tuple[str, str]:
    """The column that a header is but for a currency at its end that is not the workbook's; ('', '') if none.

    >>> [in_other_currency(text, ["unit_cost"], "USD") for text in ("Unit cost (EUR)", "unit_cost_$")]
    [('unit_cost', 'EUR'), ('', '')]
    """
    ours = fold(text.translate(str.maketrans("()[]", "    ")))
    for name in names:
        other = ours.removeprefix(fold(name))
        if other == ours or not (other in CURRENCIES or other in SIGNS):
            continue
        if currency.casefold() not in (other, *SIGNS.get(other, ())):
            return name, other.upper()
    return "", ""


def _wanted(columns: Sequence[Column]) -> str:
    return "Columns expected: " + ", ".join(column.name for column in columns if column.required) + "."


def _best_rows(rows: Sequence[Sequence[Any]], columns: Sequence[Column]) -> list[int]:
    """Rows that hold every required name; failing that, the one with the most known names."""
    required = {fold(column.name) for column in columns if column.required}
    known = {fold(column.name) for column in columns}
    found = [{fold(str(cell)) for cell in row if not is_blank(cell)} for row in rows]
    full = [row for row, names in enumerate(found) if required <= names]
    if full:
        return full
    scores = [len(names & known) for names in found]
    top = max(scores, default=0)
    return [scores.index(top)] if top >= 1 else []


def _matched(
    label: str, row: int, cells: Sequence[Any], columns: Sequence[Column], report: Report, strict: bool
) -> Header | None:
    by_fold = {fold(column.name): column.name for column in columns}
    index: dict[str, int] = {}
    unknown: list[tuple[int, str]] = []
    tidied: list[str] = []
    for position, cell in enumerate(cells):
        if is_blank(cell):
            continue
        text = str(cell)
        name = by_fold.get(fold(text))
        if name is None:
            unknown.append((position, text.strip()))
        elif name in index:
            first, second = letter(index[name]), letter(position)
            twice = f"{first}{row + 1} and {second}{row + 1} are both {name}"
            report.add(Fault("S-007", twice, "Delete or rename one."), f"{label}!{second}{row + 1}", text)
        else:
            index[name] = position
            tidied += [f"{letter(position)}{row + 1}"] if text != name else []
    _tell(label, row, tidied, report)
    _missing(label, row, index, unknown, columns, report)
    _unknown(label, row, index, unknown, columns, report, strict)
    return Header(row + 1, index)


def _tell(label: str, row: int, tidied: list[str], report: Report) -> None:
    if tidied:
        said = f"headers read without regard to case and blanks: {', '.join(tidied)}"
        report.add(Fault("S-015", said, "", "repair"), f"{label}!{tidied[0]}")
    if row:
        report.add(Fault("S-006", f"the header was found in row {row + 1}", "", "note"), f"{label}!A{row + 1}")


def _missing(
    label: str,
    row: int,
    index: dict[str, int],
    unknown: list[tuple[int, str]],
    columns: Sequence[Column],
    report: Report,
) -> None:
    for column in columns:
        if not column.required or column.name in index:
            continue
        close = nearest(column.name, [text for _, text in unknown])
        at = next((f"{letter(position)}{row + 1}" for position, text in unknown if text == close), "")
        present = ", ".join([*index, *(text for _, text in unknown)])
        hint = f'Closest: "{close}" at {at}.' if close else f"Columns present: {present}."
        report.add(Fault("S-008", f'column "{column.name}" not found', hint), f"{label}!{row + 1}:{row + 1}")


def _unknown(
    label: str,
    row: int,
    index: dict[str, int],
    unknown: list[tuple[int, str]],
    columns: Sequence[Column],
    report: Report,
    strict: bool,
) -> None:
    absent = [column.name for column in columns if column.name not in index and not column.required]
    extra = []
    for position, text in unknown:
        twin, unit = in_other_unit(text, absent)
        if twin:
            fault = Fault("D-028", f"is {twin} in another unit, {unit}", f"Convert the figures, then name it {twin}.")
            report.add(fault, f"{label}!{letter(position)}{row + 1}", text)
            continue
        meant = next((name for name in absent if near_miss(text, name)), "")
        if not meant:
            extra.append(f"{letter(position)} {text}")
            continue
        fault = Fault(
            "S-009", f'unknown column; did you mean "{meant}"?', "Rename it.", "error" if strict else "warning"
        )
        report.add(fault, f"{label}!{letter(position)}{row + 1}", text)
    if extra and columns is not SETTINGS_COLUMNS:
        report.add(Fault("S-009", f"columns not used: {', '.join(extra)}", "", "note"), label)


def in_other_unit(text: str, names: Sequence[str]) -> tuple[str, str]:
    """The column whose name, but for the unit at its end, a header is, and the header's unit; ('', '') if none.

    >>> in_other_unit("Weight (lb)", ["weight_kg", "volume_l"]), in_other_unit("weight", ["weight_kg"])
    (('weight_kg', 'lb'), ('', ''))
    """
    ours = fold(text.replace("(", " ").replace(")", " ").replace("[", " ").replace("]", " "))
    for name in names:
        stem, _, unit = name.rpartition("_")
        other = ours.removeprefix(fold(stem))
        if stem and other != ours and other in OTHER_UNITS.get(unit, ()):
            return name, other
    return "", ""


def near_miss(text: str, name: str) -> bool:
    """Whether a header is so like a name that it was surely meant: edit distance 2, of a short name 1.

    >>> near_miss("chanel", "channel"), near_miss("uom", "moq"), near_miss("store_id", "status")
    (True, False, False)
    """
    ours, theirs = fold(text), fold(name)
    return distance(ours, theirs, 2) <= min(2, len(theirs) // 3)


def distance(first: str, second: str, most: int) -> int:
    """Edit distance (Levenshtein), or ``most`` + 1 when it is larger than ``most``."""
    if abs(len(first) - len(second)) > most:
        return most + 1
    before = list(range(len(second) + 1))
    for row, char in enumerate(first, 1):
        now = [row]
        for column, other in enumerate(second, 1):
            now.append(min(now[-1] + 1, before[column] + 1, before[column - 1] + (char != other)))
        before = now
    return min(before[-1], most + 1)
