"""The Actions sheet: what to open, close, move, buy and clear, and by when (MATHEMATICS.md, section 10)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from models.instance import Floats

from .approvals import joined, owners
from .basis import TOLERANCE, PlanBasis, first_day
from .cash import Orders, cut, orders_of
from .columns import ACTIONS, frame
from .drawing import depths, drawn, ration, spare
from .emptying import leftovers
from .lots import Lots, lots
from .moves import Moves, moves, sinks
from .needs import BEFORE, BESIDES, NOW, Needs, days_until_open, days_until_out, leaves, needs
from .redirects import astray, days_until_there, open_to
from .stock import later, packed, sold, stocked_source, suppliers
from .waiting import replaced, unfilled, waiting

KINDS = ("open", "close", "transfer", "purchase", "postpone", "clear")
APPROVED_AS = {
    "open": "opening_cost", "transfer": "transfer_value", "purchase": "purchase_value", "clear": "clear_value",
}  # fmt: skip


@dataclass(frozen=True)
class Action:
    """One line of the sheet; sku is '' for nodes, from and to are '' where they do not apply."""

    action: str
    sku: str
    origin: str
    target: str
    quantity: float  # units, nan for nodes
    value: float  # money
    ship_by: date
    arrives: date | None
    reason: str


@dataclass
class Ledger:
    """Units (K,N) as the actions so far leave them."""

    on_hand: Floats  # on hand today, less what leaves on the first day
    arriving: Floats  # moved or bought for the first period
    leaving: Floats  # moved away in the first period
    brought: Floats  # by transfers that are decided, of this period or before the node begins
    comes: Floats  # days until the last of what is on order or decided so far is there
    lines: list[Action] = field(default_factory=list)


def actions(basis: PlanBasis) -> pd.DataFrame:
    """The Actions sheet: nodes to open and close, then transfers, purchases, and what has to wait or to be cleared."""
    lines = [*_node_actions(basis), *_goods(basis)]
    lines.sort(key=lambda line: (KINDS.index(line.action), _by_way(line)))
    table = {
        "action": [line.action for line in lines],
        "sku": [line.sku for line in lines],
        "from": [line.origin for line in lines],
        "to": [line.target for line in lines],
        "quantity": [line.quantity for line in lines],
        "value": [line.value for line in lines],
        "ship_by": [line.ship_by for line in lines],
        "arrives": [line.arrives for line in lines],
        "reason": [line.reason for line in lines],
    }
    return frame(ACTIONS, {**table, "approval": _approvals(basis, lines)})


def _by_way(line: Action) -> tuple[str, ...]:
    """Transfers stand together that go the same way; other lines stay as they came."""
    return (line.ship_by.isoformat(), line.origin, line.target, line.sku) if line.action == "transfer" else ()


def _approvals(basis: PlanBasis, lines: list[Action]) -> NDArray[np.object_]:
    """Who must say yes to each line: by its own value, and for purchases by all that is bought from the supplier."""
    value, own = np.array([line.value for line in lines]), np.full(len(lines), "", dtype=object)
    kind = np.array([line.action for line in lines], dtype=object)
    for name, measure in APPROVED_AS.items():
        own[kind == name] = owners(basis.case.approvals, measure, value[kind == name])
    bought = pd.Series(np.where(kind == "purchase", value, 0.0)).groupby([line.origin for line in lines])
    total = bought.transform("sum").to_numpy(float) if len(lines) else np.zeros(0)
    of_order = np.where(kind == "purchase", owners(basis.case.approvals, "order_value", total), "").astype(object)
    return joined(own, of_order)


def _node_actions(basis: PlanBasis) -> Iterator[Action]:
    """A node opens where it is open and was not the period before, and closes the other way round."""
    instance, is_open, since = basis.instance, basis.open, days_until_open(basis)
    for period, node in zip(*np.nonzero((is_open != basis.open_before).T), strict=True):
        name, day = instance.nodes[node], first_day(instance.periods[period])
        if is_open[node, period]:
            day = max(day, later(basis.start, float(since[node])))
            cost = float(instance.opening_cost[node]) if instance.candidate[node] else 0.0
            reason = "the plan opens it" if instance.candidate[node] else "becomes available"
            reason = f"{reason} from {instance.periods[period]}"
            yield Action("open", "", "", name, np.nan, cost, day, None, reason)
        else:
            reason = "the plan closes it" if instance.available[node, period] else "no longer available"
            reason = f"{reason} from {instance.periods[period]}"
            yield Action("close", "", name, "", np.nan, 0.0, day, None, reason)


def _goods(basis: PlanBasis) -> list[Action]:
    """Transfers of what is to spare; what is still missing from the feeder or the supplier; the rest is cleared."""
    need = needs(basis)
    spare = lots(basis, (need.now > 0) | (need.before > 0))
    need.besides[spare.sku, spare.node] = 0.0
    moved = moves(basis, spare, sinks(basis, need))
    shape = basis.instance.feeder.shape
    none = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    book = Ledger(np.maximum(basis.instance.on_hand, 0.0), *none, _own(basis, need))
    missing = {NOW: need.now.copy(), BEFORE: need.before.copy(), BESIDES: np.zeros(shape)}
    _transfers(basis, book, need, moved, missing)
    later_only = waiting(basis, need, moved)
    lent = moves(basis, later_only, sinks(basis, unfilled(need, missing, moved)), moved)
    _transfers(basis, book, need, lent, missing)
    missing[BEFORE] = replaced(need, later_only, lent, missing[BEFORE])
    stray = astray(basis)
    sent = moves(basis, stray, sinks(basis, open_to(basis, need, missing, (moved, lent), stray)))
    _redirects(basis, book, need, stray, sent, missing)
    orders = _replenish(basis, book, need, missing)
    _purchases(basis, book, orders)
    _clear(basis, book, spare, moved)
    _clear(basis, book, later_only, lent)
    book.lines += [Action(*line) for line in leftovers(basis, book.arriving, book.leaving, moved, lent)]
    return book.lines


def _transfers(basis: PlanBasis, book: Ledger, need: Needs, moved: Moves, missing: dict[int, Floats]) -> None:
    """Lines of the flow; takes what they bring out of what is missing."""
    out = days_until_out(basis)
    for at in range(len(moved.sku)):
        k, n, m, kind = (int(part[at]) for part in (moved.sku, moved.origin, moved.target, moved.kind))
        units, travel = float(moved.units[at]), float(moved.days[at])
        missing[kind][k, m] = max(missing[kind][k, m] - units, 0.0)
        book.on_hand[k, n] -= units
        book.leaving[k, n] += units
        book.brought[k, m] += units
        book.arriving[k, m] += units if kind != BEFORE else 0.0
        wait = min(max(0.0, float(np.floor(need.opens[k, m] - travel))), float(out[n]))
        book.lines.append(_transfer(basis, k, n, m, units, wait, travel, _why(basis, k, n, m, kind)))


def _redirects(
    basis: PlanBasis, book: Ledger, need: Needs, stray: Lots, sent: Moves, missing: dict[int, Floats]
) -> None:
    """Lines of what is on order where the plan never stocks the SKU: where it goes instead, else to be cancelled."""
    instance, day, out = basis.instance, days_until_there(basis), days_until_out(basis)
    for at in range(len(sent.sku)):
        k, n, m, kind = (int(part[at]) for part in (sent.sku, sent.origin, sent.target, sent.kind))
        units, travel = float(sent.units[at]), float(sent.days[at])
        missing[kind][k, m] = max(missing[kind][k, m] - units, 0.0)
        book.leaving[k, n] += units
        book.brought[k, m] += units
        book.arriving[k, m] += units if kind != BEFORE else 0.0
        book.comes[k, m] = max(book.comes[k, m], day[k, n] + travel)
        wait = max(float(day[k, n]), min(float(np.floor(need.opens[k, m] - travel)), float(out[n])))
        here, there = instance.nodes[n], instance.nodes[m]
        reason = f"on its way to {here}, which does not stock it: redirect to {there}, or send on when it comes"
        book.lines.append(_transfer(basis, k, n, m, units, wait, travel, reason))
    for at in range(len(stray.sku)):
        k, n, units = int(stray.sku[at]), int(stray.node[at]), float(stray.spare[at] - sent.taken[at])
        if units >= 1:
            book.leaving[k, n] += units
            name, value = instance.nodes[n], units * float(instance.unit_cost[k])
            reason = (
                f"on its way to {name}, which does not stock it, and no other node sells it within the plan: cancel"
            )
            due = basis.start + timedelta(days=int(day[k, n]))
            book.lines.append(Action("clear", instance.skus[k], name, "", units, value, due, None, reason))


def _why(basis: PlanBasis, k: int, origin: int, target: int, kind: int) -> str:
    here, there = basis.instance.nodes[origin], basis.instance.nodes[target]
    why = f"to spare at {here}" if basis.stocked[k, origin, 0] else _not_stocked(basis, k, origin)
    ends = {NOW: f"below its reorder point at {there}", BEFORE: f"in place before {there} begins with it",
            BESIDES: f"sold before it expires, or used, at {there}"}  # fmt: skip
    return f"{why}, {ends[kind]}"


def _not_stocked(basis: PlanBasis, k: int, n: int) -> str:
    name, held = basis.instance.nodes[n], basis.stocked[k, n]
    if held.any():
        return f"not stocked at {name} before {basis.instance.periods[int(np.argmax(held))]}"
    return f"no longer stocked at {name}"


def _transfer(
    basis: PlanBasis, k: int, origin: int, target: int, units: float, wait: float, travel: float, reason: str
) -> Action:
    instance = basis.instance
    day = basis.start + timedelta(days=int(wait))
    value = units * float(instance.unit_cost[k])
    names = instance.nodes[origin], instance.nodes[target]
    return Action("transfer", instance.skus[k], *names, units, value, day, later(day, travel), reason)


def _replenish(basis: PlanBasis, book: Ledger, need: Needs, missing: dict[int, Floats]) -> Orders:
    """What no transfer brings comes from the stocked feeder above the node, or is ordered from the supplier."""
    found: list[tuple[int, int, float, float, int, float]] = []
    moved, sales = (book.brought.copy(), book.leaving.copy()), sold(basis)[:, :, 0]
    now, before, vain = drawn(basis, need, missing[NOW], missing[BEFORE], moved)
    beyond = spare(basis)
    for kind, units in ((NOW, now), (BEFORE, before)):
        period = need.begins if kind == BEFORE else np.zeros_like(need.begins)
        above = stocked_source(basis, period)
        depth = depths(above)
        for k, n in sorted(np.argwhere(units > TOLERANCE).tolist(), key=lambda cell: int(depth[*cell])):
            t, feeder = int(period[k, n]), int(above[k, n])
            lead = float(basis.evaluation.lead_time[k, n, t])
            wait = max(0.0, float(np.floor(need.opens[k, n] - lead)))
            if feeder < 0:
                there = float(need.position[k, n] + book.arriving[k, n])
                found.append((k, n, float(units[k, n]), there, t, wait))
                book.comes[k, n] = max(book.comes[k, n], wait + lead)
                continue
            most = float(units[k, n] + beyond[k, n]) if kind == NOW else np.inf
            amount = float(packed(units[k, n], basis.instance.pack_size[k], most))
            share = amount
            if kind == NOW and not vain[k, n]:
                asked = np.where(above[k] == feeder, units[k], 0.0)
                meanwhile = _meanwhile(basis, book, need, (k, feeder), asked)
                own = float(sales[k, feeder] * book.comes[k, feeder])
                share = ration(float(book.on_hand[k, feeder]), own, meanwhile, n)
                units[k, n] = 0.0
            if kind == NOW and vain[k, n]:
                ready = float(np.floor(max(book.on_hand[k, feeder], 0.0) + TOLERANCE))
                amount = share = amount if ready >= amount else _worth_a_transfer(basis, k, ready)
            _from_feeder(basis, book, (k, n, feeder), amount, share, wait, lead)
    table = np.array(found, dtype=float).reshape(-1, 6)
    sku, node, period = (table[:, at].astype(np.int64) for at in (0, 1, 4))
    return orders_of(basis, sku, node, table[:, 2], table[:, 3], period, table[:, 5])


def _meanwhile(basis: PlanBasis, book: Ledger, need: Needs, way: tuple[int, int], asked: Floats) -> Floats:
    """(N,) units of those ``asked`` of a feeder that each node sells, beyond what it has, until goods can be there that
    the feeder's next order brings."""
    k, feeder = way
    days = np.maximum(book.comes[k, feeder] + basis.evaluation.lead_time[k, :, 0] - need.opens[k], 0.0)
    there = need.position[k] + book.brought[k]
    return np.asarray(np.clip(basis.evaluation.flow[k, :, 0] * days - there, 0.0, asked))


