"""How a file that cannot be used is told of: one finding about the file, or a refusal."""

from __future__ import annotations

from pathlib import Path

from ..errors import FileRefused, Finding, InputInvalid


def invalid(code: str, path: Path, expectation: str, remedy: str, place: str = "") -> InputInvalid:
    """An InputInvalid with the one finding about the file."""
    finding = Finding(code, "error", place or path.name, "", expectation, remedy)
    return InputInvalid(f"{code} {path.name} {expectation}.", (finding,), remedy)


def refused(code: str, path: Path, reason: str, remedy: str = "") -> FileRefused:
    """A FileRefused in the same words."""
    return FileRefused(f"{code} {path.name}: {reason}.", remedy)


def damaged(path: Path, part: str, sheet: str = "") -> InputInvalid:
    """InputInvalid for a part that cannot be read (F-006, or F-007 for the text table)."""
    if part.endswith("sharedStrings.xml"):
        return invalid("F-007", path, "has a broken text table", "Save it again in Excel.", part)
    named = f' (sheet "{sheet}")' if sheet else ""
    return invalid("F-006", path, f"has a damaged part {part}{named}", "Open and repair it in Excel.", part)
