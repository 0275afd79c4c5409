"""The auditor's own arithmetic, held against numbers worked out by hand and against plain sums."""

from __future__ import annotations

import ast
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from optimizer.auditing.calendar import calendar
from optimizer.auditing.recompute import Decisions, Recomputation, Recomputed
from optimizer.auditing.reference import Reference, reference
from optimizer.auditing.stock import (
    Awaited,
    Service,
    Shelf,
    awaited_demand,
    excess_probability,
    expected_shortage,
    lifted,
    order_quantity,
    shelf,
    spoiled_per_day,
)
from tests.audit_network import make_case, rates

AUDITOR = Path(__file__).parents[1] / "optimizer"
ALLOWED = (
    "optimizer.auditing",
    "optimizer.case",
    "optimizer.errors",
    "optimizer.settings",
    "optimizer.reading",
)


def _imports(path: Path) -> set[str]:
    """Dotted names of everything a module imports, relative ones made absolute."""
    package = ["optimizer", *path.relative_to(AUDITOR).parts[:-1]]
    out = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            out |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            parent = ".".join([*base, *(node.module or "").split(".")]).strip(".")
            out |= {parent} | {f"{parent}.{alias.name}" for alias in node.names}
    return out


@pytest.mark.parametrize("path", sorted([*AUDITOR.glob("auditing/*.py"), AUDITOR / "audit.py"]), ids=lambda p: p.name)
def test_shares_no_code_with_the_solver(path: Path) -> None:
    """The auditor never imports what decided or evaluated the plan, so that an error there cannot hide itself."""
    own = {name for name in _imports(path) if name.split(".")[0] in ("optimizer", "models")}
    demand = {"optimizer.forecasting", "optimizer.forecasting.forecast"}
    assert not {name for name in own - demand if not name.startswith(ALLOWED)}


def test_months_run_from_a_day_to_the_same_day() -> None:
    """Three months from 15 January 2027 are 31, 28 and 31 days long and named by their first day."""
    days = calendar("2027-01-15", 3, "month")
    assert days.labels == ("2027-01-15", "2027-02-15", "2027-03-15")
    assert days.days.tolist() == [31, 28, 31]
    assert days.months.tolist() == [1, 1, 1]


def test_a_week_is_a_share_of_a_month() -> None:
    """A week is 12 / 52.1775 of a month, by definition."""
    days = calendar("2027-01-04", 2, "week")
    assert days.labels == ("2027-01-04", "2027-01-11")
    assert days.months == pytest.approx([12 / 52.1775] * 2)


@pytest.mark.parametrize(("mean", "variance"), [(3.0, 3.0), (3.0, 7.5), (19.5, 80.0), (0.02, 0.3), (4.0, 2.0)])
def test_discrete_losses_are_the_plain_sums(mean: float, variance: float) -> None:
    """P(X > r) and E[(X - r)+] equal the sums over the probability function, term by term."""
    x = np.arange(4000)
    spread = variance > mean
    p = stats.nbinom.pmf(x, mean**2 / (variance - mean), mean / variance) if spread else stats.poisson.pmf(x, mean)
    for r in (0, 1, 2, 5, 11, 40):
        arrays = (np.array([float(r)]), np.array([mean]), np.array([variance]))
        assert excess_probability(*arrays)[0] == pytest.approx(p[x > r].sum(), abs=1e-12)
        assert expected_shortage(*arrays)[0] == pytest.approx(((x - r) * p)[x > r].sum(), abs=1e-10)


def test_gamma_losses_are_the_integral() -> None:
    """E[(X - r)+] of gamma demand is the integral of its upper tail."""
    mean, variance, r = 50.0, 400.0, 70.0
    levels = np.linspace(r, 600.0, 200_001)
    tail = stats.gamma.sf(levels, mean**2 / variance, scale=variance / mean)
    found = expected_shortage(np.array([r]), np.array([mean]), np.array([variance]))
    assert found[0] == pytest.approx(np.trapezoid(tail, levels), rel=1e-6)


