"""Writes the list of all movies as a script, which pages of a folder can load where nothing can be fetched.

Columns are kept apart, texts joined by line ends, and numbers as whole ones: 100,000 movies take some 5 MB.
"""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from tasks.pages.formatting import cut_name
from tasks.pages.page_names import is_plain, name_page, show_id
from tasks.site.movie_facts import Movie

TITLE_CHARACTERS = 200
"""Most characters of a title or an id in the list."""


def format_movies(movies: Sequence[Movie]) -> str:
    """Return the script that defines the list of movies, in their order; `search.js` reads it."""
    columns = {
        "ids": "\n".join(show_id(movie.movie_id, TITLE_CHARACTERS) for movie in movies),
        "titles": "\n".join(
            cut_name(movie.title.title, TITLE_CHARACTERS) if movie.title else "" for movie in movies
        ),
        "years": [int(movie.title.year) if movie.title and movie.title.year else 0 for movie in movies],
        "pages": {
            place: name_page(movie.movie_id)
            for place, movie in enumerate(movies)
            if not is_plain(movie.movie_id)
        },
        "reviews": [movie.figures["reviews"] for movie in movies],
        "stars": _scale((movie.figures["mean_predicted_rating"] for movie in movies), 10_000),
        "low": _scale((movie.figures["rating_low"] for movie in movies), 10),
        "high": _scale((movie.figures["rating_high"] for movie in movies), 10),
        "positive": _scale((movie.figures["share_positive"] for movie in movies), 100),
    }
    return f"window.MOVIES = {json.dumps(columns, separators=(',', ':'))};\n"


def _scale(values: Iterable[Any], factor: int) -> list[int | None]:
    """Return numbers as whole ones, times a factor; None where there is none."""
    return [None if value is None else round(factor * value) for value in values]
