"""Orders of several SKUs in a plan: the setting split_shipments, between a case and `models.gathering`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from models.companions import Baskets, baskets
from models.gathering import Polished
from models.instance import Instance
from models.outcome import Outcome
from models.together import Search, bring_together
from models.wishes import with_wishes

from .case import Case
from .families import families_of
from .previous import keeps_earlier
from .replay import order_lines

Tell = Callable[[float, str], None]
MOST_LINES = 100_000  # of the latest orders
BROKEN_OFF = ("interrupted", "crashed", "memory", "time_limit")  # a search that ended so is not to be prolonged


def past_baskets(case: Case, instance: Instance) -> Baskets:
    """The latest orders of a case, whole days, at most about MOST_LINES lines; none where there is no history."""
    lines = order_lines(case, case.orders)
    if not len(lines.day):
        return baskets(instance, lines, 0, -1)
    day = np.sort(lines.day)
    since = int(day[0]) if len(day) <= MOST_LINES else int(day[-MOST_LINES]) + 1
    return baskets(instance, lines, since, int(day[-1]))


def kept_together(
    case: Case, instance: Instance, outcome: Outcome, cost: float, seconds: float, search: Search, tell: Tell
) -> tuple[Outcome, dict[str, Any]]:
    """A plan of this cost after the setting split_shipments: its SKUs brought together, or only measured; with the
    facts for the sheet Run. ``search`` finds a plan of another instance, ``tell`` hears cost and what goes on.

    The plan's own cost does not rise beyond what split_gap allows over the bound, which stays a bound on it. An
    earlier plan that is kept, since the input is the same, was polished when it was made.
    """
    mode = case.settings.split_shipments
    if mode == "ignore" or outcome.stocked is None:
        return outcome, {}
    goods = with_wishes(past_baskets(case, instance), instance, families_of(case))
    if not (goods.lines > 1).any():
        return outcome, {}
    tell(cost, "parcels of past orders")
    base = outcome.bound if np.isfinite(outcome.bound) and outcome.bound > 0 else cost
    most = base / max(1.0 - case.settings.split_gap, 1e-9)
    stays = mode != "price" or outcome.status in BROKEN_OFF or keeps_earlier(instance, outcome)
    outcome, made = bring_together(
        instance, goods, outcome, most, 0.0 if stays else seconds, search,
        lambda now, note: tell(now.exact.total, f"{note}, split parcels {now.split_cost:,.0f}"),
    )  # fmt: skip
    return outcome, {"split_parcels": _facts(made, outcome.bound)}


def _facts(made: Polished, bound: float) -> dict[str, float]:
    """Before and after, by name; of families where there are any."""
    before, after = made.before, made.after
    facts = {
        "plan_cost_before": before.exact.total, "plan_cost": after.exact.total,
        "gap_before": gap_of(before.exact.total, bound), "gap": gap_of(after.exact.total, bound),
        "extra_cost_before": before.split_cost, "extra_cost": after.split_cost,
        "share_of_orders_before": before.split_rate, "share_of_orders": after.split_rate,
        "skus_moved": float(made.moves),
    }  # fmt: skip
    if not (after.goods.wish >= 0).any():
        return facts
    return facts | {"families_cost_before": before.wish_cost, "families_cost": after.wish_cost}


def gap_of(cost: float, bound: float) -> float:
    """(cost - bound) / cost, a share; inf without a bound."""
    return max(0.0, cost - bound) / max(abs(cost), 1e-9)
