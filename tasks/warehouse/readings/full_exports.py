"""Lets a full export take the place of all files of its source before it, or refuses one that is far too small.

A full export is a file whose source says in its profile that each file replaces those before it. What it lacks counts
no more, but stays as history. Which files are before it is their order of arrival, as for the rows of a review
(`tasks/warehouse/latest_scores.py`).
"""

import duckdb

from tasks.support.refusals import refusal
from tasks.support.wording import count
from tasks.warehouse.latest_scores import describe_files, note_reviews, settle_latest
from tasks.warehouse.readings.superseding import SUPERSEDE
from tasks.warehouse.row_names import IS_LATER, SUPERSEDED

# Files that no model has scored; a later reading arrives with its file.
_FIND_ARRIVING = f"""
CREATE TEMP TABLE arriving_files AS SELECT DISTINCT source_sha256 FROM accepted
WHERE NOT {IS_LATER} AND source_sha256 NOT IN (SELECT source_sha256 FROM scored_files WHERE status = 'scored')
"""  # noqa: S608 (our own names)
# Forgotten rows count here: after a restore an export takes the place of the same files as before.
_FIND_EXPORTS = f"""
CREATE TEMP TABLE full_exports AS
SELECT
    source_sha256, any_value(source) AS source, any_value(uri) AS uri, any_value(replaces_from_share) AS share,
    any_value(rows) AS reviews
FROM (FROM accepted WHERE status = 'scored' AND replaces_from_share IS NOT NULL) AS exports
LEFT JOIN (
    SELECT source_sha256, count(*) AS rows FROM part_source_reviews
    SEMI JOIN (FROM accepted WHERE replaces_from_share IS NOT NULL) USING (source_sha256) GROUP BY source_sha256
) USING (source_sha256)
WHERE {IS_LATER} OR source_sha256 IN (FROM arriving_files)
GROUP BY source_sha256
"""  # noqa: S608 (our own names)
_OF_SOURCES = "(FROM scored_files WHERE superseded_at IS NULL AND source IN ({sources}))"
_COUNTING = f"(FROM ({describe_files(_OF_SOURCES)}) ANTI JOIN {SUPERSEDED} USING (source_sha256))"
"""SQL: the files of some `sources` that count, with the numbers of the commits that brought them. The others are not
looked at."""
_COUNTING_BEFORE = _COUNTING.format(sources="SELECT source FROM full_exports")
_FIND_LAST = f"""
WITH known AS (FROM {_COUNTING_BEFORE} SEMI JOIN full_exports USING (source)),
sizes AS (
    SELECT source_sha256, count(*) AS reviews FROM source_reviews SEMI JOIN known USING (source_sha256) GROUP BY ALL
)
SELECT source, unnest(arg_max(struct_pack(uri, reviews), row(number, uri, source_sha256)))
FROM known JOIN sizes USING (source_sha256) GROUP BY source
"""  # noqa: S608 (our own names)
_LIST_NEW = """
SELECT source_sha256, source, uri, share, coalesce(reviews, 0)
FROM full_exports SEMI JOIN arriving_files USING (source_sha256) ORDER BY uri, source_sha256
"""
_REFUSE = """
UPDATE accepted SET status = 'refused', rule = $rule, detail = $detail WHERE source_sha256 = $source_sha256
"""
_ARRIVAL = "row(number, uri, source_sha256)"
_FIND_REPLACED = f"""
CREATE OR REPLACE TEMP TABLE replaced_files AS
WITH files AS (
    SELECT source_sha256, number, uri, source, true AS is_scored
    FROM {_COUNTING.format(sources="SELECT source FROM scored_files SEMI JOIN {exports} USING (source_sha256)")}
    UNION ALL
    SELECT source_sha256, commit_number, uri, source, false FROM scored_files
    WHERE status = 'refused' AND superseded_at IS NULL
),
of_exports AS (
    SELECT source, max({_ARRIVAL}) AS arrival FROM files SEMI JOIN {{exports}} USING (source_sha256) GROUP BY source
),
-- A file that was moved into the folder of the source may be older than one with reviews that is there.
newer AS (SELECT files.* FROM files JOIN of_exports USING (source) WHERE is_scored AND {_ARRIVAL} > arrival),
last AS (
    SELECT source, max(arrival) AS arrival FROM (
        FROM of_exports UNION ALL SELECT source, {_ARRIVAL} FROM newer
        WHERE source_sha256 IN (SELECT source_sha256 FROM source_reviews SEMI JOIN newer USING (source_sha256))
    ) GROUP BY source
)
SELECT DISTINCT source_sha256, is_scored FROM files JOIN last USING (source) WHERE {_ARRIVAL} < arrival
"""  # noqa: S608 (our own names)


def find_full_exports(connection: duckdb.DuckDBPyConnection) -> None:
    """Store the full exports with reviews among the accepted files of a part in the temporary table `full_exports`.

    A new one with far fewer reviews than the last one of its source is refused.
    """
    connection.execute(_FIND_ARRIVING)
    connection.execute(_FIND_EXPORTS)
    new = connection.execute(_LIST_NEW).fetchall()
    last = {source: rest for source, *rest in connection.execute(_FIND_LAST).fetchall()} if new else {}
    for source_sha256, source, uri, share, reviews in new:
        last_uri, last_reviews = last.get(source, (None, 0))
        if reviews < share * last_reviews:
            error = refusal(
                "export_too_small",
                f"it has {count(reviews, 'row')}, less than {share:.0%} of the {count(last_reviews, 'row')} of "
                f"{last_uri}, which it would replace",
            )
            named = {"rule": error.rule, "detail": error.detail, "source_sha256": source_sha256}
            connection.execute(_REFUSE, named)
            connection.execute("DELETE FROM full_exports WHERE source_sha256 = ?", [source_sha256])
        elif reviews:
            last[source] = [uri, reviews]
    connection.execute("DELETE FROM full_exports WHERE reviews IS NULL")


def replace_files(connection: duckdb.DuckDBPyConnection, exports: str) -> int:
    """Let the last file of each source with files in the table `exports` take the place of all its files before.

    The rows of the files before leave `latest_scores` in the same transaction. Return the number of scored ones among
    these files.
    """
    if connection.execute(f"SELECT count(*) FROM {exports}").fetchall() == [(0,)]:  # noqa: S608 (our own names)
        return 0
    connection.execute(_FIND_REPLACED.format(exports=exports))
    connection.execute(SUPERSEDE.format(files="replaced_files"))
    rows = "(FROM source_reviews SEMI JOIN replaced_files USING (source_sha256))"
    settle_latest(connection, note_reviews(connection, rows))
    [(replaced,)] = connection.execute("SELECT count(*) FILTER (is_scored) FROM replaced_files").fetchall()
    return int(replaced)
