"""Rate cards of the order router: for temperatures and a weight band, every node's rank and lane to a region."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from . import routing
from .instance import Bools, Instance, Ints

BANDS = len(routing.WEIGHT_BANDS_KG)
FAR = 2**30  # rank of a node without a lane


@dataclass(frozen=True)
class RateCards:
    """Cards stacked behind each other; the number of a card is temperatures * BANDS + band.

    Temperatures are bits: 1 ambient, 2 chilled, 4 frozen; a card's lanes carry all of them.
    """

    position: Ints  # (8 * BANDS,) where a card stands, -1 = not made
    rank: Ints  # (cards, R, N) 0 = best, FAR = no lane
    lane: Ints  # (cards, R, N) the node's lane, -1 = none

    def at(self, number: Ints, region: Ints) -> tuple[Ints, Ints]:
        """Ranks and lanes (rows, N) of rows of card numbers and regions."""
        where = self.position[number]
        return self.rank[where, region], self.lane[where, region]


def card_number(temperatures: Ints, band: Ints) -> Ints:
    """Number of the card for temperatures (bits) and a weight band."""
    return temperatures * BANDS + band


def rate_cards(instance: Instance, numbers: Iterable[int]) -> RateCards:
    """The named cards, and those of every part of their temperatures, since an order may be split."""
    wanted = {part * BANDS + number % BANDS for number in numbers for part in parts_of(number // BANDS)}
    position = np.full(8 * BANDS, -1)
    ranks, lanes = [], []
    for at, number in enumerate(sorted(wanted)):
        position[number] = at
        rank, lane = _card(instance, number // BANDS, number % BANDS)
        ranks.append(rank)
        lanes.append(lane)
    empty = np.zeros((0, len(instance.regions), len(instance.nodes)), dtype=np.int64)
    return RateCards(position, np.array(ranks) if ranks else empty, np.array(lanes) if lanes else empty)


def parts_of(temperatures: int) -> list[int]:
    """All non-empty parts of a set of temperatures.

    >>> parts_of(5)
    [1, 4, 5]
    """
    return [part for part in range(1, 8) if part & temperatures == part]


def _card(instance: Instance, temperatures: int, band: int) -> tuple[Ints, Ints]:
    """(R,N) rank and lane, by the router of section 4 among the lanes that carry every temperature."""
    bits = [bool(temperatures >> bit & 1) for bit in range(3)]
    carries: Bools = np.asarray(instance.lane_temperatures[:, bits].all(axis=1))
    router = routing.router(replace(instance, lane_temperatures=carries[:, None]), 0, band)
    lane = router.lane.T
    rank = np.empty_like(router.order)
    np.put_along_axis(rank, router.order, np.arange(rank.shape[1])[None, :], axis=1)
    return np.where(lane >= 0, rank, FAR).astype(np.int32), lane.astype(np.int32)
