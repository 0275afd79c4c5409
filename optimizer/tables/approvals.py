"""Who must say yes to a change or an action: the Approvals sheet applied to values."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.instance import Floats

from ..case import Case


def owners(case: Case, measure: str, values: Floats) -> NDArray[np.object_]:
    """Owner of the highest threshold of the measure that each value reaches; '' where it reaches none."""
    rows = case.approvals[case.approvals["measure"] == measure].sort_values("threshold", kind="stable")
    reached = np.searchsorted(rows["threshold"].to_numpy(float), np.nan_to_num(values, nan=-np.inf), side="right")
    return np.array(["", *rows["owner"]], dtype=object)[reached]


def joined(*lists: NDArray[np.object_]) -> NDArray[np.object_]:
    """Several owners of the same lines as one text each, every owner once."""
    return np.array(
        [", ".join(dict.fromkeys(name for name in names if name)) for names in zip(*lists, strict=True)], dtype=object
    )
