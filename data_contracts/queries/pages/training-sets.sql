-- How good is the model of a training on each set of reviews that it did not learn from?
WITH sets AS (
    SELECT place, reviews, metrics->('$.evaluations.' || name) AS figures
    FROM "training-model", (VALUES
        (1, 'validation', 'validation, held-out titles'), (2, 'test', 'test'),
        (3, 'test_unseen_texts', 'test, without texts that are also in train')
    ) AS named (place, name, reviews)
)
SELECT
    reviews,
    (figures->'reviews')::BIGINT AS number,
    (figures->'accuracy')::DOUBLE AS accuracy,
    (figures->'auc')::DOUBLE AS area_under_roc,
    (figures->'log_loss')::DOUBLE AS log_loss,
    (figures->'calibration_error')::DOUBLE AS calibration_error,
    (figures->'true_positives')::BIGINT AS positive_called_positive,
    (figures->'false_negatives')::BIGINT AS positive_called_negative,
    (figures->'false_positives')::BIGINT AS negative_called_positive,
    (figures->'true_negatives')::BIGINT AS negative_called_negative
FROM sets WHERE figures IS NOT NULL ORDER BY place;
