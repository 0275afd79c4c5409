"""Where each row of a case stands in the workbook, for findings about the case as a whole."""

from __future__ import annotations

from collections.abc import Mapping

from .sheets import SHEET, columns
from .typed import Typed


class Places:
    """Excel addresses of the rows of a case. Without sheets (a case changed in code) rows count from 2."""

    def __init__(self, sheets: Mapping[str, Typed] | None = None) -> None:
        self._sheets = sheets or {}

    def cell(self, sheet: str, name: str, position: int) -> str:
        """Address of a value; of the first named column of its row when the sheet does not have the column."""
        table = self._sheets.get(sheet)
        if table is None or position >= len(table.rows):
            return f"{sheet}!{position + 2}:{position + 2}"
        key = SHEET[sheet].key or (columns(sheet)[0].name,)
        return table.place(name if name in table.letters else key[0], position)

    def given(self, sheet: str, name: str, position: int) -> bool:
        """Whether the value was typed into the sheet, and not filled in."""
        table = self._sheets.get(sheet)
        return table is None or table.column(name)[position] is not None
