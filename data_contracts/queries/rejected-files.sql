-- Which files were refused whole, and why?
-- $since date = none: leaves out files refused before this day, in UTC
SELECT
    uri,
    rule,
    detail,
    bytes,
    max(committed_at) AS refused_at
FROM scored_files
WHERE status = 'refused' AND superseded_at IS NULL AND ($since IS NULL OR committed_at >= $since)
GROUP BY source_sha256, uri, rule, detail, bytes
ORDER BY refused_at DESC, uri;
