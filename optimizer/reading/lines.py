"""Order lines as arrays: names as codes into lists, days and quantities as numbers; each distinct value parsed once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .cells import fold, is_blank, parse
from .report import Fault, Reject, Report
from .sheets import Column, columns
from .typed import Typed, required
from .workbook import TOTALS

if TYPE_CHECKING:
    import polars as pl

Codes = NDArray[np.int32]
NAMES = ("order_id", "sku", "region", "postcode", "channel", "status")


@dataclass
class Coded:
    """A column of names: ``names[codes]``, code -1 = blank."""

    names: list[str]
    codes: Codes

    @classmethod
    def blank(cls, count: int) -> Coded:
        """A column without any name."""
        return cls([], np.full(count, -1, dtype=np.int32))


@dataclass
class Lines:
    """All order lines of one source, in its order; ``day`` is NaT, ``quantity`` NaN where the cell cannot be used."""

    label: str
    rows: NDArray[np.int64]  # (lines,) Excel's row numbers, or line numbers of a text file
    letters: dict[str, str]
    names: dict[str, Coded]
    day: NDArray[np.datetime64]  # (lines,) datetime64[D]
    quantity: NDArray[np.float64]  # (lines,) units

    def __len__(self) -> int:
        return len(self.rows)

    def tell(self, report: Report, fault: Fault, column: str, which: NDArray[Any], values: Sequence[Any] = ()) -> None:
        """Report a fault at the lines ``which`` (positions)."""
        if len(which):
            shown = values if len(values) else [""] * min(len(which), 25)
            report.cells(fault, self.label, self.letters.get(column, ""), self.rows[which].tolist(), shown)


@dataclass
class RawColumn:
    """A column of a large source before parsing: its distinct values, a code per line, the number format (Excel)."""

    values: list[Any]
    codes: Codes
    number_format: str = "General"


@dataclass
class RawLines:
    """The columns of a large source that the contract knows."""

    label: str
    rows: NDArray[np.int64]
    letters: dict[str, str]
    columns: dict[str, RawColumn] = field(default_factory=dict)
    text: bool = True  # True: a text file, in which every number is text


def encode(series: pl.Series) -> tuple[list[Any], Codes]:
    """Distinct values in order of appearance, and the code of each entry (-1 = null)."""
    import polars as pl

    if series.dtype == pl.String:
        distinct = series.drop_nulls().unique(maintain_order=True)
        codes = series.cast(pl.Enum(distinct)).to_physical().cast(pl.Int32).fill_null(-1)
        return distinct.to_list(), codes.to_numpy()
    distinct = series.drop_nulls().unique(maintain_order=True)
    table = pl.DataFrame({"value": distinct, "code": np.arange(len(distinct), dtype=np.int32)})
    coded = pl.DataFrame({"value": series}).join(table, on="value", how="left", maintain_order="left")
    return distinct.to_list(), coded["code"].fill_null(-1).to_numpy()


def parse_lines(raw: RawLines, report: Report) -> Lines:
    """Parse the distinct values of each column; faults are told with all their places."""
    _drop_totals(raw, report)
    lines = Lines(
        raw.label, raw.rows, raw.letters, {},
        np.full(len(raw.rows), np.datetime64("NaT"), "datetime64[D]"), np.full(len(raw.rows), np.nan),
    )  # fmt: skip
    for column in columns("Orders"):
        if column.name not in raw.columns:
            if column.name in NAMES:
                lines.names[column.name] = Coded.blank(len(lines))
            continue
        source = raw.columns.pop(column.name)
        values, usable = _parse_distinct(column, source, raw.text, lines, report)
        _store(column, values, usable, source.codes, lines)
    return lines


def _parse_distinct(
    column: Column, source: RawColumn, text: bool, lines: Lines, report: Report
) -> tuple[list[Any], NDArray[np.bool_]]:
    """The parsed distinct values; tells the faults."""
    parsed: list[Any] = []
    faults: dict[int, Fault] = {}
    blanks: list[int] = []
    for code, value in enumerate(source.values):
        result, fault = None, None
        try:
            if is_blank(value):
                blanks.append(code)
            else:
                result, fault = parse(column, value, source.number_format)
        except Reject as reject:
            fault = reject.fault
        if fault is not None and not (text and fault.code == "D-015"):
            faults[code] = fault
        parsed.append(result)
    _tell_faults(column, source, faults, lines, report)
    blank = source.codes < 0 if not blanks else (source.codes < 0) | np.isin(source.codes, blanks)
    if column.required and blank.any():
        lines.tell(report, required(column).fault, column.name, np.flatnonzero(blank))
    return parsed, np.array([value is not None for value in parsed], dtype=bool)


def _tell_faults(column: Column, source: RawColumn, faults: dict[int, Fault], lines: Lines, report: Report) -> None:
    if not faults:
        return
    marked = np.zeros(len(source.values) + 1, dtype=bool)
    marked[list(faults)] = True
    where = np.flatnonzero(marked[source.codes])
    by_code = where[np.argsort(source.codes[where], kind="stable")]
    starts = np.flatnonzero(np.diff(source.codes[by_code], prepend=-2))
    for which in np.split(by_code, starts[1:]):
        code = int(source.codes[which[0]])
        lines.tell(report, faults[code], column.name, which, [source.values[code]] * min(len(which), 25))


def _store(column: Column, values: list[Any], usable: NDArray[np.bool_], codes: Codes, lines: Lines) -> None:
    if column.kind == "date":
        table = np.array([*(value if value is not None else "NaT" for value in values), "NaT"], dtype="datetime64[D]")
        lines.day = table[codes]
    elif column.kind == "number":
        numbers = np.array([*(np.nan if value is None else value for value in values), np.nan], dtype=float)
        lines.quantity = numbers[codes]
    else:
        names = list(dict.fromkeys(value for value in values if value is not None))
        position = {name: number for number, name in enumerate(names)}
        recode = np.array([*(-1 if value is None else position[value] for value in values), -1], dtype=np.int32)
        lines.names[column.name] = Coded(names, recode[codes])


def _drop_totals(raw: RawLines, report: Report) -> None:
    """A row of totals at the end (S-013) is not data."""
    if not len(raw.rows):
        return
    for name in ("order_id", "sku"):
        source = raw.columns.get(name)
        value = source.values[source.codes[-1]] if source is not None and source.codes[-1] >= 0 else None
        if isinstance(value, str) and fold(value.rstrip(":")) in TOTALS:
            fault = Fault("S-013", "looks like a row of totals", "Delete the row.")
            report.cell(fault, raw.label, raw.letters[name], int(raw.rows[-1]), value)
            raw.rows = raw.rows[:-1]
            for other in raw.columns.values():
                other.codes = other.codes[:-1]
            return


def lines_of_table(table: Typed) -> Lines:
    """Order lines of a small sheet, already parsed cell by cell."""
    days = [np.datetime64(value, "D") if value is not None else np.datetime64("NaT") for value in table.column("date")]
    quantity = [np.nan if value is None else value for value in table.column("quantity")]
    names = {name: _coded(table.column(name)) for name in NAMES}
    rows = np.array(table.rows, dtype=np.int64)
    return Lines(
        table.label, rows, table.letters, names, np.array(days, dtype="datetime64[D]"), np.array(quantity, dtype=float)
    )


def _coded(values: Sequence[str | None]) -> Coded:
    position: dict[str, int] = {}
    codes = [-1 if value is None else position.setdefault(value, len(position)) for value in values]
    return Coded(list(position), np.array(codes, dtype=np.int32))


def no_lines() -> Lines:
    """No order lines at all (a case planned from a Demand sheet)."""
    return lines_of_table(Typed("Orders", "Orders"))
