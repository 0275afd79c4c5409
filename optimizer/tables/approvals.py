"""Who must say yes to a change or an action: the Approvals sheet applied to values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from models.instance import Floats

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("measure", "threshold", "owner")
ON_RUN = "approval."  # how a rule's name begins on the sheet Run


def owners(approvals: pd.DataFrame, measure: str, values: Floats) -> NDArray[np.object_]:
    """Owner of the highest threshold of the measure that each value reaches; '' where it reaches none."""
    rows = approvals[approvals["measure"] == measure].sort_values("threshold", kind="stable")
    reached = np.searchsorted(rows["threshold"].to_numpy(float), np.nan_to_num(values, nan=-np.inf), side="right")
    return np.array(["", *rows["owner"]], dtype=object)[reached]


def joined(*lists: NDArray[np.object_]) -> NDArray[np.object_]:
    """Several owners of the same lines as one text each, every owner once."""
    return np.array(
        [", ".join(dict.fromkeys(name for name in names if name)) for names in zip(*lists, strict=True)], dtype=object
    )


def on_run(approvals: pd.DataFrame) -> Iterator[tuple[str, str]]:
    """The rules as lines of the sheet Run: ``approval.change_value.1500.0``, owner."""
    for measure, threshold, owner in approvals[list(COLUMNS)].itertuples(index=False):
        yield f"{ON_RUN}{measure}.{float(threshold)!r}", str(owner)


def from_run(lines: Mapping[str, Any]) -> pd.DataFrame:
    """The rules that :func:`on_run` wrote, from names and values of the sheet Run."""
    import pandas as pd

    split = [
        (name.removeprefix(ON_RUN).partition("."), value) for name, value in lines.items() if name.startswith(ON_RUN)
    ]
    rows = [(measure, float(threshold), str(owner)) for (measure, _, threshold), owner in split]
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype({"threshold": float})
