"""What a node still sells before the plan leaves it, and whether an order of today comes before (section 10)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .decisions import Read
from .facts import Bools, Floats, Ints
from .recompute import Recomputed
from .reference import Reference


@dataclass(frozen=True)
class Leaving:
    """Arrays (K, N) of nodes that stock a SKU in the first period."""

    sold: Floats  # whole units until the last day of sale; inf where the node stays to the end
    late: Bools  # an order of today comes after that day
    vain: Bools  # it would, had every node that stocks the SKU on the way to order first
    draws: Bools  # the goods come from another node's stock

    def most(self, position: Floats) -> Floats:
        """(K, N) whole units that may be drawn from another node's stock; inf where the node draws on none."""
        return np.where(self.draws, np.floor(self.sold - position + 1e-9), np.inf)


def leaving(read: Read, ref: Reference, found: Recomputed) -> Leaving:
    """Who leaves when, by the windows of the nodes and the periods in a row in which the plan stocks the SKU there."""
    stocked, last = read.decisions.stocked, _last_days(read, ref)
    within = last < float(ref.known.calendar.days.sum())
    first = found.rows[found.rows["stocked"].astype(bool) & (found.rows["t"] == 0)]
    lead = np.zeros(ref.holds.shape)
    lead[first["k"], first["n"]] = np.ceil(first["lead_time"] - 1e-9)
    source = _stocked_feeder(ref.sources.feeder, stocked[:, :, 0])
    days, at, count = lead.copy(), source, len(ref.known.sites.names)
    for _ in range(count):
        days += np.where(at >= 0, np.take_along_axis(lead, at % count, axis=1), 0.0)
        at = np.where(at >= 0, np.take_along_axis(source, at % count, axis=1), -1)
    return Leaving(
        sold=np.where(within, np.ceil(_sold(read, ref, found) - 1e-9), np.inf),
        late=stocked[:, :, 0] & (lead > last),
        vain=stocked[:, :, 0] & (days > last),
        draws=source >= 0,
    )


def _last_days(read: Read, ref: Reference) -> Floats:
    """(K, N) days from the start to the last day of sale: of the row of periods, inf where it reaches the end, or of
    the node's window."""
    start = ref.known.calendar.starts[0].to_datetime64().astype("datetime64[D]")
    last = np.full(ref.holds.shape, -1.0)
    here, passed = np.ones(ref.holds.shape, dtype=bool), 0.0
    for t, length in enumerate(ref.known.calendar.days):
        here &= read.decisions.stocked[:, :, t]
        passed += float(length)
        last[here] = passed - 1.0
    last[here] = np.inf
    window = (ref.known.sites.open_until - start).astype(float)
    return np.minimum(last, window[None, :])


def _sold(read: Read, ref: Reference, found: Recomputed) -> Floats:
    """(K, N) units sold or sent on, day by day inside the window, until the row of periods ends."""
    flow = np.zeros(read.decisions.stocked.shape)
    rows = found.rows[found.rows["stocked"].astype(bool)]
    flow[rows["k"], rows["n"], rows["t"]] = rows["flow"]
    sold, here = np.zeros(ref.holds.shape), np.ones(ref.holds.shape, dtype=bool)
    for t in range(len(ref.known.calendar)):
        here &= read.decisions.stocked[:, :, t]
        sold += here * flow[:, :, t] * ref.known.sites.open_days[:, t]
    return sold


def _stocked_feeder(feeder: Ints, stocked: Bools) -> Ints:
    """(K, N) the first node above that stocks the SKU, cross-docks passed; -1 = the supplier."""
    at, count = feeder.copy(), feeder.shape[1]
    for _ in range(count):
        passes = (at >= 0) & ~np.take_along_axis(stocked, at % count, axis=1)
        at = np.where(passes, np.take_along_axis(feeder, at % count, axis=1), at)
    return at
