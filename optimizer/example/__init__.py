"""``nodewise new``: a lifelike workbook of an invented creator brand, every sheet filled.

The brand sells 120 SKUs from merch to ice cream over eight nodes of all four types to 48 states and Washington, D.C.
It is the eve of the holiday season: two pop-ups may open, cold rooms are tight, and so is the budget.
Inputs are the CSV files in this folder; orders and stock are drawn from ``seed``.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from ..errors import WriteFailed

__all__ = ["write_example"]


def write_example(path: str | os.PathLike[str], seed: int = 0) -> Path:
    """Write the example workbook, whole or not at all, and return its path.

    The same seed gives the same bytes. An existing file is replaced. Raises WriteFailed when the folder is missing or
    cannot be written.
    """
    from .styling import write_tables
    from .tables import tables

    target = Path(path)
    try:
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.stem}.") as folder:
            draft = Path(folder) / target.name
            write_tables(draft, tables(seed))
            draft.replace(target)
    except OSError as error:
        raise WriteFailed(f"{target}: {error.strerror or error}.", "Choose a folder you may write to.") from error
    return target
