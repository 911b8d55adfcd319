"""Tests the demo's site in a real offline browser: no requests, accessible, and searched with the keyboard alone."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.e2e.conftest import Demo

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.browser, pytest.mark.process, pytest.mark.server, pytest.mark.training]

SCREENS = ((390, "dark"), (1100, "light"))
CUT_TABLES = """
[...document.querySelectorAll(".scroll")]
  .filter((each) => each.scrollWidth > each.clientWidth)
  .map((each) => each.ariaLabel)
"""
Open = Callable[..., "Page"]


@pytest.fixture
def site(demo: Demo) -> Path:
    """The site that the demo made."""
    return demo.home / "site"


@pytest.fixture
def open_page(browser: "Browser", site: Path) -> Iterator[Open]:
    """Open pages of the site offline; at the end, none has asked for anything outside of it or had an error."""
    trouble, contexts = list[str](), []

    def open_page(name: str, width: int = 1440, scheme: str = "light") -> "Page":
        context = browser.new_context(
            offline=True,
            color_scheme="dark" if scheme == "dark" else "light",
            viewport={"width": width, "height": 900},
        )
        contexts.append(context)
        page = context.new_page()
        page.on(
            "request",
            lambda each: None if each.url.startswith(site.as_uri()) else trouble.append(each.url[:80]),
        )
        page.on("console", lambda message: trouble.append(message.text))
        page.on("pageerror", lambda error: trouble.append(str(error)))
        page.goto((site / name).as_uri())
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert [each for each in trouble if not each.startswith("data:,")] == []


def test_the_demo_ends_with_the_address_of_its_site(demo: Demo) -> None:
    assert demo.said.out.splitlines()[-1].endswith("/home/site/index.html")
    assert (demo.home / "site" / "index.html").is_file()


@pytest.mark.parametrize(("width", "scheme"), SCREENS)
@pytest.mark.parametrize("name", ["index.html", "movies.html", "models.html", "movies/*.html"])
def test_a_page_fits_the_screen_and_is_accessible(
    open_page: Open, site: Path, name: str, width: int, scheme: str
) -> None:
    from axe_playwright_python.sync_playwright import Axe

    page = open_page(min(site.glob(name)).relative_to(site), width, scheme)
    for fold in page.locator("details").all():
        fold.evaluate("each => { each.open = true }")
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    if width > 1000:
        assert page.evaluate(CUT_TABLES) == []
    assert page.locator("h1").evaluate("each => getComputedStyle(each).fontWeight") == "680"
    found = Axe().run(page, options={"preload": False}).response  # which would fetch the style
    assert found["passes"]
    assert {each["id"]: each["nodes"][0]["html"] for each in found["violations"]} == {}


def test_a_movie_is_found_while_typing_and_opened_with_the_keyboard_alone(
    open_page: Open, site: Path
) -> None:
    page, name = open_page("movies.html"), min(site.glob("movies/*.html")).stem
    for _ in range(5):
        page.keyboard.press("Tab")
    for end in (len(name) - 1, len(name)):
        page.keyboard.type(name[len(name) - 1 :] if end == len(name) else name[:-1])
        found = page.locator("tbody tr").count()
        assert str(found) in page.locator("#found").inner_text()
    assert found == 1
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/movies/{name}.html")
    page.go_back()
    assert page.locator("tbody tr").count() == 1


def test_movies_are_sorted_by_a_column_with_the_keyboard(open_page: Open) -> None:
    page = open_page("movies.html")
    page.locator("thead button", has_text="stars").focus()
    page.keyboard.press("Enter")
    stars = [float(text) for text in page.locator("tbody tr td:nth-child(2)").all_inner_texts()]
    assert stars == sorted(stars, reverse=True)
    assert page.locator("th[aria-sort]").get_attribute("data-sort") == "stars"
    page.keyboard.press("Enter")
    assert page.locator("th[aria-sort]").get_attribute("aria-sort") == "ascending"


def test_what_no_movie_is_called_is_said(open_page: Open) -> None:
    page = open_page("movies.html")
    page.locator("#words").fill("<img src=x onerror=alert(1)>")
    assert page.locator("#found").inner_text().startswith("No movie is called so")
