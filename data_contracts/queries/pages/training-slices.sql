-- How often is the model of a training right for each kind of test review?
WITH slices AS (
    SELECT unnest(from_json(metrics->'$.evaluations.slices', '["JSON"]')) AS slice FROM "training-model"
    WHERE (metrics->'$.evaluations.slices') IS NOT NULL
)
SELECT
    slice->>'name' AS slice,
    (slice->'reviews')::BIGINT AS reviews,
    (slice->'accuracy')::DOUBLE AS accuracy,
    (slice->'lower')::DOUBLE AS accuracy_from, -- 95 % interval
    (slice->'upper')::DOUBLE AS accuracy_to
FROM slices;
