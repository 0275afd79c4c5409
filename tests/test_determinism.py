"""The same case, settings and seed give the same plan in every process; a stop keeps the best plan and says so."""

from __future__ import annotations

import functools
import hashlib
import os
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from openpyxl import load_workbook

import optimizer
from models import column_generation
from models.catalogue import Catalogue
from models.instance import Instance
from models.outcome import Outcome, Progress
from optimizer import cli
from optimizer.errors import Interrupted

from . import small
from .benchmarks import generator
from .conftest import ROOT
from .instances import tiny
from .soundness import slack, truthful

SOLVES = """
from models.column_generation import solve
from tests.benchmarks.generator import network
from tests.instances import tiny
from tests.test_determinism import fingerprint

for instance in (tiny(7001), tiny(7106, 30, 4, 4, 2, hard_limits=False), network(60, 5, 8, 2, 2, 3)):
    print(fingerprint(solve(instance, gap=1e-2)))
"""
CUT_SHORT = """
from models import enumeration, rounding
from models.column_generation import solve
from tests.benchmarks.generator import network
from tests.test_determinism import fingerprint

rounding.QUICK = rounding.DECIDED = rounding.THOROUGH = (rounding.Effort(300, 40),)
enumeration.MOST_COLUMNS = 500
found = solve(network(60, 5, 8, 2, 2, 3), gap=1e-5)
print(fingerprint(found), found.status, found.counts["reproducible"])
"""
OWN_TIME = ("seconds", "peak_memory_mb")  # facts of a run that no two runs share


def fingerprint(found: Outcome) -> str:
    """A digest of everything a plan rests on, to the last bit."""
    digest = hashlib.sha256(f"{found.status} {found.objective!r} {found.bound!r}".encode())
    for part in (found.stocked, found.open, found.surge):
        digest.update(b"none" if part is None else np.ascontiguousarray(part).tobytes())
    if found.rents is not None:
        for rent in (found.rents.room, found.rents.units_per_day, found.rents.skus, found.rents.budget):
            digest.update(np.ascontiguousarray(rent).tobytes())
        digest.update(repr(sorted(found.rents.limits.items())).encode())
    return digest.hexdigest()


def in_a_new_process(hash_seed: int, program: str = SOLVES) -> str:
    """What a program prints, by default fingerprints of three solves, under a seed of Python's hashes."""
    environment = os.environ | {"PYTHONHASHSEED": str(hash_seed), "PYTHONPATH": str(ROOT)}
    run = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    return run.stdout


def test_the_same_plan_in_every_process() -> None:
    """Four processes that order sets and dictionaries of text differently find bit for bit the same three plans."""
    first, *others = [in_a_new_process(hash_seed) for hash_seed in range(4)]
    assert len(first.split()) == 3
    assert others == [first, first, first]


def test_a_busy_machine_finds_the_same_plan() -> None:
    """Programs that end unfinished end at the same point, and plan and bound are the same bits, busy or idle."""
    alone = in_a_new_process(0, CUT_SHORT)
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(os.cpu_count() or 1)]
    try:
        crowded = in_a_new_process(0, CUT_SHORT)
    finally:
        for process in busy:
            process.kill()
            process.wait()
    assert alone.split()[-1] == "True"
    assert crowded == alone


def with_workers(monkeypatch: pytest.MonkeyPatch, workers: int) -> None:
    monkeypatch.setattr(column_generation, "Catalogue", functools.partial(Catalogue, workers=workers))


