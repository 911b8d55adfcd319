"""A Prefect server for one command, where none is configured: started first, so that it starts while the rest loads.

Prefect would start one by itself, but only when its first call is made, after loading the whole server into the
caller too. This one listens on a free port of 127.0.0.1 from the outset, is out of reach of the terminal's Ctrl-C,
and ends when the command does, however that ends: it waits for the end of a pipe. It is guarded as that of
`reviews up` is, with a password of its own.

`python -m deployments.local_server.temporary_server FD` is the server, on the listening socket of that number.
"""

import atexit
import os
import secrets
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from contextlib import suppress
from dataclasses import dataclass, field
from typing import IO

from data_contracts.errors import ReviewsError
from deployments.guarded_server import LOOPBACK_NAMES, make_app, protect_server
from deployments.password import RANDOM_BYTES
from deployments.settings import PROJECT_ROOT

START_SECONDS = 120.0
"""How long the server may take to answer."""
STOP_SECONDS = 5.0
"""How long it may take to write down what it was told last."""
LINES_SHOWN = 6
EPHEMERAL = {
    "PREFECT_UI_ENABLED": "0",
    "PREFECT__SERVER_EPHEMERAL": "1",
    "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "ERROR",
}
"""What Prefect gives its own temporary server, so no pages and no schedules; and that it says why it does not start."""


@dataclass(frozen=True)
class TemporaryServer:
    """A server that has been started and may not answer yet."""

    process: subprocess.Popen[bytes]
    api_url: str
    password: str = field(repr=False)
    said: IO[bytes]

    @property
    def environment(self) -> dict[str, str]:
        """What Prefect's client needs to use it."""
        return {"PREFECT_API_URL": self.api_url, "PREFECT_API_AUTH_STRING": self.password}

    def wait_until_ready(self) -> None:
        """Wait for its first answer; raise `ReviewsError` if it ends before that, or takes too long."""
        deadline = time.monotonic() + START_SECONDS
        while (left := deadline - time.monotonic()) > 0:
            if (status := self.process.poll()) is not None:
                raise ReviewsError(
                    f"Prefect's temporary server ended with status {status} before it answered. It said:\n"
                    f"{self._read_end()}\nNext: mend that, or name a server of your own in PREFECT_API_URL."
                )
            # The socket listens already, so this waits as long as the server needs; it is reset if that ends.
            with suppress(OSError, urllib.error.URLError):
                with urllib.request.urlopen(f"{self.api_url}/health", timeout=min(left, 5)):  # noqa: S310 (our own)
                    return
                time.sleep(0.1)
        raise ReviewsError(
            f"Prefect's temporary server did not answer within {START_SECONDS:g} s. Next: see what else the machine "
            "does, then try again."
        )

    def stop(self) -> None:
        """Let it write down what it was told, and end."""
        with suppress(OSError):
            if self.process.stdin is not None:
                self.process.stdin.close()
        try:
            self.process.wait(2 * STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.said.close()

    def _read_end(self) -> str:
        self.said.seek(0)
        return "\n".join(self.said.read().decode(errors="replace").strip().splitlines()[-LINES_SHOWN:])


def start_where_needed() -> TemporaryServer | None:
    """Start one and let Prefect's client use it, unless a server is configured; it is stopped at exit."""
    from prefect.context import refresh_global_settings_context
    from prefect.settings import get_current_settings

    settings = get_current_settings()
    if settings.api.url or not settings.server.ephemeral.enabled:
        return None
    server = start_server()
    # The first to be registered is the last to be called: Prefect's client says its last words before.
    atexit.register(server.stop)
    os.environ.update(server.environment)
    refresh_global_settings_context()
    return server


def start_server() -> TemporaryServer:
    """Start one, whatever is configured; whoever asked for it waits until it answers, and stops it."""
    said = tempfile.TemporaryFile()  # noqa: SIM115 (closed when the server is stopped)
    password = f"reviews:{secrets.token_urlsafe(RANDOM_BYTES)}"
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        process = subprocess.Popen(
            [sys.executable, "-m", "deployments.local_server.temporary_server", str(listening.fileno())],
            cwd=PROJECT_ROOT,
            env={**os.environ, **EPHEMERAL, **protect_server(url, password)},
            stdin=subprocess.PIPE,
            stdout=said,
            stderr=said,
            pass_fds=[listening.fileno()],
            start_new_session=True,
        )
    return TemporaryServer(process, f"{url}/api", password, said)


def _serve(listening: socket.socket) -> None:
    """Serve until standard input ends, as it does when the command that started this has ended."""
    import uvicorn

    config = uvicorn.Config(make_app(LOOPBACK_NAMES), factory=True, log_level="error", lifespan="on")
    server = uvicorn.Server(config)

    def end_with_the_command() -> None:
        while os.read(sys.stdin.fileno(), 1):
            pass
        server.should_exit = True
        time.sleep(STOP_SECONDS)
        os._exit(0)

    threading.Thread(target=end_with_the_command, daemon=True).start()
    server.run(sockets=[listening])
    sys.stderr.flush()
    # All is written down, and Python would take another second to forget what it loaded.
    os._exit(0 if server.started else 1)


if __name__ == "__main__":
    _serve(socket.socket(fileno=int(sys.argv[1])))
