"""Opens the site in a browser, and serves it if nobody does."""

import webbrowser
from collections.abc import Callable

from deployments.settings import SITE_HOST, Settings


def open_site(settings: Settings, echo: Callable[[str], object], *, has_screen: bool) -> None:
    """Open the site that `reviews up` serves; if it serves none, serve it until Ctrl-C."""
    from deployments.local_server.running import find_running
    from tasks.warehouse.published import require_published

    require_published(settings.home.published)
    running = find_running(settings)
    if running and running.site_url:
        _open(running.site_url, echo, has_screen)
        return
    from deployments.ports import open_port
    from deployments.site.app import serve_site

    with open_port(SITE_HOST, settings.site_port or 0, "REVIEWS_SITE_PORT") as listening:
        _open(f"http://{SITE_HOST}:{listening.getsockname()[1]}", echo, has_screen)
        echo("It is served until Ctrl-C; `reviews up` serves it with REVIEWS_SITE_PORT.")
        serve_site(settings, listening)


def _open(address: str, echo: Callable[[str], object], has_screen: bool) -> None:
    """Print an address and, where there is a screen, open it in a browser."""
    echo(f"The site: {address}")
    if has_screen:
        webbrowser.open(address)
