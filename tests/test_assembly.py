"""Assembly: from the sheets of a case to the arrays of an instance, cell by cell."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pytest

from models.demand import DemandRates
from optimizer.assembly import assemble, assembly_findings, forecast, tiers_of
from optimizer.case import Case
from optimizer.errors import Finding, InputInvalid, UsageError

from .cases import case_of, orders, scenario

PLACES = [{"region": "E"}, {"region": "W"}]
CENTRAL = {"node": "HUB", "type": "central"}
EDGE = {"node": "EDGE", "type": "regional"}


def lane(node: str, region: str, **more: Any) -> dict[str, Any]:
    return {
        "node": node, "region": region, "cost_per_parcel": 5.0, "cost_per_kg": 1.0, "transit_days": 2.0, **more,
    }  # fmt: skip


def demand(sku: str, mean: float, region: str = "E", **more: Any) -> dict[str, Any]:
    return {"sku": sku, "region": region, "mean_per_day": mean, **more}


def network(settings: dict[str, Any] | None = None, **sheets: Any) -> Case:
    """Two nodes and two regions, all lanes, one SKU with one unit a day; sheets may be replaced."""
    base = {
        "skus": [{"sku": "K", "unit_cost": 10.0}],
        "nodes": [CENTRAL, EDGE],
        "regions": PLACES,
        "lanes": [lane(node, region) for node in ("HUB", "EDGE") for region in ("E", "W")],
        "demand": [demand("K", 1.0)],
    }
    if "lanes" not in sheets and "nodes" in sheets:
        base["lanes"] = [lane(node["node"], region) for node in sheets["nodes"] for region in ("E", "W")]
    return case_of(settings, **{**base, **sheets})


def instance_of(case: Case) -> Any:
    return assemble(case, forecast(case))


def test_months_and_weeks() -> None:
    """Three months from the first and from the tenth of January 2027, two weeks: labels, days, months (section 1)."""
    months = instance_of(network())
    assert months.periods == ("2027-01", "2027-02", "2027-03")
    assert months.days.tolist() == [31, 28, 31]
    assert months.months.tolist() == [1, 1, 1]
    tenth = instance_of(network({"start": "2027-01-10"}))
    assert tenth.periods == ("2027-01-10", "2027-02-10", "2027-03-10")
    weeks = instance_of(network({"start": "2027-01-04", "period": "week", "periods": 2}))
    assert weeks.periods == ("2027-01-04", "2027-01-11")
    assert weeks.days.tolist() == [7, 7]
    assert weeks.months == pytest.approx([12 / 52.1775] * 2)


def test_a_plan_needs_a_start() -> None:
    """Without a start there is no calendar, and the message says what to set."""
    case = network()
    with pytest.raises(UsageError, match="start"):
        forecast(replace(case, settings=case.settings.with_values(start=None)))


def test_window_must_cover_half_of_the_period() -> None:
    """Of 28 days in February 14 (from the 15th) are enough and 13 are not; nor are 14 of 31 (until 14 March)."""

    def nodes(first: str) -> list[dict[str, Any]]:
        return [
            CENTRAL,
            {**EDGE, "open_from": first, "open_until": "2027-03-14"},
            {**EDGE, "node": "X", "status": "closed"},
        ]

    assert instance_of(network(nodes=nodes("2027-02-15"))).available.tolist() == [
        [True, True, True], [False, True, False], [False, False, False],
    ]  # fmt: skip
    assert not instance_of(network(nodes=nodes("2027-02-16"))).available[1].any()


def test_blanks_that_matter() -> None:
    """Blank ambient room, throughput, SKU count, lane capacity, promise, life, budget: no limit; chilled: none."""
    found = instance_of(network())
    assert found.room_m3.tolist() == [[np.inf, 0, 0]] * 2
    for name in ("units_per_day", "max_skus", "lane_parcels_per_day", "promise_days", "shelf_life_days"):
        assert np.isinf(getattr(found, name)).all(), name
    assert found.budget == np.inf
    assert found.lane_temperatures.all()
    assert found.in_force is None


def test_figures_arrive_in_their_units() -> None:
    """Litres become cubic metres; the default weight, volume, price and lead time come from the settings."""
    found = instance_of(network(skus=[{"sku": "K", "unit_cost": 10.0, "volume_l": 250.0, "pack_size": 6}]))
    assert found.volume_m3.tolist() == [0.25]
    assert (found.weight_kg[0], found.unit_price[0], found.pack_size[0]) == (0.5, 20.0, 6.0)
    assert found.lead_time.tolist() == [[7.0, 7.0]]
    assert found.lead_time_sd.tolist() == [[1.0, 1.0]]
    assert found.review_days.tolist() == [7.0, 7.0]


def test_missing_figure_is_named_not_solved() -> None:
    """A lane without a price must not reach the solver: the error names the array."""
    case = network(lanes=[{"node": "HUB", "region": "E", "cost_per_parcel": 3.0, "transit_days": 1.0}])
    with pytest.raises(InputInvalid) as caught:
        instance_of(case)
    assert [finding.place for finding in caught.value.findings] == ["lane_kg_cost"]


def five(values: list[float], **more: Any) -> list[dict[str, Any]]:
    return [{"sku": f"K{number}", "unit_cost": value, **more} for number, value in enumerate(values)]


def tiers_for(values: list[float], **sheets: Any) -> tuple[str, ...]:
    skus = five(values)
    case = network(skus=skus, demand=[demand(row["sku"], 1.0) for row in skus], **sheets)
    return tiers_of(case, forecast(case))


def test_tiers_by_share_of_value() -> None:
    """Values 70, 15, 8, 5, 2: shares before each 0, .70, .85, .93, .98, so A A B B C: who crosses 80 % is an A."""
    assert tiers_for([70, 15, 8, 5, 2]) == ("A", "A", "B", "B", "C")
    assert tiers_for([2, 5, 8, 15, 70]) == ("C", "B", "B", "A", "A")


def test_share_that_ends_exactly_at_a_threshold_closes_the_tier() -> None:
    """80, 15, 5: after the first exactly 80 % is reached, after the second exactly 95 %."""
    assert tiers_for([80, 15, 5]) == ("A", "B", "C")


def test_equal_values_share_a_tier_and_nothing_is_worth_nothing() -> None:
    """Two SKUs of 10 beside one of 75 are both A: no row order parts them. Value 0 is last. Before the 2s: .96."""
    assert tiers_for([75, 10, 10, 0]) == ("A", "A", "A", "C")
    assert tiers_for([75, 12, 2, 2, 9]) == ("A", "A", "C", "C", "B")


def test_a_sku_may_name_its_tier() -> None:
    """The SKUs sheet beats the share of value; a tier without a share is only for SKUs that name it."""
    tiers = [
        {"tier": "A", "share_of_value": 0.8}, {"tier": "C", "share_of_value": 1.0}, {"tier": "VIP", "max_nodes": 2.0},
    ]  # fmt: skip
    skus = [*five([90, 10]), {"sku": "V", "unit_cost": 1.0, "tier": "VIP"}]
    case = network(skus=skus, tiers=tiers, demand=[demand(row["sku"], 1.0) for row in skus])
    assert tiers_of(case, forecast(case)) == ("A", "C", "VIP")
    assert instance_of(case).max_nodes.tolist() == [4, 4, 2]


def test_value_is_units_over_the_horizon_at_cost() -> None:
    """Ten a day in one of three months at 1 (310) against one a day in all at 3 (270): the former leads."""
    skus = [{"sku": "P", "unit_cost": 1.0}, {"sku": "Q", "unit_cost": 3.0}]
    tiers = [{"tier": "first", "share_of_value": 0.5}, {"tier": "rest", "share_of_value": 1.0}]
    case = network(skus=skus, tiers=tiers, demand=[demand("P", 10.0, period="2027-01"), demand("Q", 1.0)])
    assert tiers_of(case, forecast(case)) == ("first", "rest")


def test_service_of_tier_sku_and_setting() -> None:
    """The tier's level unless the SKU states one; the setting service_measure beats every tier."""
    skus = [{"sku": "K", "unit_cost": 9.0}, {"sku": "L", "unit_cost": 9.0, "service_level": 0.7}]
    case = network(skus=skus, demand=[demand("K", 1.0), demand("L", 1.0)])
    assert instance_of(case).service_level.tolist() == [0.98, 0.7]
    assert instance_of(case).fill_service.all()
    cycle = replace(case, settings=case.settings.with_values(service_measure="cycle"))
    assert not instance_of(cycle).fill_service.any()


