"""Settings: types, ranges, origins, and the calendar that follows from them."""

from __future__ import annotations

from dataclasses import fields
from datetime import date
from typing import Any

import pytest

from optimizer.errors import UsageError
from optimizer.settings import RECORDS, Settings, parse_setting


def test_every_field_has_a_record_with_a_meaning() -> None:
    """One record per setting, in the order of the fields, each with a meaning and a default that fits itself."""
    assert list(RECORDS) == [item.name for item in fields(Settings) if item.name != "origins"]
    for record in RECORDS.values():
        assert record.meaning
        assert record.expectation
        assert parse_setting(record, record.default) == record.default


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("periods", "6", 6),
        ("periods", 6.0, 6),
        ("start", "2027-01-31", date(2027, 1, 31)),
        ("period", " Week ", "week"),
        ("budget", "", None),
        ("budget", "0", 0.0),
        ("gap", "1e-4", 1e-4),
        ("accepted_outliers", "SKUs!E7; SKUs!E9", ("SKUs!E7", "SKUs!E9")),
        ("service_measure", "fill", "fill"),
    ],
)
def test_values_are_parsed_by_type(name: str, value: Any, expected: Any) -> None:
    """Text from the command line and typed values from a notebook or a cell give the same setting."""
    settings = Settings().with_values(**{name: value})
    assert getattr(settings, name) == expected
    assert type(getattr(settings, name)) is type(expected)
    assert settings.origins[name] == "--set"
    assert settings.origins["seed"] == "default"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("periods", 0), ("periods", 2.5), ("periods", ""), ("periods", True), ("start", 46086), ("start", "05/03/2027"),
        ("period", "year"), ("gap", "nan"), ("gap", 1.5), ("time_limit", 0), ("holding_rate", "20%"), ("budget", -1),
        ("routing", "best"),
    ],
)  # fmt: skip
def test_a_value_that_does_not_fit_is_refused(name: str, value: Any) -> None:
    """The message names the setting, the value and what was expected."""
    with pytest.raises(UsageError, match=rf"setting {name} .*expected"):
        Settings().with_values(**{name: value})


def test_an_unknown_name_is_refused_with_the_nearest() -> None:
    """A misspelt setting is never silently ignored."""
    with pytest.raises(UsageError, match=r'unknown setting "perods".*Did you mean "periods"'):
        Settings().with_values(perods=3)


def test_periods_end_on_the_same_day_of_the_month() -> None:
    """From the 31st: the last day where a month is shorter. Labels are ISO dates unless months start on day 1."""
    settings = Settings().with_values(start="2027-01-31", periods=3)
    assert settings.boundaries == (date(2027, 1, 31), date(2027, 2, 28), date(2027, 3, 31), date(2027, 4, 30))
    assert settings.labels == ("2027-01-31", "2027-02-28", "2027-03-31")
    assert Settings().with_values(start="2026-12-01", periods=2).labels == ("2026-12", "2027-01")
    weeks = Settings().with_values(start="2026-12-28", periods=2, period="week")
    assert weeks.labels == ("2026-12-28", "2027-01-04")


def test_a_calendar_needs_a_start() -> None:
    """The clock is never asked."""
    with pytest.raises(UsageError, match="no start date"):
        _ = Settings().boundaries
