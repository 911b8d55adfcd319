"""Tests of the site's pages: whole at every moment, written only where something changed, harmless."""

import json
import re
import shutil
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import count, pairwise, takewhile
from pathlib import Path
from typing import Any

import psutil
import pytest

from data_contracts.errors import SourceError, UsageError, WarehouseError
from data_contracts.storage import durable
from data_contracts.storage.home import Home
from tasks.pages.titles import Title
from tasks.site import movie_facts, rendering
from tasks.site.movie_facts import Movie
from tasks.site.movie_list_script import format_movies
from tasks.site.movie_page_parts import _format_given, _format_text
from tasks.site.overview import make_overview
from tasks.site.page_names import name_page
from tasks.site.writing import drop_pages_of_forgotten, write_site
from tasks.support.locking import lock_file
from tests.support.once import copy_once
from tests.support.parsed_pages import Page
from tests.support.report_homes import HOSTILE, RUN, asking, change, make_run
from tests.support.sites import add_challenger, add_rows, list_broken_links, make_site_home, read_pages
from tests.support.warehouse_parts import PartFile, hash_text

SCORES = (0.0, 0.1, 0.3, 0.5, 0.5, 0.6, 0.9, 0.95)
ALWAYS = ("index.html", "movies.html", "models.html")
FIRST, SECOND = "movies/tt0000001.html", "movies/tt0000002.html"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home with a site of two movies."""
    copy_once("two movies", tmp_path, lambda folder: write_site(make_site_home(folder)))
    return Home(tmp_path)


def read_times(home: Home) -> dict[str, int]:
    files = [path for path in home.site.rglob("*") if path.is_file()]
    return {path.relative_to(home.site).as_posix(): path.stat().st_mtime_ns for path in files}


def list_written(home: Home, before: dict[str, int]) -> set[str]:
    written = {name for name, time in read_times(home).items() if before.get(name) != time}
    return {name for name in written if not name.startswith(".")}


@pytest.mark.slow
def test_a_site_has_an_overview_a_search_and_a_page_a_movie(home: Home) -> None:
    assert set(read_pages(home)) == {*ALWAYS, FIRST, SECOND}
    assert list(list_broken_links(home)) == []
    text = read_pages(home)[FIRST].text
    assert "a good film" in text
    assert "its writer gave 9 stars" in text


def test_a_second_making_writes_nothing(home: Home) -> None:
    before = read_times(home)
    assert write_site(home).pages_written == 0
    assert list_written(home, before) == set()


def test_nothing_is_open_after_a_making_so_the_next_copy_costs_what_is_new(home: Home) -> None:
    write_site(home)
    with home.published.open("r+b") as file:
        assert lock_file(file)
    assert not [each for each in psutil.Process().open_files() if each.path == str(home.published)]


@pytest.mark.slow
def test_after_new_rows_only_the_pages_of_their_movies_are_written(home: Home) -> None:
    before = read_times(home)
    add_rows(home, [{"movie_id": "tt0000002", "text": "what a film"}])
    assert write_site(home).pages_written == 1
    assert list_written(home, before) == {SECOND, *ALWAYS, "movies.js"}
    assert "what a film" in (home.site / SECOND).read_text("utf-8")


def read_contents(home: Home) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in home.site.rglob("*.html")}


@pytest.mark.slow
def test_a_page_that_was_brought_up_to_date_is_that_which_is_made_anew(home: Home) -> None:
    movie, long = "tt0000001", "a <b>film</b> & more, " * 100
    steps: list[list[dict[str, Any]]] = [
        [{"movie_id": movie, "text": f"{kind} {score}", "score": score} for kind in "ab" for score in SCORES],
        [
            {"movie_id": movie, "text": text, "score": 0.99}
            for text in (long, long, "short", "\r\n</article>\x00")
        ],
        [
            {"movie_id": movie, "text": "a bad film", "score": 0.1, "given_rating": 4.0},
            {"text": "of no movie"},
        ],
    ]
    for step, rows in enumerate(steps):
        add_rows(home, rows, f"{step}.csv", f"run-{step}")
        assert write_site(home).pages_written == 1
        grown = read_contents(home)
        assert write_site(home, anew=True).pages_written == 2
        assert read_contents(home) == grown
    change(home.warehouse, "UPDATE scored_reviews SET score = score / 2, predicted_rating = 3")
    write_site(home)
    grown = read_contents(home)
    write_site(home, anew=True)
    assert read_contents(home) == grown


@pytest.mark.parametrize(
    ("stars", "sentiment", "is_marked"),
    [
        (9.0, "negative", True),
        (4.0, "positive", True),
        (9.0, "positive", False),
        (5.5, "negative", False),
    ],
)
def test_the_stars_of_a_writer_are_marked_where_they_say_the_opposite(
    stars: float, sentiment: str, is_marked: bool
) -> None:
    shown = _format_given({"given_rating": stars, "sentiment": sentiment})
    assert f">its writer gave {stars:g} stars<" in shown
    assert shown.startswith('<strong class="tag care">') is is_marked


@pytest.mark.parametrize("anew", [True, False])
def test_of_a_page_of_another_design_nothing_is_taken(
    home: Home, anew: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = home.site / FIRST
    page.write_text(page.read_text("utf-8").replace("a good film", "as it was"), "utf-8")
    if not anew:
        monkeypatch.setattr("tasks.site.page_record.fingerprint_design", lambda: "another")
    write_site(home, anew=anew)
    assert "a good film" in page.read_text("utf-8")


@pytest.mark.slow
def test_only_texts_that_no_page_shows_yet_are_read(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []
    kept = movie_facts._add_reviews

    def count_read(ask: Any, known: dict[int, Any], rows: Any) -> None:
        before = len(known)
        kept(ask, known, rows)
        read.append(len(known) - before)

    monkeypatch.setattr(movie_facts, "_add_reviews", count_read)
    add_rows(home, [{"movie_id": "tt0000001", "text": "what a film"}])
    write_site(home)
    assert sum(read) == 1
    read.clear()
    (home.site / ".made-from.json").unlink()
    shutil.rmtree(home.site)
    write_site(home)
    assert sum(read) == 4


def test_a_title_names_its_movie_everywhere_and_its_page_alone_is_written(home: Home) -> None:
    before = read_times(home)
    home.titles.write_text("movie_id,title,year\ntt0000001,The Film,1999\n")
    assert write_site(home).pages_written == 1
    assert list_written(home, before) == {FIRST, "index.html", "movies.html", "movies.js"}
    assert "The Film (1999)" in read_pages(home)[FIRST].text
    assert "The Film" in (home.site / "movies.js").read_text("utf-8")


@pytest.mark.slow
def test_a_page_that_is_missing_or_all_on_request_are_written(home: Home) -> None:
    (home.site / FIRST).unlink()
    assert write_site(home).pages_written == 1
    assert write_site(home, anew=True).pages_written == 2


def test_a_movie_without_reviews_has_no_page(home: Home) -> None:
    change(home.warehouse, "DELETE FROM source_reviews WHERE movie_id = 'tt0000002'")
    assert write_site(home).pages_removed == 1
    assert set(read_pages(home)) == {*ALWAYS, FIRST}
    assert list(list_broken_links(home)) == []


@pytest.mark.slow
def test_files_that_the_site_did_not_write_stay_and_are_not_counted(home: Home) -> None:
    foreign = [home.site / "movies" / name for name in ("notes.html", "notes.docx", "tt9.html")]
    for path in foreign:
        path.write_text("mine")
    (home.site / "movies" / "folder").mkdir()
    for anew in (False, True):
        assert write_site(home, anew=anew).pages_removed == 0
    assert all(path.read_text() == "mine" for path in foreign)


@pytest.mark.parametrize("name", [".", "movies"])
@pytest.mark.parametrize("make", ["link", "dangling", "file"])
def test_a_link_or_a_file_in_place_of_a_folder_is_refused(name: str, make: str, home: Home) -> None:
    place, elsewhere = home.site / name, home.folder / "elsewhere"
    place.rename(elsewhere)
    if make == "file":
        place.write_text("mine")
    else:
        place.symlink_to(elsewhere if make == "link" else home.folder / "nowhere")
    before = sorted(elsewhere.rglob("*"))
    with pytest.raises(
        SourceError, match=r"is a (link|file), but the site .* Next: move it away, then reviews site"
    ):
        write_site(home)
    assert drop_pages_of_forgotten(home) == []
    assert sorted(elsewhere.rglob("*")) == before
    assert not (home.folder / "nowhere").exists()


@pytest.mark.parametrize("name", ["index.html", FIRST])
def test_a_folder_of_pages_without_a_record_is_refused(name: str, home: Home) -> None:
    shutil.rmtree(home.site)
    (home.site / name).parent.mkdir(parents=True)
    (home.site / name).write_text("mine")
    with pytest.raises(
        SourceError, match=rf"site: has {name}, but no \.made-from\.json.*Next: move the folder away"
    ):
        write_site(home)
    assert [path.read_text() for path in home.site.rglob("*") if path.is_file()] == ["mine"]


@pytest.mark.slow
def test_a_first_making_that_is_killed_is_gone_on_with(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.rmtree(home.site)
    monkeypatch.setattr(durable, "_FILES_AT_ONCE", 1)
    killed = list(takewhile(bool, (kill_at(file, home, monkeypatch, first=True) for file in count(1))))
    assert len(killed) >= 4
    change(home.warehouse, "DELETE FROM source_reviews WHERE movie_id = 'tt0000002'")
    assert write_site(home).pages_removed == 1


@pytest.mark.slow
def test_a_making_that_is_killed_leaves_a_whole_site_and_the_next_one_goes_on(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_rows(home, [{"movie_id": name, "text": "what a film"} for name in ("tt0000002", "tt0000003")])
    monkeypatch.setattr(durable, "_FILES_AT_ONCE", 1)
    killed = list(takewhile(bool, (kill_at(file, home, monkeypatch) for file in count(1))))
    assert len(killed) >= 4
    assert write_site(home).pages_written == 0
    assert set(read_pages(home)) == {*ALWAYS, FIRST, SECOND, "movies/tt0000003.html"}


def kill_at(file: int, home: Home, monkeypatch: pytest.MonkeyPatch, *, first: bool = False) -> bool:
    """Kill a making where it puts so many files in place, and return whether it was killed.

    Require a whole site, unless it is the `first` making.
    """
    replace, left = Path.replace, [file]

    def kill(self: Path, target: Path) -> Path:
        left[0] -= 1
        if not left[0]:
            raise KeyboardInterrupt
        return replace(self, target)

    with monkeypatch.context() as patch, suppress(KeyboardInterrupt):
        patch.setattr(Path, "replace", kill)
        write_site(home)
    assert first or list(list_broken_links(home)) == []
    return left[0] <= 0


def test_a_folder_that_can_not_be_written_is_named(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(
        SourceError, match=r"site can't be written \(No space left on device\)\. Next: free disk space"
    ):
        write_site(home, anew=True)
    assert not [path for path in home.site.rglob("*") if ".tmp" in path.name]


def test_before_anything_is_published_there_is_no_site(tmp_path: Path) -> None:
    with pytest.raises(WarehouseError, match="there is no published copy"):
        write_site(Home(tmp_path))
    assert not Home(tmp_path).site.exists()


def test_a_wrong_file_of_titles_leaves_the_site_as_it_is(home: Home) -> None:
    before = read_times(home)
    home.titles.write_text("what,is,this\n")
    with pytest.raises(UsageError, match=r"titles\.csv: has no column movie_id"):
        write_site(home)
    assert read_times(home) == before


def test_pages_that_show_a_forgotten_row_and_unfinished_files_are_deleted(home: Home) -> None:
    left = home.site / "movies" / ".tt0000001.html.999999999.tmp"
    left.write_text("a bad film")
    assert drop_pages_of_forgotten(home) == []
    trace = (
        f"INSERT INTO forgotten_rows VALUES ('{hash_text('monday.csv')}', 2, false, NULL, 'ann', now(), NULL)"
    )
    change(home.warehouse, trace)
    assert drop_pages_of_forgotten(home) == [home.site / FIRST]
    assert not left.exists()


@pytest.mark.slow
def test_the_record_of_another_design_or_a_damaged_one_has_all_pages_made(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home.site / ".made-from.json").write_text("[1")
    assert write_site(home).pages_written == 2
    monkeypatch.setattr("tasks.site.page_record.fingerprint_design", lambda: "another")
    assert write_site(home).pages_written == 2


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home whose texts, ids, names of files and titles are hostile, with its site."""
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
    write_site(home)
    return home


