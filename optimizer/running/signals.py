"""Signals that stop a run: Ctrl-C, SIGTERM, SIGHUP (CTRL_BREAK on Windows)."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from ..errors import Interrupted

NAMES = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")


class Terminated(Interrupted):
    """Stopped by the system (SIGTERM)."""

    exit_code = 143


@dataclass
class Stop:
    """Which signal stopped the run. From the moment a plan is put in its place, signals come ``too_late``."""

    terminated: bool = False
    heard: bool = False  # a signal of any kind
    too_late: bool = False

    def error(self, message: str) -> Interrupted:
        """The error of a run that was stopped."""
        return (Terminated if self.terminated else Interrupted)(message)

    def hear(self, number: int, frame: object) -> None:
        """The handler."""
        if not self.too_late:
            self.heard = True
            self.terminated = self.terminated or number != signal.SIGINT
            raise KeyboardInterrupt


@contextmanager
def stoppable() -> Iterator[Stop]:
    """Every signal that asks a run to end stops it as Ctrl-C does; the block then raises Interrupted or Terminated.

    A signal the process was started to ignore (``nohup``, a job in the background) stays ignored.
    """
    stop = Stop()
    names = NAMES if threading.current_thread() is threading.main_thread() else ()
    numbers = [getattr(signal, name) for name in names if hasattr(signal, name)]
    former = {number: signal.getsignal(number) for number in numbers}
    for number, handler in former.items():
        if handler not in (signal.SIG_IGN, None):
            signal.signal(number, stop.hear)
    try:
        yield stop
    except KeyboardInterrupt as fault:
        raise stop.error("stopped before the plan was published.") from fault
    except Interrupted as fault:
        raise stop.error(fault.message) from fault
    finally:
        for number, handler in former.items():
            if handler is not None:
                signal.signal(number, handler)
