"""What ratings and scores mean, and how far a review file may go before a row or the file is refused. Light."""

from dataclasses import dataclass

POSITIVE_FROM = 0.5
"""The lowest score that is called positive."""
LOWEST_STARS, HIGHEST_STARS = 1, 10
"""The bounds of a rating."""
NEGATIVE_STARS, POSITIVE_STARS = (LOWEST_STARS, 4), (7, HIGHEST_STARS)
"""The lowest and the highest rating that say each sentiment, as in the archive; those between say neither."""

DRIFT_SEVERITIES = ("warn", "error")
"""What REVIEWS_DRIFT can be: tell of drift, or let the run fail; the first is the default."""

UNREADABLE_COLUMNS = "unreadable_columns"
"""What `extra` calls the names of further columns whose values in this row can't be read."""

FIELD_RULES = {
    "date_understood": "reviewed_at",
    "label_understood": "given_label",
    "rating_understood": "given_rating",
    "further_columns_readable": UNREADABLE_COLUMNS,
}
"""Rules of what stands beside a text: the name under which `extra` keeps what breaks each."""
FIELD_WORDS = {
    "date_understood": ("date", "kept in `extra`"),
    "label_understood": ("label", "kept in `extra`"),
    "rating_understood": ("rating", "kept in `extra`"),
    "further_columns_readable": (
        "row",
        "whose `unreadable_columns` in `extra` names columns that are left out",
    ),
}
"""What breaks each, as the run counts it, and where it is."""


def name_rated_sentiment(stars: float | None) -> str | None:
    """Name the sentiment that a rating says, None where it says neither."""
    if stars is None or NEGATIVE_STARS[1] < stars < POSITIVE_STARS[0]:
        return None
    return "positive" if stars >= POSITIVE_STARS[0] else "negative"


@dataclass(frozen=True)
class RowLimits:
    """How far a row, and a file of rows, may go."""

    max_text_chars: int = 100_000
    """The longest text of a row, in Unicode characters; the longest review of the Stanford archive has 14,282."""
    max_bad_share: float = 0.2
    """The share of a file's rows, 0 to 1, that may be bad before the file is refused."""
    min_bad_rows: int = 10
    """The number of bad rows that never refuse a file, however small it is."""


def exceeds_bad_rows(rows_read: int, rows_bad: int, limits: RowLimits) -> bool:
    """Tell whether a file is to be refused by `too_many_bad_rows`: by number and by share."""
    return rows_bad > limits.min_bad_rows and rows_bad > limits.max_bad_share * rows_read
