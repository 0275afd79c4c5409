"""Files whole or not at all: written in a hidden folder beside the target, brought to disk, then moved over it."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import UsageError, WriteFailed

RETRIES = (0.5, 1.0, 2.0)  # seconds to wait for a file that another program holds open
SUFFIX = ".partial"


@contextmanager
def whole(target: Path) -> Iterator[Path]:
    """A name to write to; after the block the file stands at `target`, or, on any error, `target` is as it was.

    The block may leave other files in the same (hidden) folder; they go. Raises WriteFailed when the disk refuses.
    """
    try:
        scratch = _scratch(target)
    except OSError as fault:
        raise _failed(target, fault) from fault
    try:
        yield scratch / target.name
        replace_whole(scratch / target.name, target)
    except OSError as fault:
        raise _failed(target, fault) from fault
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def replace_whole(source: Path, target: Path) -> None:
    """Move a finished file over `target` (same file system), durably. Raises OSError; `target` is then as it was."""
    with source.open("rb+") as file:
        os.fsync(file.fileno())
    if target.exists():
        shutil.copymode(target, source)
    for wait in (*RETRIES, None):
        try:
            source.replace(target)
            break
        except PermissionError:
            if wait is None:
                raise
            time.sleep(wait)
    _sync_folder(target.parent)


def check_target(target: Path, inputs: Iterable[Path] = ()) -> None:
    """Refuse a target that cannot be meant. Raises UsageError."""
    if target.suffix.casefold() != ".xlsx":
        raise UsageError(f"{target}: what is written is an Excel workbook.", "Name it .xlsx.")
    if not target.parent.is_dir():
        raise UsageError(f"the folder {target.parent} does not exist.", "Make it, or choose another.")
    if target.is_symlink() or (target.exists() and not target.is_file()):
        raise UsageError(f"{target} is not a regular file.", "Choose another name.")
    if target.resolve() in {path.resolve() for path in inputs}:
        raise UsageError(f"{target} is an input; it is never written over.", "Choose another name.")


def _scratch(target: Path) -> Path:
    """A new hidden folder beside the target; those that a killed run left behind go."""
    prefix = f".{target.name[:80]}."
    for left in target.parent.iterdir():
        if left.name.startswith(prefix) and left.name.endswith(SUFFIX):
            shutil.rmtree(left, ignore_errors=True)
    return Path(tempfile.mkdtemp(prefix=prefix, suffix=SUFFIX, dir=target.parent))


def _sync_folder(folder: Path) -> None:
    """Bring the folder's entries to disk, where the system can do that."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _failed(target: Path, fault: OSError) -> WriteFailed:
    remedy = "Close it if a program holds it open; check space and permissions."
    return WriteFailed(
        f"{target} could not be written ({fault.strerror or fault}); what stood there is unchanged.", remedy
    )