def _own(basis: PlanBasis, need: Needs) -> Floats:
    """(K,N) days until an order of today is there: the lead time of the first period in which the node stocks the SKU,
    and in any case until it begins."""
    k, n = np.indices(need.begins.shape)
    return np.asarray(np.maximum(basis.evaluation.lead_time[k, n, need.begins], need.opens))


def _from_feeder(
    basis: PlanBasis, book: Ledger, way: tuple[int, int, int], wanted: float, share: float, wait: float, lead: float
) -> None:
    """Ship what the feeder has, up to a share of it; the rest when its own next order has come in."""
    k, n, feeder = way
    name = basis.instance.nodes[feeder]
    comes = float(np.ceil(book.comes[k, feeder] - TOLERANCE))
    ready = min(wanted, share, float(np.floor(max(book.on_hand[k, feeder], 0.0) + TOLERANCE)))
    if ready < wanted:
        ready = _worth_a_transfer(basis, k, ready)
    book.on_hand[k, feeder] -= ready
    if comes <= wait:
        ready = wanted  # by then the rest is there as well
    waits = f"replenishment, once {name} has received its own"
    for units, start, reason in ((ready, wait, "replenishment"), (wanted - ready, max(wait, comes), waits)):
        if units > TOLERANCE:
            book.leaving[k, feeder] += units
            book.arriving[k, n] += units
            book.comes[k, n] = max(book.comes[k, n], start + lead)
            book.lines.append(_transfer(basis, k, feeder, n, units, start, lead, reason))


