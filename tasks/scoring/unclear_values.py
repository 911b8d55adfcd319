"""Describes what is not clear in scored files: unread values, unused columns, and review ids."""

from collections.abc import Collection, Iterator, Sequence
from typing import Any

import duckdb

from data_contracts.rules_and_limits import (
    COLUMNS_USED,
    FIELD_RULES,
    FIELD_WORDS,
    NO_KNOWN_WORD,
    NOT_ENGLISH,
    ROW_RULES,
    SCORING_RULES,
    VALUE_RULES,
)
from data_contracts.storage.home import Home
from data_contracts.storage.store_uris import is_store_uri
from tasks.sources.suspicious_rows import list_accepting, list_suspicious, name_rescan, name_source
from tasks.support.wording import count, quote_word
from tasks.warehouse.database.warehouse_connection import open_warehouse
from tasks.warehouse.file_ledger import list_files_without_scores
from tasks.warehouse.latest_scores import describe_files
from tasks.warehouse.row_names import CONTENT, IS_LATER, SUPERSEDED
from tasks.warehouse.run_log import list_observed, list_unclear_fields

_NAMED = 3
"""Files that are named of those with the same finding."""
_OF_ANOTHER_COLUMN = frozenset(
    {"text_missing", "text_not_given", "text_blank", "text_type", "text_no_words", NO_KNOWN_WORD}
)
"""Row rules that all rows of a file may break because its texts are in another column than the one that was read."""
_OF_PROFILE = frozenset({NOT_ENGLISH, *(rule for _, rule in VALUE_RULES.values())})
"""Row rules that only the profile of a source applies, so that a release scores the rows."""
_OF_VALUES = {rule for rule, _ in VALUE_RULES.values()}
_VALUE_COLUMNS = ("given_rating", "given_label", "reviewed_at", "movie_id")
"""Columns whose values a profile may leave out."""
_COUNT_SOURCES = "SELECT count(DISTINCT source) FROM scored_files WHERE status = 'scored'"
_FIND_LAST_RUN = """
SELECT run_id, TRY_CAST(counts->>'findings_unclear' AS BIGINT)
FROM (SELECT run_id FROM scored_files WHERE status = 'scored' ORDER BY commit_number DESC LIMIT 1)
LEFT JOIN runs USING (run_id)
"""
# The rows of the runs first, found by the time of their files, then those of the same reviews by their numbers.
_LIST_COLLISIONS = f"""
WITH of_runs AS (FROM scored_files WHERE run_id = ANY($runs::VARCHAR[]) AND status = 'scored'),
files AS (FROM ({describe_files("of_runs")}) SEMI JOIN of_runs USING (source_sha256)),
rows AS (
    SELECT source_sha256, file_source, file_uri, review_key, review_id, movie_id, text_sha256
    FROM source_reviews SEMI JOIN files USING (source_sha256)
    WHERE review_id IS NOT NULL AND file_seen_at >= (SELECT min(seen_at) FROM files)
)
SELECT
    rows.file_source, rows.file_uri, count(DISTINCT rows.review_id),
    list(DISTINCT others.file_source ORDER BY others.file_source)
FROM rows JOIN source_reviews AS others USING (review_key)
WHERE others.source_sha256 NOT IN {SUPERSEDED}
    AND others.file_source <> rows.file_source AND others.text_sha256 <> rows.text_sha256
    AND others.review_id = rows.review_id AND others.movie_id IS NOT DISTINCT FROM rows.movie_id
GROUP BY ALL ORDER BY rows.file_uri
"""  # noqa: S608 (our own names)
_HAS_LATER = f"""
SELECT bool_or({IS_LATER}) FROM scored_files WHERE run_id = ANY($runs::VARCHAR[]) AND status = 'scored'
"""  # noqa: S608 (our own name)
# Of each file the reading that counted before. A row that is quarantined since has lost no value.
_COUNT_LOST = f"""
WITH later AS (
    SELECT DISTINCT source_sha256, {CONTENT} AS content FROM scored_files
    WHERE run_id = ANY($runs::VARCHAR[]) AND status = 'scored' AND {IS_LATER}
),
before AS (
    SELECT {CONTENT} AS content, arg_max(source_sha256, superseded_number) AS source_sha256 FROM scored_files
    WHERE status = 'scored' AND superseded_at IS NOT NULL AND {CONTENT} IN (SELECT content FROM later) GROUP BY ALL
)
SELECT {", ".join(f"count_if(old.{name} IS NOT NULL AND new.{name} IS NULL)" for name in _VALUE_COLUMNS)}
FROM later JOIN before USING (content)
JOIN source_reviews AS old ON old.source_sha256 = before.source_sha256
JOIN source_reviews AS new ON new.source_sha256 = later.source_sha256 AND new.row_number = old.row_number
"""  # noqa: S608 (our own names)
# Earlier versions found out by values which columns were ours, and the first one knew no sources. The log says of each
# file that is read today which columns are not used.
_LIST_READ_BEFORE = """
SELECT
    source, max(uri) FILTER (is_new) AS uri, list(source_sha256) FILTER (is_new),
    arg_max(source_sha256, commit_number) FILTER (NOT is_new) AS last_before
FROM (
    SELECT
        * REPLACE (coalesce(nullif(regexp_extract(uri, '^([^/:]+)/', 1), ''), source) AS source),
        run_id = ANY($runs::VARCHAR[]) AS is_new
    FROM scored_files WHERE status = 'scored' AND profile_version IS NULL
)
GROUP BY source HAVING uri IS NOT NULL
    AND max(committed_at) FILTER (NOT is_new) < (SELECT max(applied_at) FROM schema_migrations)
    AND last_before NOT IN (SELECT source_sha256 FROM contract_results WHERE rule = $rule)
ORDER BY source
"""
_FIND_VALUES = f"""
SELECT {", ".join(f"count({name}) > 0" for name in _VALUE_COLUMNS)}
FROM source_reviews WHERE source_sha256 = ANY($files::VARCHAR[])
"""  # noqa: S608 (our own names)


