"""Every setting of a plan: name, type, default, unit, range, meaning, and where its value came from."""

# ruff: noqa: RUF009  (each default carries its own record)
from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import date, datetime, timedelta
from typing import Any

from .errors import UsageError, nearest


@dataclass(frozen=True)
class SettingRecord:
    """One line of the Settings sheet. ``kind`` is number, whole, text, date, choice or list."""

    name: str
    kind: str
    default: Any
    meaning: str
    unit: str = ""
    low: float = -math.inf
    high: float = math.inf
    low_open: bool = False  # True: low itself is not allowed
    high_open: bool = False
    choices: tuple[str, ...] = ()
    blank: bool = False  # True: may be blank (None)

    @property
    def expectation(self) -> str:
        """What a value must look like, as a sentence fragment for messages and the blank template."""
        kinds = {
            "number": "a number", "whole": "a whole number", "text": "text", "date": "a date (2027-01-31)",
            "choice": "one of " + ", ".join(self.choices), "list": "a list of cells such as SKUs!E7, SKUs!E9",
        }  # fmt: skip
        bounds = bounds_text(self.low, self.high, self.low_open, self.high_open)
        return kinds[self.kind] + (f" {bounds}" if bounds else "") + (" or blank" if self.blank else "")


def bounds_text(low: float, high: float, low_open: bool = False, high_open: bool = False) -> str:
    """A range in words: 'above 0', 'from 0.5 to below 1'; '' when unbounded.

    >>> bounds_text(0, math.inf), bounds_text(0, math.inf, True), bounds_text(0, 1, high_open=True)
    ('of at least 0', 'above 0', 'of at least 0 and below 1')
    """
    parts = []
    if low > -math.inf:
        parts.append(f"{'above' if low_open else 'of at least'} {low:,.10g}")
    if high < math.inf:
        parts.append(f"{'below' if high_open else 'of at most'} {high:,.10g}")
    return " and ".join(parts)


def _setting(kind: str, default: Any, meaning: str, unit: str = "", **limits: Any) -> Any:
    """A dataclass field that carries its own record (all but the name)."""
    blank = limits.pop("blank", default is None)
    return field(default=default, metadata={"kind": kind, "meaning": meaning, "unit": unit, "blank": blank, **limits})


