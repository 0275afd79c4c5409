"""What a planner sees on the terminal: findings, live progress, the closing lines, and the one JSON line."""

from __future__ import annotations

import json
import math
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from .errors import SEVERITIES, Finding, worst_first

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

    from models.outcome import Progress

    from .plan import Plan

SHOWN = 20  # findings printed before "and N more"
PLAIN_EVERY = 5.0  # seconds between two progress lines of the same stage in a pipe
SILENCE = 10.0  # seconds without news after which the last line is told again
STYLES = {"error": "bold red", "warning": "yellow", "repair": "cyan", "note": "dim"}


def use_utf8() -> None:
    """Print any name on any machine: a pipe or console with another encoding gets UTF-8."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(encoding="utf-8", errors="backslashreplace")


class Talk:
    """Speaks to the planner; ``quiet`` leaves only errors and the JSON line."""

    def __init__(self, quiet: bool = False) -> None:
        self.quiet = quiet

    def say(self, line: str, style: str = "") -> None:
        """One line on standard output."""
        if not self.quiet:
            _print(_console(), line, style)

    def complain(self, line: str) -> None:
        """One line on standard error, even when quiet."""
        _print(_console(stderr=True), line, STYLES["error"])

    def findings(self, findings: Iterable[Finding]) -> None:
        """The worst findings first, at most ``SHOWN``; errors go to standard error even when quiet."""
        ordered = worst_first(findings)
        for finding in ordered[:SHOWN]:
            self._finding(finding)
        rest = len(ordered) - SHOWN
        if rest > 0 and ordered[SHOWN].severity == "error":
            self.complain(f"and {rest:,} more")
        elif rest > 0:
            self.say(f"and {rest:,} more")

    def _finding(self, finding: Finding) -> None:
        from rich.text import Text

        error = finding.severity == "error"
        if self.quiet and not error:
            return
        text = Text.assemble((f"{finding.severity:<8}", STYLES[finding.severity]), harmless(str(finding)))
        _console(stderr=error).print(text, soft_wrap=True)

    def plan(self, plan: Plan, path: Path) -> None:
        """A plan in a few lines: what was noticed, what it costs, how good it is, where it stands."""
        findings = (*plan.case.findings, *plan.assembly_findings)
        self.findings(finding for finding in findings if finding.severity in ("error", "warning"))
        for line in plan.headline:
            self.say(line)
        self.say(f"{counted(findings)}; {plan.facts['seconds']:,.1f} s")
        self.say(f"Written: {path}", "bold")

    @contextmanager
    def progress(self) -> Iterator[Callable[[Progress], None] | None]:
        """A listener for live progress: one moving line on a terminal, plain lines in a pipe, None when quiet."""
        if self.quiet:
            yield None
            return
        console = _console()
        if not console.is_terminal:
            with _Paced(lambda seconds, line: self.say(f"{seconds:7.1f} s  {progress_line(line)}")) as paced:
                yield paced.hear
            return
        from rich.live import Live

        with Live(console=console, refresh_per_second=8, transient=True) as live:
            spinner = _Moving()
            live.update(spinner)
            yield spinner.hear


class Log(Talk):
    """Speaks to a log collector: one JSON object per line on standard error, each with its time and level."""

    def say(self, line: str, style: str = "") -> None:
        """A message."""
        self._line("info", "message", {"message": line})

    def complain(self, line: str) -> None:
        """An error."""
        self._line("error", "message", {"message": line})

    def findings(self, findings: Iterable[Finding]) -> None:
        """Every finding, worst first."""
        levels = {"error": "error", "warning": "warning"}
        for finding in worst_first(findings):
            self._line(levels.get(finding.severity, "info"), "finding", asdict(finding))

    @contextmanager
    def progress(self) -> Iterator[Callable[[Progress], None] | None]:
        """A line when the stage changes, else at most every ``PLAIN_EVERY`` and at least every ``SILENCE`` seconds."""
        with _Paced(self._progress) as paced:
            yield paced.hear

    def _progress(self, seconds: float, line: Progress) -> None:
        known = {"stage": line.stage, "seconds": round(seconds, 3), "note": line.note}
        self._line("info", "progress", known | {"bound": line.bound, "best": line.best, "gap": line.gap})

    @staticmethod
    def _line(level: str, event: str, facts: Mapping[str, Any]) -> None:
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        sys.stderr.write(json_line({"time": now, "level": level, "event": event, **facts}) + "\n")
        sys.stderr.flush()


class _Moving:
    """The moving line: redrawn by rich, so that its clock runs between two reports of the solver."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._line = "starting"

    def hear(self, progress: Progress) -> None:
        self._line = progress_line(progress)

    def __rich__(self) -> Text:
        from rich.text import Text

        passed = time.monotonic() - self._began
        turn = "|/-\\"[int(passed * 4) % 4]
        return Text(f"{turn} {passed:6.1f} s  {self._line}", style="cyan", no_wrap=True)


