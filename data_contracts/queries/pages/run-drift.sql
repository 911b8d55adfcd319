-- How far are the reviews of a run from those before: of new sources from the held-out ones, of others from their own past?
-- $run text = none: the run_id of a scoring run
-- $also text = none: the run_id of a killed run whose files it committed
SELECT
    drift.source, -- null where reviews of new sources are compared with the model's held-out reviews
    measure,
    -- Drift that the check found and yet passed is that of sources whose profiles accept it.
    CASE WHEN NOT drifted THEN 'as before' WHEN accepted.columns IS NULL THEN 'drifted' ELSE 'accepted' END AS result,
    psi, -- population stability index
    threshold, -- above which a measure drifted; higher for few reviews
    mean,
    reference_mean,
    reviews,
    reference_reviews,
    model_id
FROM drift LEFT JOIN (
    SELECT DISTINCT source, columns FROM contract_results WHERE run_id = $run AND boundary = 'drift' AND success
) AS accepted ON accepted.columns = measure AND accepted.source IS NOT DISTINCT FROM drift.source
WHERE drift.run_id = $run OR drift.run_id = $also -- of constants, since the view is then computed for these runs alone
ORDER BY
    drift.source IS NOT NULL, drift.source, model_id,
    list_position(['score', 'token_count', 'oov_rate', 'truncated'], measure);
