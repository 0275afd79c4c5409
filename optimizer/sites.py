"""What nodes can hold, when they are available, and which regions they reach (MATHEMATICS.md, sections 1 and 3)."""

from __future__ import annotations

import numpy as np
import pandas as pd

from models.instance import TEMPERATURES, Bools, Floats

from .case import Case, items
from .columns import numbers, positions, temperature_masks, temperature_numbers
from .periods import day_numbers, horizon_of


def rooms(nodes: pd.DataFrame) -> Floats:
    """(N,3) m3: blank ambient room has no limit, blank chilled or frozen room is none."""
    columns = [numbers(nodes, f"{name}_m3", np.inf if name == "ambient" else 0.0) for name in TEMPERATURES]
    return np.stack(columns, axis=1)


def can_hold(case: Case) -> Bools:
    """(K,N): the node has room for the SKU's temperature and every capability the SKU requires."""
    temperature = temperature_numbers(case.skus["temperature"])
    room = rooms(case.nodes)[:, temperature].T > 0
    codes, texts = pd.factorize(case.skus["requires"].where(case.skus["requires"].notna(), ""))
    offered = [set(items(text)) for text in case.nodes["capabilities"]]
    able = np.array([[set(items(text)) <= some for some in offered] for text in texts], dtype=bool)
    return np.asarray(room & able[codes])


def available_nodes(case: Case) -> Bools:
    """(N,T): not closed, and the window covers at least half of the period's days (section 1)."""
    horizon = horizon_of(case.settings)
    opens, closes = day_numbers(case.nodes["open_from"]), day_numbers(case.nodes["open_until"])
    begin = np.maximum(np.where(np.isnan(opens), -np.inf, opens)[:, None], horizon.first)
    finish = np.minimum(np.where(np.isnan(closes), np.inf, closes)[:, None], horizon.first + horizon.days - 1)
    half = 2 * (finish - begin + 1) >= horizon.days
    return np.asarray(half & (case.nodes["status"] != "closed").to_numpy(dtype=bool)[:, None])


def reached(case: Case) -> Bools:
    """(K,R): some node that is ever available and can hold the SKU has a lane there that carries its temperature."""
    lanes = case.lanes
    node = positions(lanes["node"], case.nodes["node"], "Lanes!node")
    region = positions(lanes["region"], case.regions["region"], "Lanes!region")
    carries, holds = temperature_masks(lanes["temperatures"]), can_hold(case) & available_nodes(case).any(axis=1)
    temperature = temperature_numbers(case.skus["temperature"])
    result = np.zeros((len(case.skus), len(case.regions)), dtype=bool)
    for number in range(len(TEMPERATURES)):
        lane = np.zeros((len(case.nodes), len(case.regions)), dtype=np.float32)
        lane[node[carries[:, number]], region[carries[:, number]]] = 1.0
        skus = temperature == number
        result[skus] = holds[skus].astype(np.float32) @ lane > 0
    return result
