"""Finds what is not clear in scored files: unread values, unused columns, other languages, and review ids."""

from collections.abc import Collection, Iterator
from itertools import groupby
from operator import itemgetter

import duckdb

from data_contracts.rules_and_limits import (
    COLUMNS_USED,
    COUNT_THEM,
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
from tasks.findings.finding import NOTE, Finding, find_in_files
from tasks.sources.catalogue import Catalogue
from tasks.sources.suspicious_rows import find_suspicious, list_accepting, name_rescan, name_source
from tasks.support.wording import count, quote_word
from tasks.warehouse.file_ledger import list_files_without_scores
from tasks.warehouse.latest_scores import describe_files
from tasks.warehouse.row_names import CONTENT, IS_LATER, SUPERSEDED

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
_LIST_BROKEN = f"""
SELECT
    files.source, checks.rule, CASE WHEN checks.rule = '{COLUMNS_USED}' THEN observed END AS columns_found, files.uri,
    sum(unexpected_count)::BIGINT
FROM contract_results AS checks JOIN scored_files AS files USING (source_sha256, run_id)
WHERE run_id = ANY($runs::VARCHAR[]) AND checks.rule = ANY($rules::VARCHAR[]) AND NOT success AND status = 'scored'
GROUP BY ALL ORDER BY ALL
"""  # noqa: S608 (our own rule)


def list_unclear(
    connection: duckdb.DuckDBPyConnection, home: Home, run_ids: Collection[str]
) -> list[Finding]:
    """Return all that is not clear in the files that these runs scored, and those without a row.

    What no query lists comes first, since a message may have the first ones alone.
    """
    return [
        *_find_lost(connection, run_ids),
        *_find_collisions(connection, home, run_ids),
        *(_find_unscored(*found) for found in list_files_without_scores(connection, run_ids)),
        *find_suspicious(connection, home, run_ids),
        *_find_broken(connection, home, run_ids),
    ]


def _find_collisions(
    connection: duckdb.DuckDBPyConnection, home: Home, run_ids: Collection[str]
) -> list[Finding]:
    """Return the files that these runs scored with review ids that another source gave to other texts."""
    if connection.execute(_COUNT_SOURCES).fetchall() <= [(1,)]:
        return []
    found = connection.execute(_LIST_COLLISIONS, {"runs": list(run_ids)}).fetchall()
    accepting = list_accepting(home)
    return [
        find_in_files(
            "colliding_ids",
            source,
            [uri],
            f"{count(ids, 'review id')} of the source {', '.join(sources)} too, for other texts on the same movie; "
            "latest_scores shows the newest of each",
            "ids_hold_across_files = false in the profile of one of them",
        )
        for source, uri, ids, sources in found
        if source not in accepting
    ]


def _find_unscored(uri: str, rows: int, rule: str | None) -> Finding:
    """Return a file of which no row was scored."""
    what, step = "it has no rows", "look into the file, and send it again"
    if rows:
        none = "its only row was not scored," if rows == 1 else f"none of its {rows:,} rows was scored, most"
        advice, step = _advise(uri, rule)
        what = f"{none} by the rule {rule}. {advice}"
    return Finding("nothing_scored", uri, f"{uri}: {what}", step, NOTE, Catalogue().find(uri).name)


def _advise(uri: str, rule: str | None) -> tuple[str, str]:
    """Return what helps where all rows of a file, or most of them, broke a rule, and the next step."""
    listed = f"reviews quarantine list --file {quote_word(uri)}"
    if rule in _OF_ANOTHER_COLUMN:
        return "If another column has the texts, a profile names it", listed
    says = {**ROW_RULES, **SCORING_RULES}.get(str(rule), "").removesuffix(".")
    release = f"reviews quarantine release --file {quote_word(uri)}"
    if rule == "text_encoding":
        return f"{says}; or it is in another encoding, such as cp1252", f"{release} --encoding cp1252"
    return says, release if rule in _OF_PROFILE else listed


def _find_lost(connection: duckdb.DuckDBPyConnection, run_ids: Collection[str]) -> list[Finding]:
    """Return the columns of which these runs, which read files again, have read fewer values."""
    runs = {"runs": list(run_ids)}
    if connection.execute(_HAS_LATER, runs).fetchall() != [(True,)]:
        return []
    [lost] = connection.execute(_COUNT_LOST, runs).fetchall()
    return [
        Finding(
            "lost_values",
            column,
            f"{column}: {count(values, 'row')} of files that were read again had a value before, and none now. Does "
            "the profile name its column?",
            "correct it, then `reviews sources rescan` again",
            NOTE,
        )
        for column, values in zip(_VALUE_COLUMNS, lost, strict=True)
        if values
    ]


def _find_broken(
    connection: duckdb.DuckDBPyConnection, home: Home, run_ids: Collection[str]
) -> Iterator[Finding]:
    """Yield what the checks of the files that these runs scored have found: values, columns and languages."""
    rules = [*FIELD_RULES, COLUMNS_USED, NOT_ENGLISH]
    found = connection.execute(_LIST_BROKEN, {"runs": list(run_ids), "rules": rules}).fetchall()
    unused = {uri for _, rule, _, uri, _ in found if rule == COLUMNS_USED}
    # Values in a column that is not used are named with it.
    named = [row for row in found if row[1] not in _OF_VALUES or row[3] not in unused]
    for (source, rule, observed), files in groupby(named, itemgetter(0, 1, 2)):
        uris, rows = zip(*((uri, number) for *_, uri, number in files), strict=True)
        if rule == COLUMNS_USED:
            name, where = (
                name_source(uris[0]),
                uris[0] if is_store_uri(uris[0]) else str(home.inbox / uris[0]),
            )
            step = (
                f"`reviews sources init {name} {quote_word(where)}` says what they are, for later files; for these "
                f"{name_rescan(name)}"
            )
            yield find_in_files("unused_columns", source, uris, observed, step)
        elif rule == NOT_ENGLISH:
            what = f"{count(sum(rows), 'row')} not in English, so in no rating or share"
            name = quote_word(source)
            step = (
                f"nothing, or {COUNT_THEM}, then `reviews sources rescan {name}`; `reviews sources init {name} FILE` "
                "makes a profile where there is none"
            )
            yield find_in_files("not_english", source, uris, what, step)
        else:
            what, words = FIELD_WORDS[rule]
            says, _, step = words.partition(". Next: ")
            listed = step or "reviews sql contract-failures"
            yield find_in_files("unclear_values", source, uris, f"{count(sum(rows), what)}, {says}", listed)
