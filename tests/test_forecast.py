"""``nodewise forecast``: held-out errors by hand, nothing seen ahead of time, tables, workbook and command."""

from __future__ import annotations

import json
import re
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import openpyxl
import pandas as pd
import pytest

from models.spread import quantile
from optimizer.assembly import assembly_findings
from optimizer.case import Case
from optimizer.cli import main
from optimizer.errors import UsageError
from optimizer.forecast import forecast
from optimizer.forecasting import forecast as expected_rates
from optimizer.forecasting import outages_of
from optimizer.tables.forecasts import SHEETS

from . import small
from .cases import case_of, orders, scenario

DAYS = pd.date_range("2025-10-08", "2026-12-31")  # 450 days
LAST = pd.date_range("2026-12-04", "2026-12-31")  # the last 28 of them


def two_skus(jump: float = 2.0) -> Case:
    """EVEN sells 2 a day for 450 days; STEP 1 a day, and ``jump`` more in the last 28 days."""
    lines = orders("EVEN", "E", DAYS, 2.0) + orders("STEP", "E", DAYS, 1.0)
    extra = [{**line, "order_id": "more-" + line["order_id"]} for line in orders("STEP", "E", LAST, jump)]
    return case_of(
        {"periods": 2},
        skus=[{"sku": "EVEN", "unit_cost": 1, "tier": "A"}, {"sku": "STEP", "unit_cost": 1, "tier": "B"}],
        nodes=[{"node": "HUB", "type": "central", "lat": 40, "lon": -100}],
        regions=[{"region": "E", "lat": 40, "lon": -90}],
        lanes=[{"node": "HUB", "region": "E", "cost_per_parcel": 1, "cost_per_kg": 0, "transit_days": 1}],
        orders=lines + extra,
    )


def test_error_is_that_of_the_held_out_days() -> None:
    """Blocks of 28, 28 and 84 units of STEP, each forecast as 28 from before: 56 of 140 missed, as the naive ones do.

    EVEN is forecast, repeated and remembered without a miss. In all 56 of 140 + 168 units.
    """
    found = forecast(two_skus())
    table = found.skus.set_index("sku")
    assert table["tested_units"].tolist() == [168.0, 140.0]
    for column in ("error", "naive_error", "seasonal_error"):
        assert table[column].to_numpy() == pytest.approx([0.0, 0.4]), column
    assert table["bias"].to_numpy() == pytest.approx([0.0, -0.4])
    summary = found.summary.set_index(["section", "item"])
    assert summary.loc[("all", "all SKUs"), "error"] == pytest.approx(56 / 308)
    assert summary.loc[("tier", "B"), "error"] == pytest.approx(0.4)
    assert summary.loc[("all", "all SKUs"), "last_28_days"] == pytest.approx(5.0)


def test_held_out_days_are_not_seen() -> None:
    """A flood of orders in the last 28 days changes no held-out forecast, but the forecast to come."""
    calm, wild = forecast(two_skus()), forecast(two_skus(500.0))
    assert wild.held_out.said.tolist() == calm.held_out.said.tolist()
    assert wild.skus["units_per_day"].iloc[1] > 5 * calm.skus["units_per_day"].iloc[1]


def test_seasonal_error_needs_a_year() -> None:
    """With 300 days of history nothing is known of the days a year before: blank, and the headline says so."""
    case = two_skus()
    late = case.orders["date"] >= pd.Timestamp("2026-03-07")
    found = forecast(Case(**{**vars(case), "orders": case.orders[late].reset_index(drop=True)}))
    assert found.skus["seasonal_error"].isna().all()
    assert "seasonal naive not known" in found.headline[-1]


def test_short_history_is_not_held_out() -> None:
    """Eighty days leave 52 before a block: no error is shown, and the headline says why."""
    case = two_skus()
    late = case.orders["date"] > pd.Timestamp("2026-12-31") - pd.Timedelta(days=80)
    found = forecast(Case(**{**vars(case), "orders": case.orders[late].reset_index(drop=True)}))
    assert found.held_out.first.size == 0
    assert found.skus["error"].isna().all()
    assert "too short" in found.headline[-1]


def test_series_hold_the_weeks_sold_and_to_come() -> None:
    """64 whole weeks of 14 units, the last 12 with their held-out forecast of 14, then 8 weeks of 14 to come."""
    found = forecast(two_skus(0.0))
    weeks = found.series_of(found.positions(["EVEN"]))
    past, coming = weeks[weeks["sold"].notna()], weeks[weeks["sold"].isna()]
    assert (len(past), len(coming)) == (64, 8)
    assert past["sold"].to_numpy() == pytest.approx(np.full(64, 14.0))
    assert past["forecast"].dropna().to_numpy() == pytest.approx(np.full(12, 14.0))
    assert coming["forecast"].to_numpy() == pytest.approx(np.full(8, 14.0), rel=0.02)
    assert (coming["low"] < 14).all()
    assert (coming["high"] > 14).all()
    assert coming["week"].iloc[0] == pd.Timestamp("2027-01-01")


