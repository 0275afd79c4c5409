"""The tables of a forecast: totals and errors, every SKU, and the weeks of the SKUs that sell most."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from models.instance import Bools, Floats, Ints
from models.spread import quantile

from ..periods import horizon_of
from .columns import PlanColumn

if TYPE_CHECKING:
    from ..forecast import Forecast, HeldOut

WEEK = 7
NEXT = 28  # days of the range on the sheet SKUs
LOW, HIGH = 0.05, 0.95
PAST_WEEKS = 104  # shown, at most
SERIES = 100  # SKUs on the sheet Series
BARS = "▁▂▃▄▅▆▇█"


def _columns(*rows: tuple[str, str, str] | tuple[str, str, str, float]) -> tuple[PlanColumn, ...]:
    return tuple(PlanColumn(*row) for row in rows)


ERRORS = _columns(
    ("tested_units", "quantity", "units sold in the held-out days: blocks of 28 days at the end of history"),
    (
        "error",
        "share",
        "sum of |sold - forecast| by SKU and block, over the units sold; each block forecast from before",
    ),
    ("naive_error", "share", "the same, had the 28 days before been repeated", 12.0),
    (
        "seasonal_error",
        "share",
        "the same, had the days a year before been repeated; blank = less than that known",
        12.0,
    ),
    ("bias", "share", "forecast over sold, less one"),
    ("within_95", "share", "share of SKUs and blocks within the 95 % quantile that stock is computed from"),
)
SHEETS: Mapping[str, tuple[PlanColumn, ...]] = {
    "Summary": (
        *_columns(
            ("section", "text", "what the row is about: all, tier, category, or method of the forecast", 12.0),
            ("item", "text", "which of them", 30.0),
            ("skus", "count", "SKUs with demand, sold or expected"),
            ("units_per_day", "quantity", "mean demand expected in the periods of the plan", 14.0),
            ("last_28_days", "quantity", "units a day sold in the last 28 days of history", 14.0),
            ("level_error", "share", "median relative error of a SKU's level, of those with demand"),
        ),
        *ERRORS,
    ),
    "SKUs": (
        *_columns(
            ("sku", "text", "the SKU", 18.0), ("name", "text", "for people", 28.0),
            ("category", "text", "category", 16.0), ("tier", "text", "tier"),
            ("method", "text", "how its level was forecast", 13.0),
            ("units_per_day", "rate", "mean demand expected in the periods of the plan", 14.0),
            ("horizon_units", "quantity", "units expected over all of them", 14.0),
            ("last_28_days", "rate", "units a day sold in the last 28 days of history", 14.0),
            ("low_28", "quantity", "units of 28 days, in the first period: less in one case of twenty"),
            ("high_28", "quantity", "likewise: more in one case of twenty"),
            ("dispersion", "rate", "variance of demand over its mean"),
            ("level_error", "share", "relative standard error of the level"),
        ),
        *ERRORS,
    ),
    "Series": _columns(
        ("sku", "text", "one of the SKUs that sell most", 18.0),
        ("week", "date", "first day of the week"),
        ("sold", "quantity", "units sold"),
        ("forecast", "quantity", "units expected; in the last weeks of history, from what was known before"),
        ("low", "quantity", "less in one case of twenty"),
        ("high", "quantity", "more in one case of twenty"),
    ),
}  # fmt: skip


def expected(found: Forecast) -> Floats:
    """(K,) units a day over the periods of the plan."""
    days = horizon_of(found.case.settings).days
    return np.asarray(found.rates.mean.sum(axis=1) @ days / days.sum())


def recent(found: Forecast) -> Floats:
    """(K,) units a day in the last NEXT days of history."""
    history, span = found.history, found.span
    inside = (history.day > max(span.until - NEXT, span.since - 1)) & (history.day <= span.until)
    days = min(NEXT, span.until - span.since + 1)
    units = np.bincount(history.sku[inside], history.quantity[inside], minlength=len(found.case.skus))
    return np.asarray(units / days)


def biggest(found: Forecast) -> Ints:
    """Positions of the SERIES SKUs of the most units expected, the largest first."""
    return np.argsort(-expected(found), kind="stable")[:SERIES]


def errors(held: HeldOut, chosen: Bools) -> dict[str, float]:
    """The columns ERRORS over ``chosen`` (K,) SKUs; nan where nothing was sold or tested."""
    sold, said = held.sold[:, chosen], held.said[:, chosen]
    units = float(sold.sum())
    known = (said > 0) | (sold > 0)
    within = sold <= quantile(said, held.variance[:, chosen], HIGH)

    def missed(guess: Floats) -> float:
        return float(np.abs(sold - guess).sum() / units) if units > 0 else np.nan

    return {
        "tested_units": units,
        "error": missed(said),
        "naive_error": missed(held.naive[:, chosen]),
        "seasonal_error": missed(held.seasonal[:, chosen]),
        "bias": float(said.sum() / units - 1.0) if units > 0 else np.nan,
        "within_95": float(within[known].mean()) if known.any() else np.nan,
    }


def summary(found: Forecast) -> pd.DataFrame:
    """See SHEETS: all SKUs, then by tier, category and method."""
    rate, last = expected(found), recent(found)
    live = (rate > 0) | (last > 0) | (found.held_out.sold.sum(axis=0) > 0)
    rows = []
    for section, item, chosen in _groups(found):
        use = chosen & live
        if not use.any():
            continue
        eps = found.rates.level_error[use & (rate > 0)]
        figures = {
            "section": section,
            "item": item,
            "skus": float(use.sum()),
            "units_per_day": float(rate[use].sum()),
            "last_28_days": float(last[use].sum()),
            "level_error": float(np.median(eps)) if eps.size else np.nan,
        }
        rows.append(figures | errors(found.held_out, use))
    return pd.DataFrame(rows, columns=[column.name for column in SHEETS["Summary"]])


def _groups(found: Forecast) -> Iterator[tuple[str, str, Bools]]:
    yield "all", "all SKUs", np.ones(len(found.case.skus), dtype=bool)
    labels = {
        "tier": pd.Series(found.tiers, dtype=object),
        "category": found.case.skus["category"],
        "method": pd.Series(found.rates.method, dtype=object),
    }
    for section, values in labels.items():
        names = list(found.case.tiers["tier"]) if section == "tier" else sorted(values.dropna().unique())
        for name in names:
            yield section, str(name), (values == name).to_numpy(dtype=bool)


def skus(found: Forecast) -> pd.DataFrame:
    """See SHEETS: one row per SKU, in the order of the sheet SKUs."""
    rate, rates, held = expected(found), found.rates, found.held_out
    days = horizon_of(found.case.settings).days
    mean = NEXT * rates.mean[:, :, 0].sum(axis=1)
    spread = NEXT * rates.variance[:, :, 0].sum(axis=1) + np.square(rates.level_error * mean)
    sold, said = held.sold.sum(axis=0), held.said.sum(axis=0)
    within = held.sold <= quantile(held.said, held.variance, HIGH)
    goods = found.case.skus
    return pd.DataFrame(
        {
            "sku": goods["sku"], "name": goods["name"], "category": goods["category"],
            "tier": list(found.tiers), "method": list(rates.method),
            "units_per_day": rate, "horizon_units": rate * days.sum(), "last_28_days": recent(found),
            "low_28": quantile(mean, spread, LOW), "high_28": quantile(mean, spread, HIGH),
            "dispersion": np.where(rate > 0, rates.dispersion, np.nan),
            "level_error": np.where(rate > 0, rates.level_error, np.nan),
            "tested_units": sold,
            "error": _share(np.abs(held.sold - held.said).sum(axis=0), sold),
            "naive_error": _share(np.abs(held.sold - held.naive).sum(axis=0), sold),
            "seasonal_error": _share(np.abs(held.sold - held.seasonal).sum(axis=0), sold),
            "bias": _share(said - sold, sold),
            "within_95": within.mean(axis=0) if within.size else np.full(len(goods), np.nan),
        }
    )  # fmt: skip


def _share(part: Floats, whole: Floats) -> Floats:
    return np.divide(part, whole, out=np.full(whole.size, np.nan), where=whole > 0)


def series(found: Forecast, chosen: Ints) -> pd.DataFrame:
    """See SHEETS: the last weeks of history, with what the held-out ones were forecast as, and the weeks to come."""
    span, horizon = found.span, horizon_of(found.case.settings)
    count = min(PAST_WEEKS, (span.until - span.since + 1) // WEEK)
    past = span.until + 1 - WEEK * np.arange(count, 0, -1)
    coming = np.arange(horizon.first[0], horizon.first[-1] + horizon.days[-1] - WEEK + 1, WEEK)
    period = np.searchsorted(horizon.first, coming, side="right") - 1
    sold = _weeks(found, chosen, past)
    seen = np.full(sold.shape, np.nan)
    for first, said in zip(found.held_out.first, found.held_out.said, strict=True):
        seen[:, (past >= first) & (past < first + NEXT)] = said[chosen, None] * WEEK / NEXT
    rates = found.rates
    mean = WEEK * rates.mean[chosen].sum(axis=1)[:, period]
    noise = WEEK * rates.variance[chosen].sum(axis=1)[:, period]
    noise = noise + np.square(rates.level_error[chosen, None] * mean)
    blank = np.full(sold.shape, np.nan)
    weeks = np.concatenate([past, coming]).astype("datetime64[D]").astype("datetime64[s]")
    return pd.DataFrame(
        {
            "sku": np.repeat(found.case.skus["sku"].to_numpy(dtype=object)[chosen], weeks.size),
            "week": np.tile(weeks, chosen.size),
            "sold": np.hstack([sold, np.full(mean.shape, np.nan)]).ravel(),
            "forecast": np.hstack([seen, mean]).ravel(),
            "low": np.hstack([blank, quantile(mean, noise, LOW)]).ravel(),
            "high": np.hstack([blank, quantile(mean, noise, HIGH)]).ravel(),
        }
    )


def _weeks(found: Forecast, chosen: Ints, past: Ints) -> Floats:
    """Units (chosen, weeks) sold in each past week."""
    row = np.full(len(found.case.skus), -1)
    row[chosen] = np.arange(chosen.size)
    history = found.history
    if not past.size:
        return np.zeros((chosen.size, 0))
    week = (history.day - past[0]) // WEEK
    use = (row[history.sku] >= 0) & (history.day >= past[0]) & (week < past.size)
    cell = row[history.sku[use]] * past.size + week[use]
    units: Floats = np.bincount(cell, history.quantity[use], minlength=chosen.size * past.size).astype(float)
    return units.reshape(chosen.size, past.size)


def headline(found: Forecast) -> tuple[str, ...]:
    """What is expected and how good forecasts have been, in a few lines."""
    total = found.summary.iloc[0]
    dates = [f"{np.datetime64(int(day), 'D')}" for day in (found.span.since, found.span.until)]
    change = f" ({total['units_per_day'] / total['last_28_days'] - 1:+.1%})" if total["last_28_days"] > 0 else ""
    lines = [
        f"History {dates[0]} to {dates[1]}; forecast for {', '.join(found.case.settings.labels)}",
        f"Expected: {total['units_per_day']:,.1f} units a day; sold in the last {NEXT} days: "
        f"{total['last_28_days']:,.1f}{change}",
    ]
    blocks = found.held_out.first.size
    if not blocks:
        return (*lines, "The history is too short to hold any of it out: the error of the forecast is not measured.")
    held = [f"Held out, {blocks} x {NEXT} days, each forecast from the days before: error {_percent(total['error'])}"]
    held.append(f"naive {_percent(total['naive_error'])}, seasonal naive {_percent(total['seasonal_error'])}")
    tail = f"bias {_percent(total['bias'], '+')}; {_percent(total['within_95'])} within the 95 % quantile"
    return (*lines, "; ".join([", ".join(held), tail]))


def _percent(value: float, sign: str = "") -> str:
    return "not known" if np.isnan(value) else f"{value:{sign}.1%}"


def chart(table: pd.DataFrame) -> tuple[str, ...]:
    """One SKU's weeks as bars: sold, then expected, on the same scale.

    >>> chart(pd.DataFrame({"sold": [0.0, 7.0, np.nan], "forecast": [np.nan, np.nan, 3.5]}))
    ('▁█ | ▅', '0 to 7 units a week, 2 weeks sold | 1 week expected')
    """
    sold = table["sold"].dropna().to_numpy(dtype=float)
    coming = table.loc[table["sold"].isna(), "forecast"].to_numpy(dtype=float)
    most = max(float(sold.max(initial=0.0)), float(coming.max(initial=0.0)), 1e-9)
    drawn = ["".join(BARS[int(np.ceil(value / most * 7 - 1e-9))] for value in part) for part in (sold, coming)]
    weeks = [f"{part.size} week{'s' if part.size != 1 else ''}" for part in (sold, coming)]
    return (" | ".join(drawn), f"0 to {most:,.4g} units a week, {weeks[0]} sold | {weeks[1]} expected")


def answer(found: Forecast, chosen: Ints, out: Any) -> dict[str, Any]:
    """The answer of ``nodewise forecast --json``."""
    named = found.skus.iloc[chosen]
    weeks = found.series_of(chosen).assign(week=lambda table: table["week"].dt.strftime("%Y-%m-%d"))
    return {
        "status": "forecast",
        "since": np.datetime64(int(found.span.since), "D"),
        "until": np.datetime64(int(found.span.until), "D"),
        "periods": list(found.case.settings.labels),
        "summary": found.summary.to_dict("records"),
        "skus": named.to_dict("records"),
        "series": weeks.to_dict("records") if chosen.size else [],
        "workbook": out,
    }
