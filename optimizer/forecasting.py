"""Case -> demand rates: order lines, campaigns, dates and the planner's own forecast as arrays."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

import numpy as np
import pandas as pd

from models.consignments import carried_together, consignments
from models.demand import Campaign, Catalogue, DemandRates, History, Horizon, Span, estimate, override
from models.instance import Floats, Ints
from models.season import weekdays
from models.series import Outages
from models.uplift import with_uplifts

from .case import Case
from .columns import Labels, positions, temperature_masks, temperature_numbers
from .errors import Finding
from .periods import day_number, day_numbers, horizon_of, period_numbers
from .settings import Settings
from .sites import reached

GRACE = 7  # days without any order at the end of history that still count as trade without demand


def forecast(case: Case) -> DemandRates:
    """Demand per SKU, region and period: the forecast from history, with the Demand sheet's own figures over it.

    Campaigns that name a tier need the tiers, which need a forecast: it is then made twice, first without them.
    Raises UsageError when the plan has no start, InputInvalid when an order names an unknown SKU or region.
    """
    if case.campaigns["tier"].notna().any():
        return _forecast(case, tiers_of(case, _forecast(case, None)))
    return _forecast(case, None)


def _forecast(case: Case, tiers: tuple[str, ...] | None) -> DemandRates:
    history = history_of(case)
    span = span_of(case.settings, history.day)
    return _with_own_figures(case, from_history(case, history, span, horizon_of(case.settings), tiers))


def from_history(
    case: Case, history: History, span: Span, horizon: Horizon, tiers: tuple[str, ...] | None
) -> DemandRates:
    """Demand in any horizon from the lines within ``span`` alone; campaigns that name a tier need ``tiers``."""
    goods, found = _catalogue(case.skus), campaigns_of(case, tiers)
    return estimate(history, goods, span, horizon, len(case.regions), found, reached(case), outages_of(case))


def outages_of(case: Case) -> Outages | None:
    """Days on which every node counted on the sheet StockHistory was out of a SKU; None without the sheet.

    A count holds from its day until the next of the same SKU and node, the last of them until the sheet's last day.
    """
    counts = case.stockhistory
    if counts.empty:
        return None
    day = counts["date"].to_numpy(dtype="datetime64[D]").astype(np.int64)
    sku = positions(counts["sku"], case.skus["sku"], "StockHistory!sku")
    node = positions(counts["node"], case.nodes["node"], "StockHistory!node")
    order = np.lexsort((day, node, sku))
    sku, node, day = sku[order], node[order], day[order]
    empty = counts["on_hand"].to_numpy(dtype=float)[order] <= 0
    since, after = int(day.min()), int(day.max()) + 1
    same = np.append((sku[1:] == sku[:-1]) & (node[1:] == node[:-1]), False)
    until = np.where(same, np.append(day[1:], after), after)
    shape = (len(case.skus), after - since + 1)
    known, out = np.zeros(shape, dtype=np.int32), np.zeros(shape, dtype=np.int32)
    for total, rows in ((known, slice(None)), (out, empty)):
        np.add.at(total, (sku[rows], day[rows] - since), 1)
        np.add.at(total, (sku[rows], until[rows] - since), -1)
    known, out = known.cumsum(axis=1)[:, :-1], out.cumsum(axis=1)[:, :-1]
    which, when = np.nonzero((known > 0) & (out == known))
    return Outages(which.astype(np.int64), when.astype(np.int64) + since)


def history_of(case: Case) -> History:
    """Order lines as arrays."""
    orders, lanes = case.orders, case.lanes
    sku = positions(orders["sku"], case.skus["sku"], "Orders!sku")
    region = positions(orders["region"], case.regions["region"], "Orders!region")
    day = orders["date"].to_numpy(dtype="datetime64[D]").astype(np.int64)
    lane_region = positions(lanes["region"], case.regions["region"], "Lanes!region")
    together = carried_together(lane_region, temperature_masks(lanes["temperatures"]), len(case.regions))
    temperature = temperature_numbers(case.skus["temperature"])[sku]
    consignment = consignments(_codes(orders["order_id"]), region, day, temperature, together)
    return History(sku, region, day, consignment, orders["quantity"].to_numpy(dtype=float))


def _codes(values: pd.Series) -> Ints:
    codes = values.cat.codes if isinstance(values.dtype, pd.CategoricalDtype) else pd.factorize(values)[0]
    return np.asarray(codes, dtype=np.int64)


def span_of(settings: Settings, day: Ints) -> Span:
    """The days of usable history: those with orders, within ``history_from`` .. ``history_until``.

    Days without any order at either end count as trade without demand, unless they are more than GRACE: then the
    orders were cut there, and history begins or ends with an order.
    """
    start = settings.boundaries[0]
    last = day_number(settings.history_until or start - timedelta(days=1))
    first = day_number(settings.history_from) if settings.history_from else None
    used = day[(day <= last) & ((day >= first) if first is not None else True)]
    if not used.size:
        return Span(last, last)
    until = last if last - used.max() <= GRACE else int(used.max())
    since = first if first is not None and used.min() - first <= GRACE else int(used.min())
    return Span(since, until)


def _catalogue(skus: pd.DataFrame) -> Catalogue:
    codes = pd.factorize(skus["category"])[0]
    return Catalogue(codes.astype(np.int64), day_numbers(skus["launch_date"]), day_numbers(skus["end_date"]))


def campaigns_of(case: Case, tiers: tuple[str, ...] | None) -> tuple[Campaign, ...]:
    """Rows of the Campaigns sheet as masks; rows that name a tier are left out while ``tiers`` is None."""
    skus = case.skus
    filters = {"sku": Labels(skus["sku"]), "category": Labels(skus["category"])}
    if tiers is not None:
        filters["tier"] = Labels(tiers, case.tiers["tier"])
    regions = Labels(case.regions["region"])
    groups = pd.factorize(pd.Series([_lasting(name) for name in case.campaigns["campaign"]], dtype=object))[0]
    found = []
    for group, row in zip(groups.tolist(), case.campaigns.to_dict("records"), strict=True):
        if tiers is None and isinstance(row["tier"], str):
            continue
        place = f"Campaigns: {row['campaign']}"
        chosen = np.ones(len(skus), dtype=bool)
        for name, labels in filters.items():
            chosen &= labels.mask(row[name], place)
        first, last = (day_number(pd.Timestamp(row[name]).date()) for name in ("from", "until"))
        extra = _or(row["extra_units"], 0.0)
        uplift = _or(row["uplift"], 1.0 if extra else np.nan)
        found.append(Campaign(chosen, regions.mask(row["region"], place), first, last, uplift, extra, group))
    return tuple(found)


def uplift_findings(case: Case, tiers: tuple[str, ...]) -> Iterator[Finding]:
    """Campaigns of the plan whose uplift nobody states, and what is taken for it."""
    stated = campaigns_of(case, tiers)
    unknown = [at for at, campaign in enumerate(stated) if np.isnan(campaign.uplift)]
    if not unknown:
        return
    history = history_of(case)
    span = span_of(case.settings, history.day)
    week = weekdays(history.day, history.quantity, span.since, span.until)
    found = with_uplifts(stated, history, span, week)
    for at in unknown:
        if found[at].last <= span.until:
            continue
        name = case.campaigns["campaign"].iloc[at]
        lift = found[at].uplift
        yield Finding(
            "A-006", "warning" if lift == 1.0 else "note", "Campaigns!uplift", str(name),
            "no campaign of this name lies in the history: no uplift" if lift == 1.0
            else f"demand is taken times {lift:.2f}, as history shows for campaigns of this name",
            "State the uplift if you know better.",
        )  # fmt: skip


def _lasting(name: str) -> str:
    """What a campaign's name keeps from year to year.

    >>> _lasting("BLACK-FRIDAY-2026"), _lasting("Black Friday 2027"), _lasting("5K RUN")
    ('black friday', 'black friday', '5k run')
    """
    return " ".join(re.sub(r"(?<!\d)20\d\d(?!\d)", " ", re.sub(r"[\W_]+", " ", name.casefold())).split())


def _or(value: float | None, default: float) -> float:
    return default if value is None or pd.isna(value) else float(value)


def _with_own_figures(case: Case, rates: DemandRates) -> DemandRates:
    """The Demand sheet's means and spreads in place of the forecast; rows for other periods are not used."""
    own = case.demand
    if own.empty:
        return rates
    period = period_numbers(own["period"], case.settings)
    use = period >= -1
    return override(
        rates,
        positions(own["sku"], case.skus["sku"], "Demand!sku")[use],
        positions(own["region"], case.regions["region"], "Demand!region")[use],
        period[use],
        own["mean_per_day"].to_numpy(dtype=float)[use],
        own["sd_per_day"].to_numpy(dtype=float)[use],
    )


