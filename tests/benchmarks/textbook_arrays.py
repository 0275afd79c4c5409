"""The textbook model as arrays, passed to HiGHS in one call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import highspy
import numpy as np
from scipy import sparse

from models import routing
from models.instance import Bools, Floats, Ints

from .textbook import Chosen, Textbook


class _Rows:
    """Sparse rows lower <= A x <= upper, gathered block by block."""

    def __init__(self) -> None:
        self.count = 0
        self.blocks: list[tuple[Ints, Ints, Floats]] = []
        self.bounds: list[tuple[Floats, Floats]] = []

    def add(self, lower: float | Floats, upper: float | Floats, count: int, *terms: tuple[Ints, Ints, Any]) -> None:
        """`count` rows; each term is (row within the block, column, coefficient)."""
        for row, column, value in terms:
            self.blocks.append((row + self.count, column, np.broadcast_to(np.asarray(value, dtype=float), row.shape)))
        self.bounds.append((np.full(count, 1.0) * lower, np.full(count, 1.0) * upper))
        self.count += count

    def matrix(self, columns: int) -> sparse.csr_matrix:
        row, column, value = (np.concatenate(part) for part in zip(*self.blocks, strict=True))
        return sparse.csr_matrix((value, (row, column)), shape=(self.count, columns))


class _Columns:
    """Dense arrays of column numbers, -1 where a variable does not exist."""

    def __init__(self) -> None:
        self.cost: list[Floats] = []
        self.upper: list[Floats] = []
        self.integer: list[Bools] = []
        self.count = 0

    def add(self, exists: Bools, cost: Any, upper: float = np.inf, integer: bool = False) -> Ints:
        number = np.full(exists.shape, -1, dtype=np.int64)
        found = int(exists.sum())
        number[exists] = self.count + np.arange(found)
        self.cost.append(np.broadcast_to(np.asarray(cost, dtype=float), exists.shape)[exists])
        self.upper.append(np.full(found, upper))
        self.integer.append(np.full(found, integer))
        self.count += found
        return number


def build(book: Textbook, gap: float) -> Callable[[float], Chosen]:
    """Index arithmetic in numpy, one call of passModel."""
    columns, names = _columns(book)
    rows = _Rows()
    _serving_rows(book, rows, names)
    _placement_rows(book, rows, names)
    _node_rows(book, rows, names)
    lp = _lp(columns, rows)

    def solve(seconds: float) -> Chosen:
        solver = highspy.Highs()
        for option, value in {"output_flag": False, "mip_rel_gap": gap, "time_limit": seconds, "threads": 2}.items():
            solver.setOptionValue(option, value)
        if highspy.HighsStatus.kError in (solver.passModel(lp), solver.run()):
            raise RuntimeError("HiGHS refused the textbook model")
        info = solver.getInfo()
        if info.primal_solution_status != highspy.SolutionStatus.kSolutionStatusFeasible:
            return None, None, np.inf, info.mip_dual_bound
        value = np.array(solver.getSolution().col_value)
        stocked = (names["y"] >= 0) & (value[names["y"]] > 0.5)
        return stocked, book.opened(value[names["open"]] > 0.5), info.objective_function_value, info.mip_dual_bound

    return solve


def _columns(book: Textbook) -> tuple[_Columns, dict[str, Ints]]:
    i, columns = book.instance, _Columns()
    relays = book.feeds[:, :, None] & book.may_stock
    plain = np.where(relays, 0.0, book.stock_cost.b)
    usable = (i.room_m3 > 0) & np.isfinite(i.room_m3)
    changes = np.broadcast_to((book.may_stock.any(2))[:, :, None], book.may_stock.shape)
    if i.in_force is None:
        changes = changes & (np.arange(len(i.periods)) > 0)
    return columns, {
        "y": columns.add(book.may_stock, book.stock_cost.a, 1.0, integer=True),
        "x": columns.add(book.may_serve, book.serve_cost, 1.0),
        "flow": columns.add(book.may_pass, plain),
        "kept": columns.add(relays, book.stock_cost.b),
        "added": columns.add(changes, i.change_cost_in, 1.0),
        "dropped": columns.add(changes, i.change_cost_out, 1.0),
        "open": columns.add(i.available, i.fixed_cost[:, None] * i.months, 1.0, integer=True),
        "opening": columns.add(i.available & i.candidate[:, None], i.opening_cost[:, None], 1.0),
        "surge": columns.add(
            np.repeat(usable[..., None], len(i.periods), 2), i.surge_cost[:, None, None] * i.months, np.inf
        ),
    }


def _serving_rows(book: Textbook, rows: _Rows, names: dict[str, Ints]) -> None:
    i, x, y = book.instance, names["x"], names["y"]
    k, n, r, t = np.nonzero(x >= 0)
    each = np.arange(len(k))
    demand = np.full((len(i.skus), len(i.regions), len(i.periods)), -1)
    wanted = i.mean > 0
    demand[wanted] = np.arange(wanted.sum())
    rows.add(1.0, 1.0, int(wanted.sum()), (demand[k, r, t], x[k, n, r, t], 1.0))
    rows.add(-np.inf, 0.0, len(k), (each, x[k, n, r, t], 1.0), (each, y[k, n, t], -1.0))
    flow, kept = names["flow"], names["kept"]
    fk, fn, ft = np.nonzero(flow >= 0)
    row = np.full(flow.shape, -1)
    row[fk, fn, ft] = np.arange(len(fk))
    up = i.feeder[fk, fn]
    fed = up >= 0
    rows.add(
        0.0, 0.0, len(fk),
        (np.arange(len(fk)), flow[fk, fn, ft], -1.0),
        (row[k, n, t], x[k, n, r, t], i.mean[k, r, t]),
        (row[fk[fed], up[fed], ft[fed]], flow[fk[fed], fn[fed], ft[fed]], 1.0),
    )  # fmt: skip
    k, n, t = np.nonzero(kept >= 0)
    each, most = np.arange(len(k)), book.most[k, t]
    # kept >= flow - most (1 - y)
    rows.add(
        -most, np.inf, len(k), (each, kept[k, n, t], 1.0), (each, flow[k, n, t], -1.0), (each, y[k, n, t], -most)
    )  # fmt: skip


def _placement_rows(book: Textbook, rows: _Rows, names: dict[str, Ints]) -> None:
    i, y = book.instance, names["y"]
    k, n, t = np.nonzero(y >= 0)
    periods = len(i.periods)
    rows.add(
        book.least_nodes.ravel(),
        np.repeat(i.max_nodes, periods),
        len(i.skus) * periods,
        (k * periods + t, y[k, n, t], 1.0),
    )
    for above in (np.broadcast_to(np.arange(len(i.nodes)), i.feeder.shape), *routing.chains(i.feeder)):
        up = above[k, n]
        tied = (up >= 0) & i.candidate[up]
        each = np.arange(tied.sum())
        rows.add(
            -np.inf, 0.0, len(each), (each, y[k, n, t][tied], 1.0), (each, names["open"][up[tied], t[tied]], -1.0)
        )  # fmt: skip
    k, n, t = np.nonzero(names["added"] >= 0)
    each, now = np.arange(len(k)), y[k, n, t]
    before = np.where(t > 0, y[k, n, t - 1], -1)
    held = np.where(t > 0, 0.0, 0.0 if i.in_force is None else i.in_force[k, n])
    here, there = now >= 0, before >= 0
    for column, sign in ((names["added"], 1.0), (names["dropped"], -1.0)):
        # added >= y[t] - y[t-1];  dropped >= y[t-1] - y[t]
        rows.add(
            -sign * held, np.inf, len(k),
            (each, column[k, n, t], 1.0), (each[here], now[here], -sign), (each[there], before[there], sign),
        )  # fmt: skip


def _node_rows(book: Textbook, rows: _Rows, names: dict[str, Ints]) -> None:
    i, opened, surge = book.instance, names["open"], names["surge"]
    periods = len(i.periods)
    n, t = np.nonzero((opened >= 0) & ~i.candidate[:, None])
    rows.add(1.0, 1.0, len(n), (np.arange(len(n)), opened[n, t], 1.0))
    n, t = np.nonzero(names["opening"] >= 0)
    each, earlier = np.arange(len(n)), np.where(t > 0, opened[n, t - 1], -1)
    was = earlier >= 0
    # opening >= open[t] - open[t-1]
    rows.add(
        0.0, np.inf, len(n),
        (each, names["opening"][n, t], 1.0), (each, opened[n, t], -1.0), (each[was], earlier[was], 1.0),
    )  # fmt: skip
    k, m, s = np.nonzero(names["flow"] >= 0)
    _capacity(rows, opened, i.units_per_day, (m * periods + s, names["flow"][k, m, s], 1.0))
    k, m, s = np.nonzero(names["y"] >= 0)
    _capacity(rows, opened, i.max_skus, (m * periods + s, names["y"][k, m, s], 1.0))
    slot = m * periods + s
    flow = np.where(names["kept"][k, m, s] >= 0, names["kept"][k, m, s], names["flow"][k, m, s])
    value = book.average_value
    if np.isfinite(i.budget):
        rows.add(
            -np.inf, i.budget, periods,
            (s, names["y"][k, m, s], value.a[k, m, s]), (s, flow, value.b[k, m, s]),
        )  # fmt: skip
    peak = book.peak_m3
    for c in range(3):
        has = (i.temperature[k] == c) & (surge[m, c, s] >= 0)
        room = np.where(surge[:, c, 0] >= 0, i.room_m3[:, c], np.inf)
        extra = np.nonzero(surge[:, c] >= 0)
        _capacity(
            rows, opened, room,
            (slot[has], names["y"][k, m, s][has], peak.a[k, m, s][has]), (slot[has], flow[has], peak.b[k, m, s][has]),
            (extra[0] * periods + extra[1], surge[extra[0], c, extra[1]], -1.0),
        )  # fmt: skip
    m, c, s = np.nonzero(surge >= 0)
    _capacity(rows, opened, i.surge_m3, (m * periods + s, surge[m, c, s], 1.0))


def _capacity(rows: _Rows, opened: Ints, most: Floats, *terms: tuple[Ints, Ints, Any]) -> None:
    """use[n,t] <= most[n] open[n,t], where most is finite; terms are numbered n * periods + t."""
    n, t = np.nonzero(np.isfinite(most)[:, None] & (opened >= 0))
    periods = opened.shape[1]
    row = np.full(opened.size, -1)
    row[n * periods + t] = np.arange(len(n))
    kept = [
        (row[slot][row[slot] >= 0], column[row[slot] >= 0], np.broadcast_to(value, slot.shape)[row[slot] >= 0])
        for slot, column, value in terms
    ]
    rows.add(-np.inf, 0.0, len(n), *kept, (np.arange(len(n)), opened[n, t], -most[n]))


def _lp(columns: _Columns, rows: _Rows) -> highspy.HighsLp:
    matrix = rows.matrix(columns.count)
    lp = highspy.HighsLp()
    lp.num_col_, lp.num_row_ = columns.count, rows.count
    lp.col_cost_, lp.col_lower_ = np.concatenate(columns.cost), np.zeros(columns.count)
    lp.col_upper_ = np.concatenate(columns.upper)
    lp.row_lower_, lp.row_upper_ = (np.concatenate(side) for side in zip(*rows.bounds, strict=True))
    lp.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
    lp.a_matrix_.start_, lp.a_matrix_.index_, lp.a_matrix_.value_ = matrix.indptr, matrix.indices, matrix.data
    integer, continuous = highspy.HighsVarType.kInteger, highspy.HighsVarType.kContinuous
    lp.integrality_ = [integer if whole else continuous for whole in np.concatenate(columns.integer)]
    return lp