@pytest.mark.slow
def test_hostile_texts_ids_and_titles_are_shown_as_text(hostile: Home) -> None:
    pages = read_pages(hostile)
    text = pages["movies/tt0000001.html"].text
    for kind in ("html", "script", "sql", "template", "attribute"):
        assert HOSTILE[kind] in text
    assert "</script><script>alert(1)</script> \\u202e" in text
    assert pages["models.html"].text.count(HOSTILE["html"]) == 2  # a reason and a trouble
    for name in pages:
        content = (hostile.site / name).read_text("utf-8")
        assert not re.search(
            r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]", content
        ), name
        assert "alert(1)</script>" not in content.replace("&lt;", "").replace("alert(1)&lt;/script&gt;", "")


def test_hostile_ids_name_pages_within_the_folder(hostile: Home) -> None:
    assert list(list_broken_links(hostile)) == []
    assert len(list((hostile.site / "movies").iterdir())) == 10
    assert {path.name for path in hostile.folder.iterdir() if path.suffix == ".html"} == set()


def test_a_page_runs_and_loads_nothing_but_files_of_the_site(hostile: Home) -> None:
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
        assert not re.search(r"https?://|@import|url\((?!#)", (hostile.site / name).read_text("utf-8")), name


def test_pages_are_whole_with_landmarks_headings_and_unique_ids(hostile: Home) -> None:
    for name, page in read_pages(hostile).items():
        assert page.open == [], name
        assert [page.count(tag) for tag in ("h1", "header", "main", "footer", "nav")] == [1] * 5
        levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch("h[1-6]", tag)]
        assert all(after <= before + 1 for before, after in pairwise(levels)), name
        ids = Counter(page.values("id"))
        assert not [each for each, times in ids.items() if times > 1]
        assert {each for value in page.values("aria-labelledby") for each in value.split()} <= set(ids)


