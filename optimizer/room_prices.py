"""The price of room that a plan's orders were sized with, between an instance and the sheet Run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from models.instance import TEMPERATURES, Floats, Instance

NAME = "room_price"  # of the Run sheet: room_price.TEMPERATURE.NODE, money/m3/month


def facts_of(instance: Instance) -> dict[str, Any]:
    """Temperature -> node -> price, where there is one."""
    price = instance.room_cost
    told = {
        temperature: {node: float(price[n, at]) for n, node in enumerate(instance.nodes) if price[n, at] > 0}
        for at, temperature in enumerate(TEMPERATURES)
    }
    return {NAME: {temperature: by_node for temperature, by_node in told.items() if by_node}}


def price_in(run: Mapping[str, Any], nodes: Sequence[str]) -> Floats | None:
    """(N,3) the prices that the figures of a Run sheet tell, for the nodes known now; None where they tell none.

    >>> price_in({"room_price.chilled.DAL": 4.5, "cost": 9.0}, ["EWR", "DAL"]).tolist()
    [[0.0, 0.0, 0.0], [0.0, 4.5, 0.0]]
    """
    out = np.zeros((len(nodes), len(TEMPERATURES)))
    for at, temperature in enumerate(TEMPERATURES):
        for n, node in enumerate(nodes):
            value = run.get(f"{NAME}.{temperature}.{node}", 0.0)
            out[n, at] = value if isinstance(value, (int, float)) else 0.0
    return out if (out > 0).any() else None
