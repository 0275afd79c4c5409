"""Where each node is replenished from, for each SKU, and on what terms (MATHEMATICS.md, section 5)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.instance import Bools, Floats, Ints

from .case import Case
from .columns import Labels, numbers, positions
from .errors import Finding, InputInvalid

COLUMNS = {
    "lead_time": "lead_time_days", "lead_time_sd": "lead_time_sd", "inbound_per_unit": "cost_per_unit",
    "inbound_per_kg": "cost_per_kg", "order_cost": "order_cost", "moq": "moq",
}  # fmt: skip


@dataclass(frozen=True)
class Sources:
    """The last leg into each node; every array is (K,N)."""

    feeder: Ints  # node index, -1 = supplier
    lead_time: Floats  # days
    lead_time_sd: Floats  # days
    inbound_per_unit: Floats  # money/unit
    inbound_per_kg: Floats  # money/kg
    order_cost: Floats  # money/order
    moq: Floats  # units, 1 where the source is a feeder


def sources(case: Case, holds: Bools) -> Sources:
    """Source and terms of every (SKU, node). holds (K,N): the node can hold the SKU.

    A Supply row for the SKU, else for its supplier, makes it the supplier, blank cells falling back to the node's own
    figures, the setting ``order_cost`` and the SKU's moq. Else the node's ``replenished_from`` feeds it if it can hold
    the SKU.
    Raises InputInvalid when nodes feed each other in a circle.
    """
    row = supply_rows(case)
    feeds = feeders(case)
    usable = (feeds >= 0) & holds[:, feeds] & (row < 0)
    feeder = np.where(usable, feeds, -1)
    own = _own_terms(case, usable)
    for name, column in COLUMNS.items():
        stated = np.append(numbers(case.supply, column), np.nan)[row]
        own[name] = np.where(np.isnan(stated), own[name], stated)
    return Sources(feeder, **own)


def _own_terms(case: Case, fed: Bools) -> dict[str, Floats]:
    """Terms (K,N) without any Supply row; ``fed`` (K,N) where a node is the source."""
    nodes, settings = case.nodes, case.settings
    wide = np.ones(fed.shape)
    return {
        "lead_time": numbers(nodes, "lead_time_days") * wide,
        "lead_time_sd": numbers(nodes, "lead_time_sd") * wide,
        "inbound_per_unit": numbers(nodes, "inbound_cost_per_unit", 0.0) * wide,
        "inbound_per_kg": numbers(nodes, "inbound_cost_per_kg", 0.0) * wide,
        "order_cost": np.where(fed, settings.transfer_cost, settings.order_cost),
        "moq": np.where(fed, 1.0, numbers(case.skus, "moq", 1.0)[:, None]),
    }


def supply_rows(case: Case) -> Ints:
    """(K,N): the row of the Supply sheet that holds for the pair, -1 = none. The SKU's own row beats its supplier's."""
    table = case.supply
    found = np.full((len(case.skus), len(case.nodes)), -1, dtype=np.int64)
    if table.empty:
        return found
    node = positions(table["node"], case.nodes["node"], "Supply!node")
    own = table["sku"].notna().to_numpy(dtype=bool)
    suppliers = Labels(case.skus["supplier"])
    for row, name in enumerate(table["supplier"]):
        if not own[row] and name in suppliers.numbers:
            found[suppliers.codes == suppliers.numbers[name], node[row]] = row
    sku = positions(table["sku"][own], case.skus["sku"], "Supply!sku")
    found[sku, node[own]] = np.flatnonzero(own)
    return found


def feeders(case: Case) -> Ints:
    """(N,): index of the node each node is replenished from, -1 = the supplier."""
    names = case.nodes["replenished_from"]
    given = names.notna().to_numpy(dtype=bool)
    feeds = np.full(len(names), -1, dtype=np.int64)
    feeds[given] = positions(names[given], case.nodes["node"], "Nodes!replenished_from")
    for start in range(feeds.size):
        node, steps = start, 0
        while node >= 0 and steps <= feeds.size:
            node, steps = int(feeds[node]), steps + 1
        if node >= 0:
            name = str(case.nodes["node"].iat[start])
            finding = Finding(
                "A-021", "error", "Nodes!replenished_from", name, "a chain of nodes that ends at the supplier",
                "Leave replenished_from blank at the node the supplier delivers to.",
            )  # fmt: skip
            raise InputInvalid(f"the nodes that feed {name} form a circle.", [finding])
    return feeds
