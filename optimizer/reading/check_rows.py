"""Conditions on single rows and single sheets. Each gives the places where it does not hold."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..case import Case
from ..errors import nearest
from .places import Places

WILD, ODD = 1e4, 1e2  # times the median of the category
FEWEST = 5  # figures that make a median worth comparing with


@dataclass(frozen=True)
class Hit:
    """One place where a check does not hold: its address, the value there, and what to say of it."""

    place: str
    value: str
    detail: str = ""


def windows(case: Case, places: Places) -> Iterator[Hit]:
    """Nodes.open_until before open_from; SKUs.end_date before launch_date."""
    for sheet, first, last in (("Nodes", "open_from", "open_until"), ("SKUs", "launch_date", "end_date")):
        yield from _backward(case, places, sheet, first, last)


def campaigns(case: Case, places: Places) -> Iterator[Hit]:
    """Campaigns.until before from."""
    yield from _backward(case, places, "Campaigns", "from", "until")


def _backward(case: Case, places: Places, sheet: str, first: str, last: str) -> Iterator[Hit]:
    table = case.table(sheet)
    for row in np.flatnonzero((table[last] < table[first]).to_numpy()).tolist():
        begin, end = (f"{table[name].iloc[row]:%Y-%m-%d}" for name in (first, last))
        yield Hit(places.cell(sheet, last, row), end, f"{first} {begin}")


def node_counts(case: Case, places: Places) -> Iterator[Hit]:
    """Tiers.min_nodes above max_nodes."""
    tiers = case.tiers
    for row in np.flatnonzero((tiers["min_nodes"] > tiers["max_nodes"]).to_numpy()).tolist():
        low, high = tiers["min_nodes"].iloc[row], tiers["max_nodes"].iloc[row]
        yield Hit(places.cell("Tiers", "min_nodes", row), f"{low:g}", f"max_nodes {high:g}")


def supply_subject(case: Case, places: Places) -> Iterator[Hit]:
    """Supply rows with neither sku nor supplier, or with both."""
    supply = case.supply
    given = supply[["sku", "supplier"]].notna().sum(axis=1).to_numpy()
    for row in np.flatnonzero(given != 1).tolist():
        said = "names both a sku and a supplier" if given[row] else "names neither a sku nor a supplier"
        yield Hit(places.cell("Supply", "sku", row), str(supply["sku"].iloc[row] or ""), said)


def suppliers(case: Case, places: Places) -> Iterator[Hit]:
    """Supply.supplier that no SKU has."""
    known = list(dict.fromkeys(case.skus["supplier"].dropna()))
    for row, name in enumerate(case.supply["supplier"]):
        if name is not None and name not in known:
            close = nearest(name, known)
            yield Hit(places.cell("Supply", "supplier", row), name, f'; nearest: "{close}"' if close else "")


def tier_shares(case: Case, places: Places) -> Iterator[Hit]:
    """SKUs without a tier need a tier whose cumulative share is 1; shares rise from row to row."""
    share = case.tiers["share_of_value"].to_numpy(dtype=float)
    given = np.flatnonzero(~np.isnan(share))
    loose = int(case.skus["tier"].isna().sum())
    if loose and (not len(given) or share[given].max() < 1.0 - 1e-9):
        top = f"{share[given].max():g}" if len(given) else ""
        place = places.cell("Tiers", "share_of_value", int(given[-1]) if len(given) else 0)
        yield Hit(place, top, f"{loose:,} SKUs name no tier, and no tier reaches a cumulative share of 1")
    for row in given[1:][np.diff(share[given]) <= 0].tolist():
        said = "the shares are cumulative and must rise from row to row"
        yield Hit(places.cell("Tiers", "share_of_value", row), f"{share[row]:g}", said)


def no_volume(case: Case, places: Places) -> Iterator[Hit]:
    """SKUs.volume_l of 0."""
    for row in np.flatnonzero((case.skus["volume_l"] == 0).to_numpy()).tolist():
        yield Hit(places.cell("SKUs", "volume_l", row), "0")


def stock_twice(case: Case, places: Places) -> Iterator[Hit]:
    """Rows of Stock for the same SKU, node and last day; their units are added up."""
    plain = case.stock.astype(object).where(case.stock.notna(), None)
    rows, first = list(plain.itertuples(index=False, name=None)), dict[tuple[object, ...], int]()
    for row, (sku, node, *_, expires) in enumerate(rows):
        before = first.setdefault((sku, node, expires), row)
        if before != row:
            said = "the same in every column" if rows[row] == rows[before] else "the same sku, node and expires"
            yield Hit(places.cell("Stock", "sku", row), sku, f"{said} as {places.cell('Stock', 'sku', before)}")


def wild(case: Case, places: Places) -> Iterator[Hit]:
    """Volume or weight over 10,000 times (or under 1/10,000 of) the median of its category."""
    yield from _outliers(case, places, WILD, np.inf)


def outlying(case: Case, places: Places) -> Iterator[Hit]:
    """The same over 100 times."""
    yield from _outliers(case, places, ODD, WILD)


def _outliers(case: Case, places: Places, above: float, up_to: float) -> Iterator[Hit]:
    accepted = set(case.settings.accepted_outliers)
    for name in ("volume_l", "weight_kg"):
        values = case.skus[name].to_numpy(dtype=float)
        median = category_median(case.skus, name)
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.where((values > 0) & (median > 0), np.maximum(values / median, median / values), 1.0)
        for row in np.flatnonzero((ratio > above) & (ratio <= up_to)).tolist():
            place = places.cell("SKUs", name, row)
            if place not in accepted and places.given("SKUs", name, row):
                yield Hit(
                    place, f"{values[row]:g}", f"{name} is {values[row]:g}, the median is {median[row]:g}: wrong unit?"
                )


def wild_spread(case: Case, places: Places) -> Iterator[Hit]:
    """Demand.sd_per_day over 10,000 times the mean."""
    mean, sd = (case.demand[name].to_numpy(dtype=float) for name in ("mean_per_day", "sd_per_day"))
    for row in np.flatnonzero((mean > 0) & (sd > WILD * mean)).tolist():
        yield Hit(places.cell("Demand", "sd_per_day", row), f"{sd[row]:g}", f"the mean is {mean[row]:g}")


def category_median(skus: pd.DataFrame, name: str) -> NDArray[np.float64]:
    """(K,) median of a column in each SKU's category; over all SKUs where the category has fewer than five."""
    values = skus[name].where(skus[name] > 0)
    groups = values.groupby(skus["category"], dropna=False)
    median = groups.transform("median").where(groups.transform("count") >= FEWEST, values.median())
    enough = values.notna().sum() >= FEWEST
    return median.to_numpy(dtype=float) if enough else np.full(len(skus), np.nan)


