"""Reads the ratings of all movies from the published copy, and of some movies all that their pages show."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from tasks.pages.titles import Title
from tasks.queries.run_query import Ask
from tasks.report.run_choice import Row
from tasks.site.movie_page_parts import KeptReview, describe_judgement
from tasks.site.page_names import name_page
from tasks.site.page_record import digest

REVIEWS_SHOWN = 3
"""Reviews in each list of a page, at most."""
SURE = 0.75
"""The score from which a review is clearly for a movie; below one minus this it is against it, and between in doubt."""
TEXT_CHARACTERS = 1000
"""Most characters of a review's text on a page."""
KINDS = ("for", "against", "unsure")
"""The lists of reviews on a page."""
MOVIES_AT_ONCE = 5000
"""Movies of which texts and figures are in memory at a time."""
QUARTERS_UP_TO, YEARS_UP_TO = 1100, 5500
"""Most days from a movie's first review to its last for which its rating is shown by quarter, and by year."""

# The state changes when a review comes, goes, or gets another score: each is known by its row and the model's figures.
# Of the view only what the list of movies shows: its trends take longer than all else.
_LIST_MOVIES = """
SELECT movie_id, reviews, mean_predicted_rating, share_positive, rating_low, rating_high, state
FROM movie_ratings JOIN (
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
# As in the view movie_ratings, of these movies alone.
_RATE_FURTHER = """
WITH summed AS (
    SELECT
        movie_id, count(given_rating) AS rated_reviews, avg(given_rating) AS mean_given_rating,
        count(written_at) >= 3 AND epoch(max(written_at)) - epoch(min(written_at)) >= 90 * 86400 AS has_trend,
        regr_slope(stars, epoch(written_at) / (365.25 * 86400)) AS slope,
        regr_sxx(stars, epoch(written_at) / (365.25 * 86400)) AS sxx,
        regr_syy(stars, epoch(written_at) / (365.25 * 86400)) AS syy, count(written_at) - 2 AS freedom
    FROM page_reviews GROUP BY movie_id
)
SELECT
    movie_id, rated_reviews, mean_given_rating, CASE WHEN has_trend THEN slope END AS trend,
    CASE WHEN has_trend THEN sqrt(greatest(0, syy - slope ** 2 * sxx) / freedom / sxx) END AS trend_error,
    freedom
FROM summed
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
# One more than are shown, since copies of a text have the same score. Of several rows with a score, the first ones.
_PICK_REVIEWS = f"""
CREATE OR REPLACE TEMP TABLE picked_reviews AS
SELECT movie_id, 'for' AS kind, unnest(arg_max(place, {{'by': score, 'then': -place}}, {REVIEWS_SHOWN + 1})) AS place
FROM page_reviews WHERE score >= {SURE} GROUP BY movie_id
UNION ALL
SELECT movie_id, 'against' AS kind, unnest(arg_min(place, {{'by': score, 'then': place}}, {REVIEWS_SHOWN + 1})) AS place
FROM page_reviews WHERE score <= 1 - {SURE} GROUP BY movie_id
UNION ALL
SELECT
    movie_id, 'unsure' AS kind,
    unnest(arg_min(place, {{'by': abs(score - 0.5), 'then': place}}, {REVIEWS_SHOWN + 1})) AS place
FROM page_reviews WHERE score > 1 - {SURE} AND score < {SURE} GROUP BY movie_id
"""  # noqa: S608
_NAME_PICKED = """
SELECT
    picked.movie_id, kind, place, left(source_sha256, 12) || ':' || row_number AS row_name,
    best_score AS score, best_predicted_rating AS stars
FROM picked_reviews AS picked JOIN source_reviews AS review ON review.rowid = place
ORDER BY picked.movie_id, kind, CASE kind WHEN 'for' THEN -best_score WHEN 'against' THEN best_score
    ELSE abs(best_score - 0.5) END, source_sha256, row_number
"""
# Texts take most of the table, and lie all over it: they are read for those rows alone that no page shows yet.
_READ_REVIEWS = """
SELECT
    place, file_uri AS uri, review_id, best_sentiment AS sentiment, given_rating,
    CASE WHEN isfinite(reviewed_at) THEN strftime(make_timestamp(epoch_us(reviewed_at)), '%Y-%m-%d') END AS written_on,
    left(text, $characters) AS text, length(text) AS characters, left(text_sha256, 16) AS text_digest
FROM source_reviews AS review JOIN (SELECT unnest($places::BIGINT[]) AS place) AS wanted ON review.rowid = place
"""
FindKept = Callable[["Movie"], Mapping[str, KeptReview]]
"""Returns the reviews on the present page of a movie, by the names of their rows."""


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
    """Of its row of the view `movie_ratings` what the list of movies shows: the number of reviews and the rating."""


