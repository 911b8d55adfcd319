-- How many files and reviews came in, by the UTC day on which a file was first committed?
-- $since date = none: leaves out the days before
WITH sources AS (
    SELECT
        source_sha256,
        (min(committed_at) AT TIME ZONE 'UTC')::DATE AS day,
        bool_or(status = 'scored') AS is_scored
    FROM scored_files GROUP BY source_sha256
),
accepted AS (SELECT source_sha256, count(*) AS reviews FROM source_reviews GROUP BY source_sha256),
quarantined AS (
    SELECT source_sha256, count(*) AS rows_quarantined
    FROM quarantined_rows WHERE released_at IS NULL GROUP BY source_sha256
)
SELECT
    day,
    count(*) FILTER (is_scored) AS files,
    count(*) FILTER (NOT is_scored) AS files_refused,
    coalesce(sum(reviews), 0)::BIGINT AS reviews,
    coalesce(sum(rows_quarantined), 0)::BIGINT AS rows_quarantined
FROM sources
LEFT JOIN accepted USING (source_sha256)
LEFT JOIN quarantined USING (source_sha256)
WHERE $since IS NULL OR day >= $since
GROUP BY day
ORDER BY day;
