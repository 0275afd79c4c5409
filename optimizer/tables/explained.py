"""Explanations as tables and sentences."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from models.evaluation import COST_TERMS
from models.explain import evaluated
from models.instance import TEMPERATURES, Bools, Floats, Instance
from models.scarce import Bill, Scarce, rent_of, used_in_all

from ..case import Case, items
from ..turns import Turn, figure
from .basis import blank_infinite, column_of

if TYPE_CHECKING:
    from ..explain import LimitExplained, SkuExplained

CENT = 0.005
ONE = {
    "value": "{currency}", "volume_m3": "m3", "units": "unit", "units_per_day": "unit a day", "skus": "SKU",
    "nodes": "node", "cost": "{currency}", "on_time_share": "late parcel a day", "purchases": "{currency}",
}  # fmt: skip
DECIDING = 3  # differences named in a sentence
SHOWN = 4  # changes named in the headline


def key(instance: Instance, thing: Scarce) -> str:
    """A scarce thing by the name one asks for it with.

    Rooms and capacities as the Summary sheet names them, limits and lanes as the Limits sheet does.
    """
    from ..rents import lane_name

    if thing.kind == "room":
        return f"{instance.nodes[thing.place[0]]} {TEMPERATURES[thing.place[1]]}"
    if thing.kind in ("units_per_day", "skus"):
        return f"{instance.nodes[thing.place[0]]} {thing.kind}"
    if thing.kind == "lane":
        return lane_name(instance, thing.place[0])
    return instance.limits[thing.place[0]].name if thing.kind == "limit" else "budget"


def plain(name: str) -> str:
    """A name without case, punctuation and unit.

    >>> plain("DAL: chilled m3"), plain("dal chilled")
    ('dal chilled', 'dal chilled')
    """
    return re.sub(r" m3$", "", re.sub(r"[\W_]+", " ", name.casefold()).strip())


def words(instance: Instance, thing: Scarce) -> str:
    """A scarce thing in a sentence."""
    at = key(instance, thing)
    if thing.kind == "room":
        return f"{TEMPERATURES[thing.place[1]]} space at {instance.nodes[thing.place[0]]}"
    if thing.kind in ("units_per_day", "skus"):
        what = "throughput" if thing.kind == "units_per_day" else "SKU slots"
        return f"{what} at {instance.nodes[thing.place[0]]}"
    return {"budget": "the budget", "lane": at}.get(thing.kind, f'limit "{at}"')


def unit(instance: Instance, thing: Scarce, currency: str) -> str:
    """What one unit of a thing is."""
    if thing.kind == "limit":
        return ONE[instance.limits[thing.place[0]].measure].format(currency=currency)
    names = {"room": "m3", "units_per_day": "unit a day", "skus": "SKU", "lane": "parcel a day"}
    return names.get(thing.kind, currency)


# --- one SKU -------------------------------------------------------------------------------------------------------


def cost(why: SkuExplained) -> pd.DataFrame:
    """Terms, rents and openings of each path over the whole horizon, the last two columns compared."""
    bills = {name: why.bill(choice.stocked) for name, choice in why.options.items() if choice is not None}
    lines: dict[tuple[str, str], dict[str, float]] = {}
    for name, paid in bills.items():
        for part, item, value in _lines(why.alone, paid):
            lines.setdefault((part, item), {})[name] = value
        choice = why.options[name]
        if choice is not None and choice.opening:
            lines.setdefault(("opening", "opening what the plan keeps closed"), {})[name] = choice.opening
    kept = [(*at, values) for at, values in lines.items() if any(abs(value) > CENT for value in values.values())]
    kept.sort(key=lambda line: ("cost", "rent", "opening").index(line[0]))
    table = pd.DataFrame({"part": [part for part, _, _ in kept], "item": [item for _, item, _ in kept]}, dtype=object)
    for name, choice in why.options.items():
        blank = np.nan if choice is None else 0.0
        table[name] = [values.get(name, blank) for _, _, values in kept]
    total: dict[str, object] = {"part": "total", "item": "cost with rents"}
    own: dict[str, object] = {"part": "total", "item": "cost of its own"}
    for name in why.options:
        total[name] = table[name].sum(min_count=1)
        own[name] = table.loc[table["part"] == "cost", name].sum(min_count=1)
    rows = [own, total] if (table["part"] != "cost").any() else [own]
    table = pd.concat([table, pd.DataFrame(rows)], ignore_index=True)
    first, second = _compared(why)
    table["difference"] = table[first] - table[second]
    return table


def _compared(why: SkuExplained) -> tuple[str, str]:
    """The columns whose difference is shown: with a node less without it; or the next best less the plan."""
    return ("next_best", "plan") if why.node is None else ("with_node", "without_node")


def _lines(instance: Instance, paid: Bill) -> Iterator[tuple[str, str, float]]:
    for term in COST_TERMS:
        yield "cost", term, float(paid.terms[term].sum())
    for thing, rent in paid.rents.items():
        yield "rent", words(instance, thing), float(rent.sum())


def sets(why: SkuExplained) -> pd.DataFrame:
    """Period by period the nodes of each path, and what the compared two differ by in it, rents included."""
    table: dict[str, object] = {"period": list(why.alone.periods)}
    totals: dict[str, Floats] = {}
    for name, choice in why.options.items():
        table[name] = ["-"] * len(why.alone.periods) if choice is None else _nodes_of(why.alone, choice.stocked)
        if choice is not None:
            paid = why.bill(choice.stocked)
            totals[name] = sum(paid.terms.values(), np.zeros(1))[0] + sum(paid.rents.values(), np.zeros((1, 1)))[0]
    first, second = _compared(why)
    both = first in totals and second in totals
    table["difference"] = totals[first] - totals[second] if both else np.full(len(why.alone.periods), np.nan)
    return pd.DataFrame(table)


def _nodes_of(instance: Instance, stocked: Bools) -> list[str]:
    return [
        ", ".join(name for name, held in zip(instance.nodes, column, strict=True) if held) or "nowhere"
        for column in stocked.T
    ]


def changes(why: SkuExplained) -> pd.DataFrame:
    """What would have to change: nearest first, what cannot turn the answer last."""
    ordered = _nearest_first(why)
    currency = why.ground.case.settings.currency
    return pd.DataFrame(
        {
            "what": [turn.what for turn in ordered],
            "unit": [turn.unit if turn.unit == "times" else f"{currency} {turn.unit}" for turn in ordered],
            "now": [turn.now for turn in ordered],
            "turns_at": [turn.at for turn in ordered],
            "change": [turn.change if np.isfinite(turn.change) else np.nan for turn in ordered],
            "words": [turn.words.format(currency=currency) for turn in ordered],
        }
    )


def _nearest_first(why: SkuExplained) -> list[Turn]:
    def far(turn: Turn) -> tuple[bool, float]:
        change = abs(turn.change)
        return not np.isfinite(turn.at), change if np.isfinite(change) else abs(turn.at)

    return sorted(why.turns, key=far)


def nodes(why: SkuExplained) -> pd.DataFrame:
    """Each node: when the plan holds the SKU there, what deciding the other way would cost, and what makes it so."""
    rows = []
    plan = why.planned
    for node, other, dearer in why.others:
        held = why.held[node]
        if other is None:
            why_so = why_not(why, node) if not held.any() else "no other set of nodes is allowed"
        else:
            why_so = _deciding(why.alone, why.bill(other.stocked), why.bill(plan.stocked), other.opening)
        rows.append((why.alone.nodes[node], _when(why.alone, held), dearer, why_so))
    names = ("node", "in_the_plan", "other_way_costs", "because")
    table = pd.DataFrame([dict(zip(names, row, strict=True)) for row in rows], columns=list(names))
    return table.sort_values("other_way_costs", kind="stable", ignore_index=True)


def _when(instance: Instance, held: Bools) -> str:
    if held.all() or not held.any():
        return "held" if held.any() else "no"
    return ", ".join(label for label, here in zip(instance.periods, held, strict=True) if here)


def _deciding(instance: Instance, first: Bill, second: Bill, opening: float = 0.0) -> str:
    """The largest differences between two bills, in words."""
    ahead = {(part, item): value for part, item, value in _lines(instance, first)}
    for part, item, value in _lines(instance, second):
        ahead[part, item] = ahead.get((part, item), 0.0) - value
    ahead["opening", "opening it"] = opening
    largest = sorted(ahead.items(), key=lambda entry: -abs(entry[1]))[:DECIDING]
    named = [(f"rent of {item}" if part == "rent" else item, value) for (part, item), value in largest]
    return ", ".join(f"{item} {value:+,.2f}" for item, value in named if abs(value) > CENT) or "nothing"


def why_not(why: SkuExplained, node: int) -> str:
    """Why no set of nodes may hold the SKU at a node, in words."""
    case, alone, name = why.ground.case, why.alone, why.alone.nodes[node]
    if not alone.available[node, why.periods].any():
        return "not available"
    temperature = int(alone.temperature[0])
    if alone.room_m3[node, temperature] <= 0:
        return f"no {TEMPERATURES[temperature]} room"
    lacking = _lacking(case, alone.skus[0], name)
    if lacking:
        return f"lacks {lacking}"
    if not alone.allowed[0, node][why.periods].any():
        return _tier_rule(case, alone.tier[0])
    return f"no set of {int(alone.min_nodes[0])} to {int(alone.max_nodes[0])} nodes with it reaches every region"


def _lacking(case: Case, sku: str, node: str) -> str:
    asked, offered = (
        items(column_of(table, label, [name], column).iloc[0])
        for table, label, name, column in (
            (case.skus, "sku", sku, "requires"),
            (case.nodes, "node", node, "capabilities"),
        )
    )
    return ", ".join(one for one in asked if one not in offered)


def _tier_rule(case: Case, tier: str) -> str:
    row = case.tiers[case.tiers["tier"] == tier].iloc[0]
    kinds = ", ".join(items(row["node_types"]) or ("any",))
    staged = ", at regional and popup nodes only while a campaign runs" if row["staged"] == "campaign" else ""
    return f"tier {tier} is held at nodes of type {kinds}{staged}"


def headline(why: SkuExplained) -> tuple[str, ...]:
    """The answer about one SKU in sentences."""
    if why.node is None:
        return (*_about_all(why), *_footing(why))
    return (*_about_one(why), *_footing(why))


def _about_all(why: SkuExplained) -> Iterator[str]:
    alone = why.alone
    yield f"{alone.skus[0]} (tier {alone.tier[0]}) is held at {_whole(why.sets['plan'], alone.periods)}."
    other = why.options["next_best"]
    if other is None:
        yield "No other sets of nodes are allowed."
        return
    dearer = other.cost - why.planned.cost
    where = _whole(why.sets["next_best"], alone.periods)
    how = "dearer" if dearer >= 0 else "cheaper"
    yield f"Next best: {where}; {_money(why, abs(dearer))} {how}, rents included{_fitting(dearer)}."


def _fitting(dearer: float) -> str:
    return "" if dearer >= -CENT else " (by the rents alone; whole SKUs have to fit the rooms)"


def _whole(by_period: pd.Series, labels: Sequence[str]) -> str:
    """Nodes in words: once where all periods agree, else by runs of periods."""
    runs: list[list[str]] = []
    for nodes, label in zip(by_period, labels, strict=True):
        if runs and runs[-1][0] == nodes:
            runs[-1].append(label)
        else:
            runs.append([nodes, label])
    if len(runs) == 1:
        return runs[0][0]
    return "; ".join(f"{run[0]} in {run[1]}{f' to {run[-1]}' if len(run) > 2 else ''}" for run in runs)


def _about_one(why: SkuExplained) -> Iterator[str]:
    assert why.node is not None
    alone, node = why.alone, why.alone.nodes[why.node]
    held = bool(why.held[why.node, why.periods].any())
    with_node, without = why.options["with_node"], why.options["without_node"]
    at = "is held at" if held else "is not held at"
    yield f"{alone.skus[0]} (tier {alone.tier[0]}) {at} {node}{_asked(why)}."
    if with_node is None:
        yield f"It cannot be: {why_not(why, why.node)}."
        return
    if without is None:
        yield f"It has to be: no set of nodes without {node} is allowed."
        return
    dearer = with_node.cost - without.cost
    how = "dearer" if dearer >= 0 else "cheaper"
    some = with_node.stocked[why.node] & why.periods
    best = f" (best in {_when(alone, some)} only)" if not some.all() and why.periods.sum() > 1 else ""
    yield (
        f"With {node}{best} it is {_money(why, abs(dearer))} {how} than without, rents included: "
        f"{_deciding(alone, why.bill(with_node.stocked), why.bill(without.stocked), with_node.opening)}."
    )
    if held == (dearer >= 0) and abs(dearer) > CENT:
        yield "The plan decides against that: SKUs are held whole, and whole ones have to fit the rooms and limits."
    yield from _unless(why, node, dearer)


def _unless(why: SkuExplained, node: str, dearer: float) -> Iterator[str]:
    found = [turn for turn in _nearest_first(why) if np.isfinite(turn.at)]
    side = "out of" if dearer >= 0 else "at"
    if not found:
        yield f"Nothing looked at alone turns that: neither demand from an eighth to eight times, nor a cost at {node}."
        return
    currency = why.ground.case.settings.currency
    yield f"It belongs {side} {node} unless"
    for turn in found[:SHOWN]:
        yield f"  - {turn.words.format(currency=currency)}"
    stubborn = [turn.words for turn in why.turns if not np.isfinite(turn.at) and turn.words]
    if stubborn:
        yield f"  ({'; '.join(stubborn[:2])})"


def _asked(why: SkuExplained) -> str:
    chosen = [label for label, asked in zip(why.alone.periods, why.periods, strict=True) if asked]
    return f" in {chosen[0]}" if len(chosen) == 1 else ""


def _money(why: SkuExplained, amount: float) -> str:
    return f"{amount:,.2f} {why.ground.case.settings.currency}"


def _footing(why: SkuExplained | LimitExplained) -> Iterator[str]:
    """Where the rents come from, and how far they can be trusted."""
    ground = why.ground
    cautious = ", a cautious one" if ground.relaxed else ""
    yield (
        f"Rents come from the certified bound (the plan is at most {100 * ground.gap:.2f} % above it{cautious}): "
        "the plan itself may leave a little free. Everything else in the plan stands still."
    )
    if not ground.same_input:
        yield "The input has changed since the plan was made: plan again before acting on this."


# --- one limit -----------------------------------------------------------------------------------------------------


def worth(why: LimitExplained) -> pd.DataFrame:
    """Use, amount and rent of a thing, period by period."""
    base, thing = why.base, why.thing
    case = base.instance
    used = used_in_all(case, evaluated(case, base.stocked, base.is_open), thing)
    rent = np.abs(rent_of(case, base.prices, thing))
    table = pd.DataFrame({"period": list(case.periods), "used": used, "amount": _amount(case, thing), "rent": rent})
    table["rent_per"] = unit(case, thing, why.ground.case.settings.currency)
    return table


def _amount(case: Instance, thing: Scarce) -> Floats:
    if thing.kind == "limit":
        limit = case.limits[thing.place[0]]
        return np.where(limit.periods, limit.amount, np.nan)
    amounts = {
        "room": case.room_m3, "units_per_day": case.units_per_day, "skus": case.max_skus,
        "lane": case.lane_parcels_per_day,
    }  # fmt: skip
    amount = case.budget if thing.kind == "budget" else float(amounts[thing.kind][thing.place])
    return blank_infinite(np.full(len(case.periods), amount))


def users(why: LimitExplained) -> pd.DataFrame:
    """SKUs that would use more of a thing, by what one unit of it would save them."""
    case = why.base.instance
    rent = rent_of(case, why.base.prices, why.thing)
    rows = []
    for taker in why.takers:
        more = float(taker.more @ rent / rent.sum())
        rows.append(
            {
                "sku": case.skus[taker.sku], "tier": case.tier[taker.sku], "would_use": abs(more),
                "saves": taker.saving, "saves_per_unit": taker.saving / abs(more),
                "from_rent": taker.share * abs(float(rent.sum())),
                "now_at": _whole(pd.Series(_nodes_of(case, why.base.stocked[taker.sku])), case.periods),
                "then_at": _whole(pd.Series(_nodes_of(case, taker.stocked)), case.periods),
            }
        )  # fmt: skip
    names = ["sku", "tier", "would_use", "saves", "saves_per_unit", "from_rent", "now_at", "then_at"]
    return pd.DataFrame(rows, columns=names).sort_values(
        ["from_rent", "saves_per_unit"], ascending=False, kind="stable", ignore_index=True
    )


def limit_headline(why: LimitExplained) -> tuple[str, ...]:
    """The answer about a limit in sentences."""
    case, thing, table = why.base.instance, why.thing, why.worth
    currency = why.ground.case.settings.currency
    one, name = unit(case, thing, currency), words(case, thing)
    name = name[0].upper() + name[1:]
    if not table["rent"].to_numpy().any():
        return (f"{name}: one more {one} is worth nothing; it is not scarce in any period.", *_footing(why))
    change = f"one {one} less asked for" if _asks(case, thing) else f"one more {one}"
    by_period = "; ".join(
        f"{figure(rent)} {currency} in {label}"
        for label, rent in zip(table["period"], table["rent"], strict=True)
        if rent
    )
    lines = [f"{name}: {change} is worth {by_period}."]
    first = why.users.head(3)
    if len(first):
        said = ", ".join(
            f"{sku} (saves {figure(saved)} {currency} per {one})"
            for sku, saved in zip(first["sku"], first["saves_per_unit"], strict=True)
        )
        lines.append(f"First to use it: {said}.")
    else:
        lines.append("No SKU would use more of it, even for nothing: opening nodes or other limits decide.")
    return (*lines, *_footing(why))


def _asks(case: Instance, thing: Scarce) -> bool:
    """Whether the limit asks for at least so much; a share on time is kept by late parcels, of which it allows some."""
    if thing.kind != "limit":
        return False
    limit = case.limits[thing.place[0]]
    return (limit.sense == "min") != (limit.measure == "on_time_share")


def answer(why: SkuExplained | LimitExplained) -> dict[str, Any]:
    """What ``--json`` says: the sentences and the tables."""
    tables = {name: table.to_dict("records") for name, table in why.tables().items()}
    head = {"command": "explain", "status": "explained", "exit_code": 0, "message": "", "findings": {}, "details": []}
    return head | {"headline": list(why.headline)} | tables