def list_unclear(connection: duckdb.DuckDBPyConnection, home: Home, run_ids: Collection[str]) -> list[str]:
    """Return a phrase for all that is not clear in the files that these runs scored, and for each without a row.

    What no query lists comes first, since a message may have the first ones alone.
    """
    return [
        *_describe_lost(connection, run_ids),
        *_describe_read_before(connection, home, run_ids),
        *_describe_collisions(connection, home, run_ids),
        *(_describe_unscored(*found) for found in list_files_without_scores(connection, run_ids)),
        *list_suspicious(connection, home, run_ids),
        *_describe_unclear(connection, home, run_ids),
    ]


def read_last_unclear(home: Home, wait_seconds: float) -> dict[str, Any] | None:
    """Return the last run that scored files, and how many findings it printed; None if there were none.

    Of a run that ended before it looked for them, those are counted that need no look into the reviews.
    """
    if not home.readable.exists():
        return None
    with open_warehouse(home.readable, write=False, wait_seconds=wait_seconds) as connection:
        found = connection.execute(_FIND_LAST_RUN).fetchone()
        if not found:
            return None
        run_id, printed = found
        findings = len(_describe_unclear(connection, home, [run_id])) if printed is None else printed
    return {"run_id": run_id, "findings": findings} if findings else None


def _describe_collisions(
    connection: duckdb.DuckDBPyConnection, home: Home, run_ids: Collection[str]
) -> list[str]:
    """Return a phrase for each file that these runs scored with review ids that another source gave to other texts."""
    if connection.execute(_COUNT_SOURCES).fetchall() <= [(1,)]:
        return []
    found = connection.execute(_LIST_COLLISIONS, {"runs": list(run_ids)}).fetchall()
    accepting = list_accepting(home)
    return [
        f"{uri}: {count(ids, 'review id')} of the source {', '.join(sources)} too, for other texts on the same movie; "
        "latest_scores shows the newest of each. Next: ids_hold_across_files = false in the profile of one of them"
        for source, uri, ids, sources in found
        if source not in accepting
    ]