def _worth_a_transfer(basis: PlanBasis, k: int, units: float) -> float:
    """Part of what is wanted: whole packs, as far as that leaves any; nothing that is worth less than a transfer."""
    pack = float(basis.instance.pack_size[k])
    units = float(np.floor(units / pack + TOLERANCE) * pack) or units
    return units if units * float(basis.instance.unit_cost[k]) >= basis.case.settings.transfer_cost - TOLERANCE else 0.0


def _purchases(basis: PlanBasis, book: Ledger, orders: Orders) -> None:
    """Lines of the orders, by supplier and node, and of what has to wait for want of money."""
    instance, names = basis.instance, suppliers(basis)
    units, blamed = cut(basis, orders)
    for at in np.lexsort((orders.sku, orders.node, names[orders.sku].astype(str))).tolist():
        k, n, t = int(orders.sku[at]), int(orders.node[at]), int(orders.period[at])
        day = basis.start + timedelta(days=int(orders.days[at]))
        arrives = later(day, float(basis.evaluation.lead_time[k, n, t]))
        node, price = instance.nodes[n], float(instance.unit_cost[k])
        reason = f"in place before {node} begins with it" if t else f"at or below the reorder point at {node}"
        if units[at] > TOLERANCE:
            book.arriving[k, n] += units[at] if not t else 0.0
            said = f"{reason}; cut from {orders.units[at]:,.10g} by {blamed[at]}" if blamed[at] else reason
            amounts = float(units[at]), float(units[at]) * price
            book.lines.append(Action("purchase", instance.skus[k], names[k], node, *amounts, day, arrives, said))
        held = float(orders.units[at] - units[at])
        if held > TOLERANCE:
            next_day = basis.start + timedelta(days=int(instance.days[0]))
            said = f"{reason}; beyond the limit {blamed[at]}, and worth least of what it allows"
            line = Action("postpone", instance.skus[k], names[k], node, held, held * price, next_day, None, said)
            book.lines.append(line)


