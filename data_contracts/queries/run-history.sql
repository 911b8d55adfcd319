-- Which flows ran, how long, and with what result, the latest first?
-- $flow text = none: only this flow, such as score-reviews
-- $limit count = 20: rows at most
SELECT
    started_at,
    flow,
    status,
    round(epoch(ended_at) - epoch(started_at), 1) AS seconds, -- null while it runs, or where it was stopped
    counts,
    code_version,
    run_id
FROM runs
WHERE $flow IS NULL OR flow = $flow
ORDER BY started_at DESC, run_id
LIMIT $limit;