def test_room_and_capabilities_decide_who_can_hold() -> None:
    """Frozen goods need frozen room, dangerous ones a licence: the hub has room, the edge the licence."""
    nodes = [{**CENTRAL, "frozen_m3": 5.0}, {**EDGE, "capabilities": "hazmat, gift"}]
    skus = [
        {"sku": "ice", "unit_cost": 1.0, "temperature": "frozen"},
        {"sku": "acid", "unit_cost": 1.0, "requires": "hazmat"},
        {"sku": "both", "unit_cost": 1.0, "requires": "hazmat, crane"}, {"sku": "tea", "unit_cost": 1.0},
    ]  # fmt: skip
    tiers = [{"tier": "A", "share_of_value": 1.0}]
    case = network(skus=skus, nodes=nodes, tiers=tiers, demand=[demand(row["sku"], 1.0) for row in skus])
    assert instance_of(case).allowed[:, :, 0].tolist() == [[True, False], [False, True], [False, False], [True, True]]
    errors = [finding for finding in assembly_findings(case, forecast(case)) if finding.severity == "error"]
    assert [(finding.code, finding.value) for finding in errors] == [("A-011", "both")]


def test_tier_keeps_to_its_node_types() -> None:
    """A SKU of a tier that names central and cold nodes is not allowed at a regional one."""
    tiers = [{"tier": "C", "share_of_value": 1.0, "node_types": "central, cold"}]
    assert instance_of(network(tiers=tiers)).allowed[0, :, 0].tolist() == [True, False]


