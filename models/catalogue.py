"""All evaluated batches of an instance: which SKUs have a choice, their best paths under rents, columns from paths."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from dataclasses import dataclass

import numpy as np

from . import columns, patterns, pricing, unlisted
from .batches import Batch, evaluate_batch
from .columns import Columns, Rows
from .instance import Bools, Floats, Instance, Ints, summed
from .patterns import Family

STRIP_CELLS = 2_000_000  # cells x SKUs evaluated at once: keeps temporaries in cache-friendly, bounded memory
DOUBLE_BYTES = 1 << 30  # above this much, stored batches go to single precision
GROUP_ABOVE = 600  # SKUs with a choice beyond which they share the rows of the master in groups
ALONE = 500  # costliest SKUs with a row of their own even then
GROUPS = 500  # among the others
SINGLE_PRECISION = 2.0**-22  # relative error allowed for in the bound when batches are single precision


@dataclass(frozen=True)
class Priced:
    """Best path of every SKU with a choice, under given rents."""

    cost: Floats  # (M,) cost plus rents of the best listed path, in the order of Catalogue.choosers
    floor: Floats  # (M,) no path costs less; equal to the cost where every set is listed
    paths: tuple[Ints, ...]  # per batch (B,T) set indices


class NoPath(ValueError):
    """Some SKUs have no admissible set in some period."""

    def __init__(self, skus: Ints, relaxed: bool) -> None:
        super().__init__(f"{len(skus)} SKUs have no admissible set of nodes")
        self.skus, self.relaxed = skus, relaxed


class Catalogue:
    """Every admissible set of every SKU, evaluated."""

    def __init__(
        self, instance: Instance, rows: Rows, workers: int = 2, check: Callable[[], None] = lambda: None
    ) -> None:
        self.instance, self.rows = instance, rows
        self.pool = ThreadPoolExecutor(workers)
        self.batches: list[Batch] = []
        try:
            self._fill(check)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """End the worker threads; what is waiting is dropped."""
        self.pool.shutdown(wait=True, cancel_futures=True)

    def _fill(self, check: Callable[[], None]) -> None:
        instance, rows = self.instance, self.rows
        fixed: list[Columns] = []
        families = list(patterns.families(instance))
        self.single = _bytes(instance, families) > DOUBLE_BYTES
        jobs = [
            (family, family.skus[at : at + size])
            for family in families
            for size in [max(1, STRIP_CELLS // (len(family.cells.node) * len(instance.periods)))]
            for at in range(0, len(family.skus), size)
        ]
        for batch in self.pool.map(lambda job: self._evaluate(*job), jobs):
            check()
            chosen = _without_choice(instance, batch)
            local = np.flatnonzero(chosen)
            if len(local):
                path = np.argmin(batch.cost[:, :, local], axis=1).T
                fixed.append(columns.make(instance, batch, local, path, rows.lanes_matter))
            if not chosen.all():
                self.batches.append(_slice(batch, ~chosen))
        self.fixed = columns.concatenate(fixed) if fixed else None
        self.choosers = np.concatenate([b.skus for b in self.batches]) if self.batches else np.zeros(0, np.int64)
        impossible = [b.skus[~np.isfinite(b.cost).any(axis=1).all(axis=0)] for b in self.batches]
        if any(len(skus) for skus in impossible):
            raise NoPath(np.concatenate(impossible), self.relaxed)

    def sample(self, size: int) -> tuple[Catalogue, Floats]:
        """About ``size`` SKUs with a choice, drawn evenly in proportion to their cost, the large ones always.

        Returns the smaller catalogue and how many SKUs each of its SKUs stands for (M,).
        """
        cost = self._least_costs()
        chance = np.minimum(1.0, size * cost / max(float(cost.sum()), 1e-300)) + 1e-6
        mark = np.floor(np.cumsum(chance) + 0.5)
        drawn = np.diff(mark, prepend=0.0) >= 1.0
        return self._only(drawn), 1.0 / np.minimum(1.0, chance[drawn])

    def settle(self, free: Bools, settled: Columns | None) -> Catalogue:
        """The catalogue of the SKUs with a choice at the ``free`` positions; the others take their settled column."""
        smaller, given = self._only(free), [x for x in (self.fixed, settled) if x is not None]
        smaller.fixed = columns.concatenate(given) if given else None
        return smaller

    def _only(self, kept: Bools) -> Catalogue:
        smaller, at = copy(self), 0
        smaller.batches = []
        for batch in self.batches:
            keep = kept[at : at + len(batch.skus)]
            at += len(batch.skus)
            if keep.any():
                smaller.batches.append(_slice(batch, keep))
        smaller.choosers = self.choosers[kept]
        return smaller

    def groups(self) -> Ints | None:
        """(M,) a group for every SKU with a choice: the costliest by themselves, the others dealt out; None for few."""
        if len(self.choosers) <= GROUP_ABOVE:
            return None
        return _dealt(self._least_costs(), ALONE, GROUPS)

    def _least_costs(self) -> Floats:
        """(M,) cost of the cheapest sets of every SKU with a choice, without rents."""
        return np.concatenate([_least_cost(batch) for batch in self.batches])

    def _evaluate(self, family: Family, skus: Ints) -> Batch:
        return evaluate_batch(self.instance, family, skus, np.float32 if self.single else np.float64)

    @property
    def relaxed(self) -> bool:
        """Some SKUs have more sets than are listed; a bound then rests on a floor under the others."""
        return any(b.family.unlisted is not None for b in self.batches)

    @property
    def sets(self) -> int:
        """Number of (SKU, set, period) evaluated."""
        return int(sum(b.cost.size for b in self.batches))

    def fixed_use(self) -> Floats:
        """(D,) use, per definition row, of the SKUs that have no choice."""
        return self.use(self.fixed) if self.fixed is not None else np.zeros(len(self.rows))

    def use(self, chosen: Columns, weight: Floats | None = None) -> Floats:
        """(D,) total use of some columns per definition row, each weighted (P,)."""
        row, column, use = self.rows.entries(chosen)
        return summed(row, use if weight is None else use * weight[column], len(self.rows))

    def price(self, prices: pricing.Prices) -> Priced:
        """The cheapest path of every SKU with a choice."""
        best = list(self.pool.map(lambda b: pricing.cheapest_paths(self.instance, b, prices), self.batches))
        cost = np.concatenate([b.cost for b in best]).astype(float) if best else np.zeros(0)
        floor = cost
        if self.relaxed:
            floors = self.pool.map(lambda b: unlisted.path_floor(self.instance, b, prices), self.batches)
            floor = np.minimum(cost, np.concatenate(list(floors)))
        return Priced(cost, floor, tuple(b.path for b in best))

    def savings(self, prices: pricing.Prices) -> Floats:
        """(M,N,T) what each SKU with a choice saves by using a candidate node in a period."""
        return np.concatenate(list(self.pool.map(lambda b: pricing.savings(self.instance, b, prices), self.batches)))

    def columns(self, priced: Priced, wanted: Bools | None = None) -> Columns | None:
        """Columns of the best paths, of the SKUs at the ``wanted`` positions of ``choosers`` (all by default)."""
        parts, at = [], 0
        for batch, path in zip(self.batches, priced.paths, strict=True):
            local = np.arange(len(batch.skus))
            if wanted is not None:
                local = local[wanted[at : at + len(batch.skus)]]
            at += len(batch.skus)
            if len(local):
                parts.append(columns.make(self.instance, batch, local, path[local], self.rows.lanes_matter))
        return columns.concatenate(parts) if parts else None

    def cost_error(self) -> float:
        """What rounding of stored costs may amount to in a bound, money."""
        if not self.single:
            return 0.0
        return SINGLE_PRECISION * float(sum(_least_cost(b).sum() for b in self.batches))


def _least_cost(batch: Batch) -> Floats:
    """(B,) cost of each SKU's cheapest sets, without rents."""
    least = np.asarray(batch.cost.min(axis=1), dtype=np.float64).sum(axis=0)
    return np.abs(np.where(np.isfinite(least), least, 0.0))


