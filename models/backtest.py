"""Forecasts of the level from rolling origins: the methods, their trial, the choice among them and its correction.

Arrays over time are (W, K): week by SKU. Forecasts are weekly units. No loop runs over SKUs.

The methods are plain enough to be a few lines each. statsforecast, which has them and more, cannot be had beside
pandas 3 (release 2.1 refuses it; 2.0.3 holds scipy below 1.16 and needs 3 to 7 s to import). On the next nine weeks of
1,000 SKUs of two real trades its IMAPA and ADIDA missed 0.215, 0.229 and 0.418 of the units, ``smooth_3`` here 0.219,
0.229 and 0.429, its AutoETS 0.250, 0.265 and 0.492, its CrostonSBA 0.303, 0.341 and 0.562.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .instance import Bools, Floats, Ints
from .series import Weekly

BLOCK = 4  # weeks in a block whose mean a forecast is tested against
MOST_BLOCKS = 3  # blocks ahead that are tested, at most
FOLDS = 4  # runs of origins that take turns in being foretold by the others
MOST_ORIGINS = 13  # rolling origins, at most
CHOICE_PRIOR = 12.0  # weight of similar SKUs' losses in the choice of a method, in blocks
LEAST_FORECAST = 0.02  # units a week; a smaller forecast is judged as this one
BAND = 50  # SKUs at least in a band of similar SKUs
MOST_BANDS = 20
MOST_CORRECTION = 10.0  # a pooled correction lies within 1/10 .. 10
HALF_LIVES = {"smooth_26": 26.0, "smooth_13": 13.0, "smooth_6": 6.0, "smooth_3": 3.0}  # weeks
TSB = (6.0, 26.0)  # half-lives, weeks, of the probability of a sale and of its size
LEAST_SEEN = 1.0  # weeks on sale before a forecast is tested
WINDOW = 13  # weeks of the moving mean
YEAR = 52  # weeks
METHODS = ("mean", *HALF_LIVES, "tsb", "window_13", "combined", "last_year")


def bands(rate: Floats, use: Bools) -> Ints:
    """(K,) number of the band of similar SKUs: quantiles of ``rate`` over those in ``use``, at least BAND in each.

    SKUs of rate zero make a band of their own, in which nothing is known.
    """
    rates = np.sort(rate[use & (rate > 0)])
    groups = min(MOST_BANDS, max(1, rates.size // BAND))
    edges = rates[(np.arange(1, groups) * rates.size) // groups] if groups > 1 else rates[:0]
    return np.where(rate > 0, np.searchsorted(edges, rate, side="right"), groups).astype(np.int64)


def pooled(top: Floats, bottom: Floats, band: Ints) -> Floats:
    """(K,) ratio of sums over the SKU's band; over all SKUs where the band has none; nan where nobody has."""
    upper, lower = np.bincount(band, weights=top), np.bincount(band, weights=bottom)
    overall = upper.sum() / lower.sum() if lower.sum() > 0 else np.nan
    return np.asarray(np.divide(upper, lower, out=np.full(upper.size, overall), where=lower > 0)[band])


# Methods -------------------------------------------------------------------------------------------------------------


def walk(series: Weekly, method: str, stops: Ints) -> Floats:
    """Forecasts (len(stops), K) at origins ``stops``, ascending: origin w has seen the weeks before w; 0 before any.

    Source of ``tsb``: Teunter, Syntetos & Babai, EJOR 214, 2011. ``combined`` is the mean of the four discounted means;
    ``last_year`` the mean of the year's weeks around the same season, where there were as many.
    """
    if method == "combined":
        return np.asarray(sum(walk(series, name, stops) for name in HALF_LIVES) / len(HALF_LIVES))
    if method == "tsb":
        return _tsb(series, stops)
    if method in HALF_LIVES:
        return _discounted(series, stops, 0.5 ** (1.0 / HALF_LIVES[method]))
    units, seen = running(series.units), running(series.exposure)
    if method == "last_year":
        return _last_year(units, seen, stops)
    since = np.maximum(0, stops - WINDOW) if method == "window_13" else np.zeros_like(stops)
    return _ratio(units[stops] - units[since], seen[stops] - seen[since])