def test_where_no_node_is_central_any_node_will_do() -> None:
    """Central only, but no central node: every node is allowed, and a finding says so."""
    case = network(nodes=[EDGE, {**EDGE, "node": "POP", "type": "popup"}],
                   tiers=[{"tier": "C", "share_of_value": 1.0, "node_types": "central"}])  # fmt: skip
    assert instance_of(case).allowed.all()
    assert "A-010" in [finding.code for finding in assembly_findings(case, forecast(case))]
    assert "A-010" not in [finding.code for finding in assembly_findings(network(), forecast(network()))]


def test_central_node_that_closes_makes_way_in_that_period_only() -> None:
    """The hub closes after January: from February on the fallback allows the edge."""
    case = network(nodes=[{**CENTRAL, "open_until": "2027-01-31"}, EDGE],
                   tiers=[{"tier": "C", "share_of_value": 1.0, "node_types": "central"}])  # fmt: skip
    assert instance_of(case).allowed[0].tolist() == [[True, False, False], [False, True, True]]


def staged(**campaign: Any) -> Case:
    row = {"campaign": "spring", "from": "2027-02-20", "until": "2027-03-05", **campaign}
    tiers = [{"tier": "B", "share_of_value": 1.0, "staged": "campaign"}]
    return network(tiers=tiers, campaigns=[row], skus=[{"sku": "K", "unit_cost": 1.0, "category": "tea, green"}])


