"""The list of movies: what a reader asks of it, as the address of its page says it, and the page."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from data_contracts.queries import read_named
from tasks.pages.formatting import cut_name
from tasks.pages.looks import draw_range
from tasks.pages.page_names import PAGES, PLAIN, is_plain, link_served, link_written, name_page, show_id
from tasks.pages.rendering import TEMPLATES, Frame, render
from tasks.pages.sections import Answers, Row, Rows, name_command
from tasks.pages.titles import Title
from tasks.support.wording import count

ENOUGH_REVIEWS = 5
"""Fewest reviews of a movie among the best and the worst, and of those that the search shows if asked to."""
SORTS = ("title", "stars", "reviews", "positive", "year")
"""What movies can be sorted by."""
MOVIES_SHOWN, MOST_SHOWN, ALL = 50, 1000, 2**62
"""Movies on a page of the search, as many as it shows on request at most, and all."""
WORDS_CHARACTERS, TITLE_CHARACTERS = 200, 200
"""Most characters of what is searched for, and of a title or an id in the list of a folder."""
SCRIPT, DATA = "search.js", "movies.js"
"""The scripts of a folder: the search, and the list of all movies."""


@dataclass(frozen=True)
class Search:
    """Which movies are asked for, and in which order: the values of `movie-search`."""

    words: str = ""
    """All of them are in the title, the id or the year."""
    at_least: int = 0
    """The fewest reviews."""
    sort: str = "reviews"
    """One of `SORTS`."""
    order: str = "descending"
    limit: int = MOVIES_SHOWN
    """Most movies."""

    @property
    def is_ascending(self) -> bool:
        """Whether the order is so."""
        return self.order == "ascending"


def read_search(query: Mapping[str, str]) -> Search:
    """Return what the query of an address asks for; what it does not say, or says wrongly, is as usual."""
    sort, limit = query.get("sort", ""), query.get("limit", "")
    return Search(
        query.get("q", "")[:WORDS_CHARACTERS],
        ENOUGH_REVIEWS if query.get("at_least") else 0,
        sort if sort in SORTS else "reviews",
        "ascending" if query.get("order") == "ascending" else "descending",
        (min(int(limit), MOST_SHOWN) if limit.isdecimal() and len(limit) < 6 else 0) or MOVIES_SHOWN,
    )


def link_search(search: Search) -> str:
    """Return the address of a search, which `read_search` reads."""
    asked = {"q": search.words, **{name: value for name, value in vars(search).items() if name != "words"}}
    return (
        f"movies.html?{urlencode({name: value for name, value in asked.items() if value}, errors='replace')}"
    )


def _link_sort(search: Search, column: str) -> str:
    """Return the address of the search by a column: where it is that already, in the opposite order."""
    is_ascending = not search.is_ascending if search.sort == column else column == "title"
    order = "ascending" if is_ascending else "descending"
    return link_search(replace(search, sort=column, order=order, limit=MOVIES_SHOWN))


def _link_more(search: Search, found: int) -> str | None:
    """Return the address of the search with more of what it has found; None if all is shown, or as much as can be."""
    more = replace(search, limit=search.limit + MOVIES_SHOWN)
    return link_search(more) if search.limit < min(found, MOST_SHOWN) else None


def keep_titles(answers: Answers, titles: Mapping[str, Title]) -> None:
    """Rate all movies once for the queries of these answers, and let them know the titles."""
    answers.keep("movie_ratings", _RATINGS)
    columns = [
        [*titles],
        [each.title for each in titles.values()],
        [each.year or None for each in titles.values()],
    ]
    answers.keep("known-titles", _TITLES, dict(zip(("ids", "titles", "years"), columns, strict=True)))


# Without trends, which take longest.
_RATINGS = "SELECT movie_id, reviews, rating, share_positive, rating_low, rating_high FROM movie_ratings"
_TITLES = """
SELECT unnest($ids::VARCHAR[]) AS movie_id, unnest($titles::VARCHAR[]) AS title, unnest($years::VARCHAR[]) AS year
"""


def find_movies(answers: Answers, search: Search) -> list[dict[str, Any]]:
    """Return the movies that are asked for; needs `keep_titles`."""
    return answers.find("movie-search", vars(search))


def render_movies(movies: Rows, total: int, search: Search | None = None) -> str:
    """Return the page on which movies are searched and sorted: by the server, else by scripts, which show more."""
    asked = {
        name: value for name, value in vars(search or Search()).items() if value != getattr(Search(), name)
    }
    return render(
        "movies.html",
        frame=Frame(count(total, "movie"), title="Movies", foot="reviews site", here="movies"),
        movies=movies,
        search=search,
        columns={column: _link_sort(search, column) for column in SORTS} if search else {},
        more=_link_more(search, movies[0]["movies_found"]) if search and movies else None,
        command=name_command(read_named("movie-search"), asked),
        script=SCRIPT,
        data=DATA,
        enough=ENOUGH_REVIEWS,
        pages=PAGES,
        link=link_served if search else link_written,
        show_id=show_id,
        draw_range=draw_range,
        has_charts=False,
        root="",
        total=total,
    )


def format_script() -> str:
    """Return the script of the search in a folder."""
    return (TEMPLATES / SCRIPT).read_text("utf-8").replace("PLAIN_IDS", f"^{PLAIN}$")


def format_movies(movies: Sequence[Row]) -> str:
    """Return the script that defines the list of all movies, in their order; `search.js` reads it.

    Pages of a folder can load it where nothing can be fetched. Columns are kept apart, texts joined by line ends, and
    numbers as whole ones: 100,000 movies take some 5 MB.
    """
    columns: dict[str, Any] = {
        "ids": "\n".join(show_id(movie["movie_id"], TITLE_CHARACTERS) for movie in movies),
        "titles": "\n".join(cut_name(movie["title"] or "", TITLE_CHARACTERS) for movie in movies),
        "years": [int(movie["year"] or 0) for movie in movies],
        "pages": {
            place: name_page(movie["movie_id"])
            for place, movie in enumerate(movies)
            if not is_plain(movie["movie_id"])
        },
        "reviews": [movie["reviews"] for movie in movies],
        "stars": _scale((movie["stars"] for movie in movies), 10_000),
        "low": _scale((movie["low"] for movie in movies), 10),
        "high": _scale((movie["high"] for movie in movies), 10),
        "positive": _scale((movie["share_positive"] for movie in movies), 100),
    }
    return f"window.MOVIES = {json.dumps(columns, separators=(',', ':'))};\n"


def _scale(values: Iterable[float | None], factor: int) -> list[int | None]:
    """Return numbers as whole ones, times a factor; None where there is none."""
    return [None if value is None else round(factor * value) for value in values]