def running(values: Floats) -> Floats:
    """Sums (W+1, K) of the weeks before each origin."""
    return np.vstack([np.zeros(values.shape[1]), np.cumsum(values, axis=0)])


def _ratio(top: Floats, bottom: Floats) -> Floats:
    return np.divide(top, bottom, out=np.zeros(np.broadcast_shapes(top.shape, bottom.shape)), where=bottom > 1e-9)


def _discounted(series: Weekly, stops: Ints, fade: float) -> Floats:
    """A discounted mean: simple exponential smoothing with exact start-up weights."""
    sales, seen = (np.zeros(series.units.shape[1]) for _ in range(2))
    found = {0: sales.copy()}
    wanted = set(stops.tolist())
    for week, (units, exposure) in enumerate(zip(series.units, series.exposure, strict=True), start=1):
        sales, seen = fade * sales + units, fade * seen + exposure
        if week in wanted:
            found[week] = _ratio(sales, seen)
    return np.array([found[stop] for stop in stops.tolist()])


def _tsb(series: Weekly, stops: Ints) -> Floats:
    """Discounted probability times discounted size of a weekly sale."""
    quick, slow = (0.5 ** (1.0 / half) for half in TSB)
    times, seen, size, sold = (np.zeros(series.units.shape[1]) for _ in range(4))
    found = {0: times.copy()}
    wanted = set(stops.tolist())
    for week, (units, exposure) in enumerate(zip(series.units, series.exposure, strict=True), start=1):
        happened = units > 0
        times, seen = quick * times + happened, quick * seen + exposure
        size, sold = slow * size + units, slow * sold + happened
        if week in wanted:
            found[week] = _ratio(times * size, seen * sold)
    return np.array([found[stop] for stop in stops.tolist()])


def _last_year(units: Floats, seen: Floats, stops: Ints) -> Floats:
    """Mean of the BLOCK * MOST_BLOCKS weeks that followed the origin's week a year before it; the mean before that."""
    begin = np.maximum(0, stops - YEAR)
    finish = np.where(stops >= YEAR, begin + BLOCK * MOST_BLOCKS, stops)
    return _ratio(units[finish] - units[begin], seen[finish] - seen[begin])


# Trial ---------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Trial:
    """What every method forecast from every origin (O), and what the blocks (N) of weeks after it held."""

    methods: tuple[str, ...]  # (M,) those with enough history to be tried
    guess: Floats  # (M,O,K) weekly units
    origin: Ints  # (N,) index of the block's origin
    stops: Ints  # (O,) origins
    actual: Floats  # (N,K) mean weekly units of the block, 0 where not valid
    valid: Bools  # (N,K) SKU on sale for a week or more before the origin, and all through the block
    overlap: float  # blocks that a week lies in, on average

    @property
    def blocks(self) -> Floats:
        """(K,) tests of a SKU, counted as blocks that do not overlap."""
        return np.asarray(self.valid.sum(axis=0) / self.overlap)


