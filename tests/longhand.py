"""Sections 3 to 7 of MATHEMATICS.md read aloud in plain Python, one SKU, one period, one set at a time.

Slow on purpose and shares no code with `models`: it is what `models` is held against.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations

import numpy as np
from scipy import special, stats
from scipy.integrate import quad
from scipy.optimize import brentq

from models.instance import Instance

BANDS = (0.25, 0.5, 1, 2, 5, 10, 20, 50, 100)


@dataclass(frozen=True)
class Holding:
    """One SKU held at one set in one period."""

    nodes: frozenset[int]
    needs_open: frozenset[int]  # the set and every feeder on the way
    cost: float  # money over the period, without change costs
    terms: dict[str, float]
    primary: dict[int, int]  # region -> lane
    flow: tuple[float, ...]  # units/day by node
    average: tuple[float, ...]  # units by node
    peak: tuple[float, ...]  # units by node


def is_live(i: Instance, k: int, t: int) -> bool:
    return float(i.mean[k, :, t].sum()) > 0


def feeders_above(i: Instance, k: int, n: int) -> list[int]:
    chain = []
    while i.feeder[k, n] >= 0:
        n = int(i.feeder[k, n])
        chain.append(n)
    return chain


def admissible_sets(i: Instance, k: int, t: int) -> list[frozenset[int]]:
    """Section 3. A SKU that is not live has one set, the empty one."""
    if not is_live(i, k, t):
        return [frozenset()]
    allowed = [n for n in range(len(i.nodes)) if i.allowed[k, n, t] and i.available[n, t]]
    fewest = min(int(i.min_nodes[k]), len(allowed))
    sizes = range(max(1, fewest), min(int(i.max_nodes[k]), len(allowed)) + 1)
    sets = (frozenset(s) for size in sizes for s in combinations(allowed, size))
    return [s for s in sets if _is_admissible(i, k, t, s, allowed)]


def _is_admissible(i: Instance, k: int, t: int, nodes: frozenset[int], allowed: list[int]) -> bool:
    usable = {n for n in allowed if all(i.available[f, t] for f in feeders_above(i, k, n))}
    for r in range(len(i.regions)):
        if i.mean[k, r, t] == 0:
            continue
        reached_from = {int(i.lane_node[lane]) for lane in ranked_lanes(i, k, r)}
        if not nodes & reached_from:
            return False
        wants_backup = i.backup_required[r] and i.max_nodes[k] >= 2 and len(reached_from & usable) >= 2
        if wants_backup and len(nodes & reached_from) < 2:
            return False
    return nodes <= usable


def ranked_lanes(i: Instance, k: int, r: int) -> list[int]:
    """Section 4: lanes to the region that carry the SKU's temperature, best first."""
    band = next((b for b in BANDS if b >= i.weight_kg[k]), BANDS[-1])

    def key(lane: int) -> tuple:
        cost = i.lane_parcel_cost[lane] + band * i.lane_kg_cost[lane]
        days = i.lane_days[lane]
        misses = bool(days > i.promise_days[r])
        order = (days, cost) if misses or i.fastest else (cost, days)
        return (misses, *order, i.lane_node[lane], i.lane_carrier[lane])

    lanes = np.flatnonzero((i.lane_region == r) & i.lane_temperatures[:, i.temperature[k]])
    return sorted(lanes.tolist(), key=key)


def hold(i: Instance, k: int, t: int, nodes: frozenset[int]) -> Holding:
    """Sections 4 to 7 for SKU k at `nodes` in period t."""
    primary, backup = _serve(i, k, t, nodes)
    count = len(i.nodes)
    flow, variance = [0.0] * count, [0.0] * count
    for r, lane in primary.items():
        n = int(i.lane_node[lane])
        for m in [n, *feeders_above(i, k, n)]:
            flow[m] += float(i.mean[k, r, t])
            variance[m] += float(i.variance[k, r, t])
    stocks = {n: _stock_at(i, k, n, t, nodes, flow[n], variance[n]) for n in nodes}
    terms = _shipping_terms(i, k, t, primary, backup) | _node_terms(i, k, t, flow, stocks)
    return Holding(
        nodes=nodes,
        needs_open=nodes | {f for n in nodes for f in feeders_above(i, k, n)},
        cost=math.fsum(terms.values()),
        terms=terms,
        primary=primary,
        flow=tuple(flow),
        average=tuple(stocks[n].average if n in stocks else 0.0 for n in range(count)),
        peak=tuple(stocks[n].peak if n in stocks else 0.0 for n in range(count)),
    )


