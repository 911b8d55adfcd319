"""A temporary Prefect server for one command, if none is configured; it starts while the command loads its libraries.

Prefect would start one by itself, but only at its first call, and it would load the whole server into the command's
process too. This server listens on a free port of 127.0.0.1 at once, does not receive the terminal's Ctrl-C, and ends
when the command ends for any reason. It is guarded like the server of `reviews up`, with a password of its own.
"""

import atexit
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from deployments.guarded_server import LOOPBACK_NAMES, protect_server
from deployments.local_server.children import Child, stop_child
from deployments.local_server.server_process import describe_server, open_port, start_server, wait_for_server
from deployments.password import make_password

EPHEMERAL = {
    "PREFECT_UI_ENABLED": "0",
    "PREFECT__SERVER_EPHEMERAL": "1",
    "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "ERROR",
    "PREFECT_SERVER_LOGGING_LEVEL": "ERROR",
    "PREFECT_SERVER_SERVICES_TRIGGERS_ENABLED": "false",
}
"""The settings of Prefect's own temporary server (no pages, no schedules), and logging of errors. It looks for no
automations, since those of a home belong to `reviews up`: that took most of the processor time of a waiting server."""


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
    with open_port("127.0.0.1", 0) as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        protected = {**environment, **protect_server(url, password)}
        child = start_server(describe_server(listening, LOOPBACK_NAMES, ends_with_us=True), protected, print)
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
