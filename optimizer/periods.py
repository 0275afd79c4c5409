"""The calendar of a plan as numbers: days since 1970-01-01, periods from 0 (MATHEMATICS.md, section 1)."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd

from models.demand import Horizon
from models.instance import Floats, Ints

from .settings import Settings


def day_number(day: date) -> int:
    """Days since 1970-01-01."""
    return (day - date(1970, 1, 1)).days


def day_numbers(dates: pd.Series) -> Floats:
    """Days since 1970-01-01, NaN for a blank date."""
    days = pd.to_datetime(dates).to_numpy(dtype="datetime64[D]")
    return np.where(np.isnat(days), np.nan, days.astype(np.int64).astype(float))


def horizon_of(settings: Settings) -> Horizon:
    """First day and length of each period."""
    days = np.array([day_number(day) for day in settings.boundaries], dtype=np.int64)
    return Horizon(days[:-1], np.diff(days))


def period_numbers(labels: pd.Series, settings: Settings) -> Ints:
    """Index of each period label (the ISO date of its first day does as well); -1 = blank, -2 = not in the plan."""
    known = {day.isoformat(): number for number, day in enumerate(settings.boundaries[:-1])}
    known |= {label: number for number, label in enumerate(settings.labels)}
    return np.array(
        [known.get(text.strip(), -2) if isinstance(text, str) and text.strip() else -1 for text in labels],
        dtype=np.int64,
    )
