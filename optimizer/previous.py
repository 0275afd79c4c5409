"""An earlier plan as the placement in force: what stands where in the period that covers the new start."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .errors import Finding, UsageError, numbered

if TYPE_CHECKING:
    import pandas as pd

    from models.instance import Bools, Floats, Instance, Ints
    from models.outcome import Outcome

    from .auditing.workbook import PlanBook
    from .case import Case

SHOWN = 5  # names shown in a finding
OF_PLACEMENT = ("sku", "node", "period", "tier", "role", "regions_served", "units_per_day", "average_stock")
OF_REPLENISHMENT = (
    "sku", "node", "period", "source", "lead_time_days", "review_days", "service_level", "reorder_point",
    "order_quantity", "sd_per_day", "safety_stock", "above_service",
)  # fmt: skip
OF_NODES = (
    "node", "period", "status", "ambient_rent_per_m3", "chilled_rent_per_m3", "frozen_rent_per_m3",
    "units_per_day_rent", "skus_rent",
)  # fmt: skip


@dataclass(frozen=True)
class Previous:
    """What a new plan takes from an earlier one, under the earlier plan's names, known now or not."""

    path: str
    sha256: str
    period: str  # its period that covers the new start
    periods: tuple[str, ...]  # all its periods, in order
    placement: pd.DataFrame  # one row per SKU, node and period: columns of Placement and of Replenishment
    nodes: pd.DataFrame  # one row per node and period: status and rents
    run: Mapping[str, Any]  # figures of its Run sheet: gap, input_sha256 ...
    settings: Mapping[str, Any]  # its effective settings
    period_before: str | None = None  # its period that covers the day before the new start

    @property
    def in_force(self) -> pd.DataFrame:
        """The rows of :attr:`placement` in the period that covers the new start."""
        return self.placement[self.placement["period"] == self.period].reset_index(drop=True)

    @property
    def nodes_in_force(self) -> pd.DataFrame:
        """Status and rents of the nodes in that period."""
        return self.nodes[self.nodes["period"] == self.period].set_index("node")

    @property
    def gap(self) -> float:
        """The gap it was published with; inf where it says none."""
        value = self.run.get("gap")
        return float(value) if isinstance(value, (int, float)) else float("inf")


def with_previous(case: Case, path: str | os.PathLike[str]) -> Case:
    """The case with the plan at ``path`` in force, its source noted, and SKUs and nodes that are gone told.

    Raises UsageError when the file is no plan, or a plan for other days; FileRefused, InputInvalid as a workbook does.
    """
    previous = read_previous(path, case.settings.boundaries[0])
    source = {**case.source, "previous_path": previous.path, "previous_sha256": previous.sha256}
    findings = (*case.findings, *unknown_names(previous, case))
    return replace(case, previous=previous, source=source, findings=findings)


def read_previous(path: str | os.PathLike[str], start: date) -> Previous:
    """An earlier plan as of ``start``. Raises UsageError when the file is no plan, or none for that day."""
    from .auditing.workbook import read_plan
    from .files import file_digest

    source = Path(path)
    if not source.is_file():
        raise UsageError(f"{source} is not there.", "Name the earlier plan after --previous.")
    book = read_plan(source)
    if book.missing_sheets:
        raise UsageError(f"{source} is no plan: it has no sheet {book.missing_sheets[0]}.", "Name a plan workbook.")
    nodes = _part(book, "Nodes", OF_NODES)
    periods = tuple(dict.fromkeys(nodes["period"]))
    period = covering(periods, _kind(book), start, source)
    rows = _part(book, "Placement", OF_PLACEMENT).drop_duplicates(["sku", "node", "period"])
    more = _part(book, "Replenishment", OF_REPLENISHMENT).drop_duplicates(["sku", "node", "period"])
    return Previous(
        path=str(source.absolute()),
        sha256=file_digest(source),
        period=period,
        periods=periods,
        placement=rows.merge(more, on=["sku", "node", "period"], how="left"),
        nodes=nodes,
        run={name: line.value for name, line in book.run.items()},
        settings={name: line.value for name, line in book.settings.items()},
        period_before=before(periods, period, start),
    )


