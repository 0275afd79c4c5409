"""Looks at a workbook file before any parser does: what it is, how large it would become, whether it is whole."""

from __future__ import annotations

import hashlib
import os
import re
import stat
import struct
import time
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from ..errors import UsageError
from .parts import SheetPart, date_and_calculation, number_formats, sheet_parts
from .refusals import damaged, invalid, refused

MB = 1024 * 1024
MOST_RATIO = 200  # a part above 5 MB may not unpack to more than this many times its packed size
SMALL_PART = 5 * MB
CHUNK = 4 * MB
UNREADABLE = (zipfile.BadZipFile, zlib.error, EOFError, ValueError, struct.error, OverflowError)
_OLE = b"\xd0\xcf\x11\xe0"
_ENCODING = re.compile(rb"<\?xml[^>]*encoding\s*=\s*[\"']([^\"']+)[\"']")


@dataclass(frozen=True)
class Archive:
    """A workbook file that may be opened."""

    path: Path
    sha256: str
    stamp: tuple[int, int]  # size, modification time in ns
    sheets: tuple[SheetPart, ...]
    epoch_1904: bool = False
    manual_calculation: bool = False
    macros_or_links: bool = False
    number_formats: tuple[str, ...] = field(default=())  # of each cell style

    def chunks(self, part: str) -> Iterator[bytes]:
        """The unpacked bytes of a part, piece by piece."""
        with zipfile.ZipFile(self.path) as archive, archive.open(part) as stream:
            while piece := stream.read(CHUNK):
                yield piece


def inspect(path: Path, max_unpacked_mb: float) -> Archive:
    """The archive of a workbook, checked (F-001 to F-018). Raises UsageError, InputInvalid or FileRefused."""
    stamp = regular_file(path)
    head = first_bytes(path)
    _look_at_head(path, head)
    try:
        with zipfile.ZipFile(path) as archive:
            _look_at_entries(path, archive.infolist(), max_unpacked_mb)
            _look_at_parts(path, archive)
            return _describe(path, stamp, archive)
    except zipfile.BadZipFile:
        raise invalid("F-005", path, "is a damaged workbook (the archive is cut off)", "Copy it again.") from None
    except (*UNREADABLE, OSError, RuntimeError):  # what zipfile raises where sizes and places in the file make no sense
        raise invalid("F-005", path, "is a damaged workbook (its archive cannot be read)", "Copy it again.") from None


def regular_file(path: Path) -> tuple[int, int]:
    """(size, modification time) of a regular, non-empty file. Raises UsageError, InputInvalid (F-002)."""
    try:
        facts = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        raise UsageError(f"F-001 {path.name}: file not found in {path.absolute().parent}.", "Check the path.") from None
    if not stat.S_ISREG(facts.st_mode):
        raise UsageError(f"F-018 {path.name}: not a regular file.", "Give the file itself.")
    if facts.st_size == 0:
        raise invalid("F-002", path, "is empty (0 bytes)", "The export or copy did not finish.")
    return facts.st_size, facts.st_mtime_ns


def first_bytes(path: Path, count: int = 512, tries: int = 3) -> bytes:
    """The first bytes; waits a moment for a file another program holds. Raises InputInvalid (F-013)."""
    for attempt in range(tries):
        try:
            with path.open("rb") as stream:
                return stream.read(count)
        except PermissionError:
            if attempt + 1 < tries:
                time.sleep(1.0)
    by = _who_has_it_open(path)
    what = f"is open in Excel{by}" if by else "cannot be opened: it is open elsewhere, or you may not read it"
    raise invalid("F-013", path, what, "Close it.")


def _who_has_it_open(path: Path) -> str:
    """' by ...', from the file that Excel puts beside an open workbook: its first byte counts the letters of a name."""
    try:
        own = path.with_name(f"~${path.name}").read_bytes()
    except OSError:
        return ""
    name = own[1 : 1 + own[0]].decode("latin-1").strip("\x00 ") if own else ""
    return f" by {name}" if name else " by somebody"


