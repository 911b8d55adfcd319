-- Which flows ran last, and with what result?
-- $limit count = 20: runs at most
SELECT
    started_at,
    flow,
    status,
    (counts->>'files_scored')::BIGINT AS files,
    (counts->>'rows_scored')::BIGINT AS reviews,
    (counts->>'rows_quarantined')::BIGINT AS quarantined,
    (counts->>'files_refused')::BIGINT AS refused,
    run_id
FROM runs ORDER BY started_at DESC, run_id LIMIT $limit;