def _part(book: PlanBook, sheet: str, names: tuple[str, ...]) -> pd.DataFrame:
    frame = book.tables[sheet].frame
    return frame.reindex(columns=list(names)).reset_index(drop=True)


def _kind(book: PlanBook) -> str:
    line = book.settings.get("period")
    return "month" if line is None else str(line.value)


def covering(periods: tuple[str, ...], kind: str, start: date, path: Path) -> str:
    """The period of a plan that a day lies in. Raises UsageError when there is none.

    >>> covering(("2027-01", "2027-02"), "month", date(2027, 2, 9), Path("plan.xlsx"))
    '2027-02'
    """
    from .settings import Settings
    from .tables.basis import first_day

    if not periods:
        raise UsageError(f"{path} is no plan: its Nodes sheet has no periods.", "Name a plan workbook.")
    days = Settings(start=first_day(periods[0]), periods=len(periods), period=kind).boundaries
    if not days[0] <= start < days[-1]:
        raise UsageError(
            f"{path} is a plan from {days[0]} to before {days[-1]}; the new plan starts on {start}.",
            "Name the plan that is in force on the new start, or set start.",
        )
    return periods[sum(start >= day for day in days) - 1]


def before(periods: tuple[str, ...], period: str, start: date) -> str | None:
    """The period of a plan that the day before ``start`` lies in, given the one of ``start``; None before the first.

    >>> before(("2027-01", "2027-02"), "2027-02", date(2027, 2, 1))
    '2027-01'
    >>> before(("2027-01", "2027-02"), "2027-02", date(2027, 2, 9))
    '2027-02'
    """
    from .tables.basis import first_day

    at = periods.index(period) - (start == first_day(period))
    return periods[at] if at >= 0 else None


def unknown_names(previous: Previous, case: Case) -> Iterator[Finding]:
    """SKUs and nodes of the placement in force that the input no longer has."""
    for column, table, code in (("sku", case.skus, "R-001"), ("node", case.nodes, "R-002")):
        named = previous.in_force[column]
        lost = list(dict.fromkeys(named[~named.isin(table[column])]))
        if lost:
            what = "SKU" if column == "sku" else "node"
            more = f" and {len(lost) - SHOWN:,} more" if len(lost) > SHOWN else ""
            yield Finding(
                code, "warning", f"Placement!{column}", ", ".join(lost[:SHOWN]) + more,
                f"the plan in force has {numbered(len(lost), what)} that the input does not know: left out",
                "Keep it in the input with status closed or an end_date, so that its stock is moved.",
            )  # fmt: skip


def in_force_by_plan(case: Case) -> Bools | None:
    """(K,N) the placement in force by the earlier plan; None without one."""
    previous = case.previous
    if previous is None:
        return None
    held = _held(previous, case)
    return held[:, :, previous.periods.index(previous.period)]


def candidates_open_before(case: Case) -> Bools | None:
    """(N,) candidates that the earlier plan has open on the day before the new start; None without one."""
    previous = case.previous
    if previous is None:
        return None
    rows = previous.nodes[(previous.nodes["period"] == previous.period_before)]
    names = rows["node"][rows["status"].isin(("open", "opens"))]
    return np.asarray((case.nodes["status"] == "candidate") & case.nodes["node"].isin(names), dtype=np.bool_)


def stood(case: Case) -> Floats | None:
    """(K,N) average stock of the earlier plan in the period in force, 0 where it has none; None without a plan."""
    if case.previous is None:
        return None
    rows = case.previous.in_force
    k, n, known = matched(rows, case)
    out = np.zeros((len(case.skus), len(case.nodes)))
    out[k, n] = rows["average_stock"].to_numpy(float)[known]
    return out


def room_price_before(case: Case) -> Floats | None:
    """(N,3) the price of room that the earlier plan's orders were sized with; None without one."""
    from .room_prices import price_in

    return None if case.previous is None else price_in(case.previous.run, list(case.nodes["node"]))


