"""Collects findings while reading: every one is kept, and hundreds alike become one that counts them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from ..errors import Finding, worst_first

EACH = 20  # so many cells with the same fault are listed one by one
TOGETHER = {"T-003"}  # told once per column, in the words of the first cell: a whole column is wrong in one way
GROUPS = 100  # so many different findings of one code in one column


@dataclass(frozen=True)
class Fault:
    """What is wrong with a value, before it is known where it stands."""

    code: str
    expectation: str
    remedy: str = ""
    severity: str = "error"


class Reject(Exception):
    """Raised by a parser: the value cannot be used."""

    def __init__(self, code: str, expectation: str, remedy: str = "") -> None:
        super().__init__(code)
        self.fault = Fault(code, expectation, remedy)


@dataclass
class _Group:
    rows: list[int] = field(default_factory=list)
    values: list[str] = field(default_factory=list)


class Report:
    """Findings in the order in which they were met; cells with one and the same fault are gathered."""

    def __init__(self) -> None:
        self._plain: list[Finding] = []
        self._groups: dict[tuple[Fault, str, str], _Group] = {}
        self._words: dict[tuple[str, str, str], Fault] = {}  # of TOGETHER, by code, sheet and column

    def add(self, fault: Fault, place: str, value: object = "") -> None:
        """One finding about a place that is not a cell, or that is worded for one cell only."""
        self._plain.append(Finding(fault.code, fault.severity, place, seen(value), fault.expectation, fault.remedy))

    def keep(self, finding: Finding) -> None:
        """A finding that is complete already."""
        self._plain.append(finding)

    def cell(self, fault: Fault, sheet: str, letter: str, row: int, value: object = "") -> None:
        """One faulty cell; with many alike it is counted."""
        self.cells(fault, sheet, letter, (row,), (value,))

    def cells(self, fault: Fault, sheet: str, letter: str, rows: Iterable[int], values: Iterable[object]) -> None:
        """Many cells of one column with the same fault."""
        if fault.code in TOGETHER:
            fault = self._words.setdefault((fault.code, sheet, letter), fault)
        group = self._groups.setdefault((fault, sheet, letter), _Group())
        room = max(0, EACH + 1 - len(group.values))
        group.rows.extend(int(row) for row in rows)
        group.values.extend(seen(value) for value, _ in zip(values, range(room), strict=False))

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All findings, worst first."""
        out = list(self._plain)
        told: dict[tuple[str, str, str], int] = {}
        for (fault, sheet, letter), group in self._groups.items():
            key = (fault.code, sheet, letter)
            told[key] = told.get(key, 0) + 1
            if told[key] <= GROUPS:
                out.extend(_worded(fault, sheet, letter, group))
        out.extend(
            Finding(code, "note", sheet, "", f"{number - GROUPS:,} more kinds of {code} in column {letter}", "")
            for (code, sheet, letter), number in told.items()
            if number > GROUPS
        )
        return worst_first(out)

    @property
    def failed(self) -> bool:
        """Whether there is any error so far."""
        return any(finding.severity == "error" for finding in self._plain) or any(
            fault.severity == "error" for fault, _, _ in self._groups
        )


def _worded(fault: Fault, sheet: str, letter: str, group: _Group) -> list[Finding]:
    if fault.severity == "error" and len(group.rows) <= EACH and fault.code not in TOGETHER:
        return [
            Finding(fault.code, fault.severity, f"{sheet}!{letter}{row}", value, fault.expectation, fault.remedy)
            for row, value in zip(group.rows, group.values, strict=False)
        ]
    count = len(group.rows)
    cells = ", ".join(f"{letter}{row}" for row in sorted(group.rows)[:5])
    tail = f" ({count:,} cells: {cells}{' ...' if count > 5 else ''})" if count > 1 else ""
    place = f"{sheet}!{letter}{group.rows[0]}"
    return [Finding(fault.code, fault.severity, place, group.values[0], fault.expectation + tail, fault.remedy)]


def seen(value: object) -> str:
    """A value as it is shown in a finding: short, printable, invisible characters named."""
    text = "" if value is None else str(value)
    shown = "".join(char if char.isprintable() else f"<U+{ord(char):04X}>" for char in text[:80])
    return shown + ("..." if len(text) > 80 else "")
