-- How good is the model of a training on the test reviews?
SELECT
    run_id, started_at, status, seconds, model_id, variant, seed, is_champion,
    test_accuracy, -- share called right, 0 to 1
    (metrics->'$.evaluations.accuracy_interval.test.lower')::DOUBLE AS accuracy_from, -- 95 % interval
    (metrics->'$.evaluations.accuracy_interval.test.upper')::DOUBLE AS accuracy_to,
    baseline_test_accuracy AS baseline_accuracy, -- of a linear model that counts words and pairs of words
    test_auc AS area_under_roc,
    test_log_loss AS log_loss, -- nats
    test_ece AS calibration_error,
    test_rating_mae AS stars_off, -- mean absolute error
    test_rating_spearman AS rank_correlation, -- of the stars, by review
    test_title_pearson AS title_correlation, -- of the mean stars of titles
    (metrics->'$.evaluations.rating.interval_coverage')::DOUBLE AS share_inside -- of titles, in their intervals
FROM "training-model";
