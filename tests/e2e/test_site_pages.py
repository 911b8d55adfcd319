"""Tests the demo's site in a real offline browser: accessible, searched with the keyboard alone, no other requests."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

import pytest

from data_contracts.storage.home import Home
from deployments.site.app import RULES
from tasks.pages.rendering import STYLE, format_style
from tasks.site.pages import make_page
from tasks.site.writing import write_site
from tests.e2e.conftest import Demo
from tests.e2e.screens import FITS, Screen, find_barriers, open_screen

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Route

pytestmark = [pytest.mark.browser, pytest.mark.process, pytest.mark.server, pytest.mark.training]

SCREENS = ((390, "dark"), (1100, "light"))
CUT_TABLES = """
[...document.querySelectorAll(".scroll")]
  .filter((each) => each.scrollWidth > each.clientWidth)
  .map((each) => each.ariaLabel)
"""


SERVER = "http://site.test/site"
"""Where the browser asks for pages of the server."""


@pytest.fixture(scope="module")
def site(demo: Demo, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of all pages of the demo."""
    return write_site(Home(demo.home), tmp_path_factory.mktemp("share") / "site").index.parent


@pytest.fixture(scope="module")
def window(browser: "Browser") -> Iterator[Screen]:
    with open_screen(browser) as screen:
        yield screen


@pytest.fixture
def screen(window: Screen) -> Iterator[Screen]:
    """A window whose page, at the end, has asked for nothing outside of the site and had no error."""
    yield window
    assert window.trouble == []


@pytest.fixture
def movies(screen: Screen, site: Path) -> "Page":
    """The list of movies as it is when it is opened."""
    screen.become(1440, "light")
    return screen.load(site / "movies.html", site)


@pytest.fixture
def served(screen: Screen, demo: Demo) -> Iterator["Page"]:
    """A window that gets the pages of the demo as from the server."""

    def answer(route: "Route") -> None:
        asked = urlsplit(route.request.url)
        address = asked.path.removeprefix("/site/")
        query = dict(parse_qsl(asked.query))
        content = format_style() if address == STYLE else make_page(Home(demo.home), address, query)
        headers = {
            "Content-Security-Policy": RULES,
            "Content-Type": f"text/{'css' if address == STYLE else 'html'}",
        }
        route.fulfill(body=content or "", headers=headers)

    screen.trouble.clear()
    screen.own = SERVER
    screen.page.route(f"{SERVER}/**", answer)
    yield screen.page
    screen.page.unroute(f"{SERVER}/**")


@pytest.mark.parametrize(("width", "scheme"), SCREENS)
@pytest.mark.parametrize(
    "name", ["index.html", "movies.html?q=tt&sort=stars", "models.html", "movies/*.html"]
)
def test_a_served_page_fits_the_screen_and_is_accessible(
    screen: Screen, served: "Page", site: Path, name: str, width: int, scheme: str
) -> None:
    if "*" in name:
        name = min(site.glob(name)).relative_to(site).as_posix()
    screen.become(width, scheme)
    served.goto(f"{SERVER}/{name}")
    assert served.evaluate(FITS)
    if width > 1000:
        assert served.evaluate(CUT_TABLES) == []
    assert served.locator("h1").evaluate("each => getComputedStyle(each).fontWeight") == "680"
    assert find_barriers(served, preload=False) == {}


def test_the_search_of_the_server_is_a_form_that_the_keyboard_alone_sends(served: "Page", site: Path) -> None:
    name = min(site.glob("movies/*.html")).stem
    served.goto(f"{SERVER}/movies.html")
    served.locator("#words").focus()
    served.keyboard.type(name)
    served.keyboard.press("Enter")
    served.wait_for_url(f"**/movies.html?q={name}*")
    assert served.locator("tbody tr").count() == 1
    served.locator("thead a", has_text="stars").click()
    assert served.locator("th[aria-sort]").inner_text().startswith("stars")
    served.locator("tbody a").click()
    served.wait_for_url(f"**/movies/{name}.html")


def test_a_movie_is_found_while_typing_and_opened_with_the_keyboard_alone(movies: "Page", site: Path) -> None:
    name = min(site.glob("movies/*.html")).stem
    for _ in range(5):
        movies.keyboard.press("Tab")
    for end in (len(name) - 1, len(name)):
        movies.keyboard.type(name[len(name) - 1 :] if end == len(name) else name[:-1])
        found = movies.locator("tbody tr").count()
        assert str(found) in movies.locator("#found").inner_text()
    assert found == 1
    movies.keyboard.press("ArrowDown")
    movies.keyboard.press("Enter")
    movies.wait_for_url(f"**/movies/{name}.html")
    movies.go_back()
    assert movies.locator("tbody tr").count() == 1


def test_movies_are_sorted_by_a_column_with_the_keyboard(movies: "Page") -> None:
    movies.locator("thead button", has_text="stars").focus()
    movies.keyboard.press("Enter")
    stars = [float(text) for text in movies.locator("tbody tr td:nth-child(2)").all_inner_texts()]
    assert stars == sorted(stars, reverse=True)
    assert movies.locator("th[aria-sort]").get_attribute("data-sort") == "stars"
    movies.keyboard.press("Enter")
    assert movies.locator("th[aria-sort]").get_attribute("aria-sort") == "ascending"
