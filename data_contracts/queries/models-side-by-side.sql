-- How good is each model on held-out and on your own reviews, the champion first, then those promoted last?
-- $limit count = 30: models at most
WITH scored AS (SELECT model_id, sum(rows_scored)::BIGINT AS reviews FROM daily_scores GROUP BY model_id),
judged AS (
    SELECT
        model_id,
        sum(labelled_reviews)::BIGINT AS judged,
        sum(accuracy * labelled_reviews) / nullif(sum(labelled_reviews), 0) AS accuracy,
        sum(rated_reviews)::BIGINT AS rated,
        sum(rating_mae * rated_reviews) / nullif(sum(rated_reviews), 0) AS stars_off
    FROM live_accuracy GROUP BY model_id
),
promoted AS (SELECT model_id, max(number) AS number FROM promotions GROUP BY model_id)
SELECT
    model_id,
    coalesce(number = (SELECT max(number) FROM promotions), false) AS is_champion,
    CASE WHEN number = (SELECT max(number) FROM promotions) THEN 'champion' WHEN model_id = shadow THEN 'shadow' END
        AS status,
    variant,
    seed,
    epochs,
    dataset, -- on which it was trained
    train_rows,
    own_labels_until, -- it may have learnt from labels of your own that came until then
    trained_at,
    test_accuracy, -- on held-out reviews of the archive, as all until validation_ece
    baseline_test_accuracy, -- of the linear baseline on the same rows
    test_log_loss,
    test_ece,
    test_rating_mae,
    validation_accuracy,
    validation_log_loss,
    validation_ece,
    reviews, -- rows that it scored: a review that came again counts each time
    accuracy, -- share called right of those with a verdict of the writer, which it has not learnt from, 0 to 1
    judged, -- these rows
    stars_off, -- mean absolute error over rows with stars of the writer
    rated, -- these rows
    metrics -- JSON: all figures of its evaluation
FROM models LEFT JOIN (
    SELECT model_id AS shadow FROM shadows WHERE ended_at IS NULL AND coalesce(until > now(), true)
) ON shadow = model_id LEFT JOIN scored USING (model_id) LEFT JOIN judged USING (model_id) LEFT JOIN promoted USING (model_id)
ORDER BY is_champion DESC, number DESC NULLS LAST, trained_at DESC, model_id
LIMIT $limit;
