"""The workbook a planner begins with: the example brand, or headers alone."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from ..errors import UsageError


def new_workbook(path: Path, *, blank: bool = False, force: bool = False) -> None:
    """Write the example workbook, or the blank template; one that is there already, unchanged, is left alone.

    Raises UsageError when another file stands there and ``force`` is not given, or when the path cannot be meant.
    """
    from ..example import write_example
    from .template import write_template

    if path.suffix.casefold() != ".xlsx":
        raise UsageError(f"{path}: a workbook ends in .xlsx.")
    if not path.parent.is_dir():
        raise UsageError(f"the folder {path.parent} does not exist.", "Make it, or choose another path.")
    write = write_template if blank else write_example
    if force or not path.exists():
        write(path)
    elif not _writes_the_same(write, path):
        raise UsageError(f"{path} is there already.", "Choose another name, or pass --force to overwrite it.")


def _writes_the_same(write: Callable[[Path], object], path: Path) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        draft = Path(folder) / path.name
        write(draft)
        return path.is_file() and draft.read_bytes() == path.read_bytes()
