"""Tests of the site's pages, and of a folder of all: whole, in no place with other files, harmless."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from data_contracts.errors import UsageError
from data_contracts.storage.home import Home
from models.bundle.reading_facts import FACTS_FILE
from tasks.pages.page_names import name_page
from tasks.pages.sections import Answers
from tasks.site.models import read_models
from tasks.site.movie_search import format_movies, render_movies
from tasks.site.pages import make_page
from tasks.training.model_list import describe_models
from tasks.warehouse.model_registry import list_models
from tests.support.once import copy_once
from tests.support.parsed_pages import Page
from tests.support.report_homes import HOSTILE, asking, change, key_by_query, make_run
from tests.support.sites import add_challenger, list_broken_links, make_site_home, read_pages, write_pages
from tests.support.warehouse_parts import PartFile

ALWAYS = ("index.html", "movies.html", "models.html")
OTHER = "lstm-s1-0123456789ab"
FIRST, SECOND = "movies/tt0000001.html", "movies/tt0000002.html"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home with two movies, and with its pages in a folder."""
    copy_once("two movies written", tmp_path, lambda folder: write_pages(make_site_home(folder)))
    return Home(tmp_path)


@pytest.mark.slow
def test_a_site_has_an_overview_a_search_and_a_page_a_movie(home: Home) -> None:
    pages = read_pages(home.folder / "written")
    assert set(pages) == {*ALWAYS, FIRST, SECOND}
    assert list(list_broken_links(home.folder / "written")) == []
    text = pages[FIRST].text
    assert "a good film" in text
    assert "its writer gave 9 stars" in text


@pytest.mark.parametrize("name", ["notes.txt", "movies/notes.html", "images/a.html", "index.html"])
def test_a_folder_with_other_files_is_refused_and_stays_as_it_is(name: str, home: Home) -> None:
    folder = home.folder / "written"
    if name == "index.html":
        shutil.rmtree(folder)
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text("mine")
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    with pytest.raises(UsageError, match=r"has .*, which the site did not write\. Next: name a new folder"):
        write_pages(home)
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before


