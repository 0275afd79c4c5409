"""The command line: each command opens, calls one library function, and prints. No logic lives here."""

from __future__ import annotations

import os
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from . import __version__
from .console import Talk, counted, json_line, use_utf8
from .errors import Finding, NodewiseError

INPUT = click.Path(path_type=Path)
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


def _settings(context: click.Context, parameter: click.Parameter, pairs: tuple[str, ...]) -> dict[str, str]:
    """``name=value`` options as a dictionary; the names are checked by Settings."""
    split = [pair.partition("=") for pair in pairs]
    for name, equals, _ in split:
        if not equals:
            raise click.BadParameter(f'"{name}" has no value; write {name}=value.', context, parameter)
    return {name.strip(): value for name, _, value in split}


_orders = click.option(
    "--orders", type=INPUT, help="Order lines in a CSV or Parquet file, in place of the Orders sheet."
)
_set = click.option(
    "--set", "settings", multiple=True, callback=_settings, metavar="NAME=VALUE", help="Override a setting; repeatable."
)
_strict = click.option("--strict", is_flag=True, help="Treat warnings as errors (exit code 3).")
_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON object as the last line.")


@nodewise.command(short_help="Write a workbook to start from.")
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
        from .job import new_workbook

        new_workbook(path, blank=blank, force=force)
        talk.say(f"Written: {path}")
        talk.say(f"Next: nodewise {'check' if blank else 'plan'} {path}" + ("" if blank else " --out plan.xlsx"))
        return {}

    return _run("new", work, beside=path)


@nodewise.command(short_help="Say what is wrong or odd in a workbook.")
@click.argument("workbook", metavar="INPUT", type=INPUT)
@_orders
@_set
@_strict
@_json
def check(workbook: Path, orders: Path | None, settings: dict[str, str], strict: bool, as_json: bool) -> int:
    """Read a workbook and say everything that is wrong or odd in it.

    \b
    Example:
      nodewise check my_brand.xlsx
      nodewise check my_brand.xlsx --orders orders.csv --strict
    """

    def work(talk: Talk) -> dict[str, Any]:
        from .answers import checked
        from .job import read_case

        case = read_case(workbook, orders, settings, strict)
        talk.findings(case.findings)
        talk.say(f"{workbook}: ready to plan ({counted(case.findings)}).")
        return checked(case)

    return _run("check", work, as_json=as_json)


@nodewise.command(short_help="Make a plan.")
@click.argument("workbook", metavar="INPUT", type=INPUT)
@click.option("--out", required=True, type=INPUT, metavar="PLAN", help="The plan workbook to write.")
@_orders
@_set
@click.option("--time-limit", metavar="S", help="Longest search, in seconds (setting time_limit).")
@click.option("--gap", metavar="G", help="Stop when the plan is proved this close to the best (setting gap).")
@click.option("--accept-gap", metavar="G", help="Widest gap of a plan that may be published (setting accept_gap).")
@_json
@click.option("--quiet", is_flag=True, help="Print errors only.")
@_strict
def plan(
    workbook: Path,
    out: Path,
    orders: Path | None,
    settings: dict[str, str],
    as_json: bool,
    quiet: bool,
    strict: bool,
    **limits: str | None,
) -> int:
    """Make a plan and write it, once it is solved, audited and within the accepted gap.

    \b
    Example:
      nodewise plan my_brand.xlsx --out plan.xlsx
      nodewise plan my_brand.xlsx --out plan.xlsx --time-limit 60 --set periods=6
    """

    def work(talk: Talk) -> dict[str, Any]:
        from .answers import planned
        from .job import Request, make_plan

        given = {name: value for name, value in limits.items() if value is not None}
        with talk.progress() as hear:
            result = make_plan(Request(workbook, out, orders, settings | given, strict), hear)
        talk.plan(result.plan, result.path)
        if result.error:
            talk.complain(str(result.error))
        return planned(result)

    return _run("plan", work, as_json=as_json, quiet=quiet, beside=out)


@nodewise.command(short_help="Recompute a written plan from its input.")
@click.argument("plan_workbook", metavar="PLAN", type=INPUT)
@click.argument("workbook", metavar="INPUT", type=INPUT)
@_orders
@_json
def verify(plan_workbook: Path, workbook: Path, orders: Path | None, as_json: bool) -> int:
    """Recompute a written plan from its input and say whether both agree.

    \b
    Example:
      nodewise verify plan.xlsx my_brand.xlsx
    """

    def work(talk: Talk) -> dict[str, Any]:
        from .answers import verified
        from .job import verify_plan

        findings = verify_plan(plan_workbook, workbook, orders)
        talk.findings(findings)
        talk.say(f"{plan_workbook}: agrees with {workbook} ({counted(findings)}).")
        return verified(findings)

    return _run("verify", work, as_json=as_json)


