"""Tests the demo's two reports in a real offline browser: no requests, no errors, accessible."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tasks.report.weeks import find_last_week
from tests.e2e.conftest import Demo, call_reviews
from tests.e2e.screens import FITS, Screen, find_barriers, open_screen

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = [pytest.mark.browser, pytest.mark.process, pytest.mark.server, pytest.mark.training]

WIDTHS = (390, 1440)
GRAVE = ("serious", "critical")


@pytest.fixture(scope="module")
def screen(browser: "Browser") -> Iterator[Screen]:
    with open_screen(browser) as screen:
        yield screen


@pytest.fixture(scope="module", params=["Scoring run", "Training run"])
def report(request: pytest.FixtureRequest, demo: Demo) -> Path:
    """Each of the two reports that the demo's runs wrote."""
    found = (demo.home / "reports").glob("*.html")
    return next(path for path in found if f'<p class="eyebrow">{request.param}' in path.read_text("utf-8"))


@pytest.fixture(scope="module")
def week(demo: Demo) -> Path:
    """The page of a week."""
    name = find_last_week(datetime.now(UTC)).add(1).name
    assert call_reviews(demo.home, "report", "--week", name).status == 0
    return demo.home / "reports" / f"week-{name}.html"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_a_report_asks_for_nothing_fits_the_screen_and_is_accessible(
    screen: Screen, report: Path, width: int, scheme: str
) -> None:
    check_page(screen, report, width, scheme)


@pytest.mark.parametrize(("width", "scheme"), [(390, "dark"), (1440, "light")])
def test_the_page_of_a_week_does_so_too(screen: Screen, week: Path, width: int, scheme: str) -> None:
    check_page(screen, week, width, scheme)


def check_page(screen: Screen, report: Path, width: int, scheme: str) -> None:
    """Check that a page asks for nothing, fits the screen and is accessible."""
    page = screen.show(report, width=width, scheme=scheme)
    assert page.evaluate(FITS)
    assert find_barriers(page, *GRAVE) == {}
    assert screen.trouble == []


def test_a_chart_takes_the_pages_colours_in_both_modes(screen: Screen, report: Path) -> None:
    seen = set()
    for scheme in ("light", "dark"):
        label = screen.show(report, width=WIDTHS[0], scheme=scheme).locator("figure svg text").first
        seen.add(label.evaluate("each => getComputedStyle(each).fill"))
    assert len(seen) == 2
