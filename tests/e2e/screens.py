"""Shows pages of files offline in one window of a browser, each at any width and in both colour schemes.

A page is loaded once for all screens: a window of its own would start processes for each of them.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Request

OPEN_FOLDS = "document.querySelectorAll('details').forEach(each => { each.open = true })"
FITS = "document.documentElement.scrollWidth <= window.innerWidth"


@dataclass
class Screen:
    """A window without a network, and what the page in it asked for and had as errors since it was loaded."""

    page: "Page"
    trouble: list[str]
    own: str = ""
    """How the addresses begin that the page may ask for."""

    def load(self, path: Path, folder: Path | None = None) -> "Page":
        """Load a page anew, which may ask for itself alone or for the files of a folder."""
        self.trouble.clear()
        self.own = (folder or path).as_uri()
        self.page.goto(path.as_uri())
        return self.page

    def show(self, path: Path, folder: Path | None = None, *, width: int, scheme: str) -> "Page":
        """Show a page at a width and in a colour scheme, with all details expanded."""
        self.become(width, scheme)
        if self.page.url != path.as_uri():
            self.load(path, folder)
        self.page.evaluate(OPEN_FOLDS)
        return self.page

    def become(self, width: int, scheme: str) -> None:
        """Take a width and a colour scheme."""
        self.page.set_viewport_size({"width": width, "height": 900})
        self.page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")

    def hear(self, request: "Request") -> None:
        """Note a request for something else."""
        if not request.url.startswith((self.own, "data:,")):
            self.trouble.append(request.url[:80])


@contextmanager
def open_screen(browser: "Browser") -> Iterator[Screen]:
    """Open a window that is offline."""
    with browser.new_context(offline=True, viewport={"width": 1440, "height": 900}) as context:
        screen = Screen(context.new_page(), [])
        screen.page.on("request", screen.hear)
        screen.page.on("console", lambda message: screen.trouble.append(message.text))
        screen.page.on("pageerror", lambda error: screen.trouble.append(str(error)))
        yield screen


def find_barriers(page: "Page", *impacts: str, **options: Any) -> dict[str, str]:
    """Return what is not accessible in a page: rules, each with an element that breaks it; of these impacts or all."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page, options={"resultTypes": ["violations"], **options}).response
    assert found["passes"]
    broken = [each for each in found["violations"] if not impacts or each["impact"] in impacts]
    return {each["id"]: each["nodes"][0]["html"] for each in broken}
