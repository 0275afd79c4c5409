"""Which sets of nodes a SKU may be held at: every admissible set of every SKU, and what flows where under each.

SKUs that see the same sets, the same router and the same feeders form a :class:`Family`. Within a family the sets'
region maps are worked out once; two sets that give a node the same regions, feeders and role share one *cell*, so that
stock is computed once per cell and SKU.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from math import comb

import numpy as np
from numpy.typing import NDArray

from . import routing
from .instance import Bools, Floats, Instance, Ints

MAX_SETS = 20_000  # sets per family that are priced one by one; beyond that the largest are only searched and bounded


@dataclass(frozen=True)
class Cells:
    """Distinct (node, regions through it, stocked or not, feeders passing on) of a family; the last is 'nothing'."""

    node: Ints  # (C,)
    depth: Ints  # (C,) feeders above that only pass goods on
    stocked: Bools  # (C,)
    regions: Floats  # (C,R) 1 where the region's demand flows through


@dataclass(frozen=True)
class Family:
    """SKUs with the same sets; set 0 is the empty one and every subset of a set is a set."""

    skus: Ints  # (F,) indices into the instance
    sets: Bools  # (S,N)
    admissible: Bools  # (S,T) as far as it does not depend on the SKU's demand
    primary: Ints  # (S,R) lane, -1 none
    backup: Ints  # (S,R) lane, -1 none
    unfit: Bools | None  # (S,R,T) a region with demand that this set leaves without a lane or a required backup
    cells: Cells
    set_cells: Ints  # (S,W) cells of each set, padded with 'nothing'
    links: tuple[tuple[Ints, Ints], ...]  # per node: (sets with it, the same sets without it)
    unlisted: int | None = None  # sets of this many nodes and more are not all listed; None: the list is complete


def families(instance: Instance) -> Iterator[Family]:
    """All families of an instance, in a fixed order."""
    for members in _alike(instance):
        yield _family(instance, members)


def _alike(instance: Instance) -> list[Ints]:
    skus = len(instance.skus)
    keys = np.concatenate(
        [
            instance.temperature[:, None],
            routing.weight_band(instance.weight_kg)[:, None],
            instance.min_nodes[:, None],
            instance.max_nodes[:, None],
            instance.feeder,
            instance.allowed.reshape(skus, -1),
        ],
        axis=1,
    ).astype(np.int64)
    _, of_sku = np.unique(keys, axis=0, return_inverse=True)
    order = np.argsort(of_sku.ravel(), kind="stable")
    return np.split(order, np.flatnonzero(np.diff(of_sku.ravel()[order])) + 1)


def subsets(nodes: Ints, most: int, width: int) -> Bools:
    """All subsets of ``nodes`` with at most ``most`` members as rows (S, width), smallest first.

    >>> subsets(np.array([0, 2]), 2, 3).astype(int).tolist()
    [[0, 0, 0], [1, 0, 0], [0, 0, 1], [1, 0, 1]]
    """
    most = min(most, len(nodes))
    count = sum(comb(len(nodes), size) for size in range(most + 1))
    rows = np.zeros((count, width), dtype=bool)
    at = 1
    for size in range(1, most + 1):
        chosen = np.array(list(combinations(nodes.tolist(), size)))
        rows[np.arange(at, at + len(chosen))[:, None], chosen] = True
        at += len(chosen)
    return rows


def listed_size(nodes: int, most: int) -> int:
    """The largest size up to ``most`` for which all sets of ``nodes`` nodes up to that size can be listed.

    >>> listed_size(20, 4), listed_size(30, 6)
    (4, 3)
    """
    size, count = 0, 1
    while size < min(most, nodes) and (size == 0 or count + comb(nodes, size + 1) <= MAX_SETS):
        size += 1
        count += comb(nodes, size)
    return size


def _grown(instance: Instance, members: Ints, sets: Bools, rates: routing.Router, most: int) -> Bools:
    """Larger sets, grown node by node from every single one where the members' demand saves most on its lanes."""
    demand = instance.mean[members].sum(axis=(0, 2))
    per_parcel = instance.lane_parcel_cost + routing.late_share(instance) * instance.late_penalty
    share, weight = instance.parcels_per_unit[members].mean(), instance.weight_kg[members].mean()
    cost = share * per_parcel[rates.lane] + weight * instance.lane_kg_cost[rates.lane]
    cost = np.where(rates.reach, cost, cost.max(initial=0.0) * 10.0 + 1.0)
    nodes = np.flatnonzero(sets.any(axis=0))
    found: list[Bools] = []
    for start in nodes:
        chosen, best = np.zeros(sets.shape[1], dtype=bool), cost[start]
        chosen[start] = True
        while chosen.sum() < most:
            saving = np.where(chosen[nodes], -np.inf, ((best - np.minimum(best, cost[nodes])) * demand).sum(axis=1))
            node = nodes[int(np.argmax(saving))]
            chosen, best = chosen.copy(), np.minimum(best, cost[node])
            chosen[node] = True
            found.append(chosen)
    larger = np.unique(np.array(found), axis=0)
    return np.concatenate([sets, larger[larger.sum(axis=1) > sets.sum(axis=1).max()]])


