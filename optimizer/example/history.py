"""Eighteen months of invented orders: weekdays, seasons, growth, launches, campaigns, baskets.

Only uniform draws are taken from the generator and turned into choices here, so that one seed gives one history.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from .records import Record, numbers, records

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

FIRST_DAY = date(2025, 5, 1)
LAST_DAY = date(2026, 10, 31)
LINES_PER_DAY = 90.0  # at the start, on an average weekday without campaign
YEARLY_GROWTH = 0.25
WEEKDAY = (1.12, 1.04, 0.98, 0.97, 0.94, 0.9, 1.05)  # Monday first
BASKET = (0.58, 0.25, 0.11, 0.04, 0.02)  # share of orders with one, two ... lines
QUANTITY = (0.81, 0.14, 0.03, 0.02)  # share of lines with one, two ... units
SAME_CATEGORY = 0.55  # chance that a further line stays in the category of the first
CHANNELS = {"web": 0.63, "app": 0.20, "marketplace": 0.12, "social": 0.042, "wholesale": 0.008}
STATUSES = {"shipped": 0.986, "returned": 0.008, "cancelled": 0.006}
LAUNCH_DAYS, LAUNCH_LIFT = 10, 1.6
WARM_SOUTH_OF = 36.0
REMOTE_PROMISE_DAYS = 4
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


@dataclass(frozen=True)
class Lines:
    """Order lines in order of time; arrays of one length, indices into the CSV files' rows."""

    order: Ints  # counts orders from 0
    day: Ints  # days since FIRST_DAY
    sku: Ints
    region: Ints
    quantity: Ints  # units
    channel: Ints  # index into CHANNELS
    status: Ints  # index into STATUSES


def order_lines(seed: int) -> Lines:
    """The whole history."""
    chance = np.random.default_rng([seed, 1])
    days = (LAST_DAY - FIRST_DAY).days + 1
    blocks = list(_baskets(chance, intensities(days)))
    counts = np.array([len(block) and int(block[-1, 0]) + 1 for block in blocks])
    table = np.concatenate(blocks)
    table[:, 0] += np.repeat(np.cumsum(counts) - counts, [len(block) for block in blocks])
    return _merged(table)


def intensities(days: int) -> Floats:
    """Relative appetite for each SKU on each day, shape (days, skus): popularity x season x launch x campaigns."""
    skus = records("catalogue")
    calendar = [FIRST_DAY + timedelta(day) for day in range(days)]
    season = {row["category"]: [float(row[month]) for month in MONTHS] for row in records("seasons")}
    monthly = np.array([[season[sku["category"]][day.month - 1] for sku in skus] for day in calendar])
    appetite = np.array(numbers("catalogue", "popularity"))[None, :] * monthly
    appetite *= np.array([[_life(sku, day) for sku in skus] for day in calendar])
    for campaign in records("campaigns"):
        appetite *= _uplift(campaign, calendar)
    return appetite


def _life(sku: Record, day: date) -> float:
    """0 before launch and after the end, a lift in the first days, else 1."""
    launch = date.fromisoformat(sku["launch_date"] or "1999-01-01")
    end = date.fromisoformat(sku["end_date"] or "2999-01-01")
    if not launch <= day <= end:
        return 0.0
    return LAUNCH_LIFT if day < launch + timedelta(LAUNCH_DAYS) else 1.0


def _uplift(campaign: Record, calendar: list[date]) -> Floats:
    """The campaign's factor, shape (days, skus); a regional campaign is left to the future."""
    inside = np.array([campaign["from"] <= day.isoformat() <= campaign["until"] for day in calendar])
    meant = np.array([_concerns(campaign, sku) for sku in records("catalogue")]) & (not campaign["region"])
    return np.where(inside[:, None] & meant[None, :], float(campaign["uplift"]), 1.0)


def _concerns(campaign: Record, sku: Record) -> bool:
    return all(campaign[name] in ("", sku[name]) for name in ("sku", "category"))


