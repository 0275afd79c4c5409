"""Break one cell of a good workbook: the finding has the exact code, cell and severity, and nothing else goes wrong."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from optimizer.errors import Finding
from optimizer.reading.sheets import columns
from optimizer.reading.typed import required

from .reading_books import broken, day, findings, good, read_good, save

ERROR, WARNING, REPAIR = "error", "warning", "repair"
FOLLOWS = {"B-001", "K-001", "K-007"}  # a name that cannot be read is then missing where others refer to it
NAMES = [
    ("Orders!A3", None, "", "K-011", ERROR),
    ("Orders!C3", "mug-1", "", "K-007", ERROR),
    ("Orders!C3", "МUG-1", "", "K-008", ERROR),  # the first letter is Cyrillic
    ("Orders!C3", "NOPE", "", "B-001", ERROR),
    ("Orders!C3", 123, "", "K-001", ERROR),  # "123" is unknown, "00123" is
    ("Orders!C3", datetime(2026, 3, 1), "d-mmm", "K-002", ERROR),
    ("Orders!C3", True, "", "K-004", ERROR),
    ("Orders!C3", "MUG-1\u00a0", "", "K-006", REPAIR),
    ("Orders!E3", "NN", "", "B-001", ERROR),
    ("SKUs!A3", 123, "00000", "K-001", WARNING),  # shown and read as 00123
    ("SKUs!A2", "MUG\u200e-1", "", "K-012", ERROR),
    ("SKUs!A2", "M" * 256, "", "K-012", ERROR),
    ("SKUs!A2", 100000, "0.00E+00", "K-003", ERROR),
    ("SKUs!A2", 500501, "#,##0", "K-003", ERROR),
    ("SKUs!A2", 4006381333931123, "0", "K-005", ERROR),
    ("SKUs!A2", 12.5, "", "K-001", ERROR),
    ("SKUs!A3", "MUG-1", "", "K-009", ERROR),
    ("SKUs!A3", "MUG-1 ", "", "K-006", ERROR),
    ("SKUs!J3", "Z", "", "B-001", ERROR),
    ("Nodes!I3", "HUBB", "", "B-001", ERROR),
    ("Stock!B2", "WEST", "", "B-001", ERROR),
    ("Demand!A2", "MUG-2", "", "B-001", ERROR),
    ("Campaigns!G2", "N, X", "", "B-001", ERROR),
    ("Supply!B2", "ACMEE", "", "B-001", WARNING),
]
NUMBERS = [
    ("Orders!D3", "#REF!", "", "D-010", ERROR),
    ("Orders!D3", "1,234", "", "D-013", ERROR),
    ("Orders!D3", "1.234,56", "", "D-014", ERROR),
    ("Orders!D3", "1\u202f234,5", "", "D-014", ERROR),
    ("Orders!D3", "12 pcs", "", "D-016", ERROR),
    ("Orders!D3", "10%", "", "D-016", ERROR),
    ("Orders!D3", "(5)", "", "D-016", ERROR),
    ("Orders!D3", "5-", "", "D-016", ERROR),
    ("Orders!D3", "$3.20", "", "D-016", ERROR),
    ("Orders!D3", "inf", "", "D-019", ERROR),
    ("Orders!D3", "nan", "", "D-019", ERROR),
    ("Orders!D3", "1E999", "", "D-019", ERROR),
    ("Orders!D3", True, "", "D-020", ERROR),
    ("Orders!D3", day("2026-01-17"), "", "D-021", ERROR),
    ("Orders!D3", None, "", "D-022", ERROR),
    ("Orders!D3", "   ", "", "D-022", ERROR),
    ("Orders!D3", "17", "", "D-015", WARNING),
    ("Orders!D3", -2, "", "D-023", WARNING),
    ("Orders!D3", 2e9, "", "D-029", ERROR),
    ("SKUs!E3", 1e20, "", "D-029", ERROR),
    ("Nodes!F3", 1e18, "", "D-029", ERROR),
    ("Demand!D2", 2e7, "", "D-031", ERROR),
    ("Settings!B4", 1e20, "", "D-031", ERROR),
    ("SKUs!B3", None, "", "D-022", ERROR),
    ("SKUs!B3", -1, "", "D-024", ERROR),
    ("SKUs!I3", 0.5, "", "D-025", ERROR),
    ("SKUs!I3", 0, "", "D-025", ERROR),
    ("SKUs!E3", 0, "", "D-025", WARNING),
    ("SKUs!K3", 95, "", "D-017", ERROR),
    ("SKUs!K3", 1, "", "D-018", ERROR),
    ("SKUs!K3", 0.4, "", "D-031", ERROR),
    ("Nodes!D3", 95, "", "D-031", ERROR),
    ("Lanes!G2", 97, "", "D-017", ERROR),
]
DATES = [
    ("Orders!B3", "05/03/2026", "", "T-003", ERROR),
    ("Orders!B3", "3 March", "", "T-003", ERROR),
    ("Orders!B3", 46086, "General", "T-001", ERROR),
    ("Orders!B3", "2206-01-01", "", "T-004", ERROR),
    ("Orders!B3", "0026-09-01", "", "T-004", ERROR),
    ("Orders!B3", "2026-02-30", "", "T-004", ERROR),
    ("Orders!B3", "2026-09-01T10:00:00Z", "", "T-006", ERROR),
    ("Orders!B3", datetime(2026, 9, 1, 23, 59, 59), "", "T-006", REPAIR),
    ("Orders!B3", None, "", "D-022", ERROR),
    ("Orders!B3", day("2026-11-02"), "", "T-008", WARNING),
]
WORDS = [
    ("SKUs!F3", "cool", "", "D-030", ERROR),
    ("Nodes!B3", "warehouse", "", "D-030", ERROR),
    ("Regions!F2", "maybe", "", "D-030", ERROR),
    ("Lanes!H2", "ambient, frosty", "", "D-030", ERROR),
    ("Limits!C2", "atmost", "", "D-030", ERROR),
    ("Settings!A4", "perods", "", "S-019", ERROR),
    ("Settings!B4", "three", "", "D-016", ERROR),
    ("Settings!B4", 0, "", "D-031", ERROR),
    ("Settings!B3", 46086, "General", "T-001", ERROR),
]
BUSINESS = [
    ("Orders!F4", None, "", "B-006", ERROR, "Orders!E4"),
    ("Orders!F4", "99999", "", "B-007", ERROR, "Orders!F4"),
    ("SKUs!G4", "freezer", "", "B-010", ERROR, "SKUs!G4"),
    ("SKUs!F3", "frozen", "", "B-010", ERROR, "SKUs!F3"),
    ("SKUs!M3", day("2026-07-01"), "", "B-012", ERROR, "SKUs!M3"),
    ("Nodes!I2", "EAST", "", "B-011", ERROR, "Nodes!I2"),
    ("Nodes!I3", "EAST", "", "B-011", ERROR, "Nodes!I3"),
    ("Nodes!K4", day("2026-10-01"), "", "B-012", ERROR, "Nodes!K4"),
    ("Nodes!C2", "closed", "", "B-023", WARNING, "Stock!B2"),
    ("Regions!E2", 0.5, "", "B-005", WARNING, "Regions!E2"),
    ("Campaigns!C2", day("2026-11-01"), "", "B-013", ERROR, "Campaigns!C2"),
    ("Campaigns!E2", "mug", "", "B-015", ERROR, "Campaigns!E2"),
    ("Tiers!C2", 4, "", "B-014", ERROR, "Tiers!C2"),
    ("Tiers!B3", 0.99, "", "B-018", ERROR, "Tiers!B3"),
    ("Limits!F2", "mugz", "", "B-015", ERROR, "Limits!F2"),
    ("Limits!H2", "N", "", "B-016", ERROR, "Limits!H2"),
    ("Limits!I2", "2026-13", "", "B-015", ERROR, "Limits!I2"),
    ("Demand!E2", "2026-11-15", "", "B-015", ERROR, "Demand!E2"),
    ("Limits!I2", "2027-05", "", "B-024", WARNING, "Limits!I2"),
    ("Demand!E2", "2027-05", "", "B-024", WARNING, "Demand!E2"),
    ("Demand!D2", 1e5, "", "D-027", ERROR, "Demand!D2"),
    ("Supply!A2", "MUG-1", "", "B-017", ERROR, "Supply!A2"),
    ("Supply!B2", None, "", "B-017", ERROR, "Supply!A2"),
]


@pytest.mark.parametrize(("place", "value", "number_format", "code", "severity"), NAMES + NUMBERS + DATES + WORDS)
def test_one_bad_cell(tmp_path: Path, place: str, value: Any, number_format: str, code: str, severity: str) -> None:
    """The broken cell gets the code of the catalogue of faults, and no other cell an error of its own."""
    told = findings(broken(tmp_path / "book.xlsx", place, value, number_format))
    assert (code, severity, place) in {(finding.code, finding.severity, finding.place) for finding in told}
    assert {f.code for f in told if f.severity == "error" and f.place != place} <= FOLLOWS


@pytest.mark.parametrize(("place", "value", "number_format", "code", "severity", "at"), BUSINESS)
def test_one_wrong_meaning(
    tmp_path: Path, place: str, value: Any, number_format: str, code: str, severity: str, at: str
) -> None:
    """A cell that is well formed but cannot be meant is told at the cell the planner has to change."""
    told = findings(broken(tmp_path / "book.xlsx", place, value, number_format))
    assert (code, severity, at) in {(finding.code, finding.severity, finding.place) for finding in told}


@pytest.mark.parametrize(
    ("sheet", "row", "severity", "words"),
    [
        ("Demand", ["MUG-1", "N", 3, 1, "2026-12-01"], ERROR, "the same sku, region, period as row 2"),
        ("Campaigns", ["BF", day("2026-11-20"), day("2026-11-30"), None, "mugs", None, "N", 2], ERROR, "are the same"),
        ("Stock", ["MUG-1", "HUB", 30, None, None], WARNING, "the same in every column as Stock!A2; both are counted"),
        ("Stock", ["MUG-1", "HUB", 31, None, None], WARNING, "the same sku, node and expires as Stock!A2"),
        ("Stock", ["MUG-1", "HUB", 30, None, day("2027-01-01")], "", ""),
    ],
)
def test_a_row_that_stands_twice_is_told(tmp_path: Path, sheet: str, row: list[Any], severity: str, words: str) -> None:
    """K-010: December 1 means the period 2026-12 of row 2; a campaign typed twice would lift demand twice; stock typed
    twice is counted twice, which may be meant; another last day is another batch."""
    sheets = good()
    sheets[sheet].append(row)
    told = [f for f in findings(save(tmp_path / "book.xlsx", sheets)) if f.code == "K-010"]
    assert [(f.severity, f.place) for f in told] == ([(severity, f"{sheet}!A3")] if severity else [])
    assert all(words in f.expectation for f in told)


def test_ambiguous_dates_are_one_finding_per_column(tmp_path: Path) -> None:
    """A column exported as text is wrong in one way: it is told once, with the count and the first cells."""
    sheets = good()
    for row, text in ((1, "09/10/2026"), (2, "09/10/2026"), (4, "10/11/2026"), (5, "30/10/2026")):
        sheets["Orders"][row][1] = text
    sheets["Stock"][1][4] = "01/12/2027"
    told = [f for f in findings(save(tmp_path / "book.xlsx", sheets)) if f.code == "T-003"]
    assert {(f.place, f.value) for f in told} == {("Orders!B2", "09/10/2026"), ("Stock!E2", "01/12/2027")}
    assert len(told) == 2
    assert "(4 cells: B2, B3, B5, B6)" in next(f.expectation for f in told if f.place == "Orders!B2")


@pytest.mark.parametrize("place", ["Demand!E2", "Limits!I2"])
def test_a_past_period_is_no_error(tmp_path: Path, place: str) -> None:
    """A plan rolled on by months keeps the rows of the months behind it: they are left out with a note, not refused,
    and limits of cash, which is that of the first period only, are no exception."""
    path = broken(tmp_path / "book.xlsx", place, "2026-01", "")
    book = openpyxl.load_workbook(path)
    book["Limits"]["B2"] = "purchases" if place == "Limits!I2" else "value"
    book.save(path)
    told = findings(path)
    assert not [f for f in told if f.severity == ERROR]
    assert ("B-024", "note", place) in {(f.code, f.severity, f.place) for f in told}


def test_the_good_workbook_is_good(tmp_path: Path) -> None:
    """Nothing but the estimated lanes is told of the workbook that the other tests break."""
    assert {finding.code for finding in read_good(tmp_path / "good.xlsx").findings} == {"B-020"}


def test_every_fault_is_told_at_once(tmp_path: Path) -> None:
    """Four faults on four sheets give four findings: no bad row hides the next."""
    sheets = good()
    sheets["Orders"][2][3], sheets["SKUs"][1][1], sheets["Nodes"][2][1], sheets["Lanes"][1][0] = "x", None, "y", "z"
    told = findings(save(tmp_path / "book.xlsx", sheets))
    assert [f.place for f in told if f.severity == "error"] == ["SKUs!B2", "Nodes!B3", "Orders!D3", "Lanes!A2"]


def test_hundreds_alike_become_one(tmp_path: Path) -> None:
    """300 lines with one misspelt SKU are one finding that counts them and names the first cells."""
    sheets = good()
    sheets["Orders"] += [["O9", day("2026-10-01"), "MUGG", 1, "N", None, None, None]] * 300
    told = [f for f in findings(save(tmp_path / "book.xlsx", sheets)) if f.severity == "error"]
    assert [(f.code, f.place, f.value) for f in told] == [("B-001", "Orders!C7", "MUGG")]
    assert "300 cells: C7, C8" in told[0].expectation
    assert 'nearest: "MUG-1"' in told[0].expectation


def test_outliers_and_their_acceptance(tmp_path: Path) -> None:
    """A volume 12,000 times the median is an error, 200 times a warning; a listed cell is believed."""
    sheets = good()
    sheets["SKUs"] += [[f"M{n}", 1.0, "mugs", 0.3, 1.0, *[None] * 9] for n in range(6)]
    sheets["SKUs"][-1][4], sheets["SKUs"][-2][4] = 12000.0, 200.0
    path = save(tmp_path / "book.xlsx", sheets)
    told = {(f.place, f.severity) for f in findings(path) if f.code == "D-027"}
    assert told == {("SKUs!E10", "error"), ("SKUs!E9", "warning")}
    assert not [f for f in findings(path, accepted_outliers="SKUs!E10, SKUs!E9") if f.code == "D-027"]


def test_a_least_cost_is_refused(tmp_path: Path) -> None:
    """A floor under the cost would reward waste: the sense of such a limit is refused at its own cell."""
    book = good()
    book["Limits"][1][1:3] = ["cost", "min"]
    found = [f for f in findings(save(tmp_path / "book.xlsx", book)) if f.severity == ERROR]
    assert [(f.code, f.place) for f in found] == [("B-016", "Limits!C2")]


def test_a_wrong_word_is_told_with_the_nearest_choice(tmp_path: Path) -> None:
    """The choices are listed once, the likeliest is offered, and a question keeps its own mark."""
    sheets = good()
    sheets["Limits"][1][1] = "valeu"
    told = [str(finding) for finding in findings(save(tmp_path / "book.xlsx", sheets)) if finding.code == "D-030"]
    assert len(told) == 1
    assert told[0].endswith('change_value. Did you mean "value"?')
    assert told[0].count("on_time_share") == 1
    asked = Finding("S-002", "error", "Region", "", 'did you mean "Regions"?', "Rename it.")
    assert str(asked) == 'S-002 Region: did you mean "Regions"? Rename it.'


def test_a_blank_cell_says_what_belongs_there() -> None:
    """Money may be nothing, a number that is blank is not 0, and a text says what it is for."""
    remedies = {
        ("Approvals", "owner"): "Type who must say yes.",
        ("Orders", "quantity"): "Blank is never 0.",
        ("SKUs", "unit_cost"): "Type 0 if it is free.",
    }
    for (sheet, name), remedy in remedies.items():
        column = next(column for column in columns(sheet) if column.name == name)
        assert required(column).fault.remedy == remedy