def test_every_link_has_a_name(hostile: Home) -> None:
    for name in read_pages(hostile):
        assert not re.search(r"<a [^>]*>\s*</a>", (hostile.site / name).read_text("utf-8")), name


def test_a_long_text_is_cut(hostile: Home) -> None:
    content = (hostile.site / "movies" / "tt0000009.html").read_text("utf-8")
    assert [len(run) for run in re.findall("y{2,}", content)] == [320, 680]


@pytest.mark.slow
def test_a_break_that_an_archive_left_in_a_text_is_a_line_end(home: Home) -> None:
    add_rows(home, [{"movie_id": "tt0000002", "text": "one<br /><br />two<BR>three < br"}])
    write_site(home)
    assert "one\n\ntwo\nthree &lt; br</p>" in (home.site / SECOND).read_text("utf-8")


@pytest.mark.parametrize("left", ["<", "<b", "<br", "<br /", "\r"])
def test_a_text_is_not_cut_within_a_break_and_its_rest_does_not_repeat_its_beginning(left: str) -> None:
    words = " ".join(str(number) for number in range(1000, 1190))
    row = {"text": words + left, "characters": 5000, "row_name": "a:1"}
    shown = re.findall(r'<p class="text" dir="auto">(.*?)</p>', _format_text(row), re.DOTALL)
    assert [each[-5:] for each in shown] == ["1063…", "1189…"]
    assert "".join(shown).replace("…", "") == words


