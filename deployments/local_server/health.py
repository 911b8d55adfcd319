"""Whether the server of `reviews up` answers: a thread asks it, so that a server that hangs holds nobody up."""

import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress

from deployments.local_server.children import Child, Say, keep_running, kill_child

ASK_SECONDS = 10.0
"""Between two questions."""
ANSWER_SECONDS = 10.0
"""How long the server may take to answer one."""
HUNG_SECONDS = 120.0
"""A server that gave no answer for so long, and was started as long ago, hangs."""


def keep_asking(
    answers: Callable[[], bool], stop: threading.Event, pause_seconds: float = ASK_SECONDS
) -> Callable[[], float]:
    """Ask the server again and again until `stop`; give the function that says when it last answered.

    Times are on the monotonic clock, in s; the start of this counts as an answer.
    """
    last = time.monotonic()

    def ask() -> None:
        nonlocal last
        while not stop.wait(pause_seconds):
            with suppress(Exception):  # whatever it is, it is no answer
                if answers():
                    last = time.monotonic()

    threading.Thread(target=ask, daemon=True).start()
    return lambda: last


def is_hung(server: Child, answered: float, now: float, patience_seconds: float = HUNG_SECONDS) -> bool:
    """Tell whether a server that runs has been silent for too long; a fresh one has as long to start."""
    return server.process.poll() is None and now - max(answered, server.started) > patience_seconds


def look_after(
    children: list[Child], answered: Callable[[], float], environment: Mapping[str, str], say: Say
) -> Callable[[], None]:
    """Give the function to call again and again: it starts what has ended, and kills the server where it hangs.

    `children` has the server first; each that is started again takes the place of the one that ended.
    """

    def look() -> None:
        if is_hung(children[0], answered(), time.monotonic()):
            say(f"server gave no answer for {HUNG_SECONDS:g} s: it is killed.")
            kill_child(children[0])
        children[:] = [keep_running(child, environment, say) for child in children]

    return look
