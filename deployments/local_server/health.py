"""Checks whether the server of `reviews up` answers, in a thread, so that a server that hangs blocks nothing else."""

import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import suppress

from deployments.local_server.children import Child

ASK_SECONDS = 10.0
"""The pause between two health checks."""
ANSWER_SECONDS = 10.0
"""How long the server may take to answer one health check."""
HUNG_SECONDS = 120.0
"""A server counts as hung if its last answer and its start are longer ago than this."""


def start_health_checks(
    is_answering: Callable[[], bool], stop: threading.Event, pause_seconds: float = ASK_SECONDS
) -> Callable[[], float]:
    """Start a thread that checks the server until `stop`; return a function that returns the time of its last answer.

    Times are in s on the monotonic clock. The start of the thread counts as an answer.
    """
    last = time.monotonic()

    def check() -> None:
        nonlocal last
        while not stop.wait(pause_seconds):
            with suppress(Exception):  # an error counts as no answer
                if is_answering():
                    last = time.monotonic()

    threading.Thread(target=check, daemon=True).start()
    return lambda: last


def is_hung(server: Child, answered: float, now: float, patience_seconds: float = HUNG_SECONDS) -> bool:
    """Return whether a running server has given no answer for `patience_seconds`, counted from its start at the latest.

    `answered` is the time of its last answer; times are in s on the monotonic clock.
    """
    return server.process.poll() is None and now - max(answered, server.started) > patience_seconds


def is_answering(api_url: str, seconds: float) -> bool:
    """Return whether a Prefect server answers at `api_url` within `seconds`."""
    try:
        with urllib.request.urlopen(f"{api_url}/health", timeout=seconds) as answer:  # noqa: S310 (our own)
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError, ValueError):
        return False
