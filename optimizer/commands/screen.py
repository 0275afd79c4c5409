"""Data frames on a terminal, a hundred characters wide where its width is not known."""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..console import harmless

if TYPE_CHECKING:
    import pandas as pd

WIDTH = 100
FORMATS = {
    "money": "{:,.2f}", "rate": "{:,.2f}", "signed": "{:+,.2f}", "count": "{:,.0f}", "quantity": "{:,.1f}",
    "share": "{:.0%}",
}  # fmt: skip


@dataclass(frozen=True)
class Shown:
    """A column to show: its name in the frame, its heading, and text or a key of FORMATS."""

    name: str
    heading: str
    kind: str = "text"
    least: int | None = None  # characters


def show(table: pd.DataFrame, columns: Sequence[Shown], title: str = "", bold: Sequence[int] = ()) -> None:
    """Print a table; ``bold`` rows stand out."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    console = Console(markup=False, highlight=False, emoji=False)
    if not console.is_terminal:
        console.width = WIDTH
    page = Table(title=title or None, box=box.SIMPLE_HEAD, title_justify="left", title_style="bold", pad_edge=False)
    for column in columns:
        right = column.kind != "text"
        page.add_column(
            column.heading, justify="right" if right else "left", no_wrap=right, min_width=column.least,
            overflow="fold",
        )  # fmt: skip
    rows = zip(*(table[column.name] for column in columns), strict=True)
    for at, row in enumerate(rows):
        cells = [_cell(value, column.kind) for value, column in zip(row, columns, strict=True)]
        page.add_row(*cells, style="bold" if at in bold else None)
    console.print(page)


def wrapped(line: str, width: int | None = None) -> str:
    """A sentence broken between words where a terminal would break it anywhere; as it is for a file.

    >>> print(wrapped("  - a b c d", width=7))
      - a b
        c d
    """
    if width is None:
        if not sys.stdout.isatty():
            return line
        width = shutil.get_terminal_size().columns
    indent = " " * (len(line) - len(line.lstrip(" -")))
    return textwrap.fill(line, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def _cell(value: Any, kind: str) -> str:
    if value is None or value != value:
        return ""
    if kind == "figure":
        return figure(float(value))
    return harmless(str(value)) if kind == "text" else FORMATS[kind].format(float(value))


def figure(value: float) -> str:
    """A figure with as many digits as it needs.

    >>> [figure(value) for value in (80567.45, 14.24, 0.0290, 0.0)]
    ['80,567', '14.24', '0.029', '0']
    """
    return (
        f"{value:,.0f}" if abs(value) >= 1000 or value == 0 else f"{value:.2f}" if abs(value) >= 1 else f"{value:.3g}"
    )
