"""``nodewise new`` and ``nodewise check``: a workbook to start from, and what is wrong with one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ..console import Talk, counted
from .shared import INPUT, json_option, orders_option, run, settings_option, strict_option


@click.command(short_help="Write a workbook to start from.")
@click.argument("path", type=INPUT)
@click.option("--blank", is_flag=True, help="Only the headers, with their meaning, and no example data.")
@click.option("--force", is_flag=True, help="Overwrite the file if it is there.")
def new(path: Path, blank: bool, force: bool) -> int:
    """Write a workbook to start from: a complete example, or a blank template.

    \b
    Example:
      nodewise new my_brand.xlsx
      nodewise new empty.xlsx --blank
    """

    def work(talk: Talk) -> dict[str, Any]:
        from ..writing.new_workbook import new_workbook

        new_workbook(path, blank=blank, force=force)
        talk.say(f"Written: {path}")
        talk.say(f"Next: nodewise {'check' if blank else 'plan'} {path}" + ("" if blank else " --out plan.xlsx"))
        return {}

    return run("new", work, beside=path)


@click.command(short_help="Say what is wrong or odd in a workbook.")
@click.argument("workbook", metavar="INPUT", type=INPUT)
@orders_option
@settings_option
@strict_option
@json_option
def check(workbook: Path, orders: Path | None, settings: dict[str, str], strict: bool, as_json: bool) -> int:
    """Read a workbook and say everything that is wrong or odd in it.

    \b
    Example:
      nodewise check my_brand.xlsx
      nodewise check my_brand.xlsx --orders orders.csv --strict
    """

    def work(talk: Talk) -> dict[str, Any]:
        from ..answers import checked
        from ..job import read_case

        case = read_case(workbook, orders, settings, strict)
        talk.findings(case.findings)
        talk.say(f"{workbook}: ready to plan ({counted(case.findings)}).")
        return checked(case)

    return run("check", work, as_json=as_json)
