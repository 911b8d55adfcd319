-- How true are the scores of the model of a training, by tenths of the score?
WITH bins AS (
    SELECT unnest(from_json(metrics->'$.evaluations.test.reliability', '["JSON"]')) AS bin FROM "training-model"
    WHERE (metrics->'$.evaluations.test.reliability') IS NOT NULL
)
SELECT
    (bin->'mean_score')::DOUBLE AS mean_score,
    (bin->'share_positive')::DOUBLE AS share_positive,
    (bin->'reviews')::BIGINT AS reviews
FROM bins ORDER BY mean_score;
