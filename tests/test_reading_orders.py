"""Orders by the million: the fast ways must say exactly what the slow way says."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd
import polars as pl
import pytest

from optimizer.case import Case
from optimizer.errors import FileRefused, InputInvalid, UsageError
from optimizer.reading import read, workbook
from optimizer.reading.big_sheet import read_big_sheet
from optimizer.writing.case_workbook import write_case

from .conftest import ROOT
from .reading_books import broken, findings, good, read_good, save

HEADER = "order_id,date,sku,quantity,region,postcode,channel,status"
LINES = (
    "O1,2026-09-01,MUG-1,2,N,,web,shipped",
    "O1,2026-09-01,00123,1,N,,web,",
    "O2,2026-09-15,MUG-1,1,,21000,app,",
    "O3,2026-10-02,TEA,4,S,,,",
    "O4,2026-10-30,MUG-1,3,S,,,shipped",
)


def text(path: Path, *rows: str, header: str = HEADER) -> Path:
    """An orders file of these lines."""
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


def same_orders(one: Case, two: Case) -> None:
    """The order lines of two cases are equal in every column, type and category."""
    pd.testing.assert_frame_equal(one.orders, two.orders)


def test_a_giant_line_is_told_unless_accepted(tmp_path: Path) -> None:
    """MUG-1 sells 1, 2 and 3 at a time (median 2): a line of 2,000 is 1,000 times that and more than the other 6 units,
    one of 1,999 is not told; nor is the only line of TEA (4 units), which is all that it sells."""

    def told(quantity: int, **settings: str) -> list[str]:
        lines = text(
            tmp_path / "orders.csv", *LINES, f"O5,2026-10-31,MUG-1,{quantity},S,,,", "O6,2026-10-01,MUG-1,2,N,,,"
        )
        found = findings(save(tmp_path / "book.xlsx", good()), orders=lines, **settings)
        return [finding.place for finding in found if (finding.code, finding.severity) == ("D-027", "warning")]

    assert told(2000) == ["orders.csv!D7"]
    assert told(1999) == []
    assert told(2000, accepted_outliers="Orders!D7") == []


def test_a_file_gives_the_same_lines_as_the_sheet(tmp_path: Path) -> None:
    """The same five lines as sheet, CSV, CSV.gz and Parquet make the same table."""
    book = save(tmp_path / "book.xlsx", good())
    expected = read(book)
    plain = text(tmp_path / "orders.csv", *LINES)
    packed = tmp_path / "orders.csv.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    frame = pl.read_csv(plain, infer_schema=False).with_columns(
        pl.col("date").str.to_date(), pl.col("quantity").cast(pl.Int32)
    )
    frame.write_parquet(tmp_path / "orders.parquet")
    for path in (plain, packed, tmp_path / "orders.parquet"):
        case = read(book, orders=path)
        same_orders(case, expected)
        assert case.source["orders_path"] == str(path)


def test_semicolons_blank_lines_and_a_byte_order_mark(tmp_path: Path) -> None:
    """An export of a European Excel: BOM, semicolons, a blank line; columns in another order and case."""
    rows = ["Quantity;SKU;Date;Order ID;Region", "2;MUG-1;2026-09-01;O1;N", "", "1;00123;2026-09-01;O1;N"]
    path = tmp_path / "orders.csv"
    path.write_bytes(b"\xef\xbb\xbf" + "\r\n".join(rows).encode())
    case = read(save(tmp_path / "book.xlsx", good()), orders=path)
    assert case.orders[["order_id", "sku", "quantity"]].astype(str).to_numpy().tolist() == [
        ["O1", "MUG-1", "2.0"], ["O1", "00123", "1.0"],
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("line", "code", "letter"),
    [
        ("O9,05/03/2026,TEA,1,S,,,", "T-003", "B"),
        ("O9,2026-09-01T10:00:00+01:00,TEA,1,S,,,", "T-006", "B"),
        ("O9,46086,TEA,1,S,,,", "T-003", "B"),
        (",2026-09-01,TEA,1,S,,,", "K-011", "A"),
        ("O9,2026-09-01,tea,1,S,,,", "K-007", "C"),
        ("O9,2026-09-01,123,1,S,,,", "K-001", "C"),
        ('O9,2026-09-01,TEA,"1,5",S,,,', "D-014", "D"),
        ('O9,2026-09-01,TEA,"1,500",S,,,', "D-013", "D"),
        ("O9,2026-09-01,TEA,,S,,,", "D-022", "D"),
        ("O9,2026-09-01,TEA,1 pc,S,,,", "D-016", "D"),
        ("O9,2026-09-01,TEA,3e9,S,,,", "D-029", "D"),
        ("O9,2026-09-01,TEA,1,Q,,,", "B-001", "E"),
        ("O9,2026-09-01,TEA,1,,,,", "B-006", "E"),
        ("O9,2026-09-01,TEA,1,,77,,", "B-007", "F"),
        ("Total,,,11,,,,", "S-013", "A"),
    ],
)
def test_a_bad_line_is_told_at_its_place(tmp_path: Path, line: str, code: str, letter: str) -> None:
    """Row and column as Excel would show the file; one fault, one finding."""
    path = text(tmp_path / "orders.csv", *LINES, line)
    told = [f for f in findings(save(tmp_path / "book.xlsx", good()), orders=path) if f.severity == "error"]
    assert [(f.code, f.place) for f in told] == [(code, f"orders.csv!{letter}7")]


def test_extra_columns_are_reported_only(tmp_path: Path) -> None:
    """Columns the contract does not know are a note; a near miss of an optional one is a warning in a file."""
    header = HEADER.replace("channel", "chanel") + ",store"
    path = text(tmp_path / "orders.csv", *(f"{line},7" for line in LINES), header=header)
    told = {(f.code, f.severity, f.place) for f in findings(save(tmp_path / "b.xlsx", good()), orders=path)}
    assert ("S-009", "warning", "orders.csv!G1") in told
    assert ("S-009", "note", "orders.csv") in told


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "F-002"),
        (HEADER.encode() + b"\nO1,2026-09-01,M\xfcG,1,N,,,\n", "F-021"),
        (HEADER.encode("utf-16"), "F-021"),
        (gzip.compress(b"x" * 100_000)[:-20], "F-005"),
        (b"PAR1 broken", "F-005"),
        (f"{HEADER}\n{LINES[0]}\n{LINES[1]},more,fields\n".encode(), "F-020"),
        (HEADER.encode() + b"\n", "S-014"),
        (b"nothing,known\n1,2\n", "S-006"),
        (b"order_id,date,quantity\nO1,2026-09-01,1\n", "S-008"),
    ],
)
def test_what_is_no_orders_file(tmp_path: Path, content: bytes, code: str) -> None:
    """Each kind of wrong file has its own code and exit code 3."""
    path = tmp_path / "orders.csv"
    path.write_bytes(content)
    with pytest.raises(InputInvalid) as caught:
        read(save(tmp_path / "book.xlsx", good()), orders=path)
    assert code in {finding.code for finding in caught.value.findings}


def test_files_that_are_refused(tmp_path: Path) -> None:
    """A missing file and a workbook are the caller's mistake; a gzip bomb is refused."""
    book = save(tmp_path / "book.xlsx", good())
    for path in (tmp_path / "no.csv", book):
        with pytest.raises(UsageError):
            read(book, orders=path)
    bomb = tmp_path / "bomb.csv.gz"
    bomb.write_bytes(gzip.compress(b"0" * 40_000_000))
    with pytest.raises(FileRefused, match="F-008"):
        read(book, orders=bomb)


