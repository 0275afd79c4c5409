"""The textbook model in linopy: dense labelled arrays with masks, solved by HiGHS."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import linopy
import numpy as np
import pandas as pd
import xarray as xr

from models import routing

from .textbook import Chosen, Fit, Textbook

DIMS = {"K": "k", "N": "n", "R": "r", "T": "t", "C": "c"}


class _Arrays:
    """Labels numpy arrays with the dimensions of an instance."""

    def __init__(self, book: Textbook) -> None:
        skus, nodes, regions, periods = book.instance.shape
        sizes = {"k": skus, "n": nodes, "r": regions, "t": periods, "c": 3}
        self.coords = {dim: pd.RangeIndex(size, name=dim) for dim, size in sizes.items()}

    def __call__(self, values: Any, dims: str) -> xr.DataArray:
        return xr.DataArray(np.asarray(values), coords=[self.coords[d] for d in dims], dims=list(dims))


def build(book: Textbook, gap: float) -> Callable[[float], Chosen]:
    """Whole-array constraints, as in linopy's own examples; an absent variable counts as zero."""
    model, a = linopy.Model(), _Arrays(book)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # newer versions announce that absence will one day spread instead
        for rules in (_variables, _serving, _placement, _nodes, _cost):
            rules(model, a, book)

    def solve(seconds: float) -> Chosen:
        status, _ = model.solve(
            solver_name="highs", io_api="direct", time_limit=seconds, mip_rel_gap=gap, threads=2, output_flag=False
        )
        info = model.solver_model.getInfo()
        if status not in ("ok", "warning") or info.primal_solution_status != 2:
            return None, None, np.inf, info.mip_dual_bound
        stocked = np.nan_to_num(model.solution["y"].transpose("k", "n", "t").values) > 0.5
        opened = np.nan_to_num(model.solution["open"].transpose("n", "t").values) > 0.5
        return stocked, book.opened(opened), info.objective_function_value, info.mip_dual_bound

    return solve


def _variables(model: linopy.Model, a: _Arrays, book: Textbook) -> None:
    i = book.instance
    periods = len(i.periods)
    candidate = np.repeat(i.candidate[:, None], periods, 1)
    changes = np.repeat(book.may_stock.any(2)[:, :, None], periods, 2)
    changes &= np.arange(periods) > (0 if i.in_force is None else -1)
    rooms = np.repeat(((i.room_m3 > 0) & np.isfinite(i.room_m3))[:, :, None], periods, 2) & i.available[:, None]

    def add(name: str, mask: Any, dims: str, **kind: Any) -> None:
        kind = kind or {"lower": 0}
        model.add_variables(coords=[a.coords[d] for d in dims], mask=a(mask, dims), name=name, **kind)

    add("y", book.may_stock, "knt", binary=True)
    add("x", book.may_serve, "knrt", lower=0, upper=1)
    add("flow", book.may_pass, "knt")
    add("kept", book.may_stock & book.feeds[:, :, None], "knt")
    add("added", changes, "knt", lower=0, upper=1)
    add("dropped", changes, "knt", lower=0, upper=1)
    add("open", i.available, "nt", binary=True)
    add("opening", i.available & candidate, "nt", lower=0, upper=1)
    add("surge", rooms, "nct")
    always = i.available & ~candidate
    model.add_constraints(model["open"] >= 1, mask=a(always, "nt"), name="open nodes are open")


def _serving(model: linopy.Model, a: _Arrays, book: Textbook) -> None:
    i = book.instance
    x, y, flow, kept = model["x"], model["y"], model["flow"], model["kept"]
    model.add_constraints(x.sum("n") == 1, mask=a(i.mean > 0, "krt"), name="region is served")
    model.add_constraints(x - y <= 0, mask=a(book.may_serve, "knrt"), name="only from stock")
    feeds = i.feeder[:, :, None] == np.arange(len(i.nodes))  # (K, fed node, feeder)
    down = xr.DataArray(feeds.astype(float), dims=["k", "from", "n"], coords={d: a.coords[d] for d in "kn"})
    down = down.assign_coords({"from": np.arange(len(i.nodes))})
    passed = (flow.rename({"n": "from"}) * down).sum("from") if feeds.any() else 0
    own = (x * a(i.mean, "krt")).sum("r")
    model.add_constraints(own + passed - flow == 0, mask=a(book.may_pass, "knt"), name="flow is kept")
    most = a(book.most, "kt")
    relays = a(book.may_stock & book.feeds[:, :, None], "knt")
    model.add_constraints(kept - flow - most * y >= -most, mask=relays, name="relay keeps stock")


