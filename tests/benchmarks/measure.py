"""One solve in a process of its own, so that its peak memory is its own; the result is one JSON object in a file."""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from .generator import SIZES, network

OURS = "nodewise"


def main(arguments: list[str]) -> None:
    """Child process: solve one instance by one method."""
    parser = argparse.ArgumentParser()
    parser.add_argument("method")
    parser.add_argument("size", help="S, M, L, XL or skus x nodes x regions x periods x candidates")
    parser.add_argument("result", type=Path)
    parser.add_argument("--gap", type=float, required=True)
    parser.add_argument("--time-limit", type=float, required=True)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    instance = network(*dimensions(options.size), seed=options.seed)
    before = peak_mb()
    started = time.perf_counter()
    found = _solve(options.method, instance, options.gap, options.time_limit)
    found |= {"seconds": time.perf_counter() - started, "peak_mb": peak_mb(), "instance_mb": before}
    options.result.write_text(json.dumps(found, default=float))


def dimensions(size: str) -> tuple[int, int, int, int, int]:
    """(skus, nodes, regions, periods, candidates) of a name or of a text like 500x10x40x2x4. Raises ValueError."""
    if size in SIZES:
        return SIZES[size]
    numbers = [int(part) for part in size.lower().split("x")]
    if len(numbers) != 5:
        raise ValueError(
            f"{size!r} is none of {', '.join(SIZES)} and not skus x nodes x regions x periods x candidates"
        )
    skus, nodes, regions, periods, candidates = numbers
    return skus, nodes, regions, periods, candidates


def peak_mb() -> float:
    """Peak resident memory of this process so far, MiB."""
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return kilobytes / (1024 * 1024 if sys.platform == "darwin" else 1024)


def _solve(method: str, instance: Any, gap: float, time_limit: float) -> dict[str, Any]:
    if method == OURS:
        return _ours(instance, gap, time_limit)
    from .baselines import run  # late: the baselines' libraries are not ours to need

    found = run(method, instance, gap, time_limit)
    return {
        "status": "gap_reached" if found.own_gap <= gap * 1.0001 else "time_limit",
        "stages": found.stages,
        "plan": found.plan_cost,
        "own_plan": found.own_objective,
        "own_bound": found.own_bound,
        "own_gap": found.own_gap,
        "broken": found.broken,
    }


def _ours(instance: Any, gap: float, time_limit: float) -> dict[str, Any]:
    from models.column_generation import solve
    from models.evaluation import evaluate

    trace: list[tuple[float, float, float]] = []
    outcome = solve(
        instance, gap=gap, time_limit=time_limit, progress=lambda p: trace.append((p.seconds, p.bound, p.best))
    )  # fmt: skip
    exact = np.inf
    if outcome.stocked is not None and outcome.open is not None and outcome.surge is not None:
        exact = evaluate(instance, outcome.stocked, outcome.open, outcome.surge).total
    return {
        "status": outcome.status,
        "stages": dict(outcome.seconds),
        "counts": dict(outcome.counts),
        "plan": exact,
        "claimed": outcome.objective,
        "bound": outcome.bound,
        "gap": outcome.gap,
        "relaxed": outcome.bound_is_relaxed,
        "relief": [f"{r.limit} {r.where} {r.period} {r.amount:.4g} {r.unit}" for r in outcome.relief[:5]],
        "trace": trace,
    }


if __name__ == "__main__":
    main(sys.argv[1:])
