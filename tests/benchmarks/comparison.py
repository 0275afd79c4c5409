"""The table that matters: ``python -m tests.benchmarks.comparison [example] [uci] [iowa] [--out FILE]``.

The plan against rules of thumb on the same forecast, costs, rooms and budget, all living through the same orders that
none of them has seen (`tests.benchmarks.rolling`).
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np

from optimizer.case import Case

from . import real_iowa, real_uci
from .real_parts import Given, shared_folder, write
from .rolling import AS_PRESCRIBED, OURS, OURS_APART, OURS_FREE, POLICIES, TERMS, Lived, by_policy, roll

EQUAL = 0.1  # points of fill rate within which service counts as equal


@dataclass(frozen=True)
class Trial:
    """A case with its origins, in months, and its last day."""

    name: str
    read: Callable[[Path, int | None], Case]
    origins: tuple[date, ...]
    until: date
    seeds: int


def _example(folder: Path, skus: int | None) -> Case:
    from optimizer import read, write_example

    if skus is not None:
        raise SystemExit("the example is not to be cut")
    return read(write_example(folder / "example.xlsx"))


def _real(given: Callable[..., Given]) -> Callable[[Path, int | None], Case]:
    def read_real(folder: Path, skus: int | None) -> Case:
        from optimizer import read

        book, orders = write(given(shared_folder(), skus), folder)
        return read(book, orders=orders)

    return read_real


TRIALS = {
    "example": Trial(
        "example", _example, tuple(date(2026, month, 1) for month in (7, 8, 9, 10)), date(2026, 10, 31), 3
    ),
    "uci": Trial(
        "uci", _real(real_uci.given), tuple(date(2011, month, 1) for month in (8, 9, 10, 11)), date(2011, 11, 30), 1
    ),
    "iowa": Trial(
        "iowa", _real(real_iowa.given), tuple(date(2021, month, 1) for month in (7, 8, 9, 10)), date(2021, 10, 31), 1
    ),
}


def main(arguments: list[str] | None = None) -> int:
    """Run the trials named, print their tables, and write them."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.comparison", description=__doc__)
    parser.add_argument("trials", nargs="*", choices=[[], *TRIALS], help="example, uci, iowa; default: all")
    parser.add_argument("--out", type=Path, help="Markdown file")
    parser.add_argument("--skus", type=int, help="only so many SKUs of a real case")
    parser.add_argument("--seeds", type=int)
    parser.add_argument("--months", type=int, help="only the first so many months")
    parser.add_argument("--policies", default=",".join(POLICIES))
    options = parser.parse_args(arguments)
    parts = []
    for name in options.trials or list(TRIALS):
        parts.append("\n".join(_trial(TRIALS[name], options)))
        print(parts[-1], flush=True)
        if options.out:
            options.out.write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    return 0


def _trial(trial: Trial, options: argparse.Namespace) -> Iterator[str]:
    began = time.perf_counter()
    origins, until = trial.origins, trial.until
    if options.months and options.months < len(origins):
        until = date.fromordinal(origins[options.months].toordinal() - 1)
        origins = origins[: options.months]
    with tempfile.TemporaryDirectory() as folder:
        case = trial.read(Path(folder), options.skus)
    lived = roll(case, origins, until, options.policies.split(","), options.seeds or trial.seeds, _told(began))
    yield f"## {trial.name}: {origins[0]} to {until}, {len(case.skus):,} SKUs, {len(case.nodes)} nodes"
    yield ""
    yield from table(lived)
    yield from terms(lived)
    yield from tiers(lived)
    yield from expectations(lived)
    yield ""
    yield f"{time.perf_counter() - began:,.0f} s in all."


def _told(began: float) -> Callable[[str], None]:
    return lambda text: print(f"{time.perf_counter() - began:7.1f} s  {text}", file=sys.stderr, flush=True)


def table(lived: Sequence[Lived]) -> Iterator[str]:
    """The policies side by side; the mean over the seeds."""
    names = ("policy", "total cost", "over Nodewise", "fill rate %", "on time in full %", "stock value",
             "parcels per order", "units spoiled", "SKU-nodes", "limits not kept")  # fmt: skip
    ours = next((_mean(lives, "total") for name, lives in by_policy(lived) if name == OURS), np.nan)
    rows = []
    for name, lives in by_policy(lived):
        total = _mean(lives, "total")
        fill, good = _ratio(lives, "at_once", "ordered"), _ratio(lives, "good_orders", "orders")
        value = float(np.mean([life.day("value") / sum(month.days for month in life.months) for life in lives]))
        spoiled = float(np.mean([life.day("spoiled") for life in lives]))
        places = np.mean([[month.made.stocked[:, :, 0].sum() for month in life.months] for life in lives])
        rows.append(
            [name, f"{total:,.0f}", f"{100 * (total / ours - 1):+.1f} %", f"{100 * fill:.2f}", f"{100 * good:.2f}",
             f"{value:,.0f}", f"{_ratio(lives, 'parcels', 'orders'):.3f}", f"{spoiled:,.0f}", f"{places:,.0f}",
             _not_kept(lives)]
        )  # fmt: skip
    yield from _markdown(names, rows)
    yield ""
    yield verdict(lived, OURS)
    yield ""
    yield verdict(lived, OURS_FREE)


