"""Keep-together families of a case: the column family of the sheet SKUs, and the setting family_together."""

from __future__ import annotations

import numpy as np
import pandas as pd

from models.wishes import Families

from .case import Case


def families_of(case: Case) -> Families:
    """The families that name at least two SKUs, in the order of the sheet."""
    column = case.skus.get("family", pd.Series(dtype=object))
    several = column.notna() & column.duplicated(keep=False)
    number, names = pd.factorize(column.where(several))
    return Families(tuple(names), number.astype(np.int64), case.settings.family_together)