_day = click.DateTime(formats=["%Y-%m-%d"])


@nodewise.command(short_help="Let a plan live through real orders.")
@click.argument("plan_workbook", metavar="PLAN", type=INPUT)
@click.argument("workbook", metavar="INPUT", type=INPUT)
@click.option("--orders", required=True, type=INPUT, help="The orders to live through, in a CSV or Parquet file.")
@click.option("--from", "since", type=_day, metavar="DAY", help="First day; else the plan's first.")
@click.option("--until", type=_day, metavar="DAY", help="Last day; else the plan's last with orders.")
@click.option("--seeds", type=click.IntRange(1), default=1, help="Runs with other luck, averaged.")
@click.option("--start", type=click.Choice(["stock", "average", "cycle"]), help="Stock to begin with.")
@click.option("--backorders", is_flag=True, help="Customers wait for what is missing; else the sale is lost.")
@click.option("--out", type=INPUT, metavar="FILE", help="Write the result as a workbook.")
@_json
def replay(plan_workbook: Path, workbook: Path, orders: Path, out: Path | None, as_json: bool, **options: Any) -> int:
    """Let a plan live through real orders, day by day, and hold it against what it promised.

    \b
    Example:
      nodewise replay plan.xlsx my_brand.xlsx --orders march.csv
      nodewise replay plan.xlsx my_brand.xlsx --orders march.csv --seeds 5 --start cycle --out replay.xlsx
    """

    def work(talk: Talk) -> dict[str, Any]:
        from .answers import replayed
        from .job import replay_plan

        result = replay_plan(plan_workbook, workbook, orders, out, **options)
        for line in result.headline:
            talk.say(line)
        if out is not None:
            talk.say(f"Written: {out}", "bold")
        return replayed(result, out)

    return _run("replay", work, as_json=as_json)


def _run(
    command: str,
    work: Callable[[Talk], dict[str, Any]],
    *,
    as_json: bool = False,
    quiet: bool = False,
    beside: Path | None = None,
) -> int:
    """Do the work of a command, turn any error into a message and an exit code, and print the JSON line last."""
    talk = Talk(quiet)
    try:
        answer = work(talk)
    except (NodewiseError, KeyboardInterrupt) as error:
        answer = _explained(command, talk, error)
    except Exception as error:  # a bug: the planner gets a sentence, the log the traceback
        answer = _reported(command, talk, error, beside)
    if as_json:
        click.echo(json_line(answer))
    return int(answer.get("exit_code", 0))


def _explained(command: str, talk: Talk, error: NodewiseError | KeyboardInterrupt) -> dict[str, Any]:
    from .answers import failed
    from .errors import Interrupted

    known = error if isinstance(error, NodewiseError) else Interrupted("stopped.")
    findings: tuple[Finding, ...] = tuple(getattr(known, "findings", ()))
    talk.findings(findings)
    told = bool(findings) and str(findings[0]) in known.message  # the message is the first finding, printed above
    talk.complain(f"nodewise {command}: " + (f"{counted(findings)}. {known.remedy}".strip() if told else str(known)))
    return failed(command, known)


def _reported(command: str, talk: Talk, error: Exception, beside: Path | None) -> dict[str, Any]:
    from .answers import failed

    text = "".join(traceback.format_exception(error))
    log = write_log(f"nodewise {__version__} {command}, Python {sys.version}\n\n{text}", beside)
    talk.complain(f"nodewise {command}: an error of Nodewise itself. Please report it with this log: {log}")
    return failed(command, error) | {"log": str(log)}


def write_log(text: str, beside: Path | None) -> Path:
    """Write a log file beside a file, or in the temporary folder where that cannot be."""
    stem = beside.stem if beside else "nodewise"
    name = f"{stem}.{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{os.getpid()}.log"
    try:
        path = (beside.parent if beside else Path(tempfile.gettempdir())) / name
        path.write_text(text, encoding="utf-8")
    except OSError:
        path = Path(tempfile.gettempdir()) / name
        path.write_text(text, encoding="utf-8")
    return path.resolve()
