"""How far a review file may go before a row or the whole file is refused. Light: settings read it."""

from dataclasses import dataclass

DRIFT_SEVERITIES = ("warn", "error")
"""What REVIEWS_DRIFT can be: tell of drift, or let the run fail; the first is the default."""

FIELD_RULES = {
    "date_understood": "reviewed_at",
    "label_understood": "given_label",
    "rating_understood": "given_rating",
}
"""Rules of what stands beside a text: the column that each is of. A value that breaks one is kept in `extra`."""
FIELD_WORDS = {"date_understood": "date", "label_understood": "label", "rating_understood": "rating"}


@dataclass(frozen=True)
class RowLimits:
    """How far a row, and a file of rows, may go."""

    max_text_chars: int = 100_000
    """Unicode characters of one text; the longest review of the Stanford archive has 14,282."""
    max_bad_share: float = 0.2
    """Share of a file's rows, 0 to 1, that may be bad."""
    min_bad_rows: int = 10
    """Up to this many bad rows never refuse a file, however small it is."""


def exceeds_bad_rows(rows_read: int, rows_bad: int, limits: RowLimits) -> bool:
    """Tell whether a file is to be refused by `too_many_bad_rows`: by number and by share."""
    return rows_bad > limits.min_bad_rows and rows_bad > limits.max_bad_share * rows_read
