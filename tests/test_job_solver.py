"""The solver's own process: whatever becomes of it, the best plan it told of is kept, and nothing is left behind."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from models.outcome import Progress
from optimizer.errors import SolverFailure
from optimizer.running import canaries, solver
from optimizer.running.messages import HEADER, MARK, Garbled, frame, receive
from optimizer.running.solver import ChildSolver

from .benchmarks import generator
from .imports import ROOT
from .instances import tiny
from .soundness import truthful

# A process that speaks as the solver's does. It tells of a plan that costs 100, then that none can cost less than 95.
ACTOR = """
import os, signal, sys, time
import numpy as np
from models.outcome import Outcome, Progress
from optimizer.running.messages import frame, receive
out = os.fdopen(os.dup(1), "wb", buffering=0)
say = lambda *message: out.write(frame(message))
say("ready", ("a canary",))
task = receive(sys.stdin.buffer)
plan = Outcome("interrupted", 100.0, 90.0, np.ones((1, 1, 1), bool), np.ones((1, 1), bool), np.zeros((1, 3, 1)))
def told():
    say("progress", Progress("plan", 0.1, 90.0, 100.0, "", plan))
    say("progress", Progress("bound", 0.2, 95.0, 100.0))
{script}
"""
DEATHS = {
    "segfault": "told(); os.kill(os.getpid(), signal.SIGSEGV)",
    "killed": "told(); os.kill(os.getpid(), signal.SIGKILL)",
    "abort": "told(); os.abort()",
    "exit 0": "told(); os._exit(0)",
    "garbage": "told(); out.write(b'Set parameter Username' * 9); time.sleep(60)",
    "half a message": "told(); out.write(frame(('outcome', plan, {}))[:-9]); os._exit(0)",
    "a damaged message": "told(); out.write(frame(('outcome', plan, {}))[:-1] + b'!'); time.sleep(60)",
    "pipe closed": "told(); os.close(1); os.close(out.fileno()); os._exit(3)",
    "stopped of itself": "told(); say('stopped')",
    "refused": "told(); say('refused', 'the solver refused: run')",
}


@pytest.fixture
def act(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Put an actor in the place of the solver's process."""

    def play(script: str) -> None:
        text = ACTOR.replace("{script}", script)
        monkeypatch.setattr(solver, "command", lambda: [sys.executable, "-P", "-c", text])

    return play


def run(progress: Callable[[Progress], None] | None = None, time_limit: float = 60.0, **options: Any) -> Any:
    """A solve of nothing in particular: its outcome and the solver."""
    with ChildSolver(**options) as process:
        outcome = process(None, gap=0.0, time_limit=time_limit, seed=0, progress=progress)  # type: ignore[arg-type]
    assert process.child.process.poll() is not None
    return outcome, process


# --- the pipe ---------------------------------------------------------------------------------------------------------


