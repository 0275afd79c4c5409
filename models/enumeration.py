"""Every path of sets whose reduced cost is within a window: what could still be part of a better plan."""

from __future__ import annotations

import numpy as np

from . import columns, pricing
from .batches import Batch
from .catalogue import Catalogue
from .columns import Columns
from .instance import Floats, Instance, Ints
from .pricing import Prices

MOST_COLUMNS = 60_000


class TooMany(Exception):
    """More paths lie within the window than can be handed to the integer program."""


def paths_within(catalogue: Catalogue, prices: Prices, window: float) -> Columns | None:
    """Columns of all paths within ``window`` of their SKU's best, rents included; None if there are too many."""
    found: list[Columns] = []
    count = 0
    try:
        for batch in catalogue.batches:
            local, path = _batch_paths(catalogue.instance, batch, prices, window, MOST_COLUMNS - count)
            count += len(local)
            found.append(columns.make(catalogue.instance, batch, local, path, catalogue.rows.lanes_matter))
    except TooMany:
        return None
    return columns.concatenate(found) if found else None


def _batch_paths(instance: Instance, batch: Batch, prices: Prices, window: float, most: int) -> tuple[Ints, Ints]:
    reached = pricing.forward(instance, batch, prices)
    best = reached[-1].min(axis=0)
    near = (reached[-1] <= best + window) & np.isfinite(reached[-1])
    if near.sum() > most:
        raise TooMany
    own = [pricing.priced(instance, batch, prices, t) for t in range(len(reached))]
    locals_, paths = [], []
    for b in range(len(batch.skus)):
        last = np.flatnonzero(near[:, b])
        path = _extend(
            instance, batch, prices, [r[:, b] for r in reached], [o[:, b] for o in own], last, best[b] + window, b
        )
        locals_.append(np.full(len(path), b))
        paths.append(path)
        most -= len(path)
        if most < 0:
            raise TooMany
    return np.concatenate(locals_), np.concatenate(paths)


def _extend(
    instance: Instance,
    batch: Batch,
    prices: Prices,
    reached: list[Floats],
    own: list[Floats],
    last: Ints,
    most: float,
    b: int,
) -> Ints:
    """Grow paths backwards in time; keep those whose cheapest beginning still fits under ``most``."""
    path, tail = last[:, None], own[-1][last]
    for t in range(len(reached) - 2, -1, -1):
        weight = pricing.cost_weight(instance, batch.skus[[b]], prices, t + 1)[0]
        step = weight * pricing.change_between(instance, batch.family, path[:, 0])
        total = reached[t][:, None] + step + tail[None, :]
        before, after = np.nonzero((total <= most) & np.isfinite(total))
        if len(before) > MOST_COLUMNS:
            raise TooMany
        tail = tail[after] + step[before, after] + own[t][before]
        path = np.column_stack([before, path[after]])
    return path