@pytest.fixture
def always_fast(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Every Orders sheet counts as large; the list says for each whether the fast reader took it."""
    from optimizer.reading import reader

    taken: list[bool] = []

    def watched(*given: Any) -> Any:
        raw = read_big_sheet(*given)
        taken.append(raw is not None)
        return raw

    monkeypatch.setattr(workbook, "_LARGE", 0)
    monkeypatch.setattr(reader, "read_big_sheet", watched)
    return taken


def test_the_fast_reader_says_what_the_slow_one_says(tmp_path: Path, always_fast: list[bool]) -> None:
    """The good Orders sheet through both readers: the same table, and the fast one was really used."""
    path = save(tmp_path / "book.xlsx", good())
    fast = read(path)
    assert always_fast == [True]
    same_orders(fast, read(path, orders=text(tmp_path / "orders.csv", *LINES)))


@pytest.mark.parametrize(
    ("place", "value", "number_format", "taken", "code"),
    [
        ("Orders!C3", 123, "00000", False, "K-001"),  # one number among text: cell by cell
        ("Orders!D3", "#REF!", "", False, "D-010"),
        ("Orders!D3", True, "", False, "D-020"),
        ("Orders!D3", "12 pcs", "", False, "D-016"),
        ("Orders!B3", "05/03/2026", "", False, "T-003"),
        ("Orders!D3", None, "", True, "D-022"),
        ("Orders!C3", "mug-1", "", True, "K-007"),
        ("Orders!D3", -2, "", True, "D-023"),
        ("Orders!A6", "Total", "", True, "S-013"),
    ],
)
def test_faults_of_a_large_sheet(
    tmp_path: Path, always_fast: list[bool], place: str, value: Any, number_format: str, taken: bool, code: str
) -> None:
    """What the fast reader would blank or lose is left to the slow one; the finding is at the same cell either way."""
    told = findings(broken(tmp_path / "book.xlsx", place, value, number_format))
    assert always_fast == [taken]
    assert (code, place) in {(finding.code, finding.place) for finding in told}


def test_numbers_as_names_in_a_large_sheet(tmp_path: Path, always_fast: list[bool]) -> None:
    """A column of numeric order ids is read as digits by the fast reader too, with the one warning."""
    sheets = good()
    for number, row in enumerate(sheets["Orders"][1:], 1000):
        row[0] = number
    case = read(save(tmp_path / "book.xlsx", sheets))
    assert always_fast == [True]
    assert case.orders["order_id"].astype(str).tolist() == ["1000", "1001", "1002", "1003", "1004"]
    assert [f.place for f in case.findings if f.code == "K-001"] == ["Orders!A2"]


def test_rows_of_a_large_sheet_are_excels_own(tmp_path: Path, always_fast: list[bool]) -> None:
    """Blank rows inside the table do not shift the places of later faults."""
    sheets = good()
    sheets["Orders"][5][2] = "NOPE"
    sheets["Orders"][2:2] = [[], []]
    told = [f.place for f in findings(save(tmp_path / "book.xlsx", sheets)) if f.severity == "error"]
    assert always_fast == [True]
    assert told == ["Orders!C8"]


def test_a_dead_reader_process_is_a_sentence(tmp_path: Path, always_fast: list[bool], monkeypatch: Any) -> None:
    """When the child aborts (as on a hostile file) the parent lives and names the part (F-006)."""
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(InputInvalid, match="F-006"):
        read(save(tmp_path / "book.xlsx", good()))


def iowa_book(shared: Path, path: Path) -> Path:
    """SKUs and regions of the Iowa data with two nodes; SKUs missing from the catalogue are added."""
    folder = shared / "data" / "iowa_liquor"
    skus = pd.read_csv(folder / "skus.csv.gz", dtype={"sku": str})
    sold = pl.read_csv(folder / "orders.csv.gz", columns=["sku"], infer_schema=False)["sku"].unique(maintain_order=True)
    lost = [sku for sku in sold.to_list() if sku not in set(skus["sku"])]
    regions = pd.read_csv(folder / "regions.csv", dtype={"region": str})
    book = openpyxl.Workbook()
    page = book.active
    page.title = "SKUs"
    page.append(["sku", "unit_cost", "category"])
    for row in skus[["sku", "unit_cost", "category"]].itertuples(index=False):
        page.append([row.sku, max(float(row.unit_cost), 0.01), row.category if isinstance(row.category, str) else None])
    for sku in lost:
        page.append([sku, 10.0, None])
    page = book.create_sheet("Regions")
    page.append(["region", "lat", "lon"])
    for row in regions.itertuples(index=False):
        page.append([row.region, row.lat, row.lon])
    page = book.create_sheet("Nodes")
    for row in (["node", "type", "lat", "lon"], ["DSM", "central", 41.6, -93.6], ["CID", "regional", 42.0, -91.6]):
        page.append(row)
    book.save(path)
    return path


MEASURE = """
import json, resource, sys, time
import optimizer
began, cpu = time.perf_counter(), time.process_time()
case = optimizer.read(sys.argv[1], orders=sys.argv[2])
usage = resource.getrusage(resource.RUSAGE_SELF)
print(json.dumps({"lines": len(case.orders), "units": float(case.orders["quantity"].sum()),
    "skus": int(case.orders["sku"].nunique()), "cpu": time.process_time() - cpu, "mb": usage.ru_maxrss / 1024}))
"""


def test_two_and_a_half_million_lines(shared: Path, tmp_path: Path) -> None:
    """All Iowa lines are read and checked in under 20 s of processor time and 2 GiB, and none is lost on the way."""
    orders = shared / "data" / "iowa_liquor" / "orders.csv.gz"
    book = iowa_book(shared, tmp_path / "iowa.xlsx")
    run = subprocess.run(
        [sys.executable, "-c", MEASURE, str(book), str(orders)],
        check=True, capture_output=True, text=True, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    seen = json.loads(run.stdout.splitlines()[-1])
    raw = pl.read_csv(orders, columns=["sku", "quantity"], schema_overrides={"sku": pl.String})
    sold = raw.filter(pl.col("quantity") > 0)
    assert (seen["lines"], seen["units"], seen["skus"]) == (
        sold.height, float(sold["quantity"].sum()), sold["sku"].n_unique(),
    )  # fmt: skip
    assert seen["cpu"] < 20
    assert seen["mb"] < 2048


def test_orders_written_and_read_again(tmp_path: Path) -> None:
    """A written case reads back with the same lines (the general property stands in test_reading_roundtrip)."""
    case = read_good(tmp_path / "book.xlsx")
    same_orders(read(write_case(case, tmp_path / "again.xlsx")), case)
