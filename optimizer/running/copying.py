"""An input that others may save meanwhile: a run reads a copy of it."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import InputChanged
from ..files import file_digest

WAITS = (0.5, 1.0, 2.0)  # seconds, while the file is being saved


@contextmanager
def copied(source: Path, folder: Path) -> Iterator[Path]:
    """A copy under the same name, gone after the block: the bytes that the source had before and after it was made.

    Raises UsageError or InputInvalid for a file that cannot be read, InputChanged for one that does not come to rest.
    """
    from ..reading.archive import first_bytes, regular_file

    regular_file(source)
    first_bytes(source)
    place = folder / "input.partial"
    place.mkdir()
    try:
        yield _copy(source, place / source.name)
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _copy(source: Path, copy: Path) -> Path:
    for wait in (*WAITS, None):
        before = file_digest(source)
        shutil.copyfile(source, copy)
        if before == file_digest(copy) == file_digest(source):
            return copy
        if wait is not None:
            time.sleep(wait)
    raise InputChanged(f"F-014 {source.name} changed while it was copied.", "Start again.")
