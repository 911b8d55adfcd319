"""Stops `reviews up` in order: start no new runs, wait for active ones, then stop the worker, and the server last."""

import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

from deployments.local_server.children import Child, Echo, Program, start_child_process
from deployments.marked_processes import find_marked, is_in_session, list_run_processes, stop_processes
from deployments.settings import Settings

LOOK_SECONDS = 0.2
ENDING_SECONDS = 40.0
"""How long it may take to cancel the remaining runs and to record their end on the server."""
STOPPING_SECONDS = ENDING_SECONDS + 20
"""How long the whole stop may take, without the wait for active runs."""
DRAINING = Program("draining", (sys.executable, "-m", "deployments.draining"), ends_with_us=True)
"""Waits for active runs, until its standard input ends."""
IMPATIENT = {"PREFECT_API_REQUEST_TIMEOUT": "10", "PREFECT_CLIENT_MAX_RETRIES": "1"}
"""Short timeouts for Prefect's client: the server may hang when it is stopped."""


@dataclass(frozen=True)
class Stop:
    """What signals have asked of this process."""

    asked: threading.Event
    """Stop, after waiting for active runs."""
    at_once: threading.Event
    """Stop without waiting."""


@contextmanager
def catch_signals() -> Iterator[Stop]:
    """Handle SIGTERM, SIGHUP, Ctrl-C and SIGQUIT while the block runs; yield the events that they set.

    Each signal asks to stop. SIGQUIT and a second Ctrl-C ask not to wait; a second SIGTERM does not, as two programs
    may send one. SIGHUP stays ignored where it is, as `nohup` asks.
    """
    stop = Stop(threading.Event(), threading.Event())

    def ask(number: int, frame: FrameType | None) -> None:
        if number == signal.SIGQUIT or (number == signal.SIGINT and stop.asked.is_set()):
            stop.at_once.set()
        stop.asked.set()

    hang_up = {signal.SIGHUP} if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN else set()
    caught = {signal.SIGTERM, signal.SIGINT, signal.SIGQUIT} | hang_up
    before = {each: signal.signal(each, ask) for each in caught}
    try:
        yield stop
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def stop_runs(
    settings: Settings,
    environment: Mapping[str, str],
    echo: Echo,
    at_once: threading.Event,
    supervise: Callable[[], None],
) -> None:
    """Stop the active runs: wait REVIEWS_DRAIN_SECONDS for them, then cancel the rest; do nothing if none is active.

    `deployments/draining.py` does this in a process of its own. Meanwhile `supervise` is called, which restarts the
    server if it ends. Setting `at_once` ends the wait.
    """
    if not list_run_processes(settings.home.folder):
        return
    process, _ = start_child_process(DRAINING, {**environment, **IMPATIENT}, echo)
    deadline = time.monotonic() + settings.drain_seconds + ENDING_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        if at_once.is_set() and process.stdin is not None and not process.stdin.closed:
            process.stdin.close()
            deadline = time.monotonic() + ENDING_SECONDS
        supervise()
        time.sleep(LOOK_SECONDS)
    process.kill()
    process.wait()


def stop_all_but(server: Child, settings: Settings) -> None:
    """Stop the worker and the remaining runs, while the server can still record what they report."""
    stop_processes(
        [each for each in find_marked(settings.home.folder) if not is_in_session(each, server.process.pid)]
    )
