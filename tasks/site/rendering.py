"""Renders the pages of the site from what they show."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data_contracts.archive import DATASETS
from data_contracts.rules_and_limits import COUNT_THEM
from tasks.pages.formatting import cut_name
from tasks.pages.jinja_setup import TEMPLATES, make_environment
from tasks.report.names_and_commands import name_measure
from tasks.site.movie_facts import Movie, MovieFacts
from tasks.site.movie_page_parts import (
    describe_given,
    describe_trend,
    draw_range,
    format_interval,
    format_ratings,
    format_reviews,
)
from tasks.site.overview import Overview
from tasks.site.overview_facts import last_moment
from tasks.site.page_names import PAGES, PLAIN, show_id

if TYPE_CHECKING:
    import jinja2

OWN = Path(__file__).parent / "templates"
MODELS_ON_OVERVIEW = 5
MOVIES_LISTED, MOVIES_BEFORE_SEARCH = 10, 50
"""Movies in each list of the overview, and of the list of all movies without a script."""
ENOUGH_REVIEWS = 5
"""Fewest reviews of a movie among the best and the worst, and of those that the search shows if asked to."""
STYLE, SCRIPT, DATA = "style.css", "search.js", "movies.js"
"""The files that pages of the site load."""


def render_movie(facts: MovieFacts) -> str:
    """Return the page of a movie."""
    return _load("movie.html").render(
        movie=facts.movie,
        figures=facts.figures,
        trend=describe_trend(facts.figures),
        given=describe_given(facts.figures),
        by_period=format_ratings(facts.by_period, "period"),
        by_source=format_ratings(facts.by_source, "source"),
        reviews={kind: format_reviews(rows) for kind, rows in facts.reviews.items()},
        root="../",
        here="",
    )


def render_movies(movies: Sequence[Movie]) -> str:
    """Return the page on which movies are searched and sorted."""
    return _load("movies.html").render(
        movies=movies[:MOVIES_BEFORE_SEARCH],
        total=len(movies),
        root="",
        here="movies",
        script=SCRIPT,
        enough=ENOUGH_REVIEWS,
        data=DATA,
    )


def render_overview(overview: Overview, movies: Sequence[Movie]) -> str:
    """Return the first page."""
    return _load("overview.html").render(
        overview=overview,
        facts=overview.facts,
        lists=list_extremes(movies),
        total=len(movies),
        as_of=last_moment(overview.facts),
        models=overview.models.models[:MODELS_ON_OVERVIEW],
        enough=ENOUGH_REVIEWS,
        count_them=COUNT_THEM,
        root="",
        here="overview",
    )


def render_models(overview: Overview) -> str:
    """Return the page on which the models stand beside each other."""
    return _load("models.html").render(
        facts=overview.models,
        charts=overview.model_charts,
        slice_columns=["model", *(f"#{name.replace('_', ' ')}" for name in overview.models.slices)],
        datasets=DATASETS,
        root="",
        here="models",
    )


def list_extremes(movies: Sequence[Movie]) -> dict[str, list[Movie]]:
    """Return the movies that their reviews rate best and worst, of those with enough reviews, and the most reviewed."""
    enough = [movie for movie in movies if movie.figures["reviews"] >= ENOUGH_REVIEWS]
    ordered = sorted(enough, key=lambda movie: (-movie.figures["mean_predicted_rating"], movie.movie_id))
    return {
        "best": ordered[:MOVIES_LISTED],
        "worst": ordered[::-1][:MOVIES_LISTED],
        "most": list(movies[:MOVIES_LISTED]),
    }


def format_style() -> str:
    """Return the style of all pages of the site."""
    return (TEMPLATES / "style.css").read_text("utf-8") + (OWN / "site.css").read_text("utf-8")


def format_script() -> str:
    """Return the script of the search."""
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
    filters: dict[str, Any] = {"called": name_movie, "id": show_id, "measure": name_measure}
    environment = make_environment(OWN, **filters)
    environment.globals.update(pages=PAGES, draw_range=draw_range, interval=format_interval)
    return environment
