"""Prefect's server with access control: it refuses unknown hosts, web pages of other origins, and wrong passwords.

Anyone who can create a deployment can run code, and any web page that the user opens can send requests to 127.0.0.1.
So a request is refused by its headers, before Prefect handles it, if its `Host` is not one of the server's names (after
DNS rebinding it is the attacker's name) or if it comes from a page of another origin. Prefect then checks the password.

`python -m deployments.guarded_server FD HOST...` serves on the listening socket with the descriptor FD, under the names
HOST. Its settings and password are in the environment; `deployments/local_server/server_process.py` starts it.
"""

import gc
import ipaddress
import os
import re
import socket
import stat
import sys
import threading
import time
from collections.abc import Awaitable, Sequence
from typing import TYPE_CHECKING

from data_contracts.errors import UsageError
from data_contracts.library_loading import pause_collection

if TYPE_CHECKING:
    import uvicorn
    from starlette.datastructures import Headers
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

STOP_SECONDS = 5.0
"""How long the server may take to store its last events when it stops."""
LOOPBACK_NAMES = ("127.0.0.1", "localhost", "[::1]")
FOREIGN_HOST = (
    "The request names another host than this server's. Next: add its name to REVIEWS_ALLOWED_HOSTS."
)
FOREIGN_PAGE = (
    "The request comes from a page of another origin. Next: send it from a program, or by your own server."
)
_HOST = re.compile(r"(\[[0-9a-fA-F:.]+\]|[^:@/\[\]]+)(:\d+)?")
"""A `Host` header: the name, then the port."""
PAGE_RULES = "; ".join(
    (
        "connect-src 'self'",
        "script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:",
        "base-uri 'self'",
        "frame-ancestors 'none'",
    )
)
"""The content security policy of Prefect's pages.

Without it they would connect to Amplitude, and the page of the API (`/docs`) would run scripts of another server, which
could use the password that the browser keeps.
"""


def protect_server(ui_url: str, password: str) -> dict[str, str]:
    """Return the environment variables of a guarded server and of its clients.

    Prefect's pages use the API at the address from which they were loaded, so they work under each of the server's
    names.
    """
    return {
        "PREFECT_SERVER_API_AUTH_STRING": password,
        "PREFECT_API_AUTH_STRING": password,
        "PREFECT_SERVER_API_CORS_ALLOWED_ORIGINS": ui_url,
        "PREFECT_SERVER_API_CSRF_PROTECTION_ENABLED": "true",
        "PREFECT_CLIENT_CSRF_SUPPORT_ENABLED": "true",
        "PREFECT_SERVER_UI_API_URL": "/api",
    }


def list_hosts(setting: str, host: str, allowed: Sequence[str]) -> list[str]:
    """Return the names to which a server at an address answers, as in a `Host` header without the port.

    These are the address in a setting, those of this machine alone, and the ones that are allowed. Raises `UsageError`
    if it is not an address, or is every address and REVIEWS_ALLOWED_HOSTS is not set.
    """
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        raise UsageError(
            f"{setting} must be an address such as 127.0.0.1 or 0.0.0.0, not {host!r}."
        ) from None
    if address.is_unspecified and not allowed:
        raise UsageError(
            f"{setting}={host} lets other machines in, but REVIEWS_ALLOWED_HOSTS is not set. Next: set it "
            "to the names or addresses under which they reach this one, such as reviews.example.org,192.0.2.7."
        )
    own = f"[{address}]" if address.version == 6 else str(address)
    return list(dict.fromkeys((*LOOPBACK_NAMES, own, *allowed)))


def guard(app: "ASGIApp", hosts: Sequence[str], rules: str = PAGE_RULES) -> "ASGIApp":
    """Wrap an app: refuse requests and websockets of another host (400) or origin (403).

    Two headers are added to every response, so that a page of another origin can neither embed the app's pages (the
    content security policy `rules`) nor load them as its own scripts.
    """
    from starlette.datastructures import Headers, MutableHeaders
    from starlette.responses import JSONResponse

    async def serve(scope: "Scope", receive: "Receive", send: "Send") -> None:
        def send_with_rules(message: "Message") -> "Awaitable[None]":
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["Content-Security-Policy"] = rules
                headers["Cross-Origin-Resource-Policy"] = "same-origin"
            return send(message)

        refusal = _refuse_stranger(Headers(scope=scope), hosts) if scope["type"] != "lifespan" else None
        if refusal is None:
            await app(scope, receive, send_with_rules)
        else:
            status, message = refusal
            await JSONResponse({"message": message}, status)(scope, receive, send)

    return serve


def _refuse_stranger(headers: "Headers", hosts: Sequence[str]) -> tuple[int, str] | None:
    """Return the status and the message by which a request is refused; None if it comes from no stranger.

    A page of another site may lead here, but load nothing from here, such as an image. Other requests come from no web
    page, or from a page of this server under the same host name.
    """
    named = headers.get("host", "")
    host = _HOST.fullmatch(named)
    if host is None or host[1].lower() not in hosts:
        return 400, FOREIGN_HOST
    own = (f"http://{named}", f"https://{named}")  # https: behind a proxy with TLS
    is_embedded = (
        headers.get("sec-fetch-site") == "cross-site" and headers.get("sec-fetch-mode") != "navigate"
    )
    if is_embedded or any(origin not in own for origin in headers.getlist("origin")):
        return 403, FOREIGN_PAGE
    return None


def _configure(hosts: Sequence[str]) -> "uvicorn.Config":
    """Configure the web server as `prefect server start` does; exit if there is no password."""
    from prefect.settings import get_current_settings

    from deployments.http_serving import close_silent_websockets, configure_server

    def load() -> "ASGIApp":
        with pause_collection():
            from prefect.server.api.server import create_app

            gc.freeze()  # `create_app` collects garbage, and would search all that was imported
            app = create_app(final=True)
            gc.freeze()  # later collections need not look at what stays
        return guard(close_silent_websockets(app), hosts)

    server = get_current_settings().server
    if not server.api.auth_string:
        sys.exit("The server has no password. Next: start it with a `reviews` command.")
    return configure_server(
        load,
        factory=True,
        lifespan="on",
        log_level=server.logging_level.lower(),
        timeout_keep_alive=server.api.keepalive_timeout,
        ws_ping_interval=server.api.websocket_ping_interval,
        ws_ping_timeout=server.api.websocket_ping_timeout,
    )


def _serve(listening: socket.socket, hosts: Sequence[str]) -> None:
    """Serve until a signal, or, if standard input is a pipe, until the process at its other end has ended."""
    import uvicorn

    server: uvicorn.Server | None = None

    def end_with_the_pipe() -> None:
        while os.read(sys.stdin.fileno(), 1):
            pass
        if server is None or not server.config.loaded:
            os._exit(0)  # nothing was asked of it yet, and to load the rest takes seconds
        server.should_exit = True
        time.sleep(STOP_SECONDS)
        os._exit(0)

    if stat.S_ISFIFO(os.fstat(sys.stdin.fileno()).st_mode):
        threading.Thread(target=end_with_the_pipe, daemon=True).start()
    server = uvicorn.Server(_configure(hosts))
    server.run(sockets=[listening])
    sys.stderr.flush()
    # Everything is stored; a normal exit would take another second to unload the libraries.
    os._exit(0 if server.started else 1)


if __name__ == "__main__":
    _serve(socket.socket(fileno=int(sys.argv[1])), sys.argv[2:])
