"""``nodewise replay``: a plan lives through real orders."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ..console import Talk
from .screen import wrapped
from .shared import INPUT, json_option, run

_day = click.DateTime(formats=["%Y-%m-%d"])


@click.command(short_help="Let a plan live through real orders.")
@click.argument("plan_workbook", metavar="PLAN", type=INPUT)
@click.argument("workbook", metavar="INPUT", type=INPUT)
@click.option("--orders", required=True, type=INPUT, help="The orders to live through, in a CSV or Parquet file.")
@click.option("--from", "since", type=_day, metavar="DAY", help="First day; else the plan's first.")
@click.option("--until", type=_day, metavar="DAY", help="Last day; else the plan's last with orders.")
@click.option("--seeds", type=click.IntRange(1), default=1, help="Runs with other luck, averaged.")
@click.option("--start", type=click.Choice(["stock", "average", "cycle"]), help="Stock to begin with.")
@click.option("--backorders", is_flag=True, help="Customers wait for what is missing; else the sale is lost.")
@click.option("--out", type=INPUT, metavar="FILE", help="Write the result as a workbook.")
@json_option
def replay(plan_workbook: Path, workbook: Path, orders: Path, out: Path | None, as_json: bool, **options: Any) -> int:
    """Let a plan live through real orders, day by day, and hold it against what it promised.

    \b
    Example:
      nodewise replay plan.xlsx my_brand.xlsx --orders march.csv
      nodewise replay plan.xlsx my_brand.xlsx --orders march.csv --seeds 5 --start cycle --out replay.xlsx
    """

    def work(talk: Talk) -> dict[str, Any]:
        from ..answers import replayed
        from ..job import replay_plan

        result = replay_plan(plan_workbook, workbook, orders, out, **options)
        for line in result.headline:
            talk.say(wrapped(line))
        if out is not None:
            talk.say(f"Written: {out}", "bold")
        return replayed(result, out)

    return run("replay", work, as_json=as_json)
