"""Goods from where they are to spare to where they are wanted, at least cost: one program for all SKUs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from scipy.optimize import Bounds, LinearConstraint, milp

from .instance import Floats, Ints

WHOLE = 1e-5  # how far a figure of a vertex may be from a whole number


@dataclass(frozen=True)
class Ways:
    """Arcs from sources to sinks; each array is (A,)."""

    source: Ints
    sink: Ints
    cost: Floats  # money per unit
    most: Floats  # units


def cheapest_flow(supply: Floats, demand: Floats, shortage: Floats, ways: Ways) -> Floats:
    """(A,) whole units to move over each way.

    minimise ``sum cost x + sum shortage y`` with ``sum of x out of a source <= supply``, ``sum of x into a sink + y =
    demand`` and ``x <= most``. supply (S,), demand (D,) and most are whole numbers, shortage (D,) is the money a unit
    costs that is not brought. The matrix is that of a network, so a vertex is whole (Ahuja, Magnanti & Orlin, Network
    Flows, theorem 11.12). Raises ValueError where a figure is not a whole number.

    >>> ways = Ways(np.array([0, 0, 1]), np.array([0, 1, 1]), np.array([1.0, 3.0, 1.0]), np.full(3, 9.0))
    >>> cheapest_flow(np.array([5.0, 2.0]), np.array([4.0, 4.0]), np.array([9.0, 9.0]), ways)
    array([4., 1., 2.])
    """
    for what, values in (("supply", supply), ("demand", demand), ("most", ways.most)):
        if np.any(values != np.round(values)):
            raise ValueError(f"{what} must be whole numbers")
    arcs, sinks = len(ways.cost), len(demand)
    if not arcs:
        return np.zeros(0)
    every, one = np.arange(arcs), np.ones(arcs)
    out_of = sp.csr_matrix((one, (ways.source, every)), (len(supply), arcs + sinks))
    into = sp.hstack([sp.csr_matrix((one, (ways.sink, every)), (sinks, arcs)), sp.identity(sinks)], format="csr")
    found = milp(
        np.concatenate([ways.cost, shortage]),
        constraints=[LinearConstraint(out_of, ub=supply), LinearConstraint(into, demand, demand)],
        bounds=Bounds(0.0, np.concatenate([ways.most, demand])),
    )
    if found.x is None:
        raise ValueError(f"the flow was not found: {found.message}")
    if np.abs(found.x - np.round(found.x)).max(initial=0.0) > WHOLE:
        raise ValueError("the flow is not a vertex: its figures are not whole numbers")
    return np.asarray(np.round(found.x[:arcs]))
