"""The page of a movie: its sections, for one movie or many."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from data_contracts.queries import read_named
from tasks.pages.formatting import format_number
from tasks.pages.rendering import Frame
from tasks.pages.sections import Answers, Part, Row, Rows, Section, name_command
from tasks.support.wording import count

_CHANCE = (235.8, 19.21, 9.22, 6.62, 5.51, 4.90, 4.53, 4.28, 4.09, 3.96, 3.85, 3.76, 3.69, 3.64, 3.59)
"""By how many of its errors a trend may differ from none by chance, by the dated reviews less two: from 1 on.

They are quantiles of Student's t, as strict as three errors of very many reviews: the pages say it of each movie, so
one in twenty would be too many. The last one is for more reviews too.
"""
_SMALLEST_TREND = 0.05
"""Below so many stars a year a trend is shown as none."""
ROWS_AT_ONCE = 200_000
"""Most reviews of several movies that are kept at a time, with their texts; at least those of one movie."""
# Under the name of the view, so that the queries which follow read this instead: the reviews of one movie, but for the
# texts, which lie all over the table.
_KEEP_ONE = """
SELECT
    movie_id, file_source AS source, best_predicted_rating AS predicted_rating, best_sentiment AS sentiment,
    given_rating, coalesce(given_rating, best_predicted_rating) AS rating, reviewed_at, best_scored_at AS scored_at,
    best_model_id AS model_id
FROM source_reviews WHERE movie_id = $movie AND is_latest AND best_model_id IS NOT NULL
"""
# Likewise all that is known of the reviews of several movies.
_KEEP_MANY = "FROM source_reviews WHERE movie_id IN (SELECT unnest($movies::VARCHAR[]))"


def _tell_figures(rows: Rows) -> str:
    """Return whose the stars are, and what the range is."""
    reviews, rated = rows[0]["reviews"], rows[0]["rated_reviews"]
    if rated == reviews:
        return "The stars are those that the writers gave."
    told = (
        [f"Of {count(rated, 'review')} the writers' stars count, of the others the model's."] if rated else []
    )
    if rows[0]["rating_low"] is not None:
        told.append(
            "Of movies on which the model was tested, nine in ten had their writers' mean in their range."
        )
    return " ".join(told)


def describe_trend(figures: Row) -> str:
    """Return what the trend of a movie says, in a sentence, by its row of `movie-figures`."""
    trend, error = figures["trend"], figures["trend_error"]
    if trend is None or error is None:
        return "Too few reviews to tell a trend: it takes three with a date, over 90 days."
    if abs(trend) < _SMALLEST_TREND:
        return "It shows no trend: it rises or falls by less than 0.1 stars a year."
    moved = f"by {format_number(abs(trend), 1)} stars a year"
    if abs(trend) > _CHANCE[min(figures["freedom"], len(_CHANCE)) - 1] * error:
        return f"{'Rises' if trend > 0 else 'Falls'} {moved}, beyond chance."
    what = f"its reviews {'rise' if trend > 0 else 'fall'} {moved}"
    return f"No trend beyond chance: {what}, but they are too few, or differ too much, to tell."


_RATINGS = "stars, low, high, reviews, share_positive, given=given by writers"
SECTIONS = (
    Section(
        "In figures", "movie-figures", _tell_figures, "figures",
        "stars=stars of 10 on average, rating_low=likely range from, rating_high=to, reviews, "
        "share_positive=of them positive, stars_by_writers=stars given by writers, rated_reviews=of these writers",
    ),
    Section(
        "Praised and criticised", "why",
        "How many reviews do so, of those that do either. The dot is their share, the bar the 90 % interval around it. "
        "Of two reviews each one of the clearest sentences, as written. Read by rules: some are misread.",
        "aspects",
    ),
    Section("Over time", "movie-over-time", columns=f"period=written, {_RATINGS}"),
    Section("By source", "movie-by-source", columns=f"source, {_RATINGS}"),
    Section(
        "What the reviews say", "movie-voices",
        "Stars and verdicts are the model's, from the text alone: near the middle a negative review may have seven "
        "stars. The stars of a review's writer are marked where they say the opposite. The texts are as written, "
        "with control characters spelled out.", "reviews",
    ),
)  # fmt: skip


def read_movie(answers: Answers, movie_id: str) -> list[Part] | None:
    """Read the sections of the page of a movie; None if no current review is of it."""
    answers = replace(answers, given={"movie": movie_id})
    answers.keep("latest_scores", _KEEP_ONE, {"movie": movie_id})
    parts = [answers.read(section) for section in SECTIONS]
    return _add_trend(parts) if parts[0].rows else None


def read_movies(answers: Answers, movies: Sequence[Row]) -> Iterator[tuple[str, list[Part]]]:
    """Yield each of these movies with the sections of its page; no search can follow."""
    answers.ask("DROP TABLE IF EXISTS temp.movie_ratings")
    some: list[str] = []
    rows = 0
    for movie in movies:
        some.append(movie["movie_id"])
        rows += movie["reviews"]
        if rows >= ROWS_AT_ONCE or movie is movies[-1]:
            answers.ask("DROP TABLE IF EXISTS temp.source_reviews")
            answers.keep("source_reviews", _KEEP_MANY, {"movies": some})
            yield from _split([answers.read(section) for section in SECTIONS])
            some, rows = [], 0


def _split(parts: Sequence[Part]) -> Iterator[tuple[str, list[Part]]]:
    """Yield the sections of each movie, of those that are kept."""
    grouped = [_group(part.rows) for part in parts]
    for movie_id in grouped[0]:
        own = [
            replace(
                part,
                rows=rows[movie_id],
                command=name_command(read_named(part.section.query), {"movie": movie_id}),
            )
            for part, rows in zip(parts, grouped, strict=True)
        ]
        yield movie_id, _add_trend(own)


def _group(rows: Iterable[Row]) -> Mapping[str, list[Row]]:
    """Return rows by their movie."""
    grouped: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        grouped[row["movie_id"]].append(row)
    return grouped


def _add_trend(parts: list[Part]) -> list[Part]:
    """Return the sections, of which that over time says what the trend is."""
    figures, aspects, over_time, *others = parts
    words = (
        f"{describe_trend(figures.rows[0])} By when the reviews were written. The dot is the mean, the bar the "
        "interval around it: the fewer reviews, the wider."
    )
    return [figures, aspects, replace(over_time, section=replace(over_time.section, words=words)), *others]


def frame_movie(name: str, parts: list[Part]) -> Frame:
    """Return the frame of the page of a movie, by its name."""
    stars = format_number(parts[0].rows[0]["stars"], 1)
    return Frame(
        name,
        eyebrow=f"Movie {parts[0].rows[0]['movie_id']}",
        title=f"{name}: {stars} stars",
        foot="reviews site",
        here="movie",
    )
