"""Explanations as tables and sentences."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from models.evaluation import COST_TERMS
from models.instance import TEMPERATURES, Bools, Floats, Instance
from models.scarce import Bill

from ..case import Case, items
from ..turns import Turn
from .basis import column_of
from .phrases import footing, nodes_of, whole, words

if TYPE_CHECKING:
    from ..explain import LimitExplained, SkuExplained

CENT = 0.005
WHOLE = "rents come from the bound, while in the plan SKUs are held, and nodes opened, whole"
DECIDING = 3  # differences named in a sentence
SHOWN = 4  # changes named in the headline


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
        table[name] = ["-"] * len(why.alone.periods) if choice is None else nodes_of(why.alone, choice.stocked)
        if choice is not None:
            paid = why.bill(choice.stocked)
            totals[name] = sum(paid.terms.values(), np.zeros(1))[0] + sum(paid.rents.values(), np.zeros((1, 1)))[0]
    first, second = _compared(why)
    both = first in totals and second in totals
    table["difference"] = totals[first] - totals[second] if both else np.full(len(why.alone.periods), np.nan)
    return pd.DataFrame(table)


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
        return (*_about_all(why), *footing(why.ground))
    return (*_about_one(why), *footing(why.ground))


def _about_all(why: SkuExplained) -> Iterator[str]:
    alone = why.alone
    yield f"{alone.skus[0]} (tier {alone.tier[0]}) is held at {whole(why.sets['plan'], alone.periods)}."
    other = why.options["next_best"]
    if other is None:
        yield "No other sets of nodes are allowed."
        return
    dearer = other.cost - why.planned.cost
    where = whole(why.sets["next_best"], alone.periods)
    how = "dearer" if dearer >= 0 else "cheaper"
    yield f"Next best: {where}; {_money(why, abs(dearer))} {how}, rents included{_fitting(dearer)}."


def _fitting(dearer: float) -> str:
    return "" if dearer >= -CENT else f" by the rents alone ({WHOLE})"


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
    if with_node.opening > CENT:
        yield _opened(why, node, with_node.opening, dearer - with_node.opening)
    if held == (dearer >= 0) and abs(dearer) > CENT:
        yield f"The plan decides otherwise: {WHOLE}."
    yield from _unless(why, node, dearer)


def _opened(why: SkuExplained, node: str, opening: float, rest: float) -> str:
    """What the SKU alone would pay for a closed node, and gain by it."""
    pays = f"{node} is closed in the plan, and opening it for this SKU alone costs {_money(why, opening)}"
    return f"{pays}; once open, it would {'save' if rest < 0 else 'cost'} {_money(why, abs(rest))} there."


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


def answer(why: SkuExplained | LimitExplained) -> dict[str, Any]:
    """What ``--json`` says: the sentences and the tables."""
    tables = {name: table.to_dict("records") for name, table in why.tables().items()}
    head = {"command": "explain", "status": "explained", "exit_code": 0, "message": "", "findings": {}, "details": []}
    return head | {"headline": list(why.headline)} | tables
