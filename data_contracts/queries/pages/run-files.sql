-- Which files did a run read, refused ones first?
-- $limit count = 100: files at most
WITH bad AS (SELECT source_sha256, count(*) AS rows FROM "run-bad-rows" GROUP BY source_sha256)
SELECT
    uri AS file,
    CASE WHEN is_rescored THEN 'scored again' ELSE status END AS status,
    rows_read AS rows,
    coalesce(bad.rows, 0) AS quarantined,
    bytes,
    format
FROM "period-files" LEFT JOIN bad USING (source_sha256)
ORDER BY "period-files".status, uri LIMIT $limit;
