"""How explanations call things: what is scarce, its unit, nodes over periods, where rents come from."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from models.instance import TEMPERATURES, Bools, Instance
from models.scarce import Scarce

from ..rents import Ground, lane_name

ONE = {
    "value": "{currency}", "volume_m3": "m3", "units": "unit", "units_per_day": "unit a day", "skus": "SKU",
    "nodes": "node", "cost": "{currency}", "on_time_share": "late parcel a day", "purchases": "{currency}",
    "changes": "change", "change_value": "{currency}",
}  # fmt: skip


def key(instance: Instance, thing: Scarce) -> str:
    """A scarce thing by the name one asks for it with.

    Rooms and capacities as the Summary sheet names them, limits and lanes as the Limits sheet does.
    """
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


def nodes_of(instance: Instance, stocked: Bools) -> list[str]:
    """The nodes of a path (N,T), period by period."""
    return [
        ", ".join(name for name, held in zip(instance.nodes, column, strict=True) if held) or "nowhere"
        for column in stocked.T
    ]


def whole(by_period: Iterable[str], labels: Sequence[str]) -> str:
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


def footing(ground: Ground) -> Iterator[str]:
    """Where the rents come from, and how far they can be trusted."""
    cautious = ", a cautious one" if ground.relaxed else ""
    yield (
        f"Rents come from the certified bound (the plan is at most {100 * ground.gap:.2f} % above it{cautious}): "
        "the plan itself may leave a little free. Everything else in the plan stands still."
    )
    if not ground.same_input:
        yield "The input has changed since the plan was made: plan again before acting on this."
