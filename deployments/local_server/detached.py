"""`reviews up --detach`: starts `reviews up` in the background, and waits until it is ready."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from data_contracts.errors import ReviewsError
from deployments.installation_paths import PROJECT_ROOT
from deployments.local_server.running import Running, find_running
from deployments.local_server.server_process import START_SECONDS
from deployments.local_server.stopping import catch_signals
from deployments.local_server.up import describe_up
from deployments.local_server.up_log import name_log, open_log, read_last_start
from deployments.settings import Settings
from tasks.support.locking import is_held
from tasks.support.wording import quote_word

LOOK_SECONDS = 0.2
LOG_LINES = 15
"""The last lines of the log that an error message has."""


def start_detached(settings: Settings, echo: Callable[[str], None], *, watch: bool = False) -> None:
    """Start `reviews up` in the background and return when it is ready; print a notice if it is up already.

    One that starts or stops at this moment is waited for.
    Raises `ReviewsError` if it is up on another port, or does not come up. At Ctrl-C and the other signals that stop
    `reviews up` it is stopped again, and the command ends after it, however many of them come meanwhile.
    """
    if running := _find_settled(settings):
        if running.ui_url != settings.ui_url:
            raise ReviewsError(
                f"It is up already, on another port: {running.ui_url} (process {running.pid}). Next: use that one, or "
                f"`reviews --home {quote_word(str(settings.home.folder))} down` first."
            )
        echo(f"It is up already: {running.ui_url} (process {running.pid})")
        return
    with catch_signals() as stop:
        process = _start_process(settings, watch)
        _wait_until_ready(settings, process, stop.asked)
        if stop.asked.is_set():
            process.terminate()
            with suppress(OSError):  # the terminal may be closed
                echo("Stopping what was started ...")
            process.wait()
            raise KeyboardInterrupt
    echo(f"{describe_up(settings, watch)}\nIts log: {name_log(settings)}")


def _start_process(settings: Settings, watch: bool) -> subprocess.Popen[bytes]:
    """Start `reviews up` in a session of its own, with its output in the log."""
    settings.home.prefect.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "flows.command.cli", "--home", str(settings.home.folder), "up"]
    command += ["--port", str(settings.port), *(["--watch-inbox"] if watch else [])]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with open_log(name_log(settings)) as out:
        return subprocess.Popen(
            command,
            cwd=PROJECT_ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )


def _find_settled(settings: Settings) -> Running | None:
    """Return the state of this home's `reviews up` as soon as it is ready, None as soon as it has ended.

    Raises `ReviewsError` if neither happens in `START_SECONDS`.
    """
    deadline = time.monotonic() + START_SECONDS
    while settings.home.prefect.is_dir() and is_held(settings.home.prefect) and time.monotonic() < deadline:
        running = find_running(settings)
        if running and running.is_ready and not running.doing:
            return running
        time.sleep(LOOK_SECONDS)
    if running := find_running(settings):
        raise ReviewsError(
            f"Another one (process {running.pid}) has been starting or stopping for {START_SECONDS:g} s. Next: read "
            f"{name_log(settings)}; `reviews --home {quote_word(str(settings.home.folder))} down --now` ends it."
        )
    return None


def _wait_until_ready(settings: Settings, process: subprocess.Popen[bytes], stop: threading.Event) -> None:
    """Wait until a detached `reviews up` is ready, or until `stop`; raise `ReviewsError` if it does not come up."""
    deadline = time.monotonic() + START_SECONDS
    while not stop.wait(LOOK_SECONDS):
        running = find_running(settings)
        if running is not None and running.pid == process.pid and running.is_ready:
            return
        is_late = time.monotonic() > deadline
        if is_late or process.poll() is not None:
            process.terminate()
            when = f" within {START_SECONDS:g} s" if is_late else ""
            log = read_last_start(name_log(settings), LOG_LINES)
            raise ReviewsError(f"It did not come up{when}. The end of its log:\n{log}")
