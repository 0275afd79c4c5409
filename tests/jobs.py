"""A desk for tests of the job: a small brand, a real plan published before, and solvers that do as they are told."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from models.outcome import Outcome
from optimizer import job
from optimizer.cli import main
from optimizer.files import file_digest

from . import small

CODES = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 130, 143}


def tiny_sheets() -> dict[str, small.Rows]:
    """Two SKUs of the small brand over one period: a run of half a second."""
    sheets = small.sheets()
    sheets["SKUs"] = sheets["SKUs"][:3]
    known = {row[0] for row in sheets["SKUs"][1:]}
    sheets["Orders"] = [sheets["Orders"][0], *(row for row in sheets["Orders"][1:] if row[2] in known)]
    sheets["Settings"] = [["setting", "value"], *(row for row in sheets["Settings"][1:] if row[0] != "periods")]
    sheets["Settings"].append(["periods", 1])
    return sheets


@dataclass
class Desk:
    """A planner's folder."""

    folder: Path

    @property
    def brand(self) -> Path:
        """The input."""
        return self.folder / "brand.xlsx"

    @property
    def out(self) -> Path:
        """The published plan."""
        return self.folder / "plan.xlsx"

    @property
    def runs(self) -> Path:
        """The records."""
        return self.folder / "plan.runs"

    @property
    def archive(self) -> Path:
        """The plans that were replaced."""
        return self.runs / "archive"

    def plan(self, *words: str, input_path: Path | None = None) -> int:
        """`nodewise plan` on this desk; its exit code."""
        return main(["plan", str(input_path or self.brand), "--out", str(self.out), "--quiet", *words])

    def manifests(self) -> list[dict[str, Any]]:
        """Every manifest, oldest first."""
        found = [json.loads(path.read_text(encoding="utf-8")) for path in self.runs.glob("*/manifest.json")]
        return sorted(found, key=lambda manifest: int(manifest["number"]))

    def last(self) -> dict[str, Any]:
        """The newest manifest."""
        return self.manifests()[-1]

    def beside(self) -> set[str]:
        """What lies in the folder but for the input, the plan and the records."""
        return {path.name for path in self.folder.iterdir()} - {"brand.xlsx", "plan.xlsx", "plan.runs"}

    def leftovers(self) -> list[str]:
        """Files that no finished run leaves: drafts, half-written ones, folders without a manifest."""
        every = list(self.folder.rglob("*"))
        found = [path for path in every if path.name.endswith(".partial") or path.name == "owner.json"]
        for run in (path for path in self.runs.iterdir() if path.is_dir() and path.name != "archive"):
            found += [path for path in run.iterdir() if path.name not in ("manifest.json", "solver.log")]
            found += [] if (run / "manifest.json").exists() else [run]
        return [str(path.relative_to(self.folder)) for path in found]


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the tiny brand and a plan of it, made once."""
    folder = tmp_path_factory.mktemp("prepared")
    small.write(folder / "brand.xlsx", tiny_sheets())
    job.solver_for = lambda request, run: nullcontext()
    assert Desk(folder).plan() == 0
    return folder


@pytest.fixture
def desk(prepared: Path, tmp_path: Path) -> Desk:
    """A copy of it to work on."""
    return copy_of(prepared, tmp_path / "desk")


def copy_of(prepared: Path, place: Path) -> Desk:
    """A copy of a folder, times and all."""
    shutil.copytree(prepared, place)
    return Desk(place)


OTHER = ("--set", "holding_rate=0.3")  # a plan that costs something else


@dataclass
class Fake:
    """A solver in the place of the process: the real search, whose outcome is changed before it is told."""

    change: Callable[[Outcome], Outcome]

    def __post_init__(self) -> None:
        self.facts: dict[str, Any] = {}
        self.troubles: list[str] = []
        self.incumbents: list[tuple[float, float, float]] = []
        self.canaries = ()
        self.program: dict[str, Any] = {}

    def renew(self) -> None:
        """It lies again."""

    def __call__(self, instance: Any, **options: Any) -> Outcome:
        from models.column_generation import solve

        return self.change(solve(instance, **options))


@pytest.fixture
def lie(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[Outcome], Outcome]], None]:
    """Change what the solver says."""

    def install(change: Callable[[Outcome], Outcome]) -> None:
        monkeypatch.setattr(job, "solver_for", lambda request, run: nullcontext(Fake(change)))

    return install


def truthful_manifests(desk: Desk) -> None:
    """Every manifest says what can be seen: one run at most stands published, and it is the one that stands there."""
    digest = file_digest(desk.out)
    for manifest in desk.manifests():
        assert manifest["stop_reason"] != "running"
        if manifest["plan"] == "published":
            kept = {file_digest(path) for path in desk.archive.glob("*.xlsx")} if desk.archive.exists() else set()
            assert manifest["output"]["sha256"] in {digest, *kept}
        if manifest["plan"] == "pending":
            assert manifest["output"]["sha256"] != digest
