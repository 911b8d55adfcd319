"""`reviews serve`: loads the champion and answers on one port, until a signal."""

import gc
import ipaddress
import socket
import sys
from collections.abc import Callable

from data_contracts.errors import ReviewsError, UsageError
from deployments.guarded_server import list_hosts
from deployments.local_server.stopping import catch_signals
from deployments.ports import open_port
from deployments.settings import Settings
from tasks.support.extras import describe_missing

KEEP_SECONDS = 65
"""How long a connection without a request stays open: a little longer than those of most clients and proxies."""
SWITCH_SECONDS = 0.001
"""After how long a thread lets others run, Python's default being 0.005."""
ENDING_SECONDS = 5
"""How long requests that were begun may take after a signal; those that are not answered then get the status 503."""


def run_serve(settings: Settings, echo: Callable[[str], None]) -> None:
    """Answer requests until SIGTERM or Ctrl-C; those that were begun are still answered.

    Raises `UsageError` if the address needs a token, `ReviewsError` if the port or the champion can't be used.
    """
    hosts = list_hosts("REVIEWS_SERVE_HOST", settings.serve_host, settings.allowed_hosts)
    _require_token(settings)
    try:
        import fastapi_offline  # noqa: F401
    except ImportError:
        raise ReviewsError(f"This needs {describe_missing('serve')}") from None
    from deployments.http_serving import serve_app
    from deployments.serving.answering import close_desk, open_desk
    from deployments.serving.app import make_app
    from deployments.serving.champion_following import follow_champion, keep_following

    port = "`reviews serve --port 8301`, or REVIEWS_SERVE_PORT"
    with open_port(settings.serve_host, settings.serve_port, port) as listening:
        champion = follow_champion(settings.home)
        desk = open_desk(champion, settings.limits, settings.label)
        app = make_app(desk, hosts, settings.serve_token)
        echo(f"{champion.find().promoted.model_id} answers on {settings.serve_url}")
        echo(f"  page   {settings.serve_url}/docs (Ctrl-C stops)")
        # Collections leave out what is loaded; the thread that answers is let in while another one scores.
        gc.collect()
        gc.freeze()
        sys.setswitchinterval(SWITCH_SECONDS)
        with keep_following(champion), catch_signals():
            # Connections inherit it. Without it the body of an answer would wait 40 ms for the client's receipt of the
            # head: asyncio sets it only for sockets that know their protocol, unlike those of `socket.create_server`.
            listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            serve_app(
                app,
                listening,
                access_log=False,
                proxy_headers=False,
                timeout_keep_alive=KEEP_SECONDS,
                timeout_graceful_shutdown=ENDING_SECONDS,
            )
        close_desk(desk)


def _require_token(settings: Settings) -> None:
    """Raise `UsageError` if other machines would be let in without a token."""
    if settings.serve_token is None and not ipaddress.ip_address(settings.serve_host).is_loopback:
        raise UsageError(
            f"REVIEWS_SERVE_HOST={settings.serve_host} lets other machines in, but REVIEWS_SERVE_TOKEN is not set. "
            "Next: write a token into a file (`openssl rand -hex 24`) and name it in REVIEWS_SERVE_TOKEN_FILE."
        )
