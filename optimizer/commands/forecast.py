"""``nodewise forecast``: what is expected, and how wrong such forecasts have been."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..console import Talk
from .screen import Shown, show, wrapped
from .shared import INPUT, json_option, orders_option, run, settings_option

if TYPE_CHECKING:
    from ..forecast import Forecast

WORST = 10  # SKUs shown whose misses cost most


@click.command(short_help="Show the forecast, and how good it has been.")
@click.argument("workbook", metavar="INPUT", type=INPUT)
@orders_option
@click.option("--sku", "skus", multiple=True, metavar="SKU", help="Draw the weeks of this SKU; repeatable.")
@click.option("--out", type=INPUT, metavar="FILE", help="Write tables and charts as a workbook.")
@settings_option
@json_option
def forecast(
    workbook: Path,
    orders: Path | None,
    skus: tuple[str, ...],
    out: Path | None,
    settings: dict[str, str],
    as_json: bool,
) -> int:
    """Show the demand a plan would be made from: totals, by tier, and the SKUs that are hardest to foresee. The error
    is measured on the last days of history, forecast from the days before, and held against the naive forecast (the
    28 days before, again) and the seasonal naive one (the days a year before).

    \b
    Example:
      nodewise forecast my_brand.xlsx
      nodewise forecast my_brand.xlsx --sku TEE-BLK-S --out forecast.xlsx
    """

    def work(talk: Talk) -> dict[str, Any]:
        from ..forecast import forecast as measured
        from ..job import read_case
        from ..tables.forecasts import answer
        from ..writing.publish import check_target

        if out is not None:
            check_target(out, [path for path in (workbook, orders) if path is not None])
        found = measured(read_case(workbook, orders, settings))
        chosen = found.positions(skus)
        for line in found.headline:
            talk.say(wrapped(line))
        if not as_json:
            _draw(talk, found, skus) if skus else _show(found)
        if out is not None:
            found.write(out)
            talk.say(f"Written: {out}", "bold")
        return {"command": "forecast", "exit_code": 0, "message": ""} | answer(found, chosen, out)

    return run("forecast", work, as_json=as_json)


RATES = (Shown("units_per_day", "units a day", "quantity"), Shown("last_28_days", "last 28 days", "quantity"))
SLOW = Shown("units_per_day", "units a day", "rate")  # of one SKU, which may sell once in a month
ERRORS = (
    Shown("error", "error", "share"), Shown("naive_error", "naive", "share"),
    Shown("seasonal_error", "seasonal", "share"), Shown("bias", "bias", "share"),
    Shown("level_error", "level", "share"),
)  # fmt: skip


def _show(found: Forecast) -> None:
    table = found.summary
    tiers = table[table["section"].isin(["all", "tier"])]
    show(tiers, [Shown("item", "tier", least=10), Shown("skus", "SKUs", "count"), *RATES, *ERRORS], bold=[0])
    missed = (found.skus["error"] * found.skus["tested_units"]).fillna(0.0) * found.case.skus["unit_cost"]
    worst = found.skus.loc[missed.sort_values(ascending=False, kind="stable").index[:WORST]]
    worst = worst[worst["tested_units"] > 0]
    if len(worst):
        columns = [Shown("sku", "SKU", least=12), Shown("method", "method", least=9), SLOW, *ERRORS]
        show(worst, columns, f"The {len(worst)} SKUs whose misses are worth most, at cost")


def _draw(talk: Talk, found: Forecast, names: tuple[str, ...]) -> None:
    from ..tables.forecasts import chart

    for name, at in zip(names, found.positions(names), strict=True):
        row = found.skus.iloc[int(at)]
        talk.say("")
        talk.say(f"{name}  {row['name'] or ''}".rstrip(), "bold")
        for line in chart(found.series_of(found.positions([name]))):
            talk.say(line)
        span = f"next 28 days between {row['low_28']:,.0f} and {row['high_28']:,.0f} in nine cases of ten"
        level = f"error of the level {row['level_error']:.0%}"
        talk.say(f"{row['units_per_day']:,.2f} units a day by {row['method']}; {span}; {level}")
        if row["tested_units"] > 0:
            talk.say(f"held out: error {row['error']:.0%}, naive {row['naive_error']:.0%}, bias {row['bias']:+.0%}")
