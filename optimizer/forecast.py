"""The forecast on its own: what is expected, how it was found, and how wrong it was on days it had not seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from models.demand import DemandRates, History, Horizon, Span
from models.instance import Floats, Ints

from .case import Case
from .errors import UsageError
from .forecasting import forecast as rates_of
from .forecasting import from_history, history_of, span_of, tiers_of
from .tables import forecasts

__all__ = ["Forecast", "HeldOut", "forecast"]

DAYS = 28  # length of a held-out block, and of the naive forecast's memory
BLOCKS = 3  # held out, one after the other
LEAST_DAYS = 56  # of history before the first of them
YEAR = 364  # days back of the seasonal naive forecast: the same days of the week


@dataclass(frozen=True)
class HeldOut:
    """Blocks of DAYS days at the end of history, each forecast from the days before it. Arrays are (O,K), units."""

    first: Ints  # (O,) first day of each block
    sold: Floats
    said: Floats
    variance: Floats  # units^2, of the block's total: DAYS v + (eps said)^2
    naive: Floats  # what was sold in the DAYS days before
    seasonal: Floats  # what was sold on the same days a year before; nan without such a history


@dataclass(frozen=True, eq=False)
class Forecast:
    """Expected demand beside what is known of its error. Tables are data frames named like the workbook's sheets."""

    case: Case
    history: History
    span: Span
    rates: DemandRates
    held_out: HeldOut

    @cached_property
    def tiers(self) -> tuple[str, ...]:
        """(K,) tier of each SKU."""
        return tiers_of(self.case, self.rates)

    @cached_property
    def summary(self) -> pd.DataFrame:
        """Totals, and the error in all and by tier against the naive forecasts."""
        return forecasts.summary(self)

    @cached_property
    def skus(self) -> pd.DataFrame:
        """Every SKU: method, rate, spread and error."""
        return forecasts.skus(self)

    @cached_property
    def series(self) -> pd.DataFrame:
        """Weeks of the SKUs that sell most, past and to come."""
        return self.series_of(forecasts.biggest(self))

    def series_of(self, skus: Ints) -> pd.DataFrame:
        """Weeks of these SKUs (positions), past and to come."""
        return forecasts.series(self, skus)

    @property
    def headline(self) -> tuple[str, ...]:
        """The result in a few lines."""
        return forecasts.headline(self)

    def positions(self, names: Sequence[str]) -> Ints:
        """Positions of SKUs by name. Raises UsageError for one the case does not know."""
        index = pd.Index(self.case.skus["sku"])
        found = index.get_indexer(pd.Index(list(names), dtype=object))
        for name, at in zip(names, found, strict=True):
            if at < 0:
                raise UsageError(f'there is no SKU "{name}".', "See the sheet SKUs.")
        return found.astype(np.int64)

    def tables(self) -> Mapping[str, pd.DataFrame]:
        """All sheets by name, in the order of the workbook."""
        return {sheet: getattr(self, sheet.lower()) for sheet in forecasts.SHEETS}

    def write(self, path: str | Path) -> Path:
        """Write the tables as a workbook with charts, whole or not at all. Raises UsageError or WriteFailed."""
        from .writing.forecast_charts import draw
        from .writing.workbook import write_tables

        tables = {name: (table, forecasts.SHEETS[name]) for name, table in self.tables().items()}
        return write_tables(tables, path, lambda book: draw(book, self.series))


def forecast(case: Case) -> Forecast:
    """Forecast the periods of a case, and measure the same method on the last days of its history.

    Raises UsageError when there is no order line to learn from.
    """
    history = history_of(case)
    span = span_of(case.settings, history.day)
    if not ((history.day >= span.since) & (history.day <= span.until)).any():
        raise UsageError("there are no order lines to forecast from.", "Fill the sheet Orders, or pass --orders.")
    rates = rates_of(case)
    return Forecast(case, history, span, rates, held_out(case, history, span, tiers_of(case, rates)))


def held_out(case: Case, history: History, span: Span, tiers: tuple[str, ...]) -> HeldOut:
    """Forecast up to BLOCKS blocks at the end of history from what was known before each."""
    first = np.array(
        [day for n in range(BLOCKS, 0, -1) if (day := span.until + 1 - n * DAYS) - span.since >= LEAST_DAYS],
        dtype=np.int64,
    )
    count = len(case.skus)
    said, variance = np.zeros((first.size, count)), np.zeros((first.size, count))
    for row, day in enumerate(first.tolist()):
        horizon = Horizon(np.array([day]), np.array([DAYS]))
        rates = from_history(case, history, Span(span.since, day - 1), horizon, tiers)
        said[row] = DAYS * rates.mean[:, :, 0].sum(axis=1)
        variance[row] = DAYS * rates.variance[:, :, 0].sum(axis=1) + np.square(rates.level_error * said[row])
    sold = _sold(history, first, count)
    before = _sold(history, first - DAYS, count)
    year_ago = np.where((first - YEAR >= span.since)[:, None], _sold(history, first - YEAR, count), np.nan)
    return HeldOut(first, sold, said, variance, before, year_ago)


def _sold(history: History, first: Ints, count: int) -> Floats:
    """Units (O,K) in the DAYS days from each first one."""
    total = np.zeros((first.size, count))
    for row, day in enumerate(first.tolist()):
        inside = (history.day >= day) & (history.day < day + DAYS)
        total[row] = np.bincount(history.sku[inside], history.quantity[inside], minlength=count)
    return total