def test_staged_tier_follows_its_campaigns() -> None:
    """A campaign from 20 February to 5 March opens the regional node to the SKU in both months, and not in January."""
    assert instance_of(staged()).allowed[0].tolist() == [[True, True, True], [False, True, True]]
    assert instance_of(staged(category="tea, green")).allowed[0, 1].tolist() == [False, True, True]
    assert instance_of(staged(sku="K", tier="B")).allowed[0, 1].tolist() == [False, True, True]
    assert not instance_of(replace(staged(), campaigns=staged().campaigns.iloc[:0])).allowed[0, 1].any()


def test_staging_that_leaves_no_node_falls_back() -> None:
    """Only regional nodes, a staged tier, no campaign in January: allowed everywhere then, and found."""
    case = replace(staged(), nodes=network(nodes=[EDGE, {**EDGE, "node": "HUB"}]).nodes)
    assert instance_of(case).allowed.all()
    assert "A-010" in [finding.code for finding in assembly_findings(case, forecast(case))]


FED = [{**CENTRAL, "lead_time_days": 14.0}, {**EDGE, "replenished_from": "HUB", "lead_time_days": 2.0,
       "inbound_cost_per_unit": 0.3, "inbound_cost_per_kg": 0.1}]  # fmt: skip


def test_feeder_with_the_node_s_own_terms() -> None:
    """The edge is fed by the hub in 2 days for a transfer's cost and any quantity; the hub by the supplier."""
    found = instance_of(network(nodes=FED, skus=[{"sku": "K", "unit_cost": 1.0, "moq": 48.0}]))
    assert found.feeder.tolist() == [[-1, 0]]
    assert found.lead_time.tolist() == [[14, 2]]
    assert found.order_cost.tolist() == [[25, 5]]
    assert found.moq.tolist() == [[48, 1]]
    assert found.inbound_per_unit.tolist() == [[0, 0.3]]
    assert found.inbound_per_kg.tolist() == [[0, 0.1]]


def test_feeder_that_cannot_hold_the_sku_is_passed_over() -> None:
    """Chilled goods for an edge with chilled room come from the supplier when the hub has none."""
    nodes = [FED[0], {**FED[1], "chilled_m3": 4.0}]
    found = instance_of(network(nodes=nodes, skus=[{"sku": "K", "unit_cost": 1.0, "temperature": "chilled"}]))
    assert found.feeder.tolist() == [[-1, -1]]
    assert found.order_cost.tolist() == [[25, 25]]


def test_supply_rows_sku_before_supplier_before_node() -> None:
    """The SKU's own row wins over its supplier's, whatever their order; blank cells fall back to the node's figures."""
    supply = [
        {"sku": "K", "node": "EDGE", "lead_time_days": 9.0, "cost_per_unit": 0.7},
        {
            "supplier": "Acme",
            "node": "EDGE",
            "lead_time_days": 5.0,
            "order_cost": 40.0,
            "moq": 10.0,
            "cost_per_kg": 0.2,
        },
    ]
    skus = [
        {"sku": "K", "unit_cost": 1.0, "supplier": "Acme", "moq": 6.0},
        {"sku": "L", "unit_cost": 1.0, "supplier": "Acme"},
        {"sku": "M", "unit_cost": 1.0},
    ]
    for rows in (supply, supply[::-1]):
        found = instance_of(network(nodes=FED, skus=skus, supply=rows))
        assert found.feeder[:, 1].tolist() == [-1, -1, 0]
        assert found.lead_time[:, 1].tolist() == [9, 5, 2]
        assert found.inbound_per_unit[:, 1].tolist() == [0.7, 0.3, 0.3]
        assert found.inbound_per_kg[:, 1] == pytest.approx([0.1, 0.2, 0.1])
        assert found.order_cost[:, 1].tolist() == [25, 40, 5]
        assert found.moq[:, 1].tolist() == [6, 10, 1]


def test_nodes_that_feed_each_other_are_refused() -> None:
    """A circle of feeders has no supplier."""
    nodes = [{**CENTRAL, "replenished_from": "EDGE"}, {**EDGE, "replenished_from": "HUB"}]
    with pytest.raises(InputInvalid, match="circle"):
        instance_of(network(nodes=nodes))


