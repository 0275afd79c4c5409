"""The search for a plan: what its stages hand to one another, and what a stop on the way leaves behind."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from models import catalogue, column_generation, rounding
from models.column_generation import solve
from models.columns import Columns
from models.instance import Bools
from models.integer_program import IntegerProgram
from models.outcome import Progress

from .benchmarks.generator import network


def test_the_closing_program_begins_with_a_whole_plan(monkeypatch: pytest.MonkeyPatch) -> None:
    """The plan comes from a dive, which settles some SKUs; yet every SKU of the closing program has its pick in it."""
    monkeypatch.setattr(column_generation, "PLUNGE_BELOW", 0)
    monkeypatch.setattr(rounding, "QUICK", ())
    begun: list[tuple[Columns | None, Columns | None]] = []
    begin_with = IntegerProgram.begin_with

    def watched(self: IntegerProgram, picks: Columns | None, opened: Bools) -> None:
        begun.append((picks, self.choice))
        begin_with(self, picks, opened)

    monkeypatch.setattr(IntegerProgram, "begin_with", watched)
    assert solve(network(40, 4, 6, 2, 2, seed=2), gap=1e-5).status == "gap_reached"
    ((picks, choice),) = begun
    assert picks is not None
    assert choice is not None
    known = {(int(k), path.tobytes()) for k, path in zip(choice.sku, choice.path, strict=True)}
    assert np.array_equal(np.sort(picks.sku), np.unique(choice.sku))
    assert {(int(k), path.tobytes()) for k, path in zip(picks.sku, picks.path, strict=True)} <= known


@pytest.mark.parametrize("seed", [4, 12])
def test_a_stop_under_openings_that_are_tried_leaves_the_bound_alone(
    monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """Stopped while a plan is sought under whole openings, bound and rents are the root's; no plan costs less."""
    instance = network(10, 5, 5, 1, 3, seed=seed)
    whole = solve(instance, gap=1e-6)
    for name, value in {"GROUP_ABOVE": 0, "ALONE": 5, "GROUPS": 5}.items():
        monkeypatch.setattr(catalogue, name, value)
    root, tried = (solve(instance, gap=1e-6, progress=stop_at(line)) for line in (0, 2))
    assert root.status == tried.status == "interrupted"
    assert tried.bound == root.bound
    assert tried.bound <= whole.objective * (1 + 1e-9)
    assert root.rents is not None
    assert tried.rents is not None
    for name in ("room", "units_per_day", "skus", "budget"):
        assert np.array_equal(getattr(tried.rents, name), getattr(root.rents, name)), name


def stop_at(line: int) -> Callable[[Progress], None]:
    """Ctrl-C, once, so many lines after the one that says that the bound is done."""
    waiting, lines = [line], [0]

    def listen(progress: Progress) -> None:
        if lines[0] or (progress.stage == "bound" and not progress.note):
            lines[0] += 1
        if waiting and lines[0] > waiting[0]:
            waiting.clear()
            raise KeyboardInterrupt

    return listen
