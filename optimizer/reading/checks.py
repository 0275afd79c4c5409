"""What a case must be as a whole, as a list of records. To add a check, write its condition and add a line."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from models.outcome import Relief

from ..case import Case
from ..errors import Finding
from . import check_bounds, check_limits, check_network, check_rows
from .check_rows import Hit
from .places import Places
from .report import seen

EACH = 20  # so many hits of one check are listed; the rest is counted


@dataclass(frozen=True)
class Check:
    """One rule: ``hits`` gives the places where it does not hold; ``expectation`` may use ``{detail}`` of the hit."""

    code: str
    severity: str
    name: str
    hits: Callable[[Case, Places], Iterable[Hit]]
    expectation: str
    remedy: str = ""
    together: bool = False  # one finding for all hits


CHECKS: tuple[Check, ...] = (
    Check("B-012", "error", "a window ends after it begins", check_rows.windows,
        "is before {detail}", "Correct the dates."),
    Check("B-013", "error", "a campaign ends after it begins", check_rows.campaigns,
        "is before {detail}", "Correct the dates."),
    Check("B-014", "error", "min_nodes is at most max_nodes", check_rows.node_counts,
        "is above {detail}", "Correct one."),
    Check("B-017", "error", "a Supply row has one sku or one supplier", check_rows.supply_subject,
        "{detail}", "Fill one of them."),
    Check("B-001", "warning", "a supplier supplies something", check_rows.suppliers,
        "no SKU has this supplier{detail}", "Correct it here or in SKUs."),
    Check("B-018", "error", "every SKU falls into a tier", check_rows.tier_shares,
        "{detail}", "Give the last tier a share_of_value of 1."),
    Check("D-025", "warning", "a SKU takes room", check_rows.no_volume, "takes no room at all", "Type its volume."),
    Check("K-010", "warning", "a SKU's stock stands once", check_rows.stock_twice,
        "{detail}; both are counted", "Delete one if it is the same stock."),
    Check("D-027", "error", "no figure is 10,000 times its like", check_rows.wild,
        "{detail}", "Correct it, or list the cell in the setting accepted_outliers."),
    Check("D-027", "error", "no spread is 10,000 times the mean", check_rows.wild_spread,
        "{detail}: no demand spreads so", "Correct it, or leave it blank."),
    Check("D-027", "warning", "no figure is 100 times its like", check_rows.outlying,
        "{detail}", "If it is right, list the cell in the setting accepted_outliers."),
    Check("B-008", "error", "something costs something", check_rows.costless,
        "every cost is 0: any plan would be the best", "Type the costs."),
    Check("B-010", "error", "a SKU with demand fits some node", check_network.homeless,
        "no node can hold it: {detail}", "Give a node the room or the capability."),
    Check("B-010", "warning", "every SKU fits some node", check_network.homeless_unsold,
        "no node can hold it: {detail}", "Give a node the room or the capability."),
    Check("B-011", "error", "feeding nodes form no circle", check_network.circles,
        "feeds itself: {detail}", "Break the circle."),
    Check("B-002", "error", "every demand is in reach", check_network.unreached,
        "{detail}", "Add a lane, or a node with such room."),
    Check("B-003", "error", "own figures fit the network", check_network.overfull,
        "{detail}", "Raise units_per_day, or add a node."),
    Check("B-003", "warning", "past demand fits the network", check_network.crowded,
        "{detail}", "Raise units_per_day, or add a node."),
    Check("B-005", "warning", "some lane keeps each promise", check_network.broken_promises,
        "no lane keeps it: {detail}", "Correct the promise or the lanes."),
    Check("B-023", "warning", "stock lies at nodes in use", check_network.stranded,
        "holds stock but is closed", "Open it, or move the stock."),
    Check("B-026", "warning", "nodes are fed by nodes in use", check_network.shut_feeders,
        "closed: {detail} can hold only what the sheet Supply has suppliers bring there",
        "Open it, or name another node, or none."),
    Check("B-015", "error", "a limit limits something", check_limits.empty_filters, "{detail}", "Correct the filter."),
    Check("B-015", "error", "a campaign touches something", check_limits.campaign_filters,
        "{detail}", "Correct the category."),
    Check("B-016", "error", "a limit's filters fit its measure", check_limits.misfits,
        "{detail}", "Blank the cell, or choose another measure."),
    Check("B-004", "error", "limits do not contradict each other", check_bounds.contradictory,
        "{detail}", "Change one of them, or make it soft (penalty_per_unit)."),
    Check("B-025", "error", "a least amount is within reach", check_bounds.unreachable,
        "{detail}", "Lower it, give the nodes more, or make it soft (penalty_per_unit)."),
    Check("B-015", "error", "a row names a period", check_limits.no_periods, "{detail}", "Correct the period."),
    Check("B-024", "warning", "a row names no period after the plan", check_limits.later_periods,
        "{detail}: left out", "Plan more periods, or correct it.", together=True),
    Check("B-024", "note", "a row names no period before the plan", check_limits.past_periods,
        "{detail}: left out", ""),
    Check("B-009", "note", "not used: SKUs", check_rows.unsold_skus, "not used: no orders and no row in Demand", ""),
    Check("B-009", "note", "not used: regions", check_rows.quiet_regions,
        "not used: no orders and no row in Demand", ""),
    Check("B-009", "note", "not used: nodes", check_rows.closed_nodes, "not used: closed", ""),
    Check("B-009", "note", "not used: windows", check_network.shut_windows,
        "not used: its window covers at least half of no period", ""),
)  # fmt: skip
PROOFS = frozenset({"B-002", "B-003", "B-004", "B-025"})  # errors of these codes prove that no plan exists


def check_case(case: Case, places: Places | None = None) -> tuple[Finding, ...]:
    """Every finding of every check. Works on a case changed in code as well (rows are then counted from 2)."""
    where = places or Places()
    return tuple(finding for check in CHECKS for finding in _findings(check, list(check.hits(case, where))))


def _findings(check: Check, hits: list[Hit]) -> list[Finding]:
    """One finding per hit; notes, and whatever goes on for long, are counted in one."""
    if not hits:
        return []
    shown = hits[:EACH] if check.severity == "error" or len(hits) <= EACH else []
    if check.severity == "note" or check.together:
        shown = []
    out = [_finding(check, hit, "") for hit in shown]
    rest = hits[len(shown) :]
    if rest:
        values = list(dict.fromkeys(hit.value for hit in rest))
        names = ", ".join(values[:5]) + (" ..." if len(values) > 5 else "")
        out.append(_finding(check, rest[0], f" ({len(rest):,}: {names})" if len(rest) > 1 else ""))
    return out


def _finding(check: Check, hit: Hit, tail: str) -> Finding:
    said = check.expectation.format(detail=hit.detail) + tail
    return Finding(check.code, check.severity, hit.place, seen(hit.value), said, check.remedy)


def proved_relief(case: Case) -> tuple[Relief, ...]:
    """What the checks that prove infeasibility would need, largest first."""
    lacks = [Relief("lane", where, "", amount, "units/day") for where, amount in check_network.out_of_reach(case)]
    short = check_network.shortfall(case)
    lacks += [Relief("units_per_day", "", "", short, "units/day")] if short > 0 else []
    lacks += _limits_beyond(case)
    return tuple(sorted(lacks, key=lambda relief: -relief.amount))


def _limits_beyond(case: Case) -> list[Relief]:
    """By how much least amounts are above what can be."""
    from models.relief import UNITS

    units = {**UNITS, "on_time_share": "share"}
    clashes = [*check_bounds.contradictions(case, Places()), *check_bounds.beyond(case, Places())]
    labels = case.settings.labels
    return [
        Relief(clash.low.name, "", labels[clash.period], clash.low.amount - clash.most, units[clash.low.measure])
        for clash in clashes
    ]
