"""Reading: from a workbook (and an orders file) to a checked Case, or to everything that is wrong with it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..case import Case

__all__ = ["read"]


def read(
    path: str | os.PathLike[str],
    orders: str | os.PathLike[str] | None = None,
    settings: Mapping[str, Any] | None = None,
    previous: str | os.PathLike[str] | None = None,
    **values: Any,
) -> Case:
    """Read a workbook; ``orders`` names a CSV, CSV.gz or Parquet file that replaces its Orders sheet.

    ``previous`` names the plan workbook in force; without it the Stock sheet shows what stands where.
    ``settings`` and further keywords override the Settings sheet (``periods=6``). Warnings, repairs and notes stay in
    ``case.findings``. Raises InputInvalid with every finding, InfeasibleCase when the data alone prove that no plan
    exists, UsageError (a path or a setting), FileRefused (a malformed or oversized file), InputChanged (changed while
    being read).
    """
    from ..previous import with_previous
    from .reader import read_case
    from .refusals import invalid

    try:
        case = read_case(path, orders, {**(settings or {}), **values})
        return case if previous is None else with_previous(case, previous)
    except OSError as fault:  # a disk or a share that fails on the way
        name = fault.filename if isinstance(fault.filename, str) else path
        why = f"cannot be read to its end ({fault.strerror or fault})"
        raise invalid("F-022", Path(name), why, "See that its disk or share is there; start again.") from fault
