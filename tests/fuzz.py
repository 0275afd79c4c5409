"""Broken workbooks: ``python -m tests.fuzz --minutes M [--seed S]`` plans from them until one does what none may do.

Bytes of the file are flipped, cut and repeated; its XML parts are edited below the level of a spreadsheet; its cells
take values nobody means, its rows are doubled, dropped and shuffled, its sheets and headers renamed. Whatever comes
out, the command ends with a code of the README, says no trace, and leaves the published plan unless it ends with 0.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import random
import re
import shutil
import tempfile
import time
import zipfile
from collections import Counter
from collections.abc import Callable
from contextlib import nullcontext
from datetime import date, datetime
from pathlib import Path
from typing import Any

from optimizer import job
from optimizer.cli import main

from . import small
from .jobs import CODES, Desk, tiny_sheets

NASTY: tuple[Any, ...] = (
    None, "", " ", "\u00a0", 0, -1, -0.0, 0.5, 1, 1e-300, 1e9, 1e16, 1e300, 10**20, True, False, "=1/0", "#REF!",
    "#N/A", "1,5", "1.234,56", "12 pcs", "10%", "inf", "nan", "NA", "null", "None", "=1+1", "@x", "'", '"', "<b>",
    "&amp;", "P-0", "p-0", "P-0 ", "\u0420-0", "P-1", "MAIN", "EAST", "NE", "x" * 300, "x" * 40_000, "a\nb",
    "tab\tbed", "🚚", "日本", "_x0001_", "00123", "1E5", "2027-01-01", "31/12/2026", date(1900, 1, 1),
    date(2026, 12, 31), date(2999, 1, 1), datetime(2026, 12, 31, 23, 59, 59),
    "all", "yes", "no", "open", "closed", "candidate", "central",
    "chilled", "frozen",
)  # fmt: skip
TEXTS = (
    b"<v>1</v>", b"<v>1E999</v>", b"<v>-1</v>", b"<v>NaN</v>", b"<v></v>", b'<c r="XFD1048576"><v>1</v></c>', b"</row>",
    b"<row>", b'r="A1"', b't="s"', b't="e"', b't="b"', b't="d"', b't="n"', b"<f>1/0</f>", b"&#0;", b"&nope;", b"\xff",
    b"<!DOCTYPE x>", b'<mergeCell ref="A1:C3"/>', b'hidden="1"', b'spans="1:99999"', b'ref="A1"', b'count="-1"',
)  # fmt: skip


def workbook(random: random.Random, folder: Path) -> tuple[Path, str]:
    """A broken workbook, and in what way."""
    path = folder / "brand.xlsx"
    kind = random.choices(list(KINDS), weights=[3, 4, 6, 3])[0]
    KINDS[kind](random, path)
    return path, kind


def _plain(path: Path) -> Path:
    return small.write(path, tiny_sheets())


def flip(random: random.Random, path: Path) -> None:
    """Bytes changed, cut out, doubled or appended."""
    data = bytearray(_plain(path).read_bytes())
    for _ in range(random.choice((1, 1, 2, 5, 50))):
        at, length = random.randrange(len(data)), random.choice((1, 1, 4, 64, 2000))
        how = random.randrange(4)
        if how == 0:
            data[at] ^= 1 << random.randrange(8)
        elif how == 1:
            del data[at : at + length]
        elif how == 2:
            data[at:at] = data[at : at + length]
        else:
            data[at : at + length] = random.randbytes(length)
        data = data or bytearray(b"P")
    path.write_bytes(data)


def edit(random: random.Random, path: Path) -> None:
    """Parts edited as text, dropped, doubled or exchanged, in an archive that is whole."""
    with zipfile.ZipFile(_plain(path)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    for _ in range(random.choice((1, 1, 2, 4))):
        name = random.choice(sorted(parts))
        text, how = parts[name], random.randrange(6)
        spots = [match.start() for match in re.finditer(rb"<", text)] or [0]
        at, to = sorted((random.choice(spots), random.choice(spots)))
        if how == 0 and len(parts) > 2:
            del parts[name]
        elif how == 1:
            parts[name] = text[:at] + text[to:]
        elif how == 2:
            parts[name] = text[:to] + text[at:to][:5000] + text[to:]
        elif how == 3:
            parts[name] = text[:at] + random.choice(TEXTS) + text[at:]
        elif how == 4:
            numbers = list(re.finditer(rb'(?<=[">])\d+(?=["<])', text))
            if numbers:
                spot = random.choice(numbers)
                value = random.choice((b"-1", b"0", b"999999", b"4294967296", b"1e9", b"x", b""))
                parts[name] = text[: spot.start()] + value + text[spot.end() :]
        else:
            parts[name] = parts[random.choice(sorted(parts))]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in parts.items():
            archive.writestr(name, text)


def cells(random: random.Random, path: Path) -> None:
    """Cells that hold what nobody means."""
    sheets = tiny_sheets()
    for _ in range(random.choice((1, 1, 1, 2, 3, 8))):
        rows = sheets[random.choice(sorted(sheets))]
        row = rows[random.randrange(random.choice((2, 2, len(rows))) if len(rows) > 1 else 1)]
        value = random.choice(NASTY)
        row[random.randrange(len(row))] = value
    _write(path, sheets)


def rows(random: random.Random, path: Path) -> None:
    """Rows doubled, dropped, shuffled, cut short; columns and sheets renamed, dropped and added."""
    sheets = tiny_sheets()
    for _ in range(random.choice((1, 1, 2, 3))):
        name = random.choice(sorted(sheets))
        table, how = sheets[name], random.randrange(8)
        at = random.randrange(max(len(table), 1))
        if how == 0:
            table.insert(at, list(table[-1]) if table else [])
        elif how == 1:
            del table[at:][: random.choice((1, 10, 1000))]
            sheets[name] = table[: max(at, random.randrange(2))]
        elif how == 2:
            random.shuffle(table)
        elif how == 3:
            column = random.randrange(len(table[0])) if table and table[0] else 0
            sheets[name] = [[*row[:column], *row[column + 1 :]] for row in table]
        elif how == 4:
            sheets[random.choice((name.lower(), f"{name} ", "Limits", "Campaigns", "Stock", "Tiers"))] = table
        elif how == 5 and len(sheets) > 1:
            del sheets[name]
        elif how == 6:
            table.insert(at, [random.choice(NASTY) for _ in range(random.randrange(12))])
        else:
            extra = random.choice(("Demand", "Supply", "Limits", "Approvals", "Lanes", "Tiers", "Campaigns"))
            sheets[extra] = [_header(extra), *([random.choice(NASTY) for _ in _header(extra)] for _ in range(2))]
    _write(path, sheets)


def _header(sheet: str) -> list[str]:
    from optimizer.reading.sheets import columns

    return [column.name for column in columns(sheet)]


def _write(path: Path, sheets: dict[str, small.Rows]) -> None:
    """As a workbook; what openpyxl itself refuses to write is left out."""
    kept = {name: [[_writable(value) for value in row] for row in table] for name, table in sheets.items()}
    small.write(path, kept)


def _writable(value: Any) -> Any:
    return value[:32_767] if isinstance(value, str) else value


KINDS: dict[str, Callable[[random.Random, Path], None]] = {"flip": flip, "edit": edit, "cells": cells, "rows": rows}


class Fuzz:
    """A desk with a published plan, and a stream of broken workbooks by seed."""

    def __init__(self, folder: Path, codes: Counter[tuple[str, int]] | None = None) -> None:
        self.desk = Desk(folder)
        self.codes: Counter[tuple[str, int]] = Counter() if codes is None else codes
        folder.mkdir(exist_ok=True)
        if not self.desk.out.exists():
            _plain(self.desk.brand)
            assert self.desk.plan() == 0
        self.old = self.desk.out.read_bytes()

    def one(self, seed: int) -> None:
        """Plan from the workbook of a seed, and see that it ended well."""
        source = random.Random(seed)
        path, kind = workbook(source, self.desk.folder)
        broken = path.read_bytes()
        out, err = io.StringIO(), io.StringIO()
        words = ["plan", str(path), "--out", str(self.desk.out), "--time-limit", "5", "--json"]
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = main(words)
        said = out.getvalue() + err.getvalue()
        self.codes[kind, code] += 1
        logs = [file.read_text() for file in self.desk.folder.glob("*.log")]
        assert code in CODES - {1, 130, 143}, f"seed {seed} ({kind}): exit code {code}\n{said}\n{''.join(logs)}"
        assert "Traceback" not in said, f"seed {seed} ({kind}): a trace\n{said}"
        assert path.read_bytes() == broken, f"seed {seed} ({kind}): the input was written"
        same = self.desk.out.read_bytes() == self.old
        assert code == 0 or same, f"seed {seed} ({kind}): exit code {code} and another published plan"
        assert self.desk.leftovers() == [], f"seed {seed} ({kind}): {self.desk.leftovers()}"
        self._tidy()

    def _tidy(self) -> None:
        """Back to the plan of the beginning."""
        self.desk.out.write_bytes(self.old)
        shutil.rmtree(self.desk.runs)
        for path in self.desk.folder.glob("plan.*.*"):
            path.unlink()
        self.desk.runs.mkdir()


if __name__ == "__main__":
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--minutes", type=float, default=1.0)
    words.add_argument("--seed", type=int, default=0)
    given = words.parse_args()
    job.solver_for = lambda request, run: nullcontext()
    with tempfile.TemporaryDirectory() as place:
        fuzz, seed, ends = Fuzz(Path(place) / "desk"), given.seed, time.monotonic() + 60 * given.minutes
        bad = 0
        while time.monotonic() < ends:
            try:
                fuzz.one(seed)
            except AssertionError as fault:
                bad += 1
                print(fault)
                fuzz = Fuzz(Path(tempfile.mkdtemp(dir=place)), fuzz.codes)
            seed += 1
        print(f"seeds {given.seed} to {seed - 1}: {dict(sorted(fuzz.codes.items()))}; {bad} faults")
