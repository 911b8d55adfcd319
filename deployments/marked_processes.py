"""Finds and stops the processes of `reviews up`: each has the home that it serves in its environment.

The process of a run outlives a killed worker; its environment still shows the home. A process whose environment the
system hides belongs to another user.
"""

import os
import signal
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from tasks.support.lock_holders import RUN_VARIABLE

MARK = "REVIEWS_UP_HOME"
"""The environment variable that names the home."""
GRACE_SECONDS = 3.0
"""How long a process may take to end after SIGTERM."""


def find_marked(home: Path) -> list[psutil.Process]:
    """Return the processes that `reviews up` of this home started, directly or through each other."""
    return [each for each in psutil.process_iter() if _is_marked(each, home)]


def list_run_processes(home: Path) -> list[psutil.Process]:
    """Return the processes of the runs that the worker of this home started."""
    return [each for each in find_marked(home) if _read_environment(each).get(RUN_VARIABLE)]


def find_parents(processes: Sequence[psutil.Process], home: Path) -> list[psutil.Process]:
    """Return the parent processes of `processes` that belong to this home, without `processes` themselves."""
    parents = set()
    for process in processes:
        with suppress(psutil.Error):
            parents.add(process.ppid())
    return [each for each in find_marked(home) if each.pid in parents and each not in processes]


def stop_processes(processes: Sequence[psutil.Process], grace_seconds: float = GRACE_SECONDS) -> None:
    """Send SIGTERM to processes, and SIGKILL to those that are still alive after `grace_seconds`."""
    _send_signal(processes, signal.SIGTERM)
    _, alive = psutil.wait_procs(processes, timeout=grace_seconds)
    _send_signal(alive, signal.SIGKILL)
    psutil.wait_procs(alive, timeout=1)


def kill_marked(home: Path) -> int:
    """Kill the processes that a killed `reviews up` of this home left behind; return how many.

    All are halted first, so that none notices another's end and reports it for a run; the next `reviews up` does that.
    """
    killed = 0
    while processes := find_marked(home):
        _send_signal(processes, signal.SIGSTOP)
        _send_signal(processes, signal.SIGKILL)
        _, alive = psutil.wait_procs(processes, timeout=GRACE_SECONDS)
        killed += len(processes) - len(alive)
        if alive:
            break
    return killed


def _is_marked(process: psutil.Process, home: Path) -> bool:
    return process.pid != os.getpid() and _read_environment(process).get(MARK) == str(home)


def _read_environment(process: psutil.Process) -> dict[str, str]:
    """Return the environment that a process was started with; empty if it has ended or belongs to another user."""
    with suppress(psutil.Error, OSError):
        return dict(process.environ())
    return {}


def _send_signal(processes: Sequence[psutil.Process], number: signal.Signals) -> None:
    """Send a signal to the processes that still run."""
    for process in processes:
        with suppress(psutil.Error):
            process.send_signal(number)
