"""What each node wants: now, before it opens, and what it could take besides."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.instance import Bools, Floats, Ints

from .basis import TOLERANCE, PlanBasis, column_of
from .ends import last_days, too_late
from .stock import aims, short, sold_in_a_row

NOW, BEFORE, BESIDES = 0, 1, 2


@dataclass(frozen=True)
class Needs:
    """Figures (K,N) of the first period and of what must be ready for the next."""

    now: Floats  # units that lift a node at or below its reorder point to what it aims at, if any can come in time
    before: Floats  # units that must lie at a node when it begins to stock the SKU
    besides: Floats  # whole units more that fit below its level, or that it sells while the plan has the SKU there
    begins: Ints  # first period in which the node stocks the SKU, 0 where never
    opens: Floats  # days from the start until then, and in any case until the node opens
    position: Floats  # on hand + on order today
    lacks: Floats  # units to its level of that period less the position, -inf where no order for it is pressing yet
    short: Floats  # the same wherever a node begins later; 0 elsewhere


def needs(basis: PlanBasis) -> Needs:
    """Needs of today, and those that have to be on their way before the first period ends."""
    instance, stocked = basis.instance, basis.stocked
    position = instance.on_hand + instance.on_order
    pressing = short(basis) & (~too_late(basis) | (basis.case.settings.transfer_days <= last_days(basis)))
    aim = aims(basis)
    gap = np.maximum(aim - position, 0.0)
    useful = np.maximum(gap, sold_in_a_row(basis) - position) - np.where(pressing, gap, 0.0)
    begins, opens = _beginnings(basis)
    late = np.where(begins > 0, opens - _slowest(basis, begins), np.inf) <= instance.days[0]
    k, n = np.indices(begins.shape)
    level = (basis.evaluation.reorder_point + basis.evaluation.order_quantity)[k, n, begins]
    below = np.where(begins > 0, level - position, 0.0)
    lacks = np.where(late & (begins > 0), below, -np.inf)
    return Needs(
        now=np.where(pressing, gap, 0.0),
        before=np.maximum(lacks, 0.0),
        besides=np.where(stocked[:, :, 0], np.floor(useful + TOLERANCE), 0.0),
        begins=begins,
        opens=opens,
        position=position,
        lacks=lacks,
        short=below,
    )


def _beginnings(basis: PlanBasis) -> tuple[Ints, Floats]:
    """(K,N) the first period, after the first of the plan, in which a node not stocked now stocks the SKU (0: none),
    and the days until then: its first day, or the day the node opens."""
    stocked, instance = basis.stocked, basis.instance
    later = ~stocked[:, :, 0] & stocked.any(axis=2)
    begins = np.where(later, np.argmax(stocked, axis=2), 0)
    starts = np.concatenate([[0.0], np.cumsum(instance.days)])[:-1]
    return begins, np.maximum(starts[begins], days_until_open(basis)[None, :])


def days_until_open(basis: PlanBasis) -> Floats:
    """(N,) days from the start until a node's window begins; 0 where it has begun or there is none."""
    window = column_of(basis.case.nodes, "node", basis.instance.nodes, "open_from").to_numpy(dtype="datetime64[D]")
    opened = window - np.datetime64(basis.start)
    return np.maximum(np.where(np.isnat(opened), 0.0, opened.astype(np.int64)), 0.0)


def days_until_out(basis: PlanBasis) -> Floats:
    """(N,) days from the start until the last day on which goods can leave a node: its window's, or the day before the
    plan closes it; 0 where it is not open now and its window does not end in the first period, inf where it stays."""
    ends, closed = np.cumsum(basis.instance.days) - 1.0, _days_until_closed(basis)
    here = np.logical_and.accumulate(basis.open, axis=1)
    last = np.where(here[:, -1], np.inf, ends[np.maximum(here.sum(axis=1) - 1, 0)])
    return np.where(here[:, 0], np.minimum(last, closed), np.where(closed <= ends[0], closed, 0.0))


def _days_until_closed(basis: PlanBasis) -> Floats:
    """(N,) days from the start until the last day of a node's window, none before the start; inf where it has none."""
    window = column_of(basis.case.nodes, "node", basis.instance.nodes, "open_until").to_numpy(dtype="datetime64[D]")
    until = np.where(np.isnat(window), 0, (window - np.datetime64(basis.start)).astype(np.int64))
    return np.where(np.isnat(window), np.inf, np.maximum(until, 0.0))


def _slowest(basis: PlanBasis, begins: Ints) -> Floats:
    """(K,N) days that goods may need to a node: its lead time then, or a transfer."""
    k, n = np.indices(begins.shape)
    return np.maximum(basis.evaluation.lead_time[k, n, begins], basis.case.settings.transfer_days)


def leaves(basis: PlanBasis) -> tuple[Bools, Floats]:
    """(K,N) nodes that stock the SKU in the first period and not in the next, and (N,) days from the start until the
    last of it must be out: the end of the period, or the node's last day if that is sooner."""
    stocked, instance = basis.stocked, basis.instance
    left = stocked[:, :, 0] & ~stocked[:, :, 1] if stocked.shape[2] > 1 else np.zeros_like(stocked[:, :, 0])
    window = column_of(basis.case.nodes, "node", instance.nodes, "open_until").to_numpy(dtype="datetime64[D]")
    until = window - np.datetime64(basis.start)
    last = np.where(np.isnat(until), np.inf, until.astype(np.int64))
    return left, np.minimum(instance.days[0] - 1.0, last)
