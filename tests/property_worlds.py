"""The networks on which the properties of plans are tested, and their certified plans."""

from __future__ import annotations

from functools import cache

import pytest

from models.instance import Instance
from models.outcome import Outcome

from . import soundness
from .benchmarks import generator
from .instances import tiny

SCARCE = {"room": True, "hard_limits": False}
SMALL = [("small", seed) for seed in (7000, 7001, 7003, 7004, 7005, 7007, 7010, 7012)]
LARGE = [("large", seed) for seed in (7100, 7106, 7109)] + [("benchmark", 1)]
WORLDS = SMALL + LARGE
GAP = {"small": 1e-6, "large": 1e-6, "benchmark": 1e-2}
PLAIN = {"node_counts": False, "backup": False}  # without rules that ask for more nodes where more are allowed
each_world = pytest.mark.parametrize("world", WORLDS, ids=lambda world: f"{world[0]}-{world[1]}")


def solved(instance: Instance, gap: float | None = None) -> Outcome:
    """A truthful solve to the gap of its world: benchmark networks are certified less closely."""
    asked = (GAP["benchmark"] if instance.skus[0].startswith("SKU") else GAP["small"]) if gap is None else gap
    return soundness.solved(instance, asked)


@cache
def instance_of(world: tuple[str, int], **switches: bool) -> Instance:
    """3 SKUs with random features, 30 of them, or 30 SKUs of a benchmark network."""
    kind, seed = world
    if kind == "benchmark":
        return generator.network(30, 4, 5, 1, 1, seed)
    shape = (3, 3, 3, 2) if kind == "small" else (30, 4, 4, 2)
    return tiny(seed, *shape, **(SCARCE | switches))


@cache
def solution_of(world: tuple[str, int], **switches: bool) -> Outcome:
    """Its plan, once."""
    return solved(instance_of(world, **switches))


def found_plan(world: tuple[str, int], **switches: bool) -> tuple[Instance, Outcome]:
    """An instance and its plan; the worlds of this page are chosen to have one."""
    found = solution_of(world, **switches)
    assert found.stocked is not None, "choose another seed"
    return instance_of(world, **switches), found
