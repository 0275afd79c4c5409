"""The file itself: what is refused before any parser runs, and how sheets and headers are found."""

from __future__ import annotations

import os
import re
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from optimizer.errors import FileRefused, InputChanged, InputInvalid, NodewiseError, UsageError
from optimizer.reading import read, reader
from optimizer.writing.case_workbook import write_case

from .reading_books import Rows, findings, good, read_good, save

SHEET1 = "xl/worksheets/sheet1.xml"


def rebuilt(path: Path, change: Callable[[str, bytes], bytes], extra: dict[str, bytes] | None = None) -> Path:
    """The workbook with its parts passed through ``change``, and further parts added."""
    with zipfile.ZipFile(path) as source:
        parts = {name: source.read(name) for name in source.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
        for name, data in {**parts, **(extra or {})}.items():
            target.writestr(name, change(name, data))
    return path


def same(name: str, data: bytes) -> bytes:
    """No change."""
    return data


def raised(path: Path, kind: type[NodewiseError], **values: Any) -> str:
    """The message of the error that reading raises."""
    with pytest.raises(kind) as caught:
        read(path, **values)
    return str(caught.value)


def test_a_missing_file_is_the_callers_mistake(tmp_path: Path) -> None:
    """F-001 and exit code 2."""
    assert "F-001" in raised(tmp_path / "plan_in.xlsx", UsageError)
    assert UsageError.exit_code == 2


@pytest.mark.parametrize("kind", ["folder", "link", "pipe"])
def test_only_a_regular_file_is_opened(tmp_path: Path, kind: str) -> None:
    """F-018 for a folder, a symbolic link and a pipe, before anything is opened (a pipe would hang)."""
    path = tmp_path / "book.xlsx"
    if kind == "folder":
        path.mkdir()
    elif kind == "link":
        path.symlink_to(save(tmp_path / "other.xlsx", good()))
    else:
        os.mkfifo(path)
    assert "F-018" in raised(path, UsageError)


@pytest.mark.parametrize(
    ("content", "name", "code"),
    [
        (b"", "a.xlsx", "F-002"),
        (b"sku,unit_cost\nA,1\n", "a.xlsx", "F-003"),
        (b"<html></html>", "a.xlsx", "F-003"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "a.xlsx", "F-004"),
        (b"PK\x03\x04 and no more", "a.xlsx", "F-005"),
        (b"PK\x03\x04", "a.xlsb", "F-017"),
    ],
)
def test_what_is_no_workbook(tmp_path: Path, content: bytes, name: str, code: str) -> None:
    """Each kind of wrong file has its own sentence and exit code 3."""
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InputInvalid) as caught:
        read(path)
    assert [finding.code for finding in caught.value.findings] == [code]
    assert caught.value.exit_code == 3


def test_a_truncated_download(tmp_path: Path) -> None:
    """F-005: half of a workbook has no archive directory."""
    path = save(tmp_path / "book.xlsx", good())
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert "F-005" in raised(path, InputInvalid)


def test_a_zip_that_is_no_workbook(tmp_path: Path) -> None:
    """F-003: an archive without a workbook part."""
    path = tmp_path / "book.xlsx"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme.txt", "hello")
    assert "F-003" in raised(path, InputInvalid)


def test_a_flipped_bit_names_the_part(tmp_path: Path) -> None:
    """F-006 names the damaged part: its checksum no longer fits."""
    path = save(tmp_path / "book.xlsx", good())
    with zipfile.ZipFile(path) as archive:
        entry = archive.getinfo(SHEET1)
    data = bytearray(path.read_bytes())
    data[entry.header_offset + 30 + len(SHEET1) + 40] ^= 0xFF
    path.write_bytes(bytes(data))
    message = raised(path, InputInvalid)
    assert "F-006" in message
    assert SHEET1 in message


def test_a_broken_text_table(tmp_path: Path) -> None:
    """F-007: a cell refers to a text that the table does not have."""
    path = write_case(read_good(tmp_path / "good.xlsx"), tmp_path / "book.xlsx")  # with a text table, as Excel's own
    emptied = b'<?xml version="1.0"?><sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"/>'
    rebuilt(path, lambda name, data: emptied if name == "xl/sharedStrings.xml" else data)
    assert "F-007" in raised(path, InputInvalid)