@pytest.mark.parametrize("fill", [True, False])
def test_the_smallest_reorder_point_is_the_first_that_serves(fill: bool) -> None:
    """Trying r = 0, 1, 2 ... one by one ends at the same reorder point; only that one is confirmed."""
    rng = np.random.default_rng(7)
    for _ in range(60):
        m = float(rng.choice([rng.uniform(0.01, 20), rng.uniform(20, 300)]))
        s2, q, level = m * rng.uniform(0.5, 30), float(rng.integers(1, 60)), float(rng.choice([0.9, 0.95, 0.98]))
        wait, tail = m * rng.uniform(0, 1), float(rng.choice([1.0, 0.2, 0.03]))
        demand = [np.array([value]) for value in (m, s2, wait)]
        service = Service(Awaited(*demand), np.array([q]), np.array([level]), np.array([fill]), np.array([tail]))
        r = 0
        while True:
            at = np.array([r + (1e-6 if m > 20 else 0.0)])
            short, missed = expected_shortage(at, *demand[:2])[0], excess_probability(at, *demand[:2])[0]
            order = q + min(wait, r)
            if ((order / (order + short) >= level) if fill else (missed <= 1 - level)) and missed <= tail:
                break
            r += 1
        assert service.smallest()[0] == r
        assert service.confirms(np.array([float(r)]))[0]
        assert not service.confirms(np.array([r + 1.0]))[0]
        assert not service.confirms(np.array([r - 1.0]))[0]
        assert not service.confirms(np.array([r + 0.5]))[0]


def test_awaited_demand_by_hand() -> None:
    """2 a day with variance 6, 5 days, sd 1, reviewed every 7, error 0.1: d = 2, so the undershoot has mean 16 / 2 and
    E[U (U - 1)] = 16 x 18 / 3; constant demand falls short by a whole review's 14 at most."""
    arrays = [np.array([value, value]) for value in (2.0, 6.0, 5.0, 1.0, 7.0, 0.1)]
    arrays[1][1] = arrays[3][1] = arrays[5][1] = 0.0
    found = awaited_demand(*arrays)
    assert found.mean.tolist() == pytest.approx([18.17, 24])
    assert found.wait.tolist() == [8, 14]
    assert found.variance.tolist() == pytest.approx([30 + 4 + (96 + 8 - 64) + 1.7**2 * 1.01, 0])


def test_the_shelf_by_hand() -> None:
    """Reorder point 20 for a constant 20: Q / 2 = 30 on average, 60 at most, 2 / 60 orders a day.

    Orders of 60 in packs of 11 lift the position by 65.
    """
    one = np.ones(1)
    steady = shelf(Awaited(20 * one, 0 * one, 14 * one), 20 * one, 60 * one, 60 * one, 2 * one, 3 * one, 7 * one)
    assert [float(figure[0]) for figure in (steady.safety, steady.average, steady.peak)] == [0, 30, 60]
    assert float(steady.orders_per_day[0]) == pytest.approx(2 / 60)
    assert lifted(60 * one, 11 * one)[0] == 65


def test_order_quantity_by_hand() -> None:
    """EOQ sqrt(2 x 2 x 365 x 25 / 0.73) = 223.6; cover caps it at 180; a pack of 50 makes that 200."""
    one = np.ones(1)
    arguments = {"flow": 2 * one, "fixed": 25 * one, "holding": 0.73 * one, "floor": 14 * one}
    assert order_quantity(**arguments, cap=np.inf * one, pack=one)[0] == 224
    assert order_quantity(**arguments, cap=180 * one, pack=one)[0] == 180
    assert order_quantity(**arguments, cap=180 * one, pack=50 * one)[0] == 200
    assert order_quantity(**{**arguments, "flow": 0 * one}, cap=180 * one, pack=one)[0] == 0
    assert order_quantity(**{**arguments, "fixed": 0 * one}, cap=180 * one, pack=one)[0] == 14


