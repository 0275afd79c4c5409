"""Long tables as worksheets at the speed of string formatting; every text stays a text."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from html import escape

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from xlsxwriter.format import Format
from xlsxwriter.sharedstrings import SharedStringTable
from xlsxwriter.utility import xl_col_to_name
from xlsxwriter.worksheet import Worksheet

from ..tables.columns import PlanColumn

LONGEST_TEXT = 32_767  # characters in a cell
CUT = " ... (cut)"
LINE_POINTS = 15  # height of a line of text
MOST_LINES = 20  # that a row shows
CHUNK = 4_096  # rows formatted at once
EPOCH = np.datetime64("1899-12-30", "s")  # day 0 of an Excel date after February 1900
DAY = np.timedelta64(86_400, "s")
_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\ufffe\uffff\ud800-\udfff]")


def cell_text(text: str) -> str:
    """A text as a cell can hold it: unseen characters as their escapes, the end of one that is too long cut off.

    >>> cell_text("=1+1"), cell_text("A\\x01B")
    ('=1+1', 'A\\\\x01B')
    """
    text = _UNSEEN.sub(lambda match: match.group().encode("unicode_escape").decode(), text)
    return text if len(text) <= LONGEST_TEXT else text[: LONGEST_TEXT - len(CUT)] + CUT


@dataclass(frozen=True)
class _Cells:
    """One column: what stands before the row number, and the rest of each cell."""

    opening: Callable[[], str]  # known only when the workbook has numbered its formats
    letter: str
    endings: Callable[[int, int], list[str]]  # of the rows from, to


class TableSheet(Worksheet):
    """A worksheet whose rows below the header come from columns.

    XlsxWriter keeps an object per cell and formats cell by cell, 11 s for a million cells; here whole columns are
    formatted, 1 s, and only the columns are kept. Header, formats, filters and tables stay XlsxWriter's.
    """

    columns: tuple[_Cells, ...] = ()
    height: int = 0
    lines: NDArray[np.int64] | None = None  # of text in each row, where some column holds prose
    dim_rowmax: int | None

    def fill(self, table: pd.DataFrame, columns: tuple[PlanColumn, ...], formats: dict[str, Format]) -> None:
        """Take the rows of a table, to stand below the header in row 1."""
        self.height = len(table)
        self.columns = tuple(
            self._cells(at, table[column.name], formats[column.kind]) for at, column in enumerate(columns)
        )
        self.lines = _lines_of(table, [column for column in columns if column.kind == "prose"])
        self._check_dimensions(self.height, max(len(columns) - 1, 0))

    def _cells(self, at: int, values: pd.Series, form: Format) -> _Cells:
        letter = xl_col_to_name(at)
        make = _ENDINGS.get(values.dtype.kind, _mixed) if isinstance(values.dtype, np.dtype) else _texts
        return _Cells(lambda: f'" s="{form._get_xf_index()}"', letter, make(values, self.str_table))

    def _write_rows(self) -> None:
        """Write the header as XlsxWriter does, then the rows."""
        last, self.dim_rowmax = self.dim_rowmax, 0
        super()._write_rows()
        self.dim_rowmax = last
        for first in range(0, self.height, CHUNK):
            end = min(first + CHUNK, self.height)
            self.fh.write(_rows_xml(self.columns, first, end, None if self.lines is None else self.lines[first:end]))


def _lines_of(table: pd.DataFrame, columns: list[PlanColumn]) -> NDArray[np.int64] | None:
    """(rows,) lines of text that each row needs at the columns' widths; None without prose."""
    if not columns:
        return None
    lengths = [np.ceil(table[column.name].str.len().to_numpy(np.float64) / column.width) for column in columns]
    return np.clip(np.nan_to_num(np.max(lengths, axis=0)), 1, MOST_LINES).astype(np.int64)


def _rows_xml(columns: tuple[_Cells, ...], first: int, last: int, lines: NDArray[np.int64] | None) -> str:
    numbers = [str(row + 2) for row in range(first, last)]
    parts = [_column_xml(column, numbers, first, last) for column in columns]
    rows = map("".join, zip(*parts, strict=True))
    tall = [""] * len(numbers) if lines is None else [_tall(count) for count in lines.tolist()]
    return "".join(
        f'<row r="{number}"{size}>{row}</row>' for number, size, row in zip(numbers, tall, rows, strict=True)
    )


def _tall(lines: int) -> str:
    return f' ht="{lines * LINE_POINTS}" customHeight="1"' if lines > 1 else ""


def _column_xml(column: _Cells, numbers: list[str], first: int, last: int) -> Iterator[str]:
    start, opening = f'<c r="{column.letter}', column.opening()
    endings = column.endings(first, last)
    return (
        f"{start}{number}{opening}{ending}" if ending else "" for number, ending in zip(numbers, endings, strict=True)
    )


def _numbers(values: pd.Series, _: SharedStringTable) -> Callable[[int, int], list[str]]:
    array = values.to_numpy(np.float64)

    def endings(first: int, last: int) -> list[str]:
        part = array[first:last]
        texts = [f"><v>{number!r}</v></c>" for number in part.tolist()]
        for at in np.flatnonzero(~np.isfinite(part)):
            texts[at] = "" if np.isnan(part[at]) else _inline(f"{part[at]}")
        return texts

    return endings


def _dates(values: pd.Series, strings: SharedStringTable) -> Callable[[int, int], list[str]]:
    stamps = values.to_numpy("datetime64[s]")
    days = np.where(np.isnat(stamps), np.nan, (stamps - EPOCH) / DAY)
    return _numbers(pd.Series(days), strings)


def _texts(values: pd.Series, strings: SharedStringTable) -> Callable[[int, int], list[str]]:
    """Each distinct text is looked up once; a blank stays an empty cell."""
    codes, distinct = pd.factorize(values)
    endings = [_text(text, strings) for text in distinct] + [""]
    strings.count += len(codes) - len(distinct)
    return lambda first, last: [endings[code] for code in codes[first:last].tolist()]


def _mixed(values: pd.Series, strings: SharedStringTable) -> Callable[[int, int], list[str]]:
    """Cells of any kind: numbers as numbers, nothing for None, all else as text."""
    endings = [_any(value, strings) for value in values]
    return lambda first, last: endings[first:last]


def _any(value: object, strings: SharedStringTable) -> str:
    if value is None:
        return ""
    if isinstance(value, (int, float)) and not isinstance(value, bool) and np.isfinite(value):
        return f"><v>{value!r}</v></c>"
    return _text(str(value), strings)


def _text(text: str, strings: SharedStringTable) -> str:
    if not text:
        return ""
    text = cell_text(text)
    if text.startswith("<r>"):  # XlsxWriter would take it for rich text
        return _inline(text)
    return f' t="s"><v>{strings._get_shared_string_index(text)}</v></c>'


def _inline(text: str) -> str:
    return f' t="inlineStr"><is><t xml:space="preserve">{escape(text, quote=False)}</t></is></c>'


_ENDINGS = {"f": _numbers, "i": _numbers, "M": _dates, "O": _mixed}