@dataclass(frozen=True)
class MovieFacts:
    """All that the page of a movie shows."""

    movie: Movie
    figures: Row
    """Its row of the view `movie_ratings`, without dates; `freedom` is its dated reviews less two."""
    by_period: Sequence[Row]
    """The rating by the time at which the reviews were written, the undated ones last."""
    by_source: Sequence[Row]
    """The rating by the source of the reviews, the one with the most first."""
    reviews: Mapping[str, Sequence[Row]]
    """The reviews shown: those that speak clearly 'for' the movie and 'against' it, and those that are 'unsure'.

    Each has either its text and the like, or what the page had `shown` of it before.
    """


def list_movies(ask: Ask, titles: Mapping[str, Title]) -> list[Movie]:
    """Return all movies, those with the most reviews first."""
    return [_make_movie(row, titles.get(row["movie_id"])) for row in ask(_LIST_MOVIES)]


def _make_movie(row: Row, title: Title | None) -> Movie:
    """Return a movie, by its rating and the state of its reviews."""
    movie_id = row["movie_id"]
    made_from = f"{row['state']:016x}.{row['reviews']}{f'.{digest(title)}' if title else ''}"
    return Movie(movie_id, title, name_page(movie_id), made_from, row)


def read_movies(
    ask: Ask, movies: Sequence[Movie], find_kept: FindKept = lambda movie: {}
) -> Iterator[MovieFacts]:
    """Yield what the pages of these movies show; so many at a time are in memory as `MOVIES_AT_ONCE`."""
    for start in range(0, len(movies), MOVIES_AT_ONCE):
        yield from _read_some(ask, movies[start : start + MOVIES_AT_ONCE], find_kept)


def _read_some(ask: Ask, movies: Sequence[Movie], find_kept: FindKept) -> Iterator[MovieFacts]:
    """Yield what the pages of some movies show."""
    ask(_CHOOSE_MOVIES, {"movies": [movie.movie_id for movie in movies]})
    ask(_FIND_REVIEWS)
    ask(_PICK_REVIEWS)
    parts = _group(ask(_RATE_PARTS))
    further = {row["movie_id"]: row for row in ask(_RATE_FURTHER)}
    reviews = _read_reviews(ask, movies, find_kept)
    for movie in movies:
        own, shown = parts[movie.movie_id], reviews[movie.movie_id]
        yield MovieFacts(
            movie,
            {**movie.figures, **further[movie.movie_id]},
            [row for row in own if row["is_period"]],
            [row for row in own if not row["is_period"]],
            {kind: [row for row in shown if row["kind"] == kind] for kind in KINDS},
        )


def _read_reviews(ask: Ask, movies: Sequence[Movie], find_kept: FindKept) -> Mapping[str, list[Row]]:
    """Return the reviews that the pages of these movies show, by movie."""
    picked = _group(ask(_NAME_PICKED))
    known: dict[int, Row] = {}
    lists: dict[tuple[str, str], list[Row]] = {}
    for movie in movies:
        kept = find_kept(movie)
        for row in picked[movie.movie_id]:
            lists.setdefault((movie.movie_id, row["kind"]), []).append(row)
            if (found := kept.get(row["row_name"])) and found.judged == describe_judgement(row):
                known[row["place"]] = {"shown": found.article, "text_digest": found.text_digest}
    first = [row for rows in lists.values() for row in rows[:REVIEWS_SHOWN]]
    _add_reviews(ask, known, first)
    _add_reviews(ask, known, [row for rows in lists.values() for row in _find_spare(rows, known)])
    return {
        movie.movie_id: [row for kind in KINDS for row in _show(lists.get((movie.movie_id, kind), ()), known)]
        for movie in movies
    }


def _add_reviews(ask: Ask, known: dict[int, Row], rows: Iterable[Row]) -> None:
    """Read what is shown of those of these rows that are not known yet, and add it by their places."""
    places = [row["place"] for row in rows if row["place"] not in known]
    if places:
        found = ask(_READ_REVIEWS, {"places": places, "characters": TEXT_CHARACTERS})
        known.update((row["place"], row) for row in found)


def _find_spare(rows: Sequence[Row], known: Mapping[int, Row]) -> Sequence[Row]:
    """Return the row that is shown in place of another one of a list if two of them have the same text."""
    texts = {known[row["place"]]["text_digest"] for row in rows[:REVIEWS_SHOWN]}
    return rows[REVIEWS_SHOWN:] if len(texts) < REVIEWS_SHOWN else ()


def _group(rows: Iterable[Row]) -> Mapping[str, list[Row]]:
    """Return rows by their movie."""
    grouped: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        grouped[row["movie_id"]].append(row)
    return grouped


def _show(rows: Iterable[Row], known: Mapping[int, Row]) -> list[Row]:
    """Return the first `REVIEWS_SHOWN` reviews of a list with what is known of them, each text once."""
    shown: dict[str, Row] = {}
    for row in rows:
        if found := known.get(row["place"]):
            shown.setdefault(found["text_digest"], {**row, **found})
    return list(shown.values())[:REVIEWS_SHOWN]