def test_stock_is_the_placement_in_force() -> None:
    """Batches add up; goods on order count as placed; a row of zeros does not."""
    stock = [
        {"sku": "K", "node": "HUB", "on_hand": 3.0},
        {"sku": "K", "node": "HUB", "on_hand": 4.0, "expires": "2026-12-01"},
        {"sku": "K", "node": "EDGE", "on_hand": 0.0}, {"sku": "L", "node": "EDGE", "on_hand": 0.0, "on_order": 2.0},
    ]  # fmt: skip
    case = network(skus=[{"sku": "K", "unit_cost": 1.0}, {"sku": "L", "unit_cost": 1.0}], stock=stock)
    found = instance_of(case)
    assert found.on_hand.tolist() == [[7, 0], [0, 0]]
    assert found.on_order.tolist() == [[0, 0], [0, 2]]
    assert found.in_force.tolist() == [[True, False], [False, True]]
    assert "A-005" in [finding.code for finding in assembly_findings(case, forecast(case))]


def limit(**row: Any) -> Any:
    """The only limit of a case with five SKUs of three categories."""
    skus = [
        {"sku": "T1", "unit_cost": 60.0, "category": "green tea"},
        {"sku": "T2", "unit_cost": 25.0, "category": "black tea"},
        {"sku": "C1", "unit_cost": 10.0, "category": "coffee", "temperature": "chilled"},
        {"sku": "X", "unit_cost": 5.0},
    ]  # fmt: skip
    nodes = [{**CENTRAL, "chilled_m3": 1.0}, EDGE, {**EDGE, "node": "POP", "type": "popup"}]
    full = {"limit": "cap", "measure": "value", "sense": "max", "amount": 100.0, **row}
    case = network(skus=skus, nodes=nodes, limits=[full], demand=[demand(sku["sku"], 1.0) for sku in skus])
    (found,) = instance_of(case).limits
    return found


def test_limit_without_filters_holds_everywhere() -> None:
    """All SKUs, nodes and periods; hard; no region filter."""
    found = limit()
    assert found.skus.all()
    assert found.nodes.all()
    assert found.periods.all()
    assert found.regions is None
    assert not found.filtered
    assert found.penalty == np.inf
    assert (found.name, found.measure, found.sense, found.amount) == ("cap", "value", "max", 100.0)


@pytest.mark.parametrize(
    ("cell", "skus"),
    [
        ({"sku": "T1, X"}, [1, 0, 0, 1]),
        ({"sku": "T1 X"}, [1, 0, 0, 1]),
        ({"category": "green tea"}, [1, 0, 0, 0]),
        ({"category": "green tea; coffee"}, [1, 0, 1, 0]),
        ({"temperature": "chilled"}, [0, 0, 1, 0]),
        ({"tier": "A"}, [1, 1, 0, 0]),  # shares before: 0, .6, .85, .95
        ({"tier": "C"}, [0, 0, 0, 1]),
        ({"category": "green tea", "tier": "B"}, [0, 0, 0, 0]),
    ],
)
def test_limit_with_sku_filters(cell: dict[str, str], skus: list[int]) -> None:
    """Filters of several columns must all hold; a cell may list several names, and names may hold blanks."""
    found = limit(**cell)
    assert found.skus.astype(int).tolist() == skus
    assert found.filtered
    assert found.nodes.all()


def test_limit_with_other_filters() -> None:
    """Nodes by name and type, regions, periods by label or first day, and a soft limit's price."""
    assert limit(node="HUB; POP").nodes.tolist() == [True, False, True]
    assert limit(node_type="regional").nodes.tolist() == [False, True, False]
    assert limit(node="HUB", node_type="regional").nodes.tolist() == [False] * 3
    assert limit(region="W").regions.tolist() == [False, True]
    assert limit(period="2027-02, 2027-03-01").periods.tolist() == [False, True, True]
    assert limit(penalty_per_unit=2.5).penalty == 2.5
    assert not limit(node="HUB").filtered


