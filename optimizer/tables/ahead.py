"""What the plan has for a SKU at a node after today: when it leaves the node, and when it begins there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from models.instance import Bools, Floats

from ..shelf import Pace
from .basis import TOLERANCE

REPLENISHED = (
    "reorder_point", "order_up_to", "order_quantity", "lead_time_days", "review_days", "pack_size", "min_order",
)  # fmt: skip


@dataclass(frozen=True)
class Ahead:
    """Arrays and columns of the cells (M,) of a day."""

    leaves: Bools  # planned today, and left after this period
    lasts: Floats  # days until the plan leaves the node; inf where it stays, or has not begun
    until: Floats  # whole units asked for until then; inf as well
    opens: Floats  # days until the plan begins there; inf where it has begun, or never does
    source: pd.Series  # where the goods then come from; "" = it has begun, or never does
    figures: pd.DataFrame  # of the Replenishment sheet then, nan where there is none


def ahead(rows: pd.DataFrame, keys: pd.MultiIndex, pace: Pace, planned: Bools, labels: Sequence[str]) -> Ahead:
    """Look ahead from a day: ``rows`` of the Replenishment sheet, ``keys`` (M,) SKU and node, ``planned`` (M,T) in the
    periods from that of the day on, whose names are ``labels`` (T,)."""
    here = np.logical_and.accumulate(planned, axis=1)
    sold = (np.where(here, pace.rates, 0.0) * pace.lengths).sum(axis=1)
    stays = here[:, -1] | ~here[:, 0]
    waits = ~planned[:, 0] & planned.any(axis=1)
    first = np.where(waits, np.argmax(planned, axis=1), 0)
    starts = np.concatenate([[0.0], np.cumsum(pace.lengths)])[:-1]
    period = np.array(labels, dtype=object)[first]
    cells = pd.MultiIndex.from_arrays([*(keys.get_level_values(level) for level in (0, 1)), period])
    names = list(REPLENISHED)
    then = rows.set_index(["sku", "node", "period"]).reindex(cells).reset_index(drop=True)
    return Ahead(
        leaves=here[:, 0] & ~here[:, min(1, here.shape[1] - 1)],
        lasts=np.where(stays, np.inf, np.where(here, pace.lengths, 0.0).sum(axis=1)),
        until=np.where(stays, np.inf, np.ceil(sold - TOLERANCE)),
        opens=np.where(waits, starts[first], np.inf),
        source=then["source"].where(waits, "").fillna(""),
        figures=pd.DataFrame(np.where(waits[:, None], then[names].to_numpy(float), np.nan), columns=names),
    )
