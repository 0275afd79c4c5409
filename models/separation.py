"""Which opening links a master's solution violates."""

from __future__ import annotations

import numpy as np

from .catalogue import Catalogue
from .columns import Columns
from .instance import Floats, Instance, Ints, summed
from .links import Link
from .master import Master
from .pricing import Prices
from .problem import candidate_uses, open_values

SLIGHT = 1e-6  # weights below this share of the largest are left out


def single_links(instance: Instance, master: Master, tolerance: float = 1e-4) -> list[Link]:
    """Links of single SKUs that use a candidate node more than the LP opens it, worst first."""
    pool = master.pool
    if pool is None or not instance.candidate.any():
        return []
    sku, node, period, used = _used(instance, master, pool)
    over = used - open_values(instance, master.compiled, master.values())[node, period]
    worst = np.flatnonzero(over > tolerance)
    worst = worst[np.argsort(-over[worst], kind="stable")]
    known = {(int(link.skus[0]), link.node, link.period) for link in master.links.rows}
    keys = zip(sku[worst].tolist(), node[worst].tolist(), period[worst].tolist(), strict=True)
    return [Link(n, t, np.array([k]), np.ones(1)) for k, n, t in keys if (k, n, t) not in known]


def shared_links(master: Master, catalogue: Catalogue, prices: Prices, tolerance: float = 1e-3) -> list[Link]:
    """A link over all SKUs for every node that is opened in part, weighted by what each SKU saves by it."""
    instance, pool = catalogue.instance, master.pool
    opened = open_values(instance, master.compiled, master.values())
    node, period = np.nonzero((opened > tolerance) & (opened < 1.0 - tolerance) & instance.candidate[:, None])
    if pool is None or not len(node):
        return []
    sku, at_node, at_period, used = _used(instance, master, pool)
    shares = np.zeros((len(instance.skus), *instance.available.shape))
    shares[sku, at_node, at_period] = used
    saved = catalogue.savings(prices)
    links = []
    for n, t in zip(node.tolist(), period.tolist(), strict=True):
        weights = saved[:, n, t]
        chosen = np.flatnonzero(weights > SLIGHT * weights.max())
        if len(chosen):
            link = Link(n, t, catalogue.choosers[chosen], weights[chosen] / weights[chosen].sum())
            if float(link.weights @ shares[link.skus, n, t]) > opened[n, t] + tolerance:
                links.append(link)
    return links


def _used(instance: Instance, master: Master, pool: Columns) -> tuple[Ints, Ints, Ints, Floats]:
    """(sku, node, period, share of the SKU) wherever the LP uses a candidate node."""
    column, node, period = candidate_uses(instance, pool)
    share = master.values()[master.pool_column[column]]
    _, nodes, _, periods = instance.shape
    code, inverse = np.unique((pool.sku[column] * nodes + node) * periods + period, return_inverse=True)
    used = summed(inverse.ravel(), share, len(code)) if len(code) else np.zeros(0)
    return code // periods // nodes, code // periods % nodes, code % periods, used
