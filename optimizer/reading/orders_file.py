"""Order lines from a file of their own: CSV (also .gz) or Parquet, everything as text first."""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import UsageError
from .archive import MB, MOST_RATIO, SMALL_PART, first_bytes, regular_file
from .headers import HEADER_ROWS, Header, find_header
from .lines import RawColumn, RawLines, encode
from .refusals import invalid, refused
from .report import Fault, Report
from .sheets import columns

if TYPE_CHECKING:
    import polars as pl

_HEAD = 64 * 1024
_GZIP = b"\x1f\x8b"


def read_orders_file(path: Path, max_unpacked_mb: float, report: Report) -> RawLines | None:
    """The contract's columns of an orders file; None when its header cannot be used (told in the report).

    Raises UsageError (not there, not a regular file), InputInvalid (F-002 ... F-021), FileRefused (too large unpacked).
    """
    regular_file(path)
    head = first_bytes(path, 8)
    if head.startswith(b"PAR1"):
        return _parquet(path, report)
    if head.startswith((b"PK", b"\xd0\xcf\x11\xe0")):
        raise UsageError(
            f"F-019 {path.name}: orders come as CSV, CSV.gz or Parquet, or in the workbook.", "Save as CSV."
        )
    if head.startswith(_GZIP):
        _gzip_size(path, max_unpacked_mb)
    return _csv(path, _text_head(path, head.startswith(_GZIP)), report)


def _gzip_size(path: Path, max_unpacked_mb: float) -> None:
    """Refuse a gzip file that would unpack to more than the limit (F-008); sizes come from the stream itself."""
    packed, limit = path.stat().st_size, max_unpacked_mb * MB * 4  # text unpacks leaner than a sheet's XML
    try:
        for size in _unpacked_sizes(path):
            if size > limit or (size > SMALL_PART and size > MOST_RATIO * packed):
                raise refused("F-008", path, f"would unpack to over {size / MB:,.0f} MB", "Split the file.")
    except (EOFError, gzip.BadGzipFile, zlib.error):
        raise invalid("F-005", path, "is damaged or cut off", "Copy it again.") from None


def _unpacked_sizes(path: Path) -> Iterator[int]:
    """The running unpacked size of a gzip file."""
    size = 0
    with gzip.open(path) as stream:
        while piece := stream.read(4 * MB):
            size += len(piece)
            yield size


def _text_head(path: Path, packed: bool) -> str:
    """The first 64 kB as text. Raises InputInvalid (F-021) when it is not UTF-8."""
    opener: Any = gzip.open if packed else open
    with opener(path, "rb") as stream:
        piece = stream.read(_HEAD)
    if b"\x00" in piece:
        raise invalid("F-021", path, "is not UTF-8 text", "Save As > CSV UTF-8.")
    try:
        return io.TextIOWrapper(
            io.BytesIO(piece), "utf-8-sig", errors="strict" if len(piece) < _HEAD else "ignore"
        ).read()
    except UnicodeDecodeError:
        raise invalid("F-021", path, "is not UTF-8", "Save As > CSV UTF-8.") from None


def _csv(path: Path, head: str, report: Report) -> RawLines | None:
    separator = max(",;\t|", key=head.partition("\n")[0].count)
    rows = [row for row, _ in zip(csv.reader(io.StringIO(head), delimiter=separator), range(HEADER_ROWS), strict=False)]
    header = find_header(path.name, rows, columns("Orders"), report, strict=False)
    if header is None:
        return None
    frame = _csv_frame(path, separator, header)
    return _raw(path.name, header, frame, header.row + 1, report)


def _csv_frame(path: Path, separator: str, header: Header) -> pl.DataFrame:
    import polars as pl

    at = sorted(header.index.values())
    try:
        frame = pl.read_csv(
            path, has_header=False, skip_rows=header.row, infer_schema=False, separator=separator, columns=at
        )
    except pl.exceptions.NoDataError:
        return pl.DataFrame({name: [] for name in header.index}, schema=dict.fromkeys(header.index, pl.String))
    except (pl.exceptions.ComputeError, pl.exceptions.SchemaError, pl.exceptions.ShapeError, OSError) as error:
        raise _not_csv(path, str(error)) from None
    names = {position: name for name, position in header.index.items()}
    return frame.rename(dict(zip(frame.columns, (names[position] for position in at), strict=True)))


def _not_csv(path: Path, message: str) -> Exception:
    if "utf" in message.lower():
        return invalid("F-021", path, "is not UTF-8", "Save As > CSV UTF-8.")
    first = message.strip().splitlines()[0][:200]
    return invalid("F-020", path, f"is not a table: {first}", "Quote the fields that hold the separator.")


def _parquet(path: Path, report: Report) -> RawLines | None:
    import polars as pl

    try:
        present = list(pl.read_parquet_schema(path))
        header = find_header(path.name, [present], columns("Orders"), report, strict=False)
        if header is None:
            return None
        frame = pl.read_parquet(path, columns=[present[at] for at in header.index.values()])
    except (pl.exceptions.ComputeError, pl.exceptions.SchemaError, OSError):
        raise invalid("F-005", path, "is a damaged Parquet file", "Copy it again.") from None
    frame = frame.rename({present[at]: name for name, at in header.index.items()})
    return _raw(path.name, header, frame.select(list(header.index)), 2, report)


def _raw(label: str, header: Header, frame: pl.DataFrame, first_row: int, report: Report) -> RawLines | None:
    """Distinct values and codes of each column; rows that are blank throughout are left out."""
    import polars as pl

    rows = np.arange(first_row, first_row + frame.height, dtype=np.int64)
    blank = frame.select(pl.all_horizontal(pl.all().is_null())).to_series().to_numpy() if frame.height else None
    if blank is not None and blank.any():
        frame, rows = frame.filter(~pl.Series(blank)), rows[~blank]
    if not frame.height:
        report.add(Fault("S-014", "has no data rows", "The export did not finish."), label)
        return None
    raw = RawLines(label, rows, header.letters)
    for name in frame.columns:
        raw.columns[name] = _raw_column(frame[name])
    return raw


def _raw_column(series: pl.Series) -> RawColumn:
    """Text as it stands; whole numbers and dates of a Parquet file as what they are."""
    import polars as pl

    if series.dtype in (pl.Categorical, pl.Enum):
        series = series.cast(pl.String)
    if series.dtype.is_decimal():
        series = series.cast(pl.Float64)
    if series.dtype.is_nested() or series.dtype in (pl.Binary, pl.Duration):
        series = pl.Series(series.name, [str(value) for value in series.to_list()], dtype=pl.String)
    return RawColumn(*encode(series))
