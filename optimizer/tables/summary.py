"""The Summary: the plan in the figures a planner is asked for, as blocks that the workbook lays out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from models.evaluation import COST_TERMS, NODE_COST_TERMS
from models.instance import TEMPERATURES

from ..previous import keeps_earlier
from .basis import PlanBasis
from .columns import SUMMARY, frame
from .families import apart_by_family

TOP = 10  # rows of the tightest capacities and of the largest changes
TITLES = {
    "headline": "Plan",
    "figures": "Key figures",
    "cost": "Cost by term",
    "tiers": "Tiers",
    "nodes": "Nodes",
    "tight": "Tightest capacities and limits",
    "families": "Families kept together",
    "findings": "Findings",
    "changes": "Largest changes",
}


@dataclass(frozen=True)
class Block:
    """One titled table of the summary. The first column names the row."""

    key: str
    table: pd.DataFrame
    kinds: Mapping[str, str] = field(default_factory=dict)  # column -> kind; others are text
    row_kinds: Sequence[str] = ()  # kind of each row, where a column mixes kinds
    note: str = ""
    total: bool = False  # the last row is a total

    @property
    def title(self) -> str:
        """Heading of the block."""
        return TITLES[self.key]


def summary(blocks: Sequence[Block]) -> pd.DataFrame:
    """The blocks one below the other: section, item, measure, value."""
    lines = [
        (block.title, str(row.iloc[0]), str(name), value)
        for block in blocks
        for _, row in block.table.iterrows()
        for name, value in row.iloc[1:].items()
    ]
    names = [column.name for column in SUMMARY]
    return frame(SUMMARY, {name: [line[at] for line in lines] for at, name in enumerate(names)})


def blocks(basis: PlanBasis, tables: Mapping[str, pd.DataFrame]) -> tuple[Block, ...]:
    """All blocks in order. `tables` holds the sheets of the plan by name."""
    return (
        figures(basis, tables),
        cost_by_term(basis),
        tiers(basis, tables["placement"]),
        node_overview(basis, tables["nodes"]),
        tightest(tables["nodes"], tables["limits"]),
        *families(basis),
        finding_counts(tables["findings"]),
        largest_changes(basis, tables["changes"]),
    )


def headline(basis: PlanBasis) -> tuple[str, ...]:
    """What the plan costs and how good it is, in words."""
    instance, settings = basis.instance, basis.case.settings
    periods = instance.periods
    span = periods[0] if len(periods) == 1 else f"{periods[0]} to {periods[-1]}"
    first = (
        f"{span}: {basis.cost:,.0f} {settings.currency} for {len(instance.skus):,} SKUs, {len(instance.nodes):,} nodes"
        f" and {len(instance.regions):,} regions"
    )
    return first, quality(basis)


def quality(basis: PlanBasis) -> str:
    """Gap and bound as a sentence, with the reason the search stopped."""
    if not np.isfinite(basis.bound):
        return f"No bound is known, so how far the plan is from the best possible is unknown ({_ending(basis)})."
    money = f"no plan can cost less than {basis.bound:,.0f} {basis.case.settings.currency}"
    relaxed = (
        "; the bound is a cautious one, not every set of nodes was priced" if basis.outcome.bound_is_relaxed else ""
    )
    return f"{gap_words(basis.gap)}: {money}{relaxed} ({_ending(basis)})."


def gap_words(gap: float) -> str:
    """A gap (a share of the plan's cost) as a share of the bound in words, never rounded down.

    >>> gap_words(0.00079)
    'At most 0.08 % above the best possible'
    >>> gap_words(0.2)
    'At most 25.0 % above the best possible'
    """
    if gap >= 1.0:
        return "The bound says nothing yet"
    above = gap / (1.0 - gap) * 100.0
    decimals = 2 if above < 1.0 else 1
    percent = max(np.ceil(above * 10**decimals - 1e-9) / 10**decimals, 0.01)
    return f"At most {percent:.{decimals}f} % above the best possible"


def _room_prices(basis: PlanBasis) -> Iterator[tuple[str, float, str, str]]:
    """In how many rooms orders are smaller since room is scarce, and where it is worth most."""
    price = basis.instance.room_cost
    if (price > 0).any():
        n, at = np.unravel_index(np.argmax(price), price.shape)
        room = f"{basis.instance.nodes[n]} {TEMPERATURES[at]}"
        dearest = (
            f"rooms; {room}: {price[n, at]:,.2f} {basis.case.settings.currency} per m3 and month counted in orders"
        )
        yield "full rooms that orders are smaller for", float((price > 0).sum()), dearest, "count"


def _ending(basis: PlanBasis) -> str:
    if keeps_earlier(basis.instance, basis.outcome) and basis.status in ("gap_reached", "stalled"):
        return "the earlier plan is kept: it was made from the same input"
    return {
        "gap_reached": f"the asked gap of {basis.case.settings.gap * 100:g} % is proved{_of_which(basis)}",
        "stalled": f"the search ended above the asked gap of {basis.case.settings.gap * 100:g} %",
        "time_limit": f"stopped by the time limit of {basis.case.settings.time_limit:g} s",
        "interrupted": "stopped by hand",
        "crashed": "the solver crashed; this is the best plan it had found",
        "memory": "the solver ran out of memory; this is the best plan it had found",
    }.get(basis.status, basis.status)


def _of_which(basis: PlanBasis) -> str:
    """Where the gap asked for was reached by the plan that the search ended with, and no longer by this one."""
    brought = bool(basis.facts.get("split_parcels")) and basis.gap > basis.case.settings.gap
    return " before SKUs that are ordered together were brought together" if brought else ""


def figures(basis: PlanBasis, tables: Mapping[str, pd.DataFrame]) -> Block:
    """Cost, certificate, stock, service and the first orders."""
    evaluation, actions = basis.evaluation, tables["actions"]
    parcels = float(evaluation.parcels @ basis.instance.days)
    late = float(evaluation.late_parcels @ basis.instance.days)
    on_time = 1.0 - late / parcels if parcels > 0 else float("nan")
    first = basis.stocked[:, :, 0]
    moved = actions.groupby("action")["value"].sum()
    currency = basis.case.settings.currency
    lines: list[tuple[str, float, str, str]] = [
        ("cost of the plan", basis.cost, currency, "money"),
        ("bound", basis.bound, currency, "money"),
        ("gap", basis.gap, "of the cost", "fine_share"),
        *_split_parcels(basis),
        *_room_prices(basis),
        ("parcels on time", on_time, "of all parcels, expected", "share"),
        ("average stock, first period", float(evaluation.value[:, 0].sum()), f"{currency} at cost", "money"),
        ("SKU-node placements, first period", float(first.sum()), "", "count"),
        ("nodes per SKU, first period", float(first.sum() / max(1, first.any(axis=1).sum())), "", "rate"),
        ("buy now", float(moved.get("purchase", 0.0)), f"{currency} at cost", "money"),
        ("move now", float(moved.get("transfer", 0.0)), f"{currency} at cost", "money"),
    ]
    table = pd.DataFrame(
        {"figure": [x[0] for x in lines], "value": [x[1] for x in lines], "unit": [x[2] for x in lines]}
    )
    unknown = "No Stock sheet: what to buy is counted from empty nodes." if basis.instance.in_force is None else ""
    return Block("figures", table, {"value": "rate"}, [x[3] for x in lines], unknown)


def _split_parcels(basis: PlanBasis) -> Iterator[tuple[str, float, str, str]]:
    """What orders of several SKUs cost beyond the plan's reckoning, before and after SKUs were brought together."""
    split = basis.facts.get("split_parcels")
    if not split:
        return
    currency = basis.case.settings.currency
    beyond = f"{currency} beyond the plan's cost"
    yield "cost before SKUs were brought together", split["plan_cost_before"], currency, "money"
    yield "gap before SKUs were brought together", split["gap_before"], "of the cost", "fine_share"
    yield "split parcels", split["extra_cost"], beyond, "money"
    yield "split parcels before", split["extra_cost_before"], beyond, "money"
    fit = "of orders that fit one parcel"
    yield "orders split", split["share_of_orders"], fit, "share"
    yield "orders split before", split["share_of_orders_before"], fit, "share"
    if "families_cost" in split:
        yield "families apart", split["families_cost"], beyond, "money"
        yield "families apart before", split["families_cost_before"], beyond, "money"


def families(basis: PlanBasis) -> Iterator[Block]:
    """Keep-together families, what it costs that they are apart, the dearest first; no block without families."""
    table = apart_by_family(basis)
    if not len(table):
        return
    apart = int((table["split"] > 0).sum())
    note = (
        f"{apart:,} of {len(table):,} families are apart in some region. Orders of all members, as the setting "
        "family_together wishes for; cost beyond the plan's, over all periods."
    )
    kinds = {"SKUs": "count", "orders wanted": "rate", "split": "share", "cost": "money"}
    yield Block("families", table.head(TOP), kinds, note=note)


def cost_by_term(basis: PlanBasis) -> Block:
    """Terms x periods, with total and share; the last row is the plan's cost."""
    evaluation, periods = basis.evaluation, basis.instance.periods
    costs = {term: evaluation.costs[term].sum(axis=(0, 1)) for term in COST_TERMS}
    costs |= {f"nodes: {term}": evaluation.node_costs[term].sum(axis=0) for term in NODE_COST_TERMS}
    costs["penalties of soft limits"] = evaluation.penalties.sum(axis=0)
    costs = {term: cost for term, cost in costs.items() if cost.any()}
    costs = dict(sorted(costs.items(), key=lambda entry: -float(entry[1].sum())))
    matrix = np.array([*costs.values(), sum(costs.values(), np.zeros(len(periods)))])
    total = matrix.sum(axis=1)
    table = pd.DataFrame({"term": [*costs, "total"], **{label: matrix[:, at] for at, label in enumerate(periods)}})
    table["total"] = total
    table["share"] = total / total[-1] if total[-1] else np.nan
    return Block("cost", table, {**dict.fromkeys(periods, "money"), "total": "money", "share": "share"}, total=True)


def tiers(basis: PlanBasis, placement: pd.DataFrame) -> Block:
    """SKUs, placements, stock and service target by tier, in the first period."""
    instance = basis.instance
    first = placement[placement["period"] == instance.periods[0]].groupby("tier")
    skus = pd.DataFrame({"tier": instance.tier, "service": instance.service_level, "fill": instance.fill_service})
    skus["live"] = instance.mean[:, :, 0].sum(axis=1) > 0
    groups = skus.groupby("tier", sort=True)
    names = [str(name) for name in groups.groups]
    count = groups.size()
    table = pd.DataFrame({"tier": names})
    table["SKUs"] = count.to_numpy(float)
    table["with demand"] = groups["live"].sum().to_numpy(float)
    table["placements"] = first.size().reindex(names, fill_value=0).to_numpy(float)
    table["nodes per SKU"] = table["placements"] / table["with demand"].where(table["with demand"] > 0)
    table["average stock"] = first["value"].sum().reindex(names, fill_value=0.0).to_numpy()
    table["units per day"] = _units_per_day(basis, names)
    table["service target"] = groups["service"].mean().to_numpy()
    table["measure"] = [
        "fill" if share > 0.999 else "cycle" if share < 0.001 else "mixed" for share in groups["fill"].mean()
    ]
    kinds = {
        "SKUs": "count", "with demand": "count", "placements": "count", "nodes per SKU": "rate",
        "average stock": "money", "units per day": "rate", "service target": "share",
    }  # fmt: skip
    return Block("tiers", table, kinds, note=f"First period, {instance.periods[0]}.")


def _units_per_day(basis: PlanBasis, names: Sequence[str]) -> np.ndarray:
    sold = pd.Series(basis.instance.mean[:, :, 0].sum(axis=1)).groupby(list(basis.instance.tier)).sum()
    return sold.reindex(list(names)).to_numpy()


def node_overview(basis: PlanBasis, nodes: pd.DataFrame) -> Block:
    """Each node: status by period, SKUs, stock, and its fullest room."""
    periods = basis.instance.periods
    status = nodes.pivot_table(index="node", columns="period", values="status", aggfunc="first", sort=False)
    by_node = nodes.assign(fill=nodes[[f"{name}_fill" for name in TEMPERATURES]].max(axis=1)).groupby(
        "node", sort=False
    )
    table = pd.DataFrame({"node": list(basis.instance.nodes)})
    table["type"] = by_node["type"].first().to_numpy(object)
    for label in periods:
        table[label] = status[label].to_numpy(object)
    table["most SKUs"] = by_node["skus"].max().to_numpy()
    table["mean stock"] = by_node["value"].mean().to_numpy()
    table["cost"] = by_node["cost"].sum().to_numpy()
    table["highest fill"] = by_node["fill"].max().to_numpy()
    kinds = {"most SKUs": "count", "mean stock": "money", "cost": "money", "highest fill": "share"}
    return Block("nodes", table, kinds, note="Highest fill: fullest room of any period; above 100 % = surge space.")


def tightest(nodes: pd.DataFrame, limits: pd.DataFrame) -> Block:
    """The capacities and limits with the highest worth of 1 % more, then the fullest, each in its tightest period."""
    table = pd.concat([*_capacities(nodes), _limits(limits)], ignore_index=True)
    table = table[(table["limit"] > 0) & (table["used / limit"] > 0)]
    worth = (table["rent"].fillna(0.0) * table["limit"]).to_numpy()
    order = np.lexsort((-table["used / limit"].to_numpy(), -np.round(worth, 6)))
    kinds = {"used": "figure", "limit": "figure", "used / limit": "share", "rent": "figure"}
    note = (
        "Each in its tightest period. Rent: what one more unit would save in it, at the certified bound; the plan "
        "itself may leave a little free."
    )
    worst = table.iloc[order].drop_duplicates("what").head(TOP).reset_index(drop=True)
    return Block("tight", worst, kinds, note=note)


def _capacities(nodes: pd.DataFrame) -> Iterator[pd.DataFrame]:
    names = [(f"{at} m3", f"{at}_used_m3", f"{at}_room_m3", f"{at}_fill", f"{at}_rent_per_m3") for at in TEMPERATURES]
    names += [
        (name.replace("_", " "), name, f"{name}_limit", f"{name}_fill", f"{name}_rent")
        for name in ("units_per_day", "skus")
    ]
    for label, *columns in names:
        values = nodes[columns].set_axis(["used", "limit", "used / limit", "rent"], axis=1)
        yield pd.concat([(nodes["node"] + ": " + label).rename("what"), nodes["period"], values], axis=1)


def _limits(limits: pd.DataFrame) -> pd.DataFrame:
    used, amount = limits["used"].to_numpy(), limits["amount"].to_numpy()
    top, bottom = np.where(limits["sense"] == "max", used, amount), np.where(limits["sense"] == "max", amount, used)
    fill = np.divide(top, bottom, out=np.full(len(limits), np.nan), where=bottom > 0)
    return pd.DataFrame(
        {
            "what": limits["limit"] + ": " + limits["measure"].str.replace("_", " "), "period": limits["period"],
            "used": used, "limit": amount, "used / limit": fill, "rent": limits["rent"],
        }
    )  # fmt: skip


def finding_counts(findings: pd.DataFrame) -> Block:
    """Findings by severity and code, worst first, with one example each."""
    groups = findings.groupby(["severity", "code"], sort=False)
    table = groups.agg(count=("code", "size"), example=("expectation", "first")).reset_index()
    table = table[["code", "severity", "count", "example"]].astype({"count": float})
    return Block("findings", table, {"count": "count"}, note="" if len(table) else "Nothing to report.")


def largest_changes(basis: PlanBasis, changes: pd.DataFrame) -> Block:
    """The changes of the highest value."""
    top = changes.sort_values("value", ascending=False, kind="stable").head(TOP)
    table = top[["sku", "node", "change", "quantity", "value", "reason"]].reset_index(drop=True)
    return Block("changes", table, {"quantity": "quantity", "value": "money"}, note=_changes_note(basis, changes))


def _changes_note(basis: PlanBasis, changes: pd.DataFrame) -> str:
    """How many placements are new, gone, changed and as before."""
    in_force = basis.instance.in_force
    if in_force is None:
        return "The placement in force is not known (no Stock sheet, no earlier plan)."
    counts = changes["change"].value_counts()
    kept = int((basis.stocked[:, :, 0] & in_force).sum()) - int(counts.get("changed", 0))
    told = ", ".join(f"{counts.get(name, 0):,} {name}" for name in ("new", "gone", "changed"))
    previous = basis.case.previous
    source = "the stock of today" if previous is None else f"{previous.period} of the earlier plan"
    return f"{told} and {kept:,} as before, against {source}."
