"""History -> mean and variance rates of demand per SKU, region and period.

Top-down: a SKU's level is forecast from its weekly series (`levels.py`), lifted by its category's yearly season
(`season.py`), shared out to regions (`shares.py`), scaled by the days it is on sale and raised by campaigns.
Days are numbers: days since 1970-01-01. Vectorised over SKUs and order lines.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from .consignments import parcels_per_unit
from .instance import Bools, Floats, Ints
from .levels import levels
from .season import season_over, seasons, week_over, weekdays
from .series import Outages, weekly
from .shares import drifting_shares
from .uplift import with_uplifts

UNSEASONED = 0.1  # relative error of all levels at once while the history is too short to show a season
LEAST_FACTOR = 0.1  # history under a campaign is divided by no less than this


@dataclass(frozen=True)
class History:
    """Order lines; cancelled and returned ones already taken out."""

    sku: Ints  # index into SKUs
    region: Ints  # index into regions
    day: Ints  # day number
    consignment: Ints  # number of the part of an order that can travel in one parcel, from 0 without wide gaps
    quantity: Floats  # units, >= 0


@dataclass(frozen=True)
class Catalogue:
    """What the SKUs sheet says about demand."""

    category: Ints  # (K,) number of the category, -1 = blank
    launch: Floats  # (K,) first day on sale, nan = not stated
    end: Floats  # (K,) last day on sale, nan = none


@dataclass(frozen=True)
class Span:
    """First and last day of usable history, both included."""

    since: int
    until: int


@dataclass(frozen=True)
class Horizon:
    """The periods to forecast."""

    first: Ints  # (T,) first day
    days: Ints  # (T,) length


@dataclass(frozen=True)
class Campaign:
    """One row of the Campaigns sheet, its filters turned into masks.

    ``uplift`` is the multiple of the normal rate while it runs: 1.5 means one and a half times, nan what history shows
    (:func:`models.uplift.with_uplifts`). Campaigns that run at once add their excess: 1.5 and 1.2 make 1.7.
    ``extra_units`` is the total over its SKUs, regions and days. ``group`` is the number of its name, -1 = alone.
    """

    skus: Bools  # (K,)
    regions: Bools  # (R,)
    first: int
    last: int
    uplift: float = 1.0
    extra_units: float = 0.0
    group: int = -1


@dataclass(frozen=True)
class DemandRates:
    """Demand as the mathematics wants it (section 2)."""

    mean: Floats  # (K,R,T) mu, units/day
    variance: Floats  # (K,R,T) v, units^2/day
    level_error: Floats  # (K,) eps, relative standard error of the SKU's level
    parcels_per_unit: Floats  # (K,) u
    method: tuple[
        str, ...
    ]  # (K,) how the level was found: one of backtest.METHODS, "category", "shrunk", "none", "given"
    dispersion: Floats  # (K,) phi, variance-to-mean ratio
    share: Floats  # (K,R) regional shares, rows sum to one
    level: Floats  # (K,) units/day without season and campaigns


def estimate(
    history: History,
    catalogue: Catalogue,
    span: Span,
    horizon: Horizon,
    regions: int,
    campaigns: Sequence[Campaign] = (),
    reached: Bools | None = None,
    out: Outages | None = None,
) -> DemandRates:
    """Forecast demand for every SKU, ``regions`` regions and every period of the horizon.

    ``reached`` (K,R): regions a SKU can be delivered to; in others only its own orders count, none are inferred.
    ``out``: days without stock, on which no sale is no sign of no demand.
    Lines outside ``span`` are not used. The variance rate is ``v = phi mu`` in every region, so that regions pool.
    Raises ValueError when a quantity is negative or not finite.
    """
    if history.quantity.size and not (np.isfinite(history.quantity).all() and history.quantity.min() >= 0):
        raise ValueError("history holds quantities that are negative or not finite")
    history = _within(history, span)
    skus = catalogue.launch.size
    count = int(catalogue.category.max(initial=-1)) + 1
    week = weekdays(history.day, history.quantity, span.since, span.until)
    campaigns = with_uplifts(campaigns, history, span, week)
    usual = usual_quantity(history, campaigns)
    index = seasons(catalogue.category[history.sku], count, history.day, usual, span.since, span.until)
    series = weekly(history.sku, history.day, usual, catalogue.launch, catalogue.end, span.since, span.until, out)
    row = np.where(catalogue.category < 0, count, catalogue.category)
    begin = span.until + 1 - 7 * np.arange(series.units.shape[0], 0, -1)
    series = replace(series, units=series.units / season_over(index, begin, np.full(begin.size, 7))[row].T)
    size = order_size_dispersion(history, skus)
    launched = ~np.isnan(catalogue.launch)
    unseen = 0.0 if (index != 1.0).any() else UNSEASONED
    found = levels(series, catalogue.category, count, size, launched, int(horizon.days.sum()), unseen)
    shape = (skus, regions)
    share = drifting_shares(history.sku, history.region, history.day, usual, catalogue.category, shape, count, reached)
    rate = found.per_day[:, None] * season_over(index, horizon.first, horizon.days)[row]
    rate = rate * week_over(week, horizon.first, horizon.days)
    mean = project(rate, share, catalogue, horizon, campaigns)
    return DemandRates(
        mean=mean,
        variance=mean * found.dispersion[:, None, None],
        level_error=found.error,
        parcels_per_unit=parcels_per_unit(history.consignment, history.sku, history.quantity, skus),
        method=found.method,
        dispersion=found.dispersion,
        share=share,
        level=found.per_day,
    )


def _within(history: History, span: Span) -> History:
    keep = (history.day >= span.since) & (history.day <= span.until)
    if keep.all():
        return history
    return History(
        history.sku[keep], history.region[keep], history.day[keep], history.consignment[keep], history.quantity[keep]
    )


def usual_quantity(history: History, campaigns: Sequence[Campaign]) -> Floats:
    """Quantities (lines,) as they would have been without campaigns.

    Under campaigns with uplifts ``u`` and extra units ``E`` (of ``U`` ordered within the campaign):
    ``quantity (1 - sum E/U) / (1 + sum (u - 1))``, the bracket at least 0, the divisor at least LEAST_FACTOR.
    """
    factor, extra = np.ones(history.quantity.size), np.zeros(history.quantity.size)
    for campaign in campaigns:
        lines = np.flatnonzero((history.day >= campaign.first) & (history.day <= campaign.last))
        lines = lines[campaign.skus[history.sku[lines]] & campaign.regions[history.region[lines]]]
        total = history.quantity[lines].sum()
        factor[lines] += campaign.uplift - 1.0
        if campaign.extra_units and total > 0:
            extra[lines] += campaign.extra_units / total
    return np.asarray(history.quantity * np.clip(1.0 - extra, 0.0, 1.0) / np.maximum(factor, LEAST_FACTOR))


def order_size_dispersion(history: History, skus: int) -> Floats:
    """(K,) ``sum q^2 / sum q`` over order lines, at least 1: variance over mean of a compound Poisson stream of orders.

    Stands in for the weekly ratio only where no SKU has two full weeks. SKUs without lines: that of all lines.
    """
    units = np.bincount(history.sku, weights=history.quantity, minlength=skus)
    squares = np.bincount(history.sku, weights=np.square(history.quantity), minlength=skus)
    overall = squares.sum() / units.sum() if units.sum() > 0 else 1.0
    return np.maximum(1.0, np.divide(squares, units, out=np.full(skus, overall), where=units > 0))


def project(
    rate: Floats, share: Floats, catalogue: Catalogue, horizon: Horizon, campaigns: Sequence[Campaign]
) -> Floats:
    """mu (K,R,T) from normal rates (K,T) units/day: live days, regions, campaigns.

    A campaign adds ``(uplift - 1)`` of the normal rate on its days in the period on which the SKU is on sale, and its
    extra units day by day, shared over its SKUs on sale and regions like their normal rates (equally over SKUs
    when none has any).
    """
    first, last = horizon.first.astype(float), (horizon.first + horizon.days - 1).astype(float)
    opens = np.where(np.isnan(catalogue.launch), -np.inf, catalogue.launch)[:, None]
    closes = np.where(np.isnan(catalogue.end), np.inf, catalogue.end)[:, None]
    live = _overlap(np.maximum(first, opens), np.minimum(last, closes))
    mean = share[:, :, None] * (rate * live / horizon.days)[:, None, :]
    for campaign in campaigns:
        begin, finish = np.maximum(first, campaign.first), np.minimum(last, campaign.last)
        if not (_overlap(begin, finish) > 0).any():
            continue
        skus, regions = np.flatnonzero(campaign.skus), np.flatnonzero(campaign.regions)
        days = _overlap(np.maximum(begin, opens[skus]), np.minimum(finish, closes[skus]))
        local = share[np.ix_(skus, regions)]
        more = (campaign.uplift - 1.0) * rate[skus] * days / horizon.days
        addition = local[:, :, None] * more[:, None, :]
        if campaign.extra_units:
            addition += _extra(campaign, rate[skus], days, local, horizon)
        mean[np.ix_(skus, regions)] += addition
    return np.maximum(mean, 0.0)


def _overlap(begin: Floats, finish: Floats) -> Floats:
    return np.maximum(0.0, finish - begin + 1.0)


def _extra(campaign: Campaign, rate: Floats, days: Floats, local: Floats, horizon: Horizon) -> Floats:
    """Extra units/day (skus, regions, T) of one campaign, spread evenly over its days."""
    length = campaign.last - campaign.first + 1
    begin = np.maximum(horizon.first, campaign.first).astype(float)
    finish = np.minimum(horizon.first + horizon.days - 1, campaign.last).astype(float)
    units = campaign.extra_units * _overlap(begin, finish) / length / horizon.days
    weight = rate * days
    weight = np.where(weight.sum(axis=0) > 0, weight, (days > 0).astype(float))
    spread = local[:, :, None] * weight[:, None, :]
    total = spread.sum(axis=(0, 1))
    even = weight[:, None, :] * np.full((1, local.shape[1], 1), 1.0)
    spread = np.where(total > 0, spread, even)
    total = spread.sum(axis=(0, 1))
    return np.divide(spread * units, total, out=np.zeros_like(spread), where=total > 0)


def override(rates: DemandRates, sku: Ints, region: Ints, period: Ints, mean: Floats, sd: Floats) -> DemandRates:
    """Put a planner's own rates in place of the forecast.

    All arguments but ``rates`` are (rows,): period -1 = every period, sd nan = ``sqrt(phi mean)``. A row for one
    period beats a row for all. What a planner states is final: no launch date and no campaign changes it. The level
    error of a SKU becomes 0 when every cell with demand is overridden; its method becomes "given".
    """
    if not sku.size:
        return rates
    new_mean, new_variance = rates.mean.copy(), rates.variance.copy()
    given = np.zeros(new_mean.shape, dtype=bool)
    variance = np.where(np.isnan(sd), rates.dispersion[sku] * mean, np.square(sd))
    general = period < 0
    for cells, rows in (
        ((sku[general], region[general]), general),
        ((sku[~general], region[~general], period[~general]), ~general),
    ):
        wide = len(cells) == 2
        new_mean[cells] = mean[rows][:, None] if wide else mean[rows]
        new_variance[cells] = variance[rows][:, None] if wide else variance[rows]
        given[cells] = True
    whole = np.asarray(given.any(axis=(1, 2)) & (given | (new_mean <= 0)).all(axis=(1, 2)))
    method = tuple("given" if all_given else name for all_given, name in zip(whole.tolist(), rates.method, strict=True))
    return replace(
        rates,
        mean=new_mean,
        variance=new_variance,
        level_error=np.where(whole, 0.0, rates.level_error),
        method=method,
    )
