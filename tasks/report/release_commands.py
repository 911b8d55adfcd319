"""Formats the commands that release quarantined rows, by their rule."""

from tasks.pages.sections import Row

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