def test_a_message_comes_through_whole_or_not_at_all(tmp_path: Path) -> None:
    """Cut anywhere, or with any one byte changed, a message is refused; only nothing at all is the end."""
    whole = frame(("bound", 990.0))
    for cut in range(1, len(whole)):
        with pytest.raises(Garbled):
            read(tmp_path, whole[:cut])
    for at in range(HEADER.size, len(whole)):
        with pytest.raises(Garbled):
            read(tmp_path, whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
    with pytest.raises(Garbled):
        read(tmp_path, b"x" + whole)
    with pytest.raises(EOFError):
        read(tmp_path, b"")
    assert read(tmp_path, whole) == ("bound", 990.0)
    assert whole.startswith(MARK)


def read(folder: Path, text: bytes) -> Any:
    path = folder / "pipe"
    path.write_bytes(text)
    with path.open("rb") as stream:
        return receive(stream)


# --- deaths -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("death", DEATHS)
def test_the_best_plan_outlives_the_solver(death: str, act: Callable[[str], None]) -> None:
    """Whatever ends the process after its first plan, that plan is kept with the best bound told, as `crashed`."""
    act(DEATHS[death])
    outcome, process = run()
    assert (outcome.status, outcome.objective, outcome.bound) == ("crashed", 100.0, 95.0)
    assert outcome.stocked is not None
    assert len(process.troubles) == 1
    assert process.incumbents == [(0.1, 100.0, 90.0)]


def test_a_hung_solver_is_killed(act: Callable[[str], None], monkeypatch: pytest.MonkeyPatch) -> None:
    """A process deaf to the clock and to every signal that can be refused is killed a grace after its limit."""
    monkeypatch.setattr(solver, "PATIENCE", 0.5)
    act("told(); [signal.signal(n, signal.SIG_IGN) for n in (signal.SIGTERM, signal.SIGINT)]; time.sleep(60)")
    began = time.monotonic()
    outcome, process = run(time_limit=1.0)
    assert 1.5 <= time.monotonic() - began < 20
    assert (outcome.status, outcome.objective) == ("crashed", 100.0)
    assert "hung" in process.troubles[0]


def test_lack_of_memory_is_told_as_such(act: Callable[[str], None]) -> None:
    """A process that ran out of memory leaves its plan under the status `memory`."""
    act("told(); say('memory', '')")
    assert run()[0].status == "memory"


def test_without_a_plan_there_is_a_second_try_without_presolve(act: Callable[[str], None]) -> None:
    """Dead before its first plan: once more, cautiously; what the second try finds is the answer."""
    act("say('outcome', plan, {}) if task.cautious else os.abort()")
    outcome, process = run()
    assert outcome.objective == 100.0
    assert process.troubles == [f"the solver's process ended by signal {signal.SIGABRT.value}"]


def test_a_solver_that_dies_twice_is_a_failure(act: Callable[[str], None], tmp_path: Path) -> None:
    """Dead twice without a plan: SolverFailure (exit 7) that names both ends and the log of the process."""
    act("print('last words', file=sys.stderr); os._exit(9)")
    with pytest.raises(SolverFailure, match=r"ended with code 9; .* ended with code 9.*solver.log") as caught:
        run(log=tmp_path / "solver.log")
    assert caught.value.exit_code == 7
    assert (tmp_path / "solver.log").read_text().split() == ["last", "words"] * 2


@pytest.mark.parametrize(
    ("script", "error", "words"),
    [
        ("say('bug', 'Traceback: flux')", RuntimeError, "flux"),
        ("say('refused', 'a coefficient is not finite')", SolverFailure, "not finite"),
        ("say('distrusted', 'G-010 the solver cannot be trusted.', 'Install another.')", SolverFailure, "Install"),
    ],
)
def test_an_error_of_the_process_is_an_error_here(
    act: Callable[[str], None], script: str, error: type[Exception], words: str
) -> None:
    """A bug, a refusal, a solver not to be trusted: each is raised with its own words, and tried once only."""
    act(script)
    with pytest.raises(error, match=words):
        run()


def test_no_room_for_the_child_ends_in_a_failure_and_never_hangs(tmp_path: Path) -> None:
    """With 50 MB the real process cannot even start: both tries end, and SolverFailure says so."""
    if sys.platform == "win32":
        pytest.skip("this system cannot hold a process to an amount of memory")
    began = time.monotonic()
    with ChildSolver(tmp_path / "log", memory_limit_mb=50) as process, pytest.raises(SolverFailure):
        process(tiny(7001), gap=0.0, time_limit=60.0, seed=0)
    assert time.monotonic() - began < 60


# --- stops ------------------------------------------------------------------------------------------------------------


def press(times: int) -> Callable[[Progress], None]:
    """A listener that presses Ctrl-C on the first lines of progress."""
    count = iter(range(times))

    def hear(line: Progress) -> None:
        if next(count, None) is not None:
            raise KeyboardInterrupt

    return hear


def test_a_stop_keeps_the_plan_of_a_deaf_solver(act: Callable[[str], None]) -> None:
    """Ctrl-C while the process is deep in a solve: after two seconds of grace the plan it told of is the answer."""
    act("told(); signal.signal(signal.SIGINT, signal.SIG_IGN); time.sleep(60)")
    began = time.monotonic()
    outcome, _ = run(press(1))
    assert (outcome.status, outcome.objective) == ("interrupted", 100.0)
    assert time.monotonic() - began < 15


def test_a_second_stop_ends_the_grace(act: Callable[[str], None], monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C twice: no grace at all."""
    monkeypatch.setattr(solver, "STOP_WITH_PLAN", 60.0)
    act("told(); time.sleep(60)")
    began = time.monotonic()
    assert run(press(2))[0].status == "interrupted"
    assert time.monotonic() - began < 15


def test_a_stop_before_any_plan_says_so(act: Callable[[str], None], monkeypatch: pytest.MonkeyPatch) -> None:
    """Stopped without a plan: interrupted, an outcome without a plan, and no second try."""
    monkeypatch.setattr(solver, "STOP_WITHOUT", 0.5)
    act("say('progress', Progress('bound', 0.1, 90.0, float('inf'))); time.sleep(60)")
    outcome, process = run(press(1))
    assert (outcome.status, outcome.stocked, outcome.objective) == ("interrupted", None, math.inf)
    assert process.troubles == []


def test_the_last_word_of_a_stopped_search_counts(act: Callable[[str], None]) -> None:
    """A search that hears the stop and answers with a better plan is believed; one without a plan loses none; one that
    had just come to its end was stopped all the same, so that its plan is not published."""
    act("told(); sys.stdin.buffer.read(1); say('outcome', Outcome('interrupted', 99.0, 95.0, plan.stocked), {})")
    assert run(press(1))[0].objective == 99.0
    act("told(); sys.stdin.buffer.read(1); say('outcome', Outcome('interrupted', float('inf'), 95.0), {})")
    assert run(press(1))[0].objective == 100.0
    act("told(); sys.stdin.buffer.read(1); say('outcome', Outcome('optimal', 99.0, 99.0, plan.stocked), {})")
    assert (run(press(1))[0].status, run(press(1))[0].objective) == ("interrupted", 99.0)


# --- the real one -----------------------------------------------------------------------------------------------------


def test_the_process_finds_what_a_search_here_finds() -> None:
    """The same outcome to the last bit as in this process, and the canaries sang first."""
    from models.column_generation import solve

    instance = tiny(7106, 30, 4, 4, 2, hard_limits=False)
    with ChildSolver() as process:
        there = process(instance, gap=1e-3, time_limit=60.0, seed=0)
    here = solve(instance, gap=1e-3)
    assert (there.status, there.objective, there.bound) == (here.status, here.objective, here.bound)
    assert np.array_equal(there.stocked, here.stocked)
    assert process.canaries == tuple(one.name for one in canaries.CANARIES)
    assert process.facts["peak_memory_mb"] > 10


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
def test_killed_in_the_middle_of_a_search_and_stopped() -> None:
    """kill -9 on the first plan of a real search: that plan is whole and feasible, its bound honest."""
    instance = generator.network(250, 9, 25, 3, 5, 2)
    with ChildSolver() as process:

        def kill(line: Progress) -> None:
            if line.best < math.inf:
                os.kill(process.child.process.pid, signal.SIGKILL)

        outcome = process(instance, gap=0.0, time_limit=60.0, seed=0, progress=kill)
    assert outcome.status == "crashed"
    truthful(instance, outcome)


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
def test_no_solver_outlives_its_run() -> None:
    """When the run itself is killed its solver ends at once, although nobody told it to."""
    script = """
from tests.benchmarks import generator
from optimizer.running.solver import ChildSolver
with ChildSolver() as process:
    print(process.child.process.pid, flush=True)
    network = generator.network(250, 9, 25, 3, 5, 2)
    process(network, gap=0.0, time_limit=60.0, seed=0, progress=lambda line: print("x", flush=True))
"""
    parent = subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = psutil.Process(int(parent.stdout.readline()))
    assert parent.stdout.readline() == "x\n"
    parent.kill()
    parent.wait()
    psutil.wait_procs([child], timeout=10)
    assert not child.is_running()
    parent.stdout.close()


def test_nothing_is_left_behind(act: Callable[[str], None]) -> None:
    """After runs that end in every way, this process has the threads and open files it had before."""
    own = psutil.Process()
    act(DEATHS["exit 0"])
    run()
    before = (threading.active_count(), own.num_fds() if hasattr(own, "num_fds") else own.num_handles())
    for death in ("killed", "garbage", "half a message"):
        act(DEATHS[death])
        run()
    time.sleep(0.2)
    after = (threading.active_count(), own.num_fds() if hasattr(own, "num_fds") else own.num_handles())
    assert after <= before
    assert not [child for child in own.children() if child.status() == psutil.STATUS_ZOMBIE]


# --- trust ------------------------------------------------------------------------------------------------------------


def test_the_canaries_sing() -> None:
    """The installed solver answers every program as the hand argument beside it says."""
    for canary in canaries.CANARIES:
        found = canaries.solved(canary)
        assert found is None if canary.answer is None else found == pytest.approx(canary.answer, abs=1e-6)


@pytest.mark.parametrize("wrong", [0.0, -221.0, None, math.nan])
def test_a_wrong_answer_is_not_forgiven(monkeypatch: pytest.MonkeyPatch, wrong: float | None) -> None:
    """One canary out of tune, whatever it sings instead, and nothing is solved: G-010, exit 7."""
    monkeypatch.setattr(canaries, "solved", lambda canary: wrong)
    with pytest.raises(SolverFailure, match="G-010"):
        canaries.check_solver.__wrapped__()


@pytest.mark.parametrize("version", ["1.14.0", "1.15.0", "0.9", "2.0.1"])
def test_a_version_known_to_be_wrong_is_refused(monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    """Versions before 1.15.1, and those on the list, are refused before anything is solved."""
    monkeypatch.setattr(canaries, "version", lambda name: version)
    monkeypatch.setattr(canaries, "DENIED", frozenset({"2.0.1"}))
    with pytest.raises(SolverFailure, match=rf"highspy {version} is known"):
        canaries.check_solver.__wrapped__()