def verdict(lived: Sequence[Lived], ours: str) -> str:
    """How much cheaper a plan of ours is than the cheapest rule of equal or better service."""
    found = {
        name: (_mean(lives, "total"), 100 * _ratio(lives, "at_once", "ordered")) for name, lives in by_policy(lived)
    }
    if ours not in found:
        return ""
    cost, fill = found[ours]
    rules = {name: other for name, other in found.items() if name not in (OURS, OURS_FREE, OURS_APART)}
    equal = {name: other for name, (other, served) in rules.items() if served >= fill - EQUAL}
    if not equal:
        return f"{ours}: no other policy serves as well (within {EQUAL} points of {fill:.2f} %)."
    name = min(equal, key=lambda rival: equal[rival])
    less = 100 * (1 - cost / equal[name])
    return f"{ours} costs {less:.1f} % less than the cheapest of equal or better service, {name}."


def terms(lived: Sequence[Lived]) -> Iterator[str]:
    """Cost by term and policy."""
    costs = {name: [life.costs for life in lives] for name, lives in by_policy(lived)}
    rows = []
    for term in (*TERMS, *AS_PRESCRIBED):
        values = [float(np.mean([each[term] for each in costs[name]])) for name in costs]
        if any(values):
            rows.append([term, *(f"{value:,.0f}" for value in values)])
    for term in ("outbound", "handling"):
        planned = [
            [sum(month.expected[term] for month in life.months) for life in lives] for _, lives in by_policy(lived)
        ]
        rows.append([f"{term} as its own lanes and the forecast say", *(f"{np.mean(each):,.0f}" for each in planned)])
    yield ""
    yield from _markdown(("cost", *costs), rows)


def tiers(lived: Sequence[Lived]) -> Iterator[str]:
    """Fill rate by tier, of the SKUs that the forecast knows; points over the promise in brackets."""
    by_name = {name: _by_tier(lives) for name, lives in by_policy(lived)}
    names = sorted({tier for found in by_name.values() for tier in found})
    rows = []
    for tier in names:
        promised = next(found[tier][0] for found in by_name.values() if tier in found)
        cells = [f"{100 * found[tier][1]:.2f} ({100 * (found[tier][1] - promised):+.2f})" for found in by_name.values()]
        rows.append([tier, f"{100 * promised:.1f}", *cells])
    yield ""
    yield from _markdown(("fill rate by tier, %", "promised", *by_name), rows)


def _by_tier(lives: Sequence[Lived]) -> dict[str, tuple[float, float]]:
    """Tier -> (promised, achieved); SKUs without forecast stand apart."""
    sums: dict[str, np.ndarray] = {}
    for month in (month for life in lives for month in life.months):
        ordered, at_once = month.tally.sku["ordered"], month.tally.sku["at_once"]
        known = month.made.stocked[:, :, 0].any(axis=1)
        tier = np.where(known, np.array(month.instance.tier, dtype=object), "(no forecast)")
        for name in np.unique(tier.astype(str)):
            of = tier == name
            part = np.array([(ordered * month.instance.service_level)[of].sum(), at_once[of].sum(), ordered[of].sum()])
            sums[name] = sums.get(name, np.zeros(3)) + part
    return {name: (part[0] / part[2], part[1] / part[2]) for name, part in sums.items() if part[2] > 0}


def expectations(lived: Sequence[Lived]) -> Iterator[str]:
    """The plan's own cost by term beside what was lived, and expected beside real demand."""
    lives = next((lives for name, lives in by_policy(lived) if name == OURS), None)
    if lives is None:
        return
    months = [month for life in lives for month in life.months]
    rows = []
    for term in TERMS:
        held = ("outage", "shortage") if term == "lost" else (term,)
        planned = sum(month.expected[name] for month in months for name in held) / len(lives)
        real = sum(float(month.tally.costs[term].sum()) for month in months) / len(lives)
        name = "lost sales (plan: outages, shortages)" if term == "lost" else term
        rows.append([name, f"{planned:,.0f}", f"{real:,.0f}", f"{real - planned:+,.0f}"])
    yield ""
    yield from _markdown((f"{OURS}: cost", "planned", "lived", "difference"), rows)
    rows = []
    for at, month in enumerate(lives[0].months):
        ordered = float(month.tally.sku["ordered"].sum())
        known = float(month.tally.sku["ordered"][month.made.stocked[:, :, 0].any(axis=1)].sum())
        value = float((month.made.stock.average[:, :, 0] * month.instance.unit_cost[:, None]).sum())
        held = float(month.tally.day["value"].sum() / month.days)
        rows.append([f"month {at + 1}", f"{month.expected_units:,.0f}", f"{ordered:,.0f}",
                     f"{100 * (ordered / month.expected_units - 1):+.1f} %", f"{ordered - known:,.0f}", f"{value:,.0f}",
                     f"{held:,.0f}"])  # fmt: skip
    yield ""
    head = ("units", "expected", "ordered", "off", "of SKUs without forecast", "stock value planned", "lived")
    yield from _markdown(head, rows)


def _not_kept(lives: Sequence[Lived]) -> str:
    """The limits of which a month's placement is beyond, by how much in the last such month."""
    found = {name: by for life in lives for month in life.months for name, by in month.made.broken.items()}
    return "; ".join(f"{name} {by}" for name, by in found.items()) or "none"


def _mean(lives: Sequence[Lived], name: str) -> float:
    return float(np.mean([getattr(life, name) for life in lives]))


def _ratio(lives: Sequence[Lived], part: str, whole: str) -> float:
    return float(np.mean([life.day(part) / max(life.day(whole), 1e-9) for life in lives]))


def _markdown(names: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield "| " + " | ".join(names) + " |"
    yield "|" + "|".join("---" if at == 0 else "---:" for at in range(len(names))) + "|"
    for row in rows:
        yield "| " + " | ".join(row) + " |"


if __name__ == "__main__":
    sys.exit(main())
