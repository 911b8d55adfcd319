"""The meaning of ratings and scores, and the limits beyond which a row or a file is refused. Imports no library."""

from dataclasses import dataclass

POSITIVE_FROM = 0.5
"""The lowest score that is called positive."""
LOWEST_STARS, HIGHEST_STARS = 1, 10
"""The bounds of a rating."""
NEGATIVE_STARS, POSITIVE_STARS = (LOWEST_STARS, 4), (7, HIGHEST_STARS)
"""The lowest and the highest rating of each sentiment, as in the archive. Ratings in between have no sentiment."""

DRIFT_SEVERITIES = ("warn", "error")
"""The values of REVIEWS_DRIFT: on drift, `warn` reports it and `error` fails the run. The first is the default."""

OTHER_LANGUAGES = ("warn", "accept", "quarantine")
"""What a source wants of rows that seem not to be in English; `warn` and `accept` score them. By default the first."""

EACH_FILE = ("adds", "replaces")
"""What a file does: it adds to the files of its source before it, or takes their place. By default the first."""
SMALLEST_SHARE = 0.5
"""A file that replaces others is refused if it has a smaller share of the reviews of the last one, by default."""

UNREADABLE_COLUMNS = "unreadable_columns"
"""The key in `extra` that lists further columns whose values in this row can't be read."""

FIELD_RULES = {
    "date_understood": "reviewed_at",
    "label_understood": "given_label",
    "rating_understood": "given_rating",
    "further_columns_readable": UNREADABLE_COLUMNS,
}
"""The rules of the fields other than the text, each with the key under which `extra` keeps an invalid value."""
FIELD_WORDS = {
    "date_understood": ("date", "kept in `extra`"),
    "label_understood": ("label", "kept in `extra`"),
    "rating_understood": ("rating", "kept in `extra`"),
    "further_columns_readable": (
        "row",
        "whose `unreadable_columns` in `extra` names columns that are left out",
    ),
}
"""For each field rule, the noun for what the run counts as invalid, and the words that say where it is kept."""

VALUE_RULES = {
    "dates": ("date_understood", "date_not_read"),
    "labels": ("label_understood", "label_not_read"),
    "ratings": ("rating_understood", "rating_not_read"),
}
"""A key of [severity] in a profile: its field rule, and the rule by which a row is quarantined."""

READING_RULES = {
    "text": "title_settled",
    "review_id": "id_settled",
    "reviewed_at": "dates_settled",
    "given_label": "labels_settled",
    "given_rating": "ratings_settled",
}
"""The rule that one of our columns breaks if the file's column could be read in several ways."""
SETTLED_FIELDS = {
    "date_understood": "dates_settled",
    "label_understood": "labels_settled",
    "rating_understood": "ratings_settled",
}
"""A field rule, and the reading rule that says why if it is broken in all rows of a file."""


def name_rated_sentiment(stars: float | None) -> str | None:
    """Return the sentiment of a rating in stars, or None for a missing rating or one between the two sentiments."""
    if stars is None or NEGATIVE_STARS[1] < stars < POSITIVE_STARS[0]:
        return None
    return "positive" if stars >= POSITIVE_STARS[0] else "negative"


@dataclass(frozen=True)
class RowLimits:
    """The limits of a row and of the bad rows in a file."""

    max_text_chars: int = 100_000
    """The longest text of a row, in Unicode characters; the longest review of the Stanford archive has 14,282."""
    max_bad_share: float = 0.2
    """The largest share of a file's rows, 0 to 1, that may be bad without the file being refused."""
    min_bad_rows: int = 10
    """Up to this number of bad rows a file is never refused, however small it is."""


@dataclass(frozen=True)
class FileLimits(RowLimits):
    """The limits of the files of one source: those of its profile, and the settings where it states none."""

    fewest_rows: int = 0
    """A file with fewer rows, bad ones included, is refused."""


@dataclass(frozen=True)
class ServingLimits:
    """The limits of requests to `reviews serve`."""

    serve_max_texts: int = 256
    """The largest number of texts of one request."""
    serve_max_bytes: int = 4_000_000
    """The largest request, in bytes."""
    serve_rate: float = 2000
    """How many texts a second one address may send, with a burst of two seconds; an explanation counts as 100; 0 sets
    no limit."""


def exceeds_bad_rows(rows_read: int, rows_bad: int, limits: RowLimits) -> bool:
    """Return whether the bad rows exceed both limits, the number and the share, so that `too_many_bad_rows` applies."""
    return rows_bad > limits.min_bad_rows and rows_bad > limits.max_bad_share * rows_read
