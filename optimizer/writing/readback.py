"""Read a written workbook again, with another program's parser, and compare it with what was meant."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from ..errors import WriteFailed
from ..tables.columns import PlanColumn
from .sheet import cell_text

DTYPES = {"text": "string", "prose": "string", "any": "string", "date": "date"}  # else float

Sheet = tuple[str, pd.DataFrame, tuple[PlanColumn, ...]]


def check_book(path: Path, sheets: Iterable[Sheet]) -> None:
    """Raises WriteFailed unless every sheet holds the header, the number of rows and every value that was meant."""
    import fastexcel

    book = fastexcel.read_excel(path)
    for name, table, columns in sheets:
        if name not in book.sheet_names:
            raise _differs(name, "the sheet is missing")
        dtypes = {at: DTYPES.get(column.kind, "float") for at, column in enumerate(columns)}
        read = book.load_sheet(name, header_row=0, dtypes=dtypes).to_polars()
        if read.columns != [column.name for column in columns]:
            raise _differs(name, f"its header reads {read.columns}")
        if read.height != len(table):
            raise _differs(name, f"it holds {read.height:,} rows instead of {len(table):,}")
        for column in columns:
            _compare(name, column, read[column.name].to_numpy(), table[column.name])


def _compare(sheet: str, column: PlanColumn, read: np.ndarray, meant: pd.Series) -> None:
    if column.kind == "any":
        return
    if column.kind in ("text", "prose"):
        same = np.array_equal(_texts(read), _texts(meant.to_numpy(object)))
    elif column.kind == "date":
        same = np.array_equal(read.astype("datetime64[D]"), meant.to_numpy("datetime64[D]"), equal_nan=True)
    else:
        wanted = meant.to_numpy(np.float64)
        finite = np.isfinite(wanted)
        same = np.array_equal(read.astype(np.float64)[finite], wanted[finite])
    if not same:
        raise _differs(sheet, f"column {column.name} differs")


def _texts(values: np.ndarray) -> np.ndarray:
    codes, distinct = pd.factorize(values)
    return np.array([*map(cell_text, distinct), ""], dtype=object)[codes]


def _differs(sheet: str, what: str) -> WriteFailed:
    return WriteFailed(f"the written workbook does not read back as meant: {sheet}: {what}.", "Run again.")
