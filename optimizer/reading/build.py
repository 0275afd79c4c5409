"""From typed sheets to the tables of a case: every column there, every blank that has a default filled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import numbered
from ..settings import Settings
from .report import Fault, Report
from .sheets import SHEET, TEMPERATURES, TIER_DEFAULTS, Column, columns
from .typed import Typed
from .zones import distance_km, estimate

if TYPE_CHECKING:
    import pandas as pd

ESTIMATED = "estimated"  # the carrier of an estimated lane, and the column that marks it
_PRICES = ("cost_per_parcel", "cost_per_kg")


def frame(table: Typed, settings: Settings) -> pd.DataFrame:
    """A sheet as a table: the contract's columns in its order, constants and settings filled in."""
    import pandas as pd

    data = {column.name: _series(column, table.column(column.name), settings) for column in columns(table.sheet)}
    return pd.DataFrame(data, index=pd.RangeIndex(len(table.rows)))


def _series(column: Column, values: Sequence[Any], settings: Settings) -> pd.Series:
    import pandas as pd

    default = column.default
    if column.setting and column.name != "unit_price":
        default = getattr(settings, column.setting)
    if column.kind in ("number", "whole"):
        numbers = np.array([np.nan if value is None else value for value in values], dtype=float)
        return pd.Series(numbers if default is None else np.where(np.isnan(numbers), default, numbers))
    if column.kind == "date":
        return pd.Series(np.array(["NaT" if value is None else value for value in values], dtype="datetime64[s]"))
    filled = [default if value is None else value for value in values]
    return pd.Series(filled, dtype=bool if column.kind == "flag" else object)


def tables(typed: Mapping[str, Typed], settings: Settings, report: Report) -> dict[str, pd.DataFrame]:
    """Every table of a case but the orders."""
    import pandas as pd

    out = {name.casefold(): frame(table, settings) for name, table in typed.items()}
    _prices(out["skus"], settings)
    out["tiers"] = _tiers(typed["Tiers"], out["tiers"])
    for name in ("limits", "demand"):
        labels = [_label(text, settings) for text in out[name]["period"]]
        out[name]["period"] = pd.Series(labels, dtype=object)  # a list that holds texts would turn None into NaN
    out["lanes"] = _lanes(typed["Lanes"], out, settings, report)
    return out


def _prices(skus: pd.DataFrame, settings: Settings) -> None:
    """A blank unit_price is unit_cost x (1 + default_price_markup)."""
    skus["unit_price"] = skus["unit_price"].fillna(skus["unit_cost"] * (1.0 + settings.default_price_markup))


def _tiers(table: Typed, given: pd.DataFrame) -> pd.DataFrame:
    """The given tiers; blanks of A, B and C are filled from their defaults; without a sheet, A, B and C."""
    import pandas as pd

    names = [column.name for column in columns("Tiers")]
    if not len(given):
        return _as_objects(pd.DataFrame(list(TIER_DEFAULTS), columns=names))
    known = {row["tier"]: row for row in TIER_DEFAULTS}
    for name in names[1:]:
        typed = table.column(name)
        for position, tier in enumerate(given["tier"]):
            if typed[position] is None and tier in known:
                given.loc[position, name] = known[tier][name]
    return given


def _as_objects(table: pd.DataFrame) -> pd.DataFrame:
    """Text columns as plain str objects."""
    return table.astype({name: object for name in table.columns if table[name].dtype.kind not in "fbM"})


def _label(text: str | None, settings: Settings) -> str | None:
    """The label of the period whose first day a date names; other text as it is."""
    if text is None or settings.start is None:
        return text
    by_day = {day.isoformat(): label for day, label in zip(settings.boundaries, settings.labels, strict=False)}
    return by_day.get(text, text)


