"""`--deterministic`: the same bytes from any computer, and nothing published that a clock had a say in."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import pytest

from models.outcome import Outcome
from optimizer import job

from .conftest import ROOT
from .jobs import OTHER, Desk, Fake, desk, lie, prepared

__all__ = ["desk", "lie", "prepared"]
Lie = Callable[[Callable[[Outcome], Outcome]], None]


def planned_apart(desk: Desk, folder: Path, **environment: str) -> bytes:
    """The plan that another process writes in another folder from a copy of the input."""
    folder.mkdir()
    (folder / "brand.xlsx").write_bytes(desk.brand.read_bytes())
    (folder / "before.xlsx").write_bytes(desk.out.read_bytes())
    words = ["plan", "brand.xlsx", "--out", "plan.xlsx", "--previous", "before.xlsx", "--deterministic", "--quiet"]
    subprocess.run(
        [sys.executable, "-m", "optimizer", *words], cwd=folder, check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
    )  # fmt: skip
    return (folder / "plan.xlsx").read_bytes()


def test_the_same_bytes_in_another_folder_and_process(desk: Desk, tmp_path: Path) -> None:
    """Other hashes, another time zone, one thread in place of several, a processor without AVX-512, another folder: not
    a byte of the file differs, and the written plan agrees with its input, the earlier plan found beside it."""
    old = {"OPENBLAS_NUM_THREADS": "1", "NPY_DISABLE_CPU_FEATURES": "X86_V4 AVX512_ICL AVX512_SPR"}
    one = planned_apart(desk, tmp_path / "one", PYTHONHASHSEED="1", TZ="UTC", **old)
    two = planned_apart(desk, tmp_path / "two", PYTHONHASHSEED="2", TZ="Asia/Tokyo")
    assert one == two
    assert job.verify_plan(tmp_path / "two" / "plan.xlsx", tmp_path / "two" / "brand.xlsx") == ()


@pytest.mark.parametrize("status", ["time_limit", "crashed"])
def test_what_a_clock_cut_short_is_not_published(desk: Desk, lie: Lie, status: str) -> None:
    """A plan well within the accepted gap, but of a search that was ended from outside: exit 6, kept as interim; the
    same search without the option is published."""
    lie(lambda said: replace(said, status=status))
    old = desk.out.read_bytes()
    assert desk.plan(*OTHER, "--deterministic") == 6
    assert desk.out.read_bytes() == old
    assert desk.beside() == {"plan.interim.xlsx"}
    assert (desk.last()["plan"], desk.last()["solver"]["reproducible"]) == ("interim", False)
    assert desk.plan(*OTHER) == 0


def test_the_luck_of_a_second_process_is_told(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A solver that died before its first plan and found one at the second try: when it died is chance."""
    fake = Fake(lambda said: said)
    fake.troubles.append("the solver's process ended by signal 11")
    monkeypatch.setattr(job, "solver_for", lambda request, run: nullcontext(fake))
    assert desk.plan("--deterministic") == 6
    assert desk.last()["solver"]["reproducible"] is False