def placement_to_begin_with(case: Case) -> Bools | None:
    """(K,N,T) where the earlier plan would have stock in each period of the new one; None without one.

    Periods match by their first day; beyond its last one the earlier plan goes on as it ended.
    """
    from .tables.basis import first_day

    previous = case.previous
    if previous is None:
        return None
    first = [first_day(label) for label in previous.periods]
    at = [max(0, sum(before <= day for before in first) - 1) for day in case.settings.boundaries[:-1]]
    return _held(previous, case)[:, :, at]


def gap_to_keep(case: Case) -> float:
    """Above 0 where the earlier plan was made from the very same input and settings, and is kept: the gap at which the
    search may end, its own (a little more, for no two searches prove the same bound)."""
    previous = case.previous
    if previous is None or not made_from(previous, case):
        return 0.0
    return 1.1 * previous.gap if previous.gap < 1.0 else 0.0


def made_from(previous: Previous, case: Case) -> bool:
    """The earlier plan was made from the same files, under the same settings: those it names, for an older version may
    not have known all of them, and no other that is not at its default."""
    from dataclasses import fields

    from .tables.run import plain

    files = ("sha256", "orders_sha256")
    if any((previous.run.get(f"input_{name}") or None) != case.source.get(name) for name in files):
        return False
    own = case.settings
    names = {entry.name for entry in fields(own)} - {"origins", "seed", "time_limit", "deterministic"}
    known = names & set(previous.settings)
    if any(own.origins.get(name, "default") != "default" for name in names - known):
        return False
    return all(_alike(previous.settings[name], plain(getattr(own, name))) for name in known)


def keeps_earlier(instance: Instance, outcome: Outcome) -> bool:
    """The plan is the earlier one, kept because it was made from the very same input."""
    if instance.keep_gap <= 0 or instance.start is None or outcome.stocked is None:
        return False
    return np.array_equal(outcome.stocked, instance.start)


def gap_judged(previous: Previous) -> float:
    """The gap that the earlier plan was accepted with: before SKUs were brought together."""
    values = (previous.run.get(name) for name in ("searched_gap", "split_parcels.gap_before"))
    return next((float(value) for value in values if isinstance(value, (int, float))), previous.gap)


def _alike(written: Any, own: Any) -> bool:
    """A cell against a value: numbers to a billionth, dates by their day, blank as nothing."""
    if isinstance(written, (int, float)) and isinstance(own, (int, float)):
        return abs(written - own) <= 1e-9 * max(1.0, abs(own))
    return str(written or "")[:10] == str(own or "")[:10]


def widest_raised(previous: Previous) -> float | None:
    """How wide a gap stock above the service may leave, for it to be the earlier plan's: any, or none where that has
    no such stock; None where it does not say."""
    told = previous.placement["above_service"].dropna()
    return None if told.empty else float("inf") if (told == "yes").any() else 0.0


def matched(rows: pd.DataFrame, case: Case) -> tuple[Ints, Ints, Bools]:
    """SKU and node numbers of the rows whose names the case knows, and (rows,) which those are."""
    import pandas as pd

    keys = ((case.skus["sku"], "sku"), (case.nodes["node"], "node"))
    k, n = (pd.Index(list(names), dtype=object).get_indexer(pd.Index(rows[column])) for names, column in keys)
    known = (k >= 0) & (n >= 0)
    return k[known], n[known], known


def _held(previous: Previous, case: Case) -> Bools:
    """(K,N,periods of the earlier plan), SKUs and nodes as the case numbers them; unknown names are left out."""
    import pandas as pd

    rows = previous.placement
    k, n, known = matched(rows, case)
    t = pd.Index(list(previous.periods), dtype=object).get_indexer(pd.Index(rows["period"]))[known]
    held = np.zeros((len(case.skus), len(case.nodes), len(previous.periods)), dtype=np.bool_)
    held[k[t >= 0], n[t >= 0], t[t >= 0]] = True
    return held


def named_in(plan: Path) -> Path | None:
    """The plan in force that a plan says it was made from, if it still stands there unchanged."""
    from .auditing.workbook import read_run
    from .files import file_digest

    run = read_run(plan)
    path, digest = (
        run[name].value if name in run else None for name in ("input_previous_path", "input_previous_sha256")
    )
    place = plan.parent / str(path)  # the name alone is of a file beside the plan
    return place if path and file_digest(place) == digest else None
