"""One run at a time per plan: a lock of the operating system, which frees it however a run ends."""

from __future__ import annotations

import json
import os
import platform
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..errors import Busy, WriteFailed

LOCK, OWNER = "lock", "owner.json"
_TOLD: set[Path] = set()  # folders in which this process has written that it is the owner
TOKEN = secrets.token_hex(8)  # of this process: its number may be given again, and its computer may change its name


@contextmanager
def locked(folder: Path, plan: Path, wait: float = 0.0, break_lock: bool = False) -> Iterator[None]:
    """Hold the lock in the runs folder, waiting at most so many seconds for it.

    ``break_lock`` takes a lock away that a file server keeps for a computer that is gone; a run that still lives then
    cannot publish (:func:`still_held`). Raises Busy, and WriteFailed where no lock can be made.
    """
    from filelock import FileLock, Timeout

    if break_lock:
        with suppress(OSError):
            (folder / LOCK).unlink(missing_ok=True)
    lock = FileLock(folder / LOCK)
    try:
        lock.acquire(timeout=wait, poll_interval=0.1)
    except Timeout as fault:
        raise Busy(f"H-004 {_owner(folder)} is making {plan}.", "Try again when it has ended, or --wait.") from fault
    except (OSError, NotImplementedError) as fault:
        raise WriteFailed(f"no lock can be had in {folder} ({fault}).", "Plan into a local folder.") from fault
    try:
        with suppress(OSError):
            (folder / OWNER).write_text(json.dumps(_self()), encoding="utf-8")
            _TOLD.add(folder)
        yield
    finally:
        _TOLD.discard(folder)
        with suppress(OSError):
            if _mine(folder):
                (folder / OWNER).unlink()
        lock.release()


def still_held(folder: Path) -> None:
    """Raises Busy when the lock was taken away from this run, also by one that has ended since."""
    if not _mine(folder) or (folder in _TOLD and not (folder / OWNER).exists()):
        raise Busy(f"the lock of this run was taken away by {_owner(folder)}.", "Nothing was published.")


def _self() -> dict[str, Any]:
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return {"pid": os.getpid(), "host": platform.node(), "since": now, "clock": time.time(), "token": TOKEN}


def _told(folder: Path) -> dict[str, Any]:
    try:
        told = json.loads((folder / OWNER).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return told if isinstance(told, dict) else {}


def _mine(folder: Path) -> bool:
    told = _told(folder)
    return not told or (told.get("pid"), told.get("token")) == (os.getpid(), TOKEN)


def _owner(folder: Path) -> str:
    told = _told(folder)
    if not told:
        return "another run"
    return f"another run (process {told.get('pid')} on {told.get('host')}, since {told.get('since')})"