@pytest.mark.parametrize("sampled", [False, True])
def test_the_number_of_threads_is_nothing(monkeypatch: pytest.MonkeyPatch, sampled: bool) -> None:
    """One, two or four threads pricing the sets find the same plan to the last bit, with and without a sample first."""
    if sampled:
        monkeypatch.setattr(column_generation, "SAMPLE_ABOVE", 20)
        monkeypatch.setattr(column_generation, "SAMPLE_SIZE", 10)
    monkeypatch.setattr("models.catalogue.STRIP_CELLS", 200)  # many strips, so that threads have something to share
    for instance in (tiny(7106, 30, 4, 4, 2, hard_limits=False), generator.network(60, 6, 8, 2, 3, 2)):
        prints = set()
        for workers in (1, 2, 4):
            with_workers(monkeypatch, workers)
            prints.add(fingerprint(column_generation.solve(instance, gap=3e-3)))
        assert len(prints) == 1


def test_any_seed_is_sound() -> None:
    """Other seeds may find other plans, but every interval [bound, cost] holds the same optimum."""
    instance = generator.network(60, 6, 8, 2, 3, 2)
    found = [column_generation.solve(instance, gap=3e-3, seed=seed) for seed in range(3)]
    for outcome in found:
        truthful(instance, outcome)
    lowest, highest = min(o.objective for o in found), max(o.bound for o in found)
    assert highest <= lowest + slack(lowest)


# --- from the workbook ------------------------------------------------------------------------------------------


def shuffled(tables: dict[str, small.Rows], seed: int) -> dict[str, small.Rows]:
    """Rows of Orders, Regions and Settings in another order; SKUs and nodes break ties and keep theirs."""
    rng = np.random.default_rng(seed)
    out = dict(tables)
    for name in ("Orders", "Regions", "Settings"):
        header, *rows = tables[name]
        out[name] = [header, *(rows[i] for i in rng.permutation(len(rows)))]
    return out


