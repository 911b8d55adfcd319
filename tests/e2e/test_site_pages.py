"""Tests the demo's site in a real offline browser: no requests, accessible, and searched with the keyboard alone."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.e2e.conftest import Demo
from tests.e2e.screens import FITS, Screen, find_barriers, open_screen

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.browser, pytest.mark.process, pytest.mark.server, pytest.mark.training]

SCREENS = ((390, "dark"), (1100, "light"))
CUT_TABLES = """
[...document.querySelectorAll(".scroll")]
  .filter((each) => each.scrollWidth > each.clientWidth)
  .map((each) => each.ariaLabel)
"""


@pytest.fixture(scope="module")
def site(demo: Demo) -> Path:
    """The site that the demo made."""
    return demo.home / "site"


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


def test_the_demo_ends_with_the_address_of_its_site(demo: Demo) -> None:
    assert demo.said.out.splitlines()[-1].endswith("/home/site/index.html")
    assert (demo.home / "site" / "index.html").is_file()


@pytest.mark.parametrize(("width", "scheme"), SCREENS)
@pytest.mark.parametrize("name", ["index.html", "movies.html", "models.html", "movies/*.html"])
def test_a_page_fits_the_screen_and_is_accessible(
    screen: Screen, site: Path, name: str, width: int, scheme: str
) -> None:
    page = screen.show(min(site.glob(name)), site, width=width, scheme=scheme)
    assert page.evaluate(FITS)
    if width > 1000:
        assert page.evaluate(CUT_TABLES) == []
    assert page.locator("h1").evaluate("each => getComputedStyle(each).fontWeight") == "680"
    assert find_barriers(page, preload=False) == {}  # it would fetch the style


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


def test_what_no_movie_is_called_is_said(movies: "Page") -> None:
    movies.locator("#words").fill("<img src=x onerror=alert(1)>")
    assert movies.locator("#found").inner_text().startswith("No movie is called so")