def _serve(i: Instance, k: int, t: int, nodes: frozenset[int]) -> tuple[dict[int, int], dict[int, int]]:
    primary, backup = {}, {}
    for r in range(len(i.regions)):
        if i.mean[k, r, t] == 0:
            continue
        lanes = [lane for lane in ranked_lanes(i, k, r) if int(i.lane_node[lane]) in nodes]
        primary[r] = lanes[0]
        others = [lane for lane in lanes if i.lane_node[lane] != i.lane_node[lanes[0]]]
        if others:
            backup[r] = others[0]
    return primary, backup


def lateness(i: Instance, lane: int) -> float:
    return 1.0 if i.lane_days[lane] > i.promise_days[i.lane_region[lane]] else 1.0 - float(i.lane_on_time[lane])


def _shipping_terms(i: Instance, k: int, t: int, primary: dict[int, int], backup: dict[int, int]) -> dict[str, float]:
    u, kg, price = float(i.parcels_per_unit[k]), float(i.weight_kg[k]), float(i.unit_cost[k])
    terms = dict.fromkeys(("outbound", "late", "damage", "outage"), 0.0)

    def per_unit(lane: int) -> tuple[float, float, float]:
        freight = u * i.lane_parcel_cost[lane] + kg * i.lane_kg_cost[lane]
        return freight, u * lateness(i, lane) * i.late_penalty, i.lane_damage[lane] * price

    for r, lane in primary.items():
        units = float(i.days[t] * i.mean[k, r, t])
        freight, late, damage = per_unit(lane)
        extra = i.lost_sale_rate * i.unit_price[k]
        if r in backup:
            extra = sum(per_unit(backup[r])) - sum(per_unit(lane))
        terms["outbound"] += units * freight
        terms["late"] += units * late
        terms["damage"] += units * damage
        terms["outage"] += units * i.outage_days[i.lane_node[lane]] / 365 * extra
    return terms


def _node_terms(i: Instance, k: int, t: int, flow: list[float], stocks: dict[int, Stock]) -> dict[str, float]:
    d, month, kg, cost = float(i.days[t]), float(i.months[t]), float(i.weight_kg[k]), float(i.unit_cost[k])
    terms = dict.fromkeys(
        ("inbound", "handling", "ordering", "capital", "storage", "stocking", "spoilage", "shortage"), 0.0
    )
    for n, f in enumerate(flow):
        terms["inbound"] += d * f * (i.inbound_per_unit[k, n] + kg * i.inbound_per_kg[k, n])
        terms["handling"] += d * f * i.handling_cost[n]
    for n, stock in stocks.items():
        terms["ordering"] += d * stock.orders_per_day * i.order_cost[k, n]
        terms["capital"] += d / 365 * i.holding_rate * cost * stock.average
        terms["storage"] += month * i.storage_cost[n] * i.volume_m3[k] * stock.average
        terms["stocking"] += month * i.stocking_cost[n]
        terms["spoilage"] += d * cost * stock.spoiled_per_day
        terms["shortage"] += d * i.short_lost * i.lost_sale_rate * i.unit_price[k] * stock.short_per_day
    return {name: float(value) for name, value in terms.items()}


@dataclass(frozen=True)
class Stock:
    """Section 6 for one SKU at one node."""

    reorder_point: float = 0.0
    safety: float = 0.0
    average: float = 0.0
    peak: float = 0.0
    spoiled_per_day: float = 0.0
    orders_per_day: float = 0.0
    short_per_day: float = 0.0


