"""The case: everything the workbook says, checked and complete, between reading and modelling."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .errors import Finding
from .settings import Settings

if TYPE_CHECKING:
    import pandas as pd

    from .previous import Previous
    from .reading.places import NamedRows

TABLES = (
    "orders", "demand", "skus", "nodes", "regions", "lanes", "supply", "stock", "campaigns", "tiers", "limits",
    "approvals", "stockhistory", "receipts",
)  # fmt: skip


@dataclass(frozen=True)
class Case:
    """One planning case. Each table has exactly the columns of its sheet (``optimizer.reading.sheets``), in that order.

    Text is ``str`` or None, numbers are float64 (NaN where a blank means something), dates datetime64, flags bool. All
    references between tables hold. ``orders`` has its text as categories (sku in the order of the SKUs sheet, region in
    the order of the Regions sheet); ``lanes`` has one more column, ``estimated``. A scenario is
    ``dataclasses.replace(case, ...)``.
    """

    orders: pd.DataFrame
    demand: pd.DataFrame
    skus: pd.DataFrame
    nodes: pd.DataFrame
    regions: pd.DataFrame
    lanes: pd.DataFrame
    supply: pd.DataFrame
    stock: pd.DataFrame
    campaigns: pd.DataFrame
    tiers: pd.DataFrame
    limits: pd.DataFrame
    settings: Settings
    approvals: pd.DataFrame = field(default_factory=lambda: _blank("Approvals"))
    stockhistory: pd.DataFrame = field(default_factory=lambda: _blank("StockHistory"))
    receipts: pd.DataFrame = field(default_factory=lambda: _blank("Receipts"))
    findings: tuple[Finding, ...] = ()
    source: Mapping[str, Any] = field(default_factory=dict)  # path, sha256, orders_path, orders_sha256, sheets ...
    previous: Previous | None = None  # the plan in force (``optimizer.previous``); None: what the Stock sheet shows
    places: Mapping[str, NamedRows] = field(default_factory=dict)  # rows of Nodes, Lanes and Limits in the workbook

    def table(self, name: str) -> pd.DataFrame:
        """The table of a sheet, by the sheet's name in any case (``"SKUs"``, ``"orders"``)."""
        frame: pd.DataFrame = getattr(self, name.casefold())
        return frame


def _blank(sheet: str) -> pd.DataFrame:
    """The table of an optional sheet that is not there."""
    import pandas as pd

    from .reading.sheets import columns

    kinds = {"number": "float64", "whole": "float64", "date": "datetime64[s]", "flag": "bool"}
    blank = {column.name: pd.Series([], dtype=kinds.get(column.kind, "object")) for column in columns(sheet)}
    return pd.DataFrame(blank)


_SEPARATORS = re.compile(r"[,;\s]+")


def items(text: str | None) -> tuple[str, ...]:
    """The parts of a list cell: separated by commas, semicolons or blanks; () for a blank cell.

    >>> items("chilled, frozen;ambient"), items(None)
    (('chilled', 'frozen', 'ambient'), ())
    """
    if not isinstance(text, str):
        return ()
    return tuple(part for part in _SEPARATORS.split(text) if part)
