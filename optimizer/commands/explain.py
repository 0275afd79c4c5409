"""``nodewise explain``: why a SKU is where it is, and what a limit is worth."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..console import Talk
from .screen import Shown, show, wrapped
from .shared import INPUT, json_option, orders_option, previous_option, run

if TYPE_CHECKING:
    import pandas as pd

    from ..explain import LimitExplained, SkuExplained

MOST = 15  # SKUs shown of those that would use more


@click.command(short_help="Say why a SKU is where it is, or what a limit is worth.")
@click.argument("plan_workbook", metavar="PLAN", type=INPUT)
@click.argument("workbook", metavar="INPUT", type=INPUT)
@click.option("--sku", metavar="SKU", help="Why this SKU is held where it is.")
@click.option("--node", metavar="NODE", help="Why the SKU is, or is not, at this node; else all nodes in turn.")
@click.option("--period", metavar="PERIOD", help="Ask about this period; else about all.")
@click.option("--limit", metavar="LIMIT", help='What one more unit is worth: budget, a limit\'s name, "DAL chilled".')
@orders_option
@previous_option
@json_option
def explain(
    plan_workbook: Path,
    workbook: Path,
    orders: Path | None,
    previous: Path | None,
    as_json: bool,
    **question: str | None,
) -> int:
    """Hold the pattern chosen for a SKU against the best one with a node and the best one without, cost by cost, with
    the rents that decide, and say what would have to change. Or say what one more unit of a limit is worth and who
    would use it.

    \b
    Example:
      nodewise explain plan.xlsx my_brand.xlsx --sku TEE-BLK-S --node DFW
      nodewise explain plan.xlsx my_brand.xlsx --limit budget
    """

    def work(talk: Talk) -> dict[str, Any]:
        from ..explain import SkuExplained, explain_written
        from ..tables.explained import answer

        why = explain_written(plan_workbook, workbook, orders, previous, **question)
        for line in why.headline:
            talk.say(wrapped(line))
        _show_sku(why) if isinstance(why, SkuExplained) else _show_limit(why)
        return answer(why)

    return run("explain", work, as_json=as_json)


HEADINGS = {"plan": "the plan", "with_node": "best with", "without_node": "best without", "next_best": "next best"}


def _show_sku(why: SkuExplained) -> None:
    names = list(why.options)
    headed = dict(HEADINGS)
    if why.node is not None:
        node = why.alone.nodes[why.node]
        headed |= {"with_node": f"with {node}", "without_node": f"without {node}"}
    ends = [at for at, part in enumerate(why.cost["part"]) if part == "total"]
    columns = [Shown("item", "cost and rents", least=28), *(Shown(name, headed[name], "money") for name in names)]
    show(_labelled(why.cost), [*columns, Shown("difference", "difference", "signed")], bold=ends)
    sets = [Shown("period", "nodes in", least=8), *(Shown(name, headed[name]) for name in names)]
    show(why.sets, [*sets, Shown("difference", "difference", "signed")])
    if why.node is None:
        names_shown = [Shown("node", "node"), Shown("in_the_plan", "in the plan")]
        rest = [Shown("other_way_costs", "the other way", "signed"), Shown("because", "because")]
        show(why.nodes, [*names_shown, *rest])


def _labelled(table: pd.DataFrame) -> pd.DataFrame:
    """Rents say so in their name."""
    rent = table["part"] == "rent"
    return table.assign(item=table["item"].where(~rent, "rent: " + table["item"]))


def _show_limit(why: LimitExplained) -> None:
    rent = f"rent per {why.worth['rent_per'].iloc[0]}"
    figures = [Shown("used", "used", "figure"), Shown("amount", "limit", "figure"), Shown("rent", rent, "figure")]
    show(why.worth, [Shown("period", "period"), *figures])
    count = len(why.users)
    if count:
        columns = [
            Shown("sku", "would use more"), Shown("would_use", "so much", "figure"),
            Shown("saves_per_unit", "saves a unit", "figure"), Shown("then_at", "and be held at"),
        ]  # fmt: skip
        show(why.users.head(MOST), columns, f"Would use more ({min(count, MOST)} of {count})")
