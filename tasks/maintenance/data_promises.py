"""The promises that `reviews verify` checks, each with the SQL that finds the rows of the database that break it."""

from data_contracts.rules_and_limits import HIGHEST_STARS, LOWEST_STARS, POSITIVE_FROM
from tasks.warehouse.accounting import IS_ACCOUNTED, ROWS_WITHOUT_SCORE, build_row_counts_query
from tasks.warehouse.latest_scores import FIND_OUTDATED, FIND_WRONG_FLIPS
from tasks.warehouse.row_names import CONTENT, IS_LATER, LAST_COUNTING, NO_PROFILE
from tasks.warehouse.shadow.sums import FIND_WRONG_SHADOW_SUMS
from tasks.warehouse.tallies.repeated_keys import FIND_WRONG_KEYS
from tasks.warehouse.tallies.score_sums import FIND_WRONG_SUMS

_ROWS_OF_LEDGER = f"""
WITH left_out AS (
    SELECT source_sha256, sum(quarantined + forgotten)::BIGINT AS rows FROM ({ROWS_WITHOUT_SCORE}) GROUP BY ALL
),
files AS (
    SELECT source_sha256, model_id, rows_read - coalesce(rows, 0) AS rows
    FROM scored_files LEFT JOIN left_out USING (source_sha256) WHERE status = 'scored'
)
SELECT 'scored_reviews' AS name, (SELECT count(*) FROM scored_reviews) AS rows, coalesce(sum(rows), 0) AS in_ledger
FROM files HAVING rows <> in_ledger
UNION ALL
SELECT 'source_reviews' AS name, (SELECT count(*) FROM source_reviews) AS rows, coalesce(sum(rows), 0) AS in_ledger
FROM (SELECT DISTINCT source_sha256, rows FROM files) HAVING rows <> in_ledger
"""  # noqa: S608 (our own query)
BUNDLES_PROMISE = "every promoted bundle is unaltered"
PARQUET_PROMISE = "the reviews Parquet is complete, if there is any"
RECORD_PROMISE = "the home remembers what was forgotten, and its database knows all of that"
COUNT_PROMISE = "the tables have as many rows as the ledger"
READINGS_PROMISE = (
    "of the readings of a file one counts, or none if a later file of its source replaced it; each is by the profile "
    "that its name says"
)
_READINGS = f"""
SELECT {CONTENT} AS source_sha256, count(DISTINCT source_sha256) AS counting FROM scored_files
WHERE status = 'scored' AND superseded_at IS NULL GROUP BY ALL HAVING counting > 1
UNION ALL BY NAME
SELECT gone.source_sha256, 0 AS counting FROM (
    SELECT {CONTENT} AS source_sha256, max({LAST_COUNTING}) AS gone_number,
        arg_max(source, {LAST_COUNTING}) AS source
    FROM scored_files WHERE status = 'scored' GROUP BY ALL HAVING bool_and(superseded_at IS NOT NULL)
) AS gone
SEMI JOIN (
    SELECT source, max({LAST_COUNTING}) AS until FROM scored_files
    WHERE status = 'scored' GROUP BY ALL
) AS last ON last.source = gone.source AND last.until <= gone_number
UNION ALL BY NAME
SELECT source_sha256, profile_version FROM scored_files
WHERE {IS_LATER} AND source_sha256 <> {CONTENT} || '.' || coalesce(profile_version, '{NO_PROFILE}')
UNION ALL BY NAME
SELECT source_sha256, grown_into FROM scored_files WHERE grown_into IS NOT NULL AND superseded_at IS NULL
"""  # noqa: S608 (our own query)
FLIPS_PROMISE = "flipped_scores has the scores with another sentiment than the one that counts, and no others"
SUMS_PROMISE = "score_sums has what the scores of each file and model add up to"
SHADOW_SUMS_PROMISE = "shadow_sums has how the scores of each shadow and file compare with those that count"
KEYS_PROMISE = (
    "repeated_keys has the texts that several rows have, and the near_keys that several labelled rows have"
)
COPY_PROMISE = "the published copy is up to date"
SNAPSHOT_PROMISE = "the newest snapshot in the store is whole and up to date"
LATEST_PROMISE = "latest_scores has the newest row of each review, with the score that counts"
PROMISES = {
    "every row read is accounted for": f"""
        SELECT * EXCLUDE (row_numbers, rows_matched)
        FROM ({build_row_counts_query("scored_files")}) WHERE NOT {IS_ACCOUNTED}
    """,  # noqa: S608 (our own query)
    COUNT_PROMISE: _ROWS_OF_LEDGER,
    READINGS_PROMISE: _READINGS,
    "no row is scored twice by one model": """
        SELECT source_sha256, row_number, model_id, count(*) AS copies FROM scored_reviews
        GROUP BY ALL HAVING copies > 1
    """,
    "no text is stored twice": """
        SELECT source_sha256, row_number, count(*) AS copies FROM source_reviews GROUP BY ALL HAVING copies > 1
    """,
    "every score has its text": """
        SELECT source_sha256, row_number, model_id FROM scored_reviews
        ANTI JOIN source_reviews USING (source_sha256, row_number)
    """,
    "every text is scored by each model that scored its file": """
        SELECT source_sha256, row_number, files.model_id
        FROM source_reviews JOIN (FROM scored_files WHERE status = 'scored') AS files USING (source_sha256)
        ANTI JOIN scored_reviews USING (source_sha256, row_number, model_id)
    """,
    "every text belongs to a scored file": """
        SELECT source_sha256, row_number FROM source_reviews
        ANTI JOIN (FROM scored_files WHERE status = 'scored') USING (source_sha256)
    """,
    "every score belongs to a scored file": """
        SELECT source_sha256, row_number, model_id FROM scored_reviews
        ANTI JOIN (FROM scored_files WHERE status = 'scored') USING (source_sha256, model_id)
    """,
    "no row is both scored and quarantined": """
        SELECT source_sha256, row_number, rule FROM quarantined_rows
        SEMI JOIN source_reviews USING (source_sha256, row_number) WHERE released_at IS NULL
    """,
    "every released row is scored, and has who released it": """
        SELECT source_sha256, row_number, released_at, released_by FROM quarantined_rows
        ANTI JOIN source_reviews USING (source_sha256, row_number)
        ANTI JOIN forgotten_rows USING (source_sha256, row_number) WHERE released_at IS NOT NULL
        UNION ALL BY NAME
        SELECT source_sha256, row_number, released_at, released_by FROM quarantined_rows
        WHERE (released_at IS NULL) <> (released_by IS NULL)
    """,
    "no forgotten row is stored": """
        SELECT source_sha256, row_number FROM forgotten_rows
        SEMI JOIN (
            SELECT source_sha256, row_number FROM source_reviews
            UNION ALL SELECT source_sha256, row_number FROM scored_reviews
            UNION ALL SELECT source_sha256, row_number FROM quarantined_rows
            UNION ALL SELECT source_sha256, row_number FROM shadow_scores
        ) USING (source_sha256, row_number)
    """,
    "every score is a number from 0 to 1, with its sentiment and rating": f"""
        SELECT source_sha256, row_number, model_id, score, sentiment, predicted_rating FROM scored_reviews
        WHERE NOT coalesce(isfinite(score) AND score BETWEEN 0 AND 1, false)
        OR sentiment <> CASE WHEN score >= {POSITIVE_FROM} THEN 'positive' ELSE 'negative' END
        OR NOT coalesce(
            isfinite(predicted_rating) AND predicted_rating BETWEEN {LOWEST_STARS} AND {HIGHEST_STARS}, false
        )
    """,  # noqa: S608 (our own bounds)
    "every model that scored is known and was promoted": """
        SELECT model_id, count(*) AS files, any_value(uri) AS uri FROM scored_files
        WHERE model_id NOT IN (SELECT model_id FROM promotions SEMI JOIN models USING (model_id)) GROUP BY ALL
        UNION ALL BY NAME
        SELECT model_id, count(*) AS rows FROM scored_reviews
        WHERE model_id NOT IN (SELECT model_id FROM promotions SEMI JOIN models USING (model_id)) GROUP BY ALL
    """,
    "every score of a shadow is there once, with its text, of a file and model that are recorded": """
        SELECT source_sha256, row_number, model_id, count(*) AS copies FROM shadow_scores GROUP BY ALL HAVING copies > 1
        UNION ALL BY NAME
        SELECT source_sha256, row_number, model_id FROM shadow_scores
        ANTI JOIN source_reviews USING (source_sha256, row_number)
        UNION ALL BY NAME
        SELECT source_sha256, row_number, model_id FROM shadow_scores
        ANTI JOIN shadow_files USING (source_sha256, model_id)
        UNION ALL BY NAME
        SELECT source_sha256, model_id FROM shadow_files ANTI JOIN (FROM shadows SEMI JOIN models USING (model_id))
        USING (model_id)
    """,
    "every file that a shadow scored has its scores": """
        WITH forgotten AS (SELECT source_sha256, count(*) AS gone FROM forgotten_rows GROUP BY ALL),
        kept AS (SELECT source_sha256, model_id, count(*) AS scores FROM shadow_scores GROUP BY ALL)
        SELECT source_sha256, model_id, rows, coalesce(scores, 0) AS scores
        FROM shadow_files LEFT JOIN kept USING (source_sha256, model_id) LEFT JOIN forgotten USING (source_sha256)
        WHERE coalesce(scores, 0) NOT BETWEEN rows - coalesce(gone, 0) AND rows
    """,
    "every promotion is of a known model, and none is missing": """
        SELECT number, model_id FROM promotions ANTI JOIN models USING (model_id)
        UNION ALL BY NAME
        SELECT number, model_id FROM (FROM promotions SELECT *, row_number() OVER (ORDER BY number) AS place)
        WHERE number <> place
    """,
    "every text has the sha256 recorded for it": """
        SELECT source_sha256, row_number FROM source_reviews WHERE sha256(text) <> text_sha256
    """,
    FLIPS_PROMISE: FIND_WRONG_FLIPS,
    SUMS_PROMISE: FIND_WRONG_SUMS,
    SHADOW_SUMS_PROMISE: FIND_WRONG_SHADOW_SUMS,
    KEYS_PROMISE: FIND_WRONG_KEYS,
    LATEST_PROMISE: FIND_OUTDATED,
}
"""Each promise on the tables, with the query for the rows that break it."""
