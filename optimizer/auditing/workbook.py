"""A written plan, read back as tables that remember which cell every value stands in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

SHEET, ROW = "sheet_", "row_"  # where a row stands; no column of a plan ends in an underscore
ROOM_PRICE = "room_price."  # of the Run sheet: room_price.TEMPERATURE.NODE, money/m3/month
HEADER_DEPTH = 8  # rows in which the header of a sheet is looked for
MOST_MB = 4000.0  # unpacked size of a plan workbook that is opened
TEXT, NUMBER = "text", "number"


def _columns(texts: str, numbers: str) -> dict[str, str]:
    return dict.fromkeys(texts.split(), TEXT) | dict.fromkeys(numbers.split(), NUMBER)


CONTRACT: Mapping[str, Mapping[str, str]] = {
    "Placement": _columns(
        "sku tier node period role regions_served temperature",
        "units_per_day average_stock peak_stock volume_m3 value cost",
    ),
    "Replenishment": _columns(
        "sku node period source service_measure order_by above_service",
        "demand_per_day sd_per_day lead_time_days lead_time_sd review_days service_level safety_stock reorder_point "
        "order_quantity order_up_to on_hand on_order order_now pack_size min_order",
    ),
    "Actions": _columns("action sku from to ship_by arrives reason approval", "quantity value"),
    "Regions": _columns(
        "region temperature period primary_node primary_carrier backup_node backup_carrier",
        "days promise on_time_share extra_cost_of_backup parcels_per_day primary_share no_backup_share",
    ),
    "Nodes": _columns(
        "node type period status",
        "ambient_used_m3 chilled_used_m3 frozen_used_m3 ambient_room_m3 chilled_room_m3 frozen_room_m3 surge_used_m3 "
        "surge_room_m3 units_per_day units_per_day_limit skus skus_limit units value sku_cost fixed_cost opening_cost "
        "surge_cost cost ambient_rent_per_m3 chilled_rent_per_m3 frozen_rent_per_m3 units_per_day_rent skus_rent",
    ),
    "Limits": _columns("limit measure sense period", "used amount slack penalty rent"),
    "Changes": _columns(
        "sku tier node change reason approval",
        "on_hand on_order previous_stock average_stock previous_reorder_point reorder_point quantity value",
    ),
    "Findings": _columns("code severity place value expectation remedy", ""),
}
OTHER_SHEETS = ("Summary", "Run")


@dataclass(frozen=True)
class Table:
    """One sheet of the plan (all its parts): columns of the contract, and `sheet_`, `row_` of every line."""

    name: str
    frame: pd.DataFrame
    letters: Mapping[str, str] = field(default_factory=dict)  # column -> Excel's letter

    def place(self, line: int, column: str) -> str:
        """The cell of a line (0 = first) of the table, as Excel names it."""
        if not 0 <= line < len(self.frame):
            return self.name
        row = self.frame.iloc[line]
        return f"{row[SHEET]}!{self.letters.get(column, 'A')}{int(row[ROW])}"

    def numbers(self, column: str) -> np.ndarray:
        """A column as floats, nan where it is blank or absent."""
        if column not in self.frame:
            return np.full(len(self.frame), np.nan)
        return self.frame[column].to_numpy(dtype=float)

    def texts(self, column: str) -> np.ndarray:
        """A column as text, '' where it is blank or absent."""
        if column not in self.frame:
            return np.full(len(self.frame), "", dtype=object)
        return self.frame[column].to_numpy(dtype=object)

    @property
    def whole(self) -> pd.DataFrame:
        """Every column of the contract; what an older plan lacks is blank throughout."""
        read = {TEXT: self.texts, NUMBER: self.numbers}
        return pd.DataFrame({name: read[kind](name) for name, kind in CONTRACT[self.name].items()})


@dataclass(frozen=True)
class Line:
    """One line of the Run sheet."""

    value: Any
    origin: str
    place: str


@dataclass(frozen=True)
class PlanBook:
    """Everything a plan workbook says."""

    path: Path
    tables: Mapping[str, Table]
    run: Mapping[str, Line]
    settings: Mapping[str, Line]  # the lines of the Run sheet that have an origin
    summary: tuple[tuple[Any, ...], ...]  # the cells of the Summary sheet
    missing_sheets: tuple[str, ...]
    missing_columns: tuple[tuple[str, str], ...]  # sheet, column

    @property
    def room_prices(self) -> dict[tuple[str, str], Line]:
        """(temperature, node) -> the line that says what a m3 there was worth a month when orders were sized."""
        lines = ((name.split(".", 2), line) for name, line in self.run.items() if name.startswith(ROOM_PRICE))
        return {(parts[1], parts[2]): line for parts, line in lines if len(parts) == 3}


def read_plan(path: str | Path) -> PlanBook:
    """Read a plan workbook. Raises UsageError, InputInvalid or FileRefused when it may not be opened."""
    import fastexcel

    from optimizer.reading.archive import inspect

    path = Path(path)
    inspect(path, MOST_MB)
    reader = fastexcel.read_excel(str(path))
    names = list(reader.sheet_names)
    tables = {name: _table(reader, names, name) for name in CONTRACT}
    missing = [(name, column) for name, table in tables.items() if table.letters for column in _absent(table)]
    lines, summary = _small_sheets(path, names)
    run, settings = _by_name(lines, with_origin=False), _by_name(lines, with_origin=True)
    absent = [name for name in (*CONTRACT, *OTHER_SHEETS) if not _parts(names, name)]
    return PlanBook(path, tables, run, settings, summary, tuple(absent), tuple(missing))


def read_settings(path: str | Path) -> Mapping[str, Line]:
    """The settings on the Run sheet alone."""
    return _by_name(_run_lines(Path(path)), with_origin=True)


def read_run(path: str | Path) -> Mapping[str, Line]:
    """The figures on the Run sheet alone."""
    return _by_name(_run_lines(Path(path)), with_origin=False)


def _run_lines(path: Path) -> list[tuple[str, Line]]:
    from optimizer.reading.archive import inspect

    return _small_sheets(path, [part.name for part in inspect(path, MOST_MB).sheets])[0]


def _absent(table: Table) -> list[str]:
    return [column for column in CONTRACT[table.name] if column not in table.letters]


def _parts(names: list[str], wanted: str) -> list[str]:
    """The sheets that hold a table: `Placement`, `Placement (2)`, ... in their order."""
    return [name for name in names if re.fullmatch(re.escape(wanted) + r"( \(\d+\))?", name)]


def _table(reader: Any, names: list[str], wanted: str) -> Table:
    """A table from all its parts; empty when there is none or its header is not found."""
    frames: list[pd.DataFrame] = []
    letters: dict[str, str] = {}
    for name in _parts(names, wanted):
        header, columns = _header(reader, name, set(CONTRACT[wanted]))
        if not columns:
            continue
        letters = letters or {column: _letter(at) for column, at in columns.items()}
        frames.append(_frame(reader, name, header, columns, CONTRACT[wanted]))
    empty = pd.DataFrame({column: [] for column in (*CONTRACT[wanted], SHEET, ROW)})
    return Table(wanted, pd.concat(frames, ignore_index=True) if frames else empty, letters)


def _header(reader: Any, name: str, wanted: set[str]) -> tuple[int, dict[str, int]]:
    """Row (0 = first) and columns of the header: the first row that holds at least half of the wanted names."""
    top = reader.load_sheet(name, header_row=None, n_rows=HEADER_DEPTH, dtypes="string").to_polars()
    for row, cells in enumerate(top.iter_rows()):
        words = [re.sub(r"\s+", "_", str(cell or "").strip().casefold()) for cell in cells]
        found = {word: at for at, word in reversed(list(enumerate(words))) if word in wanted}
        if 2 * len(found) >= len(wanted):
            return row, found
    return 0, {}


def _frame(reader: Any, name: str, header: int, columns: dict[str, int], kinds: Mapping[str, str]) -> pd.DataFrame:
    """The rows below the header, blank ones left out, each with its place."""
    types = {at: "float" if kinds[column] == NUMBER else "string" for column, at in columns.items()}
    used = sorted(columns.values())
    sheet = reader.load_sheet(
        name, header_row=None, skip_rows=header + 1, use_columns=used, dtypes=types, dtype_coercion="coerce"
    ).to_polars()
    out = {}
    for column, at in columns.items():
        series = sheet[:, used.index(at)]
        text = kinds[column] == TEXT
        out[column] = (
            np.array(series.fill_null("").to_list(), dtype=object) if text else series.to_numpy().astype(float)
        )
    frame = pd.DataFrame(out)
    frame[SHEET], frame[ROW] = name, np.arange(header + 2, header + 2 + sheet.height)
    blank = frame[list(columns)].replace("", np.nan).isna().all(axis=1)
    return frame[~blank]


def _letter(column: int) -> str:
    """Excel's name of a column, 0 = A."""
    letters = ""
    column += 1
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


def _small_sheets(path: Path, names: list[str]) -> tuple[list[tuple[str, Line]], tuple[tuple[Any, ...], ...]]:
    """The lines of the Run sheet, and the cells of the Summary, with their types."""
    import openpyxl

    book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    try:
        cells = {name: _cells(book[name]) for name in OTHER_SHEETS if name in names}
    finally:
        book.close()
    padded = [(row, (*line, None, None, None)[:3]) for row, line in enumerate(cells.get("Run", ()), start=1)]
    lines = [
        (str(line[0]), Line(line[1], str(line[2] or ""), f"Run!B{row}")) for row, line in padded if line[0] is not None
    ]
    return lines, cells.get("Summary", ())


def _by_name(lines: list[tuple[str, Line]], with_origin: bool) -> dict[str, Line]:
    """The first line of each name, among those with (settings) or without (figures) an origin; two may share a name."""
    chosen = [(name, line) for name, line in lines if bool(line.origin) == with_origin]
    return dict(reversed(chosen))


def _cells(sheet: Any) -> tuple[tuple[Any, ...], ...]:
    sheet.reset_dimensions()
    return tuple(tuple(row) for row in sheet.iter_rows(values_only=True))
