"""Lead times learnt from receipts: what deliveries took, drawn towards the supplier's record and what is stated."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special

from .instance import Bools, Floats, Ints

STATED_WEIGHT = 4.0  # receipts that the stated lead time, and its standard deviation, count for
ROUNDS = 20  # of expectation and maximisation, where orders are open
LEAST_SD = 1e-3  # days


@dataclass(frozen=True)
class Receipts:
    """Deliveries, one per order at a node."""

    group: Ints  # (N,) number of the pair of supplier and node
    days: Floats  # (N,) from order to receipt; for open orders how long they have been open
    open: Bools  # (N,) not received yet


@dataclass(frozen=True)
class LeadTimes:
    """Per group (G,): days."""

    mean: Floats
    sd: Floats
    received: Ints  # deliveries seen
    open: Ints


def learn(receipts: Receipts, supplier: Ints, mean: Floats, sd: Floats) -> LeadTimes:
    """Mean and standard deviation of the lead time of each group; supplier (G,), stated mean and sd (G,) in days.

    A supplier's punctuality is what its deliveries took over what is stated, all its nodes together; the expectation
    for a group is the stated figure times that, and counts for STATED_WEIGHT deliveries beside the group's own; the
    supplier's punctuality itself is drawn towards 1 with the same weight. The variance likewise: the group's own about
    its mean, the supplier's relative one, the stated. Open orders are censored: a gamma variable that is longer than
    the days so far (expectation and maximisation), so that a late one lengthens the lead time before it arrives.
    """
    count = mean.size
    stated = np.maximum(mean, 0.5)
    found, spread = stated.copy(), np.maximum(np.square(sd), LEAST_SD**2)
    for _ in range(ROUNDS if receipts.open.any() else 1):
        first, second = _moments(receipts, found, spread)
        n = np.bincount(receipts.group, minlength=count).astype(float)
        total, squares = (np.bincount(receipts.group, values, minlength=count) for values in (first, second))
        ratio = _by_supplier(total / stated + 0.0, n, supplier, np.ones(count))
        found = (total + STATED_WEIGHT * ratio * stated) / (n + STATED_WEIGHT)
        own = np.maximum(squares - 2 * found * total + n * np.square(found), 0.0)
        shared = _by_supplier(own / np.square(found), n, supplier, np.square(sd / stated)) * np.square(found)
        spread = np.maximum((own + STATED_WEIGHT * shared) / (n + STATED_WEIGHT), LEAST_SD**2)
    received, still = (np.bincount(receipts.group[of], minlength=count) for of in (~receipts.open, receipts.open))
    return LeadTimes(found, np.sqrt(spread), received, still)


def _by_supplier(total: Floats, n: Floats, supplier: Ints, prior: Floats) -> Floats:
    """(G,) mean of the supplier's observations, ``prior`` counting for STATED_WEIGHT of them."""
    sums, number = np.bincount(supplier, total)[supplier], np.bincount(supplier, n)[supplier]
    return np.asarray((sums + STATED_WEIGHT * prior) / (number + STATED_WEIGHT))


def _moments(receipts: Receipts, mean: Floats, variance: Floats) -> tuple[Floats, Floats]:
    """First and second moment (N,) of each lead time; of open orders given that they are longer than so far."""
    first, second = receipts.days.copy(), np.square(receipts.days)
    at = np.flatnonzero(receipts.open)
    m, v = mean[receipts.group[at]], variance[receipts.group[at]]
    shape, so_far = m * m / v, receipts.days[at] * m / v
    alive = special.gammaincc(shape, so_far)
    sure = alive > 1e-9
    safe = np.where(sure, alive, 1.0)
    later = m * special.gammaincc(shape + 1, so_far) / safe
    square = (m * m + v) * special.gammaincc(shape + 2, so_far) / safe
    first[at] = np.where(sure, np.maximum(later, receipts.days[at]), receipts.days[at])
    second[at] = np.where(sure, np.maximum(square, np.square(first[at])), np.square(receipts.days[at]))
    return first, second
