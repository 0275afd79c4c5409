"""Columns of a case's tables as arrays: names as numbers, filters as masks, figures with their blanks filled."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

from models.instance import TEMPERATURES, Bools, Floats, Ints

from .case import items
from .errors import Finding, InputInvalid


class Labels:
    """One text per thing (None = blank), numbered once, so that a filter is a table look-up."""

    def __init__(self, texts: Iterable[object], known: Iterable[str] = ()) -> None:
        """``known`` are further names a filter may use although no thing carries them (a tier without SKUs)."""
        codes, names = pd.factorize(np.array([text if isinstance(text, str) else None for text in texts], dtype=object))
        self.codes: Ints = codes.astype(np.int64)
        self.numbers: dict[str, int] = {name: number for number, name in enumerate(names)}
        for name in known:
            self.numbers.setdefault(name, len(self.numbers))

    def mask(self, text: object, place: str) -> Bools:
        """Which things a filter cell names; all when it is blank. The cell may list several names.

        Raises InputInvalid, with ``place``, when it names something nobody carries.
        """
        if not isinstance(text, str) or not text.strip():
            return np.ones(self.codes.size, dtype=bool)
        chosen = np.zeros(len(self.numbers) + 1, dtype=bool)
        chosen[[self._number(part, text, place) for part in named(text, self.numbers)]] = True
        return np.asarray(chosen[self.codes] & (self.codes >= 0))

    def _number(self, part: str, text: str, place: str) -> int:
        if part not in self.numbers:
            raise InputInvalid(
                f'{place} names "{part}", which is not known.',
                [Finding("A-020", "error", place, text, "a name that stands in the workbook", "Correct the spelling.")],
            )
        return self.numbers[part]


def named(text: str, known: Mapping[str, int]) -> tuple[str, ...]:
    """The names a cell lists: the whole cell if it is a name, else its parts at commas and semicolons, else at blanks.

    >>> named("dark chocolate, tea", {"dark chocolate": 0, "tea": 1})
    ('dark chocolate', 'tea')
    >>> named("C1 C2", {"C1": 0, "C2": 1})
    ('C1', 'C2')
    """
    whole = text.strip()
    if whole in known:
        return (whole,)
    parts = [part.strip() for part in whole.replace(";", ",").split(",") if part.strip()]
    found: list[str] = []
    for part in parts:
        pieces = items(part)
        split = part not in known and len(pieces) > 1 and all(piece in known for piece in pieces)
        found.extend(pieces if split else (part,))
    return tuple(found)


def positions(values: pd.Series, names: Iterable[str], place: str) -> Ints:
    """Index of each value in ``names``. Raises InputInvalid, with ``place``, for a value that is not there."""
    index = pd.Index(list(names), dtype=object)
    if isinstance(values.dtype, pd.CategoricalDtype):
        found = np.append(index.get_indexer(pd.Index(values.cat.categories, dtype=object)), -1)[values.cat.codes]
    else:
        found = index.get_indexer(pd.Index(values, dtype=object))
    wrong = np.flatnonzero(found < 0)
    if wrong.size:
        seen = str(values.iloc[int(wrong[0])])
        raise InputInvalid(
            f'{place}: {wrong.size:,} rows name something unknown, the first "{seen}".',
            [Finding("B-001", "error", place, seen, "a name that stands in the workbook", "Correct the spelling.")],
        )
    return found.astype(np.int64)


def numbers(frame: pd.DataFrame, name: str, blank: float = np.nan) -> Floats:
    """A column of figures, ``blank`` in its blank cells."""
    values = frame[name].to_numpy(dtype=float, na_value=np.nan)
    return np.where(np.isnan(values), blank, values)


def flags(frame: pd.DataFrame, name: str) -> Bools:
    """A yes / no column; blank is no."""
    return np.array([value is not None and value == True for value in frame[name]], dtype=bool)  # noqa: E712


def temperature_numbers(texts: pd.Series) -> Ints:
    """Index into TEMPERATURES of each text; blank is ambient."""
    known = {name: number for number, name in enumerate(TEMPERATURES)}
    return np.array([known[text] if isinstance(text, str) else 0 for text in texts], dtype=np.int64)


def temperature_masks(texts: pd.Series) -> Bools:
    """(rows, 3): the temperatures each list cell names; blank is all three."""
    listed = [items(text) or TEMPERATURES for text in texts]
    return np.array([[name in some for name in TEMPERATURES] for some in listed], dtype=bool).reshape(-1, 3)
