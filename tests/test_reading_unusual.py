"""Order lines that are odd beside all others: what is told of them, and what is not."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from pathlib import Path

import pytest

from optimizer.errors import Finding

from .reading_books import findings, good, save

HEADER = "order_id,date,sku,quantity,region"
FIRST = date(2026, 1, 1)


def told(folder: Path, days: Iterable[int], *more: str, start: str = "2026-11-01", **settings: str) -> list[Finding]:
    """The findings about a file with one mug sold on each of these days of 2026, and further lines below."""
    sheets = good()
    rows = {"start": date.fromisoformat(start) if start else None, "periods": 2}
    sheets["Settings"] = [["setting", "value"], *([name, value] for name, value in rows.items() if value)]
    sheets["Limits"], sheets["Demand"] = sheets["Limits"][:1], sheets["Demand"][:1]
    lines = [f"O{day},{FIRST + timedelta(day)},MUG-1,1,N" for day in days]
    orders = folder / "orders.csv"
    orders.write_text("\n".join([HEADER, *lines, *more]) + "\n", encoding="utf-8")
    found = findings(save(folder / "book.xlsx", sheets), orders=orders, **settings)
    return [finding for finding in found if finding.code in ("T-007", "T-009", "D-026", "K-010")]


def test_orders_up_to_the_start_are_nothing_unusual(tmp_path: Path) -> None:
    """An order a day until October 31 and a plan from November 1; one every 10 days is as regular as one a day."""
    assert told(tmp_path, range(304)) == []
    assert told(tmp_path, range(0, 304, 9)) == []


def test_a_history_that_ends_too_soon_is_told_with_its_last_order(tmp_path: Path) -> None:
    """T-007: a shop with an order a day has none from October 23 to 31; told not, where history_until says so."""
    (found,) = told(tmp_path, range(295))
    assert (found.code, found.severity, found.place, found.value) == (
        "T-007",
        "warning",
        "orders.csv!B296",
        "2026-10-22",
    )
    assert "no orders in the 9 days" in found.expectation
    assert "history_until=2026-10-22" in found.remedy
    assert told(tmp_path, range(295), history_until="2026-10-22") == []


def test_gaps_within_history_are_counted_in_one_note(tmp_path: Path) -> None:
    """T-007: 20 days and 8 days without an order; a weekend without is none."""
    days = {*range(304)} - {*range(100, 120)} - {*range(200, 208)} - {250, 251}
    (found,) = told(tmp_path, sorted(days))
    assert (found.code, found.severity, found.value) == ("T-007", "note", "2026-05-01")
    assert "no orders in the 20 days before it (2 such gaps, 28 days)" in found.expectation


@pytest.mark.parametrize("start", ["", "2026-11-01"])
def test_a_mistyped_year_does_not_decide_the_start(tmp_path: Path, start: str) -> None:
    """T-009: one order in 2036 would put the start there; where the start is given, the order is left out (T-008)."""
    found = told(tmp_path, range(304), "X,2036-10-31,MUG-1,1,N", start=start)
    expected = [("T-009", "error", "orders.csv!B306", "2036-10-31")] if not start else []
    assert [(f.code, f.severity, f.place, f.value) for f in found] == expected


def test_a_mistyped_year_does_not_begin_history_unseen(tmp_path: Path) -> None:
    """T-007: one order of 2006 puts twenty years without sales before the others, and is told as that, not as a gap."""
    (found,) = told(tmp_path, range(304), "X,2006-10-31,MUG-1,1,N")
    assert (found.code, found.severity, found.place) == ("T-007", "warning", "orders.csv!B306")
    assert told(tmp_path, range(304), "X,2006-10-31,MUG-1,1,N", history_from="2026-01-01") == []


def test_a_fraction_among_whole_units_is_told(tmp_path: Path) -> None:
    """D-026: half a mug, where all others are whole; tea that goes by the half more often is sold so."""
    tea = [f"T{day},{FIRST + timedelta(day)},TEA,{0.5 * (1 + day % 2)},N" for day in range(300)]
    (found,) = told(tmp_path, range(304), "X,2026-10-01,MUG-1,12.5,N", *tea)
    assert (found.code, found.severity, found.place, found.value) == ("D-026", "warning", "orders.csv!D306", "12.5")
    accepted = {"accepted_outliers": "orders.csv!D306"}
    assert told(tmp_path, range(304), "X,2026-10-01,MUG-1,12.5,N", *tea, **accepted) == []


def test_an_export_joined_to_itself_is_told(tmp_path: Path) -> None:
    """K-010: 304 lines below 304 copies of them; told not, where one of them differs from its copy."""
    lines = [f"O{day},{FIRST + timedelta(day)},MUG-1,1,N" for day in range(304)]
    (found,) = told(tmp_path, range(304), *lines)
    assert (found.code, found.severity, found.place, found.value) == ("K-010", "warning", "orders.csv!A306", "O0")
    assert "every line stands twice (608 lines" in found.expectation
    assert told(tmp_path, range(304), *lines[:-1], lines[-1].replace(",1,N", ",2,N")) == []
