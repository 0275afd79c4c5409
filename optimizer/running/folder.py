"""The folder beside a plan: ``plan.runs/`` holds the lock, a folder per run, and the plans that were replaced.

plan.runs/lock                          held while a run lives
plan.runs/<run>/manifest.json           what the run read, did and left
plan.runs/<run>/plan.xlsx               its plan, until it is published
plan.runs/archive/plan.<day>-<hash>.xlsx   a plan that stood at plan.xlsx before
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..environment import versions
from ..errors import UsageError, WriteFailed
from ..files import file_digest
from .manifest import Manifest, begun, manifest_digest, now, read_manifest, write_manifest

ARCHIVE = "archive"
LEAST_SPACE = 20e6  # bytes that must be free before any work is done
WAITING = "pending"  # plan.pending.xlsx: ready, but plan.xlsx could not be replaced


@dataclass(frozen=True)
class Runs:
    """The runs of one plan."""

    out: Path

    @property
    def path(self) -> Path:
        """``plan.runs``."""
        return self.out.with_name(f"{self.out.stem}.runs")

    @property
    def archive(self) -> Path:
        """Where replaced plans are kept."""
        return self.path / ARCHIVE

    @property
    def bundle(self) -> Path:
        """What a failed run leaves for a report: ``plan.bundle.zip``."""
        return self.out.with_name(f"{self.out.stem}.bundle.zip")

    def beside(self, kind: str) -> Path:
        """A file named after the plan: ``plan.xlsx`` -> ``plan.review.xlsx``."""
        return self.out.with_name(f"{self.out.stem}.{kind}.xlsx")

    def prepare(self) -> None:
        """Make the folder. Raises UsageError when something else has its name, WriteFailed when the disk refuses."""
        if self.path.is_symlink() or (self.path.exists() and not self.path.is_dir()):
            raise UsageError(f"{self.path} is not a folder.", "Remove it, or choose another name for the plan.")
        try:
            self.path.mkdir(exist_ok=True)
            free = shutil.disk_usage(self.path).free
        except OSError as fault:
            raise WriteFailed(f"cannot write in {self.path} ({fault.strerror}).", "Check permissions.") from fault
        need = LEAST_SPACE + 2 * (self.out.stat().st_size if self.out.exists() else 0)
        if free < need:
            raise WriteFailed(f"H-002 no space in {self.path} (need {need / 1e6:,.0f} MB).", "Make room.")

    def begin(self, asked: dict[str, Any]) -> Run:
        """A new run, after those that ended without a word are settled. Call it under the lock. Raises WriteFailed."""
        last = self.settle()
        run = Run(self, f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}")
        chain, number = (manifest_digest(last.path), last.number) if last else ("", 0)
        run.manifest = begun(run.name, asked, chain) | {"number": number + 1}
        try:
            run.path.mkdir()
            run.record()
        except OSError as fault:
            shutil.rmtree(run.path, ignore_errors=True)
            raise WriteFailed(f"cannot write in {self.path} ({fault.strerror or fault}).", "Check space.") from fault
        return run

    def past(self) -> list[Run]:
        """The runs so far, oldest first: by their number, since a clock may go back."""
        paths = [path for path in (self.path.iterdir() if self.path.is_dir() else ()) if path.is_dir()]
        runs = [Run(self, path.name, read_manifest(path)) for path in paths if path.name != ARCHIVE]
        return sorted(runs, key=lambda run: (run.number, run.name))

    # --- after a crash ------------------------------------------------------------------------------------------------

    def settle(self) -> Run | None:
        """Write what became of runs that could not say so, and clear what they left; the last run.

        Call it under the lock: whoever is not the holder is dead.
        """
        _sweep(self.out.parent, f".{self.out.stem}.")
        _sweep(self.archive)
        runs = self.past()
        for run in runs:
            with suppress(OSError):
                run.settle()
        return runs[-1] if runs else None

    # --- questions ----------------------------------------------------------------------------------------------------

    def standing(self) -> Run | None:
        """The run whose plan stands at ``out`` now, byte for byte."""
        digest = file_digest(self.out)
        of = [run for run in self.past() if run.state == "published" and run.output.get("sha256") == digest]
        return of[-1] if of and digest else None

    def same(self, asked: Mapping[str, Any]) -> Run | None:
        """The run whose plan stands, if it was asked the same of the same version."""
        run = self.standing()
        if run is None or run.manifest.get("asked") != asked:
            return None
        environment = run.manifest.get("environment")
        return run if isinstance(environment, dict) and environment.get("versions") == versions() else None

    def pending(self) -> Run | None:
        """The newest run whose plan waits to be published."""
        waiting = [run for run in self.past() if run.state == "pending"]
        return waiting[-1] if waiting else None


@dataclass
class Run:
    """One run: its folder and its manifest."""

    runs: Runs
    name: str
    manifest: Manifest = field(default_factory=dict)

    @property
    def path(self) -> Path:
        """Its folder."""
        return self.runs.path / self.name

    @property
    def draft(self) -> Path:
        """Its plan, until it goes where it belongs."""
        return self.path / self.runs.out.name

    @property
    def number(self) -> int:
        """Runs of a plan are numbered from 1; 0 for one whose manifest cannot be read."""
        number = self.manifest.get("number")
        return number if isinstance(number, int) else 0

    @property
    def state(self) -> str:
        """none, pending, published, review, interim, rejected or superseded."""
        return str(self.manifest.get("plan", "none"))

    @property
    def output(self) -> dict[str, Any]:
        """The file it made."""
        found = self.manifest.get("output")
        return found if isinstance(found, dict) else {}

    @property
    def waiting(self) -> Path | None:
        """Where its plan waits, unchanged since it was checked; None when it does not."""
        wanted = self.output.get("sha256")
        places = (self.draft, self.runs.beside(WAITING))
        return next((place for place in places if wanted and file_digest(place) == wanted), None)

    def record(self, **facts: Any) -> None:
        """Write the manifest, with more facts. Raises OSError; the manifest on disk is then as it was."""
        self.manifest.update(facts)
        write_manifest(self.path, self.manifest)

    def settle(self) -> None:
        """Say what became of a run that died, and clear its drafts."""
        _sweep(self.path)
        if self.manifest.get("stop_reason") == "running":
            self.record(stop_reason="killed", settled_utc=now())
        elif self.state == "pending" and file_digest(self.runs.out) == self.output.get("sha256"):
            self.record(plan="published", settled_utc=now())
        elif self.state == "pending" and self.waiting is None:
            self.record(plan="lost", settled_utc=now())
        if self.state != "pending" and self.draft.exists():
            self.draft.unlink()
        if not self.manifest and not any(self.path.iterdir()):
            self.path.rmdir()

    def close(self, **facts: Any) -> None:
        """The last word of a run; an unwritable manifest is settled by the next one."""
        with suppress(OSError):
            self.record(ended_utc=now(), **facts)
            log = self.path / "solver.log"
            if log.exists() and not log.stat().st_size:
                os.unlink(log)


def _sweep(folder: Path, prefix: str = "") -> None:
    """Clear the unfinished drafts in a folder, as far as the system lets them go."""
    for left in folder.glob("*.partial") if folder.is_dir() else ():
        if not left.name.startswith(prefix):
            continue
        if left.is_dir() and not left.is_symlink():
            shutil.rmtree(left, ignore_errors=True)
            continue
        with suppress(OSError):
            left.unlink()
