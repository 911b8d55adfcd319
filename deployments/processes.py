"""The processes of `reviews up`: each carries the home that it serves in its environment, so that all are found.

A run's process is started by the worker in a session of its own, and outlives a worker that is killed; by its
environment it is known all the same. Where the system hides a process's environment it is not ours.
"""

import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import psutil

MARK = "REVIEWS_UP_HOME"
"""The environment variable that names the home."""
GRACE_SECONDS = 3.0
"""How long a process may take to end by itself."""


def find_marked(home: Path) -> list[psutil.Process]:
    """Give the processes that `reviews up` of this home started, and those that they started."""
    return [process for process in psutil.process_iter() if _is_marked(process, home)]


def stop_processes(processes: Sequence[psutil.Process], grace_seconds: float = GRACE_SECONDS) -> None:
    """Ask processes to end, and end those that have not after `grace_seconds`."""
    _send(processes, signal.SIGTERM)
    _, alive = psutil.wait_procs(processes, timeout=grace_seconds)
    _send(alive, signal.SIGKILL)
    psutil.wait_procs(alive, timeout=1)


def stop_marked(home: Path, grace_seconds: float = GRACE_SECONDS) -> int:
    """Stop all that is left of `reviews up` of this home, and give how many processes that were."""
    found = find_marked(home)
    stop_processes(found, grace_seconds)
    return len(found)


def _is_marked(process: psutil.Process, home: Path) -> bool:
    with suppress(psutil.Error, OSError):
        return process.pid != os.getpid() and process.environ().get(MARK) == str(home)
    return False


def _send(processes: Sequence[psutil.Process], what: signal.Signals) -> None:
    for process in _living(processes):
        with suppress(psutil.Error):
            process.send_signal(what)


def _living(processes: Sequence[psutil.Process]) -> Iterator[psutil.Process]:
    return (process for process in processes if process.is_running())
