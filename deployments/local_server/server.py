"""Prefect's server as a process: the one way to start it, for a command, `reviews up`, the tests and the benchmarks.

Its socket listens before the process starts: the port is ours, and a client that is early waits instead of failing.
"""

import os
import socket
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence

from data_contracts.errors import ReviewsError
from deployments.local_server.children import Child, Program, Say, start_child

START_SECONDS = 120.0
"""How long the server may take to answer."""
ANSWER_SECONDS = 2.0
"""How long a server that is being started may take to answer one question."""
LINES_SHOWN = 15


def open_port(host: str, port: int) -> socket.socket:
    """Listen on a port, on any free one for port 0; raises `ReviewsError` where another program has it."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise ReviewsError(
            f"Port {port} of {host} can't be used ({os.strerror(error.errno or 0)}): another program has it. "
            "Next: stop that one, or choose another port: `reviews up --port 4201`, or REVIEWS_PORT."
        ) from error


def start_server(
    listening: socket.socket,
    hosts: Sequence[str],
    environment: Mapping[str, str],
    say: Say,
    *,
    ends_with_us: bool = False,
) -> Child:
    """Start a guarded server on an open port, under the names `hosts`; the environment has its settings and password.

    What it says is kept, and shown once `is_quiet` is cleared.
    """
    command = (sys.executable, "-m", "deployments.guarded_server", str(listening.fileno()), *hosts)
    program = Program("server", command, inherited=(listening.fileno(),), ends_with_us=ends_with_us)
    return start_child(program, environment, say, is_quiet=True)


def wait_for_server(server: Child, api_url: str, next_step: str, stop: threading.Event | None = None) -> None:
    """Wait for its first answer, or until `stop`; raise `ReviewsError` if it ends before that, or takes too long."""
    deadline, stop = time.monotonic() + START_SECONDS, stop or threading.Event()
    while not stop.is_set():
        if (status := server.process.poll()) is not None:
            server.reader.join(1)
            said = "\n".join(server.first_lines[-LINES_SHOWN:])
            raise ReviewsError(
                f"Prefect's server ended with status {status} before it answered. It said:\n{said}\n"
                f"Next: mend that, {next_step}"
            )
        if is_answering(api_url):
            return
        if time.monotonic() > deadline:
            raise ReviewsError(
                f"Prefect's server did not answer on {api_url} within {START_SECONDS:g} s. "
                f"Next: see what else the machine does, {next_step}"
            )
        stop.wait(0.1)


def is_answering(api_url: str, seconds: float = ANSWER_SECONDS) -> bool:
    """Tell whether a Prefect server answers there within `seconds`."""
    try:
        with urllib.request.urlopen(f"{api_url}/health", timeout=seconds) as answer:  # noqa: S310 (our own)
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError, ValueError):
        return False
