-- Which measures drifted in a week, of which source, and how far the last time?
SELECT
    source, -- null for all reviews of a run
    columns AS measure, -- score, token_count, oov_rate or truncated, as in scored_reviews
    count(*) AS times,
    arg_max(observed, checked_at) AS observed,
    arg_max(expected, checked_at) AS expected,
    arg_max(run_id, checked_at) AS run_id -- of the last time
FROM contract_results, "period-span"
WHERE boundary = 'drift' AND NOT success AND checked_at BETWEEN begins AND ends
GROUP BY source, columns
ORDER BY source NULLS FIRST, measure;
