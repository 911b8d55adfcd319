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
RUN_VARIABLE = "PREFECT__FLOW_RUN_ID"
"""The environment variable by which a run's process knows which run it is."""
GRACE_SECONDS = 3.0
"""How long a process may take to end by itself."""


def find_marked(home: Path) -> list[psutil.Process]:
    """Give the processes that `reviews up` of this home started, and those that they started."""
    return [process for process in psutil.process_iter() if _is_marked(process, home)]


def list_run_processes(home: Path) -> list[psutil.Process]:
    """Give the processes of the runs that the worker of this home started."""
    return [process for process in find_marked(home) if _read_environment(process).get(RUN_VARIABLE)]


def find_parents(processes: Sequence[psutil.Process], home: Path) -> list[psutil.Process]:
    """Give the processes of this home that started those, themselves not among them."""
    started_by = set()
    for process in processes:
        with suppress(psutil.Error):
            started_by.add(process.ppid())
    return [each for each in find_marked(home) if each.pid in started_by and each not in processes]


def is_in_session(process: psutil.Process, leader: int) -> bool:
    """Tell whether a process belongs to the session that the process with number `leader` began."""
    with suppress(OSError):
        return os.getsid(process.pid) == leader
    return False


def stop_processes(processes: Sequence[psutil.Process], grace_seconds: float = GRACE_SECONDS) -> None:
    """Ask processes to end, and end those that have not after `grace_seconds`."""
    _send(processes, signal.SIGTERM)
    _, alive = psutil.wait_procs(processes, timeout=grace_seconds)
    _send(alive, signal.SIGKILL)
    psutil.wait_procs(alive, timeout=1)


def kill_marked(home: Path) -> int:
    """Kill all that a `reviews up` of this home left when it was killed itself, and give how many processes that were.

    They are halted first, so that none sees another end and says of a run what the next server would have to say.
    """
    killed = 0
    while found := find_marked(home):
        _send(found, signal.SIGSTOP)
        _send(found, signal.SIGKILL)
        _, alive = psutil.wait_procs(found, timeout=GRACE_SECONDS)
        killed += len(found) - len(alive)
        if alive:
            break
    return killed


def stop_marked(home: Path, grace_seconds: float = GRACE_SECONDS) -> int:
    """Stop all that is left of `reviews up` of this home, and give how many processes that were."""
    found = find_marked(home)
    stop_processes(found, grace_seconds)
    return len(found)


def _is_marked(process: psutil.Process, home: Path) -> bool:
    return process.pid != os.getpid() and _read_environment(process).get(MARK) == str(home)


def _read_environment(process: psutil.Process) -> dict[str, str]:
    """Read the environment that a process was started with; empty where it has ended or is not ours."""
    with suppress(psutil.Error, OSError):
        return dict(process.environ())
    return {}


def _send(processes: Sequence[psutil.Process], what: signal.Signals) -> None:
    for process in _living(processes):
        with suppress(psutil.Error):
            process.send_signal(what)


def _living(processes: Sequence[psutil.Process]) -> Iterator[psutil.Process]:
    return (process for process in processes if process.is_running())
