"""Makes a page of the site when it is asked for, by its address, from the published copy as it is at that moment."""

from collections.abc import Mapping
from functools import partial

from data_contracts.storage.home import Home
from tasks.pages.cells import Place
from tasks.pages.page_names import (
    ANY_MOVIE,
    INDEX,
    MODELS,
    MOVIES,
    PAGES,
    is_plain,
    link_served,
    link_written,
)
from tasks.pages.rendering import render_page
from tasks.pages.sections import Answers, Part
from tasks.pages.titles import Title, name_movie, read_titles
from tasks.queries.run_query import ask_published
from tasks.report import scoring
from tasks.report.writing import name_report
from tasks.site.models import frame_models, read_models
from tasks.site.movie import frame_movie, read_movie
from tasks.site.movie_search import find_movies, keep_titles, read_search, render_movies
from tasks.site.overview import find_weeks, frame_overview, read_overview

_KEPT = {
    "daily_scores": "SELECT day, model_id, source, rows_scored, share_positive FROM daily_scores",
    "live_accuracy": "FROM live_accuracy",
}
"""Views that several queries of a page read, with the columns that these take: each one costs a look at all scores."""


def make_page(home: Home, address: str, query: Mapping[str, str]) -> str | None:
    """Return a page by its address on the server, from the first page's folder; None if there is no such page.

    Raises `UsageError` if the file of titles can't be read, and `WarehouseError` if nothing has been published.
    """
    movie_id = find_movie_id(address, query)
    if movie_id is None and address not in (INDEX, MOVIES, MODELS):
        return None
    with ask_published(home.published) as ask:
        answers, titles = Answers(ask), {} if address == MODELS else read_titles(home.titles)
        if movie_id is not None:
            parts = read_movie(answers, movie_id)
            return make_movie(titles, movie_id, parts) if parts else None
        if address == MOVIES:
            keep_titles(answers, titles)
            search = read_search(query)
            return render_movies(find_movies(answers, search), count_movies(answers), search)
        return make_overview(answers, home, titles) if address == INDEX else make_models(answers, home)


def find_movie_id(address: str, query: Mapping[str, str]) -> str | None:
    """Return the movie whose page has an address; None if it is that of no movie."""
    folder, _, name = address.removesuffix(".html").rpartition("/")
    if folder != PAGES or not address.endswith(".html"):
        return None
    if name == ANY_MOVIE:
        return query.get("id")
    return name if is_plain(name) else None


def count_movies(answers: Answers) -> int:
    """Return how many movies there are."""
    rows = answers.find("movie-search", {"limit": 1})
    return int(rows[0]["movies"]) if rows else 0


def make_overview(
    answers: Answers, home: Home, titles: Mapping[str, Title], *, is_served: bool = True
) -> str:
    """Return the first page; reports are linked only where they are served beside it."""
    keep_views(answers)
    keep_titles(answers, titles)
    parts = read_overview(answers)
    there = {path.name for path in home.reports.glob("*.html")} if is_served else set()
    weeks = tuple((f"../reports/{name}", week) for week, name in find_weeks(there).items())

    def link_report(run_id: str) -> str | None:
        name = name_report(run_id)
        return f"../reports/{name}" if name in there else None

    place = Place(
        home.folder,
        names={"movie_id": partial(name_movie, titles), "run_id": lambda run_id: run_id[:8]},
        links={"movie_id": link_served if is_served else link_written, "run_id": link_report},
    )
    return render_page(frame_overview(parts, home, weeks), parts, place)


def make_models(answers: Answers, home: Home) -> str:
    """Return the page of the models."""
    keep_views(answers)
    parts = read_models(answers)
    return render_page(frame_models(parts, home), parts, Place(home.folder, scoring.NAMES))


def make_movie(titles: Mapping[str, Title], movie_id: str, parts: list[Part]) -> str:
    """Return the page of a movie."""
    return render_page(frame_movie(name_movie(titles, movie_id), parts), parts, Place(root="../"))


def keep_views(answers: Answers) -> None:
    """Sum by day what models scored once, for all queries of a page."""
    for view, columns in _KEPT.items():
        if view not in answers.kept:
            answers.keep(view, columns)