@pytest.mark.parametrize("name", ["index.html", "movies", FIRST])
def test_a_link_in_place_of_a_page_is_not_written_through(name: str, home: Home) -> None:
    place, elsewhere = home.folder / "written" / name, home.folder / "elsewhere"
    place.rename(elsewhere)
    place.symlink_to(elsewhere)
    with pytest.raises(UsageError, match="which the site did not write"):
        write_pages(home)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of pages of a home whose texts, ids, names of files and titles are hostile."""
    folder = tmp_path_factory.mktemp("hostile")
    nasty = HOSTILE["html"] + HOSTILE["ansi"] + HOSTILE["bidi"]
    ids = [
        nasty,
        "../../etc/passwd",
        "..",
        "",
        "con",
        "x" * 5000,
        "TT0000001",
        "tt0000001",
        HOSTILE["script"],
    ]
    rows: list[dict[str, Any]] = [
        {
            "movie_id": movie,
            "review_id": nasty + text,
            "text": text,
            "score": place % 3 / 2,
            "given_rating": 9.0,
        }
        for movie in ids
        for place, text in enumerate(HOSTILE.values())
    ]
    make_site_home(folder, rows)
    refused = PartFile(f"{nasty}.csv", status="refused", ledger={"uri": f"s3://bucket/inbox/{nasty}.csv"})
    make_run(
        folder,
        [PartFile(nasty, [{"movie_id": "tt0000009", "text": "y" * 100_000}], bad_rows=[2]), refused],
        nasty,
    )
    add_challenger(folder / "reviews.duckdb", HOSTILE["html"], nasty)
    home = Home(folder)
    home.titles.write_text(
        'movie_id,title,year\ntt0000001,"</script><script>alert(1)</script> \u202e",x\n', "utf-8"
    )
    return write_pages(home)


@pytest.mark.slow
def test_hostile_texts_ids_and_titles_are_shown_as_text(hostile: Path) -> None:
    pages = read_pages(hostile)
    text = pages["movies/tt0000001.html"].text
    for kind in ("html", "script", "sql", "template", "attribute"):
        assert HOSTILE[kind] in text
    assert "</script><script>alert(1)</script> \\u202e" in text
    assert pages["models.html"].text.count(HOSTILE["html"]) >= 2  # a reason and a trouble
    for name, page in pages.items():
        assert page.open == [], name
        content = (hostile / name).read_text("utf-8")
        assert not re.search(
            r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]", content
        ), name
        assert "alert(1)</script>" not in content.replace("&lt;", "").replace("alert(1)&lt;/script&gt;", "")


def test_hostile_ids_name_pages_within_the_folder(hostile: Path) -> None:
    assert list(list_broken_links(hostile)) == []
    assert len(list((hostile / "movies").iterdir())) == 10
    assert {path.name for path in hostile.parent.iterdir() if path.suffix == ".html"} == set()


def test_a_page_runs_and_loads_nothing_but_files_of_the_site(hostile: Path) -> None:
    for name, page in read_pages(hostile).items():
        scripts = [attributes.get("src") for tag, attributes in page.elements if tag == "script"]
        assert scripts == (["movies.js", "search.js"] if name == "movies.html" else []), name
        assert not {"iframe", "object", "embed", "base", "form", "img", "style"} & {
            tag for tag, _ in page.elements
        }
        assert not [each for _, attributes in page.elements for each in attributes if each.startswith("on")]
        assert any(
            value.startswith("default-src 'none'; style-src 'self' file:") for value in page.values("content")
        )
        assert not re.search(r"https?://|@import|url\((?!#)", (hostile / name).read_text("utf-8")), name


@pytest.mark.slow
@pytest.mark.parametrize(("dataset", "is_told"), [("sample", True), ("stanford", False)])
def test_scores_of_a_champion_trained_on_made_up_reviews_are_called_a_demonstration(
    home: Home, dataset: str, is_told: bool
) -> None:
    change(home.warehouse, f"UPDATE models SET dataset = '{dataset}'")
    text = Page(make_page(home, "index.html", {}) or "").text
    assert ("trained on made-up reviews, so its scores are a demonstration" in text) is is_told


def make_movies(number: int) -> list[dict[str, Any]]:
    figures = {"stars": 7.25, "low": 6.0, "high": None, "share_positive": 0.5, "reviews": 9}
    title = {"title": "The Conductor of Aldogate", "year": "1999"}
    return [{"movie_id": f"tt{place:07}", **title, **figures} for place in range(number)]


@pytest.mark.slow
def test_of_100_000_movies_the_pages_are_small_and_the_list_is_compact() -> None:
    movies = make_movies(100_000)
    assert len(render_movies(movies[:50], len(movies)).encode()) < 100_000
    data = format_movies(movies)
    assert len(data.encode()) < 8_000_000
    columns = json.loads(data.removeprefix("window.MOVIES = ").rstrip(";\n"))
    assert {name: len(columns[name]) for name in ("reviews", "stars")} == {
        "reviews": 100_000,
        "stars": 100_000,
    }
    assert [len(columns[name].split("\n")) for name in ("ids", "titles")] == [100_000] * 2


def test_an_id_or_a_title_with_a_line_end_is_one_line_of_the_list() -> None:
    movie = {**make_movies(1)[0], "movie_id": "a\nb", "title": "c\u2028d"}
    columns = json.loads(format_movies([movie]).removeprefix("window.MOVIES = ").rstrip(";\n"))
    assert (columns["ids"], columns["titles"], columns["pages"]) == (
        "a\\nb",
        "c\\u2028d",
        {"0": name_page("a\nb")},
    )


def add_shadow(home: Home) -> None:
    """Add the model OTHER, which is the shadow, and a bundle to the champion alone."""
    add_challenger(home.warehouse, OTHER)
    (home.bundles / "model-a").mkdir(parents=True)
    (home.bundles / "model-a" / FACTS_FILE).touch()


@pytest.mark.slow
def test_the_shadow_is_compared_with_the_champion_alone(home: Home) -> None:
    add_shadow(home)
    change(
        home.warehouse,
        "INSERT INTO scored_reviews SELECT * REPLACE ('older' AS model_id) FROM scored_reviews",
        "INSERT INTO models SELECT * REPLACE ('older' AS model_id) FROM models LIMIT 1",
    )
    with asking(home.folder) as ask:
        found = key_by_query(read_models(Answers(ask)))
    assert [(row["model_id"], row["is_on"]) for row in found["newest-shadow"]] == [(OTHER, True)]
    compared = [(row["source"], row["compared_with"]) for row in found["shadow-comparison"]]
    assert compared == [(None, "model-a"), ("default", "model-a")]


@pytest.mark.slow
def test_a_missing_bundle_is_marked_on_the_site_and_by_the_command(home: Home) -> None:
    add_shadow(home)
    change(home.warehouse, "UPDATE models SET validation_accuracy = 0.8")
    lines = describe_models(list_models(home.warehouse), home).splitlines()
    assert [line.split()[0] for line in lines if line.endswith("bundle missing")] == [OTHER]
    assert "Next: put that of a backup back, or train it again." in lines[-1]
    for name in ("models.html", "index.html"):
        assert f"The bundle is missing of {OTHER}:" in (make_page(home, name, {}) or "")
