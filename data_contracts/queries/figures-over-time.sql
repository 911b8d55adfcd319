-- How many rows came in, how positive were they, how often was the model right, and what drifted, by source and over time?
-- $step text = week: the length of a period: day, week, month or year
SELECT
    date_trunc($step, day)::DATE AS period, -- by its first day
    'arrived' AS measure, -- rows; or 'positive' and 'accuracy', shares; or 'drifted', measures
    NULL AS source, -- a folder of the inbox, or 'default'; null over all; of drift, what it was measured from
    sum(rows) AS value
FROM source_days GROUP BY period
UNION ALL
SELECT date_trunc($step, day)::DATE AS period, 'positive', source, sum(share_positive * rows_scored) / sum(rows_scored)
FROM daily_scores GROUP BY period, source
UNION ALL
SELECT date_trunc($step, day)::DATE AS period, 'accuracy', source, sum(accuracy * labelled_reviews) / sum(labelled_reviews)
FROM live_accuracy WHERE labelled_reviews > 0 GROUP BY period, source
UNION ALL
SELECT
    date_trunc($step, make_timestamp(epoch_us(checked_at)))::DATE AS period, 'drifted',
    CASE WHEN source IS NULL THEN 'from held-out reviews' ELSE 'from a source''s own past' END AS origin,
    count(*) FILTER (NOT success)
FROM contract_results WHERE boundary = 'drift' GROUP BY period, origin
ORDER BY period, measure, source;