def test_spoilage_of_constant_demand() -> None:
    """30 units arrive, 20 sell within the shelf life: 10 of every cycle of 25 spoil, at 2 units a day 0.8 a day."""
    one = np.ones(1)
    assert spoiled_per_day(_shelf(30), 2 * one, 0 * one, 0 * one, 10 * one)[0] == pytest.approx(0.8)
    assert spoiled_per_day(_shelf(90), 2 * one, 0 * one, 0 * one, 10 * one)[0] == pytest.approx(2.0)


def _shelf(peak: float) -> Shelf:
    """Orders of 25 units, 2 / 25 a day."""
    return Shelf(*(np.array([float(value)]) for value in (0, 0, peak, 25, 2 / 25, 0)))


def test_spoilage_of_gamma_demand_is_the_integral() -> None:
    """E[(y - X)+] is the integral of the distribution function up to y."""
    levels = np.linspace(0.0, 30.0, 100_001)
    mean, variance = 20.0, 10.0 * 3.0 + (0.1 * 20.0) ** 2
    left = np.trapezoid(stats.gamma.cdf(levels, mean**2 / variance, scale=variance / mean), levels)
    one = np.ones(1)
    found = spoiled_per_day(_shelf(30), 2 * one, 3 * one, 0.1 * one, 10 * one)
    assert found[0] == pytest.approx(left * 2 / 25, rel=1e-6)


NODES = [
    {
        "node": "HUB",
        "type": "central",
        "lead_time_days": 5.0,
        "lead_time_sd": 3.0,
        "review_days": 7.0,
        "handling_cost_per_unit": 0.5,
        "inbound_cost_per_unit": 0.1,
        "storage_cost_per_m3_month": 10.0,
        "stocking_cost_per_sku_month": 4.0,
        "outage_days_per_year": 7.3,
    },
    {
        "node": "EAST",
        "type": "regional",
        "replenished_from": "HUB",
        "lead_time_days": 2.0,
        "lead_time_sd": 4.0,
        "review_days": 3.0,
        "handling_cost_per_unit": 1.0,
        "inbound_cost_per_kg": 0.2,
        "stocking_cost_per_sku_month": 1.0,
    },
]
LANES = [
    {
        "node": "HUB",
        "region": "N",
        "carrier": "slow",
        "cost_per_parcel": 4.0,
        "cost_per_kg": 1.0,
        "transit_days": 4.0,
        "on_time_rate": 0.9,
    },
    {
        "node": "HUB",
        "region": "N",
        "carrier": "fast",
        "cost_per_parcel": 9.0,
        "cost_per_kg": 1.0,
        "transit_days": 2.0,
        "on_time_rate": 0.9,
    },
    {
        "node": "HUB",
        "region": "S",
        "carrier": "slow",
        "cost_per_parcel": 4.0,
        "cost_per_kg": 1.0,
        "transit_days": 4.0,
        "on_time_rate": 0.8,
    },
    {
        "node": "EAST",
        "region": "N",
        "carrier": "slow",
        "cost_per_parcel": 3.0,
        "cost_per_kg": 0.0,
        "transit_days": 5.0,
        "on_time_rate": 0.9,
    },
    {
        "node": "EAST",
        "region": "S",
        "carrier": "slow",
        "cost_per_parcel": 3.0,
        "cost_per_kg": 0.0,
        "transit_days": 1.0,
        "on_time_rate": 0.5,
    },
]
REGIONS = [{"region": "N", "promise_days": 3.0}, {"region": "S"}]
SKU = {"sku": "X", "unit_cost": 10.0, "weight_kg": 2.0, "volume_l": 4.0, "tier": "A"}


