"""Starts Prefect's guarded server as a process: for `reviews up`, or for one command if no server is configured.

Prefect would start one of its own for a command, but only at its first call, and it would load the whole server into
the command's process too. Ours listens on a free port of 127.0.0.1 at once, starts while the command loads its
libraries, does not receive the terminal's Ctrl-C, and ends when the command ends for any reason.
"""

import atexit
import os
import socket
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from data_contracts.errors import ReviewsError
from deployments.guarded_server import LOOPBACK_NAMES, protect_server
from deployments.local_server.children import Child, Program, start_child, stop_child
from deployments.password import make_password
from deployments.ports import open_port

START_SECONDS = 120.0
"""How long the server may take to start."""
ANSWER_SECONDS = 2.0
"""How long a starting server may take to answer one health check."""
EPHEMERAL = {
    "PREFECT_UI_ENABLED": "0",
    "PREFECT__SERVER_EPHEMERAL": "1",
    "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "ERROR",
    "PREFECT_SERVER_LOGGING_LEVEL": "ERROR",
    "PREFECT_SERVER_SERVICES_TRIGGERS_ENABLED": "false",
}
"""The settings of Prefect's own temporary server (no pages, no schedules), and logging of errors. It looks for no
automations, since those of a home belong to `reviews up`: that took most of the processor time of a waiting server."""


def describe_server(
    listening: socket.socket,
    hosts: Sequence[str],
    *,
    own: Mapping[str, str] | None = None,
    ends_with_us: bool = False,
) -> Program:
    """Return the program of a guarded server on an open socket, under the host names `hosts`.

    `own` has variables that no other process gets. Its environment must have its settings and password.
    """
    number = listening.fileno()
    command = (sys.executable, "-m", "deployments.guarded_server", str(number), *hosts)
    return Program("server", command, inherited=(number,), own=own or {}, ends_with_us=ends_with_us)


def wait_for_server(server: Child, api_url: str, next_step: str, stop: threading.Event | None = None) -> None:
    """Wait for the server's first answer, or until `stop`; raise `ReviewsError` if it ends or takes too long."""
    deadline, stop = time.monotonic() + START_SECONDS, stop or threading.Event()
    while not stop.is_set():
        if (status := server.process.poll()) is not None:
            server.reader.join(1)
            output = "\n".join(server.last_lines)
            raise ReviewsError(
                f"Prefect's server ended with status {status} before it answered. Its output:\n{output}\n"
                f"Next: correct the cause, {next_step}"
            )
        if has_page(f"{api_url}/health", ANSWER_SECONDS):
            return
        if time.monotonic() > deadline:
            raise ReviewsError(
                f"Prefect's server did not answer on {api_url} within {START_SECONDS:g} s. "
                f"Next: check what else keeps the machine busy, {next_step}"
            )
        stop.wait(0.1)


def has_page(url: str, seconds: float) -> bool:
    """Return whether a server answers within `seconds`, and has what is asked for.

    Prefect's API answers although its pages are gone, if its files were replaced.
    """
    try:
        with urllib.request.urlopen(url, timeout=seconds) as answer:  # noqa: S310 (our own)
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError, ValueError):
        return False


@dataclass(frozen=True)
class TemporaryServer:
    """A temporary server that is started and may not answer yet."""

    child: Child
    api_url: str
    password: str = field(repr=False)

    @property
    def environment(self) -> dict[str, str]:
        """The variables that Prefect's client needs to use it."""
        return {"PREFECT_API_URL": self.api_url, "PREFECT_API_AUTH_STRING": self.password}

    def wait_until_ready(self) -> None:
        """Wait for its first answer; raise `ReviewsError` if it ends or takes too long."""
        next_step = "then try again; or name a server of your own in PREFECT_API_URL."
        wait_for_server(self.child, self.api_url, next_step)

    def stop(self) -> None:
        """Stop it, after it has stored what it received."""
        stop_child(self.child)


def start_where_needed() -> TemporaryServer | None:
    """Start a temporary server for this process unless a server is configured; return it, or None.

    Prefect's client is set to use it. It is stopped when the process exits.
    """
    from prefect.context import refresh_global_settings_context
    from prefect.settings import get_current_settings

    settings = get_current_settings()
    if settings.api.url or not settings.server.ephemeral.enabled:
        return None
    server = start_temporary_server({**os.environ, **EPHEMERAL})
    # The first registered function is called last, so Prefect's client can send its last events before.
    atexit.register(server.stop)
    os.environ.update(server.environment)
    refresh_global_settings_context()
    return server


def start_temporary_server(environment: Mapping[str, str]) -> TemporaryServer:
    """Start a temporary server, whatever is configured. The caller waits until it answers, and stops it."""
    password = make_password()
    with open_port("127.0.0.1", 0, "") as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        protected = {**environment, **protect_server(url, password)}
        server = describe_server(listening, LOOPBACK_NAMES, ends_with_us=True)
        child = start_child(server, protected, lambda line: None)
    return TemporaryServer(child, f"{url}/api", password)


@contextmanager
def run_server(environment: Mapping[str, str]) -> Iterator[TemporaryServer]:
    """Start a temporary server, yield it once it answers, and stop it at the end of the block."""
    server = start_temporary_server(environment)
    try:
        server.wait_until_ready()
        yield server
    finally:
        server.stop()