def render_first_page(home: Home, movies: Sequence[Movie]) -> Page:
    with asking(home.folder) as ask:
        return Page(rendering.render_overview(make_overview(ask, home), movies))


def test_a_movie_among_the_best_has_its_likely_range_where_there_is_one(home: Home) -> None:
    [movie] = make_movies(1)
    ranged = replace(movie, figures={**movie.figures, "rating_high": 8.5})
    text = render_first_page(home, [movie, ranged]).text
    assert text.count("7.2 stars, 9 reviews") == text.count("7.2 stars, likely 6.0 to 8.5, 9 reviews") == 3


@pytest.mark.slow
@pytest.mark.parametrize(("dataset", "is_told"), [("sample", True), ("stanford", False)])
def test_scores_of_a_champion_trained_on_made_up_reviews_are_called_a_demonstration(
    home: Home, dataset: str, is_told: bool
) -> None:
    change(home.warehouse, f"UPDATE models SET dataset = '{dataset}'")
    text = render_first_page(home, []).text
    assert ("trained on made-up reviews, so its scores are a demonstration" in text) is is_told


def test_a_report_is_linked_where_there_is_one(home: Home) -> None:
    assert not [link for link in read_pages(home)["index.html"].values("href") if "reports" in link]
    home.reports.mkdir()
    (home.reports / f"{RUN}.html").write_text("")
    write_site(home)
    assert f"../reports/{RUN}.html" in read_pages(home)["index.html"].values("href")