def test_limit_that_names_a_stranger_is_refused() -> None:
    """An unknown category would silently limit nothing."""
    with pytest.raises(InputInvalid, match=r"Limits: cap names \"cofee\""):
        limit(category="cofee")


def test_history_from_orders() -> None:
    """Two a day to E and one to W, until the day before the start: 2 and 1, one parcel per order."""
    days = pd.date_range("2026-10-01", "2026-12-31")
    case = network(demand=[], orders=orders("K", "E", days, 2.0) + orders("K", "W", days, 1.0))
    rates = forecast(case)
    assert rates.mean[0] == pytest.approx(np.array([[2.0] * 3, [1.0] * 3]), rel=1e-3)
    assert rates.parcels_per_unit == pytest.approx([2 / 3])


def test_orders_outside_the_history_are_not_used() -> None:
    """Orders before history_from, after history_until and after the start do not count."""
    days = pd.date_range("2026-09-01", "2026-12-31")
    strange = orders("K", "W", ["2026-03-01", "2027-01-05"], 900.0)
    case = network(demand=[], orders=orders("K", "E", days, 2.0) + strange)
    settings = case.settings.with_values(history_from="2026-10-01", history_until=date(2026, 11, 30))
    rates = forecast(replace(case, settings=settings))
    assert rates.mean[0] == pytest.approx(np.array([[2.0] * 3, [0.0] * 3]))


def test_history_ends_with_the_export() -> None:
    """Orders exported up to October for a plan from January: the missing months are no zeros. A quiet last week is."""
    old = orders("K", "E", pd.date_range("2026-08-01", "2026-10-31"), 2.0)
    assert forecast(network(demand=[], orders=old)).mean[0, 0] == pytest.approx([2.0] * 3)
    quiet = orders("K", "E", pd.date_range("2026-11-06", "2026-12-24"), 2.0)
    mean = forecast(network(demand=[], orders=quiet)).mean[0, 0]
    assert 0 < mean.max() < 2.0


def test_demand_sheet_over_history() -> None:
    """A stated cell beats the forecast, in its period only; a row for another year is not used and reported, once:
    not again where reading has told it (B-024)."""
    days = pd.date_range("2026-10-01", "2026-12-31")
    own = [demand("K", 7.0, period="2027-02", sd_per_day=3.0), demand("K", 99.0, period="2028-01")]
    case = network(demand=own, orders=orders("K", "E", days, 2.0))
    rates = forecast(case)
    assert rates.mean[0, 0] == pytest.approx([2, 7, 2])
    assert rates.variance[0, 0] == pytest.approx([2, 9, 2])
    assert "A-004" in [finding.code for finding in assembly_findings(case, rates)]
    told = replace(case, findings=(Finding("B-024", "warning", "Demand!E3", "2028-01", "", ""),))
    assert "A-004" not in [finding.code for finding in assembly_findings(told, rates)]


def test_no_demand_is_lent_where_no_lane_goes() -> None:
    """Chilled goods with a chilled lane to E only: sister SKUs sell in W, this one gets nothing there."""
    days = pd.date_range("2026-10-01", "2026-12-31")
    skus = [{"sku": "K", "unit_cost": 1.0, "temperature": "chilled"}, {"sku": "L", "unit_cost": 1.0}]
    lines = orders("K", "E", days[:3]) + orders("L", "W", days) + orders("L", "E", days)
    lanes = [lane("HUB", "E"), lane("HUB", "W", temperatures="ambient")]
    case = network(skus=skus, nodes=[{**CENTRAL, "chilled_m3": 9.0}], lanes=lanes, demand=[], orders=lines)
    assert forecast(case).mean[0, 1].max() == 0
    assert forecast(scenario(case, lanes=[lane("HUB", "E"), lane("HUB", "W")])).mean[0, 1].min() > 0


