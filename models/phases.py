"""Phases of a SKU's life - new, young, silent, else regular - and what forecasts of each turned out to be worth.

A first sale is often a pipeline being filled, a long silence often the end: each trade shows what follows in its own.
Arrays over origins are (O,K), as in `backtest.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from .backtest import BAND, BLOCK, LEAST_FORECAST, Correction, Trial, correction, deviance, running, shrunk
from .instance import Bools, Floats, Ints
from .series import Weekly, seems_launched

NEW_WEEKS, YOUNG_WEEKS = 4.0, 8.0  # on sale
SILENT_WEEKS = np.array([4.0, 8.0, 16.0])  # without a sale, above which a SKU is silent, more so, most so
REGULAR, NEW, YOUNG, SILENT = 0, 1, 2, 3
PHASES = SILENT + SILENT_WEEKS.size
STRENGTHS = (4.0, 0.5, 1.0, 2.0, 8.0, 16.0)  # weight of the category's rate, in weeks; the first without evidence
POWERS = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5)
TOP = 0.9  # quantile of the ratio that no launch counts above
GAIN = 0.005  # of the loss, by which another strength or power must be better


@dataclass(frozen=True)
class Phases:
    """Where SKUs stand at each origin."""

    weeks: Floats  # (O,K) on sale, as far as could be known then
    phase: Ints  # (O,K)
    since: Floats  # (O,K) weekly units since a launch that only seemed one then, nan elsewhere

    def known(self, guess: Floats) -> Floats:
        """Forecasts (O,K) as they would have been made then."""
        return np.where(np.isnan(self.since) | (self.weeks >= YOUNG_WEEKS), guess, self.since)


def phases(series: Weekly, stops: Ints, dated: Bools) -> Phases:
    """Phases at origins ``stops``. New and young SKUs count as such however silent; one never sold is no silent one.

    A SKU that sold once may have looked like a launch in the weeks after, and is counted as one in them, though later
    weeks show that it had been on sale all along: what became of launches is not to be learnt from those that went on.
    ``dated`` (K,): the launch date is stated, and holds.
    """
    weeks, count = series.units.shape
    sold = series.units > 0
    last = np.maximum.accumulate(np.where(sold, np.arange(1, weeks + 1)[:, None], 0), axis=0)
    last = np.vstack([np.zeros(count, dtype=np.int64), last])[stops]
    first, active = sold.argmax(axis=0), running(sold.astype(float))[stops].astype(np.int64)
    age = stops[:, None] - first
    seen = running(series.exposure)[stops]
    seeming = seems_launched(first, active, stops[:, None]) & (age < seen - 0.5) & ~dated
    seen = np.where(seeming, age, seen)
    since = np.where(seeming, running(series.units)[stops] / np.maximum(age, 1), np.nan)
    silent = np.searchsorted(SILENT_WEEKS, stops[:, None] - last, side="left")
    phase = np.where((silent > 0) & (last > 0), SILENT - 1 + silent, REGULAR)
    phase = np.where(seen < YOUNG_WEEKS, np.where(seen < NEW_WEEKS, NEW, YOUNG), phase)
    return Phases(seen, phase.astype(np.int64), since)


def category_rates(level: Floats, known: Bools, category: Ints, count: int) -> Floats:
    """(K,) median weekly level of the category's SKUs in ``known``; nan where the category has none or is blank.

    The median, not the mean: a category's mean is made by its few best sellers.
    """
    use = np.flatnonzero(known & (level > 0) & (category >= 0))
    ordered = use[np.lexsort((level[use], category[use]))]
    number = np.bincount(category[ordered], minlength=count)
    begin = np.cumsum(number) - number
    rate = np.full(count + 1, np.nan)
    some = number > 0
    low, high = begin[some] + (number[some] - 1) // 2, begin[some] + number[some] // 2
    rate[:-1][some] = (level[ordered[low]] + level[ordered[high]]) / 2
    return np.asarray(rate[np.where(category < 0, count, category)])


def launch_factor(series: Weekly, prior: Floats, stops: Ints) -> float:
    """What a SKU sells in the BLOCK weeks after the week of its launch, over its category's median by then.

    Launches are weeks of a first sale before which the SKU was not on sale; that week itself is left out, as it holds
    a sale by choice. Units of all launches over the medians of all, none counted with more than the ninth decile of
    the ratio: a few that are an event do not speak for the rest. 1 for fewer than BAND launches. prior (O,K):
    category medians at origins ``stops``.
    """
    weeks = series.units.shape[0]
    first = np.where((series.units > 0).any(axis=0), (series.units > 0).argmax(axis=0), weeks)
    origin = np.searchsorted(stops, first, side="right") - 1
    sku = np.flatnonzero((first > 0) & (first + 1 + BLOCK <= weeks) & (origin >= 0))
    sku = sku[series.exposure[first[sku] - 1, sku] < 0.5]
    rate = prior[origin[sku], sku]
    sku, rate = sku[~np.isnan(rate)], rate[~np.isnan(rate)]
    units = running(series.units)
    sold = (units[first[sku] + 1 + BLOCK, sku] - units[first[sku] + 1, sku]) / BLOCK
    if sku.size < BAND:
        return 1.0
    usual = np.minimum(sold, np.quantile(sold / rate, TOP) * rate)
    return float(usual.sum() / rate.sum()) if usual.sum() > 0 else 1.0


def _log_factor(sold: Floats, said: Floats, sku: Ints) -> float:
    """Shrunken log of what was sold over what was said; the error is that of sums over SKUs."""
    factor = sold.sum() / said.sum()
    error = float(np.sqrt(np.square(np.bincount(sku, sold) - factor * np.bincount(sku, said)).sum())) / sold.sum()
    return shrunk(float(np.log(factor)), error)


@dataclass(frozen=True)
class Adjustment:
    """``exp(log_factor) pivot (rate / pivot)^power``: what a forecast of weekly units was worth."""

    log_factor: float = 0.0
    power: float = 1.0
    pivot: float = 1.0

    def __call__(self, rate: Floats) -> Floats:
        """Adjusted rates of any shape; 0 stays 0."""
        if self.log_factor == 0.0 and self.power == 1.0:
            return rate
        return np.where(rate > 0, np.exp(self.log_factor) * raised(rate, self.power, self.pivot), 0.0)


def raised(rate: Floats, power: float, pivot: float) -> Floats:
    """``pivot (rate / pivot)^power``, no rate below LEAST_FORECAST."""
    return np.asarray(pivot * (np.maximum(rate, LEAST_FORECAST) / pivot) ** power)


@dataclass(frozen=True)
class Experience:
    """All that rolling origins taught: forecasts of every phase are put right by it."""

    size: Correction  # of regular and silent SKUs
    strength: Floats  # (PHASES,) weeks that the category's rate weighs; used for NEW and YOUNG
    adjust: tuple[Adjustment, ...]  # (PHASES,)

    def __call__(self, level: Floats, at: Phases, prior: Floats) -> Floats:
        """Weekly units expected, of the shape of ``level``, from the chosen method's and the category's median."""
        early = (at.phase == NEW) | (at.phase == YOUNG)
        rate = np.where(early, lent(level, at.weeks, prior, self.strength[at.phase]), self.size(level))
        for phase, adjust in enumerate(self.adjust):
            here = at.phase == phase
            if here.any():
                rate = np.where(here, adjust(rate), rate)
        return rate


def lent(level: Floats, weeks: Floats, prior: Floats, strength: Floats) -> Floats:
    """``(weeks level + strength prior) / (weeks + strength)``; ``level`` where the prior is nan."""
    return np.where(np.isnan(prior), level, (weeks * level + strength * np.nan_to_num(prior)) / (weeks + strength))


def experience(tried: Trial, guess: Floats, at: Phases, prior: Floats) -> Experience:
    """Learn what the trial's forecasts ``guess`` (O,K) were worth in each phase.

    New and young SKUs: the strength of the category's rate, the power and the factor of least Poisson deviance, the
    factor shrunk; silent SKUs the same, without a strength, on top of the correction by size - and never upwards: of
    a few that come back, one big order would raise them all. Fewer than BAND SKUs tested in a phase: nothing.
    """
    early = (at.phase == NEW) | (at.phase == YOUNG)
    size = correction(replace(tried, valid=tried.valid & ~early[tried.origin]), guess, at.phase == REGULAR)
    sized = size(guess)
    strength, adjust = np.full(PHASES, STRENGTHS[0]), [Adjustment()] * PHASES
    for phase in range(NEW, PHASES):
        base = guess if phase < SILENT else sized
        use = tried.valid & ((at.phase == phase) & ((guess > 0) | ~np.isnan(prior)))[tried.origin]
        sku = np.nonzero(use)[1]
        if np.unique(sku).size < BAND:
            continue
        rate, weeks, median = (values[tried.origin][use] for values in (base, at.weeks, prior))
        options = STRENGTHS if phase < SILENT else STRENGTHS[:1]
        rates = [lent(rate, weeks, median, np.asarray(option)) if phase < SILENT else rate for option in options]
        chosen, found = _fitted(tried.actual[use], rates, sku)
        strength[phase] = options[chosen]
        if phase < SILENT or found.log_factor <= 0:
            adjust[phase] = found
    return Experience(size, strength, tuple(adjust))


def _fitted(actual: Floats, rates: list[Floats], sku: Ints) -> tuple[int, Adjustment]:
    """Which of the ``rates``, and its adjustment, of least Poisson deviance from what was sold."""
    if actual.sum() <= 0:  # none of them sold: as if one unit had been
        return 0, Adjustment(min(0.0, -float(np.log(np.maximum(rates[0].sum(), 1e-9)))))
    least, best = np.inf, (0, Adjustment())
    for option, rate in enumerate(rates):
        logs = np.log(np.maximum(rate, LEAST_FORECAST))
        pivot = float(np.exp(actual @ logs / actual.sum()))
        for power in POWERS:
            said = raised(rate, power, pivot)
            log = _log_factor(actual, said, sku)
            loss = float(deviance(actual, np.exp(log) * said).sum())
            if loss < least * (1.0 - GAIN):
                least, best = loss, (option, Adjustment(log, power, pivot))
    return best
