"""Names for the measures, rules, slices and length ranges in a report, and the commands that release rows."""

from collections.abc import Sequence

from tasks.pages.sections import Row

SLICE_WORDS = {
    "short": "short, under 150 words",
    "medium": "medium, 150 to 299 words",
    "long": "long, from 300 words",
    "unknown_words_q1": "fewest unknown words, the first quarter",
    "unknown_words_q2": "unknown words, the second quarter",
    "unknown_words_q3": "unknown words, the third quarter",
    "unknown_words_q4": "most unknown words, the last quarter",
    "negation": "with a negation",
    "contrast": "with a contrast",
}
"""The names in a report of the slices of `models.evaluation.slices`."""


def name_slice(name: str) -> str:
    """Return the description of a slice, by its name."""
    return SLICE_WORDS.get(name, name)


def name_length_ranges(starts: Sequence[int]) -> list[str]:
    """Name the length ranges in a report, by the number of words at which each starts, [n]: `1-49`, `1,000 and more`.

    A range that begins at 0 is shown from 1, since no scored text has 0 words.
    """
    ends = [f"-{after - 1:,}" for after in starts[1:]]
    return [f"{max(start, 1):,}{end}" for start, end in zip(starts, [*ends, " and more"], strict=True)]


RELEASE_COMMANDS = {
    "text_too_long": "REVIEWS_MAX_TEXT_CHARS={limit} reviews quarantine release --rule text_too_long",
    "text_encoding": "reviews quarantine release --rule text_encoding --encoding cp1252",
    "scorer_failed": "reviews quarantine release --rule scorer_failed",
}
"""The command that releases the rows of a rule; rows of other rules must be corrected in their file."""
HIGHEST_LIMIT = 10**7
"""The largest value of REVIEWS_MAX_TEXT_CHARS."""


def format_release(row: Row) -> str | None:
    """Return the command that a report shows to release the rows of a rule; None if they must be corrected instead."""
    command = RELEASE_COMMANDS.get(row["rule"])
    if command is None or not row["releasable"] or row["longest"] > HIGHEST_LIMIT:
        return None
    return command.format(limit=min(_round_up(row["longest"]), HIGHEST_LIMIT))


def _round_up(number: int) -> int:
    """Return `number` rounded up to two significant digits."""
    step = int("1" + "0" * max(len(str(number)) - 2, 0))
    return -(-number // step) * step
