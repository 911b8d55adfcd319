-- Which contract rules were broken at which boundary, the latest first?
-- $since date = none: leaves out checks before this day, in UTC
WITH files AS (SELECT source_sha256, min(uri) AS uri, min(source) AS file_source FROM scored_files GROUP BY source_sha256)
SELECT
    checked_at,
    boundary,
    rule,
    severity,
    coalesce(contract_results.source, file_source) AS source, -- null where the check is of a stage
    uri, -- null where the check is not of a file
    columns,
    observed,
    expected,
    unexpected_count,
    run_id
FROM contract_results LEFT JOIN files USING (source_sha256)
WHERE NOT success AND ($since IS NULL OR checked_at >= $since)
ORDER BY checked_at DESC, boundary, rule, uri;
