"""`reviews down`: stops the `reviews up` of a home, and the processes that a killed one left behind."""

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress

from data_contracts.errors import ReviewsError
from deployments.local_server.running import find_running
from deployments.local_server.stopping import STOPPING_SECONDS
from deployments.local_server.up_log import name_log
from deployments.marked_processes import kill_marked
from deployments.settings import Settings
from tasks.support.locking import is_held
from tasks.support.wording import count


def bring_down(settings: Settings, echo: Callable[[str], None], *, at_once: bool = False) -> str:
    """Do what `reviews down` does: stop `reviews up` and what a killed one left behind; describe what was done.

    `reviews up` waits for active runs as long as its own settings allow, and this function prints what it waits for;
    with `at_once` it does not wait. Raises `ReviewsError` if it does not end in time.
    """
    running = find_running(settings)
    if running is not None:
        _ask_to_end(running.pid, signal.SIGQUIT if at_once else signal.SIGTERM)
        _wait_until_down(settings, STOPPING_SECONDS + (0 if at_once else running.drain_seconds), echo)
        if settings.home.prefect.is_dir() and is_held(settings.home.prefect):
            raise ReviewsError(
                f"Process {running.pid} did not end in time. Next: read {name_log(settings)}, "
                f"then `kill -9 {running.pid}` and `reviews down` again."
            )
    killed = kill_marked(settings.home.folder)
    if running is None:
        return (
            f"It was not up; stopped what was left behind: {count(killed, 'process')}."
            if killed
            else "It was not up."
        )
    return "Down: everything is stopped."


def _ask_to_end(process: int, number: signal.Signals) -> None:
    """Send a signal to `reviews up`, if it still runs; raise `ReviewsError` if it is another user's."""
    try:
        with suppress(ProcessLookupError):
            os.kill(process, number)
    except PermissionError:
        raise ReviewsError(
            f"The `reviews up` of this home, process {process}, is another user's. Next: `reviews down` as that user."
        ) from None


def _wait_until_down(settings: Settings, seconds: float, echo: Callable[[str], None]) -> None:
    """Wait until `reviews up` has ended, at most `seconds`, and print what it waits for."""
    deadline, printed = time.monotonic() + seconds, ""
    while is_held(settings.home.prefect) and time.monotonic() < deadline:
        running = find_running(settings)
        if running is not None and running.doing not in ("", printed):
            printed = running.doing
            echo(printed)
        time.sleep(0.1)
