-- How often are the three models first in models-side-by-side right, by the number of words of a test review?
WITH bins AS (
    SELECT place, name, unnest(from_json(metrics->'$.evaluations.by_length', '["JSON"]')) AS bin
    FROM "first-models" WHERE (metrics->'$.evaluations.by_length') IS NOT NULL
)
SELECT
    format('{:,}', greatest((bin->'from_words')::BIGINT, 1)) AS words_from, name AS model,
    (bin->'accuracy')::DOUBLE AS accuracy
FROM bins ORDER BY (bin->'from_words')::BIGINT, place;
