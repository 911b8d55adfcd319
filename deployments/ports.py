"""The ports on which `reviews up` and `reviews serve` listen, opened before the process that serves on them starts.

So no other program can take a port meanwhile, and an early client waits instead of failing.
"""

import os
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import combinations

from data_contracts.errors import ReviewsError, UsageError
from deployments.settings import SITE_HOST, Settings, load_settings


@dataclass(frozen=True)
class Place:
    """Where something of `reviews up` is served."""

    host: str
    port: int | None
    """None if it is not served."""
    setting: str
    """What sets the port."""

    def open(self) -> socket.socket:
        """Listen there; raise `UsageError` if no port is set, `ReviewsError` if it can't be used."""
        if self.port is None:
            raise UsageError(f"{self.setting} is not set. Next: set it to a free port, such as 9108.")
        return open_port(self.host, self.port, self.setting)


def list_places(settings: Settings) -> dict[str, Place]:
    """Return where `reviews up` serves what."""
    return {
        "server": Place(settings.host, settings.port, "`reviews up --port 4201`, or REVIEWS_PORT"),
        "metrics": Place(settings.metrics_host, settings.metrics_port, "REVIEWS_METRICS_PORT"),
        "site": Place(SITE_HOST, settings.site_port, "REVIEWS_SITE_PORT"),
    }


@contextmanager
def open_ports(settings: Settings) -> Iterator[dict[str, socket.socket]]:
    """Listen on all ports of `reviews up` until the block ends.

    Raises `UsageError` if two are the same, `ReviewsError` if one can't be used.
    """
    places = {name: place for name, place in list_places(settings).items() if place.port is not None}
    for (name, first), (other, second) in combinations(places.items(), 2):
        if first.port == second.port:
            raise UsageError(
                f"{name} and {other} have the same port, {first.port}. Next: change {second.setting}."
            )
    with ExitStack() as opened:
        yield {name: opened.enter_context(place.open()) for name, place in places.items()}


def open_port(host: str, port: int, setting: str) -> socket.socket:
    """Listen on a port, any free one for port 0; raise `ReviewsError`, with what sets the port, if it can't be used."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise ReviewsError(
            f"Port {port} of {host} can't be used ({os.strerror(error.errno or 0)}): another program uses it. "
            f"Next: stop that program, or choose another port: {setting}."
        ) from error


def serve_alone(name: str, serve: Callable[[Settings, socket.socket], None]) -> None:
    """Serve as a process of its own, until a signal: on the socket whose descriptor is the argument, else on a new one.

    `reviews up` hands over the socket. Beside a server of your own there is no argument.
    """
    try:
        settings = load_settings()
        handed_over = sys.argv[1:]
        place = list_places(settings)[name]
        serve(settings, socket.socket(fileno=int(handed_over[0])) if handed_over else place.open())
    except ReviewsError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(error.exit_status)
