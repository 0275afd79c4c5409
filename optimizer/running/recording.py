"""How a run ended, written into its manifest whatever the ending."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ..errors import InfeasibleCase, Interrupted, NoPlanInTime, SolverFailure
from .folder import Run
from .signals import Stop


@contextmanager
def recorded(run: Run, stop: Stop) -> Iterator[None]:
    """Close the manifest of a run with the exit code it will have. Lack of memory becomes SolverFailure."""
    try:
        yield
    except MemoryError as error:
        fault = SolverFailure("no memory was left.", "Close other programs, or plan on a larger computer.")
        run.close(exit_code=fault.exit_code, ended="MemoryError", stop_reason="memory")
        raise fault from error
    except BaseException as error:
        known = stop.error("") if isinstance(error, (KeyboardInterrupt, Interrupted)) else error
        facts = {"exit_code": getattr(known, "exit_code", 1), "ended": type(known).__name__}
        if run.manifest["stop_reason"] == "running":
            facts["stop_reason"] = stop_reason(known)
        run.close(**facts)
        raise
    run.close(exit_code=run.manifest["exit_code"] or 0)


def stop_reason(error: BaseException) -> str:
    """Why there was no plan to show."""
    if isinstance(error, NoPlanInTime):
        return error.reason
    if isinstance(error, (KeyboardInterrupt, Interrupted)):
        return "interrupted"
    if isinstance(error, InfeasibleCase):
        return "infeasible"
    return "crashed" if isinstance(error, SolverFailure) else "error"