def _clear(basis: PlanBasis, book: Ledger, spare: Lots, moved: Moves) -> None:
    """What has no use where it lies and no other node can use in time: to be sold off, given away or written off."""
    instance = basis.instance
    left, _ = leaves(basis)
    for at in range(len(spare.sku)):
        k, n = int(spare.sku[at]), int(spare.node[at])
        units = float(spare.doomed[at]) - float(moved.taken[at])
        units = min(units, float(np.floor(book.on_hand[k, n] + TOLERANCE)))
        if units < 1 or (left[k, n] and not np.isfinite(spare.days[at])):
            continue  # what is left when a node is left is told below
        book.on_hand[k, n] -= units
        book.leaving[k, n] += units
        stays, days = bool(basis.stocked[k, n, 0]), float(spare.days[at])
        day = basis.start + timedelta(days=int(max(days, 0.0))) if np.isfinite(days) else basis.start
        why = f"not sold at {instance.nodes[n]} before it expires" if stays else _not_stocked(basis, k, n)
        time = "before it expires" if np.isfinite(days) else "within the plan"
        said = f"{why}, and no other node sells it {time}: sell off, or find it room"
        value = units * float(instance.unit_cost[k])
        book.lines.append(Action("clear", instance.skus[k], instance.nodes[n], "", units, value, day, None, said))
