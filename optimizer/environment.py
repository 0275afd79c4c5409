"""Facts about the process a plan was made in: memory and versions."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

WIDE = "X86_V4 AVX512_ICL AVX512_SPR AVX512F AVX512CD AVX512_SKX AVX512_CLX AVX512_CNL"
LIBRARIES = ("highspy", "pyomo", "numpy", "scipy", "pandas", "openpyxl", "xlsxwriter")


def versions() -> dict[str, str]:
    """Version of Nodewise, Python and every library that shapes a plan."""
    from . import __version__

    found = {"nodewise": __version__, "python": platform.python_version()}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "missing"
    return found


@cache
def git_commit() -> str | None:
    """Commit of the checkout that this is run from, with a "+" where its files differ from it; None outside of one."""
    root = Path(__file__).resolve().parents[1]
    if not (root / ".git").exists():
        return None
    try:
        commit = _git(root, "rev-parse", "HEAD")
        return commit + "+" if _git(root, "status", "--porcelain", "--untracked-files=no") else commit
    except (OSError, subprocess.SubprocessError):
        return None


def _git(root: Path, *words: str) -> str:
    done = subprocess.run(["git", "-C", str(root), *words], capture_output=True, text=True, check=True, timeout=10.0)
    return done.stdout.strip()


def narrow_arithmetic() -> None:
    """Let numpy, where it is not loaded yet, compute with what nearly every PC processor has (AVX2): wider instructions
    round the last digit otherwise."""
    if "numpy" not in sys.modules and platform.machine() in ("x86_64", "AMD64"):
        os.environ.setdefault("NPY_DISABLE_CPU_FEATURES", WIDE)


def peak_memory_mb() -> float:
    """Largest memory this process has held, MB (10^6 bytes); nan where the system does not say."""
    if sys.platform == "win32":
        return _windows_peak() / 1e6
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6


def _windows_peak() -> float:
    """PeakWorkingSetSize of GetProcessMemoryInfo (PROCESS_MEMORY_COUNTERS), bytes."""
    import ctypes
    from ctypes import wintypes

    sizes = ("peak", "working", "peak_paged", "paged", "peak_nonpaged", "nonpaged", "pagefile", "peak_pagefile")

    class Counters(ctypes.Structure):
        _fields_ = [("size", wintypes.DWORD), ("faults", wintypes.DWORD), *((name, ctypes.c_size_t) for name in sizes)]

    counters = Counters()
    counters.size = ctypes.sizeof(counters)
    windows = ctypes.WinDLL  # type: ignore[attr-defined]
    process = windows("kernel32").GetCurrentProcess
    process.restype = wintypes.HANDLE
    read = windows("psapi").GetProcessMemoryInfo
    read.argtypes = [wintypes.HANDLE, ctypes.c_void_p, wintypes.DWORD]
    return float(counters.peak) if read(process(), ctypes.byref(counters), counters.size) else float("nan")
