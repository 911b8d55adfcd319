"""How a row of a source file is named for people, such as 3fa94c12ab07:17: written, read, and found by SQL.

A name is the first digits of the sha256 of the file's bytes and the row's number in the file.
"""

from data_contracts.errors import UsageError

DIGITS_SHOWN = 12
"""Digits of the sha256 in a name that we write."""
SHORTEST_PREFIX = 6
"""Digits of the sha256 that a name must have to be read."""
LONGEST_NUMBER = 18
"""Digits of a row's number that a name may have: the database can hold no larger number."""

ROW_NAME = f"left(source_sha256, {DIGITS_SHOWN}) || ':' || row_number"
"""SQL: the name of a row, from its columns `source_sha256` and `row_number`."""
HAS_PARSED_NAME = "starts_with(source_sha256, $prefix) AND row_number = $number"
"""SQL: whether a row has the name that `parse_row_name` has read as `$prefix` and `$number`."""
HAS_NAME = (
    f"$name LIKE '{'_' * DIGITS_SHOWN}%:_%' AND starts_with(source_sha256, split_part($name, ':', 1)) "
    "AND row_number = try_cast(split_part($name, ':', 2) AS BIGINT)"
)
"""SQL: whether a row has the name `$name`, with all the digits that we write; false for a text that names no row."""


def parse_row_name(text: str) -> tuple[str, int]:
    """Read a row's name into the first digits of its file's sha256 and its number."""
    prefix, found, number = text.partition(":")
    is_prefix = len(prefix) >= SHORTEST_PREFIX and not set(prefix.lower()) - set("0123456789abcdef")
    is_number = number.isdecimal() and number.isascii() and len(number) <= LONGEST_NUMBER
    if not (found and is_prefix and is_number):
        raise UsageError(
            f"{text!r} names no row. Next: name rows as `reviews quarantine list` shows them, such as 3fa94c12ab07:17."
        )
    return prefix.lower(), int(number)


def name_row(source_sha256: str, row_number: int) -> str:
    """Write a row's name."""
    return f"{source_sha256[:DIGITS_SHOWN]}:{row_number}"
