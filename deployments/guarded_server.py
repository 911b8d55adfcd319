"""Prefect's server for this machine's own user: it refuses other hosts, pages of other origins, and no password.

Whoever can make a deployment can run code, and any web page that the user opens can send requests to 127.0.0.1. So a
request is refused by its headers, before Prefect sees any of it, if its `Host` is none of ours (DNS rebinding keeps
the foreign name) or if it comes from a page of another origin. Prefect itself then asks for the password.

`python -m deployments.guarded_server FD HOST...` is the server, on the listening socket of that number, under the names
HOST; its settings and password are in the environment (`deployments/local_server/server.py` starts it).
"""

import ipaddress
import os
import socket
import stat
import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from data_contracts.errors import UsageError
from deployments.settings import Settings

if TYPE_CHECKING:
    import uvicorn
    from starlette.datastructures import Headers
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

STOP_SECONDS = 5.0
"""How long the server may take to write down what it was told last."""
LOOPBACK_NAMES = ("127.0.0.1", "localhost", "[::1]")
REFUSED = "Refused: this request comes from a page of another origin."
PAGE_RULES = "; ".join(
    (
        "connect-src 'self'",
        "script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:",
        "base-uri 'self'",
        "frame-ancestors 'none'",
    )
)
"""The content security policy of Prefect's pages, which would otherwise ask Amplitude for its configuration.

Its page about the API (`/docs`) would run scripts of another server beside the password that the browser keeps.
"""


def protect_server(ui_url: str, password: str) -> dict[str, str]:
    """Give the environment of a guarded server and of those who use it.

    The pages find the API where they came from, so that they work under each of the server's names.
    """
    return {
        "PREFECT_SERVER_API_AUTH_STRING": password,
        "PREFECT_API_AUTH_STRING": password,
        "PREFECT_SERVER_API_CORS_ALLOWED_ORIGINS": ui_url,
        "PREFECT_SERVER_API_CSRF_PROTECTION_ENABLED": "true",
        "PREFECT_CLIENT_CSRF_SUPPORT_ENABLED": "true",
        "PREFECT_SERVER_UI_API_URL": "/api",
    }


def list_hosts(settings: Settings) -> list[str]:
    """Give the names that `reviews up` answers to, as a `Host` header has them without the port.

    Raises `UsageError` if REVIEWS_HOST is no address, or is every address and no name to reach it by is set.
    """
    try:
        address = ipaddress.ip_address(settings.host)
    except ValueError:
        raise UsageError(
            f"REVIEWS_HOST must be an address such as 127.0.0.1 or 0.0.0.0, not {settings.host!r}."
        ) from None
    if address.is_unspecified and not settings.allowed_hosts:
        raise UsageError(
            f"REVIEWS_HOST={settings.host} lets other machines in, and no name of this one is set. Next: set "
            "REVIEWS_ALLOWED_HOSTS to the names or addresses that they use, such as reviews.example.org,192.0.2.7."
        )
    own = f"[{address}]" if address.version == 6 else str(address)
    return list(dict.fromkeys((*LOOPBACK_NAMES, own, *settings.allowed_hosts)))


def guard(app: "ASGIApp", hosts: Sequence[str]) -> "ASGIApp":
    """Wrap an app so that it never sees a request or websocket of another host (400) or origin (403).

    Its pages are shown within no other page, and send to no other server.
    """
    from starlette.datastructures import Headers, MutableHeaders
    from starlette.middleware.trustedhost import TrustedHostMiddleware
    from starlette.responses import PlainTextResponse

    async def refuse_other_origins(scope: "Scope", receive: "Receive", send: "Send") -> None:
        if scope["type"] != "lifespan" and not _is_own(Headers(scope=scope)):
            await PlainTextResponse(REFUSED, 403)(scope, receive, send)
        else:
            await app(scope, receive, lambda message: send(add_rules(message)))

    def add_rules(message: "Message") -> "Message":
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message)["Content-Security-Policy"] = PAGE_RULES
        return message

    return TrustedHostMiddleware(refuse_other_origins, allowed_hosts=list(hosts), www_redirect=False)


def make_app(hosts: Sequence[str]) -> Callable[[], "ASGIApp"]:
    """Give the function that loads Prefect's server, which takes seconds, and gives it guarded."""

    def load() -> "ASGIApp":
        from prefect.server.api.server import create_app

        return guard(create_app(final=True), hosts)

    return load


def _is_own(headers: "Headers") -> bool:
    """Tell whether a request comes from no page, or from a page that this server gave under the same name."""
    host = headers.get("host", "")
    own = (f"http://{host}", f"https://{host}")  # the latter behind a proxy that speaks TLS
    return all(origin in own for origin in headers.getlist("origin"))


def _configure(hosts: Sequence[str]) -> "uvicorn.Config":
    """Configure the web server as `prefect server start` does."""
    import uvicorn
    from prefect.settings import get_current_settings

    server = get_current_settings().server
    if not server.api.auth_string:
        sys.exit("The server has no password. Next: let a `reviews` command start it.")
    return uvicorn.Config(
        make_app(hosts),
        factory=True,
        lifespan="on",
        log_level=server.logging_level.lower(),
        timeout_keep_alive=server.api.keepalive_timeout,
        ws_ping_interval=server.api.websocket_ping_interval,
        ws_ping_timeout=server.api.websocket_ping_timeout,
    )


def _serve(listening: socket.socket, hosts: Sequence[str]) -> None:
    """Serve until told to stop; where standard input is a pipe, until it ends, as it does with whoever started this."""
    import uvicorn

    server = uvicorn.Server(_configure(hosts))

    def end_with_the_pipe() -> None:
        while os.read(sys.stdin.fileno(), 1):
            pass
        server.should_exit = True
        time.sleep(STOP_SECONDS)
        os._exit(0)

    if stat.S_ISFIFO(os.fstat(sys.stdin.fileno()).st_mode):
        threading.Thread(target=end_with_the_pipe, daemon=True).start()
    server.run(sockets=[listening])
    sys.stderr.flush()
    # All is written down, and Python would take another second to forget what it loaded.
    os._exit(0 if server.started else 1)


if __name__ == "__main__":
    _serve(socket.socket(fileno=int(sys.argv[1])), sys.argv[2:])
