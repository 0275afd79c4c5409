"""Why a placement changes, in the plan's own terms: what shuts it out, what demand does, what it saves, the rents."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from models.instance import TEMPERATURES, Bools, Floats, Ints

from ..previous import OF_PLACEMENT, OF_REPLENISHMENT, matched
from ..rents import OPEN
from .basis import PlanBasis
from .staying import CHANGE, staying
from .stock import ALL, CROSS_DOCK

NOTABLE = 0.10  # share by which demand must move to be told
LEAST_MOVE = 0.03  # share by which a figure must move to be told where nothing else has
SHOWN = 4  # regions named one by one
UP, DOWN = 1, -1
SMALLEST = 1e-6  # what a share is taken of where nothing was before
WORTH_TELLING = 0.5  # money: less is rounded to nothing


def reasons(basis: PlanBasis, sku: Ints, node: Ints, change: NDArray[np.object_]) -> NDArray[np.object_]:
    """(rows,) one sentence for each change."""
    if not len(sku):
        return np.zeros(0, dtype=object)
    teller = _Teller(basis)
    tell = {"new": teller.new, "gone": teller.gone, "changed": teller.changed}
    rows = zip(sku.tolist(), node.tolist(), change, strict=True)
    return np.array(["; ".join([tell[what](k, n), *_later(basis, k, n)]) for k, n, what in rows], dtype=object)


def _later(basis: PlanBasis, k: int, n: int) -> Iterator[str]:
    """What the plan does otherwise in later periods: it comes back where it is gone, or goes where it is new."""
    held, known, labels = basis.stocked[k, n], basis.instance.in_force, basis.instance.periods
    if known is None or known[k, n] == held[0] or (held == held[0]).all():
        return
    turns = int(np.argmax(held != held[0]))
    yield f"until {labels[turns - 1]}" if held[0] else f"back from {labels[turns]}"


@dataclass(frozen=True)
class _Teller:
    basis: PlanBasis

    # --- the three kinds of change -------------------------------------------------------------------------------

    def new(self, k: int, n: int) -> str:
        """A node that starts to stock a SKU."""
        instance = self.basis.instance
        if instance.in_force is not None and not instance.in_force[k].any():
            return self._join(["first placement of the SKU"])
        opened = self._opened(n)
        forced = [opened, *self._shut_of(k), *self._over(k), *self._under(k)]
        return self._join([*forced, *self._demand(k, n, UP), *self._saving(k)])

    def gone(self, k: int, n: int) -> str:
        """A node that ceases to stock a SKU."""
        barred = self._shut(n) or self._barred(k, n)
        if barred:
            return self._join([barred])
        return self._join([*self._shut_of(k), *self._over(k), *self._demand(k, n, DOWN), *self._saving(k)])

    def changed(self, k: int, n: int) -> str:
        """A node that stocks more or less of a SKU than before: what moves it so, else its figures."""
        way = self._way(k, n)
        told = [*self._demand(k, n, way), *self._regions(k, n, way), *self._terms(k, n, way)]
        return self._join(told or list(self._figures(k, n, way)))

    def _way(self, k: int, n: int) -> int:
        """Whether a node's reorder point or, where that moves by less, its average stock went up or down."""
        rows = self._rows_of(k)
        old = rows[rows["n"] == n]
        found = self.basis.evaluation
        now = {"reorder_point": found.reorder_point, "average_stock": found.average_stock}
        was = {name: float(old[name].iloc[0]) if len(old) else 0.0 for name in now}
        moves = [(float(now[name][k, n, 0]) - was[name]) / max(abs(was[name]), 1.0) for name in now]
        return UP if max(moves, key=abs) > 0 else DOWN

    @staticmethod
    def _join(parts: list[str]) -> str:
        return "; ".join(dict.fromkeys(part for part in parts if part)) or "the plan as a whole costs less"

    # --- what shuts a placement out ------------------------------------------------------------------------------

    def _shut(self, n: int) -> str:
        """Why a node cannot be used in the first period; '' if it can."""
        instance, name = self.basis.instance, self.basis.instance.nodes[n]
        if self.basis.open[n, 0]:
            return ""
        row = self.basis.case.nodes.iloc[n]
        if row.get("status") == "closed":
            return f"{name} is closed"
        if instance.available[n, 0]:
            return f"the plan does not open {name} in {instance.periods[0]}"
        until, since = row.get("open_until"), row.get("open_from")
        if pd.notna(until) and until < pd.Timestamp(self.basis.case.settings.boundaries[1]):
            return f"{name} closes after {until:%Y-%m-%d}"
        if pd.notna(since):
            return f"{name} opens on {since:%Y-%m-%d} only"
        return f"{name} is not available in {instance.periods[0]}"

    def _shut_of(self, k: int) -> Iterator[str]:
        """Which of the SKU's nodes in force cannot be used."""
        in_force = self.basis.instance.in_force
        if in_force is not None:
            yield from filter(None, (self._shut(int(m)) for m in np.flatnonzero(in_force[k])))

    def _barred(self, k: int, n: int) -> str:
        instance, name = self.basis.instance, self.basis.instance.nodes[n]
        if not instance.mean[k, :, 0].any():
            return f"no demand in {instance.periods[0]}"
        if instance.allowed[k, n, 0]:
            return ""
        if not instance.room_m3[n, instance.temperature[k]]:
            return f"no {TEMPERATURES[instance.temperature[k]]} room at {name}"
        if instance.allowed[k, n].any():
            return f"tier {instance.tier[k]}: no campaign touches it in {instance.periods[0]}"
        return f"tier {instance.tier[k]} or what it requires does not allow {name}{self._tier_before(k)}"

    def _tier_before(self, k: int) -> str:
        old = self._rows_of(k)["tier"] if self.basis.case.previous is not None else pd.Series(dtype=object)
        moved = len(old) and old.iloc[0] != self.basis.instance.tier[k]
        return f" (it was tier {old.iloc[0]})" if moved else ""

    def _opened(self, n: int) -> str:
        """That a node is new in use, by the plan in force or by its own window."""
        previous, name = self.basis.case.previous, self.basis.instance.nodes[n]
        if previous is None:
            return f"the plan opens {name}" if self.basis.instance.candidate[n] else ""
        if name not in previous.nodes_in_force.index:
            return f"{name} is a new node"
        was = str(previous.nodes_in_force.loc[name, "status"])
        return "" if was in OPEN else f"{name} opens"

    def _over(self, k: int) -> Iterator[str]:
        """That the placement in force has more nodes than the tier allows."""
        instance = self.basis.instance
        held = 0 if instance.in_force is None else int((instance.in_force[k] & self.basis.open[:, 0]).sum())
        if held > instance.max_nodes[k]:
            yield f"tier {instance.tier[k]} is held at {instance.max_nodes[k]} nodes at most{self._tier_before(k)}"

    def _under(self, k: int) -> Iterator[str]:
        """That what is left of the placement in force is too little for the tier, or leaves a region without backup."""
        instance, left = self.basis.instance, _left(self.basis)[k]
        possible = instance.allowed[k, :, 0] & self.basis.open[:, 0]
        least = min(int(instance.min_nodes[k]), int(possible.sum()))
        if 0 < left.sum() < least:
            yield f"tier {instance.tier[k]} is held at {least} nodes at least"
        if instance.max_nodes[k] < 2:
            return
        reach = _reach(self.basis, int(instance.temperature[k]))
        asked = instance.backup_required & (instance.mean[k, :, 0] > 0) & (possible @ reach >= 2)
        lone = np.flatnonzero(asked & (left @ reach < 2))
        if len(lone):
            yield f"a backup is required for {_listed([instance.regions[r] for r in lone])}"

    # --- what demand and terms do ----------------------------------------------------------------------------------

    @cached_property
    def _old(self) -> dict[int, pd.DataFrame]:
        """The rows of the earlier plan in force, by SKU; empty without one."""
        previous = self.basis.case.previous
        if previous is None:
            return {}
        rows = previous.in_force
        k, n, known = matched(rows, self.basis.case)
        table = rows[known].assign(k=k, n=n)
        return {int(table["k"].iloc[at[0]]): table.iloc[at] for at in table.groupby("k").indices.values()}

    def _rows_of(self, k: int) -> pd.DataFrame:
        return self._old.get(k, pd.DataFrame(columns=["n", *dict.fromkeys((*OF_PLACEMENT, *OF_REPLENISHMENT))]))

    def _regions_of(self, text: str) -> Ints:
        regions = self.basis.instance.regions
        if text == ALL:
            return np.arange(len(regions))
        named = set(text.split(", "))
        return np.array([r for r, name in enumerate(regions) if name in named], dtype=np.int64)

    def _served_now(self, k: int, n: int) -> Bools:
        """(R,) regions that the node ships the SKU to."""
        lane = self.basis.evaluation.primary[k, :, 0]
        return (lane >= 0) & (self.basis.instance.lane_node[lane] == n)

    def _demand(self, k: int, n: int, way: int) -> Iterator[str]:
        """Demand that moved as the change did, in the regions of the earlier nodes that have to do with this one."""
        rows = self._rows_of(k)
        feeds = {str(source).split(" < ")[-1] for source in rows["source"] if CROSS_DOCK not in str(source)[-14:]}
        served, old, new = self._served_now(k, n), 0.0, 0.0
        names: list[str] = []
        columns = (rows[name].tolist() for name in ("node", "n", "regions_served", "units_per_day"))
        for name, at, text, units in zip(*columns, strict=True):
            regions = self._regions_of(text)
            if name in feeds or not len(regions) or not (at == n or served[regions].any()):
                continue
            old += float(units)
            new += float(self.basis.instance.mean[k, regions, 0].sum())
            names += ["all regions"] if text == ALL else text.split(", ")
        if old > 0 and way * (new / old - 1.0) >= NOTABLE:
            yield f"demand {'up' if way > 0 else 'down'} {abs(new / old - 1.0) * 100:.0f} % in {_listed(names)}"

    def _regions(self, k: int, n: int, way: int) -> Iterator[str]:
        """Regions that the node serves besides, or no longer."""
        rows = self._rows_of(k)
        old = rows[rows["n"] == n]
        if old.empty or old["regions_served"].iloc[0] == ALL:
            return
        was = np.zeros(len(self.basis.instance.regions), dtype=bool)
        was[self._regions_of(str(old["regions_served"].iloc[0]))] = True
        now = self._served_now(k, n)
        names = np.array(self.basis.instance.regions, dtype=object)
        lost = was & ~now & (self.basis.instance.mean[k, :, 0] > 0)
        mask, what = (now & ~was, "now serves") if way > 0 else (lost, "no longer serves")
        if mask.any():
            yield f"{what} {_listed(names[mask].tolist())}"

    def _terms(self, k: int, n: int, way: int) -> Iterator[str]:
        """Lead time, review days and service level that moved as the change did, and stock kept above it."""
        rows = self._rows_of(k)
        old, instance = rows[rows["n"] == n], self.basis.instance
        if old.empty:
            return
        for column, now, text in (
            ("lead_time_days", float(self.basis.evaluation.lead_time[k, n, 0]), "lead time {:.1f} days, was {:.1f}"),
            ("review_days", float(instance.review_days[n]), "review days {:g}, were {:g}"),
            ("service_level", float(instance.service_level[k]), "service level {:.1%}, was {:.1%}"),
        ):
            was = float(old[column].iloc[0])
            if way * (now - was) > 1e-6 * max(1.0, abs(was)):
                yield text.format(now, was)
        was_raised, raised = old["above_service"].iloc[0], bool(instance.above_service[k])
        if isinstance(was_raised, str) and (was_raised == "yes") != raised and raised == (way > 0):
            yield f"stock is {'now' if raised else 'no longer'} kept above the service level"

    def _figures(self, k: int, n: int, way: int) -> Iterator[str]:
        """Figures of the node that moved as the change did, the largest move first; safety stock where no other did."""
        rows = self._rows_of(k)
        old, found = rows[rows["n"] == n], self.basis.evaluation
        now = {
            "units_per_day": (float(found.flow[k, n, 0]), "units per day through it"),
            "sd_per_day": (float(np.sqrt(found.variance[k, n, 0])), "spread of a day's demand"),
            "order_quantity": (float(found.order_quantity[k, n, 0]), "order quantity"),
            "safety_stock": (float(found.safety_stock[k, n, 0]), "safety stock"),
        }
        moves = {}
        for column, (new, words) in now.items():
            was = float(old[column].iloc[0]) if len(old) else np.nan
            share = way * (new - was) / max(abs(was), SMALLEST)
            if share >= LEAST_MOVE:
                moves[column] = (share, f"{words} {new:,.4g}, was {was:,.4g}")
        own = moves.pop("safety_stock", None)
        if own is not None and not moves:
            error = float(self.basis.instance.level_error[k])
            yield own[1] + (f" (the level of its demand is uncertain by {error:.0%})" if way > 0 and error > 0 else "")
        yield from (text for _, text in sorted(moves.values(), reverse=True))

    # --- what it saves -----------------------------------------------------------------------------------------------

    @cached_property
    def _stay(self) -> tuple[Bools, dict[str, Floats]]:
        """(K,) SKUs that could stay as far as their nodes can be used, and what each thing would then cost more."""
        left = _left(self.basis)
        able = _reaching(self.basis, left)
        return able, staying(self.basis, left, able)

    def _saving(self, k: int) -> Iterator[str]:
        """What the SKU's new places save beside those in force, less the change itself, and what of."""
        able, more = self._stay
        if not able[k]:
            yield "what is left of the placement in force does not reach every region with demand"
            return
        total = sum(float(values[k]) for values in more.values())
        best = max((term for term in more if term != CHANGE), key=lambda term: float(more[term][k]))
        if total >= WORTH_TELLING and float(more[best][k]) > 0:
            yield f"saves {total:,.0f} {self.basis.case.settings.currency}, most by {best}"
        elif total <= -WORTH_TELLING and self._gathered:
            yield "fewer split parcels with SKUs that are ordered together with it"

    @property
    def _gathered(self) -> bool:
        """SKUs were brought to where those are that are ordered with them."""
        return bool((self.basis.facts.get("split_parcels") or {}).get("skus_moved"))


