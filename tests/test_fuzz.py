"""Any workbook at all: a documented exit code, no trace, the published plan untouched; and jobs that go on for long."""

from __future__ import annotations

import random
import re
import zipfile
import zlib
from pathlib import Path

import pytest

from optimizer.cli import main

from . import small, soak
from .fuzz import KINDS, Fuzz, workbook
from .jobs import tiny_sheets

SEEDS = 45


@pytest.fixture(scope="module")
def fuzz(tmp_path_factory: pytest.TempPathFactory) -> Fuzz:
    """A desk with a published plan."""
    return Fuzz(tmp_path_factory.mktemp("fuzz") / "desk")


def test_a_broken_workbook_ends_in_a_documented_way(fuzz: Fuzz) -> None:
    """Broken in its bytes, parts, cells and rows: see `tests.fuzz`, which runs for as long as it is told to."""
    for seed in range(SEEDS):
        fuzz.one(seed)
    seen = {code for _, code in fuzz.codes}
    assert {0, 3} <= seen, "the fuzzer has become toothless: it must both break workbooks and leave some whole"
    assert {kind for kind, _ in fuzz.codes} == set(KINDS)


@pytest.mark.parametrize("seed", range(4))
def test_a_seed_is_a_workbook(tmp_path: Path, seed: int) -> None:
    """The same seed breaks the workbook in the same way, so that what was found can be found again."""
    first, again = (parts(workbook(random.Random(seed), tmp_path)[0]) for _ in range(2))
    assert first == again


def parts(path: Path) -> list[bytes]:
    """What is in a file that may or may not be an archive; a workbook holds the second it was made in."""
    try:
        with zipfile.ZipFile(path) as archive:
            return [archive.read(name) for name in archive.namelist() if not name.startswith("docProps")]
    except (zipfile.BadZipFile, OSError, ValueError, zlib.error):
        return [str(path.stat().st_size).encode()]


def test_a_short_soak() -> None:
    """Four jobs, half of them commands that are mostly killed: `python -m tests.soak --hours H` does so for hours."""
    said = soak.work(jobs=4, hours=0.0, seed=3)
    assert said.startswith("4 jobs")


def test_a_row_of_an_endless_number_is_a_damaged_part(tmp_path: Path) -> None:
    """Found by the fuzzer: a row numbered 4,294,967,296 was filled up to for hours; now exit 3 within seconds."""
    path = small.write(tmp_path / "brand.xlsx", tiny_sheets())
    with zipfile.ZipFile(path) as archive:
        texts = {name: archive.read(name) for name in archive.namelist()}
    last = texts["xl/worksheets/sheet1.xml"].rfind(b'<row r="')
    sheet = texts["xl/worksheets/sheet1.xml"]
    texts["xl/worksheets/sheet1.xml"] = sheet[:last] + re.sub(rb'<row r="\d+"', b'<row r="4294967296"', sheet[last:])
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in texts.items():
            archive.writestr(name, text)
    assert main(["check", str(path)]) == 3