def _stock_at(i: Instance, k: int, n: int, t: int, nodes: frozenset[int], flow: float, variance: float) -> Stock:
    lead, lead_variance = float(i.lead_time[k, n]), float(i.lead_time_sd[k, n]) ** 2
    for above in feeders_above(i, k, n):
        if above in nodes:
            break
        lead += float(i.lead_time[k, above])
        lead_variance += float(i.lead_time_sd[k, above]) ** 2
    room = i.storage_cost[n] + (0.0 if i.room_price is None else i.room_price[n, i.temperature[k]])
    holding = i.holding_rate * i.unit_cost[k] + 12 * room * i.volume_m3[k]
    cover = i.max_cover_days if i.sale_days is None else min(i.max_cover_days, float(i.sale_days[k, t]))
    terms = (float(i.order_cost[k, n]), float(holding), cover, float(i.shelf_life_days[k]))
    least = (float(i.review_days[n]), float(i.moq[k, n]), float(i.pack_size[k]))
    quantities = [order_quantity(flow, *terms, *least, share) for share in (1.0, 0.75, 0.5, 0.25)]
    if flow == 0:
        return Stock()
    if math.isinf(i.shelf_life_days[k]):
        return _ordered(i, k, n, flow, variance, lead, lead_variance, holding, quantities[0])[1]
    chosen = None
    for quantity in quantities:
        found = _ordered(i, k, n, flow, variance, lead, lead_variance, holding, quantity)
        if chosen is None or found[0] < chosen[0] * (1 - 1e-9):
            chosen = found
    assert chosen is not None
    return chosen[1]


def _ordered(
    i: Instance, k: int, n: int, flow: float, variance: float, lead: float, lead_variance: float, holding: float,
    quantity: float,
) -> tuple[float, Stock]:  # fmt: skip
    """Money a day that depends on the order quantity, and the stock it means."""
    eps, review = float(i.level_error[k]), float(i.review_days[n])
    m, s2, wait = awaited(flow, variance, lead, lead_variance, review, eps)
    service, fill, shelf = float(i.service_level[k]), bool(i.fill_service[k]), float(i.shelf_life_days[k])
    lift = quantity + max(0.0, float(i.pack_size[k]) - 1) / 2
    price = i.short_lost * i.lost_sale_rate * float(i.unit_price[k])
    tail = 1.0
    if price > 0 and math.isinf(shelf) and i.raised is not None and i.raised[k]:
        yearly = holding * (lift + wait)
        tail = max(yearly / (yearly + 365 * price * flow), 1e-4)
    point = reorder_point(m, s2, wait, lift, service, fill, tail)
    short = missing(m, s2, point)
    order = quantity if s2 == 0 else lift + min(wait, point)
    served = order / (order + short)
    position = point + lift * (lift + 1 + 2 * wait) / (2 * (lift + wait))
    ordered = (short - max(0.0, wait - point)) / (order + short)
    average = position + ordered * max(0.0, order - position) - served * flow * (lead + review / 2)
    average = order / 2 if s2 == 0 else average
    safety = 0.0 if s2 == 0 else point - m + short
    peak = max(safety + order, average)
    cycles = flow / (order + short)
    spoiled = spoiled_per_cycle(peak, order, flow, variance, eps, shelf)
    per_day = holding / 365 * average + cycles * (i.order_cost[k, n] + i.unit_cost[k] * spoiled + price * short)
    return float(per_day), Stock(point, safety, average, peak, spoiled * cycles, cycles, short * cycles)


def awaited(
    flow: float, variance: float, lead: float, lead_variance: float, review: float, eps: float
) -> tuple[float, float, float]:
    """Mean m, variance s2 and mean undershoot u; section 6, second and third bullets. s2 = 0: a constant."""
    between, excess = review * flow, variance / flow - 1
    unsure = (eps * (lead + review / 2) * flow) ** 2
    spread = (lead + review) * variance + lead_variance * flow**2 + unsure
    if spread <= 1e-12 * max(1.0, ((lead + review) * flow) ** 2):
        return lead * flow + between, 0.0, between
    once, twice = max(0.0, between + excess), max(0.0, between + 2 * excess)
    wait = once / 2
    of_wait = max(0.0, once * twice / 3 + wait - wait**2)
    more = eps**2 * (lead + review / 2) * flow
    spread = lead * variance + lead_variance * flow**2 + of_wait + unsure * (1 + eps**2)
    return lead * flow + wait + more, spread, wait


def order_quantity(
    flow: float, order_cost: float, holding: float, cover: float, shelf: float, review: float, moq: float, pack: float,
    share: float = 1.0,
) -> float:  # fmt: skip
    """Units; section 6, first bullet."""
    if flow == 0:
        return 0.0
    eoq = math.inf if holding == 0 else math.sqrt(2 * flow * 365 * order_cost / holding)
    eoq = 0.0 if order_cost == 0 else eoq
    quantity = min(eoq, cover * flow, shelf * flow / 2)
    quantity = max(share * quantity, review * flow, 1.0, moq)
    return math.ceil(quantity / pack - 1e-9) * pack