def _describe_unscored(uri: str, rows: int, rule: str | None) -> str:
    """Return a phrase for a file of which no row was scored."""
    if not rows:
        return f"{uri}: it has no rows"
    none = "its only row was not scored," if rows == 1 else f"none of its {rows:,} rows was scored, most"
    return f"{uri}: {none} by the rule {rule}. {_advise(uri, rule)}"


def _advise(uri: str, rule: str | None) -> str:
    """Return what helps where all rows of a file, or most of them, broke a rule."""
    if rule in _OF_ANOTHER_COLUMN:
        return "If another column has the texts, a profile names it"
    says = {**ROW_RULES, **SCORING_RULES}.get(str(rule), "").removesuffix(".")
    release = f"reviews quarantine release --file {quote_word(uri)}"
    if rule == "text_encoding":
        return f"{says}; or, if it is in another encoding, such as cp1252: {release} --encoding cp1252"
    return f"{says}: {release}" if rule in _OF_PROFILE else says


def _describe_lost(connection: duckdb.DuckDBPyConnection, run_ids: Collection[str]) -> list[str]:
    """Return a phrase for each column of which these runs, which read files again, have read fewer values."""
    runs = {"runs": list(run_ids)}
    if connection.execute(_HAS_LATER, runs).fetchall() != [(True,)]:
        return []
    [lost] = connection.execute(_COUNT_LOST, runs).fetchall()
    return [
        f"{column}: {count(values, 'row')} of files that were read again had a value before, and none now. Does the "
        "profile name its column? Next: correct it, then `reviews sources rescan` again"
        for column, values in zip(_VALUE_COLUMNS, lost, strict=True)
        if values
    ]


def _describe_read_before(
    connection: duckdb.DuckDBPyConnection, home: Home, run_ids: Collection[str]
) -> Iterator[str]:
    """Yield a phrase for each source whose files have lost columns since an earlier version read the last one."""
    parameters = {"runs": list(run_ids), "rule": COLUMNS_USED}
    for source, uri, files, last in connection.execute(_LIST_READ_BEFORE, parameters).fetchall():
        (before,), (now,) = (
            connection.execute(_FIND_VALUES, {"files": each}).fetchall() for each in ([last], files)
        )
        lost = [name for name, had, has in zip(_VALUE_COLUMNS, before, now, strict=True) if had and not has]
        if lost:
            yield (
                f"{uri}: an earlier version found {', '.join(lost)} in files of the source {source}, by the values of "
                f"columns that a profile must name now. Next: `{_name_command(home, uri)}` writes one that reads them; "
                "what was read before stays as it is"
            )


def _describe_unclear(
    connection: duckdb.DuckDBPyConnection, home: Home, run_ids: Collection[str]
) -> list[str]:
    """Return a phrase for each source of which these runs scored files with unused columns, and for unread values."""
    unused = dict(list_observed(connection, run_ids, COLUMNS_USED))
    unread = [
        f"{uri}: {count(rows, FIELD_WORDS[rule][0])}, {FIELD_WORDS[rule][1]}"
        for uri, rule, rows in list_unclear_fields(connection, run_ids, list(FIELD_RULES))
        if uri not in unused or rule not in _OF_VALUES  # which are named with their columns
    ]
    alike: dict[tuple[str, str | None], list[str]] = {}
    for uri, observed in unused.items():
        alike.setdefault((name_source(uri), observed), []).append(uri)
    phrases = [
        f"{_name_files(uris)}: {observed}. Next: `{_name_command(home, uris[0])}` says what they are, for later files; "
        f"for these {name_rescan(source)}"
        for (source, observed), uris in alike.items()
    ]
    return [*unread, *phrases]


def _name_files(uris: Sequence[str]) -> str:
    """Name the first of some files, with the number of the others."""
    others = len(uris) - _NAMED
    return ", ".join(uris[:_NAMED]) + (f" and {count(others, 'other file')}" if others > 0 else "")


def _name_command(home: Home, uri: str) -> str:
    """Return the command that proposes a profile for the source of a file."""
    if is_store_uri(uri):
        return f"reviews sources init {name_source(uri)} {quote_word(uri)}"
    return f"reviews sources init {name_source(uri)} {quote_word(str(home.inbox / uri))}"
