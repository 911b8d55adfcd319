-- How did the checks of contracts of a run end, by rule?
-- $run text = none: the run_id of a run
SELECT
    rule, severity, boundary,
    count(*) AS checks,
    count(*) FILTER (success) AS held,
    coalesce(sum(unexpected_count) FILTER (NOT success), 0)::BIGINT AS rows_against_it,
    arg_min(observed, checked_at) FILTER (NOT success) AS observed,
    arg_min(expected, checked_at) FILTER (NOT success) AS expected
FROM contract_results
WHERE run_id = $run OR run_id IN (
    -- Of a scoring run also those of a killed one whose files it committed.
    SELECT run_id FROM "period-files" WHERE EXISTS (FROM runs WHERE run_id = $run AND flow = 'score-reviews')
)
GROUP BY boundary, rule, severity;
