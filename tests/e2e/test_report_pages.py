"""Tests the demo's two reports in a real offline browser: no requests, no errors, accessible."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tasks.week.due_weeks import find_last_week
from tests.e2e.conftest import Demo, call_reviews

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.browser, pytest.mark.process, pytest.mark.server, pytest.mark.training]

WIDTHS = (390, 1440)
GRAVE = ("serious", "critical")


@pytest.fixture(params=["Scoring run", "Training run"])
def report(request: pytest.FixtureRequest, demo: Demo) -> Path:
    """Each of the two reports that the demo's runs wrote."""
    found = (demo.home / "reports").glob("*.html")
    return next(path for path in found if f'<p class="eyebrow">{request.param}' in path.read_text("utf-8"))


def open_report(browser: "Browser", report: Path, width: int, scheme: str) -> tuple["Page", list[str]]:
    """Open a report offline, with all details expanded; return the page, its requests and its errors."""
    context = browser.new_context(
        offline=True,
        color_scheme="dark" if scheme == "dark" else "light",
        viewport={"width": width, "height": 900},
    )
    page, trouble = context.new_page(), list[str]()
    page.on("request", lambda each: None if each.url == report.as_uri() else trouble.append(each.url[:80]))
    page.on("console", lambda message: trouble.append(message.text))
    page.on("pageerror", lambda error: trouble.append(str(error)))
    page.goto(report.as_uri())
    for fold in page.locator("details").all():
        fold.evaluate("each => { each.open = true }")
    return page, trouble


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_a_report_asks_for_nothing_fits_the_screen_and_is_accessible(
    browser: "Browser", report: Path, width: int, scheme: str
) -> None:
    check_page(browser, report, width, scheme)


@pytest.mark.parametrize(("width", "scheme"), [(390, "dark"), (1440, "light")])
def test_the_page_of_a_week_does_so_too(browser: "Browser", demo: Demo, width: int, scheme: str) -> None:
    week = find_last_week(datetime.now(UTC)).add(1).name
    assert call_reviews(demo.home, "week", "--of", week).status == 0
    check_page(browser, demo.home / "reports" / f"week-{week}.html", width, scheme)


def check_page(browser: "Browser", report: Path, width: int, scheme: str) -> None:
    """Check that a page asks for nothing, fits the screen and is accessible."""
    from axe_playwright_python.sync_playwright import Axe

    page, trouble = open_report(browser, report, width, scheme)
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    found = Axe().run(page).response
    assert found["passes"]
    broken = {each["id"]: each["nodes"][0]["html"] for each in found["violations"] if each["impact"] in GRAVE}
    assert broken == {}
    assert [each for each in trouble if not each.startswith("data:,")] == []
    page.context.close()


def test_a_chart_takes_the_pages_colours_in_both_modes(browser: "Browser", report: Path) -> None:
    seen = set()
    for scheme in ("light", "dark"):
        page, _ = open_report(browser, report, WIDTHS[0], scheme)
        label = page.locator("figure svg text").first
        seen.add(label.evaluate("each => getComputedStyle(each).fill"))
        page.context.close()
    assert len(seen) == 2
