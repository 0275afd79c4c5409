"""Which lane serves a region from a set of nodes, and which is its backup (MATHEMATICS.md, section 4)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from optimizer.case import items

from .facts import TEMPERATURES, UNLIMITED, Bools, Facts, Floats, Ints, numbers, positions, texts

if TYPE_CHECKING:
    from optimizer.case import Case

BANDS_KG = np.array([0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0])


@dataclass(frozen=True)
class Lanes:
    """The lanes as arrays of length L; the last array entry of each is a blank lane, so that lane -1 costs nothing."""

    node: Ints
    region: Ints
    carrier: tuple[str, ...]
    per_parcel: Floats
    per_kg: Floats
    days: Floats
    late: Floats
    damage: Floats
    limit: Floats  # parcels/day
    carries: Bools  # (L, 3)

    @property
    def count(self) -> int:
        """Number of real lanes."""
        return len(self.carrier)


def lanes(case: Case, known: Facts) -> Lanes:
    """The Lanes sheet as arrays, with `late` = 1 for a missed promise and 1 - on_time_rate for a kept one."""
    sheet = case.lanes
    region = positions(texts(sheet, "region"), known.places.names)
    days = numbers(sheet, "transit_days", UNLIMITED)
    kept = days <= known.places.promise[region]
    on_time = numbers(sheet, "on_time_rate", known.settings.default_on_time_rate)
    temperatures = [items(text) or TEMPERATURES for text in texts(sheet, "temperatures")]
    return Lanes(
        node=np.append(positions(texts(sheet, "node"), known.sites.names), -1),
        region=np.append(region, -1),
        carrier=tuple(texts(sheet, "carrier")),
        per_parcel=np.append(numbers(sheet, "cost_per_parcel", 0.0), 0.0),
        per_kg=np.append(numbers(sheet, "cost_per_kg", 0.0), 0.0),
        days=np.append(days, 0.0),
        late=np.append(np.where(kept, 1.0 - on_time, 1.0), 0.0),
        damage=np.append(numbers(sheet, "damage_rate", known.settings.default_damage_rate), 0.0),
        limit=np.append(numbers(sheet, "parcels_per_day", UNLIMITED), UNLIMITED),
        carries=np.array([[name in row for name in TEMPERATURES] for row in temperatures], dtype=bool).reshape(-1, 3),
    )


def bands(weight_kg: Floats) -> Ints:
    """Index of the weight band: the first that is not below the weight, the last for anything heavier."""
    return np.minimum(np.searchsorted(BANDS_KG, weight_kg, side="left"), len(BANDS_KG) - 1)


def ranking(known: Facts, ways: Lanes, temperature: int, band: int) -> pd.DataFrame:
    """The best lane of every (region, node) for one temperature and band, columns region, node, lane, best first."""
    real = np.flatnonzero(ways.carries[:, temperature] & (ways.node[:-1] >= 0) & (ways.region[:-1] >= 0))
    table = pd.DataFrame({"lane": real, "node": ways.node[real], "region": ways.region[real]})
    price = ways.per_parcel[real] + BANDS_KG[band] * ways.per_kg[real]
    missed = ways.days[real] > known.places.promise[table["region"]]
    by_days = missed | (known.settings.routing == "fastest")
    table = table.assign(
        missed=missed,
        first=np.where(by_days, ways.days[real], price),
        second=np.where(by_days, price, ways.days[real]),
        carrier=[ways.carrier[lane] for lane in real],
    )
    table = table.sort_values(["region", "missed", "first", "second", "node", "carrier"], kind="stable")
    return table.drop_duplicates(["region", "node"])[["region", "node", "lane"]].reset_index(drop=True)


def choices(ranked: pd.DataFrame, sets: Bools, regions: int) -> tuple[Ints, Ints]:
    """Primary and backup lane of every (set, region), -1 where there is none; sets (S, N) of nodes."""
    which, node = np.nonzero(sets)
    members = pd.DataFrame({"set": which, "node": node})
    table = ranked.assign(rank=np.arange(len(ranked))).merge(members, on="node").sort_values("rank", kind="stable")
    place = table.groupby(["set", "region"]).cumcount().to_numpy()
    found = []
    for nth in (0, 1):
        rows = table[place == nth]
        lane = np.full((len(sets), regions), -1, dtype=np.int64)
        lane[rows["set"], rows["region"]] = rows["lane"]
        found.append(lane)
    return found[0], found[1]
