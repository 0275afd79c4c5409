"""The command line: the group that holds every command."""

from __future__ import annotations

from collections.abc import Sequence

import click

from . import __version__
from .commands import explain, forecast, plan, publish, replay, status, workbook
from .console import use_utf8

CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 110}


def main(args: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code and never raises."""
    use_utf8()
    try:
        code = nodewise.main(args=args, prog_name="nodewise", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return 130
    return int(code or 0)


@click.group(context_settings=CONTEXT)
@click.version_option(__version__, prog_name="nodewise")
def nodewise() -> None:
    """Decide which SKUs to stock at which nodes, and how much.

    Spreadsheets in, spreadsheets out, with a proof of how far the plan is from the best possible.

    \b
    Example:
      nodewise new my_brand.xlsx
      nodewise plan my_brand.xlsx --out plan.xlsx
    """


for command in (
    workbook.new, workbook.check, forecast.forecast, plan.plan, publish.publish, plan.verify, replay.replay,
    explain.explain, status.status,
):  # fmt: skip
    nodewise.add_command(command)
