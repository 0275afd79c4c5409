"""A case as an input workbook: what was read, written so that reading it again gives the same case."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..reading.sheets import SHEETS, columns
from ..settings import ONLY_OPTIONS
from .publish import whole

if TYPE_CHECKING:
    import pandas as pd

    from ..case import Case


def write_case(case: Case, path: str | os.PathLike[str]) -> Path:
    """Write every table and setting of a case, whole or not at all; estimated lanes are left to be estimated again.

    Raises WriteFailed, also when the orders do not fit a sheet.
    """
    tables = {sheet.name: case.table(sheet.name) for sheet in SHEETS}
    lanes = tables["Lanes"]
    if "estimated" in lanes:
        tables["Lanes"] = lanes[~lanes["estimated"].astype(bool)]
    values = {item.name: getattr(case.settings, item.name) for item in fields(case.settings) if item.name != "origins"}
    return write_tables(tables, {name: value for name, value in values.items() if name not in ONLY_OPTIONS}, path)


def write_tables(tables: Mapping[str, pd.DataFrame], settings: Mapping[str, Any], path: str | os.PathLike[str]) -> Path:
    """Write an input workbook from tables by sheet name (columns of the contract, any may be absent) and settings."""
    from .input_sheets import InputBook

    target = Path(path)
    with whole(target) as draft, InputBook(draft) as book:
        book.settings(dict(settings))
        for sheet in SHEETS:
            if sheet.name not in tables:
                continue
            table = tables[sheet.name]
            present = [column for column in columns(sheet.name) if column.name in table.columns]
            rows = _rows(table[[column.name for column in present]])
            book.sheet(sheet.name, present, rows, notes=False)
    return target


def _rows(table: pd.DataFrame) -> Iterator[tuple[Any, ...]]:
    return zip(*(table[name].tolist() for name in table.columns), strict=True)