def trial(series: Weekly, blocks: int) -> Trial:
    """Forecast from up to MOST_ORIGINS origins and hold against the next ``blocks`` blocks of BLOCK full weeks each."""
    weeks, count = series.units.shape
    step = max(1, -(-(weeks - 2 * BLOCK) // MOST_ORIGINS))
    stops = np.arange(weeks - BLOCK, BLOCK - 1, -step)[::-1].astype(np.int64)
    pairs = [(i, stop + BLOCK * lead) for i, stop in enumerate(stops.tolist()) for lead in range(blocks)]
    pairs = [(i, begin) for i, begin in pairs if begin + BLOCK <= weeks]
    units, seen = running(series.units), running(series.exposure)
    actual, valid = np.zeros((len(pairs), count)), np.zeros((len(pairs), count), dtype=bool)
    for n, (i, begin) in enumerate(pairs):
        valid[n] = (seen[stops[i]] >= LEAST_SEEN) & (seen[begin + BLOCK] - seen[begin] > BLOCK - 0.01)
        actual[n] = np.where(valid[n], (units[begin + BLOCK] - units[begin]) / BLOCK, 0.0)
    methods = tuple(name for name in METHODS if name != "last_year" or weeks >= YEAR + BLOCK * (MOST_BLOCKS + 1))
    guess = np.array([walk(series, name, stops).reshape(stops.size, count) for name in methods])
    origin = np.array([i for i, _ in pairs], dtype=np.int64)
    return Trial(methods, guess, origin, stops, actual, valid, max(1.0, len(pairs) * BLOCK / max(weeks - BLOCK, 1)))


def losses(tried: Trial, use: Bools) -> Floats:
    """(M,K) summed Poisson deviance of each method's forecasts, units a week, in the blocks ``use`` (N,), as if apart.

    The deviance ``2 (y ln(y/f) - y + f)`` is least in expectation where f is the mean (Gneiting, JASA 106, 2011), and
    grows with the units, not with their square, so that one big order does not settle the choice.
    """
    total = np.zeros((tried.guess.shape[0], tried.valid.shape[1]))
    for n in np.flatnonzero(use):
        i, actual = tried.origin[n], tried.actual[n]
        for m in range(total.shape[0]):
            total[m] += np.where(tried.valid[n], deviance(actual, tried.guess[m, i]), 0.0)
    return total / tried.overlap


def deviance(actual: Floats, forecast: Floats) -> Floats:
    """Poisson deviance of forecasts, none below LEAST_FORECAST.

    >>> float(deviance(np.array([2.0]), np.array([2.0]))[0])
    0.0
    """
    f = np.maximum(forecast, LEAST_FORECAST)
    return np.asarray(2.0 * (np.where(actual > 0, actual * np.log(np.maximum(actual, 1e-300) / f), 0.0) - actual + f))


def choose(tried: Trial, mean: Floats, band: Ints) -> Ints:
    """(K,) index of the method of least loss, each SKU's own loss weighed with that of its band (CHOICE_PRIOR)."""
    return choices(tried, mean, band)[0]


def choices(tried: Trial, mean: Floats, band: Ints) -> tuple[Ints, Floats]:
    """The choice (K,), and the forecasts (O,K) of methods chosen without the blocks they are held against.

    For the latter, the origins are cut in FOLDS runs, and each takes the choice that the others' blocks make: errors of
    a method that won on the same blocks would be too small.
    """
    fold = tried.origin * FOLDS // max(1, tried.stops.size)
    parts = [(losses(tried, fold == n), tried.valid[fold == n].sum(axis=0) / tried.overlap) for n in range(FOLDS)]
    loss, tests = sum(part[0] for part in parts), sum(part[1] for part in parts)
    choice = _least(np.asarray(loss), np.asarray(tests), mean, band)
    apart = chosen(tried, choice)
    for n, (own, seen) in enumerate(parts):
        mine = np.unique(tried.origin[fold == n])
        if mine.size and (fold != n).any():
            apart[mine] = chosen(tried, _least(loss - own, tests - seen, mean, band))[mine]
    return choice, apart


def _least(loss: Floats, blocks: Floats, mean: Floats, band: Ints) -> Ints:
    """(K,) method of least loss (M,K), summed over ``blocks`` (K,), both counted as blocks that do not overlap."""
    score = np.empty_like(loss)
    for m, own in enumerate(loss):
        relative = np.nan_to_num(pooled(own, blocks * mean, band))
        score[m] = (own + CHOICE_PRIOR * relative * mean) / (blocks + CHOICE_PRIOR)
    return np.asarray(score.argmin(axis=0))


def chosen(tried: Trial, choice: Ints) -> Floats:
    """Forecasts (O,K) of the method each SKU was given, ``choice`` (K,)."""
    return np.take_along_axis(tried.guess, choice[None, None, :], axis=0)[0]


# Correction ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Correction:
    """What forecasts were worth: ``actual = factor(forecast) forecast`` on average, by the forecast's size."""

    log_rate: Floats  # (G,) mean log forecast of a group, ascending
    log_factor: Floats  # (G,)

    def __call__(self, forecast: Floats) -> Floats:
        """Corrected forecasts of any shape, weekly units; 0 stays 0."""
        if not self.log_rate.size:
            return forecast
        at = np.interp(np.log(np.maximum(forecast, 1e-12)), self.log_rate, self.log_factor)
        return np.where(forecast > 0, forecast * np.exp(at), 0.0)


def correction(tried: Trial, guess: Floats, regular: Bools | None = None) -> Correction:
    """Regression to the mean, measured: small forecasts turn out too small and large ones too large.

    guess (O,K): the chosen forecasts. SKUs are grouped by the size of the forecast; a group's factor is what was sold
    over what was forecast, beside the same ratio of all SKUs (of those ``regular`` (O,K) then, where given), its
    logarithm shrunk by ``1 - (se / log factor)^2`` (James & Stein 1961, positive part) with the standard error over
    SKUs; the factor of all of them likewise, with the standard error over origins, from a year of history on: before,
    it would be the season's. Fewer than BAND SKUs, or fewer than three origins, correct nothing.
    """
    forecast = np.where(tried.valid, guess[tried.origin], 0.0)
    live = forecast > 0
    skus = int(live.any(axis=0).sum())
    if skus < BAND or np.unique(tried.origin[live.any(axis=1)]).size < 3:
        return Correction(np.zeros(0), np.zeros(0))
    rates = np.sort(forecast[live])
    groups = max(1, min(MOST_BANDS, skus // BAND))
    edges = rates[(np.arange(1, groups) * rates.size) // groups] if groups > 1 else rates[:0]
    group = np.searchsorted(edges, forecast, side="right")
    usual = live if regular is None else live & regular[tried.origin]
    overall = tried.actual[usual].sum() / max(forecast[usual].sum(), 1e-9)
    trade = _shared_factor(tried, forecast, live) if tried.stops[-1] >= YEAR else 0.0
    points = []
    for g in range(groups):
        mine = live & (group == g)
        if mine.any():
            points.append((np.log(forecast[mine].mean()), trade + _group_factor(tried.actual, forecast, mine, overall)))
    x, y = np.array(points).T
    kept = np.concatenate([[True], np.diff(x) > 1e-6])
    bound = np.log(MOST_CORRECTION)
    return Correction(x[kept], np.clip(y[kept], -bound, bound))


def _group_factor(actual: Floats, forecast: Floats, mine: Bools, overall: float) -> float:
    """Shrunken log of a group's factor, over that of all SKUs; the error is that of sums over SKUs."""
    sold, said = np.where(mine, actual, 0.0).sum(axis=0), np.where(mine, forecast, 0.0).sum(axis=0) * overall
    factor = sold.sum() / said.sum() if said.sum() > 0 else 1.0
    if factor <= 0:
        return 0.0
    error = float(np.sqrt(np.square(sold - factor * said).sum())) / sold.sum()
    return shrunk(float(np.log(factor)), error)


def _shared_factor(tried: Trial, forecast: Floats, live: Bools) -> float:
    """Shrunken log of the factor of all SKUs; origins count as far as their blocks do not overlap."""
    logs = []
    for i in np.unique(tried.origin):
        rows = tried.origin == i
        sold, said = tried.actual[rows][live[rows]].sum(), forecast[rows].sum()
        if sold > 0 and said > 0:
            logs.append(np.log(sold / said))
    count = len(logs) / tried.overlap
    if len(logs) < 3 or count < 1:
        return 0.0
    return shrunk(float(np.mean(logs)), float(np.std(logs, ddof=1) / np.sqrt(count)))


def shrunk(value: float, error: float) -> float:
    """``value (1 - (error / value)^2)``, or 0 where that is the smaller (James & Stein 1961, positive part).

    >>> shrunk(0.2, 0.1), shrunk(0.2, 0.3)
    (0.15000000000000002, 0.0)
    """
    return value * max(0.0, 1.0 - (error / value) ** 2) if value else 0.0
