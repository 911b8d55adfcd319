"""Finds the text to explain in the published copy, by the review_id or the name of its row."""

from dataclasses import dataclass

import duckdb

from data_contracts.errors import UsageError
from tasks.queries.run_query import fetch_answer
from tasks.support.wording import escape_controls
from tasks.warehouse.row_names import HAS_PARSED_NAME, SUPERSEDED, name_row, parse_row_name

NAMES_SHOWN = 5
"""Most names that a message lists."""
NAME_SHOWN = 100
"""Most characters of a name that a message shows."""
_FIND_REVIEW = """
SELECT review_id, movie_id, file_uri AS uri, source_sha256, row_number, text, file_source AS source
FROM source_reviews WHERE review_id = $name AND is_latest
"""
_FIND_ROW = f"""
SELECT
    review_id, movie_id,
    (SELECT min(uri) FROM scored_files WHERE scored_files.source_sha256 = rows.source_sha256) AS uri,
    source_sha256, row_number, text, file_source AS source
FROM source_reviews AS rows
WHERE {HAS_PARSED_NAME} AND source_sha256 NOT IN {SUPERSEDED}
ORDER BY source_sha256
"""  # noqa: S608
_FIND_QUARANTINED = f"""
SELECT source_sha256, row_number, rule FROM quarantined_rows
WHERE released_at IS NULL AND source_sha256 NOT IN {SUPERSEDED} AND (review_id = $name OR {HAS_PARSED_NAME})
ORDER BY ALL LIMIT 1
"""  # noqa: S608
_LOOK_UP = (
    "look it up with `reviews sql \"select review_id, left(source_sha256, 12) || ':' || row_number as row, text from "
    'latest_scores"`'
)


@dataclass(frozen=True)
class FoundText:
    """A text to explain, and where it was found; if it is in no table, no field but the text and the source is set."""

    text: str
    review_id: str | None = None
    movie_id: str | None = None
    row: str | None = None
    """The row name, such as 3fa94c12ab07:17."""
    uri: str | None = None
    source: str | None = None
    """The source whose labels count: a folder of the inbox, or 'default'; None for no source."""


def find_text(connection: duckdb.DuckDBPyConnection, name: str) -> FoundText:
    """Return the text of the newest row with this review_id, or of the row with this row name.

    Raises `UsageError` if no row or several rows match.
    """
    require_unicode_text(name)
    prefix, number = read_as_row_name(name)
    found = fetch_answer(connection, _FIND_REVIEW, {"name": name})
    if prefix is not None:
        found += fetch_answer(connection, _FIND_ROW, {"prefix": prefix, "number": number})
    rows = {(row["source_sha256"], row["row_number"]): row for row in found}
    if not rows:
        raise UsageError(f"{describe_missing(connection, name)}, or give a text with --text.")
    if len(rows) > 1:
        names = "; ".join(
            f"{sha}:{number} of {row['uri']}" for (sha, number), row in [*rows.items()][:NAMES_SHOWN]
        )
        raise UsageError(
            f"{name[:NAME_SHOWN]!r} names {len(rows):,} rows: {escape_controls(names)}. Next: give one of these row "
            "names."
        )
    [row] = rows.values()
    return FoundText(
        row["text"],
        row["review_id"],
        row["movie_id"],
        name_row(row["source_sha256"], row["row_number"]),
        row["uri"],
        row["source"],
    )


def read_as_row_name(name: str) -> tuple[str | None, int | None]:
    """Return the sha256 prefix and the row number if the name of a text to explain is a row name, else None twice."""
    try:
        return parse_row_name(name)
    except UsageError:
        return None, None


def describe_missing(connection: duckdb.DuckDBPyConnection, name: str) -> str:
    """Return a message that no row was found under this name, or that it is in quarantine."""
    shown = repr(name[:NAME_SHOWN])  # repr escapes control characters
    prefix, number = read_as_row_name(name)
    parameters = {"name": name, "prefix": prefix, "number": number}
    for row in fetch_answer(connection, _FIND_QUARANTINED, parameters):
        row_name = name_row(row["source_sha256"], row["row_number"])
        return (
            f"{shown} was quarantined ({row['rule']}), so it has no score. Next: look at it with "
            f"`reviews quarantine show {row_name}`"
        )
    return f"No scored review or row is named {shown}. Next: {_LOOK_UP}"


def require_unicode_text(text: str) -> None:
    """Raise `UsageError` if `text` has characters that Python could not decode by the terminal's encoding."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise UsageError(
            f"The text is not valid in the terminal's encoding (at character {error.start}). Next: give it in UTF-8."
        ) from None
