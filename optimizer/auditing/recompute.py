"""What a placement costs and uses, recomputed from the input in batches of SKUs (MATHEMATICS.md, sections 4-8)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from .calendar import DAYS_PER_YEAR
from .facts import Bools, Floats, Ints, sums
from .flows import Draw, lead_times, upstream
from .lanes import BANDS_KG, bands, choices, ranking
from .policies import Policies
from .reference import Reference

CELLS = 1_000_000  # SKU x region cells of a batch: bounds the memory
KEPT = 200  # broken cells that are remembered one by one
LANE_TERMS = ("outbound", "late", "damage", "outage")
SKU_TERMS = (
    "outbound", "late", "damage", "inbound", "ordering", "handling", "capital", "storage", "stocking", "spoilage",
    "outage", "shortage", "change",
)  # fmt: skip


@dataclass(frozen=True)
class Decisions:
    """What a plan decides, plus the order quantities and reorder points it writes (nan = not written)."""

    stocked: Bools  # (K,N,T)
    open: Bools  # (N,T)
    surge: Floats  # (N,T) m3
    quantity: Floats | None = None  # (K,N,T)
    reorder: Floats | None = None  # (K,N,T)
    room_price: Floats | None = None  # (N,3) money/m3/month that orders count besides storage


@dataclass(frozen=True)
class Shipped:
    """Demand by who ships it, summed over SKUs."""

    parcels: Floats  # (L+1, 3, T) parcels/day by lane and temperature; the last lane is "nowhere"
    alone: Floats  # (R, 3, T) parcels/day without a backup
    late: Floats  # (R, 3, T) late parcels/day
    units: Floats  # (R, 3, T) units/day
    weight: Floats  # (R, 3, T) kg/day


@dataclass
class Broken:
    """The first (k, r, t) that break a rule, and how many do."""

    first: list[tuple[int, int, int]] = field(default_factory=list)
    count: int = 0

    def add(self, k: Ints, t: int, mask: Bools) -> None:
        """The cells of a batch (B, R) that break it in period t."""
        cells = np.argwhere(mask)
        self.count += len(cells)
        self.first += [(int(k[i]), int(r), t) for i, r in cells[: max(0, KEPT - len(self.first))]]


@dataclass(frozen=True)
class Recomputed:
    """The auditor's own figures for one placement.

    ``rows`` has one row per (k, n, t) with flow or stock: figures of section 6 and the cost terms of section 7;
    ``served`` has its regions, one row of packed bits each.
    """

    rows: pd.DataFrame
    served: np.ndarray  # (rows, ceil(R / 8)) uint8
    costs: dict[str, Floats]  # term -> (K, T), money
    at_node: Floats  # (N, T) SKU costs at the node that causes them
    shipped: Shipped
    tallies: dict[int, Floats]  # limit row -> (2, T): parcels or units of the limit's demand; late parcels
    unserved: Broken  # (k, r, t) with demand that no stocking node reaches
    no_backup: Broken  # (k, r, t) that lack a backup they must have

    @property
    def sku_cost(self) -> float:
        """Money over the horizon, SKU terms only."""
        return float(sum(term.sum() for term in self.costs.values()))


@dataclass(frozen=True)
class Cut:
    """A limit that looks at single regions: (K,) SKUs, (R,) regions, (N,) shipping nodes."""

    row: int
    skus: Bools
    regions: Bools
    nodes: Bools
    weighs_parcels: bool


class Recomputation:
    """Walks through batches of SKUs and gathers what they cost and use."""

    def __init__(self, ref: Reference, plan: Decisions, cuts: tuple[Cut, ...] = ()) -> None:
        self.ref, self.plan, self.cuts = ref, plan, cuts
        self.policies = Policies(ref, plan.quantity, plan.reorder, plan.room_price)
        skus, self.nodes, self.regions, self.periods = ref.known.shape
        self.skus = skus
        self.band = bands(ref.known.goods.weight_kg)
        self.tables: dict[tuple[int, int], pd.DataFrame] = {}
        self.rows: list[pd.DataFrame] = []
        self.served: list[np.ndarray] = []
        self.costs = {term: np.zeros((skus, self.periods)) for term in SKU_TERMS}
        self.at_node = np.zeros((self.nodes, self.periods))
        by_region = (self.regions, 3, self.periods)
        by_lane = (ref.ways.count + 1, 3, self.periods)
        self.shipped = Shipped(np.zeros(by_lane), *(np.zeros(by_region) for _ in range(4)))
        self.tallies = {cut.row: np.zeros((2, self.periods)) for cut in cuts}
        self.unserved, self.no_backup = Broken(), Broken()

    def run(self) -> Recomputed:
        """All batches, all periods."""
        for t in range(self.periods):
            for k in self._batches():
                self._one(k, t)
        rows = pd.concat(self.rows, ignore_index=True) if self.rows else _empty_rows()
        width = (self.regions + 7) // 8
        served = np.concatenate(self.served) if self.served else np.zeros((0, width), dtype=np.uint8)
        return Recomputed(
            rows, served, self.costs, self.at_node, self.shipped, self.tallies, self.unserved, self.no_backup
        )

    def _batches(self) -> Iterator[Ints]:
        size = max(1, CELLS // max(self.regions, self.nodes, 1))
        for first in range(0, self.skus, size):
            yield np.arange(first, min(first + size, self.skus))

    def _one(self, k: Ints, t: int) -> None:
        """One batch in one period."""
        stocked = self.plan.stocked[k, :, t]
        mean, variance = self.ref.rates.mean[k, :, t], self.ref.rates.variance[k, :, t]
        primary, backup = self._choose(k, stocked, mean > 0)
        self._note_broken(k, t, mean > 0, primary, backup)
        draw = Draw(primary, self.ref.ways.node, self.nodes)
        flow = upstream(draw.at_nodes(mean[draw.sku, draw.region]), self.ref.sources.feeder[k])
        pooled = upstream(draw.at_nodes(variance[draw.sku, draw.region]), self.ref.sources.feeder[k])
        costs = self._lane_costs(k, t, draw, mean, backup)
        change = self._change(k, t)
        self._gather_shipments(k, t, draw, mean, backup)
        rows = self._stock_rows(k, t, stocked, flow, pooled)
        local, n = rows["local"].to_numpy(), rows["n"].to_numpy()
        for term, spread in [*costs.items(), ("change", change)]:
            rows[term] = spread[local, n]
        self._gather_costs(k, t, rows, change)
        self._gather_served(rows, draw)
        self.rows.append(rows.drop(columns="local"))

    def _choose(self, k: Ints, stocked: Bools, needed: Bools) -> tuple[Ints, Ints]:
        """Primary and backup lane (B, R) of every SKU, -1 without demand or without a lane."""
        primary = np.full(needed.shape, -1, dtype=np.int64)
        backup = primary.copy()
        warmth, band = self.ref.known.goods.temperature[k], self.band[k]
        for code in np.unique(warmth * len(BANDS_KG) + band):
            rows = np.flatnonzero(warmth * len(BANDS_KG) + band == code)
            sets, which = np.unique(stocked[rows], axis=0, return_inverse=True)
            first, second = choices(self._table(*divmod(int(code), len(BANDS_KG))), sets, self.regions)
            primary[rows], backup[rows] = first[which.ravel()], second[which.ravel()]
        return np.where(needed, primary, -1), np.where(needed, backup, -1)

    def _table(self, temperature: int, band: int) -> pd.DataFrame:
        if (temperature, band) not in self.tables:
            self.tables[temperature, band] = ranking(self.ref.known, self.ref.ways, temperature, band)
        return self.tables[temperature, band]

    def _note_broken(self, k: Ints, t: int, needed: Bools, primary: Ints, backup: Ints) -> None:
        """Remember demand without a node in reach, and demand without the backup it must have."""
        self.unserved.add(k, t, needed & (primary < 0))
        wanted = self.ref.known.places.backup_required[None, :] & (self.ref.rules.max_nodes[k] >= 2)[:, None]
        lacking = needed & (primary >= 0) & (backup < 0) & wanted
        if lacking.any():
            lacking &= self._in_reach(k, t) >= 2
        self.no_backup.add(k, t, lacking)

    def _in_reach(self, k: Ints, t: int) -> Floats:
        """(B, R) number of allowed nodes, all feeders available, with a lane that carries the SKU's temperature."""
        count = np.zeros((len(k), self.regions))
        warmth = self.ref.known.goods.temperature[k]
        able = self.ref.rules.allowed[k, :, t] & self._fed(k, t)
        for temperature in np.unique(warmth):
            table = self._table(int(temperature), 0)
            reach = np.zeros((self.nodes, self.regions))
            reach[table["node"], table["region"]] = 1.0
            rows = np.flatnonzero(warmth == temperature)
            count[rows] = able[rows] @ reach
        return count

    def _fed(self, k: Ints, t: int) -> Bools:
        """(B, N) every feeder above the node is available."""
        feeder = self.ref.sources.feeder[k]
        open_to = self.ref.known.sites.available[:, t]
        above, fed = feeder, np.ones(feeder.shape, dtype=bool)
        for _ in range(self.nodes):
            fed &= (above < 0) | open_to[above]
            above = np.where(above < 0, -1, np.take_along_axis(feeder, np.maximum(above, 0), axis=1))
        return fed

    def _lane_costs(self, k: Ints, t: int, draw: Draw, mean: Floats, backup: Ints) -> dict[str, Floats]:
        """Outbound, late, damage and outage cost at the node that ships, money in the period: (B, N) each."""
        goods, ways, settings = self.ref.known.goods, self.ref.ways, self.ref.known.settings
        sku = k[draw.sku]
        parcels = self.ref.rates.parcels_per_unit[sku]
        units = mean[draw.sku, draw.region] * self.ref.known.calendar.days[t]

        def per_unit(lane: Ints) -> tuple[Floats, Floats, Floats]:
            freight = parcels * ways.per_parcel[lane] + goods.weight_kg[sku] * ways.per_kg[lane]
            late = parcels * ways.late[lane] * settings.late_penalty_per_parcel
            return freight, late, ways.damage[lane] * goods.unit_cost[sku]

        second = backup[draw.sku, draw.region]
        freight, late, damage = per_unit(draw.lane)
        dearer = sum(per_unit(second)) - freight - late - damage
        lost = settings.lost_sale_penalty_rate * goods.unit_price[sku]
        down = self.ref.known.sites.outage_days[draw.node] / DAYS_PER_YEAR
        outage = down * np.where(second >= 0, dearer, lost)
        terms = zip(LANE_TERMS, (freight, late, damage, outage), strict=True)
        return {term: draw.at_nodes(units * each) for term, each in terms}

    def _change(self, k: Ints, t: int) -> Floats:
        """(B, N) money for nodes that start or cease to stock the SKU in period t."""
        now = self.plan.stocked[k, :, t]
        settings, today = self.ref.known.settings, self.ref.in_force
        if t == 0 and today is None:
            return np.zeros(now.shape)
        before = self.plan.stocked[k, :, t - 1] if t or today is None else today[k]
        leaving = settings.change_cost_out + (0.0 if t else self.ref.clearing[k])
        return settings.change_cost_in * (now & ~before) + leaving * (before & ~now)

    def _stock_rows(self, k: Ints, t: int, stocked: Bools, flow: Floats, pooled: Floats) -> pd.DataFrame:
        """Rows of the batch with every figure of section 6 and the cost terms that follow from it."""
        sources = self.ref.sources
        lead, spread = lead_times(stocked, sources.feeder[k], sources.lead_time[k], sources.lead_time_sd[k])
        local, n = np.nonzero(stocked | (flow > 0))
        rows = pd.DataFrame({"local": local, "k": k[local], "n": n, "t": t, "stocked": stocked[local, n]})
        rows = rows.assign(flow=flow[local, n], variance=pooled[local, n], lead_time=lead[local, n])
        rows["lead_time_sd"] = np.sqrt(spread[local, n])
        rows["feeder"] = sources.feeder[rows["k"], rows["n"]]
        return self._costed(self.policies.of(rows))

    def _costed(self, rows: pd.DataFrame) -> pd.DataFrame:
        """The cost terms of the period that follow from flow and stock, money."""
        known, sources = self.ref.known, self.ref.sources
        k, n, t = (rows[name].to_numpy() for name in "knt")
        days, months = known.calendar.days[t], known.calendar.months[t]
        flow, orders, average = (rows[name].to_numpy() for name in ("flow", "orders_per_day", "average_stock"))
        goods, sites = known.goods, known.sites
        return rows.assign(
            volume_m3=rows["peak_stock"] * goods.volume_m3[k],
            value=average * goods.unit_cost[k],
            inbound=days * flow * (sources.per_unit[k, n] + goods.weight_kg[k] * sources.per_kg[k, n]),
            ordering=days * orders * sources.order_cost[k, n],
            handling=days * flow * sites.handling[n],
            capital=days / DAYS_PER_YEAR * known.settings.holding_rate * goods.unit_cost[k] * average,
            storage=months * sites.storage[n] * goods.volume_m3[k] * average,
            stocking=months * sites.stocking[n] * rows["stocked"],
            spoilage=days * goods.unit_cost[k] * rows["spoiled_per_day"],
            shortage=days * self.policies.lost(k) * rows["short_per_day"],
        )

    def _gather_costs(self, k: Ints, t: int, rows: pd.DataFrame, change: Floats) -> None:
        """Add the batch's costs per SKU and per node; a node dropped has no row but may cost."""
        local, n = rows["local"].to_numpy(), rows["n"].to_numpy()
        for term in SKU_TERMS:
            if term != "change":
                self.costs[term][k, t] += sums(local, rows[term], len(k))
        self.costs["change"][k, t] += change.sum(axis=1)
        others = rows[[term for term in SKU_TERMS if term != "change"]].sum(axis=1)
        self.at_node[:, t] += sums(n, others, self.nodes) + change.sum(axis=0)
        rows["cost"] = others + rows["change"]

    def _gather_shipments(self, k: Ints, t: int, draw: Draw, mean: Floats, backup: Ints) -> None:
        """Add the batch's parcels per lane and region, and the demand that single limits look at."""
        sku = k[draw.sku]
        units = mean[draw.sku, draw.region]
        parcels = units * self.ref.rates.parcels_per_unit[sku]
        late = parcels * self.ref.ways.late[draw.lane]
        alone = parcels * (backup[draw.sku, draw.region] < 0)
        warmth = self.ref.known.goods.temperature[sku]
        shipped, region = self.shipped, draw.region
        into = ((shipped.parcels, draw.lane, parcels), (shipped.alone, region, alone), (shipped.late, region, late))
        of_units = (
            (shipped.units, region, units),
            (shipped.weight, region, units * self.ref.known.goods.weight_kg[sku]),
        )
        for total, index, weight in (*into, *of_units):
            size = total.shape[0] * 3
            total[:, :, t] += sums(index * 3 + warmth, weight, size).reshape(-1, 3)
        for cut in self.cuts:
            counted = cut.skus[sku] & cut.regions[draw.region] & cut.nodes[draw.node]
            self.tallies[cut.row][0, t] += (parcels if cut.weighs_parcels else units)[counted].sum()
            self.tallies[cut.row][1, t] += late[counted].sum()

    def _gather_served(self, rows: pd.DataFrame, draw: Draw) -> None:
        """The regions that each row ships to, as packed bits."""
        number = np.full(draw.shape, -1, dtype=np.int64)
        number[rows["local"], rows["n"]] = np.arange(len(rows))
        served = np.zeros((len(rows), self.regions), dtype=bool)
        served[number[draw.sku, draw.node], draw.region] = True
        self.served.append(np.packbits(served, axis=1))


def _empty_rows() -> pd.DataFrame:
    return pd.DataFrame(columns=["k", "n", "t", "stocked", "flow", "cost"])
