"""Seeded benchmark networks: geography on a plane, Pareto value, A/B/C tiers, capacities that bind and can be met.

Node 0 is the central node. Rooms, throughput and budget are calibrated on the placement each SKU would want if nothing
were scarce (the best of a sample of node sets under approximate costs): the outlying nodes then get less than is wanted
of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import Any

import numpy as np
from scipy.stats import norm

from models.instance import Bools, Floats, Instance, Ints

SIZES = {
    "S": (200, 8, 30, 3, 4),
    "M": (1_000, 12, 50, 3, 5),
    "L": (10_000, 20, 100, 3, 6),
    "XL": (100_000, 20, 100, 1, 6),
}  # skus, nodes, regions, periods, candidates

TIERS = "ABC"
SERVICE = np.array([0.98, 0.95, 0.90])
MAX_NODES = np.array([4, 2, 1])
KINDS = ("central", "cold", "regional", "popup")
SETS_SAMPLED = 24
BLOCK = 4_096  # SKUs per batch

Parts = dict[str, Any]


def named(size: str, seed: int = 1) -> Instance:
    """The benchmark instance S, M, L or XL."""
    return network(*SIZES[size], seed=seed)


def network(skus: int, nodes: int, regions: int, periods: int, candidates: int, seed: int) -> Instance:
    """A benchmark network; the last `candidates` nodes are candidates, half of them pop-ups with a window.

    The same arguments give the same arrays.
    """
    rng = np.random.default_rng(seed)
    parts: Parts = {
        "skus": tuple(f"SKU{i:06d}" for i in range(skus)),
        "nodes": tuple(f"N{i:02d}" for i in range(nodes)),
        "regions": tuple(f"R{i:03d}" for i in range(regions)),
        "periods": tuple(f"2027-{t + 1:02d}" for t in range(periods)),
        "days": np.array([31.0, 28.0, 31.0, 30.0, 31.0, 30.0, 31.0, 31.0, 30.0, 31.0, 30.0, 31.0])[:periods],
        "months": np.ones(periods),
    }
    kind = _kinds(nodes, candidates)
    parts |= _catalogue(rng, skus)
    tier = parts.pop("tier_index")
    parts |= _lanes(rng, nodes, regions)
    campaign, demand = _demand(rng, parts.pop("daily"), tier, regions, periods)
    parts |= demand | _node_facts(rng, kind, candidates, periods) | _supply(rng, parts, kind)
    parts |= {"allowed": _allowed(parts, tier, kind, campaign), "tier": tuple(TIERS[i] for i in tier)}
    parts |= _policy()
    parts |= _calibrated(rng, parts, tier, campaign)
    return Instance(**parts)


def _kinds(nodes: int, candidates: int) -> Ints:
    """Index into KINDS: a central node, then cold and regional nodes in turn, half of the candidates pop-ups."""
    kind = np.where(np.arange(nodes) % 3 == 1, 1, 2)
    kind[0] = 0
    if candidates:
        kind[nodes - (candidates + 1) // 2 :] = 3
    return kind


def _pareto(skus: int, fifth: float = 0.8) -> Floats:
    """Pareto quantiles, money/day, of which the first fifth of the SKUs makes `fifth` of the value."""
    rank = (np.arange(skus) + 0.5) / skus
    low, high = 0.1, 3.0
    for _ in range(60):
        power = (low + high) / 2
        value = rank**-power
        low, high = (low, power) if value[: skus // 5].sum() > fifth * value.sum() else (power, high)
    return rank**-low * (40.0 / (rank**-low).mean())


def _catalogue(rng: np.random.Generator, skus: int) -> Parts:
    value = rng.permutation(_pareto(skus))
    order = np.argsort(-value, kind="stable")
    share = np.empty(skus)
    share[order] = (np.cumsum(value[order]) - value[order]) / value.sum()
    tier = np.searchsorted([0.80, 0.95], share, side="right")
    cost = np.round(np.exp(rng.normal(2.7, 0.7, skus)), 2)
    return {
        "daily": value / cost,
        "tier_index": tier,
        "unit_cost": cost,
        "unit_price": np.round(cost * 1.8, 2),
        "weight_kg": np.round(np.exp(rng.normal(-0.7, 0.8, skus)), 3),
        "volume_m3": np.round(np.exp(rng.normal(0.3, 0.8, skus)) / 1000, 6),
        "temperature": rng.choice(3, skus, p=[0.7, 0.2, 0.1]),
        "shelf_life_days": np.where(rng.random(skus) < 0.25, rng.integers(40, 365, skus), np.inf),
        "pack_size": rng.choice([1.0, 6.0, 12.0], skus, p=[0.6, 0.2, 0.2]),
        "parcels_per_unit": np.round(rng.uniform(0.4, 1.0, skus), 3),
        "level_error": np.round(rng.uniform(0.02, 0.2, skus), 3),
        "service_level": SERVICE[tier],
        "fill_service": np.ones(skus, dtype=bool),
        "min_nodes": np.ones(skus, dtype=np.int64),
        "max_nodes": MAX_NODES[tier].astype(np.int64),
    }


def _demand(rng: np.random.Generator, daily: Floats, tier: Ints, regions: int, periods: int) -> tuple[Bools, Parts]:
    """Campaigns (K,T) and demand: population shares, a taste of each SKU, a season; a campaign doubles a period."""
    skus = len(daily)
    campaign = np.zeros((skus, periods), dtype=bool)
    touched = np.flatnonzero((tier == 1) & (rng.random(skus) < 0.4))
    campaign[touched, rng.integers(0, periods, len(touched))] = True
    people = rng.pareto(1.5, regions) + 0.3
    mean = rng.gamma(3.0, 1 / 3.0, (skus, regions))
    mean *= people / people.sum()
    mean *= (daily / mean.sum(1))[:, None]
    season = rng.uniform(0.8, 1.25, (skus, periods)) * np.where(campaign, 2.0, 1.0)
    dispersion = rng.uniform(1.0, 3.0, skus)
    rates = mean[:, :, None] * season[:, None, :]
    return campaign, {"mean": rates, "variance": rates * dispersion[:, None, None]}


def _lanes(rng: np.random.Generator, nodes: int, regions: int) -> Parts:
    """Two carriers on every pair; the plane is 3,000 km wide; regions gather round a few towns."""
    towns = rng.uniform(0, 3000, (6, 2))
    place = towns[rng.integers(0, 6, regions)] + rng.normal(0, 250, (regions, 2))
    sites = place[rng.permutation(regions)[: nodes - 1]] + rng.normal(0, 60, (min(nodes - 1, regions), 2))
    extra = rng.uniform(0, 3000, (nodes - 1 - len(sites), 2))
    where = np.vstack([[[1500.0, 1500.0]], sites, extra])
    distance = np.linalg.norm(where[:, None] - place[None], axis=2)  # km
    node, region, express = (a.ravel() for a in np.indices((nodes, regions, 2)))
    far = distance[node, region]
    noise = rng.uniform(0.9, 1.1, len(far))
    return {
        "lane_node": node,
        "lane_region": region,
        "lane_carrier": tuple(np.array(["economy", "express"])[express].tolist()),
        "lane_parcel_cost": np.round((3.0 + 0.003 * far) * noise * np.where(express, 1.7, 1.0), 2),
        "lane_kg_cost": np.round((0.3 + 0.0004 * far) * np.where(express, 1.5, 1.0), 3),
        "lane_days": 1.0 + np.floor(far / np.where(express, 1200, 500)),
        "lane_on_time": np.round(rng.uniform(0.9, 0.99, len(far)), 3),
        "lane_damage": np.round(rng.uniform(0, 0.01, len(far)), 4),
        "lane_temperatures": np.ones((len(far), 3), dtype=bool),
        "lane_parcels_per_day": np.full(len(far), np.inf),
        "promise_days": rng.integers(2, 5, regions).astype(float),
        "backup_required": np.zeros(regions, dtype=bool),
    }


def _node_facts(rng: np.random.Generator, kind: Ints, candidates: int, periods: int) -> Parts:
    nodes = len(kind)
    candidate = np.arange(nodes) >= nodes - candidates
    available = np.ones((nodes, periods), dtype=bool)
    popups = np.flatnonzero(kind == 3)
    if periods > 1:
        available[popups] = np.arange(periods) >= rng.integers(0, 2, len(popups))[:, None]
        available[popups[::2], -1] = False
    return {
        "candidate": candidate,
        "available": available,
        "surge_cost": np.round(rng.uniform(25, 45, nodes), 2),
        "opening_cost": np.where(candidate, 1.0, 0.0),  # scaled to the size of the network in _calibrated
        "fixed_cost": np.round(rng.uniform(0.7, 1.3, nodes), 3),
        "handling_cost": np.round(rng.uniform(0.4, 0.9, nodes), 2),
        "storage_cost": np.round(rng.uniform(8, 20, nodes), 2),
        "stocking_cost": np.round(rng.uniform(0.1, 0.6, nodes), 2),
        "review_days": np.full(nodes, 7.0),
        "outage_days": np.round(rng.uniform(0.5, 5, nodes), 1),
    }


def _supply(rng: np.random.Generator, parts: Parts, kind: Ints) -> Parts:
    """Regional and pop-up nodes are fed from the central node, cold nodes by the supplier."""
    skus, nodes = len(parts["skus"]), len(kind)
    feeder = np.broadcast_to(np.where(kind >= 2, 0, -1), (skus, nodes)).astype(np.int64)
    fed = feeder >= 0
    lead = np.where(fed, 3.0, np.round(rng.uniform(7, 28, (skus, 1))))
    return {
        "feeder": feeder,
        "lead_time": lead,
        "lead_time_sd": np.where(fed, 0.5, np.round(rng.uniform(0, 3, (skus, 1)), 1)),
        "inbound_per_unit": np.where(fed, 0.15, 0.25) * np.ones((skus, 1)),
        "inbound_per_kg": np.broadcast_to(np.round(rng.uniform(0.05, 0.2, nodes), 3), (skus, nodes)).copy(),
        "order_cost": np.where(fed, 2.0, 10.0),
        "moq": np.where(fed, 1.0, rng.choice([1.0, 12.0, 24.0], (skus, 1))),
        "on_hand": np.zeros((skus, nodes)),
        "on_order": np.zeros((skus, nodes)),
    }


def _cold_rooms(kind: Ints) -> Bools:
    """(N,3): which nodes have a room of each temperature; every cold node and every other outlying node chills."""
    turn = np.arange(len(kind)) % 2 == 0
    chilled = (kind <= 1) | turn
    return np.column_stack([np.ones(len(kind), dtype=bool), chilled, kind <= 1])


def _allowed(parts: Parts, tier: Ints, kind: Ints, campaign: Bools) -> Bools:
    holds = _cold_rooms(kind)[:, parts["temperature"]].T  # (K,N)
    staged = np.isin(kind, (2, 3))
    by_tier = np.stack([np.ones(len(kind), dtype=bool), ~staged, kind == 0])
    allowed = (holds & by_tier[tier])[:, :, None] & parts["available"][None]
    return allowed | (campaign[:, None, :] & holds[:, :, None] & parts["available"][None])


def _policy() -> Parts:
    return {
        "holding_rate": 0.25,
        "late_penalty": 5.0,
        "lost_sale_rate": 0.5,
        "change_cost_in": 5.0,
        "change_cost_out": 5.0,
        "max_cover_days": 90.0,
    }


def _calibrated(rng: np.random.Generator, parts: Parts, tier: Ints, campaign: Bools) -> Parts:
    """Rooms, throughput, SKU slots, budget, fixed costs and the placement in force, from the placement wanted."""
    nodes, periods = parts["available"].shape
    rooms = np.zeros((nodes, 3))
    value, flow, money = 0.0, np.zeros(nodes), 0.0
    in_force = np.zeros((len(tier), nodes), dtype=bool)
    for period in range(periods):
        wanted = _Wanted(parts, period)
        for members, sets in _groups(rng, parts, tier, campaign, period):
            wanted.choose(members, sets)
        rooms = np.maximum(rooms, wanted.volume)
        value, money = max(value, wanted.value), max(money, wanted.outbound)
        flow = np.maximum(flow, wanted.flow)
        in_force |= wanted.held if period == 0 else False
    central = np.arange(nodes) == 0
    tightness = np.where(central[:, None], 1.12, np.array([0.75, 0.7, 0.7]))
    cold = _cold_rooms(_kinds(nodes, int(parts["candidate"].sum())))
    built = cold & ~central[:, None] & ~parts["candidate"][:, None]
    typical = np.where(built, rooms, 0.0).sum(0) / np.maximum(built.sum(0), 1)
    rooms = np.maximum(rooms, np.where(parts["candidate"][:, None], 0.8, 0.3) * typical)
    return {
        "room_m3": np.where(cold, np.round(rooms * tightness + 0.01, 3), 0.0),
        "surge_m3": np.round(rooms.sum(1) * 0.15, 3),
        "units_per_day": np.where(np.arange(nodes) % 4 == 1, np.round(flow * 0.85 + 1, 1), np.inf),
        "max_skus": np.where(parts["candidate"], np.ceil(len(tier) * 0.12 + 5), np.inf),
        "budget": float(np.round(value * 0.97, 2)),
        "fixed_cost": np.round(parts["fixed_cost"] * money * 0.003, 2),
        "opening_cost": np.round(parts["opening_cost"] * money * 0.002, 2),
        "in_force": _shaken(rng, in_force, parts["allowed"][:, :, 0], parts["max_nodes"]),
    }


def _shaken(rng: np.random.Generator, held: Bools, allowed: Bools, most: Ints) -> Bools:
    """The wanted placement with a fifth of the SKUs moved: one node dropped, another added where it may be."""
    moved = rng.random(len(held)) < 0.2
    drop = held & (rng.random(held.shape) < 0.4) & moved[:, None]
    after = held & ~drop
    add = allowed & ~after & (rng.random(held.shape) < 0.1) & moved[:, None]
    shaken = after | (add & (np.cumsum(add, axis=1) + after.sum(1, keepdims=True) <= most[:, None]))
    return np.where(shaken.any(1, keepdims=True), shaken, held)


def _groups(
    rng: np.random.Generator, parts: Parts, tier: Ints, campaign: Bools, period: int
) -> Iterator[tuple[Ints, list[tuple[int, ...]]]]:
    """SKUs that may be held alike, with a sample of their sets over the nodes that need no opening."""
    built = ~parts["candidate"] & parts["available"][:, period]
    for code in np.unique(tier * 8 + parts["temperature"] * 2 + campaign[:, period]):
        members = np.flatnonzero(tier * 8 + parts["temperature"] * 2 + campaign[:, period] == code)
        free = np.flatnonzero(parts["allowed"][members[0], :, period] & built)
        most = int(parts["max_nodes"][members[0]])
        every = [s for size in range(1, min(most, len(free)) + 1) for s in combinations(free.tolist(), size)]
        picks = rng.permutation(len(every))[:SETS_SAMPLED]
        yield members, sorted({every[0], *(every[i] for i in picks)})


class _Wanted:
    """The use of the cheapest sampled set of every SKU in one period."""

    def __init__(self, parts: Parts, period: int) -> None:
        self.parts, self.period = parts, period
        skus, nodes = parts["feeder"].shape
        self.held = np.zeros((skus, nodes), dtype=bool)
        self.volume = np.zeros((nodes, 3))
        self.flow = np.zeros(nodes)
        self.value = self.outbound = 0.0
        self.rank, self.ship = _best_lanes(parts, nodes)

    def choose(self, members: Ints, sets: list[tuple[int, ...]]) -> None:
        for start in range(0, len(members), BLOCK):
            self._choose_block(members[start : start + BLOCK], sets)

    def _choose_block(self, ks: Ints, sets: list[tuple[int, ...]]) -> None:
        options = [self._price(ks, nodes) for nodes in sets]
        best = np.argmin(np.stack([cost for cost, *_ in options]), axis=0)
        for i, (_, outbound, average, peak, flow) in enumerate(options):
            mine = best == i
            here = list(sets[i])
            chosen = ks[mine]
            self.held[np.ix_(chosen, here)] = True
            np.add.at(
                self.volume,
                (np.array(here)[None, :], self.parts["temperature"][chosen][:, None]),
                peak[mine] * self.parts["volume_m3"][chosen, None],
            )
            self.flow[here] += flow[mine].sum(0)
            self.value += float((average[mine].sum(1) * self.parts["unit_cost"][chosen]).sum())
            self.outbound += float(outbound[mine].sum())

    def _price(self, ks: Ints, nodes: tuple[int, ...]) -> tuple[Floats, Floats, Floats, Floats, Floats]:
        """Approximate cost of holding SKUs ks at these nodes: (cost, outbound, average, peak, flow)."""
        p, t, here = self.parts, self.period, list(nodes)
        primary = np.argmin(self.rank[here], axis=0)
        serves = (primary[:, None] == np.arange(len(here))).astype(float)
        ship = self.ship[np.array(here)[primary], np.arange(len(primary))]
        flow, variance = p["mean"][ks, :, t] @ serves, p["variance"][ks, :, t] @ serves
        average, peak = _stock(p, ks, here, flow, variance)
        outbound = (p["mean"][ks, :, t] @ ship) * p["parcels_per_unit"][ks] * p["days"][t]
        hold = p["holding_rate"] / 12 * p["unit_cost"][ks, None] + p["storage_cost"][here] * p["volume_m3"][ks, None]
        local = (average * hold + p["stocking_cost"][here]).sum(1)
        handling = (flow * p["handling_cost"][here]).sum(1) * p["days"][t]
        return outbound + local + handling, outbound, average, peak, flow


def _best_lanes(parts: Parts, nodes: int) -> tuple[Floats, Floats]:
    """(N,R) rank, lower is better, and cost of a parcel of 1 kg with its lateness, of each best lane."""
    regions = len(parts["regions"])
    cost = (parts["lane_parcel_cost"] + parts["lane_kg_cost"]).reshape(nodes, regions, -1)
    days = parts["lane_days"].reshape(nodes, regions, -1)
    late = days > parts["promise_days"][:, None]
    rank = np.where(late, 1e6 + days * 1e3 + cost, cost)
    best = np.argmin(rank, axis=2)[:, :, None]
    ship = np.take_along_axis(cost + late * parts.get("late_penalty", 5.0), best, 2)
    return np.take_along_axis(rank, best, 2)[:, :, 0], ship[:, :, 0]


_K = np.linspace(-8.0, 4.0, 1500)
_LOSS = norm.pdf(_K) - _K * norm.sf(_K)  # expected shortage of a unit normal, Silver, Pyke & Thomas, ch. 6


def _stock(p: Parts, ks: Ints, here: list[int], flow: Floats, variance: Floats) -> tuple[Floats, Floats]:
    """Average and peak stock, units, with normal demand in place of section 6's distributions."""
    lead, review = p["lead_time"][ks][:, here], p["review_days"][here]
    with np.errstate(divide="ignore", invalid="ignore"):
        wait = np.where(flow > 0, np.maximum(review * flow + variance / flow - 1.0, 0.0) / 2.0, 0.0)
    spread = lead * variance + (p["lead_time_sd"][ks][:, here] * flow) ** 2 + wait**2 / 3.0
    sd = np.sqrt(spread + (p["level_error"][ks, None] * (lead + review / 2.0) * flow) ** 2)
    hold = p["holding_rate"] * p["unit_cost"][ks, None] + 12 * p["storage_cost"][here] * p["volume_m3"][ks, None]
    most = np.minimum(p["max_cover_days"], p["shelf_life_days"][ks] / 2)[:, None] * flow
    batch = np.minimum(np.sqrt(2 * flow * 365 * p["order_cost"][ks][:, here] / hold), most)
    batch = np.maximum(np.maximum(batch, p["review_days"][here] * flow), p["moq"][ks][:, here])
    pack = p["pack_size"][ks, None]
    batch = np.where(flow > 0, np.ceil(batch / pack - 1e-9) * pack, 0.0)
    lift = batch + np.where(flow > 0, np.maximum(pack - 1.0, 0.0) / 2.0, 0.0)
    short = (1.0 / p["service_level"][ks, None] - 1.0) * (lift + wait)
    with np.errstate(divide="ignore", invalid="ignore"):
        k = np.where(sd > 0, np.interp(-short / sd, -_LOSS, _K), 0.0)
        middle = np.where(flow > 0, lift * (lift + 2.0 * wait) / (2.0 * (lift + wait)), 0.0)
    point = np.maximum(lead * flow + wait + k * sd, 0.0)
    average = point + middle - p["service_level"][ks, None] * flow * (lead + review / 2.0) + 0.5 * (flow > 0)
    return np.maximum(average, 0.0), np.maximum(point - lead * flow, 0.0) + lift + short
