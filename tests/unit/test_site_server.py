"""Tests of the server of the site: pages and reports of the home are read over HTTP, and nothing else is."""

import asyncio
from pathlib import Path

import pytest

from data_contracts.errors import UsageError
from data_contracts.storage.home import Home
from deployments.guarded_server import list_site_hosts
from deployments.local_server.running import Running
from deployments.local_server.server_process import open_site_port
from deployments.local_server.status import describe_status
from deployments.settings import Settings, load_settings
from deployments.site.app import make_site_app
from flows.command.actions import site
from tests.support.asgi import HOST, Answered, ask_app, send_to

SECRET = b"a secret of the home"
SET = {"REVIEWS_SITE": "true", "REVIEWS_SITE_PORT": "8400"}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home with a page, a report, and files and links that nobody may read over HTTP."""
    home = Home(tmp_path_factory.mktemp("served"))
    for folder in (home.site / "movies", home.reports / ".old", home.site / "folder.html"):
        folder.mkdir(parents=True)
    (home.folder / "outside.html").write_bytes(SECRET)
    for path in (
        home.warehouse,
        home.site / ".made-from.json",
        home.site / ".index.html.1.tmp",
        home.site / "notes.txt",
        home.reports / ".hidden.html",
        home.reports / ".old" / "run.html",
    ):
        path.write_bytes(SECRET)
    (home.site / "index.html").write_text("the first page")
    (home.site / "movies" / "tt1.html").write_text("a movie")
    (home.site / "search.js").write_text("'use strict';")
    (home.reports / "run.html").write_text("a report")
    (home.site / "linked.html").symlink_to("../outside.html")
    (home.site / "up").symlink_to("..")
    (home.site / "twin.html").symlink_to("index.html")
    return home


def ask(home: Home, path: str, **headers: str) -> Answered:
    return ask_app(make_site_app(home, ["127.0.0.1"]), path, **headers)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/site/index.html", b"the first page"),
        ("/site/movies/tt1.html", b"a movie"),
        ("/site/search.js", b"'use strict';"),
        ("/reports/run.html", b"a report"),
        ("/site/twin.html", b"the first page"),
    ],
)
def test_pages_and_reports_are_served_at_their_paths_in_the_home(home: Home, path: str, text: bytes) -> None:
    answered = ask(home, path)
    assert (answered.status, answered.body) == (200, text)


@pytest.mark.parametrize(
    "path",
    [
        "/site/../reviews.duckdb",
        "/site/../outside.html",
        "/site/movies/../../outside.html",
        "/site/%2e%2e/outside.html",
        "/site/..\\outside.html",
        "/site//outside.html",
        "/reports/../site/.made-from.json",
        "/site/linked.html",
        "/site/up/outside.html",
        "/site/.made-from.json",
        "/site/.index.html.1.tmp",
        "/site/notes.txt",
        "/site/folder.html",
        "/reports/.hidden.html",
        "/reports/.old/run.html",
        "/outside.html",
        "/reviews.duckdb",
        "/site//",
        "/reports",
        "/site/a\x00b.html",
        f"/site/{'x' * 5000}.html",
    ],
)
def test_nothing_else_of_the_home_is_served(home: Home, path: str) -> None:
    answered = ask(home, path)
    assert answered.status in (307, 404)
    assert SECRET not in answered.body


def test_an_absolute_path_leads_nowhere(home: Home) -> None:
    assert ask(home, f"/site/{home.folder}/outside.html").status == 404


def test_a_folder_that_is_a_link_is_not_served(home: Home, tmp_path: Path) -> None:
    Home(tmp_path).site.symlink_to(home.site)
    assert ask(Home(tmp_path), "/site/index.html").status == 404


def test_before_there_is_a_site_the_answer_says_what_writes_it(tmp_path: Path) -> None:
    answered = ask(Home(tmp_path), "/site/index.html")
    assert (answered.status, b"`reviews site` writes the pages" in answered.body) == (404, True)


@pytest.mark.parametrize("path", ["/", "/site", "/site/"])
def test_the_address_and_that_of_the_folder_lead_to_the_first_page(path: str, home: Home) -> None:
    answered = ask(home, path)
    assert (answered.status, answered.headers["location"]) == (307, "/site/index.html")


def test_nothing_can_be_written(home: Home) -> None:
    app = make_site_app(home, ["127.0.0.1"])
    assert asyncio.run(send_to(app, "/site/index.html", b"{}")).status == 405
    assert (home.site / "index.html").read_text() == "the first page"


def test_strangers_are_refused_and_an_answer_lets_a_browser_load_nothing_from_elsewhere(home: Home) -> None:
    assert ask(home, "/site/index.html", host="rebound.test:8400").status == 400
    assert ask(home, "/site/index.html", origin="http://stranger.test").status == 403
    headers = ask(home, "/site/index.html", origin=f"http://{HOST}").headers
    assert headers["content-security-policy"].startswith("default-src 'none'; style-src 'self'")
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert (headers["x-content-type-options"], headers["cache-control"]) == ("nosniff", "no-cache")


def test_a_page_that_did_not_change_is_not_sent_again(home: Home) -> None:
    first = ask(home, "/site/index.html")
    again = ask(home, "/site/index.html", if_none_match=first.headers["etag"])
    assert (again.status, again.body) == (304, b"")


def test_the_site_has_an_address_only_while_it_is_kept_up_to_date() -> None:
    assert load_settings(SET).site_url == "http://127.0.0.1:8400"
    off = load_settings({"REVIEWS_SITE_PORT": "8400"})
    assert off.site_url is None
    with pytest.raises(UsageError, match="REVIEWS_SITE_PORT is set, but REVIEWS_SITE is not"):
        open_site_port(off)
    assert open_site_port(load_settings({"REVIEWS_SITE": "true"})) is None


def test_the_site_is_served_under_names_of_this_machine_and_of_a_proxy() -> None:
    settings = load_settings({**SET, "REVIEWS_ALLOWED_HOSTS": "films.example.org"})
    assert list_site_hosts(settings) == ["127.0.0.1", "localhost", "[::1]", "films.example.org"]


def test_commands_name_the_address_of_a_site_that_is_served_else_the_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = tmp_path / "site" / "index.html"
    running = Running(1, "http://127.0.0.1:1", "", "", "", True, site_url="http://127.0.0.1:8400")
    settings = Settings(Home(tmp_path))
    assert site.find_address(settings, index) == index.as_uri()
    monkeypatch.setattr("deployments.local_server.running.find_running", lambda settings: running)
    assert site.find_address(settings, index) == "http://127.0.0.1:8400"
    state = {"url": "u", "process": 1, "since": "s", "stopping": None, "workers": [], "deployments": {}}
    assert "  site    http://127.0.0.1:8400" in describe_status({**state, "site": running.site_url})
    assert "site" not in describe_status({**state, "site": None})
