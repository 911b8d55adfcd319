-- In which step are figures over time shown, so that there are a few dozen of them: by day, week, month or year?
WITH span AS (
    SELECT min(day) AS first, greatest(max(day), (now() AT TIME ZONE 'UTC')::DATE) AS last
    FROM (SELECT day FROM daily_scores UNION ALL SELECT day FROM source_days)
)
SELECT
    CASE WHEN last - first <= 45 THEN 'day' WHEN last - first <= 280 THEN 'week' WHEN last - first <= 1300 THEN 'month'
        ELSE 'year' END AS step,
    -- The present period is left out: as it is not over, it would look like a fall.
    date_trunc(step, (now() AT TIME ZONE 'UTC')::DATE)::DATE AS until
FROM span WHERE first IS NOT NULL;
