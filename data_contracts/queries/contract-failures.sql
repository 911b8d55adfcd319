-- Which contract rules were broken at which boundary, the latest first?
-- $since date = none: leaves out checks before this day, in UTC
WITH files AS (SELECT source_sha256, min(uri) AS uri FROM scored_files GROUP BY source_sha256)
SELECT
    checked_at,
    boundary,
    rule,
    severity,
    uri, -- null where the check is of a stage
    columns,
    observed,
    expected,
    unexpected_count,
    run_id
FROM contract_results LEFT JOIN files USING (source_sha256)
WHERE NOT success AND ($since IS NULL OR checked_at >= $since)
ORDER BY checked_at DESC, boundary, rule, uri;
