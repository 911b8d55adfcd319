"""The words that programs write where there is no value."""

NOTHING_WORDS = frozenset(
    (
        *("nan", "null", "none", "nat", "n/a", "na", "#n/a", "<na>", "nil", "undefined", r"\n"),
        *("-", "--", "–", "—"),
    )
)
"""In lower case; they stand for no date, label or rating. The one with a backslash is that of database dumps."""
NO_ID_WORDS = frozenset(
    (
        *("", r"\N", "nan", "NaN", "NAN", "null", "NULL", "Null", "None", "NaT"),
        *("<NA>", "#N/A", "N/A", "n/a", "undefined"),
    )
)
"""As programs write them, and blank: they stand for no id. Movies are called `none` and `-`."""
NO_TEXT_WORDS = frozenset(
    (
        *("nan", "null", "nat", "n/a", "na", "<na>", "#n/a", "undefined", r"\n"),
        *("[deleted]", "[removed]"),
        *("#name?", "#ref!", "#value!", "#div/0!", "#null!", "#num!"),
    )
)
"""Those that stand for no text too, with the errors of spreadsheets. People write `none` as a review."""
LONGEST_NO_TEXT = 64
"""Bytes up to which a text may be only blanks, and is looked at."""


def is_nothing(text: str) -> bool:
    """Return whether a date, label or rating is blank or a word for nothing."""
    text = text.strip()
    return not text or text.casefold() in NOTHING_WORDS
