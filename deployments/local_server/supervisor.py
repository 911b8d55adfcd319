"""Supervises the server and the worker of `reviews up`: restarts them when they end, and kills a server that hangs."""

import time
from collections.abc import Callable, Mapping

from deployments.local_server.children import Child, Echo, keep_running, kill_child
from deployments.local_server.health import HUNG_SECONDS, is_hung


def build_supervisor(
    children: list[Child], answered: Callable[[], float], environment: Mapping[str, str], echo: Echo
) -> Callable[[], None]:
    """Return a function to call repeatedly: it restarts children that have ended, and kills the server if it hangs.

    `children` has the server first; a restarted child replaces the ended one in this list. `answered` returns the time
    of the server's last answer.
    """

    def supervise() -> None:
        if is_hung(children[0], answered(), time.monotonic()):
            echo(f"server gave no answer for {HUNG_SECONDS:g} s: killing it.")
            kill_child(children[0])
        children[:] = [keep_running(child, environment, echo) for child in children]

    return supervise
