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


@pytest.fixture(scope="module")
def screen(browser: "Browser") -> Iterator[Screen]:
    with open_screen(browser) as screen:
        yield screen


def find_page(home: Path, kind: str) -> Path:
    """Return the report that the demo wrote of a kind of run, or the page of this week."""
    if kind == "week":
        name = find_last_week(datetime.now(UTC)).add(1).name
        assert call_reviews(home, "report", "--week", name).status == 0
        return home / "reports" / f"week-{name}.html"
    found = (home / "reports").glob("*.html")
    return next(path for path in found if f'<p class="eyebrow">{kind}' in path.read_text("utf-8"))


@pytest.mark.parametrize(("width", "scheme"), [(390, "dark"), (1440, "light")])
@pytest.mark.parametrize("kind", ["Scoring run", "Training run", "week"])
def test_a_report_asks_for_nothing_fits_the_screen_and_is_accessible(
    screen: Screen, demo: Demo, kind: str, width: int, scheme: str
) -> None:
    page = screen.show(find_page(demo.home, kind), width=width, scheme=scheme)
    assert page.evaluate(FITS)
    assert find_barriers(page, "serious", "critical") == {}
    assert screen.trouble == []
