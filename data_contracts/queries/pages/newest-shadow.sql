-- Which model was the shadow last, until when, and can it score?
SELECT
    model_id, started_at, until, coalesce(ended_at, until) AS ended_at, ended_by,
    CASE WHEN ended_at IS NULL THEN trouble END AS trouble, trouble_since,
    ended_at IS NULL AND coalesce(until > now(), true) AS is_on
FROM shadows ORDER BY number DESC LIMIT 1;
