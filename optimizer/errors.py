"""What can go wrong, each with its own exit code, and the finding: one sentence about one place in the data."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, ClassVar

SEVERITIES = ("error", "warning", "repair", "note")


@dataclass(frozen=True)
class Finding:
    """One thing the reader, the checks or the audit have to say.

    ``place`` is Excel's own (``SKUs!D14``), ``value`` is what stands there, ``expectation`` what should, ``remedy``
    what to do.
    """

    code: str
    severity: str  # one of SEVERITIES
    place: str
    value: str
    expectation: str
    remedy: str

    def __str__(self) -> str:
        seen = f' is "{self.value}"' if self.value else ""
        advice = f" {self.remedy}" if self.remedy else ""
        end = "" if self.expectation.endswith("?") else "."
        return f"{self.code} {self.place}{seen}: {self.expectation}{end}{advice}"


def worst_first(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Errors, then warnings, repairs and notes; within one severity the order in which they were found."""
    return tuple(sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity)))


def numbered(number: int, thing: str) -> str:
    """A number of things in words.

    >>> numbered(1, "SKU"), numbered(1204, "SKU")
    ('1 SKU', '1,204 SKUs')
    """
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def nearest(name: str, known: Iterable[str]) -> str:
    """The known name most like ``name`` (case aside), or '' when none is like it."""
    by_fold = {candidate.casefold(): candidate for candidate in known}
    hits = get_close_matches(name.casefold(), list(by_fold), n=1, cutoff=0.6)
    return by_fold[hits[0]] if hits else ""


class NodewiseError(Exception):
    """Base of every error meant for a planner: a message, and what to do about it."""

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message} {self.remedy}".strip()


class UsageError(NodewiseError):
    """An option, a path or a setting given by the caller is wrong."""

    exit_code = 2


class _WithFindings(NodewiseError):
    """An error that carries the findings behind it, worst first."""

    def __init__(self, message: str, findings: Iterable[Finding] = (), remedy: str = "") -> None:
        super().__init__(message, remedy)
        self.findings = worst_first(findings)


class InputInvalid(_WithFindings):
    """The workbook or the orders file cannot be used as it is; ``findings`` says why, all of it."""

    exit_code = 3


class InfeasibleCase(NodewiseError):
    """No plan can meet every limit; ``relief`` is the smallest change that would allow one.

    ``findings`` is what was noticed in the input: errors when the data alone prove it, before any solve.
    """

    exit_code = 4

    def __init__(
        self, message: str, relief: Iterable[Any] = (), remedy: str = "", findings: Iterable[Finding] = ()
    ) -> None:
        super().__init__(message, remedy)
        self.relief = tuple(relief)
        self.findings = worst_first(findings)


class GapTooWide(NodewiseError):
    """A plan was found, but its gap is above the accepted one."""

    exit_code = 5


class NoPlanInTime(NodewiseError):
    """The time limit passed before any plan was found, or the search ended by itself without one (``reason``)."""

    exit_code = 6

    def __init__(self, message: str, remedy: str = "", reason: str = "time_limit") -> None:
        super().__init__(message, remedy)
        self.reason = reason


class SolverFailure(NodewiseError):
    """The solver failed, or its version is not to be trusted."""

    exit_code = 7


class AuditFailed(_WithFindings):
    """The written plan does not agree with the case; ``findings`` says where."""

    exit_code = 8


class WriteFailed(NodewiseError):
    """The plan could not be written or published."""

    exit_code = 9


class Busy(NodewiseError):
    """Another run holds the lock."""

    exit_code = 10


class InputChanged(NodewiseError):
    """The input changed while it was being read."""

    exit_code = 11


class FileRefused(NodewiseError):
    """The file is malformed in a way that no spreadsheet program writes; it was not opened."""

    exit_code = 12


class Interrupted(NodewiseError):
    """Stopped by the user."""

    exit_code = 130