@lru_cache(maxsize=100_000)
def reorder_point(
    m: float, s2: float, wait: float, lift: float, service: float, fill: bool, tail: float = 1.0
) -> float:
    """Units; section 6, fifth bullet. Counted shortages are summed term by term."""
    if s2 == 0:
        return m
    if m > 20 + 1e-9:
        return _first_of_gamma(m, s2, wait, lift, service, fill, tail)
    r = np.arange(0, int(m + 80 * math.sqrt(s2)) + 100)
    beyond, short = _counted(m, s2, len(r))
    met = short <= (1 / service - 1) * (lift + np.minimum(wait, r)) if fill else 1 - beyond >= service
    met &= beyond <= tail
    return float(r[np.argmax(met)])


@dataclass(frozen=True)
class Gamma:
    """A gamma demand; scipy's own frozen distribution says the same, and takes longer to make than to ask."""

    shape: float
    scale: float

    def sf(self, r: float) -> float:
        """P(X > r)."""
        return float(special.gammaincc(self.shape, r / self.scale))

    def isf(self, p: float) -> float:
        """The r with P(X > r) = p."""
        return float(special.gammainccinv(self.shape, p) * self.scale)


@lru_cache(maxsize=500)
def _counted(m: float, s2: float, count: int) -> tuple[np.ndarray, np.ndarray]:
    """P(X > r) and E[(X - r)+] of a counted demand for r = 0 .. count - 1."""
    r = np.arange(count + 2000)
    beyond = stats.nbinom.sf(r, m * m / (s2 - m), m / s2) if s2 > m * (1 + 1e-9) else stats.poisson.sf(r, m)
    return beyond[:count], np.cumsum(beyond[::-1])[::-1][:count]  # E[(X - r)+] = sum over j >= r of P(X > j)


def missing(m: float, s2: float, r: float) -> float:
    """Units short in a cycle, E[(Z - r)+]."""
    if s2 == 0:
        return 0.0
    if m > 20 + 1e-9:
        return shortage(Gamma(m * m / s2, s2 / m), r)
    count = int(max(r, m + 80 * math.sqrt(s2))) + 100
    return float(_counted(m, s2, count)[1][int(r)])


def _first_of_gamma(m: float, s2: float, wait: float, lift: float, service: float, fill: bool, tail: float) -> float:
    demand = Gamma(m * m / s2, s2 / m)

    def lacks(r: float) -> float:
        if not fill:
            return demand.sf(r) - min(tail, 1 - service)
        return max(shortage(demand, r) - (1 / service - 1) * (lift + min(wait, r)), demand.sf(r) - tail)

    if lacks(1e-6) <= 0:
        return 0.0
    at_least = brentq(lacks, 0.0, demand.isf(1e-15) + m, xtol=1e-10)
    return float(math.ceil(at_least - 1e-6))


def shortage(demand: Gamma, r: float) -> float:
    """E[(X - r)+] of a gamma demand: mean x P(X' > r) - r P(X > r), X' with one more unit of shape."""
    return demand.shape * demand.scale * Gamma(demand.shape + 1, demand.scale).sf(r) - r * demand.sf(r)


def shortage_by_integration(demand: Gamma, r: float) -> float:
    """The same, as the integral of P(X > x) from r on."""
    return float(quad(demand.sf, r, demand.isf(1e-16) + r, limit=500, epsabs=1e-12)[0])


def spoiled_per_cycle(stock: float, quantity: float, flow: float, variance: float, eps: float, shelf: float) -> float:
    """Units; section 6, last bullet."""
    if math.isinf(shelf):
        return 0.0
    mean = shelf * flow
    spread = shelf * variance + (eps * mean) ** 2
    if spread <= 1e-12 * max(1.0, mean * mean):
        return min(quantity, max(0.0, stock - mean))
    demand = Gamma(mean * mean / spread, spread / mean)
    return min(quantity, max(0.0, stock - mean + shortage(demand, stock)))


def change_cost(i: Instance, k: int, path: tuple[frozenset[int], ...], t: int) -> float:
    """Section 7, last row, in period t."""
    if t > 0:
        before = path[t - 1]
    elif i.in_force is None:
        return 0.0
    else:
        before = frozenset(np.flatnonzero(i.in_force[k]).tolist())
    cost = i.change_cost_in * len(path[t] - before) + i.change_cost_out * len(before - path[t])
    if t == 0 and i.in_force is not None and i.clearing is not None:
        cost += sum(float(i.clearing[k, n]) for n in before - path[t])
    return cost
