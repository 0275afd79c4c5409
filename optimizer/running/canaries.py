"""Is the solver to be trusted? Its version, and small programs whose answers are known by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version

import highspy
import numpy as np

from models.master import INFINITY, new_solver

from ..errors import SolverFailure

LEAST = (1, 15, 1)  # 1.14.0 called 124 wrong plans of 2,532 small mixed programs optimal; 1.15.1 none of 10,161
DENIED: frozenset[str] = frozenset()  # later versions known to return wrong plans
REMEDY = "Install highspy 1.15.1 or later."


@dataclass(frozen=True)
class Canary:
    """Least cost of columns (cost, lower, upper, whole?) under rows (lower, coefficients, upper); None: no solution."""

    name: str
    columns: Sequence[tuple[float, float, float, bool]]
    rows: Sequence[tuple[float, Sequence[float], float]]
    answer: float | None


CANARIES = (
    # Worth 60, 100, 120 at weights 10, 20, 30; 50 fit. The best by far: the second and the third.
    Canary(
        "knapsack",
        [(-60, 0, 1, True), (-100, 0, 1, True), (-120, 0, 1, True)],
        [(-INFINITY, (10, 20, 30), 50)],
        -220.0,
    ),
    # Two plants, 5 units needed, each ships up to 4: opening costs 10 and 12, a unit 3 and 1. Both must open: 4 units
    # from the second, 1 from the first: 22 + 3 + 4.
    Canary(
        "fixed charge",
        [(10, 0, 1, True), (12, 0, 1, True), (3, 0, INFINITY, False), (1, 0, INFINITY, False)],
        [(5, (0, 0, 1, 1), 5), (-INFINITY, (-4, 0, 1, 0), 0), (-INFINITY, (0, -4, 0, 1), 0)],
        29.0,
    ),
    # Three items meet in pairs, each pair needs one of its two: half of each would do for 1.5, whole ones cost 2.
    Canary(
        "odd cycle",
        [(1, 0, 1, True)] * 3,
        [(1, (1, 1, 0), INFINITY), (1, (0, 1, 1), INFINITY), (1, (1, 0, 1), INFINITY)],
        2.0,
    ),
    # Cases of 12 for a need of 30 at 7 a case, and 0.5 for a unit left over: 3 cases, 6 left over.
    Canary(
        "cases",
        [(7, 0, INFINITY, True), (0.5, 0, INFINITY, False)],
        [(30, (12, -1), 30)],
        24.0,
    ),
    # 2x + 2y = 3 has solutions, but none in whole numbers.
    Canary("no whole point", [(1, 0, 5, True), (1, 0, 5, True)], [(3, (2, 2), 3)], None),
    # Diet: least of 2x + 3y with x + y >= 4 and x + 3y >= 6: the corner (3, 1).
    Canary(
        "corner",
        [(2, 0, INFINITY, False), (3, 0, INFINITY, False)],
        [(4, (1, 1), INFINITY), (6, (1, 3), INFINITY)],
        9.0,
    ),
)


@cache
def check_solver() -> tuple[str, ...]:
    """Names of the canaries that sang. Raises SolverFailure (G-010) for a version or an answer that is known wrong."""
    installed = version("highspy")
    numbers = tuple(int(part) for part in installed.split(".")[:3] if part.isdigit())
    if numbers < LEAST or installed in DENIED:
        raise SolverFailure(f"G-010 highspy {installed} is known to return wrong plans.", REMEDY)
    for canary in CANARIES:
        found = solved(canary)
        right = found is None if canary.answer is None else found is not None and abs(found - canary.answer) < 1e-6
        if not right:
            said = f'highspy {installed} answers {found} to the program "{canary.name}"; right is {canary.answer}'
            raise SolverFailure(f"G-010 the solver cannot be trusted: {said}.", REMEDY)
    return tuple(canary.name for canary in CANARIES)


def solved(canary: Canary) -> float | None:
    """HiGHS's answer: the least cost, or None where it proves that there is no solution."""
    solver = new_solver()
    for cost, lower, upper, _ in canary.columns:
        solver.addCol(cost, lower, upper, 0, np.zeros(0, dtype=np.int32), np.zeros(0))
    for at, column in enumerate(canary.columns):
        if column[3]:
            solver.changeColIntegrality(at, highspy.HighsVarType.kInteger)
    for lower, row, upper in canary.rows:
        where = np.flatnonzero(row).astype(np.int32)
        solver.addRow(lower, upper, len(where), where, np.asarray(row, dtype=float)[where])
    solver.run()
    status = solver.getModelStatus()
    if status in (highspy.HighsModelStatus.kInfeasible, highspy.HighsModelStatus.kUnboundedOrInfeasible):
        return None
    return float(solver.getInfo().objective_function_value) if status == highspy.HighsModelStatus.kOptimal else np.nan