def _baskets(chance: np.random.Generator, appetite: Floats) -> Iterator[Ints]:
    """One block per day: columns order (from 0 within the day), day, sku, region, quantity, channel, status."""
    base = np.array(numbers("catalogue", "popularity")).sum()
    taste, zone_of = _tastes()
    population = np.array(numbers("regions", "population_m")) * np.array(numbers("regions", "pull"))
    per_order = float(np.dot(BASKET, np.arange(1, len(BASKET) + 1)))
    for day, wish in enumerate(appetite):
        weekday = WEEKDAY[(FIRST_DAY + timedelta(day)).weekday()]
        growth = (1 + YEARLY_GROWTH) ** (day / 365)
        noise = 1 + 0.3 * (chance.random() + chance.random() - 1)
        orders = round(LINES_PER_DAY / per_order * wish.sum() / base * weekday * growth * noise)
        region = _draw(chance, population, orders)
        size = 1 + _draw(chance, np.array(BASKET), orders)
        channel = _draw(chance, np.array(list(CHANNELS.values())), orders)
        order = np.repeat(np.arange(orders), size)
        sku = _skus(chance, wish[None, :] * taste, zone_of[region], order)
        quantity = 1 + _draw(chance, np.array(QUANTITY), len(order))
        wholesale = channel[order] == list(CHANNELS).index("wholesale")
        quantity = np.where(wholesale, 2 + 2 * quantity, quantity)
        status = _draw(chance, np.array(list(STATUSES.values())), len(order))
        yield np.column_stack([order, np.full_like(order, day), sku, region[order], quantity, channel[order], status])


def _tastes() -> tuple[Floats, Ints]:
    """Factor per zone (cool, warm, remote) and SKU, and the zone of every region."""
    of_category = {row["category"]: row for row in records("seasons")}
    rows = [of_category[sku["category"]] for sku in records("catalogue")]
    taste = np.array([np.ones(len(rows)), [float(row["warm"]) for row in rows], [float(row["remote"]) for row in rows]])
    warm = np.array(numbers("regions", "lat")) < WARM_SOUTH_OF
    remote = np.array(numbers("regions", "promise_days")) >= REMOTE_PROMISE_DAYS
    return taste, np.where(remote, 2, np.where(warm, 1, 0))


def _skus(chance: np.random.Generator, wish: Floats, zone: Ints, order: Ints) -> Ints:
    """A SKU for every line: the first by appetite, most of the others from the first one's category."""
    categories = [sku["category"] for sku in records("catalogue")]
    groups = np.unique(categories, return_inverse=True)[1]
    first = np.array([_draw(chance, wish[area], 1)[0] for area in zone], dtype=np.int64)
    opens = np.concatenate([[True], np.diff(order) > 0]) if len(order) else np.zeros(0, dtype=bool)
    stays = chance.random(len(order)) < SAME_CATEGORY
    pick = chance.random(len(order))
    sku = first[order]
    for line in np.flatnonzero(~opens):
        weight = wish[zone[order[line]]]
        weight = np.where(groups == groups[first[order[line]]], weight, 0.0) if stays[line] else weight
        sku[line] = _pick(weight, pick[line : line + 1])[0]
    return sku


def _draw(chance: np.random.Generator, weight: Floats, count: int) -> Ints:
    return _pick(weight, chance.random(count))


def _pick(weight: Floats, uniform: Floats) -> Ints:
    """Indices with probability in proportion to the weights, from uniform draws."""
    steps = np.cumsum(weight)
    return np.minimum(np.searchsorted(steps, uniform * steps[-1], side="right"), len(weight) - 1)


def _merged(table: Ints) -> Lines:
    """One line per order and SKU: a basket that names a SKU twice holds the sum, with the first line's status."""
    _, first, line = np.unique(table[:, [0, 2]], axis=0, return_index=True, return_inverse=True)
    quantity = np.bincount(line.ravel(), weights=table[:, 4]).astype(np.int64)
    keep = np.argsort(first, kind="stable")
    kept = table[first[keep]]
    return Lines(kept[:, 0], kept[:, 1], kept[:, 2], kept[:, 3], quantity[keep], kept[:, 5], kept[:, 6])
