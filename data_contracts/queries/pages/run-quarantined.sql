-- Which rules did the rows in quarantine of a run break, and how many of them can be released?
SELECT
    rule,
    count(*) AS rows,
    count(*) FILTER (released_at IS NULL AND raw_is_text AND raw IS NOT NULL) AS releasable, -- kept with their texts
    max(coalesce(length(try(decode(raw))), octet_length(raw))) FILTER (released_at IS NULL AND raw_is_text)
        AS longest, -- characters of these
    count(DISTINCT source_sha256) AS files,
    count(released_at) AS released_since
FROM "run-bad-rows" GROUP BY rule HAVING count(*) > count(released_at)
ORDER BY rows DESC, rule;
