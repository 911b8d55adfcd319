-- Which files were refused whole, why, and which of them were corrected since?
-- $since date = none: leaves out files refused before this day, in UTC
WITH refused AS (
    SELECT uri, rule, detail, bytes, max(committed_at) AS refused_at, arg_max(source, committed_at) AS source, source_sha256
    FROM scored_files
    WHERE status = 'refused' AND superseded_at IS NULL AND ($since IS NULL OR committed_at >= $since)
    GROUP BY source_sha256, uri, rule, detail, bytes
),
come_again AS MATERIALIZED (
    -- What was scored under the name of a refused file: these few contents are looked at, not the whole ledger.
    SELECT DISTINCT left(source_sha256, 64) AS content FROM scored_files SEMI JOIN refused USING (uri) WHERE status = 'scored'
),
scored AS (
    -- Each content once: scoring or reading again what came before a refusal corrects nothing.
    SELECT arg_min(uri, committed_at) AS uri, min(committed_at) AS scored_at
    FROM scored_files SEMI JOIN come_again ON left(source_sha256, 64) = content
    WHERE status = 'scored' GROUP BY left(source_sha256, 64)
)
SELECT
    uri,
    rule,
    detail,
    bytes,
    refused_at,
    min(scored_at) FILTER (scored_at > refused_at) AS corrected_at, -- when another file of its name was scored; null if none was
    source, -- of the file: a folder of the inbox, or 'default'
    source_sha256 -- of the file's bytes
FROM refused LEFT JOIN scored USING (uri)
GROUP BY ALL
ORDER BY refused_at DESC, uri;
