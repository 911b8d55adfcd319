-- Do the scored reviews differ from those on which the model was tested, the latest runs first?
-- $measure text = none: only this one: score, token_count, oov_rate or truncated
-- $limit count = 20: rows at most
SELECT
    runs.started_at,
    drift.model_id,
    measure,
    reviews,
    round(mean, 3) AS mean,
    round(reference_mean, 3) AS reference_mean, -- over the held-out reviews
    round(psi, 3) AS psi, -- population stability index: 0 where they are equal
    round(threshold, 3) AS threshold, -- of the psi
    drifted,
    drift.run_id
FROM drift LEFT JOIN runs ON runs.run_id = drift.run_id
WHERE $measure IS NULL OR measure = $measure
ORDER BY runs.started_at DESC NULLS LAST, drift.run_id, drift.model_id, measure
LIMIT $limit;
