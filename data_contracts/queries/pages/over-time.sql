-- How did a figure go over time, for the three sources with the most reviews?
-- $figure text = arrived: the rows that came in; or positive and accuracy, shares; or drifted, measures
WITH shown AS (
    FROM "figures-over-time" WHERE measure = $figure AND period < (SELECT until FROM "time-step")
),
largest AS (
    SELECT source FROM daily_scores GROUP BY source ORDER BY sum(rows_scored) DESC, source LIMIT 3
)
SELECT
    CASE $step WHEN 'year' THEN strftime(period, '%Y') WHEN 'month' THEN strftime(period, '%b %Y')
        ELSE strftime(period, '%-d %b') END AS period, -- by its first day, in UTC
    CASE WHEN $figure = 'arrived' THEN 'rows' ELSE source END AS source,
    value
FROM shown
WHERE ($figure NOT IN ('positive', 'accuracy') OR source IN (FROM largest))
    AND (SELECT count(DISTINCT period) FROM shown) > 1 -- a single point is no chart
ORDER BY shown.period, source;
