"""A Prefect server for one command, where none is configured: started first, so that it starts while the rest loads.

Prefect would start one by itself, but only when its first call is made, after loading the whole server into the
caller too. This one listens on a free port of 127.0.0.1 from the outset, is out of reach of the terminal's Ctrl-C,
and ends when the command does, however that ends. It is guarded as that of `reviews up` is, with a password of its own.
"""

import atexit
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from deployments.guarded_server import LOOPBACK_NAMES, protect_server
from deployments.local_server.children import Child, stop_child
from deployments.local_server.server import open_port, start_server, wait_for_server
from deployments.password import make_password

EPHEMERAL = {
    "PREFECT_UI_ENABLED": "0",
    "PREFECT__SERVER_EPHEMERAL": "1",
    "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "ERROR",
    "PREFECT_SERVER_LOGGING_LEVEL": "ERROR",
}
"""What Prefect gives its own temporary server, so no pages and no schedules; and that it says why it does not start."""


@dataclass(frozen=True)
class TemporaryServer:
    """A server that has been started and may not answer yet."""

    child: Child
    api_url: str
    password: str = field(repr=False)

    @property
    def environment(self) -> dict[str, str]:
        """What Prefect's client needs to use it."""
        return {"PREFECT_API_URL": self.api_url, "PREFECT_API_AUTH_STRING": self.password}

    def wait_until_ready(self) -> None:
        """Wait for its first answer; raise `ReviewsError` if it ends before that, or takes too long."""
        next_step = "then try again; or name a server of your own in PREFECT_API_URL."
        wait_for_server(self.child, self.api_url, next_step)

    def stop(self) -> None:
        """Let it write down what it was told, and end."""
        stop_child(self.child)


def start_where_needed() -> TemporaryServer | None:
    """Start one and let Prefect's client use it, unless a server is configured; it is stopped at exit."""
    from prefect.context import refresh_global_settings_context
    from prefect.settings import get_current_settings

    settings = get_current_settings()
    if settings.api.url or not settings.server.ephemeral.enabled:
        return None
    server = start_temporary_server({**os.environ, **EPHEMERAL})
    # The first to be registered is the last to be called: Prefect's client says its last words before.
    atexit.register(server.stop)
    os.environ.update(server.environment)
    refresh_global_settings_context()
    return server


def start_temporary_server(environment: Mapping[str, str]) -> TemporaryServer:
    """Start one, whatever is configured; whoever asked for it waits until it answers, and stops it."""
    password = make_password()
    with open_port("127.0.0.1", 0) as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        protected = {**environment, **protect_server(url, password)}
        child = start_server(listening, LOOPBACK_NAMES, protected, print, ends_with_us=True)
    return TemporaryServer(child, f"{url}/api", password)


@contextmanager
def run_server(environment: Mapping[str, str]) -> Iterator[TemporaryServer]:
    """Give a server that answers while the block runs."""
    server = start_temporary_server(environment)
    try:
        server.wait_until_ready()
        yield server
    finally:
        server.stop()
