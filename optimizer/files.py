"""The files around a run: a folder that can be written, inputs that changed meanwhile."""

from __future__ import annotations

import hashlib
import tempfile
import zipfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import InputChanged, WriteFailed

if TYPE_CHECKING:
    from .case import Case


def check_writable(folder: Path) -> None:
    """Raises WriteFailed when no file can be made in the folder, before any work is done."""
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as fault:
        raise WriteFailed(f"cannot write in {folder} ({fault.strerror}).", "Check space and permissions.") from fault


def check_unchanged(case: Case) -> None:
    """Raises InputChanged when a file is no longer the one that was read; a workbook read from a copy may change."""
    for name in ("orders_", "previous_") if case.source.get("read_copy") else ("", "orders_", "previous_"):
        path, digest = case.source.get(f"{name}path"), case.source.get(f"{name}sha256")
        if path and digest and file_digest(Path(path)) != digest:
            raise InputChanged(f"{path} changed during the run.", "Start again.")


def check_archive(path: Path) -> None:
    """Raises WriteFailed where a part of a workbook is not what its checksum says."""
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
    except (OSError, zipfile.BadZipFile, zlib.error) as fault:
        raise WriteFailed(f"{path} does not read back ({fault}).", "Plan again.") from fault
    if damaged is not None:
        raise WriteFailed(f"{path} does not read back ({damaged} is damaged).", "Plan again.")


def file_digest(path: Path) -> str:
    """SHA-256 of a file; '' when it is gone."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""
