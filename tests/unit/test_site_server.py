"""Tests of the server of the site: pages are made when they are asked for, reports are read, and nothing else is."""

import asyncio
import re
from pathlib import Path
from urllib.parse import quote

import psutil
import pytest

from data_contracts.storage.home import Home
from deployments.settings import Settings
from deployments.site.app import make_site_app, open_site
from tests.support.asgi import HOST, Answered, ask_app, send_to
from tests.support.once import copy_once
from tests.support.parsed_pages import Page
from tests.support.report_homes import HOSTILE, RUN
from tests.support.sites import add_challenger, add_rows, make_site_home

SECRET = b"a secret of the home"
PAGES = ("index.html", "movies.html", "models.html", "movies/tt0000001.html")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home with reviews and a report, and with files and links that nobody may read over HTTP."""
    home = make_site_home(tmp_path_factory.mktemp("served"))
    (home.reports / ".old").mkdir(parents=True)
    (home.folder / "outside.html").write_bytes(SECRET)
    for name in (".hidden.html", ".old/run.html", "notes.txt", "search.js"):
        (home.reports / name).write_bytes(SECRET)
    (home.reports / f"{RUN}.html").write_text("a report")
    (home.reports / "week-2026-W10.html").write_text("a week")
    (home.reports / "folder.html").mkdir()
    (home.reports / "linked.html").symlink_to("../outside.html")
    (home.reports / "up").symlink_to("..")
    return home


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home with reviews, which a test may change."""
    copy_once("two movies", tmp_path, make_site_home)
    return Home(tmp_path)


def ask(home: Home, path: str, **headers: str) -> Answered:
    return ask_app(make_site_app(home, ["127.0.0.1"]), path, **headers)


def read(home: Home, path: str) -> Page:
    answered = ask(home, f"/site/{path}")
    assert (answered.status, answered.headers["content-type"]) == (200, "text/html; charset=utf-8")
    return Page(answered.body.decode())


@pytest.mark.slow
def test_every_link_of_the_site_leads_to_a_page_or_a_report(served: Home) -> None:
    asked: dict[str, int] = {}
    waiting = [f"/site/{name}" for name in PAGES]
    while waiting:
        path = waiting.pop()
        answered = ask(served, path)
        asked[path] = answered.status
        if answered.headers["content-type"].startswith("text/html") and path.startswith("/site/"):
            links = [link for link in Page(answered.body.decode()).values("href") if link[0] not in "#d"]
            found = (re.sub(r"/[^/]+/\.\./", "/", f"{path.rpartition('/')[0]}/{link}") for link in links)
            waiting += [each for each in found if each not in asked]
    assert set(asked.values()) == {200}
    assert {f"/reports/{RUN}.html", "/reports/week-2026-W10.html", "/site/style.css"} < set(asked)
    assert "/site/movies/tt0000002.html" in asked


def test_a_page_shows_what_is_published_at_that_moment(home: Home) -> None:
    app = make_site_app(home, ["127.0.0.1"])
    before = ask_app(app, "/site/movies/tt0000002.html").body
    add_rows(home, [{"movie_id": "tt0000002", "text": "what a film"}])
    after = ask_app(app, "/site/movies/tt0000002.html").body
    assert (b"what a film" in before, b"what a film" in after) == (False, True)


def test_nothing_is_open_after_a_page_so_the_next_copy_costs_what_is_new(home: Home) -> None:
    read(home, "index.html")
    assert not [each for each in psutil.Process().open_files() if each.path == str(home.published)]


@pytest.mark.parametrize("movie_id", ["TT1", "", "../../etc/passwd", HOSTILE["html"] + "a&id=b c%20+#?é"])
@pytest.mark.slow
def test_a_movie_with_any_id_has_a_page_that_lists_link(movie_id: str, tmp_path: Path) -> None:
    home = make_site_home(tmp_path, [{"movie_id": movie_id, "text": "a film of that id"}])
    [link] = [each for each in read(home, "movies.html").values("href") if each.startswith("movies/")]
    path, _, query = link.partition("?")
    assert query == f"id={quote(movie_id, safe='')}"
    assert "a film of that id" in read(home, f"{path}?{query}").text


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("q=tt0000002", ["tt0000002"]),
        ("q=ETOILE+1999", ["tt0000001"]),
        ("sort=reviews&order=ascending", ["tt0000002", "tt0000001"]),
        ("sort=title&order=ascending", ["tt0000002", "tt0000001"]),
        ("at_least=5", []),
        ("limit=0x&sort=no;drop&order=&q=%00", []),
    ],
)
def test_the_server_searches_and_sorts_movies_by_title_year_and_id(
    query: str, found: list[str], home: Home
) -> None:
    home.titles.write_text("movie_id,title,year\ntt0000001,Une Étoile,1999\n")
    page = read(home, f"movies.html?{query}")
    links = [each for each in page.values("href") if each.startswith("movies/")]
    assert links == [f"movies/{each}.html" for each in found]


