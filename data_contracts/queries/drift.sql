-- Do the scored reviews differ from those on which the model was tested, or a source's from its past, the latest runs first?
-- $measure text = none: only this one: score, token_count, oov_rate or truncated
-- $source text = none: only this source, compared with its own past
-- $limit count = 20: rows at most
SELECT
    runs.started_at,
    drift.model_id,
    drift.source, -- null where all rows of the run are compared with the held-out reviews
    measure,
    reviews,
    round(mean, 3) AS mean,
    round(reference_mean, 3) AS reference_mean, -- over the held-out reviews; of a source over its rows before
    round(psi, 3) AS psi, -- population stability index: 0 where they are equal
    round(threshold, 3) AS threshold, -- of the psi
    drifted,
    drift.run_id
FROM drift LEFT JOIN runs ON runs.run_id = drift.run_id
WHERE ($measure IS NULL OR measure = $measure) AND ($source IS NULL OR drift.source = $source)
ORDER BY runs.started_at DESC NULLS LAST, drift.run_id, drift.model_id, drift.source NULLS FIRST, measure
LIMIT $limit;