def tiers_of(case: Case, rates: DemandRates) -> tuple[str, ...]:
    """Tier of each SKU: the one it names, else by its value = expected units over the horizon x unit_cost.

    SKUs are ranked by value, largest first; a SKU belongs to the first tier whose cumulative share is above the share
    of value ranked before it, so that the SKU which crosses 80 % is still an A. SKUs of equal value share a tier (the
    order of rows decides nothing); SKUs without value go to the last tier.
    """
    days = horizon_of(case.settings).days.astype(float)
    value = (rates.mean.sum(axis=1) @ days) * case.skus["unit_cost"].to_numpy(dtype=float)
    named = case.tiers.dropna(subset=["share_of_value"]).sort_values("share_of_value", kind="stable")
    names = named["tier"].tolist() or case.tiers["tier"].tolist()[-1:]
    shares = named["share_of_value"].to_numpy(dtype=float)
    rank = np.minimum(np.searchsorted(shares, _share_before(value), side="right"), len(names) - 1)
    rank = np.where(value > 0, rank, len(names) - 1)
    given = case.skus["tier"]
    return tuple(own if isinstance(own, str) else names[number] for own, number in zip(given, rank, strict=True))


def _share_before(value: Floats) -> Floats:
    """Share of all value that SKUs of strictly greater value make."""
    rounded = np.array([float(f"{v:.12g}") for v in value])
    order = np.argsort(-rounded, kind="stable")
    ranked = rounded[order]
    before = np.cumsum(ranked) - ranked
    first = np.searchsorted(-ranked, -ranked, side="left")
    share = np.empty(value.size)
    share[order] = before[first] / max(float(ranked.sum()), 1e-300)
    return np.round(share, 12)
