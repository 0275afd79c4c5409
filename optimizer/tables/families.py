"""Which keep-together families a plan leaves apart, and what that costs."""

from __future__ import annotations

import numpy as np
import pandas as pd

from models.companions import baskets, shipped
from models.instance import Bools
from models.orders import OrderLines
from models.wishes import apart, with_wishes

from ..families import families_of
from .basis import PlanBasis


def apart_by_family(basis: PlanBasis) -> pd.DataFrame:
    """Family, its SKUs, nodes with all of them, orders wanted, share of them split and cost; the dearest first."""
    families, instance = families_of(basis.case), basis.instance
    if not families.names:
        return pd.DataFrame(columns=["family", "SKUs", "together at", "orders wanted", "split", "cost"])
    none = np.zeros(0, dtype=np.int64)
    nothing = baskets(instance, OrderLines(none, none, none, none, none.astype(np.float64)), 0, -1)
    goods = with_wishes(nothing, instance, families)
    shipping = tuple(shipped(goods, basis.stocked[:, :, t]) for t in range(len(instance.periods)))
    found = apart(goods, shipping, len(families.names))
    members = [families.of_sku == f for f in range(len(families.names))]
    table = pd.DataFrame(
        {
            "family": list(families.names),
            "SKUs": [float(mine.sum()) for mine in members],
            "together at": [", ".join(_with_all(basis, mine)) for mine in members],
            "orders wanted": found.orders,
            "split": found.split / np.maximum(found.orders, 1e-300),
            "cost": found.cost,
        }
    )
    return table.sort_values("cost", ascending=False, kind="stable").reset_index(drop=True)


def _with_all(basis: PlanBasis, mine: Bools) -> list[str]:
    """Nodes that hold every member with demand in the first period."""
    wanted = mine & (basis.instance.mean[:, :, 0] > 0).any(axis=1)
    held = basis.stocked[wanted, :, 0].all(axis=0) & wanted.any()
    return [basis.instance.nodes[n] for n in np.flatnonzero(held)]
