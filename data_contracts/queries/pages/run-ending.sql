-- How did a run end, and did its contracts hold: what speaks for it, and what against?
-- $run text = none: the run_id of a run
WITH broken AS (
    SELECT severity = 'error' AS is_error, string_agg(boundary || ': ' || rule, ', ' ORDER BY boundary, rule) AS named
    FROM "run-checks"
    -- What these warn of is judged by its figures; late sources say nothing against scores.
    WHERE held < checks AND (severity = 'error' OR boundary NOT IN ('review_files', 'drift', 'language', 'deliveries'))
    GROUP BY is_error
)
SELECT
    1 AS place, 'bad' AS weight, if(status = 'failed', 'the run failed', 'the run never ended') AS brief,
    CASE status WHEN 'failed' THEN 'The run failed. What it had committed by then is shown here.'
        WHEN 'stopped' THEN 'The run was killed. What is published of it is shown.'
        ELSE 'The run was killed, or goes on. What is published of it is shown.' END AS words
FROM runs WHERE run_id = $run AND status <> 'completed'
UNION ALL
SELECT 2, if(is_error, 'bad', 'care'), if(is_error, 'a contract is broken', 'a contract warned'),
    format('{} ({}).', if(is_error, 'Contracts are broken', 'Contracts warned'), named)
FROM broken
UNION ALL
SELECT 2, 'good', 'no contract is broken',
    format('{:,} of {:,} contract checks held; no contract is broken.', sum(held)::BIGINT, sum(checks)::BIGINT)
FROM "run-checks" HAVING count(*) > 0 AND NOT EXISTS (FROM broken);
