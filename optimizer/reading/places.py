"""Where each row of a case stands in the workbook, for findings about the case as a whole."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from .sheets import SHEET, columns
from .typed import Typed

NAMES = {"Nodes": ("node",), "Lanes": ("node", "region"), "Limits": ("limit",)}  # what a shortage is told by


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


@dataclass(frozen=True)
class NamedRows:
    """Where the rows of a sheet stand by name; a lane's name is ``node to region``, and each carrier has a row."""

    label: str
    letters: Mapping[str, str]
    rows: Mapping[str, tuple[int, ...]]

    def cells(self, column: str, name: str) -> str:
        """Excel's addresses of a column in the rows of a name (whole rows where the sheet lacks the column); '' if
        there are none.

        >>> nodes = NamedRows("Nodes", {"node": "A", "chilled_m3": "J"}, {"DAL": (4,)})
        >>> nodes.cells("chilled_m3", "DAL"), nodes.cells("max_skus", "DAL"), nodes.cells("chilled_m3", "NYC")
        ('Nodes!J4', 'Nodes!4:4', '')
        """
        at = self.letters.get(column)
        return ", ".join(
            f"{self.label}!{at}{row}" if at else f"{self.label}!{row}:{row}" for row in self.rows.get(name, ())
        )


def named_rows(sheets: Mapping[str, Typed]) -> dict[str, NamedRows]:
    """The rows of the sheets that hold rooms, capacities and limits."""
    return {name: _named_rows(sheets[name], (sheets[name].column(key) for key in keys)) for name, keys in NAMES.items()}


def _named_rows(table: Typed, keys: Iterable[list[str | None]]) -> NamedRows:
    rows: dict[str, tuple[int, ...]] = {}
    for row, *parts in zip(table.rows, *keys, strict=True):
        name = " to ".join(str(part) for part in parts)
        rows[name] = (*rows.get(name, ()), row)
    return NamedRows(table.label, table.letters, rows)