def _placement(model: linopy.Model, a: _Arrays, book: Textbook) -> None:
    i, y = book.instance, model["y"]
    some = a(book.may_stock.any(1), "kt")
    model.add_constraints(y.sum("n") >= a(book.least_nodes, "kt"), mask=some, name="least nodes")
    model.add_constraints(
        y.sum("n") <= a(np.repeat(i.max_nodes[:, None], len(i.periods), 1), "kt"), mask=some, name="most"
    )
    nodes = np.broadcast_to(np.arange(len(i.nodes)), i.feeder.shape)
    for level, above in enumerate((nodes, *routing.chains(i.feeder))):
        for way in np.flatnonzero(i.candidate):
            tied = a((above == way)[:, :, None] & book.may_stock, "knt")
            model.add_constraints(y - model["open"].sel(n=way) <= 0, mask=tied, name=f"open {level} {way}")
    held = np.zeros(i.feeder.shape) if i.in_force is None else i.in_force.astype(float)
    first = np.where(np.arange(len(i.periods)) == 0, held[:, :, None], 0.0)
    change = y - y.shift(t=1)
    model.add_constraints(model["added"] - change >= a(-first, "knt"), mask=model["added"].labels >= 0, name="added")
    model.add_constraints(
        model["dropped"] + change >= a(first, "knt"), mask=model["dropped"].labels >= 0, name="dropped"
    )


def _kept(model: linopy.Model, a: _Arrays, book: Textbook, fit: Fit) -> Any:
    """a y + b times the flow a node stocks for, an array over (k, n, t)."""
    relay = book.feeds[:, :, None]
    plain = model["flow"] * a(np.where(relay, 0.0, fit.b), "knt") + model["kept"] * a(
        np.where(relay, fit.b, 0.0), "knt"
    )
    return model["y"] * a(fit.a, "knt") + plain


def _nodes(model: linopy.Model, a: _Arrays, book: Textbook) -> None:
    i, opened, surge = book.instance, model["open"], model["surge"]
    volume = _kept(model, a, book, book.peak_m3)
    is_cold = a(i.temperature[:, None] == np.arange(3), "kc").astype(float)
    rooms = (i.room_m3 > 0) & np.isfinite(i.room_m3)
    for c in range(3):
        use = (volume * is_cold.sel(c=c)).sum("k") - surge.sel(c=c)
        room = a(np.where(rooms[:, c], i.room_m3[:, c], 0.0), "n")
        mask = a(rooms[:, [c]] & i.available, "nt")
        model.add_constraints(use - room * opened <= 0, mask=mask, name=f"room {c}")
    fits = surge.sum("c") - opened * a(i.surge_m3, "n") <= 0
    model.add_constraints(fits, mask=a(rooms.any(1)[:, None] & i.available, "nt"), name="surge fits")
    for name, use, most in (("flow", model["flow"], i.units_per_day), ("slots", model["y"], i.max_skus)):
        finite = np.isfinite(most)
        amount = a(np.where(finite, most, 0.0), "n")
        model.add_constraints(
            use.sum("k") - opened * amount <= 0, mask=a(finite[:, None] & i.available, "nt"), name=f"capacity {name}"
        )
    if np.isfinite(i.budget):
        value = _kept(model, a, book, book.average_value)
        model.add_constraints(value.sum(["k", "n"]) <= i.budget, name="budget")
    starts = model["opening"] - opened + opened.shift(t=1)
    model.add_constraints(starts >= 0, mask=model["opening"].labels >= 0, name="opening is paid")


def _cost(model: linopy.Model, a: _Arrays, book: Textbook) -> None:
    i = book.instance
    changes = i.change_cost_in * model["added"].sum() + i.change_cost_out * model["dropped"].sum()
    fixed = (model["open"] * a(i.fixed_cost[:, None] * i.months, "nt")).sum()
    opening = (model["opening"] * a(i.opening_cost, "n")).sum()
    surge = (model["surge"] * a(i.surge_cost[:, None] * i.months, "nt")).sum()
    serving = (model["x"] * a(book.serve_cost, "knrt")).sum()
    model.add_objective(serving + _kept(model, a, book, book.stock_cost).sum() + changes + fixed + opening + surge)