class _Paced:
    """Tells of a line when the stage changes, else at most every ``PLAIN_EVERY`` seconds; tells the last one again
    after ``SILENCE`` seconds, so that nobody thinks the run hangs."""

    def __init__(self, tell: Callable[[float, Progress], None]) -> None:
        self._tell = tell
        self._began = self._told = time.monotonic()
        self._line: Progress | None = None
        self._stage = ""
        self._turn = threading.Lock()
        self._over = threading.Event()

    def __enter__(self) -> Self:
        threading.Thread(target=self._repeat, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: object, trace: TracebackType | None) -> None:
        with self._turn:
            self._over.set()

    def hear(self, progress: Progress) -> None:
        """The listener."""
        with self._turn:
            self._line = progress
            if self._stage != progress.stage or time.monotonic() - self._told >= PLAIN_EVERY:
                self._stage = progress.stage
                self._speak(progress)

    def _speak(self, line: Progress) -> None:
        self._told = time.monotonic()
        self._tell(self._told - self._began, line)

    def _repeat(self) -> None:
        while not self._over.wait(SILENCE / 10):
            with self._turn:
                if self._line is not None and time.monotonic() - self._told >= SILENCE and not self._over.is_set():
                    self._speak(self._line)


def progress_line(progress: Progress) -> str:
    """Stage, bound, best plan and gap; what is not yet known is left out.

    >>> from models.outcome import Progress
    >>> progress_line(Progress("bound", 1.5, bound=990.0, best=1000.0))
    'bound     bound 990  best 1,000  gap 1.000 %'
    >>> progress_line(Progress("patterns", 0.5, bound=-math.inf, best=math.inf, note="1,204 sets"))
    'patterns  1,204 sets'
    """
    parts = [
        f"bound {progress.bound:,.0f}" if math.isfinite(progress.bound) else "",
        f"best {progress.best:,.0f}" if math.isfinite(progress.best) else "",
        f"gap {progress.gap:.3%}".replace("%", " %") if math.isfinite(progress.gap) else "",
        progress.note,
    ]
    return f"{progress.stage:<8}  {'  '.join(part for part in parts if part)}".rstrip()


def counts(findings: Iterable[Finding]) -> dict[str, int]:
    """Number of findings of each severity, in the order of severity."""
    seen = Counter(finding.severity for finding in findings)
    return {severity: seen[severity] for severity in SEVERITIES}


def counted(findings: Iterable[Finding]) -> str:
    """The same in words.

    >>> counted([Finding("K-1", "warning", "SKUs!A7", "123", "text", "")])
    '1 warning'
    >>> counted([])
    'no findings'
    """
    parts = [f"{number:,} {name}{'s' if number > 1 else ''}" for name, number in counts(findings).items() if number]
    return ", ".join(parts) or "no findings"


def json_line(facts: Mapping[str, Any]) -> str:
    """One line of strict JSON: a number that is not finite becomes null.

    >>> json_line({"cost": 12.5, "bound": -math.inf})
    '{"cost": 12.5, "bound": null}'
    """
    return json.dumps(plain(facts), allow_nan=False)


def plain(value: Any) -> Any:
    """Dates, paths and numpy scalars as JSON knows them."""
    if isinstance(value, Mapping):
        return {str(name): plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if hasattr(value, "item"):
        value = value.item()
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return str(value)


def harmless(text: str) -> str:
    """The text without characters that would steer a terminal.

    >>> harmless("A\\x1b[2J-1")
    'A\\\\x1b[2J-1'
    """
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text)


def _console(stderr: bool = False) -> Console:
    from rich.console import Console

    return Console(stderr=stderr, markup=False, highlight=False, emoji=False)


def _print(console: Console, line: str, style: str = "") -> None:
    console.print("\n".join(harmless(part) for part in line.split("\n")), style=style or None, soft_wrap=True)
