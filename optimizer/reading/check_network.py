"""Conditions on the network: what can be held, fed, reached and sent. Each gives the places where it does not hold."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ..case import Case, items
from .check_rows import Hit, sold
from .places import Places
from .sheets import TEMPERATURES

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]


def has_room(case: Case) -> Bools:
    """(N,3) nodes in use with room at each temperature (blank ambient_m3 = no limit)."""
    room = case.nodes[[f"{name}_m3" for name in TEMPERATURES]].to_numpy(dtype=float)
    in_use = (case.nodes["status"] != "closed").to_numpy()
    return in_use[:, None] & (np.isnan(room) | (room > 0))


def _homes(case: Case) -> tuple[Bools, list[str]]:
    """(K,) SKUs that some node in use can hold; and why the others cannot be."""
    room = has_room(case)
    able = [set(items(text)) for text in case.nodes["capabilities"]]
    answers: dict[tuple[str, str | None], tuple[bool, str]] = {}
    fits, why = [], []
    for temperature, requires in zip(case.skus["temperature"], case.skus["requires"], strict=True):
        key = (temperature, requires)
        if key not in answers:
            answers[key] = _home(room[:, TEMPERATURES.index(temperature)], able, temperature, set(items(requires)))
        fits.append(answers[key][0])
        why.append(answers[key][1])
    return np.array(fits, dtype=bool), why


def _home(room: Bools, able: list[set[str]], temperature: str, needs: set[str]) -> tuple[bool, str]:
    if not room.any():
        return False, f"none in use has {temperature} room"
    if any(needs <= has for has, roomy in zip(able, room, strict=True) if roomy):
        return True, ""
    return False, f"none with {temperature} room has {', '.join(sorted(needs))}"


def homeless(case: Case, places: Places) -> Iterator[Hit]:
    """SKUs with demand that no node in use can hold."""
    yield from _homeless(case, places, sold(case))


def homeless_unsold(case: Case, places: Places) -> Iterator[Hit]:
    """The same for SKUs without demand."""
    yield from _homeless(case, places, ~sold(case))


def _homeless(case: Case, places: Places, which: Bools) -> Iterator[Hit]:
    fits, why = _homes(case)
    for row in np.flatnonzero(~fits & which).tolist():
        column = "requires" if " has " in why[row].removeprefix("none in use has") else "temperature"
        yield Hit(places.cell("SKUs", column, row), str(case.skus["sku"].iloc[row]), why[row])


def circles(case: Case, places: Places) -> Iterator[Hit]:
    """Nodes that feed themselves, directly or through others."""
    feeder = dict(zip(case.nodes["node"], case.nodes["replenished_from"], strict=True))
    for row, node in enumerate(case.nodes["node"]):
        way = [node]
        while feeder.get(way[-1]) is not None and len(way) <= len(feeder):
            way.append(feeder[way[-1]])
            if way[-1] == node:
                yield Hit(places.cell("Nodes", "replenished_from", row), str(feeder[node]), " <- ".join(way))
                break


def reach(case: Case) -> Bools:
    """(R,3) regions that some lane reaches from a node in use with room at the temperature it carries."""
    room = dict(zip(case.nodes["node"], has_room(case), strict=True))
    row_of = {name: row for row, name in enumerate(case.regions["region"])}
    out = np.zeros((len(row_of), 3), dtype=bool)
    carried = {
        text: np.array([name in items(text) for name in TEMPERATURES]) for text in set(case.lanes["temperatures"])
    }
    for node, region, text in zip(case.lanes["node"], case.lanes["region"], case.lanes["temperatures"], strict=True):
        out[row_of[region]] |= room[node] & carried[text]
    return out


def demand_per_day(case: Case) -> Floats:
    """(R,3) units per day of each region and temperature: Demand rows where there are any, else the mean of history."""
    skus, regions = len(case.skus), len(case.regions)
    temperature = np.array([TEMPERATURES.index(name) for name in case.skus["temperature"]], dtype=np.int64)
    cell = (
        case.orders["sku"].cat.codes.to_numpy().astype(np.int64) * regions + case.orders["region"].cat.codes.to_numpy()
    )
    rate = np.bincount(cell, case.orders["quantity"].to_numpy(), skus * regions).reshape(skus, regions)
    if len(case.orders):
        rate = rate / ((case.orders["date"].max() - case.orders["date"].min()).days + 1)
    own = case.demand.groupby(["sku", "region"], sort=False)["mean_per_day"].max()
    sku_row, region_row = (
        {name: row for row, name in enumerate(table)} for table in (case.skus["sku"], case.regions["region"])
    )
    for sku, region, mean in own.reset_index().itertuples(index=False):
        rate[sku_row[sku], region_row[region]] = mean
    out = np.zeros((regions, 3))
    np.add.at(out.T, temperature, rate)
    return out


def out_of_reach(case: Case) -> list[tuple[str, float]]:
    """('region temperature', units per day) of every demand that no lane reaches."""
    demand = demand_per_day(case)
    lost = np.argwhere((demand > 0) & ~reach(case)).tolist()
    return [(f"{case.regions['region'].iloc[r]} {TEMPERATURES[t]}", float(demand[r, t])) for r, t in lost]


def unreached(case: Case, places: Places) -> Iterator[Hit]:
    """Regions with demand at a temperature that no lane brings there."""
    row_of = {name: row for row, name in enumerate(case.regions["region"])}
    for where, amount in out_of_reach(case):
        region, _, temperature = where.rpartition(" ")
        said = f"{amount:,.3g} {temperature} units/day, and no lane brings {temperature} goods there"
        yield Hit(places.cell("Regions", "region", row_of[region]), region, said)


def shortfall(case: Case) -> float:
    """Units per day by which demand exceeds what all nodes in use can send; negative or -inf when it does not."""
    sent = case.nodes["units_per_day"][case.nodes["status"] != "closed"]
    if not len(sent) or sent.isna().any():
        return -np.inf
    return float(demand_per_day(case).sum() - sent.sum())


def overfull(case: Case, places: Places) -> Iterator[Hit]:
    """A planner's own forecast above what all nodes can send. Only without history, which is but an estimate."""
    if not len(case.orders):
        yield from _short(case, places)


