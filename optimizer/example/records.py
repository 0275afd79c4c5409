"""The example's inputs: small CSV files beside this module, read as records of text.

To change the example, edit a file: ``catalogue.csv`` is the SKUs sheet with a column ``popularity`` (relative share of
order lines), ``regions.csv`` the Regions sheet with ``population_m`` (millions) and ``pull`` (orders per head,
relative), ``carriers.csv`` the tariffs from which lanes are computed, ``seasons.csv`` the year of each category.
"""

from __future__ import annotations

import csv
from functools import cache
from importlib.resources import files

Record = dict[str, str]


@cache
def records(name: str) -> tuple[Record, ...]:
    """Rows of ``<name>.csv`` in file order, every cell as text."""
    text = files(__package__).joinpath(f"{name}.csv").read_text(encoding="utf-8")
    return tuple(csv.DictReader(text.splitlines()))


def numbers(name: str, column: str) -> list[float]:
    """One column of ``<name>.csv`` as numbers; a blank cell raises ValueError."""
    return [float(row[column]) for row in records(name)]


def words(text: str) -> tuple[str, ...]:
    """The items of a cell that lists several, parted by blanks."""
    return tuple(text.split())
