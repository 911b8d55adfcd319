-- How many rows and files came in during a week, and what became of those that are no reviews of it?
WITH scored AS (FROM "period-files" WHERE status = 'scored'),
replaced AS (
    SELECT arg_min(rows_read, committed_at) AS rows FROM scored_files WHERE status = 'scored'
    GROUP BY left(source_sha256, 64)
    HAVING min(committed_at) BETWEEN (SELECT begins FROM "period-span") AND (SELECT ends FROM "period-span")
        AND left(source_sha256, 64) NOT IN (SELECT left(source_sha256, 64) FROM scored)
),
days AS (SELECT (begins AT TIME ZONE 'UTC')::DATE AS monday FROM "period-span" WHERE of_week)
SELECT
    strftime(monday, '%-d %B') || ' to ' || strftime(monday + INTERVAL 6 DAY, '%-d %B %Y') AS days, -- in UTC
    (
        SELECT coalesce(sum(rows), 0)::BIGINT FROM source_days WHERE day BETWEEN monday AND monday + INTERVAL 6 DAY
    ) AS rows,
    (
        SELECT coalesce(sum(rows), 0)::BIGINT FROM source_days
        WHERE day BETWEEN monday - INTERVAL 7 DAY AND monday - INTERVAL 1 DAY
    ) AS rows_the_week_before,
    (SELECT count(*) FROM scored) AS files, -- those that still count at its end
    (SELECT count(*) FROM replaced) AS files_replaced, -- by later ones
    (SELECT count(*) FROM "period-files" WHERE status = 'refused') AS files_refused, -- also if they were corrected since
    (SELECT count(*) FROM "period-rows" WHERE counts) AS reviews,
    (
        SELECT count(*) FROM quarantined_rows SEMI JOIN scored USING (source_sha256)
        WHERE coalesce(released_at > (SELECT ends FROM "period-span"), true)
    ) AS rows_quarantined, -- at its end
    (SELECT coalesce(sum(rows), 0)::BIGINT FROM replaced) AS rows_replaced,
    (SELECT count(*) FROM forgotten_rows SEMI JOIN scored USING (source_sha256)) AS rows_forgotten,
    (SELECT count(*) FROM "period-rows" WHERE NOT counts) AS rows_not_counted, -- not in English
    (SELECT min(committed_at) <= (SELECT ends FROM "period-span") FROM scored_files) AS has_begun -- a file had come
FROM days;
