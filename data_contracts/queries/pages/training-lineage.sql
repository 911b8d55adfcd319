-- What was the model of a training made of?
SELECT
    dataset, -- on which it was trained
    train_rows AS reviews_learnt_from,
    validation_rows AS to_validate,
    test_rows AS to_test,
    data_fingerprint,
    bundle_fingerprint,
    replace(hyper_parameters::VARCHAR, '"', '') AS hyper_parameters,
    replace(versions::VARCHAR, '"', '') AS versions,
    code_version
FROM "training-model" WHERE model_id IS NOT NULL;
