"""How `reviews up` stops in order: no new runs, a while for those that go on, then the worker, and the server last."""

import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

from deployments.local_server.children import Child, Program, Say, start_process
from deployments.processes import find_marked, is_in_session, list_run_processes, stop_processes
from deployments.settings import Settings

LOOK_SECONDS = 0.2
ENDING_SECONDS = 40.0
"""How long it may take to end the runs that were waited for in vain, and to write down that they ended."""
STOPPING_SECONDS = ENDING_SECONDS + 20
"""How long all of a stop may take beside the wait."""
DRAINING = Program("draining", (sys.executable, "-m", "deployments.draining"), ends_with_us=True)
"""Waits for the runs that go on, until the end of its standard input tells it not to."""
IMPATIENT = {"PREFECT_API_REQUEST_TIMEOUT": "10", "PREFECT_CLIENT_MAX_RETRIES": "1"}
"""For Prefect's client: at a stop the server may be the one that hangs."""


@dataclass(frozen=True)
class Stop:
    """What was asked of this process by signals."""

    asked: threading.Event
    """Stop, and wait for the runs that go on."""
    at_once: threading.Event
    """Do not wait."""


@contextmanager
def catch_signals() -> Iterator[Stop]:
    """Give what SIGTERM, SIGHUP, Ctrl-C and SIGQUIT ask while the block runs.

    SIGQUIT and a second Ctrl-C ask not to wait. A second SIGTERM does not: two programs may ask for a stop.
    """
    stop = Stop(threading.Event(), threading.Event())

    def ask(number: int, frame: FrameType | None) -> None:
        if number == signal.SIGQUIT or (number == signal.SIGINT and stop.asked.is_set()):
            stop.at_once.set()
        stop.asked.set()

    caught = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)
    before = {each: signal.signal(each, ask) for each in caught}
    try:
        yield stop
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def drain(
    settings: Settings,
    environment: Mapping[str, str],
    say: Say,
    at_once: threading.Event,
    look_after: Callable[[], None],
) -> None:
    """Let the runs that go on end, and end those that have not after REVIEWS_DRAIN_SECONDS; nothing where none does.

    `deployments/draining.py` does it, in a process of its own; `look_after` is called while it does.
    """
    if not list_run_processes(settings.home.folder):
        return
    process, _ = start_process(DRAINING, {**environment, **IMPATIENT}, say)
    deadline = time.monotonic() + settings.drain_seconds + ENDING_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        if at_once.is_set() and process.stdin is not None and not process.stdin.closed:
            process.stdin.close()
            deadline = time.monotonic() + ENDING_SECONDS
        look_after()
        time.sleep(LOOK_SECONDS)
    process.kill()
    process.wait()


def stop_all_but(server: Child, settings: Settings) -> None:
    """Stop the worker and what is left of its runs, while the server still notes what they say."""
    stop_processes(
        [each for each in find_marked(settings.home.folder) if not is_in_session(each, server.process.pid)]
    )
