"""Reads the ratings of all movies from the published copy, and of some movies all that their pages show."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from tasks.queries.answers import Ask
from tasks.report.runs import Row
from tasks.site.page_names import name_page
from tasks.site.record import digest
from tasks.site.titles import Title

REVIEWS_SHOWN = 3
"""Reviews in each list of a page, at most."""
SURE = 0.75
"""The score from which a review is clearly for a movie; below one minus this it is against it, and between in doubt."""
TEXT_CHARACTERS = 1000
"""Most characters of a review's text on a page."""
MOVIES_AT_ONCE = 5000
"""Movies of which texts and figures are in memory at a time."""
QUARTERS_UP_TO, YEARS_UP_TO = 1100, 5500
"""Most days from a movie's first review to its last for which its rating is shown by quarter, and by year."""

# The state changes when a review comes, goes, or gets another score: each is known by its row and the model's figures.
_LIST_MOVIES = """
SELECT rated.* EXCLUDE (first_reviewed_at, last_reviewed_at), state FROM movie_ratings AS rated JOIN (
    SELECT movie_id, bit_xor(hash(
        source_sha256, row_number, model_id, latest_scores.score, rating_interval_title, rating_interval_review
    )) AS state
    FROM latest_scores LEFT JOIN models USING (model_id) WHERE movie_id IS NOT NULL GROUP BY movie_id
) AS states USING (movie_id)
ORDER BY reviews DESC, movie_id
"""
_CHOOSE_MOVIES = """
CREATE OR REPLACE TEMP TABLE chosen_movies AS SELECT unnest($movies::VARCHAR[]) AS movie_id
"""
# The rows of latest_scores, with their places. Dates that are errors are left out as in the view movie_ratings.
_FIND_REVIEWS = """
CREATE OR REPLACE TEMP TABLE page_reviews AS
SELECT
    movie_id, review.rowid AS place, file_source AS source, best_score AS score, best_predicted_rating AS stars,
    (best_sentiment = 'positive')::INTEGER AS is_positive, given_rating,
    rating_interval_title ** 2 AS title_error, rating_interval_review ** 2 AS review_error,
    CASE WHEN reviewed_at >= '1888-01-01' AND epoch_us(reviewed_at) <= epoch_us(best_scored_at) + 86_400_000_000
        THEN make_timestamp(epoch_us(reviewed_at)) END AS written_at
FROM source_reviews AS review SEMI JOIN chosen_movies USING (movie_id)
LEFT JOIN models ON models.model_id = best_model_id
WHERE is_latest AND best_model_id IS NOT NULL
"""
# The margin is that of the view movie_ratings, for a part of the reviews.
_RATE_PARTS = f"""
WITH spans AS (
    SELECT movie_id, date_diff('day', min(written_at), max(written_at)) AS days FROM page_reviews GROUP BY movie_id
),
dated AS (
    SELECT *, CASE
        WHEN written_at IS NULL THEN NULL
        WHEN days <= {QUARTERS_UP_TO} THEN year(written_at) || ' Q' || quarter(written_at)
        WHEN days <= {YEARS_UP_TO} THEN year(written_at)::VARCHAR
        ELSE (year(written_at) // 10 * 10)::VARCHAR || 's'
    END AS period
    FROM page_reviews JOIN spans USING (movie_id)
),
parts AS (
    SELECT
        movie_id, grouping(source) AS is_period, source, period, count(*) AS reviews, avg(stars) AS stars,
        avg(is_positive) AS share_positive, avg(given_rating) AS given,
        CASE WHEN count(title_error + review_error) = count(*)
            THEN sqrt(avg(title_error) + avg(review_error) / count(*)) END AS margin
    FROM dated GROUP BY GROUPING SETS ((movie_id, source), (movie_id, period))
)
SELECT
    * EXCLUDE (margin),
    CASE WHEN margin IS NOT NULL THEN greatest(1, stars - margin) END AS low,
    CASE WHEN margin IS NOT NULL THEN least(10, stars + margin) END AS high
FROM parts ORDER BY movie_id, is_period, period NULLS LAST, reviews DESC, source
"""  # noqa: S608 (our own numbers)
# One more than are shown, since copies of a text have the same score.
_PICK_REVIEWS = f"""
CREATE OR REPLACE TEMP TABLE picked_reviews AS
SELECT movie_id, 'for' AS kind, unnest(arg_max(place, score, {REVIEWS_SHOWN + 1})) AS place
FROM page_reviews WHERE score >= {SURE} GROUP BY movie_id
UNION ALL
SELECT movie_id, 'against' AS kind, unnest(arg_min(place, score, {REVIEWS_SHOWN + 1})) AS place
FROM page_reviews WHERE score <= 1 - {SURE} GROUP BY movie_id
UNION ALL
SELECT movie_id, 'unsure' AS kind, unnest(arg_min(place, abs(score - 0.5), {REVIEWS_SHOWN + 1})) AS place
FROM page_reviews WHERE score > 1 - {SURE} AND score < {SURE} GROUP BY movie_id
"""  # noqa: S608
_READ_PICKED = """
SELECT
    picked.movie_id, kind, left(source_sha256, 12) || ':' || row_number AS row_name, file_uri AS uri, review_id,
    best_score AS score, best_predicted_rating AS stars, best_sentiment AS sentiment, given_rating,
    CASE WHEN isfinite(reviewed_at) THEN strftime(make_timestamp(epoch_us(reviewed_at)), '%Y-%m-%d') END AS written_on,
    left(text, $characters) AS text, length(text) AS characters, text_sha256
FROM picked_reviews AS picked JOIN source_reviews AS review ON review.rowid = place
ORDER BY picked.movie_id, kind, CASE kind WHEN 'for' THEN -best_score WHEN 'against' THEN best_score
    ELSE abs(best_score - 0.5) END, source_sha256, row_number
"""


