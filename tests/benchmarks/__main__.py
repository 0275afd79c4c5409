"""The benchmark: ``python -m tests.benchmarks [--sizes S,M] [--baselines none]`` prints one table.

Every solve runs in a process of its own. A baseline's plan is costed again by our own evaluation and set against our
certified bound; by how much it breaks a limit that its fitted stock did not see stands beside it.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from .measure import OURS, dimensions

BASELINES = ("arrays", "pyomo", "linopy")
GAPS = {"S": 3e-3}
GAP = 1e-3
LIMITS = {"L": 300.0, "XL": 900.0}  # seconds for our own solve; 120 otherwise
GRACE = 60.0  # seconds beyond the time limit before a child is stopped
COLUMNS = ("instance", "method", "status", "seconds", "stages", "peak MiB", "bound", "plan", "gap", "ratio", "remarks")

Found = dict[str, Any]


def main(arguments: list[str] | None = None) -> None:
    """Command line."""
    options = _parser().parse_args(arguments)
    sizes = [size for size in options.sizes.split(",") if size]
    baselines = [] if options.baselines == "none" else options.baselines.split(",")
    unknown = set(baselines) - set(BASELINES)
    if unknown:
        raise SystemExit(f"unknown baselines {sorted(unknown)}; there are {', '.join(BASELINES)}")
    results: list[Found] = []
    lines = [list(COLUMNS)]
    for size in sizes:
        for found in _instance(size, baselines, options):
            results.append(found)
            lines.append(_line(found))
            print("  ".join(lines[-1]), file=sys.stderr, flush=True)
    print(table(lines))
    if options.scaling:
        print(_growth([found for found in results if found["method"] == OURS]))
    if options.json:
        Path(options.json).write_text(json.dumps(results, indent=1))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--sizes", default="S,M,L,XL", help="S,M,L,XL or skus x nodes x regions x periods x candidates")
    parser.add_argument("--baselines", default=",".join(BASELINES), help="none, or some of " + ",".join(BASELINES))
    parser.add_argument("--baseline-sizes", default="S,M", help="instances on which baselines run")
    parser.add_argument("--baseline-limit", type=float, default=600.0, help="seconds per baseline")
    parser.add_argument("--time-limit", type=float, help="seconds for our solve (default by size)")
    parser.add_argument("--gap", type=float, help=f"default {GAP}, S {GAPS['S']}")
    parser.add_argument("--memory", type=float, default=16.0, help="GiB a child may use")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--scaling", action="store_true", help="also print the exponent of time against SKUs")
    parser.add_argument("--json", help="file for the full results")
    return parser


def _instance(size: str, baselines: list[str], options: argparse.Namespace) -> Iterator[Found]:
    """Our result on one instance, then each baseline's, compared."""
    gap = options.gap if options.gap is not None else GAPS.get(size, GAP)
    limit = options.time_limit or LIMITS.get(size, 120.0)
    ours = child(OURS, size, gap, limit, options)
    yield ours
    if size not in options.baseline_sizes.split(","):
        return
    for name in baselines:
        found = child(name, size, gap, options.baseline_limit, options)
        found["ratio"] = _ratio(found, ours)
        found["bound"] = ours.get("bound", -math.inf)
        plan = found.get("plan", math.inf)
        found["gap"] = (plan - found["bound"]) / plan if math.isfinite(plan) else math.inf
        yield found


def _ratio(found: Found, ours: Found) -> str:
    """How many times longer the baseline took to its own gap than we to a certified one."""
    if ours.get("status") != "gap_reached":
        return "-"
    times = found["seconds"] / ours["seconds"]
    return f"{times:.0f}x" if found.get("status") == "gap_reached" else f">{times:.0f}x"


def child(method: str, size: str, gap: float, limit: float, options: argparse.Namespace) -> Found:
    """Run one solve in a process of its own and read its result."""
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "result.json"
        command = [sys.executable, "-m", "tests.benchmarks.measure", method, size, str(result)]
        command += ["--gap", str(gap), "--time-limit", str(limit), "--seed", str(options.seed)]
        head: Found = {"instance": size, "method": method, "skus": dimensions(size)[0]}
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=limit * 1.1 + GRACE, preexec_fn=_capped(options.memory)
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return head | {
                "status": "no result",
                "seconds": limit * 1.1 + GRACE,
                "remarks": "stopped: model not built in time",
            }
        if result.exists():
            return head | json.loads(result.read_text())
        last = (done.stderr.strip().splitlines() or ["no output"])[-1]
        return head | {"status": "failed", "seconds": math.inf, "remarks": f"exit {done.returncode}: {last[:120]}"}


def _capped(gib: float) -> Callable[[], None] | None:
    """Limits the child's address space, where the system can."""
    if os.name != "posix":
        return None
    amount = int(gib * 2**30)
    return lambda: resource.setrlimit(resource.RLIMIT_AS, (amount, amount))


def _line(found: Found) -> list[str]:
    stages = " ".join(f"{name} {seconds:.1f}" for name, seconds in found.get("stages", {}).items())
    return [
        found["instance"],
        found["method"],
        found["status"],
        _number(found["seconds"], ".1f"),
        stages or "-",
        _number(found.get("peak_mb", math.inf), ",.0f"),
        _number(found.get("bound", math.inf), ",.0f"),
        _number(found.get("plan", math.inf), ",.0f"),
        _number(found.get("gap", math.inf), ".3%"),
        found.get("ratio", "1x"),
        _remarks(found),
    ]


def _remarks(found: Found) -> str:
    parts = [found["remarks"]] if "remarks" in found else []
    if "own_gap" in found:
        parts.append(f"own gap {_number(found['own_gap'], '.3%')}")
    parts += [f"breaks {name} by {share:.1%}" for name, share in found.get("broken", {}).items()]
    if found.get("relaxed"):
        parts.append("bound rests on a relaxation")
    claimed = found.get("claimed", math.inf)
    if math.isfinite(claimed) and abs(claimed - found["plan"]) > 1e-6 * abs(claimed):
        parts.append(f"CLAIMS {claimed:,.2f}")
    return "; ".join(parts)


def _number(value: float, form: str) -> str:
    return format(value, form) if math.isfinite(value) else "-"


def table(lines: list[list[str]]) -> str:
    """Columns padded to their widest cell."""
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    rows = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]
    return "\n".join([rows[0], "  ".join("-" * width for width in widths), *rows[1:]])


def _growth(ours: list[Found]) -> str:
    """The exponent p of seconds ~ SKUs^p by least squares, over instances that differ in SKUs only."""
    points = [(math.log(f["skus"]), math.log(f["seconds"])) for f in ours if math.isfinite(f["seconds"])]
    if len(points) < 2:
        return "growth: two instances are needed"
    mean_x, mean_y = (sum(axis) / len(points) for axis in zip(*points, strict=True))
    rise = sum((x - mean_x) * (y - mean_y) for x, y in points)
    return f"seconds grow as SKUs^{rise / sum((x - mean_x) ** 2 for x, _ in points):.2f}"


if __name__ == "__main__":
    main()
