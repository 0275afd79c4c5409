"""Real order histories, planned by the command a planner would type; skipped where the data are not at hand."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from optimizer.reading import read
from tests.benchmarks import real_iowa, real_uci
from tests.benchmarks.real_parts import Given, Took, timed, write

BOTTLES, GIFTS = 0.007, 0.004  # gaps: small cases whose rooms are all full are proved less closely


def run(*command: object) -> tuple[Took, dict[str, Any]]:
    """One command in a process of its own, and the JSON object it printed last."""
    took = timed([*map(str, command), "--json"])
    return took, json.loads(took.output.splitlines()[-1])


def plan_and_verify(case: Given, folder: Path, gap: float) -> dict[str, Any]:
    """Plan through the command line, hold gap and findings, and audit the written plan once more."""
    book, orders = write(case, folder)
    plan = folder / "plan.xlsx"
    took, answer = run("plan", book, "--orders", orders, "--out", plan, "--set", "split_shipments=report",
        "--set", "short_lost_share=0",
    )  # fmt: skip
    assert (took.code, answer["published"]) == (0, True), took.output
    assert 0 < answer["bound"] <= answer["cost"]
    assert answer["gap"] <= gap, took.output
    assert answer["findings"]["error"] == 0
    assert sum(answer["findings"].values()) <= 10, "a planner reads each finding once"
    audited, verdict = run("verify", plan, book, "--orders", orders)
    assert (audited.code, verdict["findings"]["error"]) == (0, 0), audited.output
    return answer


def test_five_hundred_bottles_to_a_state(shared: Path, tmp_path: Path) -> None:
    """Half a year of wholesale lines of 500 bottles, cold rooms, pop-ups and a stock of today: a proved, clean plan."""
    plan_and_verify(real_iowa.given(shared, skus=500, since=date(2021, 5, 1)), tmp_path, BOTTLES)


def test_six_hundred_gifts_to_38_countries(shared: Path, tmp_path: Path) -> None:
    """A year of a gift shop's lines of 600 SKUs, lanes overseas estimated: a proved, clean plan."""
    plan_and_verify(real_uci.given(shared, skus=600), tmp_path, GIFTS)


def test_no_real_line_gets_lost(shared: Path, tmp_path: Path) -> None:
    """Every line before the start is read, with its SKU and region: counts and units are those of the raw file."""
    case = real_uci.given(shared, skus=600)
    book, orders = write(case, tmp_path)
    assert not isinstance(case.orders, Path)
    before = case.orders[case.orders["date"] < str(real_uci.START)]
    found = read(book, orders=orders).orders
    assert len(found) == len(before)
    assert found["quantity"].sum() == before["quantity"].sum()
    by_region = found.groupby("region", observed=True)["quantity"].sum().to_dict()
    assert by_region == before.groupby("region")["quantity"].sum().to_dict()


@pytest.mark.slow
def test_the_whole_gift_shop(shared: Path, tmp_path: Path) -> None:
    """3,797 SKUs, half a million lines, 38 countries, every room full before Christmas."""
    plan_and_verify(real_uci.given(shared), tmp_path, GIFTS)


@pytest.mark.slow
def test_the_whole_state(shared: Path, tmp_path: Path) -> None:
    """5,754 SKUs and 2.6 million lines; four candidate nodes of which the bound opens parts."""
    plan_and_verify(real_iowa.given(shared), tmp_path, GIFTS)
