"""Files that are written whole or not at all, the lock of a plan, and what a file was when it was read."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from .errors import Busy, WriteFailed

RETRIES = (0.5, 1.0, 2.0)  # seconds between attempts to replace a file that is open in a spreadsheet


def file_digest(path: Path) -> str:
    """SHA-256 of a file; '' when it is gone."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""


@contextmanager
def staged(out: Path) -> Iterator[Path]:
    """A hidden name in the target's folder to write to; whatever is left there goes, also what a killed run left."""
    prefix = f".{out.stem}."
    for left in out.parent.glob(f"{prefix}*.draft.xlsx"):
        left.unlink(missing_ok=True)
    draft = out.with_name(f"{prefix}{os.getpid()}-{time.time_ns()}.draft.xlsx")
    try:
        yield draft
    finally:
        draft.unlink(missing_ok=True)


def replace_file(draft: Path, target: Path, pending: Path) -> None:
    """Put the draft in its place in one step, trying again while a spreadsheet holds it.

    Raises WriteFailed when it cannot be; the draft is then kept as ``pending``.
    """
    for pause in (*RETRIES, None):
        try:
            os.replace(draft, target)
        except OSError as fault:
            if pause is None:
                os.replace(draft, pending)
                message = f"{target} could not be replaced ({fault.strerror}); is it open?"
                raise WriteFailed(message, f"What was to be written is kept as {pending}.") from fault
            time.sleep(pause)
        else:
            _sync_folder(target.parent)
            return


def _sync_folder(folder: Path) -> None:
    """Make the new name survive a power cut, where the system can."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


@contextmanager
def locked(out: Path) -> Iterator[None]:
    """Hold the plan's lock; the system frees it when the process ends in any way. Raises Busy."""
    from filelock import FileLock, Timeout

    lock = FileLock(out.with_name(f".{out.name}.lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout as fault:
        raise Busy(f"another run is making {out}.", "Try again when it has ended.") from fault
    try:
        yield
    finally:
        lock.release()
