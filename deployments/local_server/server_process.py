"""Starts Prefect's server as a process, for commands, `reviews up`, the tests and the benchmarks.

The socket listens before the process starts: no other program can take the port meanwhile, and an early client waits
instead of failing.
"""

import os
import socket
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import combinations

from data_contracts.errors import ReviewsError, UsageError
from deployments.local_server.children import Child, Echo, Program, start_child
from deployments.settings import SITE_HOST, Settings

START_SECONDS = 120.0
"""How long the server may take to start."""
ANSWER_SECONDS = 2.0
"""How long a starting server may take to answer one health check."""
LINES_SHOWN = 15
"""The last lines of its output that an error message has."""


@dataclass(frozen=True)
class Ports:
    """The sockets on which `reviews up` listens."""

    server: socket.socket
    metrics: socket.socket | None
    """None if no metrics are served."""
    site: socket.socket | None
    """None if the site is not served."""


@contextmanager
def open_ports(settings: Settings) -> Iterator[Ports]:
    """Listen on the ports of the server, of the metrics and of the site until the block ends.

    Raises `UsageError` if two are the same, `ReviewsError` if one can't be used.
    """
    _require_different_ports(settings)
    with ExitStack() as opened:
        server = opened.enter_context(open_port(settings.host, settings.port))
        others = (open_metrics_port, open_site_port)
        metrics, site = (_keep_open(opened, open_other(settings)) for open_other in others)
        yield Ports(server, metrics, site)


def _require_different_ports(settings: Settings) -> None:
    """Raise `UsageError` if two ports are the same."""
    named = {
        "Prefect's server": settings.port,
        "REVIEWS_METRICS_PORT": settings.metrics_port,
        "REVIEWS_SITE_PORT": settings.site_port,
    }
    for (name, port), (other, second) in combinations(named.items(), 2):
        if port is not None and port == second:
            raise UsageError(f"{name} and {other} have the same port, {port}. Next: change one of them.")


def _keep_open(opened: ExitStack, listening: socket.socket | None) -> socket.socket | None:
    """Return a socket, if there is one, that is closed when the block ends."""
    return None if listening is None else opened.enter_context(listening)


def open_metrics_port(settings: Settings) -> socket.socket | None:
    """Listen on the port of the metrics; return None if the settings have none."""
    if settings.metrics_port is None:
        return None
    return open_port(settings.metrics_host, settings.metrics_port, "REVIEWS_METRICS_PORT")


def open_site_port(settings: Settings) -> socket.socket | None:
    """Listen on the port of the site; return None if the settings have none."""
    if settings.site_port is None:
        return None
    return open_port(SITE_HOST, settings.site_port, "REVIEWS_SITE_PORT")


def open_port(
    host: str, port: int, setting: str = "`reviews up --port 4201`, or REVIEWS_PORT"
) -> socket.socket:
    """Listen on a port, any free one for port 0; raise `ReviewsError`, with what sets the port, if it can't be used."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise ReviewsError(
            f"Port {port} of {host} can't be used ({os.strerror(error.errno or 0)}): another program uses it. "
            f"Next: stop that program, or choose another port: {setting}."
        ) from error


def describe_server(
    listening: socket.socket,
    hosts: Sequence[str],
    *,
    own: Mapping[str, str] | None = None,
    ends_with_us: bool = False,
) -> Program:
    """Return the program of a guarded server on an open socket, under the host names `hosts`.

    `own` has variables that no other process gets.
    """
    command = (sys.executable, "-m", "deployments.guarded_server", str(listening.fileno()), *hosts)
    return Program(
        "server", command, inherited=(listening.fileno(),), own=own or {}, ends_with_us=ends_with_us
    )


def start_server(server: Program, environment: Mapping[str, str], echo: Echo) -> Child:
    """Start a guarded server; `environment` must have its settings and password.

    Its output is printed only after the child's `is_quiet` is cleared.
    """
    return start_child(server, environment, echo, is_quiet=True)


def wait_for_server(server: Child, api_url: str, next_step: str, stop: threading.Event | None = None) -> None:
    """Wait for the server's first answer, or until `stop`; raise `ReviewsError` if it ends or takes too long."""
    deadline, stop = time.monotonic() + START_SECONDS, stop or threading.Event()
    while not stop.is_set():
        if (status := server.process.poll()) is not None:
            server.reader.join(1)
            output = "\n".join(server.first_lines[-LINES_SHOWN:])
            raise ReviewsError(
                f"Prefect's server ended with status {status} before it answered. Its output:\n{output}\n"
                f"Next: correct the cause, {next_step}"
            )
        if is_answering(api_url, ANSWER_SECONDS):
            return
        if time.monotonic() > deadline:
            raise ReviewsError(
                f"Prefect's server did not answer on {api_url} within {START_SECONDS:g} s. "
                f"Next: check what else keeps the machine busy, {next_step}"
            )
        stop.wait(0.1)


def is_answering(api_url: str, seconds: float) -> bool:
    """Return whether a Prefect server answers at `api_url` within `seconds`."""
    return _is_found(f"{api_url}/health", seconds)


def shows_page(ui_url: str, seconds: float) -> bool:
    """Return whether a Prefect server shows its first page; it answers without, if its files were replaced."""
    return _is_found(ui_url, seconds)


def _is_found(url: str, seconds: float) -> bool:
    """Return whether a server answers within `seconds`, and has what is asked for."""
    try:
        with urllib.request.urlopen(url, timeout=seconds) as answer:  # noqa: S310 (our own)
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError, ValueError):
        return False
