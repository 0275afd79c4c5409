"""The example workbook: one seed gives one file, the committed file is current, and its brand behaves like a brand."""

from __future__ import annotations

import zipfile
from collections import defaultdict
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from optimizer.case import Case
from optimizer.errors import WriteFailed
from optimizer.example import write_example
from optimizer.example.history import FIRST_DAY, LAST_DAY, Lines, intensities, order_lines
from optimizer.example.network import distances_km, lanes
from optimizer.example.records import records
from optimizer.example.stock import stock
from optimizer.plan import Plan
from optimizer.reading.sheets import SHEETS, columns

COMMITTED = Path(__file__).resolve().parents[1] / "data" / "example.xlsx"
DAYS = (LAST_DAY - FIRST_DAY).days + 1


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_example(tmp_path_factory.mktemp("example") / "example.xlsx")


@pytest.fixture(scope="module")
def lines() -> Lines:
    return order_lines(0)


def members(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_committed_example_is_current(fresh: Path) -> None:
    """data/example.xlsx holds what `nodewise new` writes, part by part (compression may differ between zlib builds)."""
    assert members(fresh) == members(COMMITTED)
    assert COMMITTED.stat().st_size < 3_000_000


def test_one_seed_gives_one_file(fresh: Path, tmp_path: Path) -> None:
    """Writing again, under another name, gives the same bytes: no clock and no path is in the file."""
    again = write_example(tmp_path / "other.xlsx", seed=0)
    assert again.read_bytes() == fresh.read_bytes()
    with zipfile.ZipFile(again) as archive:
        assert {entry.date_time[0] for entry in archive.infolist()} == {1980}


def test_another_seed_gives_another_history(lines: Lines) -> None:
    """The seed moves the orders and leaves the story: the size stays within a tenth."""
    other = order_lines(1)
    assert not np.array_equal(other.sku[:500], lines.sku[:500])
    assert len(other.sku) == pytest.approx(len(lines.sku), rel=0.1)


def test_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    """A folder that does not exist is said in words, and nothing is left behind."""
    with pytest.raises(WriteFailed, match="missing"):
        write_example(tmp_path / "missing" / "new.xlsx")
    assert list(tmp_path.iterdir()) == []


def test_an_existing_file_survives_a_failed_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the disk gives up half-way, the workbook that stood there is untouched and no draft remains."""
    path = tmp_path / "mine.xlsx"
    path.write_bytes(b"my own work")

    def full(draft: Path, _: object) -> None:
        draft.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("optimizer.example.styling.write_tables", full)
    with pytest.raises(WriteFailed, match="No space left"):
        write_example(path)
    assert path.read_bytes() == b"my own work"
    assert list(tmp_path.iterdir()) == [path]


def test_every_sheet_of_the_contract_is_there(fresh: Path) -> None:
    """The workbook has every input sheet, and every column of the contract but the postcode of orders."""
    from openpyxl import load_workbook

    book = load_workbook(fresh, read_only=True)
    assert set(book.sheetnames) == {sheet.name for sheet in SHEETS} | {"Settings"}
    for name in book.sheetnames:
        header = {cell for cell in next(book[name].iter_rows(max_row=1, values_only=True)) if cell}
        assert {column.name for column in columns(name)} - header <= ({"postcode"} if name == "Orders" else set())


def test_the_reader_has_nothing_to_complain_about(example_case: Case) -> None:
    """A planner's first look is clean: no error, and no warning but the returns and cancellations it plants."""
    case = example_case
    loud = [finding for finding in case.findings if finding.severity in ("error", "warning")]
    assert {finding.place.split("!")[0] for finding in loud} <= {"Orders"}, loud
    assert len(case.skus) == 120
    assert len(case.nodes) == 8
    assert set(case.nodes["type"]) == {"central", "cold", "popup", "regional"}
    assert not case.lanes["estimated"].any()


def test_an_order_is_one_parcel_to_one_place(lines: Lines) -> None:
    """All lines of an order share day, region and channel, and name a SKU once."""
    for values in (lines.day, lines.region, lines.channel):
        seen: dict[int, set[int]] = defaultdict(set)
        for order, value in zip(lines.order.tolist(), values.tolist(), strict=True):
            seen[order].add(value)
        assert all(len(found) == 1 for found in seen.values())
    assert len(np.unique(lines.order * len(records("catalogue")) + lines.sku)) == len(lines.sku)
    assert 1.5 < len(lines.sku) / len(np.unique(lines.order)) < 2.5


def test_nothing_sells_before_its_launch_or_after_its_end(lines: Lines) -> None:
    """Launch dates and end dates hold to the day."""
    for k, sku in enumerate(records("catalogue")):
        days = lines.day[lines.sku == k] + FIRST_DAY.toordinal()
        assert days.size, f"{sku['sku']} never sells"
        assert date.fromordinal(int(days.min())) >= date.fromisoformat(sku["launch_date"] or "2025-05-01")
        assert date.fromordinal(int(days.max())) <= date.fromisoformat(sku["end_date"] or "2026-10-31")


def test_demand_has_a_week_a_year_and_a_map(lines: Lines) -> None:
    """Mondays beat Saturdays, a holiday day beats a September day by half, and California leads the states."""
    per_day = np.bincount(lines.day, minlength=DAYS)
    weekday = np.array([date.fromordinal(FIRST_DAY.toordinal() + day).weekday() for day in range(DAYS)])
    assert per_day[weekday == 0].mean() > 1.1 * per_day[weekday == 5].mean()
    month = np.array([str(date.fromordinal(FIRST_DAY.toordinal() + day))[:7] for day in range(DAYS)])
    assert per_day[month == "2025-12"].mean() > 1.5 * per_day[month == "2025-09"].mean()
    states = [row["region"] for row in records("regions")]
    assert states[int(np.bincount(lines.region).argmax())] == "CA"


def test_appetite_is_popularity_times_season_times_launch_times_campaign() -> None:
    """Sparkling Peach on 2026-04-20: popularity 8, drinks in April 1.0, launch lift 1.6, launch campaign 2.5: 32."""
    day = (date(2026, 4, 20) - FIRST_DAY).days
    k = [row["sku"] for row in records("catalogue")].index("SPK-PCH")
    appetite = intensities(DAYS)
    assert appetite[day, k] == pytest.approx(8 * 1.0 * 1.6 * 2.5)
    assert appetite[day - 1, k] == 0


def test_lane_follows_distance() -> None:
    """Columbus to Ohio: half a degree north (55.6 km), 0.2 degrees east at 40.15 N (17.0 km), 58.1 km: 1 day, 4.68."""
    node = [row["node"] for row in records("nodes")].index("CMH")
    region = [row["region"] for row in records("regions")].index("OH")
    assert distances_km()[node, region] == pytest.approx(58.1, abs=0.1)
    rows = [row for row in lanes() if (row["node"], row["region"]) == ("CMH", "OH")]
    ground = next(row for row in rows if row["carrier"] == "Northline Ground")
    assert ground["cost_per_parcel"] == pytest.approx(4.68)  # 4.60 + 1.40 x 0.0581
    assert ground["transit_days"] == 1


def test_every_state_is_reached_chilled_from_two_nodes() -> None:
    """Insulated overnight runs from every cold room: each state has a cold node and a backup; ambient has all eight."""
    cold: dict[object, set[object]] = defaultdict(set)
    ambient: dict[object, set[object]] = defaultdict(set)
    for row in lanes():
        (cold if "chilled" in str(row["temperatures"]) else ambient)[row["region"]].add(row["node"])
    assert {region["region"] for region in records("regions")} == set(cold) == set(ambient)
    assert min(map(len, cold.values())) >= 2
    assert {len(nodes) for nodes in ambient.values()} == {8}


def test_stock_stands_where_it_can_be_kept(lines: Lines) -> None:
    """Stock rows name a node with room for the temperature and the required capabilities; no batch is spoiled yet."""
    skus = {row["sku"]: row for row in records("catalogue")}
    nodes = {row["node"]: row for row in records("nodes")}
    rows = stock(0, lines)
    assert {row["sku"] for row in rows} == set(skus)
    for row in rows:
        sku, node = skus[str(row["sku"])], nodes[str(row["node"])]
        assert node[f"{sku['temperature']}_m3"]
        assert set(sku["requires"].split()) <= set(node["capabilities"].split())
        assert row["expires"] == "" or str(row["expires"]) > LAST_DAY.isoformat()
    covers = [row for row in rows if row["on_order"]]
    assert 0 < len(covers) < len(rows) / 2, "some rows, and fewer than half, wait for goods"


def test_the_plan_tells_the_story(example_plan: Plan) -> None:
    """Built tight: pop-ups open for the campaign months only, B-items spread while it runs, and space has a rent.

    Argument: pop-up fixed costs lie between what November and January sales save in freight, B-items may leave the
    central node only in a campaign, and the cold rooms, Fresno's shelves and the December budget are set below need.
    """
    plan, outcome, nodes = example_plan, example_plan.outcome, example_plan.instance.nodes
    assert outcome.open is not None
    assert outcome.stocked is not None
    assert outcome.rents is not None
    assert plan.searched_gap <= 0.01
    for popup in ("LAX", "AUS"):
        assert outcome.open[nodes.index(popup)].tolist() == [True, True, False]
    spread = outcome.stocked[np.array(plan.instance.tier) == "B"].sum(axis=(0, 1))
    assert spread[0] > 1.5 * spread[2]
    assert outcome.rents.room[nodes.index("EWR"), 1, :2].max() > 0  # chilled, November or December
    assert outcome.rents.room[nodes.index("FAT"), 0].max() > 0  # ambient
    assert outcome.rents.budget[1] > 0