def test_a_list_of_contents_without_the_workbook(tmp_path: Path) -> None:
    """F-006 names the list of contents, [Content_Types].xml, where it does not say which part is the workbook."""

    def lost(name: str, data: bytes) -> bytes:
        return re.sub(rb'<Override[^>]*"/xl/workbook.xml"[^>]*/>', b"", data) if name == "[Content_Types].xml" else data

    path = rebuilt(save(tmp_path / "book.xlsx", good()), lost)
    message = raised(path, InputInvalid)
    assert "F-006" in message
    assert "[Content_Types].xml" in message


def test_a_zip_bomb_is_refused_by_its_directory(tmp_path: Path) -> None:
    """F-008 and exit code 12: 30 MB of blanks pack over 200 to 1."""
    path = rebuilt(save(tmp_path / "book.xlsx", good()), same, {"xl/worksheets/sheet99.xml": b" " * 30_000_000})
    assert "F-008" in raised(path, FileRefused)
    assert FileRefused.exit_code == 12


def test_the_unpacked_size_is_a_setting(tmp_path: Path) -> None:
    """F-008 for a part over max_unpacked_mb that packs badly; with the limit raised the same file is read."""
    filler = {"xl/media/image1.png": os.urandom(3_000_000)}
    path = rebuilt(save(tmp_path / "book.xlsx", good()), same, filler)
    assert "F-008" in raised(path, FileRefused, max_unpacked_mb=2)
    assert len(read(path, max_unpacked_mb=20).skus) == 3


@pytest.mark.parametrize("where", [0, 200])
def test_a_dtd_is_refused(tmp_path: Path, where: int) -> None:
    """F-009: neither at the start of a part nor behind a long comment is a DTD let through."""
    comment = b"<!--" + b"x" * where + b"-->"
    dtd = comment + b'<!DOCTYPE a [<!ENTITY b "c">]>'

    def with_dtd(name: str, data: bytes) -> bytes:
        return data.replace(b"<worksheet", dtd + b"<worksheet", 1) if name == SHEET1 else data

    assert "F-009" in raised(rebuilt(save(tmp_path / "book.xlsx", good()), with_dtd), FileRefused)


def test_another_encoding_is_refused(tmp_path: Path) -> None:
    """F-010: a part in UTF-16 would hide a DTD from the search."""

    def utf16(name: str, data: bytes) -> bytes:
        return data.decode().encode("utf-16") if name == SHEET1 else data

    assert "F-010" in raised(rebuilt(save(tmp_path / "book.xlsx", good()), utf16), FileRefused)


@pytest.mark.parametrize("name", ["../evil.xml", "xl\\evil.xml", "XL/WORKBOOK.XML"])
def test_malformed_member_names_are_refused(tmp_path: Path, name: str) -> None:
    """F-011 for a path that climbs, a backslash, and a name that occurs twice but for its case."""
    path = save(tmp_path / "book.xlsx", good())
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("evil", b"x")
    if name == "XL/WORKBOOK.XML":
        rebuilt(path, same, {name: b"x"})
    else:
        padded = name.encode().ljust(4)
        with zipfile.ZipFile(path, "a") as archive:
            archive.writestr(padded.decode(), b"x")
    if "\\" in name:  # zipfile writes the separator as it is on this system
        assert any("\\" in entry for entry in zipfile.ZipFile(path).namelist())
    assert "F-011" in raised(path, FileRefused)


def test_overlapping_entries_are_refused(tmp_path: Path) -> None:
    """F-011: two directory entries that share the same bytes of the file."""
    path = save(tmp_path / "book.xlsx", good())
    data = bytearray(path.read_bytes())
    first = data.find(b"PK\x01\x02")
    second = data.find(b"PK\x01\x02", first + 4)
    offset = struct.unpack_from("<I", data, first + 42)[0]
    struct.pack_into("<I", data, second + 42, offset)
    path.write_bytes(bytes(data))
    assert "F-011" in raised(path, FileRefused)


def test_the_input_must_stay_what_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """F-014 and exit code 11: the file is rewritten between opening and the end."""
    path = save(tmp_path / "book.xlsx", good())
    about = reader._about_the_file

    def meddling(*given: Any) -> None:
        about(*given)
        save(path, {**good(), "Extra": [["x"]]})

    monkeypatch.setattr(reader, "_about_the_file", meddling)
    assert "F-014" in raised(path, InputChanged)


