-- Which model did a training make, and which champion did it replace?
-- $run text = none: the run_id of a training
SELECT
    run_id, started_at, status, epoch(ended_at) - epoch(started_at) AS seconds, code_version,
    coalesce(counts->>'decision', reason) AS decision,
    parameters->>'promote' AS promote, -- auto, never or always
    promotion."at" AS promoted_at, -- null where this run did not promote it
    promotion.compared_with AS replaced,
    models.*,
    models.model_id = (SELECT arg_max(model_id, number) FROM promotions) AS is_champion
FROM runs
-- Older runs have no model id in their counts: then it is the model that was trained while they ran.
LEFT JOIN models ON CASE
    WHEN counts->>'model_id' IS NOT NULL THEN models.model_id = counts->>'model_id'
    ELSE models.variant = parameters->>'variant' AND models.seed = (parameters->>'seed')::BIGINT
        AND trained_at BETWEEN date_trunc('second', started_at) AND coalesce(ended_at, started_at)
END
LEFT JOIN promotions AS promotion ON promotion.model_id = models.model_id
    AND promotion."at" BETWEEN started_at AND coalesce(ended_at, started_at)
WHERE run_id = $run
ORDER BY trained_at DESC NULLS LAST, promotion.number LIMIT 1;