@dataclass(frozen=True)
class Settings:
    """All settings of a plan, typed; ``origins`` says where each came from: default, a cell, or --set."""

    currency: str = _setting("text", "USD", "the one currency of all money in the workbook")
    start: date | None = _setting(
        "date", None, "first day of the plan; blank = the month (or Monday) after the last order"
    )
    history_from: date | None = _setting("date", None, "first day of order history to use; blank = the first order")
    history_until: date | None = _setting(
        "date", None, "last day of order history to use; blank = the day before start"
    )
    periods: int = _setting("whole", 3, "number of periods planned", low=1, high=120)
    period: str = _setting("choice", "month", "length of a period", choices=("month", "week"))
    budget: float | None = _setting(
        "number", None, "most average stock value in any period; blank = no limit", "money", low=0, high=1e12
    )
    holding_rate: float = _setting("number", 0.20, "cost of capital held in stock", "per year", low=0, high=10)
    late_penalty_per_parcel: float = _setting(
        "number", 5.0, "cost of a parcel that misses its promise", "money", low=0, high=1e12
    )
    lost_sale_penalty_rate: float = _setting(
        "number", 0.5, "cost of a sale lost, as a share of its price", low=0, high=100
    )
    short_lost_share: float = _setting(
        "number",
        0.5,
        "share of the units a node is short of that are lost, the others coming from elsewhere: stock is raised above "
        "the service level where that costs less than the sales it saves; 0 = keep to the service level",
        low=0,
        high=1,
    )
    service_measure: str | None = _setting(
        "choice", None, "service measure of every tier; blank = as the tier says", choices=("fill", "cycle")
    )
    routing: str = _setting(
        "choice", "cheapest", "how the order router chooses a lane", choices=("cheapest", "fastest")
    )
    split_shipments: str = _setting(
        "choice",
        "price",
        "orders of several SKUs: price the parcels they are split into, only report them, or ignore them",
        choices=("price", "report", "ignore"),
    )
    split_gap: float = _setting(
        "number",
        0.03,
        "how far above the bound the cost of the plan may be where SKUs that are ordered together were brought "
        "together, since what that saves in parcels is no part of it, or where stock is kept above the service level",
        low=0,
        high=1,
    )
    family_together: float = _setting(
        "number",
        0.5,
        "share of the slowest member's demand that is wanted in one order with all of its family (column family of "
        "the sheet SKUs), beyond what past orders show; 0 = families mean nothing",
        low=0,
        high=1,
    )
    order_cost: float = _setting("number", 25.0, "cost of an order placed with a supplier", "money", low=0, high=1e12)
    transfer_cost: float = _setting("number", 5.0, "cost of a transfer from a feeding node", "money", low=0, high=1e12)
    change_cost_in: float = _setting(
        "number", 5.0, "cost of starting to stock a SKU at a node", "money", low=0, high=1e12
    )
    change_cost_out: float = _setting(
        "number", 5.0, "cost of ceasing to stock a SKU at a node", "money", low=0, high=1e12
    )
    transfer_cost_per_kg: float = _setting(
        "number", 0.2, "freight of goods that leave a node for another it does not feed", "money/kg", low=0, high=1e12
    )
    transfer_days: float = _setting("number", 3.0, "days such a transfer takes", "days", low=0, high=730)
    change_threshold: float = _setting(
        "number",
        0.25,
        "share by which a reorder point or an average stock must move to be listed as a change",
        low=0,
        high=1e6,
    )
    max_cover_days: float = _setting(
        "number", 90.0, "largest order quantity, in days of demand", "days", low=0, high=1e6, low_open=True
    )
    default_weight_kg: float = _setting(
        "number", 0.5, "weight of a SKU whose weight_kg is blank", "kg", low=0, high=1e6
    )
    default_volume_l: float = _setting("number", 1.0, "volume of a SKU whose volume_l is blank", "l", low=0, high=1e6)
    default_lead_time_days: float = _setting(
        "number", 7.0, "lead time of a node whose lead_time_days is blank", "days", low=0, high=730
    )
    default_lead_time_sd: float = _setting(
        "number", 1.0, "spread of the lead time where lead_time_sd is blank", "days", low=0, high=730
    )
    default_review_days: float = _setting(
        "number", 7.0, "days between two orders of a node whose review_days is blank", "days", low=0, high=365
    )
    default_price_markup: float = _setting("number", 1.0, "unit_price blank = unit_cost x (1 + this)", low=0, high=1e6)
    default_on_time_rate: float = _setting(
        "number", 0.95, "share of parcels on time on a lane that does not say", low=0, high=1
    )
    default_damage_rate: float = _setting(
        "number", 0.0, "share of units damaged on a lane that does not say", low=0, high=1
    )
    gap: float = _setting("number", 0.001, "stop when the plan is proved this close to the best", low=0, high=1)
    accept_gap: float = _setting("number", 0.01, "widest gap of a plan that may be published", low=0, high=1)
    time_limit: float = _setting("number", 600.0, "longest search", "seconds", low=0, high=1e9, low_open=True)
    deterministic: str = _setting(
        "choice", "no", "yes: no clock has a say in the plan (only as an option)",
        choices=("no", "yes"),
    )  # fmt: skip
    seed: int = _setting("whole", 0, "seed of the random numbers", low=0, high=2**31 - 1)
    returns: str = _setting(
        "choice",
        "drop",
        "cancelled or returned lines: drop them, net them against sales, or reject the file",
        choices=("drop", "net", "reject"),
    )
    max_qty: float = _setting(
        "number", 1e9, "largest believable quantity of an order line", "units", low=0, high=1e12, low_open=True
    )
    max_unpacked_mb: float = _setting(
        "number", 500.0, "largest unpacked size of a workbook that is opened (only as an option)", "MB", low=1, high=1e9
    )
    accepted_outliers: tuple[str, ...] = _setting("list", (), "cells whose odd value is right: no warning for them")
    origins: Mapping[str, str] = field(default_factory=lambda: dict.fromkeys(RECORDS, "default"), compare=False)

    def with_values(self, **values: Any) -> Settings:
        """The same settings with some replaced (origin ``--set``). Values may be typed or text.

        Raises UsageError for a name that is no setting (with the nearest one) and for a value that does not fit.
        """
        return self.with_origin({name: (value, "--set") for name, value in values.items()})

    def with_origin(self, values: Mapping[str, tuple[Any, str]]) -> Settings:
        """As :meth:`with_values`, each value with its own origin."""
        typed = {name: parse_setting(known(name), value) for name, (value, _) in values.items()}
        origins = {**self.origins, **{name: origin for name, (_, origin) in values.items()}}
        return replace(self, **typed, origins=origins)

    @property
    def boundaries(self) -> tuple[date, ...]:
        """First day of each period and the day after the last: periods + 1 dates. Raises UsageError without a start."""
        if self.start is None:
            raise UsageError("the plan has no start date.", "Set start, e.g. --set start=2027-01-01.")
        if self.period == "week":
            return tuple(self.start + timedelta(weeks=number) for number in range(self.periods + 1))
        return tuple(_months_later(self.start, number) for number in range(self.periods + 1))

    @property
    def labels(self) -> tuple[str, ...]:
        """Name of each period: YYYY-MM for months that start on day 1, else the ISO date of the first day."""
        monthly = self.period == "month" and self.start is not None and self.start.day == 1
        return tuple(day.isoformat()[:7] if monthly else day.isoformat() for day in self.boundaries[:-1])


