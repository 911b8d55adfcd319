"""Stops `reviews up` in order: start no new runs, wait for active ones, then stop the worker, and the server last.

`bring_down` asks another process to do so.
"""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import FrameType

from data_contracts.errors import ReviewsError
from deployments.local_server.children import Child
from deployments.local_server.running import find_running
from deployments.local_server.up_log import Echo, name_log
from deployments.marked_processes import find_marked, kill_marked, list_run_processes, stop_processes
from deployments.settings import Settings
from tasks.support.locking import is_held
from tasks.support.wording import count

LOOK_SECONDS = 0.2
ENDING_SECONDS = 40.0
"""How long it may take to cancel the remaining runs and to record their end on the server."""
STOPPING_SECONDS = ENDING_SECONDS + 20
"""How long the whole stop may take, without the wait for active runs."""


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
    echo: Echo,
    at_once: threading.Event,
    supervise: Callable[[], None],
) -> None:
    """Stop the active runs: wait REVIEWS_DRAIN_SECONDS for them, then cancel the rest; do nothing if none is active.

    A thread does this, so that a server that hangs does not hold up the stop. Meanwhile `supervise` is called, which
    restarts the server if it ends. Setting `at_once` ends the wait.
    """
    if not list_run_processes(settings.home.folder):
        return

    def drain_runs() -> None:
        try:
            from deployments.draining import drain

            drain(settings, at_once, echo)
        except Exception as error:  # `reviews up` stops without the wait then
            echo(f"Waiting for active runs failed: {type(error).__name__}: {error}")

    draining = threading.Thread(target=drain_runs, daemon=True)
    draining.start()
    waits_until = time.monotonic() + settings.drain_seconds
    while draining.is_alive() and time.monotonic() < waits_until + ENDING_SECONDS:
        if at_once.is_set():
            waits_until = min(waits_until, time.monotonic())
        supervise()
        time.sleep(LOOK_SECONDS)


def stop_all_but(server: Child, settings: Settings) -> None:
    """Stop the worker and the remaining runs, while the server can still record what they report."""
    others = []
    for process in find_marked(settings.home.folder):
        with suppress(OSError):
            if os.getsid(process.pid) != server.process.pid:
                others.append(process)
    stop_processes(others)


def bring_down(settings: Settings, echo: Echo, *, at_once: bool = False) -> str:
    """Do what `reviews down` does: stop `reviews up` and what a killed one left behind; describe what was done.

    `reviews up` waits for active runs as long as its own settings allow, and this function prints what it waits for;
    with `at_once` it does not wait. Raises `ReviewsError` if it does not end in time.
    """
    running = find_running(settings)
    if running is not None:
        try:
            with suppress(ProcessLookupError):
                os.kill(running.pid, signal.SIGQUIT if at_once else signal.SIGTERM)
        except PermissionError:
            raise ReviewsError(
                f"The `reviews up` of this home, process {running.pid}, is another user's. Next: `reviews down` as "
                "that user."
            ) from None
        _wait_until_down(settings, STOPPING_SECONDS + (0 if at_once else running.drain_seconds), echo)
        if settings.home.prefect.is_dir() and is_held(settings.home.prefect):
            raise ReviewsError(
                f"Process {running.pid} did not end in time. Next: read {name_log(settings)}, "
                f"then `kill -9 {running.pid}` and `reviews down` again."
            )
    killed = kill_marked(settings.home.folder)
    if running is not None:
        return "Down: everything is stopped."
    left = f"; stopped what was left behind: {count(killed, 'process')}" if killed else ""
    return f"It was not up{left}."


def _wait_until_down(settings: Settings, seconds: float, echo: Echo) -> None:
    """Wait until `reviews up` has ended, at most `seconds`, and print what it waits for."""
    deadline, printed = time.monotonic() + seconds, ""
    while is_held(settings.home.prefect) and time.monotonic() < deadline:
        running = find_running(settings)
        if running is not None and running.doing not in ("", printed):
            printed = running.doing
            echo(printed)
        time.sleep(0.1)