@dataclass(frozen=True)
class Movie:
    """A movie, as the list of all movies shows it."""

    movie_id: str
    title: Title | None
    page: str
    """The name of its page, without `.html`."""
    made_from: str
    """What its page is made from: the state of its reviews, their number, and a digest of its title."""
    figures: Row
    """Its row of the view `movie_ratings`, without dates."""


@dataclass(frozen=True)
class MovieFacts:
    """All that the page of a movie shows."""

    movie: Movie
    by_period: Sequence[Row]
    """The rating by the time at which the reviews were written, the undated ones last."""
    by_source: Sequence[Row]
    """The rating by the source of the reviews, the one with the most first."""
    reviews: Mapping[str, Sequence[Row]]
    """The reviews shown: those that speak clearly 'for' the movie and 'against' it, and those that are 'unsure'."""


def list_movies(ask: Ask, titles: Mapping[str, Title]) -> list[Movie]:
    """Return all movies, those with the most reviews first."""
    return [_make_movie(row, titles.get(row["movie_id"])) for row in ask(_LIST_MOVIES)]


def _make_movie(row: Row, title: Title | None) -> Movie:
    """Return a movie, by its rating and the state of its reviews."""
    movie_id = row["movie_id"]
    made_from = f"{row['state']:016x}.{row['reviews']}{f'.{digest(title)}' if title else ''}"
    return Movie(movie_id, title, name_page(movie_id), made_from, row)


def read_movies(ask: Ask, movies: Sequence[Movie]) -> Iterator[MovieFacts]:
    """Yield what the pages of these movies show; so many at a time are in memory as `MOVIES_AT_ONCE`."""
    for start in range(0, len(movies), MOVIES_AT_ONCE):
        yield from _read_some(ask, movies[start : start + MOVIES_AT_ONCE])


def _read_some(ask: Ask, movies: Sequence[Movie]) -> Iterator[MovieFacts]:
    """Yield what the pages of some movies show."""
    ask(_CHOOSE_MOVIES, {"movies": [movie.movie_id for movie in movies]})
    ask(_FIND_REVIEWS)
    ask(_PICK_REVIEWS)
    parts = _group(ask(_RATE_PARTS))
    reviews = _group(ask(_READ_PICKED, {"characters": TEXT_CHARACTERS}))
    for movie in movies:
        own = parts[movie.movie_id]
        yield MovieFacts(
            movie,
            [row for row in own if row["is_period"]],
            [row for row in own if not row["is_period"]],
            {kind: _show(reviews[movie.movie_id], kind) for kind in ("for", "against", "unsure")},
        )


def _group(rows: Iterable[Row]) -> Mapping[str, list[Row]]:
    """Return rows by their movie."""
    grouped: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        grouped[row["movie_id"]].append(row)
    return grouped


def _show(rows: Iterable[Row], kind: str) -> list[Row]:
    """Return the first `REVIEWS_SHOWN` reviews of a kind, each text once."""
    shown: dict[str, Row] = {}
    for row in rows:
        if row["kind"] == kind:
            shown.setdefault(row["text_sha256"], row)
    return list(shown.values())[:REVIEWS_SHOWN]
