"""What every command shares: its options, and the turning of errors into messages and exit codes."""

from __future__ import annotations

import os
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from .. import __version__
from ..console import Log, Talk, counted, json_line
from ..errors import Finding, NodewiseError

INPUT = click.Path(path_type=Path)


def _settings(context: click.Context, parameter: click.Parameter, pairs: tuple[str, ...]) -> dict[str, str]:
    """``name=value`` options as a dictionary; the names are checked by Settings."""
    split = [pair.partition("=") for pair in pairs]
    for name, equals, _ in split:
        if not equals:
            raise click.BadParameter(f'"{name}" has no value; write {name}=value.', context, parameter)
    return {name.strip(): value for name, _, value in split}


orders_option = click.option(
    "--orders", type=INPUT, help="Order lines in a CSV or Parquet file, in place of the Orders sheet."
)
previous_option = click.option(
    "--previous", type=INPUT, metavar="PLAN", help="The plan in force: what differs from it costs, and is listed."
)
settings_option = click.option(
    "--set", "settings", multiple=True, callback=_settings, metavar="NAME=VALUE", help="Override a setting; repeatable."
)
strict_option = click.option("--strict", is_flag=True, help="Treat warnings as errors (exit code 3).")
wait_option = click.option(
    "--wait", type=click.FloatRange(0), default=0.0, metavar="S", help="Seconds to wait for another run to end."
)
log_json_option = click.option(
    "--log-json", is_flag=True, help="Print progress, findings and errors as JSON lines on standard error."
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object as the last line.")


def run(
    command: str,
    work: Callable[[Talk], dict[str, Any]],
    *,
    as_json: bool = False,
    quiet: bool = False,
    log_json: bool = False,
    beside: Path | None = None,
) -> int:
    """Do the work of a command, turn any error into a message and an exit code, and print the JSON line last."""
    talk = Log() if log_json else Talk(quiet)
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
    from ..answers import failed
    from ..errors import Interrupted

    known = error if isinstance(error, NodewiseError) else Interrupted("stopped.")
    findings: tuple[Finding, ...] = tuple(getattr(known, "findings", ()))
    talk.findings(findings)
    told = bool(findings) and str(findings[0]) in known.message  # the message is the first finding, printed above
    talk.complain(f"nodewise {command}: " + (f"{counted(findings)}. {known.remedy}".strip() if told else str(known)))
    return failed(command, known)


def _reported(command: str, talk: Talk, error: Exception, beside: Path | None) -> dict[str, Any]:
    from ..answers import failed

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
