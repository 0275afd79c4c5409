"""The Regions sheet: who ships to a region, who steps in, how the promise is kept (MATHEMATICS.md, section 4)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd

from .decisions import Keyed, Read, keyed
from .facts import TEMPERATURES, Floats, Ints, sums
from .lanes import bands, choices, ranking
from .recompute import Recomputed
from .reference import Reference
from .report import Report
from .workbook import PlanBook, Table

KEY = ("region", "temperature", "period")
ALIKE = 1.0 - 1e-9  # sums in another order


@dataclass(frozen=True)
class Ends:
    """Primary and backup lane of the lines of the sheet, -1 = none."""

    primary: Ints
    backup: Ints


def check_regions(book: PlanBook, read: Read, ref: Reference, found: Recomputed, report: Report) -> None:
    """One line for every region, temperature and period with demand, each with the recomputed figures."""
    known = ref.known
    names = (known.places.names, pd.Index(TEMPERATURES, dtype=object), pd.Index(known.calendar.labels, dtype=object))
    lines = keyed(book.tables["Regions"], dict(zip(KEY, names, strict=True)), report)
    shipped = found.shipped
    there = lines.spread(np.ones(len(lines.table.frame)), shipped.units.shape, 0.0) > 0
    for r, c, t in np.argwhere((shipped.units > 0) & ~there):
        where = f"{known.places.names[r]}, {TEMPERATURES[c]}, {known.calendar.labels[t]}"
        report.add("V-060", "Regions", "", f"there must be a row for {where}")
    for line in np.flatnonzero(~(shipped.units > 0)[lines.index]):
        report.add(
            "V-060", lines.table.place(int(line), "region"), "", "nothing of this temperature goes to the region"
        )
    lines = lines.only(np.flatnonzero((shipped.units > 0)[lines.index]))
    r, c, t = lines.index
    parcels = _by_region(ref, shipped.parcels)[r, c, t]
    table = lines.table
    report.numbers(
        "V-061", table, "promise", np.where(np.isfinite(known.places.promise[r]), known.places.promise[r], np.nan)
    )
    report.numbers("V-061", table, "parcels_per_day", parcels)
    report.numbers("V-061", table, "on_time_share", 1.0 - _share(shipped.late[r, c, t], parcels))
    report.numbers("V-061", table, "no_backup_share", _share(shipped.alone[r, c, t], parcels))
    ends = _ends(read, ref, found, lines)
    _check_ends(lines.table, ref, found, lines.index, ends, report)


def _by_region(ref: Reference, parcels: Floats) -> Floats:
    """(R, 3, T) parcels per day to each region, from those of each lane."""
    out = np.zeros((ref.known.shape[2], *parcels.shape[1:]))
    np.add.at(out, ref.ways.region[:-1], parcels[:-1])
    return out


def _share(part: Floats, whole: Floats) -> Floats:
    return np.divide(part, whole, out=np.full(len(whole), np.nan), where=whole > 0)


def _ends(read: Read, ref: Reference, found: Recomputed, lines: Keyed) -> Ends:
    """Primary lane: the most used one of the node that ships the most; backup: the router's best of the other nodes."""
    primary = np.array([_busiest(ref, found, lines, line) for line in range(len(lines.table.frame))], dtype=np.int64)
    return Ends(primary, _backups(read, ref, found, lines, primary))


def _busiest(ref: Reference, found: Recomputed, lines: Keyed, line: int) -> int:
    """The lane as the rule says; where several are used alike, the one that the sheet names."""
    r, c, t = (int(part[line]) for part in lines.index)
    ways, used = ref.ways, found.shipped.parcels[:-1, c, t]
    lanes = np.flatnonzero((ways.region[:-1] == r) & (used > 0))
    if not len(lanes):
        return -1
    names = np.asarray(ref.known.sites.names, dtype=object)[ways.node[lanes]]
    carriers = np.array([ways.carrier[lane] for lane in lanes], dtype=object)
    of_node = sums(ways.node[lanes], used[lanes], len(ref.known.sites.names))[ways.node[lanes]]
    busy = of_node >= of_node.max() * ALIKE
    one = busy & (names == lines.table.texts("primary_node")[line])
    busy = one if one.any() else busy & (ways.node[lanes] == ways.node[lanes[busy]].min())
    most = busy & (used[lanes] >= used[lanes[busy]].max() * ALIKE)
    named = most & (carriers == lines.table.texts("primary_carrier")[line])
    return int(lanes[named if named.any() else most][0])


def _backups(read: Read, ref: Reference, found: Recomputed, lines: Keyed, primary: Ints) -> Ints:
    """The best lane of another node that stocks such goods, in the router's order for the mean weight of a unit.

    Where that weight is the edge of a band, both bands are right; the one that agrees with the sheet is taken.
    """
    r, c, t = lines.index
    unit_kg = found.shipped.weight[r, c, t] / found.shipped.units[r, c, t]
    out = np.full(len(r), -1, dtype=np.int64)
    names, written = np.append(np.asarray(ref.known.sites.names, dtype=object), ""), lines.table.texts("backup_node")

    @cache
    def lanes_of(temperature: int, period: int, band: int) -> tuple[Ints, Ints]:
        kept = np.flatnonzero(ref.known.goods.temperature == temperature)
        stocks = np.asarray(read.decisions.stocked[kept, :, period].any(axis=0))
        one, two = choices(ranking(ref.known, ref.ways, temperature, band), stocks[None, :], ref.known.shape[2])
        return one[0], two[0]

    for line in range(len(r)):
        for nudge in (0.0, -1e-9, 1e-9):
            band = int(bands(np.array([unit_kg[line] * (1.0 + nudge)]))[0])
            one, two = (int(lanes[r[line]]) for lanes in lanes_of(int(c[line]), int(t[line]), band))
            lane = one if ref.ways.node[one] != ref.ways.node[primary[line]] else two
            agrees = names[ref.ways.node[lane]] == written[line]
            if nudge == 0.0 or agrees:
                out[line] = lane
            if agrees:
                break
    return out


def _check_ends(
    table: Table, ref: Reference, found: Recomputed, index: tuple[Ints, ...], ends: Ends, report: Report
) -> None:
    """Nodes, carriers, days and what the backup costs more."""
    r, c, t = index
    ways, names = ref.ways, np.append(np.asarray(ref.known.sites.names, dtype=object), "")
    carriers = np.array([*ways.carrier, ""], dtype=object)
    parcels = _by_region(ref, found.shipped.parcels)[r, c, t]
    kg = _share(found.shipped.weight[r, c, t], parcels)
    one, two = ends.primary, ends.backup
    extra = ways.per_parcel[two] - ways.per_parcel[one] + kg * (ways.per_kg[two] - ways.per_kg[one])
    from_node = np.zeros((len(names), *_by_region(ref, found.shipped.parcels).shape))
    np.add.at(from_node, (ways.node[:-1], ways.region[:-1]), found.shipped.parcels[:-1])
    share = _share(from_node[ways.node[one], r, c, t], parcels)
    report.texts("V-062", table, "primary_node", names[ways.node[one]])
    report.texts("V-062", table, "primary_carrier", carriers[one])
    report.texts("V-062", table, "backup_node", names[ways.node[two]])
    report.texts("V-062", table, "backup_carrier", carriers[two])
    report.numbers("V-062", table, "days", np.where(one >= 0, ways.days[one], np.nan))
    report.numbers("V-062", table, "extra_cost_of_backup", np.where(two >= 0, extra, np.nan))
    report.numbers("V-062", table, "primary_share", share)
