"""Starts `reviews up --detach` in the background, stops it for `reviews down`, finds it for `reviews status`."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress

from data_contracts.errors import ReviewsError
from deployments.local_server.running import Running, find_running
from deployments.local_server.server import START_SECONDS
from deployments.local_server.stopping import STOPPING_SECONDS
from deployments.local_server.up import describe_up
from deployments.local_server.up_log import name_log, open_log, read_last_start
from deployments.processes import find_marked, kill_marked
from deployments.settings import PROJECT_ROOT, Settings
from tasks.support.locking import is_held

LOG_LINES = 15
"""The last lines of the log that an error message has."""


def start_detached(settings: Settings, echo: Callable[[str], None]) -> None:
    """Start `reviews up` in the background and return when it is ready; print a notice if it is up already.

    Raises `ReviewsError` if it is up on another port, or does not come up.
    """
    if running := find_running(settings):
        if running.ui_url != settings.ui_url:
            raise ReviewsError(
                f"It is up already, on another port: {running.ui_url} (process {running.pid}). Next: use that one, or "
                f"`reviews --home {settings.home.folder} down` first."
            )
        echo(f"It is up already: {running.ui_url} (process {running.pid})")
        return
    settings.home.prefect.mkdir(parents=True, exist_ok=True)
    log = name_log(settings)
    command = [sys.executable, "-m", "flows.command.cli", "--home", str(settings.home.folder), "up"]
    environment = {
        **os.environ,
        "REVIEWS_PORT": str(settings.port),
        "REVIEWS_WATCH_INBOX": str(settings.watch_inbox).lower(),
        "PYTHONUNBUFFERED": "1",
    }
    with open_log(log) as out:
        process = subprocess.Popen(
            command,
            cwd=PROJECT_ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    _wait_until_ready(settings, process)
    echo(f"{describe_up(settings)}\nIts log: {log}")


def stop_running(settings: Settings, echo: Callable[[str], None], *, at_once: bool = False) -> str:
    """Stop the `reviews up` of this home and the processes that a killed one left behind; describe what was done.

    `reviews up` waits for active runs as long as its own settings allow, and this function prints what it waits for;
    with `at_once` it does not wait. Raises `ReviewsError` if it does not end in time.
    """
    running = find_running(settings)
    if running is not None:
        with suppress(ProcessLookupError):
            os.kill(running.pid, signal.SIGQUIT if at_once else signal.SIGTERM)
        _wait_until_down(settings, STOPPING_SECONDS + (0 if at_once else running.drain_seconds), echo)
        if settings.home.prefect.is_dir() and is_held(settings.home.prefect):
            raise ReviewsError(
                f"Process {running.pid} did not end in time. Next: read {name_log(settings)}, "
                f"then `kill -9 {running.pid}` and `reviews down` again."
            )
    killed = kill_marked(settings.home.folder)
    if running is None:
        return (
            f"It was not up; stopped {killed} processes that were left behind."
            if killed
            else "It was not up."
        )
    return "Down: everything is stopped."


def require_running(settings: Settings) -> Running:
    """Return the `reviews up` of this home; raise `ReviewsError` if there is none."""
    running = find_running(settings)
    if running is None:
        command = f"`reviews --home {settings.home.folder}"
        if remaining := find_marked(settings.home.folder):
            numbers = ", ".join(str(process.pid) for process in remaining)
            raise ReviewsError(
                f"Down: `reviews up` was killed, but what it started still runs (processes {numbers}). Next: "
                f"{command} down`, which stops them, or {command} up`, which also starts it again."
            )
        raise ReviewsError(f"Down: nothing is up for {settings.home.folder}. Next: {command} up --detach`.")
    return running


def _wait_until_down(settings: Settings, seconds: float, echo: Callable[[str], None]) -> None:
    """Wait until `reviews up` has ended, at most `seconds`, and print what it waits for."""
    deadline, printed = time.monotonic() + seconds, ""
    while is_held(settings.home.prefect) and time.monotonic() < deadline:
        running = find_running(settings)
        if running is not None and running.doing not in ("", printed):
            printed = running.doing
            echo(printed)
        time.sleep(0.1)


def _wait_until_ready(settings: Settings, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        running = find_running(settings)
        if running is not None and running.pid == process.pid and running.is_ready:
            return
        if process.poll() is not None:
            raise ReviewsError(
                f"It did not come up. The end of its log:\n{read_last_start(name_log(settings), LOG_LINES)}"
            )
        if time.monotonic() > deadline:
            process.terminate()
            raise ReviewsError(
                f"It did not come up within {START_SECONDS:g} s:\n{read_last_start(name_log(settings), LOG_LINES)}"
            )
        time.sleep(0.2)
