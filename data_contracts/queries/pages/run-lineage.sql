-- Which models scored in a run, and what were they made of?
-- $run text = none: the run_id of a scoring run
SELECT
    model_id,
    variant,
    seed,
    dataset, -- on which it was trained
    train_rows AS reviews_learnt_from,
    trained_at,
    data_fingerprint,
    bundle_fingerprint,
    (SELECT code_version FROM runs WHERE run_id = $run) AS code_version,
    test_accuracy
FROM models WHERE model_id IN (SELECT model_id FROM "period-files") ORDER BY model_id;
