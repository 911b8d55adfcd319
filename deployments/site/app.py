"""The web app that serves the site and the reports of a home, and changes nothing.

Paths are those in the home, `/site/index.html` and `/reports/RUN.html`, so links between the two folders lead to the
same pages as without a server. Whoever can connect can read the texts on the pages, so they are served on 127.0.0.1
alone; pages of other origins and unknown host names are refused as by Prefect's server.
"""

import os
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from data_contracts.storage.home import Home
from deployments.guarded_server import guard

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Scope

SERVED = {".html", ".css", ".js"}
"""The endings of pages and of what they load; no other file of the two folders is served."""
FIRST_PAGE = "/site/index.html"
LEADING = ("/", "/site", "/site/")
"""The addresses that lead to the first page."""
RULES = "; ".join(
    (
        "default-src 'none'",
        "style-src 'self' 'unsafe-inline'",
        "script-src 'self'",
        "img-src data:",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
"""The content security policy of every answer; that of a page itself holds too."""
HEADERS = {
    "Cache-Control": "no-cache",  # a run may change each page
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
NOT_THERE = "There is no such page. The first one is /site/index.html. `reviews site` writes the pages.\n"


class Pages(StaticFiles):
    """Serves the pages of a folder and what they load: nothing hidden, and nothing outside to which a link leads."""

    def __init__(self, folder: Path) -> None:
        super().__init__(directory=folder, check_dir=False)
        self._folder = folder

    async def check_config(self) -> None:
        """Accept a folder that does not exist yet: until then none of its pages does."""

    def lookup_path(self, path: str) -> tuple[str, os.stat_result | None]:
        """Return the path and the state of a file to serve; no state if there is none."""
        asked = PurePosixPath(path)
        is_hidden = any(part.startswith(".") for part in asked.parts)
        if is_hidden or asked.suffix not in SERVED or self._folder.is_symlink():
            return "", None
        return super().lookup_path(path)

    def file_response(
        self,
        full_path: "str | os.PathLike[str]",
        stat_result: os.stat_result,
        scope: "Scope",
        status_code: int = 200,
    ) -> Response:
        """Return the answer with a file, or that it did not change."""
        response = super().file_response(full_path, stat_result, scope, status_code)
        response.headers.update(HEADERS)
        return response


def make_site_app(home: Home, hosts: Sequence[str]) -> "ASGIApp":
    """Return the web app that serves the site and the reports of a home under the host names `hosts`."""
    routes = [
        *(Route(path, _lead_to_first_page) for path in LEADING),
        Mount("/site", Pages(home.site)),
        Mount("/reports", Pages(home.reports)),
    ]
    app = Starlette(routes=routes, exception_handlers={404: _say_not_there})
    return guard(app, hosts, RULES)


async def _lead_to_first_page(request: Request) -> Response:
    """Lead from the address alone to the first page."""
    return RedirectResponse(FIRST_PAGE)


async def _say_not_there(request: Request, error: Exception) -> Response:
    """Answer that there is no such page."""
    headers = error.headers if isinstance(error, HTTPException) else None
    return PlainTextResponse(NOT_THERE, 404, headers)