def _family(instance: Instance, members: Ints) -> Family:
    first = int(members[0])
    _, nodes, regions, _ = instance.shape
    allowed = instance.allowed[first]
    choice = np.flatnonzero(allowed.any(axis=1))
    most = min(int(instance.max_nodes[first]), len(choice))
    size = listed_size(len(choice), most)
    sets = subsets(choice, size, nodes)
    band = int(routing.weight_band(instance.weight_kg[[first]])[0])
    rates = routing.router(instance, int(instance.temperature[first]), band)
    if size < most:
        sets = _grown(instance, members, sets, rates, most)
    primary, backup = rates.choose(sets)
    above = routing.chains(instance.feeder[first])
    cells, set_cells = _cells(sets, primary, above)
    every_region = np.arange(regions)[None, :]
    return Family(
        skus=members,
        sets=sets,
        admissible=_admissible(instance, first, sets, above),
        primary=np.where(primary >= 0, rates.lane[primary, every_region], -1),
        backup=np.where(backup >= 0, rates.lane[backup, every_region], -1),
        unfit=_unfit(instance, first, rates, _usable(instance, first, above), primary, backup),
        cells=cells,
        set_cells=set_cells,
        links=_links(sets),
        unlisted=None if size == most else size + 1,
    )


def _admissible(instance: Instance, sku: int, sets: Bools, above: list[Ints]) -> Bools:
    """(S,T) nodes allowed, number of nodes within the tier's, feeders available."""
    allowed = instance.allowed[sku]
    size = sets.sum(axis=1)
    usable = _usable(instance, sku, above)
    fits = (sets.astype(float) @ (~usable).astype(float)) == 0
    least = np.minimum(instance.min_nodes[sku], allowed.sum(axis=0))
    return fits & (size[:, None] >= least[None, :]) & (size > 0)[:, None]


def _usable(instance: Instance, sku: int, above: list[Ints]) -> Bools:
    """(N,T) allowed nodes that can be replenished: every feeder above them is available."""
    usable = instance.allowed[sku] & instance.available
    for feeder in above:
        usable = usable & (instance.available[feeder] | (feeder < 0)[:, None])
    return usable


def _unfit(
    instance: Instance, sku: int, rates: routing.Router, usable: Bools, primary: Ints, backup: Ints
) -> Bools | None:
    unreached = np.repeat((primary < 0)[:, :, None], len(instance.periods), axis=2)
    if instance.max_nodes[sku] >= 2 and instance.backup_required.any():
        choices = np.einsum("nt,nr->rt", usable.astype(int), rates.reach.astype(int))
        asked = instance.backup_required[:, None] & (choices >= 2)
        unreached |= (backup < 0)[:, :, None] & asked[None, :, :]
    return unreached if unreached[1:].any() else None


def _cells(sets: Bools, primary: Ints, above: list[Ints]) -> tuple[Cells, Ints]:
    """Distinct flows: which regions pass each node of each set, and how far up goods only pass through."""
    count, nodes = sets.shape
    regions = primary.shape[1]
    through = primary[:, None, :] == np.arange(nodes)[None, :, None]
    for feeder in above:
        served = np.where(primary >= 0, feeder[primary], -1)
        through |= served[:, None, :] == np.arange(nodes)[None, :, None]
    depth = np.zeros((count, nodes), dtype=np.int64)
    passing = np.ones((count, nodes), dtype=bool)
    for feeder in above:
        passing &= (feeder >= 0)[None, :] & ~sets[:, feeder]
        depth += passing
    used = sets | through.any(axis=2)
    s, n = np.nonzero(used)
    stocked = sets[s, n]
    bits = np.packbits(through[s, n], axis=1)
    key = np.concatenate([np.stack([n, np.where(stocked, depth[s, n] + 1, 0)], axis=1), bits], axis=1)
    _, first, cell = np.unique(key, axis=0, return_index=True, return_inverse=True)
    cell = cell.ravel()
    nothing = len(first)
    cells = Cells(
        node=np.append(n[first], 0),
        depth=np.append(depth[s, n][first], 0),
        stocked=np.append(stocked[first], False),
        regions=np.concatenate([through[s, n][first], np.zeros((1, regions), dtype=bool)]).astype(float),
    )
    slot = np.arange(len(s)) - np.searchsorted(s, s)
    set_cells = np.full((count, int(slot.max(initial=0)) + 1), nothing)
    set_cells[s, slot] = cell
    return cells, set_cells


def _codes(sets: Bools) -> NDArray[np.bytes_]:
    """One sortable code per row, for any number of nodes."""
    packed = np.ascontiguousarray(np.packbits(sets, axis=1))
    return packed.view(f"S{packed.shape[1]}").ravel()


def _links(sets: Bools) -> tuple[tuple[Ints, Ints], ...]:
    """Per node, the sets that hold it and the same sets without it, as far as both are listed."""
    code = _codes(sets)
    order = np.argsort(code)
    out = []
    for node in np.flatnonzero(sets.any(axis=0)):
        having = np.flatnonzero(sets[:, node])
        fewer = sets[having]
        fewer[:, node] = False
        wanted = _codes(fewer)
        without = order[np.minimum(np.searchsorted(code[order], wanted), len(order) - 1)]
        there = code[without] == wanted
        having, without = having[there], without[there]
        out.append((having, without))
    return tuple(out)
