"""Formats and parses the names of rows and of readings, and has the SQL to find them.

The name of a row, such as 3fa94c12ab07:17, is the first digits of the sha256 of the file's bytes, a colon, and the
row's number in the file. The name of a file's first reading, `source_sha256` in all tables, is the sha256 of its bytes.
That of a later one, by another version of its source's profile, is the same, a dot and the version, or `none` if it has
no profile any more: so what begins with the sha256 of a file's bytes is of that file, by whichever reading.
"""

from data_contracts.errors import UsageError

CONTENT_DIGITS = 64
"""Digits of a sha256."""
CONTENT = f"left(source_sha256, {CONTENT_DIGITS})"
"""SQL: the sha256 of a file's bytes, from the name of any of its readings in the column `source_sha256`."""
NO_PROFILE = "none"
"""Stands in the name of a later reading for the version, if the source has no profile."""
REFUSED_AS = (
    f"CASE WHEN status = 'refused' THEN [coalesce(profile_version, '{NO_PROFILE}') || ' ' || uri] END"
)
"""SQL: as what a refused file was read, in a list: by which version of a profile, under which name."""
ROWS_CHOSEN = "coalesce(split_part(profile_version, '-', 2), '')"
"""SQL: what the profile of a reading says on which part of a file has its rows (`name_version`); '' if nothing.

Two readings of a file number its rows alike if they agree in it, and in how many rows they read."""
IS_LATER = f"length(source_sha256) > {CONTENT_DIGITS}"
"""SQL: whether a reading is a later one of its file."""
SUPERSEDED = "(SELECT DISTINCT source_sha256 FROM scored_files WHERE superseded_at IS NOT NULL)"
"""SQL: the readings that are history."""
COUNTS = "counts IS DISTINCT FROM false"
"""SQL: whether a row of `source_reviews` counts in ratings and shares: one in English, or that its source accepts."""
NEXT_NUMBER = (
    "(SELECT coalesce(greatest(max(commit_number), max(superseded_number)), 0) + 1 FROM scored_files)"
)
"""SQL: the number of a commit, or of a change of what counts: greater than those of all before it."""
LAST_COUNTING = f"coalesce(superseded_number, {2**63 - 1})"
"""SQL: what is greatest in the reading of a file that counts; without one, in that which counted last."""

DIGITS_SHOWN = 12
"""Digits of the sha256 in a name that `name_row` returns."""
SHORTEST_PREFIX = 6
"""Fewest digits of the sha256 that `parse_row_name` accepts."""
LONGEST_NUMBER = 18
"""Most digits of a row number that `parse_row_name` accepts: larger numbers may not fit into a BIGINT."""

FIRST_URI = f"replace(uri, left(source_sha256, {DIGITS_SHOWN}) || '-', '')"
"""SQL: the uri of a file before a restore put the first digits of its content before its name (`name_first`)."""
ROW_NAME = f"left(source_sha256, {DIGITS_SHOWN}) || ':' || row_number"
"""SQL: the name of a row, from its columns `source_sha256` and `row_number`."""
HAS_PARSED_NAME = "starts_with(source_sha256, $prefix) AND row_number = $number"
"""SQL: whether a row has the name that `parse_row_name` returned as `$prefix` and `$number`."""
HAS_NAME = (
    f"$name LIKE '{'_' * DIGITS_SHOWN}%:_%' AND starts_with(source_sha256, split_part($name, ':', 1)) "
    "AND row_number = try_cast(split_part($name, ':', 2) AS BIGINT)"
)
"""SQL: whether a row has the name `$name`, with at least `DIGITS_SHOWN` digits; false for any other text."""


def name_first(uri: str, source_sha256: str) -> str:
    """Return the uri of a file without the first digits of its content, which a restore puts before a name in use."""
    return uri.replace(f"{source_sha256[:DIGITS_SHOWN]}-", "")


def parse_row_name(text: str) -> tuple[str, int]:
    """Return the first digits of the file's sha256 and the row number of a row's name.

    Raises `UsageError` if `text` is not the name of a row.
    """
    prefix, colon, number = text.partition(":")
    is_prefix = len(prefix) >= SHORTEST_PREFIX and not set(prefix.lower()) - set("0123456789abcdef")
    is_number = number.isdecimal() and number.isascii() and len(number) <= LONGEST_NUMBER
    if not (colon and is_prefix and is_number):
        raise UsageError(
            f"{text!r} names no row. Next: name rows as `reviews quarantine list` shows them, such as 3fa94c12ab07:17."
        )
    return prefix.lower(), int(number)


def name_reading(content: str, version: str | None) -> str:
    """Return the name of a later reading of the file whose bytes have the sha256 `content`; None: without a profile."""
    return f"{content}.{version or NO_PROFILE}"


def name_content(reading: str) -> str:
    """Return the sha256 of the bytes of a reading's file."""
    return reading[:CONTENT_DIGITS]


def name_row(source_sha256: str, row_number: int) -> str:
    """Return the name of a row."""
    return f"{source_sha256[:DIGITS_SHOWN]}:{row_number}"
