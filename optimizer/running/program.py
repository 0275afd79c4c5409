"""What is put before the solver, told in figures for the record of a run: the network program, and the options."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from models.instance import Floats
from models.master import OPTIONS, new_solver
from models.network import Compiled

OWN = ("presolve", "primal_feasibility_tolerance", "dual_feasibility_tolerance", "mip_feasibility_tolerance")


def program_facts(compiled: Compiled) -> dict[str, Any]:
    """Size, ranges and digest of the network program, in the case's own units.

    Ranges are (least, largest) of the magnitudes that are neither zero nor infinite. ``largest_switch`` is the largest
    coefficient that opening a node has, with the constraint it stands in: the program has no other big-M.
    """
    sides = np.concatenate([compiled.row_lower, compiled.row_upper])
    bounds = np.concatenate([compiled.lower, compiled.upper])
    return {
        "rows": len(compiled.row_lower),
        "columns": len(compiled.cost),
        "integers": len(compiled.integer),
        "nonzeros": len(compiled.value),
        "coefficients": _range(compiled.value),
        "costs": _range(compiled.cost),
        "bounds": _range(bounds),
        "sides": _range(sides),
        "largest_switch": _largest_switch(compiled),
        "sha256": digest(compiled),
    }


def _range(values: Floats) -> list[float]:
    sizes = np.abs(values[np.isfinite(values) & (values != 0)])
    return [float(sizes.min()), float(sizes.max())] if sizes.size else []


def _largest_switch(compiled: Compiled) -> dict[str, Any] | None:
    is_open = np.array([name == "open" for name, _ in compiled.names], dtype=bool)[compiled.index]
    if not is_open.any():
        return None
    at = int(np.flatnonzero(is_open)[np.abs(compiled.value[is_open]).argmax()])
    row = int(np.searchsorted(compiled.start, at, side="right")) - 1
    return {"coefficient": float(compiled.value[at]), "constraint": compiled.constraints[row]}


def digest(compiled: Compiled) -> str:
    """SHA-256 of the program with the names of its columns and rows: the same program has the same on any machine."""
    whole = hashlib.sha256(repr((compiled.names, compiled.constraints, compiled.offset)).encode())
    numbers = (compiled.cost, compiled.value, compiled.row_lower, compiled.row_upper, compiled.lower, compiled.upper)
    for array in numbers:
        whole.update(np.ascontiguousarray(array, dtype="<f8").tobytes())
    for places in (compiled.start, compiled.index, compiled.integer):
        whole.update(np.ascontiguousarray(places, dtype="<i8").tobytes())
    return whole.hexdigest()


def option_facts(seed: int) -> dict[str, Any]:
    """Options as they are passed to every solver of the process, and as HiGHS reads them back, with its build."""
    solver = new_solver(seed)
    passed = {**OPTIONS, "random_seed": int(seed)}
    read = {name: _plain(solver.getOptionValue(name)[1]) for name in (*passed, *OWN)}
    return {"passed": passed, "read_back": read, "highs": f"{solver.version()} ({solver.githash()})"}


def _plain(value: Any) -> Any:
    return value if isinstance(value, (bool, int, float, str)) else str(value)
