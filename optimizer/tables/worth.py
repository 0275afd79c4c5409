"""What one more unit of a scarce thing is worth, and who would use it: tables and sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from models.explain import evaluated
from models.instance import FIRST_PERIOD, Floats, Instance
from models.scarce import Scarce, rent_of, used_in_all

from ..turns import figure
from .basis import blank_infinite
from .phrases import footing, nodes_of, unit, whole, words

if TYPE_CHECKING:
    from ..explain import LimitExplained


def worth(why: LimitExplained) -> pd.DataFrame:
    """Use, amount and rent of a thing, period by period."""
    base, thing = why.base, why.thing
    case = base.instance
    used = used_in_all(case, evaluated(case, base.stocked, base.is_open), thing)
    rent = np.abs(rent_of(case, base.prices, thing))
    table = pd.DataFrame({"period": list(case.periods), "used": used, "amount": _amount(case, thing), "rent": rent})
    table["rent_per"] = unit(case, thing, why.ground.case.settings.currency)
    return table


def _amount(case: Instance, thing: Scarce) -> Floats:
    if thing.kind == "limit":
        limit = case.limits[thing.place[0]]
        first = np.arange(len(case.periods)) == 0
        holds = limit.periods & first if limit.measure in FIRST_PERIOD else limit.periods
        return np.where(holds, limit.amount, np.nan)
    amounts = {
        "room": case.room_m3, "units_per_day": case.units_per_day, "skus": case.max_skus,
        "lane": case.lane_parcels_per_day,
    }  # fmt: skip
    amount = case.budget if thing.kind == "budget" else float(amounts[thing.kind][thing.place])
    return blank_infinite(np.full(len(case.periods), amount))


def users(why: LimitExplained) -> pd.DataFrame:
    """SKUs that would use more of a thing, by what one unit of it would save them."""
    case = why.base.instance
    rent = rent_of(case, why.base.prices, why.thing)
    rows = []
    for taker in why.takers:
        more = float(taker.more @ rent / rent.sum())
        rows.append(
            {
                "sku": case.skus[taker.sku], "tier": case.tier[taker.sku], "would_use": abs(more),
                "saves": taker.saving, "saves_per_unit": taker.saving / abs(more),
                "from_rent": taker.share * abs(float(rent.sum())),
                "now_at": whole(nodes_of(case, why.base.stocked[taker.sku]), case.periods),
                "then_at": whole(nodes_of(case, taker.stocked), case.periods),
            }
        )  # fmt: skip
    names = ["sku", "tier", "would_use", "saves", "saves_per_unit", "from_rent", "now_at", "then_at"]
    return pd.DataFrame(rows, columns=names).sort_values(
        ["from_rent", "saves_per_unit"], ascending=False, kind="stable", ignore_index=True
    )


def headline(why: LimitExplained) -> tuple[str, ...]:
    """The answer about a limit in sentences."""
    case, thing, table = why.base.instance, why.thing, why.worth
    currency = why.ground.case.settings.currency
    one, name = unit(case, thing, currency), words(case, thing)
    name = name[0].upper() + name[1:]
    if not table["rent"].to_numpy().any():
        return (f"{name}: one more {one} is worth nothing; it is not scarce in any period.", *footing(why.ground))
    change = f"one {one} less asked for" if _asks(case, thing) else f"one more {one}"
    by_period = "; ".join(
        f"{figure(rent)} {currency} in {label}"
        for label, rent in zip(table["period"], table["rent"], strict=True)
        if rent
    )
    lines = [f"{name}: {change} is worth {by_period}."]
    first = why.users.head(3)
    if len(first):
        said = ", ".join(
            f"{sku} (saves {figure(saved)} {currency} per {one})"
            for sku, saved in zip(first["sku"], first["saves_per_unit"], strict=True)
        )
        lines.append(f"First to use it: {said}.")
    else:
        lines.append("No SKU would use more of it, even for nothing: opening nodes or other limits decide.")
    return (*lines, *footing(why.ground))


def _asks(case: Instance, thing: Scarce) -> bool:
    """Whether the limit asks for at least so much; a share on time is kept by late parcels, of which it allows some."""
    if thing.kind != "limit":
        return False
    limit = case.limits[thing.place[0]]
    return (limit.sense == "min") != (limit.measure == "on_time_share")
