-- How does the newest model of each variant do on its test reviews, beside the model of a training?
SELECT
    models.variant,
    models.test_accuracy,
    models.baseline_test_accuracy AS baseline_accuracy,
    models.test_log_loss AS log_loss,
    models.test_ece AS calibration_error,
    models.test_rating_mae AS stars_off,
    models.dataset AS trained_on,
    models.model_id,
    CASE WHEN models.model_id = (SELECT arg_max(model_id, number) FROM promotions) THEN 'champion' END AS status,
    models.model_id = training.model_id AS is_this
FROM models, "training-model" AS training
QUALIFY row_number() OVER (PARTITION BY models.variant ORDER BY models.trained_at DESC, models.model_id) = 1
ORDER BY models.test_accuracy DESC NULLS LAST, models.variant;
