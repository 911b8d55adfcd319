-- How did loss and accuracy of a training go, epoch by epoch?
WITH epochs AS (
    SELECT unnest(from_json(metrics->'history', '["JSON"]')) AS figures,
        generate_subscripts(from_json(metrics->'history', '["JSON"]'), 1) AS epoch, kept_epoch
    FROM "training-model" WHERE (metrics->'history') IS NOT NULL
)
SELECT
    epoch,
    (figures->'loss')::DOUBLE AS loss,
    (figures->'validation_loss')::DOUBLE AS validation_loss,
    (figures->'accuracy')::DOUBLE AS accuracy,
    (figures->'validation_accuracy')::DOUBLE AS validation_accuracy,
    kept_epoch -- whose weights were kept
FROM epochs ORDER BY epoch;
