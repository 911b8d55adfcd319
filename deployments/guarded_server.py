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
import socket
import stat
import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from data_contracts.errors import UsageError
from data_contracts.library_loading import pause_collection
from deployments.settings import SITE_HOST, Settings

if TYPE_CHECKING:
    import uvicorn
    from starlette.datastructures import Headers
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

STOP_SECONDS = 5.0
"""How long the server may take to store its last events when it stops."""
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


def list_hosts(settings: Settings) -> list[str]:
    """Return the host names that the server of `reviews up` answers to, as in a `Host` header without the port.

    Raises `UsageError` if REVIEWS_HOST is not an address, or is every address and REVIEWS_ALLOWED_HOSTS is not set.
    """
    return _list_names("REVIEWS_HOST", settings.host, settings.allowed_hosts)


def list_metrics_hosts(settings: Settings) -> list[str]:
    """Return the host names under which metrics are served; raise `UsageError` as `list_hosts` does."""
    return _list_names("REVIEWS_METRICS_HOST", settings.metrics_host, settings.allowed_hosts)


def list_serving_hosts(settings: Settings) -> list[str]:
    """Return the host names under which `reviews serve` answers; raise `UsageError` as `list_hosts` does."""
    return _list_names("REVIEWS_SERVE_HOST", settings.serve_host, settings.allowed_hosts)


def list_site_hosts(settings: Settings) -> list[str]:
    """Return the host names under which the site is served: those of this machine alone, and of a proxy on it."""
    return _list_names("REVIEWS_SITE_PORT", SITE_HOST, settings.allowed_hosts)


def _list_names(setting: str, host: str, allowed: Sequence[str]) -> list[str]:
    """Return the names of the address in a setting, with those of this machine alone and those that are allowed."""
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
    from starlette.middleware.trustedhost import TrustedHostMiddleware
    from starlette.responses import PlainTextResponse

    async def refuse_other_origins(scope: "Scope", receive: "Receive", send: "Send") -> None:
        if scope["type"] != "lifespan" and not _is_own_origin(Headers(scope=scope)):
            await PlainTextResponse(REFUSED, 403)(scope, receive, send)
        else:
            await app(scope, receive, lambda message: send(add_rules(message)))

    def add_rules(message: "Message") -> "Message":
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers["Content-Security-Policy"] = rules
            headers["Cross-Origin-Resource-Policy"] = "same-origin"
        return message

    return TrustedHostMiddleware(refuse_other_origins, allowed_hosts=list(hosts), www_redirect=False)


def make_guarded_app(hosts: Sequence[str]) -> Callable[[], "ASGIApp"]:
    """Return a function that loads Prefect's server, which takes seconds, and returns it wrapped by `guard`."""

    def load() -> "ASGIApp":
        with pause_collection():
            from prefect.server.api.server import create_app

            from deployments.http_serving import close_silent_websockets

            gc.freeze()  # `create_app` collects garbage, and would search all that was imported
            app = create_app(final=True)
            gc.freeze()  # later collections need not look at what stays
        return guard(close_silent_websockets(app), hosts)

    return load


def _is_own_origin(headers: "Headers") -> bool:
    """Return whether a request comes from no web page, or from a page of this server under the same host name.

    A page of another site may lead here, but load nothing from here, such as an image.
    """
    if headers.get("sec-fetch-site") == "cross-site" and headers.get("sec-fetch-mode") != "navigate":
        return False
    host = headers.get("host", "")
    own = (f"http://{host}", f"https://{host}")  # https: behind a proxy with TLS
    return all(origin in own for origin in headers.getlist("origin"))


def _configure(hosts: Sequence[str]) -> "uvicorn.Config":
    """Configure the web server as `prefect server start` does; exit if there is no password."""
    from prefect.settings import get_current_settings

    from deployments.http_serving import configure_server

    server = get_current_settings().server
    if not server.api.auth_string:
        sys.exit("The server has no password. Next: start it with a `reviews` command.")
    return configure_server(
        make_guarded_app(hosts),
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