def _left(basis: PlanBasis) -> Bools:
    """(K,N) what of the placement in force can be used in the first period."""
    case = basis.instance
    if case.in_force is None:
        return np.zeros(case.feeder.shape, dtype=np.bool_)
    return np.asarray(case.in_force & case.allowed[:, :, 0] & basis.open[:, 0], dtype=np.bool_)


def _reaching(basis: PlanBasis, held: Bools) -> Bools:
    """(K,) SKUs with demand in the first period all of whose regions some node of ``held`` (K,N) reaches."""
    case = basis.instance
    demanded = case.mean[:, :, 0] > 0
    out = np.zeros(len(case.skus), dtype=np.bool_)
    for c in range(len(TEMPERATURES)):
        of = np.flatnonzero(case.temperature == c)
        reached = held[of].astype(float) @ _reach(basis, c) > 0
        out[of] = (reached | ~demanded[of]).all(axis=1) & demanded[of].any(axis=1)
    return out


def _reach(basis: PlanBasis, temperature: int) -> Floats:
    """(N,R) 1 where a lane carries the temperature from the node to the region."""
    case = basis.instance
    lanes = case.lane_temperatures[:, temperature]
    out = np.zeros((len(case.nodes), len(case.regions)))
    out[case.lane_node[lanes], case.lane_region[lanes]] = 1.0
    return out


def _listed(names: list[str]) -> str:
    """A few names, and how many more.

    >>> _listed(["TX", "OK", "TX"]), _listed(["A", "B", "C", "D", "E", "F"])
    ('TX, OK', 'A, B, C and 3 more regions')
    """
    once = list(dict.fromkeys(names))
    if len(once) <= SHOWN:
        return ", ".join(once)
    return f"{', '.join(once[: SHOWN - 1])} and {len(once) - SHOWN + 1} more regions"
