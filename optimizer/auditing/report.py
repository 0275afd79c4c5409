"""Collects broken promises as findings, a bounded number of each kind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from optimizer.errors import Finding

from .workbook import Table

LISTED = 100  # findings of one code that are listed one by one
RELATIVE, ABSOLUTE = 1e-6, 1e-6  # how far a written number may be from the recomputed one


def shown(value: object) -> str:
    """A value as a finding shows it."""
    if value is None or value == "" or (isinstance(value, float) and np.isnan(value)):
        return "blank"
    if isinstance(value, (int, float, np.integer, np.floating)):
        return f"{float(value):,.10g}"
    return str(value)


class Report:
    """The findings of one audit."""

    def __init__(self) -> None:
        self._found: list[Finding] = []
        self._count: Counter[str] = Counter()

    def add(
        self, code: str, place: str, value: object, expectation: str, remedy: str = "", severity: str = "error"
    ) -> None:
        """One broken promise; beyond a hundred of a code only their number is kept."""
        self._count[code] += 1
        if self._count[code] <= LISTED:
            self._found.append(Finding(code, severity, place, shown(value), expectation, remedy))

    def many(self, code: str, count: int) -> None:
        """Further broken promises of a code that are only counted."""
        self._count[code] += count

    def numbers(self, code: str, table: Table, column: str, own: np.ndarray, remedy: str = "") -> None:
        """A column of numbers against the recomputed ones (nan = blank)."""
        if column not in table.letters:
            return
        written = table.numbers(column)
        wrong = ~np.isclose(written, own, rtol=RELATIVE, atol=ABSOLUTE, equal_nan=True)
        self._lines(code, table, column, np.flatnonzero(wrong), written, own, remedy)

    def texts(self, code: str, table: Table, column: str, own: Sequence[str] | np.ndarray, remedy: str = "") -> None:
        """A column of texts against the recomputed ones ('' = blank)."""
        if column not in table.letters:
            return
        written, right = table.texts(column), np.asarray(own, dtype=object)
        self._lines(code, table, column, np.flatnonzero(written != right), written, right, remedy)

    def _lines(
        self, code: str, table: Table, column: str, lines: np.ndarray, written: np.ndarray, own: np.ndarray, remedy: str
    ) -> None:
        room = max(0, LISTED - self._count[code])
        for line in lines[:room]:
            self.add(
                code, table.place(int(line), column), written[line], f"{column} must be {shown(own[line])}", remedy
            )
        self.many(code, len(lines[room:]))

    def findings(self) -> tuple[Finding, ...]:
        """Everything found, in the order of the checks, with a line for what was only counted."""
        rest = [
            Finding(code, "error", "", "", f"{count - LISTED:,} more of {code} are not listed", "")
            for code, count in self._count.items()
            if count > LISTED
        ]
        return (*self._found, *rest)