def file_hash(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _look_at_head(path: Path, head: bytes) -> None:
    if head.startswith(_OLE):
        raise invalid("F-004", path, "is an old .xls or has a password", "Take the password off; save as .xlsx.")
    if path.suffix.lower() in (".xlsb", ".ods"):
        raise invalid("F-017", path, "is not .xlsx or .xlsm", "Save As > Excel Workbook (.xlsx).")
    if not head.startswith(b"PK"):
        raise invalid("F-003", path, "is not a workbook", "Save As > Excel Workbook (.xlsx).")


def _look_at_entries(path: Path, entries: list[zipfile.ZipInfo], max_unpacked_mb: float) -> None:
    names = [entry.filename.casefold() for entry in entries]
    odd = any(name.startswith("/") or "\\" in name or ".." in name.split("/") or ":" in name for name in names)
    packed_oddly = any(entry.flag_bits & 1 or entry.compress_type not in (0, 8) for entry in entries)
    if odd or packed_oddly or len(set(names)) < len(names) or _overlap(entries):
        raise refused("F-011", path, "malformed archive")
    for entry in entries:
        bomb = entry.file_size > MOST_RATIO * max(entry.compress_size, 1) and entry.file_size > SMALL_PART
        if bomb or entry.file_size > max_unpacked_mb * MB:
            _too_large(path, entry.filename, entry.file_size, max_unpacked_mb)
    total = sum(entry.file_size for entry in entries)
    if total > max_unpacked_mb * MB:
        _too_large(path, "the workbook", total, max_unpacked_mb)


def _too_large(path: Path, what: str, size: int, limit: float) -> None:
    remedy = "Delete unused rows and columns and save, or raise max_unpacked_mb."
    raise refused("F-008", path, f"{what} would unpack to {size / MB:,.0f} MB (limit {limit:,.0f})", remedy)


def _overlap(entries: list[zipfile.ZipInfo]) -> bool:
    ordered = sorted(entries, key=lambda entry: entry.header_offset)
    pairs = pairwise(ordered)
    return any(a.header_offset + 30 + len(a.filename) + a.compress_size > b.header_offset for a, b in pairs)


def _look_at_parts(path: Path, archive: zipfile.ZipFile) -> None:
    if "xl/workbook.xml" not in archive.namelist():
        raise invalid("F-003", path, "is a zip archive, but not an Excel workbook", "Save As > Excel Workbook (.xlsx).")
    for entry in archive.infolist():
        if not entry.filename.lower().endswith((".xml", ".rels")):
            continue
        try:
            _look_at_part(path, archive, entry)
        except UNREADABLE:
            raise damaged(path, entry.filename) from None


def _look_at_part(path: Path, archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> None:
    """Reads the whole part: its checksum is then known to be right, and its declared size to be true."""
    tail = b""
    with archive.open(entry) as stream:
        for number, piece in enumerate(iter(lambda: stream.read(CHUNK), b"")):
            if number == 0:
                _look_at_encoding(path, entry.filename, piece[:400])
            window = tail + piece
            if b"<!DOCTYPE" in window or b"<!ENTITY" in window:
                raise refused("F-009", path, f"{entry.filename} holds a DTD; Excel never writes one")
            tail = piece[-16:]


def _look_at_encoding(path: Path, part: str, head: bytes) -> None:
    named = _ENCODING.search(head)
    encoding = named[1].decode("ascii", "replace").lower() if named else "utf-8"
    if b"\x00" in head[:8] or head[:2] in (b"\xff\xfe", b"\xfe\xff") or encoding not in ("utf-8", "us-ascii", "ascii"):
        raise refused("F-010", path, f"{part} is not UTF-8")


def _describe(path: Path, stamp: tuple[int, int], archive: zipfile.ZipFile) -> Archive:
    names = archive.namelist()
    extras = any(name.lower().endswith("vbaproject.bin") or "/externalLinks/" in name for name in names)
    epoch, manual = date_and_calculation(path, archive)
    return Archive(
        path=path,
        sha256=file_hash(path),
        stamp=stamp,
        sheets=sheet_parts(path, archive),
        epoch_1904=epoch,
        manual_calculation=manual,
        macros_or_links=extras or "xl/connections.xml" in names,
        number_formats=number_formats(path, archive),
    )
