"""The blank workbook of ``nodewise new --blank``: every sheet and column of the contract, explained, and no data."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from ..reading.sheets import SHEETS, columns
from ..reading.workbook import EXPLANATIONS
from ..settings import ONLY_OPTIONS, RECORDS
from .publish import whole

_TITLES = ("sheet", "column", "must be filled", "expected", "unit", "when blank", "meaning")
_WIDTHS = (12, 28, 14, 40, 18, 34, 70)


def write_template(path: str | os.PathLike[str]) -> Path:
    """Write the blank workbook, whole or not at all, and return its path. Raises WriteFailed."""
    from .input_sheets import InputBook

    target = Path(path)
    with whole(target) as draft, InputBook(draft) as book:
        book.page(EXPLANATIONS, _TITLES, _WIDTHS, explanations())
        for sheet in SHEETS:
            book.sheet(sheet.name, columns(sheet.name), ())
        defaults = {name: record.default for name, record in RECORDS.items() if name not in ONLY_OPTIONS}
        book.settings(defaults)
    return target


def explanations() -> Iterator[tuple[str, ...]]:
    """One row per sheet and per column of the contract."""
    for sheet in SHEETS:
        yield sheet.name, "", "yes" if sheet.required else "no", "", "", "", sheet.meaning
        for column in columns(sheet.name):
            must = "yes" if column.required else "no"
            blank = "" if column.required else column.when_blank
            yield sheet.name, column.name, must, column.expectation, column.unit, blank, column.meaning
