"""Reads from the published copy which movies there are, how they are rated, and what the page of one shows."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from data_contracts.queries import read_named
from tasks.pages.sections import Row
from tasks.pages.titles import Title
from tasks.queries.run_query import Ask
from tasks.site.movie_search import Search

REVIEWS_SHOWN = 3
"""Reviews in each list of a page, at most."""
KINDS = ("for", "against", "unsure")
"""The lists of reviews on a page."""

# Under the name of the view, so that the queries which follow read this instead. Without trends, which take longest.
_KEEP_RATINGS = """
CREATE TEMP TABLE movie_ratings AS
SELECT movie_id, reviews, mean_predicted_rating, share_positive, rating_low, rating_high FROM movie_ratings
"""
_KEEP_TITLES = """
CREATE TEMP TABLE titles AS
SELECT unnest($ids::VARCHAR[]) AS movie_id, unnest($titles::VARCHAR[]) AS title, unnest($years::VARCHAR[]) AS year
"""
_FOLD = "strip_accents(lower({}))"
_COLUMNS = {
    "reviews": "reviews",
    "stars": "mean_predicted_rating",
    "positive": "share_positive",
    "title": _FOLD.format("coalesce(title, movie_id)"),
    "year": "year",
}
"""SQL: the columns that movies are sorted by, by `SORTS`."""
_FIND_MOVIES = f"""
SELECT *, count(*) OVER () AS found
FROM movie_ratings LEFT JOIN titles USING (movie_id)
WHERE reviews >= $at_least AND len([
    word FOR word IN $words::VARCHAR[]
    IF NOT contains({_FOLD.format("concat_ws(' ', title, movie_id, year)")}, {_FOLD.format("word")})
]) = 0
ORDER BY {{sort}} {{order}} NULLS LAST, reviews DESC, movie_id LIMIT $limit
"""  # noqa: S608 (our own words)
# Likewise the reviews of one movie, but for the texts, which lie all over the table.
_KEEP_ONE = """
CREATE TEMP TABLE latest_scores AS
SELECT
    movie_id, file_source AS source, best_predicted_rating AS predicted_rating, best_sentiment AS sentiment,
    given_rating, reviewed_at, best_scored_at AS scored_at, best_model_id AS model_id
FROM source_reviews WHERE movie_id = $movie AND is_latest AND best_model_id IS NOT NULL
"""
# Likewise all that is known of the reviews of several movies.
_KEEP_MANY = """
CREATE TEMP TABLE source_reviews AS FROM source_reviews WHERE movie_id IN (SELECT unnest($movies::VARCHAR[]))
"""
_DROP_KEPT = "DROP TABLE IF EXISTS temp.{}"
# Dates that are errors are left out as in the view movie_ratings.
_RATE = """
FROM movie_ratings JOIN (
    SELECT movie_id, count(*) FILTER (
        reviewed_at >= '1888-01-01' AND epoch_us(reviewed_at) <= epoch_us(scored_at) + 86_400_000_000
    ) - 2 AS freedom FROM latest_scores GROUP BY movie_id
) AS dated USING (movie_id)
"""
ROWS_AT_ONCE = 200_000
"""Most reviews of several movies that are kept at a time, with their texts; at least those of one movie."""


@dataclass(frozen=True)
class Movie:
    """A movie, as lists of movies show it."""

    movie_id: str
    title: Title | None
    figures: Row
    """Of its row of `movie_ratings` the number of reviews and the rating; `found` is how many movies the search has."""


@dataclass(frozen=True)
class MovieFacts:
    """All that the page of a movie shows."""

    movie: Movie
    """With all figures of its row of `movie_ratings`; `freedom` is its dated reviews less two."""
    by_period: Sequence[Row]
    by_source: Sequence[Row]
    reviews: Mapping[str, Sequence[Row]]
    """By kind: those that speak clearly 'for' the movie and 'against' it, and those that are 'unsure'."""


def keep_movies(ask: Ask, titles: Mapping[str, Title]) -> None:
    """Rate all movies, and note their titles, for the searches of this connection."""
    ask(_KEEP_RATINGS)
    years = [title.year or None for title in titles.values()]
    named = [title.title for title in titles.values()]
    ask(_KEEP_TITLES, {"ids": [*titles], "titles": named, "years": years})


def find_movies(ask: Ask, search: Search) -> list[Movie]:
    """Return the movies that are asked for; needs `keep_movies`."""
    query = _FIND_MOVIES.format(sort=_COLUMNS[search.sort], order="ASC" if search.is_ascending else "DESC")
    given = {"words": search.words.split(), "at_least": search.at_least, "limit": search.limit}
    return [_make_movie(row) for row in ask(query, given)]


def count_movies(ask: Ask) -> int:
    """Return how many movies there are; needs `keep_movies`."""
    [row] = ask("SELECT count(*) AS movies FROM movie_ratings")
    return int(row["movies"])


def _make_movie(row: Row) -> Movie:
    """Return a movie, by a row of a search."""
    title = Title(row["title"], row["year"] or "") if row["title"] else None
    return Movie(row["movie_id"], title, row)


def read_movie(ask: Ask, movie_id: str, titles: Mapping[str, Title]) -> MovieFacts | None:
    """Read what the page of a movie shows; None if no current review is of it."""
    ask(_KEEP_ONE, {"movie": movie_id})
    return next(_read_kept(ask, titles, movie_id), None)


def read_movies(ask: Ask, movies: Sequence[Movie], titles: Mapping[str, Title]) -> Iterator[MovieFacts]:
    """Yield what the pages of these movies show; no search can follow."""
    ask(_DROP_KEPT.format("movie_ratings"))
    some: list[str] = []
    rows = 0
    for movie in movies:
        some.append(movie.movie_id)
        rows += movie.figures["reviews"]
        if rows >= ROWS_AT_ONCE or movie is movies[-1]:
            ask(_DROP_KEPT.format("source_reviews"))
            ask(_KEEP_MANY, {"movies": some})
            yield from _read_kept(ask, titles)
            some, rows = [], 0


def _read_kept(ask: Ask, titles: Mapping[str, Title], movie_id: str | None = None) -> Iterator[MovieFacts]:
    """Yield what the pages of the movies show whose reviews are kept: of all of them, or of one."""
    which = {"movie": movie_id}
    by_period, by_source, told = (
        _group(ask(read_named(name).sql, which | more))
        for name, more in (
            ("movie-over-time", {}),
            ("movie-by-source", {}),
            ("movie-voices", {"limit": REVIEWS_SHOWN}),
        )
    )
    for row in ask(_RATE):
        own = row["movie_id"]
        reviews = {kind: [each for each in told[own] if each["kind"] == kind] for kind in KINDS}
        yield MovieFacts(Movie(own, titles.get(own), row), by_period[own], by_source[own], reviews)


def _group(rows: Iterable[Row]) -> Mapping[str, list[Row]]:
    """Return rows by their movie."""
    grouped: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        grouped[row["movie_id"]].append(row)
    return grouped
