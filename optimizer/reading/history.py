"""A real order history, read against a case: all its lines, those after the plan's start included."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..case import Case
from ..errors import InputInvalid, UsageError
from .keys import Known
from .lines import parse_lines
from .orders import orders_frame, settle
from .orders_file import read_orders_file
from .report import Report
from .typed import Typed

if TYPE_CHECKING:
    import pandas as pd


def read_history(path: str | Path, case: Case) -> pd.DataFrame:
    """The order lines of a CSV, CSV.gz or Parquet file as the table ``orders`` of a case, whenever they were placed.

    Returns and cancelled lines are treated as the case's settings say. Raises UsageError, InputInvalid (an unknown SKU,
    a region that is not found ...) or FileRefused.
    """
    report = Report()
    raw = read_orders_file(Path(path), case.settings.max_unpacked_mb, report)
    lines = parse_lines(raw, report) if raw is not None else None
    table = None
    if lines is not None:
        known = {"SKUs": Known("SKUs", case.skus["sku"]), "Regions": Known("Regions", case.regions["region"])}
        values = {name: case.regions[name].tolist() for name in ("region", "postcodes")}
        regions = Typed("Regions", "Regions", list(range(len(case.regions))), {}, values)
        settled, _ = settle(lines, known, regions, replace(case.settings, start=None), report)
        table = orders_frame(settled)
    errors = [finding for finding in report.findings if finding.severity == "error"]
    if errors or table is None:
        more = f" ... and {len(errors) - 1:,} more errors." if len(errors) > 1 else ""
        raise InputInvalid(f"{errors[0] if errors else path}{more}", report.findings)
    if table.empty:
        raise UsageError(f"{path} holds no sale.", "Name a file of order lines.")
    return table