def _reference(**changes: object) -> Reference:
    """HUB feeds EAST; one SKU; 2 units a day in N, 3 in S, half a parcel a unit, no spread at all."""
    case = make_case([SKU | changes], NODES, REGIONS, LANES)
    demand = rates([[[2.0], [3.0]]], [[[0.0], [0.0]]], parcels_per_unit=0.5)
    return reference(case, demand)


def _recomputed(ref: Reference, stocked: list[bool]) -> Recomputed:
    plan = Decisions(np.array([[[flag] for flag in stocked]]), np.ones((2, 1), dtype=bool), np.zeros((2, 1)))
    return Recomputation(ref, plan).run()


def test_promise_before_price() -> None:
    """N is promised in 3 days: only HUB's dear fast lane keeps that. S has no promise: the cheapest, EAST."""
    found = _recomputed(_reference(), [True, True])
    parcels = found.shipped.parcels[:, 0, 0]
    assert parcels[:5].tolist() == [0, 1.0, 0, 0, 1.5]
    assert found.shipped.late[:, 0, 0] == pytest.approx([0.1 * 1.0, 0.5 * 1.5])


def test_lane_costs_by_hand() -> None:
    """January: 62 units to N at 0.5 x 9 + 2, 93 to S at 0.5 x 3; late are 10 % of 31 and half of 46.5 parcels, at 5."""
    found = _recomputed(_reference(), [True, True])
    assert found.costs["outbound"][0, 0] == pytest.approx(62 * 6.5 + 93 * 1.5)
    assert found.costs["late"][0, 0] == pytest.approx((3.1 + 23.25) * 5)
    assert found.costs["damage"][0, 0] == 0


def test_outage_by_hand() -> None:
    """HUB is down 2 % of days. EAST would ship N's units for 1.5 + 2.5 late instead of 6.5 + 0.25: 2.75 less each.

    Without EAST every sale of these days is lost: half of the price of 20.
    """
    assert _recomputed(_reference(), [True, True]).costs["outage"][0, 0] == pytest.approx(0.02 * 62 * -2.75)
    alone = _recomputed(_reference(), [True, False])
    assert alone.costs["outage"][0, 0] == pytest.approx(0.02 * (62 + 93) * 0.5 * 20.0)


def test_flow_and_lead_time_through_a_feeder_that_holds_stock() -> None:
    """HUB passes on EAST's 3 units a day: F = 5 at HUB and 3 at EAST; EAST waits only for its own leg of 2 days."""
    rows = _recomputed(_reference(), [True, True]).rows
    assert rows["flow"].tolist() == [5, 3]
    assert rows["lead_time"].tolist() == [5, 2]
    assert (rows["reorder_point"] - rows["safety_stock"]).tolist() == pytest.approx(rows["lead_time_demand"].tolist())


def test_flow_and_lead_time_through_a_cross_dock() -> None:
    """Only EAST holds stock: HUB has the flow but no stock; EAST waits 2 + 5 days, spread sqrt(3^2 + 4^2) = 5."""
    rows = _recomputed(_reference(), [False, True]).rows
    assert rows["stocked"].tolist() == [False, True]
    assert rows["flow"].tolist() == [5, 5]
    assert rows["lead_time"].tolist() == [0, 7]
    assert rows["lead_time_sd"].tolist() == [0, 5]
    assert rows["order_quantity"].iloc[0] == 0
    assert rows["average_stock"].iloc[0] == 0


