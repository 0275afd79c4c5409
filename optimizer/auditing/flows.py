"""Flow through nodes and lead times to them (MATHEMATICS.md, section 5); arrays of B SKUs and one period."""

from __future__ import annotations

import numpy as np

from .facts import Bools, Floats, Ints, sums


class Draw:
    """The demand of B SKUs in R regions, each cell drawn through one lane (B, R), -1 = not served."""

    def __init__(self, lane: Ints, node_of_lane: Ints, nodes: int) -> None:
        self.sku, self.region = np.nonzero(lane >= 0)
        self.lane = lane[self.sku, self.region]
        self.node = node_of_lane[self.lane]
        self.shape = (len(lane), nodes)

    def at_nodes(self, weight: Floats) -> Floats:
        """(B, N): sums of a weight per cell, at the node that serves the cell."""
        cell = self.sku * self.shape[1] + self.node
        return sums(cell, weight, self.shape[0] * self.shape[1]).reshape(self.shape)


def upstream(drawn: Floats, feeder: Ints) -> Floats:
    """(B, N): what is drawn from each node, plus what it passes on to the nodes it feeds, any number of steps up."""
    total, leaving = drawn.copy(), drawn
    for _ in range(drawn.shape[1]):
        sku, node = np.nonzero((leaving > 0) & (feeder >= 0))
        if not len(sku):
            break
        cell = sku * drawn.shape[1] + feeder[sku, node]
        leaving = sums(cell, leaving[sku, node], drawn.size).reshape(drawn.shape)
        total += leaving
    return total


def lead_times(stocked: Bools, feeder: Ints, days: Floats, sd: Floats) -> tuple[Floats, Floats]:
    """Lead time and its variance at each stocking node: its own leg, and those of feeders that only pass goods on."""
    length, spread = np.where(stocked, days, 0.0), np.where(stocked, sd * sd, 0.0)
    sku, node = np.nonzero(stocked)
    above = feeder[sku, node]
    for _ in range(stocked.shape[1]):
        passing = above >= 0
        passing[passing] = ~stocked[sku[passing], above[passing]]
        sku, node, above = sku[passing], node[passing], above[passing]
        if not len(sku):
            break
        length[sku, node] += days[sku, above]
        spread[sku, node] += sd[sku, above] ** 2
        above = feeder[sku, above]
    return length, spread