@pytest.fixture(scope="module")
def brand(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small brand's workbook."""
    return small.write(tmp_path_factory.mktemp("brand") / "brand.xlsx", small.sheets())


def test_the_order_of_rows_is_nothing(tmp_path: Path, brand: Path) -> None:
    """With orders, regions and settings shuffled, placement, replenishment and actions are the same tables."""
    plan = optimizer.plan(optimizer.read(brand))
    for seed in range(2):
        other = small.write(tmp_path / f"{seed}.xlsx", shuffled(small.sheets(), seed))
        again = optimizer.plan(optimizer.read(other))
        assert again.cost == pytest.approx(plan.cost, rel=1e-9)
        for name in ("replenishment", "actions"):
            pd.testing.assert_frame_equal(getattr(again, name), getattr(plan, name), rtol=1e-9, atol=1e-9)
        pd.testing.assert_frame_equal(placed(again), placed(plan), rtol=1e-9, atol=1e-9)


def placed(plan: optimizer.Plan) -> pd.DataFrame:
    """The placement, its lists of regions in alphabetical order."""
    regions = plan.placement["regions_served"].map(lambda text: sorted(text.split(", ")))
    return plan.placement.assign(regions_served=regions)


def parts(path: Path) -> dict[str, bytes]:
    """The files inside a workbook."""
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def run_sheet(path: Path) -> dict[str, Any]:
    """The Run sheet by name, without what depends on the clock or on memory."""
    rows = load_workbook(path)["Run"].iter_rows(min_row=1, values_only=True)
    return {str(row[0]): row[1:] for row in rows if not str(row[0]).startswith(OWN_TIME)}


def part_of(path: Path, sheet: str) -> str:
    """The file inside a workbook that holds a sheet."""
    return f"xl/worksheets/sheet{load_workbook(path, read_only=True).sheetnames.index(sheet) + 1}.xml"


def test_two_runs_write_the_same_bytes(tmp_path: Path, brand: Path) -> None:
    """`nodewise plan` twice: every part of the workbook but the Run sheet is equal byte for byte, Run but for time."""
    written = []
    for name in ("first", "second"):
        out = tmp_path / name / "plan.xlsx"
        out.parent.mkdir()
        assert cli.main(["plan", str(brand), "--out", str(out), "--quiet"]) == 0
        written.append(out)
    one, two = (parts(path) for path in written)
    assert list(one) == list(two)
    differ = {name for name in one if one[name] != two[name]}
    assert differ <= {part_of(written[0], "Run")}
    assert run_sheet(written[0]) == run_sheet(written[1])


# --- stopped ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def long_search() -> Instance:
    """A network that takes much longer than a second to certify to the last digit."""
    return generator.network(250, 9, 25, 3, 5, 2)


@pytest.mark.parametrize("limit", [0.01, 1.0, 3.0])
def test_the_time_limit_is_kept(long_search: Instance, limit: float) -> None:
    """The search ends near its limit, says so, and what it has is a plan with an honest bound or none at all."""
    started = time.perf_counter()
    found = column_generation.solve(long_search, gap=0.0, time_limit=limit)
    assert time.perf_counter() - started <= limit + 5.0
    assert found.status == "time_limit"
    assert not found.counts["reproducible"]
    truthful(long_search, found)
    if limit >= 3:
        assert np.isfinite(found.bound)


def interrupt_at(wanted: Callable[[Progress], bool]) -> Callable[[Progress], None]:
    """A listener that presses Ctrl-C on the first line of progress that is wanted."""

    def listen(line: Progress) -> None:
        if wanted(line):
            raise KeyboardInterrupt

    return listen


def test_interrupted_while_bounding(long_search: Instance) -> None:
    """Ctrl-C before the first plan: the bound reached so far, and a whole plan if the patterns at hand make one."""
    heard: list[Progress] = []

    def third_round(line: Progress) -> bool:
        heard.append(line)
        return line.stage == "bound" and sum(one.stage == "bound" for one in heard) == 3

    found = column_generation.solve(long_search, progress=interrupt_at(third_round))
    reached = next(line.bound for line in reversed(heard) if line.stage == "bound")
    assert found.status == "interrupted"
    assert found.bound == pytest.approx(reached)
    assert np.isfinite(found.objective) == (found.stocked is not None)
    truthful(long_search, found)


def test_interrupted_while_planning(long_search: Instance) -> None:
    """Ctrl-C on the first plan: that plan is kept, whole and feasible, with the bound that was proved before."""
    heard: list[Progress] = []

    def first_plan(line: Progress) -> bool:
        heard.append(line)
        return line.stage == "plan" and np.isfinite(line.best)

    found = column_generation.solve(long_search, gap=0.0, progress=interrupt_at(first_plan))
    assert found.status == "interrupted"
    assert found.stocked is not None
    assert found.objective == heard[-1].best
    assert found.bound == pytest.approx(heard[-1].bound)
    truthful(long_search, found)


@pytest.mark.parametrize("line", [1, 2, 5, 9, 14])
def test_interrupted_on_any_line(line: int) -> None:
    """Wherever Ctrl-C falls, among branches too, bound and plan are sound: the optimum lies between them."""
    instance = tiny(7012, 30, 4, 4, 2, candidates=True, hard_limits=False, budget=False, lane_gaps=False)
    whole = column_generation.solve(instance, gap=0.0)
    count = iter(range(1, 10_000))
    found = column_generation.solve(instance, gap=0.0, progress=interrupt_at(lambda _: next(count) == line))
    assert found.status in ("interrupted", whole.status)
    truthful(instance, found)
    assert found.bound <= whole.objective + slack(whole.objective)
    assert whole.bound <= found.objective + slack(whole.objective)


def test_an_interrupted_plan_says_so(brand: Path) -> None:
    """Through the notebook interface too: the plan of an interrupted search is a plan whose status is interrupted."""
    case = optimizer.read(brand)
    plan = optimizer.plan(case, gap=0.0, progress=interrupt_at(lambda line: np.isfinite(line.best)))
    assert plan.status == "interrupted"
    assert plan.bound <= plan.cost * (1 + 1e-9)
    with pytest.raises(Interrupted):
        optimizer.plan(case, progress=interrupt_at(lambda line: line.stage == "patterns"))
