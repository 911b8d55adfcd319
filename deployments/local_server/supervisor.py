"""Supervises the server and the worker of `reviews up`: restarts what has ended, hangs, or runs code that was replaced.

Whether the server answers is checked in a thread, so that a server that hangs blocks nothing else.
"""

import sysconfig
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from deployments.local_server.children import Child, Echo, keep_running, kill_child

ASK_SECONDS = 10.0
"""The pause between two health checks."""
ANSWER_SECONDS = 10.0
"""How long the server may take to answer one health check."""
HUNG_SECONDS = 120.0
"""A server counts as hung if its last answer and its start are longer ago than this."""

RENEW_SECONDS = 30.0
"""The pause between two looks at what is installed: an installation has ended if two see the same."""
CHANGED = (
    "The installed packages changed: what `reviews up` has started is restarted, the worker once no run is active. "
    "`reviews up` itself goes on with its earlier code until you restart it."
)


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


def is_hung(server: Child, answered: float, now: float) -> bool:
    """Return whether a running server has given no answer for `HUNG_SECONDS`, counted from its start at the latest.

    `answered` is the time of its last answer; times are in s on the monotonic clock.
    """
    return server.process.poll() is None and now - max(answered, server.started) > HUNG_SECONDS


def build_supervisor(
    children: list[Child],
    answered: Callable[[], float],
    renew: Callable[[], None],
    environment: Mapping[str, str],
    echo: Echo,
) -> Callable[[], None]:
    """Return a function to call repeatedly: it restarts children that have ended, and kills the server if it hangs.

    `children` has the server first; a restarted child replaces the ended one in this list. `answered` returns the time
    of the server's last answer, `renew` ends children whose code was replaced.
    """

    def supervise() -> None:
        if is_hung(children[0], answered(), time.monotonic()):
            echo(f"server gave no answer for {HUNG_SECONDS:g} s: killing it.")
            kill_child(children[0])
        renew()
        children[:] = [keep_running(child, environment, echo) for child in children]

    return supervise


def build_renewal(
    children: list[Child],
    is_idle: Callable[[], bool],
    echo: Echo,
    read_installed: Callable[[], object] | None = None,
    pause_seconds: float = RENEW_SECONDS,
) -> Callable[[], None]:
    """Return a function to call repeatedly: once the installed packages have changed, it ends the children.

    The worker is ended once `is_idle`, since its runs would end with it.
    """
    read_installed = read_installed or list_installed
    known = seen = read_installed()
    looked = time.monotonic()
    outdated: list[Child] = []

    def renew() -> None:
        nonlocal known, seen, looked
        if time.monotonic() - looked < pause_seconds:
            return
        looked, before, seen = time.monotonic(), seen, read_installed()
        if seen and seen == before and seen != known:
            known, outdated[:] = seen, children
            echo(CHANGED)
        for child in outdated:
            if child.process.poll() is None and (child.program.name != "worker" or is_idle()):
                child.process.terminate()

    return renew


def list_installed() -> frozenset[tuple[str, int]]:
    """Return the installed packages with their versions, and when each was installed; none while they are replaced."""
    with suppress(OSError):
        folders = Path(sysconfig.get_path("purelib")).glob("*.dist-info")
        return frozenset((each.name, each.stat().st_mtime_ns) for each in folders)
    return frozenset()
