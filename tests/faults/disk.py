"""A disk that fails, or a process that dies, at the n-th step that changes anything on it.

A step is a file opened for writing, a write, an fsync, a rename, a removal, a new folder, wherever in the process; on
request also a file opened for reading.
"""

from __future__ import annotations

import builtins
import errno
import io
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

CALLS = ("replace", "rename", "fsync", "mkdir", "unlink", "remove", "rmdir")
UNDER = os.sep + "desk"  # only steps in a folder of this name count


class Disk:
    """Counts the steps; at step ``at``, and with ``for_good`` at every later one, does ``then``."""

    def __init__(
        self, at: int = 0, then: Callable[[], None] = lambda: None, for_good: bool = False, reads: bool = False
    ) -> None:
        self.at, self.then, self.for_good, self.reads = at, then, for_good, reads
        self.steps: list[tuple[str, str]] = []  # what, and on which path

    @property
    def reached(self) -> bool:
        """The step was reached."""
        return 0 < self.at <= len(self.steps)

    def step(self, what: str, path: str) -> None:
        """One step is about to be done."""
        self.steps.append((what, path))
        now = len(self.steps)
        if now == self.at or (self.for_good and self.at and now > self.at):
            self.then()

    @contextmanager
    def installed(self) -> Iterator[Disk]:
        """Watch this process."""
        real = {name: getattr(os, name) for name in CALLS}
        opened, raw = builtins.open, io.open
        for name, call in real.items():
            setattr(os, name, self._watched(name, call))
        builtins.open = io.open = self._opening(raw)  # type: ignore[assignment]
        try:
            yield self
        finally:
            for name, call in real.items():
                setattr(os, name, call)
            builtins.open, io.open = opened, raw

    def _watched(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def watched(*args: Any, **options: Any) -> Any:
            if name == "fsync" or UNDER in str(args[0]):
                self.step(name, str(args[0]))
            return call(*args, **options)

        return watched

    def _opening(self, raw: Callable[..., Any]) -> Callable[..., Any]:
        def opening(file: Any, mode: str = "r", *args: Any, **options: Any) -> Any:
            if isinstance(file, int) or UNDER not in str(file):
                return raw(file, mode, *args, **options)
            if not set(mode) & set("wax+"):
                if self.reads:
                    self.step("read", str(file))
                return raw(file, mode, *args, **options)
            self.step("open", str(file))
            stream = raw(file, mode, *args, **options)
            return self._writing(stream, str(file))

        return opening

    def _writing(self, stream: Any, path: str) -> Any:
        """Count the writes of a stream: buffered ones as the program makes them."""
        write = stream.write
        disk = self

        class Watched:
            """The stream, its writes counted."""

            def __getattr__(self, name: str) -> Any:
                return getattr(stream, name)

            def __enter__(self) -> Any:
                return self

            def __exit__(self, *fault: Any) -> None:
                stream.close()

            def __iter__(self) -> Any:
                return iter(stream)

            def write(self, data: Any) -> Any:
                disk.step("write", path)
                return write(data)

        return Watched()


def notable(steps: list[tuple[str, str]], one_in: int) -> list[int]:
    """Numbers of the steps to fail at: every one but those inside a draft in the making, of which one in so many."""
    inside = [number for number, step in enumerate(steps, 1) if _inside(*step)]
    others = [number for number, step in enumerate(steps, 1) if not _inside(*step)]
    return sorted({*others, *inside[:: max(one_in, 1)]})


def _inside(what: str, path: str) -> bool:
    """A small step in the making of a workbook, of which there are thousands, all alike."""
    return what in ("open", "write", "remove") and f".partial{os.sep}" in path


def die() -> None:
    """kill -9."""
    os.kill(os.getpid(), signal.SIGKILL)


def full() -> None:
    """No space left."""
    raise OSError(errno.ENOSPC, "No space left on device")


def broken() -> None:
    """The network share is gone."""
    raise OSError(errno.EIO, "Input/output error")


def refused() -> None:
    """The folder has become read-only."""
    raise PermissionError(errno.EACCES, "Permission denied")