def _lanes(table: Typed, tables: Mapping[str, pd.DataFrame], settings: Settings, report: Report) -> pd.DataFrame:
    """The given lanes, their blanks filled, and an estimated one for every other pair with known places."""
    import pandas as pd

    lanes, nodes, regions = tables["lanes"], tables["nodes"], tables["regions"]
    lanes[ESTIMATED] = False
    here, there = (side[["lat", "lon"]].to_numpy(dtype=float) for side in (nodes, regions))
    km = distance_km(here[:, None, 0], here[:, None, 1], there[None, :, 0], there[None, :, 1])
    at_node = pd.Index(nodes["node"]).get_indexer_for(lanes["node"]) if nodes["node"].is_unique else None
    at_region = pd.Index(regions["region"]).get_indexer_for(lanes["region"]) if regions["region"].is_unique else None
    if at_node is None or at_region is None or (at_node < 0).any() or (at_region < 0).any():
        return lanes  # told already: a name twice, or unknown
    filled = _fill_given(table, lanes, km[at_node, at_region], report)
    absent = np.isfinite(km)
    absent[at_node, at_region] = False
    added = _estimated_rows(nodes, regions, km, absent, settings)
    _tell_estimates(len(added), km, at_node, at_region, filled, report)
    return pd.concat([lanes, added], ignore_index=True) if len(added) else lanes


def _fill_given(table: Typed, lanes: pd.DataFrame, km: Any, report: Report) -> int:
    """Blank prices and days of given rows; returns how many rows took a figure from the zone table."""
    zone = estimate(km)
    none_given = lanes[list(_PRICES)].isna().all(axis=1).to_numpy()
    taken = np.zeros(len(lanes), dtype=bool)
    for name in (*_PRICES, "transit_days"):
        blank = lanes[name].isna().to_numpy()
        if name in _PRICES:
            lanes.loc[blank & ~none_given, name] = 0.0
            blank = blank & none_given
        lanes.loc[blank, name] = zone[name][blank]
        taken |= blank
        for position in np.flatnonzero(blank & ~np.isfinite(km)):
            if name != "cost_per_kg" and (name, int(position)) not in table.bad:
                remedy = "Type it (0 if it is free), or give lat and lon of the node and the region."
                fault = Fault("D-022", f"{name} is blank and no distance is known", remedy)
                report.add(fault, table.place(name, int(position)))
    return int(taken.sum())


def _estimated_rows(
    nodes: pd.DataFrame, regions: pd.DataFrame, km: Any, absent: Any, settings: Settings
) -> pd.DataFrame:
    import pandas as pd

    at_node, at_region = np.nonzero(absent)
    data: dict[str, Any] = {
        "node": nodes["node"].to_numpy(dtype=object)[at_node],
        "region": regions["region"].to_numpy(dtype=object)[at_region],
        "carrier": np.full(len(at_node), ESTIMATED, dtype=object),
        **estimate(km[at_node, at_region]),
        "on_time_rate": np.full(len(at_node), settings.default_on_time_rate),
        "damage_rate": np.full(len(at_node), settings.default_damage_rate),
        "temperatures": np.full(len(at_node), ", ".join(TEMPERATURES), dtype=object),
        "parcels_per_day": np.full(len(at_node), np.nan),
        ESTIMATED: np.ones(len(at_node), dtype=bool),
    }
    rows = pd.DataFrame(data)
    return rows.astype(dict.fromkeys(("node", "region", "carrier", "temperatures"), object))


def _tell_estimates(added: int, km: Any, at_node: Any, at_region: Any, filled: int, report: Report) -> None:
    if added:
        said = f"{added:,} of {km.size:,} node-region pairs have no lane; estimated from distance by the zone table"
        report.add(Fault("B-020", said, "Give the lanes that matter.", "warning"), "Lanes")
    if filled:
        said = f"{numbered(filled, 'lane')} with blank costs or days; filled from the zone table"
        report.add(Fault("B-021", said, "Fill the cells that matter.", "warning"), "Lanes")
    given = np.zeros(km.shape, dtype=bool)
    given[at_node, at_region] = True
    lost = int((~given & ~np.isfinite(km)).sum())
    if lost:
        said = f"{lost:,} of {km.size:,} node-region pairs have no lane, and no lat and lon to estimate one"
        report.add(Fault("B-022", said, "Give lat and lon, or the lanes.", "warning"), "Lanes")


def empty(sheet: str) -> Typed:
    """A sheet that is not there."""
    SHEET[sheet]
    return Typed(sheet, sheet)
