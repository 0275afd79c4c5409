"""The blank workbook: everything the contract knows, explained, with lists to pick from, and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import openpyxl
import pytest

from optimizer.errors import InputInvalid, WriteFailed
from optimizer.reading import read
from optimizer.reading.sheets import SHEETS, columns
from optimizer.settings import ONLY_OPTIONS, RECORDS, Settings
from optimizer.writing.template import write_template

from .reading_books import good


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The blank workbook, opened."""
    return openpyxl.load_workbook(write_template(tmp_path_factory.mktemp("blank") / "blank.xlsx"))


@pytest.mark.parametrize("sheet", [sheet.name for sheet in SHEETS])
def test_every_sheet_has_its_headers_and_no_rows(book: Any, sheet: str) -> None:
    """Row 1 holds the contract's columns in order, each with a note; there is no row 2."""
    page = book[sheet]
    assert [cell.value for cell in page[1]] == [column.name for column in columns(sheet)]
    assert page.max_row == 1
    for cell, column in zip(page[1], columns(sheet), strict=True):
        assert column.expectation in cell.comment.text


@pytest.mark.parametrize("sheet", [sheet.name for sheet in SHEETS])
def test_choices_can_be_picked(book: Any, sheet: str) -> None:
    """Every column with a fixed set of words has a drop-down list of exactly these words."""
    lists = {
        str(rule.sqref).split(":")[0]: rule.formula1.strip('"').split(",")
        for rule in book[sheet].data_validations.dataValidation
    }
    expected = {
        f"{openpyxl.utils.get_column_letter(at)}2": ["yes", "no"] if column.kind == "flag" else list(column.choices)
        for at, column in enumerate(columns(sheet), 1)
        if column.choices or column.kind == "flag"
    }
    assert lists == expected


def test_names_are_kept_as_text(book: Any) -> None:
    """Columns of names are formatted as text, so that Excel keeps leading zeros."""
    for sheet in SHEETS:
        widths = book[sheet.name].column_dimensions.values()
        text = {at for width in widths if width.number_format == "@" for at in range(width.min, width.max + 1)}
        codes = {at for at, column in enumerate(columns(sheet.name), 1) if column.kind == "code"}
        assert codes <= text


def test_everything_is_explained(book: Any) -> None:
    """One row per sheet and column on the Explanations sheet, and no meaning blank."""
    rows = list(book["Explanations"].iter_rows(min_row=2, values_only=True))
    named = {(row[0], row[1]) for row in rows if row[1]}
    assert named == {(sheet.name, column.name) for sheet in SHEETS for column in columns(sheet.name)}
    assert all(row[6] for row in rows)


def test_settings_stand_at_their_defaults(book: Any, tmp_path: Path) -> None:
    """The Settings sheet lists every setting; read back it gives the defaults."""
    names = [row[0] for row in book["Settings"].iter_rows(min_row=2, values_only=True)]
    assert names == [name for name in RECORDS if name not in ONLY_OPTIONS]
    for sheet, rows in good().items():
        if sheet in ("SKUs", "Nodes", "Regions", "Orders"):
            for row in rows[1:]:
                values = dict(zip(rows[0], row, strict=True))
                book[sheet].append([values.get(column.name) for column in columns(sheet)])
    book["SKUs"]["R2"] = None
    path = tmp_path / "filled.xlsx"
    book.save(path)
    case = read(path)
    assert case.settings == Settings().with_values(start=case.settings.start)
    assert len(case.skus) == 3


def test_a_blank_workbook_is_no_input_yet(tmp_path: Path) -> None:
    """Each required sheet is told to have no rows; nothing else is wrong with it."""
    with pytest.raises(InputInvalid) as caught:
        read(write_template(tmp_path / "blank.xlsx"))
    told = {(finding.code, finding.place) for finding in caught.value.findings}
    assert told == {("S-014", sheet.name) for sheet in SHEETS if sheet.required}


def test_it_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    """A folder that is not there: WriteFailed, and nothing is left behind."""
    with pytest.raises(WriteFailed):
        write_template(tmp_path / "no" / "blank.xlsx")
    assert list(tmp_path.iterdir()) == []
