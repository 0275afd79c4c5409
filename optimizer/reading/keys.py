"""Names: each row of a sheet named once, and every reference to a name that exists."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any

from ..columns import named
from ..errors import nearest
from .report import Fault, Report
from .sheets import SHEET, Column, columns
from .typed import Typed

MOST_GUESSES = 50  # so many unknown names of one column get a nearest name
_LOOKALIKES = str.maketrans(
    "АВЕКМНОРСТУХІЅЈаеорсухіѕјΑΒΕΖΗΙΚΜΝΟΡΤΥΧ‐‑‒–—",
    "ABEKMHOPCTYXISJaeopcyxisjABEZHIKMNOPTYX-----",
)


def plain(name: str) -> str:
    """A name with look-alike characters (Cyrillic, Greek, full-width) put as plain ones."""
    return unicodedata.normalize("NFKC", name).translate(_LOOKALIKES)


class Known:
    """The names of one sheet, and what to say of a name that is not among them."""

    def __init__(self, sheet: str, names: Iterable[str]) -> None:
        self.sheet = sheet
        self.names = list(dict.fromkeys(name for name in names if name is not None))
        self.position = {name: position for position, name in enumerate(self.names)}
        self._folded = {name.casefold(): name for name in self.names}
        self._plain = {plain(name).casefold(): name for name in self.names}
        self._stripped = {name.lstrip("0"): name for name in self.names}
        self._guesses = 0

    def __contains__(self, name: object) -> bool:
        return name in self.position

    def fault(self, name: str) -> Fault:
        """Why a name is not among them: case (K-007), look-alikes (K-008), zeros (K-001), or unknown (B-001)."""
        if twin := self._folded.get(name.casefold()):
            return Fault("K-007", f'not in {self.sheet}; "{twin}" is. The same one?', "Correct the spelling.")
        if twin := self._plain.get(plain(name).casefold()):
            odd = " ".join(f"U+{ord(char):04X}" for char in name if ord(char) > 126)
            odd = odd or " ".join(f"U+{ord(char):04X}" for char in twin if ord(char) > 126)
            return Fault("K-008", f'not in {self.sheet}; "{twin}" looks alike ({odd})', "Retype it.")
        if twin := self._stripped.get(name.lstrip("0")):
            said = f'not in {self.sheet}; "{twin}" is, which differs in leading zeros only'
            return Fault("K-001", said, "Format both columns as Text and retype.")
        return Fault("B-001", f"not in {self.sheet}{self._nearest(name)}", f"Correct it, or add it to {self.sheet}.")

    def _nearest(self, name: str) -> str:
        self._guesses += 1
        close = nearest(name, self.names) if self._guesses <= MOST_GUESSES else ""
        return f'; nearest: "{close}"' if close else ""


def names_of(tables: Mapping[str, Typed]) -> dict[str, Known]:
    """The names of every sheet that others refer to."""
    keys = {"SKUs": "sku", "Nodes": "node", "Regions": "region", "Tiers": "tier"}
    return {sheet: Known(sheet, tables[sheet].column(key)) for sheet, key in keys.items()}


def check_references(table: Typed, known: Mapping[str, Known], report: Report) -> None:
    """Every value of a referring column is a name of the sheet it refers to, unless nothing could be read there."""
    for column in columns(table.sheet):
        if column.refers in known and known[column.refers].names and column.name in table.values:
            _check_column(table, column, known[column.refers], report)


def _check_column(table: Typed, column: Column, known: Known, report: Report) -> None:
    faults: dict[str, Fault] = {}
    for position, text in enumerate(table.values[column.name]):
        names = () if text is None or text in known else named(text, known.position) if column.several else (text,)
        for name in names:
            if name in known:
                continue
            if name not in faults:
                faults[name] = known.fault(name)
            report.cell(faults[name], table.label, table.letters[column.name], table.rows[position], name)


def check_unique(table: Typed, report: Report) -> None:
    """No two rows with the same key (K-006, K-009, K-010)."""
    key = SHEET[table.sheet].key
    if not key:
        return
    seen: dict[tuple[Any, ...], int] = {}
    parts = [[_month(x) for x in table.column(name)] if name == "period" else table.column(name) for name in key]
    blanks = {"carrier": "standard"}
    for position in range(len(table.rows)):
        value = tuple(part[position] or blanks.get(name) for name, part in zip(key, parts, strict=True))
        if all(part is None for part in value) or any((name, position) in table.bad for name in key):
            continue
        if value in seen:
            _twice(table, key, seen[value], position, report)
        else:
            seen[value] = position


def _month(period: str | None) -> str | None:
    """The first day of a month is that month."""
    return period[:7] if period is not None and len(period) == 10 and period.endswith("-01") else period


def _twice(table: Typed, key: tuple[str, ...], first: int, second: int, report: Report) -> None:
    name = key[0]
    differing = [other for other, values in table.values.items() if values[first] != values[second]]
    how = f"the rows differ in {', '.join(differing[:4])}" if differing else "the rows are the same"
    raw = table.raw.get(name, table.column(name))
    where = table.place(name, first)
    if len(key) > 1:
        fault = Fault("K-010", f"the same {', '.join(key)} as row {table.rows[first]}; {how}", "Delete one.")
    elif str(raw[first]) != str(raw[second]):
        fault = Fault("K-006", f"equal to {where} after blanks are taken off", "Rename or delete one.")
    else:
        fault = Fault("K-009", f"the same as {where}; {how}", "Rename or delete one.")
    report.add(fault, table.place(name, second), raw[second])
