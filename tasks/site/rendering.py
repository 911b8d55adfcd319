"""Renders the pages of the site from what they show."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data_contracts.archive import DATASETS
from data_contracts.rules_and_limits import COUNT_THEM
from tasks.pages.cells import MEASURES
from tasks.pages.formatting import cut_name
from tasks.pages.jinja_setup import TEMPLATES, make_environment
from tasks.pages.page_names import PAGES, PLAIN, link_served, link_written, show_id
from tasks.site.models_page.charts import draw_models
from tasks.site.models_page.facts import ModelsFacts
from tasks.site.movie_facts import Movie, MovieFacts
from tasks.site.movie_page_parts import (
    describe_given,
    describe_trend,
    draw_range,
    format_interval,
    format_ratings,
    format_reviews,
)
from tasks.site.movie_search import ENOUGH_REVIEWS, SORTS, Search, link_more, link_sort
from tasks.site.overview import Overview

if TYPE_CHECKING:
    import jinja2

OWN = Path(__file__).parent / "templates"
STYLE, SCRIPT, DATA = "style.css", "search.js", "movies.js"
"""The files that pages load; the server has the first alone."""


def render_movie(facts: MovieFacts) -> str:
    """Return the page of a movie."""
    return _load("movie.html").render(
        movie=facts.movie,
        figures=facts.movie.figures,
        trend=describe_trend(facts.movie.figures),
        given=describe_given(facts.movie.figures),
        by_period=format_ratings(facts.by_period, "period"),
        by_source=format_ratings(facts.by_source, "source"),
        reviews={kind: format_reviews(rows) for kind, rows in facts.reviews.items()},
        root="../",
        here="",
    )


def render_movies(movies: Sequence[Movie], total: int, search: Search | None = None) -> str:
    """Return the page on which movies are searched and sorted: by the server, else by scripts, which show more."""
    return _load("movies.html").render(
        movies=movies,
        total=total,
        search=search,
        columns={column: link_sort(search, column) for column in SORTS} if search else {},
        more=link_more(search, movies[0].figures["found"]) if search and movies else None,
        script=SCRIPT,
        data=DATA,
        enough=ENOUGH_REVIEWS,
        link=link_served if search else link_written,
        root="",
        here="movies",
    )


def render_overview(overview: Overview, *, is_served: bool) -> str:
    """Return the first page; reports are linked only where they are served beside it."""
    return _load("overview.html").render(
        overview=overview,
        facts=overview.facts,
        champion=next((row for row in overview.models if row["is_champion"]), None),
        enough=ENOUGH_REVIEWS,
        count_them=COUNT_THEM,
        is_served=is_served,
        link=link_served if is_served else link_written,
        root="",
        here="overview",
    )


def render_models(facts: ModelsFacts) -> str:
    """Return the page on which the models stand beside each other."""
    return _load("models.html").render(
        facts=facts,
        charts=draw_models(facts.models),
        slice_columns=["model", *(f"#{name.replace('_', ' ')}" for name in facts.slices)],
        datasets=DATASETS,
        root="",
        here="models",
    )


def format_style() -> str:
    """Return the style of all pages of the site."""
    return (TEMPLATES / "style.css").read_text("utf-8") + (OWN / "site.css").read_text("utf-8")


def format_script() -> str:
    """Return the script of the search in a folder."""
    return (OWN / SCRIPT).read_text("utf-8").replace("PLAIN_IDS", f"^{PLAIN}$")


def name_movie(movie: Movie) -> str:
    """Return the title of a movie with its year or, where the user gave none, its id."""
    if movie.title is None:
        return show_id(movie.movie_id)
    year = f" ({movie.title.year})" if movie.title.year else ""
    return f"{cut_name(movie.title.title)}{year}"


@cache
def _load(name: str) -> "jinja2.Template":
    """Return a template of the site."""
    return _make_environment().get_template(name)


@cache
def _make_environment() -> "jinja2.Environment":
    """Return the Jinja environment of the templates of the site."""
    filters: dict[str, Any] = {
        "called": name_movie,
        "id": show_id,
        "measure": lambda name: MEASURES.get(name, name),
    }
    environment = make_environment(OWN, **filters)
    environment.globals.update(pages=PAGES, draw_range=draw_range, interval=format_interval)
    return environment