def test_stock_costs_by_hand() -> None:
    """Without any spread r = m: stock is Q/2 alone.

    HUB: F = 5, A = 25, h = 0.2 x 10 + 12 x 10 x 0.004 = 2.48, EOQ = sqrt(2 x 5 x 365 x 25 / 2.48) = 191.8 -> 192;
    EAST: F = 3, A = 5 (a transfer), h = 2, EOQ = sqrt(2 x 3 x 365 x 5 / 2) = 73.99 -> 74.
    """
    case = make_case([SKU], [{**node, "lead_time_sd": 0.0} for node in NODES], REGIONS, LANES)
    ref = reference(case, rates([[[2.0], [3.0]]], [[[0.0], [0.0]]], parcels_per_unit=0.5))
    found = _recomputed(ref, [True, True])
    assert found.rows["order_quantity"].tolist() == [192, 74]
    assert found.rows["safety_stock"].tolist() == [0, 0]
    assert found.costs["ordering"][0, 0] == pytest.approx(31 * (5 / 192 * 25 + 3 / 74 * 5))
    assert found.costs["inbound"][0, 0] == pytest.approx(31 * (5 * 0.1 + 3 * 2 * 0.2))
    assert found.costs["handling"][0, 0] == pytest.approx(31 * (5 * 0.5 + 3 * 1.0))
    assert found.costs["capital"][0, 0] == pytest.approx(31 / 365 * 0.2 * 10 * (96 + 37))
    assert found.costs["storage"][0, 0] == pytest.approx(10 * 0.004 * 96)
    assert found.costs["stocking"][0, 0] == 5
    assert found.costs["change"][0, 0] == 0
    assert found.at_node.sum() == pytest.approx(found.sku_cost)


def test_change_costs_by_hand() -> None:
    """With stock on hand at EAST only, a plan for HUB only pays for one node in and one out, 5 each, and for a transfer
    of 3 units of 2 kg: 5 + 6 x 0.2."""
    stock = [{"sku": "X", "node": "EAST", "on_hand": 3.0}]
    case = make_case([SKU], NODES, REGIONS, LANES, stock=stock)
    found = _recomputed(reference(case, rates([[[2.0], [3.0]]])), [True, False])
    assert found.costs["change"][0, 0] == pytest.approx(16.2)
    assert found.at_node[:, 0] == pytest.approx([found.sku_cost - 11.2, 11.2])


def test_what_cannot_be_moved_in_time_is_written_off() -> None:
    """Of 3 + 4 units at 10, 4 expire on the day a transfer of 3 days would arrive: 40, and 5 + 6 x 0.2 for the others;
    a single unit at a cost of 1 is written off for 1 rather than moved for 5.40."""
    batches = [
        {"sku": "X", "node": "EAST", "on_hand": 3.0, "expires": "2027-01-05"},
        {"sku": "X", "node": "EAST", "on_hand": 4.0, "expires": "2027-01-04"},
    ]
    case = make_case([SKU], NODES, REGIONS, LANES, stock=batches)
    assert reference(case, rates([[[2.0], [3.0]]])).clearing.tolist() == [[0, pytest.approx(46.2)]]
    cheap = make_case([SKU | {"unit_cost": 1.0}], NODES, REGIONS, LANES, stock=[batches[0] | {"on_hand": 1.0}])
    assert reference(cheap, rates([[[2.0], [3.0]]])).clearing.tolist() == [[0, pytest.approx(1.0)]]


def test_a_supply_row_makes_the_supplier_the_source() -> None:
    """A row for the supplier cuts EAST off its feeder; a row for the SKU goes before it; blanks are the node's."""
    sku = SKU | {"supplier": "ACME", "moq": 40.0}
    supply = [
        {"supplier": "ACME", "node": "EAST", "lead_time_days": 9.0, "order_cost": 60.0, "moq": 80.0},
        {"sku": "X", "node": "EAST", "cost_per_unit": 0.3},
    ]
    one = reference(make_case([sku], NODES, REGIONS, LANES, supply=supply[:1]), rates([[[2.0], [3.0]]])).sources
    assert one.feeder.tolist() == [[-1, -1]]
    assert (one.lead_time[0, 1], one.order_cost[0, 1], one.moq[0, 1]) == (9, 60, 80)
    both = reference(make_case([sku], NODES, REGIONS, LANES, supply=supply), rates([[[2.0], [3.0]]])).sources
    assert (both.lead_time[0, 1], both.per_unit[0, 1], both.per_kg[0, 1]) == (2, 0.3, 0.2)
    assert (both.order_cost[0, 1], both.moq[0, 1]) == (25, 40)


