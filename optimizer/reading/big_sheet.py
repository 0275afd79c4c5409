"""A large Orders sheet by the fast reader, in a process of its own.

The reader (calamine) is several times faster than openpyxl, but it turns error cells into blanks, knows no number
formats, and a hostile file can abort the interpreter. So it is used only where a survey of the raw XML shows that each
column is of one kind throughout - all text, all plain numbers, or all dates - and then in a child process. Everything
else goes cell by cell.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .cells import is_blank
from .headers import Header, find_header
from .lines import RawColumn, RawLines, encode
from .refusals import damaged
from .report import Report
from .sheets import columns
from .survey import Survey, survey
from .workbook import Workbook

if TYPE_CHECKING:
    import polars as pl

_STYLE, _TYPE = re.compile(rb'\bs="(\d+)"'), re.compile(rb'\bt="(\w+)"')
_CALAMINE = {"text": "string", "number": "float", "date": "datetime"}


def read_big_sheet(workbook: Workbook, report: Report) -> RawLines | None:
    """The Orders sheet as raw columns, or None where it has to be read cell by cell."""
    part = workbook.parts["Orders"]
    head = workbook.head("Orders")
    if not head or not head[0] or is_blank(head[0][0]):
        return None
    quiet = Report()
    header = find_header(part.name, head, columns("Orders"), quiet)
    if header is None or header.row != 1 or quiet.failed:
        return None
    facts = survey(workbook.archive.chunks(part.part), header.row)
    kinds = column_kinds(facts, header, workbook.archive.number_formats)
    if kinds is None:
        return None
    for finding in quiet.findings:
        report.keep(finding)
    frame = _in_child(workbook.archive.path, part.name, header, kinds)
    if frame is None:
        raise damaged(workbook.archive.path, part.part, part.name)
    return _raw(part.name, header, frame, kinds)


def column_kinds(facts: Survey, header: Header, formats: tuple[str, ...]) -> dict[str, tuple[str, str]] | None:
    """(text | number | date, number format) of each column; None when any column is mixed or the sheet is irregular."""
    if facts.merged or facts.repeated or facts.uncached or facts.hidden or not facts.kinds:
        return None
    by_letter: dict[str, set[tuple[str, str]]] = {}
    for letters, attributes in facts.kinds:
        if not attributes.rstrip().endswith(b"/"):
            by_letter.setdefault(letters.decode(), set()).add(_kind(attributes, formats))
    out: dict[str, tuple[str, str]] = {}
    for name, at in header.letters.items():
        kinds = by_letter.get(at, {("text", "")})
        if len({kind for kind, _ in kinds}) > 1 or any(kind == "other" for kind, _ in kinds):
            return None
        out[name] = _one_format(kinds)
        if not out[name][0]:
            return None
    return out


def _one_format(kinds: Iterable[tuple[str, str]]) -> tuple[str, str]:
    ordered = sorted(set(kinds))
    if ordered[0][0] == "number" and len(ordered) > 1:
        return "", ""  # several formats of number in one column: each cell must be looked at
    return ordered[0]


def _kind(attributes: bytes, formats: tuple[str, ...]) -> tuple[str, str]:
    from openpyxl.styles.numbers import is_date_format

    kind = _TYPE.search(attributes)
    if kind and kind[1] in (b"s", b"str", b"inlineStr"):
        return "text", ""
    if kind and kind[1] != b"n":
        return "other", ""
    style = _STYLE.search(attributes)
    number = int(style[1]) if style else 0
    number_format = formats[number] if number < len(formats) else "General"
    return ("date", "") if is_date_format(number_format) else ("number", number_format)


def _in_child(path: Path, sheet: str, header: Header, kinds: dict[str, tuple[str, str]]) -> pl.DataFrame | None:
    """The frame the child process read, or None when it died."""
    import polars as pl

    at = dict(header.index)
    spec = {"path": str(path), "sheet": sheet, "skip": header.row}
    spec |= {"columns": {str(at[name]): _CALAMINE[kind] for name, (kind, _) in kinds.items()}}
    with tempfile.TemporaryDirectory(prefix="nodewise-") as folder:
        target = Path(folder) / "orders.parquet"
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry)}
        done = subprocess.run(
            [sys.executable, "-m", "optimizer.reading.big_sheet", json.dumps(spec), str(target)],
            capture_output=True, check=False, env=environment,
        )  # fmt: skip
        if done.returncode != 0 or not target.exists():
            return None
        frame = pl.read_parquet(target)
    names = {position: name for name, position in at.items()}
    return frame.rename({column: names[int(column)] for column in frame.columns})


def _raw(label: str, header: Header, frame: pl.DataFrame, kinds: dict[str, tuple[str, str]]) -> RawLines:
    import polars as pl

    rows = np.arange(header.row + 1, header.row + 1 + frame.height, dtype=np.int64)
    blank = frame.select(pl.all_horizontal(pl.all().is_null())).to_series().to_numpy()
    if blank.any():
        frame, rows = frame.filter(~pl.Series(blank)), rows[~blank]
    raw = RawLines(label, rows, header.letters, text=False)
    for name, (_, number_format) in kinds.items():
        raw.columns[name] = RawColumn(*encode(frame[name]), number_format=number_format or "General")
    return raw


def child(spec: dict[str, Any], target: str) -> None:
    """Read a sheet with calamine and leave it as a Parquet file; the columns are named by their positions."""
    import fastexcel

    positions = sorted(int(position) for position in spec["columns"])
    sheet = fastexcel.read_excel(spec["path"]).load_sheet(
        spec["sheet"],
        header_row=None,
        skip_rows=spec["skip"],
        use_columns=positions,
        dtypes={position: spec["columns"][str(position)] for position in positions},
    )
    frame = sheet.to_polars()
    frame.columns = [str(position) for position in positions]
    frame.write_parquet(target, compression="lz4")


if __name__ == "__main__":
    child(json.loads(sys.argv[1]), sys.argv[2])
