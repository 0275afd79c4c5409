"""What campaigns did to demand, measured where nobody states it: one that comes again lifts as it did before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from .instance import Bools, Floats
from .season import weekday_of

if TYPE_CHECKING:
    from .demand import Campaign, History, Span

AROUND = 28  # days before and after a campaign that it is held against
LEAST_DAYS = 7  # of them without another campaign
LEAST_UNITS = 50.0  # of other goods, in both, before they tell what the days themselves did
USUAL = 0.5  # standard deviation, between campaigns, of the logarithm of an uplift


@dataclass(frozen=True)
class _Seen:
    """One campaign of the past: log of its uplift, and the variance of that."""

    log: float
    variance: float


def with_uplifts(
    campaigns: Sequence[Campaign], history: History, span: Span, week: Floats | None = None
) -> tuple[Campaign, ...]:
    """The campaigns with every uplift that is nan put in: its own, measured, where it lies in history, else that of the
    campaigns of the same ``group`` in history, stated or measured; 1 where there is none.

    ``week`` (7,): indices of the weekdays. Measured uplifts are drawn towards 1 by ``tau^2 / (tau^2 + variance)``, tau
    = USUAL: few orders prove little.
    """
    if not any(np.isnan(campaign.uplift) for campaign in campaigns):
        return tuple(campaigns)
    index = np.ones(7) if week is None else week
    seen = [_seen(campaign, campaigns, history, span, index) for campaign in campaigns]
    found = []
    for campaign, own in zip(campaigns, seen, strict=True):
        if not np.isnan(campaign.uplift):
            found.append(campaign)
            continue
        alike = [
            other for mate, other in zip(campaigns, seen, strict=True) if other is not None and _same(mate, campaign)
        ]
        found.append(replace(campaign, uplift=_drawn([own] if own is not None else alike)))
    return tuple(found)


def _same(one: Campaign, other: Campaign) -> bool:
    return one.group >= 0 and one.group == other.group


def _drawn(seen: Sequence[_Seen]) -> float:
    """Uplift from what was seen of it, weighed by certainty, drawn towards 1."""
    if not seen:
        return 1.0
    weight = np.array([1.0 / max(one.variance, 1e-6) for one in seen])
    mean = float(weight @ [one.log for one in seen]) / float(weight.sum())
    return float(np.exp(mean * USUAL**2 / (USUAL**2 + 1.0 / float(weight.sum()))))


def _seen(
    campaign: Campaign, campaigns: Sequence[Campaign], history: History, span: Span, week: Floats
) -> _Seen | None:
    """What a campaign within history did, as stated or as measured; None where it cannot be told.

    Touched goods sold in the campaign over AROUND days before and after, per weekday-weighted day and without the days
    of other campaigns on the same goods; over the same ratio of the goods that no campaign touched.
    """
    if campaign.first < span.since or campaign.last > span.until:
        return None
    if not np.isnan(campaign.uplift):
        return None if campaign.extra_units else _Seen(float(np.log(max(campaign.uplift, 0.1))), 1e-6)
    days = np.arange(max(span.since, campaign.first - AROUND), min(span.until, campaign.last + AROUND) + 1)
    during = (days >= campaign.first) & (days <= campaign.last)
    beside = ~during & ~_busy(days, campaign, campaigns)
    if beside.sum() < LEAST_DAYS:
        return None
    inside = (history.day >= days[0]) & (history.day <= days[-1])
    sku, region, at = history.sku[inside], history.region[inside], history.day[inside] - days[0]
    touched = campaign.skus[sku] & campaign.regions[region]
    units = history.quantity[inside]
    weight = week[weekday_of(days)]
    own = _ratio(at[touched], units[touched], during, beside, weight)
    if own is None:
        return None
    calm = ~touched & ~np.any([other.skus[sku] & other.regions[region] for other in campaigns], axis=0)
    rest = _ratio(at[calm], units[calm], during, beside, weight, LEAST_UNITS)
    return own if rest is None else _Seen(own.log - rest.log, own.variance + rest.variance)


def _busy(days: np.ndarray, campaign: Campaign, campaigns: Sequence[Campaign]) -> Bools:
    """Days on which another campaign touches some of the same goods."""
    found = np.zeros(days.size, dtype=bool)
    for other in campaigns:
        if other is not campaign and (other.skus & campaign.skus).any() and (other.regions & campaign.regions).any():
            found |= (days >= other.first) & (days <= other.last)
    return found


def _ratio(
    at: np.ndarray, units: Floats, during: Bools, beside: Bools, weight: Floats, least: float = 0.0
) -> _Seen | None:
    """Log of units per day in the campaign over units per day beside it; its variance from the size of the orders."""
    inside, outside = float(units[during[at]].sum()), float(units[beside[at]].sum())
    if inside <= least or outside <= least:
        return None
    size = float(np.square(units).sum() / units.sum())
    log = np.log(inside / weight[during].sum()) - np.log(outside / weight[beside].sum())
    return _Seen(float(log), size * (1.0 / inside + 1.0 / outside))
