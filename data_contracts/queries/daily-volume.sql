-- How many files and reviews came in, by the UTC day on which a file was first committed?
-- $since date = none: leaves out the days before
WITH sources AS (
    SELECT
        left(source_sha256, 64) AS content, -- the same of all readings of a file
        (min(committed_at) AT TIME ZONE 'UTC')::DATE AS day,
        bool_or(status = 'scored') AS is_scored
    FROM scored_files GROUP BY content
),
readings AS (
    -- Of each file the reading that counts or, if a later file of its source replaced it, counted last.
    SELECT arg_max(source_sha256, coalesce(superseded_at, 'infinity')) AS source_sha256
    FROM scored_files WHERE status = 'scored' GROUP BY left(source_sha256, 64)
),
accepted AS (
    SELECT left(source_sha256, 64) AS content, count(*) AS reviews
    FROM source_reviews SEMI JOIN readings USING (source_sha256) GROUP BY content
),
quarantined AS (
    SELECT left(source_sha256, 64) AS content, count(*) AS rows_quarantined
    FROM quarantined_rows SEMI JOIN readings USING (source_sha256) WHERE released_at IS NULL GROUP BY content
)
SELECT
    day,
    count(*) FILTER (is_scored) AS files,
    count(*) FILTER (NOT is_scored) AS files_refused,
    coalesce(sum(reviews), 0)::BIGINT AS reviews,
    coalesce(sum(rows_quarantined), 0)::BIGINT AS rows_quarantined
FROM sources
LEFT JOIN accepted USING (content)
LEFT JOIN quarantined USING (content)
WHERE $since IS NULL OR day >= $since
GROUP BY day
ORDER BY day;