RECORDS: dict[str, SettingRecord] = {
    item.name: SettingRecord(item.name, default=item.default, **item.metadata)
    for item in fields(Settings)
    if item.name != "origins"
}


ONLY_OPTIONS = ("max_unpacked_mb", "deterministic")  # needed before a workbook is opened: no sheet can give them
READING = ("start", "period", "returns", "max_qty", "max_unpacked_mb", "accepted_outliers")


def used_in_reading(name: str) -> bool:
    """The setting takes effect when a workbook is read: changing it afterwards changes nothing that was read.

    >>> used_in_reading("returns"), used_in_reading("default_weight_kg"), used_in_reading("budget")
    (True, True, False)
    """
    return name in READING or name.startswith("default_")


def known(name: str) -> SettingRecord:
    """The record of a setting. Raises UsageError with the nearest name when there is none."""
    if name in RECORDS:
        return RECORDS[name]
    guess = nearest(name, RECORDS)
    hint = f'Did you mean "{guess}"?' if guess else "Settings are: " + ", ".join(RECORDS) + "."
    raise UsageError(f'unknown setting "{name}".', hint)


def parse_setting(record: SettingRecord, value: Any) -> Any:
    """A typed value from a typed one or from text. Raises UsageError that says what was expected."""
    if value is None or (isinstance(value, str) and not value.strip()):
        if record.blank or record.kind == "list":
            return record.default
        raise UsageError(f"setting {record.name} is blank: expected {record.expectation}.")
    try:
        return _PARSERS[record.kind](record, value)
    except (ValueError, TypeError, OverflowError):
        raise UsageError(f'setting {record.name} is "{value}": expected {record.expectation}.') from None


def _number(record: SettingRecord, value: Any) -> float:
    if isinstance(value, (bool, date)):
        raise ValueError
    number = float(value)
    low = number > record.low if record.low_open else number >= record.low
    high = number < record.high if record.high_open else number <= record.high
    if not (math.isfinite(number) and low and high):
        raise ValueError
    return number


def _whole(record: SettingRecord, value: Any) -> int:
    number = _number(record, value)
    if number != int(number):
        raise ValueError
    return int(number)


def _text(record: SettingRecord, value: Any) -> str:
    return str(value).strip()


def _date(record: SettingRecord, value: Any) -> date:
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    if not isinstance(value, str):
        raise ValueError
    return date.fromisoformat(value.strip())


def _choice(record: SettingRecord, value: Any) -> str:
    word = str(value).strip().casefold()
    if word not in record.choices:
        raise ValueError
    return word


def _list(record: SettingRecord, value: Any) -> tuple[str, ...]:
    parts = value.replace(";", ",").split(",") if isinstance(value, str) else value
    return tuple(str(part).strip() for part in parts if str(part).strip())


_PARSERS = {"number": _number, "whole": _whole, "text": _text, "date": _date, "choice": _choice, "list": _list}


def _months_later(day: date, months: int) -> date:
    """The same day of a later month; where that month is shorter, its last day."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    last = (date(year + (month + 1) // 12, (month + 1) % 12 + 1, 1) - timedelta(days=1)).day
    return date(year, month + 1, min(day.day, last))