def make_movies(number: int) -> list[Movie]:
    figures = {
        "mean_predicted_rating": 7.25,
        "rating_low": 6.0,
        "rating_high": None,
        "share_positive": 0.5,
        "reviews": 9,
    }
    title = Title("The Conductor of Aldogate", "1999")
    return [Movie(f"tt{place:07}", title, f"tt{place:07}", "", figures) for place in range(number)]


@pytest.mark.slow
def test_of_100_000_movies_the_pages_are_small_and_the_list_is_compact() -> None:
    movies = make_movies(100_000)
    assert len(rendering.render_movies(movies).encode()) < 100_000
    data = format_movies(movies)
    assert len(data.encode()) < 8_000_000
    columns = json.loads(data.removeprefix("window.MOVIES = ").rstrip(";\n"))
    assert [len(columns[name]) for name in ("reviews", "stars", "low", "high", "positive", "years")] == [
        100_000
    ] * 6
    assert [len(columns[name].split("\n")) for name in ("ids", "titles")] == [100_000] * 2
    assert (columns["stars"][0], columns["low"][0], columns["high"][0], columns["pages"]) == (
        72_500,
        60,
        None,
        {},
    )


def test_the_search_asks_for_as_many_reviews_as_the_best_movies_have() -> None:
    page = Page(rendering.render_movies(make_movies(1)))
    [box] = [each for tag, each in page.elements if tag == "input" and each["type"] == "checkbox"]
    assert (box["id"], box["value"]) == ("enough", str(rendering.ENOUGH_REVIEWS))
    assert 'getElementById("enough")' in rendering.format_script()


def test_an_id_or_a_title_with_a_line_end_is_one_line_of_the_list() -> None:
    movie = Movie("a\nb", Title("c\u2028d"), name_page("a\nb"), "", make_movies(1)[0].figures)
    columns = json.loads(format_movies([movie]).removeprefix("window.MOVIES = ").rstrip(";\n"))
    assert (columns["ids"], columns["titles"], columns["pages"]) == (
        "a\\nb",
        "c\\u2028d",
        {"0": name_page("a\nb")},
    )


def test_the_first_page_is_small(hostile: Home) -> None:
    assert (hostile.site / "index.html").stat().st_size < 300_000