def codes(path: Path, **values: Any) -> set[tuple[str, str]]:
    """(code, severity) of every finding, estimated lanes aside."""
    return {(f.code, f.severity) for f in findings(path, **values) if f.code != "B-020"}


def test_a_missing_sheet_names_the_nearest(tmp_path: Path) -> None:
    """S-001 for a required sheet, with the sheet that was probably meant."""
    sheets = good()
    sheets["Ordres"] = sheets.pop("Orders")
    del sheets["Demand"]
    sheets["Campaigns"] = sheets["Campaigns"][:1]
    told = [f for f in findings(save(tmp_path / "book.xlsx", sheets)) if f.code == "S-001"]
    assert len(told) == 1
    assert 'Did you mean "Ordres"?' in told[0].remedy


@pytest.mark.parametrize("name", ["SKUs", "Nodes", "Regions", "Orders", "Tiers"])
def test_a_misspelt_sheet_is_the_only_thing_told(tmp_path: Path, name: str) -> None:
    """Every reference to a sheet that cannot be found would be unknown: one error, about the sheet, says it all. So it
    is when the sheet's header is lost."""
    sheets = good()
    sheets[f"{name}x"] = sheets.pop(name)
    error = ("S-002" if name == "Tiers" else "S-001", "error")
    assert [code for code in codes(save(tmp_path / "name.xlsx", sheets)) if code[1] == "error"] == [error]
    sheets = good()
    sheets[name][0] = [f"column {at}" for at in range(len(sheets[name][0]))]
    assert [code for code in codes(save(tmp_path / "header.xlsx", sheets)) if code[1] == "error"] == [
        ("S-006", "error")
    ]


@pytest.mark.parametrize(
    ("place", "header", "meant"),
    [("D1", "weight_lb", "weight_kg"), ("E1", "Volume (cm3)", "volume_l")],
)
def test_a_column_in_another_unit_is_not_to_be_renamed(tmp_path: Path, place: str, header: str, meant: str) -> None:
    """D-028: weight_lb is two letters from weight_kg; the advice is to convert the figures, not just to rename it."""
    sheets = good()
    sheets["SKUs"][0][ord(place[0]) - ord("A")] = header
    (told,) = [f for f in findings(save(tmp_path / "book.xlsx", sheets)) if f.severity == "error"]
    assert (told.code, told.place) == ("D-028", f"SKUs!{place}")
    assert told.remedy == f"Convert the figures, then name it {meant}."


@pytest.mark.parametrize(("header", "wrong"), [("unit_cost_usd", "USD"), ("Unit cost [$]", "$"), ("Unit cost (€)", "")])
def test_money_in_another_currency(tmp_path: Path, header: str, wrong: str) -> None:
    """D-028, the one error: the workbook is in EUR; a header that names EUR is unknown, but in no other currency."""
    sheets = good()
    sheets["SKUs"][0][1] = header
    errors = [f for f in findings(save(tmp_path / "book.xlsx", sheets)) if f.severity == "error"]
    if wrong:
        assert [(f.code, f.place) for f in errors] == [("D-028", "SKUs!B1")]
        assert f"in another currency, {wrong}; the setting currency is EUR" in errors[0].expectation
    else:
        assert [f.code for f in errors] == ["S-008"]


def test_a_near_miss_of_an_optional_sheet_is_an_error(tmp_path: Path) -> None:
    """All lanes would silently be ignored on a sheet called Lane."""
    sheets = good()
    sheets["Lane"] = sheets.pop("Lanes")
    assert ("S-002", "error") in codes(save(tmp_path / "book.xlsx", sheets))


def test_sheet_names_are_read_without_regard_to_case(tmp_path: Path) -> None:
    """'skus ' is SKUs, as a listed repair; two that match are refused (S-003)."""
    sheets = good()
    sheets["skus "] = sheets.pop("SKUs")
    assert codes(save(tmp_path / "one.xlsx", sheets)) == {("S-002", "repair")}
    sheets["SKU S"] = sheets["skus "]
    assert ("S-003", "error") in codes(save(tmp_path / "two.xlsx", sheets))


def changed_header(change: Callable[[Rows], Any]) -> dict[str, Rows]:
    """The good sheets with the SKUs sheet changed."""
    sheets = good()
    change(sheets["SKUs"])
    return sheets


