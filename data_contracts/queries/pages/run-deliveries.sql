-- Which sources did not send as usual when a run ended?
-- $run text = none: the run_id of a scoring run
SELECT source, rule, observed, expected FROM contract_results
WHERE run_id = $run AND boundary = 'deliveries' AND NOT success ORDER BY source, rule;