def test_a_feeder_that_cannot_hold_the_sku_is_passed_over() -> None:
    """HUB has no chilled room, so a chilled SKU at EAST comes from the supplier, with EAST's own lead time."""
    nodes = [NODES[0], NODES[1] | {"chilled_m3": 5.0}]
    case = make_case([SKU | {"temperature": "chilled"}], nodes, REGIONS, LANES)
    ref = reference(case, rates([[[2.0], [3.0]]]))
    assert ref.holds.tolist() == [[False, True]]
    assert ref.sources.feeder[0, 1] == -1


def test_tiers_say_where() -> None:
    """C stays central; B may be regional only while a campaign runs; where nothing is central C may be anywhere."""
    campaign = [
        {"campaign": "SPRING", "from": date_of("2027-02-10"), "until": date_of("2027-02-20"), "category": "tea"}
    ]
    skus = [SKU | {"sku": name, "tier": name, "category": "tea"} for name in "ABC"]
    mean = np.ones((3, 2, 2))
    case = make_case(skus, NODES, REGIONS, LANES, {"periods": 2}, campaigns=campaign)
    allowed = reference(case, rates(mean)).rules.allowed
    assert allowed[:, 0, :].all()
    assert allowed[:, 1, :].tolist() == [[True, True], [False, True], [False, False]]
    far = [NODES[0] | {"type": "cold"}, NODES[1]]
    rules = reference(make_case(skus, far, REGIONS, LANES, {"periods": 2}), rates(mean)).rules
    assert rules.allowed[2].all()
    assert rules.fallback[2].all()


def test_a_window_must_cover_half_of_the_period() -> None:
    """Open until 14 January is 14 of 31 days: not available; until 16 January it is."""
    for day, expected in (("2027-01-14", False), ("2027-01-16", True)):
        nodes = [NODES[0], NODES[1] | {"open_until": date_of(day)}]
        ref = reference(make_case([SKU], nodes, REGIONS, LANES), rates([[[2.0], [3.0]]]))
        assert ref.known.sites.available[1, 0] == expected


def test_demand_out_of_reach_and_a_missing_backup_are_noticed() -> None:
    """EAST alone reaches N and S but leaves both without the backup that HUB could be; without lanes N is lost."""
    regions = [row | {"backup_required": True} for row in REGIONS]
    ref = reference(make_case([SKU], NODES, regions, LANES), rates([[[2.0], [3.0]]]))
    assert _recomputed(ref, [False, True]).no_backup.first == [(0, 0, 0), (0, 1, 0)]
    assert _recomputed(ref, [True, True]).no_backup.count == 0
    cut = reference(make_case([SKU], NODES, regions, [*LANES[:3], LANES[4]]), rates([[[2.0], [3.0]]]))
    assert _recomputed(cut, [False, True]).unserved.first == [(0, 0, 0)]


def test_a_node_that_nothing_can_reach_is_no_backup() -> None:
    """HUB would be EAST's backup, but its feeder is closed: then nobody can ask for a second node."""
    regions = [row | {"backup_required": True} for row in REGIONS]
    gone = NODES[0] | {"node": "GONE", "status": "closed"}
    cut_off = [row | {"replenished_from": "GONE"} if row["node"] == "HUB" else row for row in NODES]
    ref = reference(make_case([SKU], [*cut_off, gone], regions, LANES), rates([[[2.0], [3.0]]]))
    assert _recomputed(ref, [False, True, False]).no_backup.count == 0
    fed = reference(make_case([SKU], [*cut_off, gone | {"status": "open"}], regions, LANES), rates([[[2.0], [3.0]]]))
    assert _recomputed(fed, [False, True, False]).no_backup.count == 2


def date_of(text: str) -> np.datetime64:
    """A date for a cell."""
    return np.datetime64(text, "s")
