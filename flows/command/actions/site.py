"""What commands do about the site besides making it: name its address, and bring it up to date."""

from typing import TYPE_CHECKING

from data_contracts.errors import ReviewsError
from data_contracts.storage.home import Home
from deployments.settings import Settings
from tasks.support.wording import count, quote_word

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.site.writing import SiteSummary


def find_address(settings: Settings, index: "Path") -> str:
    """Return the address at which a browser opens the site: that of its server, else that of its first page."""
    from deployments.local_server.running import find_running

    running = find_running(settings)
    return running.site_url if running and running.site_url else index.as_uri()


def describe_renewal(settings: Settings) -> list[str]:
    """Return the line that says how the site gets what is scored later; none where each run brings it up to date."""
    if settings.write_site:
        return []
    command = f"reviews --home {quote_word(str(settings.home.folder))} site"
    return [
        f"The site shows what is scored by now. Later: {command} (or set REVIEWS_SITE=true: then each run does so)"
    ]


def describe_site(summary: "SiteSummary", address: str) -> str:
    """Return the message of `reviews site`: how many pages were written, and the address of the first."""
    lines = [f"Wrote {count(summary.pages_written, 'page')} of {count(summary.movies, 'movie')}"]
    if summary.pages_removed:
        lines.append(f"  removed {count(summary.pages_removed, 'page')} of movies without reviews")
    return "\n".join([*lines, f"  open {address}"])


def renew_site(home: Home) -> str | None:
    """Bring the site of a home up to date if it has one; return what to do if that fails, else None."""
    from tasks.site.writing import has_site, write_site

    if not has_site(home):
        return None
    try:
        write_site(home)
    except ReviewsError as error:
        return f"The site was not brought up to date ({error}). Next: reviews site"
    return None
