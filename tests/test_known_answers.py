"""Published instances with proved optima, through workbook, reading, planning and plan."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from models.evaluation import evaluate
from optimizer import Planner
from tests.benchmarks import known_answers

QUICK = (
    "holmberg_p01", "holmberg_p03", "holmberg_p09", "holmberg_p13", "orlib_ss_p01", "orlib_ss_p04", "orlib_u_cap71",
    "orlib_u_cap74", "orlib_u_cap101", "pmed1", "pmed5",
)  # fmt: skip


@pytest.mark.parametrize("name", QUICK)
def test_published_optimum_is_reached_and_certified(name: str, shared: Path) -> None:
    """Plan and bound meet the optimum of the literature (sources in reference/optima.csv)."""
    assert (shared / "reference" / "optima.csv").exists()
    problem = known_answers.known(name)
    plan, _ = known_answers.planned(problem, time_limit=300)
    assert plan.bound <= problem.optimum + problem.tolerance, "a bound above the optimum certifies nonsense"
    assert plan.cost == pytest.approx(problem.optimum, abs=problem.tolerance)
    assert plan.gap <= 1e-4


@pytest.mark.slow
@pytest.mark.parametrize("name", ["holmberg_p30", "holmberg_p31", "holmberg_p32", "holmberg_p36"])
def test_published_optimum_of_a_hard_one(name: str, shared: Path) -> None:
    """Half a minute each on an idle machine: where rooms are tight and the bound of the rents is 2 % off, too."""
    test_published_optimum_is_reached_and_certified(name, shared)


def test_the_case_says_what_the_publication_says(shared: Path) -> None:
    """Every node open and every customer of cap71 at its cheapest one costs what the published matrix adds up to."""
    assert (shared / "reference" / "optima.csv").exists()
    problem = known_answers.known("orlib_u_cap71")
    instance = Planner(known_answers.read_case(problem)).instance
    nodes = np.argmin(problem.cost, axis=0)
    stocked = np.zeros((len(problem.demand), len(problem.nodes), 1), dtype=bool)
    stocked[np.arange(len(nodes)), nodes, 0] = True
    every = np.ones((len(problem.nodes), 1), dtype=bool)
    total = evaluate(instance, stocked, every, np.zeros((len(problem.nodes), 3, 1))).total
    fixed = sum(float(node["fixed_cost"] or 0) for node in problem.nodes)
    assert total == pytest.approx(np.min(problem.cost, axis=0).sum() + fixed, rel=1e-9)