def costless(case: Case, places: Places) -> Iterator[Hit]:
    """Every cost of the workbook and every cost setting is zero."""
    money = {
        "skus": ["unit_cost", "unit_price"], "lanes": ["cost_per_parcel", "cost_per_kg"],
        "nodes": [name for name in case.nodes.columns if "cost" in name],
    }  # fmt: skip
    total = sum(float(case.table(sheet)[names].abs().sum().sum()) for sheet, names in money.items())
    rates = case.settings
    fixed = rates.order_cost + rates.transfer_cost + rates.change_cost_in + rates.change_cost_out
    if len(case.skus) and total + fixed == 0:
        yield Hit(places.cell("SKUs", "unit_cost", 0), "0")


def sold(case: Case) -> NDArray[np.bool_]:
    """(K,) SKUs with order lines or Demand rows."""
    return _named(case, "sku", "skus")


def demanding(case: Case) -> NDArray[np.bool_]:
    """(R,) regions with order lines or Demand rows."""
    return _named(case, "region", "regions")


def _named(case: Case, name: str, table: str) -> NDArray[np.bool_]:
    count = len(case.table(table))
    found = np.bincount(case.orders[name].cat.codes.to_numpy(), minlength=count)[:count] > 0
    return found | case.table(table)[name].isin(case.demand[name]).to_numpy()


def unsold_skus(case: Case, places: Places) -> Iterable[Hit]:
    """SKUs nobody ordered and no Demand row names."""
    return _unused(places, "SKUs", "sku", case.skus["sku"], ~sold(case))


def quiet_regions(case: Case, places: Places) -> Iterable[Hit]:
    """Regions without orders and Demand rows."""
    return _unused(places, "Regions", "region", case.regions["region"], ~demanding(case))


def closed_nodes(case: Case, places: Places) -> Iterable[Hit]:
    """Nodes whose status is closed."""
    return _unused(places, "Nodes", "node", case.nodes["node"], (case.nodes["status"] == "closed").to_numpy())


def _unused(places: Places, sheet: str, name: str, names: pd.Series, mask: NDArray[np.bool_]) -> Iterable[Hit]:
    return [Hit(places.cell(sheet, name, row), str(names.iloc[row])) for row in np.flatnonzero(mask).tolist()]
