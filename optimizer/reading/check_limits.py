"""Conditions on the Limits sheet (MATHEMATICS.md, section 8), on campaign filters and on period labels."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from models.instance import FIRST_PERIOD

from ..case import Case
from ..columns import named
from ..errors import nearest
from .check_rows import Hit
from .places import Places

SKU_FILTERS = ("sku", "category", "tier", "temperature")
NODE_FILTERS = ("node", "node_type")
BY_REGION = ("units_per_day", "on_time_share")
BY_NODE = ("value", "volume_m3", "units", "units_per_day", "skus", "nodes", "changes", "change_value")


def empty_filters(case: Case, places: Places) -> Iterator[Hit]:
    """Filters of a limit that match no SKU or no node."""
    yield from _strange_categories(case, places, "Limits")
    for row, limit in enumerate(case.limits.to_dict("records")):
        for filters, table, what in ((SKU_FILTERS, case.skus, "SKU"), (NODE_FILTERS, case.nodes, "node")):
            given = [name for name in filters if limit[name] is not None and name != "tier"]
            if len(given) > 1 and not _matching(table, limit, given).any():
                said = f"no {what} matches {' and '.join(given)} together"
                yield Hit(places.cell("Limits", given[0], row), str(limit[given[0]]), said)


def campaign_filters(case: Case, places: Places) -> Iterator[Hit]:
    """Categories of a campaign that no SKU has."""
    yield from _strange_categories(case, places, "Campaigns")


def _strange_categories(case: Case, places: Places, sheet: str) -> Iterator[Hit]:
    known = {name: row for row, name in enumerate(dict.fromkeys(case.skus["category"].dropna()))}
    for row, text in enumerate(case.table(sheet)["category"]):
        for name in named(text, known) if text is not None else ():
            if name not in known:
                close = nearest(name, known)
                said = "no SKU has this category" + (f'; nearest: "{close}"' if close else "")
                yield Hit(places.cell(sheet, "category", row), name, said)


def _matching(table: pd.DataFrame, limit: dict[Any, Any], given: Iterable[str]) -> NDArray[np.bool_]:
    mask = np.ones(len(table), dtype=bool)
    for name in given:
        values = table["type" if name == "node_type" else name]
        known = dict.fromkeys(values.dropna(), 0)
        mask &= values.isin(named(limit[name], known)).to_numpy()
    return mask


def no_periods(case: Case, places: Places) -> Iterator[Hit]:
    """Periods named in Limits and Demand that are none of the plan, nor a month or a day before or after it."""
    labels = case.settings.labels
    shown = ", ".join(labels[:3]) + (f" ... {labels[-1]}" if len(labels) > 3 else "")
    yield from _periods(case, places, "", f"no period of the plan ({shown})")


def past_periods(case: Case, places: Places) -> Iterator[Hit]:
    """Periods named in Limits and Demand that are over: a workbook rolled on by months keeps them."""
    yield from _periods(case, places, "past", f"before the plan, which begins on {case.settings.boundaries[0]}")


def later_periods(case: Case, places: Places) -> Iterator[Hit]:
    """Periods named in Limits and Demand that come after the plan."""
    yield from _periods(case, places, "later", f"after the plan, which ends before {case.settings.boundaries[-1]}")


def _periods(case: Case, places: Places, when: str, said: str) -> Iterator[Hit]:
    for sheet in ("Limits", "Demand"):
        for row, text in enumerate(case.table(sheet)["period"]):
            for name in _foreign(case, text):
                if _when(case, name) == when:
                    yield Hit(places.cell(sheet, "period", row), name, said)


def _foreign(case: Case, text: str | None) -> tuple[str, ...]:
    """The names in a period cell that are no periods of the plan."""
    known = {day.isoformat(): 0 for day in case.settings.boundaries[:-1]} | dict.fromkeys(case.settings.labels, 0)
    return tuple(name for name in named(text, known) if name not in known) if text is not None else ()


def _when(case: Case, name: str) -> str:
    """'past' and 'later' for a month or a day before and after the plan, else ''."""
    try:
        day = date.fromisoformat(f"{name}-01" if len(name) == len("2027-01") else name)
    except ValueError:
        return ""
    begin, end = case.settings.boundaries[0], case.settings.boundaries[-1]
    return "past" if day < begin else "later" if day >= end else ""


def misfits(case: Case, places: Places) -> Iterator[Hit]:
    """Filters that a measure does not know, and amounts it cannot have."""
    first = case.settings.labels[0]
    for row, limit in enumerate(case.limits.to_dict("records")):
        measure = limit["measure"]
        for name in _not_for(measure):
            if limit[name] is not None:
                said = f"a {name} filter does not go with the measure {measure}"
                yield Hit(places.cell("Limits", name, row), str(limit[name]), said)
        within = limit["period"] is None or not _foreign(case, limit["period"])
        if measure in FIRST_PERIOD and within and limit["period"] not in (None, first):
            yield Hit(places.cell("Limits", "period", row), limit["period"], f"{measure} are those of {first} only")
        if measure in ("changes", "change_value") and limit["sense"] == "min":
            yield Hit(places.cell("Limits", "sense", row), "min", "no plan is made to change more: max only")
        if measure == "cost" and limit["sense"] == "min":
            yield Hit(places.cell("Limits", "sense", row), "min", "no plan is made to cost more: max only")
        if measure == "on_time_share" and limit["amount"] > 1:
            yield Hit(places.cell("Limits", "amount", row), f"{limit['amount']:g}", "a share is at most 1")


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
