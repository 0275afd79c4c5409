"""``nodewise plan`` and ``nodewise verify``: make a plan, and recompute one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ..console import Talk, counted
from ..environment import narrow_arithmetic
from .shared import (
    INPUT,
    json_option,
    log_json_option,
    orders_option,
    previous_option,
    run,
    settings_option,
    strict_option,
    wait_option,
)


@click.command(short_help="Make a plan.")
@click.argument("workbook", metavar="INPUT", type=INPUT)
@click.option("--out", required=True, type=INPUT, metavar="PLAN", help="The plan workbook to write.")
@orders_option
@previous_option
@settings_option
@click.option("--time-limit", metavar="S", help="Longest search, in seconds (setting time_limit).")
@click.option("--gap", metavar="G", help="Stop when the plan is proved this close to the best (setting gap).")
@click.option("--accept-gap", metavar="G", help="Widest gap of a plan that may be published (setting accept_gap).")
@click.option("--deterministic", is_flag=True, help="Let no clock have a say in the plan (setting deterministic).")
@click.option("--memory-limit", metavar="MB", type=click.FloatRange(1), help="Most memory of the solver's process.")
@click.option("--read-copy", is_flag=True, help="Read a copy of INPUT, which may be saved while the run goes on.")
@click.option("--skip-if-same", is_flag=True, help="Do nothing when the published plan was asked the very same.")
@wait_option
@click.option("--break-lock", is_flag=True, help="Take the lock from a computer that is gone.")
@json_option
@log_json_option
@click.option("--quiet", is_flag=True, help="Print errors only.")
@strict_option
def plan(
    workbook: Path,
    out: Path,
    orders: Path | None,
    previous: Path | None,
    settings: dict[str, str],
    as_json: bool,
    log_json: bool,
    quiet: bool,
    strict: bool,
    wait: float,
    break_lock: bool,
    skip_if_same: bool,
    memory_limit: float | None,
    read_copy: bool,
    deterministic: bool,
    **limits: str | None,
) -> int:
    """Make a plan and write it, once it is solved, audited and within the accepted gap.

    \b
    Example:
      nodewise plan my_brand.xlsx --out plan.xlsx
      nodewise plan my_brand.xlsx --out plan.xlsx --time-limit 60 --set periods=6
      nodewise plan my_brand.xlsx --out february.xlsx --previous january.xlsx
    """

    def work(talk: Talk) -> dict[str, Any]:
        chosen = settings | {name: value for name, value in limits.items() if value is not None}
        chosen |= {"deterministic": "yes"} if deterministic else {}
        if chosen.get("deterministic") == "yes":
            narrow_arithmetic()  # before numpy is loaded
        from ..answers import planned, standing
        from ..job import Request, Standing, make_plan

        request = Request(
            workbook, out, orders, chosen, strict, previous, wait, break_lock, skip_if_same, memory_limit,
            read_copy,
        )  # fmt: skip
        with talk.progress() as hear:
            result = make_plan(request, hear)
        if isinstance(result, Standing):
            talk.say(f"{out}: the same was asked of it before; it stands.")
            return standing(result)
        talk.plan(result.plan, result.path)
        if result.error:
            talk.complain(str(result.error))
        return planned(result)

    return run("plan", work, as_json=as_json, quiet=quiet, log_json=log_json, beside=out)


@click.command(short_help="Recompute a written plan from its input.")
@click.argument("plan_workbook", metavar="PLAN", type=INPUT)
@click.argument("workbook", metavar="INPUT", type=INPUT)
@orders_option
@previous_option
@json_option
def verify(plan_workbook: Path, workbook: Path, orders: Path | None, previous: Path | None, as_json: bool) -> int:
    """Recompute a written plan from its input and say whether both agree.

    \b
    Example:
      nodewise verify plan.xlsx my_brand.xlsx
    """

    def work(talk: Talk) -> dict[str, Any]:
        from ..answers import verified
        from ..job import verify_plan

        findings = verify_plan(plan_workbook, workbook, orders, previous)
        talk.findings(findings)
        talk.say(f"{plan_workbook}: agrees with {workbook} ({counted(findings)}).")
        return verified(findings)

    return run("verify", work, as_json=as_json)