def test_quantiles_are_those_of_the_textbook_distributions() -> None:
    """Poisson of mean 2: P(X <= 4) = 0.947, P(X <= 5) = 0.983; exponential of mean 100: -100 ln 0.05; constant 0."""
    mean, variance = np.array([2.0, 100.0, 0.0]), np.array([2.0, 1e4, 0.0])
    assert quantile(mean, variance, 0.95) == pytest.approx([5.0, -100 * np.log(0.05), 0.0])
    assert quantile(mean, variance, 0.94)[0] == 4.0


def test_unknown_sku_and_missing_orders_are_refused() -> None:
    """A planner's mistakes get a sentence each."""
    with pytest.raises(UsageError, match='no SKU "NOPE"'):
        forecast(two_skus()).positions(["NOPE"])
    case = two_skus()
    with pytest.raises(UsageError, match="no order lines"):
        forecast(Case(**{**vars(case), "orders": case.orders.iloc[:0]}))


def test_workbook_holds_the_tables_and_charts(tmp_path: Path) -> None:
    """The three sheets with their columns, and a native chart for each of the two SKUs on the sheet Series."""
    path = forecast(two_skus()).write(tmp_path / "forecast.xlsx")
    book = openpyxl.load_workbook(path)
    assert book.sheetnames == list(SHEETS)
    for sheet, columns in SHEETS.items():
        assert [cell.value for cell in book[sheet][1]] == [column.name for column in columns]
    with ZipFile(path) as package:
        assert sum(name.startswith("xl/charts/chart") for name in package.namelist()) == 2


def test_command_shows_and_writes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The command prints the totals, draws a SKU, writes the workbook, and answers in one line of JSON."""
    book = small.write(tmp_path / "small.xlsx", small.sheets())
    assert main(["forecast", str(book)]) == 0
    shown = capsys.readouterr().out
    assert "all SKUs" in shown
    assert re.search(r"P-1 +\w+ +[\d,]+\.\d\d ", shown), "a SKU that sells once in a month does not sell 0.0 a day"
    out = tmp_path / "forecast.xlsx"
    assert main(["forecast", str(book), "--sku", "P-1", "--out", str(out)]) == 0
    assert "weeks sold" in capsys.readouterr().out
    assert out.exists()
    assert main(["forecast", str(book), "--sku", "P-1", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert answer["skus"][0]["sku"] == "P-1"
    assert answer["summary"][0]["units_per_day"] > 0
    assert len(answer["series"]) > 26
    assert main(["forecast", str(book), "--sku", "P-9"]) == 2
    assert main(["forecast", str(book), "--out", str(book)]) == 2


def test_stock_history_says_when_nothing_could_be_sold() -> None:
    """HUB runs out on the 3rd, SPARE on the 5th, HUB is filled on the 8th: out of stock from the 5th to the 7th.

    A SKU that is never counted is never out; the last count holds until the sheet's last day, the 10th.
    """
    counts = [("HUB", 1, 5), ("SPARE", 1, 2), ("HUB", 3, 0), ("SPARE", 5, 0), ("HUB", 8, 9), ("SPARE", 10, 0)]
    case = case_of(
        skus=[{"sku": "A", "unit_cost": 1}, {"sku": "B", "unit_cost": 1}],
        nodes=[{"node": name, "type": "central"} for name in ("HUB", "SPARE")],
        regions=[{"region": "E"}],
        stockhistory=[
            {"date": f"2026-12-{day:02d}", "sku": "A", "node": node, "on_hand": n} for node, day, n in counts
        ],
    )
    out = outages_of(case)
    assert out is not None
    assert out.sku.tolist() == [0, 0, 0]
    assert pd.to_datetime(out.day, unit="D").day.tolist() == [5, 6, 7]


def test_blank_uplift_is_read_off_the_years_before_and_said() -> None:
    """STEP trebles in the last 28 days of 2026; the campaign of that name in 2027 is taken for about 3, and told so."""
    rows = [
        {"campaign": "DROP-2026", "from": "2026-12-04", "until": "2026-12-31", "sku": "STEP"},
        {"campaign": "drop 2027", "from": "2027-02-01", "until": "2027-02-28", "sku": "STEP"},
        {"campaign": "new", "from": "2027-02-01", "until": "2027-02-28", "sku": "EVEN"},
    ]
    case = scenario(two_skus(), campaigns=rows)
    rates = expected_rates(case)
    assert rates.mean[1, 0] == pytest.approx([1.0, 3.0], rel=0.2)
    assert rates.mean[0, 0] == pytest.approx([2.0, 2.0], rel=0.05)
    said = {finding.value: finding for finding in assembly_findings(case, rates) if finding.code == "A-006"}
    assert sorted(said) == ["drop 2027", "new"]
    assert said["new"].severity == "warning"
