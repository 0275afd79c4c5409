"""Small cases from a few cells each, blanks filled as the workbook contract says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from optimizer.case import TABLES, Case
from optimizer.reading.sheets import SHEETS, TIER_DEFAULTS, Column, columns
from optimizer.settings import Settings

Rows = Sequence[Mapping[str, Any]]
SHEET_OF = {sheet.name.casefold(): sheet.name for sheet in SHEETS}


def case_of(settings: Mapping[str, Any] | None = None, **sheets: Rows) -> Case:
    """A case from rows per sheet; settings as in the Settings sheet, ``start`` 2027-01-01 unless given."""
    values = Settings().with_values(**{"start": "2027-01-01", **(settings or {})})
    sheets.setdefault("tiers", TIER_DEFAULTS)
    tables = {name: table(name, sheets.get(name, ()), values) for name in TABLES}
    tables["lanes"]["estimated"] = False
    for name, key in (("sku", "skus"), ("region", "regions")):
        tables["orders"][name] = pd.Categorical(tables["orders"][name], categories=list(tables[key][name]))
    tables["orders"]["order_id"] = pd.Categorical(tables["orders"]["order_id"])
    return Case(**tables, settings=values)


def table(name: str, rows: Rows, settings: Settings) -> pd.DataFrame:
    """A data frame with exactly the columns of the sheet. Raises KeyError for a column the contract does not know."""
    records = columns(SHEET_OF[name])
    unknown = {key for row in rows for key in row} - {record.name for record in records}
    if unknown:
        raise KeyError(f"{name}: {sorted(unknown)}")
    frame = {record.name: _column(record, [row.get(record.name) for row in rows], settings) for record in records}
    if name == "skus":
        markup = 1.0 + settings.default_price_markup
        frame["unit_price"] = pd.Series(
            [row.get("unit_price", row["unit_cost"] * markup) for row in rows], dtype="float64"
        )
    return pd.DataFrame(frame)


def _column(record: Column, values: list[Any], settings: Settings) -> pd.Series:
    fill = getattr(settings, record.setting) if record.setting else record.default
    values = [fill if value is None else value for value in values]
    if record.kind in ("number", "whole"):
        return pd.Series([np.nan if value is None else value for value in values], dtype="float64")
    if record.kind == "date":
        return pd.Series(pd.to_datetime(pd.Series(values, dtype=object)), dtype="datetime64[s]")
    return pd.Series(values, dtype=object)


def orders(
    sku: str, region: str, days: Sequence[str] | pd.DatetimeIndex, quantity: float = 1.0
) -> list[dict[str, Any]]:
    """One order of ``quantity`` units on each day."""
    return [
        {"order_id": f"{sku}-{region}-{number}", "date": day, "sku": sku, "quantity": quantity, "region": region}
        for number, day in enumerate(days)
    ]


def scenario(case: Case, **tables: Rows) -> Case:
    """The same case with some sheets replaced."""
    return replace(case, **{name: table(name, rows, case.settings) for name, rows in tables.items()})