def test_campaign_of_a_tier() -> None:
    """A campaign for tier A lifts the A-SKU by half in its month and leaves the C-SKU alone."""
    days = pd.date_range("2026-10-01", "2026-12-31")
    skus = [{"sku": "K", "unit_cost": 100.0}, {"sku": "L", "unit_cost": 0.01}]
    rows = [{"campaign": "top", "from": "2027-02-01", "until": "2027-02-28", "tier": "A", "uplift": 1.5}]
    lines = orders("K", "E", days, 2.0) + orders("L", "E", days, 2.0)
    case = network(skus=skus, demand=[], orders=lines, campaigns=rows)
    assert forecast(case).mean[:, 0] == pytest.approx(np.array([[2, 3, 2], [2, 2, 2]]))


def test_fallbacks_of_the_forecast_are_found() -> None:
    """A SKU at its category's rate is a warning that names it; one without any demand a note."""
    days = pd.date_range("2026-08-01", "2026-12-31")
    skus = [
        {"sku": "old", "unit_cost": 1.0, "category": "tea"}, {"sku": "none", "unit_cost": 1.0, "category": "tea"},
        {"sku": "new", "unit_cost": 1.0, "category": "tea", "launch_date": "2027-02-01"},
    ]  # fmt: skip
    case = network(skus=skus, demand=[], orders=orders("old", "E", days, 4.0))
    found = {finding.code: finding for finding in assembly_findings(case, forecast(case))}
    assert found["A-001"].value == "new"
    assert found["A-001"].severity == "warning"
    assert found["A-003"].value == "none"


def test_order_of_rows_is_nothing() -> None:
    """Reversed SKUs, nodes and orders give the same figures under the same names."""
    days = pd.date_range("2026-10-01", "2026-12-31")
    skus = five([50, 20, 15, 10, 5], category="tea")
    nodes = [{**CENTRAL, "chilled_m3": 2.0}, *FED[1:]]
    lines = [line for n, row in enumerate(skus) for line in orders(row["sku"], "EW"[n % 2], days[:: n + 1], 2.0)]
    plain, turned = (
        instance_of(network(skus=skus[::s], nodes=nodes[::s], orders=lines[::s], demand=[])) for s in (1, -1)
    )
    for name in ("mean", "variance", "level_error", "service_level", "max_nodes", "parcels_per_unit"):
        assert getattr(turned, name)[::-1] == pytest.approx(getattr(plain, name)), name
    assert turned.tier[::-1] == plain.tier
    for name in ("allowed", "lead_time", "order_cost", "moq"):
        assert (getattr(turned, name)[::-1, ::-1] == getattr(plain, name)).all(), name


def test_instance_can_be_evaluated() -> None:
    """The assembled arrays carry a placement at the hub through every formula; outbound is by hand.

    One unit a day for 90 days to E, one parcel each, 5 a parcel and 1 a kg for half a kg: 90 x 5.5 = 495.
    """
    from models.evaluation import evaluate

    case = network()
    found = instance_of(case)
    stocked = np.zeros(found.allowed.shape, dtype=bool)
    stocked[0, 0] = True
    opened, surge = found.available.copy(), np.zeros((2, 3, 3))
    assert evaluate(found, stocked, opened, surge).costs["outbound"].sum() == pytest.approx(495.0)


def test_rates_have_the_shape_of_the_case() -> None:
    """Shapes (K,R,T), (K,), shares that sum to one, finite and at least zero."""
    case = network(skus=five([3, 2, 1]), demand=[demand("K1", 2.0)])
    rates: DemandRates = forecast(case)
    assert rates.mean.shape == rates.variance.shape == (3, 2, 3)
    assert rates.share.sum(axis=1) == pytest.approx(np.ones(3))
    assert len(rates.method) == rates.level_error.size == 3
    assert np.isfinite(rates.mean).all()
    assert rates.mean.min() >= 0
