-- How true are the scores of the three models first in models-side-by-side, by tenths of the score?
WITH bins AS (
    SELECT place, name, unnest(from_json(metrics->'$.evaluations.test.reliability', '["JSON"]')) AS bin
    FROM "first-models" WHERE (metrics->'$.evaluations.test.reliability') IS NOT NULL
)
SELECT
    (bin->'mean_score')::DOUBLE AS mean_score, name AS model, (bin->'share_positive')::DOUBLE AS share_positive
FROM bins ORDER BY place, mean_score;