@pytest.mark.parametrize(
    "path",
    [
        "/site/../reviews.duckdb",
        "/site/../outside.html",
        "/site/movies/../../outside.html",
        "/site/%2e%2e/outside.html",
        "/site/outside.html",
        "/site/movies/tt0000001.html/",
        "/reports/../outside.html",
        "/reports/linked.html",
        "/reports/up/outside.html",
        "/reports/.hidden.html",
        "/reports/.old/run.html",
        "/reports/notes.txt",
        "/reports/search.js",
        "/reports/folder.html",
        "/outside.html",
        "/reviews.duckdb",
        "/site/a\x00b.html",
        f"/site/{'x' * 5000}.html",
    ],
)
def test_nothing_else_of_the_home_is_served(served: Home, path: str) -> None:
    answered = ask(served, path)
    assert answered.status in (307, 404)
    assert SECRET not in answered.body


def test_a_folder_of_reports_that_is_a_link_is_not_served(served: Home, tmp_path: Path) -> None:
    Home(tmp_path).reports.symlink_to(served.reports)
    assert ask(Home(tmp_path), f"/reports/{RUN}.html").status == 404


def test_before_anything_is_published_the_answer_says_what_publishes(tmp_path: Path) -> None:
    answered = ask(Home(tmp_path), "/site/index.html")
    assert (answered.status, b"run `reviews score`" in answered.body) == (503, True)


@pytest.mark.parametrize("path", ["/", "/site", "/site/"])
def test_the_address_and_that_of_the_folder_lead_to_the_first_page(path: str, served: Home) -> None:
    answered = ask(served, path)
    assert (answered.status, answered.headers["location"]) == (307, "/site/index.html")


def test_nothing_can_be_written(served: Home) -> None:
    app = make_site_app(served, ["127.0.0.1"])
    for path in ("/site/index.html", f"/reports/{RUN}.html"):
        assert asyncio.run(send_to(app, path, b"{}")).status == 405


def test_strangers_are_refused_and_an_answer_lets_a_browser_load_nothing_from_elsewhere(served: Home) -> None:
    assert ask(served, "/site/index.html", host="rebound.test:8400").status == 400
    assert ask(served, "/site/index.html", origin="http://stranger.test").status == 403
    for path in ("/site/index.html", "/site/style.css", f"/reports/{RUN}.html", "/site/no.html"):
        headers = ask(served, path, origin=f"http://{HOST}").headers
        rules = headers["content-security-policy"]
        assert rules.startswith("default-src 'none'; style-src 'self'")
        assert ("frame-ancestors 'none'" in rules, "script-src" in rules) == (True, False)
        assert headers["cross-origin-resource-policy"] == "same-origin"
        if "no.html" not in path:
            assert (headers["x-content-type-options"], headers["cache-control"]) == ("nosniff", "no-cache")


@pytest.mark.parametrize("path", ["/site/models.html", "/site/style.css", f"/reports/{RUN}.html"])
def test_a_page_that_did_not_change_is_not_sent_again(served: Home, path: str) -> None:
    first = ask(served, path)
    again = ask(served, path, if_none_match=first.headers["etag"])
    assert (again.status, again.body) == (304, b"")


@pytest.mark.slow
def test_a_served_page_has_no_script_and_shows_hostile_words_as_text(tmp_path: Path) -> None:
    nasty = HOSTILE["html"] + HOSTILE["ansi"] + HOSTILE["bidi"]
    home = make_site_home(tmp_path, [{"movie_id": nasty, "review_id": nasty, "text": HOSTILE["script"]}])
    add_challenger(home.warehouse, HOSTILE["html"], nasty)
    home.titles.write_text('movie_id,title\nx,"</script><script>alert(1)</script>"\n')
    asked = quote(f'"><script>alert(1)</script>{nasty}', safe="")
    for path in (
        "index.html",
        "models.html",
        f"movies.html?q={asked}",
        f"movies/movie.html?id={quote(nasty)}",
    ):
        page = read(home, path)
        assert page.open == []
        assert not {"script", "iframe", "object", "embed", "base", "img"} & {tag for tag, _ in page.elements}
        assert not [each for _, attributes in page.elements for each in attributes if each.startswith("on")]


def test_where_nobody_serves_the_site_the_command_does_on_this_machine_alone(
    served: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    addresses: list[tuple[str, int]] = []
    monkeypatch.setattr(
        "deployments.site.app.serve_site",
        lambda settings, listening: addresses.append(listening.getsockname()),
    )
    open_site(Settings(served), said.append, has_screen=False)
    [(host, port)] = addresses
    assert (host, said[0]) == ("127.0.0.1", f"The site: http://127.0.0.1:{port}")
