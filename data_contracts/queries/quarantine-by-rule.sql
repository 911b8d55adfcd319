-- Which rules do the rows in quarantine break?
-- $since date = none: leaves out rows quarantined before this day, in UTC
SELECT
    rule,
    count(*) AS rows_set_aside,
    count(DISTINCT source_sha256) AS files,
    min(left(source_sha256, 12) || ':' || row_number) AS example, -- for `reviews quarantine show`
    max(quarantined_at) AS last_quarantined_at
FROM quarantined_rows
ANTI JOIN (FROM scored_files WHERE superseded_at IS NOT NULL) AS superseded USING (source_sha256)
WHERE released_at IS NULL AND ($since IS NULL OR quarantined_at >= $since)
GROUP BY rule
ORDER BY rows_set_aside DESC, rule;
