"""``nodewise publish``: put a plan that waits in its place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ..console import Talk
from .shared import INPUT, json_option, run, wait_option


@click.command(short_help="Publish a plan that waits.")
@click.argument("plan_workbook", metavar="PLAN", type=INPUT)
@wait_option
@json_option
def publish(plan_workbook: Path, wait: float, as_json: bool) -> int:
    """Publish the plan that was ready when PLAN could not be replaced (exit code 9), once PLAN is closed.

    \b
    Example:
      nodewise publish plan.xlsx
    """

    def work(talk: Talk) -> dict[str, Any]:
        from ..answers import released
        from ..job import publish_plan

        made_by, waited = publish_plan(plan_workbook, wait)
        told = f"Published: {plan_workbook}" if waited else f"Nothing waits; {plan_workbook} stands."
        talk.say(told, "bold")
        return released(plan_workbook, made_by.name)

    return run("publish", work, as_json=as_json, beside=plan_workbook)
