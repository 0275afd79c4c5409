"""``nodewise status``: the control tower between two runs."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..console import Talk
from .screen import Shown, show
from .shared import INPUT, json_option, run

if TYPE_CHECKING:
    from ..status import Status

MOST = 20  # exceptions shown


@click.command(short_help="Hold the stock of a day against the plan: exceptions first.")
@click.argument("plan_workbook", metavar="PLAN", type=INPUT)
@click.option("--stock", required=True, type=INPUT, help="The stock now: a workbook with a Stock sheet, or a CSV.")
@click.option("--date", "day", type=click.DateTime(formats=["%Y-%m-%d"]), metavar="DAY", help="The day; else today.")
@click.option("--out", type=INPUT, metavar="FILE", help="Write the status as a workbook.")
@json_option
def status(plan_workbook: Path, stock: Path, day: datetime | None, out: Path | None, as_json: bool) -> int:
    """Hold the stock of a day against the plan in force: what is out of stock, runs out, is below its reorder point,
    does not fit, expires unsold or lies where the plan does not hold it; with what to do, by when, and whose it is.

    \b
    Example:
      nodewise status plan.xlsx --stock stock.csv
      nodewise status plan.xlsx --stock my_brand.xlsx --date 2027-01-15 --out status.xlsx
    """

    def work(talk: Talk) -> dict[str, Any]:
        from ..status import answer, status_of

        found = status_of(plan_workbook, stock, day and day.date(), out)
        talk.findings(finding for finding in found.seen if finding.severity == "warning")
        for line in found.headline:
            talk.say(line)
        _show(found)
        if out is not None:
            talk.say(f"Written: {out}", "bold")
        return answer(found, out)

    return run("status", work, as_json=as_json)


def _show(found: Status) -> None:
    table = found.exceptions
    if len(table):
        title = f"Exceptions ({min(len(table), MOST)} of {len(table)})"
        columns = ("exception", "sku", "node", "what", "action", "owner")
        show(table.head(MOST), [Shown(name, name) for name in columns], title)
    nodes = found.nodes.copy()
    nodes["next"] = nodes["next_stock_out"].dt.strftime("%Y-%m-%d").fillna("")
    nodes["fill"] = nodes[[f"{name}_fill" for name in ("ambient", "chilled", "frozen")]].max(axis=1)
    figures = (
        ("exceptions", "excep-\ntions", "count"), ("skus_planned", "SKUs", "count"),
        ("skus_in_stock", "in\nstock", "count"), ("below_reorder_point", "to\norder", "count"),
        ("days_of_cover", "days of\ncover", "quantity"), ("next", "next\nstock-out", "text"),
        ("fill", "fullest\nroom", "share"), ("stranded_value", "stranded\nvalue", "count"),
        ("short_dated_value", "short-dated\nvalue", "count"),
    )  # fmt: skip
    show(nodes, [Shown("node", "node"), *(Shown(*figure) for figure in figures)], "Nodes")
