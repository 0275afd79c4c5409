"""Lead times learnt from receipts: weights by hand, open orders, and where a case keeps what was learnt."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from models.lead_times import Receipts, learn
from optimizer.receipts import with_lead_times
from optimizer.sourcing import sources
from tests.cases import case_of


def test_weights_by_hand() -> None:
    """Twelve deliveries of 10 days where 7 are stated (sd 2), and a second node of the supplier without any.

    Punctuality: (12 x 10/7 + 4) / 16 = 1.3214. First node: (120 + 4 x 1.3214 x 7) / 16 = 9.8125; the second: 7 x 1.3214
    = 9.25. A supplier without deliveries keeps what is stated, its sd included.
    """
    seen = Receipts(np.zeros(12, dtype=int), np.full(12, 10.0), np.zeros(12, dtype=bool))
    found = learn(seen, np.array([0, 0, 1]), np.full(3, 7.0), np.full(3, 2.0))
    assert found.mean == pytest.approx([9.8125, 9.25, 7.0])
    assert found.received.tolist() == [12, 0, 0]
    assert found.sd[2] == pytest.approx(2.0)
    assert found.sd[0] < 1.2


def test_learnt_lead_times_are_nearer_the_truth_than_stated_ones_and_than_means() -> None:
    """200 pairs of 40 suppliers, gamma lead times about 1.3 times what is stated, 3 receipts each (seed 1)."""
    rng = np.random.default_rng(1)
    stated, supplier = rng.uniform(4, 20, 200), np.arange(200) % 40
    true = stated * rng.gamma(25, 1.3 / 25, 40)[supplier] * rng.gamma(100, 0.01, 200)
    group = np.repeat(np.arange(200), 3)
    days = rng.gamma(9.0, true[group] / 9.0)
    found = learn(Receipts(group, days, np.zeros(600, dtype=bool)), supplier, stated, stated / 3)
    raw = np.bincount(group, days) / 3

    def missed(guess: np.ndarray) -> float:
        return float(np.sqrt(np.mean(np.square(guess / true - 1))))

    assert missed(found.mean) < 0.8 * missed(raw)
    assert missed(found.mean) < 0.6 * missed(stated)
    assert (found.sd / true).mean() == pytest.approx(1 / 3, rel=0.15)


def test_orders_that_are_late_lengthen_the_lead_time() -> None:
    """400 orders in 40 days, gamma lead time of 20 days (sd 8), looked at on day 40: those open are known to be long.

    The mean of what has arrived is below 17.5 days; with the open ones it comes within 6 % of 20.
    """
    rng = np.random.default_rng(2)
    ordered, days = rng.uniform(0, 40, 400), rng.gamma(6.25, 3.2, 400)
    still = ordered + days > 40
    seen = Receipts(np.zeros(400, dtype=int), np.where(still, 40 - ordered, days), still)
    found = learn(seen, np.zeros(1, dtype=int), np.array([20.0]), np.array([8.0]))
    assert days[~still].mean() < 17.5
    assert found.mean[0] == pytest.approx(20.0, rel=0.06)
    assert found.sd[0] == pytest.approx(8.0, rel=0.2)
    assert found.open[0] == still.sum()


def test_a_case_plans_with_what_its_receipts_show() -> None:
    """ACME to HUB takes 9 days where 7 are stated; HUB feeds SPOT in 3, stated 1; two lines of an order count once.

    16 receipts: punctuality (16 x 9/7 + 4) / 20 = 1.2286, mean (144 + 4 x 8.6) / 20 = 8.92; SPOT, 4 receipts:
    (4 x 3 + 4) / 8 = 2, (12 + 4 x 2) / 8 = 2.5. The row received before it was ordered is told, and
    the SKU's own Supply row stays.
    """
    days = [(f"2026-{month:02d}-", day) for month in (3, 4, 5, 6) for day in (1, 4, 9, 12)]
    rows = [
        {"sku": sku, "node": "HUB", "ordered": f"{month}{day:02d}", "received": f"{month}{day + 9:02d}"}
        for sku in ("A", "B")
        for month, day in days
    ]
    rows += [
        {"supplier": "HUB", "node": "SPOT", "ordered": f"2026-07-{day:02d}", "received": f"2026-07-{day + 3:02d}"}
        for day in (1, 5, 9, 13)
    ]
    rows.append({"supplier": "ACME", "node": "HUB", "ordered": "2026-07-09", "received": "2026-07-02"})
    case = case_of(
        skus=[{"sku": name, "unit_cost": 1, "supplier": "ACME"} for name in ("A", "B", "C")],
        nodes=[
            {"node": "HUB", "type": "central", "lead_time_days": 7, "lead_time_sd": 2},
            {"node": "SPOT", "type": "popup", "replenished_from": "HUB", "lead_time_days": 1, "lead_time_sd": 0.5},
        ],
        regions=[{"region": "E"}],
        supply=[{"sku": "C", "node": "HUB", "lead_time_days": 30}],
        receipts=rows,
        settings={"start": date(2027, 1, 1)},
    )
    learnt = with_lead_times(case)
    terms = sources(learnt, np.ones((3, 2), dtype=bool))
    assert terms.lead_time[:, 0] == pytest.approx([8.92, 8.92, 30.0])
    assert terms.lead_time[:, 1] == pytest.approx([2.5, 2.5, 2.5])
    assert terms.feeder[:, 1].tolist() == [0, 0, 0]
    said = [finding for finding in learnt.findings if finding.place == "Receipts"]
    assert [finding.code for finding in said] == ["A-007", "A-007", "A-008"]
    assert "8.9 days" in said[0].expectation
    assert "16 receipts; the workbook says 7 and 2" in said[0].expectation
    assert with_lead_times(replace(case, receipts=case.receipts.iloc[:0])).findings == case.findings
