"""What the contract says of a sheet and of a column: the two kinds of record behind ``sheets``."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from ..settings import bounds_text

_KINDS = {
    "code": "text", "text": "text", "list": "words separated by commas", "number": "a number",
    "whole": "a whole number", "date": "a date (2027-01-31)", "flag": "yes or no", "choice": "one word",
    "period": "the label of a period (2027-01)",
}  # fmt: skip
ANYTHING = 1e12  # no figure is believed above it
BELIEVED = {"kg/unit": 1e6, "l/unit": 1e6, "m3": 1e9, "days": 1e6, "factor": 1e6, "units/day": 1e9, "parcels/day": 1e9}


@dataclass(frozen=True)
class Column:
    """One column of one sheet.

    ``kind``: code (a name that others refer to, kept exactly as text), text, list (several words in a cell), number,
    whole, date, flag (yes / no), choice, period (the label of a period). ``default`` is the constant for a blank cell;
    ``setting`` names the setting that fills it; ``blank`` says what a blank means otherwise. ``refers`` is the sheet
    whose key the value must be; with ``several`` a cell may name several, separated by commas.
    """

    sheet: str
    name: str
    kind: str
    meaning: str
    unit: str = ""
    required: bool = False
    default: Any = None
    setting: str = ""
    blank: str = ""
    low: float = -math.inf
    high: float = math.inf
    low_open: bool = False
    high_open: bool = False
    choices: tuple[str, ...] = ()
    refers: str = ""
    several: bool = False

    @property
    def expectation(self) -> str:
        """What a value must look like, as a sentence fragment."""
        if self.kind == "list" and self.choices:
            return "any of " + ", ".join(self.choices)
        base = f"a {self.refers[:-1].lower()} of the sheet {self.refers}" if self.refers else _KINDS[self.kind]
        base = "one of " + ", ".join(self.choices) if self.kind == "choice" else base
        bounds = bounds_text(self.low, self.high, self.low_open, self.high_open)
        many = ", or several separated by commas" if self.several else ""
        return base + (f" {bounds}" if bounds else "") + many

    @property
    def believed(self) -> float:
        """The largest figure that can be meant, where the range has no end of its own."""
        return BELIEVED.get(self.unit, ANYTHING)

    @property
    def when_blank(self) -> str:
        """What a blank cell means, for the template and the messages."""
        if self.required:
            return "must be filled"
        if self.setting:
            return f"setting {self.setting}"
        if isinstance(self.default, bool):
            return "yes" if self.default else "no"
        if isinstance(self.default, float):
            return f"{self.default:g}"
        if self.default is not None:
            return str(self.default)
        return self.blank or "none"


@dataclass(frozen=True)
class Sheet:
    """One sheet: its columns, the columns that name a row (``key``), and whether it must be there."""

    name: str
    meaning: str
    key: tuple[str, ...] = ()
    required: bool = False
