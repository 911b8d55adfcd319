"""`reviews up --detach`, `reviews down` and `reviews status`: a `reviews up` that no terminal holds."""

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


def start_detached(settings: Settings, say: Callable[[str], None]) -> None:
    """Start `reviews up` without a terminal, and come back when it is ready; where it is up already, say so."""
    if running := find_running(settings):
        if running.ui_url != settings.ui_url:
            raise ReviewsError(
                f"It is up already, on another port: {running.ui_url} (process {running.pid}). Next: use that one, or "
                f"`reviews --home {settings.home.folder} down` first."
            )
        say(f"It is up already: {running.ui_url} (process {running.pid})")
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
    say(f"{describe_up(settings)}\nIts log: {log}")


def stop_running(settings: Settings, say: Callable[[str], None], *, at_once: bool = False) -> str:
    """Stop the `reviews up` of this home, and what one that was killed left behind; say what was done.

    It waits for runs that go on, as long as its settings say, and this says so; with `at_once` it does not.
    """
    running = find_running(settings)
    if running is not None:
        with suppress(ProcessLookupError):
            os.kill(running.pid, signal.SIGQUIT if at_once else signal.SIGTERM)
        _wait_until_down(settings, STOPPING_SECONDS + (0 if at_once else running.drain_seconds), say)
        if settings.home.prefect.is_dir() and is_held(settings.home.prefect):
            raise ReviewsError(
                f"Process {running.pid} did not end in time. Next: look at {name_log(settings)}, "
                f"then `kill -9 {running.pid}` and `reviews down` again."
            )
    left = kill_marked(settings.home.folder)
    if running is None:
        return f"It was not up; stopped {left} processes that were left." if left else "It was not up."
    return "Down: everything is stopped."


def require_running(settings: Settings) -> Running:
    """Give the `reviews up` of this home; raises `ReviewsError` where there is none."""
    running = find_running(settings)
    if running is None:
        command = f"`reviews --home {settings.home.folder}"
        if left := find_marked(settings.home.folder):
            numbers = ", ".join(str(process.pid) for process in left)
            raise ReviewsError(
                f"Down: `reviews up` was killed, but what it started still runs (processes {numbers}). Next: "
                f"{command} down`, which stops them, or {command} up`, which starts anew."
            )
        raise ReviewsError(f"Down: nothing is up for {settings.home.folder}. Next: {command} up --detach`.")
    return running


def _wait_until_down(settings: Settings, seconds: float, say: Callable[[str], None]) -> None:
    """Wait until `reviews up` has ended, no longer than `seconds`, and say what it waits for."""
    deadline, said = time.monotonic() + seconds, ""
    while is_held(settings.home.prefect) and time.monotonic() < deadline:
        running = find_running(settings)
        if running is not None and running.doing not in ("", said):
            said = running.doing
            say(said)
        time.sleep(0.1)


def _wait_until_ready(settings: Settings, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        running = find_running(settings)
        if running is not None and running.pid == process.pid and running.is_ready:
            return
        if process.poll() is not None:
            raise ReviewsError(
                f"It did not come up. Its last words:\n{read_last_start(name_log(settings), LOG_LINES)}"
            )
        if time.monotonic() > deadline:
            process.terminate()
            raise ReviewsError(
                f"It did not come up within {START_SECONDS:g} s:\n{read_last_start(name_log(settings), LOG_LINES)}"
            )
        time.sleep(0.2)
