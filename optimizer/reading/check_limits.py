"""Conditions on the Limits sheet (MATHEMATICS.md, section 8) and on period labels."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from ..case import Case
from ..errors import nearest
from .check_rows import Hit
from .places import Places

SKU_FILTERS = ("sku", "category", "tier", "temperature")
NODE_FILTERS = ("node", "node_type")
BY_REGION = ("units_per_day", "on_time_share")
BY_NODE = ("value", "volume_m3", "units", "units_per_day", "skus", "nodes")


def empty_filters(case: Case, places: Places) -> Iterator[Hit]:
    """Filters that match no SKU, no node or no period."""
    categories = list(dict.fromkeys(case.skus["category"].dropna()))
    for row, limit in enumerate(case.limits.to_dict("records")):
        if limit["category"] is not None and limit["category"] not in categories:
            said = "no SKU has this category" + _near(limit["category"], categories)
            yield Hit(places.cell("Limits", "category", row), limit["category"], said)
            continue
        yield from _no_period(case, places, "Limits", row, limit["period"])
        for filters, table, what in ((SKU_FILTERS, case.skus, "SKU"), (NODE_FILTERS, case.nodes, "node")):
            given = [name for name in filters if limit[name] is not None and name != "tier"]
            if given and not _matching(table, limit, given).any():
                said = f"no {what} matches {' and '.join(given)} together"
                yield Hit(places.cell("Limits", given[0], row), str(limit[given[0]]), said)


def _matching(table: pd.DataFrame, limit: dict[Any, Any], given: list[str]) -> Any:
    mask = np.ones(len(table), dtype=bool)
    for name in given:
        mask &= (table["type" if name == "node_type" else name] == limit[name]).to_numpy(dtype=bool)
    return mask


def _near(text: str, known: list[str]) -> str:
    close = nearest(text, known)
    return f'; nearest: "{close}"' if close else ""


def demand_periods(case: Case, places: Places) -> Iterator[Hit]:
    """Demand rows for periods that are not in the plan."""
    for row, text in enumerate(case.demand["period"]):
        yield from _no_period(case, places, "Demand", row, text)


def _no_period(case: Case, places: Places, sheet: str, row: int, text: str | None) -> Iterator[Hit]:
    if text is not None and text not in case.settings.labels:
        labels = case.settings.labels
        known = ", ".join(labels[:3]) + (f" ... {labels[-1]}" if len(labels) > 3 else "")
        yield Hit(places.cell(sheet, "period", row), text, f"no period of the plan ({known})")


def misfits(case: Case, places: Places) -> Iterator[Hit]:
    """Filters that a measure does not know, and amounts it cannot have."""
    for row, limit in enumerate(case.limits.to_dict("records")):
        measure = limit["measure"]
        for name in _not_for(measure):
            if limit[name] is not None:
                said = f"a {name} filter does not go with the measure {measure}"
                yield Hit(places.cell("Limits", name, row), str(limit[name]), said)
        first = case.settings.labels[0]
        if measure == "purchases" and limit["period"] not in (None, first):
            said = f"purchases are those of the first period, {first}"
            yield Hit(places.cell("Limits", "period", row), limit["period"], said)
        if measure == "on_time_share" and limit["amount"] > 1:
            said = "a share is at most 1"
            yield Hit(places.cell("Limits", "amount", row), f"{limit['amount']:g}", said)


def _not_for(measure: str) -> tuple[str, ...]:
    """The filters that do not go with a measure."""
    out: tuple[str, ...] = ()
    if measure not in BY_NODE:
        out += NODE_FILTERS
    if measure not in BY_REGION:
        out += ("region",)
    if measure == "nodes":
        out += SKU_FILTERS
    return out
