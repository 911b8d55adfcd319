"""The web app that serves the site and the reports of a home, and changes nothing.

Pages of the site are made when they are asked for, from the published copy; reports are files of the home. Paths are
`/site/index.html` and `/reports/RUN.html`. Whoever can connect can read the texts on the pages, so they are served on
127.0.0.1 alone; pages of other origins and unknown host names are refused as by Prefect's server.
"""

import os
import re
import socket
import time
import webbrowser
from collections.abc import Callable, Sequence
from functools import lru_cache
from hashlib import blake2b
from typing import TYPE_CHECKING

from anyio import CapacityLimiter
from anyio.to_thread import run_sync
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from data_contracts.errors import ReviewsError
from data_contracts.storage.home import Home
from deployments.guarded_server import guard, list_hosts
from deployments.local_server.running import find_running
from deployments.ports import open_port
from deployments.settings import SITE_HOST, Settings
from tasks.pages.rendering import STYLE, format_style
from tasks.site.pages import make_page
from tasks.warehouse.published import identify_copy, require_published

if TYPE_CHECKING:
    from starlette.types import ASGIApp

FIRST_PAGE = "/site/index.html"
LEADING = ("/", "/site", "/site/")
"""The addresses that lead to the first page."""
RULES = "; ".join(
    (
        "default-src 'none'",
        "style-src 'self' 'unsafe-inline'",
        "img-src data:",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
"""The content security policy of every answer; that of a page itself holds too."""
HEADERS = {
    "Cache-Control": "no-cache",  # a run may change each page
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
_REPORT = re.compile(r"[^./][^/]*\.html")
"""The files of the folder of reports that are served: none that is hidden."""
NOT_THERE = "There is no such page. The first one is /site/index.html.\n"
PAGES_KEPT, SECONDS_KEPT = 32, 30
"""Pages that are in memory, and how long they are answered: what they show beside the published copy may change."""
MOST_WAITING = 200
"""Requests that wait until the page before theirs is made."""
POLITENESS = 10
"""By how much the server gives way to a run: of a processor that both want, Linux gives it some 10 %."""


def serve_site(settings: Settings, listening: socket.socket) -> None:
    """Serve the site and the reports of the home on an open socket, until a signal."""
    from deployments.http_serving import serve_app

    os.nice(POLITENESS)
    app = make_site_app(settings.home, list_hosts("REVIEWS_SITE_PORT", SITE_HOST, settings.allowed_hosts))
    serve_app(app, listening)


def open_site(settings: Settings, echo: Callable[[str], object], *, has_screen: bool) -> None:
    """Open the site that `reviews up` serves in a browser; if it serves none, serve it until Ctrl-C."""
    require_published(settings.home.published)
    running = find_running(settings)
    if running and running.site_url:
        _open(running.site_url, echo, has_screen)
        return
    with open_port(SITE_HOST, settings.site_port or 0, "REVIEWS_SITE_PORT") as listening:
        _open(f"http://{SITE_HOST}:{listening.getsockname()[1]}", echo, has_screen)
        echo("It is served until Ctrl-C; `reviews up` serves it with REVIEWS_SITE_PORT.")
        serve_site(settings, listening)


def _open(address: str, echo: Callable[[str], object], has_screen: bool) -> None:
    """Print an address and, where there is a screen, open it in a browser."""
    echo(f"The site: {address}")
    if has_screen:
        webbrowser.open(address)


def make_site_app(home: Home, hosts: Sequence[str]) -> "ASGIApp":
    """Return the web app that serves the site and the reports of a home under the host names `hosts`.

    It makes one page at a time, so readers take little memory beside a run, and see the newest copy: of a process all
    connections that overlap are to the copy which was opened first.
    """
    in_turn = CapacityLimiter(1)
    kept_of: object = None

    @lru_cache(maxsize=PAGES_KEPT)
    def keep(address: str, query: tuple[tuple[str, str], ...], state: object) -> bytes | None:
        page = make_page(home, address, dict(query))
        return None if page is None else page.encode("utf-8", "replace")

    async def answer(request: Request) -> Response:
        address = request.path_params["address"]
        if address == STYLE:
            return _send(request, format_style().encode(), "text/css")
        query = tuple(request.query_params.items())
        nonlocal kept_of
        state = (identify_copy(home.published), time.monotonic() // SECONDS_KEPT)
        if state != kept_of:  # they may show what is forgotten by now
            keep.cache_clear()
            kept_of = state
        if in_turn.statistics().tasks_waiting >= MOST_WAITING:
            return PlainTextResponse("Too many ask at once. Try again in a moment.\n", 503, HEADERS)
        try:
            async with in_turn:
                if await request.is_disconnected():  # nobody is there to read it
                    return Response(status_code=503)
                content = await run_sync(keep, address, query, state)
        except ReviewsError as error:
            return PlainTextResponse(f"{error}\n", 503, HEADERS)
        return _send(request, content, "text/html") if content else await _say_not_there(request, None)

    async def answer_report(request: Request) -> Response:
        path = home.reports / request.path_params["name"]
        try:
            is_linked = path.is_symlink() or home.reports.is_symlink()
            is_page = _REPORT.fullmatch(path.name) and path.is_file() and not is_linked
            content = await run_sync(path.read_bytes) if is_page else None
        except OSError:  # it is gone by now, or has a name that no file can have
            content = None
        return _send(request, content, "text/html") if content else await _say_not_there(request, None)

    routes = [
        *(Route(path, lambda request: RedirectResponse(FIRST_PAGE)) for path in LEADING),
        Route("/site/{address:path}", answer),
        Route("/reports/{name}", answer_report),
    ]
    app = Starlette(routes=routes, exception_handlers={404: _say_not_there})
    return guard(app, hosts, RULES)


def _send(request: Request, content: bytes, kind: str) -> Response:
    """Return the answer with a page, or that it is the one that the browser has."""
    tag = f'"{blake2b(content, digest_size=16).hexdigest()}"'
    headers = {**HEADERS, "ETag": tag}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    return Response(content, headers=headers, media_type=kind)


async def _say_not_there(request: Request, error: Exception | None) -> Response:
    """Answer that there is no such page."""
    headers = error.headers if isinstance(error, HTTPException) else None
    return PlainTextResponse(NOT_THERE, 404, {**HEADERS, **(headers or {})})