def _bytes(instance: Instance, families: list[Family]) -> int:
    per_sku = sum(len(f.skus) * (len(f.sets) + 3 * len(f.cells.node)) for f in families)
    return 8 * len(instance.periods) * per_sku


def _without_choice(instance: Instance, batch: Batch) -> Bools:
    """(B,) SKUs with exactly one admissible set in every period, none of which needs a candidate node."""
    if batch.family.unlisted is not None:
        return np.zeros(len(batch.skus), dtype=bool)
    possible: Bools = np.isfinite(batch.cost)
    single = (possible.sum(axis=1) == 1).all(axis=0)
    cells = batch.family.cells
    uses_candidate = np.append(instance.candidate[cells.node[:-1]], False)[batch.family.set_cells].any(axis=1)
    on_candidate: Bools = np.take(uses_candidate, np.argmax(possible, axis=1)).any(axis=0)
    return np.atleast_1d(single & ~on_candidate)


def _slice(batch: Batch, keep: Bools) -> Batch:
    if keep.all():
        return batch
    return Batch(
        batch.family,
        batch.skus[keep],
        *(np.ascontiguousarray(x[:, :, keep]) for x in (batch.cost, batch.flow, batch.average, batch.peak)),
    )


def _dealt(cost: Floats, alone: int, groups: int) -> Ints:
    """(M,) group of each SKU: the ``alone`` costliest by themselves, the others dealt into ``groups`` alike ones."""
    order = np.argsort(-cost, kind="stable")
    out = np.empty(len(cost), dtype=np.int64)
    out[order] = np.where(np.arange(len(cost)) < alone, np.arange(len(cost)), alone + np.arange(len(cost)) % groups)
    return out
