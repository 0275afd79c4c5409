"""The solver's own process: reads a task, streams progress with every better plan, and ends with the outcome.

Out: ("ready", canaries), ("program", facts), ("progress", Progress), then one of ("outcome", Outcome, facts),
("refused", text), ("distrusted", text, remedy), ("memory", text), ("stopped",), ("bug", traceback).
In: the task, then one byte to stop; the end of the input means that the parent is gone.
"""

from __future__ import annotations

import errno
import faulthandler
import os
import signal
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, BinaryIO

from .messages import Task, frame, receive

if TYPE_CHECKING:
    from pyomo.environ import ConcreteModel

LIMITED = len(sys.argv) > 1  # the first word is the most memory, MB


class Mouth:
    """Sends messages whole: Ctrl-C waits until a message is through, and is heard once."""

    def __init__(self, stream: BinaryIO) -> None:
        self.stream = stream
        self.speaking = False
        self.stopped = False

    def say(self, *message: Any) -> None:
        """Send one message."""
        before = self.stopped
        with self._speaking():
            self.stream.write(frame(message))
            self.stream.flush()
        if self.stopped and not before:
            raise KeyboardInterrupt

    @contextmanager
    def _speaking(self) -> Iterator[None]:
        self.speaking = True
        try:
            yield
        finally:
            self.speaking = False

    def hear(self, number: int, stack: object) -> None:
        """The handler of SIGINT."""
        first, self.stopped = not self.stopped, True
        if first and not self.speaking:
            raise KeyboardInterrupt


def main() -> None:
    """Serve one task, and end without waiting for the thread that listens."""
    mouth, ears = Mouth(_own_output()), sys.stdin.buffer
    faulthandler.enable()
    signal.signal(signal.SIGINT, mouth.hear)
    try:
        if LIMITED:
            limit_memory(float(sys.argv[1]))
        work(mouth, ears)
    except BrokenPipeError:
        os._exit(1)  # the parent is gone
    os._exit(0)


def work(mouth: Mouth, ears: BinaryIO) -> None:
    """Prove the solver, take the task, solve it; whatever happens, say so."""
    from ..errors import SolverFailure

    try:
        prove_and_solve(mouth, ears)
    except (KeyboardInterrupt, EOFError):
        mouth.say("stopped")
    except SolverFailure as fault:
        mouth.say("distrusted", fault.message, fault.remedy)
    except Exception as fault:
        if no_memory(fault):
            mouth.say("memory", "no memory was left")
        else:
            mouth.say("bug", "".join(traceback.format_exception(fault)))


def prove_and_solve(mouth: Mouth, ears: BinaryIO) -> None:
    """Canaries, the task, the solve."""
    from models.column_generation import solve
    from models.master import OPTIONS
    from models.master import SolverFailure as SolverFault
    from models.network import NotFinite, build

    from .canaries import check_solver

    mouth.say("ready", check_solver())
    task: Task = receive(ears)
    faulthandler.dump_traceback_later(task.deadline, exit=True)
    threading.Thread(target=listen, args=(ears,), daemon=True).start()
    if task.cautious:
        OPTIONS["presolve"] = "off"
    try:
        model = build(task.instance)
        mouth.say("program", program_of(model, task.seed))
        outcome = solve(
            task.instance,
            model=model,
            gap=task.gap,
            time_limit=task.time_limit,
            seed=task.seed,
            progress=lambda line: mouth.say("progress", line),
        )
    except (NotFinite, SolverFault) as fault:
        mouth.say("refused", str(fault))
        return
    mouth.stopped = True  # too late to be told
    mouth.say("outcome", outcome, facts())


def program_of(model: ConcreteModel, seed: int) -> dict[str, Any]:
    """Figures of the network program and of the solver's options; without the program where it contradicts itself."""
    from models.network import Contradiction, compile_model

    from .program import option_facts, program_facts

    told: dict[str, Any] = {"options": option_facts(seed)}
    with suppress(Contradiction):
        told["model"] = program_facts(compile_model(model))
    return told


def no_memory(fault: Exception) -> bool:
    """Lack of memory under any of its names; of a library that does not load, where memory is limited."""
    threadless = isinstance(fault, RuntimeError) and "start new thread" in str(fault)
    lacking = isinstance(fault, OSError) and fault.errno == errno.ENOMEM
    return isinstance(fault, MemoryError) or threadless or lacking or (isinstance(fault, ImportError) and LIMITED)


def listen(ears: BinaryIO) -> None:
    """Stop when told to; end at once when the parent is gone."""
    while ears.read(1):
        signal.raise_signal(signal.SIGINT)
    os._exit(1)


def facts() -> dict[str, Any]:
    """What this process alone knows."""
    from ..environment import peak_memory_mb

    return {"peak_memory_mb": peak_memory_mb()}


def limit_memory(megabytes: float) -> None:
    """The most address space this process may take, where the system can hold it to that."""
    try:
        import resource
    except ImportError:
        return
    size = int(megabytes * 1e6)
    resource.setrlimit(resource.RLIMIT_AS, (size, size))


def _own_output() -> BinaryIO:
    """Standard output for messages alone: whatever else prints goes to standard error."""
    own = os.dup(1)
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return os.fdopen(own, "wb")


if __name__ == "__main__":
    main()
