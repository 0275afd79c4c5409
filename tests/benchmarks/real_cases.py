"""Real order histories as input workbooks: ``python -m tests.benchmarks.real_cases iowa|uci OUT_FOLDER [--plan]``.

The network is laid over the data by the rules of ``real_iowa`` and ``real_uci``; the data stay where they are. With
``--plan`` the commands a planner would type are run on them, and what they took is printed.
"""

from __future__ import annotations

import argparse
import json
import sys
from datetime import date
from pathlib import Path

from . import real_iowa, real_uci
from .real_parts import shared_folder, timed, write

CASES = {"iowa": real_iowa.given, "uci": real_uci.given}
SHOWN = ("status", "stop_reason", "cost", "bound", "gap", "seconds")


def main(arguments: list[str] | None = None) -> int:
    """Write one case; with --plan also check and plan it. Returns the worst exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.real_cases")
    parser.add_argument("case", choices=sorted(CASES))
    parser.add_argument("folder", type=Path, help="where the workbook (and the plan) go")
    parser.add_argument("--skus", type=int, help="only so many SKUs, evenly by sales")
    parser.add_argument("--since", type=date.fromisoformat, help="only order lines since this day")
    parser.add_argument("--plan", action="store_true", help="check and plan it, and say what that took")
    options = parser.parse_args(arguments)
    book, orders = write(CASES[options.case](shared_folder(), options.skus, options.since), options.folder)
    commands = [["check", str(book), "--orders", str(orders), "--json"]]
    plan = options.folder.resolve() / f"{options.case}_plan.xlsx"
    commands.append(["plan", str(book), "--orders", str(orders), "--out", str(plan), "--json"])
    return max(_run(command, options.plan) for command in commands)


def _run(command: list[str], really: bool) -> int:
    """Print a command; ``really``: run it, and print its output and what it took."""
    print("nodewise", *command, flush=True)
    if not really:
        return 0
    took = timed(command)
    print(took.output.rpartition("\n")[0])
    answer = json.loads(took.output.splitlines()[-1])
    told = {name: answer[name] for name in SHOWN if name in answer}
    print(f"exit {took.code}, {took.seconds:.1f} s, {took.cpu_seconds:.1f} CPU s, {took.peak_mb:.0f} MiB {told}\n")
    return took.code


if __name__ == "__main__":
    sys.exit(main())
