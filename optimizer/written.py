"""The sheets of a written plan as data frames, with the columns that :mod:`optimizer.tables.columns` lists."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from .errors import InputInvalid, UsageError
from .tables.columns import SHEETS, PlanColumn

MOST_MB = 4000.0  # unpacked size of a plan workbook that is opened
TEXTS = ("text", "prose", "any")


def read_sheets(path: str | Path, names: Iterable[str]) -> dict[str, pd.DataFrame]:
    """Some sheets of a plan workbook, all parts of each: text and figures, without the dates.

    A column that an older plan lacks is blank throughout. Raises UsageError or FileRefused when it is no plan or no
    workbook that may be opened, InputInvalid when a sheet has lost its header.
    """
    import fastexcel

    from .reading.archive import inspect

    inspect(Path(path), MOST_MB)
    reader = fastexcel.read_excel(str(path))
    return {name: _sheet(reader, path, name) for name in names}


def _sheet(reader: Any, path: str | Path, name: str) -> pd.DataFrame:
    parts = [part for part in reader.sheet_names if re.fullmatch(re.escape(name) + r"( \(\d+\))?", part)]
    if not parts:
        raise UsageError(f"{path} is no plan: it has no sheet {name}.", "Name a plan workbook first.")
    columns = [column for column in SHEETS[name] if column.kind != "date"]
    table = pd.concat([_part(reader, part, columns) for part in parts], ignore_index=True)
    if columns[0].name not in table:
        raise InputInvalid(f"{path}: the sheet {name} has lost its header.", ())
    for column in columns:
        values = table[column.name] if column.name in table else pd.Series(np.nan, index=table.index)
        text = column.kind in TEXTS
        table[column.name] = values.astype(object).where(values.notna(), "") if text else values.astype(float)
    return table[[column.name for column in columns]]


def _part(reader: Any, part: str, columns: Iterable[PlanColumn]) -> pd.DataFrame:
    types = {column.name: "string" if column.kind in TEXTS else "float" for column in columns}
    sheet = reader.load_sheet(part, dtypes=types, dtype_coercion="coerce").to_polars()
    return pd.DataFrame({name: sheet[name].to_list() for name in sheet.columns if name in types})
