"""Case to workbook to case is the identity, for any case."""

from __future__ import annotations

import tempfile
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from optimizer.case import TABLES, Case
from optimizer.reading import read
from optimizer.reading.sheets import SHEETS, Column, columns
from optimizer.writing.case_workbook import write_case, write_tables

from .reading_books import Rows, good, read_good, save

ODD_NAMES = (
    "00123",
    "1E5",
    "TRUE",
    "NA",
    "MAR-1",
    "=1+1",
    "@sum",
    "+5",
    "-5",
    "1.50",
    "ß",
    "名",
    "a b",
    "#REF!",
    "'x",
    "nan",
)
FIRST = date(2026, 1, 1)


def same(one: Case, two: Case) -> None:
    """All tables and settings of two cases are equal."""
    for name in TABLES:
        pd.testing.assert_frame_equal(one.table(name), two.table(name), obj=name)
    assert one.settings == two.settings


def test_the_good_workbook(tmp_path: Path) -> None:
    """Every sheet filled: read, written, read, the same."""
    case = read_good(tmp_path / "book.xlsx")
    same(read(write_case(case, tmp_path / "again.xlsx")), case)


def test_the_example(example_case: Case, tmp_path: Path) -> None:
    """The same for the example workbook: 120 SKUs, 50,000 order lines."""
    same(read(write_case(example_case, tmp_path / "again.xlsx")), example_case)


def value_of(column: Column, names: dict[str, list[str]]) -> st.SearchStrategy[Any]:
    """Values a cell of the column may hold."""
    if column.refers:
        return st.sampled_from(names[column.refers])
    if column.choices and column.kind == "choice":
        return st.sampled_from(column.choices)
    if column.choices:
        return st.lists(st.sampled_from(column.choices), min_size=1, unique=True).map(", ".join)
    low, high = max(column.low, 1e-6), min(column.high, 1e6)
    by_kind = {
        "number": st.floats(low, high * (0.999 if column.high_open else 1.0), exclude_min=column.low_open).map(
            lambda number: float(f"{number:.12g}")
        ),
        "whole": st.integers(max(1, int(max(column.low, 0))), int(min(column.high, 10_000))).map(float),
        "date": st.integers(0, 900).map(lambda days: pd.Timestamp(FIRST + timedelta(days))),
        "flag": st.booleans(),
        "code": st.sampled_from(ODD_NAMES),
        "text": st.sampled_from(ODD_NAMES),
        "list": st.lists(st.sampled_from(("x", "01", "y1")), min_size=1, unique=True).map(", ".join),
        "period": st.sampled_from(("2029-01", "2029-02")),
    }
    return by_kind[column.kind]


@st.composite
def sheets(draw: st.DrawFn) -> dict[str, pd.DataFrame]:
    """Random sheets in which every reference holds."""
    names = {
        sheet: draw(st.lists(st.sampled_from(ODD_NAMES), min_size=1, max_size=4, unique=True))
        for sheet in ("SKUs", "Nodes", "Regions", "Tiers")
    }
    return {sheet.name: _table(draw, sheet.name, sheet.key, names) for sheet in SHEETS}


def _table(draw: st.DrawFn, sheet: str, key: tuple[str, ...], names: dict[str, list[str]]) -> pd.DataFrame:
    count = len(names[sheet]) if sheet in names else draw(st.integers(1 if sheet == "Orders" else 0, 3))
    rows = []
    for number in range(count):
        row = {}
        for column in columns(sheet):
            keep = column.required or draw(st.booleans())
            row[column.name] = draw(value_of(column, names)) if keep else None
        if sheet in names:
            row[key[0]] = names[sheet][number]
        rows.append(row)
    frame = pd.DataFrame(rows, columns=[column.name for column in columns(sheet)], dtype=object)
    return frame.drop_duplicates(subset=list(key)) if key else frame


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(tables=sheets())
def test_any_case(tables: dict[str, pd.DataFrame]) -> None:
    """Random sheets of odd names: if they can be read at all, writing and reading the case changes nothing.

    The checks of meaning are switched off (a random case is rarely sensible); reading and building are not.
    """
    tables = _sensible(tables)
    with tempfile.TemporaryDirectory() as folder, _no_checks():
        path = write_tables(tables, {"start": date(2029, 1, 1)}, Path(folder) / "one.xlsx")
        case = read(path)
        assert len(case.skus) == len(tables["SKUs"])
        assert case.skus["sku"].tolist() == tables["SKUs"]["sku"].tolist()
        same(read(write_case(case, Path(folder) / "two.xlsx")), case)


def _sensible(tables: dict[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """A region for every order line, a place for every node and region, so that nothing is refused for want of them."""
    orders = tables["Orders"]
    orders["region"] = [region or tables["Regions"]["region"].iloc[0] for region in orders["region"]]
    for sheet in ("Nodes", "Regions"):
        for name in ("lat", "lon"):
            tables[sheet][name] = [10.0 if value is None else value for value in tables[sheet][name]]
    return tables


class _no_checks:  # noqa: N801
    """Switches the checks of meaning off."""

    def __enter__(self) -> None:
        from optimizer.reading import reader

        self._kept = reader.check_case
        reader.check_case = lambda case, places: ()  # type: ignore[assignment]

    def __exit__(self, *about: object) -> None:
        from optimizer.reading import reader

        reader.check_case = self._kept


def test_order_and_names_are_nothing(tmp_path: Path) -> None:
    """Shuffled columns and sheets give the same case."""
    shuffled: dict[str, Rows] = {}
    for name, rows in reversed(good().items()):
        order = list(range(len(rows[0])))[::-1]
        shuffled[name] = [[row[at] for at in order] for row in rows]
    same(read(save(tmp_path / "two.xlsx", shuffled)), read_good(tmp_path / "one.xlsx"))