@pytest.mark.parametrize(
    ("change", "code", "severity"),
    [
        (lambda rows: rows[0].__setitem__(1, "cost"), "S-008", "error"),
        (lambda rows: rows[0].__setitem__(1, " Unit\n Cost "), "S-015", "repair"),
        (lambda rows: rows[0].__setitem__(3, "unit_cost"), "S-007", "error"),
        (lambda rows: rows[0].__setitem__(3, "wieght_kg"), "S-009", "error"),
        (lambda rows: rows[0].__setitem__(3, "colour"), "S-009", "note"),
        (lambda rows: rows.insert(0, ["Catalogue 2026"]), "S-006", "note"),
        (lambda rows: rows.append(list(rows[0])), "S-006", "error"),
        (lambda rows: rows.__delitem__(slice(1, None)), "S-014", "error"),
        (lambda rows: rows.clear(), "S-014", "error"),
        (lambda rows: rows.append(["Total", 99.0]), "S-013", "error"),
        (lambda rows: rows.insert(2, []), "S-012", "warning"),
        (lambda rows: rows.extend([[]] * 1500 + [["far", 1.0]]), "F-012", "error"),
    ],
)
def test_headers_and_rows(tmp_path: Path, change: Callable[[Rows], Any], code: str, severity: str) -> None:
    """What may be wrong with the shape of a table has its own code."""
    assert (code, severity) in codes(save(tmp_path / "book.xlsx", changed_header(change)))


def test_a_header_further_down_keeps_excels_rows(tmp_path: Path) -> None:
    """With three rows and a column before the table, a fault is still told at Excel's own cell."""
    sheets = good()
    sheets["SKUs"] = [[], ["x"], [], *([None, *row] for row in sheets["SKUs"])]
    sheets["SKUs"][4][2] = "?"
    told = [f for f in findings(save(tmp_path / "book.xlsx", sheets)) if f.code == "D-016"]
    assert [f.place for f in told] == ["SKUs!C5"]


def test_merged_hidden_and_uncalculated_cells(tmp_path: Path) -> None:
    """S-011, S-005, S-004, D-011 and D-012 come from the raw sheet, which values alone do not show."""
    path = save(tmp_path / "book.xlsx", good())
    book = openpyxl.load_workbook(path)
    book["Orders"].merge_cells("A2:A3")
    book["Regions"].row_dimensions[2].hidden = True
    book["Stock"].sheet_state = "hidden"
    book["SKUs"]["B2"] = "=1+3.5"
    book.calculation.calcMode = "manual"
    book.save(path)
    told = {(f.code, f.place) for f in findings(path)}
    assert {("S-011", "Orders!A2:A3"), ("S-005", "Regions!2:2"), ("S-004", "Stock"), ("D-011", "SKUs!B2")} <= told
    assert ("D-012", "book.xlsx") in told


def test_a_stale_dimension_loses_no_rows(tmp_path: Path) -> None:
    """A <dimension> that says A1:B2 hides the third SKU from a naive read-only reader."""

    def stale(name: str, data: bytes) -> bytes:
        return re.sub(rb'<dimension ref="[^"]*"', b'<dimension ref="A1:B2"', data)

    path = rebuilt(save(tmp_path / "book.xlsx", good()), stale)
    assert list(read(path).skus["sku"]) == ["MUG-1", "00123", "TEA"]


def test_a_repeated_row_is_told(tmp_path: Path) -> None:
    """S-017: the same row number twice; a reader would keep the last."""

    def twice(name: str, data: bytes) -> bytes:
        return data.replace(b'<row r="3"', b'<row r="2"') if name == "xl/worksheets/sheet2.xml" else data

    assert ("S-017", "error") in codes(rebuilt(save(tmp_path / "book.xlsx", good()), twice))


def test_a_1904_workbook_keeps_its_days(tmp_path: Path) -> None:
    """T-002: dates of a workbook that counts from 1904 are read as shown, with a warning."""
    path = save(tmp_path / "book.xlsx", good())
    book = openpyxl.load_workbook(path)
    book.epoch = openpyxl.utils.datetime.CALENDAR_MAC_1904
    book.save(path)
    case = read(path)
    assert str(case.orders["date"].iloc[0].date()) == "2026-09-01"
    assert "T-002" in {finding.code for finding in case.findings}
