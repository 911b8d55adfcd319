-- When did a run, or a week of the ISO calendar, begin and end?
-- $run text = none: the run_id of a run
-- $week text = none: a week, such as 2026-W47
SELECT started_at AS begins, coalesce(ended_at, started_at) AS ends, false AS of_week FROM runs WHERE run_id = $run
UNION ALL
SELECT
    monday AT TIME ZONE 'UTC' AS begins,
    (monday + INTERVAL 7 DAY - INTERVAL 1 MICROSECOND) AT TIME ZONE 'UTC' AS ends, -- its last moment
    true AS of_week
FROM (SELECT strptime($week || '-1', '%G-W%V-%u') AS monday) WHERE monday IS NOT NULL;
