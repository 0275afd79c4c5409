"""Opening links: whatever uses a candidate node needs it open. A row over one SKU, or one weighted over all of them.

For weights ``a >= 0`` with sum 1, ``sum_k a[k] (SKU k uses n in t) <= open[n,t]`` holds in every plan. With weights in
proportion to what each SKU saves by the node, one such row does the work of a row per SKU: its rent charges each SKU a
share of what opening costs in proportion to its gain.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from .columns import Columns
from .instance import Floats, Instance, Ints


@dataclass(frozen=True)
class Link:
    """``sum of weights x use of the node in the period <= open``."""

    node: int
    period: int
    skus: Ints
    weights: Floats  # sum 1


class Links:
    """The links of a master, and what rents on them mean for each SKU."""

    def __init__(self, instance: Instance, weight: Floats) -> None:
        self.shape = (len(instance.skus), len(instance.nodes), len(instance.periods))
        self.weight = weight  # (K,) how many SKUs each one stands for
        self.rows: list[Link] = []
        self.matrix = sp.csc_matrix((0, int(np.prod(self.shape))))  # (links, K N T)

    def __len__(self) -> int:
        return len(self.rows)

    def append(self, links: list[Link]) -> None:
        """Take in more links."""
        row = np.repeat(np.arange(len(links)), [len(link.skus) for link in links])
        node = np.repeat([link.node for link in links], [len(link.skus) for link in links])
        period = np.repeat([link.period for link in links], [len(link.skus) for link in links])
        code = self._code(np.concatenate([link.skus for link in links]), node, period)
        weights = np.concatenate([link.weights for link in links])
        more = sp.csc_matrix((weights, (row, code)), (len(links), self.matrix.shape[1]))
        self.matrix = sp.csc_matrix(sp.vstack([self.matrix, more]))
        self.rows += links

    def entries(self, columns: Columns, since: int = 0) -> tuple[Ints, Ints, Floats]:
        """(link, column, weight) wherever a column uses a node that a link, from position ``since`` on, watches."""
        if since >= len(self):
            return np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0)
        code = self._code(columns.sku[columns.column], columns.node, columns.period)
        watched = np.flatnonzero(np.diff(self.matrix.indptr)[code])
        found = self.matrix[:, code[watched]].tocoo()
        late = found.row >= since
        return found.row[late].astype(np.int64), columns.column[watched[found.col[late]]], found.data[late]

    def array(self, rents: Floats) -> Floats | None:
        """(K,N,T) rent that each SKU pays for using a node, as the pricing takes it; None without links."""
        if not self.rows:
            return None
        return np.asarray(self.matrix.T @ rents).reshape(self.shape) / self.weight[:, None, None]

    def _code(self, sku: Ints, node: Ints, period: Ints) -> Ints:
        return (sku * self.shape[1] + node) * self.shape[2] + period