def crowded(case: Case, places: Places) -> Iterator[Hit]:
    """Mean past demand above what all nodes can send."""
    if len(case.orders):
        yield from _short(case, places)


def _short(case: Case, places: Places) -> Iterator[Hit]:
    short = shortfall(case)
    if short > 1e-9:
        total = float(demand_per_day(case).sum())
        said = f"demand is {total:,.0f} units/day, all nodes together send {total - short:,.0f}: short by {short:,.0f}"
        yield Hit(places.cell("Nodes", "units_per_day", 0), f"{total - short:g}", said)


def broken_promises(case: Case, places: Places) -> Iterator[Hit]:
    """Promises that even the fastest lane from a node in use misses."""
    in_use = case.nodes["node"][case.nodes["status"] != "closed"]
    fastest = case.lanes[case.lanes["node"].isin(in_use)].groupby("region")["transit_days"].min()
    best = case.regions["region"].map(fastest).to_numpy(dtype=float)
    promise = case.regions["promise_days"].to_numpy(dtype=float)
    for row in np.flatnonzero(best > promise).tolist():
        said = f"the fastest takes {best[row]:g} days to {case.regions['region'].iloc[row]}"
        yield Hit(places.cell("Regions", "promise_days", row), f"{promise[row]:g}", said)


def stranded(case: Case, places: Places) -> Iterator[Hit]:
    """Stock at closed nodes."""
    closed = case.nodes["node"][case.nodes["status"] == "closed"]
    held = case.stock["node"].isin(closed) & (case.stock["on_hand"] > 0)
    for row in np.flatnonzero(held.to_numpy()).tolist():
        yield Hit(places.cell("Stock", "node", row), str(case.stock["node"].iloc[row]))


def shut_windows(case: Case, places: Places) -> Iterator[Hit]:
    """Nodes in use whose window covers at least half of no period."""
    if case.settings.start is None:
        return
    edges = np.array(case.settings.boundaries, dtype="datetime64[D]")
    since, until = (case.nodes[name].to_numpy(dtype="datetime64[D]") for name in ("open_from", "open_until"))
    first = np.where(np.isnat(since), edges[0], since)[:, None]
    last = np.where(np.isnat(until), edges[-1], until + np.timedelta64(1, "D"))[:, None]
    inside = (np.minimum(last, edges[1:]) - np.maximum(first, edges[:-1])).astype(np.int64)
    never = (2 * inside < np.diff(edges).astype(np.int64)).all(axis=1)
    for row in np.flatnonzero(never & (case.nodes["status"] != "closed").to_numpy()).tolist():
        yield Hit(places.cell("Nodes", "node", row), str(case.nodes["node"].iloc[row]))


def shut_feeders(case: Case, places: Places) -> Iterator[Hit]:
    """Nodes in use that a closed node feeds."""
    nodes = case.nodes
    closed = nodes["node"][nodes["status"] == "closed"]
    fed = (nodes["status"] != "closed") & nodes["replenished_from"].isin(closed)
    for row in np.flatnonzero(fed.to_numpy()).tolist():
        yield Hit(places.cell("Nodes", "replenished_from", row), str(nodes["replenished_from"].iloc[row]),
                  str(nodes["node"].iloc[row]))  # fmt: skip
